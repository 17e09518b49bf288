// SPDX-License-Identifier: MIT
#include <rlx/rl/ppo.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <unistd.h>
#include <limits>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <rlx/env/classic/cart_pole.hpp>
#include <rlx/env/testing.hpp>
#include <rlx/io/mapped_file.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/rl/inference_policy.hpp>
#include <rlx/rl/log_outputs.hpp>
#include <rlx/rl/manifest_json.hpp>

#include "counting_allocator.hpp"
#include <rlx/core/finite.hpp>

#include "rlx_catch.hpp"

using namespace rlx_test;

namespace {

rlx::PpoConfig small_config() {
  rlx::PpoConfig config;
  config.n_steps = 24;
  config.batch_size = 64;
  config.n_epochs = 3;
  config.gamma = 0.4;
  config.learning_rate = 2e-3;
  config.ent_coef = 0.01;
  config.normalize_observation = true;
  config.normalize_reward = true;
  config.seed = 5;
  return config;
}

/// A masked environment with all learners' features on, and everything that must outlive it.
template <class E = rlx::InvalidActionEnv>
struct Run {
  explicit Run(rlx::PpoConfig config = small_config(), std::size_t threads = 1, std::size_t num_envs = 16,
               std::size_t width = 16)
      : pool(threads),
        envs({.num_envs = num_envs, .seed = 3}, pool, [](std::size_t) { return E(7, 4, 11); }),
        ppo(config, envs, rlx::nn::mlp_actor_critic({.observation = 7, .action = 7, .pi = {width, 16}, .vf = {16}}), pool) {}

  std::uint64_t rollout() const { return ppo.config().n_steps * envs.num_envs(); }

  rlx::ThreadPool pool;
  rlx::VectorEnv<E> envs;
  rlx::Ppo<E> ppo;
};

struct TemporaryFile {
  explicit TemporaryFile(const char* name)
      : path(std::string("/tmp/rlx_test_") + name + "_" + std::to_string(::getpid()) + ".safetensors") {}
  ~TemporaryFile() {
    std::remove(path.c_str());
    std::remove(rlx::description_path(path).c_str());
  }
  std::string path;
};

/// Cut after 6 steps; its observation is as large as a float may be at one of them.
struct Huge {
  using ActionScalar = std::int32_t;
  struct Info {};
  rlx::Box box = rlx::Box::uniform(2, -std::numeric_limits<float>::max(), std::numeric_limits<float>::max());
  rlx::Discrete actions{2};
  Info none;
  int huge_at = 6;
  int steps = 0;
  const rlx::Box& observation_space() const { return box; }
  const rlx::Discrete& action_space() const { return actions; }
  const Info& info() const { return none; }
  void reset(std::uint64_t, std::span<float> row) {
    row[0] = row[1] = 0.5F;
    steps = 0;
  }
  rlx::Transition step(std::span<const std::int32_t>, std::span<float> row) {
    row[0] = row[1] = ++steps == huge_at ? std::numeric_limits<float>::max() : 0.5F;
    return {1.0, false, steps == 6};
  }
};

/// Never ends; its fifth observation is nan.
struct Faulty {
  using ActionScalar = std::int32_t;
  struct Info {};
  rlx::Box box = rlx::Box::uniform(2, -1.0F, 1.0F);
  rlx::Discrete actions{2};
  Info none;
  int steps = 0;
  const rlx::Box& observation_space() const { return box; }
  const rlx::Discrete& action_space() const { return actions; }
  const Info& info() const { return none; }
  void reset(std::uint64_t, std::span<float> row) { row[0] = row[1] = 0.5F; }
  rlx::Transition step(std::span<const std::int32_t>, std::span<float> row) {
    row[0] = 0.25F;
    row[1] = ++steps == 5 ? std::numeric_limits<float>::quiet_NaN() : 0.5F;
    return {1.0, false, false};
  }
};

/// A critic whose derivative or loss is not a number.
struct BrokenCritic : rlx::ScalarCritic {
  explicit BrokenCritic(bool gradient) : in_gradient(gradient) {}
  bool in_gradient;
  double loss(const rlx::CriticBatch& batch, std::span<float> d) const {
    const double value = rlx::ScalarCritic::loss(batch, d);
    if (in_gradient) d[0] = std::numeric_limits<float>::quiet_NaN();
    return in_gradient ? value : std::numeric_limits<double>::quiet_NaN();
  }
};

}  // namespace

TEST_CASE("The bytes do not depend on the number of threads", "[rl][ppo][detail_C6]") {
  rlx::PpoConfig config = small_config();
  config.gradient_shards = 4;
  std::string expected;
  for (const std::size_t threads : {1U, 2U, 3U, 8U}) {
    Run run(config, threads, 32, 64);
    REQUIRE(run.ppo.graph().flops_per_row() * config.batch_size >= rlx::detail::little_work);  // else the pool gets none of it
    run.ppo.learn(5 * run.rollout());
    REQUIRE(run.ppo.n_updates() == 5);
    REQUIRE(run.ppo.last_update().minibatches == 3 * 12);
    if (expected.empty()) expected = run.ppo.state_hash();
    REQUIRE(run.ppo.state_hash() == expected);
  }
}

TEST_CASE("Saving, loading and learning on equals learning without interruption", "[rl][ppo][resume]") {
  rlx::PpoConfig config = small_config();
  config.learning_rate = rlx::nn::Schedule::linear(2e-3, 1e-4);
  config.ent_coef = rlx::nn::Schedule::linear(0.01, 0.001);
  const std::uint64_t rollout = 24 * 16;

  Run whole(config);
  whole.ppo.identity["data_sha256"] = "abc";
  whole.ppo.learn(7 * rollout);

  const TemporaryFile file("resume");
  struct StopAfter final : rlx::Callback {
    bool on_update_end(rlx::Learner& learner) override { return learner.n_updates() < 3; }
  } stop;
  {
    Run first(config, 2);
    first.ppo.identity["data_sha256"] = "abc";
    first.ppo.notes["chosen"] = "because";
    REQUIRE(first.ppo.learn(7 * rollout, {.callbacks = {&stop}}).stopped);
    first.ppo.best = rlx::BestScore{1.25, 100, 7};
    first.ppo.save(file.path);
  }
  Run second(config, 3);
  second.ppo.identity["data_sha256"] = "abc";
  second.ppo.load(file.path);
  REQUIRE(second.ppo.num_timesteps() == 3 * rollout);
  REQUIRE(second.ppo.best->score == 1.25);
  REQUIRE(second.ppo.notes["chosen"] == "because");
  second.ppo.learn(4 * rollout, {.reset_num_timesteps = false});
  REQUIRE(second.ppo.state_hash() == whole.ppo.state_hash());
  REQUIRE(second.ppo.mean_episode_return() == whole.ppo.mean_episode_return());
  REQUIRE(second.ppo.last_update().learning_rate == whole.ppo.last_update().learning_rate);
}

