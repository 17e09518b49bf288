// SPDX-License-Identifier: MIT
/// @file
/// @brief Strict, fast CSV: a reader over a block of memory with columns by header name, and a writer of text rows.
///
/// Reader: RFC 4180 with `\n` or `\r\n`, an optional UTF-8 byte-order mark, and an optional line end after the last row.
/// Every complaint is a DataError `file:line:column: ...` that shows the text and says what was expected.
#ifndef RLX_IO_CSV_HPP
#define RLX_IO_CSV_HPP

#include <algorithm>
#include <bit>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#if defined(__SSE2__)
#  include <emmintrin.h>
#endif

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/nearest.hpp>
#include <rlx/io/detail/parse_number.hpp>
#include <rlx/io/detail/shown_text.hpp>

namespace rlx::inline v0_1::io {

/// One column that a program reads.
struct CsvColumn {
  std::string name;                       ///< how messages call it, and the header looked for unless `headers` is given
  std::vector<std::string> headers = {};  ///< accepted headers in order of preference; empty: only `name`
  bool required = true;                   ///< false: the file may lack it; then every cell of it is missing
};

/// Reads rows of named columns from CSV text that stays in memory (a MappedFile, a string).
///
/// Columns are addressed by their position in the list given to the constructor, whatever their order in the file:
/// ```
/// enum : std::size_t { stamp, price };
/// CsvReader rows(file.text(), path, {{.name = "ts_ms_utc"}, {.name = "price", .headers = {"price", "close"}}});
/// while (rows.next()) use(rows.integer(stamp), rows.number(price));
/// ```
/// Fields are views into the text: nothing is copied, except fields that contain `""`. An empty cell is missing, never 0.
/// Empty lines are skipped. Allocates in the constructor and, rarely, for `""`. One object per thread.
class CsvReader {
 public:
  /// Reads the header row.
  /// @param text       whole file; must outlive the reader and the fields taken from it
  /// @param file       name for messages
  /// @param columns    what the program wants; any others in the file are ignored and listed by `extra_columns()`
  /// @param delimiter  one byte between cells
  /// @throws DataError if there is no header, if required columns are missing (names all of them, the header found and
  ///         close names) or if a wanted column occurs twice
  CsvReader(std::string_view text, std::string file, std::vector<CsvColumn> columns, char delimiter = ',')
      : text_(text), file_(std::move(file)), columns_(std::move(columns)), delimiter_(delimiter) {
    if (text_.substr(0, 3) == "\xEF\xBB\xBF") text_.remove_prefix(3);
    read_header();
  }
  /// A temporary string would be gone before the first row.
  template <std::same_as<std::string> Temporary>
  CsvReader(Temporary&& text, std::string file, std::vector<CsvColumn> columns, char delimiter = ',') = delete;

  /// Goes to the next row; false at the end of the text.
  /// @throws DataError for a wrong number of fields or damaged quoting
  bool next() {
    if (!read_row()) return false;
    if (fields_.size() != header_.size()) fail_field_count();
    ++rows_;
    return true;
  }

  /// Rows read so far, without the header.
  std::size_t rows() const noexcept { return rows_; }
  /// Line on which the current row begins, from 1.
  std::size_t line() const noexcept { return row_line_; }
  /// Name of the file, as given.
  const std::string& file() const noexcept { return file_; }
  /// Bytes of the text consumed so far, for progress.
  std::size_t position() const noexcept { return position_; }

  /// Headers as they stand in the file.
  std::span<const std::string> header() const noexcept { return header_; }
  /// Headers that no wanted column uses, in file order.
  std::vector<std::string> extra_columns() const {
    std::vector<std::string> extra;
    for (std::size_t i = 0; i < header_.size(); ++i) {
      if (std::find(source_.begin(), source_.end(), i) == source_.end()) extra.push_back(header_[i]);
    }
    return extra;
  }
  /// Whether the file has this column.
  bool has(std::size_t column) const noexcept { return source_[column] != npos; }
  /// The header under which the column was found, empty if the file lacks it.
  std::string_view header_of(std::size_t column) const noexcept {
    return has(column) ? std::string_view(header_[source_[column]]) : std::string_view();
  }

