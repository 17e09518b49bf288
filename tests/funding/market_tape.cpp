// SPDX-License-Identifier: MIT
#include <rlx/funding/market_tape.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/funding/convert.hpp>
#include <rlx/funding/opportunity_csv.hpp>
#include <rlx/funding/synthetic_tape.hpp>
#include <rlx/io/gzip.hpp>
#include <rlx/io/mapped_file.hpp>

#include "funding/real_data.hpp"
#include "rlx_catch.hpp"

namespace {

using namespace rlx::funding;
using rlx_test::Approx;
using rlx_test::ContainsSubstring;

constexpr std::int64_t start_ms = 1'735'689'600'000;  // 2025-01-01 00:00
constexpr std::int64_t at_hour(double h) { return start_ms + static_cast<std::int64_t>(h * 3'600'000.0); }

PriceRow price_row(double hour, double price) {
  PriceRow row;
  row.ts_ms = at_hour(hour);
  row.price = price;
  return row;
}

InstrumentData leg(const char* venue, const char* symbol) {
  InstrumentData one;
  one.venue = venue;
  one.symbol = symbol;
  return one;
}

// Hourly rows over `hours` at a constant price, settlements of a constant rate every `interval` hours.
InstrumentData steady(const char* venue, const char* symbol, int hours, double price, double rate, int interval) {
  InstrumentData one = leg(venue, symbol);
  for (int h = 0; h <= hours; ++h) {
    one.rows.push_back(price_row(h, price));
    if (h % interval == 0) one.settlements.push_back({at_hour(h), 0, rate, static_cast<double>(interval)});
  }
  return one;
}

TapeData tape_of(std::vector<InstrumentData> instruments) {
  TapeData data;
  data.instruments = std::move(instruments);
  return data;
}

MarketTape build(TapeData data, const TapeConfig& config = {}) {
  return MarketTape(std::move(data), config, VenueTable::builtin());
}

// Bit patterns of everything a step tells.
class Fingerprint {
 public:
  template <class T>
  Fingerprint& add(T value) {
    static_assert(std::is_arithmetic_v<T>);
    unsigned char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    for (const unsigned char byte : bytes) hash_ = (hash_ ^ byte) * 1'099'511'628'211ULL;
    return *this;
  }
  Fingerprint& add(const PairView& p) {
    return add(p.net_bph)
        .add(p.net24_bph)
        .add(p.net72_bph)
        .add(p.net_std_bph)
        .add(p.sign_share)
        .add(p.spread_bp)
        .add(p.spread_mean_bp)
        .add(p.spread_std_bp);
  }
  Fingerprint& add(const PriceRow& r) {
    return add(r.ts_ms).add(r.price).add(r.low).add(r.high).add(r.volume_quote_24h).add(r.bid_ask_bps).add(r.depth_usd);
  }
  Fingerprint& add(const LegView& v) {
    if (v.row != nullptr) add(*v.row);
    return add(v.row != nullptr)
        .add(v.fresh)
        .add(v.rho_bph)
        .add(v.settled_bph)
        .add(v.mean24_bph)
        .add(v.mean72_bph)
        .add(v.interval_hours)
        .add(v.last_settle_ms)
        .add(v.next_settle_ms);
  }
  Fingerprint& add(const Opportunity& o) {
    return add(o.long_leg)
        .add(o.short_leg)
        .add(o.symbol)
        .add(o.long_rate_bph)
        .add(o.short_rate_bph)
        .add(o.pair)
        .add(o.long_interval_h)
        .add(o.short_interval_h)
        .add(o.long_next_ms)
        .add(o.short_next_ms)
        .add(o.long_price)
        .add(o.short_price)
        .add(o.volume_usd)
        .add(o.depth_usd)
        .add(o.round_trip_bp)
        .add(o.score);
  }
  std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 14'695'981'039'346'656'037ULL;
};

std::uint64_t fingerprint(const MarketTape& tape, std::size_t k) {
  Fingerprint print;
  for (InstrumentId id = 0; id < tape.instruments().size(); ++id) {
    print.add(tape.leg(id, k));
    if (k == 0) continue;
    for (const PriceRow& row : tape.rows(id, k - 1)) print.add(row);
    print.add(tape.extremes(id, k - 1).first).add(tape.extremes(id, k - 1).second);
    const auto [first, last] = tape.instruments_of(tape.instruments()[id].symbol);
    for (InstrumentId other = first; other < last; ++other)
      if (other != id) print.add(tape.pair(id, other, k));
  }
  for (const Opportunity& o : tape.opportunities(k)) print.add(o);
  return print.value();
}

void check_no_look_ahead(const MarketTape& tape, std::uint64_t seed, int draws) {
  rlx::RandomStream random(rlx::StreamId{.seed = seed, .purpose = rlx::Purpose::user, .env = 3, .step = 0});
  for (int i = 0; i < draws; ++i) {
    const std::size_t k = random.bounded(tape.n_steps());
    const auto corrupted = tape.corrupted_after(k, seed + static_cast<std::uint64_t>(i));
    REQUIRE(corrupted->n_steps() == tape.n_steps());
    REQUIRE(corrupted->time(0) == tape.time(0));
    for (std::size_t back = 0; back < 5 && back <= k; ++back)
      REQUIRE(fingerprint(*corrupted, k - back) == fingerprint(tape, k - back));
    const std::size_t early = random.bounded(k + 1);
    REQUIRE(fingerprint(*corrupted, early) == fingerprint(tape, early));
    // The future is another one, or the test would prove nothing.
    if (k + 30 < tape.n_steps()) REQUIRE(fingerprint(*corrupted, k + 30) != fingerprint(tape, k + 30));
  }
}

}  // namespace

