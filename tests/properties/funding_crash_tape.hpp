// SPDX-License-Identifier: MIT
/// @file
/// @brief A market in which everything goes wrong.
#ifndef RLX_TESTS_PROPERTIES_FUNDING_CRASH_TAPE_HPP
#define RLX_TESTS_PROPERTIES_FUNDING_CRASH_TAPE_HPP

#include <cstdint>
#include <memory>
#include <utility>

#include <rlx/core/random.hpp>
#include <rlx/funding/market_tape.hpp>
#include <rlx/funding/synthetic_tape.hpp>

namespace rlx_test {

// The calibrated market with crashes: prices halve, double or vanish for days, spreads and rates explode.
inline std::shared_ptr<const rlx::funding::MarketTape> crash_tape(std::uint64_t seed) {
  using namespace rlx::funding;
  const auto calm = make_synthetic_tape({.preset = SyntheticPreset::calibrated, .seed = seed, .days = 20}).tape;
  rlx::RandomStream random(rlx::StreamId{.seed = seed, .purpose = rlx::Purpose::user});
  TapeData data;
  for (InstrumentId id = 0; id < calm->instruments().size(); ++id) {
    InstrumentData one;
    one.venue = calm->instruments()[id].venue_name;
    one.symbol = calm->instruments()[id].symbol_name;
    double factor = 1.0;
    std::int64_t silent_until = 0;
    for (std::size_t k = 0; k + 1 < calm->n_steps(); ++k) {
      for (PriceRow row : calm->rows(id, k)) {
        if (random.bounded(60) == 0) factor *= random.uniform(0.3, 2.5);
        if (random.bounded(300) == 0) silent_until = row.ts_ms + static_cast<std::int64_t>(random.bounded(48)) * ms_per_hour;
        if (row.ts_ms < silent_until) continue;
        row.price *= factor;
        row.low = row.price * random.uniform(0.6, 1.0);
        row.high = row.price * random.uniform(1.0, 1.6);
        if (random.bounded(5) == 0) row.bid_ask_bps = static_cast<float>(random.uniform(0.0, 49.0));
        one.rows.push_back(row);
      }
      for (Settlement settlement : calm->settlements(id, k)) {
        if (random.bounded(20) == 0) settlement.rate = random.uniform(-0.4, 0.4);
        if (random.bounded(20) != 0) one.settlements.push_back(settlement);
      }
    }
    data.instruments.push_back(std::move(one));
  }
  return std::make_shared<const MarketTape>(std::move(data), calm->config(), calm->venues());
}

}  // namespace rlx_test

#endif  // RLX_TESTS_PROPERTIES_FUNDING_CRASH_TAPE_HPP
