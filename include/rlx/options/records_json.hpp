// SPDX-License-Identifier: MIT
/// @file
/// @brief The records of the decision log as JSON and back: keys in a fixed order, money exact, numbers shortest.
#ifndef RLX_OPTIONS_RECORDS_JSON_HPP
#define RLX_OPTIONS_RECORDS_JSON_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <rlx/core/clock.hpp>
#include <rlx/io/iso8601.hpp>
#include <rlx/market/fixed8.hpp>
#include <rlx/options/decision_log.hpp>
#include <rlx/options/error.hpp>
#include <rlx/options/instrument.hpp>
#include <rlx/options/records.hpp>

namespace rlx::inline v0_1::options {

namespace detail {

using Json = nlohmann::ordered_json;

/// Whether a double holds the amount exactly: 15 digits always survive.
inline bool fits_json_number(market::Fixed8 value) {
  constexpr std::int64_t limit = 1'000'000'000'000'000;
  return value.units() > -limit && value.units() < limit;
}
/// A number while that is exact, else its text.
inline Json money_json(market::Fixed8 value) {
  return fits_json_number(value) ? Json(value.to_double()) : Json(value.to_string());
}
inline void append_money(std::string& text, market::Fixed8 value) {
  if (fits_json_number(value)) return io::detail::append_json_number(text, value.to_double());
  text.append("\"").append(value.to_string()).append("\"");
}

/// Reads members of one object; what is missing or of another type is a LogError that names it.
class Fields {
 public:
  Fields(const Json& object, std::string_view what) : object_(object), what_(what) {
    if (!object.is_object()) throw LogError("log record: expected " + std::string(what) + " to be an object");
  }

  const Json& at(const char* key) const {
    const auto found = object_.find(key);
    if (found == object_.end()) throw LogError("log record: missing '" + std::string(key) + "' in " + std::string(what_));
    return *found;
  }
  bool has(const char* key) const {
    const auto found = object_.find(key);
    return found != object_.end() && !found->is_null();
  }
  Fields object(const char* key) const { return {at(key), key}; }
  const Json& array(const char* key) const {
    if (!at(key).is_array()) fail(key, "an array");
    return at(key);
  }
  std::string text(const char* key) const {
    if (!at(key).is_string()) fail(key, "a text");
    return at(key).get<std::string>();
  }
  bool flag(const char* key) const {
    if (!at(key).is_boolean()) fail(key, "true or false");
    return at(key).get<bool>();
  }
  /// null reads as NaN: unknown.
  double number(const char* key) const { return number_of(at(key), key); }
  double number_of(const Json& value, const char* key) const {
    if (value.is_null()) return std::numeric_limits<double>::quiet_NaN();
    if (!value.is_number()) fail(key, "a number");
    return value.get<double>();
  }
  template <class Integer>
  Integer integer(const char* key) const {
    return integer_of<Integer>(at(key), key);
  }
  template <class Integer>
  Integer integer_of(const Json& value, const char* key) const {
    const bool fits = value.is_number_unsigned()  ? std::in_range<Integer>(value.get<std::uint64_t>())
                      : value.is_number_integer() ? std::in_range<Integer>(value.get<std::int64_t>())
                                                  : false;
    if (!fits) fail(key, "an integer in range");
    return value.get<Integer>();
  }
  market::Fixed8 money(const char* key) const { return money_of(at(key), key); }
  market::Fixed8 money_of(const Json& value, const char* key) const {
    try {
      if (value.is_string()) return market::Fixed8::parse(value.get_ref<const std::string&>());
      if (value.is_number()) return market::Fixed8::from_double(value.get<double>());
    } catch (const Error&) {
    }
    fail(key, "a decimal number");
  }
  std::int64_t time(const char* key) const {
    const auto ms = io::try_parse_time_ms(text(key));
    if (!ms) fail(key, "a time");
    return *ms;
  }
  /// One of the names of an enumeration, whose values count from 0 up to `last`.
  template <class E>
  E name(const char* key, E last) const {
    const std::string given = text(key);
    for (int i = 0; i <= static_cast<int>(last); ++i) {
      if (name_of(static_cast<E>(i)) == given) return static_cast<E>(i);
    }
    fail(key, ("a known name, found '" + given.substr(0, 40) + '\'').c_str());
  }

  [[noreturn]] void fail(const char* key, const char* expected) const {
    throw LogError("log record: expected '" + std::string(key) + "' in " + std::string(what_) + " to be " + expected);
  }

