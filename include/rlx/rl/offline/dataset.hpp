// SPDX-License-Identifier: MIT
/// @file
/// @brief Logged decisions as rows of transitions: what offline learning and off-policy evaluation read.
#ifndef RLX_RL_OFFLINE_DATASET_HPP
#define RLX_RL_OFFLINE_DATASET_HPP

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <rlx/core/detail/json_tree.hpp>
#include <rlx/core/detail/strict_json.hpp>
#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/io/safetensors.hpp>

namespace rlx::inline v0_1 {

/// Where the probabilities of the logged actions come from.
enum class PropensitySource : std::uint8_t {
  logged,        ///< the behaviour policy wrote them down
  estimated,     ///< a model of the behaviour policy computed them afterwards
  deterministic  ///< the behaviour policy had none: it always takes the same action; stored as NaN
};

/// Its name in files: "logged", "estimated", "deterministic".
constexpr std::string_view to_string(PropensitySource source) noexcept {
  return source == PropensitySource::logged ? "logged" : source == PropensitySource::estimated ? "estimated" : "deterministic";
}

/// Name of a strategy, as the `tag` column has it: "conservative", "aggressive", "unknown".
struct StrategyTag {
  std::string_view name;  ///< must outlive the tag; text literals do
};

/// Rows [begin, end) of the dataset.
struct EpisodeRange {
  /// @{ First row, and one behind the last.
  std::size_t begin = 0, end = 0;
  /// @}
  std::int64_t id = 0;                                       ///< of the log; unique within the dataset
  std::size_t size() const noexcept { return end - begin; }  ///< rows, >= 1 in a dataset
  bool operator==(const EpisodeRange&) const = default;      ///< memberwise
};

/// What holds for all rows.
struct OfflineInfo {
  std::size_t observation_size = 0;  ///< D
  std::size_t action_count = 0;      ///< A; actions are integers in [0, A)
  double gamma = 0.99;               ///< discount of the returns, in [0, 1]
  /// Digest of sizes and names of observations and actions, equal to `PolicyLayout::layout_sha256` of a policy for the same
  /// environment; empty: unknown.
  std::string obs_spec_hash = {};
  std::vector<std::string> tags = {"unknown"};                    ///< names that the column `tag` counts from 0
  std::string currency = {};                                      ///< of reward and pnl; empty: none
  PropensitySource propensity_source = PropensitySource::logged;  ///< of the column `propensity`
  std::vector<std::string> risk_names = {};                       ///< R names of the columns of `risk`
  bool operator==(const OfflineInfo&) const = default;            ///< memberwise
};

/// The columns, row-major; N rows, E episodes. Rows of one episode follow one another in the order of time.
struct OfflineColumns {
  std::vector<float> obs;                ///< [N][D], finite
  std::vector<float> final_obs;          ///< [E][D], after the last row of each episode
  std::vector<std::int32_t> action;      ///< [N]
  std::vector<double> reward;            ///< [N], raw
  std::vector<double> pnl;               ///< [N], money; NaN where unknown
  std::vector<std::uint8_t> terminated;  ///< [N]
  std::vector<std::uint8_t> truncated;   ///< [N]
  std::vector<std::uint8_t> mask;        ///< [N][A], non-zero = valid
  std::vector<std::uint8_t> final_mask;  ///< [E][A]
  std::vector<double> propensity;        ///< [N], probability of the logged action in (0, 1]; NaN unknown
  std::vector<float> behaviour_probs;    ///< [N][A], or empty: unknown
  std::vector<std::int32_t> tag;         ///< [N], index into OfflineInfo::tags
  std::vector<std::int64_t> episode;     ///< [N]
  std::vector<std::int64_t> ts;          ///< [N], ns, rising within an episode
  std::vector<float> risk;               ///< [N][R]; NaN where unknown
};

namespace detail {

/// Whether a number is NaN, which stands for unknown; by its bits, as is_finite.
constexpr bool is_unknown(double x) noexcept {
  return !is_finite(x) && (std::bit_cast<std::uint64_t>(x) & 0x000FFFFFFFFFFFFFULL) != 0;
}

/// Collects complaints; throws the first 20 of them as one DataError.
class OfflineErrors {
 public:
  explicit OfflineErrors(std::string where) : where_(std::move(where)) {}
  void add(std::size_t row, std::string_view column, std::int64_t episode, const std::string& what) {
    if (++count_ <= shown) {
      text_ += "\n  row " + std::to_string(row) + ", column '" + std::string(column) + "', episode " + std::to_string(episode) +
               ": " + what;
    }
  }
  bool any() const noexcept { return count_ != 0; }
  void throw_if_any() const {
    if (count_ == 0) return;
    throw DataError(where_ + ": " + std::to_string(count_) + (count_ == 1 ? " error" : " errors") +
                    (count_ > shown ? ", the first " + std::to_string(shown) + " are" : "") + ':' + text_);
  }

