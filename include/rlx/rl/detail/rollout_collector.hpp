// SPDX-License-Identifier: MIT
/// @file
/// @brief Collection: every shard of environments makes the steps of a rollout on one thread.
#ifndef RLX_RL_DETAIL_ROLLOUT_COLLECTOR_HPP
#define RLX_RL_DETAIL_ROLLOUT_COLLECTOR_HPP

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <rlx/core/finite.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/core/random.hpp>
#include <rlx/core/thread_pool.hpp>
#include <rlx/env/episode_statistics.hpp>
#include <rlx/env/vector_env.hpp>
#include <rlx/rl/detail/actor_critic.hpp>
#include <rlx/rl/rollout.hpp>

namespace rlx::inline v0_1::detail {

/// A metric of every step of a rollout, for an objective that may ask for one.
struct StepMetric {
  std::vector<float> values;  // [T][N]; empty if nobody asks
  std::size_t index = 0;      // of the metric
};
/// For an objective that never does: nothing.
struct NoStepMetric {};

/// Fills rollouts and lists the episodes that ended in them. Refers to what it is given; allocates in the constructor only.
/// @tparam Metric  StepMetric or NoStepMetric
template <class E, class Head, Critic C, class Metric>
class RolloutCollector {
 public:
  using ActionScalar = typename VectorEnv<E>::ActionScalar;
  using Scratch = LearnerScratch<ActionScalar>;
  /// The environment gets a clipped or squashed copy of what is stored.
  static constexpr bool transforms_actions = std::same_as<typename VectorEnv<E>::Space, Box>;

  /// @param scratch  one for each thread of the environments' pool, for as many rows as a shard has environments.
  /// @param metric   with room for its values if one is to be read after every step
  RolloutCollector(VectorEnv<E>& envs, const ActorCritic<Head, C>& net, Rollout<ActionScalar>& rollout,
                   std::vector<Scratch>& scratch, std::uint64_t seed, bool check_finite, Metric metric)
      : envs_(&envs),
        net_(&net),
        rollout_(&rollout),
        scratch_(&scratch),
        seed_(seed),
        check_finite_(check_finite),
        metric_(std::move(metric)),
        final_observations_(envs.num_envs() * envs.observation_size()),
        environment_actions_(transforms_actions ? envs.num_envs() * envs.action_width() : 0),
        finished_(rollout.rows()),
        next_finished_(envs.num_envs()),
        shards_(envs.num_shards()) {
    envs.for_each_shard([&](Shard& shard) {
      Collected& c = shards_[shard.index];
      const std::size_t n = shard.end - shard.begin;
      c.rewards.resize(envs_->num_envs());
      c.truncated.reserve(n);
      c.finals.resize(n * envs_->observation_size());
    });
  }

  /// @param env_steps  steps of each environment since training began; names the action streams
  /// @return observations that the network has valued
  std::uint64_t collect(std::uint64_t env_steps) {
    rollout_->begin_next();
    envs_->for_each_shard(
        [&](Shard& shard) { collect_shard(shard, shards_[shard.index], (*scratch_)[ThreadPool::thread_index()], env_steps); });
    gather_finished();
    std::uint64_t rows = rollout_->rows() + rollout_->shape.num_envs;
    for (const Collected& c : shards_) rows += c.final_rows;
    return rows;
  }

  /// [T][N], of the objective that asked; empty if none did.
  std::span<const float> step_metric() const {
    if constexpr (std::same_as<Metric, StepMetric>) return metric_.values;
    return {};
  }
  /// Memory for `count` <= T N numbers until the next `collect`. It is that of `finished()`, which is empty from now on: nobody
  /// needs the ended episodes while the rollout is trained, and a learner so needs no more memory for the order of its rows.
  std::span<std::uint32_t> lend_memory(std::size_t count) {
    static_assert(std::is_trivially_copyable_v<EpisodeStatistics> && alignof(EpisodeStatistics) >= alignof(std::uint32_t) &&
                  sizeof(EpisodeStatistics) >= sizeof(std::uint32_t));
    num_finished_ = 0;
    return {::new (static_cast<void*>(finished_.data())) std::uint32_t[count], count};
  }
  /// What ended in the rollout, in (environment, episode) order.
  std::span<const EpisodeStatistics> finished() const { return std::span(finished_).first(num_finished_); }
  /// Calls `f(episode)` for each of these, in (time, environment) order.
  template <class F>
  void for_each_by_time(F f) {
    const std::size_t num_envs = rollout_->shape.num_envs;
    for (std::size_t i = num_finished_; i-- > 0;) next_finished_[finished_[i].env] = static_cast<std::uint32_t>(i);
    for (std::size_t row = 0; row < rollout_->rows(); ++row) {
      if ((rollout_->terminated[row] | rollout_->truncated[row]) != 0) f(finished_[next_finished_[row % num_envs]++]);
    }
  }

 private:
  using Shard = typename VectorEnv<E>::Shard;
  using Rows = typename VectorEnv<E>::Rows;

