// SPDX-License-Identifier: MIT
/// @file
/// @brief Optional compile-time statements of an environment about itself.
#ifndef RLX_ENV_DETAIL_FLAGS_HPP
#define RLX_ENV_DETAIL_FLAGS_HPP

namespace rlx::inline v0_1::detail {

/// `static constexpr bool accepts_invalid_actions = true`: an action that the mask forbids gives an ordinary transition.
template <class E>
inline constexpr bool flag_accepts_invalid_actions = [] {
  if constexpr (requires { E::accepts_invalid_actions; })
    return static_cast<bool>(E::accepts_invalid_actions);
  else
    return false;
}();

/// `static constexpr bool metrics_may_be_nan = true`: a metric that does not exist for an episode is nan.
template <class E>
inline constexpr bool flag_metrics_may_be_nan = [] {
  if constexpr (requires { E::metrics_may_be_nan; })
    return static_cast<bool>(E::metrics_may_be_nan);
  else
    return false;
}();

}  // namespace rlx::inline v0_1::detail

#endif  // RLX_ENV_DETAIL_FLAGS_HPP
