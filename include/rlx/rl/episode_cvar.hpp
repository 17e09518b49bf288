// SPDX-License-Identifier: MIT
/// @file
/// @brief A risk objective: the mean of the episodes' returns plus a weight times their tail mean.
#ifndef RLX_RL_EPISODE_CVAR_HPP
#define RLX_RL_EPISODE_CVAR_HPP

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/state.hpp>
#include <rlx/io/number_text.hpp>
#include <rlx/risk/tail.hpp>
#include <rlx/rl/detail/tail_term.hpp>
#include <rlx/rl/logger.hpp>
#include <rlx/rl/risk_objective.hpp>
#include <rlx/rl/risk_report.hpp>
#include <rlx/rl/rollout.hpp>

namespace rlx::inline v0_1 {

/// Tail, weight and sample of an `EpisodeCvar`.
struct EpisodeCvarConfig {
  risk::TailMass tail{0.05};        ///< share of the episodes that is the tail
  double cvar_weight = 0.0;         ///< w, at least 0: what one unit of the tail mean is worth in units of the mean
  std::size_t history = 0;          ///< older returns that widen the sample of VaR and CVaR; 0: ceil(10 / alpha)
  std::size_t max_age_updates = 4;  ///< older returns are dropped after this many updates; 0: none is used
  /// VaR of an episode's return, a loss, that stands in while there are fewer returns than one in the tail; a forecast's
  /// `risk::QuantileForecast::var`, or `risk::value_at_risk` of stored samples. Without it the term is 0 until then.
  std::optional<double> initial_var = {};
};

/**
 * @brief Maximises E[G] + w CVaR_alpha(G), G the undiscounted raw return of a whole episode, CVaR as a mean outcome.
 *
 * For every step of a rollout whose episode e ends in it: A += (w / s) [(nu - C) - (nu - G_e)+ / alpha], where nu and C are the
 * VaR and CVaR (as outcomes) of the rollout's returns and of the older ones, and s is what the rewards were divided by. Returns
 * (-3, 1, 2, 4) with alpha 0.5 give nu = 1, C = -1 and the terms w (-6, 2, 2, 2). Added after GAE and before the
 * normalisation of advantages; fixed over the epochs.
 *
 * Steps of an episode that does not end in the rollout get nothing; its later steps are credited when it ends. `n_steps` of
 * ten mean episode lengths keep that share small. Ten episodes in the tail (alpha times their number) keep the estimate
 * usable; below that, and above a share of 0.2, the log gets a warning.
 * The bias is O(1/m) from the estimated nu and the variance grows like 1 / (alpha m), m the episodes of a rollout.
 *
 * Fewer than 1 / alpha returns: no term in that update. @throws ConfigError in the tenth such update in a row.
 * @par Determinism  a function of the rollouts; `on_rollout` runs on one thread. Allocates in the first rollout only
 * @par Source       Tamar, Glassner & Mannor 2015, "Optimizing the CVaR via sampling"
 *
 * Called EpisodeCvar. @tparam Number  double; a parameter so that a program compiles only what it uses
 */
template <class Number>
class BasicEpisodeCvar {
 public:
  static constexpr std::size_t max_short_updates = 10;  ///< without enough returns, in a row

  /// @throws ConfigError naming the field.
  explicit BasicEpisodeCvar(EpisodeCvarConfig config = {}) : config_(config), weight_(config.cvar_weight) {
    detail::check_tail_config("EpisodeCvarConfig", config.tail, config.cvar_weight);
    if (config.initial_var && !is_finite(*config.initial_var)) {
      throw ConfigError("EpisodeCvarConfig.initial_var is not a finite number; leave it empty if there is no forecast");
    }
    if (config_.history == 0) config_.history = static_cast<std::size_t>(std::ceil(10 / config.tail.alpha));
  }

