// SPDX-License-Identifier: MIT
/// @file
/// @brief Records made by hand, and a log in memory that they go into.
#ifndef RLX_TESTS_OPTIONS_HAND_LOG_HPP
#define RLX_TESTS_OPTIONS_HAND_LOG_HPP

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <rlx/options/decision_log.hpp>
#include <rlx/options/records.hpp>
#include <rlx/options/records_json.hpp>

#include "options/memory_files.hpp"

namespace rlx_test {

using rlx::market::Fixed8;
namespace options = rlx::options;

inline Fixed8 dec(const char* text) { return Fixed8::parse(text); }

inline constexpr std::int64_t hand_time = 1'767'341'100'000;  // 2026-01-02T08:05:00Z
inline constexpr const char* btc_call = "BTC-16JAN26-100000-C";
inline constexpr const char* eth_call = "ETH-16JAN26-3200-C";

inline options::Action open_action(std::string symbol, std::optional<std::string> strategy, Fixed8 size) {
  options::Action action;
  action.type = options::ActionType::open_covered_call;
  action.mode = strategy ? options::AgentMode::training : options::AgentMode::production;
  action.underlying = symbol.substr(0, 3);
  action.symbol = std::move(symbol);
  action.size = size;
  action.diagnostics = options::ActionDiagnostics{0.2, 14.0 - 1.0 / 288.0, 450.0, 1.25};
  action.policy_version = "rb_v1_explore";
  if (strategy) {
    action.reasoning = "Training mode [" + *strategy + "] ladder leg on " + action.underlying;
    action.decision_source = options::DecisionSource::training_mode;
    action.propensity = 1.0;
  } else {
    action.reasoning = "best score";
    action.propensity = 0.8333333333333334;
  }
  action.strategy = std::move(strategy);
  return action;
}

inline options::PlannedLeg planned(std::string label, options::Action action, options::LegRole role = options::LegRole::open) {
  const Fixed8 amount = action.size;
  return {std::move(label), role, std::move(action), amount};
}

inline options::LegRecord changed(std::string label, options::LegState to, const char* filled = "0", const char* price = "0",
                                  const char* fee = "0", double index = 90'000.0) {
  options::LegRecord record;
  record.tick_seq = 1;
  record.label = std::move(label);
  record.from = options::LegState::sent;
  record.to = to;
  record.order_id = "BTC-42";
  record.price = dec(price);
  record.filled_amount = dec(filled);
  record.average_price = dec(price);
  record.fee = dec(fee);
  record.index = index;
  record.mark = dec("0.0052");
  return record;
}

inline options::LegResult result_of(const options::PlannedLeg& leg, options::LegState state, const char* filled = "0",
                                    const char* price = "0", const char* fee = "0", double index = 90'000.0) {
  options::LegResult result;
  result.leg = leg;
  result.risk_check = {true, {"training_mode on testnet: risk checks skipped"}};
  result.state = state;
  result.order_id = "BTC-42";
  result.filled_amount = dec(filled);
  result.average_price = dec(price);
  result.fee = dec(fee);
  result.index = index;
  result.mark = dec("0.0052");
  return result;
}

inline options::CandidateRecord candidate(std::string symbol, double strike) {
  options::CandidateRecord c;
  c.underlying = symbol.substr(0, 3);
  c.symbol = std::move(symbol);
  c.delta = 0.21;
  c.dte = 13.996527777777779;
  c.premium_usd = 461.25;
  c.ivrv = 1.2345678901234567;
  c.bid = dec("0.0050");
  c.ask = dec("0.0055");
  c.iv = 0.45;
  c.profile_bits = 5;
  c.strike = strike;
  c.expiry_ms = 1'768'550'400'000;  // 2026-01-16T08:00:00Z
  c.rv = 0.3645;
  c.ivrv_known = true;
  c.mark = dec("0.0052");
  c.spread_pct = 9.523809523809524;
  c.open_interest = 123.4;
  return c;
}

/// A decision of tick `tick_seq` at hand_time + (tick_seq − 1) · 6 h over both underlyings.
inline options::DecisionRecord decision(std::uint64_t tick_seq) {
  options::DecisionRecord record;
  record.tick_seq = tick_seq;
  record.run_id = "run-0001";
  record.environment = options::VenueEnvironment::testnet;
  record.decision_source = options::DecisionSource::training_mode;
  record.policy_version = "rb_v1_explore";
  record.timestamp_ms = hand_time + static_cast<std::int64_t>(tick_seq - 1) * 21'600'000;
  record.config_snapshot = std::make_shared<const std::string>(R"({"mode":"research","training_mode":true,"dte_min":1})");
  for (const char* const name : {"BTC", "ETH"}) {
    options::UnderlyingRecord one;
    one.underlying = name;
    one.spot = name[0] == 'B' ? 90'000.0 : 3'000.5;
    one.balance = dec("1.00000001");
    one.equity = dec("0.99");
    one.margin_used_pct = 12.5;
    one.net_delta = -0.021;
    one.iv = 0.45;
    if (name[0] == 'B') one.rv = 0.3645;
    one.rejected_rows = 2;
    record.underlyings.push_back(one);
  }
  options::Position position;
  position.symbol = btc_call;
  position.underlying = "BTC";
  position.strike = 100'000.0;
  position.expiry_ms = 1'768'550'400'000;
  position.size = dec("-0.1");
  position.average_price = dec("0.005");
  position.mark = dec("0.0052");
  position.delta = 0.21;
  record.underlyings[0].positions.push_back(position);
  record.candidates = {candidate(btc_call, 100'000.0), candidate(eth_call, 3'200.0)};
  return record;
}

/// Makes the decision a ladder of these legs.
inline void make_ladder(options::DecisionRecord& record, std::vector<options::LegResult> legs) {
  for (const auto& leg : legs) record.ladder.push_back(leg.leg.action);
  record.proposed_action.type = options::ActionType::training_ladder;
  record.proposed_action.mode = options::AgentMode::training;
  record.proposed_action.reasoning = "Training mode on testnet: executed ladder of short calls across profiles.";
  record.proposed_action.policy_version = record.policy_version;
  record.proposed_action.decision_source = options::DecisionSource::training_mode;
  record.final_action = record.proposed_action;
  record.risk_check = {true, {"training_mode on testnet: risk checks skipped"}};
  record.execution.legs = std::move(legs);
}

/// A log in memory; records are one second apart unless a time is given.
struct HandLog {
  MemoryFiles files;
  options::DecisionLog<MemoryFiles> log = options::DecisionLog<MemoryFiles>::open("log", files);
  std::int64_t now_ms = hand_time;

  template <class R>
  HandLog& operator<<(const R& record) {
    log.append(options::make_record(now_ms, record), options::Durability::buffered);
    now_ms += 1'000;
    return *this;
  }
  options::LogReader reader() { return {"log", files}; }
};

}  // namespace rlx_test

#endif  // RLX_TESTS_OPTIONS_HAND_LOG_HPP
