// SPDX-License-Identifier: MIT
/// @file
/// @brief What PPO and A2C share: collecting rollouts, estimating advantages, gradient shards, statistics, logs.
///
/// A rule says how they differ:
/// @code
/// struct Rule {
///   using Config = ...;                                     // PpoConfig or A2cConfig
///   static constexpr std::string_view algorithm, type_name; // "ppo", "Ppo"
///   static constexpr bool shuffles, clips;                  // rows of an epoch; whether clip figures mean something
///   static std::size_t batch_rows(const Config&, std::size_t rollout_rows);
///   static std::size_t n_epochs(const Config&);
///   static std::optional<double> target_kl(const Config&);
///   static double clip_range(const Config&, double progress_remaining);
///   static LossSettings<float> loss_settings(const Config&, double progress_remaining);  // the rest
///   static Optimizer optimizer(const Config&, const nn::ParameterStore<float>&);
///   static void check(const Config&, std::size_t num_envs, bool recurrent);
///   static std::vector<std::string> warnings(const Config&, std::size_t num_envs);
/// };
/// @endcode
#ifndef RLX_RL_DETAIL_ON_POLICY_LEARNER_HPP
#define RLX_RL_DETAIL_ON_POLICY_LEARNER_HPP

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

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
#include <rlx/nn/graph.hpp>
#include <rlx/nn/initialization.hpp>
#include <rlx/nn/parameter_store.hpp>
#include <rlx/rl/checkpoint.hpp>
#include <rlx/rl/critic.hpp>
#include <rlx/rl/detail/action_head.hpp>
#include <rlx/rl/detail/extension_state.hpp>
#include <rlx/rl/detail/gradient_shards.hpp>
#include <rlx/rl/detail/on_policy_loss.hpp>
#include <rlx/rl/detail/optimizer.hpp>
#include <rlx/rl/detail/value_scale.hpp>
#include <rlx/rl/gae.hpp>
#include <rlx/rl/inference_policy.hpp>
#include <rlx/rl/learner.hpp>
#include <rlx/rl/losses.hpp>
#include <rlx/rl/risk_objective.hpp>
#include <rlx/rl/rollout.hpp>

namespace rlx {

/// What `predict` returns. @tparam Action an integer for Discrete actions, else a vector of the numbers of one action
template <class Action = std::int32_t>
struct Prediction {
  Action action{};  ///< as the environment takes it
  float value = 0.0F;
  float log_prob = 0.0F;
  float entropy = 0.0F;
};

namespace detail {

inline CategoricalHead make_head(const Discrete& space, bool) { return CategoricalHead(static_cast<std::size_t>(space.n)); }
inline MultiCategoricalHead make_head(const MultiDiscrete& space, bool) { return MultiCategoricalHead(space.nvec); }
inline GaussianHead make_head(const Box& space, bool squash) { return GaussianHead(space.low, space.high, squash); }
inline DirichletHead make_head(const Simplex& space, bool) { return DirichletHead(static_cast<std::size_t>(space.n)); }

template <class E, class Rule, Critic C, RiskObjective R, Clock K>
class OnPolicyLearner : public Learner {
 public:
  using Config = typename Rule::Config;
  using Space = typename VectorEnv<E>::Space;
  using ActionScalar = typename VectorEnv<E>::ActionScalar;
  /// What `predict` gives: one number, or the numbers of one action.
  using Action = std::conditional_t<std::same_as<Space, Discrete>, std::int32_t, std::vector<ActionScalar>>;

  /// @param envs    with AutoresetMode::same_step; must outlive this object and be stepped by nobody else meanwhile.
  /// @param graph   outputs "action" (as wide as the action's distribution asks) and "value" (`critic.outputs()` numbers).
  /// @param threads must outlive this object; the pool of `envs` or another one.
  /// @throws ConfigError, ShapeError naming what does not fit
  OnPolicyLearner(Config config, VectorEnv<E>& envs, nn::GraphSpec graph, ThreadPool& threads, C critic, R objective, K clock)
      : config_(std::move(config)),
        envs_(&envs),
        threads_(&threads),
        critic_(std::move(critic)),
        objective_(std::move(objective)),
        clock_(std::move(clock)),
        head_(make_head(envs.action_space(), config_.squash)),
        spec_(std::move(graph)),
        graph_(build_graph()),
        layout_(make_layout()),
        scaling_{config_.clip_obs, nn::unscaled_columns(spec_)},
        optimizer_(Rule::optimizer(config_, store_)),
        rollout_(rollout_shape()),
        sequence_(is_recurrent() ? config_.n_steps : 1),
        batch_units_(Rule::batch_rows(config_, rollout_.rows()) / sequence_),
        gradients_(store_.gradients(),
                   std::min(choose_gradient_shards(config_.gradient_shards, batch_units_, is_recurrent()), batch_units_)),
        observation_statistics_(envs.observation_size()),
        return_statistics_(1),
        discounted_returns_(envs.num_envs()),
        final_observations_(envs.num_envs() * envs.observation_size()),
        environment_actions_(transforms_actions ? envs.num_envs() * envs.action_width() : 0),
        indices_(rollout_.rows() / sequence_),
        batch_rows_(is_recurrent() ? batch_units_ * sequence_ : 0),
        shard_sums_(gradients_.count()),
        finished_(rollout_.rows()),
        finished_steps_(rollout_.rows()),
        order_(rollout_.rows()),
        window_returns_(config_.stats_window_size),
        window_lengths_(config_.stats_window_size) {
    require_whole_state<C>();
    require_whole_state<R>();
    nn::initialize(store_, spec_, config_.ortho_init ? nn::Initialization::orthogonal : nn::Initialization::torch_like,
                   config_.seed);
    std::fill(log_std().begin(), log_std().end(), static_cast<float>(config_.log_std_init));
    std::iota(indices_.begin(), indices_.end(), std::uint32_t{0});
    const std::size_t shard_rows = (batch_units_ + gradients_.count() - 1) / gradients_.count() * sequence_;
    const std::size_t shard_envs = (envs.num_envs() + envs.num_shards() - 1) / envs.num_shards();
    collected_.resize(envs.num_shards());
    envs.for_each_shard([&](Shard& shard) {
      Collected& c = collected_[shard.index];
      const std::size_t n = shard.end - shard.begin;
      c.rewards.resize(envs_->num_envs());
      c.truncated.reserve(n);
      c.finals.resize(n * envs_->observation_size());
    });
    if constexpr (needs_view) rollout_.episodes.reserve(rollout_.rows());
    const std::size_t pool_size = std::max(threads.size(), envs.pool().size());
    for (std::size_t t = 0; t < pool_size; ++t) scratch_.emplace_back(*this, std::max(shard_rows, shard_envs));
  }

