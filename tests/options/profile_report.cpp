// SPDX-License-Identifier: MIT
#include <rlx/options/profile_report.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/random.hpp>

#include "options/hand_log.hpp"
#include "rlx_catch.hpp"

using namespace rlx::options;
using rlx_test::Approx;
using rlx_test::ContainsSubstring;
using rlx_test::dec;

namespace {

TrainingExample leg(const char* strategy, const char* symbol, std::int64_t expiry_ms, const char* filled, double reward) {
  TrainingExample e;
  e.action = ExampleAction::sell_call;
  if (*strategy != '\0') e.strategy = strategy;
  e.symbol = symbol;
  e.underlying = e.symbol.substr(0, 3);
  e.expiry_ms = expiry_ms;
  e.delta = 0.2;
  e.dte = 7.0;
  e.ivrv = 1.5;
  e.ivrv_known = true;
  e.spot = 90'000.0;
  e.mark = dec("0.0052");
  e.state = "filled";
  e.filled_amount = dec(filled);
  e.average_price = dec("0.005");
  e.fee = dec("0.00003");
  e.outcome = LegOutcome::settled;
  e.reward = reward;
  e.pnl_coin = rlx::market::Fixed8::from_double(reward * e.filled_amount->to_double());
  e.pnl_usd = e.pnl_coin->to_double() * 90'000.0;
  return e;
}

const ReportGroup& group_of(const ProfileReport& report, const std::string& strategy, const std::string& underlying = {}) {
  for (const ReportGroup& group : report.groups) {
    if (group.strategy == strategy && group.underlying == underlying) return group;
  }
  FAIL("no group " << strategy << ' ' << underlying);
  return report.groups.front();
}

/// Rewards of two strategies over `expiries` expiries: what the expiry does to all, what each leg does, and `edge` for b.
struct TwoSamples {
  std::vector<ExpiryReward> a, b;
  TwoSamples(std::uint64_t seed, int expiries, double edge) {
    rlx::RandomStream random({seed, rlx::Purpose::user});
    for (int t = 0; t < expiries; ++t) {
      const double shock = 0.004 * random.normal();
      for (auto* const side : {&a, &b}) {
        const auto legs = 1 + random.bounded(4);
        for (std::uint64_t i = 0; i < legs; ++i) {
          side->push_back({t, shock + 0.01 * random.normal() + (side == &b ? edge : 0.0)});
        }
      }
    }
  }
};

}  // namespace

TEST_CASE("profile_report: figures of rewards worked by hand") {
  const RewardFigures figures = reward_figures({0.01, -0.03, 0.02, 0.0, 0.01});
  CHECK(figures.legs == 5);
  CHECK(figures.win_rate == Approx(0.6));  // a zero is no win
  CHECK(figures.mean == Approx(0.002));
  CHECK(figures.median == Approx(0.01));
  // Squares of the deviations 0.008, -0.032, 0.018, -0.002, 0.008 sum to 0.00148; / 4.
  CHECK(figures.sd == Approx(std::sqrt(0.00037)));
  CHECK(figures.worst == -0.03);
  CHECK(figures.cvar_5pct == -0.03);
  CHECK(reward_figures({1.0, 2.0, 4.0, 3.0}).median == 2.5);
  std::vector<double> hundred;
  for (int i = 0; i < 100; ++i) hundred.push_back(i);
  CHECK(reward_figures(hundred).cvar_5pct == Approx(2.0));  // 0 to 4
  CHECK(std::isnan(reward_figures({}).mean));
  CHECK(std::isnan(reward_figures({1.0}).sd));
}

