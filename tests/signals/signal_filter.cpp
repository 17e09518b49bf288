// SPDX-License-Identifier: MIT
#include <rlx/signals/signal_filter.hpp>

#include <limits>
#include <string>
#include <vector>

#include <rlx/signals/records_json.hpp>

#include "counting_allocator.hpp"
#include "rlx_catch.hpp"

using namespace rlx::signals;
using rlx_test::ContainsSubstring;

namespace {

constexpr std::int64_t now_ms = 1'700'000'000'000;
constexpr double now = 1.7e9;

Signal good() {
  return {.signal_id = "signal1",
          .strategy = "momentum",
          .params = {.amount = 0.1, .base = "BTC", .quote = "USDT"},
          .timestamp = 1234567890.0};
}
// The failures as "code:field", in order.
std::vector<std::string> failures(const Signal& signal, FilterConfig config = {}) {
  const rlx::ManualClock clock(now_ms);
  const SignalFilter filter(clock, config);
  const ValidationResult result = filter.validate(signal);
  REQUIRE(filter.validate_signal(signal) == result.ok());
  std::vector<std::string> list;
  for (const ValidationFailure& failure : result.failures)
    list.push_back(std::string(name_of(failure.code)) + ':' + failure.field);
  return list;
}
std::string reason(const Signal& signal) {
  const rlx::ManualClock clock(now_ms);
  return SignalFilter(clock).validate(signal).reason();
}
template <class F>
Signal with(F&& change) {
  Signal signal = good();
  change(signal);
  return signal;
}
using List = std::vector<std::string>;

}  // namespace

TEST_CASE("signal filter: the seed's signal lacks base and quote, with them it is sound", "[signals]") {
  const Signal seed{.signal_id = "signal1", .strategy = "momentum", .params = {.amount = 0.1}, .timestamp = 1234567890.0};
  REQUIRE(failures(seed) == List{"missing_field:base", "missing_field:quote"});
  REQUIRE(reason(seed) == "Missing required params: base, quote");
  REQUIRE(failures(good()).empty());
  const Signal listed = signal_from_json(Json::parse(
      R"({"signal_id": "signal1", "strategy": "momentum", "params": {"amount": 0.1, "base": "BTC", "quote": "USDT"}, "timestamp": 1234567890})"));
  REQUIRE(failures(listed).empty());
}

TEST_CASE("signal filter: one rule at a time", "[signals]") {
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  for (const double amount : {0.0, -0.0, -1.0, nan, inf, -inf}) {
    REQUIRE(failures(with([&](Signal& s) { s.params.amount = amount; })) == List{"invalid_field:amount"});
    REQUIRE(failures(with([&](Signal& s) { s.params.price = amount; })) == List{"invalid_field:price"});
    REQUIRE(failures(with([&](Signal& s) { s.timestamp = amount; })) == List{"invalid_field:timestamp"});
  }
  REQUIRE(failures(with([](Signal& s) { s.params.price = 1e-300; })).empty());
  REQUIRE(failures(with([](Signal& s) { s.params.amount.reset(); })) == List{"missing_field:amount"});
  REQUIRE(failures(with([](Signal& s) { s.params.quote = "BTC"; })) == List{"invalid_field:quote"});
  REQUIRE(failures(with([](Signal& s) { s.signal_id.clear(); })) == List{"invalid_field:signal_id"});
  REQUIRE(failures(with([](Signal& s) { s.signal_id.assign(128, 'x'); })).empty());
  REQUIRE(failures(with([](Signal& s) { s.signal_id.assign(129, 'x'); })) == List{"invalid_field:signal_id"});
  REQUIRE(failures(with([](Signal& s) { s.signal_id = "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x9A\x80"; })).empty());
  for (const char* bad : {"\xFF", "\xC3", "\xC0\x80", "\xED\xA0\x80", "a\xE2\x82"}) {
    REQUIRE(failures(with([&](Signal& s) { s.signal_id = bad; })) == List{"invalid_field:signal_id"});
  }
  REQUIRE(failures(with([](Signal& s) { s.strategy = "x"; })) == List{"unknown_strategy:strategy"});
  REQUIRE(reason(with([](Signal& s) { s.strategy = "x"; })) == "Invalid strategy: x");
  REQUIRE(failures(with([](Signal& s) { s.strategy.clear(); })) == List{"missing_field:strategy"});
}

