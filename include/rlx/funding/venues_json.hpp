// SPDX-License-Identifier: MIT
/// @file
/// @brief The JSON form of a venue table, `rlx.venues/1`.
///
/// @code
/// {"schema": "rlx.venues/1", "as_of": "2025-11-01", "venues": {"binance": {
///    "maker": 0.0002, "taker": 0.0005, "default_interval_hours": 8, "liquidation": {"rule": "mark", "fee": 0.005},
///    "classes": [{"symbols": ["BTC", "ETH"], "tiers": [[0, 0.005, 100], [1000000, 0.01, 50]]},
///                {"symbols": "*", "tiers": [[0, 0.02, 25]]}],
///    "status": "assumed"}}}
/// @endcode
/// Fees and rates are decimal fractions; a tier is [notional floor in USD, maintenance rate, largest leverage]; floors and
/// rates rise, leverage falls. A fee of zero needs `"allow_zero_fee": true`.
#ifndef RLX_FUNDING_VENUES_JSON_HPP
#define RLX_FUNDING_VENUES_JSON_HPP

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <rlx/core/error.hpp>
#include <rlx/core/json.hpp>
#include <rlx/funding/detail/sort_rows.hpp>
#include <rlx/funding/venues.hpp>
#include <rlx/io/iso8601.hpp>

