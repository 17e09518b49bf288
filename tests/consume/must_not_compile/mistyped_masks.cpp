// SPDX-License-Identifier: MIT
// expect: the environment's action_masks must be callable as `void action_masks(std::span<std::uint8_t> row) const`
#include "environment.hpp"

struct Mistyped : Sound {
  void action_masks(std::span<std::uint8_t>) {}  // not const
};
void f() { make_vector<Mistyped>(); }