TEST_CASE("Tape: grid from UTC midnight, rounded up at both ends", "[funding]") {
  InstrumentData a = leg("binance", "AUSDT");
  a.rows = {price_row(0.5, 1), price_row(3.25, 2)};
  const MarketTape tape = build(tape_of({a}));
  REQUIRE(tape.time(0) == at_hour(1));
  REQUIRE(tape.n_steps() == 4);  // 1, 2, 3, 4 h
  REQUIRE(tape.time(3) == at_hour(4));
  TapeConfig config;
  config.step_ms = 8 * ms_per_hour;
  const MarketTape coarse = build(tape_of({a}), config);
  REQUIRE(coarse.time(0) == at_hour(8));
  REQUIRE(coarse.n_steps() == 1);
}

TEST_CASE("Tape: one wild time stamp is told, not allocated", "[funding]") {
  InstrumentData a = leg("binance", "AUSDT");
  a.rows = {price_row(0, 1), price_row(24 * 365 * 30, 2)};
  TapeConfig config;
  config.step_ms = 300'000;
  REQUIRE_THROWS_WITH(build(tape_of({a}), config), ContainsSubstring("2025-01-01") && ContainsSubstring("wrong time stamp"));
}

TEST_CASE("Tape: as-of join looks backward only and marks stale prices", "[funding]") {
  InstrumentData a = leg("binance", "AUSDT");
  a.rows = {price_row(0, 100), price_row(1.5, 110), price_row(8, 120)};
  const MarketTape tape = build(tape_of({a}));
  REQUIRE(tape.config().max_price_age_ms == 2 * ms_per_hour);
  REQUIRE(tape.leg(0, 0).row->price == 100);
  REQUIRE(tape.leg(0, 1).row->price == 100);
  REQUIRE(tape.leg(0, 2).row->price == 110);
  REQUIRE(tape.leg(0, 3).fresh);
  REQUIRE_FALSE(tape.leg(0, 4).fresh);  // 2.5 h old
  REQUIRE(tape.leg(0, 7).row->price == 110);
  REQUIRE(tape.leg(0, 8).row->price == 120);
  REQUIRE(tape.rows(0, 1).size() == 1);
  REQUIRE(tape.rows(0, 1)[0].price == 110);
  REQUIRE(tape.rows(0, 2).empty());
  REQUIRE(tape.price_asof(0, at_hour(1.49))->row->price == 100);
  REQUIRE(tape.price_asof(0, at_hour(1.5))->row->price == 110);
  REQUIRE_FALSE(tape.price_asof(0, at_hour(-1)).has_value());
  REQUIRE_FALSE(tape.price_asof(0, at_hour(7))->fresh);
}

