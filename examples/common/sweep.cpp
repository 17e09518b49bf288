// SPDX-License-Identifier: MIT
#include "sweep.hpp"

#include "usage_error.hpp"

#include <rlx/core/finite.hpp>
#include <rlx/io/atomic_file.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

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
  command.add_option("--output", o.output, "folder of frontier.svg, .txt and .json")->capture_default_str()->group(group);
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

namespace {

/// What the intervals are of.
std::string intervals_text(const rlx::Frontier& frontier) {
  const double percent = 100 * frontier.confidence;
  if (frontier.seeds == 1)
    return fmt::format(
        "{} % intervals: bootstrap over the held-out episodes; one training each, whose own chance is not in them", percent);
  return fmt::format("{} seeds: {}; {} % intervals: bootstrap over seeds and held-out episodes", frontier.seeds,
                     frontier.seeds < 4 ? "mean" : "interquartile mean", percent);
}

nlohmann::json to_json(const rlx::risk::Interval& interval) {
  if (!rlx::is_finite(interval.estimate)) return nullptr;
  return {{"estimate", interval.estimate}, {"low", interval.low}, {"high", interval.high}};
}

nlohmann::json to_json(const SweepOptions& o, const rlx::Frontier& frontier, const rlx::FrontierText& text) {
  nlohmann::json json = {{"title", text.title},
                         {"unit", text.unit},
                         {"objective", o.objective},
                         {"seeds", frontier.seeds},
                         {"confidence", frontier.confidence},
                         {"intervals", intervals_text(frontier)},
                         {"points", nlohmann::json::array()}};
  for (const rlx::FrontierPoint& point : frontier.points) {
    json["points"].push_back({{"alpha", point.alpha},
                              {"cvar_weight", point.weight},
                              {"mean", to_json(point.mean)},
                              {"cvar", to_json(point.cvar)},
                              {"max_drawdown", to_json(point.max_drawdown)},
                              {"tail_hit_rate", to_json(point.tail_hit_rate)},
                              {"mean_of_seeds", point.means},
                              {"cvar_of_seeds", point.cvars},
                              {"enough_mean", point.enough_mean},
                              {"chosen", point.chosen}});
  }
  return json;
}

}  // namespace

void write_frontier(const SweepOptions& o, const rlx::Frontier& frontier, const rlx::FrontierText& text) {
  const std::string table = rlx::frontier_table(frontier, text).to_string();
  rlx::io::write_file_atomically(o.output + "/frontier.txt", table);
  rlx::io::write_file_atomically(o.output + "/frontier.svg", rlx::frontier_svg(frontier, o.alpha, text));
  rlx::io::write_file_atomically(o.output + "/frontier.json", to_json(o, frontier, text).dump(2) + '\n');
  const rlx::FrontierPoint& chosen = frontier.chosen(o.alpha);
  const rlx::FrontierPoint& mean = frontier.points.front();
  fmt::print(
      "\n{}{}\npicture: {}/frontier.svg\nchosen: cvar_weight {}; against weight 0 the mean changes by {:+.{}f}, CVaR by "
      "{:+.{}f}\n",
      table, intervals_text(frontier), o.output, chosen.weight, chosen.mean.estimate - mean.mean.estimate, text.decimals,
      chosen.cvar.estimate - mean.cvar.estimate, text.decimals);
}

void WarningsToStderr::warning(std::string_view text) { fmt::print(stderr, "warning: {}\n", text); }

}  // namespace app
