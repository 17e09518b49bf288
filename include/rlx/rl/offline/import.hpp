// SPDX-License-Identifier: MIT
/// @file
/// @brief Datasets from files of other programs: CSV tables of transitions, and JSON lines of trading decisions.
#ifndef RLX_RL_OFFLINE_IMPORT_HPP
#define RLX_RL_OFFLINE_IMPORT_HPP

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include <rlx/core/detail/json_tree.hpp>
#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/nearest.hpp>
#include <rlx/io/csv.hpp>
#include <rlx/io/iso8601.hpp>
#include <rlx/rl/offline/dataset.hpp>

namespace rlx::inline v0_1 {

/// A dataset and what was left out of it.
struct OfflineImport {
  OfflineDataset data;              ///< rows whose outcome is known
  std::size_t without_outcome = 0;  ///< decisions whose result is not known: no reward, not filled, not settled
  std::size_t skipped = 0;          ///< lines or legs that are no decision of this kind
  std::size_t untagged = 0;         ///< rows with the tag "unknown"
};

// ---- CSV ----------------------------------------------------------------------------------------------------------------

/// Which columns a CSV file has. An optional column may be missing in the file.
struct OfflineCsv {
  std::vector<std::string> observation;   ///< columns of numbers, in the order of the observation
  std::vector<std::string> actions = {};  ///< texts of the actions 0, 1, ...; empty: the cells are integers
  std::size_t action_count = 0;           ///< read if `actions` is empty
  /// @{ Required columns.
  std::string action = "action", reward = "reward";
  /// @}
  std::string episode = "episode";  ///< integer; without the column every row is an episode of one step
  std::string time = "ts";          ///< ns, or a time of ISO 8601; without the column: 1, 2, 3, ...
  /// @{ 0 or 1; without both columns the last row is terminated.
  std::string terminated = "terminated", truncated = "truncated";
  /// @}
  std::string mask = "mask";  ///< a character 0 or 1 per action; missing: all valid
  /// @{ An empty cell: NaN, "unknown", NaN.
  std::string propensity = "propensity", tag = "tag", pnl = "pnl";
  /// @}
  bool deterministic = false;               ///< the behaviour policy had no probabilities, whatever the file says
  std::optional<float> missing_value = {};  ///< of an empty cell of the observation; empty: that is an error
  double gamma = 1.0;                       ///< OfflineInfo::gamma
  std::string currency = {};                ///< OfflineInfo::currency
};

/**
 * @brief Rows of transitions in the order of the file. A row whose `action` is empty gives the observation (and mask) after the
 *        last decision of its episode, which a truncated episode must have; a row whose `reward` is empty is left out.
 * @param text  whole file   @param file  its name for messages   @param format  names of columns and actions
 * @throws DataError with file, line and column for a cell that is not what its column says; as OfflineDataset; ConfigError
 * @code
 * // the table of examples that the option agent writes
 * rlx::import_offline_csv(text, path, {.observation = {"delta", "dte", "ivrv"}, .actions = {"DO_NOTHING", "SELL_CALL"},
 *                                      .time = "decision_time", .tag = "strategy", .pnl = "pnl_coin", .deterministic = true});
 * @endcode
 */
template <class = void>
OfflineImport import_offline_csv(std::string_view text, const std::string& file, const OfflineCsv& format) {
  if (format.observation.empty()) throw ConfigError("OfflineCsv: observation names no column");
  const std::size_t a = format.actions.empty() ? format.action_count : format.actions.size();
  if (a == 0) throw ConfigError("OfflineCsv: give the texts of the actions, or action_count above 0");
  enum : std::size_t { action, reward, episode, time, terminated, truncated, mask, propensity, tag, pnl, observation };
  std::vector<io::CsvColumn> columns = {{.name = format.action}, {.name = format.reward}};
  for (const std::string* name : {&format.episode, &format.time, &format.terminated, &format.truncated, &format.mask,
                                  &format.propensity, &format.tag, &format.pnl}) {
    columns.push_back({.name = *name, .required = false});
  }
  for (const std::string& name : format.observation) columns.push_back({.name = name});
  io::CsvReader rows(text, file, std::move(columns));

  OfflineBuilder builder({.observation_size = format.observation.size(),
                          .action_count = a,
                          .gamma = format.gamma,
                          .tags = {},
                          .currency = format.currency,
                          .propensity_source = format.deterministic || !rows.has(propensity) ? PropensitySource::deterministic
                                                                                             : PropensitySource::logged});
  const bool flags = rows.has(terminated) || rows.has(truncated);
  std::size_t without_outcome = 0, untagged = 0, counted = 0;
  std::vector<float> now(format.observation.size()), last;
  std::vector<std::uint8_t> valid(a), last_valid(a);
  OfflineRow pending;  // the row before, which is added once it is known whether it is the last of its episode
  std::string pending_tag;
  std::int64_t running = 0;
  bool has_pending = false;

  const auto flush = [&](bool ends) {
    if (!has_pending) return;
    pending.observation = last;
    pending.mask = last_valid;
    pending.tag = pending_tag;
    if (ends && !flags) pending.terminated = true;
    builder.add(running, pending);
    has_pending = false;
  };
  const auto close = [&](bool with_final) {
    if (!has_pending) return;
    const bool cut = pending.truncated && !pending.terminated;
    if (cut && !with_final) {
      rows.fail_row("episode " + std::to_string(running) +
                    " is truncated, but no row with an empty action gives the observation after it");
    }
    const std::vector<float> end = with_final ? now : last;
    const std::vector<std::uint8_t> end_valid = with_final ? valid : last_valid;
    flush(true);
    builder.end_episode(end, end_valid);
  };
  const auto flag = [&](std::size_t column) {
    if (rows.missing(column)) return false;
    const std::string_view cell = rows.text(column);
    if (cell != "0" && cell != "1") rows.fail(column, "expected 0 or 1, found '" + std::string(cell.substr(0, 40)) + '\'');
    return cell == "1";
  };
  while (rows.next()) {
    const std::int64_t id = rows.has(episode) ? rows.integer(episode) : static_cast<std::int64_t>(rows.rows());
    if (has_pending && id != running) close(false);
    for (std::size_t i = 0; i < now.size(); ++i) {
      if (rows.missing(observation + i) && format.missing_value) {
        now[i] = *format.missing_value;
      } else {
        now[i] = static_cast<float>(rows.number(observation + i));
      }
    }
    std::fill(valid.begin(), valid.end(), std::uint8_t{1});
    if (const std::string_view cell = rows.text(mask); !cell.empty()) {
      if (cell.size() != a || cell.find_first_not_of("01") != std::string_view::npos) {
        rows.fail(mask,
                  "expected " + std::to_string(a) + " characters 0 or 1, found '" + std::string(cell.substr(0, 40)) + '\'');
      }
      for (std::size_t b = 0; b < a; ++b) valid[b] = cell[b] == '1' ? 1 : 0;
    }
    if (rows.missing(action)) {
      if (!has_pending) rows.fail(action, "empty, but no decision of this episode comes before");
      close(true);
      continue;
    }
    if (rows.missing(reward)) {
      ++without_outcome;
      continue;
    }
    flush(false);
    pending = {};
    if (format.actions.empty()) {
      const std::int64_t index = rows.integer(action);
      if (index < 0 || index >= static_cast<std::int64_t>(a)) {
        rows.fail(action, "expected an action in [0, " + std::to_string(a) + "), found " + std::to_string(index));
      }
      pending.action = static_cast<std::int32_t>(index);
    } else {
      const auto found = std::find(format.actions.begin(), format.actions.end(), rows.text(action));
      if (found == format.actions.end()) {
        std::string names;
        for (const std::string& name : format.actions) names += (names.empty() ? "" : ", ") + name;
        rows.fail(action, "expected one of " + names + "; found '" + std::string(rows.text(action).substr(0, 40)) + '\'');
      }
      pending.action = static_cast<std::int32_t>(found - format.actions.begin());
    }
    pending.reward = rows.number(reward);
    pending.terminated = flag(terminated);
    pending.truncated = flag(truncated);
    if (!format.deterministic) pending.propensity = rows.number_or(propensity, pending.propensity);
    pending.pnl = rows.number_or(pnl, pending.pnl);
    pending_tag = rows.missing(tag) ? "unknown" : std::string(rows.text(tag));
    untagged += pending_tag == "unknown" ? 1 : 0;
    pending.ts = static_cast<std::int64_t>(++counted);
    if (!rows.missing(time)) {
      const std::string_view cell = rows.text(time);
      std::int64_t ns = 0;
      const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), ns);
      if (error == std::errc() && end == cell.data() + cell.size()) {
        pending.ts = ns;
      } else if (const auto ms = io::try_parse_time_ms(cell)) {
        pending.ts = *ms * 1'000'000;
      } else {
        rows.fail(time, "expected ns or a time such as 2026-01-02T08:05:00Z, found '" + std::string(cell.substr(0, 40)) + '\'');
      }
    }
    running = id;
    last = now;
    last_valid = valid;
    has_pending = true;
  }
  close(false);
  return {builder.build(), without_outcome, 0, untagged};
}

