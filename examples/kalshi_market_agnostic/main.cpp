// SPDX-License-Identifier: MIT
// Market-agnostic trading on recorded Kalshi order books: import, generate, train, evaluate, inspect.
//
//   sh examples/run.sh kalshi_market_agnostic --help
//
// The composition is in train.cpp: sessions become views, views become environments, environments become a VectorEnv whose
// sampler is the strategy, Ppo or A2c learns on it, and a callback judges the policy on views that are never trained on.
#include "commands.hpp"
#include "common/run_main.hpp"

#include <optional>

namespace {

int run(const app::Options& o) {
  switch (o.command) {
    case app::Command::import:
      return app::import(o);
    case app::Command::generate:
      return app::generate(o);
    case app::Command::train:
      return app::train(o);
    case app::Command::frontier:
      return app::frontier(o);
    case app::Command::evaluate:
      return app::evaluate(o);
    case app::Command::inspect:
      return app::inspect(o);
  }
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  return app::run_main("kalshi_market_agnostic", [&] {
    const std::optional<app::Options> options = app::parse_options(argc, argv);
    if (!options) return 0;
    if (options->command == app::Command::train || options->command == app::Command::frontier) app::listen_to_interrupts();
    return run(*options);
  });
}
