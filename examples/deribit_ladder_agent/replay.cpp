// SPDX-License-Identifier: MIT
#include <rlx/options/replay.hpp>

#include "commands.hpp"
#include "market.hpp"
#include "report.hpp"
#include "session.hpp"

#include <rlx/io/append_file.hpp>

#include <fmt/format.h>

namespace app {

int replay(const Options& o) {
  Agent agent = load_agent(o);
  const opt::Settings& settings = agent.settings;
  const Market market = load_market(o, settings, {.snapshots = o.snapshots});
  if (!o.quiet) {
    fmt::print("{}\n{}\n", describe(market),
               settings.is_training_on_testnet() ? "training ladder" : "production rules (TRAINING_MODE=on trains)");
  }
  rlx::io::PosixFiles files;
  opt::ReplayReport done = std::visit(
      [&](const auto& chain) {
        opt::ReplayConfig config;
        for (const std::string& underlying : settings.underlyings)
          config.indices[underlying] = earlier_index(chain, underlying);
        return opt::replay(chain, settings, opt::LadderPolicies<ProductionPolicy>{agent.profiles, {}, production_policy(agent)},
                           settings.log_dir, files, std::move(config));
      },
      market);
  if (!o.quiet) {
    fmt::print("{} ticks, {} ladders of {} legs, {} filled, {} denied, {} ticks without a state; log {}\n\n", done.ticks,
               done.ladders, done.legs, done.filled, done.denied, done.errors, settings.log_dir);
  }
  const std::vector<opt::TrainingExample> examples = opt::training_examples(opt::LogReader(settings.log_dir));
  write_dataset(settings.log_dir + "/dataset.csv", examples, opt::ExportFormat::csv);
  write_report(settings.log_dir, examples, settings.log_dir + "/report.json", settings.log_dir + "/report.html");
  if (done.stop == opt::StopCause::none) return 0;
  fmt::print(stderr, "deribit_ladder_agent: stopped: {}\n", done.stop_reason);
  return static_cast<int>(done.stop);
}

}  // namespace app
