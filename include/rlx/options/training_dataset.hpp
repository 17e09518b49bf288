// SPDX-License-Identifier: MIT
/// @file
/// @brief From the decision log to learning data: one example per decision of a leg, joined with what became of it.
#ifndef RLX_OPTIONS_TRAINING_DATASET_HPP
#define RLX_OPTIONS_TRAINING_DATASET_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <ostream>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <rlx/core/finite.hpp>
#include <rlx/io/csv.hpp>
#include <rlx/io/iso8601.hpp>
#include <rlx/market/fixed8.hpp>
#include <rlx/options/decision_log.hpp>
#include <rlx/options/instrument.hpp>
#include <rlx/options/leg_book.hpp>
#include <rlx/options/records_json.hpp>

namespace rlx::inline v0_1::options {

/// What was decided, in the words of the dataset.
enum class ExampleAction : std::uint8_t { sell_call, roll_call, close_call, do_nothing };

/// The word of the dataset, "SELL_CALL"; "?" for no enumerator.
constexpr std::string_view name_of(ExampleAction action) {
  constexpr std::string_view names[] = {"SELL_CALL", "ROLL_CALL", "CLOSE_CALL", "DO_NOTHING"};
  const auto at = static_cast<std::size_t>(action);
  return at < std::size(names) ? names[at] : "?";
}

/// How the short call of a leg ended. `none`: nothing of it was sold, or it buys back.
enum class LegOutcome : std::uint8_t { none, settled, closed, open_at_end };

/// The word of the dataset, "settled"; empty for `none`, "?" for no enumerator.
constexpr std::string_view name_of(LegOutcome outcome) {
  constexpr std::string_view names[] = {"", "settled", "closed", "open_at_end"};
  const auto at = static_cast<std::size_t>(outcome);
  return at < std::size(names) ? names[at] : "?";
}

/**
 * @brief One decision and its outcome: a leg of a ladder, the one action of the production policy, or to do nothing.
 *
 * Everything up to `propensity` was known at the decision; `state` and what follows came later and must not be an input of a
 * policy. Empty: unknown, or without meaning for the action. Money is in the settlement currency of the option (coin for
 * inverse ones, USDC for linear ones) for the whole leg.
 */
struct TrainingExample {
  std::int64_t decision_time_ms = 0;                            ///< UTC ms
  std::string run_id;                                           ///< of the log directory
  std::uint64_t tick_seq = 0;                                   ///< number of the tick
  std::string label;                                            ///< of the order; empty for DO_NOTHING
  DecisionSource decision_source = DecisionSource::rule_based;  ///< who decided
  ExampleAction action = ExampleAction::do_nothing;             ///< what was decided
  std::optional<std::string> strategy;                          ///< training profile; empty in production
  std::string underlying;                                       ///< "BTC"
  std::string symbol;                                           ///< for ROLL_CALL the call that is sold
  std::optional<double> strike;                                 ///< USD
  std::optional<std::int64_t> expiry_ms;                        ///< UTC ms
  std::optional<double> dte;                                    ///< days to expiry, fractional
  std::optional<double> delta;                                  ///< 0 to 1
  std::optional<double> iv;                                     ///< mark volatility, decimal fraction
  std::optional<double> rv;                                     ///< realised volatility, decimal fraction
  std::optional<double> ivrv;                                   ///< implied over realised volatility; 1 where that is not known
  std::optional<bool> ivrv_known;                               ///< false: `ivrv` is no measurement
  std::optional<double> spot;                                   ///< index, USD
  std::optional<market::Fixed8> bid;                            ///< at the decision
  std::optional<market::Fixed8> ask;                            ///< at the decision
  std::optional<market::Fixed8> mark;                           ///< at the decision
  std::optional<double> premium_usd;                            ///< of one contract at the mid price
  std::optional<double> spread_pct;                             ///< (ask - bid)/mid, percent
  std::optional<double> open_interest;                          ///< contracts
  std::optional<market::Fixed8> size;                           ///< contracts
  std::optional<double> propensity;                             ///< probability with which the policy chose the action, above 0
  std::string state;  ///< of the leg at the end of the log: `filled`, `rejected(risk)`, `simulated` …
  std::optional<market::Fixed8> filled_amount;  ///< contracts; 0 where nothing is filled
  std::optional<market::Fixed8> average_price;  ///< per contract
  std::optional<market::Fixed8> fee;            ///< of all fills
  std::optional<double> settlement_price;       ///< index at the settlement, USD
  std::optional<double> settlement_gap_h;       ///< hours between the index samples around it; 0: published
  LegOutcome outcome = LegOutcome::none;        ///< of the call that was sold
  std::optional<market::Fixed8> pnl_coin;       ///< exact: premium − fee − cost of closing − payoff − delivery fee
  std::optional<double> pnl_usd;                ///< each payment at the index of its time
  std::optional<double> reward;  ///< pnl_coin / filled amount; linear: P&L / (filled amount × index of the fill)
  bool operator==(const TrainingExample&) const = default;  ///< Memberwise.
};

/// One candidate of one tick, and whether the policy chose it. Empty: unknown.
struct CandidateExample {
  std::int64_t decision_time_ms = 0;                            ///< UTC ms
  std::string run_id;                                           ///< of the log directory
  std::uint64_t tick_seq = 0;                                   ///< number of the tick
  DecisionSource decision_source = DecisionSource::rule_based;  ///< who decided
  std::string underlying;                                       ///< "BTC"
  std::string symbol;                                           ///< of the call
  std::optional<double> strike;                                 ///< USD
  std::optional<std::int64_t> expiry_ms;                        ///< UTC ms
  std::optional<double> dte;                                    ///< days to expiry, fractional
  std::optional<double> delta;                                  ///< 0 to 1
  std::optional<double> iv;                                     ///< mark volatility, decimal fraction
  std::optional<double> rv;                                     ///< realised volatility, decimal fraction
  std::optional<double> ivrv;                                   ///< implied over realised volatility; 1 where that is not known
  std::optional<bool> ivrv_known;                               ///< false: `ivrv` is no measurement
  std::optional<double> spot;                                   ///< index, USD
  std::optional<market::Fixed8> bid;                            ///< settlement currency
  std::optional<market::Fixed8> ask;                            ///< settlement currency
  std::optional<market::Fixed8> mark;                           ///< settlement currency
  std::optional<double> premium_usd;                            ///< of one contract at the mid price
  std::optional<double> spread_pct;                             ///< (ask - bid)/mid, percent
  std::optional<double> open_interest;                          ///< contracts
  std::uint64_t profile_bits = 0;                               ///< bit p: it passes the filter of training profile p
  bool chosen = false;                                          ///< the policy proposed to sell it
  std::optional<std::string> chosen_strategy;                   ///< the training profile that did
  bool operator==(const CandidateExample&) const = default;     ///< Memberwise.
};

namespace detail {

/// Calls `v` for every column in the order of the file. The only list of them.
template <class Example, class Visitor>
void visit_features(Example& e, Visitor& v) {
  v.time("expiry", e.expiry_ms);
  v.number("dte", e.dte);
  v.number("delta", e.delta);
  v.number("iv", e.iv);
  v.number("rv", e.rv);
  v.number("ivrv", e.ivrv);
  v.flag("ivrv_known", e.ivrv_known);
  v.number("spot", e.spot);
  v.money("bid", e.bid);
  v.money("ask", e.ask);
  v.money("mark", e.mark);
  v.number("premium_usd", e.premium_usd);
  v.number("spread_pct", e.spread_pct);
  v.number("open_interest", e.open_interest);
}
template <class Example, class Visitor>
requires std::same_as<std::remove_const_t<Example>, TrainingExample>
void visit_columns(Example& e, Visitor& v) {
  v.time("decision_time", e.decision_time_ms);
  v.text("run_id", e.run_id);
  v.count("tick_seq", e.tick_seq);
  v.text("label", e.label);
  v.name("decision_source", e.decision_source, DecisionSource::error);
  v.name("action", e.action, ExampleAction::do_nothing);
  v.text("strategy", e.strategy);
  v.text("underlying", e.underlying);
  v.text("symbol", e.symbol);
  v.number("strike", e.strike);
  visit_features(e, v);
  v.money("size", e.size);
  v.number("propensity", e.propensity);
  v.text("state", e.state);
  v.money("filled_amount", e.filled_amount);
  v.money("average_price", e.average_price);
  v.money("fee", e.fee);
  v.number("settlement_price", e.settlement_price);
  v.number("settlement_gap_h", e.settlement_gap_h);
  v.name("outcome", e.outcome, LegOutcome::open_at_end);
  v.money("pnl_coin", e.pnl_coin);
  v.number("pnl_usd", e.pnl_usd);
  v.number("reward", e.reward);
}
template <class Example, class Visitor>
requires std::same_as<std::remove_const_t<Example>, CandidateExample>
void visit_columns(Example& e, Visitor& v) {
  v.time("decision_time", e.decision_time_ms);
  v.text("run_id", e.run_id);
  v.count("tick_seq", e.tick_seq);
  v.name("decision_source", e.decision_source, DecisionSource::error);
  v.text("underlying", e.underlying);
  v.text("symbol", e.symbol);
  v.number("strike", e.strike);
  visit_features(e, v);
  v.count("profile_bits", e.profile_bits);
  v.flag("chosen", e.chosen);
  v.text("chosen_strategy", e.chosen_strategy);
}

/// What an order of a leg has done so far, in exact money and in USD at the index of each moment.
struct LegMoney {
  market::Fixed8 filled, average_price, fee;
  market::Fixed8 open;    ///< contracts sold and not bought back or settled
  market::Fixed8 pnl;     ///< so far
  double pnl_usd = 0.0;   ///< so far
  double notional = 0.0;  ///< Σ contracts × index at their fill
  bool settled = false;
  double settlement_price = 0.0;
  std::int64_t settlement_gap_ms = 0;
};

/// Follows every leg of the log: fills by label, then buys and settlements of its symbol, oldest lot first.
class LegMoneyBook {
 public:
  void plan(const PlannedLeg& leg) { legs_.try_emplace(leg.label, Leg{leg, {}, {}, RejectedBy::none, false}); }

