// SPDX-License-Identifier: MIT
/// @file
/// @brief JSON Lines: one object per line, appended.
#ifndef RLX_IO_JSONL_HPP
#define RLX_IO_JSONL_HPP

#include <cstddef>
#include <string>

#include <nlohmann/json.hpp>

#include <rlx/core/error.hpp>
#include <rlx/io/detail/finite_json.hpp>
#include <rlx/io/detail/line_file.hpp>

namespace rlx::inline v0_1::io {

/// How a JsonlWriter treats its file.
struct JsonlConfig {
  bool append = true;           ///< keep the lines that are there; false empties the file first
  std::size_t flush_every = 1;  ///< lines between two hand-overs to the operating system; 0: only `flush` and the end
};

/**
 * @brief Writes one JSON object per line. Called JsonlWriter.
 *
 * Numbers that are not finite become `null`, found by their bits, so that this holds under fast-math too; text that is not
 * UTF-8 gets replacement characters. With `flush_every = 1` (default) a line that `write` returned for survives a crash of
 * this process; a power cut may lose lines, and may tear the last one. A file that ends in a torn line gets a line end
 * first, so the damage stays on that line. One thread at a time.
 * @tparam Json  nlohmann::json; a parameter so that a program compiles only what it uses
 */
template <class Json>
class BasicJsonlWriter {
 public:
  /// @throws IoError naming the path.
  explicit BasicJsonlWriter(const std::string& path, JsonlConfig config = {})
      : file_(path, config.append, config.flush_every) {}

  /// Appends one line. @throws DataError if `object` is not a JSON object; IoError.
  void write(Json object) {
    if (!object.is_object()) {
      throw DataError("JsonlWriter: a line of '" + file_.path() + "' must be a JSON object, got " + object.type_name());
    }
    detail::replace_non_finite(object);
    file_.write(object.dump(-1, ' ', false, Json::error_handler_t::replace));
  }

  /// @throws IoError
  void flush() { file_.flush(); }
  /// Lines written by this object.
  std::size_t lines() const noexcept { return file_.lines(); }
  const std::string& path() const noexcept { return file_.path(); }  ///< as given to the constructor

 private:
  detail::LineFile file_;
};

/// As the library uses it. @see BasicJsonlWriter
using JsonlWriter = BasicJsonlWriter<nlohmann::json>;

}  // namespace rlx::inline v0_1::io

#endif  // RLX_IO_JSONL_HPP
