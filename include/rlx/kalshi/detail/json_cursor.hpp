// SPDX-License-Identifier: MIT
/// @file
/// @brief The walk over JSON text that the readers of the exchange's files share with other wires.
#ifndef RLX_KALSHI_DETAIL_JSON_CURSOR_HPP
#define RLX_KALSHI_DETAIL_JSON_CURSOR_HPP

#include <rlx/io/detail/json_cursor.hpp>

namespace rlx::inline v0_1::kalshi::detail {

using io::detail::JsonCursor;

}  // namespace rlx::inline v0_1::kalshi::detail

#endif  // RLX_KALSHI_DETAIL_JSON_CURSOR_HPP
