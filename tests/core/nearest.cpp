// SPDX-License-Identifier: MIT
#include <rlx/core/nearest.hpp>

#include "rlx_catch.hpp"

#include <array>
#include <set>
#include <string>
#include <string_view>
#include <vector>

TEST_CASE("edit_distance counts single edits and swaps of neighbours", "[core][nearest]") {
  CHECK(rlx::edit_distance("", "") == 0);
  CHECK(rlx::edit_distance("", "abc") == 3);
  CHECK(rlx::edit_distance("kitten", "sitting") == 3);  // Levenshtein's textbook pair
  CHECK(rlx::edit_distance("n_step", "n_steps") == 1);
  CHECK(rlx::edit_distance("gamam", "gamma") == 1);
  CHECK(rlx::edit_distance("ca", "abc") == 3);  // optimal string alignment, not unrestricted Damerau (2)
  CHECK(rlx::edit_distance("abc", "abc") == 0);
}

TEST_CASE("nearest picks the closest candidate of any range, the first on ties", "[core][nearest]") {
  const std::vector<std::string> keys = {"gamma", "n_steps", "n_epochs"};
  CHECK(rlx::nearest("n_step", keys) == "n_steps");
  CHECK(rlx::nearest("epochs", keys) == "n_epochs");
  CHECK(rlx::nearest("gama", std::set<std::string>{"gamma", "lambda"}) == "gamma");
  CHECK(rlx::nearest("ab", std::array<std::string_view, 2>{"aa", "bb"}) == "aa");
  CHECK(rlx::nearest("lon", {"long", "short"}) == "long");
}

TEST_CASE("nearest does not guess when nothing is close", "[core][nearest]") {
  CHECK(rlx::nearest("zzzz", {"gamma", "n_steps"}).empty());
  CHECK(rlx::nearest("gamma", std::vector<std::string>{}).empty());
  CHECK(rlx::nearest("", {"gamma"}).empty());
}
