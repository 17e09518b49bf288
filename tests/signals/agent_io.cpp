// SPDX-License-Identifier: MIT
#include <rlx/signals/agent_io.hpp>

#include <deque>
#include <limits>
#include <string>
#include <vector>

#include <rlx/signals/records_json.hpp>

#include "rlx_catch.hpp"

using namespace rlx::signals;
using rlx_test::ContainsSubstring;

namespace {

// A way to the agents in a few lines: answers that a test has laid ready.
struct Desk {
  std::vector<AgentRequest> sent{};
  std::deque<AgentResponse> answers{};
  bool broken = false;
  void send(const AgentRequest& request) {
    if (broken) throw rlx::IoError("the line is cut");
    sent.push_back(request);
  }
  std::optional<AgentResponse> wait(std::uint64_t, const ClockRef&, Seconds) {
    if (answers.empty()) return std::nullopt;
    AgentResponse answer = answers.front();
    answers.pop_front();
    return answer;
  }
};
struct NoWait {
  void send(const AgentRequest&) {}
};
static_assert(AgentTransport<Desk> && AgentTransport<MockAgents> && !AgentTransport<NoWait>);

Signal signal(const char* id = "s1") {
  return {.signal_id = id, .strategy = "momentum", .params = {.amount = 1.0, .base = "BTC", .quote = "USDT"}, .timestamp = 5.0};
}
TradeCommand command() { return {"s1", "momentum", signal().params, {5.0}}; }
AgentResponse yes(std::uint64_t id, Topic topic, const char* signal_id = "s1", double at = 0.0) {
  return {id, topic, at, AgentVerdict{true, signal_id, {}}};
}
AgentResponse text(std::uint64_t id, Topic topic, std::string body) { return {id, topic, 0.0, std::move(body)}; }

struct Rig {
  rlx::ManualClock clock{1'000'000};
  RecentContext context;
  MemoryLog sink;
  CoreAgentLogger log{sink, clock};
  Desk desk{};
  AgentIO<Desk> io{desk, clock, {}, &context, &log};
};

std::uint64_t lines(const MemoryLog& log) {
  return static_cast<std::uint64_t>(std::count(log.text().begin(), log.text().end(), '\n'));
}

}  // namespace

TEST_CASE("agent io: a proper answer in time counts", "[signals]") {
  Rig rig;
  rig.desk.answers.push_back(yes(1, Topic::risk, "s1", 1002.5));
  const Answer answer = rig.io.request_risk_check(signal());
  REQUIRE(answer.approved());
  REQUIRE(answer.latency == 2.5);
  REQUIRE(rig.desk.sent.size() == 1);
  REQUIRE(rig.desk.sent[0].correlation_id == 1);
  REQUIRE(rig.desk.sent[0].topic == Topic::risk);
  REQUIRE(rig.desk.sent[0].sent_at == 1000.0);
  REQUIRE(rig.context.get_recent_exchanges() ==
          std::vector<AgentExchange>{{1, Topic::risk, "s1", AnswerStatus::approved, 1000.0, 1002.5, ""}});
  rig.desk.answers.push_back({2, Topic::strategy, 0.0, AgentVerdict{false, "s1", "too risky"}});
  const Answer no = rig.io.request_strategy_approval(signal());
  REQUIRE(no.status == AnswerStatus::refused);
  REQUIRE(no.reason == "too risky");
  REQUIRE(no.latency == 0.0);  // an answer from before the request, by its own time
  rig.desk.answers.push_back(yes(3, Topic::execution));
  REQUIRE(rig.io.send_command(command(), 12.0).outcome == ExecutionOutcome::executed);
  REQUIRE(lines(rig.sink) == 3);
}

