// SPDX-License-Identifier: MIT
/// @file
/// @brief What a trade costs and when a leg dies at each venue: dated fees, maintenance tiers and liquidation rules.
///
/// The table is data, not knowledge: `VenueTable::builtin()` holds the content of `perpetuals.json`, and a user's own file
/// overrides it. Fees are decimal fractions of the notional (0.0005 = 5 bp); notionals and `cum` are USD. Reading and writing
/// JSON is in venues_json.hpp, which a program includes only if it reads such a file.
#ifndef RLX_FUNDING_VENUES_HPP
#define RLX_FUNDING_VENUES_HPP

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/hash.hpp>
#include <rlx/funding/types.hpp>

namespace rlx::inline v0_1::funding {

/// Which price the maintenance margin of a leg is taken on, and whether the closing fee is part of it.
enum class LiquidationRule : std::uint8_t {
  mark,             ///< q P m - cum
  mark_plus_taker,  ///< q P (m + taker) - cum
  entry             ///< q P0 m
};

/// Name of a rule as it stands in the JSON file.
inline std::string_view to_string(LiquidationRule rule) {
  constexpr std::array<std::string_view, 3> names{"mark", "mark_plus_taker", "entry"};
  return names[static_cast<std::size_t>(rule)];
}

/// One step of a venue's margin table.
struct MaintenanceTier {
  double notional_floor = 0.0;  ///< USD; the tier holds from here to the next floor
  double rate = 0.01;           ///< maintenance rate m, decimal
  double cum = 0.0;             ///< maintenance amount, USD: makes the maintenance margin continuous at the floors
  double max_leverage = 1.0;    ///< largest that the venue grants in this tier
  bool operator==(const MaintenanceTier&) const = default;  ///< Memberwise.
};

/// The tiers of a group of coins. `symbols` empty means "all others".
struct TierClass {
  std::vector<std::string> symbols;                   ///< coins (`BTC`) or whole symbols (`BTCUSDT`)
  std::vector<MaintenanceTier> tiers;                 ///< floors rising from 0
  bool operator==(const TierClass&) const = default;  ///< Memberwise.
};

/// The tier that holds at a notional. @pre tiers not empty, floors rising from 0. O(number of tiers), no allocation.
inline const MaintenanceTier& tier_at(std::span<const MaintenanceTier> tiers, double notional) {
  RLX_ASSERT(!tiers.empty());
  std::size_t i = tiers.size() - 1;
  while (i > 0 && !(notional >= tiers[i].notional_floor)) --i;
  return tiers[i];
}

/// Fills `cum` of every tier: cum_k = cum_{k-1} + floor_k (m_k - m_{k-1}), so that the maintenance margin has no jump.
inline void set_maintenance_amounts(std::span<MaintenanceTier> tiers) {
  for (std::size_t i = 0; i < tiers.size(); ++i)
    tiers[i].cum = i == 0 ? 0.0 : tiers[i - 1].cum + tiers[i].notional_floor * (tiers[i].rate - tiers[i - 1].rate);
}

/// The coin of a symbol: `BTCUSDT`, `BTC-USDC-PERP`, `BTC/USDT:USDT` and `BTC_USDT` are all `BTC`. What has no known quote
/// currency is returned whole.
inline std::string_view base_coin(std::string_view symbol) {
  const std::size_t separator = symbol.find_first_of("-/_:");
  if (separator != std::string_view::npos && separator > 0) return symbol.substr(0, separator);
  for (const std::string_view quote : {"USDT", "USDC", "FDUSD", "BUSD", "USD", "PERP"})
    if (symbol.size() > quote.size() && symbol.ends_with(quote)) return symbol.substr(0, symbol.size() - quote.size());
  return symbol;
}

/// One venue: fees, usual funding interval, liquidation rule and margin tiers.
struct Venue {
  std::string name;                               ///< lower case
  double maker = 0.0,                             ///< fee of an order that rests, decimal
      taker = 0.0;                                ///< fee of an order that fills at once, decimal
  double liquidation_fee = 0.0;                   ///< decimal, of the notional
  int default_interval_hours = 8;                 ///< hours between settlements
  LiquidationRule rule = LiquidationRule::mark;   ///< what liquidates a leg
  std::vector<TierClass> classes;                 ///< by group of coins
  std::string status = "assumed";                 ///< `published` or `assumed`: where the numbers come from
  bool allow_zero_fee = false;                    ///< a fee of zero is a decision, never a forgotten field
  bool operator==(const Venue&) const = default;  ///< Memberwise.

