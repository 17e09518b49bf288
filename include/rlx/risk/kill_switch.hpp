// SPDX-License-Identifier: MIT
/// @file
/// @brief The switch that takes risk away in steps: Normal, Tighten, ReduceOnly, Flat, Halted.
///
/// Upwards at once, to the worst state that any trigger asks for; downwards one level at a time after a calm time; Flat and
/// Halted are left by an operator only. A state is recorded durably before it is acted on.
#ifndef RLX_RISK_KILL_SWITCH_HPP
#define RLX_RISK_KILL_SWITCH_HPP

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/clock.hpp>
#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/risk/detail/checks.hpp>
#include <rlx/risk/detail/kill_state.hpp>
#include <rlx/risk/detail/number_text.hpp>
#include <rlx/risk/kill_latch.hpp>
#include <rlx/risk/tail_tests.hpp>

namespace rlx::inline v0_1::risk {

/// What an order is for.
enum class OrderIntent : std::uint8_t {
  new_risk,  ///< opens or grows a position
  reduce,    ///< makes a position smaller
  unwind,    ///< a reducing order of the unwind that Flat asks for
  cancel     ///< takes an order back; always permitted
};

/// Whether a state lets an order pass. `operator_allows_reducing`, see KillSwitch::allow_reducing, counts in Halted only.
constexpr bool permits(KillState state, OrderIntent intent, bool operator_allows_reducing = false) noexcept {
  switch (intent) {
    case OrderIntent::new_risk:
      return state <= KillState::tighten;
    case OrderIntent::reduce:
      return state <= KillState::reduce_only || (state == KillState::halted && operator_allows_reducing);
    case OrderIntent::unwind:
      return state <= KillState::flat || operator_allows_reducing;
    case OrderIntent::cancel:
      return true;
  }
  return false;
}

/// What may ask for a state. The first seven are inputs with thresholds.
enum class KillTrigger : std::uint8_t {
  drawdown,           ///< of the equity from its peak
  drawdown_velocity,  ///< rise of the drawdown per bar
  daily_loss,         ///< since the day's opening equity
  tail_hits,          ///< more outcomes below -VaR than its level explains
  latency,            ///< of the orders
  data_age,           ///< of the oldest input of a decision
  scenario_loss,      ///< worst loss of the scenarios
  invariant,          ///< a negative age or latency, a position that is not reconciled
  flat_timeout,       ///< Flat, and not flat in time
  record,             ///< the state record is missing, damaged, old, or cannot be written
  manual,             ///< trip()
  calm,               ///< back one level
  operation           ///< reset, allow_reducing, rebase_peak, initialise
};
inline constexpr std::size_t num_kill_inputs = 7;     ///< triggers with thresholds, the first of KillTrigger
inline constexpr std::size_t num_kill_triggers = 13;  ///< entries of KillTrigger

/// "drawdown", "drawdown_velocity", ...
constexpr std::string_view name(KillTrigger trigger) noexcept {
  constexpr std::array<std::string_view, num_kill_triggers> names = {
      "drawdown",  "drawdown_velocity", "daily_loss", "tail_hits", "latency", "data_age", "scenario_loss",
      "invariant", "flat_timeout",      "record",     "manual",    "calm",    "operation"};
  return names[static_cast<std::size_t>(trigger)];
}

/// The values at which an input asks for a state; an empty one never does.
struct KillThresholds {
  std::optional<double> tighten;      ///< asks for Tighten
  std::optional<double> reduce_only;  ///< asks for ReduceOnly
  std::optional<double> flat;         ///< asks for Flat
  /// None is set: the input is not read.
  constexpr bool is_off() const noexcept { return !tighten && !reduce_only && !flat; }
};

/// Thresholds and times. An input whose thresholds are all empty is switched off: it is not read.
struct KillSwitchConfig {
  KillThresholds drawdown{0.05, 0.10, 0.20};           ///< share of the peak equity
  KillThresholds drawdown_velocity{0.01, 0.02, 0.04};  ///< rise of the drawdown per bar
  KillThresholds daily_loss{0.01, 0.02, 0.04};         ///< share of the day's opening equity
  KillThresholds tail_hits{0.05, 0.01, {}};            ///< p-values: at or below them is a breach; see kupiec_excess_p_value
  KillThresholds latency_p99_ms{500, 2'000, {}};       ///< 99th percentile of the orders' latency, milliseconds
  KillThresholds data_age_s{5, 30, 300};               ///< of the oldest input of a decision, seconds
  KillThresholds scenario_loss{0.10, 0.15, {}};        ///< share of equity

  TailMass tail{0.05};                    ///< of the VaR whose hits are counted
  std::size_t tail_bars = 250;            ///< bars in the test; with fewer there is no p-value and no breach
  double resume_ratio = 0.8;              ///< (0, 1]: an input is calm at or below this share of its threshold
  double tighten_factor = 0.5;            ///< (0, 1]: sizes and brackets in Tighten
  std::int64_t min_dwell_ms = 900'000;    ///< that long every input has to be calm before one level is given back
  std::int64_t flat_timeout_ms = 60'000;  ///< time in Flat with an open position after which it is Halted; at least 0
  /// Relative rise of the peak that is written; 0: every new peak is durable at once, at the cost of two file writes for each.
  /// A restart forgets less than this share of the peak.
  double peak_step = 0;
  std::int64_t day_start_ms = 0;   ///< start of the trading day after midnight UTC
  std::uint64_t min_sequence = 0;  ///< the greatest sequence number the caller knows of; a record below it has been put back

  /// @throws ConfigError naming the field
  void validate() const {
    const auto check = [](const KillThresholds& levels, const std::string& field, bool falls, double limit) {
      double before = falls ? limit : 0;
      for (const std::optional<double>& level : {levels.tighten, levels.reduce_only, levels.flat}) {
        if (!level) continue;
        const bool ordered = falls ? *level <= before : *level >= before;
        detail::require_argument(
            *level > 0 && *level <= limit && ordered, "KillSwitchConfig::" + field, *level,
            falls ? "in (0, 1], not rising from tighten to flat" : "above 0, not falling from tighten to flat");
        before = *level;
      }
    };
    constexpr double any = std::numeric_limits<double>::max();
    check(drawdown, "drawdown", false, any);
    check(drawdown_velocity, "drawdown_velocity", false, any);
    check(daily_loss, "daily_loss", false, any);
    check(tail_hits, "tail_hits", true, 1);
    check(latency_p99_ms, "latency_p99_ms", false, any);
    check(data_age_s, "data_age_s", false, any);
    check(scenario_loss, "scenario_loss", false, any);
    detail::require_argument(tail.alpha > 0 && tail.alpha < 1, "KillSwitchConfig::tail", tail.alpha, "in (0, 1)");
    detail::require_argument(resume_ratio > 0 && resume_ratio <= 1, "KillSwitchConfig::resume_ratio", resume_ratio,
                             "in (0, 1]");
    detail::require_argument(tighten_factor > 0 && tighten_factor <= 1, "KillSwitchConfig::tighten_factor", tighten_factor,
                             "in (0, 1]");
    detail::require_argument(peak_step >= 0, "KillSwitchConfig::peak_step", peak_step, "finite and at least 0");
    const auto at_least = [](std::int64_t value, std::int64_t least, const std::string& field) {
      if (value < least) {
        throw ConfigError("KillSwitchConfig::" + field + " must be at least " + std::to_string(least) + ", got " +
                          std::to_string(value));
      }
    };
    at_least(tail_bars > 0 ? 1 : 0, 1, "tail_bars");
    at_least(min_dwell_ms, 0, "min_dwell_ms");
    at_least(flat_timeout_ms, 0, "flat_timeout_ms");
  }
};

/**
 * @brief The inputs of one moment.
 *
 * What nobody fills in is not a number, and that counts as breached: a gate that reads a statistic nobody writes must not pass.
 */
struct RiskReading {
  static constexpr double unknown = std::numeric_limits<double>::quiet_NaN();  ///< NaN: nobody filled it in
  double equity = unknown;             ///< account currency; drawdown and loss of the day are computed from it
  double drawdown_velocity = unknown;  ///< per bar, as DrawdownTracker gives it; pass 0 while it has too few bars
  double latency_p99_ms = unknown;     ///< of the orders
  double data_age_s = unknown;         ///< of the oldest input of a decision
  double scenario_loss = unknown;      ///< worst loss of the scenarios, share of equity
  std::optional<bool> tail_hit;        ///< once for every bar: whether its outcome was below -VaR. Empty: no new bar
  bool is_flat = false;                ///< no position is open
  bool positions_reconciled = false;   ///< own books and the venue's agree
};

/// What holds after a reading.
struct KillDecision {
  KillState state = KillState::halted;  ///< in force after the reading
  bool changed = false;                 ///< by this reading
  std::uint32_t triggers = 0;           ///< bit 1 << KillTrigger of all that ask for more than Normal now
  double size_factor = 0;               ///< times the size of orders of new risk: 1, tighten_factor, then 0
  double bracket_factor = 0;            ///< times the distance of brackets: 1 in Normal, else tighten_factor
  bool unwind = false;                  ///< Flat: close every position at once
  bool durable = false;                 ///< false: the record cannot be written; see KillSwitch::record_error
};

/// A line of the reason log.
struct KillEvent {
  std::int64_t at_ms = 0;                     ///< UTC
  KillState from = KillState::halted;         ///< state before
  KillState to = KillState::halted;           ///< state after; `from` where an operation left it
  KillTrigger trigger = KillTrigger::record;  ///< what asked for it
  std::string text;                           ///< for people: values and thresholds, or the operator's reason
  /// Memberwise.
  friend bool operator==(const KillEvent&, const KillEvent&) = default;
};

/// What survives the end of the process. `sha256` is made where it is written, see kill_switch_json.hpp.
struct KillSwitchRecord {
  static constexpr int version = 1;               ///< of the format; another one is refused
  static constexpr std::size_t max_reasons = 32;  ///< the newest are kept
  std::uint64_t sequence = 0;                     ///< one more with every record that is written
  KillState state = KillState::halted;            ///< in force since `since_ms`
  std::int64_t since_ms = 0;                      ///< UTC
  std::vector<KillEvent> reasons;                 ///< oldest first
  double peak_equity = 0;                         ///< 0: no reading yet
  double day_open_equity = 0;                     ///< 0: no reading yet
  std::int64_t day = 0;                           ///< days since 1970-01-01, see KillSwitchConfig::day_start_ms
  std::string tail_hit_ring;                      ///< '1' for a hit, '0' for none, oldest bar first
  /// Memberwise.
  friend bool operator==(const KillSwitchRecord&, const KillSwitchRecord&) = default;
};

/**
 * @brief Where the record is kept; KillRecordJson is a model.
 *
 * `load()`: the record written last, nothing only if there surely is none; throws Error if it is damaged or an old one was put
 * back. `save(record)`: durable when it returns; throws.
 */
template <class R>
concept KillRecords = requires(R& records, const KillSwitchRecord& record) {
  { records.load() } -> std::same_as<std::optional<KillSwitchRecord>>;
  records.save(record);
};

/// Keeps the record in memory: for tests and replays. Every new one is a first start and needs `initialise`.
struct MemoryKillRecords {
  std::optional<KillSwitchRecord> record;  ///< what was saved last; empty: nothing yet
  /// As `KillRecords` asks.
  std::optional<KillSwitchRecord> load() const { return record; }
  /// As `KillRecords` asks.
  void save(const KillSwitchRecord& next) { record = next; }
};
static_assert(KillRecords<MemoryKillRecords>);

/**
 * @brief The states, their triggers and their record.
 *
 * | state | new risk | reducing orders | cancels | sizes and brackets |
 * |---|---|---|---|---|
 * | Normal | yes | yes | yes | 1 |
 * | Tighten | yes | yes | yes | tighten_factor |
 * | ReduceOnly | no | yes | yes | tighten_factor on brackets |
 * | Flat | no | only the unwind | yes | unwind at once |
 * | Halted | no | no, unless an operator allows it | yes | - |
 *
 * An input at or above a threshold is a breach (the p-value: at or below). An input that is not finite asks for Flat, a broken
 * invariant for Halted. Calm is every input at or below resume_ratio times its threshold of the present state (the p-value: at
 * or above its threshold over resume_ratio), without a break for min_dwell_ms by the clock's monotonic time; a restart starts
 * that time anew. What cannot be recorded is not acted on: if the record cannot be written the switch is Halted, in memory, and
 * every update tries to write that. A crash while a record is written leaves the state before or the one that was decided, so a
 * worse state that was acted on is never lost.
 *
 * Start: valid record: the same state, peak and day. None: Halted until `initialise`, or `reset`. Damaged, or its sequence has
 * gone back: Halted, and the record stays as it is until `reset`. One thread at a time.
 * @tparam C        injected clock: UTC for the record and the day, monotonic time for the dwell
 * @tparam Records  see KillRecordJson
 */
template <Clock C, KillRecords Records = MemoryKillRecords>
class KillSwitch {
 public:
  /// Takes over what `records` hold; they and `clock` must outlive this object. @throws ConfigError  the configuration only
  KillSwitch(KillSwitchConfig config, C& clock, Records& records) : config_(config), clock_(&clock), records_(&records) {
    start();
  }
  /// Without a record that survives.
  KillSwitch(KillSwitchConfig config, C& clock) requires std::same_as<Records, MemoryKillRecords>
      : config_(config), clock_(&clock), records_(&own_records_) {
    start();
  }
  KillSwitch(const KillSwitch&) = delete;
  KillSwitch& operator=(const KillSwitch&) = delete;

