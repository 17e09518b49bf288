// SPDX-License-Identifier: MIT
/// @file
/// @brief What the agent's memory and its logs say about its behaviour: rejections, rates, agents, trends that are no chance.
#ifndef RLX_SIGNALS_RESEARCH_ENGINE_HPP
#define RLX_SIGNALS_RESEARCH_ENGINE_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/io/append_file.hpp>
#include <rlx/risk/bootstrap.hpp>
#include <rlx/risk/probability_metrics.hpp>
#include <rlx/signals/core_agent_logger.hpp>
#include <rlx/signals/features.hpp>
#include <rlx/signals/recent_context.hpp>
#include <rlx/signals/records.hpp>

namespace rlx::signals {

/// A count, its share of the whole and Wilson's 95 % interval of it.
struct ShareStats {
  std::size_t count = 0;
  double share = 0, low = 0, high = 0;
};

/// Signals of one strategy.
struct StrategyStats {
  std::size_t signals = 0;
  std::size_t rejections = 0;  ///< signals that were rejected, joined by id
  double rate = 0, low = 0, high = 0;
  double pnl_mean = std::numeric_limits<double>::quiet_NaN();  ///< of final P&L; NaN without any
  std::size_t pnl_count = 0;
};

/// One agent's requests.
struct AgentStats {
  std::size_t requests = 0, timeouts = 0, errors = 0;
  double p50_ms = std::numeric_limits<double>::quiet_NaN();  ///< latency of requests that were answered
  double p99_ms = std::numeric_limits<double>::quiet_NaN();
};

/// A share that differs between the older and the newer half of the signals.
struct Trend {
  std::string subject{};  ///< "strategy momentum", "rejections of momentum", "reason Exposure limit exceeded"
  std::size_t older_count = 0, older_total = 0, newer_count = 0, newer_total = 0;
  double z = 0, p_value = 1;
  bool significant = false;  ///< with at most 10 % false ones among all that are
};

/// What `analyze_behavior` finds. The first four members are the keys of the earliest system.
struct BehaviorAnalysis {
  std::map<std::string, std::size_t> rejection_summary{};  ///< by reason
  std::map<std::string, std::size_t> signal_summary{};     ///< by strategy
  std::size_t total_signals = 0, total_rejections = 0;
  std::map<std::string, ShareStats> rejection_shares{};  ///< of all rejections, by reason
  std::map<std::string, ShareStats> by_code{};           ///< of all rejections
  std::map<std::string, ShareStats> by_stage{};          ///< of all rejections
  std::map<std::string, StrategyStats> by_strategy{};
  std::map<std::string, AgentStats> agents{};           ///< by topic
  std::vector<Trend> trends{};                          ///< all that were tested
  std::vector<std::string> frequent{};                  ///< reasons whose share is at least 0.3 even at its lower end
  std::uint64_t orphan_rejections = 0, orphan_pnl = 0;  ///< of ids that were not remembered

  Json to_json() const {
    Json json = {{"rejection_summary", rejection_summary},
                 {"signal_summary", signal_summary},
                 {"total_signals", total_signals},
                 {"total_rejections", total_rejections},
                 {"frequent", frequent},
                 {"orphan_rejections", orphan_rejections},
                 {"orphan_pnl", orphan_pnl}};
    for (const auto& [key, shares] :
         {std::pair("rejection_shares", &rejection_shares), std::pair("by_code", &by_code), std::pair("by_stage", &by_stage)}) {
      json[key] = Json::object();
      for (const auto& [name, s] : *shares) {
        json[key][name] = {{"count", s.count}, {"share", s.share}, {"low", s.low}, {"high", s.high}};
      }
    }
    json["by_strategy"] = Json::object();
    for (const auto& [name, s] : by_strategy) {
      json["by_strategy"][name] = {
          {"signals", s.signals}, {"rejections", s.rejections}, {"rate", s.rate},          {"low", s.low},
          {"high", s.high},       {"pnl_mean", s.pnl_mean},     {"pnl_count", s.pnl_count}};
    }
    json["agents"] = Json::object();
    for (const auto& [name, a] : agents) {
      json["agents"][name] = {
          {"requests", a.requests}, {"timeouts", a.timeouts}, {"errors", a.errors}, {"p50_ms", a.p50_ms}, {"p99_ms", a.p99_ms}};
    }
    json["trends"] = Json::array();
    for (const Trend& t : trends) {
      json["trends"].push_back({{"subject", t.subject}, {"z", t.z}, {"p_value", t.p_value}, {"significant", t.significant}});
    }
    return json;
  }
};

/// What a log holds.
struct LogSummary {
  std::map<std::string, std::size_t> by_kind{};  ///< records
  std::map<std::string, std::size_t> by_name{};  ///< records
  std::map<std::string, std::size_t> errors{};   ///< texts of errors, counted
  std::string first_time{}, last_time{};         ///< ISO 8601; empty: no record
  LogVerification verification{};                ///< of the chain; what comes after a bad record is not counted
};

/**
 * @brief Analyses an agent's memory and logs. Const members are safe from any thread.
 *
 * Trends: signals in the order of time, the older half against the newer by the pooled two-proportion z test; the share of each
 * strategy among signals, of rejected ones among each strategy's, and of each reason among signals. Tested where both halves
 * have at least 20; Benjamini-Hochberg at 0.10 over all tests.
 */
class ResearchEngine {
 public:
  /// `context` must outlive the engine.
  explicit ResearchEngine(RecentContext& context) : context_(&context) {}

