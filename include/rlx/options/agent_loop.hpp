// SPDX-License-Identifier: MIT
/// @file
/// @brief The agent: start-up, one tick, and what happens when something goes wrong.
#ifndef RLX_OPTIONS_AGENT_LOOP_HPP
#define RLX_OPTIONS_AGENT_LOOP_HPP

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <rlx/core/clock.hpp>
#include <rlx/core/error.hpp>
#include <rlx/core/hash.hpp>
#include <rlx/core/random.hpp>
#include <rlx/options/agent_state.hpp>
#include <rlx/options/build_state.hpp>
#include <rlx/options/decision_log.hpp>
#include <rlx/options/error.hpp>
#include <rlx/options/execution.hpp>
#include <rlx/options/kill_switch.hpp>
#include <rlx/options/leg_book.hpp>
#include <rlx/options/llm_policy.hpp>
#include <rlx/options/production_policy.hpp>
#include <rlx/options/reconcile.hpp>
#include <rlx/options/records.hpp>
#include <rlx/options/records_json.hpp>
#include <rlx/options/risk_engine.hpp>
#include <rlx/options/risk_gate.hpp>
#include <rlx/options/settings.hpp>
#include <rlx/options/settings_json.hpp>
#include <rlx/options/training_policy.hpp>
#include <rlx/options/venue.hpp>

namespace rlx::inline v0_1::options {

/// Takes one line of text without its end. Empty: nothing is printed.
using LineSink = std::function<void(std::string_view)>;

/// What decides. `decide` is the production side: rules, or a model that falls back to them. A type that also has
/// `train(state, settings, attestation) -> vector<Action>` has a training branch; one without is a loop compiled without it.
template <class P>
concept AgentPolicies = requires(P& policies, const AgentState& state, const Settings& settings, RandomStream& random) {
  { policies.decide(state, settings, random) } -> std::same_as<ProductionDecision>;
};

/// The rules alone.
struct RulePolicies {
  HostPolicy hosts{};  ///< tests pass a loopback policy

  /// As `AgentPolicies` asks.
  ProductionDecision decide(const AgentState& state, const Settings& settings, RandomStream& random) const {
    ProductionDecision decision;
    decision.action = rule_decide_action(state, settings, random);
    return decision;
  }
};

/// A language model where `llm_enabled` and `decision_mode` say so, else the rules.
template <LlmTransport T>
struct LlmPolicies {
  T* transport = nullptr;  ///< must outlive the agent
  HostPolicy hosts{};      ///< tests pass a loopback policy

  /// As `AgentPolicies` asks. Draws from `random` where the rules decide.
  ProductionDecision decide(const AgentState& state, const Settings& settings, RandomStream& random) {
    return llm_decide_action(state, settings, *transport, random);
  }
};

/// Production by another type (rules by default), and the training ladder.
template <class Production = RulePolicies>
struct LadderPolicies {
  TrainingProfiles profiles = get_training_profiles();  ///< of which the settings choose
  HostPolicy hosts{};                                   ///< tests pass a loopback policy
  Production production{};                              ///< decides while training is off

