// SPDX-License-Identifier: MIT
/// @file
/// @brief Trains a model of "will this signal be rejected" (or "will it earn") and replaces the active one only by a better
/// one.
///
/// Learners and model files speak nlohmann::json: a program that trains includes records_json.hpp, or nlohmann/json.hpp, too.
#ifndef RLX_SIGNALS_TRAINING_MODULE_HPP
#define RLX_SIGNALS_TRAINING_MODULE_HPP

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/core/random.hpp>
#include <rlx/io/append_file.hpp>
#include <rlx/risk/probability_metrics.hpp>
#include <rlx/signals/calibration.hpp>
#include <rlx/signals/core_agent_logger.hpp>
#include <rlx/signals/dataset.hpp>
#include <rlx/signals/drift.hpp>
#include <rlx/signals/features.hpp>
#include <rlx/signals/learner.hpp>
#include <rlx/signals/logistic_regression.hpp>
#include <rlx/signals/model_registry.hpp>
#include <rlx/signals/promotion.hpp>
#include <rlx/signals/recent_context.hpp>

namespace rlx::inline v0_1::signals {

/// How models are trained, judged and kept.
struct TrainingConfig {
  std::size_t min_rows = 50;      ///< labelled rows that are needed
  std::size_t min_class = 10;     ///< rows of each class that the training block needs
  std::size_t window = 1'000;     ///< newest labelled rows that are used; 0: all
  std::size_t max_rounds = 20;    ///< fits that go on from one another while the calibration block's log loss falls; at least 1
  std::size_t bootstrap = 2'000;  ///< resamples of the test of promotion
  double significance = 0.05;     ///< a difference counts below this p value
  double max_ece = 0.10;          ///< largest calibration error that may be promoted
  double auc_slack = 0.005;       ///< AUC that a better Brier score may cost
  std::size_t min_rollback = 100;    ///< new resolved signals before an active model may be rolled back
  std::size_t keep = 5;              ///< versions kept of each target
  std::uint64_t seed = 0;            ///< of the streams of learner and bootstrap
  std::string model_directory = {};  ///< empty: models are kept in memory only
  std::string history_journal = {};  ///< JSON Lines file of older records (HistoryJournal); empty: none
  FeatureConfig features = {};       ///< `memory` 0: that of the context
};

/// What a training gave. Scores are those of the challenger on the test block; NaN where they could not be measured.
struct TrainReport {
  std::size_t dataset_size = 0;                                      ///< rows, with or without a label
  double accuracy = std::numeric_limits<double>::quiet_NaN();        ///< share of (p >= 0.5) = outcome
  bool updated = false;                                              ///< the challenger is the active model now
  bool failed = false;                                               ///< the learner threw or gave impossible probabilities
  std::string reason{};                                              ///< why it is, or is not
  std::uint64_t version = 0;                                         ///< of the active model afterwards; 0: none
  double brier = std::numeric_limits<double>::quiet_NaN();           ///< mean (p - outcome)^2
  double log_loss = std::numeric_limits<double>::quiet_NaN();        ///< mean, p clipped to [1e-12, 1 - 1e-12]
  double auc = std::numeric_limits<double>::quiet_NaN();             ///< NaN too if the test block has one class
  double ece = std::numeric_limits<double>::quiet_NaN();             ///< expected calibration error, 10 bins
  double majority_share = std::numeric_limits<double>::quiet_NaN();  ///< accuracy of saying the more frequent outcome
  double baseline_brier = std::numeric_limits<double>::quiet_NaN();  ///< of the training block's base rate
  double champion_brier = std::numeric_limits<double>::quiet_NaN();  ///< of the active model; NaN without one
  double champion_auc = std::numeric_limits<double>::quiet_NaN();    ///< of the active model; NaN without one
  double p_value = std::numeric_limits<double>::quiet_NaN();         ///< that the challenger is not better, one-sided
  risk::TestResult mcnemar{};                                        ///< of the decisions, against what p_value compares with
  bool calibrated = false;  ///< false: the calibration block was too small or of one class
  std::size_t rounds = 0;   ///< fits made
  /// @{ Labelled rows of the three blocks, in the order of time.
  std::size_t rows_train = 0, rows_calibrate = 0, rows_test = 0;
  /// @}
  std::size_t purged = 0;      ///< rows left out, since their label was not known when the next block began
  std::string dataset_hash{};  ///< SignalDataset::hash
  std::string schema_hash{};   ///< SHA-256 of the names of its columns

