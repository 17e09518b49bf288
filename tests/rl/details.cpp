// SPDX-License-Identifier: MIT
//
// The implementation details of PPO ("The 37 implementation details of PPO", Huang et al. 2022), one test each: the formula,
// computed again from what a rollout and its minibatches show, and that the flag, where there is one, changes the parameters.
// `test_rl "[detail_C7]"` runs one of them. Details C13 and K4 (share_features) and L1 to L5 (lstm) are fields of nn::MlpSpec:
// they shape the network, so its graph carries them and not the learner's configuration.
#include <rlx/rl/ppo.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <memory>
#include <numbers>
#include <numeric>
#include <optional>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include <rlx/env/testing.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/rl/a2c.hpp>

#include "rlx_catch.hpp"

using namespace rlx_test;

namespace {

/// Everything that a run's minibatches showed, in order.
struct Minibatch {
  std::vector<std::uint32_t> rows;
  std::vector<double> log_probs, old_log_probs, entropies, advantages, values;
};
struct Seen {
  std::vector<Minibatch> minibatches;
  std::vector<float> advantages, values, targets;  // of the last rollout, before the update
};

/// Changes nothing and remembers everything; for one thread and one gradient shard.
struct Recorder {
  std::shared_ptr<Seen> seen = std::make_shared<Seen>();
  void on_rollout(const rlx::RolloutView& view, std::span<float> advantages) const {
    seen->minibatches.clear();
    seen->advantages.assign(advantages.begin(), advantages.end());
    seen->values.assign(view.values.begin(), view.values.end());
    seen->targets.resize(view.targets.rows());
    for (std::size_t i = 0; i < view.targets.rows(); ++i) seen->targets[i] = view.targets(i, 0);
  }
  template <std::floating_point S>
  double loss(const rlx::BasicMinibatchView<S>& in, const rlx::BasicLossGradient<S>&) const {
    Minibatch b;
    b.rows.assign(in.rows.begin(), in.rows.end());
    b.log_probs.assign(in.log_probs.begin(), in.log_probs.end());
    b.old_log_probs.assign(in.old_log_probs.begin(), in.old_log_probs.end());
    b.entropies.assign(in.entropies.begin(), in.entropies.end());
    b.advantages.assign(in.advantages.begin(), in.advantages.end());
    for (std::size_t i = 0; i < in.critic_outputs.rows(); ++i) b.values.push_back(static_cast<double>(in.critic_outputs(i, 0)));
    seen->minibatches.push_back(std::move(b));
    return 0.0;
  }
  void record(rlx::Logger&) const {}
};

/// Move two numbers to where you see them: the reward is minus the squared distance. Keeps what it was told, and is truncated
/// after six steps.
class Numbers {
 public:
  using ActionScalar = float;
  struct Info {
    std::vector<std::array<float, 2>> told;
  };
  const rlx::Box& observation_space() const { return observations_; }
  const rlx::Box& action_space() const { return actions_; }
  const Info& info() const { return info_; }
  void reset(std::uint64_t seed, std::span<float> row) {
    seed_ = seed, step_ = 0;
    draw(row);
  }
  rlx::Transition step(std::span<const float> action, std::span<float> row) {
    info_.told.push_back({action[0], action[1]});
    const double dx = static_cast<double>(action[0] - seen_[0]), dy = static_cast<double>(action[1] - seen_[1]);
    ++step_;
    draw(row);
    return {-dx * dx - dy * dy, false, step_ == 6};
  }

 private:
  void draw(std::span<float> row) {
    rlx::RandomStream random({seed_, rlx::Purpose::environment_dynamics, 0, step_});
    for (std::size_t i = 0; i < 2; ++i) row[i] = seen_[i] = 2.0F * random.uniform<float>() - 1.0F;
  }
  rlx::Box observations_ = rlx::Box::uniform(2, -1.0F, 1.0F);
  rlx::Box actions_ = {{-0.5F, -1.0F}, {0.5F, 2.0F}};
  Info info_;
  std::array<float, 2> seen_{};
  std::uint64_t seed_ = 0, step_ = 0;
};

template <class E>
E make_env() {
  if constexpr (std::same_as<E, rlx::InvalidActionEnv>) {
    return E(5, 2, 6);
  } else if constexpr (std::same_as<E, rlx::IdentityMultiDiscreteEnv>) {
    return E({2, 3}, 6);
  } else {
    return E();
  }
}

/// Four environments, eight steps, one gradient shard: minibatches are what they seem.
template <class E = rlx::InvalidActionEnv>
struct Run {
  explicit Run(rlx::PpoConfig config, const rlx::nn::MlpSpec& network = {}, std::size_t num_envs = 4)
      : envs({.num_envs = num_envs, .seed = 3}, pool, [](std::size_t) { return make_env<E>(); }),
        ppo(config, envs, graph(network), pool, rlx::ScalarCritic{}, recorder) {}

  rlx::nn::GraphSpec graph(rlx::nn::MlpSpec network) const {
    network.observation = envs.observation_size();
    network.action = std::same_as<E, Numbers> ? 2 : 5;
    if (network.pi.size() == 2) network.pi = network.vf = {8, 6};
    return rlx::nn::mlp_actor_critic(network);
  }
  void learn(std::uint64_t rollouts = 1, rlx::Logger* logger = nullptr) {
    ppo.learn(rollouts * ppo.config().n_steps * envs.num_envs(), {.logger = logger});
  }
  const Seen& seen() const { return *recorder.seen; }

