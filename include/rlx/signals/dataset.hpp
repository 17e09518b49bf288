// SPDX-License-Identifier: MIT
/// @file
/// @brief Signals, rejections and P&L joined into labelled rows with causal features; the journal behind the bounded memory.
#ifndef RLX_SIGNALS_DATASET_HPP
#define RLX_SIGNALS_DATASET_HPP

#include <algorithm>
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
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/hash.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/io/append_file.hpp>
#include <rlx/signals/detail/canonical_json.hpp>
#include <rlx/signals/detail/huge_pages.hpp>
#include <rlx/signals/detail/records_tree.hpp>
#include <rlx/signals/features.hpp>
#include <rlx/signals/recent_context.hpp>
#include <rlx/signals/records.hpp>

namespace rlx::inline v0_1::signals {

/// What a model predicts.
enum class Target : std::uint8_t { rejected, profitable };
/// Enumerators of Target.
inline constexpr std::size_t num_targets = 2;

/// Name of the enumerator, as in model files.
constexpr std::string_view name_of(Target target) { return target == Target::rejected ? "rejected" : "profitable"; }

/// One signal with what became of it.
struct SignalRow {
  Signal signal{};                      ///< as remembered
  bool rejected = false;                ///< by anything, the model included
  std::string rejection_reason{};       ///< empty: not rejected
  std::optional<RejectionCode> code{};  ///< of that rejection; empty: not rejected
  std::optional<double> pnl{};          ///< the newest on record
  bool pnl_final = false;               ///< nothing more comes
  std::optional<double> label{};        ///< 0 or 1 of the target; none: not known, or shaped by the model itself
  double label_time = 0;                ///< when the label became known; the signal's time without one
  double weight = 1;                    ///< 1 / propensity of a signal that an enforcing model let pass
};

/// Rows in the order of time and their features, row for row.
struct SignalDataset {
  Target target = Target::rejected;  ///< what the labels say
  FeatureSchema schema{};            ///< names of the columns
  std::vector<SignalRow> rows{};     ///< by ascending time of the signal
  std::vector<double> features{};    ///< [rows][schema.size()]
  std::size_t labelled = 0;          ///< rows with a label
  std::size_t without_time = 0;      ///< signals left out, since their time is not finite
  std::size_t orphans = 0;           ///< rejections and P&L without their signal

  /// Number of rows, with or without a label.
  std::size_t size() const noexcept { return rows.size(); }
  /// Features as [rows][columns]; valid while the dataset stays as it is.
  MatrixView<const double> x() const { return {features.data(), rows.size(), schema.size()}; }
  /// SHA-256 of the schema's hash and of all rows in canonical JSON, features included. O(n), not kept.
  template <AnyJson J = detail::Tree>
  std::string hash() const {
    Sha256 sum;
    sum.update(schema.hash);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const SignalRow& row = rows[i];
      J json = detail::any_object<J>({{"signal", to_json<J>(row.signal)},
                                      {"rejected", row.rejected},
                                      {"rejection_reason", row.rejection_reason},
                                      {"label_time", row.label_time},
                                      {"weight", row.weight},
                                      {"pnl_final", row.pnl_final}});
      if (row.pnl) json["pnl"] = *row.pnl;
      if (row.label) json["label"] = *row.label;
      const std::span<const double> x_row = x().row(i);
      json["features"] = std::vector<double>(x_row.begin(), x_row.end());
      sum.update(detail::canonical_text(json));
    }
    return sum.hex();
  }
};

/**
 * @brief Joins the records of a snapshot by id, in one pass of hashing.
 *
 * Rejected: 1 for any rejection but `model_filtered` and `execution_unknown`, which give no label unless something else
 * decides; 0 for an execution that succeeded. A signal with neither has the label 0 at its own time in a memory that knows no
 * executions at all, and none, since it is still on its way, in one that does.
 * Profitable: final P&L > 0 of a signal that was not rejected; without a final P&L there is no label.
 * @throws ConfigError
 * @par Complexity  O(n) for records in the order of time
 */
