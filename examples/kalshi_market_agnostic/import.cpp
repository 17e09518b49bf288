// SPDX-License-Identifier: MIT
#include "commands.hpp"
#include "recordings.hpp"

#include <rlx/io/gzip.hpp>
#include <rlx/io/iso8601.hpp>
#include <rlx/io/mapped_file.hpp>
#include <rlx/io/text_table.hpp>
#include <rlx/kalshi/import_bbo.hpp>
#include <rlx/kalshi/import_ws.hpp>
#include <rlx/kalshi/rest_book.hpp>
#include <rlx/kalshi/session_builder.hpp>

#include <fmt/format.h>

#include <cmath>
#include <iostream>
#include <iterator>
#include <sstream>
#include <utility>

namespace app {
namespace {

/// The whole text of a file, unpacked; `-` is standard input.
std::string file_text(const std::string& path) {
  if (path == "-") {
    std::string text(std::istreambuf_iterator<char>(std::cin), {});
    if (std::cin.bad()) throw rlx::IoError("standard input cannot be read");
    return text;
  }
  return path.ends_with(".gz") ? rlx::io::gunzip_file(path) : rlx::io::read_file(path);
}

/// Contracts in hundredths, which sizes are counted in. @throws ConfigError for what is none of them
kalshi::Count touch_size(double contracts) {
  const double hundredths = std::round(contracts * static_cast<double>(kalshi::one_contract));
  if (!(hundredths >= 1.0 && hundredths <= static_cast<double>(kalshi::max_level_size))) {
    throw rlx::ConfigError(fmt::format("--assumed-touch-size {}: expected contracts from 0.01 to {}", contracts,
                                       kalshi::max_level_size / kalshi::one_contract));
  }
  return static_cast<kalshi::Count>(hundredths);
}

kalshi::ImportReport import_file(const Options& o, const std::string& path, kalshi::SessionBuilder& builder) {
  const std::string name = path == "-" ? "standard input" : path;
  const kalshi::CloseRule close = kalshi::parse_close_rule(o.close);
  const std::string text = file_text(path);
  if (o.format == "bbo-csv") {
    kalshi::BboImportConfig config;
    if (!o.utc_offset.empty()) config.utc_offset_us = kalshi::parse_utc_offset(o.utc_offset);
    config.assumed_touch_size = touch_size(o.assumed_touch_size);
    config.close = close;
    config.file = name;
    config.environment = o.environment;
    return kalshi::import_bbo_csv(std::string_view(text), config, builder);
  }
  if (o.format == "ws-jsonl") {
    std::istringstream frames(text);
    return kalshi::import_ws_jsonl(frames, {.strict = o.strict, .close = close, .file = name, .environment = o.environment},
                                   builder);
  }
  const kalshi::Micros taken = rlx::io::parse_time_ms(o.taken_at) * 1'000;
  return kalshi::import_rest_json(text, taken, close, builder, name);
}

/// The counts that are not 0, as people read them.
std::string notes_of(const kalshi::ImportReport& report, const kalshi::SessionData& session) {
  const std::pair<const char*, std::uint64_t> counts[] = {{"snapshots", report.snapshots},
                                                          {"deltas", report.deltas},
                                                          {"trades", report.trades},
                                                          {"replies", report.replies},
                                                          {"unknown frames", report.unknown},
                                                          {"gaps", report.gaps},
                                                          {"repeated", report.duplicates},
                                                          {"dated backwards", report.backwards},
                                                          {"before the first snapshot", report.before_snapshot},
                                                          {"in one millisecond", report.same_millisecond},
                                                          {"one-sided", report.one_sided},
                                                          {"empty", report.empty},
                                                          {"locked", report.locked},
                                                          {"crossed", report.crossed},
                                                          {"clamped", session.report().total.clamped}};
  std::string text;
  for (const auto& [name, count] : counts)
    if (count > 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, name);
  return text;
}

}  // namespace

int import(const Options& o) {
  if (!o.store.empty()) require_stores(o.store);
  // Each file is a session of its own; nothing is written before all of them have been read.
  std::vector<kalshi::SessionBuilder> builders(o.files.size());
  std::vector<kalshi::ImportReport> reports;
  for (std::size_t i = 0; i < o.files.size(); ++i) reports.push_back(import_file(o, o.files[i], builders[i]));
  if (!o.settlement.empty()) {
    const auto known = o.store.empty() ? std::set<std::string, std::less<>>() : known_tickers(o.store);
    kalshi::apply_results(kalshi::read_results_csv(file_text(o.settlement), o.settlement), builders, known);
  }
  std::vector<Session> sessions;
  for (kalshi::SessionBuilder& builder : builders) {
    sessions.push_back(builder.finish());
    if (sessions.back()->events() == 0) {
      throw rlx::DataError(o.files[sessions.size() - 1], 0, 0,
                           "expected at least one row of a market, found none; leave the file out. Nothing was written");
    }
  }
  // The same recording twice would count twice, and could be trained on and held out at once.
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    const auto refuse = [&](const std::string& found) {
      throw rlx::DataError(
          o.files[i], 0, 0,
          fmt::format("expected a recording that is not in the store, found that of {}; leave the file out, or "
                      "import into a new store. Nothing was written",
                      found));
    };
    for (std::size_t before = 0; before < i; ++before)
      if (same_recording(*sessions[before], *sessions[i])) refuse(o.files[before]);
    if (o.store.empty()) continue;
    if (const auto id = stored_as(o.store, *sessions[i])) refuse(fmt::format("session {} of {}", *id, o.store));
  }
  std::vector<kalshi::SessionId> ids;
  if (!o.store.empty()) ids = save_sessions(o.store, sessions);

  rlx::io::TextTable table({"session", "file", "rows", "events", "markets", "results", "quality", "notes"});
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    std::size_t results = 0;
    for (const kalshi::MarketInfo& market : sessions[i]->markets()) results += market.settlement ? 1 : 0;
    const std::string file = o.files[i].substr(o.files[i].rfind('/') + 1);
    table.row({ids.empty() ? "-" : std::to_string(ids[i]), file, std::to_string(reports[i].rows),
               std::to_string(sessions[i]->events()), std::to_string(sessions[i]->markets().size()), std::to_string(results),
               fmt::format("{:.4f}", sessions[i]->data_quality_score()), notes_of(reports[i], *sessions[i])});
  }
  if (!o.quiet) fmt::print("{}", table.to_string());
  fmt::print("{}\n", o.store.empty()
                         ? fmt::format("{} sessions checked, nothing written: give --store to keep them", sessions.size())
                         : fmt::format("{} sessions written to {}", sessions.size(), o.store));
  return 0;
}

}  // namespace app
