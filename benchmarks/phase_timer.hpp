// SPDX-License-Identifier: MIT
/// @file
/// @brief Collections and updates of a learner apart.
#ifndef RLX_BENCHMARKS_PHASE_TIMER_HPP
#define RLX_BENCHMARKS_PHASE_TIMER_HPP

#include <vector>

#include <rlx/rl/learner.hpp>

#include "common.hpp"

namespace bench {

/// Processor seconds of every collection (advantages included) and every update.
class PhaseTimer : public rlx::Callback {
 public:
  std::vector<double> collections, updates;
  void on_rollout_start(rlx::Learner&) override { last_ = cpu_seconds(); }
  bool on_rollout_end(rlx::Learner&) override { return lap(collections); }
  bool on_update_end(rlx::Learner&) override { return lap(updates); }

 private:
  bool lap(std::vector<double>& samples) {
    const double now = cpu_seconds();
    samples.push_back(now - last_);
    last_ = now;
    return true;
  }
  double last_ = 0.0;
};

}  // namespace bench

#endif  // RLX_BENCHMARKS_PHASE_TIMER_HPP