  // ------------------------------------------------------------------------------------------------------------ training

  /// Trains until `num_timesteps` is the first multiple of n_steps * num_envs at or above the total.
  /// @throws NumericError (the parameters are those before the failed step), EnvironmentError, IoError
  LearnResult learn(std::uint64_t total_timesteps, const LearnOptions& options = {}) {
    if (learning_) throw Error(name() + "::learn was called from a callback; return false there and call it again afterwards");
    check_options(options);
    learning_ = true;
    logger_ = options.logger;
    struct End {
      OnPolicyLearner& learner;
      ~End() {
        learner.learning_ = false;
        learner.cut_short_ = std::exchange(learner.has_open_rollout_, false) || learner.cut_short_;
        learner.logger_ = nullptr;
      }
    } end{*this};
    begin_learn(total_timesteps, options);

    bool stopped = false;
    for (Callback* const callback : options.callbacks) callback->on_training_start(*this);
    while (num_timesteps_ < total_timesteps_ && !stopped) {
      for (Callback* const callback : options.callbacks) callback->on_rollout_start(*this);
      has_open_rollout_ = true;
      collect();
      prepare_rollout();
      stopped = report_episodes(options) || stopped;
      update_sampler();
      for (Callback* const callback : options.callbacks) stopped = !callback->on_rollout_end(*this) || stopped;
      update();
      has_open_rollout_ = cut_short_ = false;
      if (logger_ != nullptr) record_update();
      for (Callback* const callback : options.callbacks) stopped = !callback->on_update_end(*this) || stopped;
      for (Callback* const callback : options.callbacks) callback->on_checkpoint(*this);
      if (logger_ != nullptr && (n_updates_ % options.log_interval == 0)) dump();
      stopped = stopped || (options.stop != nullptr && options.stop->load(std::memory_order_relaxed));
    }
    for (Callback* const callback : options.callbacks) callback->on_training_end(*this);
    return {num_timesteps_, n_updates_, stopped};
  }

  // ---------------------------------------------------------------------------------------------------------- prediction

  /// One action from one observation, as `InferencePolicy::act` would choose it. Not safe from several threads.
  /// @param mask empty if the environment has none. @param random needed for a draw (`deterministic` false).
  /// @throws ConfigError for a network with recurrent state: use `policy()`, whose workspace remembers the episode
  Prediction<Action> predict(std::span<const float> observation, std::span<const std::uint8_t> mask = {},
                             bool deterministic = true, RandomStream* random = nullptr) const {
    if (observation.size() != layout_.observation_size || mask.size() != rollout_.shape.mask_width) {
      throw ShapeError(name() + "::predict: observation of " + std::to_string(observation.size()) + " and mask of " +
                       std::to_string(mask.size()) + " numbers, expected " + std::to_string(layout_.observation_size) +
                       " and " + std::to_string(rollout_.shape.mask_width));
    }
    if (!deterministic && random == nullptr) throw ConfigError(name() + "::predict: a draw needs random numbers");
    if (is_recurrent()) {
      throw ConfigError(name() +
                        "::predict: the network has recurrent state; use policy(), whose workspace remembers the episode");
    }
    Scratch& scratch = scratch_[0];
    forward(MatrixView<const float>(observation.data(), 1, observation.size()), scratch, {});
    const HeadRow<float> row{std::as_const(scratch).workspace.output(action_output_).row(0), mask, log_std()};
    std::vector<ActionScalar> action(head_.action_width());
    HeadEvaluation<float> evaluation;
    if (deterministic) {
      head_.mode(row, std::span<ActionScalar>(action));
      evaluation = head_.evaluate(row, std::span<const ActionScalar>(action));
    } else {
      evaluation = head_.sample(row, *random, std::span<ActionScalar>(action));
    }
    Prediction<Action> result;
    if constexpr (transforms_actions) head_.to_environment(std::vector<ActionScalar>(action), action);
    if constexpr (std::same_as<Space, Discrete>) {
      result.action = action[0];
    } else {
      result.action = std::move(action);
    }
    result.value = real_value(std::as_const(scratch).workspace.output(value_output_).row(0));
    result.log_prob = evaluation.log_prob;
    result.entropy = evaluation.entropy;
    return result;
  }

  InferencePolicy policy() const override {
    const RunningMeanStd* const statistics = config_.normalize_observation ? &observation_statistics_ : nullptr;
    if (!config_.normalize_value) return {spec_, store_, described_layout(), statistics};
    nn::ParameterStore<float> real = store_;  // the policy's value is in the units of the rewards
    rescale_value_head(real.tensor(value_head_.weight), real.tensor(value_head_.bias), value_scale_.mean(), value_scale_.std(),
                       0.0, 1.0);
    return {spec_, real, described_layout(), statistics};
  }
  /// Writes the policy alone, for `InferencePolicy`. @throws IoError
  void export_policy(std::string_view path, const PolicyInfo& info = {}) const override {
    PolicyInfo all = info;
    all.try_emplace("num_timesteps", std::to_string(num_timesteps_));
    policy().save(path, all);
  }

  // ---------------------------------------------------------------------------------------------------------- checkpoints

  /// Writes everything that training needs to continue exactly, and beside it, for people, the metadata as `<name>.json`.
  /// The description is written first, so that whatever fails, the checkpoint at `path` is the old one or the new one, whole.
  /// @throws IoError. CheckpointError from a callback between a rollout and its update, and from the time that an exception cut
  ///         an iteration of `learn` short until one is whole: what was collected is not saved, so that a resumed run would
  ///         differ
  void save(std::string_view path) const override;

