// SPDX-License-Identifier: MIT
#include "commands.hpp"
#include "views.hpp"

#include <rlx/core/random.hpp>
#include <rlx/io/iso8601.hpp>
#include <rlx/io/number_text.hpp>
#include <rlx/io/text_table.hpp>
#include <rlx/kalshi/environment.hpp>
#include <rlx/kalshi/features.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numeric>

namespace app {
namespace {

using kalshi::feature_count;
using kalshi::feature_layout;

constexpr std::size_t shown_sessions = 20, shown_rejections = 20;
constexpr std::size_t most_rows = 100'000;

std::string time_text(kalshi::Micros time_us) { return time_us == 0 ? "-" : rlx::io::format_time_ms(time_us / 1000); }

std::string more(std::size_t all, std::size_t shown) {
  return all > shown ? fmt::format("... and {} more\n", all - shown) : std::string();
}

void print_sessions(const Recordings& recordings) {
  rlx::io::TextTable table({"session", "status", "from", "to", "markets", "events", "quality", "source"});
  std::size_t open = 0;
  for (const kalshi::SessionSummary& summary : recordings.listed) {
    open += summary.loadable ? 0 : 1;
    if (table.rows() == shown_sessions) continue;
    std::string events = "-", quality = "-";
    if (summary.loadable) {
      const Session session = recordings.store.load(summary.id);
      events = std::to_string(session->events());
      quality = fmt::format("{:.4f}", session->data_quality_score());
    }
    table.row({std::to_string(summary.id), summary.status, time_text(summary.start_us), time_text(summary.end_us),
               std::to_string(summary.markets), events, quality, summary.source.empty() ? "-" : summary.source});
  }
  fmt::print("{} sessions ({})\n{}{}", recordings.listed.size(), recordings.origin, table.to_string(),
             more(recordings.listed.size(), table.rows()));
  if (open > 0) fmt::print("{} of them are not closed and give no views\n", open);
}

/// The markets that are described but leave something unknown.
void print_unknowns(const Recordings& recordings) {
  std::size_t markets = 0, without_close = 0, without_result = 0, without_sizes = 0;
  std::string names;
  for (const kalshi::MarketInfo& market : recordings.store.markets()) {
    ++markets;
    without_result += market.settlement ? 0 : 1;
    without_sizes += market.has_sizes ? 0 : 1;
    if (market.close_us) continue;
    if (++without_close <= 5) names += (names.empty() ? "" : ", ") + market.ticker;
  }
  fmt::print("\n{} markets; {} without result, {} without sizes, {} without close time{}\n", markets, without_result,
             without_sizes, without_close,
             names.empty() ? "" : fmt::format(" ({}{})", names, without_close > 5 ? ", ..." : ""));
}

/// Smallest, quartiles and largest of each figure.
void print_distributions(const Views& views) {
  rlx::io::TextTable table({"figure", "min", "25 %", "median", "75 %", "max"});
  const auto add = [&](const char* name, int decimals, auto value) {
    std::vector<double> values;
    for (std::size_t i = 0; i < views.all.size(); ++i) values.push_back(value(i));
    std::sort(values.begin(), values.end());
    std::vector<std::string> cells{name};
    for (const double share : {0.0, 0.25, 0.5, 0.75, 1.0}) {
      const double at = share * static_cast<double>(values.size() - 1);
      const auto below = static_cast<std::size_t>(at);
      const std::size_t above = std::min(below + 1, values.size() - 1);
      cells.push_back(rlx::io::fixed(std::lerp(values[below], values[above], at - static_cast<double>(below)), decimals));
    }
    table.row(std::move(cells));
  };
  add("length, decision groups", 0, [&](std::size_t i) { return static_cast<double>(views.all[i].length()); });
  add("duration, hours", 2, [&](std::size_t i) { return static_cast<double>(views.all[i].total_duration_us()) / 3.6e9; });
  add("average spread, cents", 2, [&](std::size_t i) { return views.all[i].avg_spread(); });
  add("volatility, cents per sqrt(minute)", 3, [&](std::size_t i) { return views.all[i].volatility_score(); });
  add("market coverage", 3, [&](std::size_t i) { return views.all[i].market_coverage(); });
  add("data quality", 4, [&](std::size_t i) { return views.all[i].data_quality_score(); });
  add("difficulty, 0 easy to 1 hard", 3, [&](std::size_t i) { return views.infos[i].difficulty; });
  fmt::print("\n{} views\n{}", views.all.size(), table.to_string());
}

void print_rejections(const Views& views) {
  if (views.rejected.empty()) return;
  rlx::io::TextTable table({"session", "market", "reason", "found"});
  for (const kalshi::Rejection& rejection : views.rejected) {
    if (table.rows() == shown_rejections) break;
    table.row({std::to_string(rejection.session), rejection.ticker,
               std::string(kalshi::rejection_reason_name(rejection.reason)),
               rejection.reason < kalshi::RejectionReason::too_short ? "-" : rlx::io::trimmed(rejection.found, 4)});
  }
  fmt::print("\n{} markets rejected: {}\n{}{}", views.rejected.size(), kalshi::rejection_counts(views.rejected),
             table.to_string(), more(views.rejected.size(), table.rows()));
}

/// Observation rows of random legal actions on a third of the steps, at most `most_rows`, the same number from each view.
std::vector<float> sample_observations(const Views& views, std::uint64_t seed) {
  std::vector<float> rows;
  const std::size_t most = std::max<std::size_t>(most_rows / views.all.size(), 1);
  kalshi::MarketAgnosticKalshiEnv env(std::make_shared<const kalshi::ViewSet>(views.all));
  const std::size_t actions = static_cast<std::size_t>(env.action_space().n);
  std::vector<std::uint8_t> mask(actions);
  std::array<float, feature_count> row{};
  for (std::size_t view = 0; view < views.all.size(); ++view) {
    rlx::RandomStream random({seed, rlx::Purpose::user, static_cast<std::uint32_t>(view)});
    env.set_source(view);
    env.reset(seed, row);
    for (std::size_t step = 0; step < most; ++step) {
      rows.insert(rows.end(), row.begin(), row.end());
      std::int32_t action = 0;
      if (random.bounded(3) == 0) {
        env.action_masks(mask);
        std::size_t choice = random.bounded(static_cast<std::size_t>(std::count(mask.begin(), mask.end(), 1)));
        for (std::size_t a = 0; a < actions; ++a)
          if (mask[a] != 0 && choice-- == 0) action = static_cast<std::int32_t>(a);
      }
      if (env.step(std::span<const std::int32_t>(&action, 1), row).terminated) break;
    }
  }
  return rows;
}

/// Eigenvalues of a symmetric matrix by cyclic Jacobi rotations.
std::vector<double> eigenvalues(std::vector<double> m, std::size_t n) {
  const auto at = [&](std::size_t i, std::size_t j) -> double& { return m[i * n + j]; };
  for (int sweep = 0; sweep < 30; ++sweep) {
    double off = 0.0;
    for (std::size_t p = 0; p < n; ++p) {
      for (std::size_t q = p + 1; q < n; ++q) {
        off += at(p, q) * at(p, q);
        if (at(p, q) == 0.0) continue;
        const double theta = (at(q, q) - at(p, p)) / (2.0 * at(p, q));
        const double t = (theta < 0.0 ? -1.0 : 1.0) / (std::abs(theta) + std::sqrt(theta * theta + 1.0));
        const double c = 1.0 / std::sqrt(t * t + 1.0), s = t * c;
        for (std::size_t k = 0; k < n; ++k) {
          const double kp = at(k, p), kq = at(k, q);
          at(k, p) = c * kp - s * kq;
          at(k, q) = s * kp + c * kq;
        }
        for (std::size_t k = 0; k < n; ++k) {
          const double pk = at(p, k), qk = at(q, k);
          at(p, k) = c * pk - s * qk;
          at(q, k) = s * pk + c * qk;
        }
      }
    }
    if (off < 1e-20) break;
  }
  std::vector<double> values;
  for (std::size_t i = 0; i < n; ++i) values.push_back(at(i, i));
  return values;
}

void print_features(const Views& views, std::uint64_t seed) {
  const std::vector<float> rows = sample_observations(views, seed);
  const std::size_t n = rows.size() / feature_count;
  std::array<double, feature_count> mean{}, deviation{};
  std::array<float, feature_count> low{}, high{};
  for (std::size_t j = 0; j < feature_count; ++j) {
    low[j] = high[j] = rows[j];
    for (std::size_t i = 0; i < n; ++i) {
      const float x = rows[i * feature_count + j];
      mean[j] += x;
      low[j] = std::min(low[j], x);
      high[j] = std::max(high[j], x);
    }
    mean[j] /= static_cast<double>(n);
    for (std::size_t i = 0; i < n; ++i) {
      const double x = rows[i * feature_count + j] - mean[j];
      deviation[j] += x * x;
    }
    deviation[j] = std::sqrt(deviation[j] / static_cast<double>(n));
  }
  rlx::io::TextTable table({"#", "feature", "mean", "std", "min", "max"});
  std::vector<std::size_t> alive;
  for (std::size_t j = 0; j < feature_count; ++j) {
    table.row({std::to_string(j), std::string(feature_layout[j].name), rlx::io::fixed(mean[j], 4),
               rlx::io::fixed(deviation[j], 4), rlx::io::fixed(low[j], 4), rlx::io::fixed(high[j], 4)});
    if (high[j] > low[j]) alive.push_back(j);
  }
  // Correlations of the columns that vary; their eigenvalues are the squared singular values of the standardised rows.
  const std::size_t width = alive.size();
  std::vector<double> correlation(width * width, 0.0), standard(width);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t a = 0; a < width; ++a)
      standard[a] = (rows[i * feature_count + alive[a]] - mean[alive[a]]) / deviation[alive[a]];
    for (std::size_t a = 0; a < width; ++a)
      for (std::size_t b = a; b < width; ++b) correlation[a * width + b] += standard[a] * standard[b];
  }
  for (std::size_t a = 0; a < width; ++a)
    for (std::size_t b = 0; b < a; ++b) correlation[a * width + b] = correlation[b * width + a];
  const std::vector<double> squares = eigenvalues(std::move(correlation), width);
  const double largest = squares.empty() ? 0.0 : *std::max_element(squares.begin(), squares.end());
  const auto rank = std::count_if(squares.begin(), squares.end(), [&](double square) { return square > 1e-6 * largest; });
  fmt::print("\n{} features over {} decisions, random legal actions on a third of them\n{}", feature_count, n,
             table.to_string());
  fmt::print("{} columns vary, {} are constant; rank {} of {} (singular values above a thousandth of the largest)\n", width,
             feature_count - width, rank, feature_count);
}

