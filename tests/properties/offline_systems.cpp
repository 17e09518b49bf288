// SPDX-License-Identifier: MIT
/// @file
/// @brief Episodes of the option ladder, the funding and the Kalshi environment as logs: played again from the log they give
/// the same rows; masks, propensities, strategies, market times and risk are those of the decision.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/funding/environment.hpp>
#include <rlx/funding/synthetic_tape.hpp>
#include <rlx/kalshi/environment.hpp>
#include <rlx/kalshi/synthetic_session.hpp>
#include <rlx/options/ladder_env.hpp>
#include <rlx/options/synthetic_chain.hpp>
#include <rlx/rl/offline/ope.hpp>
#include <rlx/rl/offline/record_episodes.hpp>

#include "rlx_catch.hpp"

namespace {

constexpr std::uint64_t seed = 5;

/// Plays the logged actions again and compares everything that the environment shows.
template <class E>
void require_replay(E& env, const rlx::OfflineDataset& data) {
  const std::size_t d = data.observation_size(), a = data.action_count();
  std::vector<float> row(d);
  std::vector<std::uint8_t> mask(a);
  const auto same = [](std::span<const float> x, std::span<const float> y) {
    return std::equal(x.begin(), x.end(), y.begin());
  };
  for (std::size_t e = 0; e < data.episodes().size(); ++e) {
    if constexpr (rlx::SourcedEnvironment<E>) env.set_source(e % env.num_sources());
    env.reset(rlx::RandomStream({seed, rlx::Purpose::evaluation_reset, 0, e}).next_u64(), row);
    for (std::size_t i = data.episodes()[e].begin; i < data.episodes()[e].end; ++i) {
      env.action_masks(mask);
      const auto logged = data.mask(i);
      REQUIRE(std::equal(mask.begin(), mask.end(), logged.begin()));
      REQUIRE(same(row, data.observation(i)));
      const std::int32_t action = data.action(i);
      const rlx::Transition t = env.step(std::span(&action, 1), row);
      REQUIRE(t.reward == data.reward(i));
      REQUIRE(t.terminated == data.terminated(i));
      REQUIRE(t.truncated == data.truncated(i));
      REQUIRE(same(row, data.next_observation(i)));
    }
  }
}

/// What holds for a log of UniformPolicy.
template <class E>
void require_log(E& env, const rlx::OfflineDataset& data, std::size_t least_tags) {
  require_replay(env, data);
  std::vector<std::size_t> tags(data.info().tags.size(), 0);
  std::size_t masked = 0;
  for (std::size_t i = 0; i < data.size(); ++i) {
    const auto mask = data.mask(i);
    const auto valid =
        static_cast<double>(std::count_if(mask.begin(), mask.end(), [](std::uint8_t byte) { return byte != 0; }));
    REQUIRE(data.propensity(i) == 1 / valid);
    masked += valid < static_cast<double>(mask.size()) ? 1 : 0;
    ++tags[static_cast<std::size_t>(data.columns().tag[i])];
  }
  REQUIRE(masked > 0);
  REQUIRE(tags.size() >= least_tags);
  for (const std::size_t rows : tags) REQUIRE(rows > 0);

  rlx::OpeConfig config;
  config.methods = {rlx::OpeMethod::wis};
  config.intervals = false;
  const rlx::OpeResult self = rlx::evaluate_off_policy(data, rlx::UniformPolicy{}, config);
  double sum = 0;
  for (std::size_t e = 0; e < data.episodes().size(); ++e) sum += data.episode_return(e, data.gamma());
  REQUIRE(self[rlx::OpeMethod::wis].value.estimate == sum / static_cast<double>(data.episodes().size()));
}

template <class E>
rlx::RecordOptions<E> options_of(std::size_t episodes) {
  rlx::RecordOptions<E> options;
  options.episodes = episodes;
  options.seed = seed;
  return options;
}

}  // namespace

