// SPDX-License-Identifier: MIT
/// @file
/// @brief Scalars and histograms for TensorBoard: an event file in TFRecord framing, written without protobuf.
#ifndef RLX_IO_TENSORBOARD_HPP
#define RLX_IO_TENSORBOARD_HPP

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/hash.hpp>
#include <rlx/io/detail/output_file.hpp>

namespace rlx::inline v0_1::io {

/// The checksum of a TFRecord: CRC-32C rotated right by 15 bits plus 0xa282ead8, so that data that hold their own checksum
/// stay protected. "123456789" -> 0xc78ab0e5.
inline std::uint32_t masked_crc32c(std::span<const std::byte> bytes) { return std::rotr(crc32c(bytes), 15) + 0xa282ead8u; }

/**
 * @brief Writes `events.out.tfevents.SECONDS.rlx` in a directory.
 *
 * Format: records of (length u64, masked CRC of the length, bytes, masked CRC of the bytes), all little-endian; the bytes
 * are a `tensorflow.Event`: 1 wall_time (double), 2 step (varint), 3 file_version (first record, "brain.Event:2"),
 * 5 summary {1 value {1 tag, 2 simple_value (float) or 5 histogram {1 min, 2 max, 3 num, 4 sum, 5 sum_squares,
 * 6 bucket_limit, 7 bucket (doubles, the last two packed)}}}.
 *
 * Records are buffered; `flush` (or the destructor, which cannot report errors) hands them to the system. The same
 * directory and second given twice continues the file. One thread at a time.
 * @par Allocation
 * Buffers that are reused.
 * @par Determinism
 * The bytes depend on the arguments only: no clock is read.
 * @par Source TensorFlow's event.proto, summary.proto and record_writer; checked against the reader in tests/io/tensorboard.cpp
 *
 * Called TensorBoardWriter. @tparam Text  std::string; a parameter so that a program compiles only what it uses
 */
template <class Text>
class BasicTensorBoardWriter {
 public:
  /// Creates the directory and its parents as needed, opens the file and writes the first record.
  /// @param directory     where TensorBoard looks for runs
  /// @param wall_seconds  start of the run, seconds since 1970 (UTC), at least 0
  /// @throws IoError, ConfigError
  BasicTensorBoardWriter(const std::string& directory, double wall_seconds) : file_(open(directory, wall_seconds)) {
    begin_event(wall_seconds);
    append_text(event_, 3, "brain.Event:2");
    write_record();
    file_.flush();
  }

  /// Appends one point.
  /// @param tag        name of the curve, such as "train/loss"; not empty
  /// @param value      stored as float; a value that is not finite stays so and TensorBoard marks it
  /// @param step       at least 0
  /// @param wall_time  seconds since 1970 (UTC)
  /// @throws IoError, ConfigError (empty tag)
  void add_scalar(std::string_view tag, double value, std::uint64_t step, double wall_time) {
    if (tag.empty()) throw ConfigError("TensorBoardWriter: the tag of a scalar is empty; give a name like \"train/loss\"");
    value_.clear();
    append_text(value_, 1, tag);
    append_fixed(value_, 2, 5, std::bit_cast<std::uint32_t>(static_cast<float>(value)), 4);
    write_value(step, wall_time);
  }

