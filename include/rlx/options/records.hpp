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

namespace rlx::options {

/// What an order of a leg is for.
enum class LegRole : std::uint8_t { open, close, roll_close, roll_open };

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

enum class LegState : std::uint8_t { planned, sent, resting, partial, filled, cancelled, rejected, unknown };

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

constexpr bool is_terminal(LegState state) {
  return state == LegState::filled || state == LegState::cancelled || state == LegState::rejected;
}

/// Why a leg was rejected.
enum class RejectedBy : std::uint8_t { none, risk, venue, timed_out, abort };

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
  bool allowed = true;
  std::vector<std::string> reasons;
  bool operator==(const RiskCheck&) const = default;
};

/// One order to be sent for an action: what the plan record holds before anything is sent.
struct PlannedLeg {
  std::string label;
  LegRole role = LegRole::open;
  Action action;
  market::Fixed8 amount;  ///< contracts
  bool operator==(const PlannedLeg&) const = default;
};

/// The plan of one tick, durable before the first order is sent.
struct PlanRecord {
  std::uint64_t tick_seq = 0;
  std::string run_id;
  int valid_for_ms = 0;  ///< no order of this plan can be accepted later than this after its send
  std::vector<PlannedLeg> legs;
  bool operator==(const PlanRecord&) const = default;
};

/// One change of state of one leg.
struct LegRecord {
  std::uint64_t tick_seq = 0;
  std::string label;
  LegState from = LegState::planned, to = LegState::planned;
  RejectedBy rejected_by = RejectedBy::none;
  std::string order_id;
  market::Fixed8 price;  ///< limit; 0 before it is known
  market::Fixed8 filled_amount, average_price, fee;
  double index = 0.0;   ///< USD at the change
  market::Fixed8 mark;  ///< mark of the option at the change; 0 = unknown
  int code = 0;         ///< the venue's error code
  std::string message;
  bool operator==(const LegRecord&) const = default;
};

/// What became of one leg in its tick.
struct LegResult {
  PlannedLeg leg;
  RiskCheck risk_check;
  LegState state = LegState::planned;
  RejectedBy rejected_by = RejectedBy::none;
  std::optional<OrderRequest> order;  ///< as sent; with dry_run: as it would have been sent
  std::string order_id;
  market::Fixed8 filled_amount, average_price, fee;
  double index = 0.0;   ///< USD at the send
  market::Fixed8 mark;  ///< at the send
  int code = 0;
  std::string message;
  bool simulated = false;  ///< dry_run: nothing was sent
  bool operator==(const LegResult&) const = default;
};

enum class LadderStatus : std::uint8_t { simulated, failed, partial, completed };
enum class FillStatus : std::uint8_t { none, partial, full };

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
constexpr std::string_view name_of(FillStatus status) {
  return status == FillStatus::none ? "none" : status == FillStatus::partial ? "partial" : "full";
}

/// Everything one tick executed: a ladder, or the one action of the production policy.
struct ExecutionRecord {
  LadderStatus status = LadderStatus::completed;
  FillStatus fill_status = FillStatus::none;
  bool dry_run = false;
  std::vector<LegResult> legs;
  std::string aborted_reason;  ///< empty: the batch ran to its end
  bool operator==(const ExecutionRecord&) const = default;
};

/// A candidate as the decision record keeps it. Bit p of profile_bits: it passes the filter of training profile p.
struct CandidateRecord {
  std::string symbol, underlying;
  double delta = 0.0, dte = 0.0, premium_usd = 0.0, ivrv = 1.0;
  market::Fixed8 bid, ask;
  double iv = 0.0;
  std::uint32_t profile_bits = 0;
  // what the dataset needs besides, of the same candidate
  double strike = 0.0;
  std::int64_t expiry_ms = 0;
  double rv = 0.0;
  bool ivrv_known = false;
  market::Fixed8 mark;
  double spread_pct = 0.0, open_interest = 0.0;
  bool operator==(const CandidateRecord&) const = default;
};

/// The state part of the decision record, per underlying.
struct UnderlyingRecord {
  std::string underlying;
  double spot = 0.0;  ///< USD
  market::Fixed8 balance, equity;
  double margin_used_pct = 0.0, net_delta = 0.0;
  std::vector<Position> positions;
  double iv = 0.0;
  std::optional<double> rv;
  std::uint32_t rejected_rows = 0;
  bool operator==(const UnderlyingRecord&) const = default;
};

/// One tick: a single proposed action, risk check, final action and execution on top, also for a ladder.
struct DecisionRecord {
  std::uint64_t tick_seq = 0;
  std::string run_id;
  VenueEnvironment environment = VenueEnvironment::paper;
  DecisionSource decision_source = DecisionSource::rule_based;
  std::string policy_version;
  std::int64_t timestamp_ms = 0;
  std::vector<UnderlyingRecord> underlyings;
  std::vector<CandidateRecord> candidates;
  std::vector<Action> ladder;  ///< the training actions, denied ones too; empty outside training
  Action proposed_action;      ///< ActionType::training_ladder over `ladder`, or the single action
  RiskCheck risk_check;
  Action final_action;
  std::optional<Action> shadow_action;  ///< the LLM's proposal that was only logged
  ExecutionRecord execution;
  std::string error;                                   ///< why the state could not be built; empty otherwise
  std::shared_ptr<const std::string> config_snapshot;  ///< JSON text of the settings, made once per run; null: empty object
};

/// Settlement of one expired position.
struct SettlementRecord {
  Settlement settlement;
  bool operator==(const SettlementRecord&) const = default;
};

/// The agent started. `run_id` is made once per log directory; `tick_seq` is the number of the first tick of this start.
struct StartRecord {
  std::string run_id;
  std::string account;  ///< as in the labels
  VenueEnvironment environment = VenueEnvironment::paper;
  std::uint64_t tick_seq = 0;
  double equity_usd = 0.0;  ///< at the start: the drawdown that kills is measured from here
  bool operator==(const StartRecord&) const = default;
};

/// The log and the venue were compared and something was adopted from the venue (auto_heal) or stopped the agent (halt).
struct ReconcileRecord {
  std::uint64_t tick_seq = 0;
  std::string symbol;                   ///< empty where an order is meant
  std::string label, order_id;          ///< of an order; empty where a position is meant
  market::Fixed8 log_size, venue_size;  ///< contracts, < 0 short
  bool adopted = false;                 ///< the venue's figure holds from here on
  std::string message;
  bool operator==(const ReconcileRecord&) const = default;
};

/// Something went wrong that ended one tick, not the agent.
struct ErrorRecord {
  std::uint64_t tick_seq = 0;
  std::string where, message;
  bool alarm = false;  ///< a person has to look: orders are left open after a kill
  bool operator==(const ErrorRecord&) const = default;
};

/// The kill switch latched.
struct KillRecord {
  std::uint64_t tick_seq = 0;
  std::string reason;  ///< setting, operator, attestation, drawdown, log, duplicate_label, internal
  std::string message;
  bool operator==(const KillRecord&) const = default;
};

/// The first start after an operator removed the latch.
struct KillReleasedRecord {
  std::string run_id;
  std::string reason;  ///< of the kill that was released
  bool operator==(const KillReleasedRecord&) const = default;
};

/// The agent ended by itself.
struct StopRecord {
  std::string run_id;
  std::uint64_t tick_seq = 0;  ///< the next one
  std::string reason;
  bool operator==(const StopRecord&) const = default;
};

}  // namespace rlx::options

#endif  // RLX_OPTIONS_RECORDS_HPP
