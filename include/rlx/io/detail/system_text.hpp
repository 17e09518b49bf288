// SPDX-License-Identifier: MIT
/// @file
/// @brief The operating system's text for an error number.
#ifndef RLX_IO_DETAIL_SYSTEM_TEXT_HPP
#define RLX_IO_DETAIL_SYSTEM_TEXT_HPP

#include <string>
#include <system_error>

#include <rlx/core/error.hpp>

namespace rlx::inline v0_1::io::detail {

/// Throws IoError `cannot <what> '<path>': <system text>`.
[[noreturn]] inline void throw_io_error(const std::string& what, const std::string& path, int error_number) {
  throw IoError("cannot " + what + " '" + path + "': " + std::generic_category().message(error_number));
}

}  // namespace rlx::inline v0_1::io::detail

#endif  // RLX_IO_DETAIL_SYSTEM_TEXT_HPP