void print_view(const kalshi::MarketSessionView& view, const curriculum::EpisodeInfo& info) {
  const kalshi::MarketInfo& market = view.market();
  rlx::io::TextTable table({"figure", "value"});
  table.align(1, rlx::io::Align::right);
  table.row({"session", std::to_string(info.session)})
      .row({"event", std::string(view.event_ticker())})
      .row({"announced close", market.close_us ? time_text(*market.close_us) : "unknown"})
      .row({"result, YES pays", market.settlement ? fmt::format("$ {:.4f}", *market.settlement * 1e-4) : "unknown"})
      .row({"sizes", market.has_sizes ? "yes" : "no"})
      .row({"first decision", time_text(view.start_us())})
      .row({"last decision", time_text(view.end_us())})
      .row({"events", std::to_string(view.events().size())})
      .row({"length, decision groups", std::to_string(view.length())})
      .row({"average spread, cents", fmt::format("{:.6f}", view.avg_spread())})
      .row({"volatility, cents per sqrt(minute)", fmt::format("{:.6f}", view.volatility_score())})
      .row({"market coverage", fmt::format("{:.6f}", view.market_coverage())})
      .row({"data quality", fmt::format("{:.6f}", view.data_quality_score())})
      .row({"difficulty", fmt::format("{:.4f}", info.difficulty)})
      .row({"closing groups cut", std::to_string(view.closing_groups())});
  fmt::print("\n{}\n{}", market.ticker, table.to_string());
}

