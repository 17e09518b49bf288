// SPDX-License-Identifier: MIT
#include <rlx/nn/detail/gemm.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

#include <rlx/core/random.hpp>

#include "rlx_catch.hpp"

namespace {

namespace detail = rlx::nn::detail;

/// A row-major matrix with a gap of canaries after each row.
struct Padded {
  std::size_t rows, cols, stride;
  std::vector<double> data;
  Padded(std::size_t r, std::size_t c, std::size_t gap, rlx::RandomStream& random)
      : rows(r), cols(c), stride(c + gap), data(r * stride, 1e9) {
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j < cols; ++j) data[i * stride + j] = random.uniform(-1.0, 1.0);
    }
  }
  double operator()(std::size_t i, std::size_t j) const { return data[i * stride + j]; }
  bool gaps_untouched() const {
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = cols; j < stride; ++j) {
        if (data[i * stride + j] != 1e9) return false;
      }
    }
    return true;
  }
};

/// Largest difference from the schoolbook product for one size.
template <class A, class B>
double worst_error(const Padded& c, const Padded& before, std::size_t depth, bool accumulate, A&& a, B&& b) {
  double worst = 0;
  for (std::size_t i = 0; i < c.rows; ++i) {
    for (std::size_t j = 0; j < c.cols; ++j) {
      double sum = accumulate ? before(i, j) : 0.0;
      for (std::size_t t = 0; t < depth; ++t) sum += a(i, t) * b(t, j);
      worst = std::max(worst, std::abs(sum - c(i, j)));
    }
  }
  return worst;
}

}  // namespace

TEST_CASE("the three products equal the schoolbook's for every kind of edge, stride and accumulation") {
  rlx::RandomStream random({.seed = 1, .purpose = rlx::Purpose::user});
  const std::vector<std::size_t> rows{1, 2, 3, 4, 5, 8, 9, 16, 17, 33};
  const std::vector<std::size_t> widths{1, 2, 3, 4, 7, 8, 15, 16, 17, 36, 64, 130};
  const std::vector<std::size_t> depths{0, 1, 5, 16, 64, 128, 129, 300};
  double worst = 0;
  bool gaps = true;
  std::size_t turn = 0;
  for (const std::size_t m : rows) {
    for (const std::size_t n : widths) {
      for (const std::size_t k : depths) {
        const std::size_t gap = turn % 3;
        const bool accumulate = turn % 2 == 1;
        ++turn;
        const Padded before(m, n, gap, random);
        {
          const Padded a(m, k, gap, random);
          const Padded b(k, n, gap, random);
          Padded c = before;
          detail::product_ab<double>(m, n, k, a.data.data(), a.stride, b.data.data(), b.stride, c.data.data(), c.stride,
                                     accumulate);
          worst = std::max(worst, worst_error(
                                      c, before, k, accumulate, [&](auto i, auto t) { return a(i, t); },
                                      [&](auto t, auto j) { return b(t, j); }));
          gaps = gaps && c.gaps_untouched();
        }
        {
          const Padded a(k, m, gap, random);
          const Padded b(k, n, gap, random);
          Padded c = before;
          detail::product_atb<double>(m, n, k, a.data.data(), a.stride, b.data.data(), b.stride, c.data.data(), c.stride,
                                      accumulate);
          worst = std::max(worst, worst_error(
                                      c, before, k, accumulate, [&](auto i, auto t) { return a(t, i); },
                                      [&](auto t, auto j) { return b(t, j); }));
          gaps = gaps && c.gaps_untouched();
        }
        {
          const Padded a(m, k, gap, random);
          const Padded b(n, k, gap, random);
          Padded c = before;
          detail::product_abt<double>(m, n, k, a.data.data(), a.stride, b.data.data(), b.stride, c.data.data(), c.stride,
                                      accumulate);
          worst = std::max(worst, worst_error(
                                      c, before, k, accumulate, [&](auto i, auto t) { return a(i, t); },
                                      [&](auto t, auto j) { return b(j, t); }));
          gaps = gaps && c.gaps_untouched();
        }
      }
    }
  }
  REQUIRE(worst <= 1e-12);
  REQUIRE(gaps);
}

TEST_CASE("bias and relu belong to the product's end, also when the depth takes several blocks") {
  rlx::RandomStream random({.seed = 2, .purpose = rlx::Purpose::user});
  const Padded a(5, 300, 0, random);
  const Padded b(300, 19, 0, random);
  const Padded bias(1, 19, 0, random);
  Padded c(5, 19, 0, random);
  detail::product_ab<double>(5, 19, 300, a.data.data(), 300, b.data.data(), 19, c.data.data(), 19, false, bias.data.data(),
                             detail::Epilogue::relu);
  bool some_cut = false;
  for (std::size_t i = 0; i < 5; ++i) {
    for (std::size_t j = 0; j < 19; ++j) {
      double sum = bias(0, j);
      for (std::size_t t = 0; t < 300; ++t) sum += a(i, t) * b(t, j);
      REQUIRE_THAT(c(i, j), rlx_test::WithinAbs(std::max(sum, 0.0), 1e-12));
      some_cut = some_cut || sum < 0;
    }
  }
  REQUIRE(some_cut);
}

#ifndef RLX_WITH_BLAS  // a BLAS may choose another kernel for another number of rows
TEST_CASE("a row of the product has the same bits whatever rows stand beside it") {
  rlx::RandomStream random({.seed = 3, .purpose = rlx::Purpose::user});
  constexpr std::size_t m = 37;
  constexpr std::size_t n = 70;
  constexpr std::size_t k = 200;
  std::vector<float> a(m * k);
  std::vector<float> b(k * n);
  for (float& x : a) x = static_cast<float>(random.normal());
  for (float& x : b) x = static_cast<float>(random.normal());
  std::vector<float> all(m * n);
  detail::product_ab<float>(m, n, k, a.data(), k, b.data(), n, all.data(), n);
  for (std::size_t count = 1; count <= m; ++count) {
    std::vector<float> part(count * n);
    detail::product_ab<float>(count, n, k, a.data() + (m - count) * k, k, b.data(), n, part.data(), n);
    REQUIRE(std::equal(part.begin(), part.end(), all.end() - static_cast<std::ptrdiff_t>(count * n)));
  }
}
#endif
