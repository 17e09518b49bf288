// SPDX-License-Identifier: MIT
#include "data.hpp"

#include <rlx/core/hash.hpp>
#include <rlx/funding/convert.hpp>
#include <rlx/funding/environment.hpp>
#include <rlx/funding/opportunity_csv.hpp>
#include <rlx/funding/synthetic_tape.hpp>
#include <rlx/funding/tape_csv.hpp>
#include <rlx/funding/venues_json.hpp>
#include <rlx/io/gzip.hpp>
#include <rlx/io/iso8601.hpp>
#include <rlx/io/mapped_file.hpp>

#include <fmt/format.h>

#include <filesystem>
#include <utility>

namespace app {
namespace {

/// A data file as text; .gz is unpacked. A file that cannot be read is a data error here.
std::string read_data_file(const std::string& path) {
  try {
    return path.ends_with(".gz") ? rlx::io::gunzip_file(path) : rlx::io::read_file(path);
  } catch (const rlx::IoError& error) {
    throw rlx::DataError(error.what());
  }
}

rlx::io::DateOrder date_order(const Options& o) {
  if (o.date_order == "mdy") return rlx::io::DateOrder::mdy;
  if (o.date_order == "dmy") return rlx::io::DateOrder::dmy;
  return rlx::io::DateOrder::none;
}

std::int64_t time_of(const char* flag, const std::string& text) {
  try {
    return rlx::io::parse_time_ms(text);
  } catch (const rlx::Error& error) {
    throw rlx::ConfigError(fmt::format("{} {}: {}", flag, text, error.what()));
  }
}

funding::TapeConfig tape_config(const Options& o) {
  funding::TapeConfig config;
  config.step_ms = std::int64_t{o.step_minutes} * 60'000;
  config.costs.reference_notional = 0.1 * o.initial_capital;
  config.conflict_last_wins = o.on_conflict == "last";
  config.volume_is_base = o.volume_unit == "base";
  config.derive_intervals = o.derive_intervals;
  return config;
}

/// The same, and for a check of the data only what lies between --start and --end. All else keeps the rows before --start:
/// they are known there, and the means of the last days need them.
funding::TapeConfig tape_config_in_range(const Options& o) {
  funding::TapeConfig config = tape_config(o);
  if (o.command != Command::validate_data) return config;
  if (!o.start.empty()) config.first_ms = time_of("--start", o.start);
  if (!o.end.empty()) config.end_ms = time_of("--end", o.end);
  return config;
}

/// Texts of the canonical files, kept alive while they are parsed.
struct TapeSources {
  std::string prices, funding, indicative, instruments;
  funding::TapeTexts texts;

