// SPDX-License-Identifier: MIT
/// @file
/// @brief Which profiles sell at which snapshot: the ladder as a reinforcement-learning environment.
#ifndef RLX_OPTIONS_LADDER_ENV_HPP
#define RLX_OPTIONS_LADDER_ENV_HPP

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/random.hpp>
#include <rlx/core/state.hpp>
#include <rlx/env/environment.hpp>
#include <rlx/env/space.hpp>
#include <rlx/market/fixed8.hpp>
#include <rlx/options/fees.hpp>
#include <rlx/options/instrument.hpp>
#include <rlx/options/ladder_picker.hpp>
#include <rlx/options/ladder_tape.hpp>
#include <rlx/options/leg_mark.hpp>

namespace rlx::inline v0_1::options {

/// One configuration of LadderEnv. An amount of 0 means the default of the underlying: BTC 1.5, 0.1 and 1; ETH 15, 1 and 10.
struct LadderEnvConfig {
  market::Fixed8 coverage = {};       ///< coin held: no more calls than this are open
  market::Fixed8 call_size = {};      ///< contracts per leg
  market::Fixed8 assumed_depth = {};  ///< contracts that a bid takes per snapshot; a leg is the smaller of size and depth
  LadderLimits limits = {};           ///< caps and order of the picker
  FeeSchedule fees = {};              ///< of trades and of deliveries at expiry
  std::size_t episode_ticks = 112;    ///< snapshots per episode: 28 days of 6 hours
  bool random_start = true;           ///< start drawn from the seed; false: the first snapshot, whatever the seed
};

/// A leg that is open, or was.
struct LadderLeg {
  std::uint32_t instrument = 0;  ///< index into `tape().instruments()`
  std::uint32_t profile = 0;     ///< index into `profiles()`
  std::size_t opened_at = 0;     ///< number of the snapshot
  market::Fixed8 amount;         ///< contracts
  market::Fixed8 price;          ///< bid that it was sold at, coin per contract
  market::Fixed8 fee;            ///< of the sale, coin
  market::Fixed8 payoff;         ///< coin, once settled
  market::Fixed8 delivery_fee;   ///< coin, once settled
  LegMark mark;                  ///< at the snapshot that the last observation shows
};

/// Figures of the running or last episode, in coin; readable until the next reset.
struct LadderEpisodeInfo {
  std::size_t snapshot = 0;                    ///< that the last observation shows
  std::int64_t ts_ms = 0;                      ///< of that snapshot, UTC ms
  double value = 0.0;                          ///< premiums - fees - payoffs - delivery fees - open legs at their marks
  market::Fixed8 premiums;                     ///< received
  market::Fixed8 fees;                         ///< of sales
  market::Fixed8 payoffs;                      ///< of settled legs
  market::Fixed8 delivery_fees;                ///< of settled legs
  market::Fixed8 open_amount;                  ///< contracts of the open legs
  std::size_t legs_opened = 0;                 ///< since the reset
  std::size_t legs_settled = 0;                ///< since the reset
  std::size_t legs_won = 0;                    ///< settled with a profit after fees
  double worst_leg = 0.0;                      ///< lowest profit of a settled leg; 0 where none is
  std::int64_t longest_settlement_gap_ms = 0;  ///< between the index samples around an expiry
};

/**
 * @brief Covered calls on one underlying: at every snapshot, which training profiles open the legs that the picker proposes?
 * Models MaskedEnvironment, ReportsMetrics, SerializableEnvironment, NamedLayout and HasFuture.
 *
 * Action: Discrete(2^P), bit p = profile p. With action a only the profiles of a are passed to the picker (in their order), and
 * every leg that it returns is sold at the bid of the snapshot; fees by the schedule. Legs are held to expiry and settle on the
 * index at 08:00 UTC. Mask: 0 always; a when each of its profiles has a leg and open plus new amount stays within the coverage.
 * An action that the mask forbids throws; nothing is replaced silently.
 *
 * Reward: change of value per coin of coverage, so that the rewards of an episode sum to its value over the coverage, and doing
 * nothing earns exactly 0. `terminated` is never set: covered calls cannot be liquidated. `truncated` after `episode_ticks` or
 * at the end of the data.
 *
 * Observation: 16 + 12 P floats within ±10; `observation_names` lists them. The proposal of profile p shows the first leg that
 * it would open alone. An unknown IV/RV or open interest is 0.
 *
 * An episode is a function of (tape, configuration, seed, actions). `reset`, `step`, `action_masks` and `info` allocate nothing
 * after the constructor. Copies are independent and share the tape. One object is used by one thread at a time.
 */
class LadderEnv {
 public:
  using ActionScalar = std::int32_t;              ///< As `Environment` asks.
  static constexpr std::size_t max_profiles = 6;  ///< so that there are 64 actions at most