  /// Of the newest record; Halted until there is a valid one.
  KillState state() const noexcept { return record_.state; }
  /// Whether the present state lets an order pass, see risk::permits.
  bool permits(OrderIntent intent) const noexcept { return risk::permits(record_.state, intent, operator_allows_reducing_); }
  /// The newest record, written or to be written; with the reason log.
  const KillSwitchRecord& record() const noexcept { return record_; }
  /// Why the record cannot be read or written; empty if it can.
  const std::string& record_error() const noexcept { return record_error_; }
  /// Why Flat or Halted was entered; empty in other states.
  const std::string& latch_reason() const noexcept { return latch_.reason(); }
  double drawdown() const noexcept { return inputs_[0]; }   ///< of the last reading; NaN before the first
  double tail_p_value() const noexcept { return tail_p_; }  ///< 1 until tail_bars are there

  /**
   * @brief Judges a reading; a new state is durable when this returns.
   * @par Complexity  O(1); no allocation and no write while the record does not change. A new peak (see peak_step), a new
   * day and a new bar change it.
   */
  KillDecision update(const RiskReading& reading) {
    const std::int64_t now = clock_->now_ms();
    const double seconds = clock_->monotonic_seconds();
    KillDecision decision;
    if (!armed_) return finish(decision);
    observe(reading, now);

    KillState asked = KillState::normal;
    std::size_t worst = 0;
    for (std::size_t i = 0; i < num_kill_inputs; ++i) {
      const KillState state = state_asked(i);
      if (state != KillState::normal) decision.triggers |= 1U << i;
      if (state > asked) asked = state, worst = i;
    }
    auto trigger = static_cast<KillTrigger>(worst);
    if (const bool broken =
            !reading.positions_reconciled || is_negative(KillTrigger::latency) || is_negative(KillTrigger::data_age);
        broken) {
      asked = KillState::halted;
      trigger = KillTrigger::invariant;
      decision.triggers |= 1U << static_cast<unsigned>(trigger);
    }

    KillState next = record_.state;
    if (asked > next) {
      next = asked;
    } else if (next == KillState::flat && !reading.is_flat && is_flat_overdue(now, seconds)) {
      next = KillState::halted;
      trigger = KillTrigger::flat_timeout;
    } else if (!latch_.latched() && next != KillState::normal) {
      if (!is_calm(next)) {
        calm_since_.reset();
      } else {
        if (!calm_since_) calm_since_ = seconds;
        if ((seconds - *calm_since_) * 1e3 >= static_cast<double>(config_.min_dwell_ms)) {
          next = below(next);
          trigger = KillTrigger::calm;
        }
      }
    }
    if (next != record_.state) {
      decision.changed = enter(next, trigger, describe(next, trigger, reading), now);
    } else if (dirty_) {
      decision.changed = write(record_);
    }
    return finish(decision);
  }

