// SPDX-License-Identifier: MIT
#include <rlx/core/error.hpp>

#include "rlx_catch.hpp"

#include <stdexcept>
#include <string>
#include <type_traits>

static_assert(std::is_base_of_v<std::runtime_error, rlx::Error>);
static_assert(std::is_base_of_v<rlx::Error, rlx::ConfigError> && std::is_base_of_v<rlx::Error, rlx::ShapeError> &&
              std::is_base_of_v<rlx::Error, rlx::DataError> && std::is_base_of_v<rlx::Error, rlx::IoError> &&
              std::is_base_of_v<rlx::Error, rlx::NumericError> && std::is_base_of_v<rlx::Error, rlx::EnvironmentError> &&
              std::is_base_of_v<rlx::Error, rlx::VenueError> && std::is_base_of_v<rlx::Error, rlx::CheckpointError>);
static_assert(std::is_base_of_v<rlx::EnvironmentError, rlx::InvalidActionError> &&
              std::is_base_of_v<rlx::EnvironmentError, rlx::StateError>);
static_assert(std::is_base_of_v<rlx::DataError, rlx::ParseError>);

TEST_CASE("DataError begins with the place as far as it is known", "[core][error]") {
  const rlx::DataError full("prices.csv", 12, 5, "expected a number");
  CHECK(std::string(full.what()) == "prices.csv:12:5: expected a number");
  CHECK(full.file() == "prices.csv");
  CHECK(full.line() == 12);
  CHECK(full.column() == 5);
  CHECK(std::string(rlx::DataError("prices.csv", 12, 0, "x").what()) == "prices.csv:12: x");
  CHECK(std::string(rlx::DataError("prices.csv", 0, 0, "x").what()) == "prices.csv: x");
  CHECK(std::string(rlx::DataError("", 0, 0, "x").what()) == "x");
  CHECK(rlx::DataError("x").line() == 0);
}

TEST_CASE("ParseError says where like any DataError", "[core][error]") {
  const rlx::ParseError error("chain.csv", 3, 7, "expected an option name");
  CHECK(std::string(error.what()) == "chain.csv:3:7: expected an option name");
  CHECK(error.line() == 3);
  CHECK(std::string(rlx::ParseError("expected an option name").what()) == "expected an option name");
  const rlx::ParseError same(rlx::DataError("chain.csv", 3, 7, "a quote inside a field"));
  CHECK(std::string(same.what()) == "chain.csv:3:7: a quote inside a field");
  CHECK(same.column() == 7);
}

TEST_CASE("NumericError and EnvironmentError carry where it happened", "[core][error]") {
  const rlx::NumericError numeric("logits are nan", "logits", 12, 3);
  CHECK(numeric.tensor() == "logits");
  CHECK(numeric.step() == 12U);
  CHECK(numeric.env() == 3U);
  CHECK_FALSE(rlx::NumericError("x").step().has_value());
  const rlx::EnvironmentError environment("broken", 4, 99);
  CHECK(environment.env() == 4U);
  CHECK(environment.step() == 99U);
  CHECK_FALSE(rlx::EnvironmentError("x").env().has_value());
}

TEST_CASE("RLX_REQUIRE throws the condition, the place and the message", "[core][error]") {
  const int cash = 1;
  CHECK_NOTHROW([&] { RLX_REQUIRE(cash > 0, "cash must be positive"); }());
  try {
    RLX_REQUIRE(cash < 0, "cash must be negative");
    FAIL("expected an exception");
  } catch (const std::logic_error& error) {
    const std::string text = error.what();
    CHECK_THAT(text, rlx_test::ContainsSubstring("error.cpp:"));
    CHECK_THAT(text, rlx_test::ContainsSubstring("cash must be negative"));
    CHECK_THAT(text, rlx_test::ContainsSubstring("cash < 0"));
  }
}

TEST_CASE("RLX_ASSERT follows NDEBUG", "[core][error]") {
#ifdef NDEBUG
  CHECK_NOTHROW([] { RLX_ASSERT(1 > 2); }());
#else
  CHECK_THROWS_AS([] { RLX_ASSERT(1 > 2); }(), std::logic_error);
#endif
}
