// SPDX-License-Identifier: MIT
/// @file
/// @brief CSV, state files, safetensors, TensorBoard, tables, charts, reports. Apart: io/jsonl.hpp (nlohmann/json), io/npy.hpp
/// (xtensor) and components such as io/gzip.hpp.
#ifndef RLX_IO_HPP
#define RLX_IO_HPP

#include <rlx/io/append_file.hpp>
#include <rlx/io/atomic_file.hpp>
#include <rlx/io/csv.hpp>
#include <rlx/io/html_report.hpp>
#include <rlx/io/http.hpp>
#include <rlx/io/iso8601.hpp>
#include <rlx/io/mapped_file.hpp>
#include <rlx/io/number_text.hpp>
#include <rlx/io/progress.hpp>
#include <rlx/io/safetensors.hpp>
#include <rlx/io/state_file.hpp>
#include <rlx/io/svg_chart.hpp>
#include <rlx/io/tensorboard.hpp>
#include <rlx/io/text_table.hpp>

#endif  // RLX_IO_HPP
