// SPDX-License-Identifier: MIT
/// @file
/// @brief Policies over LadderEnv on a range of time: what they earned, with intervals, beside fixed profiles.
#ifndef DERIBIT_LADDER_AGENT_SCORING_HPP
#define DERIBIT_LADDER_AGENT_SCORING_HPP

#include <rlx/core/random.hpp>
#include <rlx/io/text_table.hpp>
#include <rlx/options/ladder_env.hpp>
#include <rlx/options/ladder_tape.hpp>
#include <rlx/risk/bootstrap.hpp>
#include <rlx/rl/policy.hpp>

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace app {

namespace opt = rlx::options;

/// A range of time of all underlyings, cut into episodes that follow each other.
struct Range {
  std::string name;
  std::vector<std::vector<std::shared_ptr<const opt::LadderTape>>> tapes;  ///< [underlying][episode]

  double days() const;
};

/// What a policy did on a range. Rewards are shares of the coverage, the mean over the underlyings, one a step.
struct Played {
  std::string policy;
  std::vector<double> rewards;
  std::vector<std::size_t> legs;  ///< by profile
  double settled = 0.0, won = 0.0, worst_leg = 0.0, premium = 0.0, fees = 0.0;
  double days = 0.0;

  double drawdown() const;  ///< largest fall of the summed rewards
};

/// Uses a set of profiles whenever it can: the largest part of it that the mask allows.
struct FixedProfiles {
  struct Workspace {};
  std::uint32_t wanted = 0;  ///< bits of profiles

  Workspace make_workspace() const { return {}; }
  void act(std::span<const float>, std::span<const std::uint8_t> mask, std::span<std::int32_t> action, Workspace&,
           rlx::ActOptions) const;
};

/// Uniform over what the mask allows.
struct RandomProfiles {
  struct Workspace {};
  Workspace make_workspace() const { return {}; }
  void act(std::span<const float>, std::span<const std::uint8_t> mask, std::span<std::int32_t> action, Workspace&,
           rlx::ActOptions options) const;
};

/// Adds what an environment did in the step that is about to be taken.
void count_legs(const opt::LadderEnv& env, std::size_t action, Played& played);
/// Adds the figures of an episode that has ended.
void count_episode(const opt::LadderEnv& env, Played& played);

/// Plays a whole range, every underlying by itself. @param configure  (tape) -> LadderEnvConfig
template <rlx::Policy P, class Configure>
Played play(const P& policy, std::string name, const Range& range, const Configure& configure, std::uint64_t seed = 0) {
  Played played;
  played.policy = std::move(name);
  played.days = range.days();
  auto workspace = policy.make_workspace();
  const auto underlyings = static_cast<double>(range.tapes.size());
  for (std::size_t u = 0; u < range.tapes.size(); ++u) {
    std::size_t step = 0;
    for (std::size_t episode = 0; episode < range.tapes[u].size(); ++episode) {
      opt::LadderEnvConfig config = configure(*range.tapes[u][episode]);
      config.random_start = false;
      config.episode_ticks = range.tapes[u][episode]->size();
      opt::LadderEnv env(range.tapes[u][episode], config);
      std::vector<float> row(env.observation_size());
      std::vector<std::uint8_t> mask(static_cast<std::size_t>(env.action_space().n));
      std::int32_t action = 0;
      env.reset(seed, row);
      if constexpr (requires { workspace.begin_episode(); }) workspace.begin_episode();
      for (bool ended = false; !ended; ++step) {
        env.action_masks(mask);
        rlx::RandomStream random({seed, rlx::Purpose::evaluation_action, static_cast<std::uint32_t>(u), step});
        policy.act(std::span<const float>(row), std::span<const std::uint8_t>(mask), std::span(&action, 1), workspace,
                   rlx::ActOptions{true, &random});
        count_legs(env, static_cast<std::size_t>(action), played);
        const rlx::Transition t = env.step(std::span<const std::int32_t>(&action, 1), row);
        if (played.rewards.size() <= step) played.rewards.resize(step + 1);
        played.rewards[step] += t.reward / underlyings;
        ended = t.terminated || t.truncated;
      }
      count_episode(env, played);
    }
  }
  return played;
}

/// Percent of the coin per 30 days with its 95 % interval, by a bootstrap in blocks of a week.
rlx::risk::Interval monthly_percent(const Played& played);
/// The same of one policy less another, step by step.
rlx::risk::Interval monthly_difference(const Played& a, const Played& b);

/// The agent first; its difference to every other row.
rlx::io::TextTable policy_table(std::span<const Played> rows, std::span<const opt::TrainingProfileSet> profiles);
nlohmann::ordered_json to_json(std::span<const Played> rows, std::span<const opt::TrainingProfileSet> profiles);
/// Whether the agent (first row) is better than doing nothing, and than the best of the fixed ones.
std::string verdict(std::span<const Played> rows);

}  // namespace app

#endif  // DERIBIT_LADDER_AGENT_SCORING_HPP
