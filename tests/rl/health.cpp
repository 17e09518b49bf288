// SPDX-License-Identifier: MIT
#include <rlx/rl/health.hpp>

#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "rl/fake_learner.hpp"
#include "rlx_catch.hpp"

using namespace rlx_test;

TEST_CASE("Each breach is reported once, with advice, until it is over", "[rl][health]") {
  FakeLearner learner;
  std::vector<std::string> lines;
  rlx::HealthLimits limits;
  limits.quiet_updates = 0;
  rlx::HealthCallback health([&](const rlx::HealthWarning& w) { lines.push_back(w.text); }, limits);
  learner.metrics.entropy_share = 0.8;
  learner.metrics.entropy_rescaled = 2.9;
  learner.metrics.clip_fraction = 0.2;
  learner.metrics.clip_range = 0.2;
  learner.metrics.approx_kl = 0.02;
  learner.metrics.value_loss = 1.0;
  for (int i = 0; i < 20; ++i) health.on_update_end(learner);
  REQUIRE(lines.empty());

  learner.metrics.entropy_share = 0.1;
  learner.metrics.entropy_rescaled = 0.36;
  for (int i = 0; i < 3; ++i) health.on_update_end(learner);
  REQUIRE(lines.size() == 1);
  REQUIRE_THAT(lines[0], ContainsSubstring("stuck: increase ent_coef"));
  learner.metrics.entropy_share = 0.5;
  health.on_update_end(learner);
  learner.metrics.entropy_share = 0.1;
  health.on_update_end(learner);
  REQUIRE(lines.size() == 2);

  learner.metrics.approx_kl = 0.2;
  learner.metrics.clip_fraction = 0.6;
  learner.metrics.value_loss = 11.0;
  health.on_update_end(learner);
  REQUIRE(lines.size() == 5);
  REQUIRE_THAT(lines[2], ContainsSubstring("KL 0.2 above 0.1: lower learning_rate"));
  REQUIRE_THAT(lines[3], ContainsSubstring("clip fraction 0.6 above 0.5"));
  REQUIRE_THAT(lines[4], ContainsSubstring("value loss 11 more than 10 times its median of 1"));
  learner.metrics.clip_fraction = 0.0;
  learner.metrics.clip_range = 0.0;  // nothing can be clipped: not a warning
  health.on_update_end(learner);
  REQUIRE(lines.size() == 5);
  REQUIRE(health.warnings().size() == 5);
}

TEST_CASE("A figure that hovers around its limit is reported once in 100 updates", "[rl][health]") {
  FakeLearner learner;
  learner.metrics.entropy_share = 0.8;
  learner.metrics.clip_range = 0.2;
  std::vector<std::size_t> at;
  std::vector<std::string> lines;
  std::size_t update = 0;
  rlx::HealthCallback health([&](const rlx::HealthWarning& w) {
    at.push_back(update);
    lines.push_back(w.text);
  });
  const auto run = [&](std::size_t until, auto&& clip_fraction) {
    for (; update < until; ++update) {
      learner.metrics.clip_fraction = clip_fraction(update);
      health.on_update_end(learner);
    }
  };
  run(250, [](std::size_t i) { return i % 2 == 0 ? 0.01 : 0.03; });
  REQUIRE(at == std::vector<std::size_t>{0, 100, 200});
  REQUIRE_THAT(lines[0], ContainsSubstring("clip fraction 0.01 below 0.02"));
  // The other limit of the same metric waits as well, but a breach that lasts is not lost. Other metrics do not wait.
  learner.metrics.approx_kl = 0.2;
  run(400, [](std::size_t) { return 0.6; });
  REQUIRE(at == std::vector<std::size_t>{0, 100, 200, 250, 300});
  REQUIRE_THAT(lines[3], ContainsSubstring("KL 0.2 above 0.1"));
  REQUIRE_THAT(lines[4], ContainsSubstring("clip fraction 0.6 above 0.5"));
}

