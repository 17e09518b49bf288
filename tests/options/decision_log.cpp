// SPDX-License-Identifier: MIT
#include <rlx/options/decision_log.hpp>

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/random.hpp>

#include "options/memory_files.hpp"
#include "rlx_catch.hpp"

using rlx::options::DecisionLog;
using rlx::options::Durability;
using rlx::options::LogEntry;
using rlx::options::LogError;
using rlx::options::LogReader;
using rlx::options::Record;
using rlx::options::RecordType;
using rlx_test::ContainsSubstring;
using rlx_test::MemoryFiles;
using rlx_test::ProcessEnd;

namespace {

using Log = DecisionLog<MemoryFiles>;

constexpr std::int64_t noon = 1'767'355'200'000;  // 2026-01-02T12:00:00Z
constexpr std::int64_t day = 86'400'000;

Record numbered(std::int64_t i, std::int64_t timestamp_ms = noon) {
  return {i % 3 == 0 ? RecordType::plan : RecordType::leg, timestamp_ms, {{"n", i}, {"x", 0.1}, {"text", "leg"}}};
}

/// The numbers n of all records.
std::vector<std::int64_t> numbers(MemoryFiles& files, const std::string& folder = "log") {
  std::vector<std::int64_t> result;
  LogReader(folder, files).for_each([&](const LogEntry& entry) { result.push_back(entry.json().at("n").get<std::int64_t>()); });
  return result;
}

std::string twenty_records() {
  MemoryFiles files;
  Log log = Log::open("log", files);
  for (int i = 0; i < 20; ++i) log.append(numbered(i));
  return files.text("log/agent_decisions_20260102.jsonl");
}

}  // namespace

TEST_CASE("decision_log: the bytes of a line are those of the specification") {
  MemoryFiles files;
  Log log = Log::open("log", files);
  log.append({RecordType::start, noon, {{"b", 1.5}, {"a", "x\"y"}, {"n", nullptr}}}, Durability::fsync);
  log.append({RecordType::stop, noon + 7, {}}, Durability::buffered);
  const std::string text = files.text("log/agent_decisions_20260102.jsonl");
  // Hashes and checks of these very bytes by Python's hashlib and a bit-by-bit CRC-32C.
  const std::string first =
      R"({"schema":1,"seq":0,"prev":"0000000000000000000000000000000000000000000000000000000000000000","type":"start",)"
      R"("log_timestamp":"2026-01-02T12:00:00.000Z","b":1.5,"a":"x\"y","n":null,"crc":"ec14b80c"})";
  const std::string second =
      R"({"schema":1,"seq":1,"prev":"c3bb38f6e1426bc39303ce2b7e81f58fe67abaf28dd42483d07125226ae248f3","type":"stop",)"
      R"("log_timestamp":"2026-01-02T12:00:00.007Z","crc":"6227822f"})";
  CHECK(text == first + '\n' + second + '\n');
  CHECK(log.next_seq() == 2);
  CHECK(log.last_hash() == rlx::sha256_hex(second));
}

TEST_CASE("decision_log: numbers are the shortest decimals that read back exactly") {
  const auto text = [](double value) {
    std::string result;
    rlx::io::detail::append_json_number(result, value);
    return result;
  };
  CHECK(text(0.1) == "0.1");
  CHECK(text(0.00000125) == "0.00000125");
  CHECK(text(1e-8) == "0.00000001");
  CHECK(text(90000.0) == "90000");
  CHECK(text(-2.5) == "-2.5");
  CHECK(text(1e300) == "1e+300");
  CHECK(text(1.0 / 3.0) == "0.3333333333333333");
  CHECK(text(0.0) == "0");
  CHECK(text(std::numeric_limits<double>::quiet_NaN()) == "null");
  CHECK(text(std::numeric_limits<double>::infinity()) == "null");
  rlx::RandomStream random({1, rlx::Purpose::user});
  for (int i = 0; i < 20'000; ++i) {
    double value = std::ldexp(random.uniform(-1.0, 1.0), static_cast<int>(random.bounded(200)) - 100);
    if (i == 0) value = -0.0;
    const auto read = nlohmann::ordered_json::parse(text(value)).get<double>();
    REQUIRE(read == value);
    REQUIRE(std::signbit(read) == std::signbit(value));
  }
}