  void change(const LegRecord& record) {
    const auto found = legs_.find(record.label);
    if (found == legs_.end()) throw LogError("leg " + record.label + " has no plan in the log");
    Leg& leg = found->second;
    leg.state = record.to;
    leg.rejected_by = record.rejected_by;
    fill(leg, record.filled_amount, record.average_price, record.fee, record.index);
  }
  void result(const LegResult& result) {
    plan(result.leg);
    Leg& leg = legs_.find(result.leg.label)->second;
    leg.state = result.state;
    leg.rejected_by = result.rejected_by;
    leg.simulated = result.simulated && result.state != LegState::rejected;
    fill(leg, result.filled_amount, result.average_price, result.fee, result.index);
  }
  void settle(const Settlement& settlement) {
    const auto lots = lots_.find(settlement.symbol);
    const market::Fixed8 total = abs(settlement.amount);
    if (lots == lots_.end() || total.sign() == 0) return;
    const double usd = is_linear(settlement.symbol) ? 1.0 : settlement.settlement_price;
    market::Fixed8 payoff_left = settlement.payoff, fee_left = settlement.delivery_fee, amount_left = total;
    for (const std::string& label : lots->second) {
      LegMoney& money = legs_.find(label)->second.money;
      // The last lot takes what is left, so that nothing is lost to rounding.
      const bool last = money.open >= amount_left;
      const market::Fixed8 amount = min(money.open, amount_left);
      const market::Fixed8 payoff = last ? payoff_left : multiply_divide(settlement.payoff, amount, total);
      const market::Fixed8 fee = last ? fee_left : multiply_divide(settlement.delivery_fee, amount, total);
      payoff_left -= payoff;
      fee_left -= fee;
      amount_left -= amount;
      money.open -= amount;
      money.pnl -= payoff + fee;
      money.pnl_usd -= (payoff + fee).to_double() * usd;
      money.settled = true;
      money.settlement_price = settlement.settlement_price;
      money.settlement_gap_ms = settlement.gap_ms;
      if (amount_left.sign() == 0) break;
    }
    drop_closed(lots->second);
  }

