// SPDX-License-Identifier: MIT
/// @file
/// @brief The whole agent against an exchange and a disk that fail, one seeded scenario at a time, checked at the venue and not
/// only in the log.
#ifndef RLX_TESTS_OPTIONS_FAULT_SCENARIO_HPP
#define RLX_TESTS_OPTIONS_FAULT_SCENARIO_HPP

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/options/agent_loop.hpp>

#include "options/agent_rig.hpp"
#include "options/fake_venue.hpp"
#include "options/memory_files.hpp"

namespace rlx_test {

namespace options = rlx::options;

/// What happened in the scenarios so far.
struct ScenarioTally {
  std::size_t ticks = 0, rolls = 0, orders = 0, fills = 0, crashes = 0, kills = 0, halts = 0, wrong_flags = 0, doubles = 0,
              settled = 0, log_faults = 0;
};

/// One seed: settings, faults and their times are drawn from it. Everything is virtual, so that equal seeds give equal runs.
class FaultScenario {
 public:
  FaultScenario(std::uint64_t seed, ScenarioTally& tally)
      : random_({seed, rlx::Purpose::user}), tally_(tally), clock_(FakeVenue::start_ms), venue_(clock_), files_(seed) {}

  /// Empty, or what is wrong.
  std::string run() {
    choose();
    const std::uint64_t ticks = 3 + random_.bounded(10);
    for (std::uint64_t i = 0; i < ticks && !finished_; ++i) {
      if (!rig_) live([] {});  // whoever watches the process starts it again
      live([&] {
        ++tally_.ticks;
        const options::TickReport report = rig_->agent().run_tick();
        if (report.stop != options::StopCause::none) stopped(report.stop);
      });
      if (const std::string fault = check_always(); !fault.empty()) return fault;
      if (!rig_ && !finished_) live([] {});
      between();
      if (const std::string fault = check_always(); !fault.empty()) return fault;
    }
    quiet();
    return check_end();
  }

 private:
  bool chance(double p) { return random_.uniform() < p; }

