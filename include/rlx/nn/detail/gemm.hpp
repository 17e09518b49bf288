// SPDX-License-Identifier: MIT
/// @file
/// @brief The three matrix products of the networks: A B, A^T B and A B^T, row-major, on one thread, without allocation.
///
/// A register tile of `tile_rows` x (`tile_vectors` vectors) walks down a panel of B. The panel is copied to the stack when
/// more than two tiles use it; narrow products read B in place. Every element of the result is one chain of multiply-adds in
/// ascending k, whatever the number of rows, so a row's result does not depend on the rows computed with it.
///
/// With RLX_WITH_BLAS (the CMake option of that name) the products go to `cblas_sgemm` and `cblas_dgemm`. Results then repeat
/// only with a sequential BLAS, and a row's bits may depend on the rows beside it.
#ifndef RLX_NN_DETAIL_GEMM_HPP
#define RLX_NN_DETAIL_GEMM_HPP

#include <algorithm>
#include <cstddef>
#include <string>

#ifdef RLX_WITH_BLAS
#  include <cblas.h>
#endif

#include <rlx/nn/detail/simd.hpp>

namespace rlx::inline v0_1::nn {

/// What computes the matrix products, for the record of a run: "rlx", or "blas" (OpenBLAS adds build and threads).
/// @note allocates
inline std::string backend_name() {
#if defined(RLX_WITH_BLAS) && defined(OPENBLAS_VERSION)
  return "blas: " + std::string(openblas_get_config()) + ", threads " + std::to_string(openblas_get_num_threads());
#elif defined(RLX_WITH_BLAS)
  return "blas";
#else
  return "rlx";
#endif
}

}  // namespace rlx::inline v0_1::nn

