// SPDX-License-Identifier: MIT
/// @file
/// @brief The upper bound: the largest profit that k positions could have made with the whole future known.
///
/// The best schedule is a maximum-profit flow of k units on the time-expanded graph {flat_t} and {(directed pair, t)}: staying
/// flat earns 0, entering and leaving cost half spread and fee, holding earns settlements and the change of the marks. A
/// directed pair holds at most one unit. With quantities fixed per pair (SizingMode::fixed_coins: no impact, no liquidation,
/// no cash limits) it bounds every policy that closes its positions by the end of the window.
///
/// With a grace (ExecutionConfig::grace_ms) an entry at t also gets the settlements in (t - grace, t]. They lower the cost of
/// entering there. Costs of the graph cannot be negative, so what a settlement pays beyond the cost of the entry is added to
/// the carry from t to the next step, which every entry at t must earn. A schedule that holds the pair at t anyway then gets it
/// as well: the bound stays a bound, and is exact while no grace payment exceeds the cost of an entry.
#ifndef RLX_FUNDING_CLAIRVOYANT_HPP
#define RLX_FUNDING_CLAIRVOYANT_HPP

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/funding/market_tape.hpp>
#include <rlx/funding/opportunity.hpp>
#include <rlx/funding/types.hpp>

namespace rlx::inline v0_1::funding {

/// Values of the arcs of one directed pair over times 0..T. Entries that are not finite stand for "not possible".
struct PairArcs {
  InstrumentId long_leg = no_id,   ///< instrument that is bought
      short_leg = no_id;           ///< instrument that is sold
  std::vector<double> enter_cost;  ///< at each time, T + 1 values >= 0
  std::vector<double> exit_cost;   ///< at each time, T + 1 values >= 0
  std::vector<double> carry;       ///< from t to t + 1, T values
};

/// The best schedule found.
struct ClairvoyantResult {
  double profit = 0.0;              ///< of all units, in the unit of the arcs (USD)
  std::vector<double> unit_profit;  ///< of each augmentation, falling; at most k, only those > 0
  std::vector<double> equity_path;  ///< cumulated profit at times 0..T; entry and exit costs at their time
  std::size_t trades = 0;           ///< entries
};

namespace detail {

/// k successive longest augmenting paths. Path lengths in the residual graph come from Dijkstra's method on costs reduced by
/// potentials, which the first pass over the acyclic graph provides.
class ClairvoyantGraph {
 public:
  ClairvoyantGraph(std::span<const PairArcs> pairs, std::size_t steps)
      : pairs_(pairs), steps_(steps), width_(pairs.size() + 1) {
    const std::size_t nodes = (steps_ + 1) * width_;
    potential_.assign(nodes, infinity);
    distance_.resize(nodes);
    previous_.resize(nodes);
    enter_flow_.assign(nodes, 0);
    exit_flow_.assign(nodes, 0);
    carry_flow_.assign(nodes, 0);
    flat_flow_.assign(steps_ + 1, 0);
    first_potentials();
  }

  ClairvoyantResult solve(int k) {
    ClairvoyantResult result;
    for (int unit = 0; unit < k; ++unit) {
      if (!shortest_path()) break;
      const double profit = -potential_[sink()];
      if (!(profit > tolerance)) break;
      augment();
      result.unit_profit.push_back(profit);
    }
    read_flow(result);
    return result;
  }

 private:
  static constexpr double infinity = std::numeric_limits<double>::infinity();
  static constexpr double tolerance = 1e-9;  // USD; rounding must not make a trade
  // Node of time t: t * width is flat, t * width + 1 + p is directed pair p.
  using Node = std::uint32_t;
  enum class Arc : std::uint8_t { none, enter, leave, hold, stay, undo_enter, undo_leave, undo_hold, undo_stay };
  struct Step {
    Node from = 0;
    Arc arc = Arc::none;
  };
  struct HeapEntry {
    double distance;
    Node node;
    bool operator<(const HeapEntry& other) const {  // smallest distance on top, ties by node: the result has one value
      return distance != other.distance ? distance > other.distance : node > other.node;
    }
  };

  Node flat(std::size_t t) const { return static_cast<Node>(t * width_); }
  Node held(std::size_t t, std::size_t p) const { return static_cast<Node>(t * width_ + 1 + p); }
  Node sink() const { return flat(steps_); }

