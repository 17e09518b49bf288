// SPDX-License-Identifier: MIT
/// @file
/// @brief Softmax attention of one sample between its valid slots; the projections are matrix products done elsewhere.
///
/// Only valid slots are visited, in ascending order, so that neither their number of invalid neighbours nor what those hold
/// changes a bit of the result.
#ifndef RLX_NN_DETAIL_ATTENTION_HPP
#define RLX_NN_DETAIL_ATTENTION_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include <rlx/nn/detail/kernels.hpp>
#include <rlx/nn/detail/simd.hpp>

namespace rlx::inline v0_1::nn::detail {

template <class S>
struct AttentionShape {
  std::size_t slots, width, heads;
  std::size_t depth() const { return width / heads; }
  /// Slots rounded up to whole vectors.
  std::size_t keys() const { return (slots + lanes<S> - 1) / lanes<S> * lanes<S>; }
  /// Numbers kept per sample between forward and backward: the attention weights [heads][slots][keys].
  std::size_t weights_size() const { return heads * slots * keys(); }
  /// Temporary numbers per thread: a transposed block and one row.
  std::size_t scratch_size() const { return depth() * keys() + keys(); }
};

/// transposed(c, j) = x(valid[j], c), 0 for the j that fill up the last vector.
template <class S>
void transpose_slots(std::size_t depth, std::size_t keys, std::span<const std::uint32_t> valid, Rows<const S> x,
                     S* transposed) {
  const std::size_t used = (valid.size() + lanes<S> - 1) / lanes<S> * lanes<S>;
  for (std::size_t c = 0; c < depth; ++c) {
    S* to = transposed + c * keys;
    std::size_t j = 0;
    for (; j < valid.size(); ++j) to[j] = x.row(valid[j])[c];
    for (; j < used; ++j) to[j] = S(0);
  }
}

/// to[j] = sum over c of row[c] transposed(c, j), for the vectors that hold the first `count` j.
template <class S>
void row_times_transposed(std::size_t depth, std::size_t keys, std::size_t count, const S* row, const S* transposed, S* to) {
  for (std::size_t j = 0; j < count; j += lanes<S>) {
    Vec<S> sum[4] = {};
    std::size_t c = 0;
    for (; c + 4 <= depth; c += 4) {
      for (std::size_t u = 0; u < 4; ++u) sum[u] += row[c + u] * load<S>(transposed + (c + u) * keys + j);
    }
    for (; c < depth; ++c) sum[0] += row[c] * load<S>(transposed + c * keys + j);
    store<S>(to + j, (sum[0] + sum[1]) + (sum[2] + sum[3]));
  }
}

/// Weights become the softmax of scale * weights[0, count); lanes beyond become 0.
template <class S>
void softmax_row(std::size_t count, S scale, S* weights) {
  S largest = weights[0];
  for (std::size_t j = 1; j < count; ++j) largest = std::max(largest, weights[j]);
  Vec<S> sum{};
  for (std::size_t j = 0; j < count; j += lanes<S>) {
    const std::size_t present = std::min(lanes<S>, count - j);
    Vec<S> e = exp((load<S>(weights + j) - largest) * scale);
    if (present < lanes<S>) {
      store<S>(weights + j, e);
      e = load_partial<S>(weights + j, present);
    }
    store<S>(weights + j, e);
    sum += e;
  }
  const S inverse = S(1) / sum_lanes<S>(sum);
  for (std::size_t j = 0; j < count; j += lanes<S>) store<S>(weights + j, load<S>(weights + j) * inverse);
}

/**
 * @brief out(i) = concatenated heads of softmax(Q_i K^T / sqrt(depth)) V over valid slots; rows of invalid slots become 0.
 * @param qkv      [slots][3 width]
 * @param weights  receives [heads][valid][keys]
 */
template <class S>
void attention_forward(const AttentionShape<S>& shape, std::span<const std::uint32_t> valid, Rows<const S> qkv, Rows<S> out,
                       S* weights, S* scratch) {
  const std::size_t depth = shape.depth();
  const std::size_t keys = shape.keys();
  const S scale = S(1) / std::sqrt(static_cast<S>(depth));
  if (valid.size() < shape.slots) zero_rows<S>(shape.slots, shape.width, out);
  for (std::size_t h = 0; h < shape.heads; ++h) {
    const S* query = qkv.data + h * depth;
    const S* key = query + shape.width;
    const S* value = key + shape.width;
    transpose_slots<S>(depth, keys, valid, {key, qkv.stride}, scratch);
    for (std::size_t q = 0; q < valid.size(); ++q) {
      S* a = weights + (h * shape.slots + q) * keys;
      row_times_transposed<S>(depth, keys, valid.size(), query + valid[q] * qkv.stride, scratch, a);
      softmax_row<S>(valid.size(), scale, a);
      S* to = out.row(valid[q]) + h * depth;
      for_each_vector<S>(depth, [&](auto get, auto put) {
        Vec<S> sum{};
        for (std::size_t j = 0; j < valid.size(); ++j) sum += a[j] * get(value + valid[j] * qkv.stride);
        put(to, sum);
      });
    }
  }
}

/// d_qkv is overwritten; rows of invalid slots become 0.
template <class S>
void attention_backward(const AttentionShape<S>& shape, std::span<const std::uint32_t> valid, Rows<const S> qkv,
                        const S* weights, Rows<const S> d_out, Rows<S> d_qkv, S* scratch) {
  const std::size_t depth = shape.depth();
  const std::size_t keys = shape.keys();
  const S scale = S(1) / std::sqrt(static_cast<S>(depth));
  S* ds = scratch + depth * keys;
  zero_rows<S>(shape.slots, 3 * shape.width, d_qkv);
  for (std::size_t h = 0; h < shape.heads; ++h) {
    const S* query = qkv.data + h * depth;
    const S* key = query + shape.width;
    const S* value = key + shape.width;
    S* d_query = d_qkv.data + h * depth;
    S* d_key = d_query + shape.width;
    S* d_value = d_key + shape.width;
    transpose_slots<S>(depth, keys, valid, {value, qkv.stride}, scratch);
    for (std::size_t q = 0; q < valid.size(); ++q) {
      const S* a = weights + (h * shape.slots + q) * keys;
      const S* g = d_out.row(valid[q]) + h * depth;
      const S* own = query + valid[q] * qkv.stride;
      row_times_transposed<S>(depth, keys, valid.size(), g, scratch, ds);
      Vec<S> total{};
      for (std::size_t j = 0; j < valid.size(); j += lanes<S>) total += load<S>(a + j) * load<S>(ds + j);
      const S mean = sum_lanes<S>(total);
      for (std::size_t j = 0; j < valid.size(); j += lanes<S>)
        store<S>(ds + j, load<S>(a + j) * (load<S>(ds + j) - mean) * scale);
      S* to = d_query + valid[q] * d_qkv.stride;
      for_each_vector<S>(depth, [&](auto get, auto put) {
        const Vec<S> gradient = get(g);
        const Vec<S> own_query = get(own);
        Vec<S> sum{};
        for (std::size_t j = 0; j < valid.size(); ++j) {
          S* dk = d_key + valid[j] * d_qkv.stride;
          S* dv = d_value + valid[j] * d_qkv.stride;
          sum += ds[j] * get(key + valid[j] * qkv.stride);
          put(dk, get(dk) + ds[j] * own_query);
          put(dv, get(dv) + a[j] * gradient);
        }
        put(to, sum);
      });
    }
  }
}

}  // namespace rlx::inline v0_1::nn::detail

#endif  // RLX_NN_DETAIL_ATTENTION_HPP
