// SPDX-License-Identifier: MIT
#include <rlx/rl/quantile_critic.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/core/special_functions.hpp>
#include <rlx/nn/adam.hpp>
#include <rlx/nn/gradient_check.hpp>

#include "rlx_catch.hpp"

using namespace rlx_test;
using rlx::QuantileCritic;
using rlx::QuantileTarget;

namespace {

/// The raw output whose softplus is x.
double raw(double x) { return x > 30 ? x : std::log(std::expm1(x)); }

/// Everything that a RolloutView refers to. All rows have the atoms of `z` unless a test writes others.
struct Rows {
  Rows(std::size_t steps, std::size_t num_envs, std::size_t k)
      : T(steps),
        N(num_envs),
        K(k),
        rewards(T * N),
        outputs(T * N * K),
        finals(T * N * K),
        last(N * K),
        targets(T * N * K),
        terminated(T * N),
        truncated(T * N) {}
  rlx::RolloutView view() const {
    rlx::RolloutView v;
    v.n_steps = T;
    v.num_envs = N;
    v.rewards = v.scaled_rewards = rewards;
    v.terminated = terminated;
    v.truncated = truncated;
    v.critic_outputs = {outputs.data(), T * N, K};
    v.final_critic_outputs = {finals.data(), T * N, K};
    v.last_critic_outputs = {last.data(), N, K};
    v.targets = {targets.data(), T * N, K};
    v.gamma = gamma;
    v.gae_lambda = lambda;
    v.update = update;
    v.seed = seed;
    return v;
  }
  void prepare(const QuantileCritic& critic) { critic.prepare(view(), targets); }
  float target(std::size_t t, std::size_t n, std::size_t j) const { return targets[(t * N + n) * K + j]; }

  std::size_t T, N, K;
  std::vector<float> rewards, outputs, finals, last, targets;
  std::vector<std::uint8_t> terminated, truncated;
  double gamma = 1.0, lambda = 0.95;
  std::uint64_t update = 0, seed = 3;
};

void draw(rlx::RandomStream& random, std::vector<float>& x) {
  for (float& value : x) value = static_cast<float>(random.normal());
}

/// Trains the raw outputs of some states in double, each row of a rollout belonging to one of them.
struct Table {
  Table(std::size_t num_states, std::size_t k) : states(num_states), K(k), z(num_states * k), d(z.size()), adam(z.size()) {}
  /// One step on the targets of `rows`; row i belongs to state_of(i).
  template <class StateOf>
  void step(const QuantileCritic& critic, const Rows& rows, StateOf state_of, double learning_rate) {
    const std::size_t n = rows.T * rows.N;
    outputs.resize(n * K);
    targets.assign(rows.targets.begin(), rows.targets.end());
    d_outputs.assign(n * K, 0.0);
    for (std::size_t i = 0; i < n; ++i) std::copy_n(z.begin() + at(state_of(i)), K, outputs.begin() + at(i));
    const rlx::BasicCriticBatch<double> batch{{outputs.data(), n, K}, {outputs.data(), n, K}, {targets.data(), n, K}, n, {},
                                              rlx::ValueClip::sb3};
    critic.loss(batch, std::span<double>(d_outputs));
    std::fill(d.begin(), d.end(), 0.0);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < K; ++j) d[state_of(i) * K + j] += d_outputs[i * K + j];
    }
    adam.step(z, d, learning_rate);
  }
  std::ptrdiff_t at(std::size_t row) const { return static_cast<std::ptrdiff_t>(row * K); }
  std::vector<double> atoms(std::size_t state) const {
    std::vector<double> theta(K);
    rlx::quantile_atoms(std::span<const double>(z).subspan(state * K, K), theta);
    return theta;
  }
  std::size_t states, K;
  std::vector<double> z, d, outputs, targets, d_outputs;
  rlx::nn::BasicAdam<double> adam;
};

double sd_of(const std::vector<double>& theta) {
  double mean = 0, squares = 0;
  for (const double x : theta) mean += x / static_cast<double>(theta.size());
  for (const double x : theta) squares += (x - mean) * (x - mean) / static_cast<double>(theta.size());
  return std::sqrt(squares);
}