TEST_CASE("profile_report: Kolmogorov-Smirnov worked by hand") {
  std::vector<double> a, b;
  for (int i = 1; i <= 10; ++i) {
    a.push_back(i);
    b.push_back(i + 5);
  }
  // D = 0.5, effective size 5, x = (√5 + 0.12 + 0.11/√5)·0.5 = 1.202631; 2(e^{-2x²} − e^{-8x²}) = 0.110840
  CHECK(kolmogorov_smirnov_p(a, b) == Approx(0.110840).epsilon(1e-5));
  CHECK(kolmogorov_smirnov_p(b, a) == kolmogorov_smirnov_p(a, b));
  CHECK(kolmogorov_smirnov_p(a, a) == 1.0);
  CHECK(kolmogorov_smirnov_p({1, 1, 2}, {1, 2, 1}) == 1.0);
  CHECK(kolmogorov_smirnov_p(std::vector<double>(200, 0.0), std::vector<double>(200, 1.0)) < 1e-12);
  CHECK(std::isnan(kolmogorov_smirnov_p({}, {1.0})));
  rlx::RandomStream random({3, rlx::Purpose::user});
  int below = 0;
  for (int i = 0; i < 2'000; ++i) {
    std::vector<double> x, y;
    for (int k = 0; k < 40; ++k) {
      x.push_back(random.uniform());
      y.push_back(random.uniform());
    }
    below += kolmogorov_smirnov_p(x, y) < 0.05 ? 1 : 0;
  }
  CHECK(below > 50);  // 5 % of 2,000 is 100; the test is known to be on the safe side
  CHECK(below < 130);
}

TEST_CASE("profile_report: quantiles of Student's t") {
  // Tables: t(0.975) for 4, 9, 29 and 99 degrees of freedom.
  const double z = rlx::normal_quantile(0.975);
  CHECK(z == Approx(1.959963985));
  CHECK(detail::t_quantile(z, 4) == Approx(2.776).epsilon(0.005));
  CHECK(detail::t_quantile(z, 9) == Approx(2.262).epsilon(0.001));
  CHECK(detail::t_quantile(z, 29) == Approx(2.045).epsilon(0.001));
  CHECK(detail::t_quantile(z, 99) == Approx(1.984).epsilon(0.001));
}

