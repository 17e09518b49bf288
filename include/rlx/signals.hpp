// SPDX-License-Identifier: MIT
/// @file
/// @brief All of rlx/signals: a core agent's memory, pipeline, log, analysis and learning.
#ifndef RLX_SIGNALS_HPP
#define RLX_SIGNALS_HPP

#include <rlx/signals/agent_io.hpp>
#include <rlx/signals/calibration.hpp>
#include <rlx/signals/clock.hpp>
#include <rlx/signals/core_agent_logger.hpp>
#include <rlx/signals/dataset.hpp>
#include <rlx/signals/drift.hpp>
#include <rlx/signals/features.hpp>
#include <rlx/signals/flow_manager.hpp>
#include <rlx/signals/journal_transport.hpp>
#include <rlx/signals/learner.hpp>
#include <rlx/signals/logic_executor.hpp>
#include <rlx/signals/logistic_regression.hpp>
#include <rlx/signals/model_filter.hpp>
#include <rlx/signals/model_registry.hpp>
#include <rlx/signals/promotion.hpp>
#include <rlx/signals/recent_context.hpp>
#include <rlx/signals/records.hpp>
#include <rlx/signals/records_json.hpp>
#include <rlx/signals/research_engine.hpp>
#include <rlx/signals/retraining_loop.hpp>
#include <rlx/signals/scenarios.hpp>
#include <rlx/signals/signal_filter.hpp>
#include <rlx/signals/training_module.hpp>
#include <rlx/signals/validation.hpp>

#endif  // RLX_SIGNALS_HPP
