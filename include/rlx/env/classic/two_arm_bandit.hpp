// SPDX-License-Identifier: MIT
/// @file
/// @brief A risky arm with the better mean beside a sure one.
#ifndef RLX_ENV_CLASSIC_TWO_ARM_BANDIT_HPP
#define RLX_ENV_CLASSIC_TWO_ARM_BANDIT_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/core/state.hpp>
#include <rlx/env/detail/guard.hpp>
#include <rlx/env/environment.hpp>
#include <rlx/env/space.hpp>

namespace rlx::inline v0_1 {

/// One step: action 0 pays +1 with probability 0.9 and -5 with 0.1, action 1 pays 0.2 for sure. Then the episode terminates.
///
/// Means 0.4 and 0.2; mean of the worst tenth -5 and 0.2: who maximises the mean takes the first arm, who is averse to the tail
/// the second. Observation: 1. Nothing is allocated in a step; the state can be saved.
/// Tests: tests/env/classic/two_arm_bandit.cpp.
class TwoArmBandit {
 public:
  using ActionScalar = std::int32_t;  ///< As `Environment` asks.
  /// Nothing beside the observation.
  struct Info {};

  const Box& observation_space() const noexcept { return observations_; }                        ///< As `Environment` asks.
  const Discrete& action_space() const noexcept { return actions_; }                             ///< As `Environment` asks.
  const Info& info() const noexcept { return info_; }                                            ///< As `Environment` asks.
  static constexpr std::array<std::string_view, 1> observation_names() { return {"one"}; }       ///< As `NamedLayout` asks.
  static constexpr std::array<std::string_view, 2> action_names() { return {"risky", "sure"}; }  ///< As `NamedLayout` asks.

  /// @throws ShapeError  a row of another length.
  void reset(std::uint64_t seed, std::span<float> row) {
    detail::require_length("TwoArmBandit", "observation", row.size(), 1);
    seed_ = seed;
    phase_ = detail::EpisodePhase::running;
    row[0] = 1.0F;
  }

  /// @throws StateError  no running episode.  InvalidActionError  an action other than 0 and 1.  ShapeError  a row of another
  /// length.
  Transition step(std::span<const std::int32_t> action, std::span<float> row) {
    detail::require_running("TwoArmBandit", phase_);
    detail::require_rows("TwoArmBandit", action.size(), 1, row.size(), 1);
    const bool sure = detail::require_choice("TwoArmBandit", action, 0, 2) == 1;
    RandomStream random({seed_, Purpose::environment_dynamics, 0, 0});
    const double risky = random.uniform() < 0.1 ? -5.0 : 1.0;
    phase_ = detail::EpisodePhase::ended;
    row[0] = 1.0F;
    return {sure ? 0.2 : risky, true, false};
  }

  /// As `SerializableEnvironment` asks.
  void save_state(std::vector<std::byte>& bytes) const {
    StateWriter writer(bytes);
    writer.write(seed_);
    writer.write(static_cast<std::uint8_t>(phase_));
  }
  /// @throws CheckpointError  foreign bytes; then nothing changes.
  void load_state(std::span<const std::byte> bytes) {
    StateReader reader(bytes);
    const auto seed = reader.read<std::uint64_t>();
    const detail::EpisodePhase phase = detail::read_phase(reader);
    reader.expect_end();
    seed_ = seed;
    phase_ = phase;
  }

 private:
  Box observations_ = Box::uniform(1, 0.0F, 1.0F);
  Discrete actions_{2};
  std::uint64_t seed_ = 0;
  Info info_;
  detail::EpisodePhase phase_ = detail::EpisodePhase::fresh;
};

}  // namespace rlx::inline v0_1

#endif  // RLX_ENV_CLASSIC_TWO_ARM_BANDIT_HPP