  rlx::ThreadPool pool{1};
  Recorder recorder;
  rlx::VectorEnv<E> envs;
  rlx::Ppo<E, rlx::ScalarCritic, Recorder> ppo;
};

rlx::PpoConfig config_of(double learning_rate = 5e-3) {
  rlx::PpoConfig config;
  config.learning_rate = learning_rate;
  config.n_steps = 8;
  config.batch_size = 16;
  config.n_epochs = 2;
  config.gamma = 0.8;
  config.gae_lambda = 0.7;
  config.gradient_shards = 1;
  config.seed = 5;
  return config;
}

/// Digest of the parameters after two rollouts.
template <class E = rlx::InvalidActionEnv, class F>
std::string hash(F&& change, const rlx::nn::MlpSpec& network = {}) {
  rlx::PpoConfig config = config_of();
  change(config);
  Run<E> run(config, network);
  run.learn(2);
  return run.ppo.parameters().sha256();
}
std::string base_hash() {
  return hash([](rlx::PpoConfig&) {});
}

/// The network's outputs for rows of observations, as the learner's own parameters give them.
template <class R>
struct Outputs {
  Outputs(const R& run, std::span<const float> rows, std::size_t count, const rlx::nn::Recurrence<float>& recurrence = {})
      : workspace(run.ppo.graph().make_workspace(count)) {
    run.ppo.graph().forward(run.ppo.parameters().parameters(),
                            rlx::MatrixView<const float>(rows.data(), count, run.envs.observation_size()), workspace,
                            recurrence);
  }
  double action(std::size_t i, std::size_t k) { return static_cast<double>(workspace.output("action")(i, k)); }
  double value(std::size_t i) { return static_cast<double>(workspace.output("value")(i, 0)); }
  rlx::nn::Workspace<float> workspace;
};

/// ln of the probability of choice `a` among `n` logits from column `begin` on, invalid ones left out.
template <class R>
double log_softmax(Outputs<R>& outputs, std::size_t row, std::size_t begin, std::size_t n, std::size_t a,
                   std::span<const std::uint8_t> mask = {}) {
  double sum = 0;
  for (std::size_t k = 0; k < n; ++k)
    sum += mask.empty() || mask[begin + k] != 0 ? std::exp(outputs.action(row, begin + k)) : 0;
  return outputs.action(row, begin + a) - std::log(sum);
}

std::string temporary_path() { return "/tmp/rlx_test_details_" + std::to_string(::getpid()) + ".safetensors"; }
void remove_checkpoint(const std::string& path) {
  std::remove(path.c_str());
  std::remove(rlx::description_path(path).c_str());
}

double mean_of(const std::vector<double>& x) {
  return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
}

double deviation_of(const std::vector<double>& x) {
  const double mean = mean_of(x);
  double sum = 0;
  for (const double v : x) sum += (v - mean) * (v - mean);
  return std::sqrt(sum / static_cast<double>(x.size() - 1));
}

/// |W W^T - gain^2 I| of the smaller side of a weight [in, out].
double distance_from_orthogonal(std::span<const float> w, std::size_t in, std::size_t out, double gain) {
  double worst = 0;
  const std::size_t n = std::min(in, out);
  const auto at = [&](std::size_t k, std::size_t j) {
    return static_cast<double>(in <= out ? w[k * out + j] : w[j * out + k]);
  };
  for (std::size_t a = 0; a < n; ++a) {
    for (std::size_t b = 0; b < n; ++b) {
      double dot = 0;
      for (std::size_t j = 0; j < std::max(in, out); ++j) dot += at(a, j) * at(b, j);
      worst = std::max(worst, std::abs(dot - (a == b ? gain * gain : 0.0)));
    }
  }
  return worst;
}

}  // namespace

TEST_CASE("C1: environments step side by side, each as it would alone", "[rl][details][detail_C1]") {
  Run run(config_of());
  run.learn();
  const auto& rollout = run.ppo.rollout();
  for (std::size_t e = 0; e < 4; ++e) {
    auto env = make_env<rlx::InvalidActionEnv>();
    std::vector<float> row(5);
    std::uint64_t episode = 0;
    env.reset(rlx::episode_seed(3, static_cast<std::uint32_t>(e), episode), row);
    for (std::size_t t = 0; t < 8; ++t) {
      const std::size_t i = t * 4 + e;  // time-major
      REQUIRE(std::equal(row.begin(), row.end(), rollout.observation(i).begin()));
      const rlx::Transition transition = env.step(rollout.action(i), row);
      REQUIRE(rollout.rewards[i] == static_cast<float>(transition.reward));
      REQUIRE((rollout.truncated[i] != 0) == transition.truncated);
      if (transition.truncated) env.reset(rlx::episode_seed(3, static_cast<std::uint32_t>(e), ++episode), row);
    }
  }
  Run fewer(config_of(), {}, 2);
  fewer.learn(2);
  REQUIRE(fewer.ppo.parameters().sha256() != base_hash());
}

TEST_CASE("C2: weights start orthogonal with gains for hidden layers, policy and value", "[rl][details][detail_C2]") {
  const Run run(config_of());
  const auto& store = run.ppo.parameters();
  for (const auto& tensor : store.layout()) {
    const std::span<const float> values = store.tensor(tensor.name);
    CAPTURE(tensor.name);
    if (tensor.shape.size() == 1) {
      for (const float x : values) REQUIRE(x == 0.0F);
      continue;
    }
    const bool head = tensor.name.find("linear2") != std::string::npos;
    const double gain = !head ? std::numbers::sqrt2 : tensor.group == "actor" ? 0.01 : 1.0;
    REQUIRE(distance_from_orthogonal(values, tensor.shape[0], tensor.shape[1], gain) <= 1e-5);
  }
  REQUIRE(hash([](rlx::PpoConfig& c) { c.ortho_init = false; }) != base_hash());
}

TEST_CASE("C3 and C11: Adam's epsilon and the clipped norm of the gradient", "[rl][details][detail_C3][detail_C11]") {
  REQUIRE(rlx::PpoConfig{}.adam_eps == 1e-5);
  rlx::PpoConfig config = config_of(0.01);
  config.n_epochs = 1;
  config.batch_size = 32;  // one step
  config.adam_eps = 1e-2;  // far above most gradients, so that it shows
  config.max_grad_norm = 0.05;
  Run before(config), run(config);
  run.learn();
  const std::string path = temporary_path();
  run.ppo.save(path);
  const std::vector<float> first = rlx::io::Safetensors::open(path).values<float>("optimizer/m");
  remove_checkpoint(path);
  const auto old = std::as_const(before.ppo).parameters().parameters(), now = std::as_const(run.ppo).parameters().parameters();
  double squares = 0;
  for (std::size_t i = 0; i < first.size(); ++i) {
    const double g = static_cast<double>(first[i]) / 0.1;  // m = (1 - 0.9) g
    squares += g * g;
    // At the first step both bias corrections cancel: theta -= lr g / (|g| + eps).
    const double expected = static_cast<double>(old[i]) - 0.01 * g / (std::abs(g) + 1e-2);
    REQUIRE_THAT(static_cast<double>(now[i]), WithinAbs(expected, 1e-6));
  }
  REQUIRE(run.ppo.last_update().grad_norm > 0.05);
  const double norm = run.ppo.last_update().grad_norm;
  REQUIRE_THAT(std::sqrt(squares), WithinRel(norm * 0.05 / (norm + 1e-6), 1e-5));
  REQUIRE(hash([](rlx::PpoConfig& c) { c.adam_eps = 1e-3; }) != base_hash());
  REQUIRE(hash([](rlx::PpoConfig& c) { c.max_grad_norm = 0.01; }) != base_hash());
}

