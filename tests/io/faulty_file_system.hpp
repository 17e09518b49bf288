// SPDX-License-Identifier: MIT
/// @file
/// @brief System calls of a file system that fail, or end the process, at a chosen call.
#ifndef RLX_TESTS_IO_FAULTY_FILE_SYSTEM_HPP
#define RLX_TESTS_IO_FAULTY_FILE_SYSTEM_HPP

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace rlx_test {

enum class Call { open, write, fsync, close, rename, unlink };

// Makes the system calls, at most `most` bytes per write so that a file takes many, and lets call number `fault` (from 0) fail
// with `error`, or ends the process there, before or after the call was made.
struct FaultyFileSystem {
  enum class Fault { none, fail, kill_before, kill_after };

  Fault fault = Fault::none;
  int at = 0;
  int error = EIO;
  std::size_t most = 5;
  std::vector<Call> calls = {};

  template <class F>
  auto make(Call call, F&& f) -> decltype(f()) {
    const bool now = static_cast<int>(calls.size()) == at;
    calls.push_back(call);
    if (now && fault == Fault::kill_before) ::_exit(42);
    if (now && fault == Fault::fail) {
      if (call == Call::close) f();  // a close that reports an error has released the descriptor all the same
      errno = error;
      return -1;
    }
    const auto result = f();
    if (now && fault == Fault::kill_after) ::_exit(42);
    return result;
  }

  int open(const char* path, int flags, ::mode_t mode) {
    return make(Call::open, [&] { return ::open(path, flags, mode); });
  }
  ::ssize_t write(int descriptor, const void* data, std::size_t size) {
    return make(Call::write, [&] { return ::write(descriptor, data, std::min(size, most)); });
  }
  int fsync(int descriptor) {
    return make(Call::fsync, [&] { return ::fsync(descriptor); });
  }
  int close(int descriptor) {
    return make(Call::close, [&] { return ::close(descriptor); });
  }
  int rename(const char* from, const char* to) {
    return make(Call::rename, [&] { return std::rename(from, to); });
  }
  int unlink(const char* path) {
    return make(Call::unlink, [&] { return ::unlink(path); });
  }
};

}  // namespace rlx_test

#endif  // RLX_TESTS_IO_FAULTY_FILE_SYSTEM_HPP
