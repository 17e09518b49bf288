// SPDX-License-Identifier: MIT
// Every umbrella, the components beside them, and what umbrellas leave out.
#include <rlx/core.hpp>
#include <rlx/core/json.hpp>
#include <rlx/curriculum.hpp>
#include <rlx/funding.hpp>
#include <rlx/io/gzip.hpp>
#include <rlx/io/https_transport.hpp>
#include <rlx/io/jsonl.hpp>
#include <rlx/io/npy.hpp>
#include <rlx/io/sqlite.hpp>
#include <rlx/kalshi.hpp>
#include <rlx/kalshi/sqlite_session_store.hpp>
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
