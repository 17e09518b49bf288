// SPDX-License-Identifier: MIT
/// @file
/// @brief Normalised value targets whose change leaves the values as they were (PopArt).
#ifndef RLX_RL_DETAIL_VALUE_SCALE_HPP
#define RLX_RL_DETAIL_VALUE_SCALE_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>

#include <rlx/nn/graph_spec.hpp>
#include <rlx/nn/parameter_store.hpp>

namespace rlx::inline v0_1::detail {

/// Bias-corrected exponential averages (rate 0.1 per rollout) of the mean and the variance of the returns. The value head
/// learns (R - mean) / std. @par Source van Hasselt et al. 2016, arXiv:1602.07714, with the averages per rollout
class ValueScale {
 public:
  double mean() const noexcept { return mean_; }
  double variance() const noexcept { return variance_; }
  double std() const noexcept { return updates_ == 0.0 ? 1.0 : std::max(std::sqrt(variance_), 1e-4); }
  double updates() const noexcept { return updates_; }
  void set(double mean, double variance, double updates) noexcept { mean_ = mean, variance_ = variance, updates_ = updates; }

  /// Takes in the returns of one rollout; in double, in ascending order.
  void update(std::span<const float> returns) {
    double sum = 0.0, squares = 0.0;
    for (const float x : returns) sum += static_cast<double>(x);
    const auto n = static_cast<double>(returns.size());
    const double batch_mean = sum / n;
    for (const float x : returns) squares += (static_cast<double>(x) - batch_mean) * (static_cast<double>(x) - batch_mean);
    updates_ += 1.0;
    // The bias-corrected average m_t / (1 - 0.9^t) follows from the one before with this weight, which is 1 at t = 1.
    const double weight = std::min(1.0, 0.1 / (1.0 - std::pow(0.9, updates_)));
    const double step = batch_mean - mean_;
    variance_ = (1.0 - weight) * variance_ + weight * (squares / n) + weight * (1.0 - weight) * step * step;
    mean_ += weight * step;
  }

  float to_normalised(float value) const noexcept { return static_cast<float>((static_cast<double>(value) - mean_) / std()); }
  float to_real(float output) const noexcept { return static_cast<float>(static_cast<double>(output) * std() + mean_); }

 private:
  double mean_ = 0.0, variance_ = 1.0, updates_ = 0.0;
};

/// Weight and bias of the linear node behind the output "value".
struct ValueHead {
  nn::TensorId weight = 0, bias = 0;
};

/// Nothing if that output is no linear layer with bias.
template <class S>
std::optional<ValueHead> find_value_head(const nn::GraphSpec& spec, const nn::ParameterStore<S>& store) {
  for (const nn::OutputSpec& output : spec.outputs) {
    if (output.name != "value") continue;
    const nn::NodeSpec& node = spec.nodes.at(output.node);
    if (node.kind == nn::NodeKind::linear && node.bias)
      return ValueHead{store.find(node.name + ".weight"), store.find(node.name + ".bias")};
  }
  return std::nullopt;
}

/// Changes a linear head so that std' y' + mean' = std y + mean: W' = W std / std', b' = (std b + mean - mean') / std'.
inline void rescale_value_head(std::span<float> weight, std::span<float> bias, double mean, double std, double new_mean,
                               double new_std) {
  for (float& w : weight) w = static_cast<float>(static_cast<double>(w) * std / new_std);
  for (float& b : bias) b = static_cast<float>((std * static_cast<double>(b) + mean - new_mean) / new_std);
}

}  // namespace rlx::inline v0_1::detail

#endif  // RLX_RL_DETAIL_VALUE_SCALE_HPP