  /// The cell without its quotes; empty if missing. Valid until the next call of `next()` (and as long as the text, unless
  /// the cell contained `""`).
  std::string_view text(std::size_t column) const noexcept {
    return has(column) ? fields_[source_[column]].text : std::string_view();
  }
  /// Whether the cell is empty or its column is not in the file.
  bool missing(std::size_t column) const noexcept { return text(column).empty(); }

  /// A cell that must not be empty.
  std::string_view required_text(std::size_t column) const {
    const std::string_view cell = text(column);
    if (cell.empty()) [[unlikely]]
      fail_value(column, "a text", "");
    return cell;
  }
  /// A cell that must be a finite decimal number. @throws DataError otherwise, also if it is empty
  double number(std::size_t column) const {
    double value = 0.0;
    const auto status = detail::parse_double(text(column), value);
    if (status != detail::NumberStatus::ok) [[unlikely]]
      fail_number(column, "a finite decimal number", "a double", status);
    return value;
  }
  /// The same, or `fallback` if the cell is missing.
  double number_or(std::size_t column, double fallback) const { return missing(column) ? fallback : number(column); }
  /// A cell that must be a decimal integer of 64 bits. @throws DataError otherwise, also if it is empty
  std::int64_t integer(std::size_t column) const {
    std::int64_t value = 0;
    const auto status = detail::parse_integer(text(column), value);
    if (status != detail::NumberStatus::ok) [[unlikely]]
      fail_number(column, "an integer", "a 64-bit integer", status);
    return value;
  }
  /// The same, or `fallback` if the cell is missing.
  std::int64_t integer_or(std::size_t column, std::int64_t fallback) const {
    return missing(column) ? fallback : integer(column);
  }

  /// Reports a cell of the current row that breaks a rule of the caller: DataError `file:line:column: column 'name': message`.
  [[noreturn]] void fail(std::size_t column, const std::string& message) const {
    const char* const at = has(column) ? fields_[source_[column]].raw : text_.data() + row_begin_;
    fail_at(at, "column '" + columns_[column].name + "': " + message);
  }
  /// Reports the current row as a whole: DataError `file:line: message`.
  [[noreturn]] void fail_row(const std::string& message) const { throw DataError(file_, row_line_, 0, message); }

 private:
  static constexpr std::size_t npos = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t block_size = 64;

  struct Field {
    std::string_view text;  // without quotes
    const char* raw;        // where it starts in the file, for messages
  };

  // --- finding delimiters, line ends and quotes: one bit for each byte of a block of 64 -------------------------------

  std::uint64_t special_bits(std::size_t block) const noexcept {
    const char* const p = text_.data() + block;
    const std::size_t size = std::min(block_size, text_.size() - block);
    std::uint64_t bits = 0;
#if defined(__SSE2__)
    if (size == block_size) {
      const __m128i delimiter = _mm_set1_epi8(delimiter_);
      const __m128i quote = _mm_set1_epi8('"');
      const __m128i line_end = _mm_set1_epi8('\n');
      for (unsigned i = 0; i < block_size; i += 16) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + i));
        const __m128i found = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, delimiter), _mm_cmpeq_epi8(bytes, quote)),
                                           _mm_cmpeq_epi8(bytes, line_end));
        bits |= std::uint64_t{static_cast<std::uint32_t>(_mm_movemask_epi8(found))} << i;
      }
      return bits;
    }
