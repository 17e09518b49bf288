// SPDX-License-Identifier: MIT
/// @file
/// @brief The funding-arbitrage environment: an exact account of a two-venue trade on a market tape.
#ifndef RLX_FUNDING_ENVIRONMENT_HPP
#define RLX_FUNDING_ENVIRONMENT_HPP

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/random.hpp>
#include <rlx/core/state.hpp>
#include <rlx/env/environment.hpp>
#include <rlx/env/space.hpp>
#include <rlx/funding/actions.hpp>
#include <rlx/funding/attribution.hpp>
#include <rlx/funding/decision_state.hpp>
#include <rlx/funding/environment_config.hpp>
#include <rlx/funding/feature_tape.hpp>
#include <rlx/funding/market_tape.hpp>
#include <rlx/funding/observation.hpp>
#include <rlx/funding/portfolio.hpp>

namespace rlx::inline v0_1::funding {

/// Overrides of one reset; what is empty is drawn from the seed or taken from the configuration.
struct ResetOptions {
  std::optional<std::size_t> start_step;  ///< step of the tape, in [window_begin, window_end)
  std::optional<TradingConfig> trading;   ///< settings of the episode
};

/// Figures of the running episode; read after a step, valid until the next call.
struct EpisodeInfo {
  std::int64_t time_ms = 0;             ///< of the last observation, ms UTC
  std::size_t tape_step = 0;            ///< index of the tape's grid
  std::int64_t step = 0;                ///< decisions made in this episode
  double initial_equity = 0.0;          ///< capital at the reset, USD
  double equity = 0.0;                  ///< mark to market, USD; read it every step for the equity path
  double peak_equity = 0.0;             ///< largest so far, USD
  double drawdown = 0.0;                ///< now, share of the peak
  double max_drawdown = 0.0;            ///< largest so far, share of the peak
  double margin_utilization = 0.0;      ///< now
  double utilization_sum = 0.0;         ///< over the steps
  int open_positions = 0;               ///< slots that are taken
  std::int64_t trades = 0;              ///< pairs opened
  std::int64_t closed_trades = 0;       ///< pairs that ended, for whatever reason
  std::int64_t wins = 0;                ///< closed with a profit after all costs
  std::int64_t liquidations = 0;        ///< pairs of which a leg was liquidated
  std::int64_t stop_losses = 0;         ///< pairs that the stop-loss closed
  std::int64_t stale_closes = 0;        ///< pairs that were closed because a price stayed stale for a day
  std::int64_t lapsed_orders = 0;       ///< delayed orders that were no longer legal
  std::int64_t failed_legs = 0;         ///< entries undone because the short leg did not fill
  std::int64_t missed_settlements = 0;  ///< stamps of held legs that passed without a payment
  std::int64_t transfers = 0;           ///< started between venues
  double hold_hours = 0.0;              ///< sum over closed trades
  double insurance = 0.0;               ///< losses beyond isolated margins, USD
  Attribution attribution;              ///< since the reset, USD
  TradingConfig trading;                ///< settings of the episode
};

namespace detail {

/// Everything an environment holds. It refers to itself (positions, cash), so a copy must be rebound.
struct EnvironmentData {
  std::shared_ptr<const MarketTape> tape_;
  std::shared_ptr<const FeatureTape> features_;
  EnvironmentConfig config_;
  Portfolio portfolio_;
  DecisionState state_{};
  EpisodeInfo info_{};
  std::vector<double> free_cash_{};         // per account
  std::vector<double> debit_bounds_{};      // per account, within a step
  std::vector<double> reference_prices_{};  // per instrument, fixed_coins only
  std::array<ClosedTrade, 2 * max_position_slots> closed_{};
  std::size_t closed_count_ = 0;
  std::uint64_t seed_ = 0;
  std::size_t last_step_ = 0;  // tape step at which the episode is cut
  double potential_ = 0.0;     // of the shaping
  bool running_ = false;
  Box observation_space_ = Box::uniform(observation_size, -5.0F, 5.0F);
  Discrete action_space_{n_actions};

  void rebind() {
    for (SlotId j = 0; j < max_position_slots; ++j) {
      const auto& slot = portfolio_.slots()[j];
      state_.positions[j].position = slot ? &*slot : nullptr;
    }
    for (std::size_t i = 0; i < free_cash_.size(); ++i) free_cash_[i] = portfolio_.free_cash_at(i);
    state_.free_cash = free_cash_;
  }
};

}  // namespace detail

/**
 * @brief One account trading one tape; models MaskedEnvironment, SerializableEnvironment, ReportsMetrics, NamedLayout,
 * HasFuture.
 *
 * A step: the action is checked against the mask; exits and entries fill at the prices of t; price rows, liquidations,
 * settlements, transfers and stop-losses of (t, t+dt] happen in the order of time; marks, equity, reward and limits follow;
 * the observation and the mask are those of t+dt. An episode is a function of (tape, configuration, seed, actions).
 *
 * `step` allocates nothing (unless `ledger_entries` > 0) and copies only the precomputed block of opportunities. Copies are
 * independent; the tape is shared. One object is used by one thread at a time.
 */
class FundingArbitrageEnv : private detail::EnvironmentData {
 public:
  using ActionScalar = std::int32_t;  ///< As `Environment` asks.

