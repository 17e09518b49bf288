// SPDX-License-Identifier: MIT
#include <rlx/core/detail/xtensor.hpp>

#include "rlx_catch.hpp"

#include <cstddef>
#include <vector>

TEST_CASE("the shim brings containers, adaptors, views and sums of either xtensor layout", "[core][xtensor]") {
  xt::xtensor<float, 3> tape = xt::zeros<float>({2, 3, 4});
  tape(1, 2, 3) = 5.0F;
  CHECK(tape.data()[(1 * 3 + 2) * 4 + 3] == 5.0F);  // row-major
  CHECK(xt::sum(xt::view(tape, 1, xt::all(), 3))() == 5.0F);

  std::vector<double> column = {1.0, 2.0, 3.0, 4.0};
  const std::vector<std::size_t> shape = {2, 2};
  auto adapted = xt::adapt(column, shape);
  adapted(1, 0) = 30.0;
  CHECK(column[2] == 30.0);
}
