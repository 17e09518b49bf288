// SPDX-License-Identifier: MIT
// Learns from logs alone: records episodes of a behaviour policy, trains behaviour cloning (BC), conservative Q-learning (CQL)
// and implicit Q-learning (IQL) on them, and judges all of them in the environment and from the log.
//
//   sh examples/run.sh offline_learning --system premium_seller|cart_pole|ladder|funding|kalshi
//
// Markets are synthetic. The log comes from one market, the verdict from another one (ladder: a later range of time, funding
// and Kalshi: another seed); premium_seller and cart_pole have only one.
// The composition is in study.hpp; here is what differs from system to system: the market, the policy that is recorded, the
// network and the numbers that fit it.
#include "behaviours.hpp"
#include "study.hpp"

#include "common/run_main.hpp"

#include <rlx/env/classic/cart_pole.hpp>
#include <rlx/env/classic/premium_seller.hpp>
#include <rlx/funding/baselines.hpp>
#include <rlx/funding/environment.hpp>
#include <rlx/funding/observation.hpp>
#include <rlx/funding/synthetic_tape.hpp>
#include <rlx/kalshi/environment.hpp>
#include <rlx/kalshi/synthetic_session.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/options/ladder_env.hpp>
#include <rlx/options/ladder_tape.hpp>
#include <rlx/options/synthetic_chain.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace {

namespace funding = rlx::funding;
namespace kalshi = rlx::kalshi;
namespace options = rlx::options;
using app::Settings;
using app::study;

/// Sells with a hedge three times in five, without one twice.
int premium_seller(const Settings& s) {
  const auto graph = rlx::nn::mlp_actor_critic({.observation = 2, .action = 3, .pi = {32}, .vf = {32}});
  return study(s,
               {.behaviour = "hedged 0.6, unhedged 0.4",
                .episodes = 5'000,
                .judged = 2'000,
                .updates = 6'000,
                .gamma = 1.0,
                .chance = 0.1,
                .alpha = 0.02,
                .beta = 30.0,
                .expectile = 0.5,
                .learning_rate = 1e-3},
               rlx::PremiumSeller(), rlx::PremiumSeller(), graph, [](const rlx::PremiumSeller&, double chance) {
                 return rlx::ExploringPolicy(app::FixedPolicy{{0.4, 0.6, 0.0}}, chance);
               });
}

/// Mostly pushes towards the side the pole leans to.
int cart_pole(const Settings& s) {
  return study(s,
               {.behaviour = "push towards the side the pole leans to",
                .episodes = 300,
                .judged = 200,
                .updates = 10'000,
                .gamma = 0.98,
                .chance = 0.3,
                .alpha = 0.1,
                .beta = 3.0,
                .expectile = 0.8,
                .learning_rate = 1e-3,
                .reward_scale = 1.0},
               rlx::CartPole(), rlx::CartPole(), rlx::nn::mlp_actor_critic({.observation = 4, .action = 2}),
               [](const rlx::CartPole&, double chance) { return rlx::ExploringPolicy(app::LeanPolicy{}, chance); });
}

/// Opens legs of profiles drawn evenly, in a market that pays the moderate band 20 % too much. The log is one path of the
/// prices, so that a profile may look good for the path's sake: action numbers that are linear in the observation, a long path
/// and an alpha that holds them together learn less of that.
int ladder(const Settings& s) {
  constexpr std::size_t snapshots = 6'000;
  const options::SyntheticChain chain({.seed = s.market.value_or(11), .snapshots = snapshots, .planted = {0.25, 0.35, 1.2}});
  options::LadderTapeConfig range;
  range.last = snapshots * 2 / 3;
  const auto earlier = std::make_shared<const options::LadderTape>(chain, range);
  range.first = range.last;
  range.last = snapshots - 1;
  const options::LadderEnv judged(std::make_shared<const options::LadderTape>(chain, range));
  const auto actions = static_cast<std::size_t>(judged.action_space().n);
  rlx::RecordOptions<options::LadderEnv> record;
  record.currency = "coin";
  record.tag = [](const options::LadderEnv& env, std::int32_t action) -> std::string {
    if (action == 0) return "hold";
    for (std::size_t p = 0; p < env.profiles().size(); ++p) {
      if (action == std::int32_t{1} << p) return std::string(env.profiles()[p].name);
    }
    return "several";
  };
  return study(
      s,
      {.behaviour = "any profiles",
       .episodes = 2'000,
       .judged = 200,
       .updates = 6'000,
       .gamma = 0.9,
       .chance = 1.0,
       .alpha = 1.0,
       .beta = 100.0,
       .expectile = 0.7,
       .learning_rate = 1e-3},
      options::LadderEnv(earlier), judged,
      rlx::nn::mlp_actor_critic({.observation = judged.observation_size(), .action = actions, .pi = {}}),
      [](const options::LadderEnv&, double chance) { return rlx::ExploringPolicy(rlx::UniformPolicy{}, chance); }, record);
}

