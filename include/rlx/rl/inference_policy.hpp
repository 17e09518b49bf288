// SPDX-License-Identifier: MIT
/// @file
/// @brief A trained policy for live use: one file in, one decision per call, no learner, no allocation, any number of threads.
#ifndef RLX_RL_INFERENCE_POLICY_HPP
#define RLX_RL_INFERENCE_POLICY_HPP

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <rlx/core/detail/json_tree.hpp>
#include <rlx/core/detail/strict_json.hpp>
#include <rlx/core/error.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/core/running_mean_std.hpp>
#include <rlx/core/version.hpp>
#include <rlx/io/safetensors.hpp>
#include <rlx/nn/detail/graph_tree.hpp>
#include <rlx/nn/graph.hpp>
#include <rlx/nn/parameter_store.hpp>
#include <rlx/rl/detail/action_head.hpp>
#include <rlx/rl/detail/observation_scaling.hpp>
#include <rlx/rl/detail/policy_file.hpp>
#include <rlx/rl/detail/value_scale.hpp>
#include <rlx/rl/policy.hpp>
#include <rlx/rl/policy_layout.hpp>

namespace rlx::inline v0_1 {

/// What is known of one decision.
struct Decision {
  float value = 0.0F;  ///< mean of the critic's outputs, in the learner's (scaled) units; critics of one's own may differ
  float log_probability = 0.0F;  ///< of the action taken
  float probability = 0.0F;      ///< its exponential; a density for Box and Simplex
  float entropy = 0.0F;          ///< of the distribution, nats
};

namespace detail {

/// The distribution that a layout names. @throws ConfigError for an unknown one, or sizes that contradict each other
template <class Layout>
AnyActionHead head_of(const Layout& layout) {
  const auto fail = [&](const std::string& what) {
    throw ConfigError("policy layout: distribution '" + layout.distribution + "': " + what);
  };
  const bool has_bounds = layout.distribution == "gaussian" || layout.distribution == "tanh_gaussian";
  if (!layout.nvec.empty() && layout.distribution != "multi_categorical")
    fail("it has no nvec, found " + std::to_string(layout.nvec.size()) + " entries");
  if (!has_bounds && !(layout.low.empty() && layout.high.empty())) {
    fail("it has no bounds, found " + std::to_string(layout.low.size()) + " and " + std::to_string(layout.high.size()) +
         " in low and high");
  }
  if (!layout.observation_names.empty() && layout.observation_names.size() != layout.observation_size) {
    fail(std::to_string(layout.observation_names.size()) + " observation_names, observation_size is " +
         std::to_string(layout.observation_size));
  }
  if (!layout.action_names.empty() && layout.action_names.size() != layout.num_actions) {
    fail(std::to_string(layout.action_names.size()) + " action_names, num_actions is " + std::to_string(layout.num_actions));
  }
  if (layout.distribution == "categorical") return CategoricalHead(layout.num_actions);
  if (layout.distribution == "dirichlet") return DirichletHead(layout.num_actions);
  if (layout.distribution == "multi_categorical") {
    std::size_t sum = 0;
    for (const std::int64_t n : layout.nvec) {
      if (n < 1 || static_cast<std::uint64_t>(n) > layout.num_actions) fail("nvec has the entry " + std::to_string(n));
      sum += static_cast<std::size_t>(n);
    }
    if (sum != layout.num_actions)
      fail("nvec adds up to " + std::to_string(sum) + ", num_actions is " + std::to_string(layout.num_actions));
    return MultiCategoricalHead(layout.nvec);
  }
  if (has_bounds) {
    if (layout.low.size() != layout.num_actions || layout.high.size() != layout.num_actions) {
      fail("low and high have " + std::to_string(layout.low.size()) + " and " + std::to_string(layout.high.size()) +
           " bounds, num_actions is " + std::to_string(layout.num_actions));
    }
    for (std::size_t i = 0; i < layout.low.size(); ++i) {
      if (layout.low[i] > layout.high[i]) fail("low exceeds high at element " + std::to_string(i));
    }
    return GaussianHead(layout.low, layout.high, layout.distribution == "tanh_gaussian");
  }
  fail("not known to this version; expected categorical, multi_categorical, gaussian, tanh_gaussian or dirichlet");
  return CategoricalHead(0);
}

}  // namespace detail

/// Parameters, observation scaling and mask rule of a trained policy. Immutable: all calls are safe from any thread, each with
/// a workspace of its own, and allocate nothing.
/// @code
/// const auto policy = rlx::InferencePolicy::load("policy.safetensors");
/// auto workspace = policy.make_workspace();
/// std::int32_t action = 0;
/// const rlx::Decision decision = policy.act(observation, mask, {&action, 1}, workspace);
/// @endcode
/// Called InferencePolicy. @tparam S float, as files hold it; a parameter so that only what a program uses is compiled
template <class S>
class BasicInferencePolicy {
 public:
  /// Scratch memory of one thread, and with an lstm what the network remembers of one episode.
  class Workspace {
   public:
    /// Forgets the episode; to be called before the first observation of the next one.
    void begin_episode() noexcept { starts_ = 1; }

