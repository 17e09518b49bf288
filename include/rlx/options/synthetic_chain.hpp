// SPDX-License-Identifier: MIT
/// @file
/// @brief A seeded market of BTC and ETH option chains: the default of every program that was given no data.
#ifndef RLX_OPTIONS_SYNTHETIC_CHAIN_HPP
#define RLX_OPTIONS_SYNTHETIC_CHAIN_HPP

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numbers>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/random.hpp>
#include <rlx/io/iso8601.hpp>
#include <rlx/market/black76.hpp>
#include <rlx/market/fixed8.hpp>
#include <rlx/options/chain.hpp>
#include <rlx/options/instrument.hpp>

namespace rlx::inline v0_1::options {

/// Bids and asks of calls with a delta in [min_delta, max_delta] are multiplied by `factor`; marks stay. For tests that ask
/// whether a learner finds money that is certainly there.
struct PlantedEdge {
  double min_delta = 0.0;  ///< 0 to 1
  double max_delta = 0.0;  ///< 0 to 1
  double factor = 1.0;     ///< above 0 and below 10; 1: no edge
};

/// What a synthetic market is made of. The defaults are the reference market of 944 snapshots (236 days).
struct SyntheticChainConfig {
  std::uint64_t seed = 0;                     ///< of every draw
  std::int64_t start_ms = 1'767'341'100'000;  ///< 2026-01-02 08:05 UTC
  std::int64_t step_ms = 6 * 3'600'000;       ///< one minute to seven days
  std::size_t snapshots = 944;                ///< at least 1
  PlantedEdge planted = {};                   ///< none by default
};

namespace detail {

/// What tells the two underlyings apart.
struct SyntheticUnderlying {
  std::string_view name;
  double start;                   ///< USD at the first snapshot
  double mean_vol;                ///< the level around which log volatility reverts
  std::array<double, 4> strikes;  ///< steps in USD, finest first; each divides the next or the next but one
  double open_interest;           ///< median, contracts
};
inline constexpr std::array<SyntheticUnderlying, 2> synthetic_underlyings = {
    SyntheticUnderlying{"BTC", 90'000.0, 0.45, {500, 1'000, 2'000, 5'000}, 45.0},
    SyntheticUnderlying{"ETH", 3'000.0, 0.62, {25, 50, 100, 200}, 310.0}};

/// Median spread in percent of the mid of a recorded call, by its delta and days to expiry.
inline double median_spread_pct(double delta, double dte) {
  const bool near = dte <= 7.0;
  if (delta < 0.10) return near ? 22.0 : 15.0;
  if (delta < 0.25) return near ? 13.0 : 9.0;
  if (delta < 0.35) return near ? 10.0 : 5.5;
  if (delta < 0.50) return near ? 7.5 : 3.5;
  return near ? 5.0 : 3.0;
}

}  // namespace detail

/**
 * @brief Two correlated underlyings with stochastic volatility and jumps, and their whole option chains; models ChainSource.
 *
 * The path is made in the constructor, the chains in `load`. Every draw comes from a stream of its own, keyed by seed, snapshot
 * and instrument, so that snapshot i is the same whatever was loaded before, and a longer market begins with the shorter one.
 *
 * Spot: diffusion (correlation 0.8) with 5 % drift a year and jumps (8 a year, log size -3 % with deviation 4 %, compensated).
 * Log volatility: Ornstein-Uhlenbeck, half-life 10 days, deviation 0.35, correlation -0.3 to the spot. Implied variance for T:
 * the expected mean of the variance over T, times 1.05 squared, with a smile; call prices of an expiry are decreasing and
 * convex in the strike. A strike stays listed until its expiry once it has been quoted.
 *
 * The index exists from 30 days before the first snapshot on, so that realised volatility is known from the first snapshot.
 * Memory: about 15 MiB for the default. `load` needs well under a millisecond and allocates only while the snapshot grows.
 */
class SyntheticChain {
 public:
  /// One jump of the index.
  struct Jump {
    std::int64_t ts_ms = 0;  ///< UTC ms
    double log_size = 0.0;   ///< change of ln(index)
  };
  static constexpr std::int64_t history_ms = 30 * 86'400'000LL;  ///< length of the index path before the first snapshot

