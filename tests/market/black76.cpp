// SPDX-License-Identifier: MIT
#include <rlx/market/black76.hpp>

#include "rlx_catch.hpp"

#include <cmath>
#include <limits>

#include <rlx/core/random.hpp>

using namespace rlx::market;
using rlx_test::WithinAbs;
using rlx_test::WithinRel;

namespace {

constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();
constexpr OptionType both[] = {OptionType::call, OptionType::put};

struct Draw {
  double forward, strike, years, sigma;
};

// Strikes up to about four deviations away from the forward.
Draw random_option(rlx::RandomStream& random) {
  Draw draw{};
  draw.forward = std::exp(random.uniform(0.0, 12.0));
  draw.years = std::exp(random.uniform(std::log(1.0 / 365.0), std::log(1.5)));
  draw.sigma = random.uniform(0.1, 2.0);
  draw.strike = draw.forward * std::exp(random.uniform(-4.0, 4.0) * draw.sigma * std::sqrt(draw.years));
  return draw;
}

}  // namespace

TEST_CASE("Black76 gives the worked example", "[market][black76]") {
  const Black76 call = black76(OptionType::call, 90'000, 99'000, 14.0 / 365.0, 0.45);
  CHECK_THAT(call.price, WithinAbs(591.7101, 5e-5));
  CHECK_THAT(call.price / 90'000, WithinAbs(0.00657456, 5e-9));
  CHECK_THAT(call.delta, WithinAbs(0.149777, 5e-7));
  CHECK_THAT(call.gamma, WithinAbs(2.93662e-5, 5e-11));
  CHECK_THAT(call.vega, WithinAbs(41.0564, 5e-5));
  CHECK_THAT(call.theta, WithinAbs(-65.9835, 5e-5));
  const Black76 put = black76(OptionType::put, 90'000, 99'000, 14.0 / 365.0, 0.45);
  CHECK_THAT(put.price, WithinAbs(9'591.7101, 5e-5));
  CHECK_THAT(put.delta, WithinAbs(0.149777 - 1.0, 5e-7));
  CHECK(put.gamma == call.gamma);
  CHECK(put.vega == call.vega);
  CHECK(put.theta == call.theta);
}

TEST_CASE("Black76 gives the recorded row of 2025-12-30", "[market][black76]") {
  constexpr std::int64_t now = 1'767'115'875'944, expiry = 1'768'550'400'000;  // 2026-01-16 08:00 UTC
  const Black76 call = black76(OptionType::call, 88'728.94666666667, 82'000, years_of(expiry - now), 0.4323);
  CHECK_THAT(call.price / 88'728.94666666667, WithinAbs(0.0854845, 5e-8));
  CHECK_THAT(call.delta, WithinAbs(0.816334, 5e-7));
  CHECK_THAT(call.price / 88'728.94666666667, WithinAbs(0.08550357, 5e-5));  // what the venue said
  CHECK_THAT(call.delta, WithinAbs(0.81644, 1e-3));
}

TEST_CASE("Black76 ends in the intrinsic value", "[market][black76]") {
  for (const auto& [years, sigma] : {std::pair{0.0, 0.5}, std::pair{-0.1, 0.5}, std::pair{0.1, 0.0}}) {
    const Black76 in = black76(OptionType::call, 110, 100, years, sigma);
    CHECK(in.price == 10.0);
    CHECK(in.delta == 1.0);
    CHECK((in.gamma == 0.0 && in.vega == 0.0 && in.theta == 0.0));
    CHECK(black76(OptionType::call, 90, 100, years, sigma).price == 0.0);
    CHECK(black76(OptionType::call, 90, 100, years, sigma).delta == 0.0);
    CHECK(black76(OptionType::call, 100, 100, years, sigma).delta == 0.5);
    CHECK(black76(OptionType::put, 90, 100, years, sigma).price == 10.0);
    CHECK(black76(OptionType::put, 90, 100, years, sigma).delta == -1.0);
    CHECK(black76(OptionType::put, 110, 100, years, sigma).delta == 0.0);
    CHECK(black76(OptionType::put, 100, 100, years, sigma).delta == -0.5);
    CHECK(black76_price(OptionType::call, 110, 100, years, sigma) == 10.0);
  }
  CHECK(std::isnan(black76(OptionType::call, nan_value, 100, 0.1, 0.5).price));
  CHECK(std::isnan(black76_price(OptionType::call, 100, 100, 0.1, nan_value)));
  CHECK(years_of(31'536'000'000) == 1.0);
}

TEST_CASE("Black76 keeps parity, bounds and order", "[market][black76]") {
  rlx::RandomStream random(rlx::StreamId{.seed = 2, .purpose = rlx::Purpose::user});
  for (int i = 0; i < 20'000; ++i) {
    const auto [f, k, t, s] = random_option(random);
    CAPTURE(f, k, t, s);
    const Black76 call = black76(OptionType::call, f, k, t, s);
    const Black76 put = black76(OptionType::put, f, k, t, s);
    REQUIRE_THAT(call.price - put.price, WithinAbs(f - k, 1e-12 * (f + k)));
    REQUIRE_THAT(call.delta - put.delta, WithinAbs(1.0, 1e-14));
    REQUIRE(call.price >= std::fmax(f - k, 0.0) - 1e-12 * f);
    REQUIRE(call.price <= f);
    REQUIRE(put.price <= k);
    REQUIRE((call.delta >= 0.0 && call.delta <= 1.0 && call.gamma >= 0.0 && call.vega >= 0.0 && call.theta <= 0.0));
    REQUIRE(black76_price(OptionType::call, f, k, t, s) == Approx(call.price).epsilon(1e-12));
    REQUIRE(black76_price(OptionType::call, f, k * 1.01, t, s) <= call.price);
    REQUIRE(black76_price(OptionType::put, f, k * 1.01, t, s) >= put.price);
    for (const OptionType type : both) {
      REQUIRE(black76_price(type, f, k, t, s * 1.01) >= black76_price(type, f, k, t, s) - 1e-13 * f);
    }
  }
}

TEST_CASE("Black76 greeks are the derivatives of the value", "[market][black76]") {
  rlx::RandomStream random(rlx::StreamId{.seed = 3, .purpose = rlx::Purpose::user});
  for (int i = 0; i < 500; ++i) {
    const auto [f, any_strike, t, s] = random_option(random);
    const double k = f * std::exp(random.uniform(-1.5, 1.5) * s * std::sqrt(t));
    CAPTURE(f, k, t, s);
    for (const OptionType type : both) {
      const auto value = [&](double forward, double years, double sigma) {
        return black76_price(type, forward, k, years, sigma);
      };
      const Black76 at = black76(type, f, k, t, s);
      const double h = 1e-4 * f * s * std::sqrt(t);
      REQUIRE_THAT(at.delta, WithinAbs((value(f + h, t, s) - value(f - h, t, s)) / (2 * h), 1e-7));
      const double w = 1e-2 * f * s * std::sqrt(t);
      REQUIRE_THAT(at.gamma, WithinRel((value(f + w, t, s) - 2 * value(f, t, s) + value(f - w, t, s)) / (w * w), 1e-3));
      REQUIRE_THAT(at.vega, WithinRel((value(f, t, s + 1e-4) - value(f, t, s - 1e-4)) / 2e-4 / 100, 1e-4));
      REQUIRE_THAT(at.theta, WithinRel(-(value(f, t * 1.001, s) - value(f, t * 0.999, s)) / (0.002 * t) / 365, 1e-4));
    }
  }
}

TEST_CASE("Implied volatility gives back the volatility", "[market][black76]") {
  rlx::RandomStream random(rlx::StreamId{.seed = 4, .purpose = rlx::Purpose::user});
  for (int i = 0; i < 20'000; ++i) {
    const auto [f, k, t, s] = random_option(random);
    for (const OptionType type : both) {
      CAPTURE(f, k, t, s, static_cast<int>(type));
      const Black76 option = black76(type, f, k, t, s);
      const auto found = implied_volatility(type, f, k, t, option.price);
      REQUIRE(found.has_value());
      REQUIRE_THAT(black76_price(type, f, k, t, *found), WithinAbs(option.price, 1e-12 * f + 1e-15 * k));
      // The price's own last bits hide the volatility where vega is small.
      REQUIRE_THAT(*found, WithinAbs(s, 1e-7 + 4e-15 * (f + k) / (100 * option.vega)));
    }
  }
  const double at_money = black76_price(OptionType::call, 100, 100, 0.25, 0.8);
  CHECK_THAT(implied_volatility(OptionType::call, 100, 100, 0.25, at_money).value(), WithinAbs(0.8, 1e-12));
}

TEST_CASE("Implied volatility of an impossible price is nothing", "[market][black76]") {
  constexpr double infinite = std::numeric_limits<double>::infinity();
  CHECK(implied_volatility(OptionType::call, 110, 100, 0.1, 10.0) == 0.0);
  CHECK(implied_volatility(OptionType::call, 90, 100, 0.1, 0.0) == 0.0);
  CHECK_FALSE(implied_volatility(OptionType::call, 110, 100, 0.1, 9.99));
  CHECK_FALSE(implied_volatility(OptionType::call, 110, 100, 0.1, 110.0));
  CHECK_FALSE(implied_volatility(OptionType::put, 110, 100, 0.1, 100.0));
  CHECK_FALSE(implied_volatility(OptionType::put, 110, 100, 0.1, -1.0));
  CHECK_FALSE(implied_volatility(OptionType::call, 110, 100, 0.0, 12.0));
  for (const double bad : {nan_value, infinite, -infinite, 0.0, -1.0}) {
    CAPTURE(bad);
    CHECK_FALSE(implied_volatility(OptionType::call, bad, 100, 0.1, 12.0));
    CHECK_FALSE(implied_volatility(OptionType::call, 110, bad, 0.1, 12.0));
    CHECK_FALSE(implied_volatility(OptionType::call, 110, 100, bad, 12.0));
  }
  CHECK_FALSE(implied_volatility(OptionType::call, 110, 100, 0.1, nan_value));
}
