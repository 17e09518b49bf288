// SPDX-License-Identifier: MIT
#include <rlx/signals/core_agent_logger.hpp>

#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include <rlx/signals/records_json.hpp>

#include "options/memory_files.hpp"
#include "rlx_catch.hpp"

using namespace rlx::signals;
using rlx_test::ContainsSubstring;
using rlx_test::MemoryFiles;
using rlx_test::ProcessEnd;

namespace {

// Any text without its first line; the lines of a text.
std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

// A log in files of memory.
struct Rig {
  MemoryFiles files;
  rlx::ManualClock clock{1'700'000'000'000};

  CoreAgentLogger open(LogFilesConfig config = {}, LoggerConfig logger = {}) {
    return {std::make_unique<LogDirectory<MemoryFiles>>("logs", files, config), clock, std::move(logger)};
  }
  void write(int records, LogFilesConfig config = {}) {
    CoreAgentLogger log = open(config);
    for (int i = 0; i < records; ++i) log.log_action("store_signal", {{"number", i}, {"share", 0.1 * i}});
  }
  LogVerification verify() { return verify_log("logs", files); }
};

}  // namespace

TEST_CASE("logger: the hash of the worked example", "[signals]") {
  const rlx::ManualClock clock(0);
  MemoryLog sink;
  CoreAgentLogger log(sink, clock);
  log.log_action("store_signal");
  const std::string zeros(64, '0');
  const std::string hash = "1b2451ddf4ae3e12e834157c1dc8ec304400a19acd1719968c5c3a2e3f3aeae1";
  REQUIRE(log.get_stats().last_hash == hash);
  REQUIRE(sink.text() == R"({"fields":{},"kind":"action","name":"store_signal","seq":0,"ts":"1970-01-01T00:00:00Z","prev":")" +
                             zeros + R"(","hash":")" + hash + "\"}\n");
  // The next record begins with this hash.
  log.log_info("x");
  const Json second = Json::parse(lines_of(sink.text()).at(1));
  REQUIRE(second.at("prev") == hash);
  REQUIRE(second.at("seq") == 1);
  REQUIRE(second.at("hash") ==
          rlx::sha256_hex(hash + R"({"fields":{},"kind":"info","name":"x","seq":1,"ts":"1970-01-01T00:00:00Z"})"));
}

TEST_CASE("logger: canonical JSON has sorted keys, no spaces and the shortest numbers", "[signals]") {
  const rlx::ManualClock clock(1'234'567'890'125);
  MemoryLog sink;
  CoreAgentLogger log(sink, clock);
  log.log_info("n\"1\xC3\xA9", {{"z", 0.1},
                                {"a", {1, -2, 2.5, 1e-7, 1e22, 100000.0, -0.0, true, nullptr, "t\n"}},
                                {"m", {{"b", 1}, {"a", Json::array()}}},
                                {"nan", std::numeric_limits<double>::quiet_NaN()}});
  REQUIRE_THAT(sink.text(),
               ContainsSubstring(R"({"fields":{"a":[1,-2,2.5,0.0000001,1e+22,100000,-0.0,true,null,"t\n"],"m":{"a":[],"b":1},)"
                                 R"("nan":null,"z":0.1},"kind":"info","name":"n\"1)"
                                 "\xC3\xA9"
                                 R"(","seq":0,"ts":"2009-02-13T23:31:30.125Z","prev")"));
}

TEST_CASE("logger: each method writes one record of its kind", "[signals]") {
  const rlx::ManualClock clock(0);
  MemoryLog sink;
  CoreAgentLogger log(sink, clock);
  log.log_action("a");
  log.log_error("a");
  log.log_info("a");
  log.log_metric("a", 0.5, {{"unit", "s"}});
  log.log_signal_processing("a");
  log.log_signal_filtering("a");
  log.log_agent_coordination("a");
  log.log_trade_command("a");
  log.log_flow_management("a");
  log.log_system_operation("a");
  const std::vector<std::string> lines = lines_of(sink.text());
  REQUIRE(lines.size() == 10);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    REQUIRE(Json::parse(lines[i]).at("kind") == name_of(static_cast<LogKind>(i)));
    REQUIRE(log.get_stats().by_kind[i] == 1);
  }
  REQUIRE(Json::parse(lines[3]).at("fields") == Json({{"unit", "s"}, {"value", 0.5}}));
  REQUIRE(log.get_stats().records == 10);
  REQUIRE(log.get_stats().bytes == sink.text().size());
  REQUIRE(log.get_stats().next_seq == 10);
  REQUIRE_THROWS_AS(log.log_info("a", Json::array({1})), rlx::DataError);
  REQUIRE(log.get_stats().records == 10);
}

