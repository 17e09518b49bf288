// SPDX-License-Identifier: MIT
/// @file
/// @brief The canonical files of a tape: prices, funding, indicative rates and instruments, read and written as CSV.
///
/// | file | required columns | optional |
/// |---|---|---|
/// | prices | ts_ms_utc, venue, symbol, price | volume_quote_24h, bid_ask_bps, depth_usd, low, high |
/// | funding | settle_ms_utc, venue, symbol, funding_rate, interval_hours | |
/// | indicative | ts_ms_utc, venue, symbol, indicative_rate | next_settle_ms_utc |
/// | instruments | venue, symbol | lot, contract (`linear` or `inverse`) |
///
/// Columns are found by name in any order, others are ignored and listed. `exchange` is read as `venue`; of several symbol
/// columns `canonical_symbol` goes before `symbol` before `venue_symbol`; `volume24h_base` counts coins. An empty cell is
/// missing, never 0. Venue names are lower-cased.
#ifndef RLX_FUNDING_TAPE_CSV_HPP
#define RLX_FUNDING_TAPE_CSV_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/funding/detail/sort_rows.hpp>
#include <rlx/funding/market_tape.hpp>
#include <rlx/funding/tape_data.hpp>
#include <rlx/funding/types.hpp>
#include <rlx/funding/venues.hpp>
#include <rlx/io/csv.hpp>
#include <rlx/io/mapped_file.hpp>

namespace rlx::inline v0_1::funding {

/// A CSV text in memory and its name for messages. An empty name means that there is no such file.
struct CsvText {
  std::string_view text;  ///< whole file
  std::string name;       ///< path or other name
};

/// The canonical files in memory. The texts must outlive the call that reads them.
struct TapeTexts {
  CsvText prices,        ///< required
      funding,           ///< required
      indicative = {},   ///< may be missing
      instruments = {};  ///< may be missing
};

namespace detail {

// Finds or adds the instrument of a row. Files repeat their instruments in the same order at each time stamp, so the one
// that followed last time is tried first.
class InstrumentIndex {
 public:
  InstrumentIndex(std::vector<InstrumentData>& list, const VenueTable& venues) : list_(list), venues_(venues) {
    for (std::size_t i = 0; i < list_.size(); ++i) known_.emplace(key(list_[i].venue, list_[i].symbol), i);
  }

  // @param fail called with a message if the venue is unknown
  template <class Fail>
  std::size_t at(std::string_view venue, std::string_view symbol, Fail&& fail) {
    if (last_ < next_.size() && next_[last_] != none) {
      const InstrumentData& guess = list_[next_[last_]];
      if (guess.symbol == symbol && same_venue(guess.venue, venue)) return last_ = next_[last_];
    }
    std::string lower(venue);
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const auto [found, added] = known_.emplace(key(lower, symbol), list_.size());
    const std::size_t id = found->second;
    if (added) {
      if (!venues_.find(lower)) {
        known_.erase(found);
        fail("unknown venue '" + std::string(venue) + "': the venue table has " + venues_.names() +
             "; define it in a venue file");
      }
      list_.emplace_back();
      list_.back().venue = std::move(lower);
      list_.back().symbol = symbol;
    }
    if (next_.size() < list_.size()) next_.resize(list_.size(), none);
    if (last_ < next_.size()) next_[last_] = id;
    return last_ = id;
  }

 private:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  static std::string key(std::string_view venue, std::string_view symbol) {
    return std::string(venue) + '\n' + std::string(symbol);
  }
  static bool same_venue(std::string_view lower, std::string_view any_case) {
    return lower.size() == any_case.size() && std::equal(lower.begin(), lower.end(), any_case.begin(), [](char a, char b) {
             return a == b || (b >= 'A' && b <= 'Z' && a == b - 'A' + 'a');
           });
  }

