// SPDX-License-Identifier: MIT
/// @file
/// @brief A million random legal steps, crash markets among them: every feature finite and within [-5, 5], empty slots 0; on
/// the default market every column varies and no two columns of a block say the same.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <rlx/core/finite.hpp>
#include <rlx/core/random.hpp>
#include <rlx/funding/environment.hpp>
#include <rlx/funding/synthetic_tape.hpp>

#include "funding_crash_tape.hpp"
#include "rlx_catch.hpp"

using namespace rlx::funding;
using rlx_test::crash_tape;

namespace {

// Plays random legal episodes for at least `steps` steps and shows every row to `see`.
template <class See>
EpisodeInfo play(const std::shared_ptr<const MarketTape>& tape, const EnvironmentConfig& config, std::uint64_t seed, int steps,
                 See&& see) {
  FundingArbitrageEnv env(tape, config);
  std::array<float, 275> row{};
  std::array<std::uint8_t, 36> mask{};
  rlx::RandomStream random(rlx::StreamId{.seed = seed, .purpose = rlx::Purpose::action});
  EpisodeInfo total;
  for (std::uint64_t episode = 0; steps > 0; ++episode) {
    env.reset(seed * 1'000'000 + episode, row);
    see(row, env);
    for (bool over = false; !over; --steps) {
      env.action_masks(mask);
      // Exits are rarer than entries would make them, so that positions live.
      std::int32_t action = 0;
      if (random.bounded(3) == 0) {
        do action = static_cast<std::int32_t>(random.bounded(36));
        while (mask[static_cast<std::size_t>(action)] == 0);
      }
      const rlx::Transition t = env.step({&action, 1}, row);
      see(row, env);
      over = t.terminated || t.truncated;
    }
    total.liquidations += env.info().liquidations;
    total.stop_losses += env.info().stop_losses;
    total.stale_closes += env.info().stale_closes;
    total.insurance += env.info().insurance;
  }
  return total;
}

}  // namespace

TEST_CASE("funding: features stay finite and within bounds over a million random steps", "[properties][funding]") {
  EnvironmentConfig config;
  config.sample_random_config = true;
  config.window_begin = 48;
  config.episode_steps = 200;
  std::int64_t outside = 0, dirty_slots = 0;
  EpisodeInfo total;
  const auto see = [&](std::span<const float, 275> row, const FundingArbitrageEnv& env) {
    for (const float x : row) outside += rlx::is_finite(x) && std::abs(x) <= 5.0F ? 0 : 1;
    for (std::size_t j = 0; j < 5; ++j) {
      const auto slot = row.subspan(15 + 12 * j, 12);
      const bool open = env.portfolio().slots()[j].has_value();
      dirty_slots += open == (slot[0] == 1.0F) ? 0 : 1;
      if (!open) dirty_slots += std::all_of(slot.begin(), slot.end(), [](float x) { return x == 0.0F; }) ? 0 : 1;
    }
    const std::size_t listed = env.decision_state().opportunities.size();
    for (std::size_t k = listed; k < 10; ++k) {
      const auto slot = row.subspan(75 + 20 * k, 20);
      dirty_slots += std::all_of(slot.begin(), slot.end(), [](float x) { return x == 0.0F; }) ? 0 : 1;
    }
  };
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const auto tape = seed % 2 == 0 ? crash_tape(seed) : make_synthetic_tape({.seed = seed, .days = 20}).tape;
    const EpisodeInfo part = play(tape, config, seed, 100'000, see);
    total.liquidations += part.liquidations;
    total.stop_losses += part.stop_losses;
    total.stale_closes += part.stale_closes;
    total.insurance += part.insurance;
  }
  REQUIRE(outside == 0);
  REQUIRE(dirty_slots == 0);
  REQUIRE(total.liquidations > 1000);
  REQUIRE(total.stop_losses > 1000);
  REQUIRE(total.stale_closes > 10);
  REQUIRE(total.insurance > 0.0);
}

TEST_CASE("funding: every column varies and none repeats another", "[properties][funding]") {
  const auto tape = make_synthetic_tape({.preset = SyntheticPreset::calibrated, .seed = 2, .days = 120}).tape;
  EnvironmentConfig config;
  config.sample_random_config = true;
  config.window_begin = 72;
  // Columns of the four blocks, the slots of a block pooled (taken ones only).
  struct Block {
    std::size_t offset, width, slots;
    std::vector<double> sum, products;
    double rows = 0.0;
  };
  std::vector<Block> blocks{{0, 5, 1, {}, {}, 0}, {5, 10, 1, {}, {}, 0}, {15, 12, 5, {}, {}, 0}, {75, 20, 10, {}, {}, 0}};
  for (Block& block : blocks) {
    block.sum.assign(block.width, 0.0);
    block.products.assign(block.width * block.width, 0.0);
  }
  play(tape, config, 1, 60'000, [&](std::span<const float, 275> row, const FundingArbitrageEnv&) {
    for (Block& block : blocks) {
      for (std::size_t slot = 0; slot < block.slots; ++slot) {
        const auto values = row.subspan(block.offset + slot * block.width, block.width);
        if (block.slots > 1 && values[0] == 0.0F) continue;
        block.rows += 1.0;
        for (std::size_t i = 0; i < block.width; ++i) {
          block.sum[i] += static_cast<double>(values[i]);
          for (std::size_t j = 0; j < block.width; ++j) {
            block.products[i * block.width + j] += static_cast<double>(values[i]) * static_cast<double>(values[j]);
          }
        }
      }
    }
  });
  for (const Block& block : blocks) {
    const auto covariance = [&](std::size_t i, std::size_t j) {
      return block.products[i * block.width + j] / block.rows - block.sum[i] / block.rows * (block.sum[j] / block.rows);
    };
    // Column 0 of a slot says that it is taken; it varies between slots, not among the taken ones.
    for (std::size_t i = block.slots > 1 ? 1 : 0; i < block.width; ++i) {
      CAPTURE(observation_names()[block.offset + i]);
      REQUIRE(std::sqrt(covariance(i, i)) > 1e-3);
      for (std::size_t j = i + 1; j < block.width; ++j) {
        CAPTURE(observation_names()[block.offset + j]);
        const double correlation = covariance(i, j) / std::sqrt(covariance(i, i) * covariance(j, j));
        REQUIRE(std::abs(correlation) <= 0.999);
      }
    }
  }
}
