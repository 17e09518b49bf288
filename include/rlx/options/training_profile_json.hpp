// SPDX-License-Identifier: MIT
/// @file
/// @brief The JSON form of training profiles.
///
/// @code
/// [{"name": "conservative", "target_delta": 0.20, "min_delta": 0.10, "max_delta": 0.25, "min_dte": 1, "max_dte": 21,
///   "ivrv_min": 0, "max_legs": 2, "enabled": true, "per_asset": {"ETH": {"max_legs": 1}}}]
/// @endcode
/// The order is the priority. `name`, `target_delta`, `min_delta` and `max_delta` must be there; the others have the defaults
/// of TrainingProfile. A configuration in `per_asset` changes what it names and takes the rest from the profile.
#ifndef RLX_OPTIONS_TRAINING_PROFILE_JSON_HPP
#define RLX_OPTIONS_TRAINING_PROFILE_JSON_HPP

#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include <rlx/core/json.hpp>
#include <rlx/options/training_profile.hpp>

namespace rlx::inline v0_1::options {

namespace detail {

inline void read_training_profile(JsonObject& in, TrainingProfile& profile) {
  in.read("enabled", profile.enabled);
  in.read("target_delta", profile.target_delta);
  in.read("min_delta", profile.min_delta);
  in.read("max_delta", profile.max_delta);
  in.read("min_dte", profile.min_dte);
  in.read("max_dte", profile.max_dte);
  in.read("ivrv_min", profile.ivrv_min);
  in.read("max_legs", profile.max_legs);
}

}  // namespace detail

/// Reads profiles, strictly.
/// @throws ConfigError with the path of the value: wrong type, unknown or missing key, and what check_training_profiles refuses
inline TrainingProfiles training_profiles_from_json(const nlohmann::json& json) {
  const std::string where = "training_profiles";
  if (!json.is_array()) rlx::detail::json_wrong(where, "an array of profiles, the order is the priority", json);
  TrainingProfiles profiles;
  for (const nlohmann::json& element : json) {
    JsonObject in(element, where + '[' + std::to_string(profiles.size()) + ']');
    TrainingProfileSet set;
    set.name = in.get<std::string>("name");
    for (const char* const key : {"target_delta", "min_delta", "max_delta"}) static_cast<void>(in.value(key));
    detail::read_training_profile(in, set.base);
    if (in.has("per_asset")) {
      const nlohmann::json& assets = in.value("per_asset");
      if (!assets.is_object()) rlx::detail::json_wrong(in.path("per_asset"), "an object of underlyings", assets);
      for (const auto& item : assets.items()) {
        JsonObject changes(item.value(), in.path("per_asset") + '.' + item.key());
        TrainingProfile profile = set.base;
        detail::read_training_profile(changes, profile);
        changes.finish();
        set.per_asset.emplace(item.key(), profile);
      }
    }
    in.finish();
    profiles.push_back(std::move(set));
  }
  check_training_profiles(profiles);
  return profiles;
}

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_TRAINING_PROFILE_JSON_HPP
