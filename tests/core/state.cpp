// SPDX-License-Identifier: MIT
#include <rlx/core/state.hpp>

#include "rlx_catch.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <rlx/core/random.hpp>

using rlx::StateReader;
using rlx::StateWriter;

static_assert(rlx::StateValue<double> && rlx::StateValue<bool> && rlx::StateValue<std::array<int, 3>>);
static_assert(rlx::StateValue<rlx::RandomStream>);
static_assert(!rlx::StateValue<int*> && !rlx::StateValue<std::span<int>> && !rlx::StateValue<std::string_view> &&
              !rlx::StateValue<std::string> && !rlx::StateValue<int[3]>);
static_assert(sizeof(rlx::RandomStream) == 56, "no padding: 4 x 10 words, the spare normal, two flags");

namespace {

std::vector<std::byte> some_state() {
  std::vector<std::byte> bytes;
  StateWriter out(bytes);
  out.write(std::int32_t{-5});
  out.write(2.5);
  out.write(true);
  out.write_string("ladder");
  out.write(std::vector<float>{1.0F, 2.0F, 3.0F});
  const std::array<std::uint8_t, 2> mask = {1, 0};
  out.write(std::span<const std::uint8_t>(mask));
  return bytes;
}

void read_all(std::span<const std::byte> bytes) {
  StateReader in(bytes);
  CHECK(in.read<std::int32_t>() == -5);
  double number = 0.0;
  in.read(number);
  CHECK(number == 2.5);
  CHECK(in.read<bool>());
  CHECK(in.read_string() == "ladder");
  CHECK(in.read_vector<float>() == std::vector<float>{1.0F, 2.0F, 3.0F});
  std::array<std::uint8_t, 2> mask{};
  in.read_into(std::span(mask));
  CHECK(mask == std::array<std::uint8_t, 2>{1, 0});
  in.expect_end();
}

}  // namespace

TEST_CASE("what is written is read back in the same order", "[core][state]") { read_all(some_state()); }

TEST_CASE("the bytes are little-endian with 64-bit lengths", "[core][state]") {
  std::vector<std::byte> bytes;
  StateWriter out(bytes);
  out.write(std::uint16_t{0x0102});
  out.write_string("A");
  const std::vector<std::byte> expected = {std::byte{2}, std::byte{1}, std::byte{1}, std::byte{0}, std::byte{0}, std::byte{0},
                                           std::byte{0}, std::byte{0}, std::byte{0}, std::byte{0}, std::byte{65}};
  CHECK(bytes == expected);
}

TEST_CASE("a writer appends", "[core][state]") {
  std::vector<std::byte> bytes(3);
  StateWriter(bytes).write(std::uint8_t{9});
  CHECK(bytes.size() == 4);
  CHECK(bytes.back() == std::byte{9});
}

TEST_CASE("state that is cut anywhere, or too long, is refused", "[core][state]") {
  auto bytes = some_state();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    const std::span<const std::byte> cut(bytes.data(), size);
    StateReader in(cut);
    const auto read = [&in] {
      in.read<std::int32_t>();
      in.read<double>();
      in.read<bool>();
      in.read_string();
      in.read_vector<float>();
      std::array<std::uint8_t, 2> mask{};
      in.read_into(std::span(mask));
    };
    CHECK_THROWS_AS(read(), rlx::CheckpointError);
  }
  bytes.push_back(std::byte{0});
  CHECK_THROWS_AS(read_all(bytes), rlx::CheckpointError);
}

TEST_CASE("a length beyond the bytes is refused before anything is allocated", "[core][state]") {
  for (const std::uint64_t length : {std::numeric_limits<std::uint64_t>::max(), std::uint64_t{1} << 61, std::uint64_t{9}}) {
    std::vector<std::byte> bytes;
    StateWriter out(bytes);
    out.write(length);
    out.write(std::uint64_t{0});
    StateReader text(bytes), numbers(bytes);
    CHECK_THROWS_AS(text.read_string(), rlx::CheckpointError);
    CHECK_THROWS_AS(numbers.read_vector<double>(), rlx::CheckpointError);
  }
}

TEST_CASE("read_into refuses another number of elements and says both", "[core][state]") {
  std::vector<std::byte> bytes;
  StateWriter(bytes).write(std::vector<double>{1.0, 2.0});
  StateReader in(bytes);
  std::vector<double> three(3);
  CHECK_THROWS_WITH(in.read_into(three), rlx_test::ContainsSubstring("expected 3 elements, found 2"));
}

TEST_CASE("a random stream continues from its saved state, also between the two normals of a pair", "[core][state]") {
  rlx::RandomStream stream({3, rlx::Purpose::user, 1, 2});
  stream.next_u32();
  stream.normal();
  std::vector<std::byte> bytes;
  StateWriter(bytes).write(stream);
  rlx::RandomStream loaded({0, rlx::Purpose::user, 0, 0});
  StateReader(bytes).read(loaded);
  for (int i = 0; i < 10; ++i) CHECK(loaded.normal() == stream.normal());
  CHECK(loaded.next_u64() == stream.next_u64());
}