namespace rlx::inline v0_1::nn::detail {

/// What happens to a result element after its sum is complete.
enum class Epilogue { none, relu };

#ifdef RLX_WITH_BLAS

inline void cblas_gemm(CBLAS_TRANSPOSE a_form, CBLAS_TRANSPOSE b_form, int m, int n, int k, const float* a, int a_stride,
                       const float* b, int b_stride, float beta, float* c, int c_stride) {
  cblas_sgemm(CblasRowMajor, a_form, b_form, m, n, k, 1.0F, a, a_stride, b, b_stride, beta, c, c_stride);
}
inline void cblas_gemm(CBLAS_TRANSPOSE a_form, CBLAS_TRANSPOSE b_form, int m, int n, int k, const double* a, int a_stride,
                       const double* b, int b_stride, double beta, double* c, int c_stride) {
  cblas_dgemm(CblasRowMajor, a_form, b_form, m, n, k, 1.0, a, a_stride, b, b_stride, beta, c, c_stride);
}

template <class S, bool TransposedA, bool TransposedB>
void multiply(std::size_t m, std::size_t n, std::size_t k, const S* a, std::size_t a_stride, const S* b, std::size_t b_stride,
              S* c, std::size_t c_stride, bool accumulate, const S* bias, Epilogue epilogue) {
  if (m == 0 || n == 0) return;
  const bool biased = bias != nullptr && !accumulate;
  for (std::size_t i = 0; biased && i < m; ++i) std::copy_n(bias, n, c + i * c_stride);
  // BLAS wants a row to fit into its stride, also where there is one row and the stride means nothing.
  const auto stride = [](std::size_t given, std::size_t columns) {
    return static_cast<int>(std::max({given, columns, std::size_t{1}}));
  };
  cblas_gemm(TransposedA ? CblasTrans : CblasNoTrans, TransposedB ? CblasTrans : CblasNoTrans, static_cast<int>(m),
             static_cast<int>(n), static_cast<int>(k), a, stride(a_stride, TransposedA ? m : k), b,
             stride(b_stride, TransposedB ? k : n), accumulate || biased ? S{1} : S{0}, c, stride(c_stride, n));
  if (epilogue != Epilogue::relu) return;
  for (std::size_t i = 0; i < m; ++i) {
    S* const row = c + i * c_stride;
    std::size_t j = 0;
    for (; j + lanes<S> <= n; j += lanes<S>) store<S>(row + j, rectify<S>(load<S>(row + j)));
    if (j < n) store_partial<S>(row + j, rectify<S>(load_partial<S>(row + j, n - j)), n - j);
  }
}

#else

inline constexpr std::size_t tile_rows = vector_bytes == 64 ? 8 : 4;
inline constexpr std::size_t tile_vectors = 3;
inline constexpr std::size_t depth_block = 128;  ///< a panel of B then fills at most half of a 48 KiB first-level cache

/// One register tile: `c` = start + A-rows times the panel. Row i of A at depth t is a[i * row_step + t * depth_step].
template <class S>
struct TileInput {
  const S* a;
  std::size_t row_step, depth_step, depth;
  const S* b;
  std::size_t b_stride;
  S* c;
  std::size_t c_stride, columns;
  const S* bias;    ///< added when the sum starts; nullptr: 0
  bool accumulate;  ///< start from c instead
  bool relu;
};

template <class S, std::size_t Rows, std::size_t Vectors, bool TransposedA>
[[gnu::noinline]] void multiply_tile(const TileInput<S>& in) {
  constexpr std::size_t width = lanes<S>;
  const std::size_t tail = in.columns - (Vectors - 1) * width;  // lanes of the last vector that exist, 1..width
  Vec<S> sum[Rows][Vectors];
  if (in.accumulate) {
    RLX_NN_UNROLL
    for (std::size_t i = 0; i < Rows; ++i) {
      const S* row = in.c + i * in.c_stride;
      RLX_NN_UNROLL
      for (std::size_t v = 0; v + 1 < Vectors; ++v) sum[i][v] = load<S>(row + v * width);
      const S* last = row + (Vectors - 1) * width;
      sum[i][Vectors - 1] = tail == width ? load<S>(last) : load_partial<S>(last, tail);
    }
  } else {
    RLX_NN_UNROLL
    for (std::size_t v = 0; v < Vectors; ++v) {
      Vec<S> start{};
      if (in.bias != nullptr) {
        const S* p = in.bias + v * width;
        start = v + 1 < Vectors || tail == width ? load<S>(p) : load_partial<S>(p, tail);
      }
      RLX_NN_UNROLL
      for (std::size_t i = 0; i < Rows; ++i) sum[i][v] = start;
    }
  }

  const S* a = in.a;
  const S* b = in.b;
  const std::size_t row_step = TransposedA ? 1 : in.row_step;
  const std::size_t depth_step = TransposedA ? in.depth_step : 1;
  for (std::size_t t = 0; t < in.depth; ++t) {
    Vec<S> panel[Vectors];
    RLX_NN_UNROLL
    for (std::size_t v = 0; v < Vectors; ++v) panel[v] = load<S>(b + v * width);
    RLX_NN_UNROLL
    for (std::size_t i = 0; i < Rows; ++i) {
      const Vec<S> factor = broadcast<S>(a[i * row_step]);
      RLX_NN_UNROLL
      for (std::size_t v = 0; v < Vectors; ++v) sum[i][v] += factor * panel[v];
    }
    a += depth_step;
    b += in.b_stride;
  }

  RLX_NN_UNROLL
  for (std::size_t i = 0; i < Rows; ++i) {
    S* row = in.c + i * in.c_stride;
    RLX_NN_UNROLL
    for (std::size_t v = 0; v < Vectors; ++v) {
      Vec<S> value = sum[i][v];
      if (in.relu) value = rectify<S>(value);
      if (v + 1 < Vectors || tail == width) {
        store<S>(row + v * width, value);
      } else {
        store_partial<S>(row + v * width, value, tail);
      }
    }
  }
}

template <class S, std::size_t Vectors, bool TransposedA>
void multiply_panel(TileInput<S> in, std::size_t m) {
  const std::size_t row_step = TransposedA ? 1 : in.row_step;
  const auto advance = [&](std::size_t rows) {
    in.a += rows * row_step;
    in.c += rows * in.c_stride;
    m -= rows;
  };
  if constexpr (Vectors <= tile_vectors) {
    while (m >= tile_rows) {
      multiply_tile<S, tile_rows, Vectors, TransposedA>(in);
      advance(tile_rows);
    }
    if constexpr (tile_rows > 4) {
      if (m >= 4) {
        multiply_tile<S, 4, Vectors, TransposedA>(in);
        advance(4);
      }
    }
  }
  while (m > 0) {
    multiply_tile<S, 1, Vectors, TransposedA>(in);
    advance(1);
  }
}

/// At least the first `count` lanes; the others hold what stands in memory before `end`, or zeros. They cost nothing where a
/// whole vector may be read, and nobody reads them: lanes behind a panel's columns and depth never reach a result.
template <class S>
RLX_NN_INLINE Vec<S> load_at_least(const S* p, std::size_t count, const S* end) {
  if (static_cast<std::size_t>(end - p) >= lanes<S>) [[likely]]
    return load<S>(p);
  return load_partial<S>(p, count);
}

/// Copies `depth` rows of `columns` numbers into rows of `vectors` vectors; see `load_at_least` for the rest of a row.
template <class S>
void pack_rows(const S* b, std::size_t stride, std::size_t depth, std::size_t columns, std::size_t vectors, S* panel) {
  const std::size_t width = vectors * lanes<S>;
  const S* const end = depth == 0 ? b : b + (depth - 1) * stride + columns;
  for (std::size_t t = 0; t < depth; ++t, b += stride, panel += width) {
    std::size_t j = 0;
    for (; j + lanes<S> <= columns; j += lanes<S>) store<S>(panel + j, load<S>(b + j));
    if (j < columns) store<S>(panel + j, load_at_least<S>(b + j, columns - j, end));
  }
}

/// The same from a matrix that holds the panel's columns as rows: panel(t, j) = b[j * stride + t].
template <class S>
void pack_columns(const S* b, std::size_t stride, std::size_t depth, std::size_t columns, std::size_t vectors, S* panel) {
  constexpr std::size_t width = lanes<S>;
  const std::size_t panel_stride = vectors * width;
  const S* const end = b + (columns - 1) * stride + depth;
  for (std::size_t v = 0; v < vectors; ++v) {
    const std::size_t present = std::min(width, columns - v * width);
    const S* from = b + v * width * stride;
    for (std::size_t t = 0; t < depth; t += width) {
      const std::size_t count = std::min(width, depth - t);
      Vec<S> square[width];
      if (present == width && count == width) {
        RLX_NN_UNROLL
        for (std::size_t j = 0; j < width; ++j) square[j] = load<S>(from + j * stride + t);
      } else {
        for (std::size_t j = 0; j < width; ++j) {
          square[j] = j < present ? load_at_least<S>(from + j * stride + t, count, end) : Vec<S>{};
        }
      }
      transpose<S>(square);
      if (count == width) {
        RLX_NN_UNROLL
        for (std::size_t i = 0; i < width; ++i) store<S>(panel + (t + i) * panel_stride + v * width, square[i]);
      } else {
        for (std::size_t i = 0; i < count; ++i) store<S>(panel + (t + i) * panel_stride + v * width, square[i]);
      }
    }
  }
}

/// The columns at the right edge of `b` that do not fill a vector. Its rows are read in place, a whole vector each, as long as
/// that stays within the `available` numbers from `b` on. The others, less than a vector together, are copied to `spare`, room
/// for two vectors.
template <class S, bool TransposedA>
void multiply_rest(TileInput<S> in, std::size_t m, const S* b, std::size_t b_stride, std::size_t available, S* spare) {
  const std::size_t depth = in.depth;
  const bool relu = in.relu;
  const std::size_t direct = available < lanes<S> ? 0 : std::min(depth, (available - lanes<S>) / b_stride + 1);
  in.b_stride = b_stride;
  if (direct > 0) {
    in.b = b;
    in.depth = direct;
    in.relu = relu && direct == depth;
    multiply_panel<S, 1, TransposedA>(in, m);
    if (direct == depth) return;
    in.a += direct * (TransposedA ? in.depth_step : 1);
    in.accumulate = true;
  }
  std::fill_n(spare, 2 * lanes<S>, S(0));
  std::copy_n(b + direct * b_stride, available - direct * b_stride, spare);
  in.b = spare;
  in.depth = depth - direct;
  in.relu = relu;
  multiply_panel<S, 1, TransposedA>(in, m);
}

/// Vectors of the next panel: 3, but 2 + 2 rather than 3 + 1; a single row takes 8 or 4, to keep as many sums in flight.
inline std::size_t panel_vectors(std::size_t remaining, bool single_row) {
  if (single_row && remaining > tile_vectors) return remaining >= 8 ? 8 : 4;
  return remaining == tile_vectors + 1 ? tile_vectors - 1 : std::min(remaining, tile_vectors);
}

template <class S, bool TransposedA, bool TransposedB>
void multiply(std::size_t m, std::size_t n, std::size_t k, const S* a, std::size_t a_stride, const S* b, std::size_t b_stride,
              S* c, std::size_t c_stride, bool accumulate, const S* bias, Epilogue epilogue) {
  alignas(64) S panel[depth_block * tile_vectors * lanes<S>];
  if (m == 0 || n == 0) return;
  const bool in_place = !TransposedB && m <= 2 * tile_rows;
  const bool single_row = in_place && !TransposedA && m == 1;
  std::size_t t = 0;
  do {
    const std::size_t depth = std::min(depth_block, k - t);
    const bool last = t + depth == k;
    for (std::size_t j = 0; j < n;) {
      const std::size_t whole = (n - j) / lanes<S>;
      // In place, the columns that do not fill a vector are a panel of their own.
      const std::size_t left = in_place && whole > 0 ? whole : (n - j + lanes<S> - 1) / lanes<S>;
      const std::size_t vectors = panel_vectors(left, single_row);
      const std::size_t columns = std::min(vectors * lanes<S>, n - j);
      TileInput<S> in{.a = TransposedA ? a + t * a_stride : a + t,
                      .row_step = a_stride,
                      .depth_step = a_stride,
                      .depth = depth,
                      .b = panel,
                      .b_stride = vectors * lanes<S>,
                      .c = c + j,
                      .c_stride = c_stride,
                      .columns = columns,
                      .bias = bias == nullptr ? nullptr : bias + j,
                      .accumulate = accumulate || t > 0,
                      .relu = last && epilogue == Epilogue::relu};
      if constexpr (TransposedB) {
        pack_columns<S>(b + j * b_stride + t, b_stride, depth, columns, vectors, panel);
      } else if (in_place && columns == vectors * lanes<S>) {
        in.b = b + t * b_stride + j;
        in.b_stride = b_stride;
      } else if (in_place) {
        multiply_rest<S, TransposedA>(in, m, b + t * b_stride + j, b_stride, k == 0 ? 0 : (k - 1 - t) * b_stride + columns,
                                      panel);
        break;
      } else {
        pack_rows<S>(b + t * b_stride + j, b_stride, depth, columns, vectors, panel);
      }
      switch (vectors) {
        case 1:
          multiply_panel<S, 1, TransposedA>(in, m);
          break;
        case 2:
          multiply_panel<S, 2, TransposedA>(in, m);
          break;
        case 3:
          multiply_panel<S, 3, TransposedA>(in, m);
          break;
        default:  // a single row
          if (vectors == 4) {
            multiply_panel<S, 4, TransposedA>(in, 1);
          } else {
            multiply_panel<S, 8, TransposedA>(in, 1);
          }
      }
      j += columns;
    }
    t += depth;
  } while (t < k);
}

#endif  // RLX_WITH_BLAS

/**
 * @brief C [m,n] = A [m,k] B [k,n] (+ bias on every row), then the epilogue; with `accumulate` C += A B.
 * Strides are distances between rows in elements. C may not overlap A or B.
 */
template <class S>
void product_ab(std::size_t m, std::size_t n, std::size_t k, const S* a, std::size_t a_stride, const S* b, std::size_t b_stride,
                S* c, std::size_t c_stride, bool accumulate = false, const S* bias = nullptr,
                Epilogue epilogue = Epilogue::none) {
  multiply<S, false, false>(m, n, k, a, a_stride, b, b_stride, c, c_stride, accumulate, bias, epilogue);
}

/// C [m,n] = A^T B with A [k,m], B [k,n]; with `accumulate` C += A^T B.
template <class S>
void product_atb(std::size_t m, std::size_t n, std::size_t k, const S* a, std::size_t a_stride, const S* b,
                 std::size_t b_stride, S* c, std::size_t c_stride, bool accumulate) {
  multiply<S, true, false>(m, n, k, a, a_stride, b, b_stride, c, c_stride, accumulate, static_cast<const S*>(nullptr),
                           Epilogue::none);
}

/// C [m,n] = A B^T with A [m,k], B [n,k]; with `accumulate` C += A B^T.
template <class S>
void product_abt(std::size_t m, std::size_t n, std::size_t k, const S* a, std::size_t a_stride, const S* b,
                 std::size_t b_stride, S* c, std::size_t c_stride, bool accumulate) {
  multiply<S, false, true>(m, n, k, a, a_stride, b, b_stride, c, c_stride, accumulate, static_cast<const S*>(nullptr),
                           Epilogue::none);
}

}  // namespace rlx::inline v0_1::nn::detail

#endif  // RLX_NN_DETAIL_GEMM_HPP
