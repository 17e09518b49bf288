// SPDX-License-Identifier: MIT
/// @file
/// @brief Fitted Q evaluation: the value of a given policy, learned from a log by regression.
#ifndef RLX_RL_OFFLINE_FQE_HPP
#define RLX_RL_OFFLINE_FQE_HPP

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/core/random.hpp>
#include <rlx/nn/adam.hpp>
#include <rlx/nn/grad_norm.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/rl/offline/action_network.hpp>
#include <rlx/rl/offline/dataset.hpp>
#include <rlx/rl/offline/masked_policy.hpp>

namespace rlx::inline v0_1 {

/// How a Q-function is fitted.
struct FqeConfig {
  std::vector<std::size_t> hidden = {64, 64};  ///< widths of the hidden layers; none: linear in the observation
  std::size_t updates = 4'000;                 ///< steps of Adam
  std::size_t batch_size = 256;                ///< rows per step, drawn with replacement
  double learning_rate = 1e-3;                 ///< at the start; falls linearly to 0
  double polyak = 0.01;                        ///< share of Q that the target network takes over after each step, in (0, 1]
  std::uint64_t seed = 0;                      ///< of parameters and draws
};

/// Probabilities of a policy at every row of a dataset and after the last row of every episode.
struct PolicyTable {
  std::size_t actions = 0;    ///< A
  std::vector<float> rows;    ///< [N][A]
  std::vector<float> finals;  ///< [E][A]; 0 where an episode terminated
  std::vector<double> taken;  ///< [N] of the logged action

  /// @throws DataError for a policy of other observations or actions, with both digests; NumericError if the probabilities of a
  /// row are negative, not finite, on a masked action or do not sum to 1
  template <MaskedPolicy P>
  static PolicyTable of(const OfflineDataset& data, const P& policy) {
    data.require_obs_spec(detail::layout_digest(policy));
    PolicyTable table{data.action_count(), {}, {}, {}};
    const std::size_t a = data.action_count();
    table.rows.resize(data.size() * a);
    table.finals.resize(data.episodes().size() * a);
    table.taken.resize(data.size());
    PolicyProbabilities probabilities(policy, a);
    std::vector<double> p(a);
    const auto compute = [&](std::size_t row, bool next, float* out) {
      const auto mask = next ? data.next_mask(row) : data.mask(row);
      probabilities(next ? data.next_observation(row) : data.observation(row), mask, p);
      double sum = 0;
      for (std::size_t b = 0; b < a; ++b) {
        if (!is_finite(p[b]) || p[b] < 0 || (p[b] > 0 && mask[b] == 0)) {
          throw NumericError("policy: probability " + std::to_string(p[b]) + " of action " + std::to_string(b) + " at row " +
                                 std::to_string(row) + (mask[b] == 0 ? ", which is masked" : "") +
                                 "; expected a number in [0, 1], 0 where masked",
                             "probabilities", row);
        }
        out[b] = static_cast<float>(p[b]);
        sum += p[b];
      }
      if (std::abs(sum - 1) > 1e-3) {
        throw NumericError(
            "policy: the probabilities at row " + std::to_string(row) + " sum to " + std::to_string(sum) + ", expected 1",
            "probabilities", row);
      }
    };
    for (std::size_t e = 0; e < data.episodes().size(); ++e) {
      const auto [begin, end, id] = data.episodes()[e];
      probabilities.begin_episode();
      for (std::size_t row = begin; row < end; ++row) {
        compute(row, false, table.rows.data() + row * a);
        table.taken[row] = p[static_cast<std::size_t>(data.action(row))];
      }
      if (data.bootstraps(end - 1)) compute(end - 1, true, table.finals.data() + e * a);
    }
    return table;
  }

  /// At the observation after a row.
  std::span<const float> next(const OfflineDataset& data, std::size_t row) const {
    const std::size_t e = data.episode_index(row);
    return row + 1 == data.episodes()[e].end ? std::span(finals).subspan(e * actions, actions)
                                             : std::span(rows).subspan((row + 1) * actions, actions);
  }
};

/// A fitted Q-function; models ActionValues. In the units of the rewards. Called FittedQ. @tparam S  float
template <std::floating_point S>
class BasicFittedQ {
 public:
  /// Scratch of one thread.
  using Workspace = typename ActionNetwork<S>::Workspace;

  /// Q(s, b) = `scale` (value + action_b) of the network.
  BasicFittedQ(ActionNetwork<S> network, double scale) : network_(std::move(network)), scale_(scale) {}

  /// For one thread. Allocates.
  Workspace make_workspace() const { return network_.make_workspace(1); }
  /// Q of every action at a raw observation [D] into `out` [A]; the mask is not read.
  void values(std::span<const float> observation, std::span<const std::uint8_t>, std::span<double> out, Workspace& w) const {
    network_.forward(network_.store().parameters(), {observation.data(), 1, observation.size()}, w);
    const auto action = network_.action(w).row(0);
    const auto value = static_cast<double>(network_.value(w)(0, 0));
    for (std::size_t a = 0; a < out.size(); ++a) out[a] = scale_ * (value + static_cast<double>(action[a]));
  }

