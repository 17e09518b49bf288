// SPDX-License-Identifier: MIT
/// @file
/// @brief CartPole-v1: balance a pole on a cart.
#ifndef RLX_ENV_CLASSIC_CART_POLE_HPP
#define RLX_ENV_CLASSIC_CART_POLE_HPP

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numbers>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/pcg64.hpp>
#include <rlx/core/state.hpp>
#include <rlx/env/detail/guard.hpp>
#include <rlx/env/environment.hpp>
#include <rlx/env/space.hpp>

namespace rlx::inline v0_1 {

/// Start states and time limit.
struct CartPoleConfig {
  double reset_low = -0.05;               ///< lower bound of each state variable at reset
  double reset_high = 0.05;               ///< upper bound; Gymnasium's options `low` and `high`
  std::uint64_t max_episode_steps = 500;  ///< truncated at this step; 0: no limit
};

/// A pole stands on a cart that is pushed left (action 0) or right (action 1) with 10 N; reward 1 for every step, the last
/// too. Terminated when |x| > 2.4 m or |angle| > 12 degrees, truncated after 500 steps.
///
/// Observation: x (m), dx/dt (m/s), angle (rad), its rate (rad/s). The state is double; `reset(s)` gives the bits of
/// Gymnasium's `reset(seed=s)`. Euler steps of 0.02 s with the velocities of before the step.
/// Source: Barto, Sutton & Anderson 1983; Gymnasium 1.x `classic_control/cartpole.py`.
/// Tests: tests/env/classic/cart_pole.cpp (worked reset, mirror symmetry, independent integration).
class CartPole {
 public:
  using ActionScalar = std::int32_t;  ///< As `Environment` asks.
  /// The state before rounding to the observation's floats.
  struct Info {
    double x = 0.0,           ///< m
        x_dot = 0.0,          ///< m/s
        theta = 0.0,          ///< rad, 0 = upright
        theta_dot = 0.0;      ///< rad/s
    std::uint64_t steps = 0;  ///< made in this episode
  };

  /// @throws ConfigError  reset bounds not finite or in the wrong order.
  explicit CartPole(CartPoleConfig config = {}) : config_(config) {
    if (!is_finite(config.reset_low) || !is_finite(config.reset_high) || config.reset_low > config.reset_high) {
      throw ConfigError("CartPoleConfig: reset_low = " + std::to_string(config.reset_low) +
                        ", reset_high = " + std::to_string(config.reset_high) + "; expected finite numbers, low <= high");
    }
  }

  const Box& observation_space() const noexcept { return observations_; }  ///< As `Environment` asks.
  const Discrete& action_space() const noexcept { return actions_; }       ///< As `Environment` asks.
  const Info& info() const noexcept { return state_; }                     ///< As `Environment` asks.
  /// As `NamedLayout` asks.
  static constexpr std::array<std::string_view, 4> observation_names() {
    return {"x_m", "x_dot_m_per_s", "theta_rad", "theta_dot_rad_per_s"};
  }
  /// As `NamedLayout` asks.
  static constexpr std::array<std::string_view, 2> action_names() { return {"push_left", "push_right"}; }

  /// @throws ShapeError  a row of another length.
  void reset(std::uint64_t seed, std::span<float> row) {
    detail::require_length("CartPole", "observation", row.size(), 4);
    Pcg64 random(seed);
    const auto draw = [&] { return random.uniform(config_.reset_low, config_.reset_high); };
    state_.x = draw();
    state_.x_dot = draw();
    state_.theta = draw();
    state_.theta_dot = draw();
    state_.steps = 0;
    phase_ = detail::EpisodePhase::running;
    write(row);
  }

  /// @throws StateError  no running episode.  InvalidActionError  an action other than 0 and 1.  ShapeError  a row of another
  /// length.
  Transition step(std::span<const std::int32_t> action, std::span<float> row) {
    detail::require_running("CartPole", phase_);
    detail::require_rows("CartPole", action.size(), 1, row.size(), 4);
    const double force = detail::require_choice("CartPole", action, 0, 2) == 1 ? force_magnitude : -force_magnitude;
    const double cosine = std::cos(state_.theta);
    const double sine = std::sin(state_.theta);
    const double temp = (force + pole_mass_length * (state_.theta_dot * state_.theta_dot) * sine) / total_mass;
    const double theta_acceleration =
        (gravity * sine - cosine * temp) / (length * (4.0 / 3.0 - pole_mass * (cosine * cosine) / total_mass));
    const double x_acceleration = temp - pole_mass_length * theta_acceleration * cosine / total_mass;
    state_.x += tau * state_.x_dot;
    state_.x_dot += tau * x_acceleration;
    state_.theta += tau * state_.theta_dot;
    state_.theta_dot += tau * theta_acceleration;
    ++state_.steps;
    write(row);
    const bool terminated = std::abs(state_.x) > x_limit || std::abs(state_.theta) > theta_limit;
    const bool truncated = state_.steps == config_.max_episode_steps;
    if (terminated || truncated) phase_ = detail::EpisodePhase::ended;
    return {1.0, terminated, truncated};
  }

  /// Continues from a given state, as if an episode had just started there; for tests and plots.
  void set_state(double x, double x_dot, double theta, double theta_dot) {
    state_ = {x, x_dot, theta, theta_dot, 0};
    phase_ = detail::EpisodePhase::running;
  }

  /// As `SerializableEnvironment` asks.
  void save_state(std::vector<std::byte>& bytes) const {
    StateWriter writer(bytes);
    for (const double number : {state_.x, state_.x_dot, state_.theta, state_.theta_dot}) writer.write(number);
    writer.write(state_.steps);
    writer.write(static_cast<std::uint8_t>(phase_));
  }
  /// @throws CheckpointError  foreign bytes; then nothing changes.
  void load_state(std::span<const std::byte> bytes) {
    StateReader reader(bytes);
    Info state;
    for (double* number : {&state.x, &state.x_dot, &state.theta, &state.theta_dot}) *number = reader.read<double>();
    state.steps = reader.read<std::uint64_t>();
    const detail::EpisodePhase phase = detail::read_phase(reader);
    reader.expect_end();
    state_ = state;
    phase_ = phase;
  }

 private:
  static constexpr double gravity = 9.8, cart_mass = 1.0, pole_mass = 0.1, total_mass = pole_mass + cart_mass;
  static constexpr double length = 0.5;  // half of the pole
  static constexpr double pole_mass_length = pole_mass * length, force_magnitude = 10.0, tau = 0.02;
  static constexpr double x_limit = 2.4, theta_limit = 12 * 2 * std::numbers::pi / 360;

  void write(std::span<float> row) const {
    row[0] = static_cast<float>(state_.x);
    row[1] = static_cast<float>(state_.x_dot);
    row[2] = static_cast<float>(state_.theta);
    row[3] = static_cast<float>(state_.theta_dot);
  }

  static Box bounds() {
    constexpr float unbounded = std::numeric_limits<float>::infinity();
    const float x = static_cast<float>(2 * x_limit), angle = static_cast<float>(2 * theta_limit);
    return {{-x, -unbounded, -angle, -unbounded}, {x, unbounded, angle, unbounded}};
  }

  CartPoleConfig config_;
  Box observations_ = bounds();
  Discrete actions_{2};
  Info state_;
  detail::EpisodePhase phase_ = detail::EpisodePhase::fresh;
};

/// Gymnasium's name: the limit of 500 steps is built in.
using CartPoleV1 = CartPole;

}  // namespace rlx::inline v0_1

#endif  // RLX_ENV_CLASSIC_CART_POLE_HPP
