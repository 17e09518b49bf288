// SPDX-License-Identifier: MIT
#include "commands.hpp"
#include "common/run_main.hpp"
#include "market.hpp"
#include "scoring.hpp"

#include <rlx/core/clock.hpp>
#include <rlx/core/thread_pool.hpp>
#include <rlx/env/vector_env.hpp>
#include <rlx/io/atomic_file.hpp>
#include <rlx/io/iso8601.hpp>
#include <rlx/io/number_text.hpp>
#include <rlx/io/progress.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/options/training_policy.hpp>
#include <rlx/rl/inference_policy.hpp>
#include <rlx/rl/ppo.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>

namespace app {
namespace {

constexpr std::size_t episode_ticks = 112;

/// Share done, steps per second, time left: in place on a terminal, a line now and then elsewhere.
class ProgressCallback final : public rlx::Callback {
 public:
  explicit ProgressCallback(std::uint64_t total)
      : progress_({.total = total, .label = "train", .terminal = isatty(STDOUT_FILENO) != 0}, clock_,
                  [](std::string_view text) {
                    std::fwrite(text.data(), 1, text.size(), stdout);
                    std::fflush(stdout);
                  }) {}
  bool on_update_end(rlx::Learner& learner) override {
    progress_.update(learner.num_timesteps(), note(learner));
    return true;
  }
  void on_training_end(rlx::Learner& learner) override { progress_.finish(note(learner)); }