/// Atoms of the first state of a chain of three rewards N(0, 1), averaged over the last half of the steps.
std::vector<double> learn_chain(double lambda, std::size_t k, std::size_t chains, std::size_t updates) {
  rlx::QuantileCriticConfig config;
  config.atoms = k;
  config.kappa_absolute = 0.0;
  const QuantileCritic critic(config);
  Table table(3, k);
  std::fill(table.z.begin(), table.z.end(), raw(0.1));
  for (std::size_t s = 0; s < 3; ++s) table.z[s * k] = 0;
  Rows rows(3, chains, k);
  rows.lambda = lambda;
  for (std::size_t n = 0; n < chains; ++n) rows.terminated[2 * chains + n] = 1;
  std::vector<double> mean(k);
  for (std::size_t u = 0; u < updates; ++u) {
    rows.update = u;
    rlx::RandomStream random({7, rlx::Purpose::user, 0, u});
    draw(random, rows.rewards);
    for (std::size_t i = 0; i < 3 * chains; ++i) {
      for (std::size_t j = 0; j < k; ++j) rows.outputs[i * k + j] = static_cast<float>(table.z[i / chains * k + j]);
    }
    rows.prepare(critic);
    const double left = 1.0 - static_cast<double>(u) / static_cast<double>(updates);
    table.step(
        critic, rows, [&](std::size_t i) { return i / chains; }, 0.1 * left + 1e-4);
    if (2 * u < updates) continue;
    const std::vector<double> now = table.atoms(0);
    for (std::size_t j = 0; j < k; ++j) mean[j] += now[j] / static_cast<double>(updates - (updates + 1) / 2);
  }
  return mean;
}

}  // namespace

TEST_CASE("Atoms of a quantile head: the worked example", "[rl][quantile_critic]") {
  // Increments 1 and 3, z_1 = 1: c = (0, 1, 4), mean 5/3.
  const std::vector<double> z{1.0, raw(1.0), raw(3.0)};
  std::vector<double> theta(3);
  rlx::quantile_atoms(std::span<const double>(z), theta);
  REQUIRE_THAT(theta[0], WithinAbs(-2.0 / 3, 1e-12));
  REQUIRE_THAT(theta[1], WithinAbs(1.0 / 3, 1e-12));
  REQUIRE_THAT(theta[2], WithinAbs(10.0 / 3, 1e-12));
  const std::vector<float> single(z.begin(), z.end());
  std::vector<float> atoms(3);
  const QuantileCritic critic({.atoms = 3});
  critic.atoms(single, atoms);
  REQUIRE_THAT(atoms[2], WithinAbs(10.0F / 3, 1e-6));
  REQUIRE(critic.value(single) == 1.0F);
  REQUIRE(critic.outputs() == 3);
  REQUIRE(critic.target_width() == 3);
  REQUIRE_THROWS_AS(critic.atoms(single, std::span<float>(atoms).first(2)), rlx::ShapeError);
}

TEST_CASE("Atoms never cross and their mean is the value, whatever the network says", "[rl][quantile_critic]") {
  rlx::RandomStream random({1, rlx::Purpose::user});
  for (const std::size_t k : {2U, 3U, 7U, 8U, 32U, 33U, 512U}) {
    const QuantileCritic critic({.atoms = k});
    std::vector<float> z(k), theta(k);
    for (const float size : {0.0F, 1.0F, 30.0F, 1e4F}) {
      for (int repeat = 0; repeat < 20; ++repeat) {
        for (float& x : z) x = size * static_cast<float>(random.normal());
        critic.atoms(z, theta);
        REQUIRE(std::is_sorted(theta.begin(), theta.end()));
        double mean = 0, largest = 1;
        for (const float x : theta) {
          mean += static_cast<double>(x) / static_cast<double>(k);
          largest = std::max(largest, static_cast<double>(std::abs(x)));
        }
        REQUIRE_THAT(mean, WithinAbs(static_cast<double>(z[0]), 1e-6 * largest));
        // float against double: the vectorised softplus
        const std::vector<double> wide(z.begin(), z.end());
        std::vector<double> exact(k);
        rlx::quantile_atoms(std::span<const double>(wide), exact);
        for (std::size_t i = 0; i < k; ++i) REQUIRE_THAT(static_cast<double>(theta[i]), WithinAbs(exact[i], 1e-5 * largest));
      }
    }
  }
}

TEST_CASE("The vectorised logarithm that draws steps", "[rl][quantile_critic]") {
  rlx::RandomStream random({12, rlx::Purpose::user});
  for (int i = 0; i < 2'000; ++i) {
    rlx::nn::detail::Vec<float> x{};
    for (std::size_t j = 0; j < rlx::nn::detail::lanes<float>; ++j)
      x[j] = i == 0 ? 1.0F : static_cast<float>(std::exp(-16.0 * random.uniform()));  // down to 2^-24, the smallest 1 - u
    const rlx::nn::detail::Vec<float> y = rlx::detail::log_lanes(x);
    for (std::size_t j = 0; j < rlx::nn::detail::lanes<float>; ++j) {
      const double exact = std::log(static_cast<double>(x[j]));
      REQUIRE_THAT(static_cast<double>(y[j]), WithinAbs(exact, 2e-7 * std::max(1.0, -exact)));
    }
    if (i == 0) REQUIRE(y[0] == 0.0F);
  }
}

