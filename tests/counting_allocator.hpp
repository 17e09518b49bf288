// SPDX-License-Identifier: MIT
/// @file
/// @brief Counts heap allocations of the whole test process, so that a test can require that a hot path makes none.
///
/// How to link: compile tests/counting_allocator.cpp into the executable (CMake adds it to every test executable; by hand,
/// put `tests/counting_allocator.cpp` on the compiler's command line). Without it the functions below do not link.
///
/// What counts: every `operator new` (all forms) and, with glibc outside the sanitizers, every `malloc, calloc, realloc,
/// aligned_alloc, posix_memalign, memalign` of the executable and of its shared libraries (Eigen allocates through `malloc`).
/// Under the address, thread and memory sanitizers only `operator new` counts, because they replace `malloc` themselves.
///
/// @code
/// const rlx_test::AllocationCounter counter;
/// envs.step(actions);
/// REQUIRE(counter.count() == 0);
/// @endcode
#ifndef RLX_TESTS_COUNTING_ALLOCATOR_HPP
#define RLX_TESTS_COUNTING_ALLOCATOR_HPP

#include <cstdint>

namespace rlx_test {

/// Allocations since the process started, of all threads.
std::uint64_t allocations() noexcept;

/// Whether `malloc` and its relatives are counted too, not only `operator new`.
bool counts_malloc() noexcept;

/// Allocations since its construction, of all threads.
class AllocationCounter {
 public:
  AllocationCounter() noexcept : start_(allocations()) {}
  std::uint64_t count() const noexcept { return allocations() - start_; }

 private:
  std::uint64_t start_;
};

}  // namespace rlx_test

#endif  // RLX_TESTS_COUNTING_ALLOCATOR_HPP
