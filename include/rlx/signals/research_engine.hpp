// SPDX-License-Identifier: MIT
/// @file
/// @brief What the agent's memory and its logs say about its behaviour: rejections, rates, agents, trends that are no chance.
#ifndef RLX_SIGNALS_RESEARCH_ENGINE_HPP
#define RLX_SIGNALS_RESEARCH_ENGINE_HPP

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/io/append_file.hpp>
#include <rlx/risk/interval.hpp>
#include <rlx/risk/probability_metrics.hpp>
#include <rlx/risk/tail.hpp>
#include <rlx/signals/core_agent_logger.hpp>
#include <rlx/signals/detail/any_json.hpp>
#include <rlx/signals/detail/id_table.hpp>
#include <rlx/signals/features.hpp>
#include <rlx/signals/recent_context.hpp>
#include <rlx/signals/records.hpp>

namespace rlx::inline v0_1::signals {

/// A count, its share of the whole and Wilson's 95 % interval of it.
struct ShareStats {
  std::size_t count = 0;  ///< of what the key names
  double share = 0;       ///< of the whole
  double low = 0;         ///< lower end of Wilson's 95 % interval
  double high = 0;        ///< upper end
};

/// Signals of one strategy.
struct StrategyStats {
  std::size_t signals = 0;                                     ///< remembered
  std::size_t rejections = 0;                                  ///< signals that were rejected, joined by id
  double rate = 0;                                             ///< rejections over signals
  double low = 0;                                              ///< lower end of Wilson's 95 % interval
  double high = 0;                                             ///< upper end
  double pnl_mean = std::numeric_limits<double>::quiet_NaN();  ///< of final P&L, or NaN without any
  std::size_t pnl_count = 0;                                   ///< signals with a final P&L
};

/// One agent's requests.
struct AgentStats {
  std::size_t requests = 0;                                  ///< sent
  std::size_t timeouts = 0;                                  ///< that ended in silence
  std::size_t errors = 0;                                    ///< that ended in failure
  double p50_ms = std::numeric_limits<double>::quiet_NaN();  ///< latency of requests that were answered
  double p99_ms = std::numeric_limits<double>::quiet_NaN();  ///< the same
};

/// A share that differs between the older and the newer half of the signals.
struct Trend {
  std::string subject{};        ///< "strategy momentum", "rejections of momentum", "reason Exposure limit exceeded"
  std::size_t older_count = 0;  ///< of what `subject` names, in the older half
  std::size_t older_total = 0;  ///< that could have been, in the older half
  std::size_t newer_count = 0;  ///< of what `subject` names, in the newer half
  std::size_t newer_total = 0;  ///< that could have been, in the newer half
  double z = 0;                 ///< statistic of the test; above 0: more in the newer half
  double p_value = 1;           ///< two-sided
  bool significant = false;     ///< with at most 10 % false ones among all that are
};

/// What `analyze_behavior` finds. The first four members are the keys of the earliest system.
struct BehaviorAnalysis {
  std::map<std::string, std::size_t> rejection_summary{};  ///< by reason
  std::map<std::string, std::size_t> signal_summary{};     ///< by strategy
  std::size_t total_signals = 0;                           ///< remembered now
  std::size_t total_rejections = 0;                        ///< remembered now
  std::map<std::string, ShareStats> rejection_shares{};    ///< of all rejections, by reason
  std::map<std::string, ShareStats> by_code{};             ///< of all rejections
  std::map<std::string, ShareStats> by_stage{};            ///< of all rejections
  std::map<std::string, StrategyStats> by_strategy{};      ///< by name, of the signals remembered
  std::map<std::string, AgentStats> agents{};              ///< by topic
  std::vector<Trend> trends{};                             ///< all that were tested
  std::vector<std::string> frequent{};                     ///< reasons whose share is at least 0.3 even at its lower end
  std::uint64_t orphan_rejections = 0;                     ///< of ids that were not remembered
  std::uint64_t orphan_pnl = 0;                            ///< of ids that were not remembered

