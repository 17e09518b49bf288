// SPDX-License-Identifier: MIT
#include <rlx/curriculum/split.hpp>

#include "rlx_catch.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

using namespace rlx::curriculum;
using Numbers = std::vector<std::size_t>;

namespace {

constexpr std::int64_t hour_us = 3'600'000'000;

/// `per_day` sources and one event on each of `days` days; data from 8:00 to 20:00.
std::vector<EpisodeInfo> calendar(std::int32_t days, std::size_t per_day) {
  std::vector<EpisodeInfo> infos;
  for (std::int32_t day = 0; day < days; ++day) {
    for (std::size_t k = 0; k < per_day; ++k) {
      EpisodeInfo info;
      info.source = infos.size();
      info.event = static_cast<std::uint32_t>(day);
      info.session = day;
      info.day = day;
      info.start_us = (24 * day + 8) * hour_us;
      info.end_us = (24 * day + 20) * hour_us;
      infos.push_back(info);
    }
  }
  return infos;
}

Numbers range(std::size_t begin, std::size_t end) {
  Numbers numbers;
  for (std::size_t i = begin; i < end; ++i) numbers.push_back(i);
  return numbers;
}

std::string message_of(const std::vector<EpisodeInfo>& infos, const HoldOutConfig& config) {
  try {
    (void)hold_out(infos, config);
  } catch (const rlx::ConfigError& error) {
    return error.what();
  }
  return "no error";
}

/// Sources over random days and events, with data of random spans.
std::vector<EpisodeInfo> random_sources(rlx::RandomStream& random) {
  std::vector<EpisodeInfo> infos(10 + random.bounded(150));
  const std::uint64_t days = 6 + random.bounded(30);
  std::map<std::uint32_t, std::int32_t> day_of_event;
  for (std::size_t i = 0; i < infos.size(); ++i) {
    infos[i].source = 3 * i + 1;
    infos[i].event = static_cast<std::uint32_t>(random.bounded(infos.size()));
    auto day = static_cast<std::int32_t>(random.bounded(days));
    if (random.uniform() < 0.9) day = day_of_event.emplace(infos[i].event, day).first->second;  // some events last longer
    infos[i].day = day;
    infos[i].end_us = (24 * day + 23) * hour_us;
    infos[i].start_us = infos[i].end_us - static_cast<std::int64_t>(1 + random.bounded(40)) * hour_us;
  }
  for (std::size_t i = infos.size(); i-- > 1;) std::swap(infos[i], infos[random.bounded(i + 1)]);
  return infos;
}

}  // namespace

TEST_CASE("walk forward: the smallest number of last days with the share", "[curriculum]") {
  const Split split = hold_out(calendar(15, 6));
  REQUIRE(split.training == range(0, 72));  // 18 of 90 are three days
  REQUIRE(split.held_out == range(72, 90));
  REQUIRE(split.dropped.empty());
  REQUIRE(hold_out(calendar(15, 6), {.share = 0.201}).held_out == range(66, 90));
  REQUIRE(hold_out(calendar(15, 6), {.share = 0.01}).held_out == range(84, 90));
  REQUIRE(hold_out(calendar(2, 1), {.share = 0.5}).held_out == Numbers{1});
}

TEST_CASE("walk forward: an event on both sides keeps its training sources and loses the others", "[curriculum]") {
  auto infos = calendar(10, 2);
  infos[17].event = infos[18].event = 40;  // days 8 and 9; held out are 16 .. 19
  REQUIRE(hold_out(infos).held_out == Numbers{16, 17, 18, 19});
  infos[15].event = 40;  // day 7
  const Split split = hold_out(infos);
  REQUIRE(split.held_out == Numbers{16, 19});
  REQUIRE(split.training == range(0, 16));
  REQUIRE(split.dropped ==
          std::vector<DroppedSource>{{17, DropReason::event_in_training}, {18, DropReason::event_in_training}});
}

