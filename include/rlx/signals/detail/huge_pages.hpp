// SPDX-License-Identifier: MIT
/// @file
/// @brief Fewer page faults for large arrays that are written once.
#ifndef RLX_SIGNALS_DETAIL_HUGE_PAGES_HPP
#define RLX_SIGNALS_DETAIL_HUGE_PAGES_HPP

#include <cstddef>
#include <cstdint>

#include <sys/mman.h>

namespace rlx::inline v0_1::signals::detail {

/**
 * @brief Asks the kernel to back memory that was reserved but not yet written with huge pages.
 *
 * New memory otherwise costs a fault for every 4 KiB, which for the arrays of 100,000 signals takes longer than filling them.
 * Only a hint: without huge pages, or below some of them, nothing changes.
 */
inline void advise_huge_pages([[maybe_unused]] const void* data, [[maybe_unused]] std::size_t bytes) {
#ifdef MADV_HUGEPAGE
  constexpr std::uintptr_t huge = std::uintptr_t{1} << 21;
  const std::uintptr_t begin = (reinterpret_cast<std::uintptr_t>(data) + huge - 1) & ~(huge - 1);
  const std::uintptr_t end = (reinterpret_cast<std::uintptr_t>(data) + bytes) & ~(huge - 1);
  if (bytes > 2 * huge && begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
}

}  // namespace rlx::inline v0_1::signals::detail

#endif  // RLX_SIGNALS_DETAIL_HUGE_PAGES_HPP
