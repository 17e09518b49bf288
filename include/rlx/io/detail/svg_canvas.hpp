// SPDX-License-Identifier: MIT
/// @file
/// @brief Pieces of SVG text: coordinates, escaped words, the style sheet of the charts.
#ifndef RLX_IO_DETAIL_SVG_CANVAS_HPP
#define RLX_IO_DETAIL_SVG_CANVAS_HPP

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <rlx/io/detail/utf8.hpp>
#include <rlx/io/number_text.hpp>

namespace rlx::inline v0_1::io::detail {

/// Text as it may stand in markup and in quoted attributes. Control characters, which XML forbids, become spaces, and bytes
/// that are not UTF-8 question marks.
inline std::string escape_markup(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint point = decode_utf8(text, i);
    if (!point.valid) {
      out += '?';
    } else if (point.value == '&') {
      out += "&amp;";
    } else if (point.value == '<') {
      out += "&lt;";
    } else if (point.value == '>') {
      out += "&gt;";
    } else if (point.value == '"') {
      out += "&quot;";
    } else if (point.value == '\'') {
      out += "&#39;";
    } else if ((point.value < 0x20 && point.value != '\n' && point.value != '\t') || point.value == 0x7F) {
      out += ' ';
    } else {
      out += text.substr(i, point.length);
    }
    i += point.length;
  }
  return out;
}

/// About the width in pixels of text in a sans-serif font of `size` pixels; meant to err on the wide side.
inline double text_width(std::string_view text, double size) {
  double ems = 0;
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint point = decode_utf8(text, i);
    i += point.length;
    const char c = point.value < 0x80 ? static_cast<char>(point.value) : '\0';
    if (c == '\0') {
      ems += 0.7;
    } else if (std::string_view("iljtfrI.,:;'|!()[] ").find(c) != std::string_view::npos) {
      ems += 0.34;
    } else if (std::string_view("mwMW%@").find(c) != std::string_view::npos) {
      ems += 0.92;
    } else {
      ems += c >= 'A' && c <= 'Z' ? 0.70 : 0.60;
    }
  }
  return ems * size;
}

inline constexpr std::size_t palette_size = 7;

