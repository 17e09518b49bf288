// SPDX-License-Identifier: MIT
// Every umbrella and the components beside them.
#include <rlx/core.hpp>
#include <rlx/curriculum.hpp>
#include <rlx/funding.hpp>
#include <rlx/io/gzip.hpp>
#include <rlx/io/https_transport.hpp>
#include <rlx/io/sqlite.hpp>
#include <rlx/kalshi.hpp>
#include <rlx/kalshi/sqlite_session_store.hpp>
#include <rlx/market.hpp>
#include <rlx/options.hpp>
#include <rlx/rl/offline.hpp>
#include <rlx/rlx.hpp>
#include <rlx/signals.hpp>
