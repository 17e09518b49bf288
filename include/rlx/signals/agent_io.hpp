// SPDX-License-Identifier: MIT
/// @file
/// @brief Questions to the strategy, risk and execution agents, and agents that follow a script.
///
/// Nothing here reaches a network: a transport is a type of the user, MockAgents, or JournalTransport.
#ifndef RLX_SIGNALS_AGENT_IO_HPP
#define RLX_SIGNALS_AGENT_IO_HPP

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/random.hpp>
#include <rlx/signals/clock.hpp>
#include <rlx/signals/core_agent_logger.hpp>
#include <rlx/signals/detail/records_tree.hpp>
#include <rlx/signals/recent_context.hpp>
#include <rlx/signals/records.hpp>

namespace rlx::inline v0_1::signals {

/// What an agent is asked about, by reference: a signal (strategy, risk) or a command (execution). JSON is made on demand only.
class RequestPayload {
 public:
  RequestPayload() = default;
  /// Asks about a signal, which must outlive this object.
  explicit RequestPayload(const Signal& signal) : signal_(&signal) {}
  /// Asks about a command, which must outlive this object.
  RequestPayload(const TradeCommand& command, double notional) : command_(&command), notional_(notional) {}

  /// The signal; null where a command, or nothing, is asked about.
  const Signal* signal() const noexcept { return signal_; }
  /// The command; null where a signal, or nothing, is asked about.
  const TradeCommand* command() const noexcept { return command_; }
  /// Amount times price of a command, quote currency; 0 where the caller did not tell.
  double notional() const noexcept { return notional_; }
  /// The signal; or `{"command": {...}, "notional": n}`. @throws DataError if `params.extra` is not an object
  template <AnyJson J = Json>
  J to_json() const {
    if (signal_ != nullptr) return signals::to_json<J>(*signal_);
    if (command_ == nullptr) return J::object();
    return detail::any_object<J>({{"command", signals::to_json<J>(*command_)}, {"notional", notional_}});
  }

