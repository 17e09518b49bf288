// SPDX-License-Identifier: MIT
/// @file
/// @brief Charts as SVG text: lines with bands and areas, signed stacked bars, intervals.
///
/// The pictures stand alone, follow the reader's light or dark theme, use colours that every kind of colour vision tells
/// apart, run no script and load nothing. Names and labels are escaped.
#ifndef RLX_IO_SVG_CHART_HPP
#define RLX_IO_SVG_CHART_HPP

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/io/detail/chart_axis.hpp>
#include <rlx/io/detail/svg_canvas.hpp>
#include <rlx/io/number_text.hpp>

namespace rlx::inline v0_1::io {

/// What the numbers on a horizontal axis are.
enum class AxisKind : std::uint8_t {
  number,
  time_ms  ///< UTC milliseconds since 1970, shown as dates and times
};

/// Texts and size of a chart.
struct ChartConfig {
  std::string title{};                 ///< first line; may be empty
  std::string subtitle{};              ///< second line, smaller; may be empty
  std::string x_label{};               ///< below the horizontal axis; may be empty
  std::string y_label{};               ///< above the vertical axis: quantity and unit; may be empty
  std::string y_suffix{};              ///< behind every tick of the value axis, such as "%" or " bp"
  AxisKind x_axis = AxisKind::number;  ///< line charts only
  int width = 1000;                    ///< pixels, 240 to 4,000
  int plot_height = 280;               ///< pixels of the plot itself, 60 to 4,000 (line charts only; bars grow with their rows)
  int decimals = 2;                    ///< digits after the point of values written beside bars and intervals, 0 to 12
  bool include_zero = false;           ///< the value axis contains 0
};

/// How a series of a line chart is drawn.
enum class SeriesStyle : std::uint8_t {
  line,
  dashed,
  area,   ///< a line with the area to zero filled: drawdowns, exposures
  step,   ///< the value holds until the next point: positions, learning rates
  points  ///< a dot for each point: single trades
};

/// One curve. y (and low, high) may hold NaN: the curve has a gap there.
struct Series {
  std::string name{};                     ///< in the legend and under the pointer; empty: not in the legend
  std::vector<double> x{};                ///< finite, ascending; times as milliseconds
  std::vector<double> y{};                ///< as many as x
  std::vector<double> low{};              ///< lower edge of a band; empty: none
  std::vector<double> high{};             ///< upper edge of a band, as many as x, like low
  SeriesStyle style = SeriesStyle::line;  ///< how it is drawn
  int color = -1;                         ///< 0 to 6 of the palette; -1: the next one
};

namespace detail {

inline void check(const ChartConfig& config) {
  const auto in_range = [](std::string_view field, int value, int low, int high) {
    if (value < low || value > high) {
      throw ConfigError("ChartConfig." + std::string(field) + " must lie in [" + std::to_string(low) + ", " +
                        std::to_string(high) + "], got " + std::to_string(value));
    }
  };
  in_range("width", config.width, 240, 4'000);
  in_range("plot_height", config.plot_height, 60, 4'000);
  in_range("decimals", config.decimals, 0, 12);
}

struct LegendEntry {
  std::string name{};
  std::size_t color = 0;
  SeriesStyle style = SeriesStyle::line;
  bool bar = false;
};

/// Title, subtitle, legend and label of the value axis. Returns the height that they take.
inline double draw_head(SvgCanvas& canvas, const ChartConfig& config, const std::vector<LegendEntry>& legend) {
  constexpr double margin = 16;
  double y = 12;
  if (!config.title.empty()) canvas.text(margin, y += 15, config.title, Anchor::start, "rx-title");
  if (!config.subtitle.empty()) canvas.text(margin, y += 18, config.subtitle);
  if (!legend.empty()) {
    double x = margin;
    y += 21;
    for (const LegendEntry& entry : legend) {
      const double width = 20 + 6 + text_width(entry.name, 12) + 16;
      if (x > margin && x + width > config.width) {
        x = margin;
        y += 18;
      }
      const std::string color = std::to_string(entry.color);
      if (entry.bar || entry.style == SeriesStyle::area) {
        canvas.rectangle(x + 4, y - 9, 12, 10, "rx-f" + color);
      } else if (entry.style == SeriesStyle::points) {
        canvas.circle(x + 10, y - 4, 3.5, "rx-f" + color);
      } else {
        canvas.line(x, y - 4, x + 20, y - 4, "rx-line rx-s" + color + (entry.style == SeriesStyle::dashed ? " rx-dash" : ""));
      }
      canvas.text(x + 26, y, entry.name);
      x += width;
    }
  }
  if (!config.y_label.empty()) canvas.text(margin, y += 22, config.y_label);
  return y + 14;
}

/// Keeps, of many points in one column of pixels, the first, the lowest, the highest and the last.
struct Thinner {
  /// @param emit called with the pixels of each point that stays
  template <class Emit>
  static void run(const std::vector<std::pair<double, double>>& points, Emit emit) {
    for (std::size_t i = 0; i < points.size();) {
      const double column = std::floor(points[i].first);
      std::size_t end = i + 1;
      while (end < points.size() && std::floor(points[end].first) == column) ++end;
      if (end - i <= 4) {
        for (; i < end; ++i) emit(points[i]);
        continue;
      }
      const auto begin_it = points.begin() + static_cast<std::ptrdiff_t>(i);
      const auto end_it = points.begin() + static_cast<std::ptrdiff_t>(end);
      auto [low, high] =
          std::minmax_element(begin_it, end_it, [](const auto& a, const auto& b) { return a.second < b.second; });
      if (high < low) std::swap(low, high);
      emit(*begin_it);
      if (low != begin_it && low != end_it - 1) emit(*low);
      if (high != low && high != begin_it && high != end_it - 1) emit(*high);
      emit(*(end_it - 1));
      i = end;
    }
  }
};

}  // namespace detail

/**
 * @brief Curves over numbers or time, with bands, areas, gaps and vertical marks.
 *
 * Many points are thinned to at most four for each column of pixels, lowest and highest kept, so a curve takes at most about
 * 25 kB. A gap narrower than 1.5 pixels is closed.
 * @code
 * rlx::io::LineChart chart({.title = "Equity", .y_label = "USD", .x_axis = rlx::io::AxisKind::time_ms});
 * chart.add({.name = "agent", .x = times, .y = equity});
 * std::string svg = chart.svg();
 * @endcode
 * @par Determinism A function of the input: no clock, no identifiers that two charts on a page could share.
 *
 * Called LineChart. @tparam Number  double; a parameter so that a program compiles only what it uses
 */
template <class Number>
class BasicLineChart {
 public:
  /// @throws ConfigError naming the field.
  explicit BasicLineChart(ChartConfig config) : config_(std::move(config)) { detail::check(config_); }

  /// Adds a curve; later ones lie on top. @throws ShapeError (lengths), DataError (x not finite or not ascending),
  /// ConfigError (color)
  BasicLineChart& add(Series series) {
    const std::string who = "Series \"" + series.name + "\": ";
    const std::size_t n = series.x.size();
    if (series.y.size() != n) throw ShapeError(who + sizes("y", series.y.size(), n));
    if (series.low.size() != series.high.size() || (!series.low.empty() && series.low.size() != n)) {
      throw ShapeError(who + sizes("low", series.low.size(), n) + "; " + sizes("high", series.high.size(), n) +
                       ", or both empty");
    }
    for (std::size_t i = 0; i < n; ++i) {
      if (!is_finite(series.x[i])) throw DataError(who + "x[" + std::to_string(i) + "] is not finite");
      if (i != 0 && series.x[i] < series.x[i - 1]) {
        throw DataError(who + "x[" + std::to_string(i) + "] is smaller than the one before; sort the points by x");
      }
    }
    if (series.color < -1 || series.color >= static_cast<int>(detail::palette_size)) {
      throw ConfigError(who + "color must lie in [-1, 6], got " + std::to_string(series.color));
    }
    if (series.color < 0) {
      series.color = static_cast<int>(next_color_ % detail::palette_size);
      // The second turn through the palette stays distinguishable.
      if (next_color_ >= detail::palette_size && series.style == SeriesStyle::line) series.style = SeriesStyle::dashed;
      ++next_color_;
    }
    series_.push_back(std::move(series));
    return *this;
  }

  /// A dashed vertical line at `x`, such as the border between training and test. @throws DataError if x is not finite
  BasicLineChart& mark(double x, std::string label) {
    if (!is_finite(x)) throw DataError("LineChart mark \"" + label + "\": x is not finite");
    marks_.emplace_back(x, std::move(label));
    return *this;
  }

  /// The picture. Without a finite point it says "no data".
  std::string svg() const {
    double x_low = 0, x_high = 0, y_low = 0, y_high = 0;
    const bool any = range(x_low, x_high, y_low, y_high);
    std::vector<detail::LegendEntry> legend;
    for (const Series& s : series_) {
      if (!s.name.empty()) legend.push_back({s.name, static_cast<std::size_t>(s.color), s.style, false});
    }
    detail::SvgCanvas canvas(config_.width, config_.title + (config_.subtitle.empty() ? "" : ": " + config_.subtitle));
    const double top = detail::draw_head(canvas, config_, legend);
    const double bottom = top + config_.plot_height;
    if (!any) {
      canvas.text(config_.width / 2.0, top + 30, "no data", detail::Anchor::middle);
      return canvas.finish(top + 60);
    }

    const auto y_ticks = static_cast<std::size_t>(std::clamp(config_.plot_height / 42, 2, 12));
    const detail::Axis ys = detail::number_axis(y_low, y_high, y_ticks, true, config_.y_suffix);
    double label_width = 0;
    for (const detail::Tick& tick : ys.ticks) label_width = std::max(label_width, detail::text_width(tick.label, 12));
    const double left = 16 + label_width + 8;
    const double right = config_.width - 20.0;
    const detail::Axis xs = x_axis(x_low, x_high, right - left);
    const auto to_x = [&](double x) { return left + (x - xs.low) / (xs.high - xs.low) * (right - left); };
    const auto to_y = [&](double y) { return bottom - (y - ys.low) / (ys.high - ys.low) * (bottom - top); };

    for (const detail::Tick& tick : ys.ticks) {
      const double y = to_y(tick.value);
      canvas.line(left, y, right, y, tick.label == "0" + config_.y_suffix ? "rx-zero" : "rx-grid");
      canvas.text(left - 8, y + 4, tick.label, detail::Anchor::end, "rx-num");
    }
    bool contexts = false;
    for (const detail::Tick& tick : xs.ticks) {
      const double x = to_x(tick.value);
      canvas.line(x, bottom, x, bottom + 5, "rx-zero");
      draw_centered(canvas, x, bottom + 19, tick.label, "rx-num");
      if (!tick.context.empty()) draw_centered(canvas, x, bottom + 33, tick.context, "rx-strong");
      contexts = contexts || !tick.context.empty();
    }
    draw_marks(canvas, xs, to_x, top, bottom, right);
    for (const Series& s : series_) {
      draw_band(canvas, s, to_x, to_y);
      draw_curve(canvas, s, to_x, to_y, to_y(std::clamp(0.0, ys.low, ys.high)));
    }
    double height = bottom + (contexts ? 36 : 22);
    if (!config_.x_label.empty()) canvas.text((left + right) / 2, height += 14, config_.x_label, detail::Anchor::middle);
    return canvas.finish(height + 12);
  }

 private:
  using Pixels = std::vector<std::pair<double, double>>;

  static std::string sizes(std::string_view what, std::size_t got, std::size_t expected) {
    return std::string(what) + " has " + std::to_string(got) + " values, expected " + std::to_string(expected) + " as in x";
  }

  bool range(double& x_low, double& x_high, double& y_low, double& y_high) const {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    x_low = y_low = infinity;
    x_high = y_high = -infinity;
    for (const Series& s : series_) {
      for (const std::vector<double>* values : {&s.y, &s.low, &s.high}) {
        for (std::size_t i = 0; i < values->size(); ++i) {
          if (!is_finite((*values)[i])) continue;
          y_low = std::min(y_low, (*values)[i]);
          y_high = std::max(y_high, (*values)[i]);
        }
      }
      // Points without a value count here, so that a chart of a period shows the whole period.
      if (!s.x.empty()) {
        x_low = std::min(x_low, s.x.front());
        x_high = std::max(x_high, s.x.back());
      }
      if (s.style == SeriesStyle::area && !s.y.empty()) {
        y_low = std::min(y_low, 0.0);
        y_high = std::max(y_high, 0.0);
      }
    }
    const bool any = y_low <= y_high;
    if (any && config_.include_zero) {
      y_low = std::min(y_low, 0.0);
      y_high = std::max(y_high, 0.0);
    }
    return any;
  }

  /// As many ticks as have room beside each other.
  detail::Axis x_axis(double low, double high, double pixels) const {
    if (config_.x_axis == AxisKind::time_ms) {
      return detail::time_axis(low, high, static_cast<std::size_t>(std::max(2.0, pixels / 92)));
    }
    for (double room = 80;; room *= 1.25) {
      detail::Axis axis = detail::number_axis(low, high, static_cast<std::size_t>(std::max(2.0, pixels / room)), false);
      double widest = 0;
      for (const detail::Tick& tick : axis.ticks) widest = std::max(widest, detail::text_width(tick.label, 12));
      if (widest + 14 <= pixels / static_cast<double>(axis.ticks.size() + 1) || room > pixels) return axis;
    }
  }

  /// Text around x that stays inside the picture.
  void draw_centered(detail::SvgCanvas& canvas, double x, double y, std::string_view words, std::string_view style) const {
    const double half = detail::text_width(words, 12) / 2;
    canvas.text(std::clamp(x, half + 4, std::max(half + 4, config_.width - half - 4)), y, words, detail::Anchor::middle, style);
  }

  template <class ToX>
  void draw_marks(detail::SvgCanvas& canvas, const detail::Axis& xs, ToX to_x, double top, double bottom, double right) const {
    std::vector<double> row_end;  // rightmost end of the labels in each row
    auto marks = marks_;
    std::stable_sort(marks.begin(), marks.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& [at, label] : marks) {
      if (at < xs.low || at > xs.high) continue;
      const double x = to_x(at);
      canvas.line(x, top, x, bottom, "rx-mark");
      const double width = detail::text_width(label, 12) + 8;
      const bool flip = x + width > right;
      const double begin = flip ? x - width : x;
      std::size_t row = 0;
      while (row < row_end.size() && row_end[row] > begin) ++row;
      if (row == row_end.size()) row_end.push_back(0);
      row_end[row] = begin + width;
      canvas.text(flip ? x - 5 : x + 5, top + 12 + 15 * static_cast<double>(row), label,
                  flip ? detail::Anchor::end : detail::Anchor::start);
    }
  }

  /// Calls `use` with each run of points without a gap that can be seen.
  template <class ToX, class ToY, class Use>
  static void for_each_run(const std::vector<double>& x, const std::vector<double>& y, ToX to_x, ToY to_y, Use use) {
    Pixels run;
    bool gap = false;
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (!is_finite(y[i])) {
        gap = true;
        continue;
      }
      const double px = to_x(x[i]);
      if (gap && !run.empty() && px - run.back().first >= 1.5) {
        use(run);
        run.clear();
      }
      gap = false;
      run.emplace_back(px, to_y(y[i]));
    }
    if (!run.empty()) use(run);
  }

  template <class ToX, class ToY>
  static void draw_band(detail::SvgCanvas& canvas, const Series& s, ToX to_x, ToY to_y) {
    if (s.low.empty()) return;
    // One column of pixels gets the lowest and the highest edge in it, so that both edges keep the same columns.
    struct Column {
      double x, low, high;
    };
    std::vector<Column> columns;
    detail::PathBuilder path;
    const auto close = [&] {
      if (columns.empty()) return;
      path.move(columns.front().x, columns.front().high);
      for (std::size_t i = 1; i < columns.size(); ++i) path.line(columns[i].x, columns[i].high);
      for (std::size_t i = columns.size(); i-- > 0;) path.line(columns[i].x, columns[i].low);
      path.close();
      columns.clear();
    };
    bool gap = false;
    for (std::size_t i = 0; i < s.x.size(); ++i) {
      if (!is_finite(s.low[i]) || !is_finite(s.high[i])) {
        gap = true;
        continue;
      }
      const Column now{to_x(s.x[i]), to_y(s.low[i]), to_y(s.high[i])};
      if (gap && !columns.empty() && now.x - columns.back().x >= 1.5) close();
      gap = false;
      if (!columns.empty() && std::floor(columns.back().x) == std::floor(now.x)) {
        columns.back().low = std::max(columns.back().low, now.low);  // pixels grow downwards
        columns.back().high = std::min(columns.back().high, now.high);
      } else {
        columns.push_back(now);
      }
    }
    close();
    if (!path.empty()) canvas.path(path.data(), "rx-band rx-f" + std::to_string(s.color), s.name);
  }

  template <class ToX, class ToY>
  static void draw_curve(detail::SvgCanvas& canvas, const Series& s, ToX to_x, ToY to_y, double zero) {
    const std::string color = std::to_string(s.color);
    detail::PathBuilder line;
    detail::PathBuilder area;
    for_each_run(s.x, s.y, to_x, to_y, [&](const Pixels& run) {
      if (s.style == SeriesStyle::points || run.size() == 1) {
        const double radius = s.style == SeriesStyle::points ? 3 : 1.6;
        detail::Thinner::run(run, [&](const auto& p) { canvas.circle(p.first, p.second, radius, "rx-f" + color, s.name); });
        return;
      }
      line.move(run.front().first, run.front().second);
      if (s.style == SeriesStyle::area) area.move(run.front().first, zero);
      double last = run.front().second;
      detail::Thinner::run(run, [&](const auto& p) {
        if (s.style == SeriesStyle::step) line.line(p.first, last);
        line.line(p.first, p.second);
        if (s.style == SeriesStyle::area) area.line(p.first, p.second);
        last = p.second;
      });
      if (s.style == SeriesStyle::area) {
        area.line(run.back().first, zero);
        area.close();
      }
    });
    if (!area.empty()) canvas.path(area.data(), "rx-band rx-f" + color);
    if (!line.empty()) {
      canvas.path(line.data(), "rx-line rx-s" + color + (s.style == SeriesStyle::dashed ? " rx-dash" : ""), s.name);
    }
  }

  ChartConfig config_;
  std::vector<Series> series_;
  std::vector<std::pair<double, std::string>> marks_;
  std::size_t next_color_ = 0;
};

/// As programs use it. @see BasicLineChart
using LineChart = BasicLineChart<double>;

/// A chart of the share lost from the highest equity so far: areas that hang from zero, in percent.
/// @param config its y_suffix becomes "%". @param drawdowns series whose y holds fractions >= 0, such as of
/// `risk::drawdown_curve`
/// @tparam Number  see `BasicLineChart`
template <class Number = double>
BasicLineChart<Number> drawdown_chart(ChartConfig config, std::vector<Series> drawdowns) {
  config.y_suffix = "%";
  config.include_zero = true;
  BasicLineChart<Number> chart(std::move(config));
  for (Series& s : drawdowns) {
    for (double& y : s.y) y *= -100;
    s.style = SeriesStyle::area;
    chart.add(std::move(s));
  }
  return chart;
}

namespace detail {

/// The part that charts with one labelled row for each value share: where the rows and the value axis stand.
struct RowLayout {
  Axis axis{};
  double left = 0, right = 0, top = 0, bottom = 0;
  double row_height = 30, row_middle = 15;
  double to_x(double value) const { return left + (value - axis.low) / (axis.high - axis.low) * (right - left); }
  double middle(std::size_t row) const { return top + static_cast<double>(row) * row_height + row_middle; }

