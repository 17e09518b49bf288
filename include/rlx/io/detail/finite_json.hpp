// SPDX-License-Identifier: MIT
/// @file
/// @brief JSON has no infinity and no NaN.
#ifndef RLX_IO_DETAIL_FINITE_JSON_HPP
#define RLX_IO_DETAIL_FINITE_JSON_HPP

#include <nlohmann/json.hpp>

#include <rlx/core/finite.hpp>

namespace rlx::inline v0_1::io::detail {

/// Replaces every number that is not finite by null, found by its bits, so that this holds under fast-math too.
template <class Json>
void replace_non_finite(Json& value) {
  if (value.is_number_float()) {
    if (!is_finite(value.template get<double>())) value = nullptr;
  } else if (value.is_structured()) {
    for (Json& part : value) replace_non_finite(part);
  }
}

}  // namespace rlx::inline v0_1::io::detail

#endif  // RLX_IO_DETAIL_FINITE_JSON_HPP
