// SPDX-License-Identifier: MIT
#include <rlx/rl/detail/on_policy_loss.hpp>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/nn/gradient_check.hpp>
#include <rlx/nn/graph.hpp>
#include <rlx/nn/graph_builder.hpp>
#include <rlx/nn/initialization.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/rl/detail/value_scale.hpp>

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

namespace {

/// An objective whose term pulls on everything that it may pull on.
struct Pull {
  void on_rollout(const rlx::RolloutView&, std::span<float>) const {}
  template <std::floating_point S>
  double loss(const rlx::BasicMinibatchView<S>& in, const rlx::BasicLossGradient<S>& d) const {
    const S share = S(1) / static_cast<S>(in.batch_rows);
    double sum = 0;
    for (std::size_t i = 0; i < in.log_probs.size(); ++i) {
      const S p = in.log_probs[i], h = in.entropies[i], v = in.critic_outputs(i, 0);
      sum += static_cast<double>((S(0.1) * p * p + S(0.2) * h * h + S(0.3) * v * v * v) * share);
      d.d_log_prob[i] += S(0.2) * p * share;
      d.d_entropy[i] += S(0.4) * h * share;
      d.d_critic_outputs(i, 0) += S(0.9) * v * v * share;
    }
    return sum;
  }
  void record(rlx::Logger&) const {}
};

/// Four steps of three sequences of any head's actions, through any network, in double.
template <class Head, class R = rlx::ExpectedReturn>
struct Problem {
  using A = typename Head::template Stored<double>;
  static constexpr std::size_t rows = 12, sequences = 3, shard = 30;  // of a larger minibatch

  Head head;
  rlx::nn::GraphSpec spec;
  rlx::detail::LossSettings<double> settings;
  bool normalized_values = false;
  std::optional<std::size_t> valid_slots = {};  // column of the first slot's validity; slots of 2 columns from there on
  std::optional<std::size_t> never = {};        // choice that no mask allows

  rlx::nn::ParameterStore<double> store = {};
  rlx::nn::Graph<double> graph = build();
  rlx::nn::Workspace<double> workspace = graph.make_workspace(rows);
  rlx::detail::LossScratch<double> scratch{rows};
  rlx::detail::LossSums sums = {};
  std::vector<double> inputs = {}, state = {}, old_log_probs = {}, advantages = {}, old_values = {}, targets = {};
  std::vector<std::uint8_t> masks = {}, starts = {};
  std::vector<A> actions = {};
  std::vector<std::uint32_t> indices = std::vector<std::uint32_t>(rows);

  rlx::nn::Graph<double> build() {
    if (head.log_std_size() > 0) store.add("log_std", {head.log_std_size()}, "actor");
    auto built = rlx::nn::Graph<double>::build(spec, store);
    rlx::nn::initialize(store, spec, rlx::nn::Initialization::torch_like, 3);
    for (std::size_t i = 0; i < head.log_std_size(); ++i) store.parameters()[i] = 0.2 - 0.3 * static_cast<double>(i);
    return built;
  }
  rlx::nn::Recurrence<double> recurrence() {
    rlx::nn::Recurrence<double> r;
    if (graph.state_size() == 0) return r;
    r.sequences = sequences;
    r.state = {state.data(), sequences, graph.state_size()};
    r.starts = starts;
    return r;
  }
  void forward(std::span<const double> parameters) {
    graph.forward(parameters, {inputs.data(), rows, graph.input_width()}, workspace, recurrence());
  }
  std::span<const std::uint8_t> mask(std::size_t i) const {
    return std::span<const std::uint8_t>(masks).subspan(i * head.mask_width(), head.mask_width());
  }

