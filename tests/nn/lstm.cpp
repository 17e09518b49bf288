// SPDX-License-Identifier: MIT
#include <rlx/nn/detail/lstm.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <rlx/core/finite.hpp>
#include <rlx/core/random.hpp>
#include <rlx/nn/gradient_check.hpp>
#include <rlx/nn/graph.hpp>
#include <rlx/nn/graph_builder.hpp>

#include "counting_allocator.hpp"
#include "rlx_catch.hpp"

namespace {

namespace nn = rlx::nn;
using rlx::MatrixView;
using rlx_test::ContainsSubstring;
using rlx_test::WithinAbs;
using Value = nn::GraphBuilder::Value;

template <class S>
std::vector<S> normal(std::size_t size, double scale, std::uint64_t seed) {
  rlx::RandomStream random({.seed = seed, .purpose = rlx::Purpose::user});
  std::vector<S> values(size);
  for (S& x : values) x = static_cast<S>(scale * random.normal());
  return values;
}

/// Rows of n sequences, and where episodes begin among them.
template <class S>
struct Batch {
  std::size_t n, steps, width;
  std::vector<S> in;
  std::vector<S> state;
  std::vector<std::uint8_t> starts;

  Batch(std::size_t sequences, std::size_t length, std::size_t columns, std::size_t state_size, std::uint64_t seed)
      : n(sequences),
        steps(length),
        width(columns),
        in(normal<S>(sequences * length * columns, 1.0, seed)),
        state(normal<S>(sequences * state_size, 0.5, seed + 1)),
        starts(sequences * length, 0) {
    rlx::RandomStream random({.seed = seed + 2, .purpose = rlx::Purpose::user});
    for (std::uint8_t& start : starts) start = random.uniform() < 0.25 ? 1 : 0;
  }
  /// The same for one sequence alone.
  Batch only(std::size_t sequence) const {
    Batch one = *this;
    one.n = 1;
    one.in.clear();
    one.starts.clear();
    for (std::size_t t = 0; t < steps; ++t) {
      const auto row = in.begin() + static_cast<std::ptrdiff_t>((t * n + sequence) * width);
      one.in.insert(one.in.end(), row, row + static_cast<std::ptrdiff_t>(width));
      one.starts.push_back(starts[t * n + sequence]);
    }
    const std::size_t size = state.size() / n;
    const auto own = state.begin() + static_cast<std::ptrdiff_t>(sequence * size);
    one.state.assign(own, own + static_cast<std::ptrdiff_t>(size));
    return one;
  }
};

template <class S>
struct Model {
  nn::ParameterStore<S> store;
  nn::Graph<S> graph;
  nn::Workspace<S> workspace;

  explicit Model(const nn::GraphSpec& spec, std::size_t rows = 64, std::uint64_t seed = 1)
      : graph(nn::Graph<S>::build(spec, store)), workspace(graph.make_workspace(rows)) {
    for (nn::TensorId id = 0; id < store.layout().size(); ++id) {
      const std::span<S> tensor = store.tensor(id);
      const std::vector<S> values = normal<S>(tensor.size(), 0.5, seed + id);
      std::copy(values.begin(), values.end(), tensor.begin());
    }
  }

