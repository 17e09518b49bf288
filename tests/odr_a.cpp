// SPDX-License-Identifier: MIT
#include <rlx/curriculum.hpp>
#include <rlx/funding.hpp>
#include <rlx/kalshi.hpp>
#include <rlx/options.hpp>
#include <rlx/rlx.hpp>

int odr_b();
int main() { return odr_b() - 7; }
