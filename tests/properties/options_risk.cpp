// SPDX-License-Identifier: MIT
/// @file
/// @brief Whatever is proposed, what the risk engine lets through keeps every cap, counted independently of it.
#include <rlx/options/risk_engine.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <rlx/core/random.hpp>

#include "rlx_catch.hpp"

namespace {

using namespace rlx::options;
using rlx::market::Fixed8;

constexpr std::int64_t noon = 1'767'355'200'000;  // 2026-01-02T12:00:00Z
const std::vector<std::string> expiries = {"9JAN26", "16JAN26", "30JAN26"};

/// Open calls as the test counts them: tenths of a coin per symbol, positions, orders, unknown legs and new legs alike.
struct Book {
  std::map<std::string, int> tenths;

  int total() const {
    int sum = 0;
    for (const auto& [symbol, count] : tenths) sum += count;
    return sum;
  }
  int of_expiry(const std::string& expiry) const {
    int sum = 0;
    for (const auto& [symbol, count] : tenths) sum += symbol.find("-" + expiry + "-") != std::string::npos ? count : 0;
    return sum;
  }
  int legs_of_expiry(const std::string& expiry) const {
    int sum = 0;
    for (const auto& [symbol, count] : tenths) sum += symbol.find("-" + expiry + "-") != std::string::npos ? 1 : 0;
    return sum;
  }
};

struct Scenario {
  rlx::RandomStream random;
  std::vector<Instrument> instruments;
  AgentState state;
  Settings settings;
  Book book;

  explicit Scenario(std::uint64_t seed) : random({seed, rlx::Purpose::user}) {
    for (const auto& expiry : expiries) {
      for (int i = 0; i < 5; ++i)
        instruments.push_back(paper_instrument("BTC-" + expiry + '-' + std::to_string(95 + i) + "000-C"));
    }
    state.now_ms = state.server_time_ms = noon;
    state.underlyings.resize(1);
    UnderlyingState& btc = state.underlyings[0];
    btc.underlying = btc.account.currency = "BTC";
    btc.index = 90'000;
    btc.account.equity = Fixed8::from_units(static_cast<std::int64_t>(random.bounded(40)) * Fixed8::scale / 10);
    btc.instruments = instruments;
    settings.mode = AgentMode::production;
    settings.max_expiry_exposure.by_name["BTC"] = static_cast<double>(random.bounded(20)) / 10;
    settings.max_margin_used_pct = 1'000;
    settings.hard_max_open_notional_usd = 9'000.0 * static_cast<double>(random.bounded(40));
    settings.hard_max_legs_per_tick = static_cast<int>(random.bounded(12));
    for (const Instrument& one : instruments) open(one);
  }

  /// One call in three is there already, as a position, as an order that is partly filled, or as a leg of unknown state.
  void open(const Instrument& one) {
    UnderlyingState& btc = state.underlyings[0];
    const int tenths = 1 + static_cast<int>(random.bounded(3));
    const Fixed8 amount = Fixed8::parse("0.1") * tenths;
    switch (random.bounded(9)) {
      case 0: {
        Position position;
        position.symbol = one.symbol;
        position.underlying = "BTC";
        position.expiry_ms = one.expiry_ms;
        position.size = -amount;
        btc.positions.push_back(position);
        break;
      }
      case 1: {
        Order order;
        order.symbol = one.symbol;
        order.filled_amount = Fixed8::parse("0.1") * static_cast<int>(random.bounded(3));
        order.amount = amount + order.filled_amount;
        btc.open_orders.push_back(order);
        break;
      }
      case 2:
        btc.unknown_legs.push_back({one.symbol, "BTC", amount});
        break;
      default:
        return;
    }
    book.tenths[one.symbol] += tenths;
  }

