// SPDX-License-Identifier: MIT
#include <rlx/io/mapped_file.hpp>

#include "rlx_catch.hpp"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <type_traits>
#include <utility>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rlx/io/atomic_file.hpp>

using rlx::IoError;
using rlx::io::MappedFile;
using rlx::io::read_file;
using rlx_test::ContainsSubstring;

namespace {

struct TemporaryDirectory {
  TemporaryDirectory() {
    char pattern[] = "/tmp/rlx_mapped_XXXXXX";
    REQUIRE(::mkdtemp(pattern) != nullptr);
    path = pattern;
  }
  ~TemporaryDirectory() {
    for (const char* name : {"/file", "/other", "/empty", "/pipe"}) ::unlink((path + name).c_str());
    ::rmdir(path.c_str());
  }
  std::string path;
};

static_assert(!std::is_copy_constructible_v<MappedFile>);

}  // namespace

TEST_CASE("MappedFile shows the bytes of a file", "[io][mapped_file]") {
  const TemporaryDirectory directory;
  const std::string path = directory.path + "/file";
  const std::string text("a\0b\n", 4);
  rlx::io::write_file_atomically(path, text);
  MappedFile file(path);
  REQUIRE(file.size() == 4);
  REQUIRE(file.text() == text);
  REQUIRE(file.bytes().size() == 4);
  REQUIRE(file.bytes()[2] == std::byte{'b'});

  // Moving keeps the addresses.
  const char* const address = file.text().data();
  MappedFile moved(std::move(file));
  REQUIRE(moved.text().data() == address);
  rlx::io::write_file_atomically(directory.path + "/other", "other");
  MappedFile other(directory.path + "/other");
  other = std::move(moved);
  REQUIRE(other.text().data() == address);

  // A file replaced by rename stays readable in its old form.
  rlx::io::write_file_atomically(path, "new");
  REQUIRE(other.text() == text);
  REQUIRE(MappedFile(path).text() == "new");
}

TEST_CASE("MappedFile takes an empty file", "[io][mapped_file]") {
  const TemporaryDirectory directory;
  rlx::io::write_file_atomically(directory.path + "/empty", "");
  const MappedFile file(directory.path + "/empty");
  REQUIRE(file.size() == 0);
  REQUIRE(file.text().empty());
  REQUIRE(file.bytes().empty());
  REQUIRE(read_file(directory.path + "/empty").empty());
}

TEST_CASE("errors of reading name the path and the system's reason", "[io][mapped_file]") {
  REQUIRE_THROWS_AS(MappedFile("/nowhere/x.csv"), IoError);
  REQUIRE_THROWS_WITH(MappedFile("/nowhere/x.csv"), "cannot open '/nowhere/x.csv': No such file or directory");
  REQUIRE_THROWS_WITH(read_file("/nowhere/x.csv"), "cannot open '/nowhere/x.csv': No such file or directory");
  REQUIRE_THROWS_WITH(MappedFile("/tmp"), "cannot map '/tmp': not a regular file");
  REQUIRE_THROWS_WITH(read_file("/tmp"), "cannot read '/tmp': Is a directory");
}

TEST_CASE("read_file reads files, also those that do not know their size", "[io][mapped_file]") {
  const TemporaryDirectory directory;
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += std::to_string(i);
  rlx::io::write_file_atomically(directory.path + "/file", text);
  REQUIRE(read_file(directory.path + "/file") == text);

  const std::string pipe = directory.path + "/pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  const ::pid_t child = ::fork();
  if (child == 0) {
    std::FILE* const out = std::fopen(pipe.c_str(), "w");
    const bool written =
        out != nullptr && std::fwrite(text.data(), 1, text.size(), out) == text.size() && std::fclose(out) == 0;
    ::_exit(written ? 0 : 1);
  }
  const std::string received = read_file(pipe);
  int status = -1;
  ::waitpid(child, &status, 0);
  REQUIRE(status == 0);
  REQUIRE(received == text);
}
