// SPDX-License-Identifier: MIT
/// @file
/// @brief Sessions in memory, shared and never copied.
#ifndef RLX_KALSHI_MEMORY_SESSION_STORE_HPP
#define RLX_KALSHI_MEMORY_SESSION_STORE_HPP

#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/kalshi/session.hpp>
#include <rlx/kalshi/session_store.hpp>
#include <rlx/kalshi/types.hpp>

namespace rlx::inline v0_1::kalshi {

/// Satisfies SessionStore. Not for use by several threads while one of them saves.
class MemorySessionStore {
 public:
  /// Descriptions of all sessions, by id.
  std::vector<SessionSummary> list() const {
    std::vector<SessionSummary> result;
    for (const auto& [id, data] : sessions_) {
      SessionSummary& summary = result.emplace_back();
      summary.id = id;
      summary.start_us = data->start_us();
      summary.end_us = data->end_us();
      summary.markets = data->markets().size();
      summary.source = data->source();
      summary.environment = data->environment();
    }
    return result;
  }

  /// The session that was saved. @throws DataError naming the sessions that are there
  std::shared_ptr<const SessionData> load(SessionId id) const {
    const auto at = sessions_.find(id);
    if (at == sessions_.end()) throw DataError(detail::no_session(id, "is not in the store", list()));
    return at->second;
  }

  /// Keeps a session under its id, or under the next free one if that is 0, and gives the id. @throws DataError if it is taken
  SessionId save(std::shared_ptr<const SessionData> data) {
    const SessionId next = sessions_.empty() ? 1 : std::max<SessionId>(sessions_.rbegin()->first, 0) + 1;
    const SessionId id = data->session_id() != 0 ? data->session_id() : next;
    return save(std::move(data), id);
  }
  /// Keeps a session under a number of the caller's, which may be 0: files of other recorders have such sessions.
  /// @throws DataError if it is taken
  SessionId save(std::shared_ptr<const SessionData> data, SessionId id) {
    if (!sessions_.emplace(id, std::move(data)).second) {
      throw DataError("session " + std::to_string(id) + " is in the store already; save it under another number");
    }
    return id;
  }
  /// The same with a copy.
  SessionId save(const SessionData& data) { return save(std::make_shared<const SessionData>(data)); }

  /// All markets of all sessions by ticker; one that is in several has the last session's description.
  std::vector<MarketInfo> markets() const {
    std::map<std::string, MarketInfo> by_ticker;
    for (const auto& [id, data] : sessions_) {
      for (const MarketInfo& market : data->markets()) by_ticker[market.ticker] = market;
    }
    std::vector<MarketInfo> result;
    for (auto& [ticker, market] : by_ticker) result.push_back(std::move(market));
    return result;
  }

 private:
  std::map<SessionId, std::shared_ptr<const SessionData>> sessions_;
};

static_assert(SessionStore<MemorySessionStore>);

}  // namespace rlx::inline v0_1::kalshi

#endif  // RLX_KALSHI_MEMORY_SESSION_STORE_HPP