/// Only what --session and --market name. @throws DataError if that is nothing
void keep_named(Recordings& recordings, const Options& o) {
  if (!o.session) return;
  const Session session = recordings.store.load(*o.session);  // lists the ids that are there
  kalshi::MemorySessionStore only;
  only.save(session, *o.session);
  recordings.store = std::move(only);
  std::erase_if(recordings.listed, [&](const kalshi::SessionSummary& summary) { return summary.id != *o.session; });
}

}  // namespace

int inspect(const Options& o) {
  Recordings recordings = load_recordings(o);
  keep_named(recordings, o);
  if (!o.quiet) print_sessions(recordings);
  print_unknowns(recordings);
  Views views = make_views(recordings, o);
  std::vector<std::size_t> everything(views.all.size());
  std::iota(everything.begin(), everything.end(), std::size_t{0});
  rate_difficulty(views, everything);
  if (o.market.empty()) {
    print_distributions(views);
    print_rejections(views);
    print_features(views, o.seed);
    return 0;
  }
  bool found = false;
  for (const curriculum::EpisodeInfo& info : views.infos) {
    if (views.all[info.source].market().ticker != o.market) continue;
    print_view(views.all[info.source], info);
    found = true;
  }
  if (found) return 0;
  for (const kalshi::Rejection& rejection : views.rejected) {
    if (rejection.ticker != o.market) continue;
    fmt::print("\n{} in session {} is rejected: {}{}\n", o.market, rejection.session,
               kalshi::rejection_reason_name(rejection.reason),
               rejection.found > 0.0 ? fmt::format(" ({})", rlx::io::trimmed(rejection.found, 4)) : "");
    return 0;
  }
  throw rlx::DataError(
      fmt::format("--market {}: no session has this market; inspect without --market shows what there is", o.market));
}

}  // namespace app
