// SPDX-License-Identifier: MIT
#include "report.hpp"

#include "commands.hpp"

#include <rlx/core/finite.hpp>
#include <rlx/core/version.hpp>
#include <rlx/io/atomic_file.hpp>
#include <rlx/io/html_report.hpp>
#include <rlx/io/iso8601.hpp>
#include <rlx/io/number_text.hpp>
#include <rlx/io/svg_chart.hpp>
#include <rlx/options/decision_log.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <sstream>
#include <utility>
#include <vector>

namespace app {
namespace {

namespace io = rlx::io;

const opt::ReportGroup* group_of(const opt::ProfileReport& report, std::string_view strategy) {
  for (const opt::ReportGroup& group : report.groups)
    if (group.strategy == strategy && group.underlying.empty()) return &group;
  return nullptr;
}

/// The question of the training ladder in one sentence; the general verdict where these profiles did not trade.
std::string answer(const opt::ProfileReport& report) {
  const opt::ReportGroup* const aggressive = group_of(report, "aggressive");
  const opt::ReportGroup* const conservative = group_of(report, "conservative");
  if (aggressive == nullptr || conservative == nullptr) return report.verdict;
  for (const opt::PairComparison& pair : report.pairs) {
    if (!pair.underlying.empty() || std::minmax(pair.a, pair.b) != std::minmax(aggressive->strategy, conservative->strategy))
      continue;
    const double sign = pair.a == "aggressive" ? 1.0 : -1.0;
    const double ends[] = {sign * pair.difference.low, sign * pair.difference.high};
    const auto side = [](const opt::ReportGroup& group) {
      return fmt::format("{} mean {} per contract, {} % won, worst {}, {} legs", group.strategy,
                         io::signed_fixed(group.reward.mean, 6), io::fixed(100.0 * group.reward.win_rate, 1),
                         io::signed_fixed(group.reward.worst, 6), group.reward.legs);
    };
    return fmt::format("{}; {}; difference {} [{}, {}]: {}", side(*aggressive), side(*conservative),
                       io::signed_fixed(sign * pair.difference.estimate, 6), io::signed_fixed(std::min(ends[0], ends[1]), 6),
                       io::signed_fixed(std::max(ends[0], ends[1]), 6), pair.different ? "different" : "not distinguishable");
  }
  return report.verdict;
}

/// Sum of the finished legs' P&L over time, in USD.
std::string curves(std::span<const opt::TrainingExample> examples, int width) {
  std::map<std::string, std::map<std::int64_t, double>> by_strategy;
  for (const opt::TrainingExample& one : examples)
    if (one.pnl_usd && one.expiry_ms) by_strategy[one.strategy.value_or("production")][*one.expiry_ms] += *one.pnl_usd;
  io::LineChart chart(
      {.x_label = "expiry", .y_label = "USD", .x_axis = io::AxisKind::time_ms, .width = width, .include_zero = true});
  for (const auto& [strategy, gains] : by_strategy) {
    io::Series series{.name = strategy};
    double sum = 0.0;
    for (const auto& [expiry, gain] : gains) {
      series.x.push_back(static_cast<double>(expiry));
      series.y.push_back(sum += gain);
    }
    chart.add(std::move(series));
  }
  return chart.svg();
}

std::string page(const std::string& log, std::span<const opt::TrainingExample> examples, const opt::ProfileReport& report) {
  constexpr int wide = 1138, narrow = 340;
  const opt::ReportTables tables = opt::report_tables(report);
  io::HtmlReport html("Deribit ladder agent: profiles", log);
  html.verdict(io::Tone::neutral, report.verdict, answer(report));
  html.section("Legs", "What was decided and what traded; premium, fees and spread cost in USD at the index of the decision.");
  html.table(io::to_report_table(tables.legs, ""));
  html.section("Results",
               "Reward: P&L per contract sold, in coin. A high win rate with a negative mean is the normal case of "
               "sold options.");
  html.table(io::to_report_table(tables.results, ""));
  html.chart(curves(examples, wide), curves(examples, narrow), "P&L of finished legs, summed by expiry");
  if (!report.pairs.empty()) {
    html.section("Pairs", fmt::format("Difference of mean rewards with its {} % interval from {} resamples of whole expiries.",
                                      io::trimmed(100.0 * report.config.confidence, 1), report.config.resamples));
    const auto chart = [&](int width) {
      io::IntervalChart intervals({.x_label = "% of a coin per contract", .width = width, .include_zero = true});
      for (const opt::PairComparison& pair : report.pairs) {
        if (!rlx::is_finite(pair.difference.low)) continue;
        intervals.add(fmt::format("{} − {}{}{}", pair.a, pair.b, pair.underlying.empty() ? "" : ", ", pair.underlying),
                      100.0 * pair.difference.estimate, 100.0 * pair.difference.low, 100.0 * pair.difference.high);
      }
      return intervals.svg();
    };
    html.chart(chart(wide), chart(narrow), "Differences of means");
    html.table(io::to_report_table(tables.pairs, ""));
  }
  html.footer("rlx " RLX_VERSION_STRING);
  return html.html();
}

/// A folder without any log is taken for a wrong one, not for a log without records.
opt::LogReader log_in(const std::string& folder) {
  opt::LogReader log(folder);
  if (log.file_names().empty()) throw opt::LogError(fmt::format("'{}' holds no agent_decisions_*.jsonl", folder));
  return log;
}

}  // namespace

void write_dataset(const std::string& path, std::span<const opt::TrainingExample> examples, opt::ExportFormat format) {
  std::ostringstream out;
  opt::export_dataset(examples, format, out);
  io::write_file_atomically(path, std::move(out).str());
}

void write_report(const std::string& log, std::span<const opt::TrainingExample> examples, const std::string& json,
                  const std::string& html) {
  const opt::ProfileReport report = opt::profile_report(examples);
  if (!json.empty()) io::write_file_atomically(json, opt::report_json(report).dump(2) + '\n');
  if (!html.empty()) io::write_file_atomically(html, page(log, examples, report));
  const std::string sentence = answer(report);
  fmt::print("{}{}", opt::report_text(report), sentence == report.verdict ? "" : sentence + '\n');
}

int report(const Options& o) {
  const std::vector<opt::TrainingExample> examples = opt::training_examples(log_in(o.log));
  write_report(o.log, examples, o.json, o.html);
  return 0;
}

int export_dataset(const Options& o) {
  const opt::LogReader log = log_in(o.log);
  const opt::ExportFormat format = o.format == "csv" ? opt::ExportFormat::csv : opt::ExportFormat::jsonl;
  std::ostringstream out;
  std::size_t rows = 0;
  if (o.table == "legs") {
    const std::vector<opt::TrainingExample> examples = opt::training_examples(log);
    opt::export_dataset(examples, format, out);
    rows = examples.size();
  } else {
    const std::vector<opt::CandidateExample> candidates = opt::candidate_examples(log);
    opt::export_candidates(candidates, format, out);
    rows = candidates.size();
  }
  const std::string text = std::move(out).str();
  if (o.output == "-") {
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size())
      throw rlx::IoError("standard output cannot be written");
    return 0;
  }
  io::write_file_atomically(o.output, text);
  if (!o.quiet) fmt::print("{} rows in {}\n", rows, o.output);
  return 0;
}

int verify(const Options& o) {
  const opt::LogReader log = log_in(o.log);
  const opt::LogSummary summary = log.verify();
  fmt::print("{} records in {} files, all intact; last hash {}\n", summary.records, summary.files, summary.last_hash);
  if (summary.torn) fmt::print("the last line of {} is unfinished; the next start moves it away\n", summary.torn->file);
  return 0;
}

}  // namespace app
