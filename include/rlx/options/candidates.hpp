// SPDX-License-Identifier: MIT
/// @file
/// @brief From a chain to the calls that could be sold now.
#ifndef RLX_OPTIONS_CANDIDATES_HPP
#define RLX_OPTIONS_CANDIDATES_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include <rlx/core/finite.hpp>
#include <rlx/market/black76.hpp>
#include <rlx/options/candidate_option.hpp>
#include <rlx/options/chain.hpp>
#include <rlx/options/instrument.hpp>
#include <rlx/options/settings.hpp>

namespace rlx::inline v0_1::options {

/// Closed ranges of one profile, or of the production policy.
struct CandidateBand {
  double delta_min = 0.0;     ///< smallest delta
  double delta_max = 1.0;     ///< greatest delta
  double dte_min = 0.0;       ///< fewest days to expiry
  double dte_max = 0.0;       ///< most days to expiry
  double target_delta = 0.0;  ///< for the order of the candidates

  /// Whether both lie within, ends included; false for NaN.
  bool contains(double delta, double dte) const noexcept {
    return delta >= delta_min && delta <= delta_max && dte >= dte_min && dte <= dte_max;
  }
};

/// What `build_candidates` is asked for. A candidate lies in at least one band: training passes one band per enabled profile,
/// production and research pass the one of the settings.
struct CandidateRequest {
  std::span<const CandidateBand> bands;  ///< at least one, else nothing is a candidate
  double premium_min_usd = 0.0;          ///< of one contract; NaN lets nothing pass
  std::int64_t max_quote_age_ms = 0;     ///< max_chain_age_ms of the settings
  std::size_t max_candidates = 0;        ///< kept after sorting
  SortKey sort = SortKey::premium_usd;   ///< production always sorts by premium
  std::int64_t now_ms = 0;               ///< the venue's time
  std::optional<double> realized_vol;    ///< decimal fraction
};

/// The band of the mode: middle of the range as its target.
inline CandidateBand band_of(const CandidateRange& range) {
  return {range.delta_min, range.delta_max, range.dte_min, range.dte_max, 0.5 * (range.delta_min + range.delta_max)};
}

/// Memory of `build_candidates`, to be kept from call to call.
struct CandidateScratch {
  /// A row that passed, before it is sorted.
  struct Entry {
    std::size_t quote = 0;     ///< index into ChainSnapshot::quotes
    double delta = 0.0;        ///< the venue's, or of Black-76
    double distance = 0.0;     ///< from the target delta of the nearest band that holds it
    double premium_usd = 0.0;  ///< of one contract at the mid price
  };
  std::vector<Entry> entries;  ///< of the call that runs
};

namespace detail {

/// Whether every number of a row is one: finite, not negative, bid not above ask. A missing delta or open interest is NaN.
inline bool is_sound(const ChainQuote& quote) noexcept {
  const auto is_amount = [](double value) { return is_finite(value) && value >= 0.0; };
  const auto is_unknown = [](double value) { return value != value; };
  return quote.bid.sign() >= 0 && quote.ask.sign() >= 0 && quote.mark.sign() >= 0 && is_amount(quote.mark_iv) &&
         is_amount(quote.forward) && (is_unknown(quote.delta) || is_finite(quote.delta)) &&
         (is_unknown(quote.open_interest) || is_amount(quote.open_interest)) &&
         !(quote.bid.sign() > 0 && quote.ask.sign() > 0 && quote.bid > quote.ask);
}

inline double days_until(std::int64_t expiry_ms, std::int64_t now_ms) noexcept {
  return static_cast<double>(expiry_ms - now_ms) / market::ms_per_day;
}

}  // namespace detail

/**
 * @brief The calls of a chain that could be sold: strike above the index, bid, ask and mark IV there, delta and days to expiry
 *        in a band, premium at least the floor, quote not too old.
 *
 * The venue's delta where it gives one, else Black-76 from the forward and the mark IV of the row. A missing bid or ask is
 * never made up from the mark. Sorted by premium (descending) or by distance to the target delta of the nearest band that holds
 * the candidate, then by that distance, expiry, strike and symbol; the first `max_candidates` are kept.
 * @param chain        all quotes of one underlying
 * @param instruments  the table that `ChainQuote::instrument` points into
 * @param request      what is asked for
 * @param out          overwritten; its memory is used again, and nothing is allocated once it and `scratch` have grown
 * @param scratch      overwritten
 * @return  rows that cannot be believed (a number not finite or negative, bid above ask, no such instrument), those that the
 *          source has dropped included
 */
inline std::uint32_t build_candidates(const ChainSnapshot& chain, std::span<const Instrument> instruments,
                                      const CandidateRequest& request, std::vector<CandidateOption>& out,
                                      CandidateScratch& scratch) {
  std::uint32_t rejected = chain.rejected_rows;
  scratch.entries.clear();
  const double index = chain.index;
  for (std::size_t i = 0; i < chain.quotes.size(); ++i) {
    const ChainQuote& quote = chain.quotes[i];
    if (quote.instrument >= instruments.size() || !detail::is_sound(quote)) {
      ++rejected;
      continue;
    }
    const Instrument& instrument = instruments[quote.instrument];
    if (instrument.type != OptionType::call || !instrument.open || !(instrument.strike > index) || quote.bid.sign() <= 0 ||
        quote.ask.sign() <= 0 || !(quote.mark_iv > 0.0) || request.now_ms - quote.quote_ms > request.max_quote_age_ms) {
      continue;
    }
    const double dte = detail::days_until(instrument.expiry_ms, request.now_ms);
    const auto in_dte = [&](const CandidateBand& band) { return dte >= band.dte_min && dte <= band.dte_max; };
    if (std::none_of(request.bands.begin(), request.bands.end(), in_dte)) continue;  // spares the greeks of most rows
    const double mid = 0.5 * (quote.bid.to_double() + quote.ask.to_double());
    const double premium_usd = instrument.settlement == SettlementType::inverse ? mid * index : mid;
    if (!(premium_usd >= request.premium_min_usd)) continue;
    double delta = quote.delta;
    if (delta != delta) {
      if (!(quote.forward > 0.0)) continue;
      delta = market::black76(OptionType::call, quote.forward, instrument.strike,
                              market::years_of(instrument.expiry_ms - request.now_ms), quote.mark_iv)
                  .delta;
    }
    double distance = std::numeric_limits<double>::infinity();
    for (const CandidateBand& band : request.bands) {
      if (band.contains(delta, dte)) distance = std::min(distance, std::fabs(delta - band.target_delta));
    }
    if (!is_finite(distance)) continue;  // in no band
    scratch.entries.push_back({i, delta, distance, premium_usd});
  }

  const auto instrument_of = [&](const CandidateScratch::Entry& entry) -> const Instrument& {
    return instruments[chain.quotes[entry.quote].instrument];
  };
  const auto before = [&](const CandidateScratch::Entry& a, const CandidateScratch::Entry& b) {
    const double key_a = request.sort == SortKey::premium_usd ? -a.premium_usd : a.distance;
    const double key_b = request.sort == SortKey::premium_usd ? -b.premium_usd : b.distance;
    if (key_a < key_b || key_b < key_a) return key_a < key_b;
    const Instrument& x = instrument_of(a);
    const Instrument& y = instrument_of(b);
    return std::tie(a.distance, x.expiry_ms, x.strike, x.symbol) < std::tie(b.distance, y.expiry_ms, y.strike, y.symbol);
  };
  const std::size_t kept = std::min(request.max_candidates, scratch.entries.size());
  std::partial_sort(scratch.entries.begin(), scratch.entries.begin() + static_cast<std::ptrdiff_t>(kept), scratch.entries.end(),
                    before);

  out.resize(kept);
  const double rv = request.realized_vol.value_or(0.0);
  const bool ivrv_known = is_finite(rv) && rv > 0.0;
  for (std::size_t i = 0; i < kept; ++i) {
    const CandidateScratch::Entry& entry = scratch.entries[i];
    const ChainQuote& quote = chain.quotes[entry.quote];
    const Instrument& instrument = instrument_of(entry);
    CandidateOption& candidate = out[i];
    const double bid = quote.bid.to_double(), ask = quote.ask.to_double();
    candidate.symbol = instrument.symbol;
    candidate.underlying = instrument.underlying;
    candidate.strike = instrument.strike;
    candidate.expiry_ms = instrument.expiry_ms;
    candidate.option_type = instrument.type;
    candidate.dte = detail::days_until(instrument.expiry_ms, request.now_ms);
    candidate.delta = entry.delta;
    candidate.otm_pct = (instrument.strike - index) / index * 100.0;
    candidate.bid = quote.bid;
    candidate.ask = quote.ask;
    candidate.mark = quote.mark;
    candidate.mid_price = 0.5 * (bid + ask);
    candidate.premium_usd = entry.premium_usd;
    candidate.iv = quote.mark_iv;
    candidate.rv = ivrv_known ? rv : 0.0;
    candidate.ivrv = ivrv_known ? quote.mark_iv / rv : 1.0;
    candidate.ivrv_known = ivrv_known;
    candidate.spread_pct = (ask - bid) / candidate.mid_price * 100.0;
    candidate.open_interest = quote.open_interest;
    candidate.quote_ms = quote.quote_ms;
  }
  return rejected;
}

/// The same with memory of its own.
inline std::vector<CandidateOption> build_candidates(const ChainSnapshot& chain, std::span<const Instrument> instruments,
                                                     const CandidateRequest& request) {
  std::vector<CandidateOption> out;
  CandidateScratch scratch;
  build_candidates(chain, instruments, request, out, scratch);
  return out;
}

/// Whether so many rows of a chain cannot be believed that none is: more than one in five. `rejected` is the result of
/// `build_candidates`.
inline bool is_chain_unusable(const ChainSnapshot& chain, std::uint32_t rejected) noexcept {
  return std::uint64_t{rejected} * 5 > std::uint64_t{chain.quotes.size()} + chain.rejected_rows;
}

/// Mark IV of the call nearest to the money of the first expiry at least `min_days` away; 0 where there is none.
inline double atm_iv(const ChainSnapshot& chain, std::span<const Instrument> instruments, std::int64_t now_ms,
                     double min_days = 7.0) {
  const Instrument* best = nullptr;
  double iv = 0.0;
  for (const ChainQuote& quote : chain.quotes) {
    if (quote.instrument >= instruments.size() || !is_finite(quote.mark_iv) || !(quote.mark_iv > 0.0)) continue;
    const Instrument& one = instruments[quote.instrument];
    if (one.type != OptionType::call || detail::days_until(one.expiry_ms, now_ms) < min_days) continue;
    const auto key = [&](const Instrument& of) { return std::pair(of.expiry_ms, std::fabs(of.strike - chain.index)); };
    if (best != nullptr && !(key(one) < key(*best))) continue;
    best = &one;
    iv = quote.mark_iv;
  }
  return iv;
}

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_CANDIDATES_HPP