TEST_CASE("Numbers that a quantile critic cannot have are refused", "[rl][quantile_critic]") {
  const auto refused = [](rlx::QuantileCriticConfig config, const std::string& part) {
    try {
      QuantileCritic critic(config);
      FAIL("expected ConfigError with " + part);
    } catch (const rlx::ConfigError& error) {
      REQUIRE_THAT(error.what(), ContainsSubstring(part));
    }
  };
  refused({.atoms = 1}, "atoms = 1; it must lie in [2, 512]");
  refused({.atoms = 513}, "atoms = 513");
  refused({.kappa_relative = -0.1}, "kappa_relative = -0.1");
  refused({.kappa_relative = std::nan("")}, "kappa_relative");
  refused({.kappa_absolute = -1.0}, "kappa_absolute = -1");
  refused({.n_steps = 0}, "n_steps = 0");
  // Of a learner's configuration: what cannot be done to increments exactly.
  struct Config {
    std::optional<double> clip_range_vf;
    bool normalize_value = false;
  };
  const QuantileCritic critic;
  critic.check(Config{}, "Ppo");
  REQUIRE_THROWS_AS(critic.check(Config{0.2, false}, "Ppo"), rlx::ConfigError);
  REQUIRE_THROWS_AS(critic.check(Config{{}, true}, "Ppo"), rlx::ConfigError);
  struct WithoutClip {
    bool normalize_value = false;
  };
  critic.check(WithoutClip{}, "A2c");
  Rows rows(2, 1, 5);
  REQUIRE_THROWS_AS(rows.prepare(critic), rlx::ShapeError);  // 32 atoms, 5 outputs
  rows.rewards[1] = std::nanf("");
  REQUIRE_THROWS_AS(rows.prepare(QuantileCritic({.atoms = 5})), rlx::NumericError);
}

TEST_CASE("The gradient of the quantile loss through the head agrees with central differences", "[rl][quantile_critic]") {
  rlx::RandomStream random({2, rlx::Purpose::user});
  for (const std::size_t k : {2U, 5U, 32U}) {
    for (const double kappa : {0.3, 1.0}) {
      for (const auto reduction : {rlx::Reduction::mean, rlx::Reduction::sum}) {
        const QuantileCritic critic({.atoms = k, .kappa_absolute = kappa, .reduction = reduction});
        constexpr std::size_t n = 3;
        std::vector<double> z(n * k), targets(n * k), scratch(n * k);
        for (double& x : z) x = random.normal();
        for (double& y : targets) y = 2 * random.normal();
        const double worst = rlx::nn::gradient_check(
            [&](std::span<const double> x, std::span<double> gradient) {
              const std::span<double> d = gradient.empty() ? std::span<double>(scratch) : gradient;
              std::fill(d.begin(), d.end(), 0.0);
              return critic.loss(
                  rlx::BasicCriticBatch<double>{{x.data(), n, k}, {x.data(), n, k}, {targets.data(), n, k}, 4, {}, {}}, d);
            },
            z);
        REQUIRE(worst <= 1e-6);
      }
    }
  }
  // Added to what is there, and a share of a larger minibatch.
  const QuantileCritic critic({.atoms = 2, .kappa_absolute = 1.0});
  const std::vector<float> z{0.5F, static_cast<float>(raw(1.0))}, y{2.0F, 2.0F};  // theta (0, 1)
  std::vector<float> d{10.0F, 20.0F};
  const double loss = critic.loss(rlx::CriticBatch{{z.data(), 1, 2}, {z.data(), 1, 2}, {y.data(), 1, 2}, 4, {}, {}}, d);
  REQUIRE_THAT(loss, WithinAbs(0.375 / 4, 1e-6));
  // d(loss)/d(theta) = (-0.125, -0.375), d(theta)/d(z_2) = sigmoid (-1/2, 1/2), sigmoid = 1 - 1/e.
  REQUIRE_THAT(d[0], WithinAbs(10.0 - 0.5 / 4, 1e-6));
  REQUIRE_THAT(d[1], WithinAbs(20.0 - 0.125 * (1 - std::exp(-1.0)) / 4, 1e-5));
}

