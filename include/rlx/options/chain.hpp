// SPDX-License-Identifier: MIT
/// @file
/// @brief One instant of an option chain, and the concept of what delivers a series of them.
#ifndef RLX_OPTIONS_CHAIN_HPP
#define RLX_OPTIONS_CHAIN_HPP

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include <rlx/market/fixed8.hpp>
#include <rlx/options/instrument.hpp>

namespace rlx::inline v0_1::options {

/// What a chain says of one instrument. Prices in the settlement currency (coin for inverse options), exact.
struct ChainQuote {
  std::uint32_t instrument = 0;                             ///< index into the instrument table of the same source and currency
  market::Fixed8 bid;                                       ///< best price; 0 = none. Never invented from the mark
  market::Fixed8 ask;                                       ///< best price; 0 = none. Never invented from the mark
  market::Fixed8 mark;                                      ///< the venue's own valuation
  double mark_iv = 0.0;                                     ///< decimal fraction (0.45); 0 = unknown
  double forward = 0.0;                                     ///< price of the underlying for this expiry, USD
  double delta = std::numeric_limits<double>::quiet_NaN();  ///< the venue's, 0 to 1 for calls; NaN where it gives none
  double open_interest = std::numeric_limits<double>::quiet_NaN();  ///< contracts; NaN = unknown
  std::int64_t quote_ms = 0;                                        ///< when the venue made the quote, UTC ms
};

/// All quotes of one underlying at one instant. A buffer that `load` fills again and again: it allocates only while it grows.
struct ChainSnapshot {
  std::int64_t ts_ms = 0;            ///< UTC ms
  double index = 0.0;                ///< USD
  std::vector<ChainQuote> quotes;    ///< at most one for each instrument
  std::uint32_t rejected_rows = 0;   ///< rows dropped: unreadable, non-finite, negative, crossed, without IV
  std::uint32_t duplicate_rows = 0;  ///< rows dropped because the symbol was there already (the first is kept)
};

/// An index level, and how far the nearest samples on both sides are apart.
struct IndexPoint {
  double value = 0.0;       ///< USD, linear between the samples
  std::int64_t gap_ms = 0;  ///< distance of the two samples around it; 0 where a sample lies at the instant itself
};

/// A series of snapshots, strictly increasing in time, the same for every currency.
///
/// `instruments(i, ccy)` is the table that `ChainQuote::instrument` of snapshot i points into; it may hold more instruments
/// than snapshot i quotes, and an index keeps its meaning for the whole series. `load` overwrites the snapshot; it allocates
/// nothing once the snapshot has grown. Nothing of snapshot i depends on data after ts_ms(i); `index_at` may look past it
/// (settlement).
///
/// Currencies are underlyings: "BTC", "ETH".
template <class S>
concept ChainSource = requires(const S& source, std::size_t i, std::string_view ccy, ChainSnapshot& snapshot,
                               std::int64_t ts_ms) {
  { source.size() } -> std::convertible_to<std::size_t>;
  { source.ts_ms(i) } -> std::convertible_to<std::int64_t>;
  source.load(i, ccy, snapshot);
  { source.index_at(ts_ms, ccy) } -> std::convertible_to<IndexPoint>;
  { source.instruments(i, ccy) } -> std::convertible_to<std::span<const Instrument>>;
};

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_CHAIN_HPP
