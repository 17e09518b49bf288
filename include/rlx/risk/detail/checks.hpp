// SPDX-License-Identifier: MIT
/// @file
/// @brief Checks of input that the risk measures share.
#ifndef RLX_RISK_DETAIL_CHECKS_HPP
#define RLX_RISK_DETAIL_CHECKS_HPP

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>

namespace rlx::inline v0_1::risk::detail {

/// @throws NumericError that names the first number that is not finite as `what[index]`
template <class = void>
void require_finite(std::span<const double> values, std::string_view what) {
  if (const std::size_t at = first_non_finite(values); at != values.size()) {
    const std::string name = std::string(what) + '[' + std::to_string(at) + ']';
    throw NumericError(name + " is not finite; expected finite numbers only", name);
  }
}

/// The same for row `index` of several, whose name is made only for a complaint.
template <class = void>
void require_finite(std::span<const double> values, std::string_view what, std::size_t index) {
  if (first_non_finite(values) != values.size()) {
    require_finite(values, std::string(what) + ' ' + std::to_string(index) + ' ');
  }
}

/// Not empty and finite. @throws ConfigError, NumericError
template <class = void>
void require_outcomes(std::span<const double> values, std::string_view function, std::string_view what = "outcomes") {
  if (values.empty()) {
    throw ConfigError(std::string(function) + ": " + std::string(what) + " is empty, expected at least one number");
  }
  require_finite(values, what);
}

/// A finite argument. @throws ConfigError with its name, value and range
template <class = void>
void require_argument(bool inside, std::string_view name, double value, const char* range) {
  if (!is_finite(value) || !inside) {
    throw ConfigError(std::string(name) + " must be " + range + ", got " + std::to_string(value));
  }
}

}  // namespace rlx::inline v0_1::risk::detail

#endif  // RLX_RISK_DETAIL_CHECKS_HPP
