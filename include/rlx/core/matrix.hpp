// SPDX-License-Identifier: MIT
/// @file
/// @brief A non-owning row-major matrix: the shape in which rows travel between environment, network and learner.
#ifndef RLX_CORE_MATRIX_HPP
#define RLX_CORE_MATRIX_HPP

#include <cstddef>
#include <span>
#include <type_traits>

#include <rlx/core/error.hpp>

namespace rlx::inline v0_1 {

/// Row-major view of `rows` x `cols` numbers; row r starts at `data + r * stride`. Copies are views of the same numbers.
template <class S>
class MatrixView {
 public:
  MatrixView() = default;
  /// Rows that follow one another without a space. `data` is not owned: rows * cols elements, row by row.
  MatrixView(S* data, std::size_t rows, std::size_t cols) : MatrixView(data, rows, cols, cols) {}
  /// Rows that start `stride` elements apart, at least `cols`. `data` is not owned.
  MatrixView(S* data, std::size_t rows, std::size_t cols, std::size_t stride)
      : data_(data), rows_(rows), cols_(cols), stride_(stride) {}

  /// A view of mutable numbers is also a view of constant ones.
  template <class T>
  requires(std::is_same_v<const T, S> && !std::is_const_v<T>) MatrixView(MatrixView<T> other)
      : MatrixView(other.data(), other.rows(), other.cols(), other.stride()) {}

  S* data() const noexcept { return data_; }           ///< the first element; null for a default view
  std::size_t rows() const noexcept { return rows_; }  ///< 0 for a default view
  std::size_t cols() const noexcept { return cols_; }  ///< elements of a row
  /// Distance between the starts of two successive rows, in elements.
  std::size_t stride() const noexcept { return stride_; }
  bool empty() const noexcept { return rows_ == 0 || cols_ == 0; }  ///< true without rows or without columns

  /// One element. @pre row < rows() and col < cols()
  S& operator()(std::size_t row, std::size_t col) const {
    RLX_ASSERT(row < rows_ && col < cols_);
    return data_[row * stride_ + col];
  }
  /// The elements of one row. @pre r < rows()
  std::span<S> row(std::size_t r) const {
    RLX_ASSERT(r < rows_);
    return {data_ + r * stride_, cols_};
  }
  /// Rows [begin, begin + count).
  MatrixView rows_range(std::size_t begin, std::size_t count) const {
    RLX_ASSERT(begin + count <= rows_);
    return {data_ + begin * stride_, count, cols_, stride_};
  }

 private:
  S* data_ = nullptr;
  std::size_t rows_ = 0;
  std::size_t cols_ = 0;
  std::size_t stride_ = 0;
};

}  // namespace rlx::inline v0_1

#endif  // RLX_CORE_MATRIX_HPP
