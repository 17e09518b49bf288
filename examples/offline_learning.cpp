// SPDX-License-Identifier: MIT
// Learns from logs alone: records episodes of a behaviour policy, trains behaviour cloning (BC), conservative Q-learning (CQL)
// and implicit Q-learning (IQL) on them, and judges all of them in the environment and from the log.
//
//   sh examples/run.sh offline_learning --system premium_seller|cart_pole|ladder|funding|kalshi
//
// Markets are synthetic. The log comes from one market, the verdict from another one (ladder: a later range of time, funding
// and Kalshi: another seed); premium_seller and cart_pole have only one.
#include <rlx/core/random.hpp>
#include <rlx/env/classic/cart_pole.hpp>
#include <rlx/env/classic/premium_seller.hpp>
#include <rlx/funding/baselines.hpp>
#include <rlx/funding/environment.hpp>
#include <rlx/funding/observation.hpp>
#include <rlx/funding/synthetic_tape.hpp>
#include <rlx/io/text_table.hpp>
#include <rlx/kalshi/environment.hpp>
#include <rlx/kalshi/synthetic_session.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/options/ladder_env.hpp>
#include <rlx/options/ladder_tape.hpp>
#include <rlx/options/synthetic_chain.hpp>
#include <rlx/risk/bootstrap.hpp>
#include <rlx/rl/offline/behaviour_cloning.hpp>
#include <rlx/rl/offline/behaviour_policies.hpp>
#include <rlx/rl/offline/cql.hpp>
#include <rlx/rl/offline/iql.hpp>
#include <rlx/rl/offline/ope.hpp>
#include <rlx/rl/offline/record_episodes.hpp>

#include "common/run_main.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace {

namespace funding = rlx::funding;
namespace kalshi = rlx::kalshi;
namespace options = rlx::options;

/// Flags; what is not given is the system's.
struct Settings {
  std::string system = "premium_seller", network = "mlp", log;
  std::size_t seeds = 1, threads = 2;
  std::uint64_t seed = 1;
  std::optional<std::size_t> episodes, judged, updates;
  std::optional<std::uint64_t> market;
  std::optional<double> gamma, chance, alpha, beta, expectile, learning_rate;
  bool estimates = true;
};

/// What fits a system.
struct System {
  std::string behaviour;  ///< in words
  std::size_t episodes, judged, updates;
  double gamma, chance;  ///< chance: share of the behaviour policy's decisions that are drawn evenly
  double alpha, beta, expectile, learning_rate;
  std::optional<double> reward_scale = {};  ///< none: by the deviation of the rewards
};

/// What one seed found: returns of the same judged episodes, policy by policy.
struct Judged {
  std::vector<std::string> names;
  std::vector<std::vector<double>> returns;
};

/// Undiscounted (gamma 1) or discounted returns of episodes that depend on the seed alone.
template <class E, class P>
std::vector<double> returns_of(E& env, const P& policy, std::size_t episodes, std::uint64_t seed, double gamma = 1.0) {
  rlx::RecordOptions<E> options;
  options.episodes = episodes;
  options.seed = seed;
  options.behaviour_probs = false;
  const rlx::OfflineDataset played = rlx::record_episodes(env, policy, options);
  std::vector<double> returns;
  for (std::size_t e = 0; e < played.episodes().size(); ++e) returns.push_back(played.episode_return(e, gamma));
  return returns;
}

std::string interval_text(const rlx::risk::Interval& interval) {
  return fmt::format("[{:.4g}, {:.4g}]", interval.low, interval.high);
}

/// Seeds above one: a number per seed; else a number per episode.
std::vector<double> samples_of(const std::vector<Judged>& seeds, std::size_t policy, std::optional<std::size_t> less = {}) {
  std::vector<double> samples;
  for (const Judged& judged : seeds) {
    std::vector<double> values = judged.returns[policy];
    for (std::size_t e = 0; less && e < values.size(); ++e) values[e] -= judged.returns[*less][e];
    if (seeds.size() == 1) return values;
    double sum = 0.0;
    for (const double v : values) sum += v;
    samples.push_back(sum / static_cast<double>(values.size()));
  }
  return samples;
}

