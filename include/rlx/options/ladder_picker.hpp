// SPDX-License-Identifier: MIT
/// @file
/// @brief Which calls each training profile sells: pick_candidates_for_all_profiles.
#ifndef RLX_OPTIONS_LADDER_PICKER_HPP
#define RLX_OPTIONS_LADDER_PICKER_HPP

#include <algorithm>
#include <cmath>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/options/candidate_option.hpp>
#include <rlx/options/settings.hpp>
#include <rlx/options/training_profile.hpp>

namespace rlx::inline v0_1::options {

/// Caps and order of one pick. A cap of 0 or less allows no leg.
struct LadderLimits {
  int max_calls_per_underlying = 5;        ///< legs of this pick, all profiles together
  int max_calls_per_expiry = 3;            ///< legs of one expiry, occupied ones counted
  int max_open_calls_per_underlying = 15;  ///< occupied legs and legs of this pick
  SortKey sort = SortKey::premium_usd;     ///< which candidate a profile takes first
  LegOrder order = LegOrder::priority;     ///< in which order the profiles choose
  bool prefer_variety = true;              ///< prefer legs whose expiry and strike the profile does not have yet
};

/// An open short call, a resting sell order, or a leg in state unknown. A symbol counts once, whatever its amount.
struct OccupiedLeg {
  std::string_view symbol;     ///< lives as long as what it was read from
  std::int64_t expiry_ms = 0;  ///< UTC ms; counts in the cap of that expiry
};

/// What one profile sells, best first.
struct ProfilePicks {
  std::string_view profile;               ///< lives as long as the profiles given
  std::vector<std::uint32_t> candidates;  ///< indices into the candidates given
};

/// Buffers that the picker uses again from call to call. Its members are the picker's own.
struct PickerScratch {
  /// An eligible candidate as the comparison needs it.
  struct Row {
    double first = 0.0;          ///< the chosen sort key, smaller is better
    double distance = 0.0;       ///< |delta - target_delta|
    std::int64_t expiry_ms = 0;  ///< UTC ms
    double strike = 0.0;         ///< USD
    std::uint32_t index = 0;     ///< of the candidate
  };
  std::vector<const TrainingProfile*> profiles;           ///< those of the asset
  std::vector<std::vector<Row>> eligible;                 ///< by profile
  std::vector<OccupiedLeg> occupied;                      ///< sorted, each symbol once
  std::vector<std::string_view> taken;                    ///< symbols occupied or picked, sorted
  std::vector<std::pair<std::int64_t, int>> expiry_legs;  ///< legs by expiry, sorted
};

namespace detail {

template <class C>
constexpr bool ivrv_is_known(const C& candidate) {
  if constexpr (requires { bool(candidate_traits<C>::ivrv_known(candidate)); }) {
    return candidate_traits<C>::ivrv_known(candidate);
  } else {
    return true;
  }
}

/// One call of the picker: its inputs, and the rule that chooses the next leg of a profile.
template <class C>
class LadderPick {
  using Traits = candidate_traits<C>;
  using Row = PickerScratch::Row;

 public:
  LadderPick(std::span<const TrainingProfileSet> profiles, std::string_view asset, std::span<const C> candidates,
             const LadderLimits& limits, PickerScratch& scratch, std::vector<ProfilePicks>& result)
      : profiles_(profiles), asset_(asset), candidates_(candidates), limits_(limits), scratch_(scratch), result_(result) {}

  void run(std::span<const OccupiedLeg> occupied) {
    prepare(occupied);
    filter();
    if (limits_.order == LegOrder::priority) {
      for (std::size_t p = 0; p < profiles_.size(); ++p) {
        while (next_leg(p)) {
        }
      }
      return;
    }
    for (bool added = true; added;) {
      added = false;
      for (std::size_t p = 0; p < profiles_.size(); ++p) added = next_leg(p) || added;
    }
  }

 private:
  void prepare(std::span<const OccupiedLeg> occupied) {
    auto& legs = scratch_.occupied;
    legs.assign(occupied.begin(), occupied.end());
    // By expiry too: the same result if a caller gives one symbol two expiries, in whatever order.
    std::sort(legs.begin(), legs.end(), [](const OccupiedLeg& a, const OccupiedLeg& b) {
      const int by_symbol = a.symbol.compare(b.symbol);
      return by_symbol != 0 ? by_symbol < 0 : a.expiry_ms < b.expiry_ms;
    });
    const auto same = [](const OccupiedLeg& a, const OccupiedLeg& b) { return a.symbol == b.symbol; };
    legs.erase(std::unique(legs.begin(), legs.end(), same), legs.end());
    scratch_.taken.clear();
    scratch_.expiry_legs.clear();
    for (const OccupiedLeg& leg : legs) {
      scratch_.taken.push_back(leg.symbol);
      count_expiry(leg.expiry_ms);
    }

    scratch_.profiles.clear();
    scratch_.eligible.resize(std::max(scratch_.eligible.size(), profiles_.size()));
    result_.resize(profiles_.size());
    for (std::size_t p = 0; p < profiles_.size(); ++p) {
      scratch_.profiles.push_back(&profiles_[p].profile_for(asset_));
      scratch_.eligible[p].clear();
      result_[p].profile = profiles_[p].name;
      result_[p].candidates.clear();
    }
  }

