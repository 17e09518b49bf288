// SPDX-License-Identifier: MIT
#include "commands.hpp"
#include "common/run_main.hpp"
#include "learner_setup.hpp"
#include "report.hpp"
#include "training_callbacks.hpp"

#include <rlx/env/vector_env.hpp>
#include <rlx/funding/environment.hpp>
#include <rlx/funding/observation.hpp>
#include <rlx/io/atomic_file.hpp>
#include <rlx/io/iso8601.hpp>
#include <rlx/io/mapped_file.hpp>
#include <rlx/rl/callbacks.hpp>
#include <rlx/rl/config_json.hpp>
#include <rlx/rl/health.hpp>
#include <rlx/rl/log_outputs.hpp>
#include <rlx/rl/logger.hpp>
#include <rlx/rl/logger_json.hpp>
#include <rlx/rl/manifest_json.hpp>
#include <rlx/rl/ppo.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <optional>
#include <thread>

namespace app {
namespace {

rlx::HealthLimits health_limits(const Options& o) {
  rlx::HealthLimits limits;                     // texts name this program's flags
  limits.episode_return_bad = -o.reward_scale;  // -100 at the usual scale
  limits.entropy_advice = "agent stuck, increase --entropy-coef";
  limits.kl_advice = "lower --learning-rate";
  limits.clip_low_advice = "updates hardly change the policy, raise --learning-rate or --n-epochs";
  limits.clip_high_advice = "lower --learning-rate or --n-epochs";
  limits.value_advice = "lower --learning-rate or --value-coef";
  limits.flat_advice = "may need tuning";
  limits.return_advice = loss_advice;
  return limits;
}

nlohmann::json split_json(const Data& data, const funding::Fold& fold) {
  const funding::MarketTape& tape = *data.markets[0].tape;
  nlohmann::json split;
  for (const auto& [name, window] :
       {std::pair{"train", fold.train}, std::pair{"validation", fold.validation}, std::pair{"test", fold.test}}) {
    split[name] = {{"from", rlx::io::format_time_ms(tape.time(window.begin))},
                   {"to", rlx::io::format_time_ms(tape.time(window.end - 1))},
                   {"steps", window.size()}};
  }
  return split;
}

nlohmann::json machine_json() {
  utsname system{};
  uname(&system);
  return {{"system", fmt::format("{} {}", system.sysname, system.release)},
          {"processor", system.machine},
          {"cores", std::thread::hardware_concurrency()}};
}

/// Wall time of a fold with its scoring.
class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count(); }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

/// What one fold leaves behind.
struct FoldResult {
  std::vector<ScoreTable> tables;  ///< empty if the training stopped early
  std::vector<LearningPoint> learning;
  std::vector<std::string> warnings;
  std::string chosen;
  std::uint64_t chosen_step = 0;
  std::size_t candidates = 0;
  nlohmann::json manifest;
  std::optional<rlx::InferencePolicy> best;
  bool complete = false;
};

/// The best model so far belongs to the run: it goes with it to another folder.
void bring_best_model(const std::string& checkpoint, const std::string& directory) {
  const std::filesystem::path from = std::filesystem::path(checkpoint).parent_path() / "best_model.safetensors";
  const std::filesystem::path to = std::filesystem::path(directory) / "best_model.safetensors";
  std::error_code failed;
  if (!std::filesystem::exists(from, failed) || std::filesystem::equivalent(from, to, failed)) return;
  rlx::io::write_file_atomically(to.string(), rlx::io::read_file(from.string()));
}

/// What of a checkpoint --allow-data-change lets differ: the data with their split, and the seeds.
constexpr std::array changeable_keys{"data_sha256", "venues_sha256", "train_window", "known_from", "known_to",
                                     "known_tapes", "known_source",  "seed",         "env_seed"};

/// Why a checkpoint is refused, with the flags of this program instead of the options of the library.
std::string resume_problem(std::string text) {
  const std::string advice = "use the saved values, or name the keys in LoadOptions.allow";
  const std::size_t at = text.find(advice);
  if (at == std::string::npos) return text;
  std::string flags = "give the flags of the saved run";
  for (const char* key : changeable_keys) {
    if (text.find(key + std::string(":")) == std::string::npos) continue;
    flags += "; --allow-data-change accepts other data, another venue table, another split and another seed";
    break;
  }
  return text.replace(at, advice.size(), flags);
}

/// @param resume_from  checkpoint to continue; empty: start anew
FoldResult train_fold(const Options& o, const Data& data, const funding::Fold& fold, const std::string& directory,
                      const std::string& resume_from, rlx::ThreadPool& threads) {
  const Stopwatch since;
  std::error_code failed;
  std::filesystem::create_directories(directory, failed);
  if (failed) throw rlx::IoError(fmt::format("--checkpoint-dir {}: {}", directory, failed.message()));

  // Market tapes become environments, environments become one VectorEnv, and PPO learns on it.
  const Sizes sizes = sizes_of(o);
  funding::EnvironmentConfig environment = environment_config(o);
  environment.window_begin = fold.train.begin;
  environment.window_end = fold.train.end - 1;
  rlx::VectorEnv envs({.num_envs = sizes.n_envs, .seed = o.seed}, threads, [&](std::size_t i) {
    return funding::FundingArbitrageEnv(data.markets[i % data.markets.size()].tape, environment);
  });
  rlx::Ppo ppo(ppo_config(o, sizes), envs, network_of(o), threads);
  funding::check_shaping_gamma(environment.reward, ppo.config().gamma);

  ppo.identity = {{"data_sha256", data.sha256},
                  {"venues_sha256", data.venues_sha256},
                  {"observation_hash", funding::observation_hash()},
                  {"trading", o.sample_random_config ? "sampled" : environment.trading.to_string()},
                  {"episode", fmt::format("{} steps, {} USD", environment.episode_steps, environment.initial_capital)},
                  {"reward", fmt::format("scale {}, shaping {}", environment.reward.scale, environment.reward.shaping_scale)},
                  {"train_window", fmt::format("{}..{}", fold.train.begin, fold.train.end)}};
  ppo.identity.merge(known_data(o, data, fold));
  if (!resume_from.empty()) {
    rlx::LoadOptions options;
    if (o.allow_data_change) options.allow = {changeable_keys.begin(), changeable_keys.end()};
    options.exact = !o.allow_data_change;  // the running episodes are of the old data; new ones are started
    try {
      ppo.load(resume_from, options);
    } catch (const rlx::CheckpointError& error) {
      throw rlx::CheckpointError(resume_problem(error.what()));
    } catch (const rlx::IoError& error) {  // no such file: the exit code that evaluate and infer have for it
      throw rlx::CheckpointError(error.what());
    }
    if (o.allow_data_change) ValidationCallback::forget(ppo);
    if (ppo.best) bring_best_model(resume_from, directory);
    if (!o.quiet) fmt::print("resumed from {} at step {}\n", resume_from, ppo.num_timesteps());
  }
  if (!o.quiet) {
    fmt::print(
        "Training\n  network             {} ({} parameters)\n  environments        {} x {} steps, minibatch {}, {} epochs\n"
        "  total               {} steps, about {} episodes\n",
        o.network, rlx::io::grouped(static_cast<double>(ppo.parameters().count())), sizes.n_envs, sizes.n_steps,
        sizes.batch_size, o.n_epochs, sizes.total_steps, sizes.total_steps / o.episode_steps());
  }

  rlx::RunManifest manifest(directory + "/run.json");
  manifest.fields["command"] = o.command_line;
  manifest.fields["flags"] = o.flags;
  manifest.fields["seed"] = o.seed;
  manifest.fields["threads"] = threads.size();
  manifest.fields["machine"] = machine_json();
  manifest.fields["config"] = rlx::config_to_json(ppo.config());
  manifest.fields["config_sha256"] = rlx::config_hash(manifest.fields["config"]);
  manifest.fields["shards"] = {{"environments", envs.num_shards()}, {"gradient", ppo.gradient_shards()}};
  manifest.fields["trading"] = ppo.identity["trading"];
  manifest.fields["data"] = {{"sha256", data.sha256},
                             {"venues_sha256", data.venues_sha256},
                             {"report", funding::to_text(data.markets[0].tape->report())}};
  manifest.fields["observation_hash"] = funding::observation_hash();
  manifest.fields["split"] = split_json(data, fold);
  manifest.fields["network"] = {
      {"name", o.network}, {"parameters", ppo.parameters().count()}, {"flops_per_row", ppo.graph().flops_per_row()}};

  rlx::CheckpointCallback checkpoints(
      {.save_freq = o.save_every, .unit = rlx::CountUnit::episodes, .path = directory, .final_name = "final_model"});
  MonitorCallback monitor(o);
  ValidationCallback validation(o, data, fold, directory + "/best_model.safetensors", monitor, threads);
  rlx::HealthCallback health([&](const rlx::HealthWarning& w) { say(o, "warning: {}\n", w.text); }, health_limits(o));
  StopAfter stop_after(o.stop_after_steps);
  rlx::ProgressBar progress(std::cout, !o.quiet && isatty(STDOUT_FILENO) != 0);
  rlx::ManifestCallback record(manifest, directory + "/best_model.safetensors");

  // What was learned when: one row per update, one line per episode. A resumed run continues the files behind its checkpoint.
  rlx::Logger logger;
  logger.add<rlx::CsvOutput>(directory + "/progress.csv", !resume_from.empty(), ppo.num_timesteps());
  logger.add<rlx::JsonlOutput>(directory + "/progress.jsonl", directory + "/episodes.jsonl", !resume_from.empty(),
                               ppo.num_timesteps());

  FoldResult result;
  result.warnings = rlx::config_warnings(ppo.config(), envs.num_envs());
  for (const std::string& warning : result.warnings) say(o, "warning: {}\n", warning);
  try {
    rlx::LearnOptions learn;
    learn.logger = &logger;
    learn.callbacks = {&monitor, &health, &validation, &stop_after, &record, &progress, &checkpoints};
    learn.reset_num_timesteps = resume_from.empty();
    learn.stop = &interrupted;
    if (ppo.num_timesteps() < sizes.total_steps) ppo.learn(sizes.total_steps - ppo.num_timesteps(), learn);
  } catch (const std::exception& error) {
    manifest.failed(error);
    throw;
  }
  for (const auto* warnings : {&health.warnings(), &monitor.warnings()}) {
    for (const rlx::HealthWarning& w : *warnings)
      result.warnings.push_back(fmt::format("step {}: {}", w.num_timesteps, w.text));
  }
  result.learning = monitor.learning(validation);
  result.complete = ppo.num_timesteps() >= sizes.total_steps;
  if (!result.complete) {
    fmt::print("stopped at step {} of {}; continue with --resume-from {}\n", ppo.num_timesteps(), sizes.total_steps,
               o.walk_forward > 1 ? o.checkpoint_dir : directory + "/final_model.safetensors");
    return result;
  }

  validation.choose_one(ppo);  // a resumed run may have had nothing left to learn

  // The test window is read here for the first time, for the chosen and for the last model.
  result.best = rlx::InferencePolicy::load(directory + "/best_model.safetensors");
  const rlx::InferencePolicy last = ppo.policy();
  result.chosen_step = ppo.best->num_timesteps;
  result.candidates = validation.candidates(ppo);
  result.chosen = fmt::format(
      "best model: step {}, validation score {:.5f} % growth per day; {} candidates compared on the validation window",
      result.chosen_step, 100.0 * ppo.best->score, result.candidates);
  result.tables = judge({{"agent", &*result.best}, {"final model", &last}}, data, fold, fold.test, o, threads);
  manifest.fields["evaluations"] = validation.history_json(ppo);
  manifest.fields["chosen"] = result.chosen;
  manifest.fields["chosen_checkpoint"] = {
      {"file", directory + "/best_model.safetensors"}, {"step", result.chosen_step}, {"score", ppo.best->score}};
  for (const std::string& file : checkpoints.saved()) manifest.add_checkpoint(file);
  manifest.fields["warnings"] = result.warnings;
  for (const funding::DataWarning& w : funding::warnings(data.markets[0].tape->report()))
    manifest.fields["warnings"].push_back("data: " + to_line(w));
  manifest.fields["total_wall_seconds"] = since.seconds();
  manifest.fields["tables"] = to_json(result.tables);
  manifest.write();
  result.manifest = manifest.fields;
  return result;
}

std::string fold_name(std::size_t index, std::size_t folds) {
  return folds > 1 ? fmt::format("fold {} of {}", index + 1, folds) : "";
}

/// What training adds to the report of an evaluation.
ReportInput report_input(const Options& o, const Data& data, const std::vector<FoldResult>& folds,
                         const std::vector<ScoreTable>& tables, const nlohmann::json& manifest) {
  ReportInput input;
  fill_report(input, o, data, tables);
  for (std::size_t i = 0; i < folds.size(); ++i) {
    const FoldResult& fold = folds[i];
    const std::string name = fold_name(i, folds.size());
    input.learning.push_back({name, fold.learning, fold.chosen_step, fold.candidates, fold.chosen});
    for (const std::string& warning : fold.warnings) input.warnings.push_back((name.empty() ? "" : name + ", ") + warning);
    if (folds.size() == 1) continue;
    for (const ScoreTable& table : fold.tables) input.fold_tables.push_back(&table);
  }
  input.manifest = manifest.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);  // paths need not be UTF-8
  return input;
}

