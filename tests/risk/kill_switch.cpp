// SPDX-License-Identifier: MIT
#include <rlx/risk/kill_switch.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "counting_allocator.hpp"
#include "rlx_catch.hpp"

using namespace rlx::risk;
using rlx_test::ContainsSubstring;
using rlx_test::WithinAbs;

namespace {

constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::int64_t noon = 1'767'355'200'000;  // 2026-01-02T12:00:00Z

struct Archetype {
  std::optional<KillSwitchRecord> load();
  void save(const KillSwitchRecord&);
};
static_assert(KillRecords<Archetype>);
struct LoadsPlain {
  KillSwitchRecord load();
  void save(const KillSwitchRecord&);
};
struct SavesText {
  std::optional<KillSwitchRecord> load();
  void save(const std::string&);
};
static_assert(!KillRecords<LoadsPlain> && !KillRecords<SavesText>);

RiskReading calm_reading(double equity = 100.0) {
  RiskReading reading;
  reading.equity = equity;
  reading.drawdown_velocity = 0;
  reading.latency_p99_ms = 10;
  reading.data_age_s = 1;
  reading.scenario_loss = 0.01;
  reading.positions_reconciled = true;
  return reading;
}

KillSwitchConfig only_drawdown() {
  KillSwitchConfig config;
  config.drawdown_velocity = config.daily_loss = config.tail_hits = config.latency_p99_ms = config.data_age_s =
      config.scenario_loss = {};
  config.min_dwell_ms = 0;
  return config;
}

// A record whose save does what the test says.
struct WatchedRecords {
  MemoryKillRecords inner;
  int saves = 0;
  std::function<void(const KillSwitchRecord&)> at_save;
  std::optional<KillSwitchRecord> load() { return inner.load(); }
  void save(const KillSwitchRecord& record) {
    ++saves;
    if (at_save) at_save(record);
    inner.save(record);
  }
};

}  // namespace

TEST_CASE("worked example: drawdown only, no dwell", "[risk][kill]") {
  rlx::ManualClock clock(noon);
  KillSwitch kill(only_drawdown(), clock);
  kill.initialise();
  RiskReading reading;  // nothing else is read where it is switched off
  reading.positions_reconciled = true;
  reading.equity = 100;
  kill.update(reading);
  const std::vector<std::pair<double, KillState>> steps{{0.030, KillState::normal},
                                                        {0.051, KillState::tighten},
                                                        {0.045, KillState::tighten},
                                                        {0.041, KillState::tighten},
                                                        {0.039, KillState::normal}};
  for (const auto& [drawdown, state] : steps) {
    reading.equity = 100 * (1 - drawdown);
    INFO(drawdown);
    REQUIRE(kill.update(reading).state == state);
    REQUIRE_THAT(kill.drawdown(), WithinAbs(drawdown, 1e-12));
  }
}

TEST_CASE("every trigger asks for its states at its thresholds", "[risk][kill]") {
  struct Row {
    KillTrigger trigger;
    std::function<void(RiskReading&, double)> set;
    std::vector<double> below_at;  // a value below and one at each threshold, in turn
  };
  const std::vector<Row> rows{
      {KillTrigger::drawdown_velocity,
       [](RiskReading& r, double x) { r.drawdown_velocity = x; },
       {0.0099, 0.01, 0.0199, 0.02, 0.0399, 0.04}},
      {KillTrigger::latency, [](RiskReading& r, double x) { r.latency_p99_ms = x; }, {499, 500, 1999, 2000}},
      {KillTrigger::data_age, [](RiskReading& r, double x) { r.data_age_s = x; }, {4.9, 5, 29, 30, 299, 300}},
      {KillTrigger::scenario_loss, [](RiskReading& r, double x) { r.scenario_loss = x; }, {0.099, 0.10, 0.149, 0.15}},
  };
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.below_at.size(); ++i) {
      rlx::ManualClock clock(noon);
      KillSwitch kill(KillSwitchConfig{}, clock);
      kill.initialise();
      RiskReading reading = calm_reading();
      REQUIRE(kill.update(reading).triggers == 0);
      row.set(reading, row.below_at[i]);
      const KillDecision decision = kill.update(reading);
      INFO(name(row.trigger) << ' ' << row.below_at[i]);
      REQUIRE(decision.state == static_cast<KillState>((i + 1) / 2));
      REQUIRE(decision.triggers == (i == 0 ? 0U : 1U << static_cast<unsigned>(row.trigger)));
      REQUIRE(decision.changed == (i > 0));
      if (i > 0) REQUIRE(kill.record().reasons.back().trigger == row.trigger);
    }
  }
  // Drawdown against the loss of the day: a peak of yesterday counts for the first only.
  KillSwitchConfig config;
  config.drawdown = {};
  for (const auto& [equity, state] : {std::pair{99.1, KillState::normal}, std::pair{98.9, KillState::tighten},
                                      std::pair{97.9, KillState::reduce_only}, std::pair{95.9, KillState::flat}}) {
    rlx::ManualClock clock(noon);
    KillSwitch kill(config, clock);
    kill.initialise();
    kill.update(calm_reading(100));
    REQUIRE(kill.update(calm_reading(equity)).state == state);
  }
}

