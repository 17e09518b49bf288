// SPDX-License-Identifier: MIT
#include <rlx/signals/records.hpp>

#include <limits>

#include "rlx_catch.hpp"

using namespace rlx::signals;

TEST_CASE("records: the seed's signal is made in one line", "[signals]") {
  const Signal signal{.signal_id = "signal1", .strategy = "momentum", .params = {.amount = 0.1}, .timestamp = 1234567890.0};
  REQUIRE(signal.params.amount == 0.1);
  REQUIRE_FALSE(signal.params.price);
  REQUIRE(signal.malformed.empty());
  REQUIRE(SignalParams{.base = "BTC", .quote = "USDT"}.market() == "BTC/USDT");
  REQUIRE(PnlSnapshot{}.final);
  REQUIRE(PipelinePackage{}.priority == 1.0);
}

TEST_CASE("records: signals are equal by their bits, so that a NaN equals itself", "[signals]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Signal signal{.signal_id = "a", .strategy = "momentum", .params = {.amount = nan}, .timestamp = nan};
  Signal other = signal;
  REQUIRE(signal == other);
  other.params.amount = 1.0;
  REQUIRE_FALSE(signal == other);
  other = signal;
  other.params.price = 5.0;
  REQUIRE_FALSE(signal == other);
  other = signal;
  other.malformed.push_back({"strategy", "1"});
  REQUIRE_FALSE(signal == other);
}

TEST_CASE("records: names of all values", "[signals]") {
  std::string all;
  for (std::size_t i = 0; i < num_rejection_codes; ++i) all += std::string(name_of(static_cast<RejectionCode>(i))) + ' ';
  REQUIRE(all ==
          "invalid_field missing_field unknown_strategy missing_price exposure_limit position_size daily_trades max_loss "
          "risk_agent strategy_agent agent_timeout agent_error execution_failed execution_unknown model_filtered ");
  all.clear();
  for (std::size_t i = 0; i < num_stages; ++i) all += std::string(name_of(static_cast<Stage>(i))) + ' ';
  REQUIRE(all == "validation risk strategy execution model ");
  REQUIRE(name_of(static_cast<Stage>(9)) == "?");
  REQUIRE(name_of(static_cast<RejectionCode>(99)) == "?");
  REQUIRE(name_of(Topic::execution) == "execution");
  REQUIRE(name_of(AnswerStatus::timeout) == "timeout");
  REQUIRE(name_of(ExecutionOutcome::unknown) == "unknown");
}

TEST_CASE("records: texts of this library give their code and stage", "[signals]") {
  REQUIRE(code_of_reason("Exposure limit exceeded") == RejectionCode::exposure_limit);
  REQUIRE(code_of_reason("Invalid timestamp") == RejectionCode::invalid_field);
  REQUIRE(code_of_reason("Invalid strategy: x") == RejectionCode::unknown_strategy);
  REQUIRE(code_of_reason("Missing required params: base, quote") == RejectionCode::missing_field);
  REQUIRE(code_of_reason("the agent's own words") == RejectionCode::risk_agent);
  REQUIRE(usual_stage(RejectionCode::missing_field) == Stage::validation);
  REQUIRE(usual_stage(RejectionCode::missing_price) == Stage::risk);
  REQUIRE(usual_stage(RejectionCode::strategy_agent) == Stage::strategy);
  REQUIRE(usual_stage(RejectionCode::execution_unknown) == Stage::execution);
  REQUIRE(usual_stage(RejectionCode::model_filtered) == Stage::model);
}
