// SPDX-License-Identifier: MIT
/// @file
/// @brief All of rlx/options but what needs JSON, zlib or the network: the log, the loop around it and the Deribit client.
#ifndef RLX_OPTIONS_HPP
#define RLX_OPTIONS_HPP

#include <rlx/options/action.hpp>
#include <rlx/options/agent_state.hpp>
#include <rlx/options/attestation.hpp>
#include <rlx/options/build_state.hpp>
#include <rlx/options/candidate_option.hpp>
#include <rlx/options/candidates.hpp>
#include <rlx/options/chain.hpp>
#include <rlx/options/credentials.hpp>
#include <rlx/options/endpoint.hpp>
#include <rlx/options/error.hpp>
#include <rlx/options/execution.hpp>
#include <rlx/options/fees.hpp>
#include <rlx/options/instrument.hpp>
#include <rlx/options/kill_switch.hpp>
#include <rlx/options/label.hpp>
#include <rlx/options/ladder_env.hpp>
#include <rlx/options/ladder_picker.hpp>
#include <rlx/options/ladder_tape.hpp>
#include <rlx/options/leg_book.hpp>
#include <rlx/options/leg_mark.hpp>
#include <rlx/options/leg_state.hpp>
#include <rlx/options/margin.hpp>
#include <rlx/options/paper_venue.hpp>
#include <rlx/options/production_policy.hpp>
#include <rlx/options/rate_limiter.hpp>
#include <rlx/options/realized_vol.hpp>
#include <rlx/options/reconcile.hpp>
#include <rlx/options/recorded_chain.hpp>
#include <rlx/options/records.hpp>
#include <rlx/options/risk_engine.hpp>
#include <rlx/options/risk_gate.hpp>
#include <rlx/options/settings.hpp>
#include <rlx/options/synthetic_chain.hpp>
#include <rlx/options/training_policy.hpp>
#include <rlx/options/training_profile.hpp>
#include <rlx/options/venue.hpp>

#endif  // RLX_OPTIONS_HPP