  /// Margin tiers of a symbol: its own class, or the class of all others. Compares strings: look it up once per instrument.
  /// @throws ConfigError if the venue has neither.
  std::span<const MaintenanceTier> tiers(std::string_view symbol) const {
    const std::string_view coin = base_coin(symbol);
    const TierClass* others = nullptr;
    for (const TierClass& group : classes) {
      if (group.symbols.empty()) others = &group;
      for (const std::string& name_in_class : group.symbols)
        if (name_in_class == symbol || name_in_class == coin) return group.tiers;
    }
    if (others == nullptr)
      throw ConfigError("venue '" + name + "' has no margin tiers for '" + std::string(symbol) +
                        "': add the coin, or a class with \"symbols\": \"*\", to the venue table");
    return others->tiers;
  }
  /// The tier of `symbol` at a notional in USD.
  const MaintenanceTier& tier(std::string_view symbol, double notional) const { return tier_at(tiers(symbol), notional); }
};

/// Dated list of venues; `VenueId` is the index. Ids stay valid under `merge`.
class VenueTable {
 public:
  VenueTable() = default;
  /// @param as_of   date of the numbers, `YYYY-MM-DD`
  /// @param venues  VenueId is the index here
  VenueTable(std::string as_of, std::vector<Venue> venues) : as_of_(std::move(as_of)), venues_(std::move(venues)) {}

  /// The shipped table: seven venues as of 2025-11-01. Fees are published standard fees, tiers are assumed.
  static VenueTable builtin();

  /// Reads the JSON form; defined in venues_json.hpp.
  /// @param text    JSON
  /// @param origin  name of the text in messages
  /// @throws DataError with the JSON path: not JSON, unknown key, `as_of` missing, tiers not rising, zero fee without
  ///         `allow_zero_fee`, a number outside its range.
  static VenueTable from_json(std::string_view text, std::string_view origin);

  /// Replaces the venues of the same name, appends the others, and takes over the date.
  void merge(const VenueTable& overrides) {
    for (const Venue& venue : overrides.venues_) {
      const std::optional<VenueId> known = find(venue.name);
      if (known)
        venues_[*known] = venue;
      else
        venues_.push_back(venue);
    }
    as_of_ = overrides.as_of_;
  }

  std::size_t size() const noexcept { return venues_.size(); }           ///< VenueIds are below it
  const std::string& as_of() const noexcept { return as_of_; }           ///< date of the numbers, `YYYY-MM-DD`
  const std::vector<Venue>& venues() const noexcept { return venues_; }  ///< by VenueId
  /// @throws ConfigError for an id that the table does not have.
  const Venue& at(VenueId id) const {
    if (id >= venues_.size())
      throw ConfigError("venue id " + std::to_string(id) + ": the table has " + std::to_string(venues_.size()) + " venues");
    return venues_[id];
  }
  /// Id of a venue by its lower-case name.
  std::optional<VenueId> find(std::string_view name) const {
    for (std::size_t i = 0; i < venues_.size(); ++i)
      if (venues_[i].name == name) return static_cast<VenueId>(i);
    return std::nullopt;
  }
  /// "binance, bybit, ..." for messages.
  std::string names() const {
    std::string text;
    for (const Venue& venue : venues_) text += (text.empty() ? "" : ", ") + venue.name;
    return text;
  }

  /// SHA-256 of the canonical text of all names and numbers, venues by name; equal content, equal hash on every machine.
  std::string sha256() const { return sha256_hex(canonical_text()); }

  bool operator==(const VenueTable&) const = default;  ///< Memberwise.

 private:
  std::string canonical_text() const {
    std::string text = "rlx.venues/1\n" + as_of_ + '\n';
    const auto add = [&text](double value) {
      std::array<char, 32> buffer{};
      const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
      text.append(buffer.data(), end.ptr);
      text += ' ';
    };
    std::vector<Venue> by_name = venues_;
    std::sort(by_name.begin(), by_name.end(), [](const Venue& a, const Venue& b) { return a.name < b.name; });
    for (const Venue& venue : by_name) {
      text += venue.name + ' ' + std::string(to_string(venue.rule)) + ' ' + venue.status + ' ';
      for (const double value : {venue.maker, venue.taker, venue.liquidation_fee,
                                 static_cast<double>(venue.default_interval_hours), venue.allow_zero_fee ? 1.0 : 0.0})
        add(value);
      for (const TierClass& group : venue.classes) {
        text += "\n ";
        for (const std::string& symbol : group.symbols) text += symbol + ' ';
        for (const MaintenanceTier& tier : group.tiers)
          for (const double value : {tier.notional_floor, tier.rate, tier.cum, tier.max_leverage}) add(value);
      }
      text += '\n';
    }
    return text;
  }

