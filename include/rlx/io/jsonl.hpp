// SPDX-License-Identifier: MIT
/// @file
/// @brief JSON Lines: one object per line, appended.
#ifndef RLX_IO_JSONL_HPP
#define RLX_IO_JSONL_HPP

#include <cstddef>
#include <cstdio>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include <rlx/core/error.hpp>
#include <rlx/io/detail/finite_json.hpp>
#include <rlx/io/detail/output_file.hpp>

namespace rlx::io {

/// How a JsonlWriter treats its file.
struct JsonlConfig {
  bool append = true;           ///< keep the lines that are there; false empties the file first
  std::size_t flush_every = 1;  ///< lines between two hand-overs to the operating system; 0: only `flush` and the end
};

/**
 * @brief Writes one JSON object per line.
 *
 * Numbers that are not finite become `null`, found by their bits, so that this holds under fast-math too; text that is not
 * UTF-8 gets replacement characters. With `flush_every = 1` (default) a line that `write` returned for survives a crash of
 * this process; a power cut may lose lines, and may tear the last one. A file that ends in a torn line gets a line end
 * first, so the damage stays on that line. One thread at a time.
 */
class JsonlWriter {
 public:
  /// @throws IoError naming the path.
  explicit JsonlWriter(const std::string& path, JsonlConfig config = {})
      : torn_(config.append && ends_in_torn_line(path)), file_(path, config.append), flush_every_(config.flush_every) {
    if (torn_) file_.write("\n");
  }

  /// Appends one line. @throws DataError if `object` is not a JSON object; IoError.
  void write(nlohmann::json object) {
    if (!object.is_object()) {
      throw DataError("JsonlWriter: a line of '" + file_.path() + "' must be a JSON object, got " + object.type_name());
    }
    detail::replace_non_finite(object);
    file_.write(object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n');
    ++lines_;
    if (flush_every_ != 0 && lines_ % flush_every_ == 0) file_.flush();
  }

  /// @throws IoError
  void flush() { file_.flush(); }
  /// Lines written by this object.
  std::size_t lines() const noexcept { return lines_; }
  const std::string& path() const noexcept { return file_.path(); }  ///< as given to the constructor

 private:
  static bool ends_in_torn_line(const std::string& path) {
    std::FILE* file = std::fopen(path.c_str(), "rb");
    if (file == nullptr) return false;
    const bool torn = std::fseek(file, -1, SEEK_END) == 0 && std::fgetc(file) != '\n';
    std::fclose(file);
    return torn;
  }

  bool torn_;
  detail::OutputFile file_;
  std::size_t flush_every_;
  std::size_t lines_ = 0;
};

}  // namespace rlx::io

#endif  // RLX_IO_JSONL_HPP
