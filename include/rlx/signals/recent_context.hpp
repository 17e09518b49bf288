// SPDX-License-Identifier: MIT
/// @file
/// @brief The bounded memory of a core agent: the newest signals, rejections, P&L, prices, answers, executions and scores.
#ifndef RLX_SIGNALS_RECENT_CONTEXT_HPP
#define RLX_SIGNALS_RECENT_CONTEXT_HPP

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/signals/detail/huge_pages.hpp>
#include <rlx/signals/records.hpp>

namespace rlx::inline v0_1::signals {

/// "All of them" for the getters of RecentContext.
inline constexpr std::size_t npos = std::numeric_limits<std::size_t>::max();

/// Told of a change of a RecentContext: the member function that makes it, and the id or market it is about.
using ContextObserver = std::function<void(std::string_view action, std::string_view subject)>;

/// What RecentContext has counted since it was made or cleared.
struct ContextCounts {
  std::uint64_t signals = 0;            ///< stored, with those evicted since
  std::uint64_t rejections = 0;         ///< stored
  std::uint64_t pnl = 0;                ///< stored
  std::uint64_t duplicates = 0;         ///< records of any kind that were there already, with the same content
  std::uint64_t evicted = 0;            ///< records of any kind
  std::uint64_t orphan_rejections = 0;  ///< rejections of an id that was not remembered
  std::uint64_t orphan_pnl = 0;         ///< P&L of an id that was not remembered
  /// Memberwise.
  bool operator==(const ContextCounts&) const = default;
};

/// All that is remembered at one moment, each kind in the order of storing, oldest first.
struct ContextSnapshot {
  std::vector<Signal> signals;           ///< valid or not
  std::vector<Rejection> rejections;     ///< of known and unknown ids
  std::vector<PnlSnapshot> pnl;          ///< final or not
  std::vector<MarketSnapshot> markets;   ///< of all markets
  std::vector<AgentExchange> exchanges;  ///< of all topics
  std::vector<Execution> executions;     ///< of any outcome
  std::vector<SignalScore> scores;       ///< passed or not
  ContextCounts counts;                  ///< since the memory was made or cleared
};

namespace detail {

/// Lets maps with text keys be asked with a view.
struct TextHash {
  using is_transparent = void;
  // Not noexcept: the standard library then keeps the hashes in its nodes instead of computing them again while it searches.
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
/// Number of the newest record of an id.
using IdIndex = std::unordered_map<std::string, std::uint64_t, TextHash, std::equal_to<>>;

/// The newest `capacity` records in the order of storing. Numbers count from 0 over all records ever stored.
template <class T>
class RecordRing {
 public:
  explicit RecordRing(std::size_t capacity) : capacity_(capacity) {}

  std::size_t size() const noexcept { return records_.size(); }
  bool full() const noexcept { return records_.size() == capacity_; }
  std::uint64_t first() const noexcept { return next_ - records_.size(); }
  std::uint64_t next() const noexcept { return next_; }
  const T& operator[](std::uint64_t number) const { return records_[static_cast<std::size_t>(number % capacity_)]; }
  const T& oldest() const { return (*this)[first()]; }
  /// Takes the place of the oldest record where the ring is full.
  void push(T&& record) {
    if (full()) {
      records_[static_cast<std::size_t>(next_ % capacity_)] = std::move(record);
    } else {
      records_.push_back(std::move(record));
    }
    ++next_;
  }
  /// The newest `limit` records, oldest first.
  std::vector<T> copy(std::size_t limit) const {
    const std::size_t count = std::min(limit, size());
    std::vector<T> result;
    result.reserve(count);
    advise_huge_pages(result.data(), count * sizeof(T));
    for (std::uint64_t number = next_ - count; number != next_; ++number) result.push_back((*this)[number]);
    return result;
  }
  void clear() {
    records_.clear();
    next_ = 0;
  }

 private:
  std::size_t capacity_;
  std::vector<T> records_;  // record n at n % capacity
  std::uint64_t next_ = 0;
};

/// A ring and, for each id in it, the number of its newest record.
template <class T>
class IndexedRing {
 public:
  explicit IndexedRing(std::size_t capacity) : ring_(capacity) {}

