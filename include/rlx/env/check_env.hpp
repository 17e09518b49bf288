// SPDX-License-Identifier: MIT
/// @file
/// @brief Tests an environment of the user's own against the contract, and says in plain words what to change.
#ifndef RLX_ENV_CHECK_ENV_HPP
#define RLX_ENV_CHECK_ENV_HPP

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/env/detail/check_runner.hpp>
#include <rlx/env/detail/describe.hpp>
#include <rlx/env/detail/environment_members.hpp>
#include <rlx/env/detail/flags.hpp>
#include <rlx/env/environment.hpp>
#include <rlx/env/episode_statistics.hpp>
#include <rlx/env/space.hpp>

namespace rlx::inline v0_1 {

/// An error breaks the contract and a learner's result; a warning is probably a mistake.
enum class CheckSeverity : std::uint8_t { error, warning };

/// One thing that `check_env` found.
struct Finding {
  CheckSeverity severity = CheckSeverity::error;  ///< error: the contract is broken
  std::string rule;                               ///< name of the rule, as in the table at `check_env`
  std::string message;                            ///< what was found, where, and what to do
  std::uint64_t env_step = 0;                     ///< step of the episode, 0 at its reset
};

/// What `check_env` found; at most one error and one warning per rule, the first.
struct CheckReport {
  std::vector<Finding> findings;     ///< in the order in which they were found
  std::vector<std::string> skipped;  ///< rules that an earlier finding made impossible to judge, or that do not apply

  /// No errors; warnings are allowed.
  bool ok() const {
    return std::none_of(findings.begin(), findings.end(), [](const Finding& f) { return f.severity == CheckSeverity::error; });
  }
  /// One line per finding.
  std::string text() const {
    std::string out;
    for (const Finding& f : findings) {
      out += std::string(f.severity == CheckSeverity::error ? "error" : "warning") + " [" + f.rule + "] step " +
             std::to_string(f.env_step) + ": " + f.message + '\n';
    }
    return out;
  }
};

/// How thoroughly `check_env` looks.
struct CheckOptions {
  std::uint64_t seed = 0;                    ///< seeds of the episodes and of the random actions follow from it
  std::size_t num_steps = 1000;              ///< steps of random valid actions, >= 1
  std::size_t num_episodes = 3;              ///< episodes of the comparisons, >= 1, each of at most `num_steps` steps
  std::size_t max_steps = 20'000;            ///< steps within which an episode should end
  bool squashed = false;                     ///< the learner will squash actions into the Box, which must then be finite
  std::uint64_t (*allocations)() = nullptr;  ///< heap allocations so far, if the program counts them; enables `allocation`
};

namespace detail {

/// What a factory makes: `E make()` or `E make(std::size_t env)`.
template <class Make>
struct MakeResult : std::invoke_result<Make&> {};
template <class Make>
requires std::is_invocable_v<Make&, std::size_t>
struct MakeResult<Make> : std::invoke_result<Make&, std::size_t> {
};
template <class Make>
using MadeBy = std::remove_cvref_t<typename MakeResult<Make>::type>;

template <Environment E, class Make>
class EnvironmentChecker {
  using Runner = CheckRunner<E>;
  using Scalar = typename E::ActionScalar;

 public:
  EnvironmentChecker(Make& make, const CheckOptions& options) : make_(make), options_(options) {}

  CheckReport run() {
    if (!check_spaces()) {
      report_.skipped = {"every rule but spaces"};
      return std::move(report_);
    }
    const bool same_reset = check_reset_deterministic();
    const bool deterministic = same_reset && check_step_deterministic();
    const bool rows = check_rows(deterministic);
    if (rows) {
      check_numbers();
    } else {
      skip({"finite", "inside"});
    }
    check_masks();
    check_valid_actions();
    check_invalid_actions();
    check_range();
    check_order();
    check_ends();
    check_metrics();
    if (!same_reset) skip({"step_deterministic"});
    if (deterministic) {
      check_independent();
      check_state();
      check_no_lookahead();
    } else {
      skip({"independent", "state", "no_lookahead"});
    }
    check_allocation();
    return std::move(report_);
  }

