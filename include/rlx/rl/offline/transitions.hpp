// SPDX-License-Identifier: MIT
/// @file
/// @brief Minibatches of logged transitions as the offline learners read them, and the scales that they train in.
#ifndef RLX_RL_OFFLINE_TRANSITIONS_HPP
#define RLX_RL_OFFLINE_TRANSITIONS_HPP

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/core/random.hpp>
#include <rlx/core/running_mean_std.hpp>
#include <rlx/nn/graph_spec.hpp>
#include <rlx/nn/schedule.hpp>
#include <rlx/rl/inference_policy.hpp>
#include <rlx/rl/offline/action_network.hpp>
#include <rlx/rl/offline/dataset.hpp>

namespace rlx::inline v0_1 {

/// What all offline learners are told.
struct OfflineTraining {
  nn::Schedule learning_rate = 3e-4;  ///< of Adam, over the progress of one call of `learn`; >= 0
  std::size_t batch_size = 256;       ///< rows of a minibatch, drawn with replacement, >= 1
  std::optional<double> gamma = {};   ///< discount in [0, 1]; none: the dataset's
  double max_grad_norm = 10.0;        ///< gradients are scaled down to this norm, > 0; infinity: never
  bool normalize_observation = true;  ///< by mean and deviation of the dataset's observations, which the policy file keeps
  double clip_obs = 10.0;             ///< limit of a normalised number, > 0
  /// Rewards are multiplied by it, > 0. Losses that compare Q with a temperature or a gap (alpha of CQL, beta of IQL) mean
  /// something else in another unit. None: 1 / the standard deviation of the dataset's rewards (1 if they do not vary).
  std::optional<double> reward_scale = 1.0;
  std::uint64_t seed = 0;  ///< of the minibatches
};

/// Rows of transitions, already scaled. Views; whoever made them owns the numbers.
template <std::floating_point S>
struct TransitionBatch {
  MatrixView<const S> observations;           ///< [n][D]
  MatrixView<const S> next_observations;      ///< [n][D]; anything finite where the discount is 0
  MatrixView<const std::uint8_t> masks;       ///< [n][A], or empty: all valid
  MatrixView<const std::uint8_t> next_masks;  ///< [n][A], or empty; without a valid action only where the discount is 0
  std::span<const std::int32_t> actions;      ///< [n]
  std::span<const S> rewards;                 ///< [n]
  std::span<const S> discounts;               ///< [n]: gamma, 0 at terminated rows

  std::size_t size() const noexcept { return actions.size(); }  ///< n
  /// [A] of row i, or empty: all valid.
  std::span<const std::uint8_t> mask(std::size_t i) const {
    return masks.empty() ? std::span<const std::uint8_t>{} : masks.row(i);
  }
  /// [A] after row i, or empty: all valid.
  std::span<const std::uint8_t> next_mask(std::size_t i) const {
    return next_masks.empty() ? std::span<const std::uint8_t>{} : next_masks.row(i);
  }
};

/// How raw observations and rewards become the numbers that a learner trains on. Constant once made.
class TransitionScaling {
 public:
  /// @param data  whose observations and rewards are measured; not kept. @param training  see there
  /// @param unscaled  columns that stay as they are: valid flags and categories, see nn::unscaled_columns
  /// @throws ConfigError for a setting out of its range
  template <std::same_as<OfflineDataset> Data>
  TransitionScaling(const Data& data, const OfflineTraining& training, std::vector<std::size_t> unscaled)
      : statistics_(data.observation_size()),
        observations_{training.clip_obs, std::move(unscaled)},
        normalizes_(training.normalize_observation),
        reward_scale_(training.reward_scale.value_or(1.0)),
        gamma_(training.gamma.value_or(data.gamma())) {
    if (!(training.clip_obs > 0)) {
      throw ConfigError("OfflineTraining.clip_obs = " + std::to_string(training.clip_obs) + ", expected a number above 0");
    }
    if (!is_finite(gamma_) || !(gamma_ >= 0 && gamma_ <= 1))
      throw ConfigError("OfflineTraining.gamma = " + std::to_string(gamma_) + ", expected a number in [0, 1]");
    if (!is_finite(reward_scale_) || !(reward_scale_ > 0)) {
      throw ConfigError("OfflineTraining.reward_scale = " + std::to_string(reward_scale_) +
                        ", expected a finite number above 0");
    }
    if (normalizes_) statistics_.update(data.observations());
    if (!training.reward_scale) {
      RunningMeanStd rewards(1, 0.0);
      rewards.update(std::span<const double>(data.columns().reward));
      if (rewards.variance()[0] > 0) reward_scale_ = 1.0 / std::sqrt(rewards.variance()[0]);
    }
  }

