// SPDX-License-Identifier: MIT
// Any bytes as a top-of-book file and as a list of results: either a session of quotes comes out that replays without a clamp,
// or a DataError (a ConfigError without an offset from UTC).
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <rlx/core/error.hpp>
#include <rlx/kalshi/import_bbo.hpp>
#include <rlx/kalshi/order_book.hpp>
#include <rlx/kalshi/session_builder.hpp>

namespace {

using namespace rlx::kalshi;

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  SessionBuilder builder;
  try {
    BboImportConfig config;
    config.utc_offset_us = -8 * Micros{3'600'000'000};
    const ImportReport report = import_bbo_csv(text, config, builder);
    const auto session = builder.finish();
    require(report.markets == session->markets().size());
    for (std::size_t m = 0; m < session->markets().size(); ++m) {
      const EventColumns rows = session->columns(m);
      OrderBook book(TickGrid::linear_cent);
      for (std::size_t i = 0; i < rows.size(); ++i) book.apply(rows.row(i));
      require(book.clamped() == 0 && book.levels(BookSide::yes) <= 1 && book.levels(BookSide::no) <= 1);
    }
  } catch (const rlx::DataError&) {
  }
  try {
    SessionBuilder naive;
    import_bbo_csv(text, {}, naive);
  } catch (const rlx::DataError&) {
  } catch (const rlx::ConfigError&) {
  }
  try {
    for (const auto& [ticker, value] : read_results_csv(text)) require(value == 0 || value == one_dollar);
  } catch (const rlx::DataError&) {
  }
  return 0;
}