  /// Fills the columns from `state` on.
  void finish(TrainingExample& example) const {
    const auto found = legs_.find(example.label);
    if (found == legs_.end()) return;
    const Leg& leg = found->second;
    const LegMoney& money = leg.money;
    example.state = leg.simulated ? "simulated" : name_of(leg.state);
    if (leg.rejected_by != RejectedBy::none) example.state += '(' + std::string(name_of(leg.rejected_by)) + ')';
    if (leg.simulated) return;
    example.filled_amount = money.filled;
    if (money.filled.sign() == 0) return;
    example.average_price = money.average_price;
    example.fee = money.fee;
    if (side_of(leg.leg.role) == Side::buy) return;
    example.outcome = money.open.sign() != 0 ? LegOutcome::open_at_end
                      : money.settled        ? LegOutcome::settled
                                             : LegOutcome::closed;
    if (money.settled) {
      example.settlement_price = money.settlement_price;
      example.settlement_gap_h = static_cast<double>(money.settlement_gap_ms) / 3'600'000.0;
    }
    if (example.outcome == LegOutcome::open_at_end) return;
    example.pnl_coin = money.pnl;
    example.pnl_usd = money.pnl_usd;
    const double amount = is_linear(example.symbol) ? money.notional : money.filled.to_double();
    if (amount > 0.0) example.reward = money.pnl.to_double() / amount;
  }

