// SPDX-License-Identifier: MIT
#include <rlx/options/ladder_env.hpp>

#include "counting_allocator.hpp"
#include "real_data.hpp"
#include "rlx_catch.hpp"
#include "scripted_chain.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include <rlx/env/check_env.hpp>
#include <rlx/io/gzip.hpp>
#include <rlx/options/recorded_chain.hpp>
#include <rlx/options/synthetic_chain.hpp>

using namespace rlx::options;
using rlx::CheckpointError;
using rlx::ConfigError;
using rlx::InvalidActionError;
using rlx::RandomStream;
using rlx::ShapeError;
using rlx::StateError;
using rlx::Transition;
using rlx::market::Fixed8;
using rlx_test::ContainsSubstring;
using rlx_test::WithinAbs;

static_assert(rlx::MaskedEnvironment<LadderEnv> && rlx::ReportsMetrics<LadderEnv> && rlx::SerializableEnvironment<LadderEnv> &&
              rlx::NamedLayout<LadderEnv> && rlx::HasFuture<LadderEnv>);

namespace {

std::shared_ptr<const LadderTape> synthetic(std::string underlying = "BTC", std::uint64_t seed = 11,
                                            std::size_t snapshots = 240) {
  const SyntheticChain chain({.seed = seed, .snapshots = snapshots});
  LadderTapeConfig config;
  config.underlying = std::move(underlying);
  return std::make_shared<const LadderTape>(chain, config);
}

Transition act(LadderEnv& env, std::size_t action, std::vector<float>& row) {
  const auto a = static_cast<std::int32_t>(action);
  return env.step(std::span(&a, 1), row);
}

std::size_t random_valid(const LadderEnv& env, RandomStream& random) {
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(env.action_space().n));
  env.action_masks(mask);
  for (;;) {
    const auto a = static_cast<std::size_t>(random.bounded(mask.size()));
    if (mask[a] != 0) return a;
  }
}

}  // namespace

TEST_CASE("ladder env: check_env finds nothing", "[options][ladder_env]") {
  for (const std::string underlying : {"BTC", "ETH"}) {
    const auto tape = synthetic(underlying);
    const rlx::CheckReport report = rlx::check_env([&] { return LadderEnv(tape); });
    INFO(report.text());
    REQUIRE(report.findings.empty());
    REQUIRE(report.ok());
  }
}

TEST_CASE("ladder env: the shape of the specification", "[options][ladder_env]") {
  const LadderEnv env(synthetic());
  REQUIRE(env.observation_size() == 52);
  REQUIRE(env.observation_names().size() == 52);
  REQUIRE(env.action_space().n == 8);
  REQUIRE(env.action_names()[0] == "none");
  REQUIRE(env.action_names()[5] == "conservative+aggressive");
  REQUIRE(env.observation_names()[12] == "conservative.present");
  REQUIRE(env.observation_names()[12 + 27] == "conservative.open_over_coverage");
  REQUIRE(env.observation_names()[51] == "episode_value_x10");
  REQUIRE(env.config().coverage == Fixed8::parse("1.5"));
  REQUIRE(LadderEnv(synthetic("ETH")).config().coverage == Fixed8::parse("15"));
}

TEST_CASE("ladder env: doing nothing earns exactly nothing", "[options][ladder_env]") {
  LadderEnv env(synthetic());
  std::vector<float> row(env.observation_size());
  env.reset(3, row);
  for (int step = 0; step < 112; ++step) {
    const Transition transition = act(env, 0, row);
    REQUIRE(transition.reward == 0.0);
    REQUIRE_FALSE(transition.terminated);
    REQUIRE(transition.truncated == (step == 111));
  }
  REQUIRE(env.info().value == 0.0);
  REQUIRE_THROWS_AS(act(env, 0, row), StateError);
}

