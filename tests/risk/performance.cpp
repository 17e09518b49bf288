// SPDX-License-Identifier: MIT
#include <rlx/risk/performance.hpp>

#include "counting_allocator.hpp"
#include "real_data.hpp"
#include "reference_series.hpp"
#include "rlx_catch.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <limits>
#include <string>
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

/// By bits, since -ffast-math folds std::isnan.
bool is_nan(double x) { return !is_finite(x) && (std::bit_cast<std::uint64_t>(x) << 12) != 0; }
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

TEST_CASE("the worked performance of the specification", "[risk][performance]") {
  const std::vector<double> returns{0.01, -0.02, 0.03, 0.005, -0.01};
  const Performance result = performance(returns, PerformanceConventions::rlx(252));
  REQUIRE(result.observations == 5);
  REQUIRE_THAT(result.sharpe, WithinAbs(2.475829, 5e-7));
  REQUIRE_THAT(result.sortino, WithinAbs(4.762352, 5e-7));
  REQUIRE_THAT(result.max_drawdown, WithinAbs(0.02, 1e-15));
  REQUIRE_THAT(result.omega, WithinAbs(1.5, 1e-14));
  REQUIRE_THAT(result.profit_factor, WithinAbs(1.5, 1e-14));
  REQUIRE(result.hit_rate == 0.6);
  REQUIRE_THAT(result.mean, WithinAbs(0.003, 1e-17));
  const double growth = 1.01 * 0.98 * 1.03 * 1.005 * 0.99;
  REQUIRE_THAT(result.total_return, WithinRel(growth - 1, 1e-13));
  REQUIRE_THAT(result.annual_return, WithinRel(std::pow(growth, 252.0 / 5) - 1, 1e-12));
  REQUIRE_THAT(result.calmar, WithinRel(result.annual_return / 0.02, 1e-12));
  REQUIRE_THAT(result.var, WithinAbs(0.02, 1e-17));
  REQUIRE(result.longest_drawdown == 1);
  REQUIRE(result.drawdown_unfinished);
  REQUIRE(result.flags == PerformanceFlags{});
}

TEST_CASE("performance against NumPy, SciPy and empyrical", "[risk][performance]") {
  // reference.py: empyrical-reloaded 0.7.1, SciPy 1.17.1.
  const std::vector<double> returns = rlx_test::reference_returns();
  const Performance result = performance(returns, PerformanceConventions::empyrical());
  REQUIRE_THAT(result.sharpe, WithinRel(-0.033678331067, 1e-9));
  REQUIRE_THAT(result.sortino, WithinRel(-0.0470948038139, 1e-9));
  REQUIRE_THAT(result.downside_deviation, WithinRel(0.134200792618, 1e-11));
  REQUIRE_THAT(result.annual_return, WithinRel(-0.0236225093777, 1e-10));
  REQUIRE_THAT(result.annual_volatility, WithinRel(0.187662505824, 1e-11));
  REQUIRE_THAT(result.max_drawdown, WithinRel(0.201758888212, 1e-11));
  REQUIRE_THAT(result.calmar, WithinRel(-0.117082868502, 1e-10));
  REQUIRE_THAT(result.omega, WithinRel(0.995093090414, 1e-11));
  REQUIRE_THAT(result.stability, WithinRel(0.344576879031, 1e-10));
  REQUIRE_THAT(result.var, WithinRel(0.018367, 1e-11));
  REQUIRE_THAT(result.cvar, WithinRel(0.0203264, 1e-11));
  REQUIRE_THAT(result.skewness, WithinRel(-0.0664641583023, 1e-10));
  REQUIRE_THAT(result.kurtosis, WithinRel(-1.13897583011, 1e-10));

  PerformanceConventions conventions;
  conventions.moments = MomentRule::sample;
  conventions.risk_free = 0.0002;
  conventions.target = 0.001;
  const Performance other = performance(returns, conventions);
  REQUIRE_THAT(other.skewness, WithinRel(-0.0666643181512, 1e-10));
  REQUIRE_THAT(other.kurtosis, WithinRel(-1.13835146846, 1e-10));
  REQUIRE_THAT(other.sharpe, WithinRel(-0.302245564456, 1e-10));
  REQUIRE_THAT(other.sortino, WithinRel(-1.794894426, 1e-10));
  REQUIRE_THAT(performance(returns, PerformanceConventions::skfolio()).max_drawdown, WithinRel(0.20614, 1e-11));
}

