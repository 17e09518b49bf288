// SPDX-License-Identifier: MIT
#include <rlx/env/check_env.hpp>

#include "rlx_catch.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "counting_allocator.hpp"

#include <rlx/core/random.hpp>
#include <rlx/core/state.hpp>
#include <rlx/env/classic/acrobot.hpp>
#include <rlx/env/classic/cart_pole.hpp>
#include <rlx/env/classic/mountain_car.hpp>
#include <rlx/env/classic/pendulum.hpp>
#include <rlx/env/record_episode.hpp>
#include <rlx/env/testing.hpp>
#include <rlx/env/time_limit.hpp>

namespace {

enum class Fault {
  none,
  bounds,
  nan_bound,
  no_actions,
  names,
  few_action_names,
  reset_counter,
  reset_leftover,
  reset_constant,
  reset_throws,
  step_counter,
  metric_counter,
  shared_static,
  shared_thread_local,
  unwritten,
  outside,
  before_row,
  action_row,
  beside_action,
  nan_observation,
  infinite_reward,
  beyond_box,
  mask_empty,
  mask_short,
  mask_long,
  mask_throws,
  mask_twice,
  mask_counter,
  rejects_valid,
  accepts_invalid,
  foreign_exception,
  negative_action,
  large_action,
  before_reset,
  after_end,
  endless,
  cut_at_once,
  forgets,
  save_moves,
  save_throws,
  load_throws,
  metric_missing,
  metric_extra,
  metric_nan,
  peeks,
  reward_peeks,
  mask_peeks,
  allocates
};

std::atomic<int> global_counter{0};
int shared_position = 0;
thread_local int thread_position = 0;

/// Holds -2 to 2 units of a price that walks; every rule of check_env applies to it, and `fault` breaks exactly one of them.
class Walk {
 public:
  using ActionScalar = std::int32_t;
  struct Info {};

  explicit Walk(Fault fault) : fault_(fault) {
    if (fault == Fault::bounds) box_.low[1] = 9.0F;
    if (fault == Fault::nan_bound) box_.high[2] = std::numeric_limits<float>::quiet_NaN();
    if (fault == Fault::no_actions) actions_.n = 0;
    rlx::RandomStream random({3, rlx::Purpose::user, 0, 0});
    double price = 0.0;
    for (double& p : prices_) p = price = std::clamp(price + random.uniform(-1.0, 1.0), -20.0, 20.0);
  }

  const rlx::Box& observation_space() const { return box_; }
  const rlx::Discrete& action_space() const { return actions_; }
  const Info& info() const { return info_; }
  std::vector<std::string> observation_names() const {
    if (fault_ == Fault::names) return {"price"};
    return {"price", "position", "time"};
  }
  std::vector<std::string> action_names() const {
    if (fault_ == Fault::few_action_names) return {"hold", "trade"};
    return {"hold", "buy", "sell"};
  }
  static std::array<std::string_view, 2> metric_names() { return {"gain", "trades"}; }
  void metrics(std::span<double> values) const {
    values[0] = fault_ == Fault::metric_nan ? std::numeric_limits<double>::quiet_NaN() : gain_;
    if (fault_ != Fault::metric_missing) values[1] = trades_;
    if (fault_ == Fault::metric_counter) values[1] = ++global_counter;
    if (fault_ == Fault::metric_extra) values.data()[2] = 0.0;
  }

  void reset(std::uint64_t seed, std::span<float> row) {
    if (fault_ == Fault::reset_throws) throw std::out_of_range("Walk: no data");
    start_ = fault_ == Fault::reset_constant ? 0 : static_cast<std::size_t>(seed % 8);
    if (fault_ == Fault::reset_counter) start_ = static_cast<std::size_t>(global_counter++ % 8);
    t_ = start_;
    if (fault_ != Fault::reset_leftover) set_position(0);
    gain_ = trades_ = 0.0;
    running_ = true;
    write(row);
  }

