// SPDX-License-Identifier: MIT
#include <rlx/rl/quantile_q.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/nn/categorical.hpp>

#include "counting_allocator.hpp"
#include "rlx_catch.hpp"

using namespace rlx_test;
using rlx::QuantileQ;
using rlx::RiskTilt;
using rlx::RiskVeto;
using rlx::risk::Distortion;

namespace {

/// Rows of a chain of two states: from (1, 0) any action pays 1 and leads to (0, 1), where action 1 is taken; there action 0
/// pays +1 (p 0.9) or -5, action 1 pays 0.2, and the episode ends.
struct Chain {
  explicit Chain(std::size_t rows)
      : observations(2 * rows), next(2 * rows), rewards(rows), actions(rows), next_actions(rows), terminated(rows) {}
  void draw(std::uint64_t step) {
    rlx::RandomStream random({11, rlx::Purpose::user, 0, step});
    for (std::size_t i = 0; i < rewards.size(); ++i) {
      const bool first = i % 3 == 0;
      observations[2 * i] = first ? 1.0F : 0.0F;
      observations[2 * i + 1] = first ? 0.0F : 1.0F;
      next[2 * i] = 0.0F;
      next[2 * i + 1] = 1.0F;
      actions[i] = static_cast<std::int32_t>(random.bounded(2));
      const float risky = random.uniform() < 0.1 ? -5.0F : 1.0F;
      rewards[i] = first ? 1.0F : actions[i] == 0 ? risky : 0.2F;
      next_actions[i] = first ? 1 : -1;  // not read where terminated
      terminated[i] = first ? 0 : 1;
    }
  }
  rlx::QuantileQBatch batch() const {
    const std::size_t n = rewards.size();
    return {{observations.data(), n, 2}, actions, rewards, terminated, {next.data(), n, 2}, next_actions};
  }
  std::vector<float> observations, next, rewards;
  std::vector<std::int32_t> actions, next_actions;
  std::vector<std::uint8_t> terminated;
};

rlx::QuantileQConfig small() {
  rlx::QuantileQConfig config;
  config.observation = config.actions = 2;
  config.atoms = 16;
  config.hidden = {16};
  config.gamma = 0.5;
  config.learning_rate = 5e-3;
  config.max_batch = 192;
  config.seed = 2;
  return config;
}

}  // namespace

TEST_CASE("Each action's distribution is learnt, and its tail decides what a veto leaves", "[rl][quantile_q]") {
  QuantileQ q(small());
  Chain chain(192);
  double first_loss = 0, last_loss = 0;
  for (std::uint64_t step = 0; step < 1'500; ++step) {
    chain.draw(step);
    last_loss = q.update(chain.batch());
    if (step == 0) first_loss = last_loss;
  }
  REQUIRE(last_loss < 0.2 * first_loss);
  auto workspace = q.make_workspace();
  std::vector<double> mean(16), tail(16), rho(2), risk(2);
  Distortion::mean().weights(16, mean);
  Distortion::cvar(0.1).weights(16, tail);
  const std::vector<float> start{1.0F, 0.0F}, end{0.0F, 1.0F};
  q.risk(end, mean, rho, workspace);
  q.risk(end, tail, risk, workspace);
  INFO("mean " << rho[0] << ' ' << rho[1] << ", CVaR " << risk[0] << ' ' << risk[1]);
  REQUIRE_THAT(rho[0], WithinAbs(0.4, 0.3));
  REQUIRE_THAT(rho[1], WithinAbs(0.2, 0.1));
  REQUIRE(risk[0] < -3.0);  // -5 but for the atom at the edge of the tail, 0.094
  REQUIRE_THAT(risk[1], WithinAbs(0.2, 0.15));
  // From the first state, 1 + 0.5 of what the action taken next (1) brings.
  std::vector<float> atoms(16);
  for (const std::int32_t action : {0, 1}) {
    q.atoms(start, action, atoms, workspace);
    REQUIRE(std::is_sorted(atoms.begin(), atoms.end()));
    for (const float theta : atoms) REQUIRE_THAT(static_cast<double>(theta), WithinAbs(1.1, 0.15));
  }
  std::vector<std::uint8_t> mask(2);
  REQUIRE(RiskVeto{-1.0}.apply({}, risk, mask) == 1);
  REQUIRE(mask == std::vector<std::uint8_t>{0, 1});
  REQUIRE(RiskVeto{-1.0}.apply({}, rho, mask) == 0);
}

