// SPDX-License-Identifier: MIT
/// @file
/// @brief The market as it was known at each decision time: prices, settlements and the list of opportunities.
///
/// A tape is immutable after construction and shared by all environments and threads. Every answer for grid step k uses only
/// data that were usable at time(k) (newest usable row, backward only, with the configured delays), and every answer that an
/// environment needs per step is O(1), from indices made once.
///
/// Reading files: tape_csv.hpp (`from_csv`), opportunity_csv.hpp (`from_opportunities_csv`), convert.hpp.
#ifndef RLX_FUNDING_MARKET_TAPE_HPP
#define RLX_FUNDING_MARKET_TAPE_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/detail/type_tag.hpp>
#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/hash.hpp>
#include <rlx/core/random.hpp>
#include <rlx/funding/data_report.hpp>
#include <rlx/funding/detail/tape_core.hpp>
#include <rlx/funding/opportunity.hpp>
#include <rlx/funding/tape_data.hpp>
#include <rlx/funding/types.hpp>
#include <rlx/funding/venues.hpp>

namespace rlx::inline v0_1::funding {

struct OpportunityCsvOptions;

/// Newest usable price row of an instrument at some time.
struct PriceView {
  const PriceRow* row = nullptr;  ///< nullptr: none yet
  bool fresh = false;             ///< its age is within max_price_age_ms
};

/// Prices, settlements and opportunities on a time grid. Immutable; safe to share between threads; held by shared_ptr.
class MarketTape {
 public:
  /// Largest number of opportunities per step.
  static constexpr std::size_t max_opportunities = 10;

  /**
   * @brief Sorts and checks the data, then makes all indices, statistics and lists.
   * @param data    instruments in any order, rows in any order; ids are given by (symbol, venue), so they do not depend on it
   * @param config  grid, delays, costs, filters
   * @param venues  must hold every venue of the data
   * @throws ConfigError  a field of `config` out of range, or a symbol without margin tiers
   * @throws DataError    unknown venue, inverse contract, value out of range, conflicting rows, no rows
   * @par Complexity      O(rows + settlements + steps * pairs); about 0.5 kB per pair and day at hourly steps
   */
  MarketTape(TapeData data, const TapeConfig& config, const VenueTable& venues)
      : core_(std::make_shared<const detail::TapeCore>(std::move(data), config, venues, detail::Grid{})),
        config_(core_->config) {
    make_opportunities();
  }

  /// Reads the canonical files; defined in tape_csv.hpp. `indicative` may be empty.
  /// @throws DataError `file:line:column: ...`, IoError, ConfigError
  static std::shared_ptr<const MarketTape> from_csv(const TapeFiles& files, const TapeConfig& config, const VenueTable& venues);
  /// Makes a tape from an opportunity CSV; defined in opportunity_csv.hpp.
  static std::shared_ptr<const MarketTape> from_opportunities_csv(const std::string& path, const OpportunityCsvOptions& options,
                                                                  const TapeConfig& config, const VenueTable& venues);

  // --- what there is ---------------------------------------------------------------------------------------------------

  /// Number of decision times.
  std::size_t n_steps() const noexcept { return core_->grid.steps; }
  /// Time of step k, ms UTC; multiples of step_ms from midnight. Also defined one step past the end.
  std::int64_t time(std::size_t k) const noexcept { return core_->time(k); }
  std::int64_t step_ms() const noexcept { return config_.step_ms; }  ///< time between decisions
  /// As given, with max_price_age_ms filled in.
  const TapeConfig& config() const noexcept { return config_; }
  const VenueTable& venues() const noexcept { return core_->venues; }  ///< as given, also venues that do not occur
  /// Sorted by symbol name, then by venue id.
  std::span<const Instrument> instruments() const noexcept { return core_->instruments; }
  std::size_t n_symbols() const noexcept { return core_->symbols.size(); }  ///< SymbolIds are below it
  /// @throws std::out_of_range for an unknown id
  const std::string& symbol_name(SymbolId id) const { return core_->symbols.at(id); }
  /// Instruments [first, second) are those of the symbol.
  std::pair<InstrumentId, InstrumentId> instruments_of(SymbolId id) const {
    return {core_->symbol_begin.at(id), core_->symbol_begin.at(id + 1)};
  }
  /// Venues that occur, ascending.
  std::span<const VenueId> venue_ids() const noexcept { return core_->venue_ids; }
  /// Id of an instrument by its names. O(instruments).
  std::optional<InstrumentId> find(std::string_view venue, std::string_view symbol) const {
    for (InstrumentId id = 0; id < core_->instruments.size(); ++id)
      if (core_->instruments[id].venue_name == venue && core_->instruments[id].symbol_name == symbol) return id;
    return std::nullopt;
  }