/// Records, learns and judges once for every seed, and prints the tables.
/// @param logged  whose episodes are recorded. @param judged  where policies are compared.
/// @param behave  (environment, chance) -> the behaviour policy in it
template <class E, class Behave>
int study(const Settings& s, const System& defaults, E logged, E judged, const rlx::nn::GraphSpec& graph, Behave behave,
          const rlx::RecordOptions<E>& record = {}) {
  System x = defaults;
  x.episodes = s.episodes.value_or(x.episodes);
  x.judged = s.judged.value_or(x.judged);
  x.updates = s.updates.value_or(x.updates);
  x.gamma = s.gamma.value_or(x.gamma);
  x.chance = s.chance.value_or(x.chance);
  x.alpha = s.alpha.value_or(x.alpha);
  x.beta = s.beta.value_or(x.beta);
  x.expectile = s.expectile.value_or(x.expectile);
  x.learning_rate = s.learning_rate.value_or(x.learning_rate);
  rlx::ThreadPool threads(s.threads);
  std::vector<Judged> results;
  std::string estimates;
  for (std::uint64_t seed = s.seed; seed < s.seed + s.seeds; ++seed) {
    const auto behaviour = behave(logged, x.chance);
    rlx::RecordOptions<E> options = record;
    options.episodes = x.episodes;
    options.seed = seed;
    options.gamma = x.gamma;
    const rlx::OfflineDataset log = rlx::record_episodes(logged, behaviour, options);
    if (seed == s.seed) {
      fmt::print("{}: {} episodes, {} rows, {} observations, {} actions; behaviour: {}, {:.0f} % chance\n", s.system,
                 log.episodes().size(), log.size(), log.observation_size(), log.action_count(), x.behaviour, 100 * x.chance);
      fmt::print("gamma {:.4g}, {} updates of 256 rows, CQL alpha {:.3g}, IQL beta {:.3g} and expectile {:.3g}\n", x.gamma,
                 x.updates, x.alpha, x.beta, x.expectile);
      if (!s.log.empty()) log.save(s.log);
    }
    const rlx::OfflineTraining training{
        .learning_rate = rlx::nn::Schedule::linear(x.learning_rate, 0.0), .reward_scale = x.reward_scale, .seed = seed};
    const rlx::ActionNetwork<float> network(graph, seed);
    rlx::BehaviourCloning cloning({.training = {.learning_rate = x.learning_rate, .seed = seed}}, network, log, threads);
    cloning.fit();
    rlx::DiscreteCql cql({.alpha = x.alpha, .training = training}, network, log, threads);
    cql.learn(x.updates);
    rlx::DiscreteIql iql({.expectile = x.expectile, .beta = x.beta, .training = training}, network, network, log, threads);
    iql.learn(x.updates);

    const rlx::InferencePolicy bc = cloning.policy();
    const rlx::GreedyPolicy bc_greedy(bc), cql_policy(cql.policy()), iql_policy(iql.policy());
    const std::uint64_t judge_seed = 10'000 + seed;
    Judged& result = results.emplace_back();
    const auto judge = [&](const char* name, const auto& policy) {
      result.names.push_back(name);
      result.returns.push_back(returns_of(judged, policy, x.judged, judge_seed));
    };
    judge("behaviour", behave(judged, x.chance));
    judge("BC", bc);
    judge("BC, most probable", bc_greedy);
    judge("CQL", cql_policy);
    judge("IQL", iql_policy);

    if (seed != s.seed || !s.estimates) continue;
    rlx::io::TextTable table({"policy", "true value", "WIS", "DR", "effective episodes"});
    const auto estimate = [&](const char* name, const auto& policy) {
      const auto truth = returns_of(logged, policy, x.judged, judge_seed, x.gamma);
      const rlx::OpeResult found = rlx::evaluate_off_policy(
          log, policy, {.methods = {rlx::OpeMethod::wis, rlx::OpeMethod::doubly_robust}, .seed = seed}, &threads);
      const auto cell = [&](rlx::OpeMethod method) {
        const rlx::OpeEstimate& e = found[method];
        if (!e.available) return std::string("refused");
        return fmt::format("{:.4g} {}{}", e.value.estimate, interval_text(e.value), e.reliable ? "" : " unreliable");
      };
      const auto interval = rlx::risk::bootstrap_mean(truth, {.seed = 1});
      table.row({name, fmt::format("{:.4g} {}", interval.estimate, interval_text(interval)), cell(rlx::OpeMethod::wis),
                 cell(rlx::OpeMethod::doubly_robust), fmt::format("{:.1f}", found.effective_size)});
    };
    estimate("BC", bc);
    estimate("CQL", cql_policy);
    estimate("IQL", iql_policy);
    estimates = table.to_string();
  }

  const std::vector<std::string>& names = results[0].names;
  const char* const unit = s.seeds == 1 ? "episodes" : "seeds";
  fmt::print("\nmean return of an episode, {} episodes{}, 95 % intervals over {}\n", x.judged,
             s.seeds == 1 ? "" : fmt::format(" for each of {} seeds", s.seeds), unit);
  rlx::io::TextTable values({"policy", "return", "95 % interval"});
  for (std::size_t p = 0; p < names.size(); ++p) {
    const auto interval = rlx::risk::bootstrap_mean(samples_of(results, p), {.seed = 1});
    values.row({names[p], fmt::format("{:.4g}", interval.estimate), interval_text(interval)});
  }
  fmt::print("{}\n", values.to_string());
  rlx::io::TextTable differences({"difference", "mean", "95 % interval", "verdict"});
  for (const std::size_t learner : {3, 4}) {
    for (const std::size_t other : {0, 1, 2}) {
      const auto interval = rlx::risk::bootstrap_mean(samples_of(results, learner, other), {.seed = 1});
      differences.row({names[learner] + " less " + names[other], fmt::format("{:.4g}", interval.estimate),
                       interval_text(interval),
                       interval.low > 0    ? "better"
                       : interval.high < 0 ? "worse"
                                           : "not distinguishable"});
    }
  }
  fmt::print("{}", differences.to_string());
  if (!estimates.empty())
    fmt::print("\nvalue (discounted) in the market of the log, true and estimated from the log of seed {}\n{}", s.seed,
               estimates);
  return 0;
}

