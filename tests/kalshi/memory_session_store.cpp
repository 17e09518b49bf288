// SPDX-License-Identifier: MIT
#include <rlx/kalshi/memory_session_store.hpp>
//
#include <rlx/kalshi/session_builder.hpp>

#include "rlx_catch.hpp"

using namespace rlx::kalshi;
using rlx_test::ContainsSubstring;

namespace {

constexpr Micros t0 = 1'750'000'000'000'000;

std::shared_ptr<const SessionData> session(SessionId id, const std::string& ticker, Price settlement) {
  SessionBuilder builder(id);
  builder.set_source("test", "demo");
  builder.append(ticker, {t0, EventKind::book_clear, 0, 0});
  builder.append("SHARED", {t0 + 1'000, EventKind::book_clear, 0, 0});
  builder.set_settlement(builder.market("SHARED"), settlement);
  return builder.finish();
}

}  // namespace

TEST_CASE("Memory store: sessions are shared, not copied", "[kalshi][memory_session_store]") {
  MemorySessionStore store;
  const auto first = session(0, "A", 0);
  CHECK(store.save(first) == 1);
  CHECK(store.save(session(7, "B", 10'000)) == 7);
  CHECK(store.save(*first) == 8);
  CHECK(store.load(1) == first);
  CHECK(store.load(8)->sha256() == first->sha256());
  const auto list = store.list();
  REQUIRE(list.size() == 3);
  CHECK(list[1].id == 7);
  CHECK(list[1].loadable);
  CHECK(list[1].markets == 2);
  CHECK(list[1].start_us == t0);
  CHECK(list[1].end_us == t0 + 1'000);
  CHECK(list[1].source == "test");
  CHECK(list[1].environment == "demo");
  const auto markets = store.markets();
  REQUIRE(markets.size() == 3);
  CHECK(markets[0].ticker == "A");
  CHECK(markets[2].settlement == 0);  // the last session's
}

TEST_CASE("Memory store: missing and taken numbers", "[kalshi][memory_session_store]") {
  MemorySessionStore store;
  REQUIRE_THROWS_AS(store.load(1), rlx::DataError);
  store.save(session(3, "A", 0));
  store.save(session(5, "A", 0));
  REQUIRE_THROWS_AS(store.save(session(3, "B", 0)), rlx::DataError);
  try {
    store.load(4);
  } catch (const rlx::DataError& error) {
    CHECK_THAT(error.what(), ContainsSubstring("session 4 is not in the store; available: 3, 5"));
  }
}

TEST_CASE("Memory store: a number of the caller's is kept, 0 too", "[kalshi][memory_session_store]") {
  MemorySessionStore store;
  const auto zero = session(0, "A", 0);
  CHECK(store.save(zero, 0) == 0);
  CHECK(store.save(session(1, "B", 0)) == 1);
  CHECK(store.load(0) == zero);
  CHECK(store.list()[0].id == 0);
  REQUIRE_THROWS_AS(store.save(zero, 0), rlx::DataError);
  CHECK(store.save(zero) == 2);
}