   private:
    friend class BasicInferencePolicy;
    Workspace(nn::Workspace<S> network, std::size_t observation, std::size_t action, std::size_t state)
        : network_(std::move(network)), observation_(observation), stored_(action), state_(state) {}
    nn::Workspace<S> network_;
    std::vector<float> observation_;  // scaled
    std::vector<float> stored_;       // a sample before it is clipped or squashed
    std::vector<float> state_;
    std::uint8_t starts_ = 1;
  };

  /// From a policy file or a full checkpoint. @throws IoError, CheckpointError
  static BasicInferencePolicy load(std::string_view path) { return read(io::Safetensors::open(std::string(path))); }
  /// The same from memory, which is not kept. @throws CheckpointError
  static BasicInferencePolicy from_bytes(std::span<const std::byte> bytes) { return read(io::Safetensors::from_bytes(bytes)); }

  /// From parts, for learners. The store must have the layout of the graph.
  BasicInferencePolicy(nn::GraphSpec spec, const nn::ParameterStore<S>& parameters, PolicyLayout layout,
                       const RunningMeanStd* statistics)
      : BasicInferencePolicy(std::move(spec), std::move(layout)) {
    if (parameters.layout() != store_.layout()) throw ShapeError("InferencePolicy: the parameters do not belong to this graph");
    std::copy(parameters.parameters().begin(), parameters.parameters().end(), store_.parameters().begin());
    if (statistics != nullptr) statistics_.set(statistics->mean(), statistics->variance(), statistics->count());
  }

  /// As the file has it.
  const PolicyLayout& layout() const noexcept { return layout_; }
  /// The network, as the file has it.
  const nn::GraphSpec& graph() const noexcept { return spec_; }
  /// Number of parameters.
  std::size_t parameter_count() const noexcept { return store_.count(); }
  /// Scratch for one thread, at the start of an episode. Allocates.
  Workspace make_workspace() const {
    return {graph_.make_workspace(1, false), layout_.normalize_observation ? layout_.observation_size : 0, layout_.low.size(),
            graph_.state_size()};
  }

  /// Chooses an action: of Discrete and MultiDiscrete spaces.
  /// @param observation raw, `layout().observation_size` numbers. @param mask one byte per choice or weight, non-zero = valid;
  ///        empty only if the policy needs none. @param action one number per component, written.
  /// @param workspace of this thread and episode. @param options the most probable action, or a draw
  /// @throws ShapeError for a wrong size, the other kind of action, a missing mask or one without a valid action; NumericError
  ///         if the observation or the network's outputs are not finite; ConfigError for a draw without random numbers.
  Decision act(std::span<const float> observation, std::span<const std::uint8_t> mask, std::span<std::int32_t> action,
               Workspace& workspace, ActOptions options = {}) const {
    return choose(observation, mask, action, workspace, options);
  }
  /// The same for Box (clipped or squashed into the bounds) and Simplex (weights that sum to 1, 0 where the mask forbids).
  Decision act(std::span<const float> observation, std::span<const std::uint8_t> mask, std::span<float> action,
               Workspace& workspace, ActOptions options = {}) const {
    return choose(observation, mask, action, workspace, options);
  }

  /// Probabilities of all choices, exactly 0 for invalid ones; the components of a MultiDiscrete one after another.
  /// @param observation,mask,workspace as of `act`. @param p `layout().num_actions` numbers, written.
  /// @throws as `act`; ShapeError also for actions that are no choices
  void probabilities(std::span<const float> observation, std::span<const std::uint8_t> mask, std::span<float> p,
                     Workspace& workspace) const {
    if (p.size() != layout_.num_actions) {
      throw ShapeError("InferencePolicy::probabilities: room for " + std::to_string(p.size()) + " actions, expected " +
                       std::to_string(layout_.num_actions));
    }
    std::visit(
        [&]<class Head>(const Head& head) {
          if constexpr (Head::is_discrete) {
            head.probabilities(evaluate(observation, mask, workspace), p);
          } else {
            throw ShapeError("InferencePolicy::probabilities: the actions of this policy (" + layout_.distribution +
                             ") are no choices; use act");
          }
        },
        head_);
  }

