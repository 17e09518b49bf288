// SPDX-License-Identifier: MIT
/// @file
/// @brief One flat gradient per part of a minibatch, and their sum in an order that threads cannot change.
#ifndef RLX_RL_DETAIL_GRADIENT_SHARDS_HPP
#define RLX_RL_DETAIL_GRADIENT_SHARDS_HPP

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include <rlx/core/reduction.hpp>
#include <rlx/core/thread_pool.hpp>
#include <rlx/nn/parameter_store.hpp>

namespace rlx::inline v0_1::detail {

/// Sum of squares in double, eight interleaved partial sums in a fixed order.
inline double sum_of_squares(std::span<const float> values) noexcept {
  std::array<double, 8> lanes{};
  std::size_t i = 0;
  for (; i + 8 <= values.size(); i += 8) {
    for (std::size_t k = 0; k < 8; ++k) lanes[k] += static_cast<double>(values[i + k]) * static_cast<double>(values[i + k]);
  }
  for (; i < values.size(); ++i) lanes[0] += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  return ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) + ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]));
}

/// Shard 0 is the gradient buffer of the parameter store, the others are owned. Work over elements is cut into blocks of fixed
/// size, so neither the number of threads nor their speed can change a bit.
/// A template so that a program compiles only what it uses.
template <class S>
class BasicGradientShards {
 public:
  /// Elements that one thread takes at once: large enough to pay for waking it, small enough to stay in its cache.
  static constexpr std::size_t block = 8192;
  static constexpr std::size_t few_blocks = 2;

  BasicGradientShards(std::span<S> first, std::size_t shards)
      : size_(first.size()), owned_(size_ * (shards - 1)), buffers_(shards), squares_((size_ + block - 1) / block) {
    buffers_[0] = first.data();
    for (std::size_t s = 1; s < shards; ++s) buffers_[s] = owned_.data() + (s - 1) * size_;
    shifted_.resize(squares_.size() * shards);
  }

  std::size_t count() const noexcept { return buffers_.size(); }
  std::size_t blocks() const noexcept { return squares_.size(); }
  std::span<S> shard(std::size_t s) noexcept { return {buffers_[s], size_}; }

  /// Calls f(block) once for each. A few blocks stay on the calling thread: handing them out takes longer than they do, and
  /// the pool must wake for every call.
  template <class F>
  void for_each_block(ThreadPool& pool, F&& f) const {
    if (blocks() > few_blocks) return pool.run(blocks(), f);
    for (std::size_t b = 0; b < blocks(); ++b) f(b);
  }

  /// Adds all shards into shard 0. @return the norm of the sum; not finite if an element is not
  double reduce(ThreadPool& pool) {
    const auto one = [&](std::size_t b) {
      const std::size_t begin = b * block;
      const std::size_t count_here = std::min(block, size_ - begin);
      S** const here = shifted_.data() + b * buffers_.size();
      for (std::size_t s = 0; s < buffers_.size(); ++s) here[s] = buffers_[s] + begin;
      tree_sum<S>(std::span<S* const>(here, buffers_.size()), count_here);
      squares_[b] = sum_of_squares({buffers_[0] + begin, count_here});
    };
    for_each_block(pool, one);
    return std::sqrt(tree_sum(std::span<double>(squares_)));
  }

 private:
  std::size_t size_;
  nn::AlignedVector<S> owned_;
  std::vector<S*> buffers_, shifted_;
  std::vector<double> squares_;
};

using GradientShards = BasicGradientShards<float>;

}  // namespace rlx::inline v0_1::detail

#endif  // RLX_RL_DETAIL_GRADIENT_SHARDS_HPP
