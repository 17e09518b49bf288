// SPDX-License-Identifier: MIT
/// @file
/// @brief Recorded option chains as a ChainSource: whole-chain snapshots, panels and index paths from CSV text.
///
/// Reads what is in the files and nothing more: a missing quote stays missing, a row that cannot be believed is dropped and
/// counted, and what would shift every row (units, order in time) is an error with its place. Packed files need an unpacker, so
/// that this header needs no zlib:
/// @code
/// const auto chain = load_recorded_chain(paths, {}, [](const std::string& path) { return rlx::io::gunzip_file(path); });
/// @endcode
#ifndef RLX_OPTIONS_RECORDED_CHAIN_HPP
#define RLX_OPTIONS_RECORDED_CHAIN_HPP

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/io/csv.hpp>
#include <rlx/io/iso8601.hpp>
#include <rlx/io/mapped_file.hpp>
#include <rlx/market/fixed8.hpp>
#include <rlx/options/chain.hpp>
#include <rlx/options/instrument.hpp>
#include <rlx/options/realized_vol.hpp>

namespace rlx::inline v0_1::options {

/// The layouts of recorded files, told apart by their header.
enum class RecordedKind : std::uint8_t {
  automatic,   ///< by the header of each file
  snapshot,    ///< `timestamp,instrument_name,…,bid_price,…,implied_volatility,delta,…,index_price`; IV decimal
  panel,       ///< `ts_ms,ccy,instrument,…,fwd,index,bid,ask,mark,mark_iv,delta,…,oi`; IV decimal
  raw_chain,   ///< `harvest_time,instrument_name,…,underlying_price,…,best_bid_price,…,mark_iv`; IV percent, no index
  index_path,  ///< `ts_ms,…,btc_index,eth_index`: the index at instants, no quotes
};

/// Unit of the implied volatilities in a file.
enum class VolatilityUnit : std::uint8_t {
  by_kind,  ///< as the kind of the file has it
  decimal,  ///< 0.45
  percent,  ///< 45
};

/// How recorded files are read.
struct RecordedFormat {
  RecordedKind kind = RecordedKind::automatic;          ///< of all files
  VolatilityUnit volatility = VolatilityUnit::by_kind;  ///< of all files
  /// Chains of different currencies whose stamps are at most this far apart make one snapshot, at the latest of the stamps.
  std::int64_t join_within_ms = 60'000;
};

/// What was found in one file.
struct RecordedFile {
  std::string name;                             ///< as given; of files, the path
  RecordedKind kind = RecordedKind::automatic;  ///< found by the header, or as given
  std::size_t rows = 0;                         ///< without the header
  std::size_t rejected = 0;             ///< dropped: unreadable, negative, crossed, without IV, or of an unknown instrument
  std::size_t duplicates = 0;           ///< dropped: the symbol was already in that snapshot
  std::size_t first_rejected_line = 0;  ///< 0: none
  std::string first_reason;             ///< why that row was dropped; empty: none was
};

/// A file's text with its name for messages.
struct RecordedText {
  std::string name;       ///< the path, for example
  std::string_view text;  ///< must live until the chain is made
};

namespace detail {
class RecordedChainBuilder;
}

/// Recorded snapshots of one or more underlyings; models ChainSource. The instruments' terms are those of `paper_instrument`,
/// their listing times are unknown. Immutable: many readers may share one.
class RecordedChain {
 public:
  std::size_t size() const noexcept { return times_.size(); }       ///< Snapshots of all underlyings together.
  std::int64_t ts_ms(std::size_t i) const { return times_.at(i); }  ///< UTC ms. @throws std::out_of_range for i >= size()
  /// Names of the underlyings, in the order of their first row.
  std::vector<std::string> underlyings() const {
    std::vector<std::string> names;
    for (const Currency& currency : currencies_) names.push_back(currency.name);
    return names;
  }
  /// Every instrument of the series, in the order of the first row. @throws DataError for an unknown underlying
  std::span<const Instrument> instruments(std::size_t, std::string_view ccy) const { return of(ccy).instruments; }

