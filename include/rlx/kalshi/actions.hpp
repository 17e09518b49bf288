// SPDX-License-Identifier: MIT
/// @file
/// @brief What an agent may do: layouts of discrete actions, the order that an action means, and which actions are legal.
#ifndef RLX_KALSHI_ACTIONS_HPP
#define RLX_KALSHI_ACTIONS_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/kalshi/account.hpp>
#include <rlx/kalshi/fees.hpp>
#include <rlx/kalshi/order_book.hpp>
#include <rlx/kalshi/tick_grid.hpp>
#include <rlx/kalshi/types.hpp>

namespace rlx::inline v0_1::kalshi {

/// Where an order stands: `bid` orders add YES, `ask` orders add NO. At most one live order each.
enum class BookSlot : std::uint8_t {
  bid,  ///< buys YES or sells NO
  ask   ///< buys NO or sells YES
};

/// The other slot.
constexpr BookSlot opposite(BookSlot slot) noexcept { return slot == BookSlot::bid ? BookSlot::ask : BookSlot::bid; }
/// The side of the book in which orders of the slot rest.
constexpr BookSide side_of(BookSlot slot) noexcept { return slot == BookSlot::bid ? BookSide::yes : BookSide::no; }
/// Price of an order in its own contract: P for YES, 10,000 - P for NO.
constexpr Price own_price(BookSlot slot, Price yes_price) noexcept {
  return slot == BookSlot::bid ? yes_price : one_dollar - yes_price;
}
/// 0 for bid, 1 for ask.
constexpr std::size_t index_of(BookSlot slot) noexcept { return static_cast<std::size_t>(slot); }

/// How the limit price follows from the touch that the decision sees.
enum class PriceRule : std::uint8_t {
  join,     ///< the own side's best
  improve,  ///< one tick better than join, if that is still inside the spread
  cross     ///< the other side's best
};

/// The four orders. BUY opens or adds, SELL only reduces what is held.
enum class BaseAction : std::uint8_t {
  buy_yes,   ///< bids for YES
  sell_yes,  ///< asks for held YES
  buy_no,    ///< bids for NO: asks for YES
  sell_no    ///< asks for held NO: bids for YES
};

/// What an action does.
enum class ActionKind : std::uint8_t {
  hold,    ///< sends nothing
  cancel,  ///< cancels every working order for which no message is under way
  order    ///< sends one order
};

/// A decoded action; `base`, `rule` and `contracts` matter for orders only.
struct Action {
  ActionKind kind = ActionKind::hold;              ///< what it does
  BaseAction base = BaseAction::buy_yes;           ///< of an order: which of the four
  PriceRule rule = PriceRule::cross;               ///< of an order: how its limit follows from the touch
  int contracts = 0;                               ///< wanted size
  bool operator==(const Action&) const = default;  ///< Memberwise.
};

/// As in the names of actions.
constexpr std::string_view base_action_name(BaseAction base) noexcept {
  constexpr std::string_view names[] = {"BUY_YES", "SELL_YES", "BUY_NO", "SELL_NO"};
  return names[static_cast<std::size_t>(base)];
}
/// As in the names of actions.
constexpr std::string_view price_rule_name(PriceRule rule) noexcept {
  constexpr std::string_view names[] = {"JOIN", "IMPROVE", "CROSS"};
  return names[static_cast<std::size_t>(rule)];
}

/// BUY_YES and SELL_NO bid for YES, BUY_NO and SELL_YES for NO.
constexpr BookSlot slot_of(BaseAction base) noexcept {
  return base == BaseAction::buy_yes || base == BaseAction::sell_no ? BookSlot::bid : BookSlot::ask;
}
/// True for SELL: the order never takes the position through 0.
constexpr bool reduces(BaseAction base) noexcept { return base == BaseAction::sell_yes || base == BaseAction::sell_no; }
/// The same order on the mirrored market: BUY_YES and BUY_NO, SELL_YES and SELL_NO swapped.
constexpr BaseAction mirrored(BaseAction base) noexcept { return static_cast<BaseAction>(static_cast<unsigned>(base) ^ 2U); }

/**
 * @brief Numbers of actions and what they mean: 0 HOLD, 1 CANCEL where the layout has it, then
 * `first + ((base * rules + rule) * sizes + size)`.
 *
 * Without CANCEL at most one order works: a message for one slot also cancels the working order of the other when it arrives.
 * With CANCEL both slots may work at once. Immutable; copies are independent.
 */
class ActionLayout {
 public:
  /// HOLD and the four orders at one price rule, the size being the environment's `contracts_per_order`.
  static ActionLayout five(PriceRule rule = PriceRule::cross) { return ActionLayout({rule}, {}, false, Checked{}); }
  /// HOLD, CANCEL and 12 orders per size: all price rules.
  static ActionLayout extended(std::vector<int> sizes = {5, 20}) {
    return ActionLayout({PriceRule::join, PriceRule::improve, PriceRule::cross}, std::move(sizes), true);
  }
  /// @param cancel whether the layout has CANCEL, as id 1
  /// Any subset of rules and sizes. {cross} x {5, 10, 20, 50, 100} without cancel gives the historical 21 actions.
  /// @param rules  in the order join, improve, cross
  /// @param sizes  contracts, rising, at least 1
  /// @throws ConfigError for an empty or unordered list or a size below 1
  ActionLayout(std::vector<PriceRule> rules, std::vector<int> sizes, bool cancel)
      : ActionLayout(std::move(rules), checked(std::move(sizes)), cancel, Checked{}) {}

