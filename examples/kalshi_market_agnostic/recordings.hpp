// SPDX-License-Identifier: MIT
/// @file
/// @brief Where sessions come from and go to: a store, or the embedded synthetic set.
#ifndef KALSHI_MARKET_AGNOSTIC_RECORDINGS_HPP
#define KALSHI_MARKET_AGNOSTIC_RECORDINGS_HPP

#include "options.hpp"

#include <rlx/kalshi/memory_session_store.hpp>
#include <rlx/kalshi/session.hpp>
#include <rlx/kalshi/synthetic_session.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace app {

using Session = std::shared_ptr<const kalshi::SessionData>;

/// Sessions in memory, and what is known beside them.
struct Recordings {
  kalshi::MemorySessionStore store;
  std::vector<kalshi::SessionSummary> listed;       ///< also those that cannot be loaded
  std::vector<kalshi::SyntheticSession> synthetic;  ///< with their truth; empty if others are among them
  std::string origin;                               ///< for people
  std::string sha256;                               ///< over the canonical rows of all sessions, by id
};

/// Loads the store of `--store`, or makes the synthetic set. @throws IoError, DataError, ConfigError
Recordings load_recordings(const Options& o);

/// Whether both are of the same recording: rows of the same markets, times and prices, whatever an import assumed of sizes,
/// closes and results.
bool same_recording(const kalshi::SessionData& a, const kalshi::SessionData& b);

/// The session of a store, which may not exist yet, that is of the same recording. @throws IoError, DataError
std::optional<kalshi::SessionId> stored_as(const std::string& path, const kalshi::SessionData& session);

/// Number of sessions in a store that may not exist yet. @throws IoError, DataError
std::size_t stored_sessions(const std::string& path);

/// Adds sessions to a store, all or none, and gives their ids. @throws IoError, DataError
std::vector<kalshi::SessionId> save_sessions(const std::string& path, std::span<const Session> sessions);

/// Tickers of a store that may exist already. @throws IoError, DataError
std::set<std::string, std::less<>> known_tickers(const std::string& path);

/// @throws ConfigError if this build has no stores
void require_stores(const std::string& path);

}  // namespace app

#endif  // KALSHI_MARKET_AGNOSTIC_RECORDINGS_HPP
