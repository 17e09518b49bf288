// SPDX-License-Identifier: MIT
/// @file
/// @brief Small environments with known answers, for testing learners and everything that drives an environment.
///
/// All of them: episodes are a function of (constructor arguments, seed, actions), the state can be saved, nothing is allocated
/// after construction, an action out of range throws `InvalidActionError`, a step without a running episode `StateError`.
#ifndef RLX_ENV_TESTING_HPP
#define RLX_ENV_TESTING_HPP

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/random.hpp>
#include <rlx/core/state.hpp>
#include <rlx/env/detail/guard.hpp>
#include <rlx/env/environment.hpp>
#include <rlx/env/space.hpp>

namespace rlx {

namespace detail {

/// What all testing environments know of their episode; enough to restore one.
struct TestEpisode {
  std::uint64_t seed = 0, steps = 0;
  EpisodePhase phase = EpisodePhase::fresh;

  void begin(std::uint64_t episode_seed) { *this = {episode_seed, 0, EpisodePhase::running}; }
  /// The numbers that this step of the episode draws.
  RandomStream stream() const { return RandomStream({seed, Purpose::environment_dynamics, 0, steps}); }
  /// Counts a step; true at the last of `limit`.
  bool advance(std::uint64_t limit) {
    if (++steps != limit) return false;
    phase = EpisodePhase::ended;
    return true;
  }
  void save(std::vector<std::byte>& bytes) const {
    StateWriter writer(bytes);
    writer.write(seed);
    writer.write(steps);
    writer.write(static_cast<std::uint8_t>(phase));
  }
  static TestEpisode load(std::span<const std::byte> bytes) {
    StateReader reader(bytes);
    TestEpisode episode;
    episode.seed = reader.read<std::uint64_t>();
    episode.steps = reader.read<std::uint64_t>();
    episode.phase = read_phase(reader);
    reader.expect_end();
    return episode;
  }
};

inline std::int64_t require_at_least(const char* name, const char* what, std::int64_t value, std::int64_t least) {
  if (value < least) {
    throw ConfigError(std::string(name) + ": " + what + " = " + std::to_string(value) + ", expected at least " +
                      std::to_string(least));
  }
  return value;
}

}  // namespace detail

/// Steps after which the identity environments are truncated, unless told otherwise.
inline constexpr std::uint64_t identity_episode_steps = 100;

/// Say which state you see. State: one of n, shown one-hot; reward 1 if the action is the state, else 0; the next state is
/// uniform; truncated after 100 steps. The best return is 100.
class IdentityEnv {
 public:
  using ActionScalar = std::int32_t;
  struct Info {
    std::int32_t state = 0;
  };

  /// @param n  states and actions, at least 1.
  explicit IdentityEnv(std::int64_t n, std::uint64_t max_episode_steps = identity_episode_steps)
      : actions_{detail::require_at_least("IdentityEnv", "n", n, 1)},
        observations_(Box::uniform(static_cast<std::size_t>(n), 0.0F, 1.0F)),
        limit_(max_episode_steps) {}

  const Box& observation_space() const noexcept { return observations_; }
  const Discrete& action_space() const noexcept { return actions_; }
  const Info& info() const noexcept { return info_; }

  void reset(std::uint64_t seed, std::span<float> row) {
    episode_.begin(seed);
    draw();
    write(row);
  }
  Transition step(std::span<const std::int32_t> action, std::span<float> row) {
    detail::require_running("IdentityEnv", episode_.phase);
    const bool right = detail::require_choice("IdentityEnv", action, 0, actions_.n) == info_.state;
    const bool truncated = episode_.advance(limit_);
    draw();
    write(row);
    return {right ? 1.0 : 0.0, false, truncated};
  }

  void save_state(std::vector<std::byte>& bytes) const { episode_.save(bytes); }
  void load_state(std::span<const std::byte> bytes) {
    episode_ = detail::TestEpisode::load(bytes);
    draw();
  }

 private:
  void draw() { info_.state = static_cast<std::int32_t>(episode_.stream().bounded(static_cast<std::uint64_t>(actions_.n))); }
  void write(std::span<float> row) const {
    std::fill(row.begin(), row.end(), 0.0F);
    row[static_cast<std::size_t>(info_.state)] = 1.0F;
  }

