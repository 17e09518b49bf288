// SPDX-License-Identifier: MIT
#include <rlx/rl/offline/ope.hpp>

#include "rlx_catch.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/thread_pool.hpp>

using rlx_test::Approx;
using rlx_test::ContainsSubstring;

namespace {

std::vector<rlx::EpisodeRange> ranges(const std::vector<std::size_t>& lengths) {
  std::vector<rlx::EpisodeRange> episodes;
  std::size_t begin = 0;
  for (const std::size_t length : lengths) {
    episodes.push_back({begin, begin + length, static_cast<std::int64_t>(episodes.size())});
    begin += length;
  }
  return episodes;
}

/// The same probabilities everywhere, renormalised over valid actions.
struct Fixed {
  struct Workspace {};
  std::vector<double> p;
  Workspace make_workspace() const { return {}; }
  void probabilities(std::span<const float>, std::span<const std::uint8_t> mask, std::span<double> out, Workspace&) const {
    double sum = 0;
    for (std::size_t a = 0; a < out.size(); ++a) sum += mask[a] != 0 ? p[a] : 0;
    for (std::size_t a = 0; a < out.size(); ++a) out[a] = mask[a] != 0 ? p[a] / sum : 0;
  }
};

/// Q(s, a) of a two-step task with additive rewards; see `two_steps`.
struct ExactQ {
  struct Workspace {};
  double p;  // of action 1
  Workspace make_workspace() const { return {}; }
  void values(std::span<const float> observation, std::span<const std::uint8_t>, std::span<double> out, Workspace&) const {
    const double later = observation[0] < 0.5F ? p : 0;  // expected reward of the second step
    out[0] = later;
    out[1] = 1 + later;
  }
};

/// Two steps; action 1 earns 1 + noise, action 0 earns noise (normal, sd 0.5); logged with 0.5 each, terminated.
rlx::OfflineDataset two_steps(std::size_t episodes, std::uint64_t seed, double noise = 0.5) {
  rlx::OfflineBuilder builder({.observation_size = 1, .action_count = 2, .gamma = 1});
  rlx::RandomStream random({seed, rlx::Purpose::user, 0, 0});
  for (std::size_t e = 0; e < episodes; ++e) {
    for (std::int64_t t = 0; t < 2; ++t) {
      const auto observation = static_cast<float>(t);
      const auto action = static_cast<std::int32_t>(random.bounded(2));
      const float half[] = {0.5F, 0.5F};
      builder.add(static_cast<std::int64_t>(e), {.observation = {&observation, 1},
                                                 .action = action,
                                                 .reward = action + noise * random.normal(),
                                                 .terminated = t == 1,
                                                 .propensity = 0.5,
                                                 .behaviour_probs = half,
                                                 .tag = action == 0 ? "calm" : "bold",
                                                 .ts = t});
    }
    const float end = 2;
    builder.end_episode({&end, 1});
  }
  return builder.build();
}

rlx::OpeConfig quick(std::vector<rlx::OpeMethod> methods) {
  rlx::OpeConfig config;
  config.methods = std::move(methods);
  config.replicates = 500;
  config.q = {.hidden = {}, .updates = 300, .batch_size = 64, .learning_rate = 0.05};
  return config;
}

rlx::OpeResult result_of(double low, double behaviour, bool reliable) {
  rlx::OpeResult result;
  result.behaviour_value = behaviour;
  result.estimates.push_back({.method = rlx::OpeMethod::doubly_robust,
                              .available = true,
                              .value = {low + 1, low, low + 2},
                              .reliable = reliable,
                              .note = reliable ? "" : "few episodes"});
  return result;
}

constexpr auto wis = rlx::OpeMethod::wis;
constexpr auto pdwis = rlx::OpeMethod::pdwis;
constexpr auto dr = rlx::OpeMethod::doubly_robust;
constexpr auto fqe = rlx::OpeMethod::fqe;

}  // namespace

TEST_CASE("OpeEpisodes: weights 2 and 0.5, returns 1 and 3", "[offline]") {
  const auto episodes = ranges({1, 1});
  const std::vector<double> rewards = {1, 3}, rho = {2, 0.5};
  const rlx::OpeEpisodes figures({.episodes = episodes, .rewards = rewards, .rho = rho});
  REQUIRE(figures.wis() == Approx(1.4));
  REQUIRE(figures.effective_size() == Approx(1.470588).epsilon(1e-6));
  REQUIRE(figures.pdwis() == Approx(1.4));
  REQUIRE_FALSE(figures.has_doubly_robust());
}

