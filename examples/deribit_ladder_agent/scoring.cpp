// SPDX-License-Identifier: MIT
#include "scoring.hpp"

#include <rlx/io/number_text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <numeric>

namespace app {
namespace {

using rlx::io::fixed;
using rlx::io::signed_fixed;

double sum(std::span<const double> values) { return std::accumulate(values.begin(), values.end(), 0.0); }

rlx::risk::BootstrapConfig weeks(const Played& played) {
  const auto steps = static_cast<double>(played.rewards.size());
  const auto week = static_cast<std::size_t>(7.0 * steps / played.days);
  return {.block = std::clamp<std::size_t>(week, 1, played.rewards.size()), .seed = 1};
}

std::string interval_text(const rlx::risk::Interval& interval) {
  return fmt::format("[{}, {}]", signed_fixed(interval.low, 3), signed_fixed(interval.high, 3));
}

/// The fixed policy with the highest sum; its place.
std::size_t best_fixed(std::span<const Played> rows) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < rows.size(); ++i)
    if (rows[i].policy.starts_with("always") && (best == 0 || sum(rows[i].rewards) > sum(rows[best].rewards))) best = i;
  return best;
}

}  // namespace

double Range::days() const {
  double total = 0.0;
  for (const auto& tape : tapes.front()) total += static_cast<double>((*tape)[tape->size() - 1].ts_ms - (*tape)[0].ts_ms);
  return total / 86'400'000.0;
}

double Played::drawdown() const {
  double value = 0.0, peak = 0.0, deepest = 0.0;
  for (const double reward : rewards) {
    value += reward;
    peak = std::max(peak, value);
    deepest = std::max(deepest, peak - value);
  }
  return deepest;
}

void FixedProfiles::act(std::span<const float>, std::span<const std::uint8_t> mask, std::span<std::int32_t> action, Workspace&,
                        rlx::ActOptions) const {
  action[0] = 0;
  for (std::uint32_t a = 1; a < mask.size(); ++a) {
    if (mask[a] == 0 || (a & ~wanted) != 0) continue;
    if (std::popcount(a) > std::popcount(static_cast<std::uint32_t>(action[0]))) action[0] = static_cast<std::int32_t>(a);
  }
}

void RandomProfiles::act(std::span<const float>, std::span<const std::uint8_t> mask, std::span<std::int32_t> action, Workspace&,
                         rlx::ActOptions options) const {
  const auto allowed = static_cast<std::uint64_t>(std::count(mask.begin(), mask.end(), std::uint8_t{1}));
  std::uint64_t left = options.random->bounded(allowed);
  for (std::size_t a = 0; a < mask.size(); ++a) {
    if (mask[a] == 0) continue;
    action[0] = static_cast<std::int32_t>(a);
    if (left-- == 0) return;
  }
}

void count_legs(const opt::LadderEnv& env, std::size_t action, Played& played) {
  played.legs.resize(env.profiles().size());
  std::size_t profile = 0;
  for (const opt::ProfilePicks& picks : env.proposals(action)) {
    while ((action >> profile & 1) == 0) ++profile;
    played.legs[profile++] += picks.candidates.size();
  }
}

void count_episode(const opt::LadderEnv& env, Played& played) {
  const opt::LadderEpisodeInfo& info = env.info();
  const double coverage = env.config().coverage.to_double();
  played.settled += static_cast<double>(info.legs_settled);
  played.won += static_cast<double>(info.legs_won);
  played.worst_leg = std::min(played.worst_leg, info.worst_leg / coverage);
  played.premium += info.premiums.to_double() / coverage;
  played.fees += (info.fees + info.delivery_fees).to_double() / coverage;
}

rlx::risk::Interval monthly_percent(const Played& played) {
  const std::span<const double> series(played.rewards);
  return rlx::risk::block_bootstrap(
      std::span(&series, 1), [&](std::span<const double> sums) { return 3'000.0 * sums[0] / played.days; }, weeks(played));
}

rlx::risk::Interval monthly_difference(const Played& a, const Played& b) {
  const std::span<const double> series[] = {a.rewards, b.rewards};
  return rlx::risk::block_bootstrap(
      std::span<const std::span<const double>>(series),
      [&](std::span<const double> sums) { return 3'000.0 * (sums[0] - sums[1]) / a.days; }, weeks(a));
}

rlx::io::TextTable policy_table(std::span<const Played> rows, std::span<const opt::TrainingProfileSet> profiles) {
  std::vector<std::string> headers{"policy",        "% per 30 d", "95 % interval", "agent less it",
                                   "95 % interval", "max DD %",   "legs"};
  for (const opt::TrainingProfileSet& profile : profiles) headers.push_back(profile.name);
  for (const char* name : {"win %", "worst leg %", "premium %", "fees %"}) headers.emplace_back(name);
  rlx::io::TextTable table(std::move(headers));
  for (const Played& row : rows) {
    const auto own = monthly_percent(row), difference = monthly_difference(rows.front(), row);
    const bool is_agent = &row == &rows.front();
    std::vector<std::string> cells{row.policy,
                                   signed_fixed(own.estimate, 3),
                                   interval_text(own),
                                   is_agent ? "" : signed_fixed(difference.estimate, 3),
                                   is_agent ? "" : interval_text(difference),
                                   fixed(100.0 * row.drawdown(), 2),
                                   std::to_string(std::accumulate(row.legs.begin(), row.legs.end(), std::size_t{0}))};
    for (const std::size_t legs : row.legs) cells.push_back(std::to_string(legs));
    cells.push_back(row.settled > 0.0 ? fixed(100.0 * row.won / row.settled, 1) : "-");
    cells.push_back(fixed(100.0 * row.worst_leg, 2));
    cells.push_back(fixed(100.0 * row.premium, 2));
    cells.push_back(fixed(100.0 * row.fees, 2));
    table.row(std::move(cells));
  }
  return table;
}

nlohmann::ordered_json to_json(std::span<const Played> rows, std::span<const opt::TrainingProfileSet> profiles) {
  const auto interval = [](const rlx::risk::Interval& i) {
    return nlohmann::ordered_json{{"estimate", i.estimate}, {"low", i.low}, {"high", i.high}};
  };
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const Played& row : rows) {
    nlohmann::ordered_json legs;
    for (std::size_t p = 0; p < profiles.size(); ++p) legs[profiles[p].name] = row.legs[p];
    json.push_back({{"policy", row.policy},
                    {"percent_per_30_days", interval(monthly_percent(row))},
                    {"agent_less_it", interval(monthly_difference(rows.front(), row))},
                    {"max_drawdown_percent", 100.0 * row.drawdown()},
                    {"legs", std::move(legs)},
                    {"settled", row.settled},
                    {"win_rate", row.settled > 0.0 ? nlohmann::ordered_json(row.won / row.settled) : nlohmann::ordered_json()},
                    {"worst_leg_percent", 100.0 * row.worst_leg},
                    {"premium_percent", 100.0 * row.premium},
                    {"fees_percent", 100.0 * row.fees}});
  }
  return json;
}

std::string verdict(std::span<const Played> rows) {
  const auto word = [](const rlx::risk::Interval& i) {
    return i.low > 0.0 ? "better" : i.high < 0.0 ? "worse" : "not distinguishable";
  };
  const std::size_t best = best_fixed(rows);
  return fmt::format("agent against doing nothing: {}; against {}, the best fixed choice: {} (95 %, {:.0f} days)",
                     word(monthly_percent(rows.front())), rows[best].policy, word(monthly_difference(rows.front(), rows[best])),
                     rows.front().days);
}

}  // namespace app
