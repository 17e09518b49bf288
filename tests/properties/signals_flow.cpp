// SPDX-License-Identifier: MIT
// Random signals through the whole way, with agents that do anything.
#include <rlx/signals/logic_executor.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/signals/records_json.hpp>

#include "rlx_catch.hpp"

using namespace rlx::signals;

namespace {

// A transport that delivers answers of any request, in any order, doubled, with wrong ids, or not at all, and knows which
// request it has truly approved.
class Chaos {
 public:
  explicit Chaos(std::uint64_t seed) : random_({seed, rlx::Purpose::user}) {}

  void send(const AgentRequest& request) {
    if (request.topic == Topic::execution) ++executions_[request.signal_id];
    const bool yes = random_.bounded(4) != 0;
    const AgentResponse proper{request.correlation_id, request.topic, request.sent_at + 40.0 * random_.uniform(),
                               AgentVerdict{yes, request.signal_id, {}}};
    current_ = request.correlation_id;
    approved_in_time_ = false;
    if (random_.bounded(5) != 0) {
      queue_.push_back(proper);
      sent_ = request.sent_at;
    }
    for (std::uint64_t extra = random_.bounded(3); extra > 0; --extra) {
      AgentResponse wrong = proper;
      switch (random_.bounded(4)) {
        case 0:
          wrong.correlation_id += 1 + random_.bounded(3);
          break;
        case 1:
          wrong.topic = static_cast<Topic>((static_cast<unsigned>(wrong.topic) + 1) % 3);
          break;
        case 2:
          wrong.body = AgentVerdict{true, request.signal_id + "x", {}};
          break;
        default:
          wrong.received_at = request.sent_at + 30.5;
          wrong.body = AgentVerdict{true, request.signal_id, {}};
      }
      queue_.push_back(wrong);
    }
    // What is left of earlier requests comes again, in another order.
    for (std::size_t i = queue_.size(); i > 1; --i) {
      std::swap(queue_[i - 1], queue_[random_.bounded(i)]);
    }
  }
  std::optional<AgentResponse> wait(std::uint64_t, const ClockRef&, Seconds) {
    if (queue_.empty() || random_.bounded(8) == 0) return std::nullopt;
    AgentResponse response = queue_.back();
    queue_.pop_back();
    if (queue_.size() > 20) queue_.clear();
    const auto* const verdict = std::get_if<AgentVerdict>(&response.body);
    if (response.correlation_id == current_ && response.received_at <= sent_ + 30.0 && verdict != nullptr && verdict->yes) {
      approved_in_time_ = true;
    }
    return response;
  }
  const std::map<std::string, int>& executions() const { return executions_; }
  bool approved_in_time() const { return approved_in_time_; }

 private:
  rlx::RandomStream random_;
  std::vector<AgentResponse> queue_;
  std::map<std::string, int> executions_;
  std::uint64_t current_ = 0;
  double sent_ = 0.0;
  bool approved_in_time_ = false;
};

Signal random_signal(rlx::RandomStream& random, int number, double now) {
  Signal signal{.signal_id = "s" + std::to_string(number),
                .strategy = random.bounded(20) == 0 ? "unheard of" : "momentum",
                .params = {.amount = std::exp(10.0 * random.uniform() - 5.0), .base = "BTC", .quote = "USDT"},
                .timestamp = now - 10.0 * random.uniform()};
  if (random.bounded(3) != 0) signal.params.price = std::exp(4.0 * random.uniform());
  if (random.bounded(30) == 0) signal.params.amount = -1.0;
  return signal;
}

}  // namespace

