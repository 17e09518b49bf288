// SPDX-License-Identifier: MIT
// Random JSON signals, mostly broken: accepted exactly if the rules, read from the JSON by other means, hold.
#include <rlx/signals/signal_filter.hpp>

#include <array>
#include <string>

#include <rlx/core/random.hpp>
#include <rlx/signals/records_json.hpp>

#include "rlx_catch.hpp"
#include "signals/filter_oracle.hpp"

using namespace rlx::signals;

namespace {

constexpr double now = 1.7e9;

Json random_value(rlx::RandomStream& random) {
  static const std::array<Json, 22> values = {nullptr,
                                              true,
                                              false,
                                              0,
                                              -1,
                                              1,
                                              1.5,
                                              -0.0,
                                              1e308,
                                              5e-324,
                                              "",
                                              "0.1",
                                              "BTC",
                                              "USDT",
                                              "momentum",
                                              "x",
                                              Json::array(),
                                              Json::array({1}),
                                              Json::object(),
                                              {{"a", 1}},
                                              1'700'000'005,
                                              1'700'000'006};
  return values[random.bounded(values.size())];
}
// A sound signal with up to three members replaced, removed or added.
Json random_signal(rlx::RandomStream& random) {
  Json json = {{"signal_id", "signal1"},
               {"strategy", "arbitrage"},
               {"params", {{"amount", 0.1}, {"base", "BTC"}, {"quote", "USDT"}, {"price", 5}}},
               {"timestamp", 1234567890}};
  static const std::array<const char*, 6> params = {"amount", "base", "quote", "price", "other", "amount"};
  static const std::array<const char*, 5> fields = {"signal_id", "strategy", "params", "timestamp", "other"};
  for (std::uint64_t changes = random.bounded(4); changes > 0; --changes) {
    const bool inside = random.bounded(2) == 0 && json.contains("params") && json["params"].is_object();
    Json& object = inside ? json["params"] : json;
    const std::string key = inside ? params[random.bounded(params.size())] : fields[random.bounded(fields.size())];
    if (random.bounded(3) == 0) {
      object.erase(key);
    } else if (key == "signal_id" && random.bounded(2) == 0) {
      object[key] = std::string(120 + random.bounded(20), 'x');
    } else {
      object[key] = random_value(random);
    }
  }
  return json;
}

void check(std::uint64_t seed, int count) {
  rlx::RandomStream random({seed, rlx::Purpose::user});
  const rlx::ManualClock clock(1'700'000'000'000);
  const SignalFilter filter(clock);
  int accepted = 0, refused = 0, unreadable = 0;
  bool good = true;
  for (int i = 0; i < count && good; ++i) {
    const Json json = random_signal(random);
    const bool sound = rlx_test::is_sound_signal(json, now);
    try {
      const Signal signal = signal_from_json(json);
      const ValidationResult result = filter.validate(signal);
      good = result.ok() == sound && filter.validate_signal(signal) == sound && result.reason().empty() == sound;
      ++(sound ? accepted : refused);
    } catch (const rlx::DataError&) {
      good = !json.contains("signal_id") || !json["signal_id"].is_string() || json["signal_id"] == "";
      ++unreadable;
    }
    if (!good) {
      INFO(json.dump());
      REQUIRE(good);
    }
  }
  REQUIRE(accepted > count / 10);
  REQUIRE(refused > count / 10);
  REQUIRE(unreadable > count / 100);
}

}  // namespace

TEST_CASE("a signal is accepted exactly if no rule is broken", "[properties]") { check(1, 50'000); }
TEST_CASE("a signal is accepted exactly if no rule is broken, a million times", "[properties][.slow]") { check(2, 1'000'000); }