 private:
  struct Leg {
    PlannedLeg leg;
    LegMoney money;
    LegState state = LegState::planned;
    RejectedBy rejected_by = RejectedBy::none;
    bool simulated = false;
  };

  // Records give the amount, average price and fee of an order so far; what has come since the record before is one fill.
  void fill(Leg& leg, market::Fixed8 filled, market::Fixed8 average_price, market::Fixed8 fee, double index) {
    LegMoney& money = leg.money;
    const market::Fixed8 amount = filled - money.filled;
    if (amount.sign() <= 0) return;
    const market::Fixed8 paid = multiply(filled, average_price) - multiply(money.filled, money.average_price);
    const market::Fixed8 fee_now = fee - money.fee;
    money.filled = filled;
    money.average_price = average_price;
    money.fee = fee;
    const std::string& symbol = traded_symbol(leg.leg);
    const double usd = is_linear(symbol) ? 1.0 : index;
    if (side_of(leg.leg.role) == Side::sell) {
      if (money.open.sign() == 0) lots_[symbol].push_back(leg.leg.label);
      money.open += amount;
      money.pnl += paid - fee_now;
      money.pnl_usd += (paid - fee_now).to_double() * usd;
      money.notional += amount.to_double() * index;
      return;
    }
    const auto lots = lots_.find(symbol);
    if (lots == lots_.end()) return;  // bought back a call that the log did not sell
    market::Fixed8 amount_left = amount, paid_left = paid, fee_left = fee_now;
    for (const std::string& label : lots->second) {
      LegMoney& sold = legs_.find(label)->second.money;
      const market::Fixed8 part = min(sold.open, amount_left);
      const bool last = part == amount_left;
      const market::Fixed8 cost = last ? paid_left : multiply_divide(paid, part, amount);
      const market::Fixed8 cost_fee = last ? fee_left : multiply_divide(fee_now, part, amount);
      paid_left -= cost;
      fee_left -= cost_fee;
      amount_left -= part;
      sold.open -= part;
      sold.pnl -= cost + cost_fee;
      sold.pnl_usd -= (cost + cost_fee).to_double() * usd;
      if (amount_left.sign() == 0) break;
    }
    drop_closed(lots->second);
  }

  void drop_closed(std::vector<std::string>& labels) {
    std::erase_if(labels, [this](const std::string& label) { return legs_.find(label)->second.money.open.sign() == 0; });
  }

