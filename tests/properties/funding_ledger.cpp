// SPDX-License-Identifier: MIT
/// @file
/// @brief Over 10,000 random legal episodes the ledger's postings are the change of equity, in total, per step and per
/// position.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/funding/environment.hpp>
#include <rlx/funding/synthetic_tape.hpp>

#include "funding_crash_tape.hpp"
#include "rlx_catch.hpp"

using namespace rlx::funding;
using rlx::market::EntryKind;
using rlx::market::LedgerEntry;
using rlx_test::WithinAbs;

namespace {

double profit_of(const rlx::market::Ledger& ledger, std::span<const LedgerEntry> entries) {
  double sum = 0.0;
  for (const LedgerEntry& entry : entries) {
    if (!is_profit_and_loss(entry.kind)) continue;
    sum += entry.amount * ((ledger.is_asset(entry.debit) ? 1.0 : 0.0) - (ledger.is_asset(entry.credit) ? 1.0 : 0.0));
  }
  return sum;
}

}  // namespace

TEST_CASE("funding ledger: postings are the change of equity over 10,000 random episodes", "[properties][funding]") {
  const auto tape = make_synthetic_tape({.preset = SyntheticPreset::calibrated, .seed = 11, .days = 40}).tape;
  EnvironmentConfig config;
  config.sample_random_config = true;
  config.window_begin = 72;
  config.episode_steps = 24;
  config.ledger_entries = 4096;
  config.execution.leg_fail_probability = 0.05;
  config.execution.multipliers = {0.1, 0.3, 0.8};  // large stakes, so that limits are reached
  config.rebalance.threshold = 0.01;
  FundingArbitrageEnv calm(tape, config), wild(rlx_test::crash_tape(4), config);
  std::array<float, 275> row{};
  std::array<std::uint8_t, 36> mask{};
  rlx::RandomStream random(rlx::StreamId{.seed = 1});
  double worst_step = 0.0, worst_episode = 0.0, worst_parts = 0.0, worst_position = 0.0, worst_balance = 0.0;
  std::int64_t liquidations = 0, stops = 0, transfers = 0, trades = 0;
  for (std::uint64_t episode = 0; episode < 10'000; ++episode) {
    FundingArbitrageEnv& env = episode % 2 == 0 ? calm : wild;
    env.reset(episode, row);
    std::size_t seen = env.portfolio().ledger().entries().size();
    double equity = env.info().equity;
    std::vector<ClosedTrade> closed;
    for (bool over = false; !over;) {
      env.action_masks(mask);
      std::int32_t action = 0;
      do action = static_cast<std::int32_t>(random.bounded(36));
      while (mask[static_cast<std::size_t>(action)] == 0);
      const rlx::Transition t = env.step({&action, 1}, row);
      over = t.terminated || t.truncated;
      const rlx::market::Ledger& ledger = env.portfolio().ledger();
      const double posted = profit_of(ledger, ledger.entries().subspan(seen));
      seen = ledger.entries().size();
      worst_step = std::max(worst_step, std::abs(posted - (env.info().equity - equity)));
      equity = env.info().equity;
      closed.insert(closed.end(), env.closed_trades().begin(), env.closed_trades().end());
    }
    const rlx::market::Ledger& ledger = env.portfolio().ledger();
    worst_episode = std::max(worst_episode, std::abs(profit_of(ledger, ledger.entries()) - (env.info().equity - 10'000.0)));
    worst_parts = std::max(worst_parts, std::abs(env.info().attribution.total() - (env.info().equity - 10'000.0)));
    double debits_less_credits = 0.0;
    for (rlx::market::AccountId account = 0; account < ledger.n_accounts(); ++account) {
      debits_less_credits += ledger.balance(account);
    }
    worst_balance = std::max(worst_balance, std::abs(debits_less_credits));
    double positions = env.info().attribution.transfer;
    for (const ClosedTrade& trade : closed) {
      const double result = trade.position.attribution.total();
      worst_position = std::max(worst_position, std::abs(attribute(ledger, trade.position.id).total() - result));
      positions += result;
    }
    for (const auto& slot : env.portfolio().slots())
      if (slot) positions += slot->attribution.total();
    worst_position = std::max(worst_position, std::abs(positions - (env.info().equity - 10'000.0)));
    liquidations += env.info().liquidations;
    stops += env.info().stop_losses;
    transfers += env.info().transfers;
    trades += env.info().trades;
  }
  REQUIRE(worst_step <= 1e-9);
  REQUIRE(worst_episode <= 1e-9 * 10'000.0);
  REQUIRE(worst_parts <= 1e-9 * 10'000.0);
  REQUIRE(worst_position <= 1e-9 * 10'000.0);
  REQUIRE(worst_balance <= 1e-9 * 10'000.0);
  CAPTURE(liquidations, stops, transfers, trades);
  REQUIRE(trades > 30'000);
  REQUIRE(stops > 100);
  REQUIRE(transfers > 100);
  REQUIRE(liquidations > 10);
}
