// SPDX-License-Identifier: MIT
/// @file
/// @brief Learning gates: what a learner must reach on a task within a number of steps, over ten seeds.
///
/// A gate trains one learner per seed and scores it; seeds run in parallel, each on one thread with a pool of its own. Gates
/// are listed by the files beside this one, run by tests/learning/gates.cpp (one test case each) and by
/// benchmarks/learning_gates.cpp, which prints the table of benchmarks/results/learning.md.
#ifndef RLX_TESTS_LEARNING_GATE_HPP
#define RLX_TESTS_LEARNING_GATE_HPP

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <rlx/core/thread_pool.hpp>
#include <rlx/env/vector_env.hpp>
#include <rlx/io/number_text.hpp>
#include <rlx/nn/graph_spec.hpp>
#include <rlx/rl/evaluation.hpp>
#include <rlx/rl/inference_policy.hpp>
#include <rlx/rl/statistics.hpp>

namespace rlx_learning {

/// What the scores of all seeds must fulfil; a limit that is not set is not judged. Without any the scores are reported only.
struct Criterion {
  std::optional<double> every_at_least = {};  ///< each seed's score
  std::optional<double> every_at_most = {};
  std::optional<double> iqm_at_least = {};  ///< interquartile mean of the seeds' scores
  std::optional<double> low_at_least = {};  ///< lower end of its 95 % interval

  bool judges() const { return every_at_least || every_at_most || iqm_at_least || low_at_least; }

  std::string text() const {
    std::string all;
    const auto add = [&](const char* what, const std::optional<double>& limit) {
      if (limit) all += (all.empty() ? "" : ", ") + std::string(what) + rlx::io::trimmed(*limit, 2);
    };
    add("every seed ≥ ", every_at_least);
    add("every seed ≤ ", every_at_most);
    add("IQM ≥ ", iqm_at_least);
    add("interval low ≥ ", low_at_least);
    return judges() ? all : "reported only";
  }
};

/// One row of the table.
struct Gate {
  std::string name;     ///< lower case with dots, such as "ppo.cart_pole"
  std::string task;     ///< environment and number of timesteps
  std::string setting;  ///< whatever differs from the learner's defaults
  Criterion criterion;
  std::function<double(std::uint64_t)> score;  ///< trains with this seed and judges; called from several threads
  std::size_t seeds = 10;
};

/// What a gate's run found.
struct GateResult {
  std::vector<double> scores;  ///< of seeds 1, 2, ...
  rlx::Interval iqm;           ///< interquartile mean and its 95 % bootstrap interval over the seeds
  bool passed = false;
  double seconds = 0.0;

