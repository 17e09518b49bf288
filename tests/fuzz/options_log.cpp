// SPDX-License-Identifier: MIT
// Any bytes as a decision log: it is read, or refused with a LogError; opened for writing it takes a further record and is
// whole afterwards. Bytes that begin with '#' are bodies of records, a type and members a line: they get a right head and crc,
// so that the readers of the typed records see them; what is read is written and read again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <rlx/options/decision_log.hpp>
#include <rlx/options/records_json.hpp>
#include <rlx/options/training_dataset.hpp>

#include "../options/memory_files.hpp"

namespace {

using namespace rlx::options;
using rlx_test::MemoryFiles;

void require(bool condition) {
  if (!condition) std::abort();
}

// One log file made of lines "type members".
std::string with_heads(std::string_view bodies) {
  std::string log;
  std::string previous(64, '0');
  std::uint64_t seq = 0;
  while (!bodies.empty()) {
    const std::size_t end = std::min(bodies.find('\n'), bodies.size());
    const std::string_view line = bodies.substr(0, end);
    bodies.remove_prefix(std::min(end + 1, bodies.size()));
    const std::size_t space = std::min(line.find(' '), line.size());
    std::string text = "{\"schema\":1,\"seq\":" + std::to_string(seq++) + ",\"prev\":\"" + previous + "\",\"type\":\"";
    text.append(line.substr(0, space)).append("\",\"log_timestamp\":\"2026-01-02T08:05:00.000Z\"");
    if (space < line.size()) text.append(",").append(line.substr(space + 1));
    text += ",\"crc\":\"" + detail::crc_text(text) + "\"}";
    previous = rlx::sha256_hex(text);
    log += text + '\n';
  }
  return log;
}

void read(MemoryFiles& files) {
  const LogReader reader("log", files);
  try {
    for_each_record(reader, [](const auto& record) {
      // What was understood is written so that it is understood again. A number beyond the range of a double reads as
      // infinity, which has no text: it becomes unknown, and stays so.
      const Record made = make_record(0, record);
      const Record again(made.type, 0, nlohmann::ordered_json::parse('{' + made.members + '}'));
      require(made.members == again.members);
    });
    static_cast<void>(training_examples(reader));
    static_cast<void>(candidate_examples(reader));
  } catch (const LogError&) {
  } catch (const std::logic_error&) {  // amounts of a hostile log beyond the range of exact money
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const bool bodies = bytes.starts_with("#\n");
  MemoryFiles files;
  files.put("log/agent_decisions_20260102.jsonl", bodies ? with_heads(bytes.substr(2)) : std::string(bytes));
  read(files);
  std::uint64_t records = 0;
  try {
    DecisionLog<MemoryFiles> log = DecisionLog<MemoryFiles>::open("log", files);
    records = log.next_seq();
    log.append({RecordType::stop, 1'767'341'100'000, {}}, Durability::fsync);
  } catch (const LogError&) {
    return 0;
  }
  const LogSummary summary = LogReader("log", files).verify();
  require(summary.records == records + 1 && !summary.torn);
  return 0;
}
