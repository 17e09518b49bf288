// SPDX-License-Identifier: MIT
#include <rlx/io/progress.hpp>

#include "rlx_catch.hpp"

#include <limits>
#include <string>

using namespace rlx;
using namespace rlx::io;

namespace {
struct Capture {
  std::string text;
  auto output() {
    return [this](std::string_view piece) { text += piece; };
  }
};
}  // namespace

TEST_CASE("plain progress writes whole lines, at most one per interval", "[io][progress]") {
  ManualClock clock;
  Capture out;
  Progress progress({.total = 1'000, .label = "train", .interval_seconds = 10}, clock, out.output());
  for (std::uint64_t done = 1; done <= 500; ++done) {
    clock.advance_ms(50);
    progress.update(done, "reward 1.5");
  }
  // 25 s at 20 steps a second.
  REQUIRE(out.text ==
          "train  20 %  200 / 1k steps  20 steps/s  left 40 s  reward 1.5\n"
          "train  40 %  400 / 1k steps  20 steps/s  left 30 s  reward 1.5\n");
  out.text.clear();
  progress.update(1'000);
  progress.finish("done");
  progress.finish();
  REQUIRE(out.text == "train  100 %  1k / 1k steps  40 steps/s  took 25 s  done\n");
}

TEST_CASE("on a terminal one line is redrawn and nothing of the longer one remains", "[io][progress]") {
  ManualClock clock;
  Capture out;
  Progress progress({.total = 10, .unit = "files", .terminal = true}, clock, out.output());
  progress.update(1);
  REQUIRE(out.text.empty());
  clock.advance_ms(1'000);
  progress.update(5, "long note");
  const std::string first = "\r[##########          ]  50 %  5 / 10 files  5 files/s  left 1 s  long note";
  REQUIRE(out.text == first);
  out.text.clear();
  clock.advance_ms(1'000);
  progress.update(10);
  const std::string second = "\r[####################]  100 %  10 / 10 files  5 files/s";
  REQUIRE(out.text == second + std::string(first.size() - second.size(), ' '));
  progress.finish();
  REQUIRE(out.text.back() == '\n');
}

TEST_CASE("work done before a resume does not count for the rate", "[io][progress]") {
  ManualClock clock;
  Capture out;
  Progress progress({.total = 1'000, .already_done = 900}, clock, out.output());
  clock.advance_ms(10'000);
  progress.update(950);
  REQUIRE(out.text == "95 %  950 / 1k steps  5 steps/s  left 10 s\n");
}

TEST_CASE("99.9 per cent is not all, and an unknown total has no share", "[io][progress]") {
  ManualClock clock;
  Capture out;
  Progress known({.total = 1'000}, clock, out.output());
  known.update(999);
  REQUIRE_THAT(known.line(), rlx_test::ContainsSubstring("99 %"));
  Progress unknown(ProgressConfig{}, clock, out.output());
  clock.advance_ms(2'000);
  REQUIRE(unknown.line() == "0 steps  0 steps/s");
  unknown.update(30);
  REQUIRE(unknown.line("x") == "30 steps  15 steps/s  x");
  REQUIRE(out.text.empty());
}

TEST_CASE("progress refuses no output and wrong intervals", "[io][progress]") {
  ManualClock clock;
  REQUIRE_THROWS_AS(Progress(ProgressConfig{}, clock, {}), ConfigError);
  Capture out;
  for (const double wrong : {-1.0, std::numeric_limits<double>::quiet_NaN()}) {
    REQUIRE_THROWS_AS(Progress({.interval_seconds = wrong}, clock, out.output()), ConfigError);
  }
}
