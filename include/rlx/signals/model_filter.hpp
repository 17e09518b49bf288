// SPDX-License-Identifier: MIT
/// @file
/// @brief The active model in front of the pipeline: its opinion only, or a refusal that still lets a known share pass.
#ifndef RLX_SIGNALS_MODEL_FILTER_HPP
#define RLX_SIGNALS_MODEL_FILTER_HPP

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/random.hpp>
#include <rlx/signals/learner.hpp>
#include <rlx/signals/records.hpp>
#include <rlx/signals/training_module.hpp>

namespace rlx::inline v0_1::signals {

/// What the model may do.
enum class FilterMode : std::uint8_t {
  off,       ///< nothing
  advisory,  ///< its probability is stored with the signal
  enforce    ///< signals above the threshold are refused, but for an explored share
};

/// What the filter does with a score.
struct ModelFilterConfig {
  FilterMode mode = FilterMode::advisory;  ///< whether it may refuse
  double threshold = 0.5;                  ///< enforce refuses P(rejected) above this; in [0, 1]
  double explore = 0.05;                   ///< share of what would be refused that passes anyway; in (0, 1]
  std::uint64_t seed = 0;                  ///< stream (seed, exploration, step = number of the signal)
};

/**
 * @brief Scores a signal with the active model: `executor.set_model_filter(std::ref(filter))`.
 *
 * An enforcing model that let nothing of a region pass would never learn that the region has changed. So a share `explore` of
 * what it refuses passes, drawn from a seeded stream; such a signal's propensity is `explore`, and its row weighs 1/explore,
 * which makes the labelled rows as representative as if nothing had been refused.
 *
 * Any thread; the n-th call uses stream n. Costs O(memory) for the features of a signal.
 */
template <SignalLearner L>
class ModelFilter {
 public:
  /// `training` must outlive the filter. @throws ConfigError naming the field
  explicit ModelFilter(const TrainingModule<L>& training, ModelFilterConfig config = {})
      : training_(&training), config_(config) {
    if (!is_finite(config.threshold) || !(config.threshold >= 0 && config.threshold <= 1)) {
      throw ConfigError("ModelFilterConfig.threshold must lie in [0, 1], got " + std::to_string(config.threshold));
    }
    if (!is_finite(config.explore) || !(config.explore > 0 && config.explore <= 1)) {
      throw ConfigError("ModelFilterConfig.explore must lie in (0, 1], got " + std::to_string(config.explore));
    }
  }

  /// The score to store; `passed` false: refuse as `model_filtered`. Nothing where the filter is off or there is no model; a
  /// learner that gives no probability switches it off for this signal too.
  std::optional<SignalScore> operator()(const Signal& signal) {
    if (config_.mode == FilterMode::off) return std::nullopt;
    const std::uint64_t number = calls_++;
    const auto model = training_->registry().active(Target::rejected);
    if (model == nullptr || !is_finite(signal.timestamp)) return std::nullopt;
    SignalScore score;
    try {
      score.probability = training_->predict(*model, signal);
    } catch (const NumericError&) {
      return std::nullopt;
    }
    score.signal_id = signal.signal_id;
    score.version = model->version;
    score.timestamp = signal.timestamp;
    if (config_.mode == FilterMode::enforce && score.probability > config_.threshold) {
      score.propensity = config_.explore;
      score.passed = RandomStream({config_.seed, Purpose::exploration, 0, number}).uniform() < config_.explore;
    }
    return score;
  }

  /// As given.
  const ModelFilterConfig& config() const noexcept { return config_; }

 private:
  const TrainingModule<L>* training_;
  ModelFilterConfig config_;
  std::atomic<std::uint64_t> calls_{0};
};

}  // namespace rlx::inline v0_1::signals

#endif  // RLX_SIGNALS_MODEL_FILTER_HPP
