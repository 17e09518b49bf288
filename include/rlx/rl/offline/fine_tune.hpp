// SPDX-License-Identifier: MIT
/// @file
/// @brief From a log to live decisions: how a policy explores there, and what it goes on learning from.
#ifndef RLX_RL_OFFLINE_FINE_TUNE_HPP
#define RLX_RL_OFFLINE_FINE_TUNE_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/core/random.hpp>
#include <rlx/nn/parameter_store.hpp>
#include <rlx/risk/detail/kill_state.hpp>
#include <rlx/rl/offline/dataset.hpp>
#include <rlx/rl/offline/masked_policy.hpp>
#include <rlx/rl/offline/transitions.hpp>

namespace rlx::inline v0_1 {

/// Copies the tensors of `group` ("actor"; "trunk" too where there is one) between networks of one graph, so that PPO starts
/// from a cloned or offline actor. Both must see observations alike: no normalisation, or the same statistics.
/// @return tensors copied. @throws ShapeError if there is none, or one is missing or of another shape; nothing is copied then
template <class = void>
std::size_t copy_parameters(const nn::ParameterStore<float>& from, nn::ParameterStore<float>& to,
                            std::string_view group = "actor") {
  std::vector<std::pair<const nn::TensorInfo*, const nn::TensorInfo*>> pairs;
  for (const nn::TensorInfo& target : to.layout()) {
    if (target.group != group) continue;
    const auto source = std::find_if(from.layout().begin(), from.layout().end(),
                                     [&](const nn::TensorInfo& each) { return each.name == target.name; });
    if (source == from.layout().end() || source->shape != target.shape) {
      throw ShapeError("copy_parameters: the source has no tensor '" + target.name +
                       "' of the same shape; build both from one graph");
    }
    pairs.emplace_back(&*source, &target);
  }
  if (pairs.empty()) throw ShapeError("copy_parameters: the target has no tensor in the group '" + std::string(group) + '\'');
  for (const auto& [source, target] : pairs) {
    const auto values = from.parameters().subspan(source->offset, source->size);
    std::copy(values.begin(), values.end(), to.parameters().begin() + static_cast<std::ptrdiff_t>(target->offset));
  }
  return pairs.size();
}

// ---- Exploration --------------------------------------------------------------------------------------------------------

/// Share of random actions, by drawdown.
struct ExplorationConfig {
  double eps_min = 0.01;  ///< at dd_max and beyond
  double eps_max = 0.10;  ///< without a drawdown; 0 <= eps_min <= eps_max <= 1
  double dd_max = 0.20;   ///< above 0
};

/// eps_min + (eps_max - eps_min) max(0, 1 - dd / dd_max); half of it in Tighten, 0 in ReduceOnly and above and for a drawdown
/// that is not a number. `drawdown` is a share of the peak, >= 0. @throws ConfigError
template <class = void>
double exploration_rate(const ExplorationConfig& config, double drawdown, risk::KillState state) {
  if (!(config.eps_min >= 0 && config.eps_min <= config.eps_max && config.eps_max <= 1) || !(config.dd_max > 0)) {
    throw ConfigError("ExplorationConfig: expected 0 <= eps_min <= eps_max <= 1 and dd_max above 0, found " +
                      detail::offline_number(config.eps_min) + ", " + detail::offline_number(config.eps_max) + " and " +
                      detail::offline_number(config.dd_max));
  }
  if (state >= risk::KillState::reduce_only || !is_finite(drawdown)) return 0;
  const double room = std::clamp(1 - drawdown / config.dd_max, 0.0, 1.0);
  const double eps = config.eps_min + (config.eps_max - config.eps_min) * room;
  return state == risk::KillState::tighten ? eps / 2 : eps;
}

/// What the actions are to the explorer; one entry per action.
struct ExplorationActions {
  std::vector<std::uint8_t> probe;     ///< may be tried at random
  std::vector<std::uint8_t> reducing;  ///< opens no risk: closes, cancels, holds