  /// As `AgentPolicies` asks: what `production` decides.
  ProductionDecision decide(const AgentState& state, const Settings& settings, RandomStream& random) {
    return production.decide(state, settings, random);
  }
  /// The legs of one tick, see propose_training_ladder; the attestation proves that the venue is no real account.
  std::vector<Action> train(const AgentState& state, const Settings& settings, const Attestation& attestation) const {
    return propose_training_ladder(state, settings, attestation, profiles, hosts);
  }
};

/// What a log says at the start: which run it belongs to, where it stands, and what is open.
struct LogHistory {
  std::string run_id;                                          ///< of the first start record; empty for a new log
  std::uint64_t next_tick = 0;                                 ///< above every tick of the log
  LegBook book;                                                ///< open legs, and those that ended since the last decision
  IndexHistories indices;                                      ///< of the decisions
  std::int64_t peak_day = 0;                                   ///< UTC day number of the peaks
  std::map<std::string, double, std::less<>> day_peak_equity;  ///< highest equity of that day
  std::optional<std::string> killed;                           ///< reason of a kill that no start has released yet
};

/// Reads the history of a log. Open the log for writing first: that moves an unfinished last line away.
/// @throws LogError  damage, or records that contradict each other
inline LogHistory read_history(const LogReader& reader) {
  LogHistory history;
  // Copies: a lambda cannot capture what a structured binding names, and a member function needs the object anyway.
  const auto tick = [&history](std::uint64_t seq) { history.next_tick = std::max(history.next_tick, seq + 1); };
  for_each_record(reader, [&](const auto& record) {
    using R = std::decay_t<decltype(record)>;
    if constexpr (requires { history.book.apply(record); }) {
      try {
        history.book.apply(record);
      } catch (const std::logic_error& error) {
        throw LogError(std::string("the log contradicts itself: ") + error.what());
      }
    }
    if constexpr (std::is_same_v<R, StartRecord>) {
      if (history.run_id.empty()) history.run_id = record.run_id;
    } else if constexpr (std::is_same_v<R, PlanRecord>) {
      tick(record.tick_seq);
    } else if constexpr (std::is_same_v<R, DecisionRecord>) {
      tick(record.tick_seq);
      history.book.forget_finished(record.tick_seq);
      const std::int64_t day = record.timestamp_ms / 86'400'000;
      if (day != history.peak_day) history.day_peak_equity.clear();
      history.peak_day = day;
      for (const UnderlyingRecord& one : record.underlyings) {
        double& peak = history.day_peak_equity[one.underlying];
        peak = std::max(peak, one.equity.to_double());
        IndexHistory& index = history.indices[one.underlying];
        if (one.spot > 0.0 && (index.empty() || index.last_ms() < record.timestamp_ms)) {
          index.append(record.timestamp_ms, one.spot);
        }
      }
    } else if constexpr (std::is_same_v<R, KillRecord>) {
      if (!history.killed) history.killed = record.reason;
    } else if constexpr (std::is_same_v<R, KillReleasedRecord>) {
      history.killed.reset();
    }
  });
  return history;
}

/// Why an agent ended, as the exit code of a program.
enum class StopCause : std::uint8_t {
  none = 0,            ///< it did not
  kill = 3,            ///< the kill switch
  attestation = 4,     ///< the venue is not what it should be, or refuses access
  reconciliation = 5,  ///< log and venue contradict each other
  log = 6              ///< a record could not be written
};

/// What one tick did.
struct TickReport {
  std::uint64_t tick_seq = 0;        ///< number of the tick in the log
  DecisionRecord decision;           ///< as logged
  StopCause stop = StopCause::none;  ///< not none: the agent does not trade any more
  std::string stop_reason;           ///< for people; empty while `stop` is none
};

/**
 * @brief The agent over one venue, one log and one state directory. Single-threaded; nothing happens between two calls.
 *
 * `start`, then `run_tick` again and again; between ticks `poll` at `next_poll_ms`. The agent neither sleeps nor reads a clock
 * of its own: where it has to wait for the venue it moves the clock given (`wait_on`).
 * @tparam Files  of the kill switch
 */
template <Venue V, OrderLog L, AgentPolicies P, Clock C, io::AppendFiles Files>
class LadderAgent {
 public:
  /// All references must outlive the agent. `account` names the account in the labels; `lines` takes what is printed.
  LadderAgent(V& venue, L& log, KillSwitch<Files>& kill, const Settings& settings, P policies, C& clock, std::string account,
              LineSink lines = {})
      : venue_(venue),
        log_(log),
        kill_(kill),
        settings_(settings),
        policies_(std::move(policies)),
        clock_(clock),
        account_(std::move(account)),
        lines_(std::move(lines)),
        journal_(log_, history_.book) {
    std::string snapshot = config_snapshot(settings_).dump();
    config_snapshot_ = std::make_shared<const std::string>(std::move(snapshot));
    // Training settings are not even read while training is off.
    if constexpr (requires { policies_.profiles; }) {
      if (settings_.is_training_on_testnet(hosts())) profiles_ = active_training_profiles(settings_, policies_.profiles);
    }
  }
  LadderAgent(const LadderAgent&) = delete;
  LadderAgent& operator=(const LadderAgent&) = delete;

