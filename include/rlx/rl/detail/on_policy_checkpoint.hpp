// SPDX-License-Identifier: MIT
/// @file
/// @brief Checkpoints of the on-policy learners: what they hold, and a load that changes everything or nothing.
#ifndef RLX_RL_DETAIL_ON_POLICY_CHECKPOINT_HPP
#define RLX_RL_DETAIL_ON_POLICY_CHECKPOINT_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/detail/json_tree.hpp>
#include <rlx/core/detail/strict_json.hpp>
#include <rlx/core/hash.hpp>
#include <rlx/core/version.hpp>
#include <rlx/io/atomic_file.hpp>
#include <rlx/io/safetensors.hpp>
#include <rlx/nn/detail/graph_tree.hpp>
#include <rlx/rl/checkpoint.hpp>
#include <rlx/rl/detail/config_tree.hpp>
#include <rlx/rl/detail/extension_state.hpp>
#include <rlx/rl/detail/learner_notes.hpp>
#include <rlx/rl/detail/on_policy_learner.hpp>
#include <rlx/rl/detail/policy_file.hpp>
#include <rlx/rl/detail/run_comparison.hpp>

namespace rlx::inline v0_1::detail {

inline std::string environment_tensor(std::size_t e) { return "environment/" + std::to_string(e); }

template <class E, class Rule, Critic C, RiskObjective R, Clock K>
void OnPolicyLearner<E, Rule, C, R, K>::save(std::string_view path_view) const {
  const std::string path(path_view);
  if (has_open_rollout_) {
    throw CheckpointError(name() + "::save was called between a rollout and its update; save in on_checkpoint or after learn");
  }
  if (cut_short_) {
    throw CheckpointError(name() +
                          "::save was called after an exception had ended learn within an iteration, which a resumed run could "
                          "not repeat; load the last checkpoint, or let learn make another update first");
  }
  StateBuffers state = state_buffers();
  const JsonTree description = metadata();
  io::write_file_atomically(description_path(path), description.dump(2) + '\n');
  io::write_safetensors(path, {{"rlx", description.dump()}}, tensors(state));
}

template <class E, class Rule, Critic C, RiskObjective R, Clock K>
std::string OnPolicyLearner<E, Rule, C, R, K>::state_hash() const {
  Sha256 hash;
  StateBuffers state = state_buffers();
  for (const io::TensorView& tensor : tensors(state)) {
    hash.update(tensor.name);
    hash.update(tensor.data);
  }
  const std::array<std::uint64_t, 4> counters{num_timesteps_, n_updates_, epochs_, env_steps_};
  hash.update(std::as_bytes(std::span(counters)));
  return hash.hex();
}

template <class E, class Rule, Critic C, RiskObjective R, Clock K>
JsonTree OnPolicyLearner<E, Rule, C, R, K>::run_description() const {
  auto run = config_tree<JsonTree>(config_);
  run["gradient_shards"] = gradient_shards();
  run["num_envs"] = envs_->num_envs();
  run["num_shards"] = envs_->num_shards();
  run["env_seed"] = envs_->config().seed;
  run["layout_sha256"] = layout_.layout_sha256;
  run["graph_sha256"] = sha256_hex(nn::detail::graph_tree<JsonTree>(net_.spec).dump());
  for (const auto& [key, value] : identity) run[key] = value;
  return run;
}

/// The layout with the texts of `identity`, so that whoever loads the policy alone can check them too.
template <class E, class Rule, Critic C, RiskObjective R, Clock K>
PolicyLayout OnPolicyLearner<E, Rule, C, R, K>::described_layout() const {
  PolicyLayout layout = layout_;
  for (const auto& [key, value] : identity) layout.info[key] = value;
  return layout;
}

template <class E, class Rule, Critic C, RiskObjective R, Clock K>
JsonTree OnPolicyLearner<E, Rule, C, R, K>::metadata() const {
  const JsonTree run = run_description();
  JsonTree meta = JsonTree::object({{"format", checkpoint_format},
                                    {"version", 1},
                                    {"library", RLX_VERSION_STRING},
                                    {"algorithm", Rule::algorithm},
                                    {"run", run},
                                    {"run_sha256", sha256_hex(run.dump())},
                                    {"graph", nn::detail::graph_tree<JsonTree>(net_.spec)},
                                    {"policy", layout_to_json<JsonTree>(described_layout())},
                                    {"notes", notes},
                                    {"environment_state", VectorEnv<E>::saves_environments ? "present" : "absent"}});
  meta["counters"] = JsonTree::object({{"num_timesteps", num_timesteps_},
                                       {"total_timesteps", total_timesteps_},
                                       {"n_updates", n_updates_},
                                       {"epochs", epochs_},
                                       {"adam_t", optimizer_.steps()},
                                       {"env_steps", env_steps_},
                                       {"num_episodes", num_episodes()},
                                       {"forward_rows", forward_rows_},
                                       {"trained_rows", trained_rows_},
                                       {"started", started_},
                                       {"first_row_is_new", first_row_is_new_}});
  meta["last_update"] =
      JsonTree::object({{"loss", metrics_.loss}, {"entropy", metrics_.entropy}});  // which the next episodes' records name
  meta["best"] = best_to_json(best);
  return meta;
}

template <class E, class Rule, Critic C, RiskObjective R, Clock K>
auto OnPolicyLearner<E, Rule, C, R, K>::state_buffers() const -> StateBuffers {
  StateBuffers state;
  state.environments.resize(envs_->num_envs());
  for (std::size_t e = 0; e < envs_->num_envs(); ++e) {
    envs_->save_environment(e, state.environments[e]);
    state.episode_lengths.push_back(static_cast<std::int64_t>(envs_->episode_length(e)));
  }
  StateWriter writer(state.sampler);
  envs_->sampler().save_state(writer);
  save_extension(net_.critic, state.critic);
  save_extension(objective_, state.objective);
  state.observation_count = net_.observation_statistics.count();
  state.return_count = reward_scale_.statistics.count();
  state.value = {net_.value_scale.mean(), net_.value_scale.variance(), net_.value_scale.updates()};
  return state;
}

/// Views of everything a checkpoint holds; `state` must outlive them.
template <class E, class Rule, Critic C, RiskObjective R, Clock K>
std::vector<io::TensorView> OnPolicyLearner<E, Rule, C, R, K>::tensors(const StateBuffers& state) const {
  const std::size_t n = rollout_.shape.num_envs;
  const auto bytes = [](std::string tensor, const std::vector<std::byte>& data) {
    return io::TensorView{std::move(tensor), io::DType::U8, {data.size()}, data};
  };
  std::vector<io::TensorView> all;
  append_parameters(net_.store, all);
  optimizer_.append_state(all);
  if (config_.normalize_observation)
    append_normalizer("observation", net_.observation_statistics, state.observation_count, all);
  if (config_.normalize_reward) {
    append_normalizer("reward", reward_scale_.statistics, state.return_count, all);
    all.push_back(io::tensor_view("rollout/discounted_returns", std::span<const double>(reward_scale_.returns)));
  }
  if (config_.normalize_value) {
    const std::span<const double> value(state.value);
    all.push_back(io::tensor_view("normalizer/value/mean", value.subspan(0, 1)));
    all.push_back(io::tensor_view("normalizer/value/var", value.subspan(1, 1)));
    all.push_back(io::tensor_view("normalizer/value/count", value.subspan(2, 1)));
  }
  const std::size_t width = n * rollout_.shape.observation_size;
  const std::size_t mask_bytes = n * rollout_.shape.mask_width;
  all.push_back(io::tensor_view("rollout/current_observations", std::span(rollout_.observations).last(width),
                                {n, rollout_.shape.observation_size}));
  if (mask_bytes != 0)
    all.push_back(
        io::tensor_view("rollout/current_masks", std::span(rollout_.masks).last(mask_bytes), {n, rollout_.shape.mask_width}));
  all.push_back(io::tensor_view("rollout/episode_returns", std::span<const double>(rollout_.running_returns)));
  all.push_back(io::tensor_view("rollout/episode_lengths", std::span<const std::int64_t>(state.episode_lengths)));
  all.push_back(io::tensor_view("statistics/returns", std::span<const double>(window_.returns)));
  all.push_back(io::tensor_view("statistics/lengths", std::span<const double>(window_.lengths)));
  if (is_recurrent()) {
    all.push_back(io::tensor_view("recurrent/state", std::span<const float>(rollout_.state), {n, rollout_.shape.state_size}));
    all.push_back(io::tensor_view("recurrent/starts", std::span(rollout_.episode_starts).last(n)));
  }
  for (std::size_t e = 0; e < n; ++e) all.push_back(bytes(environment_tensor(e), state.environments[e]));
  all.push_back(bytes("sampler", state.sampler));
  if constexpr (has_state<C>) all.push_back(bytes("critic", state.critic));
  if constexpr (has_state<R>) all.push_back(bytes("risk", state.objective));
  return all;
}

template <class E, class Rule, Critic C, RiskObjective R, Clock K>
void OnPolicyLearner<E, Rule, C, R, K>::load(std::string_view path_view, const LoadOptions& options) {
  const std::string path(path_view);
  if (learning_) {
    throw CheckpointError(name() +
                          "::load was called from a callback, so the rollout and the callbacks would belong to another "
                          "state than the parameters; return false there and call it after learn");
  }
  const io::Safetensors file = io::Safetensors::open(path);
  const JsonTree meta = read_metadata(file);
  try {
    JsonTreeObject in(meta, "the metadata");
    const auto found = [&](const char* key) { return in.get_or(key, JsonTree()); };
    if (found("format") != checkpoint_format || found("version") != 1 || found("algorithm") != Rule::algorithm) {
      throw CheckpointError(path + ": expected a " + std::string(Rule::algorithm) + " checkpoint of version 1, found format " +
                            found("format").dump() + ", algorithm " + found("algorithm").dump() + ", version " +
                            found("version").dump());
    }
    std::vector<std::string> differences;
    list_differences(in.value("run"), run_description(), options.allow, differences);
    refuse_differences(path, differences);
    constexpr bool restores = VectorEnv<E>::saves_environments;
    if (!restores && options.exact) {
      throw CheckpointError(
          path +
          ": the environment has no save_state, so training cannot continue exactly; set LoadOptions.exact = false "
          "to start new episodes");
    }

    // Everything is read into copies first, so that a damaged file leaves this learner as it is.
    StateBuffers state = state_buffers();
    refuse_other_tensors(file, tensors(state));
    nn::ParameterStore<float> store = net_.store;
    read_parameters(file, store);
    JsonTreeObject counters = in.object("counters");
    Optimizer optimizer = optimizer_;
    optimizer.read_state(file);
    optimizer.set_steps(counters.get<std::uint64_t>("adam_t"));
    RunningMeanStd observation_statistics = net_.observation_statistics;
    RunningMeanStd return_statistics = reward_scale_.statistics;
    std::vector<double> discounted(reward_scale_.returns.size());
    if (config_.normalize_observation) read_normalizer(file, "observation", observation_statistics);
    if (config_.normalize_reward) {
      read_normalizer(file, "reward", return_statistics);
      file.read_into("rollout/discounted_returns", std::span<double>(discounted));
    }
    ValueScale value_scale = net_.value_scale;
    if (config_.normalize_value) value_scale = read_value_scale(file);
    const std::size_t n = rollout_.shape.num_envs;
    std::vector<float> recurrent(rollout_.state.size());
    std::vector<std::uint8_t> starts(is_recurrent() ? n : 0);
    if (is_recurrent()) {
      file.read_into("recurrent/state", std::span<float>(recurrent));
      file.read_into("recurrent/starts", std::span<std::uint8_t>(starts));
    }
    std::vector<float> observations(n * rollout_.shape.observation_size);
    std::vector<std::uint8_t> masks(n * rollout_.shape.mask_width);
    std::vector<double> running(n);
    std::vector<double> returns(window_.returns.size());
    std::vector<double> lengths(window_.lengths.size());
    file.read_into("rollout/current_observations", std::span<float>(observations));
    if (!masks.empty()) file.read_into("rollout/current_masks", std::span<std::uint8_t>(masks));
    file.read_into("rollout/episode_returns", std::span<double>(running));
    std::vector<std::int64_t> episode_lengths(n);  // the environments know them; read so that a wrong size is refused
    file.read_into("rollout/episode_lengths", std::span<std::int64_t>(episode_lengths));
    file.read_into("statistics/returns", std::span<double>(returns));
    file.read_into("statistics/lengths", std::span<double>(lengths));
    C critic = load_extension(net_.critic, file, "critic");
    R objective = load_extension(objective_, file, "risk");
    const auto number = [&](const char* name) { return counters.get<std::uint64_t>(name); };
    const std::array<std::uint64_t, 8> numbers{number("num_timesteps"), number("total_timesteps"), number("n_updates"),
                                               number("epochs"),        number("env_steps"),       number("num_episodes"),
                                               number("forward_rows"),  number("trained_rows")};
    const bool started = counters.get<bool>("started");
    const bool first_row_is_new = counters.get<bool>("first_row_is_new");
    UpdateMetrics metrics;
    JsonTreeObject last_update = in.object("last_update");
    const auto figure = [&](const char* key) {  // null: not finite
      return last_update.get<std::optional<double>>(key).value_or(std::numeric_limits<double>::quiet_NaN());
    };
    metrics.loss = figure("loss");
    metrics.entropy = figure("entropy");
    const std::optional<BestScore> saved_best = best_from_json(in.value("best"), in.path("best"));
    auto saved_notes = texts_from_json(in.value("notes"), in.path("notes"));
    AnyEpisodeSampler sampler = envs_->sampler();
    StateReader sampler_state(file.at("sampler").data);
    sampler.load_state(sampler_state);
    sampler_state.expect_end();
    std::vector<std::span<const std::byte>> episodes(n);
    for (std::size_t e = 0; e < n; ++e) episodes[e] = file.at(environment_tensor(e)).data;
    bool restored = restores;
    try {
      envs_->load_environments(episodes);
    } catch (const CheckpointError&) {
      if (options.exact) throw;
      envs_->load_episode_numbers(episodes);
      restored = false;
    }
    envs_->set_sampler(std::move(sampler));

    std::copy(store.parameters().begin(), store.parameters().end(), net_.store.parameters().begin());
    optimizer_ = std::move(optimizer);
    net_.value_scale = value_scale;
    net_.observation_statistics = std::move(observation_statistics);
    reward_scale_.statistics = std::move(return_statistics);
    reward_scale_.returns = std::move(discounted);
    std::copy(observations.begin(), observations.end(),
              rollout_.observations.end() - static_cast<std::ptrdiff_t>(observations.size()));
    std::copy(masks.begin(), masks.end(), rollout_.masks.end() - static_cast<std::ptrdiff_t>(masks.size()));
    rollout_.running_returns = std::move(running);
    rollout_.state = std::move(recurrent);
    std::copy(starts.begin(), starts.end(), rollout_.episode_starts.end() - static_cast<std::ptrdiff_t>(starts.size()));
    window_.returns = std::move(returns);
    window_.lengths = std::move(lengths);
    net_.critic = std::move(critic);
    objective_ = std::move(objective);
    num_timesteps_ = numbers[0], total_timesteps_ = numbers[1], n_updates_ = numbers[2], epochs_ = numbers[3];
    env_steps_ = numbers[4], window_.episodes = numbers[5], forward_rows_ = numbers[6], trained_rows_ = numbers[7];
    started_ = started && restored;
    cut_short_ = false;
    warned_ = false;
    load_warning_ = restored ? std::string() : path + " was loaded without its environments: each starts its next episode";
    first_row_is_new_ = first_row_is_new;
    metrics_ = metrics;
    best = saved_best;
    notes = std::move(saved_notes);
  } catch (const ConfigError& error) {
    throw CheckpointError(path + ": " + error.what());
  }
}

}  // namespace rlx::inline v0_1::detail

#endif  // RLX_RL_DETAIL_ON_POLICY_CHECKPOINT_HPP
