// SPDX-License-Identifier: MIT
#include <rlx/options/training_profile.hpp>

#include <limits>
#include <string>
#include <vector>

#include <rlx/core/error.hpp>

#include "rlx_catch.hpp"

namespace {

using namespace rlx::options;
using rlx_test::ContainsSubstring;

constexpr double nan_value = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();

TEST_CASE("training profiles: the three defaults", "[options]") {
  const TrainingProfiles profiles = get_training_profiles();
  REQUIRE(profiles.size() == 3);
  const auto check = [&](std::size_t i, const std::string& name, double target, double low, double high) {
    CAPTURE(name);
    CHECK(profiles[i].name == name);
    const TrainingProfile& profile = profiles[i].profile_for("BTC");
    CHECK(profile.enabled);
    CHECK(profile.target_delta == target);
    CHECK(profile.min_delta == low);
    CHECK(profile.max_delta == high);
    CHECK(profile.min_dte == 1);
    CHECK(profile.max_dte == 21);
    CHECK(profile.ivrv_min == 0);
    CHECK(profile.max_legs == 2);
  };
  check(0, "conservative", 0.20, 0.10, 0.25);
  check(1, "moderate", 0.30, 0.25, 0.35);
  check(2, "aggressive", 0.40, 0.35, 0.50);
  check_training_profiles(profiles);
}

TEST_CASE("training profiles: an asset has its own configuration or the common one", "[options]") {
  TrainingProfileSet set;
  set.base.max_legs = 4;
  set.per_asset["ETH"].max_legs = 1;
  CHECK(set.profile_for("ETH").max_legs == 1);
  CHECK(set.profile_for("BTC").max_legs == 4);
  CHECK(&set.profile_for("BTC") == &set.base);
}

TEST_CASE("training profiles: what cannot order candidates is refused by name", "[options]") {
  const auto message = [](auto change) -> std::string {
    TrainingProfiles profiles = get_training_profiles();
    change(profiles);
    try {
      check_training_profiles(profiles);
    } catch (const rlx::ConfigError& error) {
      return error.what();
    }
    return "accepted";
  };
  CHECK(message([](auto&) {}) == "accepted");
  CHECK(message([](auto& p) { p[0].base.max_legs = 0; }) == "accepted");
  CHECK(message([](auto& p) { p[0].base.max_dte = infinity; }) == "accepted");
  CHECK(message([](auto& p) { p[0].base.min_delta = p[0].base.max_delta; }) == "accepted");
  CHECK_THAT(message([](auto& p) { p[1].base.min_delta = 0.351; }),
             ContainsSubstring("'moderate': expected min_delta <= max_delta"));
  CHECK_THAT(message([](auto& p) { p[1].base.max_delta = nan_value; }), ContainsSubstring("min_delta <= max_delta"));
  CHECK_THAT(message([](auto& p) { p[1].base.min_dte = 22; }), ContainsSubstring("min_dte <= max_dte"));
  CHECK_THAT(message([](auto& p) { p[1].base.min_dte = nan_value; }), ContainsSubstring("min_dte <= max_dte"));
  CHECK_THAT(message([](auto& p) { p[1].base.target_delta = infinity; }), ContainsSubstring("finite target_delta"));
  CHECK_THAT(message([](auto& p) { p[1].base.ivrv_min = nan_value; }), ContainsSubstring("ivrv_min"));
  CHECK_THAT(message([](auto& p) { p[1].base.max_legs = -1; }), ContainsSubstring("max_legs"));
  CHECK_THAT(message([](auto& p) { p[2].per_asset["ETH"].max_legs = -1; }), ContainsSubstring("'aggressive' for ETH"));
  CHECK_THAT(message([](auto& p) { p[2].name = "moderate"; }), ContainsSubstring("each name once"));
  CHECK_THAT(message([](auto& p) { p[2].name.clear(); }), ContainsSubstring("expected a name"));
}

TEST_CASE("training profiles: selection keeps the order of the names", "[options]") {
  const TrainingProfiles profiles = get_training_profiles();
  const TrainingProfiles chosen = select_training_profiles(std::vector<std::string>{"aggressive", "conservative"}, profiles);
  REQUIRE(chosen.size() == 2);
  CHECK(chosen[0] == profiles[2]);
  CHECK(chosen[1] == profiles[0]);
  CHECK(select_training_profiles(std::vector<std::string>{}, profiles).empty());
  CHECK_THROWS_AS(select_training_profiles(std::vector<std::string>{"moderate", "moderate"}, profiles), rlx::ConfigError);
  try {
    select_training_profiles(std::vector<std::string>{"agressive"}, profiles);
    FAIL("accepted");
  } catch (const rlx::ConfigError& error) {
    CHECK_THAT(error.what(), ContainsSubstring("did you mean 'aggressive'?"));
  }
}

}  // namespace
