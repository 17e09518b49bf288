// SPDX-License-Identifier: MIT
#include <rlx/rl/episode_cvar.hpp>

#include "rlx_catch.hpp"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/random.hpp>
#include <rlx/risk/quantile_forecast.hpp>
#include <rlx/risk/tail.hpp>
#include <rlx/rl/logger.hpp>

#include "counting_allocator.hpp"
#include "rl/rollout_of.hpp"

using rlx_test::ContainsSubstring;
using rlx_test::one_step_episodes;
using rlx_test::RolloutOf;
using rlx_test::WithinAbs;

namespace {

using Numbers = std::vector<float>;

/// The advantages after the term, from zeros.
Numbers term(rlx::EpisodeCvar& objective, RolloutOf rollout) {
  Numbers advantages(rollout.rewards.size(), 0.0F);
  objective.on_rollout(rollout.view(), advantages);
  return advantages;
}

struct Warnings final : rlx::LogOutput {
  std::vector<std::string>* texts;
  explicit Warnings(std::vector<std::string>& to) : texts(&to) {}
  void write(const rlx::LogRow&) override {}
  void warning(std::string_view text) override { texts->emplace_back(text); }
};

std::vector<std::byte> state_of(const rlx::EpisodeCvar& objective) {
  std::vector<std::byte> bytes;
  rlx::StateWriter writer(bytes);
  objective.save_state(writer);
  return bytes;
}

}  // namespace

TEST_CASE("EpisodeCvar: the worked example of four returns", "[rl][risk]") {
  // (-3, 1, 2, 4), alpha 0.5: nu = 1, C = (-3 + 1) / 2 = -1; (nu - C) - (nu - G)+ / alpha = 2 - (4, 0, 0, 0) / 0.5
  rlx::EpisodeCvar objective({.tail = {0.5}, .cvar_weight = 3.0});
  REQUIRE(term(objective, one_step_episodes({-3, 1, 2, 4})) == Numbers{-18, 6, 6, 6});
  REQUIRE(objective.report().var == -1.0);
  REQUIRE(objective.report().cvar == 1.0);
  REQUIRE(objective.report().tail_episodes == 2.0);
  REQUIRE(objective.report().uncredited_fraction == 0.0);
  REQUIRE(objective.report().weight == 3.0);

  SECTION("in units of scaled rewards, on top of what is there") {
    rlx::EpisodeCvar scaled({.tail = {0.5}, .cvar_weight = 3.0});
    RolloutOf rollout = one_step_episodes({-3, 1, 2, 4});
    rollout.scale = 4.0;
    Numbers advantages{1, 1, 1, 1};
    scaled.on_rollout(rollout.view(), advantages);
    REQUIRE(advantages == Numbers{-3.5F, 2.5F, 2.5F, 2.5F});
  }
  SECTION("a weight of 0 changes no bit and still measures") {
    rlx::EpisodeCvar mean({.tail = {0.5}});
    Numbers advantages{0.1F, -0.0F, 3e-40F, 1};
    const Numbers before = advantages;
    RolloutOf rollout = one_step_episodes({-3, 1, 2, 4});
    mean.on_rollout(rollout.view(), advantages);
    REQUIRE(std::memcmp(advantages.data(), before.data(), sizeof(float) * 4) == 0);
    REQUIRE(mean.report().cvar == 1.0);
  }
}

TEST_CASE("EpisodeCvar: without older returns the terms of the episodes sum to zero", "[rl][risk]") {
  rlx::RandomStream random({5, rlx::Purpose::user});
  for (int round = 0; round < 200; ++round) {
    const std::size_t n = 20 + random.bounded(60);
    Numbers returns(n);
    for (float& g : returns) g = static_cast<float>(random.bounded(2) == 0 ? random.normal() : std::floor(3 * random.normal()));
    rlx::EpisodeCvar objective({.tail = {random.uniform(0.06, 1.0)}, .cvar_weight = 1.0, .max_age_updates = 0});
    const Numbers added = term(objective, one_step_episodes(returns));
    REQUIRE_THAT(std::accumulate(added.begin(), added.end(), 0.0), WithinAbs(0.0, 1e-3));
  }
}

