// SPDX-License-Identifier: MIT
/// @file
/// @brief All of rlx/options, without what needs JSON, zlib or the network.
#ifndef RLX_OPTIONS_HPP
#define RLX_OPTIONS_HPP

#include <rlx/options/candidate_option.hpp>
#include <rlx/options/chain.hpp>
#include <rlx/options/error.hpp>
#include <rlx/options/execution.hpp>
#include <rlx/options/fees.hpp>
#include <rlx/options/instrument.hpp>
#include <rlx/options/label.hpp>
#include <rlx/options/ladder_picker.hpp>
#include <rlx/options/leg_book.hpp>
#include <rlx/options/leg_state.hpp>
#include <rlx/options/production_policy.hpp>
#include <rlx/options/realized_vol.hpp>
#include <rlx/options/recorded_chain.hpp>
#include <rlx/options/reconcile.hpp>
#include <rlx/options/settings.hpp>
#include <rlx/options/training_policy.hpp>
#include <rlx/options/training_profile.hpp>

#endif  // RLX_OPTIONS_HPP
