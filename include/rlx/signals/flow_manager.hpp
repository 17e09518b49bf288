// SPDX-License-Identifier: MIT
/// @file
/// @brief A sound signal's way through limits and agents: to a command that was executed, refused, or of unknown fate.
#ifndef RLX_SIGNALS_FLOW_MANAGER_HPP
#define RLX_SIGNALS_FLOW_MANAGER_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/signals/agent_io.hpp>
#include <rlx/signals/clock.hpp>
#include <rlx/signals/core_agent_logger.hpp>
#include <rlx/signals/detail/records_tree.hpp>
#include <rlx/signals/recent_context.hpp>
#include <rlx/signals/records.hpp>

namespace rlx::inline v0_1::signals {

/// What an agent may do at most. Money is in the quote currency.
struct FlowLimits {
  double max_exposure = 100'000.0;                ///< sum of the notionals of open positions
  std::optional<double> max_loss_pct = 0.02;      ///< of the day's opening equity, realised on that day; empty: off
  std::optional<double> max_position_size = 0.1;  ///< of equity, one position; empty: off
  std::uint64_t max_daily_trades = 100;           ///< in one UTC day of the clock
  std::optional<double> equity = std::nullopt;    ///< at the start; needed unless both fractions are off
  Seconds max_price_age = 60.0;                   ///< of a market price that stands in for a signal's
};

/// Limits, and how agents are asked.
struct FlowConfig {
  FlowLimits limits = {};     ///< what may be done at most
  AgentIOConfig agents = {};  ///< how long an answer may take, and how much text
};

/// Whether limits and risk agent let a signal pass.
struct RiskResult {
  bool passed = false;                             ///< neither a limit nor the risk agent refused
  RejectionCode code = RejectionCode::risk_agent;  ///< if not passed
  Stage stage = Stage::risk;                       ///< if not passed
  std::string reason{};                            ///< if not passed; a text for people
  double price = 0.0;                              ///< the signal's own, or the market's
  double notional = 0.0;                           ///< amount times price
};

/// How a signal's way ended.
struct FlowResult {
  ExecutionOutcome outcome = ExecutionOutcome::failed;  ///< `failed` where it never came to an execution, too
  std::optional<TradeCommand> command{};                ///< what was sent, if anything
  std::optional<Rejection> rejection{};                 ///< the one that was stored; empty if executed
  double notional = 0.0;                                ///< amount times price, quote currency; 0 if there is no price
  /// Whether the execution agent said yes.
  bool executed() const noexcept { return outcome == ExecutionOutcome::executed; }
};

/// What a FlowManager has done. `total == successful + failed + unknown` always.
struct FlowStats {
  std::uint64_t total = 0;                ///< signals that came to an end, and unanswered executions of an earlier process
  std::uint64_t successful = 0;           ///< executed
  std::uint64_t failed = 0;               ///< refused at any stage
  std::uint64_t unknown = 0;              ///< sent, without an answer, not resolved yet
  std::uint64_t risk_rejections = 0;      ///< of `failed`: for want of a price, by limits or the risk agent
  std::uint64_t strategy_rejections = 0;  ///< of `failed`: by the strategy agent
  std::uint64_t execution_failures = 0;   ///< of `failed`: by the execution agent
  Seconds mean_duration = 0.0;            ///< that agents took for one signal
};

/// An execution request that an earlier process sent.
struct PendingExecution {
  TradeCommand command{};          ///< as it was sent
  double notional = 0.0;           ///< quote currency
  double sent_at = 0.0;            ///< seconds since 1970 UTC
  std::optional<bool> executed{};  ///< the answer, if there is one
};

/**
 * @brief Local limits, risk agent, strategy agent, execution; keeps exposure, trades and losses of the day.
 *
 * The first refusal ends the way and stores one Rejection. A command is sent once: without a proper answer its fate is unknown,
 * its exposure counts as if it was filled, and it stays in `unresolved()` until `resolve`. A position is open until `settle`
 * gets its final P&L. Comparisons with limits allow a relative 1e-12; equality passes. One thread at a time.
 *
 * With a transport that remembers (JournalTransport) the unanswered executions of an earlier process are unresolved from the
 * start; `restore` brings back everything else that an earlier process knew.
 */
template <AgentTransport T>
class FlowManager {
 public:
  /// All must outlive this object; `logger` may be null.
  /// @throws ConfigError  a limit that is negative or not finite, or no equity above 0 while a fraction of it is a limit
  FlowManager(T& transport, RecentContext& context, ClockRef clock, FlowConfig config = {}, CoreAgentLogger* logger = nullptr)
      : context_(&context),
        clock_(clock),
        limits_(checked(config.limits)),
        logger_(logger),
        agents_(transport, clock, config.agents, &context, logger),
        last_now_(clock.now()),
        equity_(config.limits.equity.value_or(0.0)),
        day_(day_of(last_now_)),
        day_open_equity_(equity_) {
    if constexpr (requires { transport.pending_executions(); }) {
      for (const PendingExecution& pending : transport.pending_executions()) adopt(pending);
    }
  }

