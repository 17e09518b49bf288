// SPDX-License-Identifier: MIT
/// @file
/// @brief The whole loss of PPO or A2C over the rows of one gradient shard: one pass forward, one pass back to the network's
/// outputs.
#ifndef RLX_RL_DETAIL_ON_POLICY_LOSS_HPP
#define RLX_RL_DETAIL_ON_POLICY_LOSS_HPP

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <rlx/core/finite.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/rl/critic.hpp>
#include <rlx/rl/detail/action_head.hpp>
#include <rlx/rl/losses.hpp>
#include <rlx/rl/risk_objective.hpp>

namespace rlx::inline v0_1::detail {

/// What the policy's loss is made of.
enum class Surrogate : std::uint8_t {
  clipped,  ///< PPO: min(ratio A, clip(ratio) A)
  log_prob  ///< A2C: A log pi
};

/// What a minibatch needs besides the network's outputs; one entry per row of the shard. @tparam A number type of an action
template <std::floating_point S, class A = std::int32_t>
struct LossRows {
  std::span<const std::uint32_t> rows;
  MatrixView<const std::uint8_t> masks;  ///< [rows][M], M = 0: all valid
  MatrixView<const A> actions;
  std::span<const S> old_log_probs;
  std::span<const S> advantages;  ///< normalised
  MatrixView<const S> old_critic_outputs;
  MatrixView<const S> targets;
};

template <std::floating_point S>
struct LossSettings {
  Surrogate surrogate = Surrogate::clipped;
  S clip_range = S(0.2);
  std::optional<S> clip_range_vf;
  ValueClip value_clip = ValueClip::sb3;
  S ent_coef = 0;
  S vf_coef = S(0.5);
  std::size_t batch_rows = 0;  ///< of the whole minibatch
};

/// Room for one shard's rows.
template <std::floating_point S>
struct LossScratch {
  explicit LossScratch(std::size_t rows)
      : log_probs(rows), entropies(rows), d_log_prob(rows), d_entropy(rows), summaries(rows) {}
  std::vector<S> log_probs, entropies, d_log_prob, d_entropy;
  std::vector<nn::categorical::Summary<S>> summaries;
};

/// Sums over rows (`value` and `extra` are shares of the mean already).
struct LossSums {
  double policy = 0, value = 0, extra = 0;
  double entropy = 0;           ///< what the bonus is paid for
  double minus_log_prob = 0;    ///< estimates the entropy where it has no closed form
  double rescaled_entropy = 0;  ///< H ln(n) / ln(n_valid) over rows with at least two valid actions
  double log_valid = 0;         ///< ln(n_valid) over those rows
  std::size_t rows_with_choice = 0;
  double kl = 0, kl_k1 = 0;
  std::size_t clipped = 0;
  std::size_t first_bad = static_cast<std::size_t>(-1);  ///< first row of the shard with a number that is not finite

