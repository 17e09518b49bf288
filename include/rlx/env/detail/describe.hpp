// SPDX-License-Identifier: MIT
/// @file
/// @brief Bookkeeping and texts shared by the headers that drive environments.
#ifndef RLX_ENV_DETAIL_DESCRIBE_HPP
#define RLX_ENV_DETAIL_DESCRIBE_HPP

#include <bit>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/core/state.hpp>
#include <rlx/env/detail/guard.hpp>
#include <rlx/env/environment.hpp>
#include <rlx/env/space.hpp>

namespace rlx::inline v0_1::detail {

/// `action_mask` without a usable `action_masks`: the masks would silently be ignored.
template <class E>
inline constexpr bool has_misnamed_masks = !MaskedEnvironment<E> && (requires { &E::action_mask; });

/// A member `action_masks` that does not fit the concept.
template <class E>
inline constexpr bool has_mistyped_masks = !MaskedEnvironment<E> && (requires { &E::action_masks; });

/// What a vector environment keeps of the episode of one environment.
struct EpisodeSlot {
  double episode_return = 0.0;
  std::uint64_t length = 0;
  std::uint64_t episode = 0;
  std::uint64_t started = 0;  // episodes so far, the running one included
  std::uint64_t seed = 0;
  std::uint64_t source = 0;
  EpisodePhase phase = EpisodePhase::fresh;
};

inline void write_slot(StateWriter& writer, const EpisodeSlot& slot) {
  writer.write(slot.episode_return);
  writer.write(slot.length);
  writer.write(slot.episode);
  writer.write(slot.started);
  writer.write(slot.seed);
  writer.write(slot.source);
  writer.write(static_cast<std::uint8_t>(slot.phase));
}

inline EpisodeSlot read_slot(StateReader& reader) {
  EpisodeSlot slot;
  slot.episode_return = reader.read<double>();
  slot.length = reader.read<std::uint64_t>();
  slot.episode = reader.read<std::uint64_t>();
  slot.started = reader.read<std::uint64_t>();
  slot.seed = reader.read<std::uint64_t>();
  slot.source = reader.read<std::uint64_t>();
  slot.phase = read_phase(reader);
  return slot;
}

/// Choices per component of a masked space.
inline std::vector<std::size_t> component_sizes(const Discrete& space) { return {static_cast<std::size_t>(space.n)}; }
inline std::vector<std::size_t> component_sizes(const Simplex& space) { return {static_cast<std::size_t>(space.n)}; }
inline std::vector<std::size_t> component_sizes(const MultiDiscrete& space) {
  return std::vector<std::size_t>(space.nvec.begin(), space.nvec.end());
}
inline std::vector<std::size_t> component_sizes(const Box&) { return {}; }

/// Whether anything is valid. Where the first valid choice stands differs from step to step, so that a search byte by byte
/// costs a mispredicted branch: bytes are taken together.
inline bool has_choice(std::span<const std::uint8_t> mask) {
  constexpr std::size_t block = 32;
  std::size_t i = 0;
  for (; i + block <= mask.size(); i += block) {
    std::uint8_t any = 0;
    for (std::size_t j = 0; j < block; ++j) any |= mask[i + j];
    if (any != 0) return true;
  }
  std::uint8_t any = 0;
  for (; i < mask.size(); ++i) any |= mask[i];
  return any != 0;
}

/// The first component of a mask row in which nothing is valid.
inline std::optional<std::size_t> component_without_choice(std::span<const std::uint8_t> mask,
                                                           std::span<const std::size_t> components) {
  std::size_t offset = 0;
  for (std::size_t c = 0; c < components.size(); ++c) {
    const std::size_t end = offset + components[c];
    if (!has_choice(mask.subspan(offset, components[c]))) return c;
    offset = end;
  }
  return std::nullopt;
}

/// "observation[7] (spread_bps)"; without names "observation[7]".
template <class E>
std::string observation_label(const E& environment, std::size_t element) {
  std::string label = "observation[" + std::to_string(element) + ']';
  if constexpr (NamedLayout<E>) {
    label += " (";
    label += std::string_view(environment.observation_names()[element]);
    label += ')';
  }
  return label;
}

/// Inside a handler: what the exception says.
inline std::string current_exception_text() {
  try {
    throw;
  } catch (const std::exception& cause) {
    return cause.what();
  } catch (...) {
    return "an exception that is not a std::exception";
  }
}

/// "nan", "inf" or "-inf", decided on the bits so that it holds with -ffast-math too.
inline const char* non_finite_text(double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  if ((bits & 0x000FFFFFFFFFFFFFULL) != 0) return "nan";
  return (bits >> 63U) != 0 ? "-inf" : "inf";
}
inline const char* non_finite_text(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x007FFFFFU) != 0) return "nan";
  return (bits >> 31U) != 0 ? "-inf" : "inf";
}