/// A fixed distribution over the valid actions.
struct FixedPolicy {
  std::vector<double> weights;
  struct Workspace {};
  Workspace make_workspace() const { return {}; }
  void probabilities(std::span<const float>, std::span<const std::uint8_t> mask, std::span<double> out, Workspace&) const {
    double sum = 0.0;
    for (std::size_t a = 0; a < out.size(); ++a) sum += mask[a] != 0 ? weights[a] : 0.0;
    for (std::size_t a = 0; a < out.size(); ++a) out[a] = mask[a] != 0 ? weights[a] / sum : 0.0;
  }
};

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
                 return rlx::ExploringPolicy(FixedPolicy{{0.4, 0.6, 0.0}}, chance);
               });
}

/// Pushes towards the side the pole leans to.
struct LeanPolicy {
  struct Workspace {};
  Workspace make_workspace() const { return {}; }
  void probabilities(std::span<const float> row, std::span<const std::uint8_t>, std::span<double> out, Workspace&) const {
    out[1] = row[2] > 0 ? 1.0 : 0.0;
    out[0] = 1.0 - out[1];
  }
};

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
               [](const rlx::CartPole&, double chance) { return rlx::ExploringPolicy(LeanPolicy{}, chance); });
}

/// Opens legs of profiles drawn evenly, in a market that pays the moderate band 20 % too much.
int ladder(const Settings& s) {
  constexpr std::size_t snapshots = 2'000;
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
       .alpha = 0.05,
       .beta = 100.0,
       .expectile = 0.7,
       .learning_rate = 1e-3},
      options::LadderEnv(earlier), judged,
      rlx::nn::mlp_actor_critic({.observation = judged.observation_size(), .action = actions}),
      [](const options::LadderEnv&, double chance) { return rlx::ExploringPolicy(rlx::UniformPolicy{}, chance); }, record);
}

