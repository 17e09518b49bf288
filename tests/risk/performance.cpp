// SPDX-License-Identifier: MIT
#include <rlx/risk/performance.hpp>

#include "rlx_catch.hpp"

#include <cmath>
#include <limits>
#include <vector>

using namespace rlx;
using namespace rlx::risk;
using rlx_test::Approx;
using rlx_test::ContainsSubstring;
using rlx_test::WithinAbs;
using rlx_test::WithinRel;

namespace {
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();
}  // namespace

TEST_CASE("equity and log returns are inverse to each other", "[risk][performance]") {
  const std::vector<double> equity{100, 110, 99, 105, 88, 112};
  const std::vector<double> returns = log_returns(equity);
  REQUIRE(returns.size() == 5);
  REQUIRE_THAT(returns[0], WithinRel(std::log(1.1), 1e-14));
  const std::vector<double> back = equity_curve(returns, 100);
  REQUIRE(back.size() == 6);
  for (std::size_t t = 0; t < 6; ++t) REQUIRE_THAT(back[t], WithinRel(equity[t], 1e-14));
  REQUIRE(log_returns(std::vector<double>{5}).empty());
  REQUIRE(log_returns(std::vector<double>{}).empty());
  REQUIRE(equity_curve({}, 7) == std::vector<double>{7});
}

TEST_CASE("the worked drawdown of the risk specification", "[risk][performance]") {
  // E = (100, 110, 99, 105, 88, 112): dd = (0, 0, 0.1, 0.0454545, 0.2, 0), longest duration 3.
  const std::vector<double> returns = log_returns(std::vector<double>{100, 110, 99, 105, 88, 112});
  const std::vector<double> drawdown = drawdown_curve(returns);
  const std::vector<double> expected{0, 0, 0.1, 5.0 / 110, 0.2, 0};
  REQUIRE(drawdown.size() == expected.size());
  for (std::size_t t = 0; t < expected.size(); ++t) REQUIRE_THAT(drawdown[t], WithinAbs(expected[t], 1e-14));
  const LogReturnPerformance result = log_return_performance(returns, 365);
  REQUIRE_THAT(result.max_drawdown, WithinAbs(0.2, 1e-14));
  REQUIRE(result.longest_drawdown_steps == 3);
}

TEST_CASE("growth and Sharpe ratio by hand", "[risk][performance]") {
  // Mean 0.01, deviations (0.01, -0.02, 0.01): variance 0.0006/2 = 0.0003.
  const LogReturnPerformance result = log_return_performance(std::vector<double>{0.02, -0.01, 0.02}, 12);
  REQUIRE(result.steps == 3);
  REQUIRE_THAT(result.log_growth, WithinRel(0.03, 1e-12));
  REQUIRE_THAT(result.total_return, WithinRel(std::exp(0.03) - 1, 1e-12));
  REQUIRE_THAT(result.annual_return, WithinRel(std::exp(0.12) - 1, 1e-12));
  REQUIRE_THAT(result.annual_volatility, WithinRel(std::sqrt(0.0003 * 12), 1e-12));
  REQUIRE_THAT(result.sharpe, WithinRel(0.01 / std::sqrt(0.0003) * std::sqrt(12.0), 1e-12));
  REQUIRE_THAT(result.max_drawdown, WithinRel(1 - std::exp(-0.01), 1e-12));
  REQUIRE(result.longest_drawdown_steps == 1);
}

TEST_CASE("HOLD has no Sharpe ratio and nothing else but zeros", "[risk][performance]") {
  const LogReturnPerformance result = log_return_performance(std::vector<double>(100, 0.0), 8'760);
  REQUIRE(result.total_return == 0);
  REQUIRE(result.annual_return == 0);
  REQUIRE(result.annual_volatility == 0);
  REQUIRE(result.max_drawdown == 0);
  REQUIRE(result.longest_drawdown_steps == 0);
  REQUIRE_FALSE(is_finite(result.sharpe));
}

TEST_CASE("equal returns do not turn a rounding error into a ratio", "[risk][performance]") {
  const LogReturnPerformance result = log_return_performance(std::vector<double>(1'000, 0.1), 365);
  REQUIRE_FALSE(is_finite(result.sharpe));
  REQUIRE(result.annual_volatility == 0);
  REQUIRE(result.annual_return == Approx(std::exp(36.5) - 1));
}

TEST_CASE("short series and a loss from the start", "[risk][performance]") {
  const LogReturnPerformance none = log_return_performance({}, 365);
  REQUIRE(none.steps == 0);
  REQUIRE(none.total_return == 0);
  REQUIRE_FALSE(is_finite(none.sharpe));
  const LogReturnPerformance one = log_return_performance(std::vector<double>{std::log(0.5)}, 1);
  REQUIRE_THAT(one.max_drawdown, WithinAbs(0.5, 1e-15));  // the starting equity is a peak
  REQUIRE_THAT(one.annual_return, WithinAbs(-0.5, 1e-15));
  REQUIRE_FALSE(is_finite(one.annual_volatility));
  REQUIRE(one.longest_drawdown_steps == 1);
  REQUIRE(log_return_performance(std::vector<double>{400}, 2).annual_return == infinity);
}

TEST_CASE("win rate and profit factor leave zeros out", "[risk][performance]") {
  const std::vector<double> trades{3, -1, 0, 2, -1, 0};
  REQUIRE(win_rate(trades) == 0.5);
  REQUIRE(profit_factor(trades) == 2.5);
  REQUIRE(profit_factor(std::vector<double>{1, 0}) == infinity);
  REQUIRE_FALSE(is_finite(win_rate(std::vector<double>{0.0})));
  REQUIRE_FALSE(is_finite(profit_factor({})));
}

TEST_CASE("numbers that are not finite or make no sense are refused by name", "[risk][performance]") {
  const std::vector<double> bad{0.1, not_a_number};
  REQUIRE_THROWS_WITH(log_return_performance(bad, 1), ContainsSubstring("log_returns[1] is not finite"));
  REQUIRE_THROWS_AS(drawdown_curve(bad), NumericError);
  REQUIRE_THROWS_AS(equity_curve(bad), NumericError);
  REQUIRE_THROWS_AS(win_rate(bad), NumericError);
  REQUIRE_THROWS_AS(profit_factor(std::vector<double>{infinity}), NumericError);
  REQUIRE_THROWS_WITH(log_returns(std::vector<double>{100, 0}), ContainsSubstring("equity[1] is 0.0"));
  REQUIRE_THROWS_AS(log_returns(std::vector<double>{100, -1}), NumericError);
  for (const double steps : {0.0, -1.0, not_a_number, infinity}) {
    REQUIRE_THROWS_AS(log_return_performance(std::vector<double>{0.1}, steps), ConfigError);
  }
}