  /// Name of an action; its number as text if the environment gave no names. Allocates. @throws ShapeError outside the range
  std::string action_name(std::size_t i) const {
    if (i >= layout_.num_actions) {
      throw ShapeError("action " + std::to_string(i) + " does not exist; the policy has " +
                       std::to_string(layout_.num_actions));
    }
    return layout_.action_names.empty() ? std::to_string(i) : layout_.action_names[i];
  }

  /// Writes a policy file: parameters, observation statistics, layout. @throws IoError; the old file stays on failure
  void save(std::string_view path, const PolicyInfo& info = {}) const {
    PolicyLayout layout = layout_;
    for (const auto& [key, value] : info) layout.info[key] = value;
    const auto root = detail::JsonTree::object({{"format", detail::policy_format},
                                                {"version", 1},
                                                {"library", RLX_VERSION_STRING},
                                                {"policy", detail::layout_to_json<detail::JsonTree>(layout)},
                                                {"graph", nn::detail::graph_tree<detail::JsonTree>(spec_)}});
    std::vector<io::TensorView> tensors;
    detail::append_parameters(store_, tensors);
    const double count = statistics_.count();
    if (layout_.normalize_observation) detail::append_normalizer("observation", statistics_, count, tensors);
    io::write_safetensors(std::string(path), {{"rlx", root.dump()}}, tensors);
  }

 private:
  BasicInferencePolicy(nn::GraphSpec spec, PolicyLayout layout)
      : spec_(std::move(spec)),
        layout_(std::move(layout)),
        head_(detail::head_of(layout_)),
        graph_(build_graph()),
        statistics_(layout_.observation_size),
        scaling_{layout_.clip_obs, nn::unscaled_columns(spec_)} {
    action_ = graph_.output_index("action");
    value_ = graph_.output_index("value");
  }

  nn::Graph<S> build_graph() {
    const std::size_t log_std = std::visit([](const auto& head) { return head.log_std_size(); }, head_);
    if (log_std > 0) store_.add("log_std", {log_std}, "actor");
    nn::Graph<S> graph = nn::Graph<S>::build(spec_, store_);
    // Here, before memory is taken for the numbers that a file claims.
    if (graph.input_width() != layout_.observation_size || graph.output_width("action") != layout_.num_actions) {
      throw ShapeError("InferencePolicy: the graph maps " + std::to_string(graph.input_width()) + " inputs to " +
                       std::to_string(graph.output_width("action")) + " actions, the layout says " +
                       std::to_string(layout_.observation_size) + " and " + std::to_string(layout_.num_actions));
    }
    return graph;
  }

  /// A checkpoint trained with normalize_value holds a head of scaled values; decisions are in the units of the rewards.
  void unscale_values(const io::Safetensors& file) {
    if (file.find("normalizer/value/mean") == nullptr) return;
    const std::optional<detail::ValueHead> head = detail::find_value_head(spec_, store_);
    if (!head) throw CheckpointError(file.name() + ": normalizer/value belongs to no linear layer with bias");
    const detail::ValueScale scale = detail::read_value_scale(file);
    detail::rescale_value_head(store_.tensor(head->weight), store_.tensor(head->bias), scale.mean(), scale.std(), 0.0, 1.0);
  }

  static BasicInferencePolicy read(const io::Safetensors& file) {
    const detail::JsonTree root = detail::read_metadata(file);
    try {
      detail::JsonTreeObject in(root, file.name());
      const auto format = in.get_or("format", std::string());
      if (format != detail::policy_format && format != detail::checkpoint_format) {
        throw CheckpointError(file.name() + ": format '" + format + "' is neither a policy nor a checkpoint of this library");
      }
      if (const auto version = in.get_or("version", detail::JsonTree()); version != 1) {
        throw CheckpointError(file.name() + ": version " + version.dump() + ", expected 1");
      }
      nn::GraphSpec graph = nn::read_graph(in.value("graph"), file.name() + ".graph");
      detail::require_parameters(file, graph);
      BasicInferencePolicy policy(std::move(graph), detail::layout_from_json(in.value("policy"), file.name()));
      detail::read_parameters(file, policy.store_);
      policy.unscale_values(file);
      if (policy.layout_.normalize_observation) detail::read_normalizer(file, "observation", policy.statistics_);
      return policy;
    } catch (const ConfigError& error) {
      throw CheckpointError(file.name() + ": " + error.what());
    } catch (const ShapeError& error) {
      throw CheckpointError(file.name() + ": " + error.what());
    }
  }

