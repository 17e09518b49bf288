// SPDX-License-Identifier: MIT
/// @file
/// @brief How much faster two threads are than one, in wall time: VectorEnv with an environment of 1 us per step, collection,
/// update, and whole iterations of `learn`.
///
/// One and two threads take turns in short runs. The ratio is that of the fastest runs, because other processes can only make a
/// run slower. Where both cores are never free at once that ratio says nothing; then look at the lines that end in `_cpu`: the
/// same ratio of the processor time of the busiest thread (median runs), which leaves out only the time spent asleep.
///
/// Usage: scaling [runs of each, default 25] [part of a case's name, default all]
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <rlx/env/classic/cart_pole.hpp>
#include <rlx/env/vector_env.hpp>
#include <rlx/rl/ppo.hpp>

#include "common.hpp"

namespace {

struct Lap {
  double wall, busiest;  // seconds that passed, and processor seconds of the thread that took most
};
using Samples = std::array<std::vector<Lap>, 2>;  // with one and with two threads

/// Laps of work that a pool does.
class Stopwatch {
 public:
  explicit Stopwatch(rlx::ThreadPool& pool) : pool_(&pool), last_(now()) {}
  Lap lap() {
    const Times current = now();
    Lap result{current.wall - last_.wall, 0.0};
    for (std::size_t t = 0; t < 2; ++t) result.busiest = std::max(result.busiest, current.threads[t] - last_.threads[t]);
    last_ = now();
    return result;
  }

 private:
  struct Times {
    double wall = 0.0;
    std::array<double, 2> threads{};
  };
  Times now() {
    Times times;
    times.wall = bench::wall_seconds();
    pool_->run(pool_->size(), [&](std::size_t t) { times.threads[t] = bench::thread_seconds(); });
    return times;
  }
  rlx::ThreadPool* pool_;
  Times last_;
};

void print(const std::string& name, const Samples& samples) {
  std::array<double, 2> fastest{}, busiest{};
  for (std::size_t i = 0; i < 2; ++i) {
    std::vector<double> wall, cpu;
    for (const Lap& lap : samples[i]) {
      wall.push_back(lap.wall);
      cpu.push_back(lap.busiest);
    }
    fastest[i] = bench::quantile(wall, 0.0);
    busiest[i] = bench::median(cpu);
  }
  const auto line = [](const std::string& what, const std::array<double, 2>& seconds) {
    bench::print("scaling_" + what, seconds[0] / seconds[1], "times",
                 bench::member("one_thread_ms", 1e3 * seconds[0]) + ", " + bench::member("two_threads_ms", 1e3 * seconds[1]));
  };
  line(name, fastest);
  line(name + "_cpu", busiest);
}

/// A step that computes for about a microsecond.
class SlowEnv {
 public:
  using ActionScalar = std::int32_t;
  struct Info {};
  explicit SlowEnv(std::size_t rounds) : rounds_(rounds) {}
  const rlx::Box& observation_space() const { return box_; }
  const rlx::Discrete& action_space() const { return actions_; }
  const Info& info() const { return info_; }
  void reset(std::uint64_t seed, std::span<float> row) {
    state_ = seed;
    steps_ = 0;
    std::fill(row.begin(), row.end(), 0.0F);
  }
  rlx::Transition step(std::span<const std::int32_t>, std::span<float> row) {
    for (std::size_t i = 0; i < rounds_; ++i) state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    row[0] = static_cast<float>(state_ >> 40) * 0x1.0p-24F;
    return {1.0, false, ++steps_ == 200};
  }