TEST_CASE("C4: the learning rate follows its schedule, evaluated after the rollout", "[rl][details][detail_C4]") {
  // linear(2a, 0) over two rollouts is a at the first update and 0 at the second, which leaves everything as it is.
  rlx::PpoConfig annealed = config_of();
  annealed.learning_rate = rlx::nn::Schedule::linear(2e-2, 0.0);
  Run two(annealed);
  two.learn(2);
  REQUIRE(two.ppo.last_update().learning_rate == 0.0);
  Run one(config_of(1e-2));
  one.learn(1);
  REQUIRE(two.ppo.parameters().sha256() == one.ppo.parameters().sha256());
  REQUIRE(hash([](rlx::PpoConfig& c) { c.learning_rate = rlx::nn::Schedule::linear(5e-3, 0.0); }) != base_hash());
}

TEST_CASE("C5: advantages are those of GAE, truncations bootstrapped", "[rl][details][detail_C5]") {
  Run run(config_of());
  run.learn(2);
  const auto& rollout = run.ppo.rollout();
  std::size_t truncations = 0;
  for (std::size_t e = 0; e < 4; ++e) {
    double advantage = 0;
    for (std::size_t t = 8; t-- > 0;) {
      const std::size_t i = t * 4 + e;
      const bool cut = rollout.truncated[i] != 0;
      truncations += cut ? 1 : 0;
      const float next = cut ? rollout.final_values[i] : t == 7 ? rollout.last_values[e] : rollout.values[i + 4];
      const double delta =
          static_cast<double>(rollout.rewards[i]) + 0.8 * static_cast<double>(next) - static_cast<double>(rollout.values[i]);
      advantage = delta + (cut ? 0.0 : 0.8 * 0.7 * advantage);
      REQUIRE_THAT(static_cast<double>(run.seen().advantages[i]), WithinAbs(advantage, 1e-5));
      REQUIRE_THAT(static_cast<double>(run.seen().targets[i]),
                   WithinAbs(advantage + static_cast<double>(rollout.values[i]), 1e-5));
    }
  }
  REQUIRE(truncations > 0);
  REQUIRE(hash([](rlx::PpoConfig& c) { c.gae_lambda = 0.95; }) != base_hash());
  REQUIRE(hash([](rlx::PpoConfig& c) { c.gamma = 0.9; }) != base_hash());
}

TEST_CASE("C6: every epoch visits every row once, in an order of its own", "[rl][details][detail_C6]") {
  Run run(config_of());
  run.learn(2);
  REQUIRE(run.seen().minibatches.size() == 4);
  for (std::size_t epoch = 0; epoch < 2; ++epoch) {
    std::vector<std::uint32_t> visited;
    for (std::size_t b = 0; b < 2; ++b) {
      const auto& rows = run.seen().minibatches[2 * epoch + b].rows;
      REQUIRE(rows.size() == 16);
      visited.insert(visited.end(), rows.begin(), rows.end());
    }
    // Fisher-Yates from the top over the stream (seed, permutation, 0, epochs of the run before).
    std::vector<std::uint32_t> expected(32);
    std::iota(expected.begin(), expected.end(), 0U);
    rlx::RandomStream random({5, rlx::Purpose::permutation, 0, 2 + epoch});
    for (std::size_t i = 31; i > 0; --i) std::swap(expected[i], expected[random.bounded(i + 1)]);
    REQUIRE(visited == expected);
  }
}

TEST_CASE("C7: advantages are normalised over the minibatch", "[rl][details][detail_C7]") {
  for (const bool on : {true, false}) {
    rlx::PpoConfig config = config_of();
    config.normalize_advantage = on;
    Run run(config);
    run.learn();
    for (const Minibatch& b : run.seen().minibatches) {
      std::vector<double> raw;
      for (const auto row : b.rows) raw.push_back(static_cast<double>(run.seen().advantages[row]));
      const double mean = on ? mean_of(raw) : 0, scale = on ? deviation_of(raw) + 1e-8 : 1;
      for (std::size_t i = 0; i < raw.size(); ++i) REQUIRE_THAT(b.advantages[i], WithinAbs((raw[i] - mean) / scale, 1e-5));
    }
  }
  REQUIRE(hash([](rlx::PpoConfig& c) { c.normalize_advantage = false; }) != base_hash());
}

TEST_CASE("C8: the surrogate is clipped", "[rl][details][detail_C8]") {
  rlx::PpoConfig config = config_of(0.03);
  config.n_epochs = 4;
  config.clip_range = 0.1;
  Run run(config);
  run.learn();
  std::vector<double> losses, clipped;
  for (const Minibatch& b : run.seen().minibatches) {
    for (std::size_t i = 0; i < b.rows.size(); ++i) {
      const double ratio = std::exp(b.log_probs[i] - b.old_log_probs[i]);
      losses.push_back(-std::min(ratio * b.advantages[i], std::clamp(ratio, 0.9, 1.1) * b.advantages[i]));
      clipped.push_back(std::abs(ratio - 1) > 0.1 ? 1 : 0);
    }
  }
  REQUIRE_THAT(run.ppo.last_update().policy_gradient_loss, WithinAbs(mean_of(losses), 1e-5));
  REQUIRE(mean_of(clipped) > 0.05);
  REQUIRE_THAT(run.ppo.last_update().clip_fraction, WithinAbs(mean_of(clipped), 1e-9));
  REQUIRE(hash([](rlx::PpoConfig& c) { c.clip_range = 0.01; }) != base_hash());
}

