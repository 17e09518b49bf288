// SPDX-License-Identifier: MIT
#include <rlx/signals/training_module.hpp>

#include "rlx_catch.hpp"

#include <cmath>
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <stdlib.h>

#include <rlx/core/clock.hpp>
#include <rlx/signals/records_json.hpp>

#include "planted.hpp"

using namespace rlx;
using namespace rlx::signals;
using rlx_test::above_limit;
using rlx_test::ContainsSubstring;
using rlx_test::plant;

namespace {

std::string folder() {
  std::string path = "/tmp/rlx_training_XXXXXX";
  REQUIRE(::mkdtemp(path.data()) != nullptr);
  return path;
}

// The smallest learner of a user: always says the share of ones.
class ShareLearner {
 public:
  static const char* name() { return "share"; }
  FitReport fit(MatrixView<const double>, std::span<const double> y, std::span<const double>, RandomStream&) {
    double sum = 0;
    for (const double label : y) sum += label;
    share_ = sum / static_cast<double>(y.size());
    return {.converged = true};
  }
  void predict_probability(MatrixView<const double>, std::span<double> p) const {
    for (double& each : p) each = share_;
  }
  Json to_json() const { return {{"share", share_}}; }
  static ShareLearner from_json(const Json& json) {
    ShareLearner learner;
    learner.share_ = json.at("share").get<double>();
    return learner;
  }

 private:
  double share_ = 0.5;
};
static_assert(SignalLearner<ShareLearner>);

// Almost one: it gives no report of its fits.
struct NearMiss : ShareLearner {
  void fit(MatrixView<const double>, std::span<const double>, std::span<const double>, RandomStream&) {}
};
static_assert(!SignalLearner<NearMiss>);

// A learner that fails as it is told.
struct Broken {
  inline static enum class Way { throws, nan, above_one } way = Way::throws;
  static const char* name() { return "broken"; }
  FitReport fit(MatrixView<const double>, std::span<const double>, std::span<const double>, RandomStream&) {
    if (way == Way::throws) throw std::runtime_error("out of luck");
    return {};
  }
  void predict_probability(MatrixView<const double>, std::span<double> p) const {
    for (double& each : p) each = way == Way::nan ? std::numeric_limits<double>::quiet_NaN() : 1.5;
  }
  Json to_json() const { return Json::object(); }
  static Broken from_json(const Json&) { return {}; }
};

// A logistic regression that is best after its second fit: what comes before is half as sure, what comes after hardly.
class SecondFitBest {
 public:
  inline static std::vector<int> starts = {};  // fits that each learner to be fitted had behind it
  static const char* name() { return "second fit best"; }
  FitReport fit(MatrixView<const double> x, std::span<const double> y, std::span<const double> w, RandomStream& random) {
    starts.push_back(fits_++);
    inner_.fit(x, y, w, random);
    return {.converged = true, .iterations = 1};
  }
  void predict_probability(MatrixView<const double> x, std::span<double> p) const {
    inner_.predict_probability(x, p);
    for (double& each : p) each = 0.5 + (each - 0.5) * (fits_ == 1 ? 0.5 : fits_ == 2 ? 1.0 : 0.1);
  }
  int fits() const { return fits_; }
  Json to_json() const { return {{"fits", fits_}, {"inner", inner_.to_json()}}; }
  static SecondFitBest from_json(const Json& json) {
    SecondFitBest learner;
    learner.fits_ = json.at("fits").get<int>();
    learner.inner_ = LogisticRegression::from_json(json.at("inner"));
    return learner;
  }

 private:
  int fits_ = 0;
  LogisticRegression inner_;
};

}  // namespace

TEST_CASE("the script of the seed trains nothing and says so") {
  RecentContext context;
  TrainingModule training(context);
  context.store_signal({.signal_id = "signal1", .strategy = "momentum", .params = {.amount = 0.1}, .timestamp = 1234567890.0});
  const auto dataset = training.prepare_dataset();
  const auto report = training.train_model(dataset);
  REQUIRE_FALSE(report.updated);
  REQUIRE(report.reason == "dataset too small: 1 labelled row, needs 50");
  REQUIRE(report.dataset_size == 1);
  REQUIRE(std::isnan(report.accuracy));  // never a made-up one
  REQUIRE(std::isnan(training.probability(context.get_recent_signals().front())));
}

