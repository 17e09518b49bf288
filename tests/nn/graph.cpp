// SPDX-License-Identifier: MIT
#include <rlx/nn/graph.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <vector>

#include <rlx/core/finite.hpp>
#include <rlx/core/random.hpp>
#include <rlx/nn/gradient_check.hpp>
#include <rlx/nn/graph_builder.hpp>

#include "counting_allocator.hpp"
#include "rlx_catch.hpp"

namespace {

namespace nn = rlx::nn;
using rlx::MatrixView;
using rlx_test::ContainsSubstring;
using rlx_test::WithinAbs;

rlx::RandomStream stream(std::uint64_t seed) { return rlx::RandomStream({.seed = seed, .purpose = rlx::Purpose::user}); }

template <class S>
void fill_normal(std::span<S> values, double scale, rlx::RandomStream& random) {
  for (S& x : values) x = static_cast<S>(scale * random.normal());
}

/// A built graph with random parameters.
template <class S>
struct Model {
  nn::ParameterStore<S> store;
  nn::Graph<S> graph;
  nn::Workspace<S> workspace;

  explicit Model(const nn::GraphSpec& spec, std::size_t rows = 8, std::uint64_t seed = 1)
      : graph(nn::Graph<S>::build(spec, store)), workspace(graph.make_workspace(rows)) {
    auto random = stream(seed);
    for (nn::TensorId id = 0; id < store.layout().size(); ++id) {
      fill_normal(store.tensor(id), 0.5, random);  // the padding stays 0
    }
  }

  std::vector<S> forward(const std::vector<S>& in, std::size_t rows, std::string_view output = "y") {
    graph.forward(store.parameters(), MatrixView<const S>(in.data(), rows, in.size() / rows), workspace);
    const MatrixView<S> y = workspace.output(output);
    std::vector<S> result;
    for (std::size_t r = 0; r < rows; ++r) result.insert(result.end(), y.row(r).begin(), y.row(r).end());
    return result;
  }
};

/// Worst relative error of the parameters' gradients of a random linear function of all outputs.
double check_gradients(const nn::GraphSpec& spec, const std::vector<double>& in, std::size_t rows, std::uint64_t seed = 1) {
  Model<double> model(spec, rows, seed);
  auto random = stream(seed + 100);
  std::vector<std::vector<double>> weights;
  for (const nn::OutputSpec& output : spec.outputs) {
    weights.emplace_back(rows * model.graph.output_width(output.name));
    fill_normal(std::span(weights.back()), 1.0, random);
  }
  const auto loss = [&](std::span<const double> parameters, std::span<double> gradient) {
    nn::Workspace<double>& w = model.workspace;
    model.graph.forward(parameters, MatrixView<const double>(in.data(), rows, in.size() / rows), w);
    double sum = 0;
    for (std::size_t k = 0; k < weights.size(); ++k) {
      const MatrixView<double> y = w.output(k);
      const MatrixView<double> g = w.output_gradient(k);
      for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t j = 0; j < y.cols(); ++j) {
          sum += weights[k][r * y.cols() + j] * y(r, j);
          g(r, j) = weights[k][r * y.cols() + j];
        }
      }
    }
    if (!gradient.empty()) {
      std::fill(gradient.begin(), gradient.end(), 0.0);
      model.graph.backward(parameters, gradient, w);
    }
    return sum;
  };
  return nn::gradient_check(loss, model.store.parameters());
}

std::vector<double> random_input(std::size_t size, std::uint64_t seed) {
  auto random = stream(seed);
  std::vector<double> in(size);
  fill_normal(std::span(in), 1.0, random);
  return in;
}

/// `slots` slots of `width` columns whose first is 1 or 0 as `valid` says, for one row.
template <class S>
std::vector<S> slot_row(const std::vector<int>& valid, std::size_t width, std::uint64_t seed) {
  auto random = stream(seed);
  std::vector<S> row(valid.size() * width);
  fill_normal(std::span(row), 1.0, random);
  for (std::size_t s = 0; s < valid.size(); ++s) row[s * width] = static_cast<S>(valid[s]);
  return row;
}

}  // namespace

