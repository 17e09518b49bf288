// SPDX-License-Identifier: MIT
// The learning layer of a core agent from end to end, no network or exchange: signals of three strategies through filter,
// limits and mock agents; what went wrong; "will this be rejected" by two learners; three rounds of retraining while the market
// changes; a log that proves it. Ends with 1 if a check fails. Argument: a new folder for logs and models, else one below /tmp.
//   sh examples/run.sh core_agent
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include <rlx/nn.hpp>
#include <rlx/signals.hpp>

using namespace rlx::signals;
/// Any type with these members is a learner. This one: a network of two layers of 16, Adam on the weighted log loss.
class NnLearner {
 public:
  static const char* name() { return "mlp_16_16"; }
  FitReport fit(rlx::MatrixView<const double> x, std::span<const double> y, std::span<const double> w, rlx::RandomStream& rng) {
    if (width_ != x.cols()) build(x.cols(), rng.next_u64());
    rlx::nn::Adam adam(store_);
    auto work = graph_->make_workspace(x.rows());
    const auto rows = static_cast<float>(x.rows());
    for (int step = 0; step < 50; ++step) {
      forward(x, work);
      for (std::size_t i = 0; i < y.size(); ++i)  // gradient of the mean log loss
        work.output_gradient(0)(i, 0) = static_cast<float>(w[i] * (sigmoid(work.output(0)(i, 0)) - y[i])) / rows;
      store_.zero_gradients();
      graph_->backward(store_.parameters(), store_.gradients(), work);
      adam.step(store_, 0.01);
    }
    return {.converged = true, .iterations = 50};
  }
  void predict_probability(rlx::MatrixView<const double> x, std::span<double> p) const {
    auto work = graph_->make_workspace(x.rows(), false);
    forward(x, work);
    for (std::size_t i = 0; i < p.size(); ++i) p[i] = sigmoid(work.output(0)(i, 0));
  }
  Json to_json() const {
    return {{"width", width_}, {"weights", std::vector<float>(store_.parameters().begin(), store_.parameters().end())}};
  }
  static NnLearner from_json(const Json& json) {
    NnLearner learner;
    learner.build(json.at("width").get<std::size_t>(), 0);
    const auto weights = json.at("weights").get<std::vector<float>>();
    for (std::size_t k = 0; k < learner.store_.parameters().size(); ++k) learner.store_.parameters()[k] = weights.at(k);
    return learner;
  }

 private:
  void build(std::size_t width, std::uint64_t seed) {
    rlx::nn::GraphBuilder graph;
    graph.output("logit", graph.input(width).linear(16).tanh().linear(16).tanh().linear(1, {.gain = 0.01}));
    width_ = width;
    store_ = {};
    graph_.emplace(rlx::nn::Graph<float>::build(graph.spec(), store_));
    rlx::nn::initialize(store_, graph.spec(), rlx::nn::Initialization::orthogonal, seed);
  }
  void forward(rlx::MatrixView<const double> x, rlx::nn::Workspace<float>& work) const {
    std::vector<float> rows(x.rows() * width_);  // shares of limits have no upper end, so they are compressed
    for (std::size_t k = 0; k < rows.size(); ++k) rows[k] = static_cast<float>(std::asinh(x(k / width_, k % width_)));
    graph_->forward(store_.parameters(), {rows.data(), x.rows(), width_}, work);
  }
  std::size_t width_ = 0;
  rlx::nn::ParameterStore<float> store_;
  std::optional<rlx::nn::Graph<float>> graph_;
};

static int failures = 0;
static void require(bool holds, const char* what) {
  if (!holds) ++failures, std::printf("FAILED: %s\n", what);
}

