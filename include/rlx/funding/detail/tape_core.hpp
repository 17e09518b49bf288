// SPDX-License-Identifier: MIT
/// @file
/// @brief The part of a tape that does not depend on costs: sorted rows, indices per grid step, statistics of pairs.
#ifndef RLX_FUNDING_DETAIL_TAPE_CORE_HPP
#define RLX_FUNDING_DETAIL_TAPE_CORE_HPP

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/hash.hpp>
#include <rlx/core/random.hpp>
#include <rlx/funding/detail/measure_data.hpp>
#include <rlx/funding/detail/sort_rows.hpp>
#include <rlx/funding/opportunity.hpp>
#include <rlx/funding/tape_data.hpp>
#include <rlx/funding/types.hpp>
#include <rlx/funding/venues.hpp>
#include <rlx/io/iso8601.hpp>

namespace rlx::inline v0_1::funding::detail {

inline constexpr std::size_t min_spread_samples = 3;

/// Decision times: start_ms + k step. Zero steps: to be found from the prices.
struct Grid {
  std::int64_t start_ms = 0;
  std::size_t steps = 0;
};

/// All that is kept of one instrument. Counts have one entry per step 0..n: how many elements are at or before time(k).
struct Series {
  std::vector<PriceRow> rows;
  std::vector<Settlement> settlements;
  std::vector<IndicativeRate> indicative;
  std::vector<std::uint32_t> row_count;             // usable rows
  std::vector<std::uint32_t> settled_count;         // settlements by their stamp
  std::vector<std::uint32_t> usable_count;          // settlements by stamp + delay; empty without a delay
  std::vector<std::uint32_t> indicative_count;      // usable; empty without indicative rates
  std::vector<double> rate_sum, hours_sum;          // prefix sums over settlements
  std::vector<std::pair<double, double>> extremes;  // per step; empty where a step holds about one row