TEST_CASE("OpeEpisodes: doubly robust, one step and two", "[offline]") {
  const auto one = ranges({1});
  const std::vector<double> r = {1}, rho = {1.6}, q = {0.6}, v = {0.5};
  REQUIRE(rlx::OpeEpisodes({.episodes = one, .rewards = r, .rho = rho, .q = q, .v = v}).doubly_robust() == Approx(1.14));
  // Two steps, gamma 0.5: V1 = 1 + 2 (3 - 2) = 3; V0 = 0.5 + 1.5 (1 + 0.5 * 3 - 1) = 2.75.
  const auto two = ranges({2});
  const std::vector<double> r2 = {1, 3}, rho2 = {1.5, 2}, q2 = {1, 2}, v2 = {0.5, 1};
  REQUIRE(rlx::OpeEpisodes({.episodes = two, .rewards = r2, .rho = rho2, .q = q2, .v = v2, .gamma = 0.5}).doubly_robust() ==
          Approx(2.75));
}

TEST_CASE("OpeEpisodes: per decision, an ended episode keeps its weight", "[offline]") {
  // W: episode 0: 2; episode 1: 1, 3. t = 0: (2 * 1 + 1 * 4) / 3 = 2. t = 1: (2 * 0 + 3 * 10) / (2 + 3) = 6.
  const auto episodes = ranges({1, 2});
  const std::vector<double> rewards = {1, 4, 10}, rho = {2, 1, 3};
  const rlx::OpeEpisodes figures({.episodes = episodes, .rewards = rewards, .rho = rho, .gamma = 0.5});
  REQUIRE(figures.pdwis() == Approx(2 + 0.5 * 6));
  // WIS: W 2 and 3, G 1 and 4 + 0.5 * 10 = 9.
  REQUIRE(figures.wis() == Approx((2 * 1 + 3 * 9) / 5.0));
  const std::vector<double> twice = {2, 1};  // episode 0 drawn twice
  REQUIRE(figures.pdwis(twice) == Approx((4 * 1 + 4) / 5.0 + 0.5 * 30 / 7.0));
  REQUIRE(figures.wis(twice) == Approx((4 * 1 + 3 * 9) / 7.0));
  // Three lengths: the weight of the first two goes on to t = 2: (1 * 6) / (2 + 3 + 1).
  const auto three = ranges({1, 2, 3});
  const std::vector<double> r3 = {0, 0, 0, 0, 0, 6}, rho3 = {2, 1, 3, 0.5, 2, 1};
  REQUIRE(rlx::OpeEpisodes({.episodes = three, .rewards = r3, .rho = rho3}).pdwis() == Approx(1.0));
}

TEST_CASE("OpeEpisodes: the estimators equal their definitions on random logs", "[offline]") {
  rlx::RandomStream random({3, rlx::Purpose::user, 1, 0});
  for (int repeat = 0; repeat < 200; ++repeat) {
    std::vector<std::size_t> lengths(1 + random.bounded(6));
    for (std::size_t& length : lengths) length = 1 + random.bounded(5);
    const auto episodes = ranges(lengths);
    const std::size_t n = episodes.back().end, m = lengths.size();
    std::vector<double> r(n), rho(n), q(n), v(n), count(m);
    for (std::size_t i = 0; i < n; ++i) {
      r[i] = random.normal();
      rho[i] = random.uniform(0.1, 4);
      q[i] = random.normal();
      v[i] = random.normal();
    }
    for (double& c : count) c = static_cast<double>(random.bounded(3));
    count[0] += 1;
    const double gamma = random.uniform();
    const std::size_t longest = *std::max_element(lengths.begin(), lengths.end());
    double wis_top = 0, wis_bottom = 0, per_decision = 0, robust = 0, total = 0;
    for (std::size_t t = 0; t < longest; ++t) {
      double top = 0, bottom = 0;
      for (std::size_t e = 0; e < m; ++e) {
        double w = count[e];
        for (std::size_t j = 0; j <= t && j < lengths[e]; ++j) w *= rho[episodes[e].begin + j];
        if (t < lengths[e]) top += w * r[episodes[e].begin + t];
        bottom += w;
      }
      per_decision += std::pow(gamma, static_cast<double>(t)) * top / bottom;
    }
    for (std::size_t e = 0; e < m; ++e) {
      double w = count[e], g = 0, next = 0;
      for (std::size_t j = 0; j < lengths[e]; ++j) {
        w *= rho[episodes[e].begin + j];
        g += std::pow(gamma, static_cast<double>(j)) * r[episodes[e].begin + j];
      }
      for (std::size_t i = episodes[e].end; i-- > episodes[e].begin;) next = v[i] + rho[i] * (r[i] + gamma * next - q[i]);
      wis_top += w * g;
      wis_bottom += w;
      robust += count[e] * next;
      total += count[e];
    }
    const rlx::OpeEpisodes figures({.episodes = episodes, .rewards = r, .rho = rho, .q = q, .v = v, .gamma = gamma});
    REQUIRE(figures.wis(count) == Approx(wis_top / wis_bottom).margin(1e-12));
    REQUIRE(figures.pdwis(count) == Approx(per_decision).margin(1e-12));
    REQUIRE(figures.doubly_robust(count) == Approx(robust / total).margin(1e-12));
  }
}

