// SPDX-License-Identifier: MIT
#include <rlx/rl/offline/transitions.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "rl/offline/offline_support.hpp"
#include "rlx_catch.hpp"

using namespace rlx_test;

TEST_CASE("minibatches hold the rows of the dataset: next rows, final rows, masks, discounts and scaled rewards") {
  const rlx::OfflineDataset data = random_log({.episodes = 2, .steps = 3, .observation = 2, .actions = 3, .seed = 1});
  const rlx::OfflineTraining training{.gamma = 0.5, .normalize_observation = false, .reward_scale = 2.0};
  const rlx::TransitionScaling scaling(data, training, {});
  rlx::TransitionRows<double> rows(data, scaling, training);
  const std::vector<std::size_t> all = {0, 1, 2, 3, 4, 5};
  const auto batch = rows.gather(all);
  REQUIRE(batch.size() == 6);
  for (std::size_t i = 0; i < 6; ++i) {
    for (std::size_t c = 0; c < 2; ++c) {
      REQUIRE(batch.observations(i, c) == static_cast<double>(data.observation(i)[c]));
      REQUIRE(batch.next_observations(i, c) == static_cast<double>(data.next_observation(i)[c]));
    }
    for (std::size_t b = 0; b < 3; ++b) {
      REQUIRE(batch.mask(i)[b] == data.mask(i)[b]);
      REQUIRE(batch.next_mask(i)[b] == data.next_mask(i)[b]);
    }
    REQUIRE(batch.rewards[i] == 2.0 * data.reward(i));
    REQUIRE(batch.discounts[i] == (i == 2 ? 0.0 : 0.5));  // row 2 is terminated, row 5 truncated
  }
  REQUIRE(batch.next_observations(1, 0) == batch.observations(2, 0));
  REQUIRE(batch.next_observations(2, 0) != batch.observations(3, 0));  // the final observation, not the next episode
}

TEST_CASE("minibatch i depends on seed and i alone and covers the rows evenly") {
  const rlx::OfflineDataset data = random_log({.episodes = 5, .steps = 4, .observation = 2, .actions = 3, .seed = 1});
  const rlx::OfflineTraining training{.batch_size = 1'000, .seed = 4};
  const rlx::TransitionScaling scaling(data, training, {});
  rlx::TransitionRows<double> one(data, scaling, training), other(data, scaling, training);
  std::vector<double> first;
  for (const double r : one.draw(7).rewards) first.push_back(r);
  other.draw(3);
  const auto again = other.draw(7);
  REQUIRE(std::vector<double>(again.rewards.begin(), again.rewards.end()) == first);
  for (std::size_t row = 0; row < data.size(); ++row) {
    const auto hits = std::count(first.begin(), first.end(), data.reward(row));
    REQUIRE(hits > 20);  // 50 expected, sd 7
    REQUIRE(hits < 90);
  }
}

TEST_CASE("scales come from the dataset: mean 0 and variance 1 per column, rewards by their deviation on request") {
  const rlx::OfflineDataset data = random_log({.episodes = 50, .steps = 10, .observation = 2, .actions = 3, .seed = 8});
  const rlx::TransitionScaling scaling(data, {.reward_scale = {}}, {1});
  std::vector<float> scratch(2);
  std::vector<double> row(2);
  double sum = 0, squares = 0, reward = 0, reward_squares = 0;
  for (std::size_t i = 0; i < data.size(); ++i) {
    scaling.scale<double>(data.observation(i), scratch, row);
    sum += row[0], squares += row[0] * row[0];
    REQUIRE(row[1] == static_cast<double>(data.observation(i)[1]));  // the column that stays as it is
    const double r = data.reward(i) * scaling.reward_scale();
    reward += r, reward_squares += r * r;
  }
  const auto n = static_cast<double>(data.size());
  REQUIRE_THAT(sum / n, WithinAbs(0, 1e-4));
  REQUIRE_THAT(squares / n, WithinAbs(1, 1e-3));
  REQUIRE_THAT(reward_squares / n - reward / n * (reward / n), WithinAbs(1, 1e-9));
}