TEST_CASE("A checkpoint from before the first step continues as the run itself did", "[rl][ppo][resume]") {
  const TemporaryFile file("start");
  struct Save final : rlx::Callback {
    explicit Save(std::string to) : path(std::move(to)) {}
    std::string path;
    void on_training_start(rlx::Learner& learner) override { learner.save(path); }
  } save(file.path);
  Run whole;
  whole.ppo.learn(3 * whole.rollout(), {.callbacks = {&save}});

  Run resumed(small_config(), 2);
  resumed.ppo.load(file.path);
  resumed.ppo.learn(3 * resumed.rollout(), {.reset_num_timesteps = false});
  REQUIRE(resumed.ppo.state_hash() == whole.ppo.state_hash());  // the first observations are counted, once
}

TEST_CASE("Actions come from the streams of their steps, observations are counted once, sums end with their episodes",
          "[rl][ppo]") {
  const TemporaryFile file("streams");
  Run run(small_config(), 2);
  struct Watch final : rlx::Callback {
    explicit Watch(const Run<>& of) : run(&of) {}
    const Run<>* run;
    std::uint64_t rollouts = 0;
    bool on_rollout_end(rlx::Learner& learner) override {  // before the update: the parameters that the actions were drawn with
      const auto& rollout = run->ppo.rollout();
      const rlx::InferencePolicy policy = learner.policy();
      auto workspace = policy.make_workspace();
      for (std::size_t row = 0; row < rollout.rows(); ++row) {
        rlx::RandomStream random(
            {5, rlx::Purpose::action, static_cast<std::uint32_t>(row % 16), rollouts * 24 + row / 16});  // seed, env, step
        std::int32_t action = -1;
        policy.act(rollout.observation(row), rollout.mask(row), {&action, 1}, workspace, {false, &random});
        REQUIRE(action == rollout.action(row)[0]);
      }
      ++rollouts;
      return true;
    }
  } watch(run);
  run.ppo.learn(3 * run.rollout(), {.callbacks = {&watch}});
  REQUIRE(watch.rollouts == 3);

  run.ppo.save(file.path);
  const rlx::io::Safetensors saved = rlx::io::Safetensors::open(file.path);
  REQUIRE_THAT(saved.values<double>("normalizer/observation/count")[0], WithinAbs((1 + 3 * 24) * 16, 0.5));
  const auto& rewards = run.ppo.rollout().rewards;
  const auto returns = saved.values<double>("rollout/episode_returns");
  for (std::size_t e = 0; e < 16; ++e) {
    double sum = 0.0;  // 72 steps are 6 episodes of 11 and 6 steps
    for (std::size_t t = 24 - 6; t < 24; ++t) sum += static_cast<double>(rewards[t * 16 + e]);
    REQUIRE(returns[e] == sum);
  }
}

TEST_CASE("A second training from 0 begins with new episodes and their returns at 0", "[rl][ppo]") {
  const TemporaryFile file("again");
  rlx::PpoConfig config = small_config();
  config.n_steps = 8;  // episodes have 11 steps, so none ends
  config.batch_size = 16;
  Run run(config, 1, 4);
  run.ppo.learn(run.rollout());
  run.ppo.learn(run.rollout());
  const auto& rewards = run.ppo.rollout().rewards;
  std::array<double, 4> sums{}, discounted{};
  for (std::size_t row = 0; row < rewards.size(); ++row) {
    sums[row % 4] += static_cast<double>(rewards[row]);
    discounted[row % 4] = config.gamma * discounted[row % 4] + static_cast<double>(rewards[row]);
  }
  REQUIRE(*std::max_element(sums.begin(), sums.end()) > 0.0);
  run.ppo.save(file.path);
  const rlx::io::Safetensors saved = rlx::io::Safetensors::open(file.path);
  const auto returns = saved.values<double>("rollout/episode_returns");
  const auto scaling = saved.values<double>("rollout/discounted_returns");
  for (std::size_t e = 0; e < 4; ++e) {
    REQUIRE(returns[e] == sums[e]);
    REQUIRE_THAT(scaling[e], WithinAbs(discounted[e], 1e-12));
  }
}

TEST_CASE("A checkpoint has one tensor for each environment and its metadata, indented, beside it", "[rl][ppo][resume]") {
  const TemporaryFile file("names");
  Run run(small_config(), 1, 4);
  run.ppo.learn(run.rollout());
  run.ppo.save(file.path);
  const rlx::io::Safetensors saved = rlx::io::Safetensors::open(file.path);
  const auto has = [&](const std::string& name) {
    const auto& all = saved.tensors();
    return std::any_of(all.begin(), all.end(), [&](const rlx::io::TensorView& tensor) { return tensor.name == name; });
  };
  for (const char* const name : {"optimizer/m", "optimizer/v", "normalizer/observation/mean", "normalizer/reward/var",
                                 "rollout/current_observations", "rollout/current_masks", "rollout/discounted_returns",
                                 "environment/0", "environment/1", "environment/2", "environment/3", "sampler"}) {
    INFO(name);
    REQUIRE(has(name));
  }
  REQUIRE_FALSE(has("environment/4"));
  REQUIRE(saved.at("environment/3").dtype == rlx::io::DType::U8);

  const std::string beside = rlx::io::read_file(rlx::description_path(file.path));
  REQUIRE(nlohmann::json::parse(beside) == nlohmann::json::parse(saved.metadata("rlx")));
  REQUIRE_THAT(beside, ContainsSubstring("\n  \"algorithm\": \"ppo\""));
  REQUIRE(rlx::description_path("runs/a.safetensors") == "runs/a.json");
  REQUIRE(rlx::description_path("a.bin") == "a.bin.json");
}

TEST_CASE("A checkpoint of another run is refused with every difference, and nothing changes", "[rl][ppo][resume]") {
  const TemporaryFile file("other");
  Run saved;
  saved.ppo.identity["data_sha256"] = "abc";
  saved.ppo.learn(saved.rollout());
  saved.ppo.save(file.path);

  rlx::PpoConfig config = small_config();
  config.learning_rate = 1e-3;
  config.gamma = 0.5;
  Run other(config);
  other.ppo.identity["data_sha256"] = "xyz";
  other.ppo.learn(2 * other.rollout());
  const std::string before = other.ppo.state_hash();
  try {
    other.ppo.load(file.path);
    FAIL("expected CheckpointError");
  } catch (const rlx::CheckpointError& error) {
    REQUIRE_THAT(error.what(), ContainsSubstring("gamma: saved 0.4, here 0.5"));
    REQUIRE_THAT(error.what(), ContainsSubstring("learning_rate"));
    REQUIRE_THAT(error.what(), ContainsSubstring("data_sha256: saved \"abc\", here \"xyz\""));
  }
  REQUIRE(other.ppo.state_hash() == before);
  other.ppo.load(file.path, {.allow = {"gamma", "learning_rate", "data_sha256"}});
  REQUIRE(other.ppo.state_hash() == saved.ppo.state_hash());

  Run fewer(small_config(), 1, 8);
  REQUIRE_THROWS_AS(fewer.ppo.load(file.path), rlx::CheckpointError);
}

