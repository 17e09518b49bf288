// SPDX-License-Identifier: MIT
#include <rlx/risk/kill_latch.hpp>

#include <optional>
#include <string>
#include <string_view>

#include "rlx_catch.hpp"

using namespace rlx::risk;
using rlx_test::ContainsSubstring;

namespace {

struct Archetype {
  std::optional<std::string> load();
  int store(std::string_view);
};
static_assert(DurableText<Archetype>);
struct LoadsText {
  std::string load();
  void store(std::string_view);
};
struct StoresNothing {
  std::optional<std::string> load();
};
static_assert(!DurableText<LoadsText> && !DurableText<StoresNothing>);

// Fails as told.
struct FaultyText {
  MemoryText inner;
  bool load_fails = false, store_fails = false;
  std::optional<std::string> load() {
    if (load_fails) throw rlx::IoError("bad sector");
    return inner.load();
  }
  void store(std::string_view text) {
    if (store_fails) throw rlx::IoError("disk full");
    inner.store(text);
  }
};

}  // namespace

TEST_CASE("a latch holds over restarts until it is released", "[risk][kill]") {
  MemoryText record;
  {
    KillLatch latch(record);
    REQUIRE_FALSE(latch.latched());
    REQUIRE(latch.latch("lost 12 %\nin an hour").empty());
    REQUIRE(latch.latch("another").empty());
    REQUIRE(latch.reason() == "lost 12 % in an hour");
    REQUIRE(record.text == "lost 12 % in an hour\n");
  }
  KillLatch latch(record);
  REQUIRE(latch.latched());
  REQUIRE(latch.reason() == "lost 12 % in an hour");
  latch.release("ann", "hedge\nrepaired");
  REQUIRE_FALSE(latch.latched());
  REQUIRE(latch.reason().empty());
  REQUIRE(record.text == "lost 12 % in an hour\nreleased by ann: hedge repaired\n");
  KillLatch again(record);
  REQUIRE_FALSE(again.latched());
  REQUIRE(again.latch("second").empty());
  REQUIRE(KillLatch(record).reason() == "second");
}

TEST_CASE("a release needs an operator and a reason", "[risk][kill]") {
  MemoryText record;
  KillLatch latch(record);
  latch.latch("why");
  REQUIRE_THROWS_WITH(latch.release("", "reason"), ContainsSubstring("operator id"));
  REQUIRE_THROWS_WITH(latch.release(" \t", "reason"), ContainsSubstring("operator id"));
  REQUIRE_THROWS_WITH(latch.release("ann", "\n"), ContainsSubstring("a reason"));
  REQUIRE_THROWS_AS(latch.release("", ""), rlx::ConfigError);
  REQUIRE(latch.latched());
  REQUIRE(record.text == "why\n");
}

TEST_CASE("whatever is not a complete release is a latch", "[risk][kill]") {
  for (const char* const text : {"", "\n", "nonsense", "why\nreleased by ann: cut", "released by ann: looks like one\n",
                                 "why\nreleasee by ann: flipped\n", "why\nreleased by ann: x\nmore\n", "why\n"}) {
    MemoryText record{text};
    INFO(text);
    REQUIRE(KillLatch(record).latched());
  }
  MemoryText record;
  KillLatch latch(record);
  latch.latch("released by mistake: no");  // a reason cannot pass for a release
  REQUIRE(KillLatch(record).latched());
}

TEST_CASE("a record that fails leaves the latch on", "[risk][kill]") {
  FaultyText record;
  KillLatch latch(record);
  record.store_fails = true;
  REQUIRE(latch.latch("why") == "disk full");
  REQUIRE(latch.latched());
  REQUIRE_THROWS_AS(latch.release("ann", "because"), rlx::IoError);
  REQUIRE(latch.latched());
  REQUIRE(latch.reason() == "why");
  record.store_fails = false;
  REQUIRE(latch.latch("later").empty());
  REQUIRE(record.inner.text == "why\n");

  record.load_fails = true;
  const KillLatch unreadable(record);
  REQUIRE(unreadable.latched());
  REQUIRE_THAT(unreadable.reason(), ContainsSubstring("bad sector"));
}