  /// All quotes at snapshot i in the order of the file; none where the underlying was not recorded then. The index is that of
  /// the index path at the quotes' stamp, else the median of the rows (they are read minutes apart), else the forward of the
  /// nearest expiry. Allocates only while the buffer grows. @throws DataError for an unknown underlying or i >= size()
  void load(std::size_t i, std::string_view ccy, ChainSnapshot& snapshot) const {
    const Currency& currency = of(ccy);
    if (i >= size()) {
      throw DataError("recorded chain: snapshot " + std::to_string(i) + " of " + std::to_string(size()) + " was asked for");
    }
    const Slice& slice = currency.slices[i];
    const ChainQuote* const quotes = currency.quotes.data();
    snapshot.ts_ms = times_[i];
    snapshot.index = slice.index;
    snapshot.quotes.assign(quotes + slice.begin, quotes + slice.end);
    snapshot.rejected_rows = slice.rejected;
    snapshot.duplicate_rows = slice.duplicates;
  }

  /// The index at any instant of the record, linear between samples (those of the index path and of the snapshots).
  /// @throws DataError outside the record or for an unknown underlying
  IndexPoint index_at(std::int64_t ts_ms, std::string_view ccy) const {
    const IndexHistory& history = index_history(ccy);
    if (const auto point = history.index_at(ts_ms)) return *point;
    throw DataError("recorded chain: no index of " + std::string(ccy) + " at " + io::format_time_ms(ts_ms) +
                    (history.empty() ? std::string("; there is none at all")
                                     : "; it lasts from " + io::format_time_ms(history.first_ms()) + " to " +
                                           io::format_time_ms(history.last_ms())));
  }
  /// All index samples of an underlying, for realised volatility. @throws DataError for an unknown underlying
  const IndexHistory& index_history(std::string_view ccy) const { return of(ccy).history; }

  /// What was read and dropped, by file in the order given.
  std::span<const RecordedFile> files() const noexcept { return files_; }

 private:
  friend class detail::RecordedChainBuilder;

  struct Slice {
    std::size_t begin = 0, end = 0;  // of the currency's quotes
    double index = 0.0;
    std::uint32_t rejected = 0, duplicates = 0;
  };
  struct Currency {
    std::string name;
    SettlementType settlement = SettlementType::inverse;
    std::vector<Instrument> instruments;
    std::vector<ChainQuote> quotes;  // of all snapshots, one after the other
    std::vector<Slice> slices;       // one for each snapshot
    IndexHistory history;
  };

  const Currency& of(std::string_view ccy) const {
    for (const Currency& currency : currencies_) {
      if (currency.name == ccy) return currency;
    }
    std::string known;
    for (const Currency& currency : currencies_) known += (known.empty() ? "" : ", ") + currency.name;
    throw DataError("recorded chain: no underlying '" + std::string(ccy) + "'; recorded: " + (known.empty() ? "none" : known));
  }

  std::vector<std::int64_t> times_;
  std::vector<Currency> currencies_;
  std::vector<RecordedFile> files_;
};

namespace detail {

inline constexpr const char* recorded_layouts =
    "a snapshot (implied_volatility), a panel (ts_ms, instrument), a raw chain (best_bid_price) or an index path (ts_ms, "
    "btc_index)";

/// Above this an implied volatility in decimal is taken for percent.
inline constexpr double largest_volatility = 20.0;

/// Collects rows file by file, then sorts the snapshots into a chain.
class RecordedChainBuilder {
 public:
  explicit RecordedChainBuilder(const RecordedFormat& format) : format_(format) {
    if (format.join_within_ms < 0) {
      throw ConfigError("join_within_ms: expected at least 0, found " + std::to_string(format.join_within_ms));
    }
  }

