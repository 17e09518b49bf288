// SPDX-License-Identifier: MIT
/// @file
/// @brief A seeded funding market with known truth: regimes of net funding planted in noise, labelled with what they earn.
///
/// `calibrated` has the sizes measured on real venues, where holding still is nearly always right. `planted` is the market on
/// which learning is judged: a persistent regime earns about 255 bp against 25 bp of cost, a spike at most 18 bp against 29.
/// All numbers come from named streams (seed, Purpose::user + n, symbol), so one seed gives the same bytes everywhere.
#ifndef RLX_FUNDING_SYNTHETIC_TAPE_HPP
#define RLX_FUNDING_SYNTHETIC_TAPE_HPP

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/random.hpp>
#include <rlx/funding/market_tape.hpp>
#include <rlx/funding/opportunity.hpp>
#include <rlx/funding/tape_csv.hpp>
#include <rlx/funding/tape_data.hpp>
#include <rlx/funding/types.hpp>
#include <rlx/funding/venues.hpp>
#include <rlx/io/atomic_file.hpp>
#include <rlx/io/csv.hpp>

namespace rlx::inline v0_1::funding {

/// `calibrated`: sizes measured on real venues. `planted`: regimes that are worth learning.
enum class SyntheticPreset : std::uint8_t { calibrated, planted };

/// Size and seed of a synthetic market.
struct SyntheticConfig {
  SyntheticPreset preset = SyntheticPreset::calibrated;   ///< which market
  std::uint64_t seed = 0;                                 ///< of all streams
  int days = 120;                                         ///< 1..3650
  int step_minutes = 60;                                  ///< of price rows and of the grid: 5, 15, 30, 60, 120, 240 or 480
  std::size_t majors = 8;                                 ///< large coins without regimes
  std::size_t persistent = 8,                             ///< small coins with long regimes
      spiky = 8,                                          ///< small coins with short spikes
      background = 8;                                     ///< small coins with noise only
  std::array<std::string, 2> venues{"binance", "bybit"};  ///< net funding is the second venue's rate less the first's
  std::int64_t start_ms = 1'735'689'600'000;              ///< 2025-01-01; must be a midnight UTC
  TapeConfig tape = {};                                   ///< delays, costs, filters; its step_ms is set from step_minutes
};

/// A long regime or a short spike.
enum class RegimeKind : std::uint8_t { persistent, spike };

/// A planted stretch of net funding and what the trade that holds it earns.
struct RegimeLabel {
  RegimeKind kind = RegimeKind::persistent;  ///< long or short
  SymbolId symbol = no_id;                   ///< index into the tape's symbols
  InstrumentId long_leg = no_id,             ///< bought in the direction that earns
      short_leg = no_id;                     ///< sold in that direction
  std::int64_t begin_ms = 0,                 ///< a full hour, ms UTC
      end_ms = 0;                            ///< a full hour or the end of the tape, ms UTC
  double net_bph = 0.0;                      ///< net carry of that direction, bp/h, > 0
  double carry_bp = 0.0;                     ///< net_bph times hours
  double cost_bp = 0.0;                      ///< round trip at the rows of begin and end, reference notional
  double expected_profit_bp =
      0.0;               ///< carry less cost: mean profit over the noise from begin to the first stamp at or after end
  bool complete = true;  ///< false if the end of the tape cuts it
};

/// A tape and the truth behind it.
struct SyntheticTape {
  SyntheticConfig config;                    ///< as given
  std::shared_ptr<const MarketTape> tape;    ///< never nullptr
  std::vector<RegimeLabel> regimes;          ///< by symbol, then by time
  std::vector<std::vector<double>> net_bph;  ///< per symbol and hour from start_ms: net of the second venue less the first