TEST_CASE("A checkpoint of another version or with other tensors is refused by its first difference", "[rl][ppo][resume]") {
  const TemporaryFile file("tensors"), changed("tensors_changed");
  Run run(small_config(), 1, 4);
  run.ppo.learn(run.rollout());
  run.ppo.save(file.path);
  const std::string before = run.ppo.state_hash();
  const rlx::io::Safetensors saved = rlx::io::Safetensors::open(file.path);
  const auto refused = [&](auto change, const std::string& part) {
    nlohmann::json meta = nlohmann::json::parse(saved.metadata("rlx"));
    std::vector<rlx::io::TensorView> tensors = saved.tensors();
    const auto m = std::find_if(tensors.begin(), tensors.end(), [](const auto& t) { return t.name == "optimizer/m"; });
    REQUIRE(m != tensors.end());
    change(meta, tensors, m);
    rlx::io::write_safetensors(changed.path, {{"rlx", meta.dump()}}, tensors);
    try {
      run.ppo.load(changed.path);
      FAIL("expected CheckpointError with " + part);
    } catch (const rlx::CheckpointError& error) {
      REQUIRE_THAT(error.what(), ContainsSubstring(part));
    }
    REQUIRE(run.ppo.state_hash() == before);
  };
  refused([](auto& meta, auto&, auto) { meta["version"] = 2; }, "checkpoint of version 1, found");
  refused([](auto& meta, auto&, auto) { meta["format"] = "rlx-policy"; }, "found format \"rlx-policy\"");
  refused([](auto& meta, auto&, auto) { meta.erase("counters"); }, "counters");
  refused([](auto& meta, auto&, auto) { meta["run"] = nlohmann::json::array({1, 2}); }, "gamma: saved nothing");
  refused([](auto&, auto& tensors, auto m) { tensors.erase(m); }, "'optimizer/m'");
  refused([](auto&, auto&, auto m) { m->name = "stray"; }, "'stray' does not belong to this learner");
  refused(
      [](auto&, auto&, auto m) {
        m->shape = {m->shape[0] - 1};
        m->data = m->data.first(m->data.size() - sizeof(float));
      },
      "'optimizer/m'");
}

TEST_CASE("A damaged checkpoint is refused or identical", "[rl][ppo][resume]") {
  const TemporaryFile file("damaged");
  Run run(small_config(), 1, 4);
  run.ppo.learn(run.rollout());
  run.ppo.save(file.path);
  std::vector<char> bytes;
  {
    std::FILE* f = std::fopen(file.path.c_str(), "rb");
    for (int c = std::fgetc(f); c != EOF; c = std::fgetc(f)) bytes.push_back(static_cast<char>(c));
    std::fclose(f);
  }
  const std::string before = run.ppo.state_hash();
  const std::size_t stride = std::max<std::size_t>(1, bytes.size() / 300);
  for (std::size_t i = 0; i < bytes.size(); i += stride) {
    std::vector<char> copy = bytes;
    copy[i] = static_cast<char>(copy[i] ^ (1 << (i % 8)));
    std::FILE* f = std::fopen(file.path.c_str(), "wb");
    std::fwrite(copy.data(), 1, copy.size(), f);
    std::fclose(f);
    REQUIRE_THROWS_AS(run.ppo.load(file.path), rlx::CheckpointError);
    REQUIRE(run.ppo.state_hash() == before);
  }
  std::FILE* f = std::fopen(file.path.c_str(), "wb");
  std::fwrite(bytes.data(), 1, bytes.size() / 2, f);
  std::fclose(f);
  REQUIRE_THROWS_AS(run.ppo.load(file.path), rlx::CheckpointError);
}

TEST_CASE("Callbacks and logs change nothing", "[rl][ppo]") {
  Run plain;
  plain.ppo.learn(3 * plain.rollout());

  struct Watch final : rlx::Callback {
    std::vector<rlx::EpisodeRecord> records;
    int starts = 0, ends = 0, rollouts = 0;
    void on_training_start(rlx::Learner&) override { ++starts; }
    void on_rollout_start(rlx::Learner&) override { ++rollouts; }
    bool on_episode(rlx::Learner& learner, const rlx::EpisodeRecord& record) override {
      records.push_back(record);
      static_cast<void>(learner.policy());
      return true;
    }
    void on_training_end(rlx::Learner& learner) override {
      ++ends;
      auto& ppo = dynamic_cast<rlx::Ppo<rlx::InvalidActionEnv>&>(learner);
      REQUIRE_THROWS_AS(ppo.learn(1), rlx::Error);
    }
  } watch;
  Run watched(small_config(), 2);
  rlx::Logger logger;
  watched.ppo.learn(3 * watched.rollout(), {.callbacks = {&watch}, .logger = &logger});
  REQUIRE(watched.ppo.state_hash() == plain.ppo.state_hash());
  REQUIRE(watch.starts == 1);
  REQUIRE(watch.rollouts == 3);
  REQUIRE(watch.ends == 1);
  // Episodes of 11 steps in 72 steps of 16 environments, in (time, environment) order.
  REQUIRE(watch.records.size() == 6 * 16);
  for (std::size_t i = 0; i < watch.records.size(); ++i) {
    REQUIRE(watch.records[i].number == i + 1);
    REQUIRE(watch.records[i].statistics.env == i % 16);
    REQUIRE(watch.records[i].statistics.length == 11);
    REQUIRE(!rlx::is_finite(watch.records[i].loss) == (i < 2 * 16));
  }
  REQUIRE(rlx::is_finite(logger.value("train/loss")));
  REQUIRE(logger.value("time/total_timesteps") == 3.0 * 24 * 16);
}

TEST_CASE("Episodes of unequal lengths are reported in (time, environment) order", "[rl][ppo]") {
  struct Watch final : rlx::Callback {
    std::vector<rlx::EpisodeStatistics> seen;
    bool on_episode(rlx::Learner&, const rlx::EpisodeRecord& record) override {
      seen.push_back(record.statistics);
      return true;
    }
  } watch;
  rlx::PpoConfig config = small_config();
  config.n_steps = 64;
  rlx::ThreadPool pool(3);
  rlx::VectorEnv<rlx::CartPole> envs({.num_envs = 20, .seed = 2}, pool, [](std::size_t) { return rlx::CartPole(); });
  rlx::Ppo<rlx::CartPole> ppo(config, envs, rlx::nn::mlp_actor_critic({.observation = 4, .action = 2}), pool);
  ppo.learn(3 * config.n_steps * 20, {.callbacks = {&watch}});
  std::vector<std::uint64_t> clock(20, 0), episodes(20, watch.seen.at(0).episode);
  std::pair<std::uint64_t, std::size_t> last{0, 0};
  for (const rlx::EpisodeStatistics& episode : watch.seen) {
    REQUIRE(episode.episode == episodes[episode.env]++);
    clock[episode.env] += episode.length;
    const std::pair<std::uint64_t, std::size_t> now{clock[episode.env], episode.env};
    REQUIRE(last < now);
    last = now;
  }
  REQUIRE(watch.seen.size() > 60);
  // Some environment is an episode ahead of another, so that (episode, environment) would be another order.
  REQUIRE(!std::ranges::is_sorted(watch.seen, {}, &rlx::EpisodeStatistics::episode));
}

