// SPDX-License-Identifier: MIT
/// @file
/// @brief Reads and checks the settings: environment over JSON file over default, every fault in one error.
///
/// Keys of the file are the names of the settings (`training_mode`), variables the same in upper case (`TRAINING_MODE`).
///
/// | kind | in the file | in a variable |
/// |---|---|---|
/// | yes or no | true, false | true, false, on, off, yes, no, 1, 0 in any case |
/// | number | a number | a decimal number |
/// | list | an array of texts | `BTC,ETH` or a JSON array; empty: no element |
/// | number per underlying | a number for all, or an object; the member `*` is for every other one | `0.1`, `BTC:0.1,ETH:1` or
/// JSON | | name | a text; `decision_mode` also null | the text; `DECISION_MODE` empty: unset |
///
/// A map that is given replaces the default one as a whole. Variables that are no settings are none of the agent's business;
/// unknown keys of the file are faults.
#ifndef RLX_OPTIONS_SETTINGS_JSON_HPP
#define RLX_OPTIONS_SETTINGS_JSON_HPP

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/json.hpp>
#include <rlx/core/nearest.hpp>
#include <rlx/io/mapped_file.hpp>
#include <rlx/options/detail/json_positions.hpp>
#include <rlx/options/detail/llm_url.hpp>
#include <rlx/options/settings.hpp>
#include <rlx/options/training_profile.hpp>

