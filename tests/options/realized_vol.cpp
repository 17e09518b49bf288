// SPDX-License-Identifier: MIT
#include <rlx/options/realized_vol.hpp>

#include "counting_allocator.hpp"
#include "rlx_catch.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include <rlx/core/random.hpp>

using namespace rlx::options;
using rlx_test::WithinAbs;
using rlx_test::WithinRel;

namespace {

constexpr std::int64_t hour = 3'600'000;
constexpr std::int64_t day = 24 * hour;
constexpr RealizedVolConfig any = {.min_returns = 1, .min_span_ms = 1};

}  // namespace

TEST_CASE("Realised volatility gives the worked example", "[options][realized_vol]") {
  IndexHistory history;
  history.append(0, 100);
  history.append(6 * hour, 101);
  history.append(12 * hour, 100);
  CHECK_THAT(history.realized_vol(12 * hour, any).value(), WithinAbs(0.380202, 5e-7));
  CHECK_FALSE(history.realized_vol(12 * hour));  // 2 returns over half a day
  CHECK_THAT(history.realized_vol(11 * hour, any).value(), WithinRel(std::log(1.01) * std::sqrt(365 * 4), 1e-12));
  CHECK_FALSE(history.realized_vol(5 * hour, any));
  CHECK_FALSE(history.realized_vol(-1, any));
}

TEST_CASE("Realised volatility needs its returns and its span", "[options][realized_vol]") {
  IndexHistory history;
  for (int i = 0; i <= 20; ++i) history.append(i * 8 * hour + (i == 20 ? 8 * hour : 0), 100 + i % 2);
  CHECK(history.realized_vol(21 * 8 * hour).has_value());  // 20 returns over 7 days
  CHECK_FALSE(history.realized_vol(21 * 8 * hour - 1));    // 19 returns
  CHECK_FALSE(history.realized_vol(21 * 8 * hour, {.min_span_ms = 7 * day + 1}));
  CHECK_FALSE(history.realized_vol(21 * 8 * hour, {.min_returns = 21}));
  // Both ends of the window belong to it.
  const auto window = [&](std::int64_t ms) { return history.realized_vol(21 * 8 * hour, {ms, 1, 1}); };
  CHECK_FALSE(window(16 * hour - 1));
  CHECK(window(16 * hour).has_value());
}

TEST_CASE("Realised volatility equals the sum over its window at any spacing", "[options][realized_vol]") {
  rlx::RandomStream random(rlx::StreamId{.seed = 1, .purpose = rlx::Purpose::user});
  IndexHistory history;
  std::vector<std::pair<std::int64_t, double>> samples;
  std::int64_t t = 1'767'000'000'000;
  double index = 90'000;
  for (int i = 0; i < 2'000; ++i) {
    t += 1 + static_cast<std::int64_t>(random.bounded(10 * hour));
    index *= std::exp(0.01 * random.normal());
    history.append(t, index);
    samples.emplace_back(t, index);
  }
  for (int trial = 0; trial < 500; ++trial) {
    const std::int64_t now =
        samples.front().first + static_cast<std::int64_t>(random.bounded(std::uint64_t(t - samples.front().first + 2 * day)));
    double squares = 0.0;
    std::size_t returns = 0;
    const std::pair<std::int64_t, double>* first = nullptr;
    const std::pair<std::int64_t, double>* last = nullptr;
    for (const auto& sample : samples) {
      if (sample.first < now - 30 * day || sample.first > now) continue;
      if (last != nullptr) {
        squares += std::pow(std::log(sample.second / last->second), 2);
        ++returns;
      } else {
        first = &sample;
      }
      last = &sample;
    }
    const auto vol = history.realized_vol(now);
    if (returns < 20 || last->first - first->first < 7 * day) {
      REQUIRE_FALSE(vol);
    } else {
      REQUIRE_THAT(vol.value(),
                   WithinRel(std::sqrt(squares / static_cast<double>(last->first - first->first) * 365.0 * 86'400'000), 1e-9));
    }
  }
}

