// SPDX-License-Identifier: MIT
#include <rlx/options/agent_loop.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "options/agent_rig.hpp"
#include "options/fake_venue.hpp"
#include "options/memory_files.hpp"
#include "rlx_catch.hpp"

using namespace rlx::options;
using rlx::market::Fixed8;
using rlx_test::AgentEnd;
using rlx_test::AgentRig;
using rlx_test::ContainsSubstring;
using rlx_test::FakeVenue;
using rlx_test::Fate;
using rlx_test::LadderRig;
using rlx_test::log_text;
using rlx_test::MemoryFiles;
using rlx_test::ProcessEnd;
using rlx_test::rig_settings;
using rlx_test::Verdict;

// Nobody makes an attestation but a venue with a checked reply, and the training branch cannot be called without one.
static_assert(!std::is_default_constructible_v<Attestation>);
static_assert(!std::is_constructible_v<Attestation, VenueEnvironment, std::int64_t>);
static_assert(!std::is_aggregate_v<Attestation>);
static_assert(!std::is_invocable_v<decltype(&propose_training_ladder), const AgentState&, const Settings&>);

namespace {

struct World {
  rlx::ManualClock clock{FakeVenue::start_ms};
  FakeVenue venue{clock};
  MemoryFiles files;
  Settings settings = rig_settings(true);
  std::vector<std::string> lines;
  std::unique_ptr<LadderRig> rig;

  void start() {
    rig.reset();
    rig = std::make_unique<LadderRig>(clock, venue, files, settings, LadderPolicies<>{},
                                      [this](std::string_view line) { lines.emplace_back(line); });
    rig->start();
  }
  TickReport tick() {
    const TickReport report = rig->agent().run_tick();
    clock.advance_ms(10);
    return report;
  }
  std::size_t count(std::string_view method) const {
    return static_cast<std::size_t>(std::count(venue.methods.begin(), venue.methods.end(), method));
  }
  template <class R>
  std::vector<R> records() {
    std::vector<R> found;
    for_each_record(LogReader("log", files), [&](const auto& record) {
      if constexpr (std::is_same_v<std::decay_t<decltype(record)>, R>) found.push_back(record);
    });
    return found;
  }
};

}  // namespace

TEST_CASE("A ladder is one decision with one execution, check and result for every leg") {
  World world;
  world.settings.order_style = OrderStyle::take_bid;
  world.settings.underlyings = {"BTC"};
  world.start();
  const TickReport report = world.tick();
  const DecisionRecord& decision = report.decision;
  CHECK(decision.decision_source == DecisionSource::training_mode);
  CHECK(decision.proposed_action.type == ActionType::training_ladder);
  CHECK(decision.proposed_action == decision.final_action);
  CHECK(decision.proposed_action.reasoning == "Training mode on testnet: executed ladder of short calls across profiles.");
  CHECK(decision.risk_check.allowed);
  CHECK(decision.risk_check.reasons == std::vector<std::string>{"training_mode on testnet: risk checks skipped"});
  CHECK(decision.execution.status == LadderStatus::completed);
  CHECK(decision.execution.fill_status == FillStatus::full);
  REQUIRE(decision.execution.legs.size() == 5);
  REQUIRE(decision.ladder.size() == 5);
  CHECK(world.venue.orders.size() == 5);
  for (std::size_t i = 0; i < 5; ++i) {
    const LegResult& leg = decision.execution.legs[i];
    CHECK(leg.leg.action == decision.ladder[i]);
    CHECK(leg.leg.action.strategy.has_value());
    CHECK(leg.risk_check.allowed);
    CHECK(leg.state == LegState::filled);
    CHECK(leg.order_id == world.venue.orders[i].order_id);
  }
  // One decision in the log, the plan before it.
  CHECK(world.records<DecisionRecord>().size() == 1);
  REQUIRE(world.records<PlanRecord>().size() == 1);
  CHECK(world.records<PlanRecord>()[0].legs.size() == 5);
  const std::string text = log_text(world.files);
  CHECK(text.find("\"type\":\"plan\"") < text.find("\"type\":\"decision\""));
  CHECK_THAT(text, ContainsSubstring(
                       "\"proposed_action\":{\"action\":\"TRAINING_LADDER\",\"mode\":\"training\",\"params\":{\"legs\":[{"
                       "\"strategy\":\"conservative\",\"symbol\":\""));
}

TEST_CASE("Two legs of one profile on two underlyings keep their own results") {
  World world;
  world.settings.order_style = OrderStyle::take_bid;
  world.start();
  int submits = 0;
  world.venue.fate = [&](std::string_view method) {
    return method == "submit" && ++submits == 1 ? Verdict{Fate::answer_code, 11054, 0} : Verdict{};
  };
  const TickReport report = world.tick();
  REQUIRE(report.decision.execution.legs.size() == 10);
  const auto first_of = [&](std::string_view underlying) {
    return *std::find_if(report.decision.execution.legs.begin(), report.decision.execution.legs.end(),
                         [&](const LegResult& leg) {
                           return leg.leg.action.underlying == underlying && leg.leg.action.strategy == "conservative";
                         });
  };
  CHECK(first_of("BTC").state == LegState::rejected);
  CHECK(first_of("BTC").code == 11054);
  CHECK(first_of("ETH").state == LegState::filled);
  CHECK(first_of("ETH").code == 0);
  CHECK(report.decision.execution.status == LadderStatus::partial);
  CHECK(report.decision.risk_check.reasons.size() == 1);  // the venue's rejection is no denial
}