TEST_CASE("decision_log: texts survive, also what is not UTF-8") {
  MemoryFiles files;
  Log log = Log::open("log", files);
  const std::string odd = "quote\" slash\\ line\n tab\t bell\x07 \xC3\xA9 \xE2\x82\xAC";
  log.append({RecordType::error, noon, {{"n", 1}, {"text", odd}, {odd, true}, {"bad", "\xFF\xC0 end"}}});
  LogReader("log", files).for_each([&](const LogEntry& entry) {
    const auto body = entry.json();
    CHECK(body.at("text") == odd);
    CHECK(body.at(odd) == true);
    CHECK(body.at("bad") == "\xEF\xBF\xBD\xEF\xBF\xBD end");
  });
}

TEST_CASE("decision_log: equal records give equal bytes") { CHECK(twenty_records() == twenty_records()); }

TEST_CASE("decision_log: reopening continues number, chain and file") {
  MemoryFiles files;
  for (int start = 0; start < 5; ++start) {
    Log log = Log::open("log", files);
    CHECK(log.next_seq() == static_cast<std::uint64_t>(2 * start));
    CHECK_FALSE(log.torn());
    log.append(numbered(2 * start));
    log.append(numbered(2 * start + 1), Durability::fsync);
  }
  CHECK(numbers(files) == std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  const auto summary = LogReader("log", files).verify();
  CHECK(summary.records == 10);
  CHECK(summary.files == 1);
  CHECK_FALSE(summary.torn);
}

TEST_CASE("decision_log: the chain goes over midnight, and a clock set back stays in the newest file") {
  MemoryFiles files;
  {
    Log log = Log::open("log", files);
    log.append(numbered(0, noon));
    log.append(numbered(1, noon + day / 2 - 1));
    log.append(numbered(2, noon + day / 2));  // 2026-01-03T00:00:00.000Z
    log.append(numbered(3, noon));            // the clock went back
    log.append(numbered(4, noon + 30 * day));
  }
  const LogReader reader("log", files);
  CHECK(reader.file_names() == std::vector<std::string>{"agent_decisions_20260102.jsonl", "agent_decisions_20260103.jsonl",
                                                        "agent_decisions_20260201.jsonl"});
  std::vector<std::pair<std::string, std::size_t>> places;
  reader.for_each([&](const LogEntry& entry) { places.emplace_back(entry.file, entry.line); });
  CHECK(places[1] == std::pair<std::string, std::size_t>{"agent_decisions_20260102.jsonl", 2});
  CHECK(places[3] == std::pair<std::string, std::size_t>{"agent_decisions_20260103.jsonl", 2});
  CHECK(Log::open("log", files).next_seq() == 5);
  // The day in between missing: the chain shows it.
  REQUIRE(files.unlink("log/agent_decisions_20260103.jsonl") == 0);
  CHECK_THROWS_WITH(Log::open("log", files), ContainsSubstring("agent_decisions_20260201.jsonl:1: expected record 2, found 4"));
}

TEST_CASE("decision_log: a torn last line is moved away, whatever its length") {
  const std::string whole = twenty_records();
  const std::size_t last = whole.rfind('\n', whole.size() - 2) + 1;
  for (std::size_t size = last; size < whole.size(); ++size) {
    CAPTURE(size);
    MemoryFiles files;
    files.put("log/agent_decisions_20260102.jsonl", whole.substr(0, size));
    {
      const LogReader reader("log", files);
      const auto summary = reader.verify();
      CHECK(summary.records == 19);
      CHECK(summary.torn.has_value() == (size > last));
    }
    Log log = Log::open("log", files);
    CHECK(log.next_seq() == 19);
    CHECK(files.text("log/agent_decisions_20260102.jsonl") == whole.substr(0, last));
    CHECK(files.text("log/agent_decisions_20260102.jsonl.torn-19") == whole.substr(last, size - last));
    if (size > last) {
      REQUIRE(log.torn());
      CHECK(log.torn()->seq == 19);
      CHECK(log.torn()->line == 20);
      CHECK(log.torn()->offset == last);
      CHECK(log.torn()->size == size - last);
    }
    log.append(numbered(19));
    CHECK(files.text("log/agent_decisions_20260102.jsonl") == whole);
  }
}

TEST_CASE("decision_log: every flipped bit is found") {
  const std::string whole = twenty_records();
  const std::size_t last = whole.rfind('\n', whole.size() - 2) + 1;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      MemoryFiles files;
      files.put("log/agent_decisions_20260102.jsonl", damaged);
      // In the last line it cannot be told from a torn write; the line is moved away, and that is reported. So is a last line
      // that has grown together with the one before it.
      bool found = false;
      try {
        found = LogReader("log", files).verify().torn.has_value();
        if (at + 1 < last && found) FAIL("a fault at " << at << " passed for a torn write");
      } catch (const LogError&) {
        found = true;
      }
      if (!found) FAIL("bit " << bit << " of byte " << at << " was missed");
    }
  }
}

