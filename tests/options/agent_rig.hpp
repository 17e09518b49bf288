// SPDX-License-Identifier: MIT
/// @file
/// @brief An agent over the fake venue and files in memory, which can be ended anywhere and started again.
#ifndef RLX_TESTS_OPTIONS_AGENT_RIG_HPP
#define RLX_TESTS_OPTIONS_AGENT_RIG_HPP

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <rlx/options/agent_loop.hpp>

#include "options/fake_venue.hpp"
#include "options/memory_files.hpp"

namespace rlx_test {

/// Settings that trade on the fake venue.
inline rlx::options::Settings rig_settings(bool training) {
  rlx::options::Settings settings;
  settings.training_mode = training;
  settings.dry_run = false;
  settings.research_range.ivrv_min = 0.0;
  settings.range.ivrv_min = 0.0;
  settings.liquidity_max_spread_pct = 100.0;
  return settings;
}

/// Writer, kill switch and agent of one start; all three go with the process.
template <class Policies>
class AgentRig {
 public:
  using Files = MemoryFiles;
  using Log = rlx::options::DecisionLog<Files>;
  using Writer = rlx::options::LogWriter<Files, rlx::ManualClock>;
  using Agent = rlx::options::LadderAgent<FakeVenue, Writer, Policies, rlx::ManualClock, Files>;

  AgentRig(rlx::ManualClock& clock, FakeVenue& venue, Files& files, const rlx::options::Settings& settings, Policies policies = {},
           rlx::options::LineSink lines = {}, bool durable = true)
      : settings_(settings),
        log_(Log::open("log", files)),
        writer_(log_, clock, durable),
        kill_("log", files),
        agent_(venue, writer_, kill_, settings_, std::move(policies), clock, "acct-7", std::move(lines)),
        files_(files) {}

  void start() { agent_.start(rlx::options::read_history(rlx::options::LogReader("log", files_))); }
  Agent& agent() { return agent_; }
  rlx::options::KillSwitch<Files>& kill() { return kill_; }
  rlx::options::Settings& settings() { return settings_; }

 private:
  rlx::options::Settings settings_;
  Log log_;
  Writer writer_;
  rlx::options::KillSwitch<Files> kill_;
  Agent agent_;
  Files& files_;
};

using LadderRig = AgentRig<rlx::options::LadderPolicies<>>;

/// All bytes of the log.
inline std::string log_text(const MemoryFiles& files) {
  std::string text;
  for (const std::string& path : files.paths()) {
    if (path.ends_with(".jsonl")) text += files.text(path);
  }
  return text;
}

}  // namespace rlx_test

#endif  // RLX_TESTS_OPTIONS_AGENT_RIG_HPP