  rlx::Transition step(std::span<const std::int32_t> action, std::span<float> row) {
    const bool late = !running_ && started_;
    if (!running_ && !(fault_ == Fault::before_reset && !late) && !(fault_ == Fault::after_end && late)) {
      throw rlx::StateError("Walk: call reset first");
    }
    std::int32_t a = action[0];
    if (fault_ == Fault::negative_action && a == -1) a = 0;
    if (fault_ == Fault::large_action && a == 3) a = 0;
    if (a < 0 || a > 2) throw rlx::InvalidActionError("Walk: action out of range");
    if (fault_ == Fault::rejects_valid && a == 1 && position() == 1) throw rlx::InvalidActionError("Walk: one unit is enough");
    if ((a == 1 && position() == 2) || (a == 2 && position() == -2)) {
      if (fault_ == Fault::foreign_exception) throw std::runtime_error("Walk: no");
      if (fault_ != Fault::accepts_invalid) throw rlx::InvalidActionError("Walk: position limit");
      a = 0;
    }
    if (fault_ == Fault::mask_peeks && a == 0 && price_at(t_ + 1) > 0.0) throw rlx::InvalidActionError("Walk: forbidden");
    if (fault_ == Fault::action_row) const_cast<std::int32_t*>(action.data())[0] ^= 1;
    if (fault_ == Fault::beside_action) const_cast<std::int32_t*>(action.data())[1] = 1;
    if (fault_ == Fault::allocates) leak_.push_back(std::vector<int>(3));
    if (a != 0) ++trades_;
    set_position(position() + (a == 1 ? 1 : a == 2 ? -1 : 0));
    double reward = position() * (price_at(t_ + 1) - price_at(t_));
    if (fault_ == Fault::reward_peeks) reward += price_at(t_ + 2);
    if (fault_ == Fault::step_counter) reward += ++global_counter;
    gain_ += reward;
    ++t_;
    if (fault_ == Fault::infinite_reward && t_ == 20) reward = std::numeric_limits<double>::infinity();
    write(row);
    const bool cut = fault_ == Fault::cut_at_once || (fault_ != Fault::endless && t_ >= start_ + 40);
    if (cut) running_ = false;
    started_ = true;
    return {reward, false, cut};
  }

  void action_masks(std::span<std::uint8_t> row) const {
    row[0] = fault_ == Fault::mask_empty && t_ == 15 ? 0 : 1;
    row[1] = fault_ != Fault::mask_empty || t_ != 15 ? position() < 2 : 0;
    if (fault_ == Fault::mask_short) return;
    row[2] = fault_ != Fault::mask_empty || t_ != 15 ? position() > -2 : 0;
    if (fault_ == Fault::mask_long) row.data()[3] = 1;
    if (fault_ == Fault::mask_throws && t_ > start_ + 2) throw std::out_of_range("Walk: no mask");
    if (fault_ == Fault::mask_twice && ++reads_ % 2 == 0) row[0] = 0;
    if (fault_ == Fault::mask_counter && ++global_counter % 7 == 0) row[0] = 0;
    if (fault_ == Fault::mask_peeks && price_at(t_ + 1) > 0.0) row[0] = 0;
  }

  void save_state(std::vector<std::byte>& bytes) const {
    rlx::StateWriter writer(bytes);
    writer.write(start_);
    writer.write(t_);
    writer.write(position());
    writer.write(gain_);
    writer.write(trades_);
    writer.write(static_cast<std::uint8_t>(running_));
    if (fault_ == Fault::save_throws) throw std::runtime_error("Walk: cannot");
    if (fault_ == Fault::save_moves) gain_offset_ += 1.0F;
  }
  void load_state(std::span<const std::byte> bytes) {
    if (fault_ == Fault::load_throws) throw rlx::CheckpointError("Walk: no");
    rlx::StateReader reader(bytes);
    start_ = reader.read<std::size_t>();
    t_ = reader.read<std::size_t>();
    const int position = reader.read<int>();
    if (fault_ != Fault::forgets) set_position(position);
    gain_ = reader.read<double>();
    trades_ = reader.read<double>();
    running_ = reader.read<std::uint8_t>() != 0;
  }

  void corrupt_future(std::uint64_t seed) {
    rlx::RandomStream random({seed, rlx::Purpose::user, 0, 0});
    for (std::size_t t = t_ + 1; t < prices_.size(); ++t) prices_[t] = random.uniform(-20.0, 20.0);
  }

