// SPDX-License-Identifier: MIT
// Any bytes as an instrument's name and as a decimal: what is read is written and read again as the same, everything else is
// refused with a DataError.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <rlx/core/error.hpp>
#include <rlx/market/fixed8.hpp>
#include <rlx/options/instrument.hpp>

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto quiet = rlx::options::try_parse_instrument_name(text);
  try {
    const auto name = rlx::options::parse_instrument_name(text);
    require(quiet == name && name.strike > 0.0 && name.expiry_ms % 86'400'000 == rlx::options::expiry_time_of_day_ms);
    require(rlx::options::parse_instrument_name(rlx::options::format_instrument_name(name)) == name);
  } catch (const rlx::ParseError&) {
    require(!quiet);
  }
  try {
    const auto value = rlx::market::Fixed8::parse(text);
    require(rlx::market::Fixed8::parse(value.to_string()) == value);
  } catch (const rlx::DataError&) {
  }
  return 0;
}
