// SPDX-License-Identifier: MIT
#include <rlx/signals/journal_transport.hpp>

#include <cmath>
#include <cstdlib>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <rlx/signals/records_json.hpp>

#include "options/memory_files.hpp"
#include "rlx_catch.hpp"

using namespace rlx::signals;
using rlx_test::ContainsSubstring;
using rlx_test::MemoryFiles;
using rlx_test::ProcessEnd;

namespace {

// A clock whose waiting lets the agents work.
struct DeskClock {
  double time = 1000.0;
  std::function<void()> work = [] {};
  std::int64_t now_ms() const { return std::llround(time * 1000.0); }
  double monotonic_seconds() const { return time; }
  bool wait_until(double t, const std::stop_token&) {
    work();
    time = std::max(time, t);
    return true;
  }
};

Signal signal(const std::string& id = "s1") {
  return {.signal_id = id,
          .strategy = "momentum",
          .params = {.amount = 2.0, .base = "BTC", .quote = "USDT", .price = 10.0, .extra = R"({"note":"x"})"},
          .timestamp = 5.0};
}
TradeCommand command(const std::string& id = "s1") { return {id, "momentum", signal(id).params, {5.0}}; }

std::string answer(std::uint64_t id, Topic topic, const std::string& signal_id, bool yes) {
  const char* const key = topic == Topic::risk ? "passed" : topic == Topic::strategy ? "approved" : "executed";
  return to_text({0, id, topic, 1000.0, {{key, yes}, {"signal_id", signal_id}}});
}

struct Rig {
  MemoryFiles files{};
  DeskClock clock{};
  JournalTransport<MemoryFiles> open() { return {"desk", files, {10.0, {}}}; }
  void inbox(const std::string& text) { files.put("desk/inbox.jsonl", files.text("desk/inbox.jsonl") + text); }
  std::vector<JournalLine> outbox() {
    std::vector<JournalLine> lines;
    const std::string text = files.text("desk/outbox.jsonl");
    for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
      lines.push_back(parse_journal_line(std::string_view(text).substr(begin, end - begin), "outbox"));
    }
    return lines;
  }
};

}  // namespace

TEST_CASE("journal: requests are lines of the outbox, answers of the inbox", "[signals]") {
  Rig rig;
  auto transport = rig.open();
  static_assert(AgentTransport<JournalTransport<MemoryFiles>> && AgentTransport<JournalTransport<>>);
  AgentIO io(transport, rig.clock);
  rig.clock.work = [&] { rig.inbox(answer(1, Topic::risk, "s1", true)); };
  REQUIRE(io.request_risk_check(signal()).approved());
  rig.clock.work = [&] { rig.inbox(answer(2, Topic::execution, "s1", false)); };
  REQUIRE(io.send_command(command(), 20.0).outcome == ExecutionOutcome::failed);
  const std::vector<JournalLine> lines = rig.outbox();
  REQUIRE(lines.size() == 2);
  REQUIRE(lines[0].seq == 0);
  REQUIRE(lines[0].correlation_id == 1);
  REQUIRE(lines[0].topic == Topic::risk);
  REQUIRE(lines[0].ts == 1000.0);
  REQUIRE(signal_from_json(lines[0].payload) == signal());
  REQUIRE(lines[1].seq == 1);
  REQUIRE(trade_command_from_json(lines[1].payload.at("command")) == command());
  REQUIRE(lines[1].payload.at("notional") == 20.0);
  // Each line is whole JSON with its checksum, by hand: crc32c over the sorted object without it.
  const std::string text = rig.files.text("desk/outbox.jsonl");
  Json json = Json::parse(text.substr(0, text.find('\n')));
  const std::string crc = json.at("crc32c");
  json.erase("crc32c");
  REQUIRE(json.at("schema") == 1);
  REQUIRE(crc ==
          detail::journal_crc(R"({"correlation_id":1,"payload":{"params":{"amount":2,"base":"BTC","note":"x","price":10,)"
                              R"("quote":"USDT"},"signal_id":"s1","strategy":"momentum","timestamp":5},"schema":1,)"
                              R"("seq":0,"topic":"risk","ts":1000})"));
}