  /// All members by name, of `mcnemar` the statistic.
  template <AnyJson J = Json>
  J to_json() const {
    J json = detail::any_object<J>({{"dataset_size", dataset_size},
                                    {"accuracy", accuracy},
                                    {"updated", updated},
                                    {"failed", failed},
                                    {"reason", reason},
                                    {"version", version},
                                    {"brier", brier},
                                    {"log_loss", log_loss},
                                    {"auc", auc},
                                    {"ece", ece},
                                    {"majority_share", majority_share},
                                    {"baseline_brier", baseline_brier},
                                    {"champion_brier", champion_brier},
                                    {"champion_auc", champion_auc},
                                    {"p_value", p_value},
                                    {"mcnemar", mcnemar.statistic},
                                    {"calibrated", calibrated},
                                    {"rounds", rounds},
                                    {"rows_train", rows_train},
                                    {"rows_calibrate", rows_calibrate},
                                    {"rows_test", rows_test},
                                    {"purged", purged},
                                    {"dataset_hash", dataset_hash},
                                    {"schema_hash", schema_hash}});
    return json;
  }
};

/// Whether the active model should give way to the one before, and by which figures.
struct RollbackCheck {
  bool worse = false;    ///< the previous version is better on new signals, and not by chance
  std::size_t rows = 0;  ///< newly resolved signals, scored by both
  double active_brier = std::numeric_limits<double>::quiet_NaN();    ///< of the active model; NaN with too few rows
  double previous_brier = std::numeric_limits<double>::quiet_NaN();  ///< of the version before
  double p_value = 1;                                                ///< one-sided, that the previous version is not better
};

namespace detail {

/// Labelled rows [begin, end) of a dataset as dense arrays.
struct Block {
  std::vector<double> x, y, w;
  std::size_t columns = 0;
  std::size_t rows() const { return y.size(); }
  MatrixView<const double> view() const { return {x.data(), y.size(), columns}; }
};

/// Chronological 60/20/20 parts of the newest `window` labelled rows, none shuffled.
struct Blocks {
  Block train, calibrate, test;
  std::size_t labelled = 0;  ///< rows of the window before purging
  std::size_t purged = 0;
};

/// The newest `window` labelled rows (0: all) in three parts, without those whose label came too late.
template <class = void>
Blocks split_blocks(const SignalDataset& dataset, std::size_t window) {
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < dataset.rows.size(); ++i) {
    if (dataset.rows[i].label) rows.push_back(i);
  }
  if (window != 0 && rows.size() > window) rows.erase(rows.begin(), rows.end() - static_cast<std::ptrdiff_t>(window));
  Blocks blocks;
  blocks.labelled = rows.size();
  const std::size_t calibrate = rows.size() * 6 / 10, test = rows.size() * 8 / 10;
  const auto take = [&](Block& block, std::size_t begin, std::size_t end) {
    block.columns = dataset.schema.size();
    for (std::size_t k = begin; k < end; ++k) {
      const SignalRow& row = dataset.rows[rows[k]];
      // What was not known when the next block began may not shape what is tried on it.
      if (end < rows.size() && !(row.label_time < dataset.rows[rows[end]].signal.timestamp)) {
        ++blocks.purged;
        continue;
      }
      const std::span<const double> x = dataset.x().row(rows[k]);
      block.x.insert(block.x.end(), x.begin(), x.end());
      block.y.push_back(*row.label);
      block.w.push_back(row.weight);
    }
  };
  take(blocks.train, 0, calibrate);
  take(blocks.calibrate, calibrate, test);
  take(blocks.test, test, rows.size());
  return blocks;
}

}  // namespace detail