  /// Continues from a checkpoint: afterwards `learn(..., {.reset_num_timesteps = false})` gives the bytes of a run that was
  /// never interrupted. The configuration, the environments' sizes and `identity` are compared key by key.
  /// @throws IoError, CheckpointError listing each difference; then this object is unchanged
  void load(std::string_view path, const LoadOptions& options = {});

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
  std::vector<std::string> warnings() const override {
    std::vector<std::string> all = Rule::warnings(config_, envs_->num_envs());
    if (!load_warning_.empty()) all.push_back(load_warning_);
    return all;
  }

  const Config& config() const noexcept { return config_; }
  const nn::GraphSpec& graph_spec() const noexcept { return spec_; }
  const nn::Graph<float>& graph() const noexcept { return graph_; }
  const nn::ParameterStore<float>& parameters() const noexcept { return store_; }
  nn::ParameterStore<float>& parameters() noexcept { return store_; }
  const PolicyLayout& layout() const noexcept { return layout_; }
  const RunningMeanStd& observation_statistics() const noexcept { return observation_statistics_; }
  /// Of the discounted returns; rewards are divided by its standard deviation.
  const RunningMeanStd& return_statistics() const noexcept { return return_statistics_; }
  const Rollout<ActionScalar>& rollout() const noexcept { return rollout_; }
  const VectorEnv<E>& environments() const noexcept { return *envs_; }
  /// The environment gets a clipped or squashed copy of what is stored.
  static constexpr bool transforms_actions = std::same_as<Space, Box>;
  /// The action of a row of the rollout as the environment took it. @param[out] action  A numbers
  void environment_action(std::size_t row, std::span<ActionScalar> action) const {
    const std::span<const ActionScalar> drawn = rollout_.action(row);
    if constexpr (transforms_actions) {
      head_.to_environment(drawn, action);
    } else {
      std::copy(drawn.begin(), drawn.end(), action.begin());
    }
  }
  const C& critic() const noexcept { return critic_; }
  const R& objective() const noexcept { return objective_; }
  K& clock() noexcept { return clock_; }
  std::size_t gradient_shards() const noexcept { return gradients_.count(); }
  double total_flops() const override {
    return static_cast<double>(graph_.flops_per_row()) *
           (static_cast<double>(forward_rows_) + 3.0 * static_cast<double>(trained_rows_));
  }
  /// SHA-256 over parameters, moments, statistics and counters: equal runs have equal digests.
  std::string state_hash() const;

 private:
  using Shard = typename VectorEnv<E>::Shard;
  using Rows = typename VectorEnv<E>::Rows;
  using Head = decltype(make_head(std::declval<const Space&>(), false));
  using Recurrence = nn::Recurrence<float>;
  /// Critics and objectives of the user read the whole rollout; the defaults read nothing of it.
  static constexpr bool needs_view = !std::same_as<C, ScalarCritic> || !std::same_as<R, ExpectedReturn>;

  /// Memory of one thread.
  struct Scratch {
    Scratch(const OnPolicyLearner& learner, std::size_t rows)
        : workspace(learner.graph_.make_workspace(rows)),
          input(rows * learner.layout_.observation_size),
          masks(rows * learner.rollout_.shape.mask_width),
          actions(rows * learner.rollout_.shape.action_width),
          old_log_probs(rows),
          advantages(rows),
          old_outputs(rows * learner.rollout_.shape.critic_outputs),
          targets(rows * learner.rollout_.shape.target_width),
          state(learner.rollout_.state.size()),
          starts(learner.is_recurrent() ? rows : 0),
          loss(rows) {}
    nn::Workspace<float> workspace;
    std::vector<float> input;
    std::vector<std::uint8_t> masks;
    std::vector<ActionScalar> actions;
    std::vector<float> old_log_probs, advantages, old_outputs, targets;
    std::vector<float> state;
    std::vector<std::uint8_t> starts;
    LossScratch<float> loss;
  };
  /// What one shard of environments brings back besides the rollout.
  struct alignas(64) Collected {
    std::vector<double> rewards;     // of one step; indexed by environment
    std::size_t first_finished = 0;  // its part of finished_, in time order
    std::size_t num_finished = 0;
    std::vector<std::uint32_t> truncated;  // environments whose last observation needs a value
    std::vector<float> finals;             // those observations
    std::uint64_t final_rows = 0;
  };
  /// What a checkpoint needs in other forms than the learner holds it.
  struct StateBuffers {
    std::vector<std::vector<std::byte>> environments;
    std::vector<std::byte> sampler, critic, objective;
    std::vector<std::int64_t> episode_lengths;
    double observation_count = 0.0, return_count = 0.0;
    std::array<double, 3> value{};  // mean, variance, updates
    std::vector<std::uint8_t> starts;
  };

  static std::string name() { return std::string(Rule::type_name); }
  bool is_recurrent() const noexcept { return graph_.state_size() > 0; }

  nn::Graph<float> build_graph() {
    if (envs_->config().autoreset != AutoresetMode::same_step) {
      throw ConfigError(
          name() + " needs VectorEnvConfig.autoreset = same_step; other modes leave steps without an action in the rollout");
    }
    // Before the graph's own tensors, so that its buffers are the whole store.
    if (head_.log_std_size() > 0) store_.add("log_std", {head_.log_std_size()}, "actor");
    nn::Graph<float> graph = nn::Graph<float>::build(spec_, store_);
    Rule::check(config_, envs_->num_envs(), graph.state_size() > 0);
    const auto expect = [](const std::string& what, std::size_t found, std::size_t expected, const char* why) {
      if (found != expected) {
        throw ShapeError("graph: " + what + " has width " + std::to_string(found) + ", expected " + std::to_string(expected) +
                         ' ' + why);
      }
    };
    expect("the input", graph.input_width(), envs_->observation_size(), "(floats of an observation)");
    expect("output 'action'", graph.output_width("action"), head_.outputs(),
           std::same_as<Space, Box> ? "(a mean per element of the action)" : "(one number per choice)");
    expect("output 'value'", graph.output_width("value"), critic_.outputs(), "(outputs of the critic)");
    action_output_ = graph.output_index("action");
    value_output_ = graph.output_index("value");
    if (config_.normalize_value) value_head_ = find_value_head();
    return graph;
  }