  const RecordRing<T>& ring() const noexcept { return ring_; }
  /// The newest record of an id; null where none is remembered.
  const T* find(std::string_view id) const {
    const auto found = index_.find(id);
    return found == index_.end() ? nullptr : &ring_[found->second];
  }
  /// @return whether a record was evicted
  bool push(T&& record) {
    const bool evicts = ring_.full();
    const std::uint64_t number = ring_.next();
    const auto known = index_.find(std::string_view(record.signal_id));
    IdIndex::node_type node;
    if (evicts) {
      const auto oldest = index_.find(std::string_view(ring_.oldest().signal_id));
      // A newer record of the same id keeps the entry. Its node is used again, so that a full memory allocates nothing here.
      if (oldest->second == ring_.first() && oldest != known) node = index_.extract(oldest);
    }
    if (known != index_.end()) {
      known->second = number;
    } else if (!node.empty()) {
      node.key() = record.signal_id;
      node.mapped() = number;
      index_.insert(std::move(node));
    } else {
      index_.emplace(record.signal_id, number);
    }
    ring_.push(std::move(record));
    return evicts;
  }
  void clear() {
    ring_.clear();
    index_.clear();
  }

 private:
  RecordRing<T> ring_;
  IdIndex index_;
};

}  // namespace detail

/**
 * @brief The bounded memory of a core agent.
 *
 * Of each kind of record the newest `max_history` are kept (of agents' answers three times as many: one for each topic); the
 * next one removes the oldest of its kind. Signals have unique ids; of the other kinds one id may have several records. A
 * record equal to the newest one of its id is ignored and counted. Storing is not validating: any signal with an id is
 * accepted.
 *
 * All members may be called from any thread; one mutex guards everything, and getters return copies of one moment. Finding a
 * record by its id takes constant time. Storing into a full memory allocates only for texts longer than their predecessors'.
 * Called RecentContext. @tparam Observer  ContextObserver; a parameter so that a program compiles only what it uses
 */
template <class Observer>
class BasicRecentContext {
 public:
  /// @throws ConfigError if `max_history` is 0
  explicit BasicRecentContext(std::size_t max_history = 100)
      : max_history_(checked(max_history)),
        signals_(max_history),
        rejections_(max_history),
        pnl_(max_history),
        markets_(max_history),
        exchanges_(max_history > npos / num_topics ? max_history : max_history * num_topics),
        executions_(max_history),
        scores_(max_history) {}

  /// Records kept of each kind; of agents' answers three times as many.
  std::size_t max_history() const noexcept { return max_history_; }

  /// Tells of every change from now on, before it is made; what the observer throws prevents it. Records that are refused or
  /// there already are no change. To log them: `context.set_observer(logger.recorder())`. The observer is called with the
  /// memory locked, so it must not ask the memory; an empty one ends it.
  void set_observer(Observer observer) {
    const std::scoped_lock lock(mutex_);
    observer_ = std::move(observer);
  }

  /// Remembers a signal as it is. @throws DataError  without an id; or the id is remembered with other content (both are named)
  void store_signal(Signal signal) {
    if (signal.signal_id.empty()) throw DataError("signal: expected a signal_id, found none");
    const std::scoped_lock lock(mutex_);
    if (const Signal* const known = signals_.find(signal.signal_id); known != nullptr) {
      if (*known == signal) {
        ++counts_.duplicates;
        return;
      }
      throw DataError("signal '" + signal.signal_id.substr(0, 128) + "' is remembered with other content: expected " +
                      describe(*known) + ", found " + describe(signal) + "; give every signal an id of its own");
    }
    tell("store_signal", signal.signal_id);
    if (is_finite(signal.timestamp)) latest_ = std::max(latest_, signal.timestamp);
    ++counts_.signals;
    counts_.evicted += signals_.push(std::move(signal)) ? 1U : 0U;
  }
  /// Remembers a signal in its JSON form; the caller includes records_json.hpp. @throws DataError with the JSON path
  template <std::same_as<Json> J>
  void store_signal(const J& json) {
    store_signal(signal_from_json(json));
  }

