// SPDX-License-Identifier: MIT
#include <rlx/rl/batch_cvar.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/matrix.hpp>
#include <rlx/core/random.hpp>
#include <rlx/nn/gradient_check.hpp>
#include <rlx/nn/graph.hpp>
#include <rlx/nn/graph_builder.hpp>
#include <rlx/nn/initialization.hpp>

#include "rlx_catch.hpp"

using namespace rlx_test;
using rlx::PortfolioLoss;

namespace {

std::vector<double> normals(std::size_t n, std::uint64_t step) {
  rlx::RandomStream random({6, rlx::Purpose::user, 0, step});
  std::vector<double> x(n);
  for (double& value : x) value = 0.1 + random.normal();
  return x;
}

/// A policy w = tanh(W s), outcomes p = w . r of n samples, in chunks.
struct Policy {
  static constexpr std::size_t states = 3, assets = 4;
  explicit Policy(std::size_t samples) : n(samples), s(normals(n * states, 1)), r(normals(n * assets, 2)) {
    rlx::nn::GraphBuilder builder;
    const auto x = builder.input(states);
    builder.output("weights", x.linear(5).tanh().linear(assets).tanh());
    spec = builder.spec();
    graph.emplace(rlx::nn::Graph<double>::build(spec, store));
    rlx::nn::initialize(store, spec, rlx::nn::Initialization::orthogonal, 3);
  }
  /// L and its gradient with respect to the parameters.
  double loss(const PortfolioLoss& portfolio, std::size_t chunk, std::span<const double> parameters,
              std::span<double> gradient) {
    auto workspace = graph->make_workspace(chunk);
    std::vector<double> p(n), d_p(n);
    double entropy = 0;
    const auto for_each_chunk = [&](auto&& f) {
      for (std::size_t first = 0; first < n; first += chunk) {
        const std::size_t count = std::min(chunk, n - first);
        graph->forward(parameters, {s.data() + first * states, count, states}, workspace);
        const rlx::MatrixView<double> w = workspace.output("weights");
        for (std::size_t i = 0; i < count; ++i) f(first + i, std::span<const double>(w.row(i)), i);
        if (!gradient.empty()) graph->backward(parameters, gradient, workspace);
      }
    };
    const std::span<double> wanted = std::exchange(gradient, {});
    for_each_chunk([&](std::size_t i, std::span<const double> w, std::size_t) {
      for (std::size_t a = 0; a < assets; ++a) p[i] += w[a] * r[i * assets + a];
      entropy += portfolio.entropy(w) / static_cast<double>(n);
    });
    const PortfolioLoss::Value value = portfolio.outcomes(p, d_p);
    if (!wanted.empty()) {
      std::fill(wanted.begin(), wanted.end(), 0.0);
      gradient = wanted;
      for_each_chunk([&](std::size_t i, std::span<const double> w, std::size_t row) {
        const std::span<double> d = workspace.output_gradient("weights").row(row);
        for (std::size_t a = 0; a < assets; ++a) d[a] = d_p[i] * r[i * assets + a];
        portfolio.entropy(w, n, d);
      });
    }
    return value.total - portfolio.config().entropy_weight * entropy;
  }

  std::size_t n;
  std::vector<double> s, r;
  rlx::nn::GraphSpec spec;
  rlx::nn::ParameterStore<double> store;
  std::optional<rlx::nn::Graph<double>> graph;
};

}  // namespace

TEST_CASE("The portfolio loss of ten outcomes, by hand", "[rl][batch_cvar]") {
  // 1..10, alpha 1: mean 5.5, sd sqrt(82.5 / 9), cvar -5.5, every weight of the tail 1/10.
  std::vector<double> p(10), d(10);
  for (std::size_t i = 0; i < 10; ++i) p[i] = static_cast<double>(i + 1);
  const PortfolioLoss loss({.tail = {1.0}, .cvar_weight = 2.0, .sharpe_weight = 0.5});
  const PortfolioLoss::Value value = loss.outcomes(p, d);
  const double sd = std::sqrt(82.5 / 9);
  REQUIRE_THAT(value.mean, WithinAbs(5.5, 1e-12));
  REQUIRE_THAT(value.sharpe, WithinAbs(5.5 / sd, 1e-12));
  REQUIRE_THAT(value.cvar, WithinAbs(-5.5, 1e-12));
  REQUIRE_THAT(value.total, WithinAbs(-5.5 - 0.5 * 5.5 / sd - 2 * 5.5, 1e-12));
  const double d_sharpe = 1 / (10 * sd) - 5.5 * (1 - 5.5) / (9 * sd * sd * sd);
  REQUIRE_THAT(d[0], WithinAbs(-0.1 - 0.5 * d_sharpe - 2 * 0.1, 1e-12));

  // alpha 0.5 of 20 outcomes -10..9: the ten lowest count a tenth each, cvar 5.5.
  p.resize(20), d.resize(20);
  for (std::size_t i = 0; i < 20; ++i) p[i] = static_cast<double>(i) - 10;
  const PortfolioLoss tail({.tail = {0.5}, .cvar_weight = 3.0});
  REQUIRE_THAT(tail.outcomes(p, d).total, WithinAbs(0.5 + 3 * 5.5, 1e-12));
  REQUIRE_THAT(d[9], WithinAbs(-0.05 - 3 * 0.1, 1e-12));
  REQUIRE_THAT(d[10], WithinAbs(-0.05, 1e-12));
}