 private:
  const Json& object_;
  std::string_view what_;
};

constexpr std::string_view side_name(Side side) { return side == Side::buy ? "buy" : "sell"; }
constexpr std::string_view time_in_force_name(TimeInForce value) {
  return value == TimeInForce::good_til_cancelled ? "good_til_cancelled" : "immediate_or_cancel";
}
constexpr std::string_view option_type_name(OptionType type) { return type == OptionType::call ? "call" : "put"; }

inline bool is_linear(std::string_view symbol) {
  const std::optional<InstrumentName> name = try_parse_instrument_name(symbol);
  return name && name->settlement == SettlementType::linear;
}

inline Json diagnostics_json(const std::optional<ActionDiagnostics>& d) {
  if (!d) return nullptr;
  return {{"delta", d->delta}, {"dte", d->dte}, {"premium_usd", d->premium_usd}, {"ivrv", d->ivrv}};
}
inline std::optional<ActionDiagnostics> diagnostics_from(const Fields& in) {
  if (!in.has("diagnostics")) return std::nullopt;
  const Fields d = in.object("diagnostics");
  return ActionDiagnostics{d.number("delta"), d.number("dte"), d.number("premium_usd"), d.number("ivrv")};
}

inline Json risk_json(const RiskCheck& check) { return {{"allowed", check.allowed}, {"reasons", check.reasons}}; }
inline RiskCheck risk_from(const Fields& in) {
  RiskCheck check{in.flag("allowed"), {}};
  for (const Json& reason : in.array("reasons")) {
    if (!reason.is_string()) in.fail("reasons", "texts");
    check.reasons.push_back(reason.get<std::string>());
  }
  return check;
}

/// An action with the keys of specification 3.7 in their order; members that an action of its type does not have are left out.
inline Json logged_action(const Action& action) {
  Json json = {{"action", name_of(action.type)}, {"mode", name_of(action.mode)}};
  if (action.strategy) json["strategy"] = *action.strategy;
  if (!action.underlying.empty()) json["underlying"] = action.underlying;
  Json params = Json::object();
  if (!action.symbol.empty()) params["symbol"] = action.symbol;
  if (!action.roll_to.empty()) params["roll_to"] = action.roll_to;
  if (action.size.sign() != 0) params["size"] = money_json(action.size);
  json["params"] = std::move(params);
  if (action.diagnostics) json["diagnostics"] = diagnostics_json(action.diagnostics);
  json["reasoning"] = action.reasoning;
  json["policy_version"] = action.policy_version;
  json["decision_source"] = name_of(action.decision_source);
  json["propensity"] = action.propensity;
  return json;
}

/// The meta action above the legs of a ladder.
inline Json logged_ladder(const Action& meta, const std::vector<Action>& legs) {
  Json list = Json::array();
  for (const Action& leg : legs) {
    list.push_back({{"strategy", leg.strategy ? Json(*leg.strategy) : Json()},
                    {"symbol", leg.symbol},
                    {"underlying", leg.underlying},
                    {"diagnostics", diagnostics_json(leg.diagnostics)}});
  }
  return {{"action", name_of(meta.type)},
          {"mode", name_of(meta.mode)},
          {"params", {{"legs", std::move(list)}}},
          {"reasoning", meta.reasoning}};
}

inline Action action_from(const Fields& in) {
  Action action;
  action.type = in.name("action", ActionType::training_ladder);
  action.mode = in.name("mode", AgentMode::training);
  if (in.has("strategy")) action.strategy = in.text("strategy");
  if (in.has("underlying")) action.underlying = in.text("underlying");
  const Fields params = in.object("params");
  if (params.has("symbol")) action.symbol = params.text("symbol");
  if (params.has("roll_to")) action.roll_to = params.text("roll_to");
  if (params.has("size")) action.size = params.money("size");
  action.diagnostics = diagnostics_from(in);
  action.reasoning = in.text("reasoning");
  if (in.has("policy_version")) action.policy_version = in.text("policy_version");
  if (in.has("decision_source")) action.decision_source = in.name("decision_source", DecisionSource::error);
  if (in.has("propensity")) action.propensity = in.number("propensity");
  return action;
}

inline Json planned_leg_json(const PlannedLeg& leg) {
  return {{"label", leg.label},
          {"role", name_of(leg.role)},
          {"amount", money_json(leg.amount)},
          {"action", logged_action(leg.action)}};
}
inline PlannedLeg planned_leg_from(const Fields& in) {
  return {in.text("label"), in.name("role", LegRole::roll_open), action_from(in.object("action")), in.money("amount")};
}

inline Json order_json(const OrderRequest& order) {
  return {{"side", side_name(order.side)},
          {"symbol", order.symbol},
          {"underlying", order.underlying},
          {"amount", money_json(order.amount)},
          {"price", money_json(order.price)},
          {"time_in_force", time_in_force_name(order.time_in_force)},
          {"post_only", order.post_only},
          {"reduce_only", order.reduce_only},
          {"label", order.label},
          {"valid_until", order.valid_until_ms}};
}
inline OrderRequest order_from(const Fields& in) {
  OrderRequest order;
  order.side = in.text("side") == side_name(Side::buy) ? Side::buy : Side::sell;
  order.symbol = in.text("symbol");
  order.underlying = in.text("underlying");
  order.amount = in.money("amount");
  order.price = in.money("price");
  order.time_in_force = in.text("time_in_force") == time_in_force_name(TimeInForce::immediate_or_cancel)
                            ? TimeInForce::immediate_or_cancel
                            : TimeInForce::good_til_cancelled;
  order.post_only = in.flag("post_only");
  order.reduce_only = in.flag("reduce_only");
  order.label = in.text("label");
  order.valid_until_ms = in.integer<std::int64_t>("valid_until");
  return order;
}

/// One element of `execution.legs`.
inline Json leg_result_json(const LegResult& leg) {
  Json orders = Json::array();
  if (leg.order) orders.push_back(order_json(*leg.order));
  Json execution = {{"status", leg.simulated ? std::string_view("simulated") : name_of(leg.state)},
                    {"orders", std::move(orders)},
                    {"label", leg.leg.label},
                    {"role", name_of(leg.leg.role)},
                    {"amount", money_json(leg.leg.amount)}};
  if (leg.simulated) execution["state"] = name_of(leg.state);
  if (leg.rejected_by != RejectedBy::none) execution["rejected_by"] = name_of(leg.rejected_by);
  if (!leg.order_id.empty()) execution["order_id"] = leg.order_id;
  execution["filled_amount"] = money_json(leg.filled_amount);
  execution["average_price"] = money_json(leg.average_price);
  execution["fee"] = money_json(leg.fee);
  execution["index"] = leg.index;
  execution["mark"] = money_json(leg.mark);
  if (leg.code != 0) execution["code"] = leg.code;
  if (!leg.message.empty()) execution["message"] = leg.message;
  return {{"action", logged_action(leg.leg.action)},
          {"risk_check", risk_json(leg.risk_check)},
          {"execution", std::move(execution)}};
}
inline LegResult leg_result_from(const Fields& in) {
  LegResult leg;
  const Fields execution = in.object("execution");
  leg.leg = {execution.text("label"), execution.name("role", LegRole::roll_open), action_from(in.object("action")),
             execution.money("amount")};
  leg.risk_check = risk_from(in.object("risk_check"));
  leg.simulated = execution.text("status") == "simulated";
  leg.state = execution.name(leg.simulated ? "state" : "status", LegState::unknown);
  if (execution.has("rejected_by")) leg.rejected_by = execution.name("rejected_by", RejectedBy::abort);
  if (const Json& orders = execution.array("orders"); !orders.empty()) leg.order = order_from({orders[0], "an order"});
  if (execution.has("order_id")) leg.order_id = execution.text("order_id");
  leg.filled_amount = execution.money("filled_amount");
  leg.average_price = execution.money("average_price");
  leg.fee = execution.money("fee");
  leg.index = execution.number("index");
  leg.mark = execution.money("mark");
  if (execution.has("code")) leg.code = execution.integer<int>("code");
  if (execution.has("message")) leg.message = execution.text("message");
  return leg;
}

/// What the legs of one group came to.
struct LegTotals {
  std::int64_t legs = 0, filled = 0, resting = 0, rejected = 0, unknown = 0;
  double premium_usd = 0.0, fee_usd = 0.0;
  market::Fixed8 filled_amount;

