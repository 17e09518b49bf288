// SPDX-License-Identifier: MIT
/// @file
/// @brief Agents for tests of the environment: random legal actions, and whole episodes.
#ifndef RLX_TESTS_KALSHI_RANDOM_AGENT_HPP
#define RLX_TESTS_KALSHI_RANDOM_AGENT_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/kalshi/environment.hpp>

namespace rlx_test {

// HOLD with probability 1 - acting, else uniform over the legal actions.
class RandomAgent {
 public:
  explicit RandomAgent(std::uint64_t seed, double acting = 1.0) : random_({seed, rlx::Purpose::action}), acting_(acting) {}

  std::int32_t operator()(const rlx::kalshi::MarketAgnosticKalshiEnv& env) {
    mask_.resize(static_cast<std::size_t>(env.action_space().n));
    env.action_masks(mask_);
    if (acting_ < 1.0 && random_.uniform() >= acting_) return 0;
    const auto legal = std::count(mask_.begin(), mask_.end(), std::uint8_t{1});
    auto left = static_cast<std::int64_t>(random_.bounded(static_cast<std::uint64_t>(legal)));
    std::size_t action = 0;
    while (mask_[action] == 0 || left-- > 0) ++action;
    return static_cast<std::int32_t>(action);
  }
  std::span<const std::uint8_t> mask() const { return mask_; }

 private:
  rlx::RandomStream random_;
  double acting_;
  std::vector<std::uint8_t> mask_;
};

// Plays the running episode to its end; after(transition, row) follows every step. Returns the sum of the rewards.
template <class Agent, class After>
double play(rlx::kalshi::MarketAgnosticKalshiEnv& env, Agent&& agent, After&& after) {
  std::array<float, rlx::kalshi::feature_count> row{};
  double sum = 0.0;
  for (bool ended = false; !ended;) {
    const std::int32_t action = agent(env);
    const rlx::Transition t = env.step(std::span(&action, 1), row);
    sum += t.reward;
    ended = t.terminated || t.truncated;
    after(t, row);
  }
  return sum;
}
template <class Agent>
double play(rlx::kalshi::MarketAgnosticKalshiEnv& env, Agent&& agent) {
  return play(env, agent, [](const rlx::Transition&, const auto&) {});
}

}  // namespace rlx_test

#endif