  /// All outputs of all rows, one output after the other; `state` becomes the state after the last row.
  std::vector<S> forward(const Batch<S>& batch, std::vector<S>& state) {
    const MatrixView<S> memory(state.data(), batch.n, graph.state_size());
    graph.forward(store.parameters(), MatrixView<const S>(batch.in.data(), batch.n * batch.steps, batch.width), workspace,
                  {.sequences = batch.n, .state = memory, .starts = batch.starts, .next_state = memory});
    return outputs();
  }
  std::vector<S> outputs() {
    std::vector<S> result;
    for (std::size_t k = 0; k < workspace.num_outputs(); ++k) {
      const MatrixView<S> y = workspace.output(k);
      for (std::size_t r = 0; r < y.rows(); ++r) result.insert(result.end(), y.row(r).begin(), y.row(r).end());
    }
    return result;
  }
};

template <class F>
nn::GraphSpec spec_of(std::size_t width, F&& layers) {
  nn::GraphBuilder builder;
  builder.output("y", layers(builder, builder.input(width)));
  return builder.spec();
}

nn::GraphSpec one_layer(std::size_t width, std::size_t hidden) {
  return spec_of(width, [&](nn::GraphBuilder&, Value x) { return x.lstm(hidden); });
}

/// Two memories of different widths between other layers.
nn::GraphSpec two_memories() {
  return spec_of(6, [](nn::GraphBuilder& b, Value x) {
    const Value h = x.linear(9).tanh().lstm(7);
    return b.concat({h, x.lstm(5)}).linear(4).tanh().linear(3);
  });
}

/// Straight from the definition: h of every row, and the state after the last one.
std::vector<double> reference(const Model<double>& model, std::size_t hidden, const Batch<double>& batch,
                              std::vector<double>& state) {
  const auto input_weight = model.store.tensor("lstm0.input_weight");
  const auto hidden_weight = model.store.tensor("lstm0.hidden_weight");
  const auto bias = model.store.tensor("lstm0.bias");
  std::vector<double> result;
  for (std::size_t row = 0; row < batch.n * batch.steps; ++row) {
    double* h = state.data() + row % batch.n * 2 * hidden;
    double* c = h + hidden;
    if (batch.starts[row] != 0) std::fill_n(h, 2 * hidden, 0.0);
    const auto before = [&](std::size_t gate, std::size_t unit) {
      const std::size_t column = gate * hidden + unit;
      double sum = bias[column];
      for (std::size_t k = 0; k < batch.width; ++k)
        sum += batch.in[row * batch.width + k] * input_weight[k * 4 * hidden + column];
      for (std::size_t k = 0; k < hidden; ++k) sum += h[k] * hidden_weight[k * 4 * hidden + column];
      return sum;
    };
    const auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
    std::vector<double> next(2 * hidden);
    for (std::size_t u = 0; u < hidden; ++u) {
      next[hidden + u] = sigmoid(before(1, u)) * c[u] + sigmoid(before(0, u)) * std::tanh(before(2, u));
      next[u] = sigmoid(before(3, u)) * std::tanh(next[hidden + u]);
    }
    std::copy(next.begin(), next.end(), h);
    result.insert(result.end(), h, h + hidden);
  }
  return result;
}

double check_gradients(const nn::GraphSpec& spec, std::size_t sequences, std::size_t steps, std::uint64_t seed) {
  Model<double> model(spec, sequences * steps, seed);
  const Batch<double> batch(sequences, steps, model.graph.input_width(), model.graph.state_size(), seed + 50);
  REQUIRE(std::count(batch.starts.begin() + static_cast<std::ptrdiff_t>(sequences), batch.starts.end(), 1) > 0);
  const std::vector<double> weights = normal<double>(sequences * steps * model.graph.output_width("y"), 1.0, seed + 60);
  const auto loss = [&](std::span<const double> parameters, std::span<double> gradient) {
    model.graph.forward(parameters, MatrixView<const double>(batch.in.data(), sequences * steps, batch.width), model.workspace,
                        {.sequences = sequences,
                         .state = MatrixView<const double>(batch.state.data(), sequences, model.graph.state_size()),
                         .starts = batch.starts,
                         .next_state = {}});
    const MatrixView<double> y = model.workspace.output("y");
    const MatrixView<double> g = model.workspace.output_gradient("y");
    double sum = 0;
    for (std::size_t r = 0; r < y.rows(); ++r) {
      for (std::size_t j = 0; j < y.cols(); ++j) {
        g(r, j) = weights[r * y.cols() + j];
        sum += g(r, j) * y(r, j);
      }
    }
    if (!gradient.empty()) {
      std::fill(gradient.begin(), gradient.end(), 0.0);
      model.graph.backward(parameters, gradient, model.workspace);
    }
    return sum;
  };
  return nn::gradient_check(loss, model.store.parameters());
}

template <class S>
bool equal_bits(const std::vector<S>& a, const std::vector<S>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(S)) == 0;
}

}  // namespace