/**
 * @brief Dataset, training, promotion, rollback and prediction for one core agent.
 *
 * A model is trained on the oldest 60 % of the window, calibrated on the next 20 % and judged on the newest 20 %. It becomes
 * active only if its Brier score there is lower than the active model's with p < `significance` over resampled blocks of time,
 * its calibration error at most `max_ece` and its AUC not more than `auc_slack` below. The first model has to beat the training
 * block's base rate in the same way: a lower score alone happens to noise in a third of all trainings.
 *
 * `train_model` and `rollback` write exactly one log record each. `probability` may be called from any thread at any time and
 * never waits for training. Random numbers: stream (seed, bootstrap, step = model version) for the test, (seed, initialisation,
 * step = model version) for the learner; so equal datasets and seeds give equal model files.
 * @tparam Learner  any SignalLearner; LogisticRegression is built in
 */
template <SignalLearner Learner = LogisticRegression>
class TrainingModule {
 public:
  /// What the registry keeps.
  using Model = TrainedModel<Learner>;

  /// Opens the model directory, if there is one, and loads the active models; files that cannot be used are passed over and
  /// logged. `context` and `logger` must outlive the module.
  /// @throws ConfigError naming the field; IoError, DataError as ModelRegistry
  explicit TrainingModule(RecentContext& context, TrainingConfig config = {}, CoreAgentLogger* logger = nullptr)
      : context_(&context),
        config_(checked(std::move(config), context)),
        logger_(logger),
        schema_(feature_schema(config_.features)),
        registry_(config_.model_directory, schema_.hash, config_.keep, posix()) {
    for (const std::string& note : registry_.notes()) log_error("load_models", LogFields::object({{"problem", note}}));
  }

  /// One row for each signal on record, the journal's before the memory's. @throws IoError, DataError for the journal
  SignalDataset prepare_dataset(Target target = Target::rejected) const {
    ContextSnapshot records = context_->snapshot();
    if (!config_.history_journal.empty()) {
      records = merge_history(HistoryJournal::load(config_.history_journal), std::move(records));
    }
    return build_dataset(std::move(records), target, config_.features);
  }

  /**
   * @brief Trains a challenger and promotes it if it is better.
   * @param dataset  of `prepare_dataset`, with the features of this module
   * @param trigger  why, for the log
   * @return what was measured; too little data and a failing learner are results, not errors, and leave the active model
   * @throws DataError with both hashes if the dataset has other features; IoError if a file or the log cannot be written
   */
  TrainReport train_model(const SignalDataset& dataset, std::string_view trigger = "manual") {
    const std::scoped_lock lock(training_);
    if (dataset.schema.hash != schema_.hash) {
      throw DataError("train_model: the dataset's features have the hash " + dataset.schema.hash + ", those of the model " +
                      schema_.hash + "; prepare it with the same strategies");
    }
    TrainReport report;
    report.dataset_size = dataset.size();
    report.schema_hash = schema_.hash;
    report.dataset_hash = dataset.hash();
    const auto champion = registry_.active(dataset.target);
    report.version = champion == nullptr ? 0 : champion->version;

    std::optional<Model> challenger;
    try {
      challenger = challenge(dataset, champion.get(), report);
    } catch (const std::exception& error) {
      report.failed = true;
      report.reason = error.what();
    }
    if (!challenger) {
      const LogFields fields = log_fields(report, dataset.target, trigger);
      if (report.failed)
        log_error("train_model", fields);
      else
        log_action("train_model", fields);
      return report;
    }
    report.updated = true;
    report.version = registry_.next_version();
    challenger->metrics = report.to_json<typename Model::Json>();
    registry_.promote(std::move(*challenger), [&](const Model& model) {
      LogFields fields = log_fields(report, model.target, trigger);
      fields["parent"] = model.parent;
      fields["parameters_hash"] = model.parameters_hash();
      log_action("train_model", fields);
      if (logger_ != nullptr) logger_->sync();
    });
    return report;
  }

