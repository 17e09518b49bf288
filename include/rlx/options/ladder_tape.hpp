// SPDX-License-Identifier: MIT
/// @file
/// @brief A series of chains of one underlying, prepared once for any number of LadderEnv.
#ifndef RLX_OPTIONS_LADDER_TAPE_HPP
#define RLX_OPTIONS_LADDER_TAPE_HPP

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/random.hpp>
#include <rlx/market/black76.hpp>
#include <rlx/options/candidate_option.hpp>
#include <rlx/options/candidates.hpp>
#include <rlx/options/chain.hpp>
#include <rlx/options/instrument.hpp>
#include <rlx/options/leg_mark.hpp>
#include <rlx/options/realized_vol.hpp>
#include <rlx/options/training_profile.hpp>

namespace rlx::inline v0_1::options {

/// A candidate of a snapshot in the form that the picker reads; the symbol lives in the tape's instrument table.
struct LadderCandidate {
  std::string_view symbol;       ///< instrument name
  std::uint32_t instrument = 0;  ///< index into `instruments()`
  double strike = 0.0;           ///< USD
  std::int64_t expiry_ms = 0;    ///< UTC ms
  double dte = 0.0;              ///< days to expiry, fractional
  double delta = 0.0;            ///< 0 to 1
  double premium_usd = 0.0;      ///< of one contract at the mid price
  double ivrv = 1.0;             ///< implied over realised volatility; 1 where unknown
  bool ivrv_known = false;       ///< false: `ivrv` is no measurement
  market::Fixed8 bid;            ///< coin per contract
  double spread_pct = 0.0;       ///< (ask - bid)/mid, percent
  double open_interest = 0.0;    ///< contracts; NaN where the source gives none
};
static_assert(OptionCandidate<LadderCandidate>);

/// How a tape is made.
struct LadderTapeConfig {
  std::string underlying = "BTC";                              ///< one of the source's; its options must be inverse
  TrainingProfiles profiles = get_training_profiles();         ///< their ranges decide what is a candidate
  double premium_min_pct = 0.05;                               ///< percent of the index
  std::size_t max_candidates = 100;                            ///< per snapshot, those with the highest premium
  std::size_t first = 0;                                       ///< first snapshot
  std::size_t last = std::numeric_limits<std::size_t>::max();  ///< last snapshot; beyond the end: the end
};

/// Everything an environment reads, in the order of time: index, market features, candidates, and the quotes that open legs are
/// marked with. Immutable after its construction, so environments share one. Nothing of snapshot i depends on later data but
/// the settlement index, which is asked for only after its expiry has passed.
class LadderTape {
 public:
  static constexpr std::size_t market_features = 12;  ///< values in Snapshot::features

  /// One instant of the tape.
  struct Snapshot {
    std::int64_t ts_ms = 0;  ///< UTC ms
    double index = 0.0;      ///< USD
    /// ln index return over 6 h, 24 h, 7 d (x10); RV 7 d, RV 30 d; ATM IV nearest 7 d and 30 d; IV30/RV30; IV7 - IV30;
    /// IV at delta 0.25 less at 0.50, nearest 14 d; hours to the next 08:00 UTC / 24; hours since the last snapshot / 24.
    /// Unknown: 0.
    std::array<float, market_features> features{};
    std::size_t candidates_begin = 0;  ///< the tape's own; see candidates()
    std::size_t candidates_end = 0;    ///< the tape's own
    std::size_t expiries_begin = 0;    ///< the tape's own
    std::size_t expiries_end = 0;      ///< the tape's own
  };

  /**
   * @brief Reads a part of a source once.
   * @throws ConfigError for a range without two snapshots, or bad profiles
   * @throws ParseError  for a snapshot whose index is not finite and above 0, or an option that is not inverse
   */
  template <ChainSource S>
  explicit LadderTape(const S& source, LadderTapeConfig config = {}) : config_(std::move(config)) {
    check_training_profiles(config_.profiles);
    if (source.size() == 0 || config_.first >= source.size() || std::min(config_.last, source.size() - 1) <= config_.first) {
      throw ConfigError("ladder tape: expected first < last within " + std::to_string(source.size()) +
                        " snapshots, found first " + std::to_string(config_.first) + " and last " +
                        std::to_string(config_.last));
    }
    config_.last = std::min(config_.last, source.size() - 1);
    const auto table = source.instruments(config_.first, config_.underlying);
    instruments_ = std::make_shared<const std::vector<Instrument>>(table.begin(), table.end());
    read_history(source);
    std::vector<CandidateBand> bands;
    for (const TrainingProfileSet& set : config_.profiles) {
      const TrainingProfile& profile = set.profile_for(config_.underlying);
      if (profile.enabled) {
        bands.push_back({profile.min_delta, profile.max_delta, profile.min_dte, profile.max_dte, profile.target_delta});
      }
    }
    ChainSnapshot chain;
    std::vector<CandidateOption> found;
    CandidateScratch scratch;
    // Snapshots before the range fill the index history.
    for (std::size_t i = 0; i < config_.first; ++i) {
      source.load(i, config_.underlying, chain);
      append_index(chain);
    }
    for (std::size_t i = config_.first; i <= config_.last; ++i) {
      source.load(i, config_.underlying, chain);
      append_index(chain);
      read_snapshot(chain, bands, found, scratch);
    }
    for (const ExpiryRange& range : expiries_) {
      if (range.expiry_ms <= snapshots_.back().ts_ms && !settlement(range.expiry_ms)) {
        const auto at = std::lower_bound(settlements_.begin(), settlements_.end(), range.expiry_ms,
                                         [](const auto& one, std::int64_t expiry) { return one.first < expiry; });
        settlements_.insert(at, {range.expiry_ms, source.index_at(range.expiry_ms, config_.underlying)});
      }
    }
  }

