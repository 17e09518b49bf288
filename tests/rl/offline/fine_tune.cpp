// SPDX-License-Identifier: MIT
#include <rlx/rl/offline/fine_tune.hpp>

#include "rlx_catch.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <rlx/nn/networks.hpp>
#include <rlx/rl/offline/cql.hpp>
#include <rlx/rl/offline/iql.hpp>

#include "rl/offline/offline_support.hpp"

using rlx::risk::KillState;
using rlx_test::Approx;
using rlx_test::ContainsSubstring;

namespace {

rlx::nn::GraphSpec graph() { return rlx::nn::mlp_actor_critic({.observation = 2, .action = 3, .pi = {4}, .vf = {4}}); }

}  // namespace

TEST_CASE("exploration_rate: falls with the drawdown, halves in Tighten, ends in ReduceOnly", "[offline]") {
  const rlx::ExplorationConfig config;
  REQUIRE(rlx::exploration_rate(config, 0.05, KillState::normal) == Approx(0.0775));
  REQUIRE(rlx::exploration_rate(config, 0.05, KillState::tighten) == Approx(0.03875));
  REQUIRE(rlx::exploration_rate(config, 0.0, KillState::normal) == Approx(0.10));
  REQUIRE(rlx::exploration_rate(config, 0.20, KillState::normal) == Approx(0.01));
  REQUIRE(rlx::exploration_rate(config, 0.90, KillState::normal) == Approx(0.01));
  for (const KillState state : {KillState::reduce_only, KillState::flat, KillState::halted}) {
    for (const double drawdown : {0.0, 0.1, 1.0}) REQUIRE(rlx::exploration_rate(config, drawdown, state) == 0.0);
  }
  for (const KillState state : {KillState::normal, KillState::tighten}) {
    double before = 1;
    for (int i = 0; i <= 1'000; ++i) {
      const double eps = rlx::exploration_rate(config, i / 1'000.0, state);
      REQUIRE(eps <= before);
      before = eps;
    }
  }
  REQUIRE(rlx::exploration_rate(config, std::numeric_limits<double>::quiet_NaN(), KillState::normal) == 0.0);
  REQUIRE_THROWS_AS(rlx::exploration_rate({.eps_min = 0.2}, 0, KillState::normal), rlx::ConfigError);
  REQUIRE_THROWS_AS(rlx::exploration_rate({.dd_max = 0}, 0, KillState::normal), rlx::ConfigError);
}

TEST_CASE("ProbingPolicy: random actions are valid ones of probe symbols, with exact probabilities", "[offline]") {
  const std::vector<std::string> symbols = {"", "BTC", "BTC", "ETH", "BTC"}, probes = {"BTC"};
  const rlx_test::FirstValid inner;
  rlx::ProbingPolicy policy(inner, {.eps_min = 0.01, .eps_max = 0.10, .dd_max = 0.2},
                            rlx::ExplorationActions::of(symbols, probes, {1, 0, 1, 0, 0}));
  static_assert(rlx::MaskedPolicy<decltype(policy)>);
  auto workspace = policy.make_workspace();
  std::vector<double> p(5);
  const std::vector<std::uint8_t> mask = {1, 1, 1, 1, 0};
  policy.probabilities({}, mask, p, workspace);
  REQUIRE(p[0] == Approx(0.9));
  REQUIRE(p[1] == Approx(0.05));
  REQUIRE(p[2] == Approx(0.05));
  REQUIRE(p[3] == 0.0);  // no probe symbol
  REQUIRE(p[4] == 0.0);  // masked
  policy.set_state(0.05, KillState::tighten);
  policy.probabilities({}, mask, p, workspace);
  REQUIRE(p[1] == Approx(0.03875 / 2));
  policy.set_state(0.05, KillState::reduce_only);
  const std::vector<std::uint8_t> no_hold = {0, 1, 1, 1, 1};
  policy.probabilities({}, no_hold, p, workspace);
  REQUIRE(p == std::vector<double>{0, 0, 1, 0, 0});  // the only reducing one
  const std::vector<std::uint8_t> risky = {0, 1, 0, 1, 1};
  REQUIRE_THROWS_AS(policy.probabilities({}, risky, p, workspace), rlx::NumericError);
  policy.set_state(0, KillState::normal);
  const std::vector<std::uint8_t> no_probe = {1, 0, 0, 1, 0};
  policy.probabilities({}, no_probe, p, workspace);
  REQUIRE(p[0] == 1.0);
  const std::vector<std::string> unknown = {"SOL"};
  REQUIRE_THROWS_AS(rlx::ExplorationActions::of(symbols, unknown, {1, 0, 1, 0, 0}), rlx::ConfigError);
  REQUIRE_THROWS_AS(rlx::ExplorationActions::of(symbols, probes, {1}), rlx::ConfigError);
}

TEST_CASE("copy_parameters: takes the actor and leaves the critic", "[offline]") {
  rlx::ActionNetwork<float> from(graph(), 1), to(graph(), 2);
  const auto copy_of = [](const rlx::ActionNetwork<float>& network) {
    const auto p = network.store().parameters();
    return std::vector<float>(p.begin(), p.end());
  };
  const std::vector<float> before = copy_of(to);
  REQUIRE(rlx::copy_parameters(from.store(), to.store()) == 4);  // two layers, weight and bias
  for (const auto& tensor : to.store().layout()) {
    for (std::size_t i = tensor.offset; i < tensor.offset + tensor.size; ++i) {
      REQUIRE(to.store().parameters()[i] == (tensor.group == "actor" ? from.store().parameters()[i] : before[i]));
    }
  }
  rlx::ActionNetwork<float> other(rlx::nn::mlp_actor_critic({.observation = 2, .action = 3, .pi = {5}, .vf = {4}}), 1);
  REQUIRE_THROWS_AS(rlx::copy_parameters(other.store(), to.store()), rlx::ShapeError);
  REQUIRE_THROWS_AS(rlx::copy_parameters(from.store(), to.store(), "none"), rlx::ShapeError);
}

TEST_CASE("OfflineToOnline: the share of the log and alpha fall linearly", "[offline]") {
  const rlx::OfflineDataset log = rlx_test::random_log({});
  rlx::ThreadPool threads(1);
  rlx::DiscreteCql cql({.alpha = 0.9}, rlx::ActionNetwork<float>(graph()), log, threads);
  rlx::OfflineToOnline tuning({.anneal_steps = 10, .batch_size = 20, .replay_capacity = 3}, cql, log);
  REQUIRE(tuning.offline_fraction() == 1.0);  // nothing else yet
  REQUIRE(tuning.alpha() == Approx(0.9));
  const std::vector<float> marked = {1e3F, 1e3F};
  for (int i = 0; i < 5; ++i) tuning.add({.observation = marked, .action = 1, .reward = 7, .truncated = true}, marked);
  REQUIRE(tuning.size() == 3);
  REQUIRE(tuning.offline_fraction() == Approx(0.5));
  const auto online_rows = [&] {
    std::size_t count = 0;
    const auto batch = tuning.draw();
    for (const float reward : batch.rewards) count += reward == 7.0F ? 1 : 0;
    return count;
  };
  REQUIRE(online_rows() == 10);
  const auto batch = tuning.draw();
  REQUIRE(batch.discounts[19] == Approx(0.9));  // truncated rows bootstrap
  for (int i = 0; i < 5; ++i) tuning.update();
  REQUIRE(cql.alpha() == Approx(0.9 - 0.8 * 0.4));  // of the fifth update
  REQUIRE(tuning.offline_fraction() == Approx(0.3));
  REQUIRE(online_rows() == 14);
  for (int i = 0; i < 20; ++i) tuning.update();
  REQUIRE(cql.alpha() == Approx(0.1));
  REQUIRE(online_rows() == 18);
}

TEST_CASE("OfflineToOnline: the actor stays as it is while the critic warms up", "[offline]") {
  const rlx::OfflineDataset log = rlx_test::random_log({});
  rlx::ThreadPool threads(1);
  rlx::DiscreteIql iql({}, rlx::ActionNetwork<float>(graph(), 1), rlx::ActionNetwork<float>(graph(), 2), log, threads);
  rlx::OfflineToOnline tuning({.critic_warmup = 3, .learning_rate = 0.01, .batch_size = 16}, iql, log);
  const auto actor = [&] {
    std::vector<float> values;
    const auto& store = iql.policy_network().store();
    for (const auto& tensor : store.layout()) {
      if (tensor.group != "actor") continue;
      const auto p = std::as_const(store).parameters().subspan(tensor.offset, tensor.size);
      values.insert(values.end(), p.begin(), p.end());
    }
    return values;
  };
  const std::vector<float> before = actor();
  for (int i = 0; i < 3; ++i) tuning.update();
  REQUIRE(actor() == before);
  REQUIRE_FALSE(tuning.actor_frozen());
  tuning.update();
  REQUIRE(actor() != before);
}

TEST_CASE("OfflineToOnline: bad rows and settings are refused", "[offline]") {
  const rlx::OfflineDataset log = rlx_test::random_log({});
  rlx::ThreadPool threads(1);
  rlx::DiscreteCql cql({}, rlx::ActionNetwork<float>(graph()), log, threads);
  using Tuning = rlx::OfflineToOnline<decltype(cql)>;
  Tuning tuning({}, cql, log);
  const std::vector<float> row = {0, 0}, longer = {0, 0, 0}, bad = {0, std::numeric_limits<float>::infinity()};
  const std::vector<std::uint8_t> mask = {1, 0, 1}, none = {0, 0, 0};
  REQUIRE_THROWS_AS(tuning.add({.observation = longer}, row), rlx::ShapeError);
  REQUIRE_THROWS_AS(tuning.add({.observation = row, .mask = mask, .action = 1}, row), rlx::DataError);
  REQUIRE_THROWS_AS(tuning.add({.observation = row, .action = 3}, row), rlx::DataError);
  REQUIRE_THROWS_AS(tuning.add({.observation = row}, bad), rlx::DataError);
  REQUIRE_THROWS_AS(tuning.add({.observation = row}, row, none), rlx::DataError);
  REQUIRE_NOTHROW(tuning.add({.observation = row, .terminated = true}, row, none));
  REQUIRE(tuning.size() == 1);
  REQUIRE_THROWS_AS(Tuning({.offline_fraction = 1.5}, cql, log), rlx::ConfigError);
  REQUIRE_THROWS_AS(Tuning({.offline_fraction_end = 0.6}, cql, log), rlx::ConfigError);
  REQUIRE_THROWS_AS(Tuning({.anneal_steps = 0}, cql, log), rlx::ConfigError);
  REQUIRE_THROWS_AS(Tuning({.learning_rate = 0}, cql, log), rlx::ConfigError);
}