  /// @throws ConfigError if there is none whose scale could be changed
  ValueHead find_value_head() const {
    if (!std::same_as<C, ScalarCritic>) {
      throw ConfigError(name() + "Config.normalize_value = true; it needs the ScalarCritic, whose one output is the value");
    }
    const std::optional<ValueHead> head = detail::find_value_head(spec_, store_);
    if (!head) {
      throw ConfigError(name() +
                        "Config.normalize_value = true; it needs a network whose output 'value' is a linear layer with bias");
    }
    return *head;
  }

  RolloutShape rollout_shape() const {
    RolloutShape shape;
    shape.n_steps = config_.n_steps;
    shape.num_envs = envs_->num_envs();
    shape.observation_size = envs_->observation_size();
    shape.mask_width = envs_->mask_width();
    shape.critic_outputs = critic_.outputs();
    shape.target_width = critic_.target_width();
    shape.value_is_output = std::same_as<C, ScalarCritic>;
    shape.scaled_rewards = config_.normalize_reward;
    shape.action_width = envs_->action_width();
    shape.state_size = graph_.state_size();
    return shape;
  }

  PolicyLayout make_layout() const {
    PolicyLayout layout;
    layout.observation_size = envs_->observation_size();
    layout.num_actions = head_.outputs();
    layout.mask_required = envs_->mask_width() != 0;
    layout.distribution = std::string(head_.distribution());
    if constexpr (std::same_as<Space, MultiDiscrete>) layout.nvec = head_.nvec();
    if constexpr (std::same_as<Space, Box>) layout.low = head_.low(), layout.high = head_.high();
    if constexpr (NamedLayout<E>) {
      const E& env = envs_->environment(0);
      const auto copy = [](const char* what, const auto& names, std::size_t expected, std::vector<std::string>& out) {
        if constexpr (requires { names.size(); }) {
          if (names.size() != expected) {
            throw ConfigError("the environment gives " + std::to_string(names.size()) + ' ' + what + ", expected " +
                              std::to_string(expected) + ": one per element of the observation, choice, element or weight");
          }
        }
        for (std::size_t i = 0; i < expected; ++i) out.emplace_back(std::string_view(names[i]));
      };
      copy("observation_names", env.observation_names(), layout.observation_size, layout.observation_names);
      copy("action_names", env.action_names(), layout.num_actions, layout.action_names);
    }
    layout.layout_sha256 = layout_hash(layout);
    layout.normalize_observation = config_.normalize_observation;
    layout.clip_obs = config_.clip_obs;
    return layout;
  }

  std::span<float> log_std() {
    return head_.log_std_size() == 0 ? std::span<float>() : store_.parameters().first(head_.log_std_size());
  }
  std::span<const float> log_std() const {
    return head_.log_std_size() == 0 ? std::span<const float>() : store_.parameters().first(head_.log_std_size());
  }

  // -------------------------------------------------------------------------------------------------------------- collecting

  static void check_options(const LearnOptions& options) {
    if (options.log_interval == 0) throw ConfigError("LearnOptions.log_interval = 0; it must be at least 1");
    std::set<std::string_view> names;
    for (const Callback* const callback : options.callbacks) {
      if (!callback->state_name().empty() && !names.insert(callback->state_name()).second) {
        throw ConfigError("LearnOptions.callbacks: two are named '" + std::string(callback->state_name()) +
                          "'; each keeps its state under its name, so give one another");
      }
    }
  }

  void begin_learn(std::uint64_t total_timesteps, const LearnOptions& options) {
    if (options.reset_num_timesteps) {
      num_timesteps_ = num_episodes_ = 0;  // the means of the last episodes begin anew, too
      std::fill(window_returns_.begin(), window_returns_.end(), 0.0);
      std::fill(window_lengths_.begin(), window_lengths_.end(), 0.0);
    }
    total_timesteps_ = total_timesteps + num_timesteps_;
    if (options.reset_num_timesteps || !started_) {
      Rows rows;
      rows.observations = rollout_.observations_at(config_.n_steps);
      rows.masks = rollout_.masks_at(config_.n_steps);
      started_ = false;
      envs_->reset_into(rows);
      std::fill(discounted_returns_.begin(), discounted_returns_.end(), 0.0);
      std::fill(rollout_.running_returns.begin(), rollout_.running_returns.end(), 0.0);
      const std::span<std::uint8_t> starts = rollout_.starts_at(config_.n_steps);
      std::fill(starts.begin(), starts.end(), std::uint8_t{1});
      first_row_is_new_ = true;
      started_ = true;
    }
    learn_began_ = clock_.monotonic_seconds();
    steps_at_begin_ = num_timesteps_;
    if (options.logger != nullptr) {
      options.logger->open(static_cast<double>(clock_.now_ms()) * 1e-3);
      if (!std::exchange(warned_, true)) {
        for (const std::string& text : warnings()) options.logger->warning(text);
      }
    }
  }

  /// Runs the network on raw observations; rows must be contiguous.
  void forward(MatrixView<const float> rows, Scratch& scratch, const Recurrence& recurrence) const {
    if (config_.normalize_observation) {
      const MatrixView<float> scaled(scratch.input.data(), rows.rows(), rows.cols());
      for (std::size_t i = 0; i < rows.rows(); ++i) {
        scaling_.apply(observation_statistics_, rows.row(i), scaled.row(i));
      }
      rows = scaled;
    }
    graph_.forward(store_.parameters(), rows, scratch.workspace, recurrence);
  }

  /// One step of a range of environments from their current state; `advance` keeps the state that follows.
  Recurrence one_step(std::size_t t, std::size_t first, std::size_t count, bool advance) {
    Recurrence recurrence;
    if (!is_recurrent()) return recurrence;
    const MatrixView<float> state =
        MatrixView<float>(rollout_.state.data(), rollout_.shape.num_envs, rollout_.shape.state_size).rows_range(first, count);
    recurrence.sequences = count;
    recurrence.state = state;
    recurrence.starts = rollout_.starts_at(t).subspan(first, count);
    if (advance) recurrence.next_state = state;
    return recurrence;
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
    gather_finished();
  }

