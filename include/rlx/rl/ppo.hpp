// SPDX-License-Identifier: MIT
/// @file
/// @brief Proximal policy optimisation with exact action masks: bitwise reproducible, resumable, without allocations in its
/// loop.
#ifndef RLX_RL_PPO_HPP
#define RLX_RL_PPO_HPP

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <rlx/core/clock.hpp>
#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/core/random.hpp>
#include <rlx/core/running_mean_std.hpp>
#include <rlx/core/state.hpp>
#include <rlx/core/thread_pool.hpp>
#include <rlx/env/environment.hpp>
#include <rlx/env/episode_sampler.hpp>
#include <rlx/env/vector_env.hpp>
#include <rlx/io/atomic_file.hpp>
#include <rlx/nn/adam.hpp>
#include <rlx/nn/categorical.hpp>
#include <rlx/nn/graph.hpp>
#include <rlx/nn/graph_json.hpp>
#include <rlx/nn/initialization.hpp>
#include <rlx/nn/parameter_store.hpp>
#include <rlx/rl/checkpoint.hpp>
#include <rlx/rl/critic.hpp>
#include <rlx/rl/detail/gradient_shards.hpp>
#include <rlx/rl/detail/ppo_loss.hpp>
#include <rlx/rl/gae.hpp>
#include <rlx/rl/inference_policy.hpp>
#include <rlx/rl/learner.hpp>
#include <rlx/rl/losses.hpp>
#include <rlx/rl/ppo_config.hpp>
#include <rlx/rl/ppo_config_json.hpp>
#include <rlx/rl/risk_objective.hpp>
#include <rlx/rl/rollout.hpp>

namespace rlx {

/// What `Ppo::predict` returns.
struct Prediction {
  std::int32_t action = 0;
  float value = 0.0F;
  float log_prob = 0.0F;
  float entropy = 0.0F;
};

/// Proximal policy optimisation (Schulman et al. 2017) with Stable-Baselines3's names, defaults and order of operations.
///
/// One iteration: every shard of environments makes `n_steps` steps on one thread; statistics are merged, rewards scaled,
/// advantages estimated per environment (truncations bootstrap with the value of their own last observation); then
/// `n_epochs` passes over shuffled minibatches, each cut into gradient shards that are summed over a fixed tree.
///
/// The same binary, seed, configuration and shard counts give the same bytes for any number of threads, with or without
/// callbacks and logs, and after a save and a load. Between the second and any later iteration nothing is allocated (callbacks
/// and log dumps aside).
///
/// @tparam E an environment with Discrete actions, masked or not. @tparam C,R see `Critic` and `RiskObjective`.
/// @tparam K where times in logs come from.
template <Environment E, Critic C = ScalarCritic, RiskObjective R = ExpectedReturn, Clock K = SystemClock>
class Ppo final : public Learner {
  static_assert(std::same_as<typename VectorEnv<E>::Space, Discrete>, "rlx: Ppo trains environments with Discrete actions");

 public:
  /// @param envs    with AutoresetMode::same_step; must outlive this object and be stepped by nobody else meanwhile.
  /// @param graph   outputs "action" (one logit per action) and "value" (`critic.outputs()` numbers).
  /// @param threads must outlive this object; the pool of `envs` or another one.
  /// @throws ConfigError, ShapeError naming what does not fit
  Ppo(PpoConfig config, VectorEnv<E>& envs, nn::GraphSpec graph, ThreadPool& threads, C critic = {}, R objective = {},
      K clock = {})
      : config_(std::move(config)),
        envs_(&envs),
        threads_(&threads),
        critic_(std::move(critic)),
        objective_(std::move(objective)),
        clock_(std::move(clock)),
        spec_(std::move(graph)),
        graph_(build_graph()),
        layout_(make_layout()),
        scaling_{config_.clip_obs, detail::validity_columns(spec_)},
        adam_(store_, {.epsilon = config_.adam_eps, .weight_decay = config_.weight_decay}),
        gradients_(store_.gradients(), resolved_gradient_shards(config_)),
        rollout_({config_.n_steps, envs.num_envs(), envs.observation_size(), envs.mask_width(), critic_.outputs(),
                  critic_.target_width(), config_.normalize_reward}),
        observation_statistics_(envs.observation_size()),
        return_statistics_(1),
        discounted_returns_(envs.num_envs()),
        final_observations_(envs.num_envs() * envs.observation_size()),
        indices_(rollout_.rows()),
        shard_sums_(gradients_.count()),
        window_returns_(config_.stats_window_size),
        window_lengths_(config_.stats_window_size) {
    nn::initialize(store_, spec_, config_.ortho_init ? nn::Initialization::orthogonal : nn::Initialization::torch_like,
                   config_.seed);
    const std::size_t shard_rows = (config_.batch_size + gradients_.count() - 1) / gradients_.count();
    const std::size_t shard_envs = (envs.num_envs() + envs.num_shards() - 1) / envs.num_shards();
    collected_.resize(envs.num_shards());
    envs.for_each_shard([&](Shard& shard) {
      Collected& c = collected_[shard.index];
      const std::size_t n = shard.end - shard.begin;
      c.rewards.resize(envs_->num_envs());
      c.finished.reserve(config_.n_steps * n);
      c.truncated.reserve(n);
      c.finals.resize(n * envs_->observation_size());
    });
    finished_.reserve(rollout_.rows());
    by_environment_.reserve(rollout_.rows());
    cursors_.resize(envs.num_shards());
    const std::size_t pool_size = std::max(threads.size(), envs.pool().size());
    for (std::size_t t = 0; t < pool_size; ++t) scratch_.emplace_back(*this, std::max(shard_rows, shard_envs));
  }

  // ------------------------------------------------------------------------------------------------------------ training

  /// Trains until `num_timesteps` is the first multiple of n_steps * num_envs at or above the total.
  /// @throws NumericError (the parameters are those before the failed step), EnvironmentError, IoError
  LearnResult learn(std::uint64_t total_timesteps, const LearnOptions& options = {}) {
    if (learning_) throw Error("Ppo::learn was called from a callback; return false there and call it again afterwards");
    if (options.log_interval == 0) throw ConfigError("LearnOptions.log_interval = 0; it must be at least 1");
    learning_ = true;
    logger_ = options.logger;
    struct End {
      Ppo& ppo;
      ~End() {
        ppo.learning_ = false;
        ppo.logger_ = nullptr;
      }
    } end{*this};
    begin_learn(total_timesteps, options);

    bool stopped = false;
    for (Callback* const callback : options.callbacks) callback->on_training_start(*this);
    while (num_timesteps_ < total_timesteps_ && !stopped) {
      for (Callback* const callback : options.callbacks) callback->on_rollout_start(*this);
      collect();
      prepare_rollout();
      stopped = report_episodes(options) || stopped;
      for (Callback* const callback : options.callbacks) stopped = !callback->on_rollout_end(*this) || stopped;
      update();
      if (logger_ != nullptr) record_update();
      for (Callback* const callback : options.callbacks) stopped = !callback->on_update_end(*this) || stopped;
      if (logger_ != nullptr && (n_updates_ % options.log_interval == 0)) dump();
      stopped = stopped || (options.stop != nullptr && options.stop->load(std::memory_order_relaxed));
    }
    for (Callback* const callback : options.callbacks) callback->on_training_end(*this);
    return {num_timesteps_, n_updates_, stopped};
  }

