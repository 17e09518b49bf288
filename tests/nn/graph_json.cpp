// SPDX-License-Identifier: MIT
#include <rlx/nn/graph_json.hpp>

#include <algorithm>
#include <string_view>

#include <rlx/nn/networks.hpp>

#include "rlx_catch.hpp"

namespace {

namespace nn = rlx::nn;
using nlohmann::json;
using rlx_test::ContainsSubstring;

nn::GraphSpec every_kind() {
  nn::GraphBuilder graph;
  const auto x = graph.input(14);
  graph.group("part");
  const auto slots = x.slots(2, 3, 4, 1).linear(4, {.bias = false, .gain = 0.3, .fan_in = 9}).layer_norm().tanh();
  const auto mixed = slots.add(slots.attention(2)).gelu().embedding();
  const auto tokens = graph.stack({mixed.mean_pool(), mixed.max_pool()}).flatten();
  const auto all = graph.concat({x.slice(0, 2).silu(), tokens, x.slots(2, 1, 4).flatten().relu()});
  graph.output("y", graph.concat({all, x.embedding(3, 5, 2), all.lstm(3)}));
  return graph.spec();
}

}  // namespace

TEST_CASE("a graph survives the way through JSON text, every kind of node included") {
  const nn::GraphSpec spec = every_kind();
  const json first = spec;
  const nn::GraphSpec read = json::parse(first.dump()).get<nn::GraphSpec>();
  REQUIRE(read == spec);
  REQUIRE(json(read) == first);
  for (const std::string_view kind : nn::node_kind_names) {
    REQUIRE(std::any_of(spec.nodes.begin(), spec.nodes.end(),
                        [&](const nn::NodeSpec& node) { return nn::to_string(node.kind) == kind; }));
  }
  const nn::GraphSpec mlp = nn::mlp_actor_critic({.observation = 4, .action = 2});
  REQUIRE(json(mlp).get<nn::GraphSpec>() == mlp);
}

TEST_CASE("reading a graph refuses unknown, missing and mistyped keys, and names them") {
  const json good = every_kind();
  json j = good;
  j["nodes"][2]["witdh"] = 3;
  REQUIRE_THROWS_WITH(nn::read_graph(j), ContainsSubstring("witdh") && ContainsSubstring("nodes[2]"));
  j = good;
  j["nodes"][1].erase("count");
  REQUIRE_THROWS_WITH(nn::read_graph(j), ContainsSubstring("missing key 'count'"));
  j = good;
  j["nodes"][1]["count"] = -3;
  REQUIRE_THROWS_AS(nn::read_graph(j), rlx::ConfigError);
  j = good;
  j["nodes"].back() = {{"kind", "lstm"}, {"name", "m"}, {"group", ""}, {"inputs", {0}}, {"widht", 3}};
  REQUIRE_THROWS_WITH(nn::read_graph(j), ContainsSubstring("width") && ContainsSubstring("nodes["));
  j = good;
  j["nodes"][2]["kind"] = "linaer";
  REQUIRE_THROWS_WITH(nn::read_graph(j), ContainsSubstring("did you mean 'linear'"));
  j = good;
  j["extra"] = 1;
  REQUIRE_THROWS_AS(nn::read_graph(j), rlx::ConfigError);
  REQUIRE_THROWS_AS(nn::read_graph(json::array()), rlx::ConfigError);
}

TEST_CASE("reading a graph refuses sizes that do not fit, before anything is allocated for them") {
  json j = every_kind();
  j["nodes"][2]["width"] = 1'000'000'000'000ULL;
  REQUIRE_THROWS_AS(nn::read_graph(j), rlx::ShapeError);
  j = every_kind();
  j["nodes"][2]["inputs"] = {7};
  REQUIRE_THROWS_WITH(nn::read_graph(j), ContainsSubstring("earlier node"));
  j = every_kind();
  j["nodes"][2]["inputs"] = json::array();
  REQUIRE_THROWS_AS(nn::read_graph(j), rlx::ShapeError);
}