 private:
  const Signal* signal_ = nullptr;
  const TradeCommand* command_ = nullptr;
  double notional_ = 0.0;
};

/// One question. The payload refers to records of the caller: valid during `send`.
struct AgentRequest {
  std::uint64_t correlation_id = 0;  ///< that the answer has to repeat
  Topic topic = Topic::strategy;     ///< which agent is asked
  std::string signal_id{};           ///< that the answer has to repeat
  double sent_at = 0.0;              ///< seconds since 1970 UTC
  RequestPayload payload{};          ///< what it is about
};

/// A proper answer: `approved`, `passed` or `executed`, by topic.
struct AgentVerdict {
  bool yes = false;         ///< approved, passed or executed
  std::string signal_id{};  ///< that the answer is about
  std::string reason{};     ///< for people; may be empty
};

/// That an agent, or the way to it, failed.
struct AgentFailure {
  std::string problem{};  ///< for people; ends up as the reason of the answer
};

/// What came back. Text is JSON from outside, which AgentIO parses within limits and never evaluates.
struct AgentResponse {
  std::uint64_t correlation_id = 0;                              ///< of the request it answers
  Topic topic = Topic::strategy;                                 ///< which agent answers
  double received_at = 0.0;                                      ///< seconds since 1970 UTC
  std::variant<AgentVerdict, std::string, AgentFailure> body{};  ///< verdict, JSON text not yet parsed, or failure
};

/**
 * @brief A way to the agents.
 *
 * `send` returns once the request is on its way and throws IoError where it may not be. `wait` returns the next response of any
 * request, or nothing after `d` seconds of the clock without one; AgentIO sorts out which of them counts.
 */
template <class T>
concept AgentTransport = requires(T t, const AgentRequest& r, const ClockRef& c, Seconds d) {
  t.send(r);
  { t.wait(r.correlation_id, c, d) } -> std::same_as<std::optional<AgentResponse>>;
};

/// What an agent said.
struct Answer {
  AnswerStatus status = AnswerStatus::error;  ///< how the request ended
  std::string reason{};                       ///< the agent's, or what was wrong
  Seconds latency = 0.0;                      ///< from sending to the answer, or to the end of waiting
  /// Whether the agent said yes, properly and in time.
  bool approved() const noexcept { return status == AnswerStatus::approved; }
};

/// What became of a command. Anything but a proper yes or no is `unknown`.
struct ExecutionAnswer {
  ExecutionOutcome outcome = ExecutionOutcome::unknown;  ///< what follows from `status`
  AnswerStatus status = AnswerStatus::error;             ///< how the request ended
  std::string reason{};                                  ///< the agent's, or what was wrong
  Seconds latency = 0.0;                                 ///< from sending to the answer, or to the end of waiting
};

/// The verdict in the JSON text of an agent: strategy `{approved, signal_id, reason?}`, risk `{passed, ...}`, execution
/// `{executed, ...}`, or `{error: text}`. Types must be exact. @throws DataError
template <class = void>
std::variant<AgentVerdict, AgentFailure> parse_answer(std::string_view text, Topic topic, JsonLimits limits = {}) {
  constexpr std::array<const char*, num_topics> verdict_keys = {"approved", "passed", "executed"};
  const std::string where = "answer of the " + std::string(name_of(topic)) + " agent";
  const auto json = parse_untrusted<detail::Tree>(text, where, limits);
  const detail::RecordReader in(json, where);
  if (in.find("error") != nullptr) return AgentFailure{in.text("error")};
  const char* const key = verdict_keys[static_cast<std::size_t>(topic)];
  const detail::Tree& verdict = in.value(key);
  if (!verdict.is_boolean()) in.wrong(key, "true or false", verdict);
  return AgentVerdict{verdict.get<bool>(), in.text("signal_id"), in.text_or("reason", {})};
}

/// How AgentIO waits and reads.
struct AgentIOConfig {
  Seconds timeout = 30.0;  ///< silence of an agent for this long ends a request
  JsonLimits limits = {};  ///< of an answer's text
};

/**
 * @brief Asks the agents, one request at a time, and remembers how each request ended.
 *
 * An answer counts only if correlation id, topic and signal id are those of the request, its types are exact, it is the first,
 * and it came in time; others are logged and ignored. Each request is logged before it is sent, so nothing is sent that is not
 * in the log. One thread at a time.
 */
template <AgentTransport T>
class AgentIO {
 public:
  /// All must outlive this object. `context` remembers the exchanges, `logger` writes them; both may be null.
  /// @throws ConfigError if the timeout is not finite or not above 0
  AgentIO(T& transport, ClockRef clock, AgentIOConfig config = {}, RecentContext* context = nullptr,
          CoreAgentLogger* logger = nullptr)
      : transport_(&transport), clock_(clock), config_(config), context_(context), logger_(logger) {
    if (!(is_finite(config.timeout) && config.timeout > 0.0)) {
      throw ConfigError("timeout: expected a number of seconds above 0, found " + std::to_string(config.timeout));
    }
    if constexpr (requires {
                    { transport.next_correlation_id() } -> std::convertible_to<std::uint64_t>;
                  }) {
      next_id_ = transport.next_correlation_id();
    }
  }

  /// Whether the risk agent lets the signal pass. A failing transport is an `error`. @throws IoError of the log
  Answer request_risk_check(const Signal& signal) { return ask(Topic::risk, signal); }
  /// Whether the strategy agent approves of the signal.
  Answer request_strategy_approval(const Signal& signal) { return ask(Topic::strategy, signal); }
  /// Sends a command once, whatever comes of it. @param notional  for the record, quote currency
  /// @param command   what to execute
  /// @throws IoError  the log cannot be written; then nothing was sent
  ExecutionAnswer send_command(const TradeCommand& command, double notional = 0.0) {
    Answer got = ask(Topic::execution, command.signal_id, RequestPayload(command, notional), [&] {
      logger_->log_trade_command("send_command", LogFields::object({{"correlation_id", next_id_},
                                                                    {"signal_id", command.signal_id},
                                                                    {"command", to_json<LogFields>(command)},
                                                                    {"notional", notional}}));
    });
    ExecutionAnswer answer;
    answer.status = got.status;
    answer.outcome = got.status == AnswerStatus::approved  ? ExecutionOutcome::executed
                     : got.status == AnswerStatus::refused ? ExecutionOutcome::failed
                                                           : ExecutionOutcome::unknown;
    answer.reason = std::move(got.reason);
    answer.latency = got.latency;
    return answer;
  }

  /// Responses that did not count: late, doubled, for something else.
  std::uint64_t ignored() const noexcept { return ignored_; }
  /// As given.
  const AgentIOConfig& config() const noexcept { return config_; }
  /// The way to the agents, as given.
  const T& transport() const noexcept { return *transport_; }

