// SPDX-License-Identifier: MIT
/// @file
/// @brief MountainCar-v0: swing a weak car out of a valley.
#ifndef RLX_ENV_CLASSIC_MOUNTAIN_CAR_HPP
#define RLX_ENV_CLASSIC_MOUNTAIN_CAR_HPP

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/pcg64.hpp>
#include <rlx/env/detail/classic_state.hpp>
#include <rlx/env/detail/guard.hpp>
#include <rlx/env/environment.hpp>
#include <rlx/env/space.hpp>

namespace rlx::inline v0_1 {

/// Start positions, goal and time limit.
struct MountainCarConfig {
  double reset_low = -0.6;                ///< bounds of the start position
  double reset_high = -0.4;               ///< Gymnasium's options `low` and `high`
  double goal_velocity = 0.0;             ///< least velocity at the goal that counts
  std::uint64_t max_episode_steps = 200;  ///< truncated at this step; 0: no limit
};

/// Actions: 0 push left, 1 nothing, 2 push right; reward -1 per step until position >= 0.5. Truncated after 200 steps.
///
/// Observation: position, velocity. `reset(s)` gives the bits of Gymnasium's `reset(seed=s)`.
/// Source: Moore 1990; Gymnasium 1.x `classic_control/mountain_car.py`. Tests: tests/env/classic/mountain_car.cpp.
class MountainCar {
 public:
  using ActionScalar = std::int32_t;  ///< As `Environment` asks.
  /// The state before rounding to the observation's floats.
  struct Info {
    double position = 0.0,    ///< in [-1.2, 0.6]
        velocity = 0.0;       ///< change of position per step, in [-0.07, 0.07]
    std::uint64_t steps = 0;  ///< made in this episode
  };

  /// @throws ConfigError  reset bounds in the wrong order.
  explicit MountainCar(MountainCarConfig config = {}) : config_(config) {
    if (!(config.reset_low <= config.reset_high)) throw ConfigError("MountainCarConfig: reset_low must not exceed reset_high");
  }

  const Box& observation_space() const noexcept { return observations_; }  ///< As `Environment` asks.
  const Discrete& action_space() const noexcept { return actions_; }       ///< As `Environment` asks.
  const Info& info() const noexcept { return info_; }                      ///< As `Environment` asks.
  /// As `NamedLayout` asks.
  static constexpr std::array<std::string_view, 2> observation_names() { return {"position", "velocity"}; }
  /// As `NamedLayout` asks.
  static constexpr std::array<std::string_view, 3> action_names() { return {"push_left", "coast", "push_right"}; }

  /// @throws ShapeError  a row of another length.
  void reset(std::uint64_t seed, std::span<float> row) {
    detail::require_length("MountainCar", "observation", row.size(), 2);
    Pcg64 random(seed);
    set_state(random.uniform(config_.reset_low, config_.reset_high), 0.0);
    write(row);
  }

  /// @throws StateError  no running episode.  InvalidActionError  an action outside 0..2.  ShapeError  a row of another length.
  Transition step(std::span<const std::int32_t> action, std::span<float> row) {
    detail::require_running("MountainCar", state_.phase);
    detail::require_rows("MountainCar", action.size(), 1, row.size(), 2);
    const std::int32_t push = detail::require_choice("MountainCar", action, 0, 3) - 1;
    double& position = state_.numbers[0];
    double& velocity = state_.numbers[1];
    velocity = std::clamp(velocity + push * 0.001 + std::cos(3 * position) * -0.0025, -max_speed, max_speed);
    position = std::clamp(position + velocity, min_position, max_position);
    if (position == min_position && velocity < 0) velocity = 0.0;  // the wall on the left stops the car
    const bool terminated = position >= goal_position && velocity >= config_.goal_velocity;
    const Transition transition = state_.finish(-1.0, terminated, config_.max_episode_steps);
    write(row);
    return transition;
  }

  /// Starts an episode at a given state; for tests and plots.
  void set_state(double position, double velocity) {
    state_.begin({position, velocity});
    update_info();
  }

  void save_state(std::vector<std::byte>& bytes) const { state_.save(bytes); }  ///< As `SerializableEnvironment` asks.
  /// As `SerializableEnvironment` asks.
  void load_state(std::span<const std::byte> bytes) {
    state_ = detail::ClassicState<2>::load(bytes);
    update_info();
  }

 private:
  static constexpr double min_position = -1.2, max_position = 0.6, max_speed = 0.07, goal_position = 0.5;

  void update_info() { info_ = {state_.numbers[0], state_.numbers[1], state_.steps}; }
  void write(std::span<float> row) {
    update_info();
    row[0] = static_cast<float>(info_.position);
    row[1] = static_cast<float>(info_.velocity);
  }

  MountainCarConfig config_;
  Box observations_{{static_cast<float>(min_position), static_cast<float>(-max_speed)},
                    {static_cast<float>(max_position), static_cast<float>(max_speed)}};
  Discrete actions_{3};
  detail::ClassicState<2> state_;
  Info info_;
};

/// Gymnasium's name: the limit of 200 steps is built in.
using MountainCarV0 = MountainCar;

}  // namespace rlx::inline v0_1

#endif  // RLX_ENV_CLASSIC_MOUNTAIN_CAR_HPP
