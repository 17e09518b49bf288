// SPDX-License-Identifier: MIT
/// @file
/// @brief Counts what `operator new` is asked for. For one translation unit of a program.
#ifndef RLX_BENCHMARKS_COUNTED_MEMORY_HPP
#define RLX_BENCHMARKS_COUNTED_MEMORY_HPP

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>

namespace bench {

/// Bytes that are in use, and calls, since the program began.
inline constinit std::atomic<std::size_t> live_bytes{0}, allocations{0};

/// The size stands in front of the memory.
inline void* allocate(std::size_t size, std::size_t alignment) {
  const std::size_t header = std::max(alignment, alignof(std::max_align_t));
  char* const memory = static_cast<char*>(std::aligned_alloc(header, (size + 2 * header - 1) / header * header));
  if (memory == nullptr) throw std::bad_alloc();
  std::memcpy(memory + header - sizeof size, &size, sizeof size);
  live_bytes += size;
  ++allocations;
  return memory + header;
}
inline void release(void* memory, std::size_t alignment) {
  if (memory == nullptr) return;
  const std::size_t header = std::max(alignment, alignof(std::max_align_t));
  std::size_t size = 0;
  std::memcpy(&size, static_cast<char*>(memory) - sizeof size, sizeof size);
  live_bytes -= size;
  std::free(static_cast<char*>(memory) - header);
}

}  // namespace bench

void* operator new(std::size_t size) { return bench::allocate(size, 0); }
void* operator new[](std::size_t size) { return bench::allocate(size, 0); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return bench::allocate(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return bench::allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { bench::release(memory, 0); }
void operator delete[](void* memory) noexcept { bench::release(memory, 0); }
void operator delete(void* memory, std::size_t) noexcept { bench::release(memory, 0); }
void operator delete[](void* memory, std::size_t) noexcept { bench::release(memory, 0); }
void operator delete(void* memory, std::align_val_t alignment) noexcept {
  bench::release(memory, static_cast<std::size_t>(alignment));
}
void operator delete[](void* memory, std::align_val_t alignment) noexcept {
  bench::release(memory, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory, std::size_t, std::align_val_t alignment) noexcept {
  bench::release(memory, static_cast<std::size_t>(alignment));
}
void operator delete[](void* memory, std::size_t, std::align_val_t alignment) noexcept {
  bench::release(memory, static_cast<std::size_t>(alignment));
}

#endif  // RLX_BENCHMARKS_COUNTED_MEMORY_HPP
