// SPDX-License-Identifier: MIT
/// @file
/// @brief Gates of offline learning: from a log alone, CQL and IQL beat behaviour cloning and the policy that made the log.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/thread_pool.hpp>
#include <rlx/env/classic/cart_pole.hpp>
#include <rlx/env/classic/premium_seller.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/rl/offline/behaviour_cloning.hpp>
#include <rlx/rl/offline/behaviour_policies.hpp>
#include <rlx/rl/offline/cql.hpp>
#include <rlx/rl/offline/fine_tune.hpp>
#include <rlx/rl/offline/iql.hpp>
#include <rlx/rl/offline/record_episodes.hpp>

#include "learning/gate.hpp"

namespace rlx_learning {
namespace {

/// CartPole with four actions, of which two at a time are valid: 0 and 1 at even steps, 2 and 3 at odd ones push left and
/// right.
class MaskedCartPole {
 public:
  using ActionScalar = std::int32_t;
  const rlx::Box& observation_space() const { return observations_; }
  const rlx::Discrete& action_space() const { return actions_; }
  const rlx::CartPole::Info& info() const { return pole_.info(); }
  void reset(std::uint64_t seed, std::span<float> row) {
    pole_.reset(seed, row.first(4));
    row[4] = 0.0F;
  }
  rlx::Transition step(std::span<const std::int32_t> action, std::span<float> row) {
    if (action[0] < 0 || action[0] > 3 || (action[0] >= 2) != odd()) {
      throw rlx::InvalidActionError("MaskedCartPole: action " + std::to_string(action[0]) + " is invalid at step " +
                                    std::to_string(info().steps));
    }
    const std::int32_t push = action[0] % 2;
    const rlx::Transition transition = pole_.step(std::span(&push, 1), row.first(4));
    row[4] = odd() ? 1.0F : 0.0F;
    return transition;
  }
  void action_masks(std::span<std::uint8_t> row) const {
    row[0] = row[1] = odd() ? 0 : 1;
    row[2] = row[3] = odd() ? 1 : 0;
  }

