// SPDX-License-Identifier: MIT
/// @file
/// @brief Simulated signals with known outcomes: a generator with a known truth, a catalogue of edge cases, and their check.
#ifndef RLX_SIGNALS_SCENARIOS_HPP
#define RLX_SIGNALS_SCENARIOS_HPP

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/clock.hpp>
#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/random.hpp>
#include <rlx/signals/agent_io.hpp>
#include <rlx/signals/clock.hpp>
#include <rlx/signals/core_agent_logger.hpp>
#include <rlx/signals/detail/records_tree.hpp>
#include <rlx/signals/flow_manager.hpp>
#include <rlx/signals/logic_executor.hpp>
#include <rlx/signals/recent_context.hpp>
#include <rlx/signals/records.hpp>
#include <rlx/signals/signal_filter.hpp>
#include <rlx/signals/validation.hpp>

namespace rlx::inline v0_1::signals {

/// How a market behaves.
enum class Regime : std::uint8_t { calm, volatile_market, gap, no_liquidity, stale };
/// Enumerators of Regime.
inline constexpr std::size_t num_regimes = 5;

/// Name of the regime; "?" for a value that is none.
constexpr std::string_view name_of(Regime regime) {
  constexpr std::string_view names[] = {"calm", "volatile", "gap", "no_liquidity", "stale"};
  return static_cast<std::size_t>(regime) < std::size(names) ? names[static_cast<std::size_t>(regime)] : "?";
}

/// What should become of a signal, by the rules.
struct Expected {
  std::optional<RejectionCode> code{};  ///< empty: accepted and routed
  std::string reason{};                 ///< text of the rejection; empty: any
};

/// One signal with its world and its expected outcome.
struct SignalScenario {
  std::string name{};                         ///< of the case, for people
  std::uint64_t number = 0;                   ///< position in its list, from 0
  Regime regime = Regime::calm;               ///< of the signal's market
  Signal signal{};                            ///< the one under test
  double now = 0;                             ///< the clock when the signal arrives
  std::vector<MarketSnapshot> markets{};      ///< known by then
  std::array<MockStep, num_topics> agents{};  ///< what each agent does, by Topic
  std::vector<Signal> before{};               ///< signals that are sent first, each at its own time, and approved by all agents
  FlowConfig flow{};                          ///< limits that the outcome was computed for
  FilterConfig filter{};                      ///< rules that the outcome was computed for
  Expected expected{};                        ///< what should become of it
  double rejection_probability = 0;           ///< the truth before the agents' draw; 0 or 1 where the rules decide
  double profit_probability = 0;              ///< the truth, if it is executed
  double pnl = 0;                             ///< drawn by it
};

/// What `generate_scenarios` draws from.
struct ScenarioConfig {
  std::size_t count = 1'000;                                                          ///< scenarios
  std::vector<std::string> strategies = {"momentum", "mean_reversion", "arbitrage"};  ///< drawn evenly
  std::vector<std::string> pairs = {"BTC/USDT", "ETH/USDT", "SOL/USDT"};              ///< `base/quote`
  double start = 1'767'225'600;                                                       ///< 2026-01-01T00:00:00Z
  double step = 60;                                                                   ///< seconds between signals, above 0
  double min_amount = 1e-6;  ///< units of base, above 0; amounts are drawn uniformly in the logarithm
  double max_amount = 1e6;   ///< at least that, finite
  /// Of every scenario; by default only the exposure binds.
  FlowLimits limits = {.max_loss_pct = {}, .max_position_size = {}, .max_daily_trades = 1'000'000};
  std::string id_prefix = "s";  ///< before the number in a signal's id
  /// Probability that the risk agent refuses, by regime; drawn, so a model can learn it and no more.
  std::array<double, num_regimes> risk_refusal = {0.02, 0.15, 0.10, 0.60, 0.05};
  double agent_trouble = 0.02;  ///< probability that some agent is silent, wrong or late, in [0, 1]
};

namespace detail {

/// Time of the edge cases, seconds since 1970 UTC.
inline constexpr double edge_case_time = 1'767'276'000;  // 2026-01-01T14:00:00Z

/// An agent's step as the pipeline has to see it (an approval, a refusal, silence or an error).
inline AnswerStatus meaning_of(const MockStep& step, Seconds timeout) {
  switch (step.kind) {
    case MockKind::approve:
    case MockKind::late:
    case MockKind::duplicate:
      return step.delay <= timeout ? AnswerStatus::approved : AnswerStatus::timeout;
    case MockKind::reject:
      return AnswerStatus::refused;
    case MockKind::timeout:
    case MockKind::wrong_id:  // an answer for something else is none
      return AnswerStatus::timeout;
    case MockKind::error:
    case MockKind::malformed:
      return AnswerStatus::error;
  }
  return AnswerStatus::error;
}

/// The rules of the pipeline for a sound signal that stands alone: no position, trade or loss before it.
template <class = void>
Expected expected_outcome(const SignalScenario& s) {
  const auto refused = [](RejectionCode code) { return Expected{code, {}}; };
  std::optional<double> price = s.signal.params.price;
  double priced_at = -std::numeric_limits<double>::infinity();
  for (const MarketSnapshot& market : s.markets) {
    if (s.signal.params.price || market.market != s.signal.params.market()) continue;
    const double age = s.signal.timestamp - market.timestamp;
    if (!(age > 0) || market.timestamp < priced_at) continue;
    priced_at = market.timestamp;
    price = age <= s.flow.limits.max_price_age ? std::optional(market.price) : std::nullopt;
  }
  if (!price) return refused(RejectionCode::missing_price);
  const double notional = *s.signal.params.amount * *price;
  const FlowLimits& limits = s.flow.limits;
  if (notional > limits.max_exposure * (1 + 1e-12)) return refused(RejectionCode::exposure_limit);
  if (limits.max_position_size && notional > *limits.max_position_size * *limits.equity * (1 + 1e-12)) {
    return refused(RejectionCode::position_size);
  }
  if (limits.max_daily_trades == 0) return refused(RejectionCode::daily_trades);
  if (limits.max_loss_pct && *limits.max_loss_pct == 0) return refused(RejectionCode::max_loss);
  for (const Topic topic : {Topic::risk, Topic::strategy, Topic::execution}) {
    const AnswerStatus status = meaning_of(s.agents[static_cast<std::size_t>(topic)], s.flow.agents.timeout);
    if (status == AnswerStatus::approved) continue;
    const bool refusal = status == AnswerStatus::refused;
    if (topic == Topic::execution) return refused(refusal ? RejectionCode::execution_failed : RejectionCode::execution_unknown);
    if (!refusal) return refused(status == AnswerStatus::timeout ? RejectionCode::agent_timeout : RejectionCode::agent_error);
    return refused(topic == Topic::risk ? RejectionCode::risk_agent : RejectionCode::strategy_agent);
  }
  return {};
}

}  // namespace detail

/**
 * @brief Signals of several strategies on markets that switch between regimes, in the order of time.
 *
 * Prices follow a random walk whose step depends on the regime; a regime lasts fifty signals of its market on average. The last
 * price is 5 s old, in a stale market twice the permitted age. Truths: the risk agent refuses by regime, a signal earns with
 * the probability sigmoid(2 trend - spread/50) for momentum, with the opposite trend for mean_reversion, and without trend for
 * others. Every outcome assumes no open position, trade or loss; settle each position before the next signal.
 * @param config  checked before anything is drawn
 * @param random  its next word is the seed; scenario k then uses the stream (seed, user, step = k), so that more scenarios do
 *                not change those before
 * @throws ConfigError naming the field
 */
template <class = void>
std::vector<SignalScenario> generate_scenarios(const ScenarioConfig& config, RandomStream& random) {
  const auto wrong = [](const std::string& text) { throw ConfigError("ScenarioConfig." + text); };
  if (config.strategies.empty() || config.pairs.empty()) wrong("strategies and pairs: expected at least one of each");
  if (!is_finite(config.step) || !(config.step > 0)) wrong("step must be above 0, got " + std::to_string(config.step));
  if (!is_finite(config.max_amount) || !(config.min_amount > 0 && config.min_amount <= config.max_amount)) {
    wrong("min_amount and max_amount: expected 0 < min <= max, got " + std::to_string(config.min_amount) + " and " +
          std::to_string(config.max_amount));
  }
  if (!(config.agent_trouble >= 0 && config.agent_trouble <= 1)) wrong("agent_trouble must lie in [0, 1]");

  struct Market {
    std::string base, quote;
    Regime regime = Regime::calm;
    double price = 100, trend = 0;
    std::optional<MarketSnapshot> last{};  // of the signals before
  };
  std::vector<Market> markets;
  for (const std::string& pair : config.pairs) {
    const std::size_t slash = pair.find('/');
    if (slash == 0 || slash == std::string::npos || slash + 1 == pair.size())
      wrong("pairs: expected 'base/quote', got '" + pair + '\'');
    markets.push_back({pair.substr(0, slash), pair.substr(slash + 1), {}, 100, 0, {}});
  }
  constexpr std::array<double, num_regimes> volatility = {0.002, 0.02, 0.01, 0.005, 0.002};
  constexpr std::array<double, num_regimes> spread_bps = {2, 15, 30, 150, 5};
  constexpr std::array<double, num_regimes> regime_shares = {0.4, 0.25, 0.1, 0.15, 0.1};

  const std::uint64_t seed = random.next_u64();
  std::vector<SignalScenario> scenarios;
  scenarios.reserve(config.count);
  for (std::size_t k = 0; k < config.count; ++k) {
    RandomStream draw({seed, Purpose::user, 0, k});
    Market& market = markets[draw.bounded(markets.size())];
    if (draw.uniform() < 0.02) {
      double at = draw.uniform();
      std::size_t regime = 0;
      for (; regime + 1 < num_regimes && at >= regime_shares[regime]; ++regime) at -= regime_shares[regime];
      market.regime = static_cast<Regime>(regime);
    }
    const auto r = static_cast<std::size_t>(market.regime);
    market.trend = 0.9 * market.trend + 0.1 * draw.normal();
    market.price = std::clamp(market.price * std::exp(volatility[r] * draw.normal()), 1.0, 1e5);

    SignalScenario s;
    s.name = std::string(name_of(market.regime));
    s.number = k;
    s.regime = market.regime;
    s.flow.limits = config.limits;
    s.filter.strategies = config.strategies;
    s.now = config.start + config.step * static_cast<double>(k);
    s.signal.signal_id = config.id_prefix + std::to_string(k);
    s.signal.strategy = config.strategies[draw.bounded(config.strategies.size())];
    s.signal.params.amount = std::exp(draw.uniform(std::log(config.min_amount), std::log(config.max_amount)));
    s.signal.params.base = market.base;
    s.signal.params.quote = market.quote;
    s.signal.timestamp = s.now;

    MarketSnapshot snapshot{market.base + '/' + market.quote,       s.now - 5,    market.price,
                            volatility[r] * draw.uniform(0.7, 1.3), market.trend, spread_bps[r] * draw.uniform(0.8, 1.2)};
    if (market.regime == Regime::stale) {
      snapshot.timestamp = s.now - 2 * config.limits.max_price_age;
      if (market.last) s.markets.push_back(*market.last);  // a price of the signal before may still be fresh enough
    }
    s.markets.push_back(snapshot);
    if (market.regime == Regime::gap) {  // half the price is gone when the signal is looked at
      snapshot.timestamp = s.now;
      snapshot.price *= 0.5;
      s.markets.push_back(snapshot);
    }

    market.last = s.markets.back();

    const auto agent = [&](Topic topic) -> MockStep& { return s.agents[static_cast<std::size_t>(topic)]; };
    s.rejection_probability = config.risk_refusal[r];
    const bool refuses = draw.uniform() < config.risk_refusal[r];
    const bool trouble = draw.uniform() < config.agent_trouble;
    const auto troubled = static_cast<Topic>(draw.bounded(num_topics));
    const auto kind = static_cast<MockKind>(2 + draw.bounded(num_mock_kinds - 2));
    const double delay = draw.uniform(0, 2 * s.flow.agents.timeout);
    if (refuses) agent(Topic::risk) = mock::reject("Risk agent: market is " + s.name);
    if (trouble) agent(troubled) = {kind, {}, kind == MockKind::late ? delay : 0};
    if (trouble && kind == MockKind::error) agent(troubled).text = "agent failed";
    s.expected = detail::expected_outcome(s);
    SignalScenario calm = s;
    calm.agents = {};
    if (detail::expected_outcome(calm).code) s.rejection_probability = 1;

    const double lean = s.signal.strategy == "momentum" ? 2 : s.signal.strategy == "mean_reversion" ? -2 : 0;
    s.profit_probability = 1 / (1 + std::exp(-(lean * market.trend - spread_bps[r] / 50)));
    s.pnl = (draw.uniform() < s.profit_probability ? 1 : -1) * (0.5 + draw.uniform());
    scenarios.push_back(std::move(s));
  }
  return scenarios;
}

/// The cases that went wrong in earlier systems, each with the outcome that the rules demand. Run them with `run_scenario`.
template <AnyJson J = detail::Tree>
std::vector<SignalScenario> edge_cases() {
  constexpr double now = detail::edge_case_time;
  const auto good = [](std::string id, double at = detail::edge_case_time) {
    return Signal{std::move(id), "momentum", {.amount = 0.1, .base = "BTC", .quote = "USDT", .price = {}, .extra = {}}, at, {}};
  };
  std::vector<SignalScenario> cases;
  const auto add = [&](std::string name, Signal signal, std::optional<RejectionCode> code,
                       std::string reason = {}) -> SignalScenario& {
    SignalScenario s;
    s.name = std::move(name);
    s.number = cases.size();
    s.now = now;
    s.signal = std::move(signal);
    s.markets = {{"BTC/USDT", now - 5, 50'000, 0.01, 0, 2}};
    s.flow.limits = {.max_loss_pct = {}, .max_position_size = {}};
    s.expected = {code, std::move(reason)};
    cases.push_back(std::move(s));
    return cases.back();
  };
  using enum RejectionCode;

  add("params with amount only",
      {"signal1", "momentum", {.amount = 0.1, .base = {}, .quote = {}, .price = {}, .extra = {}}, 1'234'567'890, {}},
      missing_field, "Missing required params: base, quote");
  add("complete, price known", good("signal1"), std::nullopt);
  add("complete, no price", good("no_price"), missing_price).markets.clear();
  add("price at the signal's own time does not count", good("no_future"), missing_price).markets[0].timestamp = now;

  const auto with_amount = [&](const char* name, const J& amount) {
    J json = to_json<J>(good(std::string("amount ") + name));
    json["params"]["amount"] = amount;
    add(std::string("amount ") + name, signal_from_json(json), invalid_field, "Invalid amount");
  };
  with_amount("0", 0);
  with_amount("negative", -0.1);
  with_amount("text", "0.1");
  with_amount("true", true);
  for (const double amount : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    Signal signal = good(amount > 0 ? "amount infinite" : "amount NaN");
    signal.params.amount = amount;
    const std::string name = signal.signal_id;
    add(name, std::move(signal), invalid_field, "Invalid amount");
  }
  Signal same = good("same currency");
  same.params.quote = "BTC";
  add("base equals quote", same, invalid_field);
  add("empty id", good(""), invalid_field);
  add("id of 129 bytes", good(std::string(129, 'x')), invalid_field);
  add("id of 128 bytes", good(std::string(128, 'x')), std::nullopt);
  add("id that is no UTF-8", good("\xC3\x28"), invalid_field);
  Signal unknown = good("unknown strategy");
  unknown.strategy = "x";
  add("unknown strategy", unknown, unknown_strategy, "Invalid strategy: x");
  J integer = to_json<J>(good("integer time"));
  integer["timestamp"] = 1'234'567'890;
  integer["params"]["price"] = 50'000;
  add("timestamp an integer, years old", signal_from_json(integer), std::nullopt);
  add("timestamp an hour ahead", good("future", now + 3'600), invalid_field, "Invalid timestamp");

  const auto limited = [&](const char* name, double amount, double before, std::optional<RejectionCode> code) {
    Signal signal = good(name), first = good("first", now - 60);
    signal.params.amount = amount;
    signal.params.price = first.params.price = 1;
    first.params.amount = before;
    SignalScenario& s = add(name, signal, code);
    s.before = {first};
  };
  limited("exposure exactly at the limit", 40'000, 60'000, std::nullopt);
  limited("exposure one unit above the limit", 40'001, 60'000, exposure_limit);

  for (const bool next_day : {false, true}) {
    const double at = next_day ? now + 10 * 3'600 : now;  // midnight
    SignalScenario& s =
        add(next_day ? "first trade after midnight" : "trade 101 of the day",
            good(next_day ? "after midnight" : "trade 101", at), next_day ? std::nullopt : std::optional(daily_trades));
    s.now = at;
    s.markets[0].timestamp = at - 5;
    s.flow.limits.max_exposure = 1e9;
    for (int i = 0; i < 100; ++i) {
      s.before.push_back(good("trade " + std::to_string(i + 1), now - 200 + i));
      s.before.back().params.price = 50'000;
    }
  }

  const auto agents = [&](const char* name, Topic topic, MockStep step, RejectionCode code) {
    add(name, good(name), code).agents[static_cast<std::size_t>(topic)] = std::move(step);
  };
  agents("risk agent silent", Topic::risk, mock::timeout(), agent_timeout);
  agents("strategy agent answers for another signal", Topic::strategy, mock::wrong_id(), agent_timeout);
  agents("strategy agent sends what is no JSON", Topic::strategy, mock::malformed(), agent_error);
  agents("risk agent refuses", Topic::risk, mock::reject("too risky"), risk_agent);
  agents("execution silent", Topic::execution, mock::timeout(), execution_unknown);
  agents("execution refused", Topic::execution, mock::reject("no funds"), execution_failed);

  for (const bool fits_before : {true, false}) {
    Signal signal = good(fits_before ? "gap up" : "gap down");
    signal.params.amount = 3;  // 90,000 or 150,000 by the price before it, limit 100,000
    signal.timestamp = now - 2;
    SignalScenario& s = add(fits_before ? "price gap of +67 % after the signal" : "price gap of -50 % after the signal", signal,
                            fits_before ? std::nullopt : std::optional(exposure_limit));
    s.markets = {{"BTC/USDT", now - 5, fits_before ? 30'000.0 : 50'000.0, 0.01, 0, 2},
                 {"BTC/USDT", now - 1, fits_before ? 50'000.0 : 25'000.0, 0.01, 0, 2}};
  }
  return cases;
}

/// What happened to a scenario's signal.
struct ScenarioResult {
  bool accepted = false;                             ///< its command was executed
  std::optional<Rejection> rejection{};              ///< the newest of its id; empty if accepted
  std::array<std::uint64_t, num_topics> requests{};  ///< sent to each agent for this signal
};

/**
 * @brief Runs scenarios one after another through a pipeline of agents that follow a script.
 *
 * Memory and clock are the caller's: the one to be analysed and learnt from, the other is moved on to each scenario's time.
 * `keep_positions` false settles an executed signal's position at once with the scenario's P&L.
 * @tparam Agents  MockAgents, or a transport that takes scripts as they do
 */
template <class Agents>
class BasicScenarioRunner {
 public:
  /// All must outlive the runner. The clock is never set back. @throws ConfigError as FlowManager and SignalFilter
  BasicScenarioRunner(RecentContext& context, ManualClock& clock, FlowConfig flow = {}, FilterConfig filter = {},
                      CoreAgentLogger* logger = nullptr)
      : context_(&context),
        clock_(&clock),
        filter_(clock, std::move(filter)),
        flow_(agents_, context, clock, flow, logger),
        executor_(filter_, flow_, context, logger) {}
  BasicScenarioRunner(const BasicScenarioRunner&) = delete;
  BasicScenarioRunner& operator=(const BasicScenarioRunner&) = delete;

  /// Sends the scenario's signals. @throws as LogicExecutor
  ScenarioResult run(const SignalScenario& scenario, bool keep_positions = false) {
    for (const Signal& signal : scenario.before) {
      at(signal.timestamp);
      script({});
      executor_.execute_logic_tree(signal);
    }
    for (const MarketSnapshot& market : scenario.markets) context_->store_market(market);
    at(scenario.now);
    script(scenario.agents);
    ScenarioResult result;
    for (std::size_t t = 0; t < num_topics; ++t) result.requests[t] = agents_.requests(static_cast<Topic>(t));
    result.accepted = executor_.execute_logic_tree(scenario.signal).has_value();
    for (std::size_t t = 0; t < num_topics; ++t) {
      result.requests[t] = agents_.requests(static_cast<Topic>(t)) - result.requests[t];
    }
    if (!result.accepted) result.rejection = context_->find_rejection(scenario.signal.signal_id);
    if (!keep_positions && result.rejection && result.rejection->code == RejectionCode::execution_unknown) {
      flow_.resolve(scenario.signal.signal_id, ExecutionOutcome::failed);
    }
    if (!keep_positions && result.accepted) {
      flow_.settle({scenario.signal.signal_id, scenario.pnl, std::max(scenario.now, scenario.signal.timestamp), true});
    }
    return result;
  }

  /// The pipeline's entrance.
  LogicExecutor<Agents>& executor() noexcept { return executor_; }
  /// The pipeline's limits and positions.
  FlowManager<Agents>& flow() noexcept { return flow_; }

 private:
  void at(double time) {
    const std::int64_t ms = static_cast<std::int64_t>(std::llround(time * 1e3));
    if (ms > clock_->now_ms()) clock_->advance_ms(ms - clock_->now_ms());
  }
  void script(const std::array<MockStep, num_topics>& steps) {
    for (std::size_t t = 0; t < num_topics; ++t) agents_.script(static_cast<Topic>(t), {steps[t]});
  }

  RecentContext* context_;
  ManualClock* clock_;
  Agents agents_;
  SignalFilter filter_;
  FlowManager<Agents> flow_;
  LogicExecutor<Agents> executor_;
};

/// The runner with mock agents.
using ScenarioRunner = BasicScenarioRunner<MockAgents>;

/// One scenario in a world of its own: its memory, limits, clock and agents. @throws as LogicExecutor
template <class Agents = MockAgents>
ScenarioResult run_scenario(const SignalScenario& scenario, CoreAgentLogger* logger = nullptr) {
  RecentContext context(256);
  const double start = scenario.before.empty() ? scenario.now : scenario.before.front().timestamp;
  ManualClock clock(static_cast<std::int64_t>(std::llround(start * 1e3)));
  BasicScenarioRunner<Agents> runner(context, clock, scenario.flow, scenario.filter, logger);
  return runner.run(scenario, true);
}

/// Checks each scenario in a world of its own.
template <class Agents = MockAgents, AnyJson J = Json>
BasicValidationReport<J> validate_logic(std::span<const SignalScenario> scenarios) {
  BasicValidationReport<J> report;
  for (const SignalScenario& scenario : scenarios) {
    const ScenarioResult result = run_scenario<Agents>(scenario);
    report.add(scenario.name, scenario.signal.signal_id, scenario.expected.code, scenario.expected.reason, result.rejection);
  }
  return report;
}

/// Checks scenarios in a runner, one after another, each position settled before the next.
template <class Agents, AnyJson J = Json>
BasicValidationReport<J> validate_logic(BasicScenarioRunner<Agents>& runner, std::span<const SignalScenario> scenarios) {
  BasicValidationReport<J> report;
  for (const SignalScenario& scenario : scenarios) {
    const ScenarioResult result = runner.run(scenario);
    report.add(scenario.name, scenario.signal.signal_id, scenario.expected.code, scenario.expected.reason, result.rejection);
  }
  return report;
}

/**
 * @brief Checks scenarios in an executor of the caller's.
 * @param executor   what is checked
 * @param scenarios  signals and their expected outcomes
 * @param prepare  called before each scenario: sets the clock, the prices and the agents of the caller's world
 */
template <AgentTransport T, AnyJson J = Json>
BasicValidationReport<J> validate_logic(LogicExecutor<T>& executor, std::span<const SignalScenario> scenarios,
                                        const std::function<void(const SignalScenario&)>& prepare = {}) {
  BasicValidationReport<J> report;
  for (const SignalScenario& scenario : scenarios) {
    if (prepare) prepare(scenario);
    std::optional<Rejection> rejection;
    if (!executor.execute_logic_tree(scenario.signal)) {
      rejection = executor.context().find_rejection(scenario.signal.signal_id);
    }
    report.add(scenario.name, scenario.signal.signal_id, scenario.expected.code, scenario.expected.reason, rejection);
  }
  return report;
}

}  // namespace rlx::inline v0_1::signals

#endif  // RLX_SIGNALS_SCENARIOS_HPP
