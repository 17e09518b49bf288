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

#include <rlx/core/thread_pool.hpp>
#include <rlx/core/clock.hpp>
#include <rlx/env/classic/premium_seller.hpp>
#include <rlx/env/space.hpp>
#include <rlx/env/testing.hpp>
#include <rlx/env/vector_env.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/rl/offline/behaviour_cloning.hpp>
#include <rlx/rl/offline/cql.hpp>
#include <rlx/rl/offline/iql.hpp>
#include <rlx/rl/offline/record_episodes.hpp>
#include <rlx/rl/ppo.hpp>

#include "rl/fake_learner.hpp"
#include "rl/offline/offline_support.hpp"

using rlx::risk::KillState;
using rlx_test::Approx;
using rlx_test::ContainsSubstring;

namespace {

/// Always the first valid action.
struct First {
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

rlx::nn::GraphSpec graph() { return rlx::nn::mlp_actor_critic({.observation = 2, .action = 3, .pi = {4}, .vf = {4}}); }

rlx::OpeResult result_of(double low, double behaviour, bool reliable) {
  rlx::OpeResult result;
  result.behaviour_value = behaviour;
  result.estimates.push_back({.method = rlx::OpeMethod::doubly_robust,
                              .available = true,
                              .value = {low + 1, low, low + 2},
                              .reliable = reliable,
                              .note = reliable ? "" : "few episodes"});
  return result;
}

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
  const First inner;
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

TEST_CASE("may_go_online: the lower bound must reach the value of the log", "[offline]") {
  REQUIRE(rlx::may_go_online(result_of(2, 2, true)).allowed);
  const auto below = rlx::may_go_online(result_of(1.5, 2, true));
  REQUIRE_FALSE(below.allowed);
  REQUIRE_THAT(below.reason, ContainsSubstring("1.5") && ContainsSubstring("2"));
  REQUIRE_FALSE(rlx::may_go_online(result_of(3, 2, false)).allowed);
  REQUIRE(rlx::may_go_online(result_of(3, 2, false)).reason == "few episodes");
  rlx::OpeResult bare = result_of(3, 2, true);
  bare.intervals = false;  // the ends are the estimate itself
  REQUIRE_FALSE(rlx::may_go_online(bare).allowed);
  REQUIRE_THAT(rlx::may_go_online(bare).reason, ContainsSubstring("no lower bound"));
  REQUIRE_THROWS_AS(rlx::may_go_online({}), rlx::ConfigError);
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

namespace {

/// Two rows of two actions, as KlReference reads them.
class RolloutLearner final : public rlx::Learner {
 public:
  struct Environments {
    rlx::Discrete space{2};
    const rlx::Discrete& action_space() const { return space; }
  };
  RolloutLearner() : rollout_({.n_steps = 2, .num_envs = 1, .observation_size = 1, .mask_width = 2}) {
    rollout_.masks.assign(rollout_.masks.size(), 1);
    rollout_.actions = {0, 1};
    rollout_.log_probs = {std::log(0.5F), std::log(0.5F)};
  }
  const rlx::Rollout<std::int32_t>& rollout() const { return rollout_; }
  const Environments& environments() const { return environments_; }

  std::uint64_t num_timesteps() const override { return 250; }
  std::uint64_t total_timesteps() const override { return 1'000; }
  std::uint64_t num_episodes() const override { return 0; }
  std::uint64_t n_updates() const override { return 0; }
  const rlx::UpdateMetrics& last_update() const override { return metrics_; }
  double mean_episode_return() const override { return 0; }
  double mean_episode_length() const override { return 0; }
  std::uint64_t wall_ms() const override { return 0; }
  double elapsed_seconds() const override { return 0; }
  double total_flops() const override { return 0; }
  rlx::InferencePolicy policy() const override { throw rlx::Error("no policy"); }
  void save(std::string_view) const override {}
  void export_policy(std::string_view, const rlx::PolicyInfo&) const override {}
  rlx::Logger* logger() const override { return nullptr; }

 private:
  rlx::Rollout<std::int32_t> rollout_;
  Environments environments_;
  rlx::UpdateMetrics metrics_;
};

struct NineOne {
  struct Workspace {};
  Workspace make_workspace() const { return {}; }
  void probabilities(std::span<const float>, std::span<const std::uint8_t>, std::span<double> out, Workspace&) const {
    out[0] = 0.9;
    out[1] = 0.1;
  }
};

}  // namespace

TEST_CASE("KlPenalty: loss and gradient of the sampled divergence", "[offline]") {
  RolloutLearner learner;
  const rlx::KlPenalty penalty;
  const rlx::KlPenalty held = penalty;  // as the learner's copy
  rlx::KlReference reference(learner, penalty, NineOne{}, {.coef = 0.4, .anneal_timesteps = 1'000});
  const std::vector<std::uint32_t> rows = {1, 0};
  std::vector<double> log_probs = {std::log(0.4), std::log(0.6)};
  const std::vector<double> old = {std::log(0.5), std::log(0.5)};
  std::vector<double> gradient(2, 0.0);
  const rlx::BasicMinibatchView<double> minibatch{.rows = rows,
                                                  .log_probs = log_probs,
                                                  .old_log_probs = old,
                                                  .entropies = {},
                                                  .advantages = {},
                                                  .critic_outputs = {},
                                                  .batch_rows = 2};
  const rlx::BasicLossGradient<double> out{.d_log_prob = gradient, .d_entropy = {}, .d_critic_outputs = {}};
  held.on_rollout({}, {});
  REQUIRE_THROWS_AS(held.loss(minibatch, out), rlx::ConfigError);  // the reference has not seen it
  REQUIRE(reference.on_rollout_end(learner));
  // coef 0.4 * 0.75 = 0.3; rows 1 and 0 have ln 0.1 and ln 0.9.
  const double expected = 0.15 * (0.8 * (std::log(0.4) - std::log(0.1)) + 1.2 * (std::log(0.6) - std::log(0.9)));
  REQUIRE(held.loss(minibatch, out) == Approx(expected).epsilon(1e-6));
  for (std::size_t i = 0; i < 2; ++i) {
    std::vector<double> ignored(2, 0.0);
    const rlx::BasicLossGradient<double> unused{.d_log_prob = ignored, .d_entropy = {}, .d_critic_outputs = {}};
    const double at = log_probs[i];
    log_probs[i] = at + 1e-5;
    const double up = held.loss(minibatch, unused);
    log_probs[i] = at - 1e-5;
    const double down = held.loss(minibatch, unused);
    log_probs[i] = at;
    REQUIRE(gradient[i] == Approx((up - down) / 2e-5).epsilon(1e-6));
  }
  rlx::Logger logger;
  held.record(logger);
  REQUIRE(logger.value("offline/kl_coef") == Approx(0.3));
  REQUIRE(logger.value("offline/kl") == Approx((std::log(0.5 / 0.9) + std::log(0.5 / 0.1)) / 2).epsilon(1e-6));
  rlx_test::FakeLearner other;
  REQUIRE_THROWS_AS(reference.on_rollout_end(other), rlx::ConfigError);
  REQUIRE_THROWS_AS(rlx::KlReference(learner, penalty, NineOne{}, {.coef = -1}), rlx::ConfigError);
}

TEST_CASE("KlReference: PPO stays near its offline policy as long as the penalty holds it", "[offline]") {
  // The state tells the right one of four actions; the reference has no idea of it.
  const auto train = [](double coef, std::uint64_t anneal) {
    rlx::ThreadPool threads(1);
    rlx::ManualClock clock;
    rlx::VectorEnv envs({.num_envs = 4, .seed = 1}, threads, [](std::size_t) { return rlx::IdentityEnv(4); });
    rlx::PpoConfig config;
    config.learning_rate = 5e-3;
    config.n_steps = 64;
    config.n_epochs = 4;
    config.gamma = 0.4;
    const rlx::KlPenalty penalty;
    rlx::Ppo ppo(config, envs, rlx::nn::mlp_actor_critic({.observation = 4, .action = 4, .pi = {16}, .vf = {16}}), threads,
                 rlx::ScalarCritic{}, penalty, clock);
    rlx::KlReference reference(ppo, penalty, rlx::UniformPolicy{}, {.coef = coef, .anneal_timesteps = anneal});
    ppo.learn(6'400, {.callbacks = {&reference}});
    return ppo.mean_episode_return();  // of 100 steps; 25 by chance
  };
  const double held = train(10.0, 1'000'000'000), untied = train(0.0, 1), released = train(10.0, 1'000);
  CAPTURE(held, untied, released);
  REQUIRE(held < 35);
  REQUIRE(untied > 60);
  REQUIRE(released > 50);
}

TEST_CASE("A clone of the behaviour policy gives the propensities that a log lacks", "[offline]") {
  rlx::PremiumSeller env({.loss_probability = 0.2, .episode_steps = 3});
  rlx::RecordOptions<rlx::PremiumSeller> options;
  options.episodes = 600;
  options.gamma = 1;
  const auto logged = rlx::record_episodes(env, rlx::UniformPolicy{}, options);
  const std::vector<double> none(logged.size(), std::numeric_limits<double>::quiet_NaN());
  const auto bare = logged.with_propensities(none, rlx::PropensitySource::logged);
  rlx::ThreadPool threads(1);
  rlx::BehaviourCloning cloning(
      {.epochs = 10, .training = {.learning_rate = 0.01}},
      rlx::ActionNetwork<float>(rlx::nn::mlp_actor_critic({.observation = 2, .action = 3, .pi = {8}})), bare, threads);
  cloning.fit();
  const auto estimated = rlx::estimate_propensities(bare, cloning.policy());
  double worst = 0;
  for (std::size_t row = 0; row < logged.size(); ++row) {
    worst = std::max(worst, std::abs(estimated.propensity(row) - logged.propensity(row)));
  }
  REQUIRE(worst < 0.1);
  rlx::OpeConfig config;
  config.methods = {rlx::OpeMethod::wis};
  config.replicates = 200;
  const First unhedged;
  const double with_logged = rlx::evaluate_off_policy(logged, unhedged, config)[rlx::OpeMethod::wis].value.estimate;
  config.propensities = rlx::PropensitySource::estimated;
  const rlx::OpeResult result = rlx::evaluate_off_policy(estimated, unhedged, config);
  REQUIRE(result.propensities == rlx::PropensitySource::estimated);
  REQUIRE(result[rlx::OpeMethod::wis].value.low < with_logged);
  REQUIRE(result[rlx::OpeMethod::wis].value.high > with_logged);
  REQUIRE(rlx::evaluate_off_policy(estimated, cloning.policy(), config)[rlx::OpeMethod::wis].value.estimate ==
          Approx(result.behaviour_value));  // the clone is the behaviour policy of its own estimate
}
