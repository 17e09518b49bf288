// SPDX-License-Identifier: MIT
// Market-agnostic trading on recorded Kalshi order books: import, generate, train, evaluate, inspect.
//
//   sh examples/run.sh kalshi_market_agnostic --help
//
// The composition is in train.cpp: sessions become views, views become environments, environments become a VectorEnv whose
// sampler is the strategy, Ppo or A2c learns on it, and a callback judges the policy on views that are never trained on.
#include "commands.hpp"

#include <rlx/core/error.hpp>

#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <system_error>

namespace app {
std::atomic<bool> interrupted{false};
}

namespace {

/// Once: training saves and stops. Twice: the program ends at once, as without a handler.
void on_interrupt(int signal) {
  app::interrupted.store(true, std::memory_order_relaxed);
  std::signal(signal, SIG_DFL);
}

/// Only what has something to save listens; all else ends by the signal itself.
void listen_to_interrupts(const app::Options& o) {
  if (o.command != app::Command::train) return;
  std::signal(SIGINT, on_interrupt);
  std::signal(SIGTERM, on_interrupt);
}

int run(const app::Options& o) {
  switch (o.command) {
    case app::Command::import:
      return app::import(o);
    case app::Command::generate:
      return app::generate(o);
    case app::Command::train:
      return app::train(o);
    case app::Command::evaluate:
      return app::evaluate(o);
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
    listen_to_interrupts(*options);
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
