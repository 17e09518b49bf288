// SPDX-License-Identifier: MIT
/// @file
/// @brief Off-policy evaluation: what a policy would have earned, from the log of another one, with an interval or a refusal.
#ifndef RLX_RL_OFFLINE_OPE_HPP
#define RLX_RL_OFFLINE_OPE_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/random.hpp>
#include <rlx/core/special_functions.hpp>
#include <rlx/core/thread_pool.hpp>
#include <rlx/risk/bootstrap.hpp>
#include <rlx/rl/offline/dataset.hpp>
#include <rlx/rl/offline/fqe.hpp>
#include <rlx/rl/offline/masked_policy.hpp>

namespace rlx::inline v0_1 {

// ---- Estimators on numbers ----------------------------------------------------------------------------------------------

/// What the estimators read; every span has one entry per row of the dataset.
struct OpeRows {
  std::span<const EpisodeRange> episodes;  ///< rows of each; one entry per episode
  std::span<const double> rewards;         ///< raw
  std::span<const double> rho;             ///< pi_e(a|s) / mu(a|s), >= 0
  std::span<const double> q = {};          ///< Qhat(s, a) of the logged action; empty: no doubly robust estimate
  std::span<const double> v = {};          ///< Vhat(s) = sum_b pi_e(b|s) Qhat(s, b); empty likewise
  double gamma = 1;                        ///< discount
};

/**
 * @brief Importance-weighted figures of every episode; the estimators are functions of them. Called OpeEpisodes.
 *
 * W_t = prod_{j<=t} rho_j is kept as a logarithm, so long episodes neither overflow nor vanish. An estimator takes the number
 * of times each episode counts (as a bootstrap draws them); empty: once each. It is NaN where no counted episode has weight.
 * @par Source  Precup, Sutton and Singh 2000 (weighted, per decision); Jiang and Li 2016, arXiv:1511.03722 (doubly robust)
 * @tparam Rows  OpeRows; a parameter so that a program compiles only what it uses
 */
template <class Rows>
class BasicOpeEpisodes {
 public:
  /// O(N). @throws ShapeError for spans of different lengths; NumericError for a rho below 0 or a number that is not finite
  explicit BasicOpeEpisodes(const Rows& rows);

  /// Number of episodes.
  std::size_t size() const noexcept { return returns_.size(); }
  /// sum_e W^e G^e / sum_e W^e, G the discounted return
  double wis(std::span<const double> count = {}) const;
  /// sum_t gamma^t sum_e W_t^e r_t^e / sum_e W_t^e; ended episodes keep their last W and r = 0. O(N)
  double pdwis(std::span<const double> count = {}) const;
  /// Mean of V over the episodes, backwards V = Vhat(s_t) + rho_t (r_t + gamma V_next - Qhat(s_t, a_t)), 0 after the last row:
  /// like the others it values the episode as long as it was logged.
  double doubly_robust(std::span<const double> count = {}) const;
  /// Whether `q` and `v` were given.
  bool has_doubly_robust() const noexcept { return !doubly_robust_.empty(); }
  /// Effective number of episodes, (sum W)^2 / sum W^2; 0 if none has weight.
  double effective_size() const;

 private:
  static double times(std::span<const double> count, std::size_t e) { return count.empty() ? 1.0 : count[e]; }

