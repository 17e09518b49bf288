// SPDX-License-Identifier: MIT
/// @file
/// @brief Arrays in NumPy's .npy files, format version 1, little-endian, row-major.
#ifndef RLX_IO_NPY_HPP
#define RLX_IO_NPY_HPP

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <rlx/core/detail/xtensor.hpp>
#include <rlx/core/error.hpp>
#include <rlx/io/atomic_file.hpp>
#include <rlx/io/detail/shown_text.hpp>
#include <rlx/io/mapped_file.hpp>

namespace rlx::inline v0_1::io {

static_assert(std::endian::native == std::endian::little, "only little-endian .npy files are supported");

/// NumPy's name of an element type; only these five are supported.
template <class T>
constexpr std::string_view npy_type() noexcept {
  if constexpr (std::is_same_v<T, float>) {
    return "<f4";
  } else if constexpr (std::is_same_v<T, double>) {
    return "<f8";
  } else if constexpr (std::is_same_v<T, std::int32_t>) {
    return "<i4";
  } else if constexpr (std::is_same_v<T, std::int64_t>) {
    return "<i8";
  } else {
    static_assert(std::is_same_v<T, std::uint8_t>, "npy: element types are float, double, int32, int64 and uint8");
    return "|u1";
  }
}

namespace detail {

/// The header's dictionary. Only what NumPy writes is accepted: the three keys, each once, in any order.
class NpyHeaderReader {
 public:
  NpyHeaderReader(std::string_view text, const std::string& file) : text_(text), file_(file) {}

  void read() {
    expect("{");
    unsigned seen = 0;
    while (!accept("}")) {
      const std::string_view key = quoted();
      expect(":");
      const unsigned bit = key == "descr" ? 1U : key == "fortran_order" ? 2U : key == "shape" ? 4U : 0U;
      if (bit == 0 || (seen & bit) != 0) fail("unknown or repeated key " + shown_text(key));
      seen |= bit;
      if (bit == 1) {
        type = quoted();
      } else if (bit == 2) {
        column_major = accept("True");
        if (!column_major) expect("False");
      } else {
        read_shape();
      }
      if (!accept(",")) {
        expect("}");
        break;
      }
    }
    skip_space();
    if (seen != 7 || position_ != text_.size()) fail("expected the keys descr, fortran_order and shape and nothing after them");
  }

  std::string_view type;
  bool column_major = false;
  std::vector<std::uint64_t> shape;

 private:
  [[noreturn]] void fail(const std::string& what) const { throw DataError(file_, 0, 0, "npy header: " + what); }
  void skip_space() {
    while (position_ < text_.size() && (text_[position_] == ' ' || text_[position_] == '\n')) ++position_;
  }
  bool accept(std::string_view word) {
    skip_space();
    if (!text_.substr(position_).starts_with(word)) return false;
    position_ += word.size();
    return true;
  }
  void expect(std::string_view word) {
    if (!accept(word)) fail("expected " + shown_text(word) + " at byte " + std::to_string(position_));
  }
  std::string_view quoted() {
    expect("'");
    const std::size_t end = text_.find('\'', position_);
    if (end == std::string_view::npos) fail("a text without its closing quote");
    const std::string_view found = text_.substr(position_, end - position_);
    position_ = end + 1;
    return found;
  }
  void read_shape() {
    expect("(");
    while (!accept(")")) {
      skip_space();
      std::uint64_t number = 0;
      const std::size_t begin = position_;
      for (; position_ < text_.size() && text_[position_] >= '0' && text_[position_] <= '9'; ++position_) {
        const auto digit = static_cast<std::uint64_t>(text_[position_] - '0');
        if (number > (std::numeric_limits<std::uint64_t>::max() - digit) / 10) fail("a size above 64 bits");
        number = number * 10 + digit;
      }
      if (position_ == begin) fail("expected a size at byte " + std::to_string(position_));
      shape.push_back(number);
      if (!accept(",")) {
        expect(")");
        break;
      }
    }
  }

