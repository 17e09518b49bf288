// SPDX-License-Identifier: MIT
#include <rlx/io/atomic_file.hpp>

#include "io/faulty_file_system.hpp"
#include "rlx_catch.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rlx/io/mapped_file.hpp>

using rlx::IoError;
using rlx::io::read_file;
using rlx::io::write_file_atomically;
using rlx_test::Call;
using rlx_test::ContainsSubstring;
using rlx_test::FaultyFileSystem;

namespace {

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  ::DIR* const stream = ::opendir(directory.c_str());
  REQUIRE(stream != nullptr);
  while (const ::dirent* const entry = ::readdir(stream)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  ::closedir(stream);
  std::sort(names.begin(), names.end());
  return names;
}

struct TemporaryDirectory {
  TemporaryDirectory() {
    char pattern[] = "/tmp/rlx_atomic_XXXXXX";
    REQUIRE(::mkdtemp(pattern) != nullptr);
    path = pattern;
  }
  ~TemporaryDirectory() {
    for (const std::string& name : names_in(path)) ::unlink((path + '/' + name).c_str());
    ::rmdir(path.c_str());
  }
  std::string path;
};

const std::string old_text = "the old content, complete";
const std::string new_text = "the new content, which is longer and also complete";

// Open, writes of 5 bytes, fsync, close, rename, and open, fsync, close of the directory.
const std::size_t num_calls = 1 + (new_text.size() + 4) / 5 + 3 + 3;

}  // namespace

TEST_CASE("write_file_atomically creates and replaces files", "[io][atomic_file]") {
  const TemporaryDirectory directory;
  const std::string path = directory.path + "/file";
  write_file_atomically(path, "first");
  REQUIRE(read_file(path) == "first");
  write_file_atomically(path, std::string("second"));
  REQUIRE(read_file(path) == "second");
  write_file_atomically(path, std::vector<std::byte>{std::byte{'x'}, std::byte{0}});
  REQUIRE(read_file(path) == std::string("x\0", 2));
  write_file_atomically(path, "");
  REQUIRE(read_file(path).empty());

  const std::string a = "chunk a, ", b, c = "chunk c";
  const std::array<std::span<const std::byte>, 3> chunks = {std::as_bytes(std::span(a)), std::as_bytes(std::span(b)),
                                                            std::as_bytes(std::span(c))};
  write_file_atomically(path, std::span<const std::span<const std::byte>>(chunks));
  REQUIRE(read_file(path) == "chunk a, chunk c");
  REQUIRE(names_in(directory.path) == std::vector<std::string>{"file"});
}

TEST_CASE("write_file_atomically keeps the permissions of the file it replaces", "[io][atomic_file]") {
  const TemporaryDirectory directory;
  const std::string path = directory.path + "/file";
  write_file_atomically(path, "a");
  REQUIRE(::chmod(path.c_str(), 0640) == 0);
  write_file_atomically(path, "b");
  struct ::stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  REQUIRE((status.st_mode & 0777) == 0640);
}

TEST_CASE("write_file_atomically makes its calls in the order that survives a crash", "[io][atomic_file]") {
  const TemporaryDirectory directory;
  FaultyFileSystem files;
  write_file_atomically(directory.path + "/file", std::string_view("12345678"), files);
  REQUIRE(files.calls == std::vector<Call>{Call::open, Call::write, Call::write, Call::fsync, Call::close, Call::rename,
                                           Call::open, Call::fsync, Call::close});
}

TEST_CASE("whether a path can be written is known without writing it", "[io][atomic_file]") {
  const TemporaryDirectory directory;
  rlx::io::require_writable(directory.path + "/file");
  REQUIRE(::rmdir(directory.path.c_str()) == 0);  // nothing was left behind
  REQUIRE_THROWS_AS(rlx::io::require_writable(directory.path + "/file"), rlx::IoError);
  REQUIRE(::mkdir(directory.path.c_str(), 0777) == 0);
}

TEST_CASE("a device or pipe is refused, not replaced by a file", "[io][atomic_file]") {
  const TemporaryDirectory directory;
  const std::string pipe = directory.path + "/pipe", link = directory.path + "/link";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  REQUIRE(::symlink(pipe.c_str(), link.c_str()) == 0);
  for (const std::string& path : {pipe, link}) {
    const std::string words = "cannot replace '" + path + "': it is a device, pipe or socket; give the path of a file";
    REQUIRE_THROWS_WITH(write_file_atomically(path, "text"), ContainsSubstring(words));
    REQUIRE_THROWS_WITH(rlx::io::require_writable(path), ContainsSubstring(words));
  }
  struct ::stat found {};
  REQUIRE(::lstat(pipe.c_str(), &found) == 0);
  CHECK(S_ISFIFO(found.st_mode));
  REQUIRE(::lstat(link.c_str(), &found) == 0);
  CHECK(S_ISLNK(found.st_mode));
  CHECK(names_in(directory.path) == std::vector<std::string>{"link", "pipe"});
  for (const std::string& path : {link, pipe}) REQUIRE(::unlink(path.c_str()) == 0);
}

