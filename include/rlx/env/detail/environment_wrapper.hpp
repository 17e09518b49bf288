// SPDX-License-Identifier: MIT
/// @file
/// @brief What every wrapper of one environment passes on unchanged.
#ifndef RLX_ENV_DETAIL_ENVIRONMENT_WRAPPER_HPP
#define RLX_ENV_DETAIL_ENVIRONMENT_WRAPPER_HPP

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <rlx/env/detail/describe.hpp>
#include <rlx/env/detail/flags.hpp>
#include <rlx/env/environment.hpp>

namespace rlx::inline v0_1::detail {

/// Holds an environment and offers each of its abilities under its own name. A wrapper derives from it, hides what it changes
/// and writes `reset` and `step`.
template <Environment E>
class EnvironmentWrapper {
  static_assert(!has_misnamed_masks<E> && !has_mistyped_masks<E>,
                "rlx: the wrapped environment's masks would be lost; name the member "
                "`void action_masks(std::span<std::uint8_t> row) const`");

 public:
  using ActionScalar = typename E::ActionScalar;
  static constexpr bool accepts_invalid_actions = flag_accepts_invalid_actions<E>;
  static constexpr bool metrics_may_be_nan = flag_metrics_may_be_nan<E>;

  const Box& observation_space() const { return environment_.observation_space(); }
  decltype(auto) action_space() const { return environment_.action_space(); }
  decltype(auto) info() const { return environment_.info(); }
  E& inner() noexcept { return environment_; }
  const E& inner() const noexcept { return environment_; }

  void action_masks(std::span<std::uint8_t> row) const requires MaskedEnvironment<E> { environment_.action_masks(row); }

  std::size_t num_sources() const requires SourcedEnvironment<E> { return environment_.num_sources(); }
  void set_source(std::size_t source) requires SourcedEnvironment<E> { environment_.set_source(source); }

  static decltype(auto) metric_names() requires ReportsMetrics<E> { return E::metric_names(); }
  void metrics(std::span<double> values) const requires ReportsMetrics<E> { environment_.metrics(values); }

  void save_state(std::vector<std::byte>& bytes) const requires SerializableEnvironment<E> { environment_.save_state(bytes); }
  void load_state(std::span<const std::byte> bytes) requires SerializableEnvironment<E> { environment_.load_state(bytes); }

  decltype(auto) observation_names() const requires NamedLayout<E> { return environment_.observation_names(); }
  decltype(auto) action_names() const requires NamedLayout<E> { return environment_.action_names(); }

  void corrupt_future(std::uint64_t seed) requires HasFuture<E> { environment_.corrupt_future(seed); }

 protected:
  explicit EnvironmentWrapper(E environment) : environment_(std::move(environment)) {}
  E environment_;
};

}  // namespace rlx::inline v0_1::detail

#endif  // RLX_ENV_DETAIL_ENVIRONMENT_WRAPPER_HPP