  // ---------------------------------------------------------------------------------------------------------- prediction

  /// One action from one observation, as `InferencePolicy::act` would choose it. Not safe from several threads.
  /// @param mask empty if the environment has none. @param random needed for a draw (`deterministic` false).
  Prediction predict(std::span<const float> observation, std::span<const std::uint8_t> mask = {}, bool deterministic = true,
                     RandomStream* random = nullptr) const {
    if (observation.size() != layout_.observation_size || mask.size() != rollout_.shape.mask_width) {
      throw ShapeError("Ppo::predict: observation of " + std::to_string(observation.size()) + " and mask of " +
                       std::to_string(mask.size()) + " numbers, expected " + std::to_string(layout_.observation_size) +
                       " and " + std::to_string(rollout_.shape.mask_width));
    }
    if (!deterministic && random == nullptr) throw ConfigError("Ppo::predict: a draw needs random numbers");
    Scratch& scratch = scratch_[0];
    forward(MatrixView<const float>(observation.data(), 1, observation.size()), scratch);
    const std::span<const float> logits = std::as_const(scratch).workspace.output(action_output_).row(0);
    Prediction result;
    const std::size_t action =
        deterministic ? nn::categorical::mode(logits, mask) : nn::categorical::sample(logits, mask, random->uniform());
    const auto row = nn::categorical::evaluate(logits, mask, action);
    result.action = static_cast<std::int32_t>(action);
    result.value = critic_.value(std::as_const(scratch).workspace.output(value_output_).row(0));
    result.log_prob = row.log_prob;
    result.entropy = row.entropy;
    return result;
  }

  InferencePolicy policy() const override {
    return {spec_, store_, described_layout(), config_.normalize_observation ? &observation_statistics_ : nullptr};
  }
  /// Writes the policy alone, for `InferencePolicy`. @throws IoError
  void export_policy(const std::string& path, const PolicyInfo& info = {}) const override {
    PolicyInfo all = info;
    all.try_emplace("num_timesteps", std::to_string(num_timesteps_));
    policy().save(path, all);
  }

  // ---------------------------------------------------------------------------------------------------------- checkpoints

  /// Writes everything that training needs to continue exactly, and beside it, for people, the metadata as `<name>.json`.
  /// @throws IoError; the old file stays on failure
  void save(const std::string& path) const override {
    StateBuffers state = state_buffers();
    const nlohmann::json description = metadata();
    io::write_safetensors(path, {{"rlx", description.dump()}}, tensors(state));
    io::write_file_atomically(description_path(path), description.dump(2) + '\n');
  }

  /// Continues from a checkpoint: afterwards `learn(..., {.reset_num_timesteps = false})` gives the bytes of a run that was
  /// never interrupted. The configuration, the environments' sizes and `identity` are compared key by key.
  /// @throws IoError, CheckpointError listing each difference; then this object is unchanged
  void load(const std::string& path, const LoadOptions& options = {});

  /// Texts that a checkpoint is compared on when it is loaded: hashes of data, venues, layouts. Set before `load`.
  std::map<std::string, std::string> identity;

  // ------------------------------------------------------------------------------------------------------------- looking in

  std::uint64_t num_timesteps() const override { return num_timesteps_; }
  std::uint64_t total_timesteps() const override { return total_timesteps_; }
  std::uint64_t num_episodes() const override { return num_episodes_; }
  std::uint64_t n_updates() const override { return n_updates_; }
  const UpdateMetrics& last_update() const override { return metrics_; }
  double mean_episode_return() const override { return window_mean(window_returns_); }
  double mean_episode_length() const override { return window_mean(window_lengths_); }
  std::uint64_t wall_ms() const override { return static_cast<std::uint64_t>(clock_.now_ms()); }
  double elapsed_seconds() const override { return clock_.monotonic_seconds() - learn_began_; }
  Logger* logger() const override { return logger_; }

  const PpoConfig& config() const noexcept { return config_; }
  const nn::GraphSpec& graph_spec() const noexcept { return spec_; }
  const nn::Graph<float>& graph() const noexcept { return graph_; }
  const nn::ParameterStore<float>& parameters() const noexcept { return store_; }
  nn::ParameterStore<float>& parameters() noexcept { return store_; }
  const PolicyLayout& layout() const noexcept { return layout_; }
  const RunningMeanStd& observation_statistics() const noexcept { return observation_statistics_; }
  /// Of the discounted returns; rewards are divided by its standard deviation.
  const RunningMeanStd& return_statistics() const noexcept { return return_statistics_; }
  const Rollout& rollout() const noexcept { return rollout_; }
  const C& critic() const noexcept { return critic_; }
  const R& objective() const noexcept { return objective_; }
  K& clock() noexcept { return clock_; }
  std::size_t gradient_shards() const noexcept { return gradients_.count(); }
  double total_flops() const override {
    return static_cast<double>(graph_.flops_per_row()) *
           (static_cast<double>(forward_rows_) + 3.0 * static_cast<double>(trained_rows_));
  }
  /// SHA-256 over parameters, moments, statistics and counters: equal runs have equal digests.
  std::string state_hash() const {
    Sha256 hash;
    StateBuffers state = state_buffers();
    for (const io::TensorView& tensor : tensors(state)) {
      hash.update(tensor.name);
      hash.update(tensor.data);
    }
    const std::array<std::uint64_t, 4> counters{num_timesteps_, n_updates_, epochs_, env_steps_};
    hash.update(std::as_bytes(std::span(counters)));
    return hash.hex();
  }

 private:
  using Shard = typename VectorEnv<E>::Shard;
  using Rows = typename VectorEnv<E>::Rows;
  /// Critics and objectives of the user read the whole rollout; the defaults read nothing of it.
  static constexpr bool needs_view = !std::same_as<C, ScalarCritic> || !std::same_as<R, ExpectedReturn>;

