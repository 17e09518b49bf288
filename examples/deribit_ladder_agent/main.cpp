// SPDX-License-Identifier: MIT
// Ladders of short calls on Deribit's testnet or on paper: run, replay, export-dataset, report, verify, train.
//
//   sh examples/run.sh deribit_ladder_agent --help
//
// The composition is in run.cpp (a venue, a log, a kill switch and policies become a LadderAgent, ticks follow each other) and
// in train.cpp (a series of chains becomes a tape, tapes become environments, PPO learns on them).
#include "commands.hpp"
#include "common/run_main.hpp"

#include <rlx/options/error.hpp>

#include <optional>

namespace {

int dispatch(const app::Options& o) {
  switch (o.command) {
    case app::Command::run:
      return app::run(o);
    case app::Command::replay:
      return app::replay(o);
    case app::Command::export_dataset:
      return app::export_dataset(o);
    case app::Command::report:
      return app::report(o);
    case app::Command::verify:
      return app::verify(o);
    case app::Command::train:
      return app::train(o);
  }
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  using app::Failure;
  // Codes 2 to 6 tell a supervisor what stopped the agent; whatever a later try might cure is 1.
  return app::run_main(
      "deribit_ladder_agent",
      [&] {
        const std::optional<app::Options> options = app::parse_options(argc, argv);
        if (!options) return 0;
        if (options->command == app::Command::run || options->command == app::Command::train) app::listen_to_interrupts();
        return dispatch(*options);
      },
      Failure<app::UsageError>{2, "usage"}, Failure<rlx::ConfigError>{2, "settings"},
      Failure<rlx::options::KillSwitchError>{3, "kill switch"}, Failure<rlx::options::AttestationError>{4, "attestation"},
      Failure<rlx::options::SafetyError>{4, "safety"}, Failure<rlx::options::ReconciliationError>{5, "reconciliation"},
      Failure<rlx::options::LogError>{6, "log"}, Failure<rlx::VenueError>{1, "venue"}, Failure<rlx::DataError>{1, "data"},
      Failure<rlx::IoError>{1, "file"}, Failure<rlx::Error>{1, "error"}, Failure<std::system_error>{1, "file"});
}
