// SPDX-License-Identifier: MIT
#include <rlx/funding/clairvoyant.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/funding/synthetic_tape.hpp>

#include "rlx_catch.hpp"

namespace {

using namespace rlx::funding;
using rlx_test::Approx;
using rlx_test::ContainsSubstring;

PairArcs constant_cost_arcs(std::vector<double> carry, double enter, double exit) {
  PairArcs arcs;
  arcs.enter_cost.assign(carry.size() + 1, enter);
  arcs.exit_cost.assign(carry.size() + 1, exit);
  arcs.carry = std::move(carry);
  return arcs;
}

constexpr std::int64_t start_ms = 1'735'689'600'000;

// Two symbols on two venues over `steps` hours with wild rates, so that trading often pays.
TapeData random_market(std::uint64_t seed, std::size_t steps, double rate_size = 0.003) {
  rlx::RandomStream random(rlx::StreamId{.seed = seed, .purpose = rlx::Purpose::user, .env = 77, .step = 0});
  TapeData data;
  for (const char* symbol : {"AAAUSDT", "BBBUSDT"})
    for (const char* venue : {"binance", "bybit"}) {
      InstrumentData one;
      one.venue = venue;
      one.symbol = symbol;
      for (std::size_t k = 0; k <= steps; ++k) {
        const std::int64_t t = start_ms + static_cast<std::int64_t>(k) * ms_per_hour;
        PriceRow row;
        row.ts_ms = t;
        row.price = 100.0 * std::exp(0.003 * random.normal());
        row.bid_ask_bps = static_cast<float>(random.uniform(0.0, 10.0));
        one.rows.push_back(row);
        if (k > 0) one.settlements.push_back({t, 0, rate_size * random.normal(), 1.0});
      }
      data.instruments.push_back(std::move(one));
    }
  return data;
}

// Walks every schedule of two directed pairs, booking fills, fees, funding and marks trade by trade.
class AllSchedules {
 public:
  // @param grace a settlement at the very time of the entry is paid
  AllSchedules(const MarketTape& tape, std::array<std::pair<InstrumentId, InstrumentId>, 2> pairs, double quantity, int k,
               bool grace = false)
      : tape_(tape), quantity_(quantity), k_(k) {
    for (std::size_t p = 0; p < 2; ++p)
      for (std::size_t at = 0; at < tape.n_steps(); ++at) {
        const auto [l, s] = pairs[p];
        const double granted = grace && at > 0 ? quantity_ * price(s, at) * tape_.settlements(s, at - 1)[0].rate -
                                                     quantity_ * price(l, at) * tape_.settlements(l, at - 1)[0].rate
                                               : 0.0;
        open_[p].push_back(trade(l, at, 1.0) + trade(s, at, -1.0) + granted);
        close_[p].push_back(trade(l, at, -1.0) + trade(s, at, 1.0));
        if (at + 1 == tape.n_steps()) continue;
        funding_[p].push_back(quantity_ * price(s, at + 1) * tape_.settlements(s, at)[0].rate -
                              quantity_ * price(l, at + 1) * tape_.settlements(l, at)[0].rate);
      }
  }

  double best() {
    walk(0, 0, 0.0);
    return best_;
  }

 private:
  double price(InstrumentId id, std::size_t k) const { return tape_.leg(id, k).row->price; }
  double fill(InstrumentId id, std::size_t k, double direction) const {
    return price(id, k) * (1.0 + direction * 0.5 * static_cast<double>(tape_.leg(id, k).row->bid_ask_bps) / 1e4);
  }
  double taker(InstrumentId id) const { return tape_.venues().at(tape_.instruments()[id].venue).taker; }
  // Cash of buying (direction +1) or selling (-1) one leg.
  double trade(InstrumentId id, std::size_t k, double direction) const {
    const double paid = quantity_ * fill(id, k, direction);
    return -direction * paid - taker(id) * paid;
  }

  // `held` and `cash` as they are before the decision at step k.
  void walk(std::size_t k, unsigned held, double cash) {
    const bool last = k + 1 == tape_.n_steps();
    for (unsigned next = 0; next < 4; ++next) {
      if (last && next != 0) continue;
      if (static_cast<int>((next & 1U) + (next >> 1U)) > k_) continue;
      double after = cash;
      for (unsigned p = 0; p < 2; ++p) {
        const bool was = (held >> p & 1U) != 0, is = (next >> p & 1U) != 0;
        if (is && !was) after += open_[p][k];
        if (was && !is) after += close_[p][k];
        if (is) after += funding_[p][k];
      }
      if (last) {
        best_ = std::max(best_, after);
      } else {
        walk(k + 1, next, after);
      }
    }
  }

