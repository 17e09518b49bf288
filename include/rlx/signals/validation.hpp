// SPDX-License-Identifier: MIT
/// @file
/// @brief One page on whether the agent does what it should: outcomes against expectations, rates, the model, the log.
#ifndef RLX_SIGNALS_VALIDATION_HPP
#define RLX_SIGNALS_VALIDATION_HPP

#include <concepts>
#include <cstddef>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <rlx/risk/interval.hpp>
#include <rlx/signals/core_agent_logger.hpp>
#include <rlx/signals/detail/any_json.hpp>
#include <rlx/signals/records.hpp>

namespace rlx::inline v0_1::signals {

/// A scenario whose outcome was not the expected one.
struct Mismatch {
  std::string scenario{};   ///< its name
  std::string signal_id{};  ///< of its signal
  std::string expected{};   ///< "accepted" or a code, with the text if one was expected
  std::string found{};      ///< the same of what happened
};

/// What validation found. `validate_logic` fills the table; the rest is the caller's to add. Include records_json.hpp too.
template <AnyJson J>
struct BasicValidationReport {
  /// Scenarios by (expected, actual); an outcome is "accepted" or the code of the rejection.
  std::map<std::pair<std::string, std::string>, std::size_t> outcomes{};
  std::vector<Mismatch> mismatches{};                                   ///< in the order of the scenarios
  std::size_t scenarios = 0;                                            ///< counted by `add`
  std::size_t rejected = 0;                                             ///< of them
  double training_accuracy = std::numeric_limits<double>::quiet_NaN();  ///< of the newest training, on later data
  J active_model = nullptr;                                             ///< metrics of the active model; null: none
  std::optional<LogVerification> log{};                                 ///< of the agent's log

  /// Every outcome as expected, and a log, if there is one, that is whole.
  bool ok() const { return mismatches.empty() && (!log || log->ok); }
  /// Share of scenarios that were rejected, with Wilson's 95 % interval.
  risk::Interval rejection_rate() const { return risk::wilson_interval(rejected, scenarios); }

  /// Counts one scenario by its expected code and text (empty: any) and the rejection that was found (none: accepted).
  void add(const std::string& scenario, const std::string& signal_id, std::optional<RejectionCode> expected,
           const std::string& reason, const std::optional<Rejection>& found) {
    const auto text = [](std::optional<RejectionCode> code) { return code ? std::string(name_of(*code)) : "accepted"; };
    const std::string wanted = text(expected), got = text(found ? std::optional(found->code) : std::nullopt);
    ++scenarios;
    rejected += found ? 1U : 0U;
    ++outcomes[{wanted, got}];
    if (wanted != got) {
      mismatches.push_back({scenario, signal_id, wanted, got});
    } else if (found && !reason.empty() && reason != found->reason) {
      mismatches.push_back({scenario, signal_id, wanted + ": " + reason, got + ": " + found->reason});
    }
  }

  /// All of it; what is not finite becomes null when written.
  J to_json() const {
    J table = J::array(), wrong = J::array();
    for (const auto& [key, count] : outcomes)
      table.push_back(detail::any_object<J>({{"expected", key.first}, {"actual", key.second}, {"count", count}}));
    for (const Mismatch& m : mismatches) {
      wrong.push_back(detail::any_object<J>(
          {{"scenario", m.scenario}, {"signal_id", m.signal_id}, {"expected", m.expected}, {"found", m.found}}));
    }
    const risk::Interval rate = rejection_rate();
    J json = detail::any_object<J>(
        {{"scenarios", scenarios},
         {"outcomes", table},
         {"mismatches", wrong},
         {"rejection_rate", detail::any_object<J>({{"share", rate.estimate}, {"low", rate.low}, {"high", rate.high}})},
         {"training_accuracy", training_accuracy},
         {"active_model", active_model}});
    if (log)
      json["log"] = detail::any_object<J>(
          {{"ok", log->ok}, {"records", log->records}, {"problem", log->bad ? log->bad->problem : std::string()}});
    return json;
  }
};
/// The report whose model is Json.
using ValidationReport = BasicValidationReport<Json>;

}  // namespace rlx::inline v0_1::signals

#endif  // RLX_SIGNALS_VALIDATION_HPP