  Action propose() {
    Action action;
    action.type = ActionType::open_covered_call;
    action.underlying = "BTC";
    action.symbol = instruments[random.bounded(instruments.size())].symbol;
    action.size = Fixed8::parse("0.1") * static_cast<int>(1 + random.bounded(3));
    return action;
  }
  static OrderContext order_of(const Action& action) {
    OrderContext order;
    order.now_ms = noon;
    order.price = Fixed8::parse("0.0125");
    order.ticker.emplace();
    order.ticker->symbol = action.symbol;
    order.ticker->bid = Fixed8::parse("0.0120");
    order.ticker->ask = Fixed8::parse("0.0130");
    order.ticker->mark = Fixed8::parse("0.0125");
    order.ticker->delta = 0.15;
    order.ticker->open_interest = 50;
    order.ticker->quote_ms = noon;
    return order;
  }
};

/// What each proposed leg would lead to, by the counts of the test alone.
bool fits(const Scenario& scenario, const Action& action, int legs_this_tick, bool training) {
  const Settings& settings = scenario.settings;
  const int tenths = static_cast<int>(action.size.units() * 10 / Fixed8::scale);
  const std::string expiry = action.symbol.substr(4, action.symbol.find('-', 4) - 4);
  const Book& book = scenario.book;
  if (book.tenths.contains(action.symbol) || legs_this_tick + 1 > settings.hard_max_legs_per_tick) return false;
  if (9'000 * (book.total() + tenths) > static_cast<int>(settings.hard_max_open_notional_usd)) return false;
  if (training) {
    return legs_this_tick + 1 <= settings.training_max_calls_per_underlying &&
           book.legs_of_expiry(expiry) + 1 <= settings.training_max_calls_per_expiry &&
           static_cast<int>(book.tenths.size()) + 1 <= settings.training_max_open_calls_per_underlying;
  }
  const int limit = static_cast<int>(settings.max_expiry_exposure.by_name.at("BTC") * 10 + 0.5);
  const int coins = static_cast<int>(scenario.state.underlyings[0].account.equity.units() * 10 / Fixed8::scale);
  return coins > 0 && book.of_expiry(expiry) + tenths <= limit && book.total() + tenths <= coins;
}

}  // namespace

TEST_CASE("the risk engine lets through exactly what keeps every cap", "[options][risk]") {
  std::size_t allowed = 0, denied = 0;
  for (std::uint64_t seed = 0; seed < 4'000; ++seed) {
    Scenario scenario(seed);
    const bool training = scenario.random.bounded(2) == 0;
    scenario.settings.training_mode = training;
    scenario.settings.training_max_calls_per_underlying = static_cast<int>(scenario.random.bounded(7));
    scenario.settings.training_max_calls_per_expiry = static_cast<int>(scenario.random.bounded(5));
    scenario.settings.training_max_open_calls_per_underlying = static_cast<int>(scenario.random.bounded(12));
    const Attestation attestation = Attestation::paper(noon);
    ProjectedState projected;
    projected.plan_is_durable = true;
    int legs = 0;
    for (int i = 0; i < 10; ++i) {
      Action action = scenario.propose();
      if (training) {
        action.mode = AgentMode::training;
        action.strategy = "moderate";
      }
      const OrderContext order = Scenario::order_of(action);
      const RiskCheck result = check_action_allowed(scenario.state, action, scenario.settings, attestation, projected, order);
      INFO("seed " << seed << " leg " << i << ' ' << action.symbol << ' ' << action.size.to_string() << ": "
                   << (result.reasons.empty() ? "" : result.reasons[0]));
      REQUIRE(result.allowed == fits(scenario, action, legs, training));
      (result.allowed ? allowed : denied) += 1;
      if (!result.allowed) {
        REQUIRE_FALSE(result.reasons.empty());
        continue;
      }
      project(projected, scenario.state, action, order);
      scenario.book.tenths[action.symbol] += static_cast<int>(action.size.units() * 10 / Fixed8::scale);
      ++legs;
    }
  }
  REQUIRE(allowed > 3'000);
  REQUIRE(denied > 10'000);
}