  const LadderTapeConfig& config() const noexcept { return config_; }  ///< `last` is cut to the source's end.
  std::size_t size() const noexcept { return snapshots_.size(); }      ///< Snapshots, at least two.
  /// @pre i < size()
  const Snapshot& operator[](std::size_t i) const { return snapshots_[i]; }
  /// The source's table at the first snapshot.
  std::span<const Instrument> instruments() const noexcept { return *instruments_; }
  /// What the profiles may choose from at snapshot i, highest premium first; empty where the chain is unusable. @pre i < size()
  std::span<const LadderCandidate> candidates(std::size_t i) const {
    const Snapshot& at = snapshots_[i];
    return std::span(candidates_).subspan(at.candidates_begin, at.candidates_end - at.candidates_begin);
  }
  /// Values a call at snapshot i as `value_leg` does over the whole snapshot. O(log quotes), allocates nothing.
  LegMark value(std::size_t i, std::uint32_t instrument, const LegMark& last) const {
    const Instrument& terms = (*instruments_)[instrument];
    const Snapshot& at = snapshots_[i];
    std::span<const ChainQuote> quotes;
    for (std::size_t e = at.expiries_begin; e < at.expiries_end; ++e) {
      if (expiries_[e].expiry_ms != terms.expiry_ms) continue;
      const ExpiryRange& range = expiries_[e];
      quotes = std::span(quotes_).subspan(range.begin, range.end - range.begin);
      const std::span strikes = std::span(strikes_).subspan(range.begin, quotes.size());
      auto nearest = static_cast<std::size_t>(std::lower_bound(strikes.begin(), strikes.end(), terms.strike) - strikes.begin());
      if (nearest == strikes.size() ||
          (nearest > 0 && terms.strike - strikes[nearest - 1] <= strikes[nearest] - terms.strike)) {
        --nearest;
      }
      // One quote says it all, unless it is a stranger without a volatility.
      if (quotes[nearest].instrument == instrument || quotes[nearest].mark_iv > 0.0) quotes = quotes.subspan(nearest, 1);
      break;
    }
    return value_leg(at.ts_ms, at.index, quotes, *instruments_, instrument, last);
  }
  /// Index at an expiry that lies before the last snapshot; empty for another instant.
  std::optional<IndexPoint> settlement(std::int64_t expiry_ms) const {
    const auto at = std::lower_bound(settlements_.begin(), settlements_.end(), expiry_ms,
                                     [](const auto& one, std::int64_t expiry) { return one.first < expiry; });
    if (at == settlements_.end() || at->first != expiry_ms) return {};
    return at->second;
  }

  /// A tape that equals this one up to snapshot i and is nonsense afterwards. For tests of causality.
  LadderTape with_corrupt_future(std::size_t i, std::uint64_t seed) const;

 private:
  struct ExpiryRange {
    std::int64_t expiry_ms;
    std::size_t begin, end;
  };

  template <ChainSource S>
  void read_history(const S& source) {
    // A source may know the index before its first snapshot.
    if constexpr (requires { source.index_begin_ms(config_.underlying); }) {
      const std::int64_t start = source.ts_ms(0);
      std::int64_t step = 6 * 3'600'000;
      for (std::int64_t t = start - (start - source.index_begin_ms(config_.underlying)) / step * step; t < start; t += step) {
        history_.append(t, source.index_at(t, config_.underlying).value);
      }
    }
  }

  void append_index(const ChainSnapshot& chain) {
    if (!is_finite(chain.index) || !(chain.index > 0.0)) {
      throw ParseError("ladder tape: " + config_.underlying + " at " + std::to_string(chain.ts_ms) +
                       ": expected an index that is finite and above 0, found " + std::to_string(chain.index));
    }
    history_.append(chain.ts_ms, chain.index);
  }

