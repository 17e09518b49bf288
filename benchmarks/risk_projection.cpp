// SPDX-License-Identifier: MIT
/// @file
/// @brief Time of projections onto portfolio constraints and of an update of the kill switch that changes nothing; medians in
/// processor time.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/risk/constraint_set.hpp>
#include <rlx/risk/kill_switch.hpp>

#include "common.hpp"

namespace {

using namespace rlx::risk;
using Vector = std::vector<double>;

Vector random_vector(rlx::RandomStream& random, std::size_t n, double scale) {
  Vector v(n);
  for (double& element : v) element = scale * random.normal();
  return v;
}

/// Median seconds of `run(sample)`. @param repeat  runs in one sample
template <class F>
double median_seconds(std::size_t samples, std::size_t repeat, F&& run) {
  std::vector<double> seconds(samples);
  for (std::size_t s = 0; s < samples; ++s) {
    const double start = bench::thread_seconds();
    for (std::size_t r = 0; r < repeat; ++r) run(s * repeat + r);
    seconds[s] = (bench::thread_seconds() - start) / static_cast<double>(repeat);
  }
  return bench::median(seconds);
}

void capped_simplex(rlx::RandomStream& random) {
  constexpr std::size_t n = 500;
  std::vector<Vector> points;
  Vector caps(n), x(n);
  for (std::size_t i = 0; i < 64; ++i) points.push_back(random_vector(random, n, 0.01));
  for (double& cap : caps) cap = random.uniform(0.002, 0.02);
  const CappedSimplex scalar(n, 0.01), each(caps, 1.0);
  const L1Ball gross(n, 1.5);
  const auto print = [&](const char* name, const auto& set) {
    bench::print(name, 1e6 * median_seconds(401, 8, [&](std::size_t i) { set.project(points[i % 64], x); }), "us");
  };
  print("capped_simplex_n500", scalar);
  print("capped_simplex_n500_cap_per_asset", each);
  print("l1_ball_n500", gross);
}

/// 50 assets: sum of the weights free, 10 sectors net, 5 factors, gross, turnover.
void portfolio(rlx::RandomStream& random) {
  constexpr std::size_t n = 50;
  const Vector previous = random_vector(random, n, 0.02);
  ConstraintSet set;
  for (std::size_t sector = 0; sector < 10; ++sector) {
    std::vector<std::size_t> members;
    for (std::size_t i = sector; i < n; i += 10) members.push_back(i);
    set.add(Slab::group(n, members, -0.1, 0.1), "sector " + std::to_string(sector));
  }
  for (int factor = 0; factor < 5; ++factor) {
    set.add(Slab(random_vector(random, n, 1.0), -0.2, 0.2), "factor " + std::to_string(factor));
  }
  set.add(L1Ball(n, 1.5), "gross").add(L1Ball(previous, 0.8), "turnover");
  std::vector<Vector> points;
  for (int i = 0; i < 64; ++i) {
    points.push_back(random_vector(random, n, 0.06));
    for (std::size_t j = 0; j < n; ++j) points.back()[j] += previous[j];
  }
  Vector x(n);
  std::vector<double> cycles;
  const double seconds = median_seconds(
      201, 4, [&](std::size_t i) { cycles.push_back(static_cast<double>(set.project(points[i % 64], x).cycles)); });
  bench::print(
      "dykstra_n50", 1e6 * seconds, "us",
      bench::member("cycles", bench::median(cycles)) + ", " + bench::member("most_cycles", bench::quantile(cycles, 1.0)));
  const Vector upstream = random_vector(random, n, 1.0);
  Vector out(n);
  bench::print("dykstra_n50_vjp", 1e6 * median_seconds(201, 16, [&](std::size_t) { set.vjp(x, upstream, out); }), "us");
}

void kill_switch() {
  const rlx::SystemClock clock;
  KillSwitch kill(KillSwitchConfig{}, clock);
  kill.initialise();
  RiskReading reading;
  reading.equity = 100;
  reading.drawdown_velocity = reading.latency_p99_ms = reading.data_age_s = reading.scenario_loss = 0;
  reading.positions_reconciled = true;
  std::uint32_t triggers = 0;
  const double seconds = median_seconds(401, 1'000, [&](std::size_t i) {
    reading.equity = 99.5 + 1e-9 * static_cast<double>(i % 1'000);
    triggers |= kill.update(reading).triggers;
  });
  bench::print("kill_switch_update", 1e9 * seconds, "ns", bench::member("triggers", triggers));
}

}  // namespace

int main() {
  rlx::RandomStream random({.seed = 1, .purpose = rlx::Purpose::user});
  capped_simplex(random);
  portfolio(random);
  kill_switch();
}
