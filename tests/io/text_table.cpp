// SPDX-License-Identifier: MIT
#include <rlx/io/text_table.hpp>

#include "rlx_catch.hpp"

using namespace rlx;
using namespace rlx::io;

TEST_CASE("display_width counts columns, not bytes", "[io][text_table]") {
  REQUIRE(display_width("") == 0);
  REQUIRE(display_width("abc") == 3);
  REQUIRE(display_width("1.0 ± 0.2") == 9);
  REQUIRE(display_width("é–µ√") == 4);
  REQUIRE(display_width("e\xCC\x81") == 1);         // e with a combining accent
  REQUIRE(display_width("資金") == 4);              // East Asian wide
  REQUIRE(display_width("\xF0\x9F\x93\x88") == 2);  // an emoji
  REQUIRE(display_width("\xFF\xFE") == 2);          // bytes that are no UTF-8
  REQUIRE(display_width("\xE2\x82") == 2);          // a cut sequence
  REQUIRE(display_width("\xC0\xAF") == 2);          // an overlong form
}

TEST_CASE("numbers stand right, words left", "[io][text_table]") {
  TextTable table({"policy", "profit %", "interval"});
  table.row({"agent", "1.25", "[-0.31, 0.55]"}).row({"hold ±", "–", ""}).row({"x", "-10.5", "[1, 2]"});
  REQUIRE(table.to_string() ==
          "policy  profit %       interval\n"
          "──────  ────────  ─────────────\n"
          "agent       1.25  [-0.31, 0.55]\n"
          "hold ±         –\n"
          "x          -10.5         [1, 2]\n");
}

TEST_CASE("alignment can be set and rules separate groups", "[io][text_table]") {
  TextTable table({"k", "v"});
  table.align(0, Align::right).align(1, Align::left).rule().row({"a", "1"}).rule().row({"long", "22"}).rule();
  REQUIRE(table.to_string() ==
          "   k  v\n"
          "────  ──\n"
          "   a  1\n"
          "────  ──\n"
          "long  22\n");
  REQUIRE(table.rows() == 2);
  REQUIRE(table.columns() == 2);
}

TEST_CASE("a cell is one line", "[io][text_table]") {
  TextTable table({"a\nb"});
  table.row({"c\td\r\ne"});
  REQUIRE(table.to_string() == "a b\n──────\nc d  e\n");
}

TEST_CASE("Markdown has marks for alignment and escapes bars", "[io][text_table]") {
  TextTable table({"name", "n"});
  table.row({"a|b", "7"});
  REQUIRE(table.to_markdown() ==
          "| name |   n |\n"
          "| ---- | --: |\n"
          "| a\\|b |   7 |\n");
}

TEST_CASE("a table without columns, and rows that do not fit, are refused", "[io][text_table]") {
  REQUIRE_THROWS_AS(TextTable({}), ShapeError);
  TextTable table({"a", "b"});
  REQUIRE_THROWS_WITH(table.row({"1"}), rlx_test::ContainsSubstring("row 1 has 1 cells, expected 2"));
  REQUIRE_THROWS_AS(table.align(2, Align::left), ShapeError);
}

TEST_CASE("an empty table is its header", "[io][text_table]") { REQUIRE(TextTable({"a"}).to_string() == "a\n─\n"); }

TEST_CASE("a table can be read back", "[io][text_table]") {
  TextTable table({"a", "b"});
  table.row({"1", "x\ny"});
  REQUIRE(table.headers() == std::vector<std::string>{"a", "b"});
  REQUIRE(table.cells(0) == std::vector<std::string>{"1", "x y"});
}
