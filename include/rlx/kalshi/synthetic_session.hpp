// SPDX-License-Identifier: MIT
/// @file
/// @brief A synthetic exchange with known truth: exclusive brackets of one hidden value, quotes that follow a belief which lags
/// behind the true probability.
///
/// The lag is the planted edge: market makers learn news over some 25 events, so that for a while the true probability lies
/// beyond the quotes, and sizes and trades lean to its side. With `edge = 0` the belief is the truth, and no taker can expect
/// to earn. To keep that exact, a quote that would lie outside 1..99 cents is withdrawn and leaves its side empty: moved to 99
/// cents it would sell a sure dollar too cheaply.
#ifndef RLX_KALSHI_SYNTHETIC_SESSION_HPP
#define RLX_KALSHI_SYNTHETIC_SESSION_HPP

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <numbers>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/random.hpp>
#include <rlx/io/iso8601.hpp>
#include <rlx/kalshi/fees.hpp>
#include <rlx/kalshi/session.hpp>
#include <rlx/kalshi/session_builder.hpp>
#include <rlx/kalshi/types.hpp>

namespace rlx::inline v0_1::kalshi {

/// Size and character of the synthetic exchange. Each session is one event, and its day is the UTC date of the event's close.
struct SyntheticConfig {
  std::size_t sessions = 100;  ///< of the default set: one event a day
  double edge = 1.0;           ///< 0..1: share of the lag that is kept; 0: the belief is the true probability
  double lag = 25.0;           ///< groups over which the belief learns, at least 1

  int min_brackets = 2;           ///< fewest markets of an event, 2..20
  int max_brackets = 3;           ///< most markets of an event, up to 20
  double center_deviation = 0.5;  ///< of the brackets' centre, in standard deviations of the hidden value
  double spacing = 0.55;          ///< of the brackets' bounds, in standard deviations of the hidden value
  double bound_jitter = 0.1;      ///< standard deviation of a bound, in the same unit
  int news = 30;                  ///< jumps of the information clock, 0..10,000; 0 makes all of it even
  double news_share = 0.8;        ///< share of the information in the jumps
  double news_window = 0.97;      ///< share of the time that the jumps come in

  double duration_s = 12 * 3600.0;  ///< of a market: median, 60..10^7
  double duration_deviation = 0.4;  ///< of its logarithm
  double groups = 700.0;            ///< nominal groups of a market: median
  double groups_deviation = 0.6;    ///< of their logarithm
  double min_groups = 80.0;         ///< where they are cut below
  double max_groups = 8000.0;       ///< where they are cut above
  double short_share = 0.05;        ///< of the markets have uniformly few nominal groups
  double min_short_groups = 10.0;   ///< fewest nominal groups of those
  double max_short_groups = 60.0;   ///< most nominal groups of those
  double calm_rate = 0.6;           ///< arrivals of calm times, in nominal groups per duration
  double burst_rate = 4.0;          ///< arrivals of bursts, in nominal groups per duration
  double calm_to_burst = 0.015;     ///< probability per group that a burst begins
  double burst_to_calm = 0.08;      ///< probability per group that a burst ends

  double size = 40.0;                           ///< median of a market's levels, contracts
  double size_deviation = 1.0;                  ///< of its logarithm
  double level_deviation = 0.9;                 ///< of the logarithm of a single level
  double small_share = 0.15;                    ///< of the levels have 1 to 5 contracts instead
  double fractional_share = 0.1;                ///< of the levels have hundredths of a contract
  double trade_share = 0.25;                    ///< of the groups in which no quote moves
  FeeSchedule fees = {};                        ///< of every market
  Micros first_day_us = 1'735'689'600'000'000;  ///< day 0, 2025-01-01; a midnight UTC from 2020 to 2099
  std::string series = "KXSYN";                 ///< first part of the tickers, without dashes