TEST_CASE("ladder env: rewards add up to the change of value, and money to its parts", "[options][ladder_env]") {
  for (const std::string underlying : {"BTC", "ETH"}) {
    LadderEnv env(synthetic(underlying));
    std::vector<float> row(env.observation_size());
    RandomStream random({5, rlx::Purpose::user});
    for (std::uint64_t episode = 0; episode < 8; ++episode) {
      env.reset(episode, row);
      double sum = 0.0;
      for (bool over = false; !over;) {
        const Transition transition = act(env, random_valid(env, random), row);
        sum += transition.reward;
        over = transition.truncated;
        const LadderEpisodeInfo& info = env.info();
        const Fixed8 cash = info.premiums - info.fees - info.payoffs - info.delivery_fees;
        double marks = 0.0;
        for (const LadderLeg& leg : env.open_legs()) marks += leg.amount.to_double() * leg.mark.price;
        REQUIRE_THAT(info.value, WithinAbs(cash.to_double() - marks, 0.0));
        REQUIRE(info.legs_opened == info.legs_settled + env.open_legs().size());
        REQUIRE(info.open_amount <= env.config().coverage);
        for (const float value : row) REQUIRE(std::fabs(value) <= 10.0F);
      }
      REQUIRE_THAT(sum, WithinAbs(env.info().value / env.config().coverage.to_double(), 1e-12));
      REQUIRE(env.info().legs_opened > 0);
    }
  }
}

TEST_CASE("ladder env: the mask is the brute force over all actions", "[options][ladder_env]") {
  LadderEnv env(synthetic());
  std::vector<float> row(env.observation_size());
  std::vector<std::uint8_t> mask(8);
  RandomStream random({6, rlx::Purpose::user});
  std::size_t masked = 0, valid = 0;
  for (std::uint64_t episode = 0; episode < 6; ++episode) {
    env.reset(episode, row);
    for (bool over = false; !over;) {
      env.action_masks(mask);
      REQUIRE(mask[0] == 1);
      const auto candidates = env.tape().candidates(env.info().snapshot);
      std::vector<OccupiedLeg> occupied;
      for (const LadderLeg& leg : env.open_legs()) {
        const Instrument& instrument = env.tape().instruments()[leg.instrument];
        occupied.push_back({instrument.symbol, instrument.expiry_ms});
      }
      for (std::size_t a = 1; a < 8; ++a) {
        std::vector<TrainingProfileSet> chosen;
        for (std::size_t p = 0; p < 3; ++p) {
          if ((a >> p & 1) != 0) chosen.push_back(env.profiles()[p]);
        }
        const auto picks = pick_candidates_for_all_profiles(std::span<const TrainingProfileSet>(chosen), "BTC", candidates,
                                                            env.config().limits, std::span<const OccupiedLeg>(occupied));
        std::size_t legs = 0;
        bool each = true;
        for (const auto& one : picks) legs += one.candidates.size(), each = each && !one.candidates.empty();
        const bool expected =
            each && env.info().open_amount + Fixed8::parse("0.1") * static_cast<int>(legs) <= Fixed8::parse("1.5");
        REQUIRE((mask[a] != 0) == expected);
        (expected ? valid : masked) += 1;
        if (!expected) REQUIRE_THROWS_AS(act(env, a, row), InvalidActionError);
      }
      over = act(env, random_valid(env, random), row).truncated;
    }
  }
  REQUIRE(masked > 100);
  REQUIRE(valid > 100);
}

