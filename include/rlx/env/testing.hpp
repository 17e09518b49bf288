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
#include <rlx/env/classic/cart_pole.hpp>
#include <rlx/env/detail/guard.hpp>
#include <rlx/env/environment.hpp>
#include <rlx/env/space.hpp>

namespace rlx::inline v0_1 {

namespace detail {

inline std::int64_t require_at_least(const char* name, const char* what, std::int64_t value, std::int64_t least) {
  if (value < least) {
    throw ConfigError(std::string(name) + ": " + what + " = " + std::to_string(value) + ", expected at least " +
                      std::to_string(least));
  }
  return value;
}

/// What the testing environments share: spaces, seed and step counter, reset, saved state. What an episode shows at a step is a
/// function of (seed, step) alone, so those two numbers are the whole state.
/// @tparam Self  writes `draw()`, which sets `info_` for the current step, and `write(row)`, the observation of it.
template <class Self, ActionSpace Space, class State>
class TestingEnvironment {
 public:
  using ActionScalar = ActionScalarOf<Space>;
  using Info = State;

  const Box& observation_space() const noexcept { return observations_; }
  const Space& action_space() const noexcept { return actions_; }
  const Info& info() const noexcept { return info_; }

  void reset(std::uint64_t seed, std::span<float> row) {
    require_length("reset", "observation", row.size(), observations_.size());
    seed_ = seed;
    steps_ = 0;
    phase_ = EpisodePhase::running;
    self().draw();
    self().write(row);
  }

  void save_state(std::vector<std::byte>& bytes) const {
    StateWriter writer(bytes);
    writer.write(seed_);
    writer.write(steps_);
    writer.write(static_cast<std::uint8_t>(phase_));
  }
  /// @throws CheckpointError  foreign bytes; then nothing changes.
  void load_state(std::span<const std::byte> bytes) {
    StateReader reader(bytes);
    const auto seed = reader.read<std::uint64_t>(), steps = reader.read<std::uint64_t>();
    const EpisodePhase phase = read_phase(reader);
    reader.expect_end();
    seed_ = seed;
    steps_ = steps;
    phase_ = phase;
    self().draw();
  }

 protected:
  /// @param limit  steps per episode; 0: no end.
  TestingEnvironment(Space actions, Box observations, std::uint64_t limit)
      : actions_(std::move(actions)), observations_(std::move(observations)), limit_(limit) {}

  /// The numbers that the current step draws.
  RandomStream stream() const { return RandomStream({seed_, Purpose::environment_dynamics, 0, steps_}); }
  /// Goes to the next step and shows it; true at the last one.
  bool advance(std::span<float> row) {
    const bool last = ++steps_ == limit_;
    if (last) phase_ = EpisodePhase::ended;
    self().draw();
    self().write(row);
    return last;
  }

  Space actions_;
  Box observations_;
  std::uint64_t limit_, seed_ = 0, steps_ = 0;
  EpisodePhase phase_ = EpisodePhase::fresh;
  Info info_{};

 private:
  Self& self() noexcept { return static_cast<Self&>(*this); }
};

inline Box unit_box(std::size_t size) { return Box::uniform(size, 0.0F, 1.0F); }

inline void write_one_hot(std::span<float> row, std::size_t index) {
  std::fill(row.begin(), row.end(), 0.0F);
  row[index] = 1.0F;
}

/// A mask of n choices in which k random ones other than `right` are invalid.
class RandomMask {
 public:
  RandomMask(const char* name, std::int64_t n, std::int64_t k)
      : num_invalid_(static_cast<std::size_t>(require_at_least(name, "number of invalid choices", k, 0))),
        mask_(static_cast<std::size_t>(n), 1),
        wrong_(static_cast<std::size_t>(n) - 1) {
    if (k >= n) {
      throw ConfigError(std::string(name) + ": " + std::to_string(k) + " of " + std::to_string(n) +
                        " choices cannot be invalid; the right one stays valid, so k < n");
    }
  }
  std::span<const std::uint8_t> row() const noexcept { return mask_; }
  /// @throws ShapeError  a row of another length.
  void write(std::span<std::uint8_t> row) const {
    require_length("action_masks", "mask", row.size(), mask_.size());
    std::copy(mask_.begin(), mask_.end(), row.begin());
  }
  void draw(RandomStream& stream, std::size_t right) {
    for (std::size_t i = 0; i < wrong_.size(); ++i) wrong_[i] = i + (i >= right ? 1 : 0);
    std::fill(mask_.begin(), mask_.end(), std::uint8_t{1});
    for (std::size_t i = 0; i < num_invalid_; ++i) {  // the first k of a random order of the wrong choices
      std::swap(wrong_[i], wrong_[i + stream.bounded(wrong_.size() - i)]);
      mask_[wrong_[i]] = 0;
    }
  }

