// SPDX-License-Identifier: MIT
/// @file
/// @brief Speed of the Kalshi importers and of the SQLite store on one core; medians of 5 runs.
///
/// - frames/s of the websocket parser, current format, and of the import of the same recording into a session;
/// - rows/s of gzipped top-of-book files into a new store: unpacking, parsing, one transaction, indexes;
/// - seconds from a store of one session (500 markets, 500 snapshots, 50,000 deltas) to views with their statistics, the file
///   being in the cache.
///
/// In processor time, which other programs of the machine do not lengthen; "wall" waits for the disk too. Files go to a
/// temporary folder. Usage: kalshi_import [top-of-book files .csv.gz; without them 8 made here of 80,000 rows]
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <zlib.h>

#include <rlx/core/random.hpp>
#include <rlx/io/gzip.hpp>
#include <rlx/kalshi/detail/decimal.hpp>
#include <rlx/kalshi/import_bbo.hpp>
#include <rlx/kalshi/import_ws.hpp>
#include <rlx/kalshi/market_session_view.hpp>
#include <rlx/kalshi/sqlite_session_store.hpp>
#include <rlx/kalshi/view_filter.hpp>
#include <rlx/kalshi/wire.hpp>

namespace {

using namespace rlx::kalshi;

constexpr Micros start_us = 1'765'800'000'000'000;

double wall_seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }
double cpu_seconds() {
  std::timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Median wall and processor seconds of 5 runs.
template <class F>
std::array<double, 2> measure(F&& run) {
  std::array<double, 5> wall{}, cpu{};
  for (std::size_t i = 0; i < 5; ++i) {
    const double wall_before = wall_seconds(), cpu_before = cpu_seconds();
    run();
    wall[i] = wall_seconds() - wall_before;
    cpu[i] = cpu_seconds() - cpu_before;
  }
  std::sort(wall.begin(), wall.end());
  std::sort(cpu.begin(), cpu.end());
  return {wall[2], cpu[2]};
}

void print(const char* name, double wall, double cpu, const char* unit, std::size_t size) {
  std::printf("{\"name\": \"kalshi import: %s\", \"value\": %.4g, \"unit\": \"%s\", \"wall\": %.4g, \"size\": %zu}\n", name,
              cpu, unit, wall, size);
}

std::vector<std::string> make_frames(std::size_t n) {
  rlx::RandomStream random(rlx::StreamId{.seed = 7, .purpose = rlx::Purpose::user});
  std::vector<std::string> frames;
  const auto head = [&](const char* type) {
    return std::string("{\"type\":\"") + type + "\",\"sid\":1,\"seq\":" + std::to_string(frames.size() + 1) +
           ",\"msg\":{\"market_ticker\":\"KXNEXTTEAMNBA-26LJAM-GSW\",\"market_id\":\"abbbad28-f309-4dd5-af38-2ad7ebf2acc3\",";
  };
  std::string yes, no;
  for (int cents = 1; cents <= 48; ++cents) {
    const std::string comma = cents == 1 ? "" : ",";
    yes += comma + "[\"" + detail::format_decimal(cents * 100, 4) + "\",\"1000000.00\"]";
    no += comma + "[\"" + detail::format_decimal(cents * 100, 4) + "\",\"1000000.00\"]";
  }
  frames.push_back(head("orderbook_snapshot") + "\"yes_dollars_fp\":[" + yes + "],\"no_dollars_fp\":[" + no + "]}}");
  for (Micros now = start_us; frames.size() < n; now += 1 + static_cast<Micros>(random.bounded(200'000))) {
    const auto price = static_cast<std::int64_t>(100 + 100 * random.bounded(48));
    const auto change = static_cast<std::int64_t>(random.bounded(100'000)) - 40'000;
    frames.push_back(head("orderbook_delta") + "\"price_dollars\":\"" + detail::format_decimal(price, 4) +
                     "\",\"delta_fp\":\"" + detail::format_decimal(change, 2) + "\",\"side\":\"" +
                     (random.bounded(2) == 0 ? "yes" : "no") + "\",\"ts\":\"" + detail::format_time_us(now) +
                     "\",\"ts_ms\":" + std::to_string(now / 1'000) + "}}");
  }
  return frames;
}

void frames_per_second() {
  const std::vector<std::string> frames = make_frames(200'000);
  std::string text;
  for (const std::string& frame : frames) (text += frame) += '\n';
  const auto rate = [&](const char* name, auto&& run) {
    const auto [wall, cpu] = measure(run);
    const auto n = static_cast<double>(frames.size());
    print(name, n / wall, n / cpu, "frames/s", frames.size());
  };
  Count sum = 0;
  rate("wire parser", [&] {
    WireParser parser;
    for (const std::string& frame : frames) parser.parse(frame, 0, [&](const WireEvent& event) { sum += event.row.count; });
  });
  rate("recording to session", [&] {
    std::istringstream stream(text);
    SessionBuilder builder;
    import_ws_jsonl(stream, {}, builder);
    sum += builder.finish()->columns(0).count[0];
  });
  if (sum == 0) std::printf("{}\n");  // keeps the work
}

// Six brackets whose quotes wander by a cent, as gzip.
void write_quotes(const std::string& path, int file) {
  rlx::RandomStream random(rlx::StreamId{.seed = 100 + static_cast<std::uint64_t>(file), .purpose = rlx::Purpose::user});
  std::string text = "timestamp,market_ticker,best_yes_bid,best_no_bid,implied_no_ask,implied_yes_ask\n";
  std::array<int, 6> yes{}, no{};
  yes.fill(40);
  no.fill(55);
  Micros now = start_us + file * Micros{86'400'000'000};
  for (int row = 0; row < 80'000; ++row) {
    const auto m = static_cast<std::size_t>(random.bounded(6));
    int& moved = random.bounded(2) == 0 ? yes[m] : no[m];
    moved = moved == 20                        ? 21
            : moved == 45 && &moved == &yes[m] ? 44
            : moved == 55                      ? 54
                                               : moved + (random.bounded(2) == 0 ? 1 : -1);
    now += 1 + static_cast<Micros>(random.bounded(2'000'000));
    const std::string time = detail::format_time_us(now);
    text += time.substr(0, time.size() - 1) + ",KXHIGHNY-25DEC" + std::to_string(10 + file) + "-B3" + std::to_string(m) +
            ".5," + std::to_string(yes[m]) + ',' + std::to_string(no[m]) + ',' + std::to_string(100 - yes[m]) + ',' +
            std::to_string(100 - no[m]) + '\n';
  }
  const ::gzFile out = ::gzopen(path.c_str(), "wb");
  ::gzwrite(out, text.data(), static_cast<unsigned>(text.size()));
  ::gzclose(out);
}

void rows_per_second(const std::string& folder, std::vector<std::string> files) {
  if (files.empty()) {
    for (int file = 0; file < 8; ++file) {
      files.push_back(folder + "/quotes" + std::to_string(file) + ".csv.gz");
      write_quotes(files.back(), file);
    }
  }
  const std::string path = folder + "/quotes.db";
  std::size_t rows = 0;
  const auto sessions = [&] {
    rows = 0;
    std::vector<std::shared_ptr<const SessionData>> result;
    for (const std::string& file : files) {
      BboImportConfig config;
      config.utc_offset_us = parse_utc_offset("-08:00");
      config.file = file;
      SessionBuilder builder;
      rows += import_bbo_csv(std::string_view(rlx::io::gunzip_file(file)), config, builder).rows;
      result.push_back(builder.finish());
    }
    return result;
  };
  const auto rate = [&](const char* name, auto&& run) {
    const auto [wall, cpu] = measure(run);
    print(name, static_cast<double>(rows) / wall, static_cast<double>(rows) / cpu, "rows/s", rows);
  };
  rate("top of book to sessions", sessions);
  rate("top of book to a store", [&] {
    ::unlink(path.c_str());
    SqliteSessionStore(path).save_all(sessions());
  });
  ::unlink(path.c_str());
}

void load_session(const std::string& folder) {
  rlx::RandomStream random(rlx::StreamId{.seed = 9, .purpose = rlx::Purpose::user});
  constexpr std::size_t markets = 500, deltas = 50'000;
  SessionBuilder builder;
  for (std::size_t m = 0; m < markets; ++m) {
    const std::size_t handle = builder.market("KXSERIES-25DEC16-T" + std::to_string(m));
    builder.append(handle, {start_us, EventKind::book_clear, 0, 0});
    for (Price price = 3'000; price < 4'800; price += 100) {
      builder.append(handle, {start_us, EventKind::level_set_yes, price, 50'000});
      builder.append(handle, {start_us, EventKind::level_set_no, one_dollar - price, 50'000});
    }
  }
  Micros now = start_us;
  for (std::size_t i = 0; i < deltas; ++i) {
    now += 1 + static_cast<Micros>(random.bounded(200'000));
    const bool yes = random.bounded(2) == 0;
    const auto price = static_cast<Price>(3'000 + 100 * random.bounded(18));
    builder.append(random.bounded(markets), {now, yes ? EventKind::level_delta_yes : EventKind::level_delta_no,
                                             yes ? price : one_dollar - price, static_cast<Count>(random.bounded(500)) - 200});
  }
  const std::string path = folder + "/session.db";
  SqliteSessionStore(path).save(*builder.finish());
  std::size_t views = 0;
  const auto [wall, cpu] = measure([&] {
    SqliteSessionStore store(path, rlx::io::SqliteMode::read_only);
    views = make_views(store, all_views()).size();
  });
  print("store to views, 50,000 deltas", wall, cpu, "s", views);
  ::unlink(path.c_str());
}

std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(std::min(line.find(':') + 2, line.size()));
  }
  return "unknown";
}

}  // namespace

int main(int argc, char** argv) {
  std::printf("{\"processor\": \"%s\", \"compiler\": \"%s\"}\n", processor().c_str(), __VERSION__);
  char pattern[] = "/tmp/rlx_kalshi_import_XXXXXX";
  const char* const made = ::mkdtemp(pattern);
  if (made == nullptr) {
    std::fprintf(stderr, "cannot make a folder %s\n", pattern);
    return 1;
  }
  const std::string folder = made;
  frames_per_second();
  rows_per_second(folder, {argv + 1, argv + argc});
  load_session(folder);
  for (int file = 0; file < 8; ++file) ::unlink((folder + "/quotes" + std::to_string(file) + ".csv.gz").c_str());
  ::rmdir(folder.c_str());
}