  /// Stores a price; features and limits look it up as of their time. @throws as RecentContext::store_market
  void collect_market_data(MarketSnapshot snapshot) { context_->store_market(std::move(snapshot)); }

  /// The analysis of what the memory holds now. O(n) but for the order of time.
  BehaviorAnalysis analyze_behavior() const {
    const ContextSnapshot records = context_->snapshot();
    BehaviorAnalysis result;
    result.total_signals = records.signals.size();
    result.total_rejections = records.rejections.size();
    result.orphan_rejections = records.counts.orphan_rejections;
    result.orphan_pnl = records.counts.orphan_pnl;

    std::unordered_map<std::string_view, std::size_t> by_id;
    by_id.reserve(records.signals.size());
    for (std::size_t i = 0; i < records.signals.size(); ++i) by_id.emplace(records.signals[i].signal_id, i);

    std::unordered_map<std::string_view, std::size_t> reasons;  // number of each, in the order of appearance
    std::vector<std::string_view> reason_names;
    std::vector<std::size_t> reason_counts;
    std::array<std::size_t, num_rejection_codes> codes{};
    std::array<std::size_t, num_stages> stages{};
    std::vector<std::vector<std::uint32_t>> reasons_of(records.signals.size());
    for (const Rejection& rejection : records.rejections) {
      const auto [known, added] = reasons.emplace(rejection.reason, reason_names.size());
      if (added) {
        reason_names.push_back(rejection.reason);
        reason_counts.push_back(0);
      }
      ++reason_counts[known->second];
      ++codes[static_cast<std::size_t>(rejection.code)];
      ++stages[static_cast<std::size_t>(rejection.stage)];
      const auto signal = by_id.find(rejection.signal_id);
      if (signal == by_id.end()) continue;
      std::vector<std::uint32_t>& of = reasons_of[signal->second];
      const auto number = static_cast<std::uint32_t>(known->second);
      if (std::find(of.begin(), of.end(), number) == of.end()) of.push_back(number);
    }
    for (std::size_t r = 0; r < reason_names.size(); ++r) {
      const ShareStats stats = share(reason_counts[r], result.total_rejections);
      const std::string name(reason_names[r]);
      result.rejection_summary[name] = reason_counts[r];
      result.rejection_shares[name] = stats;
      if (stats.low >= 0.3) result.frequent.push_back(name);
    }
    std::sort(result.frequent.begin(), result.frequent.end());
    for (std::size_t c = 0; c < codes.size(); ++c) {
      if (codes[c] != 0) {
        result.by_code[std::string(name_of(static_cast<RejectionCode>(c)))] = share(codes[c], result.total_rejections);
      }
    }
    for (std::size_t s = 0; s < stages.size(); ++s) {
      if (stages[s] != 0)
        result.by_stage[std::string(name_of(static_cast<Stage>(s)))] = share(stages[s], result.total_rejections);
    }
    strategies(records, by_id, reasons_of, result);
    agents(records, result);
    trends(records, reason_names, reasons_of, result);
    return result;
  }

  /// Counts the records of a log directory and checks their chain. @throws IoError if it cannot be read
  LogSummary load_logs(const std::string& directory) const {
    LogSummary summary;
    io::PosixFiles files;
    summary.verification = read_log(directory, files, [&](const LogLine& line) {
      const Json json = line.json();
      const std::string kind = json.value("kind", std::string()), name = json.value("name", std::string());
      ++summary.by_kind[kind];
      ++summary.by_name[name];
      const std::string time = json.value("ts", std::string());
      if (summary.first_time.empty()) summary.first_time = time;
      summary.last_time = time;
      if (kind != "error") return;
      const Json fields = json.value("fields", Json::object());
      std::string text = name;
      for (const char* key : {"problem", "reason"}) {
        if (const auto found = fields.find(key); found != fields.end() && found->is_string()) {
          text += ": " + found->get<std::string>();
          break;
        }
      }
      ++summary.errors[text];
    });
    return summary;
  }

 private:
  static ShareStats share(std::size_t count, std::size_t of) {
    const risk::Interval interval = risk::wilson_interval(count, of);
    return {count, interval.estimate, interval.low, interval.high};
  }

