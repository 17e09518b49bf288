// SPDX-License-Identifier: MIT
#include <rlx/funding/synthetic_tape.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "rlx_catch.hpp"

namespace {

using namespace rlx::funding;
using rlx_test::Approx;
using rlx_test::ContainsSubstring;

bool is_major(const std::string& symbol) {
  return symbol.substr(0, 3) != "PER" && symbol.substr(0, 3) != "SPK" && symbol.substr(0, 3) != "BKG";
}

double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
}

double median_of(std::vector<double> values) { return quantile(std::move(values), 0.5); }

// What holding the regime's direction pays from its begin to the first stamp of each leg at or after its end, in bp.
double realised_carry(const SyntheticTape& s, const RegimeLabel& label) {
  double bp = 0.0;
  for (const auto& [id, side] : {std::pair(label.long_leg, 1.0), std::pair(label.short_leg, -1.0)})
    for (const Settlement& one : s.tape->settlements(id, label.begin_ms, label.end_ms + ms_per_day)) {
      bp -= side * 1e4 * one.rate;
      if (one.settle_ms >= label.end_ms) break;
    }
  return bp;
}

}  // namespace

TEST_CASE("Synthetic: same seed same bytes, another seed other bytes", "[funding]") {
  const auto hash = [](std::uint64_t seed, SyntheticPreset preset) {
    const SyntheticTape s = make_synthetic_tape({.preset = preset, .seed = seed, .days = 5});
    return s.tape->sha256() + regimes_csv(s);
  };
  for (const auto preset : {SyntheticPreset::calibrated, SyntheticPreset::planted}) {
    REQUIRE(hash(1, preset) == hash(1, preset));
    REQUIRE(hash(1, preset) != hash(2, preset));
  }
  REQUIRE(hash(1, SyntheticPreset::calibrated) != hash(1, SyntheticPreset::planted));
}

TEST_CASE("Synthetic: size, venues, intervals and columns", "[funding]") {
  const SyntheticTape s = make_synthetic_tape({.preset = SyntheticPreset::calibrated, .seed = 1});
  const MarketTape& tape = *s.tape;
  REQUIRE(tape.n_symbols() == 32);
  REQUIRE(tape.instruments().size() == 64);
  REQUIRE(tape.n_steps() == 120 * 24);
  REQUIRE(tape.time(0) == s.config.start_ms);
  REQUIRE(tape.report().coverage == 1.0);
  REQUIRE(tape.report().missing_settlements == 0);
  for (InstrumentId id = 0; id < tape.instruments().size(); ++id) {
    const bool major = is_major(tape.instruments()[id].symbol_name);
    for (const Settlement& one : tape.settlements(id, 0, tape.time(tape.n_steps()))) {
      if (major) REQUIRE(one.interval_hours == 8.0);
      REQUIRE((one.settle_ms - s.config.start_ms) % (static_cast<std::int64_t>(one.interval_hours) * ms_per_hour) == 0);
    }
    const PriceRow& row = *tape.leg(id, 100).row;
    REQUIRE(row.low <= row.price);
    REQUIRE(row.high >= row.price);
    REQUIRE(rlx::is_finite(row.volume_quote_24h));
    REQUIRE(rlx::is_finite(row.bid_ask_bps));
    REQUIRE(rlx::is_finite(row.depth_usd));
  }
}

