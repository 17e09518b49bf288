// SPDX-License-Identifier: MIT
#include "sweep.hpp"

#include "usage_error.hpp"

#include <rlx/io/atomic_file.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <filesystem>
#include <system_error>

namespace app {

void add_sweep_flags(CLI::App& command, SweepOptions& o) {
  const char* group = "Sweep";
  command.add_option("--cvar-weights", o.weights, "weights of the tail, 0 first, ascending; one training each")
      ->delimiter(',')
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->capture_default_str()
      ->group(group);
  command.add_option("--cvar-alpha", o.alpha, "share of the outcomes that is the tail")
      ->check(CLI::Range(0.001, 1.0))
      ->capture_default_str()
      ->group(group);
  command.add_option("--objective", o.objective, "whose outcomes the tail is of in training")
      ->check(CLI::IsMember({"step", "episode"}))
      ->capture_default_str()
      ->group(group);
  command.add_option("--sweep-seeds", o.seeds, "trainings of each weight, with seeds from --seed on")
      ->check(CLI::Range(1, 1'000))
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--min-mean-fraction", o.min_mean_fraction, "share of the mean at weight 0 that the chosen weight must keep")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str()
      ->group(group);
  command.add_option("--output", o.output, "folder of frontier.svg and frontier.txt")->capture_default_str()->group(group);
}

rlx::CvarSweep sweep_of(const SweepOptions& o, std::uint64_t seed, std::size_t replicates) {
  rlx::CvarSweep sweep;
  sweep.weights = o.weights;
  sweep.alphas = {o.alpha};
  sweep.seeds.clear();
  for (std::uint64_t s = 0; s < o.seeds; ++s) sweep.seeds.push_back(seed + s);
  sweep.min_mean_fraction = o.min_mean_fraction;
  sweep.bootstrap = {.replicates = replicates, .seed = seed};
  try {
    rlx::detail::check(sweep);
  } catch (const rlx::ConfigError& error) {
    throw UsageError(fmt::format("--cvar-weights: {}", error.what()));
  }
  return sweep;
}

void prepare_frontier(const SweepOptions& o) {
  std::error_code failed;
  std::filesystem::create_directories(o.output, failed);
  if (failed) throw rlx::IoError(fmt::format("--output {}: {}", o.output, failed.message()));
  rlx::io::require_writable(o.output + "/frontier.svg");
}

void write_frontier(const SweepOptions& o, const rlx::Frontier& frontier, const rlx::FrontierText& text) {
  const std::string table = rlx::frontier_table(frontier, text).to_string();
  rlx::io::write_file_atomically(o.output + "/frontier.txt", table);
  rlx::io::write_file_atomically(o.output + "/frontier.svg", rlx::frontier_svg(frontier, o.alpha, text));
  const rlx::FrontierPoint& chosen = frontier.chosen(o.alpha);
  const rlx::FrontierPoint& mean = frontier.points.front();
  fmt::print(
      "\n{}\npicture: {}/frontier.svg\nchosen: cvar_weight {}; against weight 0 the mean changes by {:+.{}f}, CVaR by "
      "{:+.{}f}\n",
      table, o.output, chosen.weight, chosen.mean.estimate - mean.mean.estimate, text.decimals,
      chosen.cvar.estimate - mean.cvar.estimate, text.decimals);
}

void WarningsToStderr::warning(std::string_view text) { fmt::print(stderr, "warning: {}\n", text); }

}  // namespace app
