// SPDX-License-Identifier: MIT
#include <rlx/options/kill_switch.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "options/memory_files.hpp"
#include "rlx_catch.hpp"

using namespace rlx::options;
using rlx::market::Fixed8;
using rlx_test::ContainsSubstring;
using rlx_test::MemoryFiles;
using rlx_test::ProcessEnd;

namespace {

constexpr std::int64_t noon = 1'767'355'200'000;  // 2026-01-02T12:00:00Z

/// Writes down what it is asked, and answers as the test says. Cancels work at once unless `refuses` requests are left.
struct RecordingVenue {
  std::vector<std::string> asked;
  std::map<std::string, std::vector<Order>, std::less<>> open;
  int refuses = 0;  ///< that many cancels are not confirmed
  bool throws = false;
  std::function<void()> at_cancel;

  template <class T>
  bool refuse(Outcome<T>& outcome) {
    if (at_cancel) at_cancel();
    if (throws) throw rlx::VenueError("the line is dead");
    if (refuses <= 0) return false;
    --refuses;
    outcome = Outcome<T>::unknown("time-out", 11);
    return true;
  }

  VenueEnvironment environment() { return VenueEnvironment::testnet; }
  Outcome<Attestation> attest() { return note<Attestation>("attest"); }
  Outcome<std::int64_t> server_time_ms() { return note<std::int64_t>("time"); }
  Outcome<std::span<const Instrument>> instruments(std::string_view) {
    return note<std::span<const Instrument>>("instruments");
  }
  Outcome<std::int64_t> chain(std::string_view, ChainSnapshot&) { return note<std::int64_t>("chain"); }
  Outcome<double> index_price(std::string_view) { return note<double>("index"); }
  Outcome<Ticker> ticker(std::string_view) { return note<Ticker>("ticker"); }
  Outcome<Account> account(std::string_view) { return note<Account>("account"); }
  Outcome<std::vector<Position>> positions(std::string_view) { return note<std::vector<Position>>("positions"); }
  Outcome<std::vector<Order>> open_orders(std::string_view ccy) {
    asked.push_back("open " + std::string(ccy));
    if (throws) throw rlx::VenueError("the line is dead");
    return Outcome<std::vector<Order>>::confirmed(open[std::string(ccy)]);
  }
  Outcome<std::vector<Order>> orders_by_label(std::string_view, std::string_view) { return note<std::vector<Order>>("label"); }
  Outcome<std::vector<Settlement>> settlements(std::string_view, std::int64_t) {
    return note<std::vector<Settlement>>("settled");
  }
  Outcome<Order> submit(const OrderRequest&) { return note<Order>("submit"); }
  Outcome<Order> cancel(std::string_view) { return note<Order>("cancel"); }
  Outcome<int> cancel_by_label(std::string_view ccy, std::string_view label) {
    asked.push_back("cancel " + std::string(ccy) + ' ' + std::string(label));
    Outcome<int> outcome;
    return refuse(outcome) ? outcome : Outcome<int>::confirmed(1);
  }
  Outcome<int> cancel_all() {
    asked.push_back("cancel all");
    Outcome<int> outcome;
    if (refuse(outcome)) return outcome;
    int count = 0;
    for (auto& [ccy, orders] : open) count += static_cast<int>(orders.size()), orders.clear();
    return Outcome<int>::confirmed(count);
  }
  Outcome<Margins> margins(std::string_view, Fixed8, Fixed8) { return note<Margins>("margins"); }

 private:
  template <class T>
  Outcome<T> note(const char* what) {
    asked.emplace_back(what);
    return Outcome<T>::unknown("not scripted");
  }
};
static_assert(Venue<RecordingVenue>);

MemoryFiles with_directory() {
  MemoryFiles files;
  files.put("state/other", "");
  return files;
}

using Switch = KillSwitch<MemoryFiles>;

}  // namespace

TEST_CASE("a switch latches once, durably, and refuses every later start", "[options][kill]") {
  MemoryFiles files = with_directory();
  Switch kill("state", files);
  REQUIRE_FALSE(kill.is_latched());
  REQUIRE_NOTHROW(kill.require_released());
  REQUIRE(kill.latch(kill_reason::drawdown, "52 % lost\nsince the start", noon).empty());
  REQUIRE(kill.is_latched());
  REQUIRE(files.text("state/kill.latch") == "2026-01-02T12:00:00Z drawdown: 52 % lost since the start\n");
  REQUIRE(kill.latch(kill_reason::setting, "", noon + 1).empty());  // the first reason stays
  REQUIRE(files.text("state/kill.latch") == kill.reason() + "\n");
  REQUIRE_THAT(kill.reason(), ContainsSubstring("drawdown"));

  files.restart(MemoryFiles::Loss::everything);
  const Switch next("state", files);
  REQUIRE(next.is_latched());
  REQUIRE(next.reason() == "2026-01-02T12:00:00Z drawdown: 52 % lost since the start");
  try {
    next.require_released();
    FAIL("expected a refusal");
  } catch (const KillSwitchError& error) {
    REQUIRE_THAT(error.what(), ContainsSubstring("52 % lost"));
    REQUIRE_THAT(error.what(), ContainsSubstring("state/kill.latch"));
  }
  files.unlink("state/kill.latch");  // the operator
  REQUIRE_FALSE(Switch("state", files).is_latched());
}

