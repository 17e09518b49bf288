// SPDX-License-Identifier: MIT
/// @file
/// @brief What a critic or a risk objective may bring besides its concept: state for checkpoints, and which critics fit.
#ifndef RLX_RL_DETAIL_EXTENSION_STATE_HPP
#define RLX_RL_DETAIL_EXTENSION_STATE_HPP

#include <cstddef>
#include <vector>

#include <rlx/core/state.hpp>
#include <rlx/io/safetensors.hpp>

namespace rlx::inline v0_1::detail {

template <class X>
inline constexpr bool can_save = requires(const X& constant, StateWriter& out) {
  constant.save_state(out);
};
template <class X>
inline constexpr bool can_load = requires(X& x, StateReader& in) {
  x.load_state(in);
};
template <class X>
inline constexpr bool has_state = can_save<X>&& can_load<X>;
/// A member of one of the names, whatever it takes: somebody meant to have state.
template <class X>
inline constexpr bool names_state = requires {
  &X::save_state;
}
|| requires { &X::load_state; }
|| can_save<X> || can_load<X>;

/// Stops the compiler where state would be lost without a word.
template <class X>
constexpr void require_whole_state() {
  static_assert(has_state<X> || !names_state<X>,
                "rlx: state of a critic or risk objective needs both `void save_state(rlx::StateWriter&) const` and "
                "`void load_state(rlx::StateReader&)`; with one of them alone it would not be part of checkpoints");
}

/// Lets a risk objective that works with some critics only stop the compiler, in its own words, where it meets another.
template <class Objective, class Critic>
constexpr void require_fitting_critic() {
  if constexpr (requires { Objective::template require_critic<Critic>(); }) Objective::template require_critic<Critic>();
}

template <class X>
void save_extension(const X& extension, std::vector<std::byte>& bytes) {
  if constexpr (has_state<X>) {
    StateWriter writer(bytes);
    extension.save_state(writer);
  }
}

template <class X>
X load_extension(X extension, const io::Safetensors& file, const char* name) {
  if constexpr (has_state<X>) {
    StateReader reader(file.at(name).data);
    extension.load_state(reader);
    reader.expect_end();
  } else {
    static_cast<void>(file);
    static_cast<void>(name);
  }
  return extension;
}

}  // namespace rlx::inline v0_1::detail

#endif  // RLX_RL_DETAIL_EXTENSION_STATE_HPP