  /**
   * @brief Goes on where an earlier process ended: open positions, unknown fates, trades and final P&L of the current UTC day.
   *
   * Call it before the first signal. `limits.equity` is the equity of now. An id that was executed is not sent again as long as
   * the context remembers it. Executions that a JournalTransport knows of and the records do not are taken over as well, so a
   * process may end between an answer and its record.
   * @param records  of the earlier process, such as HistoryJournal::load gives
   * @throws DataError  after the first signal or settlement; IoError of the log, then nothing has changed
   */
  void restore(const ContextSnapshot& records) {
    if (used_) throw DataError("restore: expected a flow manager that has seen no signal, found one in use");
    if (logger_ != nullptr) {
      logger_->log_flow_management(
          "restore", LogFields::object({{"executions", records.executions.size()}, {"pnl_snapshots", records.pnl.size()}}));
    }
    roll_day();
    struct Past {
      const Execution* newest = nullptr;
      double sent_at = 0.0;
    };
    std::unordered_map<std::string_view, Past> past;
    for (const Execution& execution : records.executions) {
      past.try_emplace(execution.signal_id, Past{nullptr, execution.timestamp}).first->second.newest = &execution;
    }
    std::unordered_set<std::string_view> finals;
    for (const PnlSnapshot& pnl : records.pnl) {
      if (!pnl.final || !finals.insert(pnl.signal_id).second) continue;
      if (day_of(pnl.timestamp) == day_) realised_today_ += pnl.pnl;
      context_->store_pnl_snapshot(pnl);
    }
    day_open_equity_ = equity_ - realised_today_;
    std::unordered_map<std::string_view, const Signal*> signals;
    for (const Signal& signal : records.signals) signals.emplace(signal.signal_id, &signal);
    std::unordered_set<std::string_view> adopted;  // from the transport, which may know the answer by now
    if constexpr (requires(const T& t) { t.pending_executions(); }) {
      for (const PendingExecution& pending : agents_.transport().pending_executions()) {
        adopted.insert(pending.command.signal_id);
      }
    }
    for (const Execution& execution : records.executions) {
      const std::string& id = execution.signal_id;
      const Past& of = past.at(id);
      if (of.newest != &execution) continue;
      const bool closed = finals.contains(id);
      const ExecutionOutcome outcome = closed ? ExecutionOutcome::executed : execution.outcome;
      if (adopted.contains(id)) {
        if (outcome != ExecutionOutcome::unknown && find_unresolved(id) != unresolved_.end()) settle_fate(id, outcome);
      } else {
        context_->store_execution(execution);
        if (outcome != ExecutionOutcome::failed) take_over(id, execution.notional, of.sent_at);
        if (outcome == ExecutionOutcome::unknown) {
          const auto signal = signals.find(id);
          const Signal named = signal == signals.end() ? Signal{.signal_id = id} : *signal->second;
          unresolved_.push_back({id, named.strategy, named.params, {of.sent_at}});
          ++stats_.total;
          ++stats_.unknown;
        }
      }
      if (closed) close(id);
    }
    if constexpr (requires(const T& t) { t.executed_before(); }) {
      for (const PendingExecution& executed : agents_.transport().executed_before()) {
        const std::string& id = executed.command.signal_id;
        if (past.contains(id) || positions_.contains(id)) continue;
        context_->store_execution({id, ExecutionOutcome::executed, executed.notional, executed.sent_at});
        take_over(id, executed.notional, executed.sent_at);
      }
    }
  }

