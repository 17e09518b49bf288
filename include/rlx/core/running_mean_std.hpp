// SPDX-License-Identifier: MIT
/// @file
/// @brief Running mean and variance of rows, per column.
#ifndef RLX_CORE_RUNNING_MEAN_STD_HPP
#define RLX_CORE_RUNNING_MEAN_STD_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/core/state.hpp>

namespace rlx::inline v0_1 {

/**
 * @brief Mean and (biased) variance of every column of all rows seen so far, in double.
 *
 * Starts at mean 0, variance 1 with a small weight, as Stable-Baselines3 does. Updating with one large batch, with its parts
 * in turn, or merging accumulators of the parts gives the same figures up to rounding; the order of the calls is the only
 * thing that decides the bits. Not safe for two threads on one object; `update` and `merge` allocate nothing.
 *
 * @par Source  Chan, Golub & LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample variances"
 *
 * Called RunningMeanStd. @tparam Number  double; a parameter so that a program compiles only what it uses
 */
template <class Number>
class BasicRunningMeanStd {
 public:
  /**
   * @param columns        numbers per row, at least 1
   * @param initial_count  weight of the starting mean 0 and variance 1; 0 for an accumulator that will be merged into another
   * @throws ConfigError   for 0 columns, or a weight that is negative or not finite
   */
  explicit BasicRunningMeanStd(std::size_t columns = 1, double initial_count = 1e-4)
      : mean_(columns, 0.0), variance_(columns, 1.0), batch_mean_(columns), batch_variance_(columns), count_(initial_count) {
    if (columns == 0) throw ConfigError("RunningMeanStd: columns = 0, expected at least 1");
    if (!is_finite(initial_count) || initial_count < 0.0)
      throw ConfigError("RunningMeanStd: initial_count = " + std::to_string(initial_count) + ", expected a finite number >= 0");
  }

  std::size_t columns() const noexcept { return mean_.size(); }    ///< numbers per row
  std::span<const double> mean() const noexcept { return mean_; }  ///< one per column; 0 before the first row
  /// Biased variance (divided by the count).
  std::span<const double> variance() const noexcept { return variance_; }
  /// Weight so far: the initial one plus one per row.
  double count() const noexcept { return count_; }

  /// From now on `update` and `merge` change nothing; for evaluation and live use.
  void freeze() noexcept { frozen_ = true; }
  /// `update` and `merge` work again.
  void unfreeze() noexcept { frozen_ = false; }
  bool frozen() const noexcept { return frozen_; }  ///< true from `freeze` to `unfreeze`

  /**
   * @brief Adds rows; none is allowed.
   * @param rows  shape [n, columns()]
   * @throws ShapeError if the width differs, NumericError naming the column if a number is not finite (nothing changes then)
   */
  void update(MatrixView<const float> rows) { add_rows(rows); }
  /// @copydoc update(MatrixView<const float>)
  void update(MatrixView<const double> rows) { add_rows(rows); }

  /// Adds numbers, for one column. @throws ShapeError if there are several columns, NumericError as above
  void update(std::span<const float> values) { add_rows(MatrixView<const float>(values.data(), values.size(), 1)); }
  /// @copydoc update(std::span<const float>)
  void update(std::span<const double> values) { add_rows(MatrixView<const double>(values.data(), values.size(), 1)); }

  /**
   * @brief Adds everything another accumulator has seen, its starting weight included.
   * @param other  usually made with initial_count 0
   * @throws ShapeError if the widths differ, NumericError if its figures are not finite
   */
  void merge(const BasicRunningMeanStd& other) {
    if (other.columns() != columns()) wrong_width("merge", other.columns());
    if (frozen_ || !(other.count_ > 0.0)) return;
    combine(other.mean_, other.variance_, other.count_);
  }

  /**
   * @brief `out[c] = clip((row[c] - mean[c]) / sqrt(variance[c] + 1e-8), -clip, clip)`: the one formula of training and live.
   * @param row       columns() numbers
   * @param[out] out  columns() numbers; may be the memory of `row`
   * @param clip      limit of the result's size, above 0; infinity for none
   * @throws ShapeError if a size differs
   */
  void normalize(std::span<const float> row, std::span<float> out, double clip) const { scale_row(row, out, clip); }
  /// @copydoc normalize(std::span<const float>, std::span<float>, double) const
  void normalize(std::span<const double> row, std::span<double> out, double clip) const { scale_row(row, out, clip); }

