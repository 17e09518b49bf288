// SPDX-License-Identifier: MIT
/// @file
/// @brief One interface over the distributions of the four action spaces: what learners and inference ask of the "action"
/// output.
///
/// A head is a value without virtual functions. `outputs` is the row of the network's output "action", `log_std` the tensor of
/// that name (Gaussian heads; else empty). Stored actions are what log-probabilities are taken of; `to_environment` makes of
/// them what the environment gets. Nothing here allocates after construction.
#ifndef RLX_RL_DETAIL_ACTION_HEAD_HPP
#define RLX_RL_DETAIL_ACTION_HEAD_HPP

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/random.hpp>
#include <rlx/nn/categorical.hpp>
#include <rlx/nn/dirichlet.hpp>
#include <rlx/nn/gaussian.hpp>
#include <rlx/nn/multi_discrete.hpp>
#include <rlx/nn/tanh_gaussian.hpp>

namespace rlx::inline v0_1::detail {

/// What the distribution of one row is made from. An empty mask: all valid.
template <std::floating_point S>
struct HeadRow {
  std::span<const S> outputs;
  std::span<const std::uint8_t> mask;
  std::span<const S> log_std;
};

template <std::floating_point S>
struct HeadEvaluation {
  S log_prob = 0;                         ///< of the stored action
  S entropy = 0;                          ///< that the entropy bonus uses
  nn::categorical::Summary<S> summary{};  ///< of a CategoricalHead, which saves its `backward` a pass
};

inline std::size_t count_valid(std::span<const std::uint8_t> mask, std::size_t all) {
  return mask.empty() ? all : mask.size() - static_cast<std::size_t>(std::count(mask.begin(), mask.end(), std::uint8_t{0}));
}

/// Discrete: one of n.
class CategoricalHead {
 public:
  static constexpr bool is_discrete = true;
  template <class S>
  using Stored = std::int32_t;

  explicit CategoricalHead(std::size_t n) : n_(n), log_n_(std::log(static_cast<double>(n))) {}
  std::string_view distribution() const noexcept { return "categorical"; }
  std::size_t outputs() const noexcept { return n_; }
  std::size_t action_width() const noexcept { return 1; }
  std::size_t mask_width() const noexcept { return n_; }
  std::size_t log_std_size() const noexcept { return 0; }
  /// Whether the mask leaves an action (of every component).
  bool has_choice(std::span<const std::uint8_t> mask) const { return count_valid(mask, n_) > 0; }
  /// ln of the number of actions, and of those that the mask leaves (0: no choice).
  double log_actions() const noexcept { return log_n_; }
  double log_valid(std::span<const std::uint8_t> mask) const {
    const std::size_t valid = count_valid(mask, n_);
    return valid == n_ ? log_n_ : std::log(static_cast<double>(valid));
  }

  template <std::floating_point S>
  HeadEvaluation<S> sample(const HeadRow<S>& row, RandomStream& random, std::span<std::int32_t> action) const {
    const auto drawn = nn::categorical::sample_and_evaluate(row.outputs, row.mask, random.uniform());
    action[0] = static_cast<std::int32_t>(drawn.action);
    return {drawn.log_prob, drawn.entropy};
  }
  template <std::floating_point S>
  void mode(const HeadRow<S>& row, std::span<std::int32_t> action) const {
    action[0] = static_cast<std::int32_t>(nn::categorical::mode(row.outputs, row.mask));
  }
  template <std::floating_point S>
  HeadEvaluation<S> evaluate(const HeadRow<S>& row, std::span<const std::int32_t> action) const {
    const auto result = nn::categorical::evaluate(row.outputs, row.mask, static_cast<std::size_t>(action[0]));
    return {result.log_prob, result.entropy, result.summary};
  }
  template <std::floating_point S>
  void backward(const HeadRow<S>& row, std::span<const std::int32_t> action, const nn::categorical::Summary<S>& summary,
                S d_log_prob, S d_entropy, std::span<S> d_outputs, std::span<S>) const {
    nn::categorical::backward(row.outputs, row.mask, static_cast<std::size_t>(action[0]), d_log_prob, d_entropy, d_outputs,
                              summary);
  }
  template <std::floating_point S>
  void backward(const HeadRow<S>& row, std::span<const std::int32_t> action, S d_log_prob, S d_entropy, std::span<S> d_outputs,
                std::span<S>) const {
    nn::categorical::backward(row.outputs, row.mask, static_cast<std::size_t>(action[0]), d_log_prob, d_entropy, d_outputs);
  }
  template <std::floating_point S>
  void probabilities(const HeadRow<S>& row, std::span<S> p) const {
    nn::categorical::probabilities(row.outputs, row.mask, p);
  }