TEST_CASE("Tape: delays shift when data become usable", "[funding]") {
  InstrumentData a = steady("binance", "AUSDT", 24, 100, 0.0001, 8);
  a.rows[3].price = 103;
  TapeConfig config;
  config.price_delay_ms = 30 * 60'000;
  config.funding_delay_ms = 30 * 60'000;
  const MarketTape tape = build(tape_of({a}), config);
  REQUIRE(tape.time(0) == at_hour(1));
  REQUIRE(tape.leg(0, 2).row->price == 100);  // 3 h: the row of 3 h is not usable yet
  REQUIRE(tape.leg(0, 3).row->price == 103);
  REQUIRE(tape.rows(0, 2).size() == 1);
  REQUIRE(tape.rows(0, 2)[0].price == 103);
  // The settlement of 8 h is not known at 8 h, but its cash moves in (7 h, 8 h].
  REQUIRE(tape.leg(0, 7).last_settle_ms == at_hour(0));
  REQUIRE(tape.leg(0, 8).last_settle_ms == at_hour(8));
  REQUIRE(tape.settlements(0, 6).size() == 1);
  REQUIRE(tape.settlements(0, 7).empty());
}

TEST_CASE("Tape: extremes over the rows of a step", "[funding]") {
  InstrumentData a = leg("binance", "AUSDT");
  for (int i = 0; i <= 48; ++i) a.rows.push_back(price_row(i / 12.0, 100 + i % 5));
  a.rows[14].low = 90;
  a.rows[15].high = 130;
  const MarketTape tape = build(tape_of({a}));
  REQUIRE(tape.extremes(0, 1) == std::pair(90.0, 130.0));
  REQUIRE(tape.extremes(0, 0) == std::pair(100.0, 104.0));
  const MarketTape sparse = build(tape_of({steady("binance", "AUSDT", 4, 100, 0, 8)}));
  REQUIRE(sparse.extremes(0, 1) == std::pair(100.0, 100.0));
  InstrumentData gap = leg("binance", "AUSDT");
  gap.rows = {price_row(0, 1), price_row(5, 1)};
  REQUIRE(build(tape_of({gap})).extremes(0, 1).first > 1e300);  // no row
}

TEST_CASE("Tape: settlements of a step are those in after t up to t + dt", "[funding]") {
  const MarketTape tape = build(tape_of({steady("binance", "AUSDT", 24, 100, 0.0001, 1)}), [] {
    TapeConfig config;
    config.step_ms = 8 * ms_per_hour;
    return config;
  }());
  REQUIRE(tape.settlements(0, 0).size() == 8);
  REQUIRE(tape.settlements(0, 0).front().settle_ms == at_hour(1));
  REQUIRE(tape.settlements(0, 0).back().settle_ms == at_hour(8));
  REQUIRE(tape.settlements(0, at_hour(8), at_hour(10)).size() == 2);
  REQUIRE(tape.settlements(0, at_hour(10), at_hour(8)).empty());
  REQUIRE(tape.settlements(0, at_hour(0), at_hour(0)).empty());
}

TEST_CASE("Tape: rates, means, next stamp and interval changes of a leg", "[funding]") {
  InstrumentData a = leg("binance", "AUSDT");
  for (int h = 0; h <= 100; ++h) a.rows.push_back(price_row(h, 100));
  a.settlements = {
      {at_hour(0), 0, 0.0008, 8}, {at_hour(8), 0, 0.0016, 8}, {at_hour(9), 0, -0.0002, 1}, {at_hour(10), 0, 0.0001, 1}};
  const MarketTape tape = build(tape_of({a}));
  REQUIRE(tape.leg(0, 0).rho_bph == Approx(1.0));
  REQUIRE(tape.leg(0, 7).next_settle_ms == at_hour(8));
  REQUIRE(tape.leg(0, 8).rho_bph == Approx(2.0));
  const LegView v = tape.leg(0, 10);
  REQUIRE(v.rho_bph == Approx(1.0));
  REQUIRE(v.interval_hours == 1.0);
  REQUIRE(v.last_settle_ms == at_hour(10));
  REQUIRE(v.next_settle_ms == at_hour(11));
  // (8 + 16 - 2 + 1) bp over 18 h
  REQUIRE(v.mean24_bph == Approx(23.0 / 18.0));
  // At 24 h the window (0, 24] has lost the first; at 32 h it holds the last two.
  REQUIRE(tape.leg(0, 24).mean24_bph == Approx(15.0 / 10.0));
  REQUIRE(tape.leg(0, 32).mean24_bph == Approx(-1.0 / 2.0));
  REQUIRE(tape.leg(0, 32).mean72_bph == Approx(23.0 / 18.0));
  REQUIRE_FALSE(rlx::is_finite(tape.leg(0, 34).mean24_bph));
  REQUIRE(tape.leg(0, 90).next_settle_ms == at_hour(11));  // passed without a settlement: told as it was known
}

