// SPDX-License-Identifier: MIT
/// @file
/// @brief What records_json.hpp declares, for nlohmann::json and for the library's own JsonTree: the JSON library is compiled
/// by who uses its values.
#ifndef RLX_SIGNALS_DETAIL_RECORDS_TREE_HPP
#define RLX_SIGNALS_DETAIL_RECORDS_TREE_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/detail/json_tree.hpp>
#include <rlx/core/detail/strict_json.hpp>
#include <rlx/core/error.hpp>
#include <rlx/signals/detail/any_json.hpp>
#include <rlx/signals/detail/canonical_json.hpp>
#include <rlx/signals/records.hpp>

namespace rlx::inline v0_1::signals {

/// What text from outside may be. More than this is refused before it is understood.
struct JsonLimits {
  std::size_t max_bytes = std::size_t{64} * 1024;  ///< of the text
  int max_depth = 32;                              ///< arrays and objects inside one another
};

/// Parses text from an agent or another program; never evaluates it. Invalid UTF-8, repeated keys, numbers beyond the range of
/// a double and anything beyond the limits are refused. @throws DataError beginning with `where`
template <AnyJson J = Json>
J parse_untrusted(std::string_view text, const std::string& where, JsonLimits limits = {}) {
  if (text.size() > limits.max_bytes) {
    throw DataError(
        where, 0, 0,
        "expected at most " + std::to_string(limits.max_bytes) + " bytes of JSON, found " + std::to_string(text.size()));
  }
  return detail::any_parse<J>(text, where, limits.max_depth);
}

namespace detail {

/// Reads members of a record exactly; problems are DataErrors with the JSON path.
template <AnyJson J>
class RecordReader {
 public:
  RecordReader(const J& json, std::string path) : json_(&json), path_(std::move(path)) {
    if (!json.is_object()) throw DataError(path_ + ": expected an object, found " + rlx::detail::json_excerpt(json));
  }
  const J* find(const char* key) const {
    const auto found = json_->find(key);
    return found == json_->end() ? nullptr : &*found;
  }
  const J& value(const char* key) const {
    const J* const found = find(key);
    if (found == nullptr) throw DataError(path_ + '.' + key + ": expected a value, found none");
    return *found;
  }
  std::string text(const char* key) const {
    const J& found = value(key);
    if (!found.is_string()) wrong(key, "a text", found);
    return found.template get<std::string>();
  }
  std::string text_or(const char* key, std::string fallback) const {
    return find(key) == nullptr ? std::move(fallback) : text(key);
  }
  double number(const char* key) const {
    const J& found = value(key);
    if (!found.is_number()) wrong(key, "a number", found);
    return found.template get<double>();
  }
  double number_or(const char* key, double fallback) const { return find(key) == nullptr ? fallback : number(key); }
  bool boolean_or(const char* key, bool fallback) const {
    const J* const found = find(key);
    if (found == nullptr) return fallback;
    if (!found->is_boolean()) wrong(key, "true or false", *found);
    return found->template get<bool>();
  }
  std::uint64_t count_or(const char* key, std::uint64_t fallback) const {
    const J* const found = find(key);
    if (found == nullptr) return fallback;
    if (!found->is_number_unsigned()) wrong(key, "an integer of at least 0", *found);
    return found->template get<std::uint64_t>();
  }
  template <class E>
  E name(const char* key, std::size_t count) const {
    const std::string given = text(key);
    for (std::size_t i = 0; i < count; ++i) {
      if (name_of(static_cast<E>(i)) == given) return static_cast<E>(i);
    }
    wrong(key, "a known name", value(key));
  }
  [[noreturn]] void wrong(const char* key, const char* expected, const J& found) const {
    throw DataError(path_ + '.' + key + ": expected " + expected + ", found " + rlx::detail::json_excerpt(found));
  }