TEST_CASE("attention reproduces the worked example: invalid slots are no keys and give 0") {
  nn::GraphBuilder builder;
  // Slots of [valid, x]; the second column alone is attended to.
  builder.output("y", builder.input(6).slots(0, 3, 2, 0).slice(1, 2).attention(1).flatten());
  Model<double> model(builder.spec());
  std::fill(model.store.tensor("attention0.in_weight").begin(), model.store.tensor("attention0.in_weight").end(), 1.0);
  std::fill(model.store.tensor("attention0.in_bias").begin(), model.store.tensor("attention0.in_bias").end(), 0.0);
  model.store.tensor("attention0.out_weight")[0] = 1.0;
  model.store.tensor("attention0.out_bias")[0] = 0.0;
  const auto y = model.forward({1, 1, 1, 2, 0, 5}, 1);
  REQUIRE_THAT(y[0], WithinAbs(1.73105858, 1e-8));
  REQUIRE_THAT(y[1], WithinAbs(1.88079708, 1e-8));
  REQUIRE(y[2] == 0.0);
}

TEST_CASE("layer_norm reproduces the worked example") {
  nn::GraphBuilder builder;
  builder.output("y", builder.input(4).layer_norm());
  Model<double> model(builder.spec());
  std::fill(model.store.tensor("layer_norm0.gain").begin(), model.store.tensor("layer_norm0.gain").end(), 1.0);
  std::fill(model.store.tensor("layer_norm0.bias").begin(), model.store.tensor("layer_norm0.bias").end(), 0.0);
  const auto y = model.forward({1, 2, 4, 9}, 1);
  const double expected[] = {-0.97332801, -0.64888534, 0, 1.62221336};
  for (std::size_t i = 0; i < 4; ++i) REQUIRE_THAT(y[i], WithinAbs(expected[i], 1e-8));
}

TEST_CASE("activations match their definitions") {
  nn::GraphBuilder builder;
  const auto x = builder.input(3);
  builder.output("tanh", x.tanh());
  builder.output("relu", x.relu());
  builder.output("gelu", x.gelu());
  builder.output("silu", x.silu());
  Model<double> model(builder.spec());
  const std::vector<double> in{-1.5, 0.2, 3.0};
  model.forward(in, 1, "tanh");
  for (std::size_t i = 0; i < 3; ++i) {
    const double v = in[i];
    REQUIRE_THAT(model.workspace.output("tanh")(0, i), WithinAbs(std::tanh(v), 1e-15));
    REQUIRE(model.workspace.output("relu")(0, i) == std::max(v, 0.0));
    REQUIRE_THAT(model.workspace.output("gelu")(0, i), WithinAbs(v * 0.5 * (1 + std::erf(v / std::sqrt(2.0))), 1e-15));
    REQUIRE_THAT(model.workspace.output("silu")(0, i), WithinAbs(v / (1 + std::exp(-v)), 1e-15));
  }
}

TEST_CASE("relu lets NaN through, so that a broken network is noticed") {
  nn::GraphBuilder builder;
  builder.output("y", builder.input(2).linear(3).relu());
  Model<float> model(builder.spec());
  const auto y = model.forward({std::numeric_limits<float>::quiet_NaN(), 1}, 1);
  for (const float v : y) REQUIRE_FALSE(rlx::is_finite(v));
}