  /// @throws ConfigError for more than 6 profiles or none, amounts that are not above 0 or no multiple of the minimum, no ticks
  explicit LadderEnv(std::shared_ptr<const LadderTape> tape, LadderEnvConfig config = {})
      : config_(std::move(config)), tape_(std::move(tape)) {
    RLX_REQUIRE(tape_ != nullptr, "LadderEnv: the tape is null");
    set_defaults();
    const std::size_t n = profiles().size();
    if (n == 0 || n > max_profiles) {
      throw ConfigError("LadderEnv: expected 1.." + std::to_string(max_profiles) + " profiles, found " + std::to_string(n));
    }
    check_training_profiles(profiles());
    if (config_.episode_ticks == 0) throw ConfigError("LadderEnv: episode_ticks must be at least 1, found 0");
    options::validate(config_.fees);
    const std::size_t actions = std::size_t{1} << n;
    action_space_.n = static_cast<std::int64_t>(actions);
    subsets_.resize(actions);
    picks_.resize(actions);
    valid_.assign(actions, 0);
    for (std::size_t a = 1; a < subsets_.size(); ++a) {
      for (std::size_t p = 0; p < n; ++p) {
        if ((a >> p & 1) != 0) subsets_[a].push_back(profiles()[p]);
      }
    }
    const auto most = static_cast<std::size_t>(std::max(config_.limits.max_open_calls_per_underlying, 0));
    legs_.reserve(most);
    occupied_.reserve(most);
    warm_up_picker(most);
    observation_space_ = Box::uniform(observation_size(), -10.0F, 10.0F);
    name_everything();
  }

  /// As `Environment` asks: 16 + 12 P values within ±10.
  const Box& observation_space() const noexcept { return observation_space_; }
  const Discrete& action_space() const noexcept { return action_space_; }  ///< As `Environment` asks: Discrete(2^P).
  std::size_t observation_size() const noexcept { return 16 + 12 * profiles().size(); }  ///< 16 + 12 P.

  /// Starts an episode. @throws ShapeError for a row of another length
  void reset(std::uint64_t seed, std::span<float> row) {
    require_row(row.size());
    const std::size_t last_start = tape_->size() - 1 > config_.episode_ticks ? tape_->size() - 1 - config_.episode_ticks : 0;
    RandomStream random({seed, Purpose::environment_reset});
    start_ = config_.random_start ? static_cast<std::size_t>(random.bounded(last_start + 1)) : 0;
    end_ = std::min(start_ + config_.episode_ticks, tape_->size() - 1);
    at_ = start_;
    legs_.clear();
    cash_ = {};
    info_ = {};
    live_ = true;
    refresh();
    write_row(row);
  }

