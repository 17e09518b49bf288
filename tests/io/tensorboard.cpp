// SPDX-License-Identifier: MIT
#include <rlx/io/tensorboard.hpp>

#include "rlx_catch.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <unistd.h>

using namespace rlx;
using namespace rlx::io;

namespace {

struct TemporaryFolder {
  std::filesystem::path path = std::filesystem::temp_directory_path() / ("rlx_tensorboard_" + std::to_string(::getpid()));
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
};

// Everything below reads the file without a line of the library: bitwise CRC, framing and wire format by hand.

std::uint32_t plain_crc32c(const std::string& bytes) {
  std::uint32_t crc = 0xFFFFFFFFu;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1u) != 0 ? 0x82F63B78u : 0u);
  }
  return crc ^ 0xFFFFFFFFu;
}
std::uint32_t plain_mask(std::uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }

template <class T>
T take(const std::string& bytes, std::size_t& at) {
  T value;
  REQUIRE(at + sizeof(T) <= bytes.size());
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  at += sizeof(T);
  return value;
}
std::uint64_t take_varint(const std::string& bytes, std::size_t& at) {
  std::uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = take<unsigned char>(bytes, at);
    value |= static_cast<std::uint64_t>(byte & 0x7Fu) << shift;
    if (byte < 0x80) return value;
  }
}

struct Field {
  std::uint64_t number = 0, integer = 0;
  std::string bytes{};
};
std::vector<Field> parse_message(const std::string& bytes) {
  std::vector<Field> fields;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::uint64_t key = take_varint(bytes, at);
    Field field{key >> 3};
    switch (key & 7) {
      case 0:
        field.integer = take_varint(bytes, at);
        break;
      case 1:
        field.integer = take<std::uint64_t>(bytes, at);
        break;
      case 5:
        field.integer = take<std::uint32_t>(bytes, at);
        break;
      default: {
        REQUIRE((key & 7) == 2);
        const std::uint64_t length = take_varint(bytes, at);
        REQUIRE(at + length <= bytes.size());
        field.bytes = bytes.substr(at, length);
        at += length;
      }
    }
    fields.push_back(field);
  }
  return fields;
}

struct Histogram {
  double min = 0, max = 0, num = 0, sum = 0, sum_squares = 0;
  std::vector<double> limits{}, counts{};
};
Histogram parse_histogram(const std::string& bytes) {
  Histogram h;
  double* const numbers[] = {&h.min, &h.max, &h.num, &h.sum, &h.sum_squares};
  for (const Field& field : parse_message(bytes)) {
    REQUIRE(field.number >= 1);
    REQUIRE(field.number <= 7);
    if (field.number <= 5) {
      std::memcpy(numbers[field.number - 1], &field.integer, 8);
      continue;
    }
    auto& list = field.number == 6 ? h.limits : h.counts;
    for (std::size_t at = 0; at < field.bytes.size();) list.push_back(take<double>(field.bytes, at));
  }
  return h;
}

