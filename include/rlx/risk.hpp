// SPDX-License-Identifier: MIT
/// @file
/// @brief Risk measures, performance statistics, bootstrap intervals, scores of probabilities.
#ifndef RLX_RISK_HPP
#define RLX_RISK_HPP

#include <rlx/risk/bootstrap.hpp>
#include <rlx/risk/performance.hpp>
#include <rlx/risk/probability_metrics.hpp>

#endif  // RLX_RISK_HPP
