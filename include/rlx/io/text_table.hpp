// SPDX-License-Identifier: MIT
/// @file
/// @brief Aligned tables for terminals and for Markdown.
#ifndef RLX_IO_TEXT_TABLE_HPP
#define RLX_IO_TEXT_TABLE_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/io/detail/utf8.hpp>

namespace rlx::inline v0_1::io {

/**
 * @brief Columns that UTF-8 text takes on a terminal.
 *
 * Combining marks and zero-width characters take none, East Asian wide characters and emoji two, everything else one
 * (so "±", "–" and "é" count one). Bytes that are not UTF-8 count one each. No allocation.
 */
inline std::size_t display_width(std::string_view text) {
  const auto between = [](std::uint32_t c, std::uint32_t first, std::uint32_t last) { return first <= c && c <= last; };
  std::size_t width = 0;
  for (std::size_t i = 0; i < text.size();) {
    const detail::CodePoint point = detail::decode_utf8(text, i);
    const std::uint32_t code = point.valid ? point.value : '?';
    i += point.length;
    const bool none = between(code, 0x300, 0x36F) || between(code, 0x200B, 0x200F) || between(code, 0x20D0, 0x20FF) ||
                      between(code, 0xFE00, 0xFE0F) || code == 0xFEFF;
    const bool wide = between(code, 0x1100, 0x115F) || between(code, 0x2E80, 0xA4CF) || between(code, 0xAC00, 0xD7A3) ||
                      between(code, 0xF900, 0xFAFF) || between(code, 0xFE30, 0xFE6F) || between(code, 0xFF00, 0xFF60) ||
                      between(code, 0xFFE0, 0xFFE6) || between(code, 0x1F300, 0x1FAFF) || between(code, 0x20000, 0x3FFFD);
    width += none ? 0 : wide ? 2 : 1;
  }
  return width;
}

/// Where a column's text stands.
enum class Align { left, right };

/**
 * @brief A table that is filled row by row and then written as text.
 *
 * A column is right-aligned when all its cells look like numbers (optional sign, digits, then anything: `-1.5`, `12 %`,
 * `3.1 ± 0.2`, `[-1, 2]`) or are empty or dashes; `align` overrides it. Cells are UTF-8 on one line; line breaks inside
 * become spaces.
 * @code
 * rlx::io::TextTable table({"policy", "profit %"});
 * table.row({"agent", "1.25"}).row({"hold", "0.00"});
 * std::string text = table.to_string();
 * @endcode
 *
 * Called TextTable. @tparam Text  std::string; a parameter so that a program compiles only what it uses
 */
template <class Text>
class BasicTextTable {
 public:
  /// @throws ShapeError without a column.
  explicit BasicTextTable(std::vector<std::string> headers)
      : headers_(std::move(headers)), align_(headers_.size(), Choice::guess) {
    if (headers_.empty()) throw ShapeError("TextTable: at least one column header is needed, got none");
    for (std::string& cell : headers_) cell = one_line(std::move(cell));
  }

  /// Adds one row. @throws ShapeError unless there is one cell for each column.
  BasicTextTable& row(std::vector<std::string> cells) {
    if (cells.size() != headers_.size()) {
      throw ShapeError("TextTable: row " + std::to_string(rows_.size() + 1) + " has " + std::to_string(cells.size()) +
                       " cells, expected " + std::to_string(headers_.size()) + " (one for each column)");
    }
    for (std::string& cell : cells) cell = one_line(std::move(cell));
    rows_.push_back(std::move(cells));
    return *this;
  }
  /// Draws a line before the next row (terminal form only); at the end of the table it draws nothing.
  BasicTextTable& rule() {
    rules_.push_back(rows_.size());
    return *this;
  }
  /// Sets the alignment of a column. @throws ShapeError if it does not exist.
  BasicTextTable& align(std::size_t column, Align side) {
    if (column >= headers_.size()) {
      throw ShapeError("TextTable: column " + std::to_string(column) + " does not exist, the table has " +
                       std::to_string(headers_.size()));
    }
    align_[column] = side == Align::left ? Choice::left : Choice::right;
    return *this;
  }

  std::size_t rows() const noexcept { return rows_.size(); }                     ///< added so far
  std::size_t columns() const noexcept { return headers_.size(); }               ///< one for each header, at least 1
  const std::vector<std::string>& headers() const noexcept { return headers_; }  ///< line breaks and tabs replaced by spaces
  /// The cells of a row, in the order of the columns. `row` must be below `rows()`.
  const std::vector<std::string>& cells(std::size_t row) const { return rows_.at(row); }