TEST_CASE("Tape: before the first settlement a leg has its venue's usual interval", "[funding]") {
  InstrumentData a = leg("hyperliquid", "AUSDC");
  a.rows = {price_row(0, 100), price_row(1, 100)};
  const MarketTape tape = build(tape_of({a}));
  REQUIRE(tape.leg(0, 0).interval_hours == 1.0);
  REQUIRE(tape.leg(0, 0).last_settle_ms == 0);
  REQUIRE(tape.leg(0, 0).rho_bph == 0.0);
}

TEST_CASE("Tape: an indicative rate counts while it is not older than its interval", "[funding]") {
  InstrumentData a = steady("binance", "AUSDT", 40, 100, 0.0008, 8);
  a.indicative = {{at_hour(17), 0.0024, missing, at_hour(24)}};
  a.settlements.resize(3);  // 0, 8, 16 h
  const MarketTape tape = build(tape_of({a}));
  REQUIRE(tape.leg(0, 16).rho_bph == Approx(1.0));
  REQUIRE(tape.leg(0, 17).rho_bph == Approx(3.0));
  REQUIRE(tape.leg(0, 17).settled_bph == Approx(1.0));
  REQUIRE(tape.leg(0, 25).rho_bph == Approx(3.0));
  REQUIRE(tape.leg(0, 26).rho_bph == Approx(1.0));
  REQUIRE(tape.leg(0, 20).next_settle_ms == at_hour(24));
}

TEST_CASE("Tape: pair statistics against sums by hand", "[funding]") {
  // Long leg 0 bp/h; short leg 1 bp/h for the first 40 h, then -1 bp/h. Spread 10 bp, then 30 bp from hour 90.
  InstrumentData a = steady("binance", "AUSDT", 100, 100, 0, 1), b = leg("bybit", "AUSDT");
  for (int h = 0; h <= 100; ++h) {
    const double spread = h < 90 ? 10 : 30;
    b.rows.push_back(price_row(h, 100 * (1 + spread / 2e4) / (1 - spread / 2e4)));
    b.settlements.push_back({at_hour(h), 0, h <= 40 ? 0.0001 : -0.0001, 1});
  }
  const MarketTape tape = build(tape_of({a, b}));
  const PairView at100 = tape.pair(0, 1, 100);
  REQUIRE(at100.net_bph == Approx(-1.0));
  // Hours 29..100: 12 of +1, 60 of -1: mean -2/3, deviation sqrt(1 - 4/9).
  REQUIRE(at100.net_std_bph == Approx(std::sqrt(5.0 / 9.0)));
  REQUIRE(at100.sign_share == Approx(60.0 / 72.0));
  REQUIRE(at100.net24_bph == Approx(-1.0));
  REQUIRE(at100.net72_bph == Approx(-48.0 / 72.0));
  REQUIRE(at100.spread_bp == Approx(30.0));
  // Hours 77..100: 13 of 10 bp, 11 of 30 bp.
  REQUIRE(at100.spread_mean_bp == Approx((13 * 10 + 11 * 30) / 24.0));
  REQUIRE(at100.spread_std_bp == Approx(20.0 * std::sqrt(13.0 / 24.0 * 11.0 / 24.0)));
  // The other direction has all signs turned and the same deviations.
  const PairView turned = tape.pair(1, 0, 100);
  REQUIRE(turned.net_bph == -at100.net_bph);
  REQUIRE(turned.spread_bp == -at100.spread_bp);
  REQUIRE(turned.spread_mean_bp == -at100.spread_mean_bp);
  REQUIRE(turned.spread_std_bp == at100.spread_std_bp);
  REQUIRE(turned.net_std_bph == at100.net_std_bph);
  REQUIRE(turned.sign_share == at100.sign_share);
  // Fewer than three samples of the spread tell nothing.
  REQUIRE(tape.pair(0, 1, 1).spread_mean_bp == 0.0);
  REQUIRE(tape.pair(0, 1, 1).spread_std_bp == 0.0);
  REQUIRE(tape.pair(0, 1, 2).spread_mean_bp == Approx(10.0));
  // Two directions sum to zero before costs.
  REQUIRE(tape.pair(0, 1, 50).net24_bph == -tape.pair(1, 0, 50).net24_bph);
}

