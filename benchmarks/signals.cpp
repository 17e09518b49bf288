// SPDX-License-Identifier: MIT
/// @file
/// @brief The core agent: validation, memory, pipeline, log, analysis, dataset, learning, promotion.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <malloc.h>
#include <stdlib.h>

#include <rlx/core/clock.hpp>
#include <rlx/signals.hpp>

#include "common.hpp"

namespace {

using namespace rlx::signals;

constexpr double start = 1'767'225'600;

Signal signal(std::size_t i) {
  return {"signal" + std::to_string(i),
          i % 3 == 0   ? "momentum"
          : i % 3 == 1 ? "arbitrage"
                       : "mean_reversion",
          {.amount = 1.0 + static_cast<double>(i % 100), .base = "BTC", .quote = "USDT", .price = 100.0, .extra = {}},
          start + static_cast<double>(i),
          {}};
}

// A memory in which every third signal was rejected and the others earned or lost.
void fill(RecentContext& context, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    Signal s = signal(i);
    const std::string id = s.signal_id;
    const double t = s.timestamp;
    context.store_signal(std::move(s));
    if (i % 10 == 0) context.store_market({"BTC/USDT", t, 100, 0.01, 0.1, 2});
    if (i % 7 < 2) {
      context.store_rejection({id, "Exposure limit exceeded", RejectionCode::exposure_limit, Stage::risk, t});
    } else {
      context.store_execution({id, ExecutionOutcome::executed, 100, t});
      context.store_pnl_snapshot({id, i % 2 == 0 ? 1.0 : -1.0, t + 10, true});
    }
  }
}

// Median seconds of a call.
template <class F>
double seconds(int repeats, F&& call) {
  std::vector<double> samples;
  for (int i = 0; i < repeats; ++i) {
    const double begin = bench::thread_seconds();
    call();
    samples.push_back(bench::thread_seconds() - begin);
  }
  return bench::median(samples);
}

}  // namespace

