// SPDX-License-Identifier: MIT
#include <rlx/market/fixed8.hpp>

#include "rlx_catch.hpp"

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <unordered_set>

#include <rlx/core/random.hpp>

using rlx::market::Fixed8;

namespace {

constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t smallest = std::numeric_limits<std::int64_t>::min();

constexpr Fixed8 d(const char* text) { return Fixed8::parse(text); }
constexpr Fixed8 u(std::int64_t units) { return Fixed8::from_units(units); }

template <class A, class B>
concept multiplies = requires(A a, B b) {
  a* b;
};

static_assert(std::is_trivially_copyable_v<Fixed8> && sizeof(Fixed8) == 8);
static_assert(!std::is_convertible_v<double, Fixed8> && !std::is_convertible_v<std::int64_t, Fixed8>);
static_assert(multiplies<Fixed8, int> && !multiplies<Fixed8, double> && !multiplies<Fixed8, Fixed8>);
static_assert(d("0.0085").units() == 850'000 && d("-3.2") < Fixed8{} && d("1") + d("0.5") == d("1.5"));

}  // namespace

TEST_CASE("Fixed8 reads decimals exactly", "[market][fixed8]") {
  CHECK(d("0").units() == 0);
  CHECK(d("-0.0").units() == 0);
  CHECK(d("1e-8").units() == 1);
  CHECK(d("1e-08").units() == 1);
  CHECK(d("8.5E-3").units() == 850'000);
  CHECK(d("+2.5e3").units() == 250'000'000'000);
  CHECK(d(".5").units() == 50'000'000);
  CHECK(d("5.").units() == 500'000'000);
  CHECK(d("0.08550357").units() == 8'550'357);
  CHECK(d("0.100000000000000000000000000").units() == 10'000'000);
  CHECK(d("000000000000000000000000000001.5").units() == 150'000'000);
  CHECK(d("100000000000000000000e-20").units() == 100'000'000);
  CHECK(d("0e99").units() == 0);
  CHECK(d("92233720368.54775807").units() == largest);
  CHECK(d("-92233720368.54775808").units() == smallest);
}

TEST_CASE("Fixed8 refuses text that is not one of its numbers", "[market][fixed8]") {
  for (const char* text : {"",
                           "-",
                           ".",
                           "+.",
                           "abc",
                           "1.2.3",
                           "1e",
                           "1e+",
                           "0x1",
                           "nan",
                           "inf",
                           " 1",
                           "1 ",
                           "1,5",
                           "--1",
                           "e5",
                           "0.000000001",
                           "1e-9",
                           "0.123456789",
                           "92233720368.54775808",
                           "-92233720368.54775809",
                           "1e11",
                           "1e999999999999999999999",
                           "1e-999999999999999999999",
                           "99999999999999999999999"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(Fixed8::parse(text), rlx::DataError);
  }
  CHECK_THROWS_WITH(Fixed8::parse("0.123456789"),
                    rlx_test::ContainsSubstring("more than 8 decimals") && rlx_test::ContainsSubstring("'0.123456789'"));
}

TEST_CASE("Fixed8 writes its shortest text, which reads back", "[market][fixed8]") {
  CHECK(u(0).to_string() == "0");
  CHECK(u(850'000).to_string() == "0.0085");
  CHECK(u(-320'000'000).to_string() == "-3.2");
  CHECK(u(1).to_string() == "0.00000001");
  CHECK(u(-1).to_string() == "-0.00000001");
  CHECK(u(9'000'000'000'000).to_string() == "90000");
  CHECK(u(largest).to_string() == "92233720368.54775807");
  CHECK(u(smallest).to_string() == "-92233720368.54775808");
  rlx::RandomStream random(rlx::StreamId{.seed = 1, .purpose = rlx::Purpose::user});
  for (int i = 0; i < 20'000; ++i) {
    const auto units = static_cast<std::int64_t>(random.next_u64() >> random.bounded(64)) * (random.bounded(2) == 0 ? 1 : -1);
    REQUIRE(Fixed8::parse(u(units).to_string()).units() == units);
  }
}

TEST_CASE("Fixed8 takes the nearest eight places of a double", "[market][fixed8]") {
  CHECK(Fixed8::from_double(0.0).units() == 0);
  CHECK(Fixed8::from_double(-0.0).units() == 0);
  CHECK(Fixed8::from_double(0.0085) == d("0.0085"));
  CHECK(Fixed8::from_double(0.1 + 0.2) == d("0.3"));
  CHECK(Fixed8::from_double(-88'728.94666667) == d("-88728.94666667"));
  CHECK(Fixed8::from_double(123'456'789.12) == d("123456789.12"));
  // Exact halves of a unit are 2^-9 = 195312.5 units and its odd multiples: to the even neighbour.
  CHECK(Fixed8::from_double(0x1p-9).units() == 195'312);
  CHECK(Fixed8::from_double(3 * 0x1p-9).units() == 585'938);
  CHECK(Fixed8::from_double(-0x1p-9).units() == -195'312);
  CHECK(Fixed8::from_double(std::nextafter(0x1p-9, 1.0)).units() == 195'313);
  CHECK(Fixed8::from_double(0x1p-40).units() == 0);
  CHECK(Fixed8::from_double(std::numeric_limits<double>::denorm_min()).units() == 0);
  CHECK(Fixed8::from_double(92'233'720'368.0) == d("92233720368"));
  for (const double bad : {92'233'720'369.0, -92'233'720'369.0, 1e300, std::numeric_limits<double>::infinity(),
                           -std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(Fixed8::from_double(bad), rlx::NumericError);
  }
  CHECK(d("0.1").to_double() == 0.1);
  CHECK(d("88728.94666667").to_double() == 88'728.94666667);
  CHECK(Fixed8::from_integer(-7) == d("-7"));
  CHECK_THROWS_AS(Fixed8::from_integer(100'000'000'000), std::logic_error);
}

TEST_CASE("Fixed8 adds and compares exactly and never wraps around", "[market][fixed8]") {
  Fixed8 sum;
  for (int i = 0; i < 10; ++i) sum += d("0.1");
  CHECK(sum == d("1"));
  sum -= d("1.00000001");
  CHECK(sum.units() == -1);
  CHECK(sum.sign() == -1);
  CHECK(-d("2") == d("-2"));
  CHECK(abs(d("-2")) == d("2"));
  CHECK(min(d("-2"), d("1")) == d("-2"));
  CHECK(max(d("-2"), d("1")) == d("1"));
  CHECK(d("0.5") * 3 == d("1.5"));
  CHECK(-2 * d("0.5") == d("-1"));
  CHECK(d("0.5") * std::uint64_t{4} == d("2"));
  CHECK((d("1") <=> d("2")) == std::strong_ordering::less);
  CHECK_THROWS_AS(u(largest) + u(1), std::logic_error);
  CHECK_THROWS_AS(u(smallest) - u(1), std::logic_error);
  CHECK_THROWS_AS(-u(smallest), std::logic_error);
  CHECK_THROWS_AS(abs(u(smallest)), std::logic_error);
  CHECK_THROWS_AS(u(largest) * 2, std::logic_error);
  CHECK_THROWS_AS(d("1") * largest, std::logic_error);
  CHECK(std::unordered_set<Fixed8>{d("0.1"), d("0.10"), d("0.2")}.size() == 2);
}

TEST_CASE("Fixed8 rounds products and quotients once, half to even", "[market][fixed8]") {
  CHECK(multiply(d("0.0000125"), d("0.1")) == d("0.00000125"));
  CHECK(multiply(u(5), u(10'000'000)).units() == 0);     // 0.5 to 0
  CHECK(multiply(u(15), u(10'000'000)).units() == 2);    // 1.5 to 2
  CHECK(multiply(u(25), u(10'000'000)).units() == 2);    // 2.5 to 2
  CHECK(multiply(u(-25), u(10'000'000)).units() == -2);  // -2.5 to -2
  CHECK(multiply(u(-15), u(10'000'000)).units() == -2);  // -1.5 to -2
  CHECK(multiply(u(25), u(10'000'001)).units() == 3);    // a little more than 2.5
  CHECK(divide(d("1"), d("3")).units() == 33'333'333);
  CHECK(divide(d("-2"), d("3")).units() == -66'666'667);
  CHECK(divide(d("2"), d("-3")).units() == -66'666'667);
  CHECK(divide(u(1), d("2")).units() == 0);
  CHECK(divide(u(3), d("2")).units() == 2);
  // 0.1 of a call struck at 100,000 settled at 104,000
  CHECK(multiply_divide(d("0.1"), d("4000"), d("104000")) == d("0.00384615"));
  // 0.45 units; in two steps 1.5 would become 2 and 0.6 become 1.
  CHECK(multiply(u(3), d("0.5"), d("0.3")).units() == 0);
  CHECK(multiply(d("0.0003"), d("90000"), d("0.1")) == d("2.7"));
  CHECK(multiply_divide(d("0.125"), d("0.1"), d("4000"), d("104000")) == d("0.00048077"));
  CHECK(multiply(u(largest), d("1")).units() == largest);
  CHECK(multiply_divide(u(largest), u(largest), u(largest)).units() == largest);
  CHECK(multiply_divide(u(smallest), u(smallest), u(smallest)).units() == smallest);
  CHECK_THROWS_AS(multiply(u(largest), d("1.5")), std::logic_error);
  CHECK_THROWS_AS(multiply(u(largest), u(largest), u(largest)), std::logic_error);
  CHECK_THROWS_AS(divide(d("1"), Fixed8()), std::logic_error);
  CHECK_THROWS_AS(multiply_divide(d("1"), d("1"), Fixed8()), std::logic_error);
  CHECK_THROWS_AS(divide(u(largest), u(1)), std::logic_error);
}

TEST_CASE("Fixed8 finds multiples of a step below and above", "[market][fixed8]") {
  const Fixed8 tick = d("0.0005");
  CHECK(d("0.0085").is_multiple_of(tick));
  CHECK_FALSE(d("0.0084").is_multiple_of(tick));
  CHECK(Fixed8().is_multiple_of(tick));
  CHECK(d("0.0084").round_up_to(tick) == d("0.0085"));
  CHECK(d("0.0084").round_down_to(tick) == d("0.008"));
  CHECK(d("0.0085").round_up_to(tick) == d("0.0085"));
  CHECK(d("0.0085").round_down_to(tick) == d("0.0085"));
  CHECK(d("-0.0084").round_up_to(tick) == d("-0.008"));
  CHECK(d("-0.0084").round_down_to(tick) == d("-0.0085"));
  CHECK_THROWS_AS(d("1").round_up_to(Fixed8()), std::logic_error);
  CHECK_THROWS_AS(d("1").is_multiple_of(d("-1")), std::logic_error);
  CHECK_THROWS_AS(u(largest).round_up_to(d("1")), std::logic_error);
}