// ---- JSON lines of decisions --------------------------------------------------------------------------------------------

/// How decision lines become rows.
struct DecisionLogFormat {
  /// Of `delta`, `dte`, `premium_usd`, `ivrv` (diagnostics of the leg), `spot`, `iv`, `rv` (state of its underlying). Unknown:
  /// 0
  std::vector<std::string> features = {"delta", "dte", "premium_usd", "ivrv"};
  bool unchosen = false;  ///< also a row DO_NOTHING with reward 0 for each candidate that a profile accepts and no leg sells
  double gamma = 1.0;     ///< OfflineInfo::gamma
  std::string currency = {};  ///< OfflineInfo::currency
};

/**
 * @brief Sold option legs of a decision log as episodes of one step: was it good to sell this call?
 *
 * Lines are JSON objects in the order of time. Read are those of `"type":"decision"` (or without a type, but with `execution`
 * or an action), `plan`, `leg` (later fills, by label) and `settlement`. Action 0 is DO_NOTHING, 1 is to sell. A leg's strategy
 * is `execution.legs[i].action.strategy`, without legs `final_action.strategy` or `action.strategy`; missing: tag "unknown".
 * `pnl`: premium - fee - payoff - delivery fee, or what buying back cost, of the leg's own contracts; buys and settlements take
 * the oldest leg of the symbol first. Reward: the same per contract. Legs that are not filled, or not closed at the end of the
 * log, have no outcome and are counted. Only decisions of source `rule_based` have propensities (they may explore); a ladder of
 * `training_mode` is deterministic and a language model has none: NaN. `propensity_source` is `deterministic` if no row has
 * one.
 * @param lines  text of one or several files in the order of time   @param file  a name for messages
 * @param format  what becomes the observation
 * @throws DataError with file and line for text that is no JSON, or a log without any finished leg; ConfigError for a feature
 */