TEST_CASE("decision_log: damage before the last line refuses to open and names file and line") {
  const std::string whole = twenty_records();
  const auto refusal = [&](std::string text) {
    MemoryFiles files;
    files.put("log/agent_decisions_20260102.jsonl", std::move(text));
    try {
      Log::open("log", files);
    } catch (const LogError& error) {
      return std::string(error.what());
    }
    return std::string("opened");
  };
  const auto line = [&](int n) {
    std::size_t begin = 0;
    while (n-- > 0) begin = whole.find('\n', begin) + 1;
    return std::pair(begin, whole.find('\n', begin) + 1 - begin);
  };
  std::string text = whole;
  text[line(6).first + 150] ^= 1;
  CHECK_THAT(refusal(text), ContainsSubstring("agent_decisions_20260102.jsonl:7: ") && ContainsSubstring("crc"));
  text = whole;
  text.erase(line(3).first, line(3).second);
  CHECK_THAT(refusal(text), ContainsSubstring(":4: expected record 3, found 4"));
  text = whole;
  text.insert(line(3).first, text.substr(line(2).first, line(2).second));
  CHECK_THAT(refusal(text), ContainsSubstring(":4: expected record 3, found 2"));
  text = whole;
  text.insert(line(3).first, "\n");
  CHECK_THAT(refusal(text), ContainsSubstring(":4: "));
  // An older file that ends in a torn line: only the newest may.
  MemoryFiles files;
  files.put("log/agent_decisions_20260101.jsonl", whole.substr(0, whole.size() - 5));
  files.put("log/agent_decisions_20260102.jsonl", "");
  CHECK_THROWS_WITH(Log::open("log", files), ContainsSubstring("agent_decisions_20260101.jsonl:20: "));
}

TEST_CASE("decision_log: a record changed together with its own crc breaks the chain behind it") {
  std::string text = twenty_records();
  const std::size_t begin = text.find('\n') + 1;
  const std::size_t end = text.find('\n', begin);
  std::string line = text.substr(begin, end - begin);
  line.replace(line.find("\"x\":0.1"), 7, "\"x\":0.2");
  line.replace(line.size() - 10, 8, rlx::options::detail::crc_text(line.substr(0, line.size() - 18)));
  text.replace(begin, end - begin, line);
  MemoryFiles files;
  files.put("log/agent_decisions_20260102.jsonl", text);
  CHECK_THROWS_WITH(Log::open("log", files), ContainsSubstring(":3: \"prev\" is not the hash of the record before"));
}