  /// @throws ConfigError naming field and value
  void validate() const;
};

/// The truth behind one market, one entry per decision group: entry k belongs to group k of a view with default ViewConfig.
struct MarketTruth {
  std::vector<Micros> ts_us;                            ///< time of the group
  std::vector<double> probability;                      ///< p*: that the market settles as YES, given all news until then
  std::vector<double> belief;                           ///< what the quotes follow; the planted edge is probability - belief
  std::vector<double> clock;                            ///< share of the event's information that is out, 0..1
  std::vector<double> level;                            ///< hidden value given that information
  bool operator==(const MarketTruth&) const = default;  ///< Memberwise.

  /// p* at the last group at or before `t`; that of the first group before it. O(log groups) @pre at least one group
  double probability_at(Micros t) const {
    const auto after = std::upper_bound(ts_us.begin(), ts_us.end(), t) - ts_us.begin();
    return probability[static_cast<std::size_t>(std::max<std::ptrdiff_t>(after, 1) - 1)];
  }
};

/// What no view shows.
struct SyntheticTruth {
  std::vector<MarketTruth> markets;  ///< parallel to the session's markets, which lie side by side in the hidden value
  std::vector<double> bounds;        ///< ascending, one fewer than markets: market i settles as YES if the value lies between
                                     ///< bounds i-1 and i
  double final_level = 0.0;          ///< the hidden value in the end
  std::size_t winner = 0;            ///< the market that settled as YES
  bool operator==(const SyntheticTruth&) const = default;  ///< Memberwise.

  /// p* of every market when a share `clock` of the information is out and says `level`. The sum is 1. Allocates.
  std::vector<double> probabilities(double clock, double level) const;
};

/// A session as recorded, and the truth behind it.
struct SyntheticSession {
  std::shared_ptr<const SessionData> session;  ///< as recorded
  SyntheticTruth truth;                        ///< what no view shows
};

/**
 * @brief The session of one day: one event with its brackets, id `day + 1`.
 *
 * The event closes at 23:00 UTC. Each market opens its own duration before that and ends with the result; the information
 * clock runs from the first opening to the close.
 * @throws ConfigError  for a config that cannot be, or a day that is not from 2020 to 2099
 * @par Determinism     same config, seed and day, same bytes; no day depends on another
 * @par Complexity      O(events), about 0.2 microseconds each
 */
SyntheticSession generate_session(const SyntheticConfig& config, std::uint64_t seed, std::size_t day);

/**
 * @brief A session that was generated, such as one from a store, with its truth: made anew from the seed, edge and lag that its
 * source names, and compared with it row for row.
 *
 * @return nothing if it was not generated, or differs: by another version, or from a config with other values than those three
 *         changed
 */
std::optional<SyntheticSession> regenerate_session(std::shared_ptr<const SessionData> session);

/// The sessions of days 0 .. config.sessions - 1. The default set: 100 events on 100 days, seed 7. @see generate_session
std::vector<SyntheticSession> generate_sessions(const SyntheticConfig& config = {}, std::uint64_t seed = 7);

namespace detail {

/// Standard normal distribution function.
inline double normal_cdf(double x) noexcept { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }

/// p* of bracket i: that the hidden value ends between its bounds.
inline double bracket_probability(std::span<const double> bounds, std::size_t i, double clock, double level) noexcept {
  const double scale = 1.0 / std::sqrt(std::max(1.0 - clock, 1e-12));
  const double lower = i == 0 ? 0.0 : normal_cdf((bounds[i - 1] - level) * scale);
  const double upper = i == bounds.size() ? 1.0 : normal_cdf((bounds[i] - level) * scale);
  return std::max(upper - lower, 0.0);
}

/// What a generated session says of its origin: `synthetic seed=7 edge=1 lag=25`, numbers in full precision.
inline std::string synthetic_source(const SyntheticConfig& config, std::uint64_t seed) {
  std::string text = "synthetic seed=" + std::to_string(seed);
  for (const auto& [name, value] : {std::pair(" edge=", config.edge), std::pair(" lag=", config.lag)}) {
    std::array<char, 32> digits{};
    text.append(name).append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
  }
  return text;
}

/// Its inverse. @return false for any other text
inline bool read_synthetic_source(std::string_view text, SyntheticConfig& config, std::uint64_t& seed) {
  const auto read = [&text](std::string_view name, auto& value) {
    if (text.substr(0, name.size()) != name) return false;
    text.remove_prefix(name.size());
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc()) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return true;
  };
  return read("synthetic seed=", seed) && read(" edge=", config.edge) && read(" lag=", config.lag) && text.empty();
}

/// Share of an event's information that is out: a part evenly over time, the rest in jumps.
class InformationClock {
 public:
  InformationClock(const SyntheticConfig& config, RandomStream& random)
      : even_(config.news == 0 ? 1.0 : 1.0 - config.news_share) {
    std::vector<double> times(static_cast<std::size_t>(config.news));
    for (double& time : times) time = config.news_window * random.uniform();
    std::sort(times.begin(), times.end());
    double total = 0.0;
    for (const double time : times) {
      total -= std::log(1.0 - random.uniform());
      jumps_.push_back({time, total});
    }
    for (Jump& jump : jumps_) jump.sum *= (1.0 - even_) / total;
  }