TEST_CASE("A stop flag ends after the current update", "[rl][ppo]") {
  Run run;
  const std::atomic<bool> stop{true};
  const rlx::LearnResult result = run.ppo.learn(10 * run.rollout(), {.stop = &stop});
  REQUIRE(result.stopped);
  REQUIRE(result.n_updates == 1);
  REQUIRE(result.num_timesteps == run.rollout());
}

TEST_CASE("At the first minibatch the ratio is 1", "[rl][ppo]") {
  rlx::PpoConfig config = small_config();
  config.n_epochs = 1;
  config.batch_size = 24 * 16;  // one minibatch
  Run run(config, 2);
  run.ppo.learn(2 * run.rollout());  // the second rollout has observation statistics
  REQUIRE(run.ppo.last_update().clip_fraction == 0.0);
  REQUIRE(std::abs(run.ppo.last_update().approx_kl_k1) <= 1e-6);
  REQUIRE(run.ppo.last_update().approx_kl <= 1e-9);
}

TEST_CASE("target_kl takes exactly one step when it is tiny", "[rl][ppo]") {
  rlx::PpoConfig config = small_config();
  config.target_kl = 1e-9;
  Run run(config);
  run.ppo.learn(run.rollout());
  REQUIRE(run.ppo.last_update().stopped_by_kl);
  REQUIRE(run.ppo.last_update().minibatches == 1);
}

TEST_CASE("Schedules are evaluated after the rollout", "[rl][ppo][detail_C4]") {
  rlx::PpoConfig config = small_config();
  config.learning_rate = rlx::nn::Schedule::linear(1e-3, 0.0);
  config.clip_range = rlx::nn::Schedule::linear(0.3, 0.1);
  Run run(config);
  struct Watch final : rlx::Callback {
    std::vector<double> rates, clips;
    bool on_update_end(rlx::Learner& learner) override {
      rates.push_back(learner.last_update().learning_rate);
      clips.push_back(learner.last_update().clip_range);
      return true;
    }
  } watch;
  run.ppo.learn(4 * run.rollout(), {.callbacks = {&watch}});
  REQUIRE(watch.rates.size() == 4);
  REQUIRE_THAT(watch.rates.front(), WithinAbs(0.75e-3, 1e-12));
  REQUIRE_THAT(watch.clips.front(), WithinAbs(0.25, 1e-12));
  REQUIRE(watch.rates.back() == 0.0);
  REQUIRE_THAT(watch.clips.back(), WithinAbs(0.1, 1e-12));
}

TEST_CASE("Invalid actions are never taken", "[rl][ppo]") {
  rlx::PpoConfig config = small_config();
  Run run(config);
  run.ppo.learn(4 * run.rollout());
  const auto& rollout = run.ppo.rollout();
  for (std::size_t row = 0; row < rollout.rows(); ++row) {
    REQUIRE(rollout.mask(row)[static_cast<std::size_t>(rollout.actions[row])] != 0);
  }
}

TEST_CASE("Nothing is allocated between the second and the tenth iteration", "[rl][ppo][allocation]") {
  struct Watch final : rlx::Callback {
    std::uint64_t at_second = 0, at_tenth = 0;
    bool on_update_end(rlx::Learner& learner) override {
      if (learner.n_updates() == 2) at_second = allocations();
      if (learner.n_updates() == 10) at_tenth = allocations();
      return true;
    }
  } watch;
  rlx::PpoConfig config = small_config();
  Run run(config, 2);
  run.ppo.learn(11 * run.rollout(), {.callbacks = {&watch}});
  REQUIRE(watch.at_second != 0);
  REQUIRE(watch.at_tenth == watch.at_second);
}

TEST_CASE("Numbers that are not finite stop training and name their place", "[rl][ppo][errors]") {
  SECTION("observation") {
    rlx::ThreadPool pool(1);
    rlx::VectorEnv envs({.num_envs = 2, .seed = 1}, pool, [](std::size_t) { return Faulty(); });
    rlx::PpoConfig config;
    config.n_steps = 8;
    config.batch_size = 16;
    rlx::Ppo ppo(config, envs, rlx::nn::mlp_actor_critic({.observation = 2, .action = 2}), pool);
    const std::string before = ppo.parameters().sha256();
    REQUIRE_THROWS_WITH(ppo.learn(16), ContainsSubstring("observation[1]"));
    REQUIRE(ppo.parameters().sha256() == before);
  }
  SECTION("value of an observation that no action follows") {
    rlx::ThreadPool pool(1);
    rlx::nn::MlpSpec spec{.observation = 2, .action = 2};
    spec.activation = rlx::nn::NodeKind::relu;  // tanh would bound it
    rlx::PpoConfig config;
    config.batch_size = 8;
    for (const bool at_cut : {true, false}) {  // of the last step of an episode, or of the rollout
      rlx::VectorEnv envs({.num_envs = 2, .seed = 1}, pool, [&](std::size_t env) {
        Huge made;
        made.huge_at = env == 0 ? 0 : at_cut ? 6 : 4;
        return made;
      });
      config.n_steps = at_cut ? 8 : 4;
      rlx::Ppo ppo(config, envs, rlx::nn::mlp_actor_critic(spec), pool);
      for (float& weight : ppo.parameters().parameters()) weight *= 8.0F;  // so that it overflows
      const std::string before = ppo.parameters().sha256();
      try {
        ppo.learn(16);
        FAIL("expected NumericError");
      } catch (const rlx::NumericError& error) {
        REQUIRE(error.tensor() == "value");
        REQUIRE(error.env() == std::size_t{1});
        REQUIRE(error.step() == std::uint64_t{at_cut ? 5U : 3U});  // from 0, since training began
        REQUIRE_THAT(error.what(), ContainsSubstring(at_cut ? "environment 1, last observation of the episode cut at step 5"
                                                            : "environment 1, after step 3"));
      }
      REQUIRE(ppo.parameters().sha256() == before);
    }
  }
  SECTION("prediction") {
    Run run;
    std::vector<float> observation(7, 0.5F);
    const std::vector<std::uint8_t> mask(7, 1);
    observation[3] = std::numeric_limits<float>::quiet_NaN();
    REQUIRE_THROWS_WITH(run.ppo.predict(observation, mask), ContainsSubstring("predict: observation[3] is not finite"));
    observation[3] = 0.5F;
    run.ppo.parameters().tensor(run.ppo.parameters().layout().size() - 1)[0] = std::numeric_limits<float>::quiet_NaN();
    REQUIRE_THROWS_WITH(run.ppo.predict(observation, mask), ContainsSubstring("predict: the value is not finite"));
  }
  SECTION("value") {
    Run run;
    run.ppo.parameters().tensor(run.ppo.parameters().layout().size() - 1)[0] = std::numeric_limits<float>::quiet_NaN();
    try {
      run.ppo.learn(run.rollout());
      FAIL("expected NumericError");
    } catch (const rlx::NumericError& error) {
      REQUIRE(error.tensor() == "value");
      REQUIRE(error.env() == std::size_t{0});
      REQUIRE_THAT(error.what(), ContainsSubstring("environment 0, step 0"));
    }
  }
  SECTION("gradient and loss") {
    for (const bool in_gradient : {true, false}) {
      rlx::ThreadPool pool(2);
      rlx::VectorEnv envs({.num_envs = 4, .seed = 3}, pool, [](std::size_t) { return rlx::InvalidActionEnv(7, 4, 11); });
      rlx::PpoConfig config = small_config();
      rlx::Ppo ppo(config, envs, rlx::nn::mlp_actor_critic({.observation = 7, .action = 7}), pool, BrokenCritic{in_gradient});
      const std::string before = ppo.parameters().sha256();
      try {
        ppo.learn(24 * 4);
        FAIL("expected NumericError");
      } catch (const rlx::NumericError& error) {
        REQUIRE(error.tensor() == (in_gradient ? "critic.linear0.weight" : "loss"));
        REQUIRE_THAT(error.what(), ContainsSubstring("update 0, epoch 0, minibatch 0"));
      }
      REQUIRE(ppo.parameters().sha256() == before);
    }
  }
}

