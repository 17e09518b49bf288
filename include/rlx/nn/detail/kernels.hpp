// SPDX-License-Identifier: MIT
/// @file
/// @brief Row kernels of the graph's nodes. Matrices are (pointer, distance between rows); sums have one fixed order.
#ifndef RLX_NN_DETAIL_KERNELS_HPP
#define RLX_NN_DETAIL_KERNELS_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>

#include <rlx/nn/detail/simd.hpp>
#include <rlx/nn/graph_spec.hpp>

namespace rlx::inline v0_1::nn::detail {

/// A matrix inside a workspace.
template <class S>
struct Rows {
  S* data = nullptr;
  std::size_t stride = 0;
  S* row(std::size_t r) const { return data + r * stride; }
};

/// Runs f(j, load, store) over a row: full vectors first, then one partial vector whose missing lanes read as 0.
template <class S, class F>
RLX_NN_INLINE void for_each_vector(std::size_t width, F&& f) {
  std::size_t j = 0;
  for (; j + lanes<S> <= width; j += lanes<S>) {
    f([j](const S* p) { return load<S>(p + j); }, [j](S* p, Vec<S> v) { store<S>(p + j, v); });
  }
  if (j < width) {
    const std::size_t count = width - j;
    f([j, count](const S* p) { return load_partial<S>(p + j, count); },
      [j, count](S* p, Vec<S> v) { store_partial<S>(p + j, v, count); });
  }
}

/// y = x, or y += x, row by row.
template <class S>
void copy_rows(std::size_t rows, std::size_t width, Rows<const S> x, Rows<S> y, bool accumulate) {
  for (std::size_t r = 0; r < rows; ++r) {
    const S* from = x.row(r);
    S* to = y.row(r);
    if (accumulate) {
      for_each_vector<S>(width, [&](auto get, auto put) { put(to, get(to) + get(from)); });
    } else {
      std::copy_n(from, width, to);
    }
  }
}

template <class S>
void zero_rows(std::size_t rows, std::size_t width, Rows<S> x) {
  for (std::size_t r = 0; r < rows; ++r) std::fill_n(x.row(r), width, S(0));
}

/// sum[j] += x(0, j) + x(1, j) + ...
template <class S>
void add_column_sums(std::size_t rows, std::size_t width, Rows<const S> x, S* sum) {
  for (std::size_t r = 0; r < rows; ++r) {
    const S* from = x.row(r);
    for_each_vector<S>(width, [&](auto get, auto put) { put(sum, get(sum) + get(from)); });
  }
}

/// Standard normal distribution function and density.
template <class S>
S normal_cdf(S x) {
  return S(0.5) * std::erfc(-x * (S(1) / std::numbers::sqrt2_v<S>));
}
template <class S>
S normal_density(S x) {
  return std::exp(S(-0.5) * x * x) * (std::numbers::inv_sqrtpi_v<S> / std::numbers::sqrt2_v<S>);
}

/// y = activation(x); x and y may be the same. relu keeps NaN.
template <class S>
void activate(NodeKind kind, std::size_t rows, std::size_t width, Rows<const S> x, Rows<S> y) {
  for (std::size_t r = 0; r < rows; ++r) {
    const S* from = x.row(r);
    S* to = y.row(r);
    switch (kind) {
      case NodeKind::relu:
        for_each_vector<S>(width, [&](auto get, auto put) { put(to, rectify<S>(get(from))); });
        break;
      case NodeKind::tanh:
        for_each_vector<S>(width, [&](auto get, auto put) { put(to, tanh(get(from))); });
        break;
      case NodeKind::silu:
        for_each_vector<S>(width, [&](auto get, auto put) {
          const Vec<S> v = get(from);
          put(to, v / (S(1) + exp(-v)));
        });
        break;
      default:
        for (std::size_t j = 0; j < width; ++j) to[j] = from[j] * normal_cdf(from[j]);
    }
  }
}

/// g *= activation'(.) in place, for activations whose derivative is a function of y = activation(x): relu and tanh.
template <class S>
void activation_gradient_in_place(NodeKind kind, std::size_t rows, std::size_t width, Rows<const S> y, Rows<S> g) {
  for (std::size_t r = 0; r < rows; ++r) {
    const S* value = y.row(r);
    S* gradient = g.row(r);
    if (kind == NodeKind::relu) {
      for_each_vector<S>(width, [&](auto get, auto put) { put(gradient, get(value) > S(0) ? get(gradient) : Vec<S>{}); });
    } else {
      for_each_vector<S>(width, [&](auto get, auto put) {
        const Vec<S> v = get(value);
        put(gradient, get(gradient) * (S(1) - v * v));
      });
    }
  }
}

/// dx (+)= g * activation'(x).
template <class S>
void activation_gradient(NodeKind kind, std::size_t rows, std::size_t width, Rows<const S> x, Rows<const S> y, Rows<const S> g,
                         Rows<S> dx, bool accumulate) {
  for (std::size_t r = 0; r < rows; ++r) {
    const S* from = x.row(r);
    const S* value = y.row(r);
    const S* gradient = g.row(r);
    S* to = dx.row(r);
    for (std::size_t j = 0; j < width; ++j) {
      S slope;
      switch (kind) {
        case NodeKind::relu:
          slope = value[j] > S(0) ? S(1) : S(0);
          break;
        case NodeKind::tanh:
          slope = S(1) - value[j] * value[j];
          break;
        case NodeKind::silu: {
          const S sigmoid = S(1) / (S(1) + std::exp(-from[j]));
          slope = sigmoid * (S(1) + from[j] * (S(1) - sigmoid));
          break;
        }
        default:
          slope = normal_cdf(from[j]) + from[j] * normal_density(from[j]);
      }
      to[j] = gradient[j] * slope + (accumulate ? to[j] : S(0));
    }
  }
}

inline constexpr double layer_norm_epsilon = 1e-5;

/// y = gain (x - mean) / sqrt(var + 1e-5) + bias, then relu if asked; stats receives mean and 1 / sqrt(...) of each row.
template <class S>
void layer_norm_forward(std::size_t rows, std::size_t width, Rows<const S> x, const S* gain, const S* bias, Rows<S> y, S* stats,
                        bool relu) {
  const S inverse_width = S(1) / static_cast<S>(width);
  for (std::size_t r = 0; r < rows; ++r) {
    const S* from = x.row(r);
    S* to = y.row(r);
    Vec<S> sum{};
    for_each_vector<S>(width, [&](auto get, auto) { sum += get(from); });
    const S mean = sum_lanes<S>(sum) * inverse_width;
    Vec<S> squares{};
    std::size_t j = 0;
    for (; j + lanes<S> <= width; j += lanes<S>) {
      const Vec<S> d = load<S>(from + j) - mean;
      squares += d * d;
    }
    if (j < width) {
      const Vec<S> d = load_partial<S>(from + j, width - j, mean) - mean;
      squares += d * d;
    }
    const S scale = S(1) / std::sqrt(sum_lanes<S>(squares) * inverse_width + S(layer_norm_epsilon));
    stats[2 * r] = mean;
    stats[2 * r + 1] = scale;
    for_each_vector<S>(width, [&](auto get, auto put) {
      const Vec<S> v = (get(from) - mean) * scale * get(gain) + get(bias);
      put(to, relu ? rectify<S>(v) : v);
    });
  }
}

/// Adds to d_gain and d_bias; dx (+)= ..., or not at all if dx.data is null. `y` is read only with relu.
template <class S>
void layer_norm_backward(std::size_t rows, std::size_t width, Rows<const S> x, const S* stats, const S* gain, Rows<const S> y,
                         bool relu, Rows<const S> g, S* d_gain, S* d_bias, Rows<S> dx, bool accumulate) {
  const S inverse_width = S(1) / static_cast<S>(width);
  for (std::size_t r = 0; r < rows; ++r) {
    const S* from = x.row(r);
    const S* value = y.row(r);
    const S* gradient = g.row(r);
    const S mean = stats[2 * r];
    const S scale = stats[2 * r + 1];
    const auto slope = [&](auto get) {
      const Vec<S> v = get(gradient);
      return relu ? (get(value) > S(0) ? v : Vec<S>{}) : v;
    };
    Vec<S> sum{};
    Vec<S> product{};
    for_each_vector<S>(width, [&](auto get, auto put) {
      const Vec<S> v = slope(get);
      const Vec<S> normal = (get(from) - mean) * scale;
      const Vec<S> h = v * get(gain);  // 0 in missing lanes
      sum += h;
      product += h * normal;
      put(d_gain, get(d_gain) + v * normal);
      put(d_bias, get(d_bias) + v);
    });
    if (dx.data == nullptr) continue;
    S* to = dx.row(r);
    const S mean_h = sum_lanes<S>(sum) * inverse_width;
    const S mean_product = sum_lanes<S>(product) * inverse_width;
    for_each_vector<S>(width, [&](auto get, auto put) {
      const Vec<S> normal = (get(from) - mean) * scale;
      const Vec<S> v = (slope(get) * get(gain) - mean_h - normal * mean_product) * scale;
      put(to, accumulate ? get(to) + v : v);
    });
  }
}

}  // namespace rlx::inline v0_1::nn::detail

#endif  // RLX_NN_DETAIL_KERNELS_HPP