TEST_CASE("C9: values are clipped if asked for, in either way", "[rl][details][detail_C9]") {
  const auto run_with = [](std::optional<rlx::nn::Schedule> clip, rlx::ValueClip mode) {
    rlx::PpoConfig config = config_of(0.02);
    config.n_epochs = 4;
    config.clip_range_vf = clip;
    config.value_clip = mode;
    Run run(config);
    run.learn();
    std::vector<double> losses;
    for (const Minibatch& b : run.seen().minibatches) {
      for (std::size_t i = 0; i < b.rows.size(); ++i) {
        const double v = b.values[i];
        const double old = static_cast<double>(run.seen().values[b.rows[i]]);
        const double target = static_cast<double>(run.seen().targets[b.rows[i]]);
        const double moved = clip ? old + std::clamp(v - old, -0.05, 0.05) : v;
        const double plain = (v - target) * (v - target), held = (moved - target) * (moved - target);
        losses.push_back(!clip ? plain : mode == rlx::ValueClip::sb3 ? held : 0.5 * std::max(plain, held));
      }
    }
    REQUIRE_THAT(run.ppo.last_update().value_loss, WithinRel(mean_of(losses), 1e-5));
    return run.ppo.parameters().sha256();
  };
  const std::string plain = run_with({}, rlx::ValueClip::sb3), sb3 = run_with(0.05, rlx::ValueClip::sb3),
                    max = run_with(0.05, rlx::ValueClip::max);
  REQUIRE(run_with({}, rlx::ValueClip::max) == plain);  // nothing to clip
  REQUIRE(sb3 != plain);
  REQUIRE(max != plain);
  REQUIRE(max != sb3);
}

TEST_CASE("C10: one loss of policy, entropy bonus and value", "[rl][details][detail_C10]") {
  rlx::PpoConfig config = config_of();
  config.ent_coef = 0.3;
  config.vf_coef = 0.7;
  Run run(config);
  run.learn();
  std::vector<double> entropies;
  for (const Minibatch& b : run.seen().minibatches) entropies.insert(entropies.end(), b.entropies.begin(), b.entropies.end());
  const rlx::UpdateMetrics& m = run.ppo.last_update();
  REQUIRE_THAT(m.entropy, WithinAbs(mean_of(entropies), 1e-6));
  REQUIRE_THAT(m.entropy_loss, WithinAbs(-mean_of(entropies), 1e-6));
  REQUIRE_THAT(m.loss, WithinAbs(m.policy_gradient_loss - 0.3 * m.entropy + 0.7 * m.value_loss, 1e-9));
  REQUIRE(hash([](rlx::PpoConfig& c) { c.ent_coef = 0.2; }) != base_hash());
  REQUIRE(hash([](rlx::PpoConfig& c) { c.vf_coef = 0.2; }) != base_hash());
}

TEST_CASE("C12: the figures that watch the update", "[rl][details][detail_C12]") {
  Run run(config_of(0.02));
  rlx::Logger logger;
  run.learn(1, &logger);
  std::vector<double> k1, k3, errors, returns;
  for (const Minibatch& b : run.seen().minibatches) {
    for (std::size_t i = 0; i < b.rows.size(); ++i) {
      const double log_ratio = b.log_probs[i] - b.old_log_probs[i];
      k1.push_back(-log_ratio);
      k3.push_back(std::exp(log_ratio) - 1 - log_ratio);
    }
  }
  for (std::size_t i = 0; i < 32; ++i) {
    returns.push_back(static_cast<double>(run.seen().targets[i]));
    errors.push_back(returns.back() - static_cast<double>(run.seen().values[i]));
  }
  const double explained = 1 - std::pow(deviation_of(errors) / deviation_of(returns), 2);
  REQUIRE_THAT(logger.value("train/approx_kl"), WithinAbs(mean_of(k3), 1e-6));
  REQUIRE_THAT(logger.value("train/approx_kl_k1"), WithinAbs(mean_of(k1), 1e-6));
  REQUIRE_THAT(logger.value("train/explained_variance"), WithinAbs(explained, 1e-6));
  REQUIRE(logger.value("train/clip_fraction") == run.ppo.last_update().clip_fraction);
  REQUIRE(logger.value("train/clip_range") == 0.2);
  REQUIRE(logger.value("train/learning_rate") == 0.02);
  REQUIRE(logger.value("train/grad_norm") > 0.0);
  REQUIRE(logger.value("train/n_updates") == 1.0);
  REQUIRE(!rlx::is_finite(logger.value("train/std")));  // choices have none
}

TEST_CASE("C13 and K4: actor and critic have networks of their own unless they share one",
          "[rl][details][detail_C13][detail_K4]") {
  const auto part = [](double vf_coef, bool share, const char* group) {
    rlx::PpoConfig config = config_of();
    config.vf_coef = vf_coef;
    config.max_grad_norm = std::numeric_limits<double>::infinity();  // a common norm would tie them together
    Run run(config, {.share_features = share});
    run.learn();  // once: the next rollout's advantages would depend on the critic
    std::vector<float> values;
    for (const auto& tensor : run.ppo.parameters().layout()) {
      const auto numbers = std::as_const(run.ppo).parameters().tensor(tensor.name);
      if (tensor.group == group) values.insert(values.end(), numbers.begin(), numbers.end());
    }
    return values;
  };
  REQUIRE_FALSE(rlx::nn::MlpSpec{}.share_features);
  // The critic's loss does not reach the actor, but it reaches a common trunk.
  REQUIRE(part(0.5, false, "trunk").empty());
  REQUIRE(part(0.5, false, "actor") == part(5.0, false, "actor"));
  REQUIRE(part(0.5, false, "critic") != part(5.0, false, "critic"));
  REQUIRE_FALSE(part(0.5, true, "trunk").empty());
  REQUIRE(part(0.5, true, "trunk") != part(5.0, true, "trunk"));
  REQUIRE(hash([](rlx::PpoConfig&) {}, {.share_features = true}) != base_hash());
}