  /// @throws ConfigError  a field out of range; a window outside the tape, shorter than one episode, or without any eligible
  ///                      pair; cost numbers other than the tape's
  explicit FundingArbitrageEnv(const std::shared_ptr<const MarketTape>& market, const EnvironmentConfig& config = {})
      : EnvironmentData{market, features_of(market), checked(config, market), portfolio_of(config, *market)} {
    free_cash_.resize(portfolio_.venues().size());
    debit_bounds_.resize(portfolio_.venues().size());
    if (config_.ledger_entries > 0) portfolio_.record_ledger(config_.ledger_entries);
    if (config_.sizing == SizingMode::fixed_coins) {
      for (InstrumentId id = 0; id < tape_->instruments().size(); ++id) {
        const LegView view = tape_->leg(id, config_.window_begin);
        reference_prices_.push_back(view.row != nullptr ? view.row->price : missing);
      }
    }
    state_.step_ms = tape_->step_ms();
    state_.initial_capital = config_.initial_capital;
    state_.execution = config_.execution;
    state_.sizing = config_.sizing;
    state_.terms = features_->terms();
    rebind();
  }

  /// Independent; the tape is shared.
  FundingArbitrageEnv(const FundingArbitrageEnv& other) : EnvironmentData(other) { rebind(); }
  /// The other may only be destroyed or assigned.
  FundingArbitrageEnv(FundingArbitrageEnv&& other) noexcept : EnvironmentData(std::move(other)) { rebind(); }
  /// Independent; the tape is shared.
  FundingArbitrageEnv& operator=(const FundingArbitrageEnv& other) {
    EnvironmentData::operator=(other);
    rebind();
    return *this;
  }
  /// The other may only be destroyed or assigned.
  FundingArbitrageEnv& operator=(FundingArbitrageEnv&& other) noexcept {
    EnvironmentData::operator=(std::move(other));
    rebind();
    return *this;
  }
  ~FundingArbitrageEnv() = default;

  const Box& observation_space() const noexcept { return observation_space_; }  ///< As `Environment` asks.
  const Discrete& action_space() const noexcept { return action_space_; }       ///< As `Environment` asks.

  /// Starts an episode: the start step and (with sample_random_config) the settings are drawn from the seed.
  /// @throws ConfigError  a row of another length than 275; an option out of range
  void reset(std::uint64_t seed, std::span<float> observation_row, const ResetOptions& options = {}) {
    require_row(observation_row);
    RandomStream stream(StreamId{.seed = seed, .purpose = Purpose::environment_dynamics});
    const auto length = static_cast<std::size_t>(config_.episode_steps);
    std::size_t k =
        config_.window_begin + static_cast<std::size_t>(stream.bounded(config_.window_end - config_.window_begin - length + 1));
    TradingConfig trading = config_.sample_random_config ? TradingConfig::sample_random(stream) : config_.trading;
    if (options.start_step) {
      k = *options.start_step;
      if (k < config_.window_begin || k >= config_.window_end) {
        throw ConfigError("start_step = " + std::to_string(k) + ": expected a step in [" +
                          std::to_string(config_.window_begin) + ", " + std::to_string(config_.window_end) + ')');
      }
    }
    if (options.trading) {
      options.trading->validate();
      trading = *options.trading;
    }
    seed_ = seed;
    last_step_ = std::min(k + length, config_.window_end);
    portfolio_.reset(config_.initial_capital, tape_->time(k));
    info_ = {};
    info_.trading = trading;
    info_.initial_equity = info_.equity = info_.peak_equity = config_.initial_capital;
    state_.trading = trading;
    closed_count_ = 0;
    potential_ = 0.0;
    running_ = true;
    arrive_at(k);
    update_account();
    write_row(observation_row);
  }

  /// @throws StateError          before `reset` or after the end
  /// @throws InvalidActionError  an unknown or forbidden action, with its text and the condition; the state is unchanged
  /// @throws NumericError        equity, reward or a feature is not finite
  Transition step(std::span<const std::int32_t> action_row, std::span<float> observation_row) {
    if (!running_) throw StateError("step: no episode is running; call reset before the first step and after an end");
    require_row(observation_row);
    if (action_row.size() != 1) throw ConfigError("action row: expected 1 number, found " + std::to_string(action_row.size()));
    const Action action = decode(action_row[0]);
    const auto slot = static_cast<std::size_t>(action.slot);
    EntryPlan plan;
    bool allowed = true;
    if (action.kind == ActionKind::enter) {
      plan = plan_entry(state_, slot, action.size);
      allowed = plan.check == EntryCheck::allowed;
    } else if (action.kind == ActionKind::exit) {
      allowed = can_exit(state_, slot);
    }
    if (!allowed) refuse(action_row[0], action);

    closed_count_ = 0;
    ++info_.step;
    const double equity_before = info_.equity;
    const std::size_t k = info_.tape_step;
    const bool delayed = config_.execution.delay_steps > 0;
    PairQuote ordered;
    PositionId leaving = 0;
    if (action.kind == ActionKind::enter) {
      ordered = quote_of(state_.opportunities[slot]);
      if (!delayed) enter(ordered, plan, state_.time_ms);
    } else if (action.kind == ActionKind::exit) {
      leaving = state_.positions[slot].position->id;
      if (!delayed) close(slot, state_.time_ms, CloseReason::agent);
    }

    if (config_.walk_all_rows || !advance_without_limits(k)) walk_rows(k);
    count_missed_settlements(k);
    arrive_at(k + 1);
    if (delayed && action.kind == ActionKind::enter) enter_late(ordered, action.size);
    if (delayed && action.kind == ActionKind::exit) exit_late(slot, leaving);
    close_stale();
    transfer(k);
    return finish_step(equity_before, observation_row);
  }

