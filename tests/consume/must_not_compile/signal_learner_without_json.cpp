// SPDX-License-Identifier: MIT
// expect: learners and model files speak nlohmann::json: add #include <rlx/signals/records_json.hpp>
#include <rlx/signals/training_module.hpp>

static_assert(rlx::signals::SignalLearner<rlx::signals::LogisticRegression>);
