// SPDX-License-Identifier: MIT
/// @file
/// @brief Adam with bias correction, optional decoupled weight decay, and the clip factor folded into its one pass.
#ifndef RLX_NN_ADAM_HPP
#define RLX_NN_ADAM_HPP

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/nn/detail/aligned.hpp>
#include <rlx/nn/detail/simd.hpp>
#include <rlx/nn/parameter_store.hpp>

namespace rlx::inline v0_1::nn {

/// Hyper-parameters of BasicAdam, checked when it is made; the defaults are PyTorch's but for epsilon.
struct AdamConfig {
  double beta1 = 0.9;         ///< decay of the mean of gradients, in [0, 1)
  double beta2 = 0.999;       ///< decay of the mean of squares, in [0, 1)
  double epsilon = 1e-5;      ///< added to the root, > 0; 1e-5 is SB3's for PPO ("37 details", detail 3)
  double weight_decay = 0.0;  ///< decoupled: parameters shrink by learning_rate * weight_decay per step; >= 0
};

/**
 * @brief Adam over a flat buffer; use `Adam` (float) or `BasicAdam<double>` in tests.
 *
 * m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; p -= lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon), where g is the
 * gradient times `grad_scale`. One pass, no allocation, the same bytes on any number of threads.
 * @par Source  Kingma and Ba 2015, arXiv:1412.6980, algorithm 1; decay of Loshchilov and Hutter 2019, arXiv:1711.05101
 */
template <std::floating_point S>
class BasicAdam {
 public:
  /**
   * @brief Moments of 0 and no step made.
   * @param size    length of the parameter buffer, padding included
   * @param config  hyper-parameters; ConfigError names the one out of its range
   */
  explicit BasicAdam(std::size_t size, AdamConfig config = {}) : config_(config), first_(size), second_(size) {
    const auto check = [](const char* name, double value, bool fits, const char* expected) {
      if (!fits || !is_finite(value))
        throw ConfigError("AdamConfig." + std::string(name) + " = " + std::to_string(value) + ", expected " + expected);
    };
    check("beta1", config.beta1, config.beta1 >= 0 && config.beta1 < 1, "[0, 1)");
    check("beta2", config.beta2, config.beta2 >= 0 && config.beta2 < 1, "[0, 1)");
    check("epsilon", config.epsilon, config.epsilon > 0, "a number above 0");
    check("weight_decay", config.weight_decay, config.weight_decay >= 0, "a number of at least 0");
  }
  /// For the parameters of `store`, which is not kept. @throws ConfigError as the constructor above
  explicit BasicAdam(const ParameterStore<S>& store, AdamConfig config = {}) : BasicAdam(store.parameters().size(), config) {}

  /// Factors of one step, the same for all its parameters.
  struct Step {
    S rate;   ///< learning rate / (1 - beta1^t)
    S root;   ///< 1 / sqrt(1 - beta2^t)
    S keep;   ///< share of a parameter that weight decay leaves
    S scale;  ///< of all gradients
  };

  /**
   * @brief Counts a step and returns its factors; `apply` must follow once for every parameter.
   * @param learning_rate  of this step
   * @param grad_scale     factor of all gradients, such as clip_factor(norm, max_norm)
   */
  Step begin_step(double learning_rate, double grad_scale = 1.0) {
    ++steps_;
    const double t = static_cast<double>(steps_);
    const double correction1 = 1.0 - std::pow(config_.beta1, t);
    const double correction2 = 1.0 - std::pow(config_.beta2, t);
    return {static_cast<S>(learning_rate / correction1), static_cast<S>(1.0 / std::sqrt(correction2)),
            static_cast<S>(1.0 - learning_rate * config_.weight_decay), static_cast<S>(grad_scale)};
  }