  Rows rows_;
  std::vector<double> returns_, weights_;  // weights of whole episodes, the largest is 1
  std::vector<double> scaled_;             // W_t of each row over the largest of its t
  std::vector<double> ended_;              // last W of an episode over the largest of the t that follows; 0 if none follows
  std::vector<double> rescale_;            // largest W of t - 1 over that of t
  std::vector<double> doubly_robust_;
};

/// As the library uses it. @see BasicOpeEpisodes
using OpeEpisodes = BasicOpeEpisodes<OpeRows>;

// ---- Whole evaluation ---------------------------------------------------------------------------------------------------

/// Weighted importance sampling, per decision, doubly robust, and fitted Q evaluation.
enum class OpeMethod : std::uint8_t { wis, pdwis, doubly_robust, fqe };

/// "WIS", "PDWIS", "DR", "FQE".
constexpr std::string_view to_string(OpeMethod method) noexcept {
  constexpr std::string_view names[] = {"WIS", "PDWIS", "DR", "FQE"};
  return names[static_cast<std::size_t>(method)];
}

/// How a policy is evaluated.
struct OpeConfig {
  /// Which estimates, in this order.
  std::vector<OpeMethod> methods = {OpeMethod::wis, OpeMethod::pdwis, OpeMethod::doubly_robust, OpeMethod::fqe};
  /// Which propensities the importance estimators may use; the dataset must say that it has them. `deterministic` takes every
  /// logged action as certain.
  PropensitySource propensities = PropensitySource::logged;
  std::uint64_t seed = 0;          ///< of fits and resamples
  bool intervals = true;           ///< false: estimates only, without bootstrap and refits
  std::size_t replicates = 2'000;  ///< of the bootstrap over episodes (BCa)
  double confidence = 0.95;        ///< in (0, 1)
  std::size_t refits = 10;         ///< fits on resampled episodes for the interval of FQE, at least 2
  double min_support = 0.9;        ///< least mean probability that the policy gives to actions that the log could contain
  FqeConfig q = {};                ///< fits of FQE and of Qhat for DR
};

/// One estimate of the value from the first observation of an episode on.
struct OpeEstimate {
  OpeMethod method = OpeMethod::wis;  ///< which estimate this is
  bool available = false;             ///< false: refused, `value` means nothing
  risk::Interval value = {};          ///< ends equal to the estimate without intervals
  bool reliable = false;  ///< false: refused, or the effective size is below max(10, 0.05 m), or replicates had no weight
  std::string note = {};  ///< why it is refused or unreliable
};

/// Estimates of one policy on one log.
struct OpeResult {
  std::vector<OpeEstimate> estimates;  ///< in the order of OpeConfig::methods
  std::size_t episodes = 0;            ///< m
  double behaviour_value = 0;          ///< mean discounted return of the log
  double support = 0;                  ///< mean probability of the policy on actions that the log could contain
  double effective_size = 0;           ///< of the weights of WIS; NaN without propensities
  PropensitySource propensities = PropensitySource::logged;  ///< as asked for
  bool intervals = true;  ///< OpeConfig::intervals; without them the ends of `value` say nothing

