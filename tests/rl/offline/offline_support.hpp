// SPDX-License-Identifier: MIT
/// @file
/// @brief Logs of random numbers for the tests of the offline learners.
#ifndef RLX_TESTS_RL_OFFLINE_OFFLINE_SUPPORT_HPP
#define RLX_TESTS_RL_OFFLINE_OFFLINE_SUPPORT_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/rl/offline/dataset.hpp>

namespace rlx_test {

/// Always the first valid action.
struct FirstValid {
  struct Workspace {};
  Workspace make_workspace() const { return {}; }
  void probabilities(std::span<const float>, std::span<const std::uint8_t> mask, std::span<double> out, Workspace&) const {
    bool taken = false;
    for (std::size_t a = 0; a < out.size(); ++a) {
      out[a] = mask[a] != 0 && !taken ? 1 : 0;
      taken = taken || mask[a] != 0;
    }
  }
};

struct RandomLog {
  std::size_t episodes = 4, steps = 5, observation = 2, actions = 3;
  std::uint64_t seed = 1;
};

/// Normal observations and rewards, masks that allow about two thirds of the actions, actions uniform over the valid ones.
/// Every second episode is truncated, the others terminated; tags "calm" and "bold" by turns of the rows.
inline rlx::OfflineDataset random_log(const RandomLog& config) {
  rlx::RandomStream random({.seed = config.seed, .purpose = rlx::Purpose::user});
  rlx::OfflineBuilder builder(
      {.observation_size = config.observation, .action_count = config.actions, .gamma = 0.9, .tags = {}});
  std::vector<float> row(config.observation);
  std::vector<std::uint8_t> mask(config.actions);
  const auto draw = [&] {
    for (float& x : row) x = static_cast<float>(random.normal());
    for (std::uint8_t& valid : mask) valid = random.uniform() < 0.66 ? 1 : 0;
    const std::size_t action = random.bounded(config.actions);
    mask[action] = 1;
    return action;
  };
  std::int64_t time = 0;
  for (std::size_t e = 0; e < config.episodes; ++e) {
    for (std::size_t t = 0; t < config.steps; ++t) {
      const std::size_t action = draw();
      const bool last = t + 1 == config.steps;
      builder.add(static_cast<std::int64_t>(e), {.observation = row,
                                                 .mask = mask,
                                                 .action = static_cast<std::int32_t>(action),
                                                 .reward = random.normal(),
                                                 .terminated = last && e % 2 == 0,
                                                 .truncated = last && e % 2 == 1,
                                                 .tag = t % 2 == 0 ? "calm" : "bold",
                                                 .ts = ++time});
    }
    draw();
    builder.end_episode(row, mask);
  }
  return builder.build();
}

}  // namespace rlx_test

#endif  // RLX_TESTS_RL_OFFLINE_OFFLINE_SUPPORT_HPP
