// SPDX-License-Identifier: MIT
/// @file
/// @brief Writes every action of training as JSON lines, so that each can be traced to its episode and its probability.
#ifndef RLX_RL_ACTION_LOG_HPP
#define RLX_RL_ACTION_LOG_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/detail/json_tree.hpp>
#include <rlx/core/error.hpp>
#include <rlx/io/detail/line_file.hpp>
#include <rlx/rl/learner.hpp>

namespace rlx::inline v0_1 {

/// How an ActionLog writes.
struct ActionLogConfig {
  bool append = true;         ///< keep the lines that are there, as a resumed run wants; false empties the file first
  bool observations = false;  ///< also what each action was chosen from
};

/// Appends one line per step of every environment, in (time, environment) order, after each rollout and before its update.
///
/// `timestep` (num_timesteps when the step was made) and `env` name a line; where an older checkpoint was resumed, the later
/// line of a name holds. `update` (updates made before it, by whose parameters it was chosen), `episode` (of that environment;
/// with the environments' seed it gives the episode's seed), `action` (as the environment took it, an array), `drawn` (as the
/// policy drew it; Box only), `mask` (a character 0 or 1 per choice; absent without masks), `log_prob`, `value`, `reward`
/// (raw), `terminated`, `truncated`, `observation` if asked for. Numbers that are not finite become null. What is learned does
/// not change. About 200 bytes and a few microseconds per step.
///
/// @code
/// rlx::ActionLog actions(ppo, "actions.jsonl");
/// ppo.learn(100'000, {.callbacks = {&actions}});
/// @endcode
/// @tparam L  Ppo or A2c of some environment.
template <class L>
class ActionLog final : public Callback {
 public:
  /// @param learner  must outlive this object, whose callback it is to be.
  /// @param path     of the file. @param config  see there
  /// @throws IoError if the file cannot be written
  ActionLog(const L& learner, const std::string& path, ActionLogConfig config = {})
      : learner_(&learner), config_(config), out_(path, config.append, 0) {}

  /// @throws IoError, ConfigError if another learner calls
  bool on_rollout_end(Learner& learner) override {
    if (&learner != learner_) throw ConfigError("ActionLog is a callback of another learner than the one it was made for");
    const auto& rollout = learner_->rollout();
    const std::size_t n = rollout.shape.num_envs;
    std::vector<std::uint64_t> episode(n);
    for (std::size_t e = 0; e < n; ++e) episode[e] = learner_->environments().episode(e);
    for (std::size_t row = 0; row < rollout.rows(); ++row) episode[row % n] -= ended(row);
    std::vector<typename L::ActionScalar> action(rollout.shape.action_width);
    for (std::size_t row = 0; row < rollout.rows(); ++row) {
      learner_->environment_action(row, action);
      auto line = detail::JsonTree::object({{"timestep", learner.num_timesteps() - rollout.rows() + (row / n + 1) * n},
                                            {"env", row % n},
                                            {"update", learner.n_updates()},
                                            {"episode", episode[row % n]},
                                            {"action", action},
                                            {"log_prob", rollout.log_probs[row]},
                                            {"value", rollout.values[row]},
                                            {"reward", rollout.rewards[row]},
                                            {"terminated", rollout.terminated[row] != 0},
                                            {"truncated", rollout.truncated[row] != 0}});
      if constexpr (L::transforms_actions) line["drawn"] = rollout.action(row);
      if (rollout.shape.mask_width != 0) {
        std::string mask;
        for (const std::uint8_t valid : rollout.mask(row)) mask += valid != 0 ? '1' : '0';
        line["mask"] = std::move(mask);
      }
      if (config_.observations) line["observation"] = rollout.observation(row);
      out_.write(line.dump());
      episode[row % n] += ended(row);
    }
    out_.flush();
    return true;
  }

  /// Lines written by this object.
  std::size_t lines() const noexcept { return out_.lines(); }
  const std::string& path() const noexcept { return out_.path(); }  ///< of the file

 private:
  std::uint64_t ended(std::size_t row) const {
    return (learner_->rollout().terminated[row] | learner_->rollout().truncated[row]) != 0 ? 1 : 0;
  }

  const L* learner_;
  ActionLogConfig config_;
  io::detail::LineFile out_;
};

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_ACTION_LOG_HPP