  /// Draws until no row is nearer than 1e-3 to a kink.
  void draw() {
    for (std::uint64_t seed = 1; !draw_once(seed); ++seed) {
    }
  }
  bool draw_once(std::uint64_t seed) {
    rlx::RandomStream random({seed, rlx::Purpose::user});
    inputs.resize(rows * graph.input_width());
    for (double& x : inputs) x = random.normal();
    state.resize(sequences * graph.state_size());
    for (double& x : state) x = random.uniform(-0.5, 0.5);
    starts.resize(rows);
    for (auto& start : starts) start = random.bounded(4) == 0 ? 1 : 0;
    for (std::size_t i = 0; valid_slots && i < rows; ++i) {
      for (std::size_t column = *valid_slots; column < graph.input_width(); column += 2)
        inputs[i * graph.input_width() + column] = i == 5 || random.bounded(2) == 0 ? 0.0 : 1.0;  // row 5: all empty
    }
    masks.resize(rows * head.mask_width());
    do {
      for (auto& m : masks) m = random.bounded(3) == 0 ? 0 : 1;
      for (std::size_t i = 0; never && i < rows; ++i) masks[i * head.mask_width() + *never] = 0;
    } while (!all_have_choice());
    forward(store.parameters());
    actions.resize(rows * head.action_width());
    old_log_probs.resize(rows), advantages.resize(rows), old_values.resize(rows), targets.resize(rows);
    rlx::detail::ValueScale scale;
    scale.set(10.0, 4.0, 3.0);
    bool good = true;
    for (std::size_t i = 0; i < rows; ++i) {
      indices[i] = static_cast<std::uint32_t>(i);
      const rlx::detail::HeadRow<double> row{std::as_const(workspace).output("action").row(i), mask(i), log_std()};
      const std::span<A> action = std::span(actions).subspan(i * head.action_width(), head.action_width());
      const double log_prob = head.sample(row, random, action).log_prob;
      const double v = workspace.output("value")(i, 0);
      old_log_probs[i] = log_prob + random.uniform(-0.5, 0.5);
      advantages[i] = random.normal();
      old_values[i] = v + random.uniform(-0.6, 0.6);
      targets[i] = v + random.normal();
      if (normalized_values) {  // in real units, then scaled as the learner does, mean 10 and standard deviation 2
        old_values[i] = (12.0 + random.uniform(-1.2, 1.2) - scale.mean()) / scale.std();
        targets[i] = (12.0 + 2.0 * random.normal() - scale.mean()) / scale.std();
      }
      const double ratio = std::exp(log_prob - old_log_probs[i]);
      const double clip = settings.clip_range_vf.value_or(0.3);
      const double clipped = old_values[i] + std::clamp(v - old_values[i], -clip, clip);
      good = good && !near(ratio, 1.2) && !near(ratio, 0.8) && !near(std::abs(v - old_values[i]), clip) &&
             !(near(std::abs(v - targets[i]), std::abs(clipped - targets[i])) && v != clipped) &&
             std::abs(advantages[i]) > 1e-3;
    }
    return good;
  }
  bool all_have_choice() const {
    bool all = true;
    for (std::size_t i = 0; i < rows; ++i) all = all && (masks.empty() || head.has_choice(mask(i)));
    return all;
  }
  std::span<const double> log_std() const { return store.parameters().first(head.log_std_size()); }

