// SPDX-License-Identifier: MIT
/// @file
/// @brief Decision states as JSON: what `infer --state` reads, and what an environment writes of itself.
///
/// Raw quantities only, in the units of types.hpp. A state that an environment wrote gives back the same observation and the
/// same mask, bit for bit (`rlx.funding.state/1`):
/// @code
/// {"schema": "rlx.funding.state/1", "time_ms": 1735948800000, "step_ms": 3600000,
///  "initial_capital": 10000, "peak_equity": 10050, "free_cash": {"binance": 4900, "bybit": 5050}, "in_transit": 0,
///  "trading": {"max_leverage": 3, "target_utilization": 0.6, "max_positions": 3, "stop_loss_threshold": -0.02,
///              "liquidation_buffer": 0.15},
///  "regime_bph": 0.05,
///  "opportunities": [{"symbol": "WIFUSDT", "long": {"venue": "binance", "price": 2.01, "rate_bph": -0.4, "interval_h": 8,
///                     "next_ms": 1735977600000, "bid_ask_bps": 1.5, "depth_usd": 90000}, "short": {...},
///                     "net24_bph": 1.1, "net72_bph": 0.9, "volume_usd": 3e7, ...}],
///  "positions": [{"slot": 0, "symbol": "ETHUSDT", "quantity": 0.5, "opened_ms": ..., "mid_entry": ..., "long": {...}, ...}]}
/// @endcode
#ifndef RLX_FUNDING_DECISION_STATE_JSON_HPP
#define RLX_FUNDING_DECISION_STATE_JSON_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/json.hpp>
#include <rlx/funding/decision_state.hpp>
#include <rlx/funding/detail/sort_rows.hpp>
#include <rlx/funding/market_tape.hpp>
#include <rlx/funding/opportunity.hpp>
#include <rlx/funding/tape_data.hpp>
#include <rlx/funding/venues.hpp>
#include <rlx/io/iso8601.hpp>

namespace rlx::inline v0_1::funding {

/// Value of `schema` in every state.
inline constexpr std::string_view decision_state_schema = "rlx.funding.state/1";

/// A decision state with everything it refers to. Movable; `state()` stays valid until it is destroyed.
class LiveState {
 public:
  /// @param json    an object as above
  /// @param venues  fees, tiers and liquidation rules of the venues named in the state; must outlive this object
  /// @param where   name of the text in messages
  /// @throws ConfigError  a field missing, unknown, of the wrong type or out of range; more than 10 opportunities or 5
  ///                      positions; two of one symbol; an unknown venue. Names the JSON path.
  static LiveState from_json(const nlohmann::json& json, const VenueTable& venues, const std::string& where = "state") {
    LiveState live(venues);
    live.read(json, where);
    return live;
  }

  /// Valid until this object is destroyed.
  const DecisionState& state() const noexcept { return storage_->state; }
  /// Names of the listed symbols, by SymbolId.
  const std::string& symbol_name(SymbolId id) const { return storage_->symbols.at(id); }

 private:
  struct Storage {
    DecisionState state;
    std::vector<double> free_cash;
    std::vector<VenueId> accounts;  // ascending
    std::vector<std::string> symbols;
    std::vector<std::pair<VenueId, SymbolId>> instruments;
    std::vector<LegTerms> terms;
    std::vector<Opportunity> opportunities;
    std::array<Position, max_position_slots> positions;
    std::array<std::array<PriceRow, 2>, max_position_slots> rows;
  };

  explicit LiveState(const VenueTable& venues) : venues_(&venues), storage_(std::make_unique<Storage>()) {}

