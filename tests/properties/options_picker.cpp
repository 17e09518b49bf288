// SPDX-License-Identifier: MIT
// The ladder picker against a transcription of its rule, on random chains and configurations and on recorded chains.
#include <rlx/options/ladder_picker.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/options/candidates.hpp>
#include <rlx/options/recorded_chain.hpp>
#include <rlx/options/training_policy.hpp>

#include "../options/real_data.hpp"
#include "rlx_catch.hpp"

namespace {

using namespace rlx::options;

constexpr std::uint64_t rounds = 20'000;

// What a desk might have: no names of the library, no IV/RV flag, no underlying.
struct DeskQuote {
  std::string code;
  double k = 0.0, days = 0.0, hedge = 0.0, dollars = 0.0, richness = 0.0;
  std::int64_t settles = 0;
};

// The same names, another type; no `ivrv_known`, no `underlying`.
struct PlainQuote {
  std::string symbol;
  double strike = 0.0, dte = 0.0, delta = 0.0, premium_usd = 0.0, ivrv = 0.0;
  std::int64_t expiry_ms = 0;
};

}  // namespace

template <>
struct rlx::options::candidate_traits<DeskQuote> {
  static std::string_view symbol(const DeskQuote& quote) { return quote.code; }
  static double strike(const DeskQuote& quote) { return quote.k; }
  static double dte(const DeskQuote& quote) { return quote.days; }
  static double delta(const DeskQuote& quote) { return quote.hedge; }
  static double premium_usd(const DeskQuote& quote) { return quote.dollars; }
  static double ivrv(const DeskQuote& quote) { return quote.richness; }
  static std::int64_t expiry_ms(const DeskQuote& quote) { return quote.settles; }
};

namespace {

struct Occupied {
  std::string symbol;
  std::int64_t expiry_ms = 0;
};

struct Case {
  TrainingProfiles profiles;
  LadderLimits limits;
  std::vector<CandidateOption> candidates;
  std::vector<Occupied> occupied;

  std::vector<OccupiedLeg> legs() const {
    std::vector<OccupiedLeg> views;
    for (const Occupied& one : occupied) views.push_back({one.symbol, one.expiry_ms});
    return views;
  }
  std::vector<ProfilePicks> pick() const {
    return pick_candidates_for_all_profiles<CandidateOption>(profiles, "BTC", candidates, limits, legs());
  }
};

class Generator {
 public:
  Generator(std::uint64_t seed, std::uint64_t round)
      : random_({.seed = seed, .purpose = rlx::Purpose::user, .env = 0, .step = round}) {}

  int below(int n) { return static_cast<int>(random_.bounded(static_cast<std::uint64_t>(n))); }
  bool one_in(int n) { return below(n) == 0; }

  std::vector<CandidateOption> chain(const std::string& underlying) {
    std::vector<CandidateOption> candidates(static_cast<std::size_t>(below(one_in(10) ? 150 : 40)));
    const int expiries = 1 + below(6), strikes = 1 + below(12);
    for (CandidateOption& one : candidates) {
      const int expiry = below(expiries);
      one.strike = 90'000 + 1'000 * below(strikes);
      one.expiry_ms = 86'400'000LL * (expiry + 1);
      // Now and then two names for the same terms; names repeat by themselves where strikes are few.
      one.symbol = underlying + '-' + std::to_string(expiry) + '-' + std::to_string(static_cast<int>(one.strike)) +
                   (one_in(8) ? "-X" : "-C");
      one.underlying = one_in(20) ? std::string() : underlying;
      one.dte = one_in(4) ? 1.0 + 20.0 * below(2) : 0.5 + 3.7 * expiry + random_.uniform();
      one.delta = one_in(3) ? 0.05 * below(12) : random_.uniform(0.0, 0.6);
      one.premium_usd = one_in(3) ? 10.0 * below(8) : random_.uniform(1.0, 500.0);
      one.ivrv = one_in(3) ? 0.5 * below(4) : random_.uniform(0.5, 2.0);
      one.ivrv_known = !one_in(5);
      if (one_in(40)) number_of(one, below(5)) = std::numeric_limits<double>::quiet_NaN();
      if (one_in(80)) number_of(one, below(5)) = std::numeric_limits<double>::infinity();
    }
    return candidates;
  }

