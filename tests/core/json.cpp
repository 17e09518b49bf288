// SPDX-License-Identifier: MIT
#include <rlx/core/json.hpp>

#include "rlx_catch.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <rlx/core/detail/json_escape.hpp>
#include <rlx/core/detail/json_tree.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/random.hpp>

using nlohmann::json;
using rlx_test::ContainsSubstring;

namespace {

enum class Mode { same_step, next_step };

struct Config {
  std::size_t n_steps = 2048;
  double gamma = 0.99;
  bool normalize = true;
};

Config read_config(const json& value) {
  Config config;
  rlx::JsonObject in(value, "ppo");
  in.read("n_steps", config.n_steps);
  in.read("gamma", config.gamma);
  in.read("normalize", config.normalize);
  in.finish();
  return config;
}

}  // namespace

TEST_CASE("known keys are read and absent ones keep their default", "[core][json]") {
  const Config config = read_config(json::parse(R"({"n_steps": 64, "normalize": false})"));
  CHECK(config.n_steps == 64);
  CHECK(config.gamma == 0.99);
  CHECK_FALSE(config.normalize);
}

TEST_CASE("an unknown key is refused with the nearest known one", "[core][json]") {
  CHECK_THROWS_AS(read_config(json::parse(R"({"n_step": 64})")), rlx::ConfigError);
  CHECK_THROWS_WITH(read_config(json::parse(R"({"n_step": 64})")), "unknown key 'n_step' in ppo: did you mean 'n_steps'?");
  CHECK_THROWS_WITH(read_config(json::parse(R"({"xyzzy": 64})")),
                    "unknown key 'xyzzy' in ppo: expected one of 'gamma', 'n_steps', 'normalize'");
  const json value = json::parse(R"({"a": 1})");
  CHECK_THROWS_WITH(rlx::JsonObject(value, "empty").finish(), ContainsSubstring("no key is known here"));
}

TEST_CASE("a wrong type is refused with its path and the value found", "[core][json]") {
  CHECK_THROWS_WITH(read_config(json::parse(R"({"n_steps": "many"})")),
                    "ppo.n_steps: expected an integer between 0 and 18446744073709551615, found string \"many\"");
  CHECK_THROWS_WITH(read_config(json::parse(R"({"gamma": "0.9"})")), ContainsSubstring("ppo.gamma: expected a number"));
  CHECK_THROWS_WITH(read_config(json::parse(R"({"normalize": 1})")),
                    ContainsSubstring("ppo.normalize: expected true or false"));
  CHECK_THROWS_WITH(read_config(json::parse("[1]")), ContainsSubstring("ppo: expected an object, found array [1]"));
  CHECK_THROWS_WITH(read_config(json::parse(R"({"gamma": null})")), ContainsSubstring("found null"));
}

