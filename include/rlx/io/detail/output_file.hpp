// SPDX-License-Identifier: MIT
/// @file
/// @brief A file that grows at its end; every failure is an IoError with the path and the system's own text.
#ifndef RLX_IO_DETAIL_OUTPUT_FILE_HPP
#define RLX_IO_DETAIL_OUTPUT_FILE_HPP

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <rlx/core/error.hpp>

namespace rlx::inline v0_1::io::detail {

[[noreturn]] inline void output_failed(std::string_view what, const std::string& path) {
  const int code = errno;
  throw IoError(std::string("cannot ").append(what).append(" '").append(path).append("': ").append(std::strerror(code)));
}

/// Creates a directory and its missing parents; an existing one is kept.
inline void make_directories(const std::string& path) {
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    struct stat status {};
    if (!part.empty() && ::mkdir(part.c_str(), 0777) != 0) {
      const int code = errno;
      if (::stat(part.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
        errno = code;
        output_failed("create directory", part);
      }
    }
    if (end == std::string::npos) return;
  }
}

/// Buffered output to the end of a file. Move-only; the destructor closes and cannot report, so `flush` first.
class OutputFile {
 public:
  /// @param append keep what the file holds; otherwise it becomes empty.
  OutputFile(std::string path, bool append) : path_(std::move(path)), file_(std::fopen(path_.c_str(), append ? "ab" : "wb")) {
    if (!file_) output_failed("open", path_);
  }
  void write(std::string_view bytes) {
    if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size()) output_failed("write", path_);
  }
  /// Hands everything to the operating system: it survives the end of this process, not a power cut.
  void flush() {
    if (std::fflush(file_.get()) != 0) output_failed("write", path_);
  }
  const std::string& path() const noexcept { return path_; }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace rlx::inline v0_1::io::detail

#endif  // RLX_IO_DETAIL_OUTPUT_FILE_HPP
