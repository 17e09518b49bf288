// SPDX-License-Identifier: MIT
/// @file
/// @brief What the learner remembers of the last n_steps of every environment.
#ifndef RLX_RL_ROLLOUT_HPP
#define RLX_RL_ROLLOUT_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <rlx/core/matrix.hpp>

namespace rlx::inline v0_1 {

/// A part of one environment's rollout that belongs to one episode: steps [begin, end).
struct EpisodeSlice {
  std::uint32_t env = 0;        ///< environment n
  std::uint32_t begin = 0;      ///< first step of the slice within this rollout
  std::uint32_t end = 0;        ///< one behind the last
  double episode_return = 0.0;  ///< raw rewards since the start of the episode, earlier rollouts included
  bool complete = false;        ///< the episode ended at end - 1
};

/// What critics and risk objectives read of a rollout. Time-major: row of step t and environment n is t * N + n.
/// Valid until the next rollout begins.
struct RolloutView {
  std::size_t n_steps = 0;                       ///< T
  std::size_t num_envs = 0;                      ///< N
  std::span<const float> rewards;                ///< [T][N], raw
  std::span<const float> scaled_rewards;         ///< [T][N], what the advantages were computed from
  double reward_scale = 1.0;                     ///< s: scaled = raw / s, then clipped; 1 without normalize_reward
  std::span<const std::uint8_t> terminated;      ///< [T][N]
  std::span<const std::uint8_t> truncated;       ///< [T][N]
  std::span<const float> values;                 ///< [T][N], Critic::value of the outputs
  std::span<const float> log_probs;              ///< [T][N], of the actions taken
  MatrixView<const float> critic_outputs;        ///< [T N][K]
  MatrixView<const float> final_critic_outputs;  ///< [T N][K]; meaningful where truncated and not terminated
  MatrixView<const float> last_critic_outputs;   ///< [N][K]
  MatrixView<const float> targets;               ///< [T N][W], after Critic::prepare
  std::span<const EpisodeSlice> episodes;        ///< ascending (env, begin)
  double gamma = 0.0;                            ///< discount
  double gae_lambda = 0.0;                       ///< of the advantages
  std::uint64_t update = 0;                      ///< updates before this one
  std::uint64_t seed = 0;                        ///< of the run
  /// [T][N], the environment's metric `step_pnl` after each step; empty unless the objective has a member `wants_step_pnl()`
  /// that says true.
  std::span<const float> step_pnl = {};
};

/// Sizes of a rollout.
struct RolloutShape {
  std::size_t n_steps = 0;           ///< T
  std::size_t num_envs = 0;          ///< N
  std::size_t observation_size = 0;  ///< D
  std::size_t mask_width = 0;        ///< M, 0 without masks
  std::size_t critic_outputs = 1;    ///< K
  std::size_t target_width = 1;      ///< W
  bool scaled_rewards = false;       ///< keep scaled rewards beside the raw ones
  bool value_is_output = true;       ///< the critic's one output is the value itself, so both share their memory
  std::size_t action_width = 1;      ///< A
  std::size_t state_size = 0;        ///< floats of recurrent state per environment, 0 without
};

/// Storage of one rollout: T N (4 D + 4 A + M + 26) bytes, one more row of observations and masks (the current ones, which the
/// next rollout starts from), and what wider critics, scaled rewards and recurrent networks ask for. Allocates in the
/// constructor only.
///
/// Environments write straight into these rows: step t reads row t and writes row t + 1.
/// @tparam A number type of an action: std::int32_t or float.
template <class A = std::int32_t>
struct Rollout {
  /// Allocates all rows, zeroed.
  explicit Rollout(const RolloutShape& sizes)
      : shape(sizes),
        observations((sizes.n_steps + 1) * sizes.num_envs * sizes.observation_size),
        masks((sizes.n_steps + 1) * sizes.num_envs * sizes.mask_width),
        actions(rows() * sizes.action_width),
        log_probs(rows()),
        values(rows()),
        rewards(rows()),
        scaled_rewards(sizes.scaled_rewards ? rows() : 0),
        final_values(rows()),
        advantages(rows()),
        targets(rows() * sizes.target_width),
        terminated(rows()),
        truncated(rows()),
        last_values(sizes.num_envs),
        critic_outputs(sizes.value_is_output && sizes.critic_outputs == 1 ? 0 : rows() * sizes.critic_outputs),
        final_critic_outputs(critic_outputs.size()),
        last_critic_outputs(critic_outputs.empty() ? 0 : sizes.num_envs * sizes.critic_outputs),
        returns(sizes.target_width > 1 ? rows() : 0),
        running_returns(sizes.num_envs),
        state(sizes.num_envs * sizes.state_size),
        initial_state(state.size()),
        episode_starts(sizes.state_size > 0 ? (sizes.n_steps + 1) * sizes.num_envs : 0) {}

