// SPDX-License-Identifier: MIT
/// @file
/// @brief A tape from a list of opportunities: the CSV that funding scanners write, one row per pair and time.
///
/// Required columns: entry_time, symbol, long_exchange, short_exchange, entry_long_price, entry_short_price,
/// long_funding_rate, short_funding_rate, fund_apr, volume_24h; camelCase forms are accepted. Each row gives a price and an
/// indicative rate of both legs. What such a file does not hold is approximated, and the report says so: the rate settled at
/// S is the last rate seen at or before S. A stated next funding time that is not within an interval after its row is not used,
/// and counted. Rows whose detected_at lies after their entry_time are counted: they know the
/// future.
#ifndef RLX_FUNDING_OPPORTUNITY_CSV_HPP
#define RLX_FUNDING_OPPORTUNITY_CSV_HPP

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/funding/detail/sort_rows.hpp>
#include <rlx/funding/market_tape.hpp>
#include <rlx/funding/opportunity.hpp>
#include <rlx/funding/tape_csv.hpp>
#include <rlx/funding/tape_data.hpp>
#include <rlx/funding/types.hpp>
#include <rlx/funding/venues.hpp>
#include <rlx/io/csv.hpp>
#include <rlx/io/iso8601.hpp>

namespace rlx::inline v0_1::funding {

/// How an opportunity CSV is read.
struct OpportunityCsvOptions {
  bool volume_is_base = true;                      ///< volume_24h counts coins, as scanners report it
  io::DateOrder date_order = io::DateOrder::none;  ///< slash dates are refused unless their order is given
  TapeFiles tape_files = {};  ///< if prices are given: prices and cash come from these files, the CSV gives candidates only
};

namespace detail {

// One leg of one row.
struct OpportunityLeg {
  std::size_t instrument = 0;
  double price = 0.0, rate = 0.0, interval_hours = 8.0;
  std::int64_t next_settle_ms = 0;
  float volume_usd = static_cast<float>(missing);
  bool operator==(const OpportunityLeg& o) const {
    return instrument == o.instrument && price == o.price && rate == o.rate && interval_hours == o.interval_hours &&
           next_settle_ms == o.next_settle_ms && same_value(static_cast<double>(volume_usd), static_cast<double>(o.volume_usd));
  }
};

struct OpportunityRow {
  std::int64_t time_ms = 0;
  std::array<OpportunityLeg, 2> legs;  // long, short
  double net24_bph = missing, net72_bph = missing, spread_mean_bp = missing;
  float bid_ask_bps = static_cast<float>(missing), depth_usd = static_cast<float>(missing);
  std::size_t line = 0;

  auto key() const { return std::tuple(time_ms, legs[0].instrument, legs[1].instrument); }
  bool same_values(const OpportunityRow& o) const {
    const auto same = [](auto a, auto b) { return same_value(static_cast<double>(a), static_cast<double>(b)); };
    return legs == o.legs && same(net24_bph, o.net24_bph) && same(net72_bph, o.net72_bph) &&
           same(spread_mean_bp, o.spread_mean_bp) && same(bid_ask_bps, o.bid_ask_bps) && same(depth_usd, o.depth_usd);
  }
};

class OpportunityCsvReader {
 public:
  OpportunityCsvReader(const CsvText& file, const OpportunityCsvOptions& options, const TapeConfig& config,
                       const VenueTable& venues, TapeData& data)
      : options_(options),
        config_(config),
        data_(data),
        index_(data.instruments, venues),
        reader_(file.text, file.name, columns()),
        bytes_(file.text.size()) {}

  // Checked rows in order of time, without duplicates.
  std::vector<OpportunityRow> read() {
    refuse_two_spellings();
    std::vector<OpportunityRow> rows;
    std::size_t outside = 0;
    while (reader_.next()) {
      if (!reader_.missing(sub_type) && reader_.integer(sub_type) != 1) {
        ++data_.report.dropped_strategies;
        continue;
      }
      if (!config_.in_range(time_of(entry_time))) {
        ++outside;
        continue;
      }
      rows.push_back(read_row());
    }
    require_rows(reader_, "an opportunity CSV with entry_time, symbol, long_exchange, short_exchange and the other columns");
    if (rows.empty() && outside > 0) refuse_empty_range(config_);
    if (rows.empty())
      throw DataError(reader_.file(), 0, 0,
                      "no rows of this strategy: all " + std::to_string(reader_.rows()) + " have a subType other than 1");
    note_file(data_.report, reader_, bytes_);
    sort(rows);
    data_.report.opportunity_rows = rows.size();
    return rows;
  }

