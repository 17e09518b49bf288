// SPDX-License-Identifier: MIT
/// @file
/// @brief What the learning layer asks of a learner of probabilities.
///
/// Learners and model files speak nlohmann::json: a program that trains includes records_json.hpp, or nlohmann/json.hpp, too.
#ifndef RLX_SIGNALS_LEARNER_HPP
#define RLX_SIGNALS_LEARNER_HPP

#include <concepts>
#include <cstddef>
#include <span>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include <rlx/core/matrix.hpp>
#include <rlx/core/random.hpp>
#include <rlx/signals/records.hpp>

namespace rlx::inline v0_1::signals {

/// What a fit says about itself.
struct FitReport {
  bool converged = false;      ///< a learner with a fixed number of steps says true
  std::size_t iterations = 0;  ///< steps made
  double loss = 0;             ///< value of what was minimised, at the end
};

namespace detail {
template <class J>
concept Complete = requires {
  sizeof(J);
};
/// Asked first, so that who forgot the header reads one sentence.
template <class, class J>
struct JsonIncluded {
  static_assert(Complete<J>, "learners and model files speak nlohmann::json: add #include <rlx/signals/records_json.hpp>");
  static constexpr bool value = true;
};
}  // namespace detail

/**
 * @brief Learns P(y = 1 | x) of weighted rows; `LogisticRegression` is the built-in model.
 *
 * A default-constructed learner is not fitted. All members may throw; the caller then keeps the model it has.
 * - `fit(x, y, w, rng)`: x [rows][columns], y in {0, 1}, weights w > 0. Goes on from where it stands if it is fitted with the
 *   same width. Random numbers come from `rng` only.
 * - `predict_probability(x, p)`: one probability in [0, 1] for each row.
 * - `to_json()`, `from_json(j)`: everything that `predict_probability` depends on, exactly.
 * - `name()`: tells learners apart in model files.
 */
template <class L>
concept SignalLearner = detail::JsonIncluded<L, Json>::value && std::movable<L> && std::default_initializable<L> &&
    requires(L learner, const L fitted, MatrixView<const double> x, std::span<const double> y, std::span<const double> w,
             RandomStream& rng, std::span<double> p, const Json& json) {
  { learner.fit(x, y, w, rng) } -> std::same_as<FitReport>;
  fitted.predict_probability(x, p);
  { fitted.to_json() } -> std::same_as<Json>;
  { L::from_json(json) } -> std::same_as<L>;
  { L::name() } -> std::convertible_to<std::string_view>;
};

}  // namespace rlx::inline v0_1::signals

#endif  // RLX_SIGNALS_LEARNER_HPP
