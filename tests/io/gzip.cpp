// SPDX-License-Identifier: MIT
#include <rlx/io/gzip.hpp>

#include "io/temporary_file.hpp"
#include "rlx_catch.hpp"

#include <cstddef>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include <unistd.h>

#include <rlx/core/random.hpp>
#include <rlx/io/atomic_file.hpp>

using rlx::DataError;
using rlx::io::gunzip;
using rlx_test::ContainsSubstring;

namespace {

std::string packed(const std::string& text) {
  ::z_stream stream{};
  REQUIRE(::deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(::deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<::Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<::uInt>(text.size());
  stream.next_out = reinterpret_cast<::Bytef*>(out.data());
  stream.avail_out = static_cast<::uInt>(out.size());
  REQUIRE(::deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  return out;
}

std::string unpacked(const std::string& data, std::size_t max_bytes = 100'000'000) {
  return gunzip(std::as_bytes(std::span(data)), "x.gz", max_bytes);
}

std::string random_text(std::size_t size) {
  rlx::RandomStream random({.seed = 8, .purpose = rlx::Purpose::user});
  std::string text;
  for (std::size_t i = 0; i < size; ++i) text += static_cast<char>('a' + random.bounded(8));
  return text;
}

}  // namespace

TEST_CASE("gzip data unpack to what was packed", "[io][gzip]") {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{1000}, std::size_t{3'000'000}}) {
    const std::string text = random_text(size);
    REQUIRE(unpacked(packed(text)) == text);
  }
  const std::string zeros(20'000'000, '\0');
  REQUIRE(unpacked(packed(zeros)) == zeros);
  REQUIRE(unpacked(packed("several ") + packed("") + packed("members")) == "several members");
}

TEST_CASE("gunzip stops at the size allowed", "[io][gzip]") {
  const std::string data = packed(std::string(100'000, 'x'));
  REQUIRE(unpacked(data, 100'000).size() == 100'000);
  REQUIRE_THROWS_WITH(unpacked(data, 99'999), "x.gz: unpacks to more than the allowed 99999 bytes");
  REQUIRE_THROWS_AS(unpacked(data, 0), DataError);
  REQUIRE_THROWS_AS(unpacked(packed("ab") + packed("cd"), 3), DataError);
  REQUIRE(unpacked(packed("ab") + packed("cd"), 4) == "abcd");
  REQUIRE(unpacked(packed(""), 0).empty());
}

TEST_CASE("damaged gzip data are refused", "[io][gzip]") {
  const std::string text = random_text(200);
  const std::string data = packed(text);
  REQUIRE_THROWS_WITH(unpacked(""), ContainsSubstring("x.gz: gzip data end too early"));
  REQUIRE_THROWS_WITH(unpacked("time,price\n1,2\n"), ContainsSubstring("x.gz: not gzip data, or damaged"));
  REQUIRE_THROWS_AS(unpacked(data + "junk"), DataError);
  for (std::size_t size = 0; size < data.size(); ++size) REQUIRE_THROWS_AS(unpacked(data.substr(0, size)), DataError);
  // A changed bit is refused, or it is one that carries nothing (the file's date, the padding of the last block).
  for (std::size_t at = 0; at < data.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = data;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      std::string found = text;
      try {
        found = unpacked(damaged);
      } catch (const DataError&) {
      }
      REQUIRE(found == text);
    }
  }
}

TEST_CASE("gzip files are read whole", "[io][gzip]") {
  const rlx_test::TemporaryFile file;
  const std::string& path = file.path;
  rlx::io::write_file_atomically(path, packed("content"));
  REQUIRE(rlx::io::gunzip_file(path) == "content");
  rlx::io::write_file_atomically(path, "content");
  REQUIRE_THROWS_WITH(rlx::io::gunzip_file(path), ContainsSubstring(path));
  ::unlink(path.c_str());
  REQUIRE_THROWS_AS(rlx::io::gunzip_file(path), rlx::IoError);
}
