// SPDX-License-Identifier: MIT
/// @file
/// @brief What the tests of the learners share: environments for each action space, a learner with all that must outlive it,
/// and the properties that every learner has.
#ifndef RLX_TESTS_RL_TRAINING_RUN_HPP
#define RLX_TESTS_RL_TRAINING_RUN_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <unistd.h>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/core/state.hpp>
#include <rlx/core/thread_pool.hpp>
#include <rlx/env/testing.hpp>
#include <rlx/env/vector_env.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/rl/a2c.hpp>
#include <rlx/rl/callbacks.hpp>
#include <rlx/rl/ppo.hpp>

#include "counting_allocator.hpp"
#include "rlx_catch.hpp"

namespace rlx_test {

constexpr float nan_f = std::numeric_limits<float>::quiet_NaN();

/// A learner and everything that must outlive it. @tparam L Ppo<E> or A2c<E>
template <class L, class E>
struct TrainingRun {
  using Learner = L;
  TrainingRun(typename L::Config config, rlx::nn::GraphSpec graph, std::function<E(std::size_t)> make, std::size_t threads = 1,
              std::size_t num_envs = 16)
      : pool(threads), envs({.num_envs = num_envs, .seed = 3}, pool, make), learner(config, envs, graph, pool) {}
  std::uint64_t rollout() const { return learner.config().n_steps * envs.num_envs(); }

