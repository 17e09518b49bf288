// SPDX-License-Identifier: MIT
#include <rlx/io/csv.hpp>

#include "rlx_catch.hpp"

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include <rlx/core/random.hpp>

using rlx::DataError;
using rlx::io::CsvColumn;
using rlx::io::CsvReader;
using rlx::io::CsvWriter;
using rlx_test::ContainsSubstring;

namespace {

// Runs f, which must throw DataError, and gives the error back.
template <class F>
DataError data_error(F&& f) {
  try {
    f();
  } catch (const DataError& error) {
    return error;
  }
  FAIL("no DataError was thrown");
  return DataError("");
}

std::vector<std::vector<std::string>> all_cells(const std::string& text, const std::vector<std::string>& names) {
  std::vector<CsvColumn> columns;
  for (const std::string& name : names) columns.push_back({.name = name});
  CsvReader rows(text, "t.csv", columns);
  std::vector<std::vector<std::string>> cells;
  while (rows.next()) {
    cells.emplace_back();
    for (std::size_t c = 0; c < names.size(); ++c) cells.back().emplace_back(rows.text(c));
  }
  return cells;
}

static_assert(!std::is_constructible_v<CsvReader, std::string, std::string, std::vector<CsvColumn>>,
              "a temporary text would dangle");

using Cells = std::vector<std::vector<std::string>>;

}  // namespace

TEST_CASE("CsvReader finds columns by name in any order", "[io][csv]") {
  const std::string text = "price,extra,ts_ms_utc,exchange\n1.5,x,1700000000000,binance\n2,y,-3,okx\n";
  enum : std::size_t { stamp, venue, price, low };
  CsvReader rows(text, "prices.csv",
                 {{.name = "ts_ms_utc"},
                  {.name = "venue", .headers = {"venue", "exchange"}},
                  {.name = "price"},
                  {.name = "low", .headers = {}, .required = false}});
  REQUIRE(rows.extra_columns() == std::vector<std::string>{"extra"});
  REQUIRE(rows.header_of(venue) == "exchange");
  REQUIRE(rows.has(price));
  REQUIRE_FALSE(rows.has(low));
  REQUIRE(rows.header_of(low).empty());

  REQUIRE(rows.next());
  REQUIRE(rows.integer(stamp) == 1'700'000'000'000);
  REQUIRE(rows.text(venue) == "binance");
  REQUIRE(rows.number(price) == 1.5);
  REQUIRE(rows.missing(low));
  REQUIRE(rows.number_or(low, -1.0) == -1.0);
  REQUIRE(rows.line() == 2);
  REQUIRE(rows.next());
  REQUIRE(rows.integer(stamp) == -3);
  REQUIRE(rows.integer_or(low, 9) == 9);
  REQUIRE_FALSE(rows.next());
  REQUIRE_FALSE(rows.next());
  REQUIRE(rows.rows() == 2);
  REQUIRE(rows.position() == text.size());
}

TEST_CASE("CsvReader prefers headers in the order given", "[io][csv]") {
  const CsvColumn symbol{.name = "symbol", .headers = {"canonical_symbol", "symbol", "venue_symbol"}};
  REQUIRE(CsvReader("venue_symbol,symbol\n", "f", {symbol}).header_of(0) == "symbol");
  REQUIRE(CsvReader("symbol,canonical_symbol\n", "f", {symbol}).header_of(0) == "canonical_symbol");
}

TEST_CASE("CsvReader returns fields as views into the text", "[io][csv]") {
  const std::string text = "a,b\nplain,\"quoted, too\"\n";
  CsvReader rows(text, "f", {{.name = "a"}, {.name = "b"}});
  REQUIRE(rows.next());
  for (const std::size_t column : {std::size_t{0}, std::size_t{1}}) {
    REQUIRE(rows.text(column).data() > text.data());
    REQUIRE(rows.text(column).data() < text.data() + text.size());
  }
  REQUIRE(rows.text(1) == "quoted, too");
}