 private:
  std::size_t num_invalid_;
  std::vector<std::uint8_t> mask_;
  std::vector<std::size_t> wrong_;
};

}  // namespace detail

/// Steps after which the identity environments are truncated, unless told otherwise.
inline constexpr std::uint64_t identity_episode_steps = 100;

/// What the environments with one hidden choice report.
struct ChoiceInfo {
  std::int32_t state = 0;  ///< the right action
};

/// Say which state you see. State: one of n, shown one-hot; reward 1 if the action is the state, else 0; the next state is
/// uniform; truncated after 100 steps. The best return is 100.
class IdentityEnv : public detail::TestingEnvironment<IdentityEnv, Discrete, ChoiceInfo> {
 public:
  /// @param n                  states and actions, at least 1.
  /// @param max_episode_steps  truncated at this step; 0: no end.
  explicit IdentityEnv(std::int64_t n, std::uint64_t max_episode_steps = identity_episode_steps)
      : TestingEnvironment({detail::require_at_least("IdentityEnv", "n", n, 1)}, detail::unit_box(static_cast<std::size_t>(n)),
                           max_episode_steps) {}

  /// As `Environment` asks.
  Transition step(std::span<const std::int32_t> action, std::span<float> row) {
    detail::require_running("IdentityEnv", phase_);
    detail::require_rows("IdentityEnv", action.size(), action_width(actions_), row.size(), observations_.size());
    const bool right = detail::require_choice("IdentityEnv", action, 0, actions_.n) == info_.state;
    return {right ? 1.0 : 0.0, false, advance(row)};
  }

 private:
  friend TestingEnvironment;
  void draw() { info_.state = static_cast<std::int32_t>(stream().bounded(static_cast<std::uint64_t>(actions_.n))); }
  void write(std::span<float> row) const { detail::write_one_hot(row, static_cast<std::size_t>(info_.state)); }
};

/// What `IdentityMultiDiscreteEnv` reports.
struct ChoicesInfo {
  std::vector<std::int32_t> state;  ///< the right component of each action
};

/// `IdentityEnv` with several independent components: one-hot each, one after another; reward 1 if every component is right.
class IdentityMultiDiscreteEnv : public detail::TestingEnvironment<IdentityMultiDiscreteEnv, MultiDiscrete, ChoicesInfo> {
 public:
  /// @param nvec               states and actions per component, each at least 1.
  /// @param max_episode_steps  truncated at this step; 0: no end.
  explicit IdentityMultiDiscreteEnv(std::vector<std::int64_t> nvec, std::uint64_t max_episode_steps = identity_episode_steps)
      : TestingEnvironment({std::move(nvec)}, {}, max_episode_steps) {
    for (const std::int64_t n : actions_.nvec) detail::require_at_least("IdentityMultiDiscreteEnv", "nvec entry", n, 1);
    observations_ = detail::unit_box(mask_width(actions_));
    info_.state.resize(actions_.nvec.size());
  }

  /// As `Environment` asks.
  Transition step(std::span<const std::int32_t> action, std::span<float> row) {
    detail::require_running("IdentityMultiDiscreteEnv", phase_);
    detail::require_rows("IdentityMultiDiscreteEnv", action.size(), action_width(actions_), row.size(), observations_.size());
    bool right = true;
    for (std::size_t c = 0; c < info_.state.size(); ++c) {
      right &= detail::require_choice("IdentityMultiDiscreteEnv", action, c, actions_.nvec[c]) == info_.state[c];
    }
    return {right ? 1.0 : 0.0, false, advance(row)};
  }

