// SPDX-License-Identifier: MIT
#include <rlx/options/ladder_tape.hpp>

#include "rlx_catch.hpp"
#include "scripted_chain.hpp"

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include <rlx/options/synthetic_chain.hpp>

using namespace rlx::options;
using rlx::ConfigError;
using rlx::ParseError;
using rlx_test::ContainsSubstring;
using rlx_test::ScriptedChain;
using rlx_test::WithinAbs;
using rlx_test::WithinRel;

namespace {

constexpr std::int64_t hour_ms = 3'600'000;
constexpr std::int64_t expiry = 1'768'550'400'000;  // 2026-01-16 08:00 UTC

// 9 snapshots of 6 hours; the index rises by 1 % a step; one week and one month of expiries with known volatilities.
ScriptedChain scripted() {
  ScriptedChain source;
  const auto weekly = source.list("BTC-16JAN26-95000-C"), weekly_far = source.list("BTC-16JAN26-100000-C"),
             monthly = source.list("BTC-6FEB26-100000-C");
  auto& market = source.markets["BTC"];
  for (int i = 0; i < 9; ++i) {
    ChainSnapshot& snapshot = market.snapshots.emplace_back();
    snapshot.ts_ms = expiry - 7 * 24 * hour_ms + 5 * 60'000 + i * 6 * hour_ms;
    snapshot.index = 90'000 * std::pow(1.01, i);
    snapshot.quotes = {ScriptedChain::quote(monthly, "0.02", "0.021", "0.0205", snapshot.index, snapshot.ts_ms),
                       ScriptedChain::quote(weekly_far, "0.004", "0.0045", "0.0042", snapshot.index, snapshot.ts_ms),
                       ScriptedChain::quote(weekly, "0.01", "0.011", "0.0105", snapshot.index, snapshot.ts_ms)};
    snapshot.quotes[0].mark_iv = 0.60;
    snapshot.quotes[1].mark_iv = 0.48;
    snapshot.quotes[1].delta = 0.12;
    snapshot.quotes[2].mark_iv = 0.50;
  }
  return source;
}

}  // namespace

TEST_CASE("ladder tape: the market features, worked by hand", "[options][ladder_tape]") {
  const LadderTape tape(scripted());
  REQUIRE(tape.size() == 9);
  const auto& last = tape[8].features;
  REQUIRE_THAT(last[0], WithinAbs(10.0 * std::log(1.01), 1e-6));      // 6 h
  REQUIRE_THAT(last[1], WithinAbs(10.0 * 4 * std::log(1.01), 1e-6));  // 24 h
  REQUIRE_THAT(last[2], WithinAbs(0.0, 0.0));                         // 7 d: not known yet
  REQUIRE_THAT(last[3], WithinAbs(0.0, 0.0));
  REQUIRE_THAT(last[4], WithinAbs(0.0, 0.0));
  REQUIRE_THAT(last[5], WithinAbs(0.50, 1e-6));  // the index, 97 457, is nearer to 95 000 than to 100 000
  REQUIRE_THAT(last[6], WithinAbs(0.60, 1e-6));
  REQUIRE_THAT(last[7], WithinAbs(0.0, 0.0));     // unknown without a realised volatility
  REQUIRE_THAT(last[8], WithinAbs(-0.10, 1e-6));  // 0.50 - 0.60
  // Nearest 14 days is the weekly expiry (5 days) against 26: delta 0.25 -> the one of 0.3, delta 0.50 too.
  REQUIRE_THAT(last[9], WithinAbs(0.0, 1e-6));
  REQUIRE_THAT(last[10], WithinAbs(1.0 - (5.0 / 60.0) / 24.0, 1e-6));  // 08:05 -> 23 h 55 min
  REQUIRE_THAT(last[11], WithinAbs(0.25, 1e-6));
  REQUIRE_THAT(tape[0].features[11], WithinAbs(0.0, 0.0));
}

TEST_CASE("ladder tape: realised volatility comes from the history of the source", "[options][ladder_tape]") {
  const SyntheticChain chain({.seed = 4, .snapshots = 20});
  const LadderTape tape(chain);
  // A source that knows its index before the first snapshot: 30 days of 6-hour steps, 120 returns.
  double squares = 0.0;
  for (int k = 1; k <= 120; ++k) {
    const double change = std::log(chain.index_at(chain.ts_ms(0) - (k - 1) * 6 * hour_ms, "BTC").value /
                                   chain.index_at(chain.ts_ms(0) - k * 6 * hour_ms, "BTC").value);
    squares += change * change;
  }
  REQUIRE_THAT(tape[0].features[4], WithinRel(std::sqrt(squares / 30.0 * 365.0), 1e-5));
  for (const LadderCandidate& one : tape.candidates(0)) REQUIRE(one.ivrv_known);
}

