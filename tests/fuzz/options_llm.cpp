// SPDX-License-Identifier: MIT
// Any bytes as a language model's reply, and as its content: an action on a known symbol within the size, or a reason.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <rlx/options/llm_policy.hpp>

using namespace rlx::options;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

const AgentState& sample() {
  static const AgentState state = [] {
    AgentState made;
    made.now_ms = 1'767'115'875'944;
    made.underlyings.resize(1);
    made.underlyings[0].underlying = "BTC";
    made.underlyings[0].index = 90'000;
    made.underlyings[0].candidates.resize(1);
    made.underlyings[0].candidates[0].symbol = "BTC-16JAN26-96000-C";
    made.underlyings[0].positions.resize(1);
    made.underlyings[0].positions[0].symbol = "BTC-9JAN26-95000-C";
    made.underlyings[0].positions[0].size = rlx::market::Fixed8::parse("-0.1");
    return made;
  }();
  return state;
}

void require_tame(std::string_view text, std::size_t longest) {
  require(text.size() <= longest);
  for (const char c : text) require(c < 0 || c >= ' ');
}

void check(const LlmProposal& proposal) {
  if (!proposal.action) {
    require(!proposal.failure.empty());
    require_tame(proposal.failure, 400);
    return;
  }
  const Action& action = *proposal.action;
  require_tame(action.reasoning, 1'003);
  if (action.type == ActionType::do_nothing) return;
  require(action.size.sign() > 0 && action.size <= rlx::market::Fixed8::parse("0.1"));
  require(action.symbol == (action.type == ActionType::open_covered_call ? "BTC-16JAN26-96000-C" : "BTC-9JAN26-95000-C"));
  require((action.type == ActionType::roll_covered_call) == (action.roll_to == "BTC-16JAN26-96000-C"));
  require(action.type != ActionType::training_ladder);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  static const Settings settings;
  check(parse_llm_reply({200, text, {}}, sample(), settings));
  check(parse_llm_content(text, sample(), settings));
  return 0;
}
