// SPDX-License-Identifier: MIT
#include "learner_setup.hpp"

#include <rlx/funding/observation.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/nn/schedule.hpp>

#include <algorithm>

namespace app {

Sizes sizes_of(const Options& o) {
  Sizes sizes{};
  const std::size_t episode = o.episode_steps();
  sizes.n_envs =
      o.total_steps > 0 ? o.n_envs : std::clamp<std::size_t>(o.num_episodes / 10, 1, std::max<std::size_t>(o.n_envs, 1));
  sizes.n_steps = std::min(o.rollout_steps, episode);
  sizes.batch_size = std::min(o.batch_size, sizes.n_envs * sizes.n_steps);
  sizes.total_steps = o.total_steps > 0 ? o.total_steps : o.num_episodes * episode;
  return sizes;
}

rlx::PpoConfig ppo_config(const Options& o, const Sizes& sizes) {
  using rlx::nn::Schedule;
  rlx::PpoConfig config;
  config.learning_rate = o.lr_schedule == "linear" ? Schedule::linear(o.learning_rate, 0.0) : Schedule(o.learning_rate);
  config.n_steps = sizes.n_steps;
  config.batch_size = sizes.batch_size;
  config.n_epochs = o.n_epochs;
  config.gamma = o.discount();
  config.gae_lambda = o.gae_lambda;
  config.clip_range = o.clip_range;
  config.ent_coef = Schedule::linear(o.entropy_coef, o.final_entropy_coef);
  config.vf_coef = o.value_coef;
  config.max_grad_norm = o.max_grad_norm;
  if (o.target_kl != 0.0) config.target_kl = o.target_kl;
  config.normalize_reward = true;
  config.seed = o.seed;
  return config;
}

rlx::nn::GraphSpec network_of(const Options& o, std::size_t appended) {
  rlx::SlotLayout layout = rlx::funding::slots();
  layout.appended_width = appended;
  return o.network == "pointer" ? rlx::nn::pointer_actor_critic(layout) : rlx::nn::slot_actor_critic(layout);
}

}  // namespace app