TEST_CASE("logger: secrets are redacted at any depth, in any case of letters", "[signals]") {
  const rlx::ManualClock clock(0);
  MemoryLog sink;
  CoreAgentLogger log(sink, clock, {{"PIN", "token"}});
  log.log_info("x", {{"Token", "hidden1"}, {"list", {{{"deep", {{"pIn", {{"also", "hidden2"}}}}}}}}, {"tokens", "seen"}});
  REQUIRE(sink.text().find("hidden") == std::string::npos);
  REQUIRE_THAT(sink.text(), ContainsSubstring(R"({"Token":"***","list":[{"deep":{"pIn":"***"}}],"tokens":"seen"})"));
  MemoryLog usual;
  CoreAgentLogger other(usual, clock);
  for (const char* key : {"API_KEY", "secret", "Token", "password", "private_key", "Signature"}) {
    other.log_info("x", {{"a", {{key, "hidden"}}}});
  }
  REQUIRE(usual.text().find("hidden") == std::string::npos);
}

TEST_CASE("logger: flipping any byte of 200 records is found, at or before its line", "[signals]") {
  Rig rig;
  rig.write(199);  // and the record that opens the log
  const std::string good = rig.files.text("logs/core_agent.0.log");
  REQUIRE(rig.verify().ok);
  REQUIRE(rig.verify().records == 200);
  std::string text = good;
  std::size_t line = 1;
  bool all_found = true;
  for (std::size_t i = 0; i < good.size(); ++i) {
    // Every bit in turn; all positions. Only the last lines are walked in full for every byte, to keep the test short.
    text[i] = static_cast<char>(text[i] ^ (1 << (i % 8)));
    // Checking from the line's own place on is enough: the lines before are unchanged.
    detail::AgentLogChain chain;
    const std::size_t begin = line == 1 ? 0 : good.rfind('\n', i - 1) + 1;
    if (i % 97 == 0 || i + 600 > good.size()) {
      rig.files.put("logs/core_agent.0.log", text);
      const LogVerification log = rig.verify();
      all_found = all_found && !log.ok && log.bad && log.bad->line <= line + 1;
    } else {
      chain.started = true;
      chain.next_seq = line - 1;
      chain.last_hash = line == 1 ? std::string(64, '0') : good.substr(begin - 67, 64);
      const std::size_t end = text.find('\n', begin);
      std::string_view record;
      const bool whole = good[i] != '\n' && text[i] != '\n';
      all_found = all_found && (!whole || !chain.accept(std::string_view(text).substr(begin, end - begin), record).empty());
      if (!whole) {
        rig.files.put("logs/core_agent.0.log", text);
        all_found = all_found && !rig.verify().ok;
      }
    }
    text[i] = good[i];
    line += good[i] == '\n' ? 1U : 0U;
  }
  REQUIRE(all_found);
}

