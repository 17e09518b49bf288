// SPDX-License-Identifier: MIT
#include <rlx/rl/evaluation.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <rlx/env/classic/cart_pole.hpp>
#include <rlx/env/testing.hpp>
#include <rlx/nn/initialization.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/rl/inference_policy.hpp>

#include "rlx_catch.hpp"

using namespace rlx_test;

namespace {

/// Draws a valid action when it may, else takes the first valid one.
struct Simple {
  struct Workspace {};
  Workspace make_workspace() const { return {}; }
  void act(std::span<const float>, std::span<const std::uint8_t> mask, std::span<std::int32_t> action, Workspace&,
           rlx::ActOptions options) const {
    std::vector<std::int32_t> valid;
    for (std::size_t i = 0; i < mask.size(); ++i) {
      if (mask[i] != 0) valid.push_back(static_cast<std::int32_t>(i));
    }
    if (mask.empty()) valid = {0, 1};
    action[0] = options.deterministic ? valid[0] : valid[options.random->bounded(valid.size())];
  }
};

/// Ends in the step that its source says; reports it as a metric.
struct Sourced {
  using ActionScalar = std::int32_t;
  struct Info {};
  rlx::Box box = rlx::Box::uniform(1, 0.0F, 1.0F);
  rlx::Discrete actions{2};
  Info none;
  std::size_t source = 0, steps = 0;
  const rlx::Box& observation_space() const { return box; }
  const rlx::Discrete& action_space() const { return actions; }
  const Info& info() const { return none; }
  std::size_t num_sources() const { return 3; }
  void set_source(std::size_t s) { source = s; }
  static std::vector<std::string_view> metric_names() { return {"source"}; }
  void metrics(std::span<double> out) const { out[0] = static_cast<double>(source); }
  void reset(std::uint64_t, std::span<float> row) {
    row[0] = 0;
    steps = 0;
  }
  rlx::Transition step(std::span<const std::int32_t>, std::span<float> row) {
    row[0] = 1;
    return {1.0, ++steps == source + 1, false};
  }
};

/// A new network as a policy, its outputs spread out; `layout` needs the distribution and what belongs to it.
rlx::InferencePolicy untrained(const rlx::nn::MlpSpec& network, rlx::PolicyLayout layout) {
  const rlx::nn::GraphSpec spec = rlx::nn::mlp_actor_critic(network);
  rlx::nn::ParameterStore<float> store;
  if (!layout.low.empty()) store.add("log_std", {layout.low.size()}, "actor");
  rlx::nn::Graph<float>::build(spec, store);
  rlx::nn::initialize(store, spec, rlx::nn::Initialization::torch_like, 3);
  for (float& x : store.parameters()) x *= 3.0F;
  layout.observation_size = network.observation;
  layout.num_actions = network.action;
  return {spec, store, std::move(layout), nullptr};
}

/// Counts how often an episode is announced, and what is remembered when it is.
struct Remembering {
  struct Workspace {
    int episodes = 0, steps = 0;
    void begin_episode() {
      ++episodes;
      steps = 0;
    }
  };
  Workspace make_workspace() const { return {}; }
  /// The number of the step within the episode.
  void act(std::span<const float>, std::span<const std::uint8_t>, std::span<std::int32_t> action, Workspace& w,
           rlx::ActOptions) const {
    action[0] = w.episodes == 0 ? 9 : w.steps++;
  }
};

/// One after another, in 5 copies, and in 5 copies on 3 threads.
template <class P, class Make>
void require_equal_for_all_copies(const P& policy, Make&& make) {
  rlx::ThreadPool pool(3);
  for (const bool deterministic : {true, false}) {
    rlx::EvaluationConfig config{.n_eval_episodes = 12, .deterministic = deterministic, .seed = 4};
    const auto one = rlx::evaluate_policy(policy, make, config);
    config.num_envs = 5;
    const auto five = rlx::evaluate_policy(policy, make, config);
    config.pool = &pool;
    const auto threaded = rlx::evaluate_policy(policy, make, config);
    REQUIRE(one.returns() == five.returns());
    REQUIRE(one.returns() == threaded.returns());
    for (std::size_t i = 0; i < 12; ++i) {
      REQUIRE(one.episodes[i].seed == five.episodes[i].seed);
      REQUIRE(one.episodes[i].length == five.episodes[i].length);
      REQUIRE(one.episodes[i].terminated == five.episodes[i].terminated);
    }
  }
}

}  // namespace

