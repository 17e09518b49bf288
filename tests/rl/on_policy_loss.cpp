// SPDX-License-Identifier: MIT
#include <rlx/rl/detail/on_policy_loss.hpp>

#include <cmath>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/nn/gradient_check.hpp>
#include <rlx/nn/graph.hpp>
#include <rlx/nn/initialization.hpp>
#include <rlx/nn/networks.hpp>

#include "rlx_catch.hpp"

using namespace rlx_test;

namespace {

/// A minibatch of 12 rows with masks, in double, whose ratios, value changes and errors stay away from the kinks.
struct Batch {
  static constexpr std::size_t rows = 12, observation = 6, actions = 5;
  std::vector<std::uint32_t> indices = std::vector<std::uint32_t>(rows);
  std::vector<double> inputs = std::vector<double>(rows * observation), old_log_probs = std::vector<double>(rows),
                      advantages = std::vector<double>(rows), old_values = std::vector<double>(rows),
                      targets = std::vector<double>(rows);
  std::vector<std::uint8_t> masks = std::vector<std::uint8_t>(rows * actions);
  std::vector<std::int32_t> taken = std::vector<std::int32_t>(rows);

  rlx::detail::LossRows<double> view() const {
    return {indices,    {masks.data(), rows, actions}, {taken.data(), rows, 1},  old_log_probs,
            advantages, {old_values.data(), rows, 1},  {targets.data(), rows, 1}};
  }
};

/// The loss of a network's parameters on the batch; the gradient goes to `gradient` unless that is empty.
struct Loss {
  const rlx::nn::Graph<double>& graph;
  const Batch& batch;
  rlx::detail::LossSettings<double> settings;
  rlx::nn::Workspace<double> workspace = graph.make_workspace(Batch::rows);
  rlx::detail::LossScratch<double> scratch{Batch::rows};
  rlx::detail::LossSums sums{};

  double operator()(std::span<const double> parameters, std::span<double> gradient) {
    graph.forward(parameters, {batch.inputs.data(), Batch::rows, Batch::observation}, workspace);
    const std::size_t action = graph.output_index("action"), value = graph.output_index("value");
    sums = rlx::detail::on_policy_loss<double>(rlx::detail::CategoricalHead(Batch::actions), batch.view(), settings,
                                               workspace.output(action), workspace.output(value), {},
                                               workspace.output_gradient(action), workspace.output_gradient(value), {}, scratch,
                                               rlx::ScalarCritic{}, rlx::ExpectedReturn{});
    if (!gradient.empty()) graph.backward(parameters, gradient, workspace);
    const double n = static_cast<double>(settings.batch_rows);
    return sums.policy / n - settings.ent_coef * sums.entropy / n + settings.vf_coef * sums.value + sums.extra;
  }
};

bool near(double a, double b) { return std::abs(a - b) < 1e-3; }

/// Draws batches until no row lies closer than 1e-3 to a kink.
Batch draw(const rlx::nn::Graph<double>& graph, std::span<const double> parameters,
           const rlx::detail::LossSettings<double>& settings) {
  for (std::uint64_t seed = 1;; ++seed) {
    rlx::RandomStream random({seed, rlx::Purpose::user});
    Batch b;
    for (double& x : b.inputs) x = random.normal();
    for (std::size_t i = 0; i < Batch::rows; ++i) {
      b.indices[i] = static_cast<std::uint32_t>(i);
      for (std::size_t a = 0; a < Batch::actions; ++a) b.masks[i * Batch::actions + a] = random.bounded(2) == 0 ? 1 : 0;
      b.taken[i] = static_cast<std::int32_t>(random.bounded(Batch::actions));
      b.masks[i * Batch::actions + static_cast<std::size_t>(b.taken[i])] = 1;
    }
    auto workspace = graph.make_workspace(Batch::rows);
    graph.forward(parameters, {b.inputs.data(), Batch::rows, Batch::observation}, workspace);
    bool good = true;
    for (std::size_t i = 0; i < Batch::rows; ++i) {
      const auto row = rlx::nn::categorical::evaluate(
          workspace.output("action").row(i), std::span<const std::uint8_t>(b.masks).subspan(i * Batch::actions, Batch::actions),
          static_cast<std::size_t>(b.taken[i]));
      const double v = workspace.output("value")(i, 0);
      b.old_log_probs[i] = row.log_prob + random.uniform(-0.5, 0.5);
      b.advantages[i] = random.normal();
      b.old_values[i] = v + random.uniform(-0.6, 0.6);
      b.targets[i] = v + random.normal();
      const double ratio = std::exp(row.log_prob - b.old_log_probs[i]);
      const double clip = settings.clip_range_vf.value_or(0.3);
      const double clipped = b.old_values[i] + std::clamp(v - b.old_values[i], -clip, clip);
      good = good && !near(ratio, 1.2) && !near(ratio, 0.8) && !near(std::abs(v - b.old_values[i]), clip) &&
             !(near(std::abs(v - b.targets[i]), std::abs(clipped - b.targets[i])) && v != clipped) &&
             std::abs(b.advantages[i]) > 1e-3;
    }
    if (good) return b;
  }
}

}  // namespace

