// SPDX-License-Identifier: MIT
#include <rlx/nn/networks.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include <rlx/core/finite.hpp>
#include <rlx/core/random.hpp>
#include <rlx/nn/gradient_check.hpp>
#include <rlx/nn/graph.hpp>
#include <rlx/nn/initialization.hpp>

#include "counting_allocator.hpp"
#include "rlx_catch.hpp"

namespace {

namespace nn = rlx::nn;
using rlx::MatrixView;
using rlx_test::WithinAbs;

constexpr std::size_t columns = 275;
constexpr std::size_t position_offset = 15;
constexpr std::size_t position_width = 12;
constexpr std::size_t opportunity_offset = 75;
constexpr std::size_t opportunity_width = 20;

nn::GraphSpec modular() {
  nn::SlotSpec spec{.observation = columns, .action = 36};
  spec.flats = {{.name = "config", .offset = 0, .width = 5, .hidden = 16},
                {.name = "portfolio", .offset = 5, .width = 10, .hidden = 32}};
  spec.slots = {{.name = "execution", .offset = 15, .count = 5, .width = 12, .hidden = 32, .heads = 2, .output = 64},
                {.name = "opportunity", .offset = 75, .count = 10, .width = 20, .hidden = 64, .heads = 4, .output = 128}};
  return nn::slot_actor_critic(spec);
}

nn::PointerSpec pointer_spec() {
  nn::PointerSpec spec{.observation = columns, .context_width = 15};
  spec.sets = {{.name = "opportunity", .head = "enter", .offset = 75, .count = 10, .width = 20, .choices = 3},
               {.name = "position", .head = "exit", .offset = 15, .count = 5, .width = 12, .choices = 1}};
  return spec;
}

template <class S>
struct Network {
  nn::ParameterStore<S> store;
  nn::Graph<S> graph;
  nn::Workspace<S> workspace;
  explicit Network(const nn::GraphSpec& spec, std::size_t rows = 4)
      : graph(nn::Graph<S>::build(spec, store)), workspace(graph.make_workspace(rows)) {
    nn::initialize(store, spec, nn::Initialization::orthogonal, 5);
    // Larger heads than at the start of training, and biases off 0, so that differences are seen.
    rlx::RandomStream random({.seed = 6, .purpose = rlx::Purpose::user});
    for (const nn::TensorInfo& t : store.layout()) {
      for (S& x : store.tensor(t.name)) x += static_cast<S>(0.05 * random.normal());
    }
  }
  void forward(const std::vector<S>& in) {
    graph.forward(store.parameters(), MatrixView<const S>(in.data(), in.size() / columns, columns), workspace);
  }
};

/// A row with the given slots active.
template <class S>
std::vector<S> observation(const std::vector<int>& positions, const std::vector<int>& opportunities, std::uint64_t seed) {
  rlx::RandomStream random({.seed = seed, .purpose = rlx::Purpose::user});
  std::vector<S> row(columns);
  for (S& x : row) x = static_cast<S>(random.uniform(-1.0, 1.0));
  const auto set = [&](const std::vector<int>& valid, std::size_t offset, std::size_t width) {
    for (std::size_t s = 0; s < valid.size(); ++s) {
      row[offset + s * width] = static_cast<S>(valid[s]);
      if (valid[s] == 0) std::fill_n(row.begin() + static_cast<std::ptrdiff_t>(offset + s * width), width, S(0));
    }
  };
  set(positions, position_offset, position_width);
  set(opportunities, opportunity_offset, opportunity_width);
  return row;
}

const std::vector<int> none5(5, 0);
const std::vector<int> none10(10, 0);
const std::vector<int> some5{1, 0, 1, 1, 0};
const std::vector<int> some10{1, 1, 0, 1, 1, 1, 0, 1, 1, 1};

double check_gradients(const nn::GraphSpec& spec, std::size_t checks) {
  Network<double> net(spec, 3);
  std::vector<double> in;
  for (const auto& row : {observation<double>(some5, some10, 1), observation<double>(none5, none10, 2),
                          observation<double>(std::vector<int>(5, 1), std::vector<int>(10, 1), 3)}) {
    in.insert(in.end(), row.begin(), row.end());
  }
  rlx::RandomStream random({.seed = 7, .purpose = rlx::Purpose::user});
  std::vector<double> weights(3 * 37);
  for (double& x : weights) x = random.normal();
  const auto loss = [&](std::span<const double> parameters, std::span<double> gradient) {
    net.graph.forward(parameters, MatrixView<const double>(in.data(), 3, columns), net.workspace);
    double sum = 0;
    for (std::size_t r = 0; r < 3; ++r) {
      for (std::size_t j = 0; j < 37; ++j) {
        const auto output = net.workspace.output(j < 36 ? "action" : "value");
        const auto slope = net.workspace.output_gradient(j < 36 ? "action" : "value");
        const double weight = weights[r * 37 + j];
        sum += weight * output(r, j < 36 ? j : 0);
        slope(r, j < 36 ? j : 0) = weight;
      }
    }
    if (!gradient.empty()) {
      std::fill(gradient.begin(), gradient.end(), 0.0);
      net.graph.backward(parameters, gradient, net.workspace);
    }
    return sum;
  };
  return nn::gradient_check(loss, net.store.parameters(), {.max_checks = checks});
}

}  // namespace