  [[noreturn]] static void refuse(const std::string& path, const std::string& expected) {
    throw ConfigError(path + ": expected " + expected);
  }
  static double number_or_missing(JsonObject& in, std::string_view key) {
    return in.get_or<std::optional<double>>(key, std::nullopt).value_or(missing);
  }
  static double bid_ask_of(JsonObject& in) {
    const double value = number_or_missing(in, "bid_ask_bps");
    if (is_finite(value) && (value < 0.0 || value > detail::max_bid_ask_bps))
      refuse(in.path("bid_ask_bps"), "0 to 20000, or null, found " + std::to_string(value));
    return value;
  }
  // A number at or above 0; missing (NaN) passes.
  static double not_negative(const JsonObject& in, std::string_view key, double value) {
    if (value < 0.0) refuse(in.path(key), "0 or more, found " + std::to_string(value));
    return value;
  }
  static double interval_of(JsonObject& in) {
    const double value = in.get<double>("interval_h");
    if (!detail::valid_interval(value)) refuse(in.path("interval_h"), "1, 2, 4, 8, 12 or 24, found " + std::to_string(value));
    return value;
  }
  static double positive(JsonObject& in, std::string_view key) {
    const double value = in.get<double>(key);
    if (!(value > 0.0)) refuse(in.path(key), "a positive number, found " + std::to_string(value));
    return value;
  }

  static std::int64_t time_of(JsonObject& in, std::string_view key) {
    const auto value = in.get<std::int64_t>(key);
    if (const std::string problem = io::time_ms_problem(value); !problem.empty())
      throw ConfigError(in.path(key) + ": " + problem);
    return value;
  }
  // 0 stands for a stamp that is not known.
  static std::int64_t stamp_of(JsonObject& in, std::string_view key) {
    return in.get<std::int64_t>(key) == 0 ? 0 : time_of(in, key);
  }
  // A time that has come.
  std::int64_t not_future(const JsonObject& in, std::string_view key, std::int64_t value) const {
    if (value > storage_->state.time_ms) refuse(in.path(key), "a time not after time_ms, found " + std::to_string(value));
    return value;
  }

  void read(const nlohmann::json& json, const std::string& where) {
    JsonObject in(json, where);
    DecisionState& state = storage_->state;
    if (in.get<std::string>("schema") != decision_state_schema) {
      refuse(in.path("schema"), "'" + std::string(decision_state_schema) + "'");
    }
    state.time_ms = time_of(in, "time_ms");
    in.read("step_ms", state.step_ms);
    TapeConfig grid;
    grid.step_ms = state.step_ms;
    validate(grid);
    state.initial_capital = positive(in, "initial_capital");
    in.read_name("sizing", state.sizing,
                 {{"available_margin", SizingMode::available_margin}, {"fixed_coins", SizingMode::fixed_coins}});
    state.regime_bph = in.get<double>("regime_bph");
    read_cash(in);
    read_trading(in);
    read_execution(in);
    read_opportunities(in);
    read_positions(in);
    const double transit = in.get_or("in_transit", 0.0);
    state.equity = in.get_or("equity", equity(transit));
    state.peak_equity = std::max(in.get<double>("peak_equity"), state.equity);
    in.finish();
    state.free_cash = storage_->free_cash;
    state.opportunities = storage_->opportunities;
    state.terms = storage_->terms;
  }

  void read_cash(JsonObject& in) {
    const nlohmann::json& cash = in.value("free_cash");
    if (!cash.is_object() || cash.empty()) refuse(in.path("free_cash"), "an object of venue names and amounts in USD");
    std::vector<std::pair<VenueId, double>> accounts;
    for (const auto& item : cash.items()) {
      accounts.emplace_back(venue(item.key(), in.path("free_cash")),
                            json_as<double>(item.value(), in.path("free_cash") + '.' + item.key()));
    }
    std::sort(accounts.begin(), accounts.end());
    for (const auto& [id, amount] : accounts) {
      storage_->accounts.push_back(id);
      storage_->free_cash.push_back(amount);
    }
  }

  void read_trading(JsonObject& in) {
    JsonObject trading = in.object("trading");
    TradingConfig& config = storage_->state.trading;
    config.max_leverage = trading.get<double>("max_leverage");
    config.target_utilization = trading.get<double>("target_utilization");
    config.max_positions = trading.get<int>("max_positions");
    config.stop_loss_threshold = trading.get<double>("stop_loss_threshold");
    config.liquidation_buffer = trading.get<double>("liquidation_buffer");
    trading.finish();
    config.validate();
  }

