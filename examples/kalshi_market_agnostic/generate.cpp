// SPDX-License-Identifier: MIT
#include "commands.hpp"
#include "recordings.hpp"

#include <rlx/core/hash.hpp>
#include <rlx/io/iso8601.hpp>

#include <fmt/format.h>

#include <utility>

namespace app {

int generate(const Options& o) {
  if (!o.store.empty()) {
    require_stores(o.store);
    if (const std::size_t found = stored_sessions(o.store); found > 0) {
      throw rlx::DataError(fmt::format(
          "--store {}: expected a new file, found one with {} sessions; the sessions of every seed have the same numbers and "
          "tickers",
          o.store, found));
    }
  }
  std::vector<Session> sessions;
  for (kalshi::SyntheticSession& made : kalshi::generate_sessions(o.synthetic(), o.data_seed))
    sessions.push_back(std::move(made.session));
  std::size_t markets = 0, events = 0;
  rlx::Sha256 hash;
  for (const Session& session : sessions) {
    markets += session->markets().size();
    events += session->events();
    hash.update(session->sha256());
  }
  if (!o.store.empty()) save_sessions(o.store, sessions);
  if (!o.quiet) {
    fmt::print("sessions   {}, one event each, {} to {}\nmarkets    {}\nevents     {}\nsha256     {}\n", sessions.size(),
               rlx::io::format_time_ms(sessions.front()->start_us() / 1000),
               rlx::io::format_time_ms(sessions.back()->end_us() / 1000), markets, events, hash.hex());
  }
  fmt::print("{}\n", o.store.empty() ? std::string("nothing written: give --store to keep them")
                                     : fmt::format("{} sessions written to {}", sessions.size(), o.store));
  return 0;
}

}  // namespace app
