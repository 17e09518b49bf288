// SPDX-License-Identifier: MIT
// PPO with an lstm in the network.
#include <rlx/rl/ppo.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <rlx/nn/categorical.hpp>
#include <rlx/rl/evaluation.hpp>

#include "rl/training_run.hpp"
#include "rlx_catch.hpp"

using namespace rlx_test;

namespace {

using Ppo = rlx::Ppo<SourcedMaskedEnv>;
using Run = TrainingRun<Ppo, SourcedMaskedEnv>;

constexpr std::size_t num_envs = 16;

rlx::PpoConfig small_config() {
  rlx::PpoConfig config;
  config.n_steps = 8;
  config.batch_size = 40;  // 5 sequences; the last minibatch has 1
  config.n_epochs = 3;
  config.gamma = 0.4;
  config.learning_rate = rlx::nn::Schedule::linear(5e-3, 0.0);
  config.ent_coef = 0.01;
  config.gradient_shards = 3;
  config.normalize_observation = true;
  config.normalize_reward = true;
  config.seed = 5;
  return config;
}

SourcedMaskedEnv make_env(std::size_t) { return SourcedMaskedEnv(); }

std::unique_ptr<Run> make_run(const rlx::PpoConfig& config, const rlx::nn::GraphSpec& graph, std::size_t threads = 1,
                              std::size_t n = num_envs) {
  auto run = std::make_unique<Run>(config, graph, make_env, threads, n);
  run->envs.set_sampler(EarningsSampler{});
  return run;
}
auto maker(const rlx::PpoConfig& config, const rlx::nn::GraphSpec& graph) {
  return [=](std::size_t threads) { return make_run(config, graph, threads); };
}

/// Makes the outputs depend on what the lstm remembers.
void strengthen(rlx::nn::ParameterStore<float>& store) {
  for (float& x : store.parameters()) x *= 2.0F;
  rlx_test::strengthen(store, 7, 50.0F);
}

double of(float x) { return static_cast<double>(x); }

}  // namespace

TEST_CASE("LSTM: the bytes do not depend on the number of threads", "[rl][recurrent]") {
  require_equal_for_all_threads(maker(small_config(), lstm_of_seven()));
  rlx::PpoConfig config = small_config();
  config.normalize_reward = false;
  config.normalize_value = true;
  require_equal_for_all_threads(maker(config, lstm_of_seven()));
}

TEST_CASE("Slot networks: the bytes do not depend on the number of threads", "[rl][ppo]") {
  require_equal_for_all_threads(maker(small_config(), slots_of_seven()));
}

TEST_CASE("LSTM: saving in mid-episode, loading and learning on equals learning without interruption",
          "[rl][recurrent][resume]") {
  require_exact_resume("lstm", maker(small_config(), lstm_of_seven()));
  require_exact_resume(
      "lstm_shared",
      maker(small_config(), rlx::nn::mlp_actor_critic(
                                {.observation = 7, .action = 7, .pi = {8}, .vf = {8}, .share_features = true, .lstm = 8})));
}

TEST_CASE("LSTM: callbacks, logs, evaluation and saving change nothing", "[rl][recurrent]") {
  require_unwatched_bytes(maker(small_config(), lstm_of_seven()), make_env);
}

TEST_CASE("LSTM: checkpoints of other networks and damaged ones are refused", "[rl][recurrent][resume]") {
  const ScratchFile file("lstm_other");
  rlx::PpoConfig config = small_config();
  config.normalize_observation = config.normalize_reward = false;
  const rlx::nn::GraphSpec tiny =
      rlx::nn::mlp_actor_critic({.observation = 7, .action = 7, .pi = {}, .vf = {}, .share_features = true, .lstm = 2});
  const rlx::nn::GraphSpec plain =
      rlx::nn::mlp_actor_critic({.observation = 7, .action = 7, .pi = {2}, .vf = {2}, .share_features = true});
  config.batch_size = 8;
  config.gradient_shards = 1;
  const auto recurrent = make_run(config, tiny, 1, 2);
  const auto other = make_run(config, plain, 1, 2);
  other->learner.learn(other->rollout());
  recurrent->learner.learn(3 * recurrent->rollout());

  recurrent->learner.save(file.path);
  require_refused(other->learner, file.path, "graph_sha256: saved");
  require_refused(other->learner, file.path, "policy/", {.allow = {"graph_sha256"}});
  other->learner.save(file.path);
  require_refused(recurrent->learner, file.path, "graph_sha256: saved");
  require_refused(recurrent->learner, file.path, "policy/", {.allow = {"graph_sha256"}});

  config.learning_rate = 1e-3;
  const auto changed = make_run(config, tiny, 1, 2);
  recurrent->learner.save(file.path);
  require_refused(changed->learner, file.path, "learning_rate: saved");

  const std::vector<char> bytes = file.bytes();
  const std::string before = recurrent->learner.state_hash();
  const std::size_t stride = std::max<std::size_t>(1, bytes.size() / 500);
  for (std::size_t i = 0; i < bytes.size(); i += stride) {
    std::vector<char> copy = bytes;
    copy[i] = static_cast<char>(copy[i] ^ (1 << (i % 8)));
    file.write(copy);
    REQUIRE_THROWS_AS(recurrent->learner.load(file.path), rlx::CheckpointError);
    REQUIRE(recurrent->learner.state_hash() == before);
  }
  file.write(bytes);
  recurrent->learner.load(file.path);
  REQUIRE(recurrent->learner.state_hash() == before);
}

