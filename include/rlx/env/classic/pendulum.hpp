// SPDX-License-Identifier: MIT
/// @file
/// @brief Pendulum-v1: swing up a pendulum with a limited torque.
#ifndef RLX_ENV_CLASSIC_PENDULUM_HPP
#define RLX_ENV_CLASSIC_PENDULUM_HPP

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/pcg64.hpp>
#include <rlx/env/detail/classic_state.hpp>
#include <rlx/env/detail/guard.hpp>
#include <rlx/env/environment.hpp>
#include <rlx/env/space.hpp>

namespace rlx::inline v0_1 {

/// Start states, gravity and time limit.
struct PendulumConfig {
  double x_init = std::numbers::pi;       ///< start angle uniform in +-x_init (rad)
  double y_init = 1.0;                    ///< start velocity uniform in +-y_init (rad/s)
  double g = 10.0;                        ///< gravity (m/s^2)
  std::uint64_t max_episode_steps = 200;  ///< truncated at this step; 0: no limit
};

/// One torque in [-2, 2] (clipped; N m); reward -(angle^2 + 0.1 velocity^2 + 0.001 torque^2) of the state before the step,
/// angle 0 = upright. Never terminates; truncated after 200 steps.
///
/// Observation: cos, sin of the angle, velocity (rad/s). `reset(s)` gives the bits of Gymnasium's `reset(seed=s)`.
/// Source: Gymnasium 1.x `classic_control/pendulum.py`. Tests: tests/env/classic/pendulum.cpp.
class Pendulum {
 public:
  using ActionScalar = float;  ///< As `Environment` asks.
  /// The state before rounding to the observation's floats.
  struct Info {
    double theta = 0.0,       ///< rad, 0 = upright, turns included
        theta_dot = 0.0;      ///< rad/s, in [-8, 8]
    std::uint64_t steps = 0;  ///< made in this episode
  };

  /// @throws ConfigError  a field that is not finite, or a negative range.
  explicit Pendulum(PendulumConfig config = {}) : config_(config) {
    if (!is_finite(config.x_init) || !is_finite(config.y_init) || !is_finite(config.g) || config.x_init < 0 ||
        config.y_init < 0) {
      throw ConfigError("PendulumConfig: x_init = " + std::to_string(config.x_init) +
                        ", y_init = " + std::to_string(config.y_init) + ", g = " + std::to_string(config.g) +
                        "; expected finite numbers, ranges not negative");
    }
  }

  const Box& observation_space() const noexcept { return observations_; }  ///< As `Environment` asks.
  const Box& action_space() const noexcept { return actions_; }            ///< As `Environment` asks.
  const Info& info() const noexcept { return info_; }                      ///< As `Environment` asks.
  /// As `NamedLayout` asks.
  static constexpr std::array<std::string_view, 3> observation_names() {
    return {"cos_theta", "sin_theta", "theta_dot_rad_per_s"};
  }
  static constexpr std::array<std::string_view, 1> action_names() { return {"torque_n_m"}; }  ///< As `NamedLayout` asks.

  /// @throws ShapeError  a row of another length.
  void reset(std::uint64_t seed, std::span<float> row) {
    detail::require_length("Pendulum", "observation", row.size(), 3);
    Pcg64 random(seed);
    const double theta = random.uniform(-config_.x_init, config_.x_init);
    const double theta_dot = random.uniform(-config_.y_init, config_.y_init);
    set_state(theta, theta_dot);
    write(row);
  }

  /// @throws StateError  no running episode.  InvalidActionError  a torque that is not finite.  ShapeError  a row of another
  /// length.
  Transition step(std::span<const float> action, std::span<float> row) {
    detail::require_running("Pendulum", state_.phase);
    detail::require_rows("Pendulum", action.size(), 1, row.size(), 3);
    const double torque =
        std::clamp(static_cast<double>(detail::require_number("Pendulum", action, 0)), -max_torque, max_torque);
    double& theta = state_.numbers[0];
    double& theta_dot = state_.numbers[1];
    const double angle = normalized(theta);
    const double cost = angle * angle + 0.1 * (theta_dot * theta_dot) + 0.001 * (torque * torque);
    theta_dot += (3 * config_.g / 2 * std::sin(theta) + 3 * torque) * time_step;
    theta_dot = std::clamp(theta_dot, -max_speed, max_speed);
    theta += theta_dot * time_step;
    const Transition transition = state_.finish(-cost, false, config_.max_episode_steps);
    write(row);
    return transition;
  }

  /// Starts an episode at a given state; for tests and plots.
  void set_state(double theta, double theta_dot) {
    state_.begin({theta, theta_dot});
    update_info();
  }

  void save_state(std::vector<std::byte>& bytes) const { state_.save(bytes); }  ///< As `SerializableEnvironment` asks.
  /// As `SerializableEnvironment` asks.
  void load_state(std::span<const std::byte> bytes) {
    state_ = detail::ClassicState<2>::load(bytes);
    update_info();
  }

 private:
  static constexpr double max_torque = 2.0, max_speed = 8.0, time_step = 0.05;

  /// The angle in [-pi, pi), with Python's floor modulus.
  static double normalized(double x) {
    constexpr double pi = std::numbers::pi, turn = 2 * pi;
    double rest = std::fmod(x + pi, turn);
    if (rest < 0) rest += turn;
    return rest - pi;
  }
  void update_info() { info_ = {state_.numbers[0], state_.numbers[1], state_.steps}; }
  void write(std::span<float> row) {
    update_info();
    row[0] = static_cast<float>(std::cos(info_.theta));
    row[1] = static_cast<float>(std::sin(info_.theta));
    row[2] = static_cast<float>(info_.theta_dot);
  }

  PendulumConfig config_;
  Box observations_{{-1.0F, -1.0F, -8.0F}, {1.0F, 1.0F, 8.0F}};
  Box actions_{{-2.0F}, {2.0F}};
  detail::ClassicState<2> state_;
  Info info_;
};

/// Gymnasium's name: the limit of 200 steps is built in.
using PendulumV1 = Pendulum;

}  // namespace rlx::inline v0_1

#endif  // RLX_ENV_CLASSIC_PENDULUM_HPP
