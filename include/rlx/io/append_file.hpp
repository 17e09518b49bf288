// SPDX-License-Identifier: MIT
/// @file
/// @brief Files that only grow at their end, for journals: write, flush to disk, cut, lock, list, behind a seam for tests.
#ifndef RLX_IO_APPEND_FILE_HPP
#define RLX_IO_APPEND_FILE_HPP

#include <algorithm>
#include <cerrno>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rlx/core/error.hpp>
#include <rlx/io/detail/system_text.hpp>

namespace rlx::inline v0_1::io {

/**
 * @brief The system calls under a journal. A test passes a type of its own with these members, which loses, tears or refuses
 *        writes, or ends the process at a chosen call.
 *
 * Results are those of system calls: a descriptor or 0 or a count; -1 with `errno` set on failure. Paths are UTF-8.
 * | call | meaning |
 * |---|---|
 * | `open_append(path)` | descriptor at the end of the file, which is created if it is missing |
 * | `write(descriptor, data, size)` | may write less than `size`; gives the count |
 * | `fsync(descriptor)` | what was written survives a power cut |
 * | `truncate(descriptor, size)` | cuts the file to `size` bytes |
 * | `close(descriptor)` | ends a descriptor of `open_append` or `lock`; a lock is free again |
 * | `rename(from, to)`, `unlink(path)`, `mkdir(path)` | as the system's; `mkdir` makes one level |
 * | `sync_directory(path)` | files created, renamed or removed in the directory stay so |
 * | `lock(path)` | descriptor of an exclusive lock on the file (created if missing); EWOULDBLOCK if someone holds it |
 * | `list(path, names)` | appends the names in a directory, in any order, without "." and ".." |
 * | `read(path, text)` | replaces `text` by the whole file |
 * | `exists(path)` | 1, or 0 if it surely is not there |
 */
template <class F>
concept AppendFiles = requires(F& files, const std::string& path, std::string& text, std::vector<std::string>& names,
                               const void* data, std::size_t size, std::uint64_t length, int descriptor) {
  { files.open_append(path) } -> std::same_as<int>;
  { files.write(descriptor, data, size) } -> std::same_as<::ssize_t>;
  { files.fsync(descriptor) } -> std::same_as<int>;
  { files.truncate(descriptor, length) } -> std::same_as<int>;
  { files.close(descriptor) } -> std::same_as<int>;
  { files.rename(path, path) } -> std::same_as<int>;
  { files.unlink(path) } -> std::same_as<int>;
  { files.mkdir(path) } -> std::same_as<int>;
  { files.sync_directory(path) } -> std::same_as<int>;
  { files.lock(path) } -> std::same_as<int>;
  { files.list(path, names) } -> std::same_as<int>;
  { files.read(path, text) } -> std::same_as<int>;
  { files.exists(path) } -> std::same_as<int>;
};

/// The operating system's files. Stateless.
///
/// The lock is advisory (`flock`): it keeps out other writers that ask for it, also within this process, and is free again as
/// soon as the process ends, however it ends.
struct PosixFiles {
  /// Permission bits of a new file: 0666 less the umask.
  int open_append(const std::string& path) {
    return retry([&] { return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666); });
  }
  /// Takes at most 1 GiB in one call.
  ::ssize_t write(int descriptor, const void* data, std::size_t size) {
    // Linux moves at most 0x7ffff000 bytes in one call.
    return retry([&] { return ::write(descriptor, data, std::min<std::size_t>(size, std::size_t{1} << 30)); });
  }
  /// Contents and length survive a power cut.
  int fsync(int descriptor) {
    return retry([&] { return ::fsync(descriptor); });
  }
  /// A `size` beyond the end adds zeros.
  int truncate(int descriptor, std::uint64_t size) {
    return retry([&] { return ::ftruncate(descriptor, static_cast<::off_t>(size)); });
  }
  /// 0 also after EINTR, since the descriptor is gone then.
  int close(int descriptor) {
    // After EINTR the descriptor is gone all the same; a second close might hit another file.
    return ::close(descriptor) != 0 && errno != EINTR ? -1 : 0;
  }
  /// Replaces what is at `to`.
  int rename(const std::string& from, const std::string& to) { return std::rename(from.c_str(), to.c_str()); }
  int unlink(const std::string& path) { return ::unlink(path.c_str()); }      ///< The contents stay for those who have it open.
  int mkdir(const std::string& path) { return ::mkdir(path.c_str(), 0777); }  ///< 0777 less the umask.
  /// 0 also on file systems that cannot flush a directory.
  int sync_directory(const std::string& path) {
    const int descriptor = retry([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (descriptor < 0) return -1;
    const int result = fsync(descriptor);
    const int error = errno;
    ::close(descriptor);
    errno = error;
    // Some file systems cannot flush a directory.
    return result != 0 && error != EINVAL && error != ENOTSUP ? -1 : 0;
  }
  /// Never waits.
  int lock(const std::string& path) {
    const int descriptor = retry([&] { return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666); });
    if (descriptor < 0) return -1;
    if (retry([&] { return ::flock(descriptor, LOCK_EX | LOCK_NB); }) == 0) return descriptor;
    const int error = errno;
    ::close(descriptor);
    errno = error;
    return -1;
  }
  /// In the order of the system.
  int list(const std::string& path, std::vector<std::string>& names) {
    ::DIR* const directory = ::opendir(path.c_str());
    if (directory == nullptr) return -1;
    errno = 0;
    while (const ::dirent* const entry = ::readdir(directory)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
      errno = 0;
    }
    const int error = errno;
    ::closedir(directory);
    errno = error;
    return error == 0 ? 0 : -1;
  }
  /// Reads to the end, also what is appended meanwhile.
  int read(const std::string& path, std::string& text) {
    const int descriptor = retry([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); });
    if (descriptor < 0) return -1;
    struct ::stat status {};
    int error = ::fstat(descriptor, &status) == 0 ? 0 : errno;
    text.clear();
    std::size_t used = 0;
    // One byte more than the size, so that the end is seen at once; the file may have grown meanwhile.
    for (std::size_t room = static_cast<std::size_t>(status.st_size) + 1; error == 0;
         room = std::max<std::size_t>(used, 4096)) {
      text.resize(used + room);
      ::ssize_t count = 0;
      while (used < text.size()) {
        count = retry([&] { return ::read(descriptor, text.data() + used, text.size() - used); });
        if (count <= 0) break;
        used += static_cast<std::size_t>(count);
      }
      if (count < 0) error = errno;
      if (count <= 0) break;
    }
    text.resize(used);
    ::close(descriptor);
    errno = error;
    return error == 0 ? 0 : -1;
  }
  /// Replaces `text` by what the file holds from byte `offset` on; a seam of a test need not have this.
  int read_from(const std::string& path, std::uint64_t offset, std::string& text) {
    const int descriptor = retry([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); });
    if (descriptor < 0) return -1;
    text.clear();
    ::ssize_t count = 0;
    do {
      const std::size_t used = text.size();
      text.resize(used + 65536);
      count = retry([&] { return ::pread(descriptor, text.data() + used, 65536, static_cast<::off_t>(offset + used)); });
      text.resize(used + static_cast<std::size_t>(std::max<::ssize_t>(count, 0)));
    } while (count > 0);
    const int error = errno;
    ::close(descriptor);
    errno = error;
    return count == 0 ? 0 : -1;
  }
  /// 0 for a missing name only; 1 where the system cannot say.
  int exists(const std::string& path) {
    return ::access(path.c_str(), F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR) ? 1 : 0;
  }

 private:
  template <class F>
  static auto retry(F call) -> decltype(call()) {
    for (;;) {
      const auto result = call();
      if (result != -1 || errno != EINTR) return result;
    }
  }
};

