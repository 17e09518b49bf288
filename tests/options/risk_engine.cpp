// SPDX-License-Identifier: MIT
#include <rlx/options/risk_engine.hpp>

#include <cstddef>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "rlx_catch.hpp"

using rlx::market::Fixed8;
using namespace rlx::options;
using rlx_test::ContainsSubstring;

namespace {

constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t noon = 1'767'355'200'000;  // 2026-01-02T12:00:00Z
const std::string near_call = "BTC-16JAN26-99000-C";
const std::string far_call = "BTC-30JAN26-105000-C";

Fixed8 fixed(const char* text) { return Fixed8::parse(text); }

/// An order that passes every row, in production on testnet; every test changes one thing.
struct Scene {
  std::vector<Instrument> instruments;
  AgentState state;
  Action action;
  Settings settings;
  Attestation attestation = Attestation::from_reply(VenueEnvironment::testnet, "test.deribit.com", true, noon);
  ProjectedState projected;
  OrderContext order;

  Scene() {
    for (const int strike : {95'000, 98'000, 99'000, 100'000, 101'000, 102'000}) {
      instruments.push_back(paper_instrument("BTC-16JAN26-" + std::to_string(strike) + "-C"));
    }
    instruments.push_back(paper_instrument(far_call));
    instruments.push_back(paper_instrument("BTC-16JAN26-99000-P"));
    instruments.push_back(paper_instrument("ETH-16JAN26-3600-C"));
    state.now_ms = state.server_time_ms = noon;
    state.underlyings.resize(2);
    btc().underlying = btc().account.currency = "BTC";
    btc().index = 90'000;
    btc().account.equity = Fixed8::from_integer(10);
    eth().underlying = eth().account.currency = "ETH";
    eth().index = 3'000;
    eth().account.equity = Fixed8::from_integer(100);
    for (const auto& symbol : {near_call, far_call}) {
      CandidateOption candidate;
      candidate.symbol = symbol;
      candidate.underlying = "BTC";
      candidate.delta = 0.15;
      candidate.mark = fixed("0.0125");
      candidate.spread_pct = 8;
      candidate.open_interest = 50;
      btc().candidates.push_back(candidate);
    }
    settings.mode = AgentMode::production;
    action.type = ActionType::open_covered_call;
    action.underlying = "BTC";
    action.symbol = near_call;
    action.size = fixed("0.1");
    action.diagnostics = ActionDiagnostics{0.15, 14, 1'125, 1.0};
    order.now_ms = noon;
    order.price = fixed("0.0125");
    order.ticker = ticker_of(near_call);
    projected.plan_is_durable = true;
  }

  UnderlyingState& btc() { return state.underlyings[0]; }
  UnderlyingState& eth() { return state.underlyings[1]; }
  Instrument& instrument(const std::string& symbol) {
    for (auto& one : instruments) {
      if (one.symbol == symbol) return one;
    }
    throw rlx::Error("no instrument " + symbol);
  }

  static Ticker ticker_of(const std::string& symbol) {
    Ticker ticker;
    ticker.symbol = symbol;
    ticker.bid = fixed("0.0120");
    ticker.ask = fixed("0.0130");
    ticker.mark = fixed("0.0125");
    ticker.delta = 0.15;
    ticker.open_interest = 50;
    ticker.index = ticker.forward = 90'000;
    ticker.quote_ms = noon;
    return ticker;
  }

  Scene& training() {
    settings.training_mode = true;
    action.mode = AgentMode::training;
    action.strategy = "conservative";
    return *this;
  }
  Scene& trade(const std::string& symbol, const char* size = "0.1") {
    action.symbol = symbol;
    action.size = fixed(size);
    order.ticker->symbol = symbol;
    return *this;
  }
  /// A close of `near_call`, of which 0.1 are short.
  Scene& close() {
    action.type = ActionType::close_covered_call;
    order.role = LegRole::close;
    hold(near_call, "-0.1");
    return *this;
  }
  /// A roll of `near_call` to `far_call`.
  Scene& roll(LegRole role) {
    action.type = ActionType::roll_covered_call;
    action.roll_to = far_call;
    order.role = role;
    order.ticker->symbol = order_symbol(action, role);
    hold(near_call, "-0.1");
    return *this;
  }
  Scene& hold(const std::string& symbol, const char* size, double delta = 0.15) {
    const InstrumentName name = parse_instrument_name(symbol);
    Position position;
    position.symbol = symbol;
    position.underlying = name.underlying;
    position.type = name.type;
    position.strike = name.strike;
    position.expiry_ms = name.expiry_ms;
    position.size = fixed(size);
    position.mark = fixed("0.0125");
    position.delta = delta;
    (name.underlying == "BTC" ? btc() : eth()).positions.push_back(position);
    return *this;
  }
  Scene& rest(const std::string& symbol, const char* amount, const char* filled = "0", Side side = Side::sell) {
    Order resting;
    resting.symbol = symbol;
    resting.side = side;
    resting.amount = fixed(amount);
    resting.filled_amount = fixed(filled);
    btc().open_orders.push_back(resting);
    return *this;
  }
  Scene& unknown(const std::string& symbol, const char* amount) {
    btc().unknown_legs.push_back({symbol, "BTC", fixed(amount)});
    return *this;
  }
  Scene& sold_this_tick(const std::string& symbol, const char* amount) {
    const std::int64_t expiry_ms = parse_instrument_name(symbol).expiry_ms;
    projected.legs.push_back({"BTC", symbol, expiry_ms, fixed(amount), 0.15, 0.01});
    return *this;
  }

  RiskCheck check() {
    btc().instruments = eth().instruments = instruments;
    return check_action_allowed(state, action, settings, attestation, projected, order);
  }
  /// The hard denial; empty where no hard gate denies.
  std::string hard() {
    const RiskCheck result = check();
    return !result.allowed && result.reasons.at(0).starts_with('H') ? result.reasons[0] : "";
  }
};

struct Case {
  const char* row;
  const char* name;
  std::function<void(Scene&)> change;
};

/// Each denies alone: the first word of the only reason is the row.
void require_denied(const Case& one, Scene scene) {
  one.change(scene);
  const RiskCheck result = scene.check();
  INFO(one.row << ' ' << one.name << ": " << (result.reasons.empty() ? "allowed" : result.reasons[0]));
  REQUIRE_FALSE(result.allowed);
  REQUIRE(result.reasons.size() == 1);
  REQUIRE(result.reasons[0].starts_with(std::string(one.row) + ' '));
}

Case set(const char* row, const char* name, std::function<void(Scene&)> change) { return {row, name, std::move(change)}; }

const std::vector<Case>& hard_rows() {
  static const std::vector<Case> rows = {
      set("H1", "unknown type", [](Scene& s) { s.action.type = static_cast<ActionType>(99); }),
      set("H1", "meta action", [](Scene& s) { s.action.type = ActionType::training_ladder; }),
      set("H1", "no underlying", [](Scene& s) { s.action.underlying.clear(); }),
      set("H1", "no symbol", [](Scene& s) { s.action.symbol.clear(); }),
      set("H1", "role of another action", [](Scene& s) { s.order.role = LegRole::close; }),
      set("H1", "roll without target", [](Scene& s) { s.roll(LegRole::roll_close).action.roll_to.clear(); }),
      set("H1", "roll to itself", [](Scene& s) { s.roll(LegRole::roll_close).action.roll_to = near_call; }),
      set("H1", "propensity 0", [](Scene& s) { s.action.propensity = 0; }),
      set("H1", "propensity above 1", [](Scene& s) { s.action.propensity = 1.0000001; }),
      set("H1", "propensity NaN", [](Scene& s) { s.action.propensity = nan_value; }),
      set("H1", "delta NaN", [](Scene& s) { s.action.diagnostics->delta = nan_value; }),
      set("H1", "dte NaN", [](Scene& s) { s.action.diagnostics->dte = nan_value; }),
      set("H1", "premium NaN", [](Scene& s) { s.action.diagnostics->premium_usd = nan_value; }),
      set("H1", "ivrv NaN", [](Scene& s) { s.action.diagnostics->ivrv = nan_value; }),
      set("H2", "latched", [](Scene& s) { s.projected.kill_latched = true; }),
      set("H2", "setting", [](Scene& s) { s.settings.kill_switch_enabled = true; }),
      set("H3", "old", [](Scene& s) { s.order.now_ms += 60'001, s.order.ticker->quote_ms = s.order.now_ms; }),
      set("H3", "not made yet", [](Scene& s) { s.order.now_ms -= 1; }),
      set("H3", "mainnet venue",
          [](Scene& s) { s.attestation = Attestation::from_reply(VenueEnvironment::mainnet, "www.deribit.com", false, noon); }),
      set("H3", "mainnet configured", [](Scene& s) { s.settings.deribit_env = "mainnet"; }),
      set("H4", "underlying without state", [](Scene& s) { s.action.underlying = "XRP"; }),
      set("H4", "not listed", [](Scene& s) { s.trade("BTC-16JAN26-99500-C"); }),
      set("H4", "not open", [](Scene& s) { s.instrument(near_call).open = false; }),
      set("H4", "a put", [](Scene& s) { s.trade("BTC-16JAN26-99000-P"); }),
      set("H4", "of another underlying", [](Scene& s) { s.trade("ETH-16JAN26-3600-C"); }),
      set("H4", "strike NaN", [](Scene& s) { s.instrument(near_call).strike = nan_value; }),
      set("H4", "expired", [](Scene& s) { s.instrument(near_call).expiry_ms = noon; }),
      set("H4", "too near", [](Scene& s) { s.instrument(near_call).expiry_ms = noon + 60 * 60'000 - 1; }),
      set("H5", "zero", [](Scene& s) { s.action.size = Fixed8(); }),
      set("H5", "negative", [](Scene& s) { s.action.size = fixed("-0.1"); }),
      set("H5", "below the minimum", [](Scene& s) { s.action.size = fixed("0.09999999"); }),
      set("H5", "no multiple", [](Scene& s) { s.action.size = fixed("0.15"); }),
      set("H5", "no minimum", [](Scene& s) { s.instrument(near_call).minimum_size = {}; }),
      set("H5", "above the limit", [](Scene& s) { s.action.size = fixed("1.1"); }),
      set("H5", "above the limit of this order", [](Scene& s) { s.order.amount = fixed("1.1"); }),
      set("H5", "limit NaN", [](Scene& s) { s.settings.hard_max_leg_size.by_name["BTC"] = nan_value; }),
      set("H5", "no limit", [](Scene& s) { s.settings.hard_max_leg_size.by_name.clear(); }),
      set("H5", "above the compiled bound",
          [](Scene& s) { s.settings.hard_max_leg_size.by_name["BTC"] = 1e9, s.action.size = fixed("10.1"); }),
      set("H6", "no ticker", [](Scene& s) { s.order.ticker.reset(); }),
      set("H6", "no price", [](Scene& s) { s.order.price = Fixed8(); }),
      set("H6", "no price near a mark of nothing",
          [](Scene& s) { s.order.ticker->mark = fixed("0.0001"), s.order.price = {}; }),
      set("H6", "negative", [](Scene& s) { s.order.price = fixed("-0.0125"); }),
      set("H6", "off the tick", [](Scene& s) { s.order.price = fixed("0.0126"); }),
      set("H6", "no tick",
          [](Scene& s) { s.instrument(near_call).tick_steps.clear(), s.instrument(near_call).tick_size = {}; }),
      set("H6", "no mark", [](Scene& s) { s.order.ticker->mark = {}; }),
      set("H6", "no mark, a price of few ticks", [](Scene& s) { s.order.ticker->mark = {}, s.order.price = fixed("0.0001"); }),
      set("H6", "far above", [](Scene& s) { s.order.price = fixed("0.0160"); }),
      set("H6", "far below", [](Scene& s) { s.order.price = fixed("0.0090"); }),
      set("H7", "another symbol's ticker", [](Scene& s) { s.order.ticker->symbol = far_call; }),
      set("H7", "old quote", [](Scene& s) { s.order.ticker->quote_ms = noon - 15'001; }),
      set("H7", "quote from the future", [](Scene& s) { s.order.ticker->quote_ms = noon + 10'001; }),
      set("H7", "crossed", [](Scene& s) { s.order.ticker->bid = fixed("0.0135"); }),
      set("H7", "no bid", [](Scene& s) { s.order.ticker->bid = {}; }),
      set("H7", "no ask", [](Scene& s) { s.order.ticker->ask = {}; }),
      set("H7", "clock ahead",
          [](Scene& s) { s.state.server_time_ms -= 10'001, s.order.ticker->quote_ms = s.state.server_time_ms; }),
      set("H7", "clock behind",
          [](Scene& s) { s.state.server_time_ms += 10'001, s.order.ticker->quote_ms = s.state.server_time_ms; }),
      set("H8", "too many legs", [](Scene& s) { s.projected.legs_this_tick = 20; }),
      set("H8", "more legs than any setting allows",
          [](Scene& s) { s.settings.hard_max_legs_per_tick = 1'000'000, s.projected.legs_this_tick = 200; }),
      set("H8", "notional", [](Scene& s) { s.settings.hard_max_open_notional_usd = 8'999.99; }),
      set("H8", "notional with a position", [](Scene& s) { s.hold("ETH-16JAN26-3600-C", "-81"); }),
      set("H8", "notional with a resting order", [](Scene& s) { s.rest(far_call, "3", "0.3"); }),
      set("H8", "notional with an unknown leg", [](Scene& s) { s.unknown(far_call, "2.7"); }),
      set("H8", "notional with a leg of this tick", [](Scene& s) { s.sold_this_tick(far_call, "2.7"); }),
      set("H8", "notional limit NaN", [](Scene& s) { s.settings.hard_max_open_notional_usd = nan_value; }),
      set("H8", "index NaN", [](Scene& s) { s.btc().index = nan_value; }),
      set("H8", "notional above the compiled bound",
          [](Scene& s) { s.settings.hard_max_open_notional_usd = 1e12, s.hold(far_call, "-27.7"); }),
      set("H9", "open already", [](Scene& s) { s.hold(near_call, "-0.1"); }),
      set("H9", "held long", [](Scene& s) { s.hold(near_call, "0.1"); }),
      set("H9", "resting already", [](Scene& s) { s.rest(near_call, "0.1"); }),
      set("H9", "a resting buy", [](Scene& s) { s.rest(near_call, "0.1", "0", Side::buy); }),
      set("H9", "unknown leg", [](Scene& s) { s.unknown(near_call, "0.1"); }),
      set("H9", "sold this tick", [](Scene& s) { s.sold_this_tick(near_call, "0.1"); }),
      set("H9", "label of another order", [](Scene& s) { s.order.label_conflict = true; }),
      set("H10", "no durable plan", [](Scene& s) { s.projected.plan_is_durable = false; }),
  };
  return rows;
}

const std::vector<Case>& soft_rows() {
  static const std::vector<Case> rows = {
      set("S2", "day drawdown",
          [](Scene& s) { s.settings.daily_drawdown_limit_pct = 5, s.projected.day_peak_equity["BTC"] = 10.6; }),
      set("S2", "peak 0", [](Scene& s) { s.settings.daily_drawdown_limit_pct = 5, s.projected.day_peak_equity["BTC"] = 0; }),
      set("S2", "peak missing", [](Scene& s) { s.settings.daily_drawdown_limit_pct = 5; }),
      set("S2", "peak NaN",
          [](Scene& s) { s.settings.daily_drawdown_limit_pct = 5, s.projected.day_peak_equity["BTC"] = nan_value; }),
      set("S2", "limit NaN",
          [](Scene& s) { s.settings.daily_drawdown_limit_pct = nan_value, s.projected.day_peak_equity["BTC"] = 10; }),
      set("S3", "margin", [](Scene& s) { s.btc().account.initial_margin = fixed("7.19"); }),
      set("S3", "venue's margin NaN of an earlier leg",
          [](Scene& s) { s.sold_this_tick(far_call, "0.1").projected.legs[0].margin = nan_value; }),
      set("S3", "limit NaN", [](Scene& s) { s.settings.max_margin_used_pct = nan_value; }),
      set("S4", "delta of a position", [](Scene& s) { s.hold(far_call, "-1", 4.99); }),
      set("S4", "delta of a position NaN", [](Scene& s) { s.hold(far_call, "-0.1", nan_value); }),
      set("S4", "delta NaN", [](Scene& s) { s.order.ticker->delta = nan_value; }),
      set("S4", "delta of an unknown leg NaN",
          [](Scene& s) { s.unknown(far_call, "0.1").btc().candidates[1].delta = nan_value; }),
      set("S4", "delta of an earlier leg NaN",
          [](Scene& s) { s.sold_this_tick(far_call, "0.1").projected.legs[0].delta = nan_value; }),
      set("S4", "limit NaN", [](Scene& s) { s.settings.max_net_delta_abs.by_name["BTC"] = nan_value; }),
      set("S4", "no limit", [](Scene& s) { s.settings.max_net_delta_abs.by_name.clear(); }),
      set("S5", "a position of the expiry", [](Scene& s) { s.hold("BTC-16JAN26-101000-C", "-0.3"); }),
      set("S5", "a resting order of the expiry", [](Scene& s) { s.rest("BTC-16JAN26-101000-C", "0.5", "0.2"); }),
      set("S5", "an unknown leg of the expiry", [](Scene& s) { s.unknown("BTC-16JAN26-101000-C", "0.3"); }),
      set("S5", "a leg of this tick", [](Scene& s) { s.sold_this_tick("BTC-16JAN26-101000-C", "0.3"); }),
      set("S5", "limit NaN", [](Scene& s) { s.settings.max_expiry_exposure.by_name["BTC"] = nan_value; }),
      set("S6", "coins", [](Scene& s) { s.btc().account.equity = fixed("0.09"); }),
      set("S6", "another currency", [](Scene& s) { s.btc().account.currency = "USDC"; }),
      set("S7", "spread", [](Scene& s) { s.settings.liquidity_max_spread_pct = 7.9; }),
      set("S7", "spread limit NaN", [](Scene& s) { s.settings.liquidity_max_spread_pct = nan_value; }),
      set("S7", "spread unknown", [](Scene& s) { s.settings.order_style = OrderStyle::take_bid, s.order.ticker->ask = {}; }),
      set("S7", "open interest", [](Scene& s) { s.order.ticker->open_interest = 9.99; }),
      set("S7", "open interest unknown", [](Scene& s) { s.order.ticker->open_interest = nan_value; }),
      set("S7", "open interest limit NaN", [](Scene& s) { s.settings.liquidity_min_open_interest.by_name["BTC"] = nan_value; }),
  };
  return rows;
}

}  // namespace

TEST_CASE("the order that the risk tests start from passes every row", "[options][risk]") {
  REQUIRE(Scene().check() == RiskCheck{true, {}});
  REQUIRE(Scene().training().check() == RiskCheck{true, {"training_mode on testnet: risk checks skipped"}});
  REQUIRE(Scene().close().check() == RiskCheck{true, {}});
  REQUIRE(Scene().roll(LegRole::roll_close).check() == RiskCheck{true, {}});
}

TEST_CASE("each hard gate denies alone, outside of training and in it", "[options][risk]") {
  for (const Case& one : hard_rows()) {
    require_denied(one, Scene());
    require_denied(one, Scene().training());
  }
}

TEST_CASE("each soft limit denies alone, and training on testnet skips it", "[options][risk]") {
  for (const Case& one : soft_rows()) {
    require_denied(one, Scene());
    Scene training = Scene().training();
    one.change(training);
    INFO(one.row << ' ' << one.name);
    REQUIRE(training.check() == RiskCheck{true, {std::string(training_skip_reason)}});
  }
}

TEST_CASE("a training action needs training on testnet, its strategy and its caps", "[options][risk]") {
  const std::vector<Case> rows = {
      set("H1", "no strategy", [](Scene& s) { s.action.strategy.reset(); }),
      set("H3", "training off", [](Scene& s) { s.settings.training_mode = false; }),
      set("H3", "mainnet host", [](Scene& s) { s.settings.deribit_base_url = "https://www.deribit.com"; }),
      set("H3", "all mainnet",
          [](Scene& s) {
            s.settings.deribit_base_url = "https://www.deribit.com";
            s.settings.deribit_env = "mainnet";
            s.attestation = Attestation::from_reply(VenueEnvironment::mainnet, "www.deribit.com", false, noon);
          }),
      set("H8", "legs of the tick",
          [](Scene& s) { s.settings.training_max_calls_per_underlying = 1, s.sold_this_tick(far_call, "0.1"); }),
      set("H8", "no leg allowed", [](Scene& s) { s.settings.training_max_calls_per_underlying = 0; }),
      set("H8", "legs of the expiry",
          [](Scene& s) {
            s.hold("BTC-16JAN26-101000-C", "-0.1").rest("BTC-16JAN26-102000-C", "0.1");
            s.sold_this_tick("BTC-16JAN26-100000-C", "0.1");
          }),
      set("H8", "open legs",
          [](Scene& s) {
            s.settings.training_max_open_calls_per_underlying = 2;
            s.hold(far_call, "-0.1").unknown("BTC-16JAN26-102000-C", "0.1");
          }),
  };
  for (const Case& one : rows) require_denied(one, Scene().training());

  Scene paper = Scene().training();
  paper.attestation = Attestation::paper(noon);
  REQUIRE(paper.check().allowed);

  // One unit below: each distinct symbol is one leg, whatever its amount, and other expiries do not count.
  Scene below = Scene().training();
  below.settings.training_max_calls_per_underlying = 2;
  below.settings.training_max_calls_per_expiry = 2;
  below.settings.training_max_open_calls_per_underlying = 3;
  below.hold("BTC-16JAN26-101000-C", "-0.7").rest("BTC-16JAN26-101000-C", "0.5").unknown("BTC-16JAN26-101000-C", "0.1");
  below.sold_this_tick(far_call, "0.1");
  REQUIRE(below.check().allowed);
  // The caps are those of training: production sells regardless of them.
  Scene production;
  production.settings.training_max_calls_per_underlying = 0;
  REQUIRE(production.check().allowed);
}

TEST_CASE("each hard gate passes at its limit", "[options][risk]") {
  const std::vector<std::function<void(Scene&)>> passing = {
      [](Scene& s) { s.action.propensity = 1e-300; },
      [](Scene& s) { s.order.now_ms += 60'000, s.order.ticker->quote_ms = s.order.now_ms; },
      [](Scene& s) { s.instrument(near_call).expiry_ms = noon + 60 * 60'000; },
      [](Scene& s) { s.action.size = Fixed8::from_integer(1); },
      [](Scene& s) {
        s.settings.hard_max_leg_size.by_name["BTC"] = 1e9;
        s.settings.hard_max_open_notional_usd = 1e6;
        s.action.size = Fixed8::from_integer(10);
      },
      // a quarter of the mark is more than five ticks, and the other way round
      [](Scene& s) { s.order.ticker->mark = fixed("0.0200"), s.order.price = fixed("0.0250"); },
      [](Scene& s) { s.order.ticker->mark = fixed("0.0200"), s.order.price = fixed("0.0150"); },
      [](Scene& s) { s.order.ticker->mark = fixed("0.0010"), s.order.price = fixed("0.0015"); },
      [](Scene& s) { s.order.ticker->quote_ms = noon - 15'000; },
      [](Scene& s) { s.order.ticker->bid = s.order.ticker->ask; },
      [](Scene& s) { s.settings.order_style = OrderStyle::take_bid, s.order.ticker->ask = {}; },
      [](Scene& s) { s.state.server_time_ms -= 10'000, s.order.ticker->quote_ms = s.state.server_time_ms; },
      [](Scene& s) { s.state.server_time_ms += 10'000, s.order.ticker->quote_ms = s.state.server_time_ms; },
      [](Scene& s) { s.projected.legs_this_tick = 19; },
      [](Scene& s) { s.settings.hard_max_legs_per_tick = 1'000'000, s.projected.legs_this_tick = 199; },
      [](Scene& s) { s.settings.hard_max_open_notional_usd = 9'000; },
      [](Scene& s) { s.hold("ETH-16JAN26-3600-C", "-80"); },                                       // 240 000 + 9 000 USD
      [](Scene& s) { s.hold("ETH-16JAN26-3600-C", "1000").rest(far_call, "9", "0", Side::buy); },  // longs are no notional
      [](Scene& s) { s.settings.hard_max_open_notional_usd = 1e12, s.hold(far_call, "-27.6"); },
      [](Scene& s) {
        s.settings.hard_max_open_notional_usd = 1e12;
        s.btc().index = 100'000;
        s.hold(far_call, "-24.9");  // 2 500 000 USD with the leg
      },
      [](Scene& s) { s.hold("BTC-16JAN26-98000-C", "-0.1").rest("BTC-16JAN26-98000-C", "0.1"); },
  };
  for (std::size_t i = 0; i < passing.size(); ++i) {
    Scene scene;
    passing[i](scene);
    INFO(i);
    REQUIRE(scene.hard() == "");
  }
  // One tick further denies.
  Scene high;
  high.order.ticker->mark = fixed("0.0200");
  high.order.price = fixed("0.0255");
  REQUIRE_THAT(high.hard(), ContainsSubstring("H6"));
  Scene cheap;
  cheap.order.ticker->mark = fixed("0.0010");
  cheap.order.price = fixed("0.0016");
  REQUIRE_THAT(cheap.hard(), ContainsSubstring("H6"));
  Scene nobody_buys;
  nobody_buys.order.price = nobody_buys.order.ticker->bid = {};
  REQUIRE(nobody_buys.hard() == "H6 price: must be above 0, found 0: the book has no bid");
}

TEST_CASE("on mainnet an order of production passes when all three agree", "[options][risk]") {
  Scene scene;
  scene.settings.deribit_base_url = "https://www.deribit.com";
  scene.settings.deribit_env = "mainnet";
  scene.attestation = Attestation::from_reply(VenueEnvironment::mainnet, "www.deribit.com", false, noon);
  REQUIRE(scene.check() == RiskCheck{true, {}});
  scene.btc().account.initial_margin = Fixed8::from_integer(8);
  REQUIRE_FALSE(scene.check().allowed);
}

TEST_CASE("each soft limit passes one unit below", "[options][risk]") {
  const std::vector<std::function<void(Scene&)>> passing = {
      // 5 % of 10 is reached at 9.5
      [](Scene& s) {
        s.settings.daily_drawdown_limit_pct = 5;
        s.projected.day_peak_equity["BTC"] = 10;
        s.btc().account.equity = fixed("9.50000001");
      },
      [](Scene& s) {
        s.order.margins = Margins{fixed("0.2"), {}}, s.btc().account.initial_margin = fixed("6.99999999");
      },
      [](Scene& s) { s.settings.max_net_delta_abs.by_name["BTC"] = 0.015; },
      [](Scene& s) { s.settings.max_net_delta_abs.by_name["BTC"] = 0.015, s.hold(far_call, "0.2", 0.15); },  // a long offsets
      [](Scene& s) { s.hold("BTC-16JAN26-101000-C", "-0.2"); },
      [](Scene& s) { s.hold(far_call, "-0.3"); },
      [](Scene& s) {
        s.btc().account.equity = fixed("0.1"), s.order.margins = Margins{fixed("0.01"), {}};
      },
      // exactly 40 %
      [](Scene& s) {
        s.settings.liquidity_max_spread_pct = 40;
        s.order.ticker->bid = fixed("0.015625");
        s.order.ticker->ask = fixed("0.0234375");
      },
      [](Scene& s) { s.order.ticker->open_interest = 10; },
  };
  for (std::size_t i = 0; i < passing.size(); ++i) {
    Scene scene;
    passing[i](scene);
    const RiskCheck result = scene.check();
    INFO(i << ": " << (result.reasons.empty() ? "" : result.reasons[0]));
    REQUIRE(result == RiskCheck{true, {}});
  }
  Scene at_limit;
  at_limit.settings.daily_drawdown_limit_pct = 5;
  at_limit.projected.day_peak_equity["BTC"] = 10;
  at_limit.btc().account.equity = fixed("9.5");
  REQUIRE_THAT(at_limit.check().reasons.at(0), ContainsSubstring("S2"));
  Scene margin;  // 7.2 of 10 is 80 % times 0.9, which is not below it
  margin.order.margins = Margins{fixed("0.2"), {}};
  margin.btc().account.initial_margin = Fixed8::from_integer(7);
  REQUIRE_THAT(margin.check().reasons.at(0), ContainsSubstring("S3"));
}

TEST_CASE("without equity no limit that needs it passes, and all reasons are kept", "[options][risk]") {
  Scene scene;
  scene.btc().account.equity = {};
  scene.order.ticker->open_interest = 0;
  const RiskCheck result = scene.check();
  REQUIRE_FALSE(result.allowed);
  std::string rows;
  for (const auto& reason : result.reasons) rows += reason.substr(0, 2) + ' ';
  REQUIRE(rows == "S1 S3 S6 S7 ");
}

TEST_CASE("margin of a leg is the exchange's formula where it does not say it", "[options][risk]") {
  // S 90 000, K 99 000, mark 0.0125: 0.1125 a coin, so 0.1 contracts take 1.125 % of one coin.
  Scene scene;
  scene.btc().account.equity = Fixed8::from_integer(1);
  scene.settings.max_margin_used_pct = 1;
  REQUIRE(scene.check().reasons.at(0) == "S3 margin: 1.125 % used after the leg, must stay below 0.9 %");
}

TEST_CASE("doing nothing always passes", "[options][risk]") {
  Scene scene;
  scene.action = {};
  scene.order = {};
  scene.projected.kill_latched = true;
  scene.projected.plan_is_durable = false;
  scene.state = {};
  REQUIRE(check_action_allowed(scene.state, scene.action, scene.settings, scene.attestation, scene.projected, scene.order) ==
          RiskCheck{true, {}});
}

TEST_CASE("a close passes S1 to S7 and needs a short of its size", "[options][risk]") {
  Scene scene = Scene().close();
  scene.btc().account = {};
  scene.btc().index = nan_value;
  scene.settings.daily_drawdown_limit_pct = 1;
  scene.settings.max_margin_used_pct = 0;
  scene.settings.max_net_delta_abs = {};
  scene.settings.max_expiry_exposure = {};
  scene.settings.liquidity_max_spread_pct = 0;
  scene.settings.hard_max_open_notional_usd = 0;
  scene.order.ticker->delta = scene.order.ticker->open_interest = nan_value;
  scene.order.ticker->bid = {};  // an urgent close takes the ask
  REQUIRE(scene.check() == RiskCheck{true, {}});
  scene.rest(near_call, "0.1");  // duplicates concern opens
  REQUIRE(scene.check().allowed);

  scene.action.size = fixed("0.2");
  REQUIRE_THAT(scene.check().reasons.at(0), ContainsSubstring("S8"));
  Scene none = Scene().close();
  none.btc().positions.clear();
  REQUIRE_THAT(none.check().reasons.at(0), ContainsSubstring("S8"));
  Scene held_long = Scene().close();
  held_long.btc().positions[0].size = fixed("0.1");
  REQUIRE_THAT(held_long.check().reasons.at(0), ContainsSubstring("S8"));
  Scene closed_already = Scene().close();
  closed_already.check();
  project_close(closed_already.projected, closed_already.state, closed_already.action, fixed("0.1"));
  REQUIRE_THAT(closed_already.check().reasons.at(0), ContainsSubstring("S8"));
}

TEST_CASE("hard gates of a close: half of the mark, the ask, any time before expiry", "[options][risk]") {
  Scene scene = Scene().close();
  scene.order.ticker->mark = fixed("0.0200");
  scene.order.price = fixed("0.0300");
  REQUIRE(scene.hard() == "");
  scene.order.price = fixed("0.0305");
  REQUIRE_THAT(scene.hard(), ContainsSubstring("H6"));
  scene.order.price = {};
  REQUIRE(scene.hard() == "H6 price: must be above 0, found 0");
  scene.order.ticker->ask = {};  // as execution finds it where nobody sells
  REQUIRE(scene.hard() == "H6 price: must be above 0, found 0: the book has no ask");
  Scene late = Scene().close();
  late.instrument(near_call).expiry_ms = noon + 1;
  REQUIRE(late.hard() == "");
  late.instrument(near_call).expiry_ms = noon;
  REQUIRE_THAT(late.hard(), ContainsSubstring("H4"));
  Scene no_ask = Scene().close();
  no_ask.order.ticker->ask = {};
  REQUIRE_THAT(no_ask.hard(), ContainsSubstring("H7"));
  Scene killed = Scene().close();
  killed.projected.kill_latched = true;
  REQUIRE_THAT(killed.hard(), ContainsSubstring("H2"));
}

TEST_CASE("the third call against two free coins is not covered", "[options][risk]") {
  const auto scene_of = [] {
    Scene scene;
    scene.btc().account.equity = Fixed8::from_integer(2);
    scene.settings.max_expiry_exposure.by_name["BTC"] = 100;
    scene.settings.max_net_delta_abs.by_name["BTC"] = 100;
    scene.settings.max_margin_used_pct = 1'000;
    scene.settings.hard_max_open_notional_usd = 1e6;
    scene.action.size = Fixed8::from_integer(1);
    return scene;
  };
  Scene second = scene_of().hold(far_call, "-1");
  REQUIRE(second.check() == RiskCheck{true, {}});
  std::vector<Scene> thirds(4, scene_of().hold(far_call, "-1"));
  thirds[0].hold("BTC-16JAN26-101000-C", "-1");
  thirds[1].rest("BTC-16JAN26-101000-C", "1.5", "0.5");
  thirds[2].unknown("BTC-16JAN26-101000-C", "1");
  thirds[3].sold_this_tick("BTC-16JAN26-101000-C", "1");
  for (Scene& third : thirds) {
    const RiskCheck result = third.check();
    REQUIRE(result.reasons.size() == 1);
    REQUIRE(result.reasons[0] == "S6 coverage: 0 BTC free, 1 needed");
  }
}

TEST_CASE("a ladder of ten against a notional cap for four sends four", "[options][risk]") {
  Scene scene = Scene().training();
  scene.settings.training_max_calls_per_underlying = scene.settings.training_max_calls_per_expiry = 100;
  scene.settings.training_max_open_calls_per_underlying = 100;
  scene.settings.hard_max_open_notional_usd = 36'000;  // 0.1 coins at 90 000 four times
  std::vector<bool> sent;
  for (int i = 0; i < 10; ++i) {
    const std::string symbol = "BTC-16JAN26-" + std::to_string(110'000 + 1'000 * i) + "-C";
    scene.instruments.push_back(paper_instrument(symbol));
    scene.trade(symbol);
    const RiskCheck result = scene.check();
    sent.push_back(result.allowed);
    if (result.allowed) project(scene.projected, scene.state, scene.action, scene.order);
    if (!result.allowed) REQUIRE_THAT(result.reasons.at(0), ContainsSubstring("H8"));
  }
  REQUIRE(sent == std::vector<bool>{true, true, true, true, false, false, false, false, false, false});
  REQUIRE(scene.projected.legs_this_tick == 4);
}

TEST_CASE("a roll is checked for where it leads before its first order", "[options][risk]") {
  const std::vector<Case> rows = {
      set("H4", "target not listed", [](Scene& s) { s.action.roll_to = "BTC-30JAN26-106000-C"; }),
      set("H4", "target too near", [](Scene& s) { s.instrument(far_call).expiry_ms = noon + 60'000; }),
      set("H9", "target open", [](Scene& s) { s.hold(far_call, "-0.1"); }),
      set("S5", "target's expiry", [](Scene& s) { s.hold("BTC-30JAN26-110000-C", "-0.3"); }),
      set("S7", "target's spread", [](Scene& s) { s.btc().candidates[1].spread_pct = 12.1; }),
      set("S7", "target's open interest", [](Scene& s) { s.btc().candidates[1].open_interest = nan_value; }),
      set("S8", "nothing to close", [](Scene& s) { s.btc().positions[0].size = fixed("-0.01"); }),
  };
  for (const Case& one : rows) require_denied(one, Scene().roll(LegRole::roll_close));

  // Closing and opening: the coins cover one call, the net effect on delta and margin is the difference.
  Scene scene = Scene().roll(LegRole::roll_close);
  scene.btc().account.equity = fixed("0.1");
  scene.btc().account.initial_margin = fixed("0.05");
  scene.settings.max_net_delta_abs.by_name["BTC"] = 0.015;
  REQUIRE(scene.check() == RiskCheck{true, {}});
  scene.btc().candidates.pop_back();
  std::string found;
  for (const auto& reason : scene.check().reasons) found += reason.substr(0, 2) + ' ';
  REQUIRE(found == "S3 S4 S7 ");
}

TEST_CASE("a roll within an expiry leaves its exposure as it is", "[options][risk]") {
  Scene scene = Scene().roll(LegRole::roll_close);
  scene.action.roll_to = scene.btc().candidates[1].symbol = "BTC-16JAN26-101000-C";
  scene.settings.max_expiry_exposure.by_name["BTC"] = 0.3;
  scene.hold("BTC-16JAN26-102000-C", "-0.2");
  REQUIRE(scene.check() == RiskCheck{true, {}});
  scene.settings.max_expiry_exposure.by_name["BTC"] = 0.29;
  REQUIRE_THAT(scene.check().reasons.at(0), ContainsSubstring("S5 expiry exposure: 0.3 after the leg"));
}

TEST_CASE("the second order of a roll takes the place of what the first has filled", "[options][risk]") {
  Scene scene = Scene().roll(LegRole::roll_close);
  scene.action.size = fixed("0.3");
  scene.btc().positions[0].size = fixed("-0.3");
  scene.settings.max_net_delta_abs.by_name["BTC"] = 0.045;
  scene.settings.hard_max_open_notional_usd = 27'000;
  REQUIRE(scene.check() == RiskCheck{true, {}});
  project(scene.projected, scene.state, scene.action, scene.order);
  REQUIRE(scene.projected.legs.empty());

  scene.order.role = LegRole::roll_open;
  scene.order.ticker->symbol = far_call;
  scene.order.amount = fixed("0.2");
  REQUIRE_THAT(scene.hard(), ContainsSubstring("H8"));  // nothing is closed yet
  project_close(scene.projected, scene.state, scene.action, fixed("0.2"));
  REQUIRE(scene.check() == RiskCheck{true, {}});
  project(scene.projected, scene.state, scene.action, scene.order);
  REQUIRE(scene.projected.legs_this_tick == 2);
  REQUIRE(scene.projected.legs[1].amount == fixed("0.2"));
  scene.order.amount = fixed("0.3");
  scene.projected.legs.pop_back();
  REQUIRE_THAT(scene.hard(), ContainsSubstring("H8"));  // more than was closed
}

TEST_CASE("a loopback host is testnet only for the policy that names it", "[options][risk]") {
  Scene scene = Scene().training();
  scene.settings.deribit_base_url = "https://localhost:8443";
  REQUIRE_THAT(scene.hard(), ContainsSubstring("H3"));
  scene.projected.hosts = HostPolicy::loopback_for_tests(8443, "ca.pem");
  REQUIRE(scene.check().allowed);
}