  /// An operator or a program asks for a state; a milder one than the present is no change. Tighten and ReduceOnly are given
  /// back like any other. Never refused. `reason` is for the log.
  void trip(KillState state, std::string reason) {
    if (armed_ && state > record_.state) enter(state, KillTrigger::manual, std::move(reason), clock_->now_ms());
  }

  /// First start: Normal, and a record. @throws ConfigError  there is a record, or one that is damaged; Error of the records
  void initialise() {
    if (armed_ || damaged_)
      throw ConfigError("KillSwitch::initialise: there is a state record already; use reset to leave Halted");
    KillSwitchRecord next;
    operate(next, KillState::normal, "first start");
    latch_.release("initialise", "first start");
  }

  /// Leaves Flat and Halted, to ReduceOnly; the next reading may bring it back.
  /// @throws ConfigError  operator or reason blank, or the state is not latched; Error of the records. The state is unchanged
  /// then
  void reset(std::string_view operator_id, std::string_view reason) {
    detail::require_operator(operator_id, reason);
    if (!latch_.latched()) {
      throw ConfigError("KillSwitch::reset: the state is " + std::string(name(state())) + ", expected Flat or Halted");
    }
    operate(record_, KillState::reduce_only, "reset by " + std::string(operator_id) + ": " + std::string(reason));
    latch_.release(operator_id, reason);
  }