TEST_CASE("EpisodeCvar: is the gradient of the tail mean", "[rl][risk]") {
  // A bandit: with probability p an arm that pays 1 nine times in ten and else -5, otherwise 0.2. The sample has exactly these
  // shares. Central differences of the exact CVaR in p against the mean of term times d ln(probability of the arm) / dp.
  constexpr std::size_t m = 2'000;
  for (const double alpha : {0.07, 0.1, 0.3}) {
    for (const double p : {0.2, 0.5, 0.8}) {
      CAPTURE(alpha, p);
      const auto cvar = [&](double q) {
        const std::vector<double> outcomes{1.0, -5.0, 0.2}, shares{0.9 * q, 0.1 * q, 1 - q};
        return rlx::risk::tail_weighted(outcomes, shares, {alpha}).tail_mean;
      };
      const auto count = [&](double share) { return static_cast<std::size_t>(std::lround(share * m)); };
      Numbers returns(count(0.9 * p), 1.0F);
      returns.insert(returns.end(), count(0.1 * p), -5.0F);
      const std::size_t risky = returns.size();
      returns.insert(returns.end(), m - risky, 0.2F);
      rlx::EpisodeCvar objective({.tail = {alpha}, .cvar_weight = 1.0});
      const Numbers added = term(objective, one_step_episodes(returns));
      double gradient = 0.0;
      for (std::size_t i = 0; i < m; ++i) gradient += static_cast<double>(added[i]) * (i < risky ? 1 / p : -1 / (1 - p)) / m;
      REQUIRE_THAT(gradient, WithinAbs((cvar(p + 1e-4) - cvar(p - 1e-4)) / 2e-4, 1e-4));
    }
  }
}

TEST_CASE("EpisodeCvar: whole returns, credited to the steps of this rollout", "[rl][risk]") {
  // Two environments, three steps. Environment 0: an episode that earned 10 before ends at step 1 with 10 - 13 = -3, the next
  // one does not end. Environment 1: episodes of one step each earn 1, 2, 4. So G = (-3, 1, 2, 4) again.
  rlx::EpisodeCvar objective({.tail = {0.5}, .cvar_weight = 1.0});
  RolloutOf rollout{.n_steps = 3, .num_envs = 2, .rewards = {-6, 1, -7, 2, 100, 4}, .ends = {0, 1, 2, 2, 0, 1}};
  rollout.earlier = {10, 0};
  Numbers advantages(6, 0.0F);
  objective.on_rollout(rollout.view(), advantages);
  REQUIRE(advantages == Numbers{-6, 2, -6, 2, 0, 2});
  REQUIRE_THAT(objective.report().uncredited_fraction, WithinAbs(1.0 / 6, 1e-12));
}

TEST_CASE("EpisodeCvar: older returns widen the sample, get no gradient and grow old", "[rl][risk]") {
  rlx::EpisodeCvar objective({.tail = {0.5}, .cvar_weight = 1.0, .history = 3, .max_age_updates = 2});
  term(objective, one_step_episodes({-50, -3, 1, 2}, 0));  // the newest three stay: -3, 1, 2
  // 4 with (-3, 1, 2): nu = 1, C = -1
  REQUIRE(term(objective, one_step_episodes({4}, 1)) == Numbers{2});
  // 4 with (1, 2, 4), the newest three: nu = 2, C = 1.5
  REQUIRE(term(objective, one_step_episodes({4}, 2)) == Numbers{0.5F});
  REQUIRE(objective.report().cvar == -1.5);
  // Two updates later the returns of updates 0 and 1 have gone: 6 with (4): k = 1, nu = 4, C = 4
  REQUIRE(term(objective, one_step_episodes({6}, 4)) == Numbers{0});
  REQUIRE(objective.report().tail_episodes == 1.0);
  // By default ten tails of older returns are kept.
  REQUIRE(rlx::EpisodeCvar({.tail = {0.03}}).config().history == 334);
}