  /// The table with columns two spaces apart and a line under the header; every line ends in `\n`, without trailing spaces.
  std::string to_string() const {
    const std::vector<std::size_t> widths = column_widths(0);
    const std::vector<bool> sides = right_columns();
    std::string line;
    for (std::size_t c = 0; c < widths.size(); ++c) {
      line.append(c == 0 ? "" : "  ");
      for (std::size_t i = 0; i < widths[c]; ++i) line += "\xE2\x94\x80";
    }
    line += '\n';
    std::string text;
    append_row(text, headers_, widths, sides);
    text += line;
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      if (std::find(rules_.begin(), rules_.end(), r) != rules_.end() && r != 0) text += line;
      append_row(text, rows_[r], widths, sides);
    }
    return text;
  }

  /// The table as GitHub Markdown; `|` and `\` in cells are escaped.
  std::string to_markdown() const {
    BasicTextTable escaped(*this);
    for (std::string& cell : escaped.headers_) cell = escape_markdown(cell);
    for (auto& cells : escaped.rows_) {
      for (std::string& cell : cells) cell = escape_markdown(cell);
    }
    const std::vector<std::size_t> widths = escaped.column_widths(3);
    const std::vector<bool> sides = right_columns();
    std::string text;
    const auto append = [&](const std::vector<std::string>& cells) {
      for (std::size_t c = 0; c < cells.size(); ++c) {
        text += c == 0 ? "| " : " | ";
        append_cell(text, cells[c], widths[c], sides[c]);
      }
      text += " |\n";
    };
    append(escaped.headers_);
    for (std::size_t c = 0; c < widths.size(); ++c) {
      text += c == 0 ? "| " : " | ";
      text.append(widths[c] - 1, '-').append(1, sides[c] ? ':' : '-');
    }
    text += " |\n";
    for (const auto& cells : escaped.rows_) append(cells);
    return text;
  }

  /// Whether the column is right-aligned, by `align` or by its cells.
  bool right(std::size_t column) const {
    if (align_.at(column) != Choice::guess) return align_[column] == Choice::right;
    bool any = false;
    for (const auto& cells : rows_) {
      const std::string& cell = cells[column];
      if (cell.empty() || cell == "-" || cell == "\xE2\x80\x93" || cell == "nan" || cell == "null") continue;
      if (!looks_numeric(cell)) return false;
      any = true;
    }
    return any;
  }

 private:
  enum class Choice : std::uint8_t { guess, left, right };

  static std::string one_line(std::string cell) {
    std::replace_if(
        cell.begin(), cell.end(), [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
    return cell;
  }
  static bool looks_numeric(std::string_view cell) {
    if (cell.starts_with("\xE2\x88\x92")) cell.remove_prefix(3);  // the minus sign U+2212
    const std::size_t first = cell.find_first_not_of("+-[($ .");
    return first != std::string_view::npos && cell[first] >= '0' && cell[first] <= '9';
  }
  static std::string escape_markdown(std::string_view cell) {
    std::string text;
    for (const char c : cell) {
      if (c == '|' || c == '\\') text += '\\';
      text += c;
    }
    return text;
  }
  static void append_cell(std::string& text, const std::string& cell, std::size_t width, bool right) {
    const std::size_t space = width - display_width(cell);
    if (right) text.append(space, ' ');
    text += cell;
    if (!right) text.append(space, ' ');
  }
  std::vector<std::size_t> column_widths(std::size_t least) const {
    std::vector<std::size_t> widths(headers_.size(), least);
    for (std::size_t c = 0; c < widths.size(); ++c) {
      widths[c] = std::max(widths[c], display_width(headers_[c]));
      for (const auto& cells : rows_) widths[c] = std::max(widths[c], display_width(cells[c]));
    }
    return widths;
  }
  std::vector<bool> right_columns() const {
    std::vector<bool> sides(headers_.size());
    for (std::size_t c = 0; c < sides.size(); ++c) sides[c] = right(c);
    return sides;
  }
  static void append_row(std::string& text, const std::vector<std::string>& cells, const std::vector<std::size_t>& widths,
                         const std::vector<bool>& sides) {
    for (std::size_t c = 0; c < cells.size(); ++c) {
      text.append(c == 0 ? "" : "  ");
      append_cell(text, cells[c], widths[c], sides[c]);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  }

  std::vector<std::string> headers_;
  std::vector<Choice> align_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<std::size_t> rules_;  ///< a line stands before these rows
};

/// As programs use it. @see BasicTextTable
using TextTable = BasicTextTable<std::string>;

}  // namespace rlx::inline v0_1::io

#endif  // RLX_IO_TEXT_TABLE_HPP