  Case make() {
    Case made;
    made.candidates = chain("BTC");
    if (one_in(4)) {
      made.profiles = get_training_profiles();
      made.limits.prefer_variety = !one_in(3);
    } else {
      const int profiles = 1 + below(4);
      for (int p = 0; p < profiles; ++p) {
        TrainingProfileSet set;
        set.name = "profile " + std::to_string(p);
        set.base = profile();
        if (one_in(3)) set.per_asset["BTC"] = profile();
        if (one_in(3)) set.per_asset["ETH"] = profile();
        made.profiles.push_back(set);
      }
      made.limits = {below(8),
                     below(5),
                     below(12),
                     one_in(2) ? SortKey::premium_usd : SortKey::target_delta,
                     one_in(2) ? LegOrder::priority : LegOrder::round_robin,
                     !one_in(3)};
    }
    for (int legs = one_in(2) ? 0 : below(6); legs > 0; --legs) {
      if (!made.candidates.empty() && !one_in(3)) {
        const CandidateOption& held =
            made.candidates[static_cast<std::size_t>(below(static_cast<int>(made.candidates.size())))];
        made.occupied.push_back({held.symbol, held.expiry_ms});
        if (one_in(4)) made.occupied.push_back(made.occupied.back());  // two resting orders on one symbol
      } else {
        made.occupied.push_back({"BTC-HELD-" + std::to_string(legs), 86'400'000LL * (1 + below(6))});
      }
    }
    return made;
  }

  TrainingProfile profile() {
    TrainingProfile made;
    made.enabled = !one_in(6);
    made.min_delta = 0.05 * below(9);
    made.max_delta = made.min_delta + 0.05 * below(7);
    made.target_delta = one_in(4) ? random_.uniform() : 0.5 * (made.min_delta + made.max_delta);
    made.min_dte = one_in(3) ? 0 : 1 + below(8);
    made.max_dte = made.min_dte + below(25);
    made.ivrv_min = one_in(2) ? 0.0 : 0.5 * below(4);
    made.max_legs = below(5);
    return made;
  }

  rlx::RandomStream& random() { return random_; }

 private:
  static double& number_of(CandidateOption& one, int which) {
    return which == 0 ? one.delta : which == 1 ? one.dte : which == 2 ? one.premium_usd : which == 3 ? one.ivrv : one.strike;
  }

  rlx::RandomStream random_;
};

bool passes(const TrainingProfile& profile, const CandidateOption& c) {
  if (std::isnan(c.strike) || std::isnan(c.premium_usd)) return false;
  const bool rich = c.ivrv_known ? c.ivrv >= profile.ivrv_min : profile.ivrv_min <= 0.0 && c.ivrv >= profile.ivrv_min;
  return profile.min_delta <= c.delta && c.delta <= profile.max_delta && profile.min_dte <= c.dte && c.dte <= profile.max_dte &&
         rich;
}

// The rule of the specification, word by word.
struct Transcription {
  const Case& in;
  std::map<std::int64_t, int> count;
  std::set<std::string> taken;
  std::size_t occupied = 0;
  int n = 0;
  std::vector<std::vector<std::uint32_t>> sorted, result;

  explicit Transcription(const Case& given) : in(given) {
    for (const Occupied& leg : in.occupied) {
      if (taken.insert(leg.symbol).second) ++count[leg.expiry_ms];
    }
    occupied = taken.size();
    for (const TrainingProfileSet& set : in.profiles) {
      const TrainingProfile& profile = set.profile_for("BTC");
      std::vector<std::uint32_t> eligible;
      for (std::uint32_t i = 0; i < in.candidates.size(); ++i) {
        if (profile.enabled && passes(profile, in.candidates[i])) eligible.push_back(i);
      }
      const auto key = [&](std::uint32_t i) {
        const CandidateOption& c = in.candidates[i];
        const double distance = std::fabs(c.delta - profile.target_delta);
        const double first = in.limits.sort == SortKey::premium_usd ? -c.premium_usd : distance;
        return std::make_tuple(first, distance, c.expiry_ms, c.strike, c.symbol, i);
      };
      std::sort(eligible.begin(), eligible.end(), [&](std::uint32_t a, std::uint32_t b) { return key(a) < key(b); });
      sorted.push_back(eligible);
      result.emplace_back();
    }
  }