TEST_CASE("decision_log: a second writer is refused until the first is gone") {
  char pattern[] = "/tmp/rlx_test_XXXXXX";
  REQUIRE(::mkdtemp(pattern) != nullptr);
  const std::string folder = std::string(pattern) + "/log";
  {
    DecisionLog<> log = DecisionLog<>::open(folder);
    log.append(numbered(0), Durability::fsync);
    CHECK_THROWS_WITH(DecisionLog<>::open(folder), ContainsSubstring("another writer holds " + folder));
    DecisionLog<> moved = std::move(log);
    CHECK_THROWS_AS(DecisionLog<>::open(folder), LogError);
    moved.append(numbered(1));
  }
  CHECK(DecisionLog<>::open(folder).next_seq() == 2);
  CHECK(LogReader(folder).verify().records == 2);
  CHECK_THROWS_AS(LogReader(folder + "/none"), LogError);
  for (const char* const name : {"/log/agent_decisions_20260102.jsonl", "/log/agent_decisions.lock"}) {
    ::unlink((std::string(pattern) + name).c_str());
  }
  ::rmdir(folder.c_str());
  ::rmdir(pattern);
}

namespace {

/// Runs the agent's life: opens, appends, over midnight, with both durabilities. Gives how many records are surely in the log.
struct Acknowledged {
  std::int64_t written = 0;  // append returned
  std::int64_t durable = 0;  // an fsync after it returned
};
void live(MemoryFiles& files, Acknowledged& done) {
  for (int start = 0; start < 3; ++start) {
    Log log = Log::open("log", files);
    for (int i = 0; i < 4; ++i) {
      const auto n = static_cast<std::int64_t>(log.next_seq());
      const bool waits = i % 3 == 2;
      log.append(numbered(n, noon + n * day / 3), waits ? Durability::fsync : Durability::buffered);
      done.written = n + 1;
      if (waits) done.durable = n + 1;
    }
  }
}

void check_survivors(MemoryFiles& files, std::int64_t at_least) {
  const std::vector<std::int64_t> found = [&] {
    const Log log = Log::open("log", files);  // repairs what the end of the process has torn
    return numbers(files);
  }();
  REQUIRE(static_cast<std::int64_t>(found.size()) >= at_least);
  for (std::size_t i = 0; i < found.size(); ++i) REQUIRE(found[i] == static_cast<std::int64_t>(i));
}

}  // namespace

TEST_CASE("decision_log: the process ends at every call, and no acknowledged record is lost") {
  for (const auto fault : {MemoryFiles::Fault::end_before, MemoryFiles::Fault::end_inside, MemoryFiles::Fault::end_after}) {
    for (const auto loss : {MemoryFiles::Loss::process_only, MemoryFiles::Loss::everything, MemoryFiles::Loss::some}) {
      for (const std::size_t most : {std::size_t{1} << 20, std::size_t{37}}) {  // whole and short writes
        bool finished = false;
        for (std::size_t at = 0; !finished; ++at) {
          CAPTURE(fault, loss, most, at);
          MemoryFiles files(at);
          files.most = most;
          files.fault = fault;
          files.fault_at = at;
          Acknowledged done;
          try {
            live(files, done);
            finished = true;
          } catch (const ProcessEnd&) {
          }
          files.restart(loss);
          check_survivors(files, loss == MemoryFiles::Loss::process_only ? done.written : done.durable);
          // A second life, ended in its recovery too.
          Acknowledged more;
          files.fault = fault;
          files.fault_at = files.calls.size() + at % 7;
          try {
            live(files, more);
          } catch (const ProcessEnd&) {
          }
          files.restart(loss);
          check_survivors(files, std::max(loss == MemoryFiles::Loss::process_only ? more.written : more.durable,
                                          loss == MemoryFiles::Loss::process_only ? done.written : done.durable));
        }
      }
    }
  }
}