  /// As `OfflineTraining` says.
  bool normalizes_observation() const noexcept { return normalizes_; }
  /// Of the dataset's observations; empty without normalisation.
  const RunningMeanStd& statistics() const noexcept { return statistics_; }
  /// Limit of a normalised number.
  double clip_obs() const noexcept { return observations_.clip; }
  /// What rewards are multiplied by, > 0.
  double reward_scale() const noexcept { return reward_scale_; }
  /// Discount in use.
  double gamma() const noexcept { return gamma_; }

  /// Writes a raw observation [D], scaled, to `out` [D]; `scratch` has D floats.
  template <std::floating_point S>
  void scale(std::span<const float> observation, std::span<float> scratch, std::span<S> out) const {
    if (normalizes_) {
      observations_.apply(statistics_, observation, scratch);
      observation = scratch;
    }
    for (std::size_t c = 0; c < out.size(); ++c) out[c] = static_cast<S>(observation[c]);
  }

 private:
  RunningMeanStd statistics_;
  detail::ObservationScaling observations_;
  bool normalizes_;
  double reward_scale_, gamma_;
};

/// Minibatches of one dataset. All its observations are scaled once, here, and kept: (N + E) D numbers. The buffers of a batch
/// grow to the largest one; from then on nothing is allocated.
template <std::floating_point S>
class TransitionRows {
 public:
  /// `data` must outlive it; of `training` batch size and seed are read. @throws ConfigError for a batch size of 0
  TransitionRows(const OfflineDataset& data, const TransitionScaling& scaling, const OfflineTraining& training)
      : data_(&data),
        batch_size_(training.batch_size),
        seed_(training.seed),
        reward_scale_(scaling.reward_scale()),
        gamma_(scaling.gamma()) {
    if (batch_size_ == 0) throw ConfigError("OfflineTraining.batch_size = 0, expected at least 1");
    const std::size_t d = data.observation_size(), n = data.size();
    scaled_.resize((n + data.episodes().size()) * d);
    std::vector<float> scratch(d);
    const auto scale = [&](std::span<const float> observation, std::size_t at) {
      scaling.scale(observation, scratch, std::span<S>(scaled_).subspan(at * d, d));
    };
    for (std::size_t row = 0; row < n; ++row) scale(data.observation(row), row);
    for (std::size_t e = 0; e < data.episodes().size(); ++e) scale(data.next_observation(data.episodes()[e].end - 1), n + e);
    resize(batch_size_);
  }

  /// Minibatch number `update`: rows drawn with replacement from the stream (seed, permutation, 0, update).
  TransitionBatch<S> draw(std::uint64_t update) {
    RandomStream random({seed_, Purpose::permutation, 0, update});
    drawn_.resize(batch_size_);
    for (std::size_t& row : drawn_) row = random.bounded(data_->size());
    return gather(drawn_);
  }