  bool next_leg(std::size_t p) {
    auto& legs = result[p];
    if (static_cast<int>(legs.size()) >= in.profiles[p].profile_for("BTC").max_legs) return false;
    if (n >= in.limits.max_calls_per_underlying) return false;
    if (static_cast<int>(occupied) + n >= in.limits.max_open_calls_per_underlying) return false;
    for (int pass = in.limits.prefer_variety ? 1 : 2; pass <= 2; ++pass) {
      for (const std::uint32_t i : sorted[p]) {
        const CandidateOption& c = in.candidates[i];
        if (taken.count(c.symbol) != 0 || count[c.expiry_ms] >= in.limits.max_calls_per_expiry) continue;
        bool varied = true;
        for (const std::uint32_t leg : legs) {
          varied = varied && in.candidates[leg].expiry_ms != c.expiry_ms && in.candidates[leg].strike != c.strike;
        }
        if (pass == 1 && !varied) continue;
        legs.push_back(i);
        taken.insert(c.symbol);
        ++count[c.expiry_ms];
        ++n;
        return true;
      }
    }
    return false;
  }

  void run() {
    if (in.limits.order == LegOrder::priority) {
      for (std::size_t p = 0; p < result.size(); ++p) {
        while (next_leg(p)) {
        }
      }
      return;
    }
    for (bool added = true; added;) {
      added = false;
      for (std::size_t p = 0; p < result.size(); ++p) {
        if (next_leg(p)) added = true;
      }
    }
  }
};

// The walk of the seed: one sorted pass per profile, skipping full expiries; with the caps and the used symbols that it names.
std::vector<std::vector<std::string>> seed_walk(const Case& in) {
  std::map<std::int64_t, int> per_expiry;
  std::set<std::string> used;
  for (const Occupied& leg : in.occupied) {
    if (used.insert(leg.symbol).second) ++per_expiry[leg.expiry_ms];
  }
  const auto held = static_cast<int>(used.size());
  int calls = 0;
  std::vector<std::vector<std::string>> result;
  for (const TrainingProfileSet& set : in.profiles) {
    const TrainingProfile& cfg = set.profile_for("BTC");
    result.emplace_back();
    if (!cfg.enabled) continue;
    std::vector<const CandidateOption*> walk;
    for (const CandidateOption& c : in.candidates) {
      if (passes(cfg, c)) walk.push_back(&c);
    }
    std::sort(walk.begin(), walk.end(), [&](const CandidateOption* a, const CandidateOption* b) {
      const auto key = [&](const CandidateOption* c) {
        const double distance = std::fabs(c->delta - cfg.target_delta);
        return std::make_tuple(in.limits.sort == SortKey::premium_usd ? -c->premium_usd : distance, distance, c->expiry_ms,
                               c->strike, c->symbol);
      };
      return key(a) < key(b);
    });
    for (const CandidateOption* c : walk) {
      if (static_cast<int>(result.back().size()) >= cfg.max_legs) break;
      if (calls >= in.limits.max_calls_per_underlying || held + calls >= in.limits.max_open_calls_per_underlying) break;
      if (per_expiry[c->expiry_ms] >= in.limits.max_calls_per_expiry || used.count(c->symbol) != 0) continue;
      result.back().push_back(c->symbol);
      used.insert(c->symbol);
      ++per_expiry[c->expiry_ms];
      ++calls;
    }
  }
  return result;
}

std::vector<std::vector<std::uint32_t>> indices(const std::vector<ProfilePicks>& picks) {
  std::vector<std::vector<std::uint32_t>> all;
  for (const ProfilePicks& one : picks) all.push_back(one.candidates);
  return all;
}
std::vector<std::vector<std::string>> symbols(const std::vector<ProfilePicks>& picks,
                                              const std::vector<CandidateOption>& candidates) {
  std::vector<std::vector<std::string>> all;
  for (const ProfilePicks& one : picks) {
    all.emplace_back();
    for (const std::uint32_t i : one.candidates) all.back().push_back(candidates[i].symbol);
  }
  return all;
}

// Caps, filters, symbols: what must hold whatever the rule is.
void require_sound(const Case& in, const std::vector<ProfilePicks>& picks) {
  std::set<std::string> used;
  std::map<std::int64_t, int> per_expiry;
  for (const Occupied& leg : in.occupied) {
    if (used.insert(leg.symbol).second) ++per_expiry[leg.expiry_ms];
  }
  const std::map<std::int64_t, int> before = per_expiry;
  const auto held = static_cast<int>(used.size());
  int legs = 0;
  REQUIRE(picks.size() == in.profiles.size());
  for (std::size_t p = 0; p < picks.size(); ++p) {
    const TrainingProfile& profile = in.profiles[p].profile_for("BTC");
    REQUIRE(picks[p].profile == in.profiles[p].name);
    if (!profile.enabled) REQUIRE(picks[p].candidates.empty());
    REQUIRE(static_cast<int>(picks[p].candidates.size()) <= profile.max_legs);
    for (const std::uint32_t i : picks[p].candidates) {
      REQUIRE(passes(profile, in.candidates[i]));
      REQUIRE(used.insert(in.candidates[i].symbol).second);
      ++per_expiry[in.candidates[i].expiry_ms];
      ++legs;
    }
  }
  REQUIRE(legs <= std::max(0, in.limits.max_calls_per_underlying));
  if (legs > 0) REQUIRE(held + legs <= in.limits.max_open_calls_per_underlying);
  for (const auto& [expiry, number] : per_expiry) {
    const auto was = before.find(expiry);
    if (was == before.end() || was->second != number) REQUIRE(number <= in.limits.max_calls_per_expiry);
  }
}

}  // namespace

