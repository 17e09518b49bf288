// SPDX-License-Identifier: MIT
#include "report.hpp"

#include <rlx/core/error.hpp>
#include <rlx/core/random.hpp>
#include <rlx/io/atomic_file.hpp>
#include <rlx/io/html_report.hpp>
#include <rlx/io/iso8601.hpp>
#include <rlx/io/number_text.hpp>
#include <rlx/io/svg_chart.hpp>
#include <rlx/risk/bootstrap.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <utility>

namespace app {
namespace {

namespace io = rlx::io;

using funding::Backtest;
using rlx::io::Series;
using rlx::io::SeriesStyle;
using rlx::io::Tone;
using rlx::risk::Interval;

constexpr int wide = 1138;   // the page's full width
constexpr int narrow = 340;  // a telephone's, and a third of the page's

/// Percent without its sign, with the minus of typesetters.
std::string hundredths(double share, int decimals = 2) {
  const std::string text = io::fixed(100.0 * share, decimals);
  return text.front() == '-' ? "\u2212" + text.substr(1) : text;
}
std::string percent_text(double share, int decimals = 2) { return hundredths(share, decimals) + "\u00a0%"; }
std::string range_text(const Interval& i) {
  return fmt::format("{} to {} at 95\u00a0%", hundredths(i.low), hundredths(i.high));
}

/// A line may end in front of no percent sign.
std::string unbroken(std::string text) {
  for (std::size_t at = text.find(" %"); at != std::string::npos; at = text.find(" %", at)) text.replace(at, 1, "\u00a0");
  return text;
}

/// Few long trades are few observations, however many steps they last: such an interval proves nothing.
bool too_few_blocks(const PolicyScore& row) { return row.whole_blocks < 10 && row.trades() > 0; }

Tone tone_of(const Interval& i, bool unreliable) {
  if (i.low <= 0.0 && i.high >= 0.0) return Tone::neutral;
  return unreliable ? Tone::warning : i.low > 0.0 ? Tone::good : Tone::bad;
}

/// One colour for a policy in all charts: agents blue and purple, drawn agents dashed, HOLD grey.
struct Look {
  int color = 5;
  SeriesStyle style = SeriesStyle::line;
};

Look look_of(const ScoreTable& table, const PolicyScore& row) {
  if (row.agent) {
    const bool first = row.name.compare(0, table.agent().name.size(), table.agent().name) == 0;
    return {first ? 0 : 4, row.name.ends_with(", sampled") ? SeriesStyle::dashed : SeriesStyle::line};
  }
  static const std::map<std::string, Look> baselines{{"hold", {6, SeriesStyle::dashed}},
                                                     {"hysteresis", {1, SeriesStyle::line}},
                                                     {"settlement timing", {3, SeriesStyle::line}},
                                                     {"planted oracle", {2, SeriesStyle::line}}};
  const auto found = baselines.find(row.name);
  return found == baselines.end() ? Look{} : found->second;
}

/// Runs over the same stretch of time: the tapes of one window.
struct Stretch {
  std::int64_t begin_ms = 0;
  std::int64_t step_ms = 0;
  std::size_t steps = 0;
  std::vector<const Backtest*> runs;
};

/// The runs of a policy by time: one stretch, or one for each fold of a walk-forward.
std::vector<Stretch> stretches(const PolicyScore& row) {
  std::map<std::int64_t, Stretch> by_begin;
  for (const Backtest& run : row.runs) {
    Stretch& stretch = by_begin[run.begin_ms];
    stretch.steps = stretch.runs.empty() ? run.log_returns.size() : std::min(stretch.steps, run.log_returns.size());
    stretch.begin_ms = run.begin_ms;
    stretch.step_ms = run.step_ms;
    stretch.runs.push_back(&run);
  }
  std::vector<Stretch> sorted;
  for (auto& [begin, stretch] : by_begin) sorted.push_back(std::move(stretch));
  return sorted;
}

double time_of(const Stretch& stretch, std::size_t step) {
  return static_cast<double>(stretch.begin_ms + static_cast<std::int64_t>(step) * stretch.step_ms);
}

/// Mean log growth over the tapes since the first stretch began; a fold continues where the one before ended.
Series growth_path(const PolicyScore& row) {
  Series path;
  double growth = 0.0;
  for (const Stretch& stretch : stretches(row)) {
    for (std::size_t t = 0; t <= stretch.steps; ++t) {
      double sum = 0.0;
      if (t > 0) {
        for (const Backtest* run : stretch.runs) sum += run->log_returns[t - 1];
      }
      growth += sum / static_cast<double>(stretch.runs.size());
      path.x.push_back(time_of(stretch, t));
      path.y.push_back(growth);
    }
  }
  return path;
}

/**
 * @brief 95 % of how far the growth could have come apart from the path by each step, from the circular block bootstrap.
 *
 * Resampled returns fill the path step by step. The blocks are those behind the interval of the table, which the last step
 * therefore equals.
 * @return for `points` + 1 equal parts of the path, from its beginning: lowest and highest deviation of the mean log growth
 */
std::vector<std::pair<double, double>> deviations(const PolicyScore& row, std::size_t points, std::size_t resamples,
                                                  std::uint64_t seed) {
  const std::vector<double> returns = row.log_returns();
  const std::size_t n = returns.size();
  std::vector<double> prefix(2 * n + 1, 0.0);
  for (std::size_t t = 0; t < 2 * n; ++t) prefix[t + 1] = prefix[t] + returns[t % n];
  const double tapes = static_cast<double>(row.runs.size()) / static_cast<double>(stretches(row).size());

  std::vector<std::vector<double>> samples(points + 1, std::vector<double>(resamples, 0.0));
  for (std::size_t j = 0; j < resamples; ++j) {
    rlx::RandomStream stream({seed, rlx::Purpose::bootstrap, static_cast<std::uint32_t>(j), 0});
    double sum = 0.0;
    std::size_t point = 1;
    for (std::size_t filled = 0; filled < n; filled += row.block_steps) {
      const std::size_t begin = stream.bounded(n);
      const std::size_t length = std::min(row.block_steps, n - filled);
      for (; point <= points && point * n <= (filled + length) * points; ++point) {
        const std::size_t at = point * n / points;
        const double drift = prefix[n] * static_cast<double>(at) / static_cast<double>(n);
        samples[point][j] = (sum + prefix[begin + at - filled] - prefix[begin] - drift) / tapes;
      }
      sum += prefix[begin + length] - prefix[begin];
    }
  }
  std::vector<std::pair<double, double>> band;
  for (std::vector<double>& sample : samples) {
    const double low = rlx::risk::linear_quantile(sample, 0.025);
    band.emplace_back(low, rlx::risk::linear_quantile(sample, 0.975));
  }
  return band;
}

/// Adds low and high to a path of growth.
void add_band(Series& path, const PolicyScore& row, std::size_t resamples, std::uint64_t seed) {
  if (resamples == 0 || path.y.size() < 2) return;
  const std::size_t points = std::min<std::size_t>(path.y.size() - 1, 200);
  const auto band = deviations(row, points, resamples, seed);
  for (std::size_t t = 0; t < path.y.size(); ++t) {
    const double at = static_cast<double>(t) * static_cast<double>(points) / static_cast<double>(path.y.size() - 1);
    const std::size_t below = std::min(static_cast<std::size_t>(at), points - 1);
    const double share = at - static_cast<double>(below);
    const auto between = [&](double a, double b) { return path.y[t] + a + share * (b - a); };
    path.low.push_back(between(band[below].first, band[below + 1].first));
    path.high.push_back(between(band[below].second, band[below + 1].second));
  }
}

/// Places the drawing for wide and for narrow screens.
template <class Draw>
void add_chart(io::HtmlReport& page, std::string_view caption, Draw draw) {
  page.chart(draw(wide), draw(narrow), caption);
}

void mark_folds(io::LineChart& chart, const PolicyScore& row) {
  const std::vector<Stretch> folds = stretches(row);
  for (std::size_t i = 1; i < folds.size(); ++i) chart.mark(time_of(folds[i], 0), fmt::format("fold {}", i + 1));
}

std::size_t tapes_of(const ScoreTable& table) { return table.agent().runs.size() / stretches(table.agent()).size(); }

std::string over_tapes(const ScoreTable& table) {
  return tapes_of(table) > 1 ? fmt::format(", mean over {} tapes", tapes_of(table)) : "";
}

double block_hours(const PolicyScore& row) {
  return static_cast<double>(row.block_steps) * static_cast<double>(row.runs[0].step_ms) /
         static_cast<double>(funding::ms_per_hour);
}

void add_verdict(io::HtmlReport& page, const ReportInput& input, const ScoreTable& table) {
  const PolicyScore& agent = table.agent();
  std::string basis = fmt::format(
      "Profit less that of HOLD: {} of the capital, {}. Intervals: circular block bootstrap, {} resamples, blocks of "
      "{}\u00a0h.",
      percent_text(agent.minus_hold.estimate), range_text(agent.minus_hold), io::grouped(static_cast<double>(input.bootstrap)),
      io::trimmed(block_hours(agent), 1));
  if (table.pooled()) basis += " The figures are " + table.pooling() + ".";
  for (const std::string& note : table.notes()) basis += " Note: " + note + ".";
  page.verdict(tone_of(agent.minus_hold, too_few_blocks(agent) || !table.overlap.empty()), unbroken(table.verdict()), basis);
}

void add_cards(io::HtmlReport& page, const ScoreTable& table) {
  const PolicyScore& agent = table.agent();
  std::int64_t closed = 0;
  std::int64_t wins = 0;
  double hours = 0.0;
  for (const Backtest& run : agent.runs) {
    closed += run.info.closed_trades;
    wins += run.info.wins;
    hours += run.info.hold_hours;
  }
  page.card("Profit", percent_text(agent.profit.estimate), range_text(agent.profit),
            tone_of(agent.profit, too_few_blocks(agent)));
  page.card("Less HOLD", percent_text(agent.minus_hold.estimate), range_text(agent.minus_hold),
            tone_of(agent.minus_hold, too_few_blocks(agent)));
  page.card("Max drawdown", percent_text(agent.max_drawdown), tapes_of(table) > 1 ? "the worst tape" : "from the last peak");
  page.card("Trades", io::grouped(static_cast<double>(agent.trades())),
            closed > 0 ? fmt::format("{:.0f}\u00a0% won, held {:.0f}\u00a0h",
                                     100.0 * static_cast<double>(wins) / static_cast<double>(closed),
                                     hours / static_cast<double>(closed))
                       : "none was closed");
  page.card("Liquidations", std::to_string(agent.liquidations()), {}, agent.liquidations() > 0 ? Tone::bad : Tone::neutral);
  if (!table.clairvoyant_shares.empty()) {
    page.card("Of clairvoyant", percent_text(table.clairvoyant_shares.front().second, 0),
              fmt::format("of {} USD, fixed coins", io::grouped(table.clairvoyant_usd, 0)));
  }
}

void add_equity(io::HtmlReport& page, const ReportInput& input, const ScoreTable& table) {
  std::vector<Series> paths;
  for (const PolicyScore& row : table.rows) {
    Series path = growth_path(row);
    if (&row == &table.agent()) add_band(path, row, input.bootstrap, input.seed);
    for (std::vector<double>* values : {&path.y, &path.low, &path.high}) {
      for (double& value : *values) value = 100.0 * std::expm1(value);
    }
    const Look look = look_of(table, row);
    path.name = row.name;
    path.color = look.color;
    path.style = look.style;
    paths.push_back(std::move(path));
  }
  page.section("Equity");
  const bool folds = stretches(table.agent()).size() > 1;
  add_chart(page,
            fmt::format("Profit since the beginning of the window{}. The band around {} holds 95 % of its resampled paths{}.",
                        over_tapes(table), table.agent().name,
                        folds ? "; each fold continues where the one before ended" : " and ends at the interval of the table"),
            [&](int width) {
              io::LineChart chart({.title = "Profit, % of the capital",
                                   .y_suffix = "%",
                                   .x_axis = io::AxisKind::time_ms,
                                   .width = width,
                                   .plot_height = width == wide ? 320 : 220,
                                   .include_zero = true});
              for (const Series& path : paths) chart.add(path);
              mark_folds(chart, table.agent());
              return chart.svg();
            });
}

std::vector<double> drawdowns(const Backtest& run) {
  std::vector<double> result;
  double peak = 0.0;
  for (const double equity : run.equity) {
    peak = std::max(peak, equity);
    result.push_back(equity / peak - 1.0);
  }
  return result;
}

void add_drawdown(io::HtmlReport& page, const ScoreTable& table) {
  std::vector<Series> curves;
  const bool several = tapes_of(table) > 1;
  for (const PolicyScore& row : table.rows) {
    if (row.name == "hold") continue;
    const bool headline = &row == &table.agent();
    const Look look = look_of(table, row);
    Series mean{.name = row.name, .style = headline ? SeriesStyle::area : look.style, .color = look.color};
    Series worst{.name = row.name + ", worst tape", .style = SeriesStyle::line, .color = 5};
    for (const Stretch& stretch : stretches(row)) {
      std::vector<double> sum(stretch.steps + 1, 0.0);
      std::vector<double> lowest(stretch.steps + 1, 0.0);
      for (const Backtest* run : stretch.runs) {
        const std::vector<double> path = drawdowns(*run);
        for (std::size_t t = 0; t <= stretch.steps; ++t) {
          sum[t] += 100.0 * path[t] / static_cast<double>(stretch.runs.size());
          lowest[t] = std::min(lowest[t], 100.0 * path[t]);
        }
      }
      for (std::size_t t = 0; t <= stretch.steps; ++t) {
        mean.x.push_back(time_of(stretch, t));
        mean.y.push_back(sum[t]);
      }
      worst.y.insert(worst.y.end(), lowest.begin(), lowest.end());
    }
    worst.x = mean.x;
    curves.push_back(std::move(mean));
    if (headline && several) curves.push_back(std::move(worst));
  }
  const bool folds = stretches(table.agent()).size() > 1;
  add_chart(
      page,
      fmt::format("Share lost from the highest equity so far{}{}.", over_tapes(table), folds ? "; each fold starts anew" : ""),
      [&](int width) {
        io::LineChart chart({.title = "Drawdown",
                             .y_suffix = "%",
                             .x_axis = io::AxisKind::time_ms,
                             .width = width,
                             .plot_height = 170,
                             .include_zero = true});
        for (const Series& curve : curves) chart.add(curve);
        return chart.svg();
      });
}

void add_attribution(io::HtmlReport& page, const std::vector<const ScoreTable*>& tables) {
  const ScoreTable& table = *tables.front();
  page.section("Where the profit comes from");
  add_chart(page, "The parts sum exactly to the change of equity; the diamond is the sum.", [&](int width) {
    io::BarChart chart(
        {.title = tapes_of(table) > 1 ? "Profit by source, USD per tape" : "Profit by source, USD", .width = width},
        {"funding", "price", "fees", "slippage", "liquidation", "transfer"});
    for (const PolicyScore& row : table.rows) {
      const funding::Attribution a = row.attribution();
      const auto runs = static_cast<double>(row.runs.size());
      chart.add(row.name,
                {a.funding / runs, a.price / runs, a.fees / runs, a.slippage / runs, a.liquidation / runs, a.transfer / runs});
    }
    return chart.svg();
  });
  for (const ScoreTable* one : tables) {
    if (const std::string note = one->price_note(); !note.empty()) {
      page.note(tables.size() > 1 ? one->configuration + ": " + note : note, Tone::warning);
    }
  }
}

void add_differences(io::HtmlReport& page, const ScoreTable& table) {
  page.section("Against HOLD");
  add_chart(
      page,
      "Estimates with 95 % intervals, paired on the same steps and blocks. Green lies above zero, red below, grey holds zero.",
      [&](int width) {
        io::IntervalChart chart({.title = "Profit less that of HOLD", .y_suffix = "%", .width = width});
        for (const PolicyScore& row : table.rows) {
          if (row.name == "hold") continue;
          const Interval& i = row.minus_hold;
          chart.add(row.name, 100.0 * i.estimate, 100.0 * i.low, 100.0 * i.high);
        }
        return chart.svg();
      });
}

void add_policies(io::HtmlReport& page, const ReportInput& input, const ScoreTable& table) {
  static const std::map<std::string, const char*> meanings{
      {"profit %", "compounded profit, share of the capital, mean over the tapes"},
      {"95 % interval", "of the profit: circular block bootstrap of the log returns of the steps"},
      {"Sharpe", "mean over deviation of the log returns, per year, riskless rate 0"},
      {"max DD %", "largest loss from the highest equity so far, of the worst tape"},
      {"trades", "pairs opened on all tapes"},
      {"win %", "closed with a profit after all costs"},
      {"hold h", "mean hours from opening to closing"},
      {"util %", "margin in use, share of equity, mean over the steps"},
      {"funding", "USD per tape: settlements received less paid"},
      {"price", "USD per tape: moves of the marks"},
      {"fees", "USD per tape: taker fees"},
      {"slippage", "USD per tape: half-spread, impact, forced closes"},
      {"liquidation", "USD per tape: liquidation fees less what the insurance fund carried"},
      {"liquidations", "on all tapes"}};
  io::ReportTable cells = io::to_report_table(to_text_table(table));
  for (io::ReportColumn& column : cells.columns) {
    if (const auto found = meanings.find(column.title); found != meanings.end()) column.hover = found->second;
  }
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    if (&table.rows[r] == &table.agent()) cells.highlighted.push_back(r);
  }
  page.section("All policies").table(cells);
  if (table.pooled()) page.text("This table is " + table.pooling() + ".");
  if (!input.tuning.empty()) page.text("H" + input.tuning.substr(1) + ".");
  for (const ScoreTable* fold : input.fold_tables) {
    page.details(fmt::format("All policies, {}: {}", fold->scope(), fold->configuration),
                 fold->title() + "\n" + fold->verdict() + "\n\n" + to_text_table(*fold).to_string());
  }
  if (table.clairvoyant_shares.empty()) return;
  std::string shares;
  for (const auto& [name, share] : table.clairvoyant_shares)
    shares += fmt::format("{} {} {}", shares.empty() ? "" : ",", name, percent_text(share, 1));
  page.text(fmt::format("With fixed quantities no policy can earn more than the clairvoyant {} USD{}. Share of it:{}.",
                        io::grouped(table.clairvoyant_usd, 2), tapes_of(table) > 1 ? " per tape" : "", shares));
}

std::string settings_text(const funding::TradingConfig& c) {
  return fmt::format("{:.3g}x, {:.0f} % used, {} position{}, stop {:.3g} %, buffer {:.0f} %", c.max_leverage,
                     100.0 * c.target_utilization, c.max_positions, c.max_positions == 1 ? "" : "s",
                     100.0 * c.stop_loss_threshold, 100.0 * c.liquidation_buffer);
}

void add_panel(io::HtmlReport& page, const std::vector<const ScoreTable*>& tables) {
  if (tables.size() < 2) return;
  page.section("Panel of configurations", "The same model under every trading configuration that it is judged on.");
  add_chart(page, "95 % intervals; a model for all configurations must not lie below zero on any.", [&](int width) {
    io::IntervalChart chart({.title = "Agent's profit less that of HOLD", .y_suffix = "%", .width = width});
    for (const ScoreTable* table : tables) {
      const Interval& i = table->agent().minus_hold;
      chart.add(table->configuration, 100.0 * i.estimate, 100.0 * i.low, 100.0 * i.high);
    }
    return chart.svg();
  });
  io::TextTable text(
      {"configuration", "settings", "profit %", "95 % interval", "max DD %", "trades", "hysteresis %", "verdict"});
  text.align(1, io::Align::left);
  for (const ScoreTable* table : tables) {
    const std::vector<std::string> cells = table_cells(table->agent());
    const auto rule =
        std::find_if(table->rows.begin(), table->rows.end(), [](const PolicyScore& row) { return row.name == "hysteresis"; });
    text.row({table->configuration, settings_text(table->trading), cells[1], cells[2], cells[5], cells[6],
              rule == table->rows.end() ? "" : table_cells(*rule)[1], table->verdict()});
  }
  page.table(io::to_report_table(text));
  for (std::size_t i = 1; i < tables.size(); ++i) {
    page.details("All policies, " + tables[i]->configuration,
                 tables[i]->title() + "\n\n" + to_text_table(*tables[i]).to_string());
  }
}

/// The measured values of one column of the learning points.
Series learning_curve(const std::vector<LearningPoint>& points, double LearningPoint::*value, double scale, int color) {
  Series curve{.color = color};
  for (const LearningPoint& point : points) {
    if (!rlx::is_finite(point.*value)) continue;
    curve.x.push_back(static_cast<double>(point.steps));
    curve.y.push_back(scale * (point.*value));
  }
  return curve;
}

std::string of_run(const LearningRun& run) { return run.name.empty() ? "" : ", " + run.name; }

void add_learning(io::HtmlReport& page, const LearningRun& run) {
  if (run.points.empty()) return;
  page.section("Learning" + of_run(run));
  const auto draw = [&](const char* title, const char* suffix, int width, double LearningPoint::*value, double scale, int color,
                        std::optional<double> limit) {
    io::LineChart chart({.title = title,
                         .x_label = "environment steps",
                         .y_suffix = suffix,
                         .width = width,
                         .plot_height = width == wide ? 190 : 150});
    Series curve = learning_curve(run.points, value, scale, color);
    if (limit && !curve.x.empty()) {
      chart.add({.name = fmt::format("limit {}", io::trimmed(*limit, 3)),
                 .x = {curve.x.front(), curve.x.back()},
                 .y = {*limit, *limit},
                 .style = SeriesStyle::dashed,
                 .color = 6});
    }
    chart.add(std::move(curve));
    if (run.chosen_steps && !limit) chart.mark(static_cast<double>(*run.chosen_steps), "chosen");
    return chart.svg();
  };
  add_chart(page, "Mean log growth per day of the most probable actions on the validation window; by it the model is chosen.",
            [&](int width) { return draw("Validation score, % per day", "%", width, &LearningPoint::score, 100.0, 0, {}); });
  add_chart(page, {}, [&](int width) {
    return draw("Training reward, mean of 100 episodes", "", width, &LearningPoint::mean_reward, 1.0, 2, {});
  });
  const std::array<std::string, 3> small{draw("Entropy of 36 actions, nats", "", narrow, &LearningPoint::entropy, 1.0, 4, 0.5),
                                         draw("KL between updates, nats", "", narrow, &LearningPoint::kl, 1.0, 1, 0.1),
                                         draw("Value loss", "", narrow, &LearningPoint::value_loss, 1.0, 3, {})};
  page.charts(small);
}

void add_choice(io::HtmlReport& page, const LearningRun& run) {
  if (run.chosen.empty() && run.candidates == 0) return;
  page.section((run.candidates > 1 ? fmt::format("How the model was chosen among {} candidates", run.candidates)
                                   : std::string("How the model was chosen")) +
                   of_run(run),
               unbroken(run.chosen));
}

void add_data(io::HtmlReport& page, const ReportInput& input) {
  if (input.split.empty() && input.data.empty() && input.approximations.empty() && input.warnings.empty()) return;
  page.section("Data and split");
  if (!input.split.empty()) {
    io::TextTable split({"window", "from (UTC)", "to (UTC)", "days", "steps"});
    split.align(1, io::Align::left).align(2, io::Align::left);
    for (const SplitLine& line : input.split) {
      split.row({line.name, io::format_time_ms(line.from_ms), io::format_time_ms(line.to_ms),
                 io::fixed(static_cast<double>(line.to_ms - line.from_ms) / static_cast<double>(funding::ms_per_day), 1),
                 io::grouped(static_cast<double>(line.steps))});
    }
    page.table(io::to_report_table(split));
  }
  for (const std::string& approximation : input.approximations) page.note("Approximation: " + unbroken(approximation));
  for (const std::string& warning : input.warnings) page.note(warning, Tone::warning);
  if (!input.data.empty()) page.details("Data report", input.data);
}

}  // namespace

std::string report_html(const ReportInput& input) {
  if (input.tables.empty()) throw rlx::ConfigError("ReportInput.tables: expected at least one table, got none");
  const ScoreTable& table = *input.tables.front();
  io::HtmlReport page(input.title, table.title());
  add_verdict(page, input, table);
  add_cards(page, table);
  add_equity(page, input, table);
  add_drawdown(page, table);
  add_attribution(page, input.tables);
  add_differences(page, table);
  add_policies(page, input, table);
  add_panel(page, input.tables);
  if (input.sensitivity) {
    page.section("Sensitivity",
                 unbroken("The agent under other fees and with its orders one step late; " + input.sensitivity->title + "."))
        .table(io::to_report_table(to_text_table(input.sensitivity->rows)));
  }
  for (const LearningRun& run : input.learning) {
    add_learning(page, run);
    add_choice(page, run);
  }
  add_data(page, input);
  if (!input.manifest.empty()) page.section("Everything to run it again").details("Manifest and configuration", input.manifest);
  if (!input.footer.empty()) page.footer(input.footer);
  return page.html();
}

void write_report(const std::string& path, const ReportInput& input) { io::write_file_atomically(path, report_html(input)); }

}  // namespace app
