// SPDX-License-Identifier: MIT
/// @file
/// @brief Asks a venue for everything that a decision needs.
#ifndef RLX_OPTIONS_BUILD_STATE_HPP
#define RLX_OPTIONS_BUILD_STATE_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <rlx/core/clock.hpp>
#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/options/agent_state.hpp>
#include <rlx/options/candidates.hpp>
#include <rlx/options/deribit_codes.hpp>
#include <rlx/options/error.hpp>
#include <rlx/options/realized_vol.hpp>
#include <rlx/options/settings.hpp>
#include <rlx/options/training_profile.hpp>
#include <rlx/options/venue.hpp>

namespace rlx::inline v0_1::options {

/// Index samples by underlying.
using IndexHistories = std::map<std::string, IndexHistory, std::less<>>;

/// What the state takes from the agent itself, besides its settings.
struct StateInputs {
  std::span<const TrainingProfileSet> profiles;  ///< those of training_strategies; read only while training on testnet
  std::span<const UnknownLeg> unknown_legs;      ///< of every underlying
  HostPolicy hosts;                              ///< tests pass a loopback policy
};

/// Memory of `build_state`, to be kept from tick to tick.
struct StateScratch {
  ChainSnapshot chain;               ///< of the underlying that was read last
  std::vector<CandidateBand> bands;  ///< of its candidates
  CandidateScratch candidates;       ///< memory of `build_candidates`
};

namespace detail {

/// The value of a confirmed request. @throws VenueError otherwise, with the venue's own words; AccessError where they say that
/// no further request makes sense
template <class T>
T confirmed_value(Outcome<T>&& outcome, std::string_view request, std::string_view underlying) {
  if (outcome.is_confirmed() && outcome.value) return *std::move(outcome.value);
  const bool refused = outcome.kind == OutcomeKind::rejected;
  const std::string message = std::string(request) + (underlying.empty() ? "" : " of ") + std::string(underlying) + ": " +
                              (refused ? "refused" : "no readable reply") + ", code " + std::to_string(outcome.code) + ": " +
                              outcome.message;
  if (refused && classify_code(outcome.code) == CodeClass::stop) {
    throw AccessError(message + "; the agent stops: check the credentials and their scope");
  }
  throw VenueError(message + "; there is no trading in this tick");
}

/// Bands of the candidates: those of the enabled profiles in training, else that of the mode.
inline void candidate_bands(const Settings& settings, std::span<const TrainingProfileSet> profiles, bool training,
                            std::string_view underlying, std::vector<CandidateBand>& bands) {
  bands.clear();
  if (!training) {
    bands.push_back(band_of(settings.effective_range()));
    return;
  }
  for (const TrainingProfileSet& set : profiles) {
    const TrainingProfile& one = set.profile_for(underlying);
    if (one.enabled) bands.push_back({one.min_delta, one.max_delta, one.min_dte, one.max_dte, one.target_delta});
  }
}

}  // namespace detail

/**
 * @brief Builds the state of one tick: per underlying one call each for instruments, chain, account, positions and open orders.
 * @param venue      asked; no order is sent
 * @param settings   which underlyings, and what is a candidate
 * @param histories  earlier index samples for the realised volatility, which the chain's own index continues; an underlying
 *                   without any has none
 * @param clock      the agent's
 * @param inputs     profiles, own legs of unknown state, and the host table
 * @param state      overwritten; its memory is used again. Spans of it point into the venue's instrument tables
 * @param scratch    memory to be kept from tick to tick
 * @throws VenueError  a request was refused, or its reply could not be read; AccessError for missing credentials or rights
 * @throws DataError   a chain of which more than one row in five cannot be believed, or without an index
 */
template <Venue V, Clock C>
void build_state(V& venue, const Settings& settings, const IndexHistories& histories, C& clock, const StateInputs& inputs,
                 AgentState& state, StateScratch& scratch) {
  state.now_ms = clock.now_ms();
  state.server_time_ms = detail::confirmed_value(venue.server_time_ms(), "server time", {});
  state.underlyings.resize(settings.underlyings.size());
  const bool training = settings.is_training_on_testnet(inputs.hosts);
  for (std::size_t i = 0; i < settings.underlyings.size(); ++i) {
    UnderlyingState& one = state.underlyings[i];
    const std::string& name = settings.underlyings[i];
    one.underlying = name;
    one.instruments = detail::confirmed_value(venue.instruments(name), "instruments", name);
    detail::confirmed_value(venue.chain(name, scratch.chain), "chain", name);
    one.account = detail::confirmed_value(venue.account(name), "account", name);
    one.positions = detail::confirmed_value(venue.positions(name), "positions", name);
    one.open_orders = detail::confirmed_value(venue.open_orders(name), "open orders", name);
    one.unknown_legs.clear();
    for (const UnknownLeg& leg : inputs.unknown_legs) {
      if (leg.underlying == name) one.unknown_legs.push_back(leg);
    }

    one.index = scratch.chain.index;
    if (!is_finite(one.index) || !(one.index > 0.0)) {
      throw DataError("chain of " + name + ": expected an index above 0, found " + std::to_string(one.index));
    }
    const auto history = histories.find(name);
    one.rv.reset();
    if (history != histories.end()) one.rv = history->second.realized_vol(state.server_time_ms, one.index);
    one.atm_iv = atm_iv(scratch.chain, one.instruments, state.server_time_ms);

    detail::candidate_bands(settings, inputs.profiles, training, name, scratch.bands);
    CandidateRequest request;
    request.bands = scratch.bands;
    request.premium_min_usd =
        training ? settings.training_premium_min_pct / 100.0 * one.index : settings.premium_min_usd.find(name).value_or(0.0);
    request.max_quote_age_ms = settings.max_chain_age_ms;
    request.max_candidates = static_cast<std::size_t>(std::max(settings.max_candidates_per_underlying, 0));
    if (training) request.sort = settings.training_sort;
    request.now_ms = state.server_time_ms;
    request.realized_vol = one.rv;
    one.rejected_rows = build_candidates(scratch.chain, one.instruments, request, one.candidates, scratch.candidates);
    if (is_chain_unusable(scratch.chain, one.rejected_rows)) {
      throw DataError("chain of " + name + ": " + std::to_string(one.rejected_rows) + " of " +
                      std::to_string(scratch.chain.quotes.size() + scratch.chain.rejected_rows) +
                      " rows cannot be believed, more than one in five; there is no trading in this tick");
    }
  }
}

/// The same with memory of its own.
template <Venue V, Clock C>
AgentState build_state(V& venue, const Settings& settings, const IndexHistories& histories, C& clock,
                       const StateInputs& inputs = {}) {
  AgentState state;
  StateScratch scratch;
  build_state(venue, settings, histories, clock, inputs, state, scratch);
  return state;
}

/// Adds the index levels of a state to the histories; a time that is not after the last sample is left out.
inline void append_index(IndexHistories& histories, const AgentState& state) {
  for (const UnderlyingState& one : state.underlyings) {
    IndexHistory& history = histories[one.underlying];
    if (history.empty() || history.last_ms() < state.server_time_ms) history.append(state.server_time_ms, one.index);
  }
}

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_BUILD_STATE_HPP