  /// @param symbols        what each action trades; empty: nothing
  /// @param probe_symbols  may be explored
  /// @param reducing       one flag per action, kept as it is
  /// @throws ConfigError for a probe symbol that no action trades, or lists of different length
  template <class = void>
  static ExplorationActions of(std::span<const std::string> symbols, std::span<const std::string> probe_symbols,
                               std::vector<std::uint8_t> reducing) {
    if (symbols.size() != reducing.size()) {
      throw ConfigError("ExplorationActions: found " + std::to_string(symbols.size()) + " symbols and " +
                        std::to_string(reducing.size()) + " reducing flags, expected one of both per action");
    }
    ExplorationActions actions{std::vector<std::uint8_t>(symbols.size(), 0), std::move(reducing)};
    for (const std::string& wanted : probe_symbols) {
      bool found = false;
      for (std::size_t a = 0; a < symbols.size(); ++a) {
        if (symbols[a].empty() || symbols[a] != wanted) continue;
        actions.probe[a] = 1;
        found = true;
      }
      if (!found) throw ConfigError("ExplorationActions: no action trades the probe symbol '" + wanted + '\'');
    }
    return actions;
  }
};

/**
 * @brief A masked policy that sometimes takes a random valid action of a probe symbol: (1 - eps) pi + eps uniform.
 *
 * Its probabilities are those of the mixture, so `record_episodes` and a live log keep exact propensities. In ReduceOnly and
 * above only reducing actions keep a probability. Where no probe action is valid it is the inner policy. `set_state` before
 * each decision; one object per thread.
 */
template <MaskedPolicy P>
class ProbingPolicy {
 public:
  /// Memory of one thread.
  struct Workspace {
    PolicyProbabilities<P> inner;                    ///< of the policy inside
    std::vector<std::uint8_t> mask;                  ///< [A], what the state leaves of the mask
    void begin_episode() { inner.begin_episode(); }  ///< before the first observation of an episode
  };

  /// Starts without a drawdown in the state Normal; `policy` must outlive this object. @throws ConfigError
  ProbingPolicy(const P& policy, ExplorationConfig config, ExplorationActions actions)
      : policy_(&policy), config_(config), actions_(std::move(actions)), eps_(exploration_rate(config_, 0, state_)) {
    if (actions_.probe.size() != actions_.reducing.size() || actions_.probe.empty()) {
      throw ConfigError("ProbingPolicy: expected one probe flag and one reducing flag per action");
    }
  }

  /// Share of the peak that is lost, >= 0, and state of the kill switch, from the next decision on.
  void set_state(double drawdown, risk::KillState state) {
    eps_ = exploration_rate(config_, drawdown, state);
    state_ = state;
  }
  const P& policy() const noexcept { return *policy_; }  ///< the inner one
  /// Share of random actions now.
  double exploration() const noexcept { return eps_; }

  /// For one thread, at the start of an episode. Allocates.
  Workspace make_workspace() const { return {PolicyProbabilities<P>(*policy_, actions_.probe.size()), actions_.probe}; }
  /// @throws ShapeError for another number of actions; NumericError if no reducing action is valid where only these are allowed
  void probabilities(std::span<const float> observation, std::span<const std::uint8_t> mask, std::span<double> out,
                     Workspace& workspace) const {
    const std::size_t n = actions_.probe.size();
    if (mask.size() != n || out.size() != n) {
      throw ShapeError("ProbingPolicy: found a mask of " + std::to_string(mask.size()) + " and room for " +
                       std::to_string(out.size()) + " actions, expected " + std::to_string(n));
    }
    const bool reduces = state_ >= risk::KillState::reduce_only;
    std::size_t valid = 0, probes = 0;
    for (std::size_t a = 0; a < n; ++a) {
      workspace.mask[a] = mask[a] != 0 && (!reduces || actions_.reducing[a] != 0) ? 1 : 0;
      valid += workspace.mask[a];
      probes += workspace.mask[a] != 0 && actions_.probe[a] != 0 ? 1 : 0;
    }
    if (valid == 0) {
      throw NumericError("ProbingPolicy: no valid action reduces risk in state " + std::string(risk::name(state_)) +
                             "; count the action that does nothing as reducing",
                         "mask");
    }
    workspace.inner(observation, workspace.mask, out);
    if (probes == 0 || eps_ == 0) return;
    for (std::size_t a = 0; a < n; ++a) {
      const bool probe = workspace.mask[a] != 0 && actions_.probe[a] != 0;
      out[a] = (1 - eps_) * out[a] + (probe ? eps_ / static_cast<double>(probes) : 0);
    }
  }