TEST_CASE("LSTM: the update computes the log-probabilities of the rollout again", "[rl][recurrent]") {
  struct Compare final : rlx::Callback {
    double largest = 0.0;  ///< of |ratio - 1| and the difference of values
    std::size_t starts = 0;
    bool on_rollout_end(rlx::Learner& learner) override {
      const auto& ppo = dynamic_cast<const Ppo&>(learner);
      const auto& rollout = ppo.rollout();
      const std::size_t rows = rollout.rows();
      auto workspace = ppo.graph().make_workspace(rows);
      std::vector<float> state = rollout.initial_state;
      const std::size_t size = ppo.graph().state_size();
      ppo.graph().forward(ppo.parameters().parameters(), {rollout.observations.data(), rows, 7}, workspace,
                          {.sequences = num_envs,
                           .state = {state.data(), num_envs, size},
                           .starts = std::span(rollout.episode_starts).first(rows),
                           .next_state = {}});
      for (std::size_t row = 0; row < rows; ++row) {
        const auto again = rlx::nn::categorical::evaluate(workspace.output("action").row(row), rollout.mask(row),
                                                          static_cast<std::size_t>(rollout.action(row)[0]));
        largest = std::max(largest, std::abs(std::exp(of(again.log_prob) - of(rollout.log_probs[row])) - 1.0));
        largest = std::max(largest, std::abs(of(workspace.output("value")(row, 0)) - of(rollout.values[row])));
        starts += rollout.episode_starts[row];
      }
      return true;
    }
  } compare;
  rlx::PpoConfig config = small_config();
  config.normalize_observation = false;
  const auto run = make_run(config, lstm_of_seven(), 2);
  strengthen(run->learner.parameters());
  run->learner.learn(4 * run->rollout(), {.callbacks = {&compare}});
  REQUIRE(compare.largest <= 1e-5);
  REQUIRE(compare.starts > num_envs);

  // With a learning rate of 0, as in the last update, every minibatch is a first one.
  for (const bool scaled : {false, true}) {
    config.normalize_observation = scaled;
    const auto other = make_run(config, lstm_of_seven(), 2);
    strengthen(other->learner.parameters());
    other->learner.learn(4 * other->rollout());
    REQUIRE(other->learner.last_update().learning_rate == 0.0);
    REQUIRE(other->learner.last_update().minibatches == 3 * 4);
    REQUIRE(other->learner.last_update().clip_fraction == 0.0);
    REQUIRE(std::abs(other->learner.last_update().approx_kl_k1) <= 1e-6);
    REQUIRE(other->learner.last_update().approx_kl <= 1e-9);
  }
}

