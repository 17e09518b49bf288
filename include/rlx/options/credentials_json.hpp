// SPDX-License-Identifier: MIT
/// @file
/// @brief Reads credentials from environment variables, or from a file that only its owner can read.
#ifndef RLX_OPTIONS_CREDENTIALS_JSON_HPP
#define RLX_OPTIONS_CREDENTIALS_JSON_HPP

#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include <rlx/core/error.hpp>
#include <rlx/options/credentials.hpp>

namespace rlx::inline v0_1::options {
namespace detail {

/// A text that is overwritten when its scope ends, however it ends.
struct WipedText {
  std::string text;
  ~WipedText() { Secret::wipe(text); }
};

struct OpenDescriptor {
  int value = -1;
  ~OpenDescriptor() {
    if (value >= 0) ::close(value);
  }
};

[[noreturn]] inline void refuse_credentials(const std::string& path, const std::string& why) {
  throw ConfigError("credentials file '" + path + "': " + why);
}

/// The file's text. The checks are made on the open file, so that it cannot be exchanged between check and read.
inline void read_private_file(const std::string& path, ::uid_t owner, std::string& text) {
  constexpr std::size_t most = 65'536;
  OpenDescriptor file;
  do {
    // Without O_NONBLOCK a pipe of that name would block the start.
    file.value = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  } while (file.value < 0 && errno == EINTR);
  if (file.value < 0) {
    if (errno == ELOOP) refuse_credentials(path, "expected a file, found a symbolic link");
    refuse_credentials(path, "cannot open: " + std::generic_category().message(errno));
  }
  struct ::stat status {};
  if (::fstat(file.value, &status) != 0) refuse_credentials(path, "cannot read its mode");
  if (!S_ISREG(status.st_mode)) refuse_credentials(path, "expected a plain file");
  if (status.st_uid != owner) refuse_credentials(path, "expected to be owned by the user that runs this");
  if ((status.st_mode & 07777) != 0600) refuse_credentials(path, "expected mode 0600 exactly: chmod 600 it");
  text.reserve(most + 1);  // grows no further, so that no part of it is left behind
  text.resize(most + 1);
  std::size_t used = 0;
  while (used < text.size()) {
    const ::ssize_t count = ::read(file.value, text.data() + used, text.size() - used);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) refuse_credentials(path, "cannot read: " + std::generic_category().message(errno));
    if (count == 0) break;
    used += static_cast<std::size_t>(count);
  }
  if (used > most) refuse_credentials(path, "larger than 64 KiB");
  text.resize(used);
}

template <class Map>
std::string_view variable(const Map& variables, const char* name) {
  const auto found = variables.find(name);
  return found == variables.end() ? std::string_view() : std::string_view(found->second);
}

}  // namespace detail

/**
 * @brief Reads `{"client_id": "...", "client_secret": "..."}`.
 * @param path   of a plain file that only its owner may read and write
 * @param owner  who has to own the file; default: the user of this process
 * @throws ConfigError  a link, no plain file, another owner, a mode other than 0600, or not that JSON. The message names the
 * path, never anything of the content
 */
inline Credentials read_credentials_file(const std::string& path, ::uid_t owner = ::geteuid()) {
  detail::WipedText file;
  detail::read_private_file(path, owner, file.text);
  nlohmann::json object = nlohmann::json::parse(file.text, nullptr, false);
  const auto text_of = [&](const char* key) -> std::string* {
    const auto found = object.find(key);
    return found == object.end() ? nullptr : found->get_ptr<std::string*>();
  };
  std::string* const id = object.is_object() ? text_of("client_id") : nullptr;
  std::string* const secret = object.is_object() ? text_of("client_secret") : nullptr;
  Credentials credentials;
  const bool complete = id != nullptr && secret != nullptr && !id->empty() && !secret->empty() && object.size() == 2;
  if (complete) {
    credentials.client_id = *id;
    credentials.client_secret = Secret(*secret);
  }
  if (secret != nullptr) Secret::wipe(*secret);
  if (!complete) {
    detail::refuse_credentials(path,
                               R"(expected a JSON object of "client_id" and "client_secret", both texts that are not empty)");
  }
  return credentials;
}

/**
 * @brief The account's keys: DERIBIT_CLIENT_ID and DERIBIT_CLIENT_SECRET, or the file that DERIBIT_CREDENTIALS_FILE names.
 * @param variables  a map from name to text, as `load_settings` takes it
 * @throws ConfigError  neither, both, or half of the pair; see `read_credentials_file`
 */
template <class Map>
Credentials load_credentials(const Map& variables) {
  const std::string_view id = detail::variable(variables, "DERIBIT_CLIENT_ID");
  const std::string_view secret = detail::variable(variables, "DERIBIT_CLIENT_SECRET");
  const std::string_view path = detail::variable(variables, "DERIBIT_CREDENTIALS_FILE");
  if (!path.empty() && id.empty() && secret.empty()) return read_credentials_file(std::string(path));
  if (!path.empty() || id.empty() || secret.empty()) {
    throw ConfigError(
        std::string("credentials: expected DERIBIT_CLIENT_ID and DERIBIT_CLIENT_SECRET, or else DERIBIT_CREDENTIALS_FILE; ") +
        "found " + (id.empty() ? "no" : "an") + " id, " + (secret.empty() ? "no" : "a") + " secret and " +
        (path.empty() ? "no" : "a") + " file");
  }
  Credentials credentials;
  credentials.client_id = id;
  credentials.client_secret = Secret(secret);
  return credentials;
}

/// LLM_API_KEY; an empty secret where there is none.
template <class Map>
Secret load_llm_key(const Map& variables) {
  return Secret(detail::variable(variables, "LLM_API_KEY"));
}

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_CREDENTIALS_JSON_HPP
