// SPDX-License-Identifier: MIT
/// @file
/// @brief What the agent knows when it decides.
#ifndef RLX_OPTIONS_AGENT_STATE_HPP
#define RLX_OPTIONS_AGENT_STATE_HPP

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <rlx/options/candidate_option.hpp>
#include <rlx/options/instrument.hpp>
#include <rlx/options/venue.hpp>

namespace rlx::inline v0_1::options {

/// An own order of which it is not known whether the venue processed it. Until that is resolved it counts as an open short
/// call.
struct UnknownLeg {
  std::string symbol;                                  ///< the call sold
  std::string underlying;                              ///< "BTC"
  market::Fixed8 amount;                               ///< contracts, > 0
  bool operator==(const UnknownLeg&) const = default;  ///< Memberwise.
};

/// One underlying at the time of the tick.
struct UnderlyingState {
  std::string underlying;    ///< "BTC"
  double index = 0.0;        ///< USD
  std::optional<double> rv;  ///< realised volatility, decimal fraction
  double atm_iv = 0.0;       ///< mark IV of the call nearest to the money, nearest expiry of at least 7 days; 0 = unknown
  Account account;           ///< of the settlement currency, as the venue reports it
  std::vector<Position> positions;            ///< external ones too
  std::vector<Order> open_orders;             ///< external ones too
  std::vector<UnknownLeg> unknown_legs;       ///< own sells whose state is unknown: they count as open
  std::vector<std::string> external_symbols;  ///< positions that the log does not explain: counted, never closed or rolled
  std::vector<CandidateOption> candidates;    ///< sorted, at most max_candidates_per_underlying
  std::span<const Instrument> instruments;    ///< the venue's table
  std::uint32_t rejected_rows = 0;            ///< rows of the chain that cannot be believed, see build_candidates
};

/// Everything the policies and the risk engine see. Built once per tick by `build_state`.
struct AgentState {
  std::int64_t now_ms = 0;                   ///< the agent's clock
  std::int64_t server_time_ms = 0;           ///< the venue's
  std::vector<UnderlyingState> underlyings;  ///< in the order of the settings

  /// The state of that underlying; null if the agent has none such.
  const UnderlyingState* find(std::string_view underlying) const {
    for (const auto& one : underlyings) {
      if (one.underlying == underlying) return &one;
    }
    return nullptr;
  }
};

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_AGENT_STATE_HPP