TEST_CASE("CsvReader reads every form of RFC 4180", "[io][csv]") {
  const Cells expected = {{"1", "x"}, {"2", "y"}};
  REQUIRE(all_cells("a,b\n1,x\n2,y\n", {"a", "b"}) == expected);
  REQUIRE(all_cells("a,b\n1,x\n2,y", {"a", "b"}) == expected);
  REQUIRE(all_cells("a,b\r\n1,x\r\n2,y\r\n", {"a", "b"}) == expected);
  REQUIRE(all_cells("a,b\r\n1,x\r\n2,y\r", {"a", "b"}) == expected);
  REQUIRE(all_cells("\xEF\xBB\xBF"
                    "a,b\n1,x\n2,y\n",
                    {"a", "b"}) == expected);
  REQUIRE(all_cells("\xEF\xBB\xBF"
                    "\"a\",\"b\"\n\"1\",\"x\"\r\n\"2\",\"y\"",
                    {"a", "b"}) == expected);
  REQUIRE(all_cells("a,b\n\n1,x\n\r\n\n2,y\n\n\n", {"a", "b"}) == expected);
  REQUIRE(all_cells("\n\na,b\n1,x\n2,y\n", {"a", "b"}) == expected);

  REQUIRE(all_cells("a,b\n\"say \"\"hi\"\"\",\"\"\"\"\n", {"a", "b"}) == Cells{{"say \"hi\"", "\""}});
  REQUIRE(all_cells("a,b\n\"two\nlines\",\"\r\n\"\n", {"a", "b"}) == Cells{{"two\nlines", "\r\n"}});
  REQUIRE(all_cells("a,b\n,\n\"\",x\n", {"a", "b"}) == Cells{{"", ""}, {"", "x"}});
  REQUIRE(all_cells("a,b\n\"x\"\"\",", {"a", "b"}) == Cells{{"x\"", ""}});
  REQUIRE(all_cells("a\n\"\"\nx\n", {"a"}) == Cells{{""}, {"x"}});
  REQUIRE(all_cells("a,b\n\rx,y\rz\n", {"a", "b"}) == Cells{{"\rx", "y\rz"}});
  REQUIRE(all_cells("a,b\n", {"a", "b"}).empty());
  REQUIRE(all_cells("a,b", {"a", "b"}).empty());
}

TEST_CASE("CsvReader takes another delimiter", "[io][csv]") {
  CsvReader rows("a;b\n1,5;\"x;y\"\n", "f", {{.name = "a"}, {.name = "b"}}, ';');
  REQUIRE(rows.next());
  REQUIRE(rows.text(0) == "1,5");
  REQUIRE(rows.text(1) == "x;y");
}

TEST_CASE("CsvReader reads the same cells wherever they fall in its blocks", "[io][csv]") {
  // A first cell of every length up to three blocks of 64 bytes moves all later delimiters over every position.
  for (std::size_t length = 0; length < 200; ++length) {
    const std::string pad(length, 'p');
    const std::string text = "a,b,c\n" + pad + ",\"q\"\"" + pad + "\",x\r\n1,,\"" + pad + "\"\n" + pad + ",2,3";
    const Cells expected = {{pad, "q\"" + pad, "x"}, {"1", "", pad}, {pad, "2", "3"}};
    REQUIRE(all_cells(text, {"a", "b", "c"}) == expected);
  }
}

