// SPDX-License-Identifier: MIT
#include <rlx/kalshi/rest_book.hpp>
//
#include <algorithm>
#include <string>

#include <rlx/io/mapped_file.hpp>

#include "real_data.hpp"
#include "rlx_catch.hpp"

using namespace rlx::kalshi;
using rlx_test::ContainsSubstring;

TEST_CASE("An answer in cents or in dollars, with and without underscores", "[kalshi][rest_book]") {
  const RestBook expected{"", {{500, 10'000}, {600, 9'000}}, {{1'400, 10'000}}};
  CHECK(parse_rest_book(R"({"orderbook":{"yes":[[5,100],[6,90]],"no":[[86,100]]}})") == expected);
  CHECK(parse_rest_book(R"({"_orderbook":{"_yes":[[5,100],[6,90]],"_no":[[86,100]],"discriminator":null}})") == expected);
  CHECK(
      parse_rest_book(
          R"({"orderbook_fp":{"yes_dollars":[["0.0500","100.00"],["0.0600","90.00"]],"no_dollars":[["0.8600","100.00"]]}})") ==
      expected);
  // The finer form wins, wherever it stands.
  CHECK(parse_rest_book(R"({"orderbook":{"yes_dollars":[["0.0510",2]],"yes":[[5,2]],"no":null}})") ==
        RestBook{"", {{510, 200}}, {}});
  CHECK(parse_rest_book(R"({"orderbook_fp":{"yes_dollars":[["0.0510","2.5"]]},"orderbook":{"yes":[[5,2]]}})") ==
        RestBook{"", {{510, 250}}, {}});
  CHECK(parse_rest_book(R"({"orderbook":{}})") == RestBook{});
}

TEST_CASE("Damaged answers are refused", "[kalshi][rest_book]") {
  for (const char* const text :
       {"", "[]", "{}", R"({"orderbook":null})", R"({"orderbook":[]})", R"({"orderbook":{"yes":[["0.05",1]]}})",
        R"({"orderbook":{"yes":[[101,1]]}})", R"({"orderbook":{"no":[[5,-1]]}})", R"({"orderbook":{"no":[[5,1],[5,1]]}})",
        R"({"orderbook_fp":{"yes_dollars":[["0.05","0.001"]]}})", R"({"orderbook":{}} x)"}) {
    INFO(text);
    REQUIRE_THROWS_AS(parse_rest_book(text), rlx::DataError);
  }
}

TEST_CASE("Many books, by ticker, become snapshots of one moment", "[kalshi][rest_book]") {
  const std::string json =
      R"([{"A-24JUL19-T1":{"_no":[[86,100]],"_yes":[[5,1],[6,2]]}},{"B":{"orderbook":{"yes":[],"no":null}}}])";
  const auto books = parse_rest_books(json);
  REQUIRE(books.size() == 2);
  CHECK(books[0].ticker == "A-24JUL19-T1");
  CHECK(books[1] == RestBook{"B", {}, {}});
  REQUIRE_THROWS_AS(parse_rest_books(R"({"":{"yes":[]}})"), rlx::DataError);

  SessionBuilder builder;
  const ImportReport report = import_rest_json(json, 1'721'000'000'000'000, {}, builder);
  CHECK(report.markets == 2);
  CHECK(report.snapshots == 2);
  CHECK(report.events == 5);
  const auto session = builder.finish();
  CHECK(session->columns(0).size() == 4);
  CHECK(session->markets()[0].close_us == 1'721'451'600'000'000);  // 2024-07-20T05:00Z
  CHECK_FALSE(session->markets()[1].close_us);
}

TEST_CASE("The recorded legacy books", "[kalshi][rest_book][real]") {
  if (!rlx_test::have_kalshi_data("rest_2024/orderbook_data.json")) return;
  const auto books = parse_rest_books(rlx::io::read_file(rlx_test::kalshi_data_path("rest_2024/orderbook_data.json")));
  CHECK(books.size() == 100);
  CHECK(std::count_if(books.begin(), books.end(), [](const RestBook& book) { return !book.yes.empty() || !book.no.empty(); }) ==
        38);
  CHECK(books[0].ticker == "APRPOTUS-24JUL19-T40.8");
  CHECK(books[0].no.back() == BookLevel{1'200, 10'000});
}
