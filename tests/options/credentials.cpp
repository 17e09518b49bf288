// SPDX-License-Identifier: MIT
#include <rlx/options/credentials.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "rlx_catch.hpp"

using rlx::options::Credentials;
using rlx::options::Secret;
using rlx::options::without_secret;

// A secret moves, but is never copied, neither alone nor with its account, and becomes no text by itself.
static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);
static_assert(!std::is_copy_constructible_v<Credentials>);
static_assert(std::is_nothrow_move_constructible_v<Secret> && std::is_nothrow_move_assignable_v<Secret>);
static_assert(!std::is_convertible_v<Secret, std::string> && !std::is_convertible_v<Secret, std::string_view>);
static_assert(!std::is_convertible_v<std::string, Secret>);

TEST_CASE("a secret prints as three asterisks", "[options][credentials]") {
  const Secret secret("open sesame");
  std::ostringstream out;
  out << secret << ' ' << Secret() << ' ' << Secret::shown();
  REQUIRE(out.str() == "*** *** ***");
  REQUIRE(secret.reveal() == "open sesame");
}

TEST_CASE("secrets compare by content, whatever the lengths", "[options][credentials]") {
  const Secret secret("abcdef");
  REQUIRE(secret == Secret("abcdef"));
  REQUIRE(secret.equals("abcdef"));
  for (const char* const other : {"", "a", "abcde", "abcdeg", "bbcdef", "abcdefg", "abcdefabcdef"}) {
    INFO(other);
    REQUIRE_FALSE(secret.equals(other));
    REQUIRE_FALSE(secret == Secret(other));
    REQUIRE_FALSE(Secret(other) == secret);
  }
  REQUIRE(Secret() == Secret(""));
  REQUIRE_FALSE(Secret().equals(std::string_view("\0", 1)));
}

TEST_CASE("a secret moves and leaves nothing behind", "[options][credentials]") {
  Secret first("abc");
  Secret second = std::move(first);
  REQUIRE(second.reveal() == "abc");
  REQUIRE(first.empty());  // NOLINT(bugprone-use-after-move): the state after a move is part of the contract
  Secret third("xyz");
  third = std::move(second);
  REQUIRE(third.reveal() == "abc");
  REQUIRE(second.empty());  // NOLINT(bugprone-use-after-move)
  auto& same = third;
  third = std::move(same);
  REQUIRE(third.reveal() == "abc");
}

TEST_CASE("a secret and every part of it is cut out of a text", "[options][credentials]") {
  const std::string secret = "0123456789abcdef";
  const auto shown = [&](const std::string& text) { return without_secret(text, secret); };
  CHECK(shown("key " + secret + '.') == "key ***.");
  CHECK(shown(secret + ", " + secret) == "***, ***");
  CHECK(shown(secret + secret) == "***");
  CHECK(shown("cut 0123456789...") == "cut ***...");  // its begin
  CHECK(shown("...89abcdef cut") == "...*** cut");    // its end
  CHECK(shown("x3456789abx") == "x***x");             // its middle
  CHECK(shown("0123456 is too little") == "0123456 is too little");
  for (const std::string& other : {std::string(), std::string("none"), std::string("nothing of it in here")}) {
    CHECK(shown(other) == other);
  }
  CHECK(without_secret("0123456789 " + secret, secret, secret.size()) == "0123456789 ***");  // the whole only
  CHECK(without_secret("xabcdx abc", "abcd") == "x***x abc");                                // a short one as a whole
  CHECK(without_secret("abc", "abc") == "abc");                                              // and one that is none not at all
  CHECK(without_secret("abc", "") == "abc");
}

TEST_CASE("memory is overwritten", "[options][credentials]") {
  std::array<char, 8> bytes{'s', 'e', 'c', 'r', 'e', 't', '!', '!'};
  Secret::wipe(bytes.data(), 6);
  REQUIRE(std::all_of(bytes.begin(), bytes.begin() + 6, [](char byte) { return byte == '\0'; }));
  REQUIRE(bytes[6] == '!');
  std::string text = "a text that is too long to lie inside of the string object";
  const char* const at = text.data();
  const std::size_t size = text.size();
  Secret::wipe(text);
  REQUIRE(text.empty());
  REQUIRE(text.capacity() >= size);  // the memory is still the string's own
  text.resize(size, '?');
  REQUIRE(text.data() == at);
}
