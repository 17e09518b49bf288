// SPDX-License-Identifier: MIT
// The kill switch against a table-driven transcription of its rules, over 100,000 random readings with restarts and operators.
#include <rlx/risk/kill_switch_json.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <string>

#include <rlx/core/random.hpp>

#include "rlx_catch.hpp"

namespace {

using namespace rlx::risk;

constexpr std::size_t steps = 100'000;
constexpr std::size_t bars = 40;
constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();
constexpr double never = std::numeric_limits<double>::infinity();

// One row for each input: the values for states 1, 2 and 3, and whether small values are the bad ones.
struct Rule {
  std::array<double, 3> at;
  bool small_is_bad = false;
};
constexpr std::array<Rule, 7> rules = {{{{0.05, 0.10, 0.20}},
                                        {{0.01, 0.02, 0.04}},
                                        {{0.01, 0.02, 0.04}},
                                        {{0.05, 0.01, -1}, true},
                                        {{500, 2000, never}},
                                        {{5, 30, 300}},
                                        {{0.10, 0.15, never}}}};
constexpr double dwell_ms = 900'000, timeout_ms = 60'000;

// p-value of the signed root of Kupiec's ratio, from counts.
double excess_p_value(double n, double x) {
  const double p = x / n;
  double ratio = -(n - x) * std::log(0.95) - x * std::log(0.05);
  if (x > 0) ratio += x * std::log(p);
  if (x < n) ratio += (n - x) * std::log(1 - p);
  const double root = std::sqrt(std::max(0.0, 2 * ratio));
  return 0.5 * std::erfc((p >= 0.05 ? root : -root) / std::sqrt(2.0));
}

struct Reference {
  int state = 0;
  double peak = 0, open = 0, last_equity = nan_value;
  std::int64_t day = 0, since = 0;
  std::deque<bool> hits;
  std::array<double, 7> inputs{};
  bool seen = false;
  std::optional<std::int64_t> calm_from;

  int asked(std::size_t i) const {
    if (!std::isfinite(inputs[i])) return 3;
    int worst = 0;
    for (int level = 1; level <= 3; ++level) {
      const double limit = rules[i].at[static_cast<std::size_t>(level - 1)];
      if (rules[i].small_is_bad ? inputs[i] <= limit : inputs[i] >= limit) worst = level;
    }
    return worst;
  }
  bool calm(int level) const {
    if (!seen) return false;
    for (std::size_t i = 0; i < 7; ++i) {
      const double limit = rules[i].at[static_cast<std::size_t>(level - 1)];
      if (!std::isfinite(inputs[i])) return false;
      if (rules[i].small_is_bad ? limit > 0 && inputs[i] < limit / 0.8 : inputs[i] > 0.8 * limit) return false;
    }
    return true;
  }
  void go(int to, std::int64_t now) {
    if (to == state) return;
    state = to;
    since = now;
    calm_from.reset();
    if ((to == 1 || to == 2) && calm(to)) calm_from = now;
  }
  void update(const RiskReading& r, std::int64_t now) {
    last_equity = r.equity;
    if (std::isfinite(r.equity)) {
      peak = std::max(peak, r.equity);
      const std::int64_t today = now / 86'400'000;
      if (open == 0 || today > day) day = today, open = r.equity;
    }
    if (r.tail_hit) {
      hits.push_back(*r.tail_hit);
      if (hits.size() > bars) hits.pop_front();
    }
    double count = 0;
    for (const bool hit : hits) count += hit ? 1 : 0;
    inputs = {peak > 0 ? (peak - r.equity) / peak : nan_value,
              r.drawdown_velocity,
              open > 0 ? (open - r.equity) / open : nan_value,
              hits.size() < bars ? 1.0 : excess_p_value(static_cast<double>(bars), count),
              r.latency_p99_ms,
              r.data_age_s,
              r.scenario_loss};
    seen = true;
    int demand = 0;
    for (std::size_t i = 0; i < 7; ++i) demand = std::max(demand, asked(i));
    if (!r.positions_reconciled || r.latency_p99_ms < 0 || r.data_age_s < 0) demand = 4;
    if (demand > state) return go(demand, now);
    if (state == 3 && !r.is_flat && static_cast<double>(now - since) >= timeout_ms) return go(4, now);
    if (state != 1 && state != 2) return;
    if (!calm(state)) return calm_from.reset();
    if (!calm_from) calm_from = now;
    if (static_cast<double>(now - *calm_from) >= dwell_ms) go(state - 1, now);
  }
};

}  // namespace