  /// @throws ConfigError if the method was not asked for
  const OpeEstimate& operator[](OpeMethod method) const {
    for (const OpeEstimate& estimate : estimates) {
      if (estimate.method == method) return estimate;
    }
    throw ConfigError("OpeResult: " + std::string(to_string(method)) + " was not in OpeConfig::methods");
  }
};

/**
 * @brief Values a policy on a log.
 *
 * WIS, PDWIS and DR need propensities. Support: the mean of the policy's probability on actions with mu > 0, by the logged
 * `behaviour_probs`; without them an action counts as possible if the log has it anywhere (deterministic: only the action
 * taken). Below `min_support` the importance estimators refuse and only FQE answers, flagged. Qhat of DR is fitted on the other
 * half of the episodes. Intervals: BCa over episodes for WIS, PDWIS, DR; for FQE the estimate ± t times the sd of `refits` fits
 * on resampled episodes. FQE bootstraps at truncated rows, so it values a task that goes on; the others value what was logged.
 * @param data    the log   @param target  policy to be valued   @param config  see there
 * @param pool  runs fits and replicates; the result does not depend on it. May be null
 * @throws DataError if importance estimators are asked for and a propensity is NaN or of another source than demanded, or the
 *         policy was made for other observations or actions than the log's;
 *         ConfigError (config); NumericError (policy)
 */
template <MaskedPolicy P>
OpeResult evaluate_off_policy(const OfflineDataset& data, const P& target, const OpeConfig& config = {},
                              ThreadPool* pool = nullptr);

/// The same with a given Q-function of the target policy: nothing is fitted. FQE is then the mean of sum_b pi(b|s_0) Q(s_0, b)
/// with an interval over the first observations.
template <MaskedPolicy P, ActionValues Q>
OpeResult evaluate_off_policy(const OfflineDataset& data, const P& target, const Q& q, const OpeConfig& config = {},
                              ThreadPool* pool = nullptr);

/// The rows of each strategy on their own, see OfflineDataset::filter; tags without rows are left out.
template <MaskedPolicy P>
std::vector<std::pair<std::string, OpeResult>> evaluate_by_tag(const OfflineDataset& data, const P& target,
                                                               const OpeConfig& config = {}, ThreadPool* pool = nullptr) {
  std::vector<std::uint8_t> used(data.info().tags.size(), 0);
  for (const std::int32_t tag : data.columns().tag) used[static_cast<std::size_t>(tag)] = 1;
  std::vector<std::pair<std::string, OpeResult>> results;
  for (std::size_t i = 0; i < used.size(); ++i) {
    const std::string& name = data.info().tags[i];
    if (used[i] != 0) results.emplace_back(name, evaluate_off_policy(data.filter({name}), target, config, pool));
  }
  return results;
}

/// The dataset with propensities (and behaviour_probs) of a model of its behaviour policy, such as BehaviourCloning.
/// @throws DataError if the model gives a logged action the probability 0; NumericError (policy)
template <MaskedPolicy P>
OfflineDataset estimate_propensities(const OfflineDataset& data, const P& behaviour) {
  PolicyTable table = PolicyTable::of(data, behaviour);
  OfflineInfo info = data.info();
  OfflineColumns columns = data.columns();
  info.propensity_source = PropensitySource::estimated;
  columns.propensity = std::move(table.taken);
  columns.behaviour_probs = std::move(table.rows);
  return {std::move(info), std::move(columns)};
}

// ---- Implementation -----------------------------------------------------------------------------------------------------

template <class Rows>
BasicOpeEpisodes<Rows>::BasicOpeEpisodes(const Rows& rows) : rows_(rows) {
  const std::size_t m = rows.episodes.size();
  const std::size_t n = m == 0 ? 0 : rows.episodes.back().end;
  const auto require = [n](std::span<const double> values, const char* name, bool optional) {
    if (values.size() != n && !(optional && values.empty())) {
      throw ShapeError(std::string("OpeRows: ") + name + " has " + std::to_string(values.size()) + " entries, expected " +
                       std::to_string(n));
    }
    if (const std::size_t i = first_non_finite(values); i != values.size()) {
      throw NumericError(std::string("OpeRows: ") + name + " of row " + std::to_string(i) + " is not finite", name, i);
    }
  };
  require(rows.rewards, "rewards", false);
  require(rows.rho, "rho", false);
  require(rows.q, "q", true);
  require(rows.v, "v", true);
  if (rows.q.empty() != rows.v.empty()) throw ShapeError("OpeRows: q and v must be given together");
  if (m == 0) throw ShapeError("OpeRows: expected at least one episode, found none");

  std::size_t longest = 0;
  for (const EpisodeRange& episode : rows.episodes) longest = std::max(longest, episode.size());
  constexpr double none = -1e300;  // ln 0; nothing that is added to it changes it
  returns_.resize(m);
  weights_.resize(m);
  ended_.assign(m, 0.0);
  scaled_.resize(n);
  rescale_.assign(longest, 0.0);
  std::vector<double> largest(longest, none), last(m);  // ln of the largest W of each t, ended episodes included; ln W
  if (!rows.q.empty()) doubly_robust_.resize(m);
  std::vector<double> ended(longest + 1, none);  // ln of the largest last W of episodes of this length
  for (std::size_t e = 0; e < m; ++e) {
    const auto [begin, end, id] = rows.episodes[e];
    double log_weight = 0, value = 0, robust = 0;
    for (std::size_t row = begin; row < end; ++row) {
      const double rho = rows.rho[row];
      if (rho < 0) throw NumericError("OpeRows: rho of row " + std::to_string(row) + " is negative", "rho", row);
      if (rho == 0) log_weight = none;
      if (rho != 0 && rho != 1) log_weight += std::log(rho);
      scaled_[row] = log_weight;
      largest[row - begin] = std::max(largest[row - begin], log_weight);
    }
    for (std::size_t row = end; row-- > begin;) {
      value = rows.rewards[row] + rows.gamma * value;
      if (!rows.q.empty()) robust = rows.v[row] + rows.rho[row] * (rows.rewards[row] + rows.gamma * robust - rows.q[row]);
    }
    returns_[e] = value;
    last[e] = log_weight;
    if (!rows.q.empty()) doubly_robust_[e] = robust;
    ended[end - begin] = std::max(ended[end - begin], log_weight);
  }
  const auto ratio = [](double log_weight, double log_largest) {
    return log_weight > none ? std::exp(log_weight - log_largest) : 0;
  };
  double largest_ended = none;
  for (std::size_t t = 0; t < longest; ++t) {
    largest_ended = std::max(largest_ended, ended[t]);
    largest[t] = std::max(largest[t], largest_ended);
    if (t > 0) rescale_[t] = ratio(largest[t - 1], largest[t]);
  }
  const double largest_last = *std::max_element(last.begin(), last.end());
  for (std::size_t e = 0; e < m; ++e) {
    const auto [begin, end, id] = rows.episodes[e];
    for (std::size_t row = begin; row < end; ++row) scaled_[row] = ratio(scaled_[row], largest[row - begin]);
    if (end - begin < longest) ended_[e] = ratio(last[e], largest[end - begin]);
    weights_[e] = ratio(last[e], largest_last);
  }
}

template <class Rows>
double BasicOpeEpisodes<Rows>::wis(std::span<const double> count) const {
  double sum = 0, weight = 0;
  for (std::size_t e = 0; e < size(); ++e) {
    const double w = times(count, e) * weights_[e];
    sum += w * returns_[e];
    weight += w;
  }
  return weight > 0 ? sum / weight : std::numeric_limits<double>::quiet_NaN();
}

template <class Rows>
double BasicOpeEpisodes<Rows>::pdwis(std::span<const double> count) const {
  const std::size_t longest = rescale_.size();
  std::vector<double> reward(longest, 0.0), running(longest, 0.0), ended(longest, 0.0);
  for (std::size_t e = 0; e < size(); ++e) {
    const double n = times(count, e);
    if (n == 0) continue;
    const EpisodeRange& episode = rows_.episodes[e];
    for (std::size_t t = 0; t < episode.size(); ++t) {
      const double w = n * scaled_[episode.begin + t];
      reward[t] += w * rows_.rewards[episode.begin + t];
      running[t] += w;
    }
    if (episode.size() < longest) ended[episode.size()] += n * ended_[e];
  }
  double value = 0, discount = 1, kept = 0;  // kept: weight of the episodes that have ended
  for (std::size_t t = 0; t < longest; ++t) {
    kept = (kept > 0 ? kept * rescale_[t] : 0) + ended[t];
    const double weight = running[t] + kept;
    if (!(weight > 0)) return std::numeric_limits<double>::quiet_NaN();
    value += discount * reward[t] / weight;
    discount *= rows_.gamma;
  }
  return value;
}

template <class Rows>
double BasicOpeEpisodes<Rows>::doubly_robust(std::span<const double> count) const {
  double sum = 0, weight = 0;
  for (std::size_t e = 0; e < doubly_robust_.size(); ++e) {
    sum += times(count, e) * doubly_robust_[e];
    weight += times(count, e);
  }
  return sum / weight;
}

template <class Rows>
double BasicOpeEpisodes<Rows>::effective_size() const {
  double sum = 0, squares = 0;
  for (const double w : weights_) {
    sum += w;
    squares += w * w;
  }
  return squares > 0 ? sum * sum / squares : 0;
}

namespace detail {

/// An interval and how many replicates had no value.
struct EpisodeInterval {
  risk::Interval interval;
  std::size_t undefined = 0;
};

/// BCa over episodes. @param estimate double(std::span<const double> count); NaN where the drawn episodes have no weight
template <class F>
EpisodeInterval episode_bootstrap(std::size_t episodes, const F& estimate, const OpeConfig& config, ThreadPool* pool) {
  const risk::BootstrapConfig draws{
      .block = 1, .replicates = config.replicates, .confidence = config.confidence, .seed = config.seed};
  risk::detail::check(draws);
  const double value = estimate({});
  std::vector<double> replicates(config.replicates);
  const std::size_t shards = pool == nullptr ? 1 : std::min(config.replicates, 4 * pool->size());
  const auto run = [&](std::size_t shard) {
    std::vector<double> count(episodes);
    for (std::size_t j = shard * config.replicates / shards; j < (shard + 1) * config.replicates / shards; ++j) {
      std::fill(count.begin(), count.end(), 0.0);
      RandomStream random = risk::detail::replicate_stream(draws, j);
      for (std::size_t i = 0; i < episodes; ++i) count[random.bounded(episodes)] += 1;
      replicates[j] = estimate(std::span<const double>(count));
    }
  };
  if (pool == nullptr) {
    run(0);
  } else {
    pool->run(shards, run);
  }
  const auto undefined = static_cast<std::size_t>(std::erase_if(replicates, [](double x) { return !is_finite(x); }));
  if (replicates.empty() || episodes < 2) return {{value, value, value}, config.replicates};

  const std::size_t groups = std::min<std::size_t>(episodes, 200);  // of the jackknife
  std::vector<double> count(episodes, 1.0), left_out;
  for (std::size_t g = 0; g < groups; ++g) {
    const auto begin = count.begin() + static_cast<std::ptrdiff_t>(g * episodes / groups);
    const auto end = count.begin() + static_cast<std::ptrdiff_t>((g + 1) * episodes / groups);
    std::fill(begin, end, 0.0);
    if (const double x = estimate(std::span<const double>(count)); is_finite(x)) left_out.push_back(x);
    std::fill(begin, end, 1.0);
  }
  double mean = 0, squares = 0, cubes = 0;
  for (const double x : left_out) mean += x / static_cast<double>(left_out.size());
  for (const double x : left_out) {
    squares += (mean - x) * (mean - x);
    cubes += (mean - x) * (mean - x) * (mean - x);
  }
  const double spread = squares * std::sqrt(squares);
  double below = 0;
  for (const double x : replicates) below += x < value ? 1.0 : x == value ? 0.5 : 0.0;
  const auto levels = risk::detail::bca_levels(below / static_cast<double>(replicates.size()), replicates.size(),
                                               spread > 0 ? cubes / (6 * spread) : 0, config.confidence);
  return {{value, risk::linear_quantile(replicates, levels[0]), risk::linear_quantile(replicates, levels[1])}, undefined};
}

/// Quantile of Student's t by the expansion of Cornish and Fisher (within 1 % from 4 degrees on at 95 %).
template <class = void>
double student_quantile(double p, double degrees) {
  const double z = normal_quantile(p), z2 = z * z;
  return z + z * (z2 + 1) / (4 * degrees) + z * ((5 * z2 + 16) * z2 + 3) / (96 * degrees * degrees);
}

/// Vhat = sum_b pi(b) Q(b); entries without probability are not read.
inline double expected_value(std::span<const float> probabilities, std::span<const double> q) {
  double sum = 0;
  for (std::size_t b = 0; b < q.size(); ++b) {
    if (probabilities[b] > 0) sum += static_cast<double>(probabilities[b]) * q[b];
  }
  return sum;
}

/// One evaluation: the parts that the methods share.
template <class Data>
class OpeRun {
 public:
  OpeRun(const Data& data, PolicyTable table, const OpeConfig& config, ThreadPool* pool)
      : data_(data), table_(std::move(table)), config_(config), pool_(pool), a_(data.action_count()) {
    if (!is_finite(config.min_support) || config.min_support < 0 || config.min_support > 1 || config.refits < 2) {
      throw ConfigError("OpeConfig: expected min_support in [0, 1] and refits of at least 2, found " +
                        std::to_string(config.min_support) + " and " + std::to_string(config.refits));
    }
    result_.episodes = data.episodes().size();
    result_.propensities = config.propensities;
    result_.intervals = config.intervals;
    result_.effective_size = std::numeric_limits<double>::quiet_NaN();
    for (std::size_t e = 0; e < result_.episodes; ++e) {
      result_.behaviour_value += data.episode_return(e, data.gamma()) / static_cast<double>(result_.episodes);
    }
    result_.support = support();
  }

