// SPDX-License-Identifier: MIT
/// @file
/// @brief Speed of the funding environment alone: vector of 64, 200 symbols on two venues, observations and masks written,
/// a seeded legal policy that keeps about two positions open; one thread, median of 5 runs.
///
/// Usage: funding_environment [days of market, default 60] [steps per run, default 2000000]
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/core/thread_pool.hpp>
#include <rlx/env/vector_env.hpp>
#include <rlx/funding/environment.hpp>
#include <rlx/funding/synthetic_tape.hpp>

namespace {

namespace funding = rlx::funding;

std::shared_ptr<const funding::MarketTape> five_minute_tape(int days) {
  funding::SyntheticConfig config;
  config.preset = funding::SyntheticPreset::calibrated;
  config.seed = 7;
  config.days = days;
  config.step_minutes = 5;
  config.majors = config.persistent = config.spiky = config.background = 50;
  return funding::make_synthetic_tape(config).tape;
}

// The same rows seen once an hour.
std::shared_ptr<const funding::MarketTape> hourly(const funding::MarketTape& tape) {
  funding::TapeData data;
  for (funding::InstrumentId id = 0; id < tape.instruments().size(); ++id) {
    const funding::Instrument& instrument = tape.instruments()[id];
    funding::InstrumentData one;
    one.venue = instrument.venue_name;
    one.symbol = instrument.symbol_name;
    one.lot = instrument.lot;
    if (const auto first = tape.price_asof(id, tape.time(0))) one.rows.push_back(*first->row);
    for (std::size_t k = 0; k + 1 < tape.n_steps(); ++k) {
      for (const funding::PriceRow& row : tape.rows(id, k)) one.rows.push_back(row);
      for (const funding::Settlement& settlement : tape.settlements(id, k)) one.settlements.push_back(settlement);
    }
    data.instruments.push_back(std::move(one));
  }
  funding::TapeConfig config = tape.config();
  config.step_ms = funding::ms_per_hour;
  config.max_price_age_ms = 0;
  return std::make_shared<const funding::MarketTape>(std::move(data), config, tape.venues());
}

// One action in sixteen trades: enters three times in five, else leaves; a random legal choice of that kind.
std::int32_t choose(rlx::RandomStream& random, std::span<const std::uint8_t> mask) {
  const std::uint32_t word = random.next_u32();
  if ((word & 15U) != 0) return 0;
  const bool enters = (word >> 4) % 5 < 3;
  const std::size_t begin = enters ? funding::enter_base : funding::exit_base;
  const std::size_t end = enters ? funding::exit_base : funding::n_actions;
  std::uint32_t legal = 0;
  for (std::size_t a = begin; a < end; ++a) legal += mask[a];
  if (legal == 0) return 0;
  std::uint32_t skip = (word >> 8) % legal;
  for (std::size_t a = begin; a < end; ++a) {
    if (mask[a] != 0 && skip-- == 0) return static_cast<std::int32_t>(a);
  }
  return 0;
}

void measure(const char* name, const std::shared_ptr<const funding::MarketTape>& tape, std::size_t steps_per_run) {
  constexpr std::size_t num_envs = 64;
  rlx::ThreadPool pool(1);
  funding::EnvironmentConfig config;
  config.trading = funding::TradingConfig::moderate();
  config.episode_steps = static_cast<int>(7 * funding::ms_per_day / tape->step_ms());
  config.window_begin = static_cast<std::size_t>(3 * funding::ms_per_day / tape->step_ms());
  rlx::VectorEnv<funding::FundingArbitrageEnv> envs({.num_envs = num_envs, .seed = 1}, pool,
                                                    [&](std::size_t) { return funding::FundingArbitrageEnv(tape, config); });
  std::vector<rlx::RandomStream> randoms;
  for (std::uint32_t e = 0; e < num_envs; ++e)
    randoms.emplace_back(rlx::StreamId{.seed = 1, .purpose = rlx::Purpose::action, .env = e, .step = 0});
  std::vector<std::int32_t> actions(num_envs);
  envs.reset();
  std::array<double, 5> rates{}, cpu_rates{};
  double open = 0.0, samples = 0.0;
  for (std::size_t run = 0; run < rates.size(); ++run) {
    const std::clock_t cpu_start = std::clock();
    const auto start = std::chrono::steady_clock::now();
    for (std::size_t done = 0; done < steps_per_run; done += num_envs) {
      for (std::size_t e = 0; e < num_envs; ++e) actions[e] = choose(randoms[e], envs.masks().row(e));
      envs.step({actions.data(), num_envs, 1});
      open += envs.environment(done / num_envs % num_envs).info().open_positions;
      samples += 1.0;
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    rates[run] = static_cast<double>(steps_per_run) / seconds.count();
    cpu_rates[run] = static_cast<double>(steps_per_run) * CLOCKS_PER_SEC / static_cast<double>(std::clock() - cpu_start);
  }
  std::sort(rates.begin(), rates.end());
  std::sort(cpu_rates.begin(), cpu_rates.end());  // what the core gave while it was ours: the figure on a busy machine
  std::printf(
      "{\"name\":\"%s\",\"value\":%.0f,\"unit\":\"steps/"
      "s\",\"min\":%.0f,\"max\":%.0f,\"per_cpu_second\":%.0f,\"mean_open_positions\":%.2f,"
      "\"symbols\":%zu,\"tape_steps\":%zu,\"compiler\":\"%s\",\"data\":\"%.16s\"}\n",
      name, rates[2], rates[0], rates[4], cpu_rates[2], open / samples, tape->n_symbols(), tape->n_steps(), __VERSION__,
      tape->sha256().c_str());
}

}  // namespace

int main(int argc, char** argv) {
  const int days = argc > 1 ? std::atoi(argv[1]) : 60;
  const auto steps = static_cast<std::size_t>(argc > 2 ? std::atoll(argv[2]) : 2'000'000);
  const auto fine = five_minute_tape(days);
  measure("funding_environment_5min", fine, steps);
  measure("funding_environment_1h_over_5min_rows", hourly(*fine), steps);
}
