// SPDX-License-Identifier: MIT
/// @file
/// @brief Initial parameters: orthogonal (the default of PPO and A2C) or PyTorch's.
#ifndef RLX_NN_INITIALIZATION_HPP
#define RLX_NN_INITIALIZATION_HPP

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/nn/graph_spec.hpp>
#include <rlx/nn/parameter_store.hpp>

namespace rlx::inline v0_1::nn {

/// How `initialize` draws the parameters.
enum class Initialization : std::uint8_t {
  orthogonal,  ///< weights orthogonal times the node's gain (lstm: 1), biases 0
  torch_like   ///< linear: weights and biases U(+-1/sqrt(inputs)); attention's first projection U(+-sqrt(6/(4E))), its biases
               ///< 0; lstm: all U(+-1/sqrt(H))
};

namespace detail {

/**
 * Matrix [inputs, outputs] with W^T W or W W^T (the smaller one) = gain^2 I: Gaussian numbers drawn row by row, orthonormalised
 * by Gram-Schmidt, twice, in double. Gram-Schmidt is the QR factorisation with a positive diagonal of R.
 */
template <class S>
void fill_orthogonal(std::span<S> weight, std::size_t inputs, std::size_t outputs, double gain, RandomStream& stream) {
  const std::size_t count = std::min(inputs, outputs);
  const std::size_t length = std::max(inputs, outputs);
  std::vector<double> vectors(count * length);
  for (double& x : vectors) x = stream.normal();
  const auto dot = [length](const double* a, const double* b) {
    double sums[8] = {};
    std::size_t i = 0;
    for (; i + 8 <= length; i += 8) {
      for (std::size_t j = 0; j < 8; ++j) sums[j] += a[i + j] * b[i + j];
    }
    for (; i < length; ++i) sums[0] += a[i] * b[i];
    return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
  };
  for (std::size_t k = 0; k < count; ++k) {
    double* v = vectors.data() + k * length;
    for (int pass = 0; pass < 2; ++pass) {
      for (std::size_t other = 0; other < k; ++other) {
        const double* u = vectors.data() + other * length;
        const double projection = dot(u, v);
        for (std::size_t i = 0; i < length; ++i) v[i] -= projection * u[i];
      }
    }
    const double scale = 1.0 / std::sqrt(dot(v, v));
    for (std::size_t i = 0; i < length; ++i) v[i] *= scale;
  }
  for (std::size_t i = 0; i < inputs; ++i) {
    for (std::size_t o = 0; o < outputs; ++o) {
      const double x = inputs <= outputs ? vectors[i * length + o] : vectors[o * length + i];
      weight[i * outputs + o] = static_cast<S>(gain * x);
    }
  }
}

template <class S>
void fill_uniform(std::span<S> weight, double bound, RandomStream& stream) {
  for (S& x : weight) x = static_cast<S>(stream.uniform(-bound, bound));
}

}  // namespace detail

/**
 * @brief Sets every tensor that `spec` added to `store`; layer norms start at gain 1 and bias 0, embeddings at N(0, 1).
 *
 * Tensor k of the store draws from the stream (seed, initialisation, env = k), so equal arguments give equal bytes. A linear
 * node with `fan_in` is scaled as its part of the whole product: gain sqrt(inputs / fan_in).
 * @throws ConfigError if a tensor is missing in the store
 */
template <std::floating_point S>
void initialize(ParameterStore<S>& store, const GraphSpec& spec, Initialization kind, std::uint64_t seed) {
  const std::vector<NodeShape> shapes = infer_shapes(spec);
  for (const NodeSpec& node : spec.nodes) {
    if (node.inputs.empty()) continue;
    const NodeShape& x = shapes[node.inputs[0]];
    const std::size_t inputs = x.width;
    const bool lstm = node.kind == NodeKind::lstm;
    const double whole = static_cast<double>(node.fan_in == 0 ? inputs : node.fan_in);
    const double gain = lstm ? 1.0 : node.gain * std::sqrt(static_cast<double>(inputs) / whole);
    for (const TensorSpec& tensor : tensors_of(node, x)) {
      const TensorId id = store.find(node.name + '.' + tensor.suffix);
      const std::span<S> values = store.tensor(id);
      RandomStream stream({.seed = seed, .purpose = Purpose::initialisation, .env = static_cast<std::uint32_t>(id)});
      const bool weight = tensor.shape.size() == 2;
      if (node.kind == NodeKind::layer_norm) {
        std::fill(values.begin(), values.end(), tensor.suffix == "gain" ? S(1) : S(0));
      } else if (node.kind == NodeKind::embedding) {
        for (S& value : values) value = static_cast<S>(stream.normal());
      } else if (kind == Initialization::orthogonal) {
        if (weight) {
          detail::fill_orthogonal(values, tensor.shape[0], tensor.shape[1], gain, stream);
        } else {
          std::fill(values.begin(), values.end(), S(0));
        }
      } else if (node.kind == NodeKind::attention && !(tensor.suffix == "out_weight")) {
        if (weight) {
          detail::fill_uniform(values, std::sqrt(6.0 / (4.0 * static_cast<double>(inputs))), stream);
        } else {
          std::fill(values.begin(), values.end(), S(0));
        }
      } else {
        detail::fill_uniform(values, 1.0 / std::sqrt(lstm ? static_cast<double>(node.width) : whole), stream);
      }
    }
  }
}

#ifdef RLX_COMPILED  // cmake/rlxCompiled.cpp holds it
extern template void initialize<float>(ParameterStore<float>&, const GraphSpec&, Initialization, std::uint64_t);
#endif

}  // namespace rlx::inline v0_1::nn

#endif  // RLX_NN_INITIALIZATION_HPP
