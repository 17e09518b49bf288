// SPDX-License-Identifier: MIT
/// @file
/// @brief The features of a signal: what was on record strictly before it, and nothing else.
#ifndef RLX_SIGNALS_FEATURES_HPP
#define RLX_SIGNALS_FEATURES_HPP

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numbers>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/hash.hpp>
#include <rlx/signals/detail/id_table.hpp>
#include <rlx/signals/recent_context.hpp>
#include <rlx/signals/records.hpp>

namespace rlx::inline v0_1::signals {

/// What the features are measured against. Keep it equal to the limits of the flow manager.
struct FeatureConfig {
  std::vector<std::string> strategies = {"momentum", "mean_reversion", "arbitrage"};  ///< any other counts as "other"
  double max_exposure = 100'000;                                                      ///< quote currency, above 0
  std::size_t max_daily_trades = 100;                                                 ///< at least 1
  double max_loss_pct = 0.02;                                                         ///< of the equity, above 0
  std::optional<double> equity = {};  ///< without it the loss of the day is missing
  double max_price_age = 60;          ///< seconds, above 0; an older price is none
  std::size_t memory = 0;             ///< the newest signals that count, as the agent remembers them; 0: all that are given
};

/// Names and order of the columns.
struct FeatureSchema {
  static constexpr int version = 1;  ///< of names and meaning of the columns
  std::vector<std::string> names{};  ///< of the columns, in order
  std::string hash{};                ///< SHA-256 of version and names

  /// Number of columns.
  std::size_t size() const noexcept { return names.size(); }
  /// Columns that drift is measured on: all but the calendar, which moves by itself.
  std::vector<bool> watched() const {
    std::vector<bool> result;
    for (const std::string& name : names) result.push_back(!name.starts_with("hour_") && !name.starts_with("weekday_"));
    return result;
  }
  /// Memberwise.
  bool operator==(const FeatureSchema&) const = default;
};

/// Columns behind the strategies, in order.
inline constexpr std::array<std::string_view, 26> common_features = {"ln_amount",
                                                                     "ln_notional",
                                                                     "volatility",
                                                                     "trend_score",
                                                                     "spread_bps",
                                                                     "market_age",
                                                                     "exposure_share",
                                                                     "exposure_after_share",
                                                                     "trades_today_share",
                                                                     "loss_today_share",
                                                                     "strategy_rejection_rate",
                                                                     "recent_rejection_rate",
                                                                     "strategy_mean_pnl",
                                                                     "hour_sin",
                                                                     "hour_cos",
                                                                     "weekday_sin",
                                                                     "weekday_cos",
                                                                     "agent_latency",
                                                                     "amount_missing",
                                                                     "notional_missing",
                                                                     "market_missing",
                                                                     "loss_missing",
                                                                     "recent_missing",
                                                                     "pnl_missing",
                                                                     "latency_missing",
                                                                     "time_missing"};

/// The schema of a configuration: one column for each strategy, one for all others, then `common_features`.
template <class = void>
FeatureSchema feature_schema(const FeatureConfig& config) {
  FeatureSchema schema;
  for (const std::string& strategy : config.strategies) schema.names.push_back("strategy=" + strategy);
  schema.names.emplace_back("strategy_other");
  schema.names.insert(schema.names.end(), common_features.begin(), common_features.end());
  Sha256 hash;
  hash.update("signal features " + std::to_string(FeatureSchema::version));
  for (const std::string& name : schema.names) hash.update(std::string_view("\n")).update(name);
  schema.hash = hash.hex();
  return schema;
}

/// @throws ConfigError naming the field
template <class = void>
void check(const FeatureConfig& config) {
  const auto above_zero = [](const char* name, double value) {
    if (!is_finite(value) || !(value > 0)) {
      throw ConfigError(std::string("FeatureConfig.") + name + " must be finite and above 0, got " + std::to_string(value));
    }
  };
  above_zero("max_exposure", config.max_exposure);
  above_zero("max_daily_trades", static_cast<double>(config.max_daily_trades));
  above_zero("max_loss_pct", config.max_loss_pct);
  above_zero("max_price_age", config.max_price_age);
  if (config.equity) above_zero("equity", *config.equity);
}

namespace detail {

/// Positions of records by ascending time; records of equal time keep their order, those without a finite time are left out.
template <class T, class Time>
std::vector<std::uint32_t> by_time(const std::vector<T>& records, Time time) {
  std::vector<std::uint32_t> order;
  order.reserve(records.size());
  bool sorted = true;
  double last = -std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < records.size(); ++i) {
    const double t = time(records[i]);
    if (!is_finite(t)) continue;
    sorted = sorted && last <= t;
    last = t;
    order.push_back(static_cast<std::uint32_t>(i));
  }
  if (!sorted) {
    std::stable_sort(order.begin(), order.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return time(records[a]) < time(records[b]); });
  }
  return order;
}

