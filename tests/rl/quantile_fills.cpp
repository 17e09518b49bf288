// SPDX-License-Identifier: MIT
// Whether a quantile critic tells more about a fill's P&L than constant quantiles do, and a report that says so if it does not.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/io/iso8601.hpp>
#include <rlx/nn/adam.hpp>
#include <rlx/nn/graph.hpp>
#include <rlx/nn/graph_builder.hpp>
#include <rlx/nn/initialization.hpp>
#include <rlx/risk/quantile_forecast.hpp>
#include <rlx/rl/quantile_critic.hpp>

#include "risk/real_data.hpp"
#include "rlx_catch.hpp"

using namespace rlx_test;

namespace {

constexpr std::size_t K = 8, features = 4;

/// Rows in time order: what was known before the fill, and its P&L as a share of the cost of what was sold.
struct Fills {
  std::vector<float> known;  // [n][features]
  std::vector<float> outcome;
  std::size_t with_forecast = 0;
  std::size_t size() const { return outcome.size(); }
  Fills part(std::size_t begin, std::size_t end) const {
    Fills some;
    some.known.assign(known.begin() + static_cast<std::ptrdiff_t>(begin * features),
                      known.begin() + static_cast<std::ptrdiff_t>(end * features));
    some.outcome.assign(outcome.begin() + static_cast<std::ptrdiff_t>(begin),
                        outcome.begin() + static_cast<std::ptrdiff_t>(end));
    return some;
  }
};

/// Mean pinball loss at the levels (i - 0.5) / K.
double pinball(std::span<const float> quantiles, float outcome) {
  std::vector<float> unused(K);
  return rlx::quantile_huber<float>(quantiles, std::span<const float>(&outcome, 1), 0.0F, rlx::Reduction::mean, unused);
}

struct Skill {
  double critic = 0.0, constant = 0.0;
  std::string report() const {
    return "pinball loss on held-out fills: critic " + std::to_string(critic) + ", constant quantiles " +
           std::to_string(constant) + (critic <= constant ? "" : ": no skill");
  }
};

/// Trains on the first fills and compares on the later ones.
Skill train_and_compare(const Fills& all, std::size_t training) {
  const Fills train = all.part(0, training), held_out = all.part(training, all.size());
  rlx::nn::GraphBuilder builder;
  const auto x = builder.input(features);
  builder.output("value", x.linear(8).tanh().linear(K, {.gain = 1.0}));
  const rlx::nn::GraphSpec spec = builder.spec();
  rlx::nn::ParameterStore<float> store;
  const auto graph = rlx::nn::Graph<float>::build(spec, store);
  rlx::nn::initialize(store, spec, rlx::nn::Initialization::orthogonal, 1);
  auto workspace = graph.make_workspace(all.size());
  rlx::nn::Adam adam(store);

  // One terminated step each: every target is the outcome, in units of the training outcomes' spread.
  double squares = 0;
  for (const float y : train.outcome)
    squares += static_cast<double>(y) * static_cast<double>(y) / static_cast<double>(train.size());
  const auto unit = static_cast<float>(std::sqrt(squares));
  std::vector<float> rewards(train.outcome), targets(training * K);
  for (float& y : rewards) y /= unit;
  const std::vector<std::uint8_t> ended(training, 1), not_cut(training, 0);
  const rlx::QuantileCritic critic({.atoms = K});
  rlx::RolloutView view;
  view.n_steps = training;
  view.num_envs = 1;
  view.rewards = view.scaled_rewards = rewards;
  view.terminated = ended;
  view.truncated = not_cut;
  graph.forward(std::as_const(store).parameters(), {train.known.data(), training, features}, workspace);
  view.critic_outputs = std::as_const(workspace).output("value");
  critic.prepare(view, targets);
  for (int step = 0; step < 1'500; ++step) {
    graph.forward(std::as_const(store).parameters(), {train.known.data(), training, features}, workspace);
    const rlx::MatrixView<float> d = workspace.output_gradient("value");
    std::fill_n(d.data(), training * K, 0.0F);
    const rlx::MatrixView<const float> outputs = std::as_const(workspace).output("value");
    critic.loss(rlx::CriticBatch{outputs, outputs, {targets.data(), training, K}, training, {}, {}}, {d.data(), training * K});
    std::fill(store.gradients().begin(), store.gradients().end(), 0.0F);
    graph.backward(std::as_const(store).parameters(), store.gradients(), workspace);
    adam.step(store, 5e-3 * (1.0 - step / 1'500.0));
  }

  std::vector<float> sorted(train.outcome), constant(K), atoms(K);
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < K; ++i) {
    const auto rank = static_cast<std::size_t>(std::ceil((static_cast<double>(i) + 0.5) / K * static_cast<double>(training)));
    constant[i] = sorted[rank - 1];
  }
  graph.forward(std::as_const(store).parameters(), {held_out.known.data(), held_out.size(), features}, workspace);
  Skill skill;
  for (std::size_t i = 0; i < held_out.size(); ++i) {
    critic.atoms(std::as_const(workspace).output("value").row(i), atoms);
    for (float& theta : atoms) theta *= unit;
    skill.critic += pinball(atoms, held_out.outcome[i]) / static_cast<double>(held_out.size());
    skill.constant += pinball(constant, held_out.outcome[i]) / static_cast<double>(held_out.size());
  }
  return skill;
}

/// The last forecast of a symbol that was issued before a time: p10, p50, p90 of the next hour.
std::optional<rlx::risk::QuantileForecast> forecast_before(const std::vector<std::vector<std::string>>& rows,
                                                           std::int64_t time) {
  std::optional<rlx::risk::QuantileForecast> latest;
  for (const auto& row : rows) {
    if (rlx::io::parse_time_ms(row[0]) >= time) break;
    const std::vector<double> levels{0.1, 0.5, 0.9}, q{std::stod(row[2]), std::stod(row[3]), std::stod(row[4])};
    latest.emplace(levels, q);
  }
  return latest;
}

Fills read_fills() {
  Fills fills;
  const std::vector<std::string> forecast_symbols{"DBX", "GOOG", "META", "MSFT", "NET", "NVDA", "NYT", "PLTR", "TRIP", "YELP"};
  for (const auto& row : real_rows("alpaca_fills_2024.csv")) {
    // 0: symbol, 4: timestamp, 7: realized P&L, 8: cost of what was sold. P&L 0 marks openings and positions that were carried
    // in, whose gain is unknown.
    const double pnl = std::stod(row[7]), cost = std::stod(row[8]);
    if (pnl == 0.0 || cost <= 0.0) continue;
    const bool crypto = row[0].find('/') != std::string::npos;
    std::optional<rlx::risk::QuantileForecast> forecast;
    if (std::find(forecast_symbols.begin(), forecast_symbols.end(), row[0]) != forecast_symbols.end())
      forecast =
          forecast_before(real_rows("chronos_hourly_quantile_forecasts/" + row[0] + ".csv"), rlx::io::parse_time_ms(row[4]));
    const double middle = forecast ? forecast->quantile(0.5) : 1.0;
    const double width = forecast ? (forecast->quantile(0.9) - forecast->quantile(0.1)) / middle : 0.0;
    fills.with_forecast += forecast ? 1U : 0U;
    for (const double x : {crypto ? 1.0 : 0.0, std::log10(cost) - 2.0, forecast ? 1.0 : 0.0, 100.0 * width})
      fills.known.push_back(static_cast<float>(x));
    fills.outcome.push_back(static_cast<float>(pnl / cost));
  }
  return fills;
}

}  // namespace

TEST_CASE("The skill of a quantile critic is found where there is some, and denied where there is none",
          "[rl][quantile_critic]") {
  // Outcomes N(0, 0.02) whose mean a feature gives away, or not.
  const auto compare = [](double signal) {
    rlx::RandomStream random({8, rlx::Purpose::user});
    Fills fills;
    for (int i = 0; i < 200; ++i) {
      const double x = random.normal();
      for (const double known : {x, 0.0, 1.0, random.normal()}) fills.known.push_back(static_cast<float>(known));
      fills.outcome.push_back(static_cast<float>(0.02 * (signal * x + random.normal())));
    }
    return train_and_compare(fills, 100);
  };
  const Skill skilled = compare(2.0);
  INFO(skilled.report());
  REQUIRE(skilled.critic < 0.7 * skilled.constant);
  REQUIRE(skilled.report().find("no skill") == std::string::npos);
  const Skill none = compare(0.0);
  INFO(none.report());
  REQUIRE(none.critic > none.constant);  // what it learnt of noise does not hold
  REQUIRE_THAT(none.report(), ContainsSubstring(": no skill"));
}

TEST_CASE("Fills of 2024: the critic is no worse than constant quantiles, or says so", "[rl][quantile_critic]") {
  const Fills fills = read_fills();
  if (fills.size() == 0) return;  // the message stands above
  REQUIRE(fills.size() == 30);
  const Skill skill = train_and_compare(fills, 20);  // the ten later fills are held out
  WARN(skill.report() << " (" << fills.with_forecast << " of " << fills.size() << " fills have a forecast issued before them)");
  const bool says_no_skill = skill.report().find("no skill") != std::string::npos;
  REQUIRE((skill.critic <= skill.constant) != says_no_skill);
  // The stored forecasts are of a later year, so none may be used: it would look ahead.
  REQUIRE(fills.with_forecast == 0);
}
