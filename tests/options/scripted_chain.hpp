// SPDX-License-Identifier: MIT
/// @file
/// @brief A chain source that says what a test wrote into it.
#ifndef RLX_TESTS_OPTIONS_SCRIPTED_CHAIN_HPP
#define RLX_TESTS_OPTIONS_SCRIPTED_CHAIN_HPP

#include <rlx/options/chain.hpp>
#include <rlx/options/instrument.hpp>

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rlx_test {

struct ScriptedChain {
  struct Market {
    std::vector<rlx::options::Instrument> instruments;
    std::vector<rlx::options::ChainSnapshot> snapshots;
    double settlement_index = 0.0;  // what index_at answers for instants that are no snapshot
  };
  std::map<std::string, Market, std::less<>> markets;
  mutable int loads = 0;

  /// Lists an instrument by the paper venue's table; returns its index.
  std::uint32_t list(const std::string& symbol) {
    const auto name = rlx::options::parse_instrument_name(symbol);
    auto& table = markets[name.underlying].instruments;
    table.push_back(rlx::options::paper_instrument(name));
    return static_cast<std::uint32_t>(table.size() - 1);
  }
  /// A quote with a volatility of 0.45 and the index as forward.
  static rlx::options::ChainQuote quote(std::uint32_t instrument, const char* bid, const char* ask, const char* mark,
                                        double forward, std::int64_t ts_ms) {
    using rlx::market::Fixed8;
    rlx::options::ChainQuote one;
    one.instrument = instrument;
    one.bid = Fixed8::parse(bid);
    one.ask = Fixed8::parse(ask);
    one.mark = Fixed8::parse(mark);
    one.mark_iv = 0.45;
    one.forward = forward;
    one.delta = 0.3;
    one.open_interest = 50;
    one.quote_ms = ts_ms;
    return one;
  }

  std::size_t size() const { return markets.begin()->second.snapshots.size(); }
  std::int64_t ts_ms(std::size_t i) const { return markets.begin()->second.snapshots.at(i).ts_ms; }
  void load(std::size_t i, std::string_view ccy, rlx::options::ChainSnapshot& snapshot) const {
    ++loads;
    snapshot = markets.find(ccy)->second.snapshots.at(i);
  }
  rlx::options::IndexPoint index_at(std::int64_t ts_ms, std::string_view ccy) const {
    const Market& market = markets.find(ccy)->second;
    for (const auto& snapshot : market.snapshots) {
      if (snapshot.ts_ms == ts_ms) return {snapshot.index, 0};
    }
    return {market.settlement_index, 3'600'000};
  }
  std::span<const rlx::options::Instrument> instruments(std::size_t, std::string_view ccy) const {
    return markets.find(ccy)->second.instruments;
  }
};
static_assert(rlx::options::ChainSource<ScriptedChain>);

}  // namespace rlx_test

#endif  // RLX_TESTS_OPTIONS_SCRIPTED_CHAIN_HPP