TEST_CASE("walk forward: training sources that end after the first held-out one begins are dropped", "[curriculum]") {
  auto infos = calendar(10, 2);
  infos[16].start_us = infos[15].end_us;  // begins at the very moment that day 7 ends: nothing is shared
  REQUIRE(hold_out(infos).dropped.empty());
  infos[16].start_us = infos[15].end_us - 1;
  REQUIRE(hold_out(infos).dropped == std::vector<DroppedSource>{{14, DropReason::embargo}, {15, DropReason::embargo}});
  REQUIRE(hold_out(infos).training == range(0, 14));
  // A source that is not held out sets no embargo.
  infos[16].event = infos[0].event;
  REQUIRE(hold_out(infos).dropped == std::vector<DroppedSource>{{16, DropReason::event_in_training}});
}

TEST_CASE("random events: whole components until the share is reached", "[curriculum]") {
  const auto infos = calendar(10, 3);
  std::map<std::size_t, int> drawn;
  std::set<Numbers> splits;
  for (std::uint64_t seed = 0; seed < 2'000; ++seed) {
    const Split split = hold_out(infos, {.kind = HoldOutKind::random_events, .seed = seed});
    REQUIRE(split.held_out.size() == 6);
    REQUIRE(split.training.size() == 24);
    REQUIRE(split.held_out[0] % 3 == 0);
    REQUIRE(split.held_out[2] == split.held_out[0] + 2);
    for (const std::size_t source : split.held_out) ++drawn[source];
    splits.insert(split.held_out);
  }
  REQUIRE(splits.size() == 45);  // every pair of days
  for (const auto& [source, count] : drawn) REQUIRE(std::abs(count - 400) < 90);
  const HoldOutConfig config{.kind = HoldOutKind::random_events, .seed = 5};
  REQUIRE(hold_out(infos, config) == hold_out(infos, config));
}

TEST_CASE("random events: events and days join components", "[curriculum]") {
  auto infos = calendar(8, 1);
  infos[1].event = infos[0].event;  // one event on two days
  infos[3].day = infos[2].day;      // two events on one day
  infos[4].event = infos[3].event;  // and a chain from there
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Split split = hold_out(infos, {.share = 0.3, .kind = HoldOutKind::random_events, .seed = seed});
    const auto held = [&](std::size_t source) {
      return std::binary_search(split.held_out.begin(), split.held_out.end(), source);
    };
    REQUIRE(held(0) == held(1));
    REQUIRE(held(2) == held(3));
    REQUIRE(held(3) == held(4));
    REQUIRE(split.held_out.size() >= 3);
  }
  infos[6].event = infos[5].event;  // 0-1, 2-3-4, 5-6, 7: four components
  REQUIRE_THAT(message_of(infos, {.kind = HoldOutKind::random_events}),
               rlx_test::ContainsSubstring("at least 5 components that share no event and no day, found 4"));
}

TEST_CASE("a hold-out that is impossible says why, with days and events", "[curriculum]") {
  const auto infos = calendar(10, 2);
  for (const double share : {0.0, 1.0, -0.1, 1.7, std::numeric_limits<double>::quiet_NaN()}) {
    REQUIRE_THAT(message_of(infos, {.share = share}), rlx_test::ContainsSubstring("a share above 0 and below 1"));
    REQUIRE_THAT(message_of(infos, {.share = share}), rlx_test::ContainsSubstring("20 sources of 10 days and 10 events"));
  }
  REQUIRE_THAT(message_of(calendar(1, 9), {}), rlx_test::ContainsSubstring("at least two days"));
  REQUIRE_THAT(message_of(calendar(1, 9), {.kind = HoldOutKind::random_events}),
               rlx_test::ContainsSubstring("9 sources of 1 days and 1 events"));
  REQUIRE_THAT(message_of({}, {}), rlx_test::ContainsSubstring("0 sources"));
  REQUIRE_THAT(message_of(calendar(3, 2), {.share = 0.9}), rlx_test::ContainsSubstring("no training source is left"));
  auto one_event = infos;
  for (auto& info : one_event) info.event = 1;
  REQUIRE_THAT(message_of(one_event, {}), rlx_test::ContainsSubstring("belongs to an event that began before them"));
}