  double operator()(std::span<const double> parameters, std::span<double> gradient) {
    forward(parameters);
    std::vector<double> d_log_std(head.log_std_size());
    const rlx::detail::LossRows<double, A> in{indices,
                                              {masks.data(), rows, head.mask_width()},
                                              {actions.data(), rows, head.action_width()},
                                              old_log_probs,
                                              advantages,
                                              {old_values.data(), rows, 1},
                                              {targets.data(), rows, 1}};
    settings.batch_rows = shard;
    const std::size_t action = graph.output_index("action"), value = graph.output_index("value");
    sums = rlx::detail::on_policy_loss<double>(head, in, settings, std::as_const(workspace).output(action),
                                               std::as_const(workspace).output(value), parameters.first(head.log_std_size()),
                                               workspace.output_gradient(action), workspace.output_gradient(value), d_log_std,
                                               scratch, rlx::ScalarCritic{}, R{});
    if (!gradient.empty()) {
      graph.backward(parameters, gradient, workspace);
      for (std::size_t i = 0; i < d_log_std.size(); ++i) gradient[i] += d_log_std[i];
    }
    const double n = static_cast<double>(shard);
    return sums.policy / n - settings.ent_coef * sums.entropy / n + settings.vf_coef * sums.value + sums.extra;
  }
  double worst(double step = 1e-5) {
    draw();
    return rlx::nn::gradient_check(*this, store.parameters(), {.step = step});
  }
};

rlx::nn::GraphSpec tanh_network(std::size_t action) {
  return rlx::nn::mlp_actor_critic({.observation = 5, .action = action, .pi = {6, 5}, .vf = {5}});
}

/// Two flat columns and three slots of two, of which the first column says whether the slot is filled. No kinks.
rlx::nn::GraphSpec attention_network(std::size_t action) {
  rlx::nn::GraphBuilder graph;
  const auto x = graph.input(8);
  graph.group("trunk");
  const auto slots = x.slots(2, 3, 2, 0).linear(4).layer_norm().tanh();
  const auto mixed = slots.add(slots.attention(2)).layer_norm().mean_pool();
  const auto features = graph.concat({x.slice(0, 2).linear(3).gelu(), mixed});
  graph.group("actor");
  graph.output("action", features.linear(5).tanh().linear(action));
  graph.group("critic");
  graph.output("value", features.linear(5).silu().linear(1));
  return graph.spec();
}

rlx::detail::LossSettings<double> with_entropy() {
  rlx::detail::LossSettings<double> settings;
  settings.ent_coef = 0.04;
  return settings;
}

/// Every value clip under both surrogates.
template <class F>
void for_each_loss(F&& check) {
  for (const auto surrogate : {rlx::detail::Surrogate::clipped, rlx::detail::Surrogate::log_prob}) {
    for (int clip = 0; clip < 3; ++clip) {
      rlx::detail::LossSettings<double> settings = with_entropy();
      settings.surrogate = surrogate;
      if (clip > 0) settings.clip_range_vf = 0.25;
      settings.value_clip = clip == 2 ? rlx::ValueClip::max : rlx::ValueClip::sb3;
      CAPTURE(static_cast<int>(surrogate), clip);
      check(settings);
    }
  }
}

const std::vector<std::int64_t> components{2, 3, 2};
const std::vector<float> lower{-1.0F, -2.0F, 0.0F}, upper{1.0F, 3.0F, 5.0F};

}  // namespace

TEST_CASE("The whole loss has the right gradient for choices with masks", "[rl][on_policy_loss][gradient][detail_M1]") {
  for_each_loss([](const auto& settings) {
    Problem<rlx::detail::CategoricalHead> one{rlx::detail::CategoricalHead(4), tanh_network(4), settings};
    REQUIRE(one.worst() <= 1e-7);
    Problem<rlx::detail::MultiCategoricalHead> several{rlx::detail::MultiCategoricalHead(components), tanh_network(7),
                                                       settings};
    REQUIRE(several.worst() <= 1e-7);
  });
}

TEST_CASE("The whole loss has the right gradient for numbers, log_std included",
          "[rl][on_policy_loss][gradient][detail_K1][detail_K2]") {
  for_each_loss([](const auto& settings) {
    for (const bool squash : {false, true}) {
      Problem<rlx::detail::GaussianHead> problem{rlx::detail::GaussianHead(lower, upper, squash), tanh_network(3), settings};
      CAPTURE(squash);
      REQUIRE(problem.worst() <= 1e-7);
      // The bonus pays for log_std whatever the state: its share of the gradient is -ent_coef * rows / batch rows.
      std::vector<double> with(problem.store.parameters().size()), without(with.size());
      problem(problem.store.parameters(), with);
      problem.settings.ent_coef = 0;
      problem(problem.store.parameters(), without);
      for (std::size_t i = 0; i < 3; ++i) REQUIRE_THAT(with[i] - without[i], WithinAbs(-0.04 * 12 / 30, 1e-12));
    }
  });
}

TEST_CASE("The whole loss has the right gradient for weights with masks", "[rl][on_policy_loss][gradient]") {
  for_each_loss([](const auto& settings) {
    Problem<rlx::detail::DirichletHead> problem{rlx::detail::DirichletHead(4), tanh_network(4), settings};
    // The gamma function is good to 1e-14: at 1e-5 the differences lose more by rounding than they gain.
    REQUIRE(problem.worst(3e-5) <= 1e-7);
  });
}