  /// Writes the 36 bytes of the mask for the current observation. Allocates nothing. @throws ConfigError for another length
  void action_masks(std::span<std::uint8_t> mask_row) const { write_action_mask(state_, mask_row); }

  /// Writes the current observation again. @throws ConfigError for another length than 275
  void observe(std::span<float> observation_row) const {
    require_row(observation_row);
    write_row(observation_row);
  }

  /// Figures of the running or last episode.
  const EpisodeInfo& info() const noexcept { return info_; }
  /// What the next decision is made from; valid until the next call.
  const DecisionState& decision_state() const noexcept { return state_; }
  const Portfolio& portfolio() const noexcept { return portfolio_; }    ///< the account
  const MarketTape& tape() const noexcept { return *tape_; }            ///< the market
  const EnvironmentConfig& config() const noexcept { return config_; }  ///< as given, whole_tape resolved
  /// Positions that ended during the last step, in the order of their end.
  std::span<const ClosedTrade> closed_trades() const noexcept { return {closed_.data(), closed_count_}; }

  /// As `ReportsMetrics` asks.
  static std::span<const std::string_view> metric_names() {
    static constexpr std::array<std::string_view, 16> names{
        "profit_pct",    "max_drawdown",       "trades",           "wins",      "liquidations", "stop_losses",
        "lapsed_orders", "missed_settlements", "funding",          "price",     "fees",         "slippage",
        "liquidation",   "transfer",           "mean_utilization", "hold_hours"};
    return names;
  }
  /// Values of `metric_names()`: profit in % of the capital, money in USD, hold_hours as the mean over closed trades.
  void metrics(std::span<double> values) const {
    const auto mean = [](double sum, std::int64_t count) { return count > 0 ? sum / static_cast<double>(count) : 0.0; };
    const Attribution& parts = info_.attribution;
    const std::array<double, 16> list{100.0 * (info_.equity / config_.initial_capital - 1.0),
                                      info_.max_drawdown,
                                      static_cast<double>(info_.trades),
                                      static_cast<double>(info_.wins),
                                      static_cast<double>(info_.liquidations),
                                      static_cast<double>(info_.stop_losses),
                                      static_cast<double>(info_.lapsed_orders),
                                      static_cast<double>(info_.missed_settlements),
                                      parts.funding,
                                      parts.price,
                                      parts.fees,
                                      parts.slippage,
                                      parts.liquidation,
                                      parts.transfer,
                                      mean(info_.utilization_sum, info_.step),
                                      mean(info_.hold_hours, info_.closed_trades)};
    std::copy_n(list.begin(), std::min(values.size(), list.size()), values.begin());
  }

  /// As `NamedLayout` asks: 275.
  std::span<const std::string_view> observation_names() const { return funding::observation_names(); }
  std::span<const std::string_view> action_names() const { return funding::action_names(); }  ///< As `NamedLayout` asks: 36.

  /// Appends the whole state of the episode (not the tape, not the recorded ledger entries).
  void save_state(std::vector<std::byte>& out) const {
    StateWriter writer(out);
    writer.write(state_tag);
    writer.write(tape_tag());
    writer.write(seed_);
    writer.write(static_cast<std::uint64_t>(last_step_));
    writer.write(potential_);
    writer.write(static_cast<std::uint8_t>(running_));
    save_info(writer);
    portfolio_.save(writer);
  }

  /// Continues exactly where `save_state` stood, under the same configuration (of which only the capital is checked).
  /// @throws CheckpointError for bytes of another format, other data, another grid or capital; the environment must then be
  /// reset.
  void load_state(std::span<const std::byte> bytes) {
    running_ = false;
    StateReader reader(bytes);
    if (reader.read<std::uint64_t>() != state_tag) {
      throw CheckpointError("funding environment state: the bytes do not begin with its mark; saved by something else?");
    }
    if (reader.read<TapeTag>() != tape_tag()) {
      throw CheckpointError(
          "funding environment state: saved on another tape (data, start, step, length or initial capital differ)");
    }
    reader.read(seed_);
    last_step_ = static_cast<std::size_t>(reader.read<std::uint64_t>());
    reader.read(potential_);
    const bool running = reader.read<std::uint8_t>() != 0;
    load_info(reader);
    portfolio_.load(reader, [this](InstrumentId id) {
      if (id >= features_->terms().size()) throw CheckpointError("funding environment state: unknown instrument");
      return features_->terms()[id];
    });
    reader.expect_end();
    if (last_step_ >= tape_->n_steps() || info_.tape_step > last_step_) {
      throw CheckpointError("funding environment state: a step outside the tape");
    }
    closed_count_ = 0;
    state_.trading = info_.trading;
    see_market(info_.tape_step);
    update_account();
    running_ = running;
  }

  /// Replaces every datum that is not yet known at the current step by valid garbage. For look-ahead tests; slow.
  void corrupt_future(std::uint64_t seed) {
    tape_ = tape_->corrupted_after(info_.tape_step, seed);
    features_ = features_of(tape_);
    state_.terms = features_->terms();
    see_market(info_.tape_step);
  }

