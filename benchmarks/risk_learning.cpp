// SPDX-License-Identifier: MIT
/// @file
/// @brief What risk-aware learning costs: the quantile loss, advantages of a distortion, CVaR terms, and PPO with a quantile
/// critic of 32 atoms against the scalar one. Processor time of one thread, medians.
///
/// Usage: risk_learning [part of a row's name, default all]
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/env/classic/cart_pole.hpp>
#include <rlx/env/vector_env.hpp>
#include <rlx/rl/distorted_advantage.hpp>
#include <rlx/rl/episode_cvar.hpp>
#include <rlx/rl/ppo.hpp>
#include <rlx/rl/quantile_critic.hpp>
#include <rlx/rl/step_cvar.hpp>

#include "common.hpp"

namespace {

/// Median of 21 runs. @param factor  of seconds to the unit
template <class F>
void measure(const char* name, const char* unit, double factor, F&& f) {
  std::vector<double> samples(21);
  double sink = f();
  for (double& sample : samples) {
    const double start = bench::thread_seconds();
    sink += f();
    sample = factor * (bench::thread_seconds() - start);
  }
  bench::print(name, bench::median(samples), unit,
               bench::member("fastest", bench::quantile(samples, 0.0)) + ", " + bench::member("checksum", sink));
}

/// A rollout of 128 steps of 128 environments with 32 atoms and episodes of 40 steps.
struct Rows {
  static constexpr std::size_t T = 128, N = 128, rows = T * N, K = 32;
  Rows() : rewards(rows), outputs(rows * K), last(N * K), targets(rows * K), terminated(rows), truncated(rows) {
    rlx::RandomStream random({3, rlx::Purpose::user});
    for (std::vector<float>* x : {&rewards, &outputs, &last}) {
      for (float& value : *x) value = static_cast<float>(random.normal());
    }
    for (std::uint32_t n = 0; n < N; ++n) {
      for (std::uint32_t begin = 0; begin < T; begin += 40) {
        const auto end = std::min<std::uint32_t>(begin + 40, T);
        if (end - begin == 40) terminated[(end - 1) * N + n] = 1;
        episodes.push_back({n, begin, end, random.normal(), end - begin == 40});
      }
    }
    view.n_steps = T;
    view.num_envs = N;
    view.rewards = view.scaled_rewards = rewards;
    view.terminated = terminated;
    view.truncated = truncated;
    view.critic_outputs = view.final_critic_outputs = {outputs.data(), rows, K};
    view.last_critic_outputs = {last.data(), N, K};
    view.targets = {targets.data(), rows, K};
    view.episodes = episodes;
    view.gamma = 0.99;
    view.gae_lambda = 0.95;
  }
  std::vector<float> rewards, outputs, last, targets;
  std::vector<std::uint8_t> terminated, truncated;
  std::vector<rlx::EpisodeSlice> episodes;
  rlx::RolloutView view;
};

/// Adds up how long the targets took.
struct TimedCritic : rlx::QuantileCritic {
  void prepare(const rlx::RolloutView& rollout, std::span<float> targets) const {
    const double start = bench::cpu_seconds();
    rlx::QuantileCritic::prepare(rollout, targets);
    *seconds = bench::cpu_seconds() - start;
  }
  double* seconds = nullptr;
};

class UpdateTimer : public rlx::Callback {
 public:
  double seconds = 0.0;  ///< of the last update
  bool on_rollout_end(rlx::Learner&) override {
    began_ = bench::cpu_seconds();
    return true;
  }
  bool on_update_end(rlx::Learner&) override {
    seconds = bench::cpu_seconds() - began_;
    return true;
  }

