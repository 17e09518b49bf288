// SPDX-License-Identifier: MIT
/// @file
/// @brief Intervals of the stationary bootstrap hold the truth as often as they say.
#include <rlx/risk/bootstrap.hpp>

#include "rlx_catch.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include <rlx/core/random.hpp>

using namespace rlx;
using namespace rlx::risk;

namespace {

double mean_of(std::span<const double> x) { return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size()); }

double variance_of(std::span<const double> x) {
  const double mean = mean_of(x);
  double squares = 0;
  for (const double value : x) squares += (value - mean) * (value - mean);
  return squares / static_cast<double>(x.size());
}

/// Share of series x_t = phi x_{t-1} + e_t, stationary, whose interval holds the true value of the statistic.
template <class F>
double coverage(F statistic, double truth, double phi, std::size_t series, std::size_t steps, BootstrapConfig config) {
  std::size_t covered = 0;
  std::vector<double> x(steps);
  for (std::size_t s = 0; s < series; ++s) {
    RandomStream random({17, Purpose::user, static_cast<std::uint32_t>(s), 0});
    double state = random.normal() / std::sqrt(1 - phi * phi);
    for (double& value : x) value = state = phi * state + random.normal();
    config.seed = s;
    const Interval interval = bootstrap(std::span<const double>(x), statistic, config);
    covered += interval.low <= truth && truth <= interval.high ? 1 : 0;
  }
  return static_cast<double>(covered) / static_cast<double>(series);
}

}  // namespace

TEST_CASE("95 % intervals of the mean of normal samples hold it in 93 to 97 %", "[risk][properties]") {
  for (const BootstrapMethod method : {BootstrapMethod::percentile, BootstrapMethod::basic, BootstrapMethod::bca}) {
    const double share = coverage(mean_of, 0, 0, 1'000, 100, {.block = 1, .replicates = 500, .method = method});
    INFO("method " << static_cast<int>(method) << ": " << share);
    REQUIRE(share >= 0.93);
    REQUIRE(share <= 0.97);
  }
}

TEST_CASE("blocks cover the mean of a correlated series more often than single steps", "[risk][properties]") {
  // The long-run standard deviation of AR(1) with 0.5 is sqrt(3) times that of single steps, which cover about 74 %.
  const double single = coverage(mean_of, 0, 0.5, 400, 300, {.block = 1, .replicates = 300});
  const double blocks = coverage(mean_of, 0, 0.5, 400, 300, {.block = 15, .replicates = 300});
  const double by_default = coverage(mean_of, 0, 0.5, 400, 300, {.replicates = 300});
  INFO("single " << single << ", default " << by_default << ", blocks of 15 " << blocks);
  REQUIRE(single < 0.80);
  REQUIRE(by_default > single + 0.05);
  REQUIRE(blocks > single + 0.1);
  REQUIRE(blocks > 0.88);
}

TEST_CASE("BCa covers a variance more often than the percentile interval", "[risk][properties]") {
  const double percentile = coverage(variance_of, 1, 0, 500, 30, {.block = 1, .replicates = 500});
  const double bca = coverage(variance_of, 1, 0, 500, 30, {.block = 1, .replicates = 500, .method = BootstrapMethod::bca});
  INFO("percentile " << percentile << ", BCa " << bca);
  REQUIRE(bca > percentile);
  REQUIRE(bca > 0.88);
}