TEST_CASE("LSTM: every episode begins with an empty memory and is valued with its own",
          "[rl][recurrent][detail_L2][detail_L3]") {
  rlx::PpoConfig config = small_config();
  config.learning_rate = 0.0;  // one policy for all rollouts
  config.normalize_observation = config.normalize_reward = false;
  Run run(config, lstm_of_seven(), make_env, 2, num_envs);
  strengthen(run.learner.parameters());
  const rlx::InferencePolicy policy = run.learner.policy();

  /// Replays every environment by hand beside the rollouts.
  struct Replay final : rlx::Callback {
    struct Copy {
      explicit Copy(const rlx::InferencePolicy& p) : values(p.make_workspace()), probabilities(p.make_workspace()) {}
      SourcedMaskedEnv env;
      std::uint64_t episode = 0;
      bool running = false;
      rlx::InferencePolicy::Workspace values, probabilities;
      std::vector<float> row = std::vector<float>(7);
      std::vector<std::uint8_t> mask = std::vector<std::uint8_t>(7);
    };
    explicit Replay(const rlx::InferencePolicy& p) : policy(p), copies(num_envs, Copy(p)) {}
    const rlx::InferencePolicy& policy;
    std::vector<Copy> copies;
    double largest = 0.0;
    std::size_t terminated = 0, truncated = 0;

    bool on_rollout_end(rlx::Learner& learner) override {
      const auto& rollout = dynamic_cast<const Ppo&>(learner).rollout();
      for (std::size_t n = 0; n < num_envs; ++n) replay(rollout, n, copies[n]);
      return true;
    }
    void replay(const rlx::Rollout<>& rollout, std::size_t n, Copy& c) {
      std::vector<float> p(7);
      std::int32_t ignored = 0;
      const auto compare = [&](float value, float expected) {
        largest = std::max(largest, std::abs(of(value) - of(expected)));
      };
      for (std::size_t t = 0; t < rollout.shape.n_steps; ++t) {
        const std::size_t row = t * num_envs + n;
        if (!c.running) {
          c.env.reset(rlx::episode_seed(3, static_cast<std::uint32_t>(n), c.episode++), c.row);
          c.values.begin_episode();
          c.probabilities.begin_episode();
          c.running = true;
        }
        c.env.action_masks(c.mask);
        REQUIRE(std::equal(c.row.begin(), c.row.end(), rollout.observation(row).begin()));
        compare(policy.act(c.row, c.mask, {&ignored, 1}, c.values).value, rollout.values[row]);
        policy.probabilities(c.row, c.mask, p, c.probabilities);
        compare(std::log(p[static_cast<std::size_t>(rollout.action(row)[0])]), rollout.log_probs[row]);
        const rlx::Transition transition = c.env.step(rollout.action(row), c.row);
        REQUIRE(transition.terminated == (rollout.terminated[row] != 0));
        REQUIRE(transition.truncated == (rollout.truncated[row] != 0));
        if (transition.truncated && !transition.terminated) {
          ++truncated;
          c.env.action_masks(c.mask);
          compare(policy.act(c.row, c.mask, {&ignored, 1}, c.values).value, rollout.final_values[row]);
        }
        terminated += transition.terminated ? 1U : 0U;
        c.running = !transition.terminated && !transition.truncated;
      }
      if (!c.running) return;  // the first observation of the next episode is checked where it is acted on
      auto ahead = c.values;
      c.env.action_masks(c.mask);
      compare(policy.act(c.row, c.mask, {&ignored, 1}, ahead).value, rollout.last_values[n]);
    }
  } replay(policy);
  run.learner.learn(5 * run.rollout(), {.callbacks = {&replay}});
  REQUIRE(replay.largest <= 1e-5);
  REQUIRE(replay.terminated > 20);
  REQUIRE(replay.truncated > 10);

  // The memory matters: with an empty one in every step the values are others.
  const auto& rollout = run.learner.rollout();
  double difference = 0.0;
  auto workspace = policy.make_workspace();
  std::int32_t ignored = 0;
  for (std::size_t row = 0; row < rollout.rows(); ++row) {
    workspace.begin_episode();
    difference += std::abs(
        of(policy.act(rollout.observation(row), rollout.mask(row), {&ignored, 1}, workspace).value - rollout.values[row]));
  }
  REQUIRE(difference / static_cast<double>(rollout.rows()) > 0.01);
}

TEST_CASE("LSTM: a batch holds whole sequences", "[rl][recurrent][errors][detail_L4]") {
  rlx::PpoConfig config = small_config();
  config.batch_size = 20;
  try {
    make_run(config, lstm_of_seven());
    FAIL("expected ConfigError");
  } catch (const rlx::ConfigError& error) {
    REQUIRE_THAT(error.what(), ContainsSubstring("PpoConfig.batch_size = 20"));
    REQUIRE_THAT(error.what(), ContainsSubstring("it must be a multiple of n_steps = 8"));
  }
  make_run(config, mlp_of_seven());  // without an lstm it is fine
}

TEST_CASE("LSTM: predict has no episode to remember, so it is refused", "[rl][recurrent][errors]") {
  const auto run = make_run(small_config(), lstm_of_seven());
  const std::vector<float> observation(7, 0.5F);
  const std::vector<std::uint8_t> mask(7, 1);
  try {
    run->learner.predict(observation, mask);
    FAIL("expected ConfigError");
  } catch (const rlx::ConfigError& error) {
    REQUIRE_THAT(error.what(), ContainsSubstring("Ppo::predict: the network has recurrent state; use policy()"));
  }
}

