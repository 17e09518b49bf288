// SPDX-License-Identifier: MIT
/// @file
/// @brief What an error code of the venue means for an order.
#ifndef RLX_OPTIONS_ORDER_CODE_HPP
#define RLX_OPTIONS_ORDER_CODE_HPP

#include <cstdint>

namespace rlx::options {

/// What to do with an order that was answered by an error.
enum class CodeClass : std::uint8_t {
  definite,        ///< not processed, and a resend would be answered the same
  retryable,       ///< not processed; one resend after a look-up
  throttled,       ///< 10028: retryable, but the second one in a tick ends it
  pauses_opens,    ///< 10041: retryable, and no opens for 60 s
  token,           ///< 13009: authenticate again, look up, resend once
  timed_out,       ///< 13888: the venue gave up; look up, no resend
  no_retry,        ///< 11054: a post-only order would have crossed
  unknown,         ///< may have been processed after all: look up
  stops_agent,     ///< 13004, 13021, 13403: credentials or scope are wrong; nothing more is sent
  duplicate_label  ///< 13032: an order with this label is there; look up and adopt
};

/// The class of a code. Every code that is not in the table is `definite`.
/// @par Source Deribit, "RPC error codes"
constexpr CodeClass classify_code(int code) noexcept {
  switch (code) {
    case 10040:  // retry
    case 10047:  // matching engine queue full
    case 10066:  // too many concurrent requests
    case 11051:  // system maintenance
    case 13028:  // temporarily unavailable
      return CodeClass::retryable;
    case 10028:  // too many requests
      return CodeClass::throttled;
    case 10041:  // settlement in progress
      return CodeClass::pauses_opens;
    case 13009:  // unauthorized: token expired
      return CodeClass::token;
    case 13888:  // timed out
      return CodeClass::timed_out;
    case 11054:  // post only reject
      return CodeClass::no_retry;
    case 11094:  // internal server error
      return CodeClass::unknown;
    case 13004:  // invalid credentials
    case 13021:  // forbidden
    case 13403:  // scope
      return CodeClass::stops_agent;
    case 13032:  // label not unique
      return CodeClass::duplicate_label;
    default:
      return code >= 500 && code < 600 ? CodeClass::unknown : CodeClass::definite;  // 5xx: the HTTP status
  }
}

/// Whether `Outcome::retryable` of a rejection with this code is true.
constexpr bool is_retryable(int code) noexcept {
  const CodeClass what = classify_code(code);
  return what == CodeClass::retryable || what == CodeClass::throttled || what == CodeClass::pauses_opens ||
         what == CodeClass::token;
}

}  // namespace rlx::options

#endif  // RLX_OPTIONS_ORDER_CODE_HPP