TEST_CASE("gradients of flat modules agree with central differences") {
  const std::size_t rows = 5;
  const auto in = random_input(rows * 7, 3);
  const auto check = [&](auto&& layers) {
    nn::GraphBuilder builder;
    builder.output("y", layers(builder, builder.input(7)));
    REQUIRE(check_gradients(builder.spec(), in, rows) <= 1e-7);
  };
  using Value = nn::GraphBuilder::Value;
  check([](nn::GraphBuilder&, Value x) { return x.linear(3); });
  check([](nn::GraphBuilder&, Value x) { return x.linear(3, {.bias = false}); });
  check([](nn::GraphBuilder&, Value x) { return x.linear(20).tanh().linear(17).tanh().linear(2); });
  check([](nn::GraphBuilder&, Value x) { return x.linear(20).relu().linear(3); });
  check([](nn::GraphBuilder&, Value x) { return x.linear(9).gelu().linear(3); });
  check([](nn::GraphBuilder&, Value x) { return x.linear(9).silu().linear(3); });
  check([](nn::GraphBuilder&, Value x) { return x.linear(9).layer_norm(); });
  check([](nn::GraphBuilder&, Value x) { return x.linear(18).layer_norm().relu().linear(2); });
  check([](nn::GraphBuilder&, Value x) { return x.linear(18).layer_norm().tanh().linear(2); });
  check([](nn::GraphBuilder&, Value x) { return x.slice(2, 6).linear(5).tanh().slice(1, 4).linear(2); });
  check([](nn::GraphBuilder&, Value x) {
    const Value h = x.linear(6).tanh();
    return h.add(h.linear(6)).relu().linear(2);
  });
  check([](nn::GraphBuilder& b, Value x) {  // a value used by a join and elsewhere, and one used by the join alone
    const Value h = x.linear(6).tanh();
    return b.concat({h.linear(3), h, x, h.linear(2).tanh()}).add(x.linear(18)).linear(2);
  });
  check([](nn::GraphBuilder&, Value x) {  // the gradient of tanh and relu where they are not fused
    const Value h = x.linear(6);
    return h.tanh().add(h.relu()).linear(2);
  });
}

TEST_CASE("gradients of slotted modules agree with central differences, with and without padding") {
  const std::size_t rows = 4;
  const std::size_t width = 5;
  const std::vector<std::vector<int>> patterns{{1, 1, 1}, {1, 0, 1}, {0, 0, 0}, {0, 1, 0}};
  std::vector<double> in;
  for (std::size_t r = 0; r < rows; ++r) {
    const auto row = slot_row<double>(patterns[r], width, 10 + r);
    in.insert(in.end(), row.begin(), row.end());
    in.push_back(0.3 * static_cast<double>(r));
  }
  using Value = nn::GraphBuilder::Value;
  const auto check = [&](auto&& layers) {
    for (const bool masked : {true, false}) {
      nn::GraphBuilder builder;
      const Value x = builder.input(3 * width + 1);
      const Value slots = x.slots(0, 3, width, masked ? std::optional<std::size_t>(0) : std::nullopt);
      builder.output("y", layers(builder, x, slots));
      REQUIRE(check_gradients(builder.spec(), in, rows) <= 1e-7);
    }
  };
  check([](nn::GraphBuilder&, Value, Value s) { return s.linear(4).tanh().flatten().linear(2); });
  check([](nn::GraphBuilder&, Value, Value s) { return s.linear(4).attention(2).flatten(); });
  check([](nn::GraphBuilder&, Value, Value s) {
    const Value h = s.linear(6).layer_norm().relu();
    return h.add(h.attention(3)).layer_norm().flatten().linear(3).layer_norm();
  });
  check([](nn::GraphBuilder&, Value, Value s) { return s.linear(4).mean_pool().linear(2); });
  check([](nn::GraphBuilder&, Value, Value s) { return s.linear(4).max_pool().linear(2); });
  check([](nn::GraphBuilder& b, Value, Value s) {
    const Value h = s.linear(4).tanh();
    return b.concat({h.mean_pool(), h.max_pool(), h.slice(1, 2).flatten(), h.linear(2).flatten()}).linear(3);
  });
  check([](nn::GraphBuilder&, Value x, Value s) {  // a flat value added to every slot
    return s.linear(4).add(x.linear(4, {.bias = false})).relu().linear(2).flatten();
  });
  check([](nn::GraphBuilder& b, Value, Value s) {  // slotted concat, and slots cut out of a computed value
    const Value h = b.concat({s.linear(3), s, s.linear(2).tanh()}).linear(4).flatten();
    return h.tanh().slots(0, 3, 4).linear(2).mean_pool();
  });
}