TEST_CASE("Of a ladder of ten against a notional cap for four, four are sent and all ten are in the log") {
  World world;
  world.settings.order_style = OrderStyle::take_bid;
  // 0.1 BTC at 90,000 and 1 ETH at 3,000 are open for each leg: four BTC legs make 36,000.
  world.settings.hard_max_open_notional_usd = 38'000;
  world.start();
  const TickReport report = world.tick();
  CHECK(world.venue.orders.size() == 4);
  REQUIRE(report.decision.execution.legs.size() == 10);
  CHECK(std::count_if(report.decision.execution.legs.begin(), report.decision.execution.legs.end(),
                      [](const LegResult& leg) { return leg.rejected_by == RejectedBy::risk; }) == 6);
  CHECK(report.decision.risk_check.allowed);
  REQUIRE(report.decision.risk_check.reasons.size() == 2);
  CHECK(report.decision.risk_check.reasons[1] == "6 of 10 legs denied by hard gates");
  CHECK(report.decision.execution.status == LadderStatus::partial);
  const auto logged = world.records<DecisionRecord>();
  REQUIRE(logged.size() == 1);
  CHECK(logged[0].ladder.size() == 10);
  CHECK(logged[0].execution.legs.size() == 10);
  CHECK_THAT(logged[0].execution.legs[9].risk_check.reasons.at(0), ContainsSubstring("H8"));

  World none;
  none.settings.hard_max_open_notional_usd = 1;
  none.start();
  const TickReport denied = none.tick();
  CHECK(none.venue.orders.empty());
  CHECK_FALSE(denied.decision.risk_check.allowed);
  CHECK(denied.decision.execution.status == LadderStatus::failed);
}

TEST_CASE("The ladder is printed line by line") {
  World world;
  world.settings.underlyings = {"BTC"};
  world.settings.training_max_calls_per_underlying = 1;
  world.start();
  const TickReport report = world.tick();
  REQUIRE(report.decision.ladder.size() == 1);
  REQUIRE(world.lines.size() == 2);
  CHECK(world.lines[0] == "Training mode: candidate ladder:");
  CHECK(world.lines[1] == "  [conservative] BTC-16JAN26-97200-C Δ≈0.231, DTE=14.00, IVRV=1.00");
}

