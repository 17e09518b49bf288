// SPDX-License-Identifier: MIT
/// @file
/// @brief Where the parts of an observation made of slots lie: plain data that a domain states and a network is built from.
#ifndef RLX_CORE_SLOT_LAYOUT_HPP
#define RLX_CORE_SLOT_LAYOUT_HPP

#include <cstddef>

namespace rlx {

/// `count` slots of `width` floats each, the first at `offset`; a slot is taken iff its element `valid_column` is not 0.
struct SlotBlock {
  std::size_t offset = 0;
  std::size_t count = 0;
  std::size_t width = 0;
  std::size_t valid_column = 0;
};

/// An observation of two plain parts and two blocks of slots, and the discrete actions that refer to them:
/// HOLD | for each size, one ENTER per opportunity slot | one EXIT per position slot.
struct SlotLayout {
  std::size_t config_offset = 0, config_width = 0;        ///< settings of the episode
  std::size_t portfolio_offset = 0, portfolio_width = 0;  ///< state of the account
  SlotBlock positions;
  SlotBlock opportunities;
  std::size_t sizes = 1;  ///< ENTER actions per opportunity slot

  std::size_t observation_size() const noexcept {
    return config_width + portfolio_width + positions.count * positions.width + opportunities.count * opportunities.width;
  }
  std::size_t num_actions() const noexcept { return 1 + sizes * opportunities.count + positions.count; }
};

}  // namespace rlx

#endif  // RLX_CORE_SLOT_LAYOUT_HPP