  /// Local limits, then the risk agent. Stores no rejection. The signal must be sound. @throws IoError of the log
  RiskResult check_risk_compliance(const Signal& signal) { return check_risk(signal).result; }

  /// The whole way of a sound signal. @throws IoError  the log cannot be written: what it could not record was not done, but
  /// what was sent is kept; DataError if `params.extra` is not an object and has to be written: nothing was sent
  FlowResult coordinate_agents(const Signal& signal) {
    FlowResult result;
    roll_day();
    RiskAnswer risk = check_risk(signal);
    Seconds duration = risk.latency;
    result.notional = risk.result.notional;
    if (!risk.result.passed) {
      refuse(signal, result, risk.result.code, risk.result.stage, std::move(risk.result.reason), duration, risk.gap);
      return result;
    }
    Answer strategy = agents_.request_strategy_approval(signal);
    duration += strategy.latency;
    if (!strategy.approved()) {
      const RejectionCode code = code_of(strategy.status, RejectionCode::strategy_agent);
      refuse(signal, result, code, Stage::strategy, text_of("strategy", strategy), duration, risk.gap);
      return result;
    }
    result.command = TradeCommand{signal.signal_id, signal.strategy, signal.params, {now()}};
    // Counted before it is sent: whatever interrupts this call afterwards leaves an unresolved position, never a forgotten one.
    open(*result.command, result.notional);
    ExecutionAnswer execution;
    try {
      execution = agents_.send_command(*result.command, result.notional);
    } catch (const Error&) {  // of the log, before anything was sent
      forget(signal.signal_id);
      throw;
    }
    duration += execution.latency;
    conclude(signal, result, execution, duration);
    log_end(signal, result, risk.gap);
    return result;
  }

  /// Ends an unknown fate. `executed`: the position stays open; `failed`: it never was.
  /// @throws DataError  the id is not unresolved, or the outcome is `unknown`; IoError of the log, then nothing has changed
  void resolve(std::string_view id, ExecutionOutcome outcome) {
    if (outcome == ExecutionOutcome::unknown) throw DataError("resolve: expected executed or failed, found unknown");
    if (find_unresolved(id) == unresolved_.end()) {
      throw DataError("resolve: expected the id of an unresolved command, found '" + std::string(id.substr(0, 128)) + '\'');
    }
    if (logger_ != nullptr)
      logger_->log_flow_management("resolve", LogFields::object({{"signal_id", id}, {"outcome", name_of(outcome)}}));
    settle_fate(std::string(id), outcome);
  }

  /// Takes P&L of a position: it is stored, and if it is final the position is closed and counts for the day's result. The
  /// final P&L of an unresolved command shows that it was executed. A second final P&L of an id changes nothing here.
  /// @throws NumericError  P&L or time not finite; IoError of the log, then nothing has changed
  void settle(PnlSnapshot snapshot) {
    used_ = true;
    if (!is_finite(snapshot.pnl) || !is_finite(snapshot.timestamp)) {
      throw NumericError("pnl of '" + snapshot.signal_id.substr(0, 128) + "': expected finite numbers, found pnl " +
                         std::to_string(snapshot.pnl) + " at " + std::to_string(snapshot.timestamp));
    }
    if (logger_ != nullptr) logger_->log_flow_management("settle", to_json<LogFields>(snapshot));
    const std::optional<PnlSnapshot> known = context_->find_pnl(snapshot.signal_id);
    const bool counts = snapshot.final && !(known && known->final);
    if (counts) {
      roll_day();
      if (find_unresolved(snapshot.signal_id) != unresolved_.end()) {
        settle_fate(snapshot.signal_id, ExecutionOutcome::executed);
      }
      equity_ += snapshot.pnl;
      realised_today_ += snapshot.pnl;
      close(snapshot.signal_id);
    }
    context_->store_pnl_snapshot(std::move(snapshot));
  }