TEST_CASE("a failure at any call leaves the old or the new file, complete, and no temporary", "[io][atomic_file]") {
  for (const bool replaces : {true, false}) {
    for (std::size_t at = 0; at < num_calls; ++at) {
      const TemporaryDirectory directory;
      const std::string path = directory.path + "/file";
      if (replaces) write_file_atomically(path, old_text);
      FaultyFileSystem files{.fault = FaultyFileSystem::Fault::fail, .at = static_cast<int>(at), .error = ENOSPC};
      INFO("call " << at);
      bool thrown = false;
      try {
        write_file_atomically(path, std::string_view(new_text), files);
      } catch (const IoError& error) {
        thrown = true;
        REQUIRE_THAT(error.what(), ContainsSubstring(directory.path) && ContainsSubstring("No space left on device"));
      }
      REQUIRE(files.calls.size() > at);
      const Call failed = files.calls[at];
      const bool directory_step = at >= num_calls - 3;
      REQUIRE(thrown == !(directory_step && failed == Call::close));
      const std::vector<std::string> expected =
          replaces || directory_step ? std::vector<std::string>{"file"} : std::vector<std::string>{};
      REQUIRE(names_in(directory.path) == expected);
      if (directory_step) {
        REQUIRE(read_file(path) == new_text);
      } else if (replaces) {
        REQUIRE(read_file(path) == old_text);
      }
    }
  }
}

TEST_CASE("a process killed at any call leaves the old or the new file, complete", "[io][atomic_file]") {
  for (const auto fault : {FaultyFileSystem::Fault::kill_before, FaultyFileSystem::Fault::kill_after}) {
    bool new_seen = false;
    for (std::size_t at = 0; at < num_calls; ++at) {
      const TemporaryDirectory directory;
      const std::string path = directory.path + "/file";
      write_file_atomically(path, old_text);
      const ::pid_t child = ::fork();
      if (child == 0) {
        FaultyFileSystem files{.fault = fault, .at = static_cast<int>(at)};
        write_file_atomically(path, std::string_view(new_text), files);
        ::_exit(0);
      }
      int status = 0;
      REQUIRE(::waitpid(child, &status, 0) == child);
      REQUIRE(WIFEXITED(status));
      REQUIRE(WEXITSTATUS(status) == 42);
      const std::string found = read_file(path);
      INFO("call " << at);
      REQUIRE((found == old_text || found == new_text));
      REQUIRE((!new_seen || found == new_text));  // once it is there it stays
      new_seen = found == new_text;
      // What the killed one left behind does not stop the next writer.
      write_file_atomically(path, "next");
      REQUIRE(read_file(path) == "next");
    }
    REQUIRE(new_seen);
  }
}

TEST_CASE("interrupted calls are made again", "[io][atomic_file]") {
  const TemporaryDirectory directory;
  const std::string path = directory.path + "/file";
  for (std::size_t at = 0; at < num_calls; ++at) {
    FaultyFileSystem files{.fault = FaultyFileSystem::Fault::fail, .at = static_cast<int>(at), .error = EINTR};
    if (at == num_calls - 4 || at == num_calls - 3) continue;  // rename and opening a directory are never interrupted
    INFO("call " << at);
    write_file_atomically(path, std::string_view(new_text), files);
    REQUIRE(read_file(path) == new_text);
  }
}

TEST_CASE("errors of writing name the path and the system's reason", "[io][atomic_file]") {
  REQUIRE_THROWS_AS(write_file_atomically("/nowhere/x", "text"), IoError);
  REQUIRE_THROWS_WITH(write_file_atomically("/nowhere/x", "text"),
                      ContainsSubstring("cannot create '/nowhere/x.") && ContainsSubstring("No such file or directory"));
  const TemporaryDirectory directory;
  const std::string inner = directory.path + "/inner";
  REQUIRE(::mkdir(inner.c_str(), 0700) == 0);
  REQUIRE_THROWS_WITH(write_file_atomically(inner, "text"),
                      ContainsSubstring("cannot rename") && ContainsSubstring("Is a directory"));
  REQUIRE(names_in(directory.path) == std::vector<std::string>{"inner"});
  REQUIRE(::rmdir(inner.c_str()) == 0);
}

TEST_CASE("a disk that fills up while writing keeps the old file", "[io][atomic_file]") {
  const TemporaryDirectory directory;
  const std::string path = directory.path + "/file";
  write_file_atomically(path, old_text);
  const std::string large(1'000'000, 'x');
  const ::pid_t child = ::fork();  // the limit is the process' own, so another one takes it
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const ::rlimit limit{100'000, 100'000};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(3);
    try {
      write_file_atomically(path, large);
    } catch (const IoError& error) {
      ::_exit(std::string(error.what()).find("File too large") != std::string::npos ? 42 : 2);
    }
    ::_exit(1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 3) {
    WARN("skipped: the system refuses a limit on the size of files");
    return;
  }
  REQUIRE(WEXITSTATUS(status) == 42);
  REQUIRE(read_file(path) == old_text);
  REQUIRE(names_in(directory.path) == std::vector<std::string>{"file"});
}

TEST_CASE("threads that write the same file leave one of their texts", "[io][atomic_file]") {
  const TemporaryDirectory directory;
  const std::string path = directory.path + "/file";
  const std::string texts[2] = {std::string(5000, 'a'), std::string(7000, 'b')};
  std::vector<std::thread> threads;
  for (const std::string& text : texts) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) write_file_atomically(path, text);
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::string found = read_file(path);
  REQUIRE((found == texts[0] || found == texts[1]));
  REQUIRE(names_in(directory.path) == std::vector<std::string>{"file"});
}
