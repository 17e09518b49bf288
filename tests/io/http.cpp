// SPDX-License-Identifier: MIT
#include <rlx/io/http.hpp>

#include "rlx_catch.hpp"

namespace {

struct Deaf {
  rlx::io::HttpResult send(const rlx::io::HttpRequest&) { return rlx::io::HttpFailure{}; }
};
struct Wrong {
  int send(const rlx::io::HttpRequest&) { return 0; }
};

}  // namespace

static_assert(rlx::io::HttpTransport<Deaf>);
static_assert(!rlx::io::HttpTransport<Wrong>);

TEST_CASE("the defaults of HTTP are the careful ones", "[http]") {
  const rlx::io::HttpRequest request;
  CHECK(request.tls);
  CHECK(request.port == 443);
  CHECK(request.deadline_ms > 0);
  CHECK(request.max_reply_bytes == 32U * 1024 * 1024);
  CHECK(rlx::io::HttpFailure{}.may_have_been_sent);  // what is not known may have happened
}

TEST_CASE("only names and addresses of this machine are loopback", "[http]") {
  for (const char* host : {"localhost", "127.0.0.1", "::1"}) CHECK(rlx::io::is_loopback_host(host));
  for (const char* host : {"", "LOCALHOST.example.com", "127.0.0.1.example.com", "test.deribit.com", "localhost.", "0.0.0.0"})
    CHECK_FALSE(rlx::io::is_loopback_host(host));
}

TEST_CASE("every failure has a name", "[http]") {
  using rlx::io::HttpFailureKind;
  CHECK(name_of(HttpFailureKind::timed_out) == "timed out");
  CHECK(name_of(HttpFailureKind::connection) == "connection failed");
  CHECK(name_of(HttpFailureKind::tls) == "TLS failed");
  CHECK(name_of(HttpFailureKind::too_large) == "reply too large");
  CHECK(name_of(HttpFailureKind::redirect) == "redirect refused");
}