 private:
  double began_ = 0.0;
};

/// The same training with each critic in turn; medians of the ratios of neighbours, so that a slow machine slows both.
void compare_critics(const std::string& name, const rlx::PpoConfig& config, std::size_t num_envs) {
  rlx::ThreadPool pool(1);
  const auto make = [](std::size_t) { return rlx::CartPole(); };
  rlx::VectorEnv scalar_envs({.num_envs = num_envs, .seed = 1}, pool, make),
      quantile_envs({.num_envs = num_envs, .seed = 1}, pool, make);
  rlx::Ppo scalar(config, scalar_envs, rlx::nn::mlp_actor_critic({.observation = 4, .action = 2}), pool);
  double targets = 0.0;
  TimedCritic critic;
  critic.seconds = &targets;
  rlx::Ppo quantile(config, quantile_envs,
                    rlx::nn::mlp_actor_critic({.observation = 4, .action = 2, .value = critic.outputs()}), pool, critic,
                    rlx::DistortedAdvantage(rlx::risk::Distortion::cvar(0.25)));
  const std::uint64_t steps = config.n_steps * num_envs;
  UpdateTimer scalar_timer, quantile_timer;
  const auto iterate = [&](auto& learner, UpdateTimer& timer) {
    const double start = bench::cpu_seconds();
    learner.learn(steps, {.callbacks = {&timer}, .reset_num_timesteps = false});
    return bench::cpu_seconds() - start;
  };
  std::vector<double> rates, costs, scalar_rates, quantile_rates;
  for (int i = 0; i < 41; ++i) {
    const double a = iterate(scalar, scalar_timer), b = iterate(quantile, quantile_timer);
    if (i == 0) continue;
    rates.push_back(100.0 * a / b);
    costs.push_back((quantile_timer.seconds + targets) / scalar_timer.seconds);
    scalar_rates.push_back(static_cast<double>(steps) / a);
    quantile_rates.push_back(static_cast<double>(steps) / b);
  }
  bench::print("quantile_ppo_rate_" + name, bench::median(rates), "% of the scalar critic's",
               bench::member("scalar_steps_per_second", bench::median(scalar_rates)) + ", " +
                   bench::member("quantile_steps_per_second", bench::median(quantile_rates)));
  bench::print("quantile_ppo_update_" + name, bench::median(costs), "x the scalar critic's, targets included");
}

}  // namespace

int main(int argc, char** argv) {
  const char* const only = argc > 1 ? argv[1] : "";
  const auto wanted = [&](const char* name) { return std::strstr(name, only) != nullptr; };
  Rows rows;
  const rlx::QuantileCritic critic;
  critic.prepare(rows.view, rows.targets);
  constexpr std::size_t batch = 256, k = Rows::K;
  if (wanted("quantile_huber_b256_k32_m32")) {
    std::vector<float> theta(batch * k), d(k);
    for (std::size_t i = 0; i < batch; ++i) critic.atoms(rows.view.critic_outputs.row(i), std::span(theta).subspan(i * k, k));
    measure("quantile_huber_b256_k32_m32", "us", 1e6, [&] {
      double sum = 0;
      for (std::size_t i = 0; i < batch; ++i) {
        sum += rlx::quantile_huber<float>(std::span<const float>(theta).subspan(i * k, k), rows.view.targets.row(i),
                                          static_cast<float>(critic.kappa()), rlx::Reduction::mean, d);
      }
      return sum + static_cast<double>(d[0]);
    });
  }
  if (wanted("quantile_critic_loss_b256_k32")) {
    std::vector<float> d(batch * k);
    const rlx::CriticBatch rows_of_batch{
        {rows.outputs.data(), batch, k}, {rows.outputs.data(), batch, k}, {rows.targets.data(), batch, k}, batch, {}, {}};
    measure("quantile_critic_loss_b256_k32", "us", 1e6, [&] { return critic.loss(rows_of_batch, d); });
  }
  if (wanted("quantile_targets_16384_k32")) {
    std::vector<float> targets(rows.targets.size());
    measure("quantile_targets_16384_k32", "ms", 1e3, [&] {
      critic.prepare(rows.view, targets);
      return critic.kappa();
    });
  }
  std::vector<float> advantages(Rows::rows);
  const auto measure_objective = [&](const char* name, auto objective) {
    if (!wanted(name)) return;
    measure(name, "ms", 1e3, [&] {
      objective.on_rollout(rows.view, advantages);
      return static_cast<double>(advantages[0]);
    });
  };
  measure_objective("influence_advantage_16384_k32", rlx::DistortedAdvantage(rlx::risk::Distortion::wang(0.75)));
  measure_objective("episode_cvar_16384", rlx::EpisodeCvar({.tail = {0.05}, .cvar_weight = 1.0}));
  measure_objective("step_cvar_16384", rlx::StepCvar({.tail = {0.05}, .cvar_weight = 1.0}));

  rlx::PpoConfig sb3;
  sb3.seed = 1;
  sb3.n_steps = 512;
  rlx::PpoConfig wide = sb3;
  wide.n_steps = 128;
  wide.batch_size = 256;
  wide.n_epochs = 4;
  if (wanted("quantile_ppo_batch64")) compare_critics("batch64", sb3, 8);
  if (wanted("quantile_ppo_batch256")) compare_critics("batch256", wide, 16);
}