  void read_snapshot(const ChainSnapshot& chain, std::span<const CandidateBand> bands, std::vector<CandidateOption>& found,
                     CandidateScratch& scratch) {
    Snapshot at;
    at.ts_ms = chain.ts_ms;
    at.index = chain.index;
    const auto table = instruments();

    // Quotes by expiry, calls only, with their delta.
    at.expiries_begin = expiries_.size();
    const std::size_t first_quote = quotes_.size();
    for (const ChainQuote& quote : chain.quotes) {
      const Instrument& instrument = table[quote.instrument];
      if (instrument.type != OptionType::call || !detail::is_sound(quote)) continue;
      if (instrument.settlement != SettlementType::inverse) {
        throw ParseError("ladder tape: " + instrument.symbol + " is linear; LadderEnv keeps its account in coin");
      }
      quotes_.push_back(quote);
      if (std::isnan(quote.delta)) {
        const double years = market::years_of(instrument.expiry_ms - chain.ts_ms);
        quotes_.back().delta = market::black76(OptionType::call, quote.forward, instrument.strike, years, quote.mark_iv).delta;
      }
    }
    std::sort(quotes_.begin() + static_cast<std::ptrdiff_t>(first_quote), quotes_.end(),
              [&](const ChainQuote& a, const ChainQuote& b) {
                const Instrument &x = table[a.instrument], &y = table[b.instrument];
                return std::pair(x.expiry_ms, x.strike) < std::pair(y.expiry_ms, y.strike);
              });
    for (std::size_t q = first_quote; q < quotes_.size(); ++q) {
      strikes_.push_back(table[quotes_[q].instrument].strike);
      const std::int64_t expiry_ms = table[quotes_[q].instrument].expiry_ms;
      if (expiries_.size() == at.expiries_begin || expiries_.back().expiry_ms != expiry_ms)
        expiries_.push_back({expiry_ms, q, q});
      expiries_.back().end = q + 1;
    }
    at.expiries_end = expiries_.size();

    const std::optional<double> rv = history_.realized_vol(chain.ts_ms);
    const CandidateRequest request{.bands = bands,
                                   .premium_min_usd = config_.premium_min_pct / 100.0 * chain.index,
                                   .max_quote_age_ms = std::numeric_limits<std::int64_t>::max() / 2,
                                   .max_candidates = config_.max_candidates,
                                   .sort = SortKey::premium_usd,
                                   .now_ms = chain.ts_ms,
                                   .realized_vol = rv};
    const std::uint32_t rejected = build_candidates(chain, table, request, found, scratch);
    if (is_chain_unusable(chain, rejected)) found.clear();  // nothing is traded on such a chain
    at.candidates_begin = candidates_.size();
    for (const CandidateOption& one : found) {
      LadderCandidate& candidate = candidates_.emplace_back();
      candidate.instrument = index_of(chain, one.symbol);
      candidate.symbol = table[candidate.instrument].symbol;
      candidate.strike = one.strike;
      candidate.expiry_ms = one.expiry_ms;
      candidate.dte = one.dte;
      candidate.delta = one.delta;
      candidate.premium_usd = one.premium_usd;
      candidate.ivrv = one.ivrv;
      candidate.ivrv_known = one.ivrv_known;
      candidate.bid = one.bid;
      candidate.spread_pct = one.spread_pct;
      candidate.open_interest = one.open_interest;
    }
    at.candidates_end = candidates_.size();
    write_features(at, rv);
    snapshots_.push_back(at);
  }

  std::uint32_t index_of(const ChainSnapshot& chain, std::string_view symbol) const {
    for (const ChainQuote& quote : chain.quotes) {
      if (instruments()[quote.instrument].symbol == symbol) return quote.instrument;
    }
    return 0;  // a candidate always comes from a quote
  }

  /// The expiry whose distance is nearest to a number of days.
  const ExpiryRange* nearest_expiry(const Snapshot& at, double days) const {
    const ExpiryRange* nearest = nullptr;
    const auto distance = [&](const ExpiryRange& range) {
      return std::fabs(static_cast<double>(range.expiry_ms - at.ts_ms) / market::ms_per_day - days);
    };
    for (std::size_t e = at.expiries_begin; e < at.expiries_end; ++e) {
      if (!nearest || distance(expiries_[e]) < distance(*nearest)) nearest = &expiries_[e];
    }
    return nearest;
  }
  /// IV of the quote with the least distance; 0 where no quote has one.
  template <class Distance>
  double nearest_iv(const ExpiryRange* range, Distance&& distance) const {
    double iv = 0.0, least = std::numeric_limits<double>::infinity();
    for (std::size_t q = range ? range->begin : 0; range && q < range->end; ++q) {
      if (!(quotes_[q].mark_iv > 0.0) || !(distance(quotes_[q]) < least)) continue;
      least = distance(quotes_[q]);
      iv = quotes_[q].mark_iv;
    }
    return iv;
  }