  /// @throws ConfigError for no snapshots, a step outside one minute to seven days, or a planted factor that is not above 0
  explicit SyntheticChain(SyntheticChainConfig config = {}) : config_(config) {
    if (config.snapshots == 0) throw ConfigError("synthetic chain: snapshots must be at least 1, found 0");
    if (config.step_ms < 60'000 || config.step_ms > 7 * 86'400'000LL) {
      throw ConfigError("synthetic chain: step_ms must lie in 60000..604800000, found " + std::to_string(config.step_ms));
    }
    if (!(config.planted.factor > 0.0) || !(config.planted.factor < 10.0)) {
      throw ConfigError("synthetic chain: planted.factor must lie above 0 and below 10, found " +
                        std::to_string(config.planted.factor));
    }
    history_steps_ = static_cast<std::size_t>((history_ms + config.step_ms - 1) / config.step_ms);
    make_paths();
    for (std::size_t u = 0; u < n_underlyings; ++u) list_instruments(u);
  }

  /// Names of the underlyings, in order.
  static std::vector<std::string> underlyings() {
    std::vector<std::string> names;
    for (const auto& one : detail::synthetic_underlyings) names.emplace_back(one.name);
    return names;
  }
  const SyntheticChainConfig& config() const noexcept { return config_; }  ///< As given.
  std::size_t size() const noexcept { return config_.snapshots; }          ///< Snapshots.
  /// UTC ms; any i, also beyond the end.
  std::int64_t ts_ms(std::size_t i) const noexcept { return config_.start_ms + static_cast<std::int64_t>(i) * config_.step_ms; }

  /// The first instant that `index_at` knows: 30 days before the first snapshot.
  std::int64_t index_begin_ms(std::string_view) const noexcept { return first_ms(); }

  /// The table of all instruments that are ever listed, in the order of their listing (then expiry and strike), put after call.
  std::span<const Instrument> instruments(std::size_t, std::string_view ccy) const { return of(ccy).instruments; }

  /// The index at any instant from 30 days before the first snapshot to the step after the last one; exact, so the gap is 0.
  /// Between two steps: a Brownian bridge refined by halves down to a few seconds, plus the jumps so far.
  /// @throws DataError outside of it
  IndexPoint index_at(std::int64_t ts_ms, std::string_view ccy) const {
    const Market& market = of(ccy);
    const std::int64_t since = ts_ms - first_ms();
    const auto steps = static_cast<std::int64_t>(market.log_index.size()) - 1;
    if (since < 0 || since > steps * config_.step_ms) {
      throw DataError("synthetic chain: no index at " + io::format_time_ms(ts_ms) + "; it lasts from " +
                      io::format_time_ms(first_ms()) + " to " + io::format_time_ms(first_ms() + steps * config_.step_ms));
    }
    const auto step = static_cast<std::size_t>(since / config_.step_ms);
    const std::int64_t offset = since % config_.step_ms;
    if (offset == 0) return {std::exp(market.log_index[step]), 0};
    double jumped = 0.0, all_jumps = 0.0;
    for (const Jump& jump : market.jumps) {
      if (jump.ts_ms <= step_start(step) || jump.ts_ms > step_start(step + 1)) continue;
      all_jumps += jump.log_size;
      if (jump.ts_ms <= ts_ms) jumped += jump.log_size;
    }
    const double diffused = market.log_index[step + 1] - market.log_index[step] - all_jumps;
    return {std::exp(market.log_index[step] + bridge(market, step, offset, diffused) + jumped), 0};
  }

  /// Instantaneous volatility at snapshot i, decimal fraction.
  double vol(std::size_t i, std::string_view ccy) const { return std::exp(of(ccy).log_vol.at(history_steps_ + i)); }
  /// Jumps of the index in the order of time, those before the first snapshot too.
  std::span<const Jump> jumps(std::string_view ccy) const { return of(ccy).jumps; }

