// SPDX-License-Identifier: MIT
/// @file
/// @brief Whether a signal is complete and sound; all that is wrong with it, in the order of its fields.
#ifndef RLX_SIGNALS_SIGNAL_FILTER_HPP
#define RLX_SIGNALS_SIGNAL_FILTER_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/io/detail/utf8.hpp>
#include <rlx/signals/clock.hpp>
#include <rlx/signals/records.hpp>

namespace rlx::inline v0_1::signals {

/// What a sound signal is.
struct FilterConfig {
  std::vector<std::string> strategies = {"momentum", "mean_reversion", "arbitrage"};  ///< all others are refused
  Seconds max_clock_skew = 5.0;                   ///< a signal may be this far ahead of the clock
  std::optional<Seconds> max_age = std::nullopt;  ///< older signals are refused; empty: any age
};

/// One thing wrong with a signal.
struct ValidationFailure {
  RejectionCode code = RejectionCode::invalid_field;  ///< invalid_field, missing_field or unknown_strategy
  std::string field{};   ///< "signal_id", "strategy", "params", "amount", "base", "quote", "price" or "timestamp"
  std::string reason{};  ///< few different texts, for counting: "Invalid amount", "Missing required params: base"
  std::string detail{};  ///< what was expected and found
  /// Memberwise.
  bool operator==(const ValidationFailure&) const = default;
};

/// All that is wrong with a signal.
struct ValidationResult {
  std::vector<ValidationFailure> failures{};  ///< in the order of the fields; empty: sound

  /// Whether nothing is wrong.
  bool ok() const noexcept { return failures.empty(); }
  /// The same as `ok()`.
  explicit operator bool() const noexcept { return ok(); }
  /// The code of the first failure. Requires one.
  RejectionCode code() const { return failures.front().code; }
  /// One text for all, missing parameters together: "Missing required params: base, quote; Invalid timestamp".
  std::string reason() const {
    std::string missing;
    for (const ValidationFailure& failure : failures) {
      if (is_missing_param(failure)) missing += (missing.empty() ? "" : ", ") + failure.field;
    }
    std::string text;
    bool told = false;
    for (const ValidationFailure& failure : failures) {
      if (is_missing_param(failure) && std::exchange(told, true)) continue;
      text += (text.empty() ? "" : "; ") + (is_missing_param(failure) ? "Missing required params: " + missing : failure.reason);
    }
    return text;
  }

 private:
  static bool is_missing_param(const ValidationFailure& failure) {
    return failure.code == RejectionCode::missing_field && failure.reason.starts_with("Missing required params");
  }
};

/**
 * @brief Checks signals against fixed rules.
 *
 * `signal_id` not empty, at most 128 bytes of UTF-8; `strategy` one of the table; `amount` finite and above 0; `base` and
 * `quote` not empty and different; `price`, if given, finite and above 0; `timestamp` finite, above 0, at most `max_clock_skew`
 * ahead of the clock, at most `max_age` behind it. A value of another JSON type is a failure. Const and safe between threads as
 * far as the clock is. A sound signal costs no allocation.
 * Called SignalFilter. @tparam Config  FilterConfig; a parameter so that a program compiles only what it uses
 */
template <class Config>
class BasicSignalFilter {
 public:
  /// The clock must outlive the filter.
  /// @throws ConfigError  no strategies, an empty name, or a skew or age that is negative or not finite
  explicit BasicSignalFilter(ClockRef clock, Config config = {}) : clock_(clock), config_(std::move(config)) {
    const auto require_span = [](const char* name, double value) {
      if (!(is_finite(value) && value >= 0.0)) {
        throw ConfigError(std::string(name) + ": expected a number of seconds of at least 0, found " + std::to_string(value));
      }
    };
    require_span("max_clock_skew", config_.max_clock_skew);
    if (config_.max_age) require_span("max_age", *config_.max_age);
    if (config_.strategies.empty()) throw ConfigError("strategies: expected at least one name, found none");
    std::sort(config_.strategies.begin(), config_.strategies.end());
    if (config_.strategies.front().empty()) throw ConfigError("strategies: expected names, found an empty one");
  }

  /// Everything that is wrong with the signal.
  ValidationResult validate(const Signal& signal) const {
    ValidationResult result;
    check(
        [&](RejectionCode code, std::string_view field, std::string_view reason, auto&& detail) {
          result.failures.push_back({code, std::string(field), std::string(reason), detail()});
        },
        signal);
    return result;
  }
  /// Whether nothing is wrong with it. No allocation.
  bool validate_signal(const Signal& signal) const {
    bool sound = true;
    check([&](RejectionCode, std::string_view, std::string_view, auto&&) { sound = false; }, signal);
    return sound;
  }

  /// Names of the strategies, sorted.
  const std::vector<std::string>& strategies() const noexcept { return config_.strategies; }
  /// As given, strategies sorted.
  const Config& config() const noexcept { return config_; }

