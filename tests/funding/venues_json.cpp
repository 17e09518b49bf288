// SPDX-License-Identifier: MIT
#include <rlx/funding/venues_json.hpp>

#include <string>

#include <rlx/io/mapped_file.hpp>

#include "rlx_catch.hpp"

#ifndef RLX_SOURCE_DIR
#  define RLX_SOURCE_DIR "."
#endif

using namespace rlx::funding;
using rlx_test::ContainsSubstring;

namespace {

const char* const valid = R"({"schema": "rlx.venues/1", "as_of": "2025-12-31", "venues": {"own": {
  "maker": 0.0001, "taker": 0.0004, "default_interval_hours": 4, "liquidation": {"rule": "entry", "fee": 0.01},
  "classes": [{"symbols": ["BTC"], "tiers": [[0, 0.005, 100], [1000, 0.01, 50]]}, {"symbols": "*", "tiers": [[0, 0.02, 25]]}],
  "status": "published"}}})";

std::string with(const std::string& from, const std::string& to) {
  std::string text = valid;
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

void refused(const std::string& text, const std::string& path, const std::string& says) {
  CAPTURE(text);
  REQUIRE_THROWS_AS(VenueTable::from_json(text, "own.json"), rlx::DataError);
  REQUIRE_THROWS_WITH(VenueTable::from_json(text, "own.json"),
                      ContainsSubstring("own.json") && ContainsSubstring(path) && ContainsSubstring(says));
}

}  // namespace

TEST_CASE("Venues JSON: the shipped file is the built-in table", "[funding]") {
  const std::string path = RLX_SOURCE_DIR "/examples/funding_arbitrage_ppo/data/perpetuals.json";
  const VenueTable file = VenueTable::from_json(rlx::io::read_file(path), path);
  const VenueTable builtin = VenueTable::builtin();
  REQUIRE(file.as_of() == builtin.as_of());
  REQUIRE(file.size() == builtin.size());
  for (const Venue& venue : builtin.venues()) {
    CAPTURE(venue.name);
    REQUIRE(file.at(file.find(venue.name).value()) == venue);
  }
  REQUIRE(file.sha256() == builtin.sha256());
}

TEST_CASE("Venues JSON: all fields are read and written", "[funding]") {
  const VenueTable table = VenueTable::from_json(valid, "own.json");
  REQUIRE(table.as_of() == "2025-12-31");
  const Venue& own = table.at(0);
  REQUIRE(own.name == "own");
  REQUIRE(own.maker == 0.0001);
  REQUIRE(own.taker == 0.0004);
  REQUIRE(own.default_interval_hours == 4);
  REQUIRE(own.rule == LiquidationRule::entry);
  REQUIRE(own.liquidation_fee == 0.01);
  REQUIRE(own.status == "published");
  REQUIRE(own.tier("BTCUSDT", 2000).cum == 1000 * (0.01 - 0.005));
  REQUIRE(own.tier("XUSDT", 1).rate == 0.02);
  REQUIRE(VenueTable::from_json(to_json_text(table), "again") == table);
  REQUIRE(VenueTable::from_json(to_json_text(VenueTable::builtin()), "again").sha256() == VenueTable::builtin().sha256());
}

TEST_CASE("Venues JSON: tiers that do not rise are refused with their path", "[funding]") {
  refused(with("[1000, 0.01, 50]", "[0, 0.01, 50]"), "$.venues.own.classes[0].tiers[1]", "must rise");
  refused(with("[1000, 0.01, 50]", "[1000, 0.005, 50]"), "$.venues.own.classes[0].tiers[1]", "must rise");
  refused(with("[1000, 0.01, 50]", "[1000, 0.01, 100]"), "$.venues.own.classes[0].tiers[1]", "must rise");
  refused(with("[0, 0.005, 100]", "[5, 0.005, 100]"), "$.venues.own.classes[0].tiers[0]", "first floor");
  refused(with("[0, 0.02, 25]", ""), "$.venues.own.classes[1].tiers", "no tiers");
  refused(with("[0, 0.02, 25]", "[0, 0.02]"), "$.venues.own.classes[1].tiers[0]", "array of 3");
  refused(with("[0, 0.02, 25]", "[0, 1.02, 25]"), "$.venues.own.classes[1].tiers[0]", "maintenance rate");
}

TEST_CASE("Venues JSON: as_of and the schema are required", "[funding]") {
  refused(with("\"as_of\": \"2025-12-31\", ", ""), "$", "as_of");
  refused(with("2025-12-31", "31.12.2025"), "$.as_of", "YYYY-MM-DD");
  for (const char* day : {"2025-13-45", "2025-02-29", "2025-1-031", "2025-12-31T"})
    refused(with("2025-12-31", day), "$.as_of", "YYYY-MM-DD");
  refused(with("rlx.venues/1", "rlx.venues/2"), "$.schema", "rlx.venues/1");
}

TEST_CASE("Venues JSON: unknown keys are refused with the nearest name", "[funding]") {
  refused(with("\"taker\"", "\"takers\""), "$.venues.own", "taker");
  refused(with("\"status\": \"published\"", "\"status\": \"published\", \"makr\": 1"), "$.venues.own", "makr");
  refused(with("\"fee\": 0.01", "\"fee\": 0.01, \"x\": 1"), "$.venues.own.liquidation", "'x'");
  refused(with("\"as_of\"", "\"date\": \"\", \"as_of\""), "$", "date");
}

TEST_CASE("Venues JSON: a fee of zero must be meant", "[funding]") {
  refused(with("\"maker\": 0.0001", "\"maker\": 0"), "$.venues.own.maker", "allow_zero_fee");
  const VenueTable free =
      VenueTable::from_json(with("\"maker\": 0.0001", "\"allow_zero_fee\": true, \"maker\": 0"), "own.json");
  REQUIRE(free.at(0).maker == 0.0);
  REQUIRE(VenueTable::from_json(to_json_text(free), "again") == free);
  refused(with("\"taker\": 0.0004", "\"taker\": -0.0004"), "$.venues.own.taker", "decimal fraction");
  refused(with("\"taker\": 0.0004", "\"taker\": 0.04"), "$.venues.own.taker", "0.05 %");
}

TEST_CASE("Venues JSON: other wrong values", "[funding]") {
  refused(with("\"rule\": \"entry\"", "\"rule\": \"marks\""), "$.venues.own.liquidation.rule", "mark_plus_taker");
  refused(with("\"rule\": \"entry\", ", ""), "$.venues.own.liquidation", "rule");
  refused(with("\"default_interval_hours\": 4", "\"default_interval_hours\": 3"), "default_interval_hours",
          "1, 2, 4, 8, 12 or 24");
  refused(with("\"published\"", "\"guessed\""), "$.venues.own.status", "assumed");
  refused(with("{\"own\"", "{\"Own\""), "$.venues.Own", "lower case");
  refused(with("\"BTC\"", ""), "$.venues.own.classes[0].symbols", "empty");
  refused("{", "own.json", "JSON");
  refused("[]", "$", "an object");
}