 private:
  struct Stray {
    std::uint64_t correlation_id;
    Topic topic;
    const char* why;
  };

  Answer ask(Topic topic, const Signal& signal) {
    return ask(topic, signal.signal_id, RequestPayload(signal), [&] {
      logger_->log_agent_coordination(topic == Topic::risk ? "request_risk_check" : "request_strategy_approval",
                                      LogFields::object({{"correlation_id", next_id_}, {"signal_id", signal.signal_id}}));
    });
  }

  template <class F>
  Answer ask(Topic topic, const std::string& signal_id, RequestPayload payload, F&& log) {
    if (logger_ != nullptr) log();
    AgentRequest request{next_id_++, topic, signal_id, clock_.now(), payload};
    Seconds end = request.sent_at;
    Answer answer;
    try {
      answer = exchange(request, end);
    } catch (const Error& error) {  // of the transport, or of an answer that is not what it should be
      answer = {AnswerStatus::error, error.what(), 0.0};
    }
    // A clock that was set back in the meantime gives no negative latency.
    answer.latency = std::max(0.0, end - request.sent_at);
    try {  // What the answer says is known by now, and counts whether it can be recorded or not.
      if (context_ != nullptr) {
        context_->store_exchange(
            {request.correlation_id, topic, std::move(request.signal_id), answer.status, request.sent_at, end, answer.reason});
      }
    } catch (const IoError&) {  // of an observer that logs
    }
    log_strays();
    return answer;
  }

  // A log that fails here takes no further record, so the next request throws before it is sent; this one has its answer.
  void log_strays() {
    for (; !strays_.empty(); strays_.pop_back()) {
      if (logger_ == nullptr) continue;
      const Stray& stray = strays_.back();
      try {
        logger_->log_agent_coordination(
            "ignored_response",
            LogFields::object({{"correlation_id", stray.correlation_id}, {"topic", name_of(stray.topic)}, {"why", stray.why}}));
      } catch (const IoError&) {
      }
    }
  }

  Answer exchange(const AgentRequest& request, Seconds& end) {
    transport_->send(request);
    const Seconds deadline = request.sent_at + config_.timeout;
    const auto ignore = [&](const AgentResponse& response, const char* why) {
      ++ignored_;
      strays_.push_back({response.correlation_id, response.topic, why});
    };
    for (;;) {
      const Seconds left = std::clamp(deadline - clock_.now(), 0.0, config_.timeout);
      std::optional<AgentResponse> response = transport_->wait(request.correlation_id, clock_, left);
      if (!response) {
        end = deadline;
        return {AnswerStatus::timeout, "no answer", 0.0};
      }
      if (response->correlation_id != request.correlation_id || response->topic != request.topic) {
        ignore(*response, "it belongs to another request");
        continue;
      }
      if (!(response->received_at <= deadline)) {
        ignore(*response, "it came too late");
        continue;
      }
      end = std::max(request.sent_at, response->received_at);
      if (const auto* const text = std::get_if<std::string>(&response->body)) {
        auto parsed = parse_answer(*text, request.topic, config_.limits);
        if (auto* const verdict = std::get_if<AgentVerdict>(&parsed)) {
          response->body = std::move(*verdict);
        } else {
          response->body = std::get<AgentFailure>(std::move(parsed));
        }
      }
      if (auto* const failure = std::get_if<AgentFailure>(&response->body)) {
        return {AnswerStatus::error, std::move(failure->problem), 0.0};
      }
      auto& verdict = std::get<AgentVerdict>(response->body);
      if (verdict.signal_id != request.signal_id) {
        ignore(*response, "it speaks of another signal");
        continue;
      }
      return {verdict.yes ? AnswerStatus::approved : AnswerStatus::refused, std::move(verdict.reason), 0.0};
    }
  }

