// SPDX-License-Identifier: MIT
#include <rlx/funding/types.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "rlx_catch.hpp"

using namespace rlx::funding;

namespace {

// From the first byte of the opportunity to the end of a field.
template <class Field>
std::size_t end_of(const Opportunity& o, const Field& field) {
  return static_cast<std::size_t>(reinterpret_cast<const char*>(&field) - reinterpret_cast<const char*>(&o)) + sizeof(Field);
}

}  // namespace

TEST_CASE("types: all that the mask reads of an opportunity lies in its first cache line", "[funding][types]") {
  const Opportunity o;
  for (const std::size_t end :
       {end_of(o, o.long_leg), end_of(o, o.short_leg), end_of(o, o.symbol), end_of(o, o.long_fresh), end_of(o, o.short_fresh),
        end_of(o, o.long_price), end_of(o, o.short_price), end_of(o, o.long_depth_usd), end_of(o, o.short_depth_usd),
        end_of(o, o.long_bid_ask_bps), end_of(o, o.short_bid_ask_bps)})
    REQUIRE(end <= 64);
  REQUIRE(end_of(o, o.long_rate_bph) > 64);  // features, written once per tape
  // Every element of a list starts a line of its own.
  STATIC_REQUIRE(alignof(Opportunity) == 64);
  STATIC_REQUIRE(sizeof(Opportunity) % 64 == 0);
  const std::vector<Opportunity> list(3);
  for (const Opportunity& one : list) REQUIRE(reinterpret_cast<std::uintptr_t>(&one) % 64 == 0);
}

TEST_CASE("types: an input that is not given is missing, not 0", "[funding][types]") {
  REQUIRE(std::isnan(missing));
  const PriceRow row;
  for (const double value : {row.low, row.high, static_cast<double>(row.volume_quote_24h), static_cast<double>(row.bid_ask_bps),
                             static_cast<double>(row.depth_usd)})
    REQUIRE(std::isnan(value));
  const Opportunity o;
  for (const double value :
       {o.long_depth_usd, o.short_depth_usd, o.long_bid_ask_bps, o.short_bid_ask_bps, o.volume_usd, o.depth_usd})
    REQUIRE(std::isnan(value));
  const LegView leg;
  REQUIRE(std::isnan(leg.mean24_bph));
  REQUIRE(std::isnan(leg.mean72_bph));
  REQUIRE(leg.row == nullptr);
  REQUIRE_FALSE(leg.fresh);  // no price is not a fresh price
}

TEST_CASE("types: an opportunity names no instrument until it is filled", "[funding][types]") {
  const Opportunity o;
  REQUIRE(o.long_leg == no_id);
  REQUIRE(o.short_leg == no_id);
  REQUIRE(o.symbol == no_id);
  REQUIRE(o.long_price == 0.0);
  REQUIRE(o.short_price == 0.0);
  STATIC_REQUIRE(no_id == 0xFFFFFFFFU);  // no id of any kind: ids count from 0
  STATIC_REQUIRE(static_cast<InstrumentId>(-1) == no_id);
  STATIC_REQUIRE(static_cast<SymbolId>(-1) == no_id);
}

TEST_CASE("types: rows are plain data of the size that the tape's memory is planned with", "[funding][types]") {
  // 8 + 3 x 8 + 3 x 4 bytes and padding to 8: 6.9 M rows are 331 MB.
  STATIC_REQUIRE(std::is_trivially_copyable_v<PriceRow>);
  STATIC_REQUIRE(sizeof(PriceRow) == 48);
  STATIC_REQUIRE(std::is_trivially_copyable_v<Settlement>);
  STATIC_REQUIRE(sizeof(Settlement) == 32);
  STATIC_REQUIRE(std::is_trivially_copyable_v<Opportunity>);
  STATIC_REQUIRE(std::is_trivially_copyable_v<PairView>);
}

TEST_CASE("types: units of time, and the specified costs", "[funding][types]") {
  STATIC_REQUIRE(ms_per_hour == std::int64_t{60} * 60 * 1000);
  STATIC_REQUIRE(ms_per_day == 86'400'000);
  REQUIRE(Settlement{}.interval_hours == 8.0);
  REQUIRE(LegView{}.interval_hours == 8.0);
  const CostModel costs;
  REQUIRE(costs.fee_scale == 1.0);
  REQUIRE(costs.impact_bps == 10.0);
  REQUIRE(costs.default_half_spread_bps == 1.0);
  REQUIRE(costs.default_depth_usd == 250'000.0);
  REQUIRE(costs.reference_notional == 1'000.0);  // a tenth of 10,000 USD
  CostModel dearer;
  dearer.fee_scale = 2.0;
  REQUIRE(costs == CostModel{});
  REQUIRE_FALSE(costs == dearer);
}