TEST_CASE("the presets differ where the packages do", "[risk][performance]") {
  const auto own = PerformanceConventions::rlx(365), empyrical = PerformanceConventions::empyrical(365);
  REQUIRE(own.periods_per_year == 365);
  REQUIRE(own.nan == NanPolicy::reject);
  REQUIRE(own.year_count == YearCount::observations);
  REQUIRE(own.path == DrawdownKind::compounded);
  REQUIRE(empyrical.nan == NanPolicy::omit);
  REQUIRE(empyrical.year_count == YearCount::rows);
  REQUIRE(empyrical.tail_convention == TailConvention::empyrical);
  REQUIRE(empyrical.var_rule == QuantileRule::linear);
  REQUIRE(PerformanceConventions::skfolio().nan == NanPolicy::omit);
  REQUIRE(PerformanceConventions::skfolio().path == DrawdownKind::additive);

  // 500 rows of which 10 are NaN: years counted by rows or by observations (reference.py).
  std::vector<double> gaps = rlx_test::reference_returns();
  for (std::size_t t = 0; t < 500; t += 50) gaps[t] = not_a_number;
  const Performance rows = performance(gaps, PerformanceConventions::empyrical());
  const Performance observations = performance(gaps, PerformanceConventions::skfolio());
  REQUIRE(rows.omitted == 10);
  REQUIRE(rows.observations == 490);
  REQUIRE_THAT(rows.annual_return, WithinRel(0.00991341598315, 1e-9));
  REQUIRE_THAT(rows.sharpe, WithinRel(0.147225539176, 1e-9));
  REQUIRE_THAT(observations.annual_return, WithinRel(0.0101167505789, 1e-9));
}

TEST_CASE("degenerate series are flagged and do not throw", "[risk][performance]") {
  const Performance one = performance(std::vector<double>{0.01});
  REQUIRE(one.flags.too_few);
  REQUIRE_FALSE(is_finite(one.sharpe));
  REQUIRE_FALSE(is_finite(one.annual_volatility));
  REQUIRE_FALSE(is_finite(one.skewness));
  REQUIRE_FALSE(is_finite(one.stability));
  REQUIRE_THAT(one.total_return, WithinRel(0.01, 1e-14));
  REQUIRE(one.calmar == infinity);  // a gain without a drawdown
  REQUIRE(one.sortino == infinity);
  REQUIRE(one.omega == infinity);

  const Performance equal = performance(std::vector<double>(50, 0.1));
  REQUIRE(equal.flags.zero_variance);
  REQUIRE(equal.flags.no_loss);
  REQUIRE(is_nan(equal.sharpe));
  REQUIRE(is_nan(equal.kurtosis));
  REQUIRE(equal.annual_volatility == 0);
  REQUIRE(equal.sortino == infinity);
  REQUIRE_THAT(equal.stability, WithinAbs(1, 1e-12));

  const Performance hold = performance(std::vector<double>(50, 0.0));
  REQUIRE(hold.flags.zero_variance);
  REQUIRE(is_nan(hold.sortino));  // neither gain nor loss
  REQUIRE(is_nan(hold.omega));
  REQUIRE(is_nan(hold.calmar));
  REQUIRE(is_nan(hold.stability));
  REQUIRE(hold.max_drawdown == 0);

  PerformanceConventions sample;
  sample.moments = MomentRule::sample;
  REQUIRE(is_nan(performance(std::vector<double>{0.1, 0.2}, sample).skewness));
  REQUIRE(is_finite(performance(std::vector<double>{0.1, 0.2, 0.1}, sample).skewness));
  REQUIRE(is_nan(performance(std::vector<double>{0.1, 0.2, 0.1}, sample).kurtosis));
}

TEST_CASE("a path that ends in ruin is refused compounded and flagged additive", "[risk][performance]") {
  const std::vector<double> ruin{0.1, -1, 0.5};
  REQUIRE_THROWS_WITH(performance(ruin), ContainsSubstring("returns[1]") && ContainsSubstring("at bar 2"));
  // Counted among the returns that were given, what is left out included; the bar is that of the path.
  REQUIRE_THROWS_WITH(
      performance(std::vector<double>{not_a_number, 0.1, not_a_number, -1}, PerformanceConventions::empyrical()),
      ContainsSubstring("returns[3]") && ContainsSubstring("at bar 2"));
  const Performance additive = performance(ruin, PerformanceConventions::skfolio());
  REQUIRE(additive.flags.ruined);
  REQUIRE(additive.max_drawdown == 1);
  REQUIRE(is_nan(additive.annual_return));
  REQUIRE(is_nan(additive.calmar));
  REQUIRE(is_nan(additive.stability));
  REQUIRE(is_finite(additive.sharpe));
}

