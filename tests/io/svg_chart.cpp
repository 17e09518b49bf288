// SPDX-License-Identifier: MIT
#include <rlx/io/svg_chart.hpp>

#include "rlx_catch.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

using namespace rlx;
using namespace rlx::io;
using rlx_test::Approx;
using rlx_test::ContainsSubstring;
using rlx_test::WithinAbs;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double day_ms = 86'400'000;

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++found;
  return found;
}

std::vector<std::string> labels(const io::detail::Axis& axis) {
  std::vector<std::string> all;
  for (const io::detail::Tick& tick : axis.ticks)
    all.push_back(tick.context.empty() ? tick.label : tick.label + '|' + tick.context);
  return all;
}

/// Every element is closed by its own name, and no attribute or text holds a bare < or &.
void require_well_formed(const std::string& svg) {
  std::vector<std::string> open;
  for (std::size_t at = 0; at < svg.size(); ++at) {
    if (svg[at] == '&') {
      const std::string entity = svg.substr(at, svg.find(';', at) - at + 1);
      const bool known = entity == "&amp;" || entity == "&lt;" || entity == "&gt;" || entity == "&quot;" || entity == "&#39;";
      REQUIRE(known);
    }
    if (svg[at] != '<') continue;
    const std::size_t end = svg.find('>', at);
    REQUIRE(end != std::string::npos);
    const std::string tag = svg.substr(at + 1, end - at - 1);
    REQUIRE(tag.find('<') == std::string::npos);
    REQUIRE(count(tag, "\"") % 2 == 0);
    if (tag.front() == '/') {
      REQUIRE_FALSE(open.empty());
      REQUIRE(open.back() == tag.substr(1));
      open.pop_back();
    } else if (tag.back() != '/') {
      open.push_back(tag.substr(0, tag.find(' ')));
    }
    at = end;
  }
  REQUIRE(open.empty());
}

/// Smallest and largest y of the first path drawn as a line, following its relative steps.
std::pair<double, double> vertical_range(const std::string& svg) {
  const std::size_t style = svg.find("class=\"rx-line");
  std::size_t at = svg.rfind("d=\"M", style) + 3;
  double y = 0;
  std::pair<double, double> range{1e9, -1e9};
  while (svg[at] != '"') {
    const bool relative = svg[at] == 'l';
    std::size_t used = 0;
    at += 1;
    static_cast<void>(std::stod(svg.substr(at, 40), &used));
    at += used;
    const double value = std::stod(svg.substr(at, 40), &used);
    at += used;
    y = relative ? y + value : value;
    range = {std::min(range.first, y), std::max(range.second, y)};
  }
  return range;
}

Series ramp(std::size_t n) {
  Series s{.name = "ramp"};
  for (std::size_t i = 0; i < n; ++i) {
    s.x.push_back(static_cast<double>(i));
    s.y.push_back(static_cast<double>(i));
  }
  return s;
}

}  // namespace

TEST_CASE("steps are round numbers not below what is asked", "[io][svg_chart]") {
  REQUIRE(io::detail::nice_step(0.9) == Approx(1));
  REQUIRE(io::detail::nice_step(1.0) == Approx(1));
  REQUIRE(io::detail::nice_step(1.1) == Approx(2));
  REQUIRE(io::detail::nice_step(2.1) == Approx(2.5));
  REQUIRE(io::detail::nice_step(2.6) == Approx(5));
  REQUIRE(io::detail::nice_step(5.1) == Approx(10));
  REQUIRE(io::detail::nice_step(0.0011) == Approx(0.002));
  REQUIRE(io::detail::nice_step(7e12) == Approx(1e13));
}

TEST_CASE("a vertical axis widens to whole ticks with equal decimals", "[io][svg_chart]") {
  const io::detail::Axis axis = io::detail::number_axis(-0.3, 1.1, 4, true, "%");
  REQUIRE(axis.low == Approx(-0.5));
  REQUIRE(axis.high == Approx(1.5));
  REQUIRE(labels(axis) == std::vector<std::string>{"−0.5%", "0%", "0.5%", "1.0%", "1.5%"});
}

TEST_CASE("a horizontal axis keeps its range", "[io][svg_chart]") {
  const io::detail::Axis axis = io::detail::number_axis(3, 97, 5, false);
  REQUIRE(axis.low == 3);
  REQUIRE(axis.high == 97);
  REQUIRE(labels(axis) == std::vector<std::string>{"20", "40", "60", "80"});
}