int main() {
  rlx::ManualClock clock(static_cast<std::int64_t>(start) * 1'000 + 3'600'000'000);
  constexpr std::size_t many = 100'000;
  std::vector<Signal> signals;
  for (std::size_t i = 0; i < many; ++i) signals.push_back(signal(i));
  std::size_t sink = 0;

  const SignalFilter filter(clock);
  bench::print("signals_validate",
               1e9 / many *
                   seconds(9,
                           [&] {
                             for (const Signal& s : signals) sink += filter.validate(s).ok() ? 1U : 0U;
                           }),
               "ns");
  std::size_t round = 0;
  {
    RecentContext context(100);
    std::vector<std::vector<Signal>> batches;
    for (std::size_t b = 0; b < 6; ++b) {
      batches.push_back(signals);
      for (Signal& s : batches.back()) s.signal_id += static_cast<char>('a' + b);
    }
    bench::print("signals_store_full",
                 1e9 / many *
                     seconds(5,
                             [&] {
                               for (Signal& s : batches[round]) context.store_signal(std::move(s));
                               ++round;
                             }),
                 "ns");
  }
  {  // One million signals through filter, flow and routing of one agent; ids are new in each of ten parts.
    RecentContext context(100);
    MockAgents agents;
    FlowConfig config;
    config.limits = {.max_exposure = 1e15, .max_loss_pct = {}, .max_position_size = {}, .max_daily_trades = 1'000'000'000};
    FlowManager flow(agents, context, clock, config);
    LogicExecutor executor(filter, flow, context);
    double time = 0;
    for (char part = '0'; part <= '9'; ++part) {
      std::vector<Signal> batch = signals;
      for (Signal& s : batch) s.signal_id += part;
      const double begin = bench::thread_seconds();
      for (const Signal& s : batch) executor.execute_logic_tree(s);
      time += bench::thread_seconds() - begin;
    }
    if (executor.stats().accepted != 10 * many) return 1;
    bench::print("signals_million", time, "s");
    bench::print("signals_pipeline", 10 * many / time, "signals/s");
  }
  {
    const auto used = [] { return static_cast<double>(::mallinfo2().uordblks + ::mallinfo2().hblkhd); };
    const double before = used();
    RecentContext context(100);
    fill(context, 1'000);
    for (std::uint64_t i = 0; i < 1'000; ++i) {
      const std::string id = signal(i).signal_id;
      context.store_score({id, 0.5, 1.0, true, 1, start});
      for (const Topic topic : {Topic::strategy, Topic::risk, Topic::execution}) {
        context.store_exchange({i, topic, id, AnswerStatus::refused, start, start, "Exposure limit exceeded"});
      }
    }
    bench::print("signals_memory_100", (used() - before + sizeof(context)) / 1'024, "KiB");
  }
  {
    std::string folder = "/var/tmp/rlx_signals_XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) return 1;
    const Json fields = {{"signal_id", "signal1"}, {"outcome", "executed"}, {"notional", 1234.5}};
    {
      CoreAgentLogger logger(folder, clock);
      bench::print("signals_log_append",
                   1e6 / many *
                       seconds(3,
                               [&] {
                                 for (std::size_t i = 0; i < many; ++i) logger.log_flow_management("coordinate_agents", fields);
                               }),
                   "us");
    }
    LogVerification log;
    const double time = seconds(3, [&] { log = verify_log(folder); });
    bench::print("signals_verify_log", 1e-6 * static_cast<double>(log.bytes) / time, "MB/s");
    rlx::io::PosixFiles files;
    for (const std::string& name : rlx::io::list_directory(folder, files)) files.unlink(folder + '/' + name);
    ::rmdir(folder.c_str());
  }
  double tenth = 0;  // seconds for a tenth of the signals
  for (const std::size_t count : {std::size_t{100}, many / 10, many}) {
    RecentContext context(count);
    fill(context, count);
    const ResearchEngine research(context);
    const TrainingModule training(context);
    const std::string n = "_" + std::to_string(count);
    bench::print("signals_analyze" + n, 1e3 * seconds(7, [&] { sink += research.analyze_behavior().total_signals; }), "ms");
    const double dataset = seconds(9, [&] { sink += training.prepare_dataset().size(); });
    bench::print("signals_dataset" + n, 1e3 * dataset, "ms");
    if (count == many) bench::print("signals_dataset_10x", dataset / tenth, "times");
    tenth = dataset;
    FeatureConfig features;
    features.memory = count;
    const Signal next = signal(count);
    std::vector<double> row(feature_schema(features).size());
    bench::print("signals_features" + n,
                 1e3 * seconds(7,
                               [&] {  // of one signal, as a prediction needs them
                                 const ContextSnapshot records = context.snapshot();
                                 FeatureBuilder(records, features).features(next, row);
                                 sink += row[0] > 0 ? 1U : 0U;
                               }),
                 "ms");
  }
  {
    rlx::RandomStream random({1, rlx::Purpose::user});
    constexpr std::size_t rows = 10'000, columns = 32;
    std::vector<double> x(rows * columns), y(rows), w(rows, 1.0), p(rows);
    for (double& value : x) value = random.normal();
    for (std::size_t i = 0; i < rows; ++i) y[i] = random.uniform() < sigmoid(x[i * columns] - x[i * columns + 1]) ? 1 : 0;
    const rlx::MatrixView<const double> view(x.data(), rows, columns);
    LogisticRegression learner;
    bench::print("signals_fit_10000x32",
                 1e3 * seconds(7,
                               [&] {
                                 learner = LogisticRegression();
                                 sink += learner.fit(view, y, w, random).iterations;
                               }),
                 "ms");
    bench::print("signals_predict", 1e9 / rows * seconds(9, [&] { learner.predict_probability(view, p); }), "ns");
    const std::vector<double> difference(p.begin(), p.begin() + 2'000);
    bench::print(
        "signals_bootstrap_2000",
        1e3 * seconds(7, [&] { sink += bootstrap_p_value(difference, block_length(2'000), 2'000, random) < 0.5 ? 1U : 0U; }),
        "ms");
  }
  return sink == 0 ? 1 : 0;
}