  /// Of `five`: the same with its size; other layouts have their own and come back unchanged. @throws ConfigError below 1
  ActionLayout with_order_size(int contracts) const {
    return sizes_.empty() ? ActionLayout(rules_, checked({contracts}), cancel_, Checked{}) : *this;
  }

  /// Number of actions.
  int size() const noexcept { return static_cast<int>(actions_.size()); }
  /// @throws InvalidActionError for an id outside 0..size() - 1
  const Action& decode(int id) const {
    if (id < 0 || id >= size()) {
      throw InvalidActionError("action " + std::to_string(id) + " does not exist: expected an id in [0, " +
                               std::to_string(size() - 1) + ']');
    }
    return actions_[static_cast<std::size_t>(id)];
  }
  /// Id of an action; -1 if the layout does not have it.
  int find(const Action& action) const noexcept {
    const auto at = std::find_if(actions_.begin(), actions_.end(), [&action](const Action& each) {
      return each.kind == action.kind && (each.kind != ActionKind::order || each == action);
    });
    return at == actions_.end() ? -1 : static_cast<int>(at - actions_.begin());
  }
  /// Id of the same action on the mirrored market. @throws InvalidActionError as `decode`
  int mirrored(int id) const {
    Action action = decode(id);
    if (action.kind == ActionKind::order) action.base = kalshi::mirrored(action.base);
    return find(action);
  }
  /// `HOLD`, `CANCEL`, `BUY_YES`; with several rules or sizes `BUY_YES JOIN 5`. By id.
  std::span<const std::string> names() const noexcept { return names_; }

  std::span<const PriceRule> rules() const noexcept { return rules_; }  ///< in the order join, improve, cross
  /// Contracts, rising; empty for `five` until it has its size.
  std::span<const int> sizes() const noexcept { return sizes_; }
  bool has_cancel() const noexcept { return cancel_; }  ///< true if id 1 is CANCEL
  /// Q: contracts of the largest order; 0 for `five` until it has its size.
  int largest_order() const noexcept { return sizes_.empty() ? 0 : sizes_.back(); }
  /// Id of the first order.
  int first_order() const noexcept { return cancel_ ? 2 : 1; }

  /// By rules, sizes and CANCEL.
  bool operator==(const ActionLayout& other) const {
    return rules_ == other.rules_ && sizes_ == other.sizes_ && cancel_ == other.cancel_;
  }

 private:
  struct Checked {};

  ActionLayout(std::vector<PriceRule> rules, std::vector<int> sizes, bool cancel, Checked)
      : rules_(std::move(rules)), sizes_(std::move(sizes)), cancel_(cancel) {
    if (rules_.empty() ||
        std::adjacent_find(rules_.begin(), rules_.end(), [](auto a, auto b) { return a >= b; }) != rules_.end()) {
      throw ConfigError("layout: expected at least one price rule, in the order join, improve, cross");
    }
    actions_.push_back({});
    names_.emplace_back("HOLD");
    if (cancel_) {
      actions_.push_back({ActionKind::cancel, BaseAction::buy_yes, PriceRule::cross, 0});
      names_.emplace_back("CANCEL");
    }
    const std::vector<int> sizes_or_open = sizes_.empty() ? std::vector<int>{0} : sizes_;
    const bool plain = rules_.size() == 1 && sizes_or_open.size() == 1;
    for (const BaseAction base : {BaseAction::buy_yes, BaseAction::sell_yes, BaseAction::buy_no, BaseAction::sell_no}) {
      for (const PriceRule rule : rules_) {
        for (const int contracts : sizes_or_open) {
          actions_.push_back({ActionKind::order, base, rule, contracts});
          std::string name(base_action_name(base));
          if (!plain) name += ' ' + std::string(price_rule_name(rule)) + ' ' + std::to_string(contracts);
          names_.push_back(std::move(name));
        }
      }
    }
  }

