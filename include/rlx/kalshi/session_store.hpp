// SPDX-License-Identifier: MIT
/// @file
/// @brief What a place that keeps sessions can do.
#ifndef RLX_KALSHI_SESSION_STORE_HPP
#define RLX_KALSHI_SESSION_STORE_HPP

#include <concepts>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <rlx/kalshi/session.hpp>
#include <rlx/kalshi/types.hpp>

namespace rlx::inline v0_1::kalshi {

/// One session of a store, without its events.
struct SessionSummary {
  SessionId id = 0;                                        ///< number of the session
  std::string status = "closed";                           ///< `active`, `closed` or `error`
  bool loadable = true;                                    ///< closed and with an end
  Micros start_us = 0;                                     ///< 0 where the store does not say
  Micros end_us = 0;                                       ///< 0 where the store does not say
  std::size_t markets = 0;                                 ///< number of markets
  std::string source;                                      ///< as SessionData::source
  std::string environment;                                 ///< as SessionData::environment
  bool operator==(const SessionSummary&) const = default;  ///< Memberwise.
};

/// Keeps sessions. `list` gives all of them by id, also those that cannot be loaded; `load` gives one, whole, and throws
/// DataError listing the available ids for one that is missing or not closed; `save` stores under the session's id, or a new
/// one if it is 0, gives the id and throws DataError if the id is taken; `markets` describes all markets of all sessions, by
/// ticker.
template <class S>
concept SessionStore = requires(S store, SessionId id, const SessionData& data) {
  { store.list() } -> std::convertible_to<std::vector<SessionSummary>>;
  { store.load(id) } -> std::convertible_to<std::shared_ptr<const SessionData>>;
  { store.save(data) } -> std::convertible_to<SessionId>;
  { store.markets() } -> std::convertible_to<std::vector<MarketInfo>>;
};

namespace detail {

/// Message about a session that cannot be loaded, with the ids that can.
inline std::string no_session(SessionId id, const std::string& problem, const std::vector<SessionSummary>& sessions) {
  std::string available;
  std::size_t shown = 0;
  for (const SessionSummary& session : sessions) {
    if (!session.loadable) continue;
    if (++shown > 20) {
      available += ", ...";
      break;
    }
    (available += available.empty() ? "" : ", ") += std::to_string(session.id);
  }
  return "session " + std::to_string(id) + ' ' + problem + "; available: " + (available.empty() ? "none" : available);
}

}  // namespace detail
}  // namespace rlx::inline v0_1::kalshi

#endif  // RLX_KALSHI_SESSION_STORE_HPP
