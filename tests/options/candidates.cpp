// SPDX-License-Identifier: MIT
#include <rlx/options/candidates.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "counting_allocator.hpp"
#include "rlx_catch.hpp"

using rlx::market::Fixed8;
using namespace rlx::options;
using rlx_test::Approx;
using rlx_test::WithinAbs;

namespace {

constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();
constexpr double infinite = std::numeric_limits<double>::infinity();
constexpr std::int64_t day = 86'400'000;
constexpr std::int64_t expiry = 1'768'550'400'000;  // 2026-01-16T08:00:00Z
constexpr std::int64_t now = expiry - 14 * day;

/// One call, BTC-16JAN26-99000-C at index 90 000: bid 0.006, ask 0.007, IV 0.45.
struct Market {
  std::vector<Instrument> instruments;
  ChainSnapshot chain;
  std::vector<CandidateBand> bands{{0.10, 0.25, 1, 21, 0.20}};
  CandidateRequest request;

  Market() {
    chain.ts_ms = now;
    chain.index = 90'000;
    request.premium_min_usd = 50;
    request.max_quote_age_ms = 60'000;
    request.max_candidates = 100;
    request.now_ms = now;
    add("BTC-16JAN26-99000-C");
  }

  ChainQuote& add(const std::string& symbol, double delta = nan_value, const char* bid = "0.006", const char* ask = "0.007") {
    ChainQuote quote;
    quote.instrument = static_cast<std::uint32_t>(instruments.size());
    quote.bid = Fixed8::parse(bid);
    quote.ask = Fixed8::parse(ask);
    quote.mark = Fixed8::parse("0.0065");
    quote.mark_iv = 0.45;
    quote.forward = 90'000;
    quote.delta = delta;
    quote.open_interest = 12;
    quote.quote_ms = now;
    instruments.push_back(paper_instrument(symbol));
    chain.quotes.push_back(quote);
    return chain.quotes.back();
  }
  std::vector<CandidateOption> build() {
    request.bands = bands;
    return build_candidates(chain, instruments, request);
  }
  std::uint32_t rejected() {
    request.bands = bands;
    std::vector<CandidateOption> out;
    CandidateScratch scratch;
    return build_candidates(chain, instruments, request, out, scratch);
  }
  std::vector<std::string> symbols() {
    std::vector<std::string> result;
    for (const auto& one : build()) result.push_back(one.symbol);
    return result;
  }
};

}  // namespace

