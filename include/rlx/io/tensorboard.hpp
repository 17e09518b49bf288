// SPDX-License-Identifier: MIT
/// @file
/// @brief Scalars for TensorBoard: an event file in TFRecord framing, written without protobuf.
#ifndef RLX_IO_TENSORBOARD_HPP
#define RLX_IO_TENSORBOARD_HPP

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/hash.hpp>
#include <rlx/io/detail/output_file.hpp>

namespace rlx::io {

/// The checksum of a TFRecord: CRC-32C rotated right by 15 bits plus 0xa282ead8, so that data that hold their own checksum
/// stay protected. "123456789" -> 0xc78ab0e5.
inline std::uint32_t masked_crc32c(std::span<const std::byte> bytes) { return std::rotr(crc32c(bytes), 15) + 0xa282ead8u; }

/**
 * @brief Writes `events.out.tfevents.<seconds>.rlx` in a directory.
 *
 * Format: records of (length u64, masked CRC of the length, bytes, masked CRC of the bytes), all little-endian; the bytes
 * are a `tensorflow.Event`: 1 wall_time (double), 2 step (varint), 3 file_version (first record, "brain.Event:2"),
 * 5 summary {1 value {1 tag, 2 simple_value (float)}}.
 *
 * Records are buffered; `flush` (or the destructor, which cannot report errors) hands them to the system. The same
 * directory and second given twice continues the file. One thread at a time.
 * @par Allocation One buffer, reused. @par Determinism The bytes depend on the arguments only: no clock is read.
 * @par Source TensorFlow's event.proto, summary.proto and record_writer; checked against the reader in tests/io/tensorboard.cpp
 */
class TensorBoardWriter {
 public:
  /// Creates the directory and its parents as needed, opens the file and writes the first record.
  /// @param wall_seconds start of the run, seconds since 1970 (UTC), at least 0. @throws IoError, ConfigError
  TensorBoardWriter(const std::string& directory, double wall_seconds) : file_(open(directory, wall_seconds)) {
    begin_event(wall_seconds);
    append_text(event_, 3, "brain.Event:2");
    write_record();
    file_.flush();
  }

  /// Appends one point. `value` is stored as float; a value that is not finite stays so and TensorBoard marks it.
  /// @param step at least 0; @param wall_time seconds since 1970 (UTC). @throws IoError, ConfigError (empty tag)
  void add_scalar(std::string_view tag, double value, std::uint64_t step, double wall_time) {
    if (tag.empty()) throw ConfigError("TensorBoardWriter: the tag of a scalar is empty; give a name like \"train/loss\"");
    value_.clear();
    append_text(value_, 1, tag);
    append_fixed(value_, 2, 5, std::bit_cast<std::uint32_t>(static_cast<float>(value)), 4);
    summary_.clear();
    append_text(summary_, 1, value_);
    begin_event(wall_time);
    append_key(event_, 2, 0);
    append_varint(event_, step);
    append_text(event_, 5, summary_);
    write_record();
  }

  /// @throws IoError
  void flush() { file_.flush(); }
  const std::string& path() const noexcept { return file_.path(); }

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
  std::string event_, summary_, value_, record_;
};

}  // namespace rlx::io

#endif  // RLX_IO_TENSORBOARD_HPP
