// SPDX-License-Identifier: MIT
#include <rlx/options/execution.hpp>

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "options/fake_venue.hpp"
#include "rlx_catch.hpp"

using namespace rlx::options;
using rlx::market::Fixed8;
using rlx_test::ContainsSubstring;
using rlx_test::FakeVenue;
using rlx_test::Fate;
using rlx_test::Verdict;

namespace {

struct RecordingLog {
  std::vector<LegRecord> legs;
  std::vector<ReconcileRecord> reconciled;
  template <class R>
  void write(const R& record) {
    if constexpr (std::is_same_v<R, LegRecord>) legs.push_back(record);
    if constexpr (std::is_same_v<R, ReconcileRecord>) reconciled.push_back(record);
  }
};

struct TestGate {
  FakeVenue* venue;
  std::string stop, denied_symbol;
  std::vector<std::string> kills, told;
  Fixed8 closed_amount;
  int checks = 0;

  const Instrument* instrument(std::string_view, std::string_view symbol) { return venue->find(symbol); }
  RiskCheck check(const PlannedLeg&, const OrderRequest& order, const Ticker&) {
    ++checks;
    if (order.symbol == denied_symbol) return {false, {"H5 size: test"}};
    return {true, {}};
  }
  void sent(const PlannedLeg& leg, const OrderRequest&, const Ticker&) { told.push_back(leg.label); }
  void closed(const PlannedLeg&, Fixed8 filled) { closed_amount = filled; }
  std::string stop_reason() const { return stop; }
  void kill(std::string_view reason, std::string_view) {
    kills.emplace_back(reason);
    stop = "killed";
  }
};

const std::string calls[] = {"BTC-9JAN26-95400-C", "BTC-9JAN26-97200-C", "BTC-9JAN26-99000-C", "BTC-9JAN26-100800-C",
                             "BTC-16JAN26-97200-C"};

struct Bench {
  rlx::ManualClock clock{FakeVenue::start_ms};
  FakeVenue venue{clock};
  RecordingLog log;
  LegBook book;
  Journal<RecordingLog> journal{log, book};
  Settings settings;
  ExecutionMemory memory;
  TestGate gate{&venue, {}, {}, {}, {}, {}, 0};
  std::deque<Verdict> submits;  // fates of the submits to come; then `deliver`
  std::uint64_t tick = 0;

  Bench() {
    settings.dry_run = false;
    settings.order_style = OrderStyle::take_bid;
    venue.fate = [this](std::string_view method) {
      if (method != "submit" || submits.empty()) return Verdict{};
      const Verdict verdict = submits.front();
      submits.pop_front();
      return verdict;
    };
  }

  Executor<FakeVenue, RecordingLog, rlx::ManualClock, TestGate> executor() {
    return {venue, journal, settings, clock, gate, memory};
  }
  static Action open(const std::string& symbol) {
    Action action;
    action.type = ActionType::open_covered_call;
    action.underlying = "BTC";
    action.symbol = symbol;
    action.size = Fixed8::parse("0.1");
    return action;
  }
  std::vector<PlannedLeg> plan(std::span<const Action> actions) {
    PlanRecord record;
    record.tick_seq = ++tick;
    record.valid_for_ms = settings.valid_for_ms;
    record.legs = plan_legs(actions, "acct-7", "run-1", tick);
    journal.write(record);
    return record.legs;
  }
  ExecutionRecord run(std::span<const Action> actions) {
    const std::vector<PlannedLeg> legs = plan(actions);
    return executor().execute(legs);
  }
  ExecutionRecord run_legs(std::size_t count) {
    std::vector<Action> actions;
    for (std::size_t i = 0; i < count; ++i) actions.push_back(open(calls[i]));
    return run(actions);
  }
  std::size_t count(std::string_view method) const {
    return static_cast<std::size_t>(std::count(venue.methods.begin(), venue.methods.end(), method));
  }
  std::string states(const std::string& label) const {
    std::string text = "planned";
    for (const LegRecord& record : log.legs) {
      if (record.label == label) text += " " + std::string(name_of(record.to));
    }
    return text;
  }
};

Ticker quote(std::string_view bid, std::string_view ask) {
  Ticker ticker;
  ticker.bid = Fixed8::parse(bid);
  ticker.ask = Fixed8::parse(ask);
  return ticker;
}
LegResult leg_in(LegState state, std::string_view filled = "0") {
  LegResult leg;
  leg.leg.amount = Fixed8::parse("0.2");
  leg.state = state;
  leg.filled_amount = Fixed8::parse(filled);
  return leg;
}

}  // namespace

