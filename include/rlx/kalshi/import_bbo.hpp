// SPDX-License-Identifier: MIT
/// @file
/// @brief Imports top-of-book CSV files (best YES and NO bid in whole cents, no sizes) and the list of results beside them.
#ifndef RLX_KALSHI_IMPORT_BBO_HPP
#define RLX_KALSHI_IMPORT_BBO_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <istream>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/io/csv.hpp>
#include <rlx/io/detail/shown_text.hpp>
#include <rlx/kalshi/detail/decimal.hpp>
#include <rlx/kalshi/import_report.hpp>
#include <rlx/kalshi/session_builder.hpp>
#include <rlx/kalshi/ticker.hpp>
#include <rlx/kalshi/types.hpp>

namespace rlx::inline v0_1::kalshi {

/// How a top-of-book file is read.
struct BboImportConfig {
  std::optional<Micros> utc_offset_us = {};  ///< of times without a zone; see parse_utc_offset
  Count assumed_touch_size = contracts(10);  ///< size that each best bid is given; > 0
  CloseRule close = {};                      ///< announced close of the markets
  FeeSchedule fees = {};                     ///< of all markets
  std::string file = "market_data.csv";      ///< name for messages
  std::string environment = "production";    ///< noted in the session
};

/// `+HH:MM` or `-HH:MM` in microseconds, from -14:00 to +14:00. @throws ConfigError showing the text and an example
inline Micros parse_utc_offset(std::string_view text) {
  io::detail::TimeScanner scan(text);
  const bool east = scan.take('+');
  std::int64_t hours = 0, minutes = 0;
  const bool good = (east || scan.take('-')) && scan.digits(2, 2, hours) && scan.take(':') && scan.digits(2, 2, minutes) &&
                    scan.done() && minutes < 60 && hours * 60 + minutes <= 14 * 60;
  if (!good) {
    throw ConfigError("utc-offset: expected +HH:MM or -HH:MM from -14:00 to +14:00, found " + io::detail::shown_text(text) +
                      "; for US Pacific standard time give -08:00");
  }
  return (east ? 1 : -1) * (hours * 60 + minutes) * 60'000'000;
}

namespace detail {

// One file: the quotes of each market as changes of its two best levels.
class BboImport {
 public:
  BboImport(std::string_view text, const BboImportConfig& config, SessionBuilder& builder)
      : config_(config), builder_(builder), rows_(text, config.file, wanted()) {
    if (!std::equal(rows_.header().begin(), rows_.header().end(), names.begin(), names.end())) {
      std::string expected;
      for (const std::string_view name : names) (expected += expected.empty() ? "" : ",") += name;
      throw DataError(config.file, 1, 1, "the header differs; expected " + expected);
    }
  }

  ImportReport run() {
    while (rows_.next()) row();
    report_.rows = rows_.rows();
    report_.markets = builder_.size();
    return report_;
  }

 private:
  enum Column : std::size_t { stamp, ticker, yes_bid, no_bid, no_ask, yes_ask, num_columns };
  static constexpr std::array<std::string_view, num_columns> names = {"timestamp",   "market_ticker",  "best_yes_bid",
                                                                      "best_no_bid", "implied_no_ask", "implied_yes_ask"};
  static constexpr std::int64_t unseen = -1;

  struct Market {
    std::string ticker;
    std::size_t handle = 0;
    std::int64_t yes = unseen, no = unseen;  // best bids in cents, 0: none
    Micros time = 0;
  };

  static std::vector<io::CsvColumn> wanted() {
    std::vector<io::CsvColumn> columns;
    for (const std::string_view name : names) columns.push_back({.name = std::string(name), .required = false});
    return columns;
  }

