// SPDX-License-Identifier: MIT
/// @file
/// @brief Persistent threads that run numbered shards of work.
#ifndef RLX_CORE_THREAD_POOL_HPP
#define RLX_CORE_THREAD_POOL_HPP

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <rlx/core/clock.hpp>
#include <rlx/core/error.hpp>

namespace rlx::inline v0_1 {

/**
 * @brief A fixed set of threads; the caller of `run` is one of them.
 *
 * Results do not depend on the number of threads when each shard writes its own data: shards are numbered, thread t of T takes
 * the contiguous range [t*n/T, (t+1)*n/T) in ascending order, and every shard runs exactly once even if another one throws.
 *
 * Between runs the threads spin for at most 20 microseconds and then sleep. One that spun in vain three times running sleeps at
 * once from then on and tries again at every 16th wait, so that runs far apart or a machine busy with other work cost little.
 * They do not spin at all when the pool has more threads than the machine, where a spinning thread would keep a working one
 * from its core.
 *
 * Called ThreadPool. @tparam Thread  joins in its destructor; a parameter so that a program compiles only what it uses
 */
template <class Thread>
class BasicThreadPool {
 public:
  /**
   * @param threads  number of threads including the caller, 1 to 1024; `threads - 1` are started here
   * @throws ConfigError outside that range, std::system_error if the system refuses a thread
   */
  explicit BasicThreadPool(std::size_t threads) : spins_(threads <= std::thread::hardware_concurrency()) {
    if (threads < 1 || threads > 1024) {
      throw ConfigError("ThreadPool: threads = " + std::to_string(threads) +
                        ", expected 1 to 1024; use the number of cores of the machine");
    }
    slots_ = std::make_unique<Slot[]>(threads);
    threads_.reserve(threads - 1);
    try {
      for (std::size_t t = 1; t < threads; ++t) threads_.emplace_back([this, t] { work(t); });
    } catch (...) {
      stop();
      throw;
    }
  }

  BasicThreadPool(const BasicThreadPool&) = delete;
  BasicThreadPool& operator=(const BasicThreadPool&) = delete;
  ~BasicThreadPool() { stop(); }

  /// Number of threads, the caller included.
  std::size_t size() const noexcept { return threads_.size() + 1; }

  /**
   * @brief Calls `f(shard)` once for every shard in [0, num_shards) and returns when all have finished.
   *
   * Everything written before `run` is visible to every shard, everything a shard wrote is visible after `run`. A single shard
   * runs on the calling thread. Allocates nothing.
   *
   * @param num_shards  0 calls nothing; thread t of T takes the shards t n / T .. (t + 1) n / T of n
   * @param f  callable from several threads at once with `std::size_t`
   * @throws   the exception of the lowest-numbered shard that threw, after all shards have run; the pool stays usable.
   *           Error if called from inside a shard (of any pool) or while another thread runs this pool.
   */
  template <class F>
  requires std::is_invocable_v<F&, std::size_t>
  void run(std::size_t num_shards, F&& f) {
    if (inside_run_) throw Error("ThreadPool::run was called from inside a shard; do the inner work in the shard itself");
    if (busy_.exchange(true, std::memory_order_acquire)) {
      throw Error("ThreadPool::run was called while another thread runs the same pool; give each thread its own pool");
    }
    auto run_shard = [&f](std::size_t shard) { f(shard); };
    job_ = {[](void* callable, std::size_t shard) { (*static_cast<decltype(run_shard)*>(callable))(shard); }, &run_shard,
            num_shards};
    if (threads_.empty() || num_shards <= 1) {
      run_range(slots_[0], 0, num_shards);
    } else {
      remaining_.store(static_cast<std::uint32_t>(threads_.size()), std::memory_order_relaxed);
      generation_.fetch_add(1, std::memory_order_release);
      generation_.notify_all();
      run_thread(0);
      wait_while_not_zero();
    }
    std::exception_ptr error;
    for (std::size_t t = 0; t < size(); ++t) {
      std::exception_ptr thrown = std::exchange(slots_[t].error, nullptr);
      if (!error) error = std::move(thrown);  // ranges ascend with t, so the first one belongs to the lowest shard
    }
    busy_.store(false, std::memory_order_release);
    if (error) std::rethrow_exception(std::move(error));
  }