TEST_CASE("gradients through stacked tokens agree with central differences") {
  nn::GraphBuilder builder;
  const auto x = builder.input(6);
  const auto shared = x.linear(8).tanh();
  const auto tokens = builder.stack({x.linear(8), shared, x.slice(0, 2).linear(8), shared.linear(8)});
  const auto attended = tokens.add(tokens.attention(4)).layer_norm();
  builder.output("y", attended.add(attended.linear(12).relu().linear(8)).layer_norm().mean_pool().linear(3));
  builder.output("z", shared.linear(2));
  REQUIRE(check_gradients(builder.spec(), random_input(3 * 6, 5), 3) <= 1e-7);
}

TEST_CASE("permuting valid slots permutes the rows of attention") {
  nn::GraphBuilder builder;
  builder.output("y", builder.input(4 * 6).slots(0, 4, 6, 0).linear(8).attention(2).flatten());
  Model<double> model(builder.spec());
  const auto in = slot_row<double>({1, 1, 0, 1}, 6, 4);
  const std::size_t order[] = {3, 0, 2, 1};
  std::vector<double> permuted(in.size());
  for (std::size_t s = 0; s < 4; ++s) std::copy_n(in.data() + order[s] * 6, 6, permuted.data() + s * 6);
  const auto y = model.forward(in, 1);
  const auto z = model.forward(permuted, 1);
  for (std::size_t s = 0; s < 4; ++s) {
    for (std::size_t j = 0; j < 8; ++j) REQUIRE_THAT(z[s * 8 + j], WithinAbs(y[order[s] * 8 + j], 1e-12));
  }
}

#ifndef RLX_WITH_BLAS  // a BLAS may choose another kernel for another number of rows
TEST_CASE("adding an invalid slot anywhere changes no bit of the valid rows") {
  const auto attend = [](std::size_t count, const std::vector<float>& in) {
    nn::GraphBuilder builder;
    const auto h = builder.input(count * 6).slots(0, count, 6, 0).linear(8).layer_norm();
    const auto mixed = h.add(h.attention(2)).layer_norm();
    builder.output("y", mixed.flatten());
    builder.output("pools", builder.concat({mixed.mean_pool(), mixed.max_pool()}));
    return Model<float>(builder.spec(), 1, 7).forward(in, 1);
  };
  const auto in = slot_row<float>({1, 1, 1}, 6, 4);
  const auto before = attend(3, in);
  for (std::size_t position = 0; position <= 3; ++position) {
    std::vector<float> more = in;
    const std::vector<float> garbage{0,  std::numeric_limits<float>::quiet_NaN(), 1e30F,
                                     -3, std::numeric_limits<float>::infinity(),  2};
    more.insert(more.begin() + static_cast<std::ptrdiff_t>(position * 6), garbage.begin(), garbage.end());
    auto after = attend(4, more);
    for (std::size_t j = 0; j < 8; ++j) REQUIRE(after[position * 8 + j] == 0.0F);
    after.erase(after.begin() + static_cast<std::ptrdiff_t>(position * 8),
                after.begin() + static_cast<std::ptrdiff_t>(position * 8 + 8));
    REQUIRE(std::memcmp(before.data(), after.data(), before.size() * sizeof(float)) == 0);
  }
}
#endif

