// SPDX-License-Identifier: MIT
/// @file
/// @brief Acrobot-v1: swing the free end of two links above a line.
#ifndef RLX_ENV_CLASSIC_ACROBOT_HPP
#define RLX_ENV_CLASSIC_ACROBOT_HPP

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>
#include <string_view>
#include <vector>

#include <rlx/core/pcg64.hpp>
#include <rlx/env/detail/classic_state.hpp>
#include <rlx/env/detail/guard.hpp>
#include <rlx/env/environment.hpp>
#include <rlx/env/space.hpp>

namespace rlx::inline v0_1 {

/// The time limit.
struct AcrobotConfig {
  std::uint64_t max_episode_steps = 500;  ///< truncated at this step; 0: no limit
};

/// Torque -1, 0 or +1 (action 0, 1, 2) on the joint between two hanging links; reward -1 per step, 0 at the step that lifts
/// the end above the line. Truncated after 500 steps.
///
/// Observation: cos and sin of both angles, both velocities (rad/s). One Runge-Kutta step of 0.2 s of the equations of Sutton &
/// Barto's book. `reset(s)` gives the bits of Gymnasium's `reset(seed=s)`.
/// Source: Sutton 1996; Gymnasium 1.x `classic_control/acrobot.py`. Tests: tests/env/classic/acrobot.cpp.
class Acrobot {
 public:
  using ActionScalar = std::int32_t;  ///< As `Environment` asks.
  /// The state before rounding to the observation's floats.
  struct Info {
    std::array<double, 4> state{};  ///< both angles (rad), both velocities (rad/s)
    std::uint64_t steps = 0;        ///< made in this episode
  };

  /// Call `reset` before the first step.
  explicit Acrobot(AcrobotConfig config = {}) : config_(config) {}

  const Box& observation_space() const noexcept { return observations_; }  ///< As `Environment` asks.
  const Discrete& action_space() const noexcept { return actions_; }       ///< As `Environment` asks.
  const Info& info() const noexcept { return info_; }                      ///< As `Environment` asks.
  /// As `NamedLayout` asks.
  static constexpr std::array<std::string_view, 6> observation_names() {
    return {"cos_theta1", "sin_theta1", "cos_theta2", "sin_theta2", "theta1_dot_rad_per_s", "theta2_dot_rad_per_s"};
  }
  /// As `NamedLayout` asks.
  static constexpr std::array<std::string_view, 3> action_names() { return {"torque_minus", "no_torque", "torque_plus"}; }

  /// @throws ShapeError  a row of another length.
  void reset(std::uint64_t seed, std::span<float> row) {
    detail::require_length("Acrobot", "observation", row.size(), 6);
    Pcg64 random(seed);
    std::array<double, 4> start{};
    for (double& x : start) x = static_cast<double>(static_cast<float>(random.uniform(-0.1, 0.1)));
    set_state(start);
    write(row);
  }

  /// @throws StateError  no running episode.  InvalidActionError  an action outside 0..2.  ShapeError  a row of another length.
  Transition step(std::span<const std::int32_t> action, std::span<float> row) {
    detail::require_running("Acrobot", state_.phase);
    detail::require_rows("Acrobot", action.size(), 1, row.size(), 6);
    const double torque = detail::require_choice("Acrobot", action, 0, 3) - 1;
    std::array<double, 4>& s = state_.numbers;
    s = runge_kutta(s, torque);
    s[0] = wrapped(s[0]);
    s[1] = wrapped(s[1]);
    s[2] = std::clamp(s[2], -max_speed_1, max_speed_1);
    s[3] = std::clamp(s[3], -max_speed_2, max_speed_2);
    const bool terminated = -std::cos(s[0]) - std::cos(s[1] + s[0]) > 1.0;
    const Transition transition = state_.finish(terminated ? 0.0 : -1.0, terminated, config_.max_episode_steps);
    write(row);
    return transition;
  }

