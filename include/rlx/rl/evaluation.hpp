// SPDX-License-Identifier: MIT
/// @file
/// @brief Scores of a policy over whole episodes, the same whatever the number of environments or threads.
#ifndef RLX_RL_EVALUATION_HPP
#define RLX_RL_EVALUATION_HPP

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/random.hpp>
#include <rlx/core/thread_pool.hpp>
#include <rlx/env/detail/describe.hpp>
#include <rlx/env/environment.hpp>
#include <rlx/env/episode_statistics.hpp>
#include <rlx/env/space.hpp>
#include <rlx/rl/policy.hpp>
#include <rlx/rl/statistics.hpp>

namespace rlx::inline v0_1 {

/// How `evaluate_policy` plays.
struct EvaluationConfig {
  std::size_t n_eval_episodes = 10;             ///< >= 1
  bool deterministic = true;                    ///< the most probable action; false: drawn
  std::size_t num_envs = 1;                     ///< copies of the environment, >= 1; changes nothing but the time it takes
  std::uint64_t seed = 0;                       ///< episode i has the seed of stream (seed, evaluation_reset, 0, i)
  std::uint64_t max_episode_steps = 1'000'000;  ///< a longer episode is an EnvironmentError
  ThreadPool* pool = nullptr;                   ///< runs the copies in parallel; may not be inside one of its own shards
};

/// Mean of one metric of the environment over episodes.
struct MetricMean {
  std::string name;   ///< as the environment calls it
  double mean = 0.0;  ///< of its value at the end of each episode
};

/// Where an evaluation stands among those that one EvalCallback made, this one included, since training began.
struct EvaluationRank {
  double score = std::numeric_limits<double>::quiet_NaN();       ///< what was compared
  double best_score = std::numeric_limits<double>::quiet_NaN();  ///< NaN before the first finite score
  std::uint64_t evaluations = 0;                                 ///< made so far, this one included
  std::uint64_t without_improvement = 0;  ///< evaluations since the best one; all of them if there is none
};

/// What `evaluate_policy` found.
struct Evaluation {
  std::vector<EpisodeStatistics> episodes;  ///< in order; `episode` is the number i, `env` the copy that ran it
  double mean_reward = 0.0;                 ///< of the raw returns
  double std_reward = 0.0;                  ///< divided by n
  double mean_length = 0.0;                 ///< steps
  double iqm = 0.0;                         ///< interquartile mean of the returns
  Interval interval;                        ///< 95 % bootstrap interval of the mean return
  std::vector<MetricMean> metrics;          ///< in the order of the environment; empty if it reports none
  EvaluationRank rank;                      ///< of an EvalCallback's evaluations