  /// @throws StateError before `reset` or after the end; InvalidActionError for an action outside the space or forbidden by the
  ///         mask; ShapeError. The state is unchanged then.
  Transition step(std::span<const std::int32_t> action, std::span<float> row) {
    if (!live_) throw StateError("LadderEnv: step before reset or after the end of an episode; call reset first");
    require_row(row.size());
    if (action.size() != 1) throw ShapeError("LadderEnv: expected 1 action, found " + std::to_string(action.size()));
    const std::int32_t a = action[0];
    if (a < 0 || a >= action_space_.n) {
      throw InvalidActionError("LadderEnv: expected an action in [0, " + std::to_string(action_space_.n) + "), found " +
                               std::to_string(a));
    }
    if (valid_[static_cast<std::size_t>(a)] == 0) {
      throw InvalidActionError("LadderEnv: action " + std::to_string(a) + " (" + action_names_[static_cast<std::size_t>(a)] +
                               ") is masked at snapshot " + std::to_string(at_) +
                               ": a profile has no leg, or the coverage does not allow the amount");
    }
    const double before = info_.value;
    open_legs(static_cast<std::size_t>(a));
    ++at_;
    settle_expired();
    refresh();
    live_ = at_ < end_;
    write_row(row);
    return {.reward = (info_.value - before) / coverage_, .terminated = false, .truncated = !live_};
  }

  /// Writes one byte per action for the current observation, 1 = valid. @throws ShapeError
  void action_masks(std::span<std::uint8_t> row) const {
    if (row.size() != valid_.size()) {
      throw ShapeError("LadderEnv: expected a mask of " + std::to_string(valid_.size()) + " bytes, found " +
                       std::to_string(row.size()));
    }
    std::copy(valid_.begin(), valid_.end(), row.begin());
  }

  const LadderEpisodeInfo& info() const noexcept { return info_; }    ///< As `Environment` asks.
  const LadderEnvConfig& config() const noexcept { return config_; }  ///< With the defaults of the underlying filled in.
  const LadderTape& tape() const noexcept { return *tape_; }          ///< Shared by the copies of this object.
  /// Those of the tape, by priority.
  std::span<const TrainingProfileSet> profiles() const noexcept { return tape_->config().profiles; }
  std::span<const LadderLeg> open_legs() const noexcept { return legs_; }  ///< In the order of their sale.
  /// Legs that an action would open now, by profile of the action, as indices into `tape().candidates(info().snapshot)`.
  std::span<const ProfilePicks> proposals(std::size_t action) const { return picks_.at(action); }

  /// As `ReportsMetrics` asks.
  static constexpr std::array<std::string_view, 10> metric_names() {
    return {"value", "premiums", "fees", "payoffs", "delivery_fees", "legs", "settled", "win_rate", "worst_leg", "open_amount"};
  }
  /// Values of `metric_names()`: money in coin; win_rate of the settled legs.
  void metrics(std::span<double> values) const {
    const std::array<double, 10> all{
        info_.value,
        info_.premiums.to_double(),
        info_.fees.to_double(),
        info_.payoffs.to_double(),
        info_.delivery_fees.to_double(),
        static_cast<double>(info_.legs_opened),
        static_cast<double>(info_.legs_settled),
        info_.legs_settled == 0 ? 0.0 : static_cast<double>(info_.legs_won) / static_cast<double>(info_.legs_settled),
        info_.worst_leg,
        info_.open_amount.to_double()};
    std::copy_n(all.begin(), std::min(values.size(), all.size()), values.begin());
  }

  std::span<const std::string> observation_names() const noexcept { return observation_names_; }  ///< As `NamedLayout` asks.
  std::span<const std::string> action_names() const noexcept { return action_names_; }            ///< As `NamedLayout` asks.