  Discrete actions_;
  Box observations_;
  std::uint64_t limit_;
  detail::TestEpisode episode_;
  Info info_;
};

/// `IdentityEnv` with several independent components: one-hot each, one after another; reward 1 if every component is right.
class IdentityMultiDiscreteEnv {
 public:
  using ActionScalar = std::int32_t;
  struct Info {
    std::vector<std::int32_t> state;
  };

  /// @param nvec  states and actions per component, each at least 1.
  explicit IdentityMultiDiscreteEnv(std::vector<std::int64_t> nvec, std::uint64_t max_episode_steps = identity_episode_steps)
      : actions_{std::move(nvec)}, limit_(max_episode_steps) {
    for (const std::int64_t n : actions_.nvec) detail::require_at_least("IdentityMultiDiscreteEnv", "nvec entry", n, 1);
    observations_ = Box::uniform(mask_width(actions_), 0.0F, 1.0F);
    info_.state.resize(actions_.nvec.size());
  }

  const Box& observation_space() const noexcept { return observations_; }
  const MultiDiscrete& action_space() const noexcept { return actions_; }
  const Info& info() const noexcept { return info_; }

  void reset(std::uint64_t seed, std::span<float> row) {
    episode_.begin(seed);
    draw();
    write(row);
  }
  Transition step(std::span<const std::int32_t> action, std::span<float> row) {
    detail::require_running("IdentityMultiDiscreteEnv", episode_.phase);
    bool right = true;
    for (std::size_t c = 0; c < info_.state.size(); ++c) {
      right &= detail::require_choice("IdentityMultiDiscreteEnv", action, c, actions_.nvec[c]) == info_.state[c];
    }
    const bool truncated = episode_.advance(limit_);
    draw();
    write(row);
    return {right ? 1.0 : 0.0, false, truncated};
  }

  void save_state(std::vector<std::byte>& bytes) const { episode_.save(bytes); }
  void load_state(std::span<const std::byte> bytes) {
    episode_ = detail::TestEpisode::load(bytes);
    draw();
  }

 private:
  void draw() {
    RandomStream stream = episode_.stream();
    for (std::size_t c = 0; c < info_.state.size(); ++c) {
      info_.state[c] = static_cast<std::int32_t>(stream.bounded(static_cast<std::uint64_t>(actions_.nvec[c])));
    }
  }
  void write(std::span<float> row) const {
    std::fill(row.begin(), row.end(), 0.0F);
    std::size_t offset = 0;
    for (std::size_t c = 0; c < info_.state.size(); ++c) {
      row[offset + static_cast<std::size_t>(info_.state[c])] = 1.0F;
      offset += static_cast<std::size_t>(actions_.nvec[c]);
    }
  }

  MultiDiscrete actions_;
  Box observations_;
  std::uint64_t limit_;
  detail::TestEpisode episode_;
  Info info_;
};

/// Repeat the number you see: state uniform in [-1, 1); reward 1 if |action - state| < eps; truncated after 100 steps.
class IdentityBoxEnv {
 public:
  using ActionScalar = float;
  struct Info {
    float state = 0.0F;
  };

  /// @param eps  tolerance, above 0.
  explicit IdentityBoxEnv(double eps, std::uint64_t max_episode_steps = identity_episode_steps)
      : eps_(eps), limit_(max_episode_steps) {
    if (!(is_finite(eps) && eps > 0.0)) {
      throw ConfigError("IdentityBoxEnv: eps = " + std::to_string(eps) + ", expected above 0");
    }
  }

  const Box& observation_space() const noexcept { return interval_; }
  const Box& action_space() const noexcept { return interval_; }
  const Info& info() const noexcept { return info_; }

  void reset(std::uint64_t seed, std::span<float> row) {
    episode_.begin(seed);
    draw();
    row[0] = info_.state;
  }
  Transition step(std::span<const float> action, std::span<float> row) {
    detail::require_running("IdentityBoxEnv", episode_.phase);
    const float number = detail::require_number("IdentityBoxEnv", action, 0);
    const bool right = std::abs(static_cast<double>(number) - static_cast<double>(info_.state)) < eps_;
    const bool truncated = episode_.advance(limit_);
    draw();
    row[0] = info_.state;
    return {right ? 1.0 : 0.0, false, truncated};
  }

