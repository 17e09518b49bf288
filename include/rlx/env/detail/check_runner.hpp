// SPDX-License-Identifier: MIT
/// @file
/// @brief Drives one environment for `check_env` and records everything it shows.
#ifndef RLX_ENV_DETAIL_CHECK_RUNNER_HPP
#define RLX_ENV_DETAIL_CHECK_RUNNER_HPP

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <rlx/core/finite.hpp>
#include <rlx/core/random.hpp>
#include <rlx/env/detail/describe.hpp>
#include <rlx/env/environment.hpp>
#include <rlx/env/space.hpp>

namespace rlx::inline v0_1::detail {

/// Two signalling nans that no arithmetic produces: contents of rows before they are written.
inline constexpr std::array<std::uint32_t, 2> payloads = {0x7FA1B2C3U, 0x7FB4D5E6U};
/// What arithmetic makes of a signalling nan.
inline constexpr std::uint32_t quiet(std::uint32_t bits) { return bits | 0x00400000U; }

/// A row between two zones of 64 entries that nobody may touch.
template <class T>
class GuardedRow {
 public:
  explicit GuardedRow(std::size_t size) : size_(size), all_(size + 2 * zone, T{}) { fill_guards(); }
  std::span<T> row() { return {all_.data() + zone, size_}; }
  void fill(T value) { std::fill_n(all_.begin() + zone, size_, value); }
  /// Whether a guard changed; restores it.
  bool take_fault() {
    const T expected = guard();
    const auto differs = [&](const T& x) { return std::memcmp(&x, &expected, sizeof(T)) != 0; };
    const bool fault =
        std::any_of(all_.begin(), all_.begin() + zone, differs) || std::any_of(all_.end() - zone, all_.end(), differs);
    if (fault) fill_guards();
    return fault;
  }