  /**
   * @brief Refuses what must not run, takes over the log, and brings every open leg up to date with the venue.
   * @param history  of the log that `log` appends to
   * @throws SafetyError          training on mainnet, or a venue of another environment than the settings
   * @throws KillSwitchError      the switch is latched (or latches now), or the operator asks for a stop
   * @throws AttestationError     the venue is not what it should be; the switch is latched then
   * @throws ReconciliationError  log and venue contradict each other
   * @throws VenueError           the venue cannot be read: try again later
   * @throws LogError             the log cannot be written; the switch is latched then
   */
  void start(LogHistory history) {
    check_environment();
    kill_.require_released();
    history_ = std::move(history);
    if (history_.run_id.empty()) {
      const std::string seed = account_ + '|' + std::to_string(clock_.now_ms()) + '|' + std::to_string(settings_.seed);
      history_.run_id = "run-" + sha256_hex(seed).substr(0, 16);
    }
    try {
      measure_clock();
      const Outcome<Attestation> attestation = venue_.attest();
      if (!attestation.is_confirmed()) throw VenueError("start: the venue does not say who it is: " + attestation.message);
      attested_ = attestation.value;
      StartRecord record;
      record.run_id = history_.run_id;
      record.account = account_;
      record.environment = venue_.environment();
      record.tick_seq = history_.next_tick;
      for (const std::string& underlying : settings_.underlyings) {
        const auto account = venue_.account(underlying);
        const auto index = venue_.index_price(underlying);
        if (!account.is_confirmed() || !index.is_confirmed()) {
          throw VenueError("start: the account of " + underlying + " cannot be read: " + account.message + ' ' + index.message);
        }
        const double equity = account.value->equity.to_double();
        start_equity_[underlying] = equity;
        record.equity_usd += equity * (account.value->currency == underlying ? *index.value : 1.0);
      }
      journal_.write(record);
      if (const auto cause = kill_.unlogged(); cause && !history_.killed) {
        // The log could not take it then, or the process ended before.
        journal_.write(KillRecord{history_.next_tick, cause->reason, cause->message});
        history_.killed = cause->reason;
      }
      if (history_.killed) {
        journal_.write(KillReleasedRecord{history_.run_id, *history_.killed});
        history_.killed.reset();
      }
      kill_.logged();
      Gate gate = gate_for(*attestation.value);
      Executor executor(venue_, journal_, settings_, clock_, gate, memory_);
      executor.resolve_unfinished(true);
      executor.poll();
      settle_expired(venue_, journal_, settings_, history_.next_tick, executor.server_now_ms());
      reconcile(venue_, journal_, executor, settings_, history_.next_tick, read_venue_book(venue_, settings_));
      if (kill_.is_latched()) finish_kill();
      kill_.require_released();
    } catch (const SafetyError& error) {
      kill(kill_reason::attestation, error.what());
      throw;
    } catch (const LogError& error) {
      kill(kill_reason::log, error.what());
      throw;
    } catch (const std::logic_error& error) {
      kill(kill_reason::internal, error.what());
      kill_.require_released();
    } catch (const Error&) {
      if (kill_.is_latched()) finish_kill();  // by execution, before something else went wrong
      throw;
    }
    started_ = true;
  }

  /// One tick, in the order of the specification. Whatever the venue does ends in a report; the next tick is normal unless the
  /// report says `stop`. @throws StateError before `start`
  TickReport run_tick() {
    if (!started_) throw StateError("run_tick before start: the agent has not been reconciled with the venue");
    TickReport report;
    report.tick_seq = history_.next_tick;
    DecisionRecord& decision = report.decision;
    begin(decision);
    try {
      tick(decision, report);
    } catch (const SafetyError& error) {
      stop_with(report, StopCause::attestation, kill_reason::attestation, error.what());
    } catch (const ReconciliationError& error) {
      report.stop = StopCause::reconciliation;
      report.stop_reason = decision.error = error.what();
      decision.decision_source = DecisionSource::halted;
      if (kill_.is_latched()) {
        finish_kill();
      } else {
        cancel_own();
      }
    } catch (const AccessError& error) {
      report.stop = StopCause::attestation;
      report.stop_reason = decision.error = error.what();
      decision.decision_source = DecisionSource::halted;
      cancel_own();
    } catch (const LogError& error) {
      stop_with(report, StopCause::log, kill_reason::log, error.what());
    } catch (const std::logic_error& error) {
      stop_with(report, StopCause::kill, kill_reason::internal, error.what());
    } catch (const Error& error) {  // the state cannot be built, or no leg can be sent any more: the next tick is normal
      if (decision.execution.legs.empty()) decision.decision_source = DecisionSource::error;
      decision.error = error.what();
      try_write(ErrorRecord{decision.tick_seq, "tick", error.what(), false});
    }
    if (report.stop == StopCause::none) stop_if_killed(report);
    ++history_.next_tick;
    try {
      journal_.write(decision);
    } catch (const LogError& error) {
      if (report.stop == StopCause::none) stop_with(report, StopCause::log, kill_reason::log, error.what());
    }
    if (report.stop != StopCause::none) started_ = false;
    history_.book.forget_finished(history_.next_tick);
    history_.book.forget_expired(clock_.now_ms() + memory_.clock_offset_ms);
    return report;
  }

