// SPDX-License-Identifier: MIT
#include <rlx/core/reduction.hpp>

#include "rlx_catch.hpp"

#include <array>
#include <span>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/core/thread_pool.hpp>

namespace {

std::vector<std::vector<float>> random_buffers(std::size_t count, std::size_t n) {
  rlx::RandomStream random({17, rlx::Purpose::user, 0, 0});
  std::vector<std::vector<float>> buffers(count, std::vector<float>(n));
  for (auto& buffer : buffers)
    for (float& value : buffer) value = static_cast<float>(random.normal());
  return buffers;
}

std::vector<float*> pointers(std::vector<std::vector<float>>& buffers, std::size_t offset = 0) {
  std::vector<float*> result;
  for (auto& buffer : buffers) result.push_back(buffer.data() + offset);
  return result;
}

}  // namespace

TEST_CASE("tree_sum adds over the fixed tree", "[core][reduction]") {
  // In float, 2^24 + 1 rounds back to 2^24: only the tree ((a+b)+(c+d))+e gives 2^24 + 2.
  std::array<float, 5> terms = {16777216.0F, 0.0F, 1.0F, 1.0F, 0.0F};
  std::vector<float*> buffers;
  for (float& term : terms) buffers.push_back(&term);
  rlx::tree_sum(std::span<float* const>(buffers), 1);
  CHECK(terms[0] == 16777218.0F);

  std::array<double, 5> values = {9007199254740992.0, 0.0, 1.0, 1.0, 0.0};
  CHECK(rlx::tree_sum(values) == 9007199254740994.0);
}

TEST_CASE("tree_sum of none, one and two", "[core][reduction]") {
  CHECK(rlx::tree_sum(std::span<double>{}) == 0.0);
  std::array<double, 1> one = {3.5};
  CHECK(rlx::tree_sum(one) == 3.5);
  std::array<double, 2> two = {3.5, -1.0};
  CHECK(rlx::tree_sum(two) == 2.5);
  rlx::tree_sum(std::span<float* const>{}, 10);
  std::array<float, 2> single = {1.0F, 2.0F};
  std::array<float*, 1> only = {single.data()};
  rlx::tree_sum(std::span<float* const>(only), 2);
  CHECK(single == std::array<float, 2>{1.0F, 2.0F});
}

TEST_CASE("tree_sum has the same bits however the elements are cut between threads", "[core][reduction]") {
  constexpr std::size_t n = 10'007;
  for (const std::size_t count : {2U, 3U, 7U, 8U}) {
    auto whole = random_buffers(count, n);
    auto by_hand = whole;
    rlx::tree_sum(std::span<float* const>(pointers(whole)), n);
    for (std::size_t stride = 1; stride < count; stride *= 2)
      for (std::size_t i = 0; i + stride < count; i += 2 * stride)
        for (std::size_t j = 0; j < n; ++j) by_hand[i][j] += by_hand[i + stride][j];
    CHECK(whole[0] == by_hand[0]);
    for (const std::size_t threads : {1U, 2U, 3U}) {
      auto cut = random_buffers(count, n);
      rlx::ThreadPool pool(threads);
      pool.run(5, [&](std::size_t shard) {
        const std::size_t begin = shard * n / 5, end = (shard + 1) * n / 5;
        rlx::tree_sum(std::span<float* const>(pointers(cut, begin)), end - begin);
      });
      CHECK(cut[0] == whole[0]);
    }
  }
}
