// SPDX-License-Identifier: MIT
/// @file
/// @brief Proximal policy optimisation with exact action masks: bitwise reproducible, resumable, without allocations in its
/// loop.
#ifndef RLX_RL_PPO_HPP
#define RLX_RL_PPO_HPP

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/rl/detail/learner_environment.hpp>
#include <rlx/rl/detail/on_policy_checkpoint.hpp>
#include <rlx/rl/detail/on_policy_learner.hpp>
#include <rlx/rl/ppo_config.hpp>

namespace rlx::inline v0_1 {

namespace detail {

struct PpoRule {
  using Config = PpoConfig;
  static constexpr std::string_view algorithm = "ppo", type_name = "Ppo";
  static constexpr bool shuffles = true, clips = true;
  static void check(const PpoConfig& config, std::size_t num_envs, bool recurrent) { validate(config, num_envs, recurrent); }
  static std::vector<std::string> warnings(const PpoConfig& config, std::size_t num_envs) {
    return config_warnings(config, num_envs);
  }
  static std::size_t batch_rows(const PpoConfig& config, std::size_t) { return config.batch_size; }
  static std::size_t n_epochs(const PpoConfig& config) { return config.n_epochs; }
  static std::optional<double> target_kl(const PpoConfig& config) { return config.target_kl; }
  static double clip_range(const PpoConfig& config, double progress) { return config.clip_range(progress); }
  static LossSettings<float> loss_settings(const PpoConfig& config, double progress) {
    LossSettings<float> settings;
    if (config.clip_range_vf) settings.clip_range_vf = static_cast<float>((*config.clip_range_vf)(progress));
    settings.value_clip = config.value_clip;
    return settings;
  }
  template <class S>
  static BasicOptimizer<S> optimizer(const PpoConfig& config, const nn::ParameterStore<S>& store) {
    return BasicOptimizer<S>(nn::BasicAdam<S>(store, {.epsilon = config.adam_eps, .weight_decay = config.weight_decay}));
  }
};

}  // namespace detail

/// Proximal policy optimisation (Schulman et al. 2017) with Stable-Baselines3's names, defaults and order of operations, for
/// Discrete, MultiDiscrete, Box and Simplex actions, masked or not, with or without an lstm in the network.
///
/// One iteration: every shard of environments makes `n_steps` steps on one thread; statistics are merged, rewards scaled,
/// advantages estimated per environment (truncations bootstrap with the value of their own last observation); then
/// `n_epochs` passes over shuffled minibatches (with an lstm: of whole sequences), each cut into gradient shards that are
/// summed over a fixed tree.
///
/// The same binary, seed, configuration and shard counts give the same bytes for any number of threads, with or without
/// callbacks and logs, and after a save and a load. Between the second and any later iteration nothing is allocated (callbacks
/// and log dumps aside).
///
/// Members, among them `learn`, `predict`, `save`, `load` and `export_policy`, are those of `detail::OnPolicyLearner`.
///
/// @tparam E an environment. @tparam C,R see `Critic` and `RiskObjective`. @tparam K where times in logs come from.
template <class E, Critic C = ScalarCritic, RiskObjective R = ExpectedReturn, Clock K = SystemClock>
class Ppo final : public detail::OnPolicyLearner<E, detail::PpoRule, C, R, K> {
 public:
  /// @param config  checked by `validate`.
  /// @param envs    with AutoresetMode::same_step; must outlive this object and be stepped by nobody else meanwhile.
  /// @param graph   outputs "action" (Discrete: a logit per action; MultiDiscrete: per choice of every component; Box: a
  ///                mean per element; Simplex: a number per weight) and "value" (`critic.outputs()` numbers).
  /// @param threads must outlive this object; the pool of `envs` or another one.
  /// @param critic,objective  kept; what their `save_state` writes is part of the checkpoint.
  /// @param clock   gives the times in logs and nothing else.
  /// @throws ConfigError, ShapeError naming what does not fit
  Ppo(PpoConfig config, VectorEnv<E>& envs, nn::GraphSpec graph, ThreadPool& threads, C critic = {}, R objective = {},
      K clock = {})
      : detail::OnPolicyLearner<E, detail::PpoRule, C, R, K>(std::move(config), envs, std::move(graph), threads,
                                                             std::move(critic), std::move(objective), std::move(clock)) {}
};

/// @cond
/// Chosen for what cannot be trained on, to say why in one sentence.
template <detail::NotTrainable E, Critic C, RiskObjective R, Clock K>
class Ppo<E, C, R, K> : detail::TrainableEnvironment<E> {
 public:
  template <class... Arguments>
  explicit Ppo(PpoConfig, Arguments&&...) {}
};
template <class V, class... Rest>
requires(!detail::is_vector_env<V>) Ppo(PpoConfig, V&, nn::GraphSpec, ThreadPool&, Rest...)
->Ppo<detail::NoVectorEnv<V>>;
/// @endcond

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_PPO_HPP