/// run.json of the whole run; of a walk-forward, every fold by itself and what they come to together.
nlohmann::json write_manifest(const Options& o, const std::vector<FoldResult>& folds, const std::vector<ScoreTable>& tables,
                              const std::optional<Sensitivity>& sensitivity) {
  rlx::RunManifest manifest(o.checkpoint_dir + "/run.json");
  if (folds.size() == 1) {
    manifest.fields = folds.front().manifest;
    if (sensitivity) manifest.fields["sensitivity"] = to_json(*sensitivity);
    manifest.write();
    return manifest.fields;
  }
  manifest.fields["status"] = "finished";
  for (const char* key : {"command", "flags", "seed", "threads", "machine", "trading", "data", "observation_hash", "network"})
    manifest.fields[key] = folds.front().manifest[key];
  manifest.fields["folds"] = nlohmann::json::array();
  for (std::size_t i = 0; i < folds.size(); ++i) {
    nlohmann::json fold = {{"fold", i + 1}, {"manifest", fmt::format("fold{}/run.json", i + 1)}};
    for (const char* key : {"split", "evaluations", "chosen", "chosen_checkpoint", "warnings", "tables"})
      fold[key] = folds[i].manifest[key];
    fold["verdict"] = folds[i].tables.front().verdict();
    manifest.fields["folds"].push_back(std::move(fold));
  }
  nlohmann::json pooled = to_json(tables.front());  // the headline: verdict, interval, rows
  pooled["method"] = tables.front().pooling();
  pooled["tables"] = to_json(tables);
  if (sensitivity) pooled["sensitivity"] = to_json(*sensitivity);
  manifest.fields["pooled"] = std::move(pooled);
  manifest.write();
  return manifest.fields;
}

