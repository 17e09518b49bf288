// SPDX-License-Identifier: MIT
#include <rlx/core/random.hpp>

#include "rlx_catch.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <vector>

using rlx::Purpose;
using rlx::RandomStream;

namespace {

constexpr std::size_t draws = 1'000'000;

struct Moments {
  double mean = 0.0;
  double variance = 0.0;
};

template <class Draw>
Moments sample(Draw&& draw) {
  std::vector<double> values(draws);
  for (double& value : values) value = draw();
  const double n = static_cast<double>(draws);
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0.0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return {mean, squares / (n - 1.0)};
}

/// Both within five standard errors; the variance's own is sqrt((kurtosis - 1) / n) * variance.
void check_moments(Moments found, double mean, double variance, double kurtosis) {
  const double n = static_cast<double>(draws);
  CHECK(std::abs(found.mean - mean) <= 5.0 * std::sqrt(variance / n));
  CHECK(std::abs(found.variance - variance) <= 5.0 * variance * std::sqrt((kurtosis - 1.0) / n));
}

// Not a lambda: those are constexpr where they can be, and g++ 12 would work each call out at compile time.
double correlation(rlx::StreamId a, rlx::StreamId b) {
  RandomStream first(a), second(b);
  double sum = 0.0;
  for (int i = 0; i < 100'000; ++i) sum += (first.uniform() - 0.5) * (second.uniform() - 0.5) * 12.0;
  return sum / 100'000.0;
}

static_assert(rlx::RandomStreamLike<RandomStream>);
struct NotAStream {
  double uniform();
};
static_assert(!rlx::RandomStreamLike<NotAStream>);
struct Fixed {
  double uniform() { return 0.5; }
  std::uint64_t bounded(std::uint64_t) { return 0; }
  double normal() { return 0.0; }
};
static_assert(rlx::RandomStreamLike<Fixed>);

}  // namespace

TEST_CASE("Philox4x32-10 gives the published answers", "[core][random]") {
  // Random123 1.14, tests/kat_vectors
  CHECK(rlx::philox4x32({0, 0, 0, 0}, {0, 0}) ==
        std::array<std::uint32_t, 4>{0x6627e8d5U, 0xe169c58dU, 0xbc57ac4cU, 0x9b00dbd8U});
  constexpr std::uint32_t ones = 0xFFFFFFFFU;
  CHECK(rlx::philox4x32({ones, ones, ones, ones}, {ones, ones}) ==
        std::array<std::uint32_t, 4>{0x408f276dU, 0x41c83b0eU, 0xa20bc7c6U, 0x6d5451fdU});
  CHECK(rlx::philox4x32({0x243f6a88U, 0x85a308d3U, 0x13198a2eU, 0x03707344U}, {0xa4093822U, 0x299f31d0U}) ==
        std::array<std::uint32_t, 4>{0xd16cfe09U, 0x94fdccebU, 0x5001e420U, 0x24126ea1U});
}

TEST_CASE("a stream is the counter blocks of its name, in order", "[core][random]") {
  RandomStream stream({7, Purpose::action, 2, 5});
  const std::array<std::uint32_t, 4> first = {0xaf05d94cU, 0xc9374066U, 0xd5efe453U, 0x2a61f3f7U};
  for (const std::uint32_t expected : first) CHECK(stream.next_u32() == expected);
  const auto second = rlx::philox4x32({1, 5, 2, 3U << 24}, {7, 0});
  for (const std::uint32_t expected : second) CHECK(stream.next_u32() == expected);

  // Every field of the name reaches the block: seed high, step high (24 bits beside the purpose).
  RandomStream wide({0x1122334455667788ULL, Purpose(200), 0xAABBCCDDU, 0x00ABCDEF12345678ULL});
  const auto block = rlx::philox4x32({0, 0x12345678U, 0xAABBCCDDU, (200U << 24) | 0xABCDEFU}, {0x55667788U, 0x11223344U});
  for (const std::uint32_t expected : block) CHECK(wide.next_u32() == expected);
}

TEST_CASE("64-bit draws take two words, low first, also across blocks", "[core][random]") {
  RandomStream words({1, Purpose::user, 0, 0});
  std::array<std::uint64_t, 9> w{};
  for (auto& word : w) word = words.next_u32();
  RandomStream stream({1, Purpose::user, 0, 0});
  CHECK(stream.next_u32() == w[0]);
  CHECK(stream.next_u64() == (w[1] | (w[2] << 32)));
  CHECK(stream.next_u64() == (w[3] | (w[4] << 32)));
  RandomStream copy = stream;
  CHECK(copy.uniform<float>() == static_cast<float>(w[5] >> 8) * 0x1.0p-24F);
  CHECK(copy.uniform() == static_cast<double>((w[6] | (w[7] << 32)) >> 11) * 0x1.0p-53);
  CHECK(stream.next_u32() == w[5]);
}

TEST_CASE("the seed of an episode is the first word of its reset stream", "[core][random]") {
  CHECK(rlx::episode_seed(11, 3, 9) == RandomStream({11, Purpose::environment_reset, 3, 9}).next_u64());
  CHECK(rlx::episode_seed(11, 3, 9) != rlx::episode_seed(11, 3, 10));
  CHECK(rlx::episode_seed(11, 3, 9) != rlx::episode_seed(11, 4, 9));
}

TEST_CASE("mean and variance of a million draws lie within five standard errors", "[core][random]") {
  RandomStream stream({2024, Purpose::user, 0, 0});
  SECTION("uniform double") {
    check_moments(sample([&] { return stream.uniform(); }), 0.5, 1.0 / 12, 1.8);
  }
  SECTION("uniform float") {
    check_moments(sample([&] { return static_cast<double>(stream.uniform<float>()); }), 0.5, 1.0 / 12, 1.8);
  }
  SECTION("uniform in an interval") {
    check_moments(sample([&] { return stream.uniform(-3.0, 5.0); }), 1.0, 64.0 / 12, 1.8);
  }
  SECTION("normal") {
    check_moments(sample([&] { return stream.normal(); }), 0.0, 1.0, 3.0);
  }
  SECTION("gamma") {  // mean and variance are the shape, kurtosis 3 + 6 / shape
    for (const double shape : {0.3, 1.0, 2.5, 30.0}) {
      CAPTURE(shape);
      check_moments(sample([&] { return stream.gamma(shape); }), shape, shape, 3.0 + 6.0 / shape);
    }
  }
}

TEST_CASE("uniform draws stay in their half-open interval", "[core][random]") {
  RandomStream stream({3, Purpose::user, 1, 0});
  for (int i = 0; i < 100'000; ++i) {
    const float f = stream.uniform<float>();
    const double d = stream.uniform();
    REQUIRE((f >= 0.0F && f < 1.0F));
    REQUIRE((d >= 0.0 && d < 1.0));
  }
}

TEST_CASE("normal returns the cosine first and the sine next of one Box-Muller pair", "[core][random]") {
  RandomStream words({5, Purpose::user, 0, 0});
  const double u1 = static_cast<double>((words.next_u64() >> 11) + 1) * 0x1.0p-53;
  const double u2 = static_cast<double>(words.next_u64() >> 11) * 0x1.0p-53;
  RandomStream stream({5, Purpose::user, 0, 0});
  const double radius = std::sqrt(-2.0 * std::log(u1));
  CHECK_THAT(stream.normal(), rlx_test::WithinAbs(radius * std::cos(6.283185307179586 * u2), 1e-14));
  CHECK_THAT(stream.normal(), rlx_test::WithinAbs(radius * std::sin(6.283185307179586 * u2), 1e-14));
}

TEST_CASE("bounded is uniform by chi-square", "[core][random]") {
  RandomStream stream({99, Purpose::user, 0, 0});
  for (const std::uint64_t n : {3U, 7U, 1000U}) {
    std::vector<double> counts(n, 0.0);
    for (std::size_t i = 0; i < draws; ++i) counts.at(stream.bounded(n)) += 1.0;
    const double expected = static_cast<double>(draws) / static_cast<double>(n);
    double chi2 = 0.0;
    for (const double count : counts) chi2 += (count - expected) * (count - expected) / expected;
    const double freedom = static_cast<double>(n - 1);
    CAPTURE(n, chi2);
    CHECK(std::abs(chi2 - freedom) <= 5.0 * std::sqrt(2.0 * freedom));
  }
}

TEST_CASE("bounded rejects the words that would bias it", "[core][random]") {
  // n = 3 * 2^30: the words whose product's low half lies below 2^32 mod n = 2^30 are drawn again.
  constexpr std::uint64_t n = 3ULL << 30;
  RandomStream stream({4, Purpose::user, 0, 0}), words({4, Purpose::user, 0, 0});
  std::size_t rejected = 0;
  for (int i = 0; i < 1000; ++i) {
    std::uint64_t product = words.next_u32() * n;
    while (static_cast<std::uint32_t>(product) < (1U << 30)) {
      product = words.next_u32() * n;
      ++rejected;
    }
    REQUIRE(stream.bounded(n) == product >> 32);
  }
  CHECK(rejected > 200);  // a quarter of the words
}

TEST_CASE("bounded handles its edges", "[core][random]") {
  RandomStream stream({1, Purpose::user, 0, 0});
  for (int i = 0; i < 100; ++i) REQUIRE(stream.bounded(1) == 0);
  CHECK_THROWS_AS(stream.bounded(0), std::logic_error);
  std::uint64_t largest = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t value = stream.bounded(1ULL << 40);
    REQUIRE(value < (1ULL << 40));
    largest = std::max(largest, value);
  }
  CHECK(largest > (1ULL << 39));
  CHECK_THROWS_AS(stream.gamma(0.0), std::logic_error);
}

