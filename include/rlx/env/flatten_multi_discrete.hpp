// SPDX-License-Identifier: MIT
/// @file
/// @brief Numbers the combinations of several choices, so that a learner of one choice can act in a MultiDiscrete space.
#ifndef RLX_ENV_FLATTEN_MULTI_DISCRETE_HPP
#define RLX_ENV_FLATTEN_MULTI_DISCRETE_HPP

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/env/detail/environment_wrapper.hpp>
#include <rlx/env/detail/guard.hpp>
#include <rlx/env/environment.hpp>
#include <rlx/env/space.hpp>

namespace rlx::inline v0_1 {

/// An environment of MultiDiscrete actions as one of Discrete(nvec[0] * nvec[1] * ...) actions.
///
/// The first component changes slowest: with nvec (2, 3) action 4 is (1, 1). A combination is valid if each of its choices is.
/// Masks of a MultiDiscrete space are independent by component, so nothing is lost. Every other ability of the inner
/// environment is forwarded. Action names, where the inner environment has one per choice, are joined by " + ".
/// Allocates nothing in a step.
template <Environment E>
requires std::same_as<std::remove_cvref_t<decltype(std::declval<const E&>().action_space())>, MultiDiscrete>
class FlattenMultiDiscrete : public detail::EnvironmentWrapper<E> {
  using Base = detail::EnvironmentWrapper<E>;
  using Base::environment_;

 public:
  using ActionScalar = std::int32_t;  ///< As `Environment` asks.

  /// @param environment  the inner one, moved in
  /// @param max_actions  most combinations that a learner is to hold an output for
  explicit FlattenMultiDiscrete(E environment, std::int64_t max_actions = 65'536)
      : Base(std::move(environment)), nvec_(environment_.action_space().nvec) {
    actions_.n = nvec_.empty() ? 0 : 1;
    for (const std::int64_t n : nvec_) {
      if (n < 1 || actions_.n > max_actions / n) {
        throw ConfigError("FlattenMultiDiscrete: expected at least one choice per component and at most " +
                          std::to_string(max_actions) + " combinations, found " + text() +
                          "; drop components or raise max_actions");
      }
      actions_.n *= n;
    }
    if (nvec_.empty()) throw ConfigError("FlattenMultiDiscrete: the action space has no component");
    choice_.resize(nvec_.size());
    inner_mask_.resize(mask_width(environment_.action_space()));
    name_actions();
  }

  const Discrete& action_space() const noexcept { return actions_; }  ///< As `Environment` asks.

  void reset(std::uint64_t seed, std::span<float> row) { environment_.reset(seed, row); }  ///< As `Environment` asks.

  /// @throws InvalidActionError  outside the space.  ShapeError  a row of another length.  What the inner environment throws
  Transition step(std::span<const std::int32_t> action, std::span<float> row) {
    detail::require_length("FlattenMultiDiscrete", "action", action.size(), 1);
    decode(detail::require_choice("FlattenMultiDiscrete", action, 0, actions_.n), choice_);
    return environment_.step(std::span<const std::int32_t>(choice_), row);
  }

  /// As `MaskedEnvironment` asks.
  void action_masks(std::span<std::uint8_t> row) const requires MaskedEnvironment<E> {
    detail::require_length("FlattenMultiDiscrete", "mask", row.size(), static_cast<std::size_t>(actions_.n));
    environment_.action_masks(std::span<std::uint8_t>(inner_mask_));
    for (std::size_t flat = 0; flat < row.size(); ++flat) {
      std::size_t rest = flat, end = inner_mask_.size();
      std::uint8_t valid = 1;
      for (std::size_t c = nvec_.size(); c-- > 0;) {
        const auto n = static_cast<std::size_t>(nvec_[c]);
        end -= n;
        valid &= inner_mask_[end + rest % n] != 0 ? std::uint8_t{1} : std::uint8_t{0};
        rest /= n;
      }
      row[flat] = valid;
    }
  }

  /// The choices that a flat action stands for, one per component. @pre 0 <= action < action_space().n
  void decode(std::int32_t action, std::span<std::int32_t> choices) const {
    std::int64_t rest = action;
    for (std::size_t c = nvec_.size(); c-- > 0;) {
      choices[c] = static_cast<std::int32_t>(rest % nvec_[c]);
      rest /= nvec_[c];
    }
  }
  /// The flat action of choices. @throws InvalidActionError  a choice outside its component.  ShapeError
  std::int32_t encode(std::span<const std::int32_t> choices) const {
    detail::require_length("FlattenMultiDiscrete", "choices", choices.size(), nvec_.size());
    std::int64_t flat = 0;
    for (std::size_t c = 0; c < nvec_.size(); ++c) {
      flat = flat * nvec_[c] + detail::require_choice("FlattenMultiDiscrete", choices, c, nvec_[c]);
    }
    return static_cast<std::int32_t>(flat);
  }

  std::span<const std::string> action_names() const requires NamedLayout<E> { return names_; }  ///< As `NamedLayout` asks.

 private:
  std::string text() const {
    std::string product;
    for (const std::int64_t n : nvec_) product += (product.empty() ? "" : " x ") + std::to_string(n);
    return product;
  }

  void name_actions() {
    if constexpr (NamedLayout<E>) {
      const auto& choices = environment_.action_names();
      const bool named = std::size(choices) == inner_mask_.size();
      for (std::int32_t flat = 0; flat < actions_.n; ++flat) {
        decode(flat, choice_);
        std::string name;
        std::size_t begin = 0;
        for (std::size_t c = 0; c < nvec_.size(); ++c) {
          const auto i = static_cast<std::size_t>(choice_[c]);
          name +=
              (c == 0 ? "" : " + ") + (named ? std::string(std::string_view(choices[begin + i])) : std::to_string(choice_[c]));
          begin += static_cast<std::size_t>(nvec_[c]);
        }
        names_.push_back(std::move(name));
      }
    }
  }

  std::vector<std::int64_t> nvec_;
  Discrete actions_;
  std::vector<std::int32_t> choice_;
  mutable std::vector<std::uint8_t> inner_mask_;
  std::vector<std::string> names_;
};

}  // namespace rlx::inline v0_1

#endif  // RLX_ENV_FLATTEN_MULTI_DISCRETE_HPP