 private:
  static std::string note(const rlx::Learner& learner) {
    return fmt::format("{} % of the coin per episode", rlx::io::signed_fixed(100.0 * learner.mean_episode_return(), 3));
  }
  rlx::SystemClock clock_;
  rlx::io::Progress<rlx::SystemClock> progress_;
};

opt::LadderTapeConfig tape_config(const Agent& agent, const std::string& underlying, std::size_t first, std::size_t last) {
  opt::LadderTapeConfig config;
  config.underlying = underlying;
  config.profiles = opt::active_training_profiles(agent.settings, agent.profiles);
  config.premium_min_pct = agent.settings.training_premium_min_pct;
  config.max_candidates = static_cast<std::size_t>(agent.settings.max_candidates_per_underlying);
  config.first = first;
  config.last = last;
  return config;
}

/// Snapshots first to last as episodes one after the other; a rest shorter than a week is left out.
Range make_range(const Market& market, const Agent& agent, const char* name, std::size_t first, std::size_t last) {
  Range range{name, {}};
  for (const std::string& underlying : agent.settings.underlyings) {
    auto& tapes = range.tapes.emplace_back();
    for (std::size_t begin = first; begin < last; begin += episode_ticks) {
      const std::size_t end = std::min(begin + episode_ticks, last);
      if (!tapes.empty() && end - begin < episode_ticks / 4) break;
      std::visit(
          [&](const auto& chain) {
            tapes.push_back(std::make_shared<const opt::LadderTape>(chain, tape_config(agent, underlying, begin, end)));
          },
          market);
    }
  }
  return range;
}

opt::LadderEnvConfig env_config(const Agent& agent, const opt::LadderTape& tape) {
  opt::LadderEnvConfig config;
  config.limits = opt::ladder_limits(agent.settings);
  if (const auto size = agent.settings.call_size(tape.config().underlying))
    config.call_size = rlx::market::Fixed8::from_double(*size);
  config.episode_ticks = episode_ticks;
  return config;
}

std::vector<Played> compare(const rlx::InferencePolicy& policy, const Range& range, const Agent& agent,
                            std::span<const opt::TrainingProfileSet> profiles) {
  const auto config = [&](const opt::LadderTape& tape) { return env_config(agent, tape); };
  std::vector<Played> rows;
  rows.push_back(play(policy, "agent", range, config));
  rows.push_back(play(FixedProfiles{0}, "none", range, config));
  for (std::size_t p = 0; p < profiles.size(); ++p)
    rows.push_back(play(FixedProfiles{std::uint32_t{1} << p}, "always " + profiles[p].name, range, config));
  if (profiles.size() > 1)
    rows.push_back(play(FixedProfiles{(std::uint32_t{1} << profiles.size()) - 1}, "always all", range, config));
  rows.push_back(play(RandomProfiles{}, "random", range, config, 1));
  return rows;
}

}  // namespace

int train(const Options& o) {
  const Agent agent = load_agent(o);
  opt::SyntheticChainConfig synthetic{.snapshots = o.snapshots};
  if (o.planted_edge != 0.0) synthetic.planted = {.min_delta = 0.25, .max_delta = 0.35, .factor = 1.0 + o.planted_edge};
  const Market market = load_market(o, agent.settings, synthetic);
  const std::size_t size = std::visit([](const auto& chain) { return chain.size(); }, market);
  const auto split = static_cast<std::size_t>(static_cast<double>(size) * o.train_share);
  if (split < 2 || split + 3 > size) {
    throw rlx::ConfigError(
        fmt::format("--train-share {}: {} snapshots leave nothing to learn on or to judge by", o.train_share, size));
  }

  // A market becomes tapes, tapes become environments, by turns one of each underlying; PPO learns on all of them.
  std::vector<std::shared_ptr<const opt::LadderTape>> tapes;
  for (const std::string& underlying : agent.settings.underlyings) {
    std::visit(
        [&](const auto& chain) {
          tapes.push_back(std::make_shared<const opt::LadderTape>(chain, tape_config(agent, underlying, 0, split)));
        },
        market);
  }
  const Range seen = make_range(market, agent, "learned on", 0, split),
              later = make_range(market, agent, "later", split, size - 1);
  const auto time = [&](std::size_t i) {
    return rlx::io::format_time_ms(std::visit([i](const auto& chain) { return chain.ts_ms(i); }, market));
  };
  if (!o.quiet) {
    fmt::print("{}\nlearn on   {} to {}, {:.0f} days\njudge by   {} to {}, {:.0f} days\n", describe(market), time(0),
               time(split), seen.days(), time(split), time(size - 1), later.days());
  }
  rlx::ThreadPool threads(o.thread_count());
  rlx::VectorEnv envs({.num_envs = o.n_envs, .seed = o.seed}, threads, [&](std::size_t e) {
    const auto& tape = tapes[e % tapes.size()];
    return opt::LadderEnv(tape, env_config(agent, *tape));
  });
  const opt::LadderEnv& first = envs.environment(0);
  rlx::PpoConfig config;
  config.learning_rate = rlx::nn::Schedule::linear(o.learning_rate, 0.0);
  config.n_steps = episode_ticks;
  config.batch_size = std::min<std::size_t>(256, episode_ticks * o.n_envs);
  config.n_epochs = 4;
  config.gamma = o.gamma;
  config.ent_coef = o.ent_coef;
  config.normalize_reward = true;
  config.seed = o.seed;
  rlx::Ppo learner(config, envs,
                   rlx::nn::mlp_actor_critic(
                       {.observation = first.observation_size(), .action = static_cast<std::size_t>(first.action_space().n)}),
                   threads);
  std::error_code failed;
  std::filesystem::create_directories(o.output, failed);
  if (failed) throw rlx::IoError(fmt::format("--output {}: {}", o.output, failed.message()));

  ProgressCallback progress(o.total_steps);
  rlx::LearnOptions learn;
  if (!o.quiet) learn.callbacks = {&progress};
  learn.stop = &interrupted;
  learner.learn(o.total_steps, learn);
  learner.save(o.output + "/checkpoint.safetensors");
  learner.export_policy(o.output + "/policy.safetensors", {{"market", describe(market)}, {"learned_until", time(split)}});
  if (interrupted) {
    fmt::print("stopped at step {} of {}; saved in {}\n", learner.num_timesteps(), o.total_steps, o.output);
    return exit_interrupted;
  }

  const rlx::InferencePolicy policy = learner.policy();
  const auto profiles = first.profiles();
  nlohmann::ordered_json result = {
      {"market", describe(market)}, {"learned_until", time(split)}, {"steps", learner.num_timesteps()}, {"seed", o.seed}};
  std::string last_line;
  for (const Range* range : {&seen, &later}) {
    const std::vector<Played> rows = compare(policy, *range, agent, profiles);
    fmt::print("\n{} ({:.0f} days, {} episodes; % of the coin held, mean of the underlyings)\n{}", range->name, range->days(),
               range->tapes.front().size(), policy_table(rows, profiles).to_string());
    result[range == &later ? "later" : "learned_on"] = to_json(rows, profiles);
    last_line = verdict(rows);
  }
  result["verdict"] = last_line;
  rlx::io::write_file_atomically(o.output + "/result.json", result.dump(2) + '\n');
  fmt::print("\n{}\npolicy and figures in {}\n", last_line, o.output);
  return 0;
}

}  // namespace app