  /// All quotes at snapshot i, by expiry, then strike, put after call. @throws DataError for another underlying or i >= size()
  void load(std::size_t i, std::string_view ccy, ChainSnapshot& snapshot) const {
    const Market& market = of(ccy);
    if (i >= size()) {
      throw DataError("synthetic chain: snapshot " + std::to_string(i) + " of " + std::to_string(size()) + " was asked for");
    }
    snapshot.ts_ms = ts_ms(i);
    snapshot.index = std::exp(market.log_index[history_steps_ + i]);
    snapshot.quotes.clear();
    snapshot.rejected_rows = snapshot.duplicate_rows = 0;
    for (const Expiry& expiry : market.expiries) {
      if (expiry.first_snapshot > i) break;  // expiries are in the order of their listing
      if (expiry.expiry_ms > snapshot.ts_ms) quote_expiry(market, expiry, i, snapshot);
    }
  }

 private:
  static constexpr std::size_t n_underlyings = detail::synthetic_underlyings.size();
  static constexpr double half_life_days = 10.0, log_vol_deviation = 0.35, vol_spot_correlation = -0.3, correlation = 0.8;
  static constexpr double jumps_per_year = 8.0, jump_mean = -0.03, jump_deviation = 0.04;
  static constexpr double drift = 0.05, vol_premium = 1.05, smile_slope = -0.03, smile_curve = 0.025;
  static constexpr double spread_noise = 0.35, one_sided = 0.01, open_interest_deviation = 1.2;
  static constexpr std::size_t max_strikes = 1024;

  struct Listed {
    double strike;
    std::uint32_t call;  // index into the table; the put follows it
    std::size_t first_snapshot;
  };
  struct Expiry {
    std::int64_t expiry_ms;
    std::size_t first_snapshot;
    std::vector<Listed> strikes;  // ascending
  };
  struct Market {
    std::uint32_t number = 0;
    const detail::SyntheticUnderlying* terms = nullptr;
    std::vector<double> log_index, log_vol;  // one entry a step, history_steps_ before the first snapshot
    std::vector<Jump> jumps;
    std::vector<Instrument> instruments;
    std::vector<Expiry> expiries;
  };

  std::int64_t first_ms() const noexcept {
    return config_.start_ms - static_cast<std::int64_t>(history_steps_) * config_.step_ms;
  }
  std::int64_t step_start(std::size_t step) const noexcept {
    return first_ms() + static_cast<std::int64_t>(step) * config_.step_ms;
  }
  const Market& of(std::string_view ccy) const {
    for (const Market& market : markets_) {
      if (market.terms->name == ccy) return market;
    }
    throw DataError("synthetic chain: no underlying '" + std::string(ccy) + "'; expected BTC or ETH");
  }
  /// Draw streams: `env` says what is drawn, `step` when.
  RandomStream stream(std::uint32_t what, std::uint64_t step) const {
    return RandomStream({config_.seed, Purpose::environment_dynamics, what, step});
  }
  RandomStream quote_stream(const Market& market, std::uint32_t instrument, std::size_t snapshot) const {
    return stream(1'000'000 + (market.number << 24) + instrument, snapshot);
  }

  void make_paths() {
    const double dt = market::years_of(config_.step_ms);
    const double reversion = std::exp(-rate_per_year() * dt);
    const double shock = log_vol_deviation * std::sqrt(1.0 - reversion * reversion);
    const double jump_drift = jumps_per_year * (std::exp(jump_mean + 0.5 * jump_deviation * jump_deviation) - 1.0);
    const std::size_t steps = history_steps_ + config_.snapshots;
    for (std::uint32_t u = 0; u < n_underlyings; ++u) {
      Market& market = markets_[u];
      market.number = u;
      market.terms = &detail::synthetic_underlyings[u];
      const double mean = std::log(market.terms->mean_vol);
      double log_vol = mean + log_vol_deviation * stream(10 + u, std::numeric_limits<std::uint64_t>::max()).normal();
      market.log_index.assign(1, 0.0);
      market.log_vol.assign(1, log_vol);
      for (std::size_t step = 0; step < steps; ++step) {
        RandomStream own = stream(10 + u, step);
        // The first underlying is the common factor of the second.
        const double other = own.normal();
        const double spot =
            u == 0 ? other : correlation * stream(10, step).normal() + std::sqrt(1.0 - correlation * correlation) * other;
        const double v = std::exp(log_vol);
        double log_return = (drift - jump_drift - 0.5 * v * v) * dt + v * std::sqrt(dt) * spot;
        // Jump times by exponential waiting times within the step.
        for (double at = -std::log(1.0 - own.uniform()) / jumps_per_year; at < dt;
             at -= std::log(1.0 - own.uniform()) / jumps_per_year) {
          const double size = jump_mean + jump_deviation * own.normal();
          const auto offset =
              std::min(static_cast<std::int64_t>(at / dt * static_cast<double>(config_.step_ms)) + 1, config_.step_ms);
          market.jumps.push_back({step_start(step) + offset, size});
          log_return += size;
        }
        log_vol =
            mean + (log_vol - mean) * reversion +
            shock * (vol_spot_correlation * spot + std::sqrt(1.0 - vol_spot_correlation * vol_spot_correlation) * own.normal());
        market.log_index.push_back(market.log_index.back() + log_return);
        market.log_vol.push_back(log_vol);
      }
      const double level = std::log(market.terms->start) - market.log_index[history_steps_];
      for (double& one : market.log_index) one += level;
    }
  }