TEST_CASE("journal: silence ends at the deadline, a line without its end is not there yet", "[signals]") {
  Rig rig;
  auto transport = rig.open();
  AgentIO io(transport, rig.clock);
  const std::string line = answer(1, Topic::risk, "s1", true);
  rig.inbox(line.substr(0, line.size() - 1));
  REQUIRE(io.request_risk_check(signal()).status == AnswerStatus::timeout);
  REQUIRE(rig.clock.time == 1030.0);
  // Its end comes, too late for its request; the next one skips it.
  rig.inbox("\n" + answer(2, Topic::risk, "s1", true));
  REQUIRE(io.request_risk_check(signal()).approved());
  REQUIRE(io.ignored() == 1);
}

TEST_CASE("journal: a damaged line is an error of the request that waits, with file and line", "[signals]") {
  std::string flipped = answer(1, Topic::risk, "s1", true);
  flipped[flipped.find("true")] = 'T';
  std::string changed = answer(1, Topic::risk, "s1", false);
  changed.replace(changed.find("false"), 5, "true");
  for (const std::string& bad :
       {flipped, changed, std::string("\n"), std::string("{}\n"), "\"" + std::string(1 << 20, 'x') + "\"\n",
        std::string(1000, '[') + "\n", std::string("\"\xFF\"\n")}) {
    Rig rig;
    auto transport = rig.open();
    AgentIO io(transport, rig.clock);
    rig.inbox(answer(7, Topic::risk, "s1", true) + bad + answer(2, Topic::risk, "s1", true));
    const Answer first = io.request_risk_check(signal());
    REQUIRE(first.status == AnswerStatus::error);
    REQUIRE_THAT(first.reason, ContainsSubstring("inbox.jsonl:2"));
    REQUIRE(io.request_risk_check(signal()).approved());
  }
}

TEST_CASE("journal: after a restart old answers fit nothing, unanswered executions are unresolved", "[signals]") {
  Rig rig;
  {
    auto transport = rig.open();
    AgentIO io(transport, rig.clock);
    rig.inbox(answer(1, Topic::execution, "s1", true));
    REQUIRE(io.send_command(command("s1"), 20.0).outcome == ExecutionOutcome::executed);
    REQUIRE(io.send_command(command("s2"), 20.0).outcome == ExecutionOutcome::unknown);
    REQUIRE(io.send_command(command("s3"), 20.0).outcome == ExecutionOutcome::unknown);
    REQUIRE(io.send_command(command("s4"), 20.0).outcome == ExecutionOutcome::unknown);
    REQUIRE_THROWS_WITH(rig.open(), ContainsSubstring("another transport"));
  }
  // While nobody runs, one answer comes, one that is not proper, and a request that was never finished is found.
  rig.inbox(answer(3, Topic::execution, "s3", false) + answer(4, Topic::execution, "somebody else", true) + "damaged\n");
  rig.files.put("desk/outbox.jsonl", rig.files.text("desk/outbox.jsonl") + "{\"correlation_id\":5,");
  auto transport = rig.open();
  REQUIRE(rig.outbox().size() == 4);
  REQUIRE(rig.files.text("desk/outbox.jsonl").back() == '\n');
  REQUIRE(transport.next_correlation_id() == 5);
  const auto& pending = transport.pending_executions();
  REQUIRE(pending.size() == 3);
  REQUIRE(pending[0].command == command("s2"));
  REQUIRE(pending[0].notional == 20.0);
  REQUIRE_FALSE(pending[0].executed);
  REQUIRE(pending[1].executed == false);
  REQUIRE_FALSE(pending[2].executed);

  RecentContext context;
  FlowConfig config;
  config.limits.max_loss_pct.reset();
  config.limits.max_position_size.reset();
  config.limits.max_exposure = 100.0;
  FlowManager flow(transport, context, rig.clock, config);
  REQUIRE(flow.unresolved().size() == 2);
  REQUIRE(flow.open_exposure() == 40.0);
  REQUIRE(flow.stats().total == 3);
  REQUIRE(flow.stats().unknown == 2);
  REQUIRE(flow.stats().failed == 1);
  REQUIRE(flow.trades_today() == 2);
  REQUIRE(context.find_rejection("s2")->code == RejectionCode::execution_unknown);
  // Neither is sent again.
  REQUIRE_FALSE(flow.coordinate_agents(signal("s2")).executed());
  REQUIRE(rig.outbox().size() == 4);
  flow.resolve("s2", ExecutionOutcome::executed);
  REQUIRE(flow.unresolved().size() == 1);

  // What the records know of the pending ones counts; of the others the journal knows that s1 was executed.
  REQUIRE(transport.executed_before().size() == 1);
  RecentContext other;
  FlowManager again(transport, other, rig.clock, config);
  again.restore({.signals = {},
                 .rejections = {},
                 .pnl = {{"s4", 1.0, 1000.0, true}},
                 .markets = {},
                 .exchanges = {},
                 .executions = {{"s2", ExecutionOutcome::failed, 20.0, 1000.0},
                                {"s3", ExecutionOutcome::unknown, 20.0, 1000.0},
                                {"s4", ExecutionOutcome::unknown, 20.0, 1000.0}},
                 .scores = {},
                 .counts = {}});
  REQUIRE(again.unresolved().empty());
  REQUIRE(again.open_exposure() == 20.0);  // s1
  REQUIRE(again.stats().failed == 2);      // s2 by the records, s3 by the answer
  REQUIRE(again.stats().successful == 1);  // s4, which has its final P&L
  REQUIRE_FALSE(again.coordinate_agents(signal("s1")).executed());
  REQUIRE(rig.outbox().size() == 4);
}