TEST_CASE("ladder tape: candidates are those of the profiles' ranges", "[options][ladder_tape]") {
  const SyntheticChain chain({.seed = 4, .snapshots = 40});
  LadderTapeConfig config;
  config.underlying = "ETH";
  config.profiles.erase(config.profiles.begin());  // moderate and aggressive
  const LadderTape tape(chain, config);
  std::size_t found = 0;
  ChainSnapshot snapshot;
  for (std::size_t i = 0; i < tape.size(); ++i) {
    chain.load(i, "ETH", snapshot);
    for (const LadderCandidate& one : tape.candidates(i)) {
      REQUIRE(one.delta >= 0.25);
      REQUIRE(one.delta <= 0.50);
      REQUIRE(one.dte >= 1.0);
      REQUIRE(one.dte <= 21.0);
      REQUIRE(one.bid.sign() > 0);
      REQUIRE(one.premium_usd >= 0.0005 * snapshot.index);
      REQUIRE(one.symbol == chain.instruments(i, "ETH")[one.instrument].symbol);
      ++found;
    }
    // The value of a leg by the prepared quotes is that by the whole snapshot.
    const LegMark last{.price = 0.0, .delta = 0.0, .iv = 0.5, .forward_ratio = 1.001, .quoted = false};
    for (std::uint32_t instrument = 0; instrument < tape.instruments().size(); instrument += 37) {
      const Instrument& terms = tape.instruments()[instrument];
      if (terms.type != OptionType::call || terms.expiry_ms <= snapshot.ts_ms) continue;
      ChainSnapshot calls = snapshot;
      std::erase_if(calls.quotes,
                    [&](const ChainQuote& q) { return tape.instruments()[q.instrument].type == OptionType::put; });
      const LegMark whole = value_leg(calls, tape.instruments(), instrument, last), prepared = tape.value(i, instrument, last);
      REQUIRE_THAT(prepared.price, WithinAbs(whole.price, 0.0));
      REQUIRE_THAT(prepared.delta, WithinAbs(whole.delta, 0.0));
      REQUIRE(prepared.quoted == whole.quoted);
    }
  }
  REQUIRE(found > 400);
}

TEST_CASE("ladder tape: a range of a source equals the same snapshots of the whole", "[options][ladder_tape]") {
  const SyntheticChain chain({.seed = 4, .snapshots = 60});
  const LadderTape whole(chain);
  LadderTapeConfig config;
  config.first = 30;
  config.last = 50;
  const LadderTape part(chain, config);
  REQUIRE(part.size() == 21);
  for (std::size_t i = 0; i < part.size(); ++i) {
    REQUIRE(part[i].ts_ms == whole[30 + i].ts_ms);
    for (std::size_t f = 0; f < LadderTape::market_features; ++f) {
      if (i == 0 && f == 11) continue;  // hours since the last snapshot: a range has none before its first
      REQUIRE(part[i].features[f] == whole[30 + i].features[f]);
    }
    REQUIRE(part.candidates(i).size() == whole.candidates(30 + i).size());
  }
  REQUIRE_FALSE(part.settlement(chain.ts_ms(0)).has_value());
}

TEST_CASE("ladder tape: bad input is refused by name", "[options][ladder_tape]") {
  const SyntheticChain chain({.snapshots = 5});
  LadderTapeConfig config;
  config.first = 4;
  REQUIRE_THROWS_WITH(LadderTape(chain, config), ContainsSubstring("first 4"));
  ScriptedChain bad = scripted();
  bad.markets["BTC"].snapshots[3].index = std::nan("");
  REQUIRE_THROWS_AS(LadderTape(bad), ParseError);
  ScriptedChain linear;
  const auto call = linear.list("BTC_USDC-16JAN26-95000-C");
  for (int i = 0; i < 2; ++i) {
    ChainSnapshot& snapshot = linear.markets["BTC"].snapshots.emplace_back();
    snapshot.ts_ms = expiry - (9 - i) * 24 * hour_ms;
    snapshot.index = 90'000;
    snapshot.quotes = {ScriptedChain::quote(call, "900", "950", "925", 90'000, snapshot.ts_ms)};
  }
  REQUIRE_THROWS_WITH(LadderTape(linear), ContainsSubstring("linear"));
}