 private:
  static bool is_utf8(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
      if (static_cast<unsigned char>(text[at]) < 0x80) {
        ++at;
        continue;
      }
      const auto point = io::detail::decode_utf8(text, at);
      if (!point.valid) return false;
      at += point.length;
    }
    return true;
  }
  static const MalformedField* malformed(const Signal& signal, std::string_view field) {
    for (const MalformedField& entry : signal.malformed) {
      if (entry.field == field) return &entry;
    }
    return nullptr;
  }
  static std::string found_text(double value) { return ", found " + std::to_string(value); }

  // Calls `fail(code, field, reason, detail)` for each failure; `detail()` makes the text.
  template <class F>
  void check(F&& fail, const Signal& signal) const {
    using enum RejectionCode;
    // True if the field came with another type, which has then been told.
    const auto wrong_type = [&](std::string_view path, std::string_view field, std::string_view reason, const char* expected) {
      if (signal.malformed.empty()) return false;
      const MalformedField* const entry = malformed(signal, path);
      if (entry == nullptr || entry->found.empty()) return false;
      fail(invalid_field, field, reason,
           [&] { return std::string("expected ") + expected + ", found " + entry->found.substr(0, 60); });
      return true;
    };
    const auto positive = [](double value) { return is_finite(value) && value > 0.0; };

    if (signal.signal_id.empty() || signal.signal_id.size() > 128 || !is_utf8(signal.signal_id)) {
      fail(invalid_field, "signal_id", "Invalid signal_id",
           [&] { return "expected 1 to 128 bytes of UTF-8, found " + std::to_string(signal.signal_id.size()) + " bytes"; });
    }
    if (!wrong_type("strategy", "strategy", "Invalid strategy", "a text")) {
      if (signal.strategy.empty()) {
        fail(missing_field, "strategy", "Missing required field: strategy",
             [] { return std::string("expected a name, found none"); });
      } else if (!std::binary_search(config_.strategies.begin(), config_.strategies.end(), signal.strategy)) {
        fail(unknown_strategy, "strategy", "Invalid strategy: " + signal.strategy.substr(0, 64), [&] {
          std::string known;
          for (const std::string& name : config_.strategies) known += (known.empty() ? "" : ", ") + name;
          return "expected one of " + known;
        });
      }
    }
    const SignalParams& params = signal.params;
    if (!wrong_type("params", "params", "Invalid params", "an object")) {
      const auto missing = [&](std::string_view field, std::string_view reason) {
        fail(missing_field, field, reason, [] { return std::string("expected a value, found none"); });
      };
      if (!wrong_type("params.amount", "amount", "Invalid amount", "a number")) {
        if (!params.amount) {
          missing("amount", "Missing required params: amount");
        } else if (!positive(*params.amount)) {
          fail(invalid_field, "amount", "Invalid amount",
               [&] { return "expected a finite number above 0" + found_text(*params.amount); });
        }
      }
      if (!wrong_type("params.base", "base", "Invalid base", "a text") && params.base.empty()) {
        missing("base", "Missing required params: base");
      }
      if (!wrong_type("params.quote", "quote", "Invalid quote", "a text")) {
        if (params.quote.empty()) {
          missing("quote", "Missing required params: quote");
        } else if (params.quote == params.base) {
          fail(invalid_field, "quote", "Invalid quote: same as base",
               [&] { return "expected two different currencies, found '" + params.base.substr(0, 60) + "' twice"; });
        }
      }
      if (!wrong_type("params.price", "price", "Invalid price", "a number") && params.price && !positive(*params.price)) {
        fail(invalid_field, "price", "Invalid price",
             [&] { return "expected a finite number above 0" + found_text(*params.price); });
      }
    }
    if (wrong_type("timestamp", "timestamp", "Invalid timestamp", "a number")) return;
    if (!signal.malformed.empty() && malformed(signal, "timestamp") != nullptr) {
      fail(missing_field, "timestamp", "Missing required field: timestamp",
           [] { return std::string("expected a value, found none"); });
      return;
    }
    const Seconds now = clock_.now();
    if (!positive(signal.timestamp)) {
      fail(invalid_field, "timestamp", "Invalid timestamp",
           [&] { return "expected seconds since 1970 above 0" + found_text(signal.timestamp); });
    } else if (!(signal.timestamp <= now + config_.max_clock_skew)) {
      fail(invalid_field, "timestamp", "Invalid timestamp",
           [&] { return "expected at most " + std::to_string(now + config_.max_clock_skew) + found_text(signal.timestamp); });
    } else if (config_.max_age && !(signal.timestamp >= now - *config_.max_age)) {
      fail(invalid_field, "timestamp", "Invalid timestamp",
           [&] { return "expected at least " + std::to_string(now - *config_.max_age) + found_text(signal.timestamp); });
    }
  }

  ClockRef clock_;
  Config config_;
};

/// As the library uses it. @see BasicSignalFilter
using SignalFilter = BasicSignalFilter<FilterConfig>;

}  // namespace rlx::inline v0_1::signals

#endif  // RLX_SIGNALS_SIGNAL_FILTER_HPP
