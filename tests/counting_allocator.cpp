// SPDX-License-Identifier: MIT
#include "counting_allocator.hpp"

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <new>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#  define RLX_TEST_SANITIZED 1
#elif defined(__has_feature)
#  if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#    define RLX_TEST_SANITIZED 1
#  endif
#endif
#if defined(__GLIBC__) && !defined(RLX_TEST_SANITIZED)
#  define RLX_TEST_INTERPOSE_MALLOC 1
#endif

namespace {

// Constant-initialised: malloc runs before any constructor.
std::atomic<std::uint64_t> counter{0};

void count() noexcept { counter.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

#ifdef RLX_TEST_INTERPOSE_MALLOC
// A definition in the executable takes precedence over glibc's; glibc keeps its own under these names, and its free() takes
// their memory.
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t number, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* malloc(std::size_t size) {
  count();
  return __libc_malloc(size);
}
void* calloc(std::size_t number, std::size_t size) {
  count();
  return __libc_calloc(number, size);
}
void* realloc(void* old, std::size_t size) {
  count();
  return __libc_realloc(old, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  count();
  return __libc_memalign(alignment, size);
}
void* memalign(std::size_t alignment, std::size_t size) {
  count();
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** result, std::size_t alignment, std::size_t size) {
  if (alignment % sizeof(void*) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0) return EINVAL;
  count();
  void* const memory = __libc_memalign(alignment, size);
  if (memory == nullptr) return ENOMEM;
  *result = memory;
  return 0;
}
}

namespace {
void* raw_allocate(std::size_t size) noexcept { return __libc_malloc(size); }
void* raw_allocate(std::size_t size, std::align_val_t alignment) noexcept {
  return __libc_memalign(static_cast<std::size_t>(alignment), size);
}
}  // namespace
#else
namespace {
void* raw_allocate(std::size_t size) noexcept { return std::malloc(size); }
void* raw_allocate(std::size_t size, std::align_val_t alignment) noexcept {
  const std::size_t step = static_cast<std::size_t>(alignment);
  return std::aligned_alloc(step, (size + step - 1) / step * step);
}
}  // namespace
#endif

namespace {

template <class... Alignment>
void* allocate(std::size_t size, Alignment... alignment) noexcept {
  count();
  return raw_allocate(size == 0 ? 1 : size, alignment...);
}

template <class... Alignment>
void* allocate_or_throw(std::size_t size, Alignment... alignment) {
  void* const memory = allocate(size, alignment...);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return allocate_or_throw(size); }
void* operator new[](std::size_t size) { return allocate_or_throw(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void* operator new(std::size_t size, std::align_val_t alignment) { return allocate_or_throw(size, alignment); }
void* operator new[](std::size_t size, std::align_val_t alignment) { return allocate_or_throw(size, alignment); }
void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return allocate(size, alignment);
}
void* operator new[](std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return allocate(size, alignment);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t, const std::nothrow_t&) noexcept { std::free(memory); }

namespace rlx_test {

std::uint64_t allocations() noexcept { return counter.load(std::memory_order_relaxed); }

bool counts_malloc() noexcept {
#ifdef RLX_TEST_INTERPOSE_MALLOC
  return true;
#else
  return false;
#endif
}

}  // namespace rlx_test