  std::unordered_map<std::string, Leg> legs_;
  std::unordered_map<std::string, std::vector<std::string>> lots_;  // open labels of a symbol, oldest first
};

inline std::optional<double> known(double value) { return is_finite(value) ? std::optional(value) : std::nullopt; }
inline std::optional<market::Fixed8> quoted(market::Fixed8 price) {
  return price.sign() == 0 ? std::nullopt : std::optional(price);
}

/// Copies what the decision knew of a candidate.
template <class Example>
void take_candidate(Example& example, const CandidateRecord& candidate) {
  example.strike = candidate.strike;
  example.expiry_ms = candidate.expiry_ms;
  example.dte = known(candidate.dte);
  example.delta = known(candidate.delta);
  example.iv = known(candidate.iv);
  example.rv = candidate.ivrv_known ? known(candidate.rv) : std::nullopt;
  example.ivrv = known(candidate.ivrv);
  example.ivrv_known = candidate.ivrv_known;
  example.bid = quoted(candidate.bid);
  example.ask = quoted(candidate.ask);
  example.mark = quoted(candidate.mark);
  example.premium_usd = known(candidate.premium_usd);
  example.spread_pct = known(candidate.spread_pct);
  example.open_interest = known(candidate.open_interest);
}

inline std::optional<double> spot_of(const DecisionRecord& decision, std::string_view underlying) {
  for (const UnderlyingRecord& one : decision.underlyings) {
    if (one.underlying == underlying) return known(one.spot);
  }
  return std::nullopt;
}

template <class Example>
Example example_of(const DecisionRecord& decision) {
  Example example;
  example.decision_time_ms = decision.timestamp_ms;
  example.run_id = decision.run_id;
  example.tick_seq = decision.tick_seq;
  example.decision_source = decision.decision_source;
  return example;
}

inline TrainingExample leg_example(const DecisionRecord& decision, const Action& action, std::string label,
                                   market::Fixed8 size) {
  TrainingExample example = example_of<TrainingExample>(decision);
  example.label = std::move(label);
  example.action = action.type == ActionType::roll_covered_call    ? ExampleAction::roll_call
                   : action.type == ActionType::close_covered_call ? ExampleAction::close_call
                                                                   : ExampleAction::sell_call;
  example.strategy = action.strategy;
  example.underlying = action.underlying;
  example.symbol = action.type == ActionType::roll_covered_call ? action.roll_to : action.symbol;
  example.spot = spot_of(decision, action.underlying);
  example.size = size;
  example.propensity = known(action.propensity);
  if (const auto name = try_parse_instrument_name(example.symbol)) {
    example.strike = name->strike;
    example.expiry_ms = name->expiry_ms;
    example.dte = static_cast<double>(name->expiry_ms - decision.timestamp_ms) / 86'400'000.0;
  }
  if (action.diagnostics) {
    example.delta = known(action.diagnostics->delta);
    example.dte = known(action.diagnostics->dte);
    example.premium_usd = known(action.diagnostics->premium_usd);
    example.ivrv = known(action.diagnostics->ivrv);
  }
  for (const CandidateRecord& candidate : decision.candidates) {
    if (candidate.symbol != example.symbol) continue;
    take_candidate(example, candidate);
    break;
  }
  return example;
}

inline void append_examples(const DecisionRecord& decision, std::vector<TrainingExample>& examples) {
  const auto& legs = decision.execution.legs;
  for (const LegResult& leg : legs) {
    // A roll is one decision with two orders; it is known by the one that sells.
    const bool sells_later =
        leg.leg.role == LegRole::roll_close && std::any_of(legs.begin(), legs.end(), [&](const LegResult& other) {
          return other.leg.role == LegRole::roll_open && other.leg.action.symbol == leg.leg.action.symbol;
        });
    if (!sells_later) examples.push_back(leg_example(decision, leg.leg.action, leg.leg.label, leg.leg.amount));
  }
  if (!legs.empty()) return;
  const Action& action = decision.final_action;
  if (action.type != ActionType::do_nothing && action.type != ActionType::training_ladder) {
    examples.push_back(leg_example(decision, action, {}, action.size));
    return;
  }
  TrainingExample example = example_of<TrainingExample>(decision);
  example.propensity = known(action.propensity);
  examples.push_back(std::move(example));
}

}  // namespace detail

/**
 * @brief One example per leg of a ladder, per single action, and per tick in which nothing was done, in the order of the log;
 *        each joined with its outcome by label.
 *
 * A leg's P&L is that of its own sold contracts: buys and settlements of the same symbol are taken from the oldest leg first,
 * a settlement of a position that others share is divided by amount. Contracts still open at the end of the log have outcome
 * `open_at_end` and no reward. A tick that a crash has cut off between its plan and its decision record gives examples of its
 * plan, without what only the decision record knows.
 * @throws LogError the log is damaged, a record cannot be read, or its money leaves the range of Fixed8; with file and line
 */
inline std::vector<TrainingExample> training_examples(const LogReader& log) {
  std::vector<TrainingExample> examples;
  detail::LegMoneyBook book;
  std::optional<DecisionRecord> undecided;  // what a plan says of a tick whose decision record has not come yet
  const auto take_undecided = [&] {
    if (undecided) detail::append_examples(*undecided, examples);
    undecided.reset();
  };
  const auto take = [&](const auto& record, const LogEntry& entry) {
    using R = std::remove_cvref_t<decltype(record)>;
    if constexpr (std::is_same_v<R, PlanRecord>) {
      take_undecided();
      if (record.legs.empty()) return;
      undecided.emplace();
      undecided->tick_seq = record.tick_seq;
      undecided->run_id = record.run_id;
      undecided->timestamp_ms = entry.timestamp_ms;
      undecided->decision_source = record.legs.front().action.decision_source;
      for (const PlannedLeg& leg : record.legs) {
        book.plan(leg);
        undecided->execution.legs.emplace_back().leg = leg;
      }
    } else if constexpr (std::is_same_v<R, LegRecord>) {
      book.change(record);
    } else if constexpr (std::is_same_v<R, SettlementRecord>) {
      book.settle(record.settlement);
    } else if constexpr (std::is_same_v<R, DecisionRecord>) {
      if (undecided && undecided->tick_seq == record.tick_seq) undecided.reset();
      take_undecided();
      for (const LegResult& leg : record.execution.legs) book.result(leg);
      detail::append_examples(record, examples);
    }
  };
  for_each_record(log, [&](const auto& record, const LogEntry& entry) {
    try {
      take(record, entry);
    } catch (const std::logic_error& error) {
      throw LogError(std::string("amounts, prices and fees that no account can hold: ") + error.what());
    }
  });
  take_undecided();
  for (TrainingExample& example : examples) book.finish(example);
  return examples;
}

/// One row per candidate per tick, with the choice. A tick without candidates gives no row. @throws LogError
inline std::vector<CandidateExample> candidate_examples(const LogReader& log) {
  std::vector<CandidateExample> rows;
  for_each_record(log, [&](const auto& record) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(record)>, DecisionRecord>) {
      for (const CandidateRecord& candidate : record.candidates) {
        CandidateExample row = detail::example_of<CandidateExample>(record);
        row.underlying = candidate.underlying;
        row.symbol = candidate.symbol;
        row.spot = detail::spot_of(record, candidate.underlying);
        row.profile_bits = candidate.profile_bits;
        detail::take_candidate(row, candidate);
        const auto choose = [&](const Action& action) {
          const bool sells = action.type == ActionType::open_covered_call ? action.symbol == candidate.symbol
                                                                          : action.roll_to == candidate.symbol;
          if (!sells || row.chosen) return;
          row.chosen = true;
          row.chosen_strategy = action.strategy;
        };
        for (const Action& action : record.ladder) choose(action);
        if (record.ladder.empty()) choose(record.proposed_action);
        rows.push_back(std::move(row));
      }
    }
  });
  return rows;
}

