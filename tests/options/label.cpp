// SPDX-License-Identifier: MIT
#include <rlx/options/label.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <rlx/core/random.hpp>

#include "rlx_catch.hpp"

using namespace rlx::options;

namespace {

// The first 64 bits of the hash: a collision of whole labels is one of these.
std::uint64_t head_of(std::string_view label) {
  std::uint64_t value = 0;
  const std::string_view digits = label.substr(5, 16);
  std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  return value;
}

}  // namespace

TEST_CASE("A label is the worked example of the specification") {
  const std::string label = make_label("acct-7", "run-0001", 42, LegRole::open, "BTC", "conservative", "BTC-16JAN26-95000-C");
  CHECK(label == "rlx1-2df030191c97bbeef52b1c1bf550ce6c1583d2aa");
  CHECK(label.size() == 45);
  CHECK(is_own_label(label));
  CHECK_FALSE(is_own_label("desk-7"));
  CHECK_FALSE(is_own_label(""));
}

TEST_CASE("A label without a strategy is that of the strategy -") {
  CHECK(make_label("a", "r", 1, LegRole::close, "BTC", "", "S") == make_label("a", "r", 1, LegRole::close, "BTC", "-", "S"));
}

TEST_CASE("Every part of a leg changes its label") {
  const std::string label = make_label("a", "r", 1, LegRole::open, "BTC", "s", "S");
  CHECK(label != make_label("b", "r", 1, LegRole::open, "BTC", "s", "S"));
  CHECK(label != make_label("a", "q", 1, LegRole::open, "BTC", "s", "S"));
  CHECK(label != make_label("a", "r", 2, LegRole::open, "BTC", "s", "S"));
  CHECK(label != make_label("a", "r", 1, LegRole::roll_open, "BTC", "s", "S"));
  CHECK(label != make_label("a", "r", 1, LegRole::open, "ETH", "s", "S"));
  CHECK(label != make_label("a", "r", 1, LegRole::open, "BTC", "t", "S"));
  CHECK(label != make_label("a", "r", 1, LegRole::open, "BTC", "s", "T"));
}

TEST_CASE("A million random legs have a million labels") {
  constexpr std::size_t count = 1'000'000;
  rlx::RandomStream random({7, rlx::Purpose::user});
  const std::string_view strategies[] = {"-", "conservative", "moderate", "aggressive"};
  const std::string_view underlyings[] = {"BTC", "ETH"};
  std::vector<std::uint64_t> heads;
  heads.reserve(count);
  // The tick counts up: no two legs are equal, however alike they are.
  for (std::size_t i = 0; i < count; ++i) {
    const std::string symbol = "BTC-16JAN26-" + std::to_string(1'000 * random.bounded(200)) + "-C";
    heads.push_back(
        head_of(make_label("acct-" + std::to_string(random.bounded(3)), "run-0001", i / 4, static_cast<LegRole>(i % 4),
                           underlyings[random.bounded(2)], strategies[random.bounded(4)], symbol)));
  }
  std::sort(heads.begin(), heads.end());
  CHECK(std::adjacent_find(heads.begin(), heads.end()) == heads.end());
}
