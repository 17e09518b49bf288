// SPDX-License-Identifier: MIT
#include <rlx/signals/logistic_regression.hpp>

#include <rlx/signals/records_json.hpp>

#include "rlx_catch.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

using namespace rlx;
using namespace rlx::signals;
using rlx_test::ContainsSubstring;
using rlx_test::WithinAbs;

namespace {

RandomStream unused() { return RandomStream(StreamId{}); }

struct Rows {
  std::vector<double> x, y, w;
  std::size_t columns;
  MatrixView<const double> view() const { return {x.data(), y.size(), columns}; }
};

// Rows of a known truth: P(1) = sigmoid(0.5 + x . beta), x normal with the given deviations.
Rows draw(std::size_t rows, const std::vector<double>& beta, std::uint64_t seed) {
  RandomStream random({seed, Purpose::user});
  Rows result{{}, {}, std::vector<double>(rows, 1.0), beta.size()};
  for (std::size_t i = 0; i < rows; ++i) {
    double z = 0.5;
    for (const double b : beta) {
      result.x.push_back(random.normal());
      z += b * result.x.back();
    }
    result.y.push_back(random.uniform() < sigmoid(z) ? 1 : 0);
  }
  return result;
}

FitReport fit(LogisticRegression& learner, const Rows& rows) {
  RandomStream random = unused();
  return learner.fit(rows.view(), rows.y, rows.w, random);
}

}  // namespace

TEST_CASE("the fit of two rows has its hand-worked coefficient") {
  // beta = 2 (1 - sigmoid(beta)) at the optimum.
  LogisticRegression learner({.l2 = 1, .intercept = false, .standardize = false});
  const FitReport report = fit(learner, {{-1, 1}, {0, 1}, {1, 1}, 1});
  REQUIRE(report.converged);
  REQUIRE_THAT(learner.coefficients()[0], WithinAbs(0.674832, 5e-7));
  REQUIRE(learner.intercept() == 0);
}

TEST_CASE("gradient and Hessian of the logistic loss agree with differences") {
  Rows rows = draw(40, {0.7, -1.2, 0.1}, 3);
  for (std::size_t i = 0; i < rows.w.size(); ++i) rows.w[i] = 0.5 + static_cast<double>(i % 3);
  const std::vector<double> beta = {0.3, -0.4, 0.9, -0.2};  // the last is the intercept
  const std::size_t size = beta.size();
  std::vector<double> gradient(size), hessian(size * size), up(size), down(size);
  signals::detail::logistic_objective(rows.view(), rows.y, rows.w, beta, 0.7, gradient, hessian);
  for (std::size_t j = 0; j < size; ++j) {
    constexpr double h = 1e-5;
    std::vector<double> moved = beta;
    moved[j] += h;
    const double above = signals::detail::logistic_objective(rows.view(), rows.y, rows.w, moved, 0.7, up, {});
    moved[j] -= 2 * h;
    const double below = signals::detail::logistic_objective(rows.view(), rows.y, rows.w, moved, 0.7, down, {});
    REQUIRE_THAT(gradient[j], WithinAbs((above - below) / (2 * h), 1e-6));
    for (std::size_t k = j; k < size; ++k) {
      REQUIRE_THAT(hessian[k * size + j], WithinAbs((up[k] - down[k]) / (2 * h), 1e-5));
    }
  }
}