  void row() {
    const std::int64_t yes = cents_of(yes_bid), no = cents_of(no_bid);
    check_implied(no_ask, yes);
    check_implied(yes_ask, no);
    const Micros time = time_of();
    Market& market = market_of(rows_.text(ticker));
    report_.one_sided += (yes == 0) != (no == 0) ? 1 : 0;
    report_.empty += yes == 0 && no == 0 ? 1 : 0;
    report_.locked += yes != 0 && no != 0 && yes + no == 100 ? 1 : 0;
    report_.crossed += yes + no > 100 && yes != 0 && no != 0 ? 1 : 0;
    const bool first = market.yes == unseen;
    report_.same_millisecond += !first && milliseconds_of(time) == milliseconds_of(market.time) ? 1 : 0;
    report_.backwards += !first && time < market.time ? 1 : 0;
    if (!first && yes == market.yes && no == market.no) {
      ++report_.duplicates;
      builder_.count_duplicate(market.handle);
    } else if (first) {
      add(market, {time, EventKind::book_clear, 0, 0});
      if (yes != 0) add(market, at_yes(time, EventKind::level_set_yes, yes, 1));
      if (no != 0) add(market, at_no(time, EventKind::level_set_no, no, 1));
    } else {
      // What goes is taken first, so that a quote that moved as a whole never looks crossed in between.
      const bool yes_moved = yes != market.yes, no_moved = no != market.no;
      if (yes_moved && market.yes != 0) add(market, at_yes(time, EventKind::level_delta_yes, market.yes, -1));
      if (no_moved && market.no != 0) add(market, at_no(time, EventKind::level_delta_no, market.no, -1));
      if (yes_moved && yes != 0) add(market, at_yes(time, EventKind::level_delta_yes, yes, 1));
      if (no_moved && no != 0) add(market, at_no(time, EventKind::level_delta_no, no, 1));
    }
    market.yes = yes;
    market.no = no;
    market.time = std::max(market.time, time);
  }

  EventRow at_yes(Micros time, EventKind kind, std::int64_t bid, Count sign) const {
    return {time, kind, static_cast<Price>(bid * 100), sign * config_.assumed_touch_size};
  }
  EventRow at_no(Micros time, EventKind kind, std::int64_t bid, Count sign) const {
    return {time, kind, static_cast<Price>(one_dollar - bid * 100), sign * config_.assumed_touch_size};
  }
  void add(const Market& market, const EventRow& event) {
    try {
      report_.events += builder_.append(market.handle, event) ? 1 : 0;
    } catch (const DataError& error) {
      rows_.fail_row(error.what());
    }
    report_.snapshots += event.kind == EventKind::book_clear ? 1 : 0;
    report_.deltas += event.kind >= EventKind::level_delta_yes ? 1 : 0;
  }

  std::int64_t cents_of(Column column) {
    const std::int64_t value = rows_.integer(column);
    if (value < 0 || value > 99) [[unlikely]]
      rows_.fail(column, "expected a bid of 1 to 99 cents, or 0 for none, found " + std::to_string(value));
    return value;
  }
  void check_implied(Column column, std::int64_t bid) {
    const std::int64_t ask = rows_.integer(column);
    if (ask != 100 - bid) [[unlikely]]
      rows_.fail(column, "expected 100 - bid = " + std::to_string(100 - bid) + ", found " + std::to_string(ask));
  }

  Micros time_of() {
    const std::string_view text = rows_.text(stamp);
    const std::optional<Micros> time = parse_time_us(text);
    const bool zoned = text.size() > 10 && text.find_first_of("Zz+-", 10) != std::string_view::npos;
    if (time && !zoned && !config_.utc_offset_us) {
      throw ConfigError(config_.file + ':' + std::to_string(rows_.line()) + ": the time " + io::detail::shown_text(text) +
                        " has no zone; give the offset from UTC, such as --utc-offset -08:00 for US Pacific standard time");
    }
    const Micros utc = time ? *time - (zoned ? 0 : *config_.utc_offset_us) : 0;
    if (utc < first_believed_us || utc >= end_believed_us) [[unlikely]]
      rows_.fail(stamp,
                 "expected a time from 2020 to 2099 such as 2025-12-04T12:27:16.079996, found " + io::detail::shown_text(text));
    return utc;
  }

  // A file has a handful of markets, and the next row is often of the same one.
  Market& market_of(std::string_view name) {
    if (last_ < markets_.size() && markets_[last_].ticker == name) return markets_[last_];
    for (last_ = 0; last_ < markets_.size(); ++last_) {
      if (markets_[last_].ticker == name) return markets_[last_];
    }
    try {
      check_ticker(name);
    } catch (const DataError& error) {
      rows_.fail(ticker, error.what());
    }
    if (builder_.has(name)) rows_.fail(ticker, "market " + std::string(name) + " is in the session already");
    MarketInfo info;
    info.ticker = name;
    info.close_us = config_.close.close_of(name);
    info.fees = config_.fees;
    info.has_sizes = false;
    return markets_.emplace_back(Market{.ticker = info.ticker, .handle = builder_.set_market(info)});
  }

