// SPDX-License-Identifier: MIT
/// @file
/// @brief A market written by hand: rows and settlements of a few instruments, hour by hour.
#ifndef RLX_TESTS_FUNDING_HAND_MARKET_HPP
#define RLX_TESTS_FUNDING_HAND_MARKET_HPP

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <rlx/funding/market_tape.hpp>

namespace rlx_test {

namespace funding = rlx::funding;

inline constexpr std::int64_t market_start_ms = 1'735'689'600'000;  // 2025-01-01

/// Time `hours` after the start.
inline std::int64_t at_hour(double hours) {
  return market_start_ms + static_cast<std::int64_t>(hours * static_cast<double>(funding::ms_per_hour));
}

/// Collects rows, then makes a tape whose pairs need no history.
class HandMarket {
 public:
  HandMarket() {
    config.filter.min_history_h = 0.0;
    config.filter.min_settlements = 0;
  }

  funding::InstrumentData& instrument(const std::string& venue, const std::string& symbol) {
    for (funding::InstrumentData& one : data.instruments)
      if (one.venue == venue && one.symbol == symbol) return one;
    funding::InstrumentData one;
    one.venue = venue;
    one.symbol = symbol;
    data.instruments.push_back(std::move(one));
    return data.instruments.back();
  }

  HandMarket& price(const std::string& venue, double hour, double value, const std::string& symbol = "AUSDT") {
    funding::PriceRow row;
    row.ts_ms = at_hour(hour);
    row.price = value;
    row.bid_ask_bps = bid_ask_bps;
    row.depth_usd = depth_usd;
    row.volume_quote_24h = volume_usd;
    instrument(venue, symbol).rows.push_back(row);
    return *this;
  }
  HandMarket& price(const std::string& venue, double hour, double value, double low, double high) {
    price(venue, hour, value);
    instrument(venue, "AUSDT").rows.back().low = low;
    instrument(venue, "AUSDT").rows.back().high = high;
    return *this;
  }
  /// The same price at every hour in [first, last].
  HandMarket& flat(const std::string& venue, int first, int last, double value, const std::string& symbol = "AUSDT") {
    for (int hour = first; hour <= last; ++hour) price(venue, hour, value, symbol);
    return *this;
  }
  HandMarket& settle(const std::string& venue, double hour, double rate, double interval_h = 8.0,
                     const std::string& symbol = "AUSDT") {
    funding::Settlement settlement;
    settlement.settle_ms = at_hour(hour);
    settlement.rate = rate;
    settlement.interval_hours = interval_h;
    instrument(venue, symbol).settlements.push_back(settlement);
    return *this;
  }

  std::shared_ptr<const funding::MarketTape> tape() const {
    return std::make_shared<const funding::MarketTape>(data, config, venues);
  }

  funding::TapeData data;
  funding::TapeConfig config;
  funding::VenueTable venues = funding::VenueTable::builtin();
  float bid_ask_bps = 0.0F;  ///< of the rows added from now on
  float depth_usd = 1e12F;   ///< deep: no impact
  float volume_usd = 1e9F;
};

/// Index of a time on a tape's grid.
inline std::size_t step_of(const funding::MarketTape& tape, double hour) {
  return static_cast<std::size_t>((at_hour(hour) - tape.time(0)) / tape.step_ms());
}

}  // namespace rlx_test

#endif  // RLX_TESTS_FUNDING_HAND_MARKET_HPP