#endif
    for (std::size_t i = 0; i < size; ++i) {
      const bool special = p[i] == delimiter_ || p[i] == '"' || p[i] == '\n';
      bits |= std::uint64_t{special} << i;
    }
    return bits;
  }

  void seek(std::size_t position) noexcept {
    block_ = position - position % block_size;
    bits_ = block_ < text_.size() ? special_bits(block_) & (~std::uint64_t{0} << (position - block_)) : 0;
  }

  // Position of the next special byte, or the size of the text. Consumes it.
  std::size_t next_special() noexcept {
    while (bits_ == 0) {
      block_ += block_size;
      if (block_ >= text_.size()) {
        block_ = text_.size();
        return text_.size();
      }
      bits_ = special_bits(block_);
    }
    const std::size_t position = block_ + static_cast<std::size_t>(std::countr_zero(bits_));
    bits_ &= bits_ - 1;
    return position;
  }

  // --- rows -----------------------------------------------------------------------------------------------------------

  // Bytes of the line at `position` if there is nothing on it, else 0.
  std::size_t empty_line_at(std::size_t position) const noexcept {
    const std::string_view rest = text_.substr(position, 2);
    return rest.starts_with('\n') ? 1 : rest == "\r\n" ? 2 : 0;
  }

  bool read_row() {
    const char* const data = text_.data();
    const std::size_t size = text_.size();
    while (const std::size_t length = empty_line_at(position_)) {
      position_ += length;
      ++next_line_;
      seek(position_);
    }
    row_begin_ = position_;
    row_line_ = next_line_;
    fields_.clear();
    if (position_ == size) return false;

    bool has_escapes = false;
    for (std::size_t begin = position_;;) {
      std::size_t end = next_special();
      if (end != size && data[end] == '"') [[unlikely]] {
        end = read_quoted(begin, end, has_escapes);
      } else {
        std::size_t length = end - begin;
        if (length != 0 && data[end - 1] == '\r' && (end == size || data[end] == '\n')) --length;
        fields_.push_back({{data + begin, length}, data + begin});
      }
      if (end == size || data[end] == '\n') {
        position_ = end == size ? size : end + 1;
        ++next_line_;
        break;
      }
      begin = end + 1;
    }
    if (has_escapes) [[unlikely]]
      unescape();
    return true;
  }

  // A field whose first special byte is the quote at `quote`. Returns the position of the delimiter or line end after it.
  std::size_t read_quoted(std::size_t begin, std::size_t quote, bool& has_escapes) {
    const char* const data = text_.data();
    const std::size_t size = text_.size();
    if (quote != begin) {
      fail_at(data + quote, "a quote inside a field without quotes; put the field into quotes and double the inner one");
    }
    std::size_t p = begin + 1;
    for (;; ++p) {
      const void* const found = p < size ? std::memchr(data + p, '"', size - p) : nullptr;
      if (found == nullptr) fail_at(data + begin, "this quote is never closed");
      const auto closing = static_cast<std::size_t>(static_cast<const char*>(found) - data);
      next_line_ += static_cast<std::size_t>(std::count(data + p, data + closing, '\n'));
      p = closing + 1;
      if (p == size || data[p] != '"') break;
      has_escapes = true;
    }
    fields_.push_back({{data + begin + 1, p - begin - 2}, data + begin});
    if (p < size && data[p] == '\r' && (p + 1 == size || data[p + 1] == '\n')) ++p;
    if (p < size && data[p] != delimiter_ && data[p] != '\n') {
      fail_at(data + p, "expected '" + std::string(1, delimiter_) + "' or a line end after the closing quote, found " +
                            detail::shown_text(std::string_view(data + p, 1)));
    }
    seek(p);
    return next_special();  // p itself, or the size
  }

  // Fields with "" are rewritten into unescaped_, which is sized first so that the views stay valid.
  void unescape() {
    unescaped_.clear();
    unescaped_.reserve(position_ - row_begin_);
    for (Field& field : fields_) {
      const bool quoted = field.text.data() != field.raw;
      if (!quoted || field.text.find('"') == std::string_view::npos) continue;
      const std::size_t begin = unescaped_.size();
      for (std::size_t i = 0; i < field.text.size(); ++i) {
        unescaped_ += field.text[i];
        if (field.text[i] == '"') ++i;
      }
      field.text = std::string_view(unescaped_).substr(begin);
    }
  }

  // --- header ---------------------------------------------------------------------------------------------------------

  void read_header() {
    seek(0);
    if (!read_row()) {
      std::vector<std::string> names;
      for (const CsvColumn& column : columns_) names.push_back(column.name);
      throw DataError(file_, 0, 0, "no rows: the file is empty; expected a header line with the columns " + joined(names));
    }
    for (const Field& field : fields_) header_.emplace_back(field.text);
    source_.assign(columns_.size(), npos);
    std::string missing;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      const CsvColumn& column = columns_[c];
      if (column.headers.empty()) {
        source_[c] = find_header(column.name);
      } else {
        for (std::size_t a = 0; a < column.headers.size() && source_[c] == npos; ++a) {
          source_[c] = find_header(column.headers[a]);
        }
      }
      if (source_[c] == npos && column.required) missing.append(missing.empty() ? "" : ", ").append(describe_missing(column));
    }
    if (!missing.empty()) {
      throw DataError(file_, row_line_, 0,
                      "missing columns: " + missing + "; header found: " + detail::printable(joined(header_), 4000));
    }
  }

  std::size_t find_header(std::string_view name) const {
    std::size_t found = npos;
    for (std::size_t i = 0; i < header_.size(); ++i) {
      if (header_[i] != name) continue;
      if (found != npos) fail_at(fields_[i].raw, "column '" + header_[i] + "' is in the header twice; rename or remove one");
      found = i;
    }
    return found;
  }

  std::string describe_missing(const CsvColumn& column) const {
    std::string text = column.name;
    if (!column.headers.empty()) text += " (accepted headers: " + joined(column.headers) + ")";
    const std::string close = nearest(column.name, header_);
    if (!close.empty()) text += " (did you mean '" + close + "'?)";
    return text;
  }

  static std::string joined(std::span<const std::string> names) {
    std::string text;
    for (const std::string& name : names) text.append(text.empty() ? "" : ", ").append(name);
    return text;
  }

  // --- complaints -----------------------------------------------------------------------------------------------------

  [[noreturn]] void fail_at(const char* at, const std::string& message) const {
    const char* const row = text_.data() + row_begin_;
    const std::string_view before(row, static_cast<std::size_t>(at - row));
    const auto line = row_line_ + static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
    const std::size_t line_begin = before.rfind('\n');
    const std::size_t column = line_begin == std::string_view::npos ? before.size() + 1 : before.size() - line_begin;
    throw DataError(file_, line, column, message);
  }
  [[noreturn]] void fail_field_count() const {
    throw DataError(file_, row_line_, 0,
                    "expected " + std::to_string(header_.size()) + " fields as in the header, found " +
                        std::to_string(fields_.size()) + ": " +
                        detail::shown_text(text_.substr(row_begin_, position_ - row_begin_)));
  }
  [[noreturn]] void fail_value(std::size_t column, const char* expected, const std::string& why) const {
    const std::string found = missing(column) ? std::string("an empty cell") : detail::shown_text(text(column));
    fail(column, std::string("expected ") + expected + ", found " + found + why);
  }
  [[noreturn]] void fail_number(std::size_t column, const char* expected, const char* type, detail::NumberStatus status) const {
    fail_value(column, expected,
               status == detail::NumberStatus::out_of_range ? std::string(", which is outside the range of ") + type : "");
  }

  std::string_view text_;
  std::string file_;
  std::vector<CsvColumn> columns_;
  char delimiter_;
  std::vector<std::string> header_;
  std::vector<std::size_t> source_;  // of each wanted column: its index in the file, or npos
  std::vector<Field> fields_;        // of the current row, in file order
  std::string unescaped_;
  std::uint64_t bits_ = 0;  // special bytes of the current block that are not consumed yet
  std::size_t block_ = 0;
  std::size_t position_ = 0;  // first byte of the next row
  std::size_t row_begin_ = 0;
  std::size_t row_line_ = 1;
  std::size_t next_line_ = 1;
  std::size_t rows_ = 0;
};

