// SPDX-License-Identifier: MIT
/// @file
/// @brief Many CartPoles as a structure of arrays, for throughput.
#ifndef RLX_ENV_CLASSIC_CART_POLE_BATCH_HPP
#define RLX_ENV_CLASSIC_CART_POLE_BATCH_HPP

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/core/random.hpp>
#include <rlx/env/batch_environment.hpp>
#include <rlx/env/detail/guard.hpp>
#include <rlx/env/space.hpp>

namespace rlx::inline v0_1 {

/// `CartPole`'s dynamics in float for n poles at once; one step from the same state differs from `CartPole` by at most 1e-5
/// per component. Resets draw from the library's own streams, so episodes are not Gymnasium's. Truncated after 500 steps.
/// Tests: tests/env/classic/cart_pole_batch.cpp.
class CartPoleBatch {
 public:
  using ActionScalar = std::int32_t;  ///< As `BatchEnvironment` asks.

  /// @param size               environments, at least 1.
  /// @param max_episode_steps  truncated at this step; 0: no limit.
  explicit CartPoleBatch(std::size_t size, std::uint64_t max_episode_steps = 500)
      : x_(size), x_dot_(size), theta_(size), theta_dot_(size), force_(size), steps_(size), limit_(max_episode_steps) {
    if (size == 0) throw ConfigError("CartPoleBatch: size = 0; at least one environment is needed");
  }

  std::size_t size() const noexcept { return x_.size(); }                  ///< environments in the batch
  const Box& observation_space() const noexcept { return observations_; }  ///< As `BatchEnvironment` asks.
  const Discrete& action_space() const noexcept { return actions_; }       ///< As `BatchEnvironment` asks.

  /// As `BatchEnvironment` asks: each number of the state uniform in [-0.05, 0.05).
  void reset(std::size_t i, std::uint64_t seed, std::span<float> row) {
    RandomStream random({seed, Purpose::environment_dynamics, 0, 0});
    for (float& number : row) number = 0.1F * random.uniform<float>() - 0.05F;
    set_state(i, row);
  }

  /// Puts environment i into a state at the start of an episode.
  void set_state(std::size_t i, std::span<const float> state) {
    x_[i] = state[0];
    x_dot_[i] = state[1];
    theta_[i] = state[2];
    theta_dot_[i] = state[3];
    steps_[i] = 0;
  }

  /// @throws InvalidActionError  an action other than 0 and 1; then no state has changed.
  void step(MatrixView<const std::int32_t> actions, MatrixView<float> observations, std::span<double> rewards,
            std::span<std::uint8_t> terminated, std::span<std::uint8_t> truncated) {
    const std::size_t n = size();
    for (std::size_t i = 0; i < n; ++i) {
      force_[i] = detail::require_choice("CartPoleBatch", actions.row(i), 0, 2) == 1 ? 10.0F : -10.0F;
    }
    integrate();
    for (std::size_t i = 0; i < n; ++i) {
      float* const row = observations.row(i).data();
      row[0] = x_[i];
      row[1] = x_dot_[i];
      row[2] = theta_[i];
      row[3] = theta_dot_[i];
      rewards[i] = 1.0;
      const bool out = x_[i] > x_limit || x_[i] < -x_limit || theta_[i] > theta_limit || theta_[i] < -theta_limit;
      terminated[i] = out ? 1 : 0;
      truncated[i] = ++steps_[i] == limit_ ? 1 : 0;
    }
  }

 private:
  static constexpr float x_limit = 2.4F, theta_limit = 0.20943951F;  // 12 degrees

  void integrate() {
    constexpr float gravity = 9.8F, total_mass = 1.1F, pole_mass = 0.1F, pole_mass_length = 0.05F, length = 0.5F, tau = 0.02F;
    const std::size_t n = size();
    // Separate pointers let the compiler vectorise; a running episode has |theta| <= 0.21, far inside the series' range.
    float* const x = x_.data();
    float* const x_dot = x_dot_.data();
    float* const theta = theta_.data();
    float* const theta_dot = theta_dot_.data();
    const float* const force = force_.data();
    for (std::size_t i = 0; i < n; ++i) {
      const float t = theta[i], rate = theta_dot[i], square = t * t;
      const float sine = t * (1.0F - square * (1.0F / 6) * (1.0F - square * (1.0F / 20) * (1.0F - square * (1.0F / 42))));
      const float cosine =
          1.0F - square * 0.5F * (1.0F - square * (1.0F / 12) * (1.0F - square * (1.0F / 30) * (1.0F - square * (1.0F / 56))));
      const float temp = (force[i] + pole_mass_length * rate * rate * sine) * (1.0F / total_mass);
      const float theta_acceleration =
          (gravity * sine - cosine * temp) / (length * (4.0F / 3.0F - (pole_mass / total_mass) * cosine * cosine));
      const float x_acceleration = temp - (pole_mass_length / total_mass) * theta_acceleration * cosine;
      x[i] += tau * x_dot[i];
      x_dot[i] += tau * x_acceleration;
      theta[i] += tau * rate;
      theta_dot[i] += tau * theta_acceleration;
    }
  }

  static Box bounds() {
    constexpr float unbounded = std::numeric_limits<float>::infinity();
    return {{-2 * x_limit, -unbounded, -2 * theta_limit, -unbounded}, {2 * x_limit, unbounded, 2 * theta_limit, unbounded}};
  }

  std::vector<float> x_, x_dot_, theta_, theta_dot_, force_;
  std::vector<std::uint64_t> steps_;
  std::uint64_t limit_;
  Box observations_ = bounds();
  Discrete actions_{2};
};

}  // namespace rlx::inline v0_1

#endif  // RLX_ENV_CLASSIC_CART_POLE_BATCH_HPP