 private:
  friend TestingEnvironment;
  void draw() {
    RandomStream random = stream();
    for (std::size_t c = 0; c < info_.state.size(); ++c) {
      info_.state[c] = static_cast<std::int32_t>(random.bounded(static_cast<std::uint64_t>(actions_.nvec[c])));
    }
  }
  void write(std::span<float> row) const {
    std::size_t offset = 0;
    for (std::size_t c = 0; c < info_.state.size(); ++c) {
      const auto n = static_cast<std::size_t>(actions_.nvec[c]);
      detail::write_one_hot(row.subspan(offset, n), static_cast<std::size_t>(info_.state[c]));
      offset += n;
    }
  }
};

/// What `IdentityBoxEnv` reports.
struct NumberInfo {
  float state = 0.0F;  ///< the number to repeat
};

/// Repeat the number you see: state uniform in [-1, 1); reward 1 if |action - state| < eps; truncated after 100 steps.
class IdentityBoxEnv : public detail::TestingEnvironment<IdentityBoxEnv, Box, NumberInfo> {
 public:
  /// @param eps                tolerance, above 0.
  /// @param max_episode_steps  truncated at this step; 0: no end.
  explicit IdentityBoxEnv(double eps, std::uint64_t max_episode_steps = identity_episode_steps)
      : TestingEnvironment(Box::uniform(1, -1.0F, 1.0F), Box::uniform(1, -1.0F, 1.0F), max_episode_steps), eps_(eps) {
    if (!(is_finite(eps) && eps > 0.0)) {
      throw ConfigError("IdentityBoxEnv: eps = " + std::to_string(eps) + ", expected above 0");
    }
  }

  /// As `Environment` asks.
  Transition step(std::span<const float> action, std::span<float> row) {
    detail::require_running("IdentityBoxEnv", phase_);
    detail::require_rows("IdentityBoxEnv", action.size(), action_width(actions_), row.size(), observations_.size());
    const float number = detail::require_number("IdentityBoxEnv", action, 0);
    const bool right = std::abs(static_cast<double>(number) - static_cast<double>(info_.state)) < eps_;
    return {right ? 1.0 : 0.0, false, advance(row)};
  }

 private:
  friend TestingEnvironment;
  void draw() { info_.state = 2.0F * stream().uniform<float>() - 1.0F; }
  void write(std::span<float> row) const { row[0] = info_.state; }

  double eps_;
};

/// `IdentityEnv(n)` in which k random wrong actions are invalid at each step; the right one never is. An invalid action is
/// accepted and earns nothing, so that a learner without masks can be compared.
class InvalidActionEnv : public detail::TestingEnvironment<InvalidActionEnv, Discrete, ChoiceInfo> {
 public:
  static constexpr bool accepts_invalid_actions = true;  ///< an invalid action earns nothing

  /// @param n                  states and actions, at least 1.
  /// @param k                  invalid actions per step, in [0, n).
  /// @param max_episode_steps  truncated at this step; 0: no end.
  InvalidActionEnv(std::int64_t n, std::int64_t k, std::uint64_t max_episode_steps = identity_episode_steps)
      : TestingEnvironment({detail::require_at_least("InvalidActionEnv", "n", n, 1)},
                           detail::unit_box(static_cast<std::size_t>(n)), max_episode_steps),
        mask_("InvalidActionEnv", n, k) {}

  /// As `Environment` asks.
  Transition step(std::span<const std::int32_t> action, std::span<float> row) {
    detail::require_running("InvalidActionEnv", phase_);
    detail::require_rows("InvalidActionEnv", action.size(), action_width(actions_), row.size(), observations_.size());
    const bool right = detail::require_choice("InvalidActionEnv", action, 0, actions_.n) == info_.state;
    return {right ? 1.0 : 0.0, false, advance(row)};
  }
  void action_masks(std::span<std::uint8_t> row) const { mask_.write(row); }  ///< As `MaskedEnvironment` asks.

 private:
  friend TestingEnvironment;
  void draw() {
    RandomStream random = stream();
    const std::uint64_t right = random.bounded(static_cast<std::uint64_t>(actions_.n));
    info_.state = static_cast<std::int32_t>(right);
    mask_.draw(random, static_cast<std::size_t>(right));
  }
  void write(std::span<float> row) const { detail::write_one_hot(row, static_cast<std::size_t>(info_.state)); }