  template <class A>
  Decision choose(std::span<const float> observation, std::span<const std::uint8_t> mask, std::span<A> action,
                  Workspace& workspace, const ActOptions& options) const {
    if (!options.deterministic && options.random == nullptr) {
      throw ConfigError("InferencePolicy::act: ActOptions.random must be set when deterministic is false");
    }
    const auto decide = [&]<class Head>(const Head& head) -> Decision {
      if constexpr (Head::is_discrete != std::same_as<A, std::int32_t>) {
        throw ShapeError("InferencePolicy::act: the actions of this policy (" + layout_.distribution + ") are " +
                         (Head::is_discrete ? "integers; pass a std::span<std::int32_t>" : "numbers; pass a std::span<float>"));
      } else {
        if (action.size() != head.action_width()) {
          throw ShapeError("InferencePolicy::act: action has " + std::to_string(action.size()) + " numbers, expected " +
                           std::to_string(head.action_width()));
        }
        // After the checks: a refused call leaves the memory of the episode as it was.
        const detail::HeadRow<float> row = evaluate(observation, mask, workspace);
        constexpr bool transforms = requires(const Head& h, std::span<float> x) { h.to_environment(x, x); };
        std::span<typename Head::template Stored<float>> stored = action;
        if constexpr (transforms) stored = workspace.stored_;
        detail::HeadEvaluation<float> result;
        if (options.deterministic) {
          head.mode(row, stored);
          result = head.evaluate(row, std::span<const typename Head::template Stored<float>>(stored));
        } else {
          result = head.sample(row, *options.random, stored);
        }
        const float value = detail::mean_output(workspace.network_.output(value_).row(0));
        if (!is_finite(value)) [[unlikely]]
          throw NumericError("InferencePolicy: the value is not finite; the file or the training that wrote it is damaged",
                             "value");
        if constexpr (transforms) head.to_environment(stored, action);
        return {value, result.log_prob, std::exp(result.log_prob), result.entropy};
      }
    };
    return std::visit(decide, head_);
  }

  /// Runs the network; its outputs are finite where the mask is valid.
  detail::HeadRow<float> evaluate(std::span<const float> observation, std::span<const std::uint8_t> mask,
                                  Workspace& workspace) const {
    if (observation.size() != layout_.observation_size) {
      throw ShapeError("InferencePolicy: the observation has " + std::to_string(observation.size()) + " numbers, expected " +
                       std::to_string(layout_.observation_size));
    }
    const std::size_t mask_width = std::visit([](const auto& head) { return head.mask_width(); }, head_);
    if (mask.empty() ? layout_.mask_required : mask.size() != mask_width) {
      throw ShapeError("InferencePolicy: the mask has " + std::to_string(mask.size()) + " entries, expected " +
                       std::to_string(mask_width) + " (this policy was trained with" + (layout_.mask_required ? "" : "out") +
                       " masks)");
    }
    if (!mask.empty() && !std::visit([&](const auto& head) { return head.has_choice(mask); }, head_)) {
      throw ShapeError("InferencePolicy: the mask allows no action; at least one (of every component) must be valid");
    }
    if (const std::size_t bad = first_non_finite(observation); bad != observation.size()) {
      const std::string name = layout_.observation_names.empty() ? std::string() : " (" + layout_.observation_names[bad] + ')';
      throw NumericError("InferencePolicy: observation[" + std::to_string(bad) + ']' + name + " is not finite",
                         "observation[" + std::to_string(bad) + ']');
    }
    std::span<const float> row = observation;
    if (layout_.normalize_observation) {
      scaling_.apply(statistics_, observation, workspace.observation_);
      row = workspace.observation_;
    }
    nn::Recurrence<S> recurrence;
    if (!workspace.state_.empty()) {
      recurrence.sequences = 1;
      recurrence.state = {workspace.state_.data(), 1, workspace.state_.size()};
      recurrence.next_state = {workspace.state_.data(), 1, workspace.state_.size()};
      recurrence.starts = {&workspace.starts_, 1};
    }
    graph_.forward(store_.parameters(), MatrixView<const float>(row.data(), 1, row.size()), workspace.network_, recurrence);
    workspace.starts_ = 0;
    const std::span<const float> outputs = workspace.network_.output(action_).row(0);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if ((mask.empty() || mask[i] != 0) && !is_finite(outputs[i])) {
        throw NumericError("InferencePolicy: output " + std::to_string(i) + " of 'action' (" +
                               (layout_.action_names.empty() ? "action " + std::to_string(i) : layout_.action_names[i]) +
                               ") is not finite",
                           "action");
      }
    }
    return {outputs, mask, store_.parameters().first(layout_.low.size())};
  }

  nn::GraphSpec spec_;
  PolicyLayout layout_;
  detail::AnyActionHead head_;
  nn::ParameterStore<S> store_;
  nn::Graph<S> graph_;
  RunningMeanStd statistics_;
  detail::ObservationScaling scaling_;
  std::size_t action_ = 0;
  std::size_t value_ = 0;
};

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_INFERENCE_POLICY_HPP
