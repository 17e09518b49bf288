// SPDX-License-Identifier: MIT
// An environment of the library, and each component that was asked for, as a consumer of the package uses them.
#include <rlx/env/classic/cart_pole.hpp>
#ifdef WITH_gzip
#  include <rlx/io/gzip.hpp>
#endif
#ifdef WITH_sqlite
#  include <rlx/io/sqlite.hpp>
#endif
#ifdef WITH_http
#  include <rlx/io/https_transport.hpp>
#endif

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