/// False for nan only, decided on the bits.
inline bool is_number(float value) { return (std::bit_cast<std::uint32_t>(value) & 0x7FFFFFFFU) <= 0x7F800000U; }

inline std::string describe(const Discrete& space) { return "Discrete(" + std::to_string(space.n) + ')'; }
inline std::string describe(const Simplex& space) { return "Simplex(" + std::to_string(space.n) + ')'; }
inline std::string describe(const Box& space) { return "Box of " + std::to_string(space.size()) + " numbers"; }
inline std::string describe(const MultiDiscrete& space) {
  std::string text = "MultiDiscrete(";
  for (std::size_t i = 0; i < space.nvec.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(space.nvec[i]);
  return text + ')';
}

/// Why a space cannot work; empty if it can.
inline std::string fault_of(const Discrete& space) {
  if (space.n <= 0) return describe(space) + " has no action";
  if (space.n > std::numeric_limits<std::int32_t>::max()) return describe(space) + " does not fit a 32-bit action";
  return {};
}
inline std::string fault_of(const Simplex& space) { return space.n > 0 ? "" : describe(space) + " has no weight"; }
inline std::string fault_of(const MultiDiscrete& space) {
  if (space.nvec.empty()) return "MultiDiscrete() has no component";
  for (std::size_t i = 0; i < space.nvec.size(); ++i) {
    if (const std::string fault = fault_of(Discrete{space.nvec[i]}); !fault.empty()) {
      return "component " + std::to_string(i) + " of " + describe(space) + ": " + fault;
    }
  }
  return {};
}
inline std::string fault_of(const Box& space) {
  if (space.low.size() != space.high.size()) {
    return "Box has " + std::to_string(space.low.size()) + " lower and " + std::to_string(space.high.size()) + " upper bounds";
  }
  if (space.low.empty()) return "Box has no element";
  for (std::size_t i = 0; i < space.size(); ++i) {
    const std::string element = "bounds of element " + std::to_string(i) + ": ";
    if (!is_number(space.low[i]) || !is_number(space.high[i])) return element + "a bound is nan";
    if (space.low[i] > space.high[i]) {
      return element + "low " + std::to_string(space.low[i]) + " exceeds high " + std::to_string(space.high[i]);
    }
  }
  return {};
}

template <ActionSpace Space>
void check_sizes_of_spaces(const Box& observations, const Space& actions) {
  if (const std::string fault = fault_of(observations); !fault.empty()) throw ConfigError("observation space: " + fault);
  if (const std::string fault = fault_of(actions); !fault.empty()) throw ConfigError("action space: " + fault);
}

template <ActionSpace Space>
void check_equal_spaces(std::size_t env, const Box& observations, const Box& expected_observations, const Space& actions,
                        const Space& expected_actions) {
  const std::string tail = "; every copy that the factory makes must have the same spaces";
  if (!(observations == expected_observations)) {
    const std::string difference = observations.size() == expected_observations.size()
                                       ? std::string("other bounds")
                                       : describe(observations) + " instead of " + describe(expected_observations);
    throw ConfigError("environment " + std::to_string(env) +
                      " differs from environment 0 in its observation space: " + difference + tail);
  }
  if (!(actions == expected_actions)) {
    const std::string found = describe(actions), expected = describe(expected_actions);
    throw ConfigError("environment " + std::to_string(env) + " differs from environment 0 in its action space: " +
                      (found == expected ? std::string("other bounds") : found + " instead of " + expected) + tail);
  }
}

[[noreturn]] inline void throw_row_sizes(const MatrixView<float>& observations, const MatrixView<std::uint8_t>& masks,
                                         std::size_t rows, std::size_t observation_size, std::size_t mask_width) {
  const auto shape = [](std::size_t r, std::size_t c) { return '[' + std::to_string(r) + "][" + std::to_string(c) + ']'; };
  throw ShapeError("observation rows are " + shape(observations.rows(), observations.cols()) + " and mask rows " +
                   shape(masks.rows(), masks.cols()) + ", expected " + shape(rows, observation_size) + " and " +
                   shape(mask_width == 0 ? 0 : rows, mask_width));
}

}  // namespace rlx::inline v0_1::detail

#endif  // RLX_ENV_DETAIL_DESCRIBE_HPP