  const MarketTape& tape_;
  double quantity_;
  int k_;
  std::array<std::vector<double>, 2> open_, close_, funding_;  // cash of each pair at each step
  double best_ = 0.0;
};

// Arcs of both directions of every symbol of a synthetic tape, 1 USD per leg at the start.
struct OracleMarket {
  std::vector<PairArcs> arcs;
  const PairArcs& find(InstrumentId l, InstrumentId s) const {
    for (const PairArcs& one : arcs)
      if (one.long_leg == l && one.short_leg == s) return one;
    throw std::logic_error("no such pair");
  }
};

OracleMarket market_of(const MarketTape& tape, std::size_t end) {
  OracleMarket market;
  for (SymbolId symbol = 0; symbol < tape.n_symbols(); ++symbol) {
    const auto [a, last] = tape.instruments_of(symbol);
    const double q = 2.0 / (tape.leg(a, 0).row->price + tape.leg(a + 1, 0).row->price);
    market.arcs.push_back(clairvoyant_arcs(tape, a, a + 1, q, 0, end, tape.config().costs));
    market.arcs.push_back(clairvoyant_arcs(tape, a + 1, a, q, 0, end, tape.config().costs));
  }
  return market;
}

// One action per step: leave a regime that has ended, else enter one that is on the list of opportunities.
double oracle_profit(const SyntheticTape& synthetic, const OracleMarket& market, std::size_t end, std::size_t k) {
  const MarketTape& tape = *synthetic.tape;
  struct Held {
    const PairArcs* arcs;
    std::int64_t end_ms;
    SymbolId symbol;
  };
  std::vector<Held> held;
  double profit = 0.0;
  for (std::size_t step = 0; step <= end; ++step) {
    if (step > 0)
      for (const Held& one : held) profit += one.arcs->carry[step - 1];
    const std::int64_t t = tape.time(step);
    bool acted = false;
    for (std::size_t i = 0; i < held.size() && !acted; ++i)
      if (held[i].end_ms <= t || step == end) {
        profit -= held[i].arcs->exit_cost[step];
        held.erase(held.begin() + static_cast<std::ptrdiff_t>(i));
        acted = step != end;
        --i;
      }
    if (acted || step == end || held.size() == k) continue;
    for (const Opportunity& o : tape.opportunities(step)) {
      const RegimeLabel* regime = synthetic.regime_at(o.symbol, t);
      const auto same = [&](const Held& one) { return one.symbol == o.symbol; };
      if (regime == nullptr || std::any_of(held.begin(), held.end(), same)) continue;
      const PairArcs& arcs = market.find(regime->long_leg, regime->short_leg);
      profit -= arcs.enter_cost[step];
      held.push_back({&arcs, regime->end_ms, o.symbol});
      break;
    }
  }
  return profit;
}

}  // namespace

TEST_CASE("Clairvoyant: carries 10, 10, -30, 40 bp with 11 bp per side earn 18 bp", "[funding]") {
  const std::vector<PairArcs> arcs{constant_cost_arcs({10, 10, -30, 40}, 11, 11)};
  const ClairvoyantResult result = clairvoyant_schedule(arcs, 4, 1);
  REQUIRE(result.profit == Approx(18.0));
  REQUIRE(result.trades == 1);
  REQUIRE(result.equity_path == std::vector<double>{0, 0, 0, -11, 18});
}

TEST_CASE("Clairvoyant: holds through a loss that is cheaper than trading", "[funding]") {
  // 30 - 5 + 30 less one round trip of 10; leaving in between would cost 10 more.
  const std::vector<PairArcs> arcs{constant_cost_arcs({30, -5, 30}, 5, 5)};
  REQUIRE(clairvoyant_schedule(arcs, 3, 1).profit == Approx(45.0));
}