TEST_CASE("EpisodeCvar: too few episodes", "[rl][risk]") {
  rlx::EpisodeCvar objective({.tail = {0.1}, .cvar_weight = 1.0, .max_age_updates = 0});
  std::vector<std::string> warnings;
  rlx::Logger logger;
  logger.add<Warnings>(warnings);
  for (int update = 0; update < 9; ++update) {
    REQUIRE(term(objective, one_step_episodes(Numbers(9, -1.0F))) == Numbers(9, 0.0F));
    REQUIRE(std::isnan(objective.report().cvar));
    objective.record(logger);
  }
  REQUIRE(warnings.size() == 1);  // when it begins, not again in each update
  REQUIRE_THAT(warnings[0], ContainsSubstring("9 episodes"));
  REQUIRE_THAT(warnings[0], ContainsSubstring("at least 10"));
  SECTION("ten times in a row is an error that says what to do") {
    REQUIRE_THROWS_AS(term(objective, one_step_episodes(Numbers(9, -1.0F))), rlx::ConfigError);
    try {
      term(objective, one_step_episodes(Numbers(9, -1.0F)));
    } catch (const rlx::ConfigError& error) {
      REQUIRE_THAT(error.what(), ContainsSubstring("raise n_steps or alpha"));
      REQUIRE_THAT(error.what(), ContainsSubstring("fewer than 10 episodes"));
    }
  }
  SECTION("enough once begins the count anew") {
    term(objective, one_step_episodes(Numbers(10, -1.0F)));
    for (int update = 0; update < 9; ++update) REQUIRE_NOTHROW(term(objective, one_step_episodes(Numbers(9, -1.0F))));
  }
  SECTION("the default history counts") {
    rlx::EpisodeCvar remembers({.tail = {0.1}, .cvar_weight = 1.0});
    for (std::uint64_t update = 0; update < 30; ++update) term(remembers, one_step_episodes({-1, 1}, update));
    REQUIRE(remembers.report().tail_episodes == 1.0);  // 2 and those of 4 updates
  }
}

TEST_CASE("EpisodeCvar: warns of a thin tail and of steps without credit", "[rl][risk]") {
  std::vector<std::string> warnings;
  rlx::Logger logger;
  logger.add<Warnings>(warnings);
  rlx::EpisodeCvar objective({.tail = {0.5}, .cvar_weight = 1.0, .max_age_updates = 1});
  RolloutOf rollout{.n_steps = 2, .num_envs = 2, .rewards = {1, 2, 3, 4}, .ends = {1, 1, 1, 0}};
  for (std::uint64_t update = 0; update < 3; ++update) {
    rollout.update = update;
    term(objective, rollout);
    objective.record(logger);
  }
  REQUIRE(warnings.size() == 2);
  REQUIRE_THAT(warnings[0], ContainsSubstring("25 % of the steps"));
  REQUIRE_THAT(warnings[0], ContainsSubstring("10 mean episode lengths"));
  REQUIRE_THAT(warnings[1], ContainsSubstring("3 episodes in the tail, expected at least 10"));
  REQUIRE(logger.value("risk/weight") == 1.0);
}