  std::size_t usable(std::size_t k) const { return usable_count.empty() ? settled_count[k] : usable_count[k]; }
};

/// Statistics of an unordered pair (a < b; long a, short b) at one step.
struct PairStats {
  double spread_mean = 0.0, spread_std = 0.0, net_std = 0.0;
  std::uint16_t spread_samples = 0;
  std::uint8_t positive = 0, negative = 0, samples = 0;  // full-hour samples of the net
};

/// A pair proposed for the list of a step.
struct Offer {
  InstrumentId long_leg = no_id, short_leg = no_id;
  const Candidate* candidate = nullptr;
};

inline double smaller_known(double a, double b) {
  if (!is_finite(a)) return b;
  return is_finite(b) ? std::min(a, b) : a;
}

inline std::pair<double, double> extremes_of(std::span<const PriceRow> rows) {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  for (const PriceRow& row : rows) {
    low = std::min(low, is_finite(row.low) ? row.low : row.price);
    high = std::max(high, is_finite(row.high) ? row.high : row.price);
  }
  return {low, high};
}

inline std::int64_t floor_to(std::int64_t t, std::int64_t unit) {
  const std::int64_t remainder = t % unit;
  return t - (remainder < 0 ? remainder + unit : remainder);
}

class TapeCore {
 public:
  TapeCore(TapeData data, const TapeConfig& given, const VenueTable& table, Grid fixed_grid)
      : config(given), venues(table), grid(fixed_grid), candidates_only(data.candidates_only) {
    validate(config);
    if (config.max_price_age_ms == 0) config.max_price_age_ms = std::max(2 * config.step_ms, 2 * ms_per_hour);
    report = std::move(data.report);
    std::vector<InstrumentId> id_of = name_instruments(data);
    for (std::size_t i = 0; i < data.instruments.size(); ++i) take_rows(data, i, id_of[i]);
    candidates = std::move(data.candidates);
    for (Candidate& c : candidates) {
      c.long_leg = id_of.at(c.long_leg);
      c.short_leg = id_of.at(c.short_leg);
    }
    std::stable_sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
      return std::tie(a.ts_ms, a.long_leg, a.short_leg) < std::tie(b.ts_ms, b.long_leg, b.short_leg);
    });
    if (grid.steps == 0) find_grid();
    for (Series& s : series) index(s);
    index_candidates();
    make_pairs();
    std::vector<std::span<const PriceRow>> rows;
    std::vector<std::span<const Settlement>> settlements;
    std::vector<std::span<const std::uint32_t>> row_counts;
    for (const Series& s : series) {
      rows.emplace_back(s.rows);
      settlements.emplace_back(s.settlements);
      row_counts.emplace_back(s.row_count);
    }
    report.step_ms = config.step_ms;
    report.steps = grid.steps;
    report.symbols = symbols.size();
    report.pairs = pairs.size();
    for (const VenueId id : venue_ids) report.venues.push_back(venues.at(id).name);
    for (const Series& s : series) report.indicative_rows += s.indicative.size();
    measure(report, instruments, rows, settlements, row_counts, grid.start_ms, config);
    measure_matches(report, instruments, rows, settlements, candidates_only);
    measure_filter(report, instruments, rows, settlements, time(grid.steps - 1), config.filter, !candidates_only);
  }

  std::int64_t time(std::size_t k) const noexcept { return grid.start_ms + static_cast<std::int64_t>(k) * config.step_ms; }

  LegView leg(InstrumentId id, std::size_t k) const {
    const Series& s = series[id];
    const std::int64_t t = time(k);
    LegView view;
    if (const std::size_t n = s.row_count[k]; n > 0) {
      view.row = &s.rows[n - 1];
      view.fresh = t - view.row->ts_ms <= config.max_price_age_ms;
    }
    view.interval_hours = default_hours[id];
    const std::size_t n = s.usable(k);
    if (n > 0) {
      const Settlement& last = s.settlements[n - 1];
      view.interval_hours = last.interval_hours;
      view.settled_bph = rate_bph(last.rate, last.interval_hours);
      view.rho_bph = view.settled_bph;
      view.last_settle_ms = last.settle_ms;
      view.next_settle_ms = last.settle_ms + static_cast<std::int64_t>(last.interval_hours * static_cast<double>(ms_per_hour));
      view.mean24_bph = window_mean(s, k, n, 24);
      view.mean72_bph = window_mean(s, k, n, 72);
    }
    if (!s.indicative_count.empty() && s.indicative_count[k] > 0) {
      const IndicativeRate& newest = s.indicative[s.indicative_count[k] - 1];
      const double hours = is_finite(newest.interval_hours) ? newest.interval_hours : view.interval_hours;
      if (static_cast<double>(t - newest.ts_ms) <= hours * static_cast<double>(ms_per_hour)) {
        view.rho_bph = rate_bph(newest.rate, hours);
        view.interval_hours = hours;
      }
      if (newest.next_settle_ms > view.last_settle_ms) view.next_settle_ms = newest.next_settle_ms;
    }
    return view;
  }

  PairView pair(InstrumentId long_leg, InstrumentId short_leg, std::size_t k, const LegView& l, const LegView& s) const {
    PairView view;
    view.net_bph = s.rho_bph - l.rho_bph;
    const auto known = [](double mean, double rho) { return is_finite(mean) ? mean : rho; };
    view.net24_bph = known(s.mean24_bph, s.rho_bph) - known(l.mean24_bph, l.rho_bph);
    view.net72_bph = known(s.mean72_bph, s.rho_bph) - known(l.mean72_bph, l.rho_bph);
    if (l.row != nullptr && s.row != nullptr) view.spread_bp = spread_of(l.row->price, s.row->price);
    const PairStats& stats = stats_of(long_leg, short_leg, k);
    const bool flipped = long_leg > short_leg;
    view.net_std_bph = stats.net_std;
    view.spread_mean_bp = flipped ? -stats.spread_mean : stats.spread_mean;
    view.spread_std_bp = stats.spread_std;
    if (stats.samples > 0 && view.net_bph != 0.0) {
      const int same = (view.net_bph > 0.0) != flipped ? stats.positive : stats.negative;
      view.sign_share = static_cast<double>(same) / static_cast<double>(stats.samples);
    }
    return view;
  }

  std::size_t spread_samples(InstrumentId long_leg, InstrumentId short_leg, std::size_t k) const {
    return stats_of(long_leg, short_leg, k).spread_samples;
  }

  // Price, quote and liquidity of a leg pass the filter; the history rule is separate.
  bool tradable(const LegView& view, const OpportunityFilter& filter) const {
    if (view.row == nullptr || !view.fresh) return false;
    const auto passes = [](float value, auto&& within) { return !is_finite(value) || within(static_cast<double>(value)); };
    return passes(view.row->bid_ask_bps, [&](double x) { return x <= filter.max_bid_ask_bps; }) &&
           passes(view.row->depth_usd, [&](double x) { return x >= filter.min_depth; }) &&
           passes(view.row->volume_quote_24h, [&](double x) { return x >= filter.min_volume; });
  }

  // Per symbol, the directed pair of eligible legs with the largest net carry.
  void best_offers(std::size_t k, std::span<const LegView> legs, const OpportunityFilter& filter,
                   std::vector<Offer>& offers) const {
    offers.clear();
    const auto eligible = [&](InstrumentId id) {
      const Series& s = series[id];
      const std::size_t n = s.usable(k);
      if (n == 0 || n < filter.min_settlements) return false;
      const double history = static_cast<double>(time(k) - s.settlements.front().settle_ms);
      return history >= filter.min_history_h * static_cast<double>(ms_per_hour) && tradable(legs[id], filter);
    };
    for (SymbolId symbol = 0; symbol < symbols.size(); ++symbol) {
      // The largest net carry pairs the highest rate with the lowest; the first of equals wins.
      InstrumentId lowest = no_id, highest = no_id;
      for (InstrumentId id = symbol_begin[symbol]; id < symbol_begin[symbol + 1]; ++id) {
        if (!eligible(id)) continue;
        if (lowest == no_id) {
          lowest = highest = id;
        } else if (legs[id].rho_bph < legs[lowest].rho_bph) {
          lowest = id;
        } else if (highest == lowest || legs[id].rho_bph > legs[highest].rho_bph) {
          highest = id;
        }
      }
      if (lowest != no_id && lowest != highest) offers.push_back({lowest, highest, nullptr});
    }
  }

  // Candidates of (time(k) - step, time(k)], the latest per directed or undirected pair.
  void listed_offers(std::size_t k, std::vector<Offer>& offers) const {
    offers.clear();
    for (std::size_t i = candidate_begin[k]; i < candidate_begin[k + 1]; ++i) {
      const Candidate& c = candidates[i];
      const auto same_pair = [&](const Offer& o) {
        return std::minmax(o.long_leg, o.short_leg) == std::minmax(c.long_leg, c.short_leg);
      };
      const auto known = std::find_if(offers.begin(), offers.end(), same_pair);
      const Offer offer{c.long_leg, c.short_leg, &c};
      if (known != offers.end()) {
        *known = offer;
      } else {
        offers.push_back(offer);
      }
    }
  }

  // A copy of all data, in order of the ids.
  TapeData data() const {
    TapeData copy;
    copy.candidates = candidates;
    copy.candidates_only = candidates_only;
    for (InstrumentId id = 0; id < instruments.size(); ++id) {
      InstrumentData one;
      one.venue = instruments[id].venue_name;
      one.symbol = instruments[id].symbol_name;
      one.lot = instruments[id].lot;
      one.rows = series[id].rows;
      one.settlements = series[id].settlements;
      one.indicative = series[id].indicative;
      copy.instruments.push_back(std::move(one));
    }
    return copy;
  }

  TapeData corrupted_after(std::size_t k, std::uint64_t seed) const;

  std::string sha256() const {
    std::call_once(hashed_, [this] { hash_ = compute_hash(); });
    return hash_;
  }

  TapeConfig config;
  VenueTable venues;
  Grid grid;
  std::vector<Instrument> instruments;
  std::vector<std::string> symbols;
  std::vector<InstrumentId> symbol_begin;  // per symbol, plus one
  std::vector<VenueId> venue_ids;
  std::vector<double> default_hours;  // per instrument: its venue's usual interval
  std::vector<Series> series;
  std::vector<std::vector<PairStats>> pairs;  // per pair and step
  std::vector<std::size_t> pair_begin;        // per symbol
  bool candidates_only = false;
  std::vector<Candidate> candidates;         // by time
  std::vector<std::size_t> candidate_begin;  // per step, plus one
  DataReport report;

 private:
  static double spread_of(double long_price, double short_price) {
    return 2e4 * (short_price - long_price) / (long_price + short_price);
  }

  // Position of the pair (a, b) of the symbol, in any order.
  std::size_t pair_index(InstrumentId a, InstrumentId b) const {
    const SymbolId symbol = instruments[a].symbol;
    RLX_ASSERT(a != b && symbol == instruments[b].symbol);
    const std::size_t low = std::min(a, b) - symbol_begin[symbol];
    const std::size_t high = std::max(a, b) - symbol_begin[symbol];
    return pair_begin[symbol] + high * (high - 1) / 2 + low;
  }
  const PairStats& stats_of(InstrumentId a, InstrumentId b, std::size_t k) const { return pairs[pair_index(a, b)][k]; }

  // Ids ascend by (symbol name, venue id). Returns the id of each position in the data.
  std::vector<InstrumentId> name_instruments(const TapeData& data) {
    struct Key {
      std::string symbol;
      VenueId venue;
      std::size_t position;
    };
    std::vector<Key> keys;
    for (std::size_t i = 0; i < data.instruments.size(); ++i) {
      const InstrumentData& one = data.instruments[i];
      const std::optional<VenueId> venue = venues.find(one.venue);
      if (!venue)
        throw DataError("unknown venue '" + one.venue + "' (symbol " + one.symbol + "): the venue table has " + venues.names() +
                        "; define it in a venue file");
      if (one.inverse)
        throw DataError(one.venue + ' ' + one.symbol +
                        " is an inverse (coin-margined) contract: only linear contracts are supported; remove it");
      keys.push_back({one.symbol, *venue, i});
    }
    std::sort(keys.begin(), keys.end(),
              [](const Key& a, const Key& b) { return a.symbol != b.symbol ? a.symbol < b.symbol : a.venue < b.venue; });
    std::vector<InstrumentId> id_of(keys.size());
    for (InstrumentId id = 0; id < keys.size(); ++id) {
      const Key& key = keys[id];
      const bool new_symbol = id == 0 || keys[id - 1].symbol != key.symbol;
      if (!new_symbol && keys[id - 1].venue == key.venue)
        throw DataError(venues.at(key.venue).name + ' ' + key.symbol + " is given twice: one entry per venue and symbol");
      if (new_symbol) {
        symbol_begin.push_back(id);
        symbols.push_back(key.symbol);
      }
      const Venue& venue = venues.at(key.venue);
      static_cast<void>(venue.tiers(key.symbol));  // refuse a symbol without margin tiers now, not in mid-episode
      Instrument instrument;
      instrument.venue = key.venue;
      instrument.symbol = static_cast<SymbolId>(symbols.size() - 1);
      instrument.venue_name = venue.name;
      instrument.symbol_name = key.symbol;
      instrument.lot = data.instruments[key.position].lot;
      instruments.push_back(std::move(instrument));
      default_hours.push_back(static_cast<double>(venue.default_interval_hours));
      if (std::find(venue_ids.begin(), venue_ids.end(), key.venue) == venue_ids.end()) venue_ids.push_back(key.venue);
      id_of[key.position] = id;
    }
    symbol_begin.push_back(static_cast<InstrumentId>(keys.size()));
    std::sort(venue_ids.begin(), venue_ids.end());
    series.resize(keys.size());
    return id_of;
  }

  void take_rows(TapeData& data, std::size_t position, InstrumentId id) {
    InstrumentData& one = data.instruments[position];
    Series& s = series[id];
    keep_range(one.rows, one.row_lines, [](const PriceRow& row) { return row.ts_ms; });
    keep_range(one.settlements, one.settlement_lines, [](const Settlement& x) { return x.settle_ms; });
    keep_range(one.indicative, one.indicative_lines, [](const IndicativeRate& x) { return x.ts_ms; });
    const std::string name = one.venue + ' ' + one.symbol;
    RowSorter sorter{name, config.conflict_last_wins, report};
    s.rows = sorter.sort(std::move(one.rows), std::move(one.row_lines), data.prices_name);
    s.settlements = sorter.sort(std::move(one.settlements), std::move(one.settlement_lines), data.funding_name);
    s.indicative = sorter.sort(std::move(one.indicative), std::move(one.indicative_lines), data.indicative_name);
    for (Settlement& settlement : s.settlements) settlement.instrument = id;
  }

  // Drops what is stamped outside the range of the configuration, with its lines.
  template <class Row, class Time>
  void keep_range(std::vector<Row>& rows, std::vector<std::uint32_t>& lines, Time&& time_of) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (!config.in_range(time_of(rows[i]))) continue;
      if (kept != i) {
        rows[kept] = rows[i];
        if (!lines.empty()) lines[kept] = lines[i];
      }
      ++kept;
    }
    if (kept == rows.size()) return;
    cut_ = true;
    rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(kept), rows.end());
    if (!lines.empty()) lines.resize(kept);
  }

  // From the first to the last time at which a price row is usable, rounded up to the grid.
  void find_grid() {
    std::int64_t first = std::numeric_limits<std::int64_t>::max();
    std::int64_t last = std::numeric_limits<std::int64_t>::min();
    for (const Series& s : series) {
      if (s.rows.empty()) continue;
      first = std::min(first, s.rows.front().ts_ms);
      last = std::max(last, s.rows.back().ts_ms);
    }
    if (first > last && cut_) refuse_empty_range(config);
    if (first > last)
      throw DataError(
          "no rows: a tape needs at least one price row; expected a prices file with ts_ms_utc, venue, symbol, price");
    const auto round_up = [this](std::int64_t t) { return floor_to(t + config.step_ms - 1, config.step_ms); };
    grid.start_ms = round_up(first + config.price_delay_ms);
    grid.steps = static_cast<std::size_t>((round_up(last + config.price_delay_ms) - grid.start_ms) / config.step_ms) + 1;
    constexpr std::size_t most_steps = 2'000'000;  // 19 years of five minutes
    if (grid.steps > most_steps)
      throw DataError("prices reach from " + io::format_time_ms(first) + " to " + io::format_time_ms(last) + ": " +
                      std::to_string(grid.steps) + " steps, at most " + std::to_string(most_steps) +
                      " are supported; look for a wrong time stamp, cut the range, or use a longer step");
  }

  // How many of `items` have a time at or before each grid time.
  template <class Items, class Time>
  std::vector<std::uint32_t> counts(const Items& items, Time&& time_of) const {
    std::vector<std::uint32_t> result(grid.steps + 1);
    std::size_t n = 0;
    for (std::size_t k = 0; k <= grid.steps; ++k) {
      const std::int64_t t = time(k);
      while (n < items.size() && time_of(items[n]) <= t) ++n;
      result[k] = static_cast<std::uint32_t>(n);
    }
    return result;
  }

  void index(Series& s) const {
    s.row_count = counts(s.rows, [this](const PriceRow& row) { return row.ts_ms + config.price_delay_ms; });
    s.settled_count = counts(s.settlements, [](const Settlement& x) { return x.settle_ms; });
    if (config.funding_delay_ms > 0)
      s.usable_count = counts(s.settlements, [this](const Settlement& x) { return x.settle_ms + config.funding_delay_ms; });
    if (!s.indicative.empty())
      s.indicative_count = counts(s.indicative, [this](const IndicativeRate& x) { return x.ts_ms + config.funding_delay_ms; });
    s.rate_sum.assign(s.settlements.size() + 1, 0.0);
    s.hours_sum.assign(s.settlements.size() + 1, 0.0);
    for (std::size_t i = 0; i < s.settlements.size(); ++i) {
      s.rate_sum[i + 1] = s.rate_sum[i] + s.settlements[i].rate;
      s.hours_sum[i + 1] = s.hours_sum[i] + s.settlements[i].interval_hours;
    }
    // With about one row per step the rows themselves answer as fast as a table twice the size of the index.
    if (s.rows.size() > 2 * grid.steps) {
      s.extremes.reserve(grid.steps);
      for (std::size_t k = 0; k < grid.steps; ++k)
        s.extremes.push_back(extremes_of(std::span(s.rows).subspan(s.row_count[k], s.row_count[k + 1] - s.row_count[k])));
    }
  }

  void index_candidates() {
    candidate_begin.assign(grid.steps + 1, 0);
    std::size_t n = 0;
    while (n < candidates.size() && candidates[n].ts_ms + config.price_delay_ms <= grid.start_ms - config.step_ms) ++n;
    for (std::size_t k = 0; k < grid.steps; ++k) {
      candidate_begin[k] = n;
      while (n < candidates.size() && candidates[n].ts_ms + config.price_delay_ms <= time(k)) ++n;
    }
    candidate_begin[grid.steps] = n;
  }

  // Mean rate in bp/h over settlements in (time(k) - hours, time(k)] of the `usable` first ones; NaN if there is none.
  double window_mean(const Series& s, std::size_t k, std::size_t usable, std::int64_t hours) const {
    const auto steps_back = static_cast<std::size_t>(hours * ms_per_hour / config.step_ms);
    std::size_t before = 0;
    if (k >= steps_back) {
      before = s.settled_count[k - steps_back];
    } else {
      const auto later = [](std::int64_t t, const Settlement& x) { return t < x.settle_ms; };
      const auto found = std::upper_bound(s.settlements.begin(), s.settlements.end(), time(k) - hours * ms_per_hour, later);
      before = static_cast<std::size_t>(found - s.settlements.begin());
    }
    if (before >= usable) return missing;
    return 1e4 * (s.rate_sum[usable] - s.rate_sum[before]) / (s.hours_sum[usable] - s.hours_sum[before]);
  }

  void make_pairs() {
    const HourlyRates hourly = hourly_rates();
    std::vector<double> spreads(grid.steps);
    for (SymbolId symbol = 0; symbol < symbols.size(); ++symbol) {
      pair_begin.push_back(pairs.size());
      for (InstrumentId b = symbol_begin[symbol]; b < symbol_begin[symbol + 1]; ++b)
        for (InstrumentId a = symbol_begin[symbol]; a < b; ++a) {
          std::vector<PairStats>& stats = pairs.emplace_back(grid.steps);
          add_net_statistics(hourly, a, b, stats);
          add_spread_statistics(a, b, spreads, stats);
        }
    }
  }

  // Last-settled rate of each instrument at each full hour, in bp/h, NaN before the first settlement.
  struct HourlyRates {
    std::int64_t first_ms = 0;
    std::vector<std::vector<double>> values;
  };
  static constexpr std::size_t hours_72 = 72;

  HourlyRates hourly_rates() const {
    HourlyRates hourly;
    hourly.first_ms = floor_to(grid.start_ms, ms_per_hour) - static_cast<std::int64_t>(hours_72 - 1) * ms_per_hour;
    const auto hours = static_cast<std::size_t>((time(grid.steps - 1) - hourly.first_ms) / ms_per_hour) + 1;
    for (const Series& s : series) {
      std::vector<double>& values = hourly.values.emplace_back(hours, missing);
      std::size_t n = 0;
      for (std::size_t h = 0; h < hours; ++h) {
        const std::int64_t t = hourly.first_ms + static_cast<std::int64_t>(h) * ms_per_hour;
        while (n < s.settlements.size() && s.settlements[n].settle_ms + config.funding_delay_ms <= t) ++n;
        if (n > 0) values[h] = rate_bph(s.settlements[n - 1].rate, s.settlements[n - 1].interval_hours);
      }
    }
    return hourly;
  }

  // Deviation and signs of the net over the 72 full hours in (t - 72 h, t].
  void add_net_statistics(const HourlyRates& hourly, InstrumentId a, InstrumentId b, std::vector<PairStats>& stats) const {
    std::size_t last_hour = std::numeric_limits<std::size_t>::max();
    PairStats current;
    std::array<double, hours_72> sample{};
    for (std::size_t k = 0; k < grid.steps; ++k) {
      const auto hour = static_cast<std::size_t>((time(k) - hourly.first_ms) / ms_per_hour);
      if (hour != last_hour) {
        last_hour = hour;
        std::size_t n = 0;
        double sum = 0.0;
        current = {};
        for (std::size_t h = hour + 1 - hours_72; h <= hour; ++h) {
          const double rate_a = hourly.values[a][h];
          const double rate_b = hourly.values[b][h];
          if (!is_finite(rate_a) || !is_finite(rate_b)) continue;
          const double net = rate_b - rate_a;
          sample[n++] = net;
          sum += net;
          current.positive = static_cast<std::uint8_t>(current.positive + (net > 0.0 ? 1 : 0));
          current.negative = static_cast<std::uint8_t>(current.negative + (net < 0.0 ? 1 : 0));
        }
        current.samples = static_cast<std::uint8_t>(n);
        if (n > 0) {
          const double mean = sum / static_cast<double>(n);
          double squares = 0.0;
          for (std::size_t i = 0; i < n; ++i) squares += (sample[i] - mean) * (sample[i] - mean);
          current.net_std = std::sqrt(squares / static_cast<double>(n));
        }
      }
      stats[k] = current;
    }
  }

  // Mean and deviation of the spread over the grid samples in (t - 24 h, t] at which both prices were fresh. Running sums of
  // the distance to an anchor, made anew once per window so that rounding cannot pile up.
  void add_spread_statistics(InstrumentId a, InstrumentId b, std::vector<double>& spreads,
                             std::vector<PairStats>& stats) const {
    const auto window = static_cast<std::size_t>(ms_per_day / config.step_ms);
    const auto fresh_price = [this](InstrumentId id, std::size_t k) {
      const Series& s = series[id];
      const std::size_t n = s.row_count[k];
      if (n == 0 || time(k) - s.rows[n - 1].ts_ms > config.max_price_age_ms) return missing;
      return s.rows[n - 1].price;
    };
    double anchor = 0.0, sum = 0.0, squares = 0.0;
    std::size_t count = 0;
    const auto add = [&](std::size_t k) {
      if (!is_finite(spreads[k])) return;
      const double x = spreads[k] - anchor;
      sum += x;
      squares += x * x;
      ++count;
    };
    for (std::size_t k = 0; k < grid.steps; ++k) {
      const double price_a = fresh_price(a, k), price_b = fresh_price(b, k);
      spreads[k] = is_finite(price_a) && is_finite(price_b) ? spread_of(price_a, price_b) : missing;
      if (k % window == 0) {
        anchor = is_finite(spreads[k]) ? spreads[k] : anchor;
        sum = squares = 0.0;
        count = 0;
        for (std::size_t j = k + 1 >= window ? k + 1 - window : 0; j <= k; ++j) add(j);
      } else {
        if (k >= window && is_finite(spreads[k - window])) {
          const double x = spreads[k - window] - anchor;
          sum -= x;
          squares -= x * x;
          --count;
        }
        add(k);
      }
      stats[k].spread_samples = static_cast<std::uint16_t>(count);
      if (count < min_spread_samples) continue;
      const double n = static_cast<double>(count);
      const double mean = sum / n;
      stats[k].spread_mean = anchor + mean;
      stats[k].spread_std = std::sqrt(std::max(0.0, squares / n - mean * mean));
    }
  }

  std::string compute_hash() const {
    Sha256 hash;
    std::vector<std::byte> buffer;
    const auto put = [&buffer](auto value) {
      const auto bytes = std::bit_cast<std::array<std::byte, sizeof(value)>>(value);
      buffer.insert(buffer.end(), bytes.begin(), bytes.end());
    };
    const auto flush = [&](bool always) {
      if (!always && buffer.size() < (std::size_t{1} << 16)) return;
      hash.update(std::span<const std::byte>(buffer));
      buffer.clear();
    };
    for (std::size_t i = 0; i < instruments.size(); ++i) {
      const Series& s = series[i];
      hash.update(std::string_view(instruments[i].venue_name + '\n' + instruments[i].symbol_name + '\n'));
      put(instruments[i].lot);
      put(static_cast<std::uint64_t>(s.rows.size()));
      for (const PriceRow& row : s.rows) {
        put(row.ts_ms);
        for (const double value : {row.price, row.low, row.high}) put(is_finite(value) ? value : missing);
        for (const float value : {row.volume_quote_24h, row.bid_ask_bps, row.depth_usd})
          put(is_finite(value) ? value : static_cast<float>(missing));
        flush(false);
      }
      put(static_cast<std::uint64_t>(s.settlements.size()));
      for (const Settlement& settlement : s.settlements) {
        put(settlement.settle_ms);
        put(settlement.rate);
        put(settlement.interval_hours);
        flush(false);
      }
      put(static_cast<std::uint64_t>(s.indicative.size()));
      for (const IndicativeRate& rate : s.indicative) {
        put(rate.ts_ms);
        put(rate.rate);
        put(is_finite(rate.interval_hours) ? rate.interval_hours : missing);
        put(rate.next_settle_ms);
        flush(false);
      }
      flush(true);
    }
    put(static_cast<std::uint64_t>(candidates_only));
    for (const Candidate& c : candidates) {
      put(c.ts_ms);
      put(c.long_leg);
      put(c.short_leg);
      for (const double value : {c.net24_bph, c.net72_bph, c.spread_mean_bp}) put(is_finite(value) ? value : missing);
    }
    flush(true);
    return hash.hex();
  }

  bool cut_ = false;  // first_ms and end_ms left something out
  mutable std::once_flag hashed_;
  mutable std::string hash_;
};

