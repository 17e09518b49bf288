// SPDX-License-Identifier: MIT
/// @file
/// @brief What the agent's records say of its own legs and positions: the log in memory.
#ifndef RLX_OPTIONS_LEG_BOOK_HPP
#define RLX_OPTIONS_LEG_BOOK_HPP

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/options/instrument.hpp>
#include <rlx/options/leg_state.hpp>
#include <rlx/options/records.hpp>

namespace rlx::inline v0_1::options {

/// What writes the agent's records. `write` throws LogError when a record could not be written; plan, decision, start, kill and
/// stop records are on the device when it returns, the others need not be.
template <class L>
concept OrderLog = requires(L& log, const StartRecord& start, const PlanRecord& plan, const LegRecord& leg,
                            const DecisionRecord& decision, const SettlementRecord& settlement,
                            const ReconcileRecord& reconcile, const ErrorRecord& error, const KillRecord& kill,
                            const KillReleasedRecord& released, const StopRecord& stop) {
  log.write(start);
  log.write(plan);
  log.write(leg);
  log.write(decision);
  log.write(settlement);
  log.write(reconcile);
  log.write(error);
  log.write(kill);
  log.write(released);
  log.write(stop);
};

/// Writes nothing: for policies that are tried out without a log.
struct NullLog {
  /// Does nothing.
  template <class R>
  void write(const R&) {}
};
static_assert(OrderLog<NullLog>);

/// The call that an order of a leg trades: the target for the opening order of a roll.
inline const std::string& traded_symbol(const PlannedLeg& leg) {
  return leg.role == LegRole::roll_open ? leg.action.roll_to : leg.action.symbol;
}
/// Closing orders buy, opening orders sell.
constexpr Side side_of(LegRole role) noexcept {
  return role == LegRole::close || role == LegRole::roll_close ? Side::buy : Side::sell;
}

/// One leg as the records tell it.
struct BookedLeg {
  PlannedLeg leg;                             ///< as planned
  std::uint64_t tick_seq = 0;                 ///< of the plan
  LegState state = LegState::planned;         ///< after the last record
  RejectedBy rejected_by = RejectedBy::none;  ///< the cause where `state` is rejected
  std::string order_id;                       ///< the venue's; empty before it is known
  market::Fixed8 price;                       ///< limit, settlement currency; 0 before it is known
  market::Fixed8 filled_amount;               ///< contracts
  market::Fixed8 average_price;               ///< settlement currency per contract; 0 where nothing is filled
  market::Fixed8 fee;                         ///< of all fills, settlement currency
  double index = 0.0;                         ///< USD, at the last quote or fill; 0: not known
  market::Fixed8 mark;                        ///< at the last quote
  std::int64_t created_ms = 0;                ///< server time at which the venue took the order; 0: not known
  std::int64_t expires_ms = 0;  ///< server time after which the venue cannot accept the order any more; 0: not known
  int valid_for_ms = 0;         ///< of the plan
};

/// All legs that are not at their end (and those of the running tick), and Σ fills − settlements for every symbol traded.
/// Records go in through `apply`, from a log at the start and from the running agent alike.
class LegBook {
 public:
  /// @throws LogError  a label that is there already: it would make two orders indistinguishable
  void apply(const PlanRecord& plan) {
    for (const PlannedLeg& leg : plan.legs) {
      if (by_label_.contains(leg.label)) throw LogError("label " + leg.label + " is in the log already");
      BookedLeg booked;
      booked.leg = leg;
      booked.tick_seq = plan.tick_seq;
      booked.valid_for_ms = plan.valid_for_ms;
      by_label_.emplace(leg.label, legs_.size());
      legs_.push_back(std::move(booked));
    }
  }
  /// @throws std::logic_error  an impossible change, or fills that shrink or exceed the amount
  /// @throws LogError  a leg without a plan
  void apply(const LegRecord& record) {
    BookedLeg* const booked = find(record.label);
    if (booked == nullptr) throw LogError("leg " + record.label + " has no plan in the log");
    // A further fill of a partial leg changes its amount only.
    const bool further_fill = record.to == LegState::partial && booked->state == LegState::partial;
    if (!further_fill) require_change(booked->state, record.to, record.label);
    if (record.filled_amount < booked->filled_amount || record.filled_amount > booked->leg.amount) {
      throw std::logic_error("leg " + record.label + ": " + record.filled_amount.to_string() + " filled after " +
                             booked->filled_amount.to_string() + " of " + booked->leg.amount.to_string());
    }
    const market::Fixed8 traded = record.filled_amount - booked->filled_amount;
    if (traded.sign() != 0) {
      positions_[traded_symbol(booked->leg)] += side_of(booked->leg.role) == Side::sell ? -traded : traded;
    }
    booked->state = record.to;
    booked->rejected_by = record.rejected_by;
    if (!record.order_id.empty()) booked->order_id = record.order_id;
    if (record.price.sign() != 0) booked->price = record.price;
    booked->filled_amount = record.filled_amount;
    booked->average_price = record.average_price;
    booked->fee = record.fee;
    booked->index = record.index;
    booked->mark = record.mark;
  }
  /// Takes the settled contracts out of the position.
  void apply(const SettlementRecord& record) { positions_[record.settlement.symbol] -= record.settlement.amount; }
  /// A position that was adopted from the venue.
  void apply(const ReconcileRecord& record) {
    if (record.adopted && !record.symbol.empty()) positions_[record.symbol] = record.venue_size;
  }

