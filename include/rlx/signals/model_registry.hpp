// SPDX-License-Identifier: MIT
/// @file
/// @brief The trained models of a core agent: files, versions, the one that is active, the way back.
///
/// `<target>-<version>.json` is canonical JSON: `schema` 1, `target`, `version`, `parent`, `learner` (its name), `parameters`
/// (as the learner writes them), `calibration` `{a, b, identity}`, `schema_hash` and `feature_names`, `dataset_hash`,
/// `data_until`, `base_rate`, `drift` `{rows, rejected, effective, features}`, `metrics`, and `sha256` of all other members.
/// `active.json` has for each target `{active, versions}` (0: no model is active), `next_version`, and `refused`, hashes of
/// parameters that were rolled back.
///
/// Learners and model files speak nlohmann::json: a program that trains includes records_json.hpp, or nlohmann/json.hpp, too.
#ifndef RLX_SIGNALS_MODEL_REGISTRY_HPP
#define RLX_SIGNALS_MODEL_REGISTRY_HPP

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/detail/json_tree.hpp>
#include <rlx/core/detail/strict_json.hpp>
#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/hash.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/io/append_file.hpp>
#include <rlx/signals/calibration.hpp>
#include <rlx/signals/dataset.hpp>
#include <rlx/signals/detail/any_json.hpp>
#include <rlx/signals/detail/canonical_json.hpp>
#include <rlx/signals/detail/writer_lock.hpp>
#include <rlx/signals/drift.hpp>
#include <rlx/signals/learner.hpp>

namespace rlx::inline v0_1::signals {

/// A learner with everything that is needed to use, judge and trace it. Constant once it is in the registry.
template <SignalLearner Learner>
struct TrainedModel {
  /// nlohmann::json, whose header who uses a model includes.
  using Json = typename detail::JsonOf<Learner>::type;
  std::uint64_t version = 0;         ///< counts from 1 over all targets
  std::uint64_t parent = 0;          ///< the version that was active before; 0: none
  Target target = Target::rejected;  ///< what it predicts
  Learner learner{};                 ///< fitted
  PlattCalibration calibration{};    ///< applied to what the learner says
  FeatureSchema schema{};            ///< of the features it reads
  std::string dataset_hash{};        ///< SignalDataset::hash of its data; SHA-256
  double data_until = 0;             ///< newest signal of the dataset; later ones are new to the model
  double base_rate = 0;              ///< share of ones in the training block
  DriftReference drift{};            ///< what it was trained on, to compare new signals with
  Json metrics = Json::object();     ///< as measured before promotion

  /// SHA-256 of what predictions depend on: equal hashes give equal predictions.
  std::string parameters_hash() const { return sha256_hex(detail::canonical_text(parameters())); }

  /// Calibrated probabilities of rows. @throws NumericError if the learner gives one that is not in [0, 1]
  void predict(MatrixView<const double> x, std::span<double> p) const {
    learner.predict_probability(x, p);
    for (std::size_t i = 0; i < p.size(); ++i) {
      if (!is_finite(p[i]) || !(p[i] >= 0 && p[i] <= 1)) {
        throw NumericError(std::string("learner '") + std::string(Learner::name()) + "' gave the probability " +
                               std::to_string(p[i]) + " for row " + std::to_string(i) + ", expected a number in [0, 1]",
                           "p");
      }
      p[i] = calibration(p[i]);
    }
  }

