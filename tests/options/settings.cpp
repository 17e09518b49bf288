// SPDX-License-Identifier: MIT
#include <rlx/options/settings.hpp>

#include <string>

#include "rlx_catch.hpp"

namespace {

using namespace rlx::options;

TEST_CASE("settings: training on testnet needs the switch, the environment and the host", "[options]") {
  const std::string testnet = "https://test.deribit.com", mainnet = "https://www.deribit.com";
  const HostPolicy loopback = HostPolicy::loopback_for_tests(4433, "ca.pem");
  for (const bool on : {true, false}) {
    for (const std::string env : {"testnet", "mainnet"}) {
      for (const std::string& url :
           {testnet, mainnet, std::string("http://test.deribit.com"), std::string("https://test.deribit.com.evil.org"),
            std::string("https://test.deribit.com:8443"), std::string("https://user@test.deribit.com"), std::string()}) {
        for (const AgentMode mode : {AgentMode::production, AgentMode::research}) {
          CAPTURE(on, env, url);
          Settings settings;
          settings.training_mode = on;
          settings.deribit_env = env;
          settings.deribit_base_url = url;
          settings.mode = mode;
          CHECK(settings.is_training_on_testnet() == (on && env == "testnet" && url == testnet));
        }
      }
    }
  }
  Settings settings;
  settings.training_mode = true;
  settings.deribit_base_url = "https://localhost:4433";
  CHECK(settings.is_training_on_testnet(loopback));
  CHECK_FALSE(settings.is_training_on_testnet());
}

TEST_CASE("settings: numbers per underlying and ranges of the mode", "[options]") {
  Settings settings;
  CHECK(settings.call_size("BTC") == 0.1);
  CHECK(settings.call_size("ETH") == 1.0);
  CHECK_FALSE(settings.call_size("SOL").has_value());
  settings.training_call_size.other = 7.0;
  CHECK(settings.call_size("SOL") == 7.0);
  CHECK(settings.call_size("BTC") == 0.1);

  CHECK(settings.effective_range().dte_max == 21);
  CHECK(settings.effective_max_expiry_exposure().find("ETH") == 10.0);
  settings.mode = AgentMode::production;
  CHECK(settings.effective_range().dte_max == 10);
  CHECK(settings.effective_max_expiry_exposure().find("ETH") == 3.0);
}

}  // namespace
