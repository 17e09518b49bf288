// SPDX-License-Identifier: MIT
#include <rlx/options/replay.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <rlx/core/hash.hpp>
#include <rlx/core/random.hpp>
#include <rlx/io/gzip.hpp>
#include <rlx/options/recorded_chain.hpp>
#include <rlx/options/synthetic_chain.hpp>

#include "options/agent_rig.hpp"
#include "options/memory_files.hpp"
#include "options/real_data.hpp"
#include "options/scripted_chain.hpp"
#include "rlx_catch.hpp"

using namespace rlx::options;
using rlx::market::Fixed8;
using rlx_test::log_text;
using rlx_test::MemoryFiles;
using rlx_test::rig_settings;
using rlx_test::ScriptedChain;

namespace {

// Calls near the money and near expiry of the synthetic market, loaded once: what two hundred replays of it need.
ScriptedChain synthetic_calls(std::size_t snapshots) {
  SyntheticChainConfig config;
  config.seed = 5;
  config.snapshots = snapshots;
  const SyntheticChain source(config);
  ScriptedChain chain;
  for (const std::string ccy : {"BTC", "ETH"}) {
    ScriptedChain::Market& market = chain.markets[ccy];
    const auto table = source.instruments(0, ccy);
    market.instruments.assign(table.begin(), table.end());
    market.snapshots.resize(snapshots);
    for (std::size_t i = 0; i < snapshots; ++i) {
      ChainSnapshot& snapshot = market.snapshots[i];
      source.load(i, ccy, snapshot);
      std::erase_if(snapshot.quotes, [&](const ChainQuote& quote) {
        const Instrument& instrument = market.instruments[quote.instrument];
        return instrument.type != rlx::market::OptionType::call || instrument.expiry_ms - snapshot.ts_ms > 25 * 86'400'000LL ||
               instrument.strike < 0.9 * snapshot.index || instrument.strike > 1.3 * snapshot.index;
      });
      market.settlement_index = snapshot.index;
    }
  }
  return chain;
}

const ScriptedChain& chain_of_200() {
  static const ScriptedChain chain = synthetic_calls(200);
  return chain;
}

Settings random_training_settings(Settings settings, rlx::RandomStream& random) {
  settings.training_strategies = {"aggressive", "moderate", "conservative"};
  if (random.bounded(2) == 0) settings.training_strategies.pop_back();
  settings.training_call_size.by_name["BTC"] = 0.1 * static_cast<double>(1 + random.bounded(10));
  settings.training_max_calls_per_underlying = static_cast<int>(random.bounded(30));
  settings.training_max_calls_per_expiry = static_cast<int>(random.bounded(10));
  settings.training_max_open_calls_per_underlying = static_cast<int>(random.bounded(50));
  settings.training_profile_mode = random.bounded(2) == 0 ? TrainingProfileMode::single : TrainingProfileMode::ladder;
  settings.training_sort = random.bounded(2) == 0 ? SortKey::target_delta : SortKey::premium_usd;
  settings.training_leg_order = random.bounded(2) == 0 ? LegOrder::round_robin : LegOrder::priority;
  settings.training_prefer_variety = random.bounded(2) == 0;
  settings.training_premium_min_pct = random.uniform();
  return settings;
}

template <class P>
std::string bytes_of(const Settings& settings, P policies, ReplayReport* report = nullptr) {
  MemoryFiles files;
  const ReplayReport done = replay(chain_of_200(), settings, policies, "log", files);
  if (report != nullptr) *report = done;
  return log_text(files);
}

}  // namespace

TEST_CASE("With training off the log is the same byte by byte, whatever the training settings, and without the branch") {
  Settings settings = rig_settings(false);
  settings.seed = 11;
  settings.max_candidates_per_underlying = 20;  // a short record: forty thousand are written
  ReplayReport report;
  // A loop that was compiled without the training branch.
  const std::string expected = bytes_of(settings, RulePolicies{}, &report);
  CHECK(report.ticks == 200);
  CHECK(report.filled > 10);
  CHECK(report.ladders == 0);
  CHECK(expected.find("training") == std::string::npos);
  rlx::RandomStream random({3, rlx::Purpose::user});
  for (int i = 0; i < 200; ++i) {
    INFO("set " << i);
    REQUIRE(bytes_of(random_training_settings(settings, random), LadderPolicies<>{}) == expected);
  }
}

