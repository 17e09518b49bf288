// SPDX-License-Identifier: MIT
/// @file
/// @brief Named tensors and text in one file that any safetensors library reads; damage of a single bit is noticed.
///
/// Format (huggingface.co/docs/safetensors): 8-byte little-endian header length, JSON header, tensors. The metadata key
/// "sha256" holds the SHA-256 of the whole file with the 64 digits of the digest itself read as '0', so it covers the
/// metadata and every tensor's name, type, shape and bytes.
#ifndef RLX_IO_SAFETENSORS_HPP
#define RLX_IO_SAFETENSORS_HPP

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/hash.hpp>
#include <rlx/core/nearest.hpp>
#include <rlx/io/atomic_file.hpp>
#include <rlx/io/detail/safetensors_header.hpp>
#include <rlx/io/mapped_file.hpp>

namespace rlx::inline v0_1::io {

static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian; this machine is not");

/// Type of a tensor's elements.
enum class DType : std::uint8_t { F32, F64, I64, U8, U32, I32 };

/// Its name in the file.
constexpr std::string_view to_string(DType dtype) noexcept {
  constexpr std::array<std::string_view, 6> names = {"F32", "F64", "I64", "U8", "U32", "I32"};
  return names[static_cast<std::size_t>(dtype)];
}
/// Bytes of one element.
constexpr std::size_t width_of(DType dtype) noexcept {
  constexpr std::array<std::size_t, 6> widths = {4, 8, 8, 1, 4, 4};
  return widths[static_cast<std::size_t>(dtype)];
}
/// The DType of a C++ type (float, double, std::int64_t, std::uint8_t, std::byte, std::uint32_t, std::int32_t).
template <class T>
constexpr DType dtype_of() noexcept {
  if constexpr (std::is_same_v<T, float>) {
    return DType::F32;
  } else if constexpr (std::is_same_v<T, double>) {
    return DType::F64;
  } else if constexpr (std::is_same_v<T, std::int64_t>) {
    return DType::I64;
  } else if constexpr (std::is_same_v<T, std::uint8_t> || std::is_same_v<T, std::byte>) {
    return DType::U8;
  } else if constexpr (std::is_same_v<T, std::uint32_t>) {
    return DType::U32;
  } else {
    static_assert(std::is_same_v<T, std::int32_t>, "safetensors: this element type is not supported");
    return DType::I32;
  }
}

/// A tensor whose bytes lie elsewhere: in the caller's memory when writing, in the file when reading.
struct TensorView {
  std::string name;                 ///< key in the file
  DType dtype = DType::F32;         ///< type of the elements
  std::vector<std::size_t> shape;   ///< row-major; empty for a scalar
  std::span<const std::byte> data;  ///< product(shape) elements side by side
};

/// Numbers that lie side by side (span, vector, array) as a tensor of a row-major `shape`; they must outlive the view.
template <class Numbers>
requires requires(const Numbers& numbers) { std::span(std::data(numbers), std::size(numbers)); }
TensorView tensor_view(std::string name, const Numbers& numbers, std::vector<std::size_t> shape) {
  const std::span values(std::data(numbers), std::size(numbers));
  return {std::move(name), dtype_of<typename decltype(values)::value_type>(), std::move(shape), std::as_bytes(values)};
}
/// The same with one dimension.
template <class Numbers>
requires requires(const Numbers& numbers) { std::span(std::data(numbers), std::size(numbers)); }
TensorView tensor_view(std::string name, const Numbers& numbers) {
  return tensor_view(std::move(name), numbers, {std::size(numbers)});
}

namespace detail {

inline constexpr std::size_t digest_size = 64;
inline constexpr std::size_t max_safetensors_header = 100'000'000;

/// product(shape) * width, or nothing if it does not fit into 64 bits.
template <class N>
std::optional<std::uint64_t> tensor_bytes(const std::vector<N>& shape, DType dtype) {
  if (std::find(shape.begin(), shape.end(), N{0}) != shape.end()) return 0;
  std::uint64_t bytes = width_of(dtype);
  for (const N n : shape) {
    if (bytes > std::numeric_limits<std::uint64_t>::max() / n) return std::nullopt;
    bytes *= n;
  }
  return bytes;
}

inline std::optional<DType> dtype_from(std::string_view name) {
  for (const DType dtype : {DType::F32, DType::F64, DType::I64, DType::U8, DType::U32, DType::I32}) {
    if (name == to_string(dtype)) return dtype;
  }
  return std::nullopt;
}

template <class N>
std::string shape_text(const std::vector<N>& shape) {
  std::string text = "[";
  for (const N n : shape) text.append(text.size() > 1 ? ", " : "").append(std::to_string(n));
  return text += ']';
}

inline std::array<std::byte, 8> little_endian(std::uint64_t value) { return std::bit_cast<std::array<std::byte, 8>>(value); }

/// Digest of prefix and header, its own digits at `digest_position` read as zeros, then of the data.
template <class Chunks>
std::string safetensors_digest(std::string_view header, std::size_t digest_position, const Chunks& data) {
  Sha256 hash;
  const auto prefix = little_endian(header.size());
  hash.update(std::span<const std::byte>(prefix));
  hash.update(header.substr(0, digest_position));
  hash.update(std::string(digest_size, '0'));
  hash.update(header.substr(digest_position + digest_size));
  for (const std::span<const std::byte> chunk : data) hash.update(chunk);
  return hash.hex();
}

/// Prefix and header with the digest filled in, and the tensors in the order of the file.
struct SafetensorsParts {
  std::string head;
  std::vector<std::span<const std::byte>> data;
};

template <class Texts>
SafetensorsParts safetensors_parts(const Texts& metadata, std::span<const TensorView> tensors) {
  // Widest elements first, as the reference does, so that every tensor is aligned within the file.
  std::vector<const TensorView*> order;
  for (const TensorView& tensor : tensors) order.push_back(&tensor);
  std::stable_sort(order.begin(), order.end(),
                   [](const TensorView* a, const TensorView* b) { return width_of(a->dtype) > width_of(b->dtype); });

  if (metadata.contains("sha256")) throw ConfigError("safetensors metadata: the key 'sha256' is computed; leave it out");
  std::string header = "{\"__metadata__\":{\"sha256\":\"";
  const std::size_t digest_position = header.size();
  header.append(digest_size, '0');
  header += '"';
  for (const auto& [key, value] : metadata) {
    header += ',';
    append_header_string(header, key);
    header += ':';
    append_header_string(header, value);
  }
  header += '}';

  SafetensorsParts parts;
  std::set<std::string_view> names = {"__metadata__"};
  std::uint64_t offset = 0;
  for (const TensorView* const tensor : order) {
    if (!names.insert(tensor->name).second) throw ConfigError("safetensors: two tensors are called '" + tensor->name + "'");
    const std::optional<std::uint64_t> expected = tensor_bytes(tensor->shape, tensor->dtype);
    if (expected != tensor->data.size()) {
      throw ShapeError("safetensors: tensor '" + tensor->name + "' " + std::string(to_string(tensor->dtype)) + ' ' +
                       shape_text(tensor->shape) + " does not fit its " + std::to_string(tensor->data.size()) + " bytes");
    }
    header += ',';
    append_header_string(header, tensor->name);
    header += ":{\"dtype\":\"" + std::string(to_string(tensor->dtype)) + "\",\"shape\":[";
    for (std::size_t i = 0; i < tensor->shape.size(); ++i)
      header.append(i == 0 ? "" : ",").append(std::to_string(tensor->shape[i]));
    header += "],\"data_offsets\":[" + std::to_string(offset) + ',' + std::to_string(offset + *expected) + "]}";
    offset += *expected;
    parts.data.push_back(tensor->data);
  }
  header += '}';
  header.append((8 - header.size() % 8) % 8, ' ');
  if (header.size() > max_safetensors_header) throw ConfigError("safetensors: the header would exceed 100 MB");

  header.replace(digest_position, digest_size, safetensors_digest(header, digest_position, parts.data));
  const auto prefix = little_endian(header.size());
  parts.head.assign(reinterpret_cast<const char*>(prefix.data()), prefix.size());
  parts.head += header;
  return parts;
}

}  // namespace detail

/**
 * @brief Writes a safetensors file; the old file stays until the new one is complete (see write_file_atomically).
 * @param path      the file that is replaced
 * @param metadata  text by key, UTF-8; "sha256" is added
 * @param tensors   names must be unique, `data` must hold product(shape) elements; their order in the file is by element
 *                  width, widest first
 * @param files     system calls; tests pass one with faults
 * @throws ConfigError, ShapeError for tensors that do not fit the format; IoError with path and system text
 * @par Determinism  the same input gives the same bytes
 */
template <class FileSystem = PosixFileSystem>
void write_safetensors(const std::string& path, const std::map<std::string, std::string>& metadata,
                       std::span<const TensorView> tensors, FileSystem&& files = {}) {
  detail::SafetensorsParts parts = detail::safetensors_parts(metadata, tensors);
  parts.data.insert(parts.data.begin(), std::as_bytes(std::span(parts.head)));
  write_file_atomically(path, std::span<const std::span<const std::byte>>(parts.data), files);
}

/// The same bytes in memory. @tparam Texts  a map of texts; a parameter so that only programs that call this compile it
template <class Texts = std::map<std::string, std::string>>
std::vector<std::byte> to_safetensors(const Texts& metadata, std::span<const TensorView> tensors) {
  const detail::SafetensorsParts parts = detail::safetensors_parts(metadata, tensors);
  std::size_t size = parts.head.size();
  for (const auto chunk : parts.data) size += chunk.size();
  std::vector<std::byte> bytes;
  bytes.reserve(size);
  const auto head = std::as_bytes(std::span(parts.head));
  bytes.insert(bytes.end(), head.begin(), head.end());
  for (const auto chunk : parts.data) bytes.insert(bytes.end(), chunk.begin(), chunk.end());
  return bytes;
}

/// Whether a file must carry its own digest.
enum class Digest : std::uint8_t {
  required,  ///< files written by this library
  optional,  ///< files of other programs; a digest that is there is still checked
};

/// A safetensors file, checked completely before anything can be read from it. Every complaint is a CheckpointError that
/// names the file and what differs. Nothing is allocated from a number in the file.
/// Called Safetensors. @tparam Bytes  std::span<const std::byte>; a parameter so that a program compiles only what it uses
template <class Bytes>
class BasicSafetensors {
 public:
  /// Maps the file; it stays open as long as the object. @throws IoError, CheckpointError
  static BasicSafetensors open(const std::string& path, Digest digest = Digest::required) {
    BasicSafetensors result;
    result.name_ = path;
    result.file_.emplace(path);
    result.read(result.file_->bytes(), digest);
    return result;
  }
  /// Reads a file that is in memory already; `bytes` must outlive the object. @throws CheckpointError
  static BasicSafetensors from_bytes(Bytes bytes, Digest digest = Digest::required, std::string name = "safetensors") {
    BasicSafetensors result;
    result.name_ = std::move(name);
    result.read(bytes, digest);
    return result;
  }
  /// A temporary would be gone before the first tensor is read.
  template <std::same_as<std::vector<std::byte>> Temporary>
  static BasicSafetensors from_bytes(Temporary&& bytes, Digest digest = Digest::required, std::string name = {}) = delete;