  void read_execution(JsonObject& in) {
    if (!in.has("execution")) return;
    JsonObject execution = in.object("execution");
    ExecutionConfig& config = storage_->state.execution;
    execution.read("multipliers", config.multipliers);
    execution.read("fee_scale", config.fee_scale);
    execution.read("impact_bps", config.impact_bps);
    execution.read("default_half_spread_bps", config.default_half_spread_bps);
    execution.read("default_depth_usd", config.default_depth_usd);
    execution.read("min_notional", config.min_notional);
    execution.read("max_depth_share", config.max_depth_share);
    execution.finish();
    EnvironmentConfig checked;
    checked.execution = config;
    checked.validate();
  }

  VenueId venue(const std::string& name, const std::string& path) const {
    const std::optional<VenueId> id = venues_->find(name);
    if (!id) refuse(path, "a venue of the table (" + venues_->names() + "), found '" + name + "'");
    return *id;
  }

  SymbolId symbol(const std::string& name) {
    auto& symbols = storage_->symbols;
    const auto index = static_cast<SymbolId>(std::find(symbols.begin(), symbols.end(), name) - symbols.begin());
    if (index == symbols.size()) symbols.push_back(name);
    return index;
  }

  // Id of the instrument of a leg, with its terms.
  InstrumentId instrument(JsonObject& leg, SymbolId symbol_id) {
    const VenueId venue_id = venue(leg.get<std::string>("venue"), leg.path("venue"));
    const auto account = std::find(storage_->accounts.begin(), storage_->accounts.end(), venue_id);
    if (account == storage_->accounts.end()) refuse(leg.path("venue"), "a venue with an entry in free_cash");
    const double lot = not_negative(leg, "lot", leg.get_or("lot", 0.0));
    const std::pair key{venue_id, symbol_id};
    auto& instruments = storage_->instruments;
    const auto found = std::find(instruments.begin(), instruments.end(), key);
    if (found != instruments.end()) return static_cast<InstrumentId>(found - instruments.begin());
    const Venue& one = venues_->at(venue_id);
    LegTerms terms;
    terms.venue = venue_id;
    terms.account = static_cast<std::uint32_t>(account - storage_->accounts.begin());
    terms.rule = one.rule;
    terms.taker = one.taker;
    terms.liquidation_fee = one.liquidation_fee;
    terms.lot = lot;
    terms.tiers = one.tiers(storage_->symbols[symbol_id]);
    instruments.push_back(key);
    storage_->terms.push_back(terms);
    return static_cast<InstrumentId>(instruments.size() - 1);
  }

  void read_opportunities(JsonObject& in) {
    const nlohmann::json& list = in.value("opportunities");
    if (!list.is_array() || list.size() > max_opportunities) {
      refuse(in.path("opportunities"), "an array of at most 10, found " + std::to_string(list.size()));
    }
    for (std::size_t k = 0; k < list.size(); ++k) {
      JsonObject one(list[k], in.path("opportunities") + '[' + std::to_string(k) + ']');
      storage_->opportunities.push_back(opportunity(one, k));
      const SymbolId listed = storage_->opportunities.back().symbol;
      for (std::size_t other = 0; other < k; ++other) {
        if (storage_->opportunities[other].symbol == listed)
          refuse(one.path("symbol"), "each symbol once, found that of opportunity " + std::to_string(other) + " again");
      }
      one.finish();
    }
  }

