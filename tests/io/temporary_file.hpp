// SPDX-License-Identifier: MIT
/// @file
/// @brief An empty file of its own for a test, removed at the end of the scope.
#ifndef RLX_TESTS_IO_TEMPORARY_FILE_HPP
#define RLX_TESTS_IO_TEMPORARY_FILE_HPP

#include <stdlib.h>
#include <unistd.h>

#include <string>

#include "rlx_catch.hpp"

namespace rlx_test {

struct TemporaryFile {
  TemporaryFile() {
    char pattern[] = "/tmp/rlx_test_XXXXXX";
    const int descriptor = ::mkstemp(pattern);
    REQUIRE(descriptor >= 0);
    ::close(descriptor);
    path = pattern;
  }
  ~TemporaryFile() { ::unlink(path.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  std::string path;
};

}  // namespace rlx_test

#endif  // RLX_TESTS_IO_TEMPORARY_FILE_HPP