  void choose() {
    settings_ = rlx_test::rig_settings(!chance(0.2));
    if (chance(0.4)) settings_.order_style = options::OrderStyle::take_bid;
    settings_.training_max_calls_per_underlying = 1 + static_cast<int>(random_.bounded(5));
    settings_.training_max_calls_per_expiry = 1 + static_cast<int>(random_.bounded(3));
    settings_.training_max_open_calls_per_underlying = 3 + static_cast<int>(random_.bounded(13));
    if (chance(0.3)) settings_.position_reconcile_action = options::ReconcileAction::auto_heal;
    // In some the ticks are hours apart, so that positions settle and calls are rolled.
    long_steps_ = chance(0.3);
    venue_.skew_ms = static_cast<std::int64_t>(random_.bounded(6'001)) - 3'000;
    if (chance(0.02)) venue_.skew_ms = 12'000;
    venue_.refuses_equal_labels = !chance(0.3);
    if (chance(0.3)) venue_.depth = Fixed8::from_integer(static_cast<int>(random_.bounded(2))) + Fixed8::parse("0.1");
    request_loss_ = chance(0.5) ? 0.3 * random_.uniform() : 0.0;
    reply_loss_ = chance(0.5) ? 0.3 * random_.uniform() : 0.0;
    duplicates_ = chance(0.3) ? 0.5 * random_.uniform() : 0.0;
    delays_ = chance(0.4) ? 0.2 * random_.uniform() : 0.0;
    codes_ = chance(0.4) ? 0.3 * random_.uniform() : 0.0;
    garbles_ = chance(0.2) ? 0.1 * random_.uniform() : 0.0;
    crashes_ = chance(0.4) ? 0.03 * random_.uniform() : 0.0;
    if (chance(0.01)) wrong_flag_at_ = 20 + random_.bounded(200);
    if (chance(0.3)) file_faults_ = 0.01;
    if (chance(0.1)) {  // somebody else's
      venue_.held[venue_.find("BTC-9JAN26-99000-C")->symbol] = Fixed8::parse("-0.3");
      external_ = true;
    }
    if (chance(0.05)) operator_ = 0.05;
    start_cash_ = venue_.cash;
    venue_.fate = [this](std::string_view method) { return fate(method); };
  }

  Verdict fate(std::string_view method) {
    if (quiet_) return {};
    if (method == "submit" && chance(operator_)) files_.put("log/KILL", "");
    if (wrong_flag_at_ && venue_.requests >= *wrong_flag_at_ && !flag_seen_) {
      flag_seen_ = venue_.methods.size();
      ++tally_.wrong_flags;
      return {Fate::wrong_flag, 0, 0};
    }
    if (flag_seen_) return {};
    if (chance(crashes_)) {
      ++tally_.crashes;
      if (method == "submit" && chance(0.5)) {
        return {Fate::end_in_flight, 0, static_cast<std::int64_t>(random_.bounded(9'000))};
      }
      return {chance(0.5) ? Fate::end_before : Fate::end_after, 0, 0};
    }
    const bool order = method == "submit" || method == "cancel" || method == "orders_by_label" || method == "cancel_all";
    const double scale = order ? 1.0 : 0.05;  // a tick reads much and would never get to its orders
    if (chance(scale * request_loss_)) return {Fate::lose_request, 0, 0};
    if (chance(scale * reply_loss_)) return {Fate::lose_reply, 0, 0};
    if (chance(scale * garbles_)) return {Fate::garble, 0, 0};
    if (method == "submit") {
      if (chance(delays_)) return {Fate::delay, 0, static_cast<std::int64_t>(1'000 + random_.bounded(20'000))};
      if (chance(duplicates_)) return {Fate::duplicate, 0, static_cast<std::int64_t>(random_.bounded(12'000))};
    }
    const std::int64_t of_day = venue_.now_ms() % FakeVenue::day_ms;
    if (method == "submit" && of_day >= 8 * 3'600'000 && of_day < 8 * 3'600'000 + 60'000) {
      return {Fate::answer_code, 10041, 0};
    }
    if (chance(scale * codes_)) {
      constexpr int codes[] = {10028, 10040, 10041, 10047, 10066, 11051,  13028,
                               13009, 13888, 11054, 11094, 13032, -32602, 10009};
      const int code = codes[random_.bounded(std::size(codes))];
      if (code == 11094) return {Fate::process_and_code, 11094, 0};
      if (code == 13032) return {};  // the venue says that by itself
      if (chance(0.01)) return {Fate::answer_code, 13004, 0};
      return {Fate::answer_code, code, 0};
    }
    return {};
  }

  // Runs a step of a living agent, starting one if there is none.
  template <class F>
  void live(F&& step) {
    try {
      if (!rig_ && !start()) return;
      if (!quiet_ && chance(file_faults_)) {
        constexpr MemoryFiles::Fault faults[] = {MemoryFiles::Fault::fail, MemoryFiles::Fault::end_before,
                                                 MemoryFiles::Fault::end_inside, MemoryFiles::Fault::end_after};
        files_.fault = faults[random_.bounded(4)];
        files_.fault_at = files_.calls.size() + random_.bounded(30);
        files_.error = chance(0.5) ? ENOSPC : EIO;
        ++tally_.log_faults;
      }
      step();
    } catch (const AgentEnd&) {
      crash();
    } catch (const ProcessEnd&) {
      ++tally_.crashes;
      crash();
    }
    files_.fault = MemoryFiles::Fault::none;
  }

  bool start() {
    for (int attempt = 0; attempt < 20; ++attempt) {
      try {
        rig_ = std::make_unique<LadderRig>(clock_, venue_, files_, settings_);
        rig_->start();
        return true;
      } catch (const options::ReconciliationError&) {
        rig_.reset();
        stopped(options::StopCause::reconciliation);
        return false;
      } catch (const options::KillSwitchError&) {
        rig_.reset();
        stopped(options::StopCause::kill);
        return false;
      } catch (const options::SafetyError&) {
        rig_.reset();
        stopped(options::StopCause::attestation);
        return false;
      } catch (const rlx::VenueError&) {
        rig_.reset();
        clock_.advance_ms(30'000);
      } catch (const options::LogError& error) {
        rig_.reset();
        if (quiet_) {
          fault_ = std::string("the log cannot be opened: ") + error.what();
        }
        stopped(options::StopCause::log);
        return false;
      }
    }
    return false;
  }

  void crash() {
    died_ = true;
    rig_.reset();
    constexpr MemoryFiles::Loss losses[] = {MemoryFiles::Loss::process_only, MemoryFiles::Loss::everything,
                                            MemoryFiles::Loss::some};
    files_.restart(losses[random_.bounded(3)]);
    clock_.advance_ms(static_cast<std::int64_t>(random_.bounded(chance(0.5) ? 2'000 : 30'000)));
  }

  void stopped(options::StopCause cause) {
    stop_ = cause;
    tally_.kills += cause == options::StopCause::kill ? 1 : 0;
    tally_.halts += cause == options::StopCause::reconciliation ? 1 : 0;
    finished_ = true;
  }

  void between() {
    std::int64_t step = 300'000;
    if (long_steps_) {
      // Some ticks right at 08:00, when options expire and the venue settles.
      step = static_cast<std::int64_t>(1 + random_.bounded(24)) * 3'600'000;
      if (chance(0.3)) step = FakeVenue::day_ms - (venue_.now_ms() - FakeVenue::start_ms) % FakeVenue::day_ms;
    }
    const std::int64_t until = clock_.now_ms() + step;
    while (clock_.now_ms() < until) {
      clock_.advance_ms(
          std::min(until - clock_.now_ms(), static_cast<std::int64_t>((20'000 + random_.bounded(100'000))) * (step / 300'000)));
      venue_.set_index("BTC", venue_.index("BTC") * (1.0 + 0.004 * (random_.uniform() - 0.5)));
      venue_.set_index("ETH", venue_.index("ETH") * (1.0 + 0.004 * (random_.uniform() - 0.5)));
      for (std::size_t i = 0; i < venue_.orders.size(); ++i) {
        if (!chance(0.2)) continue;
        const bool btc = venue_.orders[i].symbol.starts_with("BTC");
        Fixed8 amount = btc ? Fixed8::parse("0.1") : Fixed8::from_integer(1);
        venue_.fill_resting(i, chance(0.5) ? amount : Fixed8::from_units(amount.units() / 2));
      }
      venue_.pump();
      if (rig_ && !finished_ && chance(0.4)) {
        live([&] {
          const options::TickReport report = rig_->agent().poll();
          if (report.stop != options::StopCause::none) stopped(report.stop);
        });
      }
    }
  }

  // No more faults, and time enough for everything to end.
  void quiet() {
    quiet_ = true;
    files_.fault = MemoryFiles::Fault::none;
    clock_.advance_ms(60'000);
    venue_.pump();
    for (int i = 0; i < 3 && !finished_; ++i) {
      live([&] {
        const options::TickReport report = rig_->agent().run_tick();
        if (report.stop != options::StopCause::none) stopped(report.stop);
        if (report.decision.decision_source == options::DecisionSource::error && fault_.empty() && venue_.skew_ms < 10'000) {
          fault_ = "an error without a fault: " + report.decision.error;
        }
      });
      clock_.advance_ms(300'000);
      venue_.pump();
    }
    // A last look without new orders.
    if (!finished_) {
      live([&] {
        rig_->settings().kill_switch_enabled = false;
        rig_->agent().stop("end of the scenario");
      });
    }
    tally_.orders += venue_.orders.size();
    tally_.settled += venue_.settled.size();
    for (const options::Order& order : venue_.orders) {
      tally_.fills += order.fills.size();
      tally_.rolls += order.side == options::Side::buy ? 1 : 0;
    }
  }

  // At the venue, whatever the log believes.
  std::string check_always() {
    if (!settings_.training_mode) return {};
    // The rules may roll into an expiry where a ladder would not sell any more.
    if (std::any_of(venue_.orders.begin(), venue_.orders.end(),
                    [](const options::Order& order) { return order.side == options::Side::buy; })) {
      return {};
    }
    for (const std::string ccy : {"BTC", "ETH"}) {
      std::set<std::string> open;
      std::map<std::int64_t, int> of_expiry;
      for (const auto& [symbol, size] : venue_.held) {
        if (size.sign() < 0 && venue_.find(symbol)->underlying == ccy) open.insert(symbol);
      }
      for (const options::Order& order : venue_.orders) {
        if (order.state == options::OrderState::open && order.side == options::Side::sell &&
            venue_.find(order.symbol)->underlying == ccy) {
          open.insert(order.symbol);
        }
      }
      if (venue_.refuses_equal_labels || duplicates_ == 0.0) {
        for (const std::string& symbol : open) {
          Fixed8 sold = venue_.held.contains(symbol) ? -venue_.held.at(symbol) : Fixed8();
          for (const options::Order& order : venue_.orders) {
            if (order.symbol == symbol && order.state == options::OrderState::open) sold += order.amount - order.filled_amount;
          }
          if (external_ && symbol == "BTC-9JAN26-99000-C") continue;
          if (sold > Fixed8::from_double(*settings_.call_size(ccy))) return "the same call was sold twice: " + symbol;
        }
      }
      for (const std::string& symbol : open) ++of_expiry[venue_.find(symbol)->expiry_ms];
      if (open.size() > static_cast<std::size_t>(settings_.training_max_open_calls_per_underlying)) {
        return "more open calls than the total cap: " + std::to_string(open.size());
      }
      for (const auto& [expiry, count] : of_expiry) {
        if (count > settings_.training_max_calls_per_expiry) {
          return "more open calls of one expiry than the cap: " + std::to_string(count);
        }
      }
    }
    return {};
  }
  std::string check_end() {
    if (!fault_.empty()) return fault_;
    // After a wrong flag nothing but cancels of own labels.
    if (flag_seen_) {
      for (std::size_t i = *flag_seen_ + 1; i < venue_.methods.size(); ++i) {
        if (venue_.methods[i] != "cancel_by_label") return "after a wrong flag the agent sent " + venue_.methods[i];
      }
      if (stop_ != options::StopCause::attestation && stop_ != options::StopCause::kill)
        return "a wrong flag did not stop the agent";
    }
    std::map<std::string, std::vector<const options::Order*>> by_label;
    for (const options::Order& order : venue_.orders) by_label[order.label].push_back(&order);
    for (const auto& [label, orders] : by_label) {
      if (orders.size() < 2) continue;
      ++tally_.doubles;
      if (venue_.refuses_equal_labels) return "label twice at the venue: " + label;
      if (duplicates_ == 0.0) return "sent twice: " + label;
      const bool matters = std::any_of(orders.begin() + 1, orders.end(), [](const options::Order* order) {
        return order->filled_amount.sign() > 0 || order->state == options::OrderState::open;
      });
      if (matters && stop_ == options::StopCause::none &&
          settings_.position_reconcile_action == options::ReconcileAction::halt) {
        return "two orders of one label and the agent trades on: " + label;
      }
    }
    return check_log(by_label);
  }

  std::string check_log(const std::map<std::string, std::vector<const options::Order*>>& by_label) {
    // Every record that was acknowledged can be read, and the chain holds.
    std::map<std::string, options::LegRecord> last;
    std::map<std::string, options::PlannedLeg> planned;
    std::map<std::string, int> opens_of_tick;
    std::map<std::string, Fixed8> payoff;
    std::map<std::string, Fixed8> corrected;
    bool alarm = false;
    rig_.reset();
    try {
      options::for_each_record(options::LogReader("log", files_), [&](const auto& record) {
        using R = std::decay_t<decltype(record)>;
        if constexpr (std::is_same_v<R, options::PlanRecord>) {
          for (const options::PlannedLeg& leg : record.legs) {
            planned[leg.label] = leg;
            if (leg.action.mode == options::AgentMode::training && by_label.contains(leg.label)) {
              ++opens_of_tick[std::to_string(record.tick_seq) + leg.action.underlying];
            }
          }
        } else if constexpr (std::is_same_v<R, options::LegRecord>) {
          last[record.label] = record;
        } else if constexpr (std::is_same_v<R, options::SettlementRecord>) {
          payoff[record.settlement.underlying] += record.settlement.payoff;
        } else if constexpr (std::is_same_v<R, options::ErrorRecord>) {
          alarm = alarm || record.alarm;
        } else if constexpr (std::is_same_v<R, options::ReconcileRecord>) {
          if (record.adopted && !record.symbol.empty()) corrected[record.symbol] += record.venue_size - record.log_size;
        }
      });
    } catch (const rlx::Error& error) {
      if (files_.paths().empty()) return {};
      return std::string("the log cannot be read: ") + error.what();
    }
    for (const auto& [tick, count] : opens_of_tick) {
      if (count > settings_.training_max_calls_per_underlying) return "more legs in tick " + tick + " than its cap";
    }
    for (const auto& [label, orders] : by_label) {
      if (!planned.contains(label)) return "an order at the venue without a plan in the log: " + label;
    }
    // A kill leaves nothing open, or says so.
    if (stop_ == options::StopCause::kill && !alarm && !died_ && venue_.open_count() > 0)
      return "killed, and orders are still open";
    if (stop_ != options::StopCause::none) return {};  // the rest waits for an operator
    std::map<std::string, Fixed8> position, cash;
    for (const auto& [label, leg] : planned) {
      const auto record = last.find(label);
      const options::LegState state = record == last.end() ? options::LegState::planned : record->second.to;
      if (!options::is_terminal(state)) return "after quiet a leg is " + std::string(options::name_of(state)) + ": " + label;
      const auto orders = by_label.find(label);
      const Fixed8 filled = record->second.filled_amount;
      if (orders == by_label.end()) {
        if (state != options::LegState::rejected) return "the log has an order that the venue does not have: " + label;
        continue;
      }
      const options::Order& order = *orders->second.front();
      if (order.filled_amount != filled || order.fee != record->second.fee) {
        return "fills differ: venue " + order.filled_amount.to_string() + ", log " + filled.to_string() + " of " + label;
      }
      const bool sells = options::side_of(leg.role) == options::Side::sell;
      position[options::traded_symbol(leg)] += sells ? -filled : filled;
      const std::string& ccy = leg.action.underlying;
      for (const options::Order* one : orders->second) {
        for (const options::Fill& fill : one->fills) {
          const Fixed8 premium = multiply(fill.amount, fill.price);
          cash[ccy] += (sells ? premium : -premium) - fill.fee;
        }
      }
    }
    for (const auto& [symbol, size] : venue_.held) {
      if (external_ && symbol == "BTC-9JAN26-99000-C") continue;
      const Fixed8 expected = position[symbol] + corrected[symbol];
      if (expected != size) return "position " + symbol + ": venue " + size.to_string() + ", log " + expected.to_string();
    }
    // Money: what the legs earned and paid is what the account has more or less.
    for (const std::string ccy : {"BTC", "ETH"}) {
      Fixed8 paid = payoff[ccy];
      if (external_ && ccy == "BTC") continue;
      Fixed8 owed;
      for (const options::Settlement& one : venue_.settled) owed += one.underlying == ccy ? one.payoff : Fixed8();
      if (paid != owed) return "settlements: venue " + owed.to_string() + ", log " + paid.to_string();
      const Fixed8 change = venue_.cash[ccy] - start_cash_[ccy];
      if (change != cash[ccy] - paid) {
        return "cash of " + ccy + ": venue " + change.to_string() + ", log " + (cash[ccy] - paid).to_string();
      }
    }
    return {};
  }

  rlx::RandomStream random_;
  ScenarioTally& tally_;
  rlx::ManualClock clock_;
  FakeVenue venue_;
  MemoryFiles files_;
  options::Settings settings_;
  std::unique_ptr<LadderRig> rig_;
  std::map<std::string, Fixed8> start_cash_;
  double request_loss_ = 0, reply_loss_ = 0, duplicates_ = 0, delays_ = 0, codes_ = 0, garbles_ = 0, crashes_ = 0,
         file_faults_ = 0, operator_ = 0;
  std::optional<std::size_t> wrong_flag_at_, flag_seen_;
  bool long_steps_ = false, quiet_ = false, finished_ = false, external_ = false, died_ = false;
  options::StopCause stop_ = options::StopCause::none;
  std::string fault_;
};

}  // namespace rlx_test

#endif  // RLX_TESTS_OPTIONS_FAULT_SCENARIO_HPP