 private:
  static constexpr std::ptrdiff_t zone = 64;
  static T guard() { return static_cast<T>(85); }
  void fill_guards() {
    std::fill_n(all_.begin(), zone, guard());
    std::fill(all_.end() - zone, all_.end(), guard());
  }
  std::size_t size_;
  std::vector<T> all_;
};

/// Index of the first entry whose bytes differ; the size if none.
template <class T>
std::size_t first_difference(std::span<const T> a, std::span<const T> b) {
  std::size_t i = 0;
  while (i < a.size() && std::memcmp(&a[i], &b[i], sizeof(T)) == 0) ++i;
  return i;
}

template <Environment E>
void choose_source(E& env, std::size_t episode) {
  if constexpr (SourcedEnvironment<E>) {
    if (env.num_sources() != 0) env.set_source(episode % env.num_sources());
  }
}

/// A uniform action among the valid ones; an empty mask allows everything. False if a component has no choice.
inline bool choose_action(const Discrete& space, std::span<const std::uint8_t> mask, RandomStream& random,
                          std::span<std::int32_t> action) {
  if (mask.empty()) {
    action[0] = static_cast<std::int32_t>(random.bounded(static_cast<std::uint64_t>(space.n)));
    return true;
  }
  const auto valid = mask.size() - static_cast<std::size_t>(std::count(mask.begin(), mask.end(), std::uint8_t{0}));
  if (valid == 0) return false;
  std::uint64_t skip = random.bounded(valid);
  std::size_t i = 0;
  while (mask[i] == 0 || skip-- != 0) ++i;
  action[0] = static_cast<std::int32_t>(i);
  return true;
}
inline bool choose_action(const MultiDiscrete& space, std::span<const std::uint8_t> mask, RandomStream& random,
                          std::span<std::int32_t> action) {
  std::size_t offset = 0;
  for (std::size_t c = 0; c < space.nvec.size(); ++c) {
    const auto n = static_cast<std::size_t>(space.nvec[c]);
    const auto part = mask.empty() ? mask : mask.subspan(offset, n);
    if (!choose_action(Discrete{space.nvec[c]}, part, random, action.subspan(c, 1))) return false;
    offset += n;
  }
  return true;
}
inline bool choose_action(const Box& space, std::span<const std::uint8_t>, RandomStream& random, std::span<float> action) {
  for (std::size_t i = 0; i < action.size(); ++i) {
    const double low = static_cast<double>(space.low[i]), high = static_cast<double>(space.high[i]);
    const bool below = is_finite(low), above = is_finite(high);
    double x = random.normal();
    if (below && above) {
      x = random.uniform(low, high);
    } else if (below) {
      x = low + std::abs(x);
    } else if (above) {
      x = high - std::abs(x);
    }
    action[i] = std::clamp(static_cast<float>(x), space.low[i], space.high[i]);
  }
  return true;
}
inline bool choose_action(const Simplex&, std::span<const std::uint8_t> mask, RandomStream& random, std::span<float> action) {
  double sum = 0.0;
  for (std::size_t i = 0; i < action.size(); ++i) {
    const bool valid = mask.empty() || mask[i] != 0;
    action[i] = valid ? static_cast<float>(0.01 + random.uniform()) : 0.0F;
    sum += static_cast<double>(action[i]);
  }
  if (sum == 0.0) return false;
  for (float& w : action) w = static_cast<float>(static_cast<double>(w) / sum);
  return true;
}

/// Turns a valid action into one that the mask forbids. False if the mask forbids nothing.
inline bool make_invalid(const Discrete&, std::span<const std::uint8_t> mask, std::span<std::int32_t> action) {
  const auto found = std::find(mask.begin(), mask.end(), std::uint8_t{0});
  if (found == mask.end()) return false;
  action[0] = static_cast<std::int32_t>(found - mask.begin());
  return true;
}
inline bool make_invalid(const MultiDiscrete& space, std::span<const std::uint8_t> mask, std::span<std::int32_t> action) {
  std::size_t offset = 0;
  for (std::size_t c = 0; c < space.nvec.size(); ++c) {
    const auto n = static_cast<std::size_t>(space.nvec[c]);
    if (make_invalid(Discrete{space.nvec[c]}, mask.subspan(offset, n), action.subspan(c, 1))) return true;
    offset += n;
  }
  return false;
}
inline bool make_invalid(const Simplex&, std::span<const std::uint8_t> mask, std::span<float> action) {
  const auto found = std::find(mask.begin(), mask.end(), std::uint8_t{0});
  if (found == mask.end()) return false;
  std::fill(action.begin(), action.end(), 0.0F);
  action[static_cast<std::size_t>(found - mask.begin())] = 1.0F;
  return true;
}

/// An action entry outside the space.
template <class Scalar>
struct BadAction {
  std::size_t component;
  Scalar value;
  std::string text;
};
inline std::vector<BadAction<std::int32_t>> bad_actions(const MultiDiscrete& space) {
  std::vector<BadAction<std::int32_t>> bad;
  for (std::size_t c = 0; c < space.nvec.size(); ++c) {
    bad.push_back({c, -1, "-1"});
    bad.push_back({c, static_cast<std::int32_t>(space.nvec[c]), std::to_string(space.nvec[c])});
  }
  return bad;
}
inline std::vector<BadAction<std::int32_t>> bad_actions(const Discrete& space) { return bad_actions(MultiDiscrete{{space.n}}); }
inline std::vector<BadAction<float>> bad_actions(const Box& space) {
  std::vector<BadAction<float>> bad;
  for (std::size_t i = 0; i < space.size(); ++i) bad.push_back({i, std::numeric_limits<float>::quiet_NaN(), "nan"});
  return bad;
}
inline std::vector<BadAction<float>> bad_actions(const Simplex& space) {
  std::vector<BadAction<float>> bad;
  for (std::size_t i = 0; i < static_cast<std::size_t>(space.n); ++i) {
    bad.push_back({i, std::numeric_limits<float>::quiet_NaN(), "nan"});
    bad.push_back({i, -1.0F, "-1"});
  }
  return bad;
}

/// Everything that one reset (step 0) or step showed.
template <Environment E>
struct StepRecord {
  std::uint64_t episode = 0, step = 0;
  std::vector<float> observation;
  std::vector<std::uint8_t> mask;
  std::vector<double> metrics;  // at the end of an episode
  double reward = 0.0;
  bool terminated = false, truncated = false;
  std::string error;  // what was thrown; then nothing else counts
};
template <Environment E>
using Trace = std::vector<StepRecord<E>>;

struct TraceDifference {
  std::uint64_t step = 0;
  std::string text;
  bool in_mask = false;
};

/// The first difference between two traces, bit by bit.
template <Environment E>
std::optional<TraceDifference> compare(const E& env, const Trace<E>& a, const Trace<E>& b) {
  const auto two = [](double x, double y) { return ": " + std::to_string(x) + " and " + std::to_string(y); };
  for (std::size_t r = 0; r < std::min(a.size(), b.size()); ++r) {
    const StepRecord<E>&x = a[r], &y = b[r];
    const std::uint64_t step = x.step;
    if (x.error != y.error) {
      return TraceDifference{step, "one run throws (" + (x.error.empty() ? y.error : x.error) + "), the other does not,"};
    }
    if (!x.error.empty()) return std::nullopt;
    if (const std::size_t i = first_difference<float>(x.observation, y.observation); i != x.observation.size()) {
      return TraceDifference{step, observation_label(env, i) + " differs" +
                                       two(static_cast<double>(x.observation[i]), static_cast<double>(y.observation[i]))};
    }
    if (std::bit_cast<std::uint64_t>(x.reward) != std::bit_cast<std::uint64_t>(y.reward)) {
      return TraceDifference{step, "the reward differs" + two(x.reward, y.reward)};
    }
    if (x.terminated != y.terminated || x.truncated != y.truncated) {
      return TraceDifference{step, "terminated or truncated differs"};
    }
    if (const std::size_t i = first_difference<std::uint8_t>(x.mask, y.mask); i != x.mask.size()) {
      return TraceDifference{step, "mask[" + std::to_string(i) + "] differs", true};
    }
    if (x.metrics.size() == y.metrics.size()) {
      if (const std::size_t i = first_difference<double>(x.metrics, y.metrics); i != x.metrics.size()) {
        return TraceDifference{step, "metric " + std::to_string(i) + " differs" + two(x.metrics[i], y.metrics[i])};
      }
    }
  }
  if (a.size() != b.size()) return TraceDifference{std::min(a.size(), b.size()), "one run has more steps than the other"};
  return std::nullopt;
}

struct RunnerConfig {
  std::uint64_t seed = 0;  // episode k is reset with seed + k
  std::size_t num_episodes = 1;
  std::size_t max_steps = 1;  // per episode
  std::uint32_t prefill = 0;  // bits of every float of the row before each call
  std::size_t total_steps = std::numeric_limits<std::size_t>::max();
  std::uint64_t (*allocations)() = nullptr;
};

/// Plays episodes of random valid actions; the actions are a function of (seed, episode, step, mask).
template <Environment E>
class CheckRunner {
 public:
  using Scalar = typename E::ActionScalar;
  using Space = std::remove_cvref_t<decltype(std::declval<const E&>().action_space())>;
  static constexpr bool masked = MaskedEnvironment<E> && !std::same_as<Space, Box>;