 private:
  bool odd() const { return info().steps % 2 == 1; }
  rlx::CartPole pole_;
  rlx::Box observations_ = rlx::Box::uniform(5, -100.0F, 100.0F);
  rlx::Discrete actions_{4};
};

/// Pushes towards the side the pole leans to: too slow to hold it for long.
struct Lean {
  struct Workspace {};
  Workspace make_workspace() const { return {}; }
  void probabilities(std::span<const float> row, std::span<const std::uint8_t> mask, std::span<double> out, Workspace&) const {
    std::fill(out.begin(), out.end(), 0.0);
    out[(mask[0] != 0 ? 0U : 2U) + (row[2] > 0 ? 1U : 0U)] = 1.0;
  }
};

/// The known policy of the log: unhedged 0.4, hedged 0.6.
struct MostlyHedged {
  struct Workspace {};
  Workspace make_workspace() const { return {}; }
  void probabilities(std::span<const float>, std::span<const std::uint8_t>, std::span<double> out, Workspace&) const {
    out[0] = 0.4, out[1] = 0.6, out[2] = 0.0;
  }
};

struct Task {
  std::size_t episodes, updates;  ///< of the log; of CQL and IQL
  double gamma, alpha, beta, expectile;
  rlx::nn::GraphSpec graph;
};

enum class Learner { cql, iql };

template <class E, class P>
double mean_return(const P& policy, std::size_t episodes, std::uint64_t seed, E env = E()) {
  const rlx::OfflineDataset played =
      rlx::record_episodes(env, policy, rlx::RecordOptions<E>{.episodes = episodes, .seed = seed, .behaviour_probs = false});
  double sum = 0.0;
  for (std::size_t e = 0; e < played.episodes().size(); ++e) sum += played.episode_return(e);
  return sum / static_cast<double>(episodes);
}

/// By how much the learner's mean return exceeds the best of the three others on the same episodes: of behaviour cloning drawn
/// and at its most probable action, and of the behaviour policy.
template <class E, class P>
double lead(Learner learner, const Task& task, const P& behaviour, std::size_t judged, std::uint64_t seed) {
  rlx::ThreadPool pool(1);
  E env;
  const rlx::OfflineDataset log =
      rlx::record_episodes(env, behaviour, rlx::RecordOptions<E>{.episodes = task.episodes, .seed = seed, .gamma = task.gamma});
  const rlx::ActionNetwork<float> network(task.graph, seed);
  const rlx::OfflineTraining training{.learning_rate = rlx::nn::Schedule::linear(1e-3, 0.0), .seed = seed};
  rlx::BehaviourCloning cloning({.training = {.learning_rate = 1e-3, .seed = seed}}, network, log, pool);
  cloning.fit();
  const auto learned = [&] {
    if (learner == Learner::cql) {
      rlx::DiscreteCql cql({.alpha = task.alpha, .training = training}, network, log, pool);
      cql.learn(task.updates);
      return cql.policy();
    }
    rlx::DiscreteIql iql({.expectile = task.expectile, .beta = task.beta, .training = training}, network, network, log, pool);
    iql.learn(task.updates);
    return iql.policy();
  }();
  const std::uint64_t fresh = 1'000 + seed;
  const double others =
      std::max({mean_return<E>(cloning.policy(), judged, fresh),
                mean_return<E>(rlx::GreedyPolicy(cloning.policy()), judged, fresh), mean_return<E>(behaviour, judged, fresh)});
  return mean_return<E>(rlx::GreedyPolicy(learned), judged, fresh) - others;
}

double premium_seller(Learner learner, std::uint64_t seed) {
  const Task task{.episodes = 5'000,
                  .updates = 6'000,
                  .gamma = 1.0,
                  .alpha = 0.02,
                  .beta = 30.0,
                  .expectile = 0.5,
                  .graph = rlx::nn::mlp_actor_critic({.observation = 2, .action = 3, .pi = {32}, .vf = {32}})};
  return lead<rlx::PremiumSeller>(learner, task, rlx::ExploringPolicy(MostlyHedged{}, 0.1), 2'000, seed);
}

double cart_pole(Learner learner, std::uint64_t seed) {
  const Task task{.episodes = 300,
                  .updates = 10'000,
                  .gamma = 0.98,
                  .alpha = 0.1,
                  .beta = 3.0,
                  .expectile = 0.8,
                  .graph = rlx::nn::mlp_actor_critic({.observation = 5, .action = 4})};
  return lead<MaskedCartPole>(learner, task, rlx::ExploringPolicy(Lean{}, 0.3), 200, seed);
}

/// Plays and learns on: a fifth of the decisions are random, each is followed by one update. @return the policy at the end
template <class L>
rlx::InferencePolicy played_on(L& learner, const rlx::OfflineDataset& log, rlx::PremiumSeller env, std::size_t episodes,
                               std::uint64_t seed) {
  rlx::OfflineToOnline tuning({.offline_fraction_end = 0.0,
                               .anneal_steps = 3'000,
                               .critic_warmup = 500,
                               .alpha_end = 0.0,
                               .learning_rate = 1e-3,
                               .seed = seed},
                              learner, log);
  rlx::RandomStream random({seed, rlx::Purpose::exploration});
  std::vector<float> row(2), next(2);
  std::vector<std::uint8_t> mask(3), next_mask(3);
  std::vector<double> p(3);
  for (std::size_t episode = 0; episode < episodes; ++episode) {
    const rlx::GreedyPolicy greedy(learner.policy());
    const rlx::ProbingPolicy probing(greedy, {.eps_min = 0.2, .eps_max = 0.2}, {{1, 1, 1}, {0, 1, 1}});
    auto workspace = probing.make_workspace();
    env.reset(2'000'000 + 10'000 * seed + episode, row);
    env.action_masks(mask);
    for (bool ended = false; !ended;) {
      probing.probabilities(row, mask, p, workspace);
      double left = random.uniform();
      std::int32_t action = p[1] > p[0] ? 1 : 0;  // where rounding leaves nothing
      for (std::size_t a = 0; a < 3; ++a) {
        if ((left -= p[a]) < 0) {
          action = static_cast<std::int32_t>(a);
          break;
        }
      }
      const rlx::Transition transition = env.step({&action, 1}, next);
      env.action_masks(next_mask);
      tuning.add({.observation = row,
                  .mask = mask,
                  .action = action,
                  .reward = transition.reward,
                  .terminated = transition.terminated,
                  .truncated = transition.truncated},
                 next, next_mask);
      tuning.update();
      row = next;
      mask = next_mask;
      ended = transition.terminated || transition.truncated;
    }
  }
  return learner.policy();
}

/// What going on online brings where the log is no longer true: its unhedged sales lost 0.53 on average, now they earn 0.9, so
/// an offline policy hedges every step for 0.3. @return mean return after playing on, less that of the offline policy
double fine_tuned(Learner learner, std::uint64_t seed) {
  rlx::ThreadPool pool(1);
  rlx::PremiumSeller before({.loss_probability = 0.03});
  const rlx::PremiumSeller now({.loss_probability = 0.002});
  const rlx::OfflineDataset log =
      rlx::record_episodes(before, rlx::ExploringPolicy(MostlyHedged{}, 0.1),
                           rlx::RecordOptions<rlx::PremiumSeller>{.episodes = 1'000, .seed = seed, .gamma = 1.0});
  const rlx::ActionNetwork<float> network(rlx::nn::mlp_actor_critic({.observation = 2, .action = 3, .pi = {32}, .vf = {32}}),
                                          seed);
  const rlx::OfflineTraining training{.learning_rate = 1e-3, .seed = seed};
  const auto gain = [&](auto& offline) {
    offline.learn(2'000);
    const auto judged = [&](const rlx::InferencePolicy& policy) {
      return mean_return(rlx::GreedyPolicy(policy), 500, 1'000 + seed, now);
    };
    const double start = judged(offline.policy());
    return judged(played_on(offline, log, now, 300, seed)) - start;
  };
  if (learner == Learner::cql) {
    rlx::DiscreteCql cql({.alpha = 0.02, .training = training}, network, log, pool);
    return gain(cql);
  }
  rlx::DiscreteIql iql({.expectile = 0.5, .beta = 30.0, .training = training}, network, network, log, pool);
  return gain(iql);
}

}  // namespace

std::vector<Gate> offline_gates() {
  const std::string premium =
      "PremiumSeller, 5,000 logged episodes (hedged 0.6, unhedged 0.4, 10 % chance); score: lead over the best of BC drawn, BC "
      "at "
      "its most probable action and the behaviour policy";
  const std::string pole =
      "CartPole with four actions of which two are valid, 300 logged episodes (towards the lean, 30 % chance); score: the same";
  const Criterion ahead{.low_at_least = 0.01};
  const std::string online =
      "PremiumSeller, 1,000 logged episodes with a loss in 3 % of the steps, 2,000 updates, then 300 episodes of "
      "OfflineToOnline "
      "where 0.2 % lose; score: gain of the mean return over the offline policy (12 on average where that always hedges)";
  const Criterion gained{.low_at_least = 5.0};
  return {{"offline.cql.premium_seller", premium, "α 0.02, γ 1, 6,000 updates of 256, lr 1e-3 linear to 0", ahead,
           [](std::uint64_t seed) { return premium_seller(Learner::cql, seed); }},
          {"offline.iql.premium_seller", premium, "β 30, expectile 0.5, γ 1, 6,000 updates of 256, lr 1e-3 linear to 0", ahead,
           [](std::uint64_t seed) { return premium_seller(Learner::iql, seed); }},
          {"offline.cql.cart_pole", pole, "α 0.1, γ 0.98, 10,000 updates of 256, lr 1e-3 linear to 0", ahead,
           [](std::uint64_t seed) { return cart_pole(Learner::cql, seed); }},
          {"offline.iql.cart_pole", pole, "β 3, expectile 0.8, γ 0.98, 10,000 updates of 256, lr 1e-3 linear to 0", ahead,
           [](std::uint64_t seed) { return cart_pole(Learner::iql, seed); }},
          {"offline.cql.fine_tune", online, "α 0.02 to 0, 20 % random actions, share of the log 0.5 to 0, lr 1e-3", gained,
           [](std::uint64_t seed) { return fine_tuned(Learner::cql, seed); }},
          {"offline.iql.fine_tune", online, "β 30, expectile 0.5, 20 % random actions, share of the log 0.5 to 0, lr 1e-3",
           gained, [](std::uint64_t seed) { return fine_tuned(Learner::iql, seed); }}};
}

}  // namespace rlx_learning
