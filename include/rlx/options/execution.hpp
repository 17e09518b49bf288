// SPDX-License-Identifier: MIT
/// @file
/// @brief Sends the orders of a plan so that none is sent twice, and says what became of each.
///
/// Every request has three ends: confirmed, rejected, unknown. After an unknown one the venue is asked by label; only when the
/// venue cannot accept the order any more (server time beyond `valid_until` + 500 ms) and still does not have it, it counts as
/// not sent. One resend under the same label is allowed then, or after a rejection that is known to be passing.
///
/// The library does not sleep by itself: it waits on the clock that it is given (`wait_on`, rate_limiter.hpp).
#ifndef RLX_OPTIONS_EXECUTION_HPP
#define RLX_OPTIONS_EXECUTION_HPP

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/clock.hpp>
#include <rlx/core/error.hpp>
#include <rlx/options/deribit_codes.hpp>
#include <rlx/options/instrument.hpp>
#include <rlx/options/kill_switch.hpp>
#include <rlx/options/label.hpp>
#include <rlx/options/leg_book.hpp>
#include <rlx/options/leg_state.hpp>
#include <rlx/options/rate_limiter.hpp>
#include <rlx/options/records.hpp>
#include <rlx/options/settings.hpp>
#include <rlx/options/venue.hpp>