TEST_CASE("the modular network has 791,989 parameters in the stated parts and 5,116,704 operations per row") {
  nn::ParameterStore<float> store;
  const auto graph = nn::Graph<float>::build(modular(), store);
  REQUIRE(store.count() == 791'989);
  REQUIRE(nn::parameter_count(modular()) == 791'989);
  const std::map<std::string, std::size_t> parts{{"config", 432},          {"portfolio", 1'536}, {"execution", 15'200},
                                                 {"opportunity", 100'544}, {"fusion", 589'568},  {"actor", 43'492},
                                                 {"critic", 41'217}};
  std::size_t sum = 0;
  for (const auto& [name, count] : parts) {
    REQUIRE(store.count(name) == count);
    sum += count;
  }
  REQUIRE(sum == 791'989);
  REQUIRE(graph.flops_per_row() == 5'116'704);
  // Rollout forward and four epochs of forward and backward: 66.5 million operations per environment step.
  REQUIRE_THAT(13e-6 * static_cast<double>(graph.flops_per_row()), WithinAbs(66.5, 0.05));
  REQUIRE(graph.input_width() == columns);
  REQUIRE(graph.output_width("action") == 36);
  REQUIRE(graph.output_width("value") == 1);
}

TEST_CASE("the pointer network has 99,014 parameters in the stated parts and multiplies with g once per row") {
  nn::ParameterStore<float> store;
  const auto graph = nn::Graph<float>::build(nn::pointer_actor_critic(pointer_spec()), store);
  REQUIRE(store.count() == 99'014);
  const std::map<std::string, std::size_t> parts{{"context", 5'312}, {"position", 5'120}, {"opportunity", 5'632},
                                                 {"trunk", 41'344},  {"hold", 8'321},     {"enter", 12'547},
                                                 {"exit", 12'417},   {"value", 8'321}};
  for (const auto& [name, count] : parts) REQUIRE(store.count(name) == count);
  REQUIRE(graph.flops_per_row() == 2 * 220'672);  // 0.221 million multiply-adds
  REQUIRE(pointer_spec().action() == 36);
  REQUIRE(graph.output_width("action") == 36);
}

TEST_CASE("MLP actor-critic of SB3's sizes") {
  nn::ParameterStore<float> store;
  const nn::GraphSpec spec = nn::mlp_actor_critic({.observation = 4, .action = 2});
  const auto graph = nn::Graph<float>::build(spec, store);
  REQUIRE(store.count("actor") == 4 * 64 + 64 + 64 * 64 + 64 + 64 * 2 + 2);
  REQUIRE(store.count("critic") == 4 * 64 + 64 + 64 * 64 + 64 + 64 + 1);
  nn::initialize(store, spec, nn::Initialization::orthogonal, 0);
  // The policy starts almost uniform: logits of the order of the gain 0.01.
  auto w = graph.make_workspace(64);
  rlx::RandomStream random({.seed = 1, .purpose = rlx::Purpose::user});
  std::vector<float> in(64 * 4);
  for (float& x : in) x = static_cast<float>(random.uniform(-0.05, 0.05));
  graph.forward(store.parameters(), MatrixView<const float>(in.data(), 64, 4), w);
  const auto logits = w.output("action");
  for (std::size_t r = 0; r < 64; ++r) {
    const double p = 1 / (1 + std::exp(static_cast<double>(logits(r, 1) - logits(r, 0))));
    REQUIRE(std::abs(p - 0.5) <= 0.02);
  }
}

TEST_CASE("a shared trunk is computed once and read by both heads") {
  nn::ParameterStore<float> store;
  const nn::GraphSpec spec =
      nn::mlp_actor_critic({.observation = 4, .action = 2, .pi = {32, 16}, .vf = {32, 16}, .share_features = true});
  const auto graph = nn::Graph<float>::build(spec, store);
  REQUIRE(store.count("trunk") == 4 * 32 + 32 + 32 * 16 + 16);
  REQUIRE(store.count("actor") == 16 * 2 + 2);
  REQUIRE(store.count("critic") == 16 + 1);
  REQUIRE(graph.flops_per_row() == 2 * (4 * 32 + 32 * 16 + 16 * 2 + 16));
  REQUIRE(graph.state_size() == 0);
  // Hidden layers that differ cannot be one trunk.
  REQUIRE_THROWS_WITH(nn::mlp_actor_critic({.observation = 4, .action = 2, .pi = {32, 16}, .share_features = true}),
                      rlx_test::ContainsSubstring("pi = [32, 16]") && rlx_test::ContainsSubstring("vf = [64, 64]"));
}

TEST_CASE("recurrent actor-critic: a memory each before the hidden layers, or one for both") {
  const std::size_t memory = 4 * 8 * (3 + 8) + 4 * 8;
  const std::size_t hidden = 8 * 16 + 16;
  nn::MlpSpec sizes{.observation = 3, .action = 2, .pi = {16}, .vf = {16, 5}, .lstm = 8};
  nn::ParameterStore<float> separate;
  const auto two = nn::Graph<float>::build(nn::mlp_actor_critic(sizes), separate);
  REQUIRE(separate.count("actor") == memory + hidden + 16 * 2 + 2);
  REQUIRE(separate.count("critic") == memory + hidden + 16 * 5 + 5 + 5 + 1);
  REQUIRE(two.state_size() == 4 * 8);
  sizes.share_features = true;
  nn::ParameterStore<float> shared;
  const auto one = nn::Graph<float>::build(nn::mlp_actor_critic(sizes), shared);
  REQUIRE(shared.count("trunk") == memory);
  REQUIRE(shared.count("actor") == hidden + 16 * 2 + 2);
  REQUIRE(shared.count("critic") == hidden + 16 * 5 + 5 + 5 + 1);
  REQUIRE(one.state_size() == 2 * 8);
}

TEST_CASE("the flags of the MLP leave the default network as it is") {
  const nn::GraphSpec spec = nn::mlp_actor_critic({.observation = 4, .action = 2});
  const std::vector<std::string> names{"input",          "actor.linear0", "actor.tanh0",    "actor.linear1",
                                       "actor.tanh1",    "actor.linear2", "critic.linear0", "critic.tanh0",
                                       "critic.linear1", "critic.tanh1",  "critic.linear2"};
  REQUIRE(spec.nodes.size() == names.size());
  for (std::size_t i = 0; i < names.size(); ++i) REQUIRE(spec.nodes[i].name == names[i]);
  REQUIRE(spec.nodes[6].inputs == std::vector<std::size_t>{0});
}

TEST_CASE("gradients of both slot networks agree with central differences") {
  REQUIRE(check_gradients(modular(), 400) <= 1e-6);
  REQUIRE(check_gradients(nn::pointer_actor_critic(pointer_spec()), 400) <= 1e-6);
}

TEST_CASE("an inactive slot's contents, NaN included, change no bit of either network") {
  for (const nn::GraphSpec& spec : {modular(), nn::pointer_actor_critic(pointer_spec())}) {
    Network<float> net(spec, 1);
    const auto clean = observation<float>(some5, some10, 3);
    auto dirty = clean;
    dirty[position_offset + position_width + 3] = std::numeric_limits<float>::quiet_NaN();
    dirty[position_offset + 4 * position_width + 11] = 1e30F;
    dirty[opportunity_offset + 2 * opportunity_width + 1] = std::numeric_limits<float>::infinity();
    const auto run = [&](const std::vector<float>& in) {
      net.forward(in);
      for (std::size_t j = 0; j < 36; ++j) net.workspace.output_gradient("action")(0, j) = static_cast<float>(j) - 10.0F;
      net.workspace.output_gradient("value")(0, 0) = 1.0F;
      net.store.zero_gradients();
      net.graph.backward(net.store.parameters(), net.store.gradients(), net.workspace);
      std::vector<float> all(net.store.gradients().begin(), net.store.gradients().end());
      const auto logits = net.workspace.output("action").row(0);
      all.insert(all.end(), logits.begin(), logits.end());
      all.push_back(net.workspace.output("value")(0, 0));
      return all;
    };
    const auto a = run(clean);
    const auto b = run(dirty);
    for (const float x : a) REQUIRE(rlx::is_finite(x));
    REQUIRE(std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
  }
}

TEST_CASE("appended columns are read by both networks of a slot layout") {
  rlx::SlotLayout layout{0, 5, 5, 10, {15, 5, 12, 0}, {75, 10, 20, 0}, 3};
  // Modular: 32 x 21 and 32 x 33, each with 64 of a norm, and a token, 256 x 33: 10,304 parameters more. Pointer: 64 x 21, 128
  // of a norm, 64 x 65, and mean and maximum in the trunk, 2 x 64 x 128: 22,016 more.
  for (const bool pointer : {false, true}) {
    CAPTURE(pointer);
    const auto spec = [&] { return pointer ? nn::pointer_actor_critic(layout) : nn::slot_actor_critic(layout); };
    layout.appended_width = 0;
    const std::size_t without = nn::parameter_count(spec());
    layout.appended_width = 20;
    REQUIRE(nn::parameter_count(spec()) - without == (pointer ? 22'016 : 10'304));
    Network<double> net(spec(), 1);
    auto in = observation<double>(some5, some10, 5);
    in.resize(295, 0.5);
    const auto forward = [&] {
      net.graph.forward(net.store.parameters(), MatrixView<const double>(in.data(), 1, 295), net.workspace);
      return std::pair(net.workspace.output("action")(0, 1), net.workspace.output("value")(0, 0));
    };
    const auto before = forward();
    in.back() = -0.5;
    const auto after = forward();
    REQUIRE(std::abs(before.first - after.first) > 1e-6);
    REQUIRE(std::abs(before.second - after.second) > 1e-6);
  }
}

TEST_CASE("all slots empty gives finite output and gradients") {
  for (const nn::GraphSpec& spec : {modular(), nn::pointer_actor_critic(pointer_spec())}) {
    Network<float> net(spec, 1);
    net.forward(observation<float>(none5, none10, 4));
    for (const float x : net.workspace.output("action").row(0)) REQUIRE(rlx::is_finite(x));
    REQUIRE(rlx::is_finite(net.workspace.output("value")(0, 0)));
    net.workspace.output_gradient("value")(0, 0) = 1.0F;
    net.graph.backward(net.store.parameters(), net.store.gradients(), net.workspace);
    for (const float x : net.store.gradients()) REQUIRE(rlx::is_finite(x));
  }
}

TEST_CASE("permuting the slots permutes the pointer network's logits and leaves its value") {
  Network<double> net(nn::pointer_actor_critic(pointer_spec()), 1);
  const auto in = observation<double>(some5, some10, 5);
  const std::array<std::size_t, 10> opportunities{7, 2, 9, 0, 1, 8, 3, 6, 5, 4};
  const std::array<std::size_t, 5> positions{4, 2, 0, 1, 3};
  auto permuted = in;
  for (std::size_t s = 0; s < 10; ++s) {
    std::copy_n(in.data() + opportunity_offset + opportunities[s] * opportunity_width, opportunity_width,
                permuted.data() + opportunity_offset + s * opportunity_width);
  }
  for (std::size_t s = 0; s < 5; ++s) {
    std::copy_n(in.data() + position_offset + positions[s] * position_width, position_width,
                permuted.data() + position_offset + s * position_width);
  }
  net.forward(in);
  const auto row = net.workspace.output("action").row(0);
  const std::vector<double> before(row.begin(), row.end());
  const double value = net.workspace.output("value")(0, 0);
  net.forward(permuted);
  const auto after = net.workspace.output("action").row(0);
  REQUIRE_THAT(after[0], WithinAbs(before[0], 1e-12));
  REQUIRE_THAT(net.workspace.output("value")(0, 0), WithinAbs(value, 1e-12));
  for (std::size_t size = 0; size < 3; ++size) {
    for (std::size_t s = 0; s < 10; ++s)
      REQUIRE_THAT(after[1 + 10 * size + s], WithinAbs(before[1 + 10 * size + opportunities[s]], 1e-12));
  }
  for (std::size_t s = 0; s < 5; ++s) REQUIRE_THAT(after[31 + s], WithinAbs(before[31 + positions[s]], 1e-12));
  // The logits really differ between slots, so that the comparison means something.
  REQUIRE(std::abs(before[1] - before[2]) > 1e-4);

  Network<float> single(nn::pointer_actor_critic(pointer_spec()), 1);
  single.forward(std::vector<float>(in.begin(), in.end()));
  for (std::size_t j = 0; j < 36; ++j)
    REQUIRE_THAT(static_cast<double>(single.workspace.output("action")(0, j)), WithinAbs(before[j], 1e-4));
}

TEST_CASE("the modular network in float follows the one in double") {
  Network<double> exact(modular(), 1);
  Network<float> single(modular(), 1);
  const auto in = observation<double>(some5, some10, 8);
  exact.forward(in);
  single.forward(std::vector<float>(in.begin(), in.end()));
  for (std::size_t j = 0; j < 36; ++j) {
    REQUIRE_THAT(static_cast<double>(single.workspace.output("action")(0, j)),
                 WithinAbs(exact.workspace.output("action")(0, j), 1e-4));
  }
}

TEST_CASE("an update of the modular network allocates nothing") {
  Network<float> net(modular(), 4);
  std::vector<float> in;
  for (std::uint64_t r = 0; r < 4; ++r) {
    const auto row = observation<float>(some5, some10, r);
    in.insert(in.end(), row.begin(), row.end());
  }
  const std::size_t action = net.workspace.output_index("action");
  const rlx_test::AllocationCounter counter;
  net.forward(in);
  net.workspace.output_gradient(action)(1, 2) = 1.0F;
  net.graph.backward(net.store.parameters(), net.store.gradients(), net.workspace);
  REQUIRE(counter.count() == 0);
}

TEST_CASE("slot networks refuse blocks that do not fit") {
  nn::SlotSpec spec{.observation = 10, .action = 3};
  REQUIRE_THROWS_AS(nn::slot_actor_critic(spec), rlx::ConfigError);
  spec.slots = {{.name = "slots", .offset = 4, .count = 2, .width = 4}};
  REQUIRE_THROWS_AS(nn::slot_actor_critic(spec), rlx::ShapeError);
  nn::PointerSpec pointer{.observation = 10, .context_offset = 8, .context_width = 3};
  REQUIRE_THROWS_AS(nn::pointer_actor_critic(pointer), rlx::ShapeError);
  REQUIRE_THROWS_AS(nn::mlp_actor_critic({.observation = 4, .action = 2, .activation = nn::NodeKind::linear}),
                    rlx::ConfigError);
}