  /// Appends the state of the episode.
  void save_state(std::vector<std::byte>& bytes) const {
    StateWriter out(bytes);
    out.write_string(identity());
    out.write(static_cast<std::uint8_t>(live_));
    for (const std::size_t value : {start_, end_, at_}) out.write(static_cast<std::uint64_t>(value));
    out.write(cash_);
    for (const market::Fixed8 value : {info_.premiums, info_.fees, info_.payoffs, info_.delivery_fees}) out.write(value);
    for (const std::size_t value : {info_.legs_opened, info_.legs_settled, info_.legs_won}) {
      out.write(static_cast<std::uint64_t>(value));
    }
    out.write(info_.worst_leg);
    out.write(info_.longest_settlement_gap_ms);
    out.write(static_cast<std::uint64_t>(legs_.size()));
    for (const LadderLeg& leg : legs_) {  // field by field: padding is not state
      out.write(leg.instrument);
      out.write(leg.profile);
      out.write(static_cast<std::uint64_t>(leg.opened_at));
      for (const market::Fixed8 value : {leg.amount, leg.price, leg.fee}) out.write(value);
      for (const double value : {leg.mark.price, leg.mark.delta, leg.mark.iv, leg.mark.forward_ratio}) out.write(value);
    }
  }
  /// Continues exactly where `save_state` stood.
  /// @throws CheckpointError for damaged bytes, another tape or another configuration; the environment must then be reset
  void load_state(std::span<const std::byte> bytes) {
    live_ = false;
    StateReader in(bytes);
    if (const std::string saved = in.read_string(); saved != identity()) {
      throw CheckpointError("LadderEnv state: saved by an environment of '" + saved + "', this one is '" + identity() + "'");
    }
    const auto read_size = [&] { return static_cast<std::size_t>(in.read<std::uint64_t>()); };
    const bool live = in.read<std::uint8_t>() != 0;
    for (std::size_t* value : {&start_, &end_, &at_}) *value = read_size();
    in.read(cash_);
    info_ = {};
    for (market::Fixed8* value : {&info_.premiums, &info_.fees, &info_.payoffs, &info_.delivery_fees}) in.read(*value);
    for (std::size_t* value : {&info_.legs_opened, &info_.legs_settled, &info_.legs_won}) *value = read_size();
    in.read(info_.worst_leg);
    in.read(info_.longest_settlement_gap_ms);
    const std::size_t n = read_size();
    if (n > legs_.capacity() || start_ > at_ || at_ > end_ || end_ >= tape_->size()) {
      throw CheckpointError("LadderEnv state: damaged (snapshot " + std::to_string(at_) + ", " + std::to_string(n) + " legs)");
    }
    legs_.assign(n, {});
    for (LadderLeg& leg : legs_) {
      in.read(leg.instrument);
      in.read(leg.profile);
      leg.opened_at = read_size();
      for (market::Fixed8* value : {&leg.amount, &leg.price, &leg.fee}) in.read(*value);
      for (double* value : {&leg.mark.price, &leg.mark.delta, &leg.mark.iv, &leg.mark.forward_ratio}) in.read(*value);
      if (leg.instrument >= tape_->instruments().size() || leg.profile >= profiles().size()) {
        throw CheckpointError("LadderEnv state: damaged (a leg on an instrument or profile that is not there)");
      }
    }
    in.expect_end();
    refresh();
    live_ = live;
  }

  /// Replaces everything that is not known at the current snapshot, here and for later episodes of this object. For tests of
  /// causality; copies the tape.
  void corrupt_future(std::uint64_t seed) { tape_ = std::make_shared<const LadderTape>(tape_->with_corrupt_future(at_, seed)); }

 private:
  void set_defaults() {
    const std::string& underlying = tape_->config().underlying;
    const bool eth = underlying == "ETH";
    const auto or_default = [&](market::Fixed8& value, const char* field, const char* btc, const char* other) {
      if (value.sign() == 0) value = market::Fixed8::parse(eth ? other : btc);
      if (value.sign() < 0) {
        throw ConfigError(std::string("LadderEnv: ") + field + " must be above 0, found " + value.to_string());
      }
    };
    or_default(config_.coverage, "coverage", "1.5", "15");
    or_default(config_.call_size, "call_size", "0.1", "1");
    or_default(config_.assumed_depth, "assumed_depth", "1", "10");
    leg_amount_ = min(config_.call_size, config_.assumed_depth);
    coverage_ = config_.coverage.to_double();
    const auto table = tape_->instruments();
    if (!table.empty() && !leg_amount_.is_multiple_of(table.front().minimum_size)) {
      throw ConfigError("LadderEnv: legs of " + leg_amount_.to_string() + " contracts are no multiple of the minimum " +
                        table.front().minimum_size.to_string());
    }
  }

