// SPDX-License-Identifier: MIT
/// @file
/// @brief What depends on the tape alone and is needed at every step, worked out once: feature rows, venue terms.
#ifndef RLX_FUNDING_FEATURE_TAPE_HPP
#define RLX_FUNDING_FEATURE_TAPE_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <rlx/core/detail/xtensor.hpp>
#include <rlx/core/error.hpp>
#include <rlx/funding/market_tape.hpp>
#include <rlx/funding/observation_features.hpp>
#include <rlx/funding/sizing.hpp>
#include <rlx/funding/types.hpp>

namespace rlx::inline v0_1::funding {

/// Immutable companion of one MarketTape, shared by all environments on it; 800 bytes per step. Refers to the tape's venue
/// table, so the tape must outlive it (`of` ties their lives together).
class FeatureTape {
 public:
  static constexpr std::size_t row_size = max_opportunities * opportunity_feature_count;  ///< floats of a step: 10 slots of 20

  /// O(steps). Also resolves the terms of every instrument, so that no step compares names.
  explicit FeatureTape(const MarketTape& tape) : rows_({tape.n_steps(), max_opportunities, opportunity_feature_count}, 0.0F) {
    for (std::size_t k = 0; k < tape.n_steps(); ++k) {
      float* row = rows_.data() + k * row_size;
      for (const Opportunity& opportunity : tape.opportunities(k)) {
        write_opportunity_features(opportunity, tape.time(k),
                                   std::span<float, opportunity_feature_count>(row, opportunity_feature_count));
        row += opportunity_feature_count;
      }
    }
    const std::span<const VenueId> venues = tape.venue_ids();
    for (const Instrument& instrument : tape.instruments()) {
      const Venue& venue = tape.venues().at(instrument.venue);
      LegTerms terms;
      terms.venue = instrument.venue;
      terms.account = static_cast<std::uint32_t>(std::find(venues.begin(), venues.end(), instrument.venue) - venues.begin());
      terms.rule = venue.rule;
      terms.taker = venue.taker;
      terms.liquidation_fee = venue.liquidation_fee;
      terms.lot = instrument.lot;
      terms.tiers = venue.tiers(instrument.symbol_name);
      terms_.push_back(terms);
    }
  }

  /// The 10 x 20 floats of the opportunity block at step k; empty slots are 0, `held` is 0.
  std::span<const float, row_size> block(std::size_t k) const {
    return std::span<const float, row_size>(rows_.data() + k * row_size, row_size);
  }
  /// Terms per instrument; `account` is the index in `MarketTape::venue_ids()`.
  std::span<const LegTerms> terms() const noexcept { return terms_; }

 private:
  xt::xtensor<float, 3> rows_;
  std::vector<LegTerms> terms_;
};

}  // namespace rlx::inline v0_1::funding

#endif  // RLX_FUNDING_FEATURE_TAPE_HPP
