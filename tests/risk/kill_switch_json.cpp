// SPDX-License-Identifier: MIT
#include <rlx/risk/kill_switch_json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include <rlx/io/state_file.hpp>

#include "options/memory_files.hpp"
#include "rlx_catch.hpp"

using namespace rlx::risk;
using rlx_test::ContainsSubstring;
using rlx_test::MemoryFiles;
using rlx_test::ProcessEnd;

namespace {

constexpr std::int64_t noon = 1'767'355'200'000;  // 2026-01-02T12:00:00Z

using File = rlx::io::StateFile<MemoryFiles>;
using Records = KillRecordJson<File>;
static_assert(KillRecords<Records> && KillRecords<KillRecordJson<MemoryText>> && DurableText<rlx::io::StateFile<>>);

KillSwitchRecord example() {
  KillSwitchRecord record;
  record.sequence = 7;
  record.state = KillState::reduce_only;
  record.since_ms = noon;
  record.reasons = {
      {noon, KillState::tighten, KillState::reduce_only, KillTrigger::drawdown, "drawdown is \"0.1\" \\ \xE2\x82\xAC"}};
  record.peak_equity = 0.1 + 0.2;
  record.day_open_equity = 1e-300;
  record.day = 20'455;
  record.tail_hit_ring = "0010";
  return record;
}

RiskReading reading_of(double equity) {
  RiskReading reading;
  reading.equity = equity;
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

// A machine with the two files.
struct Machine {
  MemoryFiles files;
  rlx::ManualClock clock{noon};
  explicit Machine(std::uint64_t seed = 0) : files(seed) { files.put("state/other", ""); }

  template <class F>
  void with_switch(F&& use) {
    File record("state/kill.json", files), sequence("state/kill.sequence", files);
    Records records(record, sequence);
    KillSwitch kill(only_drawdown(), clock, records);
    use(kill);
  }
};

}  // namespace

TEST_CASE("the record is the same after JSON", "[risk][kill]") {
  const KillSwitchRecord record = example();
  const nlohmann::json json = record;
  for (const char* const key : {"version", "sequence", "state", "since", "reasons", "peak_equity", "day_open_equity", "day",
                                "tail_hit_ring", "sha256"}) {
    REQUIRE(json.contains(key));
  }
  REQUIRE(json.at("state") == "ReduceOnly");
  REQUIRE(nlohmann::json::parse(json.dump()).get<KillSwitchRecord>() == record);

  MemoryText text, sequence;
  KillRecordJson<MemoryText> records(text, sequence);
  REQUIRE(records.load() == std::nullopt);
  records.save(record);
  REQUIRE(sequence.text == "7\n");
  REQUIRE(records.load() == record);

  KillSwitchRecord broken = record;
  broken.peak_equity = std::numeric_limits<double>::infinity();
  REQUIRE_THROWS_AS(records.save(broken), rlx::NumericError);
  REQUIRE(records.load() == record);
}

TEST_CASE("every cut and every flipped bit of the record is found", "[risk][kill]") {
  MemoryText text, sequence;
  KillRecordJson<MemoryText> records(text, sequence);
  records.save(example());
  const std::string good = *text.text;
  rlx::ManualClock clock(noon);
  for (std::size_t size = 0; size + 1 < good.size(); ++size) {  // the last byte is the line end
    text.text = good.substr(0, size);
    REQUIRE_THROWS_AS(records.load(), rlx::CheckpointError);
  }
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    text.text = bad;
    INFO(bad);
    std::optional<KillSwitchRecord> found;
    try {
      found = records.load();
    } catch (const rlx::CheckpointError&) {
    }
    // White space and the case of an escape may change: then the content is the same.
    if (found) REQUIRE(found == example());
    if (found || bit % 64 != 0) continue;
    KillSwitch kill(only_drawdown(), clock, records);
    REQUIRE(kill.state() == KillState::halted);
    REQUIRE_FALSE(kill.record_error().empty());
    REQUIRE(text.text == bad);
  }
}