TEST_CASE("permutation is Fisher-Yates from the top", "[core][random]") {
  std::vector<std::uint32_t> indices(1000);
  RandomStream stream({8, Purpose::permutation, 0, 3});
  rlx::permutation(stream, indices);

  std::vector<std::uint32_t> by_hand(1000);
  std::iota(by_hand.begin(), by_hand.end(), 0U);
  RandomStream again({8, Purpose::permutation, 0, 3});
  for (std::size_t i = 999; i >= 1; --i) std::swap(by_hand[i], by_hand[again.bounded(i + 1)]);
  CHECK(indices == by_hand);

  std::sort(indices.begin(), indices.end());
  std::iota(by_hand.begin(), by_hand.end(), 0U);
  CHECK(indices == by_hand);

  std::vector<std::uint32_t> none;
  rlx::permutation(stream, none);
  CHECK(none.empty());
}

TEST_CASE("all permutations of four are equally frequent", "[core][random]") {
  RandomStream stream({21, Purpose::permutation, 0, 0});
  std::vector<double> counts(256, 0.0);
  constexpr int trials = 240'000;
  for (int i = 0; i < trials; ++i) {
    std::array<std::uint32_t, 4> p{};
    rlx::permutation(stream, p);
    counts[p[0] * 64 + p[1] * 16 + p[2] * 4 + p[3]] += 1.0;
  }
  double chi2 = 0.0;
  int seen = 0;
  for (const double count : counts) {
    if (count == 0.0) continue;
    ++seen;
    chi2 += (count - trials / 24.0) * (count - trials / 24.0) / (trials / 24.0);
  }
  CHECK(seen == 24);
  CHECK(std::abs(chi2 - 23.0) <= 5.0 * std::sqrt(46.0));
}

TEST_CASE("streams that differ in one field are uncorrelated", "[core][random]") {
  const double limit = 5.0 / std::sqrt(100'000.0);
  CHECK(std::abs(correlation({1, Purpose::action, 0, 0}, {2, Purpose::action, 0, 0})) < limit);
  CHECK(std::abs(correlation({1, Purpose::action, 0, 0}, {1, Purpose::action, 1, 0})) < limit);
  CHECK(std::abs(correlation({1, Purpose::action, 0, 0}, {1, Purpose::action, 0, 1})) < limit);
  CHECK(std::abs(correlation({1, Purpose::action, 0, 0}, {1, Purpose::permutation, 0, 0})) < limit);
}
