// SPDX-License-Identifier: MIT
#include <rlx/rl/inference_policy.hpp>

#ifdef RLX_RL_PPO_HPP
#  error "inference_policy.hpp must not include a learner"
#endif

#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <nlohmann/json.hpp>

#include <rlx/env/testing.hpp>
#include <rlx/nn/initialization.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/rl/ppo.hpp>

#include "counting_allocator.hpp"
#include "rl/training_run.hpp"
#include "rlx_catch.hpp"

using namespace rlx_test;

namespace {

struct Trained {
  Trained()
      : pool(1),
        envs({.num_envs = 8, .seed = 3}, pool, [](std::size_t) { return rlx::InvalidActionEnv(7, 4, 11); }),
        ppo({.learning_rate = 2e-3,
             .n_steps = 32,
             .batch_size = 64,
             .n_epochs = 4,
             .gamma = 0.4,
             .normalize_observation = true},
            envs, rlx::nn::mlp_actor_critic({.observation = 7, .action = 7}), pool) {
    ppo.learn(8 * 32 * 4);
  }
  rlx::ThreadPool pool;
  rlx::VectorEnv<rlx::InvalidActionEnv> envs;
  rlx::Ppo<rlx::InvalidActionEnv> ppo;
};

std::string path_of(const char* name) {
  return std::string("/tmp/rlx_test_") + name + '_' + std::to_string(::getpid()) + ".safetensors";
}

/// Observation and mask number i; at least one action valid.
void inputs(std::uint64_t i, std::vector<float>& observation, std::vector<std::uint8_t>& mask) {
  rlx::RandomStream random({i, rlx::Purpose::user});
  for (float& x : observation) x = static_cast<float>(random.normal());
  for (auto& m : mask) m = random.bounded(3) == 0 ? 1 : 0;
  if (!mask.empty()) mask[random.bounded(mask.size())] = 1;
}

}  // namespace

TEST_CASE("A loaded policy decides as the learner predicts", "[rl][inference]") {
  Trained trained;
  const std::string policy_path = path_of("policy");
  const std::string checkpoint_path = path_of("checkpoint");
  trained.ppo.identity["data_sha256"] = "abc";
  trained.ppo.export_policy(policy_path, {{"note", "hello"}});
  trained.ppo.save(checkpoint_path);
  const auto policy = rlx::InferencePolicy::load(policy_path);
  const auto from_checkpoint = rlx::InferencePolicy::load(checkpoint_path);
  std::remove(policy_path.c_str());
  std::remove(checkpoint_path.c_str());
  std::remove(rlx::description_path(checkpoint_path).c_str());
  REQUIRE(policy.layout().mask_required);
  REQUIRE(policy.layout().normalize_observation);
  REQUIRE(policy.layout().info.at("note") == "hello");
  REQUIRE(policy.layout().info.at("data_sha256") == "abc");
  REQUIRE(policy.layout().layout_sha256 == trained.ppo.layout().layout_sha256);
  REQUIRE(policy.parameter_count() == trained.ppo.parameters().count());
  REQUIRE(policy.action_name(3) == "3");
  REQUIRE_THROWS_AS(policy.action_name(7), rlx::ShapeError);

  auto workspace = policy.make_workspace();
  auto other = from_checkpoint.make_workspace();
  std::vector<float> observation(7), p(7);
  std::vector<std::uint8_t> mask(7);
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    inputs(i, observation, mask);
    std::int32_t action = -1, same = -1;
    const rlx::Decision decision = policy.act(observation, mask, {&action, 1}, workspace);
    from_checkpoint.act(observation, mask, {&same, 1}, other);
    const rlx::Prediction expected = trained.ppo.predict(observation, mask);
    REQUIRE(action == expected.action);
    REQUIRE(same == action);
    REQUIRE(mask[static_cast<std::size_t>(action)] != 0);
    REQUIRE_THAT(static_cast<double>(decision.value), WithinAbs(static_cast<double>(expected.value), 1e-6));
    REQUIRE_THAT(static_cast<double>(decision.log_probability), WithinAbs(static_cast<double>(expected.log_prob), 1e-6));
    REQUIRE_THAT(static_cast<double>(decision.entropy), WithinAbs(static_cast<double>(expected.entropy), 1e-6));
    if (i % 100 != 0) continue;
    policy.probabilities(observation, mask, p, workspace);
    double sum = 0;
    for (std::size_t a = 0; a < 7; ++a) {
      if (mask[a] == 0) REQUIRE(p[a] == 0.0F);
      sum += static_cast<double>(p[a]);
    }
    REQUIRE_THAT(sum, WithinAbs(1.0, 1e-6));
    REQUIRE_THAT(static_cast<double>(p[static_cast<std::size_t>(action)]),
                 WithinAbs(static_cast<double>(decision.probability), 1e-6));
    // A draw with the same random numbers is the same draw.
    rlx::RandomStream a({i, rlx::Purpose::evaluation_action}), b({i, rlx::Purpose::evaluation_action});
    policy.act(observation, mask, {&action, 1}, workspace, {.deterministic = false, .random = &a});
    REQUIRE(action == trained.ppo.predict(observation, mask, false, &b).action);
  }
}

