// SPDX-License-Identifier: MIT
#include <rlx/core/hash.hpp>

#include "rlx_catch.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <rlx/core/random.hpp>

namespace {

std::vector<std::byte> random_bytes(std::size_t size) {
  rlx::RandomStream random({6, rlx::Purpose::user, 0, size});
  std::vector<std::byte> bytes(size);
  for (std::byte& b : bytes) b = static_cast<std::byte>(random.next_u32() >> 24);
  return bytes;
}

}  // namespace

TEST_CASE("SHA-256 gives the vectors of FIPS 180-4", "[core][hash]") {  // NIST's examples and their short-message file
  CHECK(rlx::sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(rlx::sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(rlx::sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(rlx::sha256_hex("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrs"
                        "mnopqrstnopqrstu") == "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  CHECK(rlx::sha256_hex(std::string(1'000'000, 'a')) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("SHA-256 does not depend on how the bytes are cut", "[core][hash]") {
  for (const std::size_t size : {0U, 1U, 55U, 56U, 63U, 64U, 65U, 119U, 120U, 128U, 1000U}) {
    CAPTURE(size);
    const auto bytes = random_bytes(size);
    const std::string whole = rlx::sha256_hex(bytes);
    for (const std::size_t piece : {1U, 3U, 63U, 64U, 65U, 200U}) {
      rlx::Sha256 hash;
      for (std::size_t at = 0; at < size; at += piece)
        hash.update(std::span(bytes).subspan(at, std::min<std::size_t>(piece, size - at)));
      CHECK(hash.hex() == whole);
    }
  }
}

TEST_CASE("a hash can be read, copied and continued", "[core][hash]") {
  rlx::Sha256 hash;
  hash.update("a");
  CHECK(hash.hex() == rlx::sha256_hex("a"));
  rlx::Sha256 copy = hash;
  hash.update("bc");
  CHECK(hash.hex() == rlx::sha256_hex("abc"));
  CHECK(copy.update("x").hex() == rlx::sha256_hex("ax"));
  CHECK(hash.digest()[0] == std::byte{0xba});
}

TEST_CASE("the processor's hash instructions and the portable code agree", "[core][hash]") {
  for (std::size_t blocks = 0; blocks <= 40; ++blocks) {
    const auto bytes = random_bytes(blocks * 64);
    rlx::detail::Sha256State fast = {1, 2, 3, 4, 5, 6, 7, 8}, portable = fast;
    rlx::detail::sha256_blocks(fast, bytes.data(), blocks);
    rlx::detail::sha256_blocks_portable(portable, bytes.data(), blocks);
    REQUIRE(fast == portable);
  }
  for (std::size_t size = 0; size <= 300; ++size) {
    const auto bytes = random_bytes(size);
    REQUIRE(rlx::crc32c(bytes, 77) == ~rlx::detail::crc32c_portable(~77U, bytes.data(), size));
  }
}

TEST_CASE("CRC-32C gives the vectors of RFC 3720", "[core][hash]") {
  std::vector<std::byte> bytes(32, std::byte{0});
  CHECK(rlx::crc32c(bytes) == 0x8A9136AAU);
  bytes.assign(32, std::byte{0xFF});
  CHECK(rlx::crc32c(bytes) == 0x62A8AB43U);
  for (std::size_t i = 0; i < 32; ++i) bytes[i] = static_cast<std::byte>(i);
  CHECK(rlx::crc32c(bytes) == 0x46DD794EU);
  for (std::size_t i = 0; i < 32; ++i) bytes[i] = static_cast<std::byte>(31 - i);
  CHECK(rlx::crc32c(bytes) == 0x113FDB5CU);
  const std::string check = "123456789";
  CHECK(rlx::crc32c(std::as_bytes(std::span(check))) == 0xE3069283U);
  CHECK(rlx::crc32c({}) == 0U);
}

TEST_CASE("CRC-32C continues from the value of what came before", "[core][hash]") {
  const auto bytes = random_bytes(100);
  const std::span<const std::byte> all(bytes);
  for (std::size_t cut = 0; cut <= 100; ++cut)
    REQUIRE(rlx::crc32c(all.subspan(cut), rlx::crc32c(all.first(cut))) == rlx::crc32c(all));
}
