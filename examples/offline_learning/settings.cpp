// SPDX-License-Identifier: MIT
#include "settings.hpp"

#include "common/usage_error.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdint>
#include <limits>

namespace app {

System System::with(const Settings& s) const {
  System x = *this;
  x.episodes = s.episodes.value_or(episodes);
  x.judged = s.judged.value_or(judged);
  x.updates = s.updates.value_or(updates);
  x.gamma = s.gamma.value_or(gamma);
  x.chance = s.chance.value_or(chance);
  x.alpha = s.alpha.value_or(alpha);
  x.beta = s.beta.value_or(beta);
  x.expectile = s.expectile.value_or(expectile);
  x.learning_rate = s.learning_rate.value_or(learning_rate);
  return x;
}

std::optional<Settings> parse_settings(int argc, char** argv) {
  Settings s;
  CLI::App command("Learns policies from logs alone and judges them", "offline_learning");
  command.failure_message(CLI::FailureMessage::simple);
  command.add_option("--system", s.system, "premium_seller, cart_pole, ladder, funding or kalshi")
      ->check(CLI::IsMember({"premium_seller", "cart_pole", "ladder", "funding", "kalshi"}))
      ->capture_default_str();
  command.add_option("--seeds", s.seeds, "logs and trainings; above 1 intervals are over seeds")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command.add_option("--seed", s.seed, "of the first")
      ->check(CLI::Range(std::int64_t{0}, std::numeric_limits<std::int64_t>::max()))
      ->capture_default_str();
  command.add_option("--market", s.market,
                     "seed of the market of the log (ladder 11, funding and kalshi 7; these are judged on the next)");
  command.add_option("--threads", s.threads, "changes no figure")->check(CLI::Range(1, 1024))->capture_default_str();
  command
      .add_option("--network", s.network,
                  "mlp: what fits the system; pointer: that of funding, blind to the order of slots and slower")
      ->check(CLI::IsMember({"mlp", "pointer"}))
      ->capture_default_str();
  command.add_option("--episodes", s.episodes, "recorded for a log")->check(CLI::Range(20, 1'000'000));
  command.add_option("--judge-episodes", s.judged, "played by each policy")->check(CLI::Range(2, 1'000'000));
  command.add_option("--updates", s.updates, "of CQL and IQL")->check(CLI::Range(1, 100'000'000));
  command.add_option("--chance", s.chance, "share of chance in the behaviour policy")->check(CLI::Range(0.0, 1.0));
  command.add_option("--gamma", s.gamma, "discount")->check(CLI::Range(0.0, 1.0));
  command.add_option("--alpha", s.alpha, "conservatism of CQL");
  command.add_option("--beta", s.beta, "sharpness of IQL");
  command.add_option("--expectile", s.expectile, "of IQL");
  command.add_option("--learning-rate", s.learning_rate, "at the beginning")->check(CLI::Range(0.0, 1.0));
  command.add_option("--save-log", s.log, "file for the first log (safetensors)");
  command.add_flag("!--no-estimates", s.estimates, "without the values estimated from the log");
  try {
    command.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", command.help());
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    throw UsageError(std::string(error.what()) + "; --help lists the flags");
  }
  if (s.market && (s.system == "premium_seller" || s.system == "cart_pole")) {
    throw UsageError("--market goes with --system ladder, funding or kalshi; leave it out");
  }
  if (s.network == "pointer" && s.system != "funding") {
    throw UsageError("--network pointer goes with --system funding only; leave it out");
  }
  return s;
}

}  // namespace app