TEST_CASE("CsvReader names all missing columns, the header found and close names", "[io][csv]") {
  const auto error = data_error([] {
    CsvReader("ts_ms,venue,pryce\n", "prices.csv",
              {{.name = "ts_ms_utc"}, {.name = "venue"}, {.name = "price"}, {.name = "symbol", .headers = {"symbol", "coin"}}});
  });
  REQUIRE_THAT(error.what(), ContainsSubstring("prices.csv:1: missing columns: ts_ms_utc (did you mean 'ts_ms'?), "
                                               "price (did you mean 'pryce'?), symbol (accepted headers: symbol, coin)"));
  REQUIRE_THAT(error.what(), ContainsSubstring("header found: ts_ms, venue, pryce"));

  const auto empty = data_error([] { CsvReader("", "e.csv", {{.name = "a"}, {.name = "b"}}); });
  REQUIRE_THAT(empty.what(),
               ContainsSubstring("e.csv: no rows: the file is empty; expected a header line with the columns a, b"));
  REQUIRE_THAT(data_error([] { CsvReader("\xEF\xBB\xBF\r\n\n", "e.csv", {}); }).what(), ContainsSubstring("no rows"));

  const auto twice = data_error([] { CsvReader("a,b,a\n", "d.csv", {{.name = "a"}}); });
  REQUIRE_THAT(twice.what(), ContainsSubstring("d.csv:1:5: column 'a' is in the header twice"));
  REQUIRE_NOTHROW(CsvReader("a,b,b\n", "d.csv", {{.name = "a"}}));

  // A file that is not CSV at all gives a message of sane length without control characters.
  const auto binary = data_error([] {
    const std::string text(100'000, '\x01');
    CsvReader(text, "x.bin", {{.name = "a"}});
  });
  REQUIRE(std::string(binary.what()).size() < 20'000);
  REQUIRE(std::string(binary.what()).find('\x01') == std::string::npos);
}

TEST_CASE("CsvReader refuses rows that do not fit, with their place", "[io][csv]") {
  const auto read = [](const std::string& text) { all_cells(text, {"a", "b"}); };
  const auto few = data_error([&] { read("a,b\n1,2\n3\n"); });
  REQUIRE(few.file() == "t.csv");
  REQUIRE(few.line() == 3);
  REQUIRE_THAT(few.what(), ContainsSubstring("t.csv:3: expected 2 fields as in the header, found 1: '3"));
  REQUIRE_THAT(data_error([&] { read("a,b\n1,2,\n"); }).what(),
               ContainsSubstring("t.csv:2: expected 2 fields as in the header, found 3"));

  const auto open = data_error([&] { read("a,b\n1,2\n3,\"x\ny\nz"); });
  REQUIRE_THAT(open.what(), ContainsSubstring("t.csv:3:3: this quote is never closed"));
  REQUIRE_THAT(data_error([&] { read("a,b\n1,\""); }).what(), ContainsSubstring("t.csv:2:3: this quote is never closed"));
  REQUIRE_THAT(data_error([&] { read("a,b\n1,\"x\"\""); }).what(), ContainsSubstring("t.csv:2:3: this quote is never closed"));
  REQUIRE_THAT(data_error([&] { read("a,b\n\"x\"y,2\n"); }).what(),
               ContainsSubstring("t.csv:2:4: expected ',' or a line end after the closing quote, found 'y'"));
  REQUIRE_THAT(data_error([&] { read("a,b\nx\"y,2\n"); }).what(),
               ContainsSubstring("t.csv:2:2: a quote inside a field without quotes"));
  // Lines are counted inside quoted cells too.
  REQUIRE_THAT(data_error([&] { read("a,b\n\"1\n2\n3\",x\n4\n"); }).what(), ContainsSubstring("t.csv:5: expected 2 fields"));
}

TEST_CASE("CsvReader refuses cells of the wrong type, with their place and text", "[io][csv]") {
  const auto message = [](const std::string& cell, bool integer) {
    const std::string text = "a,b\n1,2\nx," + cell + "\n";
    CsvReader rows(text, "t.csv", {{.name = "a"}, {.name = "b"}});
    rows.next();
    rows.next();
    return std::string(
        data_error([&] { integer ? static_cast<void>(rows.integer(1)) : static_cast<void>(rows.number(1)); }).what());
  };
  REQUIRE_THAT(message("12x", false),
               ContainsSubstring("t.csv:3:3: column 'b': expected a finite decimal number, found '12x'"));
  for (const char* text :
       {"nan", "NaN", "inf", "-inf", "Infinity", "0x10", "1e", "1e+", ".", "-", "+", "1.2.3", "1 ", " 1", "1_000", "--1"}) {
    REQUIRE_THAT(message(text, false),
                 ContainsSubstring("expected a finite decimal number, found '" + std::string(text) + "'"));
  }
  REQUIRE_THAT(message("", false), ContainsSubstring("expected a finite decimal number, found an empty cell"));
  REQUIRE_THAT(message("1e400", false), ContainsSubstring("found '1e400', which is outside the range of a double"));
  REQUIRE_THAT(message("", true), ContainsSubstring("expected an integer, found an empty cell"));
  for (const char* text : {"1.0", "1e3", "a", "-", "+", "0x1", " 1"}) {
    REQUIRE_THAT(message(text, true),
                 ContainsSubstring("t.csv:3:3: column 'b': expected an integer, found '" + std::string(text) + "'"));
  }
  REQUIRE_THAT(message("9223372036854775808", true), ContainsSubstring("outside the range of a 64-bit integer"));
  REQUIRE_THAT(message("-9223372036854775809", true), ContainsSubstring("outside the range of a 64-bit integer"));
  REQUIRE_THAT(message("99999999999999999999999999", true), ContainsSubstring("outside the range of a 64-bit integer"));

  // The place is that of the cell, also after line ends inside the row and for rewritten cells.
  CsvReader rows("a,b\n\"1\n2\",\"x\"\"y\"\n", "t.csv",
                 {{.name = "a"}, {.name = "b"}, {.name = "c", .headers = {}, .required = false}});
  REQUIRE(rows.next());
  REQUIRE_THAT(data_error([&] { static_cast<void>(rows.number(1)); }).what(), ContainsSubstring("t.csv:3:4: column 'b'"));
  REQUIRE_THAT(data_error([&] { static_cast<void>(rows.number(2)); }).what(),
               ContainsSubstring("column 'c': expected a finite decimal number, found an empty cell"));
  REQUIRE_THAT(data_error([&] { static_cast<void>(rows.required_text(2)); }).what(),
               ContainsSubstring("column 'c': expected a text, found an empty cell"));
  REQUIRE(rows.required_text(1) == "x\"y");
  REQUIRE_THAT(data_error([&] { rows.fail(1, "price must be > 0, is -1"); }).what(),
               ContainsSubstring("t.csv:3:4: column 'b': price must be > 0, is -1"));
  REQUIRE_THAT(data_error([&] { rows.fail_row("low > high"); }).what(), ContainsSubstring("t.csv:2: low > high"));
}

TEST_CASE("numbers are read exactly", "[io][csv]") {
  const auto number = [](const std::string& text) {
    double value = std::numeric_limits<double>::quiet_NaN();
    REQUIRE(rlx::io::detail::parse_double(text, value) == rlx::io::detail::NumberStatus::ok);
    return value;
  };
  const auto same_bits = [](double a, double b) { return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b); };
  // Hand-picked: both paths, the limits of each, and the classic hard cases of decimal conversion.
  REQUIRE(number("0") == 0.0);
  REQUIRE(same_bits(number("-0"), -0.0));
  REQUIRE(number("+1.5") == 1.5);
  REQUIRE(number("1.") == 1.0);
  REQUIRE(number(".5") == 0.5);
  REQUIRE(number("0.1") == 0.1);
  REQUIRE(number("1e22") == 1e22);
  REQUIRE(number("1E-22") == 1e-22);
  REQUIRE(number("1e23") == 1e23);
  REQUIRE(number("9007199254740992") == 9007199254740992.0);
  REQUIRE(number("9007199254740993") == 9007199254740992.0);  // a tie, to even
  REQUIRE(number("9007199254740993.0000000000000001") == 9007199254740994.0);
  REQUIRE(number("0.43229999999999996") == 0.43229999999999996);
  REQUIRE(number("18446744073709551616") == 18446744073709551616.0);  // 2^64 wraps in 64 bits
  REQUIRE(number("184467440737095516160000") == 184467440737095516160000.0);
  REQUIRE(number("00000000000000000000000000001.25") == 1.25);
  REQUIRE(number("0.000000000000000000000000000125e27") == 0.125);
  REQUIRE(number("2.2250738585072011e-308") == 2.2250738585072011e-308);
  REQUIRE(same_bits(number("5e-324"), std::numeric_limits<double>::denorm_min()));
  REQUIRE(number("1e-400") == 0.0);
  REQUIRE(same_bits(number("-1e-400"), -0.0));
  REQUIRE(number("0.0000001e-999999999999") == 0.0);
  REQUIRE(number("0e999999999999") == 0.0);
  REQUIRE(number("1.7976931348623157e308") == std::numeric_limits<double>::max());

  double value = 0.0;
  for (const char* text : {"1.8e308", "1e309", "-1e309", "1e999999999999999999999", "123456789012345678901234567890e300"}) {
    REQUIRE(rlx::io::detail::parse_double(text, value) == rlx::io::detail::NumberStatus::out_of_range);
  }
  std::int64_t integer = 0;
  REQUIRE(rlx::io::detail::parse_integer("9223372036854775807", integer) == rlx::io::detail::NumberStatus::ok);
  REQUIRE(integer == std::numeric_limits<std::int64_t>::max());
  REQUIRE(rlx::io::detail::parse_integer("-9223372036854775808", integer) == rlx::io::detail::NumberStatus::ok);
  REQUIRE(integer == std::numeric_limits<std::int64_t>::min());
  REQUIRE(rlx::io::detail::parse_integer("+0000000000000000000000000012", integer) == rlx::io::detail::NumberStatus::ok);
  REQUIRE(integer == 12);

  // Against the C library on random decimals of every length and magnitude.
  rlx::RandomStream random({.seed = 11, .purpose = rlx::Purpose::user});
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    if (random.bounded(2) == 0) text += '-';
    const auto whole = random.bounded(22);
    for (std::uint64_t d = 0; d <= whole; ++d) text += static_cast<char>('0' + random.bounded(10));
    if (random.bounded(2) == 0) {
      text += '.';
      const auto digits = random.bounded(20);
      for (std::uint64_t d = 0; d < digits; ++d) text += static_cast<char>('0' + random.bounded(10));
    }
    if (random.bounded(3) == 0) text.append("e").append(std::to_string(static_cast<int>(random.bounded(560)) - 280));
    INFO(text);
    REQUIRE(same_bits(number(text), std::strtod(text.c_str(), nullptr)));
  }
}