  // --- what was known at step k ----------------------------------------------------------------------------------------

  /// What is known of an instrument at time(k). O(1). @pre k <= n_steps()
  LegView leg(InstrumentId id, std::size_t k) const { return core_->leg(id, k); }

  /// Whether a pair with this leg may be offered: its price is fresh, and spread, depth and volume pass the filter where they
  /// are known. (The list asks for history too, which cannot get shorter.)
  bool tradable(const LegView& view) const { return core_->tradable(view, config_.filter); }

  /// What is known of a directed pair at time(k). O(1). @pre two instruments of one symbol; k < n_steps()
  PairView pair(InstrumentId long_leg, InstrumentId short_leg, std::size_t k) const {
    return core_->pair(long_leg, short_leg, k, core_->leg(long_leg, k), core_->leg(short_leg, k));
  }

  /// The same from leg views of step k that the caller already has.
  PairView pair(InstrumentId long_leg, InstrumentId short_leg, std::size_t k, const LegView& l, const LegView& s) const {
    return core_->pair(long_leg, short_leg, k, l, s);
  }

  /// Median of the net carry over all eligible symbols at time(k), bp/h; 0 if there is none.
  double regime_bph(std::size_t k) const { return regimes_[k]; }

  /// The best pairs at time(k), at most 10, best first, one per symbol.
  std::span<const Opportunity> opportunities(std::size_t k) const {
    return {opportunities_.data() + opportunity_begin_[k], opportunities_.data() + opportunity_begin_[k + 1]};
  }

  /// Newest usable price at any time t. O(log rows). Empty before the first.
  std::optional<PriceView> price_asof(InstrumentId id, std::int64_t t) const {
    const std::vector<PriceRow>& rows = core_->series[id].rows;
    const auto after = std::upper_bound(rows.begin(), rows.end(), t - config_.price_delay_ms,
                                        [](std::int64_t time, const PriceRow& row) { return time < row.ts_ms; });
    if (after == rows.begin()) return std::nullopt;
    const PriceRow& row = *(after - 1);
    return PriceView{&row, t - row.ts_ms <= config_.max_price_age_ms};
  }

  // --- what happens after step k ---------------------------------------------------------------------------------------

  /// Price rows that become usable in (time(k), time(k+1)], ascending. O(1).
  std::span<const PriceRow> rows(InstrumentId id, std::size_t k) const {
    const detail::Series& series = core_->series[id];
    return {series.rows.data() + series.row_count[k], series.rows.data() + series.row_count[k + 1]};
  }

  /// Smallest low and largest high (or price, where they are missing) over rows(id, k); {+inf, -inf} if there is none.
  std::pair<double, double> extremes(InstrumentId id, std::size_t k) const {
    const detail::Series& series = core_->series[id];
    return series.extremes.empty() ? detail::extremes_of(rows(id, k)) : series.extremes[k];
  }

  /// Settlements in (time(k), time(k+1)], ascending. O(1).
  std::span<const Settlement> settlements(InstrumentId id, std::size_t k) const {
    const detail::Series& series = core_->series[id];
    return {series.settlements.data() + series.settled_count[k], series.settlements.data() + series.settled_count[k + 1]};
  }

  /// Settlements in (after, up_to], ascending. O(log settlements).
  std::span<const Settlement> settlements(InstrumentId id, std::int64_t after, std::int64_t up_to) const {
    const std::vector<Settlement>& all = core_->series[id].settlements;
    const auto later = [](std::int64_t time, const Settlement& s) { return time < s.settle_ms; };
    const auto begin = std::upper_bound(all.begin(), all.end(), after, later);
    const auto end = std::upper_bound(begin, all.end(), std::max(after, up_to), later);
    return {all.data() + (begin - all.begin()), all.data() + (end - all.begin())};
  }

  // --- variants --------------------------------------------------------------------------------------------------------