TEST_CASE("profile_report: equal strategies are told apart in 5 of 100 cases") {
  for (const int expiries : {12, 40}) {
    int different = 0;
    for (std::uint64_t seed = 0; seed < 500; ++seed) {
      const TwoSamples samples(seed, expiries, 0.0);
      const auto interval = bootstrap_difference(samples.a, samples.b, {2'000, 0.95, seed});
      different += interval.low > 0.0 || interval.high < 0.0 ? 1 : 0;
    }
    CAPTURE(expiries, different);
    CHECK(different >= 15);  // 3 %
    CHECK(different <= 35);  // 7 %
  }
}

TEST_CASE("profile_report: a planted difference is found") {
  int found = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const TwoSamples samples(seed, 60, 0.006);
    const auto interval = bootstrap_difference(samples.b, samples.a, {500, 0.95, seed});
    found += interval.low > 0.0 ? 1 : 0;
    CHECK(interval.low < interval.estimate);
    CHECK(interval.estimate < interval.high);
  }
  CHECK(found >= 48);
}

TEST_CASE("profile_report: whole expiries are resampled") {
  // Within an expiry all legs are alike: 400 legs, but 8 independent numbers. Legs drawn one by one would give an interval
  // some seven times too narrow.
  rlx::RandomStream random({9, rlx::Purpose::user});
  std::vector<ExpiryReward> a, b;
  for (int t = 0; t < 8; ++t) {
    const double one = random.normal(), other = random.normal();
    for (int i = 0; i < 50; ++i) {
      a.push_back({2 * t, one});
      b.push_back({2 * t + 1, other});
    }
  }
  const auto interval = bootstrap_difference(a, b);
  CHECK(interval.high - interval.low > 1.0);
  CHECK(bootstrap_difference(a, b) == bootstrap_difference(a, b));
  CHECK_FALSE(bootstrap_difference(a, b, {2'000, 0.95, 1}) == bootstrap_difference(a, b));
}

TEST_CASE("profile_report: too little to say anything") {
  const std::vector<ExpiryReward> four = {{1, 0.1}, {2, 0.1}, {3, 0.1}, {4, 0.1}};
  const std::vector<ExpiryReward> other = {{1, -0.1}, {2, -0.1}};
  CHECK(bootstrap_difference(four, other).estimate == Approx(0.2));
  CHECK(std::isnan(bootstrap_difference(four, other).low));
  CHECK(std::isnan(bootstrap_difference(four, {}).estimate));
  // Many expiries, but one side has legs in four of them only.
  std::vector<ExpiryReward> many = other;
  for (int t = 10; t < 40; ++t) many.push_back({t, 0.01 * t});
  CHECK(std::isnan(bootstrap_difference(four, many).high));
  std::vector<TrainingExample> examples;
  for (int t = 0; t < 4; ++t) {
    examples.push_back(leg("moderate", "BTC-16JAN26-100000-C", t, "0.1", 0.1));
    examples.push_back(leg("aggressive", "BTC-16JAN26-100000-C", t, "0.1", -0.1));
  }
  CHECK(profile_report(examples).pairs[0].verdict ==
        "moderate and aggressive: not distinguishable on 8 legs; an interval needs 5 expiries of each");
  CHECK_THROWS_AS(bootstrap_difference(four, other, {0, 0.95, 0}), rlx::ConfigError);
  CHECK_THROWS_AS(bootstrap_difference(four, other, {10, 1.0, 0}), rlx::ConfigError);
  CHECK(profile_report({}).verdict == "No training leg was planned.");
  CHECK(profile_report(std::vector(2, leg("", "BTC-16JAN26-100000-C", 1, "0.1", 0.1))).verdict ==
        "No training leg was planned.");
  const std::vector one_profile = {leg("", "BTC-16JAN26-100000-C", 1, "0.1", 0.1),
                                   leg("moderate", "BTC-16JAN26-100000-C", 1, "0.1", 0.1)};
  CHECK(profile_report(one_profile).verdict == "One training strategy only: there is nothing to compare.");
}

TEST_CASE("profile_report: groups count what happened to their legs") {
  std::vector<TrainingExample> examples;
  examples.push_back(leg("conservative", "BTC-16JAN26-100000-C", 1, "0.1", 0.004));
  examples.push_back(leg("conservative", "BTC-16JAN26-100000-C", 1, "0.3", -0.02));
  examples.push_back(leg("conservative", "ETH-16JAN26-3200-C", 1, "2", 0.01));
  examples.back().outcome = LegOutcome::closed;
  examples.back().spot = 3'000.0;
  examples.back().ivrv_known = false;
  for (const char* const state : {"rejected(risk)", "rejected(venue)", "rejected(timed_out)", "rejected(abort)", "cancelled",
                                  "resting", "unknown", "simulated", "planned"}) {
    TrainingExample e = leg("conservative", "BTC-16JAN26-100000-C", 1, "0", 0.0);
    e.state = state;
    e.outcome = LegOutcome::none;
    e.reward.reset();
    e.pnl_coin.reset();
    e.pnl_usd.reset();
    examples.push_back(e);
  }
  TrainingExample open = leg("conservative", "BTC-16JAN26-100000-C", 1, "0.1", 0.0);
  open.outcome = LegOutcome::open_at_end;
  open.reward.reset();
  open.pnl_coin.reset();
  open.pnl_usd.reset();
  examples.push_back(open);
  examples.push_back(leg("", "BTC-16JAN26-100000-C", 1, "0.1", 0.004));
  TrainingExample other;
  examples.push_back(other);  // DO_NOTHING
  other.action = ExampleAction::close_call;
  examples.push_back(other);

  const ProfileReport report = profile_report(examples);
  const ReportGroup& all = group_of(report, "conservative");
  CHECK(all.planned == 13);
  CHECK(all.simulated == 1);
  CHECK(all.sent == 9);  // not: simulated, planned, denied, aborted
  CHECK(all.filled == 4);
  CHECK(all.settled == 2);
  CHECK(all.closed == 1);
  CHECK(all.open_at_end == 1);
  CHECK(all.rejected == std::map<std::string, std::size_t>{{"abort", 1}, {"risk", 1}, {"timed_out", 1}, {"venue", 1}});
  CHECK(all.fill_rate == Approx(4.0 / 9.0));
  CHECK(all.mean_delta == Approx(0.2));
  CHECK(all.mean_dte == Approx(7.0));
  CHECK(all.mean_ivrv == Approx(1.5));
  CHECK(all.premium_usd == Approx(0.5 * 0.005 * 90'000.0 + 2 * 0.005 * 3'000.0));
  CHECK(all.fees_usd == Approx(3 * 0.00003 * 90'000.0 + 0.00003 * 3'000.0));
  CHECK(all.spread_cost_usd == Approx(0.5 * 0.0002 * 90'000.0 + 2 * 0.0002 * 3'000.0));
  CHECK(all.reward.legs == 3);
  CHECK(all.reward.mean == Approx(-0.002));
  CHECK(all.total_coin.at("BTC") == dec("-0.0056"));
  CHECK(all.total_coin.at("ETH") == dec("0.02"));
  CHECK(group_of(report, "conservative", "ETH").planned == 1);
  CHECK(group_of(report, "production").planned == 1);
  CHECK(report.groups.front().strategy == "conservative");
  CHECK(report.groups.front().underlying.empty());
}

TEST_CASE("profile_report: the P&L of linear calls is in USDC, not in coin") {
  std::vector<TrainingExample> examples = {leg("conservative", "BTC_USDC-16JAN26-100000-C", 1, "0.1", 0.006),
                                           leg("conservative", "BTC-16JAN26-100000-C", 1, "0.1", 0.004)};
  examples[0].pnl_coin = dec("55.5");
  const ProfileReport report = profile_report(examples);
  const std::map<std::string, rlx::market::Fixed8> expected{{"BTC", *examples[1].pnl_coin}, {"USDC", dec("55.5")}};
  CHECK(group_of(report, "conservative").total_coin == expected);
  CHECK(group_of(report, "conservative", "BTC").total_coin == expected);
  CHECK(report_text(report).find("55.5 USDC") != std::string::npos);
}

TEST_CASE("profile_report: results whose sum leaves the range are refused with the leg") {
  std::vector<TrainingExample> examples(2, leg("conservative", "BTC-16JAN26-100000-C", 1, "0.1", 0.004));
  for (TrainingExample& example : examples) example.pnl_coin = dec("-90000000000");
  examples[1].label = "rlx1-b";
  REQUIRE_THROWS_AS(profile_report(examples), rlx::DataError);
  REQUIRE_THROWS_WITH(profile_report(examples), ContainsSubstring("leg rlx1-b: its pnl_coin of -90000000000"));
}

TEST_CASE("profile_report: pairs, verdicts, text and JSON") {
  std::vector<TrainingExample> examples;
  rlx::RandomStream random({21, rlx::Purpose::user});
  for (int t = 0; t < 40; ++t) {
    const double shock = 0.002 * random.normal();
    for (const auto& [strategy, edge] :
         {std::pair("conservative", 0.0), std::pair("moderate", 0.0), std::pair("aggressive", 0.02)}) {
      for (const char* const symbol : {"BTC-16JAN26-100000-C", "ETH-16JAN26-3200-C"}) {
        examples.push_back(leg(strategy, symbol, t, "0.1", shock + 0.005 * random.normal() + edge));
      }
    }
  }
  const ProfileReport report = profile_report(examples);
  REQUIRE(report.pairs.size() == 9);  // three pairs on all, on BTC and on ETH
  const PairComparison& same = report.pairs[0];
  CHECK(same.a == "conservative");
  CHECK(same.b == "moderate");
  CHECK(same.legs_a == 80);
  CHECK(same.expiries == 40);
  CHECK_FALSE(same.different);
  CHECK(same.verdict == "conservative and moderate: not distinguishable on 160 legs");
  const PairComparison& other = report.pairs[1];
  CHECK(other.different);
  CHECK(other.difference.high < 0.0);
  CHECK(other.ks_p < 1e-6);
  CHECK_THAT(other.verdict, ContainsSubstring("conservative and aggressive: different; aggressive has the higher mean reward"));
  CHECK(report.pairs[3].underlying == "BTC");
  CHECK(report.pairs[3].legs_a == 40);
  CHECK(report.verdict ==
        "Different: conservative/aggressive, moderate/aggressive. Not distinguishable, so candidates for merging: "
        "conservative/moderate.");

  const std::string text = report_text(report);
  CHECK_THAT(text, ContainsSubstring("win %  ") && ContainsSubstring("mean") && ContainsSubstring("not distinguishable") &&
                       ContainsSubstring("CVaR 5 %") && ContainsSubstring("95 % interval, 2000 resamples"));
  // A win rate never stands without its mean.
  const auto headers = report_tables(report).results.headers();
  const auto win = std::find(headers.begin(), headers.end(), "win %");
  REQUIRE(win != headers.end());
  CHECK(*(win + 1) == "mean");
  const auto json = report_json(report);
  CHECK(json["groups"].size() == 9);
  CHECK(json["groups"][0]["reward"]["legs"] == 80);
  CHECK(json["pairs"][1]["different"] == true);
  CHECK(json["verdict"] == report.verdict);
  CHECK(report_json(profile_report(examples)) == json);
}