TEST_CASE("CsvWriter quotes where needed and writes the shortest exact numbers", "[io][csv]") {
  CsvWriter csv;
  csv.row("plain", "a,b", "say \"hi\"", "two\nlines", "");
  csv.row(1, 0.1, 2.5f, std::int64_t{-9}, true);
  csv.row(std::uint8_t{200}, 1e300, 1e-7, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity());
  REQUIRE(csv.text() == "plain,\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\",\n1,0.1,2.5,-9,1\n200,1e+300,1e-07,,\n");
  REQUIRE_THROWS_AS(csv.row(1), rlx::ShapeError);

  CsvWriter log("nan");
  log.row(std::numeric_limits<float>::quiet_NaN());
  REQUIRE(log.text() == "nan\n");

  CsvWriter single;
  single.row("a").row("").row(std::vector<std::string>{"b"});
  REQUIRE(single.text() == "a\n\"\"\nb\n");
  REQUIRE(all_cells(single.take(), {"a"}) == Cells{{""}, {"b"}});
  REQUIRE(single.text().empty());
}

TEST_CASE("what CsvWriter writes CsvReader reads back, bit for bit", "[io][csv]") {
  rlx::RandomStream random({.seed = 5, .purpose = rlx::Purpose::user});
  CsvWriter csv;
  csv.row("number", "integer", "text");
  std::vector<double> numbers;
  std::vector<std::int64_t> integers;
  std::vector<std::string> texts;
  while (numbers.size() < 5000) {
    const auto number = std::bit_cast<double>(random.next_u64());
    if (!rlx::is_finite(number)) continue;
    // Denormal numbers are zero to a process that was linked with -ffast-math.
    if ((std::bit_cast<std::uint64_t>(number) & 0x7FF0000000000000ULL) == 0) continue;
    numbers.push_back(number);
    integers.push_back(std::bit_cast<std::int64_t>(random.next_u64()));
    std::string text;
    const auto length = random.bounded(12);
    for (std::uint64_t i = 0; i < length; ++i) text += "ab,\"\n\r \xEF"[random.bounded(8)];
    texts.push_back(text);
    csv.row(number, integers.back(), text);
  }
  CsvReader rows(csv.text(), "f", {{.name = "number"}, {.name = "integer"}, {.name = "text"}});
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    REQUIRE(rows.next());
    REQUIRE(std::bit_cast<std::uint64_t>(rows.number(0)) == std::bit_cast<std::uint64_t>(numbers[i]));
    REQUIRE(rows.integer(1) == integers[i]);
    REQUIRE(rows.text(2) == texts[i]);
  }
  REQUIRE_FALSE(rows.next());
}
