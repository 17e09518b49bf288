// SPDX-License-Identifier: MIT
#include <rlx/options/endpoint.hpp>

#include <optional>
#include <string>
#include <string_view>

#include "rlx_catch.hpp"

using namespace rlx::options;
using rlx_test::ContainsSubstring;

namespace {

constexpr const char* testnet_url = "https://test.deribit.com";
constexpr const char* mainnet_url = "https://www.deribit.com";

std::string refusal(const HostPolicy& hosts, std::string_view url, std::string_view env, bool training) {
  try {
    hosts.resolve(url, env, training);
  } catch (const SafetyError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("two hosts are known, by exact name, https and port 443", "[options][gate]") {
  const HostPolicy hosts;
  for (const char* const url : {"https://test.deribit.com", "https://test.deribit.com/", "https://test.deribit.com:443",
                                "https://test.deribit.com:443/"}) {
    INFO(url);
    REQUIRE(hosts.environment_of(url) == VenueEnvironment::testnet);
    const Endpoint endpoint = hosts.resolve(url, "testnet", true);
    REQUIRE(endpoint.host == "test.deribit.com");
    REQUIRE(endpoint.port == 443);
    REQUIRE(endpoint.environment == VenueEnvironment::testnet);
    REQUIRE(endpoint.ca_file.empty());
  }
  REQUIRE(hosts.environment_of("https://www.deribit.com/") == VenueEnvironment::mainnet);
  REQUIRE(hosts.resolve(mainnet_url, "mainnet", false).host == "www.deribit.com");
  REQUIRE(hosts.resolve(mainnet_url, "mainnet", false).environment == VenueEnvironment::mainnet);
}

TEST_CASE("everything else is refused, with both values in the message", "[options][gate]") {
  const HostPolicy hosts;
  for (const char* const url : {"",
                                "https://",
                                "test.deribit.com",
                                "http://test.deribit.com",
                                "HTTPS://test.deribit.com",
                                "wss://test.deribit.com",
                                "https://TEST.deribit.com",
                                "https://test.deribit.com.",
                                "https://test.deribit.com.evil.com",
                                "https://deribit.com",
                                "https://xtest.deribit.com",
                                "https://evil.com/test.deribit.com",
                                "https://test.deribit.com:8443",
                                "https://test.deribit.com:",
                                "https://test.deribit.com:0443",
                                "https://test.deribit.com:443x",
                                "https://test.deribit.com:4430",
                                "https://test.deribit.com:65979",
                                "https://test.deribit.com:4294967739",
                                "https://test.deribit.com/api/v2",
                                "https://test.deribit.com//",
                                "https://test.deribit.com?x",
                                "https://test.deribit.com#x",
                                "https://user@test.deribit.com",
                                "https://user:hush@test.deribit.com",
                                "https://test.deribit.com@evil.com",
                                "https://test.deribit.com\\@evil.com",
                                " https://test.deribit.com",
                                "https://test.deribit.com ",
                                "https://test.deribit.com\n",
                                "https://localhost",
                                "https://localhost:8443",
                                "https://127.0.0.1",
                                "https:/test.deribit.com",
                                "https:///test.deribit.com"}) {
    INFO(url);
    REQUIRE_FALSE(hosts.environment_of(url).has_value());
    for (const bool training : {false, true}) {
      const std::string text = refusal(hosts, url, "testnet", training);
      REQUIRE_THAT(text, ContainsSubstring("deribit_env 'testnet'"));
      REQUIRE_THAT(text, ContainsSubstring("deribit_base_url '"));
      REQUIRE(text.find("hush") == std::string::npos);
    }
  }
  REQUIRE_THAT(refusal(hosts, "https://example.com", "mainnet", false), ContainsSubstring("https://example.com"));
}

TEST_CASE("an embedded zero does not shorten a host name", "[options][gate]") {
  REQUIRE_FALSE(HostPolicy().environment_of(std::string_view("https://test.deribit.com\0.evil.com", 34)).has_value());
}

TEST_CASE("training, host and environment decide together, each of them alone suffices to refuse", "[options][gate]") {
  const HostPolicy hosts;
  for (const bool training : {false, true}) {
    for (const char* const url : {testnet_url, mainnet_url, "https://example.com"}) {
      for (const char* const env : {"testnet", "mainnet", "paper", "TESTNET", ""}) {
        INFO(training << ' ' << url << ' ' << env);
        const bool fits = (url == testnet_url && std::string_view(env) == "testnet") ||
                          (!training && url == mainnet_url && std::string_view(env) == "mainnet");
        const std::string text = refusal(hosts, url, env, training);
        REQUIRE(text.empty() == fits);
        if (fits) continue;
        REQUIRE_THAT(text, ContainsSubstring(url));
        REQUIRE_THAT(text, ContainsSubstring(std::string("'") + env + "'"));
        const bool because_of_training = training && (url == mainnet_url || std::string_view(env) == "mainnet");
        REQUIRE((text.find("training never runs on mainnet") != std::string::npos) == because_of_training);
      }
    }
  }
}

TEST_CASE("a loopback server is testnet for tests, on its port and with its certificate", "[options][gate]") {
  const HostPolicy hosts = HostPolicy::loopback_for_tests(8443, "/tmp/ca.pem");
  const Endpoint endpoint = hosts.resolve("https://localhost:8443/", "testnet", true);
  REQUIRE(endpoint.host == "localhost");
  REQUIRE(endpoint.port == 8443);
  REQUIRE(endpoint.environment == VenueEnvironment::testnet);
  REQUIRE(endpoint.ca_file == "/tmp/ca.pem");
  for (const char* const url : {"https://localhost", "https://localhost:8444", "http://localhost:8443",
                                "https://127.0.0.1:8443", "https://localhost.evil.com:8443"}) {
    INFO(url);
    REQUIRE_FALSE(hosts.environment_of(url).has_value());
  }
  REQUIRE(hosts.resolve(testnet_url, "testnet", true).ca_file.empty());
  REQUIRE(hosts.resolve(testnet_url, "testnet", true).port == 443);
  REQUIRE_FALSE(refusal(hosts, "https://localhost:8443", "mainnet", false).empty());
  REQUIRE_THROWS_AS(HostPolicy::loopback_for_tests(0, "ca.pem"), SafetyError);
  REQUIRE_THROWS_AS(HostPolicy::loopback_for_tests(8443, ""), SafetyError);
}