 private:
  static constexpr std::uint64_t state_tag = 0x32766e65'646e7566ULL;  // "fundenv2"
  // The data by their hash, the grid that is laid over them, the account.
  using TapeTag = std::array<std::uint64_t, 5>;
  TapeTag tape_tag() const {
    return {std::stoull(tape_->sha256().substr(0, 16), nullptr, 16), static_cast<std::uint64_t>(tape_->time(0)),
            static_cast<std::uint64_t>(tape_->step_ms()), static_cast<std::uint64_t>(tape_->n_steps()),
            std::bit_cast<std::uint64_t>(config_.initial_capital)};
  }

  // --- construction ------------------------------------------------------------------------------------------------------

  static std::shared_ptr<const FeatureTape> features_of(const std::shared_ptr<const MarketTape>& market) {
    RLX_REQUIRE(market != nullptr, "FundingArbitrageEnv: the tape is null");
    return market->derived<FeatureTape>([&market] { return std::make_shared<const FeatureTape>(*market); });
  }

  static EnvironmentConfig checked(EnvironmentConfig config, const std::shared_ptr<const MarketTape>& market) {
    config.validate();
    if (!(costs_of(config.execution, config.initial_capital) == market->config().costs)) {
      throw ConfigError(
          "execution, initial_capital: the cost numbers, of which the reference notional is a tenth of the capital, differ "
          "from those of the tape, whose list of opportunities depends on them; "
          "use market->with_costs(funding::costs_of(execution, initial_capital))");
    }
    const std::size_t end = market->n_steps() - 1;
    if (config.window_end == whole_tape) config.window_end = end;
    const auto length = static_cast<std::size_t>(config.episode_steps);
    if (config.window_end > end || config.window_begin >= config.window_end) {
      throw ConfigError("window [" + std::to_string(config.window_begin) + ", " + std::to_string(config.window_end) +
                        "]: expected two rising steps in [0, " + std::to_string(end) + "], the tape's grid");
    }
    if (config.window_end - config.window_begin < length) {
      throw ConfigError("window [" + std::to_string(config.window_begin) + ", " + std::to_string(config.window_end) +
                        "] from " + std::to_string(market->time(config.window_begin)) + " to " +
                        std::to_string(market->time(config.window_end)) + " ms UTC holds " +
                        std::to_string(config.window_end - config.window_begin) + " steps, one episode has " +
                        std::to_string(length) + ": shorten episode_steps or widen the window");
    }
    for (std::size_t k = config.window_begin; k < config.window_end; ++k)
      if (!market->opportunities(k).empty()) return config;
    throw ConfigError(no_pair_message(config, *market));
  }

  static std::string no_pair_message(const EnvironmentConfig& config, const MarketTape& market) {
    const std::size_t k = config.window_end - 1;
    const OpportunityFilter& filter = market.config().filter;
    std::size_t unpriced = 0, stale = 0, unsettled = 0, wide = 0, shallow = 0, quiet = 0;
    for (InstrumentId id = 0; id < market.instruments().size(); ++id) {
      const LegView view = market.leg(id, k);
      const std::span<const Settlement> known = market.settlements(id, 0, market.time(k));
      const double history = known.empty() ? -1.0 : static_cast<double>(market.time(k) - known.front().settle_ms);
      unsettled += known.size() < filter.min_settlements || history < filter.min_history_h * static_cast<double>(ms_per_hour);
      unpriced += view.row == nullptr;
      if (view.row == nullptr) continue;
      stale += !view.fresh;
      const auto known_and = [](float value, auto&& bad) { return is_finite(value) && bad(static_cast<double>(value)); };
      wide += known_and(view.row->bid_ask_bps, [&](double x) { return x > filter.max_bid_ask_bps; });
      shallow += known_and(view.row->depth_usd, [&](double x) { return x < filter.min_depth; });
      quiet += known_and(view.row->volume_quote_24h, [&](double x) { return x < filter.min_volume; });
    }
    return "no eligible pair in the whole window: at its last decision, of " + std::to_string(market.instruments().size()) +
           " instruments (" + std::to_string(market.n_symbols()) + " symbols, " + std::to_string(market.venue_ids().size()) +
           " venues) " + std::to_string(unpriced) + " had no price, " + std::to_string(stale) + " a stale one, " +
           std::to_string(unsettled) + " too few settlements or too short a history, " + std::to_string(wide) +
           " a wide spread, " + std::to_string(shallow) + " little depth, " + std::to_string(quiet) +
           " little volume; check the data (validate-data) and the filter";
  }

  static Portfolio portfolio_of(const EnvironmentConfig& config, const MarketTape& market) {
    PortfolioRules rules;
    rules.costs = costs_of(config.execution, config.initial_capital);
    if (config.sizing == SizingMode::fixed_coins) rules.costs.impact_bps = 0.0;
    rules.unlimited_cash = config.sizing == SizingMode::fixed_coins;
    rules.stale_extra_bps = config.execution.stale_extra_bps;
    rules.grace_ms = config.execution.grace_ms;
    rules.transfer_fee = config.rebalance.fee;
    rules.transfer_delay_ms = config.rebalance.delay_ms;
    return Portfolio(config.initial_capital, market.venue_ids(), market.venues(), rules);
  }

  static void require_row(std::span<const float> row) {
    if (row.size() != observation_size) {
      throw ConfigError("observation row: expected 275 floats, found " + std::to_string(row.size()));
    }
  }

  // --- orders ------------------------------------------------------------------------------------------------------------

  bool unlimited() const { return config_.sizing == SizingMode::fixed_coins; }