TEST_CASE("Synthetic: interval mix over 20 seeds", "[funding]") {
  std::size_t coins = 0, four = 0, one_h = 0, differ = 0, changes = 0, planted_differ = 0, planted_changes = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const SyntheticTape s = make_synthetic_tape({.preset = SyntheticPreset::calibrated, .seed = seed, .days = 30});
    const MarketTape& tape = *s.tape;
    changes += tape.report().interval_changes;
    for (SymbolId symbol = 0; symbol < tape.n_symbols(); ++symbol) {
      if (is_major(tape.symbol_name(symbol))) continue;
      const InstrumentId first = tape.instruments_of(symbol).first;
      const auto interval = [&](InstrumentId id) { return tape.settlements(id, 0, tape.time(24)).front().interval_hours; };
      ++coins;
      four += interval(first) == 4.0;
      one_h += interval(first) == 1.0;
      differ += interval(first) != interval(first + 1);
    }
    const SyntheticTape p = make_synthetic_tape({.preset = SyntheticPreset::planted, .seed = seed, .days = 10});
    planted_differ += p.tape->report().interval_differences;
    planted_changes += p.tape->report().interval_changes;
  }
  const auto share = [&](std::size_t n) { return static_cast<double>(n) / static_cast<double>(coins); };
  REQUIRE(coins == 480);
  REQUIRE(share(four) == Approx(0.5).margin(0.07));  // 3 standard errors
  REQUIRE(share(one_h) == Approx(0.25).margin(0.06));
  REQUIRE(share(differ) == Approx(0.11).margin(0.043));
  REQUIRE(share(changes) == Approx(0.10).margin(0.042));  // 5 % of each of two instruments
  REQUIRE(planted_differ == 0);
  REQUIRE(planted_changes == 0);
}

TEST_CASE("Synthetic: net funding has the sizes of real venues", "[funding]") {
  std::vector<double> majors, small;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const SyntheticTape s = make_synthetic_tape({.preset = SyntheticPreset::calibrated, .seed = seed});
    for (SymbolId id = 0; id < s.tape->n_symbols(); ++id)
      for (std::size_t h = 0; h + 8 <= s.net_bph[id].size(); h += 8) {
        double net = 0.0;
        for (std::size_t i = 0; i < 8; ++i) net += s.net_bph[id][h + i];
        (is_major(s.tape->symbol_name(id)) ? majors : small).push_back(std::fabs(net));
      }
  }
  REQUIRE(quantile(majors, 0.5) == Approx(0.48).epsilon(0.3));
  REQUIRE(quantile(majors, 0.99) == Approx(3.4).epsilon(0.3));
  REQUIRE(quantile(small, 0.5) == Approx(0.29).epsilon(0.3));
  REQUIRE(quantile(small, 0.9) == Approx(4.7).epsilon(0.3));
  REQUIRE(quantile(small, 0.99) == Approx(30.0).epsilon(0.3));
  REQUIRE(quantile(small, 1.0) <= 300.0 + 1e-9);
}

TEST_CASE("Synthetic: lengths, gaps and sizes of the regimes", "[funding]") {
  struct Expected {
    SyntheticPreset preset;
    RegimeKind kind;
    double mean_length, median_size, share_of_time;
  };
  const std::vector<Expected> cases{{SyntheticPreset::calibrated, RegimeKind::persistent, 120, 1.0, 120.0 / 600},
                                    {SyntheticPreset::calibrated, RegimeKind::spike, 2, 6.0, 2.0 / 50},
                                    {SyntheticPreset::planted, RegimeKind::persistent, 168, 1.5, 168.0 / 504},
                                    {SyntheticPreset::planted, RegimeKind::spike, 1.9, 4.0, 1.9 / 73.9}};
  for (const Expected& e : cases) {
    CAPTURE(static_cast<int>(e.preset), static_cast<int>(e.kind));
    std::vector<double> sizes;
    double hours = 0, length = 0, complete = 0, longest_spike = 0, largest = 0;
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      const SyntheticTape s = make_synthetic_tape(
          {.preset = e.preset, .seed = seed, .days = 400, .step_minutes = 480, .majors = 0, .background = 0});
      for (const RegimeLabel& label : s.regimes) {
        if (label.kind != e.kind) continue;
        const double h = static_cast<double>(label.end_ms - label.begin_ms) / static_cast<double>(ms_per_hour);
        hours += h;
        sizes.push_back(label.net_bph);
        largest = std::max(largest, label.carry_bp);
        if (!label.complete) continue;
        length += h;
        complete += 1;
        longest_spike = std::max(longest_spike, h);
      }
    }
    REQUIRE(length / complete == Approx(e.mean_length).epsilon(0.12));
    REQUIRE(median_of(sizes) == Approx(e.median_size).epsilon(0.12));
    REQUIRE(hours / (10 * 8 * 400 * 24) == Approx(e.share_of_time).epsilon(0.15));
    if (e.kind == RegimeKind::spike) REQUIRE(longest_spike == (e.preset == SyntheticPreset::planted ? 4 : 8));
    if (e.kind == RegimeKind::spike && e.preset == SyntheticPreset::planted) REQUIRE(largest <= 18.0 + 1e-9);
  }
}