TEST_CASE("Targets of n steps stop at terminations, truncations and the edge", "[rl][quantile_critic]") {
  constexpr std::size_t T = 7, N = 3, K = 4;
  Rows rows(T, N, K);
  rows.gamma = 0.9;
  rlx::RandomStream random({4, rlx::Purpose::user});
  for (std::vector<float>* x : {&rows.rewards, &rows.outputs, &rows.finals, &rows.last}) draw(random, *x);
  rows.terminated[2 * N] = 1;                                  // environment 0: terminated after t = 2
  rows.truncated[4 * N + 1] = 1;                               // 1: truncated after t = 4
  rows.terminated[3 * N + 2] = rows.truncated[3 * N + 2] = 1;  // 2: both, which is terminated
  rows.truncated[6 * N] = 1;                                   // 0: truncated at the edge itself
  const auto atom = [&](const std::vector<float>& z, std::size_t row, std::size_t j) {
    std::vector<float> theta(K);
    rlx::quantile_atoms(std::span<const float>(z).subspan(row * K, K), theta);
    return static_cast<double>(theta[j]);
  };
  const auto expected = [&](std::size_t t, std::size_t n, std::size_t j, std::size_t steps) {
    double sum = 0, discount = 1;
    for (std::size_t l = 0; l < steps; ++l) {
      const std::size_t row = (t + l) * N + n;
      sum += discount * static_cast<double>(rows.rewards[row]);
      discount *= rows.gamma;
      if (rows.terminated[row] != 0) return sum;
      if (rows.truncated[row] != 0) return sum + discount * atom(rows.finals, row, j);
      if (t + l + 1 == T) return sum + discount * atom(rows.last, n, j);
    }
    return sum + discount * atom(rows.outputs, (t + steps) * N + n, j);
  };
  const auto require_steps = [&](std::size_t steps) {
    for (std::size_t t = 0; t < T; ++t) {
      for (std::size_t n = 0; n < N; ++n) {
        for (std::size_t j = 0; j < K; ++j)
          REQUIRE_THAT(static_cast<double>(rows.target(t, n, j)), WithinAbs(expected(t, n, j, steps), 2e-6));
      }
    }
  };
  rows.prepare(QuantileCritic({.atoms = K, .target = QuantileTarget::one_step}));
  require_steps(1);
  rows.prepare(QuantileCritic({.atoms = K, .target = QuantileTarget::n_step, .n_steps = 3}));
  require_steps(3);
  rows.lambda = 0;
  rows.prepare(QuantileCritic({.atoms = K}));
  require_steps(1);
  rows.lambda = 1;
  rows.prepare(QuantileCritic({.atoms = K}));
  require_steps(T);
  rows.lambda = 0.7;  // every atom of some number of steps
  const QuantileCritic critic({.atoms = K});
  rows.prepare(critic);
  for (std::size_t t = 0; t < T; ++t) {
    for (std::size_t n = 0; n < N; ++n) {
      for (std::size_t j = 0; j < K; ++j) {
        double nearest = 1e9;
        for (std::size_t steps = 1; steps <= T; ++steps)
          nearest = std::min(nearest, std::abs(static_cast<double>(rows.target(t, n, j)) - expected(t, n, j, steps)));
        REQUIRE(nearest <= 2e-6);
      }
    }
  }
  double mean = 0, squares = 0;
  for (const float y : rows.targets) mean += static_cast<double>(y) / (T * N * K);
  for (const float y : rows.targets) squares += (static_cast<double>(y) - mean) * (static_cast<double>(y) - mean) / (T * N * K);
  REQUIRE_THAT(critic.kappa(), WithinAbs(0.1 * std::sqrt(squares), 1e-9));
  REQUIRE(QuantileCritic({.kappa_absolute = 0.25}).kappa() == 0.25);
}

