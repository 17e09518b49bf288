// SPDX-License-Identifier: MIT
#include <rlx/options/deribit_json.hpp>

#include <cmath>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "options/real_data.hpp"
#include "rlx_catch.hpp"

namespace {

using namespace rlx::options;
using namespace rlx::options::deribit;
using rlx::DataError;
using rlx::market::Fixed8;
using rlx_test::ContainsSubstring;

const std::string method = "public/x";

// Reads `result` through an envelope around it.
template <class Read>
auto read(const std::string& result, Read&& reader) {
  const std::string text = R"({"jsonrpc":"2.0","id":1,"testnet":true,"result":)" + result + '}';
  return reader(result_of(text, read_envelope(text, method), method));
}

template <class Read>
std::string complaint(const std::string& result, Read&& reader) {
  try {
    read(result, reader);
  } catch (const DataError& error) {
    return error.what();
  }
  return "none";
}

std::string example(const std::string& name) {
  std::ifstream file(rlx_test::options_data_path("api_examples/" + name + ".json"));
  return {std::istreambuf_iterator<char>(file), {}};
}

// Reads a documented reply; its envelope has no flag.
template <class Read>
auto documented(const std::string& name, Read&& reader) {
  const std::string text = example(name);
  return reader(result_of(text, read_envelope(text, name), name));
}

std::string order_with(const std::string& from, const std::string& to) {
  std::string text =
      R"({"order_id":"BTC-7","label":"rlx1-a","instrument_name":"BTC-16JAN26-99000-C","direction":"sell","order_state":"open","amount":0.3,)"
      R"("price":0.0075,"filled_amount":0.1,"average_price":0.00750001,"reduce_only":false,"creation_timestamp":1767340800000})";
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

std::vector<Instrument> table() {
  std::vector<Instrument> out;
  for (const char* name : {"BTC-16JAN26-95000-C", "BTC-16JAN26-99000-C", "BTC-16JAN26-99000-P"}) {
    Instrument one;
    one.symbol = name;
    out.push_back(one);
  }
  return out;
}

std::string row_with(const std::string& from, const std::string& to) {
  std::string text =
      R"({"instrument_name":"BTC-16JAN26-99000-C","bid_price":0.0065,"ask_price":0.0070,"mark_price":0.006574561234,"mark_iv":45.5,)"
      R"("underlying_price":90100.25,"open_interest":10.5,"creation_timestamp":1767340800000,"mid_price":null,"volume":1})";
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("an envelope is a result or an error, whole and unambiguous", "[options][deribit]") {
  const auto good =
      read_envelope(R"( {"jsonrpc":"2.0","id":42,"result":null,"usOut":1700000000000123,"testnet":true} )", method);
  CHECK(good.id == 42);
  CHECK(good.testnet == true);
  CHECK(good.result_at.has_value());
  CHECK(good.us_out == 1'700'000'000'000'123);

  const auto error = read_envelope(
      R"({"jsonrpc":"2.0","error":{"code":13009,"message":"invalid_token","data":{"reason":"token has expired","param":"access_token"}},"testnet":true,"id":42})",
      method);
  CHECK_FALSE(error.result_at.has_value());
  CHECK(error.code == 13009);
  CHECK(error.message == "invalid_token: token has expired: access_token");

  CHECK_FALSE(read_envelope(R"({"jsonrpc":"2.0","result":1})", method).id.has_value());
  CHECK_FALSE(read_envelope(R"({"jsonrpc":"2.0","id":"1","result":1})", method).id.has_value());
  CHECK_FALSE(read_envelope(R"({"jsonrpc":"2.0","id":1.5,"result":1})", method).id.has_value());
  for (const char* flag : {"1", "\"true\"", "null", "[true]"}) {
    CHECK_FALSE(read_envelope(std::string(R"({"jsonrpc":"2.0","id":1,"result":1,"testnet":)") + flag + '}', method)
                    .testnet.has_value());
  }
  CHECK(read_envelope(R"({"jsonrpc":"2.0","id":1,"result":1,"testnet":false})", method).testnet == false);

  for (const char* bad :
       {"", "null", "[]", "x", R"({"jsonrpc":"2.0","id":1})", R"({"jsonrpc":"2.0","id":1,"result":1,"error":{"code":1}})",
        R"({"jsonrpc":"2.0","id":1,"result":1)", R"({"jsonrpc":"2.0","id":1,"result":1}})",
        R"({"jsonrpc":"1.0","id":1,"result":1})", R"({"id":1,"result":1})", R"({"jsonrpc":"2.0","id":1,"id":2,"result":1})",
        R"({"jsonrpc":"2.0","testnet":true,"testnet":false,"result":1})", R"({"jsonrpc":"2.0","id":1,"error":{"message":"m"}})",
        R"({"jsonrpc":"2.0","id":1,"error":{"code":"1"}})", R"({"jsonrpc":"2.0","id":1,"error":{"code":99999999999}})",
        R"({"jsonrpc":"2.0","id":1,"error":[]})", R"({"jsonrpc":"2.0","id":1,"result":1,})",
        R"({"jsonrpc":"2.0","id":1,"result":NaN})", R"({"jsonrpc":"2.0","id":1,"result":01})"}) {
    INFO(bad);
    CHECK_THROWS_AS(read_envelope(bad, method), DataError);
  }
  CHECK_THROWS_AS(read_envelope(R"({"jsonrpc":"2.0","result":)" + std::string(100'000, '['), method), DataError);
  // A message of the server is cut and made printable.
  const auto loud =
      read_envelope(R"({"jsonrpc":"2.0","error":{"code":1,"message":")" + std::string(5000, 'x') + R"(\n"}})", method);
  CHECK(loud.message.size() < 110);
}

TEST_CASE("complaints name method and field", "[options][deribit]") {
  CHECK_THAT(complaint(R"({"index_price":"90000"})", read_index_price), ContainsSubstring("public/x:1:"));
  CHECK_THAT(complaint(R"({"index_price":"90000"})", read_index_price),
             ContainsSubstring("field 'index_price': expected a finite number"));
  CHECK_THAT(complaint(R"({})", read_index_price), ContainsSubstring("field 'index_price' is missing"));
  CHECK_THAT(complaint(R"({"index_price":null})", read_index_price), ContainsSubstring("is missing"));
  CHECK_THAT(complaint(R"({"index_price":1e999})", read_index_price), ContainsSubstring("finite"));
  CHECK_THAT(complaint(R"({"index_price":-1})", read_index_price), ContainsSubstring("above 0"));
  CHECK_THAT(complaint(R"({"index_price":1,"index_price":2})", read_index_price), ContainsSubstring("once"));
  CHECK_THAT(complaint("[]", read_index_price), ContainsSubstring("expected an object"));
  CHECK_THAT(complaint("1.5", read_integer), ContainsSubstring("expected an integer"));
}

TEST_CASE("an order is read exactly, and refused where it contradicts itself", "[options][deribit]") {
  const Order order = read(order_with("rlx1-a", "rlx1-a"), read_single_order);
  CHECK(order.order_id == "BTC-7");
  CHECK(order.label == "rlx1-a");
  CHECK(order.side == Side::sell);
  CHECK(order.state == OrderState::open);
  CHECK(order.amount == Fixed8::parse("0.3"));
  CHECK(order.filled_amount == Fixed8::parse("0.1"));
  CHECK(order.average_price == Fixed8::parse("0.00750001"));
  CHECK(order.created_ms == 1'767'340'800'000);
  CHECK(read(order_with(R"("price":0.0075)", R"("price":"market_price")"), read_single_order).price == Fixed8());
  CHECK(read(order_with(R"("average_price":0.00750001)", R"("average_price":0.0075000149999)"), read_single_order)
            .average_price == Fixed8::parse("0.00750001"));
  CHECK(read(order_with("open", "untriggered"), read_single_order).state == OrderState::open);
  CHECK(read(order_with(R"("order_state":"open","amount":0.3)", R"("order_state":"filled","amount":0.1)"), read_single_order)
            .state == OrderState::filled);
  CHECK(read(order_with("open", "cancelled"), read_single_order).state == OrderState::cancelled);
  CHECK(read(order_with("open", "rejected"), read_single_order).state == OrderState::rejected);
  CHECK(read(order_with(R"("filled_amount":0.1,)", ""), read_single_order).filled_amount == Fixed8());
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"open", "dreaming"},
                                                        {"open", "filled"},  // 0.1 of 0.3
                                                        {R"("BTC-7")", R"("")"},
                                                        {R"("order_id":"BTC-7",)", ""},
                                                        {R"("direction":"sell",)", ""},
                                                        {"sell", "short"},
                                                        {R"("filled_amount":0.1)", R"("filled_amount":0.4)"},
                                                        {R"("filled_amount":0.1)", R"("filled_amount":-0.1)"},
                                                        {R"("amount":0.3)", R"("amount":1e300)"},
                                                        {R"("amount":0.3)", R"("amount":[0.3])"}}) {
    INFO(from << " -> " << to);
    CHECK_THROWS_AS(read(order_with(from, to), read_single_order), DataError);
  }
}

TEST_CASE("rows of the book summary are quotes or counted", "[options][deribit]") {
  const auto instruments = table();
  ChainReader reader(instruments);
  ChainSnapshot chain;
  const auto load = [&](const std::string& rows) {
    read("[" + rows + "]", [&](Cursor json) {
      reader.read(json, chain);
      return 0;
    });
  };
  load(row_with("10.5", "10.5"));
  REQUIRE(chain.quotes.size() == 1);
  const ChainQuote& quote = chain.quotes[0];
  CHECK(quote.instrument == 1);
  CHECK(quote.bid == Fixed8::parse("0.0065"));
  CHECK(quote.ask == Fixed8::parse("0.007"));
  CHECK(quote.mark == Fixed8::parse("0.00657456"));  // further decimals rounded
  CHECK(quote.mark_iv == 0.455);
  CHECK(quote.forward == 90100.25);
  CHECK(quote.open_interest == 10.5);
  CHECK(quote.quote_ms == 1'767'340'800'000);
  CHECK(std::isnan(quote.delta));

  load(row_with(R"("bid_price":0.0065)", R"("bid_price":null)") + ',' + row_with("99000-C", "99000-P") + ',' +
       row_with("45.5", "0"));
  CHECK(chain.quotes.size() == 2);
  CHECK(chain.quotes[0].bid == Fixed8());
  CHECK(chain.duplicate_rows == 1);  // the first is kept
  CHECK(chain.rejected_rows == 0);

  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{{R"("mark_iv":45.5,)", ""},
                                                                                 {"45.5", "null"},
                                                                                 {"45.5", "-1"},
                                                                                 {"45.5", "\"45.5\""},
                                                                                 {"0.0065", "-0.0065"},
                                                                                 {"0.0065", "0.0075"},  // crossed
                                                                                 {"0.0065", "1e999"},
                                                                                 {"90100.25", "null"},
                                                                                 {"90100.25", "0"},
                                                                                 {"10.5", "-10.5"},
                                                                                 {"99000-C", "31FEB26"},
                                                                                 {"\"BTC-16JAN26-99000-C\"", "7"},
                                                                                 {"99000-C", "98000-C"}}) {
    INFO(from << " -> " << to);
    load(row_with(from, to) + ',' + row_with("99000-C", "95000-C"));
    CHECK(chain.quotes.size() == 1);
    CHECK(chain.rejected_rows == 1);
  }
  load("null,5,[{}],\"x\"," + row_with("10.5", "10.5"));
  CHECK(chain.quotes.size() == 1);
  CHECK(chain.rejected_rows == 4);
  load("");
  CHECK(chain.quotes.empty());
  CHECK_THROWS_AS(read("{}",
                       [&](Cursor json) {
                         reader.read(json, chain);
                         return 0;
                       }),
                  DataError);
}

TEST_CASE("instruments are checked against their names", "[options][deribit]") {
  const std::string good =
      R"({"kind":"option","instrument_name":"BTC-16JAN26-99000-C","settlement_currency":"BTC","strike":99000,"option_type":"call",)"
      R"("expiration_timestamp":1768550400000,"creation_timestamp":1765958400000,"tick_size":0.0001,"tick_size_steps":[{"above_price":0.005,"tick_size":0.0005}],)"
      R"("min_trade_amount":0.1,"maker_commission":0.0003,"taker_commission":0.0003,"is_active":true,"state":"open"})";
  const auto list = read("[" + good + R"(,{"kind":"future","instrument_name":"BTC-PERPETUAL"}])", read_instruments);
  REQUIRE(list.instruments.size() == 1);
  CHECK(list.rejected_rows == 0);
  const Instrument& one = list.instruments[0];
  CHECK(one.underlying == "BTC");
  CHECK(one.strike == 99000);
  CHECK(one.minimum_size == Fixed8::parse("0.1"));
  CHECK(tick_at(one, Fixed8::parse("0.004")) == Fixed8::parse("0.0001"));
  CHECK(tick_at(one, Fixed8::parse("0.005")) == Fixed8::parse("0.0005"));
  CHECK(one.open);
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"99000,", "98000,"},
                                                        {"1768550400000", "1768550400001"},
                                                        {"\"call\"", "\"put\""},
                                                        {"\"tick_size\":0.0001", "\"tick_size\":0"},
                                                        {"\"min_trade_amount\":0.1", "\"min_trade_amount\":-1"},
                                                        {"\"above_price\":0.005", "\"above_price\":0"},
                                                        {"16JAN26", "31FEB26"},
                                                        {"\"tick_size\":0.0001,", ""}}) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    INFO(text);
    CHECK(read("[" + text + "]", read_instruments).rejected_rows == 1);
  }
  std::string closed = good;
  closed.replace(closed.find("\"open\""), 6, "\"closed\"");
  CHECK_FALSE(read("[" + closed + "]", read_instruments).instruments[0].open);
  CHECK(read("[" + good + "," + good + "]", read_instruments).rejected_rows == 1);
}