TEST_CASE("a known truth of 20,000 rows is found within three standard errors") {
  const std::vector<double> truth = {1.0, -0.5, 0.0, 0.25};
  const Rows rows = draw(20'000, truth, 5);
  LogisticRegression learner;
  REQUIRE(fit(learner, rows).converged);
  // Standard errors: roots of the diagonal of the inverse of the Hessian at the truth.
  std::vector<double> beta = truth, gradient(5), hessian(25);
  beta.push_back(0.5);
  for (std::size_t j = 0; j < 4; ++j) {
    signals::detail::logistic_objective(rows.view(), rows.y, rows.w, beta, 0, gradient, hessian);
    std::vector<double> unit(5, 0.0);
    unit[j] = 1;
    signals::detail::solve_ldlt(hessian, unit);
    REQUIRE(std::abs(learner.raw_coefficient(j) - truth[j]) < 3 * std::sqrt(unit[j]));
  }
}

TEST_CASE("LDLT solves a system and leaves a lost pivot alone") {
  // [[4, 2], [2, 3]] s = (8, 8) has s = (1, 2).
  std::vector<double> a = {4, 0, 2, 3}, b = {8, 8};
  signals::detail::solve_ldlt(a, b);
  REQUIRE_THAT(b[0], WithinAbs(1, 1e-14));
  REQUIRE_THAT(b[1], WithinAbs(2, 1e-14));
  std::vector<double> singular = {4, 0, 0, 0}, c = {8, 8};
  signals::detail::solve_ldlt(singular, c);
  REQUIRE(c == std::vector<double>{2, 0});
}

TEST_CASE("separable, constant, huge and single-class rows end finite") {
  Rows rows{{}, {}, {}, 3};
  for (int i = 0; i < 100; ++i) {
    rows.x.insert(rows.x.end(), {i < 50 ? -1e9 - i : 1e9 + i, 0.1, i * 1e-9});
    rows.y.push_back(i < 50 ? 0 : 1);
    rows.w.push_back(1);
  }
  LogisticRegression learner;
  REQUIRE(fit(learner, rows).converged);
  REQUIRE(learner.coefficients()[1] == 0);  // a column that does not vary
  std::vector<double> p(100);
  learner.predict_probability(rows.view(), p);
  REQUIRE(p[0] < 0.1);
  REQUIRE(p[99] > 0.9);
  const std::vector<double> far = {1e300, 5, -1e300};
  learner.predict_probability({far.data(), 1, 3}, std::span(p).first(1));
  REQUIRE((p[0] >= 0 && p[0] <= 1));

  std::fill(rows.y.begin(), rows.y.end(), 1.0);
  REQUIRE_NOTHROW(fit(learner, rows));
  learner.predict_probability(rows.view(), p);
  REQUIRE(*std::min_element(p.begin(), p.end()) > 0.99);
}

TEST_CASE("a weight of three equals three equal rows") {
  LogisticRegression weighted({.standardize = false}), repeated({.standardize = false});
  fit(weighted, {{1, 2, 4}, {0, 1, 1}, {1, 3, 1}, 1});
  fit(repeated, {{1, 2, 2, 2, 4}, {0, 1, 1, 1, 1}, {1, 1, 1, 1, 1}, 1});
  REQUIRE_THAT(weighted.coefficients()[0], WithinAbs(repeated.coefficients()[0], 1e-7));
  REQUIRE_THAT(weighted.intercept(), WithinAbs(repeated.intercept(), 1e-7));
}

TEST_CASE("a warm start needs fewer steps and ends at the same place") {
  const Rows rows = draw(2'000, {1.5, -1.0}, 8), more = draw(2'000, {1.5, -1.0}, 9);
  LogisticRegression warm, cold;
  fit(warm, rows);
  const FitReport again = fit(warm, more), fresh = fit(cold, more);
  REQUIRE(again.iterations < fresh.iterations);
  REQUIRE(fit(warm, more).iterations == 0);
  for (std::size_t j = 0; j < 2; ++j) REQUIRE_THAT(warm.coefficients()[j], WithinAbs(cold.coefficients()[j], 1e-5));
}

TEST_CASE("a fitted learner survives JSON with every bit") {
  const Rows rows = draw(300, {1.0, 0.3}, 2);
  LogisticRegression learner({.l2 = 0.25});
  fit(learner, rows);
  const LogisticRegression read = LogisticRegression::from_json(Json::parse(learner.to_json().dump()));
  std::vector<double> p(300), q(300);
  learner.predict_probability(rows.view(), p);
  read.predict_probability(rows.view(), q);
  REQUIRE(p == q);
  Json damaged = learner.to_json();
  damaged["mean"] = {1.0};
  REQUIRE_THROWS_WITH(LogisticRegression::from_json(damaged), ContainsSubstring("one length"));
  damaged.erase("mean");
  REQUIRE_THROWS_WITH(LogisticRegression::from_json(damaged), ContainsSubstring("missing key 'mean'"));
}

TEST_CASE("the learner refuses what it cannot fit and stays as it was") {
  LogisticRegression learner;
  std::vector<double> p(1);
  const std::vector<double> row = {1.0};
  REQUIRE_THROWS_AS(learner.predict_probability({row.data(), 1, 1}, p), std::logic_error);
  const Rows good{{1, 2}, {0, 1}, {1, 1}, 1};
  fit(learner, good);
  const double before = learner.coefficients()[0];
  const double nan = std::numeric_limits<double>::quiet_NaN();
  REQUIRE_THROWS_AS(fit(learner, {{1, nan}, {0, 1}, {1, 1}, 1}), NumericError);
  REQUIRE_THROWS_WITH(fit(learner, {{1, 2}, {0, 2}, {1, 1}, 1}), ContainsSubstring("row 1"));
  REQUIRE_THROWS_AS(fit(learner, {{1, 2}, {0, 1}, {1, 0}, 1}), NumericError);
  REQUIRE_THROWS_AS(fit(learner, {{1, 2}, {0, 1}, {1}, 1}), ShapeError);
  REQUIRE(learner.coefficients()[0] == before);
  REQUIRE_THROWS_AS(learner.predict_probability({good.x.data(), 1, 2}, p), ShapeError);
  REQUIRE_THROWS_AS(LogisticRegression({.l2 = 0}), ConfigError);
  REQUIRE_THROWS_AS(LogisticRegression({.max_iterations = 0}), ConfigError);
}