  /// Texts by key, without "sha256".
  const std::map<std::string, std::string>& metadata() const noexcept { return metadata_; }
  /// One text. @throws CheckpointError if the file has no such key
  const std::string& metadata(const std::string& key) const {
    const auto found = metadata_.find(key);
    if (found == metadata_.end()) fail("metadata key '" + key + "' is missing");
    return found->second;
  }
  /// All tensors in the order of the file.
  const std::vector<TensorView>& tensors() const noexcept { return tensors_; }
  /// Path, or the name given to from_bytes.
  const std::string& name() const noexcept { return name_; }
  /// The digest of the file in hexadecimal; empty if it has none.
  const std::string& sha256() const noexcept { return sha256_; }

  /// The tensor of that name, nullptr if there is none.
  const TensorView* find(std::string_view tensor) const noexcept {
    const auto found = index_.find(tensor);
    return found == index_.end() ? nullptr : &tensors_[found->second];
  }
  /// The tensor of that name. @throws CheckpointError naming it, and a close name if there is one
  const TensorView& at(std::string_view tensor) const {
    if (const TensorView* const found = find(tensor)) return *found;
    std::vector<std::string_view> names;
    for (const auto& entry : index_) names.push_back(entry.first);
    const std::string close = nearest(tensor, names);
    fail("tensor '" + std::string(tensor) + "' is missing" + (close.empty() ? close : " (there is '" + close + "')"));
  }
  /// Copies a tensor's numbers. @throws CheckpointError if it is missing, has another type or another number of elements
  template <class T>
  void read_into(std::string_view tensor, std::span<T> out) const {
    const TensorView& found = typed<T>(tensor);
    if (found.data.size() != out.size_bytes()) {
      fail("tensor '" + found.name + "' has shape " + detail::shape_text(found.shape) + ", expected " +
           std::to_string(out.size()) + " elements");
    }
    if (!out.empty()) std::memcpy(out.data(), found.data.data(), out.size_bytes());
  }
  /// Copies a tensor's numbers, which must have exactly this shape. @throws CheckpointError
  template <class T>
  void read_into(std::string_view tensor, const std::vector<std::size_t>& shape, std::span<T> out) const {
    const TensorView& found = typed<T>(tensor);
    if (found.shape != shape) {
      fail("tensor '" + found.name + "' has shape " + detail::shape_text(found.shape) + ", expected " +
           detail::shape_text(shape));
    }
    read_into(tensor, out);
  }
  /// A tensor's numbers in a new vector. @throws CheckpointError if it is missing or has another type
  template <class T>
  std::vector<T> values(std::string_view tensor) const {
    std::vector<T> out(typed<T>(tensor).data.size() / sizeof(T));
    read_into(tensor, std::span<T>(out));
    return out;
  }