  void collect_shard(Shard& shard, Collected& collected, Scratch& scratch) {
    const std::size_t first = shard.begin;
    const std::size_t count = shard.end - shard.begin;
    const std::size_t num_envs = rollout_.shape.num_envs;
    const MatrixView<float> outputs = rollout_.all_critic_outputs();
    collected.first_finished = config_.n_steps * first;
    collected.num_finished = 0;
    collected.final_rows = 0;
    for (std::size_t t = 0; t < config_.n_steps; ++t) {
      forward(MatrixView<const float>(rollout_.observations_at(t)).rows_range(first, count), scratch,
              one_step(t, first, count, true));
      const MatrixView<const float> action_rows = std::as_const(scratch).workspace.output(action_output_);
      const MatrixView<const float> critic_rows = std::as_const(scratch).workspace.output(value_output_);
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t row = t * num_envs + first + i;
        const HeadRow<float> distribution{action_rows.row(i), rollout_.mask(row), std::as_const(*this).log_std()};
        RandomStream random({config_.seed, Purpose::action, static_cast<std::uint32_t>(first + i), env_steps_ + t});
        const HeadEvaluation<float> drawn = head_.sample(distribution, random, rollout_.action(row));
        if (config_.check_finite && (!is_finite(drawn.log_prob) || !is_finite(drawn.entropy) ||
                                     first_non_finite(critic_rows.row(i)) != critic_rows.cols())) [[unlikely]] {
          throw_outputs(distribution, critic_rows.row(i),
                        "environment " + std::to_string(first + i) + ", step " + std::to_string(env_steps_ + t), env_steps_ + t,
                        first + i);
        }
        if constexpr (transforms_actions) head_.to_environment(rollout_.action(row), environment_action(first + i));
        rollout_.log_probs[row] = drawn.log_prob;
        store_critic(critic_rows.row(i), outputs.row(row), rollout_.values[row]);
      }
      shard.step(actions_of(t), step_rows(t, collected));
      collected.truncated.clear();
      for (std::size_t e = first; e < first + count; ++e) {
        const std::size_t row = t * num_envs + e;
        rollout_.rewards[row] = static_cast<float>(collected.rewards[e]);
        if (rollout_.truncated[row] != 0 && rollout_.terminated[row] == 0)
          collected.truncated.push_back(static_cast<std::uint32_t>(e));
        if (is_recurrent()) rollout_.starts_at(t + 1)[e] = rollout_.terminated[row] | rollout_.truncated[row];
      }
      if (!collected.truncated.empty()) value_final_observations(t, collected, scratch);
      for (const EpisodeStatistics& episode : shard.finished()) {
        const std::size_t slot = collected.first_finished + collected.num_finished++;
        finished_[slot] = episode;
        finished_steps_[slot] = static_cast<std::uint32_t>(t);
      }
    }
    forward(MatrixView<const float>(rollout_.observations_at(config_.n_steps)).rows_range(first, count), scratch,
            one_step(config_.n_steps, first, count, false));
    const MatrixView<const float> critic_rows = std::as_const(scratch).workspace.output(value_output_);
    const MatrixView<float> last_outputs = rollout_.all_last_critic_outputs();
    for (std::size_t i = 0; i < count; ++i)
      store_critic(critic_rows.row(i), last_outputs.row(first + i), rollout_.last_values[first + i]);
  }

  std::span<float> environment_action(std::size_t env) {
    return std::span(environment_actions_).subspan(env * rollout_.shape.action_width, rollout_.shape.action_width);
  }
  /// [N][A] as the environments take them at step t.
  MatrixView<const ActionScalar> actions_of(std::size_t t) const {
    const std::size_t n = rollout_.shape.num_envs, width = rollout_.shape.action_width;
    if constexpr (transforms_actions) return {environment_actions_.data(), n, width};
    return {rollout_.actions.data() + t * n * width, n, width};
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

  /// The value in the units of the (scaled) rewards.
  float real_value(std::span<const float> outputs) const {
    const float value = critic_.value(outputs);
    return config_.normalize_value ? value_scale_.to_real(value) : value;
  }
  void store_critic(std::span<const float> from, std::span<float> outputs, float& value) const {
    std::copy(from.begin(), from.end(), outputs.begin());  // of a ScalarCritic this is `value` itself
    value = real_value(from);
  }

  /// V of the last observations of episodes that were cut at step t.
  void value_final_observations(std::size_t t, Collected& collected, Scratch& scratch) {
    const std::size_t width = rollout_.shape.observation_size;
    const std::size_t count = collected.truncated.size();
    const std::size_t state = rollout_.shape.state_size;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t e = collected.truncated[i];
      std::copy_n(final_observations_.data() + e * width, width, collected.finals.data() + i * width);
      std::copy_n(rollout_.state.data() + e * state, state, scratch.state.data() + i * state);
    }
    Recurrence recurrence;
    if (is_recurrent()) {
      std::fill_n(scratch.starts.begin(), count, std::uint8_t{0});  // the ended episode goes on for this one row
      recurrence.sequences = count;
      recurrence.state = {scratch.state.data(), count, state};
      recurrence.starts = std::span(scratch.starts).first(count);
    }
    forward(MatrixView<const float>(collected.finals.data(), count, width), scratch, recurrence);
    const MatrixView<const float> critic_rows = std::as_const(scratch).workspace.output(value_output_);
    const MatrixView<float> outputs = rollout_.all_final_critic_outputs();
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t row = t * rollout_.shape.num_envs + collected.truncated[i];
      store_critic(critic_rows.row(i), outputs.row(row), rollout_.final_values[row]);
    }
    collected.final_rows += count;
  }