  detail::RandomMask mask_;
};

/// Put your money on the asset that pays. Each step one of n assets pays 1 and the others 0; the reward is the weight given to
/// it. `masked` random others may not be held. Observation: the paying asset one-hot, then the mask; both new at each step.
/// Truncated after 100 steps; the best return is 100. A weight that is negative, not finite or on a masked asset, and weights
/// that do not sum to 1 within 1e-4, throw `InvalidActionError`.
class SimplexBanditEnv : public detail::TestingEnvironment<SimplexBanditEnv, Simplex, ChoiceInfo> {
 public:
  /// @param n                  assets, at least 1.
  /// @param masked             assets that may not be held, in [0, n).
  /// @param max_episode_steps  truncated at this step; 0: no end.
  explicit SimplexBanditEnv(std::int64_t n = 8, std::int64_t masked = 3,
                            std::uint64_t max_episode_steps = identity_episode_steps)
      : TestingEnvironment({detail::require_at_least("SimplexBanditEnv", "n", n, 1)},
                           detail::unit_box(2 * static_cast<std::size_t>(n)), max_episode_steps),
        mask_("SimplexBanditEnv", n, masked) {}

  /// As `Environment` asks.
  Transition step(std::span<const float> action, std::span<float> row) {
    detail::require_running("SimplexBanditEnv", phase_);
    detail::require_rows("SimplexBanditEnv", action.size(), action_width(actions_), row.size(), observations_.size());
    double sum = 0.0;
    for (std::size_t i = 0; i < action.size(); ++i) {
      const float weight = detail::require_number("SimplexBanditEnv", action, i);
      if (weight < 0.0F || (weight > 0.0F && mask_.row()[i] == 0)) {
        throw InvalidActionError("SimplexBanditEnv: action[" + std::to_string(i) + "] = " + std::to_string(weight) +
                                 (weight < 0.0F ? " is negative" : ", but the mask forbids this asset"));
      }
      sum += static_cast<double>(weight);
    }
    if (std::abs(sum - 1.0) > 1e-4) {
      throw InvalidActionError("SimplexBanditEnv: the weights sum to " + std::to_string(sum) + ", expected 1");
    }
    const double reward = static_cast<double>(action[static_cast<std::size_t>(info_.state)]);
    return {reward, false, advance(row)};
  }
  void action_masks(std::span<std::uint8_t> row) const { mask_.write(row); }  ///< As `MaskedEnvironment` asks.

 private:
  friend TestingEnvironment;
  void draw() {
    RandomStream random = stream();
    const std::uint64_t right = random.bounded(static_cast<std::uint64_t>(actions_.n));
    info_.state = static_cast<std::int32_t>(right);
    mask_.draw(random, static_cast<std::size_t>(right));
  }
  void write(std::span<float> row) const {
    const auto n = static_cast<std::size_t>(actions_.n);
    detail::write_one_hot(row.first(n), static_cast<std::size_t>(info_.state));
    std::copy(mask_.row().begin(), mask_.row().end(), row.begin() + static_cast<std::ptrdiff_t>(n));
  }

  detail::RandomMask mask_;
};

/// What `RingEnv` reports.
struct RingInfo {
  std::size_t state = 0;  ///< the one shown
};

/// Walks round n states, shown one-hot, whatever the action; reward 1 every step; never ends. Its value is 1 / (1 - gamma) in
/// every state, which a learner that treats a time limit as an end gets wrong.
class RingEnv : public detail::TestingEnvironment<RingEnv, Discrete, RingInfo> {
 public:
  /// @param n  states, at least 1; episodes start in state 0.
  explicit RingEnv(std::int64_t n)
      : TestingEnvironment({2}, detail::unit_box(static_cast<std::size_t>(detail::require_at_least("RingEnv", "n", n, 1))), 0) {
  }

  /// As `Environment` asks.
  Transition step(std::span<const std::int32_t> action, std::span<float> row) {
    detail::require_running("RingEnv", phase_);
    detail::require_rows("RingEnv", action.size(), action_width(actions_), row.size(), observations_.size());
    detail::require_choice("RingEnv", action, 0, actions_.n);
    advance(row);
    return {1.0, false, false};
  }

