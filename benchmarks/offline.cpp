// SPDX-License-Identifier: MIT
/// @file
/// @brief Off-policy evaluation of a million transitions, and checking them; processor time of one core, medians.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/rl/offline/ope.hpp>

#include "common.hpp"

namespace {

/// 50,000 episodes of 20 steps, 3 actions, 4 numbers seen.
rlx::OfflineDataset log_of(std::size_t episodes) {
  rlx::RandomStream random({3, rlx::Purpose::user, 0, 0});
  rlx::OfflineBuilder builder({.observation_size = 4, .action_count = 3});
  std::vector<float> row(4);
  for (std::size_t e = 0; e < episodes; ++e) {
    for (std::int64_t t = 0; t < 20; ++t) {
      for (float& x : row) x = static_cast<float>(random.normal());
      builder.add(static_cast<std::int64_t>(e), {.observation = row,
                                                 .action = static_cast<std::int32_t>(random.bounded(3)),
                                                 .reward = random.normal(),
                                                 .terminated = t == 19,
                                                 .propensity = 1.0 / 3,
                                                 .ts = t});
    }
    builder.end_episode(row);
  }
  return builder.build();
}

struct ZeroQ {
  struct Workspace {};
  Workspace make_workspace() const { return {}; }
  void values(std::span<const float> observation, std::span<const std::uint8_t>, std::span<double> out, Workspace&) const {
    for (std::size_t a = 0; a < out.size(); ++a) out[a] = static_cast<double>(observation[a]);
  }
};

}  // namespace

int main() {
  const rlx::OfflineDataset data = log_of(50'000);
  rlx::RandomStream random({4, rlx::Purpose::user, 0, 0});
  std::vector<double> rho(data.size()), q(data.size()), v(data.size());
  for (std::size_t i = 0; i < rho.size(); ++i) {
    rho[i] = random.uniform(0.5, 1.5);
    q[i] = random.normal();
    v[i] = random.normal();
  }
  bench::measure("ope_wis_pdwis_dr_1e6", 11, 500, [&] {
    const rlx::OpeEpisodes episodes(
        {.episodes = data.episodes(), .rewards = data.columns().reward, .rho = rho, .q = q, .v = v, .gamma = 0.99});
    return episodes.wis() + episodes.pdwis() + episodes.doubly_robust();
  });
  rlx::OpeConfig config;
  config.methods = {rlx::OpeMethod::wis, rlx::OpeMethod::pdwis, rlx::OpeMethod::doubly_robust};
  config.intervals = false;
  bench::measure("ope_evaluate_1e6_q_given", 5, 500, [&] {
    return rlx::evaluate_off_policy(data, rlx::UniformPolicy{}, ZeroQ{}, config)[rlx::OpeMethod::doubly_robust].value.estimate;
  });
  config.intervals = true;
  bench::measure("ope_intervals_1e6_2000_replicates", 1, 0,
          [&] { return rlx::evaluate_off_policy(data, rlx::UniformPolicy{}, ZeroQ{}, config)[rlx::OpeMethod::wis].value.low; });
  bench::measure("offline_dataset_check_1e6", 5, 0,
          [&] { return static_cast<double>(rlx::OfflineDataset(data.info(), data.columns()).size()); });
}