  /// Brings the parts of the shards together; `order_` lists them in (time, environment) order.
  void gather_finished() {
    num_finished_ = 0;
    for (const Collected& c : collected_) {
      const auto move_down = [&](auto& records) {
        const auto from = records.begin() + static_cast<std::ptrdiff_t>(c.first_finished);
        std::copy(from, from + static_cast<std::ptrdiff_t>(c.num_finished),
                  records.begin() + static_cast<std::ptrdiff_t>(num_finished_));
      };
      move_down(finished_);
      move_down(finished_steps_);
      num_finished_ += c.num_finished;
    }
    const std::span<std::uint32_t> order = std::span(order_).first(num_finished_);
    std::iota(order.begin(), order.end(), std::uint32_t{0});
    std::sort(order.begin(), order.end(), [this](std::uint32_t a, std::uint32_t b) {
      return finished_steps_[a] != finished_steps_[b] ? finished_steps_[a] < finished_steps_[b]
                                                      : finished_[a].env < finished_[b].env;
    });
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
    if (config_.normalize_value) rescale_values();
    if constexpr (needs_view) {
      rollout_.find_episodes();
      const RolloutView view = rollout_view();
      critic_.prepare(view, std::span<float>(rollout_.targets));
      objective_.on_rollout(view, std::span<float>(rollout_.advantages));
    } else {
      rollout_.add_rewards();
    }
  }