  /// Probability of the target for a signal, by what the context holds from before it; NaN without a model. O(memory).
  double probability(const Signal& signal, Target target = Target::rejected) const {
    const auto model = registry_.active(target);
    return model == nullptr ? std::numeric_limits<double>::quiet_NaN() : predict(*model, signal);
  }
  /// The same by a given model. @throws NumericError if its learner gives no probability
  double predict(const Model& model, const Signal& signal) const {
    const ContextSnapshot records = context_->snapshot();
    std::vector<double> row(schema_.size());
    FeatureBuilder(records, config_.features).features(signal, row);
    double p = 0;
    model.predict(MatrixView<const double>(row.data(), 1, row.size()), std::span(&p, 1));
    return p;
  }

  /// Compares the active model with the one before on signals that are newer than anything it was trained on.
  RollbackCheck check_rollback(const SignalDataset& dataset) const {
    RollbackCheck check;
    const auto active = registry_.active(dataset.target), previous = registry_.previous(dataset.target);
    if (active == nullptr || previous == nullptr || dataset.schema.hash != schema_.hash) return check;
    detail::Block rows = rows_after(dataset, active->data_until, true);
    check.rows = rows.rows();
    if (check.rows < std::max<std::size_t>(1, config_.min_rollback)) return check;
    std::vector<double> p(check.rows), q(check.rows);
    active->predict(rows.view(), p);
    previous->predict(rows.view(), q);
    RandomStream random({config_.seed, Purpose::bootstrap, 1, active->version});
    const Comparison comparison = compare_predictions(q, p, rows.y, config_.bootstrap, random);
    check.active_brier = comparison.brier_champion;
    check.previous_brier = comparison.brier_challenger;
    check.p_value = comparison.p_value;
    check.worse = check.previous_brier < check.active_brier && check.p_value < config_.significance;
    return check;
  }

  /// Returns to the version before; the same parameters are not promoted again. @return false, and nothing logged, without one
  /// @throws IoError if the log or `active.json` cannot be written
  bool rollback(std::string reason, Target target = Target::rejected) {
    const std::scoped_lock lock(training_);
    return registry_.rollback(target, [&](const Model& withdrawn, const Model& back) {
      log_action("rollback", LogFields::object({{"reason", reason},
                                                {"target", name_of(target)},
                                                {"withdrawn", withdrawn.version},
                                                {"version", back.version},
                                                {"parameters_hash", withdrawn.parameters_hash()}}));
      if (logger_ != nullptr) logger_->sync();
    });
  }

  /// Drift of the signals that are newer than the active model's dataset; nothing found without a model.
  DriftReport drift(const SignalDataset& dataset, const DriftConfig& config = {}) const {
    const auto active = registry_.active(dataset.target);
    if (active == nullptr || dataset.schema.hash != schema_.hash) return {};
    const detail::Block all = rows_after(dataset, active->data_until, false);
    const detail::Block labelled = rows_after(dataset, active->data_until, true);
    return detect_drift(active->drift, all.view(), labelled.y, config);
  }

  /// Versions, and the active one.
  const ModelRegistry<Learner>& registry() const noexcept { return registry_; }
  /// As given, with `features.memory` filled in.
  const TrainingConfig& config() const noexcept { return config_; }
  /// Of the features in use.
  const FeatureSchema& schema() const noexcept { return schema_; }
  /// As given; null without one.
  CoreAgentLogger* logger() const noexcept { return logger_; }

 private:
  static io::PosixFiles& posix() {
    static io::PosixFiles files;  // stateless
    return files;
  }
  static TrainingConfig checked(TrainingConfig config, const RecentContext& context) {
    const auto share = [](const char* name, double value) {
      if (!is_finite(value) || !(value > 0 && value <= 1)) {
        throw ConfigError(std::string("TrainingConfig.") + name + " must lie in (0, 1], got " + std::to_string(value));
      }
    };
    share("significance", config.significance);
    share("max_ece", config.max_ece);
    if (!is_finite(config.auc_slack) || !(config.auc_slack >= 0)) {
      throw ConfigError("TrainingConfig.auc_slack must be at least 0, got " + std::to_string(config.auc_slack));
    }
    if (config.max_rounds == 0) throw ConfigError("TrainingConfig.max_rounds must be at least 1, got 0");
    if (config.bootstrap == 0) throw ConfigError("TrainingConfig.bootstrap must be at least 1, got 0");
    check(config.features);
    if (config.features.memory == 0) config.features.memory = context.max_history();
    return config;
  }

