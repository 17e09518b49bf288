// SPDX-License-Identifier: MIT
#include <rlx/nn/initialization.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <rlx/nn/graph.hpp>
#include <rlx/nn/graph_builder.hpp>

#include "rlx_catch.hpp"

namespace {

namespace nn = rlx::nn;

nn::GraphSpec example() {
  nn::GraphBuilder builder;
  const auto x = builder.input(3 * 20);
  const auto s = x.slots(0, 3, 20).linear(32).layer_norm().relu();
  const auto mixed = s.add(s.attention(2)).layer_norm().flatten().linear(7);
  const auto joint = mixed.linear(12, {.fan_in = 67}).add(x.linear(12, {.bias = false, .fan_in = 67})).relu();
  builder.output("action", joint.linear(5, {.gain = 0.01}));
  builder.output("value", joint.linear(1, {.gain = 1.0}));
  return builder.spec();
}

template <class S>
nn::ParameterStore<S> initialized(nn::Initialization kind, std::uint64_t seed) {
  nn::ParameterStore<S> store;
  nn::Graph<S>::build(example(), store);
  nn::initialize(store, example(), kind, seed);
  return store;
}

/// Largest |W W^T - gain^2 I| or |W^T W - gain^2 I|, whichever is the smaller matrix; W is stored [inputs, outputs].
double orthogonality_error(std::span<const float> w, std::size_t inputs, std::size_t outputs, double squared_gain) {
  const bool by_rows = inputs <= outputs;
  const std::size_t count = by_rows ? inputs : outputs;
  const std::size_t length = by_rows ? outputs : inputs;
  const auto at = [&](std::size_t vector, std::size_t i) {
    return static_cast<double>(by_rows ? w[vector * outputs + i] : w[i * outputs + vector]);
  };
  double worst = 0;
  for (std::size_t a = 0; a < count; ++a) {
    for (std::size_t b = 0; b < count; ++b) {
      double sum = 0;
      for (std::size_t i = 0; i < length; ++i) sum += at(a, i) * at(b, i);
      worst = std::max(worst, std::abs(sum - (a == b ? squared_gain : 0.0)));
    }
  }
  return worst;
}

}  // namespace

TEST_CASE("orthogonal weights are orthogonal with their node's gain, biases are 0, layer norms the identity") {
  const auto store = initialized<float>(nn::Initialization::orthogonal, 3);
  for (const nn::TensorInfo& t : store.layout()) {
    const auto values = store.tensor(t.name);
    if (t.shape.size() == 2) {
      double squared = 2.0;
      if (t.shape[1] == 5) squared = 1e-4;
      if (t.shape[1] == 1) squared = 1.0;
      if (t.shape[1] == 12) squared = 2.0 * static_cast<double>(t.shape[0]) / 67.0;
      REQUIRE(orthogonality_error(values, t.shape[0], t.shape[1], squared) <= 1e-5);
    } else if (t.name.find(".gain") != std::string::npos) {
      REQUIRE(std::all_of(values.begin(), values.end(), [](float x) { return x == 1.0F; }));
    } else {
      REQUIRE(std::all_of(values.begin(), values.end(), [](float x) { return x == 0.0F; }));
    }
  }
}

TEST_CASE("orthonormalisation is the QR factorisation with a positive diagonal: a column keeps its direction") {
  // With one output the vector is the Gaussian draw divided by its length.
  const auto store = initialized<double>(nn::Initialization::orthogonal, 3);
  const auto id = store.find("linear5.weight");
  rlx::RandomStream stream({.seed = 3, .purpose = rlx::Purpose::initialisation, .env = static_cast<std::uint32_t>(id)});
  std::vector<double> draw(12);
  double square = 0;
  for (double& x : draw) {
    x = stream.normal();
    square += x * x;
  }
  const auto w = store.tensor(id);
  REQUIRE(w.size() == 12);
  for (std::size_t i = 0; i < 12; ++i) REQUIRE_THAT(w[i], rlx_test::WithinAbs(draw[i] / std::sqrt(square), 1e-12));
}

