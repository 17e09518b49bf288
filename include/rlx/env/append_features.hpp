// SPDX-License-Identifier: MIT
/// @file
/// @brief Appends columns to the observation, such as forecasts that the inner environment knows nothing of.
#ifndef RLX_ENV_APPEND_FEATURES_HPP
#define RLX_ENV_APPEND_FEATURES_HPP

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/env/detail/environment_wrapper.hpp>
#include <rlx/env/detail/guard.hpp>
#include <rlx/env/environment.hpp>
#include <rlx/env/space.hpp>

namespace rlx::inline v0_1 {

/// Columns for an environment: `names()` has one entry per column, `source(environment, row)` writes all of them, finite
/// numbers that are a function of what is known at the environment's current step. The same columns throughout. A model:
/// @code
/// struct Clock {
///   std::vector<std::string> names() const { return {"steps"}; }
///   void operator()(const rlx::CartPole& pole, std::span<float> row) const { row[0] = float(pole.info().steps); }
/// };
/// @endcode
template <class F, class E>
concept FeatureSource = std::move_constructible<F> && requires(const F& source, const E& environment, std::span<float> row) {
  { source.names() } -> std::convertible_to<std::vector<std::string>>;
  source(environment, row);
};

/**
 * @brief Appends the columns of a source to the observation of every reset and step.
 *
 * Every ability of the inner environment is forwarded. The source has no state of its own, so the saved state is that of the
 * inner environment. Nothing is allocated in a step if the source does not. VaR and CVaR of stored forecasts as columns:
 * `funding::PairTailFeatures`.
 */
template <Environment E, FeatureSource<E> F>
class AppendFeatures : public detail::EnvironmentWrapper<E> {
  using Base = detail::EnvironmentWrapper<E>;
  using Base::environment_;

 public:
  using ActionScalar = typename E::ActionScalar;  ///< As `Environment` asks.

  /// A source without columns appends nothing.
  AppendFeatures(E environment, F source)
      : Base(std::move(environment)), source_(std::move(source)), observations_(environment_.observation_space()) {
    const std::vector<std::string> names = source_.names();
    width_ = names.size();
    constexpr float unbounded = std::numeric_limits<float>::infinity();
    observations_.low.insert(observations_.low.end(), width_, -unbounded);
    observations_.high.insert(observations_.high.end(), width_, unbounded);
    if constexpr (NamedLayout<E>) {
      for (std::size_t i = 0; i + width_ < observations_.size(); ++i) {
        names_.emplace_back(std::string_view(environment_.observation_names()[i]));
      }
      names_.insert(names_.end(), names.begin(), names.end());
    }
  }

  const Box& observation_space() const noexcept { return observations_; }  ///< the inner space and unbounded columns
  /// The inner names, then those of the source.
  const std::vector<std::string>& observation_names() const noexcept requires NamedLayout<E> { return names_; }
  std::size_t num_features() const noexcept { return width_; }  ///< appended columns

  /// @throws ShapeError  a row of another length; what the inner environment or the source throws.
  void reset(std::uint64_t seed, std::span<float> row) {
    const std::span<float> inner = inner_row(row);
    environment_.reset(seed, inner);
    source_(environment_, row.last(width_));
  }

  /// @throws ShapeError  a row of another length; what the inner environment or the source throws.
  Transition step(std::span<const ActionScalar> action, std::span<float> row) {
    const Transition transition = environment_.step(action, inner_row(row));
    source_(environment_, row.last(width_));
    return transition;
  }

 private:
  std::span<float> inner_row(std::span<float> row) const {
    detail::require_length("AppendFeatures", "observation", row.size(), observations_.size());
    return row.first(row.size() - width_);
  }

  F source_;
  Box observations_;
  std::size_t width_ = 0;
  std::vector<std::string> names_;
};

}  // namespace rlx::inline v0_1

#endif  // RLX_ENV_APPEND_FEATURES_HPP