TEST_CASE("A stored action that its stored mask forbids stops training before the step", "[rl][ppo][errors]") {
  struct Forbid final : rlx::Callback {
    bool on_rollout_end(rlx::Learner& learner) override {
      using Ppo = rlx::Ppo<rlx::InvalidActionEnv>;
      auto& rollout = const_cast<rlx::Rollout<std::int32_t>&>(dynamic_cast<Ppo&>(learner).rollout());
      rollout.masks_at(3)(5, static_cast<std::size_t>(rollout.action(3 * 16 + 5)[0])) = 0;
      return true;
    }
  } forbid;
  Run run;
  const std::string before = run.ppo.parameters().sha256();
  rlx::PpoConfig whole = small_config();
  whole.batch_size = 24 * 16;  // the row is in the first minibatch
  Run one(whole);
  try {
    one.ppo.learn(one.rollout(), {.callbacks = {&forbid}});
    FAIL("expected NumericError");
  } catch (const rlx::NumericError& error) {
    REQUIRE_THAT(error.what(), ContainsSubstring("at update 0, epoch 0, minibatch 0"));
    REQUIRE_THAT(error.what(), ContainsSubstring("the stored action is invalid under its mask"));
  }
  REQUIRE(one.ppo.parameters().sha256() == before);
}

TEST_CASE("Configurations that cannot work are refused by name", "[rl][ppo][errors]") {
  const auto refused = [](auto change, const std::string& field) {
    rlx::PpoConfig config = small_config();
    change(config);
    try {
      Run run(config);
      FAIL("expected ConfigError for " + field);
    } catch (const rlx::ConfigError& error) {
      REQUIRE_THAT(error.what(), ContainsSubstring(field));
    }
  };
  refused([](rlx::PpoConfig& c) { c.n_steps = 0; }, "n_steps = 0");
  refused([](rlx::PpoConfig& c) { c.batch_size = 0; }, "batch_size = 0");
  refused([](rlx::PpoConfig& c) { c.batch_size = 385; }, "batch_size = 385");
  refused([](rlx::PpoConfig& c) { c.gamma = 1.5; }, "gamma = 1.5");
  refused([](rlx::PpoConfig& c) { c.gamma = std::nan(""); }, "gamma");
  refused([](rlx::PpoConfig& c) { c.clip_range = 0.0; }, "clip_range");
  refused([](rlx::PpoConfig& c) { c.target_kl = 0.0; }, "target_kl");
  refused([](rlx::PpoConfig& c) { c.max_grad_norm = -1.0; }, "max_grad_norm");
  refused([](rlx::PpoConfig& c) { c.n_epochs = 0; }, "n_epochs");

  rlx::ThreadPool pool(1);
  rlx::VectorEnv envs({.num_envs = 2}, pool, [](std::size_t) { return rlx::InvalidActionEnv(7, 4); });
  rlx::PpoConfig config;
  config.n_steps = 64;
  REQUIRE_THROWS_WITH(rlx::Ppo(config, envs, rlx::nn::mlp_actor_critic({.observation = 7, .action = 6}), pool),
                      ContainsSubstring("output 'action' has width 6, expected 7"));
  REQUIRE_THROWS_WITH(rlx::Ppo(config, envs, rlx::nn::mlp_actor_critic({.observation = 8, .action = 7}), pool),
                      ContainsSubstring("the input has width 8, expected 7"));
  rlx::VectorEnv other({.num_envs = 2, .autoreset = rlx::AutoresetMode::next_step}, pool,
                       [](std::size_t) { return rlx::InvalidActionEnv(7, 4); });
  REQUIRE_THROWS_AS(rlx::Ppo(config, other, rlx::nn::mlp_actor_critic({.observation = 7, .action = 7}), pool),
                    rlx::ConfigError);
}

TEST_CASE("Every flag of the implementation details changes the bytes",
          "[rl][ppo][detail_C2][detail_C3][detail_C11][detail_K6][detail_K8]") {
  const auto hash = [](auto change) {
    rlx::PpoConfig config = small_config();
    change(config);
    Run run(config);
    run.ppo.learn(2 * run.rollout());
    return run.ppo.parameters().sha256();
  };
  const std::string base = hash([](rlx::PpoConfig&) {});
  REQUIRE(hash([](rlx::PpoConfig&) {}) == base);
  REQUIRE(hash([](rlx::PpoConfig& c) { c.ortho_init = false; }) != base);
  REQUIRE(hash([](rlx::PpoConfig& c) { c.adam_eps = 1e-3; }) != base);
  REQUIRE(hash([](rlx::PpoConfig& c) { c.learning_rate = 1e-3; }) != base);
  REQUIRE(hash([](rlx::PpoConfig& c) { c.gae_lambda = 0.5; }) != base);
  REQUIRE(hash([](rlx::PpoConfig& c) { c.normalize_advantage = false; }) != base);
  REQUIRE(hash([](rlx::PpoConfig& c) { c.clip_range = 0.01; }) != base);
  REQUIRE(hash([](rlx::PpoConfig& c) { c.clip_range_vf = 0.01; }) != base);
  REQUIRE(hash([](rlx::PpoConfig& c) { c.ent_coef = 0.2; }) != base);
  REQUIRE(hash([](rlx::PpoConfig& c) { c.vf_coef = 0.2; }) != base);
  REQUIRE(hash([](rlx::PpoConfig& c) { c.max_grad_norm = 0.01; }) != base);
  REQUIRE(hash([](rlx::PpoConfig& c) { c.normalize_observation = false; }) != base);
  REQUIRE(hash([](rlx::PpoConfig& c) { c.clip_obs = 0.5; }) != base);
  REQUIRE(hash([](rlx::PpoConfig& c) { c.normalize_reward = false; }) != base);
  REQUIRE(hash([](rlx::PpoConfig& c) { c.clip_reward = 0.5; }) != base);
  REQUIRE(hash([](rlx::PpoConfig& c) { c.seed = 6; }) != base);
}