  /// @throws ParseError naming file:line:column
  void add(const RecordedText& file) {
    try {
      RecordedFile& report = chain_.files_.emplace_back();
      report.name = file.name;
      report.kind = kind_of(file);
      if (report.kind == RecordedKind::index_path) {
        read_index_path(file);
      } else {
        read_chain(file, report.kind);
      }
    } catch (const ParseError&) {
      throw;
    } catch (const DataError& error) {
      throw ParseError(error);
    }
  }

  RecordedChain finish() {
    std::stable_sort(blocks_.begin(), blocks_.end(), [](const Block& a, const Block& b) { return a.ts_ms < b.ts_ms; });
    for (std::size_t c = 0; c < rows_.size(); ++c) {
      chain_.currencies_[c].quotes.reserve(rows_[c].size());
      last_seen_.emplace_back(chain_.currencies_[c].instruments.size(), std::size_t{0});
    }
    for (std::size_t begin = 0; begin < blocks_.size();) begin = add_snapshot(begin);
    for (std::size_t c = 0; c < chain_.currencies_.size(); ++c) {
      IndexHistory& history = chain_.currencies_[c].history;
      history.reserve(index_[c].size());
      for (const auto& [ts_ms, level] : index_[c]) history.append(ts_ms, level);
    }
    return std::move(chain_);
  }

 private:
  enum Column : std::size_t { stamp, instrument, bid, ask, mark, volatility, forward, index, delta, open_interest };

  struct Row {
    ChainQuote quote;
    double index;  // 0: the file has none
  };
  // The rows of one currency at one stamp of one file.
  struct Block {
    std::int64_t ts_ms = 0;
    std::size_t currency = 0, file = 0;
    std::size_t begin = 0, end = 0;  // of rows_[currency]
    std::uint32_t rejected = 0;
  };
  struct Symbol {
    std::size_t currency = none;
    std::uint32_t instrument = 0;
    const char* problem = nullptr;  // why its rows are dropped
  };
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>()(text); }
  };
  static constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

  // --- files ----------------------------------------------------------------------------------------------------------

  RecordedKind kind_of(const RecordedText& file) const {
    if (format_.kind != RecordedKind::automatic) return format_.kind;
    const io::CsvReader header(file.text, file.name, {});
    const auto has = [&](std::string_view name) {
      const auto names = header.header();
      return std::find(names.begin(), names.end(), name) != names.end();
    };
    if (has("implied_volatility")) return RecordedKind::snapshot;
    if (has("best_bid_price")) return RecordedKind::raw_chain;
    if (has("ts_ms") && has("instrument")) return RecordedKind::panel;
    for (const std::string& name : header.header()) {
      if (has("ts_ms") && name.ends_with(index_suffix)) return RecordedKind::index_path;
    }
    throw ParseError(file.name, 1, 0,
                     std::string("this is no file of a recorded chain; expected the header of ") + recorded_layouts);
  }

  static std::vector<io::CsvColumn> columns_of(RecordedKind kind) {
    switch (kind) {
      case RecordedKind::snapshot:
        return {{"timestamp"},          {"instrument_name"}, {"bid_price"},   {"ask_price"}, {"mark_price"},
                {"implied_volatility"}, {"underlying"},      {"index_price"}, {"delta"},     {"open_interest"}};
      case RecordedKind::raw_chain:
        return {{"harvest_time"},
                {"instrument_name"},
                {"best_bid_price"},
                {"best_ask_price"},
                {"mark_price"},
                {"mark_iv"},
                {"underlying_price"},
                {.name = "index_price", .required = false},
                {.name = "delta", .required = false},
                {"open_interest"}};
      default:
        return {{"ts_ms"}, {"instrument"}, {"bid"}, {"ask"}, {"mark"}, {"mark_iv"}, {"fwd"}, {"index"}, {"delta"}, {"oi"}};
    }
  }