  // Shortest distances in the graph without flow, in order of time. At one time: arrive, leave, enter; entering in order to
  // leave at once never pays.
  void first_potentials() {
    potential_[flat(0)] = 0.0;
    for (std::size_t t = 0; t <= steps_; ++t) {
      double& here = potential_[flat(t)];
      if (t > 0) here = std::min(here, potential_[flat(t - 1)]);
      for (std::size_t p = 0; p < pairs_.size(); ++p) {
        double& node = potential_[held(t, p)];
        if (t > 0 && is_finite(pairs_[p].carry[t - 1])) node = potential_[held(t - 1, p)] - pairs_[p].carry[t - 1];
        if (is_finite(pairs_[p].exit_cost[t])) here = std::min(here, node + pairs_[p].exit_cost[t]);
      }
      for (std::size_t p = 0; p < pairs_.size(); ++p)
        if (is_finite(pairs_[p].enter_cost[t]))
          potential_[held(t, p)] = std::min(potential_[held(t, p)], here + pairs_[p].enter_cost[t]);
    }
  }

  bool shortest_path() {
    std::fill(distance_.begin(), distance_.end(), infinity);
    heap_.clear();
    distance_[flat(0)] = 0.0;
    push({0.0, flat(0)});
    bool reached = false;
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end());
      const HeapEntry top = heap_.back();
      heap_.pop_back();
      if (top.distance > distance_[top.node]) continue;
      if (top.node == sink()) {
        reached = true;
        break;
      }
      relax_from(top.node);
    }
    if (!reached) return false;
    // Nodes that were not settled get the sink's distance, which keeps all reduced costs at zero or above.
    const double limit = distance_[sink()];
    for (std::size_t n = 0; n < potential_.size(); ++n)
      if (is_finite(potential_[n])) potential_[n] += std::min(distance_[n], limit);
    return true;
  }

  void push(HeapEntry entry) {
    heap_.push_back(entry);
    std::push_heap(heap_.begin(), heap_.end());
  }

  void relax(Node from, Node to, double cost, Arc arc) {
    if (!is_finite(potential_[to])) return;
    const double reduced = std::max(0.0, cost + potential_[from] - potential_[to]);
    const double distance = distance_[from] + reduced;
    if (distance >= distance_[to]) return;
    distance_[to] = distance;
    previous_[to] = {from, arc};
    push({distance, to});
  }

  void relax_from(Node node) {
    const std::size_t t = node / width_;
    const std::size_t column = node % width_;
    if (column == 0) {
      if (t < steps_) relax(node, flat(t + 1), 0.0, Arc::stay);
      if (t > 0 && flat_flow_[t - 1] > 0) relax(node, flat(t - 1), 0.0, Arc::undo_stay);
      for (std::size_t p = 0; p < pairs_.size(); ++p) {
        const double enter = pairs_[p].enter_cost[t];
        if (is_finite(enter)) relax(node, held(t, p), enter, Arc::enter);
        if (exit_flow_[held(t, p)] > 0) relax(node, held(t, p), -pairs_[p].exit_cost[t], Arc::undo_leave);
      }
      return;
    }
    const PairArcs& pair = pairs_[column - 1];
    const Node next = static_cast<Node>(node + width_);
    if (t < steps_ && carry_flow_[node] == 0 && is_finite(pair.carry[t])) relax(node, next, -pair.carry[t], Arc::hold);
    if (t > 0 && carry_flow_[node - width_] > 0)
      relax(node, static_cast<Node>(node - width_), pair.carry[t - 1], Arc::undo_hold);
    if (is_finite(pair.exit_cost[t])) relax(node, flat(t), pair.exit_cost[t], Arc::leave);
    if (enter_flow_[node] > 0) relax(node, flat(t), -pair.enter_cost[t], Arc::undo_enter);
  }

  void augment() {
    for (Node node = sink(); node != flat(0);) {
      const Step step = previous_[node];
      switch (step.arc) {
        case Arc::enter:
          ++enter_flow_[node];
          break;
        case Arc::undo_enter:
          --enter_flow_[step.from];
          break;
        case Arc::leave:
          ++exit_flow_[step.from];
          break;
        case Arc::undo_leave:
          --exit_flow_[node];
          break;
        case Arc::hold:
          carry_flow_[step.from] = 1;
          break;
        case Arc::undo_hold:
          carry_flow_[node] = 0;
          break;
        case Arc::stay:
          ++flat_flow_[step.from / width_];
          break;
        case Arc::undo_stay:
          --flat_flow_[node / width_];
          break;
        case Arc::none:
          RLX_REQUIRE(false, "path without an arc");
          break;
      }
      node = step.from;
    }
  }