TEST_CASE("a planted rule is found with an AUC above 0.99 on later rows") {
  RecentContext context(1'000);
  plant(context, 1'000, 1, above_limit);
  TrainingModule training(context);
  const TrainReport report = training.train_model(training.prepare_dataset());
  REQUIRE(report.updated);
  REQUIRE(report.auc > 0.99);
  REQUIRE(report.accuracy > report.majority_share + 0.3);
  REQUIRE(report.brier < report.baseline_brier);
  REQUIRE(report.version == 1);
  REQUIRE(report.rows_train == 600);
  REQUIRE(report.rows_test == 200);
  Signal big{
      "big", "momentum", {.amount = 1e5, .base = "BTC", .quote = "USDT", .price = 100.0, .extra = {}}, 1'767'300'000, {}};
  Signal small = big;
  small.params.amount = 1;
  REQUIRE(training.probability(big) > 0.9);
  REQUIRE(training.probability(small) < 0.1);
  REQUIRE(std::isnan(training.probability(small, Target::profitable)));
}

TEST_CASE("a model is calibrated, and its calibration error and the p value each stand in the way of a promotion") {
  RecentContext context(1'000);
  plant(context, 1'000, 1, rlx_test::logistic_rule(1.5));
  TrainingModule usual(context);
  const SignalDataset dataset = usual.prepare_dataset();
  const TrainReport report = usual.train_model(dataset);
  REQUIRE(report.updated);
  REQUIRE(report.calibrated);
  REQUIRE_FALSE(usual.registry().active(Target::rejected)->calibration.identity);
  const TrainReport uncalibrated = TrainingModule(context, {.max_ece = report.ece / 2}).train_model(dataset);
  REQUIRE_FALSE(uncalibrated.updated);
  REQUIRE_THAT(uncalibrated.reason, ContainsSubstring("calibration error"));
  const TrainReport uncertain = TrainingModule(context, {.significance = report.p_value / 2}).train_model(dataset);
  REQUIRE_FALSE(uncertain.updated);
  REQUIRE_THAT(uncertain.reason, ContainsSubstring("only by what chance explains"));
}

TEST_CASE("rows whose label came after the next block began are purged") {
  RecentContext context(500);
  for (int i = 0; i < 500; ++i) {
    const double time = 1'000 + i;
    context.store_signal({"s" + std::to_string(i), "momentum", {}, time, {}});
    // Every label takes 50.5 s: the last 50 rows before each border are not known there.
    if (i % 2 == 0) {
      context.store_rejection({"s" + std::to_string(i), "no", RejectionCode::risk_agent, Stage::risk, time + 50.5});
    } else {
      context.store_execution({"s" + std::to_string(i), ExecutionOutcome::executed, 1, time + 50.5});
    }
  }
  TrainingModule training(context);
  const TrainReport report = training.train_model(training.prepare_dataset());
  REQUIRE(report.purged == 100);
  REQUIRE(report.rows_train == 250);
  REQUIRE(report.rows_calibrate == 50);
  REQUIRE(report.rows_test == 100);
}

TEST_CASE("one class, few rows of a class and an empty memory are reasons, not errors") {
  RecentContext context(200);
  TrainingModule training(context);
  REQUIRE(training.train_model(training.prepare_dataset()).reason == "dataset too small: 0 labelled rows, needs 50");
  plant(context, 200, 1, [](double, RandomStream&) { return false; });
  REQUIRE_THAT(training.train_model(training.prepare_dataset()).reason,
               ContainsSubstring("0 training rows of the rarer class"));
  TrainingModule<ShareLearner> shares(context);
  REQUIRE_FALSE(shares.train_model(shares.prepare_dataset()).updated);
}

TEST_CASE("a learner of the user works, and what only repeats the base rate is not promoted") {
  RecentContext context(1'000);
  plant(context, 1'000, 1, above_limit);
  TrainingModule<ShareLearner> training(context);
  const TrainReport report = training.train_model(training.prepare_dataset());
  REQUIRE_FALSE(report.updated);
  REQUIRE_FALSE(report.failed);
  REQUIRE(report.auc == 0.5);
}

TEST_CASE("fits go on from one another until the calibration block's loss rises, and from the active model the next time") {
  RecentContext context(1'000);
  plant(context, 1'000, 1, above_limit);
  TrainingModule<SecondFitBest> training(context);
  SecondFitBest::starts.clear();
  const TrainReport report = training.train_model(training.prepare_dataset());
  REQUIRE(report.updated);
  REQUIRE(report.rounds == 3);
  REQUIRE(SecondFitBest::starts == std::vector<int>{0, 1, 2});
  REQUIRE(training.registry().active(Target::rejected)->learner.fits() == 2);  // the best, not the last
  training.train_model(training.prepare_dataset());
  REQUIRE(SecondFitBest::starts.at(3) == 2);
}

TEST_CASE("a learner that throws or gives no probability leaves the champion and an error in the log") {
  RecentContext context(200);
  plant(context, 200, 1, above_limit);
  ManualClock clock(0);
  MemoryLog text;
  CoreAgentLogger logger(text, clock);
  TrainingModule<Broken> training(context, {}, &logger);
  Broken::way = Broken::Way::throws;
  const TrainReport thrown = training.train_model(training.prepare_dataset());
  REQUIRE((thrown.failed && !thrown.updated && thrown.reason == "out of luck"));
  Broken::way = Broken::Way::nan;
  REQUIRE_THAT(training.train_model(training.prepare_dataset()).reason, ContainsSubstring("'broken' gave the probability nan"));
  Broken::way = Broken::Way::above_one;
  REQUIRE(training.train_model(training.prepare_dataset()).failed);
  REQUIRE(training.registry().active() == nullptr);
  REQUIRE(logger.get_stats().records == 3);
  REQUIRE_THAT(text.text(), ContainsSubstring("\"kind\":\"error\"") && ContainsSubstring("out of luck"));
}

TEST_CASE("a dataset of other features is refused with both hashes") {
  RecentContext context(200);
  plant(context, 200, 1, above_limit);
  TrainingModule training(context);
  TrainingModule other(context, {.features = {.strategies = {"momentum"}}});
  REQUIRE_THROWS_WITH(training.train_model(other.prepare_dataset()),
                      ContainsSubstring(training.schema().hash) && ContainsSubstring(other.schema().hash));
}

TEST_CASE("training again on the same rows keeps the champion, and each call leaves exactly one record") {
  RecentContext context(1'000);
  plant(context, 1'000, 1, above_limit);
  ManualClock clock(0);
  MemoryLog text;
  CoreAgentLogger logger(text, clock);
  TrainingModule training(context, {}, &logger);
  const SignalDataset dataset = training.prepare_dataset();
  REQUIRE(logger.get_stats().records == 0);
  REQUIRE(training.train_model(dataset).updated);
  REQUIRE(logger.get_stats().records == 1);
  const TrainReport again = training.train_model(dataset);
  REQUIRE_FALSE(again.updated);
  REQUIRE(again.version == 1);
  REQUIRE(again.champion_brier <= again.brier);
  REQUIRE(logger.get_stats().records == 2);
  REQUIRE_FALSE(training.rollback("nothing to return to"));
  REQUIRE(logger.get_stats().records == 2);  // nothing was done
  for (const char* trace : {"dataset_hash", "schema_hash", "parent", "parameters_hash", "\"trigger\":\"manual\""}) {
    REQUIRE_THAT(text.text(), ContainsSubstring(trace));
  }
}

TEST_CASE("a model that a switch of the world has broken is rolled back and its parameters do not return") {
  RecentContext context(10'000);
  const auto opposite = [](double ln_notional, RandomStream& random) { return !above_limit(ln_notional, random); };
  plant(context, 1'000, 1, rlx_test::logistic_rule(1));
  TrainingModule training(context);
  REQUIRE(training.train_model(training.prepare_dataset()).updated);
  plant(context, 3'000, 2, opposite, 1'767'225'600 + 60'000, "t");  // the world turns round: a new model is better
  const TrainReport second = training.train_model(training.prepare_dataset());
  REQUIRE(second.updated);
  REQUIRE_FALSE(training.check_rollback(training.prepare_dataset()).worse);
  REQUIRE(training.check_rollback(training.prepare_dataset()).rows == 0);
  plant(context, 99, 3, above_limit, 1'767'225'600 + 60'000 * 4, "u");       // and back again
  REQUIRE_FALSE(training.check_rollback(training.prepare_dataset()).worse);  // too few yet
  plant(context, 100, 4, above_limit, 1'767'225'600 + 60'000 * 5, "v");
  const RollbackCheck check = training.check_rollback(training.prepare_dataset());
  REQUIRE(check.worse);
  REQUIRE(check.rows == 199);
  REQUIRE(check.previous_brier < check.active_brier);
  const std::string hash = training.registry().active()->parameters_hash();
  REQUIRE(training.rollback("worse on new signals"));
  REQUIRE(training.registry().active()->version == 1);
  REQUIRE(training.registry().previous() == nullptr);
  REQUIRE(training.registry().is_refused(hash));
  REQUIRE(training.registry().versions().back().withdrawn);
}

TEST_CASE("models survive a restart, damaged ones give way to the version before, and other learners' are refused") {
  const std::string path = folder();
  RecentContext context(3'000);
  plant(context, 1'000, 1, rlx_test::logistic_rule(3));
  Signal probe{
      "probe", "momentum", {.amount = 1e4, .base = "BTC", .quote = "USDT", .price = 100.0, .extra = {}}, 1'767'900'000, {}};
  double first = 0, second = 0;
  {
    TrainingModule training(context, {.model_directory = path});
    REQUIRE(training.train_model(training.prepare_dataset()).updated);
    first = training.probability(probe);
    REQUIRE_THROWS_AS(TrainingModule(context, {.model_directory = path}), IoError);  // one writer
    plant(
        context, 1'500, 2, [](double x, RandomStream& r) { return !above_limit(x, r); }, 1'767'225'600 + 60'000, "t");
    REQUIRE(training.train_model(training.prepare_dataset()).updated);
    second = training.probability(probe);
  }
  const auto reopened = [&](std::string& problems) {
    ManualClock clock(0);
    MemoryLog text;
    CoreAgentLogger logger(text, clock);
    TrainingModule training(context, {.model_directory = path}, &logger);
    problems = text.text();
    return training.probability(probe);
  };
  std::string problems;
  REQUIRE(reopened(problems) == second);
  REQUIRE(problems.empty());
  io::PosixFiles files;
  std::string text = io::read_all(path + "/rejected-2.json", files);
  text[text.size() / 2] ^= 1;
  io::replace_file(path + "/rejected-2.json", text, files);
  // Features are those of now, with other rows on record than at the first training, so the first model's answer is close only.
  REQUIRE(std::abs(reopened(problems) - first) < std::abs(second - first));
  REQUIRE_THAT(problems, ContainsSubstring("rejected-2.json") && ContainsSubstring("version 1 takes its place"));
  {
    MemoryLog log;
    ManualClock clock(0);
    CoreAgentLogger logger(log, clock);
    TrainingModule<ShareLearner> shares(context, {.model_directory = path}, &logger);
    REQUIRE(shares.registry().active() == nullptr);
    REQUIRE_THAT(log.text(), ContainsSubstring("expected 'share'") && ContainsSubstring("no version is left"));
    TrainingModule unused(context);
    REQUIRE(unused.registry().active() == nullptr);
  }
  TrainingModule narrower(context, {.model_directory = path, .features = {.strategies = {"momentum"}}});
  REQUIRE(narrower.registry().active() == nullptr);
}

TEST_CASE("equal data and seed give equal model files, on one thread and on eight") {
  const auto train = [](const std::string& path) {
    RecentContext context(1'000);
    plant(context, 1'000, 1, rlx_test::logistic_rule(1));
    TrainingModule training(context, {.seed = 5, .model_directory = path});
    static_cast<void>(training.train_model(training.prepare_dataset()));
  };
  std::vector<std::string> paths;
  for (int i = 0; i < 9; ++i) paths.push_back(folder());
  train(paths[0]);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < paths.size(); ++i) threads.emplace_back([&, i] { train(paths[i]); });
  }
  io::PosixFiles files;
  const std::string expected = io::read_all(paths[0] + "/rejected-1.json", files);
  for (const std::string& path : paths) REQUIRE(io::read_all(path + "/rejected-1.json", files) == expected);
}

TEST_CASE("readers keep answering while a model is trained") {
  RecentContext context(1'000);
  plant(context, 1'000, 1, rlx_test::logistic_rule(1));
  TrainingModule training(context);
  REQUIRE(training.train_model(training.prepare_dataset()).updated);
  const Signal probe = context.get_recent_signals().back();
  const auto old = training.registry().active();
  std::jthread reader([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const double p = training.probability(probe);
      if (!(p >= 0 && p <= 1)) std::abort();
    }
  });
  const SignalDataset dataset = training.prepare_dataset();
  for (int i = 0; i < 3; ++i) static_cast<void>(training.train_model(dataset));
  REQUIRE(old->version == 1);
}

TEST_CASE("the configuration is checked by name") {
  RecentContext context;
  REQUIRE_THROWS_WITH(TrainingModule(context, {.max_ece = 0}), ContainsSubstring("max_ece"));
  REQUIRE_THROWS_WITH(TrainingModule(context, {.significance = 2}), ContainsSubstring("significance"));
  REQUIRE_THROWS_WITH(TrainingModule(context, {.keep = 1}), ContainsSubstring("at least 2"));
  REQUIRE_THROWS_WITH(TrainingModule(context, {.max_rounds = 0}), ContainsSubstring("max_rounds"));
  REQUIRE_THROWS_WITH(TrainingModule(context, {.features = {.max_exposure = -1}}), ContainsSubstring("max_exposure"));
}