 private:
  enum Column : std::size_t {
    entry_time,
    symbol,
    long_exchange,
    short_exchange,
    long_price,
    short_price,
    long_rate,
    short_rate,
    apr,
    volume,
    long_interval,
    short_interval,
    long_next,
    short_next,
    long_volume,
    short_volume,
    proj_24h,
    proj_3d,
    bid_ask,
    depth,
    spread_24h,
    detected,
    sub_type
  };

  static std::vector<io::CsvColumn> columns() {
    using Names = std::vector<std::string>;
    const auto required = [](Names names) { return io::CsvColumn{.name = names.front(), .headers = names}; };
    const auto optional = [](Names names) { return optional_column(names.front(), names); };
    return {required({"entry_time", "entryTime", "hourly_timestamp", "hourlyTimestamp"}),
            required({"symbol"}),
            required({"long_exchange", "longExchange"}),
            required({"short_exchange", "shortExchange"}),
            required({"entry_long_price", "entryLongPrice", "long_exchange_price", "longExchangePrice"}),
            required({"entry_short_price", "entryShortPrice", "short_exchange_price", "shortExchangePrice"}),
            required({"long_funding_rate", "longFundingRate"}),
            required({"short_funding_rate", "shortFundingRate"}),
            required({"fund_apr", "fundApr"}),
            required({"volume_24h", "volume24h"}),
            optional({"long_funding_interval_hours", "longFundingIntervalHours"}),
            optional({"short_funding_interval_hours", "shortFundingIntervalHours"}),
            optional({"long_next_funding_time", "longNextFundingTime"}),
            optional({"short_next_funding_time", "shortNextFundingTime"}),
            optional({"long_volume_24h", "longVolume24h"}),
            optional({"short_volume_24h", "shortVolume24h"}),
            optional({"fund_profit_8h_24h_proj", "fundProfit8h24hProj"}),
            optional({"fund_profit_8h_3d_proj", "fundProfit8h3dProj"}),
            optional({"bid_ask_spread_percent", "bidAskSpreadPercent"}),
            optional({"orderbook_depth_usd", "orderbookDepthUsd"}),
            optional({"price_spread_24h_avg", "priceSpread24hAvg"}),
            optional({"detected_at", "detectedAt"}),
            optional({"sub_type", "subType"})};
  }

  // A file with long_exchange and longExchange does not say which of them counts.
  void refuse_two_spellings() const {
    const auto plain = [](const std::string& name) {
      std::string text;
      for (const char c : name)
        if (c != '_') text += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      return text;
    };
    const std::span<const std::string> header = reader_.header();
    for (const io::CsvColumn& column : columns()) {
      const std::string* first = nullptr;
      for (const std::string& name : column.headers) {
        if (std::find(header.begin(), header.end(), name) == header.end()) continue;
        if (first != nullptr && plain(*first) == plain(name))
          throw DataError(
              reader_.file(), 1, 0,
              "the header has '" + *first + "' and '" + name + "', two spellings of one column; remove one of them");
        if (first == nullptr) first = &name;
      }
    }
  }

