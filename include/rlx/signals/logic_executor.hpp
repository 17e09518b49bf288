// SPDX-License-Identifier: MIT
/// @file
/// @brief The decision about one signal from its arrival to a command: validation, model filter, limits and agents.
#ifndef RLX_SIGNALS_LOGIC_EXECUTOR_HPP
#define RLX_SIGNALS_LOGIC_EXECUTOR_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include <rlx/signals/detail/records_tree.hpp>
#include <rlx/signals/flow_manager.hpp>
#include <rlx/signals/recent_context.hpp>
#include <rlx/signals/records.hpp>
#include <rlx/signals/signal_filter.hpp>

namespace rlx::inline v0_1::signals {

/// Scores a sound signal, such as a ModelFilter (give it as `std::ref(filter)`): nothing where there is no model; `passed`
/// false refuses the signal as `model_filtered`.
using SignalScorer = std::function<std::optional<SignalScore>(const Signal&)>;

/// How many signals ended where.
struct ExecutorStats {
  std::uint64_t total = 0;                          ///< signals that were taken
  std::uint64_t accepted = 0;                       ///< gave a command that was executed
  std::array<std::uint64_t, num_stages> refused{};  ///< by Stage; execution includes unknown fates
  /// Memberwise.
  bool operator==(const ExecutorStats&) const = default;
};

/**
 * @brief Takes signals through validate, model filter, local limits, risk agent, strategy agent, execution.
 *
 * The first refusal ends the way and leaves exactly one Rejection in the context. One thread at a time.
 */
template <AgentTransport T>
class LogicExecutor {
 public:
  /// All must outlive this object; `logger` may be null.
  LogicExecutor(const SignalFilter& filter, FlowManager<T>& flow, RecentContext& context, CoreAgentLogger* logger = nullptr)
      : filter_(&filter), flow_(&flow), context_(&context), logger_(logger) {}

  /// Asks `score` about every sound signal from now on, and stores what it says; an empty function switches the model off.
  /// @throws IoError  the log cannot be written; then nothing has changed
  void set_model_filter(SignalScorer score) {
    if (logger_ != nullptr)
      logger_->log_system_operation("set_model_filter", LogFields::object({{"on", static_cast<bool>(score)}}));
    score_ = std::move(score);
  }

  /// The command of a signal that was executed; nothing if it was refused, which the context's newest rejection of its id
  /// explains, or if its fate is unknown.
  /// @throws DataError  another signal of that id is remembered; IoError  the log cannot be written: what it could not record
  /// was not done
  std::optional<TradeCommand> execute_logic_tree(const Signal& signal) {
    const ValidationResult validation = filter_->validate(signal);
    if (logger_ != nullptr) log_arrival(signal, validation);
    if (!signal.signal_id.empty()) context_->store_signal(signal);
    ++stats_.total;
    if (!validation.ok()) {
      return refuse({signal.signal_id, validation.reason(), validation.code(), Stage::validation, flow_->clock().now()});
    }
    if (score_ && !passes_model(signal)) {
      return refuse({signal.signal_id, "Model filter", RejectionCode::model_filtered, Stage::model, flow_->clock().now()});
    }
    FlowResult result = flow_->coordinate_agents(signal);
    if (!result.executed()) {
      ++stats_.refused[static_cast<std::size_t>(result.rejection->stage)];
      return std::nullopt;
    }
    ++stats_.accepted;
    return std::move(result.command);
  }

  /// Counts since this object was made.
  const ExecutorStats& stats() const noexcept { return stats_; }
  /// The memory, as given.
  const RecentContext& context() const noexcept { return *context_; }

 private:
  std::optional<TradeCommand> refuse(Rejection rejection) {
    ++stats_.refused[static_cast<std::size_t>(rejection.stage)];
    context_->store_rejection(std::move(rejection));
    return std::nullopt;
  }

  void log_arrival(const Signal& signal, const ValidationResult& validation) {
    LogFields failures = LogFields::array();
    for (const ValidationFailure& failure : validation.failures) {
      failures.push_back(
          LogFields::object({{"field", failure.field}, {"code", name_of(failure.code)}, {"detail", failure.detail}}));
    }
    logger_->log_signal_processing(
        "execute_logic_tree",
        LogFields::object({{"signal_id", signal.signal_id}, {"strategy", signal.strategy}, {"failures", std::move(failures)}}));
  }

  bool passes_model(const Signal& signal) {
    std::optional<SignalScore> score = score_(signal);
    if (!score) return true;
    const bool passed = score->passed;
    if (!passed && logger_ != nullptr) logger_->log_signal_filtering("model_filtered", to_json<LogFields>(*score));
    context_->store_score(std::move(*score));
    return passed;
  }

  const SignalFilter* filter_;
  FlowManager<T>* flow_;
  RecentContext* context_;
  CoreAgentLogger* logger_;
  SignalScorer score_;
  ExecutorStats stats_;
};

}  // namespace rlx::inline v0_1::signals

#endif  // RLX_SIGNALS_LOGIC_EXECUTOR_HPP