/// Days since 1970-01-01 UTC; huge times are clamped.
inline std::int64_t utc_day(double t) { return static_cast<std::int64_t>(std::floor(std::clamp(t, -1e14, 1e14) / 86'400)); }

}  // namespace detail

/**
 * @brief Walks over the records of a snapshot in the order of time and gives the features of signals on its way.
 *
 * A record counts for a signal only if its time is strictly before the signal's. What is missing is 0, with a flag column.
 * A signal that is neither refused nor closed by a final P&L counts as open: an agent does not know better.
 * The snapshot must outlive this object and stay as it is.
 * @par Complexity  O(1) for each record and each row, after one hash of each id; sorts what is not in the order of time
 * Called FeatureBuilder. @tparam Records  ContextSnapshot; a parameter so that a program compiles only what it uses
 */
template <class Records>
class BasicFeatureBuilder {
 public:
  /// @throws ConfigError
  BasicFeatureBuilder(const Records& records, const FeatureConfig& config)
      : records_(&records),
        config_(config),
        signal_order_(detail::by_time(records.signals, [](const Signal& r) { return r.timestamp; })),
        rejection_order_(detail::by_time(records.rejections, [](const Rejection& r) { return r.timestamp; })),
        pnl_order_(detail::by_time(records.pnl, [](const PnlSnapshot& r) { return r.timestamp; })),
        market_order_(detail::by_time(records.markets, [](const MarketSnapshot& r) { return r.timestamp; })),
        exchange_order_(detail::by_time(records.exchanges, [](const AgentExchange& r) { return r.received_at; })),
        by_id_(records.signals),
        rejected_signal_(by_id_.join(records.rejections)),
        pnl_signal_(by_id_.join(records.pnl)),
        facts_(records.signals.size()),
        strategies_(config.strategies.size() + 1) {
    check(config);
    for (std::size_t s = 0; s < config_.strategies.size(); ++s) strategy_index_.emplace(config_.strategies[s], s);
  }

  /// Signals by ascending time, those without a finite time left out.
  std::span<const std::uint32_t> signal_order() const noexcept { return signal_order_; }
  /// No signal.
  static constexpr std::uint32_t none = detail::IdTable::none;
  /// Signals of `signal_order()` that were taken in so far; of these only the times are read again.
  std::size_t signals_done() const noexcept { return signals_done_; }
  /// Position of the signal of each of other records; `none` for an orphan.
  template <class Record>
  std::vector<std::uint32_t> signal_of(const std::vector<Record>& records) const {
    return by_id_.join(records);
  }
  /// Position of the signal of each rejection; `none` for an orphan.
  std::span<const std::uint32_t> signal_of_rejections() const noexcept { return rejected_signal_; }
  /// Position of the signal of each P&L snapshot; `none` for an orphan.
  std::span<const std::uint32_t> signal_of_pnl() const noexcept { return pnl_signal_; }

  /// Writes the features of a signal into `row`, feature_schema(config).size() numbers; times must not fall from one call to
  /// the next.
  void features(const Signal& signal, std::span<double> row) {
    const double t = signal.timestamp;
    if (is_finite(t)) advance(t);
    std::fill(row.begin(), row.end(), 0.0);
    const std::size_t strategy = strategy_of(signal);
    const StrategyState& of_strategy = strategies_[strategy];
    row[strategy] = 1;
    double* const f = row.data() + strategies_.size();

    const std::optional<double> amount = positive(signal.params.amount);
    const MarketSnapshot* const market = market_of(signal);
    const std::optional<double> notional = notional_of(signal, market);
    if (amount) f[0] = std::log(*amount);
    if (notional) f[1] = std::log(*notional);
    if (market != nullptr) {
      f[2] = market->volatility;
      f[3] = market->trend_score;
      f[4] = market->spread_bps;
      f[5] = t - market->timestamp;
    }
    const double exposure = std::max(0.0, exposure_);
    f[6] = exposure / config_.max_exposure;
    f[7] = (exposure + notional.value_or(0)) / config_.max_exposure;
    const std::int64_t day = detail::utc_day(t);
    const bool today = is_finite(t) && day == day_;
    f[8] = today ? static_cast<double>(trades_today_) / static_cast<double>(config_.max_daily_trades) : 0;
    if (config_.equity) f[9] = (today ? std::max(0.0, -pnl_today_) : 0) / (config_.max_loss_pct * *config_.equity);
    f[10] = static_cast<double>(of_strategy.rejections + 1) / static_cast<double>(of_strategy.signals + 2);
    std::size_t recent = 0, recent_rejected = 0;
    for (const std::uint32_t i : recent_) {
      if (i == none || facts_[i].filtered) continue;
      ++recent;
      recent_rejected += facts_[i].rejected ? 1U : 0U;
    }
    if (recent != 0) f[11] = static_cast<double>(recent_rejected) / static_cast<double>(recent);
    const std::size_t resolved = std::min(of_strategy.resolved, of_strategy.pnl.size());
    if (resolved != 0) {
      f[12] = std::accumulate(of_strategy.pnl.begin(), of_strategy.pnl.begin() + static_cast<std::ptrdiff_t>(resolved), 0.0) /
              static_cast<double>(resolved);
    }
    if (is_finite(t)) {
      const double seconds = t - static_cast<double>(day) * 86'400;
      const double hour = 2 * std::numbers::pi * seconds / 86'400;
      const double weekday = 2 * std::numbers::pi * static_cast<double>((day % 7 + 7 + 3) % 7) / 7;  // 1970-01-01: a Thursday
      f[13] = std::sin(hour);
      f[14] = std::cos(hour);
      f[15] = std::sin(weekday);
      f[16] = std::cos(weekday);
    }
    if (latency_) f[17] = *latency_;
    f[18] = amount ? 0 : 1;
    f[19] = notional ? 0 : 1;
    f[20] = market != nullptr ? 0 : 1;
    f[21] = config_.equity ? 0 : 1;
    f[22] = recent != 0 ? 0 : 1;
    f[23] = resolved != 0 ? 0 : 1;
    f[24] = latency_ ? 0 : 1;
    f[25] = is_finite(t) ? 0 : 1;
    // What overflows is as useless as what is missing.
    for (double& x : row) x = is_finite(x) ? x : 0;
  }

 private:
  /// What is known of a signal so far.
  struct Facts {
    double notional = 0;
    std::uint32_t strategy = 0;
    bool seen = false;      // its time is past
    bool gone = false;      // no longer remembered
    bool rejected = false;  // not by the model
    bool filtered = false;  // by the model
    bool closed = false;    // with a final P&L
    bool counted = false;   // in the counts of its strategy
    bool open() const { return !rejected && !filtered && !closed; }
  };
  struct StrategyState {
    std::size_t signals = 0, rejections = 0;
    std::array<double, 20> pnl{};  // of the last resolved, a ring
    std::size_t resolved = 0;
  };

  static std::optional<double> positive(const std::optional<double>& value) {
    return value && is_finite(*value) && *value > 0 ? value : std::nullopt;
  }
  std::size_t strategy_of(const Signal& signal) const {
    const auto found = strategy_index_.find(std::string_view(signal.strategy));
    return found == strategy_index_.end() ? config_.strategies.size() : found->second;
  }
  const MarketSnapshot* market_of(const Signal& signal) {
    name_.assign(signal.params.base).append(1, '/').append(signal.params.quote);
    const auto found = markets_.find(std::string_view(name_));
    return found == markets_.end() ? nullptr : found->second;
  }
  std::optional<double> notional_of(const Signal& signal, const MarketSnapshot* market) const {
    const std::optional<double> amount = positive(signal.params.amount);
    std::optional<double> price = positive(signal.params.price);
    if (!signal.params.price && market != nullptr && signal.timestamp - market->timestamp <= config_.max_price_age) {
      price = market->price;
    }
    if (!amount || !price || !is_finite(*amount * *price) || !(*amount * *price > 0)) return std::nullopt;
    return *amount * *price;
  }

  /// Takes in everything before t, in the order of time. Of equal times: prices, signals, refusals, P&L.
  void advance(double t) {
    for (;;) {
      const double times[] = {
          next_time(market_order_, markets_done_, [this](std::size_t i) { return records_->markets[i].timestamp; }),
          next_time(signal_order_, signals_done_, [this](std::size_t i) { return records_->signals[i].timestamp; }),
          next_time(rejection_order_, rejections_done_, [this](std::size_t i) { return records_->rejections[i].timestamp; }),
          next_time(pnl_order_, pnl_done_, [this](std::size_t i) { return records_->pnl[i].timestamp; })};
      const auto first = std::min_element(std::begin(times), std::end(times)) - std::begin(times);
      if (!(times[first] < t)) break;
      if (first == 0) add_market(records_->markets[market_order_[markets_done_++]]);
      if (first == 1) add_signal(signal_order_[signals_done_++]);
      if (first == 2) add_rejection(rejection_order_[rejections_done_++]);
      if (first == 3) add_pnl(pnl_order_[pnl_done_++]);
    }
    for (; exchanges_done_ < exchange_order_.size(); ++exchanges_done_) {
      const AgentExchange& exchange = records_->exchanges[exchange_order_[exchanges_done_]];
      if (!(exchange.received_at < t)) break;
      latency_ = exchange.latency();
    }
    turn_to(detail::utc_day(t));
  }
  template <class Time>
  static double next_time(const std::vector<std::uint32_t>& order, std::size_t done, Time time) {
    return done < order.size() ? time(order[done]) : std::numeric_limits<double>::infinity();
  }

  void turn_to(std::int64_t day) {
    if (day == day_) return;
    day_ = day;
    trades_today_ = 0;
    pnl_today_ = 0;
  }
  void add_market(const MarketSnapshot& market) { markets_.insert_or_assign(std::string_view(market.market), &market); }
  void add_signal(std::uint32_t i) {
    const Signal& signal = records_->signals[i];
    turn_to(detail::utc_day(signal.timestamp));
    Facts& facts = facts_[i];
    facts.seen = true;
    facts.strategy = static_cast<std::uint32_t>(strategy_of(signal));
    facts.notional = notional_of(signal, market_of(signal)).value_or(0);
    facts.counted = !facts.filtered;
    strategies_[facts.strategy].signals += facts.counted ? 1U : 0U;
    strategies_[facts.strategy].rejections += facts.counted && facts.rejected ? 1U : 0U;
    if (facts.open()) {  // a refusal may bear an earlier time than its signal
      exposure_ += facts.notional;
      ++trades_today_;
    }
    recent_[signals_done_ % recent_.size()] = i;
    if (config_.memory != 0 && signals_done_ > config_.memory) forget(signal_order_[signals_done_ - 1 - config_.memory]);
  }
  void forget(std::uint32_t i) {
    Facts& facts = facts_[i];
    if (facts.open()) exposure_ -= facts.notional;
    strategies_[facts.strategy].signals -= facts.counted ? 1U : 0U;
    strategies_[facts.strategy].rejections -= facts.counted && facts.rejected ? 1U : 0U;
    facts.gone = true;
  }
  void add_rejection(std::uint32_t i) {
    const Rejection& rejection = records_->rejections[i];
    const std::uint32_t of = rejected_signal_[i];
    // An unknown execution counts as filled.
    if (of == none || rejection.code == RejectionCode::execution_unknown) return;
    Facts& facts = facts_[of];
    const bool was_open = facts.seen && !facts.gone && facts.open();
    const bool filtered = rejection.code == RejectionCode::model_filtered;
    if (facts.counted && !facts.gone) {
      StrategyState& state = strategies_[facts.strategy];
      if (filtered && !facts.rejected) {
        --state.signals;
        facts.counted = false;
      }
      state.rejections += !filtered && !facts.rejected ? 1U : 0U;
    }
    (filtered ? facts.filtered : facts.rejected) = true;
    if (was_open) {
      exposure_ -= facts.notional;
      if (detail::utc_day(records_->signals[of].timestamp) == day_ && trades_today_ > 0) --trades_today_;
    }
  }
  void add_pnl(std::uint32_t i) {
    const PnlSnapshot& pnl = records_->pnl[i];
    const std::uint32_t of = pnl_signal_[i];
    if (of == none || !pnl.final) return;
    Facts& facts = facts_[of];
    if (facts.closed) return;
    if (facts.seen && !facts.gone && facts.open()) exposure_ -= facts.notional;
    facts.closed = true;
    turn_to(detail::utc_day(pnl.timestamp));
    pnl_today_ += pnl.pnl;
    StrategyState& state = strategies_[facts.seen ? facts.strategy : strategy_of(records_->signals[of])];
    state.pnl[state.resolved % state.pnl.size()] = pnl.pnl;
    ++state.resolved;
  }

  const Records* records_;
  FeatureConfig config_;
  std::vector<std::uint32_t> signal_order_, rejection_order_, pnl_order_, market_order_, exchange_order_;
  detail::IdTable by_id_;
  std::vector<std::uint32_t> rejected_signal_, pnl_signal_;
  std::size_t signals_done_ = 0, rejections_done_ = 0, pnl_done_ = 0, markets_done_ = 0, exchanges_done_ = 0;
  std::unordered_map<std::string, std::size_t, detail::TextHash, std::equal_to<>> strategy_index_;
  std::unordered_map<std::string_view, const MarketSnapshot*> markets_;  // the last of each
  std::vector<Facts> facts_;
  std::vector<StrategyState> strategies_;
  std::array<std::uint32_t, 10> recent_ = {none, none, none, none, none, none, none, none, none, none};
  std::optional<double> latency_;
  double exposure_ = 0;
  std::int64_t day_ = std::numeric_limits<std::int64_t>::min();
  std::size_t trades_today_ = 0;
  double pnl_today_ = 0;
  std::string name_;
};

/// As the library uses it. @see BasicFeatureBuilder
using FeatureBuilder = BasicFeatureBuilder<ContextSnapshot>;

}  // namespace rlx::inline v0_1::signals

#endif  // RLX_SIGNALS_FEATURES_HPP
