// SPDX-License-Identifier: MIT
#include <rlx/core/thread_pool.hpp>

#include "counting_allocator.hpp"
#include "rlx_catch.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

static_assert(!std::is_copy_constructible_v<rlx::ThreadPool> && !std::is_move_constructible_v<rlx::ThreadPool>);

TEST_CASE("every shard runs once, on the thread of its contiguous range", "[core][thread_pool]") {
  for (const std::size_t threads : {1U, 2U, 3U, 8U}) {
    rlx::ThreadPool pool(threads);
    REQUIRE(pool.size() == threads);
    for (const std::size_t shards : {0U, 1U, 2U, 7U, 64U, 1000U}) {
      CAPTURE(threads, shards);
      std::vector<int> runs(shards, 0);
      std::vector<std::size_t> ran_on(shards, 99);
      pool.run(shards, [&](std::size_t shard) {
        ++runs[shard];
        ran_on[shard] = rlx::ThreadPool::thread_index();
      });
      CHECK(runs == std::vector<int>(shards, 1));
      if (shards > 1) {
        std::vector<std::size_t> expected(shards);
        for (std::size_t t = 0; t < threads; ++t)
          for (std::size_t s = t * shards / threads; s < (t + 1) * shards / threads; ++s) expected[s] = t;
        CHECK(ran_on == expected);
      }
    }
  }
}

TEST_CASE("the caller is thread 0 and a single shard stays on it", "[core][thread_pool]") {
  rlx::ThreadPool pool(3);
  CHECK(rlx::ThreadPool::thread_index() == 0);
  std::thread::id single, first;
  pool.run(1, [&](std::size_t) { single = std::this_thread::get_id(); });
  pool.run(3, [&](std::size_t shard) {
    if (shard == 0) first = std::this_thread::get_id();
  });
  CHECK(single == std::this_thread::get_id());
  CHECK(first == std::this_thread::get_id());
}

TEST_CASE("what is written before a run is seen in it, and what shards write is seen after it", "[core][thread_pool]") {
  rlx::ThreadPool pool(4);
  std::vector<long> values(64, 0);
  for (long round = 1; round <= 2000; ++round) {
    const long step = round;
    pool.run(values.size(), [&](std::size_t shard) { values[shard] += step; });
  }
  CHECK(values == std::vector<long>(64, 2000L * 2001L / 2));
}

TEST_CASE("threads that went to sleep wake for the next run", "[core][thread_pool]") {
  rlx::ThreadPool pool(3);
  std::atomic<int> runs = 0;
  for (int i = 0; i < 5; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    pool.run(6, [&](std::size_t shard) {
      if (shard == 5) std::this_thread::sleep_for(std::chrono::milliseconds(2));  // the caller sleeps until it has ended
      runs.fetch_add(1);
    });
    CHECK(runs == 6 * (i + 1));
  }
}

TEST_CASE("short and long waits in turn lose no run", "[core][thread_pool]") {
  rlx::ThreadPool pool(2);  // after a wait in vain the threads spin less, and at times in full again
  std::uint64_t sum = 0;
  std::array<std::uint64_t, 2> parts{};
  for (std::uint64_t i = 0; i < 3000; ++i) {
    if (i % 500 < 20) std::this_thread::sleep_for(std::chrono::microseconds(100));
    pool.run(2, [&](std::size_t shard) { parts[shard] += i; });
    sum += i;
    REQUIRE(parts[0] == sum);
    REQUIRE(parts[1] == sum);
  }
}

TEST_CASE("the exception of the lowest shard is rethrown after every shard has run", "[core][thread_pool]") {
  for (const std::size_t threads : {1U, 2U, 5U}) {
    CAPTURE(threads);
    rlx::ThreadPool pool(threads);
    for (int round = 0; round < 20; ++round) {
      std::atomic<int> runs = 0;
      try {
        pool.run(10, [&](std::size_t shard) {
          runs.fetch_add(1);
          if (shard == 3 || shard == 4 || shard == 9) throw std::runtime_error("shard " + std::to_string(shard));
        });
        FAIL("expected an exception");
      } catch (const std::runtime_error& error) {
        CHECK(std::string(error.what()) == "shard 3");
      }
      CHECK(runs == 10);
      int good = 0;
      pool.run(1, [&](std::size_t) { ++good; });  // usable, and the old error is gone
      CHECK(good == 1);
      CHECK_NOTHROW(pool.run(10, [](std::size_t) {}));
    }
  }
}

TEST_CASE("a nested run throws and the pool stays usable", "[core][thread_pool]") {
  for (const std::size_t threads : {1U, 3U}) {
    rlx::ThreadPool pool(threads), other(2);
    CHECK_THROWS_AS(pool.run(4, [&](std::size_t) { pool.run(2, [](std::size_t) {}); }), rlx::Error);
    CHECK_THROWS_AS(pool.run(4, [&](std::size_t) { other.run(2, [](std::size_t) {}); }), rlx::Error);
    std::atomic<int> runs = 0;
    pool.run(4, [&](std::size_t) { runs.fetch_add(1); });
    other.run(4, [&](std::size_t) { runs.fetch_add(1); });
    CHECK(runs == 8);
  }
}

TEST_CASE("two threads that run one pool at the same time are refused", "[core][thread_pool]") {
  rlx::ThreadPool pool(2);
  std::atomic<bool> inside = false, refused = false;
  std::jthread second([&] {
    while (!inside) std::this_thread::yield();
    try {
      pool.run(2, [](std::size_t) {});
    } catch (const rlx::Error&) {
      refused = true;
    }
    inside = false;
  });
  pool.run(2, [&](std::size_t shard) {
    if (shard != 0) return;
    inside = true;
    while (inside) std::this_thread::yield();
  });
  second.join();
  CHECK(refused);
}

TEST_CASE("the number of threads is checked", "[core][thread_pool]") {
  CHECK_THROWS_AS(rlx::ThreadPool(0), rlx::ConfigError);
  CHECK_THROWS_AS(rlx::ThreadPool(1025), rlx::ConfigError);
}

TEST_CASE("a pool accepts functions, mutable callables and temporaries", "[core][thread_pool]") {
  rlx::ThreadPool pool(2);
  pool.run(
      3, +[](std::size_t) {});
  std::vector<std::size_t> seen(3, 0);
  auto counter = [&seen, calls = std::size_t{0}](std::size_t shard) mutable { seen[shard] = ++calls; };
  rlx::ThreadPool single(1);
  single.run(3, counter);
  CHECK(seen == std::vector<std::size_t>{1, 2, 3});
}

TEST_CASE("a run allocates nothing", "[core][thread_pool]") {
  rlx::ThreadPool pool(3);
  std::vector<double> sums(16, 0.0);
  const rlx_test::AllocationCounter counter;
  for (int i = 0; i < 10; ++i) pool.run(sums.size(), [&sums, i](std::size_t shard) { sums[shard] += i; });
  const auto allocations = counter.count();
  CHECK(allocations == 0);
  CHECK(sums[15] == 45.0);
}

TEST_CASE("pools are made and destroyed without a run, and many times", "[core][thread_pool]") {
  for (std::size_t i = 0; i < 50; ++i) {
    rlx::ThreadPool pool(1 + i % 8);
    if (i % 2 == 0) pool.run(8, [](std::size_t) {});
  }
  SUCCEED();
}