  /// @param q_of  fills Qhat(s, a) and Vhat(s) of every row, called if DR is asked for and supported
  /// @param fqe   OpeEstimate()
  template <class QOf, class Fqe>
  OpeResult operator()(const QOf& q_of, const Fqe& fqe) {
    const auto wants = [&](OpeMethod method) {
      return std::find(config_.methods.begin(), config_.methods.end(), method) != config_.methods.end();
    };
    const bool supported = result_.support >= config_.min_support;
    std::optional<OpeEpisodes> episodes;
    std::vector<double> rho, q, v;
    if (wants(OpeMethod::wis) || wants(OpeMethod::pdwis) || wants(OpeMethod::doubly_robust)) {
      rho = ratios();
      if (supported && wants(OpeMethod::doubly_robust)) q_of(q, v);
      episodes.emplace(OpeRows{data_.episodes(), data_.columns().reward, rho, q, v, data_.gamma()});
      result_.effective_size = episodes->effective_size();
    }
    for (const OpeMethod method : config_.methods) {
      OpeEstimate estimate;
      if (method == OpeMethod::fqe) {
        estimate = fqe();
        estimate.reliable = supported;
        if (!supported) estimate.note = "the log lacks actions of the policy: " + support_text();
      } else if (!supported) {
        estimate.note = "refused: " + support_text() + "; only FQE answers";
      } else if (method == OpeMethod::wis) {
        estimate = weighted(*episodes, [&](std::span<const double> count) { return episodes->wis(count); });
      } else if (method == OpeMethod::pdwis) {
        estimate = weighted(*episodes, [&](std::span<const double> count) { return episodes->pdwis(count); });
      } else {
        estimate = weighted(*episodes, [&](std::span<const double> count) { return episodes->doubly_robust(count); });
      }
      estimate.method = method;
      result_.estimates.push_back(std::move(estimate));
    }
    return std::move(result_);
  }

