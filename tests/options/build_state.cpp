// SPDX-License-Identifier: MIT
#include <rlx/options/build_state.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rlx_catch.hpp"

using namespace rlx::options;
using rlx::ManualClock;
using rlx::market::Fixed8;
using rlx_test::Approx;
using rlx_test::ContainsSubstring;

namespace {

constexpr std::int64_t day = 86'400'000;
constexpr std::int64_t expiry = 1'768'550'400'000;  // 2026-01-16T08:00:00Z
constexpr std::int64_t now = expiry - 14 * day;

/// Answers reads from what the test put there, and counts them. The request named in `failing` is not answered.
struct ReadVenue {
  struct Market {
    std::vector<Instrument> instruments;
    ChainSnapshot chain;
    std::vector<Position> positions;
    std::vector<Order> orders;
  };
  std::map<std::string, Market, std::less<>> markets;
  std::map<std::string, int> asked;
  std::string failing;
  std::int64_t time_ms = now;

  ReadVenue() {
    add("BTC-16JAN26-95000-C", 0.40, "0.02", "0.021");
    add("BTC-16JAN26-98000-C", 0.22, "0.01", "0.0105");
    add("BTC-16JAN26-99000-C", 0.15, "0.006", "0.0065");
    add("BTC-9JAN26-99000-C", 0.22, "0.004", "0.0042");
    add("BTC-16JAN26-120000-C", 0.12, "0.0001", "0.0003");  // 18 USD
    add("ETH-16JAN26-3300-C", 0.20, "0.0005", "0.0006");    // 1.65 USD
    markets["BTC"].chain.index = 90'000;
    markets["ETH"].chain.index = 3'000;
  }
  void add(const char* symbol, double delta, const char* bid, const char* ask) {
    Market& market = markets[parse_instrument_name(symbol).underlying];
    ChainQuote quote;
    quote.instrument = static_cast<std::uint32_t>(market.instruments.size());
    quote.bid = Fixed8::parse(bid);
    quote.ask = Fixed8::parse(ask);
    quote.mark_iv = 0.45;
    quote.delta = delta;
    quote.quote_ms = now;
    market.instruments.push_back(paper_instrument(symbol));
    market.chain.quotes.push_back(quote);
  }