TEST_CASE("torch_like weights lie within PyTorch's bounds and fill them") {
  const auto store = initialized<float>(nn::Initialization::torch_like, 4);
  const auto largest = [&](const char* name) {
    double value = 0;
    for (const float x : store.tensor(name)) value = std::max(value, std::abs(static_cast<double>(x)));
    return value;
  };
  const auto within = [&](const char* name, double bound) {
    REQUIRE(largest(name) <= bound);
    REQUIRE(largest(name) >= 0.5 * bound);
  };
  within("linear0.weight", 1 / std::sqrt(20.0));
  within("linear0.bias", 1 / std::sqrt(20.0));
  within("attention0.in_weight", std::sqrt(6.0 / 128.0));
  within("attention0.out_weight", 1 / std::sqrt(32.0));
  REQUIRE(largest("attention0.in_bias") == 0.0);
  within("linear2.weight", 1 / std::sqrt(67.0));
}

TEST_CASE("lstm starts orthogonal with gain 1 and bias 0, or as PyTorch's, and embeddings are normal numbers") {
  nn::GraphBuilder builder;
  const auto x = builder.input(10);
  builder.output("y", x.lstm(16));
  builder.output("category", x.embedding(0, 500, 8));
  builder.output("slots", x.slots(0, 2, 5).embedding().flatten());
  for (const auto kind : {nn::Initialization::orthogonal, nn::Initialization::torch_like}) {
    nn::ParameterStore<float> store;
    nn::Graph<float>::build(builder.spec(), store);
    nn::initialize(store, builder.spec(), kind, 3);
    const auto largest = [&](const char* name) {
      double value = 0;
      for (const float w : store.tensor(name)) value = std::max(value, std::abs(static_cast<double>(w)));
      return value;
    };
    if (kind == nn::Initialization::orthogonal) {
      REQUIRE(orthogonality_error(store.tensor("lstm0.input_weight"), 10, 64, 1.0) <= 1e-5);
      REQUIRE(orthogonality_error(store.tensor("lstm0.hidden_weight"), 16, 64, 1.0) <= 1e-5);
      REQUIRE(largest("lstm0.bias") == 0.0);
    } else {
      for (const char* name : {"lstm0.input_weight", "lstm0.hidden_weight", "lstm0.bias"}) {
        REQUIRE(largest(name) <= 0.25);  // 1 / sqrt(16)
        REQUIRE(largest(name) >= 0.2);
      }
    }
    double sum = 0;
    double squares = 0;
    for (const float w : store.tensor("embedding0.weight")) {
      sum += static_cast<double>(w);
      squares += static_cast<double>(w) * static_cast<double>(w);
    }
    REQUIRE(std::abs(sum / 4000) <= 5 / std::sqrt(4000.0));
    REQUIRE(std::abs(squares / 4000 - 1) <= 5 * std::sqrt(2.0 / 4000.0));
    REQUIRE(largest("embedding1.weight") > 0.1);
  }
}

TEST_CASE("initial parameters are a function of the seed, tensor by tensor, and leave padding at 0") {
  REQUIRE(initialized<float>(nn::Initialization::orthogonal, 1).sha256() ==
          initialized<float>(nn::Initialization::orthogonal, 1).sha256());
  REQUIRE(initialized<float>(nn::Initialization::orthogonal, 1).sha256() !=
          initialized<float>(nn::Initialization::orthogonal, 2).sha256());
  const auto store = initialized<float>(nn::Initialization::torch_like, 1);
  std::vector<bool> used(store.parameters().size(), false);
  for (const nn::TensorInfo& t : store.layout())
    std::fill_n(used.begin() + static_cast<std::ptrdiff_t>(t.offset), t.size, true);
  for (std::size_t i = 0; i < used.size(); ++i) {
    if (!used[i]) REQUIRE(store.parameters()[i] == 0.0F);
  }
  nn::ParameterStore<float> other;
  REQUIRE_THROWS_AS(nn::initialize(other, example(), nn::Initialization::orthogonal, 1), rlx::ConfigError);
}
