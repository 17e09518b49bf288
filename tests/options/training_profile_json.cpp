// SPDX-License-Identifier: MIT
#include <rlx/options/training_profile_json.hpp>

#include <string>

#include <rlx/core/error.hpp>
#include <rlx/core/json.hpp>

#include "rlx_catch.hpp"

namespace {

using namespace rlx::options;
using rlx_test::ContainsSubstring;

TrainingProfiles read(const std::string& text) { return training_profiles_from_json(rlx::parse_json(text, "profiles.json")); }

std::string refusal(const std::string& text) {
  try {
    read(text);
  } catch (const rlx::ConfigError& error) {
    return error.what();
  }
  return "accepted";
}

TEST_CASE("training profiles: order, defaults and changes per asset from JSON", "[options]") {
  const TrainingProfiles profiles = read(R"([
    {"name": "far", "target_delta": 0.1, "min_delta": 0.05, "max_delta": 0.15, "max_legs": 3, "ivrv_min": 1.1,
     "per_asset": {"ETH": {"enabled": false}, "BTC": {"max_legs": 1, "min_dte": 2.5, "max_dte": 9}}},
    {"name": "near", "target_delta": 0.5, "min_delta": 0.4, "max_delta": 0.6}])");
  REQUIRE(profiles.size() == 2);
  CHECK(profiles[0].name == "far");
  CHECK(profiles[0].base.max_legs == 3);
  CHECK(profiles[0].profile_for("SOL").ivrv_min == 1.1);
  CHECK_FALSE(profiles[0].profile_for("ETH").enabled);
  CHECK(profiles[0].profile_for("ETH").max_legs == 3);
  CHECK(profiles[0].profile_for("BTC").max_legs == 1);
  CHECK(profiles[0].profile_for("BTC").min_dte == 2.5);
  CHECK(profiles[0].profile_for("BTC").max_delta == 0.15);
  CHECK(profiles[1].base.max_dte == 21);
  CHECK(read("[]").empty());
}

TEST_CASE("training profiles: faults in JSON name their path", "[options]") {
  const std::string good = R"("target_delta": 0.1, "min_delta": 0.05, "max_delta": 0.15)";
  CHECK(refusal("[{\"name\": \"a\", " + good + "}]") == "accepted");
  CHECK_THAT(refusal("{}"), ContainsSubstring("expected an array of profiles"));
  CHECK_THAT(refusal("[{\"name\": \"a\"}]"), ContainsSubstring("target_delta"));
  CHECK_THAT(refusal("[{" + good + "}]"), ContainsSubstring("training_profiles[0]"));
  CHECK_THAT(refusal("[{\"name\": \"a\", " + good + ", \"max_leg\": 1}]"), ContainsSubstring("did you mean 'max_legs'?"));
  CHECK_THAT(refusal("[{\"name\": \"a\", " + good + ", \"max_legs\": 1.5}]"),
             ContainsSubstring("training_profiles[0].max_legs"));
  CHECK_THAT(refusal("[{\"name\": \"a\", " + good + ", \"max_legs\": -1}]"), ContainsSubstring("max_legs of 0 or more"));
  CHECK_THAT(refusal("[{\"name\": \"a\", " + good + ", \"min_dte\": 50}]"), ContainsSubstring("min_dte <= max_dte"));
  CHECK_THAT(refusal("[{\"name\": \"a\", " + good + "}, {\"name\": \"a\", " + good + "}]"),
             ContainsSubstring("each name once"));
  CHECK_THAT(refusal("[{\"name\": \"a\", " + good + ", \"per_asset\": []}]"), ContainsSubstring("per_asset"));
  CHECK_THAT(refusal("[{\"name\": \"a\", " + good + ", \"per_asset\": {\"ETH\": {\"legs\": 1}}}]"),
             ContainsSubstring("per_asset.ETH"));
}

}  // namespace
