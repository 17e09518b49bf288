// SPDX-License-Identifier: MIT
// Market-agnostic trading on recorded Kalshi order books: import, generate, inspect.
//
//   sh examples/run.sh kalshi_market_agnostic --help
#include "commands.hpp"

#include <rlx/core/error.hpp>

#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <system_error>

namespace {

int run(const app::Options& o) {
  switch (o.command) {
    case app::Command::import:
      return app::import(o);
    case app::Command::generate:
      return app::generate(o);
    case app::Command::inspect:
      return app::inspect(o);
  }
  return 2;
}

/// One line on stderr, whatever the message holds.
int fail(int code, const char* kind, const std::exception& error) {
  std::string line = error.what();
  for (char& c : line)
    if (c == '\n' || c == '\r') c = ' ';
  fmt::print(stderr, "kalshi_market_agnostic: {}: {}\n", kind, line);
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file-size limit is an IoError like a full disk
  try {
    const std::optional<app::Options> options = app::parse_options(argc, argv);
    if (!options) return 0;
    const int code = run(*options);
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
      throw rlx::IoError("standard output cannot be written; is the disk full?");
    return code;
  } catch (const app::UsageError& error) {
    return fail(2, "usage", error);
  } catch (const rlx::DataError& error) {
    return fail(3, "data", error);
  } catch (const rlx::IoError& error) {
    return fail(3, "file", error);
  } catch (const rlx::CheckpointError& error) {
    return fail(5, "checkpoint", error);
  } catch (const rlx::NumericError& error) {
    return fail(6, "numeric", error);
  } catch (const rlx::Error& error) {
    return fail(4, "configuration", error);
  } catch (const std::system_error& error) {  // fmt, when standard output cannot be written
    return fail(3, "file", error);
  } catch (const std::exception& error) {
    return fail(1, "unexpected", error);
  }
}
