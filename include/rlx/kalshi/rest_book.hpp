// SPDX-License-Identifier: MIT
/// @file
/// @brief Order books as the exchange's REST interface gives them, one or a file of many.
/// @par Source Kalshi API documentation, GET /markets/{ticker}/orderbook
#ifndef RLX_KALSHI_REST_BOOK_HPP
#define RLX_KALSHI_REST_BOOK_HPP

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/kalshi/detail/json_cursor.hpp>
#include <rlx/kalshi/detail/wire_values.hpp>
#include <rlx/kalshi/import_report.hpp>
#include <rlx/kalshi/session_builder.hpp>
#include <rlx/kalshi/ticker.hpp>
#include <rlx/kalshi/types.hpp>

namespace rlx::inline v0_1::kalshi {

/// A level at its YES price.
struct BookLevel {
  Price price = 0;                                    ///< YES price
  Count size = 0;                                     ///< contracts that rest at it
  bool operator==(const BookLevel&) const = default;  ///< Memberwise.
};

/// The resting orders of one market.
struct RestBook {
  std::string ticker;                                ///< empty where the answer does not name it
  std::vector<BookLevel> yes;                        ///< YES bids in the order given
  std::vector<BookLevel> no;                         ///< NO bids, at YES prices
  bool operator==(const RestBook&) const = default;  ///< Memberwise.
};

namespace detail {

class RestReader {
 public:
  RestReader(std::string_view text, const std::string& file) : json_(text, file, 1), values_(std::nullopt) {}

  RestBook one() {
    RestBook result = answer();
    json_.expect_end();
    return result;
  }

  std::vector<RestBook> many() {
    std::vector<RestBook> result;
    const auto books = [&] {
      json_.object([&](std::string_view key) {
        const std::string ticker(key);  // the key lives until the next text
        try {
          check_ticker(ticker);
        } catch (const DataError& error) {
          json_.fail_with(error.what());
        }
        result.push_back(sides_or_answer());
        result.back().ticker = ticker;
      });
    };
    if (json_.peek() == '[') {
      json_.array(books);
    } else {
      books();
    }
    json_.expect_end();
    return result;
  }

 private:
  static std::string_view plain(std::string_view key) noexcept { return key.starts_with('_') ? key.substr(1) : key; }

  // {"orderbook": SIDES} or {"orderbook_fp": SIDES}; the latter is finer and wins where both are there.
  RestBook answer() {
    std::optional<RestBook> cents, fixed_point;
    json_.object([&](std::string_view key) {
      const std::string_view name = plain(key);
      if (name == "orderbook") {
        cents = sides();
      } else if (name == "orderbook_fp") {
        fixed_point = sides();
      } else {
        json_.skip();
      }
    });
    if (fixed_point) return *std::move(fixed_point);
    if (!cents) json_.fail_with("field 'orderbook' or 'orderbook_fp' is missing");
    return *std::move(cents);
  }

  RestBook sides_or_answer() {
    JsonCursor ahead = json_;
    bool wrapped = false;
    ahead.object([&](std::string_view key) {
      wrapped = wrapped || plain(key) == "orderbook" || plain(key) == "orderbook_fp";
      ahead.skip();
    });
    return wrapped ? answer() : sides();
  }

  RestBook sides() {
    RestBook result;
    bool dollars_yes = false, dollars_no = false;
    if (json_.peek() != '{') json_.fail("expected an object with the sides 'yes' and 'no'");
    json_.object([&](std::string_view key) {
      const std::string_view name = plain(key);
      const bool yes = name.starts_with("yes");
      const std::string_view form = yes ? name.substr(3) : name.starts_with("no") ? name.substr(2) : "?";
      const bool dollars = form == "_dollars" || form == "_dollars_fp";
      bool& have_dollars = yes ? dollars_yes : dollars_no;
      if ((!dollars && !form.empty()) || (have_dollars && !dollars)) return json_.skip();
      have_dollars = dollars;
      std::vector<BookLevel>& side = yes ? result.yes : result.no;
      side.clear();
      const std::string field(name);
      values_.levels(json_, field, dollars ? WireForm::either : WireForm::number, [&](Price own, Count size) {
        side.push_back({yes ? own : one_dollar - own, size});
      });
    });
    return result;
  }

  JsonCursor json_;
  WireValues values_;
};

}  // namespace detail

/// Reads one answer: {"orderbook": {...}} in cents, or {"orderbook_fp": {...}} in dollars; every key may have a leading
/// underscore, a side may be null or absent. @throws DataError with the column for anything else
inline RestBook parse_rest_book(std::string_view json, const std::string& file = "orderbook") {
  return detail::RestReader(json, file).one();
}

/// Reads many: an object {ticker: book, ...} or an array of such objects, each book being an answer or only its sides.
/// @throws DataError with the byte of the text
inline std::vector<RestBook> parse_rest_books(std::string_view json, const std::string& file = "orderbooks") {
  return detail::RestReader(json, file).many();
}

/// Adds the books as snapshots of one moment, which the answers do not tell.
/// @throws DataError as parse_rest_books and SessionBuilder
inline ImportReport import_rest_json(std::string_view json, Micros taken_us, const CloseRule& close, SessionBuilder& builder,
                                     const std::string& file = "orderbooks") {
  ImportReport report;
  builder.set_source("rest-json");
  for (const RestBook& book : parse_rest_books(json, file)) {
    const std::size_t market = builder.market(book.ticker);
    builder.set_close(market, close.close_of(book.ticker));
    const auto add = [&](EventKind kind, Price price, Count size) {
      report.events += builder.append(market, {taken_us, kind, price, size}) ? 1 : 0;
    };
    add(EventKind::book_clear, 0, 0);
    for (const BookLevel& level : book.yes) add(EventKind::level_set_yes, level.price, level.size);
    for (const BookLevel& level : book.no) add(EventKind::level_set_no, level.price, level.size);
    ++report.rows;
    ++report.snapshots;
  }
  report.markets = builder.size();
  return report;
}

}  // namespace rlx::inline v0_1::kalshi

#endif  // RLX_KALSHI_REST_BOOK_HPP