  /**
   * @brief Updates parameters [begin, begin + count). Ranges may be updated in any order and by different threads: each
   *        parameter depends on itself alone.
   * @throws ShapeError if the buffers' lengths differ from the optimiser's, or the range lies outside
   */
  void apply(const Step& factors, std::span<S> parameters, std::span<const S> gradients, std::size_t begin, std::size_t count) {
    if (parameters.size() != first_.size() || gradients.size() != first_.size() || begin > first_.size() ||
        count > first_.size() - begin) {
      throw ShapeError("Adam: expected " + std::to_string(first_.size()) +
                       " parameters and gradients and a range among them, found " + std::to_string(parameters.size()) +
                       " and " + std::to_string(gradients.size()) + ", from " + std::to_string(begin) + " on " +
                       std::to_string(count));
    }
    const S b1 = static_cast<S>(config_.beta1);
    const S b2 = static_cast<S>(config_.beta2);
    const S c1 = static_cast<S>(1.0 - config_.beta1);
    const S c2 = static_cast<S>(1.0 - config_.beta2);
    const S epsilon = static_cast<S>(config_.epsilon);
    S* p = parameters.data() + begin;
    const S* g = gradients.data() + begin;
    S* m = first_.data() + begin;
    S* v = second_.data() + begin;
    constexpr std::size_t width = detail::lanes<S>;  // buffers are whole cache lines unless the caller sized them otherwise
    const auto update = [&](detail::Vec<S> gradient, detail::Vec<S> mean, detail::Vec<S> square, detail::Vec<S> parameter,
                            auto put) {
      gradient *= factors.scale;
      mean = b1 * mean + c1 * gradient;
      square = b2 * square + c2 * gradient * gradient;
      put(m, mean);
      put(v, square);
      put(p, parameter * factors.keep - factors.rate * mean / (detail::square_root(square) * factors.root + epsilon));
    };
    std::size_t i = 0;
    for (; i + width <= count; i += width) {
      update(detail::load<S>(g + i), detail::load<S>(m + i), detail::load<S>(v + i), detail::load<S>(p + i),
             [i](S* to, detail::Vec<S> x) { detail::store<S>(to + i, x); });
    }
    if (const std::size_t rest = count - i; rest > 0) {
      update(detail::load_partial<S>(g + i, rest), detail::load_partial<S>(m + i, rest), detail::load_partial<S>(v + i, rest),
             detail::load_partial<S>(p + i, rest),
             [i, rest](S* to, detail::Vec<S> x) { detail::store_partial<S>(to + i, x, rest); });
    }
  }

  /// One whole step: `begin_step` and `apply` to all. @throws ShapeError as `apply`; then no step is counted
  void step(std::span<S> parameters, std::span<const S> gradients, double learning_rate, double grad_scale = 1.0) {
    if (parameters.size() != first_.size() || gradients.size() != first_.size()) {
      throw ShapeError("Adam::step: expected " + std::to_string(first_.size()) + " parameters and gradients, found " +
                       std::to_string(parameters.size()) + " and " + std::to_string(gradients.size()));
    }
    apply(begin_step(learning_rate, grad_scale), parameters, gradients, 0, first_.size());
  }
  /// The same for the parameters and gradients of `store`.
  void step(ParameterStore<S>& store, double learning_rate, double grad_scale = 1.0) {
    step(store.parameters(), static_cast<const ParameterStore<S>&>(store).gradients(), learning_rate, grad_scale);
  }

  /// Hyper-parameters as given to the constructor.
  const AdamConfig& config() const noexcept { return config_; }
  /// @{ State for checkpoints: the moments m and v, length as the parameters.
  std::span<S> first_moment() noexcept { return first_; }
  std::span<const S> first_moment() const noexcept { return first_; }
  std::span<S> second_moment() noexcept { return second_; }
  std::span<const S> second_moment() const noexcept { return second_; }
  /// @}
  /// Steps made, t of the bias correction; a part of the state.
  std::uint64_t steps() const noexcept { return steps_; }
  /// Takes up the count of a checkpoint.
  void set_steps(std::uint64_t steps) noexcept { steps_ = steps; }

 private:
  AdamConfig config_;
  detail::AlignedVector<S> first_, second_;
  std::uint64_t steps_ = 0;
};

/// In float, as training uses it.
using Adam = BasicAdam<float>;

#ifdef RLX_COMPILED  // cmake/rlxCompiled.cpp holds it
extern template class BasicAdam<float>;
#endif

}  // namespace rlx::inline v0_1::nn

#endif  // RLX_NN_ADAM_HPP
