// SPDX-License-Identifier: MIT
// Any text as a time: what is accepted is formatted and read back to the same millisecond; no input is undefined behaviour.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <rlx/core/error.hpp>
#include <rlx/io/iso8601.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto order : {rlx::io::DateOrder::none, rlx::io::DateOrder::mdy, rlx::io::DateOrder::dmy}) {
    try {
      const std::int64_t time = rlx::io::parse_time_ms(text, order);
      // An offset may carry the first and last hours of the range out of the years 0000 to 9999.
      constexpr std::int64_t first = -62'167'219'200'000;
      constexpr std::int64_t end = 253'402'300'800'000;
      if (time >= first && time < end && rlx::io::parse_time_ms(rlx::io::format_time_ms(time)) != time) std::abort();
      static_cast<void>(rlx::io::time_ms_problem(time));
    } catch (const rlx::DataError&) {
    }
  }
  return 0;
}
