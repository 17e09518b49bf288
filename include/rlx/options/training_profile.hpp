// SPDX-License-Identifier: MIT
/// @file
/// @brief What each training profile sells, and in which order the profiles choose.
#ifndef RLX_OPTIONS_TRAINING_PROFILE_HPP
#define RLX_OPTIONS_TRAINING_PROFILE_HPP

#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/nearest.hpp>

namespace rlx::inline v0_1::options {

/// Closed ranges that a leg of the profile must lie in, and how many legs it may have per tick.
struct TrainingProfile {
  bool enabled = true;                                      ///< false: has no legs
  double target_delta = 0.30;                               ///< 0 to 1; the delta that is best where the order asks for it
  double min_delta = 0.25;                                  ///< 0 to 1
  double max_delta = 0.35;                                  ///< 0 to 1
  double min_dte = 1;                                       ///< days, fractional
  double max_dte = 21;                                      ///< days, fractional
  double ivrv_min = 0;                                      ///< above 0, a candidate without a measured ratio does not pass
  int max_legs = 2;                                         ///< per underlying and tick; 0 = none
  bool operator==(const TrainingProfile&) const = default;  ///< Memberwise.
};

/// A profile with its name. An asset without a configuration of its own has the common one.
struct TrainingProfileSet {
  std::string name;                                               ///< that settings and records use; not empty
  TrainingProfile base;                                           ///< of every asset that has none of its own
  std::map<std::string, TrainingProfile, std::less<>> per_asset;  ///< by underlying, "ETH"

  /// The configuration of one asset. No allocation; the reference lives as long as the set.
  const TrainingProfile& profile_for(std::string_view asset) const {
    const auto found = per_asset.find(asset);
    return found == per_asset.end() ? base : found->second;
  }
  bool operator==(const TrainingProfileSet&) const = default;  ///< Memberwise.
};

/// Profiles by priority: on an edge that two of them share, the earlier one chooses first.
using TrainingProfiles = std::vector<TrainingProfileSet>;

/// The three default profiles: conservative 0.20 [0.10, 0.25], moderate 0.30 [0.25, 0.35], aggressive 0.40 [0.35, 0.50].
inline TrainingProfiles get_training_profiles() {
  TrainingProfiles profiles(3);
  profiles[0].name = "conservative";
  profiles[0].base.target_delta = 0.20;
  profiles[0].base.min_delta = 0.10;
  profiles[0].base.max_delta = 0.25;
  profiles[1].name = "moderate";
  profiles[1].base.target_delta = 0.30;
  profiles[1].base.min_delta = 0.25;
  profiles[1].base.max_delta = 0.35;
  profiles[2].name = "aggressive";
  profiles[2].base.target_delta = 0.40;
  profiles[2].base.min_delta = 0.35;
  profiles[2].base.max_delta = 0.50;
  return profiles;
}

namespace detail {

/// By bits, so that it holds under -ffast-math too.
constexpr bool is_nan(double value) noexcept {
  return (std::bit_cast<std::uint64_t>(value) & 0x7FFF'FFFF'FFFF'FFFFULL) > 0x7FF0'0000'0000'0000ULL;
}

/// What is wrong with one configuration; null if nothing. A range may be open ended (infinity).
constexpr const char* fault_of(const TrainingProfile& profile) noexcept {
  if (!is_finite(profile.target_delta)) return "expected a finite target_delta";
  if (is_nan(profile.ivrv_min)) return "expected a number as ivrv_min, found NaN";
  if (is_nan(profile.min_delta) || is_nan(profile.max_delta) || profile.min_delta > profile.max_delta)
    return "expected min_delta <= max_delta";
  if (is_nan(profile.min_dte) || is_nan(profile.max_dte) || profile.min_dte > profile.max_dte)
    return "expected min_dte <= max_dte";
  if (profile.max_legs < 0) return "expected max_legs of 0 or more";
  return nullptr;
}

[[noreturn]] inline void refuse_profile(std::string_view name, std::string_view asset, const char* fault) {
  throw ConfigError("training profile '" + std::string(name) + "'" +
                    (asset.empty() ? std::string() : " for " + std::string(asset)) + ": " + fault);
}

}  // namespace detail

/// Checks the names (not empty, each once) and every configuration, those of all assets too.
/// Allocates nothing when all is well.
/// @throws ConfigError naming the profile, the asset and the fault
inline void check_training_profiles(std::span<const TrainingProfileSet> profiles) {
  for (std::size_t i = 0; i < profiles.size(); ++i) {
    const TrainingProfileSet& one = profiles[i];
    if (one.name.empty()) detail::refuse_profile(one.name, {}, "expected a name");
    for (std::size_t j = 0; j < i; ++j) {
      if (profiles[j].name == one.name) detail::refuse_profile(one.name, {}, "expected each name once, found it again");
    }
    if (const char* const fault = detail::fault_of(one.base)) detail::refuse_profile(one.name, {}, fault);
    for (const auto& [asset, profile] : one.per_asset) {
      if (const char* const fault = detail::fault_of(profile)) detail::refuse_profile(one.name, asset, fault);
    }
  }
}

/**
 * @brief The profiles that `names` lists, in the order of `names`: what a ladder is picked from.
 * @param names     Settings::training_strategies; the order is the priority
 * @param profiles  the profiles that there are
 * @throws ConfigError for a name that is no profile (with the nearest one) or that is listed twice
 */
inline TrainingProfiles select_training_profiles(std::span<const std::string> names, const TrainingProfiles& profiles) {
  TrainingProfiles chosen;
  chosen.reserve(names.size());
  std::vector<std::string_view> known;
  for (const TrainingProfileSet& one : profiles) known.push_back(one.name);
  for (const std::string& name : names) {
    const TrainingProfileSet* found = nullptr;
    for (const TrainingProfileSet& one : profiles) {
      if (one.name == name) found = &one;
    }
    if (found == nullptr) {
      const std::string meant = nearest(name, known);
      throw ConfigError("training_strategies: '" + name + "' is no training profile" +
                        (meant.empty() ? std::string() : ": did you mean '" + meant + "'?"));
    }
    for (const TrainingProfileSet& one : chosen) {
      if (one.name == name) throw ConfigError("training_strategies: expected each profile once, found '" + name + "' again");
    }
    chosen.push_back(*found);
  }
  return chosen;
}

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_TRAINING_PROFILE_HPP
