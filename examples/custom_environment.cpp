// SPDX-License-Identifier: MIT
// An environment of one's own in 40 lines: buy and sell one lot of a price that swings round its fair value. It is tested
// against the contract, then PPO learns to trade it; what the mask forbids is never tried.
#include <cstdio>
#include <optional>

#include <rlx/env/check_env.hpp>
#include <rlx/env/time_limit.hpp>
#include <rlx/env/vector_env.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/rl/evaluation.hpp>
#include <rlx/rl/ppo.hpp>

/// Observation: price less fair value, and whether the lot is held. Reward: what the lot gained in the step, less the cost of a
/// trade. Never ends of itself.
class OneLot {
 public:
  using ActionScalar = std::int32_t;  // for Discrete and MultiDiscrete; float for Box and Simplex
  enum Action : std::int32_t { wait, buy, sell };
  const rlx::Box& observation_space() const { return observations_; }
  const rlx::Discrete& action_space() const { return actions_; }
  const double& info() const { return gap_; }  // what callers may want to see beside the observation, often a struct
  void reset(std::uint64_t seed, std::span<float> row) {
    random_.emplace(rlx::StreamId{seed, rlx::Purpose::environment_dynamics});  // seed and actions decide all of an episode
    gap_ = random_->normal();
    holding_ = false;
    write(row);
  }
  rlx::Transition step(std::span<const std::int32_t> action, std::span<float> row) {
    const bool trades = action[0] != wait;
    if (!random_) throw rlx::StateError("OneLot: call reset first");
    if (trades && action[0] != (holding_ ? sell : buy)) throw rlx::InvalidActionError("OneLot: not possible now");
    holding_ = holding_ != trades;
    const double change = 0.3 * random_->normal() - 0.05 * gap_;
    gap_ += change;
    write(row);
    return {.reward = (holding_ ? change : 0.0) - (trades ? 0.05 : 0.0), .terminated = false, .truncated = false};
  }
  void action_masks(std::span<std::uint8_t> row) const {  // of the action to take from the observation just written
    row[wait] = 1;
    row[buy] = holding_ ? 0 : 1;
    row[sell] = holding_ ? 1 : 0;
  }

 private:
  void write(std::span<float> row) const {  // every float, every time
    row[0] = static_cast<float>(gap_);
    row[1] = holding_ ? 1.0F : 0.0F;
  }
  rlx::Box observations_{{-20.0F, 0.0F}, {20.0F, 1.0F}};
  rlx::Discrete actions_{3};
  std::optional<rlx::RandomStream> random_;
  double gap_ = 0.0;  // price less fair value; returns to 0 by 5 % a step
  bool holding_ = false;
};

int main() try {
  const auto make_env = [](std::size_t) { return rlx::TimeLimit(OneLot(), 200); };  // cut after 200 steps
  rlx::require_valid_env(make_env);                                                 // throws the first broken rule, with advice

  rlx::ThreadPool threads(2);
  rlx::VectorEnv envs({.num_envs = 8, .seed = 1}, threads, make_env);
  rlx::Ppo ppo({.learning_rate = 1e-3, .n_steps = 200, .batch_size = 400, .n_epochs = 6, .seed = 1}, envs,
               rlx::nn::mlp_actor_critic({.observation = 2, .action = 3}), threads);
  const auto judge = [&](const char* when) {
    const auto result = rlx::evaluate_policy(ppo.policy(), make_env, {.n_eval_episodes = 200, .seed = 1'000});
    std::printf("%s training: gain per episode %6.2f (95 %% interval %.2f to %.2f)\n", when, result.mean_reward,
                result.interval.low, result.interval.high);
  };
  judge("before");
  ppo.learn(200'000);  // the best rule "buy below a, sell above b" gains about 3.3
  judge("after ");
  return 0;
} catch (const rlx::Error& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return 1;
}
