// SPDX-License-Identifier: MIT
/// @file
/// @brief Building a market tape in memory: 200 symbols on 2 venues, 60 days of 5-minute rows (6.9 M rows), one thread. Also
/// reading 5 days of it from CSV text.
///
/// Usage: funding_tape [days, default 60] [symbols, default 200] [runs, default 5]
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/funding/market_tape.hpp>
#include <rlx/funding/tape_csv.hpp>

namespace {

using namespace rlx::funding;

TapeData make_data(std::size_t days, std::size_t symbols) {
  TapeData data;
  rlx::RandomStream random({.seed = 1, .purpose = rlx::Purpose::user});
  constexpr std::int64_t start_ms = 1'735'689'600'000, step_ms = 300'000;
  for (std::size_t s = 0; s < symbols; ++s)
    for (const char* venue : {"binance", "bybit"}) {
      InstrumentData& one = data.instruments.emplace_back();
      one.venue = venue;
      one.symbol = std::to_string(1000 + s) + "USDT";
      one.rows.reserve(days * 288);
      double price = 100.0;
      for (std::size_t i = 0; i < days * 288; ++i) {
        price *= 1.0 + 0.001 * (random.uniform() - 0.5);
        PriceRow row;
        row.ts_ms = start_ms + static_cast<std::int64_t>(i) * step_ms;
        row.price = price;
        row.low = 0.999 * price;
        row.high = 1.001 * price;
        row.volume_quote_24h = 1e7F;
        row.bid_ask_bps = 2.0F;
        row.depth_usd = 2e5F;
        one.rows.push_back(row);
        if (i % 48 == 0) one.settlements.push_back({row.ts_ms, 0, 1e-4 * (random.uniform() - 0.3), 4.0});
      }
    }
  return data;
}

double peak_megabytes() {
  ::rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024.0;
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t days = argc > 1 ? static_cast<std::size_t>(std::atoi(argv[1])) : 60;
  const std::size_t symbols = argc > 2 ? static_cast<std::size_t>(std::atoi(argv[2])) : 200;
  const int runs = argc > 3 ? std::atoi(argv[3]) : 5;
  TapeConfig config;
  config.step_ms = 300'000;
  std::vector<double> build;
  std::optional<MarketTape> tape;
  for (int run = 0; run < runs; ++run) {
    tape.reset();
    TapeData data = make_data(days, symbols);
    const auto start = std::chrono::steady_clock::now();
    tape.emplace(std::move(data), config, VenueTable::builtin());
    build.push_back(seconds_since(start));
  }
  std::sort(build.begin(), build.end());
  const double peak = peak_megabytes();
  const auto start = std::chrono::steady_clock::now();
  const std::string digest = tape->sha256();
  const double hashing = seconds_since(start);
  const auto line = [&](const char* name, double value, const char* unit) {
    std::printf("{\"name\": \"%s\", \"value\": %.3f, \"unit\": \"%s\", \"rows\": %zu, \"steps\": %zu, \"data\": \"%s\"}\n",
                name, value, unit, tape->report().price_rows, tape->n_steps(), digest.substr(0, 12).c_str());
  };
  line("funding_tape_build", build[build.size() / 2], "s");
  line("funding_tape_peak_memory", peak, "MiB");
  line("funding_tape_sha256", hashing, "s");

  const TapeData few_days = make_data(5, symbols);
  const std::string prices = prices_csv(few_days), funding = funding_csv(few_days);
  std::vector<double> load;
  for (int run = 0; run < runs; ++run) {
    const auto begin = std::chrono::steady_clock::now();
    const TapeData read = read_tape_csv({{prices, "prices.csv"}, {funding, "funding.csv"}}, config, VenueTable::builtin());
    load.push_back(static_cast<double>(prices.size()) / 1e6 / seconds_since(begin));
  }
  std::sort(load.begin(), load.end());
  line("funding_tape_csv_load", load[load.size() / 2], "MB/s");
}