namespace {

/// Sees every slice of every rollout and changes nothing.
struct Recorder {
  std::shared_ptr<std::vector<rlx::EpisodeSlice>> slices = std::make_shared<std::vector<rlx::EpisodeSlice>>();
  void on_rollout(const rlx::RolloutView& view, std::span<float>) {
    slices->insert(slices->end(), view.episodes.begin(), view.episodes.end());
  }
  template <std::floating_point S>
  double loss(const rlx::BasicMinibatchView<S>&, const rlx::BasicLossGradient<S>&) const {
    return 0.0;
  }
  void record(rlx::Logger&) const {}
};

}  // namespace

TEST_CASE("A risk objective that changes nothing gives the default's bytes and sees every slice once", "[rl][ppo]") {
  Run plain;
  plain.ppo.learn(3 * plain.rollout());
  rlx::ThreadPool pool(1);
  rlx::VectorEnv envs({.num_envs = 16, .seed = 3}, pool, [](std::size_t) { return rlx::InvalidActionEnv(7, 4, 11); });
  const Recorder recorder;
  struct Returns final : rlx::Callback {
    double sum = 0;
    std::size_t count = 0;
    bool on_episode(rlx::Learner&, const rlx::EpisodeRecord& record) override {
      sum += record.statistics.episode_return;
      ++count;
      return true;
    }
  } returns;
  rlx::Ppo ppo(small_config(), envs, rlx::nn::mlp_actor_critic({.observation = 7, .action = 7, .pi = {16, 16}, .vf = {16}}),
               pool, rlx::ScalarCritic{}, recorder);
  ppo.learn(3 * plain.rollout(), {.callbacks = {&returns}});
  REQUIRE(ppo.parameters().sha256() == plain.ppo.parameters().sha256());
  double sum = 0;
  std::size_t complete = 0, steps = 0;
  for (const rlx::EpisodeSlice& slice : *recorder.slices) {
    steps += slice.end - slice.begin;
    if (!slice.complete) continue;
    ++complete;
    sum += slice.episode_return;
  }
  REQUIRE(steps == 3 * 24 * 16);
  REQUIRE(complete == returns.count);
  REQUIRE_THAT(sum, WithinAbs(returns.sum, 1e-9));
}

TEST_CASE("Running statistics of rewards follow the discounted return", "[rl][ppo][detail_K8]") {
  Run run;
  run.ppo.learn(run.rollout());
  // The same by hand: G is cut at every end, statistics see N values per step.
  const auto& rollout = run.ppo.rollout();
  rlx::RunningMeanStd expected(1);
  std::vector<double> g(16);
  for (std::size_t t = 0; t < 24; ++t) {
    for (std::size_t e = 0; e < 16; ++e) g[e] = 0.4 * g[e] + static_cast<double>(rollout.rewards[t * 16 + e]);
    expected.update(std::span<const double>(g));
    for (std::size_t e = 0; e < 16; ++e) {
      if (rollout.terminated[t * 16 + e] || rollout.truncated[t * 16 + e]) g[e] = 0;
    }
  }
  REQUIRE(run.ppo.return_statistics().variance()[0] == expected.variance()[0]);
  const double scale = std::sqrt(expected.variance()[0] + 1e-8);
  for (std::size_t i = 0; i < rollout.rows(); ++i) {
    REQUIRE_THAT(static_cast<double>(rollout.scaled_rewards[i]),
                 WithinAbs(static_cast<double>(rollout.rewards[i]) / scale, 1e-6));
  }
  // Observations: 24 steps and the reset, of 16 rows each.
  REQUIRE_THAT(run.ppo.observation_statistics().count(), WithinAbs(25 * 16 + 1e-4, 1e-9));
}

TEST_CASE("Observations are scaled and clipped as stated, rewards clipped", "[rl][ppo][detail_K6][detail_K7][detail_K9]") {
  rlx::PpoConfig config = small_config();
  config.clip_obs = 1.5;
  config.clip_reward = 0.5;
  Run run(config);
  run.ppo.learn(2 * run.rollout());
  const auto& rollout = run.ppo.rollout();
  for (const float r : rollout.scaled_rewards) REQUIRE(std::abs(r) <= 0.5F);
  // The prediction of a raw observation is that of a network fed with the scaled one.
  const rlx::RunningMeanStd& statistics = run.ppo.observation_statistics();
  std::vector<float> scaled(7);
  const std::span<const float> raw = rollout.observation(5);
  for (std::size_t c = 0; c < 7; ++c) {
    const double z = (static_cast<double>(raw[c]) - statistics.mean()[c]) / std::sqrt(statistics.variance()[c] + 1e-8);
    scaled[c] = static_cast<float>(std::min(1.5, std::max(-1.5, z)));
  }
  auto workspace = run.ppo.graph().make_workspace(1);
  run.ppo.graph().forward(run.ppo.parameters().parameters(), {scaled.data(), 1, 7}, workspace);
  REQUIRE(run.ppo.predict(raw, rollout.mask(5)).value == workspace.output("value")(0, 0));
}

TEST_CASE("Truncated steps bootstrap with the value of their own last observation", "[rl][ppo][detail_C5]") {
  Run run;
  run.ppo.learn(run.rollout());
  const auto& rollout = run.ppo.rollout();
  std::size_t truncated = 0;
  for (std::size_t i = 0; i < rollout.rows(); ++i) {
    if (rollout.truncated[i] == 0) continue;
    ++truncated;
    REQUIRE(rollout.final_values[i] != 0.0F);
    // delta + V = r + gamma V(final): the episode ends here, so the return is exactly that.
    const float expected = rollout.scaled_rewards[i] + 0.4F * rollout.final_values[i];
    REQUIRE_THAT(static_cast<double>(rollout.targets[i]), WithinAbs(static_cast<double>(expected), 1e-5));
  }
  REQUIRE(truncated == 2 * 16);
}

TEST_CASE("The gradient is clipped to its norm, shards and their sum give one gradient", "[rl][ppo][detail_C11][detail_C1]") {
  // With plain gradients the first Adam step moves every parameter by about the learning rate, whatever the clip; the clip
  // shows in the first moment: m = 0.1 g min(1, limit / (norm + 1e-6)).
  const auto first_moment_norm = [](double limit, std::size_t shards) {
    rlx::PpoConfig config = small_config();
    config.n_epochs = 1;
    config.batch_size = 24 * 16;
    config.max_grad_norm = limit;
    config.gradient_shards = shards;
    Run run(config, 2);
    run.ppo.learn(run.rollout());
    const TemporaryFile file("moments");
    run.ppo.save(file.path);
    const auto saved = rlx::io::Safetensors::open(file.path);
    double squares = 0;
    for (const float m : saved.values<float>("optimizer/m")) squares += static_cast<double>(m) * static_cast<double>(m);
    return std::pair(std::sqrt(squares), run.ppo.last_update().grad_norm);
  };
  const auto [free, norm] = first_moment_norm(1e9, 8);
  REQUIRE_THAT(free, WithinRel(0.1 * norm, 1e-5));
  const auto [clipped, same] = first_moment_norm(norm / 4, 8);
  REQUIRE(same == norm);
  REQUIRE_THAT(clipped, WithinRel(0.1 * norm / 4, 1e-5));
  const auto [one, whole] = first_moment_norm(1e9, 1);
  REQUIRE_THAT(whole, WithinRel(norm, 1e-5));
  REQUIRE_THAT(one, WithinRel(free, 1e-5));
}