  /// @param time  share of the event's duration, not less than in the call before
  double at(double time) noexcept {
    while (next_ < jumps_.size() && jumps_[next_].time <= time) ++next_;
    return std::min(even_ * time + (next_ == 0 ? 0.0 : jumps_[next_ - 1].sum), 1.0);
  }

 private:
  struct Jump {
    double time, sum;
  };
  double even_;
  std::vector<Jump> jumps_;
  std::size_t next_ = 0;
};

/// One market: its belief, its quotes and the public book, which it changes by rows.
class SyntheticMarket {
 public:
  SyntheticMarket(const SyntheticConfig& config, RandomStream random, SessionBuilder& builder, std::size_t handle,
                  std::size_t expected_groups)
      : config_(&config), builder_(&builder), handle_(handle), random_(random) {
    size_ = config.size * std::exp(config.size_deviation * random_.normal());
    const double u = random_.uniform();
    half_spread_ = u < 0.75 ? 1 : u < 0.95 ? 2 : 4;
    noise_ = noise_deviation * random_.normal();
    truth_.ts_us.reserve(expected_groups);
    for (auto* const values : {&truth_.probability, &truth_.belief, &truth_.clock, &truth_.level}) {
      values->reserve(expected_groups);
    }
  }

  /// One decision group: news for the belief, then what happens in the book. The first is a snapshot.
  void group(Micros time, double probability, double clock, double level) {
    const bool first = truth_.ts_us.empty();
    learned_ = first ? probability : learned_ + (probability - learned_) / config_->lag;
    const double belief = probability + config_->edge * (learned_ - probability);
    truth_.ts_us.push_back(time);
    truth_.probability.push_back(probability);
    truth_.belief.push_back(belief);
    truth_.clock.push_back(clock);
    truth_.level.push_back(level);
    time_ = time;
    lean_ = std::clamp((probability - belief) / 0.04, -2.5, 2.5);
    if (!first) {
      const float u = random_.uniform<float>();
      if (u < 0.007F) half_spread_ = std::min(half_spread_ + 1, 5);
      if (u >= 0.007F && u < 0.02F) half_spread_ = std::max(half_spread_ - 1, 1);
      noise_ = noise_memory * noise_ + noise_innovation * random_.normal();
    }
    const double center = 100.0 * belief + noise_, width = 0.75 * half_spread_;
    const int bid = static_cast<int>(std::floor(center - width)), ask = static_cast<int>(std::ceil(center + width));
    const std::array<int, 2> quotes = {std::clamp(bid, 0, 99), std::clamp(100 - ask, 0, 99)};
    if (first) return open(quotes);
    // Both sides make room before either improves, or the book would be crossed in between.
    bool moved = false;
    for (const BookSide side : {BookSide::yes, BookSide::no}) moved |= retreat(side, quotes[static_cast<std::size_t>(side)]);
    for (const BookSide side : {BookSide::yes, BookSide::no}) moved |= improve(side, quotes[static_cast<std::size_t>(side)]);
    if (moved) return;
    if (random_.uniform<float>() < static_cast<float>(config_->trade_share) && trade()) return;
    resize();
  }