TEST_CASE("what each state permits", "[risk][kill]") {
  using enum OrderIntent;
  struct Row {
    KillState state;
    bool new_risk, reduce, unwind;
  };
  for (const Row& row : {Row{KillState::normal, true, true, true}, Row{KillState::tighten, true, true, true},
                         Row{KillState::reduce_only, false, true, true}, Row{KillState::flat, false, false, true},
                         Row{KillState::halted, false, false, false}}) {
    rlx::ManualClock clock(noon);
    KillSwitch kill(KillSwitchConfig{}, clock);
    kill.initialise();
    kill.trip(row.state, "test");
    INFO(name(row.state));
    REQUIRE(kill.state() == row.state);
    REQUIRE(kill.permits(new_risk) == row.new_risk);
    REQUIRE(kill.permits(reduce) == row.reduce);
    REQUIRE(kill.permits(unwind) == row.unwind);
    REQUIRE(kill.permits(cancel));
    const KillDecision decision = kill.update(calm_reading());
    const bool opens = row.state <= KillState::tighten;
    REQUIRE(decision.size_factor == (row.state == KillState::normal ? 1.0 : opens ? 0.5 : 0.0));
    REQUIRE(decision.bracket_factor == (row.state == KillState::normal ? 1.0 : 0.5));
    REQUIRE(decision.unwind == (row.state == KillState::flat));
  }
  rlx::ManualClock clock(noon);
  KillSwitch kill(KillSwitchConfig{}, clock);
  kill.initialise();
  REQUIRE_THROWS_AS(kill.allow_reducing("ann", "unwind by hand"), rlx::ConfigError);
  kill.trip(KillState::halted, "test");
  REQUIRE_THROWS_AS(kill.allow_reducing("", "unwind by hand"), rlx::ConfigError);
  REQUIRE_FALSE(kill.permits(reduce));
  kill.allow_reducing("ann", "unwind by hand");
  REQUIRE((kill.permits(reduce) && kill.permits(unwind) && !kill.permits(new_risk)));
  kill.reset("ann", "done");
  kill.trip(KillState::halted, "again");
  REQUIRE_FALSE(kill.permits(reduce));
}

TEST_CASE("an input that is not finite is Flat, a broken invariant Halted, an input switched off nothing", "[risk][kill]") {
  double RiskReading::*const inputs[] = {&RiskReading::equity, &RiskReading::drawdown_velocity, &RiskReading::latency_p99_ms,
                                         &RiskReading::data_age_s, &RiskReading::scenario_loss};
  for (double RiskReading::*const input : inputs) {
    for (const double bad : {nan_value, infinity, -infinity}) {
      rlx::ManualClock clock(noon);
      KillSwitch kill(KillSwitchConfig{}, clock);
      kill.initialise();
      kill.update(calm_reading());
      RiskReading reading = calm_reading();
      reading.*input = bad;
      const KillState state = kill.update(reading).state;
      const bool negative = bad < 0 && (input == &RiskReading::latency_p99_ms || input == &RiskReading::data_age_s);
      REQUIRE(state == (negative ? KillState::halted : KillState::flat));
      REQUIRE_THAT(kill.latch_reason(), ContainsSubstring(negative ? "negative" : "not finite"));
      REQUIRE(kill.record().peak_equity == 100);

      KillSwitch off(only_drawdown(), clock);
      off.initialise();
      REQUIRE(off.update(reading).state == (input == &RiskReading::equity ? KillState::flat : KillState::normal));
    }
  }
  for (const double equity : {0.0, -5.0}) {  // no share can be taken of it
    rlx::ManualClock clock(noon);
    KillSwitch kill(KillSwitchConfig{}, clock);
    kill.initialise();
    REQUIRE(kill.update(calm_reading(equity)).state == KillState::flat);
  }
  const auto after = [](RiskReading reading) {
    rlx::ManualClock clock(noon);
    KillSwitch kill(KillSwitchConfig{}, clock);
    kill.initialise();
    return kill.update(reading).state;
  };
  RiskReading unreconciled = calm_reading();
  unreconciled.positions_reconciled = false;
  REQUIRE(after(unreconciled) == KillState::halted);
  REQUIRE(after(RiskReading{}) == KillState::halted);  // nobody filled it in
  RiskReading empty;
  empty.positions_reconciled = true;
  REQUIRE(after(empty) == KillState::flat);
}