  /// Draws axis, grid and both texts of each row: beside the plot, or above their bar where too little room would be left.
  static RowLayout draw(SvgCanvas& canvas, const ChartConfig& config, double top, double low, double high,
                        const std::vector<std::string>& labels, const std::vector<std::string>& values) {
    double label_width = 0;
    double value_width = 0;
    for (const std::string& label : labels) label_width = std::max(label_width, text_width(label, 12));
    for (const std::string& value : values) value_width = std::max(value_width, text_width(value, 12));
    RowLayout layout;
    layout.left = 16 + std::min(label_width, config.width * 0.35) + 14;
    layout.right = config.width - 16 - value_width - 18;
    const bool above = layout.right - layout.left < 150;
    if (above) {
      layout.left = 34;  // half a tick label stands on either side
      layout.right = config.width - 34.0;
      layout.row_height = 48;
      layout.row_middle = 33;
    }
    layout.top = top;
    layout.bottom = top + layout.row_height * static_cast<double>(labels.size());
    const auto ticks = static_cast<std::size_t>(std::max(2.0, (layout.right - layout.left) / 80));
    layout.axis = number_axis(low, high, ticks, true, config.y_suffix);
    for (const Tick& tick : layout.axis.ticks) {
      const double x = layout.to_x(tick.value);
      const bool zero = tick.label == "0" + config.y_suffix;
      canvas.line(x, layout.top, x, layout.bottom + 4, zero ? "rx-zero" : "rx-grid");
      canvas.text(x, layout.bottom + 18, tick.label, Anchor::middle, "rx-num");
    }
    for (std::size_t row = 0; row < labels.size(); ++row) {
      const double y = above ? layout.middle(row) - 16 : layout.middle(row) + 4;
      canvas.text(above ? 16 : layout.left - 14, y, labels[row], above ? Anchor::start : Anchor::end, "rx-strong");
      canvas.text(config.width - 16.0, y, values[row], Anchor::end, "rx-num rx-strong");
    }
    return layout;
  }
};

}  // namespace detail

/**
 * @brief Horizontal bars whose parts have signs: where a profit comes from.
 *
 * Positive parts go to the right of zero, negative ones to the left, a diamond and the number at the right give the sum.
 * @code
 * rlx::io::BarChart chart({.title = "Profit by source", .y_suffix = " USD"}, {"funding", "price", "fees"});
 * chart.add("agent", {120, -4, -31});
 * @endcode
 *
 * Called BarChart. @tparam Number  double; a parameter so that a program compiles only what it uses
 */
template <class Number>
class BasicBarChart {
 public:
  /// @param config  texts and size
  /// @param parts   names of the parts, at least one
  /// @throws ConfigError
  BasicBarChart(ChartConfig config, std::vector<std::string> parts) : config_(std::move(config)), parts_(std::move(parts)) {
    detail::check(config_);
    if (parts_.empty()) throw ConfigError("BarChart: at least one part is needed, got none");
  }

