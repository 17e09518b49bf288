// SPDX-License-Identifier: MIT
/// @file
/// @brief Which hosts the agent may speak to, and what each of them is.
#ifndef RLX_OPTIONS_ENDPOINT_HPP
#define RLX_OPTIONS_ENDPOINT_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <rlx/options/attestation.hpp>
#include <rlx/options/error.hpp>

namespace rlx::inline v0_1::options {

/// Where requests go. Made by `HostPolicy::resolve` only.
struct Endpoint {
  std::string host;                                          ///< a name of the table
  std::uint16_t port = 443;                                  ///< https
  VenueEnvironment environment = VenueEnvironment::testnet;  ///< what the host stands for
  std::string ca_file;                                       ///< empty: the system's certificates; tests name their own
};

/// The host table: test.deribit.com is testnet, www.deribit.com is mainnet, both https on port 443; everything else is refused.
/// Host names are compared exactly. A trailing slash and an explicit `:443` are the same URL.
class HostPolicy {
 public:
  HostPolicy() = default;

  /// For tests: additionally https://localhost:port counts as testnet, checked against the certificate file given.
  /// @throws SafetyError  port 0 or no certificate file
  static HostPolicy loopback_for_tests(std::uint16_t port, std::string ca_file) {
    if (port == 0 || ca_file.empty()) {
      throw SafetyError("HostPolicy::loopback_for_tests: expected a port above 0 and a certificate file, found port " +
                        std::to_string(port) + " and '" + ca_file + "'");
    }
    HostPolicy policy;
    policy.loopback_port_ = port;
    policy.ca_file_ = std::move(ca_file);
    return policy;
  }

  /// What a base URL stands for; empty for everything the policy refuses. Never throws.
  std::optional<VenueEnvironment> environment_of(std::string_view base_url) const noexcept {
    constexpr std::string_view scheme = "https://";
    if (!base_url.starts_with(scheme)) return {};
    base_url.remove_prefix(scheme.size());
    if (base_url.ends_with('/')) base_url.remove_suffix(1);
    if (is_host(base_url, testnet_host, 443)) return VenueEnvironment::testnet;
    if (is_host(base_url, mainnet_host, 443)) return VenueEnvironment::mainnet;
    if (loopback_port_ != 0 && is_host(base_url, loopback_host, loopback_port_)) return VenueEnvironment::testnet;
    return {};
  }

  /// The endpoint of a base URL for a configured environment ("testnet", "mainnet").
  /// @throws SafetyError  naming both values: unknown host, http, other port, user-info, path, environment that differs, or
  ///                      training mode together with mainnet
  Endpoint resolve(std::string_view base_url, std::string_view deribit_env, bool training_mode) const {
    const std::optional<VenueEnvironment> found = environment_of(base_url);
    const auto refuse = [&](const std::string& why) -> SafetyError {
      return SafetyError("deribit_base_url '" + without_user_info(base_url) + "' with deribit_env '" +
                         std::string(deribit_env) + "' and training_mode " + (training_mode ? "on" : "off") + ": " + why);
    };
    if (training_mode && (found == VenueEnvironment::mainnet || deribit_env == "mainnet")) {
      throw refuse(
          "training never runs on mainnet. Set deribit_base_url=https://test.deribit.com and deribit_env=testnet, or " +
          std::string("turn training_mode off"));
    }
    if (!found) {
      throw refuse("expected exactly https://test.deribit.com (testnet) or https://www.deribit.com (mainnet), without user, " +
                   std::string("path or another port"));
    }
    if (deribit_env != name_of(*found)) {
      throw refuse("the host is " + std::string(name_of(*found)) + ", so deribit_env must be '" + std::string(name_of(*found)) +
                   "'");
    }
    const bool loopback = base_url.find(loopback_host) != std::string_view::npos;
    Endpoint endpoint;
    endpoint.host = loopback ? loopback_host : *found == VenueEnvironment::testnet ? testnet_host : mainnet_host;
    endpoint.port = loopback ? loopback_port_ : std::uint16_t{443};
    endpoint.environment = *found;
    if (loopback) endpoint.ca_file = ca_file_;
    return endpoint;
  }

  /// For messages, which a password in a URL must not reach.
  static std::string without_user_info(std::string_view url) {
    const std::size_t at = url.rfind('@');
    return at == std::string_view::npos ? std::string(url) : "***" + std::string(url.substr(at));
  }

 private:
  static constexpr std::string_view testnet_host = "test.deribit.com";
  static constexpr std::string_view mainnet_host = "www.deribit.com";
  static constexpr std::string_view loopback_host = "localhost";

  /// Whether `authority` is the host alone (on the port of https) or followed by the port in plain decimal.
  static bool is_host(std::string_view authority, std::string_view host, std::uint16_t port) noexcept {
    if (!authority.starts_with(host)) return false;
    authority.remove_prefix(host.size());
    if (authority.empty()) return port == 443;
    if (authority.front() != ':') return false;
    authority.remove_prefix(1);
    std::uint32_t value = 0;
    if (authority.empty() || authority.size() > 5 || authority.front() == '0') return false;
    for (const char digit : authority) {
      if (digit < '0' || digit > '9') return false;
      value = value * 10 + static_cast<std::uint32_t>(digit - '0');
    }
    return value == port;
  }

  std::uint16_t loopback_port_ = 0;
  std::string ca_file_;
};

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_ENDPOINT_HPP