template <class = void>
SignalDataset build_dataset(ContextSnapshot records, Target target, const FeatureConfig& config) {
  SignalDataset dataset;
  dataset.target = target;
  dataset.schema = feature_schema(config);
  FeatureBuilder builder(records, config);
  const std::size_t width = dataset.schema.size();

  /// The records that decide a signal's row; the last of each kind stands.
  struct Outcome {
    const Rejection* rejection = nullptr;  // one that gives a label, if there is any
    const PnlSnapshot* pnl = nullptr;      // a final one, if there is any
    const Execution* execution = nullptr;
    double propensity = 1;
  };
  const auto gives_label = [](const Rejection& r) {
    return r.code != RejectionCode::model_filtered && r.code != RejectionCode::execution_unknown;
  };
  std::vector<Outcome> outcomes(records.signals.size());
  const std::span<const std::uint32_t> of_rejections = builder.signal_of_rejections(), of_pnl = builder.signal_of_pnl();
  for (std::size_t k = 0; k < of_rejections.size(); ++k) {
    dataset.orphans += of_rejections[k] == builder.none ? 1U : 0U;
    if (of_rejections[k] == builder.none) continue;
    const Rejection*& known = outcomes[of_rejections[k]].rejection;
    if (known == nullptr || gives_label(records.rejections[k]) || !gives_label(*known)) known = &records.rejections[k];
  }
  for (std::size_t k = 0; k < of_pnl.size(); ++k) {
    dataset.orphans += of_pnl[k] == builder.none ? 1U : 0U;
    if (of_pnl[k] == builder.none) continue;
    const PnlSnapshot*& known = outcomes[of_pnl[k]].pnl;
    if (known == nullptr || records.pnl[k].final || !known->final) known = &records.pnl[k];
  }
  const std::vector<std::uint32_t> of_executions = builder.signal_of(records.executions);
  for (std::size_t k = 0; k < of_executions.size(); ++k) {
    if (of_executions[k] != builder.none) outcomes[of_executions[k]].execution = &records.executions[k];
  }
  const std::vector<std::uint32_t> of_scores = builder.signal_of(records.scores);
  for (std::size_t k = 0; k < of_scores.size(); ++k) {
    const SignalScore& score = records.scores[k];
    if (of_scores[k] != builder.none) outcomes[of_scores[k]].propensity = score.passed ? score.propensity : 1;
  }

  const std::span<const std::uint32_t> order = builder.signal_order();
  dataset.rows.reserve(order.size());
  dataset.features.reserve(order.size() * width);
  detail::advise_huge_pages(dataset.rows.data(), order.size() * sizeof(SignalRow));
  detail::advise_huge_pages(dataset.features.data(), order.size() * width * sizeof(double));
  dataset.without_time = records.signals.size() - order.size();
  std::size_t moved = 0;
  for (const std::uint32_t i : order) {
    const Outcome& outcome = outcomes[i];
    const Signal& signal = records.signals[i];
    dataset.features.resize(dataset.features.size() + width);
    builder.features(signal, std::span(dataset.features).last(width));
    // The builder has read these for the last time; they move while they are in the cache.
    for (; moved < builder.signals_done(); ++moved) dataset.rows[moved].signal = std::move(records.signals[order[moved]]);
    SignalRow& row = dataset.rows.emplace_back();
    row.label_time = signal.timestamp;
    row.weight = 1 / outcome.propensity;
    if (outcome.pnl != nullptr) {
      row.pnl = outcome.pnl->pnl;
      row.pnl_final = outcome.pnl->final;
    }
    const Execution* const execution = outcome.execution;
    const bool executed = execution != nullptr && execution->outcome == ExecutionOutcome::executed;
    const bool failed = execution != nullptr && execution->outcome == ExecutionOutcome::failed;
    const bool refused = outcome.rejection != nullptr && gives_label(*outcome.rejection);
    if (outcome.rejection != nullptr && !executed) {
      row.rejected = true;
      row.rejection_reason = outcome.rejection->reason;
      row.code = outcome.rejection->code;
    }
    if (target == Target::rejected) {
      if (refused) {
        row.label = 1;
        row.label_time = outcome.rejection->timestamp;
      } else if (executed || failed) {
        row.label = failed ? 1 : 0;
        row.label_time = execution->timestamp;
      } else if (outcome.rejection == nullptr && records.executions.empty()) {
        row.label = 0;
      }
    } else if (!refused && !failed && (executed || (outcome.rejection == nullptr && records.executions.empty())) &&
               row.pnl_final) {
      row.label = *row.pnl > 0 ? 1 : 0;
      row.label_time = outcome.pnl->timestamp;
    }
    dataset.labelled += row.label ? 1U : 0U;
  }
  for (; moved < order.size(); ++moved) dataset.rows[moved].signal = std::move(records.signals[order[moved]]);
  return dataset;
}

