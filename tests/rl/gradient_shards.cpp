// SPDX-License-Identifier: MIT
#include <rlx/rl/detail/gradient_shards.hpp>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <rlx/core/finite.hpp>
#include <rlx/core/random.hpp>
#include <rlx/core/thread_pool.hpp>

#include "rlx_catch.hpp"

using namespace rlx_test;
using rlx::detail::GradientShards;

namespace {

constexpr std::size_t num_shards = 5;

/// Numbers of all shards, one behind the other.
std::vector<float> normals(std::size_t size) {
  rlx::RandomStream random({size, rlx::Purpose::user});
  std::vector<float> numbers(num_shards * size);
  for (float& x : numbers) x = static_cast<float>(random.normal());
  return numbers;
}

struct Reduced {
  double norm = 0.0;
  std::vector<float> sum;
};

Reduced reduce(const std::vector<float>& numbers, std::size_t threads) {
  const std::size_t size = numbers.size() / num_shards;
  Reduced result{0.0, std::vector<float>(size)};
  rlx::ThreadPool pool(threads);
  GradientShards shards(result.sum, num_shards);
  for (std::size_t s = 0; s < num_shards; ++s) std::copy_n(numbers.data() + s * size, size, shards.shard(s).data());
  result.norm = shards.reduce(pool);
  return result;
}

}  // namespace

TEST_CASE("Shards are added up, and the norm is that of their sum, to the bit for any number of threads",
          "[rl][gradient_shards]") {
  constexpr std::size_t block = GradientShards::block;
  for (const std::size_t size : {std::size_t{1}, std::size_t{1000}, 2 * block, 2 * block + 1, 5 * block, 6 * block + 13}) {
    CAPTURE(size);
    const std::vector<float> numbers = normals(size);
    const Reduced one = reduce(numbers, 1);
    double squares = 0.0;
    for (std::size_t i = 0; i < size; ++i) {
      const auto at = [&](std::size_t s) { return numbers[s * size + i]; };
      REQUIRE(one.sum[i] == ((at(0) + at(1)) + (at(2) + at(3))) + at(4));
      squares += static_cast<double>(one.sum[i]) * static_cast<double>(one.sum[i]);
    }
    REQUIRE_THAT(one.norm, WithinRel(std::sqrt(squares), 1e-12));
    for (const std::size_t threads : {2U, 3U, 8U}) {
      const Reduced several = reduce(numbers, threads);
      REQUIRE(several.sum == one.sum);
      REQUIRE(several.norm == one.norm);
    }
  }
}

TEST_CASE("Every block is visited once, few of them by the calling thread, many by all", "[rl][gradient_shards]") {
  rlx::ThreadPool pool(3);
  for (const std::size_t blocks : {1U, 2U, 3U, 7U}) {
    CAPTURE(blocks);
    std::vector<float> gradient((blocks - 1) * GradientShards::block + 1);
    const GradientShards shards(gradient, 1);
    REQUIRE(shards.blocks() == blocks);
    std::vector<int> visits(blocks);
    std::atomic<std::uint32_t> threads{0};
    shards.for_each_block(pool, [&](std::size_t b) {
      ++visits[b];
      threads |= 1U << rlx::ThreadPool::thread_index();
    });
    REQUIRE(visits == std::vector<int>(blocks, 1));
    REQUIRE(threads == (blocks <= GradientShards::few_blocks ? 0b001U : 0b111U));
  }
}

TEST_CASE("A number that is not finite in any shard or block shows in the norm", "[rl][gradient_shards]") {
  const std::size_t size = 3 * GradientShards::block + 5;
  for (const std::size_t bad : {std::size_t{0}, size - 1, 2 * size + GradientShards::block, num_shards * size - 1}) {
    std::vector<float> numbers = normals(size);
    numbers[bad] = std::numeric_limits<float>::quiet_NaN();
    REQUIRE(!rlx::is_finite(reduce(numbers, 2).norm));
  }
}