TEST_CASE("LSTM: numbers that are not finite are named, and training can begin anew", "[rl][recurrent][errors]") {
  rlx::PpoConfig config = small_config();
  config.normalize_observation = false;
  SECTION("observation") {
    const auto run = make_run(config, lstm_of_seven(), 2);
    run->envs.environment(9).nan_observation_at = 1;
    require_numeric_error(run->learner, "observation[2]", 9, "observation[2] of environment 9, episode 0, step 1 is nan");
    run->envs.environment(9).nan_observation_at = 0;
    run->learner.learn(run->rollout());
  }
  SECTION("reward") {
    const auto run = make_run(config, lstm_of_seven(), 2);
    run->envs.environment(4).nan_reward_at = 1;
    require_numeric_error(run->learner, "reward", 4, "reward of environment 4, episode 0, step 1 is nan");
  }
  SECTION("observation that nobody looked at, so the outputs and the memory are broken too") {
    rlx::ThreadPool pool(2);
    rlx::VectorEnv envs({.num_envs = num_envs, .seed = 3, .check_finite = false}, pool, make_env);
    Ppo ppo(config, envs, lstm_of_seven(), pool);
    envs.environment(1).nan_observation_at = 1;
    require_numeric_error(ppo, "value", 1, "value[0] is not finite at environment 1, step 1;");
    envs.environment(1).nan_observation_at = 0;
    ppo.learn(128);  // with empty memories
    for (const float x : ppo.rollout().values) REQUIRE(rlx::is_finite(x));
  }
  SECTION("logits") {
    const auto run = make_run(config, lstm_of_seven(), 2);
    const rlx::nn::TensorInfo weight = run->learner.parameters().layout().front();
    REQUIRE(weight.group == "actor");
    run->learner.learn(run->rollout());
    float& broken = run->learner.parameters().parameters()[weight.offset];
    const float before = std::exchange(broken, nan_f);
    require_numeric_error(run->learner, "action", 0, "is not finite at environment 0, step 8;");
    broken = before;
    run->learner.learn(run->rollout());
  }
  SECTION("outputs in the update") {
    struct Break final : rlx::Callback {
      bool on_rollout_end(rlx::Learner& learner) override {
        dynamic_cast<Ppo&>(learner).parameters().parameters()[0] = nan_f;
        return true;
      }
    } callback;
    const auto run = make_run(config, lstm_of_seven(), 2);
    try {
      run->learner.learn(run->rollout(), {.callbacks = {&callback}});
      FAIL("expected NumericError");
    } catch (const rlx::NumericError& error) {
      REQUIRE(error.tensor() == "action");
      REQUIRE_THAT(error.what(), ContainsSubstring("is not finite at update 0, epoch 0, minibatch 0"));
    }
  }
  SECTION("gradient and loss") {
    for (const bool in_gradient : {true, false}) {
      rlx::ThreadPool pool(2);
      rlx::VectorEnv envs({.num_envs = num_envs, .seed = 3}, pool, make_env);
      rlx::Ppo ppo(config, envs, lstm_of_seven(), pool, NanCritic(in_gradient));
      require_numeric_error(ppo, in_gradient ? "critic.lstm0.input_weight" : "loss", std::nullopt,
                            "at update 0, epoch 0, minibatch 0");
    }
  }
}

TEST_CASE("LSTM: nothing is allocated between the second and the tenth iteration", "[rl][recurrent][allocation]") {
  require_no_allocation(*make_run(small_config(), lstm_of_seven(), 2));
}

TEST_CASE("LSTM: a trained policy evaluates alike in 1 and 5 environments, from its file too", "[rl][recurrent]") {
  const auto run = make_run(small_config(), lstm_of_seven());
  strengthen(run->learner.parameters());
  run->learner.learn(3 * run->rollout());
  const ScratchFile file("lstm_policy");
  run->learner.export_policy(file.path);
  const rlx::InferencePolicy policy = run->learner.policy(), loaded = rlx::InferencePolicy::load(file.path);
  rlx::ThreadPool pool(3);
  for (const bool deterministic : {true, false}) {
    rlx::EvaluationConfig config{.n_eval_episodes = 12, .deterministic = deterministic, .seed = 4};
    const auto one = rlx::evaluate_policy(policy, make_env, config);
    config.num_envs = 5;
    const auto five = rlx::evaluate_policy(loaded, make_env, config);
    config.pool = &pool;
    REQUIRE(one.returns() == five.returns());
    REQUIRE(one.returns() == rlx::evaluate_policy(policy, make_env, config).returns());
    for (std::size_t i = 0; i < 12; ++i) REQUIRE(one.episodes[i].length == five.episodes[i].length);
  }
}
