// SPDX-License-Identifier: MIT
/// @file
/// @brief Time of `check_env` with its default options; processor time, medians of 5.
#include <stdexcept>
#include <string>
#include <vector>

#include <rlx/env/check_env.hpp>
#include <rlx/env/classic/cart_pole.hpp>
#include <rlx/env/classic/pendulum.hpp>

#include "common.hpp"

namespace {

template <class E>
void measure(const std::string& name) {
  std::vector<double> samples(5);
  for (double& sample : samples) {
    const double start = bench::cpu_seconds();
    const rlx::CheckReport report = rlx::check_env([] { return E(); });
    sample = bench::cpu_seconds() - start;
    if (!report.ok()) throw std::runtime_error(report.text());
  }
  bench::print("check_env_" + name, bench::median(samples), "s");
}

}  // namespace

int main() {
  measure<rlx::CartPole>("cart_pole");
  measure<rlx::Pendulum>("pendulum");
}
