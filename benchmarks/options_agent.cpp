// SPDX-License-Identifier: MIT
/// @file
/// @brief The agent end to end: one tick of a training ladder on the paper venue, and the replay of a whole series.
///
/// Usage: options_agent [folder for the log, default /dev/shm] [files of recorded chains and of index samples]
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <rlx/core/clock.hpp>
#include <rlx/io/append_file.hpp>
#include <rlx/io/gzip.hpp>
#include <rlx/options/agent_loop.hpp>
#include <rlx/options/recorded_chain.hpp>
#include <rlx/options/replay.hpp>
#include <rlx/options/synthetic_chain.hpp>

#include "common.hpp"

namespace {

using namespace rlx::options;

Settings training() {
  Settings settings;
  settings.training_mode = true;
  settings.order_style = OrderStyle::take_bid;
  settings.dry_run = false;
  return settings;
}

/// Snapshots that were made before: what a tick costs is then the agent's and the venue's.
class LoadedChain {
 public:
  explicit LoadedChain(const SyntheticChain& chain) : chain_(&chain), snapshots_(2 * chain.size()) {
    for (std::size_t i = 0; i < chain.size(); ++i) {
      chain.load(i, "BTC", snapshots_[2 * i]);
      chain.load(i, "ETH", snapshots_[2 * i + 1]);
    }
  }
  std::size_t size() const { return chain_->size(); }
  std::int64_t ts_ms(std::size_t i) const { return chain_->ts_ms(i); }
  std::span<const Instrument> instruments(std::size_t i, std::string_view ccy) const { return chain_->instruments(i, ccy); }
  IndexPoint index_at(std::int64_t ts_ms, std::string_view ccy) const { return chain_->index_at(ts_ms, ccy); }
  void load(std::size_t i, std::string_view ccy, ChainSnapshot& snapshot) const {
    snapshot = snapshots_[2 * i + (ccy == "ETH" ? 1 : 0)];
  }

 private:
  const SyntheticChain* chain_;
  std::vector<ChainSnapshot> snapshots_;
};

/// Ticks of ten legs: every one is a session of its own, since a second tick would find the caps used up.
template <ChainSource S>
void measure_tick(const char* name, const std::string& folder, const S& chain) {
  rlx::io::PosixFiles files;
  std::vector<double> seconds;
  std::size_t legs = 0;
  for (int run = 0; run < 30; ++run) {
    std::filesystem::remove_all(folder);
    const Settings settings = training();
    rlx::ManualClock clock(0);
    PaperVenue<S> venue(chain, clock);
    for (int i = 0; i < run; ++i) venue.advance();
    auto log = DecisionLog<rlx::io::PosixFiles>::open(folder, files);
    LogWriter<rlx::io::PosixFiles, rlx::ManualClock> writer(log, clock, false);
    KillSwitch<rlx::io::PosixFiles> kill(folder, files);
    LadderAgent<PaperVenue<S>, decltype(writer), LadderPolicies<>, rlx::ManualClock, rlx::io::PosixFiles> agent(
        venue, writer, kill, settings, {}, clock, "bench");
    agent.start({});
    const double start = bench::cpu_seconds();
    const TickReport tick = agent.run_tick();
    seconds.push_back(bench::cpu_seconds() - start);
    legs += tick.decision.execution.legs.size();
  }
  bench::print(name, 1e3 * bench::median(seconds), "ms", bench::member("legs", static_cast<double>(legs) / 30.0));
}

template <class Make>
void measure_replay(const std::string& folder, Make&& make) {
  std::filesystem::remove_all(folder);
  rlx::io::PosixFiles files;
  const double start = bench::cpu_seconds();
  const auto chain = make();
  const ReplayReport report = replay(chain, training(), LadderPolicies<>{}, folder, files);
  bench::print("options_agent_replay", bench::cpu_seconds() - start, "s",
               bench::member("ticks", static_cast<double>(report.ticks)) + ", " +
                   bench::member("legs", static_cast<double>(report.legs)));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string folder = std::string(argc > 1 ? argv[1] : "/dev/shm") + "/rlx_options_agent_" + std::to_string(::getpid());
  const std::vector<std::string> paths(argv + std::min(argc, 2), argv + argc);
  if (paths.empty()) {
    measure_replay(folder, [] { return SyntheticChain(); });
  } else {
    measure_replay(folder, [&] {
      return load_recorded_chain(paths, {}, [](const std::string& path) { return rlx::io::gunzip_file(path); });
    });
  }
  ::rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  bench::print("options_agent_replay_memory", static_cast<double>(usage.ru_maxrss) / 1024.0, "MiB");
  const SyntheticChain chain({.snapshots = 60});
  measure_tick("options_agent_tick", folder, LoadedChain(chain));
  measure_tick("options_agent_tick_with_synthesis", folder, chain);
  std::filesystem::remove_all(folder);
}