  /// Adds the term to `advantages` [T][N]. @throws ConfigError, NumericError (a return that is not finite)
  void on_rollout(const RolloutView& rollout, std::span<float> advantages) {
    returns_.reserve(rollout.rewards.size() + config_.history);
    scratch_.reserve(rollout.rewards.size() + config_.history);
    returns_.clear();
    std::size_t uncredited = 0;
    for (const EpisodeSlice& episode : rollout.episodes) {
      if (episode.complete) {
        returns_.push_back(episode.episode_return);
      } else {
        uncredited += episode.end - episode.begin;
      }
    }
    const std::size_t own = returns_.size();
    forget(rollout.update);
    for (const Return& old : history_) returns_.push_back(old.value);

    const double tail_count = static_cast<double>(returns_.size()) * config_.tail.alpha;
    report_ = {};
    report_.tail_episodes = tail_count;
    report_.uncredited_fraction = static_cast<double>(uncredited) / static_cast<double>(rollout.rewards.size());
    report_.weight = weight_;
    std::optional<detail::TailTerm> term;
    if (tail_count >= 1 - 1e-9) {
      term = detail::TailTerm::of(returns_, config_.tail, scratch_);
    } else if (config_.initial_var && own != 0) {
      term = detail::TailTerm::at(-*config_.initial_var, std::span<const double>(returns_), config_.tail);
    }
    if (term) {
      short_updates_ = 0;
      report_.var = -term->nu;
      report_.cvar = -term->tail_mean;
      if (weight_ != 0.0) add(*term, rollout, advantages);
    } else if (++short_updates_ >= max_short_updates) {
      throw ConfigError(
          "EpisodeCvar: for " + std::to_string(short_updates_) + " updates in a row fewer than " + std::to_string(needed()) +
          " episodes ended, which a tail of alpha = " + io::trimmed(config_.tail.alpha, 6) + " asks for; the last rollout of " +
          std::to_string(rollout.n_steps) + " x " + std::to_string(rollout.num_envs) + " steps gave " + std::to_string(own) +
          " and there are " + std::to_string(history_.size()) + " older ones; raise n_steps or alpha");
    }
    find_warnings(term.has_value(), rollout.update);
    remember(std::span<const double>(returns_).first(own), rollout.update);
  }

  /// 0: the term is in the advantages.
  template <std::floating_point S>
  double loss(const BasicMinibatchView<S>&, const BasicLossGradient<S>&) const noexcept {
    return 0.0;
  }

  /// Figures, and each warning when it begins to hold.
  void record(Logger& logger) const {
    report_.record(logger);
    for (const std::string& warning : new_warnings_) logger.warning(warning);
  }

  /// As given; `weight()` may have moved on from it.
  const EpisodeCvarConfig& config() const noexcept { return config_; }
  /// Of the last rollout.
  const RiskReport& report() const noexcept { return report_; }
  /// w of the next rollout.
  double weight() const noexcept { return weight_; }
  /// Changes w from the next rollout on, for schedules. @throws ConfigError
  void set_weight(double weight) {
    detail::check_tail_config("EpisodeCvar::set_weight", config_.tail, weight);
    weight_ = weight;
  }

  /// Configuration, weight and older returns, for checkpoints.
  void save_state(StateWriter& writer) const {
    writer.write(config_.tail.alpha);
    writer.write(config_.cvar_weight);
    writer.write(static_cast<std::uint64_t>(config_.history));
    writer.write(static_cast<std::uint64_t>(config_.max_age_updates));
    writer.write(static_cast<std::uint64_t>(config_.initial_var.has_value()));
    writer.write(config_.initial_var.value_or(0.0));
    writer.write(weight_);
    writer.write(static_cast<std::uint64_t>(short_updates_));
    writer.write(history_);
    report_.save_state(writer);
  }
  /// @throws CheckpointError  foreign bytes, or of another configuration.
  void load_state(StateReader& reader) {
    detail::expect_saved(reader, "tail.alpha", config_.tail.alpha);
    detail::expect_saved(reader, "cvar_weight", config_.cvar_weight);
    detail::expect_saved(reader, "history", static_cast<std::uint64_t>(config_.history));
    detail::expect_saved(reader, "max_age_updates", static_cast<std::uint64_t>(config_.max_age_updates));
    detail::expect_saved(reader, "initial_var given", static_cast<std::uint64_t>(config_.initial_var.has_value()));
    detail::expect_saved(reader, "initial_var", config_.initial_var.value_or(0.0));
    reader.read(weight_);
    short_updates_ = static_cast<std::size_t>(reader.read<std::uint64_t>());
    history_ = reader.read_vector<Return>();
    report_.load_state(reader);
    had_warnings_ = {};
    new_warnings_.clear();
  }