 private:
  static constexpr std::size_t shown = 20;
  std::string where_, text_;
  std::size_t count_ = 0;
};

template <class = void>
std::string offline_number(double value) {
  return is_finite(value) ? JsonTree(value).dump() : "not finite";
}

}  // namespace detail

/**
 * @brief Transitions of whole episodes, checked once; constant afterwards, so it may be read from several threads.
 *
 * The next observation of a row is that of the next row or, at the end of an episode, its final one. The last row of an
 * episode is terminated, truncated or both (then terminated rules: no bootstrap); no other row is.
 * File: safetensors with the columns of OfflineColumns under their names and the metadata `schema_version`, `action_count`,
 * `observation_size`, `obs_spec_hash`, `gamma`, `tags` (JSON array), `currency`, `propensity_source`, `risk_names` (JSON
 * array). Saving and loading keeps every bit.
 *
 * Called OfflineDataset. @tparam Columns  OfflineColumns; a parameter so that a program compiles only what it uses
 */
template <class Columns>
class BasicOfflineDataset {
 public:
  static constexpr std::string_view schema_version = "1";  ///< of the files that `save` writes

  /// Checks everything. @throws DataError that lists the first 20 faults with row, column and episode: columns of wrong length,
  /// an action out of range or masked, a propensity outside (0, 1], episodes that are not contiguous or do not end, time that
  /// does not rise, numbers that are not finite, no valid action where a row bootstraps. ConfigError for gamma
  BasicOfflineDataset(OfflineInfo info, Columns columns)
      : BasicOfflineDataset(std::move(info), std::move(columns), "dataset") {}

  /// @throws IoError, CheckpointError for a damaged file; DataError for another schema version or rows as above
  static BasicOfflineDataset load(const std::string& path) { return from_safetensors(io::Safetensors::open(path)); }
  /// The same from memory.
  static BasicOfflineDataset from_safetensors(const io::Safetensors& file);
  /// Replaces the file as a whole. @throws IoError
  void save(const std::string& path) const;

  /// As checked.
  const OfflineInfo& info() const noexcept { return info_; }
  /// As checked.
  const Columns& columns() const noexcept { return columns_; }
  /// N
  std::size_t size() const noexcept { return columns_.action.size(); }
  /// D
  std::size_t observation_size() const noexcept { return info_.observation_size; }
  /// A
  std::size_t action_count() const noexcept { return info_.action_count; }
  /// Discount, in [0, 1].
  double gamma() const noexcept { return info_.gamma; }
  /// Whether the log has the probabilities of all actions.
  bool has_behaviour_probs() const noexcept { return !columns_.behaviour_probs.empty(); }

  /// In the order of the rows.
  std::span<const EpisodeRange> episodes() const noexcept { return episodes_; }
  /// Position in `episodes()` of the episode of a row.
  std::size_t episode_index(std::size_t row) const { return episode_of_[row]; }
  /// Sum over the rows of gamma^t reward_t.
  double episode_return(std::size_t episode, double discount = 1.0) const {
    double sum = 0;
    for (std::size_t row = episodes_[episode].end; row-- > episodes_[episode].begin;) {
      sum = columns_.reward[row] + discount * sum;
    }
    return sum;
  }

