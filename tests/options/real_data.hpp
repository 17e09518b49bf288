// SPDX-License-Identifier: MIT
/// @file
/// @brief Where the real option data are: environment variable RLX_DATA, else ../shared/data beside the repository.
#ifndef RLX_TESTS_OPTIONS_REAL_DATA_HPP
#define RLX_TESTS_OPTIONS_REAL_DATA_HPP

#include <cstdlib>
#include <fstream>
#include <string>

#include "rlx_catch.hpp"

#ifndef RLX_SOURCE_DIR
#  define RLX_SOURCE_DIR "."
#endif

namespace rlx_test {

inline std::string options_data_path(const std::string& name) {
  const char* const folder = std::getenv("RLX_DATA");
  return std::string(folder != nullptr && *folder != '\0' ? folder : RLX_SOURCE_DIR "/../shared/data") + "/options/" + name;
}

// False, with a message, if the file is absent: the test then returns.
inline bool have_options_data(const std::string& name) {
  const std::string path = options_data_path(name);
  if (std::ifstream(path).good()) return true;
  WARN("skipped: " + path + " is absent (set RLX_DATA to the folder of the real data)");
  return false;
}

}  // namespace rlx_test

#endif