  MarketTruth take_truth() { return std::move(truth_); }

 private:
  static constexpr double noise_deviation = 0.15, noise_memory = 0.9;  // cents
  static constexpr double noise_innovation = 0.06538348415311011;      // 0.15 sqrt(1 - 0.9^2)
  static constexpr int max_depth = 10;

  // Bids of one side by their own price in cents: YES bids, or NO bids.
  struct Side {
    std::array<Count, 100> sizes{};
    int quote = 0;  // 0: withdrawn. No level is better.
  };

  static Price yes_price(BookSide side, int cents) noexcept { return 100 * (side == BookSide::yes ? cents : 100 - cents); }
  Side& at(BookSide side) noexcept { return sides_[static_cast<std::size_t>(side)]; }

  void emit(EventKind kind, Price price, Count count) { builder_->append(handle_, {time_, kind, price, count}); }
  void change(BookSide side, int cents, Count count) {
    at(side).sizes[static_cast<std::size_t>(cents)] += count;
    emit(side == BookSide::yes ? EventKind::level_delta_yes : EventKind::level_delta_no, yes_price(side, cents), count);
  }

  Count draw_size(BookSide side, int distance) {
    double size = 0.0;
    if (random_.uniform<float>() < static_cast<float>(config_->small_share)) {
      size = random_.uniform(1.0, 5.0);
    } else {
      const double lean = distance == 0 ? (side == BookSide::yes ? 1.3 : -1.3) * lean_ : 0.0;
      size = size_ * std::exp(lean + 0.1 * distance + config_->level_deviation * random_.normal());
    }
    size = std::clamp(size, 1.0, 1e7);
    const bool fractional = random_.uniform<float>() < static_cast<float>(config_->fractional_share);
    return fractional ? std::llround(100.0 * size) : contracts(std::llround(size));
  }

  void open(const std::array<int, 2>& quotes) {
    emit(EventKind::book_clear, 0, 0);
    for (const BookSide side : {BookSide::yes, BookSide::no}) {
      const int quote = at(side).quote = quotes[static_cast<std::size_t>(side)];
      for (int distance = 0; distance < max_depth && distance < quote; ++distance) {
        if (distance > 0 && random_.uniform<float>() >= 0.8F) continue;
        const Count size = draw_size(side, distance);
        at(side).sizes[static_cast<std::size_t>(quote - distance)] = size;
        emit(side == BookSide::yes ? EventKind::level_set_yes : EventKind::level_set_no, yes_price(side, quote - distance),
             size);
      }
    }
  }

  // Deletes the levels better than the quote; true if there were any.
  bool retreat(BookSide side, int quote) {
    Side& book = at(side);
    bool changed = false;
    for (; book.quote > quote; --book.quote) {
      const Count size = book.sizes[static_cast<std::size_t>(book.quote)];
      if (size == 0) continue;
      change(side, book.quote, -size);
      changed = true;
    }
    return changed;
  }

  // Makes the level of the quote; false if it is there.
  bool improve(BookSide side, int quote) {
    Side& book = at(side);
    book.quote = quote;
    if (quote == 0 || book.sizes[static_cast<std::size_t>(quote)] != 0) return false;
    change(side, quote, draw_size(side, 0));
    return true;
  }

  // A taker meets the touch of one side; false if that side is empty.
  bool trade() {
    const bool buys_yes = random_.uniform() < normal_cdf(1.2 * lean_);
    const BookSide side = buys_yes ? BookSide::no : BookSide::yes;
    const int cents = at(side).quote;
    if (cents == 0) return false;
    const double wanted = std::ceil(std::exp(1.5 + 1.2 * random_.normal()));
    const Count count =
        std::min(contracts(std::llround(std::min(wanted, 1e7))), at(side).sizes[static_cast<std::size_t>(cents)]);
    emit(buys_yes ? EventKind::trade_yes : EventKind::trade_no, yes_price(side, cents), count);
    change(side, cents, -count);
    return true;
  }

