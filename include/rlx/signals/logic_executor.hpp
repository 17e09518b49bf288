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

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/random.hpp>
#include <rlx/signals/flow_manager.hpp>
#include <rlx/signals/recent_context.hpp>
#include <rlx/signals/records.hpp>
#include <rlx/signals/signal_filter.hpp>

namespace rlx::signals {

/// What the model's probability is used for.
enum class ModelFilterMode : std::uint8_t {
  advisory,  ///< stored with the signal only
  enforce    ///< a signal that is likely to be rejected is refused
};

/// How the model filters.
struct ModelFilterConfig {
  ModelFilterMode mode = ModelFilterMode::advisory;
  double threshold = 0.5;  ///< `enforce` refuses above this probability of rejection
  double explore = 0.05;   ///< share of those that pass all the same, so that labels keep arriving
  std::uint64_t seed = 0;  ///< of the draws (exploration, step = number of the signal)
};

/// What a model says of a signal.
struct ModelScore {
  double probability = 0.0;   ///< of being rejected
  std::uint64_t version = 0;  ///< of the model
};

/// Gives the score of a signal; nothing where there is no model.
using ModelScorer = std::function<std::optional<ModelScore>(const Signal&)>;

/// How many signals ended where.
struct ExecutorStats {
  std::uint64_t total = 0;
  std::uint64_t accepted = 0;                       ///< gave a command that was executed
  std::array<std::uint64_t, num_stages> refused{};  ///< by Stage; execution includes unknown fates
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

  /// Asks `score` about every sound signal from now on; an empty function switches the model off.
  /// @throws ConfigError if threshold or explore is outside [0, 1]
  void set_model_filter(ModelScorer score, ModelFilterConfig config = {}) {
    const auto require_share = [](const char* name, double value) {
      if (!(value >= 0.0 && value <= 1.0)) {
        throw ConfigError(std::string(name) + ": expected a number between 0 and 1, found " + std::to_string(value));
      }
    };
    require_share("threshold", config.threshold);
    require_share("explore", config.explore);
    if (logger_ != nullptr) {
      logger_->log_system_operation("set_model_filter",
                                    {{"on", static_cast<bool>(score)},
                                     {"mode", config.mode == ModelFilterMode::enforce ? "enforce" : "advisory"},
                                     {"threshold", config.threshold},
                                     {"explore", config.explore}});
    }
    score_ = std::move(score);
    config_ = config;
  }

  /// The command of a signal that was executed; nothing if it was refused, which the context's newest rejection of its id
  /// explains, or if its fate is unknown.
  /// @throws DataError  another signal of that id is remembered; IoError  the log cannot be written: what it could not record
  /// was not done
  std::optional<TradeCommand> execute_logic_tree(const Signal& signal) {
    const std::uint64_t number = stats_.total;
    const ValidationResult validation = filter_->validate(signal);
    if (!signal.signal_id.empty()) context_->store_signal(signal);
    ++stats_.total;
    if (!validation.ok()) {
      Rejection rejection{signal.signal_id, validation.reason(), validation.code(), Stage::validation, flow_->clock().now()};
      log_rejection(rejection, &validation);
      return refuse(std::move(rejection));
    }
    if (score_ && !passes_model(signal, number)) {
      Rejection rejection{signal.signal_id, "Model filter", RejectionCode::model_filtered, Stage::model, flow_->clock().now()};
      log_rejection(rejection, nullptr);
      return refuse(std::move(rejection));
    }
    FlowResult result = flow_->coordinate_agents(signal);
    if (!result.executed()) {
      ++stats_.refused[static_cast<std::size_t>(result.rejection->stage)];
      return std::nullopt;
    }
    ++stats_.accepted;
    return std::move(result.command);
  }

  const ExecutorStats& stats() const noexcept { return stats_; }

 private:
  std::optional<TradeCommand> refuse(Rejection rejection) {
    ++stats_.refused[static_cast<std::size_t>(rejection.stage)];
    context_->store_rejection(std::move(rejection));
    return std::nullopt;
  }

  void log_rejection(const Rejection& rejection, const ValidationResult* validation) {
    if (logger_ == nullptr) return;
    Json fields = {{"rejection", to_json(rejection)}};
    if (validation != nullptr) {
      for (const ValidationFailure& failure : validation->failures) {
        fields["failures"].push_back({{"field", failure.field}, {"code", name_of(failure.code)}, {"detail", failure.detail}});
      }
    }
    logger_->log_signal_filtering("execute_logic_tree", fields);
  }

  bool passes_model(const Signal& signal, std::uint64_t number) {
    const std::optional<ModelScore> score = score_(signal);
    // A model that gives no probability filters nothing.
    if (!score || !(score->probability >= 0.0 && score->probability <= 1.0)) return true;
    SignalScore record{signal.signal_id, score->probability, 1.0, true, score->version, flow_->clock().now()};
    if (config_.mode == ModelFilterMode::enforce && score->probability > config_.threshold) {
      RandomStream random({config_.seed, Purpose::exploration, 0, number});
      record.passed = random.uniform() < config_.explore;
      // With nothing to explore no such row is ever labelled, so its weight is never used.
      record.propensity = config_.explore > 0.0 ? config_.explore : 1.0;
    }
    const bool passed = record.passed;
    context_->store_score(std::move(record));
    return passed;
  }

  const SignalFilter* filter_;
  FlowManager<T>* flow_;
  RecentContext* context_;
  CoreAgentLogger* logger_;
  ModelScorer score_;
  ModelFilterConfig config_;
  ExecutorStats stats_;
};

}  // namespace rlx::signals

#endif  // RLX_SIGNALS_LOGIC_EXECUTOR_HPP