  /// In Halted, lets reducing orders pass until the state changes or the process ends. @throws ConfigError, Error as `reset`
  void allow_reducing(std::string_view operator_id, std::string_view reason) {
    detail::require_operator(operator_id, reason);
    if (state() != KillState::halted || !armed_) {
      throw ConfigError("KillSwitch::allow_reducing: expected Halted with a record, found " + std::string(name(state())) +
                        (armed_ ? "" : " without a record: reset first"));
    }
    operate(record_, KillState::halted, "reducing allowed by " + std::string(operator_id) + ": " + std::string(reason));
    operator_allows_reducing_ = true;
  }

  /// Measures the drawdown and the day's loss from the equity of the last reading on: without this a loss that is accepted
  /// keeps the switch at Flat for ever. @throws ConfigError (also: no reading since the start), Error as `reset`
  void rebase_peak(std::string_view operator_id, std::string_view reason) {
    detail::require_operator(operator_id, reason);
    if (!armed_ || !(last_equity_ > 0)) {
      throw ConfigError("KillSwitch::rebase_peak: no reading with an equity above 0 since the start; update first");
    }
    KillSwitchRecord next = record_;
    next.peak_equity = next.day_open_equity = last_equity_;
    operate(std::move(next), state(), "peak rebased by " + std::string(operator_id) + ": " + std::string(reason));
  }