  /// Rows of signals after a time; only those with a label if asked.
  detail::Block rows_after(const SignalDataset& dataset, double time, bool labelled) const {
    detail::Block block;
    block.columns = dataset.schema.size();
    for (std::size_t i = 0; i < dataset.rows.size(); ++i) {
      const SignalRow& row = dataset.rows[i];
      if (!(row.signal.timestamp > time) || (labelled && !row.label)) continue;
      const std::span<const double> x = dataset.x().row(i);
      block.x.insert(block.x.end(), x.begin(), x.end());
      block.y.push_back(row.label.value_or(0));
      block.w.push_back(row.weight);
    }
    return block;
  }

  static std::string rows_text(std::size_t count, const char* what) {
    return std::to_string(count) + ' ' + what + (count == 1 ? " row" : " rows");
  }

  /// The challenger, if it is to be promoted; otherwise `report.reason` says why not.
  std::optional<Model> challenge(const SignalDataset& dataset, const Model* champion, TrainReport& report) {
    const detail::Blocks blocks = detail::split_blocks(dataset, config_.window);
    report.rows_train = blocks.train.rows();
    report.rows_calibrate = blocks.calibrate.rows();
    report.rows_test = blocks.test.rows();
    report.purged = blocks.purged;
    if (blocks.labelled < config_.min_rows) {
      report.reason =
          "dataset too small: " + rows_text(blocks.labelled, "labelled") + ", needs " + std::to_string(config_.min_rows);
      return std::nullopt;
    }
    const auto ones = static_cast<std::size_t>(std::count(blocks.train.y.begin(), blocks.train.y.end(), 1.0));
    if (const std::size_t fewer = std::min(ones, blocks.train.rows() - ones); fewer < config_.min_class) {
      report.reason = "dataset too one-sided: " + rows_text(fewer, "training") + " of the rarer class, needs " +
                      std::to_string(config_.min_class);
      return std::nullopt;
    }
    if (blocks.test.rows() == 0 || blocks.calibrate.rows() == 0) {
      report.reason =
          "dataset too small: no rows are left to calibrate and test with after purging " + std::to_string(blocks.purged);
      return std::nullopt;
    }

    Model model;
    model.target = dataset.target;
    model.schema = schema_;
    model.dataset_hash = report.dataset_hash;
    model.data_until = dataset.rows.back().signal.timestamp;
    model.base_rate = static_cast<double>(ones) / static_cast<double>(blocks.train.rows());
    model.drift = make_drift_reference(blocks.train.view(), blocks.train.y, schema_.watched());
    model.learner = fit(blocks, champion, report);

    std::vector<double> p(blocks.calibrate.rows());
    model.predict(blocks.calibrate.view(), p);  // not calibrated yet
    model.calibration = fit_platt(p, blocks.calibrate.y, blocks.calibrate.w);
    report.calibrated = !model.calibration.identity;
    return judge(std::move(model), blocks.test, champion, report);
  }

  /// Fits until the calibration block's log loss no longer falls, and returns to its best.
  Learner fit(const detail::Blocks& blocks, const Model* champion, TrainReport& report) {
    Learner learner = champion == nullptr ? Learner{} : Learner::from_json(champion->learner.to_json());
    RandomStream random({config_.seed, Purpose::initialisation, 0, registry_.next_version()});
    std::vector<double> p(blocks.calibrate.rows());
    double best = std::numeric_limits<double>::infinity();
    typename Model::Json best_learner;
    for (report.rounds = 0; report.rounds < config_.max_rounds;) {
      const FitReport fitted = learner.fit(blocks.train.view(), blocks.train.y, blocks.train.w, random);
      ++report.rounds;
      Model probe;
      probe.learner = std::move(learner);
      probe.predict(blocks.calibrate.view(), p);
      learner = std::move(probe.learner);
      const double loss = risk::log_loss(p, blocks.calibrate.y);
      if (!(loss < best * (1 - 1e-6))) break;
      best = loss;
      best_learner = learner.to_json();
      if (fitted.iterations == 0) break;
    }
    return Learner::from_json(best_learner);
  }

