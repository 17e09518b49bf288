// SPDX-License-Identifier: MIT
/// @file
/// @brief One session of the agent on any venue: log and kill switch of its folder, ticks until the end, Ctrl-C or a stop.
#ifndef DERIBIT_LADDER_AGENT_SESSION_HPP
#define DERIBIT_LADDER_AGENT_SESSION_HPP

#include "common/run_main.hpp"
#include "options.hpp"

#include <rlx/io/append_file.hpp>
#include <rlx/io/iso8601.hpp>
#include <rlx/io/number_text.hpp>
#include <rlx/options/agent_loop.hpp>
#include <rlx/options/decision_log.hpp>
#include <rlx/options/kill_switch.hpp>
#include <rlx/options/records_json.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>
#include <utility>

namespace app {

/// What decides outside of training: rules, or a model with the rules behind it.
struct ProductionPolicy {
  std::function<opt::ProductionDecision(const opt::AgentState&, const opt::Settings&, rlx::RandomStream&)> decide_action;

  opt::ProductionDecision decide(const opt::AgentState& state, const opt::Settings& settings, rlx::RandomStream& random) const {
    return decide_action ? decide_action(state, settings, random) : opt::RulePolicies().decide(state, settings, random);
  }
};

/// With LLM_ENABLED the model over HTTPS. @throws ConfigError in a build without it
ProductionPolicy production_policy(const Agent& agent);

inline opt::LineSink line_sink(const Options& o) {
  if (o.quiet) return {};
  return [](std::string_view line) { fmt::print("{}\n", line); };
}

/// One line: when, who decided, what became of it.
inline void print_tick(const Options& o, const opt::TickReport& tick) {
  if (o.quiet) return;
  const opt::DecisionRecord& d = tick.decision;
  std::string text = fmt::format("{}  tick {:>4}  {}", rlx::io::format_time_ms(d.timestamp_ms), tick.tick_seq,
                                 opt::name_of(d.decision_source));
  if (d.ladder.empty()) {
    text += fmt::format("  {} {}", opt::name_of(d.final_action.type), d.final_action.symbol);
  } else {
    const auto count = [&](auto&& is) { return std::count_if(d.execution.legs.begin(), d.execution.legs.end(), is); };
    text += fmt::format("  {} legs, {} filled, {} resting, {} denied, {}", d.ladder.size(),
                        count([](const opt::LegResult& leg) { return leg.filled_amount.sign() > 0; }),
                        count([](const opt::LegResult& leg) { return leg.state == opt::LegState::resting; }),
                        count([](const opt::LegResult& leg) { return leg.rejected_by == opt::RejectedBy::risk; }),
                        opt::name_of(d.execution.status));
  }
  for (const opt::UnderlyingRecord& one : d.underlyings)
    text += fmt::format("  {} {} ({} open)", one.equity.to_string(), one.underlying, one.positions.size());
  if (!d.error.empty()) text += "  error: " + d.error;
  fmt::print("{}\n", text);
  std::fflush(stdout);
}

/**
 * @brief Runs the agent until `next` has no further tick, the ticks are done, Ctrl-C, or something stops it.
 * @param earlier  gives index samples before the start for an underlying, in place of the few that the log has; none: empty
 * @param is_new   the venue begins anew, so the log must too
 * @param next     (agent) -> bool: waits for the next tick; false ends the session
 * @return the exit code
 * @throws what DecisionLog::open and LadderAgent::start do
 */
template <class V, class C, class Earlier, class Next>
int run_session(const Options& o, Agent& a, V& venue, C& clock, const std::string& account, bool is_new, Earlier&& earlier,
                Next&& next) {
  const opt::Settings& settings = a.settings;
  rlx::io::PosixFiles files;
  auto log = opt::DecisionLog<rlx::io::PosixFiles>::open(settings.log_dir, files);
  opt::KillSwitch<rlx::io::PosixFiles> kill(settings.log_dir, files);
  kill.require_released();
  if (is_new && log.next_seq() != 0) {
    throw opt::LogError(fmt::format("{} has records of another market already; every paper run needs a --log-dir of its own",
                                    settings.log_dir));
  }
  if (log.torn()) fmt::print("log: an unfinished line was moved away from {}\n", log.torn()->file);
  opt::LogHistory history = opt::read_history(opt::LogReader(settings.log_dir));
  opt::LogWriter<rlx::io::PosixFiles, C> writer(log, clock);
  using Policies = opt::LadderPolicies<ProductionPolicy>;
  opt::LadderAgent<V, decltype(writer), Policies, C, rlx::io::PosixFiles> agent(
      venue, writer, kill, settings, Policies{a.profiles, {}, production_policy(a)}, clock, account, line_sink(o));
  agent.start(std::move(history));
  // Not before the start: a venue that proves to be another one there latches the kill switch.
  for (const std::string& underlying : settings.underlyings) {
    opt::IndexHistory index = earlier(underlying);
    if (!index.empty()) agent.indices()[underlying] = std::move(index);
  }
  if (!o.quiet) {
    fmt::print("{}, {}, dry_run {}; {} of {}, log {}\n", opt::name_of(venue.environment()),
               settings.is_training_on_testnet() ? "training ladder" : "production rules (TRAINING_MODE=on trains)",
               settings.dry_run ? "on" : "off", agent.run_id(), account, settings.log_dir);
  }
  const auto stopped = [&](const opt::TickReport& tick) {
    if (tick.stop == opt::StopCause::none) return false;
    const char* const kinds[] = {"", "", "", "kill switch", "attestation", "reconciliation", "log"};
    fmt::print(stderr, "deribit_ladder_agent: {}: {}\n", kinds[static_cast<std::size_t>(tick.stop)], tick.stop_reason);
    return true;
  };
  std::uint64_t ticks = 0;
  for (bool more = true; more && !interrupted;) {
    const opt::TickReport tick = agent.run_tick();
    ++ticks;
    print_tick(o, tick);
    if (stopped(tick)) return static_cast<int>(tick.stop);
    if (o.ticks != 0 && ticks == o.ticks) break;
    opt::TickReport between;
    more = next(agent, between);
    if (stopped(between)) return static_cast<int>(between.stop);
  }
  const auto resting = [&] {
    return std::count_if(agent.book().legs().begin(), agent.book().legs().end(), [](const opt::BookedLeg& leg) {
      return leg.state == opt::LegState::resting || leg.state == opt::LegState::partial;
    });
  };
  const auto before = resting();
  agent.stop(interrupted ? "interrupted" : "end of the run");
  fmt::print("stopped after {} ticks{}; {} resting orders cancelled{}; log {}\n", ticks, interrupted ? " (interrupted)" : "",
             before - resting(), resting() > 0 ? fmt::format(", {} left", resting()) : "", settings.log_dir);
  return 0;
}

/// The session on Deribit's testnet. @throws ConfigError in a build without HTTPS; SafetyError unless all is testnet
int run_testnet(const Options& o, Agent& agent);

}  // namespace app

#endif  // DERIBIT_LADDER_AGENT_SESSION_HPP