TEST_CASE("Synthetic: the mean profit of a regime is its label's expectation", "[funding]") {
  for (const auto preset : {SyntheticPreset::calibrated, SyntheticPreset::planted}) {
    double sum = 0, squares = 0, n = 0, carry = 0, cost = 0, persistent = 0;
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const SyntheticTape s = make_synthetic_tape({.preset = preset, .seed = 300 + seed, .days = 60});
      const std::int64_t last = s.tape->time(s.tape->n_steps() - 1);
      for (const RegimeLabel& label : s.regimes) {
        if (!label.complete || label.end_ms + 8 * ms_per_hour > last) continue;
        REQUIRE(label.expected_profit_bp == Approx(label.carry_bp - label.cost_bp));
        const double difference = realised_carry(s, label) - label.carry_bp;
        sum += difference;
        squares += difference * difference;
        n += 1;
        if (label.kind != RegimeKind::persistent) continue;
        carry += label.carry_bp;
        cost += label.cost_bp;
        persistent += 1;
      }
    }
    const double mean = sum / n, error = std::sqrt((squares / n - mean * mean) / n);
    CAPTURE(mean, error, n, carry / persistent, cost / persistent);
    REQUIRE(n > 1000);
    REQUIRE(std::fabs(mean) <= 3 * error);
    REQUIRE(cost / persistent == Approx(25.3).margin(0.5));
    if (preset == SyntheticPreset::planted)
      REQUIRE(carry / persistent == Approx(215).margin(40));  // cut off at 60 days: below 255
  }
}

TEST_CASE("Synthetic: prices move together, the spread has its half-life and deviation", "[funding]") {
  const SyntheticTape s = make_synthetic_tape({.preset = SyntheticPreset::calibrated, .seed = 2, .days = 400});
  const MarketTape& tape = *s.tape;
  double major_spread = 0, small_spread = 0, product = 0, square = 0, volatility = 0;
  std::size_t majors = 0, small = 0, moves = 0;
  for (SymbolId symbol = 0; symbol < tape.n_symbols(); ++symbol) {
    const InstrumentId a = tape.instruments_of(symbol).first;
    const bool major = is_major(tape.symbol_name(symbol));
    for (std::size_t k = 6; k < tape.n_steps(); ++k) {
      const auto spread = [&](std::size_t at) {
        const double l = tape.leg(a, at).row->price, r = tape.leg(a + 1, at).row->price;
        return 2e4 * (r - l) / (r + l);
      };
      const double now = spread(k);
      (major ? major_spread : small_spread) += now * now;
      ++(major ? majors : small);
      if (major) continue;
      product += now * spread(k - 6);
      square += now * now;
      if (k % 24 != 0 || k < 24) continue;
      const double move = std::log(tape.leg(a, k).row->price / tape.leg(a, k - 24).row->price);
      if (std::fabs(move) > 0.3) continue;
      volatility += move * move;
      ++moves;
    }
  }
  REQUIRE(std::sqrt(major_spread / static_cast<double>(majors)) == Approx(2.0).epsilon(0.1));
  REQUIRE(std::sqrt(small_spread / static_cast<double>(small)) == Approx(6.0).epsilon(0.1));
  REQUIRE(product / square == Approx(0.5).margin(0.05));  // half-life 6 h
  // 6 % a day and jumps of 10 % once in 30 days: sqrt(0.0036 + 0.01 / 30).
  REQUIRE(std::sqrt(volatility / static_cast<double>(moves)) == Approx(std::sqrt(0.0036 + 0.01 / 30)).epsilon(0.05));
}