/// The directory part of a path: "." where it has none.
template <class = void>
std::string directory_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? "." : slash == 0 ? "/" : path.substr(0, slash));
}

/**
 * @brief A file that is written at its end only.
 *
 * `append` hands all bytes to the operating system before it returns: they survive the end of this process, and after `sync`
 * a power cut too. After a failed `append` the file may end in a part of the bytes; the caller decides whether to `cut` it.
 * Move-only; the destructor closes and reports nothing. One thread at a time. No allocation but the error texts.
 */
template <AppendFiles Files = PosixFiles>
class AppendFile {
 public:
  /// Opens the file at its end; a new one is created and its name made durable. `files` must outlive this object.
  /// @throws IoError with path and system text, as every member
  AppendFile(std::string path, Files& files) : files_(&files), path_(std::move(path)) {
    const bool is_new = files_->exists(path_) == 0;
    descriptor_ = files_->open_append(path_);
    if (descriptor_ < 0) detail::throw_io_error("open", path_, errno);
    if (!is_new) return;
    if (files_->sync_directory(directory_of(path_)) != 0) {
      const int error = errno;
      files_->close(descriptor_);
      detail::throw_io_error("flush the directory of", path_, error);
    }
  }
  ~AppendFile() { close(); }
  /// The other object closes nothing any more.
  AppendFile(AppendFile&& other) noexcept
      : files_(other.files_), path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}
  /// Closes the file held so far.
  AppendFile& operator=(AppendFile&& other) noexcept {
    if (this != &other) {
      close();
      files_ = other.files_;
      path_ = std::move(other.path_);
      descriptor_ = std::exchange(other.descriptor_, -1);
    }
    return *this;
  }

  /// Writes all bytes, in as many calls as the system wants.
  void append(std::string_view bytes) {
    while (!bytes.empty()) {
      const ::ssize_t count = files_->write(descriptor_, bytes.data(), bytes.size());
      if (count < 0) detail::throw_io_error("append to", path_, errno);
      if (count == 0) detail::throw_io_error("append to", path_, ENOSPC);
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }
  /// Everything appended so far survives a power cut once this returns.
  void sync() {
    if (files_->fsync(descriptor_) != 0) detail::throw_io_error("flush to disk", path_, errno);
  }
  /// Cuts the file to its first `size` bytes; durable after `sync`.
  void cut(std::uint64_t size) {
    if (files_->truncate(descriptor_, size) != 0) detail::throw_io_error("cut", path_, errno);
  }
  const std::string& path() const noexcept { return path_; }  ///< as given to the constructor

 private:
  void close() noexcept {
    if (descriptor_ >= 0) files_->close(descriptor_);
    descriptor_ = -1;
  }

  Files* files_;
  std::string path_;
  int descriptor_ = -1;
};