  /// Remembers a refusal known by its text only: code and stage follow from how the text begins (`code_of_reason`), the time is
  /// the signal's, or the newest time of any record where the signal is not remembered.
  void store_rejection(std::string signal_id, std::string reason) {
    Rejection rejection;
    rejection.code = code_of_reason(reason);
    rejection.stage = usual_stage(rejection.code);
    rejection.signal_id = std::move(signal_id);
    rejection.reason = std::move(reason);
    const std::scoped_lock lock(mutex_);
    const Signal* const signal = signals_.find(rejection.signal_id);
    rejection.timestamp = signal != nullptr && is_finite(signal->timestamp) ? signal->timestamp : latest_;
    add_rejection(std::move(rejection));
  }
  /// Remembers a refusal, also of an unknown or empty id (counted as orphan). @throws NumericError if its time is not finite
  void store_rejection(Rejection rejection) {
    require_finite(rejection.timestamp, "timestamp of a rejection", rejection.signal_id);
    const std::scoped_lock lock(mutex_);
    add_rejection(std::move(rejection));
  }
  /// Remembers P&L, also of an unknown id (counted as orphan). @throws NumericError if P&L or time is not finite
  void store_pnl_snapshot(PnlSnapshot snapshot) {
    require_finite(snapshot.pnl, "pnl", snapshot.signal_id);
    require_finite(snapshot.timestamp, "timestamp of a pnl snapshot", snapshot.signal_id);
    const std::scoped_lock lock(mutex_);
    if (is_duplicate(pnl_, snapshot)) return;
    tell("store_pnl_snapshot", snapshot.signal_id);
    counts_.orphan_pnl += signals_.find(snapshot.signal_id) == nullptr ? 1U : 0U;
    ++counts_.pnl;
    add(pnl_, std::move(snapshot));
  }
  /// Remembers a price; times may come in any order. @throws NumericError if a number is not finite; DataError if the price is
  /// not above 0 or the market has no name
  void store_market(MarketSnapshot snapshot) {
    for (const double value :
         {snapshot.timestamp, snapshot.price, snapshot.volatility, snapshot.trend_score, snapshot.spread_bps}) {
      require_finite(value, "a number of a market snapshot", snapshot.market);
    }
    if (snapshot.market.empty()) throw DataError("market snapshot: expected a market such as 'BTC/USDT', found none");
    if (!(snapshot.price > 0.0)) {
      throw DataError("market snapshot of '" + snapshot.market + "': expected a price > 0, found " +
                      std::to_string(snapshot.price));
    }
    const std::scoped_lock lock(mutex_);
    tell("store_market", snapshot.market);
    latest_ = std::max(latest_, snapshot.timestamp);
    if (markets_.full()) forget_oldest_market();
    std::deque<std::uint64_t>& times = by_market_.try_emplace(snapshot.market).first->second;
    // Usually the newest time; of equal times the one stored last stands last.
    auto at = times.end();
    while (at != times.begin() && markets_[*(at - 1)].timestamp > snapshot.timestamp) --at;
    times.insert(at, markets_.next());
    markets_.push(std::move(snapshot));
  }
  /// Remembers how a request to an agent ended. @throws NumericError if a time is not finite
  void store_exchange(AgentExchange exchange) {
    require_finite(exchange.sent_at, "sent_at of an agent's answer", exchange.signal_id);
    require_finite(exchange.received_at, "received_at of an agent's answer", exchange.signal_id);
    const std::scoped_lock lock(mutex_);
    tell("store_exchange", exchange.signal_id);
    counts_.evicted += exchanges_.full() ? 1U : 0U;
    exchanges_.push(std::move(exchange));
  }
  /// Remembers how an execution ended. @throws NumericError if a number is not finite
  void store_execution(Execution execution) {
    require_finite(execution.timestamp, "timestamp of an execution", execution.signal_id);
    require_finite(execution.notional, "notional of an execution", execution.signal_id);
    const std::scoped_lock lock(mutex_);
    if (is_duplicate(executions_, execution)) return;
    tell("store_execution", execution.signal_id);
    add(executions_, std::move(execution));
  }
  /// Remembers what the model said. @throws NumericError if a number is not finite or the propensity not above 0
  void store_score(SignalScore score) {
    require_finite(score.timestamp, "timestamp of a score", score.signal_id);
    require_finite(score.probability, "probability of a score", score.signal_id);
    if (!(score.propensity > 0.0 && score.propensity <= 1.0)) {
      throw NumericError("score of '" + score.signal_id + "': expected a propensity in (0, 1], found " +
                         std::to_string(score.propensity));
    }
    const std::scoped_lock lock(mutex_);
    if (is_duplicate(scores_, score)) return;
    tell("store_score", score.signal_id);
    add(scores_, std::move(score));
  }