  /// What one shard of environments brings back besides the rollout.
  struct alignas(64) Collected {
    std::vector<double> rewards;     // of one step; indexed by environment
    std::size_t first_finished = 0;  // its part of finished_, in time order
    std::size_t num_finished = 0;
    std::vector<std::uint32_t> truncated;  // environments whose last observation needs a value
    std::vector<float> finals;             // those observations
    std::uint64_t final_rows = 0;
  };

  void collect_shard(Shard& shard, Collected& collected, Scratch& scratch, std::uint64_t env_steps) {
    const ActorCritic<Head, C>& net = *net_;
    Rollout<ActionScalar>& rollout = *rollout_;
    const bool check_finite = check_finite_;
    const std::size_t first = shard.begin;
    const std::size_t count = shard.end - shard.begin;
    const std::size_t n_steps = rollout.shape.n_steps;
    const std::size_t num_envs = rollout.shape.num_envs;
    const bool recurrent = net.is_recurrent();
    const MatrixView<float> outputs = rollout.all_critic_outputs();
    collected.first_finished = n_steps * first;
    collected.num_finished = 0;
    collected.final_rows = 0;
    for (std::size_t t = 0; t < n_steps; ++t) {
      net.forward(MatrixView<const float>(rollout.observations_at(t)).rows_range(first, count), scratch,
                  one_step(t, first, count, true));
      const MatrixView<const float> action_rows = net.action_rows(scratch);
      const MatrixView<const float> critic_rows = net.critic_rows(scratch);
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t row = t * num_envs + first + i;
        const HeadRow<float> distribution{action_rows.row(i), rollout.mask(row), net.log_std()};
        RandomStream random({seed_, Purpose::action, static_cast<std::uint32_t>(first + i), env_steps + t});
        const HeadEvaluation<float> drawn = net.head.sample(distribution, random, rollout.action(row));
        if (check_finite && (!is_finite(drawn.log_prob) || !is_finite(drawn.entropy) ||
                             first_non_finite(critic_rows.row(i)) != critic_rows.cols())) [[unlikely]] {
          net.throw_outputs(distribution, critic_rows.row(i),
                            "environment " + std::to_string(first + i) + ", step " + std::to_string(env_steps + t),
                            env_steps + t, first + i);
        }
        if constexpr (transforms_actions) net.head.to_environment(rollout.action(row), environment_action(first + i));
        rollout.log_probs[row] = drawn.log_prob;
        net.store_critic(critic_rows.row(i), outputs.row(row), rollout.values[row]);
      }
      shard.step(actions_of(t), step_rows(t, collected));
      collected.truncated.clear();
      for (std::size_t e = first; e < first + count; ++e) {
        const std::size_t row = t * num_envs + e;
        rollout.rewards[row] = static_cast<float>(collected.rewards[e]);
        if (rollout.truncated[row] != 0 && rollout.terminated[row] == 0)
          collected.truncated.push_back(static_cast<std::uint32_t>(e));
        if (recurrent) rollout.starts_at(t + 1)[e] = rollout.terminated[row] | rollout.truncated[row];
      }
      if constexpr (std::same_as<Metric, StepMetric>) read_metric(shard, t);
      if (!collected.truncated.empty()) value_final_observations(t, env_steps + t, collected, scratch);
      for (const EpisodeStatistics& episode : shard.finished()) {
        std::construct_at(&finished_[collected.first_finished + collected.num_finished++], episode);
      }
    }
    net.forward(MatrixView<const float>(rollout.observations_at(n_steps)).rows_range(first, count), scratch,
                one_step(n_steps, first, count, false));
    const MatrixView<const float> critic_rows = net.critic_rows(scratch);
    const MatrixView<float> last_outputs = rollout.all_last_critic_outputs();
    for (std::size_t i = 0; i < count; ++i) {
      check_value(critic_rows.row(i), "after step ", env_steps + n_steps - 1, first + i);
      net.store_critic(critic_rows.row(i), last_outputs.row(first + i), rollout.last_values[first + i]);
    }
  }

  /// @throws NumericError for the value of an observation that no action follows
  void check_value(std::span<const float> critic_row, const char* when, std::uint64_t step, std::size_t env) const {
    if (check_finite_ && first_non_finite(critic_row) != critic_row.size()) [[unlikely]] {
      net_->throw_outputs({}, critic_row, "environment " + std::to_string(env) + ", " + when + std::to_string(step), step, env);
    }
  }

  /// One step of a range of environments from their current state; `advance` keeps the state that follows.
  LearnerRecurrence one_step(std::size_t t, std::size_t first, std::size_t count, bool advance) {
    LearnerRecurrence recurrence;
    if (!net_->is_recurrent()) return recurrence;
    const MatrixView<float> state =
        MatrixView<float>(rollout_->state.data(), rollout_->shape.num_envs, rollout_->shape.state_size)
            .rows_range(first, count);
    recurrence.sequences = count;
    recurrence.state = state;
    recurrence.starts = rollout_->starts_at(t).subspan(first, count);
    if (advance) recurrence.next_state = state;
    return recurrence;
  }

