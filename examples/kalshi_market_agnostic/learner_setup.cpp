// SPDX-License-Identifier: MIT
#include "learner_setup.hpp"

#include <rlx/kalshi/features.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/nn/schedule.hpp>

#include <utility>
#include <vector>

namespace app {
namespace {

/// Falls to 0 with the steps, so that training ends in a mean of its last updates instead of in whichever came last: a policy
/// that still moves forgets small edges and the next moment trades them again.
rlx::nn::Schedule learning_rate_of(const Options& o, double standard) {
  const double rate = o.learning_rate.value_or(standard);
  return o.learning_rate_schedule == "linear" ? rlx::nn::Schedule::linear(rate, 0.0) : rlx::nn::Schedule(rate);
}

}  // namespace

rlx::PpoConfig learner_config(const Options& o, const rlx::PpoConfig& defaults) {
  rlx::PpoConfig config = defaults;
  config.learning_rate = learning_rate_of(o, 3e-4);
  config.n_steps = o.n_steps.value_or(2048);
  config.batch_size = o.batch_size;
  config.n_epochs = o.n_epochs;
  config.gae_lambda = o.gae_lambda.value_or(0.95);
  config.clip_range = o.clip_range;
  return config;
}

rlx::A2cConfig learner_config(const Options& o, const rlx::A2cConfig& defaults) {
  rlx::A2cConfig config = defaults;
  config.learning_rate = learning_rate_of(o, 7e-4);
  config.n_steps = o.n_steps.value_or(5);
  config.gae_lambda = o.gae_lambda.value_or(1.0);
  return config;
}

std::shared_ptr<const kalshi::ViewSet> training_set(const Selection& training, bool mirror) {
  if (!mirror) return training.set;
  std::vector<kalshi::MarketSessionView> views(training.set->views().begin(), training.set->views().end());
  for (const kalshi::MarketSessionView& view : training.set->views()) views.push_back(view.mirrored());
  return std::make_shared<const kalshi::ViewSet>(std::move(views));
}

rlx::nn::GraphSpec network_of(const rlx::Discrete& actions) {
  return rlx::nn::mlp_actor_critic({.observation = kalshi::feature_count, .action = static_cast<std::size_t>(actions.n)});
}

}  // namespace app