  /// The newest `limit` signals, oldest first.
  std::vector<Signal> get_recent_signals(std::size_t limit = npos) const { return copy(signals_, limit); }
  /// The newest `limit` rejections, oldest first.
  std::vector<Rejection> get_recent_rejections(std::size_t limit = npos) const { return copy(rejections_, limit); }
  /// The newest `limit` P&L snapshots, oldest first.
  std::vector<PnlSnapshot> get_recent_pnl(std::size_t limit = npos) const { return copy(pnl_, limit); }
  /// The newest `limit` executions, oldest first.
  std::vector<Execution> get_recent_executions(std::size_t limit = npos) const { return copy(executions_, limit); }
  /// The newest `limit` scores, oldest first.
  std::vector<SignalScore> get_recent_scores(std::size_t limit = npos) const { return copy(scores_, limit); }
  /// The newest `limit` market snapshots in the order of storing.
  std::vector<MarketSnapshot> get_recent_markets(std::size_t limit = npos) const {
    const std::scoped_lock lock(mutex_);
    return markets_.copy(limit);
  }
  /// The newest `limit` answers of agents, oldest first.
  std::vector<AgentExchange> get_recent_exchanges(std::size_t limit = npos) const {
    const std::scoped_lock lock(mutex_);
    return exchanges_.copy(limit);
  }

  /// The signal of an id, if it is remembered.
  std::optional<Signal> find_signal(std::string_view signal_id) const { return find(signals_, signal_id); }
  /// The newest rejection of an id.
  std::optional<Rejection> find_rejection(std::string_view signal_id) const { return find(rejections_, signal_id); }
  /// The newest P&L of an id.
  std::optional<PnlSnapshot> find_pnl(std::string_view signal_id) const { return find(pnl_, signal_id); }
  /// The newest execution of an id.
  std::optional<Execution> find_execution(std::string_view signal_id) const { return find(executions_, signal_id); }
  /// Whether the newest execution of an id is remembered and did not fail. No copy, no allocation.
  bool was_executed(std::string_view signal_id) const {
    const std::scoped_lock lock(mutex_);
    const Execution* const found = executions_.find(signal_id);
    return found != nullptr && found->outcome != ExecutionOutcome::failed;
  }
  /// The newest score of an id.
  std::optional<SignalScore> find_score(std::string_view signal_id) const { return find(scores_, signal_id); }

  /// The last snapshot of a market with a time strictly before `ts`. Logarithmic in the snapshots of that market.
  std::optional<MarketSnapshot> market_before(std::string_view market, double ts) const {
    const std::scoped_lock lock(mutex_);
    const MarketSnapshot* const found = locate_market(market, ts);
    return found == nullptr ? std::nullopt : std::optional(*found);
  }
  /// Price and time of a market snapshot.
  struct PriceBefore {
    double price = 0.0;      ///< quote per base
    double timestamp = 0.0;  ///< seconds since 1970 UTC
  };
  /// As `market_before`, without a copy of the market's name.
  std::optional<PriceBefore> price_before(std::string_view market, double ts) const {
    const std::scoped_lock lock(mutex_);
    const MarketSnapshot* const found = locate_market(market, ts);
    return found == nullptr ? std::nullopt : std::optional(PriceBefore{found->price, found->timestamp});
  }

  /// Counts since the memory was made or cleared.
  ContextCounts counts() const {
    const std::scoped_lock lock(mutex_);
    return counts_;
  }
  /// Everything, as of one moment.
  ContextSnapshot snapshot() const {
    const std::scoped_lock lock(mutex_);
    return {signals_.ring().copy(npos), rejections_.ring().copy(npos), pnl_.ring().copy(npos),    markets_.copy(npos),
            exchanges_.copy(npos),      executions_.ring().copy(npos), scores_.ring().copy(npos), counts_};
  }
  /// Forgets everything, counts too.
  void clear_context() {
    const std::scoped_lock lock(mutex_);
    tell("clear_context", {});
    signals_.clear();
    rejections_.clear();
    pnl_.clear();
    markets_.clear();
    by_market_.clear();
    exchanges_.clear();
    executions_.clear();
    scores_.clear();
    counts_ = {};
    latest_ = 0.0;
  }