  /// Raw return of each episode, in order.
  std::vector<double> returns() const {
    std::vector<double> values;
    for (const EpisodeStatistics& e : episodes) values.push_back(e.episode_return);
    return values;
  }
};

namespace detail {

/// "environment 0, evaluation episode 3, step 4": the copy, the episode and how many steps it has made or begun.
inline std::string place_of(const EpisodeStatistics& at) {
  return "environment " + std::to_string(at.env) + ", evaluation episode " + std::to_string(at.episode) + ", step " +
         std::to_string(at.length);
}

/// Calls a member of the environment. @throws EnvironmentError that nests what the environment throws
template <class F>
void call_evaluated(const EpisodeStatistics& at, const char* member, F&& call) {
  try {
    call();
  } catch (...) {
    std::throw_with_nested(
        EnvironmentError(place_of(at) + ": " + member + " threw: " + current_exception_text(), at.env, at.length));
  }
}

/// What the environment has written, as `VectorEnv` checks it in training. @throws NumericError, EnvironmentError
template <class E>
void check_evaluated(const E& env, const EpisodeStatistics& at, double reward, std::span<const float> row,
                     std::span<const std::uint8_t> mask, std::span<const std::size_t> components) {
  const auto not_finite = [&](const std::string& name, const char* value) {
    throw NumericError(name + " of " + place_of(at) + " is " + value + ": the environment must give finite numbers only", name,
                       at.length, at.env);
  };
  if (!is_finite(reward)) not_finite("reward", non_finite_text(reward));
  if (const std::size_t bad = first_non_finite(row); bad != row.size())
    not_finite(observation_label(env, bad), non_finite_text(row[bad]));
  if (const std::optional<std::size_t> bad = component_without_choice(mask, components)) {
    throw EnvironmentError(place_of(at) + ": no action of component " + std::to_string(*bad) + " (" +
                               std::to_string(components[*bad]) +
                               " choices) is valid; a mask must leave at least one, for example an action that does nothing",
                           at.env, at.length);
  }
}

template <class P, class E>
EpisodeStatistics evaluate_episode(const P& policy, E& env, typename P::Workspace& workspace, std::size_t episode,
                                   std::size_t copy, const EvaluationConfig& config, std::span<float> row,
                                   std::span<std::uint8_t> mask, std::span<const std::size_t> components,
                                   std::span<typename E::ActionScalar> action) {
  constexpr bool has_masks = MaskedEnvironment<E> && !std::same_as<std::remove_cvref_t<decltype(env.action_space())>, Box>;
  EpisodeStatistics statistics;
  statistics.env = static_cast<std::uint32_t>(copy);
  statistics.episode = episode;
  statistics.seed = RandomStream({config.seed, Purpose::evaluation_reset, 0, episode}).next_u64();
  const auto read_masks = [&] {
    if constexpr (has_masks) call_evaluated(statistics, "action_masks", [&] { env.action_masks(mask); });
  };
  call_evaluated(statistics, "reset", [&] {
    if constexpr (SourcedEnvironment<E>) {
      const std::size_t sources = env.num_sources();
      if (sources == 0) throw ConfigError("the environment has no source: num_sources() is 0");
      statistics.source = episode % sources;
      env.set_source(statistics.source);
    }
    env.reset(statistics.seed, row);
  });
  read_masks();
  check_evaluated(env, statistics, 0.0, row, mask, components);
  if constexpr (requires { workspace.begin_episode(); }) workspace.begin_episode();
  for (bool ended = false; !ended;) {
    if (statistics.length == config.max_episode_steps) {
      throw EnvironmentError("evaluation episode " + std::to_string(episode) + " did not end within max_episode_steps = " +
                                 std::to_string(config.max_episode_steps) + "; give the environment a TimeLimit",
                             copy, statistics.length);
    }
    RandomStream random({config.seed, Purpose::evaluation_action, static_cast<std::uint32_t>(episode), statistics.length});
    policy.act(std::span<const float>(row), std::span<const std::uint8_t>(mask), action, workspace,
               ActOptions{config.deterministic, &random});
    ++statistics.length;
    Transition transition;
    call_evaluated(statistics, "step", [&] { transition = env.step(std::span<const typename E::ActionScalar>(action), row); });
    statistics.episode_return += transition.reward;
    statistics.terminated = transition.terminated;
    statistics.truncated = transition.truncated;
    ended = transition.terminated || transition.truncated;
    if (!ended) read_masks();  // no action follows the last step: the masks before it stay
    check_evaluated(env, statistics, transition.reward, row, mask, components);
  }
  if constexpr (ReportsMetrics<E>) {
    const std::size_t count = std::min(E::metric_names().size(), max_episode_metrics);
    statistics.num_metrics = static_cast<std::uint8_t>(count);
    call_evaluated(statistics, "metrics", [&] { env.metrics(std::span<double>(statistics.metrics).first(count)); });
  }
  return statistics;
}

/// Means over the episodes of an evaluation.
inline void summarise(Evaluation& evaluation, std::uint64_t seed) {
  const std::vector<double> returns = evaluation.returns();
  evaluation.mean_reward = mean_of(returns);
  evaluation.std_reward = population_std(returns);
  evaluation.iqm = interquartile_mean(returns);
  evaluation.interval = bootstrap_interval(returns, mean_of, {.seed = seed});
  double length = 0.0;
  for (const EpisodeStatistics& e : evaluation.episodes) {
    length += static_cast<double>(e.length);
    for (std::size_t m = 0; m < evaluation.metrics.size(); ++m) evaluation.metrics[m].mean += e.metrics[m];
  }
  const auto n = static_cast<double>(evaluation.episodes.size());
  evaluation.mean_length = length / n;
  for (MetricMean& metric : evaluation.metrics) metric.mean /= n;
}

}  // namespace detail

/// Runs whole episodes without autoreset. Episode i runs on copy i mod num_envs, with source i mod sources; each copy runs its
/// own list and stops, so short episodes are not favoured. Rewards are raw. Masks are read at every step.
/// @param policy    a `Policy` of the environment's actions, such as `InferencePolicy`; called from several threads if
///                  `config.pool` is set.
/// @param make_env  make_env(copy) returns an environment; called once per copy on this thread.
/// @param config    see there.
/// @throws ConfigError for 0 episodes or copies; EnvironmentError for an episode that does not end, for a mask without valid
///         action, and around whatever an environment throws; NumericError for an observation or reward that is not finite, the
///         last of an episode included. They name environment, episode and step. What the policy throws passes unchanged.
template <class P, class MakeEnv>
Evaluation evaluate_policy(const P& policy, MakeEnv&& make_env, const EvaluationConfig& config = {}) {
  using E = std::remove_cvref_t<decltype(make_env(std::size_t{0}))>;
  static_assert(Environment<E>, "rlx: evaluate_policy needs a factory of environments: make_env(std::size_t copy)");
  static_assert(Policy<P, typename E::ActionScalar>,
                "rlx: evaluate_policy needs a Policy whose `act` writes the environment's ActionScalar (see rl/policy.hpp)");
  if (config.n_eval_episodes == 0) throw ConfigError("EvaluationConfig.n_eval_episodes = 0; at least one episode is needed");
  if (config.num_envs == 0) throw ConfigError("EvaluationConfig.num_envs = 0; at least one environment is needed");
  const std::size_t copies = std::min(config.num_envs, config.n_eval_episodes);
  std::vector<E> envs;
  envs.reserve(copies);
  for (std::size_t c = 0; c < copies; ++c) envs.push_back(make_env(c));

  Evaluation evaluation;
  evaluation.episodes.resize(config.n_eval_episodes);
  const auto run_copy = [&](std::size_t c) {
    E& env = envs[c];
    typename P::Workspace workspace = policy.make_workspace();
    std::vector<float> row(env.observation_space().size());
    std::vector<std::uint8_t> mask(MaskedEnvironment<E> ? mask_width(env.action_space()) : 0);
    const std::vector<std::size_t> components =
        mask.empty() ? std::vector<std::size_t>() : detail::component_sizes(env.action_space());
    std::vector<typename E::ActionScalar> action(action_width(env.action_space()));
    for (std::size_t i = c; i < config.n_eval_episodes; i += copies) {
      evaluation.episodes[i] = detail::evaluate_episode(policy, env, workspace, i, c, config, row, mask, components, action);
    }
  };
  if (config.pool != nullptr) {
    config.pool->run(copies, run_copy);
  } else {
    for (std::size_t c = 0; c < copies; ++c) run_copy(c);
  }
  if constexpr (ReportsMetrics<E>) {
    for (const auto& name : E::metric_names()) evaluation.metrics.push_back({std::string(std::string_view(name)), 0.0});
    evaluation.metrics.resize(std::min(evaluation.metrics.size(), max_episode_metrics));
  }
  detail::summarise(evaluation, config.seed);
  return evaluation;
}

/// The most probable action and a draw from the distribution on the same episodes.
struct EvaluationPair {
  Evaluation deterministic;      ///< most probable actions
  Evaluation sampled;            ///< drawn actions
  double mean_difference = 0.0;  ///< deterministic - sampled, per episode
  Interval interval;             ///< 95 % bootstrap interval of it, paired by episode
};

/// `evaluate_policy` twice; `config.deterministic` is not read.
template <class P, class MakeEnv>
EvaluationPair evaluate_both(const P& policy, MakeEnv&& make_env, EvaluationConfig config = {}) {
  EvaluationPair pair;
  config.deterministic = true;
  pair.deterministic = evaluate_policy(policy, make_env, config);
  config.deterministic = false;
  pair.sampled = evaluate_policy(policy, make_env, config);
  std::vector<double> differences;
  for (std::size_t i = 0; i < config.n_eval_episodes; ++i) {
    differences.push_back(pair.deterministic.episodes[i].episode_return - pair.sampled.episodes[i].episode_return);
  }
  pair.mean_difference = mean_of(differences);
  pair.interval = bootstrap_interval(differences, mean_of, {.seed = config.seed});
  return pair;
}

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_EVALUATION_HPP