  std::string_view text_;
  const std::string& file_;
  std::size_t position_ = 0;
};

inline std::string npy_shape_text(std::span<const std::uint64_t> shape) {
  std::string text = "(";
  for (const std::uint64_t n : shape) text += std::to_string(n) + ", ";
  if (shape.size() > 1) text.resize(text.size() - 2);
  if (shape.size() == 1) text.pop_back();
  return text + ')';
}

}  // namespace detail

/**
 * @brief Writes an array so that `numpy.load` reads it; the old file stays until the new one is complete.
 * @tparam T  float, double, std::int32_t, std::int64_t or std::uint8_t
 * @throws IoError with path and system text
 */
template <class T, std::size_t N, class FileSystem = PosixFileSystem>
void save_npy(const std::string& path, const xt::xtensor<T, N>& array, FileSystem&& files = {}) {
  const std::vector<std::uint64_t> shape(array.shape().begin(), array.shape().end());
  std::string head("\x93NUMPY\x01\x00", 8);
  std::string text = "{'descr': '" + std::string(npy_type<T>()) +
                     "', 'fortran_order': False, 'shape': " + detail::npy_shape_text(shape) + ", }";
  constexpr std::size_t preamble = 10;  // magic, version and length; data begin at a multiple of 64 bytes
  text.append(63 - (preamble + text.size()) % 64, ' ');
  text += '\n';
  head += static_cast<char>(static_cast<unsigned char>(text.size() & 0xFF));
  head += static_cast<char>(static_cast<unsigned char>(text.size() >> 8));
  head += text;
  const std::array<std::span<const std::byte>, 2> chunks = {std::as_bytes(std::span(head)),
                                                            std::as_bytes(std::span(array.data(), array.size()))};
  write_file_atomically(path, std::span<const std::span<const std::byte>>(chunks), files);
}

/**
 * @brief Reads an array of exactly this element type and number of dimensions.
 * @throws IoError if the file cannot be read; DataError if it is not version 1 of the format, holds another type or number
 *         of dimensions, is in column-major order, or is shorter or longer than its shape says. Nothing is allocated
 *         before the size is checked.
 */
template <class T, std::size_t N>
xt::xtensor<T, N> load_npy(const std::string& path) {
  const MappedFile file(path);
  const std::string_view bytes = file.text();
  const auto fail = [&path](const std::string& what) { throw DataError(path, 0, 0, what); };
  if (!bytes.starts_with("\x93NUMPY")) fail("not a .npy file: it does not begin with \\x93NUMPY");
  if (bytes.size() < 10) fail("truncated .npy file");
  if (bytes[6] != 1 || bytes[7] != 0) {
    fail("npy format version " + std::to_string(static_cast<unsigned char>(bytes[6])) + '.' +
         std::to_string(static_cast<unsigned char>(bytes[7])) + "; expected 1.0");
  }
  const std::size_t length = static_cast<unsigned char>(bytes[8]) + std::size_t{256} * static_cast<unsigned char>(bytes[9]);
  if (bytes.size() - 10 < length) fail("truncated .npy file: its header takes " + std::to_string(length) + " bytes");
  detail::NpyHeaderReader header(bytes.substr(10, length), path);
  header.read();
  const std::string_view data = bytes.substr(10 + length);
  if (header.type != npy_type<T>()) {
    fail("elements have type " + detail::shown_text(header.type) + ", expected '" + std::string(npy_type<T>()) + "'");
  }
  if (header.column_major) fail("column-major order; save it with numpy.ascontiguousarray");
  if (header.shape.size() != N) {
    fail("the array has " + std::to_string(header.shape.size()) + " dimensions, expected " + std::to_string(N));
  }
  std::uint64_t size = sizeof(T);
  bool empty = false;
  bool overflow = false;
  for (const std::uint64_t n : header.shape) {
    if (n == 0) {
      empty = true;
    } else if (size > std::numeric_limits<std::uint64_t>::max() / n) {
      overflow = true;
    } else {
      size *= n;
    }
  }
  if (empty) size = 0;
  if ((overflow && !empty) || size != data.size()) {
    fail("shape " + detail::npy_shape_text(header.shape) + " does not fit the " + std::to_string(data.size()) +
         " bytes of data");
  }
  typename xt::xtensor<T, N>::shape_type shape;
  for (std::size_t i = 0; i < N; ++i) shape[i] = static_cast<std::size_t>(header.shape[i]);
  xt::xtensor<T, N> array(shape);
  if (!data.empty()) std::memcpy(array.data(), data.data(), data.size());
  return array;
}

}  // namespace rlx::inline v0_1::io

#endif  // RLX_IO_NPY_HPP
