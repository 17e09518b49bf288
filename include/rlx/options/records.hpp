// SPDX-License-Identifier: MIT
/// @file
/// @brief What the agent writes into its decision log, as types; records_json.hpp gives them their JSON.
#ifndef RLX_OPTIONS_RECORDS_HPP
#define RLX_OPTIONS_RECORDS_HPP

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <rlx/options/action.hpp>
#include <rlx/options/attestation.hpp>
#include <rlx/options/candidate_option.hpp>
#include <rlx/options/venue.hpp>

namespace rlx::inline v0_1::options {

/// What an order of a leg is for.
enum class LegRole : std::uint8_t {
  open,        ///< sells the call of an OPEN_COVERED_CALL
  close,       ///< buys back the call of a CLOSE_COVERED_CALL
  roll_close,  ///< first order of a roll: buys back the old call
  roll_open,   ///< second order of a roll: sells the new call
};

/// The word of the log, "open"; "?" for no enumerator.
constexpr std::string_view name_of(LegRole role) {
  switch (role) {
    case LegRole::open:
      return "open";
    case LegRole::close:
      return "close";
    case LegRole::roll_close:
      return "roll_close";
    case LegRole::roll_open:
      return "roll_open";
  }
  return "?";
}

/// Where an order stands as far as the agent knows; leg_state.hpp has the changes that can be.
enum class LegState : std::uint8_t {
  planned,    ///< in a plan record, not sent
  sent,       ///< on its way; the answer is not recorded yet
  resting,    ///< in the venue's book, nothing filled
  partial,    ///< in the venue's book, filled in part
  filled,     ///< whole amount; terminal
  cancelled,  ///< terminal; something may have been filled before
  rejected,   ///< terminal, nothing filled; RejectedBy has the cause
  unknown     ///< sent, and not known whether the venue processed it
};

/// The word of the log, "planned"; "?" for no enumerator.
constexpr std::string_view name_of(LegState state) {
  switch (state) {
    case LegState::planned:
      return "planned";
    case LegState::sent:
      return "sent";
    case LegState::resting:
      return "resting";
    case LegState::partial:
      return "partial";
    case LegState::filled:
      return "filled";
    case LegState::cancelled:
      return "cancelled";
    case LegState::rejected:
      return "rejected";
    case LegState::unknown:
      return "unknown";
  }
  return "?";
}

/// Whether no further change can come: filled, cancelled or rejected.
constexpr bool is_terminal(LegState state) {
  return state == LegState::filled || state == LegState::cancelled || state == LegState::rejected;
}

/// Why a leg was rejected.
enum class RejectedBy : std::uint8_t {
  none,       ///< the leg is not rejected
  risk,       ///< denied before the send, or without a quote to check it at
  venue,      ///< refused by the venue
  timed_out,  ///< the venue cannot accept it any more and does not have it
  abort       ///< not sent: something before it ended the batch or left nothing to do
};

/// The word of the log, "risk"; "?" for no enumerator.
constexpr std::string_view name_of(RejectedBy cause) {
  switch (cause) {
    case RejectedBy::none:
      return "none";
    case RejectedBy::risk:
      return "risk";
    case RejectedBy::venue:
      return "venue";
    case RejectedBy::timed_out:
      return "timed_out";
    case RejectedBy::abort:
      return "abort";
  }
  return "?";
}

/// Result of a risk check; every reason is kept.
struct RiskCheck {
  bool allowed = true;                                ///< whether the order may be sent
  std::vector<std::string> reasons;                   ///< denials, or the note that limits were skipped; may be empty
  bool operator==(const RiskCheck&) const = default;  ///< Memberwise.
};

/// One order to be sent for an action: what the plan record holds before anything is sent.
struct PlannedLeg {
  std::string label;                                   ///< of the order; see make_label
  LegRole role = LegRole::open;                        ///< what the order is for
  Action action;                                       ///< that the order belongs to; a roll has two legs with the same action
  market::Fixed8 amount;                               ///< contracts
  bool operator==(const PlannedLeg&) const = default;  ///< Memberwise.
};

/// The plan of one tick, durable before the first order is sent.
struct PlanRecord {
  std::uint64_t tick_seq = 0;                          ///< number of the tick
  std::string run_id;                                  ///< of the log directory, as in the start record
  int valid_for_ms = 0;                                ///< no order of this plan can be accepted later than this after its send
  std::vector<PlannedLeg> legs;                        ///< in the order in which they are sent
  bool operator==(const PlanRecord&) const = default;  ///< Memberwise.
};

/// One change of state of one leg.
struct LegRecord {
  std::uint64_t tick_seq = 0;                 ///< number of the tick that planned the leg, also for a change that comes later
  std::string label;                          ///< of the planned leg
  LegState from = LegState::planned;          ///< state before
  LegState to = LegState::planned;            ///< state after; equal only for a further fill of a partial leg
  RejectedBy rejected_by = RejectedBy::none;  ///< the cause where `to` is rejected
  std::string order_id;                       ///< the venue's; empty before it is known
  market::Fixed8 price;                       ///< limit; 0 before it is known
  market::Fixed8 filled_amount;               ///< contracts so far
  market::Fixed8 average_price;               ///< of the fills so far, settlement currency per contract; 0 without any
  market::Fixed8 fee;                         ///< of the fills so far, settlement currency
  double index = 0.0;                         ///< USD at the change
  market::Fixed8 mark;                        ///< mark of the option at the change; 0 = unknown
  int code = 0;                               ///< the venue's error code
  std::string message;                        ///< the venue's or the agent's own words; may be empty
  bool operator==(const LegRecord&) const = default;  ///< Memberwise.
};

/// What became of one leg in its tick.
struct LegResult {
  PlannedLeg leg;                                     ///< as planned
  RiskCheck risk_check;                               ///< not allowed also where an aborted batch did not come to check the leg
  LegState state = LegState::planned;                 ///< at the end of the tick
  RejectedBy rejected_by = RejectedBy::none;          ///< the cause where `state` is rejected
  std::optional<OrderRequest> order;                  ///< as sent; with dry_run: as it would have been sent
  std::string order_id;                               ///< the venue's; empty where it took no order
  market::Fixed8 filled_amount;                       ///< contracts
  market::Fixed8 average_price;                       ///< settlement currency per contract; 0 where nothing is filled
  market::Fixed8 fee;                                 ///< of all fills, settlement currency
  double index = 0.0;                                 ///< USD at the send
  market::Fixed8 mark;                                ///< at the send
  int code = 0;                                       ///< the venue's error code; 0 where there is none
  std::string message;                                ///< the venue's or the agent's own words; may be empty
  bool simulated = false;                             ///< dry_run: nothing was sent
  bool operator==(const LegResult&) const = default;  ///< Memberwise.
};

/// How the legs of a tick ended together; the first that fits.
enum class LadderStatus : std::uint8_t {
  simulated,  ///< dry_run: nothing was sent
  failed,     ///< nothing is filled, and no leg rests or is unknown
  partial,    ///< some leg is rejected, cancelled or unknown
  completed   ///< every leg is filled or rests, or there is none
};
/// How much of the planned amounts has traded.
enum class FillStatus : std::uint8_t {
  none,     ///< nothing, or no legs
  partial,  ///< something, but not every leg in full
  full      ///< every leg in full
};

/// The word of the log, "completed"; "?" for no enumerator.
constexpr std::string_view name_of(LadderStatus status) {
  switch (status) {
    case LadderStatus::simulated:
      return "simulated";
    case LadderStatus::failed:
      return "failed";
    case LadderStatus::partial:
      return "partial";
    case LadderStatus::completed:
      return "completed";
  }
  return "?";
}
/// The word of the log, "none", "partial" or "full".
constexpr std::string_view name_of(FillStatus status) {
  return status == FillStatus::none ? "none" : status == FillStatus::partial ? "partial" : "full";
}

/// Everything one tick executed: a ladder, or the one action of the production policy.
struct ExecutionRecord {
  LadderStatus status = LadderStatus::completed;            ///< says nothing of fills: a ladder that rests is completed
  FillStatus fill_status = FillStatus::none;                ///< how much has traded
  bool dry_run = false;                                     ///< the setting of that tick
  std::vector<LegResult> legs;                              ///< in the order of the plan
  std::string aborted_reason;                               ///< empty: the batch ran to its end
  bool operator==(const ExecutionRecord&) const = default;  ///< Memberwise.
};

/// A candidate as the decision record keeps it. Bit p of profile_bits: it passes the filter of training profile p.
struct CandidateRecord {
  std::string symbol;              ///< of the call
  std::string underlying;          ///< "BTC"
  double delta = 0.0;              ///< 0 to 1
  double dte = 0.0;                ///< days to expiry, fractional
  double premium_usd = 0.0;        ///< of one contract at the mid price
  double ivrv = 1.0;               ///< iv/rv; 1 where rv is unknown
  market::Fixed8 bid;              ///< settlement currency
  market::Fixed8 ask;              ///< settlement currency
  double iv = 0.0;                 ///< mark volatility, decimal fraction
  std::uint32_t profile_bits = 0;  ///< 0 outside training on testnet
  // what the dataset needs besides, of the same candidate
  double strike = 0.0;         ///< USD
  std::int64_t expiry_ms = 0;  ///< UTC ms
  double rv = 0.0;             ///< realised volatility of the underlying, decimal fraction; 0 where unknown
  bool ivrv_known = false;     ///< false: `ivrv` is no measurement
  market::Fixed8 mark;         ///< settlement currency
  double spread_pct = 0.0;     ///< (ask - bid)/mid, percent
  double open_interest = 0.0;  ///< contracts; NaN where the venue gives none
  bool operator==(const CandidateRecord&) const = default;  ///< Memberwise.
};

/// The state part of the decision record, per underlying.
struct UnderlyingRecord {
  std::string underlying;           ///< "BTC"
  double spot = 0.0;                ///< index, USD
  market::Fixed8 balance;           ///< available funds, settlement currency
  market::Fixed8 equity;            ///< settlement currency
  double margin_used_pct = 0.0;     ///< initial margin in percent of the equity; 0 where that is not above 0
  double net_delta = 0.0;           ///< Σ contracts × delta of all positions, coin
  std::vector<Position> positions;  ///< external ones too
  double iv = 0.0;           ///< mark volatility nearest to the money, decimal fraction; 0 = unknown (UnderlyingState::atm_iv)
  std::optional<double> rv;  ///< realised volatility, decimal fraction; empty: unknown
  std::uint32_t rejected_rows = 0;  ///< rows of the chain that were dropped as unreadable or impossible
  bool operator==(const UnderlyingRecord&) const = default;  ///< Memberwise.
};

/// One tick: a single proposed action, risk check, final action and execution on top, also for a ladder.
struct DecisionRecord {
  std::uint64_t tick_seq = 0;                                   ///< number of the tick
  std::string run_id;                                           ///< of the log directory, as in the start record
  VenueEnvironment environment = VenueEnvironment::paper;       ///< what the venue proved to be
  DecisionSource decision_source = DecisionSource::rule_based;  ///< who decided
  std::string policy_version;                                   ///< of the settings
  std::int64_t timestamp_ms = 0;                                ///< agent's clock, UTC ms
  std::vector<UnderlyingRecord> underlyings;                    ///< in the order of the settings
  std::vector<CandidateRecord> candidates;                      ///< of all underlyings, those not chosen too
  std::vector<Action> ladder;                          ///< the training actions, denied ones too; empty outside training
  Action proposed_action;                              ///< ActionType::training_ladder over `ladder`, or the single action
  RiskCheck risk_check;                                ///< of the whole tick; each leg has its own in `execution`
  Action final_action;                                 ///< the proposed one, or DO_NOTHING where nothing of it was sent
  std::optional<Action> shadow_action;                 ///< the LLM's proposal that was only logged
  ExecutionRecord execution;                           ///< what became of the legs; none for DO_NOTHING
  std::string error;                                   ///< why the state could not be built; empty otherwise
  std::shared_ptr<const std::string> config_snapshot;  ///< JSON text of the settings, made once per run; null: empty object
};

/// Settlement of one expired position.
struct SettlementRecord {
  Settlement settlement;                                     ///< as the venue reported it
  bool operator==(const SettlementRecord&) const = default;  ///< Memberwise.
};

/// The agent started. `run_id` is made once per log directory; `tick_seq` is the number of the first tick of this start.
struct StartRecord {
  std::string run_id;                                      ///< see above
  std::string account;                                     ///< as in the labels
  VenueEnvironment environment = VenueEnvironment::paper;  ///< what the venue proved to be
  std::uint64_t tick_seq = 0;                              ///< see above
  double equity_usd = 0.0;                                 ///< at the start: the drawdown that kills is measured from here
  bool operator==(const StartRecord&) const = default;     ///< Memberwise.
};

/// The log and the venue were compared and something was adopted from the venue (auto_heal) or stopped the agent (halt).
struct ReconcileRecord {
  std::uint64_t tick_seq = 0;                               ///< number of the tick
  std::string symbol;                                       ///< empty where an order is meant
  std::string label;                                        ///< of an order; empty where a position is meant
  std::string order_id;                                     ///< the venue's, of that order
  market::Fixed8 log_size;                                  ///< contracts that the fills of the log make, < 0 short
  market::Fixed8 venue_size;                                ///< contracts that the venue reports, < 0 short
  bool adopted = false;                                     ///< the venue's figure holds from here on
  std::string message;                                      ///< what was found on both sides
  bool operator==(const ReconcileRecord&) const = default;  ///< Memberwise.
};

/// Something went wrong that ended one tick, not the agent.
struct ErrorRecord {
  std::uint64_t tick_seq = 0;                           ///< number of the tick
  std::string where;                                    ///< what failed, such as tick, llm, kill switch or cancel
  std::string message;                                  ///< what happened
  bool alarm = false;                                   ///< a person has to look: orders are left open after a kill
  bool operator==(const ErrorRecord&) const = default;  ///< Memberwise.
};

/// The kill switch latched.
struct KillRecord {
  std::uint64_t tick_seq = 0;  ///< number of the tick
  std::string reason;          ///< setting, operator, attestation, drawdown, log, duplicate_label, internal
  std::string message;         ///< what happened
  bool operator==(const KillRecord&) const = default;  ///< Memberwise.
};

/// The first start after an operator removed the latch.
struct KillReleasedRecord {
  std::string run_id;                                          ///< of the log directory, as in the start record
  std::string reason;                                          ///< of the kill that was released
  bool operator==(const KillReleasedRecord&) const = default;  ///< Memberwise.
};

/// The agent ended by itself.
struct StopRecord {
  std::string run_id;                                  ///< of the log directory, as in the start record
  std::uint64_t tick_seq = 0;                          ///< the next one
  std::string reason;                                  ///< why the agent ended
  bool operator==(const StopRecord&) const = default;  ///< Memberwise.
};

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_RECORDS_HPP
