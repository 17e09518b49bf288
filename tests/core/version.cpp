// SPDX-License-Identifier: MIT
#include <rlx/core/version.hpp>

#include "rlx_catch.hpp"

#include <string>

TEST_CASE("the version's text and number agree with its parts", "[core][version]") {
  CHECK(std::string(RLX_VERSION_STRING) ==
        std::to_string(RLX_VERSION_MAJOR) + '.' + std::to_string(RLX_VERSION_MINOR) + '.' + std::to_string(RLX_VERSION_PATCH));
  CHECK(RLX_VERSION == RLX_VERSION_MAJOR * 10000 + RLX_VERSION_MINOR * 100 + RLX_VERSION_PATCH);
}
