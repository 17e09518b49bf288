// SPDX-License-Identifier: MIT
/// @file
/// @brief Where the money came from: six parts that sum exactly to the change of equity.
#ifndef RLX_FUNDING_ATTRIBUTION_HPP
#define RLX_FUNDING_ATTRIBUTION_HPP

#include <cstdint>
#include <optional>

#include <rlx/core/error.hpp>
#include <rlx/market/ledger.hpp>

namespace rlx::inline v0_1::funding {

/// Number of a position within an episode, from 1; 0 means no position.
using PositionId = std::uint64_t;

/// Parts of a profit in USD; costs are negative.
struct Attribution {
  double funding = 0.0;      ///< settlements received less paid
  double price = 0.0;        ///< moves of the marks
  double fees = 0.0;         ///< taker fees of entries and exits
  double slippage = 0.0;     ///< half-spread, impact and the extra of forced closes of stale legs
  double liquidation = 0.0;  ///< liquidation fees, less what the insurance fund carried
  double transfer = 0.0;     ///< fees of transfers between venues; belongs to no position

  double total() const { return funding + price + fees + slippage + liquidation + transfer; }  ///< change of equity, USD

  /// Adds part by part.
  Attribution& operator+=(const Attribution& other) {
    funding += other.funding;
    price += other.price;
    fees += other.fees;
    slippage += other.slippage;
    liquidation += other.liquidation;
    transfer += other.transfer;
    return *this;
  }
  bool operator==(const Attribution&) const = default;  ///< Memberwise.
};

/// Attribution of everything since the ledger was cleared (O(1)), or of one position (O(entries)).
/// @throws StateError for a position of a ledger that does not record entries
inline Attribution attribute(const market::Ledger& ledger, std::optional<PositionId> position = {}) {
  using market::EntryKind;
  Attribution sum;
  const auto part = [&sum](EntryKind kind) -> double* {
    switch (kind) {
      case EntryKind::funding:
        return &sum.funding;
      case EntryKind::price:
        return &sum.price;
      case EntryKind::fee:
        return &sum.fees;
      case EntryKind::slippage:
        return &sum.slippage;
      case EntryKind::liquidation:
        return &sum.liquidation;
      case EntryKind::transfer_fee:
        return &sum.transfer;
      default:
        return nullptr;
    }
  };
  if (!position) {
    for (std::size_t i = 0; i < market::n_entry_kinds; ++i) {
      const auto kind = static_cast<EntryKind>(i);
      if (double* target = part(kind)) *target = ledger.total(kind);
    }
    return sum;
  }
  if (!ledger.recording()) {
    throw StateError("attribution of position " + std::to_string(*position) +
                     ": the ledger keeps no entries; call record() before the first one, or read Position::attribution");
  }
  for (const market::LedgerEntry& entry : ledger.entries()) {
    if (entry.position != *position) continue;
    if (double* target = part(entry.kind)) {
      *target += entry.amount * (ledger.is_asset(entry.debit) ? 1.0 : 0.0) -
                 entry.amount * (ledger.is_asset(entry.credit) ? 1.0 : 0.0);
    }
  }
  return sum;
}

}  // namespace rlx::inline v0_1::funding

#endif  // RLX_FUNDING_ATTRIBUTION_HPP
