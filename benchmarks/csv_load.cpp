// SPDX-License-Identifier: MIT
/// @file
/// @brief Speed of CsvReader on a prices file made in memory: every number of every row parsed, one thread, median of 5.
///
/// Usage: csv_load [megabytes, default 64]
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <rlx/core/random.hpp>
#include <rlx/io/csv.hpp>

namespace {

// `places` decimals, as venues print them.
double rounded(double value, double places) {
  return static_cast<double>(static_cast<std::int64_t>(value * places + 0.5)) / places;
}

std::string prices_csv(std::size_t bytes) {
  static constexpr const char* venues[] = {"binance", "bybit", "okx", "hyperliquid"};
  static constexpr const char* symbols[] = {"BTCUSDT", "ETHUSDT", "SOLUSDT", "1000PEPEUSDT", "ARBUSDT", "WIFUSDT", "0GUSDT"};
  static constexpr double prices[] = {101'234.5, 3'412.25, 182.4, 0.01123, 0.7431, 2.183, 3.4321};
  rlx::RandomStream random({.seed = 1, .purpose = rlx::Purpose::user});
  rlx::io::CsvWriter csv;
  csv.row("ts_ms_utc", "venue", "symbol", "price", "volume_quote_24h", "bid_ask_bps", "depth_usd", "low", "high");
  for (std::int64_t time = 1'735'689'600'000; csv.text().size() < bytes; time += 300'000) {
    for (const char* const venue : venues) {
      for (std::size_t s = 0; s < std::size(symbols); ++s) {
        const double price = prices[s] * random.uniform(0.9, 1.1);
        const double places = price > 1000.0 ? 1e1 : price > 1.0 ? 1e4 : 1e7;
        const double volume = rounded(random.uniform(1e6, 1e9), 1e2);
        const double bid_ask = rounded(random.uniform(0.1, 9.0), 1e3);
        const double depth = rounded(random.uniform(1e4, 1e7), 1e2);
        csv.row(time, venue, symbols[s], rounded(price, places), volume, bid_ask, depth, rounded(price * 0.998, places),
                rounded(price * 1.002, places));
      }
    }
  }
  return csv.take();
}

struct Result {
  double seconds;
  double checksum;
  std::size_t rows;
};

Result load(const std::string& text) {
  enum : std::size_t { stamp, venue, symbol, price, volume, bid_ask, depth, low, high };
  const auto start = std::chrono::steady_clock::now();
  rlx::io::CsvReader rows(text, "prices.csv",
                          {{.name = "ts_ms_utc"},
                           {.name = "venue"},
                           {.name = "symbol"},
                           {.name = "price"},
                           {.name = "volume_quote_24h"},
                           {.name = "bid_ask_bps"},
                           {.name = "depth_usd"},
                           {.name = "low"},
                           {.name = "high"}});
  double sum = 0.0;
  while (rows.next()) {
    sum += static_cast<double>(rows.integer(stamp)) + static_cast<double>(rows.text(venue).size() + rows.text(symbol).size()) +
           rows.number(price);
    for (const std::size_t column : {volume, bid_ask, depth, low, high}) sum += rows.number_or(column, 0.0);
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return {seconds.count(), sum, rows.rows()};
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t megabytes = argc > 1 ? static_cast<std::size_t>(std::atoi(argv[1])) : 64;
  const std::string text = prices_csv(megabytes * 1'000'000);
  double seconds[5];
  Result last{};
  for (double& sample : seconds) {
    last = load(text);
    sample = last.seconds;
  }
  std::sort(seconds, seconds + 5);
  std::printf(
      "{\"name\": \"csv_load\", \"value\": %.1f, \"unit\": \"MB/s\", \"megabytes\": %.1f, \"rows\": %zu, "
      "\"ns_per_row\": %.1f, \"checksum\": %.17g}\n",
      static_cast<double>(text.size()) / 1e6 / seconds[2], static_cast<double>(text.size()) / 1e6, last.rows,
      1e9 * seconds[2] / static_cast<double>(last.rows), last.checksum);
}