TEST_CASE("Bad episodes and a mean that stands still", "[rl][health]") {
  FakeLearner learner;
  std::vector<std::string> lines;
  rlx::HealthLimits limits;
  limits.episode_return_bad = -100.0;
  limits.flat_episodes = 10;
  limits.return_advice = "reduce --max-leverage";
  rlx::HealthCallback health([&](const rlx::HealthWarning& w) { lines.push_back(w.text); }, limits);
  rlx::EpisodeRecord record;
  learner.mean = 1.0;
  for (int i = 0; i < 10; ++i) {
    record.statistics.episode_return = i % 2 == 0 ? 5.0 : -3.0;
    learner.mean += 1.0;  // moving
    health.on_episode(learner, record);
  }
  REQUIRE(lines.empty());
  for (int i = 0; i < 10; ++i) {
    record.statistics.episode_return = i % 2 == 0 ? 5.0 : -3.0;
    health.on_episode(learner, record);
  }
  REQUIRE(lines.size() == 1);
  REQUIRE_THAT(lines[0], ContainsSubstring("stopped moving"));
  record.statistics.episode_return = -150.0;
  health.on_episode(learner, record);
  REQUIRE_THAT(lines.back(), ContainsSubstring("below -100.00: reduce --max-leverage"));
}

TEST_CASE("Marks have the limits of the monitoring guide", "[rl][health]") {
  using enum rlx::HealthMark;
  rlx::UpdateMetrics m;
  m.clip_range = 0.2;
  const auto entropy = [&](double share) { return m.entropy_share = share, rlx::health_marks(m).entropy; };
  REQUIRE(entropy(1.5 / std::log(36.0) + 0.002) == good);
  REQUIRE(entropy(0.42) == fair);
  REQUIRE(entropy(0.14) == fair);
  REQUIRE(entropy(0.5 / std::log(36.0) - 0.001) == bad);
  const auto kl = [&](double value) { return m.approx_kl = value, rlx::health_marks(m).approx_kl; };
  REQUIRE(kl(0.049) == good);
  REQUIRE(kl(0.05) == fair);
  REQUIRE(kl(0.1) == fair);
  REQUIRE(kl(0.11) == bad);
  const auto clip = [&](double value) { return m.clip_fraction = value, rlx::health_marks(m).clip_fraction; };
  REQUIRE(clip(0.1) == good);
  REQUIRE(clip(0.3) == good);
  REQUIRE(clip(0.4) == fair);
  REQUIRE(clip(0.05) == fair);
  REQUIRE(clip(0.01) == bad);
  REQUIRE(clip(0.51) == bad);
  REQUIRE(clip(std::numeric_limits<double>::quiet_NaN()) == fair);
  m.clip_range = 0.0;
  REQUIRE(clip(0.0) == fair);
  for (const double nearly : {0.0, 1e-12, 0.019}) {  // annealed away: everything is clipped
    m.clip_range = nearly;
    REQUIRE(clip(1.0) == fair);
  }
  m.clip_range = 0.02;
  REQUIRE(clip(1.0) == bad);

  FakeLearner learner;
  rlx::Logger logger;
  learner.log = &logger;
  learner.metrics.entropy_share = 0.8;
  learner.metrics.approx_kl = 0.07;
  learner.metrics.clip_fraction = 0.9;
  learner.metrics.clip_range = 0.2;
  rlx::HealthCallback health({});
  REQUIRE(health.on_update_end(learner));
  REQUIRE(logger.value("health/entropy") == 1.0);
  REQUIRE(logger.value("health/approx_kl") == 0.0);
  REQUIRE(logger.value("health/clip_fraction") == -1.0);
}

TEST_CASE("Figures that an update does not have are no alarm: entropy of actions that are no choices", "[rl][health]") {
  rlx::UpdateMetrics metrics;
  metrics.entropy = 1.4;
  REQUIRE_FALSE(rlx::is_finite(metrics.entropy_share));
  REQUIRE(rlx::health_marks(metrics).entropy == rlx::HealthMark::fair);
}