template <class = void>
OfflineImport import_decision_log(std::string_view lines, const std::string& file, const DecisionLogFormat& format = {});

namespace detail {

/// Reads the lines, then joins the legs with what became of them. @tparam Json  JsonTree
template <class Json>
class DecisionLogImport {
 public:
  DecisionLogImport(const DecisionLogFormat& format, std::string file) : format_(format), file_(std::move(file)) {
    if (format.features.empty()) throw ConfigError("DecisionLogFormat: expected at least one feature, found none");
    for (const std::string& name : format.features) {
      if (std::find(known.begin(), known.end(), name) == known.end()) {
        const std::string close = nearest(name, known);
        throw ConfigError("DecisionLogFormat: no feature '" + name + '\'' +
                          (close.empty() ? std::string() : "; did you mean '" + close + "'?"));
      }
    }
  }

  void line(std::string_view text, std::size_t number) {
    number_ = number;
    const Json json = parsed(text);
    const std::string type = string_or(json, "type", "decision");
    if (type == "plan") {
      const Json* const legs = member(json, "legs");
      if (legs == nullptr || !legs->is_array()) fail("expected a plan to have 'legs'");
      for (const Json& leg : *legs) {
        if (member(leg, "action") != nullptr) remember(*member(leg, "action"), leg);
      }
    } else if (type == "leg") {
      progress(string(json, "label"), json);
    } else if (type == "settlement") {
      close(string(json, "symbol"), std::abs(money(json, "amount")), money(json, "payoff") + money(json, "delivery_fee"));
    } else if (type == "decision" && (has(json, "execution") || has(json, "final_action") || has(json, "action"))) {
      decision(json);
    } else {
      ++skipped_;
    }
  }

