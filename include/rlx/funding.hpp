// SPDX-License-Identifier: MIT
/// @file
/// @brief All of rlx/funding, without what needs JSON or zlib (`*_json.hpp`, gzip).
#ifndef RLX_FUNDING_HPP
#define RLX_FUNDING_HPP

#include <rlx/funding/actions.hpp>
#include <rlx/funding/attribution.hpp>
#include <rlx/funding/backtest.hpp>
#include <rlx/funding/baselines.hpp>
#include <rlx/funding/clairvoyant.hpp>
#include <rlx/funding/convert.hpp>
#include <rlx/funding/data_report.hpp>
#include <rlx/funding/decision_state.hpp>
#include <rlx/funding/environment.hpp>
#include <rlx/funding/environment_config.hpp>
#include <rlx/funding/feature_tape.hpp>
#include <rlx/funding/market_tape.hpp>
#include <rlx/funding/observation.hpp>
#include <rlx/funding/observation_features.hpp>
#include <rlx/funding/opportunity.hpp>
#include <rlx/funding/opportunity_csv.hpp>
#include <rlx/funding/pair_forecasts.hpp>
#include <rlx/funding/portfolio.hpp>
#include <rlx/funding/sizing.hpp>
#include <rlx/funding/split.hpp>
#include <rlx/funding/synthetic_tape.hpp>
#include <rlx/funding/tape_csv.hpp>
#include <rlx/funding/tape_data.hpp>
#include <rlx/funding/trading_config.hpp>
#include <rlx/funding/types.hpp>
#include <rlx/funding/venues.hpp>

#endif  // RLX_FUNDING_HPP