struct Event {
  double wall_time = -1;
  std::uint64_t step = 0;
  std::string version{}, tag{};
  std::optional<float> value{};
  std::optional<Histogram> histogram{};
};
std::vector<Event> read_events(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string file((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  std::vector<Event> events;
  for (std::size_t at = 0; at < file.size();) {
    const std::string length_bytes = file.substr(at, 8);
    const auto length = take<std::uint64_t>(file, at);
    REQUIRE(take<std::uint32_t>(file, at) == plain_mask(plain_crc32c(length_bytes)));
    REQUIRE(at + length + 4 <= file.size());
    const std::string record = file.substr(at, length);
    at += length;
    REQUIRE(take<std::uint32_t>(file, at) == plain_mask(plain_crc32c(record)));
    Event event;
    for (const Field& field : parse_message(record)) {
      if (field.number == 1) std::memcpy(&event.wall_time, &field.integer, 8);
      if (field.number == 2) event.step = field.integer;
      if (field.number == 3) event.version = field.bytes;
      if (field.number != 5) continue;
      for (const Field& value : parse_message(field.bytes)) {
        REQUIRE(value.number == 1);
        for (const Field& part : parse_message(value.bytes)) {
          if (part.number == 1) event.tag = part.bytes;
          if (part.number == 5) event.histogram = parse_histogram(part.bytes);
          if (part.number != 2) continue;
          const auto bits = static_cast<std::uint32_t>(part.integer);
          float number = 0;
          std::memcpy(&number, &bits, 4);
          event.value = number;
        }
      }
    }
    events.push_back(event);
  }
  return events;
}

}  // namespace

TEST_CASE("known answers of the checksum", "[io][tensorboard]") {
  const std::string digits = "123456789";
  REQUIRE(plain_crc32c(digits) == 0xe3069283u);
  REQUIRE(masked_crc32c(std::as_bytes(std::span(digits))) == 0xc78ab0e5u);
}

TEST_CASE("an independent reader finds every scalar again", "[io][tensorboard]") {
  const TemporaryFolder folder;
  const std::string directory = (folder.path / "deep/run").string();
  const std::string long_tag(300, 'x');  // its length needs two bytes
  std::string path;
  {
    TensorBoardWriter writer(directory, 1'700'000'000.75);
    path = writer.path();
    REQUIRE(path == directory + "/events.out.tfevents.1700000000.rlx");
    writer.add_scalar("train/loss", 0.25, 0, 1'700'000'001.5);
    writer.add_scalar("train/loss", -1e-3, 128, 1'700'000'002.0);
    writer.add_scalar(long_tag, 1e300, std::uint64_t{1} << 40, 1'700'000'003.0);
    writer.add_scalar("eval/µ", std::numeric_limits<double>::quiet_NaN(), 5, 1'700'000'004.0);
    writer.flush();
    REQUIRE(read_events(path).size() == 5);
    writer.add_scalar("last", 1, 6, 1'700'000'005.0);
  }
  const std::vector<Event> events = read_events(path);
  REQUIRE(events.size() == 6);
  REQUIRE(events[0].version == "brain.Event:2");
  REQUIRE(events[0].wall_time == 1'700'000'000.75);
  REQUIRE_FALSE(events[0].value);
  REQUIRE(events[1].tag == "train/loss");
  REQUIRE(events[1].value == 0.25f);
  REQUIRE(events[1].step == 0);
  REQUIRE(events[1].wall_time == 1'700'000'001.5);
  REQUIRE(events[2].value == -1e-3f);
  REQUIRE(events[2].step == 128);
  REQUIRE(events[3].tag == long_tag);
  REQUIRE(events[3].value == std::numeric_limits<float>::infinity());
  REQUIRE(events[3].step == std::uint64_t{1} << 40);
  REQUIRE(events[4].tag == "eval/µ");
  REQUIRE_FALSE(is_finite(events[4].value.value()));
  REQUIRE(events[5].tag == "last");
}

TEST_CASE("an independent reader finds every histogram again", "[io][tensorboard]") {
  const TemporaryFolder folder;
  constexpr double inf = std::numeric_limits<double>::infinity();
  TensorBoardWriter writer(folder.path.string(), 1);
  writer.add_histogram("rollout/ep_rew", std::vector<double>{0, 1, 4, inf, 3, 1.5, 2, 3.5, -inf}, 9, 2.5, 4);
  writer.add_histogram("same", std::vector<double>{7, 7}, 10, 3);
  writer.add_histogram("none", std::vector<double>{inf}, 11, 4);
  writer.add_histogram("none", {}, 11, 4);
  writer.add_histogram("wide", std::vector<double>{-1e308, 1e308}, 12, 5);
  writer.flush();
  const std::vector<Event> events = read_events(writer.path());
  REQUIRE(events.size() == 4);
  REQUIRE(events[1].tag == "rollout/ep_rew");
  REQUIRE(events[1].step == 9);
  REQUIRE(events[1].wall_time == 2.5);
  REQUIRE_FALSE(events[1].value);
  const Histogram h = events[1].histogram.value();
  REQUIRE(h.min == 0);
  REQUIRE(h.max == 4);
  REQUIRE(h.num == 7);
  REQUIRE(h.sum == 15);
  REQUIRE(h.sum_squares == 0 + 1 + 16 + 9 + 2.25 + 4 + 12.25);
  REQUIRE(h.limits == std::vector<double>{1, 2, 3, 4});
  REQUIRE(h.counts == std::vector<double>{1, 2, 1, 3});  // below 1: 0; below 2: 1, 1.5; below 3: 2; the rest: 3, 3.5, 4
  const Histogram same = events[2].histogram.value();
  REQUIRE(same.limits == std::vector<double>{7});
  REQUIRE(same.counts == std::vector<double>{2});
  const Histogram wide = events[3].histogram.value();
  REQUIRE(wide.limits.size() == 30);
  REQUIRE(std::is_sorted(wide.limits.begin(), wide.limits.end()));
  REQUIRE(wide.counts.front() == 1);
  REQUIRE(wide.counts.back() == 1);
  REQUIRE_THROWS_AS(writer.add_histogram("", std::vector<double>{1}, 1, 1), ConfigError);
  REQUIRE_THROWS_AS(writer.add_histogram("a", std::vector<double>{1}, 1, 1, 0), ConfigError);
}

TEST_CASE("the same second continues the file", "[io][tensorboard]") {
  const TemporaryFolder folder;
  const std::string directory = folder.path.string();
  { TensorBoardWriter(directory, 5).add_scalar("a", 1, 1, 5); }
  TensorBoardWriter second(directory, 5.9);
  second.add_scalar("a", 2, 2, 6);
  second.flush();
  const std::vector<Event> events = read_events(second.path());
  REQUIRE(events.size() == 4);
  REQUIRE(events[1].value == 1.0f);
  REQUIRE(events[3].value == 2.0f);
}

TEST_CASE("wrong times, empty tags and paths that are files are refused", "[io][tensorboard]") {
  const TemporaryFolder folder;
  const std::string directory = folder.path.string();
  REQUIRE_THROWS_AS(TensorBoardWriter(directory, -1), ConfigError);
  REQUIRE_THROWS_AS(TensorBoardWriter(directory, std::numeric_limits<double>::quiet_NaN()), ConfigError);
  TensorBoardWriter writer(directory, 7);
  REQUIRE_THROWS_AS(writer.add_scalar("", 1, 1, 1), ConfigError);
  REQUIRE_THROWS_AS(TensorBoardWriter(writer.path() + "/below", 7), IoError);
}