  OfflineImport finish() {
    const bool any = std::any_of(rows_.begin(), rows_.end(), [](const Row& row) { return is_finite(row.propensity); });
    OfflineBuilder builder({.observation_size = format_.features.size(),
                            .action_count = 2,
                            .gamma = format_.gamma,
                            .tags = {},
                            .currency = format_.currency,
                            .propensity_source = any ? PropensitySource::logged : PropensitySource::deterministic});
    std::size_t without_outcome = 0, untagged = 0;
    std::int64_t episode = 0;
    for (const Row& row : rows_) {
      OfflineRow out{
          .observation = row.features, .terminated = true, .propensity = row.propensity, .tag = row.tag, .ts = row.ts};
      out.pnl = 0;
      if (row.sold) {
        const Leg& leg = legs_.at(row.label);
        if (!(leg.filled > 0) || leg.open > tiny) {
          ++without_outcome;
          continue;
        }
        out.action = 1;
        out.pnl = leg.pnl;
        out.reward = leg.pnl / leg.filled;
      }
      untagged += row.tag == "unknown" ? 1 : 0;
      builder.add(episode++, out);
      builder.end_episode(row.features);
    }
    if (builder.size() == 0) {
      throw DataError(file_, number_, 0,
                      "expected at least one leg that was sold and settled, found none (" + std::to_string(without_outcome) +
                          " legs without outcome)");
    }
    return {builder.build(), without_outcome, skipped_, untagged};
  }

 private:
  static constexpr std::array<std::string_view, 7> known = {"delta", "dte", "premium_usd", "ivrv", "spot", "iv", "rv"};
  static constexpr double tiny = 1e-9;  // contracts that rounding leaves
  struct Leg {
    std::string symbol;
    bool sells = true;
    double filled = 0, paid = 0, fee = 0;  // so far
    double open = 0, pnl = 0;              // of a leg that sells
  };
  struct Row {
    std::vector<float> features;
    std::string label, tag = "unknown";
    double propensity = std::numeric_limits<double>::quiet_NaN();
    std::int64_t ts = 0;
    bool sold = false;
  };

  [[noreturn]] void fail(const std::string& what) const { throw DataError(file_, number_, 0, what); }

  static bool has(const Json& json, std::string_view key) { return json.is_object() && json.find(key) != json.end(); }
  /// A member that is there and no null, else null.
  static const Json* member(const Json& json, std::string_view key) {
    return !has(json, key) || json.find(key)->is_null() ? nullptr : json.find(key);
  }
  Json parsed(std::string_view text) const {
    try {
      Json json = Json::parse(text, "JSON");
      if (json.is_object()) return json;
    } catch (const DataError& error) {
      fail(std::string("expected one JSON object: ") + error.what());
    }
    fail("expected one JSON object, found another value");
  }
  std::string string_or(const Json& json, const char* key, const char* fallback) const {
    return member(json, key) == nullptr ? std::string(fallback) : string(json, key);
  }
  std::string string(const Json& json, const char* key) const {
    const Json* const found = member(json, key);
    if (found == nullptr || !found->is_string()) fail("expected '" + std::string(key) + "' to be a text");
    return found->template get<std::string>();
  }
  /// A number, or a number as text; 0 if it is missing.
  double money(const Json& json, const char* key) const {
    const Json* const found = member(json, key);
    if (found == nullptr) return 0;
    if (found->is_number()) return found->template get<double>();
    double value = 0;
    if (found->is_string()) {
      const auto text = found->template get<std::string>();
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error == std::errc() && end == text.data() + text.size()) return value;
    }
    fail("expected '" + std::string(key) + "' to be a number");
  }

