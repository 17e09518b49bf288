// SPDX-License-Identifier: MIT
/// @file
/// @brief The observation `rlx.kalshi.obs/1`: 52 floats from the public book and the account, their names, bounds and hash.
///
/// The same code serves the environment, `infer` and live programs. No ticker, index or calendar time is read: time enters as
/// differences and as distance to the announced close, sizes as ratios inside the book, against the market's own running
/// average, or saturated at 15 orders. Hence three exact invariances: renaming, shifting all times, scaling all sizes.
#ifndef RLX_KALSHI_FEATURES_HPP
#define RLX_KALSHI_FEATURES_HPP

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/hash.hpp>
#include <rlx/core/state.hpp>
#include <rlx/kalshi/fees.hpp>
#include <rlx/kalshi/order_book.hpp>
#include <rlx/kalshi/types.hpp>

namespace rlx::inline v0_1::kalshi {

/// Floats of an observation.
inline constexpr std::size_t feature_count = 52;
inline constexpr std::size_t market_feature_count = 36;   ///< market and temporal columns, from 0
inline constexpr std::size_t account_feature_count = 16;  ///< portfolio and order columns, from 36

/// What the columns of an observation are about.
enum class FeatureGroup : std::uint8_t {
  market,     ///< book and trades
  temporal,   ///< pace, moves and time to the close
  portfolio,  ///< cash, position, results and the last fill
  order       ///< own live orders
};

/// As in the names of the groups.
constexpr std::string_view feature_group_name(FeatureGroup group) noexcept {
  constexpr std::string_view names[] = {"market", "temporal", "portfolio", "order"};
  return names[static_cast<std::size_t>(group)];
}

/// One float of the observation; always finite and in [low, high].
struct FeatureInfo {
  std::string_view name;     ///< as in the observation's names
  FeatureGroup group;        ///< what it is about
  float low;                 ///< least value
  float high;                ///< largest value
  std::string_view formula;  ///< in the notation of feature_notation
};

/// What the symbols in the formulas mean.
inline constexpr std::string_view feature_notation =
    "b, a best YES bid (0 if none) and ask (1 if none), dollars; s = max(a-b,0); m = (a+b)/2, kept while both sides are empty, "
    ".5 at the start; Sy, Sn sizes at the best YES and NO bid; Vy, Vn sums of the sides, V = Vy+Vn, contracts; Q largest "
    "order; "
    "f(p) = taker rate p (1-p); En average with weight 2/(n+1), once per group, started at the first value; dt seconds since "
    "the "
    "previous group; rn = 1/En[max(dt,.001)], started at 60 s; L(t,T) = min(1,ln(1+t)/ln(1+T)), seconds; clip to [-1,1]; "
    "x/0 = 0; e = order flow between two groups; after a snapshot e = 0 and no move is counted";

/// The 52 columns in order. Without sizes columns 10..20 are 0.
inline constexpr std::array<FeatureInfo, feature_count> feature_layout{{
    {"best_yes_bid", FeatureGroup::market, 0, 1, "b"},
    {"best_no_bid", FeatureGroup::market, 0, 1, "1-a"},
    {"yes_mid_logit", FeatureGroup::market, -1, 1, "ln(m'/(1-m'))/ln 199, m' = clamp(m,.005,.995)"},
    {"yes_spread_log", FeatureGroup::market, 0, 1, "ln(1+100s)/ln 101"},
    {"yes_spread_pct", FeatureGroup::market, 0, 1, "s/a"},
    {"no_spread_pct", FeatureGroup::market, 0, 1, "s/(1-b)"},
    {"breakeven_move", FeatureGroup::market, 0, 1, "min(1,(s+f(a)+f(b))/.25)"},
    {"quote_side_balance", FeatureGroup::market, -1, 1, "E8[1{best YES bid moved}-1{best NO bid moved}]"},
    {"fee_share", FeatureGroup::market, 0, 1, "(f(a)+f(b))/(f(a)+f(b)+max(s,.0001))"},
    {"spread_regime", FeatureGroup::market, -1, 1, "clip(ln(s'/E128[s'])/ln 4), s' = max(s,.005)"},
    {"yes_touch_size", FeatureGroup::market, 0, 1, "log2(1+min(Sy/Q,15))/4"},
    {"no_touch_size", FeatureGroup::market, 0, 1, "log2(1+min(Sn/Q,15))/4"},
    {"touch_imbalance", FeatureGroup::market, -1, 1, "(Sy-Sn)/(Sy+Sn)"},
    {"yes_microprice_offset", FeatureGroup::market, -1, 1, "clip(touch_imbalance (s/2)/.05)"},
    {"volume_imbalance", FeatureGroup::market, -1, 1, "(Vy-Vn)/(Vy+Vn)"},
    {"near_touch_imbalance", FeatureGroup::market, -1, 1, "as volume_imbalance over the five best levels of each side"},
    {"total_volume_norm", FeatureGroup::market, -1, 1, "clip(ln(V'/E128[V'])/ln 4), V' = max(V,.01)"},
    {"yes_book_depth_norm", FeatureGroup::market, 0, 1, "n/(n+10), n YES bid levels"},
    {"no_book_depth_norm", FeatureGroup::market, 0, 1, "n/(n+10), n NO bid levels"},
    {"yes_liquidity_concentration", FeatureGroup::market, 0, 1, "size of the three best YES bid levels/Vy"},
    {"no_liquidity_concentration", FeatureGroup::market, 0, 1, "size of the three best NO bid levels/Vn"},
    {"yes_bid_age", FeatureGroup::market, 0, 1, "L(time since the best YES bid price changed,3600)"},
    {"no_bid_age", FeatureGroup::market, 0, 1, "L(time since the best NO bid price changed,3600)"},
    {"order_flow_imbalance", FeatureGroup::market, -1, 1, "E8[e]/E8[|e|]"},
    {"order_flow_imbalance_slow", FeatureGroup::market, -1, 1, "E64[e]/E64[|e|]"},
    {"price_trend", FeatureGroup::market, -1, 1, "clip((m-E128[m])/.15)"},
    {"time_since_last_update", FeatureGroup::temporal, 0, 1, "L(dt,3600)"},
    {"time_to_close", FeatureGroup::temporal, 0, 1, "min(1,ln(1+minutes to close)/ln 10081); 0 after close; 1 if unknown"},
    {"current_activity_score", FeatureGroup::temporal, 0, 1, "N/(N+10), N <- N e^(-dt/60)+1"},
    {"activity_change", FeatureGroup::temporal, -1, 1, "(r8-r32)/(r8+r32)"},
    {"update_frequency", FeatureGroup::temporal, 0, 1, "min(1,ln(1+60 r32)/ln 6001)"},
    {"activity_burst_indicator", FeatureGroup::temporal, 0, 1, "1{r8 > 4 r128}"},
    {"activity_trend", FeatureGroup::temporal, -1, 1, "(r32-r128)/(r32+r128)"},
    {"price_momentum", FeatureGroup::temporal, -1, 1, "clip((m-E32[m])/.05)"},
    {"volatility_regime", FeatureGroup::temporal, 0, 1, "min(1,sqrt(E32[(100 dm)^2])/2)"},
    {"price_reversal", FeatureGroup::temporal, 0, 1,
     "E32 over mid moves of 1{sign differs from the previous move's}, start .5"},
    {"cash_ratio", FeatureGroup::portfolio, 0, 1, "available cash/equity, clamped"},
    {"position_ratio", FeatureGroup::portfolio, -1, 1, "x/position limit"},
    {"last_fill_distance", FeatureGroup::portfolio, -1, 1,
     "clip(d (m-last fill price)/.10), d = 1 if it added YES, else -1; 0 before any fill"},
    {"time_since_last_fill", FeatureGroup::portfolio, 0, 1, "L(age,3600); 1 before any fill"},
    {"average_entry_price", FeatureGroup::portfolio, 0, 1, "basis per held contract in its own price; 0 when flat"},
    {"unrealized_pnl_ratio", FeatureGroup::portfolio, -1, 1, "clip(10 (value at touch-basis)/starting cash)"},
    {"realized_pnl_ratio", FeatureGroup::portfolio, -1, 1, "clip(10 realised before fees/starting cash)"},
    {"settlement_upside_ratio", FeatureGroup::portfolio, 0, 1, "min(1,(|x| $1-value at touch)/equity)"},
    {"holding_time", FeatureGroup::portfolio, 0, 1, "L(time since x left 0 or changed sign,86400); 0 when flat"},
    {"position_drawdown", FeatureGroup::portfolio, 0, 1,
     "min(1,10 (highest unrealised since opening-unrealised now)/starting cash); 0 when flat"},
    {"fees_paid_ratio", FeatureGroup::portfolio, 0, 1, "F/(F+.02 starting cash), F fees paid"},
    {"has_open_buy", FeatureGroup::order, 0, 1, "bid slot: 0 empty; .25 message in flight; else .5+.5 Q/(Q+queue ahead)"},
    {"has_open_sell", FeatureGroup::order, 0, 1, "ask slot: as has_open_buy"},
    {"buy_distance_from_mid", FeatureGroup::order, -1, 1, "clip((m-limit)/.10) of the newest bid slot order; 0 if empty"},
    {"sell_distance_from_mid", FeatureGroup::order, -1, 1, "clip((limit-m)/.10) of the newest ask slot order; 0 if empty"},
    {"time_since_order", FeatureGroup::order, 0, 1, "max(.02,L(age of the oldest live order,300)); 0 if none"},
}};

/// Canonical text of the layout: the notation, then a line per float, "index name | group | low..high | formula". Allocates.
inline std::string feature_layout_text() {
  std::string text = "rlx.kalshi.obs/1\n" + std::string(feature_notation) + '\n';
  for (std::size_t i = 0; i < feature_count; ++i) {
    const FeatureInfo& info = feature_layout[i];
    text += std::to_string(i) + ' ' + std::string(info.name) + " | " + std::string(feature_group_name(info.group)) + " | " +
            (info.low < 0.0F ? "-1..1" : "0..1") + " | " + std::string(info.formula) + '\n';
  }
  return text;
}

/// SHA-256 of `feature_layout_text()`: part of every checkpoint.
inline std::string layout_hash() { return sha256_hex(feature_layout_text()); }

namespace detail {

/// Replaces every number by its natural logarithm, without a branch so that the compiler takes several at once.
/// Positive normal doubles; error below 5e-16 + 1e-15 of the value.
template <std::size_t N>
void logarithms(std::array<double, N>& values) noexcept {
  constexpr std::uint64_t root_half = 0x3FE6A09E667F3BCD;  // bits of sqrt(1/2): mantissas lie in [sqrt(1/2), sqrt(2))
  constexpr std::uint64_t exponent_bits = 0xFFF0000000000000;
  for (double& value : values) {
    const auto bits = std::bit_cast<std::uint64_t>(value);
    const std::uint64_t scaled = bits - root_half + (std::uint64_t{1023} << 52);  // biased: never negative
    const double exponent = std::bit_cast<double>((scaled >> 52) | 0x4330000000000000) - (4503599627370496.0 + 1023.0);
    const double mantissa = std::bit_cast<double>(bits - ((scaled & exponent_bits) - (std::uint64_t{1023} << 52)));
    const double z = (mantissa - 1.0) / (mantissa + 1.0), y = z * z;
    // 2 artanh z
    const double series =
        1.0 / 3 +
        y * (1.0 / 5 + y * (1.0 / 7 + y * (1.0 / 9 + y * (1.0 / 11 + y * (1.0 / 13 + y * (1.0 / 15 + y * (1.0 / 17)))))));
    value = exponent * 0.6931471805599453 + (2.0 * z + 2.0 * z * y * series);
  }
}

/// @{
/// 1 / ln of the number in the name.
inline constexpr double per_ln2 = 1.4426950408889634;
inline constexpr double per_ln4 = 0.7213475204444817;
inline constexpr double per_ln101 = 0.21667906533553166;
inline constexpr double per_ln199 = 0.18891789404024137;
inline constexpr double per_ln301 = 0.1752200244275466;
inline constexpr double per_ln3601 = 0.12211552649443932;
inline constexpr double per_ln6001 = 0.11494673815138318;
inline constexpr double per_ln10081 = 0.10847860366704855;
inline constexpr double per_ln86401 = 0.08797585955308192;
/// @}

/// To -1..1.
constexpr double clip(double x) noexcept { return std::clamp(x, -1.0, 1.0); }
/// To 0..1.
constexpr double clip01(double x) noexcept { return std::clamp(x, 0.0, 1.0); }
/// a / b; 0 for b = 0.
constexpr double quotient(double a, double b) noexcept { return b != 0.0 ? a / b : 0.0; }
/// (a - b)/(a + b) of sizes.
constexpr double imbalance(Count a, Count b) noexcept {
  return quotient(static_cast<double>(a - b), static_cast<double>(a + b));
}
/// Seconds of microseconds.
constexpr double seconds(Micros us) noexcept { return static_cast<double>(us) * 1e-6; }
/// Dollars of a price.
constexpr double in_dollars(Price price) noexcept { return static_cast<double>(price) / 1e4; }

template <int N>
struct Average {
  double value = 0.0;
  void add(double x) noexcept {
    value += 2.0 / (N + 1) * (x - value);
    if (std::abs(value) < 1e-30) value = 0.0;  // what has faded away must not end as denormal numbers
  }
};

// Signed flow and its absolute size. While nothing flows both fade alike: their ratio stays, so the fading can stop early.
template <int N>
struct FlowAverage {
  Average<N> flow, size;
  void add(double e) noexcept {
    if (e == 0.0 && size.value < 1e-20) return;
    flow.add(e);
    size.add(std::abs(e));
  }
  double ratio() const noexcept { return clip(quotient(flow.value, size.value)); }
};

}  // namespace detail

/// What the columns need to know of the market and the environment.
struct FeatureConfig {
  int largest_order = 10;            ///< Q: contracts of the layout's largest order
  FeeSchedule fees{};                ///< in force for the episode
  std::optional<Micros> close_us{};  ///< announced close; empty: not known
  bool has_sizes = true;             ///< false: top-of-book data without sizes
};

/// What a decision group is beside the book it leaves.
struct GroupInfo {
  Micros ts_us = 0;       ///< time of the group
  bool snapshot = false;  ///< a `book_clear` was applied since the group before: moves and flow are not counted
};

/// The 36 market and temporal columns, kept up to date group by group in O(1): one exponential, no call of log, no allocation.
/// Feed every decision group in order; own orders must not be in the book. One object per thread.
class MarketFeatures {
 public:
  MarketFeatures() { reset(); }
  /// @throws ConfigError if largest_order < 1
  explicit MarketFeatures(const FeatureConfig& config) { reset(config); }