  void read_chain(const RecordedText& file, RecordedKind kind) {
    io::CsvReader reader(file.text, file.name, columns_of(kind));
    RecordedFile& report = chain_.files_.back();
    const bool percent = format_.volatility == VolatilityUnit::percent ||
                         (format_.volatility == VolatilityUnit::by_kind && kind == RecordedKind::raw_chain);
    std::vector<std::size_t> current(rows_.size(), none);  // block of each currency
    std::int64_t ts_ms = std::numeric_limits<std::int64_t>::min();
    std::size_t last_currency = none;
    std::uint32_t rejected_before = 0;  // rows of no known currency before the first block
    PercentCheck check;
    while (reader.next()) {
      ++report.rows;
      const std::int64_t row_ms = stamp_of(reader, kind);
      if (row_ms < ts_ms) {
        reader.fail(stamp, "a row of " + io::format_time_ms(row_ms) + " after one of " + io::format_time_ms(ts_ms) +
                               "; snapshots must increase in time: sort the file");
      }
      ts_ms = row_ms;
      Row row{};
      row.quote.quote_ms = ts_ms;
      const Symbol& symbol = symbol_of(reader);
      const char* problem = symbol.problem;
      if (problem == nullptr) problem = read_row(reader, percent, row);
      const std::size_t currency = symbol.currency != none ? symbol.currency : last_currency;
      if (problem != nullptr) {
        if (report.rejected++ == 0) {
          report.first_rejected_line = reader.line();
          report.first_reason = problem;
        }
        if (currency == none) {
          ++rejected_before;
          continue;
        }
      } else if (percent) {
        check.add(row.quote.mark_iv, reader.line());
      }
      last_currency = currency;
      current.resize(rows_.size(), none);
      std::vector<Row>& rows = rows_[currency];
      if (current[currency] == none || blocks_[current[currency]].ts_ms != ts_ms) {
        current[currency] = blocks_.size();
        blocks_.push_back({ts_ms, currency, chain_.files_.size() - 1, rows.size(), rows.size(), 0});
      }
      Block& block = blocks_[current[currency]];
      block.rejected += std::exchange(rejected_before, 0U);
      if (problem != nullptr) {
        ++block.rejected;
      } else {
        row.quote.instrument = symbol.instrument;
        rows.push_back(row);
        block.end = rows.size();
      }
    }
    check.finish(file.name, percent);
  }

  // Percent that never reaches 5 is decimal in the wrong column.
  struct PercentCheck {
    double largest = 0.0;
    std::size_t first_line = 0;
    void add(double decimal, std::size_t line) {
      if (first_line == 0 && decimal > 0.0) first_line = line;
      largest = std::max(largest, decimal);
    }
    void finish(const std::string& file, bool percent) const {
      if (!percent || first_line == 0 || largest >= 0.05) return;
      throw ParseError(
          file, first_line, 0,
          "implied volatilities in percent that never reach 5 look like decimal fractions; set the unit in the format");
    }
  };

  static std::int64_t stamp_of(const io::CsvReader& reader, RecordedKind kind) {
    if (kind == RecordedKind::panel || kind == RecordedKind::index_path) {
      const std::int64_t ts_ms = reader.integer(stamp);
      if (const std::string problem = io::time_ms_problem(ts_ms); !problem.empty()) reader.fail(stamp, problem);
      return ts_ms;
    }
    const auto ts_ms = io::try_parse_time_ms(reader.text(stamp));
    if (!ts_ms)
      reader.fail(stamp, "expected a time such as 2025-12-30T17:31:15Z, found '" + std::string(reader.text(stamp)) + "'");
    return *ts_ms;
  }