TEST_CASE("logger: removed, inserted and swapped lines are named", "[signals]") {
  Rig rig;
  rig.write(5);
  const std::string good = rig.files.text("logs/core_agent.0.log");
  const std::vector<std::string> lines = lines_of(good);
  const auto verify = [&](std::vector<std::size_t> order) {
    std::string text;
    for (const std::size_t i : order) text += lines[i] + '\n';
    rig.files.put("logs/core_agent.0.log", text);
    return rig.verify();
  };
  REQUIRE(verify({0, 1, 2, 3, 4, 5}).ok);
  LogVerification log = verify({0, 1, 3, 4, 5});
  REQUIRE_FALSE(log.ok);
  REQUIRE(log.records == 2);
  REQUIRE(log.bad->file == "core_agent.0.log");
  REQUIRE(log.bad->line == 3);
  REQUIRE(log.bad->seq == 2);
  REQUIRE_THAT(log.bad->problem, ContainsSubstring("expected record 2, found 3"));
  REQUIRE(verify({0, 2, 1, 3, 4, 5}).bad->line == 2);
  REQUIRE(verify({0, 1, 1, 2, 3}).bad->line == 3);
  REQUIRE(verify({1, 2, 3, 4, 5}).bad->line == 1);  // the first record is missing
  REQUIRE_THAT(verify({1, 2, 3, 4, 5}).bad->problem, ContainsSubstring("no anchor"));
  // A record that someone made anew does not fit its neighbours.
  std::string text = good;
  text.replace(text.find("\"number\":2"), 10, "\"number\":7");
  rig.files.put("logs/core_agent.0.log", text);
  REQUIRE(rig.verify().bad->seq == 3);
  REQUIRE_THAT(rig.verify().bad->problem, ContainsSubstring("hash"));
  REQUIRE_THROWS_AS(rig.open(), rlx::DataError);
}

TEST_CASE("logger: rotation keeps the chain, and removing old files leaves an anchor", "[signals]") {
  Rig rig;
  rig.write(60, {2000, 3});
  const LogVerification log = rig.verify();
  REQUIRE(log.ok);
  REQUIRE(log.files == 3);
  REQUIRE(log.first_seq > 0);
  for (const std::string& path : rig.files.paths()) {
    if (path.ends_with(".log")) REQUIRE(rig.files.text(path).size() <= 2000);
  }
  // The first record of a file begins with the hash of the last one of the file before.
  std::vector<std::string> logs;
  for (const std::string& path : rig.files.paths()) {
    if (path.ends_with(".log")) logs.push_back(path);
  }
  std::sort(logs.begin(), logs.end(),
            [](const auto& a, const auto& b) { return a.size() != b.size() ? a.size() < b.size() : a < b; });
  REQUIRE(logs.size() == 3);
  REQUIRE(Json::parse(lines_of(rig.files.text(logs[1])).front()).at("prev") ==
          Json::parse(lines_of(rig.files.text(logs[0])).back()).at("hash"));
  // It goes on after another opening.
  rig.write(60, {2000, 3});
  REQUIRE(rig.verify().ok);
  REQUIRE(rig.verify().files == 3);
  // A file in the middle, or the oldest one without its anchor, is missed.
  rig.files.unlink(logs[0]);
  std::vector<std::string> names = rig.files.paths();
  std::erase_if(names, [](const std::string& name) { return !name.ends_with(".log"); });
  rig.files.unlink(names.front());
  REQUIRE_FALSE(rig.verify().ok);
}

TEST_CASE("logger: a torn last line is cut, kept and recorded", "[signals]") {
  Rig rig;
  rig.write(3);
  const std::string good = rig.files.text("logs/core_agent.0.log");
  rig.files.put("logs/core_agent.0.log", good + "{\"fields\":{\"num");
  LogVerification log = rig.verify();
  REQUIRE_FALSE(log.ok);
  REQUIRE(log.torn);
  REQUIRE(log.bad->line == 5);
  REQUIRE(log.bad->seq == 4);
  rig.write(1);
  REQUIRE(rig.verify().ok);
  REQUIRE(rig.files.text("logs/core_agent.0.log.4.torn") == "{\"fields\":{\"num");
  const std::vector<std::string> lines = lines_of(rig.files.text("logs/core_agent.0.log"));
  REQUIRE(lines.size() == 6);
  REQUIRE(Json::parse(lines[4]).at("name") == "torn_line");
  REQUIRE(Json::parse(lines[4]).at("fields").at("kept_as") == "core_agent.0.log.4.torn");
  // It is recorded once.
  rig.write(1);
  REQUIRE(lines_of(rig.files.text("logs/core_agent.0.log")).size() == 7);
}

