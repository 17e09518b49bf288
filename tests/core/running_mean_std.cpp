// SPDX-License-Identifier: MIT
#include <rlx/core/running_mean_std.hpp>

#include "counting_allocator.hpp"
#include "rlx_catch.hpp"

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>
#include <vector>

#include <rlx/core/random.hpp>

using rlx::MatrixView;
using rlx::RunningMeanStd;
using rlx_test::WithinAbs;
using rlx_test::WithinRel;

namespace {

std::vector<double> random_rows(std::size_t rows, std::size_t columns, std::uint64_t seed) {
  rlx::RandomStream random({seed, rlx::Purpose::user, 0, 0});
  std::vector<double> values(rows * columns);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double scale = std::pow(10.0, static_cast<double>(i % columns));
    values[i] = scale * (random.normal() + 3.0);
  }
  return values;
}

void check_equal(const RunningMeanStd& a, const RunningMeanStd& b, double tolerance) {
  CHECK_THAT(a.count(), WithinRel(b.count(), tolerance));
  for (std::size_t c = 0; c < a.columns(); ++c) {
    CHECK_THAT(a.mean()[c], WithinRel(b.mean()[c], tolerance));
    CHECK_THAT(a.variance()[c], WithinRel(b.variance()[c], tolerance));
  }
}

}  // namespace

TEST_CASE("the worked example of the update formula", "[core][running_mean_std]") {
  RunningMeanStd statistics;
  CHECK(statistics.mean()[0] == 0.0);
  CHECK(statistics.variance()[0] == 1.0);
  statistics.update(std::array<double, 3>{4.0, 6.0, 8.0});
  CHECK_THAT(statistics.mean()[0], WithinAbs(5.999800007, 1e-9));
  CHECK_THAT(statistics.variance()[0], WithinAbs(2.667811033, 1e-9));
  CHECK_THAT(statistics.count(), WithinAbs(3.0001, 1e-12));
}

TEST_CASE("concatenated, successive and merged updates agree", "[core][running_mean_std]") {
  constexpr std::size_t columns = 4, rows = 1000;
  const auto data = random_rows(rows, columns, 1);
  const auto part = [&](std::size_t begin, std::size_t count) {
    return MatrixView<const double>(data.data() + begin * columns, count, columns);
  };
  RunningMeanStd whole(columns), successive(columns), merged(columns);
  whole.update(part(0, rows));
  for (std::size_t r = 0; r < rows; r += 8) successive.update(part(r, 8));
  RunningMeanStd first(columns, 0.0), second(columns, 0.0), nothing(columns, 0.0);
  first.update(part(0, 300));
  second.update(part(300, 700));
  merged.merge(first);
  merged.merge(nothing);
  merged.merge(second);
  check_equal(successive, whole, 1e-12);
  check_equal(merged, whole, 1e-12);
}

TEST_CASE("without a starting weight the figures are those of the rows", "[core][running_mean_std]") {
  RunningMeanStd statistics(2, 0.0);
  const std::array<float, 6> rows = {1.0F, 10.0F, 2.0F, 10.0F, 6.0F, 10.0F};
  statistics.update(MatrixView<const float>(rows.data(), 3, 2));
  CHECK_THAT(statistics.mean()[0], WithinRel(3.0, 1e-15));
  CHECK_THAT(statistics.variance()[0], WithinRel(14.0 / 3.0, 1e-15));
  CHECK(statistics.mean()[1] == 10.0);
  CHECK(statistics.variance()[1] == 0.0);
}

TEST_CASE("rows may have a stride", "[core][running_mean_std]") {
  const std::array<double, 6> padded = {1.0, 2.0, 777.0, 3.0, 6.0, 777.0};
  RunningMeanStd statistics(2, 0.0);
  statistics.update(MatrixView<const double>(padded.data(), 2, 2, 3));
  CHECK(statistics.mean()[0] == 2.0);
  CHECK(statistics.mean()[1] == 4.0);
}

TEST_CASE("a large common offset does not spoil the variance", "[core][running_mean_std]") {
  RunningMeanStd statistics(1, 0.0);
  for (int i = 0; i < 1000; ++i) statistics.update(std::array<double, 2>{1e9 - 1.0, 1e9 + 1.0});
  CHECK_THAT(statistics.variance()[0], WithinRel(1.0, 1e-9));
}

TEST_CASE("frozen statistics do not move", "[core][running_mean_std]") {
  RunningMeanStd statistics, other(1, 0.0);
  statistics.update(std::array<double, 2>{1.0, 2.0});
  other.update(std::array<double, 2>{10.0, 20.0});
  const double mean = statistics.mean()[0], variance = statistics.variance()[0], count = statistics.count();
  statistics.freeze();
  CHECK(statistics.frozen());
  statistics.update(std::array<double, 2>{5.0, 6.0});
  statistics.merge(other);
  CHECK(statistics.mean()[0] == mean);
  CHECK(statistics.variance()[0] == variance);
  CHECK(statistics.count() == count);
  statistics.unfreeze();
  statistics.update(std::array<double, 2>{5.0, 6.0});
  CHECK(statistics.count() == count + 2.0);
}

