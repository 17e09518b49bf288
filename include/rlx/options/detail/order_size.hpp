// SPDX-License-Identifier: MIT
/// @file
/// @brief The size of an order: the setting's, else the instrument's minimum.
#ifndef RLX_OPTIONS_DETAIL_ORDER_SIZE_HPP
#define RLX_OPTIONS_DETAIL_ORDER_SIZE_HPP

#include <optional>
#include <string_view>

#include <rlx/market/fixed8.hpp>
#include <rlx/options/agent_state.hpp>
#include <rlx/options/instrument.hpp>

namespace rlx::inline v0_1::options::detail {

/// Contracts; 0 where neither is known, which the risk engine denies.
inline market::Fixed8 order_size(const std::optional<double>& setting, const UnderlyingState& state, std::string_view symbol) {
  if (setting) return market::Fixed8::from_double(*setting);
  for (const Instrument& instrument : state.instruments) {
    if (instrument.symbol == symbol) return instrument.minimum_size;
  }
  return {};
}

}  // namespace rlx::inline v0_1::options::detail

#endif  // RLX_OPTIONS_DETAIL_ORDER_SIZE_HPP
