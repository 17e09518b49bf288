// SPDX-License-Identifier: MIT
#include "commands.hpp"
#include "market.hpp"
#include "session.hpp"

#include <rlx/core/clock.hpp>
#include <rlx/options/paper_venue.hpp>

#include <limits>

namespace app {
namespace {

constexpr std::uint64_t default_ticks = 288;  // a day of five minutes each

/// Paper: a venue whose time stands at a snapshot of the chain; a tick at the first snapshot of each interval.
template <class Chain>
int run_paper(const Options& o, Agent& a, const Chain& chain) {
  rlx::ManualClock clock(0);
  opt::PaperVenue<Chain> venue(chain, clock, {.underlyings = a.settings.underlyings});
  const auto next = [&](auto& agent, opt::TickReport& stopped) {
    const std::int64_t due = agent.next_tick_ms();
    do {
      if (venue.at_end()) return false;
      // Orders whose time is over go before the next quotes come.
      const std::int64_t quotes_ms = chain.ts_ms(venue.snapshot() + 1);
      const auto poll = agent.next_poll_ms();
      if (poll && *poll < quotes_ms) {
        clock.set_ms(std::max(clock.now_ms(), *poll));
        stopped = agent.poll();
        if (stopped.stop != opt::StopCause::none) return false;
      }
      venue.advance();
    } while (clock.now_ms() < due && !interrupted);
    return true;
  };
  return run_session(
      o, a, venue, clock, "paper", true, [&](const std::string& underlying) { return earlier_index(chain, underlying); }, next);
}

}  // namespace

int run(const Options& options) {
  Options o = options;
  Agent agent = load_agent(o);
  if (o.venue == "testnet") {
    if (agent.settings.deribit_env != "testnet") {
      throw opt::SafetyError(fmt::format("this program trades on testnet only; DERIBIT_BASE_URL is '{}' and DERIBIT_ENV '{}'",
                                         opt::HostPolicy::without_user_info(agent.settings.deribit_base_url),
                                         agent.settings.deribit_env));
    }
    return run_testnet(o, agent);
  }
  opt::SyntheticChainConfig config;
  config.step_ms = 60'000;
  if (o.chain.empty()) {
    if (o.ticks == 0) o.ticks = default_ticks;
    const double steps = o.step_minutes > 0.0 ? o.step_minutes : 1.0;
    const double per_tick = std::max(static_cast<double>(agent.settings.loop_interval_sec) / (60.0 * steps), 1.0);
    config.snapshots = static_cast<std::size_t>((static_cast<double>(o.ticks) + 1.0) * per_tick) + 1;
  } else {
    // Recorded rows are as fresh as they ever get.
    agent.settings.max_quote_age_ms = agent.settings.max_chain_age_ms = std::numeric_limits<int>::max();
  }
  const Market market = load_market(o, agent.settings, config);
  if (!o.quiet) fmt::print("{}\n", describe(market));
  return std::visit([&](const auto& chain) { return run_paper(o, agent, chain); }, market);
}

}  // namespace app