TEST_CASE("back one level at a time, after a calm time without a break", "[risk][kill]") {
  KillSwitchConfig config;
  config.daily_loss = {};
  rlx::ManualClock clock(noon);
  KillSwitch kill(config, clock);
  kill.initialise();
  kill.update(calm_reading(100));
  REQUIRE(kill.update(calm_reading(89)).state == KillState::reduce_only);
  const auto at = [&](std::int64_t minutes, double equity) {
    clock.advance_ms(minutes * 60'000);
    return kill.update(calm_reading(equity)).state;
  };
  REQUIRE(at(60, 91) == KillState::reduce_only);  // 0.09 is below the threshold and not calm
  REQUIRE(at(1, 93) == KillState::reduce_only);   // calm from here on
  REQUIRE(at(14, 93) == KillState::reduce_only);
  REQUIRE(at(0, 91) == KillState::reduce_only);  // a break
  REQUIRE(at(10, 93) == KillState::reduce_only);
  REQUIRE(at(14, 93) == KillState::reduce_only);
  REQUIRE(at(1, 93) == KillState::tighten);
  REQUIRE(at(60, 95.9) == KillState::tighten);  // 0.041
  REQUIRE(at(1, 96.1) == KillState::tighten);
  REQUIRE(at(15, 96.1) == KillState::normal);
  REQUIRE(kill.record().reasons.back().trigger == KillTrigger::calm);
  // Calm from far: every level takes its own time.
  REQUIRE(at(0, 89) == KillState::reduce_only);
  REQUIRE(at(1, 100) == KillState::reduce_only);
  REQUIRE(at(15, 100) == KillState::tighten);
  REQUIRE(at(14, 100) == KillState::tighten);
  REQUIRE(at(1, 100) == KillState::normal);
  // A correction of the machine's clock is not time.
  REQUIRE(at(0, 94) == KillState::tighten);
  REQUIRE(at(1, 100) == KillState::tighten);
  clock.set_ms(clock.now_ms() + 3'600'000);
  REQUIRE(at(0, 100) == KillState::tighten);
}

TEST_CASE("Flat and Halted are left by an operator only, to ReduceOnly", "[risk][kill]") {
  for (const KillState latched : {KillState::flat, KillState::halted}) {
    rlx::ManualClock clock(noon);
    KillSwitch kill(KillSwitchConfig{}, clock);
    kill.initialise();
    REQUIRE_THROWS_AS(kill.reset("ann", "why"), rlx::ConfigError);
    kill.trip(latched, "by hand");
    REQUIRE(kill.latch_reason() == "by hand");
    RiskReading reading = calm_reading();
    reading.is_flat = true;
    for (int i = 0; i < 100; ++i) {
      clock.advance_ms(3'600'000);
      REQUIRE(kill.update(reading).state == latched);
    }
    REQUIRE_THROWS_WITH(kill.reset("", "why"), ContainsSubstring("operator id"));
    REQUIRE_THROWS_WITH(kill.reset("ann", " "), ContainsSubstring("a reason"));
    REQUIRE(kill.state() == latched);
    kill.trip(KillState::normal, "never milder");
    REQUIRE(kill.state() == latched);
    kill.reset("ann", "all understood");
    REQUIRE(kill.state() == KillState::reduce_only);
    REQUIRE(kill.latch_reason().empty());
    REQUIRE(kill.record().reasons.back().text == "reset by ann: all understood");
    kill.update(reading);
    clock.advance_ms(900'000);
    REQUIRE(kill.update(reading).state == KillState::tighten);
  }
}

TEST_CASE("Flat that is not flat in time is Halted", "[risk][kill]") {
  rlx::ManualClock clock(noon);
  KillSwitch kill(KillSwitchConfig{}, clock);
  kill.initialise();
  kill.trip(KillState::flat, "test");
  RiskReading flat = calm_reading();
  flat.is_flat = true;
  clock.advance_ms(59'999);
  REQUIRE(kill.update(calm_reading()).state == KillState::flat);
  clock.advance_ms(1'000'000);
  REQUIRE(kill.update(flat).state == KillState::flat);
  const KillDecision decision = kill.update(calm_reading());
  REQUIRE(decision.state == KillState::halted);
  REQUIRE_FALSE(decision.unwind);
  REQUIRE(kill.record().reasons.back().trigger == KillTrigger::flat_timeout);
}

TEST_CASE("tail hits: the p-value over 250 bars, and back", "[risk][kill]") {
  KillSwitchConfig config;
  config.min_dwell_ms = 0;
  rlx::ManualClock clock(noon);
  MemoryKillRecords records;
  std::optional<KillSwitch<rlx::ManualClock>> kill;
  kill.emplace(config, clock, records);
  kill->initialise();
  RiskReading reading = calm_reading();
  const auto bars = [&](int count, bool hit) {
    reading.tail_hit = hit;
    for (int i = 0; i < count; ++i) kill->update(reading);
    return kill->state();
  };
  REQUIRE(bars(18, true) == KillState::normal);  // too few bars to say anything
  REQUIRE(bars(231, false) == KillState::normal);
  REQUIRE(kill->tail_p_value() == 1.0);
  REQUIRE(bars(1, false) == KillState::normal);
  REQUIRE_THAT(kill->tail_p_value(), WithinAbs(0.06656956743026385, 1e-12));  // 18 of 250, by hand from the ratio
  REQUIRE(bars(18, true) == KillState::normal);                               // 18 leave as 18 come
  REQUIRE(bars(1, true) == KillState::tighten);
  REQUIRE_THAT(kill->tail_p_value(), WithinAbs(0.039374506204142505, 1e-12));
  REQUIRE(bars(1, true) == KillState::tighten);
  REQUIRE_THAT(kill->tail_p_value(), WithinAbs(0.022223224653027805, 1e-12));  // LR 4.03952
  REQUIRE(bars(2, true) == KillState::reduce_only);                            // 22: 0.0062
  // The ring survives a restart.
  kill.emplace(config, clock, records);
  REQUIRE_THAT(kill->tail_p_value(), WithinAbs(0.006178272969662559, 1e-12));
  // Back at 0.01/0.8 and at 0.05/0.8: 0.0120 with 21 hits is not enough, 0.022 with 20 is; 0.039 with 19 is not, 0.067 with 18
  // is.
  REQUIRE(bars(228, false) == KillState::reduce_only);
  REQUIRE(bars(1, false) == KillState::reduce_only);
  REQUIRE(bars(1, false) == KillState::tighten);
  REQUIRE(bars(1, false) == KillState::tighten);
  REQUIRE(bars(1, false) == KillState::normal);
  REQUIRE(kill->record().tail_hit_ring.size() == 250);
}

TEST_CASE("the day's loss starts anew with the day, the drawdown does not", "[risk][kill]") {
  KillSwitchConfig config;
  config.min_dwell_ms = 0;
  config.day_start_ms = 3'600'000;
  rlx::ManualClock clock(noon);
  KillSwitch kill(config, clock);
  kill.initialise();
  kill.update(calm_reading(100));
  REQUIRE(kill.update(calm_reading(98.9)).state == KillState::tighten);
  clock.set_ms(noon + 13 * 3'600'000 - 1);  // one millisecond before 01:00
  REQUIRE(kill.update(calm_reading(98.9)).state == KillState::tighten);
  clock.set_ms(noon + 13 * 3'600'000);
  REQUIRE(kill.update(calm_reading(98.9)).state == KillState::normal);
  REQUIRE(kill.record().day_open_equity == 98.9);
  REQUIRE(kill.record().peak_equity == 100);
  clock.set_ms(noon);  // back: yesterday is not opened again
  REQUIRE(kill.update(calm_reading(98)).state == KillState::normal);
  REQUIRE(kill.record().day_open_equity == 98.9);
}

TEST_CASE("a state is durable before it is acted on", "[risk][kill]") {
  rlx::ManualClock clock(noon);
  WatchedRecords records;
  KillSwitch kill(KillSwitchConfig{}, clock, records);
  int checked = 0;
  KillState acted = KillState::halted;
  records.at_save = [&](const KillSwitchRecord&) {
    REQUIRE(kill.state() == acted);
    ++checked;
  };
  const auto step = [&](auto&& action) {
    action();
    acted = kill.state();
    REQUIRE(records.inner.record->state == acted);
  };
  step([&] { kill.initialise(); });
  step([&] { kill.update(calm_reading(100)); });
  step([&] { kill.update(calm_reading(98.5)); });
  REQUIRE(acted == KillState::tighten);
  step([&] { kill.update(calm_reading(10)); });
  REQUIRE(acted == KillState::flat);
  step([&] { kill.trip(KillState::halted, "x"); });
  step([&] { kill.reset("ann", "why"); });
  REQUIRE(checked == 6);
}

TEST_CASE("what cannot be recorded is not acted on", "[risk][kill]") {
  rlx::ManualClock clock(noon);
  WatchedRecords records;
  KillSwitch kill(KillSwitchConfig{}, clock, records);
  kill.initialise();
  kill.update(calm_reading(100));
  records.at_save = [](const KillSwitchRecord&) { throw rlx::IoError("disk full"); };
  KillDecision decision = kill.update(calm_reading(98.5));
  REQUIRE(decision.state == KillState::halted);
  REQUIRE(decision.changed);
  REQUIRE_FALSE(decision.durable);
  REQUIRE(kill.record_error() == "disk full");
  REQUIRE_THROWS_AS(kill.reset("ann", "why"), rlx::IoError);
  REQUIRE(kill.state() == KillState::halted);
  decision = kill.update(calm_reading(98.5));
  REQUIRE_FALSE(decision.changed);
  const std::size_t lines = kill.record().reasons.size();
  records.at_save = nullptr;
  decision = kill.update(calm_reading(98.5));
  REQUIRE(decision.state == KillState::halted);
  REQUIRE(decision.durable);
  REQUIRE(kill.record_error().empty());
  REQUIRE(records.inner.record->state == KillState::halted);
  REQUIRE(kill.record().reasons.size() == lines);
  REQUIRE_THAT(kill.record().reasons.back().text, ContainsSubstring("disk full"));
}

TEST_CASE("start: same state and peak, Halted without a record or with an older one", "[risk][kill]") {
  rlx::ManualClock clock(noon);
  MemoryKillRecords records;
  {
    KillSwitch kill(KillSwitchConfig{}, clock, records);
    REQUIRE(kill.state() == KillState::halted);
    REQUIRE_THAT(kill.latch_reason(), ContainsSubstring("initialise"));
    REQUIRE(kill.update(calm_reading()).state == KillState::halted);
    REQUIRE_FALSE(records.record.has_value());
    kill.initialise();
    REQUIRE(kill.state() == KillState::normal);
    REQUIRE(kill.latch_reason().empty());
    REQUIRE_THROWS_AS(kill.initialise(), rlx::ConfigError);
    kill.update(calm_reading(120));
    kill.update(calm_reading(100));
    REQUIRE(kill.state() == KillState::flat);  // 0.167 of the peak, 0.167 of the day
  }
  clock.advance_ms(30'000);
  {
    KillSwitch kill(KillSwitchConfig{}, clock, records);
    REQUIRE(kill.state() == KillState::flat);
    REQUIRE(kill.record() == *records.record);
    REQUIRE_THAT(kill.latch_reason(), ContainsSubstring("daily_loss"));
    REQUIRE(kill.update(calm_reading(100)).state == KillState::flat);
    REQUIRE(kill.drawdown() == (120.0 - 100.0) / 120.0);
    clock.advance_ms(30'000);  // 60 s since Flat, 30 s since the start
    REQUIRE(kill.update(calm_reading(100)).state == KillState::halted);
  }
  KillSwitchConfig config;
  config.min_sequence = records.record->sequence;
  REQUIRE(KillSwitch(config, clock, records).record_error().empty());
  ++config.min_sequence;
  KillSwitch kill(config, clock, records);
  REQUIRE(kill.state() == KillState::halted);
  REQUIRE_THAT(kill.record_error(), ContainsSubstring("gone back"));
  REQUIRE_THROWS_AS(kill.initialise(), rlx::ConfigError);
  const std::uint64_t before = records.record->sequence;
  kill.update(calm_reading(1e6));
  REQUIRE(records.record->sequence == before);  // the evidence stays
  kill.reset("ann", "books checked");
  REQUIRE(kill.state() == KillState::reduce_only);
  REQUIRE(records.record->sequence > before);
}

TEST_CASE("an accepted loss is taken into the peak by an operator", "[risk][kill]") {
  rlx::ManualClock clock(noon);
  KillSwitch kill(KillSwitchConfig{}, clock);
  kill.initialise();
  REQUIRE_THROWS_AS(kill.rebase_peak("ann", "too early"), rlx::ConfigError);
  kill.update(calm_reading(100));
  REQUIRE(kill.update(calm_reading(70)).state == KillState::flat);
  kill.reset("ann", "accepted");
  REQUIRE(kill.update(calm_reading(70)).state == KillState::flat);
  kill.reset("ann", "accepted");
  REQUIRE_THROWS_AS(kill.rebase_peak("", "accepted"), rlx::ConfigError);
  kill.rebase_peak("ann", "accepted");
  REQUIRE(kill.record().peak_equity == 70);
  REQUIRE(kill.update(calm_reading(70)).state == KillState::reduce_only);
}

TEST_CASE("an update that changes nothing writes and allocates nothing, and the log is bounded", "[risk][kill]") {
  rlx::ManualClock clock(noon);
  WatchedRecords records;
  KillSwitchConfig config = only_drawdown();
  KillSwitch kill(config, clock, records);
  kill.initialise();
  kill.update(calm_reading(100));
  const int saves = records.saves;
  std::uint64_t count = 0;
  {
    const rlx_test::AllocationCounter counter;
    for (int i = 0; i < 1000; ++i) kill.update(calm_reading(99 + 0.001 * i));
    count = counter.count();
  }
  REQUIRE(count == 0);
  REQUIRE(records.saves == saves);
  for (int i = 0; i < 100; ++i) kill.update(calm_reading(i % 2 == 0 ? 94 : 99));
  REQUIRE(records.saves == saves + 100);
  REQUIRE(kill.record().reasons.size() == KillSwitchRecord::max_reasons);
}

TEST_CASE("small new peaks need no write, and count all the same", "[risk][kill]") {
  rlx::ManualClock clock(noon);
  WatchedRecords records;
  KillSwitchConfig config = only_drawdown();
  config.peak_step = 0.01;
  KillSwitch kill(config, clock, records);
  kill.initialise();
  kill.update(calm_reading(100));
  REQUIRE(records.saves == 2);
  kill.update(calm_reading(100.9));
  REQUIRE(records.saves == 2);
  REQUIRE(kill.record().peak_equity == 100.9);
  kill.update(calm_reading(101.1));
  REQUIRE(records.saves == 3);
  kill.update(calm_reading(102));
  REQUIRE(kill.update(calm_reading(96.8)).state == KillState::tighten);  // 0.051 of 102
  REQUIRE(records.inner.record->peak_equity == 102);
}

TEST_CASE("a configuration that cannot be is refused by field", "[risk][kill]") {
  rlx::ManualClock clock(noon);
  const auto refused = [&](auto&& change, const char* field) {
    KillSwitchConfig config;
    change(config);
    REQUIRE_THROWS_AS(KillSwitch(config, clock), rlx::ConfigError);
    REQUIRE_THROWS_WITH(KillSwitch(config, clock), ContainsSubstring(field));
  };
  refused([](auto& c) { c.drawdown.tighten = -0.1; }, "drawdown");
  refused([](auto& c) { c.drawdown.reduce_only = 0.01; }, "drawdown");
  refused([](auto& c) { c.drawdown_velocity.flat = nan_value; }, "drawdown_velocity");
  refused([](auto& c) { c.daily_loss.tighten = infinity; }, "daily_loss");
  refused([](auto& c) { c.tail_hits.reduce_only = 0.06; }, "tail_hits");
  refused([](auto& c) { c.tail_hits.tighten = 1.5; }, "tail_hits");
  refused([](auto& c) { c.latency_p99_ms.tighten = 0.0; }, "latency_p99_ms");
  refused([](auto& c) { c.data_age_s.flat = 1.0; }, "data_age_s");
  refused([](auto& c) { c.scenario_loss.tighten = nan_value; }, "scenario_loss");
  refused([](auto& c) { c.tail.alpha = 1.0; }, "tail");
  refused([](auto& c) { c.tail_bars = 0; }, "tail_bars");
  refused([](auto& c) { c.resume_ratio = 1.1; }, "resume_ratio");
  refused([](auto& c) { c.tighten_factor = 0.0; }, "tighten_factor");
  refused([](auto& c) { c.peak_step = nan_value; }, "peak_step");
  refused([](auto& c) { c.min_dwell_ms = -1; }, "min_dwell_ms");
  refused([](auto& c) { c.flat_timeout_ms = -1; }, "flat_timeout_ms");
}
