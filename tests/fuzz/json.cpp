// SPDX-License-Identifier: MIT
// Any bytes as a JSON configuration or metadata text: a value that dumps and parses to itself, or a DataError or ConfigError;
// the reader of checkpoints and policies takes nothing that the other one refuses, and for the same value.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <rlx/core/detail/json_tree.hpp>
#include <rlx/core/error.hpp>
#include <rlx/core/json.hpp>

using rlx::detail::JsonTree;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::optional<JsonTree> tree;
  try {
    tree = JsonTree::parse(text, "fuzz.json");
  } catch (const rlx::DataError&) {
  }
  if (tree) {  // whatever is thrown from here on ends the program
    const std::string written = tree->dump();
    if (JsonTree::parse(written, "again.json") != *tree) std::abort();
    if (rlx::parse_json(text, "fuzz.json") != rlx::parse_json(written, "written.json")) std::abort();
  }
  try {
    const nlohmann::json value = rlx::parse_json(text, "fuzz.json");
    if (rlx::parse_json(value.dump(), "again.json") != value) std::abort();
    rlx::JsonObject object(value, "fuzz");
    double rate = 0.0;
    std::vector<std::int32_t> sizes;
    object.read("learning_rate", rate);
    object.read("sizes", sizes);
    object.finish();
  } catch (const rlx::DataError&) {
  } catch (const rlx::ConfigError&) {
  }
  return 0;
}
