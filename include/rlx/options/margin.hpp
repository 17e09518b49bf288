// SPDX-License-Identifier: MIT
/// @file
/// @brief Margin of short calls, where the venue does not say it itself.
#ifndef RLX_OPTIONS_MARGIN_HPP
#define RLX_OPTIONS_MARGIN_HPP

#include <algorithm>

namespace rlx::inline v0_1::options {

/// Margin of one contract in the settlement currency of inverse options (coin per coin).
struct MarginRates {
  double initial = 0.0;      ///< to open the position
  double maintenance = 0.0;  ///< to keep it
};

/// Margin of one short call: initial max(0.15 - OTM/S, 0.10) + mark, maintenance 0.075 + mark, with OTM = max(0, K - S).
/// @param index   USD, above 0
/// @param strike  USD
/// @param mark    coin
/// @par Source    Deribit, "Inverse options margin", short calls
inline MarginRates short_call_margin(double index, double strike, double mark) noexcept {
  const double out_of_the_money = std::max(0.0, strike - index);
  return {std::max(0.15 - out_of_the_money / index, 0.10) + mark, 0.075 + mark};
}

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_MARGIN_HPP