TEST_CASE("Actions become orders with labels, the meta action cannot") {
  Action roll = Bench::open(calls[0]);
  roll.type = ActionType::roll_covered_call;
  roll.roll_to = calls[4];
  Action close = Bench::open(calls[1]);
  close.type = ActionType::close_covered_call;
  Action ladder = Bench::open(calls[2]);
  ladder.strategy = "moderate";
  const std::vector<Action> actions = {ladder, close, Action{}, roll};
  const auto legs = plan_legs(actions, "acct-7", "run-1", 9);
  REQUIRE(legs.size() == 4);
  CHECK(legs[0].label == make_label("acct-7", "run-1", 9, LegRole::open, "BTC", "moderate", calls[2]));
  CHECK(legs[1].label == make_label("acct-7", "run-1", 9, LegRole::close, "BTC", "-", calls[1]));
  CHECK(legs[2].label == make_label("acct-7", "run-1", 9, LegRole::roll_close, "BTC", "-", calls[0]));
  CHECK(legs[3].label == make_label("acct-7", "run-1", 9, LegRole::roll_open, "BTC", "-", calls[4]));
  CHECK(legs[3].amount == roll.size);
  Action meta;
  meta.type = ActionType::training_ladder;
  CHECK_THROWS_AS(plan_legs(std::span(&meta, 1), "a", "r", 1), rlx::InvalidActionError);
  const std::vector<Action> twice = {ladder, ladder};
  CHECK_THROWS_AS(plan_legs(twice, "a", "r", 1), rlx::InvalidActionError);
}

TEST_CASE("Order styles price by their rule and on a tick") {
  const Instrument instrument = paper_instrument(calls[0]);  // tick 0.0001 below 0.005, else 0.0005
  PlannedLeg leg;
  leg.role = LegRole::open;
  leg.action = Bench::open(calls[0]);
  leg.label = "rlx1-x";
  const auto price = [&](std::string_view bid, std::string_view ask, OrderStyle style) {
    return make_order(leg, leg.action.size, quote(bid, ask), instrument, style, 77).price;
  };
  CHECK(price("0.0040", "0.0044", OrderStyle::post_only) == Fixed8::parse("0.0042"));  // the middle
  CHECK(price("0.0040", "0.0043", OrderStyle::post_only) == Fixed8::parse("0.0042"));  // 0.00415 upwards
  CHECK(price("0.0050", "0.0065", OrderStyle::post_only) == Fixed8::parse("0.0060"));  // 0.00575 upwards
  CHECK(price("0.0048", "0.0055", OrderStyle::post_only) == Fixed8::parse("0.0055"));  // 0.00515 upwards, beyond the step
  CHECK(price("0.0060", "0.0060", OrderStyle::post_only) == Fixed8::parse("0.0065"));  // at least a tick above the bid
  CHECK(price("0", "0.0044", OrderStyle::post_only) == Fixed8());                      // nothing is made up
  CHECK(price("0.0040", "0", OrderStyle::post_only) == Fixed8());
  CHECK(price("0.0040", "0.0044", OrderStyle::take_bid) == Fixed8::parse("0.0040"));

  const OrderRequest resting =
      make_order(leg, leg.action.size, quote("0.0040", "0.0044"), instrument, OrderStyle::post_only, 77);
  CHECK(resting.side == Side::sell);
  CHECK(resting.post_only);
  CHECK_FALSE(resting.reduce_only);
  CHECK(resting.time_in_force == TimeInForce::good_til_cancelled);
  CHECK(resting.valid_until_ms == 77);
  const OrderRequest taking = make_order(leg, leg.action.size, quote("0.0040", "0.0044"), instrument, OrderStyle::take_bid, 77);
  CHECK(taking.time_in_force == TimeInForce::immediate_or_cancel);
  CHECK_FALSE(taking.post_only);
  for (const LegRole role : {LegRole::close, LegRole::roll_close}) {
    leg.role = role;
    const OrderRequest buy = make_order(leg, leg.action.size, quote("0.0040", "0.0044"), instrument, OrderStyle::post_only, 77);
    CHECK(buy.side == Side::buy);
    CHECK(buy.price == Fixed8::parse("0.0044"));
    CHECK(buy.reduce_only);
    CHECK_FALSE(buy.post_only);
    CHECK(buy.time_in_force == TimeInForce::immediate_or_cancel);
  }
}

