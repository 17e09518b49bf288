// SPDX-License-Identifier: MIT
/// @file
/// @brief A seller of insurance: small sure gains, a rare large loss; where mean and tail ask for different actions.
#ifndef RLX_ENV_CLASSIC_PREMIUM_SELLER_HPP
#define RLX_ENV_CLASSIC_PREMIUM_SELLER_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/random.hpp>
#include <rlx/core/state.hpp>
#include <rlx/env/detail/guard.hpp>
#include <rlx/env/environment.hpp>
#include <rlx/env/space.hpp>

namespace rlx::inline v0_1 {

/// Money per step; all finite.
struct PremiumSellerConfig {
  double premium = 1.0;              ///< unhedged, no loss
  double loss = -50.0;               ///< unhedged, a loss
  double loss_probability = 0.01;    ///< in [0, 1]
  double hedged = 0.3;               ///< hedged, always
  std::uint64_t episode_steps = 20;  ///< at least 1; the episode is terminated at this step, since the books close
};

/// Each step the agent sells insurance without a hedge (action 0: `premium`, or `loss` with `loss_probability`), with a hedge
/// (action 1: `hedged`, sure) or stays out (action 2: 0). At odd steps, counted from 0, action 2 is invalid.
///
/// By default unhedged sales earn 0.49 on average and -9.2 in the worst twentieth of steps, hedged ones 0.3 in both: a seller
/// who adds w times the tail mean (alpha 0.05) of a step to its mean hedges for w above 0.02.
/// Observation: share of the episode that is over, 1 at odd steps. Whether a step would bring a loss is a function of (seed,
/// step), whatever the actions. Nothing is allocated in a step; the state can be saved.
/// Tests: tests/env/classic/premium_seller.cpp.
class PremiumSeller {
 public:
  using ActionScalar = std::int32_t;  ///< As `Environment` asks.
  /// Figures of the running episode.
  struct Info {
    std::uint64_t steps = 0;  ///< made in this episode
    bool loss = false;        ///< the last step brought a loss to those who sold without a hedge
  };

  /// @throws ConfigError  a number out of its range.
  explicit PremiumSeller(PremiumSellerConfig config = {}) : config_(config) {
    for (const double money : {config.premium, config.loss, config.hedged}) {
      if (!is_finite(money)) {
        throw ConfigError("PremiumSellerConfig: premium = " + std::to_string(config.premium) +
                          ", loss = " + std::to_string(config.loss) + ", hedged = " + std::to_string(config.hedged) +
                          "; expected finite numbers");
      }
    }
    if (!(config.loss_probability >= 0 && config.loss_probability <= 1)) {
      throw ConfigError("PremiumSellerConfig: loss_probability = " + std::to_string(config.loss_probability) +
                        ", expected a number in [0, 1]");
    }
    if (config.episode_steps == 0)
      throw ConfigError("PremiumSellerConfig: episode_steps = 0; an episode needs at least 1 step");
  }

  const PremiumSellerConfig& config() const noexcept { return config_; }   ///< as given
  const Box& observation_space() const noexcept { return observations_; }  ///< As `Environment` asks.
  const Discrete& action_space() const noexcept { return actions_; }       ///< As `Environment` asks.
  const Info& info() const noexcept { return info_; }                      ///< As `Environment` asks.
  /// As `NamedLayout` asks.
  static constexpr std::array<std::string_view, 2> observation_names() { return {"share_of_episode", "odd_step"}; }
  /// As `NamedLayout` asks.
  static constexpr std::array<std::string_view, 3> action_names() { return {"unhedged", "hedged", "stay_out"}; }

  /// @throws ShapeError  a row of another length.
  void reset(std::uint64_t seed, std::span<float> row) {
    detail::require_length("PremiumSeller", "observation", row.size(), 2);
    seed_ = seed;
    info_ = {};
    phase_ = detail::EpisodePhase::running;
    write(row);
  }

  /// @throws ShapeError  a row of another length.
  void action_masks(std::span<std::uint8_t> row) const {
    detail::require_length("PremiumSeller", "mask", row.size(), 3);
    row[0] = row[1] = 1;
    row[2] = odd() ? 0 : 1;
  }

  /// @throws StateError  no running episode.  InvalidActionError  outside 0..2, or 2 at an odd step.  ShapeError  a row of
  /// another length.
  Transition step(std::span<const std::int32_t> action, std::span<float> row) {
    detail::require_running("PremiumSeller", phase_);
    detail::require_rows("PremiumSeller", action.size(), 1, row.size(), 2);
    const std::int32_t choice = detail::require_choice("PremiumSeller", action, 0, 3);
    if (choice == 2 && odd()) {
      throw InvalidActionError("PremiumSeller: action 2 (stay_out) at step " + std::to_string(info_.steps) +
                               "; it is invalid at odd steps, see action_masks");
    }
    RandomStream random({seed_, Purpose::environment_dynamics, 0, info_.steps});
    info_.loss = random.uniform() < config_.loss_probability;
    const double unhedged = info_.loss ? config_.loss : config_.premium;
    const double reward = choice == 0 ? unhedged : choice == 1 ? config_.hedged : 0.0;
    const bool terminated = ++info_.steps == config_.episode_steps;
    if (terminated) phase_ = detail::EpisodePhase::ended;
    write(row);
    return {reward, terminated, false};
  }

  /// As `SerializableEnvironment` asks.
  void save_state(std::vector<std::byte>& bytes) const {
    StateWriter writer(bytes);
    writer.write(seed_);
    writer.write(info_.steps);
    writer.write(static_cast<std::uint8_t>(info_.loss));
    writer.write(static_cast<std::uint8_t>(phase_));
  }
  /// @throws CheckpointError  foreign bytes; then nothing changes.
  void load_state(std::span<const std::byte> bytes) {
    StateReader reader(bytes);
    const auto seed = reader.read<std::uint64_t>(), steps = reader.read<std::uint64_t>();
    const bool loss = reader.read<std::uint8_t>() != 0;
    const detail::EpisodePhase phase = detail::read_phase(reader);
    reader.expect_end();
    if (steps > config_.episode_steps) {
      throw CheckpointError("state of PremiumSeller: step " + std::to_string(steps) + " lies beyond the " +
                            std::to_string(config_.episode_steps) + " steps of an episode; it was saved with another length");
    }
    seed_ = seed;
    info_ = {steps, loss};
    phase_ = phase;
  }

 private:
  bool odd() const noexcept { return info_.steps % 2 == 1; }
  void write(std::span<float> row) const {
    row[0] = static_cast<float>(info_.steps) / static_cast<float>(config_.episode_steps);
    row[1] = odd() ? 1.0F : 0.0F;
  }

  PremiumSellerConfig config_;
  Box observations_ = Box::uniform(2, 0.0F, 1.0F);
  Discrete actions_{3};
  std::uint64_t seed_ = 0;
  Info info_;
  detail::EpisodePhase phase_ = detail::EpisodePhase::fresh;
};

}  // namespace rlx::inline v0_1

#endif  // RLX_ENV_CLASSIC_PREMIUM_SELLER_HPP