TEST_CASE("Samples after now change nothing", "[options][realized_vol]") {
  IndexHistory shorter, longer;
  for (int i = 0; i < 60; ++i) {
    const double index = 100 + i % 7;
    shorter.append(i * 6 * hour, index);
    longer.append(i * 6 * hour, index);
  }
  longer.append(60 * 6 * hour, 1);
  CHECK(shorter.realized_vol(59 * 6 * hour) == longer.realized_vol(59 * 6 * hour));
  CHECK(longer.latest_at(59 * 6 * hour)->value == shorter.latest_at(59 * 6 * hour)->value);
}

TEST_CASE("An index that is no sample yet counts as if it were", "[options][realized_vol]") {
  IndexHistory history;
  CHECK_FALSE(history.realized_vol(0, 100.0, any));
  for (int i = 0; i < 200; ++i) {
    const std::int64_t now = i * 6 * hour;
    const double index = 100 + i * i % 11;
    const auto before = history.realized_vol(now, index);
    history.append(now, index);
    CHECK(before == history.realized_vol(now));
    CHECK(before.has_value() == (i * 6 >= 7 * 24));
    CHECK(history.realized_vol(now, 1.0) == before);  // the sample that is there
    if (i > 0) CHECK(history.realized_vol(now - 1, 1.0) == history.realized_vol(now - 1));
  }
  CHECK_FALSE(history.realized_vol(199 * 6 * hour + 31 * day, 100.0));  // all else has left the window
}

TEST_CASE("The index between samples is linear and tells the gap", "[options][realized_vol]") {
  IndexHistory history;
  CHECK_FALSE(history.index_at(0));
  CHECK_FALSE(history.latest_at(0));
  history.append(10, 100);
  history.append(20, 110);
  history.append(60, 90);
  CHECK_FALSE(history.index_at(9));
  CHECK_FALSE(history.index_at(61));
  CHECK(history.index_at(10)->value == 100);
  CHECK(history.index_at(10)->gap_ms == 0);
  CHECK(history.index_at(60)->value == 90);
  CHECK(history.index_at(15)->value == Approx(105));
  CHECK(history.index_at(15)->gap_ms == 10);
  CHECK(history.index_at(50)->value == Approx(95));
  CHECK(history.index_at(50)->gap_ms == 40);
  CHECK_FALSE(history.latest_at(9));
  CHECK(history.latest_at(50)->value == 110);
  CHECK(history.latest_at(50)->gap_ms == 30);
  CHECK(history.latest_at(1'000)->value == 90);
  CHECK(history.first_ms() == 10);
  CHECK(history.last_ms() == 60);
}

TEST_CASE("Bad samples are refused and leave the history as it was", "[options][realized_vol]") {
  IndexHistory history;
  history.append(10, 100);
  for (const double bad : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    CHECK_THROWS_AS(history.append(20, bad), rlx::ParseError);
  }
  CHECK_THROWS_AS(history.append(10, 100), rlx::ParseError);
  CHECK_THROWS_AS(history.append(9, 100), rlx::ParseError);
  CHECK(history.size() == 1);
  CHECK_NOTHROW(history.append(11, 100));
  CHECK_THROWS_AS(IndexHistory(0), rlx::ConfigError);
}

TEST_CASE("A bounded history forgets and gives the same volatility", "[options][realized_vol]") {
  IndexHistory all, bounded(31 * day);
  rlx::RandomStream random(rlx::StreamId{.seed = 2, .purpose = rlx::Purpose::user});
  for (int i = 0; i < 5'000; ++i) {
    const double index = 100 + random.uniform();
    all.append(i * hour, index);
    bounded.append(i * hour, index);
    REQUIRE(bounded.size() <= 31 * 24 + 1);
    if (i % 97 == 0) REQUIRE(bounded.realized_vol(i * hour) == all.realized_vol(i * hour));
  }
  CHECK(bounded.first_ms() == (5'000 - 1 - 31 * 24) * hour);
}

TEST_CASE("Questions to a history allocate nothing", "[options][realized_vol]") {
  IndexHistory history;
  for (int i = 0; i < 200; ++i) history.append(i * 6 * hour, 100 + i % 3);
  const rlx_test::AllocationCounter counter;
  double sum = 0.0;
  for (int i = 100; i < 200; ++i) sum += *history.realized_vol(i * 6 * hour) + history.index_at(i * 6 * hour - 1)->value;
  CHECK(sum > 0.0);
  CHECK(counter.count() == 0);
}
