// SPDX-License-Identifier: MIT
#include <rlx/curriculum.hpp>
#include <rlx/funding.hpp>
#include <rlx/kalshi.hpp>
#include <rlx/market.hpp>
#include <rlx/options.hpp>
#include <rlx/rlx.hpp>
#include <rlx/signals.hpp>

int odr_b();
int odr_b() { return 7; }
