// SPDX-License-Identifier: MIT
#include <rlx/options/settings_json.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/options/detail/json_positions.hpp>
#include <rlx/options/detail/llm_url.hpp>

#include "rlx_catch.hpp"

namespace {

using namespace rlx::options;
using rlx_test::ContainsSubstring;

Settings from_text(const std::string& text, const EnvironmentVariables& environment = {}) {
  return parse_settings(environment, &text, "agent.json");
}

std::string refusal(const std::string& text, const EnvironmentVariables& environment = {}) {
  try {
    from_text(text, environment);
  } catch (const rlx::ConfigError& error) {
    return error.what();
  }
  return "accepted";
}
std::string refusal_of(const std::string& variable, const std::string& value) { return refusal("{}", {{variable, value}}); }

TEST_CASE("settings: the defaults, row by row", "[options]") {
  const Settings s = load_settings({});
  CHECK(s == Settings());
  CHECK(s.mode == AgentMode::research);
  CHECK(s.deribit_env == "testnet");
  CHECK(s.deribit_base_url == "https://test.deribit.com");
  CHECK(s.underlyings == std::vector<std::string>{"BTC", "ETH"});
  CHECK(s.dry_run);
  CHECK(s.range == CandidateRange{1.2, 0.20, 0.30, 5, 10});
  CHECK(s.research_range == CandidateRange{1.0, 0.10, 0.40, 1, 21});
  CHECK(s.research_max_expiry_exposure == PerUnderlying{{{"BTC", 1}, {"ETH", 10}}, {}});
  CHECK(s.premium_min_usd == PerUnderlying{{{"BTC", 50}, {"ETH", 2}}, {}});
  CHECK(s.max_candidates_per_underlying == 100);
  CHECK(s.default_order_size == PerUnderlying{{{"BTC", 0.1}, {"ETH", 1}}, {}});
  CHECK(s.training_call_size == s.default_order_size);
  CHECK(s.max_margin_used_pct == 80);
  CHECK(s.max_net_delta_abs == PerUnderlying{{{"BTC", 5}, {"ETH", 50}}, {}});
  CHECK(s.max_expiry_exposure == PerUnderlying{{{"BTC", 0.3}, {"ETH", 3}}, {}});
  CHECK(s.daily_drawdown_limit_pct == 0);
  CHECK_FALSE(s.kill_switch_enabled);
  CHECK(s.liquidity_max_spread_pct == 12);
  CHECK(s.liquidity_min_open_interest == PerUnderlying{{{"BTC", 10}, {"ETH", 100}}, {}});
  CHECK(s.explore_prob == 0.25);
  CHECK(s.explore_top_k == 3);
  CHECK(s.policy_version == "rb_v1_explore");
  CHECK_FALSE(s.training_mode);
  CHECK(s.training_strategies == std::vector<std::string>{"conservative", "moderate", "aggressive"});
  CHECK(s.training_max_calls_per_underlying == 5);
  CHECK(s.training_max_calls_per_expiry == 3);
  CHECK(s.training_max_open_calls_per_underlying == 15);
  CHECK(s.training_profile_mode == TrainingProfileMode::ladder);
  CHECK(s.training_sort == SortKey::premium_usd);
  CHECK(s.training_leg_order == LegOrder::priority);
  CHECK(s.training_prefer_variety);
  CHECK(s.training_premium_min_pct == 0.05);
  CHECK(s.order_style == OrderStyle::post_only);
  CHECK(s.order_ttl_sec == 240);
  CHECK(s.valid_for_ms == 10'000);
  CHECK(s.min_time_to_expiry_min == 60);
  CHECK(s.max_quote_age_ms == 15'000);
  CHECK(s.max_chain_age_ms == 60'000);
  CHECK(s.hard_max_leg_size == PerUnderlying{{{"BTC", 1}, {"ETH", 10}}, {}});
  CHECK(s.hard_max_legs_per_tick == 20);
  CHECK(s.hard_max_open_notional_usd == 250'000);
  CHECK(s.hard_max_drawdown_pct == 50);
  CHECK_FALSE(s.llm_enabled);
  CHECK(s.llm_base_url.empty());
  CHECK(s.llm_model.empty());
  CHECK_FALSE(s.decision_mode.has_value());
  CHECK(s.loop_interval_sec == 300);
  CHECK(s.log_dir == "logs");
  CHECK(s.position_reconcile_action == ReconcileAction::halt);
  CHECK(s.seed == 0);
}

// Every row of the table under its own name, with a value that is not the default.
const std::string everything = R"({
  "mode": "production", "deribit_env": "mainnet", "deribit_base_url": "https://www.deribit.com", "underlyings": ["ETH"],
  "dry_run": false, "ivrv_min": 1.3, "delta_min": 0.21, "delta_max": 0.31, "dte_min": 4, "dte_max": 9.5,
  "research_ivrv_min": 0.9, "research_delta_min": 0.11, "research_delta_max": 0.41, "research_dte_min": 2,
  "research_dte_max": 22, "research_max_expiry_exposure": {"ETH": 11}, "premium_min_usd": {"ETH": 3, "*": 4},
  "max_candidates_per_underlying": 50, "default_order_size": {"ETH": 2}, "max_margin_used_pct": 70,
  "max_net_delta_abs": {"ETH": 40}, "max_expiry_exposure": {"ETH": 4}, "daily_drawdown_limit_pct": 5,
  "kill_switch_enabled": true, "liquidity_max_spread_pct": 8, "liquidity_min_open_interest": {"ETH": 90},
  "explore_prob": 0.5, "explore_top_k": 4, "policy_version": "v2", "training_mode": true,
  "training_strategies": ["aggressive"], "training_call_size": 3, "training_max_calls_per_underlying": 6,
  "training_max_calls_per_expiry": 2, "training_max_open_calls_per_underlying": 9, "training_profile_mode": "single",
  "training_sort": "target_delta", "training_leg_order": "round_robin", "training_prefer_variety": false,
  "training_premium_min_pct": 0.1, "order_style": "take_bid", "order_ttl_sec": 100, "valid_for_ms": 5000,
  "min_time_to_expiry_min": 30, "max_quote_age_ms": 9000, "max_chain_age_ms": 50000, "hard_max_leg_size": {"ETH": 100},
  "hard_max_legs_per_tick": 200, "hard_max_open_notional_usd": 2500000, "hard_max_drawdown_pct": 20, "llm_enabled": true,
  "llm_base_url": "https://llm.example/v1", "llm_model": "m", "decision_mode": "hybrid_shadow", "loop_interval_sec": 60,
  "log_dir": "elsewhere", "position_reconcile_action": "auto_heal", "seed": 18446744073709551615})";

TEST_CASE("settings: every row is read from the file, and the snapshot reads back to the same settings", "[options]") {
  const Settings s = from_text(everything);
  CHECK(s.mode == AgentMode::production);
  CHECK(s.deribit_env == "mainnet");
  CHECK(s.deribit_base_url == "https://www.deribit.com");
  CHECK(s.underlyings == std::vector<std::string>{"ETH"});
  CHECK_FALSE(s.dry_run);
  CHECK(s.range == CandidateRange{1.3, 0.21, 0.31, 4, 9.5});
  CHECK(s.research_range == CandidateRange{0.9, 0.11, 0.41, 2, 22});
  CHECK(s.premium_min_usd.find("ETH") == 3.0);
  CHECK(s.premium_min_usd.find("BTC") == 4.0);
  CHECK(s.training_call_size == PerUnderlying{{}, 3.0});
  CHECK(s.training_profile_mode == TrainingProfileMode::single);
  CHECK(s.training_sort == SortKey::target_delta);
  CHECK(s.training_leg_order == LegOrder::round_robin);
  CHECK(s.order_style == OrderStyle::take_bid);
  CHECK(s.decision_mode == DecisionMode::hybrid_shadow);
  CHECK(s.position_reconcile_action == ReconcileAction::auto_heal);
  CHECK(s.seed == 18446744073709551615ULL);

  const auto given = nlohmann::json::parse(everything);
  const nlohmann::ordered_json snapshot = config_snapshot(s);
  CHECK(snapshot.size() == given.size());
  for (const auto& item : given.items()) {
    CAPTURE(item.key());
    REQUIRE(snapshot.contains(item.key()));
    // No row kept its default, so no row is left unread.
    Settings one;
    one.training_mode = true;
    if (item.key() != "training_mode") CHECK(config_snapshot(one)[item.key()] != snapshot[item.key()]);
  }
  CHECK(from_text(snapshot.dump()) == s);
  Settings training;
  training.training_mode = true;
  CHECK(from_text(config_snapshot(training).dump()) == training);
}

TEST_CASE("settings: the snapshot has the training fields only in training mode", "[options]") {
  Settings off = from_text(everything);
  off.training_mode = false;
  Settings other;
  other.training_mode = false;
  const auto count = [](const nlohmann::ordered_json& json) {
    std::size_t training = 0;
    for (const auto& item : json.items()) training += item.key().starts_with("training_") ? 1U : 0U;
    return training;
  };
  CHECK(count(config_snapshot(off)) == 0);
  CHECK(count(config_snapshot(other)) == 0);
  other.training_max_calls_per_expiry = 77;
  CHECK(config_snapshot(other).dump() == config_snapshot(Settings()).dump());
  off.training_mode = true;
  CHECK(count(config_snapshot(off)) == 11);
  CHECK(config_snapshot(off).begin().key() == "mode");
}

TEST_CASE("settings: environment over file over default", "[options]") {
  const std::string file = R"({"order_ttl_sec": 100, "valid_for_ms": 5000})";
  const Settings s = from_text(file, {{"ORDER_TTL_SEC", "50"}, {"PATH", "/bin"}, {"order_ttl_sec", "1"}});
  CHECK(s.order_ttl_sec == 50);
  CHECK(s.valid_for_ms == 5000);
  CHECK(s.loop_interval_sec == 300);
  // What is overridden need not even be readable.
  CHECK(from_text(R"({"order_ttl_sec": "x"})", {{"ORDER_TTL_SEC", "50"}}).order_ttl_sec == 50);
}

TEST_CASE("settings: the forms of a variable", "[options]") {
  for (const std::string yes : {"true", "True", "ON", "yes", "1", " on "}) {
    CAPTURE(yes);
    CHECK(load_settings({{"TRAINING_MODE", yes}}).training_mode);
  }
  for (const std::string no : {"false", "Off", "no", "0"}) CHECK_FALSE(load_settings({{"DRY_RUN", no}}).dry_run);
  CHECK(load_settings({{"SEED", "18446744073709551615"}}).seed == 18446744073709551615ULL);
  CHECK(load_settings({{"DELTA_MIN", ".25"}}).range.delta_min == 0.25);
  CHECK(load_settings({{"MAX_MARGIN_USED_PCT", "80.5"}}).max_margin_used_pct == 80.5);
  CHECK(load_settings({{"UNDERLYINGS", "ETH"}}).underlyings == std::vector<std::string>{"ETH"});
  CHECK(load_settings({{"UNDERLYINGS", " ETH , BTC "}}).underlyings == std::vector<std::string>{"ETH", "BTC"});
  CHECK(load_settings({{"UNDERLYINGS", "[\"ETH\"]"}}).underlyings == std::vector<std::string>{"ETH"});
  CHECK(load_settings({{"TRAINING_STRATEGIES", ""}}).training_strategies.empty());
  const auto size = [](const std::string& text) { return load_settings({{"TRAINING_CALL_SIZE", text}}).training_call_size; };
  CHECK(size("0.2") == PerUnderlying{{}, 0.2});
  CHECK(size("BTC:0.2") == PerUnderlying{{{"BTC", 0.2}}, {}});
  CHECK(size("BTC:0.2, ETH : 3") == PerUnderlying{{{"BTC", 0.2}, {"ETH", 3}}, {}});
  CHECK(size("BTC:0.2,*:5") == PerUnderlying{{{"BTC", 0.2}}, 5.0});
  CHECK(size("{\"ETH\": 3}") == PerUnderlying{{{"ETH", 3}}, {}});
  CHECK(load_settings({{"DECISION_MODE", "rule_only"}}).decision_mode == DecisionMode::rule_only);
  CHECK_FALSE(load_settings({{"DECISION_MODE", ""}}).decision_mode.has_value());
  CHECK_FALSE(from_text(R"({"decision_mode": null})").decision_mode.has_value());
  CHECK(load_settings({{"LLM_MODEL", ""}}).llm_model.empty());
}

TEST_CASE("settings: the bounds that are compiled in", "[options]") {
  CHECK(load_settings({{"HARD_MAX_LEGS_PER_TICK", "200"}}).hard_max_legs_per_tick == 200);
  CHECK(load_settings({{"HARD_MAX_OPEN_NOTIONAL_USD", "2500000"}}).hard_max_open_notional_usd == 2'500'000);
  CHECK(load_settings({{"HARD_MAX_LEG_SIZE", "BTC:10,ETH:100"}}).hard_max_leg_size.find("BTC") == 10.0);
  CHECK_THAT(refusal_of("HARD_MAX_LEGS_PER_TICK", "201"), ContainsSubstring("an integer from 0 to 200"));
  CHECK_THAT(refusal_of("HARD_MAX_OPEN_NOTIONAL_USD", "2500001"), ContainsSubstring("from 0 to 2500000"));
  CHECK_THAT(refusal_of("HARD_MAX_LEG_SIZE", "BTC:10.1,ETH:1"), ContainsSubstring("at most 10 for BTC, found 10.1"));
  CHECK_THAT(refusal_of("HARD_MAX_LEG_SIZE", "BTC:1,ETH:101"), ContainsSubstring("at most 100 for ETH"));
  CHECK_THAT(refusal_of("HARD_MAX_LEG_SIZE", "50"), ContainsSubstring("at most 10 for BTC, found 50"));
}

TEST_CASE("settings: all faults in one error, each with its place", "[options]") {
  const std::string text =
      "{\n"
      "  \"training_mod\": true,\n"
      "  \"mode\": \"reserch\",\n"
      "  \"max_net_delta_abs\": {\"BTC\": 5,\n"
      "      \"ETH\": -1},\n"
      "  \"underlyings\": [\"BTC\", 7],\n"
      "  \"seed\": -1\n"
      "}";
  const std::string found =
      refusal(text, {{"DELTA_MIN", "0.5"}, {"TRAINING_MAX_CALLS_PER_EXPIRY", "three"}, {"TRAINING_STRATEGIES", "agressive"}});
  CHECK_THAT(found, ContainsSubstring("8 faults in the settings:"));
  CHECK_THAT(found, ContainsSubstring(
                        "agent.json:2:3: unknown setting \"training_mod\" = boolean true: did you mean 'training_mode'?"));
  CHECK_THAT(found,
             ContainsSubstring("agent.json:3:11: mode: expected one of production, research, found string \"reserch\"; did "
                               "you mean 'research'?"));
  CHECK_THAT(found, ContainsSubstring("agent.json:5:14: max_net_delta_abs.ETH: expected a number from 0 to 1000000"));
  CHECK_THAT(found, ContainsSubstring("agent.json:6:26: underlyings[1]: expected names"));
  CHECK_THAT(found,
             ContainsSubstring("agent.json:7:11: seed: expected an integer from 0 to 18446744073709551615, found number -1"));
  CHECK_THAT(found,
             ContainsSubstring("environment variable TRAINING_MAX_CALLS_PER_EXPIRY: training_max_calls_per_expiry: expected "
                               "an integer from 0 to 1000000, found string \"three\""));
  CHECK_THAT(found,
             ContainsSubstring("environment variable DELTA_MIN: delta_min: expected at most delta_max = 0.3, found 0.5"));
  CHECK_THAT(found, ContainsSubstring("found 'agressive'; did you mean 'aggressive'?"));
}

TEST_CASE("settings: values that are refused", "[options]") {
  for (const auto& [variable, value] :
       std::vector<std::pair<std::string, std::string>>{{"TRAINING_MODE", "maybe"},
                                                        {"TRAINING_MODE", ""},
                                                        {"TRAINING_MAX_CALLS_PER_UNDERLYING", "-1"},
                                                        {"TRAINING_MAX_CALLS_PER_UNDERLYING", "5.5"},
                                                        {"TRAINING_MAX_CALLS_PER_UNDERLYING", "99999999999999999999"},
                                                        {"TRAINING_MAX_CALLS_PER_UNDERLYING", "5 legs"},
                                                        {"EXPLORE_PROB", "1.01"},
                                                        {"EXPLORE_PROB", "nan"},
                                                        {"EXPLORE_PROB", "inf"},
                                                        {"EXPLORE_PROB", ""},
                                                        {"EXPLORE_TOP_K", "0"},
                                                        {"UNDERLYINGS", ""},
                                                        {"UNDERLYINGS", "BTC,,ETH"},
                                                        {"UNDERLYINGS", "BTC,BTC"},
                                                        {"UNDERLYINGS", "btc"},
                                                        {"UNDERLYINGS", "[\"BTC\""},
                                                        {"UNDERLYINGS", "BTC,SOL"},  // there are no limits for SOL
                                                        {"TRAINING_CALL_SIZE", "0"},
                                                        {"TRAINING_CALL_SIZE", "BTC"},
                                                        {"TRAINING_CALL_SIZE", "BTC:0.1,BTC:0.2"},
                                                        {"TRAINING_CALL_SIZE", "BTC:0.1,ETH"},
                                                        {"TRAINING_CALL_SIZE", ":0.1"},
                                                        {"TRAINING_STRATEGIES", "moderate,moderate"},
                                                        {"TRAINING_STRATEGIES", "bold"},
                                                        {"DERIBIT_ENV", "paper"},
                                                        {"MODE", "training"},
                                                        {"DTE_MIN", "11"},
                                                        {"RESEARCH_DELTA_MAX", "0.05"},
                                                        {"LOG_DIR", ""},
                                                        {"LOG_DIR", "a\nb"},
                                                        {"LOG_DIR", "\xFF\xFE"},
                                                        {"TRAINING_CALL_SIZE", "\xFF:1"},
                                                        {"LLM_ENABLED", "true"},  // without address and model
                                                        {"HARD_MAX_DRAWDOWN_PCT", "0"}}) {
    CAPTURE(variable, value);
    CHECK_THAT(refusal_of(variable, value), ContainsSubstring("in the settings:"));
  }
  // Each number once, and only numbers.
  CHECK_THAT(refusal(R"({"dry_run": 1})"), ContainsSubstring("agent.json:1:13: dry_run: expected true or false"));
  CHECK_THAT(refusal(R"({"order_ttl_sec": 5.0})"), ContainsSubstring("expected an integer from 1"));
  CHECK_THAT(refusal(R"({"explore_prob": "0.5"})"), ContainsSubstring("expected a number from 0 to 1"));
  CHECK_THAT(refusal(R"({"training_call_size": {"BTC": null}})"), ContainsSubstring("training_call_size.BTC"));
  CHECK_THAT(refusal("{\"seed\": 1,\n \"seed\": 2}"),
             ContainsSubstring("agent.json:2:2: expected each key once, found 'seed'"));
  CHECK_THAT(refusal("{\"seed\": }"), ContainsSubstring("agent.json:1:10: not valid JSON"));
  CHECK_THAT(refusal("[]"), ContainsSubstring("expected an object of settings"));
  // Mainnet with training mode is no fault of the values: the host table refuses it.
  CHECK(refusal_of("DERIBIT_ENV", "mainnet") == "accepted");
}

TEST_CASE("settings: a secret in the file is refused without being shown", "[options]") {
  for (const std::string key : {"deribit_client_secret", "LLM_API_KEY", "password", "access_token", "DERIBIT_CLIENT_ID"}) {
    CAPTURE(key);
    const std::string found = refusal("{\"" + key + "\": \"hunter2\"}");
    CHECK_THAT(found, ContainsSubstring(key));
    CHECK_THAT(found, ContainsSubstring("***"));
    CHECK_THAT(found, !ContainsSubstring("hunter2"));
  }
}

TEST_CASE("settings: the language model needs an address that may be asked", "[options]") {
  const auto with = [](const std::string& url, const std::string& mode = "") {
    return refusal("{}", {{"LLM_ENABLED", "1"}, {"LLM_MODEL", "m"}, {"LLM_BASE_URL", url}, {"DECISION_MODE", mode}});
  };
  for (const std::string url : {"https://api.example.com/v1", "https://10.0.0.1:8443/v1/", "http://localhost:8080/v1",
                                "http://127.0.0.1:1234", "http://[::1]:80/v1"}) {
    CAPTURE(url);
    CHECK(with(url) == "accepted");
  }
  for (const std::string url :
       {"", "http://api.example.com/v1", "http://localhost.example.com", "http://127.0.0.1.example.com", "ftp://localhost",
        "https://", "https:///v1", "https://user:pass@example.com", "http://localhost@example.com",
        "https://example.com/v1?x=1", "https://example.com/a b", "https://example.com/\r\nHost: x", "http://[::1]example.com",
        "api.example.com", "http://\\localhost", "http://localhost#@example.com"}) {
    CAPTURE(url);
    CHECK_THAT(with(url), ContainsSubstring("llm_base_url"));
    CHECK_FALSE(detail::is_allowed_llm_url(url));
  }
  CHECK(with("", "rule_only") == "accepted");  // never called
  CHECK_THAT(with("https://user:pass@example.com"), !ContainsSubstring("pass@"));
}

TEST_CASE("A model's address that holds a key is refused even where no model is asked, and not shown") {
  for (const char* const url :
       {"https://desk:hunter2@llm.example/v1", "https://llm.example/v1?key=hunter2", "https://llm.example/v1#hunter2"}) {
    const std::string message = refusal("{}", {{"LLM_BASE_URL", url}});
    CHECK_THAT(message, ContainsSubstring("llm_base_url"));
    CHECK_THAT(message, !ContainsSubstring("hunter2"));
  }
  CHECK_NOTHROW(load_settings({{"LLM_BASE_URL", "https://llm.example/v1"}}));
}

TEST_CASE("settings: names of training strategies are those of the profiles given", "[options]") {
  TrainingProfiles profiles(1);
  profiles[0].name = "mine";
  CHECK(load_settings({{"TRAINING_STRATEGIES", "mine"}}, nullptr, profiles).training_strategies.front() == "mine");
  CHECK_THROWS_AS(load_settings({}, nullptr, profiles), rlx::ConfigError);
}

TEST_CASE("settings: the file is read from its path", "[options]") {
  const std::string path = "settings_json_test.json";
  std::ofstream(path) << R"({"seed": 7})";
  CHECK(load_settings({}, &path).seed == 7);
  std::remove(path.c_str());
  CHECK_THROWS_AS(load_settings({}, &path), rlx::ConfigError);
}

TEST_CASE("settings: positions in a JSON text", "[options]") {
  const auto positions = detail::locate_json("{\"a\": 1,\n \"b\\\"\": {\"c\": [1, {\"d\": 2}]},\n\"e\": [true, \"x\"]}");
  const auto at = [&](const std::string& path) { return positions.value(path).text(); };
  CHECK(at("a") == ":1:7");
  CHECK(at("b\"") == ":2:9");
  CHECK(at("b\".c") == ":2:15");
  CHECK(at("e") == ":3:6");
  CHECK(at("e[0]") == ":3:7");
  CHECK(at("e[1]") == ":3:13");
  CHECK(at("b\".c[1]").empty());  // deeper than is kept
  CHECK(positions.key("e").text() == ":3:1");
  CHECK_FALSE(positions.repeated.has_value());
  for (const std::string broken : {"", "{", "[[[[", "}}]]", "{\"a", "{\"a\\", "\"\\", "{,:\"", "{\"\\q\":1}", "\n\n,,,"}) {
    CHECK_NOTHROW(detail::locate_json(broken));
  }
  CHECK_NOTHROW(detail::locate_json(std::string(100'000, '[')));
}

}  // namespace