 private:
  std::size_t n_;
  double log_n_;
};

/// MultiDiscrete: independent components, one after another in outputs and mask.
class MultiCategoricalHead {
 public:
  static constexpr bool is_discrete = true;
  template <class S>
  using Stored = std::int32_t;

  explicit MultiCategoricalHead(std::vector<std::int64_t> nvec) : nvec_(std::move(nvec)) {
    for (const std::int64_t n : nvec_) {
      outputs_ += static_cast<std::size_t>(n);
      log_n_ += std::log(static_cast<double>(n));
    }
  }
  const std::vector<std::int64_t>& nvec() const noexcept { return nvec_; }
  std::string_view distribution() const noexcept { return "multi_categorical"; }
  std::size_t outputs() const noexcept { return outputs_; }
  std::size_t action_width() const noexcept { return nvec_.size(); }
  std::size_t mask_width() const noexcept { return outputs_; }
  std::size_t log_std_size() const noexcept { return 0; }
  bool has_choice(std::span<const std::uint8_t> mask) const {
    bool all = true;
    for_each_component(mask, [&](std::size_t valid) { all = all && valid > 0; });
    return all;
  }
  double log_actions() const noexcept { return log_n_; }
  double log_valid(std::span<const std::uint8_t> mask) const {
    if (mask.empty()) return log_n_;
    double sum = 0.0;
    for_each_component(mask, [&](std::size_t valid) { sum += std::log(static_cast<double>(valid)); });
    return sum;
  }

  template <std::floating_point S>
  HeadEvaluation<S> sample(const HeadRow<S>& row, RandomStream& random, std::span<std::int32_t> action) const {
    const auto result = nn::multi_discrete::sample_and_evaluate(row.outputs, row.mask, nvec_, random, action);
    return {result.log_prob, result.entropy};
  }
  template <std::floating_point S>
  void mode(const HeadRow<S>& row, std::span<std::int32_t> action) const {
    nn::multi_discrete::mode(row.outputs, row.mask, nvec_, action);
  }
  template <std::floating_point S>
  HeadEvaluation<S> evaluate(const HeadRow<S>& row, std::span<const std::int32_t> action) const {
    const auto result = nn::multi_discrete::evaluate(row.outputs, row.mask, nvec_, action);
    return {result.log_prob, result.entropy};
  }
  template <std::floating_point S>
  void backward(const HeadRow<S>& row, std::span<const std::int32_t> action, S d_log_prob, S d_entropy, std::span<S> d_outputs,
                std::span<S>) const {
    nn::multi_discrete::backward(row.outputs, row.mask, nvec_, action, d_log_prob, d_entropy, d_outputs);
  }
  template <std::floating_point S>
  void probabilities(const HeadRow<S>& row, std::span<S> p) const {
    nn::multi_discrete::probabilities(row.outputs, row.mask, nvec_, p);
  }

 private:
  template <class F>
  void for_each_component(std::span<const std::uint8_t> mask, F&& f) const {
    std::size_t begin = 0;
    for (const std::int64_t component : nvec_) {
      const auto n = static_cast<std::size_t>(component);
      f(mask.empty() ? n : count_valid(mask.subspan(begin, n), 0));
      begin += n;
    }
  }

  std::vector<std::int64_t> nvec_;
  std::size_t outputs_ = 0;
  double log_n_ = 0.0;
};

/// Box: a diagonal Gaussian whose raw sample is stored; the environment gets it clipped to the bounds, or squashed into them.
class GaussianHead {
 public:
  static constexpr bool is_discrete = false;
  template <class S>
  using Stored = S;

  /// @throws ConfigError for a squashed action without finite bounds
  GaussianHead(std::vector<float> low, std::vector<float> high, bool squash)
      : low_(std::move(low)), high_(std::move(high)), squash_(squash) {
    for (std::size_t i = 0; squash_ && i < low_.size(); ++i) {
      if (!is_finite(low_[i]) || !is_finite(high_[i])) {
        throw ConfigError("squash = true needs bounds: element " + std::to_string(i) +
                          " of the action's Box has none; give the Box finite low and high, or set squash = false");
      }
      if (!(low_[i] < high_[i])) {
        throw ConfigError("squash = true needs low below high: element " + std::to_string(i) +
                          " of the action's Box has no width; leave it out, or set squash = false");
      }
    }
  }
  std::string_view distribution() const noexcept { return squash_ ? "tanh_gaussian" : "gaussian"; }
  const std::vector<float>& low() const noexcept { return low_; }
  const std::vector<float>& high() const noexcept { return high_; }
  bool squash() const noexcept { return squash_; }
  bool has_choice(std::span<const std::uint8_t>) const noexcept { return true; }
  std::size_t outputs() const noexcept { return low_.size(); }
  std::size_t action_width() const noexcept { return low_.size(); }
  std::size_t mask_width() const noexcept { return 0; }
  std::size_t log_std_size() const noexcept { return low_.size(); }

