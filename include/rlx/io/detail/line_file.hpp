// SPDX-License-Identifier: MIT
/// @file
/// @brief A file of lines that grows at its end.
#ifndef RLX_IO_DETAIL_LINE_FILE_HPP
#define RLX_IO_DETAIL_LINE_FILE_HPP

#include <cstddef>
#include <cstdio>
#include <string>

#include <rlx/io/detail/output_file.hpp>

namespace rlx::inline v0_1::io::detail {

/// See JsonlWriter. A file that ends in a torn line gets a line end first, so the damage stays on that line.
class LineFile {
 public:
  /// @param flush_every  lines between two hand-overs to the operating system; 0: only `flush` and the end. @throws IoError
  LineFile(const std::string& path, bool append, std::size_t flush_every)
      : torn_(append && ends_in_torn_line(path)), file_(path, append), flush_every_(flush_every) {
    if (torn_) file_.write("\n");
  }

  /// @param line  without its end. @throws IoError
  void write(std::string line) {
    file_.write(line += '\n');
    ++lines_;
    if (flush_every_ != 0 && lines_ % flush_every_ == 0) file_.flush();
  }
  void flush() { file_.flush(); }
  std::size_t lines() const noexcept { return lines_; }
  const std::string& path() const noexcept { return file_.path(); }

 private:
  static bool ends_in_torn_line(const std::string& path) {
    std::FILE* file = std::fopen(path.c_str(), "rb");
    if (file == nullptr) return false;
    const bool torn = std::fseek(file, -1, SEEK_END) == 0 && std::fgetc(file) != '\n';
    std::fclose(file);
    return torn;
  }

  bool torn_;
  OutputFile file_;
  std::size_t flush_every_;
  std::size_t lines_ = 0;
};

}  // namespace rlx::inline v0_1::io::detail

#endif  // RLX_IO_DETAIL_LINE_FILE_HPP