TEST_CASE("a record of another version, with another member or a wrong one, is refused", "[risk][kill]") {
  const auto refused = [](auto&& change, const char* expected) {
    nlohmann::json json = example();
    change(json);
    json["sha256"] = detail::kill_record_hash(json);
    REQUIRE_THROWS_WITH(json.get<KillSwitchRecord>(), ContainsSubstring(expected));
  };
  refused([](auto& j) { j["version"] = 2; }, "version");
  refused([](auto& j) { j["state"] = "Fine"; }, "Fine");
  refused([](auto& j) { j["sequence"] = -1; }, "sequence");
  refused([](auto& j) { j["peak_equity"] = nullptr; }, "peak_equity");
  refused([](auto& j) { j["tail_hit_ring"] = "012"; }, "tail_hit_ring");
  refused([](auto& j) { j["more"] = 1; }, "more");
  refused([](auto& j) { j.erase("day"); }, "day");
  refused([](auto& j) { j["reasons"][0]["to"] = 3; }, "reasons[0].to");
  nlohmann::json json = example();
  json["peak_equity"] = 5.0;
  REQUIRE_THROWS_WITH(json.get<KillSwitchRecord>(), ContainsSubstring("sha256"));
}

TEST_CASE("an older record that was put back is Halted", "[risk][kill]") {
  Machine machine;
  machine.with_switch([](auto& kill) {
    kill.initialise();
    kill.update(reading_of(100));
  });
  const std::string old_record = machine.files.text("state/kill.json");
  const std::string old_number = machine.files.text("state/kill.sequence");
  machine.with_switch([](auto& kill) { REQUIRE(kill.update(reading_of(70)).state == KillState::flat); });
  const std::string record = machine.files.text("state/kill.json");
  const std::string number = machine.files.text("state/kill.sequence");
  const auto start = [&](const std::string& first, const std::string& second, const char* expected) {
    machine.files.put("state/kill.json", first);
    machine.files.put("state/kill.sequence", second);
    machine.with_switch([&](auto& kill) {
      REQUIRE(kill.state() == (*expected == '\0' ? KillState::flat : KillState::halted));
      REQUIRE_THAT(kill.record_error(), ContainsSubstring(expected));
      REQUIRE(kill.update(reading_of(100)).state >= KillState::flat);
    });
  };
  start(record, number, "");
  start(old_record, number, "gone back");
  start(record, "1\n", "gone back");
  start(record, "", "damaged");
  start(record, "3", "damaged");
  start(record, "3\n\n", "damaged");
  machine.files.put("state/kill.sequence", number);
  machine.files.unlink("state/kill.json");
  machine.with_switch([&](auto& kill) {
    REQUIRE(kill.state() == KillState::halted);
    REQUIRE_THAT(kill.record_error(), ContainsSubstring("missing"));
    REQUIRE_THROWS_AS(kill.initialise(), rlx::ConfigError);
    kill.reset("ann", "books checked");
  });
  machine.with_switch([&](auto& kill) { REQUIRE(kill.state() == KillState::reduce_only); });
  // Both put back: the caller's journal knows.
  machine.files.put("state/kill.json", old_record);
  machine.files.put("state/kill.sequence", old_number);
  File first("state/kill.json", machine.files), second("state/kill.sequence", machine.files);
  Records records(first, second);
  KillSwitchConfig config = only_drawdown();
  config.min_sequence = 3;
  REQUIRE(KillSwitch(config, machine.clock, records).state() == KillState::halted);
}