  /// The contents of its file, SHA-256 of them included.
  Json to_json() const {
    Json features = Json::array();
    for (const FeatureBins& bins : drift.features)
      features.push_back({{"edges", bins.edges}, {"shares", bins.shares}, {"effective", bins.effective}});
    Json json = parameters();
    json.update({{"schema", 1},
                 {"version", version},
                 {"parent", parent},
                 {"target", name_of(target)},
                 {"feature_names", schema.names},
                 {"dataset_hash", dataset_hash},
                 {"data_until", data_until},
                 {"base_rate", base_rate},
                 {"drift",
                  {{"features", features}, {"rows", drift.rows}, {"rejected", drift.rejected}, {"effective", drift.effective}}},
                 {"metrics", metrics}});
    json["sha256"] = sha256_hex(detail::canonical_text(json));
    return json;
  }
  /// @throws DataError beginning with `where` for another learner or schema of the file, a damaged file, or anything missing
  static TrainedModel from_json(Json json, const std::string& where) {
    try {
      if (!json.is_object()) throw DataError("expected an object");
      const std::string written = json.value("sha256", std::string());
      json.erase("sha256");
      if (sha256_hex(detail::canonical_text(json)) != written) {
        throw DataError("the contents do not match \"sha256\": the file was changed or is damaged");
      }
      using Object = BasicJsonObject<Json>;
      Object in(json, "model");
      if (in.template get<int>("schema") != 1) throw DataError("expected a model of schema 1");
      if (const auto name = in.template get<std::string>("learner"); name != Learner::name()) {
        throw DataError("it is of learner '" + name + "', expected '" + std::string(Learner::name()) + '\'');
      }
      TrainedModel model;
      model.version = in.template get<std::uint64_t>("version");
      model.parent = in.template get<std::uint64_t>("parent");
      model.target =
          in.template get<std::string>("target") == name_of(Target::profitable) ? Target::profitable : Target::rejected;
      model.learner = Learner::from_json(in.value("parameters"));
      Object calibration = in.object("calibration");
      model.calibration = {calibration.template get<double>("a"), calibration.template get<double>("b"),
                           calibration.template get<bool>("identity")};
      calibration.finish();
      model.schema = {in.template get<std::vector<std::string>>("feature_names"), in.template get<std::string>("schema_hash")};
      model.dataset_hash = in.template get<std::string>("dataset_hash");
      model.data_until = in.template get<double>("data_until");
      model.base_rate = in.template get<double>("base_rate");
      Object drift = in.object("drift");
      model.drift.rows = drift.template get<std::size_t>("rows");
      model.drift.rejected = drift.template get<std::size_t>("rejected");
      model.drift.effective = drift.template get<double>("effective");
      for (const Json& entry : drift.value("features")) {
        Object bins(entry, "model.drift.features");
        model.drift.features.push_back({bins.template get<std::vector<double>>("edges"),
                                        bins.template get<std::vector<double>>("shares"),
                                        bins.template get<double>("effective")});
        bins.finish();
      }
      drift.finish();
      model.metrics = in.value("metrics");
      in.finish();
      return model;
    } catch (const std::exception& error) {
      throw DataError(where, 0, 0, std::string("model file: ") + error.what());
    }
  }

 private:
  Json parameters() const {
    return {{"learner", Learner::name()},
            {"parameters", learner.to_json()},
            {"calibration", {{"a", calibration.a}, {"b", calibration.b}, {"identity", calibration.identity}}},
            {"schema_hash", schema.hash}};
  }
};

/// A version as the registry lists it.
struct ModelEntry {
  std::uint64_t version = 0;  ///< counts from 1 over all targets
  std::string parameters{};   ///< hash
  bool withdrawn = false;     ///< rolled back
  /// Memberwise.
  bool operator==(const ModelEntry&) const = default;
};

/**
 * @brief Keeps the last versions of each target, and which of them is active.
 *
 * With a directory: `<target>-<version>.json` for each model and `active.json`, which is replaced as a whole. A promotion has
 * its effects in this order: the model's file is durable, the caller's log record is durable, `active.json` is replaced,
 * readers get the new model. An end of the process between any two leaves the old or the new model active, and no active model
 * without its log record. Without a directory everything is in memory.
 *
 * Readers on any thread get a shared pointer to a constant model and wait for no training; `promote` and `rollback` are the
 * caller's to call one at a time.
 */
template <SignalLearner Learner, io::AppendFiles Files = io::PosixFiles>
class ModelRegistry {
 public:
  /// What is kept.
  using Model = TrainedModel<Learner>;
  /// How readers get it; null: none.
  using ModelPtr = std::shared_ptr<const Model>;

  /**
   * @brief Opens a directory and loads the active models.
   * @param directory    empty: in memory
   * @param schema_hash  of the features in use; a model of other features is not loaded
   * @param keep         versions kept for each target, at least 2
   * @param files        must outlive this object
   * @throws IoError if the directory is another writer's or cannot be used; DataError for a damaged `active.json`; ConfigError
   */
  ModelRegistry(std::string directory, std::string schema_hash, std::size_t keep, Files& files)
      : directory_(std::move(directory)), schema_hash_(std::move(schema_hash)), keep_(keep), files_(&files) {
    if (keep < 2)
      throw ConfigError("model registry: at least 2 versions are kept (one to go back to), got " + std::to_string(keep));
    if (directory_.empty()) return;
    lock_ = std::make_unique<detail::WriterLock<Files>>(directory_, "registry.lock", files);
    if (lock_->stale()) notes_.push_back("stale lock of process " + *lock_->stale());
    load();
  }

