// SPDX-License-Identifier: MIT
/// @file
/// @brief The label that makes an order recognisable: computed from what the order is for, never from how often it was tried.
#ifndef RLX_OPTIONS_LABEL_HPP
#define RLX_OPTIONS_LABEL_HPP

#include <cstdint>
#include <string>
#include <string_view>

#include <rlx/core/hash.hpp>
#include <rlx/options/records.hpp>

namespace rlx::inline v0_1::options {

/// Every order of this agent has a label that begins so; orders of others are recognised by its absence.
inline constexpr std::string_view label_prefix = "rlx1-";

/// Whether an order is one of this agent (of any run).
constexpr bool is_own_label(std::string_view label) noexcept { return label.starts_with(label_prefix); }

/// `rlx1-` and the first 40 hex digits of SHA-256 over `account|run_id|tick_seq|role|underlying|strategy|symbol`: 45
/// characters.
///
/// The same leg gets the same label after a restart and on a resend, so that the venue can be asked whether it has the order.
/// @param account     name of the account, as in the start record
/// @param run_id      of the log directory
/// @param tick_seq    number of the tick that plans the order
/// @param role        what the order is for
/// @param underlying  "BTC"
/// @param strategy    `-` or empty where there is none (production)
/// @param symbol      the call that the order trades; of a roll's second order its target
inline std::string make_label(std::string_view account, std::string_view run_id, std::uint64_t tick_seq, LegRole role,
                              std::string_view underlying, std::string_view strategy, std::string_view symbol) {
  Sha256 hash;
  hash.update(account).update("|").update(run_id).update("|").update(std::to_string(tick_seq)).update("|");
  hash.update(name_of(role)).update("|").update(underlying).update("|");
  hash.update(strategy.empty() ? std::string_view("-") : strategy).update("|").update(symbol);
  return std::string(label_prefix) + hash.hex().substr(0, 40);
}

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_LABEL_HPP
