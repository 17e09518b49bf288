// SPDX-License-Identifier: MIT
#include <rlx/io/append_file.hpp>

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <rlx/io/mapped_file.hpp>

#include "options/memory_files.hpp"
#include "rlx_catch.hpp"

using rlx::io::AppendFile;
using rlx::io::PosixFiles;
using rlx_test::ContainsSubstring;
using rlx_test::MemoryFiles;

namespace {

/// A folder of its own, removed with its files at the end of the scope (one level of folders inside).
struct TemporaryFolder {
  TemporaryFolder() {
    char pattern[] = "/tmp/rlx_test_XXXXXX";
    REQUIRE(::mkdtemp(pattern) != nullptr);
    path = pattern;
  }
  ~TemporaryFolder() { remove(path); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  static void remove(const std::string& folder) {
    PosixFiles files;
    std::vector<std::string> names;
    files.list(folder, names);
    for (const std::string& name : names) {
      if (::unlink((folder + '/' + name).c_str()) != 0) remove(folder + '/' + name);
    }
    ::rmdir(folder.c_str());
  }
  std::string path;
};

}  // namespace

TEST_CASE("append_file: real files grow, are cut, listed, renamed and removed") {
  const TemporaryFolder folder;
  PosixFiles files;
  const std::string deep = folder.path + "/a/b";
  rlx::io::make_directories(deep, files);
  rlx::io::make_directories(deep, files);  // an existing one is kept
  const std::string path = deep + "/journal";
  {
    AppendFile<> file(path, files);
    file.append("one\n");
    file.append("");
    file.sync();
    AppendFile<> moved = std::move(file);
    moved.append("two\n");
    CHECK(moved.path() == path);
  }
  CHECK(rlx::io::read_all(path, files) == "one\ntwo\n");
  {
    AppendFile<> file(path, files);
    file.cut(4);
    file.append("three\n");
    file.sync();
  }
  CHECK(rlx::io::read_file(path) == "one\nthree\n");
  rlx::io::replace_file(deep + "/latch", "stop", files);
  rlx::io::replace_file(deep + "/latch", "go", files);
  CHECK(rlx::io::read_all(deep + "/latch", files) == "go");
  CHECK(rlx::io::list_directory(deep, files) == std::vector<std::string>{"journal", "latch"});
  CHECK(files.unlink(deep + "/latch") == 0);
  CHECK(files.exists(deep + "/latch") == 0);
  CHECK(files.exists(path) == 1);
}

TEST_CASE("append_file: a large file is read whole") {
  const TemporaryFolder folder;
  PosixFiles files;
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += std::to_string(i) + '\n';
  {
    AppendFile<> file(folder.path + "/x", files);
    file.append(text);
  }
  CHECK(rlx::io::read_all(folder.path + "/x", files) == text);
  // The system says that files of /proc are empty.
  CHECK_FALSE(rlx::io::read_all("/proc/self/status", files).empty());
}

TEST_CASE("append_file: one lock, free again at the end of its holder") {
  const TemporaryFolder folder;
  PosixFiles files;
  {
    const rlx::io::FileLock<> lock(folder.path + "/lock", files);
    CHECK_THROWS_WITH(rlx::io::FileLock<>(folder.path + "/lock", files), ContainsSubstring("/lock"));
  }
  const rlx::io::FileLock<> again(folder.path + "/lock", files);
}

TEST_CASE("append_file: errors carry the path and the system's text") {
  const TemporaryFolder folder;
  PosixFiles files;
  const std::string missing = folder.path + "/none/x";
  CHECK_THROWS_WITH(AppendFile<>(missing, files), ContainsSubstring(missing) && ContainsSubstring("No such file"));
  CHECK_THROWS_AS(rlx::io::read_all(missing, files), rlx::IoError);
  CHECK_THROWS_AS(rlx::io::list_directory(folder.path + "/none", files), rlx::IoError);
  CHECK_THROWS_AS(rlx::io::FileLock<>(missing, files), rlx::IoError);
  CHECK_THROWS_AS(rlx::io::make_directories("/proc/none/x", files), rlx::IoError);
  // /dev/full takes nothing.
  AppendFile<> full("/dev/full", files);
  CHECK_THROWS_WITH(full.append("x"), ContainsSubstring("No space left"));
}

TEST_CASE("append_file: short writes are continued") {
  MemoryFiles files;
  files.most = 3;
  rlx::io::make_directories("log", files);
  AppendFile<MemoryFiles> file("log/x", files);
  file.append("0123456789");
  CHECK(files.text("log/x") == "0123456789");
  CHECK(std::count(files.calls.begin(), files.calls.end(), rlx_test::FileCall::write) == 4);
}

TEST_CASE("append_file: every call can fail, and says so") {
  // open, sync_directory of the new name, write, fsync, truncate
  for (std::size_t at = 0; at < 5; ++at) {
    CAPTURE(at);
    MemoryFiles files;
    rlx::io::make_directories("log", files);
    files.fault = MemoryFiles::Fault::fail;
    files.fault_at = files.calls.size() + at;
    files.error = ENOSPC;
    CHECK_THROWS_WITH(
        [&] {
          AppendFile<MemoryFiles> file("log/x", files);
          file.append("abc");
          file.sync();
          file.cut(1);
        }(),
        ContainsSubstring("No space left"));
  }
}

TEST_CASE("append_file: a replaced file is the old or the new one after every possible end of the process") {
  for (const auto fault : {MemoryFiles::Fault::end_before, MemoryFiles::Fault::end_inside, MemoryFiles::Fault::end_after}) {
    for (const auto loss : {MemoryFiles::Loss::process_only, MemoryFiles::Loss::everything, MemoryFiles::Loss::some}) {
      bool finished = false;
      for (std::size_t at = 0; !finished; ++at) {
        CAPTURE(fault, loss, at);
        MemoryFiles files(at);
        files.put("log/latch", "old");
        files.fault = fault;
        files.fault_at = files.calls.size() + at;
        try {
          rlx::io::replace_file("log/latch", "the new text", files);
          finished = true;
        } catch (const rlx_test::ProcessEnd&) {
        }
        files.restart(loss);
        const std::string text = files.text("log/latch");
        CHECK((text == "the new text" || (!finished && text == "old")));
      }
    }
  }
}

TEST_CASE("append_file: the double forgets what was not flushed") {
  MemoryFiles files;
  rlx::io::make_directories("log", files);
  {
    AppendFile<MemoryFiles> file("log/x", files);
    file.append("kept ");
    file.sync();
    file.append("lost");
  }
  CHECK(files.text("log/x") == "kept lost");
  files.restart(MemoryFiles::Loss::everything);
  CHECK(files.text("log/x") == "kept ");
}