  // One row; spans are valid as long as the dataset.
  /// [D], raw.
  std::span<const float> observation(std::size_t row) const { return at(columns_.obs, row, info_.observation_size); }
  /// [A], non-zero = valid.
  std::span<const std::uint8_t> mask(std::size_t row) const { return at(columns_.mask, row, info_.action_count); }
  /// Logged action, in [0, A).
  std::int32_t action(std::size_t row) const { return columns_.action[row]; }
  /// Raw reward.
  double reward(std::size_t row) const { return columns_.reward[row]; }
  /// Probability of the logged action, in (0, 1]; NaN unknown.
  double propensity(std::size_t row) const { return columns_.propensity[row]; }
  /// Whether nothing follows the row.
  bool terminated(std::size_t row) const { return columns_.terminated[row] != 0; }
  /// Whether the log of the episode stops here though it goes on.
  bool truncated(std::size_t row) const { return columns_.truncated[row] != 0; }
  /// Whether the value of the next observation counts: everywhere but at a terminated row.
  bool bootstraps(std::size_t row) const { return !terminated(row); }
  /// Name of the strategy.
  std::string_view tag(std::size_t row) const { return info_.tags[static_cast<std::size_t>(columns_.tag[row])]; }
  /// [A], only with `has_behaviour_probs`.
  std::span<const float> behaviour_probs(std::size_t row) const {
    return at(columns_.behaviour_probs, row, info_.action_count);
  }
  /// [D], of the next row or the final one of the episode.
  std::span<const float> next_observation(std::size_t row) const {
    const std::size_t e = episode_of_[row];
    return row + 1 == episodes_[e].end ? at(columns_.final_obs, e, info_.observation_size) : observation(row + 1);
  }
  /// [A], of that observation.
  std::span<const std::uint8_t> next_mask(std::size_t row) const {
    const std::size_t e = episode_of_[row];
    return row + 1 == episodes_[e].end ? at(columns_.final_mask, e, info_.action_count) : mask(row + 1);
  }

  /// [N][D], raw.
  MatrixView<const float> observations() const noexcept { return {columns_.obs.data(), size(), info_.observation_size}; }
  /// [N][A].
  MatrixView<const std::uint8_t> masks() const noexcept { return {columns_.mask.data(), size(), info_.action_count}; }

  /// @throws DataError with both digests if a policy was made for other observations or actions (an empty digest fits all)
  void require_obs_spec(std::string_view policy_hash) const {
    if (info_.obs_spec_hash.empty() || policy_hash.empty() || info_.obs_spec_hash == policy_hash) return;
    throw DataError("dataset: obs_spec_hash is " + info_.obs_spec_hash + ", the policy's is " + std::string(policy_hash) +
                    "; they were made for different observations or actions");
  }

  /// The rows of one strategy. A run of successive rows with the tag becomes an episode of its own, numbered from 0 in order; a
  /// run that another strategy follows is truncated there and bootstraps with the observation of the row that follows.
  /// @throws ConfigError for a name that `tags` does not have, or that no row has
  BasicOfflineDataset filter(StrategyTag tag) const;

  /// Whole episodes in the given order, each at most once. @throws ConfigError for none, one out of range or one twice
  BasicOfflineDataset select(std::span<const std::size_t> episode_indices) const;

  /// The earlier and the later part of the episodes, by the time of their first row: the first ceil(fraction * E) are early.
  /// An early episode that ends less than `embargo_ns` before the first late one begins is left out of both.
  /// @param fraction  in (0, 1)   @param embargo_ns  at least 0
  /// @throws ConfigError, also if one of the parts would be empty
  std::pair<BasicOfflineDataset, BasicOfflineDataset> split_chronological(double fraction, std::int64_t embargo_ns) const;

  /// The same rows with other propensities, as a model of the behaviour policy estimates them.
  BasicOfflineDataset with_propensities(std::vector<double> propensity, PropensitySource source) const {
    OfflineInfo info = info_;
    Columns columns = columns_;
    info.propensity_source = source;
    columns.propensity = std::move(propensity);
    columns.behaviour_probs.clear();
    return {std::move(info), std::move(columns)};
  }

 private:
  BasicOfflineDataset(OfflineInfo info, Columns columns, const std::string& where)
      : info_(std::move(info)), columns_(std::move(columns)) {
    check(where);
  }

  template <class T>
  static std::span<const T> at(const std::vector<T>& values, std::size_t row, std::size_t width) {
    return {values.data() + row * width, width};
  }
  void check(const std::string& where);
  void find_episodes(detail::OfflineErrors& errors);
  void check_rows(detail::OfflineErrors& errors) const;