TEST_CASE("The gradient of the whole loss is right, with masks and every value clip",
          "[rl][on_policy_loss][detail_C10][gradient]") {
  for (const bool slots : {false, true}) {
    rlx::nn::GraphSpec spec = rlx::nn::mlp_actor_critic({.observation = 6, .action = 5, .pi = {7, 6}, .vf = {8}});
    if (slots) {
      rlx::nn::SlotSpec modular;
      modular.observation = 6;
      modular.action = 5;
      modular.flats = {{"flat", 0, 2, 4}};
      modular.slots = {{"slots", 2, 2, 2, {}, 4, 2, 4}};
      modular.fusion = 8;
      modular.feed_forward = 6;
      modular.fusion_heads = 2;
      modular.pi = {5};
      modular.vf = {5};
      spec = rlx::nn::slot_actor_critic(modular);
    }
    rlx::nn::ParameterStore<double> store;
    const auto graph = rlx::nn::Graph<double>::build(spec, store);
    rlx::nn::initialize(store, spec, rlx::nn::Initialization::torch_like, 3);
    for (int mode = 0; mode < 3; ++mode) {
      rlx::detail::LossSettings<double> settings;
      settings.ent_coef = 0.03;
      settings.batch_rows = 40;  // the shard is a part of a larger minibatch
      if (mode > 0) settings.clip_range_vf = 0.25;
      settings.value_clip = mode == 2 ? rlx::ValueClip::max : rlx::ValueClip::sb3;
      const Batch batch = draw(graph, store.parameters(), settings);
      Loss loss{graph, batch, settings};
      // relu kinks of the slot network inside the difference's step are rare; the step is small for them.
      const double error = rlx::nn::gradient_check(loss, store.parameters(), {.step = slots ? 1e-6 : 1e-5});
      CAPTURE(slots, mode);
      REQUIRE(error <= (slots ? 1e-5 : 1e-7));
    }
  }
}

