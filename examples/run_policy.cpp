// SPDX-License-Identifier: MIT
// Runs the policy that cartpole_ppo exported: what a live process does. No learner is included, a decision allocates nothing.
#include <array>
#include <cstdio>
#include <cstdlib>

#include <rlx/env/classic/cart_pole.hpp>
#include <rlx/rl/inference_policy.hpp>

int main(int argc, char** argv) try {
  const auto policy = rlx::InferencePolicy::load(argc > 1 ? argv[1] : "cartpole_policy.safetensors");
  auto workspace = policy.make_workspace();
  std::printf("%zu parameters, %zu observations, %zu actions\n", policy.parameter_count(), policy.layout().observation_size,
              policy.layout().num_actions);

  rlx::CartPole env;
  std::array<float, 4> observation{};
  std::array<std::int32_t, 1> action{};
  for (std::uint64_t episode = 0; episode < 3; ++episode) {
    env.reset(episode, observation);
    double total = 0.0;
    for (bool ended = false; !ended;) {
      policy.act(observation, {}, action, workspace);
      const rlx::Transition transition = env.step(action, observation);
      total += transition.reward;
      ended = transition.terminated || transition.truncated;
    }
    const rlx::Decision last = policy.act(observation, {}, action, workspace);
    std::printf("episode %llu: reward %.0f, value of the last state %.2f\n", static_cast<unsigned long long>(episode), total,
                static_cast<double>(last.value));
  }
  return 0;
} catch (const rlx::Error& error) {
  std::fprintf(stderr, "error: %s\nrun cartpole_ppo first, or give the path of a policy\n", error.what());
  return 1;
}