  [[noreturn]] void refuse(int id, const Action& action) const {
    throw InvalidActionError("action " + std::to_string(id) + " (" + to_string(action) +
                             ") is forbidden: " + why_forbidden(state_, id) + "; choose an action whose mask byte is 1");
  }

  void enter(const PairQuote& quote, const EntryPlan& plan, std::int64_t now) {
    const OpenOrder order{quote, features_->terms()[quote.long_leg], features_->terms()[quote.short_leg], plan.quantity,
                          plan.leverage};
    ++info_.trades;
    if (config_.execution.leg_fail_probability > 0.0) {
      RandomStream stream(StreamId{
          .seed = seed_, .purpose = Purpose::environment_dynamics, .env = 0, .step = static_cast<std::uint64_t>(info_.step)});
      if (stream.uniform() < config_.execution.leg_fail_probability) {
        ++info_.failed_legs;
        note(portfolio_.open_and_undo(order, now));
        return;
      }
    }
    const SlotId slot = portfolio_.open(order, now);
    PositionState& held = state_.positions[slot];
    held.position = &*portfolio_.slots()[slot];
    see_pair(held, info_.tape_step);
    if (config_.execution.grace_ms > 0) settle_within_grace(order, now);
  }

  // Stamps shortly before the entry that the venue still counts.
  void settle_within_grace(const OpenOrder& order, std::int64_t now) {
    for (const InstrumentId id : {order.quote.long_leg, order.quote.short_leg}) {
      for (const Settlement& settlement : tape_->settlements(id, now - config_.execution.grace_ms, now)) {
        if (const auto view = tape_->price_asof(id, settlement.settle_ms)) portfolio_.settle(settlement, view->row->price);
      }
    }
  }

  void close(SlotId slot, std::int64_t now, CloseReason reason) {
    note(portfolio_.close(slot, now, reason));
    state_.positions[slot].position = nullptr;
  }

  void note(const ClosedTrade& trade) {
    if (closed_count_ < closed_.size()) closed_[closed_count_++] = trade;
    ++info_.closed_trades;
    info_.wins += trade.position.attribution.total() > 0.0 ? 1 : 0;
    info_.stop_losses += trade.reason == CloseReason::stop_loss ? 1 : 0;
    info_.liquidations += trade.reason == CloseReason::liquidation ? 1 : 0;
    info_.stale_closes += trade.reason == CloseReason::stale ? 1 : 0;
    info_.hold_hours += static_cast<double>(trade.closed_ms - trade.position.opened_ms) / static_cast<double>(ms_per_hour);
  }

  void enter_late(const PairQuote& ordered, Size size) {
    const LegView long_view = tape_->leg(ordered.long_leg, info_.tape_step);
    const LegView short_view = tape_->leg(ordered.short_leg, info_.tape_step);
    if (!tape_->tradable(long_view) || !tape_->tradable(short_view)) {  // it would not be offered now
      ++info_.lapsed_orders;
      return;
    }
    PairQuote quote = ordered;
    quote.long_quote = quote_of(long_view);
    quote.short_quote = quote_of(short_view);
    rebind();  // the order is checked against the account of now; its peak is taken after the order, like every equity
    state_.equity = portfolio_.equity();
    const AccountView account = account_view(state_, quote);
    const SizingRules rules = sizing_rules(state_);
    const EntryPlan plan = EntryPlanner(quote, features_->terms()[quote.long_leg], features_->terms()[quote.short_leg], account,
                                        rules, reference_mid(quote.long_leg, quote.short_leg, quote.mid()))
                               .plan(size);
    if (plan.check == EntryCheck::allowed) {
      enter(quote, plan, state_.time_ms);
    } else {
      ++info_.lapsed_orders;
    }
  }

  void exit_late(SlotId slot, PositionId leaving) {
    const Position* held = state_.positions[slot].position;
    if (held != nullptr && held->id == leaving && can_exit(state_, slot)) {
      close(slot, state_.time_ms, CloseReason::agent);
    } else {
      ++info_.lapsed_orders;
    }
  }

  // --- the market at a step ----------------------------------------------------------------------------------------------

  // NaN for a pair without prices at the start of the window: its quantity is not defined, so it cannot be entered.
  double reference_mid(InstrumentId long_leg, InstrumentId short_leg, double mid) const {
    if (reference_prices_.empty()) return mid;
    return 0.5 * (reference_prices_[long_leg] + reference_prices_[short_leg]);
  }

  void see_pair(PositionState& held, std::size_t k) const {
    const Position& position = *held.position;
    held.long_leg = tape_->leg(position.long_leg.instrument, k);
    held.short_leg = tape_->leg(position.short_leg.instrument, k);
    held.pair = tape_->pair(position.long_leg.instrument, position.short_leg.instrument, k, held.long_leg, held.short_leg);
  }

  // Brings the decision state to step k of the tape.
  void see_market(std::size_t k) {
    info_.tape_step = k;
    state_.time_ms = info_.time_ms = tape_->time(k);
    state_.opportunities = tape_->opportunities(k);
    state_.regime_bph = tape_->regime_bph(k);
    rebind();
    for (PositionState& held : state_.positions)
      if (held.position != nullptr) see_pair(held, k);
    if (reference_prices_.empty()) return;
    for (std::size_t i = 0; i < state_.opportunities.size(); ++i) {
      const Opportunity& o = state_.opportunities[i];
      state_.reference_mids[i] = reference_mid(o.long_leg, o.short_leg, 0.5 * (o.long_price + o.short_price));
    }
  }