TEST_CASE("OpeEpisodes: weights of long episodes neither overflow nor vanish", "[offline]") {
  const auto episodes = ranges({4'000, 4'000});
  for (const double base : {3.0, 0.2}) {
    std::vector<double> rewards(8'000, 0.0), rho(8'000, base);
    rewards[3'999] = 1;
    rewards[7'999] = 4;
    rho[0] *= 2;  // episode 0 weighs twice as much
    const rlx::OpeEpisodes figures({.episodes = episodes, .rewards = rewards, .rho = rho});
    REQUIRE(figures.wis() == Approx(2.0));
    REQUIRE(figures.pdwis() == Approx(2.0));
    REQUIRE(figures.effective_size() == Approx(9.0 / 5));
  }
}

TEST_CASE("OpeEpisodes: without weight there is no number, and wrong input is named", "[offline]") {
  const auto episodes = ranges({1, 1});
  const std::vector<double> rewards = {1, 3}, none = {0, 0}, negative = {1, -1}, shorter = {1};
  const rlx::OpeEpisodes figures({.episodes = episodes, .rewards = rewards, .rho = none});
  REQUIRE(std::isnan(figures.wis()));
  REQUIRE(std::isnan(figures.pdwis()));
  REQUIRE(figures.effective_size() == 0);
  REQUIRE_THROWS_AS(rlx::OpeEpisodes({.episodes = episodes, .rewards = rewards, .rho = negative}), rlx::NumericError);
  REQUIRE_THROWS_AS(rlx::OpeEpisodes({.episodes = episodes, .rewards = rewards, .rho = shorter}), rlx::ShapeError);
  REQUIRE_THROWS_AS(rlx::OpeEpisodes({.episodes = episodes, .rewards = rewards, .rho = none, .q = rewards}), rlx::ShapeError);
}

TEST_CASE("evaluate_off_policy: the behaviour policy itself is worth the sample mean exactly", "[offline]") {
  const rlx::OfflineDataset data = two_steps(37, 5);
  const auto result = rlx::evaluate_off_policy(data, Fixed{{0.5, 0.5}}, quick({wis, pdwis}));
  double mean = 0;
  for (std::size_t e = 0; e < 37; ++e) mean += data.episode_return(e);
  mean /= 37;
  REQUIRE(result[wis].value.estimate == mean);  // bit for bit
  REQUIRE(result.behaviour_value == Approx(mean));
  REQUIRE(result[pdwis].value.estimate == Approx(mean));
  REQUIRE(result.effective_size == 37.0);
  REQUIRE(result.support == Approx(1.0));
  REQUIRE(result[wis].reliable);
  REQUIRE(result[wis].value.low < mean);
  REQUIRE(result[wis].value.high > mean);
}

TEST_CASE("evaluate_off_policy: with the exact Q the doubly robust estimate varies less", "[offline]") {
  const Fixed target{{0.2, 0.8}};
  const ExactQ q{0.8};
  double wis_squares = 0, dr_squares = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    rlx::OpeConfig config = quick({wis, dr});
    config.intervals = false;
    const auto result = rlx::evaluate_off_policy(two_steps(50, seed), target, q, config);
    wis_squares += std::pow(result[wis].value.estimate - 1.6, 2);
    dr_squares += std::pow(result[dr].value.estimate - 1.6, 2);
  }
  REQUIRE(dr_squares < 0.8 * wis_squares);
}

TEST_CASE("evaluate_off_policy: 95 % intervals cover the true value in at least 90 of 100 logs", "[offline]") {
  // The value of the policy is 2 * 0.7, exactly.
  const Fixed target{{0.3, 0.7}};
  int covered[4] = {};
  rlx::ThreadPool pool(1);
  for (std::uint64_t seed = 100; seed < 200; ++seed) {
    rlx::OpeConfig config = quick({wis, pdwis, dr, fqe});
    config.seed = seed;
    config.replicates = 400;
    const auto result = rlx::evaluate_off_policy(two_steps(200, seed), target, config, &pool);
    for (std::size_t i = 0; i < 4; ++i) {
      const auto& value = result.estimates[i].value;
      covered[i] += value.low <= 1.4 && 1.4 <= value.high ? 1 : 0;
    }
  }
  CAPTURE(covered[0], covered[1], covered[2], covered[3]);
  for (const int count : covered) REQUIRE(count >= 90);
}

TEST_CASE("evaluate_off_policy: unknown propensities refuse importance, FQE answers", "[offline]") {
  rlx::OfflineDataset logged = two_steps(30, 1);
  std::vector<double> propensity = logged.columns().propensity;
  propensity[7] = std::numeric_limits<double>::quiet_NaN();
  const auto holes = logged.with_propensities(propensity, rlx::PropensitySource::logged);
  const Fixed target{{0.5, 0.5}};
  try {
    rlx::evaluate_off_policy(holes, target, quick({wis}));
    FAIL("no error");
  } catch (const rlx::DataError& error) {
    REQUIRE_THAT(error.what(), ContainsSubstring("row 7, column 'propensity', episode 3") && ContainsSubstring("FQE"));
  }
  const std::vector<double> none(logged.size(), std::numeric_limits<double>::quiet_NaN());
  const auto deterministic = logged.with_propensities(none, rlx::PropensitySource::deterministic);
  REQUIRE_THROWS_AS(rlx::evaluate_off_policy(deterministic, target, quick({pdwis})), rlx::DataError);
  const auto result = rlx::evaluate_off_policy(deterministic, target, quick({fqe}));
  REQUIRE(result[fqe].available);
  REQUIRE(std::isnan(result.effective_size));
  REQUIRE_THROWS_AS(result[wis], rlx::ConfigError);

  // A model of the behaviour policy gives propensities; the result says so.
  rlx::OpeConfig config = quick({wis});
  config.propensities = rlx::PropensitySource::estimated;
  REQUIRE_THROWS_AS(rlx::evaluate_off_policy(deterministic, target, config), rlx::DataError);
  const auto estimated = rlx::estimate_propensities(deterministic, target);
  const auto again = rlx::evaluate_off_policy(estimated, target, config);
  REQUIRE(again.propensities == rlx::PropensitySource::estimated);
  REQUIRE(again[wis].value.estimate == Approx(again.behaviour_value));
}

TEST_CASE("evaluate_off_policy: a deterministic log counts its actions as certain", "[offline]") {
  rlx::OfflineBuilder builder(
      {.observation_size = 1, .action_count = 2, .gamma = 1, .propensity_source = rlx::PropensitySource::deterministic});
  const float zero = 0;
  for (std::int64_t e = 0; e < 40; ++e) {
    builder.add(e, {.observation = {&zero, 1}, .action = 1, .reward = static_cast<double>(e % 4), .terminated = true});
    builder.end_episode({&zero, 1});
  }
  const auto data = builder.build();
  rlx::OpeConfig config = quick({wis});
  config.propensities = rlx::PropensitySource::deterministic;
  REQUIRE(rlx::evaluate_off_policy(data, Fixed{{0.05, 0.95}}, config)[wis].value.estimate == Approx(1.5));
  REQUIRE_FALSE(rlx::evaluate_off_policy(data, Fixed{{0.5, 0.5}}, config)[wis].available);  // support 0.5
}

TEST_CASE("evaluate_off_policy: without support only FQE answers, flagged", "[offline]") {
  rlx::OfflineBuilder builder({.observation_size = 1, .action_count = 3, .gamma = 1});
  const float zero = 0;
  const float probabilities[] = {0.5F, 0.5F, 0.0F};
  for (std::int64_t e = 0; e < 40; ++e) {
    builder.add(e, {.observation = {&zero, 1},
                    .action = static_cast<std::int32_t>(e % 2),
                    .reward = 1.0,
                    .terminated = true,
                    .propensity = 0.5,
                    .behaviour_probs = probabilities});
    builder.end_episode({&zero, 1});
  }
  const auto data = builder.build();
  const auto refused = rlx::evaluate_off_policy(data, Fixed{{0.4, 0.4, 0.2}}, quick({wis, dr, fqe}));
  REQUIRE(refused.support == Approx(0.8));
  REQUIRE_FALSE(refused[wis].available);
  REQUIRE_THAT(refused[wis].note, ContainsSubstring("0.8") && ContainsSubstring("0.9"));
  REQUIRE_FALSE(refused[dr].available);
  REQUIRE(refused[fqe].available);
  REQUIRE_FALSE(refused[fqe].reliable);
  REQUIRE(rlx::evaluate_off_policy(data, Fixed{{0.45, 0.47, 0.08}}, quick({wis}))[wis].available);
}

TEST_CASE("evaluate_off_policy: few effective episodes make the interval unreliable", "[offline]") {
  const auto data = two_steps(400, 2);
  const auto far = rlx::evaluate_off_policy(data, Fixed{{0.999, 0.001}}, quick({wis}));
  REQUIRE(far.effective_size > 20);
  REQUIRE(far[wis].reliable);
  const auto few = rlx::evaluate_off_policy(two_steps(12, 2), Fixed{{0.999, 0.001}}, quick({wis}));
  REQUIRE(few.effective_size < 10);
  REQUIRE_FALSE(few[wis].reliable);
  REQUIRE_THAT(few[wis].note, ContainsSubstring("at least 10"));
}

TEST_CASE("evaluate_off_policy: threads do not change a number", "[offline]") {
  const auto data = two_steps(60, 9);
  const Fixed target{{0.3, 0.7}};
  rlx::OpeConfig config = quick({wis, pdwis, dr, fqe});
  config.refits = 3;
  rlx::ThreadPool one(1), three(3);
  const auto alone = rlx::evaluate_off_policy(data, target, config);
  for (rlx::ThreadPool* pool : {&one, &three}) {
    const auto result = rlx::evaluate_off_policy(data, target, config, pool);
    for (std::size_t i = 0; i < 4; ++i) REQUIRE(result.estimates[i].value == alone.estimates[i].value);
  }
}

TEST_CASE("evaluate_by_tag: each strategy on its own rows", "[offline]") {
  const auto data = two_steps(80, 4);
  const auto results = rlx::evaluate_by_tag(data, Fixed{{0.5, 0.5}}, quick({wis}));
  REQUIRE(results.size() == 2);  // "unknown" has no rows
  REQUIRE(results[0].first == data.tag(0));
  for (const auto& [tag, result] : results) {
    const auto rows = data.filter({tag});
    double mean = 0;
    for (std::size_t e = 0; e < rows.episodes().size(); ++e) {
      mean += rows.episode_return(e) / static_cast<double>(rows.episodes().size());
    }
    REQUIRE(result[wis].value.estimate == Approx(mean));
  }
}

TEST_CASE("evaluate_off_policy: settings out of range are refused", "[offline]") {
  const auto data = two_steps(4, 1);
  rlx::OpeConfig config = quick({wis});
  config.confidence = 1;
  REQUIRE_THROWS_AS(rlx::evaluate_off_policy(data, Fixed{{0.5, 0.5}}, config), rlx::ConfigError);
  config = quick({wis});
  config.min_support = 1.5;
  REQUIRE_THROWS_AS(rlx::evaluate_off_policy(data, Fixed{{0.5, 0.5}}, config), rlx::ConfigError);
  config = quick({fqe});
  config.refits = 1;
  REQUIRE_THROWS_AS(rlx::evaluate_off_policy(data, Fixed{{0.5, 0.5}}, config), rlx::ConfigError);
}

TEST_CASE("may_go_online: the lower bound must reach the value of the log", "[offline]") {
  REQUIRE(rlx::may_go_online(result_of(2, 2, true)).allowed);
  const auto below = rlx::may_go_online(result_of(1.5, 2, true));
  REQUIRE_FALSE(below.allowed);
  REQUIRE_THAT(below.reason, ContainsSubstring("1.5") && ContainsSubstring("2"));
  REQUIRE_FALSE(rlx::may_go_online(result_of(3, 2, false)).allowed);
  REQUIRE(rlx::may_go_online(result_of(3, 2, false)).reason == "few episodes");
  rlx::OpeResult bare = result_of(3, 2, true);
  bare.intervals = false;  // the ends are the estimate itself
  REQUIRE_FALSE(rlx::may_go_online(bare).allowed);
  REQUIRE_THAT(rlx::may_go_online(bare).reason, ContainsSubstring("no lower bound"));
  REQUIRE_THROWS_AS(rlx::may_go_online({}), rlx::ConfigError);
}
