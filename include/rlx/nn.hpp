// SPDX-License-Identifier: MIT
/// @file
/// @brief Networks as graphs over flat parameters, distributions over actions, optimisers, schedules. Graphs as JSON apart:
/// nn/graph_json.hpp.
#ifndef RLX_NN_HPP
#define RLX_NN_HPP

#include <rlx/nn/adam.hpp>
#include <rlx/nn/categorical.hpp>
#include <rlx/nn/dirichlet.hpp>
#include <rlx/nn/gaussian.hpp>
#include <rlx/nn/grad_norm.hpp>
#include <rlx/nn/gradient_check.hpp>
#include <rlx/nn/graph.hpp>
#include <rlx/nn/graph_builder.hpp>
#include <rlx/nn/graph_spec.hpp>
#include <rlx/nn/initialization.hpp>
#include <rlx/nn/multi_discrete.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/nn/parameter_store.hpp>
#include <rlx/nn/rms_prop.hpp>
#include <rlx/nn/schedule.hpp>
#include <rlx/nn/tanh_gaussian.hpp>

#endif  // RLX_NN_HPP