  const BboImportConfig& config_;
  SessionBuilder& builder_;
  io::CsvReader rows_;
  ImportReport report_;
  std::vector<Market> markets_;
  std::size_t last_ = 0;
};

}  // namespace detail

/**
 * @brief Adds one top-of-book file to a session.
 *
 * Header: timestamp,market_ticker,best_yes_bid,best_no_bid,implied_no_ask,implied_yes_ask. A market's first row becomes a
 * snapshot, every later one the changes of its best levels, each of the assumed size; a bid of 0 is an empty side and a
 * repeated quote is dropped and counted. Markets are on whole cents, without sizes.
 * @param text     the file, which `io::gunzip_file` or `io::MappedFile` gives
 * @param config   name for messages, offset of times without zone, assumed size
 * @param builder  gets the markets and their rows; after an exception some of them
 * @throws DataError `file:line:column` for another header or number of fields, a bid outside 0..99, an implied ask that is not
 *         100 - bid, a damaged or unbelievable time, a bad ticker, or a market that the session has already
 * @throws ConfigError for a time without zone if no offset is given, or an assumed size that is not positive
 */
inline ImportReport import_bbo_csv(std::string_view text, const BboImportConfig& config, SessionBuilder& builder) {
  if (config.assumed_touch_size <= 0 || config.assumed_touch_size > max_level_size) {
    throw ConfigError("assumed_touch_size: expected 1.." + std::to_string(max_level_size) + " (1e-2 contract), found " +
                      std::to_string(config.assumed_touch_size));
  }
  builder.set_source("bbo-csv", config.environment);
  return detail::BboImport(text, config, builder).run();
}

/// The same from a stream. @throws IoError also if the stream fails
inline ImportReport import_bbo_csv(std::istream& stream, const BboImportConfig& config, SessionBuilder& builder) {
  std::string text(std::istreambuf_iterator<char>(stream), {});
  if (stream.bad()) throw IoError(config.file + ": reading failed; check the file or the disk");
  return import_bbo_csv(std::string_view(text), config, builder);
}

/// Results of markets by ticker: 10,000 for YES, 0 for NO.
using MarketResults = std::map<std::string, Price, std::less<>>;

/**
 * @brief Reads a list of results with the columns market_ticker and inferred_result (or result): yes, no or unresolved, which
 * is no result. Other columns are ignored; lines may end in CR LF.
 * @param text       the file
 * @param file       name for messages
 * @param exclusive  at most one market of an event has the result yes
 * @throws DataError `file:line:column` for other words, a market named twice, or two winners in one exclusive event
 */
inline MarketResults read_results_csv(std::string_view text, const std::string& file = "settlement.csv",
                                      bool exclusive = true) {
  enum : std::size_t { ticker, result };
  io::CsvReader rows(text, file,
                     {{.name = "market_ticker"}, {.name = "inferred_result", .headers = {"inferred_result", "result"}}});
  MarketResults results;
  std::set<std::string, std::less<>> seen, winners;
  while (rows.next()) {
    const std::string name(rows.text(ticker));
    try {
      check_ticker(name);
    } catch (const DataError& error) {
      rows.fail(ticker, error.what());
    }
    if (!seen.insert(name).second) rows.fail(ticker, "two results for " + name + "; a market has one");
    const std::string_view word = rows.text(result);
    if (word == "unresolved") continue;
    if (word != "yes" && word != "no") {
      rows.fail(result, "expected yes, no or unresolved, found " + io::detail::shown_text(word));
    }
    if (word == "yes" && exclusive && !winners.insert(std::string(event_of_ticker(name))).second) {
      rows.fail(result,
                "a second winner in the exclusive event " + std::string(event_of_ticker(name)) + "; only one can be yes");
    }
    results.emplace(name, word == "yes" ? one_dollar : 0);
  }
  return results;
}

/**
 * @brief Gives the markets of the builders their results.
 * @param results          by ticker
 * @param builders         in which the markets are looked for
 * @param known_elsewhere  tickers that may have a result without being in a builder, such as those of a store
 * @throws DataError naming a market that is nowhere, or one with another result already
 */
inline void apply_results(const MarketResults& results, std::span<SessionBuilder> builders,
                          const std::set<std::string, std::less<>>& known_elsewhere = {}) {
  for (const auto& [name, value] : results) {
    bool known = known_elsewhere.find(name) != known_elsewhere.end();
    for (SessionBuilder& builder : builders) {
      if (!builder.has(name)) continue;
      builder.set_settlement(builder.market(name), value);
      known = true;
    }
    if (!known) {
      throw DataError("there is a result for the unknown market " + io::detail::shown_text(name) +
                      "; import its prices too, or take it out of the list of results");
    }
  }
}

}  // namespace rlx::inline v0_1::kalshi

#endif  // RLX_KALSHI_IMPORT_BBO_HPP