namespace rlx::inline v0_1::options {

/// After this much server time beyond `valid_until` the venue cannot accept the order any more.
inline constexpr std::int64_t valid_until_margin_ms = 500;
/// How long opens pause after "settlement in progress".
inline constexpr std::int64_t settlement_pause_ms = 60'000;

/// Asked before every send, a resend included, and told of every order that may exist.
/// - `instrument(underlying, symbol)`: its terms; null where the venue does not list it
/// - `check(leg, order, ticker)`: the risk engine on the projected state; `ticker` is the quote just read
/// - `sent(leg, order, ticker)`: from here on the leg counts as open (also told of a resend)
/// - `closed(leg, filled)`: what a buying order has filled
/// - `stop_reason()`: not empty once the kill switch wants no further send; cheap, it is asked several times a second
/// - `kill(reason, message)`: latches; the reason is one of kill_reason
template <class G>
concept ExecutionGate = requires(G& gate, const PlannedLeg& leg, const OrderRequest& order, const Ticker& ticker,
                                 market::Fixed8 filled, std::string_view text) {
  { gate.instrument(text, text) } -> std::convertible_to<const Instrument*>;
  { gate.check(leg, order, ticker) } -> std::same_as<RiskCheck>;
  gate.sent(leg, order, ticker);
  gate.closed(leg, filled);
  { gate.stop_reason() } -> std::convertible_to<std::string>;
  gate.kill(text, text);
};

/// What execution remembers from tick to tick.
struct ExecutionMemory {
  std::int64_t clock_offset_ms = 0;        ///< server time - own clock, as last measured
  std::int64_t opens_paused_until_ms = 0;  ///< own clock
  std::int64_t last_expiry_ms = 0;         ///< server time after which no request sent so far can become an order any more
};

/// The orders of some actions, with their labels: nothing for DO_NOTHING, two for a roll, in the order of the actions.
/// @throws InvalidActionError  for TRAINING_LADDER, which is logged above the legs and can never be executed, and for two
/// orders
///                             of one role, strategy and symbol, which would have one label
inline std::vector<PlannedLeg> plan_legs(std::span<const Action> actions, std::string_view account, std::string_view run_id,
                                         std::uint64_t tick_seq) {
  std::vector<PlannedLeg> legs;
  const auto add = [&](const Action& action, LegRole role) {
    PlannedLeg leg;
    leg.role = role;
    leg.action = action;
    leg.amount = action.size;
    leg.label =
        make_label(account, run_id, tick_seq, role, action.underlying, action.strategy.value_or("-"), traded_symbol(leg));
    for (const PlannedLeg& other : legs) {
      if (other.label != leg.label) continue;
      throw InvalidActionError("two actions of one tick ask for the same order: " + std::string(name_of(role)) + ' ' +
                               traded_symbol(leg) + "; a policy may name a symbol once");
    }
    legs.push_back(std::move(leg));
  };
  for (const Action& action : actions) {
    switch (action.type) {
      case ActionType::do_nothing:
        break;
      case ActionType::open_covered_call:
        add(action, LegRole::open);
        break;
      case ActionType::close_covered_call:
        add(action, LegRole::close);
        break;
      case ActionType::roll_covered_call:
        add(action, LegRole::roll_close);
        add(action, LegRole::roll_open);
        break;
      case ActionType::training_ladder:
        throw InvalidActionError(
            "TRAINING_LADDER is the record above the legs of a tick and cannot be executed; execute its legs");
    }
  }
  return legs;
}

/// The order of a leg at the quote given; price 0 where the quote lacks the side that the style needs.
///
/// post_only: limit at mid, rounded up to the tick, at least one tick above the bid. take_bid: limit at the bid,
/// immediate-or-cancel. A close buys at the ask, immediate-or-cancel and reduce-only, so that it neither rests nor opens a
/// long. `valid_until_ms` is server time.
inline OrderRequest make_order(const PlannedLeg& leg, market::Fixed8 amount, const Ticker& ticker, const Instrument& instrument,
                               OrderStyle style, std::int64_t valid_until_ms) {
  using market::Fixed8;
  OrderRequest order;
  order.side = side_of(leg.role);
  order.symbol = traded_symbol(leg);
  order.underlying = leg.action.underlying;
  order.amount = amount;
  order.label = leg.label;
  order.valid_until_ms = valid_until_ms;
  if (order.side == Side::buy) {
    order.price = ticker.ask;
    order.time_in_force = TimeInForce::immediate_or_cancel;
    order.reduce_only = true;
  } else if (style == OrderStyle::take_bid) {
    order.price = ticker.bid;
    order.time_in_force = TimeInForce::immediate_or_cancel;
  } else {
    order.post_only = true;
    if (ticker.bid.sign() > 0 && ticker.ask.sign() > 0) {
      // Half of an odd count of 1e-8 is rounded up with the rest.
      const Fixed8 mid = Fixed8::from_units(ticker.bid.units() + (ticker.ask.units() - ticker.bid.units() + 1) / 2);
      const Fixed8 above_bid = ticker.bid + tick_at(instrument, ticker.bid);
      order.price = round_price_up(instrument, max(mid, above_bid));
    }
  }
  return order;
}

/// `execution.status` by the table of the specification, first match.
inline LadderStatus ladder_status(std::span<const LegResult> legs, bool dry_run) {
  if (dry_run) return LadderStatus::simulated;
  bool filled = false, alive = false, broken = false;
  for (const LegResult& leg : legs) {
    filled = filled || leg.filled_amount.sign() > 0;
    alive = alive || leg.state == LegState::resting || leg.state == LegState::partial || leg.state == LegState::unknown;
    broken = broken || leg.state == LegState::rejected || leg.state == LegState::cancelled || leg.state == LegState::unknown;
  }
  if (!legs.empty() && !filled && !alive) return LadderStatus::failed;
  return broken ? LadderStatus::partial : LadderStatus::completed;
}

/// How much of what was planned has traded.
inline FillStatus fill_status(std::span<const LegResult> legs) {
  bool any = false, all = !legs.empty();
  for (const LegResult& leg : legs) {
    any = any || leg.filled_amount.sign() > 0;
    all = all && leg.filled_amount == leg.leg.amount;
  }
  return all ? FillStatus::full : any ? FillStatus::partial : FillStatus::none;
}

/// Whether an order can be the one that a leg sent, and what it says of the leg. Empty: the report contradicts itself or the
/// leg.
inline std::optional<LegState> state_of(const Order& order, const PlannedLeg& leg) {
  const bool possible = !order.order_id.empty() && order.label == leg.label && order.symbol == traded_symbol(leg) &&
                        order.side == side_of(leg.role) && order.amount.sign() > 0 && order.amount <= leg.amount &&
                        order.filled_amount.sign() >= 0 && order.filled_amount <= order.amount;
  if (!possible) return {};
  switch (order.state) {
    case OrderState::open:
      if (order.filled_amount == order.amount) return {};
      return order.filled_amount.sign() > 0 ? LegState::partial : LegState::resting;
    case OrderState::filled:
      if (order.filled_amount != order.amount) return {};
      return LegState::filled;
    case OrderState::cancelled:
      return LegState::cancelled;
    case OrderState::rejected:
      if (order.filled_amount.sign() != 0) return {};
      return LegState::rejected;
  }
  return {};
}

/// What a look-up by label found.
enum class LookUp : std::uint8_t {
  failed,   ///< no answer, or one that cannot be: nothing is known
  missing,  ///< the venue answered that it has no such order
  adopted   ///< the leg has the order's state now
};

/**
 * @brief Sends, looks up and cancels orders, writing every change of a leg before anything builds on it.
 *
 * Holds references only; one object per tick, one thread. Throws what the venue throws (SafetyError, AttestationError: a leg
 * whose order may exist is recorded as unknown first) and LogError.
 */
template <Venue V, OrderLog L, Clock C, ExecutionGate G>
class Executor {
 public:
  /// Everything given must outlive it.
  Executor(V& venue, Journal<L>& journal, const Settings& settings, C& clock, G& gate, ExecutionMemory& memory)
      : venue_(venue), journal_(journal), settings_(settings), clock_(clock), gate_(gate), memory_(memory) {}