  void write_features(Snapshot& at, std::optional<double> rv) const {
    constexpr std::int64_t hour_ms = 3'600'000, day_ms = 24 * hour_ms;
    const auto log_return = [&](std::int64_t back_ms) {
      const auto before = history_.index_at(at.ts_ms - back_ms);
      return before ? std::log(at.index / before->value) : 0.0;
    };
    const auto table = instruments();
    const auto at_money = [&](const ChainQuote& quote) { return std::fabs(table[quote.instrument].strike - at.index); };
    const auto at_delta = [](double delta) {
      return [delta](const ChainQuote& quote) { return std::fabs(quote.delta - delta); };
    };
    // Six hours' samples span 7 days only just; six are enough for the week's figure.
    const double week =
        history_.realized_vol(at.ts_ms, {.window_ms = 7 * day_ms, .min_returns = 20, .min_span_ms = 6 * day_ms}).value_or(0.0);
    const double month = rv.value_or(0.0);
    const double iv7 = nearest_iv(nearest_expiry(at, 7.0), at_money), iv30 = nearest_iv(nearest_expiry(at, 30.0), at_money);
    const ExpiryRange* fortnight = nearest_expiry(at, 14.0);
    const double wing = nearest_iv(fortnight, at_delta(0.25)), middle = nearest_iv(fortnight, at_delta(0.50));
    const std::int64_t since_eight = ((at.ts_ms - 8 * hour_ms) % day_ms + day_ms) % day_ms;
    const double since_last = snapshots_.empty() ? 0.0 : static_cast<double>(at.ts_ms - snapshots_.back().ts_ms);
    const std::array<double, market_features> values{10.0 * log_return(6 * hour_ms),
                                                     10.0 * log_return(day_ms),
                                                     10.0 * log_return(7 * day_ms),
                                                     week,
                                                     month,
                                                     iv7,
                                                     iv30,
                                                     month > 0.0 ? iv30 / month : 0.0,
                                                     iv7 > 0.0 && iv30 > 0.0 ? iv7 - iv30 : 0.0,
                                                     wing > 0.0 && middle > 0.0 ? wing - middle : 0.0,
                                                     static_cast<double>(day_ms - since_eight) / day_ms,
                                                     since_last / day_ms};
    for (std::size_t i = 0; i < values.size(); ++i) at.features[i] = static_cast<float>(std::clamp(values[i], -10.0, 10.0));
  }

  LadderTapeConfig config_;
  std::shared_ptr<const std::vector<Instrument>> instruments_;  // shared by copies: candidates hold views into it
  IndexHistory history_;
  std::vector<Snapshot> snapshots_;
  std::vector<LadderCandidate> candidates_;
  std::vector<ChainQuote> quotes_;  // of a snapshot by expiry, then strike
  std::vector<double> strikes_;     // of the quotes, beside each other
  std::vector<ExpiryRange> expiries_;
  std::vector<std::pair<std::int64_t, IndexPoint>> settlements_;  // by expiry
};

inline LadderTape LadderTape::with_corrupt_future(std::size_t i, std::uint64_t seed) const {
  LadderTape copy = *this;
  RandomStream random({seed, Purpose::user});
  for (std::size_t later = i + 1; later < copy.snapshots_.size(); ++later) {
    Snapshot& at = copy.snapshots_[later];
    at.index *= random.uniform(0.5, 2.0);
    for (float& value : at.features) value = static_cast<float>(random.uniform(-10.0, 10.0));
    for (std::size_t c = at.candidates_begin; c < at.candidates_end; ++c) {
      LadderCandidate& one = copy.candidates_[c];
      one.premium_usd *= random.uniform(0.5, 2.0);
      one.delta = random.uniform();
      one.bid = one.bid * static_cast<int>(1 + random.bounded(3));
      one.spread_pct = random.uniform(0.0, 50.0);
    }
    for (std::size_t e = at.expiries_begin; e < at.expiries_end; ++e) {
      for (std::size_t q = copy.expiries_[e].begin; q < copy.expiries_[e].end; ++q) {
        ChainQuote& quote = copy.quotes_[q];
        quote.mark = quote.mark * static_cast<int>(1 + random.bounded(3));
        quote.mark_iv *= random.uniform(0.5, 2.0);
        quote.delta = random.uniform();
      }
    }
  }
  for (auto& [expiry_ms, point] : copy.settlements_) {
    if (expiry_ms > copy.snapshots_[i].ts_ms) point.value *= random.uniform(0.5, 2.0);
  }
  return copy;
}

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_LADDER_TAPE_HPP
