// SPDX-License-Identifier: MIT
/// @file
/// @brief One market of one recorded session: the complete episode, its decision groups and its statistics.
///
/// A view copies no events: its columns alias the session's memory, and copies of a view share everything.
#ifndef RLX_KALSHI_MARKET_SESSION_VIEW_HPP
#define RLX_KALSHI_MARKET_SESSION_VIEW_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/random.hpp>
#include <rlx/kalshi/detail/market_quality.hpp>
#include <rlx/kalshi/order_book.hpp>
#include <rlx/kalshi/session.hpp>
#include <rlx/kalshi/ticker.hpp>
#include <rlx/kalshi/types.hpp>

namespace rlx::inline v0_1::kalshi {

/// Start of the millisecond that a time lies in, microseconds.
constexpr Micros millisecond_of(Micros ts_us) noexcept { return 1000 * detail::milliseconds_of(ts_us); }

/// How decisions are laid over the events.
struct ViewConfig {
  /// Groups of events that begin less than this after the first of them are merged. 0: one decision per millisecond with
  /// events.
  std::int64_t min_decision_interval_ms = 0;
};

/// Why a market gives no view, or a view was not taken.
enum class RejectionReason : std::uint8_t {
  unknown_ticker,   ///< the session does not have it
  no_groups,        ///< no events, or none outside gaps, or only closing markers
  too_few_groups,   ///< fewer than 3
  never_two_sided,  ///< no group with bid < ask
  too_short,        ///< fewer groups than the filter asks for
  too_long,         ///< more groups than the filter allows
  low_coverage,     ///< two-sided for less of the time than the filter asks for
  low_quality       ///< data quality below the filter's
};
/// Number of reasons.
inline constexpr std::size_t rejection_reason_count = 8;

/// In words, for messages.
constexpr std::string_view rejection_reason_name(RejectionReason reason) noexcept {
  constexpr std::string_view names[rejection_reason_count] = {"unknown ticker",  "no decision groups", "fewer than 3 groups",
                                                              "never two-sided", "too short",          "too long",
                                                              "low coverage",    "low quality"};
  return names[static_cast<std::size_t>(reason)];
}

/// Statistics of a view, as doubles. Only the market's own rows enter, except the session's duration in the coverage.
struct ViewStatistics {
  double avg_spread = 0.0;          ///< cents; time-weighted over two-sided groups, the last group excluded
  double volatility_score = 0.0;    ///< cents per square root of a minute; mid sampled every 1 to 60 s
  double market_coverage = 0.0;     ///< share of the session's duration with two sides, at most 300 s per group
  double data_quality_score = 0.0;  ///< share, see SessionData::data_quality_score(market)
  bool operator==(const ViewStatistics&) const = default;  ///< Memberwise.
};

/// One market of one session as an episode. Immutable; copies are cheap and share the columns, which the view keeps alive.
/// Safe to read from any number of threads.
class MarketSessionView {
 public:
  /// Replays the market once to find its decision groups and statistics. O(events); 4 bytes per group are kept.
  /// @param session  shared with the view, which keeps it alive
  /// @param ticker   market of the session
  /// @param config   how decisions are laid over its events
  /// @param why      where given, told the reason if no view comes back
  /// @return empty for an unknown ticker, no group, fewer than 3 groups, or a market that was never two-sided
  /// @throws ConfigError for a negative interval; DataError for events that no book accepts
  static std::optional<MarketSessionView> create(std::shared_ptr<const SessionData> session, std::string_view ticker,
                                                 ViewConfig config = {}, RejectionReason* why = nullptr);

  /// Number G of decision groups; an episode has G - 1 steps.
  std::size_t length() const noexcept { return shared_->group_end.size(); }
  /// @name Statistics, see ViewStatistics
  /// @{
  double avg_spread() const noexcept { return shared_->statistics.avg_spread; }                  ///< see ViewStatistics
  double volatility_score() const noexcept { return shared_->statistics.volatility_score; }      ///< see ViewStatistics
  double market_coverage() const noexcept { return shared_->statistics.market_coverage; }        ///< see ViewStatistics
  double data_quality_score() const noexcept { return shared_->statistics.data_quality_score; }  ///< see ViewStatistics
  const ViewStatistics& statistics() const noexcept { return shared_->statistics; }              ///< all four
  /// @}
  /// From the first to the last decision.
  std::int64_t total_duration_us() const noexcept { return end_us() - start_us(); }
  /// Time of the first decision.
  Micros start_us() const { return group_time_us(0); }
  /// Time of the last decision.
  Micros end_us() const { return group_time_us(length() - 1); }
  /// Trailing groups with both sides empty, cut from the view.
  std::size_t closing_groups() const noexcept { return shared_->closing_groups; }