 private:
  E make() const {
    if constexpr (std::is_invocable_v<Make&, std::size_t>) {
      return make_(std::size_t{0});
    } else {
      return make_();
    }
  }

  void add(CheckSeverity severity, const char* rule, std::uint64_t step, std::string message) {
    const bool known = std::any_of(report_.findings.begin(), report_.findings.end(),
                                   [&](const Finding& f) { return f.rule == rule && f.severity == severity; });
    if (!known) report_.findings.push_back({severity, rule, std::move(message), step});
  }
  bool has_error(std::string_view rule) const {
    return std::any_of(report_.findings.begin(), report_.findings.end(),
                       [&](const Finding& f) { return f.rule == rule && f.severity == CheckSeverity::error; });
  }
  void error(const char* rule, std::uint64_t step, std::string message) {
    add(CheckSeverity::error, rule, step, std::move(message));
  }
  void warn(const char* rule, std::uint64_t step, std::string message) {
    add(CheckSeverity::warning, rule, step, std::move(message));
  }
  void skip(std::initializer_list<const char*> rules) {
    report_.skipped.insert(report_.skipped.end(), rules.begin(), rules.end());
  }

  RunnerConfig config(std::uint64_t seed_offset = 0) const {
    return {options_.seed + seed_offset, std::max<std::size_t>(options_.num_episodes, 1),
            std::max<std::size_t>(options_.num_steps, 1), 0U};
  }
  RunnerConfig one_episode(std::size_t max_steps) const {
    RunnerConfig result = config();
    result.num_episodes = 1;
    result.max_steps = max_steps;
    return result;
  }

  bool check_spaces() {
    const E env = make();
    const auto fault = [&](const std::string& message) {
      error("spaces", 0, message + "; both spaces need at least one element, low <= high, and no nan");
      return false;
    };
    if (const std::string f = fault_of(env.observation_space()); !f.empty()) return fault("observation_space(): " + f);
    if (const std::string f = fault_of(env.action_space()); !f.empty()) return fault("action_space(): " + f);
    if constexpr (std::same_as<std::remove_cvref_t<decltype(env.action_space())>, Box>) {
      const std::span<const float> low(env.action_space().low), high(env.action_space().high);
      if (options_.squashed && (first_non_finite(low) != low.size() || first_non_finite(high) != high.size())) {
        return fault("action_space(): a bound is infinite, but actions are to be squashed into the Box; give finite bounds");
      }
    }
    const auto wrong_names = [&](const char* member, std::size_t names, const std::string& what) {
      error("spaces", 0,
            std::string(member) + "() has " + std::to_string(names) + " names for " + what + "; give each one name");
      return false;
    };
    if constexpr (requires { env.observation_names().size(); }) {
      if (const std::size_t names = env.observation_names().size(); names != env.observation_space().size()) {
        return wrong_names("observation_names", names, "an observation of " + describe(env.observation_space()));
      }
    }
    if constexpr (requires { env.action_names().size() == static_cast<std::size_t>(env.action_space().n); }) {
      if (const std::size_t names = env.action_names().size(); names != static_cast<std::size_t>(env.action_space().n)) {
        return wrong_names("action_names", names, describe(env.action_space()));
      }
    }
    return true;
  }

