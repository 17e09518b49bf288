// SPDX-License-Identifier: MIT
/// @file
/// @brief Columns of the real price and forecast files: environment variable RLX_DATA, else ../shared/data beside the
/// repository.
#ifndef RLX_TESTS_RISK_REAL_DATA_HPP
#define RLX_TESTS_RISK_REAL_DATA_HPP

#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "rlx_catch.hpp"

#ifndef RLX_SOURCE_DIR
#  define RLX_SOURCE_DIR "."
#endif

namespace rlx_test {

/// Fields of all lines but the header; empty, with a message, if the file is absent: the test then returns.
inline std::vector<std::vector<std::string>> real_rows(const std::string& name) {
  const char* const folder = std::getenv("RLX_DATA");
  const std::string path =
      std::string(folder != nullptr && *folder != '\0' ? folder : RLX_SOURCE_DIR "/../shared/data") + "/ohlcv/" + name;
  std::vector<std::vector<std::string>> rows;
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) WARN("skipped: " + path + " is absent (set RLX_DATA to the folder of the real data)");
  while (std::getline(file, line)) {
    std::istringstream text(line);
    rows.emplace_back();
    for (std::string field; std::getline(text, field, ',');) rows.back().push_back(field);
  }
  return rows;
}

}  // namespace rlx_test

#endif  // RLX_TESTS_RISK_REAL_DATA_HPP
