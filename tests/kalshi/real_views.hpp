// SPDX-License-Identifier: MIT
/// @file
/// @brief The recorded top-of-book events: environment variable RLX_DATA, else ../shared/data beside the repository.
#ifndef RLX_TESTS_KALSHI_REAL_VIEWS_HPP
#define RLX_TESTS_KALSHI_REAL_VIEWS_HPP

#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

#include <rlx/io/gzip.hpp>
#include <rlx/kalshi/import_bbo.hpp>
#include <rlx/kalshi/session_builder.hpp>

#include "rlx_catch.hpp"

#ifndef RLX_SOURCE_DIR
#  define RLX_SOURCE_DIR "."
#endif

namespace rlx_test {

// The session of one event such as "KXHIGHNY-25DEC16"; null, with a message, if its file is absent: the test then returns.
inline std::shared_ptr<const rlx::kalshi::SessionData> real_event(const std::string& event) {
  const char* const folder = std::getenv("RLX_DATA");
  const std::string path = std::string(folder != nullptr && *folder != '\0' ? folder : RLX_SOURCE_DIR "/../shared/data") +
                           "/kalshi/kxhighny_bbo/market_data_" + event + ".csv.gz";
  if (!std::ifstream(path).good()) {
    WARN("skipped: " + path + " is absent (set RLX_DATA to the folder of the real data)");
    return nullptr;
  }
  rlx::kalshi::SessionBuilder builder;
  rlx::kalshi::BboImportConfig config;
  config.utc_offset_us = rlx::kalshi::parse_utc_offset("-08:00");
  config.file = path;
  rlx::kalshi::import_bbo_csv(std::string_view(rlx::io::gunzip_file(path)), config, builder);
  return builder.finish();
}

}  // namespace rlx_test

#endif
