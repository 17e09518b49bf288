// SPDX-License-Identifier: MIT
/// @file
/// @brief What a core agent remembers: signals, rejections, P&L, market prices, answers of agents, executions, scores.
///
/// Times are seconds since 1970-01-01 UTC. Amounts and prices are features and limits of an agent in double; ledger money stays
/// with the venues' own folders. The JSON forms are in records_json.hpp.
#ifndef RLX_SIGNALS_RECORDS_HPP
#define RLX_SIGNALS_RECORDS_HPP

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace rlx::inline v0_1::detail {
template <class Number>
class BasicJsonTree;
using JsonTree = BasicJsonTree<double>;
}  // namespace rlx::inline v0_1::detail

namespace rlx::inline v0_1::signals {

/// The JSON value of the library. Who makes or reads one includes records_json.hpp.
using Json = nlohmann::json;

/// Json, or what the library uses of its own, which costs less to compile.
template <class J>
concept AnyJson = std::same_as<J, Json> || std::same_as<J, rlx::detail::JsonTree>;

/// A field of a JSON signal that has no place in the record: absent, or a value of another type. Kept, so that storing a signal
/// loses nothing and validation can name it.
struct MalformedField {
  std::string field{};  ///< "strategy", "params", "params.amount", "params.base", "params.quote", "params.price", "timestamp"
  std::string found{};  ///< JSON text of the value; empty: the field is absent
  /// Memberwise.
  bool operator==(const MalformedField&) const = default;
};

/// What a signal asks for.
struct SignalParams {
  std::optional<double> amount{};  ///< units of `base`
  std::string base{};              ///< asset that the amount counts
  std::string quote{};             ///< currency that prices are in
  std::optional<double> price{};   ///< quote per base; empty: the market's
  std::string extra{};             ///< JSON text of an object with all other parameters; empty: none

  /// Numbers are equal if their bits are, so that a NaN equals itself.
  bool operator==(const SignalParams& other) const {
    const auto same = [](const std::optional<double>& a, const std::optional<double>& b) {
      return a.has_value() == b.has_value() && (!a || std::bit_cast<std::uint64_t>(*a) == std::bit_cast<std::uint64_t>(*b));
    };
    return same(amount, other.amount) && base == other.base && quote == other.quote && same(price, other.price) &&
           extra == other.extra;
  }
  /// Name of the market, such as "BTC/USDT".
  std::string market() const { return base + '/' + quote; }
};

/// A trade signal as it came, valid or not.
struct Signal {
  std::string signal_id{};                  ///< unique; empty is refused by validation
  std::string strategy{};                   ///< name in the filter's table
  SignalParams params{};                    ///< what is asked for
  double timestamp = 0.0;                   ///< seconds since 1970 UTC
  std::vector<MalformedField> malformed{};  ///< what the JSON form had wrong; empty for signals made in C++