  /// Every leg in turn, then those whose end is unknown. With `dry_run` nothing is sent and nothing enters the book.
  /// @pre without dry_run: the plan that holds the legs is in the journal
  ExecutionRecord execute(std::span<const PlannedLeg> legs) {
    ExecutionRecord record;
    execute(legs, record);
    return record;
  }
  /// The same into a record that is complete even where venue or log end the batch with an exception: legs that were not sent
  /// by then are rejected (abort), the others have the state of the journal.
  void execute(std::span<const PlannedLeg> legs, ExecutionRecord& record) {
    record = ExecutionRecord();
    record.dry_run = settings_.dry_run;
    record.legs.reserve(legs.size());
    try {
      execute_legs(legs, record.legs);
    } catch (const std::exception& error) {
      abort(error.what());
      for (LegResult& result : record.legs) interrupted(result, error.what());
      for (const PlannedLeg& leg : legs.subspan(record.legs.size())) {
        record.legs.emplace_back().leg = leg;
        interrupted(record.legs.back(), error.what());
      }
      summarise(record);
      throw;
    }
    summarise(record);
  }

  /// True after a code that says credentials or rights are wrong: the agent has to stop.
  bool must_stop() const noexcept { return must_stop_; }

  /// Asks the venue for a leg's order and takes over what it says. If several orders carry the label, the oldest is the leg's;
  /// the others are cancelled and the kill switch latches. It latches as well when the report cannot be of this leg.
  LookUp look_up(std::string_view label) {
    const BookedLeg& booked = booked_leg(label);
    auto found = venue_.orders_by_label(booked.leg.action.underlying, label);
    if (found.kind == OutcomeKind::rejected && classify_code(found.code, found.message) == CodeClass::token) {
      found = venue_.orders_by_label(booked.leg.action.underlying, label);  // the client has authenticated anew
    }
    if (!found.is_confirmed()) return LookUp::failed;
    std::vector<Order>& orders = *found.value;
    if (orders.empty()) return LookUp::missing;
    std::sort(orders.begin(), orders.end(), [](const Order& a, const Order& b) {
      return a.created_ms != b.created_ms ? a.created_ms < b.created_ms : a.order_id < b.order_id;
    });
    if (orders.size() > 1) drop_duplicates(std::span(orders).subspan(1));
    switch (adopt(orders.front())) {
      case Report::adopted:
        return LookUp::adopted;
      case Report::stale:
        break;
      case Report::impossible:
        gate_.kill(kill_reason::internal, "the venue's report of order '" + orders.front().order_id +
                                              "' cannot be of the order sent as " + std::string(label));
        break;
    }
    return LookUp::failed;
  }

