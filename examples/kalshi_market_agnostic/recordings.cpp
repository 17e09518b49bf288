// SPDX-License-Identifier: MIT
#include "recordings.hpp"

#include <rlx/core/hash.hpp>

#ifdef KALSHI_WITH_SQLITE
#  include <rlx/kalshi/sqlite_session_store.hpp>
#endif

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

namespace app {

#ifdef KALSHI_WITH_SQLITE
namespace {

/// Stores hold no truth, but sessions made by `generate` can be made anew with theirs; that of some alone is of no use.
void recall_truth(Recordings& recordings) {
  for (const kalshi::SessionSummary& session : recordings.store.list()) {
    std::optional<kalshi::SyntheticSession> made = kalshi::regenerate_session(recordings.store.load(session.id));
    if (!made) return recordings.synthetic.clear();
    recordings.synthetic.push_back(std::move(*made));
  }
}

kalshi::SqliteSessionStore open_store(const std::string& path, rlx::io::SqliteMode mode) {
  if (mode == rlx::io::SqliteMode::read_only && !std::filesystem::exists(path)) {
    throw rlx::IoError(fmt::format("--store {}: there is no such file; make one with the commands import or generate", path));
  }
  return kalshi::SqliteSessionStore(path, mode);
}

void load_store(const std::string& path, Recordings& recordings) {
  const kalshi::SqliteSessionStore store = open_store(path, rlx::io::SqliteMode::read_only);
  recordings.listed = store.list();
  if (recordings.listed.empty()) {
    throw rlx::IoError(
        fmt::format("--store {}: expected sessions, found none; fill it with the commands import or generate", path));
  }
  for (const kalshi::SessionSummary& session : recordings.listed)
    if (session.loadable) recordings.store.save(store.load(session.id), session.id);
  recall_truth(recordings);
}

}  // namespace

void require_stores(const std::string&) {}

std::optional<kalshi::SessionId> stored_as(const std::string& path, const kalshi::SessionData& session) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  const kalshi::SqliteSessionStore store = open_store(path, rlx::io::SqliteMode::read_only);
  for (const kalshi::SessionSummary& stored : store.list()) {
    if (stored.loadable && stored.start_us == session.start_us() && stored.end_us == session.end_us() &&
        same_recording(*store.load(stored.id), session))
      return stored.id;
  }
  return std::nullopt;
}

std::size_t stored_sessions(const std::string& path) {
  return std::filesystem::exists(path) ? open_store(path, rlx::io::SqliteMode::read_only).list().size() : 0;
}

std::vector<kalshi::SessionId> save_sessions(const std::string& path, std::span<const Session> sessions) {
  return open_store(path, rlx::io::SqliteMode::create).save_all(sessions);
}

std::set<std::string, std::less<>> known_tickers(const std::string& path) {
  std::set<std::string, std::less<>> tickers;
  if (!std::filesystem::exists(path)) return tickers;
  for (const kalshi::MarketInfo& market : open_store(path, rlx::io::SqliteMode::read_only).markets())
    tickers.insert(market.ticker);
  return tickers;
}

#else
namespace {

void load_store(const std::string& path, Recordings&) { require_stores(path); }

}  // namespace

void require_stores(const std::string& path) {
  throw rlx::ConfigError(fmt::format(
      "--store {}: this program was built without SQLite; install it and configure with -DRLX_WITH_SQLITE=ON", path));
}

std::optional<kalshi::SessionId> stored_as(const std::string& path, const kalshi::SessionData&) {
  require_stores(path);
  return {};
}

std::size_t stored_sessions(const std::string& path) {
  require_stores(path);
  return 0;
}

std::vector<kalshi::SessionId> save_sessions(const std::string& path, std::span<const Session>) {
  require_stores(path);
  return {};
}

std::set<std::string, std::less<>> known_tickers(const std::string& path) {
  require_stores(path);
  return {};
}

#endif

bool same_recording(const kalshi::SessionData& a, const kalshi::SessionData& b) {
  if (a.markets().size() != b.markets().size() || a.events() != b.events()) return false;
  const auto equal = [](const auto& left, const auto& right) {
    return std::equal(left.begin(), left.end(), right.begin(), right.end());
  };
  for (std::size_t m = 0; m < a.markets().size(); ++m) {
    const kalshi::EventColumns left = a.columns(m), right = b.columns(m);
    if (a.markets()[m].ticker != b.markets()[m].ticker || !equal(left.ts_us, right.ts_us) || !equal(left.kind, right.kind) ||
        !equal(left.price, right.price))
      return false;
  }
  return true;
}

Recordings load_recordings(const Options& o) {
  Recordings recordings;
  if (!o.store.empty()) {
    load_store(o.store, recordings);
    recordings.origin = o.store;
  } else {
    recordings.synthetic = kalshi::generate_sessions(o.synthetic(), o.data_seed);
    for (const kalshi::SyntheticSession& made : recordings.synthetic) recordings.store.save(made.session);
    recordings.listed = recordings.store.list();
    recordings.origin = fmt::format("synthetic: {} events, edge {}, lag {}, seed {}", o.events, o.edge, o.lag, o.data_seed);
  }
  rlx::Sha256 hash;
  for (const kalshi::SessionSummary& session : recordings.store.list())
    hash.update(recordings.store.load(session.id)->sha256());
  recordings.sha256 = hash.hex();
  return recordings;
}

}  // namespace app
