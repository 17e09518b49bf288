// SPDX-License-Identifier: MIT
/// @file
/// @brief Published data sets turned into the data of a tape, with their traps taken out and what was assumed named.
///
/// `prices_csv` and `funding_csv` (tape_csv.hpp) write the result as canonical files. Texts are given in memory, already
/// unpacked.
#ifndef RLX_FUNDING_CONVERT_HPP
#define RLX_FUNDING_CONVERT_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/funding/detail/sort_rows.hpp>
#include <rlx/funding/tape_csv.hpp>
#include <rlx/funding/tape_data.hpp>
#include <rlx/funding/types.hpp>
#include <rlx/funding/venues.hpp>
#include <rlx/io/csv.hpp>

namespace rlx::inline v0_1::funding {

namespace detail {
// Coin-margined series are named `BTCUSDCM`, `BTCUSD_PERP` or `BTC-USD-SWAP`: quoted in USD, settled in the coin.
inline bool is_inverse_name(std::string_view symbol) {
  return symbol.ends_with("CM") || symbol.find("USD_") != std::string_view::npos || symbol.ends_with("-USD-SWAP");
}

// Rows in order of time; the files are, but nothing says so.
template <class Row>
void sort_by_time(std::vector<Row>& rows) {
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return row_time(a) < row_time(b); });
}
// Gives every instrument the rows of its symbol at `venue`, from its own first to its own last stamp.
inline void use_prices_of(std::vector<InstrumentData>& instruments, std::string_view venue, const std::string& file) {
  std::string lower(venue), known;
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  std::map<std::string, std::vector<PriceRow>, std::less<>> common;  // by symbol
  std::vector<std::string> names;
  for (const InstrumentData& one : instruments) {
    if (one.venue == lower) common[one.symbol] = one.rows;
    if (std::find(names.begin(), names.end(), one.venue) != names.end()) continue;
    names.push_back(one.venue);
    known += (known.empty() ? "" : ", ") + one.venue;
  }
  for (InstrumentData& one : instruments) {
    const auto source = common.find(one.symbol);
    if (source == common.end())
      throw ConfigError("common_prices = '" + std::string(venue) + "': " + file + " has no prices of it for " + one.symbol +
                        "; expected a venue with all symbols, of " + known);
    if (one.venue == lower) continue;
    const std::int64_t first = one.rows.front().ts_ms, last = one.rows.back().ts_ms;
    one.rows = source->second;
    std::erase_if(one.rows, [&](const PriceRow& row) { return row.ts_ms < first || row.ts_ms > last; });
    if (!one.rows.empty()) one.rows.front().low = one.rows.front().high = missing;  // there is no row before it
  }
}
}  // namespace detail

/// How eight-hour bars become rows.
struct SpotPerpOptions {
  /// Name of a venue whose prices stand for those of all venues; empty: each venue has its own. An approximation without
  /// spreads between venues, for files in which the bars of the venues are of different times.
  std::string common_prices;
};

/**
 * @brief Eight-hour bars of spot, linear and inverse contracts with the rate settled at each bar's open.
 *
 * Columns `bar_open_ms_utc, exchange, symbol, contract, open, high, low, close, volume, funding_rate_settled_at_bar_open`. Only
 * linear perpetuals are kept. The price at a stamp is the bar's open: high, low and close lie up to 8 h ahead of it, so high
 * and low go to the next row, and close and the volume (whose unit differs by contract) are not used.
 * @throws DataError `file:line:column: ...`
 * @throws ConfigError for `common_prices` that the file does not hold for every symbol, naming the venues in the file
 */
inline TapeData convert_spot_perp_8h(const CsvText& file, const VenueTable& venues = VenueTable::builtin(),
                                     const SpotPerpOptions& options = {}) {
  enum : std::size_t { time, venue, symbol, contract, open, high, low, rate };
  io::CsvReader reader(file.text, file.name,
                       {{.name = "bar_open_ms_utc"},
                        detail::venue_column(),
                        {.name = "symbol"},
                        {.name = "contract"},
                        {.name = "open"},
                        {.name = "high"},
                        {.name = "low"},
                        {.name = "funding_rate_settled_at_bar_open"}});
  TapeData data;
  detail::InstrumentIndex index(data.instruments, venues);
  while (reader.next()) {
    if (reader.required_text(contract) != "perpetual") {
      ++data.report.dropped_other;
      continue;
    }
    if (detail::is_inverse_name(reader.required_text(symbol))) {
      ++data.report.dropped_inverse;
      continue;
    }
    const auto fail_venue = [&](const std::string& message) { reader.fail(venue, message); };
    InstrumentData& one = data.instruments[index.at(reader.required_text(venue), reader.text(symbol), fail_venue)];
    PriceRow row;
    row.ts_ms = reader.integer(time);
    detail::check(reader, time, io::time_ms_problem(row.ts_ms));
    row.price = reader.number(open);
    row.low = reader.number(low);
    row.high = reader.number(high);
    if (!(row.price > 0.0)) reader.fail(open, "price " + detail::number_text(row.price) + ": expected a number > 0");
    one.rows.push_back(row);
    if (reader.missing(rate)) continue;
    const Settlement settlement{row.ts_ms, 0, reader.number(rate), 8.0};
    detail::check(reader, rate, detail::rate_problem(settlement.rate));
    one.settlements.push_back(settlement);
  }
  detail::require_rows(reader, "bars of bar_open_ms_utc, exchange, symbol, contract, open, high, low, ...");
  if (data.instruments.empty())
    throw DataError(file.name, 0, 0, "no rows of a linear perpetual: only spot and inverse contracts found");
  detail::note_file(data.report, reader, file.text.size());
  for (InstrumentData& one : data.instruments) {
    detail::sort_by_time(one.rows);
    double last_low = missing, last_high = missing;
    for (PriceRow& row : one.rows) {
      const double low_ahead = row.low, high_ahead = row.high;
      row.low = is_finite(last_low) ? std::min(last_low, row.price) : missing;
      row.high = is_finite(last_high) ? std::max(last_high, row.price) : missing;
      last_low = low_ahead;
      last_high = high_ahead;
    }
  }
  if (!options.common_prices.empty()) {
    detail::use_prices_of(data.instruments, options.common_prices, file.name);
    data.report.approximations.push_back("the prices of every venue are those of " + options.common_prices +
                                         ": there is no information on the spread between venues");
  }
  data.report.approximations.push_back(
      "quoted spreads, depth and volumes are not in the bars; the cost model's defaults apply");
  return data;
}

