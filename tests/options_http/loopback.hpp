// SPDX-License-Identifier: MIT
/// @file
/// @brief A TLS server on this machine with certificates made on the spot, and the ways in which servers fail.
#ifndef RLX_TESTS_OPTIONS_HTTP_LOOPBACK_HPP
#define RLX_TESTS_OPTIONS_HTTP_LOOPBACK_HPP

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <rlx/io/https_transport.hpp>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace rlx_test {

/// A key with its certificate.
class Certificate {
 public:
  struct Options {
    std::string name = "localhost";
    std::string alternative = "DNS:localhost,IP:127.0.0.1";  // subjectAltName; empty: none
    bool authority = false;
    long from_s = -3600, to_s = 3600;     // validity, from now
    const Certificate* issuer = nullptr;  // null: signed by itself
  };

  explicit Certificate(const Options& options) : key_(EVP_EC_gen("P-256"), EVP_PKEY_free), certificate_(X509_new(), X509_free) {
    static std::atomic<long> serial{1};
    X509* const x = certificate_.get();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
    X509_gmtime_adj(X509_getm_notBefore(x), options.from_s);
    X509_gmtime_adj(X509_getm_notAfter(x), options.to_s);
    X509_set_pubkey(x, key_.get());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(options.name.c_str()), -1, -1, 0);
    const Certificate& issuer = options.issuer == nullptr ? *this : *options.issuer;
    X509_set_issuer_name(x, X509_get_subject_name(issuer.certificate_.get()));
    extend(NID_basic_constraints, options.authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (options.authority) extend(NID_key_usage, "critical,keyCertSign,cRLSign");
    if (!options.alternative.empty()) extend(NID_subject_alt_name, options.alternative.c_str());
    if (X509_sign(x, issuer.key_.get(), EVP_sha256()) == 0) throw std::runtime_error("a certificate could not be signed");
  }

  X509* get() const { return certificate_.get(); }
  EVP_PKEY* key() const { return key_.get(); }

 private:
  void extend(int nid, const char* value) {
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
    X509_add_ext(certificate_.get(), extension, -1);
    X509_EXTENSION_free(extension);
  }

  std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key_;
  std::unique_ptr<X509, void (*)(X509*)> certificate_;
};

/// A certificate file that is gone with the object.
class CertificateFile {
 public:
  explicit CertificateFile(const Certificate& certificate) {
    char name[] = "/tmp/rlx_ca_XXXXXX";
    const int file = mkstemp(name);
    if (file < 0) throw std::runtime_error("no temporary file");
    path_ = name;
    std::FILE* const out = fdopen(file, "w");
    PEM_write_X509(out, certificate.get());
    std::fclose(out);
  }
  CertificateFile(const CertificateFile&) = delete;
  CertificateFile& operator=(const CertificateFile&) = delete;
  ~CertificateFile() { ::unlink(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// What a server does with one reply.
struct Delivery {
  int delay_ms = 0;                           // before the first byte
  std::size_t cut_after = std::string::npos;  // closes the connection after so many bytes of the body
  int byte_delay_ms = 0;                      // between pieces of the body
  int piece = 1;                              // bytes of a piece
};

/// A server of the handler on a free port of 127.0.0.1, until the object ends.
class LoopbackServer {
 public:
  using Handler = std::function<void(const httplib::Request&, httplib::Response&, Delivery&)>;

  LoopbackServer(const Certificate& certificate, Handler handler, int max_tls_version = 0)
      : LoopbackServer(std::make_unique<httplib::SSLServer>([&](SSL_CTX& context) {
                         if (max_tls_version != 0) {
                           SSL_CTX_set_security_level(&context, 0);
                           SSL_CTX_set_min_proto_version(&context, TLS1_VERSION);
                           SSL_CTX_set_max_proto_version(&context, max_tls_version);
                         }
                         return SSL_CTX_use_certificate(&context, certificate.get()) == 1 &&
                                SSL_CTX_use_PrivateKey(&context, certificate.key()) == 1;
                       }),
                       std::move(handler)) {}
  /// Without TLS.
  explicit LoopbackServer(Handler handler) : LoopbackServer(std::make_unique<httplib::Server>(), std::move(handler)) {}
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;
  ~LoopbackServer() {
    stopping_ = true;
    server_->stop();
    thread_.join();
  }

  std::uint16_t port() const { return port_; }
  int requests() const { return requests_; }

 private:
  LoopbackServer(std::unique_ptr<httplib::Server> server, Handler handler)
      : server_(std::move(server)), handler_(std::move(handler)) {
    const auto serve = [this](const httplib::Request& request, httplib::Response& response) {
      ++requests_;
      Delivery delivery;
      handler_(request, response, delivery);
      wait(delivery.delay_ms);
      if (delivery.cut_after == std::string::npos && delivery.byte_delay_ms == 0) return;
      const std::string body = response.body;
      response.body.clear();
      response.set_content_provider(body.size(), "application/json",
                                    [this, body, delivery](std::size_t offset, std::size_t length, httplib::DataSink& sink) {
                                      if (offset >= delivery.cut_after) return false;
                                      wait(delivery.byte_delay_ms);
                                      std::size_t size = std::min(length, delivery.cut_after - offset);
                                      if (delivery.byte_delay_ms > 0)
                                        size = std::min<std::size_t>(size, static_cast<std::size_t>(delivery.piece));
                                      return sink.write(body.data() + offset, size) && !stopping_;
                                    });
    };
    server_->Post(".*", serve);
    server_->Get(".*", serve);
    server_->set_tcp_nodelay(true);  // before the socket is made
    port_ = static_cast<std::uint16_t>(server_->bind_to_any_port("127.0.0.1"));
    server_->set_keep_alive_timeout(1);
    thread_ = std::thread([this] { server_->listen_after_bind(); });
    while (!server_->is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  void wait(int ms) const {
    for (int i = 0; i < ms && !stopping_; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  std::unique_ptr<httplib::Server> server_;
  Handler handler_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> requests_{0};
  std::uint16_t port_ = 0;
  std::thread thread_;
};

/// A server that reads one request per connection and then does with the connection what the handler does.
class RawServer {
 public:
  using Handler = std::function<void(SSL*)>;

  RawServer(const Certificate& certificate, Handler handler)
      : context_(SSL_CTX_new(TLS_server_method()), SSL_CTX_free), handler_(std::move(handler)) {
    SSL_CTX_use_certificate(context_.get(), certificate.get());
    SSL_CTX_use_PrivateKey(context_.get(), certificate.key());
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), size) != 0 || ::listen(listener_, 8) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      throw std::runtime_error("no listening socket");
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;
  ~RawServer() {
    stopping_ = true;
    thread_.join();
    ::close(listener_);
  }

  std::uint16_t port() const { return port_; }
  /// Requests that arrived with their whole body.
  int requests() const { return requests_; }
  int connections() const { return connections_; }
  bool stopping() const { return stopping_; }

 private:
  void run() {
    while (!stopping_) {
      pollfd waiting{listener_, POLLIN, 0};
      if (::poll(&waiting, 1, 20) <= 0) continue;
      const int socket = ::accept(listener_, nullptr, nullptr);
      if (socket < 0) continue;
      ++connections_;
      const timeval patience{2, 0};
      ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
      const std::unique_ptr<SSL, void (*)(SSL*)> tls(SSL_new(context_.get()), SSL_free);
      SSL_set_fd(tls.get(), socket);
      if (SSL_accept(tls.get()) == 1 && read_request(tls.get())) {
        ++requests_;
        handler_(tls.get());
      }
      SSL_shutdown(tls.get());
      ::close(socket);
    }
  }

  static bool read_request(SSL* tls) {
    std::string text;
    char buffer[4096];
    for (;;) {
      const std::size_t end = text.find("\r\n\r\n");
      if (end != std::string::npos) {
        const std::size_t at = text.find("Content-Length: ");
        const std::size_t length = at == std::string::npos ? 0 : std::stoul(text.substr(at + 16));
        if (text.size() >= end + 4 + length) return true;
      }
      const int n = SSL_read(tls, buffer, sizeof(buffer));
      if (n <= 0) return false;
      text.append(buffer, static_cast<std::size_t>(n));
    }
  }

  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context_;
  Handler handler_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> requests_{0}, connections_{0};
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace rlx_test

#endif
