// SPDX-License-Identifier: MIT
/// @file
/// @brief Generalised advantage estimation (Schulman et al. 2016, eq. 16), with terminations and truncations apart.
#ifndef RLX_RL_GAE_HPP
#define RLX_RL_GAE_HPP

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>

#include <rlx/core/error.hpp>

// The recursion must keep its order also in a translation unit that is compiled with -ffast-math: re-associated it is three
// times slower (a longer chain of dependent operations) and gives other numbers.
#if defined(__FAST_MATH__) && defined(__GNUC__) && !defined(__clang__)
#  define RLX_DETAIL_EXACT_MATH __attribute__((optimize("no-fast-math")))
#else
#  define RLX_DETAIL_EXACT_MATH
#endif

namespace rlx::inline v0_1 {

/// One rollout, time-major: element (t, n) stands at t * N + n.
/// @tparam S float in the learner, double in tests.
template <std::floating_point S>
struct GaeInput {
  std::span<const S> rewards;                ///< [T][N]
  std::span<const S> values;                 ///< [T][N], V of the observation the action was taken from
  std::span<const S> final_values;           ///< [T][N], V of the last observation; read where truncated and not terminated
  std::span<const std::uint8_t> terminated;  ///< [T][N]
  std::span<const std::uint8_t> truncated;   ///< [T][N]
  std::span<const S> last_values;            ///< [N], V of the observation after the last step
  std::size_t T = 0;                         ///< steps
  std::size_t N = 0;                         ///< environments
};

namespace detail {

/// One row of the recursion: `next_values` and `next_advantages` belong to t + 1 (an empty episode tail has advantage 0).
/// @param ahead  elements from the row that comes next, t - 1, to this one; 0 if there is none
template <std::floating_point S>
RLX_DETAIL_EXACT_MATH void gae_row(const S* rewards, const S* values, const S* final_values, const std::uint8_t* terminated,
                                   const std::uint8_t* truncated, const S* next_values, const S* next_advantages, std::size_t n,
                                   S gamma, S gamma_lambda, S* advantages, S* returns, std::size_t ahead) {
#if defined(__clang__)
#  pragma clang fp reassociate(off)
#endif
  const auto element = [&](std::size_t i, S bootstrap, S carried) {
    const S delta = rewards[i] + gamma * bootstrap - values[i];
    return delta + gamma_lambda * carried;
  };
  const auto ended = [&](std::size_t i) { return element(i, terminated[i] != 0 ? S{0} : final_values[i], S{0}); };
  static_assert(std::endian::native == std::endian::little, "flags are found by their byte in a word");
  const auto put = [&](std::size_t i, S advantage) {
    advantages[i] = advantage;
    returns[i] = advantage + values[i];
  };
  // A block is computed as if nothing ended in it, which is a few vector operations; then the rare ends are put right, in
  // memory: to change the block before it is stored would stall its loads.
  const auto step_block = [&]<std::size_t W>(std::integral_constant<std::size_t, W>, std::size_t i) {
    S block_advantages[W], block_returns[W];
    for (std::size_t k = 0; k < W; ++k) block_advantages[k] = element(i + k, next_values[i + k], next_advantages[i + k]);
    for (std::size_t k = 0; k < W; ++k) block_returns[k] = block_advantages[k] + values[i + k];
    std::memcpy(advantages + i, block_advantages, sizeof block_advantages);
    std::memcpy(returns + i, block_returns, sizeof block_returns);
    for (std::size_t first = i; first < i + W; first += 8) {
      std::uint64_t a, b;
      std::memcpy(&a, terminated + first, 8);
      std::memcpy(&b, truncated + first, 8);
      // One turn for each end, instead of eight branches that nobody can predict.
      for (std::uint64_t left = a | b; left != 0;) {
        const auto byte = static_cast<std::size_t>(std::countr_zero(left)) / 8;
        put(first + byte, ended(first + byte));
        left &= ~(std::uint64_t{0xFF} << (8 * byte));
      }
    }
  };
  std::size_t i = 0;
#if defined(__GNUC__)
  // Rows go backwards and elements forwards, which the processor's own prefetcher takes for the wrong direction: with this the
  // whole is a quarter faster where it does not fit the caches.
  if (ahead > 0) {
    for (; i + 16 <= n; i += 16) {
      __builtin_prefetch(rewards + i - ahead);
      __builtin_prefetch(values + i - ahead);
      __builtin_prefetch(advantages + i - ahead, 1);
      __builtin_prefetch(returns + i - ahead, 1);
      if (i % 64 == 0) {
        __builtin_prefetch(terminated + i - ahead);
        __builtin_prefetch(truncated + i - ahead);
      }
      step_block(std::integral_constant<std::size_t, 16>{}, i);
    }
  }
#endif
  for (; i + 16 <= n; i += 16) step_block(std::integral_constant<std::size_t, 16>{}, i);
  for (; i + 8 <= n; i += 8) step_block(std::integral_constant<std::size_t, 8>{}, i);
  for (; i < n; ++i) {
    const bool end = (terminated[i] | truncated[i]) != 0;
    put(i, end ? ended(i) : element(i, next_values[i], next_advantages[i]));
  }
}

/// The same with one environment: the advantage stays in a register, which is what bounds the speed.
template <std::floating_point S>
RLX_DETAIL_EXACT_MATH void gae_column(const GaeInput<S>& in, S gamma, S gamma_lambda, S* advantages, S* returns) {
#if defined(__clang__)
#  pragma clang fp reassociate(off)
#endif
  S next_value = in.last_values[0];
  S advantage = 0;
  const auto put = [&](std::size_t t, S bootstrap) {
    const S value = in.values[t];
    const S delta = in.rewards[t] + gamma * bootstrap - value;
    advantage = delta + gamma_lambda * advantage;
    advantages[t] = advantage;
    returns[t] = advantage + value;
    next_value = value;
  };
  for (std::size_t t = in.T; t > 0;) {
    // Ends are rare and stand outside of this loop, whose chain is one multiply-add per step.
    for (; t > 0 && (in.terminated[t - 1] | in.truncated[t - 1]) == 0; --t) put(t - 1, next_value);
    if (t == 0) break;
    --t;
    advantage = 0;
    put(t, in.terminated[t] != 0 ? S{0} : in.final_values[t]);
  }
}

}  // namespace detail

/// delta_t = r_t + gamma V'_t - V_t, A_t = delta_t + gamma lambda (1 - end_t) A_{t+1}, R_t = A_t + V_t, for each environment.
///
/// V'_t is 0 where terminated, `final_values` where only truncated, else the value of the next step. No value crosses the end
/// of an episode, not even one that is not finite. O(T N), allocates nothing; the order of operations is fixed.
/// @param in  the rollout. @param gamma,gae_lambda in [0, 1].
/// @param advantages,returns written, [T][N].
/// @throws ShapeError if a span has another size than T N (last_values: N).
template <std::floating_point S>
void compute_gae(const GaeInput<S>& in, std::type_identity_t<S> gamma, std::type_identity_t<S> gae_lambda,
                 std::type_identity_t<std::span<S>> advantages, std::type_identity_t<std::span<S>> returns) {
  const std::size_t rows = in.T * in.N;
  const auto require = [](const char* name, std::size_t size, std::size_t expected) {
    if (size != expected) {
      throw ShapeError(std::string("compute_gae: ") + name + " has " + std::to_string(size) + " elements, expected " +
                       std::to_string(expected));
    }
  };
  require("rewards", in.rewards.size(), rows);
  require("values", in.values.size(), rows);
  require("final_values", in.final_values.size(), rows);
  require("terminated", in.terminated.size(), rows);
  require("truncated", in.truncated.size(), rows);
  require("last_values", in.last_values.size(), in.N);
  require("advantages", advantages.size(), rows);
  require("returns", returns.size(), rows);
  if (rows == 0) return;

  const S gamma_lambda = gamma * gae_lambda;
  if (in.N == 1) {
    detail::gae_column(in, gamma, gamma_lambda, advantages.data(), returns.data());
    return;
  }
  // The row after the last one has advantage 0; row 0 of `returns` is written last, so it can hold those zeros until then.
  std::fill_n(returns.begin(), in.N, S{0});
  const S* next_values = in.last_values.data();
  const S* next_advantages = returns.data();
  for (std::size_t t = in.T; t-- > 0;) {
    const std::size_t row = t * in.N;
    detail::gae_row(in.rewards.data() + row, in.values.data() + row, in.final_values.data() + row, in.terminated.data() + row,
                    in.truncated.data() + row, next_values, next_advantages, in.N, gamma, gamma_lambda, advantages.data() + row,
                    returns.data() + row, t > 0 ? in.N : 0);
    next_values = in.values.data() + row;
    next_advantages = advantages.data() + row;
  }
}

}  // namespace rlx::inline v0_1

#undef RLX_DETAIL_EXACT_MATH

#endif  // RLX_RL_GAE_HPP