  void filter() {
    RLX_REQUIRE(candidates_.size() <= std::numeric_limits<std::uint32_t>::max(), "the picker numbers candidates in 32 bits");
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      const C& candidate = candidates_[i];
      require_asset(candidate);
      const double delta = Traits::delta(candidate);
      const double dte = Traits::dte(candidate);
      for (std::size_t p = 0; p < profiles_.size(); ++p) {
        const TrainingProfile& profile = *scratch_.profiles[p];
        if (!profile.enabled || is_nan(delta) || is_nan(dte)) continue;
        if (!(profile.min_delta <= delta && delta <= profile.max_delta)) continue;
        if (!(profile.min_dte <= dte && dte <= profile.max_dte)) continue;
        const double ivrv = Traits::ivrv(candidate);
        const double premium = Traits::premium_usd(candidate);
        const double strike = Traits::strike(candidate);
        if (is_nan(ivrv) || is_nan(premium) || is_nan(strike) || !(ivrv >= profile.ivrv_min)) continue;
        // An unknown ratio is written as 1.0; it must not pass for a measurement.
        if (profile.ivrv_min > 0.0 && !ivrv_is_known(candidate)) continue;
        const double distance = std::fabs(delta - profile.target_delta);
        scratch_.eligible[p].push_back({limits_.sort == SortKey::premium_usd ? -premium : distance, distance,
                                        Traits::expiry_ms(candidate), strike, static_cast<std::uint32_t>(i)});
      }
    }
  }

  void require_asset(const C& candidate) const {
    if constexpr (requires { std::string_view(Traits::underlying(candidate)); }) {
      const std::string_view underlying = Traits::underlying(candidate);
      if (!underlying.empty() && underlying != asset_) {
        throw ParseError("the picker for " + std::string(asset_) + " was given candidate " +
                         std::string(Traits::symbol(candidate)) + " of " + std::string(underlying) +
                         ": pick each underlying from its own candidates");
      }
    }
  }

  bool next_leg(std::size_t p) {
    const auto& legs = result_[p].candidates;
    const auto enough = [](std::size_t number, int cap) { return cap <= 0 || number >= static_cast<std::size_t>(cap); };
    if (enough(legs.size(), scratch_.profiles[p]->max_legs)) return false;
    if (enough(picked_, limits_.max_calls_per_underlying)) return false;
    if (enough(scratch_.occupied.size() + picked_, limits_.max_open_calls_per_underlying)) return false;

    // A scan for the best instead of a sort: only a few legs are taken out of a long list. Both passes of the rule in one scan,
    // the cheap comparison first, since most rows lose it.
    const bool variety = limits_.prefer_variety && !legs.empty();
    auto& rows = scratch_.eligible[p];
    constexpr auto none = static_cast<std::size_t>(-1);
    std::size_t best = none, best_other = none;  // the latter differs in expiry and strike from every leg
    for (std::size_t i = 0; i < rows.size();) {
      const bool beats = best == none || precedes(rows[i], rows[best]);
      const bool beats_other = variety && (best_other == none || precedes(rows[i], rows[best_other]));
      if (!beats && !beats_other) {
        ++i;
        continue;
      }
      if (!is_free(rows[i])) {  // and never will be again
        rows[i] = rows.back();
        rows.pop_back();
        continue;
      }
      if (beats) best = i;
      if (beats_other && differs_from_all(rows[i], legs)) best_other = i;
      ++i;
    }
    if (best_other != none) best = best_other;
    if (best == none) return false;
    append(p, rows[best]);
    rows[best] = rows.back();
    rows.pop_back();
    return true;
  }

  bool precedes(const Row& a, const Row& b) const {
    if (a.first != b.first) return a.first < b.first;
    if (a.distance != b.distance) return a.distance < b.distance;
    if (a.expiry_ms != b.expiry_ms) return a.expiry_ms < b.expiry_ms;
    if (a.strike != b.strike) return a.strike < b.strike;
    const int by_symbol = symbol_of(a).compare(symbol_of(b));
    return by_symbol != 0 ? by_symbol < 0 : a.index < b.index;
  }