TEST_CASE("Synthetic: settled rates are the mean of the interval's hours", "[funding]") {
  const SyntheticTape s = make_synthetic_tape({.preset = SyntheticPreset::planted, .seed = 5, .days = 20});
  const MarketTape& tape = *s.tape;
  for (SymbolId symbol = 0; symbol < tape.n_symbols(); ++symbol) {
    const InstrumentId a = tape.instruments_of(symbol).first;
    const auto l = tape.settlements(a, 0, tape.time(tape.n_steps())), r = tape.settlements(a + 1, 0, tape.time(tape.n_steps()));
    REQUIRE(l.size() == r.size());
    for (std::size_t i = 0; i < l.size(); ++i) {
      double net = 0.0;  // short the second venue, long the first
      const auto stamp = static_cast<std::size_t>((l[i].settle_ms - s.config.start_ms) / ms_per_hour);
      const auto hours = static_cast<std::size_t>(l[i].interval_hours);
      for (std::size_t h = stamp - hours; h < stamp; ++h) net += s.net_bph[symbol][h];
      REQUIRE(1e4 * (r[i].rate - l[i].rate) == Approx(net).margin(1e-9));
    }
  }
}

TEST_CASE("Synthetic: files read back to the same tape", "[funding]") {
  const SyntheticTape s = make_synthetic_tape({.preset = SyntheticPreset::calibrated, .seed = 8, .days = 6});
  write_csv(s, ".");
  const auto again = MarketTape::from_csv({"./prices.csv", "./funding.csv", {}}, s.config.tape, VenueTable::builtin());
  for (const char* name : {"prices.csv", "funding.csv", "regimes.csv"}) REQUIRE(std::remove(name) == 0);
  REQUIRE(again->sha256() == s.tape->sha256());
  REQUIRE(again->n_steps() == s.tape->n_steps());
  REQUIRE_THROWS_AS(write_csv(s, "no_such_folder"), rlx::IoError);
}

TEST_CASE("Synthetic: labels are found by time", "[funding]") {
  const SyntheticTape s = make_synthetic_tape({.preset = SyntheticPreset::planted, .seed = 9, .days = 60});
  REQUIRE_FALSE(s.regimes.empty());
  for (const RegimeLabel& label : s.regimes) {
    REQUIRE(s.regime_at(label.symbol, label.begin_ms, label.kind) == &label);
    REQUIRE(s.regime_at(label.symbol, label.end_ms - 1, label.kind) == &label);
    REQUIRE(s.regime_at(label.symbol, label.end_ms, label.kind) != &label);
    REQUIRE(s.tape->instruments()[label.long_leg].symbol == label.symbol);
  }
}

TEST_CASE("Synthetic: finer rows keep the regimes", "[funding]") {
  const SyntheticTape hourly = make_synthetic_tape({.preset = SyntheticPreset::planted, .seed = 3, .days = 10});
  const SyntheticTape fine =
      make_synthetic_tape({.preset = SyntheticPreset::planted, .seed = 3, .days = 10, .step_minutes = 5});
  REQUIRE(fine.tape->n_steps() == 10 * 288);
  REQUIRE(fine.net_bph == hourly.net_bph);
}

TEST_CASE("Synthetic: configurations that cannot be", "[funding]") {
  const auto refused = [](SyntheticConfig config, const std::string& says) {
    REQUIRE_THROWS_AS(make_synthetic_tape(config), rlx::ConfigError);
    REQUIRE_THROWS_WITH(make_synthetic_tape(config), ContainsSubstring(says));
  };
  refused({.days = 0}, "days");
  refused({.days = 4000}, "days");
  refused({.step_minutes = 7}, "step_ms");
  refused({.venues = {"binance", "binance"}}, "different venues");
  refused({.start_ms = 1}, "midnight");
}
