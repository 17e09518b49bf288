// SPDX-License-Identifier: MIT
/// @file
/// @brief One update of CQL and of IQL: minibatch of 256 drawn from a log, two 64-64 towers per network, 36 masked actions; one
/// thread, processor time, medians.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/core/thread_pool.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/rl/offline/cql.hpp>
#include <rlx/rl/offline/dataset.hpp>
#include <rlx/rl/offline/iql.hpp>

#include "common.hpp"

namespace {

constexpr std::size_t actions = 36;

rlx::OfflineDataset random_log(std::size_t observation) {
  rlx::RandomStream random({.seed = 1, .purpose = rlx::Purpose::user});
  rlx::OfflineBuilder builder({.observation_size = observation, .action_count = actions, .tags = {}});
  std::vector<float> row(observation);
  std::vector<std::uint8_t> mask(actions);
  for (std::int64_t t = 0; t < 20'000; ++t) {
    for (float& x : row) x = static_cast<float>(random.normal());
    for (std::uint8_t& valid : mask) valid = random.uniform() < 0.5 ? 1 : 0;
    const std::size_t action = random.bounded(actions);
    mask[action] = 1;
    const bool last = t % 100 == 99;
    builder.add(t / 100, {.observation = row,
                          .mask = mask,
                          .action = static_cast<std::int32_t>(action),
                          .reward = random.normal(),
                          .truncated = last,
                          .ts = t});
    if (last) builder.end_episode(row, mask);
  }
  return builder.build();
}

template <class Learner>
void measure(const std::string& name, Learner& learner, const std::string& more) {
  constexpr std::size_t updates = 50;
  learner.learn(updates);
  std::vector<double> samples(9);
  for (double& sample : samples) {
    const double start = bench::thread_seconds();
    learner.learn(updates);
    sample = 1e3 * (bench::thread_seconds() - start) / updates;
  }
  bench::print(name, bench::median(samples), "ms", bench::member("fastest", bench::quantile(samples, 0.0)) + more);
}

}  // namespace

int main() {
  rlx::ThreadPool threads(1);
  for (const std::size_t observation : {std::size_t{64}, std::size_t{275}}) {
    const rlx::OfflineDataset log = random_log(observation);
    const auto graph = rlx::nn::mlp_actor_critic({.observation = observation, .action = actions});
    const std::string suffix = "_obs" + std::to_string(observation), limit = ", " + bench::member("limit", 2);
    rlx::DiscreteCql cql({}, graph, log, threads);
    measure("offline_cql_update" + suffix, cql, limit);
    rlx::DiscreteCql quantile({.quantiles = 32}, rlx::with_quantiles(graph, 32), log, threads);
    measure("offline_cql_update_32_quantiles" + suffix, quantile, "");
    rlx::DiscreteIql iql({}, graph, graph, log, threads);
    measure("offline_iql_update" + suffix, iql, limit);
  }
}