  void add(const LossSums& other) {
    policy += other.policy, value += other.value, extra += other.extra;
    entropy += other.entropy, minus_log_prob += other.minus_log_prob, rescaled_entropy += other.rescaled_entropy,
        log_valid += other.log_valid;
    rows_with_choice += other.rows_with_choice;
    kl += other.kl, kl_k1 += other.kl_k1;
    clipped += other.clipped;
  }
};

/// Writes d(loss)/d(outputs) of these rows, adds d(loss)/d(log_std), and returns their share of the sums. A row that is not
/// finite is reported in `first_bad` and stops the pass. Allocates nothing.
/// @param log_std, d_log_std of Gaussian heads; else empty
template <std::floating_point S, class Head, class C, class R>
LossSums on_policy_loss(const Head& head, const LossRows<S, typename Head::template Stored<S>>& in,
                        const LossSettings<S>& settings, MatrixView<const S> outputs, MatrixView<const S> critic_outputs,
                        std::span<const S> log_std, MatrixView<S> d_outputs, MatrixView<S> d_critic, std::span<S> d_log_std,
                        LossScratch<S>& scratch, const C& critic, const R& objective) {
  const std::size_t n = in.rows.size();
  const S share = S{1} / static_cast<S>(settings.batch_rows);
  const auto head_row = [&](std::size_t i) {
    return HeadRow<S>{outputs.row(i), in.masks.cols() == 0 ? std::span<const std::uint8_t>() : in.masks.row(i), log_std};
  };
  LossSums sums;
  for (std::size_t i = 0; i < n; ++i) {
    const HeadRow<S> distribution = head_row(i);
    const HeadEvaluation<S> row = head.evaluate(distribution, in.actions.row(i));
    const S log_ratio = row.log_prob - in.old_log_probs[i];
    const S ratio = std::exp(log_ratio);
    const ClippedObjective<S> objective_row = settings.surrogate == Surrogate::clipped
                                                  ? clipped_surrogate(ratio, in.advantages[i], settings.clip_range)
                                                  : ClippedObjective<S>{in.advantages[i] * row.log_prob, in.advantages[i]};
    scratch.log_probs[i] = row.log_prob;
    scratch.entropies[i] = row.entropy;
    scratch.summaries[i] = row.summary;
    scratch.d_log_prob[i] = -objective_row.d_log_prob * share;
    scratch.d_entropy[i] = -settings.ent_coef * share;
    if (!is_finite(objective_row.objective) || !is_finite(ratio) || !is_finite(row.log_prob) || !is_finite(row.entropy) ||
        first_non_finite(critic_outputs.row(i)) != critic_outputs.cols()) [[unlikely]] {
      sums.first_bad = i;
      return sums;
    }
    sums.policy -= static_cast<double>(objective_row.objective);
    sums.entropy += static_cast<double>(row.entropy);
    sums.minus_log_prob -= static_cast<double>(row.log_prob);
    if constexpr (Head::is_discrete) {
      const double log_valid = head.log_valid(distribution.mask);
      if (log_valid > 0.0) {
        sums.rescaled_entropy += static_cast<double>(row.entropy) * (head.log_actions() / log_valid);
        sums.log_valid += log_valid;
        ++sums.rows_with_choice;
      }
    }
    sums.kl += std::expm1(static_cast<double>(log_ratio)) - static_cast<double>(log_ratio);
    sums.kl_k1 -= static_cast<double>(log_ratio);
    sums.clipped += std::abs(ratio - S{1}) > settings.clip_range ? 1U : 0U;
  }

  const std::span<S> d_critic_numbers(d_critic.data(), n * d_critic.cols());
  std::fill(d_critic_numbers.begin(), d_critic_numbers.end(), S{0});
  sums.value = critic.loss(BasicCriticBatch<S>{critic_outputs, in.old_critic_outputs, in.targets, settings.batch_rows,
                                               settings.clip_range_vf, settings.value_clip},
                           d_critic_numbers);
  for (S& d : d_critic_numbers) d *= settings.vf_coef;
  const auto rows = [n](std::vector<S>& v) { return std::span<S>(v).first(n); };
  sums.extra = objective.loss(BasicMinibatchView<S>{in.rows, rows(scratch.log_probs), in.old_log_probs, rows(scratch.entropies),
                                                    in.advantages, critic_outputs, settings.batch_rows},
                              BasicLossGradient<S>{rows(scratch.d_log_prob), rows(scratch.d_entropy), d_critic});

  for (std::size_t i = 0; i < n; ++i) {
    const auto backward = [&](const auto&... of_the_row) {
      head.backward(head_row(i), in.actions.row(i), of_the_row..., scratch.d_log_prob[i], scratch.d_entropy[i],
                    d_outputs.row(i), d_log_std);
    };
    if constexpr (std::same_as<Head, CategoricalHead>) {
      backward(scratch.summaries[i]);
    } else {
      backward();
    }
  }
  return sums;
}

}  // namespace rlx::inline v0_1::detail

#endif  // RLX_RL_DETAIL_ON_POLICY_LOSS_HPP
