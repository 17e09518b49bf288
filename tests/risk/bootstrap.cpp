// SPDX-License-Identifier: MIT
#include <rlx/risk/bootstrap.hpp>

#include "reference_series.hpp"
#include "rlx_catch.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

using namespace rlx;
using namespace rlx::risk;
using rlx_test::ContainsSubstring;
using rlx_test::WithinAbs;
using rlx_test::WithinRel;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

std::vector<double> normal_series(std::uint64_t seed, std::size_t n, double mean, double deviation) {
  RandomStream random({seed, Purpose::user, 0, 0});
  std::vector<double> x(n);
  for (double& value : x) value = mean + deviation * random.normal();
  return x;
}

/// Share of AR(1) series x_t = phi x_{t-1} + e_t with mean 0, started in their stationary law, whose interval holds 0.
double coverage(std::size_t series, std::size_t steps, std::size_t replicates, std::size_t block) {
  constexpr double phi = 0.3;
  std::size_t covered = 0;
  std::vector<double> x(steps);
  for (std::size_t s = 0; s < series; ++s) {
    RandomStream random({1, Purpose::user, static_cast<std::uint32_t>(s), 0});
    double state = random.normal() / std::sqrt(1 - phi * phi);
    for (double& value : x) value = state = phi * state + random.normal();
    const Interval interval = bootstrap_mean(x, {.block = block, .replicates = replicates, .seed = s});
    covered += interval.low <= 0 && 0 <= interval.high;
  }
  return static_cast<double>(covered) / static_cast<double>(series);
}

}  // namespace

TEST_CASE("HOLD has the interval zero to zero exactly", "[risk][bootstrap]") {
  const std::vector<double> hold(500, 0.0);
  const Interval zero{0, 0, 0};
  REQUIRE(bootstrap_total_return(hold, {.block = 24}) == zero);
  REQUIRE(bootstrap_mean(hold, {.block = 24}) == zero);
  const std::vector<double> agent = normal_series(3, 500, 1e-4, 1e-3);
  REQUIRE(bootstrap_total_return_difference(agent, agent, {.block = 24}) == zero);
  // Against HOLD the difference is the agent's own result.
  const Interval difference = bootstrap_total_return_difference(agent, hold, {.block = 24, .seed = 5});
  REQUIRE(difference == bootstrap_total_return(agent, {.block = 24, .seed = 5}));
}

TEST_CASE("95 % intervals of the mean of AR(1) series hold it in 92 to 97 %", "[risk][bootstrap]") {
  const double share = coverage(2'000, 2'000, 400, 24);
  INFO(share);
  REQUIRE(share >= 0.92);
  REQUIRE(share <= 0.97);
}

