// SPDX-License-Identifier: MIT
/// @file
/// @brief The market-agnostic environment: one agent trades one binary market of a recorded session from its first to its last
/// decision group, and never learns which market it is.
#ifndef RLX_KALSHI_ENVIRONMENT_HPP
#define RLX_KALSHI_ENVIRONMENT_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/random.hpp>
#include <rlx/core/state.hpp>
#include <rlx/env/environment.hpp>
#include <rlx/env/space.hpp>
#include <rlx/kalshi/account.hpp>
#include <rlx/kalshi/actions.hpp>
#include <rlx/kalshi/attribution.hpp>
#include <rlx/kalshi/features.hpp>
#include <rlx/kalshi/fees.hpp>
#include <rlx/kalshi/fill_model.hpp>
#include <rlx/kalshi/market_session_view.hpp>
#include <rlx/kalshi/order_book.hpp>
#include <rlx/kalshi/types.hpp>
#include <rlx/kalshi/view_filter.hpp>

namespace rlx::inline v0_1::kalshi {

/// What happens to a position at the last group when no result is paid.
enum class EndOfData : std::uint8_t {
  liquidate,  ///< taken through the displayed book with taker fees; what no one bids for is worth 0. `terminated`
  truncate    ///< marked at the touch. `truncated`: the learner bootstraps
};

/// One configuration of the environment; `validate` says what may stand in it.
struct KalshiEnvConfig {
  Money starting_cash = dollars(100);            ///< of every episode, above 0
  int contracts_per_order = 10;                  ///< size of the five-action layout
  int position_limit = 100;                      ///< contracts either way
  ActionLayout layout = ActionLayout::five();    ///< actions that there are; `five` takes its size from above
  std::int64_t order_latency_us = 100'000;       ///< from a decision to the arrival of its message
  std::int64_t jitter_us = 0;                    ///< uniform addition in [0, jitter_us]
  int order_ttl_s = 300;                         ///< orders expire this long after their arrival
  FillConfig fill{};                             ///< assumptions about resting orders
  double reward_scale = 1.0;                     ///< dollars per unit of reward
  EndOfData end_of_data = EndOfData::liquidate;  ///< a position at the last group without a result
  bool settle = true;                            ///< pay a known result at the last group
  int warmup_groups = 1;                         ///< groups before the first decision; at most one less than the view has
  std::optional<FeeSchedule> fees{};             ///< empty: the market's
};

/// @throws ConfigError naming the field and its value
inline void validate(const KalshiEnvConfig& config) {
  const auto check = [](const char* field, std::int64_t value, std::int64_t least, std::int64_t most, const char* unit) {
    if (value >= least && value <= most) return;
    throw ConfigError(std::string(field) + ": expected " + std::to_string(least) + ".." + std::to_string(most) + ' ' + unit +
                      ", found " + std::to_string(value));
  };
  constexpr std::int64_t day_us = 86'400'000'000;
  check("starting_cash", config.starting_cash, 1, dollars(1'000'000'000), "micro-dollars");
  check("position_limit", config.position_limit, 1, 100'000'000, "contracts");
  check("contracts_per_order", config.contracts_per_order, 1, config.position_limit, "contracts (the position limit)");
  check("layout: largest order", config.layout.with_order_size(config.contracts_per_order).largest_order(), 1,
        config.position_limit, "contracts (the position limit)");
  check("order_latency_us", config.order_latency_us, 0, day_us, "microseconds");
  check("jitter_us", config.jitter_us, 0, day_us, "microseconds");
  check("order_ttl_s", config.order_ttl_s, 1, 1'000'000'000, "seconds");
  check("warmup_groups", config.warmup_groups, 1, 1'000'000'000, "decision groups");
  if (!is_finite(config.reward_scale) || config.reward_scale <= 0.0) {
    throw ConfigError("reward_scale: expected dollars above 0, found " + std::to_string(config.reward_scale));
  }
  validate(config.fill);
}

/// Figures of the running or last episode. Money in micro-dollars, contracts in hundredths; readable until the next `reset`.
struct EpisodeInfoKalshi {
  std::string_view ticker;              ///< for logs only; lives as long as the view
  bool mirrored = false;                ///< true: the view shows the NO side
  std::size_t source = 0;               ///< number of the view in the set
  std::size_t length = 0;               ///< decision groups of the view
  std::size_t group = 0;                ///< the group that the last observation shows
  std::uint64_t steps = 0;              ///< decisions made
  Micros time_us = 0;                   ///< of the group
  Touch touch;                          ///< of the recorded book
  Money starting_cash = 0;              ///< as configured
  Money cash = 0;                       ///< of the account
  Money equity = 0;                     ///< cash and value at the touch
  Money fees = 0;                       ///< net, paid so far
  Count position = 0;                   ///< held, NO negative
  std::uint64_t orders = 0;             ///< messages sent, cancellations included
  std::uint64_t taker_fills = 0;        ///< of orders that crossed at their arrival
  std::uint64_t maker_fills = 0;        ///< of resting orders
  Count taker_contracts = 0;            ///< contracts of the taker fills
  Count maker_contracts = 0;            ///< contracts of the maker fills
  std::uint64_t liquidation_fills = 0;  ///< at the end; not among the taker fills
  std::uint64_t illegal_actions = 0;    ///< masked actions that acted as HOLD
  std::uint64_t cash_cuts = 0;          ///< fills cut to what cash allowed
  Money taker_improvement = 0;          ///< by how much taker fills beat the touch at their arrival; above 0 is an error
  Count decreases = 0;                  ///< of levels at which an own order was next to be filled
  Count filled_decreases = 0;           ///< the part of them that filled own orders
  Attribution step_attribution;         ///< of the last step
  Attribution attribution;              ///< of the episode
  Money unexplained = 0;                ///< sum of |change of equity - attribution| over the steps; above 0 is an error
  Money peak_equity = 0;                ///< highest equity after a step, the start included
  Money max_drawdown = 0;               ///< largest fall of equity from its peak
  Micros held_us = 0;                   ///< time with a position, as seen at the decisions
  Micros start_us = 0;                  ///< of the first decision
  Count truncated_depth = 0;            ///< contracts that the liquidation found no bid for
  bool settled = false;                 ///< the result was paid
  bool ended_early = false;             ///< flat, without orders, and too poor for a single contract at one tick
  bool finished = false;                ///< the episode has ended
};

/**
 * @brief One account trading one market of one session; models MaskedEnvironment, SourcedEnvironment, ReportsMetrics,
 * SerializableEnvironment, NamedLayout and HasFuture.
 *
 * A step: the action's message is sent; arrivals, expiries and recorded events follow in the order of time up to the next
 * decision group; equity is marked at its touch; the reward is the change of equity. An action that the mask forbids is HOLD
 * and counted. The last group pays the result, liquidates or truncates. An episode is a function of (view, configuration, seed,
 * actions); the seed matters only with jitter.
 *
 * `reset`, `step`, `action_masks` and `info` allocate nothing on grids that the object has seen; those of the view set are seen
 * by the constructor. A step with more than 64 fills may once. Copies are independent and share the views. One object is used
 * by one thread at a time.
 */
class MarketAgnosticKalshiEnv {
 public:
  /// As `Environment` asks.
  using ActionScalar = std::int32_t;
  /// A masked action acts as HOLD and is counted.
  static constexpr bool accepts_invalid_actions = true;

  /// @throws ConfigError for a field out of range, or fees of a market by which a fee could exceed the price paid
  MarketAgnosticKalshiEnv(std::shared_ptr<const ViewSet> views, KalshiEnvConfig config = {})
      : config_(checked(std::move(config))),
        layout_(config_.layout.with_order_size(config_.contracts_per_order)),
        views_(std::move(views)),
        book_(required(views_).largest_grid()),
        fill_(config_.fill),
        account_(config_.starting_cash) {
    for (const MarketSessionView& view : views_->views()) check_fees(view);
    action_space_.n = layout_.size();
    fill_.reset(views_->largest_grid(), true);
    fills_.reserve(64);
    for (std::size_t i = 0; i < feature_count; ++i) {
      observation_space_.low.push_back(feature_layout[i].low);
      observation_space_.high.push_back(feature_layout[i].high);
    }
  }
  /// The only view of its set. @throws ConfigError as the other constructor
  explicit MarketAgnosticKalshiEnv(MarketSessionView view, KalshiEnvConfig config = {})
      : MarketAgnosticKalshiEnv(std::make_shared<const ViewSet>(std::vector{std::move(view)}), std::move(config)) {}

  /// As `Environment` asks.
  const Box& observation_space() const noexcept { return observation_space_; }
  /// As `Environment` asks.
  const Discrete& action_space() const noexcept { return action_space_; }

  /// As `SourcedEnvironment` asks.
  std::size_t num_sources() const noexcept { return views_->size(); }
  /// The next reset takes this view of the set; a running episode is unaffected. @throws ConfigError for an unknown source
  void set_source(std::size_t source) {
    views_->at(source);
    next_ = {std::nullopt, source};
  }
  /// The next reset takes this view, whatever the set; a running episode is unaffected. @throws ConfigError for its fees
  void set_market_view(const MarketSessionView& view) {
    check_fees(view);
    next_ = {view, 0};
  }

  /// Starts an episode at group warmup_groups - 1 of the view. @throws ShapeError for a row of another length than 52
  void reset(std::uint64_t seed, std::span<float> row);
  /// @throws StateError before `reset` or after the end; InvalidActionError for an action outside the space; ShapeError for
  ///         rows of another length. The state is unchanged then.
  Transition step(std::span<const std::int32_t> action, std::span<float> row);
  /// Writes a byte per action for the current observation, 1 = legal; after an end only HOLD. @throws ShapeError
  void action_masks(std::span<std::uint8_t> row) const { write_action_mask(layout_, state_, row); }
  /// Writes the current observation again. @throws ShapeError
  void observe(std::span<float> row) const {
    require_row(row.size());
    write_row(row);
  }

  /// As `Environment` asks.
  const EpisodeInfoKalshi& info() const noexcept { return info_; }
  /// Fills of the last step in the order of time, those of a liquidation included. A settlement is no fill.
  std::span<const Fill> fills() const noexcept { return fills_; }
  /// What legality and size of the next order depend on.
  const DecisionState& decision_state() const noexcept { return state_; }
  const ActionLayout& layout() const noexcept { return layout_; }     ///< with the order size of the configuration
  const KalshiEnvConfig& config() const noexcept { return config_; }  ///< as given
  const Account& account() const noexcept { return account_; }        ///< of the running or last episode
  const OrderBook& book() const noexcept { return book_; }  ///< recorded book at the last observation; own orders are not in it
  const FillModel& fill_model() const noexcept { return fill_; }  ///< own orders and what they have consumed
  /// The view of the running or last episode; before the first reset that of the next one.
  const MarketSessionView& view() const { return view_of(started_ ? running_ : next_); }

  /// As `ReportsMetrics` asks.
  static constexpr std::array<std::string_view, 16> metric_names() {
    return {"final_equity", "profit",     "fees",      "taker_fills",    "maker_fills", "contracts",
            "orders",       "illegal",    "mark",      "fill_result",    "settlement",  "unexplained",
            "max_drawdown", "held_share", "cash_cuts", "truncated_depth"};
  }
  /// Values of `metric_names()`: money in dollars, contracts in contracts, held_share as a share of the time elapsed.
  void metrics(std::span<double> values) const;

  /// As `NamedLayout` asks.
  std::span<const std::string_view> observation_names() const {
    static constexpr auto names = [] {
      std::array<std::string_view, feature_count> list;
      for (std::size_t i = 0; i < feature_count; ++i) list[i] = feature_layout[i].name;
      return list;
    }();
    return names;
  }
  /// As `NamedLayout` asks.
  std::span<const std::string> action_names() const noexcept { return layout_.names(); }

  /// Appends the whole state of the episode: view, group, account, slots, consumption and feature averages. The book is not
  /// among it: loading replays the columns.
  void save_state(std::vector<std::byte>& out) const;
  /// Continues exactly where `save_state` stood. A view given by `set_market_view` must have been given here too.
  /// @throws CheckpointError for damaged bytes, other views or another configuration; the environment must then be reset
  void load_state(std::span<const std::byte> bytes);

  /// Replaces every datum of the running view that is not known at the current group, result included, here and for later
  /// episodes of this object. For tests of causality; slow. @throws StateError before `reset`
  void corrupt_future(std::uint64_t seed);

 private:
  // A view of the set by number, or one of its own.
  struct ViewChoice {
    std::optional<MarketSessionView> own;
    std::size_t source = 0;
  };

  static KalshiEnvConfig checked(KalshiEnvConfig config) {
    validate(config);
    return config;
  }
  static const ViewSet& required(const std::shared_ptr<const ViewSet>& views) {
    RLX_REQUIRE(views != nullptr, "MarketAgnosticKalshiEnv: the view set is null");
    return *views;
  }
  const MarketSessionView& view_of(const ViewChoice& choice) const {
    return choice.own ? *choice.own : (*views_)[choice.source];
  }
  const FeeSchedule& fees_of(const MarketSessionView& view) const { return config_.fees ? *config_.fees : view.market().fees; }
  void check_fees(const MarketSessionView& view) const {
    try {
      kalshi::validate(fees_of(view), view.market().grid);
    } catch (const ConfigError& error) {
      throw ConfigError(view.market().ticker + ": " + error.what());
    }
  }
  static void require_row(std::size_t size) {
    if (size != feature_count) {
      throw ShapeError("observation row: expected 52 floats, found " + std::to_string(size));
    }
  }

  // Everything that a view fixes, before its first event.
  void open_view(const ViewChoice& choice);
  void send(int id);
  void advance_to(std::size_t group);
  Count take(const FillOffer& offer);
  bool cannot_trade() const;
  Transition end_episode();
  void liquidate();
  // After the account, book or orders have changed.
  void refresh();
  void write_row(std::span<float> row) const;
  SlotFeatureInput slot_features(BookSlot slot) const;
  Money slot_reserve(BookSlot slot) const;

  void write_identity(StateWriter& out, const MarketSessionView& view) const;
  bool same_identity(StateReader in, const MarketSessionView& view) const;

  KalshiEnvConfig config_;
  ActionLayout layout_;
  std::shared_ptr<const ViewSet> views_;
  ViewChoice next_, running_;
  bool started_ = false;  // there has been a reset
  bool live_ = false;     // an episode runs
  std::uint64_t seed_ = 0;
  OrderBook book_;
  MarketFeatures features_;
  FillModel fill_;
  Account account_;
  AttributionMeter meter_;
  DecisionState state_;
  EpisodeInfoKalshi info_;
  std::vector<Fill> fills_;
  Micros position_since_us_ = 0;
  bool position_is_new_ = false;  // opened or turned since the last group
  Money highest_unrealized_ = 0;
  Micros last_fill_us_ = 0;
  Price last_fill_price_ = 0;
  bool has_filled_ = false, last_fill_added_yes_ = false;
  Box observation_space_;
  Discrete action_space_;
};

inline void MarketAgnosticKalshiEnv::open_view(const ViewChoice& choice) {
  running_ = choice;
  started_ = true;
  const MarketSessionView& view = view_of(running_);
  const MarketInfo& market = view.market();
  const FeeSchedule& fees = fees_of(view);
  book_.reset(market.grid);
  fill_.reset(market.grid, market.has_sizes);
  features_.reset(FeatureConfig{layout_.largest_order(), fees, market.close_us, market.has_sizes});
  account_ = Account(config_.starting_cash);
  state_ = {};
  state_.grid = market.grid;
  state_.fees = fees;
  state_.position_limit = contracts(config_.position_limit);
  info_ = {};
  info_.ticker = market.ticker;
  info_.mirrored = view.is_mirrored();
  info_.source = running_.source;
  info_.length = view.length();
  info_.starting_cash = config_.starting_cash;
  fills_.clear();
  position_since_us_ = last_fill_us_ = 0;
  highest_unrealized_ = 0;
  last_fill_price_ = 0;
  position_is_new_ = has_filled_ = last_fill_added_yes_ = false;
}

inline void MarketAgnosticKalshiEnv::reset(std::uint64_t seed, std::span<float> row) {
  require_row(row.size());
  open_view(next_);
  seed_ = seed;
  const auto first = std::min(static_cast<std::size_t>(config_.warmup_groups), info_.length - 1);
  for (std::size_t group = 0; group < first; ++group) advance_to(group);
  live_ = true;
  info_.start_us = info_.time_us;
  info_.equity = info_.peak_equity = config_.starting_cash;
  refresh();
  write_row(row);
}

inline Transition MarketAgnosticKalshiEnv::step(std::span<const std::int32_t> action, std::span<float> row) {
  if (!live_) throw StateError("step: no episode is running; call reset before the first step and after an end");
  require_row(row.size());
  if (action.size() != 1) throw ShapeError("action row: expected 1 number, found " + std::to_string(action.size()));
  layout_.decode(action[0]);
  fills_.clear();
  const Money before = info_.equity;
  const Micros time_before = info_.time_us;
  const bool held = account_.position() != 0;
  meter_.begin(account_.position(), before, info_.touch);
  send(action[0]);
  ++info_.steps;
  advance_to(info_.group + 1);
  meter_.at_book(info_.touch);
  if (held) info_.held_us += info_.time_us - time_before;

  Transition result;
  if (info_.group + 1 == info_.length) {
    result = end_episode();
  } else if (cannot_trade()) {
    info_.ended_early = true;
    result.terminated = true;
  }
  live_ = !result.terminated && !result.truncated;
  info_.finished = !live_;
  info_.equity = account_.equity(info_.touch);
  info_.step_attribution = meter_.parts();
  info_.attribution += info_.step_attribution;
  const Money unexplained = meter_.unexplained(info_.equity);
  info_.unexplained += unexplained < 0 ? -unexplained : unexplained;
  info_.peak_equity = std::max(info_.peak_equity, info_.equity);
  info_.max_drawdown = std::max(info_.max_drawdown, info_.peak_equity - info_.equity);
  refresh();
  write_row(row);
  result.reward = static_cast<double>(info_.equity - before) / (1e6 * config_.reward_scale);
  return result;
}

// Puts the message of an action on its way; a forbidden action is counted.
inline void MarketAgnosticKalshiEnv::send(int id) {
  const Action& action = layout_.decode(id);
  if (action.kind == ActionKind::hold) return;
  Message message;
  message.sent_us = info_.time_us;
  message.arrives_us = info_.time_us + config_.order_latency_us;
  message.ttl_us = Micros{config_.order_ttl_s} * 1'000'000;
  const auto jitter = [this] {
    if (config_.jitter_us == 0) return Micros{0};
    RandomStream random({seed_, Purpose::environment_dynamics, 0, info_.steps});
    return static_cast<Micros>(random.bounded(static_cast<std::uint64_t>(config_.jitter_us) + 1));
  };
  if (action.kind == ActionKind::cancel) {
    if (!detail::can_cancel(state_)) {
      ++info_.illegal_actions;
      return;
    }
    message.kind = Message::Kind::cancel;
    message.arrives_us += jitter();
    for (const BookSlot slot : {BookSlot::bid, BookSlot::ask}) {
      const SlotStatus& status = state_.slots[index_of(slot)];
      if (!status.working || status.in_flight) continue;
      message.slot = slot;
      fill_.send(message);
    }
  } else {
    const std::optional<OrderPlan> plan = plan_order(layout_, state_, id);
    if (!plan) {
      ++info_.illegal_actions;
      return;
    }
    message.slot = plan->slot;
    message.price = plan->price;
    message.count = plan->count;
    message.reduce_only = plan->reduce_only;
    message.cancel_other = !layout_.has_cancel();
    message.arrives_us += jitter();
    fill_.send(message);
  }
  ++info_.orders;
}

// Brings book, orders and market features to the end of a group. The events of a decision may span several milliseconds, when
// groups are merged or were skipped; each is gone through by itself.
inline void MarketAgnosticKalshiEnv::advance_to(std::size_t group) {
  const MarketSessionView& view = view_of(running_);
  const std::span<const Micros> times = view.events().ts_us;
  const auto on_fill = [this](const FillOffer& offer) { return take(offer); };
  const std::size_t end = view.group_end(group);
  bool snapshot = false;
  Micros now = 0;
  for (std::size_t i = view.group_begin(group); i < end;) {
    now = millisecond_of(times[i]);
    fill_.advance(book_, now, on_fill);
    for (; i < end && times[i] < now + 1'000; ++i) {
      const EventRow event = view.row(i);
      snapshot = snapshot || event.kind == EventKind::book_clear;
      fill_.on_event(book_, event, on_fill);
    }
    fill_.advance(book_, now + 1, on_fill);
  }
  features_.update(book_, {now, snapshot});
  info_.group = group;
  info_.time_us = now;
  info_.touch = book_.touch();
}

// Books as much of a fill as the account may have: SELL never turns the position, and cash never falls below 0.
inline Count MarketAgnosticKalshiEnv::take(const FillOffer& offer) {
  const bool adds_yes = offer.slot == BookSlot::bid;
  const Count position = account_.position();
  Count count = offer.count;
  if (offer.reduce_only) count = std::min(count, std::max(adds_yes ? -position : position, Count{0}));
  if (count == 0) return 0;
  const auto fill_of = [&](Count size, OrderFeeAccumulator& order) {
    const Count dx = adds_yes ? size : -size;
    const Money gross = account_.gross(offer.price, dx);
    return Fill{offer.ts_us, offer.price, dx, charge_fee(state_.fees, offer.liquidity, gross, offer.price, size, order).net(),
                offer.liquidity};
  };
  OrderFeeAccumulator order = offer.fees;
  Fill fill = fill_of(count, order);
  if (!account_.can_pay(fill)) [[unlikely]] {
    ++info_.cash_cuts;
    Count low = 0, high = count;  // nothing can be paid always, `high` cannot
    while (high - low > 1) {
      const Count middle = low + (high - low) / 2;
      OrderFeeAccumulator tried = offer.fees;
      (account_.can_pay(fill_of(middle, tried)) ? low : high) = middle;
    }
    if (low == 0) return 0;
    count = low;
    order = offer.fees;
    fill = fill_of(count, order);
  }
  offer.fees = order;
  account_.apply_fill(fill);
  meter_.add_fill(fill.price, fill.dx, fill.fee);
  fills_.push_back(fill);

  const bool taker = offer.liquidity == Liquidity::taker;
  (taker ? info_.taker_fills : info_.maker_fills) += 1;
  (taker ? info_.taker_contracts : info_.maker_contracts) += count;
  if (taker) info_.taker_improvement += count * (adds_yes ? offer.touch - fill.price : fill.price - offer.touch);
  const Count now = account_.position();
  if (now != 0 && (position == 0 || (position < 0) != (now < 0))) {
    position_since_us_ = fill.ts_us;
    position_is_new_ = true;
  }
  has_filled_ = true;
  last_fill_us_ = fill.ts_us;
  last_fill_price_ = fill.price;
  last_fill_added_yes_ = adds_yes;
  return count;
}

// Flat, without orders, and unable to pay for one contract at one tick.
inline bool MarketAgnosticKalshiEnv::cannot_trade() const {
  if (account_.position() != 0 || account_.cash() >= dollars(2) || !fill_.idle()) return false;
  return account_.cash() < order_reserve(state_.fees, BookSlot::bid, tick_price(state_.grid, 1), one_contract, 0);
}

inline Transition MarketAgnosticKalshiEnv::end_episode() {
  Transition result;
  const std::optional<Price> settlement = view_of(running_).market().settlement;
  if (config_.settle && settlement) {
    meter_.settle(*settlement);
    account_.settle(*settlement);
    info_.settled = true;
    result.terminated = true;
  } else if (config_.end_of_data == EndOfData::liquidate) {
    liquidate();
    result.terminated = true;
  } else {
    result.truncated = true;
  }
  fill_.cancel_all();
  return result;
}

// One market order through what is displayed and not yet taken by us.
inline void MarketAgnosticKalshiEnv::liquidate() {
  const bool sells_yes = account_.position() > 0;
  Count left = sells_yes ? account_.position() : -account_.position();
  if (left == 0) return;
  OrderFeeAccumulator order;
  fill_.for_each_available(book_, sells_yes ? BookSide::yes : BookSide::no, [&](Price price, Count free) {
    const Count count = std::min(left, free);
    if (count <= 0) return left > 0;
    const Count dx = sells_yes ? -count : count;
    const FeeCharge charge = charge_fee(state_.fees, Liquidity::taker, account_.gross(price, dx), price, count, order);
    const Fill fill{info_.time_us, price, dx, charge.net(), Liquidity::taker};
    if (!account_.can_pay(fill)) return false;
    account_.apply_fill(fill);
    meter_.add_liquidation(price, dx, fill.fee);
    fills_.push_back(fill);
    ++info_.liquidation_fills;
    left -= count;
    return left > 0;
  });
  info_.truncated_depth = left;
  const Price worthless = sells_yes ? 0 : one_dollar;
  meter_.settle(worthless);
  account_.settle(worthless);
}

inline Money MarketAgnosticKalshiEnv::slot_reserve(BookSlot slot) const {
  const WorkingOrder& order = fill_.slot(slot);
  const Message* const message = fill_.in_flight(slot);
  const Count position = account_.position();
  Money reserve = 0;
  if (order.live() && !order.reduce_only) reserve = order_reserve(state_.fees, slot, order.price, order.remaining, position);
  if (message != nullptr && !message->reduce_only) {
    const Count count = fill_.pending_size(slot);
    const ReplacedOrder replaced{order.price, order.reduce_only ? 0 : order.remaining};
    if (count > 0) {
      reserve = std::max(reserve, order_reserve(state_.fees, slot, message->price, count, position, replaced));
    }
  }
  return reserve;
}

inline void MarketAgnosticKalshiEnv::refresh() {
  info_.cash = account_.cash();
  info_.fees = account_.fees();
  info_.position = account_.position();
  info_.decreases = fill_.counts().decreases;
  info_.filled_decreases = fill_.counts().filled_decreases;
  if (account_.position() != 0) {
    const Money unrealized = account_.unrealized(info_.touch);
    highest_unrealized_ = position_is_new_ ? unrealized : std::max(highest_unrealized_, unrealized);
  }
  position_is_new_ = false;
  state_.touch = info_.touch;
  state_.open = live_ && !book_.broken() && !book_.crossed();
  state_.position = account_.position();
  state_.cash = account_.cash();
  for (const BookSlot slot : {BookSlot::bid, BookSlot::ask}) {
    const WorkingOrder& order = fill_.slot(slot);
    state_.slots[index_of(slot)] = {fill_.in_flight(slot) != nullptr, order.live(), order.price, order.remaining,
                                    slot_reserve(slot)};
  }
}

inline SlotFeatureInput MarketAgnosticKalshiEnv::slot_features(BookSlot slot) const {
  const WorkingOrder& order = fill_.slot(slot);
  const Message* const message = fill_.in_flight(slot);
  if (message != nullptr && message->kind == Message::Kind::place) {
    return {SlotFeatureInput::State::in_flight, message->price, 0};
  }
  if (!order.live()) return {};
  if (message != nullptr) return {SlotFeatureInput::State::in_flight, order.price, 0};
  return {SlotFeatureInput::State::working, order.price, order.queue_ahead};
}

inline void MarketAgnosticKalshiEnv::write_row(std::span<float> row) const {
  features_.write(row.first<market_feature_count>());
  AccountFeatureInput in;
  in.now_us = info_.time_us;
  in.mid = features_.mid();
  in.largest_order = contracts(layout_.largest_order());
  in.position_limit = state_.position_limit;
  in.starting_cash = config_.starting_cash;
  in.available_cash = account_.cash() - state_.slots[0].reserve - state_.slots[1].reserve;
  in.equity = info_.equity;
  in.value = account_.value(info_.touch);
  in.basis = account_.basis();
  in.realized = account_.realized();
  in.fees = account_.fees();
  in.position = account_.position();
  in.position_since_us = position_since_us_;
  in.highest_unrealized = highest_unrealized_;
  if (has_filled_) in.last_fill_us = last_fill_us_;
  in.last_fill_price = last_fill_price_;
  in.last_fill_added_yes = last_fill_added_yes_;
  in.bid = slot_features(BookSlot::bid);
  in.ask = slot_features(BookSlot::ask);
  for (const BookSlot slot : {BookSlot::bid, BookSlot::ask}) {
    const auto older = [&in](Micros sent_us) { in.oldest_order_us = std::min(in.oldest_order_us.value_or(sent_us), sent_us); };
    if (const WorkingOrder& order = fill_.slot(slot); order.live()) older(order.sent_us);
    const Message* const message = fill_.in_flight(slot);
    if (message != nullptr && message->kind == Message::Kind::place) older(message->sent_us);
  }
  write_account_features(in, row.last<account_feature_count>());
}

inline void MarketAgnosticKalshiEnv::metrics(std::span<double> values) const {
  const auto in_dollars = [](Money money) { return static_cast<double>(money) / 1e6; };
  const auto in_contracts = [](Count count) { return static_cast<double>(count) / static_cast<double>(one_contract); };
  const Attribution& parts = info_.attribution;
  const Micros elapsed = info_.time_us - info_.start_us;
  const std::array<double, 16> list{in_dollars(info_.equity),
                                    in_dollars(info_.equity - info_.starting_cash),
                                    in_dollars(info_.fees),
                                    static_cast<double>(info_.taker_fills),
                                    static_cast<double>(info_.maker_fills),
                                    in_contracts(info_.taker_contracts + info_.maker_contracts),
                                    static_cast<double>(info_.orders),
                                    static_cast<double>(info_.illegal_actions),
                                    in_dollars(parts.mark),
                                    in_dollars(parts.fills),
                                    in_dollars(parts.settlement),
                                    in_dollars(info_.unexplained),
                                    in_dollars(info_.max_drawdown),
                                    elapsed > 0 ? static_cast<double>(info_.held_us) / static_cast<double>(elapsed) : 0.0,
                                    static_cast<double>(info_.cash_cuts),
                                    in_contracts(info_.truncated_depth)};
  std::copy_n(list.begin(), std::min(values.size(), list.size()), values.begin());
}

namespace detail {

/// `kalsenv1`: begins every saved state.
inline constexpr std::uint64_t kalshi_state_tag = 0x31766e65'736c616bULL;  // "kalsenv1"

/// The numbers of the information that no other part of the state gives.
template <class Info, class F>
void for_each_info_field(Info& info, F&& f) {
  const auto all = [&f](auto&... fields) { (f(fields), ...); };
  all(info.steps, info.time_us, info.equity, info.orders, info.taker_fills, info.maker_fills, info.taker_contracts,
      info.maker_contracts, info.liquidation_fills, info.illegal_actions, info.cash_cuts, info.taker_improvement,
      info.unexplained, info.peak_equity, info.max_drawdown, info.held_us, info.start_us, info.truncated_depth, info.settled,
      info.ended_early, info.finished);
  for (auto* const parts : {&info.step_attribution, &info.attribution}) {
    all(parts->mark, parts->fills, parts->fees, parts->settlement);
  }
}

}  // namespace detail

inline void MarketAgnosticKalshiEnv::write_identity(StateWriter& out, const MarketSessionView& view) const {
  out.write_string(view.market().ticker);
  out.write(view.is_mirrored());
  out.write(static_cast<std::uint64_t>(view.length()));
  out.write(static_cast<std::uint64_t>(view.events().size()));
  out.write(view.start_us());
  out.write(view.end_us());
  out.write(view.market().settlement.value_or(-1));
  // Of the configuration what the numbers below depend on.
  for (const std::int64_t number : {config_.starting_cash, std::int64_t{config_.position_limit}, std::int64_t{layout_.size()},
                                    std::int64_t{layout_.largest_order()}, config_.order_latency_us, config_.jitter_us}) {
    out.write(number);
  }
}

inline bool MarketAgnosticKalshiEnv::same_identity(StateReader in, const MarketSessionView& view) const {
  std::vector<std::byte> bytes;
  StateWriter writer(bytes);
  write_identity(writer, view);
  if (in.remaining() < bytes.size()) return false;
  return std::all_of(bytes.begin(), bytes.end(), [&in](std::byte byte) { return in.read<std::byte>() == byte; });
}

inline void MarketAgnosticKalshiEnv::save_state(std::vector<std::byte>& out) const {
  StateWriter writer(out);
  writer.write(detail::kalshi_state_tag);
  writer.write(next_.own.has_value());
  writer.write(static_cast<std::uint64_t>(next_.source));
  writer.write(started_);
  if (!started_) return;
  writer.write(running_.own.has_value());
  writer.write(static_cast<std::uint64_t>(running_.source));
  std::vector<std::byte> identity;
  StateWriter identity_writer(identity);
  write_identity(identity_writer, view_of(running_));
  writer.write(identity);
  writer.write(live_);
  writer.write(seed_);
  writer.write(static_cast<std::uint64_t>(info_.group));
  detail::for_each_info_field(info_, [&writer](const auto& field) { writer.write(field); });
  account_.save_state(writer);
  features_.save_state(writer);
  fill_.save_state(writer);
  for (const Micros time : {position_since_us_, last_fill_us_}) writer.write(time);
  writer.write(highest_unrealized_);
  writer.write(last_fill_price_);
  writer.write(has_filled_);
  writer.write(last_fill_added_yes_);
}

inline void MarketAgnosticKalshiEnv::load_state(std::span<const std::byte> bytes) {
  StateReader in(bytes);
  const auto require = [](bool sound, const char* problem) {
    if (!sound) throw CheckpointError(std::string("kalshi environment state: ") + problem);
  };
  const auto read_flag = [&] {
    const auto byte = in.read<std::uint8_t>();
    require(byte <= 1, "a flag is neither 0 nor 1; the state is damaged");
    return byte == 1;
  };
  require(in.read<std::uint64_t>() == detail::kalshi_state_tag,
          "the bytes do not begin with its mark; saved by something else?");
  const bool next_is_own = read_flag();
  const auto next_source = in.read<std::uint64_t>();
  require(next_is_own || next_source < views_->size(),
          "it names a view that the set does not have; load it with its own views");
  live_ = started_ = false;
  const auto take_next = [&](const std::optional<MarketSessionView>& own) {
    if (!next_is_own) {
      next_ = {std::nullopt, static_cast<std::size_t>(next_source)};
    } else if (!next_.own) {
      require(own.has_value(), "its next episode has a view given by set_market_view; give it here too");
      next_ = {own, 0};
    }
  };
  if (!read_flag()) {
    in.expect_end();
    return take_next(std::nullopt);
  }
  const bool own = read_flag();
  const auto source = in.read<std::uint64_t>();
  const std::vector<std::byte> identity = in.read_vector<std::byte>();
  ViewChoice choice{std::nullopt, static_cast<std::size_t>(source)};
  if (own) {
    for (const ViewChoice* const known : {&running_, &next_}) {
      if (known->own && same_identity(StateReader(identity), *known->own)) choice.own = known->own;
    }
    require(choice.own.has_value(), "it was saved on a view given by set_market_view; give the same view here first");
  } else {
    require(source < views_->size() && same_identity(StateReader(identity), (*views_)[choice.source]),
            "it was saved on other views or under another configuration; load it with its own");
  }
  open_view(choice);
  started_ = false;
  const bool live = read_flag();
  in.read(seed_);
  const auto group = in.read<std::uint64_t>();
  require(group < info_.length, "its group lies beyond the view; the state is damaged");
  detail::for_each_info_field(info_, [&](auto& field) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(field)>, bool>) {
      field = read_flag();
    } else {
      in.read(field);
    }
  });
  account_.load_state(in);
  features_.load_state(in);
  fill_.load_state(in);
  for (Micros* const time : {&position_since_us_, &last_fill_us_}) in.read(*time);
  in.read(highest_unrealized_);
  in.read(last_fill_price_);
  require(last_fill_price_ >= 0 && last_fill_price_ <= one_dollar, "a price lies outside 0..10000; the state is damaged");
  has_filled_ = read_flag();
  last_fill_added_yes_ = read_flag();
  in.expect_end();

  const MarketSessionView& view = view_of(running_);
  info_.group = static_cast<std::size_t>(group);
  require(info_.time_us == view.group_time_us(info_.group), "its time is not that of its group; the state is damaged");
  for (std::size_t i = 0; i < view.group_end(info_.group); ++i) book_.apply(view.row(i));
  info_.touch = book_.touch();
  require(info_.equity == account_.equity(info_.touch), "its equity is not that of its account; the state is damaged");
  take_next(running_.own);
  live_ = live;
  started_ = true;
  refresh();
}

inline void MarketAgnosticKalshiEnv::corrupt_future(std::uint64_t seed) {
  if (!started_) throw StateError("corrupt_future: no episode has been started; call reset first");
  MarketSessionView corrupted = view_of(running_).with_corrupted_future(info_.group, seed);
  if (running_.own) {
    if (next_.own) next_.own = corrupted;
    running_.own = std::move(corrupted);
  } else {
    std::vector<MarketSessionView> views(views_->views().begin(), views_->views().end());
    views[running_.source] = std::move(corrupted);
    views_ = std::make_shared<const ViewSet>(std::move(views));
  }
  const MarketSessionView& view = view_of(running_);
  info_.ticker = view.market().ticker;
  info_.length = view.length();
}

}  // namespace rlx::inline v0_1::kalshi

#endif  // RLX_KALSHI_ENVIRONMENT_HPP
