// SPDX-License-Identifier: MIT
#include <rlx/options/ladder_picker.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/options/training_profile.hpp>

#include "counting_allocator.hpp"
#include "rlx_catch.hpp"

namespace {

using namespace rlx::options;
using rlx_test::ContainsSubstring;

CandidateOption candidate(const std::string& symbol, int expiry, double strike, double delta, double premium) {
  CandidateOption made;
  made.symbol = symbol;
  made.underlying = "BTC";
  made.expiry_ms = expiry;
  made.strike = strike;
  made.delta = delta;
  made.premium_usd = premium;
  made.dte = 7;
  return made;
}

// The worked example of the specification.
std::vector<CandidateOption> example() {
  return {candidate("A", 1, 95, 0.24, 60),   candidate("B", 2, 98, 0.22, 95),  candidate("C", 3, 102, 0.18, 110),
          candidate("D", 3, 100, 0.25, 130), candidate("E", 1, 93, 0.30, 70),  candidate("F", 3, 98, 0.32, 170),
          candidate("G", 2, 95, 0.35, 150),  candidate("H", 2, 94, 0.40, 180), candidate("I", 1, 92, 0.38, 100)};
}

// Symbols of every profile, "D B|F G|H".
std::string picked(const std::vector<CandidateOption>& candidates, const LadderLimits& limits,
                   const std::vector<OccupiedLeg>& occupied, const TrainingProfiles& profiles = get_training_profiles()) {
  std::string text;
  bool first = true;
  for (const ProfilePicks& one :
       pick_candidates_for_all_profiles<CandidateOption>(profiles, "BTC", candidates, limits, occupied)) {
    if (!first) text += '|';
    first = false;
    for (std::size_t i = 0; i < one.candidates.size(); ++i) text += (i == 0 ? "" : " ") + candidates[one.candidates[i]].symbol;
  }
  return text;
}

const std::vector<OccupiedLeg> open_short = {{"Z", 1}};

TEST_CASE("picker: the worked example", "[options]") {
  LadderLimits limits;
  CHECK(picked(example(), limits, open_short) == "D B|F G|H");
  limits.prefer_variety = false;
  CHECK(picked(example(), limits, open_short) == "D C|F G|H");
  limits.prefer_variety = true;
  limits.max_calls_per_underlying = 4;
  CHECK(picked(example(), limits, open_short) == "D B|F G|");
  limits.order = LegOrder::round_robin;
  CHECK(picked(example(), limits, open_short) == "D B|F|H");
}

TEST_CASE("picker: sorted by the distance to the target delta", "[options]") {
  LadderLimits limits;
  limits.sort = SortKey::target_delta;
  limits.prefer_variety = false;
  // Target 0.20: Q is 0.01 away, P 0.04, R 0.08.
  CHECK(picked({candidate("P", 1, 95, 0.24, 60), candidate("Q", 2, 98, 0.21, 1), candidate("R", 3, 99, 0.12, 900)}, limits,
               {}) == "Q P||");
}

TEST_CASE("picker: equal keys are ordered by distance, expiry, strike and symbol", "[options]") {
  LadderLimits limits;
  limits.prefer_variety = false;
  TrainingProfiles profiles = get_training_profiles();
  profiles.resize(1);
  profiles[0].base.max_legs = 9;
  limits.max_calls_per_underlying = limits.max_calls_per_expiry = 9;
  CHECK(picked({candidate("e", 2, 90, 0.20, 10), candidate("d", 1, 95, 0.20, 10), candidate("c", 1, 90, 0.20, 10),
                candidate("b", 1, 90, 0.20, 10), candidate("a", 1, 80, 0.24, 10), candidate("f", 9, 99, 0.15, 11)},
               limits, {}, profiles) == "f b c d e a");
}

TEST_CASE("picker: every cap, alone", "[options]") {
  const auto with = [](auto change, std::vector<OccupiedLeg> occupied = {}) {
    LadderLimits limits;
    limits.max_calls_per_underlying = limits.max_calls_per_expiry = limits.max_open_calls_per_underlying = 100;
    change(limits);
    return picked(example(), limits, occupied);
  };
  CHECK(with([](LadderLimits&) {}) == "D B|F G|H I");
  CHECK(with([](LadderLimits& l) { l.max_calls_per_underlying = 0; }) == "||");
  CHECK(with([](LadderLimits& l) { l.max_calls_per_underlying = -3; }) == "||");
  CHECK(with([](LadderLimits& l) { l.max_calls_per_underlying = 3; }) == "D B|F|");
  CHECK(with([](LadderLimits& l) { l.max_calls_per_expiry = 0; }) == "||");
  CHECK(with([](LadderLimits& l) { l.max_calls_per_expiry = 1; }) == "D B|E|");
  CHECK(with([](LadderLimits& l) { l.max_open_calls_per_underlying = 0; }) == "||");
  CHECK(with([](LadderLimits& l) { l.max_open_calls_per_underlying = 4; }, {{"X", 7}, {"Y", 7}}) == "D B||");
  // A symbol is one leg however often it is named; an occupied symbol is never picked again.
  CHECK(with([](LadderLimits& l) { l.max_open_calls_per_underlying = 4; }, {{"X", 7}, {"X", 7}}) == "D B|F|");
  CHECK(with([](LadderLimits&) {}, {{"D", 3}, {"F", 3}}) == "C B|G E|H I");
  CHECK(with([](LadderLimits& l) { l.max_calls_per_expiry = 2; }, {{"X", 3}, {"Y", 3}}) == "B A|G E|");
}

TEST_CASE("picker: an edge belongs to the profile that picks first", "[options]") {
  const std::vector<CandidateOption> edge = {candidate("S", 1, 95, 0.25, 60)};
  TrainingProfiles profiles = get_training_profiles();
  CHECK(picked(edge, {}, {}, profiles) == "S||");
  std::swap(profiles[0], profiles[1]);
  CHECK(picked(edge, {}, {}, profiles) == "S||");
  profiles[0].base.enabled = false;
  CHECK(picked(edge, {}, {}, profiles) == "|S|");
  profiles[1].base.max_legs = 0;
  CHECK(picked(edge, {}, {}, profiles) == "||");
}

TEST_CASE("picker: filters hold both ends, NaN never passes, an unknown IV/RV only a minimum of 0", "[options]") {
  TrainingProfiles profiles(1);
  profiles[0].name = "one";
  profiles[0].base.min_dte = 2;
  profiles[0].base.max_dte = 5;
  const auto passes = [&](auto change) {
    CandidateOption one = candidate("S", 1, 95, 0.30, 60);
    one.dte = 3;
    change(one);
    return picked({one}, {}, {}, profiles) == "S";
  };
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(passes([](CandidateOption&) {}));
  CHECK(passes([](CandidateOption& c) { c.delta = 0.25; }));
  CHECK(passes([](CandidateOption& c) { c.delta = 0.35; }));
  CHECK_FALSE(passes([](CandidateOption& c) { c.delta = 0.2499999; }));
  CHECK_FALSE(passes([](CandidateOption& c) { c.delta = 0.3500001; }));
  CHECK(passes([](CandidateOption& c) { c.dte = 2; }));
  CHECK(passes([](CandidateOption& c) { c.dte = 5; }));
  CHECK_FALSE(passes([](CandidateOption& c) { c.dte = 1.999; }));
  CHECK_FALSE(passes([](CandidateOption& c) { c.dte = 5.001; }));
  CHECK_FALSE(passes([](CandidateOption& c) { c.delta = nan; }));
  CHECK_FALSE(passes([](CandidateOption& c) { c.dte = nan; }));
  CHECK_FALSE(passes([](CandidateOption& c) { c.premium_usd = nan; }));
  CHECK_FALSE(passes([](CandidateOption& c) { c.ivrv = nan; }));
  CHECK_FALSE(passes([](CandidateOption& c) { c.strike = nan; }));
  profiles[0].base.ivrv_min = 1.0;
  CHECK_FALSE(passes([](CandidateOption& c) { c.ivrv_known = false; }));
  CHECK(passes([](CandidateOption& c) { c.ivrv_known = true; }));
  CHECK_FALSE(passes([](CandidateOption& c) {
    c.ivrv_known = true;
    c.ivrv = 0.999;
  }));
}

TEST_CASE("picker: the configuration of the asset counts", "[options]") {
  TrainingProfiles profiles = get_training_profiles();
  profiles[0].per_asset["BTC"] = profiles[0].base;
  profiles[0].per_asset["BTC"].max_legs = 1;
  profiles[1].per_asset["ETH"].enabled = false;
  CHECK(picked(example(), {}, {}, profiles) == "D|F G|H I");
}

TEST_CASE("picker: profile faults and candidates of another underlying", "[options]") {
  const auto refused = [](auto change) {
    TrainingProfiles profiles = get_training_profiles();
    change(profiles);
    return profiles;
  };
  const auto with = [](const TrainingProfiles& profiles) { return picked(example(), {}, {}, profiles); };
  CHECK_THROWS_AS(with(refused([](auto& p) { p[1].base.min_delta = 0.36; })), rlx::ConfigError);
  CHECK_THROWS_AS(with(refused([](auto& p) { p[1].base.min_dte = 30; })), rlx::ConfigError);
  CHECK_THROWS_AS(with(refused([](auto& p) { p[1].base.max_legs = -1; })), rlx::ConfigError);
  CHECK_THROWS_AS(with(refused([](auto& p) { p[1].name = "conservative"; })), rlx::ConfigError);

  std::vector<CandidateOption> mixed = example();
  mixed[4].underlying = "ETH";
  REQUIRE_THROWS_AS(picked(mixed, {}, {}), rlx::ParseError);
  try {
    picked(mixed, {}, {});
  } catch (const rlx::ParseError& error) {
    CHECK_THAT(error.what(), ContainsSubstring("candidate E of ETH"));
  }
  mixed[4].underlying.clear();  // not given
  CHECK(picked(mixed, {}, open_short) == "D B|F G|H");
  CHECK(picked({}, {}, {}) == "||");
}

TEST_CASE("picker: nothing is allocated once the buffers have grown", "[options]") {
  const TrainingProfiles profiles = get_training_profiles();
  std::vector<CandidateOption> candidates;
  for (int i = 0; i < 2'000; ++i) {
    candidates.push_back(candidate("BTC-16JAN26-" + std::to_string(90'000 + 500 * i) + "-C", i % 12, 90'000 + 500 * i,
                                   0.05 + 0.0003 * i, 1'000 - 0.4 * i));
  }
  const std::vector<OccupiedLeg> occupied = {{"BTC-16JAN26-101000-C", 3}, {"BTC-16JAN26-102000-C", 5}};
  PickerScratch scratch;
  std::vector<ProfilePicks> picks;
  for (const LegOrder order : {LegOrder::priority, LegOrder::round_robin}) {
    LadderLimits limits;
    limits.order = order;
    const auto pick = [&] {
      pick_candidates_for_all_profiles<CandidateOption>(profiles, "BTC", candidates, limits, occupied, scratch, picks);
    };
    pick();
    const rlx_test::AllocationCounter counter;
    pick();
    CHECK(counter.count() == 0);
    CHECK(picks[0].candidates.size() == 2);
  }
}

}  // namespace
