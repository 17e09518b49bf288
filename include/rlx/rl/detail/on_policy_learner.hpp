// SPDX-License-Identifier: MIT
/// @file
/// @brief What PPO and A2C share: the order in which rollouts are collected, advantages estimated, minibatches trained,
/// episodes reported and figures logged. The pieces stand in rollout_collector.hpp, minibatch_gradient.hpp and update_log.hpp.
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

#include <rlx/core/clock.hpp>
#include <rlx/core/detail/json_tree.hpp>
#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/core/random.hpp>
#include <rlx/core/running_mean_std.hpp>
#include <rlx/core/thread_pool.hpp>
#include <rlx/env/environment.hpp>
#include <rlx/env/episode_sampler.hpp>
#include <rlx/env/vector_env.hpp>
#include <rlx/nn/graph.hpp>
#include <rlx/nn/initialization.hpp>
#include <rlx/nn/parameter_store.hpp>
#include <rlx/rl/checkpoint.hpp>
#include <rlx/rl/critic.hpp>
#include <rlx/rl/detail/actor_critic.hpp>
#include <rlx/rl/detail/config_checks.hpp>
#include <rlx/rl/detail/extension_state.hpp>
#include <rlx/rl/detail/minibatch_gradient.hpp>
#include <rlx/rl/detail/on_policy_loss.hpp>
#include <rlx/rl/detail/optimizer.hpp>
#include <rlx/rl/detail/reward_scale.hpp>
#include <rlx/rl/detail/rollout_collector.hpp>
#include <rlx/rl/detail/update_log.hpp>
#include <rlx/rl/gae.hpp>
#include <rlx/rl/inference_policy.hpp>
#include <rlx/rl/learner.hpp>
#include <rlx/rl/losses.hpp>
#include <rlx/rl/risk_objective.hpp>
#include <rlx/rl/rollout.hpp>

namespace rlx::inline v0_1 {

/// What `predict` returns. @tparam Action an integer for Discrete actions, else a vector of the numbers of one action
template <class Action = std::int32_t>
struct Prediction {
  Action action{};  ///< as the environment takes it
  float value = 0.0F;
  float log_prob = 0.0F;
  float entropy = 0.0F;
};

namespace detail {

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
        objective_(std::move(objective)),
        clock_(std::move(clock)),
        net_(make_network(std::move(critic), std::move(graph))),
        layout_(make_layout()),
        optimizer_(Rule::optimizer(config_, net_.store)),
        rollout_(rollout_shape()),
        minibatch_(minibatch_settings()),
        collector_(envs, net_, rollout_, scratch_, config_.seed, config_.check_finite, step_metric()),
        gradient_(minibatch_, net_, rollout_, objective_, threads, scratch_),
        window_(config_.stats_window_size) {
    require_whole_state<C>();
    require_whole_state<R>();
    require_fitting_critic<R, C>();
    reward_scale_.returns.resize(envs.num_envs());
    nn::initialize(net_.store, net_.spec, config_.ortho_init ? nn::Initialization::orthogonal : nn::Initialization::torch_like,
                   config_.seed);
    std::fill(net_.log_std().begin(), net_.log_std().end(), static_cast<float>(config_.log_std_init));
    if constexpr (needs_view) rollout_.episodes.reserve(rollout_.rows());
    const std::size_t shard_rows = (minibatch_.units + minibatch_.shards - 1) / minibatch_.shards * minibatch_.sequence;
    const std::size_t shard_envs = (envs.num_envs() + envs.num_shards() - 1) / envs.num_shards();
    const std::size_t pool_size = std::max(threads.size(), envs.pool().size());
    for (std::size_t t = 0; t < pool_size; ++t)
      scratch_.emplace_back(net_.graph, rollout_.shape, std::max(shard_rows, shard_envs));
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
      if (logger_ != nullptr) record();
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
  /// @throws ShapeError for a wrong size; NumericError for an observation or a value that is not finite; ConfigError for a
  ///         network with recurrent state: use `policy()`, whose workspace remembers the episode
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
    if (const std::size_t bad = first_non_finite(observation); bad != observation.size()) {
      const std::string element = "observation[" + std::to_string(bad) + ']';
      throw NumericError(name() + "::predict: " + element + " is not finite", element);
    }
    Scratch& scratch = scratch_[0];
    net_.forward(MatrixView<const float>(observation.data(), 1, observation.size()), scratch, {});
    const HeadRow<float> row{net_.action_rows(scratch).row(0), mask, net_.log_std()};
    std::vector<ActionScalar> action(net_.head.action_width());
    HeadEvaluation<float> evaluation;
    if (deterministic) {
      net_.head.mode(row, std::span<ActionScalar>(action));
      evaluation = net_.head.evaluate(row, std::span<const ActionScalar>(action));
    } else {
      evaluation = net_.head.sample(row, *random, std::span<ActionScalar>(action));
    }
    Prediction<Action> result;
    if constexpr (transforms_actions) net_.head.to_environment(std::vector<ActionScalar>(action), action);
    if constexpr (std::same_as<Space, Discrete>) {
      result.action = action[0];
    } else {
      result.action = std::move(action);
    }
    result.value = net_.real_value(net_.critic_rows(scratch).row(0));
    if (!is_finite(result.value)) throw NumericError(name() + "::predict: the value is not finite", "value");
    result.log_prob = evaluation.log_prob;
    result.entropy = evaluation.entropy;
    return result;
  }

