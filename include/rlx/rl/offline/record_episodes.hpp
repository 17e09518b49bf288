// SPDX-License-Identifier: MIT
/// @file
/// @brief Runs a policy in an environment and keeps every decision as a dataset: masks, propensities, strategy tags, risk.
#ifndef RLX_RL_OFFLINE_RECORD_EPISODES_HPP
#define RLX_RL_OFFLINE_RECORD_EPISODES_HPP

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/random.hpp>
#include <rlx/env/environment.hpp>
#include <rlx/rl/inference_policy.hpp>
#include <rlx/rl/offline/dataset.hpp>
#include <rlx/rl/offline/masked_policy.hpp>
#include <rlx/rl/policy.hpp>

namespace rlx::inline v0_1 {

/// What is recorded besides observation, mask, action, reward and flags. The functions are asked at every decision and may be
/// empty. @tparam E the environment
template <class E>
struct RecordOptions {
  std::size_t episodes = 100;                   ///< at least 1
  std::uint64_t seed = 0;                       ///< of episodes and draws
  std::uint64_t max_episode_steps = 1'000'000;  ///< a longer episode is an EnvironmentError
  double gamma = 0.99;                          ///< OfflineInfo::gamma
  std::string currency = {};                    ///< OfflineInfo::currency
  bool behaviour_probs = true;                  ///< keep the probabilities of all actions; MaskedPolicy only
  /// Strategy of an action, asked before it is made; empty: "unknown".
  std::function<std::string(const E&, std::int32_t action)> tag = {};
  /// Time of the decision in ns, rising within an episode; empty: 1, 2, 3, ... over all episodes.
  std::function<std::int64_t(const E&)> time_ns = {};
  /// Money that the step earned, asked after it; empty: the reward.
  std::function<double(const E&, const Transition&)> pnl = {};
  std::vector<std::string> risk_names = {};                   ///< columns that `risk` fills before the decision
  std::function<void(const E&, std::span<float>)> risk = {};  ///< asked before the action is chosen; empty: NaN
};

namespace detail {

/// Layout hash of a policy for this environment, as a learner makes it.
template <class E>
std::string offline_layout_hash(const E& env) {
  PolicyLayout layout;
  layout.observation_size = env.observation_space().size();
  layout.num_actions = static_cast<std::size_t>(env.action_space().n);
  layout.mask_required = MaskedEnvironment<E>;
  if constexpr (NamedLayout<E>) {
    for (const auto& name : env.observation_names()) layout.observation_names.emplace_back(std::string_view(name));
    for (const auto& name : env.action_names()) layout.action_names.emplace_back(std::string_view(name));
  }
  return layout_hash(layout);
}

}  // namespace detail

/**
 * @brief Records whole episodes. Episode i has the seed of stream (seed, evaluation_reset, 0, i) and, if there are several
 *        sources, source i mod num_sources(); its step t draws from stream (seed, evaluation_action, i, t).
 *
 * A MaskedPolicy is drawn from and its probabilities are logged. Any other Policy acts deterministically: the propensities are
 * NaN and `propensity_source` is `deterministic`. Actions must be Discrete; wrap MultiDiscrete ones in FlattenMultiDiscrete.
 * @param env     used and left at the end of the last episode
 * @param policy  acts   @param options  see there
 * @return rows with `obs_spec_hash` equal to the layout hash of a policy trained in this environment
 * @throws ConfigError for 0 episodes; EnvironmentError for an episode that does not end; DataError as OfflineDataset
 */
template <Environment E, class P>
requires MaskedPolicy<P> || Policy<P> OfflineDataset record_episodes(E& env, const P& policy,
                                                                     const RecordOptions<E>& options = {}) {
  static_assert(std::same_as<std::remove_cvref_t<decltype(env.action_space())>, Discrete>,
                "rlx: record_episodes needs a Discrete action space; wrap the environment in FlattenMultiDiscrete");
  if (options.episodes == 0) throw ConfigError("RecordOptions: episodes = 0, expected at least 1");
  const std::size_t d = env.observation_space().size(), a = static_cast<std::size_t>(env.action_space().n);
  OfflineBuilder builder({.observation_size = d,
                          .action_count = a,
                          .gamma = options.gamma,
                          .obs_spec_hash = detail::offline_layout_hash(env),
                          .tags = {},
                          .currency = options.currency,
                          .propensity_source = MaskedPolicy<P> ? PropensitySource::logged : PropensitySource::deterministic,
                          .risk_names = options.risk_names});
  std::vector<float> before(d), after(d), kept(a), risk(options.risk_names.size());
  std::vector<double> probabilities(a);
  std::vector<std::uint8_t> mask(a, 1);
  auto chooser = [&] {
    if constexpr (MaskedPolicy<P>) {
      return PolicyProbabilities<P>(policy, a);
    } else {
      return policy.make_workspace();
    }
  }();
  std::int64_t clock = 0;
  for (std::size_t episode = 0; episode < options.episodes; ++episode) {
    if constexpr (SourcedEnvironment<E>) env.set_source(episode % env.num_sources());
    env.reset(RandomStream({options.seed, Purpose::evaluation_reset, 0, episode}).next_u64(), std::span<float>(before));
    if constexpr (requires { chooser.begin_episode(); }) chooser.begin_episode();
    if constexpr (MaskedEnvironment<E>) env.action_masks(std::span<std::uint8_t>(mask));
    bool ended = false;
    for (std::uint64_t t = 0; !ended; ++t) {
      if (t == options.max_episode_steps) {
        throw EnvironmentError("record_episodes: episode " + std::to_string(episode) +
                                   " did not end within max_episode_steps = " + std::to_string(t) +
                                   "; give the environment a TimeLimit",
                               0, t);
      }
      OfflineRow row{.observation = before, .mask = mask};
      RandomStream random({options.seed, Purpose::evaluation_action, static_cast<std::uint32_t>(episode), t});
      if constexpr (MaskedPolicy<P>) {
        chooser(before, mask, probabilities);
        double left = random.uniform();
        for (std::size_t b = 0; b < a; ++b) {
          if (!(probabilities[b] > 0)) continue;
          row.action = static_cast<std::int32_t>(b);  // the last possible one takes what rounding leaves
          if (left < probabilities[b]) break;
          left -= probabilities[b];
        }
        row.propensity = probabilities[static_cast<std::size_t>(row.action)];
        if (options.behaviour_probs) {
          std::transform(probabilities.begin(), probabilities.end(), kept.begin(),
                         [](double p) { return static_cast<float>(p); });
          row.behaviour_probs = kept;
        }
      } else {
        policy.act(std::span<const float>(before), std::span<const std::uint8_t>(mask), std::span<std::int32_t>(&row.action, 1),
                   chooser, ActOptions{true, &random});
      }
      std::string tag;
      if (options.tag) {
        tag = options.tag(env, row.action);
        row.tag = tag;
      }
      row.ts = options.time_ns ? options.time_ns(env) : ++clock;
      if (options.risk) {
        options.risk(env, std::span<float>(risk));
        row.risk = risk;
      }
      const Transition transition = env.step(std::span<const std::int32_t>(&row.action, 1), std::span<float>(after));
      row.reward = transition.reward;
      row.terminated = transition.terminated;
      row.truncated = transition.truncated;
      row.pnl = options.pnl ? options.pnl(env, transition) : transition.reward;
      ended = transition.terminated || transition.truncated;
      builder.add(static_cast<std::int64_t>(episode), row);
      std::swap(before, after);
      if constexpr (MaskedEnvironment<E>) env.action_masks(std::span<std::uint8_t>(mask));
    }
    builder.end_episode(before, mask);
  }
  return builder.build();
}

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_OFFLINE_RECORD_EPISODES_HPP
