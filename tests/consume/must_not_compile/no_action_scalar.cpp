// SPDX-License-Identifier: MIT
// expect: the environment has no `using ActionScalar = std::int32_t;`
#include "environment.hpp"

struct Empty {};
void f() { make_vector<Empty>(); }
