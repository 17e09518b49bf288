// SPDX-License-Identifier: MIT
/// @file
/// @brief RMSprop, the optimiser of A2C.
#ifndef RLX_NN_RMS_PROP_HPP
#define RLX_NN_RMS_PROP_HPP

#include <cmath>
#include <concepts>
#include <cstddef>
#include <span>
#include <string>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/nn/detail/aligned.hpp>
#include <rlx/nn/detail/simd.hpp>
#include <rlx/nn/parameter_store.hpp>

namespace rlx::inline v0_1::nn {

/// Hyper-parameters of BasicRmsProp, checked when it is made; the defaults are those of SB3's A2C.
struct RmsPropConfig {
  double alpha = 0.99;    ///< decay of the mean of squares, in [0, 1)
  double epsilon = 1e-5;  ///< added to the root, > 0
};

/// v = alpha v + (1 - alpha) g^2; p -= lr g / (sqrt(v) + epsilon), over a flat buffer in one pass without allocation.
template <std::floating_point S>
class BasicRmsProp {
 public:
  /// Means of 0 for `size` parameters, padding included. @throws ConfigError naming what is out of range in `config`
  explicit BasicRmsProp(std::size_t size, RmsPropConfig config = {}) : config_(config), square_(size) {
    if (!is_finite(config.alpha) || config.alpha < 0 || config.alpha >= 1) {
      throw ConfigError("RmsPropConfig.alpha = " + std::to_string(config.alpha) + ", expected [0, 1)");
    }
    if (!is_finite(config.epsilon) || config.epsilon <= 0)
      throw ConfigError("RmsPropConfig.epsilon = " + std::to_string(config.epsilon) + ", expected a number above 0");
  }
  /// For the parameters of `store`, which is not kept. @throws ConfigError as the constructor above
  explicit BasicRmsProp(const ParameterStore<S>& store, RmsPropConfig config = {})
      : BasicRmsProp(store.parameters().size(), config) {}

  /**
   * @brief One step of parameters [begin, begin + count). Ranges may be updated in any order and by different threads: each
   *        parameter depends on itself alone.
   * @param parameters     the whole buffer, changed in the range
   * @param gradients      the whole buffer, of the same length
   * @param learning_rate  of this step
   * @param grad_scale     multiplies all gradients
   * @param begin          first parameter of the range
   * @param count          parameters in the range
   * @throws ShapeError if the buffers' lengths differ from the optimiser's, or the range lies outside
   */
  void apply(std::span<S> parameters, std::span<const S> gradients, double learning_rate, double grad_scale, std::size_t begin,
             std::size_t count) {
    if (parameters.size() != square_.size() || gradients.size() != square_.size() || begin > square_.size() ||
        count > square_.size() - begin) {
      throw ShapeError("RmsProp: expected " + std::to_string(square_.size()) +
                       " parameters and gradients and a range among them, found " + std::to_string(parameters.size()) +
                       " and " + std::to_string(gradients.size()) + ", from " + std::to_string(begin) + " on " +
                       std::to_string(count));
    }
    const S scale = static_cast<S>(grad_scale);
    const S alpha = static_cast<S>(config_.alpha);
    const S complement = static_cast<S>(1.0 - config_.alpha);
    const S epsilon = static_cast<S>(config_.epsilon);
    const S rate = static_cast<S>(learning_rate);
    S* p = parameters.data() + begin;
    const S* g = gradients.data() + begin;
    S* v = square_.data() + begin;
    constexpr std::size_t width = detail::lanes<S>;
    const auto update = [&](detail::Vec<S> gradient, detail::Vec<S> square, detail::Vec<S> parameter, auto put) {
      gradient *= scale;
      square = alpha * square + complement * gradient * gradient;
      put(v, square);
      put(p, parameter - rate * gradient / (detail::square_root(square) + epsilon));
    };
    std::size_t i = 0;
    for (; i + width <= count; i += width) {
      update(detail::load<S>(g + i), detail::load<S>(v + i), detail::load<S>(p + i),
             [i](S* to, detail::Vec<S> x) { detail::store<S>(to + i, x); });
    }
    if (const std::size_t rest = count - i; rest > 0) {
      update(detail::load_partial<S>(g + i, rest), detail::load_partial<S>(v + i, rest), detail::load_partial<S>(p + i, rest),
             [i, rest](S* to, detail::Vec<S> x) { detail::store_partial<S>(to + i, x, rest); });
    }
  }

  /// One whole step. @throws ShapeError as `apply`
  void step(std::span<S> parameters, std::span<const S> gradients, double learning_rate, double grad_scale = 1.0) {
    apply(parameters, gradients, learning_rate, grad_scale, 0, square_.size());
  }
  /// The same for the parameters and gradients of `store`.
  void step(ParameterStore<S>& store, double learning_rate, double grad_scale = 1.0) {
    step(store.parameters(), static_cast<const ParameterStore<S>&>(store).gradients(), learning_rate, grad_scale);
  }

  /// Hyper-parameters as given to the constructor.
  const RmsPropConfig& config() const noexcept { return config_; }
  /// @{ State for checkpoints: running mean of squares, length as the parameters.
  std::span<S> square() noexcept { return square_; }
  std::span<const S> square() const noexcept { return square_; }
  /// @}

 private:
  RmsPropConfig config_;
  detail::AlignedVector<S> square_;
};

/// In float, as training uses it.
using RmsProp = BasicRmsProp<float>;

#ifdef RLX_COMPILED  // cmake/rlxCompiled.cpp holds it
extern template class BasicRmsProp<float>;
#endif

}  // namespace rlx::inline v0_1::nn

#endif  // RLX_NN_RMS_PROP_HPP
