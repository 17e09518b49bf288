// SPDX-License-Identifier: MIT
/// @file
/// @brief The switch that stops all trading and stays on over restarts until an operator removes its file.
#ifndef RLX_OPTIONS_KILL_SWITCH_HPP
#define RLX_OPTIONS_KILL_SWITCH_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/io/append_file.hpp>
#include <rlx/io/iso8601.hpp>
#include <rlx/io/state_file.hpp>
#include <rlx/options/error.hpp>
#include <rlx/options/venue.hpp>
#include <rlx/risk/kill_latch.hpp>

namespace rlx::inline v0_1::options {

/// What latches the switch, as KillRecord::reason has it.
namespace kill_reason {
inline constexpr std::string_view setting = "setting";                  ///< kill_switch_enabled
inline constexpr std::string_view operator_file = "operator";           ///< the file KILL in the state directory
inline constexpr std::string_view attestation = "attestation";          ///< the venue is not the configured one
inline constexpr std::string_view drawdown = "drawdown";                ///< hard_max_drawdown_pct since the start
inline constexpr std::string_view log = "log";                          ///< a record could not be made durable
inline constexpr std::string_view duplicate_label = "duplicate_label";  ///< more than one order carries one label
inline constexpr std::string_view internal = "internal";                ///< a transition or a reply that cannot be
}  // namespace kill_reason

/// Why a kill switch latched, as the kill record has it; empty: it did not.
struct KillCause {
  std::string reason;   ///< one of kill_reason
  std::string message;  ///< for people; may be empty
};

/// Whether the equity has fallen by at least `limit_pct` since the start. An equity that is not known, or a limit that is not a
/// number, counts as fallen. `limit_pct` is in percent, e.g. hard_max_drawdown_pct.
inline bool is_drawdown_reached(double start_equity, double equity, double limit_pct) noexcept {
  const double lost_pct = (start_equity - equity) / start_equity * 100.0;
  return !(start_equity > 0.0 && lost_pct < limit_pct);
}

/**
 * @brief The latch in the state directory: `kill.latch`, written once, removed by hand only; and `KILL`, the operator's
 * request.
 *
 * Beside the latch stands `kill.unlogged` until the decision log has the kill record: where the log itself failed, or the
 * process ended first, the next start finds there what its log does not tell.
 *
 * @tparam Files  io::PosixFiles; tests pass one with faults
 */
template <io::AppendFiles Files = io::PosixFiles>
class KillSwitch {
 public:
  static constexpr std::string_view latch_name = "kill.latch";        ///< file that is the latch
  static constexpr std::string_view operator_name = "KILL";           ///< file that asks for a stop by being there
  static constexpr std::string_view unlogged_name = "kill.unlogged";  ///< file with what the log does not have yet

  /// @param directory  exists; @param files  must outlive this object
  KillSwitch(const std::string& directory, Files& files)
      : files_(&files),
        record_(directory + '/' + std::string(latch_name), files),
        operator_path_(directory + '/' + std::string(operator_name)),
        unlogged_path_(directory + '/' + std::string(unlogged_name)),
        latch_(record_) {}
  KillSwitch(const KillSwitch&) = delete;
  KillSwitch& operator=(const KillSwitch&) = delete;

  /// From the first `latch`, or a latch found at the start; for the life of this object.
  bool is_latched() const noexcept { return latch_.latched(); }
  /// Time, reason and message of the first latch, as the file has them.
  const std::string& reason() const noexcept { return latch_.reason(); }
  /// Where the latch is; to be removed by hand.
  const std::string& latch_path() const noexcept { return record_.path(); }
  /// Where the operator's request is looked for.
  const std::string& operator_path() const noexcept { return operator_path_; }

  /// Whether the operator asks for a stop now.
  bool is_requested() const { return files_->exists(operator_path_) != 0; }

  /// Reason and message of a kill that the decision log has no record of; empty: there is none.
  std::optional<KillCause> unlogged() const {
    if (files_->exists(unlogged_path_) == 0) return {};
    std::string text;
    if (files_->read(unlogged_path_, text) != 0)
      return KillCause{std::string(kill_reason::log), "unreadable " + unlogged_path_};
    while (text.ends_with('\n')) text.pop_back();
    const std::size_t colon = text.find(": ");
    return KillCause{text.substr(0, colon), colon == std::string::npos ? std::string() : text.substr(colon + 2)};
  }
  /// The kill record is durable. Never throws: what cannot be removed is found, and removed, by the next start.
  void logged() {
    if (files_->exists(unlogged_path_) == 0 || files_->unlink(unlogged_path_) != 0) return;
    files_->sync_directory(io::directory_of(unlogged_path_));
  }

  /// For the start of the agent.
  /// @throws KillSwitchError  latched, or the operator's file is there; says which file to remove
  void require_released() const {
    if (is_latched()) {
      throw KillSwitchError("the kill switch is latched (" + reason() + "): find out why, then remove '" + latch_path() +
                            "' to start");
    }
    if (is_requested()) throw KillSwitchError("'" + operator_path_ + "' asks for a stop: remove it to start");
  }