/// A hand-written policy of the funding market, which reads the state behind the observation.
struct HysteresisBehaviour {
  const funding::FundingArbitrageEnv* env;
  struct Workspace {};
  Workspace make_workspace() const { return {}; }
  void probabilities(std::span<const float>, std::span<const std::uint8_t> mask, std::span<double> out, Workspace&) const {
    for (double& p : out) p = 0.0;
    out[static_cast<std::size_t>(funding::HysteresisPolicy().act(env->decision_state(), mask))] = 1.0;
  }
};

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
        return rlx::ExploringPolicy(HysteresisBehaviour{&env}, chance);
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
        return rlx::ExploringPolicy(FixedPolicy{{1, 0, 0, 0, 0}}, chance);
      },
      record);
}

int run(int argc, char** argv) {
  Settings s;
  CLI::App command("Learns policies from logs alone and judges them", "offline_learning");
  command.failure_message(CLI::FailureMessage::simple);
  command.add_option("--system", s.system, "premium_seller, cart_pole, ladder, funding or kalshi")
      ->check(CLI::IsMember({"premium_seller", "cart_pole", "ladder", "funding", "kalshi"}))
      ->capture_default_str();
  command.add_option("--seeds", s.seeds, "logs and trainings; above 1 intervals are over seeds")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command.add_option("--seed", s.seed, "of the first")->capture_default_str();
  command.add_option("--market", s.market,
                     "seed of the market of the log (ladder 11, funding and kalshi 7; these are judged on the next)");
  command.add_option("--threads", s.threads, "changes no figure")->check(CLI::Range(1, 1024))->capture_default_str();
  command
      .add_option("--network", s.network,
                  "mlp: two towers of 64-64; pointer: that of funding, blind to the order of slots and slower")
      ->check(CLI::IsMember({"mlp", "pointer"}))
      ->capture_default_str();
  command.add_option("--episodes", s.episodes, "recorded for a log")->check(CLI::Range(20, 1'000'000));
  command.add_option("--judge-episodes", s.judged, "played by each policy")->check(CLI::Range(2, 1'000'000));
  command.add_option("--updates", s.updates, "of CQL and IQL")->check(CLI::Range(1, 100'000'000));
  command.add_option("--chance", s.chance, "share of chance in the behaviour policy")->check(CLI::Range(0.0, 1.0));
  command.add_option("--gamma", s.gamma, "discount")->check(CLI::Range(0.0, 1.0));
  command.add_option("--alpha", s.alpha, "conservatism of CQL");
  command.add_option("--beta", s.beta, "sharpness of IQL");
  command.add_option("--expectile", s.expectile, "of IQL");
  command.add_option("--learning-rate", s.learning_rate, "at the beginning");
  command.add_option("--save-log", s.log, "file for the first log (safetensors)");
  command.add_flag("!--no-estimates", s.estimates, "without the values estimated from the log");
  try {
    command.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", command.help());
    return 0;
  } catch (const CLI::ParseError& error) {
    throw app::UsageError(std::string(error.what()) + "; --help lists the flags");
  }
  if (s.market && (s.system == "premium_seller" || s.system == "cart_pole")) {
    throw app::UsageError("--market goes with --system ladder, funding or kalshi; leave it out");
  }
  if (s.network == "pointer" && s.system != "funding") {
    throw app::UsageError("--network pointer goes with --system funding only; leave it out");
  }
  if (s.system == "premium_seller") return premium_seller(s);
  if (s.system == "cart_pole") return cart_pole(s);
  if (s.system == "ladder") return ladder(s);
  if (s.system == "funding") return funding_arbitrage(s);
  return kalshi_markets(s);
}

}  // namespace

int main(int argc, char** argv) {
  return app::run_main("offline_learning", [&] { return run(argc, argv); });
}
