// SPDX-License-Identifier: MIT
/// @file
/// @brief Where the parts of an observation made of slots lie: plain data that a domain states and a network is built from.
#ifndef RLX_CORE_SLOT_LAYOUT_HPP
#define RLX_CORE_SLOT_LAYOUT_HPP

#include <cstddef>

namespace rlx::inline v0_1 {

/// `count` slots of `width` floats each, the first at `offset`; a slot is taken iff its element `valid_column` is not 0.
struct SlotBlock {
  std::size_t offset = 0;        ///< first float of the first slot in the observation
  std::size_t count = 0;         ///< number of slots
  std::size_t width = 0;         ///< floats of a slot
  std::size_t valid_column = 0;  ///< counted from the start of the slot
};

/// An observation of two plain parts and two blocks of slots, and the discrete actions that refer to them:
/// HOLD | for each size, one ENTER per opportunity slot | one EXIT per position slot.
struct SlotLayout {
  std::size_t config_offset = 0;     ///< first float of the episode's settings
  std::size_t config_width = 0;      ///< floats of the episode's settings
  std::size_t portfolio_offset = 0;  ///< first float of the account's state
  std::size_t portfolio_width = 0;   ///< floats of the account's state
  SlotBlock positions;               ///< what is held; one EXIT action each
  SlotBlock opportunities;           ///< what is offered; one ENTER action each for every size
  std::size_t sizes = 1;             ///< ENTER actions per opportunity slot
  std::size_t appended_width = 0;    ///< floats behind all others, such as those of `AppendFeatures`

  /// First of the appended floats.
  std::size_t appended_offset() const noexcept {
    return config_width + portfolio_width + positions.count * positions.width + opportunities.count * opportunities.width;
  }
  /// Floats of one observation.
  std::size_t observation_size() const noexcept { return appended_offset() + appended_width; }
  /// HOLD, the ENTERs and the EXITs
  std::size_t num_actions() const noexcept { return 1 + sizes * opportunities.count + positions.count; }
};

}  // namespace rlx::inline v0_1

#endif  // RLX_CORE_SLOT_LAYOUT_HPP