TEST_CASE("signal filter: time against the injected clock", "[signals]") {
  REQUIRE(failures(with([](Signal& s) { s.timestamp = now + 5.0; })).empty());
  REQUIRE(failures(with([](Signal& s) { s.timestamp = now + 5.001; })) == List{"invalid_field:timestamp"});
  REQUIRE(failures(with([](Signal& s) { s.timestamp = now + 3600.0; })) == List{"invalid_field:timestamp"});
  REQUIRE(reason(with([](Signal& s) { s.timestamp = now + 3600.0; })) == "Invalid timestamp");
  FilterConfig config;
  config.max_age = 60.0;
  REQUIRE(failures(with([](Signal& s) { s.timestamp = now - 60.0; }), config).empty());
  REQUIRE(failures(with([](Signal& s) { s.timestamp = now - 60.001; }), config) == List{"invalid_field:timestamp"});
}

TEST_CASE("signal filter: all failures together, in the order of the fields", "[signals]") {
  const Signal signal{
      .signal_id = "", .strategy = "x", .params = {.amount = -1.0, .base = "", .quote = "", .price = -1.0}, .timestamp = -1.0};
  REQUIRE(failures(signal) == List{"invalid_field:signal_id", "unknown_strategy:strategy", "invalid_field:amount",
                                   "missing_field:base", "missing_field:quote", "invalid_field:price",
                                   "invalid_field:timestamp"});
  REQUIRE(reason(signal) ==
          "Invalid signal_id; Invalid strategy: x; Invalid amount; Missing required params: base, quote; Invalid price; "
          "Invalid timestamp");
}

TEST_CASE("signal filter: a text or a boolean is no number", "[signals]") {
  const auto read = [](const char* text) { return signal_from_json(Json::parse(text)); };
  REQUIRE(failures(read(R"({"signal_id":"a","strategy":"momentum","timestamp":"1",
      "params":{"amount":"0.1","base":"BTC","quote":"USDT","price":true}})")) ==
          List{"invalid_field:amount", "invalid_field:price", "invalid_field:timestamp"});
  REQUIRE(failures(read(R"({"signal_id":"a","strategy":5,"params":{"amount":true,"base":1,"quote":null},"timestamp":5})")) ==
          List{"invalid_field:strategy", "invalid_field:amount", "invalid_field:base", "invalid_field:quote"});
  REQUIRE(failures(read(R"({"signal_id":"a","strategy":"momentum","params":7})")) ==
          List{"invalid_field:params", "missing_field:timestamp"});
  REQUIRE(failures(read(R"({"signal_id":"a"})")) == List{"missing_field:strategy", "missing_field:amount", "missing_field:base",
                                                         "missing_field:quote", "missing_field:timestamp"});
  const rlx::ManualClock clock(now_ms);
  const auto result = SignalFilter(clock).validate(read(R"({"signal_id":"a","strategy":"momentum","timestamp":5,
      "params":{"amount":"0.1","base":"BTC","quote":"USDT"}})"));
  REQUIRE_THAT(result.failures.at(0).detail, ContainsSubstring("expected a number, found \"0.1\""));
}

TEST_CASE("signal filter: strategies are a table", "[signals]") {
  FilterConfig config;
  config.strategies = {"zeta", "alpha"};
  REQUIRE(failures(with([](Signal& s) { s.strategy = "zeta"; }), config).empty());
  REQUIRE(failures(good(), config) == List{"unknown_strategy:strategy"});
  const rlx::ManualClock clock(now_ms);
  REQUIRE(SignalFilter(clock, config).strategies() == List{"alpha", "zeta"});
}

TEST_CASE("signal filter: settings that cannot work", "[signals]") {
  const rlx::ManualClock clock(now_ms);
  const auto refused = [&](auto&& change) {
    FilterConfig config;
    change(config);
    REQUIRE_THROWS_AS(SignalFilter(clock, config), rlx::ConfigError);
  };
  refused([](FilterConfig& c) { c.strategies.clear(); });
  refused([](FilterConfig& c) { c.strategies.push_back(""); });
  refused([](FilterConfig& c) { c.max_clock_skew = -1.0; });
  refused([](FilterConfig& c) { c.max_clock_skew = std::numeric_limits<double>::quiet_NaN(); });
  refused([](FilterConfig& c) { c.max_age = -1.0; });
}

TEST_CASE("signal filter: a sound signal allocates nothing", "[signals]") {
  const rlx::ManualClock clock(now_ms);
  const SignalFilter filter(clock);
  const Signal signal = good();
  const rlx_test::AllocationCounter counter;
  const bool sound = filter.validate(signal).ok() && filter.validate_signal(signal);
  REQUIRE(counter.count() == 0);
  REQUIRE(sound);
}
