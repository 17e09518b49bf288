// SPDX-License-Identifier: MIT
// The smallest consumer of the component `http`: nobody listens on the port, so nothing can have been sent.
#include <rlx/io/https_transport.hpp>

#include <variant>

int main() {
  rlx::io::HttpsTransport transport;
  rlx::io::HttpRequest request;
  request.host = "127.0.0.1";
  request.port = 1;
  const rlx::io::HttpResult result = transport.send(request);
  const auto* const failure = std::get_if<rlx::io::HttpFailure>(&result);
  return failure != nullptr && !failure->may_have_been_sent ? 0 : 1;
}
