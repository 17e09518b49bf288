// SPDX-License-Identifier: MIT
/// @file
/// @brief Proof that the agent speaks to the exchange it was configured for.
#ifndef RLX_OPTIONS_ATTESTATION_HPP
#define RLX_OPTIONS_ATTESTATION_HPP

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <rlx/options/error.hpp>

namespace rlx::inline v0_1::options {

/// Whose money a venue trades.
enum class VenueEnvironment : std::uint8_t {
  paper,    ///< nobody's: it reaches no network
  testnet,  ///< the exchange's play money
  mainnet   ///< real money
};

/// "paper", "testnet" or "mainnet".
constexpr std::string_view name_of(VenueEnvironment environment) {
  return environment == VenueEnvironment::paper ? "paper" : environment == VenueEnvironment::testnet ? "testnet" : "mainnet";
}

/// Which environment a venue proved to be, and when. It has no public constructor: whoever holds one holds a checked reply, and
/// code that needs one (the training branch) cannot be compiled without it.
class Attestation {
 public:
  /// Checks a reply of a networked venue.
  /// @param environment    what the host of the connection stands for (endpoint.hpp)
  /// @param host           for messages
  /// @param testnet_flag   the `testnet` member of the reply; empty where it is missing or not a boolean
  /// @param now_ms         the agent's clock
  /// @throws AttestationError  when the flag is missing or says the other environment
  static Attestation from_reply(VenueEnvironment environment, std::string_view host, std::optional<bool> testnet_flag,
                                std::int64_t now_ms) {
    const bool testnet = environment == VenueEnvironment::testnet;
    if (!testnet_flag || *testnet_flag != testnet || environment == VenueEnvironment::paper) {
      throw AttestationError(
          "attestation: " + std::string(host) + " is configured as " + std::string(name_of(environment)) +
          ", so every reply must carry \"testnet\": " + (testnet ? "true" : "false") + "; found " +
          (!testnet_flag   ? "none"
           : *testnet_flag ? "true"
                           : "false") +
          ". Nothing but cancels of own orders is sent from here on; check deribit_base_url and deribit_env");
    }
    return {environment, now_ms};
  }

  /// A venue that reaches no network.
  static Attestation paper(std::int64_t now_ms) { return {VenueEnvironment::paper, now_ms}; }

  /// What was proved.
  VenueEnvironment environment() const noexcept { return environment_; }
  /// When, by the agent's clock, UTC ms.
  std::int64_t at_ms() const noexcept { return at_ms_; }

 private:
  Attestation(VenueEnvironment environment, std::int64_t at_ms) : environment_(environment), at_ms_(at_ms) {}

  VenueEnvironment environment_;
  std::int64_t at_ms_;
};

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_ATTESTATION_HPP