TEST_CASE("Clairvoyant: a second unit may reroute the first", "[funding]") {
  // Alone: pair 0 throughout (20 + 20 - 2 = 38). Together: two trades that overlap only where two units are allowed.
  const std::vector<PairArcs> arcs{constant_cost_arcs({20, 20, -100}, 1, 1), constant_cost_arcs({-100, 25, 25}, 1, 1)};
  const ClairvoyantResult one = clairvoyant_schedule(arcs, 3, 1);
  REQUIRE(one.profit == Approx(20 - 2 + 50 - 2));  // pair 0 for one step, then pair 1
  const ClairvoyantResult two = clairvoyant_schedule(arcs, 3, 2);
  REQUIRE(two.profit == Approx(38 + 48));
  REQUIRE(two.unit_profit.size() == 2);
  REQUIRE(two.unit_profit[0] == Approx(66.0));
  REQUIRE(two.unit_profit[1] == Approx(20.0));
}

TEST_CASE("Clairvoyant: nothing that pays gives zero and no trade", "[funding]") {
  const std::vector<PairArcs> arcs{constant_cost_arcs({1, 1, 1}, 5, 5)};
  const ClairvoyantResult result = clairvoyant_schedule(arcs, 3, 3);
  REQUIRE(result.profit == 0.0);
  REQUIRE(result.trades == 0);
  REQUIRE(result.unit_profit.empty());
}

TEST_CASE("Clairvoyant: equals the best of all schedules on 200 small tapes", "[funding]") {
  const VenueTable venues = VenueTable::builtin();
  int traded = 0, two_units = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const MarketTape tape(random_market(seed, 8), {}, venues);
    REQUIRE(tape.n_steps() == 9);
    // The directions alternate, so that both signs of the pair occur.
    const bool flip = seed % 2 == 1;
    const std::array<std::pair<InstrumentId, InstrumentId>, 2> pairs{
        {{flip ? 1U : 0U, flip ? 0U : 1U}, {flip ? 2U : 3U, flip ? 3U : 2U}}};
    const auto quantity = [&](InstrumentId l, InstrumentId s) {
      return std::pair(l, s) == pairs[0] || std::pair(l, s) == pairs[1] ? 2.0 : 0.0;
    };
    for (int k = 1; k <= 2; ++k) {
      const ClairvoyantResult result = clairvoyant_bound(tape, 0, 8, k, {}, quantity);
      const double expected = AllSchedules(tape, pairs, 2.0, k).best();
      REQUIRE(result.profit == Approx(expected).margin(1e-9));
      REQUIRE(result.equity_path.back() == Approx(expected).margin(1e-9));
      if (k == 1 && result.trades > 0) ++traded;
      if (k == 2 && result.unit_profit.size() == 2) ++two_units;
    }
  }
  REQUIRE(traded > 150);
  REQUIRE(two_units > 100);
}

TEST_CASE("Clairvoyant: with a grace, bounds policies that enter just after a stamp", "[funding]") {
  // Settlements lie on the grid, so with any grace an entry at a step is paid for the stamp of that step.
  constexpr std::int64_t grace_ms = 15'000;
  int exact = 0, beyond_without = 0;
  for (const double rate_size : {0.0005, 0.003})
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
      CAPTURE(rate_size, seed);
      const MarketTape tape(random_market(seed, 8, rate_size), {}, VenueTable::builtin());
      const std::array<std::pair<InstrumentId, InstrumentId>, 2> pairs{{{0U, 1U}, {3U, 2U}}};
      const auto quantity = [&](InstrumentId l, InstrumentId s) {
        return std::pair(l, s) == pairs[0] || std::pair(l, s) == pairs[1] ? 2.0 : 0.0;
      };
      for (int k = 1; k <= 2; ++k) {
        const double best = AllSchedules(tape, pairs, 2.0, k, true).best();
        const double bound = clairvoyant_bound(tape, 0, 8, k, {}, quantity, grace_ms).profit;
        REQUIRE(bound >= best - 1e-9);
        exact += bound < best + 1e-9 ? 1 : 0;
        beyond_without += clairvoyant_bound(tape, 0, 8, k, {}, quantity).profit < best - 1e-9 ? 1 : 0;
      }
    }
  REQUIRE(beyond_without > 50);  // the grace is worth something: without it the bound is none
  REQUIRE(exact > 150);          // where no single settlement pays for an entry

  // A stamp just outside the grace is not counted, one just inside is.
  TapeData data = random_market(1, 8);
  for (InstrumentData& one : data.instruments)
    for (Settlement& s : one.settlements) s.settle_ms -= grace_ms;
  const MarketTape early(data, {}, VenueTable::builtin());
  const auto entry_at_4 = [&early](std::int64_t grace) { return clairvoyant_arcs(early, 0, 1, 2.0, 0, 8, {}, grace); };
  REQUIRE(entry_at_4(grace_ms).enter_cost == entry_at_4(0).enter_cost);
  REQUIRE(entry_at_4(grace_ms).carry == entry_at_4(0).carry);
  // Cost of the entry less the excess, which stands in the carry, is the cost without a grace less the payment.
  const double payment = 2.0 * (early.leg(1, 3).row->price * early.settlements(1, 3)[0].rate -
                                early.leg(0, 3).row->price * early.settlements(0, 3)[0].rate);
  const PairArcs with = entry_at_4(grace_ms + 1), without = entry_at_4(0);
  REQUIRE(with.enter_cost[4] - (with.carry[4] - without.carry[4]) == Approx(without.enter_cost[4] - payment));
  REQUIRE(with.enter_cost[4] >= 0.0);
  REQUIRE_THROWS_AS(clairvoyant_bound(early, 0, 8, 1, {}, -1), rlx::ConfigError);
}