namespace {

/// CartPole without its state functions.
struct Forgetful {
  using ActionScalar = std::int32_t;
  rlx::CartPole inner;
  const rlx::Box& observation_space() const { return inner.observation_space(); }
  const rlx::Discrete& action_space() const { return inner.action_space(); }
  const rlx::CartPole::Info& info() const { return inner.info(); }
  void reset(std::uint64_t seed, std::span<float> row) { inner.reset(seed, row); }
  rlx::Transition step(std::span<const std::int32_t> action, std::span<float> row) { return inner.step(action, row); }
};

}  // namespace

TEST_CASE("Without the environments' state a load needs permission and starts new episodes", "[rl][ppo][resume]") {
  const TemporaryFile file("forgetful");
  rlx::PpoConfig config;
  config.n_steps = 16;
  config.batch_size = 32;
  config.n_epochs = 2;
  const auto make = [](std::size_t) { return Forgetful(); };
  const auto graph = rlx::nn::mlp_actor_critic({.observation = 4, .action = 2, .pi = {8}, .vf = {8}});
  rlx::ThreadPool pool(1);
  rlx::VectorEnv envs({.num_envs = 4, .seed = 1}, pool, make);
  rlx::Ppo ppo(config, envs, graph, pool);
  ppo.learn(5 * 64);
  ppo.save(file.path);
  rlx::VectorEnv others({.num_envs = 4, .seed = 1}, pool, make);
  rlx::Ppo loaded(config, others, graph, pool);
  REQUIRE_THROWS_WITH(loaded.load(file.path), ContainsSubstring("LoadOptions.exact = false"));
  loaded.load(file.path, {.exact = false});
  REQUIRE(loaded.parameters().sha256() == ppo.parameters().sha256());
  loaded.learn(64, {.reset_num_timesteps = false});
  REQUIRE(loaded.num_timesteps() == 6 * 64);
  for (std::size_t e = 0; e < 4; ++e) REQUIRE(others.episode(e) > envs.episode(e));
}

namespace {

/// CartPole on "data" with a number: the state of an episode on other data is refused.
struct OnData {
  using ActionScalar = std::int32_t;
  int data = 0;
  rlx::CartPole inner{};
  const rlx::Box& observation_space() const { return inner.observation_space(); }
  const rlx::Discrete& action_space() const { return inner.action_space(); }
  const rlx::CartPole::Info& info() const { return inner.info(); }
  void reset(std::uint64_t seed, std::span<float> row) { inner.reset(seed, row); }
  rlx::Transition step(std::span<const std::int32_t> action, std::span<float> row) { return inner.step(action, row); }
  void save_state(std::vector<std::byte>& bytes) const {
    bytes.push_back(static_cast<std::byte>(data));
    inner.save_state(bytes);
  }
  void load_state(std::span<const std::byte> bytes) {
    if (bytes.empty() || bytes.front() != static_cast<std::byte>(data)) throw rlx::CheckpointError("other data");
    inner.load_state(bytes.subspan(1));
  }
};

}  // namespace

TEST_CASE("Environments that refuse the saved state start new episodes if exactness is waived", "[rl][ppo][resume]") {
  const TemporaryFile file("other_data");
  rlx::PpoConfig config;
  config.n_steps = 16;
  config.batch_size = 32;
  config.n_epochs = 2;
  const auto graph = rlx::nn::mlp_actor_critic({.observation = 4, .action = 2, .pi = {8}, .vf = {8}});
  rlx::ThreadPool pool(1);
  rlx::VectorEnv envs({.num_envs = 4, .seed = 1}, pool, [](std::size_t) { return OnData{.data = 1}; });
  rlx::Ppo ppo(config, envs, graph, pool);
  ppo.learn(5 * 64);
  ppo.save(file.path);
  rlx::VectorEnv others({.num_envs = 4, .seed = 1}, pool, [](std::size_t) { return OnData{.data = 2}; });
  rlx::Ppo loaded(config, others, graph, pool);
  REQUIRE_THROWS_WITH(loaded.load(file.path), ContainsSubstring("other data"));
  REQUIRE(loaded.num_timesteps() == 0);
  REQUIRE(loaded.warnings().empty());
  loaded.load(file.path, {.exact = false});
  REQUIRE(loaded.parameters().sha256() == ppo.parameters().sha256());
  // The log and the manifest say so.
  std::ostringstream out;
  rlx::Logger logger;
  logger.add<rlx::ConsoleTable>(out);
  rlx::RunManifest manifest(file.path + ".manifest");
  rlx::ManifestCallback record(manifest);
  loaded.learn(64, {.callbacks = {&record}, .logger = &logger, .reset_num_timesteps = false});
  std::remove(manifest.path().c_str());
  REQUIRE(loaded.num_timesteps() == 6 * 64);
  REQUIRE_THAT(out.str(), ContainsSubstring("warning: " + file.path + " was loaded without its environments"));
  REQUIRE(manifest.fields.at("warnings").size() == 1);
  // No episode that was trained on comes again.
  for (std::size_t e = 0; e < 4; ++e) REQUIRE(others.episode(e) > envs.episode(e));
}

TEST_CASE("A checkpoint between a rollout and its update is refused, because it would lose the rollout", "[rl][ppo][resume]") {
  const TemporaryFile file("open_rollout");
  struct SaveEarly final : rlx::Callback {
    explicit SaveEarly(std::string p) : path(std::move(p)) {}
    bool on_rollout_end(rlx::Learner& learner) override {
      learner.save(path);
      return true;
    }
    std::string path;
  } early(file.path);
  Run run;
  REQUIRE_THROWS_WITH(run.ppo.learn(run.rollout(), {.callbacks = {&early}}), ContainsSubstring("save in on_checkpoint"));
  run.ppo.learn(run.rollout());  // the learner stays usable
  run.ppo.save(file.path);
}