/**
 * @brief Realised settlements of several venues with marks of Binance only.
 *
 * Columns `settle_ms_utc, venue, venue_symbol, canonical_symbol, funding_rate, interval_hours, mark_price`. Contracts quoted in
 * USDT and in USDC are different instruments (`BTC-USDT-PERP`, `BTC-USDC-PERP`). At each of its stamps an instrument gets, as
 * its price, the newest Binance mark at or before it: of the same contract, else of the same coin. All venues of a symbol so
 * share one price: such a tape holds no spread between venues, and the report names this. Stamps before the first mark, coins
 * without any (both get no price) and rows without an interval (left out) are counted in `dropped_other`.
 * @throws DataError `file:line:column: ...`
 */
inline TapeData convert_settlements(const CsvText& file, const VenueTable& venues = VenueTable::builtin()) {
  enum : std::size_t { time, venue, symbol, rate, interval, mark };
  io::CsvReader reader(file.text, file.name,
                       {{.name = "settle_ms_utc"},
                        detail::venue_column(),
                        detail::symbol_column(),
                        {.name = "funding_rate"},
                        {.name = "interval_hours"},
                        {.name = "mark_price"}});
  TapeData data;
  detail::InstrumentIndex index(data.instruments, venues);
  std::map<std::string, std::vector<PriceRow>, std::less<>> marks;  // of Binance, by contract
  while (reader.next()) {
    const auto fail_venue = [&](const std::string& message) { reader.fail(venue, message); };
    InstrumentData& one = data.instruments[index.at(reader.required_text(venue), reader.required_text(symbol), fail_venue)];
    if (reader.missing(interval)) {  // a rate without its interval is no rate per hour
      ++data.report.dropped_other;
      continue;
    }
    Settlement s{reader.integer(time), 0, reader.number(rate), reader.number(interval)};
    detail::check(reader, time, io::time_ms_problem(s.settle_ms));
    detail::check(reader, rate, detail::rate_problem(s.rate));
    detail::check(reader, interval, detail::interval_problem(s.interval_hours));
    one.settlements.push_back(s);
    one.settlement_lines.push_back(detail::line_of(reader));
    if (one.venue != "binance" || reader.missing(mark)) continue;
    PriceRow row;
    row.ts_ms = s.settle_ms;
    row.price = reader.number(mark);
    if (!(row.price > 0.0)) reader.fail(mark, "mark " + detail::number_text(row.price) + ": expected a number > 0, or nothing");
    marks[one.symbol].push_back(row);
  }
  detail::require_rows(reader,
                       "settlements of settle_ms_utc, venue, canonical_symbol, funding_rate, interval_hours, mark_price");
  detail::note_file(data.report, reader, file.text.size());
  data.funding_name = file.name;
  if (marks.empty()) throw DataError(file.name, 0, 0, "no mark of binance: without a price no position can be valued");
  for (auto& [name, rows] : marks) detail::sort_by_time(rows);
  for (InstrumentData& one : data.instruments) {
    auto source = marks.find(one.symbol);
    for (auto other = marks.begin(); source == marks.end() && other != marks.end(); ++other)
      if (base_coin(other->first) == base_coin(one.symbol)) source = other;
    std::vector<std::int64_t> stamps;
    for (const Settlement& s : one.settlements) stamps.push_back(s.settle_ms);
    std::sort(stamps.begin(), stamps.end());
    stamps.erase(std::unique(stamps.begin(), stamps.end()), stamps.end());
    for (const std::int64_t stamp : stamps) {
      const std::vector<PriceRow> none;
      const std::vector<PriceRow>& rows = source == marks.end() ? none : source->second;
      const auto after =
          std::upper_bound(rows.begin(), rows.end(), stamp, [](std::int64_t t, const PriceRow& row) { return t < row.ts_ms; });
      if (after == rows.begin()) {
        ++data.report.dropped_other;
        continue;
      }
      PriceRow row = *(after - 1);
      row.ts_ms = stamp;
      one.rows.push_back(row);
    }
  }
  data.report.approximations.push_back(
      "only Binance publishes marks here: at each stamp every venue's price is Binance's newest mark of the contract, else of "
      "the "
      "coin, at or before it; there is no information on the spread between venues");
  return data;
}

}  // namespace rlx::inline v0_1::funding

#endif  // RLX_FUNDING_CONVERT_HPP