  // Cycles flat -> pair -> flat of one time carry no flow in an optimum, since both costs are at least 0.
  void read_flow(ClairvoyantResult& result) const {
    result.equity_path.assign(steps_ + 1, 0.0);
    double equity = 0.0;
    for (std::size_t t = 0; t <= steps_; ++t) {
      for (std::size_t p = 0; p < pairs_.size(); ++p) {
        if (t > 0 && carry_flow_[held(t - 1, p)] > 0) equity += pairs_[p].carry[t - 1];
        const Node node = held(t, p);
        if (enter_flow_[node] > 0) {
          equity -= pairs_[p].enter_cost[t] * static_cast<double>(enter_flow_[node]);
          result.trades += enter_flow_[node];
        }
        if (exit_flow_[node] > 0) equity -= pairs_[p].exit_cost[t] * static_cast<double>(exit_flow_[node]);
      }
      result.equity_path[t] = equity;
    }
    result.profit = equity;
  }

  std::span<const PairArcs> pairs_;
  std::size_t steps_, width_;
  std::vector<double> potential_, distance_;
  std::vector<Step> previous_;
  std::vector<HeapEntry> heap_;
  std::vector<std::uint8_t> enter_flow_, exit_flow_, carry_flow_;  // by node; carry by the node it starts from
  std::vector<int> flat_flow_;                                     // from t to t + 1
};

}  // namespace detail

/**
 * @brief The best schedule of at most k units on given arcs.
 * @param pairs  arcs of each directed pair, all over the same T
 * @param steps  T >= 1
 * @param k      1..255 units
 * @throws ShapeError   if the arcs of a pair do not have T + 1, T + 1 and T values
 * @throws ConfigError  for k or T out of range
 * @par Complexity  O(k T P log(T P)) time, O(T P) memory
 * @par Source      successive shortest augmenting paths: Ahuja, Magnanti, Orlin 1993, "Network Flows", section 9.7
 */
inline ClairvoyantResult clairvoyant_schedule(std::span<const PairArcs> pairs, std::size_t steps, int k) {
  if (k < 1 || k > 255) throw ConfigError("clairvoyant: k = " + std::to_string(k) + ": expected 1 to 255 positions");
  if (steps < 1) throw ConfigError("clairvoyant: the window is empty; expected at least one step");
  if ((steps + 1) * (pairs.size() + 1) >= std::numeric_limits<std::uint32_t>::max())
    throw ConfigError("clairvoyant: " + std::to_string(steps) + " steps and " + std::to_string(pairs.size()) +
                      " directed pairs are too many; use a shorter window");
  for (const PairArcs& pair : pairs)
    if (pair.enter_cost.size() != steps + 1 || pair.exit_cost.size() != steps + 1 || pair.carry.size() != steps)
      throw ShapeError("clairvoyant: arcs of a pair have " + std::to_string(pair.enter_cost.size()) + ", " +
                       std::to_string(pair.exit_cost.size()) + " and " + std::to_string(pair.carry.size()) +
                       " values; expected " + std::to_string(steps + 1) + ", " + std::to_string(steps + 1) + " and " +
                       std::to_string(steps));
  return detail::ClairvoyantGraph(pairs, steps).solve(k);
}

/**
 * @brief Arcs in USD of a directed pair of `quantity` coins over steps [begin, end] of a tape.
 *
 * Fills at as-of prices with half spread and taker fee, marks at as-of prices, funding -side q mark(S) r(S) for settlements in
 * (time(k), time(k+1)]. Entering needs both prices fresh, leaving needs both known.
 * @param tape       market
 * @param long_leg   instrument that is bought
 * @param short_leg  instrument that is sold, of the same symbol
 * @param quantity   coins on each leg
 * @param begin      first step
 * @param end        last step, below tape.n_steps()
 * @param costs      fee scale and default half spread
 * @param grace_ms   as ExecutionConfig::grace_ms, >= 0: entering at t earns the settlements in (t - grace, t], see above
 */