/// What may stand in a cell: text or a number.
template <class T>
concept CsvValue = std::convertible_to<T, std::string_view> || std::is_arithmetic_v<T>;

/// Writes rows of CSV into a string; `CsvReader` gives back the same numbers bit for bit.
///
/// Text is quoted where it contains a delimiter, a quote or a line end. Doubles and floats get their shortest text that
/// reads back exactly. A number that is not finite becomes `non_finite`; the default, an empty cell, reads as missing.
/// ```
/// CsvWriter csv;
/// csv.row("time", "price").row(1, 0.1);
/// write_file_atomically(path, csv.text());
/// ```
class CsvWriter {
 public:
  /// @param non_finite  cell of a number that is not finite
  /// @param delimiter   one byte between cells
  explicit CsvWriter(std::string non_finite = {}, char delimiter = ',')
      : non_finite_(std::move(non_finite)), delimiter_(delimiter) {}

  /// One cell of the current row.
  CsvWriter& field(std::string_view value) {
    separate();
    const char special[] = {delimiter_, '"', '\n', '\r'};
    const bool plain = value.find_first_of(std::string_view(special, sizeof special)) == std::string_view::npos;
    if (plain && !value.starts_with("\xEF\xBB\xBF")) {
      text_ += value;
      return *this;
    }
    text_ += '"';
    for (const char c : value) {
      text_ += c;
      if (c == '"') text_ += c;
    }
    text_ += '"';
    return *this;
  }
  CsvWriter& field(const char* value) { return field(std::string_view(value)); }  ///< Text that ends in a null byte.
  /// An integer in decimal; a bool as 1 or 0.
  template <std::integral T>
  CsvWriter& field(T value) {
    separate();
    if constexpr (std::same_as<T, bool>) {
      text_ += value ? '1' : '0';
    } else {
      append_number(value);
    }
    return *this;
  }
  /// The shortest text that reads back exactly; `non_finite` for a number that is not finite.
  template <std::floating_point T>
  CsvWriter& field(T value) {
    if (!is_finite(value)) return field(std::string_view(non_finite_));
    separate();
    append_number(value);
    return *this;
  }