  static double rate_per_year() { return std::numbers::ln2 / (half_life_days / 365.0); }

  /// Position of the diffusion `offset` ms into a step that it ends at `end`: halves until the rest is a few seconds.
  double bridge(const Market& market, std::size_t step, std::int64_t offset, double end) const {
    const double v = std::exp(market.log_vol[step]);
    std::int64_t low = 0, high = config_.step_ms;
    double at_low = 0.0, at_high = end;
    std::uint64_t node = 1;  // the path through the halves: 1, then a bit each
    while (high - low > 5'000) {
      const std::int64_t middle = low + (high - low) / 2;
      RandomStream draw = stream(100 + market.number, step << 20 | node);
      const double span = market::years_of(high - low);
      // The middle need not be the exact half of an odd span; the bridge's mean and deviation at a fraction f of it.
      const double f = static_cast<double>(middle - low) / static_cast<double>(high - low);
      const double at_middle = at_low + f * (at_high - at_low) + v * std::sqrt(span * f * (1.0 - f)) * draw.normal();
      if (offset >= middle) {
        low = middle, at_low = at_middle, node = node << 1 | 1;
      } else {
        high = middle, at_high = at_middle, node = node << 1;
      }
    }
    return at_low + (at_high - at_low) * static_cast<double>(offset - low) / static_cast<double>(high - low);
  }

  /// Expiries that are open at an instant: 4 days, 4 Fridays, the last Fridays of 3 months and of 4 quarters.
  static std::vector<std::int64_t> expiries_at(std::int64_t ts_ms) {
    constexpr std::int64_t day_ms = 86'400'000;
    std::vector<std::int64_t> found;
    const std::int64_t first_day = (ts_ms - expiry_time_of_day_ms) / day_ms + 1;  // the first 08:00 after ts
    const auto weekday = [](std::int64_t day) { return (day + 4) % 7; };          // 1970-01-01 was a Thursday; 0 = Sunday
    for (std::int64_t day = first_day; day < first_day + 4; ++day) found.push_back(day);
    std::int64_t friday = first_day + (5 - weekday(first_day) + 7) % 7;
    for (int i = 0; i < 4; ++i) found.push_back(friday + 7 * i);
    auto [year, month, first] = io::detail::civil_from_days(first_day);
    for (int months = 0, quarters = 0; months < 3 || quarters < 4;) {
      std::int64_t last = io::detail::days_from_civil(year, month, io::detail::days_in_month(year, month));
      last -= (weekday(last) - 5 + 7) % 7;
      if (last >= first_day) {
        if (months < 3) found.push_back(last), ++months;
        if (month % 3 == 0 && quarters < 4) found.push_back(last), ++quarters;
      }
      if (++month > 12) month = 1, ++year;
    }
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    for (auto& day : found) day = day * day_ms + expiry_time_of_day_ms;
    return found;
  }

  static double forward_of(double index, double years) { return index * std::exp(drift * years); }

