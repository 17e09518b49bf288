// SPDX-License-Identifier: MIT
/// @file
/// @brief Bytes of a running object, written and read back in one fixed order.
///
/// Numbers are little-endian, as in the checkpoint files that carry them. Lengths are 64 bits and checked against the bytes
/// that are left before anything is allocated, so damaged input costs an error and no memory.
#ifndef RLX_CORE_STATE_HPP
#define RLX_CORE_STATE_HPP

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <rlx/core/error.hpp>

namespace rlx::inline v0_1 {

static_assert(std::endian::native == std::endian::little, "state bytes and checkpoints are little-endian");

namespace detail {
/// True for `std::span`.
template <class T>
inline constexpr bool is_span_v = false;
template <class T, std::size_t N>
inline constexpr bool is_span_v<std::span<T, N>> = true;
}  // namespace detail

/// A value that is its own bytes: trivially copyable and no view, pointer or array. A struct should have no padding, whose
/// bytes are not determined and would make equal states differ.
template <class T>
concept StateValue = std::is_trivially_copyable_v<T> && !std::is_pointer_v<T> && !std::is_array_v<T> && !detail::is_span_v<T> &&
                     !std::is_same_v<T, std::string_view>;

/// Appends to a vector of bytes that the caller owns.
class StateWriter {
 public:
  /// @param bytes  appended to; must outlive the writer
  explicit StateWriter(std::vector<std::byte>& bytes) noexcept : bytes_(bytes) {}

  /// The bytes of one value.
  template <StateValue T>
  void write(const T& value) {
    append(&value, sizeof(T));
  }

  /// The number of elements (64 bits), then the elements.
  template <StateValue T, std::size_t Extent>
  void write(std::span<T, Extent> values) {
    write(static_cast<std::uint64_t>(values.size()));
    append(values.data(), values.size_bytes());
  }
  /// As a span: the number of elements, then the elements.
  template <StateValue T>
  void write(const std::vector<T>& values) {
    write(std::span<const T>(values));
  }

  /// The number of bytes (64 bits), then the text.
  void write_string(std::string_view text) {
    write(static_cast<std::uint64_t>(text.size()));
    append(text.data(), text.size());
  }

 private:
  // Not inlined: g++ 12 takes the growth of a small vector of known size for an overflow at -O3. No state is written in a step.
  [[gnu::noinline]] void append(const void* data, std::size_t size) {
    if (size == 0) return;
    const auto* first = static_cast<const std::byte*>(data);
    bytes_.insert(bytes_.end(), first, first + size);
  }

  std::vector<std::byte>& bytes_;
};

/// Reads what a StateWriter wrote, in the same order. Any mismatch throws CheckpointError with the offset in bytes.
class StateReader {
 public:
  /// @param bytes  must outlive the reader
  explicit StateReader(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}

  /// One value of the type that was written.
  template <StateValue T>
  T read() {
    std::remove_const_t<T> value;
    take(&value, sizeof(T));
    return value;
  }
  /// One value, into `value`.
  template <StateValue T>
  requires(!std::is_const_v<T>) void read(T& value) { take(&value, sizeof(T)); }

  /// Reads a span of exactly `values.size()` elements. @throws CheckpointError if another number was written
  template <StateValue T, std::size_t Extent>
  void read_into(std::span<T, Extent> values) {
    const auto count = read<std::uint64_t>();
    if (count != values.size()) {
      throw CheckpointError("state at byte " + std::to_string(offset_ - sizeof(count)) + ": expected " +
                            std::to_string(values.size()) + " elements, found " + std::to_string(count) +
                            "; was it saved by another configuration?");
    }
    take(values.data(), values.size_bytes());
  }
  /// Fills the vector; its size is the number of elements expected.
  template <StateValue T>
  void read_into(std::vector<T>& values) {
    read_into(std::span<T>(values));
  }

  /// Reads a span of any length.
  template <StateValue T>
  std::vector<T> read_vector() {
    const auto count = read<std::uint64_t>();
    if (count > remaining() / sizeof(T)) short_input(count, sizeof(T));
    std::vector<T> values(static_cast<std::size_t>(count));
    take(values.data(), values.size() * sizeof(T));
    return values;
  }

  /// A text of any length, as `write_string` wrote it.
  std::string read_string() {
    const auto count = read<std::uint64_t>();
    if (count > remaining()) short_input(count, 1);
    std::string text(static_cast<std::size_t>(count), '\0');
    take(text.data(), text.size());
    return text;
  }

  /// Bytes that are not read yet.
  std::size_t remaining() const noexcept { return bytes_.size() - offset_; }

  /// @throws CheckpointError if bytes are left over
  void expect_end() const {
    if (remaining() != 0) {
      throw CheckpointError("state of " + std::to_string(bytes_.size()) + " bytes: expected its end at byte " +
                            std::to_string(offset_) + ", found " + std::to_string(remaining()) +
                            " more bytes; was it saved by another configuration?");
    }
  }

 private:
  [[noreturn]] void short_input(std::uint64_t count, std::size_t width) const {
    throw CheckpointError("state at byte " + std::to_string(offset_) + ": expected " + std::to_string(count) + " x " +
                          std::to_string(width) + " bytes, found " + std::to_string(remaining()) +
                          "; the state is truncated or of another configuration");
  }
  void take(void* into, std::size_t size) {
    if (size > remaining()) short_input(1, size);
    if (size == 0) return;
    std::memcpy(into, bytes_.data() + offset_, size);
    offset_ += size;
  }

  std::span<const std::byte> bytes_;
  std::size_t offset_ = 0;
};

}  // namespace rlx::inline v0_1

#endif  // RLX_CORE_STATE_HPP