  OfflineInfo info_;
  Columns columns_;
  std::vector<EpisodeRange> episodes_;
  std::vector<std::size_t> episode_of_;
};

/// As the library uses it. @see BasicOfflineDataset
using OfflineDataset = BasicOfflineDataset<OfflineColumns>;

/// One decision for OfflineBuilder. Spans may be dropped after the call.
struct OfflineRow {
  std::span<const float> observation;       ///< [D], finite
  std::span<const std::uint8_t> mask = {};  ///< empty: all valid
  std::int32_t action = 0;                  ///< in [0, A), valid
  double reward = 0;                        ///< raw, finite
  /// @{ True at the last row of an episode only, where at least one is.
  bool terminated = false, truncated = false;
  /// @}
  double propensity = std::numeric_limits<double>::quiet_NaN();  ///< probability of the action; NaN unknown
  std::span<const float> behaviour_probs = {};                   ///< for all rows or for none
  std::string_view tag = "unknown";                              ///< strategy
  std::int64_t ts = 0;                                           ///< ns
  double pnl = std::numeric_limits<double>::quiet_NaN();         ///< money; NaN unknown
  std::span<const float> risk = {};                              ///< empty: NaN
};

/// Makes a dataset row by row. New tags are added to the list as they come.
template <class Columns>
class BasicOfflineBuilder {
 public:
  /// @param info  `tags` may be empty
  explicit BasicOfflineBuilder(OfflineInfo info) : info_(std::move(info)) {
    for (std::size_t i = 0; i < info_.tags.size(); ++i) tag_index_[info_.tags[i]] = static_cast<std::int32_t>(i);
  }

  /// Appends to the episode `id`. @throws ShapeError for a span of another length than info says
  void add(std::int64_t id, const OfflineRow& row);
  /// Ends the running episode with the observation [D] and mask [A] after its last row; an empty mask: all valid.
  /// @throws ShapeError for a span of another length
  void end_episode(std::span<const float> final_observation, std::span<const std::uint8_t> final_mask = {});
  std::size_t size() const noexcept { return columns_.action.size(); }  ///< rows so far
  /// The dataset; the builder is empty afterwards. @throws DataError
  BasicOfflineDataset<Columns> build() { return {std::move(info_), std::move(columns_)}; }

 private:
  static void require(std::size_t found, std::size_t expected, bool optional, const char* what) {
    if (found == expected || (optional && found == 0)) return;
    throw ShapeError(std::string("OfflineBuilder: ") + what + " has " + std::to_string(found) + " entries, expected " +
                     std::to_string(expected));
  }
  template <class T>
  static void append(std::vector<T>& to, std::span<const T> values, std::size_t width, T missing) {
    if (values.empty()) {
      to.insert(to.end(), width, missing);
    } else {
      to.insert(to.end(), values.begin(), values.end());
    }
  }