TEST_CASE("K1 to K3: numbers are drawn from independent Gaussians whose width does not depend on the state",
          "[rl][details][detail_K1][detail_K2][detail_K3]") {
  REQUIRE(rlx::PpoConfig{}.log_std_init == 0.0);
  for (const double log_std : {0.0, -0.7}) {
    rlx::PpoConfig config = config_of(0.0);  // the parameters stay those of the rollout
    config.log_std_init = log_std;
    Run<Numbers> run(config);
    REQUIRE(run.ppo.parameters().tensor("log_std").size() == 2);
    rlx::Logger logger;
    run.learn(1, &logger);
    const auto& rollout = run.ppo.rollout();
    Outputs outputs(run, rollout.observations, 32);
    const double sigma = std::exp(static_cast<double>(static_cast<float>(log_std)));
    for (std::size_t i = 0; i < 32; ++i) {
      double expected = 0;
      for (std::size_t k = 0; k < 2; ++k) {
        const double z = (static_cast<double>(rollout.action(i)[k]) - outputs.action(i, k)) / sigma;
        expected += -0.5 * z * z - log_std - 0.5 * std::log(2 * std::numbers::pi);
      }
      REQUIRE_THAT(static_cast<double>(rollout.log_probs[i]), WithinAbs(expected, 1e-5));
    }
    REQUIRE_THAT(run.ppo.last_update().entropy,
                 WithinAbs(2 * (log_std + 0.5 * std::log(2 * std::numbers::pi * std::numbers::e)), 1e-6));
    REQUIRE_THAT(logger.value("train/std"), WithinRel(sigma, 1e-6));
  }
  const auto change = [](rlx::PpoConfig& c) { c.log_std_init = -0.7; };
  REQUIRE(hash<Numbers>(change) != hash<Numbers>([](rlx::PpoConfig&) {}));
}

TEST_CASE("K5: the environment gets clipped actions, the buffer keeps the raw ones", "[rl][details][detail_K5]") {
  Run<Numbers> run(config_of(0.0));
  run.learn();
  const auto& rollout = run.ppo.rollout();
  std::size_t clipped = 0;
  for (std::size_t e = 0; e < 4; ++e) {
    const auto& told = run.envs.environment(e).info().told;
    REQUIRE(told.size() == 8);
    for (std::size_t t = 0; t < 8; ++t) {
      const auto stored = rollout.action(t * 4 + e);
      REQUIRE(told[t][0] == std::clamp(stored[0], -0.5F, 0.5F));
      REQUIRE(told[t][1] == std::clamp(stored[1], -1.0F, 2.0F));
      clipped += stored[0] != told[t][0] || stored[1] != told[t][1] ? 1 : 0;
    }
  }
  REQUIRE(clipped > 4);
  // With squash = true they are squashed instead: u is stored, the environment gets low + (tanh u + 1)(high - low) / 2, and the
  // entropy that is logged is -mean log pi, the one that is paid for that of the Gaussian.
  rlx::PpoConfig config = config_of(0.0);
  config.squash = true;
  Run<Numbers> squashed(config);
  rlx::Logger logger;
  squashed.learn(1, &logger);
  const auto& other = squashed.ppo.rollout();
  std::vector<double> minus_log_pi;
  Outputs outputs(squashed, other.observations, 32);
  for (std::size_t i = 0; i < 32; ++i) {
    const auto& told = squashed.envs.environment(i % 4).info().told[i / 4];
    double log_pi = 0;
    for (std::size_t k = 0; k < 2; ++k) {
      const double u = static_cast<double>(other.action(i)[k]), low = k == 0 ? -0.5 : -1.0, high = k == 0 ? 0.5 : 2.0;
      REQUIRE_THAT(static_cast<double>(told[k]), WithinAbs(low + (std::tanh(u) + 1) * (high - low) / 2, 1e-6));
      const double z = u - outputs.action(i, k);
      log_pi +=
          -0.5 * z * z - 0.5 * std::log(2 * std::numbers::pi) - std::log((1 - std::tanh(u) * std::tanh(u)) * (high - low) / 2);
    }
    REQUIRE_THAT(static_cast<double>(other.log_probs[i]), WithinAbs(log_pi, 1e-4));
    minus_log_pi.push_back(-log_pi);
  }
  REQUIRE_THAT(logger.value("train/entropy"), WithinAbs(mean_of(minus_log_pi), 1e-4));
  REQUIRE_THAT(logger.value("train/entropy_loss"), WithinAbs(-std::log(2 * std::numbers::pi * std::numbers::e), 1e-5));
  REQUIRE_THAT(logger.value("train/std"), WithinAbs(1.0, 1e-6));
  const auto change = [](rlx::PpoConfig& c) { c.squash = true; };
  REQUIRE(hash<Numbers>(change) != hash<Numbers>([](rlx::PpoConfig&) {}));
}

TEST_CASE("K6 and K7: observations are scaled by running statistics and clipped", "[rl][details][detail_K6][detail_K7]") {
  REQUIRE(rlx::PpoConfig{}.clip_obs == 10.0);
  for (const double clip : {10.0, 0.8}) {
    rlx::PpoConfig config = config_of(0.0);
    config.normalize_observation = true;
    config.clip_obs = clip;
    Run run(config);
    run.learn(1);
    // Counted are the rows of the reset and of every step, nine times four.
    const auto& rollout = run.ppo.rollout();
    for (std::size_t c = 0; c < 5; ++c) {
      double mean = 0, variance = 1, count = 1e-4;  // Chan et al., one batch of four rows per step
      for (std::size_t t = 0; t <= 8; ++t) {
        double m = 0, v = 0;
        for (std::size_t e = 0; e < 4; ++e) m += static_cast<double>(rollout.observations[(t * 4 + e) * 5 + c]) / 4;
        for (std::size_t e = 0; e < 4; ++e)
          v += std::pow(static_cast<double>(rollout.observations[(t * 4 + e) * 5 + c]) - m, 2) / 4;
        const double delta = m - mean, total = count + 4;
        mean += delta * 4 / total;
        variance = (variance * count + v * 4 + delta * delta * count * 4 / total) / total;
        count = total;
      }
      REQUIRE_THAT(run.ppo.observation_statistics().mean()[c], WithinAbs(mean, 1e-12));
      REQUIRE_THAT(run.ppo.observation_statistics().variance()[c], WithinAbs(variance, 1e-12));
    }
    std::vector<float> scaled(5);
    for (std::size_t c = 0; c < 5; ++c) {
      const double z = (static_cast<double>(rollout.observation(3)[c]) - run.ppo.observation_statistics().mean()[c]) /
                       std::sqrt(run.ppo.observation_statistics().variance()[c] + 1e-8);
      scaled[c] = static_cast<float>(std::clamp(z, -clip, clip));
    }
    Outputs outputs(run, scaled, 1);
    REQUIRE_THAT(static_cast<double>(run.ppo.predict(rollout.observation(3), rollout.mask(3)).value),
                 WithinAbs(outputs.value(0), 1e-6));
  }
  const std::string on = hash([](rlx::PpoConfig& c) { c.normalize_observation = true; });
  REQUIRE(on != base_hash());
  REQUIRE(hash([](rlx::PpoConfig& c) { c.normalize_observation = true, c.clip_obs = 0.8; }) != on);
}

