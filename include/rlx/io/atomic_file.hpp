// SPDX-License-Identifier: MIT
/// @file
/// @brief Files that are replaced whole or not at all, also when the process is killed or the disk is full.
#ifndef RLX_IO_ATOMIC_FILE_HPP
#define RLX_IO_ATOMIC_FILE_HPP

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rlx/core/error.hpp>
#include <rlx/io/detail/system_text.hpp>

namespace rlx::inline v0_1::io {

/// The system calls that `write_file_atomically` makes. A test passes a type of its own with these members, which fails
/// or ends the process at a chosen call; results and `errno` are those of the system calls.
struct PosixFileSystem {
  int open(const char* path, int flags, ::mode_t mode) { return ::open(path, flags, mode); }  ///< `open(2)`
  /// `write(2)`.
  ::ssize_t write(int descriptor, const void* data, std::size_t size) { return ::write(descriptor, data, size); }
  int fsync(int descriptor) { return ::fsync(descriptor); }                       ///< `fsync(2)`
  int close(int descriptor) { return ::close(descriptor); }                       ///< `close(2)`
  int rename(const char* from, const char* to) { return std::rename(from, to); }  ///< `rename(2)`
  int unlink(const char* path) { return ::unlink(path); }                         ///< `unlink(2)`
};

namespace detail {

/// The temporary file beside the target; removed at the end of its scope unless it was renamed.
template <class FileSystem>
class TemporaryFile {
 public:
  TemporaryFile(const std::string& target, FileSystem& files) : files_(files) {
    // The mode of an existing target is kept; a new file gets what the process' mask allows.
    struct ::stat old {};
    const bool replaces = ::stat(target.c_str(), &old) == 0;
    // A rename would put a file in the place of /dev/null or of a link to standard output. Folders refuse it themselves.
    if (replaces && !S_ISREG(old.st_mode) && !S_ISDIR(old.st_mode)) {
      throw IoError("cannot replace '" + target + "': it is a device, pipe or socket; give the path of a file");
    }
    // The process id keeps processes apart and O_EXCL keeps threads apart, so no counter has to be shared.
    for (unsigned attempt = 0; descriptor_ < 0; ++attempt) {
      path_ = target + '.' + std::to_string(::getpid()) + '.' + std::to_string(attempt) + ".tmp";
      descriptor_ = files_.open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (descriptor_ < 0 && errno != EINTR && (errno != EEXIST || attempt == 10'000)) throw_io_error("create", path_, errno);
    }
    exists_ = true;
    if (replaces) static_cast<void>(::fchmod(descriptor_, old.st_mode & 0777));  // a convenience: a failure loses no data
  }
  ~TemporaryFile() {
    if (descriptor_ >= 0) files_.close(descriptor_);
    if (exists_) files_.unlink(path_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      // Linux moves at most 0x7ffff000 bytes in one call.
      const ::ssize_t count =
          files_.write(descriptor_, bytes.data(), std::min<std::size_t>(bytes.size(), std::size_t{1} << 30));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) throw_io_error("write", path_, errno);
      if (count == 0) throw_io_error("write", path_, ENOSPC);
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
  }
  void sync_and_close() {
    while (files_.fsync(descriptor_) != 0) {
      if (errno != EINTR) throw_io_error("flush to disk", path_, errno);
    }
    // A file system may report a late write error here; after close the descriptor is gone in any case.
    const int descriptor = std::exchange(descriptor_, -1);
    if (files_.close(descriptor) != 0 && errno != EINTR) throw_io_error("close", path_, errno);
  }
  void rename_to(const std::string& target) {
    if (files_.rename(path_.c_str(), target.c_str()) != 0) throw_io_error("rename '" + path_ + "' to", target, errno);
    exists_ = false;
  }

 private:
  FileSystem& files_;
  std::string path_;
  int descriptor_ = -1;
  bool exists_ = false;
};

/// Makes a rename in the directory of `path` durable.
template <class FileSystem>
void sync_directory_of(const std::string& path, FileSystem& files) {
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  const int descriptor = files.open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (descriptor < 0) throw_io_error("open directory", directory, errno);
  int error = 0;
  while (files.fsync(descriptor) != 0) {
    error = errno;
    if (error != EINTR) break;
    error = 0;
  }
  files.close(descriptor);
  // Some file systems cannot flush a directory; the new file is complete all the same.
  if (error != 0 && error != EINVAL && error != ENOTSUP) throw_io_error("flush directory", directory, error);
}

}  // namespace detail

/**
 * @brief Replaces the file at `path` by the chunks, one after the other: at any moment it is the old or the new file, complete.
 *
 * Temporary file `<path>.<process>.<n>.tmp` in the same directory, write, fsync, rename over the target, fsync of the
 * directory. A process that is killed may leave the temporary behind, never a damaged target. A symbolic link at `path`
 * is replaced by the file. The permission bits of an existing file are kept.
 *
 * @tparam FileSystem  PosixFileSystem; tests pass one with faults
 * @throws IoError with path and system text, also where a device, pipe or socket stands at `path`. The old file is intact and
 * the temporary removed; only if the last step, the flush of the directory, fails, the new complete file is already in place.
 */
template <class FileSystem = PosixFileSystem>
void write_file_atomically(const std::string& path, std::span<const std::span<const std::byte>> chunks,
                           FileSystem&& files = {}) {
  {
    detail::TemporaryFile<std::remove_reference_t<FileSystem>> temporary(path, files);
    for (const std::span<const std::byte> chunk : chunks) temporary.write(chunk);
    temporary.sync_and_close();
    temporary.rename_to(path);
  }
  detail::sync_directory_of(path, files);
}
/// The same for one block of bytes.
template <class FileSystem = PosixFileSystem>
void write_file_atomically(const std::string& path, std::span<const std::byte> bytes, FileSystem&& files = {}) {
  write_file_atomically(path, std::span<const std::span<const std::byte>>(&bytes, 1), files);
}
/// The same for a text.
template <class FileSystem = PosixFileSystem>
void write_file_atomically(const std::string& path, std::string_view text, FileSystem&& files = {}) {
  write_file_atomically(path, std::as_bytes(std::span(text.data(), text.size())), files);
}

/// Throws now what `write_file_atomically(path, ...)` would throw later because nothing can be created beside `path` or no file
/// stands there; leaves nothing behind. @throws IoError
template <class FileSystem = PosixFileSystem>
void require_writable(const std::string& path, FileSystem&& files = {}) {
  const detail::TemporaryFile<std::remove_reference_t<FileSystem>> probe(path, files);
}

}  // namespace rlx::inline v0_1::io

#endif  // RLX_IO_ATOMIC_FILE_HPP
