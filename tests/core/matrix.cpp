// SPDX-License-Identifier: MIT
#include <rlx/core/matrix.hpp>

#include "rlx_catch.hpp"

#include <array>
#include <stdexcept>
#include <type_traits>

static_assert(std::is_convertible_v<rlx::MatrixView<float>, rlx::MatrixView<const float>>);
static_assert(!std::is_convertible_v<rlx::MatrixView<const float>, rlx::MatrixView<float>>);
static_assert(!std::is_convertible_v<rlx::MatrixView<float>, rlx::MatrixView<const double>>);

TEST_CASE("a matrix view reads and writes the caller's rows", "[core][matrix]") {
  std::array<float, 8> data = {0, 1, 2, -1, 10, 11, 12, -1};  // two rows of three, one unused column
  rlx::MatrixView<float> view(data.data(), 2, 3, 4);
  CHECK(view.rows() == 2);
  CHECK(view.cols() == 3);
  CHECK(view.stride() == 4);
  CHECK_FALSE(view.empty());
  CHECK(view(1, 2) == 12.0F);
  view(1, 0) = 20.0F;
  CHECK(data[4] == 20.0F);
  CHECK(view.row(1).size() == 3);
  CHECK(view.row(1)[1] == 11.0F);
  CHECK(view.row(1).data() == data.data() + 4);

  const rlx::MatrixView<const float> constant = view;
  CHECK(constant.data() == data.data());
  CHECK(constant.stride() == 4);

  const auto last = view.rows_range(1, 1);
  CHECK(last.rows() == 1);
  CHECK(last(0, 1) == 11.0F);
  CHECK(view.rows_range(2, 0).empty());
}

TEST_CASE("a dense matrix view and an empty one", "[core][matrix]") {
  std::array<int, 6> data = {1, 2, 3, 4, 5, 6};
  CHECK(rlx::MatrixView<int>(data.data(), 3, 2)(2, 1) == 6);
  CHECK(rlx::MatrixView<int>().empty());
  CHECK(rlx::MatrixView<int>(data.data(), 3, 0).empty());
}

#ifndef NDEBUG
TEST_CASE("access outside a matrix view is caught while assertions are on", "[core][matrix]") {
  std::array<int, 6> data{};
  const rlx::MatrixView<int> view(data.data(), 3, 2);
  CHECK_THROWS_AS(view(3, 0), std::logic_error);
  CHECK_THROWS_AS(view(0, 2), std::logic_error);
  CHECK_THROWS_AS(view.row(3), std::logic_error);
  CHECK_THROWS_AS(view.rows_range(2, 2), std::logic_error);
}
#endif
