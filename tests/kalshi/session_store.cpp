// SPDX-License-Identifier: MIT
#include <rlx/kalshi/session_store.hpp>
//
#include "rlx_catch.hpp"

using namespace rlx::kalshi;

namespace {

struct NoSave {
  std::vector<SessionSummary> list() const { return {}; }
  std::shared_ptr<const SessionData> load(SessionId) const { return {}; }
  std::vector<MarketInfo> markets() const { return {}; }
};
struct Whole : NoSave {
  SessionId save(const SessionData&) { return 1; }
};
static_assert(SessionStore<Whole>);
static_assert(!SessionStore<NoSave>);
static_assert(!SessionStore<int>);

}  // namespace

TEST_CASE("The message about a session that cannot be loaded lists at most twenty that can", "[kalshi][session_store]") {
  std::vector<SessionSummary> sessions(30);
  for (std::size_t i = 0; i < sessions.size(); ++i) sessions[i].id = static_cast<SessionId>(i);
  sessions[0].loadable = false;
  const std::string message = detail::no_session(99, "is not in the store", sessions);
  CHECK(message.find("available: 1, 2, 3,") != std::string::npos);
  CHECK(message.ends_with("20, ..."));
  CHECK(detail::no_session(99, "x", {}) == "session 99 x; available: none");
}