TEST_CASE("The whole loss has the right gradient through memory, cut where episodes start",
          "[rl][on_policy_loss][gradient][detail_L3][detail_L5]") {
  for (const bool share : {false, true}) {
    const auto network = [share](std::size_t action) {
      return rlx::nn::mlp_actor_critic(
          {.observation = 4, .action = action, .pi = {4}, .vf = {3}, .share_features = share, .lstm = 3});
    };
    CAPTURE(share);
    for_each_loss([&](const auto& settings) {
      Problem<rlx::detail::CategoricalHead> one{rlx::detail::CategoricalHead(3), network(3), settings};
      REQUIRE(one.worst() <= 1e-7);
      REQUIRE(std::count(one.starts.begin(), one.starts.end(), 1) > 0);
    });
    Problem<rlx::detail::GaussianHead> numbers{rlx::detail::GaussianHead(lower, upper, true), network(3), with_entropy()};
    REQUIRE(numbers.worst() <= 1e-7);
  }
}

TEST_CASE("The whole loss has the right gradient through attention with empty slots", "[rl][on_policy_loss][gradient]") {
  for_each_loss([](const auto& settings) {
    Problem<rlx::detail::CategoricalHead> problem{rlx::detail::CategoricalHead(4), attention_network(4), settings, false, 2};
    REQUIRE(problem.worst() <= 1e-7);
  });
}

TEST_CASE("The whole loss has the right gradient with normalised values", "[rl][on_policy_loss][gradient]") {
  for_each_loss([](const auto& settings) {
    Problem<rlx::detail::MultiCategoricalHead> problem{rlx::detail::MultiCategoricalHead(components), tanh_network(7), settings,
                                                       true};
    REQUIRE(problem.worst() <= 1e-7);
  });
}

TEST_CASE("The whole loss has the right gradient with an objective's own term", "[rl][on_policy_loss][gradient]") {
  for_each_loss([](const auto& settings) {
    Problem<rlx::detail::CategoricalHead, Pull> one{rlx::detail::CategoricalHead(4), tanh_network(4), settings};
    REQUIRE(one.worst() <= 1e-7);
    Problem<rlx::detail::GaussianHead, Pull> numbers{rlx::detail::GaussianHead(lower, upper, false), tanh_network(3), settings};
    REQUIRE(numbers.worst() <= 1e-7);
  });
}

TEST_CASE("What no mask allows gets no gradient, whatever the head", "[rl][on_policy_loss]") {
  const auto check = [](auto problem, std::size_t width) {
    problem.never = 3;
    problem.draw();
    std::vector<double> gradient(problem.store.parameters().size());
    problem(problem.store.parameters(), gradient);
    const auto& layout = problem.store.layout();
    std::size_t looked_at = 0;
    bool others_move = false;
    for (const auto& tensor : layout) {
      if (tensor.group != "actor" || tensor.shape.back() != width) continue;
      ++looked_at;
      for (std::size_t i = 0; i < tensor.size; ++i) {
        if (i % width == 3) REQUIRE(gradient[tensor.offset + i] == 0.0);
        others_move = others_move || gradient[tensor.offset + i] != 0.0;
      }
    }
    REQUIRE(looked_at == 2);
    REQUIRE(others_move);
  };
  check(Problem<rlx::detail::MultiCategoricalHead>{rlx::detail::MultiCategoricalHead(components), tanh_network(7),
                                                   with_entropy()},
        7);
  check(Problem<rlx::detail::DirichletHead>{rlx::detail::DirichletHead(4), tanh_network(4), with_entropy()}, 4);
}

TEST_CASE("A2C's surrogate is A log pi: old probabilities do not enter the gradient", "[rl][on_policy_loss]") {
  rlx::detail::LossSettings<double> settings = with_entropy();
  settings.surrogate = rlx::detail::Surrogate::log_prob;
  Problem<rlx::detail::CategoricalHead> problem{rlx::detail::CategoricalHead(4), tanh_network(4), settings};
  problem.draw();
  std::vector<double> gradient(problem.store.parameters().size()), again(gradient.size());
  problem(problem.store.parameters(), gradient);
  double expected = 0;
  for (std::size_t i = 0; i < problem.rows; ++i) expected -= problem.advantages[i] * problem.scratch.log_probs[i];
  REQUIRE_THAT(problem.sums.policy, WithinAbs(expected, 1e-12));
  for (double& p : problem.old_log_probs) p -= 0.7;
  problem(problem.store.parameters(), again);
  REQUIRE(again == gradient);
}