  /// The regime of `kind` that holds at time t, or nullptr. O(number of regimes of the tape).
  const RegimeLabel* regime_at(SymbolId symbol, std::int64_t t, RegimeKind kind = RegimeKind::persistent) const {
    for (const RegimeLabel& label : regimes)
      if (label.symbol == symbol && label.kind == kind && label.begin_ms <= t && t < label.end_ms) return &label;
    return nullptr;
  }
};

namespace detail {

/// What kind of coin a synthetic symbol is; the numbers of each kind depend on the preset.
enum class CoinKind : std::uint8_t { major, persistent, spiky, background };

struct RegimeShape {
  double mean_gap_h = 0.0, mean_length_h = 0.0, max_length_h = 0.0;
  double median_bph = 0.0, log_deviation = 0.0;
  double max_total_bp = 0.0;
};

struct CoinShape {
  double noise_bp_8h, spread_deviation_bp, daily_volatility, jumps_per_day;
  double bid_ask_bps, volume_usd, volume_log10_deviation;
};

inline CoinShape coin_shape(CoinKind kind, SyntheticPreset preset) {
  const bool planted = preset == SyntheticPreset::planted;
  const double jumps = planted ? 0.0 : 1.0 / 30.0;
  const double spread = planted ? 1.0 : 6.0, volatility = planted ? 0.03 : 0.06;
  switch (kind) {
    case CoinKind::major:
      return {0.58, planted ? 0.3 : 2.0, 0.02, jumps, 0.6, 1e9, 0.0};
    case CoinKind::persistent:
      return {0.30, spread, volatility, jumps, 2.0, 3e7, 0.26};
    case CoinKind::spiky:
      return {0.30, spread, volatility, jumps, 4.0, 3e6, 0.26};
    case CoinKind::background:
      break;
  }
  return {0.30, spread, volatility, jumps, 2.4, 1e7, 0.4};
}

inline RegimeShape regime_shape(RegimeKind kind, SyntheticPreset preset) {
  constexpr double unlimited = 1e9;
  const bool planted = preset == SyntheticPreset::planted;
  if (kind == RegimeKind::persistent)
    return planted ? RegimeShape{336, 168, unlimited, 1.5, 0.2, unlimited}
                   : RegimeShape{480, 120, unlimited, 1.0, 0.35, unlimited};
  return planted ? RegimeShape{72, 2, 4, 4.0, 0.3, 18.0} : RegimeShape{48, 2, 8, 6.0, 1.2, unlimited};
}

inline constexpr double max_net_bph = 37.5;  // 300 bp per 8 h, the largest seen on real venues

/// Draws one symbol after another. Each aspect has its own stream, so that a longer tape begins like a shorter one.
class SyntheticMarket {
 public:
  explicit SyntheticMarket(const SyntheticConfig& config) : config_(config) {
    if (config.days < 1 || config.days > 3650)
      throw ConfigError("SyntheticConfig.days = " + std::to_string(config.days) + ": expected 1 to 3650");
    if (config.start_ms % ms_per_day != 0)
      throw ConfigError("SyntheticConfig.start_ms = " + std::to_string(config.start_ms) + ": expected a midnight UTC in ms");
    if (config.venues[0] == config.venues[1])
      throw ConfigError("SyntheticConfig.venues: both are '" + config.venues[0] + "'; expected two different venues");
    config_.tape.step_ms = std::int64_t{config.step_minutes} * 60'000;
    validate(config_.tape);
    hours_ = static_cast<std::size_t>(config.days) * 24;
    rows_ = static_cast<std::size_t>(config.days * ms_per_day / config_.tape.step_ms);
  }

  SyntheticTape make(const VenueTable& venues) {
    add_coins(CoinKind::major, config_.majors);
    add_coins(CoinKind::persistent, config_.persistent);
    add_coins(CoinKind::spiky, config_.spiky);
    add_coins(CoinKind::background, config_.background);
    SyntheticTape result;
    result.config = config_;
    result.tape = std::make_shared<const MarketTape>(std::move(data_), config_.tape, venues);
    label(*result.tape, result);
    return result;
  }

