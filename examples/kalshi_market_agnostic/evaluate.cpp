// SPDX-License-Identifier: MIT
#include "commands.hpp"
#include "report.hpp"

#include <rlx/env/record_episode.hpp>
#include <rlx/io/atomic_file.hpp>
#include <rlx/io/jsonl.hpp>
#include <rlx/io/safetensors.hpp>
#include <rlx/kalshi/features.hpp>
#include <rlx/rl/record_json.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <numeric>

namespace app {
namespace {

/// A text that training left in the checkpoint; empty if there is none.
std::string info_of(const rlx::InferencePolicy& policy, const char* key) {
  const auto found = policy.layout().info.find(key);
  return found == policy.layout().info.end() ? std::string() : found->second;
}

/// What a checkpoint knows of its run.
struct RunNotes {
  kalshi::TrainingHistory history;
  bool is_best = false;  ///< saved on the way, at the evaluation with the highest score so far
};

/// Empty for an exported policy.
RunNotes notes_of(const std::string& path) {
  const rlx::io::Safetensors file = rlx::io::Safetensors::open(path);
  const auto found = file.metadata().find("rlx");
  if (found == file.metadata().end()) return {};
  try {
    RunNotes run;
    const nlohmann::json json = nlohmann::json::parse(found->second);
    const nlohmann::json notes = json.value("notes", nlohmann::json::object());
    if (notes.contains("history")) run.history = history_from_json(nlohmann::json::parse(notes["history"].get<std::string>()));
    const nlohmann::json &best = json.at("best"), &counters = json.at("counters");
    const auto steps = counters.at("num_timesteps").get<std::uint64_t>();
    run.is_best = !best.is_null() && best.at("num_timesteps").get<std::uint64_t>() == steps &&
                  steps < counters.at("total_timesteps").get<std::uint64_t>();
    return run;
  } catch (const nlohmann::json::exception& error) {
    throw rlx::CheckpointError(fmt::format("{}: the history of the run is damaged: {}", path, error.what()));
  }
}

/// Why nothing can be concluded from these views about a model: they trained it, or they chose it; empty if neither did.
std::string bias_of(const rlx::InferencePolicy& policy, const std::string& path, const Recordings& recordings,
                    const Options& o) {
  if (info_of(policy, "store_sha256") != recordings.sha256) return {};
  if (o.views != "held_out")
    return fmt::format("no verdict: {} was trained on views of these; judge it on --views held_out or on other sessions", path);
  if (!notes_of(path).is_best) return {};
  return fmt::format(
      "no verdict: these views chose {} among the models of its run; judge the final model, or this one on "
      "other sessions",
      path);
}

/// Held-out views are only held out if the model was not trained on them.
void check_split(const rlx::InferencePolicy& policy, const std::string& path, const Recordings& recordings,
                 const Selection& training) {
  const std::string store = info_of(policy, "store_sha256"), views = info_of(policy, "training_views");
  if (store != recordings.sha256 || views.empty() || views == training.sha256) return;
  throw rlx::CheckpointError(fmt::format(
      "{}: was trained on other views of these sessions ({:.12}, here {:.12}), so what is held out here may have been trained "
      "on; give the --seed, --split, --hold-out and view flags of its run, or --views all",
      path, views, training.sha256));
}

/// One episode of every view, decision by decision.
void record_episodes(const std::string& path, const Ensemble& agent, const Selection& selection, const Options& o) {
  rlx::io::JsonlWriter out(path, {.append = false, .flush_every = 0});
  std::size_t longest = 1;
  for (const kalshi::MarketSessionView& view : selection.set->views()) longest = std::max(longest, view.length());
  rlx::RecordEpisode env(kalshi::MarketAgnosticKalshiEnv(selection.set, o.trading()), longest);
  Ensemble::Workspace workspace = agent.make_workspace();
  std::array<float, kalshi::feature_count> row{};
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(env.action_space().n));
  for (std::size_t source = 0; source < selection.set->size(); ++source) {
    env.set_source(source);
    env.reset(rlx::RandomStream({o.seed, rlx::Purpose::evaluation_reset, 0, source}).next_u64(), row);
    workspace.begin_episode();
    std::uint64_t step = 0;
    for (bool ended = false; !ended; ++step) {
      rlx::RandomStream random({o.seed, rlx::Purpose::evaluation_action, static_cast<std::uint32_t>(source), step});
      env.action_masks(mask);
      std::int32_t action = 0;
      agent.act(row, mask, std::span(&action, 1), workspace, {o.policy != "sampled", &random});
      const rlx::Transition transition = env.step(std::span<const std::int32_t>(&action, 1), row);
      ended = transition.terminated || transition.truncated;
    }
    rlx::write_episode(out, env.last());
  }
  out.flush();
}

}  // namespace

rlx::InferencePolicy load_policy(const std::string& path, const Options& o) {
  rlx::InferencePolicy policy = [&] {
    try {
      return rlx::InferencePolicy::load(path);
    } catch (const rlx::IoError& error) {
      throw rlx::CheckpointError(error.what());
    }
  }();
  const auto expect = [&](const char* what, const std::string& found, const std::string& here, const char* advice) {
    if (found == here) return;
    throw rlx::CheckpointError(
        fmt::format("{}: was made for {} '{}', here '{}'; {}", path, what, found.empty() ? "unknown" : found, here, advice));
  };
  expect("the features", info_of(policy, "feature_layout"), kalshi::layout_hash(), "use a model trained by this version");
  expect("the actions", info_of(policy, "actions"), o.actions_text(),
         "give its --layout, --price-rule, --contracts and --position-limit");
  return policy;
}

