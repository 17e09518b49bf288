// SPDX-License-Identifier: MIT
/// @file
/// @brief What goes into a MarketTape: rows per instrument in memory, and the configuration of grid, delays, costs, filters.
#ifndef RLX_FUNDING_TAPE_DATA_HPP
#define RLX_FUNDING_TAPE_DATA_HPP

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/funding/data_report.hpp>
#include <rlx/funding/types.hpp>
#include <rlx/io/iso8601.hpp>

namespace rlx::inline v0_1::funding {

/// Limits below which a pair is not offered. A value that is missing passes.
struct OpportunityFilter {
  double max_bid_ask_bps = 50.0;                              ///< per leg
  double min_depth = 25'000.0;                                ///< USD, per leg
  double min_volume = 500'000.0;                              ///< USD in 24 h, per leg
  double min_history_h = 24.0;                                ///< hours since the leg's first settlement
  std::size_t min_settlements = 3;                            ///< settlements of each leg
  bool operator==(const OpportunityFilter&) const = default;  ///< Memberwise.
};

/// Paths of the canonical files; `indicative` and `instruments` may be empty.
struct TapeFiles {
  std::string prices,            ///< required
      funding,                   ///< required
      indicative;                ///< empty: no such file
  std::string instruments = {};  ///< `venue, symbol, lot` and optionally `contract` (linear or inverse)
};

/// How a tape is made from data.
struct TapeConfig {
  std::int64_t step_ms = ms_per_hour;  ///< 5, 15, 30, 60, 120, 240 or 480 minutes
  std::int64_t price_delay_ms = 0;     ///< a price row is usable from its time stamp plus this
  std::int64_t funding_delay_ms = 0;   ///< the same for settlements and indicative rates
  std::int64_t max_price_age_ms = 0;   ///< older prices are stale; 0 = the larger of two steps and two hours
  CostModel costs = {};                ///< for the list of opportunities
  OpportunityFilter filter = {};       ///< for the list of opportunities
  bool conflict_last_wins = false;     ///< rows of equal key and other values: keep the last instead of refusing
  bool volume_is_base = false;         ///< CSV volumes are coins, not USD
  bool derive_intervals = false;       ///< funding CSV without an interval: take it from the distance of the stamps
  /// Rows and settlements stamped outside [first_ms, end_ms) are left out, as if the data did not hold them.
  std::int64_t first_ms = std::numeric_limits<std::int64_t>::min();
  std::int64_t end_ms = std::numeric_limits<std::int64_t>::max();  ///< exclusive

  /// Whether data of that time are kept.
  bool in_range(std::int64_t ms) const noexcept { return ms >= first_ms && ms < end_ms; }
  bool operator==(const TapeConfig&) const = default;  ///< Memberwise.
};

namespace detail {

[[noreturn]] inline void refuse_empty_range(const TapeConfig& config) {
  const auto shown = [](std::int64_t ms, const char* open) {
    return ms > io::first_plausible_ms && ms < io::end_plausible_ms ? io::format_time_ms(ms) : std::string(open);
  };
  throw ConfigError("no data from " + shown(config.first_ms, "the beginning") + " to before " +
                    shown(config.end_ms, "the end") + ": choose times within the data (--start, --end)");
}

}  // namespace detail

/// @throws ConfigError naming the field, its value and its range.
inline void validate(const TapeConfig& config) {
  const auto refuse = [](std::string_view field, const std::string& value, std::string_view range) {
    throw ConfigError("TapeConfig." + std::string(field) + " = " + value + ": expected " + std::string(range));
  };
  bool known_step = false;
  for (const std::int64_t minutes : {5, 15, 30, 60, 120, 240, 480}) known_step |= config.step_ms == minutes * 60'000;
  if (!known_step) refuse("step_ms", std::to_string(config.step_ms), "5, 15, 30, 60, 120, 240 or 480 minutes in ms");
  const auto not_negative = [&](std::string_view field, double value) {
    if (!is_finite(value) || value < 0.0) refuse(field, std::to_string(value), "a finite number >= 0");
  };
  not_negative("price_delay_ms", static_cast<double>(config.price_delay_ms));
  not_negative("funding_delay_ms", static_cast<double>(config.funding_delay_ms));
  not_negative("max_price_age_ms", static_cast<double>(config.max_price_age_ms));
  not_negative("costs.fee_scale", config.costs.fee_scale);
  not_negative("costs.impact_bps", config.costs.impact_bps);
  not_negative("costs.default_half_spread_bps", config.costs.default_half_spread_bps);
  not_negative("costs.reference_notional", config.costs.reference_notional);
  not_negative("filter.max_bid_ask_bps", config.filter.max_bid_ask_bps);
  not_negative("filter.min_depth", config.filter.min_depth);
  not_negative("filter.min_volume", config.filter.min_volume);
  not_negative("filter.min_history_h", config.filter.min_history_h);
  if (!is_finite(config.costs.default_depth_usd) || config.costs.default_depth_usd <= 0.0)
    refuse("costs.default_depth_usd", std::to_string(config.costs.default_depth_usd), "a finite number > 0");
}

/// A running rate that has not settled yet (a venue's prediction).
struct IndicativeRate {
  std::int64_t ts_ms = 0;           ///< ms UTC
  double rate = 0.0;                ///< decimal per interval
  double interval_hours = missing;  ///< NaN: that of the instrument's last settlement
  std::int64_t next_settle_ms = 0;  ///< 0: unknown
};

/// All rows of one instrument, in any order.
struct InstrumentData {
  std::string venue;                       ///< lower case
  std::string symbol;                      ///< with its quote currency
  double lot = 0.0;                        ///< smallest step of the quantity in coins; 0 = unknown
  bool inverse = false;                    ///< coin-margined: refused
  std::vector<PriceRow> rows;              ///< prices
  std::vector<Settlement> settlements;     ///< `instrument` is filled in by the tape
  std::vector<IndicativeRate> indicative;  ///< empty: the last settled rate runs on
  std::vector<std::uint32_t> row_lines,    ///< lines of `rows` in their file, for messages; empty: data from memory
      settlement_lines,                    ///< the same of `settlements`
      indicative_lines;                    ///< the same of `indicative`
};

/// A pair named by an opportunity file; `long_leg` and `short_leg` are positions in `TapeData::instruments`.
struct Candidate {
  std::int64_t ts_ms = 0;           ///< ms UTC
  std::uint32_t long_leg = no_id,   ///< to buy
      short_leg = no_id;            ///< to sell
  double net24_bph = missing,       ///< the file's projection for 24 h; NaN: none
      net72_bph = missing;          ///< the file's projection for 72 h; NaN: none
  double spread_mean_bp = missing;  ///< the file's mean spread of 24 h
};

/// Everything a tape is made of.
struct TapeData {
  std::vector<InstrumentData> instruments;  ///< one per venue and symbol
  std::vector<Candidate> candidates;        ///< of an opportunity file, else empty
  bool candidates_only = false;             ///< the list of opportunities comes from `candidates`, without the history rule
  std::string prices_name,                  ///< file of the prices, for messages
      funding_name,                         ///< file of the settlements, for messages
      indicative_name;                      ///< file of the indicative rates, for messages
  DataReport report;                        ///< what reading found so far; the tape adds the rest
};

}  // namespace rlx::inline v0_1::funding

#endif  // RLX_FUNDING_TAPE_DATA_HPP