  CheckRunner(E& env, const RunnerConfig& config)
      : env_(env),
        config_(config),
        row_(env.observation_space().size()),
        mask_(masked ? mask_width(env.action_space()) : 0),
        metrics_(metric_count()),
        action_(rlx::action_width(env.action_space())),
        action_row_(action_.size()) {}

  /// One reset or step; false when nothing is left to do.
  bool advance() {
    if (done_) return false;
    StepRecord<E>& record = trace_.emplace_back();
    try {
      if (fresh_) {
        begin(record);
      } else {
        take_step(record);
      }
    } catch (const std::exception& e) {
      record.error = e.what()[0] == '\0' ? "an exception without text" : e.what();
    } catch (...) {
      record.error = "an exception that is not a std::exception";
    }
    if (!record.error.empty()) done_ = true;
    return !done_;
  }

  /// Goes on in the middle of the first episode of an environment that stands there.
  void continue_from(std::uint64_t step) {
    step_ = step;
    fresh_ = false;
    if constexpr (masked) read_mask();
  }

  const Trace<E>& trace() const { return trace_; }
  std::optional<std::uint64_t> broken_guard() const { return broken_guard_; }
  std::optional<std::uint64_t> changed_action() const { return changed_action_; }
  std::optional<std::uint64_t> allocated() const { return allocated_; }
  const std::optional<std::string>& mask_fault() const { return mask_fault_; }
  const std::optional<std::string>& metric_fault() const { return metric_fault_; }
  /// The mask allowed nothing, so no action could be chosen.
  bool no_choice() const { return no_choice_; }
  const std::vector<Scalar>& last_action() const { return action_; }

  /// The action that the next step would take.
  std::vector<Scalar> next_action() {
    choose();
    return action_;
  }
  /// An action of the space, whatever the mask.
  std::vector<Scalar> first_valid_action() {
    RandomStream random = stream();
    choose_action(env_.action_space(), {}, random, action_);
    return action_;
  }

  /// Reads the mask twice into rows with different contents; all zero if that throws.
  std::vector<std::uint8_t> read_mask() {
    if constexpr (masked) {
      const E& env = env_;
      try {
        mask_.fill(0xA5);
        const std::uint64_t before = count_allocations();
        env.action_masks(mask_.row());
        if (count_allocations() != before && episode_ > 0 && !allocated_) allocated_ = step_;
        std::vector<std::uint8_t> first(mask_.row().begin(), mask_.row().end());
        mask_.fill(0x5A);
        env.action_masks(mask_.row());
        for (std::size_t i = 0; i < first.size(); ++i) {
          if (first[i] == 0xA5 && mask_.row()[i] == 0x5A) {
            mask_failed("mask[" + std::to_string(i) + "] was not written");
          } else if ((first[i] != 0) != (mask_.row()[i] != 0)) {
            mask_failed("mask[" + std::to_string(i) + "] differs when the mask is read twice");
          }
        }
        if (mask_.take_fault()) mask_failed("wrote outside its mask row");
        return first;
      } catch (const std::exception& e) {
        mask_failed(std::string("action_masks threw: ") + e.what());
      } catch (...) {
        mask_failed("action_masks threw an exception that is not a std::exception");
      }
      mask_.fill(0);
      return std::vector<std::uint8_t>(mask_.row().size());
    } else {
      return {};
    }
  }