TEST_CASE("The entropy of the weights is a bonus", "[rl][batch_cvar]") {
  const PortfolioLoss loss({.entropy_weight = 0.5});
  const std::vector<double> even{0.5, -0.5, 0.0}, uneven{0.8, -0.2, 0.0};
  REQUIRE_THAT(loss.entropy(std::span<const double>(even)), WithinAbs(std::log(2.0), 1e-12));
  const double h = -0.8 * std::log(0.8) - 0.2 * std::log(0.2);
  std::vector<double> d{1, 1, 1};
  REQUIRE_THAT(loss.entropy(std::span<const double>(uneven), 2, std::span<double>(d)), WithinAbs(h, 1e-12));
  // dH/d|w| = -ln(share) - H; the loss has -e H / n.
  REQUIRE_THAT(d[0], WithinAbs(1 - 0.25 * (-std::log(0.8) - h), 1e-12));
  REQUIRE_THAT(d[1], WithinAbs(1 + 0.25 * (-std::log(0.2) - h), 1e-12));
  REQUIRE(d[2] == 1);
  REQUIRE(d[0] > 1);  // minimising makes the larger weight smaller
  const std::vector<double> none(3);
  REQUIRE(loss.entropy(std::span<const double>(none), 2, std::span<double>(d)) == 0.0);
  REQUIRE(d[2] == 1);
  REQUIRE_THROWS_AS(loss.entropy(std::span<const double>(even), 2, std::span<double>(d).first(2)), rlx::ShapeError);
}

TEST_CASE("The gradient of the portfolio loss agrees with central differences, through a policy too", "[rl][batch_cvar]") {
  const PortfolioLoss loss({.tail = {0.13}, .cvar_weight = 0.7, .sharpe_weight = 0.3, .entropy_weight = 0.05});
  REQUIRE(loss.fewest() == 77);
  std::vector<double> p = normals(101, 5), scratch(101);  // alpha n = 13.13: a fractional tail
  const double worst = rlx::nn::gradient_check(
      [&](std::span<const double> x, std::span<double> gradient) {
        return loss.outcomes(x, gradient.empty() ? std::span<double>(scratch) : gradient).total;
      },
      p);
  REQUIRE(worst <= 1e-6);

  Policy policy(90);
  const double through = rlx::nn::gradient_check(
      [&](std::span<const double> x, std::span<double> gradient) { return policy.loss(loss, 32, x, gradient); },
      policy.store.parameters(), {.step = 1e-6});  // weights near 0, where the entropy bends
  REQUIRE(through <= 1e-6);
}

TEST_CASE("The CVaR is that of the whole batch, whatever the size of a chunk", "[rl][batch_cvar]") {
  const PortfolioLoss loss({.tail = {0.2}, .cvar_weight = 1.0, .sharpe_weight = 0.2, .entropy_weight = 0.1});
  Policy policy(64);
  const std::size_t size = policy.store.parameters().size();
  std::vector<double> whole(size), gradient(size);
  const double value = policy.loss(loss, 64, policy.store.parameters(), whole);
  for (const std::size_t chunk : {1U, 7U, 32U}) {
    REQUIRE_THAT(policy.loss(loss, chunk, policy.store.parameters(), gradient), WithinAbs(value, 1e-12));
    for (std::size_t i = 0; i < size; ++i) REQUIRE_THAT(gradient[i], WithinAbs(whole[i], 1e-12));
  }
}

TEST_CASE("Batches that a portfolio loss cannot judge are refused", "[rl][batch_cvar]") {
  std::vector<double> p = normals(199, 7), d(199);
  const PortfolioLoss loss({.sharpe_weight = 1.0});  // alpha 0.05: 200 outcomes at least
  REQUIRE(loss.fewest() == 200);
  try {
    loss.outcomes(p, d);
    FAIL("expected ConfigError");
  } catch (const rlx::ConfigError& error) {
    REQUIRE_THAT(error.what(), ContainsSubstring("199 outcomes, expected at least 200 = ceil(10 / alpha)"));
  }
  p.assign(200, 0.01), d.resize(200);
  REQUIRE_THROWS_AS(loss.outcomes(p, d), rlx::NumericError);  // equal outcomes have no Sharpe ratio
  PortfolioLoss({}).outcomes(p, d);
  REQUIRE_THROWS_AS(loss.outcomes(p, std::span<double>(d).first(3)), rlx::ShapeError);
  p[17] = std::nan("");
  REQUIRE_THROWS_AS(PortfolioLoss({}).outcomes(p, d), rlx::NumericError);
  for (const double bad : {-1.0, std::nan("")}) {
    REQUIRE_THROWS_AS(PortfolioLoss({.cvar_weight = bad}), rlx::ConfigError);
    REQUIRE_THROWS_AS(PortfolioLoss({.sharpe_weight = bad}), rlx::ConfigError);
    REQUIRE_THROWS_AS(PortfolioLoss({.entropy_weight = bad}), rlx::ConfigError);
    REQUIRE_THROWS_AS(PortfolioLoss({.tail = {bad}}), rlx::ConfigError);
  }
}