  OfflineInfo info_;
  Columns columns_;
  std::map<std::string, std::int32_t, std::less<>> tag_index_;
};

/// As the library uses it. @see BasicOfflineBuilder
using OfflineBuilder = BasicOfflineBuilder<OfflineColumns>;

// ---- Implementation -----------------------------------------------------------------------------------------------------

template <class Columns>
void BasicOfflineDataset<Columns>::check(const std::string& where) {
  if (!is_finite(info_.gamma) || info_.gamma < 0 || info_.gamma > 1) {
    throw ConfigError(where + ": gamma must lie in [0, 1], found " + detail::offline_number(info_.gamma));
  }
  if (info_.observation_size == 0 || info_.action_count == 0) {
    throw ConfigError(where + ": observation_size and action_count must be at least 1, found " +
                      std::to_string(info_.observation_size) + " and " + std::to_string(info_.action_count));
  }
  const std::size_t n = size();
  if (n == 0) throw DataError(where + ": expected at least one row, found none");
  std::string lengths;
  const auto expect = [&](std::string_view column, std::size_t found, std::size_t expected) {
    if (found != expected) {
      lengths += "\n  column '" + std::string(column) + "': " + std::to_string(found) + " entries, expected " +
                 std::to_string(expected);
    }
  };
  const Columns& c = columns_;
  const std::size_t d = info_.observation_size, a = info_.action_count;
  expect("obs", c.obs.size(), n * d);
  expect("reward", c.reward.size(), n);
  expect("pnl", c.pnl.size(), n);
  expect("terminated", c.terminated.size(), n);
  expect("truncated", c.truncated.size(), n);
  expect("mask", c.mask.size(), n * a);
  expect("propensity", c.propensity.size(), n);
  if (!c.behaviour_probs.empty()) expect("behaviour_probs", c.behaviour_probs.size(), n * a);
  expect("tag", c.tag.size(), n);
  expect("episode", c.episode.size(), n);
  expect("ts", c.ts.size(), n);
  expect("risk", c.risk.size(), n * info_.risk_names.size());
  if (!lengths.empty()) throw DataError(where + ": " + std::to_string(n) + " rows, but" + lengths);

  detail::OfflineErrors errors(where);
  find_episodes(errors);
  expect("final_obs", c.final_obs.size(), episodes_.size() * d);
  expect("final_mask", c.final_mask.size(), episodes_.size() * a);
  if (!lengths.empty()) {
    errors.throw_if_any();
    throw DataError(where + ": " + std::to_string(episodes_.size()) + " episodes, but" + lengths);
  }
  check_rows(errors);
  errors.throw_if_any();
}

template <class Columns>
void BasicOfflineDataset<Columns>::find_episodes(detail::OfflineErrors& errors) {
  episodes_.clear();
  episode_of_.resize(size());
  std::unordered_map<std::int64_t, std::size_t> last_row;
  for (std::size_t row = 0; row < size(); ++row) {
    const std::int64_t id = columns_.episode[row];
    if (row == 0 || id != columns_.episode[row - 1]) {
      const auto before = last_row.find(id);
      if (before != last_row.end()) {
        errors.add(row, "episode", id, "not contiguous: its rows stopped at row " + std::to_string(before->second));
      }
      episodes_.push_back({row, row, id});
    } else if (columns_.ts[row] <= columns_.ts[row - 1]) {
      errors.add(
          row, "ts", id,
          "time must rise, found " + std::to_string(columns_.ts[row]) + " after " + std::to_string(columns_.ts[row - 1]));
    }
    last_row[id] = row;
    episodes_.back().end = row + 1;
    episode_of_[row] = episodes_.size() - 1;
  }
}

template <class Columns>
void BasicOfflineDataset<Columns>::check_rows(detail::OfflineErrors& errors) const {
  const Columns& c = columns_;
  const auto a = static_cast<std::int64_t>(info_.action_count);
  const auto any = [](std::span<const std::uint8_t> bytes) {
    return std::any_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte != 0; });
  };
  for (std::size_t row = 0; row < size(); ++row) {
    const std::int64_t id = c.episode[row];
    const auto complain = [&](std::string_view column, const std::string& what) { errors.add(row, column, id, what); };
    const bool last = row + 1 == episodes_[episode_of_[row]].end;
    if (const std::size_t i = first_non_finite(observation(row)); i != info_.observation_size) {
      complain("obs", "element " + std::to_string(i) + " is not finite");
    }
    const bool in_range = c.action[row] >= 0 && c.action[row] < a;
    if (!in_range) {
      complain("action", "expected an action in [0, " + std::to_string(a) + "), found " + std::to_string(c.action[row]));
    } else if (mask(row)[static_cast<std::size_t>(c.action[row])] == 0) {
      complain("action", "action " + std::to_string(c.action[row]) + " is masked");
    }
    if (!is_finite(c.reward[row])) complain("reward", "not finite");
    if (!is_finite(c.pnl[row]) && !detail::is_unknown(c.pnl[row])) complain("pnl", "infinite");
    if (const double p = c.propensity[row]; !detail::is_unknown(p) && !(is_finite(p) && p > 0 && p <= 1)) {
      complain("propensity", "expected a probability in (0, 1] or NaN, found " + detail::offline_number(p));
    }
    if (has_behaviour_probs()) {
      const auto probabilities = behaviour_probs(row);
      double sum = 0;
      for (std::size_t b = 0; b < probabilities.size(); ++b) {
        if (!is_finite(probabilities[b]) || probabilities[b] < 0 || (probabilities[b] > 0 && mask(row)[b] == 0)) {
          complain("behaviour_probs", "action " + std::to_string(b) + " has the probability " +
                                          detail::offline_number(static_cast<double>(probabilities[b])) +
                                          (mask(row)[b] == 0 ? " but is masked" : ""));
        }
        sum += static_cast<double>(probabilities[b]);
      }
      if (!(std::abs(sum - 1) < 1e-3)) complain("behaviour_probs", "the sum must be 1, found " + detail::offline_number(sum));
    }
    if (c.tag[row] < 0 || static_cast<std::size_t>(c.tag[row]) >= info_.tags.size()) {
      complain("tag", "expected an index below " + std::to_string(info_.tags.size()) + ", found " + std::to_string(c.tag[row]));
    }
    const bool ended = terminated(row) || truncated(row);
    if (ended && !last) complain(terminated(row) ? "terminated" : "truncated", "set before the last row of the episode");
    if (!ended && last) complain("truncated", "the last row of an episode must be terminated or truncated");
    if (bootstraps(row) && !any(next_mask(row))) {
      complain(last ? "final_mask" : "mask", "no valid action in the next observation, whose value this row needs");
    }
    if (last) {
      const std::size_t i = first_non_finite(at(c.final_obs, episode_of_[row], info_.observation_size));
      if (i != info_.observation_size) complain("final_obs", "element " + std::to_string(i) + " is not finite");
    }
  }
}