  /// Lets every buffer of the picker grow to what the largest snapshot could need.
  void warm_up_picker(std::size_t most_legs) {
    std::size_t most_candidates = 0;
    for (std::size_t i = 0; i < tape_->size(); ++i) most_candidates = std::max(most_candidates, tape_->candidates(i).size());
    scratch_.profiles.reserve(profiles().size());
    scratch_.eligible.resize(profiles().size());
    for (auto& rows : scratch_.eligible) rows.reserve(most_candidates);
    scratch_.occupied.reserve(most_legs);
    scratch_.taken.reserve(2 * most_legs + 1);
    scratch_.expiry_legs.reserve(2 * most_legs + 1);
    for (std::size_t a = 1; a < picks_.size(); ++a) {
      picks_[a].resize(subsets_[a].size());
      for (auto& one : picks_[a]) one.candidates.reserve(most_legs);
    }
  }

  void require_row(std::size_t size) const {
    if (size != observation_size()) {
      throw ShapeError("LadderEnv: expected an observation row of " + std::to_string(observation_size()) + " floats, found " +
                       std::to_string(size));
    }
  }

  void open_legs(std::size_t action) {
    const auto candidates = tape_->candidates(at_);
    std::uint32_t profile = 0;
    for (const ProfilePicks& picks : picks_[action]) {
      while ((action >> profile & 1) == 0) ++profile;
      for (const std::uint32_t index : picks.candidates) {
        const LadderCandidate& candidate = candidates[index];
        LadderLeg& leg = legs_.emplace_back();
        leg.instrument = candidate.instrument;
        leg.profile = profile;
        leg.opened_at = at_;
        leg.amount = leg_amount_;
        leg.price = candidate.bid;
        leg.fee = trade_fee(config_.fees, SettlementType::inverse, Liquidity::taker, leg.amount, leg.price, {});
        const market::Fixed8 received = premium(leg.amount, leg.price);
        cash_ += received - leg.fee;
        info_.premiums += received;
        info_.fees += leg.fee;
        ++info_.legs_opened;
      }
      ++profile;
    }
  }

  void settle_expired() {
    const std::int64_t now = (*tape_)[at_].ts_ms;
    const auto table = tape_->instruments();
    std::size_t kept = 0;
    for (LadderLeg& leg : legs_) {
      const Instrument& instrument = table[leg.instrument];
      if (instrument.expiry_ms > now) {
        legs_[kept++] = leg;
        continue;
      }
      const IndexPoint index = *tape_->settlement(instrument.expiry_ms);
      const auto price = market::Fixed8::from_double(index.value);
      leg.payoff = payoff(instrument, leg.amount, price);
      leg.delivery_fee = delivery_fee(config_.fees, instrument, leg.amount, price);
      cash_ -= leg.payoff + leg.delivery_fee;
      info_.payoffs += leg.payoff;
      info_.delivery_fees += leg.delivery_fee;
      const double profit = (premium(leg.amount, leg.price) - leg.fee - leg.payoff - leg.delivery_fee).to_double();
      if (info_.legs_settled == 0 || profit < info_.worst_leg) info_.worst_leg = profit;
      ++info_.legs_settled;
      if (profit > 0.0) ++info_.legs_won;
      info_.longest_settlement_gap_ms = std::max(info_.longest_settlement_gap_ms, index.gap_ms);
    }
    legs_.resize(kept);
  }

  /// Marks the open legs and looks at what could be opened now.
  void refresh() {
    double marks = 0.0;
    for (LadderLeg& leg : legs_) {
      leg.mark = tape_->value(at_, leg.instrument, leg.mark);
      marks += leg.amount.to_double() * leg.mark.price;
    }
    info_.snapshot = at_;
    info_.ts_ms = (*tape_)[at_].ts_ms;
    info_.value = cash_.to_double() - marks;
    info_.open_amount = leg_amount_ * static_cast<int>(legs_.size());
    propose();
  }