  static void strategies(const ContextSnapshot& records, const std::unordered_map<std::string_view, std::size_t>& by_id,
                         const std::vector<std::vector<std::uint32_t>>& reasons_of, BehaviorAnalysis& result) {
    std::unordered_map<std::string_view, StrategyStats> stats;
    for (std::size_t i = 0; i < records.signals.size(); ++i) {
      StrategyStats& of = stats[records.signals[i].strategy];
      ++of.signals;
      of.rejections += reasons_of[i].empty() ? 0U : 1U;
    }
    std::unordered_map<std::size_t, double> finals;  // the last final P&L of each signal
    for (const PnlSnapshot& pnl : records.pnl) {
      const auto signal = by_id.find(pnl.signal_id);
      if (pnl.final && signal != by_id.end()) finals[signal->second] = pnl.pnl;
    }
    std::unordered_map<std::string_view, double> sums;
    for (std::size_t i = 0; i < records.signals.size(); ++i) {  // in order, so that the sums do not depend on the hash
      const auto pnl = finals.find(i);
      if (pnl == finals.end()) continue;
      sums[records.signals[i].strategy] += pnl->second;
      ++stats[records.signals[i].strategy].pnl_count;
    }
    for (auto& [name, of] : stats) {
      const ShareStats rate = share(of.rejections, of.signals);
      of.rate = rate.share;
      of.low = rate.low;
      of.high = rate.high;
      if (of.pnl_count != 0) of.pnl_mean = sums[name] / static_cast<double>(of.pnl_count);
      result.signal_summary[std::string(name)] = of.signals;
      result.by_strategy[std::string(name)] = of;
    }
  }

  static void agents(const ContextSnapshot& records, BehaviorAnalysis& result) {
    std::array<std::vector<double>, num_topics> latencies;
    std::array<AgentStats, num_topics> stats;
    for (const AgentExchange& exchange : records.exchanges) {
      const auto topic = static_cast<std::size_t>(exchange.topic);
      ++stats[topic].requests;
      stats[topic].timeouts += exchange.status == AnswerStatus::timeout ? 1U : 0U;
      stats[topic].errors += exchange.status == AnswerStatus::error ? 1U : 0U;
      if (exchange.status != AnswerStatus::timeout) latencies[topic].push_back(1e3 * exchange.latency());
    }
    for (std::size_t t = 0; t < num_topics; ++t) {
      if (stats[t].requests == 0) continue;
      if (!latencies[t].empty()) {
        stats[t].p50_ms = risk::linear_quantile(latencies[t], 0.5);
        stats[t].p99_ms = risk::linear_quantile(latencies[t], 0.99);
      }
      result.agents[std::string(name_of(static_cast<Topic>(t)))] = stats[t];
    }
  }

  static void trends(const ContextSnapshot& records, const std::vector<std::string_view>& reason_names,
                     const std::vector<std::vector<std::uint32_t>>& reasons_of, BehaviorAnalysis& result) {
    struct Halves {
      std::array<std::size_t, 2> signals{}, rejected{};
    };
    const std::vector<std::uint32_t> order = detail::by_time(records.signals, [](const Signal& s) { return s.timestamp; });
    const std::size_t middle = order.size() / 2;
    const std::array<std::size_t, 2> totals = {middle, order.size() - middle};
    std::unordered_map<std::string_view, Halves> strategies;
    std::vector<std::array<std::size_t, 2>> reasons(reason_names.size());
    for (std::size_t k = 0; k < order.size(); ++k) {
      const std::size_t half = k < middle ? 0 : 1;
      const std::uint32_t i = order[k];
      Halves& of = strategies[records.signals[i].strategy];
      ++of.signals[half];
      of.rejected[half] += reasons_of[i].empty() ? 0U : 1U;
      for (const std::uint32_t r : reasons_of[i]) ++reasons[r][half];
    }
    const auto test = [&](std::string subject, const std::array<std::size_t, 2>& counts, const std::array<std::size_t, 2>& of) {
      if (of[0] < 20 || of[1] < 20) return;
      const risk::TestResult found = risk::two_proportion_test(counts[0], of[0], counts[1], of[1]);
      result.trends.push_back({std::move(subject), counts[0], of[0], counts[1], of[1], found.statistic, found.p_value, false});
    };
    for (const auto& [name, halves] : strategies) {
      test("strategy " + std::string(name), halves.signals, totals);
      test("rejections of " + std::string(name), halves.rejected, halves.signals);
    }
    for (std::size_t r = 0; r < reasons.size(); ++r) test("reason " + std::string(reason_names[r]), reasons[r], totals);
    std::sort(result.trends.begin(), result.trends.end(), [](const Trend& a, const Trend& b) { return a.subject < b.subject; });
    std::vector<double> p_values;
    for (const Trend& trend : result.trends) p_values.push_back(trend.p_value);
    const std::vector<bool> significant = risk::benjamini_hochberg(p_values, 0.10);
    for (std::size_t t = 0; t < result.trends.size(); ++t) result.trends[t].significant = significant[t];
  }

  RecentContext* context_;
};

}  // namespace rlx::signals

#endif  // RLX_SIGNALS_RESEARCH_ENGINE_HPP