  /// Before the first group of an episode, with the configuration so far.
  void reset() noexcept { state_ = State(); }
  /// The same for another market. @throws ConfigError if largest_order < 1
  void reset(const FeatureConfig& config) {
    if (config.largest_order < 1) {
      throw ConfigError("largest_order: expected at least 1 contract, found " + std::to_string(config.largest_order));
    }
    config_ = config;
    per_order_ = 1.0 / static_cast<double>(contracts(config.largest_order));
    const bool flat = config.fees.type == FeeType::flat, none = config.fees.type == FeeType::none;
    fee_rate_ = none || flat ? 0.0 : static_cast<double>(config.fees.taker_rate_e6) * 1e-6;
    flat_fee_ = flat ? static_cast<double>(config.fees.taker_rate_e6) * 1e-6 : 0.0;
    reset();
  }

  /// Takes in the book as a decision group leaves it. @pre times never decrease
  void update(const OrderBook& book, GroupInfo group) noexcept;

  /// The columns after the last group; zeros before the first.
  void write(std::span<float, market_feature_count> row) const noexcept {
    std::copy(state_.row.begin(), state_.row.end(), row.begin());
  }
  /// m: the mid in dollars, what the account columns measure from. 0.5 before the first group.
  double mid() const noexcept { return state_.mid(); }