  void propose() {
    const auto table = tape_->instruments();
    const auto candidates = tape_->candidates(at_);
    occupied_.clear();
    for (const LadderLeg& leg : legs_) occupied_.push_back({table[leg.instrument].symbol, table[leg.instrument].expiry_ms});
    valid_[0] = 1;
    for (std::size_t a = 1; a < picks_.size(); ++a) {
      // A set with a profile that has no leg alone has none in company either.
      const std::size_t lowest = a & (~a + 1);
      const bool alone = a == lowest;  // what a profile proposes alone is shown even when it is masked
      valid_[a] = alone || (valid_[lowest] != 0 && valid_[a ^ lowest] != 0) ? 1 : 0;
      if (valid_[a] == 0) continue;
      pick_candidates_for_all_profiles(std::span<const TrainingProfileSet>(subsets_[a]), tape_->config().underlying, candidates,
                                       config_.limits, std::span<const OccupiedLeg>(occupied_), scratch_, picks_[a]);
      std::size_t legs = 0;
      for (const ProfilePicks& picks : picks_[a]) {
        legs += picks.candidates.size();
        if (picks.candidates.empty()) valid_[a] = 0;
      }
      if (info_.open_amount + leg_amount_ * static_cast<int>(legs) > config_.coverage) valid_[a] = 0;
    }
  }

  void write_row(std::span<float> row) const {
    const LadderTape::Snapshot& now = (*tape_)[at_];
    const auto candidates = tape_->candidates(at_);
    const auto table = tape_->instruments();
    const std::size_t n = profiles().size();
    std::size_t next = 0;
    const auto put = [&](double value) { row[next++] = static_cast<float>(std::clamp(value, -10.0, 10.0)); };
    for (const float feature : now.features) row[next++] = feature;
    for (std::size_t p = 0; p < n; ++p) {
      const ProfilePicks& picks = picks_[std::size_t{1} << p].front();
      if (picks.candidates.empty()) {
        for (int i = 0; i < 9; ++i) put(0.0);
        continue;
      }
      const LadderCandidate& first = candidates[picks.candidates.front()];
      const int max_legs = profiles()[p].profile_for(tape_->config().underlying).max_legs;
      put(1.0);
      put(first.delta);
      put(first.dte / 30.0);
      put(first.bid.to_double() * 100.0);
      put(first.spread_pct / 10.0);
      put(first.ivrv_known ? first.ivrv : 0.0);
      put(first.premium_usd / now.index * 100.0);
      put(first.open_interest >= 0.0 ? std::log1p(first.open_interest) / 10.0 : 0.0);
      put(static_cast<double>(picks.candidates.size()) / max_legs);
    }
    std::int64_t nearest_expiry = 0;
    for (std::size_t p = 0; p < n; ++p) {
      double amount = 0.0, unrealised = 0.0, delta = 0.0;
      for (const LadderLeg& leg : legs_) {
        if (leg.profile != p) continue;
        const double contracts = leg.amount.to_double();
        amount += contracts;
        unrealised += contracts * (leg.price.to_double() - leg.mark.price) - leg.fee.to_double();
        delta += contracts * leg.mark.delta;
      }
      put(amount / coverage_);
      put(10.0 * unrealised / coverage_);
      put(amount > 0.0 ? delta / amount : 0.0);
    }
    for (const LadderLeg& leg : legs_) {
      const std::int64_t expiry = table[leg.instrument].expiry_ms;
      if (nearest_expiry == 0 || expiry < nearest_expiry) nearest_expiry = expiry;
    }
    const int cap = config_.limits.max_open_calls_per_underlying;
    put(info_.open_amount.to_double() / coverage_);
    put(cap > 0 ? static_cast<double>(legs_.size()) / cap : 0.0);
    put(nearest_expiry == 0 ? 0.0 : static_cast<double>(nearest_expiry - now.ts_ms) / market::ms_per_day / 30.0);
    put(10.0 * info_.value / coverage_);
  }