  /// Counts since this object was made.
  FlowStats stats() const {
    FlowStats stats = stats_;
    stats.mean_duration = stats.total == 0 ? 0.0 : duration_ / static_cast<double>(stats.total);
    return stats;
  }
  /// Commands of unknown fate, the oldest first.
  std::vector<TradeCommand> unresolved() const { return unresolved_; }
  /// Sum of the notionals of open positions, those of unknown fate included.
  double open_exposure() const noexcept { return exposure_; }
  /// Commands sent on the current UTC day that did not fail.
  std::uint64_t trades_today() const noexcept { return trades_today_; }
  /// Final P&L of the current UTC day.
  double realised_today() const noexcept { return realised_today_; }
  /// At the start, and all final P&L since.
  double equity() const noexcept { return equity_; }
  /// As given.
  const FlowLimits& limits() const noexcept { return limits_; }
  /// The clock that times are taken from.
  ClockRef clock() const noexcept { return clock_; }

 private:
  struct Position {
    double notional = 0.0;
    std::int64_t day = 0;
  };
  struct RiskAnswer {
    RiskResult result;
    Seconds latency = 0.0;
    std::optional<double> gap{};  // newest market price over the price used, minus 1, if that is much
  };

  static FlowLimits checked(const FlowLimits& limits) {
    const auto require = [](const char* name, double value) {
      if (!(is_finite(value) && value >= 0.0)) {
        throw ConfigError(std::string(name) + ": expected a finite number of at least 0, found " + std::to_string(value));
      }
    };
    require("max_exposure", limits.max_exposure);
    require("max_price_age", limits.max_price_age);
    if (limits.max_loss_pct) require("max_loss_pct", *limits.max_loss_pct);
    if (limits.max_position_size) require("max_position_size", *limits.max_position_size);
    if (limits.equity && !(is_finite(*limits.equity) && *limits.equity > 0.0)) {
      throw ConfigError("equity: expected a finite number above 0, found " + std::to_string(*limits.equity));
    }
    if (!limits.equity && (limits.max_loss_pct || limits.max_position_size)) {
      throw ConfigError(
          "equity: expected a number above 0, found none; max_loss_pct and max_position_size are fractions of it, "
          "give it or switch both off");
    }
    return limits;
  }
  static std::int64_t day_of(Seconds time) { return static_cast<std::int64_t>(std::floor(time / 86'400.0)); }
  // Written so that NaN exceeds everything.
  static bool exceeds(double value, double limit) { return !(value <= limit * (1.0 + 1e-12)); }
  static RejectionCode code_of(AnswerStatus status, RejectionCode refusal) {
    return status == AnswerStatus::refused   ? refusal
           : status == AnswerStatus::timeout ? RejectionCode::agent_timeout
                                             : RejectionCode::agent_error;
  }
  // Few different texts, for counting; what exactly was wrong is in the exchange.
  static std::string text_of(std::string_view agent, const Answer& answer) {
    if (answer.status == AnswerStatus::timeout) return "Agent timeout: " + std::string(agent);
    if (answer.status == AnswerStatus::error) return "Agent error: " + std::string(agent);
    if (!answer.reason.empty()) return answer.reason;
    return agent == "risk" ? "Risk agent rejected" : "Strategy agent rejected";
  }

  Seconds now() {
    const Seconds time = clock_.now();
    if (time < last_now_ && logger_ != nullptr) {
      logger_->log_error("clock_went_back", LogFields::object({{"from", last_now_}, {"to", time}}));
    }
    last_now_ = time;
    return time;
  }
  // A clock that was set back does not open a day again.
  void roll_day() {
    const std::int64_t today = day_of(now());
    if (today <= day_) return;
    day_ = today;
    day_open_equity_ = equity_;
    realised_today_ = 0.0;
    trades_today_ = 0;
  }

  RiskAnswer check_risk(const Signal& signal) {
    used_ = true;
    RiskAnswer answer;
    RiskResult& result = answer.result;
    const auto refuse_with = [&](RejectionCode code, Stage stage, const char* reason) {
      result.code = code;
      result.stage = stage;
      result.reason = reason;
      return answer;
    };
    roll_day();
    if (positions_.contains(signal.signal_id) || context_->was_executed(signal.signal_id)) {
      return refuse_with(RejectionCode::invalid_field, Stage::validation, "Invalid signal_id: already executed");
    }
    if (!find_price(signal, answer)) return refuse_with(RejectionCode::missing_price, Stage::risk, "Missing price");
    result.notional = signal.params.amount.value_or(std::numeric_limits<double>::quiet_NaN()) * result.price;
    if (exceeds(exposure_ + result.notional, limits_.max_exposure)) {
      return refuse_with(RejectionCode::exposure_limit, Stage::risk, "Exposure limit exceeded");
    }
    if (limits_.max_position_size && exceeds(result.notional, *limits_.max_position_size * equity_)) {
      return refuse_with(RejectionCode::position_size, Stage::risk, "Position size limit exceeded");
    }
    if (trades_today_ >= limits_.max_daily_trades) {
      return refuse_with(RejectionCode::daily_trades, Stage::risk, "Daily trade limit exceeded");
    }
    if (limits_.max_loss_pct && !(-realised_today_ < *limits_.max_loss_pct * day_open_equity_ * (1.0 - 1e-12))) {
      return refuse_with(RejectionCode::max_loss, Stage::risk, "Maximum loss exceeded");
    }
    Answer agent = agents_.request_risk_check(signal);
    answer.latency = agent.latency;
    result.passed = agent.approved();
    result.code = code_of(agent.status, RejectionCode::risk_agent);
    if (!result.passed) result.reason = text_of("risk", agent);
    return answer;
  }

  bool find_price(const Signal& signal, RiskAnswer& answer) const {
    const SignalParams& params = signal.params;
    const bool own = params.price.has_value();
    if (own && logger_ == nullptr) {
      answer.result.price = *params.price;
      return true;
    }
    const std::string market = params.market();
    if (own) {
      answer.result.price = *params.price;
    } else {
      const auto before = context_->price_before(market, signal.timestamp);
      if (!before || !(signal.timestamp - before->timestamp <= limits_.max_price_age)) return false;
      answer.result.price = before->price;
    }
    if (logger_ == nullptr) return true;
    // Limits use the price of the signal's time all the same; a gap since then is worth a note.
    const auto newest = context_->price_before(market, std::numeric_limits<double>::infinity());
    if (newest && newest->timestamp >= signal.timestamp) {
      const double gap = newest->price / answer.result.price - 1.0;
      if (!(std::abs(gap) < noted_gap)) answer.gap = gap;
    }
    return true;
  }

  // Ends the way before anything was sent: remembered only once it is in the log.
  void refuse(const Signal& signal, FlowResult& result, RejectionCode code, Stage stage, std::string reason, Seconds duration,
              const std::optional<double>& gap) {
    result.rejection = Rejection{signal.signal_id, std::move(reason), code, stage, last_now_};
    log_end(signal, result, gap);
    context_->store_rejection(*result.rejection);
    count(ExecutionOutcome::failed, stage, duration);
  }

  void open(const TradeCommand& command, double notional) {
    positions_.emplace(command.signal_id, Position{notional, day_});
    exposure_ += notional;
    ++trades_today_;
  }
  // A position of an earlier process.
  void take_over(const std::string& id, double notional, double sent_at) {
    const std::int64_t day = day_of(sent_at);
    if (!positions_.emplace(id, Position{notional, day}).second) return;
    exposure_ += notional;
    trades_today_ += day == day_ ? 1U : 0U;
  }
  void close(const std::string& id) {
    const auto position = positions_.find(id);
    if (position == positions_.end()) return;
    exposure_ -= position->second.notional;
    positions_.erase(position);
    if (positions_.empty()) exposure_ = 0.0;  // sums of doubles keep dust
  }
  // As if the command had never been sent.
  void forget(const std::string& id) {
    const auto position = positions_.find(id);
    if (position == positions_.end()) return;
    if (position->second.day == day_) --trades_today_;
    close(id);
  }

  // What was sent is kept first, in all that cannot fail; records follow.
  void conclude(const Signal& signal, FlowResult& result, ExecutionAnswer& answer, Seconds duration) {
    result.outcome = answer.outcome;
    if (answer.outcome == ExecutionOutcome::failed) forget(signal.signal_id);
    if (answer.outcome == ExecutionOutcome::unknown) unresolved_.push_back(*result.command);
    count(answer.outcome, Stage::execution, duration);
    const Seconds time = now();
    context_->store_execution({signal.signal_id, answer.outcome, result.notional, time});
    if (answer.outcome == ExecutionOutcome::executed) return;
    const bool failed = answer.outcome == ExecutionOutcome::failed;
    std::string reason = !failed                 ? std::string("Execution unknown")
                         : answer.reason.empty() ? std::string("Execution failed")
                                                 : std::move(answer.reason);
    result.rejection =
        Rejection{signal.signal_id, std::move(reason),
                  failed ? RejectionCode::execution_failed : RejectionCode::execution_unknown, Stage::execution, time};
    context_->store_rejection(*result.rejection);
  }

  void log_end(const Signal& signal, const FlowResult& result, const std::optional<double>& gap) {
    if (logger_ == nullptr) return;
    auto fields = LogFields::object(
        {{"signal_id", signal.signal_id}, {"outcome", name_of(result.outcome)}, {"notional", result.notional}});
    if (result.rejection) fields["rejection"] = to_json<LogFields>(*result.rejection);
    if (gap) fields["price_gap"] = *gap;
    logger_->log_flow_management("coordinate_agents", fields);
  }

  void count(ExecutionOutcome outcome, Stage stage, Seconds duration) {
    ++stats_.total;
    duration_ += duration;
    stats_.successful += outcome == ExecutionOutcome::executed ? 1U : 0U;
    stats_.unknown += outcome == ExecutionOutcome::unknown ? 1U : 0U;
    if (outcome != ExecutionOutcome::failed) return;
    ++stats_.failed;
    stats_.risk_rejections += stage == Stage::risk ? 1U : 0U;
    stats_.strategy_rejections += stage == Stage::strategy ? 1U : 0U;
    stats_.execution_failures += stage == Stage::execution ? 1U : 0U;
  }

  std::vector<TradeCommand>::iterator find_unresolved(std::string_view id) {
    return std::find_if(unresolved_.begin(), unresolved_.end(), [&](const TradeCommand& c) { return c.signal_id == id; });
  }

  void settle_fate(const std::string& id, ExecutionOutcome outcome) {
    const auto command = find_unresolved(id);
    const auto position = positions_.find(id);
    const double notional = position == positions_.end() ? 0.0 : position->second.notional;
    const Seconds time = now();
    const bool executed = outcome == ExecutionOutcome::executed;
    unresolved_.erase(command);
    --stats_.unknown;
    ++(executed ? stats_.successful : stats_.failed);
    stats_.execution_failures += executed ? 0U : 1U;
    if (!executed) forget(id);
    context_->store_execution({id, outcome, notional, time});
    if (executed) return;
    context_->store_rejection({id, "Execution failed", RejectionCode::execution_failed, Stage::execution, time});
  }

  void adopt(PendingExecution pending) {
    const std::string id = pending.command.signal_id;
    if (const auto earlier = positions_.find(id); earlier != positions_.end()) {  // sent again after someone had resolved it
      earlier->second.notional += pending.notional;
      exposure_ += pending.notional;
      return;
    }
    open(pending.command, pending.notional);
    if (const std::int64_t day = day_of(pending.sent_at); day != day_) {
      --trades_today_;
      positions_.find(id)->second.day = day;
    }
    ++stats_.total;
    ++stats_.unknown;
    context_->store_execution({id, ExecutionOutcome::unknown, pending.notional, pending.sent_at});
    context_->store_rejection({id, "Execution unknown", RejectionCode::execution_unknown, Stage::execution, pending.sent_at});
    unresolved_.push_back(std::move(pending.command));
    if (logger_ != nullptr) {
      logger_->log_flow_management("adopt_pending_execution",
                                   LogFields::object({{"signal_id", id}, {"notional", pending.notional}}));
    }
    if (pending.executed) settle_fate(id, *pending.executed ? ExecutionOutcome::executed : ExecutionOutcome::failed);
  }

  static constexpr double noted_gap = 0.1;

  RecentContext* context_;
  ClockRef clock_;
  FlowLimits limits_;
  CoreAgentLogger* logger_;
  AgentIO<T> agents_;
  Seconds last_now_;
  double equity_;
  std::int64_t day_;
  double day_open_equity_;
  double realised_today_ = 0.0;
  std::uint64_t trades_today_ = 0;
  double exposure_ = 0.0;
  std::unordered_map<std::string, Position> positions_;
  std::vector<TradeCommand> unresolved_;
  FlowStats stats_;
  Seconds duration_ = 0.0;
  bool used_ = false;
};

}  // namespace rlx::inline v0_1::signals

#endif  // RLX_SIGNALS_FLOW_MANAGER_HPP
