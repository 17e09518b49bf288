// SPDX-License-Identifier: MIT
// Acceptance A1: does a trained agent reach 70 % of the clairvoyant profit on fresh tapes of the planted market, and beat the
// tuned hysteresis rule on each of three training seeds?
//
//   benchmark_funding_acceptance [--seed S]... [--network pointer|modular] [--steps N] [--threads N] [--verbose]
//
// Training seed s: 16 tapes of 60 days (generator seeds 100s+1..16), moderate configuration, model chosen on 4 tapes
// (100s+51..54), judged on 20 fresh tapes of 40 days (1001..1020) with fixed coins. Prints one JSON line per figure.
#include <rlx/funding.hpp>
#include <rlx/rlx.hpp>

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

namespace {

namespace funding = rlx::funding;
using Tape = std::shared_ptr<const funding::MarketTape>;

struct Arguments {
  std::vector<std::uint64_t> seeds;
  std::string network = "pointer";
  std::uint64_t steps = 4'000'000;
  std::size_t threads = 2;
  double learning_rate = 3e-4;
  double entropy = 0.01;
  std::size_t batch = 128;
  bool verbose = false;
};

Arguments parse(int argc, char** argv) {
  Arguments a;
  for (int i = 1; i < argc; ++i) {
    const auto is = [&](const char* name) { return std::strcmp(argv[i], name) == 0 && i + 1 < argc; };
    if (is("--seed"))
      a.seeds.push_back(std::strtoull(argv[++i], nullptr, 10));
    else if (is("--network"))
      a.network = argv[++i];
    else if (is("--steps"))
      a.steps = std::strtoull(argv[++i], nullptr, 10);
    else if (is("--threads"))
      a.threads = std::strtoull(argv[++i], nullptr, 10);
    else if (is("--learning-rate"))
      a.learning_rate = std::strtod(argv[++i], nullptr);
    else if (is("--entropy"))
      a.entropy = std::strtod(argv[++i], nullptr);
    else if (is("--batch"))
      a.batch = std::strtoull(argv[++i], nullptr, 10);
    else if (std::strcmp(argv[i], "--verbose") == 0)
      a.verbose = true;
    else {
      fmt::print(stderr, "usage: {} [--seed S]... [--network pointer|modular] [--steps N] [--threads N] [--verbose]\n",
                 argv[0]);
      std::exit(2);
    }
  }
  if (a.seeds.empty()) a.seeds = {1, 2, 3};
  return a;
}

Tape planted(std::uint64_t seed, int days) {
  return funding::make_synthetic_tape({.preset = funding::SyntheticPreset::planted, .seed = seed, .days = days}).tape;
}

funding::EnvironmentConfig fixed_coins() {
  funding::EnvironmentConfig config{.trading = funding::TradingConfig::moderate()};
  config.sizing = funding::SizingMode::fixed_coins;
  return config;
}

/// The agent as a backtest policy: the most probable allowed action.
struct Agent {
  explicit Agent(const rlx::InferencePolicy& p) : policy(&p), workspace(p.make_workspace()) {}
  int operator()(const funding::DecisionState&, std::span<const float> observation, std::span<const std::uint8_t> mask) {
    std::array<std::int32_t, 1> action{};
    policy->act(observation, mask, action, workspace, rlx::ActOptions{});
    return action[0];
  }
  const rlx::InferencePolicy* policy;
  rlx::InferencePolicy::Workspace workspace;
};

template <class MakePolicy>
std::vector<double> profits(const std::vector<Tape>& tapes, rlx::ThreadPool& pool, MakePolicy&& make) {
  std::vector<double> usd(tapes.size());
  pool.run(tapes.size(), [&](std::size_t i) {
    auto policy = make(i);
    usd[i] = funding::backtest(tapes[i], fixed_coins(), {0, tapes[i]->n_steps()}, policy).profit_usd();
  });
  return usd;
}

double mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

struct ChooseOnValidation final : rlx::Callback {
  ChooseOnValidation(std::vector<Tape> validation_tapes, rlx::ThreadPool& threads, std::uint64_t every_steps, bool talk)
      : tapes(std::move(validation_tapes)), pool(&threads), every(every_steps), verbose(talk) {}
  bool on_update_end(rlx::Learner& learner) override {
    if (learner.num_timesteps() / every == seen) return true;
    seen = learner.num_timesteps() / every;
    const rlx::InferencePolicy policy = learner.policy();
    scores.push_back(mean(profits(tapes, *pool, [&](std::size_t) { return Agent(policy); })));
    const std::size_t n = std::min<std::size_t>(3, scores.size());
    double score = 0.0;
    for (std::size_t i = scores.size() - n; i < scores.size(); ++i) score += scores[i] / static_cast<double>(n);
    if (score > best_score) {
      best_score = score;
      best = std::make_unique<rlx::InferencePolicy>(policy);
      best_step = learner.num_timesteps();
    }
    if (verbose) {
      const rlx::UpdateMetrics& u = learner.last_update();
      fmt::print(
          stderr,
          "{:>9} steps {:6.0f} s  validation {:8.2f} USD  reward {:7.3f}  H' {:.3f}  kl {:.4f}  clip {:.3f}  ev {:.3f}\n",
          learner.num_timesteps(), learner.elapsed_seconds(), scores.back(), learner.mean_episode_return(), u.entropy_rescaled,
          u.approx_kl, u.clip_fraction, u.explained_variance);
    }
    return true;
  }
  std::vector<Tape> tapes;
  rlx::ThreadPool* pool;
  std::uint64_t every, seen = 0;
  bool verbose;
  std::vector<double> scores;
  double best_score = -std::numeric_limits<double>::infinity();
  std::uint64_t best_step = 0;
  std::unique_ptr<rlx::InferencePolicy> best;
};

void print_figure(std::uint64_t seed, const std::string& network, const char* name, double value, const char* unit) {
  fmt::print("{{\"name\":\"funding_a1/{}/seed{}/{}\",\"value\":{:.6g},\"unit\":\"{}\"}}\n", network, seed, name, value, unit);
  std::fflush(stdout);
}

bool run_seed(std::uint64_t s, const Arguments& a, const std::vector<Tape>& test, const std::vector<double>& bound) {
  const auto began = std::chrono::steady_clock::now();
  std::vector<Tape> train, validation;
  for (std::uint64_t i = 1; i <= 16; ++i) train.push_back(planted(100 * s + i, 60));
  for (std::uint64_t i = 51; i <= 54; ++i) validation.push_back(planted(100 * s + i, 60));

  rlx::ThreadPool threads(a.threads);
  const double gamma = funding::default_gamma(train[0]->step_ms());
  rlx::VectorEnv envs({.num_envs = 16, .seed = s}, threads, [&](std::size_t i) {
    return funding::FundingArbitrageEnv(train[i % train.size()], {.trading = funding::TradingConfig::moderate()});
  });
  const auto layout = funding::slots();
  rlx::Ppo ppo({.learning_rate = rlx::nn::Schedule::linear(a.learning_rate, 0.0),
                .n_steps = 128,
                .batch_size = a.batch,
                .n_epochs = 4,
                .gamma = gamma,
                .ent_coef = rlx::nn::Schedule::linear(a.entropy, 0.1 * a.entropy),
                .target_kl = 0.05,
                .normalize_reward = true,
                .seed = s},
               envs, a.network == "modular" ? rlx::nn::slot_actor_critic(layout) : rlx::nn::pointer_actor_critic(layout),
               threads);
  ChooseOnValidation choose(validation, threads, std::max<std::uint64_t>(a.steps / 40, 1), a.verbose);
  ppo.learn(a.steps, {.callbacks = {&choose}});
  const double train_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();

  // The rule's two numbers are tuned on the validation tapes, as the agent's model is.
  funding::HysteresisPolicy tuned;
  double tuned_score = -std::numeric_limits<double>::infinity();
  for (const funding::HysteresisPolicy& candidate : funding::hysteresis_grid()) {
    const double score =
        mean(profits(validation, threads, [&](std::size_t) { return funding::as_backtest_policy(candidate); }));
    if (score > tuned_score) tuned_score = score, tuned = candidate;
  }

  const std::vector<double> agent = profits(test, threads, [&](std::size_t) { return Agent(*choose.best); });
  const std::vector<double> rule = profits(test, threads, [&](std::size_t) { return funding::as_backtest_policy(tuned); });
  std::vector<double> shares(test.size()), differences(test.size());
  for (std::size_t i = 0; i < test.size(); ++i) differences[i] = agent[i] - rule[i];
  const double share = mean(agent) / mean(bound);
  const rlx::risk::Interval interval = rlx::risk::bootstrap_interval(std::span<const double>(differences), mean, {.seed = s});

  print_figure(s, a.network, "share_of_clairvoyant", share, "1");
  print_figure(s, a.network, "hysteresis_share", mean(rule) / mean(bound), "1");
  print_figure(s, a.network, "agent_minus_hysteresis", interval.estimate, "USD per tape");
  print_figure(s, a.network, "agent_minus_hysteresis_low95", interval.low, "USD per tape");
  print_figure(s, a.network, "agent_minus_hysteresis_high95", interval.high, "USD per tape");
  print_figure(s, a.network, "chosen_at_step", static_cast<double>(choose.best_step), "steps");
  print_figure(s, a.network, "train_seconds", train_seconds, "s");
  print_figure(s, a.network, "steps_per_second", static_cast<double>(ppo.num_timesteps()) / train_seconds, "steps/s");
  return share >= 0.70 && interval.low > 0.0;
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments a = parse(argc, argv);
  std::vector<Tape> test;
  std::vector<double> bound;
  for (std::uint64_t seed = 1'001; seed <= 1'020; ++seed) {
    test.push_back(planted(seed, 40));
    bound.push_back(funding::clairvoyant_fixed_coins(*test.back(), {0, test.back()->n_steps()}, fixed_coins()).profit);
  }
  bool met = true;
  for (const std::uint64_t s : a.seeds) met = run_seed(s, a, test, bound) && met;
  fmt::print("{{\"name\":\"funding_a1/{}/met\",\"value\":{},\"unit\":\"bool\"}}\n", a.network, met ? 1 : 0);
  return met ? 0 : 1;
}