  /// Memory of one thread.
  struct Scratch {
    Scratch(const Ppo& ppo, std::size_t rows)
        : workspace(ppo.graph_.make_workspace(rows)),
          input(rows * ppo.layout_.observation_size),
          masks(rows * ppo.rollout_.shape.mask_width),
          actions(rows),
          old_log_probs(rows),
          advantages(rows),
          old_outputs(rows * ppo.rollout_.shape.critic_outputs),
          targets(rows * ppo.rollout_.shape.target_width),
          loss(rows) {}
    nn::Workspace<float> workspace;
    std::vector<float> input;
    std::vector<std::uint8_t> masks;
    std::vector<std::int32_t> actions;
    std::vector<float> old_log_probs, advantages, old_outputs, targets;
    detail::LossScratch<float> loss;
  };
  struct Finished {
    std::uint32_t step = 0;
    EpisodeStatistics statistics;
  };
  /// What one shard of environments brings back besides the rollout.
  struct alignas(64) Collected {
    std::vector<double> rewards;           // of one step; indexed by environment
    std::vector<Finished> finished;        // in time order
    std::vector<std::uint32_t> truncated;  // environments whose last observation needs a value
    std::vector<float> finals;             // those observations
    std::uint64_t final_rows = 0;
  };
  /// What a checkpoint needs in other forms than the learner holds it.
  struct StateBuffers {
    std::vector<std::vector<std::byte>> environments;
    std::vector<std::byte> sampler, critic, objective;
    double observation_count = 0.0, return_count = 0.0;
    std::vector<double> window_returns, window_lengths;
  };

  nn::Graph<float> build_graph() {
    if (envs_->config().autoreset != AutoresetMode::same_step) {
      throw ConfigError(
          "Ppo needs VectorEnvConfig.autoreset = same_step; other modes leave steps without an action in the rollout");
    }
    validate(config_, envs_->num_envs());
    nn::Graph<float> graph = nn::Graph<float>::build(spec_, store_);
    const auto expect = [](const std::string& what, std::size_t found, std::size_t expected, const char* why) {
      if (found != expected) {
        throw ShapeError("graph: " + what + " has width " + std::to_string(found) + ", expected " + std::to_string(expected) +
                         ' ' + why);
      }
    };
    expect("the input", graph.input_width(), envs_->observation_size(), "(floats of an observation)");
    expect("output 'action'", graph.output_width("action"), static_cast<std::size_t>(envs_->action_space().n),
           "(one logit per action)");
    expect("output 'value'", graph.output_width("value"), critic_.outputs(), "(outputs of the critic)");
    action_output_ = graph.output_index("action");
    value_output_ = graph.output_index("value");
    return graph;
  }

  PolicyLayout make_layout() const {
    PolicyLayout layout;
    layout.observation_size = envs_->observation_size();
    layout.num_actions = static_cast<std::size_t>(envs_->action_space().n);
    layout.mask_required = envs_->mask_width() != 0;
    if constexpr (NamedLayout<E>) {
      const E& env = envs_->environment(0);
      for (std::size_t i = 0; i < layout.observation_size; ++i)
        layout.observation_names.emplace_back(std::string_view(env.observation_names()[i]));
      for (std::size_t i = 0; i < layout.num_actions; ++i)
        layout.action_names.emplace_back(std::string_view(env.action_names()[i]));
    }
    layout.layout_sha256 = layout_hash(layout);
    layout.normalize_observation = config_.normalize_observation;
    layout.clip_obs = config_.clip_obs;
    return layout;
  }

  // -------------------------------------------------------------------------------------------------------------- collecting

  void begin_learn(std::uint64_t total_timesteps, const LearnOptions& options) {
    if (options.reset_num_timesteps) num_timesteps_ = 0;
    total_timesteps_ = total_timesteps + num_timesteps_;
    if (options.reset_num_timesteps || !started_) {
      Rows rows;
      rows.observations = rollout_.observations_at(config_.n_steps);
      rows.masks = rollout_.masks_at(config_.n_steps);
      envs_->reset_into(rows);
      std::fill(discounted_returns_.begin(), discounted_returns_.end(), 0.0);
      std::fill(rollout_.running_returns.begin(), rollout_.running_returns.end(), 0.0);
      first_row_is_new_ = true;
      started_ = true;
    }
    learn_began_ = clock_.monotonic_seconds();
    steps_at_begin_ = num_timesteps_;
    if (options.logger != nullptr) options.logger->open(static_cast<double>(clock_.now_ms()) * 1e-3);
  }

  /// Runs the network on raw observations; rows must be contiguous.
  void forward(MatrixView<const float> rows, Scratch& scratch) const {
    if (config_.normalize_observation) {
      const MatrixView<float> scaled(scratch.input.data(), rows.rows(), rows.cols());
      for (std::size_t i = 0; i < rows.rows(); ++i) {
        scaling_.apply(observation_statistics_, rows.row(i), scaled.row(i));
      }
      rows = scaled;
    }
    graph_.forward(store_.parameters(), rows, scratch.workspace);
  }

  void collect() {
    rollout_.begin_next();
    started_ = false;  // an exception below leaves the environments in the middle of a step
    envs_->for_each_shard(
        [&](Shard& shard) { collect_shard(shard, collected_[shard.index], scratch_[ThreadPool::thread_index()]); });
    started_ = true;
    const std::uint64_t rows = rollout_.rows();
    env_steps_ += config_.n_steps;
    num_timesteps_ += rows;
    forward_rows_ += rows + rollout_.shape.num_envs;
    for (const Collected& c : collected_) forward_rows_ += c.final_rows;
    merge_finished();
  }

  void collect_shard(Shard& shard, Collected& collected, Scratch& scratch) {
    const std::size_t first = shard.begin;
    const std::size_t count = shard.end - shard.begin;
    const std::size_t num_envs = rollout_.shape.num_envs;
    const MatrixView<const std::int32_t> all_actions(rollout_.actions.data(), rollout_.rows(), 1);
    const MatrixView<float> outputs = rollout_.all_critic_outputs();
    collected.finished.clear();
    collected.final_rows = 0;
    for (std::size_t t = 0; t < config_.n_steps; ++t) {
      forward(MatrixView<const float>(rollout_.observations_at(t)).rows_range(first, count), scratch);
      const MatrixView<const float> logits = std::as_const(scratch).workspace.output(action_output_);
      const MatrixView<const float> critic_rows = std::as_const(scratch).workspace.output(value_output_);
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t row = t * num_envs + first + i;
        const std::span<const std::uint8_t> mask = rollout_.mask(row);
        RandomStream random({config_.seed, Purpose::action, static_cast<std::uint32_t>(first + i), env_steps_ + t});
        const auto drawn = nn::categorical::sample_and_evaluate(logits.row(i), mask, random.uniform());
        if (config_.check_finite && (!is_finite(drawn.log_prob) || !is_finite(drawn.entropy) ||
                                     first_non_finite(critic_rows.row(i)) != critic_rows.cols())) [[unlikely]] {
          throw_outputs(logits.row(i), critic_rows.row(i), mask,
                        "environment " + std::to_string(first + i) + ", step " + std::to_string(env_steps_ + t), env_steps_ + t,
                        first + i);
        }
        rollout_.actions[row] = static_cast<std::int32_t>(drawn.action);
        rollout_.log_probs[row] = drawn.log_prob;
        store_critic(critic_rows.row(i), outputs.row(row), rollout_.values[row]);
      }
      shard.step(all_actions.rows_range(t * num_envs, num_envs), step_rows(t, collected));
      collected.truncated.clear();
      for (std::size_t e = first; e < first + count; ++e) {
        const std::size_t row = t * num_envs + e;
        rollout_.rewards[row] = static_cast<float>(collected.rewards[e]);
        if (rollout_.truncated[row] != 0 && rollout_.terminated[row] == 0)
          collected.truncated.push_back(static_cast<std::uint32_t>(e));
      }
      if (!collected.truncated.empty()) value_final_observations(t, collected, scratch);
      for (const EpisodeStatistics& episode : shard.finished())
        collected.finished.push_back({static_cast<std::uint32_t>(t), episode});
    }
    forward(MatrixView<const float>(rollout_.observations_at(config_.n_steps)).rows_range(first, count), scratch);
    const MatrixView<const float> critic_rows = std::as_const(scratch).workspace.output(value_output_);
    const MatrixView<float> last_outputs = rollout_.all_last_critic_outputs();
    for (std::size_t i = 0; i < count; ++i)
      store_critic(critic_rows.row(i), last_outputs.row(first + i), rollout_.last_values[first + i]);
  }