 private:
  ActionNetwork<S> network_;
  double scale_ = 1;
};
/// Of single precision. @see BasicFittedQ
using FittedQ = BasicFittedQ<float>;
static_assert(ActionValues<FittedQ>);

/**
 * @brief Fits Q(s, a) to r + gamma (1 - terminated) sum_b pi(b|s') Qbar(s', b), the squared error of drawn rows.
 *
 * Rewards are divided by their root mean square while fitting, so the learning rate needs no change with the currency. A
 * truncated row bootstraps: the value is that of the task going on.
 * @param data      raw; observations reach the network unscaled
 * @param policy    of `data`, as PolicyTable::of gives it
 * @param config    network, step size and number of updates
 * @param episodes  positions in `data.episodes()` to learn from, repetitions count as often; empty: all
 * @throws ConfigError (config), NumericError if the parameters diverge
 * @par Complexity  updates * batch_size forward passes of two networks and one backward pass
 * @par Determinism a function of the arguments
 * @par Source      Le, Voloshin and Yue 2019, "Batch policy learning under constraints", arXiv:1903.08738, algorithm 3
 */
template <std::same_as<OfflineDataset> Data>
FittedQ fit_q(const Data& data, const PolicyTable& policy, const FqeConfig& config,
              std::span<const std::size_t> episodes = {}) {
  if (config.updates == 0 || config.batch_size == 0) throw ConfigError("FqeConfig: updates and batch_size must be at least 1");
  if (!(config.polyak > 0 && config.polyak <= 1) || !(config.learning_rate > 0) || !is_finite(config.learning_rate)) {
    throw ConfigError("FqeConfig: expected polyak in (0, 1] and learning_rate above 0, found " + std::to_string(config.polyak) +
                      " and " + std::to_string(config.learning_rate));
  }
  std::vector<std::uint32_t> rows;
  const auto take = [&](const EpisodeRange& episode) {
    for (std::size_t row = episode.begin; row < episode.end; ++row) rows.push_back(static_cast<std::uint32_t>(row));
  };
  if (episodes.empty()) {
    for (const EpisodeRange& episode : data.episodes()) take(episode);
  } else {
    for (const std::size_t e : episodes) take(data.episodes()[e]);
  }
  double squares = 0;
  for (const std::uint32_t row : rows) squares += data.reward(row) * data.reward(row);
  const double scale = squares > 0 ? std::sqrt(squares / static_cast<double>(rows.size())) : 1;

  const std::size_t d = data.observation_size(), a = data.action_count(), batch = config.batch_size;
  ActionNetwork<float> network(nn::mlp_actor_critic({.observation = d, .action = a, .pi = config.hidden, .vf = config.hidden}),
                               config.seed);
  std::vector<float> target(network.store().parameters().begin(), network.store().parameters().end());
  nn::Adam adam(network.store());
  auto workspace = network.make_workspace(batch);
  std::vector<float> observations(batch * d), wanted(batch);
  std::vector<std::uint32_t> drawn(batch);
  const MatrixView<const float> in(observations.data(), batch, d);
  const auto polyak = static_cast<float>(config.polyak);
  for (std::size_t update = 0; update < config.updates; ++update) {
    RandomStream random({config.seed, Purpose::permutation, 0, update});
    for (std::size_t i = 0; i < batch; ++i) {
      drawn[i] = rows[random.bounded(rows.size())];
      const auto next = data.next_observation(drawn[i]);
      std::copy(next.begin(), next.end(), observations.begin() + static_cast<std::ptrdiff_t>(i * d));
    }
    network.forward(target, in, workspace);
    for (std::size_t i = 0; i < batch; ++i) {
      double y = data.reward(drawn[i]) / scale;
      if (data.bootstraps(drawn[i])) {
        const auto p = policy.next(data, drawn[i]);
        double value = static_cast<double>(network.value(workspace)(i, 0));
        for (std::size_t b = 0; b < a; ++b) {
          if (p[b] > 0) value += static_cast<double>(p[b]) * static_cast<double>(network.action(workspace)(i, b));
        }
        y += data.gamma() * value;
      }
      wanted[i] = static_cast<float>(y);
      const auto now = data.observation(drawn[i]);
      std::copy(now.begin(), now.end(), observations.begin() + static_cast<std::ptrdiff_t>(i * d));
    }
    network.forward(network.store().parameters(), in, workspace);
    for (std::size_t i = 0; i < batch; ++i) {
      const auto action = static_cast<std::size_t>(data.action(drawn[i]));
      const float error = network.value(workspace)(i, 0) + network.action(workspace)(i, action) - wanted[i];
      network.d_value(workspace)(i, 0) = network.d_action(workspace)(i, action) = error / static_cast<float>(batch);
    }
    auto& store = network.store();
    store.zero_gradients();
    network.backward(store.parameters(), store.gradients(), workspace);
    const double left = 1 - static_cast<double>(update) / static_cast<double>(config.updates);
    adam.step(store.parameters(), store.gradients(), config.learning_rate * left);
    const auto parameters = std::as_const(store).parameters();
    for (std::size_t i = 0; i < target.size(); ++i) target[i] += polyak * (parameters[i] - target[i]);
  }
  if (first_non_finite(std::as_const(network.store()).parameters()) != network.store().parameters().size()) {
    throw NumericError("fit_q: the parameters diverged; lower FqeConfig::learning_rate or polyak", "parameters");
  }
  return {std::move(network), scale};
}

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_OFFLINE_FQE_HPP
