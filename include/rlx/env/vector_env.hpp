// SPDX-License-Identifier: MIT
/// @file
/// @brief Many copies of one environment, stepped together on a thread pool.
#ifndef RLX_ENV_VECTOR_ENV_HPP
#define RLX_ENV_VECTOR_ENV_HPP

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/core/random.hpp>
#include <rlx/core/state.hpp>
#include <rlx/core/thread_pool.hpp>
#include <rlx/env/batch_environment.hpp>
#include <rlx/env/detail/describe.hpp>
#include <rlx/env/detail/environment_members.hpp>
#include <rlx/env/environment.hpp>
#include <rlx/env/episode_sampler.hpp>
#include <rlx/env/episode_statistics.hpp>
#include <rlx/env/space.hpp>

namespace rlx::inline v0_1 {

/// What happens at the step where an episode ends.
enum class AutoresetMode : std::uint8_t {
  same_step,  ///< the next episode starts at once: the observation row is its first, the last one is in `final_observations`
  next_step,  ///< the row keeps the last observation; the next step ignores its action and resets, with reward 0 and no flags
  disabled    ///< as `next_step`, but the next step throws unless `reset(reset_mask)` was called for that environment
};

/// Number, seed and checks of the environments.
struct VectorEnvConfig {
  std::size_t num_envs = 1;    ///< copies of the environment, >= 1
  std::uint64_t seed = 0;      ///< episode k of environment e gets the first u64 of stream (seed, environment_reset, e, k)
  std::size_t num_shards = 0;  ///< groups that are stepped together; 0: clamp(num_envs / 8, min(num_envs, 2), 64)
  AutoresetMode autoreset = AutoresetMode::same_step;  ///< learners accept `same_step` only
  bool check_finite = true;                            ///< throw `NumericError` on an observation or reward that is not finite
  bool check_masks = true;                             ///< throw `EnvironmentError` on a mask without a valid action
};

/// Rows for all environments, owned by the caller; a shard touches its own rows only. Reset writes observations and masks;
/// a step writes everything. `masks` may be empty if the environment has none, `final_observations` if nobody reads them.
struct VectorEnvRows {
  MatrixView<float> observations;        ///< [N][D]
  MatrixView<std::uint8_t> masks;        ///< [N][M], non-zero = valid
  MatrixView<float> final_observations;  ///< [N][D]; row e is written only at a step that ends an episode of e
  std::span<double> rewards;             ///< [N]
  std::span<std::uint8_t> terminated;    ///< [N], 0 or 1
  std::span<std::uint8_t> truncated;     ///< [N], 0 or 1
};

/// @cond
/// Chosen for a type that is no environment, to say in one sentence what it lacks.
template <class E>
class VectorEnv : detail::EnvironmentMembers<E> {
 public:
  template <class... Arguments>
  explicit VectorEnv(VectorEnvConfig, Arguments&&...) {}
};
/// @endcond

/// N copies of an environment.
///
/// Two ways to use it. A user calls `reset()` and `step(actions)` and reads `observations()`, `rewards()` and so on. A
/// learner calls `reset_into(rows)` once, then `for_each_shard`, where each shard makes as many steps as it likes into rows
/// that the learner owns, without waiting for the other shards.
///
/// Results depend on the configuration, the actions and the sampler, never on the number of threads. A step allocates nothing
/// (if the environment does not). Environments of one shard are stepped by one thread in ascending order.
///
/// Errors: a number that is not finite is a `NumericError`, a mask without valid action an `EnvironmentError`; whatever an
/// environment throws arrives nested in an `EnvironmentError` that knows the environment and the step of its episode (0: at
/// reset). The shard of the lowest number wins. After an error every failed environment needs a reset (`reset()`, or
/// `reset(reset_mask)`); environments behind one that threw in its shard have not made the step, and those of a batch have
/// failed with it. Observations and masks are checked once all environments of the shard have made the step, or those before
/// one that threw, and the first that fails is named.
///
/// @tparam E  the environment: movable, models `Environment`; or a `BatchEnvironment`, of which every shard holds one (only
///            with `AutoresetMode::same_step`).
template <class E>
requires(Environment<E> || BatchEnvironment<E>) class VectorEnv<E> {
  static_assert(!detail::has_misnamed_masks<E>,
                "rlx: the environment offers action_mask but not action_masks; name the member "
                "`void action_masks(std::span<std::uint8_t> row) const`, or its masks would be ignored");
  static_assert(!detail::has_mistyped_masks<E>,
                "rlx: the environment's action_masks must be callable as "
                "`void action_masks(std::span<std::uint8_t> row) const`");

 public:
  using ActionScalar = typename E::ActionScalar;                                         ///< number type of an action row
  using Space = std::remove_cvref_t<decltype(std::declval<const E&>().action_space())>;  ///< action space of one environment
  using Rows = VectorEnvRows;                                                            ///< rows of all environments
  /// Whether a shard is one object that steps all its environments at once.
  static constexpr bool is_batch = BatchEnvironment<E>;
  /// Whether rows of masks exist.
  static constexpr bool has_masks = MaskedEnvironment<E> && !std::same_as<Space, Box>;
  /// Whether `save_state` carries the environments themselves, so that a run continues in the middle of its episodes.
  static constexpr bool saves_environments = SerializableEnvironment<E>;
  static_assert(std::same_as<ActionScalar, ActionScalarOf<Space>>,
                "rlx: ActionScalar must be std::int32_t for Discrete and MultiDiscrete, float for Box and Simplex");

  /// A group of environments that one thread steps; [begin, end) are their numbers.
  class alignas(64) Shard {
   public:
    std::size_t index = 0,  ///< number of the shard
        begin = 0,          ///< its first environment
        end = 0;            ///< one past its last

    /// One step of every environment of this shard.
    /// @param actions  [N][A], for all environments; only rows [begin, end) are read.
    /// @param rows     rows of all environments; only rows [begin, end) are written. `rows.observations` may be the rows of
    ///                 the step before or other ones.
    /// @throws ShapeError, NumericError, EnvironmentError as described at `VectorEnv`.
    void step(MatrixView<const ActionScalar> actions, const Rows& rows) {
      finished_.clear();
      owner_->check_sizes(actions, rows);
      if constexpr (is_batch) {
        owner_->step_batch(*this, actions, rows);
      } else {
        owner_->step_each(*this, actions, rows);
      }
      owner_->check_rows(*this, rows, end);
    }

    /// Episodes that ended in the last `step`, ascending environment.
    std::span<const EpisodeStatistics> finished() const noexcept { return finished_; }

   private:
    friend class VectorEnv;
    VectorEnv* owner_ = nullptr;
    std::vector<E> environments_;  // a batch: one
    std::vector<detail::EpisodeSlot> slots_;
    std::vector<EpisodeStatistics> finished_;  // capacity: one per environment
  };

  /// @param config  as described at its members
  /// @param pool    must outlive this object
  /// @param make    called once per environment with its number, in ascending order, on this thread; for a
  ///                `BatchEnvironment` once per shard with the number of its environments.
  /// @throws ConfigError  sizes of 0, more shards than environments, copies whose spaces differ, too many metrics.
  VectorEnv(VectorEnvConfig config, ThreadPool& pool, std::function<E(std::size_t env)> make)
      : config_(config), pool_(&pool), num_shards_(choose_shards(config)) {
    shards_ = std::vector<Shard>(num_shards_);
    for (std::size_t s = 0; s < num_shards_; ++s) {
      Shard& shard = shards_[s];
      shard.index = s;
      shard.begin = s * config_.num_envs / num_shards_;
      shard.end = (s + 1) * config_.num_envs / num_shards_;
      shard.owner_ = this;
      const std::size_t size = shard.end - shard.begin;
      shard.environments_.reserve(is_batch ? 1 : size);
      shard.slots_.resize(size);
      shard.finished_.reserve(size);
      if constexpr (is_batch) {
        shard.environments_.push_back(make(size));
        check_batch(shard);
      } else {
        for (std::size_t e = shard.begin; e < shard.end; ++e) {
          shard.environments_.push_back(make(e));
          check_spaces(e, shard.environments_.back());
        }
      }
    }
    observation_size_ = observation_space().size();
    action_width_ = rlx::action_width(action_space());
    if constexpr (has_masks) components_ = detail::component_sizes(action_space());
    for (const std::size_t n : components_) mask_width_ += n;
    if constexpr (ReportsMetrics<E>) {
      num_metrics_ = E::metric_names().size();
      if (num_metrics_ > max_episode_metrics) {
        throw ConfigError("the environment reports " + std::to_string(num_metrics_) + " metrics; at most " +
                          std::to_string(max_episode_metrics) + " fit an EpisodeStatistics: report fewer");
      }
    }
    const std::size_t n = config_.num_envs;
    observations_.resize(n * observation_size_);
    final_observations_.resize(n * observation_size_);
    masks_.resize(n * mask_width_);
    rewards_.resize(n);
    terminated_.resize(n);
    truncated_.resize(n);
    finished_.reserve(n);
  }
  VectorEnv(const VectorEnv&) = delete;  // shards point to their owner
  VectorEnv& operator=(const VectorEnv&) = delete;

  const VectorEnvConfig& config() const noexcept { return config_; }  ///< as given; `num_shards` may be 0 here
  std::size_t num_envs() const noexcept { return config_.num_envs; }  ///< N
  std::size_t num_shards() const noexcept { return num_shards_; }     ///< groups that one thread steps, at least 1
  /// D: floats in an observation row.
  std::size_t observation_size() const noexcept { return observation_size_; }
  /// A: numbers in an action row.
  std::size_t action_width() const noexcept { return action_width_; }
  /// M: bytes in a mask row; 0 if the environment has no masks.
  std::size_t mask_width() const noexcept { return mask_width_; }
  /// Metrics per finished episode.
  std::size_t num_metrics() const noexcept { return num_metrics_; }
  const Box& observation_space() const { return first().observation_space(); }  ///< of one environment
  const Space& action_space() const { return first().action_space(); }          ///< of one environment
  ThreadPool& pool() const noexcept { return *pool_; }                          ///< its threads step the shards

  /// The environment of that number, or the batch that holds it.
  /// @param env  below `num_envs()`.
  E& environment(std::size_t env) {
    Shard& shard = shards_[shard_of(env)];
    return shard.environments_[is_batch ? 0 : env - shard.begin];
  }
  /// The same, to read it.
  const E& environment(std::size_t env) const {
    const Shard& shard = shards_[shard_of(env)];
    return shard.environments_[is_batch ? 0 : env - shard.begin];
  }
  /// Figures of an environment's running episode after its last step; those of an ended one are in `finished()`.
  /// @param env  below `num_envs()`. @param values  `num_metrics()` numbers. @throws EnvironmentError that nests what the
  /// environment throws
  void metrics(std::size_t env, std::span<double> values) requires ReportsMetrics<E> {
    Slot& of = slot(env);
    try {
      environment(env).metrics(values);
    } catch (...) {
      rethrow(of, env, "metrics");
    }
  }
  /// Number of the running (or, if none runs, the last) episode of an environment; 0 before the first.
  std::uint64_t episode(std::size_t env) const { return slot(env).episode; }
  /// Seed of that episode.
  std::uint64_t episode_seed(std::size_t env) const { return slot(env).seed; }
  /// Steps of that episode so far.
  std::uint64_t episode_length(std::size_t env) const { return slot(env).length; }

  /// Chooses the source of every later episode; without a call `CyclingSampler`.
  void set_sampler(AnyEpisodeSampler sampler) { sampler_ = std::move(sampler); }
  const AnyEpisodeSampler& sampler() const noexcept { return sampler_; }  ///< the one in use
  /// Tells the sampler which episodes finished; to be called between rollouts, episodes in (environment, episode) order.
  void update_sampler(std::span<const EpisodeStatistics> finished) { sampler_.update(finished); }

  /// Calls `f(shard)` once per shard on the pool and waits for all. Shards may step at different speeds, as long as each
  /// writes its own rows only.
  template <class F>
  requires std::invocable<F&, Shard&>
  void for_each_shard(F&& f) {
    pool_->run(num_shards_, [&](std::size_t s) { f(shards_[s]); });
  }

  /// Starts an episode in every environment: episode 0, or the next one; running episodes are abandoned without statistics.
  /// @param rows  `observations` and `masks` are written, the rest is not used.
  void reset_into(const Rows& rows) {
    check_reset_sizes(rows);
    for_each_shard([&](Shard& shard) {
      shard.finished_.clear();
      for (std::size_t e = shard.begin; e < shard.end; ++e) {
        begin_episode(shard, e, rows);
        check_row(shard, e, rows);
      }
    });
  }

  /// `reset_into` the own rows.
  void reset() {
    reset_into(own_rows());
    clear_step_results();
  }

  /// Starts the next episode of the environments whose byte is not 0; the others keep their rows and episodes.
  /// @throws ShapeError  `reset_mask` is not of length N.
  void reset(std::span<const std::uint8_t> reset_mask) {
    if (reset_mask.size() != num_envs()) {
      throw ShapeError("reset_mask has " + std::to_string(reset_mask.size()) +
                       " entries, expected one per environment: " + std::to_string(num_envs()));
    }
    const Rows rows = own_rows();
    for_each_shard([&](Shard& shard) {
      shard.finished_.clear();
      for (std::size_t e = shard.begin; e < shard.end; ++e) {
        if (reset_mask[e] == 0) continue;
        begin_episode(shard, e, rows);
        check_row(shard, e, rows);
      }
    });
    clear_step_results();
  }

  /// One step of every environment into the own rows.
  /// @param actions  [N][A].
  void step(MatrixView<const ActionScalar> actions) {
    const Rows rows = own_rows();
    try {
      for_each_shard([&](Shard& shard) { shard.step(actions, rows); });
    } catch (...) {
      gather_finished();
      throw;
    }
    gather_finished();
  }

  /// The own rows, as the last `reset` or `step` of this object left them.
  MatrixView<const float> observations() const { return {observations_.data(), num_envs(), observation_size_}; }
  /// [N][M], non-zero = valid; M is 0 without masks.
  MatrixView<const std::uint8_t> masks() const { return {masks_.data(), num_envs(), mask_width_}; }
  /// Row e is meaningful where `terminated()[e]` or `truncated()[e]` is set.
  MatrixView<const float> final_observations() const { return {final_observations_.data(), num_envs(), observation_size_}; }
  std::span<const double> rewards() const noexcept { return rewards_; }  ///< [N], raw, of the last step
  /// [N], 1 where the task ended.
  std::span<const std::uint8_t> terminated() const noexcept { return terminated_; }
  /// [N], 1 where time or data cut the episode.
  std::span<const std::uint8_t> truncated() const noexcept { return truncated_; }
  /// Episodes that ended in the last `step`, also if it threw, ascending environment.
  std::span<const EpisodeStatistics> finished() const noexcept { return finished_; }
  /// The same rows for writing, for `reset_into` and `Shard::step`.
  Rows own_rows() {
    const std::size_t n = num_envs();
    return {{observations_.data(), n, observation_size_},
            {masks_.data(), n, mask_width_},
            {final_observations_.data(), n, observation_size_},
            rewards_,
            terminated_,
            truncated_};
  }

  /// Writes episode counters, running sums, the sampler, the own observation and mask rows and, if `saves_environments`, every
  /// environment. Another object of the same configuration continues from it exactly.
  void save_state(StateWriter& writer) const {
    writer.write(static_cast<std::uint64_t>(num_envs()));
    writer.write(static_cast<std::uint64_t>(observation_size_));
    writer.write(static_cast<std::uint64_t>(mask_width_));
    writer.write(config_.seed);
    writer.write(static_cast<std::uint8_t>(saves_environments));
    std::vector<std::byte> bytes;
    for (std::size_t e = 0; e < num_envs(); ++e) {
      bytes.clear();
      save_environment(e, bytes);
      writer.write(bytes);
    }
    writer.write(observations_);
    writer.write(masks_);
    sampler_.save_state(writer);
  }

  /// Continues from `save_state`. Without `saves_environments` the episode counters are restored and every environment needs a
  /// reset, which starts its next episode.
  /// @throws CheckpointError  written for other sizes, another seed or damaged; then this object is unchanged (as far as the
  ///                          environments restore what they saved).
  void load_state(StateReader& reader) {
    expect(reader.read<std::uint64_t>(), num_envs(), "num_envs");
    expect(reader.read<std::uint64_t>(), observation_size_, "observation size");
    expect(reader.read<std::uint64_t>(), mask_width_, "mask width");
    expect(reader.read<std::uint64_t>(), config_.seed, "seed");
    expect(reader.read<std::uint8_t>(), saves_environments ? 1U : 0U, "saved environments");
    std::vector<std::vector<std::byte>> saved(num_envs());
    for (std::vector<std::byte>& bytes : saved) bytes = reader.read_vector<std::byte>();
    std::vector<float> observations(observations_.size());
    std::vector<std::uint8_t> masks(masks_.size());
    reader.read_into(observations);
    reader.read_into(masks);
    AnyEpisodeSampler sampler = sampler_;
    sampler.load_state(reader);
    load_environments(std::vector<std::span<const std::byte>>(saved.begin(), saved.end()));
    observations_ = std::move(observations);
    masks_ = std::move(masks);
    sampler_ = std::move(sampler);
  }

  /// Appends what environment `e` needs to continue: the figures of its episode and, if `saves_environments`, its own state.
  void save_environment(std::size_t e, std::vector<std::byte>& bytes) const {
    StateWriter writer(bytes);
    detail::write_slot(writer, slot(e));
    if constexpr (saves_environments) {
      std::vector<std::byte> own;
      environment(e).save_state(own);
      writer.write(own);
    }
  }

  /// Continues every environment from `save_environment`, or, if one refuses, none. The own rows and the sampler stay.
  /// @param saved  one for each environment
  /// @throws CheckpointError  damaged, or of other environments
  void load_environments(const std::vector<std::span<const std::byte>>& saved) {
    expect(saved.size(), num_envs(), "num_envs");
    std::vector<Slot> slots(num_envs());
    std::vector<std::vector<std::byte>> own(num_envs());
    for (std::size_t e = 0; e < num_envs(); ++e) {
      StateReader reader(saved[e]);
      slots[e] = detail::read_slot(reader);
      if constexpr (saves_environments) {
        own[e] = reader.read_vector<std::byte>();
      } else {
        slots[e].phase = Phase::fresh;
      }
      reader.expect_end();
    }
    if constexpr (saves_environments) load_own_states(own);
    for (std::size_t e = 0; e < num_envs(); ++e) slot(e) = slots[e];
    clear_step_results();
  }

  /// Takes from `save_environment` only how many episodes each environment has begun; all need a reset, which starts the next.
  /// @param saved  one for each environment
  /// @throws CheckpointError  damaged, or of another number of environments; then this object is unchanged
  void load_episode_numbers(const std::vector<std::span<const std::byte>>& saved) {
    expect(saved.size(), num_envs(), "num_envs");
    std::vector<Slot> slots(num_envs());
    for (std::size_t e = 0; e < num_envs(); ++e) {
      StateReader reader(saved[e]);
      slots[e] = detail::read_slot(reader);
      slots[e].phase = Phase::fresh;
    }
    for (std::size_t e = 0; e < num_envs(); ++e) slot(e) = slots[e];
    clear_step_results();
  }

 private:
  using Slot = detail::EpisodeSlot;
  using Phase = detail::EpisodePhase;

  static std::size_t choose_shards(const VectorEnvConfig& config) {
    const std::size_t n = config.num_envs;
    if (n == 0) throw ConfigError("VectorEnvConfig.num_envs = 0; at least one environment is needed");
    if (config.num_shards > n) {
      throw ConfigError("VectorEnvConfig.num_shards = " + std::to_string(config.num_shards) +
                        " exceeds num_envs = " + std::to_string(n) + "; every shard needs an environment (0 chooses a number)");
    }
    if (config.num_shards != 0) return config.num_shards;
    return std::clamp<std::size_t>(n / 8, std::min<std::size_t>(n, 2), 64);
  }

  void check_spaces(std::size_t env, const E& environment) const {
    if (env == 0) {
      detail::check_sizes_of_spaces(environment.observation_space(), environment.action_space());
      return;
    }
    detail::check_equal_spaces(env, environment.observation_space(), observation_space(), environment.action_space(),
                               action_space());
  }

  void check_batch(const Shard& shard) const {
    const E& batch = shard.environments_.front();
    if (config_.autoreset != AutoresetMode::same_step) {
      throw ConfigError("a BatchEnvironment steps all its environments at once: autoreset must be same_step");
    }
    if (batch.size() != shard.end - shard.begin) {
      throw ConfigError("the factory made a batch of " + std::to_string(batch.size()) + " environments for a shard of " +
                        std::to_string(shard.end - shard.begin) + "; make(size) must give a batch of that size");
    }
    check_spaces(shard.begin, batch);
  }

  const E& first() const { return shards_.front().environments_.front(); }

  std::size_t shard_of(std::size_t env) const {
    if (env >= num_envs()) {
      throw ShapeError("environment " + std::to_string(env) + " of " + std::to_string(num_envs()) + " does not exist");
    }
    std::size_t s = env * num_shards_ / num_envs();
    while (env >= shards_[s].end) ++s;
    return s;
  }
  Slot& slot(std::size_t env) {
    Shard& shard = shards_[shard_of(env)];
    return shard.slots_[env - shard.begin];
  }
  const Slot& slot(std::size_t env) const {
    const Shard& shard = shards_[shard_of(env)];
    return shard.slots_[env - shard.begin];
  }

  void check_reset_sizes(const Rows& rows) const {
    const std::size_t n = num_envs();
    const bool fits = rows.observations.rows() == n && rows.observations.cols() == observation_size_ &&
                      (mask_width_ == 0 || (rows.masks.rows() == n && rows.masks.cols() == mask_width_));
    if (!fits) detail::throw_row_sizes(rows.observations, rows.masks, n, observation_size_, mask_width_);
  }

  void check_sizes(const MatrixView<const ActionScalar>& actions, const Rows& rows) const {
    const std::size_t n = num_envs();
    if (actions.rows() != n || actions.cols() != action_width_) {
      throw ShapeError("actions are [" + std::to_string(actions.rows()) + "][" + std::to_string(actions.cols()) +
                       "], expected [" + std::to_string(n) + "][" + std::to_string(action_width_) + "]");
    }
    check_reset_sizes(rows);
    const bool final_fits = rows.final_observations.empty() ||
                            (rows.final_observations.rows() == n && rows.final_observations.cols() == observation_size_);
    if (rows.rewards.size() != n || rows.terminated.size() != n || rows.truncated.size() != n || !final_fits) {
      throw ShapeError("rewards, terminated, truncated have lengths " + std::to_string(rows.rewards.size()) + ", " +
                       std::to_string(rows.terminated.size()) + ", " + std::to_string(rows.truncated.size()) + " and " +
                       std::to_string(rows.final_observations.rows()) + " final observations; expected " + std::to_string(n) +
                       " each (final observations: that many rows of the observation size, or none)");
    }
  }

  void step_batch(Shard& shard, MatrixView<const ActionScalar> actions, const Rows& rows) {
    const std::size_t n = shard.end - shard.begin;
    for (std::size_t e = shard.begin; e < shard.end; ++e) {
      if (shard.slots_[e - shard.begin].phase != Phase::running) [[unlikely]]
        step_without_episode(shard, e, rows);
    }
    std::size_t e = shard.begin;
    try {
      make_batch_step(shard, actions.rows_range(shard.begin, n), rows);
      for (; e < shard.end; ++e) {
        Slot& slot = shard.slots_[e - shard.begin];
        const double reward = rows.rewards[e];
        ++slot.length;
        slot.episode_return += reward;
        if (config_.check_finite && !is_finite(reward)) [[unlikely]]
          throw_reward(slot, e, reward);
        if ((rows.terminated[e] | rows.truncated[e]) != 0) [[unlikely]] {
          finish_episode(shard, e, {reward, rows.terminated[e] != 0, rows.truncated[e] != 0}, rows);
        }
      }
    } catch (...) {
      // The batch has stepped those behind as well, but nobody has looked whether their episodes ended.
      for (std::size_t i = e; i < shard.end; ++i) shard.slots_[i - shard.begin].phase = Phase::fresh;
      check_rows(shard, rows, e);
      throw;
    }
  }

  void make_batch_step(Shard& shard, MatrixView<const ActionScalar> actions, const Rows& rows) {
    const std::size_t begin = shard.begin, n = actions.rows();
    try {
      shard.environments_.front().step(actions, rows.observations.rows_range(begin, n), rows.rewards.subspan(begin, n),
                                       rows.terminated.subspan(begin, n), rows.truncated.subspan(begin, n));
    } catch (...) {
      rethrow(shard.slots_.front(), begin, "step of its batch");
    }
  }

  void step_each(Shard& shard, MatrixView<const ActionScalar> actions, const Rows& rows) {
    std::size_t e = shard.begin;
    try {
      for (; e < shard.end; ++e) step_one(shard, e, actions.row(e), rows);
    } catch (...) {
      check_rows(shard, rows, e);  // those before it have made the step: a bad row of theirs is the first error
      throw;
    }
  }

  void step_one(Shard& shard, std::size_t env, std::span<const ActionScalar> action, const Rows& rows) {
    Slot& slot = shard.slots_[env - shard.begin];
    if (slot.phase != Phase::running) [[unlikely]] {
      step_without_episode(shard, env, rows);
      return;
    }
    E& environment = shard.environments_[is_batch ? 0 : env - shard.begin];
    const std::span<float> row = rows.observations.row(env);
    ++slot.length;
    Transition transition;
    try {
      transition = environment.step(action, row);
    } catch (...) {
      rethrow(slot, env, "step");
    }
    slot.episode_return += transition.reward;
    rows.rewards[env] = transition.reward;
    rows.terminated[env] = transition.terminated ? 1 : 0;
    rows.truncated[env] = transition.truncated ? 1 : 0;
    if (config_.check_finite && !is_finite(transition.reward)) [[unlikely]]
      throw_reward(slot, env, transition.reward);
    if (transition.terminated || transition.truncated) [[unlikely]] {
      finish_episode(shard, env, transition, rows);
    } else {
      write_masks(shard, env, rows);
    }
  }

  void step_without_episode(Shard& shard, std::size_t env, const Rows& rows) {
    const Slot& slot = shard.slots_[env - shard.begin];
    if (slot.phase == Phase::ended && config_.autoreset == AutoresetMode::next_step) {
      rows.rewards[env] = 0.0;
      rows.terminated[env] = 0;
      rows.truncated[env] = 0;
      begin_episode(shard, env, rows);
      return;
    }
    const std::string where = "environment " + std::to_string(env);
    if (slot.phase == Phase::fresh) {
      throw EnvironmentError(where +
                                 " has no running episode: call reset() before the first step, after an error, and after "
                                 "loading a state without environments",
                             env, slot.length);
    }
    throw EnvironmentError(where + ": episode " + std::to_string(slot.episode) +
                               " has ended and autoreset is disabled: call reset(reset_mask) with its byte set",
                           env, slot.length);
  }

  void finish_episode(Shard& shard, std::size_t env, const Transition& transition, const Rows& rows) {
    Slot& slot = shard.slots_[env - shard.begin];
    const std::span<float> row = rows.observations.row(env);
    if (config_.check_finite) check_observation(shard, env, row);  // the next episode may overwrite it
    if (!rows.final_observations.empty()) {
      std::copy(row.begin(), row.end(), rows.final_observations.row(env).begin());
    }
    EpisodeStatistics& statistics = shard.finished_.emplace_back();
    statistics.env = static_cast<std::uint32_t>(env);
    statistics.episode = slot.episode;
    statistics.seed = slot.seed;
    statistics.source = static_cast<std::size_t>(slot.source);
    statistics.episode_return = slot.episode_return;
    statistics.length = slot.length;
    statistics.terminated = transition.terminated;
    statistics.truncated = transition.truncated;
    if constexpr (ReportsMetrics<E>) {
      statistics.num_metrics = static_cast<std::uint8_t>(num_metrics_);
      try {
        shard.environments_[is_batch ? 0 : env - shard.begin].metrics(
            std::span<double>(statistics.metrics).first(num_metrics_));
      } catch (...) {
        rethrow(slot, env, "metrics");
      }
    }
    slot.phase = Phase::ended;
    if (config_.autoreset == AutoresetMode::same_step) {
      begin_episode(shard, env, rows);
    } else if constexpr (has_masks) {
      // No action is chosen from a last observation: everything is allowed, nothing is used.
      const std::span<std::uint8_t> mask = rows.masks.row(env);
      std::fill(mask.begin(), mask.end(), std::uint8_t{1});
    }
  }

  void begin_episode(Shard& shard, std::size_t env, const Rows& rows) {
    Slot& slot = shard.slots_[env - shard.begin];
    E& environment = shard.environments_[is_batch ? 0 : env - shard.begin];
    slot.phase = Phase::fresh;
    slot.episode = slot.started++;
    slot.seed = rlx::episode_seed(config_.seed, static_cast<std::uint32_t>(env), slot.episode);
    slot.episode_return = 0.0;
    slot.length = 0;
    slot.source = 0;
    const std::span<float> row = rows.observations.row(env);
    try {
      if constexpr (SourcedEnvironment<E>) {
        const std::size_t sources = environment.num_sources();
        if (sources == 0) throw ConfigError("the environment has no source: num_sources() is 0");
        const std::size_t source = sampler_.source({config_.seed, env, slot.episode, num_envs(), sources});
        if (source >= sources) {
          throw ConfigError("the episode sampler chose source " + std::to_string(source) + ", but the environment has " +
                            std::to_string(sources));
        }
        environment.set_source(source);
        slot.source = source;
      }
      if constexpr (is_batch) {
        environment.reset(env - shard.begin, slot.seed, row);
      } else {
        environment.reset(slot.seed, row);
      }
    } catch (...) {
      rethrow(slot, env, "reset");
    }
    slot.phase = Phase::running;
    write_masks(shard, env, rows);
  }

  void write_masks(Shard& shard, std::size_t env, const Rows& rows) {
    if constexpr (has_masks) {
      const std::span<std::uint8_t> mask = rows.masks.row(env);
      Slot& slot = shard.slots_[env - shard.begin];
      try {
        const E& environment = shard.environments_[is_batch ? 0 : env - shard.begin];
        environment.action_masks(mask);
      } catch (...) {
        rethrow(slot, env, "action_masks");
      }
    }
  }

  /// What the shard's environments below `end` have written. Together and late it costs half: bytes that were stored one by
  /// one a moment ago cannot be loaded many at once before they have reached the cache.
  void check_rows(Shard& shard, const Rows& rows, std::size_t end) {
    const MatrixView<const float> written = rows.observations.rows_range(shard.begin, end - shard.begin);
    bool sound = true;
    if (config_.check_finite) {
      if (written.stride() == written.cols()) {
        const std::span<const float> all(written.data(), written.rows() * written.cols());
        sound = first_non_finite(all) == all.size();
      } else {
        for (std::size_t i = 0; i < written.rows(); ++i) sound = sound && first_non_finite(written.row(i)) == written.cols();
      }
    }
    if constexpr (has_masks) {
      for (std::size_t e = shard.begin; e < end && config_.check_masks; ++e)
        sound = sound && !detail::component_without_choice(rows.masks.row(e), components_);
    }
    if (!sound) [[unlikely]]
      throw_rows(shard, rows, end);
  }
  /// Every environment whose row is bad fails; the error is that of the first.
  [[noreturn]] void throw_rows(Shard& shard, const Rows& rows, std::size_t end) {
    std::exception_ptr first;
    for (std::size_t e = shard.begin; e < end; ++e) {
      try {
        check_row(shard, e, rows);
      } catch (...) {
        if (!first) first = std::current_exception();
      }
    }
    std::rethrow_exception(first);
  }
  /// What one environment has written.
  void check_row(Shard& shard, std::size_t env, const Rows& rows) {
    if (config_.check_finite) check_observation(shard, env, rows.observations.row(env));
    if constexpr (has_masks) {
      if (!config_.check_masks) return;
      const std::optional<std::size_t> bad = detail::component_without_choice(rows.masks.row(env), components_);
      if (bad) [[unlikely]]
        throw_mask(shard.slots_[env - shard.begin], env, *bad);
    }
  }
  void check_observation(Shard& shard, std::size_t env, std::span<const float> row) {
    const std::size_t bad = first_non_finite(row);
    if (bad != row.size()) [[unlikely]]
      throw_observation(shard, env, bad, row[bad]);
  }

  [[noreturn]] void throw_observation(Shard& shard, std::size_t env, std::size_t element, float value) {
    Slot& slot = shard.slots_[env - shard.begin];
    slot.phase = Phase::fresh;
    const std::string name = detail::observation_label(shard.environments_[is_batch ? 0 : env - shard.begin], element);
    throw NumericError(name + " of " + place(slot, env) + " is " + detail::non_finite_text(value) +
                           ": the environment must write finite numbers only",
                       name, slot.length, env);
  }
  [[noreturn]] void throw_reward(Slot& slot, std::size_t env, double value) {
    slot.phase = Phase::fresh;
    throw NumericError("reward of " + place(slot, env) + " is " + detail::non_finite_text(value) +
                           ": the environment must return a finite reward",
                       "reward", slot.length, env);
  }
  [[noreturn]] void throw_mask(Slot& slot, std::size_t env, std::size_t component) {
    slot.phase = Phase::fresh;
    throw EnvironmentError(place(slot, env) + ": no action of component " + std::to_string(component) + " (" +
                               std::to_string(components_[component]) +
                               " choices) is valid; a mask must leave at least one, for example an action that does nothing",
                           env, slot.length);
  }
  /// Called inside a handler: wraps the current exception.
  [[noreturn]] void rethrow(Slot& slot, std::size_t env, const char* member) {
    slot.phase = Phase::fresh;
    std::throw_with_nested(
        EnvironmentError(place(slot, env) + ": " + member + " threw: " + detail::current_exception_text(), env, slot.length));
  }
  static std::string place(const Slot& slot, std::size_t env) {
    return "environment " + std::to_string(env) + ", episode " + std::to_string(slot.episode) + ", step " +
           std::to_string(slot.length);
  }

  void gather_finished() {
    finished_.clear();
    for (const Shard& shard : shards_) finished_.insert(finished_.end(), shard.finished_.begin(), shard.finished_.end());
  }
  void clear_step_results() {
    std::fill(rewards_.begin(), rewards_.end(), 0.0);
    std::fill(terminated_.begin(), terminated_.end(), std::uint8_t{0});
    std::fill(truncated_.begin(), truncated_.end(), std::uint8_t{0});
    finished_.clear();
  }

  /// Loads every environment, or, if one refuses, none.
  void load_own_states(const std::vector<std::vector<std::byte>>& saved) {
    std::vector<std::vector<std::byte>> before(num_envs());
    for (std::size_t e = 0; e < num_envs(); ++e) environment(e).save_state(before[e]);
    std::size_t e = 0;
    try {
      for (; e < num_envs(); ++e) environment(e).load_state(saved[e]);
    } catch (...) {
      for (std::size_t i = 0; i <= e; ++i) environment(i).load_state(before[i]);
      throw;
    }
  }

  static void expect(std::uint64_t found, std::uint64_t expected, const char* what) {
    if (found != expected) {
      throw CheckpointError(std::string("state of a vector environment: ") + what + " is " + std::to_string(found) +
                            " in the file and " + std::to_string(expected) + " here");
    }
  }

  VectorEnvConfig config_;
  ThreadPool* pool_;
  std::size_t num_shards_;
  std::vector<Shard> shards_;
  std::size_t observation_size_ = 0, action_width_ = 0, mask_width_ = 0, num_metrics_ = 0;
  std::vector<std::size_t> components_;  // choices per component; empty without masks
  AnyEpisodeSampler sampler_;
  std::vector<float> observations_, final_observations_;
  std::vector<std::uint8_t> masks_, terminated_, truncated_;
  std::vector<double> rewards_;
  std::vector<EpisodeStatistics> finished_;
};

/// Whether V is a vector environment wrapped in running statistics (`NormalizeObservation`, `NormalizeReward`). Learners keep
/// statistics of their own and take the unwrapped one.
template <class V>
inline constexpr bool is_statistics_wrapper = false;

/// `VectorEnv envs({.num_envs = 8}, pool, make)` with any callable `E make(std::size_t env)`.
template <class F>
requires std::invocable<F&, std::size_t> VectorEnv(VectorEnvConfig, ThreadPool&, F)
->VectorEnv<std::remove_cvref_t<std::invoke_result_t<F&, std::size_t>>>;

}  // namespace rlx::inline v0_1

#endif  // RLX_ENV_VECTOR_ENV_HPP