  bool check_reset_deterministic() {
    E one = make(), two = make();
    GuardedRow<float> a(one.observation_space().size()), b(one.observation_space().size());
    const std::uint64_t seed = config().seed;
    try {
      a.fill(0.0F);
      b.fill(0.0F);
      choose_source(one, 0);
      one.reset(seed, a.row());
      choose_source(two, 0);
      two.reset(seed, b.row());
      if (const auto i = first_difference<float>(a.row(), b.row()); i != a.row().size()) {
        error("reset_deterministic", 0, difference(one, "two instances", i, a.row()[i], b.row()[i]));
        return false;
      }
      Runner runner(one, one_episode(20));
      while (runner.advance()) {
      }
      b.fill(0.0F);
      choose_source(one, 0);
      one.reset(seed, b.row());
      if (const auto i = first_difference<float>(a.row(), b.row()); i != a.row().size()) {
        error("reset_deterministic", 0, difference(one, "a fresh instance and a used one", i, a.row()[i], b.row()[i]));
        return false;
      }
      bool varies = false;
      for (std::uint64_t s = 1; s < 8 && !varies; ++s) {
        b.fill(0.0F);
        choose_source(two, 0);
        two.reset(seed + s, b.row());
        varies = first_difference<float>(a.row(), b.row()) != a.row().size();
      }
      if (!varies) {
        warn("reset_deterministic", 0,
             "eight seeds give one and the same first observation; if episodes should differ, "
             "derive them from the seed that reset receives");
      }
    } catch (...) {
      error("valid_actions", 0, "reset threw: " + current_exception_text() + "; every seed must start an episode");
      return false;
    }
    return true;
  }
  static std::string difference(const E& env, const char* who, std::size_t element, float a, float b) {
    return "reset with the same seed gives " + observation_label(env, element) + " = " + std::to_string(a) + " and " +
           std::to_string(b) + " in " + who + "; reset must set every variable of the episode and draw only from its seed";
  }

  bool check_step_deterministic() {
    E one = make(), two = make();
    const Trace<E> a = run_to_end(one, config()), b = run_to_end(two, config());
    if (const auto d = compare(one, a, b)) {
      const std::string tail =
          " in two runs with the same seeds and actions; draw random numbers only from the seed of the "
          "episode, and reset every variable";
      error(d->in_mask ? "masks" : "step_deterministic", d->step, d->text + tail);
      return false;
    }
    return true;
  }

  /// Two runs whose rows start with different contents.
  bool check_rows(bool deterministic) {
    E one = make(), two = make();
    RunnerConfig first = config(), second = config();
    first.prefill = payloads[0];
    second.prefill = payloads[1];
    Runner a(one, first), b(two, second);
    while (a.advance() && b.advance()) {
    }
    if (a.broken_guard() || b.broken_guard()) {
      error("rows", a.broken_guard().value_or(0),
            "wrote outside its observation row of " + std::to_string(one.observation_space().size()) +
                " floats; write row[0] to row[" + std::to_string(one.observation_space().size() - 1) + "] only");
      return false;
    }
    if (a.changed_action() || b.changed_action()) {
      error("rows", a.changed_action().value_or(0),
            "step changed its action row or what lies beside it; the row belongs to the learner, copy it first");
      return false;
    }
    for (std::size_t r = 0; r < std::min(a.trace().size(), b.trace().size()); ++r) {
      const auto &x = a.trace()[r].observation, &y = b.trace()[r].observation;
      for (std::size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
        const auto u = std::bit_cast<std::uint32_t>(x[i]), v = std::bit_cast<std::uint32_t>(y[i]);
        const bool unwritten = u == payloads[0] && v == payloads[1];
        if (!unwritten && (u == v || !deterministic || !(u == quiet(payloads[0]) || v == quiet(payloads[1])))) continue;
        error("rows", a.trace()[r].step,
              std::string(a.trace()[r].step == 0 ? "reset " : "step ") +
                  (unwritten ? "did not write " : "used what stood before in ") + observation_label(one, i) +
                  "; assign every float of the row at every reset and step, its former content is not the last observation");
        return false;
      }
    }
    return true;
  }