  void add(const LegResult& leg) {
    ++legs;
    filled += leg.filled_amount.sign() > 0 ? 1 : 0;
    resting += leg.state == LegState::resting ? 1 : 0;
    rejected += leg.state == LegState::rejected ? 1 : 0;
    unknown += leg.state == LegState::unknown ? 1 : 0;
    const bool sells = leg.leg.role == LegRole::open || leg.leg.role == LegRole::roll_open;
    const double usd = is_linear(leg.order ? std::string_view(leg.order->symbol) : leg.leg.action.symbol) ? 1.0 : leg.index;
    const double money = multiply(leg.filled_amount, leg.average_price).to_double() * usd;
    premium_usd += sells ? money : -money;
    fee_usd += leg.fee.to_double() * usd;
    filled_amount += leg.filled_amount;
  }
  Json json(bool one_underlying) const {
    Json result = {{"legs", legs},       {"filled", filled},           {"resting", resting}, {"rejected", rejected},
                   {"unknown", unknown}, {"premium_usd", premium_usd}, {"fee_usd", fee_usd}};
    if (one_underlying) result["filled_amount"] = money_json(filled_amount);
    return result;
  }
};

inline Json execution_json(const ExecutionRecord& execution) {
  Json legs = Json::array();
  // In the order of first appearance; production legs have no strategy.
  std::vector<std::pair<std::string, LegTotals>> strategies, underlyings;
  const auto group = [](auto& groups, const std::string& key) -> LegTotals& {
    for (auto& [name, totals] : groups) {
      if (name == key) return totals;
    }
    return groups.emplace_back(key, LegTotals{}).second;
  };
  for (const LegResult& leg : execution.legs) {
    legs.push_back(leg_result_json(leg));
    group(strategies, leg.leg.action.strategy.value_or("-")).add(leg);
    group(underlyings, leg.leg.action.underlying).add(leg);
  }
  Json by_strategy = Json::object(), by_underlying = Json::object();
  for (const auto& [name, totals] : strategies) by_strategy[name] = totals.json(false);
  for (const auto& [name, totals] : underlyings) by_underlying[name] = totals.json(true);
  return {{"status", name_of(execution.status)},
          {"dry_run", execution.dry_run},
          {"legs", std::move(legs)},
          {"fill_status", name_of(execution.fill_status)},
          {"totals", {{"by_strategy", std::move(by_strategy)}, {"by_underlying", std::move(by_underlying)}}},
          {"aborted_reason", execution.aborted_reason.empty() ? Json() : Json(execution.aborted_reason)}};
}
inline ExecutionRecord execution_from(const Fields& in) {
  ExecutionRecord execution;
  execution.status = in.name("status", LadderStatus::completed);
  execution.fill_status = in.name("fill_status", FillStatus::full);
  execution.dry_run = in.flag("dry_run");
  for (const Json& leg : in.array("legs")) execution.legs.push_back(leg_result_from({leg, "a leg"}));
  if (in.has("aborted_reason")) execution.aborted_reason = in.text("aborted_reason");
  return execution;
}

inline Json position_json(const Position& position) {
  return {{"symbol", position.symbol},
          {"underlying", position.underlying},
          {"type", option_type_name(position.type)},
          {"strike", position.strike},
          {"expiry_ms", position.expiry_ms},
          {"size", money_json(position.size)},
          {"average_price", money_json(position.average_price)},
          {"mark", money_json(position.mark)},
          {"delta", position.delta}};
}
inline Position position_from(const Fields& in) {
  Position position;
  position.symbol = in.text("symbol");
  position.underlying = in.text("underlying");
  position.type = in.text("type") == "call" ? OptionType::call : OptionType::put;
  position.strike = in.number("strike");
  position.expiry_ms = in.integer<std::int64_t>("expiry_ms");
  position.size = in.money("size");
  position.average_price = in.money("average_price");
  position.mark = in.money("mark");
  position.delta = in.number("delta");
  return position;
}

inline Json state_json(const DecisionRecord& record) {
  Json names = Json::array(), spot = Json::object(), balances = Json::object(), equity = Json::object();
  Json margin = Json::object(), net_delta = Json::object(), positions = Json::array(), rejected = Json::object();
  Json iv = Json::object(), rv = Json::object(), ivrv = Json::object();
  for (const UnderlyingRecord& one : record.underlyings) {
    const std::string& name = one.underlying;
    names.push_back(name);
    spot[name] = one.spot;
    balances[name] = money_json(one.balance);
    equity[name] = money_json(one.equity);
    margin[name] = one.margin_used_pct;
    net_delta[name] = one.net_delta;
    for (const Position& position : one.positions) positions.push_back(position_json(position));
    iv[name] = one.iv;
    rv[name] = one.rv ? Json(*one.rv) : Json();
    ivrv[name] = one.rv && *one.rv > 0.0 && one.iv > 0.0 ? Json(one.iv / *one.rv) : Json();
    rejected[name] = one.rejected_rows;
  }
  return {{"timestamp", log_timestamp(record.timestamp_ms)},
          {"underlyings", std::move(names)},
          {"spot", std::move(spot)},
          {"portfolio",
           {{"balances", std::move(balances)},
            {"equity", std::move(equity)},
            {"margin_used_pct", std::move(margin)},
            {"net_delta", std::move(net_delta)},
            {"positions", std::move(positions)}}},
          {"vol_state", {{"iv", std::move(iv)}, {"rv", std::move(rv)}, {"ivrv", std::move(ivrv)}}},
          {"rejected_rows", std::move(rejected)}};
}
inline void state_from(const Fields& in, DecisionRecord& record) {
  record.timestamp_ms = in.time("timestamp");
  const Fields spot = in.object("spot"), portfolio = in.object("portfolio"), vol = in.object("vol_state");
  const Fields balances = portfolio.object("balances"), equity = portfolio.object("equity");
  const Fields margin = portfolio.object("margin_used_pct"), net_delta = portfolio.object("net_delta");
  const Fields iv = vol.object("iv"), rv = vol.object("rv"), rejected = in.object("rejected_rows");
  for (const Json& name : in.array("underlyings")) {
    if (!name.is_string()) in.fail("underlyings", "texts");
    UnderlyingRecord one;
    one.underlying = name.get<std::string>();
    const char* const key = one.underlying.c_str();
    one.spot = spot.number(key);
    one.balance = balances.money(key);
    one.equity = equity.money(key);
    one.margin_used_pct = margin.number(key);
    one.net_delta = net_delta.number(key);
    one.iv = iv.number(key);
    if (rv.has(key)) one.rv = rv.number(key);
    one.rejected_rows = rejected.integer<std::uint32_t>(key);
    record.underlyings.push_back(std::move(one));
  }
  for (const Json& position : portfolio.array("positions")) {
    Position read = position_from({position, "a position"});
    for (UnderlyingRecord& one : record.underlyings) {
      if (one.underlying == read.underlying) one.positions.push_back(read);
    }
  }
}

inline Json config_json(const DecisionRecord& record) {
  if (!record.config_snapshot) return Json::object();
  Json config = Json::parse(*record.config_snapshot, nullptr, false);
  if (!config.is_object()) throw LogError("decision record: config_snapshot must be the text of a JSON object");
  return config;
}

/// `[symbol, delta, dte, premium_usd, ivrv, bid, ask, iv, profile_bits]`, then what the dataset needs besides:
/// `underlying, strike, expiry_ms, rv or null, mark, spread_pct, open_interest or null`. A missing quote is null.
inline void append_candidate(std::string& text, const CandidateRecord& c) {
  // Straight to text: a tick logs hundreds of them, and a tree of values would cost most of the tick.
  const auto number = [&text](double value) {
    text += ',';
    io::detail::append_json_number(text, value);
  };
  const auto quote = [&text](market::Fixed8 price) {
    text += ',';
    if (price.sign() == 0) {
      text += "null";
    } else {
      append_money(text, price);
    }
  };
  text += '[';
  io::detail::append_json_string(text, c.symbol);
  number(c.delta);
  number(c.dte);
  number(c.premium_usd);
  number(c.ivrv);
  quote(c.bid);
  quote(c.ask);
  number(c.iv);
  text += ',';
  io::detail::append_json_integer(text, c.profile_bits);
  text += ',';
  io::detail::append_json_string(text, c.underlying);
  number(c.strike);
  text += ',';
  io::detail::append_json_integer(text, c.expiry_ms);
  number(c.ivrv_known ? c.rv : std::numeric_limits<double>::quiet_NaN());  // NaN is written as null
  quote(c.mark);
  number(c.spread_pct);
  number(c.open_interest);
  text += ']';
}
inline CandidateRecord candidate_from(const Json& row) {
  const Json object = Json::object();
  const Fields in(object, "a candidate");
  if (!row.is_array() || row.size() != 16 || !row[0].is_string() || !row[9].is_string()) {
    in.fail("candidates", "rows of 16 values");
  }
  const auto quote = [&](std::size_t i) {
    return row[i].is_null() ? market::Fixed8() : in.money_of(row[i], "a quote of a candidate");
  };
  const auto number = [&](std::size_t i) { return in.number_of(row[i], "a number of a candidate"); };
  CandidateRecord c;
  c.symbol = row[0].get<std::string>();
  c.delta = number(1);
  c.dte = number(2);
  c.premium_usd = number(3);
  c.ivrv = number(4);
  c.bid = quote(5);
  c.ask = quote(6);
  c.iv = number(7);
  c.profile_bits = in.integer_of<std::uint32_t>(row[8], "profile_bits");
  c.underlying = row[9].get<std::string>();
  c.strike = number(10);
  c.expiry_ms = in.integer_of<std::int64_t>(row[11], "expiry_ms");
  c.ivrv_known = !row[12].is_null();
  c.rv = c.ivrv_known ? number(12) : 0.0;
  c.mark = quote(13);
  c.spread_pct = number(14);
  c.open_interest = number(15);
  return c;
}

}  // namespace detail

/// @name Typed records to log records
/// Money is written as a JSON number while a double holds it exactly, else as its text. `timestamp_ms` is the time of writing.
///@{
inline Record make_record(std::int64_t timestamp_ms, const StartRecord& start) {
  return {RecordType::start,
          timestamp_ms,
          {{"run_id", start.run_id},
           {"account", start.account},
           {"environment", name_of(start.environment)},
           {"tick_seq", start.tick_seq},
           {"equity_usd", start.equity_usd}}};
}
inline Record make_record(std::int64_t timestamp_ms, const PlanRecord& plan) {
  nlohmann::ordered_json legs = nlohmann::ordered_json::array();
  for (const PlannedLeg& leg : plan.legs) legs.push_back(detail::planned_leg_json(leg));
  return {
      RecordType::plan,
      timestamp_ms,
      {{"tick_seq", plan.tick_seq}, {"run_id", plan.run_id}, {"valid_for_ms", plan.valid_for_ms}, {"legs", std::move(legs)}}};
}
inline Record make_record(std::int64_t timestamp_ms, const LegRecord& leg) {
  nlohmann::ordered_json body = {{"tick_seq", leg.tick_seq},
                                 {"label", leg.label},
                                 {"from", name_of(leg.from)},
                                 {"to", name_of(leg.to)},
                                 {"rejected_by", name_of(leg.rejected_by)},
                                 {"order_id", leg.order_id},
                                 {"price", detail::money_json(leg.price)},
                                 {"filled_amount", detail::money_json(leg.filled_amount)},
                                 {"average_price", detail::money_json(leg.average_price)},
                                 {"fee", detail::money_json(leg.fee)},
                                 {"index", leg.index},
                                 {"mark", detail::money_json(leg.mark)},
                                 {"code", leg.code},
                                 {"message", leg.message}};
  return {RecordType::leg, timestamp_ms, body};
}
/// @throws LogError if `config_snapshot` is not a JSON object
inline Record make_record(std::int64_t timestamp_ms, const DecisionRecord& record) {
  const auto action = [&record](const Action& one) {
    return one.type == ActionType::training_ladder ? detail::logged_ladder(one, record.ladder) : detail::logged_action(one);
  };
  Record made(RecordType::decision, timestamp_ms,
              {{"tick_seq", record.tick_seq},
               {"run_id", record.run_id},
               {"environment", name_of(record.environment)},
               {"decision_source", name_of(record.decision_source)},
               {"policy_version", record.policy_version},
               {"state", detail::state_json(record)}});
  made.members += ",\"candidates\":[";
  for (std::size_t i = 0; i < record.candidates.size(); ++i) {
    if (i != 0) made.members += ',';
    detail::append_candidate(made.members, record.candidates[i]);
  }
  nlohmann::ordered_json rest = {{"proposed_action", action(record.proposed_action)},
                                 {"risk_check", detail::risk_json(record.risk_check)},
                                 {"final_action", action(record.final_action)},
                                 {"execution", detail::execution_json(record.execution)},
                                 {"config_snapshot", detail::config_json(record)}};
  if (record.shadow_action) rest["shadow_action"] = action(*record.shadow_action);
  if (!record.error.empty()) rest["error"] = record.error;
  made.members.append("],").append(Record(RecordType::decision, timestamp_ms, rest).members);
  return made;
}
inline Record make_record(std::int64_t timestamp_ms, const SettlementRecord& record) {
  const Settlement& one = record.settlement;
  return {RecordType::settlement,
          timestamp_ms,
          {{"symbol", one.symbol},
           {"underlying", one.underlying},
           {"timestamp", detail::log_timestamp(one.ts_ms)},
           {"amount", detail::money_json(one.amount)},
           {"settlement_price", one.settlement_price},
           {"gap_ms", one.gap_ms},
           {"payoff", detail::money_json(one.payoff)},
           {"delivery_fee", detail::money_json(one.delivery_fee)}}};
}
inline Record make_record(std::int64_t timestamp_ms, const ReconcileRecord& record) {
  return {RecordType::reconcile,
          timestamp_ms,
          {{"tick_seq", record.tick_seq},
           {"symbol", record.symbol},
           {"label", record.label},
           {"order_id", record.order_id},
           {"log_size", detail::money_json(record.log_size)},
           {"venue_size", detail::money_json(record.venue_size)},
           {"adopted", record.adopted},
           {"message", record.message}}};
}
inline Record make_record(std::int64_t timestamp_ms, const ErrorRecord& record) {
  return {RecordType::error,
          timestamp_ms,
          {{"tick_seq", record.tick_seq}, {"where", record.where}, {"message", record.message}, {"alarm", record.alarm}}};
}
inline Record make_record(std::int64_t timestamp_ms, const KillRecord& record) {
  return {
      RecordType::kill, timestamp_ms, {{"tick_seq", record.tick_seq}, {"reason", record.reason}, {"message", record.message}}};
}
inline Record make_record(std::int64_t timestamp_ms, const KillReleasedRecord& record) {
  return {RecordType::kill_released, timestamp_ms, {{"run_id", record.run_id}, {"reason", record.reason}}};
}
inline Record make_record(std::int64_t timestamp_ms, const StopRecord& record) {
  return {
      RecordType::stop, timestamp_ms, {{"run_id", record.run_id}, {"tick_seq", record.tick_seq}, {"reason", record.reason}}};
}
///@}

/// @name Log records to typed records
/// Take the object of `LogEntry::json()`. Members that are not known here are ignored. @throws LogError naming the member
///@{
/// Reads a start record.
inline StartRecord start_from_json(const nlohmann::ordered_json& body) {
  const detail::Fields in(body, "a start record");
  return {in.text("run_id"), in.text("account"), in.name("environment", VenueEnvironment::mainnet),
          in.integer<std::uint64_t>("tick_seq"), in.number("equity_usd")};
}
/// Reads a plan record.
inline PlanRecord plan_from_json(const nlohmann::ordered_json& body) {
  const detail::Fields in(body, "a plan record");
  PlanRecord plan{in.integer<std::uint64_t>("tick_seq"), in.text("run_id"), in.integer<int>("valid_for_ms"), {}};
  for (const auto& leg : in.array("legs")) plan.legs.push_back(detail::planned_leg_from({leg, "a leg"}));
  return plan;
}
/// Reads a leg record.
inline LegRecord leg_from_json(const nlohmann::ordered_json& body) {
  const detail::Fields in(body, "a leg record");
  LegRecord leg;
  leg.tick_seq = in.integer<std::uint64_t>("tick_seq");
  leg.label = in.text("label");
  leg.from = in.name("from", LegState::unknown);
  leg.to = in.name("to", LegState::unknown);
  leg.rejected_by = in.name("rejected_by", RejectedBy::abort);
  leg.order_id = in.text("order_id");
  leg.price = in.money("price");
  leg.filled_amount = in.money("filled_amount");
  leg.average_price = in.money("average_price");
  leg.fee = in.money("fee");
  leg.index = in.number("index");
  leg.mark = in.money("mark");
  leg.code = in.integer<int>("code");
  leg.message = in.text("message");
  return leg;
}
/// Reads a decision record. The actions of a ladder come from its executed legs where these are there.
inline DecisionRecord decision_from_json(const nlohmann::ordered_json& body) {
  const detail::Fields in(body, "a decision record");
  DecisionRecord record;
  record.tick_seq = in.integer<std::uint64_t>("tick_seq");
  record.run_id = in.text("run_id");
  record.environment = in.name("environment", VenueEnvironment::mainnet);
  record.decision_source = in.name("decision_source", DecisionSource::error);
  record.policy_version = in.text("policy_version");
  detail::state_from(in.object("state"), record);
  for (const auto& row : in.array("candidates")) record.candidates.push_back(detail::candidate_from(row));
  record.execution = detail::execution_from(in.object("execution"));
  // A ladder is logged with what identifies its legs; the actions themselves stand in execution.legs.
  const auto action = [&](const char* key) {
    Action one = detail::action_from(in.object(key));
    if (one.type == ActionType::training_ladder) {
      one.decision_source = record.decision_source;
      one.policy_version = record.policy_version;
    }
    return one;
  };
  record.proposed_action = action("proposed_action");
  record.risk_check = detail::risk_from(in.object("risk_check"));
  record.final_action = action("final_action");
  if (in.has("shadow_action")) record.shadow_action = action("shadow_action");
  if (in.has("error")) record.error = in.text("error");
  std::string config;
  io::detail::append_json(config, in.at("config_snapshot"));
  record.config_snapshot = std::make_shared<const std::string>(std::move(config));
  if (record.proposed_action.type != ActionType::training_ladder) return record;
  for (const auto& leg : in.object("proposed_action").object("params").array("legs")) {
    const detail::Fields fields(leg, "a leg of the ladder");
    const std::string symbol = fields.text("symbol");
    const auto executed = std::find_if(record.execution.legs.begin(), record.execution.legs.end(),
                                       [&](const LegResult& one) { return one.leg.action.symbol == symbol; });
    if (executed != record.execution.legs.end()) {
      record.ladder.push_back(executed->leg.action);
      continue;
    }
    Action known;
    known.type = ActionType::open_covered_call;
    known.mode = record.proposed_action.mode;
    if (fields.has("strategy")) known.strategy = fields.text("strategy");
    known.underlying = fields.text("underlying");
    known.symbol = symbol;
    known.diagnostics = detail::diagnostics_from(fields);
    record.ladder.push_back(std::move(known));
  }
  return record;
}
/// Reads a settlement record.
inline SettlementRecord settlement_from_json(const nlohmann::ordered_json& body) {
  const detail::Fields in(body, "a settlement record");
  Settlement one;
  one.symbol = in.text("symbol");
  one.underlying = in.text("underlying");
  one.ts_ms = in.time("timestamp");
  one.amount = in.money("amount");
  one.settlement_price = in.number("settlement_price");
  one.gap_ms = in.integer<std::int64_t>("gap_ms");
  one.payoff = in.money("payoff");
  one.delivery_fee = in.money("delivery_fee");
  return {one};
}
/// Reads a reconcile record.
inline ReconcileRecord reconcile_from_json(const nlohmann::ordered_json& body) {
  const detail::Fields in(body, "a reconcile record");
  return {in.integer<std::uint64_t>("tick_seq"),
          in.text("symbol"),
          in.text("label"),
          in.text("order_id"),
          in.money("log_size"),
          in.money("venue_size"),
          in.flag("adopted"),
          in.text("message")};
}
/// Reads an error record.
inline ErrorRecord error_from_json(const nlohmann::ordered_json& body) {
  const detail::Fields in(body, "an error record");
  return {in.integer<std::uint64_t>("tick_seq"), in.text("where"), in.text("message"), in.flag("alarm")};
}
/// Reads a kill record.
inline KillRecord kill_from_json(const nlohmann::ordered_json& body) {
  const detail::Fields in(body, "a kill record");
  return {in.integer<std::uint64_t>("tick_seq"), in.text("reason"), in.text("message")};
}
/// Reads a kill_released record.
inline KillReleasedRecord kill_released_from_json(const nlohmann::ordered_json& body) {
  const detail::Fields in(body, "a kill_released record");
  return {in.text("run_id"), in.text("reason")};
}
/// Reads a stop record.
inline StopRecord stop_from_json(const nlohmann::ordered_json& body) {
  const detail::Fields in(body, "a stop record");
  return {in.text("run_id"), in.integer<std::uint64_t>("tick_seq"), in.text("reason")};
}
///@}

/**
 * @brief Writes typed records into a decision log with the time of a clock.
 *
 * Plan, decision, start, kill, kill_released and stop records are on the device when `write` returns; the others are handed to
 * the operating system and become durable with the next of those (a leg can be recovered from the venue by its label).
 * @tparam C  any Clock
 */
template <io::AppendFiles Files, Clock C>
class LogWriter {
 public:
  /// @param log      takes the records
  /// @param clock    gives their time
  /// @param durable  false never waits for the device: for replays, whose log can be made again. Both references must outlive
  ///                 the writer
  LogWriter(DecisionLog<Files>& log, C& clock, bool durable = true) : log_(&log), clock_(&clock), durable_(durable) {}