  Opportunity opportunity(JsonObject& in, std::size_t k) {
    Opportunity o;
    o.symbol = symbol(in.get<std::string>("symbol"));
    const auto read_leg = [&](std::string_view key, InstrumentId& id, double& price, bool& fresh, double& rate,
                              double& interval, std::int64_t& next, double& depth, double& bid_ask) {
      JsonObject leg = in.object(key);
      id = instrument(leg, o.symbol);
      price = positive(leg, "price");
      leg.read("fresh", fresh);
      rate = leg.get<double>("rate_bph");
      interval = interval_of(leg);
      next = stamp_of(leg, "next_ms");
      depth = not_negative(leg, "depth_usd", number_or_missing(leg, "depth_usd"));
      bid_ask = bid_ask_of(leg);
      leg.finish();
    };
    read_leg("long", o.long_leg, o.long_price, o.long_fresh, o.long_rate_bph, o.long_interval_h, o.long_next_ms,
             o.long_depth_usd, o.long_bid_ask_bps);
    read_leg("short", o.short_leg, o.short_price, o.short_fresh, o.short_rate_bph, o.short_interval_h, o.short_next_ms,
             o.short_depth_usd, o.short_bid_ask_bps);
    if (storage_->terms[o.long_leg].venue == storage_->terms[o.short_leg].venue)
      refuse(in.path("short.venue"), "another venue than the long leg's");
    o.volume_usd = not_negative(in, "volume_usd", number_or_missing(in, "volume_usd"));
    const double known = !is_finite(o.long_depth_usd)    ? o.short_depth_usd
                         : !is_finite(o.short_depth_usd) ? o.long_depth_usd
                                                         : std::min(o.long_depth_usd, o.short_depth_usd);
    o.depth_usd = not_negative(in, "depth_usd", in.get_or<std::optional<double>>("depth_usd", std::nullopt).value_or(known));
    read_pair(in, o.pair, o.short_rate_bph - o.long_rate_bph,
              2e4 * (o.short_price - o.long_price) / (o.long_price + o.short_price));
    const CostModel costs = costs_of(storage_->state.execution, storage_->state.initial_capital);
    const double round_trip =
        leg_round_trip_bp(storage_->terms[o.long_leg].taker, o.long_bid_ask_bps, o.long_depth_usd, costs) +
        leg_round_trip_bp(storage_->terms[o.short_leg].taker, o.short_bid_ask_bps, o.short_depth_usd, costs);
    o.round_trip_bp = not_negative(in, "round_trip_bp", in.get_or("round_trip_bp", round_trip));
    o.score = opportunity_score(o.pair.net_bph, o.pair.net24_bph, o.round_trip_bp);
    storage_->state.reference_mids[k] =
        in.get_or<std::optional<double>>("reference_mid", 0.5 * (o.long_price + o.short_price)).value_or(missing);
    return o;
  }

  static void read_pair(JsonObject& in, PairView& pair, double net, double spread) {
    pair.net_bph = in.get_or("net_bph", net);
    pair.net24_bph = in.get<double>("net24_bph");
    pair.net72_bph = in.get<double>("net72_bph");
    pair.net_std_bph = not_negative(in, "net_std_bph", in.get_or("net_std_bph", 0.0));
    in.read("sign_share", pair.sign_share);
    if (!(pair.sign_share >= 0.0 && pair.sign_share <= 1.0))
      refuse(in.path("sign_share"), "a share from 0 to 1, found " + std::to_string(pair.sign_share));
    pair.spread_bp = in.get_or("spread_bp", spread);
    pair.spread_mean_bp = in.get_or("spread_mean_bp", pair.spread_bp);
    pair.spread_std_bp = not_negative(in, "spread_std_bp", in.get_or("spread_std_bp", 0.0));
  }

  void read_positions(JsonObject& in) {
    const nlohmann::json& list = in.value("positions");
    if (!list.is_array() || list.size() > max_position_slots) {
      refuse(in.path("positions"), "an array of at most 5, found " + std::to_string(list.size()));
    }
    for (std::size_t i = 0; i < list.size(); ++i) {
      JsonObject one(list[i], in.path("positions") + '[' + std::to_string(i) + ']');
      const auto slot = one.get<std::size_t>("slot");
      if (slot >= max_position_slots) refuse(one.path("slot"), "a slot in [0, 4], found " + std::to_string(slot));
      if (storage_->state.positions[slot].position != nullptr) refuse(one.path("slot"), "each slot once");
      read_position(one, slot);
      one.finish();
    }
  }