template <class Columns>
void BasicOfflineDataset<Columns>::save(const std::string& path) const {
  const Columns& c = columns_;
  const std::size_t n = size(), e = episodes_.size(), d = info_.observation_size, a = info_.action_count;
  std::vector<io::TensorView> tensors = {io::tensor_view("obs", c.obs, {n, d}),
                                         io::tensor_view("final_obs", c.final_obs, {e, d}),
                                         io::tensor_view("action", c.action),
                                         io::tensor_view("reward", c.reward),
                                         io::tensor_view("pnl", c.pnl),
                                         io::tensor_view("terminated", c.terminated),
                                         io::tensor_view("truncated", c.truncated),
                                         io::tensor_view("mask", c.mask, {n, a}),
                                         io::tensor_view("final_mask", c.final_mask, {e, a}),
                                         io::tensor_view("propensity", c.propensity),
                                         io::tensor_view("tag", c.tag),
                                         io::tensor_view("episode", c.episode),
                                         io::tensor_view("ts", c.ts),
                                         io::tensor_view("risk", c.risk, {n, info_.risk_names.size()})};
  if (has_behaviour_probs()) tensors.push_back(io::tensor_view("behaviour_probs", c.behaviour_probs, {n, a}));
  io::write_safetensors(path,
                        {{"schema_version", std::string(schema_version)},
                         {"observation_size", std::to_string(d)},
                         {"action_count", std::to_string(a)},
                         {"obs_spec_hash", info_.obs_spec_hash},
                         {"gamma", rlx::detail::JsonTree(info_.gamma).dump()},
                         {"tags", rlx::detail::JsonTree(info_.tags).dump()},
                         {"currency", info_.currency},
                         {"propensity_source", std::string(to_string(info_.propensity_source))},
                         {"risk_names", rlx::detail::JsonTree(info_.risk_names).dump()}},
                        tensors);
}

template <class Columns>
BasicOfflineDataset<Columns> BasicOfflineDataset<Columns>::from_safetensors(const io::Safetensors& file) {
  if (const std::string& version = file.metadata("schema_version"); version != schema_version) {
    throw DataError(file.name() + ": schema_version is '" + version + "', this library reads '" + std::string(schema_version) +
                    "'");
  }
  OfflineInfo info;
  const auto read = [&]<class T>(const char* key, T& value) {
    const std::string where = file.name() + ": metadata '" + key + '\'';
    try {
      value = json_as<T>(rlx::detail::JsonTree::parse(file.metadata(key), where), where);
    } catch (const ConfigError& error) {
      throw DataError(error.what());
    }
  };
  read("observation_size", info.observation_size);
  read("action_count", info.action_count);
  read("gamma", info.gamma);
  read("tags", info.tags);
  read("risk_names", info.risk_names);
  info.obs_spec_hash = file.metadata("obs_spec_hash");
  info.currency = file.metadata("currency");
  const std::string& source = file.metadata("propensity_source");
  bool known = false;
  for (const auto each : {PropensitySource::logged, PropensitySource::estimated, PropensitySource::deterministic}) {
    if (source == to_string(each)) {
      info.propensity_source = each;
      known = true;
    }
  }
  if (!known) {
    throw DataError(file.name() + ": propensity_source is '" + source + "', expected logged, estimated or deterministic");
  }
  Columns c;
  c.obs = file.values<float>("obs");
  c.final_obs = file.values<float>("final_obs");
  c.action = file.values<std::int32_t>("action");
  c.reward = file.values<double>("reward");
  c.pnl = file.values<double>("pnl");
  c.terminated = file.values<std::uint8_t>("terminated");
  c.truncated = file.values<std::uint8_t>("truncated");
  c.mask = file.values<std::uint8_t>("mask");
  c.final_mask = file.values<std::uint8_t>("final_mask");
  c.propensity = file.values<double>("propensity");
  c.tag = file.values<std::int32_t>("tag");
  c.episode = file.values<std::int64_t>("episode");
  c.ts = file.values<std::int64_t>("ts");
  c.risk = file.values<float>("risk");
  if (file.find("behaviour_probs") != nullptr) c.behaviour_probs = file.values<float>("behaviour_probs");
  return {std::move(info), std::move(c), file.name()};
}