TEST_CASE("A tilt multiplies the policy by exp kappa rho and keeps its log-probability exact", "[rl][quantile_q]") {
  const std::vector<float> logits{0.3F, -1.0F, 2.0F, 9.0F};
  const std::vector<std::uint8_t> mask{1, 1, 1, 0};
  const std::vector<double> rho{1.0, 2.5, -0.5, std::nan("")};  // of an invalid action: not read
  std::vector<float> tilted(4), p(4), q(4);
  RiskTilt{0.8}.apply(logits, mask, rho, tilted);
  rlx::nn::categorical::probabilities(logits, mask, std::span<float>(p));
  rlx::nn::categorical::probabilities(tilted, mask, std::span<float>(q));
  double sum = 0;
  for (std::size_t a = 0; a < 3; ++a) sum += static_cast<double>(p[a]) * std::exp(0.8 * rho[a]);
  for (std::size_t a = 0; a < 3; ++a)
    REQUIRE_THAT(static_cast<double>(q[a]), WithinAbs(static_cast<double>(p[a]) * std::exp(0.8 * rho[a]) / sum, 1e-6));
  REQUIRE(q[3] == 0.0F);
  const auto drawn = rlx::nn::categorical::sample_and_evaluate(tilted, mask, 0.5);
  REQUIRE_THAT(static_cast<double>(drawn.log_prob), WithinAbs(std::log(static_cast<double>(q[drawn.action])), 1e-5));
  std::vector<float> same = logits;
  RiskTilt{0.0}.apply(same, mask, rho, same);
  REQUIRE(same == logits);

  REQUIRE_THROWS_AS(RiskTilt{-1.0}.apply(logits, mask, rho, tilted), rlx::ConfigError);
  REQUIRE_THROWS_AS(RiskTilt{1.0}.apply(logits, {}, rho, tilted), rlx::NumericError);  // now it would be read
  REQUIRE_THROWS_AS(RiskTilt{1.0}.apply(logits, mask, std::span<const double>(rho).first(3), tilted), rlx::ShapeError);
  const std::vector<std::uint8_t> nothing(4);
  REQUIRE_THROWS_AS(RiskTilt{1.0}.apply(logits, nothing, rho, tilted), rlx::NumericError);
}

TEST_CASE("A veto leaves what is above the floor, or the best of the valid", "[rl][quantile_q]") {
  const std::vector<double> rho{-3.0, -1.0, -2.0, 5.0};
  const std::vector<std::uint8_t> valid{1, 1, 1, 0};
  std::vector<std::uint8_t> mask(4);
  REQUIRE(RiskVeto{-2.0}.apply(valid, rho, mask) == 1);
  REQUIRE(mask == std::vector<std::uint8_t>{0, 1, 1, 0});
  REQUIRE(RiskVeto{0.0}.apply(valid, rho, mask) == 2);
  REQUIRE(mask == std::vector<std::uint8_t>{0, 1, 0, 0});
  REQUIRE(RiskVeto{0.0}.apply({}, rho, mask) == 3);
  REQUIRE(mask == std::vector<std::uint8_t>{0, 0, 0, 1});
  REQUIRE_THROWS_AS(RiskVeto{std::nan("")}.apply(valid, rho, mask), rlx::ConfigError);
  REQUIRE_THROWS_AS(RiskVeto{}.apply(std::vector<std::uint8_t>(4), rho, mask), rlx::NumericError);
  REQUIRE_THROWS_AS(RiskVeto{}.apply(valid, rho, std::span<std::uint8_t>(mask).first(2)), rlx::ShapeError);
}