namespace rlx::inline v0_1::options {

/// The environment of a process as a value: the library reads none by itself.
using EnvironmentVariables = std::map<std::string, std::string, std::less<>>;

namespace detail {

template <class E>
using NamedValues = std::span<const std::pair<std::string_view, E>>;

inline constexpr std::array<std::pair<std::string_view, AgentMode>, 2> agent_mode_names = {
    {{"production", AgentMode::production}, {"research", AgentMode::research}}};
inline constexpr std::array<std::pair<std::string_view, std::string_view>, 2> deribit_env_names = {
    {{"testnet", "testnet"}, {"mainnet", "mainnet"}}};
inline constexpr std::array<std::pair<std::string_view, TrainingProfileMode>, 2> profile_mode_names = {
    {{"ladder", TrainingProfileMode::ladder}, {"single", TrainingProfileMode::single}}};
inline constexpr std::array<std::pair<std::string_view, SortKey>, 2> sort_key_names = {
    {{"premium_usd", SortKey::premium_usd}, {"target_delta", SortKey::target_delta}}};
inline constexpr std::array<std::pair<std::string_view, LegOrder>, 2> leg_order_names = {
    {{"priority", LegOrder::priority}, {"round_robin", LegOrder::round_robin}}};
inline constexpr std::array<std::pair<std::string_view, OrderStyle>, 2> order_style_names = {
    {{"post_only", OrderStyle::post_only}, {"take_bid", OrderStyle::take_bid}}};
inline constexpr std::array<std::pair<std::string_view, DecisionMode>, 3> decision_mode_names = {
    {{"rule_only", DecisionMode::rule_only},
     {"llm_only", DecisionMode::llm_only},
     {"hybrid_shadow", DecisionMode::hybrid_shadow}}};
inline constexpr std::array<std::pair<std::string_view, ReconcileAction>, 2> reconcile_action_names = {
    {{"halt", ReconcileAction::halt}, {"auto_heal", ReconcileAction::auto_heal}}};

/// The table of all settings: what `visitor` needs to read or write each one. Order of the snapshot.
template <class S, class V>
void visit_settings(S& s, V& visitor) {
  constexpr double large = 1e9, smallest_size = 1e-8, largest_size = 1e6, longest_dte = 3650;
  constexpr int many = 1'000'000, day_sec = 86'400, day_ms = 86'400'000;
  visitor.name("mode", s.mode, NamedValues<AgentMode>(agent_mode_names));
  visitor.name("deribit_env", s.deribit_env, NamedValues<std::string_view>(deribit_env_names));
  visitor.text("deribit_base_url", s.deribit_base_url);
  visitor.list("underlyings", s.underlyings);
  visitor.flag("dry_run", s.dry_run);

  visitor.number("ivrv_min", s.range.ivrv_min, 0.0, 100.0);
  visitor.number("delta_min", s.range.delta_min, 0.0, 1.0);
  visitor.number("delta_max", s.range.delta_max, 0.0, 1.0);
  visitor.number("dte_min", s.range.dte_min, 0.0, longest_dte);
  visitor.number("dte_max", s.range.dte_max, 0.0, longest_dte);
  visitor.number("research_ivrv_min", s.research_range.ivrv_min, 0.0, 100.0);
  visitor.number("research_delta_min", s.research_range.delta_min, 0.0, 1.0);
  visitor.number("research_delta_max", s.research_range.delta_max, 0.0, 1.0);
  visitor.number("research_dte_min", s.research_range.dte_min, 0.0, longest_dte);
  visitor.number("research_dte_max", s.research_range.dte_max, 0.0, longest_dte);
  visitor.map("research_max_expiry_exposure", s.research_max_expiry_exposure, 0.0, largest_size);
  visitor.map("premium_min_usd", s.premium_min_usd, 0.0, large);
  visitor.integer("max_candidates_per_underlying", s.max_candidates_per_underlying, 1, 100'000);
  visitor.map("default_order_size", s.default_order_size, smallest_size, largest_size);

  visitor.number("max_margin_used_pct", s.max_margin_used_pct, 0.0, 100.0);
  visitor.map("max_net_delta_abs", s.max_net_delta_abs, 0.0, largest_size);
  visitor.map("max_expiry_exposure", s.max_expiry_exposure, 0.0, largest_size);
  visitor.number("daily_drawdown_limit_pct", s.daily_drawdown_limit_pct, 0.0, 100.0);
  visitor.flag("kill_switch_enabled", s.kill_switch_enabled);
  visitor.number("liquidity_max_spread_pct", s.liquidity_max_spread_pct, 0.0, 200.0);
  visitor.map("liquidity_min_open_interest", s.liquidity_min_open_interest, 0.0, large);

  visitor.number("explore_prob", s.explore_prob, 0.0, 1.0);
  visitor.integer("explore_top_k", s.explore_top_k, 1, many);
  visitor.text("policy_version", s.policy_version);

  visitor.flag("training_mode", s.training_mode);
  visitor.list("training_strategies", s.training_strategies);
  visitor.map("training_call_size", s.training_call_size, smallest_size, largest_size);
  visitor.integer("training_max_calls_per_underlying", s.training_max_calls_per_underlying, 0, many);
  visitor.integer("training_max_calls_per_expiry", s.training_max_calls_per_expiry, 0, many);
  visitor.integer("training_max_open_calls_per_underlying", s.training_max_open_calls_per_underlying, 0, many);
  visitor.name("training_profile_mode", s.training_profile_mode, NamedValues<TrainingProfileMode>(profile_mode_names));
  visitor.name("training_sort", s.training_sort, NamedValues<SortKey>(sort_key_names));
  visitor.name("training_leg_order", s.training_leg_order, NamedValues<LegOrder>(leg_order_names));
  visitor.flag("training_prefer_variety", s.training_prefer_variety);
  visitor.number("training_premium_min_pct", s.training_premium_min_pct, 0.0, 100.0);

  visitor.name("order_style", s.order_style, NamedValues<OrderStyle>(order_style_names));
  visitor.integer("order_ttl_sec", s.order_ttl_sec, 1, day_sec);
  visitor.integer("valid_for_ms", s.valid_for_ms, 1, day_ms);
  visitor.integer("min_time_to_expiry_min", s.min_time_to_expiry_min, 0, many);
  visitor.integer("max_quote_age_ms", s.max_quote_age_ms, 1, day_ms);
  visitor.integer("max_chain_age_ms", s.max_chain_age_ms, 1, day_ms);

  visitor.map("hard_max_leg_size", s.hard_max_leg_size, smallest_size, largest_size);
  visitor.integer("hard_max_legs_per_tick", s.hard_max_legs_per_tick, 0, hard_bound_legs_per_tick);
  visitor.number("hard_max_open_notional_usd", s.hard_max_open_notional_usd, 0.0, hard_bound_open_notional_usd);
  visitor.number("hard_max_drawdown_pct", s.hard_max_drawdown_pct, 0.01, 100.0);

  visitor.flag("llm_enabled", s.llm_enabled);
  visitor.text("llm_base_url", s.llm_base_url);
  visitor.text("llm_model", s.llm_model);
  visitor.name("decision_mode", s.decision_mode, NamedValues<DecisionMode>(decision_mode_names));

  visitor.integer("loop_interval_sec", s.loop_interval_sec, 1, day_sec);
  visitor.text("log_dir", s.log_dir);
  visitor.name("position_reconcile_action", s.position_reconcile_action, NamedValues<ReconcileAction>(reconcile_action_names));
  visitor.integer("seed", s.seed, std::uint64_t{0}, std::numeric_limits<std::uint64_t>::max());
}

inline std::string shortest_number(double value) {
  std::array<char, 340> buffer;
  return {buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed).ptr};
}

// --- text of a variable -> JSON; what cannot be read stays a text, which the checks then refuse by kind and range ---

inline std::string_view trimmed_text(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

inline std::vector<std::string_view> split_text(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.push_back(trimmed_text(text.substr(0, end)));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

inline std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

inline nlohmann::json flag_of_text(std::string_view text) {
  const std::string word = lower_case(trimmed_text(text));
  for (const std::string_view yes : {"true", "on", "yes", "1"}) {
    if (word == yes) return true;
  }
  for (const std::string_view no : {"false", "off", "no", "0"}) {
    if (word == no) return false;
  }
  return std::string(text);
}

template <class T>
std::optional<T> whole_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return value;
}

inline nlohmann::json number_of_text(std::string_view text) {
  const std::string_view digits = trimmed_text(text);
  if (const auto value = whole_number<std::uint64_t>(digits)) return *value;
  if (const auto value = whole_number<std::int64_t>(digits)) return *value;
  if (const auto value = whole_number<double>(digits); value && is_finite(*value)) return *value;
  return std::string(text);
}

inline nlohmann::json json_of_text(std::string_view text) {
  try {
    return parse_json(text, "");
  } catch (const DataError&) {
    return std::string(text);
  }
}

inline nlohmann::json list_of_text(std::string_view text) {
  const std::string_view list = trimmed_text(text);
  if (list.starts_with('[')) return json_of_text(list);
  nlohmann::json elements = nlohmann::json::array();
  if (list.empty()) return elements;
  for (const std::string_view part : split_text(list, ',')) elements.push_back(std::string(part));
  return elements;
}

inline nlohmann::json map_of_text(std::string_view text) {
  const std::string_view map = trimmed_text(text);
  if (map.starts_with('{')) return json_of_text(map);
  if (map.find(':') == std::string_view::npos) return number_of_text(text);
  nlohmann::json members = nlohmann::json::object();
  for (const std::string_view part : split_text(map, ',')) {
    const std::size_t colon = part.find(':');
    if (colon == std::string_view::npos) return std::string(text);
    const std::string key(trimmed_text(part.substr(0, colon)));
    if (members.contains(key)) return std::string(text);
    members[key] = number_of_text(part.substr(colon + 1));
  }
  return members;
}

/// Reads every setting from variables and file, and collects what is wrong.
class SettingsReader {
 public:
  /// @param file  an object, or null where there is no file
  SettingsReader(const EnvironmentVariables& environment, const nlohmann::json& file, const std::string& file_name,
                 const JsonPositions& positions)
      : environment_(environment), file_(file), file_name_(file_name), positions_(positions) {}

  void flag(const std::string& name, bool& target) {
    const auto given = find(name, flag_of_text);
    if (!given) return;
    if (!given->is_boolean()) return refuse(name, "true or false", *given);
    target = given->get<bool>();
  }

  template <class T>
  void integer(const std::string& name, T& target, T low, T high) {
    const auto given = find(name, number_of_text);
    if (!given) return;
    const std::string expected = "an integer from " + std::to_string(low) + " to " + std::to_string(high);
    // Compared as the type of the value: a negative one never becomes a large unsigned one.
    const auto inside = [&](auto value) { return std::cmp_greater_equal(value, low) && std::cmp_less_equal(value, high); };
    const bool fits = given->is_number_unsigned()  ? inside(given->get<std::uint64_t>())
                      : given->is_number_integer() ? inside(given->get<std::int64_t>())
                                                   : false;
    if (!fits) return refuse(name, expected, *given);
    target = given->get<T>();
  }

  void number(const std::string& name, double& target, double low, double high) {
    const auto given = find(name, number_of_text);
    if (!given) return;
    if (!in_range(*given, low, high)) return refuse(name, range_text(low, high), *given);
    target = given->get<double>();
  }

  void text(const std::string& name, std::string& target) {
    const auto given = find(name, [](std::string_view value) { return nlohmann::json(std::string(value)); });
    if (!given) return;
    if (!given->is_string() || !is_plain(given->get_ref<const std::string&>()))
      return refuse(name, "a UTF-8 text of at most 4096 bytes without control characters", *given);
    target = given->get<std::string>();
  }

  void list(const std::string& name, std::vector<std::string>& target) {
    const auto given = find(name, list_of_text);
    if (!given) return;
    std::vector<std::string> elements;
    const std::string expected = "names, as in BTC,ETH or a JSON list";
    if (!given->is_array()) return refuse(name, expected, *given);
    for (std::size_t i = 0; i < given->size(); ++i) {
      const nlohmann::json& element = (*given)[i];
      const std::string path = name + '[' + std::to_string(i) + ']';
      if (!element.is_string() || element.get_ref<const std::string&>().empty() ||
          !is_plain(element.get_ref<const std::string&>())) {
        return refuse(name, expected, element, path);
      }
      const auto& word = element.get_ref<const std::string&>();
      if (std::find(elements.begin(), elements.end(), word) != elements.end())
        return refuse(name, "each name once", element, path);
      elements.push_back(word);
    }
    target = std::move(elements);
  }

  void map(const std::string& name, PerUnderlying& target, double low, double high) {
    const auto given = find(name, map_of_text);
    if (!given) return;
    PerUnderlying numbers;
    if (given->is_object()) {
      bool good = true;
      for (const auto& item : given->items()) {
        if (in_range(item.value(), low, high) && !item.key().empty() && is_plain(item.key())) {
          if (item.key() == "*") {
            numbers.other = item.value().get<double>();
          } else {
            numbers.by_name[item.key()] = item.value().get<double>();
          }
          continue;
        }
        refuse(name, range_text(low, high) + " for each underlying", item.value(), name + '.' + item.key());
        good = false;
      }
      if (!good) return;
    } else if (in_range(*given, low, high)) {
      numbers.other = given->get<double>();
    } else {
      return refuse(name, range_text(low, high) + ", for all underlyings or for each as in BTC:0.1,ETH:1", *given);
    }
    target = std::move(numbers);
  }

  /// @tparam T  an enumeration, an optional one (null or an empty variable: unset), or a text that is one of a few
  template <class T, class E>
  void name(const std::string& name, T& target, NamedValues<E> names) {
    const std::optional<nlohmann::json> given =
        find(name, [](std::string_view value) { return nlohmann::json(std::string(trimmed_text(value))); });
    if (!given) return;
    if constexpr (rlx::detail::is_optional_v<T>) {
      if (given->is_null() || *given == "") {
        target.reset();
        return;
      }
    }
    std::string expected = "one of";
    std::vector<std::string_view> words;
    for (const auto& [word, value] : names) {
      if (given->is_string() && given->get_ref<const std::string&>() == word) {
        target = T(value);
        return;
      }
      expected += (words.empty() ? " " : ", ") + std::string(word);
      words.push_back(word);
    }
    const std::string meant = given->is_string() ? nearest(given->get_ref<const std::string&>(), words) : std::string();
    refuse(name, expected, *given, {}, meant.empty() ? std::string() : "; did you mean '" + meant + "'?");
  }

  /// Keys of the file that no call above asked for.
  void refuse_unknown_keys() {
    if (!file_.is_object()) return;
    for (const auto& item : file_.items()) {
      if (known_.count(item.key()) != 0) continue;
      std::string fault = file_name_ + positions_.key(item.key()).text() + ": unknown setting " + quoted(item.key()) + " = ";
      if (is_secret(item.key())) {
        fault += "***: secrets are no settings; they come from variables or from a file of their own";
      } else {
        const std::string meant = nearest(item.key(), known_);
        fault += rlx::detail::json_excerpt(item.value());
        fault += meant.empty() ? ": remove it, no setting has a name like this" : ": did you mean '" + meant + "'?";
      }
      faults_.push_back(std::move(fault));
    }
  }

  /// A fault of a value that is fine by itself.
  void refuse_value(const std::string& name, const std::string& message) {
    if (faulty_.insert(name).second) faults_.push_back(where(name, name) + name + ": " + message);
  }

  /// Whether the setting, as given, could not be read.
  bool is_faulty(const std::string& name) const { return faulty_.count(name) != 0; }
  const std::vector<std::string>& faults() const { return faults_; }

 private:
  template <class FromText>
  std::optional<nlohmann::json> find(const std::string& name, FromText from_text) {
    known_.insert(name);
    if (const auto variable = environment_.find(variable_of(name)); variable != environment_.end()) {
      by_variable_.insert(name);
      return nlohmann::json(from_text(variable->second));
    }
    if (!file_.is_object()) return {};
    const auto member = file_.find(name);
    if (member == file_.end()) return {};
    return *member;
  }

  static std::string variable_of(const std::string& name) {
    std::string variable = name;
    for (char& c : variable) {
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return variable;
  }

  std::string where(const std::string& name, const std::string& path) const {
    if (by_variable_.count(name) != 0) return "environment variable " + variable_of(name) + ": ";
    if (!file_.is_object() || !file_.contains(name)) return {};
    const TextPosition position = positions_.value(path);
    return file_name_ + (position.line != 0 ? position : positions_.value(name)).text() + ": ";
  }

  void refuse(const std::string& name, const std::string& expected, const nlohmann::json& found, const std::string& path = {},
              const std::string& hint = {}) {
    faulty_.insert(name);
    const std::string& at = path.empty() ? name : path;
    faults_.push_back(where(name, at) + at + ": expected " + expected + ", found " + rlx::detail::json_excerpt(found) + hint);
  }

  static bool in_range(const nlohmann::json& value, double low, double high) {
    return value.is_number() && value.get<double>() >= low && value.get<double>() <= high;
  }
  static std::string range_text(double low, double high) {
    return "a number from " + shortest_number(low) + " to " + shortest_number(high);
  }
  /// UTF-8 of moderate length without control characters: it goes into the log.
  static bool is_plain(const std::string& text) {
    if (text.size() > 4096) return false;
    for (const char c : text) {
      if ((c >= 0 && c < ' ') || c == '\x7F') return false;
    }
    try {
      static_cast<void>(nlohmann::json(text).dump());  // throws for bytes that are no UTF-8
      return true;
    } catch (const nlohmann::json::type_error&) {
      return false;
    }
  }
  static std::string quoted(const std::string& text) {
    return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  static bool is_secret(std::string_view key) {
    const std::string lower = lower_case(key);
    for (const std::string_view word : {"secret", "key", "token", "password", "client_id", "credential"}) {
      if (lower.find(word) != std::string::npos) return true;
    }
    return false;
  }

  const EnvironmentVariables& environment_;
  const nlohmann::json& file_;
  const std::string& file_name_;
  const JsonPositions& positions_;
  std::set<std::string> known_, by_variable_, faulty_;
  std::vector<std::string> faults_;
};

/// Writes every setting in the order of the table.
class SettingsWriter {
 public:
  explicit SettingsWriter(bool with_training) : with_training_(with_training) {}

  void flag(std::string_view name, bool value) { put(name, value); }
  template <class T>
  void integer(std::string_view name, T value, T, T) {
    put(name, value);
  }
  void number(std::string_view name, double value, double, double) { put(name, value); }
  void text(std::string_view name, const std::string& value) { put(name, value); }
  void list(std::string_view name, const std::vector<std::string>& value) { put(name, value); }
  void map(std::string_view name, const PerUnderlying& value, double, double) {
    nlohmann::ordered_json numbers = nlohmann::ordered_json::object();
    for (const auto& [underlying, number] : value.by_name) numbers[underlying] = number;
    if (value.other) numbers["*"] = *value.other;
    put(name, std::move(numbers));
  }
  template <class T, class E>
  void name(std::string_view name, const T& value, NamedValues<E> names) {
    for (const auto& [word, named] : names) {
      if (value == named) return put(name, std::string(word));
    }
    put(name, nullptr);
  }

  nlohmann::ordered_json take() { return std::move(json_); }

 private:
  void put(std::string_view name, nlohmann::ordered_json value) {
    if (with_training_ || !name.starts_with("training_")) json_[std::string(name)] = std::move(value);
  }

  bool with_training_;
  nlohmann::ordered_json json_ = nlohmann::ordered_json::object();
};

inline void check_settings_range(SettingsReader& reader, const std::string& prefix, const CandidateRange& range) {
  const auto check = [&](const std::string& low_name, double low, const std::string& high_name, double high) {
    if (reader.is_faulty(low_name) || reader.is_faulty(high_name) || low <= high) return;
    reader.refuse_value(low_name,
                        "expected at most " + high_name + " = " + shortest_number(high) + ", found " + shortest_number(low));
  };
  check(prefix + "delta_min", range.delta_min, prefix + "delta_max", range.delta_max);
  check(prefix + "dte_min", range.dte_min, prefix + "dte_max", range.dte_max);
}

/// What no single value shows.
inline void check_settings(SettingsReader& reader, const Settings& settings, const TrainingProfiles& profiles) {
  check_settings_range(reader, "", settings.range);
  check_settings_range(reader, "research_", settings.research_range);

  if (settings.underlyings.empty()) reader.refuse_value("underlyings", "expected at least one underlying, found none");
  for (const std::string& underlying : settings.underlyings) {
    const bool plain = underlying.size() <= 12 && std::all_of(underlying.begin(), underlying.end(), [](char c) {
                         return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
                       });
    if (!plain) {
      reader.refuse_value("underlyings", "expected capital letters and digits such as BTC, found '" + underlying + '\'');
      continue;
    }
    const auto require_number = [&](const std::string& name, const PerUnderlying& numbers) {
      if (reader.is_faulty(name) || numbers.find(underlying)) return;
      reader.refuse_value(
          name, "there is no number for " + underlying + "; give " + underlying + ":NUMBER, or one number for all underlyings");
    };
    require_number("premium_min_usd", settings.premium_min_usd);
    require_number("max_net_delta_abs", settings.max_net_delta_abs);
    const bool research = settings.mode == AgentMode::research;
    require_number(research ? "research_max_expiry_exposure" : "max_expiry_exposure", settings.effective_max_expiry_exposure());
    require_number("liquidity_min_open_interest", settings.liquidity_min_open_interest);
    require_number("hard_max_leg_size", settings.hard_max_leg_size);
  }

  std::set<std::string> sized(settings.underlyings.begin(), settings.underlyings.end());
  for (const auto& [underlying, size] : settings.hard_max_leg_size.by_name) sized.insert(underlying);
  for (const std::string& underlying : sized) {
    const auto size = settings.hard_max_leg_size.find(underlying);
    const double bound = hard_bound_leg_size(underlying);
    if (reader.is_faulty("hard_max_leg_size") || !size || *size <= bound) continue;
    reader.refuse_value("hard_max_leg_size", "expected at most " + shortest_number(bound) + " for " + underlying + ", found " +
                                                 shortest_number(*size) + "; this bound is compiled in");
  }

  std::vector<std::string_view> known;
  for (const TrainingProfileSet& profile : profiles) known.push_back(profile.name);
  for (const std::string& strategy : settings.training_strategies) {
    if (std::find(known.begin(), known.end(), strategy) != known.end()) continue;
    const std::string meant = nearest(strategy, known);
    std::string names;
    for (const std::string_view one : known) names += (names.empty() ? "" : ", ") + std::string(one);
    reader.refuse_value("training_strategies", "expected names among " + names + ", found '" + strategy + '\'' +
                                                   (meant.empty() ? std::string() : "; did you mean '" + meant + "'?"));
  }

  if (settings.log_dir.empty()) reader.refuse_value("log_dir", "expected a folder, found an empty text");
  if (settings.policy_version.empty()) reader.refuse_value("policy_version", "expected a text, found an empty one");
  if (settings.llm_enabled && settings.decision_mode != DecisionMode::rule_only) {
    if (!is_allowed_llm_url(settings.llm_base_url)) {
      reader.refuse_value("llm_base_url",
                          "llm_enabled needs an https:// address (http:// to loopback only) without user name, query or "
                          "fragment");
    }
    if (settings.llm_model.empty()) reader.refuse_value("llm_model", "llm_enabled needs the name of a model, found none");
  } else if (settings.llm_base_url.find_first_of("@?#") != std::string::npos) {
    reader.refuse_value("llm_base_url",
                        "expected an address without user name, query or fragment: it stands in the log, used or not");
  }
}

}  // namespace detail

/**
 * @brief The settings from variables and the text of a JSON file.
 * @param environment  variables; they precede the file
 * @param json_text    the file's content, an object; null where there is no file
 * @param file         its name for messages
 * @param profiles     the profiles that `training_strategies` may name
 * @throws ConfigError listing every fault with its name, value, place (variable, or file:line:column), allowed range, and the
 *                     nearest known name of an unknown one. Values of unknown keys that sound like secrets are not shown
 */
inline Settings parse_settings(const EnvironmentVariables& environment, const std::string* json_text, const std::string& file,
                               const TrainingProfiles& profiles = get_training_profiles()) {
  nlohmann::json json;
  detail::JsonPositions positions;
  if (json_text != nullptr) {
    positions = detail::locate_json(*json_text);
    try {
      json = parse_json(*json_text, file);
    } catch (const DataError& error) {
      if (error.line() == 0 && positions.repeated) {
        const auto& [key, position] = *positions.repeated;
        throw ConfigError(file + position.text() + ": expected each key once, found '" + key + "' again");
      }
      throw ConfigError(error.what());
    }
    if (!json.is_object()) throw ConfigError(file + ":1:1: expected an object of settings, found " + json.type_name());
  }
  Settings settings;
  detail::SettingsReader reader(environment, json, file, positions);
  detail::visit_settings(settings, reader);
  reader.refuse_unknown_keys();
  detail::check_settings(reader, settings, profiles);
  if (reader.faults().empty()) return settings;
  std::string message =
      std::to_string(reader.faults().size()) + (reader.faults().size() == 1 ? " fault" : " faults") + " in the settings:";
  for (const std::string& fault : reader.faults()) message += "\n  " + fault;
  throw ConfigError(message);
}

/**
 * @brief The settings: environment over JSON file over default.
 * @param environment  variables; they precede the file
 * @param json_file    path of the file; null: none
 * @param profiles     the profiles that `training_strategies` may name
 * @throws ConfigError as parse_settings, and if the file cannot be read
 */
inline Settings load_settings(const EnvironmentVariables& environment, const std::string* json_file = nullptr,
                              const TrainingProfiles& profiles = get_training_profiles()) {
  if (json_file == nullptr) return parse_settings(environment, nullptr, {}, profiles);
  std::string text;
  try {
    text = io::read_file(*json_file);
  } catch (const IoError& error) {
    throw ConfigError(std::string("the settings cannot be read: ") + error.what());
  }
  return parse_settings(environment, &text, *json_file, profiles);
}

/// The settings for the log, in the order of the table. `training_*` members are there only when training mode is on: with it
/// off, none of their values may change a byte of the log. `load_settings` reads it back to equal settings.
inline nlohmann::ordered_json config_snapshot(const Settings& settings) {
  detail::SettingsWriter writer(settings.training_mode);
  detail::visit_settings(settings, writer);
  return writer.take();
}

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_SETTINGS_JSON_HPP