  OpportunityRow read_row() {
    OpportunityRow row;
    row.line = reader_.line();
    row.time_ms = time_of(entry_time);
    if (!reader_.missing(detected) && time_of(detected) > row.time_ms) ++data_.report.late_detections;
    row.legs[0] = read_leg(long_exchange, long_price, long_rate, long_interval, long_next, long_volume);
    row.legs[1] = read_leg(short_exchange, short_price, short_rate, short_interval, short_next, short_volume);
    if (row.legs[0].instrument == row.legs[1].instrument)
      reader_.fail(short_exchange,
                   "both legs are on '" + std::string(reader_.text(short_exchange)) + "': a pair needs two different venues");
    if (!reader_.missing(bid_ask)) {
      const double bps = 100.0 * reader_.number(bid_ask);
      check(reader_, bid_ask, bid_ask_problem(bps));
      row.bid_ask_bps = static_cast<float>(bps);
    }
    if (!reader_.missing(depth)) row.depth_usd = static_cast<float>(not_negative(depth));
    row.net24_bph = reader_.number_or(proj_24h, missing) / 0.08;
    row.net72_bph = reader_.number_or(proj_3d, missing) / 0.08;
    row.spread_mean_bp = 100.0 * reader_.number_or(spread_24h, missing);
    compare_apr(row);
    return row;
  }

  OpportunityLeg read_leg(Column exchange, Column price, Column rate, Column interval, Column next, Column leg_volume) {
    OpportunityLeg leg;
    leg.instrument = index_.at(reader_.required_text(exchange), reader_.required_text(symbol),
                               [&](const std::string& message) { reader_.fail(exchange, message); });
    leg.price = reader_.number(price);
    if (!(leg.price > 0.0)) reader_.fail(price, "price " + number_text(leg.price) + ": expected a number > 0");
    leg.rate = reader_.number(rate);
    check(reader_, rate, rate_problem(leg.rate));
    leg.interval_hours = reader_.number_or(interval, 8.0);
    if (reader_.missing(interval)) ++defaulted_;
    check(reader_, interval, interval_problem(leg.interval_hours));
    if (!reader_.missing(next)) {
      leg.next_settle_ms = time_of(next);
      const auto limit = time_of(entry_time) + static_cast<std::int64_t>(leg.interval_hours) * ms_per_hour;
      if (leg.next_settle_ms <= time_of(entry_time) || leg.next_settle_ms > limit) {
        leg.next_settle_ms = 0;
        ++data_.report.implausible_stamps;
      }
    }
    const Column source = reader_.missing(leg_volume) ? volume : leg_volume;
    if (!reader_.missing(source))
      leg.volume_usd = static_cast<float>(not_negative(source) * (options_.volume_is_base ? leg.price : 1.0));
    return leg;
  }

  double not_negative(Column column) const {
    const double value = reader_.number(column);
    if (value < 0.0) reader_.fail(column, number_text(value) + ": expected a number >= 0");
    return value;
  }

  std::int64_t time_of(Column column) const {
    const std::string_view text = reader_.required_text(column);
    const bool digits = text.find_first_not_of("0123456789") == std::string_view::npos;
    std::int64_t ms = 0;
    try {
      ms = digits ? reader_.integer(column) : io::parse_time_ms(text, options_.date_order);
    } catch (const DataError& error) {
      if (digits) throw;
      reader_.fail(column, error.what());
    }
    check(reader_, column, io::time_ms_problem(ms));
    return ms;
  }

  void compare_apr(const OpportunityRow& row) {
    if (defaulted_ > 0) {
      ++data_.report.defaulted_intervals;
      defaulted_ = 0;
    }
    const double stated = reader_.number(apr);
    const double formula =
        fund_apr(net_rate_bph(row.legs[0].rate, row.legs[0].interval_hours, row.legs[1].rate, row.legs[1].interval_hours));
    if (std::fabs(stated - formula) > 0.01 * std::max(std::fabs(stated), std::fabs(formula))) ++data_.report.apr_mismatches;
  }

  void sort(std::vector<OpportunityRow>& rows) const {
    for (std::size_t i = 1, latest = 0; i < rows.size(); ++i) {
      if (rows[i].time_ms < rows[latest].time_ms) {
        ++data_.report.out_of_order;
      } else {
        latest = i;
      }
    }
    std::stable_sort(rows.begin(), rows.end(),
                     [](const OpportunityRow& a, const OpportunityRow& b) { return a.key() < b.key(); });
    std::size_t kept = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (kept == 0 || rows[kept - 1].key() != rows[i].key()) {
        rows[kept++] = rows[i];
      } else if (rows[kept - 1].same_values(rows[i])) {
        ++data_.report.duplicates;
      } else if (config_.conflict_last_wins) {
        ++data_.report.conflicts;
        rows[kept - 1] = rows[i];
      } else {
        throw DataError(reader_.file(), rows[i].line, 0,
                        "time, symbol and venues are those of line " + std::to_string(rows[kept - 1].line) +
                            " but other values differ; remove one row, or keep the last with --on-conflict last");
      }
    }
    rows.resize(kept);
  }

