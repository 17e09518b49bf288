// SPDX-License-Identifier: MIT
/// @file
/// @brief One step of one LSTM row, forward and backward; the matrix products are done elsewhere.
#ifndef RLX_NN_DETAIL_LSTM_HPP
#define RLX_NN_DETAIL_LSTM_HPP

#include <cstddef>

#include <rlx/nn/detail/kernels.hpp>
#include <rlx/nn/detail/simd.hpp>

namespace rlx::inline v0_1::nn::detail {

/**
 * @brief c = sigmoid(f) c_before + sigmoid(i) tanh(g), h = sigmoid(o) tanh(c).
 * @param gates  pre-activations i, f, g, o of `hidden` numbers each; become their activations
 * @param c_before, c, h  `hidden` numbers each
 */
template <class S>
void lstm_forward(std::size_t hidden, S* gates, const S* c_before, S* c, S* h) {
  for_each_vector<S>(hidden, [&](auto get, auto put) {
    const Vec<S> i = S(1) / (S(1) + exp(-get(gates)));
    const Vec<S> f = S(1) / (S(1) + exp(-get(gates + hidden)));
    const Vec<S> g = tanh(get(gates + 2 * hidden));
    const Vec<S> o = S(1) / (S(1) + exp(-get(gates + 3 * hidden)));
    const Vec<S> cell = f * get(c_before) + i * g;
    put(gates, i);
    put(gates + hidden, f);
    put(gates + 2 * hidden, g);
    put(gates + 3 * hidden, o);
    put(c, cell);
    put(h, o * tanh(cell));
  });
}

/**
 * @brief Gradients of the gates' pre-activations, and of the cell before.
 * @param gates    activations that lstm_forward left
 * @param dh, dh_later  d(loss)/dh of this step's own users, and through the next step
 * @param dc       d(loss)/dc through the next step; becomes that of c_before
 * @param d_gates  receives i, f, g, o
 */
template <class S>
void lstm_backward(std::size_t hidden, const S* gates, const S* c_before, const S* c, const S* dh, const S* dh_later, S* dc,
                   S* d_gates) {
  for_each_vector<S>(hidden, [&](auto get, auto put) {
    const Vec<S> i = get(gates);
    const Vec<S> f = get(gates + hidden);
    const Vec<S> g = get(gates + 2 * hidden);
    const Vec<S> o = get(gates + 3 * hidden);
    const Vec<S> bounded = tanh(get(c));
    const Vec<S> own = get(dh) + get(dh_later);
    const Vec<S> d = get(dc) + own * o * (S(1) - bounded * bounded);
    put(d_gates, d * g * i * (S(1) - i));
    put(d_gates + hidden, d * get(c_before) * f * (S(1) - f));
    put(d_gates + 2 * hidden, d * i * (S(1) - g * g));
    put(d_gates + 3 * hidden, own * bounded * o * (S(1) - o));
    put(dc, d * f);
  });
}

}  // namespace rlx::inline v0_1::nn::detail

#endif  // RLX_NN_DETAIL_LSTM_HPP
