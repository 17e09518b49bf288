// SPDX-License-Identifier: MIT
#include <rlx/nn/graph_builder.hpp>

#include "rlx_catch.hpp"

namespace nn = rlx::nn;

TEST_CASE("a chain of calls becomes a list of nodes named by group, kind and number") {
  nn::GraphBuilder graph;
  const auto x = graph.input(4);
  graph.group("actor");
  const auto h = x.linear(8).tanh();
  graph.output("action", h.linear(2, {.gain = 0.01}));
  graph.group("critic");
  graph.output("value", h.linear(1));
  const nn::GraphSpec& spec = graph.spec();
  REQUIRE(spec.nodes.size() == 5);
  REQUIRE(spec.nodes[1].name == "actor.linear0");
  REQUIRE(spec.nodes[3].name == "actor.linear1");
  REQUIRE(spec.nodes[3].gain == 0.01);
  REQUIRE(spec.nodes[4].name == "critic.linear0");
  REQUIRE(spec.nodes[4].inputs == std::vector<std::size_t>{2});
  REQUIRE(spec.outputs == std::vector<nn::OutputSpec>{{"action", 3}, {"value", 4}});
}

TEST_CASE("shapes are known and checked at every call") {
  nn::GraphBuilder graph;
  const auto x = graph.input(20);
  const auto s = x.slots(2, 3, 6, 0);
  REQUIRE(s.shape() == nn::NodeShape{6, 3, 1});
  REQUIRE(s.flatten().shape() == nn::NodeShape{18});
  REQUIRE(graph.stack({x, x}).shape() == nn::NodeShape{20, 2});
  REQUIRE(graph.concat({s, s}).shape() == nn::NodeShape{12, 3, 1});
  REQUIRE(x.lstm(9).shape() == nn::NodeShape{9});
  REQUIRE(s.embedding().shape() == s.shape());
  REQUIRE(s.embedding(2, 7, 5).shape() == nn::NodeShape{5, 3, 1});
  REQUIRE(x.embedding(2, 7, 5).shape() == nn::NodeShape{5});
  REQUIRE(graph.spec().nodes.back().name == "embedding2");
  REQUIRE_THROWS_AS(x.embedding(), rlx::ShapeError);
  REQUIRE_THROWS_AS(x.embedding(20, 7, 5), rlx::ShapeError);
  REQUIRE_THROWS_AS(x.embedding(2, 0, 5), rlx::ConfigError);
  REQUIRE_THROWS_AS(s.lstm(9), rlx::ShapeError);
  REQUIRE_THROWS_AS(x.slots(3, 3, 6), rlx::ShapeError);
  REQUIRE_THROWS_AS(x.flatten(), rlx::ShapeError);
  REQUIRE_THROWS_AS(x.activation(nn::NodeKind::linear), rlx::ConfigError);
}