  void resize() {
    BookSide side = (random_.next_u32() & 1U) != 0 ? BookSide::yes : BookSide::no;
    if (at(side).quote == 0) side = opposite(side);
    const double depth = -1.5 * std::log(1.0 - random_.uniform());
    const int distance = static_cast<int>(std::min(depth, static_cast<double>(at(side).quote - 1)));
    const int cents = at(side).quote - distance;
    const Count before = at(side).sizes[static_cast<std::size_t>(cents)];
    if (distance > 0 && before > 0 && random_.uniform<float>() < 0.3F) return change(side, cents, -before);
    const Count after = draw_size(side, distance);
    change(side, cents, after != before ? after - before : one_contract);
  }

  const SyntheticConfig* config_;
  SessionBuilder* builder_;
  std::size_t handle_;
  RandomStream random_;
  MarketTruth truth_;
  std::array<Side, 2> sides_;
  Micros time_ = 0;
  double size_ = 0.0, learned_ = 0.0, lean_ = 0.0, noise_ = 0.0;
  int half_spread_ = 1;
};

/// The parts of a day that have their own streams.
enum class SyntheticAspect : std::uint8_t { structure = 16, path = 17, arrivals = 18, book = 19 };

/// The stream of one part of one day. `market`: 0 where the part is the whole event's.
inline RandomStream synthetic_stream(std::uint64_t seed, std::size_t day, SyntheticAspect aspect, std::size_t market = 0) {
  return RandomStream({.seed = seed,
                       .purpose = static_cast<Purpose>(static_cast<unsigned>(Purpose::user) + static_cast<unsigned>(aspect)),
                       .env = static_cast<std::uint32_t>(market),
                       .step = day});
}

/// Milliseconds of a market's groups, all different, the first at its opening and the last before `close_ms`.
inline std::vector<std::int64_t> synthetic_arrivals(const SyntheticConfig& config, std::int64_t close_ms, RandomStream random) {
  const double duration_ms = 1000.0 * config.duration_s * std::exp(config.duration_deviation * random.normal());
  double nominal = config.groups * std::exp(config.groups_deviation * random.normal());
  nominal = std::clamp(nominal, config.min_groups, config.max_groups);
  if (random.uniform() < config.short_share) nominal = random.uniform(config.min_short_groups, config.max_short_groups);
  const std::array<double, 2> mean_ms = {duration_ms / (config.calm_rate * nominal),
                                         duration_ms / (config.burst_rate * nominal)};
  const std::array<double, 2> leave = {config.calm_to_burst, config.burst_to_calm};
  std::vector<std::int64_t> times;
  times.reserve(static_cast<std::size_t>(nominal));
  std::size_t state = 0;
  double time = 0.0;
  std::int64_t last = close_ms - std::max<std::int64_t>(std::llround(duration_ms), 1);
  for (const std::int64_t open_ms = last; last < close_ms;) {
    times.push_back(last);
    if (random.uniform<float>() < static_cast<float>(leave[state])) state = 1 - state;
    time -= mean_ms[state] * std::log(1.0 - random.uniform());
    last = std::max(last + 1, open_ms + static_cast<std::int64_t>(std::min(time, duration_ms)));
  }
  return times;
}

/// `SERIES-25JAN01`.
inline std::string synthetic_event_ticker(const std::string& series, Micros day_us) {
  constexpr std::array<const char*, 12> months = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                                  "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
  const std::string date = io::format_date(day_us / 1000);  // 2025-01-01
  return series + '-' + date.substr(2, 2) + months[static_cast<std::size_t>(std::stoi(date.substr(5, 2)) - 1)] +
         date.substr(8, 2);
}

}  // namespace detail

