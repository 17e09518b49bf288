// SPDX-License-Identifier: MIT
/// @file
/// @brief Which hosts the agent may speak to, and what each of them is.
#ifndef RLX_OPTIONS_ENDPOINT_HPP
#define RLX_OPTIONS_ENDPOINT_HPP

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <rlx/options/attestation.hpp>

namespace rlx::options {

/// Where requests go. Made by `HostPolicy::resolve` only.
struct Endpoint {
  std::string host;
  std::uint16_t port = 443;
  VenueEnvironment environment = VenueEnvironment::testnet;
  std::string ca_file;  ///< empty: the system's certificates; tests name their own
};

/// The host table: test.deribit.com is testnet, www.deribit.com is mainnet, both https on port 443; everything else is refused.
class HostPolicy {
 public:
  HostPolicy() = default;

  /// For tests: additionally https://localhost:port counts as testnet, checked against the certificate file given.
  static HostPolicy loopback_for_tests(std::uint16_t port, std::string ca_file);

  /// What a base URL stands for; empty for everything the policy refuses. Never throws.
  std::optional<VenueEnvironment> environment_of(std::string_view base_url) const;

  /// The endpoint of a base URL for a configured environment ("testnet", "mainnet").
  /// @throws SafetyError  naming both values: unknown host, http, other port, user-info, path, environment that differs, or
  ///                      training mode together with mainnet
  Endpoint resolve(std::string_view base_url, std::string_view deribit_env, bool training_mode) const;

 private:
  std::uint16_t loopback_port_ = 0;
  std::string ca_file_;
};

}  // namespace rlx::options

#endif  // RLX_OPTIONS_ENDPOINT_HPP