// golden/production_200.sha256 holds the hash of the log of 200 ticks of the rules. A change of records, rules or the synthetic
// market changes it: look at why, then write it anew with RLX_UPDATE_GOLDEN=1.
#if defined(__x86_64__) && !defined(__FMA__)  // other arithmetic rounds some digits of the record differently
TEST_CASE("The log of the production rules is the golden one") {
  Settings settings = rig_settings(false);
  settings.seed = 11;
  const std::string found = rlx::sha256_hex(bytes_of(settings, LadderPolicies<>{}));
  const std::string path = std::string(RLX_SOURCE_DIR) + "/tests/options/golden/production_200.sha256";
  if (std::getenv("RLX_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << found << '\n';
  std::string expected;
  std::getline(std::ifstream(path) >> std::ws, expected);
  CHECK(found == expected);
}
#endif

TEST_CASE("The same seed, settings and data give the bytes of the log that they gave before") {
  Settings settings = rig_settings(false);
  settings.seed = 11;
  const std::string production = bytes_of(settings, LadderPolicies<>{});
  settings.training_mode = true;
  ReplayReport report;
  const std::string training = bytes_of(settings, LadderPolicies<>{}, &report);
  CHECK(report.ladders > 10);
  CHECK(training == bytes_of(settings, LadderPolicies<>{}));
  CHECK(training != production);
  settings.seed = 12;
  settings.training_mode = false;
  CHECK(bytes_of(settings, LadderPolicies<>{}) != production);  // exploration is seeded
}

TEST_CASE("A replay closes its books: every leg ends, every expired position is settled, the money adds up") {
  Settings settings = rig_settings(true);
  MemoryFiles files;
  const ReplayReport report = replay(chain_of_200(), settings, LadderPolicies<>{}, "log", files);
  CHECK(report.stop == StopCause::none);
  CHECK(report.errors == 0);
  CHECK(report.ticks == 200);
  std::map<std::string, Fixed8> size;
  std::map<std::string, LegRecord> last;
  std::map<std::string, PlannedLeg> plans;
  std::size_t settled = 0, decisions = 0;
  for_each_record(LogReader("log", files), [&](const auto& record) {
    using R = std::decay_t<decltype(record)>;
    if constexpr (std::is_same_v<R, PlanRecord>) {
      for (const PlannedLeg& leg : record.legs) plans[leg.label] = leg;
    } else if constexpr (std::is_same_v<R, LegRecord>) {
      last[record.label] = record;
    } else if constexpr (std::is_same_v<R, SettlementRecord>) {
      ++settled;
      size[record.settlement.symbol] -= record.settlement.amount;
    } else if constexpr (std::is_same_v<R, DecisionRecord>) {
      ++decisions;
    } else if constexpr (std::is_same_v<R, ReconcileRecord>) {
      FAIL_CHECK(record.message);
    }
  });
  CHECK(decisions == 200);
  CHECK(settled > 20);
  REQUIRE(last.size() == plans.size());
  const std::int64_t end_ms = chain_of_200().ts_ms(199);
  for (const auto& [label, record] : last) {
    CHECK(is_terminal(record.to));
    const PlannedLeg& leg = plans.at(label);
    size[traded_symbol(leg)] += side_of(leg.role) == Side::sell ? -record.filled_amount : record.filled_amount;
  }
  for (const auto& [symbol, left] : size) {
    INFO(symbol);
    if (parse_instrument_name(symbol).expiry_ms <= end_ms) CHECK(left == Fixed8());
  }
}

TEST_CASE("A replay refuses a folder whose log has records") {
  MemoryFiles files;
  ReplayConfig config;
  config.most_snapshots = 2;
  const Settings settings = rig_settings(true);
  CHECK(replay(chain_of_200(), settings, LadderPolicies<>{}, "log", files, config).ticks == 2);
  CHECK_THROWS_AS(replay(chain_of_200(), settings, LadderPolicies<>{}, "log", files, config), LogError);
}

TEST_CASE("The recorded panel replays from the first to the last snapshot") {
  const std::string name = "series/chain_6h_calls_dte0-35_delta0.03-0.75.csv.gz";
  if (!rlx_test::have_options_data(name)) return;
  const std::vector<std::string> paths = {rlx_test::options_data_path(name)};
  const RecordedChain chain =
      load_recorded_chain(paths, {}, [](const std::string& path) { return rlx::io::gunzip_file(path); });
  MemoryFiles files;
  const ReplayReport report = replay(chain, rig_settings(true), LadderPolicies<>{}, "log", files);
  CHECK(report.ticks == chain.size());
  CHECK(report.errors == 0);
  CHECK(report.ladders > 50);
  CHECK(report.filled > 300);
  CHECK(report.stop_reason == "");
}