TEST_CASE("split: properties over random sources", "[curriculum]") {
  rlx::RandomStream random({.seed = 8, .purpose = rlx::Purpose::user});
  int splits = 0;
  for (int round = 0; round < 2'000; ++round) {
    auto infos = random_sources(random);
    const HoldOutConfig config{.share = 0.05 + 0.6 * random.uniform(),
                               .kind = round % 2 == 0 ? HoldOutKind::walk_forward : HoldOutKind::random_events,
                               .seed = static_cast<std::uint64_t>(round)};
    Split split;
    try {
      split = hold_out(infos, config);
    } catch (const rlx::ConfigError&) {
      continue;
    }
    ++splits;
    std::map<std::size_t, EpisodeInfo> by_source;
    for (const auto& info : infos) by_source[info.source] = info;
    // Every source is on exactly one list.
    Numbers all = split.training;
    all.insert(all.end(), split.held_out.begin(), split.held_out.end());
    for (const auto& dropped : split.dropped) all.push_back(dropped.source);
    std::sort(all.begin(), all.end());
    REQUIRE(all.size() == infos.size());
    REQUIRE(std::adjacent_find(all.begin(), all.end()) == all.end());
    // No event on both sides.
    std::set<std::uint32_t> events;
    std::set<std::int32_t> days;
    std::int64_t last_training_us = std::numeric_limits<std::int64_t>::min();
    for (const std::size_t source : split.training) {
      events.insert(by_source.at(source).event);
      days.insert(by_source.at(source).day);
      last_training_us = std::max(last_training_us, by_source.at(source).end_us);
    }
    for (const std::size_t source : split.held_out) {
      const EpisodeInfo& info = by_source.at(source);
      REQUIRE(events.count(info.event) == 0);
      REQUIRE(days.count(info.day) == 0);
      if (config.kind == HoldOutKind::walk_forward) {
        REQUIRE(last_training_us <= info.start_us);
        REQUIRE(*days.rbegin() < info.day);
      }
    }
    if (config.kind == HoldOutKind::random_events) {
      REQUIRE(split.dropped.empty());
      REQUIRE(static_cast<double>(split.held_out.size()) >= config.share * static_cast<double>(infos.size()) - 1e-6);
    } else {
      // The last days reach the share; without the first of them they would not.
      std::int32_t first = std::numeric_limits<std::int32_t>::max();
      for (const std::size_t source : split.held_out) first = std::min(first, by_source.at(source).day);
      for (const auto& dropped : split.dropped) {
        if (dropped.reason == DropReason::event_in_training) first = std::min(first, by_source.at(dropped.source).day);
      }
      std::size_t from_first = 0;
      std::size_t after_first = 0;
      for (const auto& info : infos) {
        from_first += info.day >= first ? 1 : 0;
        after_first += info.day > first ? 1 : 0;
      }
      const double wanted = config.share * static_cast<double>(infos.size());
      REQUIRE(static_cast<double>(from_first) >= wanted);
      REQUIRE(static_cast<double>(after_first) < wanted);
    }
    // The order of the list does not matter.
    std::reverse(infos.begin(), infos.end());
    REQUIRE(hold_out(infos, config) == split);
  }
  REQUIRE(splits > 1'000);
}

TEST_CASE("selected sources keep the order of the list", "[curriculum]") {
  auto infos = calendar(4, 1);
  std::swap(infos[0], infos[3]);
  const auto selected = select_sources(infos, Numbers{0, 3});
  REQUIRE(selected.size() == 2);
  REQUIRE(selected[0].source == 3);
  REQUIRE(selected[1].source == 0);
}

TEST_CASE("length groups: half open, the last one without an end, short sources in none", "[curriculum]") {
  std::vector<EpisodeInfo> infos(6);
  const Numbers lengths{49, 50, 199, 200, 1'000, 90'000};
  for (std::size_t i = 0; i < 6; ++i) {
    infos[i].source = i;
    infos[i].length = lengths[i];
  }
  const auto groups = group_by_length(infos, Numbers{50, 200, 1'000});
  REQUIRE(groups.size() == 3);
  const auto sources = [](const std::vector<EpisodeInfo>& group) {
    Numbers numbers;
    for (const auto& info : group) numbers.push_back(info.source);
    return numbers;
  };
  REQUIRE(sources(groups[0]) == Numbers{1, 2});
  REQUIRE(sources(groups[1]) == Numbers{3});
  REQUIRE(sources(groups[2]) == Numbers{4, 5});
  REQUIRE_THROWS_AS(group_by_length(infos, Numbers{}), rlx::ConfigError);
  REQUIRE_THROWS_AS(group_by_length(infos, Numbers{50, 50}), rlx::ConfigError);
}