  InferencePolicy policy() const override {
    const RunningMeanStd* const statistics = config_.normalize_observation ? &net_.observation_statistics : nullptr;
    if (!config_.normalize_value) return {net_.spec, net_.store, described_layout(), statistics};
    nn::ParameterStore<float> real = net_.store;  // the policy's value is in the units of the rewards
    rescale_value_head(real.tensor(net_.value_head.weight), real.tensor(net_.value_head.bias), net_.value_scale.mean(),
                       net_.value_scale.std(), 0.0, 1.0);
    return {net_.spec, real, described_layout(), statistics};
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
  /// @throws IoError, CheckpointError listing each difference, or from a callback; then this object is unchanged
  void load(std::string_view path, const LoadOptions& options = {});

  /// Texts that a checkpoint is compared on when it is loaded: hashes of data, venues, layouts. Set before `load`.
  std::map<std::string, std::string> identity;

  // ------------------------------------------------------------------------------------------------------------- looking in

  std::uint64_t num_timesteps() const override { return num_timesteps_; }
  std::uint64_t total_timesteps() const override { return total_timesteps_; }
  std::uint64_t num_episodes() const override { return window_.episodes; }
  std::uint64_t n_updates() const override { return n_updates_; }
  const UpdateMetrics& last_update() const override { return metrics_; }
  double mean_episode_return() const override { return window_.mean_return(); }
  double mean_episode_length() const override { return window_.mean_length(); }
  std::uint64_t wall_ms() const override { return static_cast<std::uint64_t>(clock_.now_ms()); }
  double elapsed_seconds() const override { return clock_.monotonic_seconds() - learn_began_; }
  Logger* logger() const override { return logger_; }
  std::vector<std::string> warnings() const override {
    std::vector<std::string> all = Rule::warnings(config_, envs_->num_envs());
    if (!load_warning_.empty()) all.push_back(load_warning_);
    return all;
  }

  const Config& config() const noexcept { return config_; }
  const nn::GraphSpec& graph_spec() const noexcept { return net_.spec; }
  const nn::Graph<float>& graph() const noexcept { return net_.graph; }
  const nn::ParameterStore<float>& parameters() const noexcept { return net_.store; }
  nn::ParameterStore<float>& parameters() noexcept { return net_.store; }
  const PolicyLayout& layout() const noexcept { return layout_; }
  const RunningMeanStd& observation_statistics() const noexcept { return net_.observation_statistics; }
  /// Of the discounted returns; rewards are divided by its standard deviation.
  const RunningMeanStd& return_statistics() const noexcept { return reward_scale_.statistics; }
  const Rollout<ActionScalar>& rollout() const noexcept { return rollout_; }
  const VectorEnv<E>& environments() const noexcept { return *envs_; }
  static constexpr bool transforms_actions = std::same_as<Space, Box>;  ///< clipped or squashed before an environment sees them
  /// The action of a row of the rollout as the environment took it. @param[out] action  A numbers
  void environment_action(std::size_t row, std::span<ActionScalar> action) const {
    const std::span<const ActionScalar> drawn = rollout_.action(row);
    if constexpr (transforms_actions) {
      net_.head.to_environment(drawn, action);
    } else {
      std::copy(drawn.begin(), drawn.end(), action.begin());
    }
  }
  const C& critic() const noexcept { return net_.critic; }
  const R& objective() const noexcept { return objective_; }
  K& clock() noexcept { return clock_; }
  std::size_t gradient_shards() const noexcept { return gradient_.shards(); }
  double total_flops() const override {
    return static_cast<double>(net_.graph.flops_per_row()) *
           (static_cast<double>(forward_rows_) + 3.0 * static_cast<double>(trained_rows_));
  }
  /// SHA-256 over parameters, moments, statistics and counters: equal runs have equal digests.
  std::string state_hash() const;

 private:
  using Head = decltype(make_head(std::declval<const Space&>(), false));
  using Network = ActorCritic<Head, C>;
  using Scratch = LearnerScratch<ActionScalar>;
  /// Critics and objectives of the user read the whole rollout; the defaults read nothing of it.
  static constexpr bool needs_view = !std::same_as<C, ScalarCritic> || !std::same_as<R, ExpectedReturn>;

  /// What a checkpoint needs in other forms than the learner holds it.
  struct StateBuffers {
    std::vector<std::vector<std::byte>> environments;
    std::vector<std::byte> sampler, critic, objective;
    std::vector<std::int64_t> episode_lengths;
    double observation_count = 0.0, return_count = 0.0;
    std::array<double, 3> value{};  // mean, variance, updates
  };

  static std::string name() { return std::string(Rule::type_name); }
  bool is_recurrent() const noexcept { return net_.is_recurrent(); }

  // ---------------------------------------------------------------------------------------------------------- construction

  Network make_network(C critic, nn::GraphSpec graph) const {
    if (envs_->config().autoreset != AutoresetMode::same_step) {
      throw ConfigError(
          name() + " needs VectorEnvConfig.autoreset = same_step; other modes leave steps without an action in the rollout");
    }
    Network net(config_, envs_->action_space(), envs_->observation_size(), std::move(critic), std::move(graph));
    Rule::check(config_, envs_->num_envs(), net.is_recurrent());
    if constexpr (requires { net.critic.check(config_, name()); }) net.critic.check(config_, name());
    net.require_fit(name());
    return net;
  }

  MinibatchSettings minibatch_settings() const {
    MinibatchSettings settings;
    settings.sequence = is_recurrent() ? config_.n_steps : 1;
    settings.units = Rule::batch_rows(config_, rollout_.rows()) / settings.sequence;
    settings.shards = std::min(choose_gradient_shards(config_.gradient_shards, settings.units, is_recurrent()), settings.units);
    settings.normalize_advantage = config_.normalize_advantage;
    settings.check_finite = config_.check_finite;
    return settings;
  }

  RolloutShape rollout_shape() const {
    RolloutShape shape;
    shape.n_steps = config_.n_steps;
    shape.num_envs = envs_->num_envs();
    shape.observation_size = envs_->observation_size();
    shape.mask_width = envs_->mask_width();
    shape.critic_outputs = net_.critic.outputs();
    shape.target_width = net_.critic.target_width();
    shape.value_is_output = std::same_as<C, ScalarCritic>;
    shape.scaled_rewards = config_.normalize_reward;
    shape.action_width = envs_->action_width();
    shape.state_size = net_.graph.state_size();
    return shape;
  }

  /// Whether the objective may want the metric `step_pnl` of every step; else nothing of it is compiled.
  static constexpr bool may_want_metric = requires(const R& objective) {
    { objective.wants_step_pnl() } -> std::same_as<bool>;
  };
  static constexpr bool may_read_metric = may_want_metric && ReportsMetrics<E>;
  using Metric = std::conditional_t<may_read_metric, StepMetric, NoStepMetric>;

  /// The metric that the objective wants. @throws ConfigError if there is none
  Metric step_metric() const {
    if constexpr (may_want_metric) {
      if (!objective_.wants_step_pnl()) return {};
      std::string found;
      if constexpr (may_read_metric) {
        std::size_t i = 0;
        for (const auto& metric : E::metric_names()) {
          if (std::string_view(metric) == "step_pnl") return {std::vector<float>(rollout_.rows()), i};
          found += (i++ == 0 ? "" : ", ") + std::string(std::string_view(metric));
        }
      }
      throw ConfigError(name() + ": the risk objective wants the environment's metric 'step_pnl', found " +
                        (found.empty() ? "no metrics" : "only " + found) + "; report it or let the objective use rewards");
    }
    return {};
  }

  PolicyLayout make_layout() const {
    PolicyLayout layout;
    layout.observation_size = envs_->observation_size();
    layout.num_actions = net_.head.outputs();
    layout.mask_required = envs_->mask_width() != 0;
    layout.distribution = std::string(net_.head.distribution());
    if constexpr (std::same_as<Space, MultiDiscrete>) layout.nvec = net_.head.nvec();
    if constexpr (std::same_as<Space, Box>) layout.low = net_.head.low(), layout.high = net_.head.high();
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

  // -------------------------------------------------------------------------------------------------------------- iteration

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
      num_timesteps_ = 0;
      window_.clear();
    }
    total_timesteps_ = total_timesteps + num_timesteps_;
    if (options.reset_num_timesteps || !started_) {
      typename VectorEnv<E>::Rows rows;
      rows.observations = rollout_.observations_at(config_.n_steps);
      rows.masks = rollout_.masks_at(config_.n_steps);
      started_ = false;
      envs_->reset_into(rows);
      std::fill(reward_scale_.returns.begin(), reward_scale_.returns.end(), 0.0);
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

  void collect() {
    started_ = false;  // an exception below leaves the environments in the middle of a step
    forward_rows_ += collector_.collect(env_steps_);
    started_ = true;
    env_steps_ += config_.n_steps;
    num_timesteps_ += rollout_.rows();
  }

  void prepare_rollout() {
    if (config_.normalize_reward) reward_scale_.apply(rollout_, config_.gamma, config_.clip_reward);
    compute_gae(GaeInput<float>{rollout_.used_rewards(), rollout_.values, rollout_.final_values, rollout_.terminated,
                                rollout_.truncated, rollout_.last_values, config_.n_steps, rollout_.shape.num_envs},
                static_cast<float>(config_.gamma), static_cast<float>(config_.gae_lambda), rollout_.advantages,
                rollout_.gae_returns());
    metrics_.explained_variance = explained_variance<float>(rollout_.values, rollout_.gae_returns());
    if (config_.normalize_value) net_.rescale_values(rollout_.gae_returns());
    if constexpr (needs_view) {
      rollout_.find_episodes();
      const RolloutView view = rollout_view();
      net_.critic.prepare(view, std::span<float>(rollout_.targets));
      objective_.on_rollout(view, std::span<float>(rollout_.advantages));
    } else {
      rollout_.add_rewards();
    }
  }

  /// Observations are counted after the update, so that a rollout and its update see them scaled alike.
  void count_observations() {
    if (config_.normalize_observation) {
      for (std::size_t t = first_row_is_new_ ? 0 : 1; t <= config_.n_steps; ++t) {
        net_.observation_statistics.update(MatrixView<const float>(rollout_.observations_at(t)));
      }
    }
    first_row_is_new_ = false;
  }
  double reward_std() const { return config_.normalize_reward ? reward_scale_.std() : 1.0; }

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
    view.step_pnl = collector_.step_metric();
    return view;
  }

  /// The sampler gets episodes in (environment, episode) order, whatever the order they ended in.
  void update_sampler() { envs_->update_sampler(collector_.finished()); }

  /// @return true if a callback asks to stop
  bool report_episodes(const LearnOptions& options) {
    bool stop = false;
    collector_.for_each_by_time([&](const EpisodeStatistics& episode) {
      window_.add(episode.episode_return, static_cast<double>(episode.length));
      if (logger_ == nullptr && options.callbacks.empty()) return;
      const EpisodeRecord record{num_episodes(), num_timesteps_,
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
    });
    return stop;
  }

  /// The figures of the update that are known before it. @return what the loss needs of them
  LossSettings<float> begin_update() {
    const double progress = std::max(
        0.0, 1.0 - static_cast<double>(num_timesteps_) / static_cast<double>(std::max<std::uint64_t>(total_timesteps_, 1)));
    LossSettings<float> settings = Rule::loss_settings(config_, progress);
    metrics_ = {.explained_variance = metrics_.explained_variance};
    metrics_.learning_rate = config_.learning_rate(progress);
    metrics_.clip_range = Rule::clip_range(config_, progress);
    settings.clip_range = static_cast<float>(metrics_.clip_range);
    metrics_.ent_coef = config_.ent_coef(progress);
    metrics_.reward_std = reward_std();
    settings.ent_coef = static_cast<float>(metrics_.ent_coef);
    settings.vf_coef = static_cast<float>(config_.vf_coef);
    return settings;
  }

  void update() {
    LossSettings<float> settings = begin_update();
    const std::optional<double> target_kl = Rule::target_kl(config_);
    UpdateTotals totals;
    const std::span<std::uint32_t> order = collector_.lend_memory(rollout_.rows() / minibatch_.sequence);  // of the units
    if constexpr (!Rule::shuffles) std::iota(order.begin(), order.end(), std::uint32_t{0});
    for (std::size_t epoch = 0; epoch < Rule::n_epochs(config_) && !metrics_.stopped_by_kl; ++epoch) {
      if constexpr (Rule::shuffles) {
        RandomStream random({config_.seed, Purpose::permutation, 0, epochs_});
        permutation(random, order);
      }
      ++epochs_;
      for (std::size_t begin = 0; begin < order.size(); begin += minibatch_.units) {
        const std::size_t units = std::min(minibatch_.units, order.size() - begin);
        const UpdatePlace place{n_updates_, epoch, begin / minibatch_.units};
        settings.batch_rows = units * minibatch_.sequence;
        const LossSums sums = gradient_.compute(order.subspan(begin, units), settings, place);
        trained_rows_ += settings.batch_rows;
        totals.sums.add(sums);
        totals.rows += settings.batch_rows;
        ++totals.minibatches;
        if (target_kl && sums.kl / static_cast<double>(settings.batch_rows) > 1.5 * *target_kl) {
          metrics_.stopped_by_kl = true;
          break;
        }
        totals.grad_norm += gradient_.step(optimizer_, metrics_.learning_rate, config_.max_grad_norm, place);
        ++metrics_.minibatches;
      }
    }
    count_observations();
    metrics_.n_updates = ++n_updates_;
    finish_metrics(metrics_, totals, config_.vf_coef, net_.value_scale.std(), Rule::clips,
                   config_.squash && transforms_actions);
  }

  void record() {
    record_update(*logger_, metrics_,
                  {Rule::clips, Head::is_discrete, config_.normalize_reward, std::as_const(net_).log_std()});
    if constexpr (!std::same_as<R, ExpectedReturn>) objective_.record(*logger_);
    record_progress(*logger_, *this, num_timesteps_ - steps_at_begin_);
  }
  void dump() { logger_->dump(num_timesteps_, static_cast<double>(clock_.now_ms()) * 1e-3); }

  // ------------------------------------------------------------------------------------------------------------ checkpoints
  // Defined in on_policy_checkpoint.hpp.

  JsonTree run_description() const;
  JsonTree metadata() const;
  PolicyLayout described_layout() const;
  StateBuffers state_buffers() const;
  std::vector<io::TensorView> tensors(const StateBuffers& state) const;

  Config config_;
  VectorEnv<E>* envs_;
  R objective_;
  K clock_;
  Network net_;
  PolicyLayout layout_;
  Optimizer optimizer_;
  Rollout<ActionScalar> rollout_;
  MinibatchSettings minibatch_;
  mutable std::vector<Scratch> scratch_;  // one for each thread
  RolloutCollector<E, Head, C, Metric> collector_;
  MinibatchGradient<ActionScalar, Head, C, R> gradient_;
  RewardScale reward_scale_;
  EpisodeWindow window_;

  UpdateMetrics metrics_;
  std::uint64_t num_timesteps_ = 0, total_timesteps_ = 0, n_updates_ = 0, epochs_ = 0;
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
}  // namespace rlx::inline v0_1

#endif  // RLX_RL_DETAIL_ON_POLICY_LEARNER_HPP