/// How a table is written.
enum class ExportFormat : std::uint8_t {
  csv,   ///< a header and one line per row
  jsonl  ///< one JSON object per line
};

namespace detail {

struct ColumnNames {
  std::vector<std::string> names;
  void add(const char* name) { names.emplace_back(name); }
  template <class T>
  void time(const char* name, const T&) {
    add(name);
  }
  template <class T>
  void text(const char* name, const T&) {
    add(name);
  }
  template <class T>
  void number(const char* name, const T&) {
    add(name);
  }
  template <class T>
  void money(const char* name, const T&) {
    add(name);
  }
  template <class T>
  void flag(const char* name, const T&) {
    add(name);
  }
  template <class T>
  void count(const char* name, const T&) {
    add(name);
  }
  template <class E>
  void name(const char* column, const E&, E) {
    add(column);
  }
};

template <class Example>
std::vector<std::string> column_names() {
  ColumnNames columns;
  const Example example;
  visit_columns(example, columns);
  return columns.names;
}

class CsvRow {
 public:
  explicit CsvRow(io::CsvWriter& csv) : csv_(csv) {}
  void time(const char*, std::int64_t ms) { csv_.field(log_timestamp(ms)); }
  void time(const char*, const std::optional<std::int64_t>& ms) { csv_.field(ms ? log_timestamp(*ms) : std::string()); }
  void text(const char*, const std::string& value) { csv_.field(value); }
  void text(const char*, const std::optional<std::string>& value) { csv_.field(value.value_or("")); }
  void number(const char*, const std::optional<double>& value) {
    std::string text;  // 100000 rather than 1e+05
    if (value && is_finite(*value)) io::detail::append_json_number(text, *value);
    csv_.field(text);
  }
  void money(const char*, const std::optional<market::Fixed8>& value) {
    csv_.field(value ? value->to_string() : std::string());
  }
  void flag(const char*, bool value) { csv_.field(value); }
  void flag(const char*, const std::optional<bool>& value) { value ? csv_.field(*value) : csv_.field(""); }
  void count(const char*, std::uint64_t value) { csv_.field(value); }
  template <class E>
  void name(const char*, E value, E) {
    csv_.field(name_of(value));
  }