 private:
  enum Aspect : std::uint8_t { regimes = 0, noise = 1, level = 2, price = 3, spread = 4, liquidity = 5, structure = 6 };

  struct Regime {
    RegimeKind kind;
    std::size_t begin_h, end_h;
    double net_bph;  // of the second venue less the first
    bool complete;
  };
  struct Coin {
    std::string symbol;
    std::vector<double> net_bph;
    std::vector<Regime> regimes;
  };

  RandomStream stream(Aspect aspect) const {
    const auto purpose = static_cast<Purpose>(static_cast<unsigned>(Purpose::user) + aspect);
    return RandomStream(
        StreamId{.seed = config_.seed, .purpose = purpose, .env = static_cast<std::uint32_t>(coins_.size()), .step = 0});
  }

  void add_coins(CoinKind kind, std::size_t count) {
    constexpr std::array<const char*, 8> known{"BTC", "ETH", "BNB", "SOL", "XRP", "DOGE", "ADA", "AVAX"};
    constexpr std::array<const char*, 4> prefix{"MAJ", "PER", "SPK", "BKG"};
    for (std::size_t i = 0; i < count; ++i) {
      std::string name = prefix[static_cast<std::size_t>(kind)];
      if (kind == CoinKind::major && i < known.size()) {
        name = known[i];
      } else {
        if (i + 1 < 10) name += '0';
        name += std::to_string(i + 1);
      }
      add_coin(kind, name + "USDT");
    }
  }

  void add_coin(CoinKind kind, std::string symbol) {
    const CoinShape shape = coin_shape(kind, config_.preset);
    Coin coin;
    coin.symbol = std::move(symbol);
    coin.net_bph = noise_path(shape);
    if (kind == CoinKind::persistent) add_regimes(RegimeKind::persistent, coin);
    if (kind == CoinKind::spiky) add_regimes(RegimeKind::spike, coin);
    for (double& net : coin.net_bph) net = std::clamp(net, -max_net_bph, max_net_bph);
    const std::vector<double> common = level_path();
    RandomStream random = stream(structure);
    const double usual = kind == CoinKind::major ? 8.0 : draw_interval(random);
    std::array<InstrumentData, 2> legs;
    for (std::size_t v = 0; v < 2; ++v) {
      legs[v].venue = config_.venues[v];
      legs[v].symbol = coin.symbol;
      const double sign = v == 0 ? -0.5 : 0.5;
      std::vector<double> rate(hours_);
      for (std::size_t h = 0; h < hours_; ++h) rate[h] = common[h] + sign * coin.net_bph[h];
      settle(rate, interval_plan(kind, usual, v, random), legs[v].settlements);
    }
    add_prices(shape, legs);
    for (InstrumentData& leg : legs) data_.instruments.push_back(std::move(leg));
    coins_.push_back(std::move(coin));
  }

  // Noise of the net in bp/h, one value per 8 h: AR(0.25) driven by Student t(3).
  std::vector<double> noise_path(const CoinShape& shape) const {
    RandomStream random = stream(noise);
    std::vector<double> path(hours_);
    double x = 0.0;
    const auto advance = [&] {
      const double z = random.normal();
      double chi_square = 0.0;
      for (int i = 0; i < 3; ++i) {
        const double y = random.normal();
        chi_square += y * y;
      }
      x = 0.25 * x + shape.noise_bp_8h * z / std::sqrt(chi_square / 3.0);
    };
    constexpr int settling_in = 8;  // 0.25^8 of the start is left
    for (int i = 0; i < settling_in; ++i) advance();
    for (std::size_t h = 0; h < hours_; ++h) {
      if (h % 8 == 0) advance();
      path[h] = x / 8.0;
    }
    return path;
  }