TEST_CASE("Eight threads on one policy decide as one, and a decision allocates nothing", "[rl][inference][allocation]") {
  Trained trained;
  const rlx::InferencePolicy policy = trained.ppo.policy();
  constexpr std::size_t count = 2000;
  const auto run = [&](std::vector<std::int32_t>& actions) {
    auto workspace = policy.make_workspace();
    std::vector<float> observation(7);
    std::vector<std::uint8_t> mask(7);
    for (std::size_t i = 0; i < count; ++i) {
      inputs(i, observation, mask);
      policy.act(observation, mask, {&actions[i], 1}, workspace);
    }
  };
  std::vector<std::vector<std::int32_t>> results(9, std::vector<std::int32_t>(count));
  run(results[8]);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 8; ++t) threads.emplace_back([&, t] { run(results[t]); });
  for (std::thread& thread : threads) thread.join();
  for (std::size_t t = 0; t < 8; ++t) REQUIRE(results[t] == results[8]);

  auto workspace = policy.make_workspace();
  std::vector<float> observation(7, 0.5F), p(7);
  std::vector<std::uint8_t> mask(7, 1);
  std::int32_t action = 0;
  const AllocationCounter counter;
  policy.act(observation, mask, {&action, 1}, workspace);
  policy.probabilities(observation, mask, p, workspace);
  REQUIRE(counter.count() == 0);
}

TEST_CASE("Wrong input is refused by name", "[rl][inference][errors]") {
  Trained trained;
  const rlx::InferencePolicy policy = trained.ppo.policy();
  auto workspace = policy.make_workspace();
  std::vector<float> observation(7, 0.5F);
  std::vector<std::uint8_t> mask(7, 1);
  std::int32_t action = 0;
  REQUIRE_THROWS_AS(policy.act(std::span<const float>(observation).first(6), mask, {&action, 1}, workspace), rlx::ShapeError);
  REQUIRE_THROWS_AS(policy.act(observation, {}, {&action, 1}, workspace), rlx::ShapeError);
  REQUIRE_THROWS_AS(policy.act(observation, mask, {&action, 1}, workspace, {.deterministic = false}), rlx::ConfigError);
  const std::vector<std::uint8_t> none(7, 0);
  REQUIRE_THROWS_AS(policy.act(observation, none, {&action, 1}, workspace), rlx::ShapeError);
  observation[3] = std::numeric_limits<float>::quiet_NaN();
  REQUIRE_THROWS_WITH(policy.act(observation, mask, {&action, 1}, workspace), ContainsSubstring("observation[3]"));
  observation[3] = 0.5F;
  trained.ppo.parameters().tensor(trained.ppo.parameters().layout().size() - 1)[0] = std::numeric_limits<float>::infinity();
  const rlx::InferencePolicy damaged = trained.ppo.policy();
  REQUIRE_THROWS_WITH(damaged.act(observation, mask, {&action, 1}, workspace), ContainsSubstring("the value is not finite"));
  REQUIRE_THROWS_AS(rlx::InferencePolicy::load("/nonexistent/policy.safetensors"), rlx::IoError);
  const std::vector<std::byte> bytes(100);
  REQUIRE_THROWS_AS(rlx::InferencePolicy::from_bytes(bytes), rlx::CheckpointError);
}

