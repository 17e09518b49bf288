// SPDX-License-Identifier: MIT
/// @file
/// @brief One self-contained HTML page: verdict, key figures, charts, tables, notes, folded details.
#ifndef RLX_IO_HTML_REPORT_HPP
#define RLX_IO_HTML_REPORT_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/io/detail/svg_canvas.hpp>
#include <rlx/io/text_table.hpp>

namespace rlx::inline v0_1::io {

/// How a verdict or a figure is meant. A sign beside the text says the same as the colour.
enum class Tone : std::uint8_t { neutral, good, warning, bad };

/// A column of a report table.
struct ReportColumn {
  std::string title{};        ///< text of the header cell
  std::string hover{};        ///< explanation shown under the pointer; empty: none
  Align align = Align::left;  ///< numbers: right
};

/// A table of text cells. Rows have one cell for each column.
struct ReportTable {
  std::string caption{};                         ///< line above the table; empty: none
  std::vector<ReportColumn> columns{};           ///< from left to right
  std::vector<std::vector<std::string>> rows{};  ///< from top to bottom, one cell for each column
  std::vector<std::size_t> highlighted{};        ///< rows that stand out, such as the agent's
};

/// A terminal table for a page: the same cells, columns aligned as there.
inline ReportTable to_report_table(const TextTable& table, std::string caption = {}) {
  ReportTable result{std::move(caption), {}, {}, {}};
  for (std::size_t c = 0; c < table.columns(); ++c) {
    result.columns.push_back({table.headers()[c], {}, table.right(c) ? Align::right : Align::left});
  }
  for (std::size_t r = 0; r < table.rows(); ++r) result.rows.push_back(table.cells(r));
  return result;
}

/**
 * @brief Builds a page that can be mailed, printed and read years later.
 *
 * Styles and pictures are inline, there is no script and no link to the network, dark mode follows the reader's setting.
 * Everything is escaped; only the SVG text of charts is placed as it is, so pass what rlx's charts return.
 * @code
 * rlx::io::HtmlReport report("Funding arbitrage", "test window 2024-03-01 to 2024-06-01");
 * report.verdict(rlx::io::Tone::neutral, "no edge over HOLD at 95 %");
 * report.card("profit", "0.12 %", "95 %: -0.31 to 0.55").section("Equity").chart(chart.svg()).table(table);
 * rlx::io::write_file_atomically("report.html", report.html());
 * @endcode
 * @par Determinism The page depends on what was added, nothing else: no date is written by itself.
 */
class HtmlReport {
 public:
  /// `title`: also that of the browser's window. `subtitle`: smaller line below it; empty: none.
  explicit HtmlReport(std::string title, std::string subtitle = {})
      : title_(std::move(title)), subtitle_(std::move(subtitle)) {}

  /// The banner at the top: the one sentence to remember, and what it rests on. A second call replaces the first.
  HtmlReport& verdict(Tone tone, std::string_view sentence, std::string_view detail = {}) {
    verdict_ = "<div class=\"verdict " + tone_class(tone) + "\" role=\"status\"><span class=\"sign\" aria-hidden=\"true\">" +
               sign(tone) + "</span><div><strong>" + escape(sentence) + "</strong>";
    if (!detail.empty()) verdict_ += "<p>" + escape(detail) + "</p>";
    verdict_ += "</div></div>\n";
    return *this;
  }

  /// A key figure below the banner; `note` is the small line under it, empty for none.
  HtmlReport& card(std::string_view label, std::string_view value, std::string_view note = {}, Tone tone = Tone::neutral) {
    cards_ += "<div class=\"card " + tone_class(tone) + "\"><div class=\"label\">" + escape(label) +
              "</div><div class=\"value\">" + escape(value) + "</div>";
    if (!note.empty()) cards_ += "<div class=\"note\">" + escape(note) + "</div>";
    cards_ += "</div>\n";
    return *this;
  }