TEST_CASE("decision_log: disk full and device errors at every call are reported, and nothing acknowledged is lost") {
  for (const int error : {ENOSPC, EIO}) {
    bool finished = false;
    for (std::size_t at = 0; !finished; ++at) {
      CAPTURE(error, at);
      MemoryFiles files(at);
      files.fault = MemoryFiles::Fault::fail;
      files.fault_at = at;
      files.error = error;
      Acknowledged done;
      try {
        live(files, done);
        finished = true;
      } catch (const LogError& refused) {
        CHECK_THAT(refused.what(), ContainsSubstring("decision log: "));
        CHECK_THAT(refused.what(), ContainsSubstring(error == EIO ? "Input/output error" : "No space left"));
      }
      files.restart(MemoryFiles::Loss::process_only);
      check_survivors(files, done.written);
    }
  }
}

TEST_CASE("decision_log: after a failed write nothing is added until the log is opened anew") {
  MemoryFiles files(3);
  {
    Log log = Log::open("log", files);
    log.append(numbered(0), Durability::fsync);
    files.fault = MemoryFiles::Fault::fail;
    files.fault_at = files.calls.size();
    files.error = ENOSPC;
    CHECK(log.healthy());
    CHECK_THROWS_WITH(log.append(numbered(1)), ContainsSubstring("record 1") && ContainsSubstring("No space left"));
    files.fault = MemoryFiles::Fault::none;  // there is room again
    CHECK_FALSE(log.healthy());
    CHECK_THROWS_WITH(log.append(numbered(1)),
                      ContainsSubstring("stopped after an earlier failure") && ContainsSubstring("No space left"));
    CHECK_THROWS_AS(log.sync(), LogError);
  }
  Log log = Log::open("log", files);
  CHECK(log.next_seq() == 1);
  log.append(numbered(1));
  CHECK(numbers(files) == std::vector<std::int64_t>{0, 1});
}

TEST_CASE("decision_log: a body that is no object, or a time that names no file, is refused and changes nothing") {
  MemoryFiles files;
  Log log = Log::open("log", files);
  CHECK_THROWS_WITH(log.append(numbered(0, -1)), ContainsSubstring("years 1970 to 9999"));
  CHECK_THROWS_AS(log.append(numbered(0, 253'402'300'800'000)), LogError);
  CHECK_THROWS_AS(log.append({RecordType::leg, noon, nlohmann::ordered_json::array({1, 2})}), LogError);
  log.append(numbered(0));
  CHECK(numbers(files) == std::vector<std::int64_t>{0});
}

TEST_CASE("decision_log: other files in the folder do not matter") {
  MemoryFiles files;
  for (const char* const name : {"agent_decisions_2026010.jsonl", "agent_decisions_20260102.jsonl.torn-4", "kill.latch",
                                 "agent_decisions_2026010x.jsonl", "agent_decisions_20260102.json"}) {
    files.put(std::string("log/") + name, "anything");
  }
  Log log = Log::open("log", files);
  log.append(numbered(0));
  CHECK(numbers(files) == std::vector<std::int64_t>{0});
}

TEST_CASE("decision_log: an entry with members that are not JSON is an error with its place") {
  // A line with a right crc and chain, as only another program could make it.
  const auto entry_of = [](std::string members) {
    LogEntry entry;
    static std::string kept;
    kept = std::move(members);
    entry.body = kept;
    entry.file = "agent_decisions_20260102.jsonl";
    entry.line = 3;
    return entry;
  };
  CHECK(entry_of("\"a\":{\"b\":[1,2]}").json().at("a").at("b").size() == 2);
  for (const std::string& members :
       {std::string("\"a\":"), std::string("\"a\":1}"), std::string(2000, '['), std::string("\"a\":1\0", 6)}) {
    CHECK_THROWS_WITH(entry_of(members).json(), ContainsSubstring("agent_decisions_20260102.jsonl:3: "));
  }
}