  T* transport_;
  ClockRef clock_;
  AgentIOConfig config_;
  RecentContext* context_;
  CoreAgentLogger* logger_;
  std::uint64_t next_id_ = 1;
  std::uint64_t ignored_ = 0;
  std::vector<Stray> strays_;  // of the current request
};

/// What a scripted agent does with one request.
enum class MockKind : std::uint8_t { approve, reject, timeout, error, malformed, late, duplicate, wrong_id };
/// Enumerators of MockKind.
inline constexpr std::size_t num_mock_kinds = 8;

/// Name of the enumerator; "?" for a value that is none.
constexpr std::string_view name_of(MockKind kind) {
  constexpr std::string_view names[] = {"approve", "reject", "timeout", "error", "malformed", "late", "duplicate", "wrong_id"};
  return static_cast<std::size_t>(kind) < std::size(names) ? names[static_cast<std::size_t>(kind)] : "?";
}

/// One step of a script.
struct MockStep {
  MockKind kind = MockKind::approve;  ///< what the agent does
  std::string text{};                 ///< reason of a rejection, text of an error
  Seconds delay = 0.0;                ///< between request and answer
  /// Memberwise.
  bool operator==(const MockStep&) const = default;
};

/// The steps by name.
namespace mock {
/// An approval `delay` seconds after the request.
inline MockStep approve(Seconds delay = 0.0) { return {MockKind::approve, {}, delay}; }
/// A refusal with this reason.
inline MockStep reject(std::string reason) { return {MockKind::reject, std::move(reason), 0.0}; }
/// No answer.
inline MockStep timeout() { return {MockKind::timeout, {}, 0.0}; }
/// A failure of the agent, told as such.
inline MockStep error(std::string text = "agent failed") { return {MockKind::error, std::move(text), 0.0}; }
/// An answer that is not JSON.
inline MockStep malformed() { return {MockKind::malformed, {}, 0.0}; }
/// An approval `dt` seconds after the request.
inline MockStep late(Seconds dt) { return {MockKind::late, {}, dt}; }
/// The same approval twice.
inline MockStep duplicate() { return {MockKind::duplicate, {}, 0.0}; }
/// An approval of another signal.
inline MockStep wrong_id() { return {MockKind::wrong_id, {}, 0.0}; }
}  // namespace mock

/// How often a random agent does what; the shares need not add up to 1.
struct MockShares {
  /// @{ How often, by MockKind; finite and at least 0, one of them above 0.
  double approve = 1.0, reject = 0.0, timeout = 0.0, error = 0.0, malformed = 0.0, late = 0.0, duplicate = 0.0, wrong_id = 0.0;
  /// @}
  /// Of rejections.
  std::string reason = "rejected by a mock agent";
  Seconds delay = 0.0;        ///< of approvals and rejections
  Seconds late_delay = 60.0;  ///< of late answers
};

/**
 * @brief Agents for simulation: per topic a script that repeats from its beginning, or shares with a seeded stream; without
 *        either they approve.
 *
 * No time passes while one waits: an answer carries its own time, and silence is told at once. An answer that comes too late
 * for its request is delivered to a later one that is waiting at that time. The n-th request of a topic draws from its own
 * random stream (user purpose, env = topic, step = n), so other topics and other requests do not change it. Approving allocates
 * nothing where ids are short.
 * Called MockAgents. @tparam Step  MockStep; a parameter so that a program compiles only what it uses
 */
template <class Step>
class BasicMockAgents {
 public:
  /// Agents that approve; `seed` is that of the shares' streams.
  explicit BasicMockAgents(std::uint64_t seed = 0) : seed_(seed) {}

  /// @throws ConfigError  an empty script or a delay that is negative or not finite
  BasicMockAgents& script(Topic topic, std::vector<Step> steps) {
    if (steps.empty())
      throw ConfigError("script of the " + std::string(name_of(topic)) + " agent: expected a step, found none");
    for (const Step& step : steps) require_delay(topic, step.delay);
    agents_[static_cast<std::size_t>(topic)].steps = std::move(steps);
    agents_[static_cast<std::size_t>(topic)].shares.reset();
    return *this;
  }
  /// @throws ConfigError  shares that are negative or not finite or all 0
  BasicMockAgents& shares(Topic topic, MockShares shares) {
    double sum = 0.0;
    for (const double share : list(shares)) {
      if (!(is_finite(share) && share >= 0.0)) {
        throw ConfigError("shares of the " + std::string(name_of(topic)) + " agent: expected at least 0, found " +
                          std::to_string(share));
      }
      sum += share;
    }
    if (!(sum > 0.0)) throw ConfigError("shares of the " + std::string(name_of(topic)) + " agent: expected one above 0");
    require_delay(topic, shares.delay);
    require_delay(topic, shares.late_delay);
    agents_[static_cast<std::size_t>(topic)].steps.clear();
    agents_[static_cast<std::size_t>(topic)].shares = std::move(shares);
    return *this;
  }
  /// Requests that have come for a topic.
  std::uint64_t requests(Topic topic) const noexcept { return agents_[static_cast<std::size_t>(topic)].requests; }

