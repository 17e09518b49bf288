// SPDX-License-Identifier: MIT
/// @file
/// @brief Memories with a planted rule, for the tests of training.
#ifndef RLX_TESTS_SIGNALS_PLANTED_HPP
#define RLX_TESTS_SIGNALS_PLANTED_HPP

#include <cmath>
#include <cstddef>
#include <string>

#include <rlx/core/random.hpp>
#include <rlx/signals/recent_context.hpp>

namespace rlx_test {

/// Signals of random size; `rejects(ln notional, stream)` decides, and the rejection is on record a second later.
template <class F>
void plant(rlx::signals::RecentContext& context, std::size_t count, std::uint64_t seed, F&& rejects,
           double start = 1'767'225'600, const std::string& prefix = "s", double step = 60) {
  using namespace rlx::signals;
  rlx::RandomStream random({seed, rlx::Purpose::user, 7});
  for (std::size_t i = 0; i < count; ++i) {
    const double time = start + step * static_cast<double>(i);
    const double notional = std::exp(std::log(1e5) + 2 * random.normal());
    Signal signal{prefix + std::to_string(i), i % 2 == 0 ? "momentum" : "arbitrage", {}, time, {}};
    signal.params = {.amount = notional / 100, .base = "BTC", .quote = "USDT", .price = 100.0, .extra = {}};
    const std::string id = signal.signal_id;
    context.store_signal(std::move(signal));
    if (rejects(std::log(notional), random)) {
      context.store_rejection({id, "Exposure limit exceeded", RejectionCode::exposure_limit, Stage::risk, time + 1});
    } else {
      context.store_execution({id, ExecutionOutcome::executed, notional, time + 1});
      context.store_pnl_snapshot({id, i % 3 == 0 ? 1.0 : -0.5, time + 2, true});  // closed, so exposure does not pile up
    }
  }
}

/// amount * price > 1e5
inline bool above_limit(double ln_notional, rlx::RandomStream&) { return ln_notional > std::log(1e5); }

/// Rejection with the probability sigmoid(strength * (ln notional - ln 1e5)).
inline auto logistic_rule(double strength) {
  return [strength](double ln_notional, rlx::RandomStream& random) {
    return random.uniform() < 1 / (1 + std::exp(-strength * (ln_notional - std::log(1e5))));
  };
}

}  // namespace rlx_test

#endif  // RLX_TESTS_SIGNALS_PLANTED_HPP