  const OpportunityCsvOptions& options_;
  const TapeConfig& config_;
  TapeData& data_;
  InstrumentIndex index_;
  io::CsvReader reader_;
  std::size_t bytes_;
  int defaulted_ = 0;  // legs of the current row whose interval is absent
};

// What one row says of one instrument.
struct LegSighting {
  std::int64_t time_ms;
  const OpportunityLeg* leg;
  const OpportunityRow* row;
};

// First stamp after the sighting: the stated one, else the next multiple of the interval from midnight.
inline std::int64_t first_stamp_after(const LegSighting& seen) {
  const auto interval = static_cast<std::int64_t>(seen.leg->interval_hours) * ms_per_hour;
  if (seen.leg->next_settle_ms != 0) return seen.leg->next_settle_ms;
  return floor_to(seen.time_ms, interval) + interval;
}

// Settlements from sighting to sighting, each with the last rate seen at or before it.
inline void approximate_settlements(const std::vector<LegSighting>& seen, std::int64_t end_ms, InstrumentData& one) {
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const bool last = i + 1 == seen.size();
    const auto interval = static_cast<std::int64_t>(seen[i].leg->interval_hours) * ms_per_hour;
    const std::int64_t limit = last ? end_ms : seen[i + 1].time_ms;
    for (std::int64_t s = first_stamp_after(seen[i]); s <= limit; s += interval) {
      const double rate = !last && s == limit ? seen[i + 1].leg->rate : seen[i].leg->rate;
      one.settlements.push_back({s, 0, rate, seen[i].leg->interval_hours});
    }
  }
}

// Two rows of one time that show a leg at different prices or rates. The volume may differ without a conflict: where the file
// has no volume of each leg, it is that of the pair.
inline bool in_conflict(const OpportunityLeg& a, const OpportunityLeg& b) {
  return a.price != b.price || a.rate != b.rate || a.interval_hours != b.interval_hours;
}

[[noreturn]] inline void refuse_sighting(const LegSighting& first, const LegSighting& second, const InstrumentData& one,
                                         const std::string& file) {
  const auto shown = [](const OpportunityLeg& leg) {
    return "price " + number_text(leg.price) + ", rate " + number_text(leg.rate) + " per " + number_text(leg.interval_hours) +
           " h";
  };
  throw DataError(file, second.row->line, 0,
                  one.venue + ' ' + one.symbol + " at " + io::format_time_ms(second.time_ms) + ": " + shown(*second.leg) +
                      " conflicts with line " + std::to_string(first.row->line) + " (" + shown(*first.leg) +
                      "); remove one row, or keep the last with --on-conflict last");
}

inline void add_sightings(const std::vector<OpportunityRow>& rows, const TapeConfig& config, const std::string& file,
                          TapeData& data) {
  std::vector<std::vector<LegSighting>> seen(data.instruments.size());
  for (const OpportunityRow& row : rows)
    for (const OpportunityLeg& leg : row.legs) {
      std::vector<LegSighting>& list = seen[leg.instrument];
      LegSighting stands{row.time_ms, &leg, &row};
      // Several pairs of one time show the same leg; the last of them stands for it. If they disagree, the last of the file.
      if (!list.empty() && list.back().time_ms == row.time_ms) {
        LegSighting other = list.back();
        list.pop_back();
        if (in_conflict(*other.leg, leg)) {
          if (other.row->line > stands.row->line) std::swap(other, stands);
          if (!config.conflict_last_wins) refuse_sighting(other, stands, data.instruments[leg.instrument], file);
          ++data.report.conflicts;
        }
      }
      list.push_back(stands);
    }
  const std::int64_t end_ms = floor_to(rows.back().time_ms + config.step_ms - 1, config.step_ms);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    InstrumentData& one = data.instruments[i];
    for (const LegSighting& sighting : seen[i]) {
      PriceRow row;
      row.ts_ms = sighting.time_ms;
      row.price = sighting.leg->price;
      row.volume_quote_24h = sighting.leg->volume_usd;
      row.bid_ask_bps = sighting.row->bid_ask_bps;
      row.depth_usd = sighting.row->depth_usd;
      one.rows.push_back(row);
      one.indicative.push_back(
          {sighting.time_ms, sighting.leg->rate, sighting.leg->interval_hours, first_stamp_after(sighting)});
    }
    approximate_settlements(seen[i], end_ms, one);
  }
  data.report.approximations.push_back(
      "settled rates are not in an opportunity CSV: the rate settled at each stamp is the last one seen at or before it");
}

}  // namespace detail