  /// Starts an episode at a given state; for tests and plots.
  void set_state(const std::array<double, 4>& state) {
    state_.begin(state);
    update_info();
  }

  void save_state(std::vector<std::byte>& bytes) const { state_.save(bytes); }  ///< As `SerializableEnvironment` asks.
  /// As `SerializableEnvironment` asks.
  void load_state(std::span<const std::byte> bytes) {
    state_ = detail::ClassicState<4>::load(bytes);
    update_info();
  }

 private:
  using State = std::array<double, 4>;
  static constexpr double pi = std::numbers::pi;
  static constexpr double max_speed_1 = 4 * pi, max_speed_2 = 9 * pi, time_step = 0.2, gravity = 9.8;
  static constexpr double mass = 1.0, length = 1.0, center = 0.5, inertia = 1.0;  // the same for both links

  static State derivative(const State& s, double torque) {
    const double theta1 = s[0], theta2 = s[1], rate1 = s[2], rate2 = s[3];
    const double d1 = mass * center * center +
                      mass * (length * length + center * center + 2 * length * center * std::cos(theta2)) + inertia + inertia;
    const double d2 = mass * (center * center + length * center * std::cos(theta2)) + inertia;
    const double phi2 = mass * center * gravity * std::cos(theta1 + theta2 - pi / 2);
    const double phi1 = -mass * length * center * rate2 * rate2 * std::sin(theta2) -
                        2 * mass * length * center * rate2 * rate1 * std::sin(theta2) +
                        (mass * center + mass * length) * gravity * std::cos(theta1 - pi / 2) + phi2;
    const double acceleration2 = (torque + d2 / d1 * phi1 - mass * length * center * rate1 * rate1 * std::sin(theta2) - phi2) /
                                 (mass * center * center + inertia - d2 * d2 / d1);
    const double acceleration1 = -(d2 * acceleration2 + phi1) / d1;
    return {rate1, rate2, acceleration1, acceleration2};
  }

  static State moved(const State& s, const State& slope, double h) {
    return {s[0] + h * slope[0], s[1] + h * slope[1], s[2] + h * slope[2], s[3] + h * slope[3]};
  }
  static State runge_kutta(const State& s, double torque) {
    const State k1 = derivative(s, torque);
    const State k2 = derivative(moved(s, k1, time_step / 2), torque);
    const State k3 = derivative(moved(s, k2, time_step / 2), torque);
    const State k4 = derivative(moved(s, k3, time_step), torque);
    State next = s;
    for (std::size_t i = 0; i < 4; ++i) next[i] += time_step / 6 * (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i]);
    return next;
  }
  static double wrapped(double x) {
    while (x > pi) x -= 2 * pi;
    while (x < -pi) x += 2 * pi;
    return x;
  }

  void update_info() { info_ = {state_.numbers, state_.steps}; }
  void write(std::span<float> row) {
    update_info();
    const State& s = info_.state;
    row[0] = static_cast<float>(std::cos(s[0]));
    row[1] = static_cast<float>(std::sin(s[0]));
    row[2] = static_cast<float>(std::cos(s[1]));
    row[3] = static_cast<float>(std::sin(s[1]));
    row[4] = static_cast<float>(s[2]);
    row[5] = static_cast<float>(s[3]);
  }
  static Box bounds() {
    const float fast1 = static_cast<float>(max_speed_1), fast2 = static_cast<float>(max_speed_2);
    return {{-1.0F, -1.0F, -1.0F, -1.0F, -fast1, -fast2}, {1.0F, 1.0F, 1.0F, 1.0F, fast1, fast2}};
  }

  AcrobotConfig config_;
  Box observations_ = bounds();
  Discrete actions_{3};
  detail::ClassicState<4> state_;
  Info info_;
};

/// Gymnasium's name: the limit of 500 steps is built in.
using AcrobotV1 = Acrobot;

}  // namespace rlx::inline v0_1

#endif  // RLX_ENV_CLASSIC_ACROBOT_HPP