TEST_CASE("Episodes do not depend on the number of environments or threads", "[rl][evaluation]") {
  const auto make = [](std::size_t) { return rlx::InvalidActionEnv(9, 5, 13); };
  rlx::ThreadPool pool(3);
  for (const bool deterministic : {true, false}) {
    const auto one = rlx::evaluate_policy(Simple{}, make, {.n_eval_episodes = 12, .deterministic = deterministic, .seed = 4});
    const auto five =
        rlx::evaluate_policy(Simple{}, make, {.n_eval_episodes = 12, .deterministic = deterministic, .num_envs = 5, .seed = 4});
    const auto threaded = rlx::evaluate_policy(
        Simple{}, make, {.n_eval_episodes = 12, .deterministic = deterministic, .num_envs = 5, .seed = 4, .pool = &pool});
    REQUIRE(one.returns() == five.returns());
    REQUIRE(one.returns() == threaded.returns());
    for (std::size_t i = 0; i < 12; ++i) {
      REQUIRE(one.episodes[i].seed == rlx::RandomStream({4, rlx::Purpose::evaluation_reset, 0, i}).next_u64());
      REQUIRE(one.episodes[i].episode == i);
      REQUIRE(one.episodes[i].length == 13);
      REQUIRE(one.episodes[i].truncated);
      REQUIRE(five.episodes[i].env == i % 5);
    }
    REQUIRE_THAT(one.mean_length, WithinAbs(13.0, 1e-12));
    double sum = 0;
    for (const double r : one.returns()) sum += r;
    REQUIRE_THAT(one.mean_reward, WithinAbs(sum / 12, 1e-12));
    REQUIRE(one.interval.low <= one.mean_reward);
    REQUIRE(one.interval.high >= one.mean_reward);
  }
}

TEST_CASE("Short episodes are not favoured, sources take turns, metrics are averaged", "[rl][evaluation]") {
  const auto result =
      rlx::evaluate_policy(Simple{}, [](std::size_t) { return Sourced(); }, {.n_eval_episodes = 9, .num_envs = 3});
  REQUIRE(result.returns() == std::vector<double>{1, 2, 3, 1, 2, 3, 1, 2, 3});
  REQUIRE_THAT(result.mean_reward, WithinAbs(2.0, 1e-12));
  REQUIRE_THAT(result.std_reward, WithinAbs(std::sqrt(2.0 / 3.0), 1e-12));
  REQUIRE(result.metrics.size() == 1);
  REQUIRE(result.metrics[0].name == "source");
  REQUIRE_THAT(result.metrics[0].mean, WithinAbs(1.0, 1e-12));
}

TEST_CASE("Both kinds of policy on the same episodes", "[rl][evaluation]") {
  const auto make = [](std::size_t) { return rlx::InvalidActionEnv(9, 5, 13); };
  const auto both = rlx::evaluate_both(Simple{}, make, {.n_eval_episodes = 8, .seed = 2});
  double difference = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    REQUIRE(both.deterministic.episodes[i].seed == both.sampled.episodes[i].seed);
    difference += both.deterministic.episodes[i].episode_return - both.sampled.episodes[i].episode_return;
  }
  REQUIRE_THAT(both.mean_difference, WithinAbs(difference / 8, 1e-12));
}

TEST_CASE("Evaluations that cannot work are refused", "[rl][evaluation][errors]") {
  const auto make = [](std::size_t) { return rlx::CartPole(); };
  REQUIRE_THROWS_AS(rlx::evaluate_policy(Simple{}, make, {.n_eval_episodes = 0}), rlx::ConfigError);
  REQUIRE_THROWS_AS(rlx::evaluate_policy(Simple{}, make, {.num_envs = 0}), rlx::ConfigError);
  REQUIRE_THROWS_AS(rlx::evaluate_policy(Simple{}, [](std::size_t) { return rlx::RingEnv(4); },
                                         {.n_eval_episodes = 1, .max_episode_steps = 50}),
                    rlx::EnvironmentError);
}