  /// Adds a bar below the others.
  /// @param label   text of its row
  /// @param values  one for each part, finite
  /// @throws ShapeError, DataError
  BasicBarChart& add(std::string label, std::vector<double> values) {
    if (values.size() != parts_.size()) {
      throw ShapeError("BarChart bar \"" + label + "\" has " + std::to_string(values.size()) + " values, expected " +
                       std::to_string(parts_.size()) + " (one for each part)");
    }
    for (std::size_t k = 0; k < values.size(); ++k) {
      if (!is_finite(values[k])) throw DataError("BarChart bar \"" + label + "\": part " + parts_[k] + " is not finite");
    }
    labels_.push_back(std::move(label));
    values_.push_back(std::move(values));
    return *this;
  }

  /// The picture. Without a bar it says "no data".
  std::string svg() const {
    detail::SvgCanvas canvas(config_.width, config_.title);
    std::vector<detail::LegendEntry> legend;
    for (std::size_t k = 0; k < parts_.size(); ++k) {
      legend.push_back({parts_[k], color_of(k), SeriesStyle::line, true});
    }
    const double top = detail::draw_head(canvas, config_, legend) - 4;
    if (values_.empty()) {
      canvas.text(config_.width / 2.0, top + 30, "no data", detail::Anchor::middle);
      return canvas.finish(top + 60);
    }
    double low = 0;
    double high = 0;
    std::vector<double> sums;
    std::vector<std::string> texts;
    for (const auto& bar : values_) {
      double negative = 0;
      double positive = 0;
      for (const double value : bar) (value < 0 ? negative : positive) += value;
      low = std::min(low, negative);
      high = std::max(high, positive);
      sums.push_back(negative + positive);
      texts.push_back(value_text(sums.back()));
    }
    const auto layout = detail::RowLayout::draw(canvas, config_, top, low, high, labels_, texts);
    for (std::size_t row = 0; row < values_.size(); ++row) {
      double negative = 0;
      double positive = 0;
      for (std::size_t k = 0; k < parts_.size(); ++k) {
        const double value = values_[row][k];
        double& edge = value < 0 ? negative : positive;
        const double from = layout.to_x(edge);
        const double to = layout.to_x(edge += value);
        if (std::fabs(to - from) < 0.05) continue;
        canvas.rectangle(std::min(from, to), layout.middle(row) - 9, std::fabs(to - from), 18,
                         "rx-f" + std::to_string(color_of(k)), labels_[row] + ", " + parts_[k] + ": " + value_text(value));
      }
      const double x = layout.to_x(sums[row]);
      const double y = layout.middle(row);
      const auto n = [](double pixels) { return detail::SvgCanvas::number(pixels); };
      canvas.path("M" + n(x - 6) + ' ' + n(y) + 'L' + n(x) + ' ' + n(y - 6) + 'L' + n(x + 6) + ' ' + n(y) + 'L' + n(x) + ' ' +
                      n(y + 6) + 'Z',
                  "rx-net", labels_[row] + ", sum: " + texts[row]);
    }
    double height = layout.bottom + 22;
    if (!config_.x_label.empty()) {
      canvas.text((layout.left + layout.right) / 2, height += 16, config_.x_label, detail::Anchor::middle);
    }
    return canvas.finish(height + 12);
  }