 private:
  BasicSafetensors() = default;

  [[noreturn]] void fail(const std::string& what) const { throw CheckpointError(name_ + ": " + what); }

  template <class T>
  const TensorView& typed(std::string_view tensor) const {
    const TensorView& found = at(tensor);
    if (found.dtype != dtype_of<T>()) {
      fail("tensor '" + found.name + "' has type " + std::string(to_string(found.dtype)) + ", expected " +
           std::string(to_string(dtype_of<T>())));
    }
    return found;
  }

  void read(Bytes bytes, Digest digest) {
    std::uint64_t header_size = 0;
    if (bytes.size() < sizeof header_size)
      fail("truncated: " + std::to_string(bytes.size()) + " bytes, not even a header length");
    std::memcpy(&header_size, bytes.data(), sizeof header_size);
    if (header_size > detail::max_safetensors_header) {
      fail("the header would be " + std::to_string(header_size) + " bytes; at most 100 MB are allowed");
    }
    if (header_size > bytes.size() - sizeof header_size) {
      fail("truncated: the header is " + std::to_string(header_size) + " bytes, the file " + std::to_string(bytes.size()));
    }
    const Bytes head = bytes.subspan(sizeof header_size, static_cast<std::size_t>(header_size));
    const Bytes data = bytes.subspan(sizeof header_size + head.size());
    const std::string_view header(reinterpret_cast<const char*>(head.data()), head.size());

    detail::SafetensorsHeaderReader reader(header, name_);
    reader.read();
    for (auto& [key, value] : reader.metadata) {
      if (!metadata_.emplace(key, std::move(value)).second) fail("metadata key '" + key + "' occurs twice");
    }
    check_digest(header, reader.digest_position, data, digest);
    take_tensors(reader.tensors, data);
  }

