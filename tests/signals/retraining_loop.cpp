// SPDX-License-Identifier: MIT
#include <rlx/signals/retraining_loop.hpp>

#include "rlx_catch.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

#include <rlx/core/clock.hpp>
#include <rlx/signals/records_json.hpp>

#include "planted.hpp"

using namespace rlx;
using namespace rlx::signals;
using rlx_test::above_limit;
using rlx_test::ContainsSubstring;
using rlx_test::plant;

namespace {

// A clock that one thread moves while another waits on it.
class SharedClock {
 public:
  std::int64_t now_ms() const {
    const std::scoped_lock lock(mutex_);
    return now_ms_;
  }
  double monotonic_seconds() const {
    const std::scoped_lock lock(mutex_);
    return static_cast<double>(advanced_ms_) * 1e-3;
  }
  bool wait_until(double t, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    return moved_.wait(lock, stop, [&] { return static_cast<double>(now_ms_) >= 1e3 * t; });
  }
  void advance(double seconds) {
    const std::scoped_lock lock(mutex_);
    now_ms_ += static_cast<std::int64_t>(seconds * 1e3);
    advanced_ms_ += static_cast<std::int64_t>(seconds * 1e3);
    moved_.notify_all();
  }
  void set_back(double seconds) {
    const std::scoped_lock lock(mutex_);
    now_ms_ -= static_cast<std::int64_t>(seconds * 1e3);
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable_any moved_;
  std::int64_t now_ms_ = 1'767'225'600'000, advanced_ms_ = 0;
};

template <class F>
void wait_for(F&& holds) {
  for (int i = 0; i < 5'000 && !holds(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  REQUIRE(holds());
}

struct Throwing {
  static const char* name() { return "throwing"; }
  FitReport fit(MatrixView<const double>, std::span<const double>, std::span<const double>, RandomStream&) {
    throw std::runtime_error("no luck");
  }
  void predict_probability(MatrixView<const double>, std::span<double>) const {}
  Json to_json() const { return Json::object(); }
  static Throwing from_json(const Json&) { return {}; }
};

}  // namespace

TEST_CASE("after k intervals there were k trainings, and a stop ends the loop before the next") {
  RecentContext context(1'000);
  plant(context, 1'000, 1, above_limit);
  SharedClock clock;
  TrainingModule training(context);
  RetrainingLoop loop(training, context, clock, {.interval = 100, .min_new = 0});
  std::jthread thread([&](const std::stop_token& stop) { loop.run_retraining(stop); });
  for (std::size_t k = 1; k <= 5; ++k) {
    clock.advance(99);
    clock.advance(1);
    wait_for([&] { return loop.rounds() == k; });
  }
  thread.request_stop();
  thread.join();
  clock.advance(1'000);
  REQUIRE(loop.rounds() == 5);
  REQUIRE_FALSE(loop.failed());
  REQUIRE(training.registry().active() != nullptr);
}

TEST_CASE("a training is due at first, by time, by count and by drift") {
  RecentContext context(10'000);
  ManualClock clock(1'767'225'600'000);
  TrainingModule training(context);
  RetrainingLoop loop(training, context, clock, {.interval = 1e6, .min_new = 400, .min_drift = 450});
  plant(context, 399, 1, above_limit);
  REQUIRE_FALSE(loop.run_once().trained);  // nothing due yet
  plant(context, 201, 2, above_limit, 1'767'300'000, "b");
  const RetrainResult first = loop.run_once();
  REQUIRE(first.trigger == RetrainTrigger::first);
  REQUIRE(first.promoted);
  REQUIRE(loop.run_once().trigger == RetrainTrigger::none);
  plant(context, 400, 3, above_limit, 1'767'400'000, "c");
  RetrainingLoop restarted(training, context, clock, {.interval = 1e6, .min_new = 401, .min_drift = 450});
  REQUIRE(restarted.run_once().trigger == RetrainTrigger::none);  // what the active model knows is not new
  REQUIRE(loop.run_once().trigger == RetrainTrigger::count);
  clock.advance_ms(1'000'000'000);
  REQUIRE(loop.run_once().trigger == RetrainTrigger::time);
  REQUIRE(loop.run_once().trigger == RetrainTrigger::none);
  plant(
      context, 300, 4, [](double, RandomStream&) { return true; }, 1'767'500'000, "d");
  const RetrainResult drifted = loop.run_once();
  REQUIRE(drifted.trigger == RetrainTrigger::drift);
}

TEST_CASE("an empty memory is skipped and logged, and a model that turned out worse is taken back") {
  RecentContext context(10'000);
  ManualClock clock(1'767'225'600'000);
  MemoryLog text;
  CoreAgentLogger logger(text, clock);
  TrainingModule training(context, {}, &logger);
  RetrainingLoop loop(training, context, clock, {.interval = 1e9, .min_new = 0, .min_drift = 1'000'000});
  REQUIRE_FALSE(loop.run_once().trained);
  REQUIRE_THAT(text.text(), ContainsSubstring("the memory holds no signal"));
  plant(context, 1'000, 1, rlx_test::logistic_rule(3));
  REQUIRE(training.train_model(training.prepare_dataset()).updated);
  plant(
      context, 2'000, 2, [](double x, RandomStream& r) { return !above_limit(x, r); }, 1'767'300'000, "b");
  REQUIRE(training.train_model(training.prepare_dataset()).updated);
  plant(context, 150, 3, above_limit, 1'767'500'000, "c");
  const std::uint64_t records = logger.get_stats().records;
  const RetrainResult result = loop.run_once();
  REQUIRE(result.rolled_back);
  REQUIRE_FALSE(result.trained);
  REQUIRE(training.registry().active()->version == 1);
  REQUIRE(logger.get_stats().records == records + 1);
  REQUIRE_THAT(text.text(), ContainsSubstring("\"name\":\"rollback\"") && ContainsSubstring("150 new signals"));
}

TEST_CASE("failures are logged, the loop goes on, and three in a row end it") {
  RecentContext context(1'000);
  plant(context, 300, 1, above_limit);
  SharedClock clock;
  MemoryLog text;
  CoreAgentLogger logger(text, clock);
  TrainingModule<Throwing> training(context, {}, &logger);
  RetrainingLoop loop(training, context, clock, {.interval = 10, .min_new = 0});
  std::jthread thread([&](const std::stop_token& stop) { loop.run_retraining(stop); });
  for (std::size_t k = 1; k <= 3; ++k) {
    REQUIRE_FALSE(loop.failed());
    clock.advance(10);
    wait_for([&] { return loop.rounds() == k; });
  }
  thread.join();  // without a stop
  REQUIRE(loop.failed());
  REQUIRE_THAT(text.text(), ContainsSubstring("no luck") && ContainsSubstring("stopped after failures in a row"));
}

TEST_CASE("a journal that cannot be read fails the round and leaves the champion") {
  RecentContext context(1'000);
  plant(context, 300, 1, above_limit);
  ManualClock clock(1'767'225'600'000);
  TrainingModule training(context, {.history_journal = "/proc/self/mem"});
  RetrainingLoop loop(training, context, clock);
  REQUIRE_FALSE(loop.run_once().error.empty());
  REQUIRE_FALSE(loop.failed());
}

TEST_CASE("a clock that goes back is logged once and the old time is waited for") {
  RecentContext context(1'000);
  plant(context, 300, 1, above_limit);
  SharedClock clock;
  MemoryLog text;
  CoreAgentLogger logger(text, clock);
  TrainingModule training(context, {}, &logger);
  RetrainingLoop loop(training, context, clock, {.interval = 100, .min_new = 0});
  std::jthread thread([&](const std::stop_token& stop) { loop.run_retraining(stop); });
  clock.advance(100);
  wait_for([&] { return loop.rounds() == 1; });
  clock.set_back(50);
  clock.advance(100);  // 150 s after the start
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  REQUIRE(loop.rounds() == 1);
  clock.advance(50);
  wait_for([&] { return loop.rounds() == 2; });
  thread.request_stop();
  thread.join();
  const std::string log = text.text();
  REQUIRE(log.find("clock_went_back") != std::string::npos);
  REQUIRE(log.find("clock_went_back", log.find("clock_went_back") + 1) == std::string::npos);
}

TEST_CASE("the loop's configuration is checked by name") {
  RecentContext context;
  ManualClock clock;
  TrainingModule training(context);
  using Loop = RetrainingLoop<LogisticRegression>;
  REQUIRE_THROWS_WITH(Loop(training, context, clock, {.interval = 0}), ContainsSubstring("interval"));
  REQUIRE_THROWS_WITH(Loop(training, context, clock, {.psi = -1}), ContainsSubstring("psi"));
  REQUIRE_THROWS_WITH(Loop(training, context, clock, {.check_every = 0.0}), ContainsSubstring("check_every"));
  REQUIRE_THROWS_WITH(Loop(training, context, clock, {.max_failures = 0}), ContainsSubstring("max_failures"));
}
