// SPDX-License-Identifier: MIT
/// @file
/// @brief The explicit instantiations of the target rlx::compiled. Headers that define these templates declare the same list
/// `extern` where RLX_COMPILED is defined.
#include <rlx/nn/adam.hpp>
#include <rlx/nn/graph.hpp>
#include <rlx/nn/initialization.hpp>
#include <rlx/nn/rms_prop.hpp>

namespace rlx::nn {

template class ParameterStore<float>;
template class Graph<float>;
template class BasicAdam<float>;
template class BasicRmsProp<float>;
template void initialize<float>(ParameterStore<float>&, const GraphSpec&, Initialization, std::uint64_t);

}  // namespace rlx::nn
