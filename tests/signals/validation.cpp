// SPDX-License-Identifier: MIT
#include <rlx/signals/validation.hpp>

#include <rlx/signals/records_json.hpp>

#include "rlx_catch.hpp"

#include <optional>

using namespace rlx;
using namespace rlx::signals;

TEST_CASE("the table counts expected against actual outcomes, and reasons count where they are given") {
  ValidationReport report;
  const Rejection limit{"a", "Exposure limit exceeded", RejectionCode::exposure_limit, Stage::risk, 1};
  report.add("one", "a", std::nullopt, {}, std::nullopt);
  report.add("two", "b", RejectionCode::exposure_limit, {}, limit);
  report.add("three", "c", RejectionCode::exposure_limit, "Exposure limit exceeded", limit);
  REQUIRE(report.ok());
  report.add("four", "d", std::nullopt, {}, limit);
  report.add("five", "e", RejectionCode::exposure_limit, "another text", limit);
  REQUIRE_FALSE(report.ok());
  REQUIRE(report.outcomes.at({"exposure_limit", "exposure_limit"}) == 3);
  REQUIRE(report.outcomes.at({"accepted", "exposure_limit"}) == 1);
  REQUIRE(report.mismatches.size() == 2);
  REQUIRE(report.rejection_rate() == risk::wilson_interval(4, 5));
  const Json json = report.to_json();
  REQUIRE(json["scenarios"] == 5);
  REQUIRE(json["mismatches"][0]["expected"] == "accepted");
}

TEST_CASE("a log that is not whole is no success") {
  ValidationReport report;
  report.log = LogVerification{};
  REQUIRE(report.ok());
  report.log->ok = false;
  report.log->bad = BadRecord{"core_agent.0.log", 3, 2, "changed"};
  REQUIRE_FALSE(report.ok());
  REQUIRE(report.to_json()["log"]["problem"] == "changed");
}