  /// @throws LogError the record may not be in the log; nothing must be sent that it was to announce
  template <class R>
  void write(const R& record) {
    const Record made = make_record(clock_->now_ms(), record);
    const bool waits = made.type != RecordType::leg && made.type != RecordType::settlement &&
                       made.type != RecordType::reconcile && made.type != RecordType::error;
    log_->append(made, durable_ && waits ? Durability::fsync : Durability::buffered);
  }

  DecisionLog<Files>& log() noexcept { return *log_; }  ///< The log that it writes to.

 private:
  DecisionLog<Files>* log_;
  C* clock_;
  bool durable_;
};

/// Calls `each(const R&)`, R the typed record of the entry, for every record of a log in order; `each(const R&, const
/// LogEntry&)` where it takes two arguments. `each` is a callable for all of them, for example a generic lambda.
/// @throws LogError `file:line: ...`
template <class F>
LogSummary for_each_record(const LogReader& log, F&& each) {
  return log.for_each([&each](const LogEntry& entry) {
    const nlohmann::ordered_json body = entry.json();
    const auto give = [&](const auto& record) {
      if constexpr (std::is_invocable_v<F&, decltype(record), const LogEntry&>) {
        each(record, entry);
      } else {
        each(record);
      }
    };
    try {
      switch (entry.type) {
        case RecordType::start:
          return give(start_from_json(body));
        case RecordType::plan:
          return give(plan_from_json(body));
        case RecordType::leg:
          return give(leg_from_json(body));
        case RecordType::decision:
          return give(decision_from_json(body));
        case RecordType::settlement:
          return give(settlement_from_json(body));
        case RecordType::reconcile:
          return give(reconcile_from_json(body));
        case RecordType::error:
          return give(error_from_json(body));
        case RecordType::kill:
          return give(kill_from_json(body));
        case RecordType::kill_released:
          return give(kill_released_from_json(body));
        case RecordType::stop:
          return give(stop_from_json(body));
      }
    } catch (const LogError& error) {
      throw LogError(std::string(entry.file) + ':' + std::to_string(entry.line) + ": " + error.what());
    }
  });
}

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_RECORDS_JSON_HPP
