// SPDX-License-Identifier: MIT
#include <rlx/options/leg_state.hpp>

#include <set>
#include <stdexcept>
#include <string>
#include <utility>

#include "rlx_catch.hpp"

using namespace rlx::options;
using rlx_test::ContainsSubstring;

TEST_CASE("The changes of a leg's state are those of the table and no others") {
  using S = LegState;
  const std::set<std::pair<S, S>> possible = {
      {S::planned, S::sent},     {S::planned, S::rejected},                                                           //
      {S::sent, S::resting},     {S::sent, S::partial},      {S::sent, S::filled},       {S::sent, S::cancelled},     //
      {S::sent, S::rejected},    {S::sent, S::unknown},                                                               //
      {S::unknown, S::resting},  {S::unknown, S::partial},   {S::unknown, S::filled},    {S::unknown, S::cancelled},  //
      {S::unknown, S::rejected},                                                                                      //
      {S::resting, S::partial},  {S::resting, S::filled},    {S::resting, S::cancelled},                              //
      {S::partial, S::filled},   {S::partial, S::cancelled},
  };
  for (int from = 0; from <= static_cast<int>(S::unknown); ++from) {
    for (int to = 0; to <= static_cast<int>(S::unknown); ++to) {
      const auto a = static_cast<S>(from), b = static_cast<S>(to);
      INFO(name_of(a) << " -> " << name_of(b));
      CHECK(can_change(a, b) == possible.contains({a, b}));
      if (possible.contains({a, b})) {
        CHECK_NOTHROW(require_change(a, b, "rlx1-x"));
      } else {
        CHECK_THROWS_AS(require_change(a, b, "rlx1-x"), std::logic_error);
      }
      if (is_terminal(a)) CHECK_FALSE(can_change(a, b));
    }
  }
  CHECK_THROWS_WITH(require_change(S::filled, S::resting, "rlx1-x"),
                    ContainsSubstring("rlx1-x") && ContainsSubstring("filled") && ContainsSubstring("resting"));
}

TEST_CASE("A value that is no state changes into nothing") {
  CHECK_FALSE(can_change(static_cast<LegState>(99), LegState::filled));
}