TEST_CASE("a latch is known as unlogged until the log has its record, also after the operator has removed it",
          "[options][kill]") {
  MemoryFiles files = with_directory();
  Switch kill("state", files);
  REQUIRE_FALSE(kill.unlogged());
  REQUIRE_NOTHROW(kill.logged());
  REQUIRE(kill.latch(kill_reason::drawdown, "52 % lost: all\nof it", noon).empty());
  REQUIRE(kill.latch(kill_reason::setting, "", noon + 1).empty());
  files.restart(MemoryFiles::Loss::everything);
  files.unlink("state/kill.latch");
  Switch next("state", files);
  REQUIRE_FALSE(next.is_latched());
  REQUIRE(next.unlogged());
  REQUIRE(next.unlogged()->reason == "drawdown");
  REQUIRE(next.unlogged()->message == "52 % lost: all of it");
  next.logged();
  files.restart(MemoryFiles::Loss::everything);
  REQUIRE_FALSE(Switch("state", files).unlogged());
}

TEST_CASE("a damaged or empty latch file latches", "[options][kill]") {
  for (const char* const text : {"", "\n", "nonsense"}) {
    MemoryFiles files = with_directory();
    files.put("state/kill.latch", text);
    REQUIRE(Switch("state", files).is_latched());
  }
}

TEST_CASE("the operator's file asks for a stop", "[options][kill]") {
  MemoryFiles files = with_directory();
  const Switch kill("state", files);
  REQUIRE_FALSE(kill.is_requested());
  files.put("state/KILL", "");
  REQUIRE(kill.is_requested());
  REQUIRE_FALSE(kill.is_latched());
  REQUIRE_THROWS_AS(kill.require_released(), KillSwitchError);
}

TEST_CASE("a disk that refuses leaves the switch latched in memory, and the next call writes", "[options][kill]") {
  MemoryFiles counted = with_directory();
  Switch("state", counted).latch(kill_reason::log, "", noon);
  const std::size_t calls = counted.calls.size();
  REQUIRE(calls >= 5);  // open, write, fsync, rename, fsync of the directory
  for (std::size_t at = 0; at < calls; ++at) {
    MemoryFiles files = with_directory();
    files.fault = MemoryFiles::Fault::fail;
    files.fault_at = at;
    Switch kill("state", files);
    INFO(at);
    const std::string error = kill.latch(kill_reason::log, "disk", noon);
    REQUIRE_FALSE(error.empty());
    REQUIRE(kill.is_latched());
    REQUIRE(kill.latch(kill_reason::setting, "again", noon + 1).empty());
    REQUIRE_THAT(files.text("state/kill.latch"), ContainsSubstring("log: disk"));
    REQUIRE(Switch("state", files).is_latched());
  }
}

TEST_CASE("killed at every call of the write, the latch is absent or complete", "[options][kill]") {
  MemoryFiles counted = with_directory();
  Switch("state", counted).latch(kill_reason::log, "", noon);
  for (std::size_t at = 0; at < counted.calls.size(); ++at) {
    for (const auto fault : {MemoryFiles::Fault::end_before, MemoryFiles::Fault::end_inside, MemoryFiles::Fault::end_after}) {
      for (const auto loss : {MemoryFiles::Loss::process_only, MemoryFiles::Loss::everything, MemoryFiles::Loss::some}) {
        MemoryFiles files(at);
        files.put("state/other", "");
        files.fault = fault;
        files.fault_at = at;
        {
          Switch kill("state", files);
          REQUIRE_THROWS_AS(kill.latch(kill_reason::log, "", noon), ProcessEnd);
        }
        files.restart(loss);
        Switch kill("state", files);
        INFO(at << ' ' << static_cast<int>(loss));
        if (kill.is_latched()) REQUIRE(kill.reason() == "2026-01-02T12:00:00Z log");
        REQUIRE(kill.latch(kill_reason::setting, "", noon).empty());
        files.restart(MemoryFiles::Loss::everything);
        REQUIRE(Switch("state", files).is_latched());
      }
    }
  }
}