TEST_CASE("K8 and K9: rewards are divided by the deviation of the discounted return and clipped",
          "[rl][details][detail_K8][detail_K9]") {
  REQUIRE(rlx::PpoConfig{}.clip_reward == 10.0);
  for (const double clip : {10.0, 0.6}) {
    rlx::PpoConfig config = config_of();
    config.normalize_reward = true;
    config.clip_reward = clip;
    Run run(config);
    run.learn(1);
    const auto& rollout = run.ppo.rollout();
    std::array<double, 4> g{};
    double mean = 0, variance = 1, count = 1e-4;
    for (std::size_t t = 0; t < 8; ++t) {
      double m = 0, v = 0;
      for (std::size_t e = 0; e < 4; ++e) g[e] = 0.8 * g[e] + static_cast<double>(rollout.rewards[t * 4 + e]);
      for (const double x : g) m += x / 4;
      for (const double x : g) v += (x - m) * (x - m) / 4;
      const double delta = m - mean, total = count + 4;
      mean += delta * 4 / total;
      variance = (variance * count + v * 4 + delta * delta * count * 4 / total) / total;
      count = total;
      for (std::size_t e = 0; e < 4; ++e) g[e] = rollout.truncated[t * 4 + e] != 0 ? 0 : g[e];
    }
    for (std::size_t i = 0; i < 32; ++i) {
      const double scaled = std::clamp(static_cast<double>(rollout.rewards[i]) / std::sqrt(variance + 1e-8), -clip, clip);
      REQUIRE_THAT(static_cast<double>(rollout.scaled_rewards[i]), WithinAbs(scaled, 1e-6));
    }
  }
  const std::string on = hash([](rlx::PpoConfig& c) { c.normalize_reward = true; });
  REQUIRE(on != base_hash());
  REQUIRE(hash([](rlx::PpoConfig& c) { c.normalize_reward = true, c.clip_reward = 0.6; }) != on);
}

namespace {

const rlx::nn::MlpSpec remembering{.pi = {6}, .vf = {6}, .lstm = 4};

/// Steps the rollout's sequences one time after another, the state set to zero by hand where an episode starts.
/// @param f called with (t, environment, outputs of time t)
template <class R, class F>
void replay(const R& run, std::vector<float> state, F&& f) {
  const auto& rollout = run.ppo.rollout();
  const std::size_t size = run.ppo.graph().state_size();
  std::vector<std::uint8_t> none(4, 0);
  for (std::size_t t = 0; t < 8; ++t) {
    for (std::size_t e = 0; e < 4; ++e) {
      if (rollout.episode_starts[t * 4 + e] != 0)
        std::fill_n(state.begin() + static_cast<std::ptrdiff_t>(e * size), size, 0.0F);
    }
    rlx::nn::Recurrence<float> recurrence;
    recurrence.sequences = 4;
    recurrence.state = {state.data(), 4, size};
    recurrence.starts = none;
    recurrence.next_state = {state.data(), 4, size};
    Outputs outputs(run, std::span(rollout.observations).subspan(t * 4 * 5, 4 * 5), 4, recurrence);
    for (std::size_t e = 0; e < 4; ++e) f(t, e, outputs);
  }
}

rlx::PpoConfig recurrent_config(double learning_rate) {
  rlx::PpoConfig config = config_of(learning_rate);
  config.batch_size = 32;
  return config;
}

}  // namespace

TEST_CASE("L1: an lstm starts orthogonal with gain 1 and without bias", "[rl][details][detail_L1]") {
  const Run run(config_of(), remembering);
  std::size_t matrices = 0;
  for (const auto& tensor : run.ppo.parameters().layout()) {
    if (tensor.name.find("lstm") == std::string::npos) continue;
    const auto values = run.ppo.parameters().tensor(tensor.name);
    if (tensor.shape.size() == 1) {
      for (const float x : values) REQUIRE(x == 0.0F);
    } else {
      ++matrices;
      REQUIRE(distance_from_orthogonal(values, tensor.shape[0], tensor.shape[1], 1.0) <= 1e-5);
    }
  }
  REQUIRE(matrices == 4);  // from the input and from h, of actor and critic
  const auto torch = [](rlx::PpoConfig& c) { c.ortho_init = false; };
  REQUIRE(hash(torch, remembering) != hash([](rlx::PpoConfig&) {}, remembering));
}

TEST_CASE("L2 and L3: the state is zero at first and where an episode starts", "[rl][details][detail_L2][detail_L3]") {
  Run run(recurrent_config(0.0), remembering);
  run.learn(1);
  const auto& rollout = run.ppo.rollout();
  std::size_t starts = 0;
  replay(run, std::vector<float>(4 * run.ppo.graph().state_size(), 0.0F), [&](std::size_t t, std::size_t e, auto& outputs) {
    const std::size_t i = t * 4 + e;
    REQUIRE_THAT(static_cast<double>(rollout.values[i]), WithinAbs(outputs.value(e), 1e-6));
    // An episode starts with the rollout and behind each end.
    REQUIRE((rollout.episode_starts[i] != 0) == (t == 0 || rollout.truncated[i - 4] != 0));
    starts += rollout.episode_starts[i];
  });
  REQUIRE(starts == 8);  // episodes of six steps
  REQUIRE(hash([](rlx::PpoConfig&) {}, remembering) != hash([](rlx::PpoConfig&) {}, {.pi = {6}, .vf = {6}}));
}

