// SPDX-License-Identifier: MIT
/// @file
/// @brief A call that could be sold now, and how a type of one's own stands in for it.
#ifndef RLX_OPTIONS_CANDIDATE_OPTION_HPP
#define RLX_OPTIONS_CANDIDATE_OPTION_HPP

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include <rlx/market/fixed8.hpp>
#include <rlx/options/instrument.hpp>

namespace rlx::inline v0_1::options {

/// One candidate of one underlying, as `build_candidates` makes it from a chain.
struct CandidateOption {
  std::string symbol;                         ///< the venue's name, "BTC-16JAN26-95000-C"
  std::string underlying;                     ///< "BTC"
  double strike = 0.0;                        ///< USD
  std::int64_t expiry_ms = 0;                 ///< UTC ms
  OptionType option_type = OptionType::call;  ///< calls only, so far as `build_candidates` makes it
  double dte = 0.0;                           ///< days to expiry, fractional
  double delta = 0.0;                         ///< 0 to 1
  double otm_pct = 0.0;                       ///< (strike - index)/index, percent
  market::Fixed8 bid;                         ///< settlement currency, > 0
  market::Fixed8 ask;                         ///< settlement currency, > 0
  market::Fixed8 mark;                        ///< settlement currency
  double mid_price = 0.0;                     ///< (bid + ask)/2
  double premium_usd = 0.0;                   ///< of one contract at the mid price
  double iv = 0.0;                            ///< mark IV, decimal fraction
  double rv = 0.0;                            ///< realised volatility, decimal fraction; 0 where unknown
  double ivrv = 1.0;                          ///< iv/rv; 1 where rv is unknown
  bool ivrv_known = false;                    ///< whether `ivrv` is a quotient
  double spread_pct = 0.0;                    ///< (ask - bid)/mid, percent
  double open_interest = 0.0;                 ///< contracts; NaN where the venue gives none
  std::int64_t quote_ms = 0;                  ///< when the venue made the quote, UTC ms
};

/// How the ladder picker reads a candidate. The default takes members named as in CandidateOption; a type without `ivrv_known`
/// counts as known, one without `underlying` is not checked against the asset. Specialise it for a type of other names:
/// @code
/// template <>
/// struct rlx::options::candidate_traits<desk::Quote> {
///   static std::string_view symbol(const desk::Quote& q) { return q.name; }
///   static double strike(const desk::Quote& q) { return q.k; }
///   static double dte(const desk::Quote& q) { return q.days; }
///   static double delta(const desk::Quote& q) { return q.greeks.delta; }
///   static double premium_usd(const desk::Quote& q) { return q.premium; }
///   static double ivrv(const desk::Quote& q) { return q.iv / q.rv; }
///   static std::int64_t expiry_ms(const desk::Quote& q) { return q.expiry; }
/// };
/// @endcode
template <class C>
struct candidate_traits {
  /// @{ Members of the candidate, in the units of CandidateOption.
  static std::string_view symbol(const C& candidate) { return candidate.symbol; }
  static double strike(const C& candidate) { return candidate.strike; }
  static double dte(const C& candidate) { return candidate.dte; }
  static double delta(const C& candidate) { return candidate.delta; }
  static double premium_usd(const C& candidate) { return candidate.premium_usd; }
  static double ivrv(const C& candidate) { return candidate.ivrv; }
  static std::int64_t expiry_ms(const C& candidate) { return candidate.expiry_ms; }
  static bool ivrv_known(const C& candidate) requires requires { bool(candidate.ivrv_known); }
  { return candidate.ivrv_known; }
  static std::string_view underlying(const C& candidate) requires requires { std::string_view(candidate.underlying); }
  { return candidate.underlying; }
  /// @}
};

/// Anything that `candidate_traits` can read: a type of the user's own works in the picker without conversion or copying.
template <class C>
concept OptionCandidate = requires(const C& candidate) {
  { candidate_traits<C>::symbol(candidate) } -> std::convertible_to<std::string_view>;
  { candidate_traits<C>::strike(candidate) } -> std::convertible_to<double>;
  { candidate_traits<C>::dte(candidate) } -> std::convertible_to<double>;
  { candidate_traits<C>::delta(candidate) } -> std::convertible_to<double>;
  { candidate_traits<C>::premium_usd(candidate) } -> std::convertible_to<double>;
  { candidate_traits<C>::ivrv(candidate) } -> std::convertible_to<double>;
  { candidate_traits<C>::expiry_ms(candidate) } -> std::convertible_to<std::int64_t>;
};

static_assert(OptionCandidate<CandidateOption>);

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_CANDIDATE_OPTION_HPP