  /// The leg of a label; null where the book does not hold it. Valid until legs come or go.
  BookedLeg* find(std::string_view label) {
    const auto found = by_label_.find(std::string(label));
    return found == by_label_.end() ? nullptr : &legs_[found->second];
  }
  /// As above, to read.
  const BookedLeg* find(std::string_view label) const { return const_cast<LegBook*>(this)->find(label); }

  /// In the order of their plans.
  const std::vector<BookedLeg>& legs() const noexcept { return legs_; }
  std::vector<BookedLeg>& legs() noexcept { return legs_; }  ///< As above, to change.

  /// Σ fills − settlements, contracts, < 0 short; also symbols at 0 that were traded and are not forgotten yet.
  const std::map<std::string, market::Fixed8, std::less<>>& positions() const noexcept { return positions_; }

  /// Labels of legs that are not at their end.
  std::vector<std::string> unfinished() const {
    std::vector<std::string> labels;
    for (const BookedLeg& leg : legs_) {
      if (!is_terminal(leg.state)) labels.push_back(leg.leg.label);
    }
    return labels;
  }
  /// Whether a leg is sent or unknown: an order may exist that no reply has told of.
  bool has_unknown() const {
    return std::any_of(legs_.begin(), legs_.end(),
                       [](const BookedLeg& leg) { return leg.state == LegState::unknown || leg.state == LegState::sent; });
  }

  /// Drops legs of earlier ticks that are at their end, so that the book does not grow with the age of the log. Their labels
  /// hold the number of their tick and cannot come again.
  void forget_finished(std::uint64_t before_tick) {
    const auto end = std::remove_if(legs_.begin(), legs_.end(),
                                    [&](const BookedLeg& leg) { return is_terminal(leg.state) && leg.tick_seq < before_tick; });
    if (end == legs_.end()) return;
    legs_.erase(end, legs_.end());
    by_label_.clear();
    for (std::size_t i = 0; i < legs_.size(); ++i) by_label_.emplace(legs_[i].leg.label, i);
  }
  /// Drops symbols at 0 whose option has expired.
  void forget_expired(std::int64_t now_ms) {
    std::erase_if(positions_, [&](const auto& entry) {
      if (entry.second.sign() != 0) return false;
      const auto name = try_parse_instrument_name(entry.first);
      return name && name->expiry_ms < now_ms;
    });
  }

 private:
  std::vector<BookedLeg> legs_;
  std::unordered_map<std::string, std::size_t> by_label_;
  std::map<std::string, market::Fixed8, std::less<>> positions_;
};

/// Book and log as one: what is written is known, and what is known is written.
template <OrderLog L>
class Journal {
 public:
  Journal(L& log, LegBook& book) : log_(log), book_(book) {}  ///< Both must outlive it.

  /// The book first: a record that cannot be written has happened all the same. @throws LogError
  template <class R>
  void write(const R& record) {
    if constexpr (requires { book_.apply(record); }) book_.apply(record);
    log_.write(record);
  }
  LegBook& book() noexcept { return book_; }              ///< As the records so far tell it.
  const LegBook& book() const noexcept { return book_; }  ///< As the records so far tell it.

 private:
  L& log_;
  LegBook& book_;
};

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_LEG_BOOK_HPP
