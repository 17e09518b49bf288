// SPDX-License-Identifier: MIT
/// @file
/// @brief What `train` and `frontier` learn with: environments, settings of the learners, the network.
#ifndef KALSHI_MARKET_AGNOSTIC_LEARNER_SETUP_HPP
#define KALSHI_MARKET_AGNOSTIC_LEARNER_SETUP_HPP

#include "options.hpp"
#include "views.hpp"

#include <rlx/env/space.hpp>
#include <rlx/kalshi/environment.hpp>
#include <rlx/nn/graph_spec.hpp>
#include <rlx/rl/a2c_config.hpp>
#include <rlx/rl/ppo_config.hpp>

#include <memory>

namespace app {

using Env = kalshi::MarketAgnosticKalshiEnv;

rlx::PpoConfig learner_config(const Options& o, const rlx::PpoConfig& defaults);
rlx::A2cConfig learner_config(const Options& o, const rlx::A2cConfig& defaults);

template <class Config>
Config learner_config(const Options& o) {
  Config config = learner_config(o, Config());
  config.gamma = o.gamma;
  config.ent_coef = o.ent_coef;
  config.vf_coef = o.vf_coef;
  config.max_grad_norm = o.max_grad_norm;
  config.seed = o.seed;
  return config;
}

/// With --mirror every view twice, the mirrored ones behind the others.
std::shared_ptr<const kalshi::ViewSet> training_set(const Selection& training, bool mirror);

rlx::nn::GraphSpec network_of(const rlx::Discrete& actions);

}  // namespace app

#endif  // KALSHI_MARKET_AGNOSTIC_LEARNER_SETUP_HPP
