// SPDX-License-Identifier: MIT
#include <rlx/io/number_text.hpp>

#include "rlx_catch.hpp"

#include <limits>

using namespace rlx;
using namespace rlx::io;

namespace {
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();
}  // namespace

TEST_CASE("fixed rounds, keeps zeros and drops the sign of zero", "[io][number_text]") {
  REQUIRE(fixed(1.005, 1) == "1.0");
  REQUIRE(fixed(-12.345, 2) == "-12.35");
  REQUIRE(fixed(-0.004, 2) == "0.00");
  REQUIRE(fixed(-0.0, 0) == "0");
  REQUIRE(fixed(0.5, -3) == "0");
  REQUIRE(fixed(std::numeric_limits<double>::max(), 17).size() == 309 + 1 + 17);
}

TEST_CASE("what is not finite is a dash in every form", "[io][number_text]") {
  for (const double x : {not_a_number, infinity, -infinity}) {
    REQUIRE(fixed(x, 2) == missing_number);
    REQUIRE(signed_fixed(x, 2) == missing_number);
    REQUIRE(grouped(x) == missing_number);
    REQUIRE(trimmed(x, 2) == missing_number);
    REQUIRE(compact(x) == missing_number);
    REQUIRE(duration_text(x) == missing_number);
  }
}

TEST_CASE("signed_fixed marks gains and losses, not zeros", "[io][number_text]") {
  REQUIRE(signed_fixed(1.5, 2) == "+1.50");
  REQUIRE(signed_fixed(-1.5, 2) == "-1.50");
  REQUIRE(signed_fixed(0.001, 2) == "0.00");
  REQUIRE(signed_fixed(0.0, 0) == "0");
}

TEST_CASE("grouped puts commas between thousands", "[io][number_text]") {
  REQUIRE(grouped(0) == "0");
  REQUIRE(grouped(999) == "999");
  REQUIRE(grouped(1000) == "1,000");
  REQUIRE(grouped(-1000) == "-1,000");
  REQUIRE(grouped(-999) == "-999");
  REQUIRE(grouped(1234567.891, 2) == "1,234,567.89");
}

TEST_CASE("trimmed drops trailing zeros only behind the point", "[io][number_text]") {
  REQUIRE(trimmed(1.5, 3) == "1.5");
  REQUIRE(trimmed(100, 2) == "100");
  REQUIRE(trimmed(100, 0) == "100");
}

TEST_CASE("compact chooses the unit that the rounded number needs", "[io][number_text]") {
  REQUIRE(compact(0) == "0");
  REQUIRE(compact(950) == "950");
  REQUIRE(compact(999.96) == "1k");
  REQUIRE(compact(12'500) == "12.5k");
  REQUIRE(compact(9'999) == "10k");
  REQUIRE(compact(1'000'000) == "1M");
  REQUIRE(compact(-3.2e6) == "-3.2M");
  REQUIRE(compact(4e9) == "4B");
  REQUIRE(compact(2.5e12) == "2.5T");
  REQUIRE(compact(0.1234) == "0.123");
}

TEST_CASE("durations show two units", "[io][number_text]") {
  REQUIRE(duration_text(-1) == "0 s");
  REQUIRE(duration_text(59.4) == "59 s");
  REQUIRE(duration_text(59.6) == "1 min 00 s");
  REQUIRE(duration_text(185) == "3 min 05 s");
  REQUIRE(duration_text(7'620) == "2 h 07 min");
  REQUIRE(duration_text(4 * 86'400 + 3 * 3'600) == "4 d 03 h");
}
