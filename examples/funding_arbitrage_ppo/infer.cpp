// SPDX-License-Identifier: MIT
#include "commands.hpp"

#include <rlx/core/hash.hpp>
#include <rlx/core/json.hpp>
#include <rlx/funding/actions.hpp>
#include <rlx/funding/decision_state_json.hpp>
#include <rlx/funding/environment.hpp>
#include <rlx/funding/observation.hpp>
#include <rlx/io/jsonl.hpp>
#include <rlx/rl/evaluation.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>

namespace app {
namespace {

using ObservationRow = std::array<float, funding::observation_size>;
using MaskRow = std::array<std::uint8_t, static_cast<std::size_t>(funding::n_actions)>;

/// The decision for one state, as JSON: the same code for an environment's state and for one that was read.
class Decider {
 public:
  Decider(const rlx::InferencePolicy& policy, const Options& o)
      : policy_(&policy),
        workspace_(policy.make_workspace()),
        enter_threshold_(o.enter_threshold),
        exit_threshold_(o.exit_threshold) {}

  nlohmann::json decide(const funding::DecisionState& state, const ObservationRow& observation, const MaskRow& mask,
                        const std::function<std::string(funding::SymbolId)>& symbol_name) {
    std::array<std::int32_t, 1> chosen{};
    const rlx::Decision decision = policy_->act(observation, mask, chosen, workspace_);
    std::array<float, static_cast<std::size_t>(funding::n_actions)> probabilities{};
    policy_->probabilities(observation, mask, probabilities, workspace_);
    int id = chosen[0];
    funding::Action action = funding::decode(id);
    const bool doubtful =
        (action.kind == funding::ActionKind::enter && decision.probability < static_cast<float>(enter_threshold_)) ||
        (action.kind == funding::ActionKind::exit && decision.probability < static_cast<float>(exit_threshold_));
    if (doubtful) action = funding::decode(id = 0);
    nlohmann::json json{{"action", funding::to_string(action)},
                        {"action_id", id},
                        {"confidence", probabilities[static_cast<std::size_t>(id)]},
                        {"state_value", decision.value},
                        {"opportunity_symbol", nullptr},
                        {"opportunity_index", nullptr},
                        {"position_size", nullptr},
                        {"position_index", nullptr},
                        {"action_probabilities", probabilities},
                        {"mask", mask},
                        {"observation_hash", funding::observation_hash()},
                        {"observation_sha256", rlx::sha256_hex(std::as_bytes(std::span(observation)))}};
    if (action.kind == funding::ActionKind::enter) {
      json["opportunity_symbol"] = symbol_name(state.opportunities[static_cast<std::size_t>(action.slot)].symbol);
      json["opportunity_index"] = action.slot;
      json["position_size"] = funding::to_string(action.size);
    }
    if (action.kind == funding::ActionKind::exit) json["position_index"] = action.slot;
    return json;
  }

 private:
  const rlx::InferencePolicy* policy_;
  rlx::InferencePolicy::Workspace workspace_;
  double enter_threshold_, exit_threshold_;
};

/// One state per line in, one decision per line out; a wrong line gets an error object and the stream goes on.
int decide_states(const Options& o, const rlx::InferencePolicy& policy) {
  std::ifstream file;
  if (o.state != "-") {
    file.open(o.state);
    if (!file) throw rlx::DataError(fmt::format("--state {}: cannot be read; expected one state as JSON per line", o.state));
  }
  std::istream& in = o.state == "-" ? std::cin : file;
  const funding::VenueTable venues = load_venues(o);
  Decider decider(policy, o);
  const funding::ObservationBuilder builder;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    const std::string where = fmt::format("{}:{}", o.state == "-" ? "standard input" : o.state, number);
    nlohmann::json out;
    try {
      nlohmann::json json = rlx::parse_json(line, where);
      if (json.is_object()) json.erase("decision");  // lines of --states-output carry the decision that was taken
      const auto live = funding::LiveState::from_json(json, venues, where);
      ObservationRow observation{};
      MaskRow mask{};
      builder.write(live.state(), observation);
      funding::write_action_mask(live.state(), mask);
      out = decider.decide(live.state(), observation, mask, [&](funding::SymbolId id) { return live.symbol_name(id); });
    } catch (const rlx::Error& error) {
      out = {{"error", error.what()}, {"line", number}};
    }
    // A line with bytes that are not UTF-8 is an error that quotes them; the answer is JSON all the same.
    fmt::print("{}\n", out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    std::fflush(stdout);
  }
  if (in.bad()) throw rlx::DataError(fmt::format("--state {}: cannot be read; expected one state as JSON per line", o.state));
  return 0;
}

int run_episodes(const Options& o, const rlx::InferencePolicy& policy) {
  const Data data = load_data(o);
  print_warnings(o, data);
  const funding::Window window = window_of(data, o.window);
  warn_of_overlap(overlap_with_training(policy, o, data, window));
  funding::EnvironmentConfig config = environment_config(o);
  config.window_begin = window.begin;
  config.window_end = window.end - 1;
  config.close_at_end = true;
  std::unique_ptr<rlx::io::JsonlWriter> states;
  if (!o.states_output.empty()) {
    states = std::make_unique<rlx::io::JsonlWriter>(o.states_output, rlx::io::JsonlConfig{.append = false});
  }

  Decider decider(policy, o);
  std::vector<double> returns;
  for (std::size_t episode = 0; episode < o.episodes; ++episode) {
    const auto& tape = data.markets[episode % data.markets.size()].tape;
    funding::FundingArbitrageEnv env(tape, config);
    ObservationRow observation{};
    MaskRow mask{};
    env.reset(rlx::RandomStream({o.seed, rlx::Purpose::evaluation_reset, 0, episode}).next_u64(), observation);
    double reward = 0.0;
    int length = 0;
    for (bool ended = false; !ended; ++length) {
      env.action_masks(mask);
      const nlohmann::json decision =
          decider.decide(env.decision_state(), observation, mask, [&](funding::SymbolId id) { return tape->symbol_name(id); });
      if (states) {
        nlohmann::json state = funding::to_json(env.decision_state(), *tape);
        state["decision"] = {{"action_id", decision["action_id"]}, {"observation_sha256", decision["observation_sha256"]}};
        states->write(state);
      }
      const auto action = decision["action_id"].get<std::int32_t>();
      const rlx::Transition transition = env.step({&action, 1}, observation);
      reward += transition.reward;
      ended = transition.terminated || transition.truncated;
    }
    returns.push_back(reward);
    fmt::print("Episode {}: Reward={:6.2f}, Length={}\n", episode + 1, reward, length);
  }
  double mean = 0.0;
  for (const double r : returns) mean += r / static_cast<double>(returns.size());
  double variance = 0.0;
  for (const double r : returns) variance += (r - mean) * (r - mean) / static_cast<double>(returns.size());
  if (!returns.empty()) fmt::print("\nMean reward: {:.2f} ± {:.2f}\n", mean, std::sqrt(variance));
  return 0;
}

}  // namespace

int infer(const Options& o) {
  const rlx::InferencePolicy policy = load_policy(o.checkpoint);
  return o.state.empty() ? run_episodes(o, policy) : decide_states(o, policy);
}

}  // namespace app
