// SPDX-License-Identifier: MIT
#include <rlx/options/synthetic_chain.hpp>

#include "counting_allocator.hpp"
#include "rlx_catch.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include <rlx/core/hash.hpp>

using namespace rlx::options;
using rlx::ConfigError;
using rlx::DataError;
using rlx::market::Fixed8;
using rlx_test::ContainsSubstring;
using rlx_test::WithinAbs;
using rlx_test::WithinRel;

namespace {

constexpr std::int64_t day_ms = 86'400'000;
const std::array<std::string_view, 2> both{"BTC", "ETH"};

std::string fingerprint(const ChainSnapshot& snapshot) {
  rlx::Sha256 hash;
  const auto add = [&](const auto& value) { hash.update(std::as_bytes(std::span(&value, 1))); };
  add(snapshot.ts_ms);
  add(snapshot.index);
  for (const ChainQuote& quote : snapshot.quotes) {
    add(quote.instrument), add(quote.bid), add(quote.ask), add(quote.mark), add(quote.mark_iv), add(quote.forward);
    add(quote.delta), add(quote.open_interest), add(quote.quote_ms);
  }
  return hash.hex();
}
std::string fingerprint(const SyntheticChain& chain, std::size_t i, std::string_view ccy) {
  ChainSnapshot snapshot;
  chain.load(i, ccy, snapshot);
  return fingerprint(snapshot);
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

}  // namespace

TEST_CASE("synthetic chain: the reference market has the size and the calendar of the recorded one",
          "[options][synthetic_chain]") {
  const SyntheticChain chain;
  REQUIRE(chain.size() == 944);
  REQUIRE(chain.ts_ms(0) == 1'767'341'100'000);  // 2026-01-02 08:05 UTC
  REQUIRE(chain.ts_ms(1) - chain.ts_ms(0) == 6 * 3'600'000);
  REQUIRE_THAT(chain.index_at(chain.ts_ms(0), "BTC").value, WithinRel(90'000.0, 1e-12));
  REQUIRE_THAT(chain.index_at(chain.ts_ms(0), "ETH").value, WithinRel(3'000.0, 1e-12));
  ChainSnapshot snapshot;
  for (std::size_t i = 0; i < chain.size(); i += 7) {
    std::size_t rows = 0;
    for (const auto ccy : both) {
      chain.load(i, ccy, snapshot);
      rows += snapshot.quotes.size();
      std::vector<std::int64_t> expiries;
      for (const ChainQuote& quote : snapshot.quotes) expiries.push_back(chain.instruments(i, ccy)[quote.instrument].expiry_ms);
      expiries.erase(std::unique(expiries.begin(), expiries.end()), expiries.end());
      REQUIRE(expiries.size() >= 10);
      REQUIRE(expiries.size() <= 14);
      // The next four mornings are always among them, and every further expiry is a Friday.
      std::sort(expiries.begin(), expiries.end());
      const std::int64_t first =
          (snapshot.ts_ms / day_ms + (snapshot.ts_ms % day_ms >= 8 * 3'600'000 ? 1 : 0)) * day_ms + 8 * 3'600'000;
      for (std::size_t d = 0; d < 4; ++d) REQUIRE(expiries[d] == first + static_cast<std::int64_t>(d) * day_ms);
      for (std::size_t d = 4; d < expiries.size(); ++d) REQUIRE((expiries[d] / day_ms + 4) % 7 == 5);
    }
    REQUIRE(rows >= 1'200);
    REQUIRE(rows <= 2'000);
  }
}

TEST_CASE("synthetic chain: the first expiries, worked by hand", "[options][synthetic_chain]") {
  // At Friday 2026-01-02 08:05: days 3, 4, 5, 6 Jan; Fridays 9, 16, 23, 30 Jan; months 30 Jan, 27 Feb, 27 Mar; quarters 27 Mar,
  // 26 Jun, 25 Sep, 25 Dec.
  const SyntheticChain chain({.snapshots = 1});
  ChainSnapshot snapshot;
  chain.load(0, "BTC", snapshot);
  std::vector<std::string> expiries;
  for (const ChainQuote& quote : snapshot.quotes) {
    const auto text = parse_instrument_name(chain.instruments(0, "BTC")[quote.instrument].symbol).expiry_text;
    if (std::find(expiries.begin(), expiries.end(), text) == expiries.end()) expiries.push_back(text);
  }
  REQUIRE(expiries == std::vector<std::string>{"3JAN26", "4JAN26", "5JAN26", "6JAN26", "9JAN26", "16JAN26", "23JAN26",
                                               "30JAN26", "27FEB26", "27MAR26", "26JUN26", "25SEP26", "25DEC26"});
}

TEST_CASE("synthetic chain: snapshot i does not depend on what was loaded before, and a seed fixes every byte",
          "[options][synthetic_chain]") {
  const SyntheticChain chain({.seed = 3, .snapshots = 60}), again({.seed = 3, .snapshots = 60}),
      longer({.seed = 3, .snapshots = 90});
  ChainSnapshot reused;
  for (const std::size_t i : {std::size_t{59}, std::size_t{0}, std::size_t{31}, std::size_t{30}}) {
    for (const auto ccy : both) {
      chain.load(i, ccy, reused);  // a buffer with another snapshot in it
      REQUIRE(fingerprint(reused) == fingerprint(again, i, ccy));
      REQUIRE(fingerprint(reused) == fingerprint(longer, i, ccy));  // the future changes nothing
      REQUIRE(fingerprint(reused) != fingerprint(SyntheticChain({.seed = 4, .snapshots = 60}), i, ccy));
    }
  }
}

TEST_CASE("synthetic chain: quotes are valid, on ticks, without arbitrage", "[options][synthetic_chain]") {
  const SyntheticChain chain({.seed = 1, .snapshots = 400});
  ChainSnapshot snapshot;
  std::size_t rows = 0, without_bid_or_ask = 0;
  for (std::size_t i = 0; i < chain.size(); i += 3) {
    for (const auto ccy : both) {
      chain.load(i, ccy, snapshot);
      const auto table = chain.instruments(i, ccy);
      std::map<std::int64_t, std::vector<std::pair<double, double>>> calls;  // by expiry: strike, price in USD
      for (const ChainQuote& quote : snapshot.quotes) {
        const Instrument& instrument = table[quote.instrument];
        const InstrumentName name = parse_instrument_name(instrument.symbol);
        REQUIRE(name.expiry_ms == instrument.expiry_ms);
        REQUIRE_THAT(name.strike, WithinAbs(instrument.strike, 0.0));
        REQUIRE(instrument.expiry_ms > snapshot.ts_ms);
        REQUIRE(instrument.creation_ms <= snapshot.ts_ms);
        REQUIRE(is_on_tick(instrument, quote.bid));
        REQUIRE(is_on_tick(instrument, quote.ask));
        ++rows;
        if (quote.bid.sign() > 0 && quote.ask.sign() > 0) {
          REQUIRE(quote.bid < quote.ask);
        } else {
          ++without_bid_or_ask;
        }
        REQUIRE(quote.mark_iv >= 0.1 - 1e-9);
        REQUIRE(quote.mark_iv <= 3.0 + 1e-9);
        if (instrument.type == OptionType::call) {
          REQUIRE(quote.delta >= 0.0);
          REQUIRE(quote.delta <= 1.0);
          calls[instrument.expiry_ms].emplace_back(instrument.strike, quote.mark.to_double() * quote.forward);
          // The mark is Black-76 of its own volatility.
          const double years = rlx::market::years_of(instrument.expiry_ms - snapshot.ts_ms);
          const double price =
              rlx::market::black76_price(OptionType::call, quote.forward, instrument.strike, years, quote.mark_iv);
          REQUIRE_THAT(quote.mark.to_double(), WithinAbs(price / quote.forward, 1e-8));
        }
      }
      for (const auto& [expiry, prices] : calls) {
        for (std::size_t k = 0; k + 1 < prices.size(); ++k) {
          const double width = prices[k + 1].first - prices[k].first;
          const double slope = (prices[k + 1].second - prices[k].second) / width;
          // One unit of the mark, 1e-8 coin, is at most 2e-3 USD here.
          REQUIRE(slope <= 4e-3 / width);
          REQUIRE(slope >= -1.0 - 4e-3 / width);
          if (k + 2 < prices.size()) {
            const double next_width = prices[k + 2].first - prices[k + 1].first;
            REQUIRE((prices[k + 2].second - prices[k + 1].second) / next_width >= slope - 8e-3 / std::min(width, next_width));
          }
        }
      }
    }
  }
  // 1 % are one-sided; deep out of the money there is no bid at all.
  REQUIRE(without_bid_or_ask > rows / 100);
}

TEST_CASE("synthetic chain: median spreads are those of the recorded market within a quarter", "[options][synthetic_chain]") {
  const SyntheticChain chain;
  std::map<std::pair<int, bool>, std::vector<double>> spreads;
  std::size_t calls = 0, without_bid = 0;
  ChainSnapshot snapshot;
  for (std::size_t i = 0; i < chain.size(); i += 2) {
    for (const auto ccy : both) {
      chain.load(i, ccy, snapshot);
      for (const ChainQuote& quote : snapshot.quotes) {
        const Instrument& instrument = chain.instruments(i, ccy)[quote.instrument];
        const double dte = static_cast<double>(instrument.expiry_ms - snapshot.ts_ms) / day_ms;
        if (instrument.type != OptionType::call || instrument.strike <= snapshot.index || dte < 1.0 || dte > 21.0) continue;
        const int band = quote.delta < 0.10 ? 0 : quote.delta < 0.25 ? 1 : quote.delta < 0.35 ? 2 : quote.delta < 0.50 ? 3 : 4;
        if (band == 0 || band == 4) continue;
        ++calls;
        if (quote.bid.sign() == 0) ++without_bid;
        if (quote.bid.sign() == 0 || quote.ask.sign() == 0) continue;
        const double bid = quote.bid.to_double(), ask = quote.ask.to_double();
        spreads[{band, dte <= 7.0}].push_back((ask - bid) / (0.5 * (ask + bid)) * 100.0);
      }
    }
  }
  // Percent of the mid, specification 5.2: bands of delta by 1-7 and 7-21 days.
  REQUIRE_THAT(median(spreads[std::pair(1, true)]), WithinRel(13.0, 0.25));
  REQUIRE_THAT(median(spreads[std::pair(1, false)]), WithinRel(9.0, 0.25));
  REQUIRE_THAT(median(spreads[std::pair(2, true)]), WithinRel(10.0, 0.25));
  REQUIRE_THAT(median(spreads[std::pair(2, false)]), WithinRel(5.5, 0.25));
  REQUIRE_THAT(median(spreads[std::pair(3, true)]), WithinRel(7.5, 0.25));
  REQUIRE_THAT(median(spreads[std::pair(3, false)]), WithinRel(3.5, 0.25));
  REQUIRE(static_cast<double>(without_bid) / static_cast<double>(calls) < 0.01);
}

TEST_CASE("synthetic chain: the path has the moments that its documentation states", "[options][synthetic_chain]") {
  // 40 markets of 944 steps: standard errors are given with each figure.
  double log_vol = 0, log_vol_squares = 0, both_returns = 0, btc_squares = 0, eth_squares = 0, jumps = 0, jump_sizes = 0;
  std::size_t n = 0, n_jumps = 0;
  constexpr int markets = 40;
  for (std::uint64_t seed = 0; seed < markets; ++seed) {
    const SyntheticChain chain({.seed = 1000 + seed});
    for (std::size_t i = 0; i + 1 < chain.size(); ++i) {
      const double z = std::log(chain.vol(i, "BTC") / 0.45) / 0.35;
      log_vol += z, log_vol_squares += z * z;
      std::array<double, 2> scaled{};
      for (std::size_t u = 0; u < 2; ++u) {
        const double change =
            std::log(chain.index_at(chain.ts_ms(i + 1), both[u]).value / chain.index_at(chain.ts_ms(i), both[u]).value);
        scaled[u] = change / chain.vol(i, both[u]) / std::sqrt(0.25 / 365.0);
      }
      if (std::fabs(scaled[0]) > 4 || std::fabs(scaled[1]) > 4) continue;  // jumps
      both_returns += scaled[0] * scaled[1], btc_squares += scaled[0] * scaled[0], eth_squares += scaled[1] * scaled[1];
      ++n;
    }
    for (const auto ccy : both) {
      for (const auto& jump : chain.jumps(ccy)) jump_sizes += jump.log_size, ++n_jumps;
    }
    jumps += static_cast<double>(chain.jumps("BTC").size() + chain.jumps("ETH").size());
  }
  const double samples = markets * 943.0;
  REQUIRE_THAT(log_vol / samples, WithinAbs(0.0, 0.12));          // correlation time 14 days: se 0.055
  REQUIRE_THAT(log_vol_squares / samples, WithinAbs(1.0, 0.12));  // se 0.05
  REQUIRE_THAT(both_returns / std::sqrt(btc_squares * eth_squares), WithinAbs(0.8, 0.02));  // se 0.002
  // 8 a year over 236 + 30 days and two underlyings: 11.66 a market, se over 40 markets 0.54.
  REQUIRE_THAT(jumps / markets, WithinAbs(2 * 8.0 * 266.0 / 365.0, 2.0));
  REQUIRE_THAT(jump_sizes / static_cast<double>(n_jumps), WithinAbs(-0.03, 0.008));  // se 0.04/sqrt(466) = 0.0019
}

TEST_CASE("synthetic chain: the index between snapshots is one path", "[options][synthetic_chain]") {
  const SyntheticChain chain({.seed = 5, .snapshots = 400});
  // It meets both ends, is the same whenever it is asked, and its variance adds up: the sum of squared returns at a minute's
  // steps is v^2 dt of the step (no jump in these), with a relative deviation of sqrt(2/360) = 7 % a step.
  double ratio = 0.0;
  int steps = 0;
  for (std::size_t i = 0; i + 1 < chain.size() && steps < 60; i += 5) {
    const auto jumps = chain.jumps("ETH");
    if (std::any_of(jumps.begin(), jumps.end(),
                    [&](const auto& jump) { return jump.ts_ms > chain.ts_ms(i) && jump.ts_ms <= chain.ts_ms(i + 1); })) {
      continue;
    }
    double squares = 0.0, before = chain.index_at(chain.ts_ms(i), "ETH").value;
    for (std::int64_t t = chain.ts_ms(i) + 60'000; t <= chain.ts_ms(i + 1); t += 60'000) {
      const IndexPoint now = chain.index_at(t, "ETH");
      REQUIRE(now.gap_ms == 0);
      squares += std::log(now.value / before) * std::log(now.value / before);
      before = now.value;
    }
    REQUIRE_THAT(before, WithinRel(chain.index_at(chain.ts_ms(i + 1), "ETH").value, 1e-12));
    ratio += squares / (chain.vol(i, "ETH") * chain.vol(i, "ETH") * 0.25 / 365.0);
    ++steps;
  }
  REQUIRE(steps == 60);
  REQUIRE_THAT(ratio / steps, WithinAbs(1.0, 0.05));
  // A jump is in the path from its own instant on.
  const auto jump = chain.jumps("BTC").back();
  const double before = chain.index_at(jump.ts_ms - 1, "BTC").value, after = chain.index_at(jump.ts_ms, "BTC").value;
  REQUIRE_THAT(std::log(after / before), WithinAbs(jump.log_size, 2e-3));
}

TEST_CASE("synthetic chain: a planted edge raises quotes of its band only", "[options][synthetic_chain]") {
  const SyntheticChain plain({.seed = 2, .snapshots = 8});
  const SyntheticChain planted({.seed = 2, .snapshots = 8, .planted = {.min_delta = 0.25, .max_delta = 0.35, .factor = 1.2}});
  ChainSnapshot a, b;
  double raised = 0.0;
  std::size_t n = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    plain.load(i, "BTC", a);
    planted.load(i, "BTC", b);
    REQUIRE(a.quotes.size() == b.quotes.size());
    for (std::size_t q = 0; q < a.quotes.size(); ++q) {
      REQUIRE(a.quotes[q].mark == b.quotes[q].mark);
      if (a.quotes[q].delta < 0.25 || a.quotes[q].delta > 0.35) {
        REQUIRE(a.quotes[q].bid == b.quotes[q].bid);
        REQUIRE(a.quotes[q].ask == b.quotes[q].ask);
      } else if (a.quotes[q].bid.to_double() > 0.01) {
        raised += b.quotes[q].bid.to_double() / a.quotes[q].bid.to_double();
        ++n;
      }
    }
  }
  REQUIRE(n > 20);
  REQUIRE_THAT(raised / static_cast<double>(n), WithinAbs(1.2, 0.01));  // ticks round
}

TEST_CASE("synthetic chain: loading allocates nothing once the buffer has grown", "[options][synthetic_chain]") {
  const SyntheticChain chain({.snapshots = 40});
  ChainSnapshot snapshot;
  snapshot.quotes.reserve(2'000);
  const auto before = rlx_test::allocations();
  for (std::size_t i = 0; i < chain.size(); ++i) chain.load(i, "ETH", snapshot);
  REQUIRE(rlx_test::allocations() == before);
}

TEST_CASE("synthetic chain: bad input is refused by name", "[options][synthetic_chain]") {
  REQUIRE_THROWS_WITH(SyntheticChain({.snapshots = 0}), ContainsSubstring("snapshots"));
  REQUIRE_THROWS_WITH(SyntheticChain({.step_ms = 10}), ContainsSubstring("step_ms"));
  REQUIRE_THROWS_AS(SyntheticChain({.planted = {.factor = -1.0}}), ConfigError);
  const SyntheticChain chain({.snapshots = 2});
  ChainSnapshot snapshot;
  REQUIRE_THROWS_WITH(chain.load(0, "SOL", snapshot), ContainsSubstring("SOL"));
  REQUIRE_THROWS_AS(chain.load(2, "BTC", snapshot), DataError);
  REQUIRE_THROWS_WITH(chain.index_at(0, "BTC"), ContainsSubstring("1970-01-01"));
}