  void read_position(JsonObject& in, std::size_t slot) {
    Position& position = storage_->positions[slot];
    PositionState& held = storage_->state.positions[slot];
    position.id = in.get_or<std::uint64_t>("id", slot + 1);
    position.symbol = symbol(in.get<std::string>("symbol"));
    for (std::size_t other = 0; other < max_position_slots; ++other) {
      const Position* const open = storage_->state.positions[other].position;
      if (open != nullptr && open->symbol == position.symbol)
        refuse(in.path("symbol"), "each symbol once, found that of slot " + std::to_string(other) + " again");
    }
    position.quantity = positive(in, "quantity");
    position.mid_entry = positive(in, "mid_entry");
    position.spread_entry_bp = in.get<double>("spread_entry_bp");
    position.funding = in.get<double>("funding");
    position.entry_fees = not_negative(in, "entry_fees", in.get<double>("entry_fees"));
    position.opened_ms = not_future(in, "opened_ms", time_of(in, "opened_ms"));
    read_leg(in, "long", position, position.long_leg, +1.0, held.long_leg, storage_->rows[slot][0]);
    read_leg(in, "short", position, position.short_leg, -1.0, held.short_leg, storage_->rows[slot][1]);
    if (position.long_leg.terms.venue == position.short_leg.terms.venue)
      refuse(in.path("short.venue"), "another venue than the long leg's");
    const double long_mark = position.long_leg.mark, short_mark = position.short_leg.mark;
    read_pair(in, held.pair, held.short_leg.rho_bph - held.long_leg.rho_bph,
              2e4 * (short_mark - long_mark) / (long_mark + short_mark));
    held.position = &position;
  }

  void read_leg(JsonObject& in, std::string_view key, const Position& position, Leg& leg, double side, LegView& view,
                PriceRow& row) {
    JsonObject from = in.object(key);
    leg.instrument = instrument(from, position.symbol);
    leg.terms = storage_->terms[leg.instrument];
    leg.side = side;
    leg.fill = positive(from, "fill");
    leg.mark = positive(from, "mark");
    leg.margin = not_negative(from, "margin", from.get<double>("margin"));
    leg.bid_ask_bps = bid_ask_of(from);
    leg.depth_usd = not_negative(from, "depth_usd", number_or_missing(from, "depth_usd"));
    from.read("fresh", leg.fresh);
    leg.value = side * position.quantity * (leg.mark - leg.fill);
    leg.tier = tier_at(leg.terms.tiers, position.quantity * leg.fill);
    leg.liquidation_price = liquidation_price(leg.terms.rule, side > 0.0 ? +1 : -1, position.quantity, leg.fill, leg.margin,
                                              leg.tier, leg.terms.taker);
    row.ts_ms = storage_->state.time_ms;
    row.price = leg.mark;
    row.bid_ask_bps = static_cast<float>(leg.bid_ask_bps);
    row.depth_usd = static_cast<float>(leg.depth_usd);
    view.row = &row;
    view.fresh = leg.fresh;
    view.rho_bph = from.get<double>("rate_bph");
    view.interval_hours = interval_of(from);
    view.last_settle_ms = not_future(from, "last_ms", stamp_of(from, "last_ms"));
    view.next_settle_ms = stamp_of(from, "next_ms");
    from.finish();
  }

  double equity(double transit) const {
    double sum = transit;
    for (const double cash : storage_->free_cash) sum += cash;
    for (const PositionState& held : storage_->state.positions)
      if (held.position != nullptr) sum += held.position->margin() + held.position->price_pnl();
    return sum;
  }