TEST_CASE("coverage with the full number of replicates", "[risk][bootstrap][.slow]") {
  const double share = coverage(2'000, 2'000, 2'000, 24);
  INFO(share);
  REQUIRE(share >= 0.92);
  REQUIRE(share <= 0.97);
}

TEST_CASE("single steps would be too sure of a correlated series: blocks matter", "[risk][bootstrap]") {
  // The long-run standard deviation is sqrt((1 + phi)/(1 - phi)) = 1.363 times that of single steps: coverage about 85 %.
  const double share = coverage(400, 1'000, 400, 1);
  INFO(share);
  REQUIRE(share > 0.79);
  REQUIRE(share < 0.90);
}

TEST_CASE("the width agrees with the standard error", "[risk][bootstrap]") {
  const std::vector<double> x = normal_series(11, 5'000, 2.0, 3.0);
  const Interval interval = bootstrap_mean(x, {.replicates = 4'000});
  REQUIRE_THAT(interval.estimate, WithinRel(std::accumulate(x.begin(), x.end(), 0.0) / 5'000, 1e-12));
  REQUIRE_THAT(interval.high - interval.low, WithinRel(2 * 1.96 * 3 / std::sqrt(5'000.0), 0.06));
  const Interval narrow = bootstrap_mean(x, {.replicates = 4'000, .confidence = 0.5});
  REQUIRE_THAT((narrow.high - narrow.low) / (interval.high - interval.low), WithinRel(0.6745 / 1.96, 0.06));
}

TEST_CASE("blocks are circular, of full length, and the last one is cut", "[risk][bootstrap]") {
  // Each replicate of 0..9 in blocks of 4 is two blocks of 4 and one of 2, anywhere on the circle; redone here step by step.
  std::vector<double> x(10);
  std::iota(x.begin(), x.end(), 0.0);
  std::vector<double> sums;
  const std::span<const double> series(x);
  const BootstrapConfig config{.block = 4, .replicates = 50, .seed = 9};
  block_bootstrap(
      std::span(&series, 1),
      [&](std::span<const double> s) {
        sums.push_back(s[0]);
        return s[0];
      },
      config);
  REQUIRE(sums.size() == 51);
  REQUIRE(sums[0] == 45);  // the estimate first
  for (std::uint32_t j = 0; j < 50; ++j) {
    RandomStream random({9, Purpose::bootstrap, j, 0});
    double sum = 0;
    for (const std::size_t length : {4u, 4u, 2u}) {
      const std::size_t begin = random.bounded(10);
      for (std::size_t i = 0; i < length; ++i) sum += x[(begin + i) % 10];
    }
    REQUIRE(sums[j + 1] == sum);
  }
  // One block of the whole length is a turn of the circle: no spread at all.
  const Interval whole = bootstrap_mean(x, {.block = 10});
  REQUIRE(whole == Interval{4.5, 4.5, 4.5});
}

TEST_CASE("pairing on the same blocks removes what both series share", "[risk][bootstrap]") {
  const std::vector<double> market = normal_series(21, 2'000, 0.0, 1e-2);
  std::vector<double> better = market;
  for (double& r : better) r += 1e-5;
  const BootstrapConfig config{.block = 24, .seed = 2};
  const Interval paired = bootstrap_total_return_difference(better, market, config);
  REQUIRE(paired.low > 0);
  const Interval alone = bootstrap_total_return(better, config);
  REQUIRE(alone.high - alone.low > 10 * (paired.high - paired.low));
}

TEST_CASE("the same arguments give the same bits, another seed others", "[risk][bootstrap]") {
  const std::vector<double> x = normal_series(4, 300, 0.0, 1.0);
  REQUIRE(bootstrap_mean(x, {.block = 7, .seed = 1}) == bootstrap_mean(x, {.block = 7, .seed = 1}));
  REQUIRE_FALSE(bootstrap_mean(x, {.block = 7, .seed = 1}) == bootstrap_mean(x, {.block = 7, .seed = 2}));
}

TEST_CASE("wrong settings and data are refused", "[risk][bootstrap]") {
  const std::vector<double> x{1, 2, 3};
  REQUIRE_THROWS_WITH(bootstrap_mean(x, {.block = 4}), ContainsSubstring("BootstrapConfig.block must lie in [1, 3]"));
  REQUIRE_THROWS_AS(bootstrap_mean(x, {.block = 0}), ConfigError);
  REQUIRE_THROWS_AS(bootstrap_mean(x, {.replicates = 0}), ConfigError);
  for (const double confidence : {0.0, 1.0, not_a_number}) {
    REQUIRE_THROWS_AS(bootstrap_mean(x, {.confidence = confidence}), ConfigError);
  }
  REQUIRE_THROWS_AS(bootstrap_mean({}, {}), ShapeError);
  REQUIRE_THROWS_AS(bootstrap_total_return_difference(x, std::vector<double>{1, 2}, {}), ShapeError);
  REQUIRE_THROWS_WITH(bootstrap_mean(std::vector<double>{1, not_a_number}, {}),
                      ContainsSubstring("series 0 [1] is not finite"));
  REQUIRE_THROWS_AS(bootstrap_total_return(std::vector<double>{1e3, 1e3}, {}), NumericError);  // e^2000 is not a number
}

namespace {

double mean_of(std::span<const double> x) { return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size()); }

double deviation_of(std::span<const double> x) {
  double squares = 0;
  for (const double value : x) squares += (value - mean_of(x)) * (value - mean_of(x));
  return std::sqrt(squares / static_cast<double>(x.size()));
}

}  // namespace

TEST_CASE("replicates are blocks on the circle with geometric lengths", "[risk][bootstrap]") {
  std::vector<double> x(50);
  std::iota(x.begin(), x.end(), 0.0);
  std::size_t starts = 0, steps = 0;
  std::vector<std::size_t> taken(50, 0);
  bool is_first = true;
  const auto count = [&](std::span<const double> drawn) {
    REQUIRE(drawn.size() == 50);
    for (std::size_t i = 0; i < drawn.size() && !is_first; ++i) {
      ++taken[static_cast<std::size_t>(drawn[i])];
      ++steps;
      const bool goes_on = i != 0 && drawn[i] == std::fmod(drawn[i - 1] + 1, 50);
      starts += goes_on ? 0u : 1u;
    }
    is_first = false;
    return 0.0;
  };
  // The copy of the statistic shares the counters by reference; one evaluation of the data itself comes at the end.
  bootstrap(x, [&](std::span<const double> drawn) { return count(drawn); }, {.block = 5, .replicates = 4'000, .seed = 1});
  // Every replicate starts once; each later step starts anew with probability 1/5, of which 1/50 looks like going on.
  const double share = static_cast<double>(starts) / static_cast<double>(steps);
  REQUIRE_THAT(share, WithinAbs((1 + 49 * 0.2 * 49 / 50) / 50, 0.005));
  for (const std::size_t t : taken) REQUIRE_THAT(static_cast<double>(t) / static_cast<double>(steps), WithinAbs(0.02, 0.001));
}

TEST_CASE("a block of 1 draws single steps, and the default is the cube root of the length", "[risk][bootstrap]") {
  const std::vector<double> x = normal_series(4, 65, 0.0, 1.0);
  const Interval by_default = bootstrap(x, mean_of, {.seed = 3});
  REQUIRE(by_default == bootstrap(x, mean_of, {.block = 5, .seed = 3}));  // 4^3 < 65 <= 5^3
  REQUIRE_FALSE(by_default == bootstrap(x, mean_of, {.block = 4, .seed = 3}));
  // Replicate j of single steps redone by hand.
  std::vector<double> means;
  const auto note = [&](std::span<const double> drawn) { return means.push_back(mean_of(drawn)), means.back(); };
  bootstrap(x, note, {.block = 1, .replicates = 20, .seed = 6});
  for (std::uint32_t j = 0; j < 20; ++j) {
    RandomStream random({6, Purpose::bootstrap, j, 0});
    double sum = 0;
    for (int i = 0; i < 65; ++i) sum += x[random.bounded(65)];
    REQUIRE_THAT(means[j], WithinAbs(sum / 65, 1e-14));
  }
}

TEST_CASE("the methods place the ends as their formulas say", "[risk][bootstrap]") {
  const std::vector<double> x = rlx_test::reference_series(40, 7919, 3);
  BootstrapConfig config{.block = 4, .replicates = 999, .seed = 2};
  std::vector<double> replicates;
  const auto note = [&](std::span<const double> drawn) {
    const double value = deviation_of(drawn);
    if (drawn.size() == 40 && replicates.size() < 999) replicates.push_back(value);
    return value;
  };
  const Interval percentile = bootstrap(x, note, config);
  const double estimate = deviation_of(x);
  REQUIRE_THAT(percentile.estimate, WithinRel(estimate, 1e-14));
  std::vector<double> sorted = replicates;
  std::sort(sorted.begin(), sorted.end());
  const auto quantile = [&](double p) {
    const double position = p * 998;
    const auto lower = static_cast<std::size_t>(position);
    return sorted[lower] + (position - std::floor(position)) * (sorted[std::min<std::size_t>(998, lower + 1)] - sorted[lower]);
  };
  REQUIRE_THAT(percentile.low, WithinRel(quantile(0.025), 1e-12));
  REQUIRE_THAT(percentile.high, WithinRel(quantile(0.975), 1e-12));

  config.method = BootstrapMethod::basic;
  const Interval basic = bootstrap(x, deviation_of, config);
  REQUIRE_THAT(basic.low, WithinRel(2 * estimate - quantile(0.975), 1e-12));
  REQUIRE_THAT(basic.high, WithinRel(2 * estimate - quantile(0.025), 1e-12));

  config.method = BootstrapMethod::bca;
  const Interval bca = bootstrap(x, deviation_of, config);
  constexpr double acceleration = 0.0335881153458;  // reference.py: jackknife over blocks of 4
  double below = 0;
  for (const double value : replicates) below += value < estimate ? 1 : 0;
  const double bias = normal_quantile(below / 999);
  const auto level = [&](double z) { return normal_cdf(bias + (bias + z) / (1 - acceleration * (bias + z))); };
  REQUIRE_THAT(bca.low, WithinRel(quantile(level(-1.959963984540054)), 1e-9));
  REQUIRE_THAT(bca.high, WithinRel(quantile(level(1.959963984540054)), 1e-9));
  REQUIRE(bca.low > percentile.low);  // a standard deviation is biased downwards, so BCa moves up
}

TEST_CASE("BCa of a symmetric statistic is the percentile interval, nearly", "[risk][bootstrap]") {
  const std::vector<double> x = normal_series(14, 400, 1.0, 1.0);
  BootstrapConfig config{.block = 1, .replicates = 4'000, .seed = 2};
  const Interval percentile = bootstrap(x, mean_of, config);
  config.method = BootstrapMethod::bca;
  const Interval bca = bootstrap(x, mean_of, config);
  REQUIRE_THAT(bca.low, WithinAbs(percentile.low, 0.01));
  REQUIRE_THAT(bca.high, WithinAbs(percentile.high, 0.01));
}

TEST_CASE("threads change no interval", "[risk][bootstrap]") {
  const std::vector<double> x = normal_series(9, 300, 0.0, 1.0), y = normal_series(10, 300, 0.1, 1.0);
  const auto difference = [](std::span<const double> a, std::span<const double> b) { return mean_of(a) - mean_of(b); };
  for (const BootstrapMethod method : {BootstrapMethod::percentile, BootstrapMethod::basic, BootstrapMethod::bca}) {
    const BootstrapConfig config{.replicates = 501, .seed = 7, .method = method};
    const Interval alone = bootstrap(x, deviation_of, config);
    const Interval paired = bootstrap_paired(x, y, difference, config);
    for (const std::size_t threads : {1u, 2u, 8u}) {
      ThreadPool pool(threads);
      REQUIRE(bootstrap(x, deviation_of, config, &pool) == alone);
      REQUIRE(bootstrap_paired(x, y, difference, config, &pool) == paired);
    }
  }
}

TEST_CASE("both series of a pair are drawn with the same indices", "[risk][bootstrap]") {
  const std::vector<double> market = normal_series(21, 500, 0.0, 1e-2);
  std::vector<double> better = market;
  for (double& r : better) r += 1e-5;
  const auto difference = [](std::span<const double> a, std::span<const double> b) { return mean_of(a) - mean_of(b); };
  for (const BootstrapMethod method : {BootstrapMethod::percentile, BootstrapMethod::basic, BootstrapMethod::bca}) {
    const Interval interval = bootstrap_paired(better, market, difference, {.seed = 2, .method = method});
    REQUIRE_THAT(interval.low, WithinAbs(1e-5, 1e-15));  // the market cancels in every replicate
    REQUIRE_THAT(interval.high, WithinAbs(1e-5, 1e-15));
  }
  REQUIRE(bootstrap_paired(market, market, difference) == Interval{0, 0, 0});
}

TEST_CASE("a constant series has no spread by any method", "[risk][bootstrap]") {
  const std::vector<double> x(30, 2.5);
  for (const BootstrapMethod method : {BootstrapMethod::percentile, BootstrapMethod::basic, BootstrapMethod::bca}) {
    REQUIRE(bootstrap(x, mean_of, {.method = method}) == Interval{2.5, 2.5, 2.5});
    REQUIRE(bootstrap(std::vector<double>{2.5}, mean_of, {.method = method}) == Interval{2.5, 2.5, 2.5});
  }
  // A statistic that every replicate falls short of: the ends stay within the replicates.
  const std::vector<double> rising{1, 2, 3, 4};
  const auto distinct = [](std::span<const double> s) {
    std::vector<double> copy(s.begin(), s.end());
    std::sort(copy.begin(), copy.end());
    return static_cast<double>(std::unique(copy.begin(), copy.end()) - copy.begin());
  };
  const Interval extreme =
      bootstrap(rising, distinct, {.block = 1, .replicates = 10, .seed = 1, .method = BootstrapMethod::bca});
  REQUIRE(extreme.low >= 1);
  REQUIRE(extreme.high <= 4);
}

TEST_CASE("the series bootstrap refuses wrong settings and data", "[risk][bootstrap]") {
  const std::vector<double> x{1, 2, 3};
  const auto both = [](std::span<const double> a, std::span<const double>) { return a[0]; };
  const auto undefined = [](std::span<const double>) { return not_a_number; };
  REQUIRE_THROWS_WITH(bootstrap(x, mean_of, {.block = 4}), ContainsSubstring("BootstrapConfig.block must lie in [1, 3]"));
  REQUIRE_THROWS_AS(bootstrap(x, mean_of, {.block = 0}), ConfigError);
  REQUIRE_THROWS_AS(bootstrap(x, mean_of, {.replicates = 0}), ConfigError);
  REQUIRE_THROWS_AS(bootstrap(x, mean_of, {.confidence = 1}), ConfigError);
  REQUIRE_THROWS_AS(bootstrap({}, mean_of), ShapeError);
  REQUIRE_THROWS_AS(bootstrap_paired(x, std::vector<double>{1, 2}, both), ShapeError);
  REQUIRE_THROWS_WITH(bootstrap_paired(x, std::vector<double>{1, 2, not_a_number}, both), ContainsSubstring("series 1 [2]"));
  REQUIRE_THROWS_AS(bootstrap(x, undefined), NumericError);
}

TEST_CASE("the interquartile mean of the specification", "[risk][bootstrap]") {
  const std::vector<double> scores{5, 1, 3, 9, 7, 2, 100, 4};
  REQUIRE(interquartile_mean(scores) == 4.75);
  REQUIRE(interquartile_mean(std::vector<double>{1, 2, 6}) == 3);
  REQUIRE(interquartile_mean(MatrixView<const double>(scores.data(), 4, 2)) == 4.75);
  REQUIRE_THROWS_AS(interquartile_mean(std::vector<double>{}), ShapeError);
}

TEST_CASE("mean and median are over tasks of the means over runs", "[risk][bootstrap]") {
  // Two runs of three tasks: task means 2, 10, 3.
  const std::vector<double> scores{1, 10, 3, 3, 10, 3};
  const MatrixView<const double> view(scores.data(), 2, 3);
  REQUIRE(mean_of_tasks(view) == 5);
  REQUIRE(median_of_tasks(view) == 3);
  REQUIRE_THROWS_AS(mean_of_tasks({}), ShapeError);
}

TEST_CASE("the probability of improvement counts pairs, ties half", "[risk][bootstrap]") {
  // Task 0: x {1, 3} against y {2, 3}: 1>2 no, 1>3 no, 3>2 yes, 3=3 half: 1.5/4. Task 1: all ties: 1/2.
  const std::vector<double> x{1, 7, 3, 7};
  const std::vector<double> y{2, 7, 3, 7};
  const MatrixView<const double> a(x.data(), 2, 2);
  const MatrixView<const double> b(y.data(), 2, 2);
  REQUIRE(probability_of_improvement(a, b) == (0.375 + 0.5) / 2);
  REQUIRE(probability_of_improvement(a, b) + probability_of_improvement(b, a) == 1);
  REQUIRE_THROWS_AS(probability_of_improvement(a, MatrixView<const double>(y.data(), 4, 1)), ShapeError);
}

TEST_CASE("the performance profile is the share of runs above each threshold", "[risk][bootstrap]") {
  // Task 0: 1, 3; task 1: 2, 2. Above 0: all; above 2: one of two and none; above 3: none, since the best equals it.
  const std::vector<double> scores{1, 2, 3, 2};
  const MatrixView<const double> view(scores.data(), 2, 2);
  REQUIRE(performance_profile(view, std::vector<double>{2, 0, 1.5, 3}) == std::vector<double>{0.25, 1, 0.75, 0});
  REQUIRE(performance_profile(view, {}).empty());
  REQUIRE_THROWS_AS(performance_profile({}, std::vector<double>{1}), ShapeError);
  const std::vector<double> bad{1, not_a_number};
  REQUIRE_THROWS_AS(performance_profile(MatrixView<const double>(bad.data(), 2, 1), scores), NumericError);
}

TEST_CASE("the interval draws runs task by task from the bootstrap stream", "[risk][bootstrap]") {
  // 2,000 replicates by default; replicate j redone by hand from stream (seed, bootstrap, j): first the runs of task 0.
  const std::vector<double> scores{1, 10, 2, 20, 4, 40};
  const MatrixView<const double> view(scores.data(), 3, 2);
  std::vector<double> means;
  bootstrap_interval(view, [&](MatrixView<const double> drawn) { return means.push_back(mean_of_tasks(drawn)), means.back(); },
                     {.seed = 6});
  REQUIRE(means.size() == 2'001);
  for (std::uint32_t j = 0; j < 20; ++j) {
    RandomStream random({6, Purpose::bootstrap, j, 0});
    double sum = 0;
    for (const std::size_t task : {0u, 1u}) {
      for (int run = 0; run < 3; ++run) sum += scores[2 * random.bounded(3) + task];
    }
    REQUIRE_THAT(means[j], WithinAbs(sum / 6, 1e-12));
  }
}

TEST_CASE("runs are resampled within their task only", "[risk][bootstrap]") {
  // Tasks lie far apart but have no spread inside: mixing them would give a wide interval.
  const std::vector<double> scores{1, 100, 1, 100, 1, 100};
  REQUIRE(bootstrap_interval(MatrixView<const double>(scores.data(), 3, 2), mean_of_tasks) == Interval{50.5, 50.5, 50.5});
}

TEST_CASE("intervals of scores cover and are deterministic", "[risk][bootstrap]") {
  const auto iqm = [](std::span<const double> s) { return interquartile_mean(s); };
  const std::vector<double> scores = normal_series(8, 100, 10.0, 1.0);
  const Interval interval = bootstrap_interval(scores, iqm, {.seed = 3});
  REQUIRE(interval == bootstrap_interval(scores, iqm, {.seed = 3}));
  REQUIRE(interval.low < interval.estimate);
  REQUIRE(interval.estimate < interval.high);
  REQUIRE_THAT(interval.high - interval.low, WithinAbs(0.42, 0.15));  // IQM of 100 normals: standard error about 0.108
  const std::vector<double> bad{1, not_a_number};
  REQUIRE_THROWS_WITH(bootstrap_interval(bad, iqm), ContainsSubstring("scores of run 1"));
  REQUIRE_THROWS_AS(bootstrap_interval(std::span<const double>{}, iqm), ShapeError);
}
