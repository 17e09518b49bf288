// SPDX-License-Identifier: MIT
/// @file
/// @brief PpoConfig and A2cConfig as JSON, their digest, and what differs between two.
#ifndef RLX_RL_CONFIG_JSON_HPP
#define RLX_RL_CONFIG_JSON_HPP

#include <array>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <rlx/core/hash.hpp>
#include <rlx/core/json.hpp>
#include <rlx/nn/schedule.hpp>
#include <rlx/rl/a2c_config.hpp>
#include <rlx/rl/detail/config_tree.hpp>
#include <rlx/rl/ppo_config.hpp>

namespace rlx::inline v0_1 {

/// A constant is a number; `{"kind": "linear", "start": a, "end": b}`, the same for cosine; `{"kind": "piecewise", "points":
/// [[1, a], [0.5, b], ...]}` with the progress remaining first.
/// @tparam Json  nlohmann::json, here as below; a parameter so that a program compiles only what it calls
template <class Json = nlohmann::json>
Json schedule_to_json(const nn::Schedule& schedule) {
  return detail::schedule_tree<Json>(schedule);
}

/// Reads what `schedule_to_json` writes. @throws ConfigError naming the path
template <class Json = nlohmann::json>
nn::Schedule schedule_from_json(const std::type_identity_t<Json>& json, const std::string& path) {
  if (json.is_number()) return nn::Schedule(json_as<double>(json, path));
  using Kind = nn::Schedule::Kind;
  BasicJsonObject<Json> object(json, path);
  Kind kind = Kind::linear;
  object.value("kind");
  object.read_name("kind", kind, {{"linear", Kind::linear}, {"cosine", Kind::cosine}, {"piecewise", Kind::piecewise}});
  if (kind == Kind::piecewise) {
    std::vector<nn::Schedule::Point> points;
    for (const auto& point : object.template get<std::vector<std::array<double, 2>>>("points"))
      points.push_back({point[0], point[1]});
    object.finish();
    return nn::Schedule::piecewise(std::move(points));
  }
  const auto start = object.template get<double>("start");
  const auto end = object.template get<double>("end");
  object.finish();
  return kind == Kind::linear ? nn::Schedule::linear(start, end) : nn::Schedule::cosine(start, end);
}

/// All fields by name. An infinite limit is written as null. @tparam Config PpoConfig or A2cConfig
template <class Config>
nlohmann::json config_to_json(const Config& config) {
  return detail::config_tree<nlohmann::json>(config);
}

/// Reads fields by name; absent ones keep their default. null means infinity for the limits clip_obs, clip_reward and
/// max_grad_norm. @tparam Config PpoConfig or A2cConfig
/// @throws ConfigError for an unknown key, with the nearest one, or a value of the wrong type
template <class Config>
Config config_from_json(const nlohmann::json& json, const std::string& where) {
  Config config;
  JsonObject object(json, where);
  for_each_field(config, [&]<class T>(const char* name, T& field) {
    if (!object.has(name)) return;
    const nlohmann::json& value = object.value(name);
    if constexpr (std::is_same_v<T, nn::Schedule>) {
      field = schedule_from_json(value, object.path(name));
    } else if constexpr (std::is_same_v<T, std::optional<nn::Schedule>>) {
      field.reset();
      if (!value.is_null()) field = schedule_from_json(value, object.path(name));
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

/// `config_from_json` of a PpoConfig.
/// @throws what it throws, with `where` and the field in the message
template <class Json = nlohmann::json>
PpoConfig ppo_config_from_json(const std::type_identity_t<Json>& json, const std::string& where = "ppo") {
  return config_from_json<PpoConfig>(json, where);
}
/// `config_from_json` of an A2cConfig.
/// @throws what it throws, with `where` and the field in the message
template <class Json = nlohmann::json>
A2cConfig a2c_config_from_json(const std::type_identity_t<Json>& json, const std::string& where = "a2c") {
  return config_from_json<A2cConfig>(json, where);
}

/// SHA-256 of the configuration: equal configurations have equal digests.
template <class Json = nlohmann::json>
std::string config_hash(const std::type_identity_t<Json>& config) {
  return sha256_hex(config.dump());
}

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_CONFIG_JSON_HPP
