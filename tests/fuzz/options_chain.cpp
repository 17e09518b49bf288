// SPDX-License-Identifier: MIT
// Any bytes as a recorded chain: either snapshots in the order of time with believable quotes come out, or a ParseError.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/options/recorded_chain.hpp>

namespace {

using namespace rlx::options;

void require(bool condition) {
  if (!condition) std::abort();
}

void check(const RecordedChain& chain) {
  ChainSnapshot snapshot;
  for (std::size_t i = 0; i < chain.size(); ++i) {
    require(i == 0 || chain.ts_ms(i) > chain.ts_ms(i - 1));
    for (const std::string& ccy : chain.underlyings()) {
      chain.load(i, ccy, snapshot);
      require(rlx::is_finite(snapshot.index) && snapshot.index >= 0.0 && snapshot.ts_ms == chain.ts_ms(i));
      for (const ChainQuote& quote : snapshot.quotes) {
        require(quote.instrument < chain.instruments(i, ccy).size());
        require(quote.bid.sign() >= 0 && quote.ask.sign() >= 0 && quote.mark.sign() >= 0);
        require(quote.bid.sign() == 0 || quote.ask.sign() == 0 || quote.bid <= quote.ask);
        require(quote.mark_iv >= 0.0 && quote.mark_iv <= 20.0 && quote.forward > 0.0 && quote.quote_ms <= snapshot.ts_ms);
      }
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t half = text.find("\n\n");  // two files in one input
  const RecordedText files[] = {{"a.csv", text.substr(0, half)},
                                {"b.csv", half == std::string_view::npos ? std::string_view() : text.substr(half + 2)}};
  const std::size_t n = half == std::string_view::npos ? 1 : 2;
  for (const RecordedKind kind : {RecordedKind::automatic, RecordedKind::raw_chain}) {
    try {
      check(make_recorded_chain(std::span(files, n), {.kind = kind}));
    } catch (const rlx::ParseError&) {
    }
  }
  return 0;
}
