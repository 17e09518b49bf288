// SPDX-License-Identifier: MIT
/// @file
/// @brief The writing of config_json.hpp without the JSON library: templates for nlohmann::json and for JsonTree.
#ifndef RLX_RL_DETAIL_CONFIG_TREE_HPP
#define RLX_RL_DETAIL_CONFIG_TREE_HPP

#include <optional>
#include <type_traits>
#include <utility>

#include <rlx/core/finite.hpp>
#include <rlx/nn/schedule.hpp>
#include <rlx/rl/losses.hpp>

namespace rlx::inline v0_1::detail {

/// See `schedule_to_json`.
template <class Json>
Json schedule_tree(const nn::Schedule& schedule) {
  const auto& points = schedule.points();
  if (schedule.kind() == nn::Schedule::Kind::constant) return points.front().value;
  Json json = Json::object();
  if (schedule.kind() != nn::Schedule::Kind::piecewise) {
    json["kind"] = schedule.kind() == nn::Schedule::Kind::linear ? "linear" : "cosine";
    json["start"] = points.front().value;
    json["end"] = points.back().value;
    return json;
  }
  Json corners = Json::array();
  for (const auto& point : points) {
    Json corner = Json::array();
    corner.push_back(point.progress_remaining);
    corner.push_back(point.value);
    corners.push_back(std::move(corner));
  }
  json["kind"] = "piecewise";
  json["points"] = std::move(corners);
  return json;
}

/// See `config_to_json`.
template <class Json, class Config>
Json config_tree(const Config& config) {
  Json json = Json::object();
  for_each_field(config, [&]<class T>(const char* name, const T& field) {
    if constexpr (std::is_same_v<T, nn::Schedule>) {
      json[name] = schedule_tree<Json>(field);
    } else if constexpr (std::is_same_v<T, std::optional<nn::Schedule>>) {
      json[name] = field ? schedule_tree<Json>(*field) : Json();
    } else if constexpr (std::is_same_v<T, std::optional<double>>) {
      json[name] = field ? Json(*field) : Json();
    } else if constexpr (std::is_same_v<T, ValueClip>) {
      json[name] = field == ValueClip::sb3 ? "sb3" : "max";
    } else if constexpr (std::is_same_v<T, double>) {
      json[name] = is_finite(field) ? Json(field) : Json();
    } else {
      json[name] = field;
    }
  });
  return json;
}

}  // namespace rlx::inline v0_1::detail

#endif  // RLX_RL_DETAIL_CONFIG_TREE_HPP