 private:
  static constexpr double off = std::numeric_limits<double>::infinity();
  static constexpr std::int64_t day_ms = 86'400'000;

  static constexpr KillState below(KillState state) noexcept {
    return static_cast<KillState>(static_cast<std::uint8_t>(state) - 1);
  }

  void start() {
    config_.validate();
    const std::array<const KillThresholds*, num_kill_inputs> inputs = {
        &config_.drawdown,       &config_.drawdown_velocity, &config_.daily_loss,   &config_.tail_hits,
        &config_.latency_p99_ms, &config_.data_age_s,        &config_.scenario_loss};
    for (std::size_t i = 0; i < num_kill_inputs; ++i) {
      const bool falls = i == static_cast<std::size_t>(KillTrigger::tail_hits);
      is_on_[i] = !inputs[i]->is_off();
      const std::array<std::optional<double>, 3> levels = {inputs[i]->tighten, inputs[i]->reduce_only, inputs[i]->flat};
      for (std::size_t level = 0; level < 3; ++level) {
        // The p-value is kept with its sign turned, so that more is worse for every input.
        limits_[i][level] = !levels[level] ? off : falls ? -*levels[level] : *levels[level];
        calm_limits_[i][level] = !levels[level] ? off
                                 : falls        ? -*levels[level] / config_.resume_ratio
                                                : config_.resume_ratio * *levels[level];
      }
    }
    inputs_.fill(RiskReading::unknown);
    started_seconds_ = clock_->monotonic_seconds();
    try {
      std::optional<KillSwitchRecord> found = records_->load();
      if (!found) {
        record_error_ = "there is no state record; call initialise for a first start";
      } else if (found->sequence < config_.min_sequence) {
        damaged_ = true;
        record_error_ = "the sequence of the state record has gone back: found " + std::to_string(found->sequence) +
                        ", known is " + std::to_string(config_.min_sequence);
      } else {
        record_ = std::move(*found);
        written_peak_ = record_.peak_equity;
        armed_ = true;
      }
    } catch (const Error& error) {
      damaged_ = true;
      record_error_ = error.what();
    }
    if (!armed_) {
      record_.since_ms = clock_->now_ms();
      record_.sequence = config_.min_sequence;
      log(record_, KillState::halted, KillTrigger::record, record_error_, record_.since_ms);
    }
    std::string& ring = record_.tail_hit_ring;
    if (ring.size() > config_.tail_bars) ring.erase(0, ring.size() - config_.tail_bars);
    ring.reserve(config_.tail_bars + 1);
    hits_ = static_cast<std::size_t>(std::count(ring.begin(), ring.end(), '1'));
    judge_tail();
    if (record_.state >= KillState::flat) latch_.latch(record_.reasons.empty() ? std::string() : record_.reasons.back().text);
  }

