// SPDX-License-Identifier: MIT
/// @file
/// @brief A double-entry ledger: balances per account always, single entries on request.
#ifndef RLX_MARKET_LEDGER_HPP
#define RLX_MARKET_LEDGER_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>

namespace rlx::inline v0_1::market {

/// Number of an account, in the order of `add_account`, from 0.
using AccountId = std::uint32_t;

/// What an entry was made for.
enum class EntryKind : std::uint8_t {
  capital,       ///< money the owner brought in
  margin,        ///< cash <-> margin of a leg
  settle_value,  ///< realised value of a closed leg -> cash
  price,         ///< revaluation
  funding,       ///< funding payments
  fee,           ///< trading fees
  slippage,      ///< half-spread, impact and other distance between mark and fill
  liquidation,   ///< liquidation fees, less what the insurance fund carries
  transfer,      ///< money under way between venues
  transfer_fee,  ///< of moving money between venues
  premium,       ///< paid or received for an option
  payoff         ///< of an option at expiry
};
/// Number of kinds.
inline constexpr std::size_t n_entry_kinds = 12;

/// True for the kinds that change equity.
constexpr bool is_profit_and_loss(EntryKind kind) {
  return kind == EntryKind::price || kind == EntryKind::funding || kind == EntryKind::fee || kind == EntryKind::slippage ||
         kind == EntryKind::liquidation || kind == EntryKind::transfer_fee || kind == EntryKind::premium ||
         kind == EntryKind::payoff;
}

/// `amount` moves from `credit` to `debit`; a negative amount moves the other way.
template <class Amount>
struct BasicLedgerEntry {
  std::int64_t t_ms = 0;                                     ///< time of the entry, UTC milliseconds
  std::uint64_t position = 0;                                ///< 0: no position
  AccountId debit = 0;                                       ///< account that gains
  AccountId credit = 0;                                      ///< account that loses
  Amount amount{};                                           ///< in the ledger's unit
  EntryKind kind = EntryKind::capital;                       ///< what the entry was made for
  bool operator==(const BasicLedgerEntry&) const = default;  ///< Memberwise.
};

/// Accounts are fixed before the first entry. Assets have debit balances; capital and income have credit balances, so the sum
/// of all balances (debit minus credit) is 0 and the sum of the asset balances is equity.
///
/// Capacity policy: `post` always updates the two balances and the total of its kind, which allocates nothing. Entries are kept
/// only after `record(reserve)`; the vector then grows beyond `reserve` like any vector and keeps its memory over `clear`.
///
/// `Amount`: double (`Ledger`, USD), or an exact type with `+=` and `-=` such as Fixed8, whose sums are exact.
template <class Amount>
class BasicLedger {
 public:
  /// Adds an account. O(1) amortised, allocates. @throws StateError after the first entry
  AccountId add_account(std::string name, bool asset) {
    if (posted_ != 0) throw StateError("ledger: account '" + name + "' added after the first entry; add accounts first");
    names_.push_back(std::move(name));
    assets_.push_back(asset ? 1 : 0);
    balances_.push_back(Amount{});
    return static_cast<AccountId>(balances_.size() - 1);
  }

  /// Keeps every later entry, with room for `reserve` of them before the first further allocation.
  void record(std::size_t reserve) {
    recording_ = true;
    entries_.reserve(reserve);
  }
  bool recording() const noexcept { return recording_; }  ///< true after `record`

  /// Moves `amount` from account `credit` to account `debit`. O(1); allocates only while recording beyond the reserve.
  void post(std::int64_t t_ms, std::uint64_t position, AccountId debit, AccountId credit, Amount amount, EntryKind kind) {
    RLX_ASSERT(debit < balances_.size() && credit < balances_.size());
    balances_[debit] += amount;
    balances_[credit] -= amount;
    // Equity changes only where the entry crosses between an asset and another account.
    if (assets_[debit] != assets_[credit]) totals_[static_cast<std::size_t>(kind)] += assets_[debit] != 0 ? amount : -amount;
    ++posted_;
    if (recording_) entries_.push_back({t_ms, position, debit, credit, amount, kind});
  }

  /// Debits less credits of one account.
  Amount balance(AccountId account) const { return balances_.at(account); }
  std::size_t n_accounts() const noexcept { return balances_.size(); }  ///< accounts added so far
  /// As given to `add_account`. @throws std::out_of_range for an unknown account
  const std::string& name(AccountId account) const { return names_.at(account); }
  /// True for an asset, false for capital or income. @throws std::out_of_range for an unknown account
  bool is_asset(AccountId account) const { return assets_.at(account) != 0; }

  /// Sum of the asset accounts. O(accounts).
  Amount equity() const {
    Amount sum{};
    for (std::size_t i = 0; i < balances_.size(); ++i) {
      if (assets_[i] != 0) sum += balances_[i];
    }
    return sum;
  }

  /// Change of equity by entries of one kind since the last `clear` (0 for kinds that only move money).
  Amount total(EntryKind kind) const noexcept { return totals_[static_cast<std::size_t>(kind)]; }

  /// Entries since the last `clear`, in the order of posting; empty unless recording.
  std::span<const BasicLedgerEntry<Amount>> entries() const noexcept { return entries_; }
  /// Number of entries since the last `clear`, recorded or not.
  std::uint64_t posted() const noexcept { return posted_; }

  /// Empties every account and forgets the entries; accounts, recording and memory stay.
  void clear() noexcept {
    std::fill(balances_.begin(), balances_.end(), Amount{});
    totals_.fill(Amount{});
    entries_.clear();
    posted_ = 0;
  }

  /// Balances and totals, for saving. Entries are not part of it.
  struct Balances {
    std::span<const Amount> accounts;          ///< debits less credits by account; refers to the ledger's memory
    std::array<Amount, n_entry_kinds> totals;  ///< by EntryKind
    std::uint64_t posted;                      ///< entries since the last `clear`
  };
  /// As they stand; valid until the ledger changes.
  Balances balances() const noexcept { return {balances_, totals_, posted_}; }
  /// Restores what `balances` gave; recorded entries are forgotten. @throws StateError for another number of accounts
  void restore(const Balances& saved) {
    if (saved.accounts.size() != balances_.size()) {
      throw StateError("ledger: expected " + std::to_string(balances_.size()) + " balances, found " +
                       std::to_string(saved.accounts.size()));
    }
    std::copy(saved.accounts.begin(), saved.accounts.end(), balances_.begin());
    totals_ = saved.totals;
    posted_ = saved.posted;
    entries_.clear();
  }

 private:
  std::vector<std::string> names_;
  std::vector<std::uint8_t> assets_;  // 1 asset, 0 capital or income
  std::vector<Amount> balances_;
  std::array<Amount, n_entry_kinds> totals_{};
  std::vector<BasicLedgerEntry<Amount>> entries_;
  std::uint64_t posted_ = 0;
  bool recording_ = false;
};

/// The ledger's entry in doubles.
using LedgerEntry = BasicLedgerEntry<double>;
/// In USD, as doubles.
using Ledger = BasicLedger<double>;

}  // namespace rlx::inline v0_1::market

#endif  // RLX_MARKET_LEDGER_HPP