  void check_numbers() {
    E env = make();
    Runner runner(env, config());
    bool finite = true, inside = true;
    const Box& space = env.observation_space();
    for (bool more = true; more;) {
      more = runner.advance();
      const auto& record = runner.trace().back();
      if (!record.error.empty()) return;
      for (std::size_t i = 0; i < record.observation.size(); ++i) {
        const float x = record.observation[i];
        if (!is_finite(x)) {
          if (finite) {
            error("finite", record.step,
                  observation_label(env, i) + " is " + non_finite_text(x) +
                      "; guard divisions and logarithms, and replace what is unknown by a number and a flag");
          }
          finite = false;
        } else if (inside && (x < space.low[i] || x > space.high[i])) {
          error("inside", record.step,
                observation_label(env, i) + " = " + std::to_string(x) + " lies outside [" + std::to_string(space.low[i]) +
                    ", " + std::to_string(space.high[i]) +
                    "] of observation_space(); clip it or widen the space (bounds are compared exactly)");
          inside = false;
        }
      }
      if (finite && !is_finite(record.reward)) {
        error("finite", record.step,
              std::string("the reward is ") + non_finite_text(record.reward) + "; every step must return a finite reward");
        finite = false;
      }
    }
  }

  void check_masks() {
    if constexpr (!Runner::masked) {
      skip({"masks", "invalid_actions"});
    } else {
      E env = make();
      const std::vector<std::size_t> components = component_sizes(env.action_space());
      Runner runner(env, config());
      for (bool more = true; more;) {
        more = runner.advance();
        const auto& record = runner.trace().back();
        if (!record.error.empty()) return;
        if (record.terminated || record.truncated) continue;  // no action follows, so nothing is asked of the mask
        const std::string advice = "; action_masks must write " + std::to_string(record.mask.size()) + " bytes, one per choice";
        if (const auto fault = runner.mask_fault()) return error("masks", record.step, *fault + advice);
        if (const auto c = component_without_choice(record.mask, components)) {
          return error("masks", record.step,
                       "no action of component " + std::to_string(*c) + " (" + std::to_string(components[*c]) +
                           " choices) is valid; leave at least one, for example an action that "
                           "does nothing");
        }
      }
    }
  }

  void check_valid_actions() {
    E env = make();
    RunnerConfig settings = config();
    settings.num_episodes = options_.num_steps;  // as many episodes as it takes
    settings.total_steps = std::max<std::size_t>(options_.num_steps, 1);
    Runner runner(env, settings);
    while (runner.advance()) {
    }
    const auto& last = runner.trace().back();
    if (!last.error.empty() && !runner.no_choice() && !runner.mask_fault()) {
      error("valid_actions", last.step,
            "a valid action or a reset threw: " + last.error +
                "; every action inside the space that the mask allows must be accepted");
    }
  }

  void check_invalid_actions() {
    if constexpr (Runner::masked) {
      if (has_error("masks")) return skip({"invalid_actions"});  // which action is invalid is not known
      E env = make();
      Runner runner(env, config());
      for (bool more = true; more;) {
        more = runner.advance();
        const auto& record = runner.trace().back();
        if (!record.error.empty()) return skip({"invalid_actions"});
        if (record.terminated || record.truncated || runner.no_choice()) continue;
        std::vector<Scalar> action = runner.next_action();
        if (!make_invalid(env.action_space(), record.mask, std::span<Scalar>(action))) continue;
        const auto fault = [&](const std::string& what) {
          error("invalid_actions", record.step + 1,
                "an action that the mask forbids " + what +
                    (flag_accepts_invalid_actions<E>
                         ? "; accepts_invalid_actions promises an ordinary, finite transition"
                         : "; throw rlx::InvalidActionError, or state `static constexpr bool accepts_invalid_actions = true` "
                           "and give an ordinary, finite transition"));
        };
        try {
          const bool finite = step_guarded(env, action);
          if (!flag_accepts_invalid_actions<E>) {
            fault("was accepted");
          } else if (!finite) {
            fault("gives a reward or an observation that is not finite");
          }
        } catch (const EnvironmentError& e) {
          if (flag_accepts_invalid_actions<E>) fault(std::string("threw: ") + e.what());
        } catch (...) {
          fault("threw something other than an rlx::EnvironmentError: " + current_exception_text());
        }
        return;
      }
      skip({"invalid_actions"});  // the mask forbade nothing
    }
  }

