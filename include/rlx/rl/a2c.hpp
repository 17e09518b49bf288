// SPDX-License-Identifier: MIT
/// @file
/// @brief Advantage actor-critic: one step on every short rollout; everything else as PPO.
#ifndef RLX_RL_A2C_HPP
#define RLX_RL_A2C_HPP

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/rl/a2c_config.hpp>
#include <rlx/rl/detail/learner_environment.hpp>
#include <rlx/rl/detail/on_policy_checkpoint.hpp>
#include <rlx/rl/detail/on_policy_learner.hpp>

namespace rlx::inline v0_1 {

namespace detail {

struct A2cRule {
  using Config = A2cConfig;
  static constexpr std::string_view algorithm = "a2c", type_name = "A2c";
  static constexpr bool shuffles = false, clips = false;
  static void check(const A2cConfig& config, std::size_t num_envs, bool) { validate(config, num_envs); }
  static std::vector<std::string> warnings(const A2cConfig&, std::size_t) { return {}; }
  static std::size_t batch_rows(const A2cConfig&, std::size_t rollout_rows) { return rollout_rows; }
  static std::size_t n_epochs(const A2cConfig&) { return 1; }
  static std::optional<double> target_kl(const A2cConfig&) { return std::nullopt; }
  static double clip_range(const A2cConfig&, double) { return 0.0; }
  static LossSettings<float> loss_settings(const A2cConfig&, double) {
    LossSettings<float> settings;
    settings.surrogate = Surrogate::log_prob;
    return settings;
  }
  template <class S>
  static BasicOptimizer<S> optimizer(const A2cConfig& config, const nn::ParameterStore<S>& store) {
    if (config.use_rms_prop)
      return BasicOptimizer<S>(nn::BasicRmsProp<S>(store, {.alpha = config.rms_prop_alpha, .epsilon = config.rms_prop_eps}));
    return BasicOptimizer<S>(nn::BasicAdam<S>(store, {.epsilon = config.adam_eps, .weight_decay = config.weight_decay}));
  }
};

}  // namespace detail

/// Advantage actor-critic (Mnih et al. 2016, arXiv:1602.01783, synchronous) with Stable-Baselines3's names and defaults: policy
/// loss -mean(A log pi), one full-batch step of RMSprop per rollout. Same surface and guarantees as `Ppo`.
///
/// @tparam E an environment. @tparam C,R see `Critic` and `RiskObjective`. @tparam K where times in logs come from.
template <class E, Critic C = ScalarCritic, RiskObjective R = ExpectedReturn, Clock K = SystemClock>
class A2c final : public detail::OnPolicyLearner<E, detail::A2cRule, C, R, K> {
 public:
  /// Parameters and errors as `Ppo`.
  A2c(A2cConfig config, VectorEnv<E>& envs, nn::GraphSpec graph, ThreadPool& threads, C critic = {}, R objective = {},
      K clock = {})
      : detail::OnPolicyLearner<E, detail::A2cRule, C, R, K>(std::move(config), envs, std::move(graph), threads,
                                                             std::move(critic), std::move(objective), std::move(clock)) {}
};

/// @cond
/// Chosen for what cannot be trained on, to say why in one sentence.
template <detail::NotTrainable E, Critic C, RiskObjective R, Clock K>
class A2c<E, C, R, K> : detail::TrainableEnvironment<E> {
 public:
  template <class... Arguments>
  explicit A2c(A2cConfig, Arguments&&...) {}
};
template <class V, class... Rest>
requires(!detail::is_vector_env<V>) A2c(A2cConfig, V&, nn::GraphSpec, ThreadPool&, Rest...)
->A2c<detail::NoVectorEnv<V>>;
/// @endcond

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_A2C_HPP
