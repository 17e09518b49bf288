// SPDX-License-Identifier: MIT
#include <rlx/options/credentials_json.hpp>

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <string>
#include <string_view>

#include "rlx_catch.hpp"

using namespace rlx::options;
using rlx::ConfigError;
using rlx_test::ContainsSubstring;

namespace {

constexpr const char* good = R"({"client_id": "abc", "client_secret": "hush-hush"})";

/// A directory of its own that disappears with its file.
class PrivateFile {
 public:
  explicit PrivateFile(std::string_view text = good, ::mode_t mode = 0600) {
    REQUIRE(::mkdtemp(folder_.data()) != nullptr);
    path_ = folder_ + "/credentials.json";
    std::ofstream(path_) << text;
    REQUIRE(::chmod(path_.c_str(), mode) == 0);
  }
  ~PrivateFile() {
    ::unlink(path_.c_str());
    ::unlink(link().c_str());
    ::rmdir(path_.c_str());
    ::rmdir(folder_.c_str());
  }
  PrivateFile(const PrivateFile&) = delete;
  PrivateFile& operator=(const PrivateFile&) = delete;

  const std::string& path() const { return path_; }
  const std::string& folder() const { return folder_; }
  std::string link() const { return folder_ + "/link"; }

 private:
  std::string folder_ = "/tmp/rlx_credentials_XXXXXX";
  std::string path_;
};

/// The message of the refusal; it always names the path and never the content.
std::string refusal(const std::string& path, ::uid_t owner = ::geteuid()) {
  try {
    read_credentials_file(path, owner);
  } catch (const ConfigError& error) {
    const std::string text = error.what();
    REQUIRE_THAT(text, ContainsSubstring(path));
    REQUIRE(text.find("hush") == std::string::npos);
    REQUIRE(text.find("abc") == std::string::npos);
    return text;
  }
  return "";
}

}  // namespace

TEST_CASE("credentials are read from a file of mode 0600", "[options][credentials]") {
  const PrivateFile file;
  const Credentials found = read_credentials_file(file.path());
  REQUIRE(found.client_id == "abc");
  REQUIRE(found.client_secret.equals("hush-hush"));
}

TEST_CASE("every other mode is refused", "[options][credentials]") {
  for (const ::mode_t mode : {0400U, 0700U, 0640U, 0604U, 0644U, 0660U, 0602U, 0610U, 01600U, 04600U, 0000U}) {
    const PrivateFile file(good, mode);
    INFO(mode);
    REQUIRE_FALSE(refusal(file.path()).empty());
  }
}

TEST_CASE("a link, a directory, a pipe, a missing file or another owner's is refused", "[options][credentials]") {
  const PrivateFile file;
  REQUIRE(::symlink(file.path().c_str(), file.link().c_str()) == 0);
  REQUIRE_THAT(refusal(file.link()), ContainsSubstring("symbolic link"));
  REQUIRE_THAT(refusal(file.folder()), ContainsSubstring("plain file"));
  REQUIRE_THAT(refusal(file.folder() + "/none"), ContainsSubstring("cannot open"));
  REQUIRE_THAT(refusal(file.path(), ::geteuid() + 1), ContainsSubstring("owned"));
  REQUIRE(::unlink(file.link().c_str()) == 0);
  REQUIRE(::mkfifo(file.link().c_str(), 0600) == 0);
  REQUIRE_THAT(refusal(file.link()), ContainsSubstring("plain file"));  // and does not wait for a writer
}

TEST_CASE("what is not exactly two texts is refused without a word of it", "[options][credentials]") {
  for (const char* const text :
       {"", "hush", "{\"client_secret\": \"hush", "[\"hush\"]", "\"hush\"", "{}", R"({"client_id": "abc"})",
        R"({"client_secret": "hush"})", R"({"client_id": "", "client_secret": "hush"})",
        R"({"client_id": "abc", "client_secret": ""})", R"({"client_id": 7, "client_secret": "hush"})",
        R"({"client_id": "abc", "client_secret": null})", R"({"client_id": "abc", "client_secret": "hush", "hush": 1})",
        R"({"client_id": "abc", "client_secret": "hush"} hush)"}) {
    const PrivateFile file(text);
    INFO(text);
    REQUIRE_THAT(refusal(file.path()), ContainsSubstring("client_secret"));
  }
  const PrivateFile large(std::string(65'537, ' '));
  REQUIRE_THAT(refusal(large.path()), ContainsSubstring("64 KiB"));
}

TEST_CASE("credentials come from the environment or from the file, not from both", "[options][credentials]") {
  const PrivateFile file;
  using Variables = std::map<std::string, std::string>;
  const Variables pair{{"DERIBIT_CLIENT_ID", "abc"}, {"DERIBIT_CLIENT_SECRET", "hush"}};
  REQUIRE(load_credentials(pair).client_id == "abc");
  REQUIRE(load_credentials(pair).client_secret.equals("hush"));
  REQUIRE(load_credentials(Variables{{"DERIBIT_CREDENTIALS_FILE", file.path()}}).client_secret.equals("hush-hush"));
  for (const Variables& wrong :
       {Variables{}, Variables{{"DERIBIT_CLIENT_ID", "abc"}}, Variables{{"DERIBIT_CLIENT_SECRET", "hush"}},
        Variables{{"DERIBIT_CLIENT_ID", "abc"}, {"DERIBIT_CLIENT_SECRET", ""}},
        Variables{{"DERIBIT_CLIENT_ID", "abc"}, {"DERIBIT_CREDENTIALS_FILE", file.path()}},
        Variables{
            {"DERIBIT_CLIENT_ID", "abc"}, {"DERIBIT_CLIENT_SECRET", "hush"}, {"DERIBIT_CREDENTIALS_FILE", file.path()}}}) {
    try {
      load_credentials(wrong);
      FAIL("expected a refusal");
    } catch (const ConfigError& error) {
      REQUIRE_THAT(error.what(), ContainsSubstring("DERIBIT_CREDENTIALS_FILE"));
      REQUIRE(std::string(error.what()).find("hush") == std::string::npos);
      REQUIRE(std::string(error.what()).find("abc") == std::string::npos);
    }
  }
  REQUIRE(load_llm_key(Variables{{"LLM_API_KEY", "k"}}).equals("k"));
  REQUIRE(load_llm_key(Variables{}).empty());
}