  /// Everything but the configuration.
  void save_state(StateWriter& out) const {
    for_each_field(state_, [&out](const auto& field) { out.write(field); });
    out.write(std::span(state_.row));
  }
  /// @throws CheckpointError for short input or numbers that no market gives; the object stays as it was
  void load_state(StateReader& in) {
    State read;
    bool finite = true;
    for_each_field(read, [&](auto& field) {
      in.read(field);
      finite = finite && is_finite(static_cast<double>(field));
    });
    in.read_into(std::span(read.row));
    const auto price = [](Price p) { return p >= 0 && p <= one_dollar; };
    if (!finite || first_non_finite(std::span<const float>(read.row)) != market_feature_count || !price(read.bid) ||
        !price(read.ask) || read.mid_twice < 0 || read.mid_twice > 2 * one_dollar) {
      throw CheckpointError("market features: expected finite averages and prices of 0..10000; the state is damaged");
    }
    state_ = read;
  }

 private:
  struct State {
    std::int64_t groups = 0;
    Micros time_us = 0, bid_since_us = 0, ask_since_us = 0;
    Count bid_size = 0, ask_size = 0;
    Price bid = 0, ask = one_dollar, mid_twice = one_dollar;
    std::int32_t last_move = 0;  // sign of the last mid move
    double activity = 0.0;
    detail::FlowAverage<8> flow8;
    detail::FlowAverage<64> flow64;
    detail::Average<8> quote_moves, dt8{60.0};
    detail::Average<32> dt32{60.0}, mid32, squared_moves, reversals{0.5};
    detail::Average<128> dt128{60.0}, mid128, spread128, volume128;
    std::array<float, market_feature_count> row{};

