// SPDX-License-Identifier: MIT
/// @file
/// @brief All of rlx/market.
#ifndef RLX_MARKET_HPP
#define RLX_MARKET_HPP

#include <rlx/market/black76.hpp>
#include <rlx/market/fixed8.hpp>
#include <rlx/market/ledger.hpp>

#endif  // RLX_MARKET_HPP