TEST_CASE("The status of a batch is that of the table") {
  using S = LegState;
  const auto status = [](std::vector<LegResult> legs, bool dry_run = false) { return ladder_status(legs, dry_run); };
  for (const S state : {S::planned, S::filled, S::rejected}) CHECK(status({leg_in(state)}, true) == LadderStatus::simulated);
  CHECK(status({leg_in(S::rejected), leg_in(S::cancelled)}) == LadderStatus::failed);
  CHECK(status({leg_in(S::rejected), leg_in(S::unknown)}) == LadderStatus::partial);
  CHECK(status({leg_in(S::rejected), leg_in(S::resting)}) == LadderStatus::partial);
  CHECK(status({leg_in(S::cancelled, "0.1")}) == LadderStatus::partial);
  CHECK(status({leg_in(S::filled, "0.2"), leg_in(S::rejected)}) == LadderStatus::partial);
  CHECK(status({leg_in(S::filled, "0.2"), leg_in(S::unknown)}) == LadderStatus::partial);
  CHECK(status({leg_in(S::filled, "0.2"), leg_in(S::partial, "0.1"), leg_in(S::resting)}) == LadderStatus::completed);
  CHECK(status({leg_in(S::resting)}) == LadderStatus::completed);
  CHECK(status({}) == LadderStatus::completed);

  const auto fills = [](std::vector<LegResult> legs) { return fill_status(legs); };
  CHECK(fills({}) == FillStatus::none);
  CHECK(fills({leg_in(S::resting)}) == FillStatus::none);
  CHECK(fills({leg_in(S::filled, "0.2"), leg_in(S::resting)}) == FillStatus::partial);
  CHECK(fills({leg_in(S::partial, "0.1")}) == FillStatus::partial);
  CHECK(fills({leg_in(S::filled, "0.2"), leg_in(S::filled, "0.2")}) == FillStatus::full);
}

TEST_CASE("A batch that goes well sends each leg once, in order, with its own result") {
  Bench bench;
  const ExecutionRecord record = bench.run_legs(5);
  CHECK(record.status == LadderStatus::completed);
  CHECK(record.fill_status == FillStatus::full);
  REQUIRE(record.legs.size() == 5);
  REQUIRE(bench.venue.orders.size() == 5);
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(bench.venue.orders[i].symbol == calls[i]);
    CHECK(record.legs[i].state == LegState::filled);
    CHECK(record.legs[i].order_id == bench.venue.orders[i].order_id);
    CHECK(record.legs[i].average_price == bench.venue.orders[i].average_price);
    CHECK(record.legs[i].fee == bench.venue.orders[i].fee);
    CHECK(record.legs[i].index == 90'000.0);
    CHECK(bench.states(record.legs[i].leg.label) == "planned sent filled");
  }
  CHECK(bench.count("submit") == 5);
  CHECK(bench.count("orders_by_label") == 0);
}

TEST_CASE("A partial fill of an immediate order leaves the leg cancelled with what was filled") {
  Bench bench;
  bench.venue.depth = Fixed8::parse("0.04");
  const ExecutionRecord record = bench.run_legs(1);
  CHECK(record.legs[0].state == LegState::cancelled);
  CHECK(record.legs[0].filled_amount == Fixed8::parse("0.04"));
  CHECK(record.status == LadderStatus::partial);
  CHECK(record.fill_status == FillStatus::partial);
  CHECK(bench.book.positions().at(calls[0]) == Fixed8::parse("-0.04"));
}

TEST_CASE("A denied leg is not sent, and does not stop the others") {
  Bench bench;
  bench.gate.denied_symbol = calls[1];
  const ExecutionRecord record = bench.run_legs(3);
  CHECK(bench.venue.orders.size() == 2);
  CHECK(record.legs[1].state == LegState::rejected);
  CHECK(record.legs[1].rejected_by == RejectedBy::risk);
  CHECK(record.legs[1].message == "H5 size: test");
  CHECK_FALSE(record.legs[1].order.has_value());
  CHECK(bench.states(record.legs[1].leg.label) == "planned rejected");
  CHECK(record.status == LadderStatus::partial);
  CHECK(bench.gate.told.size() == 2);
}

TEST_CASE("A dry run prices and checks and sends nothing") {
  Bench bench;
  bench.settings.dry_run = true;
  bench.gate.denied_symbol = calls[1];
  std::vector<Action> actions = {Bench::open(calls[0]), Bench::open(calls[1])};
  const auto legs = plan_legs(actions, "a", "r", 1);
  const ExecutionRecord record = bench.executor().execute(legs);
  CHECK(record.status == LadderStatus::simulated);
  CHECK(record.dry_run);
  CHECK(record.legs[0].simulated);
  REQUIRE(record.legs[0].order.has_value());
  CHECK(record.legs[0].order->price.sign() > 0);
  CHECK(record.legs[1].rejected_by == RejectedBy::risk);
  CHECK(bench.count("submit") == 0);
  CHECK(bench.log.legs.empty());
  CHECK(bench.book.positions().empty());
}