 private:
  struct Return {
    double value;
    std::uint64_t update;  ///< in whose rollout the episode ended
  };
  enum Warning : std::uint8_t { too_few, thin_tail, uncredited_steps, warnings };

  std::size_t needed() const { return static_cast<std::size_t>(std::ceil(1 / config_.tail.alpha - 1e-9)); }

  void add(const detail::TailTerm& term, const RolloutView& rollout, std::span<float> advantages) const {
    for (const EpisodeSlice& episode : rollout.episodes) {
      if (!episode.complete) continue;
      const auto credit = static_cast<float>(weight_ / rollout.reward_scale * term(episode.episode_return));
      for (std::size_t t = episode.begin; t < episode.end; ++t) advantages[t * rollout.num_envs + episode.env] += credit;
    }
  }

  /// Drops the returns that are too old for this update.
  void forget(std::uint64_t update) {
    std::erase_if(history_, [&](const Return& old) { return update - old.update > config_.max_age_updates; });
  }
  /// Keeps the newest `history` returns.
  void remember(std::span<const double> returns, std::uint64_t update) {
    if (config_.max_age_updates == 0) return;
    history_.reserve(config_.history);
    const std::size_t added = std::min(returns.size(), config_.history);
    const std::size_t dropped = history_.size() + added - std::min(history_.size() + added, config_.history);
    history_.erase(history_.begin(), history_.begin() + static_cast<std::ptrdiff_t>(dropped));
    for (const double value : returns.last(added)) history_.push_back({value, update});
  }

  void find_warnings(bool enough, std::uint64_t update) {
    new_warnings_.clear();
    const auto check = [&](Warning kind, bool holds, auto text) {
      if (holds && !had_warnings_[kind]) new_warnings_.push_back(text());
      had_warnings_[kind] = holds;
    };
    check(too_few, !enough, [&] {
      return "EpisodeCvar: " + std::to_string(returns_.size()) +
             " episodes for a tail of alpha = " + io::trimmed(config_.tail.alpha, 6) + ", expected at least " +
             std::to_string(needed()) + "; the risk term is 0 for this update";
    });
    check(thin_tail, enough && update >= config_.max_age_updates && report_.tail_episodes < 10, [&] {
      return "EpisodeCvar: " + io::trimmed(report_.tail_episodes, 2) +
             " episodes in the tail, expected at least 10; raise n_steps, the number of environments or alpha";
    });
    check(uncredited_steps, report_.uncredited_fraction > 0.2, [&] {
      return "EpisodeCvar: " + io::trimmed(100 * report_.uncredited_fraction, 1) +
             " % of the steps belong to episodes that did not end in the rollout and got no risk term, expected at most 20 %; "
             "raise n_steps to at least 10 mean episode lengths";
    });
  }

  EpisodeCvarConfig config_;
  double weight_;
  std::size_t short_updates_ = 0;
  std::vector<Return> history_;  // oldest first
  RiskReport report_;
  std::vector<double> returns_, scratch_;
  std::array<bool, warnings> had_warnings_{};
  std::vector<std::string> new_warnings_;
};

/// As programs use it. @see BasicEpisodeCvar
using EpisodeCvar = BasicEpisodeCvar<double>;

static_assert(RiskObjective<EpisodeCvar>);

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_EPISODE_CVAR_HPP
