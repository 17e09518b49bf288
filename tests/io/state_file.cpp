// SPDX-License-Identifier: MIT
#include <rlx/io/state_file.hpp>

#include <cstddef>
#include <optional>
#include <string>

#include <unistd.h>

#include "io/temporary_file.hpp"
#include "options/memory_files.hpp"
#include "rlx_catch.hpp"

using rlx::io::StateFile;
using rlx_test::MemoryFiles;
using rlx_test::ProcessEnd;

TEST_CASE("a state file: nothing, then the last text", "[io]") {
  const rlx_test::TemporaryFile target;
  rlx::io::PosixFiles files;
  StateFile<> state(target.path, files);
  REQUIRE(state.load() == "");
  state.store("first");
  state.store(std::string("second\0\n", 8));
  REQUIRE(StateFile<>(target.path, files).load() == std::string("second\0\n", 8));
  StateFile<> missing(target.path + ".missing", files);
  REQUIRE(missing.load() == std::nullopt);
  StateFile<> nowhere(target.path + "/no/directory", files);
  REQUIRE_THROWS_AS(nowhere.store("text"), rlx::IoError);
  // What is there and cannot be read is not nothing: a link that leads to itself.
  const std::string loop = target.path + ".loop";
  REQUIRE(::symlink(loop.c_str(), loop.c_str()) == 0);
  StateFile<> unreadable(loop, files);
  REQUIRE_THROWS_AS(unreadable.load(), rlx::IoError);
  ::unlink(loop.c_str());
  StateFile<> directory("/tmp", files);
  REQUIRE_THROWS_AS(directory.load(), rlx::IoError);
}

TEST_CASE("a state file holds the old or the new text at an end anywhere", "[io]") {
  MemoryFiles counted;
  counted.put("state/file", "old");
  StateFile<MemoryFiles>("state/file", counted).store("a new text");
  REQUIRE(counted.calls.size() >= 5);  // open, cut, write, fsync, rename, fsync of the directory
  for (std::size_t at = 0; at < counted.calls.size(); ++at) {
    for (const auto fault : {MemoryFiles::Fault::fail, MemoryFiles::Fault::end_before, MemoryFiles::Fault::end_inside,
                             MemoryFiles::Fault::end_after}) {
      for (const auto loss : {MemoryFiles::Loss::process_only, MemoryFiles::Loss::everything, MemoryFiles::Loss::some}) {
        MemoryFiles files(at);
        files.put("state/file", "old");
        files.fault = fault;
        files.fault_at = at;
        StateFile<MemoryFiles> state("state/file", files);
        if (fault == MemoryFiles::Fault::fail) {
          REQUIRE_THROWS_AS(state.store("a new text"), rlx::IoError);
        } else {
          REQUIRE_THROWS_AS(state.store("a new text"), ProcessEnd);
        }
        files.restart(loss);
        const std::optional<std::string> found = state.load();
        INFO(at);
        REQUIRE((found == "old" || found == "a new text"));
        files.restart(MemoryFiles::Loss::everything);
        REQUIRE(state.load() == found);  // what was read is durable
      }
    }
  }
}