  /// FQE's own estimate of a fitted function: mean over first observations.
  template <class Q>
  double start_value(const Q& q, std::span<const double> count = {}) const {
    const std::vector<double> values = start_values(q);
    double sum = 0, weight = 0;
    for (std::size_t e = 0; e < values.size(); ++e) {
      const double n = count.empty() ? 1 : count[e];
      sum += n * values[e];
      weight += n;
    }
    return sum / weight;
  }
  template <class Q>
  std::vector<double> start_values(const Q& q) const {
    auto workspace = q.make_workspace();
    std::vector<double> values, row_q(a_);
    for (const EpisodeRange& episode : data_.episodes()) {
      q.values(data_.observation(episode.begin), data_.mask(episode.begin), std::span<double>(row_q), workspace);
      values.push_back(expected_value(probabilities(episode.begin), row_q));
    }
    return values;
  }
  /// Qhat and Vhat of the rows of one episode.
  template <class Q>
  void row_values(const Q& q, typename Q::Workspace& workspace, std::size_t episode, std::vector<double>& q_out,
                  std::vector<double>& v_out) const {
    std::vector<double> row_q(a_);
    for (std::size_t row = data_.episodes()[episode].begin; row < data_.episodes()[episode].end; ++row) {
      q.values(data_.observation(row), data_.mask(row), std::span<double>(row_q), workspace);
      q_out[row] = row_q[static_cast<std::size_t>(data_.action(row))];
      v_out[row] = expected_value(probabilities(row), row_q);
    }
  }
  template <class F>
  void run(std::size_t jobs, const F& job) const {
    if (pool_ != nullptr) {
      pool_->run(jobs, job);
    } else {
      for (std::size_t i = 0; i < jobs; ++i) job(i);
    }
  }
  const PolicyTable& table() const noexcept { return table_; }
  const OpeConfig& config() const noexcept { return config_; }