TEST_CASE("ladder env: always moderate equals a backtest written without it", "[options][ladder_env]") {
  const auto tape = synthetic("BTC", 21, 200);
  LadderEnvConfig config;
  config.episode_ticks = 150;
  config.random_start = false;
  LadderEnv env(tape, config);
  std::vector<float> row(env.observation_size());
  std::vector<std::uint8_t> mask(8);
  env.reset(0, row);
  double reward = 0.0;
  for (bool over = false; !over;) {
    env.action_masks(mask);
    const Transition transition = act(env, mask[2] != 0 ? 2 : 0, row);
    reward += transition.reward;
    over = transition.truncated;
  }

  // In batch, from the chains themselves and in double: sell, hold to expiry, mark what is left.
  const SyntheticChain chain({.seed = 21, .snapshots = 200});
  struct Open {
    Instrument instrument;
    double bid;
  };
  std::map<std::string, Open> open;
  double cash = 0.0;
  const std::vector<TrainingProfileSet> moderate{get_training_profiles()[1]};
  for (std::size_t i = 0; i <= 150; ++i) {
    for (auto leg = open.begin(); leg != open.end();) {
      const Instrument& instrument = leg->second.instrument;
      if (instrument.expiry_ms > chain.ts_ms(i)) {
        ++leg;
        continue;
      }
      const double index = chain.index_at(instrument.expiry_ms, "BTC").value;
      const double payoff = 0.1 * std::max(0.0, 1.0 - instrument.strike / index);
      const bool young = instrument.expiry_ms - instrument.creation_ms <= 86'400'000;
      cash -= payoff + (young ? 0.0 : std::min(0.1 * 0.00015, 0.125 * payoff));
      leg = open.erase(leg);
    }
    if (i == 150) break;
    std::vector<OccupiedLeg> occupied;
    for (const auto& [symbol, leg] : open) occupied.push_back({symbol, leg.instrument.expiry_ms});
    const auto picks =
        pick_candidates_for_all_profiles(std::span<const TrainingProfileSet>(moderate), "BTC", tape->candidates(i),
                                         LadderLimits{}, std::span<const OccupiedLeg>(occupied));
    if (0.1 * static_cast<double>(open.size() + picks[0].candidates.size()) > 1.5 + 1e-12) continue;
    for (const auto index : picks[0].candidates) {
      const LadderCandidate& one = tape->candidates(i)[index];
      const double bid = one.bid.to_double();
      cash += 0.1 * bid - std::min(0.1 * 0.0003, 0.125 * 0.1 * bid);
      open.emplace(std::string(one.symbol), Open{chain.instruments(i, "BTC")[one.instrument], bid});
    }
  }
  ChainSnapshot last;
  chain.load(150, "BTC", last);
  double marks = 0.0;
  for (const auto& [symbol, leg] : open) {
    for (const ChainQuote& quote : last.quotes) {
      if (chain.instruments(150, "BTC")[quote.instrument].symbol == symbol) marks += 0.1 * quote.mark.to_double();
    }
  }
  REQUIRE(open.size() >= 2);
  REQUIRE(env.info().legs_settled > 50);
  REQUIRE_THAT(reward * 1.5, WithinAbs(cash - marks, 1e-6));  // the environment rounds every movement to 1e-8 coin
}

TEST_CASE("ladder env: nothing up to now depends on what comes later", "[options][ladder_env]") {
  const auto tape = synthetic();
  RandomStream random({8, rlx::Purpose::user});
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    LadderEnv one(tape), other(tape);
    std::vector<float> a(one.observation_size()), b(a);
    one.reset(seed, a);
    other.reset(seed, b);
    const auto until = random.bounded(100);
    for (std::uint64_t step = 0; step < until; ++step) {
      const std::size_t action = random_valid(one, random);
      act(one, action, a);
      act(other, action, b);
    }
    other.corrupt_future(seed);
    std::vector<std::uint8_t> mask_a(8), mask_b(8);
    one.action_masks(mask_a);
    other.action_masks(mask_b);
    REQUIRE(mask_a == mask_b);
    REQUIRE(a == b);
    // What is done now is filled at today's prices; only the value afterwards is another.
    const std::size_t action = random_valid(one, random);
    act(one, action, a);
    act(other, action, b);
    REQUIRE(one.info().premiums == other.info().premiums);
    REQUIRE(one.info().fees == other.info().fees);
    REQUIRE(a != b);
  }
}