 private:
  int position() const {
    if (fault_ == Fault::shared_static) return shared_position;
    if (fault_ == Fault::shared_thread_local) return thread_position;
    return position_;
  }
  void set_position(int value) {
    if (fault_ == Fault::shared_static)
      shared_position = value;
    else if (fault_ == Fault::shared_thread_local)
      thread_position = value;
    else
      position_ = value;
  }
  double price_at(std::size_t t) const { return prices_[t % prices_.size()]; }

  void write(std::span<float> row) const {
    row[0] = static_cast<float>(price_at(fault_ == Fault::peeks ? t_ + 1 : t_)) + gain_offset_;
    row[2] = static_cast<float>((t_ - start_) % 100) / 100.0F;
    if (fault_ == Fault::unwritten && t_ == start_ + 3) return;
    row[1] = static_cast<float>(position());
    if (fault_ == Fault::outside) row.data()[3] = 1.0F;
    if (fault_ == Fault::before_row) row.data()[-64] = 1.0F;
    if (fault_ == Fault::nan_observation && t_ == start_ + 5) row[1] = std::numeric_limits<float>::quiet_NaN();
    if (fault_ == Fault::beyond_box && t_ == start_ + 5) row[1] = 2.0000002F;
  }

  Fault fault_;
  rlx::Box box_{{-30.0F, -2.0F, 0.0F}, {30.0F, 2.0F, 1.0F}};
  rlx::Discrete actions_{3};
  Info info_;
  std::array<double, 2048> prices_{};
  std::size_t start_ = 0, t_ = 0;
  int position_ = 0;
  double gain_ = 0.0, trades_ = 0.0;
  bool running_ = false, started_ = false;
  mutable float gain_offset_ = 0.0F;
  mutable int reads_ = 0;
  std::vector<std::vector<int>> leak_;
};

rlx::CheckOptions counted() {
  rlx::CheckOptions options;
  options.allocations = [] { return rlx_test::allocations(); };
  return options;
}

rlx::CheckReport check(Fault fault) {
  return rlx::check_env([fault] { return Walk(fault); }, counted());
}

/// Exactly one finding, of this rule and severity.
void require_only(Fault fault, const char* rule, rlx::CheckSeverity severity = rlx::CheckSeverity::error) {
  const rlx::CheckReport report = check(fault);
  CAPTURE(static_cast<int>(fault), rule, report.text());
  REQUIRE(report.findings.size() == 1);
  CHECK(report.findings[0].rule == rule);
  CHECK(report.findings[0].severity == severity);
  CHECK(report.ok() == (severity == rlx::CheckSeverity::warning));
}

}  // namespace

TEST_CASE("check_env: a sound environment has no finding and skips no rule", "[env]") {
  const rlx::CheckReport report = check(Fault::none);
  CAPTURE(report.text());
  REQUIRE(report.findings.empty());
  REQUIRE(report.skipped.empty());
}