TEST_CASE("logger: the process ends at any call, the log opens again and is whole", "[signals]") {
  using Fault = MemoryFiles::Fault;
  const LogFilesConfig config{900, 2};
  std::size_t calls = 0;
  {
    Rig rig;
    rig.write(8, config);
    calls = rig.files.calls.size();
  }
  for (const Fault fault : {Fault::end_before, Fault::end_inside, Fault::end_after, Fault::fail}) {
    for (std::size_t at = 0; at < calls; ++at) {
      Rig rig;
      rig.files.fault = fault;
      rig.files.fault_at = at;
      std::uint64_t written = 0;  // records of calls that returned
      try {
        CoreAgentLogger log = rig.open(config);
        for (int i = 0; i < 8; ++i) {
          log.log_action("store_signal", {{"number", i}});
          written = log.get_stats().next_seq;
        }
      } catch (const ProcessEnd&) {
      } catch (const rlx::IoError&) {
      }
      rig.files.restart(MemoryFiles::Loss::process_only);
      rig.write(1, config);
      const LogVerification log = rig.verify();
      INFO("call " << at << " of " << calls << ", fault " << static_cast<int>(fault));
      REQUIRE(log.ok);
      REQUIRE(log.first_seq + log.records >= written + 1);
    }
  }
}

TEST_CASE("logger: records of several threads make one chain", "[signals]") {
  Rig rig;
  {
    CoreAgentLogger log = rig.open({20'000, 100});
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&log, t] {
        for (int i = 0; i < 200; ++i) {
          log.log_action("store_signal", {{"thread", t}, {"number", i}});
          static_cast<void>(log.get_stats());
        }
      });
    }
    threads.clear();
    REQUIRE(log.get_stats().records == 801);  // with the one of the opening
  }
  const LogVerification whole = rig.verify();
  REQUIRE(whole.ok);
  REQUIRE(whole.records == 801);
  REQUIRE(whole.files > 1);
}

TEST_CASE("logger: after a write that failed nothing more is written", "[signals]") {
  Rig rig;
  CoreAgentLogger log = rig.open();
  log.log_action("a");
  rig.files.fault = MemoryFiles::Fault::fail;
  rig.files.error = ENOSPC;
  rig.files.fault_at = rig.files.calls.size();
  REQUIRE_THROWS_AS(log.log_action("b"), rlx::IoError);
  REQUIRE_THROWS_WITH(log.log_action("c"), ContainsSubstring("earlier failure"));
  REQUIRE(log.get_stats().by_kind[0] == 1);
}

TEST_CASE("logger: one writer for a directory, what a dead one left is reported", "[signals]") {
  char name[] = "/tmp/rlx_signals_log_XXXXXX";
  REQUIRE(::mkdtemp(name) != nullptr);
  const std::string directory = std::string(name) + "/logs";
  const rlx::ManualClock clock(0);
  {
    CoreAgentLogger log(directory, clock);
    REQUIRE_THROWS_AS(CoreAgentLogger(directory, clock), rlx::IoError);
    REQUIRE_THROWS_WITH(CoreAgentLogger(directory, clock), ContainsSubstring("process " + std::to_string(::getpid())));
    log.log_action("a");
    log.sync();
  }
  { CoreAgentLogger log(directory, clock); }
  REQUIRE(verify_log(directory).records == 2);
  rlx::io::PosixFiles files;
  rlx::io::replace_file(directory + "/core_agent.lock", "99999", files);
  { CoreAgentLogger log(directory, clock); }
  std::string last;
  REQUIRE(read_log(directory, files, [&](const LogLine& line) { last = line.json().dump(); }).records == 3);
  REQUIRE_THAT(last, ContainsSubstring("stale_lock") && ContainsSubstring("99999"));
  REQUIRE_THROWS_AS(verify_log(std::string(name) + "/nowhere"), rlx::IoError);
  REQUIRE_THROWS_AS(CoreAgentLogger("/proc/nowhere", clock), rlx::IoError);
  REQUIRE_THROWS_AS(CoreAgentLogger(directory, clock, {}, {0, 1}), rlx::ConfigError);
  for (const std::string& file : rlx::io::list_directory(directory, files)) files.unlink(directory + '/' + file);
  ::rmdir(directory.c_str());
  ::rmdir(name);
}