  std::span<float> environment_action(std::size_t env) {
    return std::span(environment_actions_).subspan(env * rollout_->shape.action_width, rollout_->shape.action_width);
  }
  /// [N][A] as the environments take them at step t.
  MatrixView<const ActionScalar> actions_of(std::size_t t) const {
    const std::size_t n = rollout_->shape.num_envs, width = rollout_->shape.action_width;
    if constexpr (transforms_actions) return {environment_actions_.data(), n, width};
    return {rollout_->actions.data() + t * n * width, n, width};
  }

  Rows step_rows(std::size_t t, Collected& collected) {
    const std::size_t n = rollout_->shape.num_envs;
    Rows rows;
    rows.observations = rollout_->observations_at(t + 1);
    rows.masks = rollout_->masks_at(t + 1);
    rows.final_observations = {final_observations_.data(), n, rollout_->shape.observation_size};
    rows.rewards = collected.rewards;
    rows.terminated = std::span(rollout_->terminated).subspan(t * n, n);
    rows.truncated = std::span(rollout_->truncated).subspan(t * n, n);
    return rows;
  }

  /// Where an episode ended, the next one has begun: its metrics are in the statistics.
  void read_metric(const Shard& shard, std::size_t t) {
    if (metric_.values.empty()) return;
    const std::span<float> row = std::span(metric_.values).subspan(t * rollout_->shape.num_envs, rollout_->shape.num_envs);
    std::array<double, max_episode_metrics> values{};
    auto ended = shard.finished().begin();
    for (std::size_t e = shard.begin; e < shard.end; ++e) {
      if (ended != shard.finished().end() && ended->env == e) {
        row[e] = static_cast<float>((ended++)->metrics[metric_.index]);
      } else {
        envs_->metrics(e, std::span<double>(values).first(envs_->num_metrics()));
        row[e] = static_cast<float>(values[metric_.index]);
      }
    }
  }

  /// V of the last observations of episodes that were cut at step t, the one of that number since training began.
  void value_final_observations(std::size_t t, std::uint64_t step, Collected& collected, Scratch& scratch) {
    const std::size_t width = rollout_->shape.observation_size;
    const std::size_t count = collected.truncated.size();
    const std::size_t state = rollout_->shape.state_size;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t e = collected.truncated[i];
      std::copy_n(final_observations_.data() + e * width, width, collected.finals.data() + i * width);
      std::copy_n(rollout_->state.data() + e * state, state, scratch.state.data() + i * state);
    }
    LearnerRecurrence recurrence;
    if (net_->is_recurrent()) {
      std::fill_n(scratch.starts.begin(), count, std::uint8_t{0});  // the ended episode goes on for this one row
      recurrence.sequences = count;
      recurrence.state = {scratch.state.data(), count, state};
      recurrence.starts = std::span(scratch.starts).first(count);
    }
    net_->forward(MatrixView<const float>(collected.finals.data(), count, width), scratch, recurrence);
    const MatrixView<const float> critic_rows = net_->critic_rows(scratch);
    const MatrixView<float> outputs = rollout_->all_final_critic_outputs();
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t row = t * rollout_->shape.num_envs + collected.truncated[i];
      check_value(critic_rows.row(i), "last observation of the episode cut at step ", step, collected.truncated[i]);
      net_->store_critic(critic_rows.row(i), outputs.row(row), rollout_->final_values[row]);
    }
    collected.final_rows += count;
  }

  /// Brings the parts of the shards together.
  void gather_finished() {
    num_finished_ = 0;
    for (const Collected& c : shards_) {
      std::memmove(static_cast<void*>(finished_.data() + num_finished_), finished_.data() + c.first_finished,
                   c.num_finished * sizeof(EpisodeStatistics));
      num_finished_ += c.num_finished;
    }
    const std::span<EpisodeStatistics> all = std::span(finished_).first(num_finished_);
    std::sort(all.begin(), all.end(), [](const EpisodeStatistics& a, const EpisodeStatistics& b) {
      return a.env != b.env ? a.env < b.env : a.episode < b.episode;
    });
  }

  VectorEnv<E>* envs_;
  const ActorCritic<Head, C>* net_;
  Rollout<ActionScalar>* rollout_;
  std::vector<Scratch>* scratch_;
  std::uint64_t seed_;
  bool check_finite_;
  [[no_unique_address]] Metric metric_;
  std::vector<float> final_observations_;
  std::vector<float> environment_actions_;    // [N][A] of the step in progress; Box only
  std::vector<EpisodeStatistics> finished_;   // of the rollout; its memory is lent between two
  std::vector<std::uint32_t> next_finished_;  // of finished_, for each environment
  std::size_t num_finished_ = 0;
  std::vector<Collected> shards_;
};

}  // namespace rlx::inline v0_1::detail

#endif  // RLX_RL_DETAIL_ROLLOUT_COLLECTOR_HPP