TEST_CASE("normalize scales, clips and stays finite for a constant column", "[core][running_mean_std]") {
  RunningMeanStd statistics(3);
  statistics.set(std::array<double, 3>{1.0, 5.0, 0.0}, std::array<double, 3>{4.0, 0.0, 1.0}, 100.0);
  const std::array<double, 3> row = {4.0, 5.0, -50.0};
  std::array<double, 3> out{};
  statistics.normalize(row, out, 10.0);
  CHECK_THAT(out[0], WithinRel(3.0 / std::sqrt(4.0 + 1e-8), 1e-15));
  CHECK(out[1] == 0.0);
  CHECK(out[2] == -10.0);

  std::array<float, 3> in_place = {1e30F, 5.001F, 3.0F};  // a constant column that moved: 0.001 / 1e-4, clipped
  statistics.normalize(in_place, in_place, 10.0);
  CHECK(in_place[0] == 10.0F);
  CHECK(rlx::is_finite(in_place[1]));
  CHECK_THAT(in_place[1], WithinAbs(10.0F, 0.01F));
  CHECK_THAT(in_place[2], WithinRel(3.0F, 1e-6F));
  CHECK_THROWS_AS(statistics.normalize(std::span<const double>(row).first(2), out, 10.0), rlx::ShapeError);
}

TEST_CASE("a number that is not finite is refused and changes nothing", "[core][running_mean_std]") {
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), -std::numeric_limits<double>::infinity()}) {
    RunningMeanStd statistics(2);
    const std::array<double, 4> rows = {1.0, 2.0, 3.0, bad};
    try {
      statistics.update(MatrixView<const double>(rows.data(), 2, 2));
      FAIL("expected NumericError");
    } catch (const rlx::NumericError& error) {
      CHECK(error.tensor() == "column 1");
    }
    CHECK(statistics.mean()[0] == 0.0);
    CHECK(statistics.count() == 1e-4);
  }
}

TEST_CASE("updates, merges and scaling allocate nothing", "[core][running_mean_std]") {
  const auto data = random_rows(64, 5, 3);
  RunningMeanStd statistics(5), shard(5, 0.0);
  std::array<double, 5> out{};
  const rlx_test::AllocationCounter counter;
  shard.update(MatrixView<const double>(data.data(), 64, 5));
  statistics.merge(shard);
  statistics.normalize(std::span<const double>(data).first(5), out, 10.0);
  const auto allocations = counter.count();
  CHECK(allocations == 0);
}

TEST_CASE("sizes and settings are checked", "[core][running_mean_std]") {
  CHECK_THROWS_AS(RunningMeanStd(0), rlx::ConfigError);
  CHECK_THROWS_AS(RunningMeanStd(1, -1.0), rlx::ConfigError);
  RunningMeanStd two(2);
  CHECK_THROWS_AS(two.update(std::array<double, 2>{1.0, 2.0}), rlx::ShapeError);
  CHECK_THROWS_AS(two.merge(RunningMeanStd(3)), rlx::ShapeError);
  CHECK_THROWS_AS(two.set(std::array<double, 2>{0.0, 0.0}, std::array<double, 2>{1.0, -1.0}, 1.0), rlx::NumericError);
  two.update(MatrixView<const float>(nullptr, 0, 2));  // no row: no change
  CHECK(two.count() == 1e-4);
}

TEST_CASE("the state survives a round trip and damage is refused", "[core][running_mean_std]") {
  RunningMeanStd statistics(3);
  const auto data = random_rows(10, 3, 2);
  statistics.update(MatrixView<const double>(data.data(), 10, 3));
  statistics.freeze();
  std::vector<std::byte> bytes;
  rlx::StateWriter out(bytes);
  statistics.save_state(out);

  RunningMeanStd loaded(3);
  rlx::StateReader in(bytes);
  loaded.load_state(in);
  in.expect_end();
  CHECK(loaded.frozen());
  CHECK(loaded.count() == statistics.count());
  for (std::size_t c = 0; c < 3; ++c) {
    CHECK(loaded.mean()[c] == statistics.mean()[c]);
    CHECK(loaded.variance()[c] == statistics.variance()[c]);
  }

  RunningMeanStd narrow(2);
  rlx::StateReader foreign(bytes);
  CHECK_THROWS_AS(narrow.load_state(foreign), rlx::CheckpointError);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    RunningMeanStd target(3);
    rlx::StateReader cut(std::span<const std::byte>(bytes).first(size));
    CHECK_THROWS_AS(target.load_state(cut), rlx::CheckpointError);
    CHECK(target.count() == 1e-4);
  }
  const double nan = std::numeric_limits<double>::quiet_NaN();
  std::memcpy(bytes.data() + 8, &nan, sizeof nan);
  RunningMeanStd target(3);
  rlx::StateReader damaged(bytes);
  CHECK_THROWS_AS(target.load_state(damaged), rlx::CheckpointError);
}