  const VenueTable* venues_;
  std::unique_ptr<Storage> storage_;
};

/// A state of an environment on `tape` as JSON; `LiveState::from_json` gives back the same observation and mask.
inline nlohmann::json to_json(const DecisionState& state, const MarketTape& tape) {
  using nlohmann::json;
  const auto optional = [](double value) { return is_finite(value) ? json(value) : json(nullptr); };
  const auto venue_of = [&tape](InstrumentId id) { return tape.instruments()[id].venue_name; };
  const auto put_pair = [](json& out, const PairView& pair) {
    out["net_bph"] = pair.net_bph;
    out["net24_bph"] = pair.net24_bph;
    out["net72_bph"] = pair.net72_bph;
    out["net_std_bph"] = pair.net_std_bph;
    out["sign_share"] = pair.sign_share;
    out["spread_bp"] = pair.spread_bp;
    out["spread_mean_bp"] = pair.spread_mean_bp;
    out["spread_std_bp"] = pair.spread_std_bp;
  };
  json out = {{"schema", std::string(decision_state_schema)},
              {"time_ms", state.time_ms},
              {"step_ms", state.step_ms},
              {"initial_capital", state.initial_capital},
              {"equity", state.equity},
              {"peak_equity", state.peak_equity},
              {"regime_bph", state.regime_bph},
              {"sizing", state.sizing == SizingMode::fixed_coins ? "fixed_coins" : "available_margin"}};
  const std::span<const VenueId> accounts = tape.venue_ids();
  for (std::size_t i = 0; i < accounts.size(); ++i) out["free_cash"][tape.venues().at(accounts[i]).name] = state.free_cash[i];
  out["trading"] = {{"max_leverage", state.trading.max_leverage},
                    {"target_utilization", state.trading.target_utilization},
                    {"max_positions", state.trading.max_positions},
                    {"stop_loss_threshold", state.trading.stop_loss_threshold},
                    {"liquidation_buffer", state.trading.liquidation_buffer}};
  out["execution"] = {{"multipliers", state.execution.multipliers},
                      {"fee_scale", state.execution.fee_scale},
                      {"impact_bps", state.execution.impact_bps},
                      {"default_half_spread_bps", state.execution.default_half_spread_bps},
                      {"default_depth_usd", state.execution.default_depth_usd},
                      {"min_notional", state.execution.min_notional},
                      {"max_depth_share", state.execution.max_depth_share}};
  out["opportunities"] = json::array();
  for (std::size_t k = 0; k < state.opportunities.size(); ++k) {
    const Opportunity& o = state.opportunities[k];
    json one = {{"symbol", tape.symbol_name(o.symbol)},
                {"volume_usd", optional(o.volume_usd)},
                {"depth_usd", optional(o.depth_usd)},
                {"round_trip_bp", o.round_trip_bp}};
    one["long"] = {{"venue", venue_of(o.long_leg)},
                   {"lot", state.terms[o.long_leg].lot},
                   {"price", o.long_price},
                   {"fresh", o.long_fresh},
                   {"rate_bph", o.long_rate_bph},
                   {"interval_h", o.long_interval_h},
                   {"next_ms", o.long_next_ms},
                   {"depth_usd", optional(o.long_depth_usd)},
                   {"bid_ask_bps", optional(o.long_bid_ask_bps)}};
    one["short"] = {{"venue", venue_of(o.short_leg)},
                    {"lot", state.terms[o.short_leg].lot},
                    {"price", o.short_price},
                    {"fresh", o.short_fresh},
                    {"rate_bph", o.short_rate_bph},
                    {"interval_h", o.short_interval_h},
                    {"next_ms", o.short_next_ms},
                    {"depth_usd", optional(o.short_depth_usd)},
                    {"bid_ask_bps", optional(o.short_bid_ask_bps)}};
    put_pair(one, o.pair);
    if (state.sizing == SizingMode::fixed_coins) one["reference_mid"] = optional(state.reference_mids[k]);
    out["opportunities"].push_back(std::move(one));
  }
  out["positions"] = json::array();
  for (std::size_t slot = 0; slot < max_position_slots; ++slot) {
    const PositionState& held = state.positions[slot];
    if (held.position == nullptr) continue;
    const Position& position = *held.position;
    const auto leg_json = [&](const Leg& leg, const LegView& view) {
      return json{{"venue", venue_of(leg.instrument)},
                  {"lot", state.terms[leg.instrument].lot},
                  {"fill", leg.fill},
                  {"mark", leg.mark},
                  {"margin", leg.margin},
                  {"fresh", leg.fresh},
                  {"bid_ask_bps", optional(leg.bid_ask_bps)},
                  {"depth_usd", optional(leg.depth_usd)},
                  {"rate_bph", view.rho_bph},
                  {"interval_h", view.interval_hours},
                  {"last_ms", view.last_settle_ms},
                  {"next_ms", view.next_settle_ms}};
    };
    json one = {{"slot", slot},
                {"id", position.id},
                {"symbol", tape.symbol_name(position.symbol)},
                {"quantity", position.quantity},
                {"mid_entry", position.mid_entry},
                {"spread_entry_bp", position.spread_entry_bp},
                {"funding", position.funding},
                {"entry_fees", position.entry_fees},
                {"opened_ms", position.opened_ms},
                {"long", leg_json(position.long_leg, held.long_leg)},
                {"short", leg_json(position.short_leg, held.short_leg)}};
    put_pair(one, held.pair);
    out["positions"].push_back(std::move(one));
  }
  return out;
}

}  // namespace rlx::inline v0_1::funding

#endif  // RLX_FUNDING_DECISION_STATE_JSON_HPP