 private:
  friend TestingEnvironment;
  void draw() { info_.state = static_cast<std::size_t>(steps_ % observations_.size()); }
  void write(std::span<float> row) const { detail::write_one_hot(row, info_.state); }
};

/// What `CountEnv` reports.
struct CountInfo {
  std::uint64_t steps = 0,  ///< since the last reset
      resets = 0;           ///< of this object
};

/// Counts: the observation is the number of steps since reset, the reward is the action; terminated at `max` steps. Its metric
/// `"steps"` is the count, so a metric read after the reset would be 0.
class CountEnv : public detail::TestingEnvironment<CountEnv, Discrete, CountInfo> {
 public:
  /// @param max  steps per episode, at least 1.
  /// @param n    actions 0 .. n - 1, at least 1.
  explicit CountEnv(std::int64_t max, std::int64_t n = 10)
      : TestingEnvironment({detail::require_at_least("CountEnv", "n", n, 1)}, Box::uniform(1, 0.0F, static_cast<float>(max)),
                           static_cast<std::uint64_t>(detail::require_at_least("CountEnv", "max", max, 1))) {}

  /// As `Environment` asks; counts the resets.
  void reset(std::uint64_t seed, std::span<float> row) {
    TestingEnvironment::reset(seed, row);
    ++info_.resets;
  }
  /// As `Environment` asks.
  Transition step(std::span<const std::int32_t> action, std::span<float> row) {
    detail::require_running("CountEnv", phase_);
    detail::require_rows("CountEnv", action.size(), action_width(actions_), row.size(), observations_.size());
    const std::int32_t reward = detail::require_choice("CountEnv", action, 0, actions_.n);
    return {static_cast<double>(reward), advance(row), false};
  }
  static constexpr std::array<std::string_view, 1> metric_names() { return {"steps"}; }  ///< As `ReportsMetrics` asks.
  /// As `ReportsMetrics` asks.
  void metrics(std::span<double> values) const { values[0] = static_cast<double>(info_.steps); }

 private:
  friend TestingEnvironment;
  void draw() { info_.steps = steps_; }
  void write(std::span<float> row) const { row[0] = static_cast<float>(steps_); }
};

/// `CartPole` that shows the cart's place and the pole's angle only: the velocities have to be remembered, which takes a
/// recurrent policy.
class CartPoleWithoutVelocities {
 public:
  using ActionScalar = CartPole::ActionScalar;  ///< As `Environment` asks.

  /// Takes the settings of `CartPole`.
  explicit CartPoleWithoutVelocities(CartPoleConfig config = {}) : inner_(config) {
    const Box& full = inner_.observation_space();
    observations_ = {{full.low[0], full.low[2]}, {full.high[0], full.high[2]}};
  }

  const Box& observation_space() const noexcept { return observations_; }          ///< As `Environment` asks.
  const Discrete& action_space() const noexcept { return inner_.action_space(); }  ///< As `Environment` asks.
  const CartPole::Info& info() const noexcept { return inner_.info(); }            ///< As `Environment` asks.
  /// As `NamedLayout` asks.
  static constexpr std::array<std::string_view, 2> observation_names() { return {"x_m", "theta_rad"}; }
  /// As `NamedLayout` asks.
  static constexpr std::array<std::string_view, 2> action_names() { return CartPole::action_names(); }

  /// As `Environment` asks.
  void reset(std::uint64_t seed, std::span<float> row) {
    detail::require_length("CartPoleWithoutVelocities", "observation", row.size(), 2);
    inner_.reset(seed, full_);
    write(row);
  }
  /// As `Environment` asks.
  Transition step(std::span<const std::int32_t> action, std::span<float> row) {
    detail::require_length("CartPoleWithoutVelocities", "observation", row.size(), 2);
    const Transition transition = inner_.step(action, full_);
    write(row);
    return transition;
  }
  void save_state(std::vector<std::byte>& bytes) const { inner_.save_state(bytes); }  ///< As `SerializableEnvironment` asks.
  void load_state(std::span<const std::byte> bytes) { inner_.load_state(bytes); }     ///< As `SerializableEnvironment` asks.

 private:
  void write(std::span<float> row) const {
    row[0] = full_[0];
    row[1] = full_[2];
  }

  CartPole inner_;
  Box observations_;
  std::array<float, 4> full_{};
};

}  // namespace rlx::inline v0_1

#endif  // RLX_ENV_TESTING_HPP
