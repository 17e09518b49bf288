// SPDX-License-Identifier: MIT
#include <rlx/rl/distorted_advantage.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rl/training_run.hpp"
#include "rlx_catch.hpp"

using namespace rlx_test;
using rlx::DistortedAdvantage;
using rlx::QuantileCritic;
using rlx::risk::Distortion;

namespace {

/// The raw output whose softplus is x.
float raw(double x) { return static_cast<float>(std::log(std::expm1(x))); }

/// As many outputs as a quantile critic's, of which the first is trained as the value: what the scalar critic does.
struct FirstOfMany : rlx::ScalarCritic {
  std::size_t outputs() const { return 8; }
  double loss(const rlx::CriticBatch& batch, std::span<float> d) const {
    for (std::size_t i = 0; i < batch.outputs.rows(); ++i)
      d[i * 8] += 2 * (batch.outputs(i, 0) - batch.targets(i, 0)) / float(batch.batch_rows);
    return 0.0;
  }
};
struct EightAtoms : QuantileCritic {
  EightAtoms() : QuantileCritic({.atoms = 8}) {}
};
/// One type for every distortion, so that the learner is compiled once.
struct Chosen : DistortedAdvantage {
  Chosen() : DistortedAdvantage(distortion) {}
  static inline Distortion distortion = Distortion::wang(0.75);
};

using Env = SourcedMaskedEnv;
Env make_env(std::size_t) { return Env(); }
rlx::nn::GraphSpec graph() {
  return rlx::nn::mlp_actor_critic({.observation = 7, .action = 7, .pi = {24}, .vf = {24}, .value = 8});
}
rlx::PpoConfig config() {
  rlx::PpoConfig c;
  c.n_steps = 32;
  c.batch_size = 128;
  c.n_epochs = 2;
  c.normalize_reward = true;
  c.seed = 5;
  return c;
}
template <class C, class R>
using Run = TrainingRun<rlx::Ppo<Env, C, R>, Env>;

template <class C, class R>
std::vector<float> first_advantages() {
  Run<C, R> run(config(), graph(), make_env);
  run.learner.learn(run.rollout());
  return run.learner.rollout().advantages;
}
std::vector<float> first_advantages(const Distortion& distortion) {
  const Distortion before = std::exchange(Chosen::distortion, distortion);
  const std::vector<float> advantages = first_advantages<EightAtoms, Chosen>();
  Chosen::distortion = before;
  return advantages;
}

}  // namespace

TEST_CASE("The worked example of a distorted advantage", "[rl][distorted_advantage]") {
  // theta (-2, 0, 1, 3): mean 0.5, increments 2, 1, 2. CVaR 0.5: u = (0, 4, 5, 5).
  constexpr std::size_t k = 4;
  std::vector<float> outputs, targets;
  for (const float y : {-4.0F, 0.5F, 10.0F}) {
    outputs.insert(outputs.end(), {0.5F, raw(2), raw(1), raw(2)});
    targets.insert(targets.end(), k, y);
  }
  rlx::RolloutView view;
  view.n_steps = 3;
  view.num_envs = 1;
  view.critic_outputs = {outputs.data(), 3, k};
  view.targets = {targets.data(), 3, k};
  std::vector<float> advantages{7, 7, 7};
  DistortedAdvantage objective(Distortion::cvar(0.5));
  objective.on_rollout(view, advantages);
  REQUIRE_THAT(advantages[0], WithinAbs(-7.5, 1e-5));
  REQUIRE_THAT(advantages[1], WithinAbs(1.0, 1e-5));
  REQUIRE_THAT(advantages[2], WithinAbs(1.5, 1e-5));
  rlx::Logger logger;
  objective.record(logger);
  REQUIRE_THAT(logger.value("risk/distorted_value"), WithinAbs(-1.0, 1e-5));  // mean of the two lowest atoms
  REQUIRE_THAT(logger.value("risk/value"), WithinAbs(0.5, 1e-6));

  DistortedAdvantage neutral(Distortion::mean());
  std::vector<float> kept{1, 2, 3};
  neutral.on_rollout(view, kept);
  REQUIRE(kept == std::vector<float>{1, 2, 3});
  REQUIRE(objective.loss(rlx::MinibatchView{}, rlx::LossGradient{}) == 0.0);
  REQUIRE_THROWS_AS(objective.on_rollout(view, std::span<float>(kept).first(2)), rlx::ShapeError);
}