  /// A leg by its label, from the object that has `role` and `label`. @return the leg's label
  std::string remember(const Json& action, const Json& result) {
    const Json* const params = member(action, "params");
    if (params == nullptr) fail("expected the action of a leg to have 'params'");
    const std::string role = string_or(result, "role", "open");
    std::string label = string_or(result, "label", "");
    if (label.empty()) label = "line " + std::to_string(number_) + " leg " + std::to_string(rows_.size());
    const bool rolls = role == "roll_open" && has(*params, "roll_to");
    legs_.try_emplace(label, Leg{string(*params, rolls ? "roll_to" : "symbol"), role != "close" && role != "roll_close"});
    return label;
  }

  /// Amount, average price and fee of an order so far; what has come since the line before is one fill.
  void progress(const std::string& label, const Json& json) {
    const auto found = legs_.find(label);
    if (found == legs_.end()) return;  // its plan lies before the text; its decision still comes
    Leg& leg = found->second;
    const double filled = money(json, "filled_amount"), amount = filled - leg.filled;
    if (amount < tiny) return;
    const double paid = filled * money(json, "average_price") - leg.paid, fee = money(json, "fee") - leg.fee;
    if (leg.sells) {
      if (leg.filled == 0) lots_[leg.symbol].push_back(label);
      leg.open += amount;
      leg.pnl += paid - fee;
    } else {
      close(leg.symbol, amount, paid + fee);
    }
    leg.filled = filled;
    leg.paid += paid;
    leg.fee += fee;
  }

  /// Contracts of a symbol that are bought back or settled at a cost: the oldest legs first.
  void close(const std::string& symbol, double amount, double cost) {
    double left = amount;
    for (const std::string& label : lots_[symbol]) {
      Leg& leg = legs_.at(label);
      const double part = std::min(leg.open, left);
      if (part < tiny) continue;
      leg.open -= part;
      leg.pnl -= cost * part / amount;
      left -= part;
    }
  }

  std::int64_t time_of(const Json& json) const {
    const Json* const state = member(json, "state");
    const Json* time = state == nullptr ? nullptr : member(*state, "timestamp");
    for (const char* key : {"log_timestamp", "timestamp"}) {
      if (time == nullptr) time = member(json, key);
    }
    if (time == nullptr || !time->is_string()) fail("expected a decision to have 'state.timestamp' or 'log_timestamp'");
    const auto ms = io::try_parse_time_ms(time->template get<std::string>());
    if (!ms)
      fail("expected a time such as 2026-01-02T08:05:00Z, found '" + time->template get<std::string>().substr(0, 40) + '\'');
    return *ms * 1'000'000;
  }

  void decision(const Json& json) {
    const std::int64_t ts = time_of(json);
    const Json* const source = member(json, "decision_source");
    const bool drawn = source != nullptr && *source == "rule_based";
    std::vector<std::string> sold;
    const Json* const execution = member(json, "execution");
    const Json* const legs = execution == nullptr ? nullptr : member(*execution, "legs");
    if (legs != nullptr && legs->is_array() && legs->size() != 0) {
      for (const Json& each : *legs) {
        const Json* const action = member(each, "action");
        const Json* const result = member(each, "execution");
        if (action == nullptr || result == nullptr) fail("expected every leg to have 'action' and 'execution'");
        leg(json, *action, *result, ts, drawn, sold);
      }
    } else {
      const Json* action = member(json, "final_action");
      if (action == nullptr) action = member(json, "action");
      const Json* const symbol =
          action == nullptr || member(*action, "params") == nullptr ? nullptr : member(*member(*action, "params"), "symbol");
      if (execution != nullptr && symbol != nullptr) {
        leg(json, *action, *execution, ts, drawn, sold);
      } else {
        ++skipped_;
      }
    }
    if (format_.unchosen) add_unchosen(json, ts, sold);
  }

