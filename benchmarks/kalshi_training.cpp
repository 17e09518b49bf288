// SPDX-License-Identifier: MIT
/// @file
/// @brief PPO on the Kalshi environment with SB3's values (2,048 steps, minibatches of 64, 10 epochs), 8 environments on the
/// default synthetic views: steps/s with updates included and the share of the machine's peak, two threads in wall time and one
/// in processor time, with collection and update apart. Then the seconds of an evaluation of all views of the recorded
/// top-of-book events (RLX_DATA or ../shared/data) with one policy, on one core.
///
/// Usage: kalshi_training [iterations per run, default 4]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <rlx/env/vector_env.hpp>
#include <rlx/io/gzip.hpp>
#include <rlx/kalshi/environment.hpp>
#include <rlx/kalshi/evaluation.hpp>
#include <rlx/kalshi/import_bbo.hpp>
#include <rlx/kalshi/session_builder.hpp>
#include <rlx/kalshi/synthetic_session.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/rl/ppo.hpp>

#include "common.hpp"
#include "phase_timer.hpp"

namespace {

namespace kalshi = rlx::kalshi;
using Views = std::shared_ptr<const kalshi::ViewSet>;

constexpr std::size_t num_envs = 8;

rlx::nn::GraphSpec network() { return rlx::nn::mlp_actor_critic({.observation = kalshi::feature_count, .action = 5}); }

Views synthetic_views() {
  std::vector<kalshi::MarketSessionView> views;
  for (const kalshi::SyntheticSession& made : kalshi::generate_sessions()) kalshi::append_views(made.session, {}, views);
  return std::make_shared<const kalshi::ViewSet>(std::move(views));
}

/// Medians of five runs. @return a policy
rlx::InferencePolicy train(const Views& views, std::size_t threads, std::size_t iterations, double peak) {
  rlx::ThreadPool pool(threads);
  rlx::VectorEnv envs({.num_envs = num_envs, .seed = 1}, pool,
                      [&](std::size_t) { return kalshi::MarketAgnosticKalshiEnv(views); });
  rlx::PpoConfig config;
  config.ent_coef = 0.01;
  rlx::Ppo ppo(config, envs, network(), pool);
  const std::size_t rows = config.n_steps * num_envs;
  ppo.learn(rows);
  bench::PhaseTimer timer;
  std::vector<double> rates, cpu_rates, shares;
  for (int run = 0; run < 5; ++run) {
    const double flops = ppo.total_flops(), start = bench::wall_seconds(), cpu_start = bench::cpu_seconds();
    ppo.learn(iterations * rows, {.callbacks = {&timer}, .reset_num_timesteps = false});
    const double wall = bench::wall_seconds() - start, cpu = bench::cpu_seconds() - cpu_start;
    rates.push_back(static_cast<double>(iterations * rows) / wall);
    cpu_rates.push_back(static_cast<double>(iterations * rows) / cpu);
    const double seconds = threads == 1 ? cpu : wall * static_cast<double>(threads);
    shares.push_back(100e-9 * (ppo.total_flops() - flops) / seconds / peak);
  }
  const std::string name = "kalshi training: PPO, " + std::to_string(threads) + (threads == 1 ? " thread" : " threads");
  const std::string more = bench::member("wall", bench::median(rates)) + ", " + bench::member("cpu", bench::median(cpu_rates));
  bench::print(name, bench::median(threads == 1 ? cpu_rates : rates), "steps/s", more);
  bench::print(name + ", of the peak", bench::median(shares), "%", bench::member("machine_peak_gflops", peak));
  if (threads == 1) {
    const double collection = bench::median(timer.collections), update = bench::median(timer.updates);
    const double flops = 3.0 * static_cast<double>(ppo.graph().flops_per_row()) * static_cast<double>(rows * config.n_epochs);
    bench::print("kalshi training: collection", static_cast<double>(rows) / collection, "steps/s");
    bench::print("kalshi training: update, of the peak", 100e-9 * flops / update / peak, "%",
                 bench::member("milliseconds", 1e3 * update));
    bench::print("kalshi training: update, of the time", 100.0 * update / (update + collection), "%");
  }
  return ppo.policy();
}

/// All views of the recorded events; nothing if they are absent.
std::vector<kalshi::MarketSessionView> recorded_views() {
  const char* const root = std::getenv("RLX_DATA");
  const std::filesystem::path folder =
      std::filesystem::path(root != nullptr && *root != '\0' ? root : "../shared/data") / "kalshi/kxhighny_bbo";
  std::vector<std::string> files;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failed)) {
    if (entry.path().filename().string().starts_with("market_data_")) files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  if (files.empty()) {
    std::fprintf(stderr, "skipped: evaluation of the recorded views: %s is absent (set RLX_DATA)\n", folder.string().c_str());
  }
  std::vector<kalshi::MarketSessionView> views;
  for (const std::string& file : files) {
    kalshi::SessionBuilder builder;
    kalshi::BboImportConfig config;
    config.utc_offset_us = kalshi::parse_utc_offset("-08:00");
    config.file = file;
    kalshi::import_bbo_csv(std::string_view(rlx::io::gunzip_file(file)), config, builder);
    kalshi::append_views(builder.finish(), kalshi::all_views(), views);
  }
  return views;
}

void evaluate(const rlx::InferencePolicy& policy) {
  std::vector<kalshi::MarketSessionView> list = recorded_views();
  if (list.empty()) return;
  const kalshi::ViewSet views(std::move(list));
  std::vector<double> seconds;
  double steps = 0.0;
  for (int run = 0; run < 5; ++run) {
    const double start = bench::thread_seconds();
    const kalshi::EvaluationTable table = kalshi::evaluate_markets(policy, views, {}, {});
    seconds.push_back(bench::thread_seconds() - start);
    steps = 0.0;
    for (const kalshi::MarketResult& market : table.markets) steps += static_cast<double>(market.steps);
  }
  bench::print("kalshi evaluation: recorded views", bench::median(seconds), "s",
               bench::member("views", static_cast<double>(views.size())) + ", " + bench::member("steps", steps));
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t iterations = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 4;
  const double peak = bench::peak_gflops();
  const Views views = synthetic_views();
  train(views, 2, iterations, peak);
  evaluate(train(views, 1, iterations, peak));
}
