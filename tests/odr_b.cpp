// SPDX-License-Identifier: MIT
#include <rlx/funding.hpp>
#include <rlx/rlx.hpp>

int odr_b();
int odr_b() { return 7; }