  /// The given rows, in their order; the views live until the next call.
  TransitionBatch<S> gather(std::span<const std::size_t> rows) {
    resize(rows.size());
    const std::size_t d = data_->observation_size(), a = data_->action_count(), n = rows.size();
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t row = rows[i];
      const std::size_t episode = data_->episode_index(row);
      const std::size_t next = row + 1 == data_->episodes()[episode].end ? data_->size() + episode : row + 1;
      std::copy_n(scaled_.data() + row * d, d, observations_.data() + i * d);
      std::copy_n(scaled_.data() + next * d, d, next_observations_.data() + i * d);
      std::copy_n(data_->mask(row).data(), a, masks_.data() + i * a);
      std::copy_n(data_->next_mask(row).data(), a, next_masks_.data() + i * a);
      actions_[i] = data_->action(row);
      rewards_[i] = static_cast<S>(data_->reward(row) * reward_scale_);
      discounts_[i] = static_cast<S>(data_->bootstraps(row) ? gamma_ : 0.0);
    }
    return {{observations_.data(), n, d},
            {next_observations_.data(), n, d},
            {masks_.data(), n, a},
            {next_masks_.data(), n, a},
            std::span<const std::int32_t>(actions_).first(n),
            std::span<const S>(rewards_).first(n),
            std::span<const S>(discounts_).first(n)};
  }

 private:
  void resize(std::size_t n) {
    if (n <= actions_.size()) return;
    observations_.resize(n * data_->observation_size());
    next_observations_.resize(n * data_->observation_size());
    masks_.resize(n * data_->action_count());
    next_masks_.resize(n * data_->action_count());
    actions_.resize(n);
    rewards_.resize(n);
    discounts_.resize(n);
  }

  const OfflineDataset* data_;
  std::size_t batch_size_;
  std::uint64_t seed_;
  double reward_scale_, gamma_;
  std::vector<S> scaled_;  // rows, then final observations
  std::vector<std::size_t> drawn_;
  std::vector<S> observations_, next_observations_, rewards_, discounts_;
  std::vector<std::uint8_t> masks_, next_masks_;
  std::vector<std::int32_t> actions_;
};

namespace detail {

/// @throws ConfigError "<name> = <value>, expected <expected>" unless `fits` and the value is finite
template <class = void>
void require(const char* name, double value, bool fits, const char* expected) {
  if (!fits || !is_finite(value))
    throw ConfigError(std::string(name) + " = " + std::to_string(value) + ", expected " + expected);
}

/// Columns that observation scaling leaves alone; none for functions that are no graphs.
template <ActionFunction F>
std::vector<std::size_t> unscaled_columns_of(const F& f) {
  if constexpr (requires { f.spec(); }) return nn::unscaled_columns(f.spec());
  return {};
}

/// @throws ShapeError if a function's widths are not those of the dataset
template <ActionFunction F>
void require_fit(const char* learner, const F& f, const OfflineDataset& data) {
  if (f.observation_size() != data.observation_size() || f.num_actions() != data.action_count()) {
    throw ShapeError(std::string(learner) + ": the network maps " + std::to_string(f.observation_size()) + " inputs to " +
                     std::to_string(f.num_actions()) + " actions, the dataset has " + std::to_string(data.observation_size()) +
                     " observations and " + std::to_string(data.action_count()) + " actions");
  }
}

/// A trained network as a policy that takes raw observations.
template <class S>
BasicInferencePolicy<S> policy_of(const ActionNetwork<S>& network, const OfflineDataset& data,
                                  const TransitionScaling& scaling) {
  PolicyLayout layout;
  layout.observation_size = network.observation_size();
  layout.num_actions = network.num_actions();
  const auto& masks = data.columns().mask;
  layout.mask_required = std::find(masks.begin(), masks.end(), std::uint8_t{0}) != masks.end();
  layout.normalize_observation = scaling.normalizes_observation();
  layout.clip_obs = scaling.clip_obs();
  layout.layout_sha256 = data.info().obs_spec_hash.empty() ? layout_hash(layout) : data.info().obs_spec_hash;
  layout.info["offline_rows"] = std::to_string(data.size());
  return {network.spec(), network.store(), std::move(layout), &scaling.statistics()};
}

}  // namespace detail

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_OFFLINE_TRANSITIONS_HPP
