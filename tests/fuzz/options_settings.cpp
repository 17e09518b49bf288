// SPDX-License-Identifier: MIT
// Any bytes as the settings file, and as the value of variables of every kind: settings that survive their own snapshot, or a
// ConfigError.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include <rlx/core/error.hpp>
#include <rlx/options/settings_json.hpp>

using namespace rlx::options;

namespace {

void require_stable(Settings settings) {
  settings.training_mode = true;  // so that the snapshot is complete
  const std::string snapshot = config_snapshot(settings).dump();
  if (parse_settings({}, &snapshot, "snapshot.json") != settings) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  static const std::string no_settings = "{}";
  try {
    require_stable(parse_settings({}, &text, "fuzz.json"));
  } catch (const rlx::ConfigError&) {
  }
  if (size > 100) return 0;
  for (const char* const name :
       {"UNDERLYINGS", "TRAINING_CALL_SIZE", "SEED", "DELTA_MIN", "DRY_RUN", "DECISION_MODE", "LOG_DIR"}) {
    try {
      require_stable(parse_settings({{name, text}}, &no_settings, "fuzz.json"));
    } catch (const rlx::ConfigError&) {
    }
  }
  return 0;
}