  /// The active model; null without one. Any thread.
  ModelPtr active(Target target = Target::rejected) const {
    const std::scoped_lock lock(mutex_);
    return state(target).active;
  }
  /// The model that a rollback would return to; null without one. Any thread.
  ModelPtr previous(Target target = Target::rejected) const {
    const std::scoped_lock lock(mutex_);
    return state(target).previous;
  }
  /// Versions that are kept, oldest first. Any thread.
  std::vector<ModelEntry> versions(Target target = Target::rejected) const {
    const std::scoped_lock lock(mutex_);
    return state(target).entries;
  }
  /// Whether parameters were rolled back once and may not return.
  bool is_refused(const std::string& parameters_hash) const {
    const std::scoped_lock lock(mutex_);
    return refused_.count(parameters_hash) != 0;
  }
  /// The number of the next model.
  std::uint64_t next_version() const {
    const std::scoped_lock lock(mutex_);
    return next_version_;
  }
  /// What went wrong while loading, for the log: files that were passed over, a stale lock.
  const std::vector<std::string>& notes() const noexcept { return notes_; }

  /**
   * @brief Makes a model the active one.
   * @param model  its version and parent are set here
   * @param log    called once the file is durable; must make the record durable or throw, which stops the promotion
   * @throws IoError, or what `log` throws; the old model then stays active
   */
  template <std::invocable<const Model&> Log>
  ModelPtr promote(Model model, Log&& log) {
    State& of = state(model.target);
    model.version = next_version_;
    model.parent = of.active == nullptr ? 0 : of.active->version;
    if (!directory_.empty()) write(path_of(model.target, model.version), model.to_json());
    ++next_version_;  // a number is used once, also if the promotion ends here
    log(static_cast<const Model&>(model));
    State next = of;
    next.entries.push_back({model.version, model.parameters_hash(), false});
    next.previous = next.active;
    next.active = std::make_shared<const Model>(std::move(model));
    next.models.push_back(next.active);
    std::vector<std::uint64_t> dropped;
    while (next.entries.size() > keep_) {
      // Withdrawn versions go first, so that the one to return to stays.
      auto oldest = std::find_if(next.entries.begin(), next.entries.end(), [](const ModelEntry& e) { return e.withdrawn; });
      if (oldest == next.entries.end()) oldest = next.entries.begin();
      dropped.push_back(oldest->version);
      next.entries.erase(oldest);
      std::erase_if(next.models, [&](const ModelPtr& kept) { return kept->version == dropped.back(); });
    }
    const Target target = next.active->target;
    commit(target, std::move(next), {});
    for (const std::uint64_t version : dropped) {
      if (!directory_.empty()) files_->unlink(path_of(target, version));  // one that stays is listed nowhere
    }
    return active(target);
  }

  /**
   * @brief Returns to the version before the active one; the withdrawn parameters are refused from now on.
   * @param target  whose model is withdrawn
   * @param log     called first with (withdrawn, returned to); must make the record durable or throw
   * @return        false, and nothing happened, without a version to return to
   */
  template <std::invocable<const Model&, const Model&> Log>
  bool rollback(Target target, Log&& log) {
    const State& of = state(target);
    if (of.active == nullptr || of.previous == nullptr) return false;
    log(*of.active, *of.previous);
    State next = of;
    for (ModelEntry& entry : next.entries) entry.withdrawn |= entry.version == of.active->version;
    const std::string hash = of.active->parameters_hash();
    next.active = of.previous;
    next.previous = before(next.entries, target, next.active->version);
    commit(target, std::move(next), hash);
    return true;
  }

 private:
  struct State {
    std::vector<ModelEntry> entries;
    ModelPtr active, previous;
    std::vector<ModelPtr> models;  // of the entries, as far as they are in memory
  };

  State& state(Target target) { return states_[static_cast<std::size_t>(target)]; }
  const State& state(Target target) const { return states_[static_cast<std::size_t>(target)]; }
  std::string path_of(Target target, std::uint64_t version) const {
    return directory_ + '/' + std::string(name_of(target)) + '-' + std::to_string(version) + ".json";
  }
  template <class J>
  void write(const std::string& path, const J& json) {
    io::replace_file(path, detail::canonical_text(json) + '\n', *files_);
  }

  /// `active.json` first, then what readers see.
  void commit(Target target, State next, const std::string& refused) {
    std::set<std::string> all_refused = refused_;
    if (!refused.empty()) all_refused.insert(refused);
    if (!directory_.empty()) {
      auto json = detail::Tree::object({{"schema", 1},
                                        {"refused", std::vector<std::string>(all_refused.begin(), all_refused.end())},
                                        {"next_version", next_version_}});
      for (const Target each : {Target::rejected, Target::profitable}) {
        const State& of = each == target ? next : state(each);
        auto versions = detail::Tree::array();
        for (const ModelEntry& entry : of.entries) {
          versions.push_back(detail::Tree::object(
              {{"version", entry.version}, {"parameters", entry.parameters}, {"withdrawn", entry.withdrawn}}));
        }
        const std::uint64_t active = of.active == nullptr ? 0 : of.active->version;
        json[name_of(each)] = detail::Tree::object({{"active", active}, {"versions", versions}});
      }
      write(directory_ + "/active.json", json);
    }
    const std::scoped_lock lock(mutex_);
    state(target) = std::move(next);
    refused_ = std::move(all_refused);
  }

