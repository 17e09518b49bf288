// SPDX-License-Identifier: MIT
// The whole agent on the networked venue, over TLS, while replies get lost in the middle of a ladder.
#include <rlx/options/agent_loop.hpp>

#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <rlx/market/black76.hpp>
#include <rlx/options/deribit_client.hpp>

#include "options/memory_files.hpp"
#include "options_http/exchange.hpp"
#include "rlx_catch.hpp"

namespace {

using namespace rlx::options;
using rlx_test::Connection;
using rlx_test::Exchange;
using rlx_test::Fault;
using rlx_test::MemoryFiles;
using rlx_test::RpcDesk;
using rlx_test::SharedClock;

constexpr double forward = 90100.25, iv = 0.45;

// Calls of two expiries around deltas 0.1 to 0.5, quoted on their ticks; quotes are as old as the desk's clock.
void list_chain(RpcDesk& desk) {
  RpcDesk::Json instruments = RpcDesk::Json::array(), summary = RpcDesk::Json::array();
  for (const auto& [day, expiry] : {std::pair{"9JAN26", 1'767'945'600'000LL}, {"16JAN26", 1'768'550'400'000LL}}) {
    for (int strike = 91'000; strike <= 100'000; strike += 1'000) {
      const std::string name = std::string("BTC-") + day + '-' + std::to_string(strike) + "-C";
      instruments.push_back(desk.option(name, strike, expiry));
      const double value = rlx::market::black76(rlx::market::OptionType::call, forward, strike,
                                                rlx::market::years_of(expiry - SharedClock::start_ms), iv)
                               .price /
                           forward;
      const double tick = value < 0.005 ? 0.0001 : 0.0005;
      const double bid = std::floor(value / tick) * tick;
      summary.push_back({{"instrument_name", name},
                         {"bid_price", bid},
                         {"ask_price", bid + 2 * tick},
                         {"mark_price", value},
                         {"mark_iv", 100 * iv},
                         {"underlying_price", forward},
                         {"open_interest", 100.0},
                         {"creation_timestamp", SharedClock::start_ms}});
    }
  }
  desk.results["public/get_instruments"] = instruments.dump();
  desk.results["public/get_book_summary_by_currency"] = summary.dump();
  desk.results["private/get_settlement_history_by_currency"] = R"({"settlements":[],"continuation":null})";
  desk.positions_from_fills = true;
  desk.quotes = summary;
}

struct Rig {
  SharedClock clock;
  Exchange exchange{clock};
  Connection connection{exchange, clock, 500};
  MemoryFiles files;
  std::vector<std::string> lines;
  Settings settings;
  DecisionLog<MemoryFiles> log = DecisionLog<MemoryFiles>::open("log", files);
  LogWriter<MemoryFiles, SharedClock> writer{log, clock, true};
  KillSwitch<MemoryFiles> kill{"log", files};
  std::optional<
      LadderAgent<rlx_test::TlsClient, LogWriter<MemoryFiles, SharedClock>, LadderPolicies<>, SharedClock, MemoryFiles>>
      agent;

  Rig() {
    list_chain(exchange.desk);
    exchange.desk.check_token = true;
    settings.deribit_base_url = exchange.url();
    settings.underlyings = {"BTC"};
    settings.training_mode = true;
    settings.dry_run = false;
    LadderPolicies<> policies;
    policies.hosts = exchange.hosts();
    agent.emplace(connection.client, writer, kill, settings, policies, clock, "acct-7",
                  [this](std::string_view line) { lines.emplace_back(line); });
  }
  TickReport tick() {
    agent->start(read_history(LogReader("log", files)));
    return agent->run_tick();
  }
  RpcDesk& desk() { return exchange.desk; }
  std::string everything_written() const {
    std::string text;
    for (const std::string& path : files.paths()) text += files.text(path);
    for (const std::string& line : lines) text += line + '\n';
    return text;
  }
  void check_no_secrets() const {
    const std::string text = everything_written();
    CHECK(text.find(rlx_test::client_secret) == std::string::npos);
    CHECK(text.find(rlx_test::client_id) == std::string::npos);
    CHECK(text.find(exchange.desk.token) == std::string::npos);
  }
  void check_labels_unique() const {
    std::set<std::string> labels;
    for (const auto& order : exchange.desk.orders) CHECK(labels.insert(order.at("label")).second);
  }
};

}  // namespace

