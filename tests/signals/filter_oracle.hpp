// SPDX-License-Identifier: MIT
/// @file
/// @brief The rules of a sound signal, read from its JSON form without the library's records.
#ifndef RLX_TESTS_SIGNALS_FILTER_ORACLE_HPP
#define RLX_TESTS_SIGNALS_FILTER_ORACLE_HPP

#include <cmath>
#include <set>
#include <string>

#include <nlohmann/json.hpp>

namespace rlx_test {

/// Whether the default SignalFilter has to accept the signal at `now` (seconds). `json` is an object of valid UTF-8.
inline bool is_sound_signal(const nlohmann::json& json, double now) {
  const auto text = [](const nlohmann::json& object, const char* key) {
    return object.contains(key) && object[key].is_string() ? object[key].get<std::string>() : std::string();
  };
  const auto positive = [](const nlohmann::json& value) {
    return value.is_number() && std::isfinite(value.get<double>()) && value.get<double>() > 0.0;
  };
  const std::string id = text(json, "signal_id");
  if (id.empty() || id.size() > 128) return false;
  if (!std::set<std::string>{"momentum", "mean_reversion", "arbitrage"}.contains(text(json, "strategy"))) return false;
  if (!json.contains("params") || !json["params"].is_object()) return false;
  const nlohmann::json& params = json["params"];
  if (!params.contains("amount") || !positive(params["amount"])) return false;
  if (text(params, "base").empty() || text(params, "quote").empty() || params["base"] == params["quote"]) return false;
  if (params.contains("price") && !positive(params["price"])) return false;
  return json.contains("timestamp") && positive(json["timestamp"]) && json["timestamp"].get<double>() <= now + 5.0;
}

}  // namespace rlx_test

#endif  // RLX_TESTS_SIGNALS_FILTER_ORACLE_HPP