/// Follows the hand-written hysteresis rule, with chance.
int funding_arbitrage(const Settings& s) {
  const auto market = [](std::uint64_t seed) {
    const auto tape =
        funding::make_synthetic_tape({.preset = funding::SyntheticPreset::planted, .seed = seed, .days = 120}).tape;
    return funding::FundingArbitrageEnv(tape, {.trading = funding::TradingConfig::moderate(), .close_at_end = true});
  };
  rlx::RecordOptions<funding::FundingArbitrageEnv> record;
  record.currency = "percent of equity";
  record.tag = [](const funding::FundingArbitrageEnv& env, std::int32_t action) -> std::string {
    std::vector<std::uint8_t> mask(funding::n_actions);
    env.action_masks(mask);
    return action == funding::HysteresisPolicy().act(env.decision_state(), mask) ? "hysteresis" : "chance";
  };
  return study(
      s,
      {.behaviour = "hysteresis",
       .episodes = 200,
       .judged = 100,
       .updates = 4'000,
       .gamma = 0.99,
       .chance = 0.2,
       .alpha = 0.05,
       .beta = 10.0,
       .expectile = 0.7,
       .learning_rate = 1e-3},
      market(s.market.value_or(7)), market(s.market.value_or(7) + 1),
      s.network == "pointer" ? rlx::nn::pointer_actor_critic(funding::slots())
                             : rlx::nn::mlp_actor_critic({.observation = funding::slots().observation_size(),
                                                          .action = funding::slots().num_actions()}),
      [](const funding::FundingArbitrageEnv& env, double chance) {
        return rlx::ExploringPolicy(app::HysteresisBehaviour{&env}, chance);
      },
      record);
}

/// Often buys or sells anything, else waits.
int kalshi_markets(const Settings& s) {
  const auto markets = [](std::uint64_t seed, std::size_t sessions) {
    kalshi::SyntheticConfig config;
    config.sessions = sessions;
    std::vector<kalshi::MarketSessionView> views;
    for (const kalshi::SyntheticSession& each : kalshi::generate_sessions(config, seed))
      kalshi::append_views(each.session, {}, views);
    return kalshi::MarketAgnosticKalshiEnv(std::make_shared<const kalshi::ViewSet>(std::move(views)));
  };
  rlx::RecordOptions<kalshi::MarketAgnosticKalshiEnv> record;
  record.currency = "USD";
  record.tag = [](const kalshi::MarketAgnosticKalshiEnv&, std::int32_t action) {
    return std::string(action == 0 ? "wait" : "order");
  };
  return study(
      s,
      {.behaviour = "wait",
       .episodes = 1'200,
       .judged = 100,
       .updates = 12'000,
       .gamma = 0.99,
       .chance = 0.8,
       .alpha = 0.002,
       .beta = 300.0,
       .expectile = 0.7,
       .learning_rate = 1e-3},
      markets(s.market.value_or(7), 320), markets(s.market.value_or(7) + 1, 80),
      rlx::nn::mlp_actor_critic({.observation = kalshi::feature_count, .action = 5}),
      [](const kalshi::MarketAgnosticKalshiEnv&, double chance) {
        return rlx::ExploringPolicy(app::FixedPolicy{{1, 0, 0, 0, 0}}, chance);
      },
      record);
}

}  // namespace

int main(int argc, char** argv) {
  return app::run_main("offline_learning", [&] {
    const std::optional<Settings> s = app::parse_settings(argc, argv);
    if (!s) return 0;
    if (s->system == "premium_seller") return premium_seller(*s);
    if (s->system == "cart_pole") return cart_pole(*s);
    if (s->system == "ladder") return ladder(*s);
    if (s->system == "funding") return funding_arbitrage(*s);
    return kalshi_markets(*s);
  });
}