template <class Columns>
BasicOfflineDataset<Columns> BasicOfflineDataset<Columns>::filter(StrategyTag tag) const {
  const auto wanted = std::find(info_.tags.begin(), info_.tags.end(), tag.name);
  if (wanted == info_.tags.end()) {
    std::string names;
    for (const std::string& name : info_.tags) names += (names.empty() ? "" : ", ") + name;
    throw ConfigError("OfflineDataset::filter: no tag '" + std::string(tag.name) + "'; there are: " + names);
  }
  const auto index = static_cast<std::int32_t>(wanted - info_.tags.begin());
  BasicOfflineBuilder<Columns> builder(info_);
  std::int64_t id = 0;
  for (const EpisodeRange& episode : episodes_) {
    for (std::size_t row = episode.begin; row < episode.end; ++row) {
      if (columns_.tag[row] != index) continue;
      const bool cut = row + 1 < episode.end && columns_.tag[row + 1] != index;
      const bool ends = row + 1 == episode.end || cut;
      const std::size_t r = info_.risk_names.size();
      builder.add(id, {.observation = observation(row),
                       .mask = mask(row),
                       .action = action(row),
                       .reward = reward(row),
                       .terminated = terminated(row),
                       .truncated = truncated(row) || cut,
                       .propensity = propensity(row),
                       .behaviour_probs = has_behaviour_probs() ? behaviour_probs(row) : std::span<const float>{},
                       .tag = tag.name,
                       .ts = columns_.ts[row],
                       .pnl = columns_.pnl[row],
                       .risk = at(columns_.risk, row, r)});
      if (!ends) continue;
      builder.end_episode(next_observation(row), next_mask(row));
      ++id;
    }
  }
  if (builder.size() == 0) throw ConfigError("OfflineDataset::filter: no row has the tag '" + std::string(tag.name) + "'");
  return builder.build();
}

template <class Columns>
BasicOfflineDataset<Columns> BasicOfflineDataset<Columns>::select(std::span<const std::size_t> episode_indices) const {
  if (episode_indices.empty()) throw ConfigError("OfflineDataset::select: expected at least one episode, found none");
  std::vector<std::uint8_t> taken(episodes_.size(), 0);
  Columns out;
  const auto copy = [](auto& to, const auto& from, std::size_t begin, std::size_t end, std::size_t width) {
    using Difference = std::ptrdiff_t;
    to.insert(to.end(), from.begin() + static_cast<Difference>(begin * width),
              from.begin() + static_cast<Difference>(end * width));
  };
  const Columns& c = columns_;
  const std::size_t d = info_.observation_size, a = info_.action_count;
  for (const std::size_t e : episode_indices) {
    if (e >= episodes_.size() || taken[e] != 0) {
      throw ConfigError("OfflineDataset::select: episode " + std::to_string(e) +
                        (e >= episodes_.size() ? " is out of range, there are " + std::to_string(episodes_.size())
                                               : std::string(" is given twice")));
    }
    taken[e] = 1;
    const std::size_t begin = episodes_[e].begin, end = episodes_[e].end;
    copy(out.obs, c.obs, begin, end, d);
    copy(out.final_obs, c.final_obs, e, e + 1, d);
    copy(out.action, c.action, begin, end, 1);
    copy(out.reward, c.reward, begin, end, 1);
    copy(out.pnl, c.pnl, begin, end, 1);
    copy(out.terminated, c.terminated, begin, end, 1);
    copy(out.truncated, c.truncated, begin, end, 1);
    copy(out.mask, c.mask, begin, end, a);
    copy(out.final_mask, c.final_mask, e, e + 1, a);
    copy(out.propensity, c.propensity, begin, end, 1);
    if (has_behaviour_probs()) copy(out.behaviour_probs, c.behaviour_probs, begin, end, a);
    copy(out.tag, c.tag, begin, end, 1);
    copy(out.episode, c.episode, begin, end, 1);
    copy(out.ts, c.ts, begin, end, 1);
    copy(out.risk, c.risk, begin, end, info_.risk_names.size());
  }
  return {info_, std::move(out)};
}