  /// Replaces all figures, for a loader. @throws ShapeError, NumericError (nothing changes then)
  void set(std::span<const double> mean, std::span<const double> variance, double count) {
    if (mean.size() != columns()) wrong_width("set", mean.size());
    if (variance.size() != columns()) wrong_width("set", variance.size());
    if (!usable(mean, variance, count))
      throw NumericError("RunningMeanStd::set: expected finite figures, variances and count >= 0", "running_mean_std");
    std::copy(mean.begin(), mean.end(), mean_.begin());
    std::copy(variance.begin(), variance.end(), variance_.begin());
    count_ = count;
  }

  /// Appends mean, variance, count and the frozen flag.
  void save_state(StateWriter& out) const {
    out.write(mean_);
    out.write(variance_);
    out.write(count_);
    out.write(static_cast<std::uint8_t>(frozen_));
  }

  /// Reads what `save_state` wrote. @throws CheckpointError if the number of columns differs or a figure cannot be right
  void load_state(StateReader& in) {
    BasicRunningMeanStd loaded(columns());
    in.read_into(loaded.mean_);
    in.read_into(loaded.variance_);
    in.read(loaded.count_);
    loaded.frozen_ = in.read<std::uint8_t>() != 0;
    if (!usable(loaded.mean_, loaded.variance_, loaded.count_))
      throw CheckpointError("running mean and variance: expected finite figures; the state is damaged");
    *this = std::move(loaded);
  }

 private:
  [[noreturn]] void wrong_width(const char* where, std::size_t found) const {
    throw ShapeError(std::string("RunningMeanStd::") + where + ": expected " + std::to_string(columns()) + " columns, found " +
                     std::to_string(found));
  }

  static bool usable(std::span<const double> mean, std::span<const double> variance, double count) noexcept {
    return first_non_finite(mean) == mean.size() && first_non_finite(variance) == variance.size() &&
           std::all_of(variance.begin(), variance.end(), [](double v) { return v >= 0.0; }) && is_finite(count) && count >= 0.0;
  }

  template <class S>
  void scale_row(std::span<const S> row, std::span<S> out, double clip) const {
    if (row.size() != columns()) wrong_width("normalize", row.size());
    if (out.size() != columns()) wrong_width("normalize", out.size());
    for (std::size_t c = 0; c < columns(); ++c) {
      const double scaled = (static_cast<double>(row[c]) - mean_[c]) / std::sqrt(variance_[c] + 1e-8);
      out[c] = static_cast<S>(std::clamp(scaled, -clip, clip));
    }
  }

  template <class S>
  void add_rows(MatrixView<const S> rows) {
    if (rows.cols() != columns()) wrong_width("update", rows.cols());
    if (frozen_ || rows.rows() == 0) return;
    const double n = static_cast<double>(rows.rows());
    std::fill(batch_mean_.begin(), batch_mean_.end(), 0.0);
    std::fill(batch_variance_.begin(), batch_variance_.end(), 0.0);
    for (std::size_t r = 0; r < rows.rows(); ++r) {
      const S* const row = rows.data() + r * rows.stride();
      for (std::size_t c = 0; c < columns(); ++c) batch_mean_[c] += static_cast<double>(row[c]);
    }
    for (double& mean : batch_mean_) mean /= n;
    for (std::size_t r = 0; r < rows.rows(); ++r) {
      const S* const row = rows.data() + r * rows.stride();
      for (std::size_t c = 0; c < columns(); ++c) {
        const double difference = static_cast<double>(row[c]) - batch_mean_[c];
        batch_variance_[c] += difference * difference;
      }
    }
    for (double& variance : batch_variance_) variance /= n;
    combine(batch_mean_, batch_variance_, n);
  }

  void combine(std::span<const double> mean, std::span<const double> variance, double n) {
    for (std::size_t c = 0; c < columns(); ++c) {
      if (!is_finite(mean[c]) || !is_finite(variance[c])) {
        throw NumericError("running statistics: column " + std::to_string(c) +
                               " of the new rows holds a number that is not finite; the statistics are unchanged",
                           "column " + std::to_string(c));
      }
    }
    const double total = count_ + n;
    for (std::size_t c = 0; c < columns(); ++c) {
      const double delta = mean[c] - mean_[c];
      mean_[c] += delta * n / total;
      variance_[c] = (variance_[c] * count_ + variance[c] * n + delta * delta * count_ * n / total) / total;
    }
    count_ = total;
  }

  std::vector<double> mean_, variance_;
  std::vector<double> batch_mean_, batch_variance_;  // scratch of `update`, kept so that it allocates nothing
  double count_;
  bool frozen_ = false;
};

/// As programs use it. @see BasicRunningMeanStd
using RunningMeanStd = BasicRunningMeanStd<double>;

}  // namespace rlx::inline v0_1

#endif  // RLX_CORE_RUNNING_MEAN_STD_HPP
