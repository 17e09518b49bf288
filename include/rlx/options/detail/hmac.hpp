// SPDX-License-Identifier: MIT
/// @file
/// @brief HMAC-SHA256, with which requests are signed.
/// @par Source RFC 2104, with the test vectors of RFC 4231
#ifndef RLX_OPTIONS_DETAIL_HMAC_HPP
#define RLX_OPTIONS_DETAIL_HMAC_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include <rlx/core/hash.hpp>

namespace rlx::inline v0_1::options::detail {

/// The authentication code of `text` under `key`, as 64 lower-case hexadecimal digits.
inline std::string hmac_sha256_hex(std::string_view key, std::string_view text) {
  std::array<std::byte, 64> block{};
  if (key.size() > block.size()) {
    const auto hashed = Sha256().update(key).digest();
    std::copy(hashed.begin(), hashed.end(), block.begin());
  } else {
    std::copy_n(std::as_bytes(std::span(key.data(), key.size())).begin(), key.size(), block.begin());
  }
  const auto start = [&](std::byte pad) {
    std::array<std::byte, 64> padded = block;
    for (std::byte& one : padded) one ^= pad;
    Sha256 hash;
    hash.update(padded);
    return hash;
  };
  Sha256 inner = start(std::byte{0x36});
  const auto digest = inner.update(text).digest();
  return start(std::byte{0x5C}).update(digest).hex();
}

}  // namespace rlx::inline v0_1::options::detail

#endif  // RLX_OPTIONS_DETAIL_HMAC_HPP