  /// Begins a section; what follows belongs to it.
  HtmlReport& section(std::string_view heading, std::string_view introduction = {}) {
    close_section();
    body_ += "<section>\n<h2>" + escape(heading) + "</h2>\n";
    if (!introduction.empty()) body_ += "<p>" + escape(introduction) + "</p>\n";
    in_section_ = true;
    return *this;
  }

  /// Places a chart: `svg` is trusted text that begins with `<svg`; an empty `caption` writes none. @throws DataError for
  /// other text
  HtmlReport& chart(std::string_view svg, std::string_view caption = {}) {
    check_svg(svg);
    body_.append("<figure>").append(svg).append(figcaption(caption)).append("</figure>\n");
    return *this;
  }
  /// Places two drawings of one chart, about 1,140 and 340 pixels wide. Screens below 860 pixels show the narrow one, because
  /// the letters of the wide one would be too small there. @throws DataError as `chart(svg)`
  HtmlReport& chart(std::string_view wide, std::string_view narrow, std::string_view caption) {
    check_svg(wide);
    check_svg(narrow);
    body_.append("<figure class=\"fitted\"><div class=\"wide\">").append(wide).append("</div><div class=\"narrow\">");
    body_.append(narrow).append("</div>").append(figcaption(caption)).append("</figure>\n");
    return *this;
  }
  /// Places small charts, about 350 pixels wide, beside each other as far as there is room. @throws DataError as `chart(svg)`
  HtmlReport& charts(std::span<const std::string> svgs) {
    for (const std::string& svg : svgs) check_svg(svg);
    body_ += "<div class=\"row\">\n";
    for (const std::string& svg : svgs) body_.append("<figure class=\"fitted\">").append(svg).append("</figure>\n");
    body_ += "</div>\n";
    return *this;
  }

  /// Places a table; a wide one scrolls inside its frame. @throws ShapeError for a row or highlight that does not fit
  HtmlReport& table(const ReportTable& table) {
    for (std::size_t r = 0; r < table.rows.size(); ++r) {
      if (table.rows[r].size() != table.columns.size()) {
        throw ShapeError("HtmlReport table \"" + table.caption + "\": row " + std::to_string(r + 1) + " has " +
                         std::to_string(table.rows[r].size()) + " cells, expected " + std::to_string(table.columns.size()));
      }
    }
    for (const std::size_t row : table.highlighted) {
      if (row >= table.rows.size()) {
        throw ShapeError("HtmlReport table \"" + table.caption + "\": highlighted row " + std::to_string(row) +
                         " does not exist, the table has " + std::to_string(table.rows.size()));
      }
    }
    body_ += "<div class=\"frame\"><table>\n";
    if (!table.caption.empty()) body_ += "<caption>" + escape(table.caption) + "</caption>\n";
    body_ += "<thead><tr>";
    for (const ReportColumn& column : table.columns) {
      body_ += "<th scope=\"col\"" + align_class(column.align);
      if (!column.hover.empty()) body_ += " title=\"" + escape(column.hover) + '"';
      body_ += '>' + (column.hover.empty() ? escape(column.title) : "<abbr>" + escape(column.title) + "</abbr>") + "</th>";
    }
    body_ += "</tr></thead>\n<tbody>\n";
    for (std::size_t r = 0; r < table.rows.size(); ++r) {
      const auto& cells = table.rows[r];
      const bool stands_out = std::find(table.highlighted.begin(), table.highlighted.end(), r) != table.highlighted.end();
      body_ += stands_out ? "<tr class=\"highlight\">" : "<tr>";
      for (std::size_t c = 0; c < cells.size(); ++c) {
        body_ += "<td" + align_class(table.columns[c].align) + '>' + escape(cells[c]) + "</td>";
      }
      body_ += "</tr>\n";
    }
    body_ += "</tbody>\n</table></div>\n";
    return *this;
  }