TEST_CASE("agent io: what is late, doubled, reordered or of something else approves nothing", "[signals]") {
  const std::vector<AgentResponse> wrong = {yes(2, Topic::risk),
                                            yes(0, Topic::risk),
                                            yes(1, Topic::strategy),
                                            yes(1, Topic::execution),
                                            yes(1, Topic::risk, "s2"),
                                            yes(1, Topic::risk, "s1", 1030.001),
                                            yes(1, Topic::risk, "s1", std::numeric_limits<double>::quiet_NaN())};
  for (const AgentResponse& answer : wrong) {
    Rig rig;
    rig.desk.answers.push_back(answer);
    REQUIRE(rig.io.request_risk_check(signal()).status == AnswerStatus::timeout);
    REQUIRE(rig.io.ignored() == 1);
    REQUIRE_THAT(rig.sink.text(), ContainsSubstring("ignored_response"));
  }
  Rig rig;
  rig.desk.answers.assign(wrong.begin(), wrong.end());
  rig.desk.answers.push_back({1, Topic::risk, 1000.0, AgentVerdict{false, "s1", "no"}});
  rig.desk.answers.push_back(yes(1, Topic::risk));  // a second answer cannot change the first
  REQUIRE(rig.io.request_risk_check(signal()).status == AnswerStatus::refused);
  REQUIRE(rig.io.request_risk_check(signal()).status == AnswerStatus::timeout);
  REQUIRE(rig.io.ignored() == wrong.size() + 1);
}

TEST_CASE("agent io: text is parsed within limits, never evaluated", "[signals]") {
  const auto ask = [](const std::string& body) {
    Rig rig;
    rig.desk.answers.push_back(text(1, Topic::risk, body));
    return rig.io.request_risk_check(signal());
  };
  REQUIRE(ask(R"({"passed":true,"signal_id":"s1"})").approved());
  REQUIRE(ask(R"({"passed":false,"signal_id":"s1","reason":"no"})").reason == "no");
  REQUIRE(ask(R"({"passed":true,"signal_id":"s2"})").status == AnswerStatus::timeout);
  for (const std::string& bad : std::vector<std::string>{
           R"({"passed":1,"signal_id":"s1"})", R"({"passed":"true","signal_id":"s1"})", R"({"approved":true,"signal_id":"s1"})",
           R"({"passed":true})", R"({"passed":true,"signal_id":1})", R"({"passed":true,"signal_id":"s1","reason":5})", "[]", "",
           "True", "__import__('os').system('true')", "{\"passed\":true,\"signal_id\":\"s1\"", "\"\xFF\"",
           R"({"passed":true,"signal_id":"s1","passed":true})", std::string(1000, '[') + std::string(1000, ']'),
           R"({"passed":true,"signal_id":"s1","x":")" + std::string(1 << 20, 'x') + "\"}"}) {
    REQUIRE(ask(bad).status == AnswerStatus::error);
  }
  REQUIRE(ask(R"({"error":"out of order"})").reason == "out of order");
}

TEST_CASE("agent io: an execution without a proper answer is unknown, and was sent once", "[signals]") {
  const auto send = [](std::vector<AgentResponse> answers, bool broken = false) {
    Rig rig;
    rig.desk.broken = broken;
    rig.desk.answers.assign(answers.begin(), answers.end());
    const ExecutionAnswer answer = rig.io.send_command(command());
    REQUIRE(rig.desk.sent.size() == (broken ? 0 : 1));
    return answer.outcome;
  };
  REQUIRE(send({}) == ExecutionOutcome::unknown);
  REQUIRE(send({}, true) == ExecutionOutcome::unknown);
  REQUIRE(send({text(1, Topic::execution, "{")}) == ExecutionOutcome::unknown);
  REQUIRE(send({{1, Topic::execution, 0.0, AgentFailure{"x"}}}) == ExecutionOutcome::unknown);
  REQUIRE(send({yes(1, Topic::execution, "s2")}) == ExecutionOutcome::unknown);
  REQUIRE(send({text(1, Topic::execution, R"({"executed":false,"signal_id":"s1"})")}) == ExecutionOutcome::failed);
  Rig rig;
  rig.desk.broken = true;
  const Answer answer = rig.io.request_risk_check(signal());
  REQUIRE(answer.status == AnswerStatus::error);
  REQUIRE(answer.reason == "the line is cut");
}