std::size_t print_alarms(const std::string& name, const kalshi::EvaluationTable& table) {
  for (const kalshi::Alarm& alarm : table.alarms) fmt::print("ALARM {}: {}: {}\n", name, alarm.ticker, alarm.text);
  return table.alarms.size();
}

int evaluate(const Options& o) {
  for (const std::string& path : {o.report, o.record})
    if (!path.empty()) rlx::io::require_writable(path);
  rlx::ThreadPool threads(o.thread_count());
  std::vector<rlx::InferencePolicy> members;
  for (const std::string& path : o.checkpoints) members.push_back(load_policy(path, o));
  const Ensemble agent(members);
  Recordings recordings = load_recordings(o);
  Views views = make_views(recordings, o);
  std::vector<std::size_t> numbers(views.all.size());
  std::iota(numbers.begin(), numbers.end(), std::size_t{0});
  std::optional<Selection> training;
  if (o.views == "all") {
    rate_difficulty(views, numbers);
  } else {
    const curriculum::Split split = split_views(views, o);
    training = select(recordings, views, split.training, "training");
    for (std::size_t i = 0; i < members.size(); ++i) check_split(members[i], o.checkpoints[i], recordings, *training);
    numbers = o.views == "train" ? split.training : split.held_out;
  }
  const Selection selection = select(recordings, views, numbers, o.views);
  if (!o.quiet)
    fmt::print("sessions   {} ({})\nviews      {} ({})\n\n", recordings.listed.size(), recordings.origin, numbers.size(),
               o.views);

  ReportInput report;
  for (std::size_t i = 0; i < members.size() && report.bias.empty(); ++i)
    report.bias = bias_of(members[i], o.checkpoints[i], recordings, o);
  const auto play = [&](const Selection& chosen, bool deterministic) {
    kalshi::EvaluationConfig config = evaluation_config(o, chosen, threads);
    config.deterministic = deterministic;
    return kalshi::evaluate_markets(agent, *chosen.set, o.trading(), config);
  };
  const char* const name = members.size() > 1 ? "ensemble" : "agent";
  if (o.policy != "sampled") report.rows.push_back({name, true, play(selection, true)});
  if (o.policy != "deterministic") report.rows.push_back({fmt::format("{}, sampled", name), true, play(selection, false)});
  for (PolicyRow& row : score_baselines(selection, o, threads)) report.rows.push_back(std::move(row));
  const kalshi::EvaluationTable& table = report.rows.front().table;
  fmt::print("{}\n{}\n{}", comparison_table(report.rows).to_string(), group_table(table).to_string(),
             correlation_table(table).to_string());
  const bool made = std::any_of(recordings.listed.begin(), recordings.listed.end(),
                                [](const auto& session) { return session.source.rfind("synthetic", 0) == 0; });
  if (made && recordings.synthetic.empty())
    fmt::print("\nno oracle: the truth is known if all sessions come from generate of this version\n");
  if (!table.always_failing.empty()) {
    std::vector<std::string> names;
    for (const std::size_t source : table.always_failing) names.push_back(table.markets[source].ticker);
    fmt::print("\n{} views lose and never win: {}\n", names.size(), fmt::join(names, ", "));
  }
  if (o.fill_sensitivity) {
    report.sensitivity =
        kalshi::evaluate_fill_sensitivity(agent, *selection.set, o.trading(), evaluation_config(o, selection, threads));
    fmt::print("\nshare of unexplained decreases that count as trades\n{}", sensitivity_table(report.sensitivity).to_string());
  }
  if (o.views == "held_out") {
    report.train = play(*training, o.policy != "sampled");
    if (members.size() == 1) report.history = notes_of(o.checkpoints.front()).history;
    if (!report.history.updates.empty() && report.bias.empty()) {
      report.checks = kalshi::success_checks(report.history, *report.train, table);
      fmt::print("\n{}", check_table(report.checks).to_string());
    }
  }
  if (!o.record.empty()) record_episodes(o.record, agent, selection, o);
  report.verdict = report.bias.empty() ? verdict(table) : report.bias;
  if (!o.report.empty()) {
    report.title = "Kalshi, market-agnostic: evaluation";
    report.subtitle = fmt::format("{}; {} views ({})", recordings.origin, numbers.size(), o.views);
    report.details = {{"checkpoints", fmt::format("{}", fmt::join(o.checkpoints, "\n"))}, {"figures", to_json(table).dump(2)}};
    report.command_line = o.command_line;
    write_report(o.report, report);
    if (!o.quiet) fmt::print("\nreport: {}\n", o.report);
  }
  std::size_t alarms = 0;
  for (const PolicyRow& row : report.rows) alarms += print_alarms(row.name, row.table);
  fmt::print("\n{}\n", report.verdict);
  return alarms > 0 ? exit_alarm : 0;
}

}  // namespace app