  /// Inside a shard: the index of the thread that runs it, 0 .. size()-1. Outside: 0. For choosing a workspace.
  static std::size_t thread_index() noexcept { return thread_index_; }

 private:
  struct Job {
    void (*call)(void*, std::size_t) = nullptr;
    void* callable = nullptr;
    std::size_t num_shards = 0;
  };
  struct alignas(64) Slot {
    std::exception_ptr error;
    std::uint32_t vain_spins = 0, skipped_spins = 0;
  };

  static void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#else
    std::this_thread::yield();
#endif
  }

  void run_range(Slot& slot, std::size_t begin, std::size_t end) noexcept {
    inside_run_ = true;
    for (std::size_t shard = begin; shard < end; ++shard) {
      try {
        job_.call(job_.callable, shard);
      } catch (...) {
        if (!slot.error) slot.error = std::current_exception();
      }
    }
    inside_run_ = false;
  }

  void run_thread(std::size_t t) noexcept {
    const std::size_t n = job_.num_shards;
    run_range(slots_[t], t * n / size(), (t + 1) * n / size());
  }

  /// Spins until `done()` or until that is not likely to help.
  template <class Done>
  void spin(Slot& slot, Done done) const noexcept {
    if (!spins_ || (slot.vain_spins >= 3 && ++slot.skipped_spins % 16 != 0)) return;
    const SystemClock clock;
    const double end = clock.monotonic_seconds() + 20e-6;
    do {
      for (int i = 0; i < 16; ++i) {  // a look at the clock takes as long as a pause, 10 to 50 nanoseconds
        if (done()) {
          slot.vain_spins = 0;
          return;
        }
        pause();
      }
    } while (clock.monotonic_seconds() < end);
    ++slot.vain_spins;
  }

  void wait_while_not_zero() noexcept {
    spin(slots_[0], [this] { return remaining_.load(std::memory_order_acquire) == 0; });
    for (std::uint32_t left = remaining_.load(std::memory_order_acquire); left != 0;
         left = remaining_.load(std::memory_order_acquire)) {
      remaining_.wait(left, std::memory_order_acquire);
    }
  }

  void work(std::size_t t) noexcept {
    thread_index_ = t;
    for (std::uint32_t seen = 0;; ++seen) {
      spin(slots_[t], [&] { return generation_.load(std::memory_order_acquire) != seen; });
      generation_.wait(seen, std::memory_order_acquire);
      if (stopping_.load(std::memory_order_relaxed)) return;
      run_thread(t);
      if (remaining_.fetch_sub(1, std::memory_order_acq_rel) == 1) remaining_.notify_one();
    }
  }

  void stop() noexcept {
    stopping_.store(true, std::memory_order_relaxed);
    generation_.fetch_add(1, std::memory_order_release);
    generation_.notify_all();
    threads_.clear();  // joins
  }

  static inline thread_local constinit std::size_t thread_index_ = 0;
  static inline thread_local constinit bool inside_run_ = false;

  alignas(64) std::atomic<std::uint32_t> generation_{0};
  alignas(64) std::atomic<std::uint32_t> remaining_{0};
  alignas(64) std::atomic<bool> busy_{false};
  std::atomic<bool> stopping_{false};
  Job job_;
  bool spins_;
  std::unique_ptr<Slot[]> slots_;
  std::vector<Thread> threads_;
};

/// With threads of the standard library. @see BasicThreadPool
using ThreadPool = BasicThreadPool<std::jthread>;

}  // namespace rlx::inline v0_1

#endif  // RLX_CORE_THREAD_POOL_HPP
