// SPDX-License-Identifier: MIT
/// @file
/// @brief All parameters of a model in one flat buffer, all gradients in a second one of the same layout.
#ifndef RLX_NN_PARAMETER_STORE_HPP
#define RLX_NN_PARAMETER_STORE_HPP

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/hash.hpp>
#include <rlx/nn/detail/aligned.hpp>

namespace rlx::inline v0_1::nn {

/// A vector whose storage starts at a multiple of 64 bytes, for buffers of the parameters' layout.
template <class T>
using AlignedVector = detail::AlignedVector<T>;

/// Index of a tensor in the order of `ParameterStore::add`.
using TensorId = std::size_t;

/// Where one tensor lies in the flat buffers.
struct TensorInfo {
  std::string name;                ///< unique, e.g. "actor.linear0.weight"
  std::vector<std::size_t> shape;  ///< row-major; weights of a linear layer are [inputs, outputs]
  std::size_t offset = 0;          ///< first element; offset * sizeof(S) is a multiple of 64
  std::size_t size = 0;            ///< product of the shape
  std::string group;               ///< part of the network, e.g. "actor"; empty where there is none

  /// Memberwise.
  friend bool operator==(const TensorInfo&, const TensorInfo&) = default;
};

/**
 * @brief Named tensors in one flat, 64-byte aligned buffer, and their gradients in a second buffer of the same layout.
 *
 * Each tensor starts at a multiple of 64 bytes; the padding between tensors is zero and must stay zero, so that norms, sums and
 * optimiser passes run over the whole buffers. Adding a tensor invalidates spans handed out before. Copies are deep. Reading
 * from several threads is safe; writing is the caller's to order.
 */
template <std::floating_point S>
class ParameterStore {
 public:
  /**
   * @brief Appends a tensor of zeros.
   * @param name   unique and not empty, else ConfigError
   * @param shape  all entries at least 1, else ShapeError
   * @param group  part of the network it belongs to
   */
  TensorId add(std::string name, std::vector<std::size_t> shape, std::string group = {}) {
    if (name.empty()) throw ConfigError("ParameterStore::add: a tensor needs a name; found an empty one");
    for (const TensorInfo& tensor : layout_) {
      if (tensor.name == name)
        throw ConfigError("ParameterStore::add: tensor '" + name + "' exists already; names must be unique");
    }
    std::size_t size = 1;
    for (const std::size_t extent : shape) {
      if (extent == 0)
        throw ShapeError("ParameterStore::add: tensor '" + name + "' has an extent of 0; every extent must be at least 1");
      size *= extent;
    }
    layout_.push_back({std::move(name), std::move(shape), parameters_.size(), size, std::move(group)});
    const std::size_t total = parameters_.size() + detail::padded<S>(size);
    parameters_.reserve(total);  // doubling would leave up to half of the memory unused
    parameters_.resize(total);
    gradients_.reserve(total);
    gradients_.resize(total);
    count_ += size;
    return layout_.size() - 1;
  }

  /// @{ The whole buffers, padding included. Equal length; element i of one belongs to element i of the other.
  std::span<S> parameters() noexcept { return parameters_; }
  std::span<const S> parameters() const noexcept { return parameters_; }
  std::span<S> gradients() noexcept { return gradients_; }
  std::span<const S> gradients() const noexcept { return gradients_; }
  /// @}
  /// Sets every gradient to 0.
  void zero_gradients() noexcept { std::fill(gradients_.begin(), gradients_.end(), S(0)); }

  /// Position of a tensor in `layout()`; ConfigError if there is none of that name.
  TensorId find(std::string_view name) const {
    for (TensorId id = 0; id < layout_.size(); ++id) {
      if (layout_[id].name == name) return id;
    }
    throw ConfigError("no tensor '" + std::string(name) + "' among the " + std::to_string(layout_.size()) +
                      " tensors of the parameter store; see layout() for the names");
  }
  /// @{ Elements of one tensor or of its gradient, without padding; std::out_of_range or ConfigError if there is none such.
  std::span<S> tensor(TensorId id) { return parameters().subspan(layout_.at(id).offset, layout_.at(id).size); }
  std::span<const S> tensor(TensorId id) const { return parameters().subspan(layout_.at(id).offset, layout_.at(id).size); }
  std::span<S> tensor(std::string_view name) { return tensor(find(name)); }
  std::span<const S> tensor(std::string_view name) const { return tensor(find(name)); }
  std::span<S> gradient(std::string_view name) {
    return gradients().subspan(layout_[find(name)].offset, layout_[find(name)].size);
  }
  std::span<const S> gradient(std::string_view name) const {
    return gradients().subspan(layout_[find(name)].offset, layout_[find(name)].size);
  }
  /// @}

  /// The tensors in the order they were added.
  const std::vector<TensorInfo>& layout() const noexcept { return layout_; }
  /// Number of parameters, padding not counted.
  std::size_t count() const noexcept { return count_; }
  /// The same of one group.
  std::size_t count(std::string_view group) const {
    std::size_t sum = 0;
    for (const TensorInfo& tensor : layout_) sum += tensor.group == group ? tensor.size : 0;
    return sum;
  }

  /// SHA-256 over the bytes of all parameters in the order of the layout, padding included, as 64 hexadecimal digits.
  std::string sha256() const {
    const auto bytes = std::as_bytes(std::span<const S>(parameters_));
    return sha256_hex(bytes);
  }

 private:
  detail::AlignedVector<S> parameters_, gradients_;
  std::vector<TensorInfo> layout_;
  std::size_t count_ = 0;
};

#ifdef RLX_COMPILED  // cmake/rlxCompiled.cpp holds it
extern template class ParameterStore<float>;
#endif

}  // namespace rlx::inline v0_1::nn

#endif  // RLX_NN_PARAMETER_STORE_HPP