  static std::vector<int> checked(std::vector<int> sizes) {
    bool rising = !sizes.empty() && sizes.front() >= 1;
    for (std::size_t i = 1; i < sizes.size(); ++i) rising = rising && sizes[i - 1] < sizes[i];
    if (rising) return sizes;
    std::string found;
    for (const int size : sizes) found += (found.empty() ? "" : ", ") + std::to_string(size);
    throw ConfigError("order sizes: expected contracts of at least 1, rising, found {" + found + "}");
  }

  std::vector<PriceRule> rules_;
  std::vector<int> sizes_;
  bool cancel_ = false;
  std::vector<Action> actions_;
  std::vector<std::string> names_;
};

/// The part of an order that opens: what is left after it has closed the position against it. Counts are not negative.
constexpr Count opening_part(BookSlot slot, Count count, Count position) noexcept {
  const Count against = slot == BookSlot::bid ? -position : position;
  return count - std::clamp(against, Count{0}, count);
}

/// A working order that a new one replaces and that may still fill before the new one arrives.
struct ReplacedOrder {
  Price price = 0;      ///< limit, YES price
  Count remaining = 0;  ///< 0: none
};

/// Cash set aside for an order: ceil_cent(P_own o + taker fee(P, q)) + 2 cents, o being the part that opens; 0 if nothing
/// opens. While a dearer order is being replaced, the part of q that it may take before the message arrives counts at its
/// price, so that an affordable order can always be paid.
/// @pre 0 <= price <= 10,000, count >= 0
inline Money order_reserve(const FeeSchedule& fees, BookSlot slot, Price price, Count count, Count position,
                           ReplacedOrder replaced = {}) {
  const Count opens = opening_part(slot, count, position);
  if (opens == 0) return 0;
  const Price own = own_price(slot, price), dearer = own_price(slot, replaced.price) - own;
  const Count first = replaced.remaining > 0 && dearer > 0 ? std::min(count, replaced.remaining) : 0;
  Money cost = own * opens + trade_fee(fees, Liquidity::taker, price, count - first);
  if (first > 0) cost += dearer * std::min(first, opens) + trade_fee(fees, Liquidity::taker, replaced.price, first);
  return -detail::floor_to(-cost, cents(1)) + cents(2);
}

/// What the mask needs to know of an order slot.
struct SlotStatus {
  bool in_flight = false;  ///< a message for the slot is under way
  bool working = false;    ///< an order of the slot rests in the book
  Price price = 0;         ///< of the working order
  Count remaining = 0;     ///< of the working order
  Money reserve = 0;       ///< of all live orders of the slot
};

/// All that legality and size of an order depend on.
struct DecisionState {
  Touch touch;                            ///< of the recorded book
  bool open = false;                      ///< the book is neither broken nor crossed nor locked, and the episode runs
  TickGrid grid = TickGrid::linear_cent;  ///< ticks of the market
  Count position = 0;                     ///< held, NO negative
  Count position_limit = contracts(100);  ///< largest position either way
  Money cash = 0;                         ///< of the account, reserves of live orders included
  FeeSchedule fees;                       ///< in force for the episode
  std::array<SlotStatus, 2> slots{};      ///< by BookSlot
};

/// The limit order that a legal action sends.
struct OrderPlan {
  BookSlot slot = BookSlot::bid;                      ///< slot that the order takes
  Price price = 0;                                    ///< YES price
  Count count = 0;                                    ///< size
  bool reduce_only = false;                           ///< fills never take the position through 0
  bool operator==(const OrderPlan&) const = default;  ///< Memberwise.
};

/// Limit price by the touch; empty if the side that it needs is missing or no tick is free. @pre state.open
inline std::optional<Price> limit_price(const DecisionState& state, BookSlot slot, PriceRule rule) {
  const bool bid = slot == BookSlot::bid;
  const std::optional<Price>& own = bid ? state.touch.bid : state.touch.ask;
  const std::optional<Price>& other = bid ? state.touch.ask : state.touch.bid;
  if (rule == PriceRule::cross) return other;
  if (rule == PriceRule::join || !own) return own;
  const std::optional<Price> better = bid ? tick_above(state.grid, *own) : tick_below(state.grid, *own);
  if (!better) return std::nullopt;
  const bool inside = bid ? *better < other.value_or(one_dollar) : *better > other.value_or(0);
  return inside ? better : std::nullopt;
}

/// Largest size up to `wanted` that position, limit and cash allow: whole contracts for BUY, at most what is held for SELL;
/// 0 if none. BUY must leave the other slot's reserve untouched.
inline Count largest_size(const DecisionState& state, BaseAction base, Price price, Count wanted) {
  const BookSlot slot = slot_of(base);
  const Count toward = slot == BookSlot::bid ? state.position : -state.position;  // the way the order goes
  if (reduces(base)) return std::clamp(-toward, Count{0}, wanted);
  if (toward < 0) return 0;
  Count whole = std::min(wanted, state.position_limit - toward) / one_contract;
  if (whole <= 0) return 0;
  const Money available = state.cash - state.slots[index_of(opposite(slot))].reserve;
  // A contract and its fee cost at most a dollar; rounding and margin are below 4 cents. Spares the fee in most cases.
  if (state.fees.type != FeeType::flat && available >= whole * dollars(1) + cents(4)) return contracts(whole);
  const SlotStatus& own = state.slots[index_of(slot)];
  const ReplacedOrder replaced{own.price, own.working ? own.remaining : 0};
  const auto affordable = [&](Count n) {
    return order_reserve(state.fees, slot, price, contracts(n), state.position, replaced) <= available;
  };
  if (affordable(whole)) return contracts(whole);
  Count low = 0;  // affordable; `whole` is not
  while (whole - low > 1) {
    const Count middle = low + (whole - low) / 2;
    (affordable(middle) ? low : whole) = middle;
  }
  return contracts(low);
}

namespace detail {

// Price and largest size that an order may have; size 0: no order is legal.
struct OrderRoom {
  Price price = 0;
  Count largest = 0;
};

/// Room of an order by the present touch. `wanted`: size of the action.
inline OrderRoom order_room(const DecisionState& state, BaseAction base, PriceRule rule, Count wanted) {
  const SlotStatus& slot = state.slots[index_of(slot_of(base))];
  if (!state.open || slot.in_flight) return {};
  const bool buys_yes = slot_of(base) == BookSlot::bid;
  const Count toward = buys_yes ? state.position : -state.position;
  if (reduces(base) ? toward >= 0 : toward < 0) return {};
  const std::optional<Price> price = limit_price(state, slot_of(base), rule);
  if (!price || (slot.working && slot.price == *price)) return {};
  return {*price, largest_size(state, base, *price, wanted)};
}

/// True if an order works for which no message is under way.
inline bool can_cancel(const DecisionState& state) noexcept {
  return state.open && std::any_of(state.slots.begin(), state.slots.end(),
                                   [](const SlotStatus& slot) { return slot.working && !slot.in_flight; });
}

}  // namespace detail

/// The order of action `id` of the layout; empty if the mask forbids it. HOLD and CANCEL have no order.
/// @throws InvalidActionError for an id outside the layout
inline std::optional<OrderPlan> plan_order(const ActionLayout& layout, const DecisionState& state, int id) {
  const Action& action = layout.decode(id);
  if (action.kind != ActionKind::order) return std::nullopt;
  const Count wanted = contracts(action.contracts);
  const detail::OrderRoom room = detail::order_room(state, action.base, action.rule, wanted);
  if (room.largest == 0) return std::nullopt;
  // A smaller size that comes to the same order stands for it.
  for (const int smaller : layout.sizes()) {
    if (smaller >= action.contracts) break;
    if (contracts(smaller) >= room.largest) return std::nullopt;
  }
  return OrderPlan{slot_of(action.base), room.price, room.largest, reduces(action.base)};
}

/// Writes a byte per action, 1 = legal. HOLD always is; CANCEL if a slot works without a message under way; an order by
/// position, touch, size and cash, if it differs in effect from every other legal action. Allocates nothing.
/// @throws ShapeError for another length than layout.size()
inline void write_action_mask(const ActionLayout& layout, const DecisionState& state, std::span<std::uint8_t> row) {
  if (row.size() != static_cast<std::size_t>(layout.size())) {
    throw ShapeError("mask row: expected " + std::to_string(layout.size()) + " bytes, found " + std::to_string(row.size()));
  }
  row[0] = 1;
  if (layout.has_cancel()) row[1] = detail::can_cancel(state) ? 1 : 0;
  auto at = static_cast<std::size_t>(layout.first_order());
  for (const BaseAction base : {BaseAction::buy_yes, BaseAction::sell_yes, BaseAction::buy_no, BaseAction::sell_no}) {
    for (const PriceRule rule : layout.rules()) {
      const Count largest = detail::order_room(state, base, rule, contracts(layout.largest_order())).largest;
      Count before = 0;
      for (const int size : layout.sizes()) {
        const Count count = std::min(contracts(size), largest);
        row[at++] = count > before ? 1 : 0;
        before = count;
      }
    }
  }
}

}  // namespace rlx::inline v0_1::kalshi

#endif  // RLX_KALSHI_ACTIONS_HPP
