// SPDX-License-Identifier: MIT
/// @file
/// @brief A small file that holds the present state of something: read at the start, replaced whole at every change.
#ifndef RLX_IO_STATE_FILE_HPP
#define RLX_IO_STATE_FILE_HPP

#include <cerrno>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <rlx/io/append_file.hpp>

namespace rlx::inline v0_1::io {

/**
 * @brief One text in one file, the old or the new one at any moment, whenever the process or the machine ends.
 *
 * A model of risk::DurableText. One writer at a time; a temporary `<path>.tmp` may be left behind by a process that ended.
 * @tparam Files  PosixFiles; tests pass one with faults
 */
template <AppendFiles Files = PosixFiles>
class StateFile {
 public:
  /// Touches nothing yet. @param path  in a directory that exists; @param files  must outlive this object
  StateFile(std::string path, Files& files) : files_(&files), path_(std::move(path)) {}

  const std::string& path() const noexcept { return path_; }  ///< as given to the constructor

  /// The text, durable from now on; nothing if there is no file. @throws IoError  what is there cannot be read
  std::optional<std::string> load() {
    if (files_->exists(path_) == 0) return std::nullopt;
    // The process that renamed it may have ended before the name was durable.
    if (files_->sync_directory(directory_of(path_)) != 0) detail::throw_io_error("flush the directory of", path_, errno);
    std::string text;
    if (files_->read(path_, text) != 0) detail::throw_io_error("read", path_, errno);
    return text;
  }

  /// Replaces the text; durable when it returns. @throws IoError  the old or the new text is there
  void store(std::string_view text) { replace_file(path_, text, *files_); }

 private:
  Files* files_;
  std::string path_;
};

}  // namespace rlx::inline v0_1::io

#endif  // RLX_IO_STATE_FILE_HPP