  /// Equity, day and bars of the reading into the record, and the inputs.
  void observe(const RiskReading& reading, std::int64_t now) {
    last_equity_ = reading.equity;
    if (is_finite(reading.equity)) {
      record_.peak_equity = std::max(record_.peak_equity, reading.equity);
      if (record_.peak_equity > written_peak_ * (1 + config_.peak_step)) dirty_ = true;
      std::int64_t day = now - config_.day_start_ms;
      day = day / day_ms - (day % day_ms < 0 ? 1 : 0);
      // A clock that goes back does not open the day again.
      if (record_.day_open_equity == 0 ? reading.equity != 0 : day > record_.day) {
        record_.day = day, record_.day_open_equity = reading.equity, dirty_ = true;
      }
    }
    if (reading.tail_hit) {
      std::string& ring = record_.tail_hit_ring;
      if (ring.size() == config_.tail_bars) {
        hits_ -= ring.front() == '1' ? 1 : 0;
        ring.erase(0, 1);
      }
      ring += *reading.tail_hit ? '1' : '0';
      hits_ += *reading.tail_hit ? 1 : 0;
      judge_tail();
      dirty_ = true;
    }
    const auto lost = [&](double from) { return from > 0 ? (from - reading.equity) / from : RiskReading::unknown; };
    inputs_ = {lost(record_.peak_equity), reading.drawdown_velocity, lost(record_.day_open_equity), -tail_p_,
               reading.latency_p99_ms,    reading.data_age_s,        reading.scenario_loss};
  }
  void judge_tail() {
    const std::size_t bars = record_.tail_hit_ring.size();
    tail_p_ = bars < config_.tail_bars ? 1.0 : kupiec_excess_p_value(bars, hits_, config_.tail);
  }

  KillState state_asked(std::size_t input) const noexcept {
    if (!is_on_[input]) return KillState::normal;
    const double value = inputs_[input];
    if (!is_finite(value) || value >= limits_[input][2]) return KillState::flat;
    return value >= limits_[input][1]   ? KillState::reduce_only
           : value >= limits_[input][0] ? KillState::tighten
                                        : KillState::normal;
  }
  bool is_negative(KillTrigger trigger) const noexcept {
    const auto input = static_cast<std::size_t>(trigger);
    return is_on_[input] && inputs_[input] < 0;
  }
  bool is_calm(KillState state) const noexcept {
    const auto level = static_cast<std::size_t>(state) - 1;
    for (std::size_t i = 0; i < num_kill_inputs; ++i) {
      if (is_on_[i] && (!is_finite(inputs_[i]) || inputs_[i] > calm_limits_[i][level])) return false;
    }
    return true;
  }
  /// By the longer of UTC time since the state began, which a restart does not stop, and monotonic time.
  bool is_flat_overdue(std::int64_t now, double seconds) const noexcept {
    const double waited_ms = std::max(static_cast<double>(now - record_.since_ms), (seconds - started_seconds_) * 1e3);
    return waited_ms >= static_cast<double>(config_.flat_timeout_ms);
  }