  std::vector<InstrumentData>& list_;
  const VenueTable& venues_;
  std::unordered_map<std::string, std::size_t> known_;
  std::vector<std::size_t> next_;
  std::size_t last_ = none;
};

inline io::CsvColumn venue_column() { return {.name = "venue", .headers = {"venue", "exchange"}}; }
inline io::CsvColumn symbol_column() { return {.name = "symbol", .headers = {"canonical_symbol", "symbol", "venue_symbol"}}; }
inline io::CsvColumn optional_column(std::string name, std::vector<std::string> headers = {}) {
  return {.name = std::move(name), .headers = std::move(headers), .required = false};
}

inline void require_rows(const io::CsvReader& reader, const std::string& expected) {
  if (reader.rows() == 0) throw DataError(reader.file(), 0, 0, "no rows: only a header; expected " + expected);
}

inline void note_file(DataReport& report, const io::CsvReader& reader, std::size_t bytes) {
  report.files.push_back({reader.file(), bytes, reader.rows(), reader.extra_columns()});
}

inline std::uint32_t line_of(const io::CsvReader& reader) { return static_cast<std::uint32_t>(reader.line()); }

inline void check(const io::CsvReader& reader, std::size_t column, const std::string& problem) {
  if (!problem.empty()) [[unlikely]]
    reader.fail(column, problem);
}

inline void read_prices(const CsvText& file, const TapeConfig& config, InstrumentIndex& index, TapeData& data) {
  enum : std::size_t { time, venue, symbol, price, volume, bid_ask, depth, low, high };
  io::CsvReader rows(file.text, file.name,
                     {{.name = "ts_ms_utc"},
                      venue_column(),
                      symbol_column(),
                      {.name = "price"},
                      optional_column("volume_quote_24h", {"volume_quote_24h", "volume24h_base", "volume_24h"}),
                      optional_column("bid_ask_bps"),
                      optional_column("depth_usd"),
                      optional_column("low"),
                      optional_column("high")});
  const bool base_volume = config.volume_is_base || rows.header_of(volume) == "volume24h_base";
  while (rows.next()) {
    const auto fail_venue = [&](const std::string& message) { rows.fail(venue, message); };
    InstrumentData& one = data.instruments[index.at(rows.required_text(venue), rows.required_text(symbol), fail_venue)];
    PriceRow row;
    row.ts_ms = rows.integer(time);
    if (!io::plausible_time_ms(row.ts_ms)) [[unlikely]]
      rows.fail(time, io::time_ms_problem(row.ts_ms));
    row.price = rows.number(price);
    row.low = rows.number_or(low, missing);
    row.high = rows.number_or(high, missing);
    row.volume_quote_24h = static_cast<float>(rows.number_or(volume, missing) * (base_volume ? row.price : 1.0));
    const double quoted = rows.number_or(bid_ask, missing);
    if (is_finite(quoted) && (quoted < 0.0 || quoted > max_bid_ask_bps)) [[unlikely]]
      rows.fail(bid_ask, bid_ask_problem(quoted));
    row.bid_ask_bps = static_cast<float>(quoted);
    row.depth_usd = static_cast<float>(rows.number_or(depth, missing));
    one.rows.push_back(row);
    one.row_lines.push_back(line_of(rows));
  }
  require_rows(rows, "a prices file with the columns ts_ms_utc, venue, symbol, price");
  note_file(data.report, rows, file.text.size());
  data.prices_name = file.name;
}

// The distance to the previous settlement (of the first: to the next) if it is a valid interval.
inline void derive_intervals(InstrumentData& one, const std::string& file) {
  std::vector<std::int64_t> stamps;
  for (const Settlement& s : one.settlements) stamps.push_back(s.settle_ms);
  std::sort(stamps.begin(), stamps.end());
  stamps.erase(std::unique(stamps.begin(), stamps.end()), stamps.end());
  for (std::size_t i = 0; i < one.settlements.size(); ++i) {
    Settlement& s = one.settlements[i];
    if (is_finite(s.interval_hours)) continue;
    const auto at = static_cast<std::size_t>(std::lower_bound(stamps.begin(), stamps.end(), s.settle_ms) - stamps.begin());
    const std::int64_t distance = at > 0 ? stamps[at] - stamps[at - 1] : stamps.size() > 1 ? stamps[1] - stamps[0] : 0;
    s.interval_hours = static_cast<double>(distance) / static_cast<double>(ms_per_hour);
    // Venues stamp some milliseconds late.
    constexpr double tolerance = 1.0 / 60.0;
    const double whole = std::round(s.interval_hours);
    if (std::fabs(s.interval_hours - whole) <= tolerance) s.interval_hours = whole;
    if (!valid_interval(s.interval_hours))
      throw DataError(file, one.settlement_lines[i], 0,
                      one.venue + ' ' + one.symbol + ": the interval cannot be derived, the neighbouring settlement is " +
                          number_text(s.interval_hours) + " h away (expected 1, 2, 4, 8, 12 or 24); give interval_hours");
  }
}

inline void read_funding(const CsvText& file, const TapeConfig& config, InstrumentIndex& index, TapeData& data) {
  enum : std::size_t { time, venue, symbol, rate, interval };
  io::CsvReader rows(file.text, file.name,
                     {{.name = "settle_ms_utc"},
                      venue_column(),
                      symbol_column(),
                      {.name = "funding_rate"},
                      {.name = "interval_hours", .headers = {}, .required = !config.derive_intervals}});
  while (rows.next()) {
    const auto fail_venue = [&](const std::string& message) { rows.fail(venue, message); };
    InstrumentData& one = data.instruments[index.at(rows.required_text(venue), rows.required_text(symbol), fail_venue)];
    Settlement s;
    s.settle_ms = rows.integer(time);
    if (!io::plausible_time_ms(s.settle_ms)) [[unlikely]]
      rows.fail(time, io::time_ms_problem(s.settle_ms));
    s.rate = rows.number(rate);
    check(rows, rate, rate_problem(s.rate));
    s.interval_hours = config.derive_intervals ? rows.number_or(interval, missing) : rows.number(interval);
    if (is_finite(s.interval_hours)) check(rows, interval, interval_problem(s.interval_hours));
    one.settlements.push_back(s);
    one.settlement_lines.push_back(line_of(rows));
  }
  require_rows(rows, "a funding file with the columns settle_ms_utc, venue, symbol, funding_rate, interval_hours");
  note_file(data.report, rows, file.text.size());
  data.funding_name = file.name;
  if (!config.derive_intervals) return;
  for (InstrumentData& one : data.instruments) derive_intervals(one, file.name);
}

inline void read_indicative(const CsvText& file, InstrumentIndex& index, TapeData& data) {
  enum : std::size_t { time, venue, symbol, rate, next };
  io::CsvReader rows(file.text, file.name,
                     {{.name = "ts_ms_utc"},
                      venue_column(),
                      symbol_column(),
                      {.name = "indicative_rate"},
                      optional_column("next_settle_ms_utc")});
  while (rows.next()) {
    const auto fail_venue = [&](const std::string& message) { rows.fail(venue, message); };
    InstrumentData& one = data.instruments[index.at(rows.required_text(venue), rows.required_text(symbol), fail_venue)];
    IndicativeRate r;
    r.ts_ms = rows.integer(time);
    r.rate = rows.number(rate);
    check(rows, rate, rate_problem(r.rate));
    r.next_settle_ms = rows.integer_or(next, 0);
    one.indicative.push_back(r);
    one.indicative_lines.push_back(line_of(rows));
  }
  require_rows(rows, "an indicative file with the columns ts_ms_utc, venue, symbol, indicative_rate");
  note_file(data.report, rows, file.text.size());
  data.indicative_name = file.name;
}

inline void read_instruments(const CsvText& file, const TapeConfig& config, InstrumentIndex& index, TapeData& data) {
  enum : std::size_t { venue, symbol, lot, contract };
  io::CsvReader rows(file.text, file.name,
                     {venue_column(), symbol_column(), optional_column("lot"), optional_column("contract")});
  std::vector<std::size_t> first_lines;  // by instrument; 0: not seen
  while (rows.next()) {
    const auto fail_venue = [&](const std::string& message) { rows.fail(venue, message); };
    const std::size_t id = index.at(rows.required_text(venue), rows.required_text(symbol), fail_venue);
    InstrumentData& one = data.instruments[id];
    const double step = rows.number_or(lot, 0.0);
    if (step < 0.0) rows.fail(lot, "lot " + number_text(step) + ": expected a number > 0, or nothing if unknown");
    if (first_lines.size() <= id) first_lines.resize(data.instruments.size(), 0);
    if (first_lines[id] == 0) {
      first_lines[id] = rows.line();
    } else if (step == one.lot) {
      ++data.report.duplicates;
    } else if (config.conflict_last_wins) {
      ++data.report.conflicts;
    } else {
      rows.fail(lot, one.venue + ' ' + one.symbol + " has the lot " + number_text(step) + " here and " + number_text(one.lot) +
                         " on line " + std::to_string(first_lines[id]) +
                         "; remove one row, or keep the last with --on-conflict last");
    }
    one.lot = step;
    const std::string_view kind = rows.text(contract);
    if (kind == "inverse")
      rows.fail(contract,
                one.venue + ' ' + one.symbol + " is an inverse (coin-margined) contract: only linear contracts are supported");
    if (!kind.empty() && kind != "linear")
      rows.fail(contract, "contract '" + std::string(kind) + "': expected linear or inverse");
  }
  require_rows(rows, "an instruments file with the columns venue, symbol, lot");
  note_file(data.report, rows, file.text.size());
}

// A file that is not there is a fault of the data, told like an empty one.
inline io::MappedFile open_data_file(const std::string& path, const std::string& expected) {
  try {
    return io::MappedFile(path);
  } catch (const IoError& error) {
    throw DataError(path, 0, 0, std::string("no rows: ") + error.what() + "; expected " + expected);
  }
}

}  // namespace detail

/**
 * @brief Reads the canonical files from memory.
 * @throws DataError `file:line:column: ...` for missing columns, wrong cells, unknown venues, values out of range
 */
inline TapeData read_tape_csv(const TapeTexts& texts, const TapeConfig& config, const VenueTable& venues) {
  TapeData data;
  detail::InstrumentIndex index(data.instruments, venues);
  detail::read_prices(texts.prices, config, index, data);
  detail::read_funding(texts.funding, config, index, data);
  if (!texts.indicative.name.empty()) detail::read_indicative(texts.indicative, index, data);
  if (!texts.instruments.name.empty()) detail::read_instruments(texts.instruments, config, index, data);
  return data;
}

/// Reads the canonical files from disk, mapped into memory. @throws DataError as read_tape_csv, also for a missing file
inline TapeData read_tape_files(const TapeFiles& files, const TapeConfig& config, const VenueTable& venues) {
  std::vector<io::MappedFile> open;
  open.reserve(4);
  const auto map = [&open](const std::string& path, const char* expected) -> CsvText {
    if (path.empty()) return {};
    open.push_back(detail::open_data_file(path, expected));
    return {open.back().text(), path};
  };
  if (files.prices.empty() || files.funding.empty())
    throw ConfigError("a tape needs a prices file and a funding file; give both paths");
  TapeTexts texts;
  texts.prices = map(files.prices, "a prices file with the columns ts_ms_utc, venue, symbol, price");
  texts.funding =
      map(files.funding, "a funding file with the columns settle_ms_utc, venue, symbol, funding_rate, interval_hours");
  texts.indicative = map(files.indicative, "an indicative file with the columns ts_ms_utc, venue, symbol, indicative_rate");
  texts.instruments = map(files.instruments, "an instruments file with the columns venue, symbol, lot");
  return read_tape_csv(texts, config, venues);
}

inline std::shared_ptr<const MarketTape> MarketTape::from_csv(const TapeFiles& files, const TapeConfig& config,
                                                              const VenueTable& venues) {
  return std::make_shared<const MarketTape>(read_tape_files(files, config, venues), config, venues);
}

/// The prices file of some data; every number reads back bit for bit.
inline std::string prices_csv(const TapeData& data) {
  io::CsvWriter csv;
  csv.row("ts_ms_utc", "venue", "symbol", "price", "volume_quote_24h", "bid_ask_bps", "depth_usd", "low", "high");
  for (const InstrumentData& one : data.instruments)
    for (const PriceRow& row : one.rows)
      csv.row(row.ts_ms, one.venue, one.symbol, row.price, row.volume_quote_24h, row.bid_ask_bps, row.depth_usd, row.low,
              row.high);
  return csv.take();
}

/// The funding file of some data.
inline std::string funding_csv(const TapeData& data) {
  io::CsvWriter csv;
  csv.row("settle_ms_utc", "venue", "symbol", "funding_rate", "interval_hours");
  for (const InstrumentData& one : data.instruments)
    for (const Settlement& s : one.settlements) csv.row(s.settle_ms, one.venue, one.symbol, s.rate, s.interval_hours);
  return csv.take();
}

}  // namespace rlx::inline v0_1::funding

#endif  // RLX_FUNDING_TAPE_CSV_HPP
