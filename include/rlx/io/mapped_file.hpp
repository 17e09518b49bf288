// SPDX-License-Identifier: MIT
/// @file
/// @brief Whole files as memory: a read-only mapping, and a copy in a string.
#ifndef RLX_IO_MAPPED_FILE_HPP
#define RLX_IO_MAPPED_FILE_HPP

#include <cerrno>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rlx/core/error.hpp>
#include <rlx/io/detail/system_text.hpp>

namespace rlx::inline v0_1::io {

namespace detail {

/// A file open for reading, closed at the end of its scope.
class InputFile {
 public:
  explicit InputFile(const std::string& path) : path_(path), descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0) throw_io_error("open", path_, errno);
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0) {
      const int error = errno;
      ::close(descriptor_);
      throw_io_error("examine", path_, error);
    }
    regular_ = S_ISREG(status.st_mode);
    size_ = static_cast<std::size_t>(status.st_size);
  }
  ~InputFile() { ::close(descriptor_); }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  int descriptor() const noexcept { return descriptor_; }
  bool regular() const noexcept { return regular_; }
  std::size_t size() const noexcept { return size_; }

 private:
  const std::string& path_;
  int descriptor_;
  bool regular_ = false;
  std::size_t size_ = 0;
};

}  // namespace detail

/// A regular file mapped read-only into memory; moving it keeps the addresses. An empty file gives an empty range.
///
/// A file that is replaced by rename (as `write_file_atomically` does) stays readable here in its old form. A file that
/// another process shortens in place must not be mapped: the system then ends the reader with a bus error.
class MappedFile {
 public:
  /// @throws IoError with path and system text if the file cannot be opened or mapped, or is not a regular file
  explicit MappedFile(const std::string& path) {
    const detail::InputFile file(path);
    if (!file.regular()) throw IoError("cannot map '" + path + "': not a regular file");
    size_ = file.size();
    if (size_ == 0) return;
    void* const address = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.descriptor(), 0);
    if (address == MAP_FAILED) detail::throw_io_error("map", path, errno);
    data_ = static_cast<const char*>(address);
  }
  ~MappedFile() { unmap(); }
  /// The other object is empty afterwards.
  MappedFile(MappedFile&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  /// Unmaps the file held so far; the other object is empty afterwards.
  MappedFile& operator=(MappedFile&& other) noexcept {
    if (this != &other) {
      unmap();
      data_ = std::exchange(other.data_, nullptr);
      size_ = std::exchange(other.size_, 0);
    }
    return *this;
  }

  std::size_t size() const noexcept { return size_; }                ///< bytes of the file
  std::string_view text() const noexcept { return {data_, size_}; }  ///< valid as long as the mapping
  /// Valid as long as the mapping.
  std::span<const std::byte> bytes() const noexcept { return std::as_bytes(std::span(data_, size_)); }

 private:
  void unmap() noexcept {
    if (data_ != nullptr) ::munmap(const_cast<char*>(data_), size_);
  }

  const char* data_ = nullptr;
  std::size_t size_ = 0;
};

/// The whole file as a string; pipes and devices too. @throws IoError with path and system text
inline std::string read_file(const std::string& path) {
  const detail::InputFile file(path);
  std::string text;
  std::size_t used = 0;
  for (std::size_t room = file.size() + 1;; room = text.size()) {  // one more than the size: the end is seen at once
    text.resize(used + room);
    while (used < text.size()) {
      const ::ssize_t count = ::read(file.descriptor(), text.data() + used, text.size() - used);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) detail::throw_io_error("read", path, errno);
      if (count == 0) {
        text.resize(used);
        return text;
      }
      used += static_cast<std::size_t>(count);
    }
  }
}

}  // namespace rlx::inline v0_1::io

#endif  // RLX_IO_MAPPED_FILE_HPP