  /// Strikes that are listed near a forward: the finer steps near the money and near expiry, the coarsest from 0.6 F to 1.8 F.
  template <class F>
  static void for_each_strike(const detail::SyntheticUnderlying& terms, double forward, double dte, F&& add) {
    // The steps double once the level has risen by 23 %, then again at twice that: else chains would grow with the level.
    const double scale = std::max(1.0, std::exp2(std::round(std::log2(forward / terms.start) + 0.2)));
    const std::array<double, 4> reach = dte <= 4.5    ? std::array<double, 4>{0.025, 0.06, 0.12, 1.0}
                                        : dte <= 35.0 ? std::array<double, 4>{0.0, 0.05, 0.12, 1.0}
                                                      : std::array<double, 4>{0.0, 0.0, 0.04, 1.0};
    for (std::size_t i = 0; i < reach.size(); ++i) {
      const double step = terms.strikes[i] * scale;
      const double low = std::max(0.6, 1.0 - reach[i]) * forward, high = std::min(1.8, 1.0 + reach[i]) * forward;
      for (double strike = std::ceil(low / step) * step; strike <= high; strike += step) add(strike);
    }
  }

  void list_instruments(std::size_t u) {
    Market& market = markets_[u];
    for (std::size_t i = 0; i < size(); ++i) {
      const std::int64_t now = ts_ms(i);
      const double index = std::exp(market.log_index[history_steps_ + i]);
      for (const std::int64_t expiry_ms : expiries_at(now)) {
        auto expiry = std::find_if(market.expiries.rbegin(), market.expiries.rend(),
                                   [&](const Expiry& one) { return one.expiry_ms == expiry_ms; });
        if (expiry == market.expiries.rend()) {
          market.expiries.push_back({expiry_ms, i, {}});
          expiry = market.expiries.rbegin();
        }
        const double years = market::years_of(expiry_ms - now);
        for_each_strike(*market.terms, forward_of(index, years), years * 365.0, [&](double strike) {
          auto& strikes = expiry->strikes;
          const auto at = std::lower_bound(strikes.begin(), strikes.end(), strike,
                                           [](const Listed& one, double k) { return one.strike < k; });
          if (at != strikes.end() && at->strike == strike) return;
          strikes.insert(at, Listed{strike, static_cast<std::uint32_t>(market.instruments.size()), i});
          RLX_REQUIRE(strikes.size() <= max_strikes, "synthetic chain: too many strikes in one expiry");
          for (const OptionType type : {OptionType::call, OptionType::put}) {
            market.instruments.push_back(paper_instrument(
                InstrumentName{std::string(market.terms->name), SettlementType::inverse, expiry_ms, strike, type, {}}, now));
          }
        });
      }
    }
  }

  /// Implied volatility at the money for a time to expiry.
  double at_the_money(const Market& market, std::size_t i, double years) const {
    const double v = std::exp(market.log_vol[history_steps_ + i]);
    const double mean = market.terms->mean_vol;
    // E[v^2] of the stationary lognormal volatility.
    const double mean_variance = mean * mean * std::exp(2.0 * log_vol_deviation * log_vol_deviation);
    const double decay = rate_per_year() * years;
    return vol_premium * std::sqrt(mean_variance + (v * v - mean_variance) * -std::expm1(-decay) / decay);
  }

  void quote_expiry(const Market& market, const Expiry& expiry, std::size_t i, ChainSnapshot& snapshot) const {
    const double years = market::years_of(expiry.expiry_ms - snapshot.ts_ms);
    const double forward = forward_of(snapshot.index, years);
    const double sigma = at_the_money(market, i, years);
    std::array<double, max_strikes> strikes, calls, sigmas;
    std::array<std::uint32_t, max_strikes> table;
    std::size_t n = 0;
    for (const Listed& listed : expiry.strikes) {
      if (listed.first_snapshot > i) continue;
      const double x = std::log(listed.strike / forward) / (sigma * std::sqrt(years));
      strikes[n] = listed.strike;
      sigmas[n] = std::clamp(sigma * (1.0 + smile_slope * x + smile_curve * x * x), 0.1, 3.0);
      calls[n] = market::black76_price(OptionType::call, forward, listed.strike, years, sigmas[n]);
      table[n++] = listed.call;
    }
    repair(std::span(strikes).first(n), std::span(calls).first(n), std::span(sigmas).first(n), forward, years);
    for (std::size_t k = 0; k < n; ++k) {
      const auto greeks = market::black76(OptionType::call, forward, strikes[k], years, sigmas[k]);
      const double put = calls[k] - forward + strikes[k];
      add_quote(market, table[k], i, calls[k] / forward, greeks.delta, sigmas[k], forward, years, snapshot);
      add_quote(market, table[k] + 1, i, put / forward, greeks.delta - 1.0, sigmas[k], forward, years, snapshot);
    }
  }