TEST_CASE("large and small numbers get short labels", "[io][svg_chart]") {
  REQUIRE(labels(io::detail::number_axis(0, 4e6, 4, true)) == std::vector<std::string>{"0", "1M", "2M", "3M", "4M"});
  REQUIRE(labels(io::detail::number_axis(0, 1.5e6, 3, true)) == std::vector<std::string>{"0", "0.5M", "1.0M", "1.5M"});
  REQUIRE(labels(io::detail::number_axis(10'000, 10'400, 4, true)) ==
          std::vector<std::string>{"10,000", "10,100", "10,200", "10,300", "10,400"});
  REQUIRE(labels(io::detail::number_axis(-2e-5, 4e-5, 3, true)) == std::vector<std::string>{"−2e−5", "0", "2e−5", "4e−5"});
}

TEST_CASE("a flat curve and extreme ranges still have an axis", "[io][svg_chart]") {
  for (const double level : {0.0, 5.0, -1e-300, 1e300, 1e15 + 0.5}) {
    const io::detail::Axis axis = io::detail::number_axis(level, level, 5, true);
    REQUIRE(axis.low < axis.high);
    REQUIRE(axis.ticks.size() >= 2);
    REQUIRE(axis.ticks.size() <= 12);
  }
}

TEST_CASE("time ticks stand on whole hours, days, months and years", "[io][svg_chart]") {
  // 2024-02-28 12:00 UTC = 1,709,121,600 s since 1970.
  const double t = 1'709'121'600'000.0;
  REQUIRE(labels(io::detail::time_axis(t, t + day_ms, 4)) ==
          std::vector<std::string>{"12:00|28 Feb 2024", "18:00", "00:00|29 Feb", "06:00", "12:00"});
  REQUIRE(labels(io::detail::time_axis(t, t + 3 * day_ms, 3)) == std::vector<std::string>{"29 Feb|2024", "1 Mar", "2 Mar"});
  // Weeks begin on Mondays: 2024-03-04 was one.
  REQUIRE(labels(io::detail::time_axis(t, t + 21 * day_ms, 3)) == std::vector<std::string>{"4 Mar|2024", "11 Mar", "18 Mar"});
  REQUIRE(labels(io::detail::time_axis(t, t + 330 * day_ms, 11)) ==
          std::vector<std::string>{"Mar|2024", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Jan|2025"});
  REQUIRE(labels(io::detail::time_axis(t, t + 4 * 365 * day_ms, 5)) ==
          std::vector<std::string>{"2025", "2026", "2027", "2028"});
  REQUIRE(labels(io::detail::time_axis(t, t + 20 * 365.25 * day_ms, 4)) ==
          std::vector<std::string>{"2025", "2030", "2035", "2040"});
  REQUIRE(labels(io::detail::time_axis(t, t + 600'000, 2)) == std::vector<std::string>{"12:00|28 Feb 2024", "12:05", "12:10"});
  REQUIRE(io::detail::time_axis(t, t, 5).ticks.size() >= 2);
  // Before 1970.
  REQUIRE(labels(io::detail::time_axis(-2 * day_ms, 0, 2)) == std::vector<std::string>{"30 Dec|1969", "31 Dec", "1 Jan|1970"});
}

TEST_CASE("all words are escaped and the picture is well formed", "[io][svg_chart]") {
  const std::string evil = "<script>\"a\" & 'b'</script>\x01\xFF";
  LineChart line({.title = evil, .subtitle = evil, .x_label = evil, .y_label = evil, .y_suffix = "<%"});
  Series s = ramp(5);
  s.name = evil;
  s.low = s.high = s.y;
  line.add(s).mark(2, evil);
  for (const std::string& svg : {line.svg(), BarChart({.title = evil}, {evil, "b"}).add(evil, {1, -2}).svg(),
                                 IntervalChart({.title = evil, .x_label = evil}).add(evil, 1, 0, 2).svg(), LineChart({}).svg(),
                                 BarChart({}, {"a"}).svg(), IntervalChart({}).svg()}) {
    require_well_formed(svg);
    REQUIRE(svg.find("<script") == std::string::npos);
    REQUIRE(svg.find('\xFF') == std::string::npos);
    REQUIRE(svg.find("url(") == std::string::npos);
    REQUIRE(svg.find("href") == std::string::npos);
    REQUIRE(svg.starts_with("<svg"));
  }
}

TEST_CASE("a straight line goes from corner to corner", "[io][svg_chart]") {
  const std::string svg = LineChart({.plot_height = 100}).add({.x = {0, 1}, .y = {0, 10}}).svg();
  // Without a title the plot begins 26 pixels down; labels up to "10" take 16 + 14.4 + 8 pixels at the left.
  REQUIRE_THAT(svg, ContainsSubstring("<path d=\"M38.4 126l0 0l941.6-100\" class=\"rx-line rx-s0\"/>"));
}

TEST_CASE("gaps are gaps, and a point between two of them is a dot", "[io][svg_chart]") {
  const std::string svg =
      LineChart({}).add({.name = "a", .x = {0, 1, 2, 3, 4, 5}, .y = {1, 2, not_a_number, 3, not_a_number, 4}}).svg();
  REQUIRE(count(svg, "M") - count(svg, "Ma") == 1);
  REQUIRE(count(svg, "<circle") == 2);
  REQUIRE(svg.find("nan") == std::string::npos);
}

TEST_CASE("a hundred thousand points make a small file that keeps the extremes", "[io][svg_chart]") {
  Series s{.name = "walk", .style = SeriesStyle::area};
  for (int i = 0; i < 100'000; ++i) {
    s.x.push_back(i);
    s.y.push_back(i == 54'321 ? 50.0 : i == 12'345 ? -50.0 : std::sin(i * 0.7));
    s.low.push_back(s.y.back() - 1);
    s.high.push_back(s.y.back() + 1);
  }
  s.y[777] = not_a_number;
  const std::string svg = LineChart({.plot_height = 102}).add(s).svg();
  REQUIRE(svg.size() < 90'000);
  // The axis is -100 to 100 on 102 pixels below 47, where the legend ends: 50 stands at 72.5, -50 at 123.5.
  const auto [highest, lowest] = vertical_range(svg);
  REQUIRE_THAT(highest, WithinAbs(72.5, 0.051));
  REQUIRE_THAT(lowest, WithinAbs(123.5, 0.051));
}

TEST_CASE("step curves have corners and areas reach zero", "[io][svg_chart]") {
  const std::string step = LineChart({.plot_height = 100}).add({.x = {0, 1}, .y = {0, 10}, .style = SeriesStyle::step}).svg();
  REQUIRE_THAT(step, ContainsSubstring("M38.4 126l0 0l0 0l941.6 0l0-100\""));
  const std::string area = LineChart({.plot_height = 100}).add({.x = {0, 1}, .y = {5, 10}, .style = SeriesStyle::area}).svg();
  REQUIRE_THAT(area, ContainsSubstring("<path d=\"M38.4 126l0-50l941.6-50l0 100Z\" class=\"rx-band rx-f0\"/>"));
}

TEST_CASE("drawdowns hang from zero in per cent", "[io][svg_chart]") {
  const std::string svg = drawdown_chart({.plot_height = 100}, {{.name = "a", .x = {0, 1, 2}, .y = {0, 0.1, 0.05}}}).svg();
  REQUIRE_THAT(svg, ContainsSubstring(">−10%<") && ContainsSubstring(">0%<"));
  REQUIRE_THAT(svg, ContainsSubstring("rx-zero"));
}

TEST_CASE("more curves than colours stay apart by dashes", "[io][svg_chart]") {
  LineChart chart({});
  for (int k = 0; k < 9; ++k) chart.add(ramp(2));
  const std::string svg = chart.svg();
  REQUIRE(count(svg, "class=\"rx-line rx-s0 rx-dash\"") == 2);  // in the legend and in the plot
  REQUIRE(count(svg, "class=\"rx-line rx-s6\"") == 2);
}

TEST_CASE("labels of marks that are close stand in rows", "[io][svg_chart]") {
  const std::string svg =
      LineChart({}).add(ramp(100)).mark(50, "validation").mark(51, "test").mark(98, "end").mark(500, "off").svg();
  REQUIRE_THAT(svg, ContainsSubstring("y=\"59\">validation<") && ContainsSubstring("y=\"74\">test<"));
  REQUIRE_THAT(svg, ContainsSubstring("text-anchor=\"end\">end<"));
  REQUIRE(svg.find(">off<") == std::string::npos);
}

TEST_CASE("signed parts stack on both sides and the sum is written", "[io][svg_chart]") {
  BarChart chart({.y_suffix = " USD"}, {"funding", "price", "fees"});
  chart.add("agent", {120, -20, -40}).add("hold", {0, 0, 0});
  const std::string svg = chart.svg();
  REQUIRE_THAT(svg, ContainsSubstring("<title>agent, funding: +120.00 USD</title>"));
  REQUIRE_THAT(svg, ContainsSubstring("<title>agent, fees: −40.00 USD</title>"));
  REQUIRE_THAT(svg, ContainsSubstring(">+60.00 USD</text>") && ContainsSubstring(">0.00 USD</text>"));
  REQUIRE(count(svg, "<rect") == 1 + 3 + 3);  // ground, legend, the agent's parts; nothing for zeros
  REQUIRE(count(svg, "rx-net\">") == 2);
}

TEST_CASE("intervals show their side of zero by colour and number", "[io][svg_chart]") {
  IntervalChart chart({.y_suffix = "%"});
  chart.add("good", 2, 1, 3).add("open", 0.5, -1, 2).add("bad", -2, -3, -1);
  const std::string svg = chart.svg();
  REQUIRE_THAT(svg, ContainsSubstring("class=\"rx-f2\"><title>good: 2.00%  [1.00, 3.00]</title>"));
  REQUIRE_THAT(svg, ContainsSubstring("class=\"rx-neutral\"><title>open: 0.50%  [−1.00, 2.00]</title>"));
  REQUIRE_THAT(svg, ContainsSubstring("class=\"rx-f3\"><title>bad: −2.00%  [−3.00, −1.00]</title>"));
}

TEST_CASE("a narrow picture writes the texts of a row above its bar", "[io][svg_chart]") {
  const std::string wide = IntervalChart({.title = "t", .width = 800}).add("settlement timing", 1, 0.5, 2).svg();
  REQUIRE_THAT(wide, ContainsSubstring("y=\"56\" text-anchor=\"end\" class=\"rx-strong\">settlement timing<"));
  const std::string narrow = IntervalChart({.title = "t", .width = 340}).add("settlement timing", 1, 0.5, 2).svg();
  REQUIRE_THAT(narrow, ContainsSubstring("x=\"16\" y=\"54\" class=\"rx-strong\">settlement timing<"));
  REQUIRE_THAT(narrow, ContainsSubstring("x=\"324\" y=\"54\""));
  REQUIRE_THAT(narrow, ContainsSubstring("cy=\"70\""));
}

TEST_CASE("nothing to show says so", "[io][svg_chart]") {
  const std::vector<std::string> pictures{LineChart({}).svg(), LineChart({}).add({.x = {1}, .y = {not_a_number}}).svg(),
                                          BarChart({}, {"a"}).svg(), IntervalChart({}).svg()};
  for (const std::string& svg : pictures) REQUIRE_THAT(svg, ContainsSubstring("no data"));
}

TEST_CASE("wrong input is refused with its name", "[io][svg_chart]") {
  REQUIRE_THROWS_WITH(LineChart({.width = 10}), ContainsSubstring("ChartConfig.width must lie in [240, 4000], got 10"));
  REQUIRE_THROWS_AS(LineChart({.plot_height = 0}), ConfigError);
  REQUIRE_THROWS_AS(IntervalChart({.decimals = 13}), ConfigError);
  LineChart chart({});
  REQUIRE_THROWS_WITH(chart.add({.name = "s", .x = {1, 2}, .y = {1}}),
                      ContainsSubstring("Series \"s\": y has 1 values, expected 2"));
  REQUIRE_THROWS_AS(chart.add({.x = {1}, .y = {1}, .low = {1}}), ShapeError);
  REQUIRE_THROWS_AS(chart.add({.x = {1}, .y = {1}, .low = {1, 2}, .high = {1, 2}}), ShapeError);
  REQUIRE_THROWS_AS(chart.add({.x = {2, 1}, .y = {1, 1}}), DataError);
  REQUIRE_THROWS_AS(chart.add({.x = {not_a_number}, .y = {1}}), DataError);
  REQUIRE_THROWS_AS(chart.add({.x = {1}, .y = {1}, .color = 7}), ConfigError);
  REQUIRE_THROWS_AS(chart.mark(not_a_number, "m"), DataError);
  REQUIRE_THROWS_AS(BarChart({}, {}), ConfigError);
  BarChart bars({}, {"a", "b"});
  REQUIRE_THROWS_AS(bars.add("x", {1}), ShapeError);
  REQUIRE_THROWS_AS(bars.add("x", {1, not_a_number}), DataError);
  REQUIRE_THROWS_AS(IntervalChart({}).add("x", 0, 1, -1), DataError);
  REQUIRE_THROWS_AS(IntervalChart({}).add("x", 0, not_a_number, 1), DataError);
}
