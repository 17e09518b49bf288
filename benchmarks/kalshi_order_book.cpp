// SPDX-License-Identifier: MIT
/// @file
/// @brief Deltas per second of the Kalshi order book, replayed from columns in memory on one core; medians of 5 runs of 4
/// million.
///
/// The events keep a book of a few dozen levels around a wandering price: most change the size of a level, a fifth add or empty
/// one, one in 10,000 is a snapshot. "figures" reads best prices, crossing and totals after every event.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <string>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/kalshi/order_book.hpp>

namespace {

using namespace rlx::kalshi;

constexpr std::size_t n_events = 4'000'000;

struct Columns {
  std::vector<Micros> ts_us;
  std::vector<EventKind> kind;
  std::vector<Price> price;
  std::vector<Count> count;

  EventColumns view() const { return {ts_us, kind, price, count}; }
  void push(EventKind what, Price at, Count size) {
    ts_us.push_back(static_cast<Micros>(ts_us.size()) * 1'000);
    kind.push_back(what);
    price.push_back(at);
    count.push_back(size);
  }
};

// Deltas that are right for the book they meet: a level is emptied by exactly its size.
Columns make_events(TickGrid grid) {
  rlx::RandomStream random(rlx::StreamId{.seed = 7, .purpose = rlx::Purpose::user});
  const auto below = [&](int n) { return static_cast<int>(random.bounded(static_cast<std::uint64_t>(n))); };
  Columns events;
  OrderBook book(grid);
  int middle = tick_count(grid) / 2;
  while (events.ts_us.size() < n_events) {
    const std::size_t first = events.ts_us.size();
    if (below(10'000) == 0) {
      events.push(EventKind::book_clear, 0, 0);
      for (const BookSide side : {BookSide::yes, BookSide::no}) {
        book.for_each_level(side, max_tick_count, [&](Price price, Count size) {
          events.push(side == BookSide::yes ? EventKind::level_set_yes : EventKind::level_set_no, price, size);
        });
      }
    } else {
      if (below(50) == 0) middle = std::clamp(middle + below(3) - 1, 30, tick_count(grid) - 31);
      const bool yes = below(2) == 0;
      const int distance = 1 + std::min(below(25), below(25));
      const Price price = tick_price(grid, yes ? middle - distance : middle + distance);
      const Count held = book.size_at(yes ? BookSide::yes : BookSide::no, price);
      const Count change = held > 0 && below(10) == 0 ? -held : held > 200 && below(2) == 0 ? -below(200) : 1 + below(5'000);
      events.push(yes ? EventKind::level_delta_yes : EventKind::level_delta_no, price, change);
    }
    for (std::size_t i = first; i < events.ts_us.size(); ++i) book.apply(events.view().row(i));
  }
  return events;
}

template <class F>
void report(const std::string& name, std::size_t events, F&& run) {
  std::array<double, 5> rates{};
  Count check = 0;
  for (double& rate : rates) {
    const std::clock_t start = std::clock();  // processor time: what other programs take does not count
    check += run();
    rate = static_cast<double>(events) * CLOCKS_PER_SEC / static_cast<double>(std::clock() - start);
  }
  std::sort(rates.begin(), rates.end());
  std::printf("{\"name\": \"kalshi order book: %s\", \"value\": %.1f, \"unit\": \"million deltas/s\", \"check\": %lld}\n",
              name.c_str(), rates[2] / 1e6, static_cast<long long>(check));
}

std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(std::min(line.find(':') + 2, line.size()));
  }
  return "unknown";
}

}  // namespace

int main() {
  std::printf("{\"processor\": \"%s\", \"compiler\": \"%s\"}\n", processor().c_str(), __VERSION__);
  for (const TickGrid grid : {TickGrid::linear_cent, TickGrid::deci_cent, TickGrid::tapered_deci_cent}) {
    const Columns columns = make_events(grid);
    const EventColumns events = columns.view();
    const std::string name(tick_grid_name(grid));
    OrderBook book(grid);
    report(name + ", replay", events.size(), [&] {
      book.reset(grid);
      for (std::size_t i = 0; i < events.size(); ++i) book.apply(events.row(i));
      return book.total(BookSide::yes);
    });
    report(name + ", replay with figures", events.size(), [&] {
      book.reset(grid);
      Count sum = 0;
      for (std::size_t i = 0; i < events.size(); ++i) {
        book.apply(events.row(i));
        sum += book.best_bid().value_or(0) + book.best_ask().value_or(0) + book.total(BookSide::yes) +
               book.total(BookSide::no) + (book.crossed() ? 1 : 0);
      }
      return sum;
    });
  }
}