/// Exclusive right to write, held by a lock file; free again when this object or the process ends. Move-only.
template <AppendFiles Files = PosixFiles>
class FileLock {
 public:
  /// @throws IoError with path and system text ("Resource temporarily unavailable" if another holds it)
  FileLock(const std::string& path, Files& files) : files_(&files), descriptor_(files.lock(path)) {
    if (descriptor_ < 0) detail::throw_io_error("lock", path, errno);
  }
  /// Takes over a descriptor that `files.lock` gave.
  static FileLock adopt(int descriptor, Files& files) { return FileLock(descriptor, files); }
  ~FileLock() {
    if (descriptor_ >= 0) files_->close(descriptor_);
  }
  /// The other object releases nothing any more.
  FileLock(FileLock&& other) noexcept : files_(other.files_), descriptor_(std::exchange(other.descriptor_, -1)) {}
  /// Swaps the two locks.
  FileLock& operator=(FileLock&& other) noexcept {
    std::swap(files_, other.files_);
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }

 private:
  FileLock(int descriptor, Files& files) : files_(&files), descriptor_(descriptor) {}

  Files* files_;
  int descriptor_;
};

/// Names in a directory, sorted by bytes. @throws IoError
template <AppendFiles Files>
std::vector<std::string> list_directory(const std::string& path, Files& files) {
  std::vector<std::string> names;
  if (files.list(path, names) != 0) detail::throw_io_error("list", path, errno);
  std::sort(names.begin(), names.end());
  return names;
}

/// The whole file. @throws IoError
template <AppendFiles Files>
std::string read_all(const std::string& path, Files& files) {
  std::string text;
  if (files.read(path, text) != 0) detail::throw_io_error("read", path, errno);
  return text;
}

/// Makes a directory and its missing parents; an existing one is kept. @throws IoError
template <AppendFiles Files>
void make_directories(const std::string& path, Files& files) {
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (files.exists(part) == 0) {
      if (files.mkdir(part) != 0 && errno != EEXIST) detail::throw_io_error("create directory", part, errno);
      if (files.sync_directory(directory_of(part)) != 0) detail::throw_io_error("flush the directory of", part, errno);
    }
    if (end == std::string::npos) return;
  }
}

/// Makes `path` hold exactly `text`, on disk when this returns: a temporary beside it is written, flushed and renamed over it,
/// so at any moment the old or the new file is there, complete. @throws IoError
template <AppendFiles Files>
void replace_file(const std::string& path, std::string_view text, Files& files) {
  const std::string temporary = path + ".tmp";
  {
    AppendFile<Files> file(temporary, files);
    file.cut(0);
    file.append(text);
    file.sync();
  }
  if (files.rename(temporary, path) != 0) detail::throw_io_error("rename '" + temporary + "' to", path, errno);
  if (files.sync_directory(directory_of(path)) != 0) detail::throw_io_error("flush the directory of", path, errno);
}

}  // namespace rlx::inline v0_1::io

#endif  // RLX_IO_APPEND_FILE_HPP