int main(int argc, char** argv) try {
  std::string folder = argc > 1 ? argv[1] : "/tmp/core_agent_XXXXXX";
  if (folder == "--help")
    return std::puts("usage: core_agent [NEW FOLDER for logs and models, else below /tmp]; Ctrl-C leaves it, name another") < 0;
  if (const bool odd = folder.empty() || folder.starts_with("-"); odd || argc > 2)
    return std::fprintf(stderr, "error: expected at most one folder, found '%s'; see --help\n", argv[odd ? 1 : 2]), 2;
  {  // The seed's script.
    RecentContext context;
    ResearchEngine research(context);
    TrainingModule training(context);
    rlx::SystemClock clock;
    RetrainingLoop retraining(training, context, clock);
    context.store_signal(
        {.signal_id = "signal1", .strategy = "momentum", .params = {.amount = 0.1}, .timestamp = 1234567890.0});
    auto analysis = research.analyze_behavior();
    auto dataset = training.prepare_dataset();
    auto report = training.train_model(dataset);
    const std::string reason = SignalFilter(clock).validate(context.get_recent_signals().front()).reason();
    std::printf("seed: %zu signal, %s; %s\n", analysis.total_signals, reason.c_str(), report.reason.c_str());
    require(!report.updated && reason == "Missing required params: base, quote", "the seed's script");
  }
  if (argc == 1 && ::mkdtemp(folder.data()) == nullptr) throw rlx::IoError("cannot make a folder below /tmp");
  if (rlx::io::PosixFiles().exists(folder + "/logs") != 0) throw rlx::IoError(folder + " holds a run: name a new folder");
  RecentContext context(20'000);
  ScenarioConfig world{.count = 5'000};
  rlx::ManualClock clock(static_cast<std::int64_t>(world.start) * 1'000);
  CoreAgentLogger logger(folder + "/logs", clock);
  ScenarioRunner agent(context, clock, {.limits = world.limits}, {}, &logger);
  rlx::RandomStream random({7, rlx::Purpose::user});
  ValidationReport outcomes = validate_logic(agent, generate_scenarios(world, random));
  const ResearchEngine research(context);
  const BehaviorAnalysis analysis = research.analyze_behavior();
  std::printf("\n%zu signals, %zu rejected; %zu not as the rules demand\n", analysis.total_signals, analysis.total_rejections,
              outcomes.mismatches.size());
  for (const auto& [code, s] : analysis.by_code)
    std::printf("  %-18s %5zu  %4.1f %% (%.1f to %.1f)\n", code.c_str(), s.count, 100 * s.share, 100 * s.low, 100 * s.high);
  for (const auto& [name, s] : analysis.by_strategy)
    std::printf("  %-18s %5zu signals, %4.1f %% rejected, mean P&L %+.3f\n", name.c_str(), s.signals, 100 * s.rate, s.pnl_mean);
  const ValidationReport edges = validate_logic(edge_cases());
  std::printf("  %zu edge cases, %zu not as the rules demand\n", edges.scenarios, edges.mismatches.size());
  require(outcomes.ok() && edges.ok(), "every scenario ends as the rules demand");

  TrainingModule training(context, {.window = 4'000, .seed = 1, .model_directory = folder + "/models"}, &logger);
  TrainingModule<NnLearner> networks(context, {.window = 4'000, .seed = 1}, &logger);
  const SignalDataset dataset = training.prepare_dataset();
  const TrainReport first = training.train_model(dataset), second = networks.train_model(dataset);
  std::printf("\nwill it be rejected?\n");
  for (const auto& [name, r] : {std::pair("logistic_regression", first), std::pair(NnLearner::name(), second)})
    std::printf("  %-20s accuracy %.3f (majority %.3f)  Brier %.3f (base rate %.3f)  AUC %.3f  ECE %.3f\n", name, r.accuracy,
                r.majority_share, r.brier, r.baseline_brier, r.auc, r.ece);
  require(first.updated && second.updated && first.auc > 0.9 && second.auc > 0.9, "both learners beat the base rate");
  std::printf("\nretraining\n");
  RetrainingLoop loop(training, context, clock, {.interval = 86'400, .min_new = 0});
  for (int round = 1; round <= 3; ++round) {
    world.start += world.step * static_cast<double>(world.count);
    world.count = 1'500;
    world.id_prefix = "round" + std::to_string(round) + "-";
    if (round == 2) world.min_amount = 10, world.risk_refusal = {0.3, 0.02};  // larger orders, another mind of the risk agent
    for (const SignalScenario& scenario : generate_scenarios(world, random)) agent.run(scenario);
    const RetrainResult result = loop.run_once();
    std::printf("  round %d: trigger %s, Brier %.3f (active model: %.3f), %s\n", round, name_of(result.trigger).data(),
                result.report.brier, result.report.champion_brier, result.promoted ? "promoted" : "not promoted");
    require(result.trained && (result.trigger == RetrainTrigger::drift) == (round > 1), "drift is found from its round on");
  }
  const bool whole = verify_log(folder + "/logs").ok;
  const std::size_t trainings = research.load_logs(folder + "/logs").by_name.at("train_model");
  std::printf("\nlog: chain %s, %zu trainings\n", whole ? "whole" : "broken", trainings);
  require(whole && trainings == 5, "the log is whole and holds every training");
  if (std::fflush(stdout) != 0) throw rlx::IoError("standard output cannot be written; is the disk full?");
  return failures == 0 ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return 1;
}