TEST_CASE("Columns that say whether a slot is filled pass unscaled", "[rl][inference]") {
  rlx::nn::SlotSpec spec;
  spec.observation = 14;
  spec.action = 3;
  spec.flats = {{"flat", 0, 2, 8}};
  spec.slots = {{"slots", 2, 3, 4, 1, 8, 2, 8}};
  const rlx::detail::ObservationScaling scaling{10.0, rlx::nn::unscaled_columns(rlx::nn::slot_actor_critic(spec))};
  REQUIRE(scaling.unscaled == std::vector<std::size_t>{3, 7, 11});
  rlx::RunningMeanStd statistics(14);
  std::vector<float> rows(14 * 4, 1.0F), out(14);
  rows[3] = 0.0F;
  statistics.update(rlx::MatrixView<const float>(rows.data(), 4, 14));
  scaling.apply(statistics, std::span<const float>(rows).first(14), out);
  REQUIRE(out[3] == 0.0F);
  REQUIRE(out[7] == 1.0F);
  REQUIRE(out[0] != 1.0F);
}

namespace {

/// A learner of some updates for an action space.
template <class S>
struct TrainedOn : TrainingRun<rlx::Ppo<typename S::Env>, typename S::Env> {
  using Base = TrainingRun<rlx::Ppo<typename S::Env>, typename S::Env>;
  using A = typename S::Env::ActionScalar;
  static rlx::PpoConfig config() {
    rlx::PpoConfig config;
    config.n_steps = 16;
    config.batch_size = 64;
    config.n_epochs = 2;
    config.learning_rate = 2e-3;
    config.normalize_observation = config.normalize_value = true;
    config.squash = S::squash;
    return config;
  }
  TrainedOn() : Base(config(), S::graph(), S::make) {
    this->learner.learn(4 * this->rollout());
    strengthen(this->learner.parameters(), this->learner.layout().num_actions, 20.0F);
  }
};

/// Random observations, and masks where the policy wants them.
struct Inputs {
  explicit Inputs(const rlx::PolicyLayout& layout)
      : observation(layout.observation_size), mask(layout.mask_required ? layout.num_actions : 0), nvec(layout.nvec) {}
  void draw(std::uint64_t i) {
    inputs(i, observation, mask);
    std::size_t begin = 0;  // at least one choice of every component
    for (const std::int64_t n : nvec) {
      mask[begin + i % static_cast<std::size_t>(n)] = 1;
      begin += static_cast<std::size_t>(n);
    }
  }
  std::vector<float> observation;
  std::vector<std::uint8_t> mask;
  std::vector<std::int64_t> nvec;
};

template <class S>
std::vector<typename S::Env::ActionScalar> room(const rlx::PolicyLayout& layout) {
  return std::vector<typename S::Env::ActionScalar>(layout.nvec.empty() ? layout.num_actions : layout.nvec.size());
}

void require_equal(const rlx::Decision& a, const rlx::Decision& b) {
  REQUIRE(a.value == b.value);
  REQUIRE(a.log_probability == b.log_probability);
  REQUIRE(a.entropy == b.entropy);
}

}  // namespace