TEST_CASE("a ladder goes over TLS leg by leg", "[options][agent][http]") {
  Rig rig;
  const TickReport report = rig.tick();
  INFO(report.decision.error << report.stop_reason);
  REQUIRE(report.stop == StopCause::none);
  CHECK(report.decision.decision_source == DecisionSource::training_mode);
  CHECK(report.decision.environment == VenueEnvironment::testnet);
  REQUIRE(report.decision.execution.legs.size() == 5);
  CHECK(report.decision.execution.status == LadderStatus::completed);
  CHECK(rig.desk().orders.size() == 5);
  std::map<std::string, int> strategies;
  for (const LegResult& leg : report.decision.execution.legs) {
    CHECK(leg.state == LegState::resting);
    ++strategies[leg.leg.action.strategy.value_or("-")];
  }
  CHECK(strategies.size() == 3);
  CHECK(rig.lines.front() == "Training mode: candidate ladder:");
  rig.check_labels_unique();
  rig.check_no_secrets();
  CHECK(rig.agent->run_tick().stop == StopCause::none);  // the resting legs occupy their symbols
  rig.check_labels_unique();
}

TEST_CASE("a ladder survives what happens to its second leg", "[options][agent][http]") {
  const auto cut_off = Fault{.delivery = {.cut_after = 20}};
  const std::vector<std::pair<const char*, Fault>> faults = {
      {"connection lost after the order was taken", cut_off},
      {"no reply in time", {.delivery = {.delay_ms = 3'000}}},
      {"HTTP 500 after the order was taken", {.status = 500}},
      {"reply of another request", {.edit = [](std::string& body) { body.replace(body.find("\"id\":"), 5, "\"id\":7"); }}},
      {"token forgotten", {.before = [](RpcDesk& desk) { desk.token = "TOKEN-second"; }}},
      {"too many requests",
       {.before =
            [](RpcDesk& desk) {
              desk.errors["private/sell"] = {{{"code", 10028}, {"message", "too_many_requests"}}};
            }}},
      {"retry", {.before = [](RpcDesk& desk) {
         desk.errors["private/sell"] = {{{"code", 10040}, {"message", "retry"}}};
       }}}};
  for (const auto& [what, fault] : faults) {
    INFO(what);
    Rig rig;
    rig.exchange.faults["private/sell"] = {Fault{}, fault};
    const TickReport report = rig.tick();
    CHECK(report.stop == StopCause::none);
    REQUIRE(report.decision.execution.legs.size() == 5);
    for (const LegResult& leg : report.decision.execution.legs) CHECK(leg.state == LegState::resting);
    CHECK(rig.desk().orders.size() == 5);
    rig.check_labels_unique();
    rig.check_no_secrets();
  }
}

TEST_CASE("a flag that changes in the middle of a ladder stops the agent", "[options][agent][http]") {
  for (const char* flag : {"false", ""}) {
    Rig rig;
    std::size_t methods_before = 0;
    rig.exchange.faults["private/sell"] = {Fault{}, Fault{.before = [&](RpcDesk& desk) {
                                             desk.testnet = flag;
                                             methods_before = desk.methods.size() + 1;  // this request itself
                                           }}};
    const TickReport report = rig.tick();
    CHECK(report.stop == StopCause::attestation);
    CHECK(rig.kill.is_latched());
    REQUIRE(methods_before > 0);
    REQUIRE(rig.desk().methods.size() > methods_before);
    for (std::size_t i = methods_before; i < rig.desk().methods.size(); ++i) {
      CHECK(rig.desk().methods[i] == "private/cancel_by_label");
      CHECK(rig.desk().params[i].at("label").get<std::string>().starts_with("rlx1-"));
    }
    for (const auto& order : rig.desk().orders) CHECK(order.at("order_state") == "cancelled");
    CHECK_THROWS_AS(rig.agent->run_tick(), rlx::StateError);
    rig.check_no_secrets();
  }
}

TEST_CASE("partial fills of a ladder are explained by the log", "[options][agent][http]") {
  Rig rig;
  rig.desk().fill_part = 0.5;
  const TickReport first = rig.tick();
  CHECK(first.stop == StopCause::none);
  for (const LegResult& leg : first.decision.execution.legs) CHECK(leg.state == LegState::partial);
  CHECK(first.decision.execution.fill_status == FillStatus::partial);
  rig.clock.advance_ms(1'000);
  const TickReport second = rig.agent->run_tick();
  INFO(second.stop_reason << second.decision.error);
  CHECK(second.stop == StopCause::none);  // positions = fills of the log
  rig.check_labels_unique();
}