  // Fills the row; null, or why it is dropped. Units that cannot be right stop the whole file.
  static const char* read_row(const io::CsvReader& reader, bool percent, Row& row) {
    ChainQuote& quote = row.quote;
    const auto read = [&](Column column, double& value) {  // empty leaves the value
      return reader.missing(column) || io::detail::parse_double(reader.text(column), value) == io::detail::NumberStatus::ok;
    };
    constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
    constexpr double dearest = 1e10;
    double bid_price = 0.0, ask_price = 0.0, mark_price = -1.0, iv = -1.0, future = 0.0, level = 0.0;
    double greek = 2.0, interest = -1.0;  // outside their ranges: missing
    if (!read(bid, bid_price) || !read(ask, ask_price) || !read(mark, mark_price) || !read(volatility, iv) ||
        !read(forward, future) || !read(index, level) || !read(delta, greek) || !read(open_interest, interest)) {
      return "a cell is not a finite number";
    }
    if (reader.missing(volatility)) return "the implied volatility is missing";
    if (reader.missing(mark)) return "the mark price is missing";
    if (!(bid_price >= 0.0 && ask_price >= 0.0 && mark_price >= 0.0 && iv >= 0.0)) return "a price or volatility is negative";
    if (!(bid_price < dearest && ask_price < dearest && mark_price < dearest)) return "a price is out of range";
    if (bid_price > 0.0 && ask_price > 0.0 && bid_price > ask_price) return "the bid is above the ask";
    if (!(future > 0.0)) return "the forward is missing or not above 0";
    if (!(level > 0.0) && !reader.missing(index)) return "the index is not above 0";
    if (!(interest >= 0.0) && !reader.missing(open_interest)) return "the open interest is negative";
    if (!(greek >= -1.0 && greek <= 1.0) && !reader.missing(delta)) return "the delta is outside -1..1";
    if (percent) {
      iv /= 100.0;
      if (iv > largest_volatility) return "the implied volatility is above 2000 %";
    } else if (iv > largest_volatility) {
      reader.fail(volatility, "an implied volatility of " + std::string(reader.text(volatility)) +
                                  " as a decimal fraction looks like percent; a file must have one unit, set it in the format");
    }
    quote.bid = market::Fixed8::from_double(bid_price);
    quote.ask = market::Fixed8::from_double(ask_price);
    quote.mark = market::Fixed8::from_double(mark_price);
    quote.mark_iv = iv;
    quote.forward = future;
    quote.delta = reader.missing(delta) ? unknown : greek;
    quote.open_interest = reader.missing(open_interest) ? unknown : interest;
    row.index = level;
    return nullptr;
  }

  // The name says expiry, strike and type; columns that repeat them are not read: some are empty, some in other units.
  const Symbol& symbol_of(const io::CsvReader& reader) {
    const std::string_view text = reader.text(instrument);
    if (const auto found = symbols_.find(text); found != symbols_.end()) return found->second;
    Symbol symbol;
    if (const auto name = try_parse_instrument_name(text)) {
      symbol.currency = currency_of(name->underlying, name->settlement);
      if (symbol.currency == none) {
        reader.fail(instrument, "inverse and linear options of " + name->underlying + " in one chain; load them apart");
      }
      auto& instruments = chain_.currencies_[symbol.currency].instruments;
      symbol.instrument = static_cast<std::uint32_t>(instruments.size());
      try {
        instruments.push_back(paper_instrument(*name));
      } catch (const ConfigError&) {
        symbol.problem = "no terms are known for this underlying";
      }
    } else {
      symbol.problem = "the instrument's name cannot be read";
      const std::string_view prefix = text.substr(0, text.find_first_of("-_"));
      for (std::size_t c = 0; c < chain_.currencies_.size(); ++c) {
        if (chain_.currencies_[c].name == prefix) symbol.currency = c;
      }
    }
    return symbols_.emplace(text, symbol).first->second;
  }

  // Its number, added where it is new; none if it is there with the other settlement.
  std::size_t currency_of(const std::string& name, SettlementType settlement) {
    for (std::size_t c = 0; c < chain_.currencies_.size(); ++c) {
      if (chain_.currencies_[c].name != name) continue;
      if (chain_.currencies_[c].instruments.empty()) chain_.currencies_[c].settlement = settlement;
      return chain_.currencies_[c].settlement == settlement ? c : none;
    }
    RecordedChain::Currency& currency = chain_.currencies_.emplace_back();
    currency.name = name;
    currency.settlement = settlement;
    rows_.emplace_back();
    index_.emplace_back();
    return chain_.currencies_.size() - 1;
  }

