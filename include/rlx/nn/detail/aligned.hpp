// SPDX-License-Identifier: MIT
/// @file
/// @brief A vector whose storage starts at a multiple of 64 bytes: one cache line, one widest register.
#ifndef RLX_NN_DETAIL_ALIGNED_HPP
#define RLX_NN_DETAIL_ALIGNED_HPP

#include <cstddef>
#include <new>
#include <vector>

namespace rlx::inline v0_1::nn::detail {

inline constexpr std::size_t alignment = 64;

template <class T>
struct AlignedAllocator {
  using value_type = T;
  AlignedAllocator() = default;
  template <class U>
  AlignedAllocator(const AlignedAllocator<U>&) noexcept {}
  T* allocate(std::size_t n) { return static_cast<T*>(::operator new (n * sizeof(T), std::align_val_t{alignment})); }
  void deallocate(T* p, std::size_t) noexcept { ::operator delete (p, std::align_val_t{alignment}); }
  friend bool operator==(const AlignedAllocator&, const AlignedAllocator&) noexcept { return true; }
};

template <class T>
using AlignedVector = std::vector<T, AlignedAllocator<T>>;

/// `n` elements rounded up to whole cache lines.
template <class T>
constexpr std::size_t padded(std::size_t n) {
  constexpr std::size_t line = alignment / sizeof(T);
  return (n + line - 1) / line * line;
}

}  // namespace rlx::inline v0_1::nn::detail

#endif  // RLX_NN_DETAIL_ALIGNED_HPP