  /// Replaces prices by their lower convex hull where a butterfly would cost less than nothing: the slopes between neighbouring
  /// strikes become those of pool-adjacent-violators. Volatilities follow the prices that changed.
  static void repair(std::span<const double> strikes, std::span<double> calls, std::span<double> sigmas, double forward,
                     double years) {
    std::array<std::uint32_t, max_strikes> hull;
    std::size_t corners = 0;
    const auto slope = [&](std::uint32_t a, std::uint32_t b) { return (calls[b] - calls[a]) / (strikes[b] - strikes[a]); };
    for (std::uint32_t k = 0; k < strikes.size(); ++k) {
      while (corners >= 2 && slope(hull[corners - 2], hull[corners - 1]) >= slope(hull[corners - 1], k)) --corners;
      hull[corners++] = k;
    }
    const auto set_price = [&](std::uint32_t k, double price) {
      if (!(price < calls[k])) return;
      calls[k] = price;
      const auto implied = market::implied_volatility(OptionType::call, forward, strikes[k], years, price);
      if (implied) sigmas[k] = *implied;
    };
    for (std::size_t c = 0; c + 1 < corners; ++c) {
      for (std::uint32_t k = hull[c] + 1; k < hull[c + 1]; ++k) {
        set_price(k, calls[hull[c]] + slope(hull[c], hull[c + 1]) * (strikes[k] - strikes[hull[c]]));
      }
    }
    // Nor does a call spread cost less than nothing or more than its width.
    for (std::uint32_t k = 1; k < strikes.size(); ++k) set_price(k, calls[k - 1]);
    for (auto k = static_cast<std::uint32_t>(strikes.size()); k-- > 1;) {
      set_price(k - 1, calls[k] + (strikes[k] - strikes[k - 1]));
    }
  }

  void add_quote(const Market& market, std::uint32_t instrument, std::size_t i, double mark, double delta, double sigma,
                 double forward, double years, ChainSnapshot& snapshot) const {
    using market::Fixed8;
    const Instrument& terms = market.instruments[instrument];
    ChainQuote quote;
    quote.instrument = instrument;
    quote.mark = Fixed8::from_double(std::max(mark, 0.0));
    quote.mark_iv = sigma;
    quote.forward = forward;
    quote.delta = delta;
    quote.quote_ms = snapshot.ts_ms;
    RandomStream random = quote_stream(market, instrument, i);
    const double noise = std::exp(spread_noise * random.normal());
    quote.open_interest = std::round(market.terms->open_interest * std::exp(open_interest_deviation * random.normal()));
    const double side = random.uniform();
    const Fixed8 tick = tick_at(terms, quote.mark);
    const double half =
        std::max(0.5 * tick.to_double(), mark * 0.005 * detail::median_spread_pct(std::fabs(delta), years * 365.0) * noise);
    const PlantedEdge& planted = config_.planted;
    const bool boosted = terms.type == OptionType::call && delta >= planted.min_delta && delta <= planted.max_delta;
    const double factor = boosted ? planted.factor : 1.0;
    // The nearest ticks: rounding outwards would widen every spread by a tick, which is as much as the spread itself.
    quote.bid = nearest_tick(terms, (mark - half) * factor);
    quote.ask = max(nearest_tick(terms, (mark + half) * factor), round_price_up(terms, quote.bid + Fixed8::from_units(1)));
    if (side < 0.5 * one_sided) quote.bid = Fixed8();
    if (side > 1.0 - 0.5 * one_sided) quote.ask = Fixed8();
    snapshot.quotes.push_back(quote);
  }

  static market::Fixed8 nearest_tick(const Instrument& terms, double price) {
    if (!(price > 0.0)) return {};
    const auto exact = market::Fixed8::from_double(price);
    const auto below = round_price_down(terms, exact), above = round_price_up(terms, exact);
    return exact - below <= above - exact ? below : above;
  }

  SyntheticChainConfig config_;
  std::size_t history_steps_ = 0;
  std::array<Market, n_underlyings> markets_;
};

static_assert(ChainSource<SyntheticChain>);

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_SYNTHETIC_CHAIN_HPP
