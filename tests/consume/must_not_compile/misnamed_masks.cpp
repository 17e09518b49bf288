// SPDX-License-Identifier: MIT
// expect: the environment offers action_mask but not action_masks; name the member `void action_masks(std::span<std::uint8_t>
// row) const`
#include "environment.hpp"

struct Misnamed : Sound {
  void action_mask(std::span<std::uint8_t>) const {}
};
void f() { make_vector<Misnamed>(); }
