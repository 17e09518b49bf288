// SPDX-License-Identifier: MIT
/// @file
/// @brief PpoConfig as JSON, its digest, and what differs between two.
#ifndef RLX_RL_PPO_CONFIG_JSON_HPP
#define RLX_RL_PPO_CONFIG_JSON_HPP

#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include <nlohmann/json.hpp>

#include <rlx/core/hash.hpp>
#include <rlx/core/json.hpp>
#include <rlx/nn/schedule.hpp>
#include <rlx/nn/schedule_json.hpp>
#include <rlx/rl/ppo_config.hpp>

namespace rlx {

/// All fields by name. An infinite limit is written as null.
inline nlohmann::json to_json(const PpoConfig& config) {
  nlohmann::json json = nlohmann::json::object();
  for_each_field(config, [&]<class T>(const char* name, const T& field) {
    if constexpr (std::is_same_v<T, nn::Schedule>) {
      json[name] = nn::schedule_to_json(field);
    } else if constexpr (std::is_same_v<T, std::optional<nn::Schedule>>) {
      json[name] = field ? nn::schedule_to_json(*field) : nlohmann::json();
    } else if constexpr (std::is_same_v<T, std::optional<double>>) {
      json[name] = field ? nlohmann::json(*field) : nlohmann::json();
    } else if constexpr (std::is_same_v<T, ValueClip>) {
      json[name] = field == ValueClip::sb3 ? "sb3" : "max";
    } else if constexpr (std::is_same_v<T, double>) {
      json[name] = is_finite(field) ? nlohmann::json(field) : nlohmann::json();
    } else {
      json[name] = field;
    }
  });
  return json;
}

/// Reads fields by name; absent ones keep their default. null means infinity for the limits clip_obs, clip_reward and
/// max_grad_norm. @throws ConfigError for an unknown key, with the nearest one, or a value of the wrong type
inline PpoConfig ppo_config_from_json(const nlohmann::json& json, const std::string& where = "ppo") {
  PpoConfig config;
  JsonObject object(json, where);
  for_each_field(config, [&]<class T>(const char* name, T& field) {
    if (!object.has(name)) return;
    const nlohmann::json& value = object.value(name);
    if constexpr (std::is_same_v<T, nn::Schedule>) {
      field = nn::schedule_from_json(value, object.path(name));
    } else if constexpr (std::is_same_v<T, std::optional<nn::Schedule>>) {
      field.reset();
      if (!value.is_null()) field = nn::schedule_from_json(value, object.path(name));
    } else if constexpr (std::is_same_v<T, ValueClip>) {
      object.read_name(name, field, {{"sb3", ValueClip::sb3}, {"max", ValueClip::max}});
    } else if constexpr (std::is_same_v<T, double>) {
      field = value.is_null() ? std::numeric_limits<double>::infinity() : json_as<double>(value, object.path(name));
    } else {
      field = json_as<T>(value, object.path(name));
    }
  });
  object.finish();
  return config;
}

/// SHA-256 of the configuration: equal configurations have equal digests.
inline std::string config_hash(const nlohmann::json& config) { return sha256_hex(config.dump()); }

}  // namespace rlx

#endif  // RLX_RL_PPO_CONFIG_JSON_HPP
