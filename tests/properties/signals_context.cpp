// SPDX-License-Identifier: MIT
// The bounded memory against lists, over random sequences of stores.
#include <rlx/signals/recent_context.hpp>

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include <rlx/core/random.hpp>

#include "rlx_catch.hpp"

using namespace rlx::signals;

namespace {

// Lists, searched from end to end.
struct Model {
  std::size_t max;
  std::deque<Signal> signals{};
  std::deque<Rejection> rejections{};
  std::deque<PnlSnapshot> pnl{};
  std::deque<MarketSnapshot> markets{};
  ContextCounts counts{};

  template <class T>
  static const T* newest(const std::deque<T>& list, const std::string& id) {
    for (auto it = list.rbegin(); it != list.rend(); ++it) {
      if (it->signal_id == id) return &*it;
    }
    return nullptr;
  }
  template <class T>
  bool add(std::deque<T>& list, const T& record) {
    list.push_back(record);
    if (list.size() <= max) return false;
    list.pop_front();
    ++counts.evicted;
    return true;
  }
  bool store(const Signal& signal) {
    if (const Signal* const known = newest(signals, signal.signal_id)) {
      if (!(*known == signal)) return false;
      ++counts.duplicates;
      return true;
    }
    ++counts.signals;
    add(signals, signal);
    return true;
  }
  template <class T>
  void store(std::deque<T>& list, const T& record, std::uint64_t& stored, std::uint64_t& orphans) {
    if (const T* const known = newest(list, record.signal_id); known != nullptr && *known == record) {
      ++counts.duplicates;
      return;
    }
    orphans += newest(signals, record.signal_id) == nullptr ? 1U : 0U;
    ++stored;
    add(list, record);
  }
  std::optional<MarketSnapshot> before(const std::string& market, double ts) const {
    std::optional<MarketSnapshot> best;
    for (const MarketSnapshot& snapshot : markets) {
      if (snapshot.market == market && snapshot.timestamp < ts && (!best || snapshot.timestamp >= best->timestamp))
        best = snapshot;
    }
    return best;
  }
};

template <class T>
bool same(const std::vector<T>& a, const std::deque<T>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace

TEST_CASE("the memory equals lists after any sequence of stores", "[properties]") {
  for (const std::size_t max : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{100}}) {
    rlx::RandomStream random({max, rlx::Purpose::user});
    RecentContext context(max);
    Model model{max};
    bool equal = true;
    for (int i = 0; i < 25'000 && equal; ++i) {
      const std::string id = "s" + std::to_string(random.bounded(2 * max + 3));
      const double time = static_cast<double>(random.bounded(50));
      switch (random.bounded(5)) {
        case 0: {
          const Signal signal{.signal_id = id, .strategy = "momentum", .timestamp = static_cast<double>(random.bounded(2))};
          bool accepted = true;
          try {
            context.store_signal(signal);
          } catch (const rlx::DataError&) {
            accepted = false;
          }
          equal = accepted == model.store(signal);
          break;
        }
        case 1: {
          const Rejection rejection{id, "r", RejectionCode::risk_agent, Stage::risk, static_cast<double>(random.bounded(3))};
          context.store_rejection(rejection);
          model.store(model.rejections, rejection, model.counts.rejections, model.counts.orphan_rejections);
          break;
        }
        case 2: {
          const PnlSnapshot pnl{id, static_cast<double>(random.bounded(3)), 1.0, random.bounded(2) == 0};
          context.store_pnl_snapshot(pnl);
          model.store(model.pnl, pnl, model.counts.pnl, model.counts.orphan_pnl);
          break;
        }
        case 3: {
          const MarketSnapshot market{random.bounded(2) == 0 ? "A/B" : "C/D", time, 1.0 + i, 0.0, 0.0, 0.0};
          context.store_market(market);
          model.add(model.markets, market);
          break;
        }
        default: {
          const std::string market = random.bounded(2) == 0 ? "A/B" : "C/D";
          equal = context.market_before(market, time) == model.before(market, time);
          const Signal* const signal = Model::newest(model.signals, id);
          const auto found = context.find_signal(id);
          equal = equal && found.has_value() == (signal != nullptr) && (!found || *found == *signal);
          const Rejection* const rejection = Model::newest(model.rejections, id);
          const auto refused = context.find_rejection(id);
          equal = equal && refused.has_value() == (rejection != nullptr) && (!refused || *refused == *rejection);
        }
      }
      if (i % 100 != 0) continue;
      const ContextSnapshot all = context.snapshot();
      equal = equal && same(all.signals, model.signals) && same(all.rejections, model.rejections) && same(all.pnl, model.pnl) &&
              same(all.markets, model.markets) && all.counts == model.counts;
    }
    INFO("max_history " << max);
    REQUIRE(equal);
  }
}
