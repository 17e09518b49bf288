// SPDX-License-Identifier: MIT
// An environment of one's own in 50 lines: buy and sell one lot of a price that swings round its fair value. It is tested
// against the contract, then PPO learns to trade it; what the mask forbids is never tried.
#include <cstdio>

#include <rlx/env/check_env.hpp>
#include <rlx/env/vector_env.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/rl/evaluation.hpp>
#include <rlx/rl/ppo.hpp>

/// Observation: price less fair value, and whether the lot is held. Reward: what the lot gained in the step, less the cost of a
/// trade. Episodes are cut after 200 steps.
class OneLot {
 public:
  using ActionScalar = std::int32_t;  // for Discrete and MultiDiscrete; float for Box and Simplex
  enum Action : std::int32_t { wait, buy, sell };
  struct Info {
    double gap = 0.0;  ///< price less fair value; returns to 0 by 5 % a step
    bool holding = false;
    int steps = length;
  };
  const rlx::Box& observation_space() const { return observations_; }
  const rlx::Discrete& action_space() const { return actions_; }
  const Info& info() const { return now_; }

  void reset(std::uint64_t seed, std::span<float> row) {
    seed_ = seed;  // an episode is a function of its seed and the actions: no other randomness
    now_ = {0.0, false, 0};
    now_.gap = draw();
    write(row);
  }
  rlx::Transition step(std::span<const std::int32_t> action, std::span<float> row) {
    const std::int32_t a = action[0];
    if (now_.steps == length) throw rlx::StateError("OneLot: call reset first");
    if (a != wait && a != (now_.holding ? sell : buy)) throw rlx::InvalidActionError("OneLot: not possible now");
    if (a != wait) now_.holding = !now_.holding;
    ++now_.steps;
    const double before = now_.gap;
    now_.gap = 0.95 * before + 0.3 * draw();
    write(row);
    const double gain = now_.holding ? now_.gap - before : 0.0;
    return {.reward = gain - (a != wait ? 0.05 : 0.0), .terminated = false, .truncated = now_.steps == length};
  }
  void action_masks(std::span<std::uint8_t> row) const {  // of the action to take from the observation just written
    row[wait] = 1;
    row[buy] = now_.holding ? 0 : 1;
    row[sell] = now_.holding ? 1 : 0;
  }

 private:
  static constexpr int length = 200;
  double draw() const {
    return rlx::RandomStream({seed_, rlx::Purpose::environment_dynamics, 0, static_cast<std::uint64_t>(now_.steps)}).normal();
  }
  void write(std::span<float> row) const {  // every float, every time
    row[0] = static_cast<float>(now_.gap);
    row[1] = now_.holding ? 1.0F : 0.0F;
  }

  rlx::Box observations_{{-20.0F, 0.0F}, {20.0F, 1.0F}};
  rlx::Discrete actions_{3};
  std::uint64_t seed_ = 0;
  Info now_;
};

int main() try {
  const auto make_env = [](std::size_t) { return OneLot(); };
  rlx::require_valid_env(make_env);  // throws the first broken rule, with advice

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