  /// The same data with other costs; only the list of opportunities is made again.
  std::shared_ptr<const MarketTape> with_costs(const CostModel& costs) const {
    TapeConfig config = config_;
    config.costs = costs;
    validate(config);
    return std::shared_ptr<const MarketTape>(new MarketTape(core_, config));
  }

  /**
   * @brief Every datum that was not usable at time(k) is replaced by valid garbage or dropped; the grid stays.
   *
   * For look-ahead tests: whatever is computed for steps <= k must be bit-identical on both tapes.
   */
  std::shared_ptr<const MarketTape> corrupted_after(std::size_t k, std::uint64_t seed) const {
    auto core =
        std::make_shared<const detail::TapeCore>(core_->corrupted_after(k, seed), core_->config, core_->venues, core_->grid);
    return std::shared_ptr<const MarketTape>(new MarketTape(std::move(core), config_));
  }

  /// Something worked out from this tape, made on first request and shared by all who ask. One type per tape; thread-safe.
  /// @param make  () -> std::shared_ptr<const T>; must not keep the tape alive
  template <class T, class Make>
  std::shared_ptr<const T> derived(Make&& make) const {
    const std::lock_guard lock(derived_mutex_);
    if (derived_ == nullptr) {
      derived_ = make();
      derived_type_ = &rlx::detail::type_tag<T>;
    }
    RLX_REQUIRE(derived_type_ == &rlx::detail::type_tag<T>,
                "MarketTape::derived: another type was derived from this tape before");
    return std::static_pointer_cast<const T>(derived_);
  }

  /// A copy of all rows, to write or to change and build another tape from. O(rows) memory.
  TapeData data() const { return core_->data(); }

  const DataReport& report() const noexcept { return core_->report; }  ///< what the data hold and what is wrong with them
  /// SHA-256 of all data (not of the configuration): equal for equal data in any order of rows. Computed on first use.
  std::string sha256() const { return core_->sha256(); }

 private:
  MarketTape(std::shared_ptr<const detail::TapeCore> core, const TapeConfig& config) : core_(std::move(core)), config_(config) {
    make_opportunities();
  }

  // The list of each step: at most one per symbol, by score, ties by symbol id.
  void make_opportunities() {
    const std::size_t steps = n_steps();
    std::vector<double> fees;
    for (const Instrument& instrument : core_->instruments) fees.push_back(core_->venues.at(instrument.venue).taker);
    std::vector<LegView> legs(core_->instruments.size());
    std::vector<Opportunity> found;
    std::vector<const Opportunity*> ranked;  // rows are long, and aligned more than algorithms pass by value
    std::vector<detail::Offer> offers;
    std::vector<double> nets;
    regimes_.reserve(steps);
    opportunity_begin_.assign(steps + 1, 0);
    for (std::size_t k = 0; k < steps; ++k) {
      for (InstrumentId id = 0; id < legs.size(); ++id) legs[id] = core_->leg(id, k);
      found.clear();
      if (core_->candidates_only) {
        core_->listed_offers(k, offers);
      } else {
        core_->best_offers(k, legs, config_.filter, offers);
      }
      for (const detail::Offer& offer : offers) add_opportunity(offer, k, legs, fees, found);
      const auto better = [](const Opportunity* a, const Opportunity* b) {
        return a->score != b->score ? a->score > b->score : a->symbol < b->symbol;
      };
      find_best_of_each_symbol(found, ranked);
      regimes_.push_back(median_net(ranked, nets));
      const std::size_t kept = std::min(ranked.size(), max_opportunities);
      std::partial_sort(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(kept), ranked.end(), better);
      for (std::size_t i = 0; i < kept; ++i) opportunities_.push_back(*ranked[i]);
      opportunity_begin_[k + 1] = opportunities_.size();
    }
    opportunities_.shrink_to_fit();
  }