TEST_CASE("picker: equals the transcription of its rule, and every cap and filter holds", "[options][property]") {
  PickerScratch scratch;
  std::vector<ProfilePicks> picks;
  std::size_t legs = 0;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    CAPTURE(round);
    const Case in = Generator(1, round).make();
    // One scratch for all rounds: nothing of an earlier pick may shine through.
    pick_candidates_for_all_profiles<CandidateOption>(in.profiles, "BTC", in.candidates, in.limits, in.legs(), scratch, picks);
    Transcription rule(in);
    rule.run();
    REQUIRE(indices(picks) == rule.result);
    require_sound(in, picks);
    for (const ProfilePicks& one : picks) legs += one.candidates.size();
  }
  REQUIRE(legs > rounds);  // the cases are not mostly empty
}

TEST_CASE("picker: the order of the candidates and of the occupied legs plays no part", "[options][property]") {
  for (std::uint64_t round = 0; round < rounds; ++round) {
    CAPTURE(round);
    Generator generator(2, round);
    const Case in = generator.make();
    Case shuffled = in;
    std::vector<std::uint32_t> order(in.candidates.size());
    rlx::permutation(generator.random(), order);
    for (std::size_t i = 0; i < order.size(); ++i) shuffled.candidates[i] = in.candidates[order[i]];
    std::reverse(shuffled.occupied.begin(), shuffled.occupied.end());
    REQUIRE(symbols(shuffled.pick(), shuffled.candidates) == symbols(in.pick(), in.candidates));
  }
}

TEST_CASE("picker: without variety and by priority it is the walk of the seed", "[options][property]") {
  for (std::uint64_t round = 0; round < rounds; ++round) {
    CAPTURE(round);
    Case in = Generator(3, round).make();
    in.limits.prefer_variety = false;
    in.limits.order = LegOrder::priority;
    REQUIRE(symbols(in.pick(), in.candidates) == seed_walk(in));
  }
}

TEST_CASE("picker: types of one's own give the same indices", "[options][property]") {
  for (std::uint64_t round = 0; round < rounds; ++round) {
    CAPTURE(round);
    Case in = Generator(4, round).make();
    for (CandidateOption& one : in.candidates) one.ivrv_known = true;  // what a type without the flag means
    std::vector<DeskQuote> desk;
    std::vector<PlainQuote> plain;
    for (const CandidateOption& c : in.candidates) {
      desk.push_back({c.symbol, c.strike, c.dte, c.delta, c.premium_usd, c.ivrv, c.expiry_ms});
      plain.push_back({c.symbol, c.strike, c.dte, c.delta, c.premium_usd, c.ivrv, c.expiry_ms});
    }
    const auto expected = indices(in.pick());
    REQUIRE(indices(pick_candidates_for_all_profiles<DeskQuote>(in.profiles, "BTC", desk, in.limits, in.legs())) == expected);
    REQUIRE(indices(pick_candidates_for_all_profiles<PlainQuote>(in.profiles, "BTC", plain, in.limits, in.legs())) == expected);
  }
}