  bool is_free(const Row& row) const {
    const auto& counts = scratch_.expiry_legs;
    const auto found = find_expiry(row.expiry_ms);
    const int legs = found != counts.end() && found->first == row.expiry_ms ? found->second : 0;
    return legs < limits_.max_calls_per_expiry &&
           !std::binary_search(scratch_.taken.begin(), scratch_.taken.end(), symbol_of(row));
  }

  bool differs_from_all(const Row& row, const std::vector<std::uint32_t>& legs) const {
    return std::none_of(legs.begin(), legs.end(), [&](std::uint32_t leg) {
      return std::int64_t{Traits::expiry_ms(candidates_[leg])} == row.expiry_ms ||
             double{Traits::strike(candidates_[leg])} == row.strike;
    });
  }

  void append(std::size_t p, const Row& row) {
    result_[p].candidates.push_back(row.index);
    const std::string_view symbol = symbol_of(row);
    scratch_.taken.insert(std::lower_bound(scratch_.taken.begin(), scratch_.taken.end(), symbol), symbol);
    count_expiry(row.expiry_ms);
    ++picked_;
  }

  void count_expiry(std::int64_t expiry_ms) {
    const auto at = find_expiry(expiry_ms);
    if (at != scratch_.expiry_legs.end() && at->first == expiry_ms) {
      ++at->second;
    } else {
      scratch_.expiry_legs.insert(at, {expiry_ms, 1});
    }
  }

  std::vector<std::pair<std::int64_t, int>>::iterator find_expiry(std::int64_t expiry_ms) const {
    return std::lower_bound(scratch_.expiry_legs.begin(), scratch_.expiry_legs.end(), expiry_ms,
                            [](const auto& entry, std::int64_t value) { return entry.first < value; });
  }

  std::string_view symbol_of(const Row& row) const { return Traits::symbol(candidates_[row.index]); }

  std::span<const TrainingProfileSet> profiles_;
  std::string_view asset_;
  std::span<const C> candidates_;
  const LadderLimits& limits_;
  PickerScratch& scratch_;
  std::vector<ProfilePicks>& result_;
  std::size_t picked_ = 0;
};

}  // namespace detail

/**
 * @brief The legs of every profile on one underlying.
 *
 * A candidate is eligible for a profile when its delta and DTE lie in the closed ranges and IV/RV reaches the minimum (a ratio
 * that is not known only a minimum of at most 0); NaN is never eligible. Profiles are served one after another (priority) or
 * one leg each in turn (round_robin); each takes its best eligible candidate that is not taken and whose expiry has room,
 * preferring one whose expiry and strike both differ from its legs so far. Best: premium (or closeness to the target delta),
 * then closeness to the target delta, expiry, strike and symbol, so that the order of the candidates plays no part.
 *
 * @tparam C          any type that candidate_traits can read
 * @param profiles    only those that trade, by priority
 * @param asset       the underlying, "BTC"
 * @param candidates  those of this underlying; indices in the result point here
 * @param limits      caps and order of the pick
 * @param occupied    open short calls, resting sell orders and unknown legs of this underlying
 * @param scratch     buffers; once they have grown, nothing is allocated
 * @param result      overwritten: one entry per profile in their order, empty for a disabled profile
 * @throws ConfigError for what check_training_profiles refuses
 * @throws ParseError  for a candidate that names another underlying (one without a name is taken as given)
 *
 * Deterministic. Time: one pass over the candidates and one over a profile's eligible ones per leg.
 */
template <OptionCandidate C>
void pick_candidates_for_all_profiles(std::span<const TrainingProfileSet> profiles, std::string_view asset,
                                      std::span<const C> candidates, const LadderLimits& limits,
                                      std::span<const OccupiedLeg> occupied, PickerScratch& scratch,
                                      std::vector<ProfilePicks>& result) {
  check_training_profiles(profiles);
  detail::LadderPick<C>(profiles, asset, candidates, limits, scratch, result).run(occupied);
}

/// As above, with buffers of its own.
template <OptionCandidate C>
std::vector<ProfilePicks> pick_candidates_for_all_profiles(std::span<const TrainingProfileSet> profiles, std::string_view asset,
                                                           std::span<const C> candidates, const LadderLimits& limits,
                                                           std::span<const OccupiedLeg> occupied) {
  PickerScratch scratch;
  std::vector<ProfilePicks> result;
  pick_candidates_for_all_profiles(profiles, asset, candidates, limits, occupied, scratch, result);
  return result;
}

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_LADDER_PICKER_HPP