TEST_CASE("nothing is converted, truncated or wrapped around", "[core][json]") {
  const auto read = [](const char* text, auto type) { return rlx::json_as<decltype(type)>(json::parse(text), "x"); };
  CHECK(read("255", std::uint8_t{}) == 255);
  CHECK(read("-128", std::int8_t{}) == -128);
  CHECK(read("18446744073709551615", std::uint64_t{}) == 18446744073709551615ULL);
  CHECK(read("-9223372036854775808", std::int64_t{}) == std::numeric_limits<std::int64_t>::min());
  CHECK(read("3", 0.0) == 3.0);
  for (const char* text : {"256", "-1", "1.0", "true", "1e2"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(read(text, std::uint8_t{}), rlx::ConfigError);
  }
  CHECK_THROWS_AS(read("9223372036854775808", std::int64_t{}), rlx::ConfigError);
  CHECK_THROWS_AS(read("1e39", 0.0F), rlx::ConfigError);  // infinite in float
  CHECK_THROWS_AS(read("0", true), rlx::ConfigError);
  CHECK_THROWS_AS(read("1", std::string{}), rlx::ConfigError);
}

TEST_CASE("vectors, arrays and optionals are read with the path of the element", "[core][json]") {
  const json value = json::parse(R"({"layers": [64, 32], "range": [0.5, 1.5], "limit": null, "other": 2, "bad": [1, "x"]})");
  rlx::JsonObject in(value, "net");
  CHECK(in.get<std::vector<int>>("layers") == std::vector<int>{64, 32});
  CHECK(in.get<std::array<double, 2>>("range") == std::array<double, 2>{0.5, 1.5});
  CHECK(in.get<std::optional<double>>("limit") == std::nullopt);
  CHECK(in.get<std::optional<double>>("other") == 2.0);
  CHECK_THROWS_WITH(in.get<std::vector<int>>("bad"), ContainsSubstring("net.bad[1]: expected an integer"));
  CHECK_THROWS_WITH((in.get<std::array<double, 3>>("range")), ContainsSubstring("net.range: expected an array of 3"));
  CHECK_THROWS_WITH(in.get<std::vector<int>>("other"), ContainsSubstring("net.other: expected an array"));
  CHECK_NOTHROW(in.finish());
}

TEST_CASE("required keys, defaults and presence", "[core][json]") {
  const json value = json::parse(R"({"seeds": 7})");
  rlx::JsonObject in(value, "run");
  CHECK_THROWS_WITH(in.get<int>("seed"), "missing key 'seed' in run: is 'seeds' a misspelling of it?");
  CHECK_THROWS_WITH(in.get<int>("environment"), "missing key 'environment' in run");
  CHECK(in.get_or<int>("steps", 5) == 5);
  CHECK(in.get_or<int>("seeds", 5) == 7);
  CHECK(in.has("seeds"));
  CHECK_FALSE(in.has("threads"));
}

TEST_CASE("enumerations are read by name", "[core][json]") {
  const json value = json::parse(R"({"mode": "next_step", "bad": "nextstep", "number": 3})");
  rlx::JsonObject in(value, "env");
  Mode mode = Mode::same_step;
  const auto read = [&](const char* key) {
    return in.read_name(key, mode, {{"same_step", Mode::same_step}, {"next_step", Mode::next_step}});
  };
  CHECK_FALSE(read("absent"));
  CHECK(mode == Mode::same_step);
  CHECK(read("mode"));
  CHECK(mode == Mode::next_step);
  CHECK_THROWS_WITH(read("bad"), "env.bad: expected one of 'same_step', 'next_step', found string \"nextstep\"");
  CHECK_THROWS_AS(read("number"), rlx::ConfigError);
}

TEST_CASE("objects inside objects have the longer path", "[core][json]") {
  const json value = json::parse(R"({"ppo": {"adam": {"epz": 1}}})");
  rlx::JsonObject root(value, "run.json");
  rlx::JsonObject ppo = root.object("ppo");
  rlx::JsonObject adam = ppo.object("adam");
  CHECK_FALSE(adam.has("eps"));
  CHECK_THROWS_WITH(adam.finish(), "unknown key 'epz' in run.json.ppo.adam: did you mean 'eps'?");
  CHECK_NOTHROW(ppo.finish());
  CHECK_NOTHROW(root.finish());
}

TEST_CASE("parse_json names file, line and column", "[core][json]") {
  CHECK(rlx::parse_json("{\"a\": [1, 2]}", "x.json")["a"][1] == 2);
  try {
    rlx::parse_json("{\n  \"a\": 1,\n  \"b\": ?\n}", "x.json");
    FAIL("expected DataError");
  } catch (const rlx::DataError& error) {
    CHECK(error.file() == "x.json");
    CHECK(error.line() == 3);
    CHECK(error.column() == 8);
  }
  for (const char* text : {"", "{", "{\"a\": 1,}", "{} x", "// c\n{}", "{\"a\": NaN}", "[1, 2"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(rlx::parse_json(text, "x.json"), rlx::DataError);
  }
}

TEST_CASE("parse_json refuses a repeated key, and only in the same object", "[core][json]") {
  CHECK_NOTHROW(rlx::parse_json(R"([{"a": {"a": 1}}, {"a": 2}])", "x.json"));
  CHECK_THROWS_WITH(rlx::parse_json(R"({"b": {"a": 1, "a": 2}})", "x.json"),
                    ContainsSubstring("expected each key once per object, found 'a' again"));
}

TEST_CASE("parse_json refuses what a hostile file may hold", "[core][json]") {
  using namespace std::string_literals;
  CHECK_THROWS_WITH(rlx::parse_json("[1, 1e400]", "x.json"), ContainsSubstring("x.json: not valid JSON: "));
  CHECK_THROWS_WITH(rlx::parse_json("{}\0junk"s, "x.json"), ContainsSubstring("contains a NUL byte"));
  const std::string deep(rlx::max_json_depth, '[');
  CHECK_NOTHROW(rlx::parse_json(deep + std::string(deep.size(), ']'), "x.json"));
  CHECK_THROWS_WITH(rlx::parse_json(std::string(1'000'000, '['), "x.json"), ContainsSubstring("nested deeper than 200 levels"));
  CHECK_THROWS_AS(rlx::parse_json('[' + deep + std::string(deep.size() + 1, ']'), "x.json"), rlx::DataError);
  CHECK_NOTHROW(rlx::parse_json("[{}]", "x.json", 2));
  CHECK_THROWS_WITH(rlx::parse_json("[{\"a\": []}]", "x.json", 2), ContainsSubstring("nested deeper than 2 levels"));
}

namespace {

using rlx::detail::JsonTree;

/// Both readers must agree on what is JSON, and both writers on the text.
void require_same_reading(const std::string& text) {
  CAPTURE(text);
  std::string expected, indented;
  bool is_json = true;
  try {
    const nlohmann::json value = rlx::parse_json(text, "test.json");
    expected = value.dump();
    indented = value.dump(2);
  } catch (const rlx::DataError&) {
    is_json = false;
  }
  if (!is_json) {
    CHECK_THROWS_AS(JsonTree::parse(text, "test.json"), rlx::DataError);
    return;
  }
  const JsonTree value = JsonTree::parse(text, "test.json");
  CHECK(value.dump() == expected);
  CHECK(value.dump(2) == indented);
  CHECK(JsonTree::parse(value.dump(), "again.json") == value);
}

}  // namespace

TEST_CASE("JsonTree reads and writes what nlohmann/json reads and writes", "[core][json][tree]") {
  for (const char* text : {"null",
                           "true",
                           "false",
                           "0",
                           "-0",
                           "7",
                           "-7",
                           "18446744073709551615",
                           "18446744073709551616",
                           "-9223372036854775808",
                           "-9223372036854775809",
                           "0.0",
                           "-0.0",
                           "1.0",
                           "0.1",
                           "1e5",
                           "1E+5",
                           "1e-5",
                           "0.0001",
                           "0.00012345",
                           "99999999999999.9",
                           "123456789012345.0",
                           "1234567890123456.0",
                           "1e15",
                           "1e16",
                           "-2.5e-300",
                           "1.7976931348623157e308",
                           "1e400",
                           "01",
                           "-",
                           "1.",
                           ".5",
                           "1e",
                           "+1",
                           "NaN",
                           "Infinity",
                           "tru",
                           "nulls",
                           "",
                           " ",
                           "[]",
                           "{}",
                           " [ ] ",
                           "[1,2]",
                           "[1,]",
                           "[,1]",
                           "[1 2]",
                           "{\"b\":1,\"a\":[{\"c\":[]},{}]}",
                           "{\"a\":1,\"a\":2}",
                           "{\"a\":1,}",
                           "{a:1}",
                           "{\"a\" 1}",
                           "{\"a\":1",
                           "[1",
                           "]",
                           "1 1",
                           "\"\"",
                           "\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"",
                           "\"\\u0001\\u001f\\u007f\"",
                           "\"\\u00e9\\u20ac\\ud83d\\ude00\"",
                           "\"\\ud83d\"",
                           "\"\\ude00\"",
                           "\"\\ud83d\\u0041\"",
                           "\"\\u12g4\"",
                           "\"\\u12",
                           "\"\\x\"",
                           "\"a",
                           "\"\n\"",
                           "\"\xC3\xA9\xE2\x82\xAC\"",
                           "\"\xF0\x9F\x98\x80\"",
                           "\"\xC3\"",
                           "\"\xC0\xAF\"",
                           "\"\xED\xA0\x80\"",
                           "\"\xF4\x90\x80\x80\"",
                           "\"\xFF\"",
                           "// c\n1",
                           "'a'",
                           "\xEF\xBB\xBF",
                           "[[[1]]]"})
    require_same_reading(text);
  require_same_reading(std::string("[1,\0]", 5));
  require_same_reading(std::string("1\0", 2));
  require_same_reading(std::string(200, '[') + std::string(200, ']'));
  require_same_reading(std::string(201, '[') + std::string(201, ']'));
  CHECK_THROWS_WITH(JsonTree::parse("{\n \"a\": x}", "p.json"), ContainsSubstring("p.json:2:7") && ContainsSubstring("value"));
  CHECK_THROWS_AS(JsonTree("\xFF").dump(), rlx::ConfigError);
}

TEST_CASE("JsonTree writes every double so that it reads back, as nlohmann/json does", "[core][json][tree]") {
  rlx::RandomStream random({.seed = 1, .purpose = rlx::Purpose::user});
  std::size_t longer = 0;
  for (int i = 0; i < 20'000; ++i) {
    // Three kinds: short decimals, any number around 1, any bits.
    double x = static_cast<double>(random.bounded(100'000)) / std::pow(10.0, static_cast<double>(random.bounded(9)));
    if (i % 3 == 1) x = random.normal();
    if (i % 3 == 2) x = std::bit_cast<double>(random.next_u64());
    const std::string text = JsonTree(x).dump(), theirs = nlohmann::json(x).dump();
    if (!rlx::is_finite(x)) {
      REQUIRE(text == "null");
      continue;
    }
    REQUIRE(JsonTree::parse(text, "x").get<double>() == x);
    REQUIRE(text.size() <= theirs.size());
    // The Grisu2 of nlohmann/json is not the shortest once in about a thousand numbers.
    if (text != theirs) ++longer;
  }
  CHECK(longer < 40);
  for (const double usual : {3e-4, 2.5e-4, 1e-5, 1e-8, 7e-4, 0.9,  0.95, 0.98,           0.99,      0.995,    0.999,
                             0.2,  0.5,    0.01, 0.02, 1.0,  10.0, 1e6,  std::sqrt(2.0), 5.0 / 3.0, 1.0 / 3.0})
    CHECK(JsonTree(usual).dump() == nlohmann::json(usual).dump());
}

TEST_CASE("JsonTree keeps keys in order, compares numbers by value and is read strictly", "[core][json][tree]") {
  JsonTree tree = JsonTree::object({{"b", 1}, {"a", std::vector<float>{1.5F, INFINITY}}, {"c", nullptr}});
  tree["aa"] = true;
  tree["b"] = 2U;
  CHECK(tree.dump() == R"({"a":[1.5,null],"aa":true,"b":2,"c":null})");
  CHECK(tree.keys() == std::vector<std::string>{"a", "aa", "b", "c"});
  CHECK(*tree.find("b") == 2.0);
  CHECK(*tree.find("b") != -2);
  CHECK(JsonTree(std::numeric_limits<std::uint64_t>::max()) != JsonTree(-1));
  CHECK(JsonTree("1") != JsonTree(1));
  CHECK(tree.find("d") == tree.end());
  CHECK(JsonTree(std::map<std::string, std::string>{{"k", "v"}}).dump() == R"({"k":"v"})");

  rlx::detail::JsonTreeObject in(tree, "tree");
  CHECK(in.get<std::vector<std::optional<float>>>("a") == std::vector<std::optional<float>>{1.5F, std::nullopt});
  CHECK(in.get<bool>("aa"));
  CHECK_THROWS_WITH(in.get<std::string>("b"), ContainsSubstring("tree.b: expected a text in quotes, found number 2"));
  CHECK_THROWS_WITH(in.value("bb"), ContainsSubstring("missing key 'bb' in tree: is 'b' a misspelling of it?"));
  CHECK_THROWS_WITH(in.finish(), ContainsSubstring("unknown key 'c' in tree"));
  CHECK_THROWS_WITH(rlx::json_as<std::uint8_t>(JsonTree(-1), "x"), ContainsSubstring("an integer between 0 and 255"));
}

TEST_CASE("JsonTree refuses a text of so many values that it would take many times its size in memory", "[core][json][tree]") {
  using rlx::detail::json_tree_max_values;
  const auto zeros = [](std::size_t count) {  // "[0,0,...]": count values with the array itself
    std::string text = "[0";
    for (std::size_t i = 2; i < count; ++i) text += ",0";
    return text + ']';
  };
  const rlx::detail::JsonTree most = rlx::detail::JsonTree::parse(zeros(json_tree_max_values), "f.json");
  CHECK(most.size() == json_tree_max_values - 1);
  CHECK(most.dump() == zeros(json_tree_max_values));
  CHECK_THROWS_AS(rlx::detail::JsonTree::parse(zeros(json_tree_max_values + 1), "f.json"), rlx::DataError);
  CHECK_THROWS_WITH(rlx::detail::JsonTree::parse(zeros(json_tree_max_values + 1), "f.json"),
                    ContainsSubstring("more than 262144 values"));
  rlx::detail::JsonTree more = most;
  more.push_back(0);
  CHECK_THROWS_AS(more.dump(), rlx::ConfigError);
  CHECK_THROWS_WITH(more.dump(), ContainsSubstring("found 262145"));
}

TEST_CASE("an escape becomes UTF-8, or the place where it goes wrong is told", "[core][json][escape]") {
  // RFC 8259, 7: U+1D11E is \uD834\uDD1E. Its bytes and those of the ends of each length: RFC 3629, 3.
  for (const auto& [escape, bytes] :
       std::vector<std::pair<std::string, std::string>>{{R"(\")", "\""},
                                                        {R"(\\)", "\\"},
                                                        {R"(\/)", "/"},
                                                        {R"(\b)", "\x08"},
                                                        {R"(\f)", "\x0C"},
                                                        {R"(\n)", "\x0A"},
                                                        {R"(\r)", "\x0D"},
                                                        {R"(\t)", "\x09"},
                                                        {R"(\u0000)", std::string(1, '\0')},
                                                        {R"(\u007f)", "\x7F"},
                                                        {R"(\u0080)", "\xC2\x80"},
                                                        {R"(\u07Ff)", "\xDF\xBF"},
                                                        {R"(\u0800)", "\xE0\xA0\x80"},
                                                        {R"(\ud7ff)", "\xED\x9F\xBF"},
                                                        {R"(\uE000)", "\xEE\x80\x80"},
                                                        {R"(\uFFFF)", "\xEF\xBF\xBF"},
                                                        {R"(\ud800\uDC00)", "\xF0\x90\x80\x80"},
                                                        {R"(\uD834\udd1e)", "\xF0\x9D\x84\x9E"},
                                                        {R"(\uDBFF\uDFFF)", "\xF4\x8F\xBF\xBF"}}) {
    CAPTURE(escape);
    std::string out = "<";
    std::size_t at = 2;
    CHECK(rlx::detail::append_json_escape(out, "ab" + escape + "9\"", at) == nullptr);
    CHECK(out == '<' + bytes);
    CHECK(at == 2 + escape.size());
  }
  const std::string letter = "expected an escape such as \\n or \\u0041",
                    digits = "expected four hexadecimal digits behind \\u", pair = "expected both halves of a surrogate pair";
  for (const auto& [escape, where, expected] :
       std::vector<std::tuple<std::string, std::size_t, std::string>>{{R"(\)", 0, letter},
                                                                      {R"(\x41)", 0, letter},
                                                                      {R"(\U0041)", 0, letter},
                                                                      {R"(\u)", 2, digits},
                                                                      {R"(\u12)", 4, digits},
                                                                      {R"(\u12g4)", 4, digits},
                                                                      {R"(\u-123)", 2, digits},
                                                                      {R"(\uD834\u1)", 9, digits},
                                                                      {R"(\ud800)", 0, pair},
                                                                      {R"(\udc00)", 0, pair},
                                                                      {R"(\ud800\ud800)", 0, pair},
                                                                      {R"(\udc00\ud800)", 0, pair},
                                                                      {R"(\ud83d\n)", 0, pair},
                                                                      {R"(\ud83d\u0041)", 0, pair},
                                                                      {R"(\ud83dxudc00)", 0, pair}}) {
    CAPTURE(escape);
    std::string out = "<";
    std::size_t at = 2;
    const char* const found = rlx::detail::append_json_escape(out, "ab" + escape, at);
    REQUIRE(found != nullptr);
    CHECK(found == expected);
    CHECK(at == 2 + where);
    CHECK(out == "<");
  }
  CHECK_THROWS_WITH(JsonTree::parse("[\n\"a\\ud800\"]", "a.json"),
                    "a.json:2:3: not valid JSON: expected both halves of a surrogate pair");
}