TEST_CASE("Errors of an evaluation name the copy, the episode and the step", "[rl][evaluation][errors]") {
  /// Episodes of 3 steps; something is wrong in episode 5, which the second of two copies plays as its third.
  struct Faulty : Sourced {
    enum class Fault { observation, last_observation, reward, mask, exception, exception_at_reset, sources, none };
    Fault fault = Fault::none;
    int episode = -1;
    Faulty(Fault f) : fault(f) {}
    bool at(Fault f, std::size_t step) const { return fault == f && episode == 2 && steps == step; }
    std::size_t num_sources() const { return fault == Fault::sources ? 0 : 3; }
    static std::vector<std::string_view> observation_names() { return {"spread_bps"}; }
    static std::vector<std::string_view> action_names() { return {"a", "b"}; }
    void reset(std::uint64_t, std::span<float> row) {
      row[0] = 0;
      steps = 0;
      ++episode;
      if (at(Fault::exception_at_reset, 0)) throw std::out_of_range("no tape");
    }
    rlx::Transition step(std::span<const std::int32_t>, std::span<float> row) {
      ++steps;
      if (at(Fault::exception, 2)) throw std::runtime_error("the tape ended");
      row[0] = at(Fault::observation, 2) || at(Fault::last_observation, 3) ? std::nanf("") : 1.0F;
      return {at(Fault::reward, 2) ? -HUGE_VAL : 1.0, false, steps == 3};
    }
    void action_masks(std::span<std::uint8_t> row) const {
      std::fill(row.begin(), row.end(), std::uint8_t{at(Fault::mask, 2) ? std::uint8_t{0} : std::uint8_t{1}});
    }
  };
  using Fault = Faulty::Fault;
  const auto evaluate = [](Fault fault, rlx::ThreadPool* pool) {
    return rlx::evaluate_policy(Simple{}, [fault](std::size_t copy) { return Faulty(copy == 1 ? fault : Fault::none); },
                                {.n_eval_episodes = 7, .num_envs = 2, .pool = pool});
  };
  rlx::ThreadPool two(2);
  for (rlx::ThreadPool* const pool : {static_cast<rlx::ThreadPool*>(nullptr), &two}) {
    REQUIRE(evaluate(Fault::none, pool).returns() == std::vector<double>(7, 3.0));
    const auto numeric = [&](Fault fault, const std::string& text, const std::string& tensor, std::uint64_t step) {
      try {
        evaluate(fault, pool);
        FAIL("expected NumericError");
      } catch (const rlx::NumericError& error) {
        REQUIRE_THAT(error.what(), ContainsSubstring(text));
        REQUIRE(error.tensor() == tensor);
        REQUIRE(error.env() == std::size_t{1});
        REQUIRE(error.step() == step);
      }
    };
    const std::string name = "observation[0] (spread_bps)";
    numeric(Fault::observation, name + " of environment 1, evaluation episode 5, step 2 is nan", name, 2);
    numeric(Fault::last_observation, name + " of environment 1, evaluation episode 5, step 3 is nan", name, 3);
    numeric(Fault::reward, "reward of environment 1, evaluation episode 5, step 2 is -inf", "reward", 2);
    const auto environment = [&](Fault fault, const std::string& text, std::uint64_t step) {
      try {
        evaluate(fault, pool);
        FAIL("expected EnvironmentError");
      } catch (const rlx::EnvironmentError& error) {
        REQUIRE_THAT(error.what(), ContainsSubstring(text));
        REQUIRE(error.env() == std::size_t{1});
        REQUIRE(error.step() == step);
        if (fault == Fault::exception) REQUIRE_THROWS_AS(std::rethrow_if_nested(error), std::runtime_error);
      }
    };
    environment(Fault::mask, "evaluation episode 5, step 2: no action of component 0 (2 choices) is valid", 2);
    environment(Fault::exception, "environment 1, evaluation episode 5, step 2: step threw: the tape ended", 2);
    environment(Fault::exception_at_reset, "evaluation episode 5, step 0: reset threw: no tape", 0);
    environment(Fault::sources, "evaluation episode 1, step 0: reset threw: the environment has no source", 0);
  }
}

TEST_CASE("A policy with memory plays the same episodes in 1 and in 5 environments", "[rl][evaluation][recurrent]") {
  rlx::PolicyLayout layout;
  layout.mask_required = true;
  require_equal_for_all_copies(untrained({.observation = 7, .action = 7, .pi = {8}, .vf = {8}, .lstm = 8}, layout),
                               [](std::size_t) { return rlx::InvalidActionEnv(7, 4, 13); });
  require_equal_for_all_copies(untrained({.observation = 2, .action = 2, .pi = {8}, .vf = {8}, .lstm = 8}, {}),
                               [](std::size_t) { return rlx::CartPoleWithoutVelocities(); });
}

TEST_CASE("The memory of an episode begins and ends with it", "[rl][evaluation][recurrent]") {
  // CountEnv pays the action: 0 + 1 + ... + 4 per episode, whatever came before in that copy.
  for (const std::size_t num_envs : {1U, 3U}) {
    const auto result = rlx::evaluate_policy(Remembering{}, [](std::size_t) { return rlx::CountEnv(5); },
                                             {.n_eval_episodes = 7, .num_envs = num_envs});
    REQUIRE(result.returns() == std::vector<double>(7, 10.0));
  }
}

TEST_CASE("Box, Simplex and MultiDiscrete policies play the same episodes in 1 and in 5 environments", "[rl][evaluation]") {
  rlx::PolicyLayout box;
  box.distribution = "gaussian";
  box.low = {-1.0F};
  box.high = {1.0F};
  require_equal_for_all_copies(untrained({.observation = 1, .action = 1, .pi = {8}, .vf = {8}}, box),
                               [](std::size_t) { return rlx::IdentityBoxEnv(0.3, 13); });
  box.distribution = "tanh_gaussian";
  require_equal_for_all_copies(untrained({.observation = 1, .action = 1, .pi = {8}, .vf = {8}, .lstm = 4}, box),
                               [](std::size_t) { return rlx::IdentityBoxEnv(0.3, 13); });
  rlx::PolicyLayout simplex;
  simplex.distribution = "dirichlet";
  simplex.mask_required = true;
  require_equal_for_all_copies(untrained({.observation = 10, .action = 5, .pi = {8}, .vf = {8}}, simplex),
                               [](std::size_t) { return rlx::SimplexBanditEnv(5, 2, 13); });
  rlx::PolicyLayout choices;
  choices.distribution = "multi_categorical";
  choices.nvec = {3, 4};
  require_equal_for_all_copies(untrained({.observation = 7, .action = 7, .pi = {8}, .vf = {8}}, choices), [](std::size_t) {
    return rlx::IdentityMultiDiscreteEnv({3, 4}, 13);
  });
}