TEST_CASE("lstm reproduces the worked example: one unit, weights 0.5, biases 0, x = 1, state 0") {
  Model<double> model(one_layer(1, 1));
  REQUIRE(model.graph.state_size() == 2);
  for (const char* name : {"lstm0.input_weight", "lstm0.hidden_weight"})
    std::fill(model.store.tensor(name).begin(), model.store.tensor(name).end(), 0.5);
  std::fill(model.store.tensor("lstm0.bias").begin(), model.store.tensor("lstm0.bias").end(), 0.0);
  Batch<double> batch(1, 1, 1, 2, 3);
  batch.in = {1};
  batch.starts = {0};
  std::vector<double> state{0, 0};
  const auto y = model.forward(batch, state);
  REQUIRE_THAT(y[0], WithinAbs(0.17426972, 1e-8));
  REQUIRE_THAT(state[0], WithinAbs(0.17426972, 1e-8));
  REQUIRE_THAT(state[1], WithinAbs(0.28764914, 1e-8));
}

TEST_CASE("lstm follows its definition step by step, over episode starts, for every width of the last vector") {
  for (const std::size_t hidden : {std::size_t{1}, std::size_t{4}, std::size_t{7}, std::size_t{33}}) {
    Model<double> model(one_layer(3, hidden));
    const Batch<double> batch(5, 8, 3, 2 * hidden, hidden);
    auto state = batch.state;
    auto expected_state = batch.state;
    const auto y = model.forward(batch, state);
    const auto expected = reference(model, hidden, batch, expected_state);
    REQUIRE(y.size() == expected.size());
    for (std::size_t i = 0; i < y.size(); ++i) REQUIRE_THAT(y[i], WithinAbs(expected[i], 1e-12));
    for (std::size_t i = 0; i < state.size(); ++i) REQUIRE_THAT(state[i], WithinAbs(expected_state[i], 1e-12));

    Model<float> single(one_layer(3, hidden));
    Batch<float> rounded(5, 8, 3, 2 * hidden, hidden);
    auto single_state = rounded.state;
    const auto z = single.forward(rounded, single_state);
    for (std::size_t i = 0; i < z.size(); ++i) REQUIRE_THAT(static_cast<double>(z[i]), WithinAbs(expected[i], 1e-5));
  }
}

TEST_CASE("gradients through time agree with central differences, cut where episodes start") {
  const auto check = [](auto&& layers, std::uint64_t seed) {
    REQUIRE(check_gradients(spec_of(6, layers), 3, 7, seed) <= 1e-7);
  };
  check([](nn::GraphBuilder&, Value x) { return x.lstm(5); }, 1);
  check([](nn::GraphBuilder&, Value x) { return x.lstm(1); }, 2);
  check([](nn::GraphBuilder&, Value x) { return x.linear(4).tanh().lstm(6).linear(5).tanh().linear(2); }, 3);
  check([](nn::GraphBuilder&, Value x) { return x.linear(3).lstm(4).lstm(5).tanh(); }, 4);
  check(
      [](nn::GraphBuilder& b, Value x) {  // values that others use too, inside a join and beside it
        const Value e = x.linear(4).tanh();
        const Value h = e.lstm(4);
        return b.concat({h, e.add(h), x.lstm(3)}).linear(3);
      },
      5);
  REQUIRE(check_gradients(two_memories(), 1, 12, 6) <= 1e-7);
  REQUIRE(check_gradients(two_memories(), 20, 2, 7) <= 1e-7);
}

TEST_CASE("steps one by one with the state carried on give the bits of one pass") {
  const auto check = [](auto zero, std::size_t n) {
    using S = decltype(zero);
    Model<S> model(two_memories(), n * 9);
    const std::size_t size = model.graph.state_size();
    REQUIRE(size == 2 * 7 + 2 * 5);
    const Batch<S> batch(n, 9, 6, size, n);
    auto state = batch.state;
    const auto whole = model.forward(batch, state);
    for (const std::size_t length : {std::size_t{1}, std::size_t{3}}) {
      auto carried = batch.state;
      std::vector<S> pieces;
      for (std::size_t t = 0; t < 9; t += length) {
        Batch<S> step = batch;
        step.steps = length;
        const auto first = static_cast<std::ptrdiff_t>(t * n);
        const auto last = static_cast<std::ptrdiff_t>((t + length) * n);
        step.in.assign(batch.in.begin() + first * 6, batch.in.begin() + last * 6);
        step.starts.assign(batch.starts.begin() + first, batch.starts.begin() + last);
        const auto y = model.forward(step, carried);
        pieces.insert(pieces.end(), y.begin(), y.end());
      }
      REQUIRE(equal_bits(whole, pieces));
      REQUIRE(equal_bits(state, carried));
    }
  };
  for (const std::size_t n : {std::size_t{1}, std::size_t{3}, std::size_t{9}, std::size_t{20}}) {
    check(0.0F, n);
    check(0.0, n);
  }
}