  void check_digest(std::string_view header, std::size_t position, Bytes data, Digest digest) {
    const auto found = metadata_.find("sha256");
    if (found == metadata_.end()) {
      if (digest == Digest::required) fail("metadata key 'sha256' is missing: damaged, or not written by this library");
      return;
    }
    sha256_ = std::move(found->second);
    metadata_.erase(found);
    const std::array<Bytes, 1> chunks = {data};
    // The size first: an escape inside the digest would make its place in the header longer than the digest.
    if (sha256_.size() != detail::digest_size || header.substr(position, detail::digest_size) != sha256_) {
      fail("metadata key 'sha256' is not a digest of 64 digits");
    }
    const std::string computed = detail::safetensors_digest(header, position, chunks);
    if (computed != sha256_) fail("damaged: sha256 of the content is " + computed + ", the file says " + sha256_);
  }

  void take_tensors(std::vector<detail::SafetensorsEntry>& entries, Bytes data) {
    std::uint64_t offset = 0;
    tensors_.reserve(entries.size());
    for (detail::SafetensorsEntry& entry : entries) {
      const std::string which = "tensor '" + entry.name + "'";
      const std::optional<DType> dtype = detail::dtype_from(entry.dtype);
      if (!dtype) fail(which + ": unknown type '" + entry.dtype + "'; expected F32, F64, I64, U8, U32 or I32");
      const std::optional<std::uint64_t> size = detail::tensor_bytes(entry.shape, *dtype);
      if (entry.begin != offset) {
        fail(which + " begins at " + std::to_string(entry.begin) + ", expected " + std::to_string(offset) +
             " (tensors must follow one another without gap or overlap)");
      }
      if (entry.end < entry.begin || entry.end > data.size()) {
        fail(which + " ends at " + std::to_string(entry.end) + "; the file has " + std::to_string(data.size()) +
             " bytes of data");
      }
      if (size != entry.end - entry.begin) {
        fail(which + ' ' + entry.dtype + ' ' + detail::shape_text(entry.shape) + " does not fit its " +
             std::to_string(entry.end - entry.begin) + " bytes");
      }
      TensorView tensor;
      tensor.name = std::move(entry.name);
      tensor.dtype = *dtype;
      for (const std::uint64_t n : entry.shape) tensor.shape.push_back(static_cast<std::size_t>(n));
      tensor.data = data.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(*size));
      offset = entry.end;
      tensors_.push_back(std::move(tensor));  // within what was reserved, so names do not move
      if (!index_.emplace(tensors_.back().name, tensors_.size() - 1).second) fail(which + " occurs twice");
    }
    if (offset != data.size()) {
      fail("the tensors take " + std::to_string(offset) + " bytes, the file has " + std::to_string(data.size()) +
           " bytes of data");
    }
  }

  std::string name_;
  std::optional<MappedFile> file_;
  std::string sha256_;
  std::map<std::string, std::string> metadata_;
  std::vector<TensorView> tensors_;
  std::map<std::string_view, std::size_t> index_;  // name, owned by tensors_, to position in it
};

/// As files are read. @see BasicSafetensors
using Safetensors = BasicSafetensors<std::span<const std::byte>>;

}  // namespace rlx::inline v0_1::io

#endif  // RLX_IO_SAFETENSORS_HPP