  void save_state(std::vector<std::byte>& bytes) const { episode_.save(bytes); }
  void load_state(std::span<const std::byte> bytes) {
    episode_ = detail::TestEpisode::load(bytes);
    draw();
  }

 private:
  void draw() { info_.state = 2.0F * episode_.stream().uniform<float>() - 1.0F; }

  Box interval_ = Box::uniform(1, -1.0F, 1.0F);
  double eps_;
  std::uint64_t limit_;
  detail::TestEpisode episode_;
  Info info_;
};

/// `IdentityEnv(n)` in which k random wrong actions are invalid at each step; the right one never is. An invalid action is
/// accepted and earns nothing, so that a learner without masks can be compared.
class InvalidActionEnv {
 public:
  using ActionScalar = std::int32_t;
  static constexpr bool accepts_invalid_actions = true;
  struct Info {
    std::int32_t state = 0;
  };

  /// @param n  states and actions, at least 1.
  /// @param k  invalid actions per step, in [0, n).
  InvalidActionEnv(std::int64_t n, std::int64_t k, std::uint64_t max_episode_steps = identity_episode_steps)
      : actions_{detail::require_at_least("InvalidActionEnv", "n", n, 1)},
        observations_(Box::uniform(static_cast<std::size_t>(n), 0.0F, 1.0F)),
        num_invalid_(static_cast<std::size_t>(detail::require_at_least("InvalidActionEnv", "k", k, 0))),
        limit_(max_episode_steps),
        mask_(static_cast<std::size_t>(n), 1),
        wrong_(static_cast<std::size_t>(n) - 1) {
    if (k >= n) {
      throw ConfigError("InvalidActionEnv: k = " + std::to_string(k) + " of n = " + std::to_string(n) +
                        " actions cannot be invalid; the right one stays valid, so k < n");
    }
  }

  const Box& observation_space() const noexcept { return observations_; }
  const Discrete& action_space() const noexcept { return actions_; }
  const Info& info() const noexcept { return info_; }

  void reset(std::uint64_t seed, std::span<float> row) {
    episode_.begin(seed);
    draw();
    write(row);
  }
  Transition step(std::span<const std::int32_t> action, std::span<float> row) {
    detail::require_running("InvalidActionEnv", episode_.phase);
    const bool right = detail::require_choice("InvalidActionEnv", action, 0, actions_.n) == info_.state;
    const bool truncated = episode_.advance(limit_);
    draw();
    write(row);
    return {right ? 1.0 : 0.0, false, truncated};
  }
  void action_masks(std::span<std::uint8_t> row) const { std::copy(mask_.begin(), mask_.end(), row.begin()); }

  void save_state(std::vector<std::byte>& bytes) const { episode_.save(bytes); }
  void load_state(std::span<const std::byte> bytes) {
    episode_ = detail::TestEpisode::load(bytes);
    draw();
  }

 private:
  void draw() {
    RandomStream stream = episode_.stream();
    info_.state = static_cast<std::int32_t>(stream.bounded(static_cast<std::uint64_t>(actions_.n)));
    for (std::size_t i = 0; i < wrong_.size(); ++i) {
      wrong_[i] = static_cast<std::int32_t>(i) + (static_cast<std::int32_t>(i) >= info_.state ? 1 : 0);
    }
    std::fill(mask_.begin(), mask_.end(), std::uint8_t{1});
    for (std::size_t i = 0; i < num_invalid_; ++i) {  // the first k of a random order of the wrong actions
      std::swap(wrong_[i], wrong_[i + stream.bounded(wrong_.size() - i)]);
      mask_[static_cast<std::size_t>(wrong_[i])] = 0;
    }
  }
  void write(std::span<float> row) const {
    std::fill(row.begin(), row.end(), 0.0F);
    row[static_cast<std::size_t>(info_.state)] = 1.0F;
  }