  /// The market's columns as recorded: a mirrored view has the same. Use `row` for what the view says.
  EventColumns events() const noexcept { return columns_; }
  /// For every decision the number of events known by then: group k applies the events [k ? groups()[k-1] : 0, groups()[k]).
  /// Events of skipped, broken groups belong to the next decision.
  std::span<const std::uint32_t> groups() const noexcept { return shared_->group_end; }
  /// First event of group k. @pre k < length()
  std::size_t group_begin(std::size_t k) const { return k == 0 ? 0 : shared_->group_end[k - 1]; }
  /// One past the last event of group k. @pre k < length()
  std::size_t group_end(std::size_t k) const { return shared_->group_end[k]; }
  /// Time of the decision: the millisecond of the group's last event. @pre k < length()
  Micros group_time_us(std::size_t k) const { return millisecond_of(columns_.ts_us[shared_->group_end[k] - 1]); }
  /// Event i as this view tells it. @pre i < events().size()
  EventRow row(std::size_t i) const { return mirrored_ ? mirror(columns_.row(i)) : columns_.row(i); }

  /// Description of the market; of a mirrored view the result is mirrored too.
  const MarketInfo& market() const noexcept { return *market_; }
  const std::shared_ptr<const SessionData>& session() const noexcept { return session_; }  ///< shared with every view of it
  /// The event that this market is a bracket of: from the description, else the ticker without its last dash part.
  std::string_view event_ticker() const {
    return market_->event_ticker.empty() ? event_of_ticker(market_->ticker) : std::string_view(market_->event_ticker);
  }
  /// UTC day of the close, else of the last decision; days since 1970.
  std::int32_t day() const {
    constexpr Micros day_us = 86'400'000'000;
    const Micros time = market_->close_us.value_or(end_us());
    return static_cast<std::int32_t>(time / day_us - (time % day_us < 0));
  }

  bool is_mirrored() const noexcept { return mirrored_; }  ///< true: seen from the NO side
  /// The same market seen from the other side: YES and NO swapped, prices 10,000 - p, the result too. Shares the columns.
  MarketSessionView mirrored() const;
  /// This view with all that is not known at decision `group` replaced by valid random events and another result; what was
  /// known is equal, and so are the statistics that no decision reads. For tests of causality. Allocates its own columns.
  /// @pre group < length()
  MarketSessionView with_corrupted_future(std::size_t group, std::uint64_t seed) const;

 private:
  struct Shared {
    std::vector<std::uint32_t> group_end;
    ViewStatistics statistics;
    std::size_t closing_groups = 0;
    std::int64_t min_decision_interval_ms = 0;
  };
  struct OwnColumns {
    std::vector<Micros> ts_us;
    std::vector<EventKind> kind;
    std::vector<Price> price;
    std::vector<Count> count;

    void push(const EventRow& row) {
      ts_us.push_back(row.ts_us);
      kind.push_back(row.kind);
      price.push_back(row.price);
      count.push_back(row.count);
    }
    EventColumns columns() const { return {ts_us, kind, price, count}; }
  };
  // The market after one decision group.
  struct Group {
    std::uint32_t end = 0;
    Micros time_us = 0;
    Touch touch;

    bool two_sided() const { return touch.bid && touch.ask && *touch.bid < *touch.ask; }
    bool empty() const { return !touch.bid && !touch.ask; }
  };

  MarketSessionView() = default;

  static EventRow mirror(EventRow row) noexcept {
    switch (row.kind) {
      case EventKind::level_set_yes:
      case EventKind::level_set_no:
        row.kind = row.kind == EventKind::level_set_yes ? EventKind::level_set_no : EventKind::level_set_yes;
        break;
      case EventKind::level_delta_yes:
      case EventKind::level_delta_no:
        row.kind = row.kind == EventKind::level_delta_yes ? EventKind::level_delta_no : EventKind::level_delta_yes;
        break;
      case EventKind::trade_yes:
      case EventKind::trade_no:
        row.kind = row.kind == EventKind::trade_yes ? EventKind::trade_no : EventKind::trade_yes;
        break;
      case EventKind::book_clear:
      case EventKind::gap_begin:
      case EventKind::gap_end:
        return row;
    }
    row.price = one_dollar - row.price;
    return row;
  }

  static std::vector<Group> replay(const EventColumns& columns, TickGrid grid, std::int64_t min_decision_interval_ms);
  static double average_spread(std::span<const Group> groups);
  static double volatility(std::span<const Group> groups);
  static double coverage(std::span<const Group> groups, const SessionData& session);
  static void push_random_events(OwnColumns& out, std::size_t events, Micros not_before_us, const MarketInfo& market,
                                 RandomStream& random);