  /// When `poll` is due: the earliest deadline of a resting order, by the agent's clock. Nothing rests: empty.
  std::optional<std::int64_t> next_poll_ms() const {
    std::optional<std::int64_t> next;
    for (const BookedLeg& leg : history_.book.legs()) {
      if (!rests(leg)) continue;
      const std::int64_t due = leg.created_ms + std::int64_t{1'000} * settings_.order_ttl_sec - memory_.clock_offset_ms;
      next = next ? std::min(*next, due) : due;
    }
    return next;
  }
  /// Start of the next tick: the next multiple of `loop_interval_sec`.
  std::int64_t next_tick_ms() const {
    const std::int64_t interval = std::int64_t{1'000} * settings_.loop_interval_sec;
    return (clock_.now_ms() / interval + 1) * interval;
  }
  /// What comes first.
  std::int64_t next_wake_ms() const { return std::min(next_tick_ms(), next_poll_ms().value_or(next_tick_ms())); }

  /// Between ticks: follows resting orders and cancels those whose time is over. @return as run_tick, without a decision
  TickReport poll() {
    if (!started_) throw StateError("poll before start: the agent has not been reconciled with the venue");
    TickReport report;
    report.tick_seq = history_.next_tick;
    try {
      const Outcome<Attestation> attestation = venue_.attest();
      if (!attestation.is_confirmed()) return report;  // the next tick follows the orders
      Gate gate = gate_for(*attestation.value);
      Executor(venue_, journal_, settings_, clock_, gate, memory_).poll();
    } catch (const SafetyError& error) {
      stop_with(report, StopCause::attestation, kill_reason::attestation, error.what());
    } catch (const LogError& error) {
      stop_with(report, StopCause::log, kill_reason::log, error.what());
    } catch (const std::logic_error& error) {
      stop_with(report, StopCause::kill, kill_reason::internal, error.what());
    } catch (const Error&) {
      // No safe connection now: the next poll or tick follows the orders.
    }
    if (report.stop == StopCause::none) stop_if_killed(report);
    if (report.stop != StopCause::none) started_ = false;
    return report;
  }

  /// Ends the agent: cancels what it has resting (nobody would follow it) and writes the stop record.
  void stop(std::string_view reason) {
    if (started_) cancel_own();
    started_ = false;
    try_write(StopRecord{history_.run_id, history_.next_tick, std::string(reason)});
  }

  /// Whether the kill switch wants the agent to end: `poll` then does what is due.
  bool stop_is_due() const { return kill_.is_latched() || kill_.is_requested(); }

  /// Of the log directory, as in its first start record; empty before `start`.
  const std::string& run_id() const noexcept { return history_.run_id; }
  /// Number that the next tick gets.
  std::uint64_t next_tick_seq() const noexcept { return history_.next_tick; }
  /// The legs as the log has them.
  const LegBook& book() const noexcept { return history_.book; }
  /// Index samples for the realised volatility. `start` takes those of its history and discards what was here; a caller that
  /// has better ones (a month of closes from the venue) puts them here after it, before the first tick.
  IndexHistories& indices() noexcept { return history_.indices; }
  const AgentState& state() const noexcept { return state_; }  ///< of the last tick

 private:
  using Gate = RiskGate<V, C, Files>;
  Gate gate_for(const Attestation& attestation) {
    Gate gate(venue_, state_, history_.book, settings_, attestation, clock_, kill_, cause_);
    gate.projected.day_peak_equity = history_.day_peak_equity;
    gate.projected.hosts = hosts();
    return gate;
  }

  void check_environment() const {
    const VenueEnvironment found = venue_.environment();
    const std::optional<VenueEnvironment> host = hosts().environment_of(settings_.deribit_base_url);
    const std::string configured = "DERIBIT_ENV is '" + settings_.deribit_env + "', DERIBIT_BASE_URL is '" +
                                   HostPolicy::without_user_info(settings_.deribit_base_url) + "' (" +
                                   (host ? std::string(name_of(*host)) : std::string("no known host")) + "), the venue is " +
                                   std::string(name_of(found));
    if (settings_.training_mode &&
        (found == VenueEnvironment::mainnet || host == VenueEnvironment::mainnet || settings_.deribit_env != "testnet")) {
      throw SafetyError("TRAINING_MODE is on and something names mainnet: " + configured +
                        ". Training sells without the usual limits and runs on testnet or paper only. Nothing was sent; turn "
                        "TRAINING_MODE off or correct the setting");
    }
    if (!host || settings_.deribit_env != name_of(*host) ||
        (found != VenueEnvironment::paper && settings_.deribit_env != name_of(found))) {
      throw SafetyError("settings and venue disagree: " + configured + ". Nothing was sent; they must name one environment");
    }
  }

  void measure_clock() {
    const auto server = venue_.server_time_ms();
    if (!server.is_confirmed()) throw VenueError("server time: " + server.message);
    memory_.clock_offset_ms = *server.value - static_cast<std::int64_t>(clock_.now_ms());
  }

  void begin(DecisionRecord& decision) const {
    decision.tick_seq = history_.next_tick;
    decision.run_id = history_.run_id;
    decision.environment = venue_.environment();
    decision.policy_version = settings_.policy_version;
    decision.timestamp_ms = clock_.now_ms();
    decision.config_snapshot = config_snapshot_;
    decision.proposed_action = nothing("no decision");
    decision.final_action = decision.proposed_action;
    decision.execution.dry_run = settings_.dry_run;
    decision.execution.status = ladder_status({}, settings_.dry_run);
  }
  Action nothing(std::string reasoning) const {
    Action action;
    action.mode = settings_.mode;
    action.reasoning = std::move(reasoning);
    action.policy_version = settings_.policy_version;
    return action;
  }

  void tick(DecisionRecord& decision, TickReport& report) {
    // 1 the kill switch
    if (kill_.is_latched()) return;
    if (settings_.kill_switch_enabled || kill_.is_requested()) {
      const bool setting = settings_.kill_switch_enabled;
      decision.decision_source = DecisionSource::halted;
      stop_with(report, StopCause::kill, setting ? kill_reason::setting : kill_reason::operator_file,
                setting ? "KILL_SWITCH_ENABLED" : kill_.operator_path());
      return;
    }
    // 2 clock and attestation
    measure_clock();
    const Outcome<Attestation> attestation = venue_.attest();
    if (!attestation.is_confirmed()) throw VenueError("attestation: " + attestation.message);
    attested_ = attestation.value;
    Gate gate = gate_for(*attestation.value);
    Executor executor(venue_, journal_, settings_, clock_, gate, memory_);
    // 3 what earlier ticks have left
    executor.resolve_unfinished(false);
    executor.poll();
    settle_expired(venue_, journal_, settings_, decision.tick_seq, executor.server_now_ms());
    if (kill_.is_latched()) return;
    // 4 state
    build();
    gate.projected.day_peak_equity = history_.day_peak_equity;
    describe(decision);
    check_drawdown();
    if (kill_.is_latched()) return;
    // 5 reconciliation
    std::vector<VenueBook> books;
    for (const UnderlyingState& one : state_.underlyings) books.push_back({one.underlying, one.open_orders, one.positions});
    reconcile(venue_, journal_, executor, settings_, decision.tick_seq, std::move(books));
    if (kill_.is_latched()) return;
    // 6 decide
    std::vector<Action> actions = decide(decision, *attestation.value, gate);
    // 7 plan
    PlanRecord plan;
    plan.tick_seq = decision.tick_seq;
    plan.run_id = history_.run_id;
    plan.valid_for_ms = settings_.valid_for_ms;
    plan.legs = plan_legs(actions, account_, history_.run_id, decision.tick_seq);
    if (!settings_.dry_run && !plan.legs.empty()) journal_.write(plan);
    gate.projected.plan_is_durable = true;
    // 8 and 9 execute
    try {
      executor.execute(plan.legs, decision.execution);
    } catch (const std::exception&) {  // the record keeps what was sent
      conclude(decision);
      throw;
    }
    conclude(decision);
    if (executor.must_stop()) {
      report.stop = StopCause::attestation;
      report.stop_reason = decision.execution.aborted_reason;
      cancel_own();
    }
  }

  void build() {
    const std::vector<UnknownLeg> unknown = unknown_legs(history_.book);
    StateInputs inputs;
    inputs.profiles = profiles_;
    inputs.unknown_legs = unknown;
    if constexpr (requires { policies_.hosts; }) inputs.hosts = policies_.hosts;
    build_state(venue_, settings_, history_.indices, clock_, inputs, state_, scratch_);
    append_index(history_.indices, state_);
    const std::int64_t day = state_.server_time_ms / 86'400'000;
    if (day != history_.peak_day) history_.day_peak_equity.clear();
    history_.peak_day = day;
    for (UnderlyingState& one : state_.underlyings) {
      one.external_symbols = external_symbols(history_.book, one.positions);
      double& peak = history_.day_peak_equity[one.underlying];
      peak = std::max(peak, one.account.equity.to_double());
    }
  }

  // Coin by coin: a fall of the coin itself is not the agent's loss.
  void check_drawdown() {
    for (const UnderlyingState& one : state_.underlyings) {
      const double start = start_equity_[one.underlying];
      if (!(start > 0.0)) continue;
      const double equity = one.account.equity.to_double();
      if (!is_drawdown_reached(start, equity, settings_.hard_max_drawdown_pct)) continue;
      kill_.latch(kill_reason::drawdown, one.underlying + " equity " + one.account.equity.to_string(), clock_.now_ms());
      cause_.reason = kill_reason::drawdown;
      cause_.message = one.underlying + " equity fell from " + std::to_string(start) + " to " + std::to_string(equity);
      return;
    }
  }

  std::vector<Action> decide(DecisionRecord& decision, const Attestation& attestation, Gate& gate) {
    RandomStream random({settings_.seed, Purpose::exploration, 0, decision.tick_seq});
    if constexpr (requires { policies_.train(state_, settings_, attestation); }) {
      if (settings_.is_training_on_testnet(hosts())) {
        std::vector<Action> ladder = policies_.train(state_, settings_, attestation);
        if (ladder.empty()) {
          // No candidate for any profile: the rules decide, never the model.
          ProductionDecision rules;
          rules.action = rule_decide_action(state_, settings_, random);
          return single(decision, std::move(rules));
        }
        print(ladder);
        Action meta;
        meta.type = ActionType::training_ladder;
        meta.mode = AgentMode::training;
        meta.reasoning = "Training mode on testnet: executed ladder of short calls across profiles.";
        meta.policy_version = settings_.policy_version;
        meta.decision_source = decision.decision_source = DecisionSource::training_mode;
        decision.proposed_action = decision.final_action = std::move(meta);
        decision.ladder = ladder;
        return ladder;
      }
    }
    ProductionDecision choice = policies_.decide(state_, settings_, random);
    if (choice.source == DecisionSource::llm) {
      if (std::string why = model_denied(choice.action, gate); !why.empty()) {
        Action denied = std::move(choice.action);
        choice = llm_fallback(state_, settings_, random, std::move(why));
        choice.shadow = std::move(denied);
      }
    }
    if (!choice.failure.empty()) journal_.write(ErrorRecord{decision.tick_seq, "llm", choice.failure, false});
    return single(decision, std::move(choice));
  }
  static std::vector<Action> single(DecisionRecord& decision, ProductionDecision choice) {
    decision.decision_source = choice.source;
    decision.proposed_action = decision.final_action = choice.action;
    decision.shadow_action = std::move(choice.shadow);
    return {std::move(choice.action)};
  }

  // Why the risk engine would not let a model's proposal through; empty if it would.
  std::string model_denied(const Action& action, Gate& gate) {
    const auto legs = plan_legs(std::span(&action, 1), account_, history_.run_id, history_.next_tick);
    if (legs.empty()) return {};
    const Instrument* const instrument = gate.instrument(action.underlying, traded_symbol(legs.front()));
    if (instrument == nullptr) return "the proposal names a call that is not listed";
    const auto quote = venue_.ticker(traded_symbol(legs.front()));
    if (!quote.is_confirmed()) return "the proposal's call has no quote: " + quote.message;
    const OrderRequest order =
        make_order(legs.front(), legs.front().amount, *quote.value, *instrument, settings_.order_style, 0);
    gate.projected.plan_is_durable = true;  // what the check is asked for is everything else
    const RiskCheck check = gate.check(legs.front(), order, *quote.value);
    gate.projected.plan_is_durable = false;
    std::string why;
    for (const std::string& reason : check.reasons) why.append(why.empty() ? "denied: " : "; ").append(reason);
    return check.allowed ? std::string() : why;
  }

  HostPolicy hosts() const {
    if constexpr (requires { policies_.hosts; }) return policies_.hosts;
    return {};
  }

  // The checks of the legs as one, on top of the record.
  void conclude(DecisionRecord& decision) const {
    const std::vector<LegResult>& legs = decision.execution.legs;
    if (decision.decision_source == DecisionSource::training_mode) {
      const auto denied = static_cast<std::size_t>(
          std::count_if(legs.begin(), legs.end(), [](const LegResult& leg) { return leg.rejected_by == RejectedBy::risk; }));
      decision.risk_check = {denied < legs.size(), {std::string(training_skip_reason)}};
      if (denied > 0) {
        decision.risk_check.reasons.push_back(std::to_string(denied) + " of " + std::to_string(legs.size()) +
                                              " legs denied by hard gates");
      }
      return;
    }
    for (const LegResult& leg : legs) {
      decision.risk_check.allowed = decision.risk_check.allowed && leg.risk_check.allowed;
      for (const std::string& reason : leg.risk_check.reasons) {
        auto& all = decision.risk_check.reasons;
        if (std::find(all.begin(), all.end(), reason) == all.end()) all.push_back(reason);
      }
    }
    if (!legs.empty() && std::all_of(legs.begin(), legs.end(), [](const LegResult& leg) { return !leg.order; })) {
      decision.final_action = nothing("nothing was sent: " + (legs.front().message.empty() ? "denied" : legs.front().message));
      decision.final_action.decision_source = decision.decision_source;
    }
  }

  void print(std::span<const Action> ladder) const {
    if (!lines_) return;
    lines_("Training mode: candidate ladder:");
    for (const Action& leg : ladder) {
      const ActionDiagnostics seen = leg.diagnostics.value_or(ActionDiagnostics{});
      std::array<char, 128> numbers;
      const int size =
          std::snprintf(numbers.data(), numbers.size(), " Δ≈%.3f, DTE=%.2f, IVRV=%.2f", seen.delta, seen.dte, seen.ivrv);
      lines_("  [" + leg.strategy.value_or("-") + "] " + leg.symbol +
             std::string(numbers.data(), static_cast<std::size_t>(std::clamp(size, 0, static_cast<int>(numbers.size()) - 1))));
    }
  }

  // The state part of the record, and all candidates that were considered.
  void describe(DecisionRecord& decision) const {
    for (const UnderlyingState& one : state_.underlyings) {
      UnderlyingRecord& record = decision.underlyings.emplace_back();
      record.underlying = one.underlying;
      record.spot = one.index;
      record.balance = one.account.available_funds;
      record.equity = one.account.equity;
      const double equity = one.account.equity.to_double();
      record.margin_used_pct = equity > 0.0 ? one.account.initial_margin.to_double() / equity * 100.0 : 0.0;
      for (const Position& position : one.positions) record.net_delta += position.size.to_double() * position.delta;
      record.positions = one.positions;
      record.iv = one.atm_iv;
      record.rv = one.rv;
      record.rejected_rows = one.rejected_rows;
      for (const CandidateOption& candidate : one.candidates) {
        CandidateRecord& row = decision.candidates.emplace_back();
        row.symbol = candidate.symbol;
        row.underlying = candidate.underlying;
        row.delta = candidate.delta;
        row.dte = candidate.dte;
        row.premium_usd = candidate.premium_usd;
        row.ivrv = candidate.ivrv;
        row.bid = candidate.bid;
        row.ask = candidate.ask;
        row.iv = candidate.iv;
        row.profile_bits = profile_bits(candidate);
        row.strike = candidate.strike;
        row.expiry_ms = candidate.expiry_ms;
        row.rv = candidate.rv;
        row.ivrv_known = candidate.ivrv_known;
        row.mark = candidate.mark;
        row.spread_pct = candidate.spread_pct;
        row.open_interest = candidate.open_interest;
      }
    }
  }
  // Nothing of the training settings may show while training is off.
  std::uint32_t profile_bits(const CandidateOption& candidate) const {
    if (!settings_.is_training_on_testnet(hosts())) return 0;
    std::uint32_t bits = 0;
    for (std::size_t p = 0; p < profiles_.size() && p < 32; ++p) {
      const TrainingProfile& profile = profiles_[p].profile_for(candidate.underlying);
      const bool passes = profile.enabled && candidate.delta >= profile.min_delta && candidate.delta <= profile.max_delta &&
                          candidate.dte >= profile.min_dte && candidate.dte <= profile.max_dte &&
                          candidate.ivrv >= profile.ivrv_min && (candidate.ivrv_known || profile.ivrv_min <= 0.0);
      bits |= passes ? std::uint32_t{1} << p : 0U;
    }
    return bits;
  }

  // --- ends ----------------------------------------------------------------------------------------------------------------

  void stop_with(TickReport& report, StopCause cause, std::string_view reason, std::string_view message) {
    report.stop = cause;
    report.stop_reason = message;
    if (report.decision.error.empty()) report.decision.error = message;
    if (report.decision.execution.legs.empty()) report.decision.decision_source = DecisionSource::halted;
    if (!reason.empty() && !kill_.is_latched()) {
      kill(reason, message);
    } else {
      finish_kill();
    }
  }

  // A latch that execution has set, and an operator who asked for a stop in the meantime.
  void stop_if_killed(TickReport& report) {
    if (kill_.is_latched()) {
      stop_with(report, StopCause::kill, {}, kill_.reason());
    } else if (kill_.is_requested()) {
      stop_with(report, StopCause::kill, kill_reason::operator_file, kill_.operator_path());
    }
  }

  // Latches and takes everything off the venue.
  void kill(std::string_view reason, std::string_view message) {
    kill_.latch(reason, message, clock_.now_ms());
    if (cause_.reason.empty()) cause_ = {std::string(reason), std::string(message)};
    finish_kill();
  }

  void finish_kill() {
    if (kill_finished_) return;
    kill_finished_ = true;
    const std::vector<OwnLabel> own = own_labels();
    const std::string reason = cause_.reason.empty() ? std::string(kill_reason::operator_file) : cause_.reason;
    KillReport done = engage_now(reason, own);
    const auto server_now = [this] { return static_cast<std::int64_t>(clock_.now_ms()) + memory_.clock_offset_ms; };
    if (reason != kill_reason::attestation && server_now() <= memory_.last_expiry_ms) {
      // A request that is still on its way can become an order after the cancel: once it cannot any more, cancel again.
      while (server_now() <= memory_.last_expiry_ms) wait_on(clock_, 200);
      done = engage_now(reason, own);
    }
    if (reason != kill_reason::attestation && reason != kill_reason::log) follow_cancelled();
    if (try_write(KillRecord{history_.next_tick, reason, cause_.message})) kill_.logged();
    if (!done.all_closed || !done.latch_error.empty()) {
      try_write(ErrorRecord{history_.next_tick, "kill switch",
                            (done.all_closed ? std::string("the latch file: ") + done.latch_error
                                             : "orders may still be open: " + done.last_error),
                            true});
    }
  }
  KillReport engage_now(std::string_view reason, std::span<const OwnLabel> own) {
    return engage(venue_, kill_, reason, cause_.message, clock_.now_ms(), settings_.underlyings, own,
                  [this](std::int64_t ms) { wait_on(clock_, ms); });
  }
  // What the cancel left of each leg, fills in between included. Where this fails the next start asks again.
  void follow_cancelled() {
    if (!attested_) return;
    try {
      Gate gate = gate_for(*attested_);
      Executor executor(venue_, journal_, settings_, clock_, gate, memory_);
      executor.resolve_unfinished(false);
      executor.poll();
    } catch (const Error&) {
    } catch (const std::logic_error&) {
    }
  }
  std::vector<OwnLabel> own_labels() const {
    std::vector<OwnLabel> labels;
    for (const BookedLeg& leg : history_.book.legs()) {
      if (!is_terminal(leg.state)) labels.push_back({leg.leg.action.underlying, leg.leg.label});
    }
    return labels;
  }

  // Cancels resting orders of an agent that ends: nobody would follow them. What may be left raises an alarm.
  void cancel_own() {
    std::string failure = "not confirmed";
    try {
      const Outcome<Attestation> attestation = venue_.attest();
      if (attestation.is_confirmed()) {
        Gate gate = gate_for(*attestation.value);
        Executor executor(venue_, journal_, settings_, clock_, gate, memory_);
        for (const std::string& label : history_.book.unfinished()) {
          if (rests(*history_.book.find(label))) executor.cancel(label);
        }
      } else {
        failure = attestation.message;
      }
    } catch (const SafetyError& error) {
      return kill(kill_reason::attestation, error.what());
    } catch (const LogError& error) {
      return kill(kill_reason::log, error.what());
    } catch (const Error& error) {
      failure = error.what();
    }
    const auto& legs = history_.book.legs();
    const auto left = std::count_if(legs.begin(), legs.end(), rests);
    if (left == 0) return;
    try_write(ErrorRecord{history_.next_tick, "cancel", std::to_string(left) + " own orders may still rest: " + failure, true});
  }
  static bool rests(const BookedLeg& leg) { return leg.state == LegState::resting || leg.state == LegState::partial; }

  // For records beside a stop whose own failure must not hide the stop.
  template <class R>
  bool try_write(const R& record) {
    try {
      journal_.write(record);
      return true;
    } catch (const LogError&) {
      if (!kill_.is_latched()) kill(kill_reason::log, "a record could not be written");
      return false;
    }
  }

  V& venue_;
  L& log_;
  KillSwitch<Files>& kill_;
  const Settings& settings_;
  P policies_;
  C& clock_;
  std::string account_;
  LineSink lines_;
  LogHistory history_;
  Journal<L> journal_;  // over history_.book
  TrainingProfiles profiles_;
  std::shared_ptr<const std::string> config_snapshot_;
  std::optional<Attestation> attested_;  // the last one
  ExecutionMemory memory_;
  std::map<std::string, double, std::less<>> start_equity_;
  AgentState state_;
  StateScratch scratch_;
  KillCause cause_;
  bool started_ = false, kill_finished_ = false;
};

/**
 * @brief Ticks at every multiple of `loop_interval_sec`, following resting orders in between, until something ends it.
 *
 * The first tick is at once. Between ticks the clock is let to pass in steps of at most a second (`wait_on`), after each of
 * which the kill switch and `stop_requested` are looked at. Ends with the stop record where the agent ends by itself.
 * @param agent           started
 * @param clock           the one of the agent
 * @param ticks           at most; 0: no limit
 * @param stop_requested  called about once a second; empty: never
 * @param on_tick         takes every report; empty: nothing
 * @return the last report; its `stop` says whether the agent was stopped
 */
template <class Agent, Clock C>
TickReport run_agent(Agent& agent, C& clock, std::uint64_t ticks = 0, const std::function<bool()>& stop_requested = {},
                     const std::function<void(const TickReport&)>& on_tick = {}) {
  const auto asked = [&] { return stop_requested && stop_requested(); };
  TickReport report;
  for (std::uint64_t done = 0; !asked();) {
    report = agent.run_tick();
    if (on_tick) on_tick(report);
    if (report.stop != StopCause::none) return report;
    if (++done == ticks) break;
    const std::int64_t next_tick = agent.next_tick_ms();
    while (clock.now_ms() < next_tick && !asked()) {
      if (agent.stop_is_due() || agent.next_poll_ms().value_or(next_tick) <= clock.now_ms()) {
        const TickReport polled = agent.poll();
        if (polled.stop != StopCause::none) {
          report.stop = polled.stop;
          report.stop_reason = polled.stop_reason;
          return report;
        }
      }
      wait_on(clock, std::min<std::int64_t>(1'000, next_tick - clock.now_ms()));
    }
  }
  agent.stop(asked() ? "asked to stop" : "end of the run");
  return report;
}

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_AGENT_LOOP_HPP