TEMPLATE_TEST_CASE("Every distribution: policies from memory, file and checkpoint decide as the learner predicts",
                   "[rl][inference]", Choices, Numbers, Squashed, Weights) {
  TrainedOn<TestType> trained;
  const ScratchFile file(std::string("every_") + TestType::name), checkpoint(std::string("every_c_") + TestType::name);
  trained.learner.export_policy(file.path);
  trained.learner.save(checkpoint.path);
  const auto policy = trained.learner.policy();
  const auto loaded = rlx::InferencePolicy::load(file.path), from_checkpoint = rlx::InferencePolicy::load(checkpoint.path);
  for (const rlx::InferencePolicy* const other : {&loaded, &from_checkpoint}) {
    REQUIRE(other->layout().distribution == policy.layout().distribution);
    REQUIRE(other->layout().nvec == policy.layout().nvec);
    REQUIRE(other->layout().low == policy.layout().low);
    REQUIRE(other->layout().high == policy.layout().high);
    REQUIRE(other->layout().mask_required == policy.layout().mask_required);
    REQUIRE(other->layout().layout_sha256 == rlx::layout_hash(policy.layout()));
  }
  auto workspace = policy.make_workspace(), other = loaded.make_workspace(), third = from_checkpoint.make_workspace();
  Inputs in(policy.layout());
  auto action = room<TestType>(policy.layout()), same = action;
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    in.draw(i);
    rlx::RandomStream a({i, rlx::Purpose::user}), b = a, c = a, d = a;
    const bool deterministic = i % 4 != 3;
    const rlx::Decision decision =
        policy.act(in.observation, in.mask, action, workspace, {.deterministic = deterministic, .random = &a});
    require_equal(decision, loaded.act(in.observation, in.mask, same, other, {.deterministic = deterministic, .random = &b}));
    REQUIRE(same == action);
    require_equal(decision,
                  from_checkpoint.act(in.observation, in.mask, same, third, {.deterministic = deterministic, .random = &c}));
    REQUIRE(same == action);
    const auto expected = trained.learner.predict(in.observation, in.mask, deterministic, &d);
    REQUIRE(action == expected.action);
    REQUIRE_THAT(static_cast<double>(decision.log_probability), WithinAbs(static_cast<double>(expected.log_prob), 1e-6));
    REQUIRE_THAT(static_cast<double>(decision.entropy), WithinAbs(static_cast<double>(expected.entropy), 1e-6));
    REQUIRE_THAT(static_cast<double>(decision.value), WithinAbs(static_cast<double>(expected.value), 2e-5));
  }
}

TEMPLATE_TEST_CASE("Every distribution: eight threads decide as one, and a decision allocates nothing",
                   "[rl][inference][allocation]", Choices, Numbers, Squashed, Weights) {
  TrainedOn<TestType> trained;
  const rlx::InferencePolicy policy = trained.learner.policy();
  const auto run = [&](std::vector<typename TrainedOn<TestType>::A>& actions) {
    auto workspace = policy.make_workspace();
    Inputs in(policy.layout());
    auto action = room<TestType>(policy.layout());
    for (std::uint64_t i = 0; i < 1000; ++i) {
      in.draw(i);
      rlx::RandomStream random({i, rlx::Purpose::user});
      policy.act(in.observation, in.mask, action, workspace, {.deterministic = i % 2 == 0, .random = &random});
      actions.insert(actions.end(), action.begin(), action.end());
    }
  };
  std::vector<std::vector<typename TrainedOn<TestType>::A>> results(9);
  run(results[8]);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 8; ++t) threads.emplace_back([&, t] { run(results[t]); });
  for (std::thread& thread : threads) thread.join();
  for (std::size_t t = 0; t < 8; ++t) REQUIRE(results[t] == results[8]);

  auto workspace = policy.make_workspace();
  Inputs in(policy.layout());
  in.draw(1);
  auto action = room<TestType>(policy.layout());
  rlx::RandomStream random({1, rlx::Purpose::user});
  const AllocationCounter counter;
  policy.act(in.observation, in.mask, action, workspace);
  policy.act(in.observation, in.mask, action, workspace, {.deterministic = false, .random = &random});
  REQUIRE(counter.count() == 0);
}