TEST_CASE("Training Q is a function of seed and batches, can be saved, and allocates nothing", "[rl][quantile_q]") {
  QuantileQ one(small()), other(small());
  Chain chain(64);
  const auto train = [&](QuantileQ& q, std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t step = from; step < to; ++step) {
      chain.draw(step);
      q.update(chain.batch());
    }
  };
  train(one, 0, 10);
  train(other, 0, 5);
  std::vector<std::byte> bytes;
  rlx::StateWriter writer(bytes);
  other.save_state(writer);
  QuantileQ loaded(small());
  rlx::StateReader reader(bytes);
  loaded.load_state(reader);
  reader.expect_end();
  train(loaded, 5, 10);
  REQUIRE(loaded.parameters().sha256() == one.parameters().sha256());
  const auto before = allocations();
  one.update(chain.batch());
  REQUIRE(allocations() == before);
  const std::string unchanged = one.parameters().sha256();
  rlx::StateReader cut(std::span<const std::byte>(bytes).first(bytes.size() / 2));
  REQUIRE_THROWS_AS(one.load_state(cut), rlx::CheckpointError);
  REQUIRE(one.parameters().sha256() == unchanged);
}

TEST_CASE("What does not fit a QuantileQ is refused", "[rl][quantile_q]") {
  const auto refused = [](auto change, const std::string& part) {
    rlx::QuantileQConfig config = small();
    change(config);
    try {
      QuantileQ q(config);
      FAIL("expected ConfigError with " + part);
    } catch (const rlx::ConfigError& error) {
      REQUIRE_THAT(error.what(), ContainsSubstring(part));
    }
  };
  refused([](auto& c) { c.observation = 0; }, "observation = 0");
  refused([](auto& c) { c.actions = 0; }, "actions = 0");
  refused([](auto& c) { c.hidden = {8, 0}; }, "hidden = 0");
  refused([](auto& c) { c.atoms = 1; }, "QuantileQConfig.atoms = 1");
  refused([](auto& c) { c.gamma = 1.5; }, "gamma = 1.5");
  refused([](auto& c) { c.kappa_relative = -1; }, "kappa_relative");
  refused([](auto& c) { c.learning_rate = 0; }, "learning_rate");
  refused([](auto& c) { c.max_grad_norm = std::nan(""); }, "max_grad_norm");
  refused([](auto& c) { c.max_batch = 0; }, "max_batch");

  QuantileQ q(small());
  Chain chain(12);
  chain.draw(0);
  const std::string before = q.parameters().sha256();
  rlx::QuantileQBatch batch = chain.batch();
  batch.rewards = batch.rewards.first(5);
  REQUIRE_THROWS_AS(q.update(batch), rlx::ShapeError);
  REQUIRE_THROWS_AS(q.update({}), rlx::ShapeError);
  Chain large(193);
  large.draw(0);
  REQUIRE_THROWS_AS(q.update(large.batch()), rlx::ShapeError);
  chain.actions[3] = 2;
  REQUIRE_THROWS_AS(q.update(chain.batch()), rlx::ShapeError);
  chain.actions[3] = 1;
  chain.next_actions[0] = -1;
  REQUIRE_THROWS_AS(q.update(chain.batch()), rlx::ShapeError);
  chain.next_actions[0] = 1;
  chain.rewards[7] = std::nanf("");
  REQUIRE_THROWS_AS(q.update(chain.batch()), rlx::NumericError);
  REQUIRE(q.parameters().sha256() == before);
  auto workspace = q.make_workspace();
  std::vector<float> atoms(16), observation(3);
  REQUIRE_THROWS_AS(q.atoms(observation, 0, atoms, workspace), rlx::ShapeError);
  REQUIRE_THROWS_AS(q.atoms(std::span<const float>(observation).first(2), 2, atoms, workspace), rlx::ShapeError);
  std::vector<double> weights(15), rho(2);
  REQUIRE_THROWS_AS(q.risk(std::span<const float>(observation).first(2), weights, rho, workspace), rlx::ShapeError);
}
