// SPDX-License-Identifier: MIT
#include <rlx/core/pcg64.hpp>

#include "rlx_catch.hpp"

#include <array>
#include <cstdint>

TEST_CASE("PCG64 gives the words of numpy.random.PCG64(seed).random_raw()", "[core][pcg64]") {  // NumPy 2.4
  const auto check = [](std::uint64_t seed, std::array<std::uint64_t, 4> expected) {
    CAPTURE(seed);
    rlx::Pcg64 generator(seed);
    for (const std::uint64_t word : expected) CHECK(generator.next_u64() == word);
  };
  check(0, {0xa30febcfd9c2825f, 0x4510bdf882d9d721, 0x0a7d3da94ecde8b8, 0x043b27b61342f01d});
  check(123, {0xaeae9c9903f3e9cd, 0x0dc736db97cb6d23, 0x3869812ee8b9ea96, 0x2f32fdb1414d8c05});
  check((1ULL << 40) + 7, {0xd46e9e2034de21aa, 0x415badc99c087675, 0x275ed40f045acb84, 0xacac54758134b98b});
  check(0xffffffffffffffffULL, {0xae163a7a8c47568f, 0xd86659f5f3382359, 0x1e52b195bc2d24a, 0xe5026aaf19a22db1});
}

TEST_CASE("PCG64 gives the doubles of numpy.random.default_rng(seed).random()", "[core][pcg64]") {
  const auto check = [](std::uint64_t seed, std::array<double, 4> expected) {
    CAPTURE(seed);
    rlx::Pcg64 generator(seed);
    for (const double value : expected) CHECK(generator.uniform(0.0, 1.0) == value);
  };
  check(0, {0.6369616873214543, 0.2697867137638703, 0.04097352393619469, 0.016527635528529094});
  check(42, {0.7739560485559633, 0.4388784397520523, 0.8585979199113825, 0.6973680290593639});
}

TEST_CASE("PCG64 gives the reset of Gymnasium's CartPole with seed 123", "[core][pcg64]") {
  rlx::Pcg64 generator(123);
  for (const float expected : {0.01823519F, -0.0446179F, -0.02796401F, -0.03156282F})
    CHECK_THAT(static_cast<float>(generator.uniform(-0.05, 0.05)), rlx_test::WithinAbs(static_cast<double>(expected), 5e-9));
}

TEST_CASE("both halves of a 64-bit seed count", "[core][pcg64]") {
  CHECK(rlx::Pcg64(1).next_u64() != rlx::Pcg64(1ULL << 32).next_u64());
  CHECK(rlx::Pcg64(5).next_u64() != rlx::Pcg64(5 + (1ULL << 32)).next_u64());
  STATIC_REQUIRE(rlx::SeedSequence(1).generate_state() != rlx::SeedSequence(2).generate_state());
}
