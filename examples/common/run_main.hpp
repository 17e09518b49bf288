// SPDX-License-Identifier: MIT
/// @file
/// @brief The frame of a program of commands: what its errors say and with which code it ends, interruption, full disks.
///
/// Exit codes: 0 ok, 2 usage, 3 data or file, 4 configuration, 5 checkpoint, 6 numeric, 1 anything else; a program adds its
/// own kinds with `Failure`, and returns codes of its own from its commands.
#ifndef EXAMPLES_COMMON_RUN_MAIN_HPP
#define EXAMPLES_COMMON_RUN_MAIN_HPP

#include "usage_error.hpp"

#include <rlx/core/error.hpp>

#include <fmt/format.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <system_error>

namespace app {

inline constexpr int exit_interrupted = 130;

/// Set by Ctrl-C once `listen_to_interrupts` was called: training stops after the current update and saves.
inline std::atomic<bool> interrupted{false};

/// For what has something to save; all else ends by the signal itself. A second signal ends the program at once.
inline void listen_to_interrupts() {
  const auto stop = [](int signal) {
    interrupted.store(true, std::memory_order_relaxed);
    std::signal(signal, SIG_DFL);
  };
  std::signal(SIGINT, stop);
  std::signal(SIGTERM, stop);
}

/// A kind of failure: exceptions of type E end the program with `code`; `kind` stands before their message.
template <class E>
struct Failure {
  int code;
  const char* kind;
};

/// One line on stderr, whatever the message holds.
inline void print_failure(std::string_view program, const char* kind, const std::exception& error) {
  std::string line = error.what();
  for (char& c : line)
    if (c == '\n' || c == '\r') c = ' ';
  fmt::print(stderr, "{}: {}: {}\n", program, kind, line);
}

/**
 * @brief Runs a program and turns what it throws into one line on stderr and an exit code.
 * @param program  its name, at the beginning of the line
 * @param run      () -> int, the exit code
 * @param own      kinds of failure of this program; they come before the usual ones, the first that fits counts
 */
template <class Run, class... E>
int run_main(std::string_view program, Run&& run, Failure<E>... own) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file-size limit is an IoError like a full disk
  try {
    const int code = run();
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
      throw rlx::IoError("standard output cannot be written; is the disk full?");
    return code;
  } catch (const std::exception& error) {
    int code = 1;
    const auto is = [&]<class Kind>(const Failure<Kind>& failure) {
      if (dynamic_cast<const Kind*>(&error) == nullptr) return false;
      print_failure(program, failure.kind, error);
      code = failure.code;
      return true;
    };
    const bool known = (is(own) || ...) || is(Failure<UsageError>{2, "usage"}) || is(Failure<rlx::DataError>{3, "data"}) ||
                       is(Failure<rlx::IoError>{3, "file"}) || is(Failure<rlx::CheckpointError>{5, "checkpoint"}) ||
                       is(Failure<rlx::NumericError>{6, "numeric"}) || is(Failure<rlx::Error>{4, "configuration"}) ||
                       is(Failure<std::system_error>{3, "file"});  // fmt, when standard output cannot be written
    if (!known) print_failure(program, "unexpected", error);
    return code;
  }
}

}  // namespace app

#endif  // EXAMPLES_COMMON_RUN_MAIN_HPP