 private:
  /// Cool colours first: in a profit the first parts earn, the others cost.
  static std::size_t color_of(std::size_t part) {
    constexpr std::array<std::size_t, detail::palette_size> order{0, 5, 3, 1, 4, 6, 2};
    return order[part % order.size()];
  }
  std::string value_text(double value) const {
    std::string text = grouped(value, config_.decimals);
    if (value > 0 && text.find_first_not_of("0.,") != std::string::npos) text.insert(0, 1, '+');
    return detail::with_minus(std::move(text)) + config_.y_suffix;
  }

  ChartConfig config_;
  std::vector<std::string> parts_, labels_;
  std::vector<std::vector<double>> values_;
};

/// As programs use it. @see BasicBarChart
using BarChart = BasicBarChart<double>;

/**
 * @brief Estimates with their intervals, one row each, against zero.
 *
 * A row is green when its interval lies above zero, red when below, grey when zero is inside; the numbers stand at the
 * right, so that nothing depends on colour alone.
 *
 * Called IntervalChart. @tparam Number  double; a parameter so that a program compiles only what it uses
 */
template <class Number>
class BasicIntervalChart {
 public:
  /// @throws ConfigError naming the field.
  explicit BasicIntervalChart(ChartConfig config) : config_(std::move(config)) { detail::check(config_); }