  // The same, and marks the positions.
  void arrive_at(std::size_t k) {
    see_market(k);
    for (SlotId slot = 0; slot < max_position_slots; ++slot) {
      const PositionState& held = state_.positions[slot];
      if (held.position == nullptr) continue;
      portfolio_.mark(slot, 0, quote_of(held.long_leg), state_.time_ms);
      portfolio_.mark(slot, 1, quote_of(held.short_leg), state_.time_ms);
    }
  }

  // --- between two steps -------------------------------------------------------------------------------------------------

  // Of the legs held in (t, t+dt], or up to their end within it. Runs before the views of t are replaced.
  void count_missed_settlements(std::size_t k) {
    const std::int64_t now = tape_->time(k), next = tape_->time(k + 1);
    const auto count = [&](const Leg& leg, const LegView& view, std::int64_t opened, std::int64_t until) {
      info_.missed_settlements += missed_stamps(leg.instrument, view, now, opened, until);
    };
    for (const PositionState& held : state_.positions) {
      if (held.position == nullptr) continue;
      count(held.position->long_leg, held.long_leg, held.position->opened_ms, next);
      count(held.position->short_leg, held.short_leg, held.position->opened_ms, next);
    }
    for (std::size_t i = 0; i < closed_count_; ++i) {
      if (closed_[i].closed_ms <= now) continue;  // the agent's exits and entries undone come before the step
      const Position& gone = closed_[i].position;
      for (const Leg* leg : {&gone.long_leg, &gone.short_leg})
        count(*leg, tape_->leg(leg->instrument, k), gone.opened_ms, closed_[i].closed_ms);
    }
    info_.missed_settlements = std::max<std::int64_t>(info_.missed_settlements, 0);
  }

  // Stamps in (now, until] that passed without a payment. Due are the next stamp known at `now` and, from there, one every
  // interval; a settlement meets the stamp that lies within half an interval of it and sets the clock anew. One that comes
  // after `now` for a stamp before it takes back the miss that was counted when that stamp passed.
  std::int64_t missed_stamps(InstrumentId id, const LegView& view, std::int64_t now, std::int64_t opened,
                             std::int64_t until) const {
    std::int64_t due = view.next_settle_ms;
    if (due > until) return 0;
    const auto in_ms = [](double hours) { return static_cast<std::int64_t>(hours * static_cast<double>(ms_per_hour)); };
    std::int64_t interval = in_ms(view.interval_hours), missed = 0;
    const auto pass_to = [&](std::int64_t end) {
      for (; due <= end; due += interval) missed += due > now ? 1 : 0;
    };
    if (due != 0 && due < now) due += (now - due) / interval * interval;  // those before were counted as they passed
    for (const Settlement& settlement : tape_->settlements(id, view.last_settle_ms, until)) {
      if (due != 0) {
        pass_to(settlement.settle_ms - interval / 2 - 1);
        if (due > opened && due <= now && settlement.settle_ms > now) --missed;
      }
      interval = in_ms(settlement.interval_hours);
      due = settlement.settle_ms + interval;
    }
    if (due != 0) pass_to(until);
    return missed;
  }

  std::int64_t usable_at(const PriceRow& row) const { return row.ts_ms + tape_->config().price_delay_ms; }

  // Price of an instrument as of a stamp within the step, `before` being its mark at the step's begin.
  double price_at(InstrumentId id, std::size_t k, std::int64_t stamp, double before) const {
    double price = before;
    for (const PriceRow& row : tape_->rows(id, k)) {
      if (usable_at(row) > stamp) break;
      price = row.price;
    }
    return price;
  }

  // Books the settlements of (t, t+dt] if no price row of the step can touch a limit; otherwise changes nothing and returns
  // false. The bounds hold at every moment of the step, so the outcome is that of `walk_rows`.
  bool advance_without_limits(std::size_t k) {
    if (portfolio_.open_positions() > 0) {
      if (!unlimited() && limit_in_reach(k)) return false;
      for (const PositionState& held : state_.positions) {
        if (held.position == nullptr) continue;
        settle_leg(held.position->long_leg, k);
        settle_leg(held.position->short_leg, k);
      }
    }
    portfolio_.arrive(tape_->time(k + 1));
    return true;
  }

  void settle_leg(const Leg& leg, std::size_t k) {
    for (const Settlement& settlement : tape_->settlements(leg.instrument, k))
      portfolio_.settle(settlement, price_at(leg.instrument, k, settlement.settle_ms, leg.mark));
  }

  bool limit_in_reach(std::size_t k) {
    std::fill(debit_bounds_.begin(), debit_bounds_.end(), 0.0);
    const double threshold = state_.trading.stop_loss_threshold;
    for (const PositionState& held : state_.positions) {
      if (held.position == nullptr) continue;
      const Position& position = *held.position;
      const auto [long_low, long_high] = tape_->extremes(position.long_leg.instrument, k);
      const auto [short_low, short_high] = tape_->extremes(position.short_leg.instrument, k);
      if (long_low <= position.long_leg.liquidation_price || short_high >= position.short_leg.liquidation_price) return true;
      double debits = bound_debits(position.long_leg, position.quantity, long_high, k);
      debits += bound_debits(position.short_leg, position.quantity, short_high, k);
      if (threshold < 0.0) {
        const double worst_price = (std::min(long_low, position.long_leg.mark) - position.long_leg.fill) -
                                   (std::max(short_high, position.short_leg.mark) - position.short_leg.fill);
        const double worst = position.quantity * worst_price + position.funding - debits - position.entry_fees;
        if (worst < threshold * (2.0 * position.quantity * position.mid_entry) * (1.0 - 1e-12)) return true;
      }
    }
    // A debit beyond the free cash would move a margin, and with it a liquidation price.
    for (std::size_t i = 0; i < debit_bounds_.size(); ++i)
      if (debit_bounds_[i] > 0.0 && !(debit_bounds_[i] <= portfolio_.free_cash_at(i))) return true;
    return false;
  }