TEST_CASE("an end at every write, flush and rename loses no state that was acted on, and no peak", "[risk][kill]") {
  // New peaks, all states upwards, an operator, a state given back.
  const auto run = [](auto& kill, KillState& acted, double& peak, bool& eases) {
    const auto step = [&](auto&& action) {
      action();
      acted = kill.state();
      peak = kill.record().peak_equity;
    };
    for (const double equity : {100.0, 110.0, 104.0, 98.0, 80.0}) step([&] { kill.update(reading_of(equity)); });
    REQUIRE(acted == KillState::flat);
    step([&] { kill.trip(KillState::halted, "worse"); });
    eases = true;
    step([&] { kill.reset("ann", "understood"); });
    step([&] { kill.update(reading_of(109.0)); });
    REQUIRE(acted == KillState::tighten);
    step([&] { kill.update(reading_of(120.0)); });
    REQUIRE(acted == KillState::normal);
  };
  Machine counted;
  std::size_t first = 0;
  KillState acted{};
  double peak = 0;
  bool eases = false;
  counted.with_switch([&](auto& kill) { kill.initialise(); });
  first = counted.files.calls.size();
  counted.with_switch([&](auto& kill) { run(kill, acted, peak, eases); });
  REQUIRE(counted.files.calls.size() - first > 80);
  REQUIRE(std::count(counted.files.calls.begin(), counted.files.calls.end(), rlx_test::FileCall::rename) == 20);

  for (std::size_t at = first; at < counted.files.calls.size(); ++at) {
    for (const auto fault : {MemoryFiles::Fault::fail, MemoryFiles::Fault::end_before, MemoryFiles::Fault::end_inside,
                             MemoryFiles::Fault::end_after}) {
      for (const auto loss : {MemoryFiles::Loss::process_only, MemoryFiles::Loss::everything, MemoryFiles::Loss::some}) {
        Machine machine(at);
        machine.with_switch([&](auto& kill) { kill.initialise(); });
        machine.files.fault = fault;
        machine.files.fault_at = at;
        acted = KillState::normal;
        peak = 0;
        eases = false;
        bool ended = false;
        try {
          machine.with_switch([&](auto& kill) {
            if (fault == MemoryFiles::Fault::fail) {  // every step is followed by a refusal or by Halted
              for (const double equity : {100.0, 110.0, 104.0, 98.0, 80.0}) kill.update(reading_of(equity));
              REQUIRE(kill.state() >= KillState::flat);
              if (!kill.record_error().empty()) return;  // unreadable at the start: nothing was done
              acted = kill.state();
              peak = kill.record().peak_equity;
              return;
            }
            run(kill, acted, peak, eases);
          });
        } catch (const ProcessEnd&) {
          ended = true;
        }
        INFO(at << ' ' << static_cast<int>(fault) << ' ' << static_cast<int>(loss));
        REQUIRE(ended == (fault != MemoryFiles::Fault::fail));
        machine.files.restart(loss);
        machine.with_switch([&](auto& kill) {
          // A state that an end interrupts while it is given back may have been given back: never by more than that step.
          const KillState eased = acted == KillState::halted        ? KillState::reduce_only
                                  : acted == KillState::reduce_only ? KillState::tighten
                                                                    : KillState::normal;
          const KillState least = eases ? eased : acted;
          REQUIRE(kill.state() >= least);
          if (kill.record_error().empty()) REQUIRE(kill.record().peak_equity >= peak);
          // And it goes on from there.
          if (kill.state() >= KillState::flat) kill.reset("ann", "restarted");
          kill.update(reading_of(100.0));
          if (kill.state() < KillState::flat) REQUIRE(kill.update(reading_of(1.0)).state == KillState::flat);
          REQUIRE(kill.update(reading_of(1.0)).durable);
        });
        machine.files.restart(MemoryFiles::Loss::everything);
        machine.with_switch([&](auto& kill) { REQUIRE(kill.state() == KillState::flat); });
      }
    }
  }
}

TEST_CASE("a first start that ends half-way is not Normal by accident", "[risk][kill]") {
  Machine counted;
  counted.with_switch([](auto& kill) { kill.initialise(); });
  for (std::size_t at = 0; at < counted.files.calls.size(); ++at) {
    for (const auto loss : {MemoryFiles::Loss::process_only, MemoryFiles::Loss::everything, MemoryFiles::Loss::some}) {
      Machine machine(at);
      machine.files.fault = MemoryFiles::Fault::end_inside;
      machine.files.fault_at = at;
      REQUIRE_THROWS_AS(machine.with_switch([](auto& kill) { kill.initialise(); }), ProcessEnd);
      machine.files.restart(loss);
      machine.with_switch([](auto& kill) {
        if (kill.state() == KillState::halted) REQUIRE_NOTHROW(kill.initialise());
        REQUIRE(kill.state() == KillState::normal);
        REQUIRE(kill.update(reading_of(100)).state == KillState::normal);
        REQUIRE(kill.update(reading_of(70)).state == KillState::flat);
      });
    }
  }
}