  /// Adds a row below the others. @throws DataError unless low <= high and all are finite
  BasicIntervalChart& add(std::string label, double estimate, double low, double high) {
    if (!is_finite(estimate) || !is_finite(low) || !is_finite(high) || low > high) {
      throw DataError("IntervalChart row \"" + label + "\": expected finite numbers with low <= high, got estimate " +
                      std::to_string(estimate) + ", low " + std::to_string(low) + ", high " + std::to_string(high));
    }
    labels_.push_back(std::move(label));
    rows_.push_back({estimate, low, high});
    return *this;
  }

  /// The picture. Without a row it says "no data".
  std::string svg() const {
    detail::SvgCanvas canvas(config_.width, config_.title);
    const double top = detail::draw_head(canvas, config_, {}) - 4;
    if (rows_.empty()) {
      canvas.text(config_.width / 2.0, top + 30, "no data", detail::Anchor::middle);
      return canvas.finish(top + 60);
    }
    double low = 0;
    double high = 0;
    std::vector<std::string> texts;
    const auto number = [&](double value) { return detail::with_minus(grouped(value, config_.decimals)); };
    for (const Row& row : rows_) {
      low = std::min({low, row.low, row.estimate});
      high = std::max({high, row.high, row.estimate});
      texts.push_back(number(row.estimate) + config_.y_suffix + "  [" + number(row.low) + ", " + number(row.high) + ']');
    }
    const auto layout = detail::RowLayout::draw(canvas, config_, top, low, high, labels_, texts);
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      const Row& row = rows_[r];
      const double y = layout.middle(r);
      const std::string_view line = row.low > 0 ? "rx-line rx-s2" : row.high < 0 ? "rx-line rx-s3" : "rx-line rx-neutral";
      const std::string_view dot = row.low > 0 ? "rx-f2" : row.high < 0 ? "rx-f3" : "rx-neutral";
      canvas.line(layout.to_x(row.low), y, layout.to_x(row.high), y, line);
      for (const double end : {row.low, row.high}) canvas.line(layout.to_x(end), y - 5, layout.to_x(end), y + 5, line);
      canvas.circle(layout.to_x(row.estimate), y, 5, dot, labels_[r] + ": " + texts[r]);
    }
    double height = layout.bottom + 22;
    if (!config_.x_label.empty()) {
      canvas.text((layout.left + layout.right) / 2, height += 16, config_.x_label, detail::Anchor::middle);
    }
    return canvas.finish(height + 12);
  }

 private:
  struct Row {
    double estimate, low, high;
  };
  ChartConfig config_;
  std::vector<std::string> labels_;
  std::vector<Row> rows_;
};

/// As programs use it. @see BasicIntervalChart
using IntervalChart = BasicIntervalChart<double>;

}  // namespace rlx::inline v0_1::io

#endif  // RLX_IO_SVG_CHART_HPP