  Discrete actions_;
  Box observations_;
  std::size_t num_invalid_;
  std::uint64_t limit_;
  std::vector<std::uint8_t> mask_;
  std::vector<std::int32_t> wrong_;
  detail::TestEpisode episode_;
  Info info_;
};

/// Walks round n states, shown one-hot, whatever the action; reward 1 every step; never ends. Its value is 1 / (1 - gamma) in
/// every state, which a learner that treats a time limit as an end gets wrong.
class RingEnv {
 public:
  using ActionScalar = std::int32_t;
  struct Info {
    std::size_t state = 0;
  };

  /// @param n  states, at least 1; episodes start in state 0.
  explicit RingEnv(std::int64_t n)
      : observations_(Box::uniform(static_cast<std::size_t>(detail::require_at_least("RingEnv", "n", n, 1)), 0.0F, 1.0F)) {}

  const Box& observation_space() const noexcept { return observations_; }
  const Discrete& action_space() const noexcept { return actions_; }
  const Info& info() const noexcept { return info_; }

  void reset(std::uint64_t seed, std::span<float> row) {
    episode_.begin(seed);
    write(row);
  }
  Transition step(std::span<const std::int32_t> action, std::span<float> row) {
    detail::require_running("RingEnv", episode_.phase);
    detail::require_choice("RingEnv", action, 0, actions_.n);
    ++episode_.steps;
    write(row);
    return {1.0, false, false};
  }

  void save_state(std::vector<std::byte>& bytes) const { episode_.save(bytes); }
  void load_state(std::span<const std::byte> bytes) {
    episode_ = detail::TestEpisode::load(bytes);
    info_.state = static_cast<std::size_t>(episode_.steps % observations_.size());
  }

 private:
  void write(std::span<float> row) {
    info_.state = static_cast<std::size_t>(episode_.steps % observations_.size());
    std::fill(row.begin(), row.end(), 0.0F);
    row[info_.state] = 1.0F;
  }

  Discrete actions_{2};
  Box observations_;
  detail::TestEpisode episode_;
  Info info_;
};

/// Counts: the observation is the number of steps since reset, the reward is the action; terminated at `max` steps. Its metric
/// `"steps"` is the count, so a metric read after the reset would be 0.
class CountEnv {
 public:
  using ActionScalar = std::int32_t;
  struct Info {
    std::uint64_t steps = 0, resets = 0;
  };

  /// @param max  steps per episode, at least 1.
  /// @param n    actions 0 .. n - 1, at least 1.
  explicit CountEnv(std::int64_t max, std::int64_t n = 10)
      : max_(static_cast<std::uint64_t>(detail::require_at_least("CountEnv", "max", max, 1))),
        actions_{detail::require_at_least("CountEnv", "n", n, 1)},
        observations_(Box::uniform(1, 0.0F, static_cast<float>(max))) {}

  const Box& observation_space() const noexcept { return observations_; }
  const Discrete& action_space() const noexcept { return actions_; }
  const Info& info() const noexcept { return info_; }

  void reset(std::uint64_t seed, std::span<float> row) {
    episode_.begin(seed);
    info_.steps = 0;
    ++info_.resets;
    row[0] = 0.0F;
  }
  Transition step(std::span<const std::int32_t> action, std::span<float> row) {
    detail::require_running("CountEnv", episode_.phase);
    const std::int32_t reward = detail::require_choice("CountEnv", action, 0, actions_.n);
    const bool terminated = episode_.advance(max_);
    info_.steps = episode_.steps;
    row[0] = static_cast<float>(episode_.steps);
    return {static_cast<double>(reward), terminated, false};
  }
  static constexpr std::array<std::string_view, 1> metric_names() { return {"steps"}; }
  void metrics(std::span<double> values) const { values[0] = static_cast<double>(info_.steps); }

  void save_state(std::vector<std::byte>& bytes) const { episode_.save(bytes); }
  void load_state(std::span<const std::byte> bytes) {
    episode_ = detail::TestEpisode::load(bytes);
    info_.steps = episode_.steps;
  }

 private:
  std::uint64_t max_;
  Discrete actions_;
  Box observations_;
  detail::TestEpisode episode_;
  Info info_;
};

}  // namespace rlx

#endif  // RLX_ENV_TESTING_HPP