TEST_CASE("a sequence's bits do not depend on the sequences beside it") {
  const std::size_t n = 19;
  Model<float> model(two_memories(), n * 6);
  const Batch<float> batch(n, 6, 6, model.graph.state_size(), 4);
  auto state = batch.state;
  const auto together = model.forward(batch, state);
  for (std::size_t s = 0; s < n; ++s) {
    const Batch<float> one = batch.only(s);
    auto own = one.state;
    const auto alone = model.forward(one, own);
    for (std::size_t t = 0; t < 6; ++t)
      REQUIRE(std::memcmp(alone.data() + t * 3, together.data() + (t * n + s) * 3, 3 * sizeof(float)) == 0);
    REQUIRE(std::memcmp(own.data(), state.data() + s * own.size(), own.size() * sizeof(float)) == 0);
  }
}

TEST_CASE("an episode's start forgets the state before it, NaN included") {
  Model<float> model(one_layer(2, 3));
  Batch<float> batch(2, 3, 2, 6, 5);
  std::fill(batch.starts.begin(), batch.starts.end(), std::uint8_t{0});
  batch.starts[0] = 1;  // sequence 0, step 0
  auto state = batch.state;
  state[0] = state[4] = std::numeric_limits<float>::quiet_NaN();
  auto zero = batch.state;
  std::fill_n(zero.begin(), 6, 0.0F);
  const auto y = model.forward(batch, state);
  for (const float v : y) REQUIRE(rlx::is_finite(v));
  batch.starts[0] = 0;
  REQUIRE(equal_bits(y, model.forward(batch, zero)));
  REQUIRE(equal_bits(state, zero));
}

TEST_CASE("what comes after an episode's start sends no gradient before it") {
  Model<double> model(one_layer(2, 3));
  Batch<double> batch(1, 4, 2, 6, 6);
  batch.starts = {0, 0, 1, 0};
  const auto gradients = [&](const std::vector<double>& in) {
    batch.in = in;
    auto state = batch.state;
    model.forward(batch, state);
    for (std::size_t j = 0; j < 3; ++j) model.workspace.output_gradient("y")(3, j) = 1.0;
    model.store.zero_gradients();
    model.graph.backward(model.store.parameters(), model.store.gradients(), model.workspace);
    return std::vector<double>(model.store.gradients().begin(), model.store.gradients().end());
  };
  const std::vector<double> in = batch.in;
  auto other = in;
  for (std::size_t i = 0; i < 4; ++i) other[i] = -2.0 * other[i] + 1.0;  // steps 0 and 1
  REQUIRE(equal_bits(gradients(in), gradients(other)));
}

TEST_CASE("forward and backward of a network with memory allocate nothing") {
  Model<float> model(two_memories(), 40);
  const Batch<float> batch(4, 10, 6, model.graph.state_size(), 8);
  std::vector<float> state = batch.state;
  const MatrixView<const float> in(batch.in.data(), 40, 6);
  const MatrixView<float> memory(state.data(), 4, model.graph.state_size());
  const std::size_t index = model.workspace.output_index("y");
  const rlx_test::AllocationCounter counter;
  model.graph.forward(model.store.parameters(), in, model.workspace,
                      {.sequences = 4, .state = memory, .starts = batch.starts, .next_state = memory});
  model.workspace.output_gradient(index)(39, 0) = 1;
  model.graph.backward(model.store.parameters(), model.store.gradients(), model.workspace);
  REQUIRE(counter.count() == 0);
}