TEST_CASE("Without a distortion PPO has the advantages of the scalar critic, bit by bit", "[rl][distorted_advantage]") {
  const std::vector<float> scalar = first_advantages<FirstOfMany, rlx::ExpectedReturn>();
  REQUIRE(scalar == first_advantages(Distortion::mean()));
  REQUIRE(scalar != first_advantages(Distortion::wang(0.75)));
}

TEST_CASE("PPO with a quantile critic: the same bytes for any number of threads, exact resume, no allocation",
          "[rl][distorted_advantage]") {
  const auto make_run = [](std::size_t threads) {
    return std::make_unique<Run<EightAtoms, Chosen>>(config(), graph(), make_env, threads);
  };
  require_equal_for_all_threads(make_run);
  require_exact_resume("quantile_critic", make_run);
  require_no_allocation(*make_run(2));
}

TEST_CASE("A checkpoint of another distortion or another critic is refused", "[rl][distorted_advantage]") {
  std::vector<std::byte> bytes;
  rlx::StateWriter writer(bytes);
  DistortedAdvantage(Distortion::wang(0.75)).save_state(writer);
  EightAtoms().save_state(writer);
  rlx::StateReader same(bytes);
  DistortedAdvantage averse(Distortion::wang(0.75));
  averse.load_state(same);
  EightAtoms critic;
  critic.load_state(same);
  same.expect_end();
  rlx::StateReader other(bytes);
  DistortedAdvantage neutral(Distortion::mean());
  REQUIRE_THROWS_AS(neutral.load_state(other), rlx::CheckpointError);
  QuantileCritic absolute({.atoms = 8, .kappa_absolute = 0.1});
  REQUIRE_THROWS_AS(absolute.load_state(other), rlx::CheckpointError);
  // Two tails so small that G is 1 nearly everywhere; parts of a mixture in another share.
  const auto taken = [](const Distortion& saved, const Distortion& own) {
    std::vector<std::byte> state;
    rlx::StateWriter out(state);
    DistortedAdvantage(saved).save_state(out);
    rlx::StateReader in(state);
    try {
      DistortedAdvantage(own).load_state(in);
      return true;
    } catch (const rlx::CheckpointError&) {
      return false;
    }
  };
  REQUIRE(taken(Distortion::cvar(0.05), Distortion::cvar(0.05)));
  REQUIRE_FALSE(taken(Distortion::cvar(0.05), Distortion::cvar(0.01)));
  REQUIRE_FALSE(taken(Distortion::cvar(0.001), Distortion::cvar(0.002)));
  const auto half = [](double c) { return Distortion::mixture(c, Distortion::mean(), Distortion::cvar(0.05)); };
  REQUIRE(taken(half(0.5), half(0.5)));
  REQUIRE_FALSE(taken(half(0.5), half(0.25)));
}

TEST_CASE("A quantile critic refuses to be clipped or rescaled", "[rl][distorted_advantage]") {
  const auto refused = [](const rlx::PpoConfig& c, const std::string& part) {
    try {
      Run<EightAtoms, Chosen> run(c, graph(), make_env);
      FAIL("expected ConfigError with " + part);
    } catch (const rlx::ConfigError& error) {
      REQUIRE_THAT(error.what(), ContainsSubstring(part));
    }
  };
  rlx::PpoConfig clipped = config();
  clipped.clip_range_vf = 0.2;
  refused(clipped, "PpoConfig.clip_range_vf is set; a QuantileCritic cannot clip");
  rlx::PpoConfig rescaled = config();
  rescaled.normalize_reward = false;
  rescaled.normalize_value = true;
  refused(rescaled, "PpoConfig.normalize_value = true; the increments of a QuantileCritic cannot be rescaled exactly");
}