TEST_CASE("journal: the process ends at any call, each execution is unsent or unresolved or answered, never sent twice",
          "[signals]") {
  using Fault = MemoryFiles::Fault;
  using Loss = MemoryFiles::Loss;
  FlowConfig config;
  config.limits.max_loss_pct.reset();
  config.limits.max_position_size.reset();
  const auto run = [&](Rig& rig) {
    auto transport = rig.open();
    RecentContext context;
    FlowManager flow(transport, context, rig.clock, config);
    // Every request is answered while one waits, but for the executions of s1.
    std::size_t seen = rig.outbox().size();
    rig.clock.work = [&] {
      const std::vector<JournalLine> lines = rig.outbox();
      for (; seen < lines.size(); ++seen) {
        const JournalLine& line = lines[seen];
        const Json& payload = line.topic == Topic::execution ? line.payload.at("command") : line.payload;
        const std::string id = payload.at("signal_id");
        if (line.topic != Topic::execution || id != "s1") rig.inbox(answer(line.correlation_id, line.topic, id, true));
      }
    };
    for (int i = 0; i < 3; ++i) flow.coordinate_agents(signal("s" + std::to_string(i)));
    return flow.unresolved().size();
  };
  std::size_t calls = 0;
  {
    Rig rig;
    REQUIRE(run(rig) == 1);
    calls = rig.files.calls.size();
  }
  REQUIRE(calls > 50);
  for (const Fault fault : {Fault::end_before, Fault::end_inside, Fault::end_after, Fault::fail}) {
    for (const Loss loss : {Loss::process_only, Loss::everything, Loss::some}) {
      for (std::size_t at = 0; at < calls; ++at) {
        INFO("call " << at << ", fault " << static_cast<int>(fault) << ", loss " << static_cast<int>(loss));
        Rig rig;
        rig.files.fault = fault;
        rig.files.fault_at = at;
        try {
          run(rig);
        } catch (const ProcessEnd&) {
        } catch (const rlx::Error&) {
        }
        rig.files.restart(loss);
        rig.clock.work = [] {};
        std::set<std::string> unresolved, before;
        {
          auto transport = rig.open();
          for (const JournalLine& line : rig.outbox()) {
            if (line.topic == Topic::execution) before.insert(line.payload.at("command").at("signal_id").get<std::string>());
          }
          RecentContext context;
          FlowManager flow(transport, context, rig.clock, config);
          // No records were kept: the journal alone has to hold back what was executed or may have been.
          flow.restore({});
          for (const std::string& id : before) {
            REQUIRE(flow.coordinate_agents(signal(id)).rejection->code == RejectionCode::invalid_field);
          }
          for (const TradeCommand& open : flow.unresolved()) unresolved.insert(open.signal_id);
          const FlowStats stats = flow.stats();
          REQUIRE(stats.total == stats.successful + stats.failed + stats.unknown);
        }
        std::map<std::string, int> sent;
        std::set<std::string> answered;
        const std::string inbox = rig.files.text("desk/inbox.jsonl");
        for (const JournalLine& line : rig.outbox()) {
          if (line.topic != Topic::execution) continue;
          const std::string id = line.payload.at("command").at("signal_id");
          ++sent[id];
          if (inbox.find(answer(line.correlation_id, Topic::execution, id, true)) != std::string::npos) answered.insert(id);
        }
        for (const auto& [id, count] : sent) {
          REQUIRE(count == 1);
          REQUIRE((unresolved.contains(id) || answered.contains(id)));
        }
        for (const std::string& id : unresolved) REQUIRE(sent.contains(id));
      }
    }
  }
}

