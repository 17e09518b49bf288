// SPDX-License-Identifier: MIT
#include <rlx/rl/critic.hpp>

#include <vector>

#include "rlx_catch.hpp"

using namespace rlx_test;

namespace {

struct Halved {  // the model of the concept's comment
  std::size_t outputs() const { return 1; }
  float value(rlx::CriticRow out) const { return 2 * out[0]; }
  std::size_t target_width() const { return 1; }
  void prepare(const rlx::RolloutView&, std::span<float> targets) const {
    for (float& t : targets) t /= 2;
  }
  double loss(const rlx::CriticBatch& b, std::span<float> d) const {
    double sum = 0;
    for (std::size_t i = 0; i < d.size(); ++i) {
      const float e = b.outputs(i, 0) - b.targets(i, 0);
      sum += double(e) * double(e);
      d[i] += 2 * e / float(b.batch_rows);
    }
    return sum / double(b.batch_rows);
  }
};
struct NoTargets {  // a near miss: prepare is missing
  std::size_t outputs() const { return 1; }
  float value(rlx::CriticRow out) const { return out[0]; }
  std::size_t target_width() const { return 1; }
  double loss(const rlx::CriticBatch&, std::span<float>) const { return 0; }
};
static_assert(rlx::Critic<Halved>);
static_assert(!rlx::Critic<NoTargets>);

}  // namespace

TEST_CASE("The scalar critic's share of the mean loss", "[rl][critic]") {
  const std::vector<float> outputs{2.0F, 0.0F}, old{1.0F, 0.0F}, targets{3.0F, 1.0F};
  std::vector<float> d(2, 0.5F);  // added to
  const rlx::ScalarCritic critic;
  rlx::CriticBatch batch{{outputs.data(), 2, 1}, {old.data(), 2, 1}, {targets.data(), 2, 1}, 4, {}, rlx::ValueClip::sb3};
  REQUIRE_THAT(critic.loss(batch, d), WithinAbs((1.0 + 1.0) / 4, 1e-7));
  REQUIRE(d[0] == 0.5F - 2.0F / 4);
  REQUIRE(d[1] == 0.5F - 2.0F / 4);
  batch.clip_range = 0.5F;
  REQUIRE_THAT(critic.loss(batch, d), WithinAbs((2.25 + 1.0) / 4, 1e-7));
  REQUIRE(critic.value(outputs) == 2.0F);
}