template <class Columns>
std::pair<BasicOfflineDataset<Columns>, BasicOfflineDataset<Columns>> BasicOfflineDataset<Columns>::split_chronological(
    double fraction, std::int64_t embargo_ns) const {
  if (!is_finite(fraction) || !(fraction > 0 && fraction < 1) || embargo_ns < 0) {
    throw ConfigError("OfflineDataset::split_chronological: expected fraction in (0, 1) and embargo_ns >= 0, found " +
                      detail::offline_number(fraction) + " and " + std::to_string(embargo_ns));
  }
  std::vector<std::size_t> order(episodes_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto start = [&](std::size_t e) { return columns_.ts[episodes_[e].begin]; };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t x, std::size_t y) { return start(x) < start(y); });
  const auto early_count = static_cast<std::size_t>(std::ceil(fraction * static_cast<double>(order.size())));
  if (early_count >= order.size()) {
    throw ConfigError("OfflineDataset::split_chronological: " + std::to_string(order.size()) +
                      " episodes leave none for the later part; lower fraction or bring more episodes");
  }
  const std::int64_t cut = start(order[early_count]);
  std::vector<std::size_t> early, late(order.begin() + static_cast<std::ptrdiff_t>(early_count), order.end());
  for (std::size_t i = 0; i < early_count; ++i) {
    const std::int64_t end = columns_.ts[episodes_[order[i]].end - 1];
    if (end < cut && cut - end >= embargo_ns) early.push_back(order[i]);
  }
  if (early.empty()) {
    throw ConfigError("OfflineDataset::split_chronological: every early episode ends within embargo_ns = " +
                      std::to_string(embargo_ns) + " of the later part; lower the embargo or raise fraction");
  }
  return {select(early), select(late)};
}

template <class Columns>
void BasicOfflineBuilder<Columns>::add(std::int64_t id, const OfflineRow& row) {
  const std::size_t d = info_.observation_size, a = info_.action_count, r = info_.risk_names.size();
  require(row.observation.size(), d, false, "the observation");
  require(row.mask.size(), a, true, "the mask");
  require(row.behaviour_probs.size(), a, true, "behaviour_probs");
  require(row.risk.size(), r, true, "risk");
  const auto found = tag_index_.find(row.tag);
  auto tag = static_cast<std::int32_t>(info_.tags.size());
  if (found != tag_index_.end()) {
    tag = found->second;
  } else {
    info_.tags.emplace_back(row.tag);
    tag_index_[info_.tags.back()] = tag;
  }
  Columns& c = columns_;
  append(c.obs, row.observation, d, 0.0F);
  append(c.mask, row.mask, a, std::uint8_t{1});
  append(c.risk, row.risk, r, std::numeric_limits<float>::quiet_NaN());
  c.behaviour_probs.insert(c.behaviour_probs.end(), row.behaviour_probs.begin(), row.behaviour_probs.end());
  c.action.push_back(row.action);
  c.reward.push_back(row.reward);
  c.pnl.push_back(row.pnl);
  c.terminated.push_back(row.terminated ? 1 : 0);
  c.truncated.push_back(row.truncated ? 1 : 0);
  c.propensity.push_back(row.propensity);
  c.tag.push_back(tag);
  c.episode.push_back(id);
  c.ts.push_back(row.ts);
}

template <class Columns>
void BasicOfflineBuilder<Columns>::end_episode(std::span<const float> final_observation,
                                               std::span<const std::uint8_t> final_mask) {
  require(final_observation.size(), info_.observation_size, false, "the final observation");
  require(final_mask.size(), info_.action_count, true, "the final mask");
  append(columns_.final_obs, final_observation, info_.observation_size, 0.0F);
  append(columns_.final_mask, final_mask, info_.action_count, std::uint8_t{1});
}

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_OFFLINE_DATASET_HPP