  void check_range() {
    const std::vector<BadAction<Scalar>> bad = [&] {
      E env = make();
      return bad_actions(env.action_space());
    }();
    for (const BadAction<Scalar>& action : bad) {
      E env = make();
      Runner runner(env, one_episode(1));
      runner.advance();
      if (!runner.trace().back().error.empty() || runner.no_choice()) return;
      std::vector<Scalar> row = runner.next_action();
      row[action.component] = action.value;
      if (throws_library_error(env, row)) continue;
      return error("range", 1,
                   "action[" + std::to_string(action.component) + "] = " + action.text + " of " + describe(env.action_space()) +
                       " was accepted or threw something other than an rlx::Error; check the range and throw "
                       "rlx::InvalidActionError");
    }
  }

  void check_order() {
    const std::string advice = "; throw rlx::StateError there, an episode begins with reset only";
    {
      E env = make();
      choose_source(env, 0);
      Runner runner(env, one_episode(1));
      if (!throws_library_error(env, runner.first_valid_action())) {
        return error("order", 0, "step before the first reset was accepted" + advice);
      }
    }
    E env = make();
    Runner runner(env, one_episode(options_.max_steps));
    while (runner.advance()) {
    }
    const auto& last = runner.trace().back();
    if (!last.error.empty() || !(last.terminated || last.truncated)) return;  // no end to test
    if (!throws_library_error(env, runner.last_action())) {
      error("order", last.step + 1, "step after the end of the episode was accepted" + advice);
    }
  }
  bool throws_library_error(E& env, const std::vector<Scalar>& action) const {
    try {
      step_guarded(env, action);
    } catch (const Error&) {
      return true;
    } catch (...) {
    }
    return false;
  }

  /// A step between guard zones; whether the reward and the observation are finite.
  static bool step_guarded(E& env, const std::vector<Scalar>& action) {
    GuardedRow<float> row(env.observation_space().size());
    GuardedRow<Scalar> action_row(action.size());
    std::copy(action.begin(), action.end(), action_row.row().begin());
    const Transition t = env.step(action_row.row(), row.row());
    return is_finite(t.reward) && first_non_finite(std::span<const float>(row.row())) == row.row().size();
  }

  void check_ends() {
    E env = make();
    Runner runner(env, one_episode(options_.max_steps));
    while (runner.advance()) {
    }
    const auto& last = runner.trace().back();
    if (!last.error.empty()) return;
    if (!last.terminated && !last.truncated) {
      warn("ends", last.step,
           "no episode end within " + std::to_string(last.step) +
               " steps of random actions; wrap it in TimeLimit, or no episode statistics will ever appear");
    } else if (last.step == 1 && last.truncated) {
      warn("ends", 1, "the episode is truncated at its first step; is the time limit or the data range right?");
    }
  }

  void check_metrics() {
    if constexpr (!ReportsMetrics<E>) {
      skip({"metrics"});
    } else {
      const std::size_t count = E::metric_names().size();
      if (count > max_episode_metrics) {
        return error("metrics", 0,
                     std::to_string(count) + " metrics; an EpisodeStatistics holds " + std::to_string(max_episode_metrics));
      }
      E env = make();
      Runner runner(env, config());
      while (runner.advance()) {
      }
      if (const auto fault = runner.metric_fault()) {
        return error("metrics", runner.trace().back().step,
                     *fault + "; metrics(values) must write exactly " + std::to_string(count) +
                         " numbers, one per entry of metric_names()");
      }
      if constexpr (!flag_metrics_may_be_nan<E>) {
        for (const auto& record : runner.trace()) {
          for (std::size_t i = 0; i < record.metrics.size(); ++i) {
            if (is_finite(record.metrics[i])) continue;
            return error("metrics", record.step,
                         "metric " + std::string(std::string_view(E::metric_names()[i])) + " is " +
                             non_finite_text(record.metrics[i]) +
                             "; report a number, or state `static constexpr bool metrics_may_be_nan = true`");
          }
        }
      }
    }
  }