  OpeEstimate bootstrap(std::span<const double> values) const {
    const auto mean = [values](std::span<const double> count) {
      double sum = 0, weight = 0;
      for (std::size_t e = 0; e < values.size(); ++e) {
        const double n = count.empty() ? 1 : count[e];
        sum += n * values[e];
        weight += n;
      }
      return sum / weight;
    };
    OpeEstimate estimate{.available = true};
    estimate.value = config_.intervals ? episode_bootstrap(values.size(), mean, config_, pool_).interval
                                       : risk::Interval{mean({}), mean({}), mean({})};
    return estimate;
  }

 private:
  std::span<const float> probabilities(std::size_t row) const { return std::span(table_.rows).subspan(row * a_, a_); }

  double support() const {
    std::vector<std::uint8_t> seen(a_, 0);
    for (const std::int32_t action : data_.columns().action) seen[static_cast<std::size_t>(action)] = 1;
    double sum = 0;
    for (std::size_t row = 0; row < data_.size(); ++row) {
      if (config_.propensities == PropensitySource::deterministic) {
        sum += table_.taken[row];
        continue;
      }
      const auto p = probabilities(row);
      for (std::size_t b = 0; b < a_; ++b) {
        if (data_.has_behaviour_probs() ? data_.behaviour_probs(row)[b] > 0 : seen[b] != 0) sum += static_cast<double>(p[b]);
      }
    }
    return sum / static_cast<double>(data_.size());
  }
  std::string support_text() const {
    return "the policy gives " + offline_number(result_.support) +
           " of its probability to actions that the log could contain, expected at least " +
           offline_number(config_.min_support);
  }