  template <std::floating_point S>
  HeadEvaluation<S> sample(const HeadRow<S>& row, RandomStream& random, std::span<S> action) const {
    if (squash_) {
      const auto result = nn::tanh_gaussian::sample_and_evaluate(row.outputs, row.log_std, low_, high_, random, action);
      return {result.log_prob, result.entropy};
    }
    const auto result = nn::gaussian::sample_and_evaluate(row.outputs, row.log_std, random, action);
    return {result.log_prob, result.entropy};
  }
  template <std::floating_point S>
  void mode(const HeadRow<S>& row, std::span<S> action) const {
    std::copy(row.outputs.begin(), row.outputs.end(), action.begin());
  }
  template <std::floating_point S>
  HeadEvaluation<S> evaluate(const HeadRow<S>& row, std::span<const S> action) const {
    if (squash_) {
      const auto result = nn::tanh_gaussian::evaluate(row.outputs, row.log_std, action, low_, high_);
      return {result.log_prob, result.entropy};
    }
    const auto result = nn::gaussian::evaluate(row.outputs, row.log_std, action);
    return {result.log_prob, result.entropy};
  }
  template <std::floating_point S>
  void backward(const HeadRow<S>& row, std::span<const S> action, S d_log_prob, S d_entropy, std::span<S> d_outputs,
                std::span<S> d_log_std) const {
    // The squashing's term does not depend on the parameters once u is stored: both have the Gaussian's gradient.
    nn::gaussian::backward(row.outputs, row.log_std, action, d_log_prob, d_entropy, d_outputs, d_log_std);
  }
  void to_environment(std::span<const float> stored, std::span<float> action) const {
    if (squash_) {
      nn::tanh_gaussian::to_action(stored, low_, high_, action);
    } else {
      nn::gaussian::clip(stored, low_, high_, action);
    }
  }

 private:
  std::vector<float> low_, high_;
  bool squash_;
};

/// Simplex: weights, exactly 0 where the mask forbids.
class DirichletHead {
 public:
  static constexpr bool is_discrete = false;
  template <class S>
  using Stored = S;

  explicit DirichletHead(std::size_t n) : n_(n) {}
  std::string_view distribution() const noexcept { return "dirichlet"; }
  bool has_choice(std::span<const std::uint8_t> mask) const { return count_valid(mask, n_) > 0; }
  std::size_t outputs() const noexcept { return n_; }
  std::size_t action_width() const noexcept { return n_; }
  std::size_t mask_width() const noexcept { return n_; }
  std::size_t log_std_size() const noexcept { return 0; }

  template <std::floating_point S>
  HeadEvaluation<S> sample(const HeadRow<S>& row, RandomStream& random, std::span<S> action) const {
    // As with the other heads the result says that something was wrong: the caller knows where. No sampler would end.
    for (std::size_t i = 0; i < n_; ++i) {
      if ((row.mask.empty() || row.mask[i] != 0) && !is_finite(row.outputs[i])) {
        std::fill(action.begin(), action.end(), S(0));
        return {std::numeric_limits<S>::quiet_NaN(), std::numeric_limits<S>::quiet_NaN()};
      }
    }
    const auto result = nn::dirichlet::sample_and_evaluate(row.outputs, row.mask, random, action);
    return {result.log_prob, result.entropy};
  }
  template <std::floating_point S>
  void mode(const HeadRow<S>& row, std::span<S> action) const {
    nn::dirichlet::mode(row.outputs, row.mask, action);
  }
  template <std::floating_point S>
  HeadEvaluation<S> evaluate(const HeadRow<S>& row, std::span<const S> action) const {
    const auto result = nn::dirichlet::evaluate(row.outputs, row.mask, action);
    return {result.log_prob, result.entropy};
  }
  template <std::floating_point S>
  void backward(const HeadRow<S>& row, std::span<const S> action, S d_log_prob, S d_entropy, std::span<S> d_outputs,
                std::span<S>) const {
    nn::dirichlet::backward(row.outputs, row.mask, action, d_log_prob, d_entropy, d_outputs);
  }

 private:
  std::size_t n_;
};

using AnyActionHead = std::variant<CategoricalHead, MultiCategoricalHead, GaussianHead, DirichletHead>;

}  // namespace rlx::inline v0_1::detail

#endif  // RLX_RL_DETAIL_ACTION_HEAD_HPP
