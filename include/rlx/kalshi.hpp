// SPDX-License-Identifier: MIT
/// @file
/// @brief All of rlx/kalshi, without what needs JSON, zlib or SQLite.
#ifndef RLX_KALSHI_HPP
#define RLX_KALSHI_HPP

#include <rlx/kalshi/account.hpp>
#include <rlx/kalshi/actions.hpp>
#include <rlx/kalshi/attribution.hpp>
#include <rlx/kalshi/baselines.hpp>
#include <rlx/kalshi/environment.hpp>
#include <rlx/kalshi/evaluation.hpp>
#include <rlx/kalshi/features.hpp>
#include <rlx/kalshi/fees.hpp>
#include <rlx/kalshi/fill_model.hpp>
#include <rlx/kalshi/import_bbo.hpp>
#include <rlx/kalshi/import_report.hpp>
#include <rlx/kalshi/import_ws.hpp>
#include <rlx/kalshi/market_session_view.hpp>
#include <rlx/kalshi/memory_session_store.hpp>
#include <rlx/kalshi/order_book.hpp>
#include <rlx/kalshi/rest_book.hpp>
#include <rlx/kalshi/session.hpp>
#include <rlx/kalshi/session_builder.hpp>
#include <rlx/kalshi/session_store.hpp>
#include <rlx/kalshi/success_checks.hpp>
#include <rlx/kalshi/synthetic_session.hpp>
#include <rlx/kalshi/tick_grid.hpp>
#include <rlx/kalshi/ticker.hpp>
#include <rlx/kalshi/types.hpp>
#include <rlx/kalshi/view_filter.hpp>
#include <rlx/kalshi/wire.hpp>

#endif  // RLX_KALSHI_HPP