 private:
  using MarketIndex = std::unordered_map<std::string, std::deque<std::uint64_t>, detail::TextHash, std::equal_to<>>;

  static std::size_t checked(std::size_t max_history) {
    if (max_history == 0) throw ConfigError("max_history: expected at least 1, found 0");
    return max_history;
  }
  static void require_finite(double value, const char* what, const std::string& of) {
    if (is_finite(value)) return;
    throw NumericError(std::string(what) + " of '" + of.substr(0, 128) + "': expected a finite number, found " +
                       std::to_string(value) + "; nothing was stored");
  }
  static std::string describe(const Signal& signal) {
    const auto number = [](const std::optional<double>& value) { return value ? std::to_string(*value) : std::string("none"); };
    return "{strategy " + signal.strategy.substr(0, 64) + ", amount " + number(signal.params.amount) + ", market " +
           signal.params.market().substr(0, 64) + ", price " + number(signal.params.price) + ", timestamp " +
           std::to_string(signal.timestamp) + ", extra " +
           (signal.params.extra.empty() ? std::string("none") : signal.params.extra.substr(0, 64)) + '}';
  }

  // The members below expect the mutex to be held, except `copy` and `find`.
  void tell(std::string_view action, std::string_view subject) const {
    if (observer_) observer_(action, subject);
  }
  template <class T>
  bool is_duplicate(const detail::IndexedRing<T>& kind, const T& record) {
    const T* const known = kind.find(record.signal_id);
    if (known == nullptr || !(*known == record)) return false;
    ++counts_.duplicates;
    return true;
  }
  template <class T>
  void add(detail::IndexedRing<T>& kind, T&& record) {
    latest_ = std::max(latest_, record.timestamp);
    counts_.evicted += kind.push(std::move(record)) ? 1U : 0U;
  }
  void add_rejection(Rejection&& rejection) {
    if (is_duplicate(rejections_, rejection)) return;
    tell("store_rejection", rejection.signal_id);
    counts_.orphan_rejections += signals_.find(rejection.signal_id) == nullptr ? 1U : 0U;
    ++counts_.rejections;
    add(rejections_, std::move(rejection));
  }
  void forget_oldest_market() {
    const auto known = by_market_.find(std::string_view(markets_.oldest().market));
    std::deque<std::uint64_t>& times = known->second;
    times.erase(std::find(times.begin(), times.end(), markets_.first()));
    if (times.empty()) by_market_.erase(known);
    ++counts_.evicted;
  }
  const MarketSnapshot* locate_market(std::string_view market, double ts) const {
    const auto known = by_market_.find(market);
    if (known == by_market_.end()) return nullptr;
    const std::deque<std::uint64_t>& times = known->second;
    const auto end =
        std::partition_point(times.begin(), times.end(), [&](std::uint64_t number) { return markets_[number].timestamp < ts; });
    return end == times.begin() ? nullptr : &markets_[*(end - 1)];
  }
  template <class T>
  std::vector<T> copy(const detail::IndexedRing<T>& kind, std::size_t limit) const {
    const std::scoped_lock lock(mutex_);
    return kind.ring().copy(limit);
  }
  template <class T>
  std::optional<T> find(const detail::IndexedRing<T>& kind, std::string_view signal_id) const {
    const std::scoped_lock lock(mutex_);
    const T* const found = kind.find(signal_id);
    return found == nullptr ? std::nullopt : std::optional(*found);
  }

  std::size_t max_history_;
  mutable std::mutex mutex_;
  detail::IndexedRing<Signal> signals_;
  detail::IndexedRing<Rejection> rejections_;
  detail::IndexedRing<PnlSnapshot> pnl_;
  detail::RecordRing<MarketSnapshot> markets_;
  MarketIndex by_market_;  // numbers of a market's snapshots by time
  detail::RecordRing<AgentExchange> exchanges_;
  detail::IndexedRing<Execution> executions_;
  detail::IndexedRing<SignalScore> scores_;
  ContextCounts counts_;
  double latest_ = 0.0;  // newest time of any record
  Observer observer_;
};

/// As the library uses it. @see BasicRecentContext
using RecentContext = BasicRecentContext<ContextObserver>;

}  // namespace rlx::inline v0_1::signals

#endif  // RLX_SIGNALS_RECENT_CONTEXT_HPP
