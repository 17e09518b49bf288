// SPDX-License-Identifier: MIT
#include "market.hpp"

#include <rlx/io/gzip.hpp>
#include <rlx/io/iso8601.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace app {

Market load_market(const Options& o, const opt::Settings& settings, opt::SyntheticChainConfig config) {
  config.seed = o.data_seed;
  if (o.step_minutes > 0.0) config.step_ms = std::llround(o.step_minutes * 60'000.0);
  std::vector<std::string> known;
  Market market = [&]() -> Market {
    if (o.chain.empty()) {
      known = opt::SyntheticChain::underlyings();
      return opt::SyntheticChain(config);
    }
    std::vector<std::string> files = o.chain;
    if (!o.index.empty()) files.push_back(o.index);
    auto chain = opt::load_recorded_chain(files, {}, [](const std::string& path) { return rlx::io::gunzip_file(path); });
    if (chain.size() == 0) throw rlx::DataError(fmt::format("no rows of a chain in {}", fmt::join(o.chain, ", ")));
    known = chain.underlyings();
    return chain;
  }();
  for (const std::string& underlying : settings.underlyings) {
    if (std::find(known.begin(), known.end(), underlying) == known.end()) {
      throw rlx::ConfigError(fmt::format("UNDERLYINGS: the market has no {}; it has {}", underlying, fmt::join(known, ",")));
    }
  }
  return market;
}

opt::IndexHistory earlier_index(const opt::SyntheticChain& chain, const std::string& underlying) {
  opt::IndexHistory history;
  // Hours are fine enough for a month's volatility.
  const std::int64_t step = std::max<std::int64_t>(chain.config().step_ms, 3'600'000);
  const std::int64_t first = chain.ts_ms(0), begin = chain.index_begin_ms(underlying);
  for (std::int64_t t = first - (first - begin) / step * step; t < first; t += step)
    history.append(t, chain.index_at(t, underlying).value);
  return history;
}

opt::IndexHistory earlier_index(const opt::RecordedChain& chain, const std::string& underlying) {
  const opt::IndexHistory& all = chain.index_history(underlying);
  std::vector<std::pair<std::int64_t, double>> samples;  // newest first
  for (auto point = all.latest_at(chain.ts_ms(0) - 1); point; point = all.latest_at(samples.back().first - 1)) {
    const std::int64_t before = samples.empty() ? chain.ts_ms(0) : samples.back().first;
    samples.emplace_back(before - 1 - point->gap_ms, point->value);
  }
  opt::IndexHistory history;
  for (auto sample = samples.rbegin(); sample != samples.rend(); ++sample) history.append(sample->first, sample->second);
  return history;
}

std::string describe(const Market& market) {
  return std::visit(
      [](const auto& chain) {
        std::string kind = "synthetic chain";
        if constexpr (std::is_same_v<std::decay_t<decltype(chain)>, opt::RecordedChain>) {
          std::size_t rows = 0, dropped = 0;
          for (const opt::RecordedFile& file : chain.files()) {
            rows += file.rows;
            dropped += file.rejected + file.duplicates;
          }
          kind = fmt::format("recorded chain, {} files, {} rows, {} dropped", chain.files().size(), rows, dropped);
        } else {
          kind += fmt::format(", seed {}", chain.config().seed);
        }
        return fmt::format("{}: {} snapshots, {} to {}", kind, chain.size(), rlx::io::format_time_ms(chain.ts_ms(0)),
                           rlx::io::format_time_ms(chain.ts_ms(chain.size() - 1)));
      },
      market);
}

}  // namespace app