  /// All of it; what is not finite becomes null when written.
  template <AnyJson J = Json>
  J to_json() const {
    J json = detail::any_object<J>({{"rejection_summary", detail::any_counts<J>(rejection_summary)},
                                    {"signal_summary", detail::any_counts<J>(signal_summary)},
                                    {"total_signals", total_signals},
                                    {"total_rejections", total_rejections},
                                    {"frequent", frequent},
                                    {"orphan_rejections", orphan_rejections},
                                    {"orphan_pnl", orphan_pnl}});
    for (const auto& [key, shares] :
         {std::pair("rejection_shares", &rejection_shares), std::pair("by_code", &by_code), std::pair("by_stage", &by_stage)}) {
      json[key] = J::object();
      for (const auto& [name, s] : *shares) {
        json[key][name] = detail::any_object<J>({{"count", s.count}, {"share", s.share}, {"low", s.low}, {"high", s.high}});
      }
    }
    json["by_strategy"] = J::object();
    for (const auto& [name, s] : by_strategy) {
      json["by_strategy"][name] = detail::any_object<J>({{"signals", s.signals},
                                                         {"rejections", s.rejections},
                                                         {"rate", s.rate},
                                                         {"low", s.low},
                                                         {"high", s.high},
                                                         {"pnl_mean", s.pnl_mean},
                                                         {"pnl_count", s.pnl_count}});
    }
    json["agents"] = J::object();
    for (const auto& [name, a] : agents) {
      json["agents"][name] = detail::any_object<J>({{"requests", a.requests},
                                                    {"timeouts", a.timeouts},
                                                    {"errors", a.errors},
                                                    {"p50_ms", a.p50_ms},
                                                    {"p99_ms", a.p99_ms}});
    }
    json["trends"] = J::array();
    for (const Trend& t : trends) {
      json["trends"].push_back(
          detail::any_object<J>({{"subject", t.subject}, {"z", t.z}, {"p_value", t.p_value}, {"significant", t.significant}}));
    }
    return json;
  }
};

/// What a log holds.
struct LogSummary {
  std::map<std::string, std::size_t> by_kind{};  ///< records
  std::map<std::string, std::size_t> by_name{};  ///< records
  std::map<std::string, std::size_t> errors{};   ///< texts of errors, counted
  std::string first_time{};                      ///< ISO 8601; empty: no record
  std::string last_time{};                       ///< ISO 8601; empty: no record
  LogVerification verification{};                ///< of the chain; what comes after a bad record is not counted
};

/**
 * @brief Analyses an agent's memory and logs. Const members are safe from any thread.
 *
 * Trends: signals in the order of time, the older half against the newer by the pooled two-proportion z test; the share of each
 * strategy among signals, of rejected ones among each strategy's, and of each reason among signals. Tested where both halves
 * have at least 20; Benjamini-Hochberg at 0.10 over all tests.
 * Called ResearchEngine. @tparam Context  RecentContext; a parameter so that a program compiles only what it uses
 */
template <class Context>
class BasicResearchEngine {
 public:
  /// `context` must outlive the engine.
  explicit BasicResearchEngine(Context& context) : context_(&context) {}

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

    const Join join(records);
    std::unordered_map<std::string_view, std::size_t> reasons;  // number of each, in the order of appearance
    std::vector<std::string_view> reason_names;
    std::vector<std::size_t> reason_counts;
    std::array<std::size_t, num_rejection_codes> codes{};
    std::array<std::size_t, num_stages> stages{};
    std::vector<std::uint32_t> reason_of_rejection;
    for (const Rejection& rejection : records.rejections) {
      const auto [known, added] = reasons.emplace(rejection.reason, reason_names.size());
      if (added) {
        reason_names.push_back(rejection.reason);
        reason_counts.push_back(0);
      }
      ++reason_counts[known->second];
      ++codes[static_cast<std::size_t>(rejection.code)];
      ++stages[static_cast<std::size_t>(rejection.stage)];
      reason_of_rejection.push_back(static_cast<std::uint32_t>(known->second));
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
    strategies(records, join, result);
    agents(records, result);
    trends(records, join, reason_names, reason_of_rejection, result);
    return result;
  }

