// SPDX-License-Identifier: MIT
// expect: the environment has no `rlx::Transition step(std::span<const ActionScalar> action, std::span<float> row)`
#include "environment.hpp"

struct Done : Sound {
  bool step(std::span<const std::int32_t>, std::span<float>) { return true; }
};
void f() {
  rlx::check_env([] { return Done(); });
}