  template <class T>
  Outcome<T> answer(const std::string& what, std::string_view ccy, T value) {
    ++asked[what + (ccy.empty() ? "" : " ") + std::string(ccy)];
    if (what == failing) return Outcome<T>::rejected(10'028, "too_many_requests", true);
    return Outcome<T>::confirmed(std::move(value));
  }
  template <class T>
  Outcome<T> never() {
    ++asked["a request that sends"];
    return Outcome<T>::unknown("not scripted");
  }

  VenueEnvironment environment() { return VenueEnvironment::paper; }
  Outcome<Attestation> attest() { return never<Attestation>(); }
  Outcome<std::int64_t> server_time_ms() { return answer("time", "", time_ms); }
  Outcome<std::span<const Instrument>> instruments(std::string_view ccy) {
    return answer("instruments", ccy, std::span<const Instrument>(markets[std::string(ccy)].instruments));
  }
  Outcome<std::int64_t> chain(std::string_view ccy, ChainSnapshot& snapshot) {
    snapshot = markets[std::string(ccy)].chain;
    return answer("chain", ccy, snapshot.ts_ms);
  }
  Outcome<double> index_price(std::string_view) { return never<double>(); }
  Outcome<Ticker> ticker(std::string_view) { return never<Ticker>(); }
  Outcome<Account> account(std::string_view ccy) {
    Account account;
    account.currency = ccy;
    account.equity = Fixed8::from_integer(7);
    return answer("account", ccy, account);
  }
  Outcome<std::vector<Position>> positions(std::string_view ccy) {
    return answer("positions", ccy, markets[std::string(ccy)].positions);
  }
  Outcome<std::vector<Order>> open_orders(std::string_view ccy) {
    return answer("orders", ccy, markets[std::string(ccy)].orders);
  }
  Outcome<std::vector<Order>> orders_by_label(std::string_view, std::string_view) { return never<std::vector<Order>>(); }
  Outcome<std::vector<Settlement>> settlements(std::string_view, std::int64_t) { return never<std::vector<Settlement>>(); }
  Outcome<Order> submit(const OrderRequest&) { return never<Order>(); }
  Outcome<Order> cancel(std::string_view) { return never<Order>(); }
  Outcome<int> cancel_by_label(std::string_view, std::string_view) { return never<int>(); }
  Outcome<int> cancel_all() { return never<int>(); }
  Outcome<Margins> margins(std::string_view, Fixed8, Fixed8) { return never<Margins>(); }
};
static_assert(Venue<ReadVenue>);

Settings production() {
  Settings settings;
  settings.mode = AgentMode::production;
  return settings;
}
Settings training() {
  Settings settings = production();
  settings.training_mode = true;
  return settings;
}

std::vector<std::string> symbols(const AgentState& state, std::size_t i = 0) {
  std::vector<std::string> result;
  for (const auto& one : state.underlyings.at(i).candidates) result.push_back(one.symbol);
  return result;
}

}  // namespace

TEST_CASE("a state asks for every part of every underlying once, and sends nothing", "[options][state]") {
  ReadVenue venue;
  venue.time_ms = now + 5;
  Position position;
  position.symbol = "BTC-16JAN26-98000-C";
  venue.markets["BTC"].positions = {position};
  venue.markets["ETH"].orders.resize(2);
  ManualClock clock(now - 3);
  const std::vector<UnknownLeg> unknown{{"BTC-16JAN26-99000-C", "BTC", Fixed8::from_integer(1)},
                                        {"ETH-16JAN26-3300-C", "ETH", Fixed8::from_integer(2)}};
  StateInputs inputs;
  inputs.unknown_legs = unknown;
  const AgentState state = build_state(venue, production(), {}, clock, inputs);
  REQUIRE(venue.asked == std::map<std::string, int>{{"time", 1},
                                                    {"instruments BTC", 1},
                                                    {"instruments ETH", 1},
                                                    {"chain BTC", 1},
                                                    {"chain ETH", 1},
                                                    {"account BTC", 1},
                                                    {"account ETH", 1},
                                                    {"positions BTC", 1},
                                                    {"positions ETH", 1},
                                                    {"orders BTC", 1},
                                                    {"orders ETH", 1}});
  REQUIRE(state.now_ms == now - 3);
  REQUIRE(state.server_time_ms == now + 5);
  REQUIRE(state.underlyings.size() == 2);
  const UnderlyingState& btc = *state.find("BTC");
  REQUIRE(btc.index == 90'000.0);
  REQUIRE(btc.account.equity == Fixed8::from_integer(7));
  REQUIRE(btc.positions.size() == 1);
  REQUIRE(btc.open_orders.empty());
  REQUIRE(btc.unknown_legs == std::vector<UnknownLeg>{unknown[0]});
  REQUIRE(btc.instruments.size() == 5);
  REQUIRE(btc.atm_iv == 0.45);
  REQUIRE_FALSE(btc.rv.has_value());
  REQUIRE(btc.rejected_rows == 0);
  REQUIRE(state.find("ETH")->open_orders.size() == 2);
  REQUIRE(state.find("ETH")->unknown_legs == std::vector<UnknownLeg>{unknown[1]});
  REQUIRE(state.find("XRP") == nullptr);
}

TEST_CASE("production and research have their range, training the bands of its profiles", "[options][state]") {
  ReadVenue venue;
  ManualClock clock(now);
  const TrainingProfiles profiles = get_training_profiles();
  StateInputs inputs;
  inputs.profiles = profiles;
  // delta 0.20 to 0.30, 5 to 10 days, 50 USD for BTC and 2 for ETH
  REQUIRE(symbols(build_state(venue, production(), {}, clock, inputs)) == std::vector<std::string>{"BTC-9JAN26-99000-C"});
  Settings research = production();
  research.mode = AgentMode::research;
  const std::vector<std::string> in_research = {"BTC-16JAN26-95000-C", "BTC-16JAN26-98000-C", "BTC-16JAN26-99000-C",
                                                "BTC-9JAN26-99000-C"};
  REQUIRE(symbols(build_state(venue, research, {}, clock, inputs)) == in_research);
  REQUIRE(symbols(build_state(venue, research, {}, clock, inputs), 1).empty());  // 1.65 USD

  // Training: 0.05 % of the index is 45 USD for BTC and 1.5 USD for ETH, in every mode.
  for (const AgentMode mode : {AgentMode::production, AgentMode::research}) {
    Settings settings = training();
    settings.mode = mode;
    const AgentState state = build_state(venue, settings, {}, clock, inputs);
    REQUIRE(symbols(state) == in_research);
    REQUIRE(symbols(state, 1) == std::vector<std::string>{"ETH-16JAN26-3300-C"});
  }
  Settings few = training();
  few.max_candidates_per_underlying = 2;
  few.training_sort = SortKey::target_delta;
  REQUIRE(symbols(build_state(venue, few, {}, clock, inputs)) ==
          std::vector<std::string>{"BTC-16JAN26-95000-C", "BTC-9JAN26-99000-C"});
  few.max_candidates_per_underlying = 0;
  REQUIRE(symbols(build_state(venue, few, {}, clock, inputs)).empty());
}

TEST_CASE("a disabled profile has no band, an asset may have its own", "[options][state]") {
  ReadVenue venue;
  ManualClock clock(now);
  TrainingProfiles profiles = get_training_profiles();
  profiles[0].base.enabled = false;
  profiles[2].per_asset["ETH"] = profiles[2].base;
  profiles[2].per_asset["ETH"].enabled = false;
  profiles[1].per_asset["ETH"] = profiles[1].base;
  profiles[1].per_asset["ETH"].min_delta = 0.20;
  StateInputs inputs;
  inputs.profiles = profiles;
  const AgentState state = build_state(venue, training(), {}, clock, inputs);
  REQUIRE(symbols(state) == std::vector<std::string>{"BTC-16JAN26-95000-C"});
  REQUIRE(symbols(state, 1) == std::vector<std::string>{"ETH-16JAN26-3300-C"});
  inputs.profiles = {};
  REQUIRE(symbols(build_state(venue, training(), {}, clock, inputs)).empty());
}

TEST_CASE("training settings change nothing while training is off or not on testnet", "[options][state]") {
  ReadVenue venue;
  ManualClock clock(now);
  const TrainingProfiles profiles = get_training_profiles();
  StateInputs inputs;
  inputs.profiles = profiles;
  Settings settings = production();
  settings.training_premium_min_pct = 0;
  settings.training_sort = SortKey::target_delta;
  REQUIRE(symbols(build_state(venue, settings, {}, clock, inputs)) == std::vector<std::string>{"BTC-9JAN26-99000-C"});
  settings.training_mode = true;
  settings.deribit_base_url = "https://localhost:8443";
  REQUIRE(symbols(build_state(venue, settings, {}, clock, inputs)).size() == 1);
  inputs.hosts = HostPolicy::loopback_for_tests(8443, "ca.pem");
  REQUIRE(symbols(build_state(venue, settings, {}, clock, inputs)).size() == 5);
}

TEST_CASE("realised volatility comes from the history of the underlying, up to and with now", "[options][state]") {
  ReadVenue venue;
  ManualClock clock(now);
  IndexHistories histories;
  for (int i = 0; i < 40; ++i) histories["BTC"].append(now + (i - 40) * day / 4, i % 2 == 0 ? 90'000 : 91'000);
  histories["ETH"].append(now, 3'000);
  AgentState state = build_state(venue, production(), histories, clock);
  REQUIRE(histories["BTC"].size() == 40);
  IndexHistory with_now = histories["BTC"];
  with_now.append(now, 90'000);  // the chain's index is the newest sample
  REQUIRE(state.find("BTC")->rv == with_now.realized_vol(now));
  REQUIRE(state.find("BTC")->rv != histories["BTC"].realized_vol(now));
  histories["BTC"] = with_now;
  REQUIRE(state.find("BTC")->candidates.at(0).ivrv_known);
  REQUIRE_FALSE(state.find("ETH")->rv.has_value());
  // The samples of the ticks continue the history; a second one of the same instant is left out.
  state.server_time_ms = now + 1;
  append_index(histories, state);
  append_index(histories, state);
  REQUIRE(histories["BTC"].size() == 42);
  REQUIRE(histories["BTC"].last_ms() == now + 1);
  REQUIRE(histories["ETH"].size() == 2);
}

TEST_CASE("a request that fails leaves no state, and says which", "[options][state]") {
  for (const char* const what : {"time", "instruments", "chain", "account", "positions", "orders"}) {
    ReadVenue venue;
    venue.failing = what;
    ManualClock clock(now);
    INFO(what);
    try {
      build_state(venue, production(), {}, clock);
      FAIL("expected an error");
    } catch (const rlx::VenueError& error) {
      REQUIRE_THAT(error.what(), ContainsSubstring("code 10028: too_many_requests"));
      REQUIRE_THAT(error.what(), ContainsSubstring(what));
    }
    venue.failing.clear();
    REQUIRE_NOTHROW(build_state(venue, production(), {}, clock));  // the next tick is normal
  }
}

TEST_CASE("a chain without an index, or with too many bad rows, leaves no state", "[options][state]") {
  ReadVenue venue;
  ManualClock clock(now);
  auto& chain = venue.markets["BTC"].chain;
  chain.quotes[0].mark_iv = -1;  // one of five
  REQUIRE(build_state(venue, production(), {}, clock).find("BTC")->rejected_rows == 1);
  chain.rejected_rows = 1;  // two of six
  REQUIRE_THROWS_AS(build_state(venue, production(), {}, clock), rlx::DataError);
  chain.rejected_rows = 0;
  for (const double index : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    chain.index = index;
    REQUIRE_THROWS_AS(build_state(venue, production(), {}, clock), rlx::DataError);
  }
  chain.index = 90'000;
  chain.quotes.clear();  // an empty chain is a state without candidates
  REQUIRE(symbols(build_state(venue, production(), {}, clock)).empty());
}

TEST_CASE("a state is built in the memory of the last one", "[options][state]") {
  ReadVenue venue;
  ManualClock clock(now);
  Settings settings = production();
  AgentState state;
  StateScratch scratch;
  const std::vector<UnknownLeg> unknown{{"BTC-16JAN26-99000-C", "BTC", Fixed8::from_integer(1)}};
  StateInputs inputs;
  inputs.unknown_legs = unknown;
  build_state(venue, settings, {}, clock, inputs, state, scratch);
  settings.underlyings = {"ETH"};
  inputs.unknown_legs = {};
  build_state(venue, settings, {}, clock, inputs, state, scratch);
  REQUIRE(state.underlyings.size() == 1);
  REQUIRE(state.underlyings[0].underlying == "ETH");
  REQUIRE(state.underlyings[0].unknown_legs.empty());
  REQUIRE(symbols(state).empty());
}
