// SPDX-License-Identifier: MIT
// Any bytes as a signal and as an agent's answer: read, or refused with a DataError; never accepted with a broken rule; what
// was read comes back from its JSON form.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <rlx/signals/agent_io.hpp>
#include <rlx/signals/journal_transport.hpp>
#include <rlx/signals/records_json.hpp>
#include <rlx/signals/signal_filter.hpp>

#include "../signals/filter_oracle.hpp"

namespace {

using namespace rlx::signals;

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const rlx::ManualClock clock(1'700'000'000'000);
  const SignalFilter filter(clock);
  try {
    const Signal signal = parse_signal(text);
    require(filter.validate_signal(signal) == rlx_test::is_sound_signal(Json::parse(text), 1.7e9));
    require(signal_from_json(to_json(signal)) == signal);
  } catch (const rlx::DataError&) {
  }
  for (std::size_t topic = 0; topic < num_topics; ++topic) {
    try {
      static_cast<void>(parse_answer(text, static_cast<Topic>(topic)));
    } catch (const rlx::DataError&) {
    }
  }
  try {
    const JournalLine line = parse_journal_line(text, "inbox");
    static_cast<void>(parse_journal_line(std::string_view(to_text(line)).substr(0, to_text(line).size() - 1), "again"));
  } catch (const rlx::DataError&) {
  }
  return 0;
}