TEST_CASE("agent io: nothing is sent that is not in the log", "[signals]") {
  struct FullDisk : LogSink {
    void append(std::string_view) override { throw rlx::IoError("disk full"); }
  };
  rlx::ManualClock clock;
  FullDisk sink;
  CoreAgentLogger log(sink, clock);
  Desk desk;
  AgentIO io(desk, clock, {}, nullptr, &log);
  REQUIRE_THROWS_AS(io.send_command(command()), rlx::IoError);
  REQUIRE_THROWS_AS(io.request_risk_check(signal()), rlx::IoError);
  REQUIRE(desk.sent.empty());
}

TEST_CASE("agent io: a timeout that cannot work", "[signals]") {
  rlx::ManualClock clock;
  Desk desk;
  for (const double timeout : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    REQUIRE_THROWS_AS(AgentIO(desk, clock, {timeout, {}}), rlx::ConfigError);
  }
}

TEST_CASE("mock agents: a script is followed and repeats", "[signals]") {
  rlx::ManualClock clock(1'000'000);
  MockAgents agents;
  agents.script(Topic::risk, {mock::approve(1.5), mock::reject("no"), mock::timeout(), mock::error("broken"), mock::malformed(),
                              mock::late(31.0), mock::late(3.0), mock::duplicate(), mock::wrong_id()});
  AgentIO io(agents, clock);
  using enum AnswerStatus;
  const std::vector<AnswerStatus> expected = {approved, refused, timeout, error, error, timeout, approved, approved, timeout};
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const Answer answer = io.request_risk_check(signal());
      INFO("step " << i);
      REQUIRE(answer.status == expected[i]);
      if (i == 0) REQUIRE(answer.latency == 1.5);
      if (i == 1) REQUIRE(answer.reason == "no");
      if (i == 3) REQUIRE(answer.reason == "broken");
      if (i == 6) REQUIRE(answer.latency == 3.0);
      // The other agents are not concerned.
      REQUIRE(io.request_strategy_approval(signal()).approved());
    }
  }
  REQUIRE(agents.requests(Topic::risk) == 18);
  REQUIRE(agents.requests(Topic::execution) == 0);
  // The doubled answers came to the next request and the approvals of another signal to their own.
  REQUIRE(io.ignored() == 4);
  // The late answer of 31 s is delivered to a request that waits at that time.
  clock.advance_ms(60'000);
  REQUIRE(io.request_strategy_approval(signal()).approved());
  REQUIRE(io.ignored() == 6);
}

TEST_CASE("mock agents: shares come true and depend on seed and number only", "[signals]") {
  const auto run = [](std::uint64_t seed, bool ask_others) {
    rlx::ManualClock clock;
    MockAgents agents(seed);
    agents.shares(Topic::risk, {.approve = 0.5, .reject = 0.3, .timeout = 0.2, .reason = "no"});
    AgentIO io(agents, clock);
    std::string result;
    for (int i = 0; i < 10'000; ++i) {
      if (ask_others) static_cast<void>(io.request_strategy_approval(signal()));
      const AnswerStatus status = io.request_risk_check(signal()).status;
      result += status == AnswerStatus::approved ? 'a' : status == AnswerStatus::refused ? 'r' : 't';
    }
    return result;
  };
  const std::string first = run(7, false);
  REQUIRE(first == run(7, true));
  REQUIRE(first != run(8, false));
  // Within four standard deviations of 10,000 draws.
  REQUIRE(std::abs(std::count(first.begin(), first.end(), 'a') - 5000) < 200);
  REQUIRE(std::abs(std::count(first.begin(), first.end(), 'r') - 3000) < 184);
  REQUIRE(std::abs(std::count(first.begin(), first.end(), 't') - 2000) < 160);
  MockAgents agents;
  REQUIRE_THROWS_AS(agents.shares(Topic::risk, {.approve = -1.0}), rlx::ConfigError);
  REQUIRE_THROWS_AS(agents.shares(Topic::risk, {.approve = 0.0}), rlx::ConfigError);
  REQUIRE_THROWS_AS(agents.script(Topic::risk, {}), rlx::ConfigError);
  REQUIRE_THROWS_AS(agents.script(Topic::risk, {mock::late(-1.0)}), rlx::ConfigError);
}