TEST_CASE("Actions that are never valid get no gradient, the sums are those of the pure functions", "[rl][on_policy_loss]") {
  const rlx::nn::GraphSpec spec = rlx::nn::mlp_actor_critic({.observation = 6, .action = 5, .pi = {7}, .vf = {7}});
  rlx::nn::ParameterStore<double> store;
  const auto graph = rlx::nn::Graph<double>::build(spec, store);
  rlx::nn::initialize(store, spec, rlx::nn::Initialization::torch_like, 3);
  rlx::detail::LossSettings<double> settings;
  settings.ent_coef = 0.03;
  settings.batch_rows = Batch::rows;
  Batch batch = draw(graph, store.parameters(), settings);
  for (std::size_t i = 0; i < Batch::rows; ++i) {
    batch.masks[i * 5 + 2] = 0;
    if (batch.taken[i] == 2) batch.taken[i] = 1;
    batch.masks[i * 5 + 1] = 1;
  }
  Loss loss{graph, batch, settings};
  std::vector<double> gradient(store.parameters().size(), 0.0);
  loss(store.parameters(), gradient);
  for (const auto& tensor : store.layout()) {
    if (tensor.group != "actor" || tensor.shape.back() != 5) continue;
    for (std::size_t i = 2; i < tensor.size; i += 5) REQUIRE(gradient[tensor.offset + i] == 0.0);
  }

  // By hand, from the library's pure functions.
  double policy = 0, entropy = 0, rescaled = 0, log_valid = 0;
  std::size_t choices = 0;
  std::vector<double> log_ratios;
  for (std::size_t i = 0; i < Batch::rows; ++i) {
    const auto mask = std::span<const std::uint8_t>(batch.masks).subspan(i * 5, 5);
    const auto row =
        rlx::nn::categorical::evaluate(loss.workspace.output("action").row(i), mask, static_cast<std::size_t>(batch.taken[i]));
    log_ratios.push_back(row.log_prob - batch.old_log_probs[i]);
    policy -= rlx::clipped_surrogate(std::exp(log_ratios.back()), batch.advantages[i], 0.2).objective;
    entropy += row.entropy;
    std::size_t valid = 0;
    for (const auto m : mask) valid += m;
    if (valid < 2) continue;
    rescaled += row.entropy * std::log(5.0) / std::log(static_cast<double>(valid));
    log_valid += std::log(static_cast<double>(valid));
    ++choices;
  }
  REQUIRE_THAT(loss.sums.policy, WithinAbs(policy, 1e-12));
  REQUIRE_THAT(loss.sums.entropy, WithinAbs(entropy, 1e-12));
  REQUIRE_THAT(loss.sums.rescaled_entropy, WithinAbs(rescaled, 1e-12));
  REQUIRE_THAT(loss.sums.log_valid, WithinAbs(log_valid, 1e-12));
  REQUIRE(loss.sums.rows_with_choice == choices);
  REQUIRE_THAT(loss.sums.kl / Batch::rows, WithinAbs(rlx::approx_kl<double>(log_ratios), 1e-12));
  REQUIRE_THAT(static_cast<double>(loss.sums.clipped) / Batch::rows,
               WithinAbs(rlx::clip_fraction<double>(log_ratios, 0.2), 1e-12));
}

TEST_CASE("A row that is not finite stops the pass and is named", "[rl][on_policy_loss][errors]") {
  const rlx::nn::GraphSpec spec = rlx::nn::mlp_actor_critic({.observation = 6, .action = 5, .pi = {7}, .vf = {7}});
  rlx::nn::ParameterStore<double> store;
  const auto graph = rlx::nn::Graph<double>::build(spec, store);
  rlx::nn::initialize(store, spec, rlx::nn::Initialization::torch_like, 3);
  rlx::detail::LossSettings<double> settings;
  settings.batch_rows = Batch::rows;
  Batch batch = draw(graph, store.parameters(), settings);
  batch.advantages[4] = std::nan("");
  Loss loss{graph, batch, settings};
  loss(store.parameters(), {});
  REQUIRE(loss.sums.first_bad == 4);
  batch.advantages[4] = 1.0;
  batch.masks[7 * 5 + static_cast<std::size_t>(batch.taken[7])] = 0;  // a stored action that its mask forbids
  batch.masks[7 * 5 + (static_cast<std::size_t>(batch.taken[7]) + 1) % 5] = 1;
  Loss forbidden{graph, batch, settings};
  forbidden(store.parameters(), {});
  REQUIRE(forbidden.sums.first_bad == 7);
}
