// SPDX-License-Identifier: MIT
/// @file
/// @brief Numbers in the messages of the risk folder.
#ifndef RLX_RISK_DETAIL_NUMBER_TEXT_HPP
#define RLX_RISK_DETAIL_NUMBER_TEXT_HPP

#include <cstdio>
#include <string>

namespace rlx::inline v0_1::risk::detail {

/// Six digits of a number.
inline std::string shown(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

}  // namespace rlx::inline v0_1::risk::detail

#endif  // RLX_RISK_DETAIL_NUMBER_TEXT_HPP
