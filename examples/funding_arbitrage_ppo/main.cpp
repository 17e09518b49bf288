// SPDX-License-Identifier: MIT
// Funding-rate arbitrage with PPO: train, frontier, evaluate, infer, generate-data, validate-data.
//
//   sh examples/run.sh funding_arbitrage_ppo --help
//
// The composition is in train.cpp: a market tape becomes environments, environments become a VectorEnv, Ppo learns on it, a
// callback judges the policy on the validation window, and the chosen model is scored once on the test window.
#include "commands.hpp"
#include "common/run_main.hpp"

#include <optional>

namespace {

int run(const app::Options& o) {
  switch (o.command) {
    case app::Command::train:
      return app::train(o);
    case app::Command::frontier:
      return app::frontier(o);
    case app::Command::evaluate:
      return app::evaluate(o);
    case app::Command::infer:
      return app::infer(o);
    case app::Command::generate_data:
      return app::generate_data(o);
    case app::Command::validate_data:
      return app::validate_data(o);
  }
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  return app::run_main("funding_arbitrage_ppo", [&] {
    const std::optional<app::Options> options = app::parse_options(argc, argv);
    if (!options) return 0;
    if (options->command == app::Command::train || options->command == app::Command::frontier) app::listen_to_interrupts();
    return run(*options);
  });
}
