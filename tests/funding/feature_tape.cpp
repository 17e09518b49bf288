// SPDX-License-Identifier: MIT
#include <rlx/funding/feature_tape.hpp>

#include "rlx_catch.hpp"

#include <array>
#include <cstddef>

#include <rlx/funding/environment.hpp>
#include <rlx/funding/synthetic_tape.hpp>

using namespace rlx::funding;

TEST_CASE("feature tape: blocks are the features of the listed pairs, empty slots 0", "[funding][feature_tape]") {
  const auto tape = make_synthetic_tape({.preset = SyntheticPreset::calibrated, .seed = 1, .days = 4, .majors = 3}).tape;
  const FeatureTape features(*tape);
  std::size_t listed = 0;
  for (std::size_t k = 0; k < tape->n_steps(); ++k) {
    const auto block = features.block(k);
    const auto list = tape->opportunities(k);
    listed += list.size();
    for (std::size_t slot = 0; slot < max_opportunities; ++slot) {
      std::array<float, opportunity_feature_count> expected{};
      if (slot < list.size()) write_opportunity_features(list[slot], tape->time(k), expected);
      for (std::size_t i = 0; i < expected.size(); ++i) {
        REQUIRE(block[slot * opportunity_feature_count + i] == expected[i]);
      }
    }
  }
  REQUIRE(listed > 100);
}

TEST_CASE("feature tape: terms of every instrument", "[funding][feature_tape]") {
  const auto tape = make_synthetic_tape({.seed = 1, .days = 2}).tape;
  const FeatureTape features(*tape);
  REQUIRE(features.terms().size() == tape->instruments().size());
  for (InstrumentId id = 0; id < features.terms().size(); ++id) {
    const LegTerms& terms = features.terms()[id];
    REQUIRE(tape->venue_ids()[terms.account] == tape->instruments()[id].venue);
    REQUIRE(terms.taker == tape->venues().at(terms.venue).taker);
    REQUIRE_FALSE(terms.tiers.empty());
  }
}

TEST_CASE("feature tape: environments of one tape share it", "[funding][feature_tape]") {
  const auto tape = make_synthetic_tape({.seed = 1, .days = 10}).tape;
  const auto first = tape->derived<FeatureTape>([&] { return std::make_shared<const FeatureTape>(*tape); });
  const long before = first.use_count();
  const FundingArbitrageEnv env(tape);
  REQUIRE(first.use_count() == before + 1);
}