  std::shared_ptr<const SessionData> session_;
  std::shared_ptr<const OwnColumns> own_columns_;  // of a corrupted view only
  std::shared_ptr<const MarketInfo> market_;       // the session's, or a changed copy
  std::shared_ptr<const Shared> shared_;
  EventColumns columns_;
  bool mirrored_ = false;
};

// Applies every event and notes the market after each group in which the book is not broken.
inline std::vector<MarketSessionView::Group> MarketSessionView::replay(const EventColumns& columns, TickGrid grid,
                                                                       std::int64_t min_decision_interval_ms) {
  std::vector<Group> groups;
  OrderBook book(grid);
  const std::size_t n = columns.size();
  for (std::size_t i = 0; i < n;) {
    const Micros begin = millisecond_of(columns.ts_us[i]);
    const Micros end = begin + 1000 * std::max<std::int64_t>(min_decision_interval_ms, 1);
    for (; i < n && columns.ts_us[i] < end; ++i) book.apply(columns.row(i));
    if (book.broken()) continue;
    groups.push_back({static_cast<std::uint32_t>(i), millisecond_of(columns.ts_us[i - 1]), book.touch()});
  }
  return groups;
}

// Cents.
inline double MarketSessionView::average_spread(std::span<const Group> groups) {
  double weighted = 0.0, time = 0.0;
  for (std::size_t k = 0; k + 1 < groups.size(); ++k) {
    if (!groups[k].two_sided()) continue;
    const auto dt = static_cast<double>(groups[k + 1].time_us - groups[k].time_us);
    weighted += dt * static_cast<double>(*groups[k].touch.ask - *groups[k].touch.bid);
    time += dt;
  }
  return time > 0.0 ? weighted / time / 100.0 : 0.0;
}

inline double MarketSessionView::volatility(std::span<const Group> groups) {
  const Micros last = groups.back().time_us;
  const Micros step = std::clamp<Micros>((last - groups.front().time_us) / 60, 1'000'000, 60'000'000);
  std::size_t next = 0;
  while (!groups[next].two_sided()) ++next;
  double squares = 0.0, before = 0.0, mid = 0.0;
  std::size_t samples = 0;
  for (Micros time = groups[next].time_us; time <= last; time += step, ++samples) {
    for (; next < groups.size() && groups[next].time_us <= time; ++next) {
      const Touch& touch = groups[next].touch;
      if (groups[next].two_sided()) mid = 0.5 * static_cast<double>(*touch.bid + *touch.ask) / 100.0;
    }
    if (samples > 0) squares += (mid - before) * (mid - before);
    before = mid;
  }
  if (samples < 2) return 0.0;
  return std::sqrt(squares / static_cast<double>(samples - 1) * 60e6 / static_cast<double>(step));
}

inline double MarketSessionView::coverage(std::span<const Group> groups, const SessionData& session) {
  constexpr Micros longest = 300'000'000;
  const Micros duration = session.end_us() - session.start_us();
  if (duration <= 0) return 0.0;
  Micros covered = 0;
  for (std::size_t k = 0; k < groups.size(); ++k) {
    if (!groups[k].two_sided()) continue;
    const Micros until = k + 1 < groups.size() ? groups[k + 1].time_us : session.end_us();
    covered += std::clamp<Micros>(until - groups[k].time_us, 0, longest);
  }
  return std::min(1.0, static_cast<double>(covered) / static_cast<double>(duration));
}

inline std::optional<MarketSessionView> MarketSessionView::create(std::shared_ptr<const SessionData> session,
                                                                  std::string_view ticker, ViewConfig config,
                                                                  RejectionReason* why) {
  RLX_REQUIRE(session != nullptr, "a view needs a session");
  if (config.min_decision_interval_ms < 0 || config.min_decision_interval_ms > 86'400'000) {
    throw ConfigError("min_decision_interval_ms: expected 0..86400000, found " +
                      std::to_string(config.min_decision_interval_ms));
  }
  const auto refuse = [why](RejectionReason reason) {
    if (why != nullptr) *why = reason;
    return std::nullopt;
  };
  const std::size_t market = session->find(ticker);
  if (market == session->markets().size()) return refuse(RejectionReason::unknown_ticker);
  const EventColumns columns = session->columns(market);
  if (columns.size() > std::numeric_limits<std::uint32_t>::max()) {
    throw DataError("market " + std::string(ticker) + ": expected at most 4294967295 events, found " +
                    std::to_string(columns.size()) + "; split the session");
  }
  const MarketInfo& info = session->markets()[market];
  std::vector<Group> groups;
  try {
    groups = replay(columns, info.grid, config.min_decision_interval_ms);
  } catch (const DataError& e) {
    throw DataError("market " + std::string(ticker) + ": " + e.what());
  }
  auto shared = std::make_shared<Shared>();
  for (; !groups.empty() && groups.back().empty(); groups.pop_back()) ++shared->closing_groups;
  if (groups.empty()) return refuse(RejectionReason::no_groups);
  if (groups.size() < 3) return refuse(RejectionReason::too_few_groups);
  if (std::none_of(groups.begin(), groups.end(), [](const Group& group) { return group.two_sided(); })) {
    return refuse(RejectionReason::never_two_sided);
  }
  shared->min_decision_interval_ms = config.min_decision_interval_ms;
  shared->statistics = {average_spread(groups), volatility(groups), coverage(groups, *session),
                        session->data_quality_score(market)};
  shared->group_end.reserve(groups.size());
  for (const Group& group : groups) shared->group_end.push_back(group.end);

  MarketSessionView view;
  view.columns_ = columns;
  view.shared_ = std::move(shared);
  view.market_ = std::shared_ptr<const MarketInfo>(session, &info);
  view.session_ = std::move(session);
  return view;
}

inline MarketSessionView MarketSessionView::mirrored() const {
  MarketSessionView view = *this;
  view.mirrored_ = !mirrored_;
  if (market_->settlement) {
    MarketInfo info = *market_;
    info.settlement = one_dollar - *info.settlement;
    view.market_ = std::make_shared<const MarketInfo>(std::move(info));
  }
  return view;
}

// At least one group more, the first of them two-sided, so that nothing before it is cut as a closing marker.
inline void MarketSessionView::push_random_events(OwnColumns& out, std::size_t events, Micros not_before_us,
                                                  const MarketInfo& market, RandomStream& random) {
  const int ticks = tick_count(market.grid);
  Micros time = not_before_us;
  const auto below = [&random](int n) { return static_cast<int>(random.bounded(static_cast<std::uint64_t>(n))); };
  const auto push = [&](EventKind kind, int tick, Count count) {
    out.push({time, kind, tick_price(market.grid, tick), count});
  };
  const auto snapshot = [&] {
    const int bid = 1 + below(ticks - 3), ask = bid + 1 + below(ticks - 2 - bid);
    push(EventKind::book_clear, 0, 0);
    push(EventKind::level_set_yes, bid, contracts(1 + below(200)));
    push(EventKind::level_set_no, ask, contracts(1 + below(200)));
  };
  snapshot();
  const std::size_t target = out.ts_us.size() + events;
  while (out.ts_us.size() < target) {
    time += 1000 * (1 + below(60'000));
    if (!market.has_sizes || below(8) == 0) {  // without sizes a side is never more than one level
      if (below(16) == 0) push(EventKind::gap_begin, 0, 0);
      snapshot();
      continue;
    }
    const auto kind = static_cast<EventKind>(static_cast<int>(EventKind::level_delta_yes) + below(4));
    const bool trade = kind == EventKind::trade_yes || kind == EventKind::trade_no;
    push(kind, 1 + below(ticks - 2), contracts(trade || below(2) == 0 ? 1 + below(100) : -1 - below(100)));
  }
}

inline MarketSessionView MarketSessionView::with_corrupted_future(std::size_t group, std::uint64_t seed) const {
  RLX_REQUIRE(group < length(), "group " + std::to_string(group) + " of a view of " + std::to_string(length()));
  MarketSessionView view = *this;
  RandomStream random({seed, Purpose::user, 0, group});
  if (market_->settlement) {
    MarketInfo info = *market_;
    const auto other = static_cast<Price>(random.bounded(one_dollar));  // any of the 10,000 values that are not the true one
    info.settlement = other + (other >= *info.settlement);
    view.market_ = std::make_shared<const MarketInfo>(std::move(info));
  }
  if (group + 1 == length()) return view;  // only the result is still to come

  const std::size_t known = group_end(group);
  auto own = std::make_shared<OwnColumns>();
  for (std::size_t i = 0; i < known; ++i) own->push(columns_.row(i));
  const Micros apart = 1000 * std::max<std::int64_t>(shared_->min_decision_interval_ms, 1);
  push_random_events(*own, columns_.size() - known, group_time_us(group) + apart, *market_, random);
  view.own_columns_ = own;
  view.columns_ = own->columns();
  auto shared = std::make_shared<Shared>(*shared_);
  shared->group_end.clear();
  std::vector<Group> groups = replay(view.columns_, market_->grid, shared_->min_decision_interval_ms);
  while (groups.back().empty()) groups.pop_back();
  for (const Group& each : groups) shared->group_end.push_back(each.end);
  view.shared_ = std::move(shared);
  return view;
}

}  // namespace rlx::inline v0_1::kalshi

#endif  // RLX_KALSHI_MARKET_SESSION_VIEW_HPP
