// SPDX-License-Identifier: MIT
#include <rlx/core/json.hpp>
#include <rlx/curriculum.hpp>
#include <rlx/funding.hpp>
#include <rlx/io/jsonl.hpp>
#include <rlx/io/npy.hpp>
#include <rlx/kalshi.hpp>
#include <rlx/market.hpp>
#include <rlx/nn/graph_json.hpp>
#include <rlx/options.hpp>
#include <rlx/rl/config_json.hpp>
#include <rlx/rl/logger_json.hpp>
#include <rlx/rl/manifest_json.hpp>
#include <rlx/rl/offline.hpp>
#include <rlx/rl/record_json.hpp>
#include <rlx/rlx.hpp>
#include <rlx/signals.hpp>

int odr_b();
int main() { return odr_b() - 7; }