TEST_CASE("The mixture draws its steps geometrically, from streams named by environment and global step",
          "[rl][quantile_critic]") {
  constexpr std::size_t T = 400, K = 64;
  Rows rows(T, 2, K);
  rows.lambda = 0.8;
  std::fill(rows.rewards.begin(), rows.rewards.end(), 1.0F);  // with atoms of 0 a target counts the steps
  for (std::vector<float>* z : {&rows.outputs, &rows.last}) {
    for (std::size_t i = 0; i < z->size(); ++i) (*z)[i] = i % K == 0 ? 0.0F : -200.0F;
  }
  const QuantileCritic critic({.atoms = K});
  rows.prepare(critic);
  std::vector<double> more(12);  // share of steps above m
  const double count = 300.0 * 2 * K;
  for (std::size_t t = 0; t < 300; ++t) {
    for (std::size_t n = 0; n < 2; ++n) {
      for (std::size_t j = 0; j < K; ++j) {
        REQUIRE(rows.target(t, n, j) == std::round(rows.target(t, n, j)));
        for (std::size_t m = 0; m < more.size(); ++m) more[m] += rows.target(t, n, j) > static_cast<float>(m) ? 1 / count : 0;
      }
    }
  }
  for (std::size_t m = 0; m < more.size(); ++m) {
    const double p = std::pow(0.8, static_cast<double>(m));
    REQUIRE_THAT(more[m], WithinAbs(p, 4 * std::sqrt(p * (1 - p) / count) + 1e-9));
  }
  // Steps [200, 400) of one rollout, or the second rollout of 200.
  Rows second(200, 2, K);
  second.lambda = 0.8;
  second.update = 1;
  second.rewards.assign(400, 1.0F);
  second.outputs.assign(rows.outputs.begin(), rows.outputs.begin() + 400 * K);
  second.last = rows.last;
  second.prepare(critic);
  REQUIRE(std::equal(second.targets.begin(), second.targets.end(), rows.targets.begin() + 400 * K));
  REQUIRE_FALSE(std::equal(second.targets.begin(), second.targets.end(), rows.targets.begin()));
  second.seed = 4;
  second.prepare(critic);
  REQUIRE_FALSE(std::equal(second.targets.begin(), second.targets.end(), rows.targets.begin() + 400 * K));
}

TEST_CASE("Learnt atoms are the quantiles of a known return", "[rl][quantile_critic]") {
  // 512 mid-point quantiles of N(1, 2), one terminated step each: atom i is the quantile (i - 0.5) / 16.
  constexpr std::size_t n = 512, K = 16;
  Rows rows(n, 1, K);
  for (std::size_t t = 0; t < n; ++t) {
    rows.rewards[t] = static_cast<float>(1 + 2 * rlx::normal_quantile((static_cast<double>(t) + 0.5) / n));
    rows.terminated[t] = 1;
  }
  const QuantileCritic critic({.atoms = K, .kappa_absolute = 0.0});
  rows.prepare(critic);
  Table table(1, K);
  constexpr int updates = 400;
  for (int u = 0; u < updates; ++u)
    table.step(
        critic, rows, [](std::size_t) { return std::size_t{0}; }, 0.1 * (1.0 - static_cast<double>(u) / updates));
  const std::vector<double> theta = table.atoms(0);
  for (std::size_t i = 0; i < K; ++i) {
    REQUIRE_THAT(theta[i], WithinAbs(1 + 2 * rlx::normal_quantile((static_cast<double>(i) + 0.5) / K), 0.03));
  }
}

TEST_CASE("A hundredth of the rewards gives a hundredth of every atom", "[rl][quantile_critic]") {
  // The default threshold follows the targets; an absolute one of 1 would shrink the atoms of small rewards to their mean.
  constexpr std::size_t n = 100, K = 8;
  const auto learn = [&](double scale, const QuantileCritic& critic) {
    Rows rows(n, 1, K);
    rlx::RandomStream random({9, rlx::Purpose::user});
    for (std::size_t t = 0; t < n; ++t) {
      rows.rewards[t] = static_cast<float>(scale * std::exp(random.normal()));  // skewed
      rows.terminated[t] = 1;
    }
    rows.prepare(critic);
    Table table(1, K);
    constexpr int updates = 12'000;
    for (int u = 0; u < updates; ++u) {
      const double left = 1.0 - static_cast<double>(u) / updates;
      table.step(
          critic, rows, [](std::size_t) { return std::size_t{0}; }, 0.05 * left * left + 1e-6);
    }
    return table.atoms(0);
  };
  const std::vector<double> whole = learn(1.0, QuantileCritic({.atoms = K}));
  const std::vector<double> small = learn(0.01, QuantileCritic({.atoms = K}));
  for (std::size_t i = 0; i < K; ++i) REQUIRE_THAT(small[i], WithinRel(whole[i] / 100, 0.01));
  // Expectiles lie closer together than quantiles.
  REQUIRE(sd_of(learn(0.01, QuantileCritic({.atoms = K, .kappa_absolute = 1.0}))) < 0.95 * sd_of(whole) / 100);
}

TEST_CASE("A chain of unit normals: the spread of three steps is learnt for every lambda", "[rl][quantile_critic]") {
  // Truth sqrt(3). 64 mid-point quantiles of a normal have 0.990 of its sd, and with lambda 0 each of three steps loses that.
  for (const double lambda : {0.0, 0.8, 0.95, 1.0}) {
    const double sd = sd_of(learn_chain(lambda, 64, 16, 600));
    INFO("lambda " << lambda << ": sd " << sd);
    REQUIRE_THAT(sd, WithinRel(std::sqrt(3.0), 0.04));
  }
}