TEST_CASE("Clairvoyant: refuses windows and counts that cannot be", "[funding]") {
  const MarketTape tape(random_market(1, 8), {}, VenueTable::builtin());
  REQUIRE_THROWS_AS(clairvoyant_bound(tape, 3, 3, 1, {}), rlx::ConfigError);
  REQUIRE_THROWS_AS(clairvoyant_bound(tape, 0, 9, 1, {}), rlx::ConfigError);
  REQUIRE_THROWS_AS(clairvoyant_bound(tape, 0, 8, 0, {}), rlx::ConfigError);
  PairArcs wrong = constant_cost_arcs({1, 1}, 1, 1);
  wrong.carry.pop_back();
  REQUIRE_THROWS_AS(clairvoyant_schedule(std::vector<PairArcs>{wrong}, 2, 1), rlx::ShapeError);
}

TEST_CASE("Clairvoyant: costs come from the cost model, without impact", "[funding]") {
  const MarketTape tape(random_market(3, 8), {}, VenueTable::builtin());
  CostModel costs;
  costs.fee_scale = 0.0;
  costs.impact_bps = 1e6;
  const PairArcs free = clairvoyant_arcs(tape, 0, 1, 2.0, 0, 8, costs);
  const PriceRow& l = *tape.leg(0, 0).row;
  const PriceRow& s = *tape.leg(1, 0).row;
  REQUIRE(free.enter_cost[0] ==
          Approx(2.0 * 0.5e-4 * (l.price * static_cast<double>(l.bid_ask_bps) + s.price * static_cast<double>(s.bid_ask_bps))));
}

TEST_CASE("Clairvoyant: no random schedule beats the bound, and the planted oracle comes close", "[funding]") {
  constexpr std::size_t end = 40 * 24 - 1;
  double share = 0.0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const SyntheticTape synthetic = make_synthetic_tape({.preset = SyntheticPreset::planted, .seed = 1000 + seed, .days = 40});
    const OracleMarket market = market_of(*synthetic.tape, end);
    const double bound = clairvoyant_schedule(market.arcs, end, 3).profit;
    const double oracle = oracle_profit(synthetic, market, end, 3);
    REQUIRE(bound > 0.0);
    REQUIRE(oracle < bound);
    share += oracle / bound / 20.0;
    if (seed > 2) continue;
    rlx::RandomStream random(rlx::StreamId{.seed = seed, .purpose = rlx::Purpose::user, .env = 5, .step = 0});
    for (int policy = 0; policy < 50; ++policy) {
      double profit = 0.0;
      for (int unit = 0; unit < 3; ++unit) {
        // Each unit holds one random pair for one random stretch after another.
        for (std::size_t at = random.bounded(24); at < end;) {
          const PairArcs& arcs = market.arcs[random.bounded(market.arcs.size())];
          const std::size_t leave = std::min<std::size_t>(end, at + 1 + random.bounded(200));
          profit -= arcs.enter_cost[at] + arcs.exit_cost[leave];
          for (std::size_t i = at; i < leave; ++i) profit += arcs.carry[i];
          at = leave + random.bounded(100);
        }
      }
      REQUIRE(profit < bound);
    }
  }
  CAPTURE(share);
  REQUIRE(share >= 0.85);
  REQUIRE(share <= 1.0);
}
