// SPDX-License-Identifier: MIT
/// @file
/// @brief Recorded option chains on one core; medians of 5 runs in processor time.
///
/// - seconds to load a panel whole, unpacking and parsing included (the six-hour panel: target 1.5 s);
/// - microseconds for a snapshot of one underlying into a warm buffer, and nanoseconds for a realised volatility of it;
/// - nanoseconds to read an instrument's name;
/// - seconds to build the synthetic chain of 944 snapshots and to load all of them, two underlyings each (one run).
///
/// Usage: options_chain [files, .gz too; without them a panel made here of 481 snapshots of two underlyings, 77,000 rows]
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <string>
#include <vector>

#include <rlx/io/csv.hpp>
#include <rlx/io/gzip.hpp>
#include <rlx/market/black76.hpp>
#include <rlx/options/recorded_chain.hpp>
#include <rlx/options/synthetic_chain.hpp>

namespace {

using namespace rlx::options;

double cpu_seconds() {
  std::timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// Median processor seconds of 5 runs.
template <class F>
double measure(F&& run) {
  std::array<double, 5> seconds{};
  for (double& one : seconds) {
    const double start = cpu_seconds();
    run();
    one = cpu_seconds() - start;
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[2];
}

void print(const char* name, double value, const char* unit) {
  std::printf("{\"name\": \"%s\", \"value\": %.4g, \"unit\": \"%s\"}\n", name, value, unit);
}

std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(std::min(line.find(':') + 2, line.size()));
  }
  return "unknown";
}

// A panel with the columns and the size of the recorded one.
std::string make_panel() {
  constexpr std::int64_t start_ms = 1'767'168'000'000, step_ms = 6 * 3'600'000, day_ms = 86'400'000;
  rlx::io::CsvWriter csv;
  csv.row("ts_ms", "ccy", "instrument", "expiry_ms", "strike", "fwd", "index", "bid", "ask", "mark", "mark_iv", "delta", "vega",
          "oi", "volume", "volume_usd");
  for (int i = 0; i < 481; ++i) {
    const std::int64_t now = start_ms + i * step_ms;
    for (const bool btc : {true, false}) {
      const double index = (btc ? 90'000.0 : 3'000.0) * (1.0 + 0.0001 * (i % 100));
      for (int e = 1; e <= 8; ++e) {
        const std::int64_t expiry = (now / day_ms + 3 * e) * day_ms + expiry_time_of_day_ms;
        for (int k = 0; k < 10; ++k) {
          InstrumentName name;
          name.underlying = btc ? "BTC" : "ETH";
          name.expiry_ms = expiry;
          name.strike = (btc ? 84'000.0 : 2'800.0) + (btc ? 2'000.0 : 100.0) * k;
          const auto value =
              rlx::market::black76(OptionType::call, index, name.strike, rlx::market::years_of(expiry - now), 0.5);
          const double mark = value.price / index;
          csv.row(now, name.underlying, format_instrument_name(name), expiry, name.strike, index, index, 0.98 * mark,
                  1.02 * mark, mark, 0.5, value.delta, value.vega, 108.4, 60.4, 31'737.8);
        }
      }
    }
  }
  return csv.take();
}

}  // namespace

int main(int argc, char** argv) {
  std::printf("{\"processor\": \"%s\", \"compiler\": \"%s\"}\n", processor().c_str(), __VERSION__);
  std::vector<std::string> paths(argv + 1, argv + argc);
  char made[] = "/tmp/rlx_options_chain_XXXXXX";
  if (paths.empty()) {
    const int descriptor = ::mkstemp(made);
    if (descriptor < 0) return 1;
    ::close(descriptor);
    std::ofstream(made, std::ios::binary) << make_panel();
    paths.emplace_back(made);
  }
  const auto load = [&] {
    return load_recorded_chain(paths, {}, [](const std::string& path) { return rlx::io::gunzip_file(path); });
  };
  print("options_chain_load", measure([&] { static_cast<void>(load()); }), "s");
  const RecordedChain chain = load();
  if (paths.front() == made) ::unlink(made);

  std::size_t rows = 0;
  for (const RecordedFile& file : chain.files()) rows += file.rows;
  print("options_chain_rows", static_cast<double>(rows), "rows");
  const std::string ccy = chain.underlyings().at(0);
  ChainSnapshot snapshot;
  std::size_t quotes = 0;
  const double walk = measure([&] {
    for (int pass = 0; pass < 20; ++pass) {
      for (std::size_t i = 0; i < chain.size(); ++i) {
        chain.load(i, ccy, snapshot);
        quotes += snapshot.quotes.size();
      }
    }
  });
  print("options_chain_snapshot", 1e6 * walk / 20.0 / static_cast<double>(chain.size()), "us");

  double sum = 0.0;
  const double volatilities = measure([&] {
    for (int pass = 0; pass < 20; ++pass) {
      for (std::size_t i = 0; i < chain.size(); ++i) {
        sum += chain.index_history(ccy).realized_vol(chain.ts_ms(i)).value_or(0.0);
      }
    }
  });
  print("options_chain_realized_vol", 1e9 * volatilities / 20.0 / static_cast<double>(chain.size()), "ns");

  const auto instruments = chain.instruments(0, ccy);
  const double names = measure([&] {
    for (int pass = 0; pass < 20; ++pass) {
      for (const Instrument& instrument : instruments) sum += parse_instrument_name(instrument.symbol).strike;
    }
  });
  print("options_chain_instrument_name", 1e9 * names / 20.0 / static_cast<double>(instruments.size()), "ns");
  ::rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  print("options_chain_peak_memory", static_cast<double>(usage.ru_maxrss) / 1024.0, "MiB");

  const double start = cpu_seconds();
  const SyntheticChain synthetic;
  for (std::size_t i = 0; i < synthetic.size(); ++i) {
    for (const std::string& underlying : SyntheticChain::underlyings()) {
      synthetic.load(i, underlying, snapshot);
      quotes += snapshot.quotes.size();
    }
  }
  print("options_chain_synthetic", cpu_seconds() - start, "s");
  std::fprintf(stderr, "check %.6g %zu\n", sum, quotes);
}