  /// Appends the distribution of `values`: buckets of equal width from the smallest to the largest, each holding what is
  /// below its limit, the last one the largest too.
  /// @param tag        name of the histogram; not empty
  /// @param values     those that are not finite are left out; if none is left nothing is written
  /// @param step       at least 0
  /// @param wall_time  seconds since 1970 (UTC)
  /// @param buckets    at least 1
  /// @throws IoError, ConfigError (empty tag, no bucket)
  void add_histogram(std::string_view tag, std::span<const double> values, std::uint64_t step, double wall_time,
                     std::size_t buckets = 30) {
    if (tag.empty())
      throw ConfigError("TensorBoardWriter: the tag of a histogram is empty; give a name like \"rollout/ep_rew\"");
    if (buckets == 0) throw ConfigError("TensorBoardWriter: a histogram needs at least 1 bucket, got 0");
    double low = 0, high = 0, count = 0, sum = 0, squares = 0;
    for (const double v : values) {
      if (!is_finite(v)) continue;
      low = count > 0 ? std::min(low, v) : v;
      high = count > 0 ? std::max(high, v) : v;
      count += 1;
      sum += v;
      squares += v * v;
    }
    if (count == 0) return;
    if (low == high) buckets = 1;
    const auto n = static_cast<double>(buckets);
    limits_.resize(buckets);
    for (std::size_t i = 0; i < buckets; ++i) {  // weighted: high - low of two finite numbers may be infinite
      const auto share = static_cast<double>(i + 1) / n;
      limits_[i] = i + 1 == buckets ? high : low * (1 - share) + high * share;
    }
    counts_.assign(buckets, 0.0);
    for (const double v : values) {
      if (!is_finite(v)) continue;
      const auto above = static_cast<std::size_t>(std::upper_bound(limits_.begin(), limits_.end(), v) - limits_.begin());
      counts_[std::min(above, buckets - 1)] += 1;
    }
    histogram_.clear();
    std::uint64_t field = 0;
    for (const double v : {low, high, count, sum, squares}) {
      append_fixed(histogram_, ++field, 1, std::bit_cast<std::uint64_t>(v), 8);
    }
    append_packed(histogram_, 6, limits_);
    append_packed(histogram_, 7, counts_);
    value_.clear();
    append_text(value_, 1, tag);
    append_text(value_, 5, histogram_);
    write_value(step, wall_time);
  }

  /// @throws IoError
  void flush() { file_.flush(); }
  const std::string& path() const noexcept { return file_.path(); }  ///< of the event file

 private:
  static detail::OutputFile open(const std::string& directory, double wall_seconds) {
    if (!is_finite(wall_seconds) || wall_seconds < 0 || wall_seconds > 1e15) {
      throw ConfigError("TensorBoardWriter: wall_seconds must be seconds since 1970 in [0, 1e15], got " +
                        std::to_string(wall_seconds));
    }
    detail::make_directories(directory);
    const std::string name = "events.out.tfevents." + std::to_string(static_cast<std::int64_t>(wall_seconds)) + ".rlx";
    return detail::OutputFile(directory.empty() ? name : directory + '/' + name, true);
  }

  static void append_varint(std::string& out, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out += static_cast<char>(static_cast<unsigned char>(value | 0x80));
    out += static_cast<char>(static_cast<unsigned char>(value));
  }
  static void append_key(std::string& out, std::uint64_t field, std::uint64_t wire_type) {
    append_varint(out, field << 3 | wire_type);
  }
  static void append_little_endian(std::string& out, std::uint64_t value, std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; ++i) out += static_cast<char>(static_cast<unsigned char>(value >> (8 * i)));
  }
  static void append_fixed(std::string& out, std::uint64_t field, std::uint64_t wire_type, std::uint64_t value,
                           std::size_t bytes) {
    append_key(out, field, wire_type);
    append_little_endian(out, value, bytes);
  }
  static void append_text(std::string& out, std::uint64_t field, std::string_view text) {
    append_key(out, field, 2);
    append_varint(out, text.size());
    out += text;
  }
  static void append_packed(std::string& out, std::uint64_t field, std::span<const double> values) {
    append_key(out, field, 2);
    append_varint(out, 8 * values.size());
    for (const double v : values) append_little_endian(out, std::bit_cast<std::uint64_t>(v), 8);
  }
  void write_value(std::uint64_t step, double wall_time) {
    summary_.clear();
    append_text(summary_, 1, value_);
    begin_event(wall_time);
    append_key(event_, 2, 0);
    append_varint(event_, step);
    append_text(event_, 5, summary_);
    write_record();
  }
  void begin_event(double wall_time) {
    event_.clear();
    append_fixed(event_, 1, 1, std::bit_cast<std::uint64_t>(wall_time), 8);
  }
  void write_record() {
    record_.clear();
    append_little_endian(record_, event_.size(), 8);
    append_little_endian(record_, masked_crc32c(std::as_bytes(std::span(record_))), 4);
    record_ += event_;
    append_little_endian(record_, masked_crc32c(std::as_bytes(std::span(event_))), 4);
    file_.write(record_);
  }

  detail::OutputFile file_;
  std::string event_, summary_, value_, histogram_, record_;
  std::vector<double> limits_, counts_;
};

/// As programs use it. @see BasicTensorBoardWriter
using TensorBoardWriter = BasicTensorBoardWriter<std::string>;

}  // namespace rlx::inline v0_1::io

#endif  // RLX_IO_TENSORBOARD_HPP
