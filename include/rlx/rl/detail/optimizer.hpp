// SPDX-License-Identifier: MIT
/// @file
/// @brief The optimiser of a learner: Adam, or RMSprop where A2C asks for it.
#ifndef RLX_RL_DETAIL_OPTIMIZER_HPP
#define RLX_RL_DETAIL_OPTIMIZER_HPP

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include <rlx/io/safetensors.hpp>
#include <rlx/nn/adam.hpp>
#include <rlx/nn/rms_prop.hpp>

namespace rlx::inline v0_1::detail {

/// A template so that a program compiles only what it uses.
template <class S>
class BasicOptimizer {
  using Adam = nn::BasicAdam<S>;
  using RmsProp = nn::BasicRmsProp<S>;

 public:
  explicit BasicOptimizer(Adam adam) : kind_(std::move(adam)) {}
  explicit BasicOptimizer(RmsProp rms_prop) : kind_(std::move(rms_prop)) {}

  /// Factors of one step, then `apply` to ranges of the buffers in any order and from any thread.
  void begin_step(double learning_rate, double grad_scale) {
    rate_ = learning_rate, scale_ = grad_scale;
    if (auto* const adam = std::get_if<Adam>(&kind_)) adam_step_ = adam->begin_step(learning_rate, grad_scale);
  }
  void apply(std::span<S> parameters, std::span<const S> gradients, std::size_t begin, std::size_t count) {
    if (auto* const adam = std::get_if<Adam>(&kind_)) {
      adam->apply(adam_step_, parameters, gradients, begin, count);
    } else {
      std::get<RmsProp>(kind_).apply(parameters, gradients, rate_, scale_, begin, count);
    }
  }

  /// Steps made, for the bias correction of Adam.
  std::uint64_t steps() const noexcept {
    const auto* const adam = std::get_if<Adam>(&kind_);
    return adam == nullptr ? 0 : adam->steps();
  }
  void set_steps(std::uint64_t steps) noexcept {
    if (auto* const adam = std::get_if<Adam>(&kind_)) adam->set_steps(steps);
  }

  void append_state(std::vector<io::TensorView>& tensors) const {
    if (const auto* const adam = std::get_if<Adam>(&kind_)) {
      tensors.push_back(io::tensor_view("optimizer/m", adam->first_moment()));
      tensors.push_back(io::tensor_view("optimizer/v", adam->second_moment()));
    } else {
      tensors.push_back(io::tensor_view("optimizer/v", std::get<RmsProp>(kind_).square()));
    }
  }
  void read_state(const io::Safetensors& file) {
    if (auto* const adam = std::get_if<Adam>(&kind_)) {
      file.read_into("optimizer/m", adam->first_moment());
      file.read_into("optimizer/v", adam->second_moment());
    } else {
      file.read_into("optimizer/v", std::get<RmsProp>(kind_).square());
    }
  }

 private:
  std::variant<Adam, RmsProp> kind_;
  typename Adam::Step adam_step_{};
  double rate_ = 0.0, scale_ = 1.0;
};

using Optimizer = BasicOptimizer<float>;

}  // namespace rlx::inline v0_1::detail

#endif  // RLX_RL_DETAIL_OPTIMIZER_HPP
