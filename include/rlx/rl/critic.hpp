// SPDX-License-Identifier: MIT
/// @file
/// @brief What the value head means: how its outputs become a value, its targets and its loss.
#ifndef RLX_RL_CRITIC_HPP
#define RLX_RL_CRITIC_HPP

#include <concepts>
#include <cstddef>
#include <optional>
#include <span>

#include <rlx/core/matrix.hpp>
#include <rlx/rl/losses.hpp>
#include <rlx/rl/rollout.hpp>

namespace rlx::inline v0_1 {

/// Outputs of the value head for one row, K numbers.
using CriticRow = std::span<const float>;

/// A part of a minibatch. @tparam S float in the learner.
template <std::floating_point S>
struct BasicCriticBatch {
  MatrixView<const S> outputs;            ///< [rows][K], current parameters
  MatrixView<const S> old_outputs;        ///< [rows][K], of the rollout
  MatrixView<const S> targets;            ///< [rows][W]
  std::size_t batch_rows = 0;             ///< rows of the whole minibatch, which the loss is a mean over
  std::optional<S> clip_range;            ///< PpoConfig::clip_range_vf of this update
  ValueClip value_clip = ValueClip::sb3;  ///< read if clip_range is set
};
/// In the type of number that learners train with.
using CriticBatch = BasicCriticBatch<float>;

/// A value head of K outputs.
///
/// `prepare` runs once per rollout and writes the targets [T N][W]; if W is 1, `targets` arrives holding the lambda-returns.
/// `loss` returns the batch's share of the mean loss and adds its derivative to `d_outputs` [rows][K], both divided by
/// `batch_rows`; it runs on several threads at once. With `template <class Config> void check(const Config&, const std::string&
/// learner) const` a critic may refuse a learner's configuration when the learner is made. A model:
/// @code
/// struct Halved {  // predicts half the return
///   std::size_t outputs() const { return 1; }
///   float value(rlx::CriticRow out) const { return 2 * out[0]; }
///   std::size_t target_width() const { return 1; }
///   void prepare(const rlx::RolloutView&, std::span<float> targets) const { for (float& t : targets) t /= 2; }
///   double loss(const rlx::CriticBatch& b, std::span<float> d) const {
///     double sum = 0;
///     for (std::size_t i = 0; i < d.size(); ++i) {
///       const float e = b.outputs(i, 0) - b.targets(i, 0);
///       sum += double(e) * e, d[i] += 2 * e / float(b.batch_rows);
///     }
///     return sum / double(b.batch_rows);
///   }
/// };
/// @endcode
template <class C>
concept Critic = requires(const C critic, CriticRow row, const RolloutView& rollout, const CriticBatch& batch,
                          std::span<float> numbers) {
  { critic.outputs() } -> std::same_as<std::size_t>;
  { critic.value(row) } -> std::same_as<float>;
  { critic.target_width() } -> std::same_as<std::size_t>;
  critic.prepare(rollout, numbers);
  { critic.loss(batch, numbers) } -> std::same_as<double>;
};

/// One output, the value itself; squared error against the lambda-return, clipped if the configuration says so.
struct ScalarCritic {
  /// 1, as `Critic` asks.
  std::size_t outputs() const noexcept { return 1; }
  /// The output itself.
  float value(CriticRow row) const { return row[0]; }
  /// 1: the lambda-return.
  std::size_t target_width() const noexcept { return 1; }
  /// Nothing to do: the targets arrive as lambda-returns.
  void prepare(const RolloutView&, std::span<float>) const noexcept {}

  /// As `Critic` asks.
  template <std::floating_point S>
  double loss(const BasicCriticBatch<S>& batch, std::type_identity_t<std::span<S>> d_outputs) const {
    const S share = S{1} / static_cast<S>(batch.batch_rows);
    double sum = 0.0;
    for (std::size_t i = 0; i < batch.outputs.rows(); ++i) {
      const ValueLoss<S> row =
          value_loss(batch.outputs(i, 0), batch.old_outputs(i, 0), batch.targets(i, 0), batch.clip_range, batch.value_clip);
      sum += static_cast<double>(row.loss);
      d_outputs[i] += row.d_value * share;
    }
    return sum / static_cast<double>(batch.batch_rows);
  }
};

static_assert(Critic<ScalarCritic>);

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_CRITIC_HPP
