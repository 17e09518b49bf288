// SPDX-License-Identifier: MIT
/// @file
/// @brief The records of a core agent as JSON, both ways, and untrusted JSON text within limits.
///
/// Includes nlohmann/json.hpp, which the other headers of signals/ do not: whoever gives Json to them, or takes it from them,
/// includes this one too.
#ifndef RLX_SIGNALS_RECORDS_JSON_HPP
#define RLX_SIGNALS_RECORDS_JSON_HPP

#include <nlohmann/json.hpp>

#include <rlx/signals/detail/records_tree.hpp>
#include <rlx/signals/records.hpp>

#endif  // RLX_SIGNALS_RECORDS_JSON_HPP
