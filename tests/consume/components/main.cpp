// SPDX-License-Identifier: MIT
// A consumer of the three components: unpacks, counts in a database, and asks a port at which nobody listens.
#include <rlx/io/gzip.hpp>
#include <rlx/io/https_transport.hpp>
#include <rlx/io/sqlite.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>

int main() {
  // printf 'rlx' | gzip -n
  constexpr std::array<std::uint8_t, 23> packed{0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x2b, 0xca,
                                                0xa9, 0x00, 0x00, 0x89, 0xb8, 0xa2, 0x3f, 0x03, 0x00, 0x00, 0x00};
  const bool unpacked = rlx::io::gunzip(std::as_bytes(std::span(packed)), "packed") == "rlx";

  rlx::io::SqliteDatabase database(":memory:", rlx::io::SqliteMode::create);
  database.execute("CREATE TABLE session (number INTEGER)");

  rlx::io::HttpsTransport transport;
  rlx::io::HttpRequest request;
  request.host = "127.0.0.1";
  request.port = 1;
  const rlx::io::HttpResult result = transport.send(request);
  const auto* const failure = std::get_if<rlx::io::HttpFailure>(&result);
  const bool refused = failure != nullptr && !failure->may_have_been_sent;

  return unpacked && refused ? 0 : 1;
}