  void read_index_path(const RecordedText& file) {
    std::vector<io::CsvColumn> columns = {{"ts_ms"}};
    {
      const io::CsvReader header(file.text, file.name, {});
      for (const std::string& name : header.header()) {
        if (name.ends_with(index_suffix)) columns.push_back({name});
      }
    }
    io::CsvReader reader(file.text, file.name, columns);
    std::vector<std::size_t> currency;
    for (std::size_t i = 1; i < columns.size(); ++i) {
      std::string name = columns[i].name.substr(0, columns[i].name.size() - index_suffix.size());
      for (char& c : name) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
      currency.push_back(currency_by_name(name));
    }
    std::int64_t last_ms = std::numeric_limits<std::int64_t>::min();
    while (reader.next()) {
      ++chain_.files_.back().rows;
      const std::int64_t ts_ms = stamp_of(reader, RecordedKind::index_path);
      if (ts_ms <= last_ms) {
        reader.fail(stamp, std::to_string(ts_ms) + " after " + std::to_string(last_ms) + "; samples must increase in time");
      }
      last_ms = ts_ms;
      for (std::size_t i = 0; i < currency.size(); ++i) {
        if (reader.missing(i + 1)) continue;
        const double level = reader.number(i + 1);
        if (!(level > 0.0)) reader.fail(i + 1, "expected an index above 0");
        index_[currency[i]].emplace(ts_ms, level);
      }
    }
  }

  std::size_t currency_by_name(const std::string& name) {
    for (std::size_t c = 0; c < chain_.currencies_.size(); ++c) {
      if (chain_.currencies_[c].name == name) return c;
    }
    return currency_of(name, SettlementType::inverse);  // its first option decides
  }

  // --- snapshots ------------------------------------------------------------------------------------------------------

  // Makes a snapshot of the block at `begin` and those that belong to it; returns the first that does not.
  std::size_t add_snapshot(std::size_t begin) {
    std::vector<std::int64_t> stamps(rows_.size(), -1);  // of each currency in this snapshot
    std::size_t end = begin;
    for (; end < blocks_.size() && blocks_[end].ts_ms - blocks_[begin].ts_ms <= format_.join_within_ms; ++end) {
      std::int64_t& own = stamps[blocks_[end].currency];
      if (own != -1 && own != blocks_[end].ts_ms) break;  // the next snapshot of that currency
      own = blocks_[end].ts_ms;
    }
    chain_.times_.push_back(blocks_[end - 1].ts_ms);
    for (std::size_t c = 0; c < rows_.size(); ++c) {
      RecordedChain::Currency& currency = chain_.currencies_[c];
      RecordedChain::Slice slice;
      slice.begin = currency.quotes.size();
      levels_.clear();
      for (std::size_t b = begin; b < end; ++b) {
        if (blocks_[b].currency == c) copy_rows(blocks_[b], slice);
      }
      slice.end = currency.quotes.size();
      slice.index = index_of(c, stamps[c], slice);
      currency.slices.push_back(slice);
    }
    return end;
  }

  void copy_rows(const Block& block, RecordedChain::Slice& slice) {
    slice.rejected += block.rejected;
    std::vector<std::size_t>& seen = last_seen_[block.currency];
    for (std::size_t r = block.begin; r < block.end; ++r) {
      const Row& row = rows_[block.currency][r];
      if (std::exchange(seen[row.quote.instrument], chain_.times_.size()) == chain_.times_.size()) {
        ++slice.duplicates;
        ++chain_.files_[block.file].duplicates;
        continue;
      }
      chain_.currencies_[block.currency].quotes.push_back(row.quote);
      if (row.index > 0.0) levels_.push_back(row.index);
    }
  }