  /// The scale follows the returns; the head changes so that every value stays what it was.
  void rescale_values() {
    const double mean = value_scale_.mean(), std = value_scale_.std();
    value_scale_.update(rollout_.gae_returns());
    rescale_value_head(store_.tensor(value_head_.weight), store_.tensor(value_head_.bias), mean, std, value_scale_.mean(),
                       value_scale_.std());
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

  /// The sampler gets episodes in (environment, episode) order, whatever the order they ended in. Loses the order of time.
  void update_sampler() {
    const std::span<EpisodeStatistics> finished = std::span(finished_).first(num_finished_);
    std::sort(finished.begin(), finished.end(), [](const EpisodeStatistics& a, const EpisodeStatistics& b) {
      return a.env != b.env ? a.env < b.env : a.episode < b.episode;
    });
    envs_->update_sampler(finished);
  }

  /// @return true if a callback asks to stop
  bool report_episodes(const LearnOptions& options) {
    bool stop = false;
    for (const std::uint32_t index : std::span<const std::uint32_t>(order_).first(num_finished_)) {
      const EpisodeStatistics& episode = finished_[index];
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
    LossSettings<float> settings = Rule::loss_settings(config_, progress);
    metrics_ = {};
    metrics_.explained_variance = explained;
    metrics_.learning_rate = config_.learning_rate(progress);
    metrics_.clip_range = Rule::clip_range(config_, progress);
    settings.clip_range = static_cast<float>(metrics_.clip_range);
    metrics_.ent_coef = config_.ent_coef(progress);
    metrics_.reward_std = reward_std();
    settings.ent_coef = static_cast<float>(metrics_.ent_coef);
    settings.vf_coef = static_cast<float>(config_.vf_coef);
    const std::optional<double> target_kl = Rule::target_kl(config_);

    LossSums totals;
    std::size_t evaluated_rows = 0;
    std::size_t evaluated = 0;
    for (std::size_t epoch = 0; epoch < Rule::n_epochs(config_) && !metrics_.stopped_by_kl; ++epoch) {
      if constexpr (Rule::shuffles) {
        RandomStream random({config_.seed, Purpose::permutation, 0, epochs_});
        permutation(random, indices_);
      }
      ++epochs_;
      for (std::size_t begin = 0; begin < indices_.size(); begin += batch_units_) {
        const std::size_t units = std::min(batch_units_, indices_.size() - begin);
        const std::size_t rows = units * sequence_;
        settings.batch_rows = rows;
        const LossSums sums = minibatch(std::span<const std::uint32_t>(indices_).subspan(begin, units), settings, epoch, begin);
        totals.add(sums);
        evaluated_rows += rows;
        ++evaluated;
        if (target_kl && sums.kl / static_cast<double>(rows) > 1.5 * *target_kl) {
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

  /// First unit (a row, or a whole sequence) of a gradient shard.
  std::size_t first_unit(std::size_t shard, std::size_t units) const { return shard * units / gradients_.count(); }

  /// Rows of the rollout that the units stand for: of every shard the rows of its sequences, one time after another.
  std::span<const std::uint32_t> rows_of(std::span<const std::uint32_t> units) {
    if (!is_recurrent()) return units;
    std::size_t next = 0;
    for (std::size_t s = 0; s < gradients_.count(); ++s) {
      for (std::size_t t = 0; t < sequence_; ++t) {
        for (std::size_t u = first_unit(s, units.size()); u < first_unit(s + 1, units.size()); ++u)
          batch_rows_[next++] = static_cast<std::uint32_t>(t * rollout_.shape.num_envs) + units[u];
      }
    }
    return std::span<const std::uint32_t>(batch_rows_).first(next);
  }

  /// Loss and gradient of one minibatch, left in the gradient shards.
  LossSums minibatch(std::span<const std::uint32_t> units, const LossSettings<float>& settings, std::size_t epoch,
                     std::size_t begin) {
    const std::span<const std::uint32_t> rows = rows_of(units);
    const AdvantageMoments moments =
        config_.normalize_advantage
            ? advantage_moments(rows.size(), [&](std::size_t i) { return rollout_.advantages[rows[i]]; })
            : AdvantageMoments{};
    threads_->run(gradients_.count(), [&](std::size_t s) {
      const std::size_t first = first_unit(s, units.size()) * sequence_;
      const std::size_t last = first_unit(s + 1, units.size()) * sequence_;
      const std::span<float> gradient = gradients_.shard(s);
      std::fill(gradient.begin(), gradient.end(), 0.0F);
      shard_sums_[s] = {};
      if (first != last) {
        shard_sums_[s] = gradient_shard(rows.subspan(first, last - first), moments, settings, gradient,
                                        scratch_[ThreadPool::thread_index()], epoch, begin);
      }
    });
    trained_rows_ += rows.size();
    LossSums sums;
    for (const LossSums& shard : shard_sums_) sums.add(shard);
    if (config_.check_finite && (!is_finite(sums.policy) || !is_finite(sums.value) || !is_finite(sums.extra))) {
      throw NumericError("the loss is not finite at " + where(epoch, begin) + "; the parameters are those before this step",
                         "loss", n_updates_);
    }
    return sums;
  }

  LossSums gradient_shard(std::span<const std::uint32_t> rows, const AdvantageMoments& moments,
                          const LossSettings<float>& settings, std::span<float> gradient, Scratch& scratch, std::size_t epoch,
                          std::size_t begin) {
    const std::size_t n = rows.size();
    const RolloutShape& shape = rollout_.shape;
    const MatrixView<const float> old_outputs = rollout_.all_critic_outputs();
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t row = rows[i];
      const std::span<float> input(scratch.input.data() + i * shape.observation_size, shape.observation_size);
      const std::span<const float> observation = rollout_.observation(row);
      if (config_.normalize_observation) {
        scaling_.apply(observation_statistics_, observation, input);
      } else {
        std::copy(observation.begin(), observation.end(), input.begin());
      }
      std::copy_n(rollout_.masks.data() + row * shape.mask_width, shape.mask_width,
                  scratch.masks.data() + i * shape.mask_width);
      std::copy_n(rollout_.action(row).data(), shape.action_width, scratch.actions.data() + i * shape.action_width);
      scratch.old_log_probs[i] = rollout_.log_probs[row];
      scratch.advantages[i] =
          static_cast<float>((static_cast<double>(rollout_.advantages[row]) - moments.mean) * moments.scale);
      std::copy_n(old_outputs.row(row).data(), shape.critic_outputs, scratch.old_outputs.data() + i * shape.critic_outputs);
      std::copy_n(rollout_.targets.data() + row * shape.target_width, shape.target_width,
                  scratch.targets.data() + i * shape.target_width);
      if (config_.normalize_value) {  // one output and one target
        scratch.old_outputs[i] = value_scale_.to_normalised(scratch.old_outputs[i]);
        scratch.targets[i] = value_scale_.to_normalised(scratch.targets[i]);
      }
    }
    graph_.forward(store_.parameters(), MatrixView<const float>(scratch.input.data(), n, shape.observation_size),
                   scratch.workspace, whole_sequences(rows, scratch));
    const MatrixView<const float> action_rows = std::as_const(scratch).workspace.output(action_output_);
    const MatrixView<const float> critic_rows = std::as_const(scratch).workspace.output(value_output_);
    const LossRows<float, ActionScalar> in{rows,
                                           {scratch.masks.data(), n, shape.mask_width},
                                           {scratch.actions.data(), n, shape.action_width},
                                           std::span<const float>(scratch.old_log_probs).first(n),
                                           std::span<const float>(scratch.advantages).first(n),
                                           {scratch.old_outputs.data(), n, shape.critic_outputs},
                                           {scratch.targets.data(), n, shape.target_width}};
    const LossSums sums = on_policy_loss<float>(head_, in, settings, action_rows, critic_rows, std::as_const(*this).log_std(),
                                                scratch.workspace.output_gradient(action_output_),
                                                scratch.workspace.output_gradient(value_output_),
                                                gradient.first(head_.log_std_size()), scratch.loss, critic_, objective_);
    if (sums.first_bad < n && config_.check_finite) [[unlikely]] {
      const std::size_t i = sums.first_bad;
      throw_outputs({action_rows.row(i), rollout_.mask(rows[i]), std::as_const(*this).log_std()}, critic_rows.row(i),
                    where(epoch, begin), n_updates_, {});
    }
    graph_.backward(store_.parameters(), gradient, scratch.workspace);
    return sums;
  }

  /// The sequences of a gradient shard with the state that each began the rollout with.
  Recurrence whole_sequences(std::span<const std::uint32_t> rows, Scratch& scratch) const {
    Recurrence recurrence;
    if (!is_recurrent()) return recurrence;
    const std::size_t size = rollout_.shape.state_size;
    recurrence.sequences = rows.size() / sequence_;
    for (std::size_t i = 0; i < recurrence.sequences; ++i)
      std::copy_n(rollout_.initial_state.data() + rows[i] * size, size, scratch.state.data() + i * size);
    for (std::size_t i = 0; i < rows.size(); ++i) scratch.starts[i] = rollout_.episode_starts[rows[i]];
    recurrence.state = {scratch.state.data(), recurrence.sequences, size};
    recurrence.starts = std::span<const std::uint8_t>(scratch.starts).first(rows.size());
    return recurrence;
  }

  /// Sums the gradient shards, looks at the norm, clips and steps.
  void step(std::size_t epoch, std::size_t begin) {
    const double norm = gradients_.reduce(*threads_);
    if (config_.check_finite && !is_finite(norm)) [[unlikely]]
      throw_gradient(epoch, begin);
    optimizer_.begin_step(metrics_.learning_rate, std::min(1.0, config_.max_grad_norm / (norm + 1e-6)));
    gradients_.for_each_block(*threads_, [&](std::size_t b) {
      const std::size_t first = b * GradientShards::block;
      const std::size_t count = std::min(GradientShards::block, store_.parameters().size() - first);
      optimizer_.apply(store_.parameters(), gradients_.shard(0), first, count);
    });
    metrics_.grad_norm += norm;
    ++metrics_.minibatches;
  }

  void finish_metrics(const LossSums& totals, std::size_t rows, std::size_t minibatches) {
    const auto n = static_cast<double>(rows);
    const auto batches = static_cast<double>(minibatches);
    metrics_.policy_gradient_loss = totals.policy / n;
    metrics_.value_loss = totals.value / batches;
    // A squashed Gaussian's entropy has no closed form: the bonus is paid on the base's, the samples estimate its own.
    metrics_.entropy = (config_.squash && transforms_actions ? totals.minus_log_prob : totals.entropy) / n;
    metrics_.entropy_loss = -totals.entropy / n;
    if (totals.rows_with_choice != 0) {
      metrics_.entropy_rescaled = totals.rescaled_entropy / static_cast<double>(totals.rows_with_choice);
      metrics_.entropy_share = totals.entropy / totals.log_valid;
    }
    metrics_.loss = metrics_.policy_gradient_loss + metrics_.ent_coef * metrics_.entropy_loss +
                    config_.vf_coef * metrics_.value_loss + totals.extra / batches;
    if (config_.normalize_value) metrics_.value_loss *= value_scale_.std() * value_scale_.std();  // in the units of the rewards
    metrics_.approx_kl = totals.kl / n;
    metrics_.approx_kl_k1 = totals.kl_k1 / n;
    if constexpr (Rule::clips) metrics_.clip_fraction = static_cast<double>(totals.clipped) / n;
    if (metrics_.minibatches != 0) metrics_.grad_norm /= static_cast<double>(metrics_.minibatches);
    metrics_.n_updates = n_updates_;
  }

  std::string where(std::size_t epoch, std::size_t begin) const {
    return "update " + std::to_string(n_updates_) + ", epoch " + std::to_string(epoch) + ", minibatch " +
           std::to_string(begin / batch_units_);
  }

  [[noreturn]] void throw_outputs(const HeadRow<float>& row, std::span<const float> critic_row, const std::string& place,
                                  std::uint64_t step, std::optional<std::size_t> env) const {
    const auto fail = [&](const std::string& what, const char* tensor) {
      throw NumericError(what + " is not finite at " + place + "; lower learning_rate or max_grad_norm", tensor, step, env);
    };
    for (std::size_t i = 0; i < critic_row.size(); ++i) {
      if (!is_finite(critic_row[i])) fail("value[" + std::to_string(i) + ']', "value");
    }
    const char* const output = std::same_as<Space, Box> ? "mean[" : "logit[";
    for (std::size_t i = 0; i < row.outputs.size(); ++i) {
      if ((row.mask.empty() || row.mask[i] != 0) && !is_finite(row.outputs[i]))
        fail(output + std::to_string(i) + ']', "action");
    }
    for (std::size_t i = 0; i < row.log_std.size(); ++i) {
      if (!is_finite(row.log_std[i])) fail("log_std[" + std::to_string(i) + ']', "log_std");
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
    if constexpr (Rule::clips) {
      log.record("train/clip_fraction", m.clip_fraction);
      log.record("train/clip_range", m.clip_range);
    }
    log.record("train/entropy", m.entropy);
    log.record("train/entropy_loss", m.entropy_loss);
    if constexpr (Head::is_discrete) log.record("train/entropy_rescaled", m.entropy_rescaled);
    log.record("train/explained_variance", m.explained_variance);
    log.record("train/grad_norm", m.grad_norm);
    log.record("train/learning_rate", m.learning_rate);
    log.record("train/ent_coef", m.ent_coef);
    log.record("train/loss", m.loss);
    log.record("train/n_updates", static_cast<double>(m.n_updates));
    log.record("train/policy_gradient_loss", m.policy_gradient_loss);
    log.record("train/value_loss", m.value_loss);
    if (config_.normalize_reward) log.record("train/reward_std", m.reward_std);
    if constexpr (transforms_actions) {
      double sum = 0.0;
      for (const float x : log_std()) sum += std::exp(static_cast<double>(x));
      log.record("train/std", sum / static_cast<double>(head_.log_std_size()));
    }
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
  // Defined in on_policy_checkpoint.hpp.

  nlohmann::json run_description() const;
  nlohmann::json metadata() const;
  PolicyLayout described_layout() const;
  StateBuffers state_buffers() const;
  std::vector<io::TensorView> tensors(const StateBuffers& state) const;

  Config config_;
  VectorEnv<E>* envs_;
  ThreadPool* threads_;
  C critic_;
  R objective_;
  K clock_;
  Head head_;
  nn::GraphSpec spec_;
  nn::ParameterStore<float> store_;
  std::size_t action_output_ = 0, value_output_ = 0;
  ValueHead value_head_{};  // with normalize_value
  nn::Graph<float> graph_;
  PolicyLayout layout_;
  ObservationScaling scaling_;
  Optimizer optimizer_;
  Rollout<ActionScalar> rollout_;
  std::size_t sequence_;     // rows of a unit that minibatches are drawn from: 1, or n_steps with an lstm
  std::size_t batch_units_;  // of a minibatch
  GradientShards gradients_;
  RunningMeanStd observation_statistics_, return_statistics_;
  ValueScale value_scale_;
  std::vector<double> discounted_returns_;
  std::vector<float> final_observations_;
  std::vector<float> environment_actions_;  // [N][A] of the step in progress; Box only
  std::vector<std::uint32_t> indices_;      // units in the order of the epoch
  std::vector<std::uint32_t> batch_rows_;   // of a minibatch of sequences
  std::vector<LossSums> shard_sums_;
  std::vector<EpisodeStatistics> finished_;    // of the rollout
  std::vector<std::uint32_t> finished_steps_;  // step of the rollout at which each ended
  std::vector<std::uint32_t> order_;           // of finished_
  std::size_t num_finished_ = 0;
  std::vector<double> window_returns_, window_lengths_;
  std::vector<Collected> collected_;
  mutable std::vector<Scratch> scratch_;

  UpdateMetrics metrics_;
  std::uint64_t num_timesteps_ = 0, total_timesteps_ = 0, n_updates_ = 0, epochs_ = 0, num_episodes_ = 0;
  std::uint64_t env_steps_ = 0;  ///< steps of each environment since training began; names the action streams
  std::uint64_t forward_rows_ = 0, trained_rows_ = 0;
  bool started_ = false;           ///< the current rows belong to running episodes
  bool first_row_is_new_ = false;  ///< they come from a reset and were not counted yet
  bool learning_ = false;
  bool has_open_rollout_ = false;  ///< a rollout is being made or waits for its update
  bool cut_short_ = false;         ///< by an exception, and no iteration was whole since
  bool warned_ = false;            ///< the log has the warnings
  std::string load_warning_;       ///< that the last load was not exact
  Logger* logger_ = nullptr;
  double learn_began_ = 0.0;
  std::uint64_t steps_at_begin_ = 0;
};

}  // namespace detail
}  // namespace rlx

#endif  // RLX_RL_DETAIL_ON_POLICY_LEARNER_HPP