TEST_CASE("positions, accounts, charts and deliveries keep to their units", "[options][deribit]") {
  const auto positions = read(
      R"([{"kind":"option","instrument_name":"BTC-16JAN26-99000-C","direction":"sell","size":-0.2,"average_price":0.0071,"mark_price":0.0066,"delta":-0.03},)"
      R"({"kind":"option","instrument_name":"BTC-16JAN26-99000-P","direction":"zero","size":0},{"kind":"future","instrument_name":"BTC-PERPETUAL"}])",
      read_positions);
  REQUIRE(positions.size() == 1);
  CHECK(positions[0].size == Fixed8::parse("-0.2"));
  CHECK(positions[0].delta == rlx_test::Approx(0.15));
  CHECK(positions[0].strike == 99000);
  CHECK_THROWS_AS(read(R"([{"kind":"option","instrument_name":"BTC-PERPETUAL","direction":"buy","size":1}])", read_positions),
                  DataError);

  CHECK(
      read(
          R"({"currency":"BTC","equity":1,"available_funds":1,"initial_margin":0,"maintenance_margin":0,"limits":{"matching_engine":7}})",
          read_account)
          .limits.orders.per_second == 0.0);
  CHECK(read(R"({"status":"no_data"})", read_chart_closes).empty());
  CHECK_THROWS_AS(read(R"({"ticks":[2,1],"close":[1,1]})", read_chart_closes), DataError);
  CHECK_THROWS_AS(read(R"({"ticks":[1,2],"close":[1]})", read_chart_closes), DataError);
  CHECK_THROWS_AS(read(R"({"ticks":[1,2],"close":[1,0]})", read_chart_closes), DataError);
  const auto page = read(
      R"({"continuation":"xY9","settlements":[{"type":"settlement","instrument_name":"BTC-PERPETUAL"},)"
      R"({"type":"delivery","instrument_name":"BTC-2JAN26-88000-C","timestamp":1767340800000,"position":-0.1,"index_price":90000}]})",
      read_deliveries);
  CHECK(page.continuation == "xY9");
  REQUIRE(page.deliveries.size() == 1);
  CHECK(page.deliveries[0].position == Fixed8::parse("-0.1"));
  CHECK_THROWS_AS(read(R"({"access_token":"a b","expires_in":1})", read_token), DataError);
  CHECK_THROWS_AS(read(R"({"access_token":"a\nb","expires_in":1})", read_token), DataError);
  CHECK_THROWS_AS(read(R"({"access_token":"ab","expires_in":0})", read_token), DataError);
}