TEST_CASE("exposure stays within its limit and the statistics add up over random signals", "[properties]") {
  rlx::RandomStream random({11, rlx::Purpose::user});
  rlx::ManualClock clock(1'700'000'000'000);
  RecentContext context;
  MockAgents agents(5);
  agents.shares(Topic::risk, {.approve = 0.8,
                              .reject = 0.1,
                              .timeout = 0.02,
                              .error = 0.02,
                              .malformed = 0.01,
                              .late = 0.01,
                              .duplicate = 0.03,
                              .wrong_id = 0.01});
  agents.shares(Topic::strategy, {.approve = 0.8, .reject = 0.1, .timeout = 0.05, .duplicate = 0.05});
  agents.shares(Topic::execution, {.approve = 0.8, .reject = 0.1, .timeout = 0.05, .wrong_id = 0.05});
  FlowConfig config;
  config.limits.max_exposure = 5'000.0;
  config.limits.equity = 50'000.0;
  config.limits.max_daily_trades = 800;
  SignalFilter filter(clock);
  FlowManager flow(agents, context, clock, config);
  LogicExecutor logic(filter, flow, context);
  std::map<std::string, double> open;  // a second account of the positions
  std::set<std::string> unresolved;
  std::uint64_t rejections = 0, commands = 0;
  bool good = true;
  std::set<RejectionCode> seen;
  for (int i = 0; i < 100'000 && good; ++i) {
    clock.advance_ms(static_cast<std::int64_t>(random.bounded(10'000)));
    const double now = ClockRef(clock).now();
    if (random.bounded(3) == 0) context.store_market({"BTC/USDT", now, std::exp(4.0 * random.uniform()), 0.0, 0.0, 0.0});
    const Signal signal = random_signal(random, i, now);
    const std::uint64_t asked = agents.requests(Topic::execution);
    const auto command = logic.execute_logic_tree(signal);
    const std::uint64_t stored = context.counts().rejections;
    good = good && stored == rejections + (command ? 0U : 1U) && agents.requests(Topic::execution) - asked <= 1;
    rejections = stored;
    if (command) {
      ++commands;
      open[signal.signal_id] = context.find_execution(signal.signal_id)->notional;
    } else {
      const Rejection rejection = *context.find_rejection(signal.signal_id);
      seen.insert(rejection.code);
      if (rejection.code == RejectionCode::execution_unknown) {
        unresolved.insert(signal.signal_id);
        open[signal.signal_id] = context.find_execution(signal.signal_id)->notional;
      }
    }
    // Positions are closed, fates resolved, in any order.
    if (!open.empty() && random.bounded(2) == 0) {
      const auto position = std::next(open.begin(), static_cast<std::ptrdiff_t>(random.bounded(open.size())));
      const std::string id = position->first;
      if (unresolved.contains(id) && random.bounded(2) == 0) {
        const bool failed = random.bounded(2) == 0;
        flow.resolve(id, failed ? ExecutionOutcome::failed : ExecutionOutcome::executed);
        rejections += failed ? 1U : 0U;
        unresolved.erase(id);
        if (failed) open.erase(position);
      } else {
        flow.settle({id, 40.0 * random.normal(), now});
        unresolved.erase(id);
        open.erase(position);
      }
    }
    double sum = 0.0;
    for (const auto& [id, notional] : open) sum += notional;
    const FlowStats stats = flow.stats();
    good = good && flow.open_exposure() <= config.limits.max_exposure * (1.0 + 1e-12) &&
           std::abs(flow.open_exposure() - sum) <= 1e-6 && stats.total == stats.successful + stats.failed + stats.unknown &&
           stats.unknown == unresolved.size() && flow.unresolved().size() == unresolved.size();
  }
  REQUIRE(good);
  REQUIRE(commands > 1'000);
  // The run has met the refusals that it should have met.
  using enum RejectionCode;
  for (const RejectionCode code :
       {invalid_field, unknown_strategy, missing_price, exposure_limit, daily_trades, max_loss, risk_agent, strategy_agent,
        agent_timeout, agent_error, execution_failed, execution_unknown}) {
    INFO(name_of(code));
    REQUIRE(seen.contains(code));
  }
}

TEST_CASE("answers that are late, doubled, reordered or of another request approve nothing", "[properties]") {
  rlx::ManualClock clock(1'700'000'000'000);
  Chaos agents(3);
  AgentIO io(agents, clock);
  const Signal signal{.signal_id = "s", .strategy = "momentum", .timestamp = 1.0};
  int approved = 0;
  bool good = true;
  for (int i = 0; i < 100'000; ++i) {
    clock.advance_ms(100'000);
    const bool yes = (i % 2 == 0 ? io.request_risk_check(signal) : io.request_strategy_approval(signal)).approved();
    good = good && (!yes || agents.approved_in_time());
    approved += yes ? 1 : 0;
  }
  REQUIRE(good);
  REQUIRE(approved > 10'000);
}

TEST_CASE("through any answers a command is sent once", "[properties]") {
  rlx::RandomStream random({12, rlx::Purpose::user});
  rlx::ManualClock clock(1'700'000'000'000);
  RecentContext context(1'000);
  Chaos agents(4);
  FlowConfig config;
  config.limits = {.max_exposure = 1e18, .max_loss_pct = {}, .max_position_size = {}, .max_daily_trades = 1'000'000};
  SignalFilter filter(clock);
  FlowManager flow(agents, context, clock, config);
  LogicExecutor logic(filter, flow, context);
  std::vector<Signal> recent;
  for (int i = 0; i < 20'000; ++i) {
    clock.advance_ms(100);
    // Every third signal is an earlier one that comes again.
    if (i % 3 != 0 || recent.empty()) {
      recent.push_back(random_signal(random, i, ClockRef(clock).now()));
      if (recent.size() > 50) recent.erase(recent.begin());
      logic.execute_logic_tree(recent.back());
    } else {
      logic.execute_logic_tree(recent[random.bounded(recent.size())]);
    }
  }
  std::uint64_t sent = 0;
  for (const auto& [id, count] : agents.executions()) sent += static_cast<std::uint64_t>(count);
  const FlowStats stats = flow.stats();
  REQUIRE(sent == stats.successful + stats.unknown + stats.execution_failures);
  REQUIRE(flow.unresolved().size() == stats.unknown);
  REQUIRE(sent > 1'000);
}
