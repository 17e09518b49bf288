// SPDX-License-Identifier: MIT
// expect: the wrapped environment's masks would be lost; name the member `void action_masks(std::span<std::uint8_t> row) const`
#include "environment.hpp"

struct Misnamed : Sound {
  void action_mask(std::span<std::uint8_t>) const {}
};
void f() { const rlx::TimeLimit env(Misnamed(), 10); }