TEST_CASE("Loading from a callback is refused, because the rest of the iteration belongs to another state",
          "[rl][ppo][resume]") {
  const TemporaryFile file("load_early");
  struct Load final : rlx::Callback {
    Load(rlx::Ppo<rlx::InvalidActionEnv>& l, std::string p, bool before_update)
        : ppo(l), path(std::move(p)), early(before_update) {}
    bool load_if(bool now) {
      if (now) ppo.load(path);
      return true;
    }
    bool on_rollout_end(rlx::Learner&) override { return load_if(early); }
    bool on_update_end(rlx::Learner&) override { return load_if(!early); }
    rlx::Ppo<rlx::InvalidActionEnv>& ppo;
    std::string path;
    bool early;
  };
  for (const bool early : {true, false}) {
    Run run, plain;
    run.ppo.learn(run.rollout());
    plain.ppo.learn(run.rollout());
    run.ppo.save(file.path);
    Load load(run.ppo, file.path, early);
    REQUIRE_THROWS_WITH(run.ppo.learn(run.rollout(), {.callbacks = {&load}, .reset_num_timesteps = false}),
                        ContainsSubstring("Ppo::load was called from a callback"));
    run.ppo.load(file.path);  // after learn it is welcome
    REQUIRE(run.ppo.state_hash() == plain.ppo.state_hash());
  }
}

TEST_CASE("After an exception within an iteration nothing is saved until an iteration is whole", "[rl][ppo][resume]") {
  const TemporaryFile file("cut_short");
  struct Throws final : rlx::Callback {
    bool on_rollout_end(rlx::Learner& learner) override {
      if (learner.n_updates() == 1) throw rlx::DataError("no more");
      return true;
    }
    void on_training_start(rlx::Learner& learner) override {
      if (!path.empty()) learner.save(path);
    }
    std::string path;
  } throws;
  rlx::PpoConfig config = small_config();
  Run run(config);
  REQUIRE_THROWS_AS(run.ppo.learn(3 * run.rollout(), {.callbacks = {&throws}}), rlx::DataError);
  REQUIRE_THROWS_AS(run.ppo.save(file.path), rlx::CheckpointError);
  throws.path = file.path;  // nor at the start of the next call
  REQUIRE_THROWS_WITH(run.ppo.learn(run.rollout(), {.callbacks = {&throws}, .reset_num_timesteps = false}),
                      ContainsSubstring("load the last checkpoint"));
  // The same with an error of the learner itself.
  Run nan(config);
  nan.ppo.learn(nan.rollout());
  nan.ppo.save(file.path);
  const std::string good = nan.ppo.state_hash();
  nan.ppo.parameters().parameters()[0] = std::numeric_limits<float>::quiet_NaN();
  REQUIRE_THROWS_AS(nan.ppo.learn(nan.rollout(), {.reset_num_timesteps = false}), rlx::NumericError);
  REQUIRE_THROWS_WITH(nan.ppo.save(file.path), ContainsSubstring("within an iteration"));
  nan.ppo.load(file.path);  // the old file is whole, and loading it makes the learner whole again
  REQUIRE(nan.ppo.state_hash() == good);
  nan.ppo.save(file.path);
  // So does another iteration, from which a resumed run continues exactly.
  run.ppo.learn(run.rollout(), {.reset_num_timesteps = false});
  run.ppo.save(file.path);
  run.ppo.learn(2 * run.rollout(), {.reset_num_timesteps = false});
  Run resumed(config, 2);
  resumed.ppo.load(file.path);
  resumed.ppo.learn(2 * run.rollout(), {.reset_num_timesteps = false});
  REQUIRE(resumed.ppo.state_hash() == run.ppo.state_hash());
}

TEST_CASE("The means of the last episodes begin anew with the timesteps", "[rl][ppo]") {
  rlx::PpoConfig config = small_config();
  config.stats_window_size = 1000;
  Run run(config);
  run.ppo.learn(3 * run.rollout());
  const std::uint64_t before = run.ppo.num_episodes();
  run.ppo.learn(run.rollout(), {.reset_num_timesteps = false});
  REQUIRE(run.ppo.num_episodes() > before);
  struct Sum final : rlx::Callback {
    double sum = 0.0;
    std::uint64_t episodes = 0;
    bool on_episode(rlx::Learner&, const rlx::EpisodeRecord& record) override {
      sum += record.statistics.episode_return;
      REQUIRE(record.number == ++episodes);
      return true;
    }
  } sum;
  run.ppo.learn(run.rollout(), {.callbacks = {&sum}});
  REQUIRE(run.ppo.num_episodes() == sum.episodes);
  REQUIRE_THAT(run.ppo.mean_episode_return(), WithinRel(sum.sum / static_cast<double>(sum.episodes), 1e-12));
  Run none(config);
  none.ppo.learn(2 * none.rollout());
  none.ppo.learn(0);
  REQUIRE_FALSE(rlx::is_finite(none.ppo.mean_episode_return()));
}

TEST_CASE("A batch size that does not divide the rollout is said once, in the log and in the manifest", "[rl][ppo]") {
  const TemporaryFile file("warned");
  rlx::PpoConfig config = small_config();
  config.batch_size = 100;  // of 384 rows
  Run run(config);
  std::ostringstream out;
  rlx::Logger logger;
  logger.add<rlx::ConsoleTable>(out);
  rlx::RunManifest manifest(file.path + ".manifest");
  rlx::ManifestCallback record(manifest);
  run.ppo.learn(2 * run.rollout(), {.callbacks = {&record}, .logger = &logger});
  run.ppo.learn(run.rollout(), {.callbacks = {&record}, .logger = &logger, .reset_num_timesteps = false});
  std::remove(manifest.path().c_str());
  const std::string text = "batch_size 100 does not divide n_steps * num_envs = 384";
  const std::size_t first = out.str().find(text);
  REQUIRE(first != std::string::npos);
  REQUIRE(out.str().find(text, first + 1) == std::string::npos);
  REQUIRE_THAT(manifest.fields.at("warnings").at(0).get<std::string>(), ContainsSubstring(text));
}

namespace {

/// One output that is half the value: what it was in the rollout must come back, not the value.
struct HalvedCritic {
  double* largest_change;
  std::size_t outputs() const { return 1; }
  float value(rlx::CriticRow out) const { return 2.0F * out[0]; }
  std::size_t target_width() const { return 1; }
  void prepare(const rlx::RolloutView&, std::span<float> targets) const {
    for (float& t : targets) t /= 2.0F;
  }
  double loss(const rlx::CriticBatch& b, std::span<float>) const {
    for (std::size_t i = 0; i < b.outputs.rows(); ++i)
      *largest_change = std::max(*largest_change, std::abs(static_cast<double>(b.outputs(i, 0) - b.old_outputs(i, 0))));
    return 0.0;
  }
};

}  // namespace

TEST_CASE("A critic whose one output is not the value gets its own old outputs", "[rl][ppo]") {
  double largest_change = 0.0;
  rlx::ThreadPool pool(1);
  rlx::VectorEnv envs({.num_envs = 2, .seed = 1}, pool, [](std::size_t) { return rlx::CartPole(); });
  rlx::Ppo ppo({.n_steps = 16, .batch_size = 32, .n_epochs = 1, .gradient_shards = 1}, envs,
               rlx::nn::mlp_actor_critic({.observation = 4, .action = 2}), pool, HalvedCritic{&largest_change});
  ppo.learn(32);
  REQUIRE(largest_change <= 1e-6);
  REQUIRE(ppo.rollout().values != ppo.rollout().critic_outputs);
}