  Rows step_rows(std::size_t t, Collected& collected) {
    const std::size_t n = rollout_.shape.num_envs;
    Rows rows;
    rows.observations = rollout_.observations_at(t + 1);
    rows.masks = rollout_.masks_at(t + 1);
    rows.final_observations = {final_observations_.data(), n, rollout_.shape.observation_size};
    rows.rewards = collected.rewards;
    rows.terminated = std::span(rollout_.terminated).subspan(t * n, n);
    rows.truncated = std::span(rollout_.truncated).subspan(t * n, n);
    return rows;
  }

  void store_critic(std::span<const float> from, std::span<float> outputs, float& value) const {
    std::copy(from.begin(), from.end(), outputs.begin());  // with one output this is `value` itself
    value = critic_.value(from);
  }

  /// V of the last observations of episodes that were cut at step t.
  void value_final_observations(std::size_t t, Collected& collected, Scratch& scratch) {
    const std::size_t width = rollout_.shape.observation_size;
    const std::size_t count = collected.truncated.size();
    for (std::size_t i = 0; i < count; ++i) {
      std::copy_n(final_observations_.data() + collected.truncated[i] * width, width, collected.finals.data() + i * width);
    }
    forward(MatrixView<const float>(collected.finals.data(), count, width), scratch);
    const MatrixView<const float> critic_rows = std::as_const(scratch).workspace.output(value_output_);
    const MatrixView<float> outputs = rollout_.all_final_critic_outputs();
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t row = t * rollout_.shape.num_envs + collected.truncated[i];
      store_critic(critic_rows.row(i), outputs.row(row), rollout_.final_values[row]);
    }
    collected.final_rows += count;
  }

  /// Episodes of all shards in (time, environment) order.
  void merge_finished() {
    finished_.clear();
    std::fill(cursors_.begin(), cursors_.end(), std::size_t{0});
    for (std::uint32_t t = 0; t < config_.n_steps; ++t) {
      for (std::size_t s = 0; s < collected_.size(); ++s) {
        const std::vector<Finished>& from = collected_[s].finished;
        for (; cursors_[s] < from.size() && from[cursors_[s]].step == t; ++cursors_[s])
          finished_.push_back(from[cursors_[s]].statistics);
      }
    }
  }

  // -------------------------------------------------------------------------------------------------------------- preparing

  void prepare_rollout() {
    const std::size_t n = rollout_.shape.num_envs;
    if (config_.normalize_reward) scale_rewards();
    compute_gae(GaeInput<float>{rollout_.used_rewards(), rollout_.values, rollout_.final_values, rollout_.terminated,
                                rollout_.truncated, rollout_.last_values, config_.n_steps, n},
                static_cast<float>(config_.gamma), static_cast<float>(config_.gae_lambda), rollout_.advantages,
                rollout_.gae_returns());
    metrics_.explained_variance = explained_variance<float>(rollout_.values, rollout_.gae_returns());
    if constexpr (needs_view) {
      rollout_.find_episodes();
      const RolloutView view = rollout_view();
      critic_.prepare(view, std::span<float>(rollout_.targets));
      objective_.on_rollout(view, std::span<float>(rollout_.advantages));
    }
    update_sampler();
  }

  /// Observations are counted after the update, so that a rollout and its update see them scaled alike.
  void count_observations() {
    if (config_.normalize_observation) {
      for (std::size_t t = first_row_is_new_ ? 0 : 1; t <= config_.n_steps; ++t) {
        observation_statistics_.update(MatrixView<const float>(rollout_.observations_at(t)));
      }
    }
    first_row_is_new_ = false;
  }

  void scale_rewards() {
    const std::size_t n = rollout_.shape.num_envs;
    for (std::size_t t = 0; t < config_.n_steps; ++t) {
      for (std::size_t e = 0; e < n; ++e) {
        discounted_returns_[e] = config_.gamma * discounted_returns_[e] + static_cast<double>(rollout_.rewards[t * n + e]);
      }
      return_statistics_.update(std::span<const double>(discounted_returns_));
      for (std::size_t e = 0; e < n; ++e) {
        if ((rollout_.terminated[t * n + e] | rollout_.truncated[t * n + e]) != 0) discounted_returns_[e] = 0.0;
      }
    }
    const double scale = 1.0 / reward_std();
    for (std::size_t i = 0; i < rollout_.rows(); ++i) {
      const double scaled = static_cast<double>(rollout_.rewards[i]) * scale;
      rollout_.scaled_rewards[i] = static_cast<float>(std::clamp(scaled, -config_.clip_reward, config_.clip_reward));
    }
  }
  double reward_std() const { return config_.normalize_reward ? std::sqrt(return_statistics_.variance()[0] + 1e-8) : 1.0; }

  RolloutView rollout_view() {
    RolloutView view;
    view.n_steps = config_.n_steps;
    view.num_envs = rollout_.shape.num_envs;
    view.rewards = rollout_.rewards;
    view.scaled_rewards = rollout_.used_rewards();
    view.reward_scale = reward_std();
    view.terminated = rollout_.terminated;
    view.truncated = rollout_.truncated;
    view.values = rollout_.values;
    view.log_probs = rollout_.log_probs;
    view.critic_outputs = rollout_.all_critic_outputs();
    view.final_critic_outputs = rollout_.all_final_critic_outputs();
    view.last_critic_outputs = rollout_.all_last_critic_outputs();
    view.targets = {rollout_.targets.data(), rollout_.rows(), rollout_.shape.target_width};
    view.episodes = rollout_.episodes;
    view.gamma = config_.gamma;
    view.gae_lambda = config_.gae_lambda;
    view.update = n_updates_;
    view.seed = config_.seed;
    return view;
  }

  /// The sampler gets episodes in (environment, episode) order, whatever the order they ended in.
  void update_sampler() {
    by_environment_.assign(finished_.begin(), finished_.end());
    std::sort(by_environment_.begin(), by_environment_.end(), [](const EpisodeStatistics& a, const EpisodeStatistics& b) {
      return a.env != b.env ? a.env < b.env : a.episode < b.episode;
    });
    envs_->update_sampler(by_environment_);
  }

  /// @return true if a callback asks to stop
  bool report_episodes(const LearnOptions& options) {
    bool stop = false;
    for (const EpisodeStatistics& episode : finished_) {
      const std::size_t slot = num_episodes_ % window_returns_.size();
      window_returns_[slot] = episode.episode_return;
      window_lengths_[slot] = static_cast<double>(episode.length);
      ++num_episodes_;
      if (logger_ == nullptr && options.callbacks.empty()) continue;
      const EpisodeRecord record{num_episodes_, num_timesteps_,
                                 n_updates_ == 0 ? std::numeric_limits<double>::quiet_NaN() : metrics_.loss,
                                 n_updates_ == 0 ? std::numeric_limits<double>::quiet_NaN() : metrics_.entropy, episode};
      if (logger_ != nullptr) {
        if constexpr (ReportsMetrics<E>) {
          for (std::size_t m = 0; m < episode.num_metrics; ++m) {
            logger_->record_mean("metrics/" + std::string(std::string_view(E::metric_names()[m])), episode.metrics[m]);
          }
        }
        logger_->episode(record);
      }
      for (Callback* const callback : options.callbacks) stop = !callback->on_episode(*this, record) || stop;
    }
    return stop;
  }

  double window_mean(const std::vector<double>& window) const {
    const std::size_t n = std::min<std::size_t>(static_cast<std::size_t>(num_episodes_), window.size());
    if (n == 0) return std::numeric_limits<double>::quiet_NaN();
    double sum = 0.0;
    for (std::size_t i = 0; i < n; ++i) sum += window[i];
    return sum / static_cast<double>(n);
  }

  // --------------------------------------------------------------------------------------------------------------- updating

  void update() {
    const double progress = std::max(
        0.0, 1.0 - static_cast<double>(num_timesteps_) / static_cast<double>(std::max<std::uint64_t>(total_timesteps_, 1)));
    const double explained = metrics_.explained_variance;
    metrics_ = {};
    metrics_.explained_variance = explained;
    metrics_.learning_rate = config_.learning_rate(progress);
    metrics_.clip_range = config_.clip_range(progress);
    metrics_.ent_coef = config_.ent_coef(progress);
    metrics_.reward_std = reward_std();
    detail::LossSettings<float> settings;
    settings.clip_range = static_cast<float>(metrics_.clip_range);
    if (config_.clip_range_vf) settings.clip_range_vf = static_cast<float>((*config_.clip_range_vf)(progress));
    settings.value_clip = config_.value_clip;
    settings.ent_coef = static_cast<float>(metrics_.ent_coef);
    settings.vf_coef = static_cast<float>(config_.vf_coef);

    detail::LossSums totals;
    std::size_t evaluated_rows = 0;
    std::size_t evaluated = 0;
    for (std::size_t epoch = 0; epoch < config_.n_epochs && !metrics_.stopped_by_kl; ++epoch) {
      RandomStream random({config_.seed, Purpose::permutation, 0, epochs_++});
      permutation(random, indices_);
      for (std::size_t begin = 0; begin < indices_.size(); begin += config_.batch_size) {
        const std::size_t rows = std::min(config_.batch_size, indices_.size() - begin);
        settings.batch_rows = rows;
        const detail::LossSums sums =
            minibatch(std::span<const std::uint32_t>(indices_).subspan(begin, rows), settings, epoch, begin);
        totals.add(sums);
        evaluated_rows += rows;
        ++evaluated;
        if (config_.target_kl && sums.kl / static_cast<double>(rows) > 1.5 * *config_.target_kl) {
          metrics_.stopped_by_kl = true;
          break;
        }
        step(epoch, begin);
      }
    }
    count_observations();
    ++n_updates_;
    finish_metrics(totals, evaluated_rows, evaluated);
  }

  /// Loss and gradient of one minibatch, left in the gradient shards.
  detail::LossSums minibatch(std::span<const std::uint32_t> rows, const detail::LossSettings<float>& settings,
                             std::size_t epoch, std::size_t begin) {
    const AdvantageMoments moments =
        config_.normalize_advantage
            ? advantage_moments(rows.size(), [&](std::size_t i) { return rollout_.advantages[rows[i]]; })
            : AdvantageMoments{};
    const std::size_t shards = gradients_.count();
    threads_->run(shards, [&](std::size_t s) {
      const std::size_t first = s * rows.size() / shards;
      const std::size_t last = (s + 1) * rows.size() / shards;
      const std::span<float> gradient = gradients_.shard(s);
      std::fill(gradient.begin(), gradient.end(), 0.0F);
      shard_sums_[s] = {};
      if (first != last) {
        shard_sums_[s] = gradient_shard(rows.subspan(first, last - first), moments, settings, gradient,
                                        scratch_[ThreadPool::thread_index()], epoch, begin);
      }
    });
    trained_rows_ += rows.size();
    detail::LossSums sums;
    for (const detail::LossSums& shard : shard_sums_) sums.add(shard);
    if (config_.check_finite && (!is_finite(sums.policy) || !is_finite(sums.value) || !is_finite(sums.extra))) {
      throw NumericError("the loss is not finite at " + where(epoch, begin) + "; the parameters are those before this step",
                         "loss", n_updates_);
    }
    return sums;
  }

  detail::LossSums gradient_shard(std::span<const std::uint32_t> rows, const AdvantageMoments& moments,
                                  const detail::LossSettings<float>& settings, std::span<float> gradient, Scratch& scratch,
                                  std::size_t epoch, std::size_t begin) {
    const std::size_t n = rows.size();
    const std::size_t width = rollout_.shape.observation_size;
    const std::size_t mask_width = rollout_.shape.mask_width;
    const std::size_t outputs = rollout_.shape.critic_outputs;
    const std::size_t target_width = rollout_.shape.target_width;
    const MatrixView<const float> old_outputs = rollout_.all_critic_outputs();
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t row = rows[i];
      const std::span<float> input(scratch.input.data() + i * width, width);
      const std::span<const float> observation = rollout_.observation(row);
      if (config_.normalize_observation) {
        scaling_.apply(observation_statistics_, observation, input);
      } else {
        std::copy(observation.begin(), observation.end(), input.begin());
      }
      std::copy_n(rollout_.masks.data() + row * mask_width, mask_width, scratch.masks.data() + i * mask_width);
      scratch.actions[i] = rollout_.actions[row];
      scratch.old_log_probs[i] = rollout_.log_probs[row];
      scratch.advantages[i] =
          static_cast<float>((static_cast<double>(rollout_.advantages[row]) - moments.mean) * moments.scale);
      std::copy_n(old_outputs.row(row).data(), outputs, scratch.old_outputs.data() + i * outputs);
      std::copy_n(rollout_.targets.data() + row * target_width, target_width, scratch.targets.data() + i * target_width);
    }
    graph_.forward(store_.parameters(), MatrixView<const float>(scratch.input.data(), n, width), scratch.workspace);
    const MatrixView<const float> logits = std::as_const(scratch).workspace.output(action_output_);
    const MatrixView<const float> critic_rows = std::as_const(scratch).workspace.output(value_output_);
    const detail::LossRows<float> in{rows,
                                     {scratch.masks.data(), n, mask_width},
                                     std::span<const std::int32_t>(scratch.actions).first(n),
                                     std::span<const float>(scratch.old_log_probs).first(n),
                                     std::span<const float>(scratch.advantages).first(n),
                                     {scratch.old_outputs.data(), n, outputs},
                                     {scratch.targets.data(), n, target_width}};
    const detail::LossSums sums =
        detail::ppo_loss<float>(in, settings, logits, critic_rows, scratch.workspace.output_gradient(action_output_),
                                scratch.workspace.output_gradient(value_output_), scratch.loss, critic_, objective_);
    if (sums.first_bad < n && config_.check_finite) [[unlikely]] {
      const std::size_t i = sums.first_bad;
      throw_outputs(logits.row(i), critic_rows.row(i), rollout_.mask(rows[i]), where(epoch, begin), n_updates_, {});
    }
    graph_.backward(store_.parameters(), gradient, scratch.workspace);
    return sums;
  }

  /// Sums the gradient shards, looks at the norm, clips and steps.
  void step(std::size_t epoch, std::size_t begin) {
    const double norm = gradients_.reduce(*threads_);
    if (config_.check_finite && !is_finite(norm)) [[unlikely]]
      throw_gradient(epoch, begin);
    const double factor = std::min(1.0, config_.max_grad_norm / (norm + 1e-6));
    const nn::Adam::Step factors = adam_.begin_step(metrics_.learning_rate, factor);
    threads_->run(gradients_.blocks(), [&](std::size_t b) {
      const std::size_t first = b * detail::GradientShards::block;
      const std::size_t count = std::min(detail::GradientShards::block, store_.parameters().size() - first);
      adam_.apply(factors, store_.parameters(), gradients_.shard(0), first, count);
    });
    metrics_.grad_norm += norm;
    ++metrics_.minibatches;
  }

  void finish_metrics(const detail::LossSums& totals, std::size_t rows, std::size_t minibatches) {
    const auto n = static_cast<double>(rows);
    const auto batches = static_cast<double>(minibatches);
    metrics_.policy_gradient_loss = totals.policy / n;
    metrics_.value_loss = totals.value / batches;
    metrics_.entropy = totals.entropy / n;
    metrics_.entropy_loss = -metrics_.entropy;
    if (totals.rows_with_choice != 0) {
      metrics_.entropy_rescaled = totals.rescaled_entropy / static_cast<double>(totals.rows_with_choice);
      metrics_.entropy_share = totals.entropy / totals.log_valid;
    }
    metrics_.loss = metrics_.policy_gradient_loss + metrics_.ent_coef * metrics_.entropy_loss +
                    config_.vf_coef * metrics_.value_loss + totals.extra / batches;
    metrics_.approx_kl = totals.kl / n;
    metrics_.approx_kl_k1 = totals.kl_k1 / n;
    metrics_.clip_fraction = static_cast<double>(totals.clipped) / n;
    if (metrics_.minibatches != 0) metrics_.grad_norm /= static_cast<double>(metrics_.minibatches);
    metrics_.n_updates = n_updates_;
  }

  std::string where(std::size_t epoch, std::size_t begin) const {
    return "update " + std::to_string(n_updates_) + ", epoch " + std::to_string(epoch) + ", minibatch " +
           std::to_string(begin / config_.batch_size);
  }

  [[noreturn]] void throw_outputs(std::span<const float> logits, std::span<const float> critic_row,
                                  std::span<const std::uint8_t> mask, const std::string& place, std::uint64_t step,
                                  std::optional<std::size_t> env) const {
    for (std::size_t i = 0; i < critic_row.size(); ++i) {
      if (!is_finite(critic_row[i])) {
        throw NumericError(
            "value[" + std::to_string(i) + "] is not finite at " + place + "; lower learning_rate or max_grad_norm", "value",
            step, env);
      }
    }
    for (std::size_t i = 0; i < logits.size(); ++i) {
      if ((mask.empty() || mask[i] != 0) && !is_finite(logits[i])) {
        throw NumericError(
            "logit[" + std::to_string(i) + "] is not finite at " + place + "; lower learning_rate or max_grad_norm", "action",
            step, env);
      }
    }
    throw NumericError("the loss is not finite at " + place +
                           ": the probability ratio or an advantage overflows, or the stored action is "
                           "invalid under its mask",
                       "loss", step, env);
  }

  [[noreturn]] void throw_gradient(std::size_t epoch, std::size_t begin) const {
    for (const nn::TensorInfo& tensor : store_.layout()) {
      const auto values = store_.gradients().subspan(tensor.offset, tensor.size);
      if (first_non_finite(values) != values.size()) {
        throw NumericError("the gradient of '" + tensor.name + "' is not finite at " + where(epoch, begin) +
                               "; the parameters are those before this step",
                           tensor.name, n_updates_);
      }
    }
    throw NumericError(
        "the norm of the gradient overflows at " + where(epoch, begin) + "; the parameters are those before this step",
        "gradient", n_updates_);
  }

  // ---------------------------------------------------------------------------------------------------------------- logging

  void record_update() {
    Logger& log = *logger_;
    const UpdateMetrics& m = metrics_;
    log.record("train/approx_kl", m.approx_kl);
    log.record("train/approx_kl_k1", m.approx_kl_k1);
    log.record("train/clip_fraction", m.clip_fraction);
    log.record("train/clip_range", m.clip_range);
    log.record("train/entropy", m.entropy);
    log.record("train/entropy_loss", m.entropy_loss);
    log.record("train/entropy_rescaled", m.entropy_rescaled);
    log.record("train/explained_variance", m.explained_variance);
    log.record("train/grad_norm", m.grad_norm);
    log.record("train/learning_rate", m.learning_rate);
    log.record("train/ent_coef", m.ent_coef);
    log.record("train/loss", m.loss);
    log.record("train/n_updates", static_cast<double>(m.n_updates));
    log.record("train/policy_gradient_loss", m.policy_gradient_loss);
    log.record("train/value_loss", m.value_loss);
    if (config_.normalize_reward) log.record("train/reward_std", m.reward_std);
    objective_.record(log);
    log.record("rollout/ep_rew_mean", mean_episode_return());
    log.record("rollout/ep_len_mean", mean_episode_length());
    const double seconds = elapsed_seconds();
    log.record("time/iterations", static_cast<double>(n_updates_));
    log.record("time/time_elapsed", seconds);
    log.record("time/total_timesteps", static_cast<double>(num_timesteps_));
    log.record("time/fps", seconds > 0.0 ? static_cast<double>(num_timesteps_ - steps_at_begin_) / seconds : 0.0);
  }
  void dump() { logger_->dump(num_timesteps_, static_cast<double>(clock_.now_ms()) * 1e-3); }

  // ------------------------------------------------------------------------------------------------------------ checkpoints

  nlohmann::json run_description() const {
    nlohmann::json run = config_to_json(config_);
    run["gradient_shards"] = gradients_.count();
    run["num_envs"] = envs_->num_envs();
    run["num_shards"] = envs_->num_shards();
    run["env_seed"] = envs_->config().seed;
    run["layout_sha256"] = layout_.layout_sha256;
    run["graph_sha256"] = sha256_hex(nlohmann::json(spec_).dump());
    for (const auto& [key, value] : identity) run[key] = value;
    return run;
  }

  /// The layout with the texts of `identity`, so that whoever loads the policy alone can check them too.
  PolicyLayout described_layout() const {
    PolicyLayout layout = layout_;
    for (const auto& [key, value] : identity) layout.info[key] = value;
    return layout;
  }

  nlohmann::json metadata() const {
    const nlohmann::json run = run_description();
    nlohmann::json meta = {{"format", detail::checkpoint_format},
                           {"version", 1},
                           {"library", RLX_VERSION_STRING},
                           {"algorithm", "ppo"},
                           {"run", run},
                           {"run_sha256", config_hash(run)},
                           {"graph", nlohmann::json(spec_)},
                           {"policy", detail::layout_to_json(described_layout())},
                           {"notes", notes},
                           {"environment_state", VectorEnv<E>::saves_environments ? "present" : "absent"}};
    meta["counters"] = {{"num_timesteps", num_timesteps_},
                        {"total_timesteps", total_timesteps_},
                        {"n_updates", n_updates_},
                        {"epochs", epochs_},
                        {"adam_t", adam_.steps()},
                        {"env_steps", env_steps_},
                        {"num_episodes", num_episodes_},
                        {"forward_rows", forward_rows_},
                        {"trained_rows", trained_rows_},
                        {"started", started_},
                        {"first_row_is_new", first_row_is_new_}};
    meta["best"] =
        best ? nlohmann::json{{"score", best->score}, {"num_timesteps", best->num_timesteps}, {"episode", best->episode}}
             : nlohmann::json();
    return meta;
  }

  StateBuffers state_buffers() const {
    StateBuffers state;
    state.environments.resize(envs_->num_envs());
    for (std::size_t e = 0; e < envs_->num_envs(); ++e) envs_->save_environment(e, state.environments[e]);
    StateWriter writer(state.sampler);
    envs_->sampler().save_state(writer);
    save_extension(critic_, state.critic);
    save_extension(objective_, state.objective);
    state.observation_count = observation_statistics_.count();
    state.return_count = return_statistics_.count();
    return state;
  }

  template <class X>
  static constexpr bool has_state = requires(const X& constant, X& x, StateWriter& out, StateReader& in) {
    constant.save_state(out);
    x.load_state(in);
  };
  template <class X>
  static void save_extension(const X& extension, std::vector<std::byte>& bytes) {
    if constexpr (has_state<X>) {
      StateWriter writer(bytes);
      extension.save_state(writer);
    }
  }
  template <class X>
  static X load_extension(X extension, const io::Safetensors& file, const char* name) {
    if constexpr (has_state<X>) {
      StateReader reader(file.at(name).data);
      extension.load_state(reader);
      reader.expect_end();
    } else {
      static_cast<void>(file);
      static_cast<void>(name);
    }
    return extension;
  }

  static std::string environment_tensor(std::size_t e) { return "environment/" + std::to_string(e); }

  /// Views of everything a checkpoint holds; `state` must outlive them.
  std::vector<io::TensorView> tensors(const StateBuffers& state) const {
    const std::size_t n = rollout_.shape.num_envs;
    const auto bytes = [](std::string name, const std::vector<std::byte>& data) {
      return io::TensorView{std::move(name), io::DType::U8, {data.size()}, data};
    };
    std::vector<io::TensorView> all;
    detail::append_parameters(store_, all);
    all.push_back(io::tensor_view("optimizer/m", adam_.first_moment()));
    all.push_back(io::tensor_view("optimizer/v", adam_.second_moment()));
    if (config_.normalize_observation)
      detail::append_normalizer("observation", observation_statistics_, state.observation_count, all);
    if (config_.normalize_reward) {
      detail::append_normalizer("reward", return_statistics_, state.return_count, all);
      all.push_back(io::tensor_view("rollout/discounted_returns", std::span<const double>(discounted_returns_)));
    }
    const std::size_t width = n * rollout_.shape.observation_size;
    const std::size_t mask_bytes = n * rollout_.shape.mask_width;
    all.push_back(io::tensor_view("rollout/current_observations", std::span(rollout_.observations).last(width),
                                  {n, rollout_.shape.observation_size}));
    if (mask_bytes != 0)
      all.push_back(
          io::tensor_view("rollout/current_masks", std::span(rollout_.masks).last(mask_bytes), {n, rollout_.shape.mask_width}));
    all.push_back(io::tensor_view("rollout/episode_returns", std::span<const double>(rollout_.running_returns)));
    all.push_back(io::tensor_view("statistics/returns", std::span<const double>(window_returns_)));
    all.push_back(io::tensor_view("statistics/lengths", std::span<const double>(window_lengths_)));
    for (std::size_t e = 0; e < n; ++e) all.push_back(bytes(environment_tensor(e), state.environments[e]));
    all.push_back(bytes("sampler", state.sampler));
    if constexpr (has_state<C>) all.push_back(bytes("critic", state.critic));
    if constexpr (has_state<R>) all.push_back(bytes("risk", state.objective));
    return all;
  }

  PpoConfig config_;
  VectorEnv<E>* envs_;
  ThreadPool* threads_;
  C critic_;
  R objective_;
  K clock_;
  nn::GraphSpec spec_;
  nn::ParameterStore<float> store_;
  std::size_t action_output_ = 0, value_output_ = 0;
  nn::Graph<float> graph_;
  PolicyLayout layout_;
  detail::ObservationScaling scaling_;
  nn::Adam adam_;
  detail::GradientShards gradients_;
  Rollout rollout_;
  RunningMeanStd observation_statistics_, return_statistics_;
  std::vector<double> discounted_returns_;
  std::vector<float> final_observations_;
  std::vector<std::uint32_t> indices_;
  std::vector<detail::LossSums> shard_sums_;
  std::vector<double> window_returns_, window_lengths_;
  std::vector<Collected> collected_;
  std::vector<EpisodeStatistics> finished_, by_environment_;
  std::vector<std::size_t> cursors_;
  mutable std::vector<Scratch> scratch_;

  UpdateMetrics metrics_;
  std::uint64_t num_timesteps_ = 0, total_timesteps_ = 0, n_updates_ = 0, epochs_ = 0, num_episodes_ = 0;
  std::uint64_t env_steps_ = 0;  ///< steps of each environment since training began; names the action streams
  std::uint64_t forward_rows_ = 0, trained_rows_ = 0;
  bool started_ = false;           ///< the current rows belong to running episodes
  bool first_row_is_new_ = false;  ///< they come from a reset and were not counted yet
  bool learning_ = false;
  Logger* logger_ = nullptr;
  double learn_began_ = 0.0;
  std::uint64_t steps_at_begin_ = 0;
};

