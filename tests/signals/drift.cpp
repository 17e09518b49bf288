// SPDX-License-Identifier: MIT
#include <rlx/signals/drift.hpp>

#include "rlx_catch.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

#include <rlx/core/random.hpp>

using namespace rlx;
using namespace rlx::signals;
using rlx_test::WithinAbs;

namespace {

constexpr std::size_t width = 30;

// Twenty-four normal columns and six rare flags, as the real schema has them; `shift` moves the first column.
std::vector<double> draw(std::size_t rows, RandomStream& random, double shift = 0) {
  std::vector<double> x;
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < width; ++j) {
      x.push_back(j < 24 ? random.normal() + (j == 0 ? shift : 0) : random.uniform() < 0.1 ? 1.0 : 0.0);
    }
  }
  return x;
}
std::vector<double> labels(std::size_t rows, RandomStream& random, double rate) {
  std::vector<double> y;
  for (std::size_t i = 0; i < rows; ++i) y.push_back(random.uniform() < rate ? 1 : 0);
  return y;
}
MatrixView<const double> view(const std::vector<double>& x) { return {x.data(), x.size() / width, width}; }

}  // namespace

TEST_CASE("bins hold equal shares, and a value each where there are few") {
  std::vector<double> values;
  for (int i = 0; i < 100; ++i) values.push_back(i);
  const FeatureBins bins = make_bins(values);
  REQUIRE(bins.edges == std::vector<double>{10, 20, 30, 40, 50, 60, 70, 80, 90});
  REQUIRE(bins.shares == std::vector<double>(10, 0.1));

  const FeatureBins flag = make_bins(std::vector<double>{0, 0, 0, 1});
  REQUIRE(flag.shares == std::vector<double>{0, 0.75, 0.25, 0});
  const FeatureBins constant = make_bins(std::vector<double>{5, 5});
  REQUIRE(constant.shares == std::vector<double>{0, 1, 0});
  REQUIRE_THROWS_AS(make_bins(std::vector<double>{}), ShapeError);
}

TEST_CASE("the test of equal shares agrees with tables of chi-square") {
  // Shares (0.5, 0.5) of 100 and (0.6, 0.4) of 100: 0.01 / (0.55 * 0.02) + 0.01 / (0.45 * 0.02) = 2.0202, one degree: p 0.1552.
  REQUIRE_THAT(signals::detail::homogeneity_p_value(std::vector{0.5, 0.5}, 100, std::vector{0.6, 0.4}, 100),
               WithinAbs(0.1552, 5e-3));
  REQUIRE(signals::detail::homogeneity_p_value(std::vector{1.0, 0.0}, 100, std::vector{1.0, 0.0}, 100) == 1);
}