 private:
  const P* policy_;
  ExplorationConfig config_;
  ExplorationActions actions_;
  risk::KillState state_ = risk::KillState::normal;
  double eps_;
};

// ---- Learning on --------------------------------------------------------------------------------------------------------

/// How learning goes on when decisions are made.
struct FineTuneConfig {
  double offline_fraction = 0.5;          ///< share of logged rows in a minibatch at the start, in [0, 1]
  double offline_fraction_end = 0.1;      ///< after anneal_steps, in [0, offline_fraction]
  std::uint64_t anneal_steps = 20'000;    ///< updates over which the share and alpha fall linearly, >= 1
  std::uint64_t critic_warmup = 2'000;    ///< updates at the start in which the actor stays as it is
  double alpha_end = 0.1;                 ///< weight of the conservatism after anneal_steps, at most that at the start, >= 0
  double learning_rate = 3e-4;            ///< above 0
  std::size_t batch_size = 256;           ///< >= 1
  std::size_t replay_capacity = 100'000;  ///< newest online rows that are kept, >= 1
  std::uint64_t seed = 0;                 ///< of the draws
};

/**
 * @brief Goes on training an offline learner on minibatches that mix the log with what it does itself.
 *
 * The share of the log falls linearly from `offline_fraction` to `offline_fraction_end`; a learner with `set_alpha` (CQL) lets
 * go of its conservatism the same way, down from what it had; one with an actor of its own (IQL) keeps it frozen for
 * `critic_warmup` updates. Minibatch i is drawn from the stream (seed, permutation, 2, i). Until the first online row all rows
 * are logged ones. Allocates in the constructor only, but for what the learner does.
 * @code
 * rlx::OfflineToOnline tuning({}, iql, log);
 * // after each decision
 * tuning.add(row, next_observation, next_mask);
 * tuning.update();
 * @endcode
 * @tparam L  DiscreteIql or DiscreteCql
 */
template <class L>
class OfflineToOnline {
 public:
  /// Number type of the learner.
  using Scalar = typename L::Scalar;

  /// `learner` was trained on `log`; both must outlive this object. @throws ConfigError naming the setting
  OfflineToOnline(FineTuneConfig config, L& learner, const OfflineDataset& log)
      : config_(config), learner_(&learner), log_(&log), d_(log.observation_size()), a_(log.action_count()), scaled_(d_) {
    const auto require = [](const char* name, double value, bool fits, const char* expected) {
      detail::require((std::string("FineTuneConfig.") + name).c_str(), value, fits, expected);
    };
    require("offline_fraction", config.offline_fraction, config.offline_fraction >= 0 && config.offline_fraction <= 1,
            "a number in [0, 1]");
    require("offline_fraction_end", config.offline_fraction_end,
            config.offline_fraction_end >= 0 && config.offline_fraction_end <= config.offline_fraction,
            "a number in [0, offline_fraction]");
    require("alpha_end", config.alpha_end, config.alpha_end >= 0, "a number of at least 0");
    require("learning_rate", config.learning_rate, config.learning_rate > 0, "a number above 0");
    if (config.anneal_steps == 0 || config.batch_size == 0 || config.replay_capacity == 0) {
      throw ConfigError("FineTuneConfig: anneal_steps, batch_size and replay_capacity must be at least 1");
    }
    if constexpr (has_alpha) alpha_start_ = std::max(learner.alpha(), config.alpha_end);
    const std::size_t n = config.batch_size, capacity = config.replay_capacity;
    observations_.resize(n * d_);
    next_observations_.resize(n * d_);
    masks_.resize(n * a_);
    next_masks_.resize(n * a_);
    actions_.resize(n);
    rewards_.resize(n);
    discounts_.resize(n);
    replay_.observations.resize(capacity * d_);
    replay_.next_observations.resize(capacity * d_);
    replay_.masks.resize(capacity * a_);
    replay_.next_masks.resize(capacity * a_);
    replay_.actions.resize(capacity);
    replay_.rewards.resize(capacity);
    replay_.terminated.resize(capacity);
  }