 private:
  io::CsvWriter& csv_;
};

class JsonRow {
 public:
  Json row = Json::object();
  void time(const char* name, std::int64_t ms) { row[name] = log_timestamp(ms); }
  void time(const char* name, const std::optional<std::int64_t>& ms) { put(name, ms ? Json(log_timestamp(*ms)) : Json()); }
  void text(const char* name, const std::string& value) { put(name, value.empty() ? Json() : Json(value)); }
  void text(const char* name, const std::optional<std::string>& value) { text(name, value.value_or("")); }
  void number(const char* name, const std::optional<double>& value) { put(name, value ? Json(*value) : Json()); }
  void money(const char* name, const std::optional<market::Fixed8>& value) { put(name, value ? money_json(*value) : Json()); }
  void flag(const char* name, bool value) { row[name] = value; }
  void flag(const char* name, const std::optional<bool>& value) { put(name, value ? Json(*value) : Json()); }
  void count(const char* name, std::uint64_t value) { row[name] = value; }
  template <class E>
  void name(const char* column, E value, E) {
    text(column, std::string(name_of(value)));
  }

 private:
  void put(const char* name, Json value) { row[name] = std::move(value); }
};

template <class E>
bool read_name(std::string_view text, E& value, E last) {
  for (int i = 0; i <= static_cast<int>(last); ++i) {
    if (name_of(static_cast<E>(i)) != text) continue;
    value = static_cast<E>(i);
    return true;
  }
  return false;
}

/// Reads the current row of a CSV file whose columns are those of the visit.
class CsvCells {
 public:
  explicit CsvCells(const io::CsvReader& csv) : csv_(csv) {}
  void time(const char*, std::int64_t& ms) {
    const auto read = io::try_parse_time_ms(csv_.text(at_));
    if (!read) csv_.fail(at_, "expected a time such as 2026-01-02T08:05:00.000Z");
    ms = *read;
    ++at_;
  }
  void time(const char* name, std::optional<std::int64_t>& ms) {
    optional(ms, [&](auto& value) { time(name, value); });
  }
  void text(const char*, std::string& value) { value = csv_.text(at_++); }
  void text(const char* name, std::optional<std::string>& value) {
    optional(value, [&](auto& v) { text(name, v); });
  }
  void number(const char*, std::optional<double>& value) {
    optional(value, [&](double& v) { v = csv_.number(at_++); });
  }
  void money(const char*, std::optional<market::Fixed8>& value) {
    optional(value, [&](market::Fixed8& v) {
      try {
        v = market::Fixed8::parse(csv_.text(at_));
      } catch (const DataError& error) {
        csv_.fail(at_, error.what());
      }
      ++at_;
    });
  }
  void flag(const char*, bool& value) {
    const std::string_view cell = csv_.text(at_);
    if (cell != "0" && cell != "1") csv_.fail(at_, "expected 0 or 1");
    value = cell == "1";
    ++at_;
  }
  void flag(const char* name, std::optional<bool>& value) {
    optional(value, [&](bool& v) { flag(name, v); });
  }
  void count(const char*, std::uint64_t& value) {
    const std::int64_t read = csv_.integer(at_);
    if (read < 0) csv_.fail(at_, "expected 0 or more");
    value = static_cast<std::uint64_t>(read);
    ++at_;
  }
  template <class E>
  void name(const char*, E& value, E last) {
    if (!read_name(csv_.text(at_), value, last)) csv_.fail(at_, "unknown name");
    ++at_;
  }

 private:
  template <class T, class F>
  void optional(std::optional<T>& value, F read) {
    value.reset();
    if (csv_.missing(at_)) {
      ++at_;
      return;
    }
    T found{};
    read(found);
    value = std::move(found);
  }

  const io::CsvReader& csv_;
  std::size_t at_ = 0;
};

/// Reads one JSON line.
class JsonCells {
 public:
  explicit JsonCells(const Fields& in) : in_(in) {}
  void time(const char* name, std::int64_t& ms) { ms = in_.time(name); }
  void time(const char* name, std::optional<std::int64_t>& ms) {
    ms = empty(name) ? std::nullopt : std::optional(in_.time(name));
  }
  void text(const char* name, std::string& value) { value = empty(name) ? std::string() : in_.text(name); }
  void text(const char* name, std::optional<std::string>& value) {
    value = empty(name) ? std::nullopt : std::optional(in_.text(name));
  }
  void number(const char* name, std::optional<double>& value) {
    value = empty(name) ? std::nullopt : std::optional(in_.number(name));
  }
  void money(const char* name, std::optional<market::Fixed8>& value) {
    value = empty(name) ? std::nullopt : std::optional(in_.money(name));
  }
  void flag(const char* name, bool& value) { value = in_.flag(name); }
  void flag(const char* name, std::optional<bool>& value) {
    value = empty(name) ? std::nullopt : std::optional(in_.flag(name));
  }
  void count(const char* name, std::uint64_t& value) { value = in_.integer<std::uint64_t>(name); }
  template <class E>
  void name(const char* column, E& value, E last) {
    if (!read_name(empty(column) ? std::string() : in_.text(column), value, last)) in_.fail(column, "a known name");
  }