TEST_CASE("every documented reply is read", "[options][deribit]") {
  if (!rlx_test::have_options_data("api_examples/public_test.json")) return;
  for (const char* name : {"private_buy", "private_sell"}) {
    const Order order = documented(name, read_placed_order);
    CHECK(order.order_id == "ETH-584864807");
    CHECK(order.state == OrderState::filled);
    CHECK(order.filled_amount == Fixed8::from_integer(21));
    REQUIRE(order.fills.size() == 1);
    CHECK(order.fee == Fixed8::parse("0.00007766"));
    CHECK(order.fills[0].index == 202.86);
  }
  const Order edited = documented("private_edit", read_placed_order);
  CHECK(edited.label == "i_love_deribit");
  CHECK(edited.fills.empty());
  const Order cancelled = documented("private_cancel", read_single_order);
  CHECK(cancelled.price == Fixed8());  // "market_price"
  CHECK(cancelled.order_id == "ETH-SLIS-12");
  CHECK(documented("private_get_order_state", read_single_order).average_price == Fixed8::parse("118.94"));
  CHECK(documented("private_cancel_by_label", read_integer) == 4);
  for (const char* name : {"private_get_open_orders_by_currency", "private_get_open_orders_by_label"}) {
    const auto orders = documented(name, read_orders);
    REQUIRE(orders.size() == 1);
    CHECK(orders[0].price == Fixed8::parse("0.0028"));
    CHECK(orders[0].label == "fooBar");
  }
  const Account account = documented("private_get_account_summary", read_account);
  CHECK(account.currency == "BTC");
  CHECK(account.equity == Fixed8::parse("302.61869214"));
  CHECK(account.limits.data.per_second == 1000);
  CHECK(account.limits.data.burst == 1500);
  CHECK(account.limits.orders.per_second == 200);
  CHECK(account.limits.orders.burst == 250);
  CHECK(documented("private_get_margins", read_sell_margins).initial == Fixed8());
  CHECK(documented("private_get_positions", read_positions).empty());  // a future
  const Token token = documented("public_auth", read_token);
  CHECK(token.access_token == "EXAMPLE_ACCESS_TOKEN");
  CHECK(token.expires_in_s == 31'536'000);
  CHECK(documented("public_get_time", read_integer) == 1'550'147'385'946);
  CHECK(documented("public_test", read_test) == "1.2.26");
  CHECK(documented("public_get_instruments", read_instruments).instruments.empty());  // futures
  CHECK(documented("public_get_instruments", read_instruments).rejected_rows == 0);
  const Ticker ticker = documented("public_ticker", read_ticker);
  CHECK(ticker.bid == Fixed8::parse("36289.5"));
  CHECK(ticker.mark_iv == 0.0);
  CHECK(ticker.index == 36297.02);
  const Ticker book = documented("public_get_order_book", read_ticker);
  CHECK(book.ask == Fixed8());  // no ask
  CHECK(book.bid_amount == Fixed8::from_integer(30));
  const auto chart = documented("public_get_tradingview_chart_data", read_chart_closes);
  CHECK(chart == std::vector<TimedValue>{{1'554'373'800'000, 5052.95}, {1'554'375'600'000, 5013.59}});
  const std::string chart_text = example("public_get_tradingview_chart_data");
  CHECK(read_envelope(chart_text, method).testnet == false);
  CHECK(documented("public_get_volatility_index_data", read_volatility_index).back() ==
        TimedValue{1'598'019'420'000, 0.212992597});
  const auto prices = documented("public_get_delivery_prices", read_delivery_prices);
  REQUIRE(prices.size() == 5);
  CHECK(prices[0] == TimedValue{1'577'952'000'000, 7131.214606410254});  // 2020-01-02 08:00 UTC

  std::vector<Instrument> listed(1);
  listed[0].symbol = "ETH-22FEB19-140-P";
  ChainReader reader(listed);
  ChainSnapshot chain;
  documented("public_get_book_summary_by_currency", [&](Cursor json) {
    reader.read(json, chain);
    return 0;
  });
  CHECK(chain.quotes.empty());  // it has no mark_iv
  CHECK(chain.rejected_rows == 1);
  const std::string error = example("error_shape");
  CHECK(read_envelope(error, method).code == 13009);
  CHECK(read_envelope(error, method).testnet == true);
  CHECK(read_envelope(error, method).id == 42);
}