  // Most that the leg can pay within the step, USD; also added to its venue's bound.
  double bound_debits(const Leg& leg, double quantity, double high, std::size_t k) {
    double sum = 0.0;
    for (const Settlement& settlement : tape_->settlements(leg.instrument, k)) {
      const double paid = leg.side * settlement.rate;
      if (paid > 0.0) sum += paid * quantity * std::max(high, leg.mark);
    }
    debit_bounds_[leg.terms.account] += sum;
    return sum;
  }

  struct Cursor {
    SlotId slot = 0;
    int leg = 0;
    InstrumentId instrument = no_id;
    std::span<const PriceRow> rows;
    std::span<const Settlement> settlements;
  };

  // Replays (t, t+dt] in the order of time; at equal times: price rows, liquidations, settlements, arrivals, stop-losses.
  void walk_rows(std::size_t k) {
    std::array<Cursor, 2 * max_position_slots> cursors;
    std::size_t count = 0;
    for (SlotId slot = 0; slot < max_position_slots; ++slot) {
      const Position* held = state_.positions[slot].position;
      if (held == nullptr) continue;
      for (const int leg : {0, 1}) {
        const InstrumentId id = leg == 0 ? held->long_leg.instrument : held->short_leg.instrument;
        cursors[count++] = {slot, leg, id, tape_->rows(id, k), tape_->settlements(id, k)};
      }
    }
    const std::span<Cursor> all(cursors.data(), count);
    const std::int64_t end = tape_->time(k + 1);
    constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();
    while (true) {
      std::int64_t now = never;
      for (const Cursor& cursor : all) {
        if (state_.positions[cursor.slot].position == nullptr) continue;
        if (!cursor.rows.empty()) now = std::min(now, usable_at(cursor.rows.front()));
        if (!cursor.settlements.empty()) now = std::min(now, cursor.settlements.front().settle_ms);
      }
      if (const auto arrival = portfolio_.transfer_arrival(); arrival && *arrival <= end) now = std::min(now, *arrival);
      if (now == never) return;
      happen(all, now);
    }
  }

  void happen(std::span<Cursor> cursors, std::int64_t now) {
    const auto open = [this](const Cursor& cursor) { return state_.positions[cursor.slot].position != nullptr; };
    const auto row_due = [this, now](const Cursor& cursor) {
      return !cursor.rows.empty() && usable_at(cursor.rows.front()) == now;
    };
    for (const Cursor& cursor : cursors) {
      if (!open(cursor) || !row_due(cursor)) continue;
      const PriceRow& row = cursor.rows.front();
      portfolio_.mark(cursor.slot, cursor.leg,
                      {row.price, static_cast<double>(row.bid_ask_bps), static_cast<double>(row.depth_usd), true}, now);
    }
    for (Cursor& cursor : cursors) {
      if (!open(cursor) || !row_due(cursor)) continue;
      const PriceRow& row = cursor.rows.front();
      cursor.rows = cursor.rows.subspan(1);
      if (!unlimited()) liquidate(cursor, row, now);
    }
    for (Cursor& cursor : cursors) {
      while (open(cursor) && !cursor.settlements.empty() && cursor.settlements.front().settle_ms == now) {
        const Position& held = *state_.positions[cursor.slot].position;
        portfolio_.settle(cursor.settlements.front(), cursor.leg == 0 ? held.long_leg.mark : held.short_leg.mark);
        cursor.settlements = cursor.settlements.subspan(1);
      }
    }
    portfolio_.arrive(now);
    if (unlimited() || !(state_.trading.stop_loss_threshold < 0.0)) return;
    for (SlotId slot = 0; slot < max_position_slots; ++slot) {
      const Position* held = state_.positions[slot].position;
      if (held != nullptr && held->result_share() < state_.trading.stop_loss_threshold)
        close(slot, now, CloseReason::stop_loss);
    }
  }

  void liquidate(const Cursor& cursor, const PriceRow& row, std::int64_t now) {
    const LiquidationResult result = portfolio_.check_liquidation(cursor.instrument, row.low, row.high, row.price, now);
    if (!result.liquidated) return;
    info_.insurance += result.insurance;
    note(result.trade);
    state_.positions[cursor.slot].position = nullptr;
  }

  // --- at t + dt ---------------------------------------------------------------------------------------------------------

  void close_stale() {
    const std::int64_t limit = tape_->config().max_price_age_ms + ms_per_day;
    for (SlotId slot = 0; slot < max_position_slots; ++slot) {
      const PositionState& held = state_.positions[slot];
      if (held.position == nullptr) continue;
      const std::int64_t oldest = std::min(held.long_leg.row->ts_ms, held.short_leg.row->ts_ms);
      if (state_.time_ms - oldest >= limit) close(slot, state_.time_ms, CloseReason::stale);
    }
  }