TEST_CASE("what stands in an invalid slot, NaN included, changes no output and no gradient") {
  nn::GraphBuilder builder;
  const auto x = builder.input(2 * 5);
  const auto s = x.slots(0, 2, 5, 0).linear(6).layer_norm().relu();
  const auto mixed = s.add(s.attention(2)).layer_norm();
  builder.output("y", builder.concat({mixed.flatten(), s.mean_pool(), s.max_pool()}).linear(3));
  Model<float> model(builder.spec(), 2);
  std::vector<float> clean(20, 0.0F);
  auto random = stream(8);
  fill_normal(std::span(clean), 1.0, random);
  clean[0] = 1;   // row 0: slot 0 valid
  clean[5] = 0;   //        slot 1 empty
  clean[10] = 0;  // row 1: both empty
  clean[15] = 0;
  std::vector<float> dirty = clean;
  for (const int i : {6, 8, 11, 14, 19}) dirty[static_cast<std::size_t>(i)] = std::numeric_limits<float>::quiet_NaN();
  const auto run = [&](const std::vector<float>& in) {
    const auto y = model.forward(in, 2);
    for (std::size_t r = 0; r < 2; ++r) {
      for (std::size_t j = 0; j < 3; ++j) model.workspace.output_gradient("y")(r, j) = 1.0F;
    }
    model.store.zero_gradients();
    model.graph.backward(model.store.parameters(), model.store.gradients(), model.workspace);
    std::vector<float> all(y);
    all.insert(all.end(), model.store.gradients().begin(), model.store.gradients().end());
    return all;
  };
  const auto a = run(clean);
  const auto b = run(dirty);
  for (const float v : a) REQUIRE(rlx::is_finite(v));
  REQUIRE(std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

#ifndef RLX_WITH_BLAS  // a BLAS may choose another kernel for another number of rows
TEST_CASE("a row's result does not depend on the rows beside it") {
  nn::GraphBuilder builder;
  const auto x = builder.input(30);
  const auto s = x.slots(0, 3, 10, 0).linear(40).layer_norm().relu();
  builder.output("y", s.add(s.attention(4)).layer_norm().flatten().linear(70).tanh().linear(5));
  Model<float> model(builder.spec(), 40);
  std::vector<float> in(40 * 30);
  auto random = stream(9);
  fill_normal(std::span(in), 1.0, random);
  const auto together = model.forward(in, 40);
  for (const std::size_t rows : {std::size_t{1}, std::size_t{3}, std::size_t{8}, std::size_t{13}, std::size_t{20}}) {
    for (std::size_t r = 0; r + rows <= 40; r += rows) {
      const std::vector<float> part(in.begin() + static_cast<std::ptrdiff_t>(r * 30),
                                    in.begin() + static_cast<std::ptrdiff_t>((r + rows) * 30));
      const auto y = model.forward(part, rows);
      REQUIRE(std::memcmp(y.data(), together.data() + r * 5, y.size() * sizeof(float)) == 0);
    }
  }
}
#endif

TEST_CASE("backward adds to the gradients, leaves padding at 0, and repeats to the bit") {
  nn::GraphBuilder builder;
  builder.output("y", builder.input(5).linear(3).tanh().linear(2));
  Model<float> model(builder.spec(), 4);
  std::vector<float> in(20);
  auto random = stream(10);
  fill_normal(std::span(in), 1.0, random);
  const auto run = [&] {
    model.forward(in, 4);
    model.workspace.output_gradient("y")(1, 1) = 2.0F;
    model.graph.backward(model.store.parameters(), model.store.gradients(), model.workspace);
    return std::vector<float>(model.store.gradients().begin(), model.store.gradients().end());
  };
  const auto once = run();
  const auto twice = run();
  std::vector<bool> padding(once.size(), true);
  for (const nn::TensorInfo& t : model.store.layout())
    std::fill_n(padding.begin() + static_cast<std::ptrdiff_t>(t.offset), t.size, false);
  for (std::size_t i = 0; i < once.size(); ++i) {
    REQUIRE_THAT(static_cast<double>(twice[i]), WithinAbs(2 * static_cast<double>(once[i]), 1e-5));
    if (padding[i]) REQUIRE(once[i] == 0.0F);
  }
  model.store.zero_gradients();
  const auto again = run();
  REQUIRE(std::memcmp(once.data(), again.data(), once.size() * sizeof(float)) == 0);
}

TEST_CASE("embedding adds a row for each slot number, or looks up the row of a category") {
  nn::GraphBuilder builder;
  const auto x = builder.input(6);
  builder.output("slots", x.slots(0, 3, 2).embedding().flatten());
  builder.output("category", x.embedding(4, 5, 3));
  builder.output("slot categories", x.slots(0, 3, 2).embedding(1, 4, 1).flatten());
  Model<double> model(builder.spec());
  const auto fill = [&](const char* name) {
    const auto table = model.store.tensor(name);
    for (std::size_t i = 0; i < table.size(); ++i) table[i] = 10.0 * static_cast<double>(i + 1);
    return table.size();
  };
  REQUIRE(fill("embedding0.weight") == 3 * 2);
  REQUIRE(fill("embedding1.weight") == 5 * 3);
  REQUIRE(fill("embedding2.weight") == 4 * 1);
  const std::vector<double> in{0.5, 3, -1, 0, 2, 1};
  REQUIRE(model.forward(in, 1, "slots") == std::vector<double>{10.5, 23, 29, 40, 52, 61});
  REQUIRE(model.forward(in, 1, "category") == std::vector<double>{70, 80, 90});
  REQUIRE(model.forward(in, 1, "slot categories") == std::vector<double>{40, 10, 20});
}

TEST_CASE("a category outside its range or between two numbers is moved to the nearest one") {
  nn::GraphBuilder builder;
  builder.output("y", builder.input(1).embedding(0, 4, 1));
  Model<float> model(builder.spec());
  for (std::size_t i = 0; i < 4; ++i) model.store.tensor("embedding0.weight")[i] = static_cast<float>(i);
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> in{-7.0F, 0.4F, 1.6F, 3.2F, 1e30F, std::numeric_limits<float>::quiet_NaN(), infinity};
  REQUIRE(model.forward(in, 7) == std::vector<float>{0, 0, 2, 3, 3, 0, 0});
}

TEST_CASE("gradients of embeddings agree with central differences") {
  const std::size_t rows = 4;
  const std::vector<std::vector<int>> patterns{{1, 1, 1}, {1, 0, 1}, {0, 0, 0}, {0, 1, 0}};
  std::vector<double> in;
  for (std::size_t r = 0; r < rows; ++r) {
    auto row = slot_row<double>(patterns[r], 4, 30 + r);
    for (std::size_t s = 0; s < 3; ++s) row[s * 4 + 1] = static_cast<double>((r + s) % 3);
    in.insert(in.end(), row.begin(), row.end());
    in.push_back(static_cast<double>(r % 3));
  }
  using Value = nn::GraphBuilder::Value;
  const auto check = [&](auto&& layers) {
    for (const bool masked : {true, false}) {
      nn::GraphBuilder builder;
      const Value x = builder.input(13);
      const Value slots = x.slots(0, 3, 4, masked ? std::optional<std::size_t>(0) : std::nullopt);
      builder.output("y", layers(builder, x, slots));
      REQUIRE(check_gradients(builder.spec(), in, rows) <= 1e-7);
    }
  };
  check([](nn::GraphBuilder&, Value, Value s) { return s.embedding().flatten(); });
  check([](nn::GraphBuilder&, Value, Value s) { return s.linear(6).embedding().attention(2).mean_pool(); });
  check([](nn::GraphBuilder& b, Value, Value s) {  // a value that others use too
    const Value h = s.linear(3).tanh();
    return b.concat({h, h.embedding().relu(), s.embedding(1, 4, 2)}).linear(4).max_pool();
  });
  check([](nn::GraphBuilder& b, Value x, Value s) {
    return b.concat({x.embedding(12, 3, 5), x.linear(2), s.embedding(1, 3, 2).flatten()}).linear(3);
  });
  check([](nn::GraphBuilder& b, Value x, Value s) {  // categories of a computed value, which gets no slope from them
    const Value h = x.linear(3).tanh();
    return b.concat({h.embedding(1, 2, 4), h, x.linear(3).embedding(1, 2, 4), s.mean_pool()}).linear(2);
  });
}

TEST_CASE("an invalid slot's contents reach neither the tables nor what is made of them") {
  nn::GraphBuilder builder;
  const auto s = builder.input(2 * 4).slots(0, 2, 4, 0);
  const auto joined = builder.concat({s.linear(5).embedding().relu(), s.embedding(1, 3, 2)});
  builder.output("y", builder.concat({joined.flatten(), joined.mean_pool()}).linear(3));
  Model<float> model(builder.spec(), 1);
  const auto run = [&](const std::vector<float>& in) {
    auto all = model.forward(in, 1);
    for (std::size_t j = 0; j < 3; ++j) model.workspace.output_gradient("y")(0, j) = 1.0F;
    model.store.zero_gradients();
    model.graph.backward(model.store.parameters(), model.store.gradients(), model.workspace);
    for (std::size_t j = 0; j < 5; ++j) REQUIRE(model.store.gradient("embedding0.weight")[5 + j] == 0.0F);
    for (std::size_t j = 0; j < 2; ++j) REQUIRE(model.store.gradient("embedding1.weight")[j] == 0.0F);
    all.insert(all.end(), model.store.gradients().begin(), model.store.gradients().end());
    return all;
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto a = run({1, 2, 0.5F, -1, 0, 0, 0, 0});
  const auto b = run({1, 2, 0.5F, -1, 0, nan, 1e30F, nan});
  for (const float v : a) REQUIRE(rlx::is_finite(v));
  REQUIRE(std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

TEST_CASE("forward clears the output gradients, so that a head nobody trains contributes nothing") {
  nn::GraphBuilder builder;
  const auto x = builder.input(2);
  builder.output("a", x.linear(2));
  builder.output("b", x.linear(2));
  Model<float> model(builder.spec(), 1);
  model.forward({1, 2}, 1, "a");
  model.workspace.output_gradient("b")(0, 0) = 5;
  model.forward({1, 2}, 1, "a");
  model.workspace.output_gradient("a")(0, 0) = 1;
  model.graph.backward(model.store.parameters(), model.store.gradients(), model.workspace);
  for (const float g : model.store.gradient("linear1.weight")) REQUIRE(g == 0.0F);
  REQUIRE(model.store.gradient("linear0.weight")[2] == 2.0F);  // stored [inputs, outputs]: d y_0 / d W(1, 0) = x_1
}

TEST_CASE("forward and backward allocate nothing") {
  nn::GraphBuilder builder;
  const auto x = builder.input(30);
  const auto s = x.slots(0, 3, 10, 0).linear(16).layer_norm().relu();
  const auto h = s.add(s.attention(4)).layer_norm().embedding();
  const auto category = x.embedding(0, 3, 4);
  builder.output("y", builder.concat({h.flatten(), h.mean_pool(), h.max_pool(), category}).linear(70).tanh().linear(5).gelu());
  Model<float> model(builder.spec(), 32);
  const std::vector<float> in(32 * 30, 0.5F);
  const MatrixView<const float> view(in.data(), 32, 30);
  const std::size_t index = model.workspace.output_index("y");
  const rlx_test::AllocationCounter counter;
  model.graph.forward(model.store.parameters(), view, model.workspace);
  model.workspace.output_gradient(index)(0, 0) = 1;
  model.graph.backward(model.store.parameters(), model.store.gradients(), model.workspace);
  REQUIRE(counter.count() == 0);
}

TEST_CASE("a workspace without gradients serves forward passes and refuses backward ones") {
  nn::GraphBuilder builder;
  builder.output("y", builder.input(2).linear(2));
  Model<float> model(builder.spec());
  auto w = model.graph.make_workspace(1, false);
  const std::vector<float> in{1, 2};
  model.graph.forward(model.store.parameters(), MatrixView<const float>(in.data(), 1, 2), w);
  REQUIRE(w.output("y")(0, 0) == model.forward(in, 1)[0]);
  REQUIRE_THROWS_AS(model.graph.backward(model.store.parameters(), model.store.gradients(), w), rlx::ShapeError);
}

TEST_CASE("graphs that cannot work are refused by name") {
  using Value = nn::GraphBuilder::Value;
  const auto build = [](auto&& make) {
    nn::GraphBuilder b;
    b.output("y", make(b, b.input(12)));
    nn::ParameterStore<float> store;
    nn::Graph<float>::build(b.spec(), store);
  };
  REQUIRE_THROWS_WITH(build([](nn::GraphBuilder&, Value x) { return x.slots(0, 3, 4).attention(3).flatten(); }),
                      ContainsSubstring("attention0") && ContainsSubstring("4 is not divisible by 3"));
  REQUIRE_THROWS_WITH(build([](nn::GraphBuilder&, Value x) { return x.slice(8, 13).linear(1); }),
                      ContainsSubstring("slice0") && ContainsSubstring("12"));
  REQUIRE_THROWS_AS(build([](nn::GraphBuilder&, Value x) { return x.slots(0, 3, 5).flatten(); }), rlx::ShapeError);
  REQUIRE_THROWS_AS(build([](nn::GraphBuilder&, Value x) { return x.slots(0, 3, 4, 4).flatten(); }), rlx::ShapeError);
  REQUIRE_THROWS_AS(build([](nn::GraphBuilder&, Value x) { return x.linear(0); }), rlx::ShapeError);
  REQUIRE_THROWS_AS(build([](nn::GraphBuilder&, Value x) { return x.add(x.linear(3)); }), rlx::ShapeError);
  REQUIRE_THROWS_AS(build([](nn::GraphBuilder& b, Value x) { return b.stack({x, x.linear(3)}).flatten(); }), rlx::ShapeError);
  REQUIRE_THROWS_AS(build([](nn::GraphBuilder&, Value x) { return x.mean_pool(); }), rlx::ShapeError);
  REQUIRE_THROWS_WITH(build([](nn::GraphBuilder&, Value x) { return x.embedding(); }),
                      ContainsSubstring("embedding0") && ContainsSubstring("slotted input, found [12]"));
  REQUIRE_THROWS_WITH(build([](nn::GraphBuilder&, Value x) { return x.embedding(12, 3, 2); }),
                      ContainsSubstring("embedding0") && ContainsSubstring("column 12 is outside the input's 12"));
  REQUIRE_THROWS_AS(build([](nn::GraphBuilder&, Value x) { return x.embedding(1, 3, 0); }), rlx::ShapeError);
  REQUIRE_THROWS_AS(build([](nn::GraphBuilder&, Value x) { return x.embedding(1, 0, 4); }), rlx::ConfigError);
  REQUIRE_THROWS_AS(build([](nn::GraphBuilder&, Value x) { return x.slots(0, 3, 4); }), rlx::ShapeError);  // slotted output
  REQUIRE_THROWS_WITH(build([](nn::GraphBuilder&, Value x) {
                        x.linear(3);
                        return x.linear(2);
                      }),
                      ContainsSubstring("linear0") && ContainsSubstring("reaches no output"));
  REQUIRE_THROWS_AS(build([](nn::GraphBuilder& b, Value x) {
                      b.output("y", x.linear(1));
                      return x.linear(1);
                    }),
                    rlx::ConfigError);
  nn::ParameterStore<float> store;
  REQUIRE_THROWS_AS(nn::Graph<float>::build({}, store), rlx::ShapeError);
}

TEST_CASE("calls with buffers of other sizes are refused") {
  nn::GraphBuilder builder;
  builder.output("y", builder.input(2).linear(2));
  Model<float> model(builder.spec(), 2);
  const std::vector<float> in(9);
  const std::span<const float> parameters = model.store.parameters();
  REQUIRE_THROWS_AS(model.graph.forward(parameters, MatrixView<const float>(in.data(), 3, 2), model.workspace),
                    rlx::ShapeError);
  REQUIRE_THROWS_AS(model.graph.forward(parameters, MatrixView<const float>(in.data(), 2, 3), model.workspace),
                    rlx::ShapeError);
  REQUIRE_THROWS_AS(model.graph.forward(parameters.first(4), MatrixView<const float>(in.data(), 2, 2), model.workspace),
                    rlx::ShapeError);
  REQUIRE_THROWS_AS(model.graph.make_workspace(0), rlx::ConfigError);
  REQUIRE_THROWS_AS(model.workspace.output("z"), rlx::ConfigError);
}
