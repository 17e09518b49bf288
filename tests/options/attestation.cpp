// SPDX-License-Identifier: MIT
#include <rlx/options/attestation.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include <rlx/options/endpoint.hpp>
#include <rlx/options/risk_engine.hpp>
#include <rlx/options/settings.hpp>

#include "rlx_catch.hpp"

using namespace rlx::options;
using rlx_test::ContainsSubstring;

// Whoever holds an attestation got it from a check: there is no way to write one down.
static_assert(!std::is_default_constructible_v<Attestation>);
static_assert(!std::is_aggregate_v<Attestation>);
static_assert(!std::is_constructible_v<Attestation, VenueEnvironment>);
static_assert(!std::is_constructible_v<Attestation, VenueEnvironment, std::int64_t>);
static_assert(!std::is_constructible_v<Attestation, bool>);
static_assert(std::is_copy_constructible_v<Attestation>);
// And the risk check, which every order passes, cannot be called without one.
static_assert(std::is_invocable_v<decltype(check_action_allowed), AgentState, Action, Settings, Attestation, ProjectedState,
                                  OrderContext>);
static_assert(!std::is_invocable_v<decltype(check_action_allowed), AgentState, Action, Settings, ProjectedState, OrderContext>);
static_assert(!std::is_invocable_v<decltype(check_action_allowed), AgentState, Action, Settings, std::optional<Attestation>,
                                   ProjectedState, OrderContext>);

namespace {

enum class Start { refused, latched, ladder, production };

/// What becomes of one combination: the settings are resolved, then the venue is asked who it is, then the branch is chosen.
Start start_of(bool training, const char* url, const char* env, std::optional<bool> flag, bool paper) {
  Settings settings;
  settings.training_mode = training;
  settings.deribit_base_url = url;
  settings.deribit_env = env;
  try {
    const Endpoint endpoint = HostPolicy().resolve(url, env, training);
    const Attestation held =
        paper ? Attestation::paper(1) : Attestation::from_reply(endpoint.environment, endpoint.host, flag, 1);
    REQUIRE(held.at_ms() == 1);
    REQUIRE(held.environment() == (paper ? VenueEnvironment::paper : endpoint.environment));
    return settings.is_training_on_testnet() ? Start::ladder : Start::production;
  } catch (const AttestationError&) {
    return Start::latched;
  } catch (const SafetyError&) {
    return Start::refused;
  }
}

}  // namespace

TEST_CASE("training, host, environment, flag and venue: the whole product", "[options][gate]") {
  struct Host {
    const char* url;
    const char* environment;  // empty: unknown
  };
  const Host hosts[] = {
      {"https://test.deribit.com", "testnet"}, {"https://www.deribit.com", "mainnet"}, {"https://example.com", ""}};
  for (const bool training : {false, true}) {
    for (const Host& host : hosts) {
      for (const std::string_view env : {"testnet", "mainnet"}) {
        for (const std::optional<bool> flag : {std::optional<bool>(), std::optional(false), std::optional(true)}) {
          for (const bool paper : {false, true}) {
            // the table of the specification, row by row
            Start expected = Start::production;
            if (training && std::string_view(host.environment) == "mainnet") {
              expected = Start::refused;
            } else if (training && env == "mainnet") {
              expected = Start::refused;
            } else if (host.environment != env) {
              expected = Start::refused;
            } else if (!paper && env == "testnet" && flag != true) {
              expected = Start::latched;
            } else if (!paper && env == "mainnet" && flag != false) {
              expected = Start::latched;
            } else if (training) {
              expected = Start::ladder;
            }
            INFO(training << ' ' << host.url << ' ' << env << ' ' << (flag ? (*flag ? "true" : "false") : "none") << ' '
                          << (paper ? "paper" : "network"));
            REQUIRE(start_of(training, host.url, env.data(), flag, paper) == expected);
          }
        }
      }
    }
  }
}

TEST_CASE("each condition decides alone between the ladder and everything else", "[options][gate]") {
  const char* const url = "https://test.deribit.com";
  REQUIRE(start_of(true, url, "testnet", true, false) == Start::ladder);
  REQUIRE(start_of(false, url, "testnet", true, false) == Start::production);
  REQUIRE(start_of(true, "https://www.deribit.com", "testnet", true, false) == Start::refused);
  REQUIRE(start_of(true, "https://example.com", "testnet", true, false) == Start::refused);
  REQUIRE(start_of(true, url, "mainnet", true, false) == Start::refused);
  REQUIRE(start_of(true, url, "testnet", false, false) == Start::latched);
  REQUIRE(start_of(true, url, "testnet", {}, false) == Start::latched);
  REQUIRE(start_of(true, url, "testnet", {}, true) == Start::ladder);  // a paper venue sends no flag
}

TEST_CASE("the predicate of training: mode, environment and host, never research or production", "[options][gate]") {
  for (const AgentMode mode : {AgentMode::production, AgentMode::research}) {
    for (const bool training : {false, true}) {
      for (const char* const env : {"testnet", "mainnet"}) {
        for (const char* const url : {"https://test.deribit.com", "https://www.deribit.com", "http://test.deribit.com"}) {
          Settings settings;
          settings.mode = mode;
          settings.training_mode = training;
          settings.deribit_env = env;
          settings.deribit_base_url = url;
          const bool expected =
              training && std::string_view(env) == "testnet" && std::string_view(url) == "https://test.deribit.com";
          REQUIRE(settings.is_training_on_testnet() == expected);
        }
      }
    }
  }
}

TEST_CASE("a reply attests the configured environment or nothing", "[options][gate]") {
  const auto message = [](VenueEnvironment environment, std::optional<bool> flag) -> std::string {
    try {
      Attestation::from_reply(environment, "the.host", flag, 7);
    } catch (const AttestationError& error) {
      return error.what();
    }
    return "";
  };
  REQUIRE(message(VenueEnvironment::testnet, true).empty());
  REQUIRE(message(VenueEnvironment::mainnet, false).empty());
  REQUIRE_THAT(message(VenueEnvironment::testnet, false), ContainsSubstring("the.host is configured as testnet"));
  REQUIRE_THAT(message(VenueEnvironment::testnet, {}), ContainsSubstring("found none"));
  REQUIRE_THAT(message(VenueEnvironment::mainnet, true), ContainsSubstring("found true"));
  REQUIRE_THAT(message(VenueEnvironment::mainnet, {}), ContainsSubstring("found none"));
  // No reply proves a paper venue.
  for (const std::optional<bool> flag : {std::optional<bool>(), std::optional(false), std::optional(true)}) {
    REQUIRE_FALSE(message(VenueEnvironment::paper, flag).empty());
  }
  REQUIRE(Attestation::paper(9).environment() == VenueEnvironment::paper);
  REQUIRE(Attestation::paper(9).at_ms() == 9);
}