/// How diverse a dataset is.
struct DatasetReport {
  std::size_t rows = 0;                             ///< of the dataset
  std::size_t labelled = 0;                         ///< of them, with a label
  std::map<std::string, std::size_t> strategies{};  ///< signals of each
  std::map<std::string, std::size_t> codes{};       ///< rejections of each
  std::vector<std::size_t> amounts{};               ///< tenths of the range of ln amount, 10 counts; empty without an amount
  std::vector<std::size_t> volatilities{};          ///< tenths of the range of volatility
  std::vector<std::string> warnings{};              ///< what makes up less than 2 %
};

/// Counts what a dataset holds and names what is rare.
template <class = void>
DatasetReport report_dataset(const SignalDataset& dataset) {
  DatasetReport report;
  report.rows = dataset.rows.size();
  report.labelled = dataset.labelled;
  for (std::size_t c = 0; c < num_rejection_codes; ++c) report.codes[std::string(name_of(static_cast<RejectionCode>(c)))] = 0;
  for (const std::string& name : dataset.schema.names) {
    if (name.starts_with("strategy=")) report.strategies[name.substr(9)] = 0;
  }
  for (const SignalRow& row : dataset.rows) {
    ++report.strategies[row.signal.strategy];
    if (row.code) ++report.codes[std::string(name_of(*row.code))];
  }
  const auto warn = [&](const std::string& what, std::size_t count, std::size_t of) {
    if (static_cast<double>(count) < 0.02 * static_cast<double>(of)) {
      report.warnings.push_back(what + ": " + std::to_string(count) + " of " + std::to_string(of) + " rows, below 2 %");
    }
  };
  const auto tenths = [&](std::string_view column, std::string_view missing, const std::string& what) {
    const auto at = [&](std::string_view name) {
      return static_cast<std::size_t>(std::find(dataset.schema.names.begin(), dataset.schema.names.end(), name) -
                                      dataset.schema.names.begin());
    };
    std::vector<double> values;
    for (std::size_t i = 0; i < dataset.rows.size(); ++i) {
      if (dataset.x()(i, at(missing)) == 0) values.push_back(dataset.x()(i, at(column)));
    }
    std::vector<std::size_t> counts;
    if (values.empty()) return counts;
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    const double from = *low, range = *high - *low;
    counts.assign(10, 0);
    for (const double x : values) {
      ++counts[range > 0 ? std::min<std::size_t>(9, static_cast<std::size_t>(10 * (x - from) / range)) : 0];
    }
    for (std::size_t k = 0; k < 10; ++k)
      warn(what + ", tenth " + std::to_string(k + 1) + " of its range", counts[k], values.size());
    return counts;
  };
  for (const auto& [name, count] : report.strategies) warn("strategy '" + name + "'", count, report.rows);
  for (const auto& [name, count] : report.codes) warn("rejection code " + name, count, report.rows);
  report.amounts = tenths("ln_amount", "amount_missing", "ln amount");
  report.volatilities = tenths("volatility", "market_missing", "volatility");
  return report;
}

/**
 * @brief A JSON Lines journal of records, for what the bounded memory forgets: `{"kind":"signal","record":{...},"schema":1}`.
 *
 * `append` writes what the journal does not have yet, so it may be called with overlapping snapshots. One writer.
 * Called HistoryJournal. @tparam Files  io::PosixFiles; a parameter so that a program compiles only what it uses
 */
template <io::AppendFiles Files>
class BasicHistoryJournal {
 public:
  /// Reads what is there; an unfinished last line, as a crash leaves it, is cut. @throws IoError; DataError with file and line
  explicit BasicHistoryJournal(const std::string& path) : file_(path, posix()) {
    std::size_t whole = 0;
    read(path, [&](const std::string& line, std::size_t end) {
      lines_.insert(sha256_hex(line));
      whole = end;
    });
    file_.cut(whole);
  }

