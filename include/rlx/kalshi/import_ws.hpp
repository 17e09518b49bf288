// SPDX-License-Identifier: MIT
/// @file
/// @brief Imports a recording of websocket frames, one JSON object a line.
#ifndef RLX_KALSHI_IMPORT_WS_HPP
#define RLX_KALSHI_IMPORT_WS_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <istream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/kalshi/import_report.hpp>
#include <rlx/kalshi/session_builder.hpp>
#include <rlx/kalshi/types.hpp>
#include <rlx/kalshi/wire.hpp>

namespace rlx::inline v0_1::kalshi {

namespace detail {

// One recording: sequence numbers, running maximum of time and gaps of each subscription.
class WsImport {
 public:
  WsImport(const WireConfig& config, SessionBuilder& builder) : parser_(config), builder_(builder) {}

  void frame(std::string_view json, std::size_t line) {
    parser_.set_line(line);
    line_ = line;
    rows_.clear();
    std::size_t market = none;
    const FrameInfo info = parser_.parse(json, 0, [&](const WireEvent& event) {
      if (market == none) market = handle(event.ticker);
      rows_.push_back(event.row);
    });
    ++report_.rows;
    count(info.type);
    if (info.type == FrameType::subscribed) {
      if (info.sid >= 0) sequence_.restart(info.sid);
      return;
    }
    if (info.sid < 0) return;
    if (info.seq >= 0) {
      const SequenceTracker::Verdict verdict = sequence_.on(info.sid, info.seq);
      if (verdict == SequenceTracker::Verdict::duplicate) {
        ++report_.duplicates;
        if (market != none) builder_.count_duplicate(market);
        return;
      }
      if (verdict == SequenceTracker::Verdict::gap) {
        ++report_.gaps;
        of(info.sid).gap_pending = true;
      }
    }
    if (market != none) store(of(info.sid), market, info.dated);
  }

  ImportReport finish() {
    for (const Subscription& s : subscriptions_) {
      if (s.undated.empty()) continue;
      throw DataError(
          parser_.config().file, line_, 0,
          "no frame of subscription " + std::to_string(s.sid) + " has a time; expected at least one with the field 'ts'");
    }
    report_.markets = builder_.size();
    return report_;
  }

 private:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  struct Subscription {
    std::int64_t sid;
    std::optional<Micros> now = {};  // running maximum
    std::vector<std::size_t> markets = {};
    std::vector<std::pair<std::size_t, EventRow>> undated = {};  // rows before the first dated frame
    bool gap_pending = false;                                    // to be marked at the time of the next frame with rows
  };

  std::size_t handle(std::string_view ticker) {
    const std::size_t before = builder_.size();
    const std::size_t market = builder_.market(ticker);
    if (builder_.size() == before) return market;
    if (parser_.config().grid) {
      MarketInfo info = builder_.info(market);
      info.grid = *parser_.config().grid;
      builder_.set_market(info);
    }
    builder_.set_close(market, parser_.config().close.close_of(ticker));
    return market;
  }

  Subscription& of(std::int64_t sid) {
    for (Subscription& s : subscriptions_) {
      if (s.sid == sid) return s;
    }
    return subscriptions_.emplace_back(Subscription{.sid = sid});
  }

  void count(FrameType type) {
    switch (type) {
      case FrameType::snapshot:
        ++report_.snapshots;
        return;
      case FrameType::delta:
        ++report_.deltas;
        return;
      case FrameType::trade:
        ++report_.trades;
        return;
      case FrameType::ok:
      case FrameType::subscribed:
        ++report_.replies;
        return;
      case FrameType::other:
        ++report_.unknown;
    }
  }

  void store(Subscription& s, std::size_t market, bool dated) {
    if (std::find(s.markets.begin(), s.markets.end(), market) == s.markets.end()) s.markets.push_back(market);
    if (dated) {
      const Micros time = rows_.front().ts_us;
      if (s.now && time < *s.now) {
        if (parser_.config().strict) {
          throw DataError(parser_.config().file, line_, 0,
                          "the frame is dated " + format_time_us(time) + ", earlier than the frame before, " +
                              format_time_us(*s.now) + "; import without strict to raise and count it");
        }
        ++report_.backwards;
        builder_.count_backwards(market);
      }
      s.now = std::max(s.now.value_or(time), time);
      for (const auto& [early, row] : std::exchange(s.undated, {})) append(early, at(row, *s.now));
    }
    if (std::exchange(s.gap_pending, false)) {
      for (const std::size_t affected : s.markets) put(s, affected, {0, EventKind::gap_begin, 0, 0});
    }
    for (const EventRow& row : rows_) put(s, market, row);
  }

  static EventRow at(EventRow row, Micros time) {
    row.ts_us = time;
    return row;
  }
  void put(Subscription& s, std::size_t market, const EventRow& row) {
    if (s.now) return append(market, at(row, *s.now));
    s.undated.emplace_back(market, row);
  }
  void append(std::size_t market, const EventRow& row) {
    try {
      if (builder_.append(market, row)) {
        ++report_.events;
      } else if (row.kind >= EventKind::level_delta_yes && row.kind <= EventKind::trade_no) {
        ++report_.before_snapshot;
      }
    } catch (const DataError& error) {
      throw DataError(parser_.config().file, line_, 0, error.what());
    }
  }

  WireParser parser_;
  SequenceTracker sequence_;
  SessionBuilder& builder_;
  ImportReport report_;
  std::vector<Subscription> subscriptions_;  // a handful
  std::vector<EventRow> rows_;
  std::size_t line_ = 0;
};

}  // namespace detail

/**
 * @brief Adds the frames of a recording to a session.
 *
 * A frame's time is its `ts`; an earlier one than that of its subscription's frame before is raised to it and counted. A frame
 * without time has the time of the frame before, or of the first dated one. Where sequence numbers are missing every market of
 * the subscription gets `gap_begin` at the time of the next frame; repeated numbers are dropped. Empty lines are passed over.
 * @throws DataError `file:line:column` as WireParser and SessionBuilder, and if no frame has a time; throw the builder away
 * then
 * @throws IoError if the stream fails
 */
inline ImportReport import_ws_jsonl(std::istream& frames, const WireConfig& config, SessionBuilder& builder) {
  builder.set_strict(config.strict);
  builder.set_source("ws-jsonl", config.environment);
  detail::WsImport import(config, builder);
  std::string line;
  for (std::size_t number = 1; std::getline(frames, line); ++number) {
    if (line.find_first_not_of(" \t\r") != std::string::npos) import.frame(line, number);
  }
  if (frames.bad()) throw IoError(config.file + ": reading failed; check the file or the disk");
  return import.finish();
}

}  // namespace rlx::inline v0_1::kalshi

#endif  // RLX_KALSHI_IMPORT_WS_HPP
