// SPDX-License-Identifier: MIT
/// @file
/// @brief One JSON file that says what a training run was: data, configuration, machine, effort, result.
#ifndef RLX_RL_MANIFEST_HPP
#define RLX_RL_MANIFEST_HPP

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <rlx/core/version.hpp>
#include <rlx/io/atomic_file.hpp>
#include <rlx/rl/learner.hpp>

namespace rlx {

/// The compiler that built the program, such as "g++ 12.2.0".
inline std::string compiler_text() {
#if defined(__clang__)
  return "clang " + std::to_string(__clang_major__) + '.' + std::to_string(__clang_minor__) + '.' +
         std::to_string(__clang_patchlevel__);
#elif defined(__GNUC__)
  return "g++ " + std::to_string(__GNUC__) + '.' + std::to_string(__GNUC_MINOR__) + '.' + std::to_string(__GNUC_PATCHLEVEL__);
#else
  return "unknown";
#endif
}

/// Vector instructions that the program was compiled for.
inline std::string instruction_set_text() {
#if defined(__AVX512F__)
  return "avx512";
#elif defined(__AVX2__)
  return "avx2";
#elif defined(__SSE2__)
  return "sse2";
#elif defined(__ARM_NEON)
  return "neon";
#else
  return "generic";
#endif
}

/// The record of one run. `fields` holds everything and may be extended freely; every change of state is written at once,
/// whole.
///
/// Keys set here: library, compiler, instruction_set, scalar, status ("running", "finished", "stopped", "failed"), error,
/// started_ms, wall_seconds, best, final, steps, updates, flops, checkpoints. Programs add: command, seeds, data files,
/// configuration.
class RunManifest {
 public:
  /// @param path file that is replaced at each write.
  explicit RunManifest(std::string path) : path_(std::move(path)) {
    fields = {{"format", "rlx-manifest"},
              {"version", 1},
              {"library", RLX_VERSION_STRING},
              {"compiler", compiler_text()},
              {"instruction_set", instruction_set_text()},
              {"scalar", "float"},
              {"status", "running"},
              {"checkpoints", nlohmann::json::array()}};
  }

  nlohmann::json fields;

  /// Writes the file with status "running". @throws IoError
  void started(const Learner& learner) {
    fields["started_ms"] = learner.wall_ms();
    fields["status"] = "running";
    write();
  }
  /// Records the best model, found at the step of `Learner::best` (a resumed run found it before). @throws IoError
  void new_best(const std::string& metric, double value, const Learner& learner, const std::string& file) {
    fields["best"] = {{"metric", metric},
                      {"value", value},
                      {"step", learner.best ? learner.best->num_timesteps : learner.num_timesteps()},
                      {"episode", learner.best ? learner.best->episode : learner.num_episodes()},
                      {"file", file}};
    write();
  }
  void add_checkpoint(const std::string& file) { fields["checkpoints"].push_back(file); }
  /// Records how the run ended. @throws IoError
  void finished(const Learner& learner, bool stopped = false) {
    fields["status"] = stopped ? "stopped" : "finished";
    fields["steps"] = learner.num_timesteps();
    fields["updates"] = learner.n_updates();
    fields["episodes"] = learner.num_episodes();
    fields["wall_seconds"] = learner.elapsed_seconds();
    fields["flops"] = learner.total_flops();
    const UpdateMetrics& m = learner.last_update();
    fields["final"] = {{"ep_rew_mean", learner.mean_episode_return()},
                       {"ep_len_mean", learner.mean_episode_length()},
                       {"loss", m.loss},
                       {"entropy", m.entropy},
                       {"approx_kl", m.approx_kl},
                       {"clip_fraction", m.clip_fraction},
                       {"explained_variance", m.explained_variance}};
    write();
  }
  /// Records that the run ended with an exception. @throws IoError
  void failed(const std::exception& error) {
    fields["status"] = "failed";
    fields["error"] = error.what();
    write();
  }

  /// Replaces the file; numbers that are not finite become null. @throws IoError
  void write() const {
    io::write_file_atomically(path_, fields.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n');
  }
  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

/// Keeps a manifest up to date while `learn` runs.
class ManifestCallback final : public Callback {
 public:
  /// @param manifest must outlive this object. @param best_file named in the manifest when EvalCallback found a better model.
  explicit ManifestCallback(RunManifest& manifest, std::string best_file = {})
      : manifest_(&manifest), best_file_(std::move(best_file)) {}

  void on_training_start(Learner& learner) override {
    manifest_->started(learner);
    note_best(learner);  // a resumed run knows one from its checkpoint
  }
  bool on_update_end(Learner& learner) override {
    note_best(learner);
    return true;
  }
  void on_training_end(Learner& learner) override {
    note_best(learner);  // a callback before this one may judge at the end only
    manifest_->finished(learner, learner.num_timesteps() < learner.total_timesteps());
  }

 private:
  void note_best(const Learner& learner) {
    if (!learner.best || learner.best->num_timesteps == best_step_) return;
    best_step_ = learner.best->num_timesteps;
    manifest_->new_best("eval/score", learner.best->score, learner, best_file_);
  }

  RunManifest* manifest_;
  std::string best_file_;
  std::uint64_t best_step_ = 0;
};

}  // namespace rlx

#endif  // RLX_RL_MANIFEST_HPP