  void check_independent() {
    E alone_a = make(), alone_b = make(), env_a = make(), env_b = make();
    const Trace<E> a = run_to_end(alone_a, config()), b = run_to_end(alone_b, config(1000));
    Runner first(env_a, config()), second(env_b, config(1000));
    for (bool more = true; more;) {
      const bool more_first = first.advance();
      more = second.advance() || more_first;
    }
    auto d = compare(env_a, a, first.trace());
    if (!d) d = compare(env_b, b, second.trace());
    const char* how = "when two instances are stepped in turns";
    if (!d) {
      E env_c = make();
      Runner third(env_c, config());
      third.advance();
      std::thread([&third] {
        while (third.advance()) {
        }
      }).join();
      d = compare(env_c, a, third.trace());
      how = "when the instance is stepped on another thread";
    }
    if (d) {
      error("independent", d->step,
            d->text + ' ' + how +
                "; instances must share no state that changes: no static, global or "
                "thread-local variables, no common generator");
    }
  }

  void check_state() {
    if constexpr (!SerializableEnvironment<E>) {
      skip({"state"});
    } else {
      E reference_env = make();
      const RunnerConfig settings = one_episode(std::max<std::size_t>(options_.num_steps, 1));
      const Trace<E> reference = run_to_end(reference_env, settings);
      const std::size_t middle = (reference.size() - 1) / 2;  // record 0 is the reset; at least one step follows
      if (reference.size() < 2) return;

      E original = make();
      Runner runner(original, settings);
      for (std::size_t i = 0; i <= middle; ++i) runner.advance();
      std::vector<std::byte> bytes;
      try {
        original.save_state(bytes);
      } catch (...) {
        return error("state", middle, "save_state threw in the middle of an episode: " + current_exception_text());
      }
      while (runner.advance()) {
      }
      if (const auto d = compare(original, reference, runner.trace())) {
        return error("state", d->step, d->text + " after save_state and without it; saving must not change the environment");
      }

      E other = make();
      RunnerConfig elsewhere = one_episode(3);
      elsewhere.seed += 77;
      run_to_end(other, elsewhere);
      const std::string advice = "; save_state and load_state must carry every variable that changes during an episode";
      try {
        other.load_state(bytes);
      } catch (...) {
        return error("state", middle, "load_state threw on what save_state wrote: " + current_exception_text());
      }
      Runner resumed(other, settings);
      resumed.continue_from(middle);
      while (resumed.advance()) {
      }
      const Trace<E> rest(reference.begin() + static_cast<std::ptrdiff_t>(middle) + 1, reference.end());
      if (const auto d = compare(other, rest, resumed.trace())) {
        error("state", d->step, d->text + " in the original and in the restored environment" + advice);
      }
    }
  }

  /// Corrupts the future at some steps and replays the past on the corrupted data: nothing up to that step may differ.
  void check_no_lookahead() {
    if constexpr (!HasFuture<E>) {
      skip({"no_lookahead"});
    } else {
      E reference_env = make();
      const RunnerConfig settings = one_episode(std::max<std::size_t>(options_.num_steps, 1));
      const Trace<E> reference = run_to_end(reference_env, settings);
      if (reference.size() < 2) return;
      bool any_effect = false;
      for (const std::size_t quarter : {1U, 2U, 3U}) {
        const std::size_t now = (reference.size() - 1) * quarter / 4;
        E env = make();
        Runner runner(env, settings);
        for (std::size_t i = 0; i <= now; ++i) runner.advance();
        env.corrupt_future(settings.seed + quarter);
        const std::string tail = " differs after the data that is unknown at step " + std::to_string(now) +
                                 " was changed; read only what is known at the current step";
        if constexpr (Runner::masked) {
          if (runner.read_mask() != reference[now].mask) return error("no_lookahead", now, "the current mask" + tail);
        }
        Runner replay(env, settings);
        while (replay.advance()) {
        }
        const auto d = compare(env, reference, replay.trace());
        if (d && d->step <= now) return error("no_lookahead", d->step, d->text + "; the past" + tail);
        any_effect = any_effect || d.has_value();
      }
      if (!any_effect) {
        warn("no_lookahead", 0,
             "corrupt_future changed nothing that an episode shows, so looking ahead could not be tested; "
             "it must overwrite the data after the current step, and reset with the same seed must use them");
      }
    }
  }

