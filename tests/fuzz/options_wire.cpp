// SPDX-License-Identifier: MIT
// Any bytes as a reply of the option venue, read as every method: either a value whose numbers keep their promises comes out,
// or a DataError.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/options/deribit_json.hpp>

namespace {

using namespace rlx::options;
using namespace rlx::options::deribit;

void require(bool condition) {
  if (!condition) std::abort();
}

std::vector<Instrument> make_table() {
  std::vector<Instrument> table;
  for (const char* name : {"BTC-16JAN26-95000-C", "BTC-16JAN26-99000-C", "BTC-16JAN26-99000-P"}) {
    Instrument one;
    one.symbol = name;
    table.push_back(one);
  }
  return table;
}

void check(const Order& order) {
  require(!order.order_id.empty() && order.filled_amount.sign() >= 0 && order.filled_amount <= order.amount);
  require(order.state != OrderState::filled || order.filled_amount == order.amount);
}

template <class Read, class Check>
void attempt(const std::string& text, const Envelope& envelope, const std::string& method, Read&& read, Check&& holds) {
  try {
    holds(read(result_of(text, envelope, method)));
  } catch (const rlx::DataError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<Instrument> table = make_table();
  static const std::string method = "m";
  static ChainReader reader(table);
  const std::string text(reinterpret_cast<const char*>(data), size);
  Envelope envelope;
  try {
    envelope = read_envelope(text, method);
  } catch (const rlx::DataError&) {
    return 0;
  }
  require(envelope.message.size() <= 2000);
  for (const char c : envelope.message) require(static_cast<unsigned char>(c) >= 0x20);
  if (!envelope.result_at) return 0;

  const auto ignore = [](const auto&) {};
  ChainSnapshot chain;
  attempt(
      text, envelope, method,
      [&](Cursor json) {
        reader.read(json, chain);
        return 0;
      },
      ignore);
  for (const ChainQuote& quote : chain.quotes) {
    require(quote.instrument < table.size() && quote.bid.sign() >= 0 && quote.ask.sign() >= 0 && quote.mark.sign() >= 0);
    require(rlx::is_finite(quote.mark_iv) && quote.mark_iv >= 0.0 && rlx::is_finite(quote.forward) && quote.forward > 0.0);
    require(quote.bid.sign() == 0 || quote.ask.sign() == 0 || quote.bid <= quote.ask);
  }
  require(chain.quotes.size() <= table.size());

  attempt(text, envelope, method, read_single_order, check);
  attempt(text, envelope, method, read_placed_order, check);
  attempt(text, envelope, method, read_orders, [](const std::vector<Order>& orders) {
    for (const Order& order : orders) check(order);
  });
  attempt(text, envelope, method, read_fills, [](const std::vector<Fill>& fills) {
    for (const Fill& fill : fills) require(fill.amount.sign() > 0 && fill.price.sign() >= 0);
  });
  attempt(text, envelope, method, read_instruments, [](const InstrumentList& list) {
    for (const Instrument& one : list.instruments)
      require(one.tick_size.sign() > 0 && one.minimum_size.sign() > 0 && one.strike > 0.0);
  });
  attempt(text, envelope, method, read_ticker, [](const Ticker& ticker) {
    require(ticker.bid.sign() >= 0 && ticker.ask.sign() >= 0 && ticker.mark.sign() >= 0 && rlx::is_finite(ticker.index));
  });
  attempt(text, envelope, method, read_positions, [](const std::vector<Position>& positions) {
    for (const Position& one : positions) require(one.size.sign() != 0 && one.strike > 0.0);
  });
  attempt(text, envelope, method, read_token, [](const Token& token) {
    for (const char c : token.access_token) require(c > 0x20 && c < 0x7F);
    require(token.expires_in_s > 0);
  });
  attempt(text, envelope, method, read_chart_closes, [](const std::vector<TimedValue>& closes) {
    for (const TimedValue& one : closes) require(one.value > 0.0 && rlx::is_finite(one.value));
  });
  attempt(text, envelope, method, read_account, ignore);
  attempt(text, envelope, method, read_integer, ignore);
  attempt(text, envelope, method, read_test, ignore);
  attempt(text, envelope, method, read_index_price, [](double index) { require(index > 0.0 && rlx::is_finite(index)); });
  attempt(text, envelope, method, read_sell_margins, ignore);
  attempt(text, envelope, method, read_volatility_index, ignore);
  attempt(text, envelope, method, read_delivery_prices, ignore);
  attempt(text, envelope, method, read_deliveries, ignore);
  return 0;
}