  std::optional<Model> judge(Model model, const detail::Block& test, const Model* champion, TrainReport& report) {
    std::vector<double> p(test.rows()), base(test.rows(), model.base_rate), rival = base;
    model.predict(test.view(), p);
    report.accuracy = risk::accuracy(p, test.y);
    report.majority_share = risk::majority_share(test.y);
    report.brier = risk::brier_score(p, test.y);
    report.log_loss = risk::log_loss(p, test.y);
    report.auc = risk::auc(p, test.y);
    report.ece = risk::expected_calibration_error(p, test.y);
    report.baseline_brier = risk::brier_score(base, test.y);
    double rival_auc = 0.5;
    if (champion != nullptr) {
      champion->predict(test.view(), rival);
      report.champion_brier = risk::brier_score(rival, test.y);
      report.champion_auc = rival_auc = risk::auc(rival, test.y);
    }
    RandomStream random({config_.seed, Purpose::bootstrap, 0, registry_.next_version()});
    const Comparison comparison = compare_predictions(p, rival, test.y, config_.bootstrap, random);
    report.p_value = comparison.p_value;
    report.mcnemar = comparison.mcnemar;

    const std::string against = champion == nullptr ? "the base rate" : "version " + std::to_string(champion->version);
    const auto refuse = [&](std::string reason) {
      report.reason = std::move(reason);
      return std::nullopt;
    };
    if (!(comparison.brier_challenger < comparison.brier_champion)) {
      return refuse("Brier score " + std::to_string(report.brier) + " is not below that of " + against + ", " +
                    std::to_string(comparison.brier_champion));
    }
    if (!(report.p_value < config_.significance)) {
      return refuse("better than " + against + " only by what chance explains: p " + std::to_string(report.p_value));
    }
    if (!(report.ece <= config_.max_ece)) {
      return refuse("calibration error " + std::to_string(report.ece) + " above " + std::to_string(config_.max_ece));
    }
    if (!is_finite(report.auc)) return refuse("the test block has one class");
    if (!(report.auc >= rival_auc - config_.auc_slack)) {
      return refuse("AUC " + std::to_string(report.auc) + " below that of " + against + ", " + std::to_string(rival_auc));
    }
    if (registry_.is_refused(model.parameters_hash())) return refuse("these parameters were rolled back before");
    report.reason = "better than " + against + ": p " + std::to_string(report.p_value);
    return model;
  }

  LogFields log_fields(const TrainReport& report, Target target, std::string_view trigger) const {
    LogFields fields = report.to_json<LogFields>();
    fields["target"] = name_of(target);
    fields["trigger"] = trigger;
    fields["learner"] = Learner::name();
    return fields;
  }
  void log_action(std::string_view name, const LogFields& fields) {
    if (logger_ != nullptr) logger_->log_action(name, fields);
  }
  void log_error(std::string_view name, const LogFields& fields) {
    if (logger_ != nullptr) logger_->log_error(name, fields);
  }

  RecentContext* context_;
  TrainingConfig config_;
  CoreAgentLogger* logger_;
  FeatureSchema schema_;
  ModelRegistry<Learner> registry_;
  std::mutex training_;  // one training or rollback at a time
};

/// The built-in learner, unless another is named.
template <std::same_as<RecentContext> C, class L = LogisticRegression>
TrainingModule(C&) -> TrainingModule<L>;
/// The built-in learner, unless another is named.
template <std::same_as<RecentContext> C, class L = LogisticRegression>
TrainingModule(C&, TrainingConfig) -> TrainingModule<L>;
/// The built-in learner, unless another is named.
template <std::same_as<RecentContext> C, class L = LogisticRegression>
TrainingModule(C&, TrainingConfig, CoreAgentLogger*) -> TrainingModule<L>;

}  // namespace rlx::inline v0_1::signals

#endif  // RLX_SIGNALS_TRAINING_MODULE_HPP