  std::vector<double> read_metrics() {
    if constexpr (ReportsMetrics<E>) {
      constexpr std::uint64_t unwritten = 0x7FF4B2C3D4E5F601ULL;
      metrics_.fill(std::bit_cast<double>(unwritten));
      const E& env = env_;
      try {
        env.metrics(metrics_.row());
      } catch (const std::exception& e) {
        if (!metric_fault_) metric_fault_ = std::string("metrics threw: ") + e.what();
        return {};
      }
      for (std::size_t i = 0; i < metrics_.row().size(); ++i) {
        if (std::bit_cast<std::uint64_t>(metrics_.row()[i]) == unwritten && !metric_fault_) {
          metric_fault_ = "metric " + std::string(std::string_view(E::metric_names()[i])) + " was not written";
        }
      }
      if (metrics_.take_fault() && !metric_fault_) metric_fault_ = "metrics wrote more numbers than metric_names() has names";
      return {metrics_.row().begin(), metrics_.row().end()};
    } else {
      return {};
    }
  }

 private:
  /// The first fault counts.
  void mask_failed(std::string fault) {
    if (!mask_fault_) mask_fault_ = std::move(fault);
  }
  static std::size_t metric_count() {
    if constexpr (ReportsMetrics<E>) {
      return E::metric_names().size();
    } else {
      return 0;
    }
  }
  RandomStream stream() const {
    return RandomStream({config_.seed, Purpose::action, static_cast<std::uint32_t>(episode_), step_});
  }

  void choose() {
    RandomStream random = stream();
    no_choice_ = !choose_action(env_.action_space(), mask_.row(), random, action_);
  }

  std::uint64_t count_allocations() const { return config_.allocations == nullptr ? 0 : config_.allocations(); }

  void begin(StepRecord<E>& record) {
    step_ = 0;
    record.episode = episode_;
    row_.fill(std::bit_cast<float>(config_.prefill));
    choose_source(env_, episode_);
    const std::uint64_t before = count_allocations();
    env_.reset(config_.seed + episode_, row_.row());
    // The first episode may still grow buffers that are kept.
    if (count_allocations() != before && episode_ > 0 && !allocated_) allocated_ = 0;
    fresh_ = false;
    finish(record);
  }

  void take_step(StepRecord<E>& record) {
    record.episode = episode_;
    record.step = step_ + 1;
    choose();
    if (no_choice_) {
      record.error = "the mask allows no action";
      return;
    }
    std::copy(action_.begin(), action_.end(), action_row_.row().begin());
    row_.fill(std::bit_cast<float>(config_.prefill));
    const std::uint64_t before = count_allocations();
    const Transition transition = env_.step(action_row_.row(), row_.row());
    if (count_allocations() != before && episode_ > 0 && !allocated_) allocated_ = step_ + 1;
    ++step_;
    ++total_;
    const bool changed = first_difference<Scalar>(action_, action_row_.row()) != action_.size();
    if ((action_row_.take_fault() || changed) && !changed_action_) changed_action_ = step_;
    record.reward = transition.reward;
    record.terminated = transition.terminated;
    record.truncated = transition.truncated;
    finish(record);
    if (transition.terminated || transition.truncated || step_ >= config_.max_steps) {
      if (transition.terminated || transition.truncated) record.metrics = read_metrics();
      fresh_ = true;
      ++episode_;
    }
    if (episode_ >= config_.num_episodes || total_ >= config_.total_steps) done_ = true;
  }

  void finish(StepRecord<E>& record) {
    record.observation.assign(row_.row().begin(), row_.row().end());
    if (row_.take_fault() && !broken_guard_) broken_guard_ = step_;
    if (masked && !record.terminated && !record.truncated) record.mask = read_mask();
  }

  E& env_;
  RunnerConfig config_;
  GuardedRow<float> row_;
  GuardedRow<std::uint8_t> mask_;
  GuardedRow<double> metrics_;
  std::vector<Scalar> action_;
  GuardedRow<Scalar> action_row_;
  Trace<E> trace_;
  std::uint64_t episode_ = 0, step_ = 0;
  std::size_t total_ = 0;
  bool fresh_ = true, done_ = false, no_choice_ = false;
  std::optional<std::uint64_t> broken_guard_, changed_action_, allocated_;
  std::optional<std::string> mask_fault_, metric_fault_;
};

template <Environment E>
Trace<E> run_to_end(E& env, const RunnerConfig& config) {
  CheckRunner<E> runner(env, config);
  while (runner.advance()) {
  }
  return runner.trace();
}

}  // namespace rlx::inline v0_1::detail

#endif  // RLX_ENV_DETAIL_CHECK_RUNNER_HPP