  /// Appends the new ones of a snapshot's records; durable when it returns. @return how many. @throws IoError
  std::size_t append(const ContextSnapshot& snapshot) {
    std::string text;
    std::size_t count = 0;
    const auto add = [&](std::string_view kind, const auto& records) {
      for (const auto& record : records) {
        const std::string line = detail::canonical_text(
            detail::Tree::object({{"kind", kind}, {"record", to_json<detail::Tree>(record)}, {"schema", 1}}));
        if (!lines_.insert(sha256_hex(line)).second) continue;
        text.append(line).append(1, '\n');
        ++count;
      }
    };
    add("signal", snapshot.signals);
    add("rejection", snapshot.rejections);
    add("pnl", snapshot.pnl);
    add("market", snapshot.markets);
    add("exchange", snapshot.exchanges);
    add("execution", snapshot.executions);
    add("score", snapshot.scores);
    file_.append(text);
    file_.sync();
    return count;
  }

  /// All records, in the order of appending; an unfinished last line is left out. A file that is missing holds none.
  /// @throws IoError; DataError with file and line of a record that is damaged
  static ContextSnapshot load(const std::string& path) {
    ContextSnapshot result;
    if (posix().exists(path) == 0) return result;
    std::size_t number = 0;
    read(path, [&](const std::string& line, std::size_t) {
      ++number;
      try {
        const auto json = detail::Tree::parse(line, path);
        rlx::detail::JsonTreeObject in(json, "record");
        const detail::Tree& value = in.value("record");
        const auto kind = in.get<std::string>("kind");
        if (in.get<int>("schema") != 1) throw DataError("expected a record of schema 1");
        if (kind == "signal")
          result.signals.push_back(signal_from_json(value));
        else if (kind == "rejection")
          result.rejections.push_back(rejection_from_json(value));
        else if (kind == "pnl")
          result.pnl.push_back(pnl_snapshot_from_json(value));
        else if (kind == "market")
          result.markets.push_back(market_snapshot_from_json(value));
        else if (kind == "exchange")
          result.exchanges.push_back(agent_exchange_from_json(value));
        else if (kind == "execution")
          result.executions.push_back(execution_from_json(value));
        else if (kind == "score")
          result.scores.push_back(signal_score_from_json(value));
        else
          throw DataError("unknown kind '" + kind.substr(0, 40) + '\'');
      } catch (const Error& error) {
        throw DataError(path, number, 0, std::string("history journal: ") + error.what());
      }
    });
    return result;
  }

 private:
  static Files& posix() {
    static Files files;  // stateless
    return files;
  }
  template <class F>
  static void read(const std::string& path, F&& each) {
    const std::string text = io::read_all(path, posix());
    for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
      each(text.substr(begin, end - begin), end + 1);
    }
  }

  io::AppendFile<Files> file_;
  std::unordered_set<std::string> lines_;  // hashes of the lines that are there
};

/// As the library uses it. @see BasicHistoryJournal
using HistoryJournal = BasicHistoryJournal<io::PosixFiles>;

/// What the journal remembers, then what it does not know of the memory's records. A signal is known by its id, the journal's
/// first; every other record by all its content. O(n).
template <class = void>
ContextSnapshot merge_history(ContextSnapshot journal, ContextSnapshot memory) {
  const auto merge = [](auto& into, auto& from, auto key) {
    std::unordered_set<std::string> known;
    for (const auto& record : into) known.insert(key(record));
    for (auto& record : from) {
      if (known.insert(key(record)).second) into.push_back(std::move(record));
    }
  };
  const auto whole = [](const auto& record) { return detail::canonical_text(to_json<detail::Tree>(record)); };
  merge(journal.signals, memory.signals, [](const Signal& signal) { return signal.signal_id; });
  merge(journal.rejections, memory.rejections, whole);
  merge(journal.pnl, memory.pnl, whole);
  merge(journal.markets, memory.markets, whole);
  merge(journal.exchanges, memory.exchanges, whole);
  merge(journal.executions, memory.executions, whole);
  merge(journal.scores, memory.scores, whole);
  journal.counts = memory.counts;
  return journal;
}

}  // namespace rlx::inline v0_1::signals

#endif  // RLX_SIGNALS_DATASET_HPP
