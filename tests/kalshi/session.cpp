// SPDX-License-Identifier: MIT
#include <rlx/kalshi/session.hpp>
//
#include <memory>

#include <rlx/kalshi/session_builder.hpp>

#include "rlx_catch.hpp"

using namespace rlx::kalshi;
using rlx_test::Approx;

namespace {

constexpr Micros t0 = 1'750'000'000'000'000;
using K = EventKind;

std::shared_ptr<const SessionData> session(SessionId id, Count size, std::optional<Price> settlement = {}) {
  SessionBuilder builder(id);
  for (const char* const ticker : {"E-A", "E-B"}) {
    builder.append(ticker, {t0, K::book_clear, 0, 0});
    builder.append(ticker, {t0, K::level_set_yes, 4'500, size});
    builder.append(ticker, {t0 + 1, K::level_delta_yes, 4'500, -100});
  }
  if (settlement) builder.set_settlement(0, *settlement);
  return builder.finish();
}

}  // namespace

TEST_CASE("Columns are views into the session's memory, one market after another", "[kalshi][session]") {
  const auto data = session(1, 100);
  const EventColumns a = data->columns(0), b = data->columns(1);
  CHECK(a.ts_us.data() + 3 == b.ts_us.data());
  CHECK(a.kind.data() + 3 == b.kind.data());
  CHECK(a.price.data() + 3 == b.price.data());
  CHECK(a.count.data() + 3 == b.count.data());
}

TEST_CASE("The hash is that of the recording: not of its number, but of every row and result", "[kalshi][session]") {
  const std::string hash = session(1, 100)->sha256();
  CHECK(hash.size() == 64);
  CHECK(session(2, 100)->sha256() == hash);
  CHECK(session(1, 200)->sha256() != hash);
  CHECK(session(1, 100, 0)->sha256() != hash);
  CHECK(session(1, 100, 0)->sha256() != session(1, 100, 10'000)->sha256());
}

TEST_CASE("The session's quality is the markets' mean weighted by events", "[kalshi][session]") {
  SessionBuilder builder;
  builder.append("A", {t0, K::book_clear, 0, 0});
  builder.append("A", {t0, K::level_set_yes, 4'500, 100});
  builder.append("B", {t0, K::book_clear, 0, 0});
  builder.append("B", {t0, K::level_set_yes, 4'500, 100});
  builder.append("B", {t0 + 1'000, K::level_delta_yes, 4'500, 100});
  builder.append("B", {t0 + 2'000, K::level_delta_yes, 4'500, -300});  // one delta of three is clamped
  builder.append("B", {t0 + 3'000, K::level_delta_yes, 4'400, 100});
  const auto data = builder.finish();
  CHECK(data->data_quality_score(0) == 1.0);
  CHECK(data->data_quality_score(1) == Approx(2.0 / 3));
  CHECK(data->data_quality_score() == Approx((2 * 1.0 + 5 * 2.0 / 3) / 7));
  const SessionReport report = data->report();
  CHECK(report.markets == 2);
  CHECK(report.total.events == 7);
  CHECK(report.total.clamped == 1);
  CHECK(report.data_quality_score == data->data_quality_score());
  CHECK(SessionBuilder().finish()->data_quality_score() == 0.0);
}
