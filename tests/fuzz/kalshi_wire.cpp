// SPDX-License-Identifier: MIT
// Any bytes as a recording of websocket frames and as REST books: either a session comes out whose rows are in order and replay
// without complaint, or a DataError.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>

#include <rlx/core/error.hpp>
#include <rlx/kalshi/import_ws.hpp>
#include <rlx/kalshi/order_book.hpp>
#include <rlx/kalshi/rest_book.hpp>
#include <rlx/kalshi/session_builder.hpp>

namespace {

using namespace rlx::kalshi;

void require(bool condition) {
  if (!condition) std::abort();
}

void check(const SessionData& session) {
  for (std::size_t m = 0; m < session.markets().size(); ++m) {
    const EventColumns rows = session.columns(m);
    OrderBook book(session.markets()[m].grid);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      require(i == 0 ? rows.kind[0] == EventKind::book_clear : rows.ts_us[i] >= rows.ts_us[i - 1]);
      book.apply(rows.row(i));
    }
    require(book.clamped() == session.reports()[m].clamped);
    require(session.data_quality_score(m) >= 0.0 && session.data_quality_score(m) <= 1.0);
  }
}

void import_frames(const std::string& text, const WireConfig& config) {
  try {
    std::istringstream stream(text);
    SessionBuilder builder;
    const ImportReport report = import_ws_jsonl(stream, config, builder);
    const auto session = builder.finish();
    require(report.markets == session->markets().size());
    check(*session);
  } catch (const rlx::DataError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  import_frames(text, {});
  import_frames(text, {.strict = true, .grid = TickGrid::linear_cent});
  try {
    const RestBook book = parse_rest_book(text);
    for (const BookLevel& level : book.yes) require(level.price >= 0 && level.price <= one_dollar && level.size >= 0);
  } catch (const rlx::DataError&) {
  }
  try {
    SessionBuilder builder;
    import_rest_json(text, 1'750'000'000'000'000, {}, builder);
    check(*builder.finish());
  } catch (const rlx::DataError&) {
  }
  return 0;
}