inline PairArcs clairvoyant_arcs(const MarketTape& tape, InstrumentId long_leg, InstrumentId short_leg, double quantity,
                                 std::size_t begin, std::size_t end, const CostModel& costs, std::int64_t grace_ms = 0) {
  const std::size_t steps = end - begin;
  PairArcs arcs;
  arcs.long_leg = long_leg;
  arcs.short_leg = short_leg;
  arcs.enter_cost.assign(steps + 1, missing);
  arcs.exit_cost.assign(steps + 1, missing);
  arcs.carry.assign(steps, missing);
  const auto taker = [&](InstrumentId id) { return tape.venues().at(tape.instruments()[id].venue).taker * costs.fee_scale; };
  const double taker_long = taker(long_leg), taker_short = taker(short_leg);
  const auto trade_cost = [&](const PriceRow& row, int direction, double fee) {
    const double half = half_spread_bps(static_cast<double>(row.bid_ask_bps), costs);
    const double fill = fill_price(row.price, direction, half, 0.0);
    return quantity * (std::fabs(fill - row.price) + fee * fill);
  };
  const auto funding = [&](InstrumentId id, double side, std::span<const Settlement> settlements) {
    double cash = 0.0;
    for (const Settlement& s : settlements)
      if (const auto mark = tape.price_asof(id, s.settle_ms)) cash -= side * quantity * mark->row->price * s.rate;
    return cash;
  };
  for (std::size_t i = 0; i <= steps; ++i) {
    const LegView l = tape.leg(long_leg, begin + i), s = tape.leg(short_leg, begin + i);
    if (l.row == nullptr || s.row == nullptr) continue;
    double excess = 0.0;  // of a grace payment over the cost of the entry
    if (l.fresh && s.fresh) {
      const std::int64_t t = tape.time(begin + i);
      const double cost = trade_cost(*l.row, 1, taker_long) + trade_cost(*s.row, -1, taker_short) -
                          funding(long_leg, 1.0, tape.settlements(long_leg, t - grace_ms, t)) -
                          funding(short_leg, -1.0, tape.settlements(short_leg, t - grace_ms, t));
      arcs.enter_cost[i] = std::max(cost, 0.0);
      excess = std::max(-cost, 0.0);
    }
    arcs.exit_cost[i] = trade_cost(*l.row, -1, taker_long) + trade_cost(*s.row, 1, taker_short);
    if (i == steps) break;
    const LegView l_next = tape.leg(long_leg, begin + i + 1), s_next = tape.leg(short_leg, begin + i + 1);
    arcs.carry[i] = quantity * ((l_next.row->price - l.row->price) - (s_next.row->price - s.row->price)) + excess +
                    funding(long_leg, 1.0, tape.settlements(long_leg, begin + i)) +
                    funding(short_leg, -1.0, tape.settlements(short_leg, begin + i));
  }
  return arcs;
}

/**
 * @brief Upper bound on the profit in USD of any policy with at most k positions over steps [begin, end].
 * @param tape      market
 * @param begin     first step
 * @param end       last step, below tape.n_steps()
 * @param k         most positions at a time, 1..255
 * @param costs     fee scale and default half spread
 * @param quantity  coins of the pair (long leg, short leg), fixed for the whole window; 0 or NaN leaves the pair out. For
 *                  SizingMode::fixed_coins: mult E0 L target_utilization / max_positions / mid(begin), with the LARGE mult.
 * @param grace_ms  the policies' ExecutionConfig::grace_ms, >= 0
 * @throws ConfigError if the window does not lie in the tape or is empty
 */
template <std::invocable<InstrumentId, InstrumentId> Quantity>
ClairvoyantResult clairvoyant_bound(const MarketTape& tape, std::size_t begin, std::size_t end, int k, const CostModel& costs,
                                    Quantity&& quantity, std::int64_t grace_ms = 0) {
  if (!(begin < end) || end >= tape.n_steps())
    throw ConfigError("clairvoyant: window of steps " + std::to_string(begin) + " to " + std::to_string(end) +
                      " does not lie in a tape of " + std::to_string(tape.n_steps()) + " steps; expected begin < end < steps");
  if (grace_ms < 0) throw ConfigError("clairvoyant: grace_ms = " + std::to_string(grace_ms) + ": expected 0 or more");
  std::vector<PairArcs> pairs;
  for (SymbolId symbol = 0; symbol < tape.n_symbols(); ++symbol) {
    const auto [first, last] = tape.instruments_of(symbol);
    for (InstrumentId a = first; a < last; ++a)
      for (InstrumentId b = first; b < last; ++b) {
        if (a == b) continue;
        const double q = quantity(a, b);
        if (is_finite(q) && q > 0.0) pairs.push_back(clairvoyant_arcs(tape, a, b, q, begin, end, costs, grace_ms));
      }
  }
  return clairvoyant_schedule(pairs, end - begin, k);
}

/// The same for a stake of 1 USD per leg at the mid price of the window's start: the profit is a fraction of the stake.
inline ClairvoyantResult clairvoyant_bound(const MarketTape& tape, std::size_t begin, std::size_t end, int k,
                                           const CostModel& costs, std::int64_t grace_ms = 0) {
  const auto one_usd = [&](InstrumentId a, InstrumentId b) {
    const LegView l = tape.leg(a, begin), s = tape.leg(b, begin);
    return l.row == nullptr || s.row == nullptr ? 0.0 : 2.0 / (l.row->price + s.row->price);
  };
  return clairvoyant_bound(tape, begin, end, k, costs, one_usd, grace_ms);
}

}  // namespace rlx::inline v0_1::funding

#endif  // RLX_FUNDING_CLAIRVOYANT_HPP