  void transfer(std::size_t k) {
    const std::int64_t interval = config_.rebalance.interval_ms;
    if (interval == 0 || unlimited()) return;
    if (tape_->time(k + 1) / interval == tape_->time(k) / interval) return;
    if (portfolio_.rebalance(config_.rebalance.threshold, state_.time_ms) > 0.0) ++info_.transfers;
  }

  void close_all(CloseReason reason) {
    for (SlotId slot = 0; slot < max_position_slots; ++slot)
      if (state_.positions[slot].position != nullptr) close(slot, state_.time_ms, reason);
  }

  Transition finish_step(double equity_before, std::span<float> observation_row) {
    Transition transition;
    const double equity = portfolio_.equity();
    const double peak = std::max(info_.peak_equity, equity);
    if (equity <= config_.termination.min_equity_ratio * config_.initial_capital) {
      transition.terminated = true;
      close_all(CloseReason::ruin);
    } else if ((peak - equity) / peak >= config_.termination.max_drawdown) {
      transition.terminated = true;
      close_all(CloseReason::drawdown);
    }
    if (info_.tape_step >= last_step_) {
      transition.truncated = true;
      if (config_.close_at_end) close_all(CloseReason::end_of_episode);
    }
    update_account();
    const double floored = std::max(info_.equity, 1e-6 * config_.initial_capital);
    transition.reward = config_.reward.scale * std::log(floored / equity_before);
    if (config_.reward.shaping_scale > 0.0) {
      const double next = transition.terminated ? 0.0 : accrued_share(state_);
      transition.reward +=
          config_.reward.scale * config_.reward.shaping_scale * (config_.reward.shaping_gamma * next - potential_);
      potential_ = next;
    }
    running_ = !transition.terminated && !transition.truncated;
    info_.utilization_sum += info_.margin_utilization;
    write_row(observation_row);
    require_finite(transition.reward, observation_row);
    return transition;
  }

  // Figures that follow from the account at the current marks.
  void update_account() {
    rebind();
    info_.equity = state_.equity = portfolio_.equity();
    info_.peak_equity = state_.peak_equity = std::max(info_.peak_equity, info_.equity);
    info_.drawdown = (info_.peak_equity - info_.equity) / info_.peak_equity;
    info_.max_drawdown = std::max(info_.max_drawdown, info_.drawdown);
    info_.margin_utilization = portfolio_.margin() / std::max(info_.equity, 1e-6 * config_.initial_capital);
    info_.open_positions = portfolio_.open_positions();
    info_.attribution = attribute(portfolio_.ledger());
  }

  void write_row(std::span<float> observation_row) const {
    const std::span<float, observation_size> row(observation_row.data(), observation_size);
    constexpr ObservationBuilder builder;
    builder.write_account(state_, row);
    const auto block = features_->block(info_.tape_step);
    std::copy(block.begin(), block.end(), row.begin() + opportunity_offset);
    builder.write_held(state_, row);
  }

  void require_finite(double reward, std::span<const float> row) const {
    const auto fail = [this](const std::string& what) {
      throw NumericError(what + " is not finite at " + std::to_string(info_.time_ms) + " ms UTC (tape step " +
                             std::to_string(info_.tape_step) + "); check the prices and rates of the held pairs",
                         what, static_cast<std::uint64_t>(info_.step));
    };
    if (!is_finite(info_.equity)) fail("equity");
    if (!is_finite(reward)) fail("reward");
    const std::size_t bad = first_non_finite(row.first(opportunity_offset));  // the rest comes from the tape
    if (bad < opportunity_offset)
      fail("observation[" + std::to_string(bad) + "] (" + ObservationBuilder::features()[bad].name + ')');
  }

  // --- state -------------------------------------------------------------------------------------------------------------

  template <class Visit>
  static void visit_info(EpisodeInfo& i, Visit&& visit) {
    for (std::int64_t* value : {&i.time_ms, &i.step, &i.trades, &i.closed_trades, &i.wins, &i.liquidations, &i.stop_losses,
                                &i.stale_closes, &i.lapsed_orders, &i.failed_legs, &i.missed_settlements, &i.transfers})
      visit(*value);
    for (double* value : {&i.initial_equity, &i.equity, &i.peak_equity, &i.drawdown, &i.max_drawdown, &i.margin_utilization,
                          &i.utilization_sum, &i.hold_hours, &i.insurance, &i.trading.max_leverage,
                          &i.trading.target_utilization, &i.trading.stop_loss_threshold, &i.trading.liquidation_buffer})
      visit(*value);
    visit(i.trading.max_positions);
  }
  void save_info(StateWriter& out) const {
    EpisodeInfo copy = info_;
    visit_info(copy, [&out](const auto& value) { out.write(value); });
    out.write(static_cast<std::uint64_t>(info_.tape_step));
  }
  void load_info(StateReader& in) {
    info_ = {};
    visit_info(info_, [&in](auto& value) { in.read(value); });
    info_.tape_step = static_cast<std::size_t>(in.read<std::uint64_t>());
  }
};

static_assert(MaskedEnvironment<FundingArbitrageEnv>);
static_assert(SerializableEnvironment<FundingArbitrageEnv>);
static_assert(ReportsMetrics<FundingArbitrageEnv>);
static_assert(NamedLayout<FundingArbitrageEnv>);
static_assert(HasFuture<FundingArbitrageEnv>);

}  // namespace rlx::inline v0_1::funding

#endif  // RLX_FUNDING_ENVIRONMENT_HPP
