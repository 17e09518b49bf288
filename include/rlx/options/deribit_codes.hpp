// SPDX-License-Identifier: MIT
/// @file
/// @brief What Deribit's error codes prove about a request, and what to do next.
///
/// Published lists give some codes different meanings; code and message are therefore always kept together, and a code that is
/// not listed here is a definite rejection without retry.
#ifndef RLX_OPTIONS_DERIBIT_CODES_HPP
#define RLX_OPTIONS_DERIBIT_CODES_HPP

#include <cstdint>
#include <string_view>

namespace rlx::inline v0_1::options {

/// The classes that execution treats differently.
enum class CodeClass : std::uint8_t {
  definite,          ///< not processed, and a resend would fail again
  retryable,         ///< not processed; one resend is allowed after a look-up
  token,             ///< not processed: the token is not valid (13009); renewed once by the client
  timed_out,         ///< the venue gave the request up (13888, `timed_out`): look up, then it counts as timed out
  label_not_unique,  ///< 13032: look up and adopt
  unknown,           ///< 11094: an internal error; nothing is proven
  stop               ///< credentials or rights are missing: no further request makes sense
};

/// The class of an error code of the venue; an unlisted one is definite, unless its message is "timed_out".
constexpr CodeClass classify_code(int code, std::string_view message = {}) {
  switch (code) {
    case 10028:  // too_many_requests
    case 10040:  // retry
    case 10041:  // settlement_in_progress
    case 10047:  // matching_engine_queue_full
    case 10066:  // too_many_concurrent_requests
    case 11051:  // system_maintenance
    case 13028:  // temporarily_unavailable
      return CodeClass::retryable;
    case 13009:  // unauthorized, invalid_token
      return CodeClass::token;
    case 13888:
      return CodeClass::timed_out;
    case 13032:
      return CodeClass::label_not_unique;
    case 11094:  // internal_server_error
      return CodeClass::unknown;
    case 13004:  // invalid_credentials
    case 13021:  // forbidden
    case 13403:  // missing scope
      return CodeClass::stop;
    default:
      return message == "timed_out" ? CodeClass::timed_out : CodeClass::definite;
  }
}

inline constexpr int code_too_many_requests = 10028;       ///< a second one in a tick ends the ladder
inline constexpr int code_settlement_in_progress = 10041;  ///< also pauses opens for a minute
inline constexpr int code_post_only_reject = 11054;        ///< a post-only order would have crossed

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_DERIBIT_CODES_HPP
