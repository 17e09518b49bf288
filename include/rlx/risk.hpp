// SPDX-License-Identifier: MIT
/// @file
/// @brief Risk measures, performance statistics, bootstrap intervals, scores of probabilities, sizing, projections, kill
/// switch.
#ifndef RLX_RISK_HPP
#define RLX_RISK_HPP

#include <rlx/risk/bootstrap.hpp>
#include <rlx/risk/constraint_set.hpp>
#include <rlx/risk/covariance.hpp>
#include <rlx/risk/distortion.hpp>
#include <rlx/risk/drawdown.hpp>
#include <rlx/risk/forecast_series.hpp>
#include <rlx/risk/interval.hpp>
#include <rlx/risk/kill_latch.hpp>
#include <rlx/risk/kill_switch.hpp>
#include <rlx/risk/performance.hpp>
#include <rlx/risk/probability_metrics.hpp>
#include <rlx/risk/projection.hpp>
#include <rlx/risk/quantile_forecast.hpp>
#include <rlx/risk/sizing.hpp>
#include <rlx/risk/tail.hpp>
#include <rlx/risk/tail_tests.hpp>

#endif  // RLX_RISK_HPP