inline void SyntheticConfig::validate() const {
  const auto check = [](const char* name, double value, double low, double high) {
    if (value >= low && value <= high) return;
    throw ConfigError(std::string("SyntheticConfig.") + name + ": expected " + std::to_string(low) + " to " +
                      std::to_string(high) + ", found " + std::to_string(value));
  };
  check("sessions", static_cast<double>(sessions), 1.0, 20'000.0);
  check("edge", edge, 0.0, 1.0);
  check("lag", lag, 1.0, 1e6);
  check("min_brackets", min_brackets, 2.0, 20.0);
  check("max_brackets", max_brackets, min_brackets, 20.0);
  check("center_deviation", center_deviation, 0.0, 10.0);
  check("spacing", spacing, 0.0, 10.0);
  check("bound_jitter", bound_jitter, 0.0, 10.0);
  check("news", news, 0.0, 10'000.0);
  check("news_share", news_share, 0.0, 1.0);
  check("news_window", news_window, 0.0, 1.0);
  check("duration_s", duration_s, 60.0, 1e7);
  check("duration_deviation", duration_deviation, 0.0, 1.0);
  check("min_groups", min_groups, 3.0, 1e7);
  check("max_groups", max_groups, min_groups, 1e7);
  check("groups", groups, min_groups, max_groups);
  check("groups_deviation", groups_deviation, 0.0, 3.0);
  check("short_share", short_share, 0.0, 1.0);
  check("min_short_groups", min_short_groups, 3.0, 1e7);
  check("max_short_groups", max_short_groups, min_short_groups, 1e7);
  check("calm_rate", calm_rate, 0.01, 100.0);
  check("burst_rate", burst_rate, 0.01, 100.0);
  check("calm_to_burst", calm_to_burst, 0.0, 1.0);
  check("burst_to_calm", burst_to_calm, 0.0, 1.0);
  check("size", size, 1.0, 1e6);
  check("size_deviation", size_deviation, 0.0, 3.0);
  check("level_deviation", level_deviation, 0.0, 3.0);
  check("small_share", small_share, 0.0, 1.0);
  check("fractional_share", fractional_share, 0.0, 1.0);
  check("trade_share", trade_share, 0.0, 1.0);
  kalshi::validate(fees, TickGrid::linear_cent);
  constexpr Micros day_us = 86'400'000'000;
  if (first_day_us % day_us != 0 || first_day_us < first_believed_us || first_day_us >= end_believed_us) {
    throw ConfigError("SyntheticConfig.first_day_us: expected a midnight UTC from 2020 to 2099 in microseconds, found " +
                      std::to_string(first_day_us));
  }
  bool clean = !series.empty() && series.size() <= 50;
  for (const char c : series) clean = clean && c > 0x20 && c < 0x7F && c != '-';
  if (!clean)
    throw ConfigError("SyntheticConfig.series: expected 1 to 50 printable characters without '-', found '" + series + "'");
}

inline std::vector<double> SyntheticTruth::probabilities(double clock, double level) const {
  std::vector<double> result(bounds.size() + 1);
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = detail::bracket_probability(bounds, i, clock, level);
  return result;
}

inline SyntheticSession generate_session(const SyntheticConfig& config, std::uint64_t seed, std::size_t day) {
  using detail::SyntheticAspect;
  config.validate();
  constexpr Micros day_us = 86'400'000'000;
  if (day >= static_cast<std::size_t>((end_believed_us - config.first_day_us) / day_us)) {
    throw ConfigError("synthetic day " + std::to_string(day) + ": lies after 2099; expected a smaller day or first_day_us");
  }
  const Micros midnight = config.first_day_us + static_cast<Micros>(day) * day_us;
  const std::int64_t close_ms = midnight / 1000 + 23 * 3'600'000;

  SyntheticSession result;
  SyntheticTruth& truth = result.truth;
  RandomStream structure = detail::synthetic_stream(seed, day, SyntheticAspect::structure);
  const auto brackets = static_cast<std::size_t>(config.min_brackets) +
                        structure.bounded(static_cast<std::uint64_t>(config.max_brackets - config.min_brackets + 1));
  const double center = config.center_deviation * structure.normal();
  for (std::size_t i = 0; i + 1 < brackets; ++i) {
    const double offset = static_cast<double>(i) - 0.5 * static_cast<double>(brackets - 2);
    truth.bounds.push_back(center + config.spacing * offset + config.bound_jitter * structure.normal());
  }
  std::sort(truth.bounds.begin(), truth.bounds.end());
  detail::InformationClock information(config, structure);

  std::vector<std::vector<std::int64_t>> arrivals;
  std::int64_t open_ms = close_ms;
  for (std::size_t m = 0; m < brackets; ++m) {
    arrivals.push_back(
        detail::synthetic_arrivals(config, close_ms, detail::synthetic_stream(seed, day, SyntheticAspect::arrivals, m)));
    open_ms = std::min(open_ms, arrivals.back().front());
  }
  if (1000 * open_ms < first_believed_us) {
    throw ConfigError("synthetic day " + std::to_string(day) + ": a market opens before 2020; expected a later first_day_us");
  }

  SessionBuilder builder(static_cast<SessionId>(day) + 1);
  builder.set_source(detail::synthetic_source(config, seed));
  builder.set_span(1000 * open_ms, 1000 * close_ms);
  const std::string event = detail::synthetic_event_ticker(config.series, midnight);
  std::vector<detail::SyntheticMarket> markets;
  markets.reserve(brackets);
  for (std::size_t m = 0; m < brackets; ++m) {
    // Two digits, so that the order of the tickers is that of the brackets.
    MarketInfo info;
    info.ticker = event + "-B" + std::to_string(m / 10) + std::to_string(m % 10);
    info.event_ticker = event;
    info.series_ticker = config.series;
    info.open_us = 1000 * arrivals[m].front();
    info.close_us = 1000 * close_ms;
    info.fees = config.fees;
    markets.emplace_back(config, detail::synthetic_stream(seed, day, SyntheticAspect::book, m), builder,
                         builder.set_market(info), arrivals[m].size());
  }

  RandomStream path = detail::synthetic_stream(seed, day, SyntheticAspect::path);
  double clock = 0.0, level = 0.0;
  const auto advance_to = [&](double until) {
    if (until > clock) level += std::sqrt(until - clock) * path.normal();
    clock = std::max(clock, until);
  };
  std::vector<std::size_t> next(brackets, 0);
  const double per_ms = 1.0 / static_cast<double>(close_ms - open_ms);
  for (;;) {
    std::size_t m = 0;
    std::int64_t time = close_ms;
    for (std::size_t i = 0; i < brackets; ++i) {
      if (next[i] == arrivals[i].size() || arrivals[i][next[i]] >= time) continue;
      m = i;
      time = arrivals[i][next[i]];
    }
    if (time == close_ms) break;
    ++next[m];
    advance_to(information.at(static_cast<double>(time - open_ms) * per_ms));
    markets[m].group(1000 * time, detail::bracket_probability(truth.bounds, m, clock, level), clock, level);
  }
  advance_to(1.0);
  truth.final_level = level;
  truth.winner =
      static_cast<std::size_t>(std::upper_bound(truth.bounds.begin(), truth.bounds.end(), level) - truth.bounds.begin());
  for (std::size_t m = 0; m < brackets; ++m) {
    builder.set_settlement(m, m == truth.winner ? one_dollar : 0);
    truth.markets.push_back(markets[m].take_truth());
  }
  result.session = builder.finish();
  return result;
}

inline std::optional<SyntheticSession> regenerate_session(std::shared_ptr<const SessionData> session) {
  SyntheticConfig config;
  std::uint64_t seed = 0;
  if (session->session_id() < 1 || !detail::read_synthetic_source(session->source(), config, seed)) return std::nullopt;
  try {
    SyntheticSession made = generate_session(config, seed, static_cast<std::size_t>(session->session_id() - 1));
    if (made.session->sha256() != session->sha256()) return std::nullopt;
    made.session = std::move(session);
    return made;
  } catch (const ConfigError&) {  // the source names values that no session was made from
    return std::nullopt;
  }
}

inline std::vector<SyntheticSession> generate_sessions(const SyntheticConfig& config, std::uint64_t seed) {
  config.validate();
  std::vector<SyntheticSession> sessions;
  sessions.reserve(config.sessions);
  for (std::size_t day = 0; day < config.sessions; ++day) sessions.push_back(generate_session(config, seed, day));
  return sessions;
}

}  // namespace rlx::inline v0_1::kalshi

#endif  // RLX_KALSHI_SYNTHETIC_SESSION_HPP