TEST_CASE("ladder env: seeds, resume and allocation", "[options][ladder_env]") {
  const auto tape = synthetic();
  LadderEnv env(tape), copy(tape);
  std::vector<float> row(env.observation_size()), other(row);
  RandomStream random({9, rlx::Purpose::user});
  std::vector<std::size_t> starts;
  for (std::uint64_t seed = 0; seed < 32; ++seed) {
    env.reset(seed, row);
    copy.reset(seed, other);
    REQUIRE(row == other);
    if (std::find(starts.begin(), starts.end(), env.info().snapshot) == starts.end()) starts.push_back(env.info().snapshot);
  }
  REQUIRE(starts.size() > 20);  // of 128 possible ones
  for (int i = 0; i < 40; ++i) act(env, random_valid(env, random), row);
  std::vector<std::byte> state, again;
  env.save_state(state);
  copy.load_state(state);
  copy.save_state(again);
  REQUIRE(state == again);
  for (int i = 0; i < 60; ++i) {
    const std::size_t action = random_valid(env, random);
    const Transition a = act(env, action, row), b = act(copy, action, other);
    REQUIRE(a.reward == b.reward);
    REQUIRE(row == other);
  }
  for (std::size_t size = 0; size < state.size(); size += 7) {
    REQUIRE_THROWS_AS(copy.load_state(std::span(state).first(size)), CheckpointError);
  }
  REQUIRE_THROWS_WITH(LadderEnv(synthetic("ETH")).load_state(state), ContainsSubstring("BTC"));
  LadderEnvConfig free_of_fees;
  free_of_fees.fees = FeeSchedule::none();
  REQUIRE_THROWS_AS(LadderEnv(tape, free_of_fees).load_state(state), CheckpointError);
  LadderEnvConfig other_caps;
  other_caps.limits.max_calls_per_expiry = 2;
  REQUIRE_THROWS_AS(LadderEnv(tape, other_caps).load_state(state), CheckpointError);

  std::vector<std::uint8_t> mask(8);
  std::vector<double> metrics(LadderEnv::metric_names().size());
  const auto before = rlx_test::allocations();
  for (std::uint64_t episode = 0; episode < 4; ++episode) {
    env.reset(episode, row);
    for (bool over = false; !over;) {
      env.action_masks(mask);
      std::size_t action = 7;
      while (mask[action] == 0) --action;
      over = act(env, action, row).truncated;
    }
    env.metrics(metrics);
  }
  REQUIRE(rlx_test::allocations() == before);
}

TEST_CASE("ladder env: misuse is refused with what to do", "[options][ladder_env]") {
  const auto tape = synthetic("BTC", 11, 20);
  LadderEnv env(tape);
  std::vector<float> row(env.observation_size()), shorter(10);
  REQUIRE_THROWS_AS(act(env, 0, row), StateError);
  REQUIRE_THROWS_AS(env.reset(0, shorter), ShapeError);
  env.reset(0, row);
  REQUIRE_THROWS_WITH(act(env, 8, row), ContainsSubstring("[0, 8)"));
  LadderEnvConfig config;
  config.call_size = Fixed8::parse("0.15");
  REQUIRE_THROWS_WITH(LadderEnv(tape, config), ContainsSubstring("0.15"));
  config = {};
  config.episode_ticks = 0;
  REQUIRE_THROWS_AS(LadderEnv(tape, config), ConfigError);
  config = {};
  config.coverage = Fixed8::parse("-1");
  REQUIRE_THROWS_WITH(LadderEnv(tape, config), ContainsSubstring("coverage"));
}

TEST_CASE("ladder env: on the recorded panel", "[options][ladder_env][real]") {
  const std::string panel = "series/chain_6h_calls_dte0-35_delta0.03-0.75.csv.gz";
  if (!rlx_test::have_options_data(panel)) return;
  const std::vector<std::string> paths{rlx_test::options_data_path(panel),
                                       rlx_test::options_data_path("series/index_path.csv")};
  const auto chain = load_recorded_chain(paths, {}, [](const std::string& path) { return rlx::io::gunzip_file(path); });
  for (const std::string underlying : {"BTC", "ETH"}) {
    LadderTapeConfig config;
    config.underlying = underlying;
    const auto tape = std::make_shared<const LadderTape>(chain, config);
    const rlx::CheckReport report = rlx::check_env([&] { return LadderEnv(tape); });
    INFO(report.text());
    REQUIRE(report.ok());
    LadderEnvConfig whole;
    whole.episode_ticks = tape->size();
    whole.random_start = false;
    LadderEnv env(tape, whole);
    std::vector<float> row(env.observation_size());
    std::vector<std::uint8_t> mask(8);
    env.reset(0, row);
    for (bool over = false; !over;) {
      env.action_masks(mask);
      std::size_t action = 7;
      while (mask[action] == 0) --action;
      over = act(env, action, row).truncated;
    }
    REQUIRE(env.info().legs_settled > 100);
    REQUIRE(std::isfinite(env.info().value));
    REQUIRE(env.info().longest_settlement_gap_ms < 14 * 3'600'000);
  }
}