  /**
   * @brief Latches, in memory first, then durably; see risk::KillLatch. The first reason is kept. Never throws: the next call
   *        writes what the disk refused.
   * @param reason   one of kill_reason
   * @param message  for people; line ends become spaces
   * @param now_ms   UTC ms, for the file
   * @return empty, or what the disk said
   */
  std::string latch(std::string_view reason, std::string_view message, std::int64_t now_ms) {
    std::string cause(reason);
    if (!message.empty()) cause.append(": ").append(message);
    std::replace(cause.begin(), cause.end(), '\n', ' ');
    if (!is_latched()) unwritten_cause_ = cause;
    std::string error = latch_.latch(io::format_time_ms(now_ms) + ' ' + cause);
    if (!error.empty() || unwritten_cause_.empty()) return error;
    try {
      io::replace_file(unlogged_path_, unwritten_cause_ + '\n', *files_);
      unwritten_cause_.clear();
    } catch (const Error& refused) {
      error = refused.what();
    }
    return error;
  }

 private:
  Files* files_;
  io::StateFile<Files> record_;
  std::string operator_path_, unlogged_path_;
  risk::KillLatch<io::StateFile<Files>> latch_;
  std::string unwritten_cause_;  // reason and message of the first latch, until unlogged_path_ holds them
};

/// What `engage` did.
struct KillReport {
  int cancelled = 0;        ///< orders that the venue says it has cancelled
  int tries = 0;            ///< rounds of cancel and query
  bool all_closed = false;  ///< no open order was left at the end; else an alarm record is due
  std::string latch_error;  ///< empty: the latch is on disk
  std::string last_error;   ///< of the last request that was not confirmed
};

/// An own order that is not known to be closed.
struct OwnLabel {
  std::string underlying;  ///< "BTC"
  std::string label;       ///< see make_label
};

/**
 * @brief The effect of the switch, in its order: the latch durable, no new orders (the caller sees `is_latched`), everything
 *        cancelled, then the venue asked until no order is open, five times at most.
 *
 * This is the one case in which orders of others are cancelled. After an attestation mismatch nothing is sent but
 * `cancel_by_label` of the own labels: a cancel of everything might hit a real account, and an answer could not be believed;
 * `all_closed` then says that every one of these was confirmed.
 * Never throws: an exception of the venue counts as a failed request.
 * @param venue        asked to cancel, then for open orders
 * @param kill         latched first
 * @param reason       one of kill_reason
 * @param message      for people
 * @param now_ms       UTC ms, for the latch
 * @param underlyings  whose orders are cancelled
 * @param own_labels   own orders not known to be closed; used after an attestation mismatch only
 * @param wait_ms      called with the milliseconds to wait between two tries
 */
template <Venue V, io::AppendFiles Files, class Wait>
KillReport engage(V& venue, KillSwitch<Files>& kill, std::string_view reason, std::string_view message, std::int64_t now_ms,
                  std::span<const std::string> underlyings, std::span<const OwnLabel> own_labels, Wait&& wait_ms) {
  constexpr int most_tries = 5;
  constexpr std::int64_t pause_ms = 100;
  KillReport report;
  report.latch_error = kill.latch(reason, message, now_ms);
  // Gives the value of a confirmed request; nothing otherwise.
  const auto ask = [&](auto&& request) -> decltype(request().value) {
    try {
      auto outcome = request();
      if (outcome.is_confirmed()) return std::move(outcome.value);
      report.last_error = std::to_string(outcome.code) + ' ' + outcome.message;
    } catch (const std::exception& error) {
      report.last_error = error.what();
    }
    return {};
  };

  if (reason == kill_reason::attestation) {
    std::vector<const OwnLabel*> left;
    for (const OwnLabel& own : own_labels) left.push_back(&own);
    while (!left.empty() && report.tries < most_tries) {
      if (report.tries++ > 0) wait_ms(pause_ms);
      std::vector<const OwnLabel*> failed;
      for (const OwnLabel* const own : left) {
        const std::optional<int> count = ask([&] { return venue.cancel_by_label(own->underlying, own->label); });
        if (count) {
          report.cancelled += *count;
        } else {
          failed.push_back(own);
        }
      }
      left = std::move(failed);
    }
    report.all_closed = left.empty();
    return report;
  }

  while (!report.all_closed && report.tries < most_tries) {
    if (report.tries++ > 0) wait_ms(pause_ms);
    if (const std::optional<int> count = ask([&] { return venue.cancel_all(); })) report.cancelled += *count;
    bool none_open = true;
    for (const std::string& underlying : underlyings) {
      const auto orders = ask([&] { return venue.open_orders(underlying); });
      none_open = none_open && orders && orders->empty();
    }
    report.all_closed = none_open;
  }
  return report;
}

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_KILL_SWITCH_HPP