/**
 * @brief Reads an opportunity CSV from memory.
 * @param file     text and name of the CSV
 * @param options  units and date order
 * @param config   of the tape that is made
 * @param venues   must hold every exchange of the file
 * @param tape     data of the canonical files, or empty: then prices and rates come from the rows themselves
 * @throws DataError `file:line:column: ...` for missing columns, wrong cells, equal or unknown venues, conflicting rows, and
 *         rows of one time that disagree on the price or rate of a leg
 */
inline TapeData read_opportunities_csv(const CsvText& file, const OpportunityCsvOptions& options, const TapeConfig& config,
                                       const VenueTable& venues, TapeData tape = {}) {
  const bool own_prices = tape.instruments.empty();
  const std::vector<detail::OpportunityRow> rows = detail::OpportunityCsvReader(file, options, config, venues, tape).read();
  if (own_prices) detail::add_sightings(rows, config, file.name, tape);
  tape.candidates_only = true;
  for (const detail::OpportunityRow& row : rows)
    tape.candidates.push_back({row.time_ms, static_cast<std::uint32_t>(row.legs[0].instrument),
                               static_cast<std::uint32_t>(row.legs[1].instrument), row.net24_bph, row.net72_bph,
                               row.spread_mean_bp});
  return tape;
}

inline std::shared_ptr<const MarketTape> MarketTape::from_opportunities_csv(const std::string& path,
                                                                            const OpportunityCsvOptions& options,
                                                                            const TapeConfig& config,
                                                                            const VenueTable& venues) {
  validate(config);
  const io::MappedFile file = detail::open_data_file(path, "an opportunity CSV");
  TapeData tape;
  if (!options.tape_files.prices.empty()) tape = read_tape_files(options.tape_files, config, venues);
  return std::make_shared<const MarketTape>(
      read_opportunities_csv({file.text(), path}, options, config, venues, std::move(tape)), config, venues);
}

/// The tape's own list of opportunities as such a file, one row per pair and step; volumes in coins, as scanners report them.
inline std::string opportunities_csv(const MarketTape& tape) {
  io::CsvWriter csv;
  csv.row("entry_time", "symbol", "long_exchange", "short_exchange", "entry_long_price", "entry_short_price",
          "long_funding_rate", "short_funding_rate", "long_funding_interval_hours", "short_funding_interval_hours",
          "long_next_funding_time", "short_next_funding_time", "fund_apr", "volume_24h");
  const auto rate = [](double bph, double interval_hours) { return bph * interval_hours / 1e4; };
  for (std::size_t k = 0; k < tape.n_steps(); ++k) {
    for (const Opportunity& o : tape.opportunities(k)) {
      csv.row(io::format_time_ms(tape.time(k)), tape.symbol_name(o.symbol), tape.instruments()[o.long_leg].venue_name,
              tape.instruments()[o.short_leg].venue_name, o.long_price, o.short_price, rate(o.long_rate_bph, o.long_interval_h),
              rate(o.short_rate_bph, o.short_interval_h), o.long_interval_h, o.short_interval_h,
              io::format_time_ms(o.long_next_ms), io::format_time_ms(o.short_next_ms), fund_apr(o.pair.net_bph),
              o.volume_usd / o.long_price);
    }
  }
  return csv.take();
}

}  // namespace rlx::inline v0_1::funding

#endif  // RLX_FUNDING_OPPORTUNITY_CSV_HPP