TEST_CASE("offline logs: the option ladder, its strategies are the profiles that sell", "[properties][offline]") {
  using Env = rlx::options::LadderEnv;
  const rlx::options::SyntheticChain chain({.seed = 11, .snapshots = 120});
  Env env(std::make_shared<const rlx::options::LadderTape>(chain, rlx::options::LadderTapeConfig{}), {.episode_ticks = 28});
  auto options = options_of<Env>(12);
  options.currency = "BTC";
  options.tag = [](const Env& e, std::int32_t action) { return e.action_names()[static_cast<std::size_t>(action)]; };
  options.time_ns = [](const Env& e) { return e.info().ts_ms * 1'000'000; };
  options.pnl = [](const Env& e, const rlx::Transition& t) { return t.reward * e.config().coverage.to_double(); };
  const rlx::OfflineDataset data = rlx::record_episodes(env, rlx::UniformPolicy{}, options);
  require_log(env, data, 4);  // none and at least three of the subsets
  REQUIRE(data.info().currency == "BTC");
  REQUIRE(data.columns().ts[1] - data.columns().ts[0] == 6 * 3'600'000'000'000);
  const rlx::OfflineDataset sold = data.filter({"moderate"});
  for (std::size_t i = 0; i < sold.size(); ++i) REQUIRE(sold.action(i) == 2);  // bit 1
}

TEST_CASE("offline logs: funding arbitrage, with drawdown and utilisation before each decision", "[properties][offline]") {
  using Env = rlx::funding::FundingArbitrageEnv;
  rlx::funding::EnvironmentConfig config;
  config.window_begin = 72;
  config.episode_steps = 40;
  Env env(rlx::funding::make_synthetic_tape({.preset = rlx::funding::SyntheticPreset::calibrated, .seed = 7, .days = 12}).tape,
          config);
  auto options = options_of<Env>(10);
  options.currency = "USD";
  options.tag = [](const Env&, std::int32_t action) -> std::string {
    const auto kind = rlx::funding::decode(action).kind;
    return kind == rlx::funding::ActionKind::enter ? "enter" : kind == rlx::funding::ActionKind::exit ? "exit" : "hold";
  };
  options.time_ns = [](const Env& e) { return e.info().time_ms * 1'000'000; };
  options.risk_names = {"drawdown", "utilisation"};
  options.risk = [](const Env& e, std::span<float> out) {
    out[0] = static_cast<float>(e.info().drawdown);
    out[1] = static_cast<float>(e.info().margin_utilization);
  };
  const rlx::OfflineDataset data = rlx::record_episodes(env, rlx::UniformPolicy{}, options);
  require_log(env, data, 3);
  bool falls = false;
  for (const auto& episode : data.episodes()) {
    REQUIRE(data.columns().risk[2 * episode.begin] == 0.0F);  // nothing lost before the first decision
    for (std::size_t i = episode.begin; i < episode.end; ++i) falls = falls || data.columns().risk[2 * i] > 0;
  }
  REQUIRE(falls);
}

TEST_CASE("offline logs: Kalshi markets, one source after another", "[properties][offline]") {
  using Env = rlx::kalshi::MarketAgnosticKalshiEnv;
  rlx::kalshi::SyntheticConfig config;
  config.groups = 80;
  std::vector<rlx::kalshi::MarketSessionView> views;
  for (const std::size_t day : {0u, 1u}) {
    rlx::kalshi::append_views(rlx::kalshi::generate_session(config, 7, day).session, rlx::kalshi::all_views(), views);
  }
  const std::size_t episodes = views.size();
  Env env(std::make_shared<const rlx::kalshi::ViewSet>(std::move(views)));
  auto options = options_of<Env>(episodes);
  options.currency = "USD";
  options.tag = [](const Env& e, std::int32_t action) {
    const std::string& name = e.action_names()[static_cast<std::size_t>(action)];
    return name.substr(0, name.find('_'));  // HOLD, BUY, SELL
  };
  options.time_ns = [](const Env& e) { return e.info().time_us * 1'000; };
  const rlx::OfflineDataset data = rlx::record_episodes(env, rlx::UniformPolicy{}, options);
  require_log(env, data, 3);
  const auto [early, late] = data.split_chronological(0.5, 0);
  const auto& early_ts = early.columns().ts;
  REQUIRE(*std::max_element(early_ts.begin(), early_ts.end()) < late.columns().ts[late.episodes()[0].begin]);
}