 private:
  bool empty(const char* name) const { return in_.at(name).is_null(); }
  const Fields& in_;
};

template <class Example>
void export_rows(std::span<const Example> rows, ExportFormat format, std::ostream& out) {
  constexpr std::size_t chunk = std::size_t{1} << 20;
  const auto write = [&out](const std::string& text) {
    if (!out.write(text.data(), static_cast<std::streamsize>(text.size()))) throw IoError("cannot write the dataset");
  };
  if (format == ExportFormat::csv) {
    io::CsvWriter csv;
    csv.row(column_names<Example>());
    CsvRow cells(csv);
    for (const Example& row : rows) {
      visit_columns(row, cells);
      csv.end_row();
      if (csv.text().size() > chunk) write(csv.take());
    }
    write(csv.take());
  } else {
    std::string text;
    for (const Example& row : rows) {
      JsonRow cells;
      visit_columns(row, cells);
      io::detail::append_json(text, cells.row);
      text += '\n';
      if (text.size() < chunk) continue;
      write(text);
      text.clear();
    }
    write(text);
  }
  if (!out.flush()) throw IoError("cannot write the dataset");
}

template <class Example>
std::vector<Example> import_rows(std::string_view text, ExportFormat format, const std::string& file) {
  std::vector<Example> rows;
  if (format == ExportFormat::csv) {
    std::vector<io::CsvColumn> columns;
    for (const std::string& name : column_names<Example>()) columns.push_back({.name = name});
    io::CsvReader csv(text, file, std::move(columns));
    while (csv.next()) {
      CsvCells cells(csv);
      visit_columns(rows.emplace_back(), cells);
    }
    return rows;
  }
  for (std::size_t line = 1, begin = 0; begin < text.size(); ++line) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    try {
      const Json object = Json::parse(text.substr(begin, end - begin));
      const Fields fields(object, "a row");
      JsonCells cells(fields);
      visit_columns(rows.emplace_back(), cells);
    } catch (const nlohmann::ordered_json::exception& error) {
      throw DataError(file, line, 0, std::string("not valid JSON: ") + error.what());
    } catch (const LogError& error) {
      throw DataError(file, line, 0, error.what());
    }
    begin = end + 1;
  }
  return rows;
}

}  // namespace detail

/// Names of the columns of the table of legs, in their order.
inline std::vector<std::string> training_columns() { return detail::column_names<TrainingExample>(); }
/// Names of the columns of the table of candidates, in their order.
inline std::vector<std::string> candidate_columns() { return detail::column_names<CandidateExample>(); }

/// Writes the table of legs: always the same columns in the same order, also without rows. Unknown is empty in CSV and null in
/// JSON; times are `2026-01-02T08:05:00.000Z`; flags 1 and 0 in CSV. @throws IoError
inline void export_dataset(std::span<const TrainingExample> examples, ExportFormat format, std::ostream& out) {
  detail::export_rows(examples, format, out);
}
/// Writes the table of candidates in the same manner. @throws IoError
inline void export_candidates(std::span<const CandidateExample> rows, ExportFormat format, std::ostream& out) {
  detail::export_rows(rows, format, out);
}

/// Reads what `export_dataset` wrote; the examples are equal.
/// @param text    the whole table
/// @param format  that it was written in
/// @param file    for messages
/// @throws DataError with file and line
inline std::vector<TrainingExample> import_dataset(std::string_view text, ExportFormat format, const std::string& file) {
  return detail::import_rows<TrainingExample>(text, format, file);
}
/// Reads what `export_candidates` wrote. @throws DataError
inline std::vector<CandidateExample> import_candidates(std::string_view text, ExportFormat format, const std::string& file) {
  return detail::import_rows<CandidateExample>(text, format, file);
}

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_TRAINING_DATASET_HPP
