// SPDX-License-Identifier: MIT
/// @file
/// @brief Compares what the log says with what the venue has: orders and positions, at the start and in every tick.
#ifndef RLX_OPTIONS_RECONCILE_HPP
#define RLX_OPTIONS_RECONCILE_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/options/agent_state.hpp>
#include <rlx/options/error.hpp>
#include <rlx/options/execution.hpp>
#include <rlx/options/instrument.hpp>
#include <rlx/options/label.hpp>
#include <rlx/options/leg_book.hpp>
#include <rlx/options/records.hpp>
#include <rlx/options/settings.hpp>
#include <rlx/options/venue.hpp>

namespace rlx::inline v0_1::options {

/// What the venue has of one underlying.
struct VenueBook {
  std::string underlying;           ///< "BTC"
  std::vector<Order> open_orders;   ///< external ones too
  std::vector<Position> positions;  ///< external ones too
};

/// Own sells that may exist although the venue has not shown them: they count as open.
inline std::vector<UnknownLeg> unknown_legs(const LegBook& book) {
  std::vector<UnknownLeg> legs;
  for (const BookedLeg& leg : book.legs()) {
    const bool unknown = leg.state == LegState::planned || leg.state == LegState::sent || leg.state == LegState::unknown;
    if (unknown && side_of(leg.leg.role) == Side::sell) {
      legs.push_back({traded_symbol(leg.leg), leg.leg.action.underlying, leg.leg.amount});
    }
  }
  return legs;
}

/// Symbols of positions that the log never traded: counted in caps and coverage, never touched.
inline std::vector<std::string> external_symbols(const LegBook& book, std::span<const Position> positions) {
  std::vector<std::string> symbols;
  for (const Position& position : positions) {
    if (position.size.sign() != 0 && !book.positions().contains(position.symbol)) symbols.push_back(position.symbol);
  }
  return symbols;
}

namespace detail {

inline market::Fixed8 size_of(std::span<const VenueBook> venue, std::string_view symbol) {
  for (const VenueBook& one : venue) {
    for (const Position& position : one.positions) {
      if (position.symbol == symbol) return position.size;
    }
  }
  return {};
}

inline bool has_unfinished(const LegBook& book, std::string_view symbol) {
  return std::any_of(book.legs().begin(), book.legs().end(),
                     [&](const BookedLeg& leg) { return !is_terminal(leg.state) && traded_symbol(leg.leg) == symbol; });
}

/// Whether fills of a symbol may exist that the log does not know yet.
inline bool has_unknown(const LegBook& book, std::string_view symbol) {
  return std::any_of(book.legs().begin(), book.legs().end(), [&](const BookedLeg& leg) {
    return (leg.state == LegState::planned || leg.state == LegState::sent || leg.state == LegState::unknown) &&
           traded_symbol(leg.leg) == symbol;
  });
}

}  // namespace detail

/// Reads orders and positions of the underlyings. @throws VenueError where one cannot be read
template <Venue V>
std::vector<VenueBook> read_venue_book(V& venue, const Settings& settings) {
  std::vector<VenueBook> books;
  for (const std::string& underlying : settings.underlyings) {
    auto orders = venue.open_orders(underlying);
    auto positions = venue.positions(underlying);
    if (!orders.is_confirmed() || !positions.is_confirmed()) {
      throw VenueError("reconciliation: orders and positions of " + underlying + " cannot be read: " + orders.message + ' ' +
                       positions.message);
    }
    books.push_back({underlying, std::move(*orders.value), std::move(*positions.value)});
  }
  return books;
}

/**
 * @brief Compares book and venue, after the legs that are not at their end were looked up.
 *
 * An open order with the prefix of own labels that the log does not explain, or a position of a traded symbol that is not the
 * sum of its fills, is a contradiction. One that a second reading of the venue clears (a fill between two requests) is none.
 * `position_reconcile_action` then decides: halt, or adopt the venue's position (auto_heal, with a record; a foreign order with
 * an own label always halts). Symbols with a leg of unknown state, and expired ones (their settlement is on the way), are not
 * compared.
 * @param venue     asked again where the books contradict
 * @param journal   its book is compared; takes the reconcile records
 * @param executor  looks up unfinished legs before the second reading
 * @param settings  underlyings and position_reconcile_action
 * @param tick_seq  of the tick, for the records
 * @param books     as read after the look-ups; read anew where they contradict
 * @throws ReconciliationError  naming what was found on both sides
 * @throws VenueError  the second reading failed
 */
template <Venue V, OrderLog L, Clock C, ExecutionGate G>
void reconcile(V& venue, Journal<L>& journal, Executor<V, L, C, G>& executor, const Settings& settings, std::uint64_t tick_seq,
               std::vector<VenueBook> books) {
  const auto halt = [&](ReconcileRecord record) {
    journal.write(record);
    throw ReconciliationError("reconciliation: " + record.message +
                              "; trading stays halted until log and venue agree: settle it by hand, or set "
                              "POSITION_RECONCILE_ACTION=auto_heal to adopt the venue's positions");
  };
  for (int reading = 0;; ++reading) {
    std::vector<ReconcileRecord> found;
    for (const VenueBook& one : books) {
      for (const Order& order : one.open_orders) {
        if (!is_own_label(order.label)) continue;
        const BookedLeg* const leg = journal.book().find(order.label);
        if (leg != nullptr && !is_terminal(leg->state) && (leg->order_id.empty() || leg->order_id == order.order_id)) {
          continue;
        }
        ReconcileRecord record;
        record.tick_seq = tick_seq;
        record.label = order.label;
        record.order_id = order.order_id;
        record.message = "the venue has an open order " + order.order_id + " labelled " + order.label + " on " + order.symbol +
                         " which the log " + (leg == nullptr ? "does not know" : "holds as finished");
        found.push_back(std::move(record));
      }
    }
    const std::int64_t now_ms = executor.server_now_ms();
    for (const auto& [symbol, size] : journal.book().positions()) {
      const market::Fixed8 at_venue = detail::size_of(books, symbol);
      if (size == at_venue || detail::has_unknown(journal.book(), symbol)) continue;
      const auto name = try_parse_instrument_name(symbol);
      if (name && name->expiry_ms <= now_ms) continue;
      ReconcileRecord record;
      record.tick_seq = tick_seq;
      record.symbol = symbol;
      record.log_size = size;
      record.venue_size = at_venue;
      record.message = "the fills in the log make a position of " + size.to_string() + " in " + symbol +
                       ", the venue reports " + at_venue.to_string();
      found.push_back(std::move(record));
    }
    if (found.empty()) return;
    if (reading == 0) {
      // A fill or a cancel between two requests looks the same: follow the orders once more, then read again.
      for (const std::string& label : journal.book().unfinished()) executor.look_up(label);
      books = read_venue_book(venue, settings);
      continue;
    }
    for (ReconcileRecord& record : found) {
      if (record.symbol.empty() || settings.position_reconcile_action == ReconcileAction::halt) halt(std::move(record));
      record.adopted = true;
      journal.write(record);
    }
    return;
  }
}

/// Books the settlement of expired positions, once each and after the last fill of their symbol is known.
/// @return positions that have expired and are not settled yet
template <Venue V, OrderLog L>
std::size_t settle_expired(V& venue, Journal<L>& journal, const Settings& settings, std::uint64_t tick_seq,
                           std::int64_t server_now_ms) {
  std::vector<std::pair<std::string, std::string>> due;  // underlying, symbol
  std::int64_t since_ms = server_now_ms;
  for (const auto& [symbol, size] : journal.book().positions()) {
    if (size.sign() == 0) continue;
    const auto name = try_parse_instrument_name(symbol);
    if (!name || name->expiry_ms > server_now_ms || detail::has_unfinished(journal.book(), symbol)) continue;
    due.emplace_back(name->underlying, symbol);
    since_ms = std::min(since_ms, name->expiry_ms);
  }
  for (const std::string& underlying : settings.underlyings) {
    if (std::none_of(due.begin(), due.end(), [&](const auto& one) { return one.first == underlying; })) continue;
    const auto settlements = venue.settlements(underlying, since_ms);
    if (!settlements.is_confirmed()) continue;  // the next tick asks again
    for (const Settlement& settlement : *settlements.value) {
      const auto found = std::find_if(due.begin(), due.end(), [&](const auto& one) { return one.second == settlement.symbol; });
      if (found == due.end()) continue;
      due.erase(found);
      journal.write(SettlementRecord{settlement});
      // What the venue has settled is final; a difference is kept in the log.
      const market::Fixed8 left = journal.book().positions().find(settlement.symbol)->second;
      if (left.sign() == 0) continue;
      ReconcileRecord record;
      record.tick_seq = tick_seq;
      record.symbol = settlement.symbol;
      record.log_size = left + settlement.amount;
      record.venue_size = market::Fixed8();
      record.adopted = true;
      record.message = "the venue settled " + settlement.amount.to_string() + " of " + settlement.symbol + ", the log has " +
                       record.log_size.to_string();
      journal.write(record);
    }
  }
  return due.size();
}

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_RECONCILE_HPP