  // Alternating gaps and regimes of geometric length; the tape begins in the stationary state.
  void add_regimes(RegimeKind kind, Coin& coin) const {
    const RegimeShape shape = regime_shape(kind, config_.preset);
    RandomStream random = stream(regimes);
    const auto length_of = [&random](double mean) {
      const double u = 1.0 - random.uniform();
      return 1.0 + std::floor(std::log(u) / std::log1p(-1.0 / mean));
    };
    bool active = random.uniform() < shape.mean_length_h / (shape.mean_length_h + shape.mean_gap_h);
    for (std::size_t h = 0; h < hours_; active = !active) {
      const double length = active ? std::min(shape.max_length_h, length_of(shape.mean_length_h)) : length_of(shape.mean_gap_h);
      const double left = static_cast<double>(hours_ - h);
      const auto end = h + static_cast<std::size_t>(std::min(length, left));
      if (active) {
        double size = std::min(shape.median_bph * std::exp(shape.log_deviation * random.normal()), max_net_bph);
        size = std::min(size, shape.max_total_bp / length);
        if (random.uniform() < 0.5) size = -size;
        for (std::size_t i = h; i < end; ++i) coin.net_bph[i] += size;
        coin.regimes.push_back({kind, h, end, size, length < left});
      }
      h = end;
    }
  }

  // The level both venues share: AR(1) around 0.125 bp/h.
  std::vector<double> level_path() const {
    constexpr double mean = 0.125, deviation = 0.05, memory = 0.95;
    RandomStream random = stream(level);
    std::vector<double> path(hours_);
    double x = random.normal();
    for (double& value : path) {
      value = mean + deviation * x;
      x = memory * x + std::sqrt(1.0 - memory * memory) * random.normal();
    }
    return path;
  }

  static double draw_interval(RandomStream& random) {
    const double u = random.uniform();
    return u < 0.25 ? 1.0 : u < 0.75 ? 4.0 : 8.0;
  }
  static double draw_other_interval(double than, RandomStream& random) {
    double interval = than;
    while (interval == than) interval = draw_interval(random);
    return interval;
  }

  struct IntervalPlan {
    double first, second;
    std::size_t change_h;  // `second` holds from here
  };
  // Small coins of the calibrated market: 11 % differ between the venues, 5 % of the instruments change once, at a midnight.
  IntervalPlan interval_plan(CoinKind kind, double usual, std::size_t venue, RandomStream& random) const {
    IntervalPlan plan{usual, usual, hours_};
    if (kind == CoinKind::major || config_.preset == SyntheticPreset::planted) return plan;
    if (venue == 1 && random.uniform() < 0.11) plan.first = plan.second = draw_other_interval(usual, random);
    if (random.uniform() < 0.05) {
      plan.second = draw_other_interval(plan.first, random);
      plan.change_h = 24 * static_cast<std::size_t>(random.uniform(0.2, 0.8) * static_cast<double>(config_.days));
    }
    return plan;
  }

  // The rate settled at S is the mean of the interval's hours times the interval.
  void settle(const std::vector<double>& rate, const IntervalPlan& plan, std::vector<Settlement>& settlements) const {
    double sum = 0.0;
    for (std::size_t h = 0; h < hours_; ++h) {
      sum += rate[h];
      const double interval = h < plan.change_h ? plan.first : plan.second;
      const std::size_t stamp = h + 1;
      const std::int64_t settle_ms = config_.start_ms + static_cast<std::int64_t>(stamp) * ms_per_hour;
      if (stamp % static_cast<std::size_t>(interval) != 0) continue;
      if (settle_ms <= last_row_ms()) settlements.push_back({settle_ms, 0, 1e-4 * sum, interval});
      sum = 0.0;
    }
  }

  std::int64_t last_row_ms() const { return config_.start_ms + static_cast<std::int64_t>(rows_ - 1) * config_.tape.step_ms; }

