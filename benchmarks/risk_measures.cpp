// SPDX-License-Identifier: MIT
/// @file
/// @brief Tail, performance statistics, bootstrap, and the influence of a distortion; processor time of one core, medians.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/risk.hpp>

#include "common.hpp"

namespace {

std::vector<double> returns(std::size_t n) {
  rlx::RandomStream random({3, rlx::Purpose::user, 0, 0});
  std::vector<double> x(n);
  for (double& value : x) value = 1e-4 + 0.01 * random.normal();
  return x;
}

double sharpe(std::span<const double> x) {
  double sum = 0, squares = 0;
  for (const double value : x) {
    sum += value;
    squares += value * value;
  }
  const auto n = static_cast<double>(x.size());
  return sum / n / std::sqrt((squares - sum * sum / n) / (n - 1));
}

}  // namespace

int main() {
  using namespace rlx::risk;
  const std::vector<double> x = returns(1'000'000);
  std::vector<double> scratch;
  bench::measure("risk_tail_1e6", 21, 15, [&] { return tail(x, {0.05}, TailConvention::rockafellar_uryasev, scratch).cvar; });
  bench::measure("risk_tail_1e6_alpha_0.5", 21, 15, [&] { return tail(x, {0.5}, TailConvention::rockafellar_uryasev, scratch).cvar; });
  bench::measure("risk_performance_1e6", 11, 25, [&] { return performance(x, PerformanceConventions::rlx(), scratch).sharpe; });
  bench::measure("risk_bootstrap_sharpe_n1000_b10000", 5, 150,
          [&] { return bootstrap(std::span(x).first(1'000), sharpe, {.replicates = 10'000}).low; });
  bench::measure("risk_bca_sharpe_n1000_b10000", 5, 150, [&] {
    return bootstrap(std::span(x).first(1'000), sharpe, {.replicates = 10'000, .method = BootstrapMethod::bca}).low;
  });

  constexpr std::size_t steps = 16'384, atoms = 32;
  std::vector<float> theta(steps * atoms), targets(steps * atoms);
  for (std::size_t t = 0; t < steps; ++t) {
    float at = -1;
    for (std::size_t i = 0; i < atoms; ++i) {
      at += std::fabs(static_cast<float>(x[t * atoms + i]));
      theta[t * atoms + i] = at;
      targets[t * atoms + (i * 7) % atoms] = at + static_cast<float>(10 * x[t * atoms + i]);
    }
  }
  const Influence influence(Distortion::wang(0.75), atoms);
  std::vector<double> utilities(atoms);
  bench::measure("risk_influence_16384_k32", 11, 15, [&] {
    double sum = 0;
    for (std::size_t t = 0; t < steps; ++t) {
      sum += influence.advantage(std::span<const float>(&theta[t * atoms], atoms),
                                 std::span<const float>(&targets[t * atoms], atoms), std::span<double>(utilities));
    }
    return sum;
  });
}