  void leg(const Json& decision, const Json& action, const Json& result, std::int64_t ts, bool drawn,
           std::vector<std::string>& sold) {
    Row row;
    row.ts = ts;
    row.sold = true;
    row.label = remember(action, result);
    progress(row.label, result);
    const Leg& known_leg = legs_.at(row.label);
    if (!known_leg.sells) {
      ++skipped_;
      return;
    }
    if (const Json* const strategy = member(action, "strategy"); strategy != nullptr && strategy->is_string()) {
      row.tag = strategy->template get<std::string>();
    }
    const Json* const own = member(action, "decision_source");
    const bool has_one = own != nullptr ? *own == "rule_based" : drawn;
    if (has_one && member(action, "propensity") != nullptr) row.propensity = money(action, "propensity");
    const Json* const underlying = member(action, "underlying");
    row.features =
        features(decision, member(action, "diagnostics"),
                 underlying != nullptr && underlying->is_string() ? underlying->template get<std::string>() : std::string());
    sold.push_back(known_leg.symbol);
    rows_.push_back(std::move(row));
  }

  std::vector<float> features(const Json& decision, const Json* diagnostics, const std::string& underlying) const {
    std::vector<float> values;
    const Json* const state = member(decision, "state");
    for (const std::string& name : format_.features) {
      double value = 0;
      if (name == "spot" || name == "iv" || name == "rv") {
        const Json* group = state == nullptr ? nullptr : member(*state, name == "spot" ? "spot" : "vol_state");
        if (name != "spot" && group != nullptr) group = member(*group, name);
        if (group != nullptr) value = money(*group, underlying.c_str());
      } else if (diagnostics != nullptr) {
        value = money(*diagnostics, name.c_str());
      }
      values.push_back(static_cast<float>(value));
    }
    return values;
  }

  /// Candidates are rows `[symbol, delta, dte, premium_usd, ivrv, bid, ask, iv, profile_bits, underlying, ...]`.
  void add_unchosen(const Json& json, std::int64_t ts, const std::vector<std::string>& sold) {
    const Json* const candidates = member(json, "candidates");
    if (candidates == nullptr || !candidates->is_array()) return;
    for (const Json& each : *candidates) {
      if (!each.is_array() || each.size() < 10 || !each[0].is_string() || !each[8].is_number() || !each[9].is_string()) {
        fail("expected candidates to be rows of at least 10 values");
      }
      if (each[8] == 0 || std::find(sold.begin(), sold.end(), each[0].template get<std::string>()) != sold.end()) continue;
      Row row;
      row.ts = ts;
      const Json diagnostics =
          Json::object({{"delta", each[1]}, {"dte", each[2]}, {"premium_usd", each[3]}, {"ivrv", each[4]}});
      row.features = features(json, &diagnostics, each[9].template get<std::string>());
      rows_.push_back(std::move(row));
    }
  }

  const DecisionLogFormat& format_;
  std::string file_;
  std::size_t number_ = 0, skipped_ = 0;
  std::vector<Row> rows_;
  std::unordered_map<std::string, Leg> legs_;                       // by label
  std::unordered_map<std::string, std::vector<std::string>> lots_;  // labels that sold a symbol, oldest first
};

}  // namespace detail

template <class>
OfflineImport import_decision_log(std::string_view lines, const std::string& file, const DecisionLogFormat& format) {
  detail::DecisionLogImport<detail::JsonTree> import(format, file);
  std::size_t number = 0;
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    std::string_view line = lines.substr(0, end);
    lines.remove_prefix(std::min(end + 1, lines.size()));
    ++number;
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (!line.empty()) import.line(line, number);
  }
  return import.finish();
}

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_OFFLINE_IMPORT_HPP
