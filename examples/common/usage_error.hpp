// SPDX-License-Identifier: MIT
/// @file
/// @brief The error of a wrong command line.
#ifndef EXAMPLES_COMMON_USAGE_ERROR_HPP
#define EXAMPLES_COMMON_USAGE_ERROR_HPP

#include <rlx/core/error.hpp>

namespace app {

/// A wrong command line: one line on stderr, exit code 2.
class UsageError : public rlx::Error {
 public:
  using rlx::Error::Error;
};

}  // namespace app

#endif  // EXAMPLES_COMMON_USAGE_ERROR_HPP