TEST_CASE("After a lost reply the order is found by its label and adopted") {
  for (const Fate fate : {Fate::lose_reply, Fate::process_and_code, Fate::garble}) {
    Bench bench;
    bench.submits = {{fate, fate == Fate::process_and_code ? 11094 : 0, 0}};
    const ExecutionRecord record = bench.run_legs(1);
    CHECK(record.legs[0].state == LegState::filled);
    CHECK(bench.venue.orders.size() == 1);
    CHECK(bench.count("submit") == 1);
    CHECK(bench.count("orders_by_label") == 1);
    CHECK(bench.gate.kills.empty());
  }
}

TEST_CASE("A lost request is resent once, after the venue cannot accept the first one any more") {
  Bench bench;
  const std::int64_t sent_ms = bench.clock.now_ms();
  bench.submits = {{Fate::lose_request, 0, 0}};
  const ExecutionRecord record = bench.run_legs(1);
  CHECK(record.legs[0].state == LegState::filled);
  CHECK(bench.venue.orders.size() == 1);
  CHECK(bench.count("submit") == 2);
  CHECK(bench.venue.orders[0].label == record.legs[0].leg.label);
  CHECK(bench.venue.orders[0].created_ms > sent_ms + bench.settings.valid_for_ms + 500);
  CHECK(record.legs[0].order->valid_until_ms > sent_ms + 2 * bench.settings.valid_for_ms);
  CHECK(bench.states(record.legs[0].leg.label) == "planned sent unknown filled");
}

TEST_CASE("A request that is lost twice was not sent: timed out, no third") {
  Bench bench;
  bench.submits = {{Fate::lose_request, 0, 0}, {Fate::lose_request, 0, 0}};
  const ExecutionRecord record = bench.run_legs(1);
  CHECK(record.legs[0].state == LegState::rejected);
  CHECK(record.legs[0].rejected_by == RejectedBy::timed_out);
  CHECK(bench.count("submit") == 2);
  CHECK(bench.venue.orders.empty());
  CHECK(record.status == LadderStatus::failed);
}

