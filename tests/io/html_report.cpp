// SPDX-License-Identifier: MIT
#include <rlx/io/html_report.hpp>

#include "rlx_catch.hpp"

#include <rlx/io/svg_chart.hpp>

#include <array>
#include <string>
#include <vector>

using namespace rlx;
using namespace rlx::io;
using rlx_test::ContainsSubstring;

namespace {
const std::string evil = "<script>alert(\"x\")</script> & 'y'";

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++found;
  return found;
}
}  // namespace

TEST_CASE("the page holds its parts in order", "[io][html_report]") {
  HtmlReport report("Title", "subtitle");
  report.section("Second").text("paragraph").chart(LineChart({.title = "c"}).svg(), "caption").note("remark", Tone::warning);
  report.section("Third").details("Configuration", "{\n  \"seed\": 1\n}").footer("rlx 0.1.0");
  report.verdict(Tone::bad, "replaced").verdict(Tone::good, "agent better than HOLD", "why").card("profit", "1.2 %", "note");
  const std::string page = report.html();
  std::size_t last = 0;
  for (const char* part : {"<!DOCTYPE html>", "<title>Title</title>", "<h1>Title</h1>", "subtitle</p>", "verdict good",
                           "agent better than HOLD", "1.2 %", "<h2>Second</h2>", "paragraph", "<svg", "caption</figcaption>",
                           "remark warning", "<h2>Third</h2>", "<details><summary>Configuration", "<footer>rlx 0.1.0"}) {
    const std::size_t at = page.find(part, last);
    INFO(part);
    REQUIRE(at != std::string::npos);
    last = at;
  }
  REQUIRE(page.find("replaced") == std::string::npos);
  for (const char* element : {"section", "figure", "details", "div", "p", "main", "header", "body", "html"}) {
    INFO(element);
    REQUIRE(count(page, std::string("<") + element + ">") + count(page, std::string("<") + element + " ") ==
            count(page, std::string("</") + element + ">"));
  }
}

TEST_CASE("everything a caller passes is escaped", "[io][html_report]") {
  HtmlReport report(evil, evil);
  report.verdict(Tone::neutral, evil, evil)
      .card(evil, evil, evil)
      .section(evil, evil)
      .text(evil)
      .note(evil)
      .details(evil, evil);
  report.table({evil, {{evil, evil, Align::right}}, {{evil}}, {}}).chart("<svg></svg>", evil).footer(evil);
  const std::string page = report.html();
  REQUIRE(page.find("<script") == std::string::npos);
  REQUIRE(page.find("alert(\"x\")") == std::string::npos);
  REQUIRE(count(page, "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#39;y&#39;") == 20);
}

TEST_CASE("the page needs nothing from outside", "[io][html_report]") {
  HtmlReport report("t");
  report.section("s").chart(LineChart({}).add({.x = {1, 2}, .y = {1, 2}}).svg());
  const std::string page = report.html();
  for (const char* outside : {"<link", "src=", "href", "@import", "url(", "javascript"})
    REQUIRE(page.find(outside) == std::string::npos);
  REQUIRE(count(page, "http") == 1);  // the name space of SVG, which is never fetched
  REQUIRE_THAT(page, ContainsSubstring("prefers-color-scheme:dark") && ContainsSubstring("@media print"));
}

TEST_CASE("tables align numbers, explain headers and highlight rows", "[io][html_report]") {
  HtmlReport report("t");
  report.table({"c", {{"policy"}, {"Sharpe", "mean over deviation", Align::right}}, {{"agent", "0.84"}, {"hold", "–"}}, {0}});
  const std::string page = report.html();
  REQUIRE_THAT(page, ContainsSubstring("<th scope=\"col\" class=\"n\" title=\"mean over deviation\"><abbr>Sharpe</abbr></th>"));
  REQUIRE_THAT(page, ContainsSubstring("<tr class=\"highlight\"><td>agent</td><td class=\"n\">0.84</td></tr>"));
  REQUIRE_THAT(page, ContainsSubstring("<tr><td>hold</td><td class=\"n\">–</td></tr>"));
}

TEST_CASE("a chart may have a drawing for narrow screens, small ones stand in a row", "[io][html_report]") {
  HtmlReport report("t");
  report.chart("<svg>wide</svg>", "<svg>narrow</svg>", "a & b")
      .charts(std::array<std::string, 2>{"<svg>1</svg>", "<svg>2</svg>"});
  const std::string page = report.html();
  REQUIRE_THAT(page, ContainsSubstring("<figure class=\"fitted\"><div class=\"wide\"><svg>wide</svg></div>"
                                       "<div class=\"narrow\"><svg>narrow</svg></div>"
                                       "<figcaption>a &amp; b</figcaption></figure>"));
  REQUIRE_THAT(page, ContainsSubstring("<div class=\"row\">\n<figure class=\"fitted\"><svg>1</svg></figure>\n"
                                       "<figure class=\"fitted\"><svg>2</svg></figure>\n</div>"));
  REQUIRE_THROWS_AS(report.chart("<svg>wide</svg>", "narrow", ""), DataError);
  REQUIRE_THROWS_AS(report.charts(std::array<std::string, 2>{"<svg></svg>", ""}), DataError);
  REQUIRE(report.html() == page);
}

TEST_CASE("a terminal table becomes a table of the page", "[io][html_report]") {
  TextTable text({"policy", "profit %"});
  text.row({"agent", "1.25"}).row({"hold", "0.00"});
  const ReportTable table = to_report_table(text, "caption");
  REQUIRE(table.caption == "caption");
  REQUIRE(table.columns.size() == 2);
  REQUIRE(table.columns[0].title == "policy");
  REQUIRE(table.columns[0].align == Align::left);
  REQUIRE(table.columns[1].align == Align::right);
  REQUIRE(table.rows == std::vector<std::vector<std::string>>{{"agent", "1.25"}, {"hold", "0.00"}});
}

TEST_CASE("a refused table leaves the page as it was", "[io][html_report]") {
  HtmlReport report("t");
  const std::string before = report.html();
  REQUIRE_THROWS_WITH(report.table({"c", {{"a"}, {"b"}}, {{"1", "2"}, {"1"}}, {}}),
                      ContainsSubstring("row 2 has 1 cells, expected 2"));
  REQUIRE_THROWS_AS(report.table({"c", {{"a"}}, {{"1"}}, {1}}), ShapeError);
  REQUIRE_THROWS_AS(report.chart("picture.png"), DataError);
  REQUIRE(report.html() == before);
}