TEST_CASE("EpisodeCvar: a VaR known beforehand stands in for returns", "[rl][risk]") {
  // nu = -2 from a forecast; returns (-4, 0): C = nu - mean (nu - G)+ / alpha = -2 - 1 / 0.1 = -12, terms 10 - (2, 0) / 0.1
  rlx::EpisodeCvar objective({.tail = {0.1}, .cvar_weight = 1.0, .initial_var = 2.0});
  REQUIRE(term(objective, one_step_episodes({-4, 0})) == Numbers{-10, 10});
  REQUIRE(objective.report().var == 2.0);
  REQUIRE(objective.report().cvar == 12.0);
  // Enough returns of its own replace it.
  term(objective, one_step_episodes(Numbers(20, 1.0F), 1));
  REQUIRE(objective.report().var < 2.0);
  const std::vector<double> levels{0.1, 0.5, 0.9}, quantiles{-0.020, 0.001, 0.018};
  const rlx::EpisodeCvar forecast({.tail = {0.05}, .initial_var = rlx::risk::var_from_quantiles(levels, quantiles, {0.05})});
  REQUIRE_THAT(*forecast.config().initial_var, WithinAbs(0.0259532, 1e-7));
}

TEST_CASE("EpisodeCvar: state continues exactly and refuses another configuration", "[rl][risk]") {
  const rlx::EpisodeCvarConfig config{.tail = {0.25}, .cvar_weight = 2.0, .history = 8};
  rlx::EpisodeCvar first(config);
  term(first, one_step_episodes({-3, 1, 2, 4, 0, 7}, 0));
  first.set_weight(0.5);
  const std::vector<std::byte> bytes = state_of(first);
  rlx::EpisodeCvar second(config);
  rlx::StateReader reader(bytes);
  second.load_state(reader);
  reader.expect_end();
  REQUIRE(second.weight() == 0.5);
  REQUIRE(second.report().var == first.report().var);
  const RolloutOf next = one_step_episodes({-9, 3, 3, 1}, 3);
  REQUIRE(term(first, next) == term(second, next));
  REQUIRE(state_of(first) == state_of(second));

  rlx::EpisodeCvar other({.tail = {0.25}, .cvar_weight = 2.5, .history = 8});
  rlx::StateReader again(bytes);
  REQUIRE_THROWS_AS(other.load_state(again), rlx::CheckpointError);
  rlx::EpisodeCvar forecast({.tail = {0.25}, .cvar_weight = 2.0, .history = 8, .initial_var = 0.0});
  rlx::StateReader third(bytes);
  REQUIRE_THROWS_AS(forecast.load_state(third), rlx::CheckpointError);
  rlx::EpisodeCvar torn(config);
  rlx::StateReader half(std::span<const std::byte>(bytes).first(bytes.size() / 2));
  REQUIRE_THROWS_AS(torn.load_state(half), rlx::CheckpointError);
}

TEST_CASE("EpisodeCvar: refuses numbers it cannot use, allocates in the first rollout only", "[rl][risk]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  REQUIRE_THROWS_AS(rlx::EpisodeCvar({.tail = {0.0}}), rlx::ConfigError);
  REQUIRE_THROWS_AS(rlx::EpisodeCvar({.tail = {nan}}), rlx::ConfigError);
  REQUIRE_THROWS_AS(rlx::EpisodeCvar({.cvar_weight = -1}), rlx::ConfigError);
  REQUIRE_THROWS_AS(rlx::EpisodeCvar({.cvar_weight = nan}), rlx::ConfigError);
  REQUIRE_THROWS_AS(rlx::EpisodeCvar({.initial_var = nan}), rlx::ConfigError);
  rlx::EpisodeCvar objective({.tail = {0.1}, .cvar_weight = 1.0});
  REQUIRE_THROWS_AS(objective.set_weight(nan), rlx::ConfigError);
  REQUIRE_THROWS_AS(term(objective, one_step_episodes(Numbers(20, std::numeric_limits<float>::infinity()))), rlx::NumericError);

  RolloutOf rollout = one_step_episodes(Numbers(64, 1.0F));
  rlx::RolloutView view = rollout.view();
  Numbers advantages(64);
  objective.on_rollout(view, advantages);
  const rlx_test::AllocationCounter allocated;
  for (view.update = 1; view.update < 20; ++view.update) objective.on_rollout(view, advantages);
  REQUIRE(allocated.count() == 0);
}