TEST_CASE("engaging latches first, then cancels everything, then asks until nothing is open", "[options][kill]") {
  MemoryFiles files = with_directory();
  Switch kill("state", files);
  RecordingVenue venue;
  venue.open["BTC"].resize(3);
  venue.open["ETH"].resize(1);
  bool latched_before = false;
  venue.at_cancel = [&] { latched_before = !files.text("state/kill.latch").empty() && kill.is_latched(); };
  std::vector<std::int64_t> waits;
  const std::vector<std::string> underlyings{"BTC", "ETH"};
  const std::vector<OwnLabel> own{{"BTC", "rlx1-a"}};
  const KillReport report = engage(venue, kill, kill_reason::operator_file, "", noon, underlyings, own,
                                   [&](std::int64_t ms) { waits.push_back(ms); });
  REQUIRE(latched_before);
  REQUIRE(venue.asked == std::vector<std::string>{"cancel all", "open BTC", "open ETH"});
  REQUIRE(report.all_closed);
  REQUIRE(report.cancelled == 4);
  REQUIRE(report.tries == 1);
  REQUIRE(report.latch_error.empty());
  REQUIRE(waits.empty());
}

TEST_CASE("engaging tries five times, then reports what is left", "[options][kill]") {
  for (const int refused : {1, 4, 5, 100}) {
    MemoryFiles files = with_directory();
    Switch kill("state", files);
    RecordingVenue venue;
    venue.open["BTC"].resize(2);
    venue.refuses = refused;
    std::int64_t waited = 0;
    const std::vector<std::string> underlyings{"BTC"};
    const KillReport report =
        engage(venue, kill, kill_reason::setting, "", noon, underlyings, {}, [&](std::int64_t ms) { waited += ms; });
    INFO(refused);
    REQUIRE(report.all_closed == (refused < 5));
    REQUIRE(report.tries == (refused < 5 ? refused + 1 : 5));
    REQUIRE(report.last_error == "11 time-out");
    REQUIRE(waited < 1'000);
  }
}

TEST_CASE("engaging goes on when the venue throws and the disk refuses", "[options][kill]") {
  MemoryFiles files = with_directory();
  files.fault = MemoryFiles::Fault::fail;
  files.fault_at = 0;
  Switch kill("state", files);
  RecordingVenue venue;
  venue.throws = true;
  const std::vector<std::string> underlyings{"BTC"};
  const KillReport report = engage(venue, kill, kill_reason::log, "", noon, underlyings, {}, [](std::int64_t) {});
  REQUIRE(kill.is_latched());
  REQUIRE_FALSE(report.latch_error.empty());
  REQUIRE_FALSE(report.all_closed);
  REQUIRE(report.tries == 5);
  REQUIRE(report.last_error == "the line is dead");
}

TEST_CASE("after an attestation mismatch only own labels are cancelled", "[options][kill]") {
  MemoryFiles files = with_directory();
  Switch kill("state", files);
  RecordingVenue venue;
  venue.open["BTC"].resize(2);
  venue.refuses = 1;
  const std::vector<std::string> underlyings{"BTC", "ETH"};
  const std::vector<OwnLabel> own{{"BTC", "rlx1-a"}, {"ETH", "rlx1-b"}};
  KillReport report = engage(venue, kill, kill_reason::attestation, "flag", noon, underlyings, own, [](std::int64_t) {});
  REQUIRE(venue.asked == std::vector<std::string>{"cancel BTC rlx1-a", "cancel ETH rlx1-b", "cancel BTC rlx1-a"});
  REQUIRE(report.all_closed);
  REQUIRE(report.cancelled == 2);
  REQUIRE_THAT(kill.reason(), ContainsSubstring("attestation: flag"));

  venue.asked.clear();
  report = engage(venue, kill, kill_reason::attestation, "", noon, underlyings, {}, [](std::int64_t) {});
  REQUIRE(venue.asked.empty());
  REQUIRE(report.all_closed);

  venue.throws = true;
  report = engage(venue, kill, kill_reason::attestation, "", noon, underlyings, own, [](std::int64_t) {});
  REQUIRE_FALSE(report.all_closed);
  REQUIRE(venue.asked.size() == 10);
  for (const auto& request : venue.asked) REQUIRE(request.find("rlx1-") != std::string::npos);
}

TEST_CASE("a drawdown that cannot be computed counts as reached", "[options][kill]") {
  constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();
  REQUIRE_FALSE(is_drawdown_reached(10, 10, 50));
  REQUIRE_FALSE(is_drawdown_reached(10, 20, 50));
  REQUIRE_FALSE(is_drawdown_reached(10, 5.00001, 50));
  REQUIRE(is_drawdown_reached(10, 5, 50));
  REQUIRE(is_drawdown_reached(10, 0, 50));
  REQUIRE(is_drawdown_reached(0, 0, 50));
  REQUIRE(is_drawdown_reached(nan_value, 10, 50));
  REQUIRE(is_drawdown_reached(10, nan_value, 50));
  REQUIRE(is_drawdown_reached(10, 10, nan_value));
}