  rlx::ThreadPool pool;
  rlx::VectorEnv<E> envs;
  L learner;
};

/// A file of this process that goes with the object, as does the text beside it.
struct ScratchFile {
  explicit ScratchFile(const std::string& name)
      : path("/tmp/rlx_test_" + name + '_' + std::to_string(::getpid()) + ".safetensors") {}
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  ~ScratchFile() {
    std::remove(path.c_str());
    std::remove(rlx::description_path(path).c_str());
  }
  std::vector<char> bytes() const {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void write(const std::vector<char>& bytes) const {
    std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  std::string path;
};

/// Asks to stop after a number of updates.
struct StopAfter final : rlx::Callback {
  explicit StopAfter(std::uint64_t n) : updates(n) {}
  bool on_update_end(rlx::Learner& learner) override { return learner.n_updates() < updates; }
  std::uint64_t updates;
};

/// Trains after 3 of 7 updates in new objects, whose number of threads is another. @param make_run make_run(threads)
template <class MakeRun>
void require_exact_resume(const std::string& name, MakeRun&& make_run) {
  const auto whole = make_run(1);
  const std::uint64_t rollout = whole->rollout();
  whole->learner.learn(7 * rollout);
  const ScratchFile file("resume_" + name);
  {
    const auto first = make_run(2);
    StopAfter stop(3);
    first->learner.learn(7 * rollout, {.callbacks = {&stop}});
    REQUIRE(first->learner.n_updates() == 3);
    first->learner.save(file.path);
    std::size_t running = 0;  // environments in the middle of an episode
    for (std::size_t e = 0; e < first->envs.num_envs(); ++e) running += first->envs.episode_length(e) != 0 ? 1U : 0U;
    REQUIRE(running > 0);
  }
  const auto second = make_run(3);
  second->learner.load(file.path);
  second->learner.learn(4 * rollout, {.reset_num_timesteps = false});
  REQUIRE(second->learner.n_updates() == 7);
  REQUIRE(second->learner.state_hash() == whole->learner.state_hash());
  // The checkpoints themselves are equal too, byte by byte.
  const ScratchFile one("whole_" + name), other("resumed_" + name);
  whole->learner.save(one.path);
  second->learner.save(other.path);
  REQUIRE(one.bytes() == other.bytes());
}

/// The minibatches of a learner are large enough to be handed to the threads of its pool.
template <class L>
void require_update_on_pool(const L& learner) {
  const auto& config = learner.config();
  std::uint64_t rows = 0;
  if constexpr (requires { config.batch_size; }) {
    rows = config.batch_size;
  } else {
    rows = config.n_steps * learner.environments().num_envs();
  }
  REQUIRE(learner.graph().flops_per_row() * rows >= rlx::detail::little_work);
  REQUIRE(learner.gradient_shards() >= 3);
}

/// The digest after 5 updates is the same for any number of threads. @param make_run make_run(threads)
template <class MakeRun>
void require_equal_for_all_threads(MakeRun&& make_run) {
  std::string expected;
  for (const std::size_t threads : {1U, 2U, 3U, 8U}) {
    const auto run = make_run(threads);
    require_update_on_pool(run->learner);
    run->learner.learn(5 * run->rollout());
    REQUIRE(run->learner.n_updates() == 5);
    if (expected.empty()) expected = run->learner.state_hash();
    REQUIRE(run->learner.state_hash() == expected);
  }
}

/// No heap allocation between the second and the tenth update.
template <class Run>
void require_no_allocation(Run& run) {
  struct Watch final : rlx::Callback {
    std::uint64_t at_second = 0, at_tenth = 0;
    bool on_update_end(rlx::Learner& learner) override {
      if (learner.n_updates() == 2) at_second = allocations();
      if (learner.n_updates() == 10) at_tenth = allocations();
      return true;
    }
  } watch;
  run.learner.learn(11 * run.rollout(), {.callbacks = {&watch}});
  REQUIRE(watch.at_second != 0);
  REQUIRE(watch.at_tenth == watch.at_second);
}

/// Logging, callbacks and evaluation in every update, against none of them. @param make_run make_run(threads)
template <class MakeRun, class MakeEnv>
void require_unwatched_bytes(MakeRun&& make_run, MakeEnv&& make_env) {
  const auto plain = make_run(1);
  plain->learner.learn(4 * plain->rollout());
  struct Watch final : rlx::Callback {
    std::size_t episodes = 0;
    bool on_episode(rlx::Learner& learner, const rlx::EpisodeRecord&) override {
      ++episodes;
      static_cast<void>(learner.policy());
      return true;
    }
  } watch;
  const auto watched = make_run(2);
  rlx::EvalCallback both(make_env, {.eval_freq = watched->rollout(), .n_eval_episodes = 2, .both = true});
  rlx::Logger logger;
  rlx::CheckpointCallback saver({.save_freq = watched->rollout(),
                                 .path = "/tmp",
                                 .prefix = "rlx_test_watched_" + std::to_string(::getpid()),
                                 .keep_last = 1});
  watched->learner.learn(4 * watched->rollout(), {.callbacks = {&watch, &both, &saver}, .logger = &logger, .log_interval = 2});
  for (const std::string& path : saver.saved()) {
    std::remove(path.c_str());
    std::remove(rlx::description_path(path).c_str());
  }
  REQUIRE(watch.episodes > 0);
  REQUIRE(logger.value("eval/mean_reward") == logger.value("eval/mean_reward"));
  REQUIRE(watched->learner.state_hash() == plain->learner.state_hash());
}

/// Loading `path` throws a CheckpointError that says `part`, and the learner is as before.
template <class L>
void require_refused(L& learner, const std::string& path, const std::string& part, const rlx::LoadOptions& options = {}) {
  const std::string before = learner.state_hash();
  try {
    learner.load(path, options);
    FAIL("expected CheckpointError with '" + part + "'");
  } catch (const rlx::CheckpointError& error) {
    REQUIRE_THAT(error.what(), ContainsSubstring(part));
    REQUIRE_THAT(error.what(), ContainsSubstring(path));
  }
  REQUIRE(learner.state_hash() == before);
}

/// Repeat three numbers, of which the third has no bounds; some episodes are terminated, others truncated.
class NumbersEnv : public rlx::detail::TestingEnvironment<NumbersEnv, rlx::Box, rlx::NumberInfo> {
 public:
  explicit NumbersEnv(bool bounded = false)
      : TestingEnvironment(bounded ? rlx::Box{{-1.0F, 0.5F, -3.0F}, {1.0F, 2.0F, 3.0F}}
                                   : rlx::Box{{-1.0F, 0.5F, -std::numeric_limits<float>::infinity()},
                                              {1.0F, 2.0F, std::numeric_limits<float>::infinity()}},
                           rlx::Box::uniform(2, -1.0F, 1.0F), 11) {}
  rlx::Transition step(std::span<const float> action, std::span<float> row) {
    double distance = 0.0;
    for (const float a : action) distance += std::abs(static_cast<double>(a) - static_cast<double>(info_.state));
    const bool last = advance(row);
    if (steps_ == nan_observation_at) row[1] = nan_f;
    return {steps_ == nan_reward_at ? std::numeric_limits<double>::quiet_NaN() : -distance, info_.state > 0.8F, last};
  }
  std::uint64_t nan_observation_at = 0, nan_reward_at = 0;  ///< step of the episode, from 1

 private:
  friend TestingEnvironment;
  void draw() { info_.state = 2.0F * stream().uniform<float>() - 1.0F; }
  void write(std::span<float> row) const {
    row[0] = info_.state;
    row[1] = 0.5F - info_.state;
  }
};

/// Say which choices you see; one wrong choice of each component is invalid.
struct MaskedChoicesEnv : rlx::IdentityMultiDiscreteEnv {
  explicit MaskedChoicesEnv(std::vector<std::int64_t> nvec = {3, 4, 2}) : IdentityMultiDiscreteEnv(std::move(nvec), 11) {}
  void action_masks(std::span<std::uint8_t> row) const {
    std::fill(row.begin(), row.end(), std::uint8_t{1});
    std::size_t begin = 0;
    for (std::size_t c = 0; c < info_.state.size(); ++c) {
      const auto n = static_cast<std::size_t>(actions_.nvec[c]);
      row[begin + (static_cast<std::size_t>(info_.state[c]) + 1) % n] = 0;
      begin += n;
    }
  }
};

/// Masked choices whose episodes end either way and come from three sources with rewards of their own.
class SourcedMaskedEnv : public rlx::InvalidActionEnv {
 public:
  SourcedMaskedEnv() : InvalidActionEnv(7, 4, 11) {}
  std::size_t num_sources() const { return 3; }
  void set_source(std::size_t source) { source_ = source; }
  rlx::Transition step(std::span<const std::int32_t> action, std::span<float> row) {
    rlx::Transition transition = InvalidActionEnv::step(action, row);
    transition.reward += 0.25 * static_cast<double>(source_);
    transition.terminated = info().state == 0;
    if (steps_ == nan_observation_at) row[2] = nan_f;
    if (steps_ == nan_reward_at) transition.reward = std::numeric_limits<double>::quiet_NaN();
    return transition;
  }
  std::uint64_t nan_observation_at = 0, nan_reward_at = 0;  ///< step of the episode, from 1
  void save_state(std::vector<std::byte>& bytes) const {
    rlx::StateWriter(bytes).write(static_cast<std::uint64_t>(source_));
    InvalidActionEnv::save_state(bytes);
  }
  void load_state(std::span<const std::byte> bytes) {
    const auto source = rlx::StateReader(bytes).read<std::uint64_t>();
    InvalidActionEnv::load_state(bytes.subspan(sizeof(source)));
    source_ = static_cast<std::size_t>(source);
  }

 private:
  std::size_t source_ = 0;
};

/// Networks for its 7 observations and 7 choices.
inline rlx::nn::GraphSpec mlp_of_seven() {
  return rlx::nn::mlp_actor_critic({.observation = 7, .action = 7, .pi = {32, 16}, .vf = {32}});
}
inline rlx::nn::GraphSpec lstm_of_seven() {
  return rlx::nn::mlp_actor_critic({.observation = 7, .action = 7, .pi = {32}, .vf = {32}, .lstm = 16});
}
inline rlx::nn::GraphSpec slots_of_seven() {
  rlx::nn::SlotSpec spec;
  spec.observation = spec.action = 7;
  spec.flats = {{"flat", 0, 1, 8}};
  spec.slots = {{"slots", 1, 3, 2, 0, 8, 2, 8}};
  spec.fusion = 16;
  spec.fusion_heads = 2;
  spec.feed_forward = 16;
  spec.pi = spec.vf = {16};
  return rlx::nn::slot_actor_critic(spec);
}

/// Chooses by what the episodes so far earned, so that lost state shows.
struct EarningsSampler {
  double earned = 0.0;
  std::size_t source(const rlx::EpisodeKey& key) const {
    return (key.env + static_cast<std::size_t>(key.episode) + static_cast<std::size_t>(earned)) % key.num_sources;
  }
  void update(std::span<const rlx::EpisodeStatistics> finished) {
    for (const rlx::EpisodeStatistics& e : finished) earned += e.episode_return;
  }
  void save_state(rlx::StateWriter& writer) const { writer.write(earned); }
  void load_state(rlx::StateReader& reader) { earned = reader.read<double>(); }
};

/// An action space with the environment that has it and a network that fits both; with hidden layers of `wide`, the updates of
/// its learners run on a pool.
struct Choices {
  using Env = MaskedChoicesEnv;
  static constexpr const char* name = "multi_discrete";
  static constexpr std::size_t wide = 96;
  static constexpr bool squash = false;
  static Env make(std::size_t) { return Env(); }
  static rlx::nn::GraphSpec graph(std::size_t lstm = 0, std::size_t width = 16) {
    return rlx::nn::mlp_actor_critic({.observation = 9, .action = 9, .pi = {width}, .vf = {width}, .lstm = lstm});
  }
};
struct Numbers {
  using Env = NumbersEnv;
  static constexpr const char* name = "box";
  static constexpr std::size_t wide = 256;
  static constexpr bool squash = false;
  static Env make(std::size_t) { return Env(); }
  static rlx::nn::GraphSpec graph(std::size_t lstm = 0, std::size_t width = 16) {
    return rlx::nn::mlp_actor_critic({.observation = 2, .action = 3, .pi = {width}, .vf = {width}, .lstm = lstm});
  }
};
struct Squashed : Numbers {
  static constexpr const char* name = "squashed_box";
  static constexpr bool squash = true;
  static Env make(std::size_t) { return Env(true); }
};
struct Weights {
  using Env = rlx::SimplexBanditEnv;
  static constexpr const char* name = "simplex";
  static constexpr std::size_t wide = 96;
  static constexpr bool squash = false;
  static Env make(std::size_t) { return Env(5, 2, 11); }
  static rlx::nn::GraphSpec graph(std::size_t lstm = 0, std::size_t width = 16) {
    return rlx::nn::mlp_actor_critic({.observation = 10, .action = 5, .pi = {width}, .vf = {width}, .lstm = lstm});
  }
};

/// Multiplies the weights of the head with that many outputs: those of a new network say almost nothing.
inline void strengthen(rlx::nn::ParameterStore<float>& store, std::size_t outputs, float factor) {
  for (const rlx::nn::TensorInfo& tensor : store.layout()) {
    if (tensor.shape.size() != 2 || tensor.shape.back() != outputs) continue;
    for (float& x : store.parameters().subspan(tensor.offset, tensor.size)) x *= factor;
  }
}

/// A critic whose derivative or loss is not a number.
struct NanCritic : rlx::ScalarCritic {
  explicit NanCritic(bool gradient) : in_gradient(gradient) {}
  bool in_gradient;
  double loss(const rlx::CriticBatch& batch, std::span<float> d) const {
    const double value = rlx::ScalarCritic::loss(batch, d);
    if (in_gradient) d[0] = nan_f;
    return in_gradient ? value : std::numeric_limits<double>::quiet_NaN();
  }
};

/// Training `learner` throws a NumericError of that tensor and environment, whose text says `part`.
template <class L>
void require_numeric_error(L& learner, const std::string& tensor, std::optional<std::size_t> env, const std::string& part) {
  const std::string before = learner.parameters().sha256();
  try {
    learner.learn(2 * learner.config().n_steps * learner.rollout().shape.num_envs);
    FAIL("expected NumericError of " + tensor);
  } catch (const rlx::NumericError& error) {
    INFO(error.what());
    REQUIRE(error.tensor() == tensor);
    REQUIRE(error.env() == env);
    REQUIRE_THAT(error.what(), ContainsSubstring(part));
  }
  REQUIRE(learner.parameters().sha256() == before);
}

}  // namespace rlx_test

#endif  // RLX_TESTS_RL_TRAINING_RUN_HPP