  std::string as_of_;
  std::vector<Venue> venues_;
};

inline VenueTable VenueTable::builtin() {
  const auto tiers = [](std::vector<MaintenanceTier> list) {
    set_maintenance_amounts(list);
    return list;
  };
  const std::vector<TierClass> classes{
      {{"BTC", "ETH"}, tiers({{0, 0.005, 0, 100}, {1'000'000, 0.01, 0, 50}, {10'000'000, 0.025, 0, 20}})},
      {{"BNB", "SOL", "XRP", "DOGE", "ADA", "AVAX", "LINK", "LTC", "TRX", "DOT"},
       tiers({{0, 0.01, 0, 50}, {250'000, 0.02, 0, 25}, {2'500'000, 0.05, 0, 10}})},
      {{}, tiers({{0, 0.02, 0, 25}, {50'000, 0.05, 0, 10}, {250'000, 0.1, 0, 5}})}};
  struct Row {
    const char* name;
    double maker, taker;
    int interval_hours;
    LiquidationRule rule;
  };
  const std::array<Row, 7> rows{{{"binance", 0.0002, 0.0005, 8, LiquidationRule::mark},
                                 {"bybit", 0.0002, 0.00055, 8, LiquidationRule::entry},
                                 {"okx", 0.0002, 0.0005, 8, LiquidationRule::mark_plus_taker},
                                 {"hyperliquid", 0.00015, 0.00045, 1, LiquidationRule::mark},
                                 {"kucoin", 0.0002, 0.0006, 8, LiquidationRule::mark},
                                 {"bitget", 0.0002, 0.0006, 8, LiquidationRule::mark},
                                 {"gate", 0.0002, 0.0006, 8, LiquidationRule::mark_plus_taker}}};
  std::vector<Venue> venues;
  for (const Row& row : rows) {
    Venue venue;
    venue.name = row.name;
    venue.maker = row.maker;
    venue.taker = row.taker;
    venue.liquidation_fee = 0.005;
    venue.default_interval_hours = row.interval_hours;
    venue.rule = row.rule;
    venue.classes = classes;
    venues.push_back(std::move(venue));
  }
  return VenueTable("2025-11-01", std::move(venues));
}

/// Maintenance margin in USD of a leg of `q` coins entered at `entry`, at price `price`.
/// @param rule   of the venue
/// @param q      coins, above 0
/// @param price  present price, USD
/// @param entry  price of the entry, USD
/// @param tier   that of the notional at entry
/// @param taker  fee that `mark_plus_taker` adds to the rate
inline double maintenance_margin(LiquidationRule rule, double q, double price, double entry, const MaintenanceTier& tier,
                                 double taker) {
  switch (rule) {
    case LiquidationRule::mark:
      return q * price * tier.rate - tier.cum;
    case LiquidationRule::mark_plus_taker:
      return q * price * (tier.rate + taker) - tier.cum;
    case LiquidationRule::entry:
      return q * entry * tier.rate;
  }
  return 0.0;
}

/// Price at which margin plus unrealised profit equals the maintenance margin. Zero or less for a long leg that no price can
/// liquidate (1x).
/// @param rule    of the venue
/// @param side    +1 long, -1 short
/// @param q       coins, above 0
/// @param entry   price of the entry, USD
/// @param margin  isolated margin of the leg, USD
/// @param tier    that of the notional at entry
/// @param taker   fee that `mark_plus_taker` adds to the rate
inline double liquidation_price(LiquidationRule rule, int side, double q, double entry, double margin,
                                const MaintenanceTier& tier, double taker) {
  const double s = static_cast<double>(side);
  if (rule == LiquidationRule::entry) return entry - s * (margin / q - entry * tier.rate);
  const double m = tier.rate + (rule == LiquidationRule::mark_plus_taker ? taker : 0.0);
  return (margin + tier.cum - s * q * entry) / (q * m - s * q);
}

/// Largest leverage at which a new leg is at least `buffer` away from its liquidation: 1 / (m' + b (1 + m')).
/// @param maintenance  m': maintenance rate of the leg, plus the taker fee where the venue's rule has it
/// @param buffer       b: least distance to liquidation, share of the price
inline double maximum_buffered_leverage(double maintenance, double buffer) {
  return 1.0 / (maintenance + buffer * (1.0 + maintenance));
}

}  // namespace rlx::inline v0_1::funding

#endif  // RLX_FUNDING_VENUES_HPP
