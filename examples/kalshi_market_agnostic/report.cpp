// SPDX-License-Identifier: MIT
#include "report.hpp"

#include <rlx/core/version.hpp>
#include <rlx/io/atomic_file.hpp>
#include <rlx/io/html_report.hpp>
#include <rlx/io/number_text.hpp>
#include <rlx/io/svg_chart.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>

namespace app {
namespace {

namespace io = rlx::io;

constexpr int wide = 1138;   // the page's full width
constexpr int narrow = 340;  // a telephone's

/// Places the drawing for wide and for narrow screens.
template <class Draw>
void add_chart(io::HtmlReport& page, std::string_view caption, Draw draw) {
  page.chart(draw(wide), draw(narrow), caption);
}

io::Tone tone_of(const kalshi::Estimate& estimate) {
  if (!estimate.interval || (estimate.interval->low <= 0.0 && estimate.interval->high >= 0.0)) return io::Tone::neutral;
  return estimate.interval->low > 0.0 ? io::Tone::good : io::Tone::bad;
}

io::ReportTable markdown_free(const io::TextTable& table, std::string caption, bool highlight_first = false) {
  io::ReportTable result = io::to_report_table(table, std::move(caption));
  if (highlight_first && !result.rows.empty()) result.highlighted = {0};
  return result;
}

void add_cards(io::HtmlReport& page, const ReportInput& input) {
  const kalshi::EvaluationTable& agent = input.rows.front().table;
  const auto interval_note = [](const kalshi::Estimate& estimate) {
    return estimate.interval ? fmt::format("95 %: {:.2f} to {:.2f}", estimate.interval->low, estimate.interval->high)
                             : std::string("too few events for an interval");
  };
  page.card("mean reward per market", fmt::format("{:.2f} $", agent.total.mean.value), interval_note(agent.total.mean),
            tone_of(agent.total.mean));
  page.card("views with a positive mean", fmt::format("{:.0f} %", 100.0 * agent.total.positive_share.value),
            fmt::format("of {}", agent.total.views));
  page.card("events with a positive sum", fmt::format("{:.0f} %", 100.0 * agent.consistency.value),
            fmt::format("of {}", agent.events.size()));
  page.card("steps on HOLD", fmt::format("{:.1f} %", 100.0 * agent.hold_share));
  if (agent.total.true_edge) {
    page.card("true edge per market", fmt::format("{:.2f} $", agent.total.true_edge->value),
              "what the fills were worth, free of luck", tone_of(*agent.total.true_edge));
  }
  if (input.train) {
    if (const auto score = kalshi::generalisation_score(*input.train, agent))
      page.card("generalisation score", fmt::format("{:.2f}", *score), "held-out mean over training mean");
  }
}

void add_comparison(io::HtmlReport& page, const ReportInput& input) {
  page.section("Agent and baselines",
               "The same views, costs and fills for all. HOLD is the policy to beat; its reward is exactly 0.");
  add_chart(page, "Mean reward per market with its 95 % interval, bootstrapped over events", [&](int width) {
    io::IntervalChart chart({.x_label = "dollars per market", .width = width, .include_zero = true});
    for (const PolicyRow& row : input.rows) {
      const kalshi::Estimate& mean = row.table.total.mean;
      chart.add(row.name, mean.value, mean.interval ? mean.interval->low : mean.value,
                mean.interval ? mean.interval->high : mean.value);
    }
    return chart.svg();
  });
  page.table(markdown_free(comparison_table(input.rows), "Policies", true));
  add_chart(page, "Where the money came from, mean per market", [&](int width) {
    io::BarChart chart({.x_label = "dollars per market", .width = width}, {"mark", "fills", "fees", "settlement"});
    for (const PolicyRow& row : input.rows) {
      std::vector<double> parts(4, 0.0);
      double episodes = 0.0;
      for (const kalshi::MarketResult& market : row.table.markets) {
        const kalshi::Attribution& a = market.attribution;
        const double values[] = {static_cast<double>(a.mark), static_cast<double>(a.fills), -static_cast<double>(a.fees),
                                 static_cast<double>(a.settlement)};
        for (std::size_t k = 0; k < parts.size(); ++k) parts[k] += 1e-6 * values[k];
        episodes += static_cast<double>(market.episodes);
      }
      for (double& part : parts) part /= episodes;
      chart.add(row.name, std::move(parts));
    }
    return chart.svg();
  });
}

void add_learning(io::HtmlReport& page, const kalshi::TrainingHistory& history) {
  if (history.updates.empty() && history.evaluations.empty()) return;
  page.section("Learning");
  constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
  io::Series training{.name = "training episodes"}, held_out{.name = "held-out views"}, first{.name = "first stage's views"};
  io::Series entropy{.name = "policy"}, blind{.name = "blind draw", .style = io::SeriesStyle::dashed}, kl, variance;
  for (const kalshi::UpdateRecord& u : history.updates) {
    const auto x = static_cast<double>(u.timesteps);
    for (io::Series* const series : {&training, &entropy, &blind, &kl, &variance}) series->x.push_back(x);
    training.y.push_back(u.mean_reward.value_or(unknown));
    entropy.y.push_back(u.entropy);
    blind.y.push_back(u.legal_entropy);
    kl.y.push_back(u.approx_kl);
    variance.y.push_back(u.explained_variance);
  }
  for (const kalshi::EvaluationRecord& e : history.evaluations) {
    held_out.x.push_back(static_cast<double>(e.timesteps));
    held_out.y.push_back(e.held_out_mean);
    first.x.push_back(static_cast<double>(e.timesteps));
    first.y.push_back(e.first_stage_mean.value_or(unknown));
  }
  const auto lines = [&](std::string_view caption, const char* label, const std::vector<io::Series>& series) {
    add_chart(page, caption, [&](int width) {
      io::LineChart chart({.x_label = "steps", .y_label = label, .width = width, .include_zero = true});
      for (const io::Series& each : series)
        if (!each.x.empty()) chart.add(each);
      return chart.svg();
    });
  };
  lines("Mean reward; training draws its actions, the evaluations take the most probable one", "dollars per episode",
        {training, held_out, first});
  if (history.updates.empty()) return;
  lines("Entropy of the policy", "nats", {entropy, blind});
  lines("Explained variance of the value estimates", "share", {variance});
  lines("approx_kl", "nats", {kl});
}

void add_agent(io::HtmlReport& page, const kalshi::EvaluationTable& agent) {
  page.section("Markets");
  add_chart(page, "Views by mean reward", [&](int width) {
    io::Series bins{.name = "", .style = io::SeriesStyle::area};
    const kalshi::Histogram& h = agent.histogram;
    for (std::size_t i = 0; i < h.counts.size(); ++i) {
      bins.x.push_back(h.low + (static_cast<double>(i) + 0.5) * h.width);
      bins.y.push_back(static_cast<double>(h.counts[i]));
    }
    io::LineChart chart({.x_label = "dollars per market", .y_label = "views", .width = width, .include_zero = true});
    if (!bins.x.empty()) chart.add(bins);
    return chart.svg();
  });
  page.table(markdown_free(group_table(agent), "By series, and by fifths of difficulty"));
  page.table(markdown_free(correlation_table(agent), "Correlations with the mean reward, 95 % intervals over events"));
  if (!agent.always_failing.empty()) {
    std::vector<std::string> names;
    for (const std::size_t source : agent.always_failing) names.push_back(agent.markets[source].ticker);
    page.note(fmt::format("{} views lose and never win: {}", names.size(), fmt::join(names, ", ")), io::Tone::warning);
  }
  page.table(markdown_free(market_table(agent), "Views, worst first"));
}

}  // namespace

void write_report(const std::string& path, const ReportInput& input) {
  const kalshi::EvaluationTable& agent = input.rows.front().table;
  io::HtmlReport page(input.title, input.subtitle);
  const PolicyRow& judged = input.rows[input.judged];
  page.verdict(input.bias.empty() ? tone_of(judged.table.total.mean) : io::Tone::warning, input.verdict,
               fmt::format("{}: {} views of {} events; mean reward {} $ per market", judged.name, judged.table.total.views,
                           judged.table.events.size(), text_of(judged.table.total.mean)));
  add_cards(page, input);
  for (const PolicyRow& row : input.rows)
    for (const kalshi::Alarm& alarm : row.table.alarms)
      page.note(fmt::format("alarm, {}: {}: {}", row.name, alarm.ticker, alarm.text), io::Tone::bad);
  if (!input.checks.empty()) {
    page.section("Success checks");
    page.table(markdown_free(check_table(input.checks), ""));
  }
  add_comparison(page, input);
  if (!input.sensitivity.empty()) {
    page.section("How much depends on assumed fills",
                 "Share of unexplained decreases at the best level that count as trades. What vanishes at 0 is an assumption.");
    page.table(markdown_free(sensitivity_table(input.sensitivity), ""));
  }
  add_learning(page, input.history);
  add_agent(page, agent);
  page.section("Run");
  for (const auto& [name, text] : input.details) page.details(name, text);
  page.footer(fmt::format("rlx {}; {}", RLX_VERSION_STRING, fmt::join(input.command_line, " ")));
  io::write_file_atomically(path, page.html());
}

}  // namespace app