TEST_CASE("check_env: each faulty environment is caught by exactly its rule", "[env]") {
  SECTION("spaces") {
    require_only(Fault::bounds, "spaces");
    require_only(Fault::nan_bound, "spaces");
    require_only(Fault::no_actions, "spaces");
    require_only(Fault::names, "spaces");
    require_only(Fault::few_action_names, "spaces");
  }
  SECTION("reset_deterministic") {
    require_only(Fault::reset_counter, "reset_deterministic");
    require_only(Fault::reset_leftover, "reset_deterministic");
    require_only(Fault::reset_constant, "reset_deterministic", rlx::CheckSeverity::warning);
  }
  SECTION("step_deterministic") {
    require_only(Fault::step_counter, "step_deterministic");
    require_only(Fault::metric_counter, "step_deterministic");
  }
  SECTION("independent") {
    require_only(Fault::shared_static, "independent");
    require_only(Fault::shared_thread_local, "independent");
  }
  SECTION("rows") {
    require_only(Fault::unwritten, "rows");
    require_only(Fault::outside, "rows");
    require_only(Fault::before_row, "rows");
    require_only(Fault::action_row, "rows");
    require_only(Fault::beside_action, "rows");
  }
  SECTION("finite, inside") {
    require_only(Fault::nan_observation, "finite");
    require_only(Fault::infinite_reward, "finite");
    require_only(Fault::beyond_box, "inside");
  }
  SECTION("masks") {
    require_only(Fault::mask_empty, "masks");
    require_only(Fault::mask_short, "masks");
    require_only(Fault::mask_long, "masks");
    require_only(Fault::mask_throws, "masks");
    require_only(Fault::mask_twice, "masks");
    require_only(Fault::mask_counter, "masks");
  }
  SECTION("actions") {
    require_only(Fault::rejects_valid, "valid_actions");
    require_only(Fault::reset_throws, "valid_actions");
    require_only(Fault::accepts_invalid, "invalid_actions");
    require_only(Fault::foreign_exception, "invalid_actions");
  }
  SECTION("range, order") {
    require_only(Fault::negative_action, "range");
    require_only(Fault::large_action, "range");
    require_only(Fault::before_reset, "order");
    require_only(Fault::after_end, "order");
  }
  SECTION("ends") {
    require_only(Fault::endless, "ends", rlx::CheckSeverity::warning);
    require_only(Fault::cut_at_once, "ends", rlx::CheckSeverity::warning);
  }
  SECTION("state") {
    require_only(Fault::forgets, "state");
    require_only(Fault::save_moves, "state");
    require_only(Fault::save_throws, "state");
    require_only(Fault::load_throws, "state");
  }
  SECTION("metrics") {
    require_only(Fault::metric_missing, "metrics");
    require_only(Fault::metric_extra, "metrics");
    require_only(Fault::metric_nan, "metrics");
  }
  SECTION("no_lookahead") {
    require_only(Fault::peeks, "no_lookahead");
    require_only(Fault::reward_peeks, "no_lookahead");
    require_only(Fault::mask_peeks, "no_lookahead");
  }
  SECTION("allocation") { require_only(Fault::allocates, "allocation", rlx::CheckSeverity::warning); }
}

namespace {

/// Adds to the row instead of assigning it.
struct Adder {
  using ActionScalar = std::int32_t;
  struct Info {};
  rlx::Box box = rlx::Box::uniform(1, 0.0F, 100.0F);
  rlx::Discrete actions{2};
  Info nothing;
  int left = 0;
  const rlx::Box& observation_space() const { return box; }
  const rlx::Discrete& action_space() const { return actions; }
  const Info& info() const { return nothing; }
  void reset(std::uint64_t seed, std::span<float> row) {
    row[0] = static_cast<float>(seed % 7);
    left = 5;
  }
  rlx::Transition step(std::span<const std::int32_t> action, std::span<float> row) {
    if (left == 0) throw rlx::StateError("Adder: call reset");
    if (action[0] < 0 || action[0] > 1) throw rlx::InvalidActionError("Adder: action");
    row[0] += 1.0F;
    return {0.0, --left == 0, false};
  }
};

/// A Box action that is not tested for nan.
struct Trusting {
  using ActionScalar = float;
  struct Info {};
  rlx::Box box = rlx::Box::uniform(1, -1.0F, 1.0F);
  rlx::Box actions{{-1.0F}, {std::numeric_limits<float>::infinity()}};
  Info nothing;
  bool running = false;
  const rlx::Box& observation_space() const { return box; }
  const rlx::Box& action_space() const { return actions; }
  const Info& info() const { return nothing; }
  void reset(std::uint64_t seed, std::span<float> row) {
    row[0] = static_cast<float>(seed % 2);
    running = true;
  }
  rlx::Transition step(std::span<const float>, std::span<float> row) {
    if (!running) throw rlx::StateError("Trusting: call reset");
    row[0] = 0.0F;
    running = false;
    return {0.0, true, false};
  }
};

}  // namespace

TEST_CASE("check_env: a row that is added to, a nan action, an infinite Box that is to be squashed", "[env]") {
  const rlx::CheckReport adder = rlx::check_env([] { return Adder(); });
  CAPTURE(adder.text());
  REQUIRE(adder.findings.size() == 1);
  REQUIRE(adder.findings[0].rule == "rows");

  const rlx::CheckReport trusting = rlx::check_env([] { return Trusting(); });
  CAPTURE(trusting.text());
  REQUIRE(trusting.findings.size() == 1);
  REQUIRE(trusting.findings[0].rule == "range");

  rlx::CheckOptions squashed;
  squashed.squashed = true;
  const rlx::CheckReport infinite = rlx::check_env([] { return Trusting(); }, squashed);
  REQUIRE(infinite.findings.size() == 1);
  REQUIRE(infinite.findings[0].rule == "spaces");
}