  void add_opportunity(const detail::Offer& offer, std::size_t k, std::span<const LegView> legs, std::span<const double> fees,
                       std::vector<Opportunity>& found) const {
    const LegView& l = legs[offer.long_leg];
    const LegView& s = legs[offer.short_leg];
    if (!core_->tradable(l, config_.filter) || !core_->tradable(s, config_.filter)) return;
    Opportunity o;
    o.long_leg = offer.long_leg;
    o.short_leg = offer.short_leg;
    o.symbol = core_->instruments[offer.long_leg].symbol;
    o.long_rate_bph = l.rho_bph;
    o.short_rate_bph = s.rho_bph;
    o.pair = core_->pair(offer.long_leg, offer.short_leg, k, l, s);
    if (offer.candidate != nullptr) use_projections(*offer.candidate, k, l, s, o.pair);
    o.long_interval_h = l.interval_hours;
    o.short_interval_h = s.interval_hours;
    o.long_next_ms = l.next_settle_ms;
    o.short_next_ms = s.next_settle_ms;
    o.long_price = l.row->price;
    o.short_price = s.row->price;
    o.long_fresh = l.fresh;
    o.short_fresh = s.fresh;
    o.long_depth_usd = static_cast<double>(l.row->depth_usd);
    o.short_depth_usd = static_cast<double>(s.row->depth_usd);
    o.long_bid_ask_bps = static_cast<double>(l.row->bid_ask_bps);
    o.short_bid_ask_bps = static_cast<double>(s.row->bid_ask_bps);
    o.depth_usd = detail::smaller_known(o.long_depth_usd, o.short_depth_usd);
    o.volume_usd =
        detail::smaller_known(static_cast<double>(l.row->volume_quote_24h), static_cast<double>(s.row->volume_quote_24h));
    o.round_trip_bp = leg_round_trip_bp(fees[offer.long_leg], o.long_bid_ask_bps, o.long_depth_usd, config_.costs) +
                      leg_round_trip_bp(fees[offer.short_leg], o.short_bid_ask_bps, o.short_depth_usd, config_.costs);
    o.score = opportunity_score(o.pair.net_bph, o.pair.net24_bph, o.round_trip_bp);
    found.push_back(o);
  }

  // The projections of an opportunity CSV stand in for the statistics only where settlement history is missing.
  void use_projections(const Candidate& candidate, std::size_t k, const LegView& l, const LegView& s, PairView& pair) const {
    const bool no_24h = !is_finite(l.mean24_bph) || !is_finite(s.mean24_bph);
    const bool no_72h = !is_finite(l.mean72_bph) || !is_finite(s.mean72_bph);
    if (no_24h && is_finite(candidate.net24_bph)) pair.net24_bph = candidate.net24_bph;
    if (no_72h && is_finite(candidate.net72_bph)) pair.net72_bph = candidate.net72_bph;
    if (core_->spread_samples(candidate.long_leg, candidate.short_leg, k) < detail::min_spread_samples &&
        is_finite(candidate.spread_mean_bp))
      pair.spread_mean_bp = candidate.spread_mean_bp;
  }

  static double median_net(std::span<const Opportunity* const> eligible, std::vector<double>& nets) {
    if (eligible.empty()) return 0.0;
    nets.clear();
    for (const Opportunity* const o : eligible) nets.push_back(o->pair.net_bph);
    const auto middle = nets.begin() + static_cast<std::ptrdiff_t>(nets.size() / 2);
    std::nth_element(nets.begin(), middle, nets.end());
    return nets.size() % 2 == 1 ? *middle : 0.5 * (*middle + *std::max_element(nets.begin(), middle));
  }

  // Lists from a CSV may hold several pairs of one symbol: the largest net carry stays.
  static void find_best_of_each_symbol(const std::vector<Opportunity>& found, std::vector<const Opportunity*>& best) {
    best.clear();
    for (const Opportunity& o : found) best.push_back(&o);
    std::sort(best.begin(), best.end(), [](const Opportunity* a, const Opportunity* b) {
      if (a->symbol != b->symbol) return a->symbol < b->symbol;
      if (a->pair.net_bph != b->pair.net_bph) return a->pair.net_bph > b->pair.net_bph;
      return a->long_leg != b->long_leg ? a->long_leg < b->long_leg : a->short_leg < b->short_leg;
    });
    const auto same = [](const Opportunity* a, const Opportunity* b) { return a->symbol == b->symbol; };
    best.erase(std::unique(best.begin(), best.end(), same), best.end());
  }

  std::shared_ptr<const detail::TapeCore> core_;
  TapeConfig config_;
  std::vector<Opportunity> opportunities_;
  std::vector<std::size_t> opportunity_begin_;
  std::vector<double> regimes_;
  mutable std::mutex derived_mutex_;
  mutable std::shared_ptr<const void> derived_;
  mutable const void* derived_type_ = nullptr;  // the tag of its type
};

}  // namespace rlx::inline v0_1::funding

#endif  // RLX_FUNDING_MARKET_TAPE_HPP