TEST_CASE("a long path neither overflows nor underflows", "[risk][performance]") {
  std::vector<double> returns(20'000, 0.1);  // 1.1^20000 is far beyond the largest double
  for (std::size_t t = 10'000; t < returns.size(); ++t) returns[t] = -0.01;
  const Performance result = performance(returns);
  REQUIRE_THAT(result.max_drawdown, WithinRel(1 - std::pow(0.99, 10'000), 1e-9));
  REQUIRE(result.longest_drawdown == 10'000);
  REQUIRE(result.annual_return > 0);
  REQUIRE(is_finite(result.annual_return));
}

TEST_CASE("performance of finite returns reuses one scratch", "[risk][performance]") {
  const std::vector<double> returns = rlx_test::reference_returns();
  std::vector<double> scratch;
  performance(returns, {}, scratch);
  const rlx_test::AllocationCounter count;
  performance(returns, PerformanceConventions::rlx(), scratch);
  REQUIRE(count.count() == 0);
}

TEST_CASE("performance refuses what it cannot measure, by name", "[risk][performance]") {
  const std::vector<double> returns{0.1, not_a_number};
  REQUIRE_THROWS_WITH(performance(returns), ContainsSubstring("returns[1] is not finite"));
  REQUIRE_THROWS_WITH(performance({}), ContainsSubstring("returns is empty"));
  REQUIRE_THROWS_AS(performance(std::vector<double>{not_a_number}, PerformanceConventions::skfolio()), ConfigError);
  REQUIRE_THROWS_AS(performance(std::vector<double>{0.1, infinity}, PerformanceConventions::skfolio()), NumericError);
  const auto refused = [](auto change) {
    PerformanceConventions conventions;
    change(conventions);
    REQUIRE_THROWS_AS(performance(std::vector<double>{0.1, 0.2}, conventions), ConfigError);
  };
  refused([](PerformanceConventions& c) { c.periods_per_year = 0; });
  refused([](PerformanceConventions& c) { c.periods_per_year = not_a_number; });
  refused([](PerformanceConventions& c) { c.risk_free = not_a_number; });
  refused([](PerformanceConventions& c) { c.target = infinity; });
  refused([](PerformanceConventions& c) { c.omega_threshold = infinity; });
  refused([](PerformanceConventions& c) { c.ddof = 2; });
  refused([](PerformanceConventions& c) { c.tail = {0}; });
}

TEST_CASE("turnover counts both sides against the drifted weights", "[risk][performance]") {
  // (0.5, 0.5) with returns (0.2, 0) drifts to (0.6, 0.5)/1.1; back to halves costs 2 (0.6/1.1 - 0.5) = 1/11. Then cash: all.
  const std::vector<double> weights{0.5, 0.5, 0.5, 0.5, 0, 0};
  const std::vector<double> returns{0.2, 0, 0, 0, 9, 9};
  const MatrixView<const double> w(weights.data(), 3, 2), r(returns.data(), 3, 2);
  REQUIRE_THAT(turnover(w, r), WithinRel((1.0 / 11 + 1) / 2, 1e-14));
  // Holding without a trade is no turnover.
  const std::vector<double> held{0.5, 0.5, 0.6 / 1.1, 0.5 / 1.1};
  REQUIRE_THAT(turnover(MatrixView<const double>(held.data(), 2, 2), MatrixView<const double>(returns.data(), 2, 2)),
               WithinAbs(0, 1e-15));
  REQUIRE(is_nan(turnover(MatrixView<const double>(weights.data(), 1, 2), MatrixView<const double>(returns.data(), 1, 2))));
  REQUIRE_THROWS_AS(turnover(w, MatrixView<const double>(returns.data(), 2, 2)), ShapeError);
  const std::vector<double> lost{-1, -1, 0, 0, 0, 0};
  REQUIRE_THROWS_WITH(turnover(w, MatrixView<const double>(lost.data(), 3, 2)), ContainsSubstring("after period 0"));
  const std::vector<double> bad{0, 0, 0, not_a_number, 0, 0};
  REQUIRE_THROWS_AS(turnover(w, MatrixView<const double>(bad.data(), 3, 2)), NumericError);
}

TEST_CASE("daily returns of a stock and of a coin against empyrical", "[risk][performance]") {
  struct Case {
    const char* file;
    double periods_per_year;
    double figures[11];  // reference.py: annual return, Sharpe, Sortino, Calmar, drawdown, Omega, stability, VaR, CVaR, moments
  };
  const Case cases[] = {
      {"stocks_daily/AAPL.csv",
       252,
       {0.126764391307, 0.561912717297, 0.827341200829, 0.379151416125, 0.334337116825, 1.10625655875, 0.777809361451,
        0.0291222632356, 0.0400565364858, 0.506257258982, 7.41147190647}},
      {"crypto_daily/BTCUSDT.csv",
       365,
       {0.348474260354, 0.855849023696, 1.2929611715, 0.703501786993, 0.495342395424, 1.13497862012, 0.580991513396,
        0.0386699469091, 0.0549473879947, 0.262986067168, 3.22420054789}},
  };
  for (const Case& one : cases) {
    const auto rows = rlx_test::real_rows(one.file);
    if (rows.empty()) continue;
    INFO(one.file);
    std::vector<double> returns;
    for (std::size_t t = 1; t < rows.size(); ++t) returns.push_back(std::stod(rows[t][4]) / std::stod(rows[t - 1][4]) - 1);
    const Performance p = performance(returns, PerformanceConventions::empyrical(one.periods_per_year));
    const double found[] = {p.annual_return, p.sharpe, p.sortino, p.calmar,   p.max_drawdown, p.omega,
                            p.stability,     p.var,    p.cvar,    p.skewness, p.kurtosis};
    for (std::size_t i = 0; i < std::size(found); ++i) {
      INFO("figure " << i);
      REQUIRE_THAT(found[i], WithinRel(one.figures[i], 1e-9));
    }
  }
}