  /// Keeps a decision of its own; the oldest one makes room. Read are observation, mask, action, reward and terminated.
  /// @param row  raw. @param next_observation  after it, [D]. @param next_mask  [A]; empty: all valid
  /// @throws ShapeError; DataError for an action out of range or masked, numbers that are not finite, or a next mask without a
  ///         valid action where the row bootstraps
  void add(const OfflineRow& row, std::span<const float> next_observation, std::span<const std::uint8_t> next_mask = {}) {
    check(row, next_observation, next_mask);
    const std::size_t at = added_++ % config_.replay_capacity;
    const auto put = [at](auto& to, auto from, std::size_t width) {
      std::copy(from.begin(), from.end(), to.begin() + static_cast<std::ptrdiff_t>(at * width));
    };
    const auto put_mask = [&](std::vector<std::uint8_t>& to, std::span<const std::uint8_t> from) {
      if (from.empty()) {
        std::fill_n(to.begin() + static_cast<std::ptrdiff_t>(at * a_), a_, std::uint8_t{1});
      } else {
        put(to, from, a_);
      }
    };
    put(replay_.observations, row.observation, d_);
    put(replay_.next_observations, next_observation, d_);
    put_mask(replay_.masks, row.mask);
    put_mask(replay_.next_masks, next_mask);
    replay_.actions[at] = row.action;
    replay_.rewards[at] = row.reward;
    replay_.terminated[at] = row.terminated ? 1 : 0;
  }

  /// One minibatch. @return the learner's metrics. @throws NumericError as the learner's `update`
  auto update() {
    const TransitionBatch<Scalar> batch = draw();
    if constexpr (has_alpha) learner_->set_alpha(alpha());
    const bool frozen = actor_frozen();
    ++updates_;
    if constexpr (has_actor) {
      return learner_->update(batch, config_.learning_rate, !frozen);
    } else {
      return learner_->update(batch, config_.learning_rate);
    }
  }

  /// Made by this object.
  std::uint64_t updates() const noexcept { return updates_; }
  /// Online rows in the replay.
  std::size_t size() const noexcept { return std::min<std::size_t>(added_, config_.replay_capacity); }
  /// Share of logged rows in the next minibatch.
  double offline_fraction() const noexcept {
    return size() == 0 ? 1.0 : annealed(config_.offline_fraction, config_.offline_fraction_end);
  }
  /// Weight of the conservatism in the next update; 0 for a learner without.
  double alpha() const noexcept { return annealed(alpha_start_, has_alpha ? config_.alpha_end : 0.0); }
  /// Whether the next update leaves the policy as it is, so that the critic warms up.
  bool actor_frozen() const noexcept { return updates_ < config_.critic_warmup; }

  /// The next minibatch, scaled as the learner wants it; the views live until the next call.
  TransitionBatch<Scalar> draw() {
    const std::size_t n = config_.batch_size;
    const auto logged = static_cast<std::size_t>(std::lround(offline_fraction() * static_cast<double>(n)));
    RandomStream random({config_.seed, Purpose::permutation, 2, updates_});
    for (std::size_t i = 0; i < n; ++i) {
      if (i < logged) {
        const std::size_t row = random.bounded(log_->size());
        take(i, log_->observation(row), log_->mask(row), log_->next_observation(row), log_->next_mask(row), log_->action(row),
             log_->reward(row), log_->terminated(row));
      } else {
        const std::size_t row = random.bounded(size());
        const auto of = [row](const auto& values, std::size_t width) { return std::span(values).subspan(row * width, width); };
        take(i, of(replay_.observations, d_), of(replay_.masks, a_), of(replay_.next_observations, d_),
             of(replay_.next_masks, a_), replay_.actions[row], replay_.rewards[row], replay_.terminated[row] != 0);
      }
    }
    return {{observations_.data(), n, d_},
            {next_observations_.data(), n, d_},
            {masks_.data(), n, a_},
            {next_masks_.data(), n, a_},
            actions_,
            rewards_,
            discounts_};
  }

