// SPDX-License-Identifier: MIT
/// @file
/// @brief What a set of market data holds and what is wrong with it: numbers for the manifest, text for `validate-data`.
#ifndef RLX_FUNDING_DATA_REPORT_HPP
#define RLX_FUNDING_DATA_REPORT_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace rlx::inline v0_1::funding {

/// One file that went into a tape.
struct DataFileNote {
  std::string path;                          ///< as given
  std::size_t bytes = 0;                     ///< length of the file
  std::size_t rows = 0;                      ///< read from it, without the header
  std::vector<std::string> ignored_columns;  ///< headers of columns that are not used
};

/// Holes in the prices of one instrument that made its price stale.
struct PriceGaps {
  std::string instrument;      ///< "venue symbol"
  std::size_t count = 0;       ///< holes longer than max_price_age_ms
  double longest_hours = 0.0;  ///< length of the longest
};

/// Two venues whose prices of a symbol move apart as if they were of different times: profits from their spread are not real.
struct PriceMismatch {
  std::string symbol,     ///< listed at both venues
      first_venue,        ///< name of one venue
      second_venue;       ///< name of the other
  double equal_bp = 0.0,  ///< median distance of the spread from its usual value, of prices at equal steps, bp
      lagged_bp = 0.0;    ///< the same with one venue's price a step older, the smaller of the two ways
};

/// Two venues whose settled rates change together only when those of one are taken some settlements later: their stamps differ,
/// or one settles what the other announces. The net rate of such a pair compares different times.
struct RateMismatch {
  std::string first_venue,         ///< whose stamps are taken as they are
      second_venue;                ///< whose rates are compared `lag` settlements later
  std::size_t symbols = 0;         ///< with equal intervals at both venues and enough settlements
  int lag = 0;                     ///< settlements by which the rates of the second venue come later; negative: earlier
  double equal_correlation = 0.0,  ///< of the changes at equal stamps, mean over the symbols
      lagged_correlation = 0.0;    ///< the same at `lag`
};

/// A finding that a user should act on, and what to do about it.
struct DataWarning {
  std::string finding;  ///< what was found, in numbers
  std::string advice;   ///< what to do about it
  bool strict = false;  ///< `--strict-data` refuses such data
};

/// Filled while a tape is read and built.
struct DataReport {
  std::vector<DataFileNote> files;   ///< in the order of reading
  std::size_t price_rows = 0,        ///< of the tape
      settlements = 0,               ///< of the tape
      indicative_rows = 0;           ///< of the tape
  std::size_t opportunity_rows = 0;  ///< rows used of an opportunity CSV
  std::int64_t first_ms = 0,         ///< earliest time stamp of prices and settlements
      last_ms = 0;                   ///< latest one
  std::int64_t step_ms = 0;          ///< of the grid
  std::size_t steps = 0;             ///< decision times
  std::vector<std::string> venues;   ///< names of those that occur, by id
  std::size_t symbols = 0,           ///< with at least one instrument
      instruments = 0,               ///< one per venue and symbol
      pairs = 0;                     ///< of instruments of one symbol, directions not counted

  std::size_t duplicates = 0;                   ///< exact duplicates, dropped
  std::size_t conflicts = 0;                    ///< same key, other values, the last one kept
  std::size_t out_of_order = 0;                 ///< rows that stood before an earlier one, sorted
  std::vector<PriceGaps> gaps;                  ///< instruments with gaps, most gaps first
  std::vector<PriceMismatch> price_mismatches;  ///< by symbol, then by venues
  std::vector<RateMismatch> rate_mismatches;    ///< by venues
  std::size_t missing_settlements = 0;          ///< expected by the interval, absent; nothing is paid for them
  std::size_t interval_changes = 0;             ///< settlements with another interval than the one before
  std::size_t interval_differences = 0;         ///< symbols whose interval differs between venues at the end of the data
  double coverage = 1.0;                        ///< share of (instrument, step) after first sight with a fresh price
  double stale_share = 0.0;                     ///< 1 - coverage
  std::array<double, 4> rate_quantiles_bp{};    ///< |rate| per 8 h: median, 90 %, 99 %, largest
  bool volume_suspicious = false;               ///< BTC volume below 10 M USD: coins read as dollars?
  double history_days = 0.0;                    ///< from first_ms to last_ms
  std::size_t filtered_pairs = 0;  ///< pairs of which a leg is at no time within the limits of the OpportunityFilter
  std::size_t never_narrow = 0,    ///< instruments that never have a narrow enough spread; an unknown one passes
      never_deep = 0,              ///< never enough depth; an unknown one passes
      never_busy = 0,              ///< never enough volume; an unknown one passes
      never_settled = 0;           ///< never enough settlements or history

  std::vector<std::string> unpriced;   ///< instruments with rates or candidates and no price: nothing can be traded there
  std::vector<std::string> unsettled;  ///< instruments with prices and no settlement
  std::size_t usable_pairs = 0;        ///< pairs of which both legs have prices and, but for a list of candidates, settlements

  std::size_t late_detections = 0;          ///< opportunity rows detected after their own time: they know the future
  std::size_t implausible_stamps = 0;       ///< stated next funding times not within an interval after their row, not used
  std::size_t apr_mismatches = 0;           ///< opportunity rows whose fund_apr differs from the formula by more than 1 %
  std::size_t dropped_strategies = 0;       ///< opportunity rows of other strategies (subType not 1)
  std::size_t defaulted_intervals = 0;      ///< opportunity rows without an interval: 8 h assumed
  std::size_t dropped_inverse = 0;          ///< rows of coin-margined contracts, dropped by a conversion
  std::size_t dropped_other = 0;            ///< rows a conversion could not use (spot, no mark known, no interval)
  std::vector<std::string> approximations;  ///< what the data does not say and was assumed
};

/// Findings with advice, most serious first. Errors under `--strict-data`: coverage below 80 %, rows that know the future.
inline std::vector<DataWarning> warnings(const DataReport& report);

/// True where `--strict-data` refuses the data: any warning is `strict`.
inline bool fails_strict_check(const DataReport& report);

/// The text that `validate-data` prints: one finding per line, then the warnings with their advice.
inline std::string to_text(const DataReport& report);

}  // namespace rlx::inline v0_1::funding

#include <rlx/funding/detail/data_report_text.hpp>

#endif  // RLX_FUNDING_DATA_REPORT_HPP