TEMPLATE_TEST_CASE("Every distribution: wrong input is refused by name", "[rl][inference][errors]", Choices, Numbers, Squashed,
                   Weights) {
  TrainedOn<TestType> trained;
  const rlx::InferencePolicy policy = trained.learner.policy();
  constexpr bool integers = std::is_same_v<typename TrainedOn<TestType>::A, std::int32_t>;
  auto workspace = policy.make_workspace();
  Inputs in(policy.layout());
  in.draw(1);
  std::vector<std::int32_t> whole(room<TestType>(policy.layout()).size());
  std::vector<float> real(whole.size());
  const auto refused = [&](auto&& call, const std::string& part) {
    try {
      call();
      FAIL("expected ShapeError with '" + part + "'");
    } catch (const rlx::ShapeError& error) {
      REQUIRE_THAT(error.what(), ContainsSubstring(part));
    }
  };
  if (integers) {
    refused([&] { policy.act(in.observation, in.mask, real, workspace); }, "pass a std::span<std::int32_t>");
    refused([&] { policy.act(in.observation, in.mask, std::span(whole).first(1), workspace); }, "1 numbers, expected 3");
  } else {
    refused([&] { policy.act(in.observation, in.mask, whole, workspace); }, "pass a std::span<float>");
    refused([&] { policy.act(in.observation, in.mask, std::span(real).first(1), workspace); }, "1 numbers, expected");
    std::vector<float> p(policy.layout().num_actions);
    refused([&] { policy.probabilities(in.observation, in.mask, p, workspace); }, "are no choices; use act");
  }
  const auto act = [&](std::span<const std::uint8_t> mask) {
    if (integers) {
      policy.act(in.observation, mask, whole, workspace);
    } else {
      policy.act(in.observation, mask, real, workspace);
    }
  };
  act(in.mask);
  if (policy.layout().mask_required) {
    refused([&] { act({}); }, "the mask has 0 entries, expected " + std::to_string(in.mask.size()));
    refused([&] { act(std::span(in.mask).first(2)); }, "the mask has 2 entries");
    std::fill(in.mask.begin(), in.mask.begin() + (integers ? 3 : 5), std::uint8_t{0});
    refused([&] { act(in.mask); }, "the mask allows no action");
  } else {
    const std::vector<std::uint8_t> mask(3, 1);
    refused([&] { act(mask); }, "the mask has 3 entries, expected 0");
  }
}

TEST_CASE("Bounds that are infinite survive a policy file, and actions are clipped into the others", "[rl][inference]") {
  TrainedOn<Numbers> trained;
  const ScratchFile file("infinite");
  trained.learner.export_policy(file.path);
  const auto policy = rlx::InferencePolicy::load(file.path);
  constexpr float infinity = std::numeric_limits<float>::infinity();
  REQUIRE(policy.layout().low == std::vector<float>{-1.0F, 0.5F, -infinity});
  REQUIRE(policy.layout().high == std::vector<float>{1.0F, 2.0F, infinity});
  auto workspace = policy.make_workspace();
  std::vector<float> action(3);
  float largest = 0.0F;
  bool clipped = false;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    rlx::RandomStream random({i, rlx::Purpose::user});
    policy.act(std::vector<float>{0.5F, -0.25F}, {}, action, workspace, {.deterministic = false, .random = &random});
    REQUIRE((action[0] >= -1.0F && action[0] <= 1.0F && action[1] >= 0.5F && action[1] <= 2.0F));
    clipped = clipped || action[1] == 0.5F;
    largest = std::max(largest, std::abs(action[2]));
  }
  REQUIRE(clipped);
  REQUIRE(largest > 2.0F);
}