TEST_CASE("journal: damaged files are refused", "[signals]") {
  Rig rig;
  {
    auto transport = rig.open();
    AgentIO io(transport, rig.clock);
    static_cast<void>(io.request_risk_check(signal()));
    static_cast<void>(io.request_risk_check(signal()));
  }
  const std::string good = rig.files.text("desk/outbox.jsonl");
  std::string bad = good;
  bad[bad.find("BTC")] = 'X';
  rig.files.put("desk/outbox.jsonl", bad);
  REQUIRE_THROWS_WITH(rig.open(), ContainsSubstring("outbox.jsonl:1") && ContainsSubstring("crc32c"));
  rig.files.put("desk/outbox.jsonl", good.substr(good.find('\n') + 1));
  REQUIRE_THROWS_WITH(rig.open(), ContainsSubstring("expected seq 0, found 1"));
  rig.files.put("desk/outbox.jsonl", good);
  rig.files.put("desk/inbox.offset", "12x");
  REQUIRE_THROWS_AS(rig.open(), rlx::DataError);
  rig.files.put("desk/inbox.offset", "12");
  REQUIRE_THROWS_WITH(rig.open(), ContainsSubstring("restore the inbox"));
  rig.files.put("desk/inbox.offset", "0");
  REQUIRE_NOTHROW(rig.open());
  REQUIRE_THROWS_AS(JournalTransport<MemoryFiles>("desk", rig.files, {0.0, {}}), rlx::ConfigError);
}

TEST_CASE("journal: over the files of the machine", "[signals]") {
  char name[] = "/tmp/rlx_signals_journal_XXXXXX";
  REQUIRE(::mkdtemp(name) != nullptr);
  const std::string directory = name;
  rlx::io::PosixFiles files;
  {
    DeskClock clock;
    JournalTransport transport(directory);
    AgentIO io(transport, clock);
    for (std::uint64_t id = 1; id <= 3; ++id) {
      clock.work = [&] {
        rlx::io::AppendFile<> inbox(directory + "/inbox.jsonl", files);
        inbox.append(answer(id, Topic::strategy, "s1", true));
      };
      REQUIRE(io.request_strategy_approval(signal()).approved());
    }
    REQUIRE_THROWS_AS(JournalTransport(directory), rlx::IoError);
  }
  REQUIRE(JournalTransport(directory).next_correlation_id() == 4);
  REQUIRE_THROWS_AS(JournalTransport("/proc/nowhere"), rlx::IoError);
  for (const std::string& file : rlx::io::list_directory(directory, files)) files.unlink(directory + '/' + file);
  ::rmdir(name);
}