  double worst() const { return *std::min_element(scores.begin(), scores.end()); }
  double best() const { return *std::max_element(scores.begin(), scores.end()); }
};

inline bool meets(const Criterion& criterion, const GateResult& result) {
  return (!criterion.every_at_least || result.worst() >= *criterion.every_at_least) &&
         (!criterion.every_at_most || result.best() <= *criterion.every_at_most) &&
         (!criterion.iqm_at_least || result.iqm.estimate >= *criterion.iqm_at_least) &&
         (!criterion.low_at_least || result.iqm.low >= *criterion.low_at_least);
}

/// Runs all seeds on `threads` threads. The scores do not depend on their number. @throws what a seed threw
inline GateResult run_gate(const Gate& gate, std::size_t threads) {
  const auto begin = std::chrono::steady_clock::now();
  GateResult result;
  result.scores.resize(gate.seeds);
  std::vector<std::exception_ptr> errors(gate.seeds);
  std::atomic<std::size_t> next{0};
  // Plain threads: a learner uses a pool, which may not be used from inside a shard of another one.
  const auto work = [&] {
    for (std::size_t i = next++; i < gate.seeds; i = next++) {
      try {
        result.scores[i] = gate.score(i + 1);
      } catch (...) {
        errors[i] = std::current_exception();
      }
    }
  };
  {
    std::vector<std::jthread> others;
    for (std::size_t t = 1; t < std::min(threads, gate.seeds); ++t) others.emplace_back(work);
    work();
  }
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
  result.iqm =
      rlx::bootstrap_interval(result.scores, [](std::span<const double> s) { return rlx::interquartile_mean(s); }, {.seed = 1});
  result.passed = meets(gate.criterion, result);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return result;
}

/// Header and separator of the table that `table_row` fills.
inline std::string table_head() {
  return "| Gate | Task | Setting | Required | IQM of 10 seeds | 95 % interval | Worst | Best | Met | Seconds |\n"
         "|---|---|---|---|---:|---|---:|---:|---|---:|\n";
}

inline std::string table_row(const Gate& gate, const GateResult& r) {
  using rlx::io::fixed;
  return "| " + gate.name + " | " + gate.task + " | " + gate.setting + " | " + gate.criterion.text() + " | " +
         fixed(r.iqm.estimate, 2) + " | " + fixed(r.iqm.low, 2) + " to " + fixed(r.iqm.high, 2) + " | " + fixed(r.worst(), 2) +
         " | " + fixed(r.best(), 2) + " | " + (gate.criterion.judges() ? (r.passed ? "yes" : "**no**") : "-") + " | " +
         fixed(r.seconds, 0) + " |";
}

/// One JSON object without a line end.
inline std::string json_line(const Gate& gate, const GateResult& r) {
  using rlx::io::fixed;
  std::string scores;
  for (const double s : r.scores) {
    if (!scores.empty()) scores += ',';
    scores += fixed(s, 4);
  }
  return "{\"name\":\"learning/" + gate.name + "\",\"value\":" + fixed(r.iqm.estimate, 4) +
         ",\"unit\":\"iqm\",\"low\":" + fixed(r.iqm.low, 4) + ",\"high\":" + fixed(r.iqm.high, 4) + ",\"scores\":[" + scores +
         "],\"met\":" + (r.passed ? "true" : "false") + ",\"seconds\":" + fixed(r.seconds, 1) + '}';
}

/// How a learner is trained and judged.
struct TrainOptions {
  std::uint64_t timesteps = 0;  ///< 0: judged untrained
  std::size_t num_envs = 1;
  std::size_t episodes = 100;  ///< of the deterministic policy, on seeds that training never saw
};

/// Trains one learner on copies of `make` and returns the mean raw return of the evaluation.
/// @param make_learner  make_learner(envs, pool) returns a learner on them, whose configuration has the same seed.
template <class MakeEnv, class MakeLearner>
double train_and_score(std::uint64_t seed, const TrainOptions& options, MakeEnv make, MakeLearner make_learner) {
  rlx::ThreadPool pool(1);
  rlx::VectorEnv envs({.num_envs = options.num_envs, .seed = seed}, pool, make);
  auto learner = make_learner(envs, pool);
  if (options.timesteps != 0) learner.learn(options.timesteps);
  return rlx::evaluate_policy(learner.policy(), make, {.n_eval_episodes = options.episodes, .seed = seed + 1'000}).mean_reward;
}

// One function for each file of gates; `all_gates` (gates.hpp) joins them.
std::vector<Gate> identity_gates();
std::vector<Gate> ring_gates();
std::vector<Gate> continuous_gates();
std::vector<Gate> classic_gates();
std::vector<Gate> memory_gates();
std::vector<Gate> network_gates();
std::vector<Gate> ladder_gates();
std::vector<Gate> offline_gates();
std::vector<Gate> quantile_risk_gates();
std::vector<Gate> cvar_risk_gates();

inline std::vector<Gate> all_gates() {
  std::vector<Gate> all;
  for (auto* const list : {identity_gates, continuous_gates, ring_gates, classic_gates, memory_gates, network_gates,
                           ladder_gates, offline_gates, quantile_risk_gates, cvar_risk_gates}) {
    for (Gate& gate : list()) all.push_back(std::move(gate));
  }
  return all;
}

}  // namespace rlx_learning

#endif  // RLX_TESTS_LEARNING_GATE_HPP