  explicit TapeSources(const Options& o) {
    const auto load = [](const std::string& path, std::string& text) {
      if (path.empty()) return funding::CsvText{};
      text = read_data_file(path);
      return funding::CsvText{text, path};
    };
    texts.prices = load(o.prices_path, prices);
    texts.funding = load(o.funding_path, funding);
    texts.indicative = load(o.indicative_path, indicative);
    texts.instruments = load(o.instruments_path, instruments);
  }
};

std::shared_ptr<const funding::MarketTape> load_tape(const Options& o) {
  const funding::TapeConfig config = tape_config_in_range(o);
  const funding::VenueTable venues = load_venues(o);
  funding::TapeData data;
  const bool with_tape = !o.prices_path.empty();
  if (with_tape) {
    const TapeSources sources(o);
    data = funding::read_tape_csv(sources.texts, config, venues);
  }
  if (!o.data_path.empty()) {
    funding::OpportunityCsvOptions options;
    options.volume_is_base = o.volume_unit != "quote";
    options.date_order = date_order(o);
    const std::string text = read_data_file(o.data_path);
    data = funding::read_opportunities_csv({text, o.data_path}, options, config, venues, std::move(data));
  }
  return std::make_shared<const funding::MarketTape>(std::move(data), config, venues);
}

funding::SyntheticConfig synthetic_config(const Options& o, std::uint64_t index) {
  funding::SyntheticConfig config;
  config.preset = o.synthetic == "planted" ? funding::SyntheticPreset::planted : funding::SyntheticPreset::calibrated;
  config.seed = o.seed + index;
  if (o.days > 0) config.days = o.days;
  config.step_minutes = o.step_minutes;
  config.tape = tape_config(o);
  return config;
}

/// Steps of the tape between --start and --end.
funding::Window range_of(const Options& o, const funding::MarketTape& tape) {
  funding::Window range{0, tape.n_steps()};
  if (!o.start.empty()) {
    const std::int64_t start = time_of("--start", o.start);
    while (range.begin < range.end && tape.time(range.begin) < start) ++range.begin;
  }
  if (!o.end.empty()) {
    const std::int64_t end = time_of("--end", o.end);
    while (range.end > range.begin && tape.time(range.end - 1) >= end) --range.end;
  }
  if (range.size() < 2) {
    throw rlx::ConfigError(fmt::format("--start {} --end {} leave no data; the tape reaches from {} to {}", o.start, o.end,
                                       rlx::io::format_time_ms(tape.time(0)),
                                       rlx::io::format_time_ms(tape.time(tape.n_steps() - 1))));
  }
  return range;
}

void check_strict(const Options& o, const funding::DataReport& report) {
  if (!o.strict_data) return;
  for (const funding::DataWarning& warning : funding::warnings(report))
    if (warning.strict) throw rlx::DataError(fmt::format("--strict-data: {}; see validate-data", warning.finding));
}

}  // namespace

funding::VenueTable load_venues(const Options& o) {
  funding::VenueTable venues = funding::VenueTable::builtin();
  if (!o.venues_path.empty()) venues.merge(funding::VenueTable::from_json(read_data_file(o.venues_path), o.venues_path));
  return venues;
}

std::vector<Market> load_markets(const Options& o) {
  std::vector<Market> markets;
  if (o.uses_files()) {
    markets.push_back({load_tape(o), {}});
    check_strict(o, markets[0].tape->report());
    return markets;
  }
  const funding::VenueTable venues = load_venues(o);
  for (std::size_t i = 0; i < o.tapes; ++i) {
    funding::SyntheticTape synthetic = funding::make_synthetic_tape(synthetic_config(o, i), venues);
    if (const funding::TapeConfig config = tape_config_in_range(o); config != tape_config(o))
      synthetic.tape = std::make_shared<const funding::MarketTape>(synthetic.tape->data(), config, venues);
    markets.push_back({synthetic.tape, std::move(synthetic.regimes)});
  }
  return markets;
}

Data load_data(const Options& o) {
  Data data;
  data.markets = load_markets(o);
  const funding::MarketTape& tape = *data.markets[0].tape;
  data.range = range_of(o, tape);
  if (o.command != Command::infer || o.window != "all") {
    // An evaluation is one episode over its whole window, however long those of the training were.
    const std::size_t least_steps = o.command == Command::evaluate ? 2 : o.episode_steps() + 1;
    data.folds = funding::split_by_time(data.range.size(), tape.step_ms(),
                                        {.train_fraction = o.train_fraction,
                                         .validation_fraction = o.val_fraction,
                                         .embargo_hours = o.embargo_hours,
                                         .folds = o.walk_forward},
                                        least_steps, tape.time(data.range.begin));
  }
  for (funding::Fold& fold : data.folds) {
    for (funding::Window* window : {&fold.train, &fold.validation, &fold.test}) {
      window->begin += data.range.begin;
      window->end += data.range.begin;
    }
  }
  rlx::Sha256 hash;
  for (const Market& market : data.markets) hash.update(std::string_view(market.tape->sha256()));
  data.sha256 = hash.hex();
  data.venues_sha256 = tape.venues().sha256();
  return data;
}

funding::Window window_of(const Data& data, const std::string& name) {
  if (name == "all") return data.range;
  const funding::Fold& fold = data.folds.back();
  if (name == "train") return fold.train;
  return name == "val" ? fold.validation : fold.test;
}

funding::EnvironmentConfig environment_config(const Options& o) {
  funding::EnvironmentConfig config;
  config.trading = o.trading();
  config.sample_random_config = o.sample_random_config;
  config.initial_capital = o.initial_capital;
  config.episode_steps = static_cast<int>(o.episode_steps());
  config.reward.scale = o.reward_scale;
  config.reward.shaping_scale = o.shaping_scale;
  config.reward.shaping_gamma = o.shaping_scale > 0.0 ? o.discount() : 0.0;
  config.validate();
  return config;
}

void check_windows(const Options& o, const Data& data) {
  for (const funding::Fold& fold : data.folds) {
    for (const auto& [name, window] :
         {std::pair{"train", fold.train}, std::pair{"validation", fold.validation}, std::pair{"test", fold.test}}) {
      funding::EnvironmentConfig config = environment_config(o);
      config.window_begin = window.begin;
      config.window_end = window.end - 1;
      for (const Market& market : data.markets) {
        try {
          funding::FundingArbitrageEnv(market.tape, config);
        } catch (const rlx::ConfigError& error) {
          throw rlx::ConfigError(fmt::format("{} window, {} to {}: {}", name,
                                             rlx::io::format_time_ms(market.tape->time(window.begin)),
                                             rlx::io::format_time_ms(market.tape->time(window.end - 1)), error.what()));
        }
      }
    }
  }
}

std::string data_block(const Options& o, const Data& data) {
  const funding::MarketTape& tape = *data.markets[0].tape;
  const funding::DataReport& report = tape.report();
  const std::string source = !o.data_path.empty()     ? o.data_path
                             : !o.prices_path.empty() ? o.prices_path + " + " + o.funding_path
                                                      : fmt::format("synthetic {} x {}, seed {}", o.synthetic, o.tapes, o.seed);
  std::string text = fmt::format("Data\n  path                {}\n", source);
  if (report.opportunity_rows > 0) {
    text += fmt::format("  size                {} opportunities\n  required columns    all present\n", report.opportunity_rows);
  } else {
    text += fmt::format("  size                {} prices, {} settlements\n", report.price_rows, report.settlements);
  }
  const std::int64_t begin_ms = tape.time(data.range.begin);
  text += fmt::format("  date range          {} to {} ({:.1f} days)\n", rlx::io::format_date(begin_ms),
                      rlx::io::format_date(tape.time(data.range.end - 1)),
                      static_cast<double>(tape.time(data.range.end - 1) + tape.step_ms() - begin_ms) /
                          static_cast<double>(funding::ms_per_day));
  text += fmt::format("  market              {} symbols, {} venues, {} pairs, step {} min\n", report.symbols,
                      report.venues.size(), report.pairs, o.step_minutes);
  for (const std::string& approximation : report.approximations)
    text += fmt::format("  approximation       {}\n", approximation);
  return text;
}

std::string to_line(const funding::DataWarning& warning) { return fmt::format("{}. {}.", warning.finding, warning.advice); }

void print_warnings(const Options& o, const Data& data) {
  for (const funding::DataWarning& warning : funding::warnings(data.markets[0].tape->report())) {
    fmt::print(o.quiet ? stderr : stdout, "{}WARNING: {}\n", o.quiet ? "funding_arbitrage_ppo: " : "", to_line(warning));
  }
}

int generate_data(const Options& o) {
  std::error_code failed;
  std::filesystem::create_directories(o.output_dir, failed);
  if (failed) throw rlx::IoError(fmt::format("--output-dir {}: {}", o.output_dir, failed.message()));
  const funding::VenueTable venues = load_venues(o);
  if (o.from.empty()) {
    const funding::SyntheticTape synthetic = funding::make_synthetic_tape(synthetic_config(o, 0), venues);
    funding::write_csv(synthetic, o.output_dir);
    rlx::io::write_file_atomically(o.output_dir + "/opportunities.csv", funding::opportunities_csv(*synthetic.tape));
    fmt::print(
        "{0}/prices.csv, {0}/funding.csv, {0}/opportunities.csv and {0}/regimes.csv written: {1} {2} symbols, {3} days\n",
        o.output_dir, synthetic.tape->n_symbols(), o.synthetic, synthetic.config.days);
    return 0;
  }
  const std::string text = read_data_file(o.input);
  const funding::TapeData data = o.from == "spot-perp-8h"
                                     ? funding::convert_spot_perp_8h({text, o.input}, venues, {o.common_prices})
                                     : funding::convert_settlements({text, o.input}, venues);
  rlx::io::write_file_atomically(o.output_dir + "/prices.csv", funding::prices_csv(data));
  rlx::io::write_file_atomically(o.output_dir + "/funding.csv", funding::funding_csv(data));
  fmt::print(
      "{0}/prices.csv and {0}/funding.csv written: {1} instruments; dropped {2} rows of coin-margined contracts, {3} others\n",
      o.output_dir, data.instruments.size(), data.report.dropped_inverse, data.report.dropped_other);
  for (const std::string& approximation : data.report.approximations) fmt::print("approximation: {}\n", approximation);
  fmt::print("use them with --prices-path {0}/prices.csv --funding-path {0}/funding.csv --step-minutes 480\n", o.output_dir);
  return 0;
}

int validate_data(const Options& o) {
  const std::vector<Market> markets = load_markets(o);
  for (const Market& market : markets) fmt::print("{}", funding::to_text(market.tape->report()));
  const funding::DataReport& report = markets[0].tape->report();
  if (report.usable_pairs == 0) {
    throw rlx::DataError(fmt::format(
        "nothing can be traded: no symbol has prices and settlements on two venues ({} instruments, {} without prices, {} "
        "without settlements); venue and symbol must have one name in all files",
        report.instruments, report.unpriced.size(), report.unsettled.size()));
  }
  return 0;
}

}  // namespace app