  /// T N
  std::size_t rows() const noexcept { return shape.n_steps * shape.num_envs; }
  /// Observations before step t; t = n_steps: the current ones.
  MatrixView<float> observations_at(std::size_t t) {
    return {observations.data() + t * shape.num_envs * shape.observation_size, shape.num_envs, shape.observation_size};
  }
  /// Masks of those observations; without columns if there are none.
  MatrixView<std::uint8_t> masks_at(std::size_t t) {
    return {masks.data() + t * shape.num_envs * shape.mask_width, shape.num_envs, shape.mask_width};
  }
  /// [D], raw, that the action of row t * N + n was taken from.
  std::span<const float> observation(std::size_t row) const {
    return {observations.data() + row * shape.observation_size, shape.observation_size};
  }
  /// [M] of that observation; empty without masks.
  std::span<const std::uint8_t> mask(std::size_t row) const {
    return {masks.data() + row * shape.mask_width, shape.mask_width};
  }
  /// @{ [A] of row t * N + n, as drawn.
  std::span<A> action(std::size_t row) { return {actions.data() + row * shape.action_width, shape.action_width}; }
  std::span<const A> action(std::size_t row) const { return {actions.data() + row * shape.action_width, shape.action_width}; }
  /// @}
  /// Which of the observations before step t are the first of an episode; empty without recurrent state.
  std::span<std::uint8_t> starts_at(std::size_t t) {
    return std::span(episode_starts).subspan(t * (episode_starts.empty() ? 0 : shape.num_envs), starts_width());
  }
  /// What advantages are computed from: the scaled rewards where they are kept, else the raw ones.
  std::span<const float> used_rewards() const { return shape.scaled_rewards ? scaled_rewards : rewards; }
  /// A critic of width 1 is trained on the returns themselves, so both share their memory.
  std::span<float> gae_returns() { return returns.empty() ? std::span<float>(targets) : std::span<float>(returns); }
  /// @{ [T N][K], [T N][K] and [N][K], whether or not they share the memory of the values.
  MatrixView<float> all_critic_outputs() { return wide(critic_outputs, values, rows()); }
  MatrixView<float> all_final_critic_outputs() { return wide(final_critic_outputs, final_values, rows()); }
  MatrixView<float> all_last_critic_outputs() { return wide(last_critic_outputs, last_values, shape.num_envs); }
  /// @}

  /// The current observations and masks become those of step 0, the current recurrent state the one before it.
  void begin_next() {
    std::copy(state.begin(), state.end(), initial_state.begin());
    std::copy_n(episode_starts.end() - static_cast<std::ptrdiff_t>(starts_width()), starts_width(), episode_starts.begin());
    const std::size_t width = shape.num_envs * shape.observation_size;
    std::copy_n(observations.end() - static_cast<std::ptrdiff_t>(width), width, observations.begin());
    const std::size_t mask_bytes = shape.num_envs * shape.mask_width;
    std::copy_n(masks.end() - static_cast<std::ptrdiff_t>(mask_bytes), mask_bytes, masks.begin());
  }

  /// Cuts the rollout into episodes and adds up their raw rewards. Call once per rollout.
  void find_episodes() {
    episodes.clear();
    for (std::size_t n = 0; n < shape.num_envs; ++n) {
      std::size_t begin = 0;
      for (std::size_t t = 0; t < shape.n_steps; ++t) {
        const std::size_t row = t * shape.num_envs + n;
        running_returns[n] += static_cast<double>(rewards[row]);
        if (terminated[row] == 0 && truncated[row] == 0) continue;
        add_slice(n, begin, t + 1, true);
        running_returns[n] = 0.0;
        begin = t + 1;
      }
      if (begin < shape.n_steps) add_slice(n, begin, shape.n_steps, false);
    }
  }

  /// The same sums where nobody asks for the slices, so that what is saved does not depend on who does.
  void add_rewards() {
    for (std::size_t row = 0; row < rows(); ++row) {
      double& sum = running_returns[row % shape.num_envs];
      sum = terminated[row] != 0 || truncated[row] != 0 ? 0.0 : sum + static_cast<double>(rewards[row]);
    }
  }

  RolloutShape shape;               ///< as given
  std::vector<float> observations;  ///< [T + 1][N][D], raw
  std::vector<std::uint8_t> masks;  ///< [T + 1][N][M]
  std::vector<A> actions;           ///< [T][N][A], as drawn
  /// @{ [T][N]; rewards raw, scaled_rewards empty unless asked for, final_values meaningful where truncated only.
  std::vector<float> log_probs, values, rewards, scaled_rewards, final_values, advantages;
  /// @}
  std::vector<float> targets;  ///< [T][N][W]
  /// @{ [T][N], 0 or 1.
  std::vector<std::uint8_t> terminated, truncated;
  /// @}
  std::vector<float> last_values;  ///< [N]
  /// @{ See `RolloutView`; empty if `value_is_output`.
  std::vector<float> critic_outputs, final_critic_outputs, last_critic_outputs;
  /// @}
  std::vector<float> returns;                ///< empty if W = 1
  std::vector<double> running_returns;       ///< [N], of the episodes that are cut by the end of the rollout
  std::vector<float> state;                  ///< [N][S], after the last step
  std::vector<float> initial_state;          ///< [N][S], before the first
  std::vector<std::uint8_t> episode_starts;  ///< [T + 1][N]; empty if S = 0
  std::vector<EpisodeSlice> episodes;        ///< ascending (env, begin); empty before `find_episodes`

 private:
  std::size_t starts_width() const noexcept { return episode_starts.empty() ? 0 : shape.num_envs; }
  MatrixView<float> wide(std::vector<float>& outputs, std::vector<float>& narrow, std::size_t count) {
    return {outputs.empty() ? narrow.data() : outputs.data(), count, shape.critic_outputs};
  }
  void add_slice(std::size_t n, std::size_t begin, std::size_t end, bool complete) {
    episodes.push_back({static_cast<std::uint32_t>(n), static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end),
                        running_returns[n], complete});
  }
};

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_ROLLOUT_HPP