TEST_CASE("L4: minibatches are whole sequences of some environments", "[rl][details][detail_L4]") {
  Run run(config_of(), remembering);  // minibatches of 16 rows: two environments of eight steps
  run.learn(1);
  REQUIRE(run.seen().minibatches.size() == 4);
  for (std::size_t epoch = 0; epoch < 2; ++epoch) {
    std::vector<std::uint32_t> environments;
    for (std::size_t b = 0; b < 2; ++b) {
      const auto& rows = run.seen().minibatches[2 * epoch + b].rows;
      REQUIRE(rows.size() == 16);
      for (std::size_t t = 0; t < 8; ++t) {
        for (std::size_t i = 0; i < 2; ++i) REQUIRE(rows[t * 2 + i] == t * 4 + rows[i]);
      }
      environments.insert(environments.end(), {rows[0], rows[1]});
    }
    std::sort(environments.begin(), environments.end());
    REQUIRE(environments == std::vector<std::uint32_t>{0, 1, 2, 3});
  }
  rlx::PpoConfig config = config_of();
  config.batch_size = 12;
  REQUIRE_THROWS_WITH(Run(config, remembering), ContainsSubstring("multiple of n_steps = 8"));
}

TEST_CASE("L5: an update rebuilds the states from the rollout's first one", "[rl][details][detail_L5]") {
  // Two epochs of one minibatch each in the second rollout, which begins in the middle of episodes. The second epoch works with
  // the parameters that a run with one epoch ends with: there the states have to be those of these parameters.
  rlx::PpoConfig config = recurrent_config(0.02);
  Run two(config, remembering);
  two.learn(1);
  const std::string path = temporary_path();
  two.ppo.save(path);
  config.n_epochs = 1;
  Run one(config, remembering);
  one.ppo.load(path, {.allow = {"n_epochs"}});
  remove_checkpoint(path);
  one.ppo.learn(32, {.reset_num_timesteps = false});
  two.ppo.learn(32, {.reset_num_timesteps = false});
  REQUIRE(two.seen().minibatches.size() == 2);
  const auto& rollout = one.ppo.rollout();
  REQUIRE(rollout.observations == two.ppo.rollout().observations);
  REQUIRE(std::count(rollout.episode_starts.begin(), rollout.episode_starts.begin() + 4, 1) == 0);
  REQUIRE(std::any_of(rollout.initial_state.begin(), rollout.initial_state.end(), [](float x) { return x != 0.0F; }));
  REQUIRE(two.seen().minibatches[0].log_probs.size() == 32);
  for (std::size_t i = 0; i < 32; ++i)
    REQUIRE_THAT(two.seen().minibatches[0].log_probs[i], WithinAbs(two.seen().minibatches[0].old_log_probs[i], 1e-5));
  std::vector<double> expected(32);
  replay(one, rollout.initial_state, [&](std::size_t t, std::size_t e, auto& outputs) {
    const std::size_t i = t * 4 + e;
    expected[i] = log_softmax(outputs, e, 0, 5, static_cast<std::size_t>(rollout.actions[i]), rollout.mask(i));
  });
  const Minibatch& second = two.seen().minibatches[1];
  double moved = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    REQUIRE_THAT(second.log_probs[i], WithinAbs(expected[second.rows[i]], 1e-5));
    moved = std::max(moved, std::abs(second.log_probs[i] - second.old_log_probs[i]));
  }
  REQUIRE(moved > 1e-3);
}

TEST_CASE("M1: components of an action are drawn independently", "[rl][details][detail_M1]") {
  Run<rlx::IdentityMultiDiscreteEnv> run(config_of(0.0));
  run.learn(1);
  const auto& rollout = run.ppo.rollout();
  Outputs outputs(run, rollout.observations, 32);
  std::vector<double> entropies;
  for (std::size_t i = 0; i < 32; ++i) {
    const auto action = rollout.action(i);
    const double expected = log_softmax(outputs, i, 0, 2, static_cast<std::size_t>(action[0])) +
                            log_softmax(outputs, i, 2, 3, static_cast<std::size_t>(action[1]));
    REQUIRE_THAT(static_cast<double>(rollout.log_probs[i]), WithinAbs(expected, 1e-5));
    double entropy = 0;
    for (const auto& [begin, n] : {std::pair<std::size_t, std::size_t>{0, 2}, {2, 3}}) {
      for (std::size_t a = 0; a < n; ++a) {
        const double log_p = log_softmax(outputs, i, begin, n, a);
        entropy -= std::exp(log_p) * log_p;
      }
    }
    entropies.push_back(entropy);
  }
  REQUIRE_THAT(run.ppo.last_update().entropy, WithinAbs(mean_of(entropies), 1e-5));
}

namespace {

/// Stops after the first update, in the middle of the schedules.
struct StopAtOnce final : rlx::Callback {
  bool on_update_end(rlx::Learner&) override { return false; }
};

/// Digests after one rollout of a schedule that is at its middle there, and of the constant that it has there.
template <class L, class Config, class F>
bool schedule_equals_its_middle(Config config, double middle, F&& field) {
  const auto digest = [&](const rlx::nn::Schedule& schedule) {
    field(config) = schedule;
    rlx::ThreadPool pool(1);
    rlx::VectorEnv<rlx::InvalidActionEnv> envs({.num_envs = 4, .seed = 3}, pool,
                                               [](std::size_t) { return make_env<rlx::InvalidActionEnv>(); });
    L learner(config, envs, rlx::nn::mlp_actor_critic({.observation = 5, .action = 5, .pi = {8}, .vf = {8}}), pool);
    StopAtOnce stop;
    learner.learn(2 * config.n_steps * 4, {.callbacks = {&stop}});
    return learner.parameters().sha256();
  };
  const std::string constant = digest(middle);
  const std::string linear = digest(rlx::nn::Schedule::linear(1.5 * middle, 0.5 * middle));
  return linear == constant && digest(2 * middle) != constant;
}

}  // namespace

