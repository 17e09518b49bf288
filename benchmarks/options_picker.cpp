// SPDX-License-Identifier: MIT
/// @file
/// @brief Microseconds to pick a ladder and to build its actions from 2,000 candidates with the three default profiles;
/// medians.
///
/// "chain": 2,000 calls over 16 expiries and all deltas, the chain as it is. "eligible": every candidate passes a profile, the
/// worst case. The picker alone runs with warm buffers, the actions are built with buffers of their own.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/options/training_policy.hpp>

namespace {

using namespace rlx::options;

constexpr int runs = 4'001;

std::vector<CandidateOption> make_candidates(bool all_eligible) {
  rlx::RandomStream random({.seed = 11, .purpose = rlx::Purpose::user});
  std::vector<CandidateOption> candidates(2'000);
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    CandidateOption& one = candidates[i];
    const auto expiry = static_cast<std::int64_t>(i % 16);
    const int strike = 60'000 + 500 * static_cast<int>(i / 16);
    one.underlying = "BTC";
    one.symbol = "BTC-" + format_expiry(1'767'254'400'000 + expiry * 5 * 86'400'000) + '-' + std::to_string(strike) + "-C";
    one.strike = strike;
    one.expiry_ms = 1'767'254'400'000 + expiry * 5 * 86'400'000;
    one.dte = all_eligible ? 1.6 + 1.2 * static_cast<double>(expiry) : 1.6 + 5.0 * static_cast<double>(expiry);
    one.delta = all_eligible ? random.uniform(0.10, 0.50) : random.uniform();
    one.premium_usd = random.uniform(50.0, 5'000.0);
    one.ivrv = 1.2;
    one.ivrv_known = true;
  }
  return candidates;
}

template <class F>
double median_us(F&& run) {
  std::vector<double> samples(runs);
  for (double& sample : samples) {
    const auto start = std::chrono::steady_clock::now();
    run();
    sample = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
  }
  std::nth_element(samples.begin(), samples.begin() + runs / 2, samples.end());
  return samples[runs / 2];
}

void print(const std::string& name, double value, const char* unit) {
  std::printf("{\"name\": \"%s\", \"value\": %.4g, \"unit\": \"%s\"}\n", name.c_str(), value, unit);
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
  Settings settings;
  settings.training_mode = true;
  settings.underlyings = {"BTC"};
  const TrainingProfiles profiles = get_training_profiles();
  const std::vector<OccupiedLeg> occupied = {{"BTC-6JAN26-70000-C", 1'767'686'400'000},
                                             {"BTC-11JAN26-71000-C", 1'768'118'400'000}};
  std::size_t legs = 0;
  for (const bool all_eligible : {false, true}) {
    const std::string kind = all_eligible ? "eligible" : "chain";
    AgentState state;
    state.underlyings.resize(1);
    state.underlyings[0].underlying = "BTC";
    state.underlyings[0].candidates = make_candidates(all_eligible);
    const std::vector<CandidateOption>& candidates = state.underlyings[0].candidates;
    for (const LegOrder order : {LegOrder::priority, LegOrder::round_robin}) {
      settings.training_leg_order = order;
      const std::string name = kind + (order == LegOrder::priority ? "_priority" : "_round_robin");
      print("options_pick_and_build_2000_" + name,
            median_us([&] { legs += build_training_actions(state, settings, profiles).size(); }), "us");
      PickerScratch scratch;
      std::vector<ProfilePicks> picks;
      const LadderLimits limits = ladder_limits(settings);
      const auto pick = [&] {
        pick_candidates_for_all_profiles<CandidateOption>(profiles, "BTC", candidates, limits, occupied, scratch, picks);
        legs += picks[0].candidates.size();
      };
      print("options_pick_2000_" + name, median_us(pick), "us");
    }
  }
  return legs > 0 ? 0 : 1;
}