 private:
  const J* json_;
  std::string path_;
};

/// Takes a member of a signal into its place, or notes it as malformed.
template <AnyJson J>
void take_number(const J& object, const char* key, const char* field, std::optional<double>& target,
                 std::vector<MalformedField>& malformed) {
  const auto found = object.find(key);
  if (found == object.end()) return;
  if (found->is_number()) {
    target = found->template get<double>();
  } else {
    malformed.push_back({field, canonical_text(*found)});
  }
}
/// As `take_number`, for a text.
template <AnyJson J>
void take_text(const J& object, const char* key, const char* field, std::string& target,
               std::vector<MalformedField>& malformed) {
  const auto found = object.find(key);
  if (found == object.end()) return;
  if (found->is_string()) {
    target = found->template get<std::string>();
  } else {
    malformed.push_back({field, canonical_text(*found)});
  }
}

/// Known parameters into their members, others into `extra`.
template <AnyJson J>
SignalParams params_from_json(const J& json, std::vector<MalformedField>& malformed) {
  SignalParams params;
  take_number(json, "amount", "params.amount", params.amount, malformed);
  take_text(json, "base", "params.base", params.base, malformed);
  take_text(json, "quote", "params.quote", params.quote, malformed);
  take_number(json, "price", "params.price", params.price, malformed);
  J extra = J::object();
  for (const std::string& key : rlx::detail::json_keys(json)) {
    if (key != "amount" && key != "base" && key != "quote" && key != "price") extra[key] = *json.find(key);
  }
  if (extra.size() != 0) params.extra = canonical_text(extra);
  return params;
}

/// Both together again. @throws DataError if `extra` is not the text of an object
template <AnyJson J = Json>
J params_to_json(const SignalParams& params) {
  J json = params.extra.empty() ? J::object() : any_parse<J>(params.extra, "params.extra");
  if (!json.is_object())
    throw DataError("params.extra: expected the JSON text of an object, found " + params.extra.substr(0, 60));
  if (params.amount) json["amount"] = *params.amount;
  if (!params.base.empty()) json["base"] = params.base;
  if (!params.quote.empty()) json["quote"] = params.quote;
  if (params.price) json["price"] = *params.price;
  return json;
}

}  // namespace detail

/**
 * @brief A signal of `{"signal_id", "strategy", "params": {"amount", "base", "quote", "price"?, ...}, "timestamp"}`.
 *
 * Numbers may be integers or fractions. Only the id is demanded; a field of another type is kept in `malformed` for the filter
 * to name, unknown parameters go to `extra`, unknown members of the signal are dropped.
 * @throws DataError  not an object, or no text as signal_id; begins with the JSON path
 */
template <AnyJson J>
Signal signal_from_json(const J& json) {
  const detail::RecordReader in(json, "signal");
  Signal signal;
  signal.signal_id = in.text("signal_id");
  if (signal.signal_id.empty()) throw DataError("signal.signal_id: expected a text that is not empty");
  detail::take_text(json, "strategy", "strategy", signal.strategy, signal.malformed);
  if (const J* const params = in.find("params"); params != nullptr) {
    if (params->is_object()) {
      signal.params = detail::params_from_json(*params, signal.malformed);
    } else {
      signal.malformed.push_back({"params", detail::canonical_text(*params)});
    }
  }
  if (in.find("timestamp") == nullptr) {
    signal.malformed.push_back({"timestamp", {}});
  } else {
    std::optional<double> timestamp;
    detail::take_number(json, "timestamp", "timestamp", timestamp, signal.malformed);
    signal.timestamp = timestamp.value_or(0.0);
  }
  return signal;
}

/// A signal of JSON text from outside, within the limits. @throws DataError
template <AnyJson J = detail::Tree>
Signal parse_signal(std::string_view text, const std::string& where = "signal", JsonLimits limits = {}) {
  return signal_from_json(parse_untrusted<J>(text, where, limits));
}

/// The form that `signal_from_json` reads back to the same record. Numbers that are not finite become null, as JSON has none.
template <AnyJson J = Json>
J to_json(const Signal& signal) {
  J json = detail::any_object<J>(
      {{"signal_id", signal.signal_id}, {"params", detail::params_to_json<J>(signal.params)}, {"timestamp", signal.timestamp}});
  if (!signal.strategy.empty()) json["strategy"] = signal.strategy;
  for (const MalformedField& field : signal.malformed) {
    const bool is_param = field.field.starts_with("params.");
    J& parent = is_param ? json["params"] : json;
    const std::string key = is_param ? field.field.substr(7) : field.field;
    if (field.found.empty()) {
      parent = detail::any_without(parent, key);
    } else {
      parent[key] = detail::any_parse<J>(field.found, field.field);
    }
  }
  return json;
}

/// All members by name; enumerations by their names, numbers that are not finite become null when written.
template <AnyJson J = Json>
J to_json(const Rejection& r) {
  return detail::any_object<J>({{"signal_id", r.signal_id},
                                {"reason", r.reason},
                                {"code", name_of(r.code)},
                                {"stage", name_of(r.stage)},
                                {"timestamp", r.timestamp}});
}
/// All members by name; enumerations by their names, numbers that are not finite become null when written.
template <AnyJson J = Json>
J to_json(const PnlSnapshot& p) {
  return detail::any_object<J>({{"signal_id", p.signal_id}, {"pnl", p.pnl}, {"timestamp", p.timestamp}, {"final", p.final}});
}
/// All members by name; enumerations by their names, numbers that are not finite become null when written.
template <AnyJson J = Json>
J to_json(const MarketSnapshot& m) {
  return detail::any_object<J>({{"market", m.market},
                                {"timestamp", m.timestamp},
                                {"price", m.price},
                                {"volatility", m.volatility},
                                {"trend_score", m.trend_score},
                                {"spread_bps", m.spread_bps}});
}
/// All members by name; enumerations by their names, numbers that are not finite become null when written.
template <AnyJson J = Json>
J to_json(const TradeCommand& c) {
  return detail::any_object<J>({{"signal_id", c.signal_id},
                                {"strategy", c.strategy},
                                {"params", detail::params_to_json<J>(c.params)},
                                {"metadata", detail::any_object<J>({{"timestamp", c.metadata.timestamp}})}});
}
/// All members by name; enumerations by their names, numbers that are not finite become null when written.
template <AnyJson J = Json>
J to_json(const PipelinePackage& p) {
  return detail::any_object<J>({{"command", to_json<J>(p.command)}, {"timestamp", p.timestamp}, {"priority", p.priority}});
}
/// All members by name; enumerations by their names, numbers that are not finite become null when written.
template <AnyJson J = Json>
J to_json(const AgentExchange& e) {
  return detail::any_object<J>({{"correlation_id", e.correlation_id},
                                {"topic", name_of(e.topic)},
                                {"signal_id", e.signal_id},
                                {"status", name_of(e.status)},
                                {"sent_at", e.sent_at},
                                {"received_at", e.received_at},
                                {"reason", e.reason}});
}
/// All members by name; enumerations by their names, numbers that are not finite become null when written.
template <AnyJson J = Json>
J to_json(const Execution& e) {
  return detail::any_object<J>(
      {{"signal_id", e.signal_id}, {"outcome", name_of(e.outcome)}, {"notional", e.notional}, {"timestamp", e.timestamp}});
}
/// All members by name; enumerations by their names, numbers that are not finite become null when written.
template <AnyJson J = Json>
J to_json(const SignalScore& s) {
  return detail::any_object<J>({{"signal_id", s.signal_id},
                                {"probability", s.probability},
                                {"propensity", s.propensity},
                                {"passed", s.passed},
                                {"version", s.version},
                                {"timestamp", s.timestamp}});
}

/// The record of its JSON form. @throws DataError with the JSON path of the first member that does not fit
template <AnyJson J = Json>
Rejection rejection_from_json(const J& json) {
  const detail::RecordReader in(json, "rejection");
  Rejection rejection;
  rejection.signal_id = in.text("signal_id");
  rejection.reason = in.text("reason");
  rejection.code = in.find("code") == nullptr ? code_of_reason(rejection.reason)
                                              : in.template name<RejectionCode>("code", num_rejection_codes);
  rejection.stage = in.find("stage") == nullptr ? usual_stage(rejection.code) : in.template name<Stage>("stage", num_stages);
  rejection.timestamp = in.number("timestamp");
  return rejection;
}
/// As `rejection_from_json`, of another record. @throws DataError with the JSON path of the first member that does not fit
template <AnyJson J = Json>
PnlSnapshot pnl_snapshot_from_json(const J& json) {
  const detail::RecordReader in(json, "pnl_snapshot");
  return {in.text("signal_id"), in.number("pnl"), in.number("timestamp"), in.boolean_or("final", true)};
}
/// As `rejection_from_json`, of another record. @throws DataError with the JSON path of the first member that does not fit
template <AnyJson J = Json>
MarketSnapshot market_snapshot_from_json(const J& json) {
  const detail::RecordReader in(json, "market_snapshot");
  return {in.text("market"),
          in.number("timestamp"),
          in.number("price"),
          in.number_or("volatility", 0.0),
          in.number_or("trend_score", 0.0),
          in.number_or("spread_bps", 0.0)};
}
/// As `rejection_from_json`, of another record. @throws DataError with the JSON path of the first member that does not fit
template <AnyJson J = Json>
TradeCommand trade_command_from_json(const J& json) {
  const detail::RecordReader in(json, "trade_command");
  TradeCommand command{in.text("signal_id"), in.text("strategy"), {}, {}};
  const J& params = in.value("params");
  std::vector<MalformedField> malformed;
  if (!params.is_object()) in.wrong("params", "an object", params);
  command.params = detail::params_from_json(params, malformed);
  if (!malformed.empty()) {
    throw DataError("trade_command." + malformed.front().field + ": expected another type, found " + malformed.front().found);
  }
  command.metadata.timestamp = detail::RecordReader(in.value("metadata"), "trade_command.metadata").number("timestamp");
  return command;
}
/// As `rejection_from_json`, of another record. @throws DataError with the JSON path of the first member that does not fit
template <AnyJson J = Json>
PipelinePackage pipeline_package_from_json(const J& json) {
  const detail::RecordReader in(json, "package");
  return {trade_command_from_json(in.value("command")), in.number("timestamp"), in.number_or("priority", 1.0)};
}
/// As `rejection_from_json`, of another record. @throws DataError with the JSON path of the first member that does not fit
template <AnyJson J = Json>
AgentExchange agent_exchange_from_json(const J& json) {
  const detail::RecordReader in(json, "agent_exchange");
  return {in.count_or("correlation_id", 0),
          in.template name<Topic>("topic", num_topics),
          in.text("signal_id"),
          in.template name<AnswerStatus>("status", num_answer_statuses),
          in.number("sent_at"),
          in.number("received_at"),
          in.text_or("reason", {})};
}
/// As `rejection_from_json`, of another record. @throws DataError with the JSON path of the first member that does not fit
template <AnyJson J = Json>
Execution execution_from_json(const J& json) {
  const detail::RecordReader in(json, "execution");
  return {in.text("signal_id"), in.template name<ExecutionOutcome>("outcome", num_execution_outcomes), in.number("notional"),
          in.number("timestamp")};
}
/// As `rejection_from_json`, of another record. @throws DataError with the JSON path of the first member that does not fit
template <AnyJson J = Json>
SignalScore signal_score_from_json(const J& json) {
  const detail::RecordReader in(json, "signal_score");
  return {in.text("signal_id"),          in.number("probability"),  in.number_or("propensity", 1.0),
          in.boolean_or("passed", true), in.count_or("version", 0), in.number("timestamp")};
}

}  // namespace rlx::inline v0_1::signals

#endif  // RLX_SIGNALS_DETAIL_RECORDS_TREE_HPP