    double mid() const noexcept { return static_cast<double>(mid_twice) / 2e4; }
  };

  template <class S, class F>
  static void for_each_field(S& s, F&& f) {
    const auto all = [&f](auto&... fields) { (f(fields), ...); };
    all(s.groups, s.time_us, s.bid_since_us, s.ask_since_us, s.bid_size, s.ask_size, s.bid, s.ask, s.mid_twice, s.last_move,
        s.activity);
    all(s.flow8.flow.value, s.flow8.size.value, s.flow64.flow.value, s.flow64.size.value, s.quote_moves.value, s.dt8.value,
        s.dt32.value, s.mid32.value, s.squared_moves.value, s.reversals.value, s.dt128.value, s.mid128.value, s.spread128.value,
        s.volume128.value);
  }

  double fee(double p) const noexcept { return fee_rate_ * p * (1.0 - p) + flat_fee_; }

  struct Near {
    Count three = 0, five = 0;  // sizes of the best levels
  };
  static Near near_touch(const OrderBook& book, BookSide side) noexcept {
    Near near;
    int level = 0;
    book.for_each_level(side, 5, [&](Price, Count size) {
      near.five += size;
      if (level++ < 3) near.three += size;
    });
    return near;
  }

  FeatureConfig config_;
  double per_order_ = 0.001, fee_rate_ = 0.07, flat_fee_ = 0.0;
  State state_;
};

inline void MarketFeatures::update(const OrderBook& book, GroupInfo group) noexcept {
  using detail::clip;
  using detail::clip01;
  State& s = state_;
  const Touch touch = book.touch();
  const Price bid = touch.bid.value_or(0), ask = touch.ask.value_or(one_dollar);
  const Price mid_twice = touch.bid || touch.ask ? bid + ask : s.mid_twice;
  const Count bid_size = config_.has_sizes ? book.best_size(BookSide::yes) : 1;
  const Count ask_size = config_.has_sizes ? book.best_size(BookSide::no) : 1;
  const Price spread_ticks = std::max(ask - bid, 0);
  const double spread = detail::in_dollars(spread_ticks), floored_spread = std::max(spread, 0.005);
  const Count volume_yes = book.total(BookSide::yes), volume_no = book.total(BookSide::no);
  const auto floored_volume = static_cast<double>(std::max(volume_yes + volume_no, Count{1}));
  const double before = s.mid(), mid = static_cast<double>(mid_twice) / 2e4;
  const bool first = s.groups == 0;
  const double dt = first ? 0.0 : detail::seconds(group.ts_us - s.time_us);

  if (first) {
    s.mid32.value = s.mid128.value = mid;
    s.spread128.value = floored_spread;
    s.volume128.value = floored_volume;
    s.bid_since_us = s.ask_since_us = group.ts_us;
  } else {
    // Across a snapshot nobody knows how the book came from there to here.
    Count flow = 0;
    int quote_moves = 0;
    double move = 0.0;
    if (!group.snapshot) {
      flow = (bid >= s.bid ? bid_size : 0) - (bid <= s.bid ? s.bid_size : 0) - (ask <= s.ask ? ask_size : 0) +
             (ask >= s.ask ? s.ask_size : 0);
      quote_moves = (bid != s.bid) - (ask != s.ask);
      move = mid - before;
    }
    s.flow8.add(static_cast<double>(flow));
    s.flow64.add(static_cast<double>(flow));
    s.quote_moves.add(quote_moves);
    s.squared_moves.add(1e4 * move * move);
    if (move != 0.0) {
      const std::int32_t sign = move > 0.0 ? 1 : -1;
      if (s.last_move != 0) s.reversals.add(sign != s.last_move ? 1.0 : 0.0);
      s.last_move = sign;
    }
    if (bid != s.bid) s.bid_since_us = group.ts_us;
    if (ask != s.ask) s.ask_since_us = group.ts_us;
    const double waited = std::max(dt, 0.001);
    s.dt8.add(waited);
    s.dt32.add(waited);
    s.dt128.add(waited);
    s.mid32.add(mid);
    s.mid128.add(mid);
    s.spread128.add(floored_spread);
    s.volume128.add(floored_volume);
  }
  s.activity = s.activity * std::exp(-dt / 60.0) + 1.0;
  s.time_us = group.ts_us;
  s.bid = bid;
  s.ask = ask;
  s.bid_size = bid_size;
  s.ask_size = ask_size;
  s.mid_twice = mid_twice;
  ++s.groups;

  const double bounded_mid = std::clamp(mid, 0.005, 0.995);
  const double minutes = config_.close_us ? detail::seconds(std::max(*config_.close_us - group.ts_us, Micros{0})) / 60.0 : 0.0;
  std::array<double, 12> logs = {bounded_mid / (1.0 - bounded_mid),
                                 1.0 + 100.0 * spread,
                                 floored_spread / s.spread128.value,
                                 1.0 + detail::seconds(group.ts_us - s.bid_since_us),
                                 1.0 + detail::seconds(group.ts_us - s.ask_since_us),
                                 1.0 + dt,
                                 1.0 + minutes,
                                 1.0 + 60.0 / s.dt32.value,
                                 1.0 + std::min(static_cast<double>(bid_size) * per_order_, 15.0),
                                 1.0 + std::min(static_cast<double>(ask_size) * per_order_, 15.0),
                                 floored_volume / s.volume128.value,
                                 1.0};
  detail::logarithms(logs);

  const auto set = [&s](std::size_t column, double value) { s.row[column] = static_cast<float>(value); };
  const double a = detail::in_dollars(ask), b = detail::in_dollars(bid);
  const double fees = fee(a) + fee(b);
  set(0, b);
  set(1, detail::in_dollars(one_dollar - ask));
  set(2, clip(logs[0] * detail::per_ln199));
  set(3, clip01(logs[1] * detail::per_ln101));
  set(4, detail::quotient(spread_ticks, ask));
  set(5, detail::quotient(spread_ticks, one_dollar - bid));
  set(6, std::min(1.0, (spread + fees) / 0.25));
  set(7, s.quote_moves.value);
  set(8, fees / (fees + std::max(spread, 0.0001)));
  set(9, clip(logs[2] * detail::per_ln4));
  if (config_.has_sizes) {
    const Near yes = near_touch(book, BookSide::yes), no = near_touch(book, BookSide::no);
    const double touch_imbalance = detail::imbalance(bid_size, ask_size);
    const double levels_yes = book.levels(BookSide::yes), levels_no = book.levels(BookSide::no);
    set(10, clip01(logs[8] * detail::per_ln2 / 4.0));
    set(11, clip01(logs[9] * detail::per_ln2 / 4.0));
    set(12, touch_imbalance);
    set(13, clip(touch_imbalance * (spread / 2.0) / 0.05));
    set(14, detail::imbalance(volume_yes, volume_no));
    set(15, detail::imbalance(yes.five, no.five));
    set(16, clip(logs[10] * detail::per_ln4));
    set(17, levels_yes / (levels_yes + 10.0));
    set(18, levels_no / (levels_no + 10.0));
    set(19, detail::quotient(static_cast<double>(yes.three), static_cast<double>(volume_yes)));
    set(20, detail::quotient(static_cast<double>(no.three), static_cast<double>(volume_no)));
  }
  set(21, clip01(logs[3] * detail::per_ln3601));
  set(22, clip01(logs[4] * detail::per_ln3601));
  set(23, s.flow8.ratio());
  set(24, s.flow64.ratio());
  set(25, clip((mid - s.mid128.value) / 0.15));
  set(26, clip01(logs[5] * detail::per_ln3601));
  set(27, config_.close_us ? clip01(logs[6] * detail::per_ln10081) : 1.0);
  set(28, s.activity / (s.activity + 10.0));
  // With r = 1/E the differences of rates are those of the averages, swapped.
  set(29, (s.dt32.value - s.dt8.value) / (s.dt32.value + s.dt8.value));
  set(30, clip01(logs[7] * detail::per_ln6001));
  set(31, s.dt128.value > 4.0 * s.dt8.value ? 1.0 : 0.0);
  set(32, (s.dt128.value - s.dt32.value) / (s.dt128.value + s.dt32.value));
  set(33, clip((mid - s.mid32.value) / 0.05));
  set(34, std::min(1.0, std::sqrt(s.squared_moves.value) / 2.0));
  set(35, s.reversals.value);
}

/// What an order slot shows. `limit` is that of the newest order of the slot.
struct SlotFeatureInput {
  /// What the slot holds.
  enum class State : std::uint8_t {
    empty,      ///< neither an order nor a message
    in_flight,  ///< a message is under way, whether or not an older order still works
    working     ///< an order rests and no message is under way
  };
  State state = State::empty;  ///< what the slot holds
  Price limit = 0;             ///< YES price
  Count queue_ahead = 0;       ///< of a working order
};

/// All that the 16 portfolio and order columns are made of. Amounts as in Account, micro-dollars; counts 1e-2 contract.
struct AccountFeatureInput {
  Micros now_us = 0;                        ///< time of the decision
  double mid = 0.5;                         ///< MarketFeatures::mid()
  Count largest_order = contracts(10);      ///< Q
  Count position_limit = contracts(100);    ///< > 0
  Money starting_cash = dollars(100);       ///< > 0
  Money available_cash = dollars(100);      ///< cash less the reserves of live orders
  Money equity = dollars(100);              ///< cash + value
  Money value = 0;                          ///< of the position at the touch
  Money basis = 0;                          ///< cost of the position
  Money realized = 0;                       ///< before fees
  Money fees = 0;                           ///< paid so far
  Count position = 0;                       ///< signed, YES-equivalent
  Micros position_since_us = 0;             ///< when the position left 0 or changed sign; read unless flat
  Money highest_unrealized = 0;             ///< of value - basis since then; read unless flat
  std::optional<Micros> last_fill_us{};     ///< empty before any fill
  Price last_fill_price = 0;                ///< YES price
  bool last_fill_added_yes = true;          ///< dx > 0
  SlotFeatureInput bid{};                   ///< orders that add YES
  SlotFeatureInput ask{};                   ///< orders that add NO
  std::optional<Micros> oldest_order_us{};  ///< when the oldest live order was sent; empty without one
};

/// Writes columns 36..51. A pure function: equal input, equal bytes. No call of log or exp, no allocation.
inline void write_account_features(const AccountFeatureInput& in, std::span<float, account_feature_count> row) noexcept {
  using detail::clip;
  using detail::clip01;
  const auto set = [row](std::size_t column, double value) { row[column - market_feature_count] = static_cast<float>(value); };
  const auto share = [](Money part, Money whole) {
    return detail::quotient(static_cast<double>(part), static_cast<double>(whole));
  };
  const bool flat = in.position == 0;
  const Count held = in.position < 0 ? -in.position : in.position;
  const Money unrealized = in.value - in.basis;
  const auto age = [&in](Micros since) { return 1.0 + detail::seconds(std::max(in.now_us - since, Micros{0})); };
  std::array<double, 4> logs = {age(in.last_fill_us.value_or(in.now_us)), age(in.position_since_us),
                                age(in.oldest_order_us.value_or(in.now_us)), 1.0};
  detail::logarithms(logs);

  set(36, clip01(share(in.available_cash, in.equity)));
  set(37, clip(share(in.position, in.position_limit)));
  const double away = in.mid - detail::in_dollars(in.last_fill_price);
  set(38, in.last_fill_us ? clip((in.last_fill_added_yes ? away : -away) / 0.10) : 0.0);
  set(39, in.last_fill_us ? clip01(logs[0] * detail::per_ln3601) : 1.0);
  set(40, flat ? 0.0 : clip01(share(in.basis, held) / 1e4));
  set(41, clip(10.0 * share(unrealized, in.starting_cash)));
  set(42, clip(10.0 * share(in.realized, in.starting_cash)));
  set(43, clip01(share(held * one_dollar - in.value, in.equity)));
  set(44, flat ? 0.0 : clip01(logs[1] * detail::per_ln86401));
  set(45, flat ? 0.0 : clip01(10.0 * share(in.highest_unrealized - unrealized, in.starting_cash)));
  const auto fees = static_cast<double>(std::max(in.fees, Money{0}));
  set(46, detail::quotient(fees, fees + 0.02 * static_cast<double>(in.starting_cash)));
  const auto presence = [&in](const SlotFeatureInput& slot) {
    if (slot.state == SlotFeatureInput::State::empty) return 0.0;
    if (slot.state == SlotFeatureInput::State::in_flight) return 0.25;
    const auto order = static_cast<double>(in.largest_order);
    return 0.5 + 0.5 * order / (order + static_cast<double>(slot.queue_ahead));
  };
  const auto below_mid = [&in](const SlotFeatureInput& slot) {
    return slot.state == SlotFeatureInput::State::empty ? 0.0 : clip((in.mid - detail::in_dollars(slot.limit)) / 0.10);
  };
  set(47, presence(in.bid));
  set(48, presence(in.ask));
  set(49, below_mid(in.bid));
  set(50, 0.0 - below_mid(in.ask));  // not -0 for an empty slot
  set(51, in.oldest_order_us ? std::max(0.02, clip01(logs[2] * detail::per_ln301)) : 0.0);
}

}  // namespace rlx::inline v0_1::kalshi

#endif  // RLX_KALSHI_FEATURES_HPP
