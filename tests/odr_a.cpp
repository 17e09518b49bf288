// SPDX-License-Identifier: MIT
#include <rlx/curriculum.hpp>
#include <rlx/funding.hpp>
#include <rlx/kalshi.hpp>
#include <rlx/market.hpp>
#include <rlx/options.hpp>
#include <rlx/rl/offline.hpp>
#include <rlx/rlx.hpp>
#include <rlx/signals.hpp>

int odr_b();
int main() { return odr_b() - 7; }