TEST_CASE("A dry run of a hundred ticks sends nothing and changes no position") {
  World world;
  world.settings.dry_run = true;
  world.start();
  for (int i = 0; i < 100; ++i) {
    const TickReport report = world.tick();
    CHECK(report.decision.execution.status == LadderStatus::simulated);
    CHECK(report.decision.execution.dry_run);
    REQUIRE(report.decision.execution.legs.size() == 10);
    CHECK(report.decision.execution.legs[0].simulated);
    world.clock.advance_ms(300'000);
  }
  CHECK(world.count("submit") == 0);
  CHECK(world.venue.orders.empty());
  CHECK(world.venue.held.empty());
  CHECK(world.rig->agent().book().legs().empty());
  CHECK(world.records<PlanRecord>().empty());
  CHECK(world.records<LegRecord>().empty());
  world.start();  // and the next start finds nothing to reconcile
}

TEST_CASE("Without a ladder the rules decide, and the model is not asked") {
  struct Transport {
    int* calls;
    LlmReply post(const LlmRequest&) {
      ++*calls;
      return {};
    }
  };
  int calls = 0;
  Transport transport{&calls};
  using Policies = LadderPolicies<LlmPolicies<Transport>>;
  Policies policies;
  policies.production.transport = &transport;
  World world;
  world.settings.llm_enabled = true;
  world.settings.llm_base_url = "https://example.com/v1";
  world.settings.llm_model = "m";
  world.settings.training_max_calls_per_underlying = 0;
  AgentRig<Policies> rig(world.clock, world.venue, world.files, world.settings, policies);
  rig.start();
  const TickReport report = rig.agent().run_tick();
  CHECK(report.decision.decision_source == DecisionSource::rule_based);
  CHECK(report.decision.final_action.type == ActionType::open_covered_call);
  CHECK_FALSE(report.decision.final_action.strategy.has_value());
  CHECK(report.decision.ladder.empty());
  CHECK(calls == 0);

  // With training off the model is asked; its failure leaves the rules, and says why.
  MemoryFiles files;
  world.settings.training_mode = false;
  FakeVenue venue(world.clock);
  AgentRig<Policies> production(world.clock, venue, files, world.settings, policies);
  production.start();
  CHECK(production.agent().run_tick().decision.decision_source == DecisionSource::llm_fallback_to_rule);
  CHECK(calls == 1);
}

TEST_CASE("A proposal of the model that the risk engine denies leaves the rules, and is kept") {
  struct Transport {
    std::string symbol;
    LlmReply post(const LlmRequest&) {
      const std::string content = R"({\"action\":\"OPEN_COVERED_CALL\",\"params\":{\"symbol\":\")" + symbol +
                                  R"(\",\"size\":0.1},\"reasoning\":\"because\"})";
      return {200, R"({"choices":[{"message":{"content":")" + content + R"("}}]})", {}};
    }
  };
  World world;
  Transport transport{"BTC-9JAN26-95400-C"};
  LlmPolicies<Transport> policies{&transport, {}};
  world.settings.training_mode = false;
  world.settings.llm_enabled = true;
  world.settings.llm_base_url = "https://example.com/v1";
  world.settings.llm_model = "m";
  {
    AgentRig<LlmPolicies<Transport>> rig(world.clock, world.venue, world.files, world.settings, policies);
    rig.start();
    const TickReport report = rig.agent().run_tick();
    INFO(report.decision.error);
    CHECK(report.decision.decision_source == DecisionSource::llm);
    CHECK(world.venue.orders.size() == 1);
  }
  FakeVenue venue(world.clock);
  MemoryFiles files;
  world.settings.max_expiry_exposure = world.settings.research_max_expiry_exposure = {{{"BTC", 0.0}, {"ETH", 10}}, {}};
  AgentRig<LlmPolicies<Transport>> rig(world.clock, venue, files, world.settings, policies);
  rig.start();
  const TickReport report = rig.agent().run_tick();
  CHECK(report.decision.decision_source == DecisionSource::llm_fallback_to_rule);
  REQUIRE(report.decision.shadow_action.has_value());
  CHECK(report.decision.shadow_action->symbol == "BTC-9JAN26-95400-C");
  CHECK_THAT(log_text(files), ContainsSubstring("denied: S5"));
}

TEST_CASE("A production action that is denied ends as DO_NOTHING with the reason, and nothing is sent") {
  World world;
  world.settings.training_mode = false;
  world.settings.max_margin_used_pct = 0.0;
  world.start();
  const TickReport report = world.tick();
  CHECK(report.decision.proposed_action.type == ActionType::open_covered_call);
  CHECK(report.decision.final_action.type == ActionType::do_nothing);
  CHECK_FALSE(report.decision.risk_check.allowed);
  CHECK_THAT(report.decision.risk_check.reasons.at(0), ContainsSubstring("S3"));
  CHECK(report.decision.execution.status == LadderStatus::failed);
  CHECK(world.venue.orders.empty());
}

TEST_CASE("An unreadable chain ends the tick, not the next one") {
  World world;
  world.start();
  world.venue.fate = [](std::string_view method) { return method == "chain" ? Verdict{Fate::lose_reply, 0, 0} : Verdict{}; };
  const TickReport failed = world.tick();
  CHECK(failed.decision.decision_source == DecisionSource::error);
  CHECK_THAT(failed.decision.error, ContainsSubstring("chain"));
  CHECK(failed.stop == StopCause::none);
  CHECK(world.venue.orders.empty());
  CHECK(world.records<ErrorRecord>().size() == 1);
  world.venue.fate = [](std::string_view) { return Verdict{}; };
  CHECK(world.tick().decision.decision_source == DecisionSource::training_mode);
  CHECK(world.records<DecisionRecord>().size() == 2);
}

TEST_CASE("A connection that fails in the middle of a ladder leaves every leg in the record of its tick") {
  World world;
  world.settings.order_style = OrderStyle::take_bid;
  world.settings.underlyings = {"BTC"};
  world.start();
  int submits = 0;
  world.venue.fate = [&](std::string_view method) -> Verdict {
    if (method == "submit" && ++submits == 3) throw rlx::VenueError("TLS: certificate has expired");
    return {};
  };
  const TickReport report = world.tick();
  CHECK(report.stop == StopCause::none);
  CHECK(report.decision.decision_source == DecisionSource::training_mode);
  CHECK_THAT(report.decision.error, ContainsSubstring("certificate has expired"));
  CHECK_THAT(report.decision.execution.aborted_reason, ContainsSubstring("certificate has expired"));
  CHECK(report.decision.execution.status == LadderStatus::partial);
  CHECK(report.decision.risk_check.allowed);
  CHECK(submits == 3);
  const auto logged = world.records<DecisionRecord>();
  REQUIRE(logged.size() == 1);
  REQUIRE(logged[0].execution.legs.size() == 5);
  CHECK(logged[0].execution.legs == report.decision.execution.legs);
  const LegState states[] = {LegState::filled, LegState::filled, LegState::unknown, LegState::rejected, LegState::rejected};
  for (std::size_t i = 0; i < 5; ++i) {
    const LegResult& leg = logged[0].execution.legs[i];
    CHECK(leg.state == states[i]);
    CHECK(leg.rejected_by == (i > 2 ? RejectedBy::abort : RejectedBy::none));
    CHECK(leg.leg.action.strategy.has_value());
  }
  // The next tick is normal, and finds out that the third leg never arrived.
  world.clock.advance_ms(300'000);
  const TickReport next = world.tick();
  CHECK(next.decision.error.empty());
  CHECK(next.decision.execution.legs.size() >= 2);
  CHECK(world.venue.orders.size() == 2 + next.decision.execution.legs.size());
  const auto legs = world.records<LegRecord>();
  const auto last = std::find_if(legs.rbegin(), legs.rend(),
                                 [&](const LegRecord& one) { return one.label == logged[0].execution.legs[2].leg.label; });
  REQUIRE(last != legs.rend());
  CHECK(last->rejected_by == RejectedBy::timed_out);
}

TEST_CASE("The run keeps its name, ticks count on, and no label comes twice over restarts") {
  World world;
  world.settings.order_style = OrderStyle::take_bid;
  world.start();
  const std::string run = world.rig->agent().run_id();
  world.tick();
  world.tick();
  world.start();
  CHECK(world.rig->agent().run_id() == run);
  CHECK(world.rig->agent().next_tick_seq() == 2);
  CHECK(world.tick().tick_seq == 2);
  std::map<std::string, int> labels;
  for (const PlanRecord& plan : world.records<PlanRecord>()) {
    for (const PlannedLeg& leg : plan.legs) CHECK(++labels[leg.label] == 1);
  }
  const auto starts = world.records<StartRecord>();
  REQUIRE(starts.size() == 2);
  CHECK(starts[1].run_id == run);
  CHECK(starts[1].tick_seq == 2);
  CHECK(starts[0].equity_usd == 20 * 90'000.0 + 200 * 3'000.0);
}

TEST_CASE("Resting orders wake the agent at their deadline") {
  World world;
  world.settings.underlyings = {"BTC"};
  world.venue.skew_ms = 1'500;
  world.start();
  CHECK_FALSE(world.rig->agent().next_poll_ms().has_value());
  world.tick();
  REQUIRE(world.venue.open_count() == 5);
  const std::int64_t due = *world.rig->agent().next_poll_ms();
  CHECK(due == world.venue.orders[0].created_ms - 1'500 + 240'000);
  CHECK(world.rig->agent().next_wake_ms() == due);
  CHECK(world.rig->agent().next_tick_ms() == FakeVenue::start_ms + 300'000);
  world.clock.set_ms(due - 1'000);
  CHECK(world.rig->agent().poll().stop == StopCause::none);
  CHECK(world.venue.open_count() == 5);
  world.clock.set_ms(due + 1'000);
  CHECK(world.rig->agent().poll().stop == StopCause::none);
  CHECK(world.venue.open_count() == 0);
  CHECK(world.rig->agent().next_wake_ms() == world.rig->agent().next_tick_ms());
}

TEST_CASE("The loop ticks at every interval, cancels at deadlines between ticks, and ends when it is asked to") {
  World world;
  world.settings.underlyings = {"BTC"};
  world.clock.advance_ms(100'000);
  world.start();
  std::vector<std::int64_t> times;
  std::size_t resting = 0;
  const auto on_tick = [&](const TickReport& report) {
    times.push_back(world.clock.now_ms());
    resting += report.decision.execution.legs.size();
  };
  CHECK(run_agent(world.rig->agent(), world.clock, 3, {}, on_tick).stop == StopCause::none);
  REQUIRE(times.size() == 3);
  CHECK(times[1] / 300'000 == FakeVenue::start_ms / 300'000 + 1);
  CHECK(times[2] / 300'000 == FakeVenue::start_ms / 300'000 + 2);
  CHECK(times[2] % 300'000 < 1'000);
  CHECK(resting == 12);  // five; two more beside those that still rest; five again
  CHECK(world.venue.open_count() == 0);
  CHECK(world.records<StopRecord>().at(0).reason == "end of the run");
  // The first two ladders ended at their deadlines, the third with the agent.
  for (std::size_t i = 0; i < 5; ++i) CHECK(world.venue.orders[i].state == OrderState::cancelled);

  world.start();
  int asked = 0;
  run_agent(
      world.rig->agent(), world.clock, 0, [&] { return ++asked > 5; }, on_tick);
  CHECK(times.size() == 4);
  CHECK(world.records<StopRecord>().at(1).reason == "asked to stop");

  world.start();
  const TickReport killed = run_agent(
      world.rig->agent(), world.clock, 0,
      [&] {
        if (++asked == 20) world.files.put("log/KILL", "");
        return false;
      },
      on_tick);
  CHECK(killed.stop == StopCause::kill);
  CHECK(world.venue.open_count() == 0);
}

TEST_CASE("An agent that stops takes its resting orders with it") {
  World world;
  world.start();
  world.tick();
  CHECK(world.venue.open_count() == 10);
  world.rig->agent().stop("test");
  CHECK(world.venue.open_count() == 0);
  CHECK(world.records<StopRecord>().at(0).reason == "test");
  CHECK_THROWS_AS(world.rig->agent().run_tick(), rlx::StateError);
  world.start();
}

TEST_CASE("Expired positions are settled once, and the money adds up") {
  World world;
  world.settings.order_style = OrderStyle::take_bid;
  world.settings.underlyings = {"BTC"};
  world.start();
  world.tick();
  world.venue.set_index("BTC", 95'000.0);
  for (int i = 0; i < 4; ++i) {
    world.clock.advance_ms(FakeVenue::day_ms);
    world.tick();
  }
  const auto settled = world.records<SettlementRecord>();
  std::map<std::string, int> once;
  for (const SettlementRecord& record : settled) CHECK(++once[record.settlement.symbol] == 1);
  CHECK(settled.size() == world.venue.settled.size());
  CHECK_FALSE(settled.empty());
  CHECK(world.rig->agent().book().positions().size() >= world.venue.held.size());
}

// --- mainnet gate --------------------------------------------------------------------------------------------------------

TEST_CASE("Start: every combination of training, host, environment, flag and venue does what the table says") {
  for (const bool training : {false, true}) {
    for (const std::string url : {"https://test.deribit.com", "https://www.deribit.com", "https://example.com"}) {
      for (const std::string env : {"testnet", "mainnet"}) {
        for (const VenueEnvironment kind : {VenueEnvironment::paper, VenueEnvironment::testnet, VenueEnvironment::mainnet}) {
          for (const bool flag : {false, true}) {
            INFO(training << ' ' << url << ' ' << env << ' ' << name_of(kind) << ' ' << flag);
            World world;
            world.settings.training_mode = training;
            world.settings.deribit_base_url = url;
            world.settings.deribit_env = env;
            world.venue.kind = kind;
            world.venue.flag = flag;
            const std::string host = url == "https://test.deribit.com"  ? "testnet"
                                     : url == "https://www.deribit.com" ? "mainnet"
                                                                        : "none";
            const bool agree = host == env && (kind == VenueEnvironment::paper || name_of(kind) == env);
            const bool allowed = agree && !(training && env == "mainnet");
            const bool attested = kind == VenueEnvironment::paper || flag == (kind == VenueEnvironment::testnet);
            if (!allowed) {
              CHECK_THROWS_AS(world.start(), SafetyError);
              CHECK(world.venue.requests == 0);  // nothing was asked, nothing was sent
              continue;
            }
            if (!attested) {
              CHECK_THROWS_AS(world.start(), AttestationError);
              CHECK(world.rig->kill().is_latched());
              CHECK(world.count("submit") + world.count("cancel_all") == 0);
              CHECK_THROWS_AS(world.start(), KillSwitchError);
              continue;
            }
            world.start();
            const DecisionSource source = world.tick().decision.decision_source;
            CHECK(source == (training ? DecisionSource::training_mode : DecisionSource::rule_based));
          }
        }
      }
    }
  }
}

TEST_CASE("After a reply with the wrong flag nothing is sent but cancels of own labels") {
  for (const std::string_view method : {"attest", "chain", "submit", "orders_by_label", "ticker", "positions"}) {
    INFO(method);
    World world;
    world.start();
    world.tick();
    REQUIRE(world.venue.open_count() == 10);
    Order foreign = world.venue.orders[0];
    foreign.order_id = "theirs";
    foreign.label = "desk";
    world.venue.orders.push_back(foreign);
    std::size_t seen = 0;
    world.venue.fate = [&](std::string_view one) {
      if (one != method || seen != 0) return Verdict{};
      seen = world.venue.methods.size();
      return Verdict{Fate::wrong_flag, 0, 0};
    };
    world.clock.advance_ms(300'000);
    const TickReport report = world.tick();
    REQUIRE(seen != 0);
    CHECK(report.stop == StopCause::attestation);
    if (method == "submit") {
      const std::vector<LegResult>& legs = report.decision.execution.legs;
      REQUIRE(legs.size() > 1);
      CHECK(legs[0].state == LegState::unknown);
      CHECK(std::all_of(legs.begin() + 1, legs.end(), [](const auto& leg) { return leg.rejected_by == RejectedBy::abort; }));
      CHECK(world.records<DecisionRecord>().back().execution.legs == legs);
    }
    for (std::size_t i = seen; i < world.venue.methods.size(); ++i) CHECK(world.venue.methods[i] == "cancel_by_label");
    for (const Order& order : world.venue.orders) CHECK((order.state == OrderState::open) == !is_own_label(order.label));
    CHECK_THROWS_AS(world.start(), KillSwitchError);
    CHECK(world.records<KillRecord>().at(0).reason == "attestation");
  }
}

// --- kill switch ---------------------------------------------------------------------------------------------------------

TEST_CASE("The operator's file during any leg ends the ladder, cancels everything and stays over restarts") {
  std::vector<std::int64_t> times;
  for (int at = 1; at <= 10; ++at) {
    for (int seed = 0; seed < 20; ++seed) {
      World world;
      world.start();
      rlx::RandomStream random({static_cast<std::uint64_t>(seed), rlx::Purpose::user});
      int submits = 0;
      std::int64_t killed_ms = 0, closed_ms = 0;
      world.venue.fate = [&](std::string_view method) {
        if (method == "submit" && ++submits == at) {
          world.files.put("log/KILL", "");
          killed_ms = world.clock.now_ms();
        }
        if (killed_ms != 0 && method == "open_orders" && closed_ms == 0 && world.venue.open_count() == 0) {
          closed_ms = world.clock.now_ms();
        }
        world.venue.latency_ms = static_cast<std::int64_t>(5 + random.bounded(40));
        return Verdict{};
      };
      const TickReport report = world.tick();
      CHECK(report.stop == StopCause::kill);
      CHECK(submits == at);
      CHECK(world.venue.open_count() == 0);
      if (at < 10) CHECK_FALSE(report.decision.execution.aborted_reason.empty());
      times.push_back(closed_ms - killed_ms);
      if (seed > 0) continue;
      CHECK_THROWS_AS(world.start(), KillSwitchError);
      world.files.unlink("log/KILL");
      CHECK_THROWS_AS(world.start(), KillSwitchError);
      world.files.unlink("log/kill.latch");
      world.start();
      REQUIRE(world.records<KillReleasedRecord>().size() == 1);
      CHECK(world.records<KillRecord>().at(0).reason == "operator");
      CHECK(world.records<KillReleasedRecord>()[0].reason == "operator");
    }
  }
  std::sort(times.begin(), times.end());
  CHECK(times[times.size() * 99 / 100] < 1'000);
}

TEST_CASE("Every trigger of the kill switch latches it") {
  SECTION("the setting") {
    World world;
    world.settings.kill_switch_enabled = true;
    world.start();
    CHECK(world.tick().stop == StopCause::kill);
    CHECK(world.records<KillRecord>().at(0).reason == "setting");
    CHECK(world.count("cancel_all") == 1);
    CHECK(world.records<DecisionRecord>().at(0).decision_source == DecisionSource::halted);
  }
  SECTION("a drawdown since the start") {
    World world;
    world.settings.underlyings = {"BTC"};
    world.start();
    world.venue.cash["BTC"] = Fixed8::from_integer(10);  // half of what it was
    CHECK(world.tick().stop == StopCause::kill);
    CHECK(world.records<KillRecord>().at(0).reason == "drawdown");
    CHECK(world.venue.orders.empty());
  }
  SECTION("just above the limit there is none") {
    World world;
    world.settings.underlyings = {"BTC"};
    world.start();
    world.venue.cash["BTC"] = Fixed8::parse("10.001");
    CHECK(world.tick().stop == StopCause::none);
  }
  SECTION("a second order under one label") {
    World world;
    world.venue.refuses_equal_labels = false;
    world.start();
    bool done = false;
    world.venue.fate = [&](std::string_view method) {
      if (method != "submit" || done) return Verdict{};
      done = true;
      return Verdict{Fate::duplicate, 0, 1'000};
    };
    CHECK(world.tick().stop == StopCause::none);
    world.clock.advance_ms(5'000);
    CHECK(world.tick().stop == StopCause::kill);
    CHECK(world.records<KillRecord>().at(0).reason == "duplicate_label");
    CHECK(world.venue.open_count() == 0);
  }
  SECTION("a log that cannot be written: nothing is sent without a plan") {
    World world;
    world.start();
    world.files.fault = MemoryFiles::Fault::fail;
    world.files.error = ENOSPC;
    world.files.fault_at = world.files.calls.size();
    CHECK(world.tick().stop == StopCause::log);
    CHECK(world.count("submit") == 0);
    CHECK(world.rig->kill().is_latched());
    // The log could not take the kill record: the start after the operator's release writes it, once.
    world.files.unlink("log/kill.latch");
    for (int start = 0; start < 2; ++start) {
      world.start();
      REQUIRE(world.records<KillRecord>().size() == 1);
      CHECK(world.records<KillRecord>()[0].reason == "log");
      CHECK_THAT(world.records<KillRecord>()[0].message, ContainsSubstring("decision log"));
      REQUIRE(world.records<KillReleasedRecord>().size() == 1);
      CHECK(world.records<KillReleasedRecord>()[0].reason == "log");
    }
  }
  SECTION("requests on their way are cancelled after they have arrived") {
    World world;
    world.settings.underlyings = {"BTC"};
    world.start();
    world.venue.fate = [&](std::string_view method) {
      if (method != "submit") return Verdict{};
      world.files.put("log/KILL", "");
      return Verdict{Fate::delay, 0, 9'000};
    };
    CHECK(world.tick().stop == StopCause::kill);
    CHECK(world.venue.orders.size() == 1);
    CHECK(world.venue.open_count() == 0);
    CHECK(world.count("cancel_all") == 2);
    CHECK(world.rig->agent().book().unfinished().empty());
  }
}

TEST_CASE("A kill and a contradiction at once: everything is cancelled, in a tick and at the start") {
  for (const bool at_start : {false, true}) {
    INFO(at_start);
    World world;
    world.start();
    world.tick();
    world.clock.advance_ms(20'000);
    REQUIRE(world.venue.open_count() == 10);
    bool done = false;
    world.venue.fate = [&](std::string_view method) {
      // A second order under one label, seen only after the orders were followed, and which a plain cancel does not end.
      if (method == (at_start ? "open_orders" : "chain") && !done) {
        done = true;
        Order second = world.venue.orders[0];
        second.order_id = "second";
        second.created_ms += 1;
        world.venue.orders.push_back(second);
      }
      return method == "cancel" ? Verdict{Fate::answer_code, 10047, 0} : Verdict{};
    };
    if (at_start) {
      CHECK_THROWS_AS(world.start(), ReconciliationError);
    } else {
      CHECK(world.tick().stop == StopCause::reconciliation);
    }
    REQUIRE(done);
    CHECK(world.rig->kill().is_latched());
    CHECK(world.count("cancel_all") >= 1);
    CHECK(world.venue.open_count() == 0);
    REQUIRE(world.records<KillRecord>().size() == 1);
    CHECK(world.records<KillRecord>()[0].reason == "duplicate_label");
    CHECK_THROWS_AS(world.start(), KillSwitchError);
  }
}

TEST_CASE("A connection that is not safe, between ticks or at the end, ends neither the agent nor its log") {
  World world;
  world.start();
  world.tick();
  REQUIRE(world.venue.open_count() == 10);
  const auto unsafe = [](std::string_view) -> Verdict { throw rlx::VenueError("TLS failed"); };
  world.venue.fate = unsafe;
  world.clock.advance_ms(250'000);
  CHECK(world.rig->agent().poll().stop == StopCause::none);
  CHECK(world.tick().stop == StopCause::none);
  world.venue.fate = [](std::string_view) { return Verdict{}; };
  CHECK(world.rig->agent().poll().stop == StopCause::none);
  CHECK(world.venue.open_count() == 0);
  world.clock.advance_ms(50'000);
  CHECK(world.tick().stop == StopCause::none);
  REQUIRE(world.venue.open_count() == 10);
  world.venue.fate = unsafe;
  world.rig->agent().stop("end");
  CHECK(world.records<StopRecord>().size() == 1);
  REQUIRE_FALSE(world.records<ErrorRecord>().empty());
  const ErrorRecord alarm = world.records<ErrorRecord>().back();
  CHECK(alarm.alarm);
  CHECK(alarm.message == "10 own orders may still rest: TLS failed");
}

TEST_CASE("Codes that say the credentials are wrong stop the agent, whatever it asked for") {
  for (const int code : {13004, 13021, 13403}) {
    for (const std::string_view method : {"account", "positions", "open_orders"}) {
      INFO(code << ' ' << method);
      World world;
      world.start();
      world.venue.fate = [&](std::string_view one) { return one == method ? Verdict{Fate::answer_code, code, 0} : Verdict{}; };
      const TickReport report = world.tick();
      CHECK(report.stop == StopCause::attestation);
      CHECK_THAT(report.stop_reason, ContainsSubstring(std::to_string(code)));
      CHECK(world.count("submit") == 0);
      CHECK(world.records<DecisionRecord>().at(0).decision_source == DecisionSource::halted);
      CHECK_FALSE(world.rig->kill().is_latched());
    }
  }
}

TEST_CASE("A password in the base URL is refused and not shown") {
  World world;
  world.settings.deribit_base_url = "https://desk:hunter2@test.deribit.com";
  try {
    world.start();
    FAIL("expected a refusal");
  } catch (const SafetyError& error) {
    CHECK_THAT(error.what(), ContainsSubstring("***@test.deribit.com"));
    CHECK_THAT(error.what(), !ContainsSubstring("hunter2"));
  }
  CHECK(log_text(world.files).empty());
}

TEST_CASE("A venue that cancels nothing raises an alarm") {
  World world;
  world.start();
  world.tick();
  world.clock.advance_ms(20'000);
  world.files.put("log/KILL", "");
  world.venue.fate = [](std::string_view method) {
    return method == "cancel_all" ? Verdict{Fate::answer_code, 10047, 0} : Verdict{};
  };
  CHECK(world.tick().stop == StopCause::kill);
  CHECK(world.count("cancel_all") == 5);
  const auto errors = world.records<ErrorRecord>();
  REQUIRE_FALSE(errors.empty());
  CHECK(errors.back().alarm);
}

// --- crashes -------------------------------------------------------------------------------------------------------------

namespace {

// Three ticks with fills and cancels in between; ended at a given point, started again, and brought to rest.
class CrashRun {
 public:
  bool ended = false;

  CrashRun(std::function<Verdict(std::size_t, std::string_view)> request, MemoryFiles::Fault fault, std::size_t fault_at,
           MemoryFiles::Loss loss)
      : loss_(loss), fault_(fault), fault_at_(fault_at) {
    world_.settings.underlyings = {"BTC"};
    world_.settings.training_max_calls_per_underlying = 3;
    world_.venue.fate = [this, request = std::move(request)](std::string_view method) {
      return calm_ ? Verdict{} : request(world_.venue.requests, method);
    };
  }

  void run() {
    try {
      world_.files.fault = fault_;
      world_.files.fault_at = fault_at_;
      world_.start();
      for (int i = 0; i < 2 && !ended; ++i) step(i);
    } catch (const AgentEnd&) {
      ended = true;
    } catch (const ProcessEnd&) {
      ended = true;
    } catch (const LogError&) {
      ended = true;  // a call that failed during the start
    }
    requests = world_.venue.requests;
    calls = world_.files.calls.size();
    calm_ = true;
    world_.rig.reset();
    world_.files.restart(loss_);
    world_.files.unlink("log/kill.latch");  // an operator has looked at it
    world_.clock.advance_ms(1'000);
    world_.start();
    for (int i = 0; i < 2; ++i) step(i);
    world_.clock.advance_ms(300'000);
    world_.tick();
    world_.rig->agent().stop("end");
  }

  void check() {
    std::map<std::string, const Order*> at_venue;
    for (const Order& order : world_.venue.orders) {
      CHECK(at_venue.emplace(order.label, &order).second);
      CHECK(order.state != OrderState::open);
    }
    std::map<std::string, LegRecord> last;
    std::map<std::string, Fixed8> position;
    std::size_t planned = 0;
    for_each_record(LogReader("log", world_.files), [&](const auto& record) {
      using R = std::decay_t<decltype(record)>;
      if constexpr (std::is_same_v<R, PlanRecord>) {
        for (const PlannedLeg& leg : record.legs) {
          ++planned;
          last[leg.label].label = leg.label;
        }
      }
      if constexpr (std::is_same_v<R, LegRecord>) last[record.label] = record;
    });
    for (const auto& [label, order] : at_venue) REQUIRE(last.contains(label));
    CHECK(last.size() == planned);
    for (const auto& [label, record] : last) {
      INFO(label << ' ' << name_of(record.to));
      CHECK(is_terminal(record.to));
      const auto order = at_venue.find(label);
      CHECK(record.filled_amount == (order == at_venue.end() ? Fixed8() : order->second->filled_amount));
      if (order == at_venue.end()) CHECK(record.to == LegState::rejected);
    }
    for (const Order& order : world_.venue.orders) position[order.symbol] -= order.filled_amount;
    for (const auto& [symbol, size] : world_.venue.held) CHECK(position[symbol] == size);
  }

  std::size_t requests = 0, calls = 0;

 private:
  void step(int i) {
    ended = world_.tick().stop != StopCause::none;
    if (ended) return;  // a call that failed
    if (!world_.venue.orders.empty()) {
      world_.venue.fill_resting(0, Fixed8::parse("0.1"));
      if (world_.venue.orders.size() > 1) world_.venue.fill_resting(1, Fixed8::parse("0.04"));
    }
    world_.clock.advance_ms(250'000 + i);
    ended = world_.rig->agent().next_poll_ms() && world_.rig->agent().poll().stop != StopCause::none;
  }

  World world_;
  MemoryFiles::Loss loss_;
  MemoryFiles::Fault fault_;
  std::size_t fault_at_;
  bool calm_ = false;
};

}  // namespace

TEST_CASE("The process ends at any request, before it leaves or before its reply: no label twice, log and venue agree") {
  const auto never = [](std::size_t, std::string_view) { return Verdict{}; };
  CrashRun whole(never, MemoryFiles::Fault::none, 0, MemoryFiles::Loss::process_only);
  whole.run();
  whole.check();
  CHECK_FALSE(whole.ended);
  for (std::size_t at = 1; at <= whole.requests; ++at) {
    for (const Fate fate : {Fate::end_before, Fate::end_after, Fate::end_in_flight}) {
      for (const MemoryFiles::Loss loss : {MemoryFiles::Loss::process_only, MemoryFiles::Loss::everything}) {
        INFO("request " << at << " fate " << static_cast<int>(fate) << " loss " << static_cast<int>(loss));
        CrashRun run(
            [&](std::size_t i, std::string_view method) {
              if (i != at || (fate == Fate::end_in_flight && method != "submit")) return Verdict{};
              return Verdict{fate, 0, 3'000};
            },
            MemoryFiles::Fault::none, 0, loss);
        run.run();
        run.check();
      }
    }
  }
}

TEST_CASE("The process ends at any write, flush or rename of the journal: no label twice, log and venue agree") {
  const auto never = [](std::size_t, std::string_view) { return Verdict{}; };
  CrashRun whole(never, MemoryFiles::Fault::none, 0, MemoryFiles::Loss::process_only);
  whole.run();
  REQUIRE(whole.calls > 20);
  for (std::size_t at = 0; at < whole.calls; ++at) {
    for (const MemoryFiles::Fault fault : {MemoryFiles::Fault::fail, MemoryFiles::Fault::end_before,
                                           MemoryFiles::Fault::end_inside, MemoryFiles::Fault::end_after}) {
      for (const MemoryFiles::Loss loss :
           {MemoryFiles::Loss::process_only, MemoryFiles::Loss::everything, MemoryFiles::Loss::some}) {
        INFO("call " << at << " fault " << static_cast<int>(fault) << " loss " << static_cast<int>(loss));
        CrashRun run(never, fault, at, loss);
        run.run();
        run.check();
      }
    }
  }
}