  void name_everything() {
    for (const char* name : {"log_return_6h_x10", "log_return_24h_x10", "log_return_7d_x10", "rv_7d", "rv_30d", "atm_iv_7d",
                             "atm_iv_30d", "iv30_over_rv30", "iv7_minus_iv30", "iv_delta25_minus_delta50_14d",
                             "days_to_next_0800", "days_since_last_snapshot"}) {
      observation_names_.emplace_back(name);
    }
    for (const TrainingProfileSet& profile : profiles()) {
      for (const char* part : {"present", "delta", "dte_over_30", "bid_x100", "spread_pct_over_10", "ivrv",
                               "premium_pct_of_index", "log_open_interest_over_10", "legs_over_max"}) {
        observation_names_.push_back(profile.name + '.' + part);
      }
    }
    for (const TrainingProfileSet& profile : profiles()) {
      for (const char* part : {"open_over_coverage", "unrealised_x10", "mean_delta"}) {
        observation_names_.push_back(profile.name + '.' + part);
      }
    }
    for (const char* name : {"coverage_used", "open_legs_over_cap", "nearest_expiry_over_30d", "episode_value_x10"}) {
      observation_names_.emplace_back(name);
    }
    action_names_.emplace_back("none");
    for (std::size_t a = 1; a < subsets_.size(); ++a) {
      std::string name;
      for (const TrainingProfileSet& profile : subsets_[a]) name += (name.empty() ? "" : "+") + profile.name;
      action_names_.push_back(std::move(name));
    }
  }

  /// Everything that an episode depends on besides seed and actions, in words.
  std::string identity() const {
    const LadderLimits& limits = config_.limits;
    const FeeRates& fees = config_.fees.inverse;
    std::string text = tape_->config().underlying + ", " + std::to_string(tape_->size()) + " snapshots from " +
                       std::to_string((*tape_)[0].ts_ms) + ", index " + std::to_string((*tape_)[0].index) + ", coverage " +
                       config_.coverage.to_string() + ", legs of " + leg_amount_.to_string() + ", " +
                       std::to_string(config_.episode_ticks) + " ticks, caps";
    for (const int cap : {limits.max_calls_per_underlying, limits.max_calls_per_expiry, limits.max_open_calls_per_underlying,
                          static_cast<int>(limits.sort), static_cast<int>(limits.order), limits.prefer_variety ? 1 : 0}) {
      text += ' ' + std::to_string(cap);
    }
    text += ", fees";
    for (const market::Fixed8 rate : {fees.taker, fees.price_cap, fees.delivery, fees.payoff_cap})
      text += ' ' + rate.to_string();
    for (const TrainingProfileSet& set : profiles()) {
      const TrainingProfile& profile = set.profile_for(tape_->config().underlying);
      text += ", " + set.name;
      for (const double value : {profile.enabled ? 1.0 : 0.0, profile.target_delta, profile.min_delta, profile.max_delta,
                                 profile.min_dte, profile.max_dte, profile.ivrv_min, static_cast<double>(profile.max_legs)}) {
        text += ' ' + std::to_string(value);
      }
    }
    return text;
  }

  LadderEnvConfig config_;
  std::shared_ptr<const LadderTape> tape_;
  market::Fixed8 leg_amount_;
  double coverage_ = 0.0;
  Box observation_space_;
  Discrete action_space_;
  std::vector<std::string> observation_names_, action_names_;

  std::size_t start_ = 0, end_ = 0, at_ = 0;
  bool live_ = false;
  market::Fixed8 cash_;
  std::vector<LadderLeg> legs_;
  LadderEpisodeInfo info_;

  std::vector<TrainingProfiles> subsets_;         // the profiles of an action
  std::vector<std::vector<ProfilePicks>> picks_;  // what an action would open now
  std::vector<std::uint8_t> valid_;
  std::vector<OccupiedLeg> occupied_;
  PickerScratch scratch_;
};

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_LADDER_ENV_HPP