  /// As `AgentTransport` asks; the answer is made at once.
  void send(const AgentRequest& request) {
    Agent& agent = agents_[static_cast<std::size_t>(request.topic)];
    const std::uint64_t number = agent.requests++;
    asked_at_ = request.sent_at;
    if (agent.shares) return answer(request, draw(*agent.shares, request.topic, number));
    if (agent.steps.empty()) return answer(request, approve_);
    answer(request, agent.steps[static_cast<std::size_t>(number % agent.steps.size())]);
  }

  /// As `AgentTransport` asks.
  std::optional<AgentResponse> wait(std::uint64_t, const ClockRef&, Seconds d) {
    if (!late_.empty() && late_.front().received_at <= asked_at_ + d) {
      std::pop_heap(late_.begin(), late_.end(), later);
      return take(late_);
    }
    if (ready_.empty()) return std::nullopt;
    return take(ready_);
  }

 private:
  struct Agent {
    std::vector<Step> steps;
    std::optional<MockShares> shares;
    std::uint64_t requests = 0;
  };

  static void require_delay(Topic topic, Seconds delay) {
    if (is_finite(delay) && delay >= 0.0) return;
    throw ConfigError("delay of the " + std::string(name_of(topic)) + " agent: expected at least 0 s, found " +
                      std::to_string(delay));
  }
  static std::array<double, num_mock_kinds> list(const MockShares& s) {
    return {s.approve, s.reject, s.timeout, s.error, s.malformed, s.late, s.duplicate, s.wrong_id};
  }
  static bool later(const AgentResponse& a, const AgentResponse& b) { return a.received_at > b.received_at; }
  static AgentResponse take(std::vector<AgentResponse>& from) {
    AgentResponse response = std::move(from.back());
    from.pop_back();
    return response;
  }

  Step draw(const MockShares& shares, Topic topic, std::uint64_t number) const {
    RandomStream random({seed_, Purpose::user, static_cast<std::uint32_t>(topic), number});
    const auto weights = list(shares);
    double sum = 0.0;
    for (const double weight : weights) sum += weight;
    double at = random.uniform() * sum;
    std::size_t kind = 0;
    for (std::size_t k = 0; k < weights.size(); ++k) {
      if (weights[k] == 0.0) continue;
      kind = k;
      if (at < weights[k]) break;
      at -= weights[k];
    }
    Step step{static_cast<MockKind>(kind), {}, shares.delay};
    if (step.kind == MockKind::reject) step.text = shares.reason;
    if (step.kind == MockKind::error) step.text = "agent failed";
    if (step.kind == MockKind::late) step.delay = shares.late_delay;
    return step;
  }

  void answer(const AgentRequest& request, const Step& step) {
    AgentResponse response{request.correlation_id, request.topic, request.sent_at + step.delay, {}};
    switch (step.kind) {
      case MockKind::timeout:
        return;
      case MockKind::error:
        response.body = AgentFailure{step.text};
        break;
      case MockKind::malformed:
        response.body = std::string("{\"approved\": yes");
        break;
      case MockKind::reject:
        response.body = AgentVerdict{false, request.signal_id, step.text};
        break;
      case MockKind::wrong_id:
        response.body = AgentVerdict{true, request.signal_id + "?", {}};
        break;
      case MockKind::approve:
      case MockKind::late:
      case MockKind::duplicate:
        response.body = AgentVerdict{true, request.signal_id, {}};
        break;
    }
    if (step.kind == MockKind::duplicate) ready_.push_back(response);
    if (step.delay > 0.0) {
      late_.push_back(std::move(response));
      std::push_heap(late_.begin(), late_.end(), later);
    } else {
      ready_.push_back(std::move(response));
    }
  }

  std::uint64_t seed_;
  std::array<Agent, num_topics> agents_;
  Step approve_;
  double asked_at_ = 0.0;
  std::vector<AgentResponse> ready_;  // the newest is delivered first
  std::vector<AgentResponse> late_;   // a heap, the earliest in front
};

/// As the library uses it. @see BasicMockAgents
using MockAgents = BasicMockAgents<MockStep>;

static_assert(AgentTransport<MockAgents>);

}  // namespace rlx::inline v0_1::signals

#endif  // RLX_SIGNALS_AGENT_IO_HPP