  void add_prices(const CoinShape& shape, std::array<InstrumentData, 2>& legs) const {
    RandomStream path = stream(price);
    RandomStream gap = stream(spread);
    RandomStream book = stream(liquidity);
    const double step_days = static_cast<double>(config_.tape.step_ms) / static_cast<double>(ms_per_day);
    const double sigma = shape.daily_volatility * std::sqrt(step_days);
    const double memory = std::exp2(-static_cast<double>(config_.tape.step_ms) / static_cast<double>(6 * ms_per_hour));
    const double base_volume = shape.volume_usd * std::pow(10.0, shape.volume_log10_deviation * book.normal());
    double log_price = path.uniform(std::log(0.1), std::log(1000.0));
    double spread_bp = shape.spread_deviation_bp * gap.normal();
    double low = 0.0, high = 0.0;
    std::array<double, 2> volume{}, bid_ask{}, depth{};
    const auto rows_per_day = static_cast<std::size_t>(ms_per_day / config_.tape.step_ms);
    for (std::size_t i = 0; i < rows_; ++i) {
      if (i % rows_per_day == 0)
        for (std::size_t v = 0; v < 2; ++v) {
          volume[v] = base_volume * std::exp(0.2 * book.normal());
          depth[v] = base_volume / 50.0 * std::exp(0.5 * book.normal());
          bid_ask[v] = shape.bid_ask_bps * std::exp(0.3 * book.normal());
        }
      for (std::size_t v = 0; v < 2; ++v) {
        const double factor = 1.0 + (v == 0 ? -0.5 : 0.5) * 1e-4 * spread_bp;
        PriceRow row;
        row.ts_ms = config_.start_ms + static_cast<std::int64_t>(i) * config_.tape.step_ms;
        row.price = std::exp(log_price) * factor;
        if (i > 0) {
          row.low = std::min(row.price, std::exp(low) * factor);
          row.high = std::max(row.price, std::exp(high) * factor);
        }
        row.volume_quote_24h = static_cast<float>(volume[v]);
        row.bid_ask_bps = static_cast<float>(bid_ask[v]);
        row.depth_usd = static_cast<float>(depth[v]);
        legs[v].rows.push_back(row);
      }
      double move = sigma * path.normal() - 0.5 * sigma * sigma;
      const double jump_draw = path.uniform(), side_draw = path.uniform();
      if (jump_draw < shape.jumps_per_day * step_days) move += side_draw < 0.5 ? std::log(0.9) : std::log(1.1);
      // Extremes of a Brownian bridge from 0 to `move`: exact inversion of their distributions.
      const double reach_up = std::sqrt(move * move - 2.0 * sigma * sigma * std::log(1.0 - path.uniform()));
      const double reach_down = std::sqrt(move * move - 2.0 * sigma * sigma * std::log(1.0 - path.uniform()));
      high = log_price + 0.5 * (move + reach_up);
      low = log_price + 0.5 * (move - reach_down);
      log_price += move;
      spread_bp = memory * spread_bp + shape.spread_deviation_bp * std::sqrt(1.0 - memory * memory) * gap.normal();
    }
  }

  void label(const MarketTape& tape, SyntheticTape& result) const {
    result.net_bph.resize(tape.n_symbols());
    std::vector<const Coin*> by_symbol(tape.n_symbols());
    for (const Coin& coin : coins_)
      for (SymbolId id = 0; id < tape.n_symbols(); ++id)
        if (tape.symbol_name(id) == coin.symbol) by_symbol[id] = &coin;
    for (SymbolId id = 0; id < tape.n_symbols(); ++id) {
      const Coin& coin = *by_symbol[id];
      result.net_bph[id] = coin.net_bph;
      const InstrumentId first = *tape.find(config_.venues[0], coin.symbol);
      const InstrumentId second = *tape.find(config_.venues[1], coin.symbol);
      for (const Regime& regime : coin.regimes) {
        RegimeLabel one;
        one.kind = regime.kind;
        one.symbol = id;
        one.long_leg = regime.net_bph > 0.0 ? first : second;
        one.short_leg = regime.net_bph > 0.0 ? second : first;
        one.begin_ms = config_.start_ms + static_cast<std::int64_t>(regime.begin_h) * ms_per_hour;
        one.end_ms = config_.start_ms + static_cast<std::int64_t>(regime.end_h) * ms_per_hour;
        one.net_bph = std::fabs(regime.net_bph);
        one.carry_bp = one.net_bph * static_cast<double>(regime.end_h - regime.begin_h);
        one.cost_bp = 0.5 * (round_trip(tape, one, one.begin_ms) + round_trip(tape, one, one.end_ms));
        one.expected_profit_bp = one.carry_bp - one.cost_bp;
        one.complete = regime.complete;
        result.regimes.push_back(one);
      }
    }
  }