TEST_CASE("Besides: every schedule reaches the update with its value after the rollout", "[rl][details]") {
  rlx::PpoConfig ppo = config_of(0.02);
  ppo.n_epochs = 4;
  using P = rlx::Ppo<rlx::InvalidActionEnv>;
  REQUIRE(schedule_equals_its_middle<P>(
      ppo, 0.02, [](auto& c) -> auto& { return c.learning_rate; }));
  REQUIRE(schedule_equals_its_middle<P>(
      ppo, 0.05, [](auto& c) -> auto& { return c.clip_range; }));
  REQUIRE(schedule_equals_its_middle<P>(
      ppo, 0.05, [](auto& c) -> auto& { return c.clip_range_vf; }));
  REQUIRE(schedule_equals_its_middle<P>(
      ppo, 0.1, [](auto& c) -> auto& { return c.ent_coef; }));
  rlx::A2cConfig a2c;
  a2c.n_steps = 8;
  using A = rlx::A2c<rlx::InvalidActionEnv>;
  REQUIRE(schedule_equals_its_middle<A>(
      a2c, 0.02, [](auto& c) -> auto& { return c.learning_rate; }));
  REQUIRE(schedule_equals_its_middle<A>(
      a2c, 0.1, [](auto& c) -> auto& { return c.ent_coef; }));
}

TEST_CASE("Besides: target_kl steps on the first minibatch, evaluates the second and stops", "[rl][details]") {
  rlx::PpoConfig config = config_of(0.02);
  config.target_kl = 1e-9;
  Run stopped(config);
  stopped.learn();
  REQUIRE(stopped.ppo.last_update().stopped_by_kl);
  REQUIRE(stopped.ppo.last_update().minibatches == 1);
  REQUIRE(stopped.seen().minibatches.size() == 2);
  const auto kl = [](const Minibatch& b) {
    double sum = 0;
    for (std::size_t i = 0; i < b.rows.size(); ++i) {
      const double log_ratio = b.log_probs[i] - b.old_log_probs[i];
      sum += std::exp(log_ratio) - 1 - log_ratio;
    }
    return sum / static_cast<double>(b.rows.size());
  };
  REQUIRE(kl(stopped.seen().minibatches[0]) <= 1.5e-9);
  REQUIRE(kl(stopped.seen().minibatches[1]) > 1.5e-9);
  REQUIRE(hash([](rlx::PpoConfig& c) { c.target_kl = 1e9; }) == base_hash());
  REQUIRE(hash([](rlx::PpoConfig& c) { c.target_kl = 1e-9; }) != base_hash());
}

TEST_CASE("Besides: masks count in sampling and in the update", "[rl][details]") {
  Run run(config_of(0.02));
  run.learn();
  const auto& rollout = run.ppo.rollout();
  Run before(config_of(0.02));
  Outputs outputs(before, rollout.observations, 32);
  for (std::size_t i = 0; i < 32; ++i) {
    const auto action = static_cast<std::size_t>(rollout.actions[i]);
    REQUIRE(rollout.mask(i)[action] != 0);
    REQUIRE_THAT(static_cast<double>(rollout.log_probs[i]),
                 WithinAbs(log_softmax(outputs, i, 0, 5, action, rollout.mask(i)), 1e-5));
  }
  // The first minibatch is evaluated by the parameters of the rollout: under the same masks the ratio is 1.
  const Minibatch& first = run.seen().minibatches[0];
  for (std::size_t i = 0; i < first.rows.size(); ++i) REQUIRE_THAT(first.log_probs[i], WithinAbs(first.old_log_probs[i], 1e-5));
}

TEST_CASE("Besides: a gradient over shards is the gradient of the whole", "[rl][details]") {
  const auto parameters = [](std::size_t shards) {
    rlx::PpoConfig config = config_of(0.02);
    config.n_epochs = 1;
    config.gradient_shards = shards;
    config.adam_eps = 1.0;  // near-linear in the gradient, so that rounding stays small
    Run run(config);
    run.learn();
    return std::vector<float>(run.ppo.parameters().parameters().begin(), run.ppo.parameters().parameters().end());
  };
  const std::vector<float> whole = parameters(1);
  for (const std::size_t shards : {2U, 3U, 5U, 16U}) {
    const std::vector<float> parts = parameters(shards);
    for (std::size_t i = 0; i < whole.size(); ++i)
      REQUIRE_THAT(static_cast<double>(parts[i]), WithinAbs(static_cast<double>(whole[i]), 1e-6));
  }
}

TEST_CASE("An objective that changes nothing leaves A2C's bytes alone and sees the whole rollout", "[rl][details][risk]") {
  rlx::A2cConfig config;
  config.n_steps = 8;
  config.gradient_shards = 1;
  const auto graph = rlx::nn::mlp_actor_critic({.observation = 5, .action = 5, .pi = {8}, .vf = {8}});
  const auto make = [](std::size_t) { return make_env<rlx::InvalidActionEnv>(); };
  rlx::ThreadPool pool(1);
  rlx::VectorEnv plain_envs({.num_envs = 4, .seed = 3}, pool, make), watched_envs({.num_envs = 4, .seed = 3}, pool, make);
  const Recorder recorder;
  rlx::A2c plain(config, plain_envs, graph, pool);
  rlx::A2c watched(config, watched_envs, graph, pool, rlx::ScalarCritic{}, recorder);
  plain.learn(5 * 32);
  watched.learn(5 * 32);
  REQUIRE(watched.state_hash() == plain.state_hash());
  REQUIRE(recorder.seen->minibatches.size() == 1);
  const Minibatch& b = recorder.seen->minibatches[0];
  std::vector<double> losses;
  for (std::size_t i = 0; i < 32; ++i) {
    REQUIRE(b.rows[i] == i);
    REQUIRE_THAT(b.log_probs[i], WithinAbs(b.old_log_probs[i], 1e-6));
    REQUIRE(b.advantages[i] == static_cast<double>(recorder.seen->advantages[i]));  // not normalised by default
    losses.push_back(-b.advantages[i] * b.log_probs[i]);
  }
  REQUIRE_THAT(watched.last_update().policy_gradient_loss, WithinAbs(mean_of(losses), 1e-6));
  REQUIRE(watched.last_update().clip_fraction == 0.0);
}
