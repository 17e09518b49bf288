// SPDX-License-Identifier: MIT
/// @file
/// @brief One writer of a directory: a lock file that holds the writer's process id.
#ifndef RLX_SIGNALS_DETAIL_WRITER_LOCK_HPP
#define RLX_SIGNALS_DETAIL_WRITER_LOCK_HPP

#include <cerrno>
#include <optional>
#include <string>
#include <utility>

#include <unistd.h>

#include <rlx/core/error.hpp>
#include <rlx/io/append_file.hpp>

namespace rlx::inline v0_1::signals::detail {

/// Holds `<directory>/<name>`; the id is taken out again at the end, so one that is found belongs to a process that ended
/// early.
template <io::AppendFiles Files>
class WriterLock {
 public:
  /// @throws IoError naming the process that holds it, or with the system's text
  WriterLock(const std::string& directory, const std::string& name, Files& files)
      : lock_(take(directory, directory + '/' + name, files)), holder_(directory + '/' + name, files) {
    if (std::string old = io::read_all(directory + '/' + name, files); !old.empty()) stale_ = old.substr(0, 20);
    holder_.cut(0);
    holder_.append(std::to_string(::getpid()));
  }
  ~WriterLock() {
    try {
      holder_.cut(0);
    } catch (...) {  // the id stays, as after a crash, and the next writer reports it
    }
  }
  WriterLock(const WriterLock&) = delete;
  WriterLock& operator=(const WriterLock&) = delete;

  /// Process id of a writer that ended without giving the directory back.
  const std::optional<std::string>& stale() const noexcept { return stale_; }

 private:
  static io::FileLock<Files> take(const std::string& directory, const std::string& path, Files& files) {
    io::make_directories(directory, files);
    const int descriptor = files.lock(path);
    if (descriptor >= 0) return io::FileLock<Files>::adopt(descriptor, files);
    if (errno != EWOULDBLOCK) io::detail::throw_io_error("lock", path, errno);
    std::string holder;
    if (files.read(path, holder) != 0 || holder.empty()) holder = "unknown";
    throw IoError("directory '" + directory + "': process " + holder.substr(0, 20) +
                  " writes here; use one directory for each writer");
  }

  io::FileLock<Files> lock_;
  io::AppendFile<Files> holder_;
  std::optional<std::string> stale_;
};

}  // namespace rlx::inline v0_1::signals::detail

#endif  // RLX_SIGNALS_DETAIL_WRITER_LOCK_HPP