template <Environment E, Critic C, RiskObjective R, Clock K>
void Ppo<E, C, R, K>::load(const std::string& path, const LoadOptions& options) {
  const io::Safetensors file = io::Safetensors::open(path);
  const nlohmann::json meta = detail::read_metadata(file);
  if (meta.value("format", std::string()) != detail::checkpoint_format || meta.value("version", 0) != 1 ||
      meta.value("algorithm", std::string()) != "ppo") {
    throw CheckpointError(path + ": expected a ppo checkpoint of version 1, found format " +
                          meta.value("format", nlohmann::json()).dump() + ", algorithm " +
                          meta.value("algorithm", nlohmann::json()).dump() + ", version " +
                          meta.value("version", nlohmann::json()).dump());
  }
  try {
    std::vector<std::string> differences;
    detail::list_differences(meta.at("run"), run_description(), options.allow, differences);
    detail::refuse_differences(path, differences);
    constexpr bool restores = VectorEnv<E>::saves_environments;
    if (!restores && options.exact) {
      throw CheckpointError(
          path +
          ": the environment has no save_state, so training cannot continue exactly; set LoadOptions.exact = false "
          "to start new episodes");
    }

    // Everything is read into copies first, so that a damaged file leaves this learner as it is.
    StateBuffers state = state_buffers();
    detail::refuse_other_tensors(file, tensors(state));
    nn::ParameterStore<float> store = store_;
    detail::read_parameters(file, store);
    const nlohmann::json& counters = meta.at("counters");
    nn::Adam adam = adam_;
    file.read_into("optimizer/m", adam.first_moment());
    file.read_into("optimizer/v", adam.second_moment());
    adam.set_steps(counters.at("adam_t").get<std::uint64_t>());
    RunningMeanStd observation_statistics = observation_statistics_;
    RunningMeanStd return_statistics = return_statistics_;
    std::vector<double> discounted(discounted_returns_.size());
    if (config_.normalize_observation) detail::read_normalizer(file, "observation", observation_statistics);
    if (config_.normalize_reward) {
      detail::read_normalizer(file, "reward", return_statistics);
      file.read_into("rollout/discounted_returns", std::span<double>(discounted));
    }
    const std::size_t n = rollout_.shape.num_envs;
    std::vector<float> observations(n * rollout_.shape.observation_size);
    std::vector<std::uint8_t> masks(n * rollout_.shape.mask_width);
    std::vector<double> running(n);
    std::vector<double> returns(window_returns_.size());
    std::vector<double> lengths(window_lengths_.size());
    file.read_into("rollout/current_observations", std::span<float>(observations));
    if (!masks.empty()) file.read_into("rollout/current_masks", std::span<std::uint8_t>(masks));
    file.read_into("rollout/episode_returns", std::span<double>(running));
    file.read_into("statistics/returns", std::span<double>(returns));
    file.read_into("statistics/lengths", std::span<double>(lengths));
    C critic = load_extension(critic_, file, "critic");
    R objective = load_extension(objective_, file, "risk");
    const auto number = [&](const char* name) { return counters.at(name).get<std::uint64_t>(); };
    const std::array<std::uint64_t, 8> numbers{number("num_timesteps"), number("total_timesteps"), number("n_updates"),
                                               number("epochs"),        number("env_steps"),       number("num_episodes"),
                                               number("forward_rows"),  number("trained_rows")};
    const bool started = counters.at("started").get<bool>();
    const bool first_row_is_new = counters.at("first_row_is_new").get<bool>();
    std::optional<BestScore> saved_best;
    if (const nlohmann::json& b = meta.at("best"); !b.is_null()) {
      saved_best = BestScore{b.at("score").get<double>(), b.at("num_timesteps").get<std::uint64_t>(),
                             b.at("episode").get<std::uint64_t>()};
    }
    auto saved_notes = meta.at("notes").get<std::map<std::string, std::string>>();
    AnyEpisodeSampler sampler = envs_->sampler();
    StateReader sampler_state(file.at("sampler").data);
    sampler.load_state(sampler_state);
    sampler_state.expect_end();
    std::vector<std::span<const std::byte>> episodes(n);
    for (std::size_t e = 0; e < n; ++e) episodes[e] = file.at(environment_tensor(e)).data;
    bool restored = restores;
    try {
      envs_->load_environments(episodes);
    } catch (const CheckpointError&) {
      if (options.exact) throw;
      restored = false;
    }
    envs_->set_sampler(std::move(sampler));

    std::copy(store.parameters().begin(), store.parameters().end(), store_.parameters().begin());
    adam_ = std::move(adam);
    observation_statistics_ = std::move(observation_statistics);
    return_statistics_ = std::move(return_statistics);
    discounted_returns_ = std::move(discounted);
    std::copy(observations.begin(), observations.end(),
              rollout_.observations.end() - static_cast<std::ptrdiff_t>(observations.size()));
    std::copy(masks.begin(), masks.end(), rollout_.masks.end() - static_cast<std::ptrdiff_t>(masks.size()));
    rollout_.running_returns = std::move(running);
    window_returns_ = std::move(returns);
    window_lengths_ = std::move(lengths);
    critic_ = std::move(critic);
    objective_ = std::move(objective);
    num_timesteps_ = numbers[0], total_timesteps_ = numbers[1], n_updates_ = numbers[2], epochs_ = numbers[3];
    env_steps_ = numbers[4], num_episodes_ = numbers[5], forward_rows_ = numbers[6], trained_rows_ = numbers[7];
    started_ = started && restored;
    first_row_is_new_ = first_row_is_new;
    best = saved_best;
    notes = std::move(saved_notes);
  } catch (const nlohmann::json::exception& error) {
    throw CheckpointError(path + ": the metadata is damaged: " + error.what());
  } catch (const ConfigError& error) {
    throw CheckpointError(path + ": " + error.what());
  }
}

}  // namespace rlx

#endif  // RLX_RL_PPO_HPP
