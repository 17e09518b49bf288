// SPDX-License-Identifier: MIT
/// @file
/// @brief The market of a command: recorded chains from files, or the synthetic one.
#ifndef DERIBIT_LADDER_AGENT_MARKET_HPP
#define DERIBIT_LADDER_AGENT_MARKET_HPP

#include "options.hpp"

#include <rlx/options/realized_vol.hpp>
#include <rlx/options/recorded_chain.hpp>
#include <rlx/options/synthetic_chain.hpp>

#include <map>
#include <string>
#include <variant>

namespace app {

using Market = std::variant<opt::SyntheticChain, opt::RecordedChain>;

/// @param config  of the synthetic chain, where no files are given
/// @throws ParseError for damaged files, ConfigError for an underlying that is not recorded
Market load_market(const Options& o, const opt::Settings& settings, opt::SyntheticChainConfig config);

/// Index samples before the first snapshot, for the realised volatility.
opt::IndexHistory earlier_index(const opt::SyntheticChain& chain, const std::string& underlying);
opt::IndexHistory earlier_index(const opt::RecordedChain& chain, const std::string& underlying);

/// One line about a market: what it is, how many snapshots, from when to when.
std::string describe(const Market& market);

}  // namespace app

#endif  // DERIBIT_LADDER_AGENT_MARKET_HPP