TEST_CASE("A request that arrives late, but in time, is adopted and not sent again") {
  Bench bench;
  bench.submits = {{Fate::delay, 0, 8'000}};
  const ExecutionRecord record = bench.run_legs(1);
  CHECK(record.legs[0].state == LegState::filled);
  CHECK(bench.count("submit") == 1);
  CHECK(bench.venue.orders.size() == 1);
}

TEST_CASE("The wait ends by the server's time, whatever the agent's clock says") {
  for (const std::int64_t skew_ms : {-3'000, 3'000}) {
    Bench bench;
    bench.venue.skew_ms = skew_ms;
    bench.memory.clock_offset_ms = skew_ms;
    bench.submits = {{Fate::delay, 0, 9'900}};
    const ExecutionRecord record = bench.run_legs(1);
    CHECK(record.legs[0].state == LegState::filled);
    CHECK(bench.count("submit") == 1);
  }
}

TEST_CASE("Every code does what the table says") {
  struct Row {
    int code;
    std::size_t submits;
    LegState state;
    RejectedBy by;
  };
  const Row rows[] = {
      {10028, 2, LegState::filled, RejectedBy::none},
      {10040, 2, LegState::filled, RejectedBy::none},
      {10047, 2, LegState::filled, RejectedBy::none},
      {10066, 2, LegState::filled, RejectedBy::none},
      {11051, 2, LegState::filled, RejectedBy::none},
      {13028, 2, LegState::filled, RejectedBy::none},
      {13009, 2, LegState::filled, RejectedBy::none},
      {10041, 1, LegState::rejected, RejectedBy::venue},
      {11054, 1, LegState::rejected, RejectedBy::venue},
      {13004, 1, LegState::rejected, RejectedBy::venue},
      {13021, 1, LegState::rejected, RejectedBy::venue},
      {13403, 1, LegState::rejected, RejectedBy::venue},
      {-32602, 1, LegState::rejected, RejectedBy::venue},
      {99999, 1, LegState::rejected, RejectedBy::venue},
      {13888, 1, LegState::rejected, RejectedBy::timed_out},
      {11094, 2, LegState::filled, RejectedBy::none},  // nothing is proven: looked up, waited, resent
  };
  for (const Row& row : rows) {
    INFO(row.code);
    Bench bench;
    bench.submits = {{Fate::answer_code, row.code, 0}};
    auto legs = bench.plan(std::vector<Action>{Bench::open(calls[0])});
    auto executor = bench.executor();
    const ExecutionRecord record = executor.execute(legs);
    CHECK(bench.count("submit") == row.submits);
    CHECK(record.legs[0].state == row.state);
    CHECK(record.legs[0].rejected_by == row.by);
    if (row.state == LegState::rejected) {
      CHECK(record.legs[0].code == row.code);
      CHECK_THAT(record.legs[0].message,
                 ContainsSubstring(row.by == RejectedBy::timed_out ? "cannot accept" : std::to_string(row.code)));
    }
    CHECK(executor.must_stop() == (row.code == 13004 || row.code == 13021 || row.code == 13403));
    if (row.submits == 2) CHECK(bench.count("orders_by_label") >= 1);  // never a resend without a look-up
  }
}

TEST_CASE("Where the look-up fails there is no resend, however harmless the rejection") {
  Bench bench;
  bench.submits = {{Fate::answer_code, 10040, 0}};
  const auto submits = bench.venue.fate;
  bench.venue.fate = [&](std::string_view method) {
    return method == "orders_by_label" ? Verdict{Fate::lose_request, 0, 0} : submits(method);
  };
  const ExecutionRecord record = bench.run_legs(1);
  CHECK(bench.count("submit") == 1);
  CHECK(record.legs[0].state == LegState::unknown);
}

TEST_CASE("A label that the venue knows already leads to its order") {
  Bench bench;
  bench.submits = {{Fate::lose_reply, 0, 0}};
  int look_ups = 0;
  const auto submits = bench.venue.fate;
  bench.venue.fate = [&](std::string_view method) {
    // The look-up after the lost reply fails too; the resend is then answered with 13032.
    if (method == "orders_by_label" && ++look_ups <= 4) return Verdict{Fate::lose_request, 0, 0};
    return submits(method);
  };
  const ExecutionRecord record = bench.run_legs(1);
  CHECK(bench.venue.orders.size() == 1);
  // Look-ups that fail leave the leg unknown: it is not sent again on a guess.
  CHECK(record.legs[0].state == LegState::unknown);
  CHECK(record.status == LadderStatus::partial);
  CHECK(bench.executor().resolve_unfinished(false) == 0);
  CHECK(bench.book.find(record.legs[0].leg.label)->state == LegState::filled);
}

TEST_CASE("Of several orders with one label the oldest is adopted, the others are cancelled, the switch latches") {
  Bench bench;
  bench.venue.refuses_equal_labels = false;
  bench.settings.order_style = OrderStyle::post_only;
  bench.submits = {{Fate::duplicate, 0, 100}};
  const ExecutionRecord record = bench.run_legs(1);
  CHECK(record.legs[0].state == LegState::resting);
  bench.clock.advance_ms(200);
  bench.venue.pump();
  REQUIRE(bench.venue.orders.size() == 2);
  CHECK(bench.executor().look_up(record.legs[0].leg.label) == LookUp::adopted);
  CHECK(bench.gate.kills == std::vector<std::string>{"duplicate_label"});
  CHECK(bench.venue.orders[0].state == OrderState::open);
  CHECK(bench.venue.orders[1].state == OrderState::cancelled);
  CHECK(bench.book.find(record.legs[0].leg.label)->order_id == bench.venue.orders[0].order_id);
  REQUIRE(bench.log.reconciled.size() == 1);
  CHECK(bench.log.reconciled[0].order_id == bench.venue.orders[1].order_id);
}

TEST_CASE("A report that cannot be of the leg's order latches the switch") {
  for (const std::string_view what : {"filled", "state", "symbol", "id"}) {
    INFO(what);
    Bench bench;
    bench.settings.order_style = OrderStyle::post_only;
    const ExecutionRecord record = bench.run_legs(1);
    REQUIRE(record.legs[0].state == LegState::resting);
    Order& order = bench.venue.orders[0];
    if (what == "filled") order.filled_amount = Fixed8::from_integer(1);
    if (what == "state") order.state = OrderState::filled;  // with nothing filled
    if (what == "symbol") order.symbol = calls[3];
    if (what == "id") order.order_id = "another";
    CHECK(bench.executor().look_up(record.legs[0].leg.label) == LookUp::failed);
    CHECK(bench.gate.kills == std::vector<std::string>{"internal"});
    CHECK(bench.book.find(record.legs[0].leg.label)->state == LegState::resting);
  }
}

TEST_CASE("An older report than the last changes nothing and latches nothing") {
  Bench bench;
  bench.settings.order_style = OrderStyle::post_only;
  const ExecutionRecord record = bench.run_legs(1);
  bench.venue.fill_resting(0, Fixed8::parse("0.04"));
  const std::string label = record.legs[0].leg.label;
  CHECK(bench.executor().look_up(label) == LookUp::adopted);
  CHECK(bench.book.find(label)->state == LegState::partial);
  bench.venue.orders[0].filled_amount = Fixed8();
  CHECK(bench.executor().look_up(label) == LookUp::failed);
  CHECK(bench.gate.kills.empty());
  CHECK(bench.book.find(label)->filled_amount == Fixed8::parse("0.04"));
}

TEST_CASE("Three legs in a row that the venue rejects end the batch") {
  Bench bench;
  bench.submits = {{Fate::answer_code, 11054, 0}, {Fate::answer_code, -32602, 0}, {Fate::answer_code, 10009, 0}};
  const ExecutionRecord record = bench.run_legs(5);
  CHECK(bench.count("submit") == 3);
  CHECK(record.legs[2].rejected_by == RejectedBy::venue);
  CHECK(record.legs[3].rejected_by == RejectedBy::abort);
  CHECK(record.legs[4].rejected_by == RejectedBy::abort);
  CHECK_THAT(record.aborted_reason, ContainsSubstring("three legs"));
  CHECK(record.status == LadderStatus::failed);
}

TEST_CASE("Two rejected legs, one that fills, and two rejected ones do not end the batch") {
  Bench bench;
  bench.submits = {{Fate::answer_code, 11054, 0},
                   {Fate::answer_code, 11054, 0},
                   {},
                   {Fate::answer_code, 11054, 0},
                   {Fate::answer_code, 11054, 0}};
  const ExecutionRecord record = bench.run_legs(5);
  CHECK(bench.count("submit") == 5);
  CHECK(record.aborted_reason.empty());
  CHECK(record.status == LadderStatus::partial);
}

TEST_CASE("Two legs of unknown state end the batch and are resolved without a resend") {
  Bench bench;
  bench.submits = {{Fate::lose_request, 0, 0}, {Fate::delay, 0, 6'000}};
  const ExecutionRecord record = bench.run_legs(4);
  CHECK(bench.count("submit") == 2);
  CHECK(record.legs[0].rejected_by == RejectedBy::timed_out);
  CHECK(record.legs[1].state == LegState::filled);
  CHECK(record.legs[2].rejected_by == RejectedBy::abort);
  CHECK_THAT(record.aborted_reason, ContainsSubstring("two legs"));
}

TEST_CASE("A second 10028 ends the batch") {
  Bench bench;
  bench.submits = {{Fate::answer_code, 10028, 0}, {Fate::answer_code, 10028, 0}};
  const ExecutionRecord record = bench.run_legs(3);
  CHECK(bench.count("submit") == 2);
  CHECK(record.legs[0].rejected_by == RejectedBy::venue);
  CHECK(record.legs[1].rejected_by == RejectedBy::abort);
  CHECK_THAT(record.aborted_reason, ContainsSubstring("10028"));
}

TEST_CASE("A code that says the credentials are wrong ends the batch") {
  Bench bench;
  bench.submits = {{}, {Fate::answer_code, 13004, 0}};
  const ExecutionRecord record = bench.run_legs(3);
  CHECK(record.legs[0].state == LegState::filled);
  CHECK(record.legs[1].rejected_by == RejectedBy::venue);
  CHECK(record.legs[2].rejected_by == RejectedBy::abort);
  CHECK_THAT(record.aborted_reason, ContainsSubstring("13004"));
}

TEST_CASE("Settlement in progress pauses opens for a minute, not closes") {
  Bench bench;
  bench.submits = {{Fate::answer_code, 10041, 0}};
  ExecutionRecord record = bench.run_legs(2);
  CHECK(bench.count("submit") == 1);
  CHECK(record.legs[0].rejected_by == RejectedBy::venue);
  CHECK(record.legs[1].rejected_by == RejectedBy::abort);
  bench.venue.held[calls[0]] = Fixed8::parse("-0.1");
  Action close = Bench::open(calls[0]);
  close.type = ActionType::close_covered_call;
  record = bench.run(std::vector<Action>{close});
  CHECK(record.legs[0].state == LegState::filled);
  bench.clock.advance_ms(settlement_pause_ms);
  record = bench.run_legs(1);
  CHECK(record.legs[0].state == LegState::filled);
}

TEST_CASE("A roll opens what its closing order has filled, and nothing if that is nothing") {
  for (const std::string_view depth : {"1", "0.06", "0"}) {
    INFO(depth);
    Bench bench;
    bench.venue.held[calls[0]] = Fixed8::parse("-0.1");
    bench.venue.depth = Fixed8::parse(depth);
    Action roll = Bench::open(calls[0]);
    roll.type = ActionType::roll_covered_call;
    roll.roll_to = calls[4];
    const ExecutionRecord record = bench.run(std::vector<Action>{roll});
    const Fixed8 filled = min(Fixed8::parse(depth), Fixed8::parse("0.1"));
    CHECK(record.legs[0].filled_amount == filled);
    CHECK(bench.gate.closed_amount == filled);
    if (filled.sign() > 0) {
      REQUIRE(bench.venue.orders.size() == 2);
      CHECK(bench.venue.orders[1].amount == filled);
      CHECK(bench.venue.orders[1].symbol == calls[4]);
    } else {
      CHECK(bench.venue.orders.size() == 1);
      CHECK(record.legs[1].rejected_by == RejectedBy::abort);
    }
  }
}

TEST_CASE("A roll whose first order is denied is denied as a whole") {
  for (const bool dry_run : {false, true}) {
    Bench bench;
    bench.settings.dry_run = dry_run;
    bench.venue.held[calls[0]] = Fixed8::parse("-0.1");
    bench.gate.denied_symbol = calls[0];
    Action roll = Bench::open(calls[0]);
    roll.type = ActionType::roll_covered_call;
    roll.roll_to = calls[4];
    const ExecutionRecord record = bench.run(std::vector<Action>{roll});
    REQUIRE(record.legs.size() == 2);
    for (const LegResult& leg : record.legs) {
      CHECK(leg.rejected_by == RejectedBy::risk);
      CHECK(leg.risk_check == RiskCheck{false, {"H5 size: test"}});
      CHECK(leg.message == "H5 size: test");
    }
    CHECK(bench.gate.checks == 1);
    CHECK(bench.venue.orders.empty());
    if (!dry_run) CHECK(bench.book.find(record.legs[1].leg.label)->rejected_by == RejectedBy::risk);
  }
}

TEST_CASE("A roll whose closing order ends unknown opens nothing") {
  Bench bench;
  bench.venue.held[calls[0]] = Fixed8::parse("-0.1");
  bench.submits = {{Fate::delay, 0, 5'000}};
  Action roll = Bench::open(calls[0]);
  roll.type = ActionType::roll_covered_call;
  roll.roll_to = calls[4];
  const ExecutionRecord record = bench.run(std::vector<Action>{roll});
  CHECK(record.legs[0].state == LegState::filled);  // it arrived in the end
  CHECK(record.legs[1].rejected_by == RejectedBy::abort);
}

TEST_CASE("A resting order is cancelled at its deadline, and a fill in between is kept") {
  Bench bench;
  bench.settings.order_style = OrderStyle::post_only;
  const ExecutionRecord record = bench.run_legs(2);
  CHECK(record.status == LadderStatus::completed);
  CHECK(record.fill_status == FillStatus::none);
  auto executor = bench.executor();
  bench.clock.advance_ms(bench.settings.order_ttl_sec * 1'000 - 2'000);
  CHECK(executor.poll() == 0);
  CHECK(bench.venue.open_count() == 2);
  bench.venue.fill_resting(1, Fixed8::parse("0.04"));
  bench.clock.advance_ms(2'000);
  CHECK(executor.poll() == 0);
  CHECK(bench.venue.open_count() == 0);
  CHECK(bench.states(record.legs[0].leg.label) == "planned sent resting cancelled");
  CHECK(bench.states(record.legs[1].leg.label) == "planned sent resting partial cancelled");
  CHECK(bench.book.find(record.legs[1].leg.label)->filled_amount == Fixed8::parse("0.04"));
}

TEST_CASE("A cancel whose reply is lost, or that comes too late, is settled by what the venue says") {
  Bench bench;
  bench.settings.order_style = OrderStyle::post_only;
  const ExecutionRecord record = bench.run_legs(2);
  bench.clock.advance_ms(bench.settings.order_ttl_sec * 1'000);
  int cancels = 0;
  bench.venue.fate = [&](std::string_view method) {
    if (method != "cancel") return Verdict{};
    if (++cancels == 1) return Verdict{Fate::lose_reply, 0, 0};
    bench.venue.fill_resting(1, Fixed8::parse("0.1"));  // just before the cancel arrives
    return Verdict{};
  };
  CHECK(bench.executor().poll() == 0);
  CHECK(bench.book.find(record.legs[0].leg.label)->state == LegState::cancelled);
  CHECK(bench.book.find(record.legs[1].leg.label)->state == LegState::filled);
  CHECK(bench.gate.kills.empty());
}

TEST_CASE("The kill switch ends a batch before its next leg and every wait") {
  Bench bench;
  bench.gate.stop = "kill switch: test";
  ExecutionRecord record = bench.run_legs(2);
  CHECK(bench.count("submit") == 0);
  CHECK(record.legs[0].rejected_by == RejectedBy::abort);
  CHECK(record.aborted_reason == "kill switch: test");

  Bench waiting;
  waiting.submits = {{Fate::lose_request, 0, 0}};
  const auto submits = waiting.venue.fate;
  waiting.venue.fate = [&](std::string_view method) {
    if (method == "orders_by_label") waiting.gate.stop = "kill switch: test";
    return submits(method);
  };
  const std::int64_t before = waiting.clock.now_ms();
  record = waiting.run_legs(1);
  CHECK(record.legs[0].state == LegState::unknown);
  CHECK(waiting.clock.now_ms() < before + 3'000);
  CHECK(waiting.count("submit") == 1);
}

TEST_CASE("The wrong exchange in the reply to an order leaves the leg unknown and ends everything") {
  Bench bench;
  bench.submits = {{}, {Fate::wrong_flag, 0, 0}};
  const auto legs = bench.plan(std::vector<Action>{Bench::open(calls[0]), Bench::open(calls[1]), Bench::open(calls[2])});
  ExecutionRecord record;
  CHECK_THROWS_AS(bench.executor().execute(legs, record), AttestationError);
  CHECK(bench.count("submit") == 2);
  // Journal and record know what was sent and what was not.
  REQUIRE(record.legs.size() == 3);
  const LegState states[] = {LegState::filled, LegState::unknown, LegState::rejected};
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(bench.book.find(legs[i].label)->state == states[i]);
    CHECK(record.legs[i].state == states[i]);
    CHECK(record.legs[i].leg == legs[i]);
  }
  CHECK(record.legs[0].filled_amount == Fixed8::parse("0.1"));
  CHECK(record.legs[1].order.has_value());
  CHECK_THAT(record.legs[1].message, ContainsSubstring("the reply says mainnet"));
  CHECK(record.legs[2].rejected_by == RejectedBy::abort);
  CHECK_THAT(record.aborted_reason, ContainsSubstring("the reply says mainnet"));
  CHECK(record.status == LadderStatus::partial);
}

TEST_CASE("A quote that cannot be asked for ends the batch without a send, in a dry run without a record") {
  for (const bool dry_run : {false, true}) {
    Bench bench;
    bench.settings.dry_run = dry_run;
    bench.venue.fate = [](std::string_view) -> Verdict { throw rlx::VenueError("no safe connection"); };
    const auto legs = bench.plan(std::vector<Action>{Bench::open(calls[0]), Bench::open(calls[1])});
    ExecutionRecord record;
    CHECK_THROWS_AS(bench.executor().execute(legs, record), rlx::VenueError);
    REQUIRE(record.legs.size() == 2);
    for (const LegResult& leg : record.legs) {
      CHECK(leg.rejected_by == RejectedBy::abort);
      CHECK(leg.message == "no safe connection");
      CHECK(bench.states(leg.leg.label) == (dry_run ? "planned" : "planned rejected"));
    }
    CHECK(record.status == (dry_run ? LadderStatus::simulated : LadderStatus::failed));
  }
}

TEST_CASE("After a restart a leg of unknown fate is adopted, or timed out once the venue cannot accept it any more") {
  for (const bool arrives : {true, false}) {
    Bench bench;
    const auto legs = bench.plan(std::vector<Action>{Bench::open(calls[0])});
    if (arrives) {
      OrderRequest request = make_order(legs[0], legs[0].amount, bench.venue.quote_of(*bench.venue.find(calls[0])),
                                        *bench.venue.find(calls[0]), OrderStyle::take_bid, bench.clock.now_ms() + 9'000);
      bench.venue.fate = [](std::string_view method) {
        return method == "submit" ? Verdict{Fate::delay, 0, 8'000} : Verdict{};
      };
      bench.venue.submit(request);  // by the process that ended
    }
    CHECK(bench.executor().resolve_unfinished(false) == 1);  // not sure yet
    CHECK(bench.book.find(legs[0].label)->state == LegState::planned);
    CHECK(bench.executor().resolve_unfinished(true) == 0);
    CHECK(bench.states(legs[0].label) == (arrives ? "planned sent filled" : "planned rejected"));
  }
}