  /// A paragraph.
  HtmlReport& text(std::string_view paragraph) {
    body_ += "<p>" + escape(paragraph) + "</p>\n";
    return *this;
  }
  /// A remark with a coloured edge and the tone's sign.
  HtmlReport& note(std::string_view paragraph, Tone tone = Tone::neutral) {
    body_ += "<p class=\"remark " + tone_class(tone) + "\"><span aria-hidden=\"true\">" + sign(tone) + "</span> " +
             escape(paragraph) + "</p>\n";
    return *this;
  }
  /// Folded text in fixed-width letters: configuration, manifest, log. Printed pages keep it folded.
  HtmlReport& details(std::string_view summary, std::string_view preformatted) {
    body_ += "<details><summary>" + escape(summary) + "</summary><pre>" + escape(preformatted) + "</pre></details>\n";
    return *this;
  }
  /// The small line at the end of the page: version, time, command.
  HtmlReport& footer(std::string_view line) {
    footer_ = "<footer>" + escape(line) + "</footer>\n";
    return *this;
  }

  /// The page, UTF-8.
  std::string html() const {
    std::string page =
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"color-scheme\" content=\"light dark\">\n<title>" +
        escape(title_) + "</title>\n";
    page.append(style).append("</head>\n<body>\n<main>\n<header>\n<h1>").append(escape(title_)).append("</h1>\n");
    if (!subtitle_.empty()) page += "<p class=\"subtitle\">" + escape(subtitle_) + "</p>\n";
    page += "</header>\n" + verdict_;
    if (!cards_.empty()) page += "<div class=\"cards\">\n" + cards_ + "</div>\n";
    page += body_;
    if (in_section_) page += "</section>\n";
    return page + footer_ + "</main>\n</body>\n</html>\n";
  }

 private:
  static std::string escape(std::string_view text) { return detail::escape_markup(text); }
  static void check_svg(std::string_view svg) {
    if (svg.starts_with("<svg")) return;
    throw DataError("HtmlReport chart: expected text that begins with \"<svg\", got \"" + std::string(svg.substr(0, 20)) + '"');
  }
  static std::string figcaption(std::string_view caption) {
    return caption.empty() ? std::string() : "<figcaption>" + escape(caption) + "</figcaption>";
  }
  static std::string tone_class(Tone tone) {
    return tone == Tone::good ? "good" : tone == Tone::warning ? "warning" : tone == Tone::bad ? "bad" : "neutral";
  }
  static std::string sign(Tone tone) {
    return tone == Tone::good      ? "\xE2\x9C\x93"
           : tone == Tone::warning ? "!"
           : tone == Tone::bad     ? "\xE2\x9C\x95"
                                   : "\xE2\x80\x93";
  }
  static std::string align_class(Align align) { return align == Align::right ? " class=\"n\"" : ""; }
  void close_section() {
    if (in_section_) body_ += "</section>\n";
    in_section_ = false;
  }