TEST_CASE("Tape: running spread statistics equal direct sums over random prices", "[funding]") {
  rlx::RandomStream random(rlx::StreamId{.seed = 5, .purpose = rlx::Purpose::user, .env = 0, .step = 0});
  InstrumentData a = leg("binance", "AUSDT"), b = leg("bybit", "AUSDT");
  for (int i = 0; i < 12 * 24 * 4; ++i) {
    if (random.bounded(20) != 0) a.rows.push_back(price_row(i / 12.0, 100 * std::exp(0.001 * random.normal())));
    if (random.bounded(40) != 0 && (i < 500 || i > 560))
      b.rows.push_back(price_row(i / 12.0, 100 * std::exp(0.001 * random.normal())));
  }
  TapeConfig config;
  config.step_ms = 300'000;
  const MarketTape tape = build(tape_of({a, b}), config);
  for (std::size_t k = 0; k < tape.n_steps(); k += 7) {
    double sum = 0, squares = 0, n = 0;
    for (std::size_t j = k >= 287 ? k - 287 : 0; j <= k; ++j) {
      const LegView l = tape.leg(0, j), s = tape.leg(1, j);
      if (!l.fresh || !s.fresh) continue;
      const double spread = 1e4 * (s.row->price - l.row->price) / (0.5 * (s.row->price + l.row->price));
      sum += spread;
      squares += spread * spread;
      n += 1;
    }
    const PairView p = tape.pair(0, 1, k);
    if (n < 3) continue;
    REQUIRE(p.spread_mean_bp == Approx(sum / n).margin(1e-9));
    REQUIRE(p.spread_std_bp == Approx(std::sqrt(squares / n - sum / n * sum / n)).margin(1e-7));
  }
}

TEST_CASE("Tape: a window without a settlement uses the running rate of that leg", "[funding]") {
  InstrumentData a = steady("binance", "AUSDT", 100, 100, 0.0008, 8), b = steady("bybit", "AUSDT", 100, 100, 0.0016, 8);
  b.settlements.resize(2);  // 0 and 8 h
  const MarketTape tape = build(tape_of({a, b}));
  REQUIRE(tape.pair(0, 1, 60).net24_bph == Approx(1.0));
  REQUIRE(tape.pair(0, 1, 100).net72_bph == Approx(1.0));
}