TEST_CASE("Layouts that contradict themselves or the tensors are refused with the file's name", "[rl][inference][errors]") {
  const ScratchFile good("layout_good"), bad("layout_bad");
  const auto refused = [&](auto change, const std::string& part) {
    const auto file = rlx::io::Safetensors::open(good.path);
    nlohmann::json root = nlohmann::json::parse(file.metadata("rlx"));
    change(root["policy"]);
    rlx::io::write_safetensors(bad.path, {{"rlx", root.dump()}}, file.tensors());
    try {
      rlx::InferencePolicy::load(bad.path);
      FAIL("expected CheckpointError with '" + part + "'");
    } catch (const rlx::CheckpointError& error) {
      REQUIRE_THAT(error.what(), ContainsSubstring(part));
      REQUIRE_THAT(error.what(), ContainsSubstring(bad.path));
    }
  };
  using Json = nlohmann::json;
  {
    TrainedOn<Choices> trained;
    trained.learner.export_policy(good.path);
  }
  refused([](Json& p) { p["nvec"] = {3, 4, 3}; }, "nvec adds up to 10, num_actions is 9");
  refused([](Json& p) { p["nvec"] = {9, 0}; }, "nvec has the entry 0");
  refused([](Json& p) { p["nvec"] = {10, -1}; }, "nvec has the entry 10");
  refused([](Json& p) { p["nvec"] = Json::array(); }, "nvec adds up to 0");
  refused([](Json& p) { p["distribution"] = "categorical"; }, "it has no nvec, found 3 entries");
  refused(
      [](Json& p) {
        p["distribution"] = "beta";
        p["nvec"] = Json::array();
      },
      "not known to this version");
  refused([](Json& p) { p["low"] = {0.0}; }, "it has no bounds");
  refused([](Json& p) { p["mask"] = "requierd"; }, "expected \"required\" or \"none\", found \"requierd\"");
  refused([](Json& p) { p["observation_size"] = 1'000'000'000'000'000; }, "the graph maps 9 inputs");
  refused([](Json& p) { p["action_names"] = {"a", "b"}; }, "2 action_names, num_actions is 9");
  refused([](Json& p) { p["observation_names"] = {"a"}; }, "1 observation_names, observation_size is 9");
  {
    TrainedOn<Squashed> trained;
    trained.learner.export_policy(good.path);
  }
  refused([](Json& p) { p["low"] = {-1.0, 0.5}; }, "low and high have 2 and 3 bounds, num_actions is 3");
  refused([](Json& p) { p["low"] = {-1.0, 2.5, -3.0}; }, "low exceeds high at element 1");
  refused([](Json& p) { p["low"] = {-1.0, nullptr, -3.0}; }, "squash = true needs bounds: element 1");
  refused([](Json& p) { p["low"] = {-1.0, 2.0, -3.0}; }, "squash = true needs low below high: element 1");
  refused([](Json& p) { p["high"] = "1"; }, "expected an array of numbers or null");
  refused([](Json& p) { p["num_actions"] = 4; }, "low and high have 3 and 3 bounds, num_actions is 4");
  refused([](Json& p) { p["nvec"] = {3}; }, "it has no nvec, found 1 entries");
}

TEST_CASE("A graph that claims more numbers than its file holds is refused before memory is taken for them",
          "[rl][inference][errors]") {
  const rlx::nn::GraphSpec spec = rlx::nn::mlp_actor_critic({.observation = 4, .action = 2, .pi = {8, 8}, .vf = {8}});
  rlx::nn::ParameterStore<float> store;
  static_cast<void>(rlx::nn::Graph<float>::build(spec, store));
  rlx::PolicyLayout layout;
  layout.observation_size = 4;
  layout.num_actions = 2;
  const ScratchFile good("graph_good");
  rlx::InferencePolicy(spec, store, layout, nullptr).save(good.path);
  const auto file = rlx::io::Safetensors::open(good.path);
  const auto load_with = [&](const auto& change) {
    nlohmann::json root = nlohmann::json::parse(file.metadata("rlx"));
    change(root["graph"]["nodes"]);
    return rlx::InferencePolicy::from_bytes(rlx::io::to_safetensors({{"rlx", root.dump()}}, file.tensors()));
  };
  REQUIRE(load_with([](auto&) {}).parameter_count() == store.count());
  REQUIRE_THROWS_AS(load_with([](auto& nodes) {
                      for (auto& node : nodes)
                        if (node["kind"] == "linear" && node["width"] == 8) node["width"] = 1 << 20;  // 4 TB of weights
                    }),
                    rlx::CheckpointError);
}

TEST_CASE("A policy whose scaled observations have no limit is loaded, one with a limit of 0 is refused", "[rl][inference]") {
  const rlx::nn::GraphSpec spec = rlx::nn::mlp_actor_critic({.observation = 2, .action = 3, .pi = {4}, .vf = {4}});
  rlx::nn::ParameterStore<float> store;
  static_cast<void>(rlx::nn::Graph<float>::build(spec, store));
  rlx::nn::initialize(store, spec, rlx::nn::Initialization::orthogonal, 1);
  rlx::RunningMeanStd statistics(2);
  const std::array<float, 4> rows{0.0F, 1.0F, 2.0F, 5.0F};
  statistics.update(rlx::MatrixView<const float>(rows.data(), 2, 2));
  rlx::PolicyLayout layout;
  layout.observation_size = 2;
  layout.num_actions = 3;
  layout.normalize_observation = true;
  const std::array<float, 2> far{1000.0F, -1000.0F};  // some 1,000 deviations from the mean
  const auto probabilities = [&](const rlx::InferencePolicy& policy) {
    std::vector<float> p(3);
    auto workspace = policy.make_workspace();
    policy.probabilities(far, {}, p, workspace);
    return p;
  };
  const ScratchFile file("no_limit");
  layout.clip_obs = std::numeric_limits<double>::infinity();
  const rlx::InferencePolicy unlimited(spec, store, layout, &statistics);
  unlimited.save(file.path);
  const rlx::InferencePolicy loaded = rlx::InferencePolicy::load(file.path);
  REQUIRE(loaded.layout().clip_obs > 1e300);
  REQUIRE(probabilities(loaded) == probabilities(unlimited));
  layout.clip_obs = 0.5;
  rlx::InferencePolicy(spec, store, layout, &statistics).save(file.path);
  REQUIRE(probabilities(rlx::InferencePolicy::load(file.path)) != probabilities(unlimited));
  layout.clip_obs = 0.0;
  rlx::InferencePolicy(spec, store, layout, &statistics).save(file.path);
  REQUIRE_THROWS_AS(rlx::InferencePolicy::load(file.path), rlx::CheckpointError);
}

TEST_CASE("A policy with an lstm remembers the episode of its workspace, and nothing else", "[rl][inference][recurrent]") {
  const rlx::nn::GraphSpec spec = lstm_of_seven();
  rlx::nn::ParameterStore<float> store;
  rlx::nn::Graph<float>::build(spec, store);
  rlx::nn::initialize(store, spec, rlx::nn::Initialization::orthogonal, 3);
  strengthen(store, 7, 50.0F);
  rlx::PolicyLayout layout;
  layout.observation_size = layout.num_actions = 7;
  layout.mask_required = true;
  layout.layout_sha256 = rlx::layout_hash(layout);
  const rlx::InferencePolicy policy(spec, store, layout, nullptr);

  Inputs in(layout);
  std::int32_t action = 0;
  const auto episode = [&](rlx::InferencePolicy::Workspace& workspace) {
    std::vector<float> values;
    for (std::uint64_t i = 0; i < 20; ++i) {
      in.draw(i);
      values.push_back(policy.act(in.observation, in.mask, {&action, 1}, workspace).value);
    }
    return values;
  };
  auto workspace = policy.make_workspace(), fresh = policy.make_workspace();
  const std::vector<float> first = episode(workspace);
  const std::vector<float> continued = episode(workspace);
  REQUIRE(continued != first);  // the memory of the first 20 steps
  workspace.begin_episode();
  REQUIRE(episode(workspace) == first);
  REQUIRE(episode(fresh) == first);

  // A refused call leaves the memory as it was, a workspace's copy goes its own way.
  workspace.begin_episode();
  in.draw(0);
  policy.act(in.observation, in.mask, {&action, 1}, workspace);
  auto copy = workspace;
  in.draw(1);
  float number = 0.0F;
  const std::vector<std::uint8_t> none(7, 0);
  const std::vector<float> broken(7, nan_f);
  REQUIRE_THROWS_AS(policy.act(in.observation, in.mask, std::span<float>(&number, 1), workspace), rlx::ShapeError);
  REQUIRE_THROWS_AS(policy.act(in.observation, in.mask, std::span<std::int32_t>(), workspace), rlx::ShapeError);
  REQUIRE_THROWS_AS(policy.act(in.observation, none, {&action, 1}, workspace), rlx::ShapeError);
  REQUIRE_THROWS_AS(policy.act(broken, in.mask, {&action, 1}, workspace), rlx::NumericError);
  REQUIRE_THROWS_AS(policy.act(in.observation, in.mask, {&action, 1}, workspace, {.deterministic = false}), rlx::ConfigError);
  REQUIRE(policy.act(in.observation, in.mask, {&action, 1}, workspace).value == first[1]);
  REQUIRE(policy.act(in.observation, in.mask, {&action, 1}, copy).value == first[1]);

  const AllocationCounter counter;
  policy.act(in.observation, in.mask, {&action, 1}, workspace);
  workspace.begin_episode();
  REQUIRE(counter.count() == 0);

  // Eight threads, each with an episode of its own.
  std::vector<std::vector<float>> results(8);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      auto own = policy.make_workspace();
      Inputs mine(layout);
      std::int32_t chosen = 0;
      for (std::uint64_t i = 0; i < 20; ++i) {
        mine.draw(i);
        results[t].push_back(policy.act(mine.observation, mine.mask, {&chosen, 1}, own).value);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::vector<float>& result : results) REQUIRE(result == first);
}