 private:
  static constexpr bool has_alpha = requires(L & learner, double alpha) { learner.set_alpha(alpha); };
  static constexpr bool has_actor = requires(L & learner, const TransitionBatch<typename L::Scalar>& batch) {
    learner.update(batch, 1.0, true);
  };

  struct Replay {
    std::vector<float> observations, next_observations;
    std::vector<std::uint8_t> masks, next_masks;
    std::vector<std::int32_t> actions;
    std::vector<double> rewards;
    std::vector<std::uint8_t> terminated;
  };

  double annealed(double start, double end) const noexcept {
    const double done = std::min(1.0, static_cast<double>(updates_) / static_cast<double>(config_.anneal_steps));
    return start + (end - start) * done;
  }

  void check(const OfflineRow& row, std::span<const float> next, std::span<const std::uint8_t> next_mask) const {
    if (row.observation.size() != d_ || next.size() != d_ || (!row.mask.empty() && row.mask.size() != a_) ||
        (!next_mask.empty() && next_mask.size() != a_)) {
      throw ShapeError("OfflineToOnline::add: expected observations of " + std::to_string(d_) + " and masks of " +
                       std::to_string(a_) + ", found " + std::to_string(row.observation.size()) + ", " +
                       std::to_string(next.size()) + ", " + std::to_string(row.mask.size()) + " and " +
                       std::to_string(next_mask.size()));
    }
    const auto complain = [&](const char* column, const std::string& what) {
      throw DataError("OfflineToOnline::add: online row " + std::to_string(added_) + ", column '" + column + "': " + what);
    };
    if (row.action < 0 || static_cast<std::size_t>(row.action) >= a_ ||
        (!row.mask.empty() && row.mask[static_cast<std::size_t>(row.action)] == 0)) {
      complain("action", "action " + std::to_string(row.action) + " is out of range or masked");
    }
    if (first_non_finite(row.observation) != d_ || first_non_finite(next) != d_) complain("obs", "not finite");
    if (!is_finite(row.reward)) complain("reward", "not finite");
    if (!row.terminated && !next_mask.empty() &&
        std::all_of(next_mask.begin(), next_mask.end(), [](std::uint8_t valid) { return valid == 0; })) {
      complain("mask", "no valid action in the next observation, whose value this row needs");
    }
  }

  void take(std::size_t i, std::span<const float> observation, std::span<const std::uint8_t> mask, std::span<const float> next,
            std::span<const std::uint8_t> next_mask, std::int32_t action, double reward, bool terminated) {
    const TransitionScaling& scaling = learner_->scaling();
    scaling.scale(observation, scaled_, std::span<Scalar>(observations_).subspan(i * d_, d_));
    scaling.scale(next, scaled_, std::span<Scalar>(next_observations_).subspan(i * d_, d_));
    std::copy(mask.begin(), mask.end(), masks_.begin() + static_cast<std::ptrdiff_t>(i * a_));
    std::copy(next_mask.begin(), next_mask.end(), next_masks_.begin() + static_cast<std::ptrdiff_t>(i * a_));
    actions_[i] = action;
    rewards_[i] = static_cast<Scalar>(reward * scaling.reward_scale());
    discounts_[i] = static_cast<Scalar>(terminated ? 0.0 : scaling.gamma());
  }

  FineTuneConfig config_;
  L* learner_;
  const OfflineDataset* log_;
  std::size_t d_, a_;
  double alpha_start_ = 0;
  std::uint64_t updates_ = 0;
  std::size_t added_ = 0;
  Replay replay_;
  std::vector<float> scaled_;
  std::vector<Scalar> observations_, next_observations_, rewards_, discounts_;
  std::vector<std::uint8_t> masks_, next_masks_;
  std::vector<std::int32_t> actions_;
};

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_OFFLINE_FINE_TUNE_HPP