  /// Memberwise.
  bool operator==(const Signal& other) const {
    return signal_id == other.signal_id && strategy == other.strategy && params == other.params &&
           std::bit_cast<std::uint64_t>(timestamp) == std::bit_cast<std::uint64_t>(other.timestamp) &&
           malformed == other.malformed;
  }
};

/// Why a signal was refused.
enum class RejectionCode : std::uint8_t {
  invalid_field,
  missing_field,
  unknown_strategy,
  missing_price,
  exposure_limit,
  position_size,
  daily_trades,
  max_loss,
  risk_agent,
  strategy_agent,
  agent_timeout,
  agent_error,
  execution_failed,
  execution_unknown,
  model_filtered
};
/// Enumerators of RejectionCode.
inline constexpr std::size_t num_rejection_codes = 15;

/// Where in the pipeline a signal was refused.
enum class Stage : std::uint8_t { validation, risk, strategy, execution, model };
/// Enumerators of Stage.
inline constexpr std::size_t num_stages = 5;

/// The three agents that are asked.
enum class Topic : std::uint8_t { strategy, risk, execution };
/// Enumerators of Topic.
inline constexpr std::size_t num_topics = 3;

/// How a request to an agent ended. `refused` is a proper answer that says no.
enum class AnswerStatus : std::uint8_t { approved, refused, timeout, error };
/// Enumerators of AnswerStatus.
inline constexpr std::size_t num_answer_statuses = 4;

/// How an execution ended. `unknown`: no answer came, so the trade may or may not have happened.
enum class ExecutionOutcome : std::uint8_t { executed, failed, unknown };
/// Enumerators of ExecutionOutcome.
inline constexpr std::size_t num_execution_outcomes = 3;

/// Name of the enumerator, as in JSON and in the log; "?" for a value that is none.
constexpr std::string_view name_of(RejectionCode code) {
  constexpr std::string_view names[] = {"invalid_field",    "missing_field",     "unknown_strategy", "missing_price",
                                        "exposure_limit",   "position_size",     "daily_trades",     "max_loss",
                                        "risk_agent",       "strategy_agent",    "agent_timeout",    "agent_error",
                                        "execution_failed", "execution_unknown", "model_filtered"};
  return static_cast<std::size_t>(code) < std::size(names) ? names[static_cast<std::size_t>(code)] : "?";
}
/// Name of the enumerator, as in JSON and in the log; "?" for a value that is none.
constexpr std::string_view name_of(Stage stage) {
  constexpr std::string_view names[] = {"validation", "risk", "strategy", "execution", "model"};
  return static_cast<std::size_t>(stage) < std::size(names) ? names[static_cast<std::size_t>(stage)] : "?";
}
/// Name of the enumerator, as in JSON and in the log; "?" for a value that is none.
constexpr std::string_view name_of(Topic topic) {
  constexpr std::string_view names[] = {"strategy", "risk", "execution"};
  return static_cast<std::size_t>(topic) < std::size(names) ? names[static_cast<std::size_t>(topic)] : "?";
}
/// Name of the enumerator, as in JSON and in the log; "?" for a value that is none.
constexpr std::string_view name_of(AnswerStatus status) {
  constexpr std::string_view names[] = {"approved", "refused", "timeout", "error"};
  return static_cast<std::size_t>(status) < std::size(names) ? names[static_cast<std::size_t>(status)] : "?";
}
/// Name of the enumerator, as in JSON and in the log; "?" for a value that is none.
constexpr std::string_view name_of(ExecutionOutcome outcome) {
  constexpr std::string_view names[] = {"executed", "failed", "unknown"};
  return static_cast<std::size_t>(outcome) < std::size(names) ? names[static_cast<std::size_t>(outcome)] : "?";
}

/// The stage at which a code arises; an agent's timeout or error counts for the risk agent where nothing else is known.
constexpr Stage usual_stage(RejectionCode code) {
  switch (code) {
    case RejectionCode::invalid_field:
    case RejectionCode::missing_field:
    case RejectionCode::unknown_strategy:
      return Stage::validation;
    case RejectionCode::strategy_agent:
      return Stage::strategy;
    case RejectionCode::execution_failed:
    case RejectionCode::execution_unknown:
      return Stage::execution;
    case RejectionCode::model_filtered:
      return Stage::model;
    default:
      return Stage::risk;
  }
}

/// The code of a text of this library, by how it begins; a text of any other origin counts as the risk agent's.
constexpr RejectionCode code_of_reason(std::string_view reason) {
  struct Beginning {
    std::string_view text;
    RejectionCode code;
  };
  constexpr Beginning beginnings[] = {{"Invalid strategy", RejectionCode::unknown_strategy},
                                      {"Invalid ", RejectionCode::invalid_field},
                                      {"Missing required", RejectionCode::missing_field},
                                      {"Missing price", RejectionCode::missing_price},
                                      {"Exposure limit exceeded", RejectionCode::exposure_limit},
                                      {"Position size limit exceeded", RejectionCode::position_size},
                                      {"Daily trade limit exceeded", RejectionCode::daily_trades},
                                      {"Maximum loss exceeded", RejectionCode::max_loss},
                                      {"Strategy agent", RejectionCode::strategy_agent},
                                      {"Agent timeout", RejectionCode::agent_timeout},
                                      {"Agent error", RejectionCode::agent_error},
                                      {"Execution failed", RejectionCode::execution_failed},
                                      {"Execution unknown", RejectionCode::execution_unknown},
                                      {"Model filter", RejectionCode::model_filtered}};
  for (const Beginning& beginning : beginnings) {
    if (reason.starts_with(beginning.text)) return beginning.code;
  }
  return RejectionCode::risk_agent;
}

/// One refusal of one signal.
struct Rejection {
  std::string signal_id{};                         ///< of the refused signal; may be empty or unknown
  std::string reason{};                            ///< a text for people, such as "Exposure limit exceeded"
  RejectionCode code = RejectionCode::risk_agent;  ///< why, for programs
  Stage stage = Stage::risk;                       ///< where
  double timestamp = 0.0;                          ///< seconds since 1970 UTC
  /// Memberwise.
  bool operator==(const Rejection&) const = default;
};

/// What a signal has earned so far, or, if `final`, altogether.
struct PnlSnapshot {
  std::string signal_id{};  ///< of the signal that earned it
  double pnl = 0.0;         ///< quote currency
  double timestamp = 0.0;   ///< seconds since 1970 UTC
  bool final = true;        ///< the position is closed; nothing more comes
  /// Memberwise.
  bool operator==(const PnlSnapshot&) const = default;
};

/// A market at one time.
struct MarketSnapshot {
  std::string market{};      ///< such as "BTC/USDT"
  double timestamp = 0.0;    ///< seconds since 1970 UTC
  double price = 0.0;        ///< quote per base
  double volatility = 0.0;   ///< standard deviation of returns, as its source defines it
  double trend_score = 0.0;  ///< as its source defines it
  double spread_bps = 0.0;   ///< 1e-4 of the price
  /// Memberwise.
  bool operator==(const MarketSnapshot&) const = default;
};

/// When a command was made.
struct CommandMetadata {
  double timestamp = 0.0;  ///< seconds since 1970 UTC
  /// Memberwise.
  bool operator==(const CommandMetadata&) const = default;
};

/// What the execution agent is asked to do.
struct TradeCommand {
  std::string signal_id{};     ///< of the signal it came from
  std::string strategy{};      ///< the signal's
  SignalParams params{};       ///< the signal's
  CommandMetadata metadata{};  ///< when it was made
  /// Memberwise.
  bool operator==(const TradeCommand&) const = default;
};

/// A command on its way through a pipeline of the user.
struct PipelinePackage {
  TradeCommand command{};  ///< what is to be done
  double timestamp = 0.0;  ///< seconds since 1970 UTC
  double priority = 1.0;   ///< larger is more urgent; the user's scale
  /// Memberwise.
  bool operator==(const PipelinePackage&) const = default;
};

/// One request to an agent and how it ended.
struct AgentExchange {
  std::uint64_t correlation_id = 0;              ///< of the request
  Topic topic = Topic::strategy;                 ///< which agent was asked
  std::string signal_id{};                       ///< that it was about
  AnswerStatus status = AnswerStatus::approved;  ///< how it ended
  double sent_at = 0.0;                          ///< seconds since 1970 UTC
  double received_at = 0.0;                      ///< of the answer; of the end of waiting where none came
  std::string reason{};                          ///< the agent's, or what was wrong
  /// From sending to the answer in seconds; 0 if the clock went back.
  double latency() const { return received_at > sent_at ? received_at - sent_at : 0.0; }
  /// Memberwise.
  bool operator==(const AgentExchange&) const = default;
};

/// How the execution of a command ended; a second record of a signal resolves an unknown first one.
struct Execution {
  std::string signal_id{};                                ///< of the executed command
  ExecutionOutcome outcome = ExecutionOutcome::executed;  ///< as known at `timestamp`
  double notional = 0.0;                                  ///< amount times price, quote currency
  double timestamp = 0.0;                                 ///< seconds since 1970 UTC
  /// Memberwise.
  bool operator==(const Execution&) const = default;
};

/// What the model said of a signal before it went on.
struct SignalScore {
  std::string signal_id{};    ///< of the scored signal
  double probability = 0.0;   ///< of being rejected
  double propensity = 1.0;    ///< probability that the model let this signal pass; weight of its row: 1/propensity
  bool passed = true;         ///< whether it went on
  std::uint64_t version = 0;  ///< of the model
  double timestamp = 0.0;     ///< of the signal; seconds since 1970 UTC
  /// Memberwise.
  bool operator==(const SignalScore&) const = default;
};

/// A signal of its JSON form; defined in records_json.hpp, which a caller includes.
template <AnyJson J>
Signal signal_from_json(const J& json);

}  // namespace rlx::inline v0_1::signals

#endif  // RLX_SIGNALS_RECORDS_HPP