TEST_CASE("a series is worth fewer independent values the longer it remembers") {
  RandomStream random({3, Purpose::user});
  std::vector<double> noise(4'000), slow(4'000);
  double level = 0;
  for (std::size_t i = 0; i < noise.size(); ++i) {
    noise[i] = random.normal();
    slow[i] = level = 0.9 * level + random.normal();
  }
  REQUIRE(effective_size(noise) > 3'000);
  // An autoregression of 0.9 has the sum of autocorrelations (1 + 0.9) / (1 - 0.9) = 19.
  REQUIRE(effective_size(slow) > 4'000 / 19.0 / 2);
  REQUIRE(effective_size(slow) < 4'000 / 19.0 * 2);
  REQUIRE(effective_size(std::vector<double>(50, 1.0)) == 50);
}

TEST_CASE("a feature that adapts slowly is no drift") {
  int triggered = 0;
  for (std::uint64_t run = 0; run < 100; ++run) {
    RandomStream random({run, Purpose::user, 1});
    std::vector<double> x(1'000);
    double level = 0;
    for (double& value : x) value = level = 0.98 * level + random.normal();
    const DriftReference reference =
        make_drift_reference({x.data(), 600, 1}, std::vector<double>(600, 0.0), std::vector<bool>{true});
    triggered += detect_drift(reference, {x.data() + 600, 400, 1}, {}).drift ? 1 : 0;
  }
  REQUIRE(triggered < 10);
}

TEST_CASE("resampling the same distribution triggers in under five of a hundred runs") {
  for (const std::size_t rows : {std::size_t{100}, std::size_t{400}}) {
    int triggered = 0;
    for (std::uint64_t run = 0; run < 200; ++run) {
      RandomStream random({run, Purpose::user, 0, rows});
      const std::vector<double> before = draw(600, random), y = labels(600, random, 0.3);
      const DriftReference reference = make_drift_reference(view(before), y, std::vector<bool>(width, true));
      const std::vector<double> now = draw(rows, random), y_now = labels(rows, random, 0.3);
      triggered += detect_drift(reference, view(now), y_now).drift ? 1 : 0;
    }
    REQUIRE(triggered < 10);
  }
}

TEST_CASE("a shifted feature, a moved constant and another rejection rate trigger, with enough signals only") {
  RandomStream random({77, Purpose::user});
  std::vector<double> before = draw(600, random);
  for (std::size_t i = 0; i < 600; ++i) before[i * width + 29] = 0;
  const std::vector<double> y = labels(600, random, 0.3);
  const DriftReference reference = make_drift_reference(view(before), y, std::vector<bool>(width, true));

  const auto drawn = [&](std::size_t rows, double shift) {
    std::vector<double> x = draw(rows, random, shift);
    for (std::size_t i = 0; i < rows; ++i) x[i * width + 29] = 0;
    return x;
  };
  const DriftReport shifted = detect_drift(reference, view(drawn(150, 1.5)), labels(150, random, 0.3));
  REQUIRE(shifted.drift);
  REQUIRE(shifted.worst_feature == 0);
  REQUIRE(shifted.max_psi > 0.2);
  REQUIRE_FALSE(detect_drift(reference, view(drawn(99, 3)), {}).drift);
  REQUIRE_FALSE(detect_drift(reference, MatrixView<const double>(), {}).drift);

  std::vector<double> moved = drawn(150, 0);
  for (std::size_t i = 0; i < 150; ++i) moved[i * width + 29] = -1;
  REQUIRE(detect_drift(reference, view(moved), {}).drift);
  REQUIRE(detect_drift(reference, view(moved), {}).worst_feature == 29);

  const DriftReport rate = detect_drift(reference, view(drawn(150, 0)), labels(150, random, 0.7));
  REQUIRE(rate.drift);
  REQUIRE(rate.rate_p < 0.01);

  // Certain but small is no shift of a feature, and few labels or labels that come in runs say little of a rate.
  const DriftReport small = detect_drift(reference, view(drawn(20'000, 0.25)), {});
  REQUIRE(small.max_psi > 0.05);
  REQUIRE(small.max_psi < 0.2);
  REQUIRE_FALSE(small.drift);
  const DriftReport few = detect_drift(reference, view(drawn(150, 0)), std::vector<double>(50, 1.0));
  REQUIRE(few.rate_p < 0.01);
  REQUIRE_FALSE(few.drift);
  std::vector<double> runs(600), run(150, 0.0);
  for (std::size_t i = 0; i < runs.size(); ++i) runs[i] = i / 50 % 2 == 0 ? 0.0 : 1.0;
  std::fill(run.begin() + 50, run.end(), 1.0);  // two thirds against a half
  REQUIRE(detect_drift(make_drift_reference(view(before), runs, std::vector<bool>(width, true)), view(before), run).rate_p >
          0.01);

  std::vector<bool> watched(width, true);
  watched[0] = false;
  const DriftReference blind = make_drift_reference(view(before), y, watched);
  REQUIRE_FALSE(detect_drift(blind, view(drawn(150, 5)), {}).drift);
  REQUIRE_THROWS_AS(detect_drift(reference, MatrixView<const double>(before.data(), 2, 3), {}), ShapeError);
}