TEST_CASE("a workspace for forward passes only serves rollouts with memory") {
  Model<float> model(two_memories(), 12);
  const Batch<float> batch(3, 4, 6, model.graph.state_size(), 9);
  auto state = batch.state;
  const auto y = model.forward(batch, state);
  auto other = batch.state;
  const MatrixView<float> memory(other.data(), 3, model.graph.state_size());
  model.workspace = model.graph.make_workspace(12, false);
  model.graph.forward(model.store.parameters(), MatrixView<const float>(batch.in.data(), 12, 6), model.workspace,
                      {.sequences = 3, .state = memory, .starts = batch.starts, .next_state = memory});
  REQUIRE(equal_bits(y, model.outputs()));
  REQUIRE(equal_bits(state, other));
}

TEST_CASE("operations and parameters of lstm follow their formulas") {
  const nn::GraphSpec spec = one_layer(3, 5);
  REQUIRE(nn::flops_per_row(spec) == 8 * 5 * (3 + 5));
  REQUIRE(nn::parameter_count(spec) == 3 * 20 + 5 * 20 + 20);
  Model<float> model(spec);
  REQUIRE(model.graph.flops_per_row() == 320);
  REQUIRE(model.store.layout()[0].name == "lstm0.input_weight");
  REQUIRE(model.store.layout()[1].name == "lstm0.hidden_weight");
  REQUIRE(model.store.layout()[2].name == "lstm0.bias");
  REQUIRE(model.graph.output_width("y") == 5);
}

TEST_CASE("lstm refuses inputs and sequences that do not fit, by name") {
  nn::GraphBuilder builder;
  const Value x = builder.input(6);
  REQUIRE_THROWS_WITH(x.slots(0, 2, 3).lstm(4), ContainsSubstring("lstm0") && ContainsSubstring("[2 slots, 3]"));
  REQUIRE_THROWS_WITH(x.lstm(0), ContainsSubstring("lstm") && ContainsSubstring("width is 0"));

  Model<float> model(one_layer(2, 3), 8);
  const std::vector<float> in(16, 0.5F);
  std::vector<float> state(12, 0.0F);
  const std::vector<std::uint8_t> starts(8, 0);
  const MatrixView<const float> rows(in.data(), 6, 2);
  const nn::Recurrence<float> good{.sequences = 2,
                                   .state = MatrixView<const float>(state.data(), 2, 6),
                                   .starts = std::span(starts).first(6),
                                   .next_state = {}};
  const auto call = [&](const MatrixView<const float>& input, const nn::Recurrence<float>& recurrence) {
    model.graph.forward(model.store.parameters(), input, model.workspace, recurrence);
  };
  REQUIRE_NOTHROW(call(rows, good));
  REQUIRE_THROWS_AS(model.graph.forward(model.store.parameters(), rows, model.workspace), rlx::ConfigError);
  REQUIRE_THROWS_AS(call(rows, {}), rlx::ConfigError);
  REQUIRE_THROWS_WITH(call(rows, {}), ContainsSubstring("lstm0") && ContainsSubstring("6 numbers"));
  auto bad = good;
  bad.sequences = 4;
  REQUIRE_THROWS_WITH(call(rows, bad), ContainsSubstring("6 rows") && ContainsSubstring("multiple of 4"));
  REQUIRE_THROWS_AS(call(rows.rows_range(0, 0), good), rlx::ShapeError);
  bad = good;
  bad.state = MatrixView<const float>(state.data(), 2, 5);
  REQUIRE_THROWS_WITH(call(rows, bad), ContainsSubstring("state of 2 x 5") && ContainsSubstring("2 x 6"));
  bad = good;
  bad.state = {};
  REQUIRE_THROWS_AS(call(rows, bad), rlx::ShapeError);
  bad = good;
  bad.next_state = MatrixView<float>(state.data(), 1, 6);
  REQUIRE_THROWS_WITH(call(rows, bad), ContainsSubstring("next_state of 1 x 6"));
  bad = good;
  bad.starts = starts;
  REQUIRE_THROWS_WITH(call(rows, bad), ContainsSubstring("8 starts") && ContainsSubstring("6, one for each row"));

  nn::GraphBuilder plain;
  plain.output("y", plain.input(2).linear(1));
  Model<float> stateless(plain.spec());
  REQUIRE(stateless.graph.state_size() == 0);
  REQUIRE_NOTHROW(stateless.graph.forward(stateless.store.parameters(), rows, stateless.workspace, good));
}