namespace {

enum class SpaceFault { none, second_component, ignores_mask, refuses_promised, promised_nan, negative_weight, throws_number };

/// Two components, or weights, with masks: +1 for the first valid choice of each. `fault` breaks one rule.
template <class Space>
struct Chooser {
  using ActionScalar = rlx::ActionScalarOf<Space>;
  struct Info {};
  Space actions;
  SpaceFault fault = SpaceFault::none;
  rlx::Box box = rlx::Box::uniform(1, 0.0F, 10.0F);
  Info nothing;
  std::uint64_t start = 0;
  int left = 0;

  const rlx::Box& observation_space() const { return box; }
  const Space& action_space() const { return actions; }
  const Info& info() const { return nothing; }
  void write(std::span<float> row) const { row[0] = static_cast<float>(start % 4) + static_cast<float>(left); }
  void reset(std::uint64_t seed, std::span<float> row) {
    start = seed;
    left = 5;
    write(row);
  }
  void action_masks(std::span<std::uint8_t> row) const {
    std::fill(row.begin(), row.end(), std::uint8_t{1});
    row[static_cast<std::size_t>(left) % row.size()] = 0;
  }
  bool forbidden(std::span<const ActionScalar> action) const {
    std::vector<std::uint8_t> mask(rlx::mask_width(actions));
    action_masks(mask);
    if constexpr (std::is_same_v<Space, rlx::Simplex>) {
      for (std::size_t i = 0; i < action.size(); ++i) {
        if (mask[i] == 0 && action[i] > 0.0F) return true;
      }
    } else {
      std::size_t offset = 0;
      for (std::size_t c = 0; c < action.size(); ++c) {
        if (mask[offset + static_cast<std::size_t>(action[c])] == 0) return true;
        offset += static_cast<std::size_t>(actions.nvec[c]);
      }
    }
    return false;
  }
  void check_range(std::span<const ActionScalar> action) const {
    for (std::size_t i = 0; i < action.size(); ++i) {
      if constexpr (std::is_same_v<Space, rlx::Simplex>) {
        const bool bad = fault == SpaceFault::negative_weight ? std::isnan(action[i]) : !(action[i] >= 0.0F);
        if (bad) throw rlx::InvalidActionError("Chooser: weight");
      } else {
        if (fault == SpaceFault::second_component && i == 1 && action[i] == actions.nvec[1]) continue;
        if (action[i] < 0 || action[i] >= actions.nvec[i]) throw rlx::InvalidActionError("Chooser: component");
      }
    }
  }
  rlx::Transition step(std::span<const ActionScalar> action, std::span<float> row) {
    if (left == 0) throw rlx::StateError("Chooser: call reset");
    check_range(action);
    double reward = 1.0;
    if (fault != SpaceFault::second_component && fault != SpaceFault::negative_weight && forbidden(action)) {
      if (fault == SpaceFault::throws_number) throw 7;
      if (fault == SpaceFault::promised_nan) reward = std::numeric_limits<double>::quiet_NaN();
      if (fault == SpaceFault::none || fault == SpaceFault::refuses_promised) throw rlx::InvalidActionError("Chooser: masked");
    }
    --left;
    write(row);
    return {reward, left == 0, false};
  }
};

/// The same, but with the promise that forbidden actions are accepted.
template <class Space>
struct Accepting : Chooser<Space> {
  static constexpr bool accepts_invalid_actions = true;
};

template <template <class> class E, class Space>
rlx::CheckReport check_chooser(const Space& space, SpaceFault fault) {
  return rlx::check_env([&] {
    E<Space> env;
    env.actions = space;
    env.fault = fault;
    return env;
  });
}

template <template <class> class E, class Space>
void require_rule(const Space& space, SpaceFault fault, const char* rule) {
  const rlx::CheckReport report = check_chooser<E>(space, fault);
  CAPTURE(static_cast<int>(fault), rule, report.text());
  REQUIRE(report.findings.size() == 1);
  REQUIRE(report.findings[0].rule == rule);
}

}  // namespace

