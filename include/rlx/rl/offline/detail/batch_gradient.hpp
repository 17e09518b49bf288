// SPDX-License-Identifier: MIT
/// @file
/// @brief Gradient of a minibatch in parts of fixed size, their sum in a fixed order, and the Adam step that follows.
#ifndef RLX_RL_OFFLINE_DETAIL_BATCH_GRADIENT_HPP
#define RLX_RL_OFFLINE_DETAIL_BATCH_GRADIENT_HPP

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/reduction.hpp>
#include <rlx/nn/adam.hpp>
#include <rlx/nn/grad_norm.hpp>
#include <rlx/nn/parameter_store.hpp>
#include <rlx/rl/offline/transitions.hpp>

namespace rlx::inline v0_1::detail {

/// Rows of one part. The parts do not depend on the number of threads, so neither do the sums.
inline constexpr std::size_t rows_per_shard = 64;

inline std::size_t shards_of(std::size_t rows) { return (rows + rows_per_shard - 1) / rows_per_shard; }

/// First row and number of rows of a part.
struct ShardRange {
  std::size_t first = 0, count = 0;
};
inline ShardRange shard_range(std::size_t shard, std::size_t rows) {
  const std::size_t first = shard * rows_per_shard;
  return {first, std::min(rows_per_shard, rows - first)};
}

/// Gradients of one network: one buffer per part, the first of them the store's own.
template <std::floating_point S>
class BatchGradient {
 public:
  /// @throws ConfigError for max_grad_norm and learning_rate
  BatchGradient(nn::ParameterStore<S>& store, const OfflineTraining& training)
      : max_norm_(training.max_grad_norm), adam_(store, nn::AdamConfig{.epsilon = 1e-8}) {
    if (!(max_norm_ > 0)) {
      throw ConfigError("OfflineTraining.max_grad_norm = " + std::to_string(max_norm_) + ", expected a number above 0");
    }
    for (const nn::Schedule::Point& point : training.learning_rate.points())  // extremes lie there
      require("OfflineTraining.learning_rate", point.value, point.value >= 0, "finite numbers of at least 0");
    size_ = store.parameters().size();
  }

  /// Room for that many parts, all zero. `store` is the one of the constructor, wherever it lies now.
  void begin(nn::ParameterStore<S>& store, std::size_t shards) {
    if (others_.size() < (shards - 1) * size_) others_.resize((shards - 1) * size_);
    buffers_.resize(shards);
    buffers_[0] = store.gradients().data();
    for (std::size_t s = 1; s < shards; ++s) buffers_[s] = others_.data() + (s - 1) * size_;
    for (S* const buffer : buffers_) std::fill_n(buffer, size_, S{0});
  }
  std::span<S> shard(std::size_t s) { return {buffers_[s], size_}; }

  /// Leaves the sum in the store and returns its norm.
  double reduce() {
    tree_sum<S>(std::span<S* const>(buffers_.data(), buffers_.size()), size_);
    return norm_ = nn::grad_norm(std::span<const S>(buffers_[0], size_));
  }
  double norm() const noexcept { return norm_; }

  void step(nn::ParameterStore<S>& store, double learning_rate) {
    adam_.step(store, learning_rate, nn::clip_factor(norm_, max_norm_));
  }

 private:
  double max_norm_, norm_ = 0.0;
  nn::BasicAdam<S> adam_;
  std::size_t size_ = 0;
  nn::AlignedVector<S> others_;
  std::vector<S*> buffers_;
};

/// target += share (source - target)
template <std::floating_point S>
void follow(std::span<S> target, std::span<const S> source, double share) {
  const S step = static_cast<S>(share);
  for (std::size_t i = 0; i < target.size(); ++i) target[i] += step * (source[i] - target[i]);
}

/// Step size of update `i` of `updates`.
template <class = void>
double learning_rate_at(const OfflineTraining& training, std::size_t i, std::size_t updates) {
  return training.learning_rate(1.0 - static_cast<double>(i) / static_cast<double>(updates));
}

template <class = void>
[[noreturn]] void throw_not_finite(const char* learner, std::uint64_t update) {
  throw NumericError(std::string(learner) + ": loss or gradient is not finite at update " + std::to_string(update) +
                         "; the parameters are those before it. Lower learning_rate or set reward_scale",
                     "loss", update);
}

}  // namespace rlx::inline v0_1::detail

#endif  // RLX_RL_OFFLINE_DETAIL_BATCH_GRADIENT_HPP