namespace rlx::inline v0_1::funding {

namespace detail {

[[noreturn]] inline void refuse_venue_value(const std::string& path, const std::string& message) {
  throw ConfigError(path + ": " + message);
}

// A fee as a decimal fraction. Above 2 % of the notional it is surely meant in percent.
inline double read_fee(JsonObject& in, std::string_view key, bool allow_zero) {
  const double fee = in.get<double>(key);
  if (!(fee >= 0.0 && fee <= 0.02))
    refuse_venue_value(in.path(key), number_text(fee) + ": expected a decimal fraction between 0 and 0.02 (0.0005 = 0.05 %)");
  if (fee == 0.0 && !allow_zero)
    refuse_venue_value(in.path(key),
                       "0: a fee of zero must be meant; add \"allow_zero_fee\": true to the venue, or give the fee");
  return fee;
}

inline std::vector<MaintenanceTier> read_tiers(const nlohmann::json& json, const std::string& path) {
  std::vector<MaintenanceTier> tiers;
  for (const std::array<double, 3>& row : json_as<std::vector<std::array<double, 3>>>(json, path)) {
    const std::string here = path + '[' + std::to_string(tiers.size()) + ']';
    const auto [floor, rate, max_leverage] = row;
    if (!(rate > 0.0 && rate < 1.0))
      refuse_venue_value(here, "maintenance rate " + number_text(rate) + ": expected between 0 and 1");
    if (!(max_leverage >= 1.0 && max_leverage <= 1000.0))
      refuse_venue_value(here, "leverage " + number_text(max_leverage) + ": expected 1 to 1000");
    if (tiers.empty() && floor != 0.0) refuse_venue_value(here, "the first floor is " + number_text(floor) + "; expected 0");
    if (!tiers.empty()) {
      const MaintenanceTier& last = tiers.back();
      if (!(floor > last.notional_floor) || !(rate > last.rate) || !(max_leverage < last.max_leverage))
        refuse_venue_value(here,
                           "tiers must rise: floor and rate above, leverage below those of the tier before; found floor " +
                               number_text(floor) + ", rate " + number_text(rate) + ", leverage " + number_text(max_leverage));
    }
    tiers.push_back({floor, rate, 0.0, max_leverage});
  }
  if (tiers.empty()) refuse_venue_value(path, "no tiers; expected at least [[0, rate, leverage]]");
  set_maintenance_amounts(tiers);
  return tiers;
}

inline std::vector<TierClass> read_classes(const nlohmann::json& json, const std::string& path) {
  std::vector<TierClass> classes;
  if (!json.is_array() || json.empty()) refuse_venue_value(path, "expected an array of at least one class");
  for (const nlohmann::json& entry : json) {
    JsonObject in(entry, path + '[' + std::to_string(classes.size()) + ']');
    TierClass group;
    const nlohmann::json& symbols = in.value("symbols");
    if (symbols != "*") {
      group.symbols = json_as<std::vector<std::string>>(symbols, in.path("symbols"));
      if (group.symbols.empty()) refuse_venue_value(in.path("symbols"), "empty; expected coins, or \"*\" for all others");
    }
    group.tiers = read_tiers(in.value("tiers"), in.path("tiers"));
    in.finish();
    classes.push_back(std::move(group));
  }
  return classes;
}

inline Venue read_venue(const std::string& name, const nlohmann::json& json, const std::string& path) {
  for (const char c : name)
    if (c >= 'A' && c <= 'Z') refuse_venue_value(path, "venue names are lower case");
  JsonObject in(json, path);
  Venue venue;
  venue.name = name;
  in.read("allow_zero_fee", venue.allow_zero_fee);
  venue.maker = read_fee(in, "maker", venue.allow_zero_fee);
  venue.taker = read_fee(in, "taker", venue.allow_zero_fee);
  venue.default_interval_hours = in.get<int>("default_interval_hours");
  if (const std::string problem = interval_problem(venue.default_interval_hours); !problem.empty())
    refuse_venue_value(in.path("default_interval_hours"), problem);
  JsonObject liquidation = in.object("liquidation");
  if (!liquidation.read_name("rule", venue.rule,
                             {{"mark", LiquidationRule::mark},
                              {"mark_plus_taker", LiquidationRule::mark_plus_taker},
                              {"entry", LiquidationRule::entry}}))
    static_cast<void>(liquidation.value("rule"));  // says that the key is missing
  venue.liquidation_fee = read_fee(liquidation, "fee", venue.allow_zero_fee);
  liquidation.finish();
  venue.classes = read_classes(in.value("classes"), in.path("classes"));
  venue.status = in.get<std::string>("status");
  if (venue.status != "published" && venue.status != "assumed")
    refuse_venue_value(in.path("status"), "'" + venue.status + "': expected published or assumed");
  in.finish();
  return venue;
}

inline VenueTable read_venue_table(const nlohmann::json& json) {
  JsonObject in(json, "$");
  const std::string schema = in.get<std::string>("schema");
  if (schema != "rlx.venues/1") refuse_venue_value(in.path("schema"), "'" + schema + "': expected rlx.venues/1");
  std::string as_of = in.get<std::string>("as_of");
  const bool dated = as_of.size() == 10 && io::try_parse_time_ms(as_of).has_value();
  if (!dated) refuse_venue_value(in.path("as_of"), "'" + as_of + "': expected the date of the numbers as YYYY-MM-DD");
  const nlohmann::json& list = in.value("venues");
  if (!list.is_object() || list.empty()) refuse_venue_value(in.path("venues"), "expected an object with at least one venue");
  in.finish();
  std::vector<Venue> venues;
  for (const auto& item : list.items()) venues.push_back(read_venue(item.key(), item.value(), "$.venues." + item.key()));
  return VenueTable(std::move(as_of), std::move(venues));
}

}  // namespace detail

inline VenueTable VenueTable::from_json(std::string_view text, std::string_view origin) {
  try {
    return detail::read_venue_table(parse_json(text, std::string(origin)));
  } catch (const ConfigError& error) {
    throw DataError(std::string(origin), 0, 0, error.what());
  }
}

/// The table as JSON, indented; `from_json` gives an equal table back up to the order of the venues.
inline std::string to_json_text(const VenueTable& table) {
  nlohmann::ordered_json json;
  json["schema"] = "rlx.venues/1";
  json["as_of"] = table.as_of();
  for (const Venue& venue : table.venues()) {
    nlohmann::ordered_json& out = json["venues"][venue.name];
    out["maker"] = venue.maker;
    out["taker"] = venue.taker;
    out["default_interval_hours"] = venue.default_interval_hours;
    out["liquidation"]["rule"] = to_string(venue.rule);
    out["liquidation"]["fee"] = venue.liquidation_fee;
    for (const TierClass& group : venue.classes) {
      nlohmann::ordered_json& entry = out["classes"].emplace_back();
      if (group.symbols.empty()) {
        entry["symbols"] = "*";
      } else {
        entry["symbols"] = group.symbols;
      }
      for (const MaintenanceTier& tier : group.tiers)
        entry["tiers"].push_back(nlohmann::ordered_json::array({tier.notional_floor, tier.rate, tier.max_leverage}));
    }
    out["status"] = venue.status;
    if (venue.allow_zero_fee) out["allow_zero_fee"] = true;
  }
  return json.dump(2) + '\n';
}

}  // namespace rlx::inline v0_1::funding

#endif  // RLX_FUNDING_VENUES_JSON_HPP
