// SPDX-License-Identifier: MIT
/// @file
/// @brief One JSON file that says what a training run was: data, configuration, machine, effort, result.
#ifndef RLX_RL_MANIFEST_JSON_HPP
#define RLX_RL_MANIFEST_JSON_HPP

#if defined(__x86_64__) || defined(__i386__)
#  include <cpuid.h>
#endif

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <rlx/core/hash.hpp>
#include <rlx/core/version.hpp>
#include <rlx/env/space.hpp>
#include <rlx/io/atomic_file.hpp>
#include <rlx/nn/detail/gemm.hpp>
#include <rlx/io/detail/finite_json.hpp>
#include <rlx/io/iso8601.hpp>
#include <rlx/io/mapped_file.hpp>
#include <rlx/rl/learner.hpp>

namespace rlx::inline v0_1 {

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

/// What the compiler's own macros tell of its flags, such as "optimised NDEBUG"; "none" if nothing.
inline std::string compiler_flags_text() {
  std::string text;
#if defined(__OPTIMIZE__)
  text += " optimised";
#endif
#if defined(NDEBUG)
  text += " NDEBUG";
#endif
#if defined(__FAST_MATH__)
  text += " fast-math";
#endif
#if defined(_OPENMP)
  text += " openmp";
#endif
  return text.empty() ? "none" : text.substr(1);
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

/// The processor's own name for itself, such as "AMD EPYC 9R14"; "unknown" where it has none.
inline std::string processor_text() {
#if defined(__x86_64__) || defined(__i386__)
  std::array<unsigned, 12> words{};
  bool known = true;
  for (unsigned i = 0; i < 3; ++i) {
    unsigned* const w = &words[std::size_t{4} * i];
    known = known && __get_cpuid(0x80000002U + i, w, w + 1, w + 2, w + 3) != 0;
  }
  if (known) {
    std::array<char, sizeof words + 1> name{};
    std::memcpy(name.data(), words.data(), sizeof words);
    const std::string_view text(name.data());
    const std::size_t begin = text.find_first_not_of(' ');
    if (begin != std::string_view::npos) return std::string(text.substr(begin, text.find_last_not_of(' ') + 1 - begin));
  }
#endif
  return "unknown";
}

/// The message of an exception and of those nested in it: "environment 3, step 7: division by zero". Without run-time type
/// information (-fno-rtti) the nested ones cannot be found; what environments throw stands in the outer message as well.
inline std::string error_text(const std::exception& error) {
  std::string text = error.what();
#if defined(__cpp_rtti)
  try {
    std::rethrow_if_nested(error);
  } catch (const std::exception& cause) {
    text += ": " + error_text(cause);
  } catch (...) {
    text += ": unknown cause";
  }
#endif
  return text;
}

/// A file that a run learned from.
struct DataFile {
  std::string path;         ///< relative to where the run can be repeated from
  std::uint64_t bytes = 0;  ///< size
  std::string sha256;       ///< of its bytes, hexadecimal
  std::uint64_t rows = 0;   ///< read from it; 0 if nobody counted
  /// @{ UTC milliseconds since 1970 of the data; empty: has no times.
  std::optional<std::int64_t> first_time_ms, last_time_ms;
  /// @}
};

/// Reads the size and the SHA-256 of the file at `directory`/`path`; rows and times are the caller's to fill in.
/// @throws IoError
inline DataFile describe_file(const std::string& path, const std::string& directory = {}) {
  const io::MappedFile file(directory.empty() ? path : directory + '/' + path);
  DataFile result;
  result.path = path;
  result.bytes = file.bytes().size();
  result.sha256 = sha256_hex(file.bytes());
  return result;
}

namespace detail {

template <class Json>
Json space_json(const Box& space) {
  return {{"type", "box"}, {"size", space.size()}};
}
template <class Json>
Json space_json(const Discrete& space) {
  return {{"type", "discrete"}, {"n", space.n}};
}
template <class Json>
Json space_json(const MultiDiscrete& space) {
  return {{"type", "multi_discrete"}, {"nvec", space.nvec}};
}
template <class Json>
Json space_json(const Simplex& space) {
  return {{"type", "simplex"}, {"n", space.n}};
}

}  // namespace detail

/// The record of one run. `fields` holds everything and may be extended freely; every change of state is written at once,
/// whole.
///
/// Keys set here: library, compiler, compiler_flags, instruction_set, scalar, backend, processor, status ("running",
/// "finished", "stopped", "failed"), error, warnings, started_ms, steps, updates, episodes, wall_seconds, flops, best {metric,
/// value, step, episode, file}, final, checkpoints, data_files. `describe` adds threads, shards, seeds, config, config_sha256,
/// environment {name, seed, spaces, names, layout hash}, parameters, flops_per_row. Programs add: command.
/// Called RunManifest. @tparam Json  nlohmann::json; a parameter so that only what a program uses is compiled
template <class Json>
class BasicRunManifest {
 public:
  /// @param path file that is replaced at each write.
  explicit BasicRunManifest(std::string path) : path_(std::move(path)) {
    fields = {{"format", "rlx-manifest"},
              {"version", 1},
              {"library", RLX_VERSION_STRING},
              {"compiler", compiler_text()},
              {"compiler_flags", compiler_flags_text()},
              {"instruction_set", instruction_set_text()},
              {"scalar", "float"},
              {"backend", nn::backend_name()},
              {"processor", processor_text()},
              {"status", "running"},
              {"data_files", Json::array()},
              {"checkpoints", Json::array()}};
  }

  /// What `write` writes.
  Json fields;

  /// Records how the learner was set up. A program that trains with several seeds adds the others to `fields["seeds"]`.
  /// @tparam L      a learner such as `Ppo`: `config()` (with `config_to_json`; include the header of its
  ///                configuration's JSON), `parameters()`, `graph()`, `gradient_shards()`
  /// @tparam V      its `VectorEnv`
  /// @tparam Threads  `ThreadPool`
  /// @param name    of the environment, such as "CartPole-v1"
  /// @param learner,envs,threads  as the run uses them; only read
  template <class L, class V, class Threads>
  void describe(const std::string& name, const L& learner, const V& envs, const Threads& threads) {
    const Json config = config_to_json(learner.config());
    const auto policy = learner.policy();
    const auto& layout = policy.layout();
    fields["threads"] = threads.size();
    fields["shards"] = {{"environments", envs.num_shards()}, {"gradient", learner.gradient_shards()}};
    fields["seeds"] = {learner.config().seed};
    fields["config_sha256"] = sha256_hex(config.dump());  // as in checkpoints
    fields["config"] = config;
    fields["environment"] = {{"name", name},
                             {"copies", envs.num_envs()},
                             {"seed", envs.config().seed},
                             {"observation_space", detail::space_json<Json>(envs.observation_space())},
                             {"action_space", detail::space_json<Json>(envs.action_space())},
                             {"observation_names", layout.observation_names},
                             {"action_names", layout.action_names},
                             {"layout_sha256", layout.layout_sha256}};
    fields["parameters"] = learner.parameters().count();
    fields["flops_per_row"] = learner.graph().flops_per_row();
  }
  /// Appends to `data_files`; the file is written at the next change of state.
  void add_data_file(const DataFile& file) {
    Json entry = {{"path", file.path}, {"bytes", file.bytes}, {"sha256", file.sha256}, {"rows", file.rows}};
    if (file.first_time_ms) entry["first_time"] = io::format_time_ms(*file.first_time_ms);
    if (file.last_time_ms) entry["last_time"] = io::format_time_ms(*file.last_time_ms);
    fields["data_files"].push_back(std::move(entry));
  }
  /// Appends to `checkpoints`; the file is written at the next change of state.
  void add_checkpoint(const std::string& file) { fields["checkpoints"].push_back(file); }

  /// Writes the file with status "running". @throws IoError
  void started(const Learner& learner) {
    fields["started_ms"] = learner.wall_ms();
    fields["status"] = "running";
    fields["warnings"] = learner.warnings();
    fields.erase("error");
    write();
  }
  /// Records the best model, found at the step of `Learner::best` (a resumed run found it before), and how far the run is.
  /// @throws IoError
  void new_best(const std::string& metric, double value, const Learner& learner, const std::string& file) {
    fields["best"] = {{"metric", metric},
                      {"value", value},
                      {"step", learner.best ? learner.best->num_timesteps : learner.num_timesteps()},
                      {"episode", learner.best ? learner.best->episode : learner.num_episodes()},
                      {"file", file}};
    progress(learner);
    write();
  }
  /// Records how the run ended. @throws IoError
  void finished(const Learner& learner, bool stopped = false) {
    fields["status"] = stopped ? "stopped" : "finished";
    progress(learner);
    const UpdateMetrics& m = learner.last_update();
    fields["final"] = {{"ep_rew_mean", learner.mean_episode_return()},
                       {"ep_len_mean", learner.mean_episode_length()},
                       {"loss", m.loss},
                       {"policy_gradient_loss", m.policy_gradient_loss},
                       {"value_loss", m.value_loss},
                       {"entropy", m.entropy},
                       {"approx_kl", m.approx_kl},
                       {"clip_fraction", m.clip_fraction},
                       {"explained_variance", m.explained_variance}};
    write();
  }
  /// Records that the run ended with an exception: its message and those of its causes. @throws IoError
  void failed(const std::exception& error) { failed(error_text(error)); }
  /// The same for an error that is known by its message. @throws IoError
  void failed(const std::string& message) {
    fields["status"] = "failed";
    fields["error"] = message;
    write();
  }

  /// Replaces the file; numbers that are not finite become null. @throws IoError
  void write() const {
    Json text = fields;
    io::detail::replace_non_finite(text);
    io::write_file_atomically(path_, text.dump(2, ' ', false, Json::error_handler_t::replace) + '\n');
  }
  /// Of the file.
  const std::string& path() const noexcept { return path_; }

 private:
  void progress(const Learner& learner) {
    fields["steps"] = learner.num_timesteps();
    fields["updates"] = learner.n_updates();
    fields["episodes"] = learner.num_episodes();
    fields["wall_seconds"] = learner.elapsed_seconds();
    fields["flops"] = learner.total_flops();
  }

  std::string path_;
};

/// As programs use it. @see BasicRunManifest
using RunManifest = BasicRunManifest<nlohmann::json>;

/// Runs `train`, such as a call of `learn`, and returns its result. If it throws, the manifest says `failed` with the message,
/// and the exception goes on.
template <class F>
decltype(auto) recording_failure(RunManifest& manifest, F&& train) {
  const auto note = [&](const std::string& message) {
    try {
      manifest.failed(message);
    } catch (const std::exception&) {  // the first error is the one to report: a full disk explains both
    }
  };
  try {
    return std::forward<F>(train)();
  } catch (const std::exception& error) {
    note(error_text(error));
    throw;
  } catch (...) {
    note("an exception that is no std::exception");
    throw;
  }
}

/// Keeps a manifest up to date while `learn` runs. Place it behind the callbacks whose results it records.
/// Called ManifestCallback. @tparam Json  nlohmann::json
template <class Json>
class BasicManifestCallback final : public Callback {
 public:
  /// @param manifest    must outlive this object.
  /// @param best_file   named in the manifest when EvalCallback found a better model.
  /// @param checkpoints gives the files kept at present, such as `[&] { return checkpoints.saved(); }`; empty: the manifest's
  ///                    own list stands.
  explicit BasicManifestCallback(BasicRunManifest<Json>& manifest, std::string best_file = {},
                                 std::function<std::vector<std::string>()> checkpoints = {})
      : manifest_(&manifest), best_file_(std::move(best_file)), checkpoints_(std::move(checkpoints)) {}

  void on_training_start(Learner& learner) override {
    manifest_->started(learner);
    note_best(learner);  // a resumed run knows one from its checkpoint
  }
  void on_checkpoint(Learner& learner) override { note_best(learner); }
  void on_training_end(Learner& learner) override {
    note_best(learner);  // a callback before this one may judge at the end only
    note_checkpoints();
    manifest_->finished(learner, learner.num_timesteps() < learner.total_timesteps());
  }

 private:
  void note_best(const Learner& learner) {
    if (!learner.best || learner.best->num_timesteps == best_step_) return;
    best_step_ = learner.best->num_timesteps;
    note_checkpoints();
    manifest_->new_best("eval/score", learner.best->score, learner, best_file_);
  }
  void note_checkpoints() {
    if (checkpoints_) manifest_->fields["checkpoints"] = checkpoints_();
  }

  BasicRunManifest<Json>* manifest_;
  std::string best_file_;
  std::function<std::vector<std::string>()> checkpoints_;
  std::uint64_t best_step_ = 0;
};

/// As programs use it. @see BasicManifestCallback
using ManifestCallback = BasicManifestCallback<nlohmann::json>;

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_MANIFEST_JSON_HPP
