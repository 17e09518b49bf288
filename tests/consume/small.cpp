// SPDX-License-Identifier: MIT
// The smallest consumer: three steps of an environment.
#include <rlx/env/classic/cart_pole.hpp>

#include <cstdint>
#include <vector>

int main() {
  rlx::CartPole env;
  std::vector<float> observation(env.observation_space().size());
  env.reset(123, observation);
  const std::int32_t push_right = 1;
  for (int i = 0; i < 3; ++i) env.step({&push_right, 1}, observation);
  return observation[1] > 0.0F ? 0 : 1;  // three pushes to the right: the cart moves right
}
