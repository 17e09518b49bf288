// SPDX-License-Identifier: MIT
#include "commands.hpp"
#include "common/run_main.hpp"
#include "learner_setup.hpp"
#include "report.hpp"
#include "training_callbacks.hpp"

#include <rlx/core/finite.hpp>
#include <rlx/core/json.hpp>
#include <rlx/env/vector_env.hpp>
#include <rlx/io/atomic_file.hpp>
#include <rlx/io/jsonl.hpp>
#include <rlx/io/mapped_file.hpp>
#include <rlx/io/number_text.hpp>
#include <rlx/io/safetensors.hpp>
#include <rlx/kalshi/features.hpp>
#include <rlx/nn/graph_json.hpp>
#include <rlx/rl/a2c.hpp>
#include <rlx/rl/config_json.hpp>
#include <rlx/rl/log_outputs.hpp>
#include <rlx/rl/logger_json.hpp>
#include <rlx/rl/manifest_json.hpp>
#include <rlx/rl/ppo.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <optional>

namespace app {
namespace {

/// What all groups of a run share.
struct Run {
  const Options& o;
  const Recordings& recordings;
  const Views& views;
  const curriculum::Split& split;
  rlx::ThreadPool& threads;
};

/// What one trained model leaves behind.
struct Outcome {
  bool complete = false;
  std::optional<rlx::InferencePolicy> last;  // the policy at the end, which no view chose
  bool alarm = false, targets = true;
  std::string verdict;
};

/// The views of the first stage: the easiest ones of the training views.
Selection first_stage(const Run& run, std::span<const std::size_t> training) {
  const auto chosen = curriculum::select_sources(run.views.infos, training);
  const std::vector<curriculum::EpisodeInfo> sorted = curriculum::sorted_by_difficulty(chosen);
  std::vector<std::size_t> easiest;
  const std::size_t count = std::max<std::size_t>(sorted.size() / std::max<std::size_t>(run.o.stages, 1), 1);
  for (std::size_t i = 0; i < count; ++i) easiest.push_back(sorted[i].source);
  return select(run.recordings, run.views, easiest, "first stage");
}

std::string strategy_text(const Options& o) {
  std::string text = o.strategy;
  if (o.strategy == "sequential") return fmt::format("{}, budget {} {}", text, o.budget, o.episodes_per_view);
  if (o.strategy != "balanced") text += fmt::format(", {} stages of {}, revisit {}", o.stages, o.stage_episodes, o.revisit);
  return text;
}

/// A run continues on its own sessions only, whatever could be done with others. @throws CheckpointError
void check_sessions(const Options& o, const Recordings& recordings) {
  if (o.resume.empty()) return;
  const std::string path = manifest_of_run(o.resume);
  const nlohmann::json manifest = rlx::parse_json(rlx::io::read_file(path), path);
  const std::string saved = manifest.value(nlohmann::json::json_pointer("/sessions/sha256"), "");
  if (saved.empty() || saved == recordings.sha256) return;
  throw rlx::CheckpointError(
      fmt::format("--resume {}: its sessions have store_sha256 {:.12}, those of {} have {:.12}; give the sessions of the saved "
                  "run, or begin anew with --init-from",
                  o.resume, saved, recordings.origin, recordings.sha256));
}

std::string resume_problem(std::string text) {
  const std::string advice = "use the saved values, or name the keys in LoadOptions.allow";
  if (const std::size_t at = text.find(advice); at != std::string::npos)
    text.replace(at, advice.size(), "give the flags of the saved run; for other sessions or views begin anew with --init-from");
  return text;
}

/// The parameters of another run. @throws CheckpointError
template <class L>
void take_parameters(L& learner, const Options& o) {
  const rlx::InferencePolicy policy = load_policy(o.init_from, o);  // compares features and actions
  if (nlohmann::json(policy.graph()) != nlohmann::json(learner.graph_spec()))
    throw rlx::CheckpointError(fmt::format("--init-from {}: its network is another one", o.init_from));
  const auto& info = policy.layout().info;
  const auto same = [&](const char* key) { return info.count(key) > 0 && info.at(key) == learner.identity.at(key); };
  if (same("store_sha256") && !same("training_views"))
    say(o, "warning: {} learned from other views of these sessions; it may know some that are held out now\n", o.init_from);
  const rlx::io::Safetensors file = rlx::io::Safetensors::open(o.init_from);
  for (const auto& tensor : learner.parameters().layout())
    file.read_into("policy/" + tensor.name, tensor.shape,
                   learner.parameters().parameters().subspan(tensor.offset, tensor.size));
}

template <class L>
RolloutFigures rollout_figures(const L& learner) {
  const auto& rollout = learner.rollout();
  RolloutFigures figures;
  for (std::size_t row = 0; row < rollout.rows(); ++row) {
    const auto mask = rollout.mask(row);
    figures.legal_entropy +=
        std::log(static_cast<double>(std::count_if(mask.begin(), mask.end(), [](auto m) { return m != 0; })));
    figures.value_mean += static_cast<double>(rollout.values[row]);
  }
  figures.legal_entropy /= static_cast<double>(rollout.rows());
  figures.value_mean /= static_cast<double>(rollout.rows());
  return figures;
}

/// `views.jsonl`: every view with its split, figures and training episodes, and every rejected market.
void write_views(const std::string& path, const Run& run, std::span<const std::size_t> training,
                 const std::vector<ViewTally>& tallies) {
  std::vector<std::string> side(run.views.all.size(), "not used");
  for (const std::size_t i : run.split.training) side[i] = "training";
  for (const std::size_t i : run.split.held_out) side[i] = "held_out";
  for (const curriculum::DroppedSource& dropped : run.split.dropped)
    side[dropped.source] =
        dropped.reason == curriculum::DropReason::embargo ? "dropped: embargo" : "dropped: event in training";
  std::vector<std::optional<std::size_t>> trained(run.views.all.size());
  for (std::size_t i = 0; i < training.size(); ++i) trained[training[i]] = i;
  rlx::io::JsonlWriter out(path, {.append = false, .flush_every = 0});
  for (const curriculum::EpisodeInfo& info : run.views.infos) {
    const kalshi::MarketSessionView& view = run.views.all[info.source];
    nlohmann::json line = {{"ticker", view.market().ticker},
                           {"event", std::string(view.event_ticker())},
                           {"session", info.session},
                           {"split", side[info.source]},
                           {"length", view.length()},
                           {"avg_spread", view.avg_spread()},
                           {"volatility_score", view.volatility_score()},
                           {"market_coverage", view.market_coverage()},
                           {"data_quality_score", view.data_quality_score()},
                           {"difficulty", info.difficulty}};
    if (trained[info.source]) {
      const ViewTally& t = tallies[*trained[info.source]];
      line["episodes"] = t.episodes;
      if (t.episodes > 0) {
        const auto n = static_cast<double>(t.episodes);
        line["reward"] = {{"mean", t.mean}, {"std", std::sqrt(t.squares / n)}, {"min", t.low}, {"max", t.high}};
        line["mean_length"] = static_cast<double>(t.steps) / n;
        line["success_rate"] = static_cast<double>(t.wins) / n;
        line["final_equity"] = t.equity / n;
      }
    }
    out.write(std::move(line));
  }
  for (const kalshi::Rejection& rejection : run.views.rejected) {
    out.write({{"ticker", rejection.ticker},
               {"session", rejection.session},
               {"split", "rejected"},
               {"reason", std::string(kalshi::rejection_reason_name(rejection.reason))},
               {"found", rejection.found}});
  }
  out.flush();
}

nlohmann::json phases_json(const curriculum::PhasedSampler& phases) {
  nlohmann::json json = {{"phases", nlohmann::json::array()}, {"events", nlohmann::json::array()}};
  for (const curriculum::Phase& phase : phases.phases())
    json["phases"].push_back({{"name", phase.name()}, {"steps", phase.steps()}});
  for (const curriculum::SamplerEvent& event : phases.events()) json["events"].push_back(curriculum::to_string(event));
  return json;
}

/// The best model so far belongs to the run: it goes with it to another folder.
void bring_best_model(const std::string& checkpoint, const std::string& directory) {
  const std::filesystem::path from = std::filesystem::path(checkpoint).parent_path() / "best_model.safetensors";
  const std::filesystem::path to = std::filesystem::path(directory) / "best_model.safetensors";
  std::error_code failed;
  if (!std::filesystem::exists(from, failed) || std::filesystem::equivalent(from, to, failed)) return;
  rlx::io::write_file_atomically(to.string(), rlx::io::read_file(from.string()));
}

/// Trains one model. @param L Ppo or A2c of the environment
/// @param resume_from  checkpoint to continue; empty: start anew
template <class L, class Config>
Outcome train_model(const Run& run, std::span<const std::size_t> training_numbers,
                    std::span<const std::size_t> held_out_numbers, const std::string& directory,
                    const std::string& resume_from) {
  const Options& o = run.o;
  std::error_code failed;
  std::filesystem::create_directories(directory, failed);
  if (failed) throw rlx::IoError(fmt::format("--output {}: {}", directory, failed.message()));
  const Selection training = select(run.recordings, run.views, training_numbers, "training");
  const Selection held_out = select(run.recordings, run.views, held_out_numbers, "held out");
  const Selection easiest = first_stage(run, training_numbers);

  // Views become environments, environments become one VectorEnv with the strategy as its sampler, and the learner runs on it.
  const std::shared_ptr<const kalshi::ViewSet> set = training_set(training, o.mirror);
  rlx::VectorEnv<Env> envs({.num_envs = o.n_envs, .seed = o.seed}, run.threads,
                           [&](std::size_t) { return Env(set, o.trading()); });
  envs.set_sampler(ViewSampler(make_phases(o, training.infos), training.infos.size(), o.mirror));
  const auto phases = [&]() -> const curriculum::PhasedSampler& { return envs.sampler().target<ViewSampler>()->phases(); };
  L learner(learner_config<Config>(o), envs, network_of(envs.action_space()), run.threads);
  learner.identity = {{"store_sha256", run.recordings.sha256}, {"feature_layout", kalshi::layout_hash()},
                      {"actions", o.actions_text()},           {"latency", fmt::format("{} ms", o.latency_ms)},
                      {"training_views", training.sha256},     {"held_out_views", held_out.sha256},
                      {"strategy", strategy_text(o)},          {"mirror", o.mirror ? "yes" : "no"}};
  if (!o.init_from.empty()) take_parameters(learner, o);
  if (!resume_from.empty()) {
    try {
      learner.load(resume_from);
    } catch (const rlx::CheckpointError& error) {
      throw rlx::CheckpointError(resume_problem(error.what()));
    } catch (const rlx::IoError& error) {  // no such file: the exit code that evaluate has for it
      throw rlx::CheckpointError(error.what());
    }
    bring_best_model(resume_from, directory);
    say(o, "resumed from {} at step {}\n", resume_from, learner.num_timesteps());
  }
  say(o,
      "training   {} on {} views, {} held out, strategy {}\n           {} parameters, {} environments x {} steps, {} steps in "
      "all\n",
      o.algorithm, training.infos.size(), held_out.infos.size(), strategy_text(o),
      rlx::io::grouped(static_cast<double>(learner.parameters().count())), o.n_envs, learner.config().n_steps,
      o.total_timesteps);

  rlx::RunManifest manifest(directory + "/manifest.json");
  manifest.describe("kalshi_market_agnostic", learner, envs, run.threads);
  manifest.fields["command"] = o.command_line;
  manifest.fields["flags"] = o.flags;
  manifest.fields["identity"] = learner.identity;
  manifest.fields["sessions"] = {{"origin", run.recordings.origin}, {"sha256", run.recordings.sha256}};
  manifest.fields["split"] = {{"kind", o.split},
                              {"training", training.infos.size()},
                              {"held_out", held_out.infos.size()},
                              {"dropped", run.split.dropped.size()}};
  manifest.fields["rejected"] = {{"markets", run.views.rejected.size()},
                                 {"reasons", kalshi::rejection_counts(run.views.rejected)}};

  const std::string best_path = directory + "/best_model.safetensors";
  std::vector<std::string> names;
  for (const kalshi::MarketSessionView& view : set->views())
    names.push_back(view.market().ticker + (view.is_mirrored() ? " mirrored" : ""));
  HistoryCallback history(o.total_timesteps, [&] { return rollout_figures(learner); });
  TallyCallback tallies(names, training.infos.size());
  rlx::SourceStatistics sources(names);
  SamplerCallback sampler_events(o, [&] { return phases().events(); });
  HeldOutCallback judge(o, held_out, easiest, best_path, history, run.threads);
  rlx::CheckpointCallback checkpoints({.save_freq = o.save_every, .path = directory, .final_name = "final_model"});
  rlx::ManifestCallback record(manifest, best_path, [&] { return checkpoints.saved(); });
  rlx::ProgressBar progress(std::cout, !o.quiet && isatty(STDOUT_FILENO) != 0);

  // A resumed run continues the files behind its checkpoint; a run that was killed has logged further. A dump of A2C's short
  // updates covers about as many steps as one of PPO.
  rlx::Logger logger;
  logger.add<ProgressCsv>(directory + "/progress.csv", !resume_from.empty(), learner.num_timesteps());
  logger.add<rlx::JsonlOutput>("", directory + "/episodes.jsonl", !resume_from.empty(), learner.num_timesteps());
  logger.add<rlx::TensorBoardOutput>(directory + "/tensorboard");
  rlx::LearnOptions learn;
  learn.logger = &logger;
  const std::uint64_t updates = o.total_timesteps / (learner.config().n_steps * o.n_envs);
  learn.log_interval = std::max<std::uint64_t>(std::min<std::uint64_t>(2'048 / learner.config().n_steps, updates / 50), 1);
  StopAndSave stop_and_save(o.stop_after_steps, learn.log_interval, checkpoints);
  learn.callbacks = {&history, &tallies, &sources, &sampler_events, &judge, &progress, &stop_and_save, &record};
  learn.reset_num_timesteps = resume_from.empty();
  rlx::recording_failure(manifest, [&] {
    if (learner.num_timesteps() < o.total_timesteps) return learner.learn(o.total_timesteps - learner.num_timesteps(), learn);
    history.on_training_start(learner);
    tallies.on_training_start(learner);
    return rlx::LearnResult{};
  });
  manifest.fields["sampler"] = phases_json(phases());
  write_views(directory + "/views.jsonl", run, training_numbers, tallies.tallies());
  manifest.write();

  Outcome outcome;
  outcome.complete = learner.num_timesteps() >= o.total_timesteps;
  if (!outcome.complete) {
    fmt::print("stopped at step {} of {}; continue with --resume {}\n", learner.num_timesteps(), o.total_timesteps, o.output);
    return outcome;
  }

  // The best model beside the baselines on the held-out views, and on its own training views. Those views chose it, so that
  // what it earned there is too good: checks and verdict are those of the last model, which no view chose.
  ReportInput report;
  report.history = history.history();
  for (const float x : learner.parameters().parameters())
    report.history.parameters_finite = report.history.parameters_finite && rlx::is_finite(x);
  const auto best = rlx::InferencePolicy::load(best_path);
  outcome.last = learner.policy();
  const auto play = [&](const rlx::InferencePolicy& policy, const Selection& selection) {
    return kalshi::evaluate_markets(policy, *selection.set, o.trading(), evaluation_config(o, selection, run.threads));
  };
  report.rows.push_back({"agent", true, play(best, held_out)});
  report.rows.push_back({"final model", true, play(*outcome.last, held_out)});
  report.judged = 1;
  for (PolicyRow& row : score_baselines(held_out, o, run.threads)) report.rows.push_back(std::move(row));
  report.train = play(best, training);
  const kalshi::EvaluationTable& judged = report.rows[report.judged].table;
  report.checks = kalshi::success_checks(report.history, play(*outcome.last, training), judged);
  outcome.targets = kalshi::all_passed(report.checks);
  outcome.verdict = verdict(judged);

  const std::string chosen = fmt::format(
      "best model: step {}, held-out mean reward {:.3f} $, chosen among {} evaluations on the same views; checks and "
      "verdict are of the final model, which no view chose",
      learner.best->num_timesteps, learner.best->score, report.history.evaluations.size());
  fmt::print("\n{}\n\nheld-out views ({})\n{}", chosen, held_out.infos.size(), comparison_table(report.rows).to_string());
  fmt::print("training views ({}): mean of the best model {} $\n\n{}", training.infos.size(), text_of(report.train->total.mean),
             check_table(report.checks).to_string());
  for (const PolicyRow& row : report.rows) outcome.alarm = print_alarms(row.name, row.table) > 0 || outcome.alarm;
  outcome.alarm = print_alarms("agent, training views", *report.train) > 0 || outcome.alarm;

  manifest.fields["chosen"] = chosen;
  for (const PolicyRow& row : report.rows) manifest.fields["held_out"][row.name] = to_json(row.table);
  manifest.fields["training"] = to_json(*report.train);
  for (const kalshi::Check& check : report.checks)
    manifest.fields["checks"].push_back({{"criterion", check.criterion}, {"passed", check.passed}, {"found", check.found}});
  manifest.fields["verdict"] = outcome.verdict;
  manifest.write();
  report.title = "Kalshi, market-agnostic: training";
  report.subtitle = fmt::format("{}; {} held-out views", run.recordings.origin, held_out.infos.size());
  report.verdict = outcome.verdict;
  report.details = {{"chosen", chosen}, {"strategy", strategy_text(o)}, {"sampler", manifest.fields["sampler"].dump(2)}};
  report.command_line = o.command_line;
  write_report(directory + "/report.html", report);
  say(o, "\nreport: {}/report.html\n", directory);
  return outcome;
}

/// Positions of the views listed, by group of lengths.
std::vector<std::vector<std::size_t>> length_groups(const Views& views, std::span<const std::size_t> numbers,
                                                    std::span<const std::size_t> edges) {
  std::vector<std::vector<std::size_t>> positions;
  for (const auto& group : curriculum::group_by_length(curriculum::select_sources(views.infos, numbers), edges)) {
    positions.emplace_back();
    for (const curriculum::EpisodeInfo& info : group) positions.back().push_back(info.source);
  }
  return positions;
}

/// Steps of a checkpoint; 0 for a file that is none or damaged.
std::uint64_t steps_of(const std::string& path) {
  try {
    const rlx::io::Safetensors file = rlx::io::Safetensors::open(path);
    return nlohmann::json::parse(file.metadata().at("rlx")).at("counters").at("num_timesteps").get<std::uint64_t>();
  } catch (const std::exception&) {
    return 0;
  }
}

/// The latest checkpoint of the folder, which a model continues; empty if there is none. A run that was killed has no final
/// model, or that of an earlier part. @throws CheckpointError if one is required
std::string resume_point(const Options& o, const std::string& folder, bool required) {
  if (o.resume.empty()) return {};
  std::string latest;
  std::uint64_t most = 0;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failed)) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(".safetensors") || name == "best_model.safetensors") continue;
    const std::uint64_t steps = steps_of(entry.path().string());
    if (steps < most || (steps == most && name != "final_model.safetensors")) continue;
    most = steps;
    latest = entry.path().string();
  }
  if (!latest.empty() || !required) return latest;
  throw rlx::CheckpointError(
      fmt::format("--resume {}: {} holds no checkpoint; expected the --output folder of a run", o.resume, folder));
}