  // The index of a snapshot, which also becomes a sample of the history. 0 where nothing tells it.
  double index_of(std::size_t c, std::int64_t ts_ms, const RecordedChain::Slice& slice) {
    if (ts_ms < 0) {  // not recorded in this snapshot: the last level known
      const auto after = index_[c].upper_bound(chain_.times_.back());
      return after == index_[c].begin() ? 0.0 : std::prev(after)->second;
    }
    if (const auto known = index_[c].find(ts_ms); known != index_[c].end()) return known->second;
    if (levels_.empty()) {
      const RecordedChain::Currency& currency = chain_.currencies_[c];
      std::int64_t nearest = std::numeric_limits<std::int64_t>::max();
      for (std::size_t q = slice.begin; q < slice.end; ++q) {
        const std::int64_t expiry_ms = currency.instruments[currency.quotes[q].instrument].expiry_ms;
        if (expiry_ms < ts_ms || expiry_ms > nearest) continue;
        if (expiry_ms < nearest) levels_.clear();
        nearest = expiry_ms;
        levels_.push_back(currency.quotes[q].forward);
      }
    }
    if (levels_.empty()) return 0.0;
    std::sort(levels_.begin(), levels_.end());
    const std::size_t half = levels_.size() / 2;
    const double median = levels_.size() % 2 == 1 ? levels_[half] : 0.5 * (levels_[half - 1] + levels_[half]);
    index_[c].emplace(ts_ms, median);
    return median;
  }

  static constexpr std::string_view index_suffix = "_index";

  RecordedFormat format_;
  RecordedChain chain_;
  std::unordered_map<std::string, Symbol, TextHash, std::equal_to<>> symbols_;
  std::vector<Block> blocks_;
  // By currency:
  std::vector<std::vector<Row>> rows_;
  std::vector<std::map<std::int64_t, double>> index_;
  std::vector<std::vector<std::size_t>> last_seen_;  // snapshot + 1 that last held the instrument
  std::vector<double> levels_;
};

/// The unpacker where none is given.
struct NoUnpacker {
  std::string operator()(const std::string& path) const {
    throw ParseError(path, 0, 0,
                     "this file is packed with gzip; unpack it first (gunzip -k) or pass an unpacker such as "
                     "rlx::io::gunzip_file of <rlx/io/gzip.hpp>");
  }
};

}  // namespace detail

/**
 * @brief A recorded chain from texts in memory, in any order; files that hold the same instant are put together.
 *
 * A duplicate of a symbol at one instant is dropped, the first (in the order given) is kept. Linear in the rows.
 * @throws ParseError `file:line:column: ...` for damaged CSV, missing columns, stamps in another unit or not increasing within
 * a file, volatilities in the wrong unit, inverse and linear options of one underlying together; ConfigError for the format
 */
inline RecordedChain make_recorded_chain(std::span<const RecordedText> texts, const RecordedFormat& format = {}) {
  detail::RecordedChainBuilder builder(format);
  for (const RecordedText& text : texts) builder.add(text);
  return builder.finish();
}

/**
 * @brief The same from files.
 * @param paths   in any order
 * @param format  of all files
 * @param unpack  called with the path of each file that begins with gzip's two bytes, returns its text; without one such a file
 *                is a ParseError that says how to unpack it
 * @throws as `make_recorded_chain`; IoError if a file cannot be read
 */
template <class Unpack = detail::NoUnpacker>
RecordedChain load_recorded_chain(std::span<const std::string> paths, const RecordedFormat& format = {}, Unpack unpack = {}) {
  detail::RecordedChainBuilder builder(format);
  for (const std::string& path : paths) {
    const io::MappedFile file(path);
    if (file.text().starts_with("\x1F\x8B")) {
      std::string text;
      try {
        text = unpack(path);
      } catch (const ParseError&) {
        throw;
      } catch (const DataError& error) {
        throw ParseError(error);
      }
      builder.add({path, text});
    } else {
      builder.add({path, file.text()});
    }
  }
  return builder.finish();
}

static_assert(ChainSource<RecordedChain>);

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_RECORDED_CHAIN_HPP
