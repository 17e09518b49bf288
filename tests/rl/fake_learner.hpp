// SPDX-License-Identifier: MIT
/// @file
/// @brief A learner that learns nothing and says what a test wants.
#ifndef RLX_TESTS_RL_FAKE_LEARNER_HPP
#define RLX_TESTS_RL_FAKE_LEARNER_HPP

#include <string>

#include <rlx/rl/inference_policy.hpp>
#include <rlx/rl/learner.hpp>

namespace rlx_test {

class FakeLearner : public rlx::Learner {
 public:
  rlx::UpdateMetrics metrics;
  double mean = 0.0;
  rlx::Logger* log = nullptr;
  std::uint64_t steps = 0, total = 0, episodes = 0, updates = 0;

  std::uint64_t num_timesteps() const override { return steps; }
  std::uint64_t total_timesteps() const override { return total; }
  std::uint64_t num_episodes() const override { return episodes; }
  std::uint64_t n_updates() const override { return updates; }
  const rlx::UpdateMetrics& last_update() const override { return metrics; }
  double mean_episode_return() const override { return mean; }
  double mean_episode_length() const override { return 10.0; }
  std::uint64_t wall_ms() const override { return 1'000; }
  double elapsed_seconds() const override { return 2.5; }
  double total_flops() const override { return 3e9; }
  rlx::InferencePolicy policy() const override { throw rlx::Error("a FakeLearner has no policy"); }
  void save(std::string_view) const override {}
  void export_policy(std::string_view, const rlx::PolicyInfo&) const override {}
  rlx::Logger* logger() const override { return log; }
};

}  // namespace rlx_test

#endif  // RLX_TESTS_RL_FAKE_LEARNER_HPP