/// Okabe and Ito's colours for every kind of colour vision, lightened for dark pages; scoped to `.rx-chart`, the same for all.
inline constexpr std::string_view chart_style = R"(<style>
.rx-chart text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;fill:#55606e}
.rx-chart .rx-title{font-size:15px;font-weight:600;fill:#1c2430}.rx-chart .rx-strong{fill:#1c2430}
.rx-chart .rx-num{font-variant-numeric:tabular-nums}
.rx-chart .rx-bg{fill:#fff}.rx-chart .rx-grid{stroke:#e4e8ee}.rx-chart .rx-zero{stroke:#8a94a3;stroke-width:1.2}
.rx-chart .rx-mark{stroke:#8a94a3;stroke-dasharray:4 3}.rx-chart .rx-dash{stroke-dasharray:6 4}
.rx-chart .rx-line{fill:none;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}
.rx-chart .rx-band{fill-opacity:.18}.rx-chart .rx-net{fill:#1c2430;stroke:#fff;stroke-width:1.5}
.rx-chart .rx-neutral{fill:#6b7684;stroke:#6b7684}
.rx-chart .rx-s0{stroke:#0072b2}.rx-chart .rx-f0{fill:#0072b2}
.rx-chart .rx-s1{stroke:#e69f00}.rx-chart .rx-f1{fill:#e69f00}
.rx-chart .rx-s2{stroke:#009e73}.rx-chart .rx-f2{fill:#009e73}
.rx-chart .rx-s3{stroke:#d55e00}.rx-chart .rx-f3{fill:#d55e00}
.rx-chart .rx-s4{stroke:#b4638f}.rx-chart .rx-f4{fill:#b4638f}
.rx-chart .rx-s5{stroke:#56b4e9}.rx-chart .rx-f5{fill:#56b4e9}
.rx-chart .rx-s6{stroke:#6b7684}.rx-chart .rx-f6{fill:#6b7684}
@media screen and (prefers-color-scheme:dark){
.rx-chart text{fill:#a7b0bd}.rx-chart .rx-title,.rx-chart .rx-strong{fill:#eef1f5}.rx-chart .rx-bg{fill:#171b21}
.rx-chart .rx-grid{stroke:#2a313b}.rx-chart .rx-zero,.rx-chart .rx-mark{stroke:#6d7887}
.rx-chart .rx-net{fill:#eef1f5;stroke:#171b21}.rx-chart .rx-neutral{fill:#98a3b1;stroke:#98a3b1}
.rx-chart .rx-s0{stroke:#4c9be8}.rx-chart .rx-f0{fill:#4c9be8}
.rx-chart .rx-s1{stroke:#f5be4a}.rx-chart .rx-f1{fill:#f5be4a}
.rx-chart .rx-s2{stroke:#2fc79a}.rx-chart .rx-f2{fill:#2fc79a}
.rx-chart .rx-s3{stroke:#ff8a4c}.rx-chart .rx-f3{fill:#ff8a4c}
.rx-chart .rx-s4{stroke:#e59cc6}.rx-chart .rx-f4{fill:#e59cc6}
.rx-chart .rx-s5{stroke:#8ed6ff}.rx-chart .rx-f5{fill:#8ed6ff}
.rx-chart .rx-s6{stroke:#98a3b1}.rx-chart .rx-f6{fill:#98a3b1}
}
</style>)";

/// Path data in steps from point to point, which take half the bytes of absolute coordinates.
class PathBuilder {
 public:
  void move(double x, double y) {
    set(x, y);
    data_.append("M").append(text(x_)).append(" ").append(text(y_));
  }
  void line(double x, double y) {
    const std::int64_t from_x = x_;
    const std::int64_t from_y = y_;
    set(x, y);
    data_.append("l").append(text(x_ - from_x)).append(y_ < from_y ? "" : " ").append(text(y_ - from_y));
  }
  void close() { data_ += 'Z'; }
  bool empty() const noexcept { return data_.empty(); }
  const std::string& data() const noexcept { return data_; }

 private:
  // Whole tenths of a pixel: rounding errors of the steps do not add up.
  void set(double x, double y) {
    x_ = std::llround(x * 10);
    y_ = std::llround(y * 10);
  }
  static std::string text(std::int64_t tenths) { return trimmed(static_cast<double>(tenths) / 10, 1); }

  std::int64_t x_ = 0, y_ = 0;
  std::string data_;
};

/// Where a word is held.
enum class Anchor { start, middle, end };

/// Grows one SVG picture. Coordinates are pixels, written with one decimal.
class SvgCanvas {
 public:
  SvgCanvas(double width, std::string_view description) : width_(width), description_(description) {}

  static std::string number(double pixels) { return trimmed(pixels, 1); }

  void text(double x, double y, std::string_view words, Anchor anchor = Anchor::start, std::string_view style = {}) {
    body_.append("<text x=\"").append(number(x)).append("\" y=\"").append(number(y)).append("\"");
    if (anchor != Anchor::start) body_.append(anchor == Anchor::middle ? " text-anchor=\"middle\"" : " text-anchor=\"end\"");
    if (!style.empty()) body_.append(" class=\"").append(style).append("\"");
    body_.append(">").append(escape_markup(words)).append("</text>\n");
  }
  void line(double x1, double y1, double x2, double y2, std::string_view style) {
    body_.append("<line x1=\"").append(number(x1)).append("\" y1=\"").append(number(y1)).append("\" x2=\"").append(number(x2));
    body_.append("\" y2=\"").append(number(y2)).append("\" class=\"").append(style).append("\"/>\n");
  }
  /// @param hover shown by browsers under the pointer; empty: nothing
  void rectangle(double x, double y, double width, double height, std::string_view style, std::string_view hover = {}) {
    body_.append("<rect x=\"")
        .append(number(x))
        .append("\" y=\"")
        .append(number(y))
        .append("\" width=\"")
        .append(number(width));
    body_.append("\" height=\"").append(number(height)).append("\" class=\"").append(style).append("\"");
    end_element("rect", hover);
  }
  void path(std::string_view data, std::string_view style, std::string_view hover = {}) {
    body_.append("<path d=\"").append(data).append("\" class=\"").append(style).append("\"");
    end_element("path", hover);
  }
  void circle(double x, double y, double radius, std::string_view style, std::string_view hover = {}) {
    body_.append("<circle cx=\"")
        .append(number(x))
        .append("\" cy=\"")
        .append(number(y))
        .append("\" r=\"")
        .append(number(radius));
    body_.append("\" class=\"").append(style).append("\"");
    end_element("circle", hover);
  }

  /// The whole picture, `height` pixels high.
  std::string finish(double height) const {
    std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"rx-chart\" role=\"img\" aria-label=\"";
    svg.append(escape_markup(description_))
        .append("\" viewBox=\"0 0 ")
        .append(number(width_))
        .append(" ")
        .append(number(height));
    svg.append("\" width=\"").append(number(width_)).append("\" height=\"").append(number(height)).append("\">\n");
    svg.append(chart_style).append("\n<rect class=\"rx-bg\" width=\"100%\" height=\"100%\" rx=\"8\"/>\n");
    return svg.append(body_).append("</svg>\n");
  }

 private:
  void end_element(std::string_view name, std::string_view hover) {
    if (hover.empty()) {
      body_ += "/>\n";
    } else {
      body_.append("><title>").append(escape_markup(hover)).append("</title></").append(name).append(">\n");
    }
  }

  double width_;
  std::string description_;
  std::string body_;
};

}  // namespace rlx::inline v0_1::io::detail

#endif  // RLX_IO_DETAIL_SVG_CANVAS_HPP