  /// The newest usable version before one; null without one. Notes what is passed over.
  ModelPtr before(const std::vector<ModelEntry>& entries, Target target, std::uint64_t version) {
    for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
      if (entry->version >= version || entry->withdrawn) continue;
      if (ModelPtr model = find(target, entry->version)) return model;
    }
    return nullptr;
  }
  ModelPtr find(Target target, std::uint64_t version) {
    for (const ModelPtr& known : state(target).models) {
      if (known->version == version) return known;
    }
    if (directory_.empty()) return nullptr;
    const std::string path = path_of(target, version);
    try {
      auto model = std::make_shared<Model>(
          Model::from_json(detail::any_parse<typename Model::Json>(io::read_all(path, *files_), path), path));
      if (model->schema.hash != schema_hash_) {
        throw DataError(path, 0, 0,
                        "model file: its features have the hash " + model->schema.hash + ", those in use " + schema_hash_);
      }
      return model;
    } catch (const Error& error) {
      notes_.emplace_back(error.what());
      return nullptr;
    }
  }

  void load() {
    for (const std::string& name : io::list_directory(directory_, *files_)) {
      for (const Target target : {Target::rejected, Target::profitable}) {
        const std::string prefix = std::string(name_of(target)) + '-';
        std::uint64_t version = 0;
        if (!name.starts_with(prefix)) continue;
        const auto [end, error] = std::from_chars(name.data() + prefix.size(), name.data() + name.size(), version);
        if (error == std::errc{} && std::string_view(end) == ".json") next_version_ = std::max(next_version_, version + 1);
      }
    }
    const std::string path = directory_ + "/active.json";
    if (files_->exists(path) == 0) return;
    try {
      const auto json = detail::Tree::parse(io::read_all(path, *files_), path);
      rlx::detail::JsonTreeObject in(json, "active");
      if (in.get<int>("schema") != 1) throw DataError("expected schema 1");
      for (std::string& hash : in.get<std::vector<std::string>>("refused")) refused_.insert(std::move(hash));
      next_version_ = std::max(next_version_, in.get<std::uint64_t>("next_version"));
      for (const Target target : {Target::rejected, Target::profitable}) {
        rlx::detail::JsonTreeObject of = in.object(name_of(target));
        State loaded;
        for (const detail::Tree& version : of.value("versions")) {
          rlx::detail::JsonTreeObject entry(version, "active.versions");
          loaded.entries.push_back(
              {entry.get<std::uint64_t>("version"), entry.get<std::string>("parameters"), entry.get<bool>("withdrawn")});
          entry.finish();
        }
        const auto active = of.get<std::uint64_t>("active");
        of.finish();
        loaded.active = before(loaded.entries, target, active + 1);
        if (loaded.active != nullptr) loaded.previous = before(loaded.entries, target, loaded.active->version);
        if (active != 0 && (loaded.active == nullptr || loaded.active->version != active)) {
          notes_.push_back(
              "model " + std::to_string(active) + " of target " + std::string(name_of(target)) + " is not usable, " +
              (loaded.active == nullptr ? "no version is left"
                                        : "version " + std::to_string(loaded.active->version) + " takes its place"));
        }
        for (const ModelPtr& model : {loaded.active, loaded.previous}) {
          if (model != nullptr) loaded.models.push_back(model);
        }
        state(target) = std::move(loaded);
      }
      in.finish();
    } catch (const IoError&) {
      throw;
    } catch (const std::exception& error) {
      throw DataError(path, 0, 0, std::string("active model: ") + error.what());
    }
  }

  std::string directory_, schema_hash_;
  std::size_t keep_;
  Files* files_;
  std::unique_ptr<detail::WriterLock<Files>> lock_;
  mutable std::mutex mutex_;  // guards what follows, held for the exchange of pointers only
  std::array<State, num_targets> states_;
  std::set<std::string> refused_;
  std::uint64_t next_version_ = 1;
  std::vector<std::string> notes_;
};

}  // namespace rlx::inline v0_1::signals

#endif  // RLX_SIGNALS_MODEL_REGISTRY_HPP
