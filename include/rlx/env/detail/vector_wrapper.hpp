// SPDX-License-Identifier: MIT
/// @file
/// @brief What every wrapper of a vector environment passes on unchanged.
#ifndef RLX_ENV_DETAIL_VECTOR_WRAPPER_HPP
#define RLX_ENV_DETAIL_VECTOR_WRAPPER_HPP

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <rlx/core/matrix.hpp>
#include <rlx/core/thread_pool.hpp>
#include <rlx/env/episode_sampler.hpp>
#include <rlx/env/episode_statistics.hpp>
#include <rlx/env/space.hpp>
#include <rlx/env/vector_env.hpp>

namespace rlx::inline v0_1::detail {

/// Refers to a vector environment (or a wrapper of one) and offers its members under their own names. A wrapper derives from
/// it, hides what it changes and writes `reset` and `step`. There is no `for_each_shard`: step-wise statistics need all rows of
/// a step before the next one begins.
template <class V>
class VectorWrapper {
 public:
  using ActionScalar = typename V::ActionScalar;
  using Space = typename V::Space;
  static constexpr bool is_batch = V::is_batch;
  static constexpr bool has_masks = V::has_masks;
  static constexpr bool saves_environments = V::saves_environments;

  VectorWrapper(const VectorWrapper&) = delete;  // two statistics of one environment would each see half of its steps
  VectorWrapper& operator=(const VectorWrapper&) = delete;

  V& inner() noexcept { return *inner_; }
  const V& inner() const noexcept { return *inner_; }

  const VectorEnvConfig& config() const noexcept { return inner_->config(); }
  std::size_t num_envs() const noexcept { return inner_->num_envs(); }
  std::size_t num_shards() const noexcept { return inner_->num_shards(); }
  std::size_t observation_size() const noexcept { return inner_->observation_size(); }
  std::size_t action_width() const noexcept { return inner_->action_width(); }
  std::size_t mask_width() const noexcept { return inner_->mask_width(); }
  std::size_t num_metrics() const noexcept { return inner_->num_metrics(); }
  const Box& observation_space() const { return inner_->observation_space(); }
  const Space& action_space() const { return inner_->action_space(); }
  ThreadPool& pool() const noexcept { return inner_->pool(); }

  decltype(auto) environment(std::size_t env) { return inner_->environment(env); }
  decltype(auto) environment(std::size_t env) const { return std::as_const(*inner_).environment(env); }
  std::uint64_t episode(std::size_t env) const { return inner_->episode(env); }
  std::uint64_t episode_seed(std::size_t env) const { return inner_->episode_seed(env); }
  std::uint64_t episode_length(std::size_t env) const { return inner_->episode_length(env); }

  void set_sampler(AnyEpisodeSampler sampler) { inner_->set_sampler(std::move(sampler)); }
  const AnyEpisodeSampler& sampler() const noexcept { return inner_->sampler(); }
  void update_sampler(std::span<const EpisodeStatistics> finished) { inner_->update_sampler(finished); }

  MatrixView<const float> observations() const { return inner_->observations(); }
  MatrixView<const std::uint8_t> masks() const { return inner_->masks(); }
  MatrixView<const float> final_observations() const { return inner_->final_observations(); }
  std::span<const double> rewards() const noexcept { return inner_->rewards(); }
  std::span<const std::uint8_t> terminated() const noexcept { return inner_->terminated(); }
  std::span<const std::uint8_t> truncated() const noexcept { return inner_->truncated(); }
  /// Episode returns are sums of raw rewards, whatever the wrappers.
  std::span<const EpisodeStatistics> finished() const noexcept { return inner_->finished(); }

 protected:
  explicit VectorWrapper(V& inner) noexcept : inner_(&inner) {}
  V* inner_;
};

}  // namespace rlx::inline v0_1::detail

#endif  // RLX_ENV_DETAIL_VECTOR_WRAPPER_HPP
