// SPDX-License-Identifier: MIT
/// @file
/// @brief Runs the agent over a whole series of chains on the paper venue, as fast as the machine allows.
#ifndef RLX_OPTIONS_REPLAY_HPP
#define RLX_OPTIONS_REPLAY_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include <rlx/core/clock.hpp>
#include <rlx/core/error.hpp>
#include <rlx/io/append_file.hpp>
#include <rlx/options/agent_loop.hpp>
#include <rlx/options/chain.hpp>
#include <rlx/options/decision_log.hpp>
#include <rlx/options/kill_switch.hpp>
#include <rlx/options/paper_venue.hpp>
#include <rlx/options/records.hpp>
#include <rlx/options/records_json.hpp>
#include <rlx/options/settings.hpp>

namespace rlx::inline v0_1::options {

/// What a replay is run with, beside settings and policies.
struct ReplayConfig {
  PaperVenueConfig venue;          ///< its underlyings are those of the settings
  std::string account = "replay";  ///< name of the account, part of the labels
  IndexHistories indices;          ///< index samples before the first snapshot; those of the replay itself follow
  std::size_t most_snapshots = std::numeric_limits<std::size_t>::max();  ///< ticks at most
};

/// What a replay did, in counts; the log has everything else.
struct ReplayReport {
  std::size_t ticks = 0;             ///< one per snapshot
  std::size_t ladders = 0;           ///< ticks with a training ladder
  std::size_t errors = 0;            ///< ticks that an error ended
  std::size_t legs = 0;              ///< of all ticks
  std::size_t filled = 0;            ///< at least in part
  std::size_t denied = 0;            ///< by the risk check
  StopCause stop = StopCause::none;  ///< none: the data or `most_snapshots` came to an end
  std::string stop_reason;           ///< empty where `stop` is none
};

/**
 * @brief One tick per snapshot, on the paper venue over `source`.
 *
 * Orders take the bid (`order_style` of the settings is not used): with snapshots hours apart the fate of a resting order is
 * not known. Nothing is a dry run, and the log is not flushed to the device. Quotes count as fresh however old a recorded row
 * is. The same source, settings and policies give the same bytes of log.
 * @param source     read from its first snapshot on
 * @param settings   of the agent; order style, dry run and quote ages are set as said above
 * @param policies   of the agent
 * @param directory  of the log, which must be empty of records; made if missing
 * @param files      makes and writes the files of the log
 * @param config     venue, account, index history, number of ticks
 * @param lines      takes what the agent prints; empty: nothing does
 * @throws LogError  the log has records already, or cannot be written
 * @throws SafetyError, ConfigError  as LadderAgent::start
 */
template <ChainSource S, AgentPolicies P, io::AppendFiles Files>
ReplayReport replay(const S& source, Settings settings, P policies, const std::string& directory, Files& files,
                    ReplayConfig config = {}, LineSink lines = {}) {
  settings.order_style = OrderStyle::take_bid;
  settings.dry_run = false;
  settings.max_quote_age_ms = settings.max_chain_age_ms = std::numeric_limits<int>::max();
  ManualClock clock(0);
  config.venue.underlyings = settings.underlyings;
  PaperVenue<S> venue(source, clock, std::move(config.venue));
  auto log = DecisionLog<Files>::open(directory, files);
  if (log.next_seq() != 0) {
    throw LogError("replay: the log in " + directory + " has records already; a replay needs a folder of its own");
  }
  LogWriter<Files, ManualClock> writer(log, clock, false);
  KillSwitch<Files> kill(directory, files);
  LadderAgent<PaperVenue<S>, LogWriter<Files, ManualClock>, P, ManualClock, Files> agent(
      venue, writer, kill, settings, std::move(policies), clock, config.account, std::move(lines));
  LogHistory history;
  history.indices = std::move(config.indices);
  agent.start(std::move(history));
  ReplayReport report;
  for (bool more = true; more && report.ticks < config.most_snapshots; more = venue.advance()) {
    const TickReport tick = agent.run_tick();
    ++report.ticks;
    report.ladders += tick.decision.ladder.empty() ? 0 : 1;
    report.errors += tick.decision.decision_source == DecisionSource::error ? 1 : 0;
    for (const LegResult& leg : tick.decision.execution.legs) {
      ++report.legs;
      report.filled += leg.filled_amount.sign() > 0 ? 1 : 0;
      report.denied += leg.rejected_by == RejectedBy::risk ? 1 : 0;
    }
    if (tick.stop != StopCause::none) {
      report.stop = tick.stop;
      report.stop_reason = tick.stop_reason;
      return report;
    }
  }
  agent.stop("end of the data");
  return report;
}

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_REPLAY_HPP
