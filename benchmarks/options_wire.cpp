// SPDX-License-Identifier: MIT
/// @file
/// @brief Speed of the option venue's wire on one core: a book summary of 1,600 instruments, from the bytes of the reply to
/// sorted candidates with greeks, and the parts of the way; medians of 51 runs.
///
/// The chain is made here: both types, 12 expiries, all members of a live row. "cpu" is processor time, which other programs of
/// the machine do not lengthen.
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include <rlx/market/black76.hpp>
#include <rlx/options/candidates.hpp>
#include <rlx/options/deribit_json.hpp>

namespace {

using namespace rlx::options;

constexpr std::int64_t now_ms = 1'767'340'800'000;  // 2026-01-02 08:00 UTC
constexpr double index_usd = 90'000.0;

double wall_seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }
double cpu_seconds() {
  std::timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Prints the median wall and processor milliseconds of 51 runs.
template <class F>
void measure(const char* name, std::size_t bytes, std::size_t rows, F&& run) {
  std::array<double, 51> wall{}, cpu{};
  for (std::size_t i = 0; i < wall.size(); ++i) {
    const double wall_before = wall_seconds(), cpu_before = cpu_seconds();
    run();
    wall[i] = wall_seconds() - wall_before;
    cpu[i] = cpu_seconds() - cpu_before;
  }
  std::sort(wall.begin(), wall.end());
  std::sort(cpu.begin(), cpu.end());
  std::printf(
      "{\"name\": \"options wire: %s\", \"value\": %.4g, \"unit\": \"ms\", \"cpu\": %.4g, \"bytes\": %zu, \"size\": %zu}\n",
      name, 1e3 * wall[25], 1e3 * cpu[25], bytes, rows);
}

struct Made {
  std::vector<Instrument> instruments;
  std::string summary, list;
};

// 12 expiries x 67 strikes x 2 types, cut to 1,600.
Made make_chain() {
  Made made;
  made.summary = made.list = R"({"jsonrpc":"2.0","id":1,"result":[)";
  std::size_t rows = 0;
  for (int expiry = 0; expiry < 12; ++expiry) {
    const std::int64_t expiry_ms = now_ms + (expiry < 4 ? expiry + 1 : 7 * (expiry - 2)) * std::int64_t{86'400'000};
    const double years = rlx::market::years_of(expiry_ms - now_ms);
    for (int strike = 57'000; strike <= 123'000 && rows < 1'600; strike += 1'000) {
      for (const char* type : {"C", "P"}) {
        const std::string name = "BTC-" + format_expiry(expiry_ms) + '-' + std::to_string(strike) + '-' + type;
        const auto side = *type == 'C' ? OptionType::call : OptionType::put;
        const double price = rlx::market::black76(side, index_usd, strike, years, 0.45).price / index_usd;
        const double bid = std::floor(price / 0.0001) * 0.0001;
        std::array<char, 640> row;
        std::snprintf(
            row.data(), row.size(),
            R"(%s{"high":%.4f,"low":%.4f,"last":%.4f,"instrument_name":"%s","bid_price":%.4f,"ask_price":%.4f,"mark_price":%.6f,)"
            R"("mark_iv":%.2f,"open_interest":%.1f,"creation_timestamp":%lld,"price_change":-12.3457,"volume":%.1f,)"
            R"("underlying_price":%.4f,"underlying_index":"BTC-%s","interest_rate":0.0,"base_currency":"BTC",)"
            R"("quote_currency":"BTC","estimated_delivery_price":%.2f,"volume_usd":%.2f,"mid_price":%.5f})",
            rows == 0 ? "" : ",", price, price, price, name.c_str(), bid, bid + 0.0005, price, 45.0, 123.4,
            static_cast<long long>(now_ms), 12.3, index_usd, format_expiry(expiry_ms).c_str(), index_usd, 12345.67,
            bid + 0.00025);
        made.summary += row.data();
        std::snprintf(
            row.data(), row.size(),
            R"(%s{"tick_size":0.0001,"tick_size_steps":[{"above_price":0.005,"tick_size":0.0005}],"taker_commission":0.0003,)"
            R"("settlement_currency":"BTC","quote_currency":"BTC","price_index":"btc_usd","min_trade_amount":0.1,)"
            R"("maker_commission":0.0003,"kind":"option","is_active":true,"instrument_name":"%s","instrument_id":%zu,)"
            R"("expiration_timestamp":%lld,"strike":%d.0,"option_type":"%s","creation_timestamp":%lld,"contract_size":1.0,)"
            R"("base_currency":"BTC","state":"open"})",
            rows == 0 ? "" : ",", name.c_str(), rows, static_cast<long long>(expiry_ms), strike, *type == 'C' ? "call" : "put",
            static_cast<long long>(expiry_ms - 30 * std::int64_t{86'400'000}));
        made.list += row.data();
        ++rows;
      }
    }
  }
  for (std::string* text : {&made.summary, &made.list})
    *text += R"(],"usIn":1767340800000000,"usOut":1767340800001234,"usDiff":1234,"testnet":true})";
  const std::string method = "public/get_instruments";
  made.instruments =
      deribit::read_instruments(deribit::result_of(made.list, deribit::read_envelope(made.list, method), method)).instruments;
  return made;
}

}  // namespace

int main() {
  const Made made = make_chain();
  const std::string method = "public/get_book_summary_by_currency";
  deribit::ChainReader reader(made.instruments);
  ChainSnapshot chain;
  CandidateScratch scratch;
  std::vector<CandidateOption> candidates;
  const std::array bands = {
      CandidateBand{.delta_min = 0.10, .delta_max = 0.50, .dte_min = 1, .dte_max = 21, .target_delta = 0.3}};
  const CandidateRequest request{.bands = bands,
                                 .premium_min_usd = 45,
                                 .max_quote_age_ms = 60'000,
                                 .max_candidates = 100,
                                 .sort = SortKey::premium_usd,
                                 .now_ms = now_ms + 1'000,
                                 .realized_vol = 0.4};
  const auto parse = [&] {
    const auto envelope = deribit::read_envelope(made.summary, method);
    reader.read(deribit::result_of(made.summary, envelope, method), chain);
    chain.ts_ms = envelope.us_out / 1000;
    chain.index = index_usd;
  };
  const auto choose = [&] { build_candidates(chain, made.instruments, request, candidates, scratch); };
  parse();
  choose();
  if (chain.quotes.size() != made.instruments.size() || chain.rejected_rows != 0 || candidates.empty()) {
    std::fprintf(stderr, "options_wire: %zu of %zu rows read, %zu candidates\n", chain.quotes.size(), made.instruments.size(),
                 candidates.size());
    return 1;
  }
  measure("book summary to candidates", made.summary.size(), chain.quotes.size(), [&] {
    parse();
    choose();
  });
  measure("envelope alone", made.summary.size(), chain.quotes.size(), [&] { deribit::read_envelope(made.summary, method); });
  measure("book summary to chain", made.summary.size(), chain.quotes.size(), parse);
  measure("chain to candidates", 0, candidates.size(), choose);
  const std::string list_method = "public/get_instruments";
  measure("instrument list", made.list.size(), made.instruments.size(), [&] {
    deribit::read_instruments(deribit::result_of(made.list, deribit::read_envelope(made.list, list_method), list_method));
  });
  return 0;
}
