// SPDX-License-Identifier: MIT
#include "report.hpp"

#include <rlx/io/text_table.hpp>

#include <fmt/format.h>

#include <optional>

namespace app {
namespace {

/// Seeds above one: a number per seed; else a number per episode.
std::vector<double> samples_of(const std::vector<Judged>& seeds, std::size_t policy, std::optional<std::size_t> less = {}) {
  std::vector<double> samples;
  for (const Judged& judged : seeds) {
    std::vector<double> values = judged.returns[policy];
    for (std::size_t e = 0; less && e < values.size(); ++e) values[e] -= judged.returns[*less][e];
    if (seeds.size() == 1) return values;
    double sum = 0.0;
    for (const double v : values) sum += v;
    samples.push_back(sum / static_cast<double>(values.size()));
  }
  return samples;
}

}  // namespace

std::string interval_text(const rlx::risk::Interval& interval) {
  return fmt::format("[{:.4g}, {:.4g}]", interval.low, interval.high);
}

void print_report(const Settings& s, const std::vector<Judged>& results, std::size_t judged) {
  const std::vector<std::string>& names = results[0].names;
  const char* const unit = s.seeds == 1 ? "episodes" : "seeds";
  fmt::print("\nmean return of an episode, {} episodes{}, 95 % intervals over {}\n", judged,
             s.seeds == 1 ? "" : fmt::format(" for each of {} seeds", s.seeds), unit);
  rlx::io::TextTable values({"policy", "return", "95 % interval"});
  for (std::size_t p = 0; p < names.size(); ++p) {
    const auto interval = rlx::risk::bootstrap_mean(samples_of(results, p), {.seed = 1});
    values.row({names[p], fmt::format("{:.4g}", interval.estimate), interval_text(interval)});
  }
  fmt::print("{}\n", values.to_string());
  rlx::io::TextTable differences({"difference", "mean", "95 % interval", "verdict"});
  for (const std::size_t learner : {3, 4}) {
    for (const std::size_t other : {0, 1, 2}) {
      const auto interval = rlx::risk::bootstrap_mean(samples_of(results, learner, other), {.seed = 1});
      differences.row({names[learner] + " less " + names[other], fmt::format("{:.4g}", interval.estimate),
                       interval_text(interval),
                       interval.low > 0    ? "better"
                       : interval.high < 0 ? "worse"
                                           : "not distinguishable"});
    }
  }
  fmt::print("{}", differences.to_string());
}

}  // namespace app
