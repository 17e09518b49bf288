// SPDX-License-Identifier: MIT
#include <rlx/options/leg_mark.hpp>

#include "rlx_catch.hpp"
#include "scripted_chain.hpp"

#include <cmath>
#include <limits>

using namespace rlx::options;
using rlx_test::ScriptedChain;
using rlx_test::WithinAbs;

namespace {

constexpr std::int64_t expiry = 1'768'550'400'000;  // 2026-01-16 08:00 UTC
constexpr std::int64_t two_weeks_before = expiry - 14 * 86'400'000LL;

struct Rig {
  ScriptedChain source;
  std::uint32_t near = source.list("BTC-16JAN26-98000-C"), far = source.list("BTC-16JAN26-110000-C"),
                absent = source.list("BTC-16JAN26-99000-C"), other = source.list("BTC-30JAN26-99000-C");
  ChainSnapshot snapshot;

  Rig() {
    snapshot.ts_ms = two_weeks_before;
    snapshot.index = 89'900;
    snapshot.quotes = {ScriptedChain::quote(near, "0.007", "0.0075", "0.0072", 90'000, two_weeks_before),
                       ScriptedChain::quote(far, "0.001", "0.0012", "0.0011", 90'000, two_weeks_before),
                       ScriptedChain::quote(other, "0.02", "0.021", "0.0205", 91'000, two_weeks_before)};
    snapshot.quotes[1].mark_iv = 0.60;
    snapshot.quotes[2].mark_iv = 0.50;
  }
  LegMark value(std::uint32_t position, const LegMark& last = {}) const {
    return value_leg(snapshot, source.instruments(0, "BTC"), position, last);
  }
};

}  // namespace

TEST_CASE("leg mark: a quoted leg has the venue's mark, and its delta where it gives one", "[options][leg_mark]") {
  Rig rig;
  const LegMark mark = rig.value(rig.near);
  REQUIRE(mark.quoted);
  REQUIRE_THAT(mark.price, WithinAbs(0.0072, 1e-15));
  REQUIRE_THAT(mark.delta, WithinAbs(0.3, 0.0));
  rig.snapshot.quotes[0].delta = std::numeric_limits<double>::quiet_NaN();
  REQUIRE_THAT(rig.value(rig.near).delta, WithinAbs(0.178213, 1e-6));  // N(d1) of F 90 000, K 98 000, 14 days, 0.45
}

TEST_CASE("leg mark: an absent leg takes forward and volatility from the nearest strike of its expiry", "[options][leg_mark]") {
  const Rig rig;
  const LegMark mark = rig.value(rig.absent);
  REQUIRE_FALSE(mark.quoted);
  // The specification's worked option: F 90 000, K 99 000, 14 days, volatility 0.45.
  REQUIRE_THAT(mark.price, WithinAbs(0.00657456, 5e-9));
  REQUIRE_THAT(mark.delta, WithinAbs(0.149777, 5e-7));
  REQUIRE_THAT(mark.iv, WithinAbs(0.45, 0.0));
}

TEST_CASE("leg mark: without any quote of the expiry the last ratio and volatility hold", "[options][leg_mark]") {
  Rig rig;
  rig.snapshot.quotes.erase(rig.snapshot.quotes.begin(), rig.snapshot.quotes.begin() + 2);
  rig.snapshot.index = 90'000;
  const LegMark last{.price = 1.0, .delta = 1.0, .iv = 0.45, .forward_ratio = 1.0, .quoted = true};
  REQUIRE_THAT(rig.value(rig.absent, last).price, WithinAbs(0.00657456, 5e-9));
  // Never quoted: intrinsic value, which is 0 for a call out of the money.
  REQUIRE_THAT(rig.value(rig.absent).price, WithinAbs(0.0, 0.0));
}
