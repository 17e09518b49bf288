// SPDX-License-Identifier: MIT
#ifndef EXAMPLES_OFFLINE_LEARNING_STUDY_HPP
#define EXAMPLES_OFFLINE_LEARNING_STUDY_HPP

#include "report.hpp"
#include "settings.hpp"

#include <rlx/core/thread_pool.hpp>
#include <rlx/io/text_table.hpp>
#include <rlx/nn/graph_spec.hpp>
#include <rlx/rl/offline/behaviour_cloning.hpp>
#include <rlx/rl/offline/behaviour_policies.hpp>
#include <rlx/rl/offline/cql.hpp>
#include <rlx/rl/offline/iql.hpp>
#include <rlx/rl/offline/ope.hpp>
#include <rlx/rl/offline/record_episodes.hpp>

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace app {

/// Undiscounted (gamma 1) or discounted returns of episodes that depend on the seed alone.
template <class E, class P>
std::vector<double> returns_of(E& env, const P& policy, std::size_t episodes, std::uint64_t seed, double gamma = 1.0) {
  rlx::RecordOptions<E> options;
  options.episodes = episodes;
  options.seed = seed;
  options.behaviour_probs = false;
  const rlx::OfflineDataset played = rlx::record_episodes(env, policy, options);
  std::vector<double> returns;
  for (std::size_t e = 0; e < played.episodes().size(); ++e) returns.push_back(played.episode_return(e, gamma));
  return returns;
}

/// Where episodes that judge a log begin; no log has these seeds.
inline std::uint64_t judge_seed(std::uint64_t seed) { return 10'000 + seed; }

/// A row of the table of estimates: the discounted value of a policy in the market of the log, and what the log says of it.
template <class E, class P>
std::vector<std::string> estimate_row(const std::string& name, const P& policy, E& env, const rlx::OfflineDataset& log,
                                      std::size_t episodes, std::uint64_t seed, rlx::ThreadPool& threads) {
  const auto truth = rlx::risk::bootstrap_mean(returns_of(env, policy, episodes, judge_seed(seed), log.gamma()), {.seed = 1});
  const rlx::OpeResult found = rlx::evaluate_off_policy(
      log, policy, {.methods = {rlx::OpeMethod::wis, rlx::OpeMethod::doubly_robust}, .seed = seed}, &threads);
  const auto cell = [&](rlx::OpeMethod method) {
    const rlx::OpeEstimate& e = found[method];
    if (!e.available) return std::string("refused");
    return fmt::format("{:.4g} {}{}", e.value.estimate, interval_text(e.value), e.reliable ? "" : " unreliable");
  };
  return {name, fmt::format("{:.4g} {}", truth.estimate, interval_text(truth)), cell(rlx::OpeMethod::wis),
          cell(rlx::OpeMethod::doubly_robust), fmt::format("{:.1f}", found.effective_size)};
}

/// Records, learns and judges once for every seed, and prints the tables.
/// @param logged  whose episodes are recorded. @param judged  where policies are compared.
/// @param behave  (environment, chance) -> the behaviour policy in it
template <class E, class Behave>
int study(const Settings& s, const System& defaults, E logged, E judged, const rlx::nn::GraphSpec& graph, Behave behave,
          const rlx::RecordOptions<E>& record = {}) {
  const System x = defaults.with(s);
  rlx::ThreadPool threads(s.threads);
  std::vector<Judged> results;
  std::string estimates;
  for (std::size_t i = 0; i < s.seeds; ++i) {
    const std::uint64_t seed = s.seed + i;
    const auto behaviour = behave(logged, x.chance);
    rlx::RecordOptions<E> options = record;
    options.episodes = x.episodes;
    options.seed = seed;
    options.gamma = x.gamma;
    const rlx::OfflineDataset log = rlx::record_episodes(logged, behaviour, options);
    if (seed == s.seed) {
      fmt::print("{}: {} episodes, {} rows, {} observations, {} actions; behaviour: {}, {:.0f} % chance\n", s.system,
                 log.episodes().size(), log.size(), log.observation_size(), log.action_count(), x.behaviour, 100 * x.chance);
      fmt::print("gamma {:.4g}, {} updates of 256 rows, CQL alpha {:.3g}, IQL beta {:.3g} and expectile {:.3g}\n", x.gamma,
                 x.updates, x.alpha, x.beta, x.expectile);
      if (!s.log.empty()) log.save(s.log);
    }
    const rlx::OfflineTraining training{
        .learning_rate = rlx::nn::Schedule::linear(x.learning_rate, 0.0), .reward_scale = x.reward_scale, .seed = seed};
    const rlx::ActionNetwork<float> network(graph, seed);
    rlx::BehaviourCloning cloning({.training = {.learning_rate = x.learning_rate, .seed = seed}}, network, log, threads);
    cloning.fit();
    rlx::DiscreteCql cql({.alpha = x.alpha, .training = training}, network, log, threads);
    cql.learn(x.updates);
    rlx::DiscreteIql iql({.expectile = x.expectile, .beta = x.beta, .training = training}, network, network, log, threads);
    iql.learn(x.updates);

    const rlx::InferencePolicy bc = cloning.policy();
    const rlx::GreedyPolicy bc_greedy(bc), cql_policy(cql.policy()), iql_policy(iql.policy());
    Judged& result = results.emplace_back();
    const auto judge = [&](const char* name, const auto& policy) {
      result.names.push_back(name);
      result.returns.push_back(returns_of(judged, policy, x.judged, judge_seed(seed)));
    };
    judge("behaviour", behave(judged, x.chance));
    judge("BC", bc);
    judge("BC, most probable", bc_greedy);
    judge("CQL", cql_policy);
    judge("IQL", iql_policy);

    if (seed != s.seed || !s.estimates) continue;
    rlx::io::TextTable table({"policy", "true value", "WIS", "DR", "effective episodes"});
    const auto estimate = [&](const char* name, const auto& policy) {
      table.row(estimate_row(name, policy, logged, log, x.judged, seed, threads));
    };
    estimate("BC", bc);
    estimate("CQL", cql_policy);
    estimate("IQL", iql_policy);
    estimates = table.to_string();
  }

  print_report(s, results, x.judged);
  if (!estimates.empty())
    fmt::print("\nvalue (discounted) in the market of the log, true and estimated from the log of seed {}\n{}", s.seed,
               estimates);
  return 0;
}

}  // namespace app

#endif  // EXAMPLES_OFFLINE_LEARNING_STUDY_HPP
