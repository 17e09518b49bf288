// SPDX-License-Identifier: MIT
/// @file
/// @brief Nanoseconds for an option by Black-76 on one core: value with four greeks (target 120), value alone, implied
/// volatility; medians of 9 runs of 200,000 options in processor time.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <string>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/market/black76.hpp>

namespace {

using namespace rlx::market;

constexpr std::size_t n_options = 200'000;

struct Option {
  OptionType type;
  double forward, strike, years, sigma, price;
};

// A chain's spread of options: days to months, up to three deviations from the forward, half of them puts.
std::vector<Option> make_options() {
  rlx::RandomStream random(rlx::StreamId{.seed = 7, .purpose = rlx::Purpose::user});
  std::vector<Option> options(n_options);
  for (Option& option : options) {
    option.type = random.bounded(2) == 0 ? OptionType::call : OptionType::put;
    option.forward = random.uniform(2'000.0, 100'000.0);
    option.years = random.uniform(1.0, 90.0) / 365.0;
    option.sigma = random.uniform(0.3, 1.2);
    option.strike = option.forward * std::exp(random.uniform(-3.0, 3.0) * option.sigma * std::sqrt(option.years));
    option.price = black76_price(option.type, option.forward, option.strike, option.years, option.sigma);
  }
  return options;
}

double cpu_seconds() {
  std::timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

template <class F>
void report(const char* name, const std::vector<Option>& options, F&& value) {
  std::array<double, 9> runs{};
  double sum = 0.0;
  for (double& run : runs) {
    const double start = cpu_seconds();
    for (const Option& option : options) sum += value(option);
    run = 1e9 * (cpu_seconds() - start) / static_cast<double>(options.size());
  }
  std::sort(runs.begin(), runs.end());
  std::printf("{\"name\": \"%s\", \"value\": %.1f, \"unit\": \"ns\", \"check\": %.6g}\n", name, runs[runs.size() / 2], sum);
}

std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(std::min(line.find(':') + 2, line.size()));
  }
  return "unknown";
}

}  // namespace

int main() {
  std::printf("{\"processor\": \"%s\", \"compiler\": \"%s\"}\n", processor().c_str(), __VERSION__);
  const std::vector<Option> options = make_options();
  report("black76_value_and_greeks", options, [](const Option& o) {
    const Black76 all = black76(o.type, o.forward, o.strike, o.years, o.sigma);
    return all.price + all.delta + all.gamma + all.vega + all.theta;
  });
  report("black76_value", options,
         [](const Option& o) { return black76_price(o.type, o.forward, o.strike, o.years, o.sigma); });
  report("black76_implied_volatility", options,
         [](const Option& o) { return implied_volatility(o.type, o.forward, o.strike, o.years, o.price).value_or(-1.0); });
}