  /// Counts the records of a log directory and checks their chain. @throws IoError if it cannot be read
  LogSummary load_logs(const std::string& directory) const {
    LogSummary summary;
    io::PosixFiles files;
    summary.verification = read_log(directory, files, [&](const LogLine& line) {
      using detail::Tree;
      const auto json = line.json<Tree>();
      const auto text_of = [&](const char* key) {
        const Tree* const found = json.find(key);
        return found == json.end() ? std::string() : found->get<std::string>();
      };
      const std::string kind = text_of("kind"), name = text_of("name");
      ++summary.by_kind[kind];
      ++summary.by_name[name];
      const std::string time = text_of("ts");
      if (summary.first_time.empty()) summary.first_time = time;
      summary.last_time = time;
      if (kind != "error") return;
      const Tree* const fields = json.find("fields");
      std::string text = name;
      for (const char* key : {"problem", "reason"}) {
        if (fields == json.end()) break;
        if (const Tree* const found = fields->find(key); found != fields->end() && found->is_string()) {
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

  /// Records that belong together, by position.
  struct Join {
    static constexpr std::uint32_t none = detail::IdTable::none;
    std::vector<std::string_view> strategies;        // each once
    std::vector<std::uint32_t> strategy_of_signal;   // index into `strategies`
    std::vector<std::uint32_t> signal_of_rejection;  // none: an orphan
    std::vector<std::uint32_t> signal_of_pnl;        // none: an orphan, or not final
    std::vector<bool> rejected;                      // by signal

    explicit Join(const ContextSnapshot& records) : rejected(records.signals.size()) {
      const detail::IdTable by_id(records.signals);
      std::unordered_map<std::string_view, std::uint32_t> numbers;
      strategy_of_signal.reserve(records.signals.size());
      for (const Signal& signal : records.signals) {
        const auto [known, added] = numbers.emplace(signal.strategy, static_cast<std::uint32_t>(strategies.size()));
        if (added) strategies.emplace_back(signal.strategy);
        strategy_of_signal.push_back(known->second);
      }
      signal_of_rejection.reserve(records.rejections.size());
      for (const Rejection& rejection : records.rejections) {
        signal_of_rejection.push_back(by_id.find(rejection.signal_id));
        if (signal_of_rejection.back() != none) rejected[signal_of_rejection.back()] = true;
      }
      signal_of_pnl.reserve(records.pnl.size());
      for (const PnlSnapshot& pnl : records.pnl) signal_of_pnl.push_back(pnl.final ? by_id.find(pnl.signal_id) : none);
    }
  };

  static void strategies(const ContextSnapshot& records, const Join& join, BehaviorAnalysis& result) {
    std::vector<StrategyStats> stats(join.strategies.size());
    std::vector<double> sums(join.strategies.size(), 0.0);
    std::vector<std::uint32_t> last(records.signals.size(), Join::none);  // the last final P&L of each signal
    for (std::size_t k = 0; k < records.pnl.size(); ++k) {
      if (join.signal_of_pnl[k] != Join::none) last[join.signal_of_pnl[k]] = static_cast<std::uint32_t>(k);
    }
    for (std::size_t i = 0; i < records.signals.size(); ++i) {
      const std::uint32_t strategy = join.strategy_of_signal[i];
      StrategyStats& of = stats[strategy];
      ++of.signals;
      of.rejections += join.rejected[i] ? 1U : 0U;
      if (last[i] == Join::none) continue;
      sums[strategy] += records.pnl[last[i]].pnl;
      ++of.pnl_count;
    }
    for (std::size_t s = 0; s < stats.size(); ++s) {
      StrategyStats& of = stats[s];
      const ShareStats rate = share(of.rejections, of.signals);
      of.rate = rate.share;
      of.low = rate.low;
      of.high = rate.high;
      if (of.pnl_count != 0) of.pnl_mean = sums[s] / static_cast<double>(of.pnl_count);
      const std::string name(join.strategies[s]);
      result.signal_summary[name] = of.signals;
      result.by_strategy[name] = of;
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

  static void trends(const ContextSnapshot& records, const Join& join, const std::vector<std::string_view>& reason_names,
                     const std::vector<std::uint32_t>& reason_of_rejection, BehaviorAnalysis& result) {
    struct Halves {
      std::array<std::size_t, 2> signals{}, rejected{};
    };
    const std::vector<std::uint32_t> order = detail::by_time(records.signals, [](const Signal& s) { return s.timestamp; });
    const std::size_t middle = order.size() / 2;
    const std::array<std::size_t, 2> totals = {middle, order.size() - middle};
    std::vector<Halves> strategies(join.strategies.size());
    constexpr std::uint8_t timeless = 2;
    std::vector<std::uint8_t> half_of(records.signals.size(), timeless);
    for (std::size_t k = 0; k < order.size(); ++k) {
      const std::uint8_t half = k < middle ? 0 : 1;
      const std::uint32_t i = order[k];
      half_of[i] = half;
      Halves& of = strategies[join.strategy_of_signal[i]];
      ++of.signals[half];
      of.rejected[half] += join.rejected[i] ? 1U : 0U;
    }
    // A signal counts once for each of its reasons, however often it was refused for it.
    std::vector<std::array<std::size_t, 2>> reasons(reason_names.size());
    std::vector<std::pair<std::uint32_t, std::uint32_t>> repeated;
    std::vector<std::uint32_t> first(records.signals.size(), Join::none);  // reason
    for (std::size_t k = 0; k < records.rejections.size(); ++k) {
      const std::uint32_t i = join.signal_of_rejection[k], reason = reason_of_rejection[k];
      if (i == Join::none || half_of[i] == timeless || first[i] == reason) continue;
      if (first[i] == Join::none) {
        first[i] = reason;
        ++reasons[reason][half_of[i]];
      } else {
        repeated.emplace_back(i, reason);
      }
    }
    std::sort(repeated.begin(), repeated.end());
    repeated.erase(std::unique(repeated.begin(), repeated.end()), repeated.end());
    for (const auto& [i, reason] : repeated) ++reasons[reason][half_of[i]];
    const auto test = [&](std::string subject, const std::array<std::size_t, 2>& counts, const std::array<std::size_t, 2>& of) {
      if (of[0] < 20 || of[1] < 20) return;
      const risk::TestResult found = risk::two_proportion_test(counts[0], of[0], counts[1], of[1]);
      result.trends.push_back({std::move(subject), counts[0], of[0], counts[1], of[1], found.statistic, found.p_value, false});
    };
    for (std::size_t s = 0; s < strategies.size(); ++s) {
      test("strategy " + std::string(join.strategies[s]), strategies[s].signals, totals);
      test("rejections of " + std::string(join.strategies[s]), strategies[s].rejected, strategies[s].signals);
    }
    for (std::size_t r = 0; r < reasons.size(); ++r) test("reason " + std::string(reason_names[r]), reasons[r], totals);
    std::sort(result.trends.begin(), result.trends.end(), [](const Trend& a, const Trend& b) { return a.subject < b.subject; });
    std::vector<double> p_values;
    for (const Trend& trend : result.trends) p_values.push_back(trend.p_value);
    const std::vector<bool> significant = risk::benjamini_hochberg(p_values, 0.10);
    for (std::size_t t = 0; t < result.trends.size(); ++t) result.trends[t].significant = significant[t];
  }

  Context* context_;
};

/// As the library uses it. @see BasicResearchEngine
using ResearchEngine = BasicResearchEngine<RecentContext>;

}  // namespace rlx::inline v0_1::signals

#endif  // RLX_SIGNALS_RESEARCH_ENGINE_HPP