TEST_CASE("picker: a disabled profile is empty and takes nothing from the others", "[options][property]") {
  for (std::uint64_t round = 0; round < rounds; ++round) {
    CAPTURE(round);
    Generator generator(5, round);
    Case in = generator.make();
    const auto off = static_cast<std::size_t>(generator.below(static_cast<int>(in.profiles.size())));
    in.profiles[off].per_asset.clear();
    in.profiles[off].base.enabled = false;
    auto with = symbols(in.pick(), in.candidates);
    REQUIRE(with[off].empty());
    in.profiles.erase(in.profiles.begin() + static_cast<std::ptrdiff_t>(off));
    with.erase(with.begin() + static_cast<std::ptrdiff_t>(off));
    REQUIRE(symbols(in.pick(), in.candidates) == with);
  }
}

TEST_CASE("training actions: what is picked on ETH does not depend on the chain of BTC", "[options][property]") {
  Settings settings;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    CAPTURE(round);
    Generator generator(6, round);
    settings.training_max_calls_per_underlying = 1 + generator.below(6);
    settings.training_leg_order = generator.one_in(2) ? LegOrder::priority : LegOrder::round_robin;
    AgentState state;
    state.underlyings.resize(2);
    state.underlyings[0].underlying = "BTC";
    state.underlyings[1].underlying = "ETH";
    state.underlyings[1].candidates = generator.chain("ETH");
    const auto eth_actions = [&] {
      std::vector<Action> actions = build_training_actions(state, settings);
      actions.erase(std::remove_if(actions.begin(), actions.end(), [](const Action& a) { return a.underlying != "ETH"; }),
                    actions.end());
      return actions;
    };
    const auto alone = eth_actions();
    REQUIRE(static_cast<int>(alone.size()) <= settings.training_max_calls_per_underlying);
    for (int other = 0; other < 2; ++other) {
      state.underlyings[0].candidates = generator.chain("BTC");
      REQUIRE(eth_actions() == alone);
    }
  }
}

TEST_CASE("picker: on recorded chains it equals the transcription", "[options][property]") {
  // Three whole-chain snapshots with both underlyings, and two days of raw chains of each.
  std::size_t chains = 0, legs = 0;
  const std::vector<CandidateBand> bands = {{0.10, 0.25, 1, 21, 0.20}, {0.25, 0.35, 1, 21, 0.30}, {0.35, 0.50, 1, 21, 0.40}};
  for (const std::string name :
       {"deribit_options_snapshot_20251230T173115Z.csv", "deribit_options_snapshot_20260130T093122Z.csv",
        "deribit_options_snapshot_20260226T160101Z.csv", "BTC_2025-12-10_1829Z.csv", "ETH_2025-12-10_1829Z.csv",
        "BTC_2025-12-11_1811Z.csv", "ETH_2025-12-11_1811Z.csv"}) {
    if (!rlx_test::have_options_data("chains/" + name)) return;
    CAPTURE(name);
    const std::vector<std::string> paths = {rlx_test::options_data_path("chains/" + name)};
    const RecordedChain chain = load_recorded_chain(paths);
    for (const std::string underlying : {"BTC", "ETH"}) {
      const bool both = name.starts_with("deribit");
      if (!both && !name.starts_with(underlying)) continue;
      ChainSnapshot snapshot;
      chain.load(chain.size() - 1, underlying, snapshot);
      CandidateRequest request;
      request.bands = bands;
      request.premium_min_usd = snapshot.index * 0.0005;
      request.max_quote_age_ms = 3'600'000;
      request.max_candidates = 100;
      request.now_ms = snapshot.ts_ms;
      Case in;
      in.candidates = build_candidates(snapshot, chain.instruments(chain.size() - 1, underlying), request);
      for (CandidateOption& one : in.candidates) one.underlying = "BTC";  // Case picks for BTC
      in.profiles = get_training_profiles();
      for (const SortKey sort : {SortKey::premium_usd, SortKey::target_delta}) {
        for (const LegOrder order : {LegOrder::priority, LegOrder::round_robin}) {
          for (const bool variety : {true, false}) {
            for (const int most : {0, 1, 3, 5, 20}) {
              in.limits = {most, 3, 15, sort, order, variety};
              Transcription rule(in);
              rule.run();
              const auto picks = in.pick();
              REQUIRE(indices(picks) == rule.result);
              require_sound(in, picks);
              for (const ProfilePicks& one : picks) legs += one.candidates.size();
            }
          }
        }
      }
      ++chains;
    }
  }
  REQUIRE(chains == 10);
  REQUIRE(legs > 500);
}
