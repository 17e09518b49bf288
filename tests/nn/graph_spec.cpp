// SPDX-License-Identifier: MIT
#include <rlx/nn/graph_spec.hpp>

#include "rlx_catch.hpp"

namespace nn = rlx::nn;

namespace {

nn::GraphSpec attention_example() {
  nn::GraphSpec spec;
  spec.nodes.push_back({.kind = nn::NodeKind::input, .name = "x", .width = 10});
  spec.nodes.push_back(
      {.kind = nn::NodeKind::slots, .name = "s", .inputs = {0}, .width = 4, .begin = 2, .count = 2, .valid_column = 0});
  spec.nodes.push_back({.kind = nn::NodeKind::attention, .name = "a", .inputs = {1}, .heads = 2});
  spec.nodes.push_back({.kind = nn::NodeKind::linear, .name = "l", .inputs = {2}, .width = 3});
  return spec;
}

}  // namespace

TEST_CASE("shapes carry slots and the mask through slotted nodes") {
  const auto shapes = nn::infer_shapes(attention_example());
  REQUIRE(shapes[0] == nn::NodeShape{10});
  REQUIRE(shapes[1] == nn::NodeShape{4, 2, 1});
  REQUIRE(shapes[2] == nn::NodeShape{4, 2, 1});
  REQUIRE(shapes[3] == nn::NodeShape{3, 2, 1});
  REQUIRE(shapes[0].rows() == 1);
  REQUIRE(shapes[3].rows() == 2);
}

TEST_CASE("operations and parameters follow their formulas") {
  // Attention L=2, E=4: 8 L E^2 + 4 L^2 E = 256 + 64; linear: 2 * 4 * 3 per slot.
  REQUIRE(nn::flops_per_row(attention_example()) == 256 + 64 + 48);
  // Attention 4 E^2 + 4 E, linear 4 * 3 + 3.
  REQUIRE(nn::parameter_count(attention_example()) == 64 + 16 + 15);
}

TEST_CASE("embeddings keep the slots and the mask, and own one table") {
  auto spec = attention_example();
  spec.nodes.push_back({.kind = nn::NodeKind::embedding, .name = "numbers", .inputs = {1}});
  spec.nodes.push_back(
      {.kind = nn::NodeKind::embedding, .name = "of_slots", .inputs = {1}, .width = 7, .begin = 3, .count = 5});
  spec.nodes.push_back({.kind = nn::NodeKind::embedding, .name = "flat", .inputs = {0}, .width = 6, .begin = 9, .count = 8});
  const auto shapes = nn::infer_shapes(spec);
  REQUIRE(shapes[4] == nn::NodeShape{4, 2, 1});
  REQUIRE(shapes[5] == nn::NodeShape{7, 2, 1});
  REQUIRE(shapes[6] == nn::NodeShape{6});
  REQUIRE(nn::parameter_count(spec) == 95 + 2 * 4 + 5 * 7 + 8 * 6);
  REQUIRE(nn::flops_per_row(spec) == 256 + 64 + 48);
  spec.nodes[4].width = 4;
  REQUIRE_THROWS_WITH(nn::infer_shapes(spec), rlx_test::ContainsSubstring("'numbers' (embedding)"));
}

TEST_CASE("columns that say which slot is filled or which category it is are to be left unscaled") {
  using Kind = nn::NodeKind;
  nn::GraphSpec spec;
  spec.nodes = {{.kind = Kind::input, .name = "x", .width = 20},
                {.kind = Kind::slice, .name = "part", .inputs = {0}, .begin = 5, .end = 17},
                {.kind = Kind::slots, .name = "s", .inputs = {1}, .width = 4, .begin = 1, .count = 2, .valid_column = 2},
                {.kind = Kind::embedding, .name = "of_slots", .inputs = {2}, .width = 3, .begin = 3, .count = 5},
                {.kind = Kind::slice, .name = "end", .inputs = {0}, .begin = 18, .end = 20},
                {.kind = Kind::linear, .name = "computed", .inputs = {0}, .width = 2},
                {.kind = Kind::concat, .name = "joined", .inputs = {5, 4}},
                {.kind = Kind::embedding, .name = "given", .inputs = {6}, .width = 3, .begin = 3, .count = 5},
                {.kind = Kind::embedding, .name = "made", .inputs = {6}, .width = 3, .begin = 1, .count = 5},
                {.kind = Kind::embedding, .name = "numbers", .inputs = {2}}};
  // Slots start at column 6: filled 8 and 12, categories 9 and 13; the joined value's column 3 is column 19.
  REQUIRE(nn::unscaled_columns(spec) == std::vector<std::size_t>{8, 9, 12, 13, 19});
  REQUIRE(nn::unscaled_columns(attention_example()) == std::vector<std::size_t>{2, 6});
}

TEST_CASE("names of kinds are their own") {
  REQUIRE(nn::to_string(nn::NodeKind::input) == "input");
  REQUIRE(nn::to_string(nn::NodeKind::attention) == "attention");
  REQUIRE(nn::to_string(nn::NodeKind::flatten) == "flatten");
  REQUIRE(nn::to_string(nn::NodeKind::lstm) == "lstm");
  REQUIRE(nn::to_string(nn::NodeKind::embedding) == "embedding");
}

TEST_CASE("a repeated name, an absurd size and a second input are refused by name") {
  auto spec = attention_example();
  spec.nodes[3].name = "a";
  REQUIRE_THROWS_WITH(nn::infer_shapes(spec),
                      rlx_test::ContainsSubstring("'a' (linear)") && rlx_test::ContainsSubstring("twice"));
  spec = attention_example();
  spec.nodes[3].width = std::size_t{1} << 40;
  REQUIRE_THROWS_AS(nn::infer_shapes(spec), rlx::ShapeError);
  spec = attention_example();
  spec.nodes.push_back({.kind = nn::NodeKind::input, .name = "y", .width = 1});
  REQUIRE_THROWS_AS(nn::infer_shapes(spec), rlx::ShapeError);
  spec = attention_example();
  spec.nodes[3].fan_in = 2;
  REQUIRE_THROWS_WITH(nn::infer_shapes(spec), rlx_test::ContainsSubstring("fan_in"));
}