  /// Follows resting orders and cancels those whose time is over. @return legs whose order could not be read or cancelled
  std::size_t poll() {
    std::size_t unread = 0;
    for (const std::string& label : journal_.book().unfinished()) {
      if (!rests(booked_leg(label))) continue;
      if (look_up(label) != LookUp::adopted) {
        ++unread;
      } else if (rests(booked_leg(label)) && server_now_ms() >= deadline_ms(booked_leg(label)) && !cancel(label)) {
        ++unread;
      }
    }
    return unread;
  }

  /// Looks up every leg that is planned, sent or unknown: after a restart, or when an earlier tick could not. A leg that the
  /// venue does not have and cannot accept any more is rejected(timed_out).
  /// @param wait  wait until the venue cannot accept it; otherwise a leg of which that is not sure stays as it is
  /// @return legs whose end is still unknown
  std::size_t resolve_unfinished(bool wait) {
    std::size_t unknown = 0;
    for (const std::string& label : journal_.book().unfinished()) {
      BookedLeg& booked = booked_leg(label);
      if (rests(booked)) continue;
      // The send may have happened at any time up to now: what was not written down is bounded by the plan.
      if (booked.expires_ms == 0) booked.expires_ms = server_now_ms() + booked.valid_for_ms + valid_until_margin_ms;
      LookUp found = look_up(label);
      if (found == LookUp::missing && wait && server_now_ms() <= booked_leg(label).expires_ms) found = settle(label);
      if (found == LookUp::missing && server_now_ms() > booked_leg(label).expires_ms) {
        reject(label, RejectedBy::timed_out, 0, std::string(not_there));
      } else if (found != LookUp::adopted) {
        ++unknown;
      }
    }
    return unknown;
  }

  /// Cancels a resting order. What the venue then says of it decides, so that a fill in between is not lost.
  /// @return whether the leg is at its end
  bool cancel(std::string_view label) {
    const auto outcome = venue_.cancel(booked_leg(label).order_id);
    if (!outcome.is_confirmed() || outcome.value->label != label || adopt(*outcome.value) != Report::adopted) look_up(label);
    return is_terminal(booked_leg(label).state);
  }

