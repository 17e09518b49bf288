// SPDX-License-Identifier: MIT
#include <rlx/io/jsonl.hpp>

#include "rlx_catch.hpp"

#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

#include <unistd.h>

using namespace rlx;
using namespace rlx::io;
using nlohmann::json;

namespace {
struct TemporaryFolder {
  std::filesystem::path path = std::filesystem::temp_directory_path() / ("rlx_jsonl_" + std::to_string(::getpid()));
  TemporaryFolder() { std::filesystem::create_directories(path); }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  std::string file(const char* name) const { return (path / name).string(); }
};
std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}
}  // namespace

TEST_CASE("each object is one line, and what is not finite becomes null", "[io][jsonl]") {
  const TemporaryFolder folder;
  const std::string path = folder.file("a.jsonl");
  JsonlWriter writer(path);
  writer.write({{"a", 1}, {"b", "x\ny"}});
  REQUIRE(text_of(path) == "{\"a\":1,\"b\":\"x\\ny\"}\n");  // flushed after each line
  const double nan = std::numeric_limits<double>::quiet_NaN();
  writer.write({{"list", {nan, 1.5, json{{"deep", std::numeric_limits<double>::infinity()}}}}});
  REQUIRE(text_of(path).ends_with("{\"list\":[null,1.5,{\"deep\":null}]}\n"));
  REQUIRE(writer.lines() == 2);
  REQUIRE(writer.path() == path);
}

TEST_CASE("lines are appended, or the file begins anew", "[io][jsonl]") {
  const TemporaryFolder folder;
  const std::string path = folder.file("b.jsonl");
  JsonlWriter(path).write({{"n", 1}});
  JsonlWriter(path).write({{"n", 2}});
  REQUIRE(text_of(path) == "{\"n\":1}\n{\"n\":2}\n");
  JsonlWriter(path, {.append = false}).write({{"n", 3}});
  REQUIRE(text_of(path) == "{\"n\":3}\n");
}

TEST_CASE("a torn last line keeps its damage to itself", "[io][jsonl]") {
  const TemporaryFolder folder;
  const std::string path = folder.file("c.jsonl");
  std::ofstream(path) << "{\"n\":1}\n{\"n\":";
  JsonlWriter(path).write({{"n", 2}});
  REQUIRE(text_of(path) == "{\"n\":1}\n{\"n\":\n{\"n\":2}\n");
}

TEST_CASE("fewer flushes leave lines in the buffer until flush or the end", "[io][jsonl]") {
  const TemporaryFolder folder;
  const std::string path = folder.file("d.jsonl");
  {
    JsonlWriter writer(path, {.flush_every = 3});
    writer.write({{"n", 1}});
    writer.write({{"n", 2}});
    REQUIRE(text_of(path).empty());
    writer.write({{"n", 3}});
    REQUIRE(text_of(path).size() == 3 * 8);
    writer.write({{"n", 4}});
    writer.flush();
    REQUIRE(text_of(path).size() == 4 * 8);
    writer.write({{"n", 5}});
  }
  REQUIRE(text_of(path).size() == 5 * 8);
}

TEST_CASE("text that is no UTF-8 cannot break a line", "[io][jsonl]") {
  const TemporaryFolder folder;
  JsonlWriter writer(folder.file("e.jsonl"));
  writer.write({{"s", "a\xFFz"}});
  REQUIRE(json::parse(text_of(writer.path())).at("s") == "a\xEF\xBF\xBDz");
}

TEST_CASE("other than objects, and paths that cannot be written, are refused", "[io][jsonl]") {
  const TemporaryFolder folder;
  JsonlWriter writer(folder.file("f.jsonl"));
  REQUIRE_THROWS_WITH(writer.write(json::array({1, 2})), rlx_test::ContainsSubstring("must be a JSON object, got array"));
  REQUIRE_THROWS_WITH(JsonlWriter(folder.file("missing/g.jsonl")), rlx_test::ContainsSubstring("missing/g.jsonl"));
  REQUIRE_THROWS_AS(JsonlWriter(folder.path.string()), IoError);
}

TEST_CASE("a full disk is an error, not a lost line", "[io][jsonl]") {
  if (!std::filesystem::exists("/dev/full")) return;
  JsonlWriter writer("/dev/full", {.append = false});
  REQUIRE_THROWS_AS(writer.write({{"n", 1}}), IoError);
}