using Trainer = Outcome (*)(const Run&, std::span<const std::size_t>, std::span<const std::size_t>, const std::string&,
                            const std::string&);

Trainer trainer_of(const Options& o) {
  if (o.algorithm == "a2c") return &train_model<rlx::A2c<Env>, rlx::A2cConfig>;
  return &train_model<rlx::Ppo<Env>, rlx::PpoConfig>;
}

int exit_code(const Options& o, std::span<const Outcome> outcomes) {
  for (const Outcome& outcome : outcomes)
    if (outcome.alarm || (o.require_targets && !outcome.targets)) return exit_alarm;
  return 0;
}

/// One model for each group of lengths, each judged on the held-out views of all groups.
int train_groups(const Run& run, const std::vector<std::size_t>& edges) {
  const Options& o = run.o;
  std::vector<Outcome> outcomes;
  std::vector<std::string> names;
  const auto training = length_groups(run.views, run.split.training, edges);
  const auto held_out = length_groups(run.views, run.split.held_out, edges);
  for (std::size_t g = 0; g < edges.size(); ++g) {  // before the first model, which can take minutes
    names.push_back(g + 1 < edges.size() ? fmt::format("{}-{}", edges[g], edges[g + 1] - 1) : fmt::format("{}+", edges[g]));
    if (training[g].empty() || held_out[g].empty()) {
      throw rlx::ConfigError(
          fmt::format("--length-groups {}: the group {} has {} training and {} held-out views; move the edges", o.length_groups,
                      names.back(), training[g].size(), held_out[g].size()));
    }
  }
  const auto shorter = [&](std::span<const std::size_t> numbers) {
    return std::count_if(numbers.begin(), numbers.end(), [&](std::size_t i) { return run.views.infos[i].length < edges[0]; });
  };
  if (const auto left_out = shorter(run.split.training) + shorter(run.split.held_out); left_out > 0)
    say(o, "{} views are shorter than {} decision groups and in no group\n", left_out, edges[0]);
  for (std::size_t g = 0; g < edges.size(); ++g) {
    fmt::print("{}lengths {}\n", g == 0 ? "" : "\n", names[g]);
    const std::string folder = fmt::format("/group{}", g + 1);
    outcomes.push_back(
        trainer_of(o)(run, training[g], held_out[g], o.output + folder, resume_point(o, o.resume + folder, false)));
    if (!outcomes.back().complete) return interrupted ? exit_interrupted : 0;
  }
  std::vector<std::string> headers{"model \\ held-out views"};
  for (const std::string& name : names) headers.push_back(name);
  rlx::io::TextTable table(std::move(headers));
  for (std::size_t model = 0; model < outcomes.size(); ++model) {
    std::vector<std::string> cells{names[model]};
    for (const std::vector<std::size_t>& numbers : held_out) {
      const Selection selection = select(run.recordings, run.views, numbers, "held out");
      cells.push_back(text_of(kalshi::evaluate_markets(*outcomes[model].last, *selection.set, o.trading(),
                                                       evaluation_config(o, selection, run.threads))
                                  .total.mean));
    }
    table.row(std::move(cells));
  }
  fmt::print("\nmean reward of the final models in $ by groups of lengths\n{}", table.to_string());
  for (std::size_t g = 0; g < outcomes.size(); ++g) fmt::print("{}: {}\n", names[g], outcomes[g].verdict);
  return exit_code(o, outcomes);
}

}  // namespace

int train(const Options& o) {
  rlx::ThreadPool threads(o.thread_count());
  Recordings recordings = load_recordings(o);
  check_sessions(o, recordings);
  Views views = make_views(recordings, o);
  const curriculum::Split split = split_views(views, o);
  say(o, "sessions   {} ({})\nviews      {}: {} to train on, {} held out ({}), {} dropped; {} markets rejected{}\n",
      recordings.listed.size(), recordings.origin, views.all.size(), split.training.size(), split.held_out.size(), o.split,
      split.dropped.size(), views.rejected.size(),
      views.rejected.empty() ? "" : " (" + kalshi::rejection_counts(views.rejected) + ")");
  const Run run{o, recordings, views, split, threads};
  if (const std::vector<std::size_t> edges = o.length_edges(); !edges.empty()) return train_groups(run, edges);
  const Outcome outcome = trainer_of(o)(run, split.training, split.held_out, o.output, resume_point(o, o.resume, true));
  if (!outcome.complete) return interrupted ? exit_interrupted : 0;
  fmt::print("{}\n", outcome.verdict);
  return exit_code(o, std::span(&outcome, 1));
}

}  // namespace app