  void check_allocation() {
    if (options_.allocations == nullptr) return skip({"allocation"});
    E env = make();
    RunnerConfig settings = config();
    settings.allocations = options_.allocations;
    Runner runner(env, settings);
    while (runner.advance()) {
    }
    if (const auto step = runner.allocated()) {
      warn("allocation", *step,
           std::string(*step == 0 ? "reset" : "step or action_masks") +
               " allocates memory; reserve in the constructor, allocation in every step costs speed on all threads");
    }
  }

  Make& make_;
  CheckOptions options_;
  CheckReport report_;
};

}  // namespace detail

/**
 * @brief Runs an environment against every rule of the contract.
 *
 * | Rule | Error unless (W: warning only) |
 * |---|---|
 * | spaces | sizes > 0, low <= high, no nan; as many names as elements; a squashed action Box is finite |
 * | reset_deterministic | one seed, one first observation, also after use. W: eight seeds give one observation |
 * | step_deterministic | same seeds and actions, same observations, rewards, flags and metrics |
 * | independent | instances stepped in turns or on another thread equal separate runs |
 * | rows | every float of the row is written, nothing beside it, the action row unchanged |
 * | finite, inside | observations and rewards finite; observations within their Box |
 * | masks | right length, a valid choice per component, the same when read twice and in a second run |
 * | valid_actions | valid actions are accepted |
 * | invalid_actions | they throw `EnvironmentError` or, if `E::accepts_invalid_actions`, give an ordinary, finite transition |
 * | range, order | actions outside the space throw; a step before reset and after an end throws |
 * | ends | W: an episode ends within `max_steps`, and not at its first step by truncation |
 * | state | a restored environment has the same future, and saving changes nothing |
 * | metrics | as many as names, finite unless `metrics_may_be_nan` |
 * | no_lookahead | data unknown at a step do not change anything up to that step |
 * | allocation | W: reset and step allocate (needs `CheckOptions::allocations`) |
 *
 * Actions are drawn uniformly from the valid ones. A rule whose verdict would only repeat an earlier fault is skipped.
 *
 * @param make  `E make()` or `E make(std::size_t env)`; is called often and must give equal environments.
 * @param options  how thoroughly, and from which seed
 * @return the findings; an empty list means that the environment keeps the contract as far as these steps show.
 */
template <class Make>
CheckReport check_env(Make&& make, const CheckOptions& options = {}) {
  using E = detail::MadeBy<Make>;
  static_assert(!detail::has_misnamed_masks<E>, "rlx: the environment offers action_mask but not action_masks");
  if constexpr (Environment<E>) {
    return detail::EnvironmentChecker<E, std::remove_reference_t<Make>>(make, options).run();
  } else {
    return detail::EnvironmentMembers<E>(), CheckReport();  // does not compile, and says what is missing
  }
}

/// `check_env`, but throws on the first error.
/// @throws EnvironmentError  with the rule and the message.
template <class Make>
void require_valid_env(Make&& make, const CheckOptions& options = {}) {
  const CheckReport report = check_env(make, options);
  for (const Finding& finding : report.findings) {
    if (finding.severity == CheckSeverity::error) {
      throw EnvironmentError("check_env [" + finding.rule + "] step " + std::to_string(finding.env_step) + ": " +
                             finding.message);
    }
  }
}

}  // namespace rlx::inline v0_1

#endif  // RLX_ENV_CHECK_ENV_HPP