/// Checkpoint that a fold continues: that of its own folder in a run with several, if it has got that far.
std::string resume_point(const Options& o, std::size_t fold, std::size_t folds) {
  if (o.resume_from.empty() || folds == 1) return o.resume_from;
  const std::string checkpoint = fmt::format("{}/fold{}/final_model.safetensors", o.resume_from, fold + 1);
  if (std::filesystem::exists(checkpoint)) return checkpoint;
  if (fold == 0) {
    throw rlx::CheckpointError(
        fmt::format("--resume-from {}: there is no {}; expected the --checkpoint-dir of a run with --walk-forward {}",
                    o.resume_from, checkpoint, folds));
  }
  return {};
}

}  // namespace

int train(const Options& o) {
  prepare_output("--report", o.report);
  prepare_output("--trades-output", o.trades_output);
  rlx::ThreadPool threads(thread_count(o));
  const Data data = load_data(o);
  if (!o.quiet) fmt::print("{}", data_block(o, data));
  print_warnings(o, data);
  check_windows(o, data);

  std::vector<FoldResult> folds;
  for (std::size_t i = 0; i < data.folds.size(); ++i) {
    const std::string directory = data.folds.size() == 1 ? o.checkpoint_dir : fmt::format("{}/fold{}", o.checkpoint_dir, i + 1);
    const std::string name = fold_name(i, data.folds.size());
    if (!name.empty() && !o.quiet) fmt::print("Training of {}\n", name);
    folds.push_back(train_fold(o, data, data.folds[i], directory, resume_point(o, i, data.folds.size()), threads));
    if (!folds.back().complete) return interrupted ? exit_interrupted : 0;
    fmt::print("\n{}{}{}\n", name, name.empty() ? "" : ", ", folds.back().chosen);
    if (!name.empty()) print_tables(folds.back().tables);
  }

  // One table per configuration, over the test windows of all folds.
  std::vector<ScoreTable> tables;
  for (std::size_t c = 0; c < folds[0].tables.size(); ++c) {
    std::vector<ScoreTable> of_configuration;
    for (const FoldResult& fold : folds) of_configuration.push_back(fold.tables[c]);
    tables.push_back(pool_tables(of_configuration, score_config(o)));
  }
  print_tables(tables);
  std::optional<Sensitivity> sensitivity;
  if (o.sensitivity) {
    std::vector<JudgedModel> models;
    for (std::size_t i = 0; i < folds.size(); ++i) models.push_back({&*folds[i].best, data.folds[i].test});
    sensitivity = judge_sensitivity(models, tables.front(), data, o, threads);
  }
  if (!o.trades_output.empty()) write_trades(o.trades_output, tables, data.markets);
  const nlohmann::json manifest = write_manifest(o, folds, tables, sensitivity);
  if (!o.report.empty()) {
    ReportInput input = report_input(o, data, folds, tables, manifest);
    input.sensitivity = sensitivity;
    write_report(o.report, input);
    if (!o.quiet) fmt::print("\nreport: {}\n", o.report);
  }
  print_notes(tables);
  print_verdict(tables);
  return 0;
}

}  // namespace app
