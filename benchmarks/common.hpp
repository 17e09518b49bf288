// SPDX-License-Identifier: MIT
/// @file
/// @brief What the benchmarks share: clocks, medians, JSON lines, and the networks and environments that several of them
/// measure.
#ifndef RLX_BENCHMARKS_COMMON_HPP
#define RLX_BENCHMARKS_COMMON_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <span>
#include <string>
#include <vector>

#include <rlx/env/environment.hpp>
#include <rlx/nn/detail/gemm.hpp>
#include <rlx/nn/networks.hpp>

namespace bench {

/// Processor time of all threads of this process: on a shared machine what other processes take does not count.
inline double cpu_seconds() {
  std::timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}
/// Processor time of the calling thread.
inline double thread_seconds() {
  std::timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}
inline double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

inline double quantile(std::vector<double> samples, double q) {
  std::sort(samples.begin(), samples.end());
  return samples[std::min(samples.size() - 1, static_cast<std::size_t>(q * static_cast<double>(samples.size())))];
}
inline double median(const std::vector<double>& samples) { return quantile(samples, 0.5); }

/// One JSON line. @param more further members, such as `"threads": 2`
inline void print(const std::string& name, double value, const char* unit, const std::string& more = {}) {
  std::printf("{\"name\": \"%s\", \"value\": %.4g, \"unit\": \"%s\"%s%s}\n", name.c_str(), value, unit,
              more.empty() ? "" : ", ", more.c_str());
  std::fflush(stdout);
}
inline std::string member(const char* name, double value) {
  char text[96];
  std::snprintf(text, sizeof text, "\"%s\": %.5g", name, value);
  return text;
}

/// Prints the median of `runs` runs of `f`, after one to warm up, in milliseconds of the calling thread's processor time. `f`
/// gives a number, so that no compiler leaves it out. @param limit  shown beside it; 0: none
template <class F>
void measure(const char* name, std::size_t runs, double limit, F&& f) {
  std::vector<double> samples(runs);
  double sink = f();
  for (double& sample : samples) {
    const double start = thread_seconds();
    sink += f();
    sample = 1e3 * (thread_seconds() - start);
  }
  print(name, median(samples), "ms",
        member("fastest", quantile(samples, 0.0)) + (limit > 0 ? ", " + member("limit", limit) : "") + ", " +
            member("checksum", sink));
}

/// GFLOP/s of the 1024^3 product on one thread: the machine's peak P to which updates are compared.
inline double peak_gflops() {
  constexpr std::size_t n = 1024;
  const std::vector<float> a(n * n, 0.5F), b(n * n, 0.25F);
  std::vector<float> c(n * n);
  std::vector<double> samples(7);
  for (double& sample : samples) {
    const double start = cpu_seconds();
    rlx::nn::detail::product_ab<float>(n, n, n, a.data(), n, b.data(), n, c.data(), n);
    sample = 2e-9 * n * n * n / (cpu_seconds() - start);
  }
  return median(samples);
}

/// The network of 791,989 parameters: modules over slots, 275 inputs, 36 actions.
inline rlx::nn::GraphSpec modular_792k() {
  rlx::nn::SlotSpec spec;
  spec.observation = 275;
  spec.action = 36;
  spec.flats = {{"config", 0, 5, 16}, {"portfolio", 5, 10, 32}};
  spec.slots = {{"positions", 15, 5, 12, 0, 32, 2, 64}, {"opportunities", 75, 10, 20, 0, 64, 4, 128}};
  return rlx::nn::slot_actor_critic(spec);
}

/// The same inputs and actions through a pointer network, 99,014 parameters.
inline rlx::nn::GraphSpec pointer_99k() {
  rlx::nn::PointerSpec spec;
  spec.observation = 275;
  spec.context_width = 15;
  spec.sets = {{"opportunities", "enter", 75, 10, 20, 0, 3}, {"positions", "exit", 15, 5, 12, 0, 1}};
  return rlx::nn::pointer_actor_critic(spec);
}

/// 275 numbers that change every step, 36 actions of which 26 are invalid, episodes of 168 steps: the size of the funding
/// environment without its work.
class WideEnv {
 public:
  using ActionScalar = std::int32_t;
  struct Info {};
  const rlx::Box& observation_space() const { return box_; }
  const rlx::Discrete& action_space() const { return actions_; }
  const Info& info() const { return info_; }
  void reset(std::uint64_t seed, std::span<float> row) {
    state_[0] = seed;
    state_[1] = 0;
    write(row);
  }
  rlx::Transition step(std::span<const std::int32_t> action, std::span<float> row) {
    write(row);
    return {action[0] % 2 == 0 ? 0.1 : -0.1, false, ++state_[1] == 168};
  }
  void action_masks(std::span<std::uint8_t> mask) const {
    for (std::size_t i = 0; i < mask.size(); ++i) mask[i] = (i + state_[0]) % 36 < 10 ? 1 : 0;
  }
  void save_state(std::vector<std::byte>& bytes) const {
    const auto state = std::as_bytes(std::span(state_));
    bytes.insert(bytes.end(), state.begin(), state.end());
  }
  void load_state(std::span<const std::byte> bytes) { std::memcpy(state_, bytes.data(), sizeof state_); }

 private:
  void write(std::span<float> row) {
    for (float& x : row) {
      state_[0] = state_[0] * 6364136223846793005ULL + 1442695040888963407ULL;
      x = static_cast<float>(state_[0] >> 40) * 0x1.0p-24F - 0.5F;
    }
  }
  rlx::Box box_ = rlx::Box::uniform(275, -1.0F, 1.0F);
  rlx::Discrete actions_{36};
  Info info_;
  std::uint64_t state_[2] = {};  // of the generator; steps of the episode
};

}  // namespace bench

#endif  // RLX_BENCHMARKS_COMMON_HPP