TEST_CASE("a candidate carries everything of its row", "[options][candidates]") {
  Market market;
  market.request.realized_vol = 0.30;
  const auto found = market.build();
  REQUIRE(found.size() == 1);
  const CandidateOption& one = found[0];
  REQUIRE(one.symbol == "BTC-16JAN26-99000-C");
  REQUIRE(one.underlying == "BTC");
  REQUIRE(one.strike == 99'000.0);
  REQUIRE(one.expiry_ms == expiry);
  REQUIRE(one.option_type == OptionType::call);
  REQUIRE(one.dte == 14.0);
  REQUIRE_THAT(one.delta, WithinAbs(0.149777, 5e-7));  // the worked example of Black-76
  REQUIRE(one.otm_pct == Approx(10.0));
  REQUIRE(one.bid == Fixed8::parse("0.006"));
  REQUIRE(one.ask == Fixed8::parse("0.007"));
  REQUIRE(one.mark == Fixed8::parse("0.0065"));
  REQUIRE(one.mid_price == Approx(0.0065));
  REQUIRE(one.premium_usd == Approx(585.0));  // in dollars, for one contract
  REQUIRE(one.iv == 0.45);
  REQUIRE(one.rv == 0.30);
  REQUIRE(one.ivrv == Approx(1.5));
  REQUIRE(one.ivrv_known);
  REQUIRE(one.spread_pct == Approx(100.0 / 6.5));
  REQUIRE(one.open_interest == 12.0);
  REQUIRE(one.quote_ms == now);
  REQUIRE(market.rejected() == 0);
}

TEST_CASE("the venue's delta is preferred, an unknown ratio is 1 and says so", "[options][candidates]") {
  Market market;
  market.chain.quotes[0].delta = 0.2;
  const auto found = market.build();
  REQUIRE(found.at(0).delta == 0.2);
  REQUIRE(found[0].ivrv == 1.0);
  REQUIRE(found[0].rv == 0.0);
  REQUIRE_FALSE(found[0].ivrv_known);
  for (const double rv : {0.0, -0.1, nan_value, infinite}) {
    market.request.realized_vol = rv;
    REQUIRE_FALSE(market.build().at(0).ivrv_known);
  }
}

TEST_CASE("a linear option's premium is in dollars already", "[options][candidates]") {
  Market market;
  market.chain.quotes[0].bid = Fixed8::parse("580");
  market.chain.quotes[0].ask = Fixed8::parse("590");
  market.chain.quotes[0].delta = 0.15;
  market.instruments[0] = paper_instrument("BTC_USDC-16JAN26-99000-C");
  REQUIRE(market.build().at(0).premium_usd == Approx(585.0));
}

TEST_CASE("each condition keeps a call out alone, and lets it in at its limit", "[options][candidates]") {
  const std::vector<std::pair<const char*, std::function<void(Market&)>>> out = {
      {"a put", [](Market& m) { m.instruments[0].type = OptionType::put; }},
      {"closed", [](Market& m) { m.instruments[0].open = false; }},
      {"at the money", [](Market& m) { m.chain.index = 99'000; }},
      {"no bid", [](Market& m) { m.chain.quotes[0].bid = {}; }},
      {"no ask", [](Market& m) { m.chain.quotes[0].ask = {}; }},
      {"no IV", [](Market& m) { m.chain.quotes[0].mark_iv = 0; }},
      {"too short", [](Market& m) { m.bands[0].dte_min = 14.000001; }},
      {"too long", [](Market& m) { m.bands[0].dte_max = 13.999999; }},
      {"delta too small", [](Market& m) { m.chain.quotes[0].delta = 0.0999999; }},
      {"delta too large", [](Market& m) { m.chain.quotes[0].delta = 0.2500001; }},
      {"cheap", [](Market& m) { m.request.premium_min_usd = 585.001; }},
      {"floor NaN", [](Market& m) { m.request.premium_min_usd = nan_value; }},
      {"old", [](Market& m) { m.chain.quotes[0].quote_ms = now - 60'001; }},
      {"no forward and no delta", [](Market& m) { m.chain.quotes[0].forward = 0; }},
      {"band NaN", [](Market& m) { m.bands[0].delta_min = nan_value; }},
      {"no band", [](Market& m) { m.bands.clear(); }},
      {"no room", [](Market& m) { m.request.max_candidates = 0; }},
  };
  for (const auto& [name, change] : out) {
    Market market;
    change(market);
    INFO(name);
    REQUIRE(market.build().empty());
    REQUIRE(market.rejected() == 0);
  }
  const std::vector<std::pair<const char*, std::function<void(Market&)>>> in = {
      {"just out of the money", [](Market& m) { m.chain.index = 98'999.99; }},
      {"shortest", [](Market& m) { m.bands[0].dte_min = 14; }},
      {"longest", [](Market& m) { m.bands[0].dte_max = 14; }},
      {"smallest delta", [](Market& m) { m.chain.quotes[0].delta = 0.10; }},
      {"largest delta", [](Market& m) { m.chain.quotes[0].delta = 0.25; }},
      {"cheapest", [](Market& m) { m.request.premium_min_usd = 584.999; }},
      {"oldest", [](Market& m) { m.chain.quotes[0].quote_ms = now - 60'000; }},
      {"no mark", [](Market& m) { m.chain.quotes[0].mark = {}; }},
      {"no forward", [](Market& m) { m.chain.quotes[0].forward = 0, m.chain.quotes[0].delta = 0.2; }},
      {"open interest unknown", [](Market& m) { m.chain.quotes[0].open_interest = nan_value; }},
  };
  for (const auto& [name, change] : in) {
    Market market;
    change(market);
    INFO(name);
    REQUIRE(market.build().size() == 1);
    REQUIRE(market.rejected() == 0);
  }
}

TEST_CASE("rows that cannot be believed are dropped and counted with those of the source", "[options][candidates]") {
  const std::vector<std::function<void(ChainQuote&)>> faults = {
      [](ChainQuote& q) { q.instrument = 7; },
      [](ChainQuote& q) { q.bid = Fixed8::parse("-0.001"); },
      [](ChainQuote& q) { q.ask = Fixed8::parse("-0.001"); },
      [](ChainQuote& q) { q.mark = Fixed8::parse("-0.001"); },
      [](ChainQuote& q) { q.bid = Fixed8::parse("0.0071"); },
      [](ChainQuote& q) { q.mark_iv = nan_value; },
      [](ChainQuote& q) { q.mark_iv = -0.1; },
      [](ChainQuote& q) { q.mark_iv = infinite; },
      [](ChainQuote& q) { q.forward = nan_value; },
      [](ChainQuote& q) { q.forward = -1; },
      [](ChainQuote& q) { q.delta = infinite; },
      [](ChainQuote& q) { q.open_interest = -1; },
      [](ChainQuote& q) { q.open_interest = infinite; },
  };
  for (std::size_t i = 0; i < faults.size(); ++i) {
    Market market;
    faults[i](market.chain.quotes[0]);
    market.chain.rejected_rows = 3;
    INFO(i);
    REQUIRE(market.build().empty());
    REQUIRE(market.rejected() == 4);
  }
}

TEST_CASE("more than one row in five makes a chain unusable", "[options][candidates]") {
  ChainSnapshot chain;
  chain.quotes.resize(8);
  chain.rejected_rows = 2;
  REQUIRE_FALSE(is_chain_unusable(chain, 2));  // 2 of 10
  REQUIRE(is_chain_unusable(chain, 3));
  REQUIRE_FALSE(is_chain_unusable(ChainSnapshot(), 0));
  chain.quotes.clear();
  REQUIRE(is_chain_unusable(chain, 2));
}

TEST_CASE("training takes the union of its bands, not their hull", "[options][candidates]") {
  Market market;
  market.bands = {{0.10, 0.20, 1, 21, 0.15}, {0.30, 0.50, 20, 30, 0.40}};
  market.chain.quotes.clear();
  market.instruments.clear();
  market.add("BTC-16JAN26-95000-C", 0.40);   // in the second band's delta, not in its days
  market.add("BTC-16JAN26-96000-C", 0.25);   // between the bands
  market.add("BTC-16JAN26-97000-C", 0.15);   // first band
  market.add("BTC-23JAN26-96000-C", 0.36);   // second band, 21 days
  market.add("BTC-23JAN26-100000-C", 0.20);  // first band, 21 days
  REQUIRE(market.symbols() == std::vector<std::string>{"BTC-16JAN26-97000-C", "BTC-23JAN26-96000-C", "BTC-23JAN26-100000-C"});
}

TEST_CASE("the order is total: premium, distance to the target, expiry, strike, symbol", "[options][candidates]") {
  Market market;
  market.chain.quotes.clear();
  market.instruments.clear();
  market.bands = {{0.05, 0.6, 1, 30, 0.20}};
  market.add("BTC-23JAN26-99000-C", 0.20);
  market.add("BTC-16JAN26-99000-C", 0.20);
  market.add("BTC-16JAN26-98000-C", 0.20);
  market.add("BTC-16JAN26-97000-C", 0.45);
  market.add("BTC-16JAN26-96000-C", 0.50, "0.016", "0.017");
  const std::vector<std::string> by_premium = {"BTC-16JAN26-96000-C", "BTC-16JAN26-98000-C", "BTC-16JAN26-99000-C",
                                               "BTC-23JAN26-99000-C", "BTC-16JAN26-97000-C"};
  const std::vector<std::string> by_target = {"BTC-16JAN26-98000-C", "BTC-16JAN26-99000-C", "BTC-23JAN26-99000-C",
                                              "BTC-16JAN26-97000-C", "BTC-16JAN26-96000-C"};
  for (int turn = 0; turn < 5; ++turn) {
    market.request.max_candidates = 100;
    market.request.sort = SortKey::premium_usd;
    REQUIRE(market.symbols() == by_premium);
    market.request.sort = SortKey::target_delta;
    REQUIRE(market.symbols() == by_target);
    market.request.max_candidates = 2;
    REQUIRE(market.symbols() == std::vector<std::string>(by_target.begin(), by_target.begin() + 2));
    std::rotate(market.chain.quotes.begin(), market.chain.quotes.begin() + 1, market.chain.quotes.end());
  }
}

TEST_CASE("the band of a mode has its middle as target", "[options][candidates]") {
  const CandidateBand band = band_of(CandidateRange{1.0, 0.10, 0.40, 1, 21});
  REQUIRE(band.delta_min == 0.10);
  REQUIRE(band.delta_max == 0.40);
  REQUIRE(band.dte_min == 1.0);
  REQUIRE(band.dte_max == 21.0);
  REQUIRE(band.target_delta == Approx(0.25));
}

TEST_CASE("candidates are built in the same memory again", "[options][candidates]") {
  Market market;
  for (int strike = 95'000; strike < 99'000; strike += 100) market.add("BTC-16JAN26-" + std::to_string(strike) + "-C");
  market.request.bands = market.bands;
  std::vector<CandidateOption> out;
  CandidateScratch scratch;
  build_candidates(market.chain, market.instruments, market.request, out, scratch);
  REQUIRE(out.size() > 10);
  const rlx_test::AllocationCounter counter;
  build_candidates(market.chain, market.instruments, market.request, out, scratch);
  REQUIRE(counter.count() == 0);
}

TEST_CASE("at-the-money IV is that of the nearest strike of the first expiry after a week", "[options][candidates]") {
  Market market;
  market.chain.quotes.clear();
  market.instruments.clear();
  market.add("BTC-8JAN26-90000-C").mark_iv = 0.9;  // six days
  market.add("BTC-16JAN26-95000-C").mark_iv = 0.5;
  market.add("BTC-16JAN26-91000-C").mark_iv = 0.4;
  market.add("BTC-16JAN26-90000-C").mark_iv = nan_value;
  market.add("BTC-23JAN26-90000-C").mark_iv = 0.6;
  REQUIRE(atm_iv(market.chain, market.instruments, now) == 0.4);
  REQUIRE(atm_iv(market.chain, market.instruments, now, 5) == 0.9);
  REQUIRE(atm_iv(market.chain, market.instruments, now, 30) == 0.0);
  REQUIRE(atm_iv(ChainSnapshot(), {}, now) == 0.0);
}