  static double round_trip(const MarketTape& tape, const RegimeLabel& label, std::int64_t t) {
    double bp = 0.0;
    for (const InstrumentId id : {label.long_leg, label.short_leg}) {
      const PriceRow& row = *tape.price_asof(id, t + tape.config().price_delay_ms)->row;
      bp += leg_round_trip_bp(tape.venues().at(tape.instruments()[id].venue).taker, static_cast<double>(row.bid_ask_bps),
                              static_cast<double>(row.depth_usd), tape.config().costs);
    }
    return bp;
  }

  SyntheticConfig config_;
  std::size_t hours_ = 0, rows_ = 0;
  TapeData data_;
  std::vector<Coin> coins_;
};

}  // namespace detail

/**
 * @brief Draws a synthetic market.
 *
 * Per symbol: net funding in bp/h = noise (8 h blocks, AR(0.25), Student t(3)) + regimes, split evenly around a shared level;
 * settlements are the mean of their interval; a common geometric price with exact extremes, an Ornstein-Uhlenbeck spread
 * between the venues, daily redrawn volume, depth and quoted spread.
 *
 * @throws ConfigError  for days, step, start or venues that cannot be
 * @par Determinism  same config, same bytes; a symbol's numbers depend on its position among the symbols only
 * @par Complexity   O(symbols * days * (rows + hours) per day)
 */
inline SyntheticTape make_synthetic_tape(const SyntheticConfig& config, const VenueTable& venues = VenueTable::builtin()) {
  return detail::SyntheticMarket(config).make(venues);
}

/// The labels as CSV: one row per regime, times in ms UTC, sizes in bp.
inline std::string regimes_csv(const SyntheticTape& synthetic) {
  io::CsvWriter csv;
  csv.row("begin_ms_utc", "end_ms_utc", "symbol", "kind", "long_venue", "short_venue", "net_bph", "carry_bp", "cost_bp",
          "expected_profit_bp", "complete");
  const MarketTape& tape = *synthetic.tape;
  for (const RegimeLabel& one : synthetic.regimes)
    csv.row(one.begin_ms, one.end_ms, tape.symbol_name(one.symbol), one.kind == RegimeKind::persistent ? "persistent" : "spike",
            tape.instruments()[one.long_leg].venue_name, tape.instruments()[one.short_leg].venue_name, one.net_bph,
            one.carry_bp, one.cost_bp, one.expected_profit_bp, one.complete);
  return csv.take();
}

/// Writes prices.csv, funding.csv and regimes.csv into an existing directory; reading them back gives the same tape.
/// @throws IoError with the path
inline void write_csv(const SyntheticTape& synthetic, const std::string& directory) {
  const TapeData data = synthetic.tape->data();
  io::write_file_atomically(directory + "/prices.csv", prices_csv(data));
  io::write_file_atomically(directory + "/funding.csv", funding_csv(data));
  io::write_file_atomically(directory + "/regimes.csv", regimes_csv(synthetic));
}

}  // namespace rlx::inline v0_1::funding

#endif  // RLX_FUNDING_SYNTHETIC_TAPE_HPP