  static constexpr std::string_view style = R"(<style>
:root{--page:#f4f6f9;--box:#fff;--edge:#dfe4eb;--text:#1c2430;--muted:#55606e;--soft:#eef2f7;
--good:#00795a;--good-bg:#e5f5ef;--warning:#8f5b00;--warning-bg:#fdf3df;
--bad:#b34700;--bad-bg:#fdece1;--neutral:#3f5468;--neutral-bg:#e9eef4}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);line-height:1.5;
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1200px;margin:0 auto;padding:32px 20px 48px}
h1{margin:0;font-size:28px;line-height:1.2;letter-spacing:-.01em}h2{margin:0 0 10px;font-size:19px}
p{margin:0 0 12px;max-width:92ch}.subtitle{color:var(--muted);margin:6px 0 0;max-width:none}
section{margin-top:36px}
.verdict{display:flex;gap:14px;align-items:flex-start;margin-top:22px;padding:16px 20px;
border-radius:10px;border-left:6px solid}
.verdict strong{font-size:19px}.verdict p{margin:2px 0 0;color:var(--text);max-width:none}.sign{font-size:20px;font-weight:700}
.verdict.good,.remark.good{color:var(--good);background:var(--good-bg);border-color:var(--good)}
.verdict.warning,.remark.warning{color:var(--warning);background:var(--warning-bg);border-color:var(--warning)}
.verdict.bad,.remark.bad{color:var(--bad);background:var(--bad-bg);border-color:var(--bad)}
.verdict.neutral,.remark.neutral{color:var(--neutral);background:var(--neutral-bg);border-color:var(--neutral)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(145px,1fr));gap:12px;margin-top:16px}
.card{background:var(--box);border:1px solid var(--edge);border-radius:10px;padding:12px 16px}
.label,.card .note,figcaption,caption,footer{color:var(--muted);font-size:13px}
.value{font-size:24px;font-weight:650;font-variant-numeric:tabular-nums;line-height:1.3}
.card.good .value{color:var(--good)}.card.warning .value{color:var(--warning)}.card.bad .value{color:var(--bad)}
figure{margin:0 0 16px;background:var(--box);border:1px solid var(--edge);border-radius:10px;padding:8px 10px;
break-inside:avoid;overflow-x:auto}
figure svg{display:block;width:100%;min-width:600px;height:auto}figcaption{padding:4px 8px 6px}
figure.fitted svg{min-width:0}.narrow{display:none}.narrow svg{max-width:520px;margin:0 auto}
.row{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(330px,100%),1fr));gap:0 16px}
@media screen and (max-width:860px){.wide{display:none}.narrow{display:block}}
.frame{overflow-x:auto;background:var(--box);border:1px solid var(--edge);border-radius:10px;margin:0 0 16px}
table{border-collapse:separate;border-spacing:0;width:100%;font-size:13px}caption{text-align:left;padding:10px 12px 4px}
th,td{padding:7px 7px;text-align:left;white-space:nowrap;border-top:1px solid var(--edge)}
thead th{border-top:0;white-space:normal;line-height:1.25;color:var(--muted);font-weight:600;
vertical-align:bottom;border-bottom:1px solid var(--edge)}
th.n,td.n{text-align:right;font-variant-numeric:tabular-nums}
td:first-child,th:first-child{position:sticky;left:0;background:var(--box)}
tr.highlight td{font-weight:600;background:var(--soft)}
abbr{text-decoration:underline dotted;text-underline-offset:3px;cursor:help}
.remark{padding:8px 14px;border-left:4px solid;border-radius:6px;max-width:none}
details{background:var(--box);border:1px solid var(--edge);border-radius:10px;margin:0 0 12px}
summary{cursor:pointer;padding:10px 14px;font-weight:600}
pre{margin:0;padding:12px 14px;border-top:1px solid var(--edge);overflow-x:auto;
font:12.5px/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
footer{margin-top:40px;border-top:1px solid var(--edge);padding-top:12px}
@media screen and (prefers-color-scheme:dark){
:root{--page:#0f1216;--box:#171b21;--edge:#2a313b;--text:#e6eaf0;--muted:#a0aab8;--soft:#1f2630;
--good:#3fd0a2;--good-bg:#10271f;--warning:#f2bd55;--warning-bg:#2b2210;
--bad:#ff9a63;--bad-bg:#2e1a10;--neutral:#b9c6d6;--neutral-bg:#1c232c}}
@media print{:root{--page:#fff}body{font-size:12px}main{max-width:none;padding:0}table{font-size:9.5px}th,td{padding:4px 5px}
.frame,figure{overflow:visible}figure svg{min-width:0}.verdict,.card,tr{break-inside:avoid}h2{break-after:avoid}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
</style>
)";

  std::string title_, subtitle_;
  std::string verdict_, cards_, body_, footer_;
  bool in_section_ = false;
};

}  // namespace rlx::inline v0_1::io

#endif  // RLX_IO_HTML_REPORT_HPP