TEST_CASE("check_env: MultiDiscrete and Simplex actions, masks that are ignored, promises that are not kept", "[env]") {
  const rlx::MultiDiscrete pair{{3, 2}};
  const rlx::Simplex weights{4};
  REQUIRE(check_chooser<Chooser>(pair, SpaceFault::none).findings.empty());
  REQUIRE(check_chooser<Chooser>(weights, SpaceFault::none).findings.empty());
  require_rule<Chooser>(pair, SpaceFault::ignores_mask, "invalid_actions");
  require_rule<Chooser>(weights, SpaceFault::ignores_mask, "invalid_actions");
  require_rule<Chooser>(pair, SpaceFault::throws_number, "invalid_actions");
  require_rule<Accepting>(pair, SpaceFault::refuses_promised, "invalid_actions");
  require_rule<Accepting>(weights, SpaceFault::promised_nan, "invalid_actions");
  require_rule<Accepting>(pair, SpaceFault::second_component, "range");
  require_rule<Accepting>(weights, SpaceFault::negative_weight, "range");
}

TEST_CASE("check_env: every environment of the library passes, bare and in every wrapper", "[env]") {
  const auto check_one = [](auto make) {
    const rlx::CheckReport report = rlx::check_env(make, counted());
    CAPTURE(report.text());
    CHECK(report.ok());
    for (const auto& finding : report.findings) {
      CHECK((finding.rule == "reset_deterministic" || finding.rule == "ends"));  // RingEnv, CountEnv: one start, no end
    }
  };
  const auto passes = [&](auto make) {
    check_one(make);
    check_one([&] { return rlx::TimeLimit(rlx::RecordEpisode(make(), 30), 17); });
  };
  check_one([] { return rlx::TimeLimit(rlx::InvalidActionEnv(36, 26), 17); });
  check_one([] { return rlx::RecordEpisode(rlx::InvalidActionEnv(36, 26), 30); });
  check_one([] { return rlx::RecordEpisode(rlx::TimeLimit(Walk(Fault::none), 17), 5); });
  passes([] { return rlx::CartPole(); });
  passes([] { return rlx::Acrobot(); });
  passes([] { return rlx::MountainCar(); });
  passes([] { return rlx::Pendulum(); });
  passes([] { return rlx::IdentityEnv(4); });
  passes([] { return rlx::IdentityMultiDiscreteEnv({4, 4}); });
  passes([] { return rlx::IdentityBoxEnv(0.5); });
  passes([] { return rlx::InvalidActionEnv(36, 26); });
  passes([] { return rlx::SimplexBanditEnv(8, 3); });
  passes([] { return rlx::RingEnv(4); });
  passes([] { return rlx::CountEnv(40); });
  passes([] { return rlx::CartPoleWithoutVelocities(); });
  passes([] { return Walk(Fault::none); });
}

TEST_CASE("check_env: wrappers hide no fault", "[env]") {
  for (const auto& [fault, rule] : {std::pair{Fault::unwritten, "rows"},
                                    {Fault::mask_empty, "masks"},
                                    {Fault::peeks, "no_lookahead"},
                                    {Fault::forgets, "state"},
                                    {Fault::metric_nan, "metrics"}}) {
    const Fault broken = fault;
    const rlx::CheckReport report = rlx::check_env([&] { return rlx::TimeLimit(rlx::RecordEpisode(Walk(broken), 100), 30); });
    CAPTURE(report.text());
    REQUIRE(report.findings.size() == 1);
    REQUIRE(report.findings[0].rule == rule);
  }
}

TEST_CASE("check_env: messages name the element and say what to do, require_valid_env throws the first error", "[env]") {
  const rlx::CheckReport report = check(Fault::nan_observation);
  REQUIRE(report.findings.size() == 1);
  CHECK(report.findings[0].env_step == 5);
  REQUIRE_THAT(report.findings[0].message, rlx_test::ContainsSubstring("observation[1] (position) is nan"));
  REQUIRE_THAT(report.text(), rlx_test::ContainsSubstring("error [finite] step 5: "));
  try {
    rlx::require_valid_env([](std::size_t) { return Walk(Fault::unwritten); });
    FAIL("no error");
  } catch (const rlx::EnvironmentError& e) {
    REQUIRE_THAT(e.what(), rlx_test::ContainsSubstring("[rows] step 3: step did not write observation[1] (position)"));
  }
  REQUIRE_NOTHROW(rlx::require_valid_env([] { return rlx::CartPole(); }));
}