  /// Server time at which a resting order is to be cancelled.
  std::int64_t deadline_ms(const BookedLeg& leg) const {
    return leg.created_ms + std::int64_t{1'000} * settings_.order_ttl_sec;
  }
  /// Own clock moved by the offset last measured.
  std::int64_t server_now_ms() const { return static_cast<std::int64_t>(clock_.now_ms()) + memory_.clock_offset_ms; }

  /// Waits until server time is beyond an instant. @return false if the kill switch ended the wait
  bool wait_until_server(std::int64_t server_ms) {
    while (server_now_ms() <= server_ms) {
      if (stopped()) return false;
      wait_on(clock_, std::min<std::int64_t>(server_ms - server_now_ms() + 1, longest_wait_ms));
    }
    return true;
  }

 private:
  static constexpr std::int64_t longest_wait_ms = 200;  // between two looks at the kill switch
  static constexpr std::int64_t retry_wait_ms = 1'000;  // before a resend, and between look-ups that fail
  static constexpr int look_up_tries = 3;
  static constexpr std::string_view not_there = "the venue does not have the order and cannot accept it any more";

  enum class Report : std::uint8_t { adopted, stale, impossible };
  enum class Sent : std::uint8_t { settled, rejected, retryable, timed_out, unknown };

  BookedLeg& booked_leg(std::string_view label) {
    BookedLeg* const booked = journal_.book().find(label);
    RLX_REQUIRE(booked != nullptr, "no order without a plan in the journal");
    return *booked;
  }
  static bool rests(const BookedLeg& leg) { return leg.state == LegState::resting || leg.state == LegState::partial; }
  bool stopped() { return !std::string(gate_.stop_reason()).empty(); }
  void abort(std::string reason) {
    if (aborted_.empty()) aborted_ = std::move(reason);
  }
  bool opens_pause() const { return static_cast<std::int64_t>(clock_.now_ms()) < memory_.opens_paused_until_ms; }

  void execute_legs(std::span<const PlannedLeg> legs, std::vector<LegResult>& results) {
    const LegResult* closing = nullptr;  // the first order of a roll, for the one behind it
    for (const PlannedLeg& leg : legs) {
      LegResult& result = results.emplace_back();
      result.leg = leg;
      if (leg.role != LegRole::roll_open) {
        execute_leg(result, leg.amount);
        if (leg.role == LegRole::roll_close) closing = &result;
      } else if (closing != nullptr && closing->rejected_by == RejectedBy::risk) {
        // The check of the first order is that of the whole roll.
        result.risk_check = closing->risk_check;
        refused(result, RejectedBy::risk, closing->message, closing->code);
      } else {
        const market::Fixed8 closed = closing == nullptr   ? market::Fixed8()
                                      : closing->simulated ? closing->leg.amount
                                                           : closing->filled_amount;
        execute_leg(result, min(leg.amount, closed));
      }
    }
    for (LegResult& result : results) {
      if (result.state == LegState::unknown) resolve(result);
    }
  }

  void summarise(ExecutionRecord& record) const {
    record.aborted_reason = aborted_;
    record.status = ladder_status(record.legs, settings_.dry_run);
    record.fill_status = fill_status(record.legs);
  }

  // What an exception has left of a leg.
  void interrupted(LegResult& result, const std::string& why) {
    if (result.simulated || result.state == LegState::rejected) return;
    const BookedLeg* const booked = settings_.dry_run ? nullptr : journal_.book().find(result.leg.label);
    try {
      if (booked == nullptr || booked->leg != result.leg || booked->state == LegState::planned) {
        return refused(result, RejectedBy::abort, why);
      }
      if (result.message.empty()) result.message = why;
      mark_unknown(result.leg.label, result.code, result.message);
    } catch (const LogError&) {
      // The agent ends for it; the next start asks the venue.
    }
    take_over(result);
  }

  void execute_leg(LegResult& result, market::Fixed8 amount) {
    const PlannedLeg& leg = result.leg;
    if (leg.action.type == ActionType::training_ladder || leg.action.type == ActionType::do_nothing) {
      throw InvalidActionError(std::string(name_of(leg.action.type)) + " has no order and cannot be executed");
    }
    if (aborted_.empty()) abort(gate_.stop_reason());
    if (!aborted_.empty()) return refused(result, RejectedBy::abort, aborted_);
    if (side_of(leg.role) == Side::sell && opens_pause()) {
      return refused(result, RejectedBy::abort, "opens pause while the venue settles");
    }
    if (amount.sign() <= 0) {
      return refused(result, RejectedBy::abort, "the closing order filled nothing: there is nothing to open");
    }
    const Instrument* const instrument = gate_.instrument(leg.action.underlying, traded_symbol(leg));
    const Outcome<Ticker> quote = instrument != nullptr ? venue_.ticker(traded_symbol(leg)) : Outcome<Ticker>();
    if (!quote.is_confirmed()) {
      result.risk_check = {false, {instrument == nullptr ? "H4 instrument: not listed" : "H7 quote: not available"}};
      return refused(result, RejectedBy::risk, quote.message, quote.code);
    }
    const Ticker& ticker = *quote.value;
    result.index = ticker.index;
    result.mark = ticker.mark;
    OrderRequest order = make_order(leg, amount, ticker, *instrument, settings_.order_style, valid_until());
    result.risk_check = gate_.check(leg, order, ticker);
    if (!result.risk_check.allowed) {
      std::string reasons;
      for (const std::string& reason : result.risk_check.reasons) reasons.append(reasons.empty() ? "" : "; ").append(reason);
      return refused(result, RejectedBy::risk, std::move(reasons));
    }
    result.order = order;
    gate_.sent(leg, order, ticker);
    if (settings_.dry_run) {
      result.simulated = true;
      return;
    }
    send(result, std::move(order), ticker);
    if (side_of(leg.role) == Side::buy) gate_.closed(leg, result.filled_amount);
  }

  std::int64_t valid_until() const { return server_now_ms() + settings_.valid_for_ms; }

  void refused(LegResult& result, RejectedBy by, const std::string& message, int code = 0) {
    if (by == RejectedBy::abort) result.risk_check = {false, {"not checked: " + message}};
    result.state = LegState::rejected;
    result.rejected_by = by;
    result.code = code;
    result.message = message;
    // Where the label is that of another leg, its records are not this one's to write.
    if (settings_.dry_run) return;
    const BookedLeg* const booked = journal_.book().find(result.leg.label);
    if (booked != nullptr && booked->leg == result.leg) reject(result.leg.label, by, code, message);
  }

  void send(LegResult& result, OrderRequest order, const Ticker& ticker) {
    const std::string& label = result.leg.label;
    BookedLeg& booked = booked_leg(label);
    booked.price = order.price;
    booked.index = ticker.index;
    booked.mark = ticker.mark;
    journal_.write(record_of(booked, LegState::sent));
    Sent end = submit(order, result);
    if (end == Sent::retryable) {
      // Only when the venue says that it has no such order may it be sent again.
      switch (look_up(label)) {
        case LookUp::adopted:
          end = Sent::settled;
          break;
        case LookUp::failed:
          end = Sent::unknown;
          break;
        case LookUp::missing:
          if (const std::optional<Sent> again = resend(result)) end = *again;
          break;
      }
    }
    finish(end, result);
    if (result.rejected_by != RejectedBy::venue) {
      rejected_in_a_row_ = 0;
    } else if (++rejected_in_a_row_ >= 3) {
      abort("three legs in a row were rejected by the venue");
    }
  }

  // One request. Only `settled` has changed the leg.
  Sent submit(const OrderRequest& order, LegResult& result) {
    const std::string& label = order.label;
    booked_leg(label).expires_ms = order.valid_until_ms + valid_until_margin_ms;
    memory_.last_expiry_ms = std::max(memory_.last_expiry_ms, order.valid_until_ms + valid_until_margin_ms);
    Outcome<Order> outcome;
    try {
      outcome = venue_.submit(order);
    } catch (const Error&) {
      // The reply that proved the wrong exchange may be that of an order which was taken.
      mark_unknown(label, 0, "the request ended in an error");
      throw;
    }
    result.code = outcome.code;
    result.message = outcome.message;
    if (outcome.is_confirmed()) {
      if (outcome.value->label == label && adopt(*outcome.value) == Report::adopted) return Sent::settled;
      result.message = "the venue's reply contradicts the order";
      return look_up(label) == LookUp::adopted ? Sent::settled : Sent::unknown;
    }
    const CodeClass what = classify_code(outcome.code, outcome.message);
    if (what == CodeClass::timed_out) return look_up(label) == LookUp::adopted ? Sent::settled : Sent::timed_out;
    if (outcome.kind == OutcomeKind::unknown) return look_up(label) == LookUp::adopted ? Sent::settled : Sent::unknown;
    switch (what) {
      case CodeClass::retryable:
        if (outcome.code == code_too_many_requests && ++throttled_ >= 2) abort("a second 10028: too many requests");
        if (outcome.code == code_settlement_in_progress) {
          memory_.opens_paused_until_ms = static_cast<std::int64_t>(clock_.now_ms()) + settlement_pause_ms;
        }
        return Sent::retryable;
      case CodeClass::token:  // the client authenticates anew before its next request
        return Sent::retryable;
      case CodeClass::unknown:
      case CodeClass::label_not_unique:
        return look_up(label) == LookUp::adopted ? Sent::settled : Sent::unknown;
      case CodeClass::stop:
        must_stop_ = true;
        abort("code " + std::to_string(outcome.code) + ": " + outcome.message);
        return Sent::rejected;
      case CodeClass::timed_out:
      case CodeClass::definite:
        break;
    }
    return Sent::rejected;
  }

  // The same leg once more under the same label, priced and checked anew. Nothing if it may not be sent.
  std::optional<Sent> resend(LegResult& result) {
    const std::string& label = result.leg.label;
    const PlannedLeg& leg = result.leg;
    const bool opens = side_of(leg.role) == Side::sell;
    if (!aborted_.empty() || std::find(resent_.begin(), resent_.end(), label) != resent_.end()) return {};
    if (!wait_until_server(server_now_ms() + retry_wait_ms) || stopped() || (opens && opens_pause())) return {};
    const auto quote = venue_.ticker(traded_symbol(leg));
    const Instrument* const instrument = gate_.instrument(leg.action.underlying, traded_symbol(leg));
    if (!quote.is_confirmed() || instrument == nullptr) return {};
    const Ticker& ticker = *quote.value;
    OrderRequest order = make_order(leg, result.order->amount, ticker, *instrument, settings_.order_style, valid_until());
    if (!gate_.check(leg, order, ticker).allowed) return {};
    gate_.sent(leg, order, ticker);
    resent_.push_back(label);
    result.order = order;
    BookedLeg& booked = booked_leg(label);
    booked.price = order.price;
    booked.index = ticker.index;
    booked.mark = ticker.mark;
    return submit(order, result);
  }

  // Brings the leg to the state that the end of its request means.
  void finish(Sent end, LegResult& result) {
    const std::string& label = result.leg.label;
    switch (end) {
      case Sent::settled:
        break;
      case Sent::rejected:
      case Sent::retryable:
        reject(label, RejectedBy::venue, result.code, result.message);
        break;
      case Sent::timed_out:
      case Sent::unknown:
        mark_unknown(label, result.code, result.message);
        if (end == Sent::unknown && ++unknown_legs_ >= 2) abort("two legs of unknown state");
        break;
    }
    take_over(result);
  }

  // A leg whose order may exist: waits until the venue cannot accept it any more; then the venue's answer is the truth.
  void resolve(LegResult& result) {
    const std::string& label = result.leg.label;
    LookUp found = settle(label);
    if (found == LookUp::missing && classify_code(result.code, result.message) != CodeClass::timed_out) {
      if (const std::optional<Sent> again = resend(result)) {
        if (*again == Sent::rejected || *again == Sent::retryable) {
          reject(label, RejectedBy::venue, result.code, result.message);
        } else if (*again != Sent::settled) {
          found = settle(label);
        }
      }
    }
    if (booked_leg(label).state == LegState::unknown && found == LookUp::missing) {
      result.message = not_there;
      reject(label, RejectedBy::timed_out, result.code, result.message);
    }
    take_over(result);
    if (side_of(result.leg.role) == Side::buy) gate_.closed(result.leg, result.filled_amount);
  }

  // Waits until the venue cannot accept the leg's order any more, then asks. `missing` is final.
  LookUp settle(const std::string& label) {
    for (int attempt = 0; attempt < look_up_tries; ++attempt) {
      const std::int64_t until = attempt == 0 ? booked_leg(label).expires_ms : server_now_ms() + retry_wait_ms;
      if (!wait_until_server(until)) return LookUp::failed;
      if (const LookUp found = look_up(label); found != LookUp::failed) return found;
    }
    return LookUp::failed;
  }

  Report adopt(const Order& order) {
    BookedLeg* const booked = journal_.book().find(order.label);
    if (booked == nullptr) return Report::impossible;
    const std::optional<LegState> state = state_of(order, booked->leg);
    if (!state || (!booked->order_id.empty() && booked->order_id != order.order_id)) return Report::impossible;
    booked->created_ms = order.created_ms;
    if (*state == booked->state && order.filled_amount == booked->filled_amount) return Report::adopted;
    // What the venue has was sent, whatever a crash has left of it in the log.
    if (booked->state == LegState::planned) journal_.write(record_of(*booked, LegState::sent));
    const bool further_fill = *state == LegState::partial && booked->state == LegState::partial;
    if (order.filled_amount < booked->filled_amount || (!further_fill && !can_change(booked->state, *state))) {
      return Report::stale;
    }
    if (!order.fills.empty() && order.fills.back().index > 0.0) booked->index = order.fills.back().index;
    LegRecord record = record_of(*booked, *state);
    record.rejected_by = *state == LegState::rejected ? RejectedBy::venue : RejectedBy::none;
    record.order_id = order.order_id;
    record.price = order.price;
    record.filled_amount = order.filled_amount;
    record.average_price = order.average_price;
    record.fee = order.fee;
    journal_.write(record);
    return Report::adopted;
  }

  void drop_duplicates(std::span<Order> orders) {
    gate_.kill("duplicate_label",
               "the venue has " + std::to_string(orders.size() + 1) + " orders labelled " + orders.front().label);
    for (Order& order : orders) {
      if (order.state == OrderState::open) {
        if (const auto cancelled = venue_.cancel(order.order_id); cancelled.is_confirmed()) order = *cancelled.value;
      }
      ReconcileRecord record;
      record.label = order.label;
      record.order_id = order.order_id;
      record.venue_size = order.side == Side::sell ? -order.filled_amount : order.filled_amount;
      record.message =
          "a second order with the label; " + std::string(order.state == OrderState::open ? "still open" : "closed");
      journal_.write(record);
    }
  }

  void mark_unknown(std::string_view label, int code, std::string message) {
    const BookedLeg& booked = booked_leg(label);
    if (booked.state != LegState::sent) return;
    LegRecord record = record_of(booked, LegState::unknown);
    record.code = code;
    record.message = std::move(message);
    journal_.write(record);
  }
  void reject(std::string_view label, RejectedBy by, int code, std::string message) {
    LegRecord record = record_of(booked_leg(label), LegState::rejected);
    record.rejected_by = by;
    record.code = code;
    record.message = std::move(message);
    journal_.write(record);
  }

  static LegRecord record_of(const BookedLeg& booked, LegState to) {
    LegRecord record;
    record.tick_seq = booked.tick_seq;
    record.label = booked.leg.label;
    record.from = booked.state;
    record.to = to;
    record.order_id = booked.order_id;
    record.price = booked.price;
    record.filled_amount = booked.filled_amount;
    record.average_price = booked.average_price;
    record.fee = booked.fee;
    record.index = booked.index;
    record.mark = booked.mark;
    return record;
  }

  void take_over(LegResult& result) {
    const BookedLeg& booked = booked_leg(result.leg.label);
    result.state = booked.state;
    result.rejected_by = booked.rejected_by;
    result.order_id = booked.order_id;
    result.filled_amount = booked.filled_amount;
    result.average_price = booked.average_price;
    result.fee = booked.fee;
    result.index = booked.index;
    result.mark = booked.mark;
  }

  V& venue_;
  Journal<L>& journal_;
  const Settings& settings_;
  C& clock_;
  G& gate_;
  ExecutionMemory& memory_;

  std::string aborted_;
  std::vector<std::string> resent_;
  int unknown_legs_ = 0, rejected_in_a_row_ = 0, throttled_ = 0;
  bool must_stop_ = false;
};

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_EXECUTION_HPP