// Future rows get other prices, future settlements other rates and intervals; some of both vanish. All stays in valid ranges.
inline TapeData TapeCore::corrupted_after(std::size_t k, std::uint64_t seed) const {
  const std::int64_t t = time(k);
  RandomStream random(StreamId{.seed = seed, .purpose = Purpose::user, .env = 0, .step = k});
  constexpr std::array<double, 6> intervals{1.0, 2.0, 4.0, 8.0, 12.0, 24.0};
  TapeData data = this->data();
  for (InstrumentData& one : data.instruments) {
    std::erase_if(one.rows, [&](PriceRow& row) {
      if (row.ts_ms + config.price_delay_ms <= t) return false;
      row.price *= std::exp(random.uniform(-1.0, 1.0));
      row.low = row.price * random.uniform(0.5, 1.0);
      row.high = row.price * random.uniform(1.0, 2.0);
      row.volume_quote_24h = static_cast<float>(random.uniform(0.0, 1e9));
      row.bid_ask_bps = static_cast<float>(random.uniform(0.0, 100.0));
      row.depth_usd = static_cast<float>(random.uniform(1.0, 1e6));
      return random.bounded(8) == 0;
    });
    std::erase_if(one.settlements, [&](Settlement& settlement) {
      if (settlement.settle_ms + config.funding_delay_ms <= t) return false;
      settlement.rate = random.uniform(-0.01, 0.01);
      settlement.interval_hours = intervals[random.bounded(intervals.size())];
      return random.bounded(8) == 0;
    });
    std::erase_if(one.indicative, [&](IndicativeRate& rate) {
      if (rate.ts_ms + config.funding_delay_ms <= t) return false;
      rate.rate = random.uniform(-0.01, 0.01);
      rate.next_settle_ms = 0;
      return random.bounded(8) == 0;
    });
  }
  std::erase_if(data.candidates, [&](Candidate& candidate) {
    if (candidate.ts_ms + config.price_delay_ms <= t) return false;
    if (random.bounded(2) == 0) std::swap(candidate.long_leg, candidate.short_leg);
    candidate.net24_bph = candidate.net72_bph = random.uniform(-10.0, 10.0);
    return random.bounded(4) == 0;
  });
  return data;
}

}  // namespace rlx::inline v0_1::funding::detail

#endif  // RLX_FUNDING_DETAIL_TAPE_CORE_HPP
