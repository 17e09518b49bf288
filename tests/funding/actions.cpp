// SPDX-License-Identifier: MIT
#include <rlx/funding/actions.hpp>

#include "rlx_catch.hpp"

#include <set>
#include <string>

using namespace rlx::funding;
using rlx::InvalidActionError;

TEST_CASE("actions: the ids of the specification", "[funding][actions]") {
  REQUIRE(decode(0) == Action{ActionKind::hold, 0, Size::small});
  REQUIRE(decode(1) == Action{ActionKind::enter, 0, Size::small});
  REQUIRE(decode(10) == Action{ActionKind::enter, 9, Size::small});
  REQUIRE(decode(11) == Action{ActionKind::enter, 0, Size::medium});
  REQUIRE(decode(20) == Action{ActionKind::enter, 9, Size::medium});
  REQUIRE(decode(21) == Action{ActionKind::enter, 0, Size::large});
  REQUIRE(decode(30) == Action{ActionKind::enter, 9, Size::large});
  REQUIRE(decode(31) == Action{ActionKind::exit, 0, Size::small});
  REQUIRE(decode(35) == Action{ActionKind::exit, 4, Size::small});
}

TEST_CASE("actions: encode and decode are inverse over all 36", "[funding][actions]") {
  std::set<std::string> texts;
  for (int id = 0; id < n_actions; ++id) {
    REQUIRE(encode(decode(id)) == id);
    texts.insert(to_string(decode(id)));
    REQUIRE(std::string(action_names()[static_cast<std::size_t>(id)]) == to_string(decode(id)));
  }
  REQUIRE(texts.size() == 36);
}

TEST_CASE("actions: text form", "[funding][actions]") {
  REQUIRE(to_string(decode(0)) == "HOLD");
  REQUIRE(to_string(decode(24)) == "ENTER 3 LARGE");
  REQUIRE(to_string(decode(32)) == "EXIT 1");
}

TEST_CASE("actions: ids and slots that do not exist are refused", "[funding][actions]") {
  for (const int id : {-1, 36, 1000}) REQUIRE_THROWS_AS(decode(id), InvalidActionError);
  REQUIRE_THROWS_AS(encode({ActionKind::enter, 10, Size::small}), InvalidActionError);
  REQUIRE_THROWS_AS(encode({ActionKind::enter, -1, Size::small}), InvalidActionError);
  REQUIRE_THROWS_AS(encode({ActionKind::exit, 5, Size::small}), InvalidActionError);
}