 private:
  rlx::Box box_ = rlx::Box::uniform(4, 0.0F, 1.0F);
  rlx::Discrete actions_{2};
  Info info_;
  std::size_t rounds_;
  std::uint64_t state_ = 0;
  int steps_ = 0;
};

std::size_t rounds_of_a_microsecond() {
  constexpr std::size_t rounds = 1'000'000;
  SlowEnv env(rounds);
  std::array<float, 4> row{};
  env.reset(1, row);
  std::vector<double> samples(9);
  for (double& sample : samples) {
    const double start = bench::cpu_seconds();
    env.step({}, row);
    sample = bench::cpu_seconds() - start;
  }
  return static_cast<std::size_t>(1e-6 * rounds / bench::median(samples));
}

void measure_stepping(std::size_t runs) {
  constexpr std::size_t n = 1024;
  const std::size_t rounds = rounds_of_a_microsecond();
  rlx::ThreadPool one(1), two(2);
  const auto make = [&](std::size_t) { return SlowEnv(rounds); };
  rlx::VectorEnv first({.num_envs = n, .seed = 1}, one, make);
  rlx::VectorEnv second({.num_envs = n, .seed = 1}, two, make);
  const std::vector<std::int32_t> actions(n);
  first.reset();
  second.reset();
  Samples samples;
  std::array<Stopwatch, 2> watches{Stopwatch(one), Stopwatch(two)};
  for (std::size_t run = 0; run < runs; ++run) {
    for (std::size_t i = 0; i < 2; ++i) {
      watches[i].lap();
      for (int step = 0; step < 10; ++step) (i == 0 ? first : second).step({actions.data(), n, 1});
      samples[i].push_back(watches[i].lap());
    }
  }
  print("vector_env_1us_n1024", samples);
}

/// Every collection, every update and both together.
class PhaseTimer : public rlx::Callback {
 public:
  explicit PhaseTimer(rlx::ThreadPool& pool) : watch_(pool) {}
  std::vector<Lap> collections, updates, iterations;
  void on_rollout_start(rlx::Learner&) override { watch_.lap(); }
  bool on_rollout_end(rlx::Learner&) override {
    collections.push_back(watch_.lap());
    return true;
  }
  bool on_update_end(rlx::Learner&) override {
    updates.push_back(watch_.lap());
    iterations.push_back({collections.back().wall + updates.back().wall, collections.back().busiest + updates.back().busiest});
    return true;
  }

 private:
  Stopwatch watch_;
};

template <class Make>
void measure_learning(const std::string& name, Make make, const rlx::nn::GraphSpec& graph, std::size_t num_envs,
                      const rlx::PpoConfig& config, std::size_t runs) {
  rlx::ThreadPool one(1), two(2);
  rlx::VectorEnv first_envs({.num_envs = num_envs, .seed = 1}, one, make);
  rlx::VectorEnv second_envs({.num_envs = num_envs, .seed = 1}, two, make);
  rlx::Ppo first(config, first_envs, graph, one);
  rlx::Ppo second(config, second_envs, graph, two);
  const std::size_t rows = num_envs * config.n_steps;
  PhaseTimer first_timer(one), second_timer(two);
  first.learn(rows);
  second.learn(rows);
  for (std::size_t run = 0; run < runs; ++run) {
    first.learn(rows, {.callbacks = {&first_timer}, .reset_num_timesteps = false});
    second.learn(rows, {.callbacks = {&second_timer}, .reset_num_timesteps = false});
  }
  print("collect_" + name, {first_timer.collections, second_timer.collections});
  print("update_" + name, {first_timer.updates, second_timer.updates});
  print("learn_" + name, {first_timer.iterations, second_timer.iterations});
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t runs = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 25;
  const char* const only = argc > 2 ? argv[2] : "";
  const auto wanted = [&](const char* name) { return std::strstr(name, only) != nullptr; };
  const auto cart_pole = [](std::size_t) { return rlx::CartPole(); };
  const auto wide = [](std::size_t) { return bench::WideEnv(); };
  const auto mlp = rlx::nn::mlp_actor_critic({.observation = 4, .action = 2});
  rlx::PpoConfig config;
  if (wanted("vector_env")) measure_stepping(runs);
  config.n_epochs = 1;
  config.n_steps = 256;
  config.batch_size = 64;
  if (wanted("64_64")) measure_learning("64_64_n64_batch64", cart_pole, mlp, 64, config, runs);
  config.batch_size = 256;
  config.n_steps = 64;
  if (wanted("792k"))
    measure_learning("792k_n16_batch256", wide, bench::modular_792k(), 16, config, std::max<std::size_t>(3, runs / 2));
}