TEST_CASE("kill switch: a random walk of readings follows the table", "[properties][risk]") {
  rlx::RandomStream random({.seed = 5, .purpose = rlx::Purpose::user});
  rlx::ManualClock clock(1'767'355'200'000);
  MemoryText text, sequence;
  KillRecordJson<MemoryText> records(text, sequence);
  KillSwitchConfig config;
  config.tail_bars = bars;
  using Switch = KillSwitch<rlx::ManualClock, KillRecordJson<MemoryText>>;
  std::optional<Switch> kill;
  kill.emplace(config, clock, records);
  kill->initialise();
  Reference reference;
  reference.since = clock.now_ms();

  std::array<std::size_t, 5> visits{};
  std::array<std::array<std::size_t, 5>, 5> moves{};
  double equity = 100, stress = 0.3, hit_rate = 0.02;
  for (std::size_t step = 0; step < steps; ++step) {
    const int before = reference.state;
    clock.advance_ms(static_cast<std::int64_t>(random.bounded(240'000)));
    if (random.uniform() < 0.02) stress = random.uniform() < 0.7 ? random.uniform(0.0, 0.5) : random.uniform(0.5, 1.6);
    if (random.uniform() < 0.002) hit_rate = random.uniform(0.0, 0.12);
    equity *= std::exp(0.001 * random.normal() + (random.uniform() < 0.003 ? random.uniform(-0.15, 0.13) : 0.0));
    RiskReading reading;
    reading.equity = equity;
    reading.drawdown_velocity = 0.01 * stress * random.uniform(0.5, 1.0);
    reading.latency_p99_ms = 500 * stress * random.uniform(0.5, 1.0);
    reading.data_age_s = (random.uniform() < 0.001 ? 40 : 5) * stress * random.uniform(0.5, 1.0);
    reading.scenario_loss = 0.10 * stress * random.uniform(0.5, 1.0);
    reading.positions_reconciled = random.uniform() >= 0.0005;
    reading.is_flat = random.uniform() < 0.5;
    if (random.uniform() < 0.3) reading.tail_hit = random.uniform() < hit_rate;
    if (random.uniform() < 0.001) {
      constexpr std::array<double, 3> bad = {nan_value, never, -never};
      double RiskReading::*const fields[] = {&RiskReading::equity, &RiskReading::drawdown_velocity,
                                             &RiskReading::latency_p99_ms, &RiskReading::data_age_s,
                                             &RiskReading::scenario_loss};
      reading.*fields[random.bounded(5)] = bad[random.bounded(3)];
    }
    if (random.uniform() < 0.0003) reading.data_age_s = -1;

    const KillDecision decision = kill->update(reading);
    reference.update(reading, clock.now_ms());
    if (static_cast<int>(decision.state) != reference.state) {
      INFO("step " << step << " from " << before);
      REQUIRE(static_cast<int>(decision.state) == reference.state);
    }
    bool same = decision.changed == (before != reference.state) && decision.durable && kill->state() == decision.state &&
                kill->permits(OrderIntent::cancel) && kill->permits(OrderIntent::new_risk) == (reference.state <= 1) &&
                kill->record().peak_equity == reference.peak && kill->record().day_open_equity == reference.open &&
                kill->record().since_ms == reference.since;
    if (!same) REQUIRE(same);
    ++visits[static_cast<std::size_t>(reference.state)];
    ++moves[static_cast<std::size_t>(before)][static_cast<std::size_t>(reference.state)];

    if (random.uniform() < 0.0005) {
      const auto asked = static_cast<int>(random.bounded(5));
      kill->trip(static_cast<KillState>(asked), "walk");
      if (asked > reference.state) reference.go(asked, clock.now_ms());
    }
    if (random.uniform() < 0.005) {
      const KillSwitchRecord held = kill->record();
      kill.emplace(config, clock, records);
      if (!(kill->record() == held)) REQUIRE(kill->record() == held);
      reference.calm_from.reset();
      reference.seen = false;
      reference.last_equity = nan_value;
    }
    if (reference.state >= 3 && random.uniform() < 0.1) {
      kill->reset("walker", "goes on");
      reference.go(2, clock.now_ms());
      if (std::isfinite(reference.last_equity)) {
        kill->rebase_peak("walker", "goes on");
        reference.peak = reference.open = reference.last_equity;
      }
    }
  }
  for (std::size_t state = 0; state < 5; ++state) {
    INFO(state);
    REQUIRE(visits[state] > 300);
  }
  // Every step upwards and every way down was taken.
  for (std::size_t from = 0; from < 5; ++from) {
    for (std::size_t to = 0; to < 5; ++to) {
      INFO(from << " to " << to);
      const bool possible = to >= from || (from - to == 1 && from <= 2);
      REQUIRE((moves[from][to] > 0) == possible);
    }
  }
}
