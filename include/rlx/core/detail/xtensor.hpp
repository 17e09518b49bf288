// SPDX-License-Identifier: MIT
/// @file
/// @brief The only place that names xtensor's headers: 0.26 moved them into sub-folders.
#ifndef RLX_CORE_DETAIL_XTENSOR_HPP
#define RLX_CORE_DETAIL_XTENSOR_HPP
#if __has_include(<xtensor/containers/xtensor.hpp>)  // xtensor >= 0.26
#  include <xtensor/containers/xadapt.hpp>
#  include <xtensor/containers/xtensor.hpp>
#  include <xtensor/core/xmath.hpp>
#  include <xtensor/views/xview.hpp>
#else  // xtensor 0.24, 0.25
#  include <xtensor/xadapt.hpp>
#  include <xtensor/xmath.hpp>
#  include <xtensor/xtensor.hpp>
#  include <xtensor/xview.hpp>
#endif
#endif
