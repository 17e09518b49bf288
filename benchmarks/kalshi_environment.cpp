// SPDX-License-Identifier: MIT
/// @file
/// @brief Speed of the Kalshi environment alone on one core: step, mask and 52 features with random legal actions on synthetic
/// views, resets included; and replay of deltas through the fill model. Medians of 5 runs, processor time. And what an event of
/// a session, a decision group of a view and an environment take of the heap.
///
/// Usage: kalshi_environment [steps per run, default 2000000]
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/kalshi/environment.hpp>
#include <rlx/kalshi/session_builder.hpp>
#include <rlx/kalshi/synthetic_session.hpp>

#include "counted_memory.hpp"

namespace {

using namespace rlx::kalshi;

double cpu_seconds() {
  std::timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// f runs once and gives how many units it has done.
template <class F>
void report(const std::string& name, const char* unit, F&& f) {
  std::array<double, 5> rates{};
  for (double& rate : rates) {
    const double start = cpu_seconds();
    const auto units = static_cast<double>(f());
    rate = units / (cpu_seconds() - start);
  }
  std::sort(rates.begin(), rates.end());
  std::printf("{\"name\": \"kalshi environment: %s\", \"value\": %.3f, \"unit\": \"million %s/s\"}\n", name.c_str(),
              rates[2] / 1e6, unit);
  std::fflush(stdout);
}

// `acting`: share of the steps with an action uniform over the mask; HOLD else.
std::uint64_t run(MarketAgnosticKalshiEnv& env, std::uint64_t steps, double acting) {
  rlx::RandomStream random(rlx::StreamId{.seed = 3, .purpose = rlx::Purpose::action});
  std::array<float, feature_count> row{};
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(env.action_space().n));
  std::uint64_t episode = 0;
  bool ended = true;
  for (std::uint64_t step = 0; step < steps; ++step) {
    if (ended) {
      env.set_source(episode % env.num_sources());
      env.reset(episode++, row);
    }
    env.action_masks(mask);
    std::int32_t action = 0;
    if (acting >= 1.0 || random.uniform<float>() < static_cast<float>(acting)) {
      const auto legal = static_cast<std::uint64_t>(std::count(mask.begin(), mask.end(), std::uint8_t{1}));
      auto left = static_cast<std::int64_t>(random.bounded(legal));
      while (mask[static_cast<std::size_t>(action)] == 0 || left-- > 0) ++action;
    }
    const rlx::Transition t = env.step(std::span(&action, 1), row);
    ended = t.terminated || t.truncated;
  }
  return steps;
}

// Deltas through the fill model with one order always at work and liquidity taken now and then.
std::uint64_t replay(const ViewSet& views) {
  OrderBook book(TickGrid::deci_cent);
  FillModel model;
  std::uint64_t deltas = 0;
  const auto take = [](const FillOffer& offer) { return offer.count; };
  const auto send = [&](BookSlot slot, std::optional<Price> price, Count count, Micros now) {
    if (!price || model.slot(slot).live()) return;
    Message message;
    message.slot = slot;
    message.price = *price;
    message.count = count;
    message.sent_us = message.arrives_us = now;
    model.send(message);
  };
  for (const MarketSessionView& view : views.views()) {
    book.reset(view.market().grid);
    model.reset(view.market().grid, true);
    const EventColumns columns = view.events();
    for (std::size_t k = 0; k < view.length(); ++k) {
      const Micros now = view.group_time_us(k);
      for (std::size_t i = view.group_begin(k); i < view.group_end(k); ++i) {
        model.on_event(book, columns.row(i), take);
        ++deltas;
      }
      if (k % 16 == 0) send(BookSlot::bid, book.best_bid(), contracts(1'000), now);
      if (k % 64 == 0) send(BookSlot::ask, book.best_bid(), contracts(1), now);
      model.advance(book, now + 1, take);
    }
  }
  return deltas;
}

// One market with an event a second.
std::shared_ptr<const SessionData> long_session(std::size_t events) {
  SessionBuilder builder;
  const std::size_t market = builder.market("KXLONG-25DEC16-B1");
  constexpr Micros start = 1'765'800'000'000'000;
  builder.append(market, {start, EventKind::book_clear, 0, 0});
  builder.append(market, {start, EventKind::level_set_yes, 4'500, 1'000});
  builder.append(market, {start, EventKind::level_set_no, 5'500, 1'000});
  for (std::size_t i = 3; i < events; ++i) {
    const Price price = static_cast<Price>(3'000 + 100 * (i % 10));
    builder.append(market, {start + static_cast<Micros>(i) * 1'000'000, EventKind::level_delta_yes, price, 100});
  }
  return builder.finish();
}

// Further bytes for each further event or group, and the bytes of one environment of several on shared views.
void report_memory(const std::shared_ptr<const ViewSet>& views) {
  const auto print = [](const char* name, double value, const char* unit) {
    std::printf("{\"name\": \"kalshi memory: %s\", \"value\": %.4g, \"unit\": \"%s\"}\n", name, value, unit);
  };
  constexpr std::size_t events = 100'000;
  std::array<double, 2> session{}, view{}, groups{};
  for (std::size_t i = 0; i < 2; ++i) {
    const std::size_t before = bench::live_bytes;
    const auto data = long_session((i + 1) * events);
    session[i] = static_cast<double>(bench::live_bytes - before);
    const std::size_t with_session = bench::live_bytes;
    const auto one = MarketSessionView::create(data, data->markets()[0].ticker);
    view[i] = static_cast<double>(bench::live_bytes - with_session);
    groups[i] = static_cast<double>(one->length());
  }
  print("event of a session", (session[1] - session[0]) / events, "bytes");
  print("decision group of a view", (view[1] - view[0]) / (groups[1] - groups[0]), "bytes");

  constexpr std::size_t environments = 8;
  std::vector<MarketAgnosticKalshiEnv> list;
  const std::size_t before = bench::live_bytes;
  list.reserve(environments);
  for (std::size_t i = 0; i < environments; ++i) {
    list.emplace_back(views);
    run(list.back(), 10'000, 1.0);
  }
  print("environment", static_cast<double>(bench::live_bytes - before) / environments / 1024, "KiB");
}

std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(std::min(line.find(':') + 2, line.size()));
  }
  return "unknown";
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t steps = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 2'000'000;
  std::printf("{\"processor\": \"%s\", \"compiler\": \"%s\"}\n", processor().c_str(), __VERSION__);
  std::vector<MarketSessionView> list;
  for (const SyntheticSession& session : generate_sessions()) append_views(session.session, ViewFilter{}, list);
  const auto views = std::make_shared<const ViewSet>(std::move(list));

  MarketAgnosticKalshiEnv five(views);
  KalshiEnvConfig config;
  config.layout = ActionLayout::extended();
  MarketAgnosticKalshiEnv extended(views, config);
  report("five actions, uniform over legal", "steps", [&] { return run(five, steps, 1.0); });
  report("five actions, a third of the steps", "steps", [&] { return run(five, steps, 1.0 / 3.0); });
  report("five actions, hold", "steps", [&] { return run(five, steps, 0.0); });
  report("extended layout, uniform over legal", "steps", [&] { return run(extended, steps, 1.0); });
  report("replay with a working order and consumption", "deltas", [&] { return replay(*views); });
  report_memory(views);
}
