// SPDX-License-Identifier: MIT
#include <rlx/core/finite.hpp>

#include "rlx_catch.hpp"

#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <vector>

namespace {

// Made from bits at run time, so that no compiler flag can fold them.
float float_bits(std::uint32_t bits) {
  volatile std::uint32_t hidden = bits;
  return std::bit_cast<float>(static_cast<std::uint32_t>(hidden));
}
double double_bits(std::uint64_t bits) {
  volatile std::uint64_t hidden = bits;
  return std::bit_cast<double>(static_cast<std::uint64_t>(hidden));
}

}  // namespace

TEST_CASE("is_finite reads the exponent bits", "[core][finite]") {
  for (const std::uint32_t bits : {0x7F800000U, 0xFF800000U, 0x7FC00000U, 0x7F800001U, 0xFFFFFFFFU}) {
    CAPTURE(bits);
    CHECK_FALSE(rlx::is_finite(float_bits(bits)));
  }
  for (const std::uint32_t bits : {0x00000000U, 0x80000000U, 0x00000001U, 0x7F7FFFFFU, 0xFF7FFFFFU, 0x3F800000U}) {
    CAPTURE(bits);
    CHECK(rlx::is_finite(float_bits(bits)));
  }
  for (const std::uint64_t bits :
       {0x7FF0000000000000ULL, 0xFFF0000000000000ULL, 0x7FF8000000000000ULL, 0x7FF0000000000001ULL}) {
    CAPTURE(bits);
    CHECK_FALSE(rlx::is_finite(double_bits(bits)));
  }
  for (const std::uint64_t bits : {0x0ULL, 0x8000000000000000ULL, 0x1ULL, 0x7FEFFFFFFFFFFFFFULL, 0x3FF0000000000000ULL}) {
    CAPTURE(bits);
    CHECK(rlx::is_finite(double_bits(bits)));
  }
  STATIC_REQUIRE(rlx::is_finite(1.0F));
  STATIC_REQUIRE_FALSE(rlx::is_finite(std::numeric_limits<double>::infinity()));
}

TEST_CASE("first_non_finite finds the first one at every place of rows shorter and longer than a block", "[core][finite]") {
  for (const std::size_t size : {0U, 1U, 31U, 32U, 33U, 100U}) {
    CAPTURE(size);
    std::vector<float> floats(size, 1.0F);
    std::vector<double> doubles(size, -1.0);
    CHECK(rlx::first_non_finite(floats) == size);
    CHECK(rlx::first_non_finite(doubles) == size);
    for (std::size_t i = size; i-- > 0;) {  // from the back: the ones behind stay bad
      floats[i] = float_bits(0x7FC00000U);
      doubles[i] = double_bits(0xFFF0000000000000ULL);
      REQUIRE(rlx::first_non_finite(floats) == i);
      REQUIRE(rlx::first_non_finite(doubles) == i);
      std::vector<float> alone(size, 1.0F);
      alone[i] = float_bits(0xFF800000U);
      REQUIRE(rlx::first_non_finite(alone) == i);
    }
  }
}