  std::vector<double> ratios() const {
    std::vector<double> rho = table_.taken;
    if (data_.info().propensity_source != config_.propensities) {
      throw DataError("off-policy evaluation: propensities are '" + std::string(to_string(data_.info().propensity_source)) +
                      "' in the dataset, '" + std::string(to_string(config_.propensities)) +
                      "' were demanded; estimate them (estimate_propensities with a BehaviourCloning policy, and "
                      "OpeConfig::propensities = estimated) or ask for FQE alone");
    }
    if (config_.propensities == PropensitySource::deterministic) return rho;
    for (std::size_t row = 0; row < rho.size(); ++row) {
      if (!is_finite(data_.propensity(row))) {
        throw DataError("off-policy evaluation: row " + std::to_string(row) + ", column 'propensity', episode " +
                        std::to_string(data_.columns().episode[row]) +
                        ": NaN, but importance estimators need it; estimate propensities (estimate_propensities, "
                        "OpeConfig::propensities = estimated) or ask for FQE alone");
      }
      rho[row] /= data_.propensity(row);
    }
    return rho;
  }

  template <class F>
  OpeEstimate weighted(const OpeEpisodes& episodes, const F& estimate) const {
    OpeEstimate result;
    const double value = estimate(std::span<const double>{});
    if (!is_finite(value)) {
      result.note = "refused: no logged episode has weight under the policy";
      return result;
    }
    result.available = true;
    result.value = {value, value, value};
    std::size_t undefined = 0;
    if (config_.intervals) {
      const EpisodeInterval found = episode_bootstrap(episodes.size(), estimate, config_, pool_);
      result.value = found.interval;
      undefined = found.undefined;
    }
    const double least = std::max(10.0, 0.05 * static_cast<double>(episodes.size()));
    result.reliable = result_.effective_size >= least && undefined == 0;
    if (result_.effective_size < least) {
      result.note = "unreliable: the effective number of episodes is " + offline_number(result_.effective_size) +
                    ", expected at least " + offline_number(least);
    } else if (undefined != 0) {
      result.note = "unreliable: " + std::to_string(undefined) + " resamples had no weight under the policy";
    }
    return result;
  }

