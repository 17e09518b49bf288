// SPDX-License-Identifier: MIT
/// @file
/// @brief The decision log: a record of 4 KiB with fsync beside a bare write with fsync, records without fsync, checking and
/// reading a large log.
///
/// Usage: options_log [folder, default /var/tmp] [MiB of the large log, default 100]
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <rlx/io/append_file.hpp>
#include <rlx/options/decision_log.hpp>
#include <rlx/options/records_json.hpp>

#include "common.hpp"

namespace {

using namespace rlx::options;

constexpr std::int64_t time_ms = 1'767'341'100'000;

// A decision with `candidates` candidates: 25 make about 4 KiB of text.
DecisionRecord decision(std::size_t candidates) {
  DecisionRecord record;
  record.run_id = "run-0001";
  record.policy_version = "rb_v1_explore";
  record.timestamp_ms = time_ms;
  record.config_snapshot =
      std::make_shared<const std::string>(R"({"mode":"research","deribit_env":"testnet","dry_run":false})");
  record.underlyings.resize(1);
  record.underlyings[0].underlying = "BTC";
  record.underlyings[0].spot = 88'728.94666666667;
  record.underlyings[0].rv = 0.3812;
  for (std::size_t i = 0; i < candidates; ++i) {
    CandidateRecord c;
    c.symbol = "BTC-16JAN26-" + std::to_string(90'000 + 500 * i) + "-C";
    c.underlying = "BTC";
    c.delta = 0.1 + 0.3 / static_cast<double>(i + 1);
    c.dte = 13.996527777777779;
    c.premium_usd = 461.25 / static_cast<double>(i + 3);
    c.ivrv = 1.1808 + 0.001 * static_cast<double>(i);
    c.bid = rlx::market::Fixed8::from_units(500'000 - 10'000 * static_cast<std::int64_t>(i % 40));
    c.ask = c.bid + rlx::market::Fixed8::from_units(50'000);
    c.mark = c.bid + rlx::market::Fixed8::from_units(21'357);
    c.iv = 0.4501;
    c.strike = 90'000.0 + 500.0 * static_cast<double>(i);
    c.expiry_ms = 1'768'550'400'000;
    c.rv = 0.3812;
    c.ivrv_known = true;
    c.spread_pct = 9.523809523809524;
    c.open_interest = 123.4;
    record.candidates.push_back(std::move(c));
  }
  return record;
}

double microseconds(double since) { return 1e6 * (bench::wall_seconds() - since); }

void remove_folder(const std::string& folder) {
  rlx::io::PosixFiles files;
  for (const std::string& name : rlx::io::list_directory(folder, files)) files.unlink(folder + '/' + name);
  ::rmdir(folder.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  std::string folder = std::string(argc > 1 ? argv[1] : "/var/tmp") + "/rlx_log_XXXXXX";
  const std::size_t mebibytes = argc > 2 ? static_cast<std::size_t>(std::atoi(argv[2])) : 100;
  if (::mkdtemp(folder.data()) == nullptr) {
    std::perror(folder.c_str());
    return 1;
  }
  const DecisionRecord record = decision(25);
  const std::string text = make_record(time_ms, record).members;

  // Bare and logged writes in turn, so that both meet the same device; the difference of each pair is what the log adds.
  std::vector<double> bare, logged, added, made(100);
  {
    rlx::io::PosixFiles files;
    rlx::io::AppendFile<> file(folder + "/bare", files);
    DecisionLog<> log = DecisionLog<>::open(folder);
    const std::string bytes(text.size() + 200, 'x');
    for (int i = 0; i < 300; ++i) {
      double start = bench::wall_seconds();
      file.append(bytes);
      file.sync();
      bare.push_back(microseconds(start));
      const Record one = make_record(time_ms, record);
      start = bench::wall_seconds();
      log.append(one, Durability::fsync);
      logged.push_back(microseconds(start));
      added.push_back(logged.back() - bare.back());
    }
    files.unlink(folder + "/bare");
    std::vector<double> buffered;
    const Record one = make_record(time_ms, record);
    for (int i = 0; i < 2'000; ++i) {
      const double start = bench::wall_seconds();
      log.append(one, Durability::buffered);
      buffered.push_back(microseconds(start));
    }
    const std::string size = bench::member("bytes", static_cast<double>(text.size()));
    for (double& sample : made) {  // not cold after a flush, as between the orders of a tick
      const double start = bench::thread_seconds();
      for (int i = 0; i < 10; ++i) static_cast<void>(make_record(time_ms, record));
      sample = 1e5 * (bench::thread_seconds() - start);
    }
    bench::print("options_log_bare_fsync", bench::median(bare), "us", size);
    bench::print("options_log_append_fsync", bench::median(logged), "us", size);
    bench::print("options_log_append_over_fsync", bench::median(added), "us", size);
    bench::print("options_log_append_buffered", bench::median(buffered), "us", size);
    bench::print("options_log_decision_to_json", bench::median(made), "us", size);
    const std::size_t more = mebibytes * 1'048'576 / (text.size() + 200);
    for (std::size_t i = 0; i < more; ++i) log.append(one, Durability::buffered);
  }

  const LogReader reader(folder);
  std::vector<double> samples;
  LogSummary summary;
  for (int i = 0; i < 5; ++i) {
    const double start = bench::thread_seconds();
    summary = reader.verify();
    samples.push_back(bench::thread_seconds() - start);
  }
  const std::string shape = bench::member("MiB", static_cast<double>(mebibytes)) + ", " +
                            bench::member("records", static_cast<double>(summary.records));
  bench::print("options_log_verify", bench::median(samples), "s", shape);
  const double start = bench::thread_seconds();
  std::size_t candidates = 0;
  for_each_record(reader, [&](const auto& one) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(one)>, DecisionRecord>) candidates += one.candidates.size();
  });
  bench::print("options_log_read_records", bench::thread_seconds() - start, "s", shape);
  remove_folder(folder);
  return candidates == 0 ? 1 : 0;
}
