// SPDX-License-Identifier: MIT
#include <rlx/rl/checkpoint.hpp>

#include <array>
#include <string>
#include <vector>

#include <rlx/rl/detail/run_comparison.hpp>

#include "rlx_catch.hpp"

using namespace rlx_test;

TEST_CASE("Differences are listed key by key, except the allowed ones", "[rl][checkpoint]") {
  using rlx::detail::JsonTree;
  const JsonTree saved = JsonTree::object({{"gamma", 0.99}, {"n_steps", 5}, {"old", 1}});
  const JsonTree here = JsonTree::object({{"gamma", 0.9}, {"n_steps", 5}, {"new", "x"}});
  std::vector<std::string> differences;
  rlx::detail::list_differences(saved, here, {}, differences);
  REQUIRE(differences == std::vector<std::string>{"gamma: saved 0.99, here 0.9", "new: saved nothing, here \"x\"",
                                                  "old: saved 1, here nothing"});
  differences.clear();
  rlx::detail::list_differences(saved, here, {"gamma", "new", "old"}, differences);
  REQUIRE(differences.empty());
  REQUIRE_NOTHROW(rlx::detail::refuse_differences("file", differences));
  REQUIRE_THROWS_WITH(rlx::detail::refuse_differences("file", {"gamma: saved 1, here 2"}),
                      ContainsSubstring("LoadOptions.allow"));
  // A damaged or hostile file may hold anything there.
  rlx::detail::list_differences(std::vector<int>{1, 2, 3}, JsonTree::object({{"gamma", 0.9}}), {}, differences);
  REQUIRE(differences == std::vector<std::string>{"gamma: saved nothing, here 0.9"});
}

TEST_CASE("Tensors that a learner did not write are refused", "[rl][checkpoint]") {
  const std::array<float, 2> numbers{1.0F, 2.0F};
  const std::vector<rlx::io::TensorView> tensors{rlx::io::tensor_view("a", std::span<const float>(numbers)),
                                                 rlx::io::tensor_view("b", std::span<const float>(numbers))};
  const std::vector<std::byte> bytes = rlx::io::to_safetensors({{"rlx", "{}"}}, tensors);
  const auto file = rlx::io::Safetensors::from_bytes(bytes);
  REQUIRE_NOTHROW(rlx::detail::refuse_other_tensors(file, tensors));
  REQUIRE_THROWS_WITH(rlx::detail::refuse_other_tensors(file, {tensors[0]}), ContainsSubstring("'b'"));
}