  const Data& data_;
  PolicyTable table_;
  const OpeConfig& config_;
  ThreadPool* pool_;
  std::size_t a_;
  OpeResult result_;
};

}  // namespace detail

template <MaskedPolicy P, ActionValues Q>
OpeResult evaluate_off_policy(const OfflineDataset& data, const P& target, const Q& q, const OpeConfig& config,
                              ThreadPool* pool) {
  detail::OpeRun run(data, PolicyTable::of(data, target), config, pool);
  const auto q_of = [&](std::vector<double>& q_out, std::vector<double>& v_out) {
    q_out.resize(data.size());
    v_out.resize(data.size());
    auto workspace = q.make_workspace();
    for (std::size_t e = 0; e < data.episodes().size(); ++e) run.row_values(q, workspace, e, q_out, v_out);
  };
  return run(q_of, [&] { return run.bootstrap(run.start_values(q)); });
}

template <MaskedPolicy P>
OpeResult evaluate_off_policy(const OfflineDataset& data, const P& target, const OpeConfig& config, ThreadPool* pool) {
  detail::OpeRun run(data, PolicyTable::of(data, target), config, pool);
  const std::size_t m = data.episodes().size();

  const auto q_of = [&](std::vector<double>& q_out, std::vector<double>& v_out) {
    q_out.assign(data.size(), 0.0);
    v_out.assign(data.size(), 0.0);
    if (m < 2) return;  // nothing to fit on but the episode itself: Qhat = 0 keeps DR an importance estimate
    std::vector<std::uint32_t> order(m);
    RandomStream random({config.seed, Purpose::permutation, 1});
    permutation(random, order);
    run.run(2, [&](std::size_t half) {
      std::vector<std::size_t> learn, apply;
      for (std::size_t i = 0; i < m; ++i) (i % 2 == half ? learn : apply).push_back(order[i]);
      FqeConfig fit = config.q;
      fit.seed += half;
      const FittedQ q = fit_q(data, run.table(), fit, learn);
      auto workspace = q.make_workspace();
      for (const std::size_t e : apply) run.row_values(q, workspace, e, q_out, v_out);
    });
  };
  const auto fqe = [&] {
    OpeEstimate estimate{.available = true};
    const std::size_t fits = config.intervals ? 1 + config.refits : 1;
    std::vector<double> values(fits);
    run.run(fits, [&](std::size_t k) {
      FqeConfig fit = config.q;
      fit.seed += 2 + k;
      if (k == 0) {
        values[0] = run.start_value(fit_q(data, run.table(), fit));
        return;
      }
      RandomStream random({config.seed, Purpose::bootstrap, static_cast<std::uint32_t>(k - 1), 1});
      std::vector<std::size_t> drawn(m);
      std::vector<double> count(m, 0.0);
      for (std::size_t& e : drawn) {
        e = random.bounded(m);
        count[e] += 1;
      }
      values[k] = run.start_value(fit_q(data, run.table(), fit, drawn), count);
    });
    estimate.value = {values[0], values[0], values[0]};
    if (!config.intervals) return estimate;
    double mean = 0, squares = 0;
    for (std::size_t k = 1; k < fits; ++k) mean += values[k] / static_cast<double>(config.refits);
    for (std::size_t k = 1; k < fits; ++k) squares += (values[k] - mean) * (values[k] - mean);
    const double degrees = static_cast<double>(config.refits) - 1;
    const double half = detail::student_quantile(0.5 + config.confidence / 2, degrees) * std::sqrt(squares / degrees);
    estimate.value.low -= half;
    estimate.value.high += half;
    return estimate;
  };
  return run(q_of, fqe);
}

/// Whether a candidate may replace the behaviour policy, and why not.
struct OnlineGate {
  bool allowed = false;  ///< whether it may
  std::string reason;    ///< why, in one line
};

/// Allowed if the doubly robust estimate is available and reliable, has an interval, and the lower bound of that is at least
/// the value of the log.
/// @throws ConfigError if the result has no doubly robust estimate
template <class = void>
OnlineGate may_go_online(const OpeResult& result) {
  const OpeEstimate& dr = result[OpeMethod::doubly_robust];
  if (!dr.available || !dr.reliable) return {false, dr.note};
  if (!result.intervals) return {false, "the estimate has no interval, so no lower bound; set OpeConfig::intervals"};
  const std::string both = "the lower bound " + detail::offline_number(dr.value.low) + " of the policy's value is " +
                           (dr.value.low >= result.behaviour_value ? "at least" : "below") + " the log's " +
                           detail::offline_number(result.behaviour_value);
  return {dr.value.low >= result.behaviour_value, both};
}

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_OFFLINE_OPE_HPP