  /// Ends the current row. @throws ShapeError if it has another number of cells than the first row
  CsvWriter& end_row() {
    if (rows_ == 0) width_ = cells_;
    if (cells_ != width_) {
      throw ShapeError("CSV row " + std::to_string(rows_ + 1) + " has " + std::to_string(cells_) +
                       " cells, the first row has " + std::to_string(width_));
    }
    if (text_.size() == row_begin_) text_ += "\"\"";  // a lone empty cell must not look like an empty line
    text_ += '\n';
    row_begin_ = text_.size();
    cells_ = 0;
    ++rows_;
    return *this;
  }

  /// A whole row.
  template <CsvValue... Values>
  CsvWriter& row(const Values&... values) {
    (field(values), ...);
    return end_row();
  }
  /// A whole row of texts.
  CsvWriter& row(std::span<const std::string> values) {
    for (const std::string& value : values) field(std::string_view(value));
    return end_row();
  }

  /// Everything written so far.
  const std::string& text() const noexcept { return text_; }
  /// Gives the text away and starts anew.
  std::string take() {
    rows_ = cells_ = row_begin_ = 0;
    return std::exchange(text_, {});
  }

 private:
  void separate() {
    if (cells_++ != 0) text_ += delimiter_;
  }
  template <class T>
  void append_number(T value) {
    char buffer[64];
    const auto result = std::to_chars(buffer, buffer + sizeof buffer, value);
    text_.append(buffer, static_cast<std::size_t>(result.ptr - buffer));
  }

  std::string text_;
  std::string non_finite_;
  char delimiter_;
  std::size_t width_ = 0;
  std::size_t cells_ = 0;
  std::size_t rows_ = 0;
  std::size_t row_begin_ = 0;
};

}  // namespace rlx::inline v0_1::io

#endif  // RLX_IO_CSV_HPP