  std::string describe(KillState to, KillTrigger trigger, const RiskReading& reading) const {
    const auto input = static_cast<std::size_t>(trigger);
    if (input < num_kill_inputs) {
      if (!is_finite(inputs_[input])) return std::string(name(trigger)) + " is not finite";
      const double sign = trigger == KillTrigger::tail_hits ? -1.0 : 1.0;
      return std::string(name(trigger)) + " is " + detail::shown(sign * inputs_[input]) + ", the limit is " +
             detail::shown(sign * limits_[input][static_cast<std::size_t>(to) - 1]);
    }
    if (trigger == KillTrigger::flat_timeout) return "not flat after " + std::to_string(config_.flat_timeout_ms) + " ms";
    if (trigger == KillTrigger::calm) return "every input is calm";
    return !reading.positions_reconciled ? "a position is not reconciled" : "a negative age or latency";
  }

  static void log(KillSwitchRecord& record, KillState to, KillTrigger trigger, std::string text, std::int64_t now) {
    if (record.reasons.size() >= KillSwitchRecord::max_reasons) record.reasons.erase(record.reasons.begin());
    record.reasons.push_back({now, record.state, to, trigger, detail::one_line(std::move(text))});
    if (record.state != to) record.since_ms = now;
    record.state = to;
  }

  /// Saves, then lets the record hold. @throws what the records throw; nothing has changed then
  void save(KillSwitchRecord next) {
    next.sequence = record_.sequence + 1;
    records_->save(next);
    next.tail_hit_ring.reserve(config_.tail_bars + 1);
    adopt(std::move(next));
    written_peak_ = record_.peak_equity;
    dirty_ = false;
    armed_ = true;
    damaged_ = false;
    record_error_.clear();
  }
  void adopt(KillSwitchRecord next) {
    if (next.state != record_.state) {
      operator_allows_reducing_ = false;
      started_seconds_ = clock_->monotonic_seconds();
      calm_since_.reset();
      if (next.state >= KillState::tighten && next.state <= KillState::reduce_only && is_calm(next.state)) {
        calm_since_ = started_seconds_;
      }
    }
    record_ = std::move(next);
    if (record_.state >= KillState::flat) latch_.latch(record_.reasons.back().text);
  }
  /// As `save`; a failure leads to Halted. @return whether the state has changed
  bool write(const KillSwitchRecord& next) {
    const KillState before = record_.state;
    try {
      save(next);
    } catch (const std::exception& error) {
      record_error_ = error.what();
      dirty_ = true;
      if (before != KillState::halted) {
        KillSwitchRecord halted = next;
        log(halted, KillState::halted, KillTrigger::record, "the state record cannot be written: " + record_error_,
            clock_->now_ms());
        adopt(std::move(halted));
      }
    }
    return record_.state != before;
  }
  bool enter(KillState to, KillTrigger trigger, std::string text, std::int64_t now) {
    KillSwitchRecord next = record_;
    log(next, to, trigger, std::move(text), now);
    return write(next);
  }
  void operate(KillSwitchRecord next, KillState to, std::string text) {
    log(next, to, KillTrigger::operation, std::move(text), clock_->now_ms());
    save(std::move(next));
  }

  KillDecision finish(KillDecision decision) const noexcept {
    decision.state = record_.state;
    decision.size_factor = record_.state == KillState::normal    ? 1.0
                           : record_.state == KillState::tighten ? config_.tighten_factor
                                                                 : 0.0;
    decision.bracket_factor = record_.state == KillState::normal ? 1.0 : config_.tighten_factor;
    decision.unwind = record_.state == KillState::flat;
    decision.durable = armed_ && !dirty_;
    return decision;
  }

  KillSwitchConfig config_;
  C* clock_;
  MemoryKillRecords own_records_;
  Records* records_;
  MemoryText latch_text_;  // the record of the switch is the durable one
  KillLatch<MemoryText> latch_{latch_text_};
  KillSwitchRecord record_;
  std::string record_error_;
  std::array<std::array<double, 3>, num_kill_inputs> limits_{}, calm_limits_{};
  std::array<bool, num_kill_inputs> is_on_{};
  std::array<double, num_kill_inputs> inputs_{};
  std::optional<double> calm_since_;  // monotonic seconds
  double started_seconds_ = 0;        // of the state, in this process
  double last_equity_ = RiskReading::unknown;
  double written_peak_ = 0;
  double tail_p_ = 1;
  std::size_t hits_ = 0;
  bool armed_ = false, damaged_ = false, dirty_ = false, operator_allows_reducing_ = false;
};

}  // namespace rlx::inline v0_1::risk

#endif  // RLX_RISK_KILL_SWITCH_HPP