TEST_CASE("Tape: an opportunity has the figures of its legs, and its score", "[funding]") {
  InstrumentData a = steady("binance", "AUSDT", 48, 100, 0.0001, 1), b = steady("bybit", "AUSDT", 48, 100.1, 0.0024, 8);
  for (PriceRow& row : a.rows) {
    row.bid_ask_bps = 4;
    row.depth_usd = 100'000;
    row.volume_quote_24h = 2e6F;
  }
  for (PriceRow& row : b.rows) row.volume_quote_24h = 1e6F;
  const MarketTape tape = build(tape_of({a, b}));
  REQUIRE(tape.opportunities(23).empty());  // less than 24 h of history
  REQUIRE(tape.opportunities(24).size() == 1);
  const Opportunity o = tape.opportunities(30)[0];
  REQUIRE(tape.instruments()[o.long_leg].venue_name == "binance");
  REQUIRE(o.long_rate_bph == Approx(1.0));
  REQUIRE(o.short_rate_bph == Approx(3.0));
  REQUIRE(o.pair.net_bph == Approx(2.0));
  REQUIRE(o.long_interval_h == 1.0);
  REQUIRE(o.short_interval_h == 8.0);
  REQUIRE(o.long_next_ms == at_hour(31));
  REQUIRE(o.short_next_ms == at_hour(32));
  REQUIRE(o.volume_usd == Approx(1e6));
  REQUIRE(o.depth_usd == Approx(100'000));  // the other is unknown
  REQUIRE_FALSE(rlx::is_finite(o.short_depth_usd));
  // Long leg 2 (5 + 2 + 0.1), short leg 2 (5.5 + 1 + 0.04).
  REQUIRE(o.round_trip_bp == Approx(14.2 + 13.08));
  REQUIRE(o.score == Approx(12 * (2 + 2) - 27.28));
  // Other costs make another list from the same data.
  CostModel costs;
  costs.fee_scale = 2.0;
  const auto dear = tape.with_costs(costs);
  REQUIRE(dear->opportunities(30)[0].round_trip_bp == Approx(27.28 + 21.0));
  REQUIRE(dear->leg(0, 30).row == tape.leg(0, 30).row);  // shared
  REQUIRE(dear->sha256() == tape.sha256());
  costs.fee_scale = -1.0;
  REQUIRE_THROWS_AS(tape.with_costs(costs), rlx::ConfigError);
}

TEST_CASE("Tape: what keeps a pair off the list", "[funding]") {
  const auto listed = [](auto&& change, std::size_t k = 40) {
    InstrumentData a = steady("binance", "AUSDT", 48, 100, 0.0001, 1), b = steady("bybit", "AUSDT", 48, 100, 0.0024, 8);
    change(a, b);
    return build(tape_of({a, b})).opportunities(k).size();
  };
  const auto all = [](InstrumentData& one, auto&& set) {
    for (PriceRow& row : one.rows) set(row);
  };
  REQUIRE(listed([](auto&, auto&) {}) == 1);
  REQUIRE(listed([&](auto& a, auto&) { all(a, [](PriceRow& r) { r.bid_ask_bps = 50; }); }) == 1);
  REQUIRE(listed([&](auto& a, auto&) { all(a, [](PriceRow& r) { r.bid_ask_bps = 50.01F; }); }) == 0);
  REQUIRE(listed([&](auto&, auto& b) { all(b, [](PriceRow& r) { r.depth_usd = 25'000; }); }) == 1);
  REQUIRE(listed([&](auto&, auto& b) { all(b, [](PriceRow& r) { r.depth_usd = 24'999; }); }) == 0);
  REQUIRE(listed([&](auto&, auto& b) { all(b, [](PriceRow& r) { r.volume_quote_24h = 500'000; }); }) == 1);
  REQUIRE(listed([&](auto&, auto& b) { all(b, [](PriceRow& r) { r.volume_quote_24h = 499'999; }); }) == 0);
  REQUIRE(listed([](auto& a, auto&) { a.rows.resize(38); }) == 0);  // last row at 37 h: stale at 40 h
  REQUIRE(listed([](auto& a, auto&) { a.rows.resize(39); }) == 1);
  REQUIRE(listed([](auto&, auto& b) { b.settlements.erase(b.settlements.begin()); }, 31) == 0);  // first at 8 h
  REQUIRE(listed([](auto&, auto& b) { b.settlements.erase(b.settlements.begin()); }, 32) == 1);
  REQUIRE(listed([](auto&, auto& b) { b.settlements.erase(b.settlements.begin() + 1, b.settlements.end() - 1); }, 47) == 0);
  REQUIRE(listed([](auto& a, auto&) { a.symbol = "OTHERUSDT"; }) == 0);
}

TEST_CASE("Tape: of several venues the pair and direction with the largest net carry is taken", "[funding]") {
  const MarketTape tape =
      build(tape_of({steady("okx", "AUSDT", 48, 100, 0.0004, 8), steady("binance", "AUSDT", 48, 100, 0.0008, 8),
                     steady("bybit", "AUSDT", 48, 100, -0.0008, 8), steady("gate", "AUSDT", 48, 100, 0.0001, 8)}));
  REQUIRE(tape.opportunities(40).size() == 1);  // one per symbol
  const Opportunity o = tape.opportunities(40)[0];
  REQUIRE(tape.instruments()[o.long_leg].venue_name == "bybit");
  REQUIRE(tape.instruments()[o.short_leg].venue_name == "binance");
  REQUIRE(o.pair.net_bph == Approx(2.0));
}

TEST_CASE("Tape: a pair that cannot be traded does not hide the next best one", "[funding]") {
  InstrumentData gone = steady("okx", "AUSDT", 48, 100, 0.0080, 8);
  gone.rows.resize(10);
  const MarketTape tape =
      build(tape_of({gone, steady("binance", "AUSDT", 48, 100, 0.0008, 8), steady("bybit", "AUSDT", 48, 100, 0, 8)}));
  REQUIRE(tape.opportunities(40).size() == 1);
  REQUIRE(tape.opportunities(40)[0].pair.net_bph == Approx(1.0));
}

TEST_CASE("Tape: the ten best of more, ties by symbol, in any order of input", "[funding]") {
  std::vector<InstrumentData> instruments;
  for (int i = 0; i < 14; ++i) {
    const std::string symbol = std::string(1, static_cast<char>('A' + i)) + "USDT";
    const double rate = 0.0001 * (i / 2);  // two of each size
    instruments.push_back(steady("binance", symbol.c_str(), 48, 100, 0, 8));
    instruments.push_back(steady("bybit", symbol.c_str(), 48, 100, rate, 8));
  }
  const MarketTape tape = build(tape_of(instruments));
  const auto list = tape.opportunities(40);
  REQUIRE(list.size() == MarketTape::max_opportunities);
  std::string names;
  for (const Opportunity& o : list) names += tape.symbol_name(o.symbol)[0];
  REQUIRE(names == "MNKLIJGHEF");
  REQUIRE(
      std::is_sorted(list.begin(), list.end(), [](const Opportunity& a, const Opportunity& b) { return a.score > b.score; }));

  std::reverse(instruments.begin(), instruments.end());
  rlx::RandomStream random(rlx::StreamId{.seed = 9, .purpose = rlx::Purpose::user, .env = 0, .step = 0});
  for (InstrumentData& one : instruments) {
    for (std::size_t i = one.rows.size(); i > 1; --i) std::swap(one.rows[i - 1], one.rows[random.bounded(i)]);
    for (std::size_t i = one.settlements.size(); i > 1; --i)
      std::swap(one.settlements[i - 1], one.settlements[random.bounded(i)]);
  }
  const MarketTape shuffled = build(tape_of(instruments));
  REQUIRE(shuffled.sha256() == tape.sha256());
  REQUIRE(shuffled.report().out_of_order > 0);
  for (std::size_t k = 0; k < tape.n_steps(); ++k) REQUIRE(fingerprint(shuffled, k) == fingerprint(tape, k));
}

TEST_CASE("Tape: the hash tells every datum", "[funding]") {
  const TapeData data = tape_of({steady("binance", "AUSDT", 48, 100, 0.0001, 1), steady("bybit", "AUSDT", 48, 100, 0.0024, 8)});
  const std::string base = build(data).sha256();
  REQUIRE(base.size() == 64);
  const auto changed = [&](auto&& change) {
    TapeData other = data;
    change(other);
    return build(std::move(other)).sha256() != base;
  };
  REQUIRE(changed([](TapeData& d) { d.instruments[0].rows[5].price = 100.000001; }));
  REQUIRE(changed([](TapeData& d) { d.instruments[0].rows[5].low = 99; }));
  REQUIRE(changed([](TapeData& d) { d.instruments[0].rows[5].volume_quote_24h = 1; }));
  REQUIRE(changed([](TapeData& d) { d.instruments[1].settlements[2].rate = 0.0025; }));
  REQUIRE(changed([](TapeData& d) { d.instruments[1].indicative.push_back({at_hour(3), 0.0, missing, 0}); }));
  REQUIRE(changed([](TapeData& d) { d.instruments[1].lot = 0.1; }));
  REQUIRE(changed([](TapeData& d) { d.instruments[1].symbol = "BUSDT"; }));
  REQUIRE_FALSE(changed([](TapeData&) {}));
}

TEST_CASE("Tape: data that cannot be are refused", "[funding]") {
  const auto refused = [](auto&& change, const std::string& says) {
    InstrumentData a = steady("binance", "AUSDT", 5, 100, 0.0001, 1);
    change(a);
    CAPTURE(says);
    REQUIRE_THROWS_AS(build(tape_of({a})), rlx::DataError);
    REQUIRE_THROWS_WITH(build(tape_of({a})), ContainsSubstring(says));
  };
  refused([](InstrumentData& a) { a.rows[1].price = 0; }, "price 0");
  refused([](InstrumentData& a) { a.rows[1].price = missing; }, "price");
  refused([](InstrumentData& a) { a.rows[1].low = 101; }, "low 101");
  refused([](InstrumentData& a) { a.rows[1].high = 99; }, "high 99");
  refused([](InstrumentData& a) { a.rows[1].depth_usd = -1; }, "depth_usd");
  refused([](InstrumentData& a) { a.rows[1].ts_ms /= 1000; }, "multiply by 1000");
  refused([](InstrumentData& a) { a.settlements[1].settle_ms *= 1000; }, "divide by 1000");
  refused([](InstrumentData& a) { a.settlements[1].rate = 0.51; }, "0.51");
  refused([](InstrumentData& a) { a.settlements[1].interval_hours = 3; }, "1, 2, 4, 8, 12 or 24");
  refused([](InstrumentData& a) { a.venue = "nowhere"; }, "unknown venue 'nowhere'");
  refused([](InstrumentData& a) { a.inverse = true; }, "inverse");
  refused([](InstrumentData& a) { a.rows.clear(); }, "no rows");
  REQUIRE_THROWS_WITH(build(tape_of({steady("binance", "AUSDT", 5, 1, 0, 1), steady("binance", "AUSDT", 5, 1, 0, 1)})),
                      ContainsSubstring("twice"));
}

TEST_CASE("Tape: duplicates are dropped, conflicts refused or settled by the last", "[funding]") {
  InstrumentData a = steady("binance", "AUSDT", 5, 100, 0.0001, 1);
  a.rows.push_back(a.rows[2]);
  a.settlements.push_back(a.settlements[3]);
  REQUIRE(build(tape_of({a})).report().duplicates == 2);
  a.rows.push_back(price_row(2, 105));
  REQUIRE_THROWS_WITH(build(tape_of({a})),
                      ContainsSubstring("105") && ContainsSubstring("100") && ContainsSubstring("--on-conflict last"));
  TapeConfig config;
  config.conflict_last_wins = true;
  const MarketTape tape = build(tape_of({a}), config);
  REQUIRE(tape.report().conflicts == 1);
  REQUIRE(tape.leg(0, 2).row->price == 105);
}

TEST_CASE("Tape: listed candidates take the place of the search", "[funding]") {
  TapeData data = tape_of({steady("bybit", "AUSDT", 5, 100, 0.0024, 8), steady("binance", "AUSDT", 5, 100, 0.0001, 1)});
  data.candidates_only = true;
  data.candidates = {{at_hour(2), 1, 0, 7.0, 9.0, 4.0}, {at_hour(2.5), 0, 1, missing, missing, missing}};
  const MarketTape tape = build(data);
  REQUIRE(tape.opportunities(1).empty());
  REQUIRE(tape.opportunities(2).size() == 1);  // no history rule
  const Opportunity first = tape.opportunities(2)[0];
  REQUIRE(tape.instruments()[first.long_leg].venue_name == "binance");
  REQUIRE(first.pair.spread_mean_bp == 0.0);     // three samples are known: no projection
  REQUIRE(first.pair.net24_bph == Approx(2.0));  // history is known: no projection
  REQUIRE(tape.opportunities(3).size() == 1);
  REQUIRE(tape.instruments()[tape.opportunities(3)[0].long_leg].venue_name == "bybit");  // the direction as given
  REQUIRE(tape.opportunities(4).empty());
}

TEST_CASE("Tape: no look-ahead on synthetic markets at 1,000 random times", "[funding]") {
  SyntheticConfig config{.preset = SyntheticPreset::calibrated, .seed = 3, .days = 10};
  config.majors = config.persistent = config.spiky = config.background = 2;
  check_no_look_ahead(*make_synthetic_tape(config).tape, 11, 500);
  config.seed = 4;
  config.days = 40;
  config.step_minutes = 480;
  check_no_look_ahead(*make_synthetic_tape(config).tape, 12, 250);
  config.preset = SyntheticPreset::planted;
  config.days = 5;
  config.step_minutes = 15;
  config.tape.price_delay_ms = 60'000;
  config.tape.funding_delay_ms = 300'000;
  check_no_look_ahead(*make_synthetic_tape(config).tape, 13, 250);
}

TEST_CASE("Tape: no look-ahead on real bars, settlements and opportunity lists", "[funding]") {
  TapeConfig config;
  config.step_ms = 8 * ms_per_hour;
  if (rlx_test::have_funding_data("spot_perp_funding_8h_btc_eth.csv")) {
    const std::string path = rlx_test::funding_data_path("spot_perp_funding_8h_btc_eth.csv");
    const rlx::io::MappedFile file(path);
    check_no_look_ahead(build(convert_spot_perp_8h({file.text(), path}), config), 21, 20);
  }
  if (rlx_test::have_funding_data("settlements_binance_bybit_hyperliquid.csv.gz")) {
    const std::string path = rlx_test::funding_data_path("settlements_binance_bybit_hyperliquid.csv.gz");
    const std::string text = rlx::io::gunzip_file(path);
    check_no_look_ahead(build(convert_settlements({text, path}), config), 22, 8);
  }
  if (rlx_test::have_funding_data("opportunities_sample.csv")) {
    const std::string path = rlx_test::funding_data_path("opportunities_sample.csv");
    const auto tape = MarketTape::from_opportunities_csv(path, {}, {}, VenueTable::builtin());
    for (std::size_t k = 0; k < tape->n_steps(); k += 37) {
      const auto corrupted = tape->corrupted_after(k, k);
      REQUIRE(fingerprint(*corrupted, k) == fingerprint(*tape, k));
    }
  }
}
