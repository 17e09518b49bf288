// SPDX-License-Identifier: MIT
#include <rlx/signals/model_registry.hpp>

#include "rlx_catch.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <stdlib.h>

#include <rlx/signals/logistic_regression.hpp>
#include <rlx/signals/records_json.hpp>

using namespace rlx;
using namespace rlx::signals;
using rlx_test::ContainsSubstring;

namespace {

std::string folder() {
  std::string path = "/tmp/rlx_registry_XXXXXX";
  REQUIRE(::mkdtemp(path.data()) != nullptr);
  return path;
}

struct End {};  // of the process

// Ends the process at the n-th call that changes something: from then on nothing reaches the disk.
struct DyingFiles : io::PosixFiles {
  int left = -1;
  bool dead = false;
  int step(int result) {
    if (dead || (left >= 0 && left-- == 0)) {
      dead = true;
      throw End{};
    }
    return result;
  }
  ::ssize_t write(int descriptor, const void* data, std::size_t size) {
    step(0);
    return PosixFiles::write(descriptor, data, size);
  }
  int fsync(int descriptor) { return step(0), PosixFiles::fsync(descriptor); }
  int truncate(int descriptor, std::uint64_t size) { return step(0), PosixFiles::truncate(descriptor, size); }
  int rename(const std::string& from, const std::string& to) { return step(0), PosixFiles::rename(from, to); }
  int unlink(const std::string& path) { return step(0), PosixFiles::unlink(path); }
};

using Registry = ModelRegistry<LogisticRegression, DyingFiles>;

TrainedModel<LogisticRegression> model(double intercept, Target target = Target::rejected) {
  TrainedModel<LogisticRegression> result;
  Json json = LogisticRegression().to_json();
  json["coefficients"] = {0.0};
  json["mean"] = {0.0};
  json["scale"] = {0.0};
  json["intercept"] = intercept;
  result.learner = LogisticRegression::from_json(json);
  result.schema = {{"x"}, "schema"};
  result.target = target;
  return result;
}
const auto unlogged = [](const auto&...) {};

}  // namespace

TEST_CASE("versions count up, five are kept, and a rollback returns to the one before") {
  DyingFiles files;
  const std::string path = folder();
  Registry registry(path, "schema", 5, files);
  for (int i = 1; i <= 7; ++i) registry.promote(model(i), unlogged);
  registry.promote(model(0.5, Target::profitable), unlogged);
  REQUIRE(registry.active()->version == 7);
  REQUIRE(registry.active()->parent == 6);
  REQUIRE(registry.active(Target::profitable)->version == 8);
  REQUIRE(registry.versions().size() == 5);
  REQUIRE(files.exists(path + "/rejected-2.json") == 0);
  REQUIRE(files.exists(path + "/rejected-3.json") == 1);
  const std::string hash = registry.active()->parameters_hash();
  for (std::uint64_t expected = 6; expected >= 3; --expected) {
    REQUIRE(registry.rollback(Target::rejected, unlogged));
    REQUIRE(registry.active()->version == expected);
  }
  REQUIRE_FALSE(registry.rollback(Target::rejected, unlogged));
  REQUIRE(registry.is_refused(hash));
  registry.promote(model(9), unlogged);
  REQUIRE(registry.active()->parent == 3);
  REQUIRE(registry.previous()->version == 3);  // a withdrawn one went, not the one to return to
  REQUIRE(registry.rollback(Target::rejected, unlogged));
  REQUIRE(registry.active()->version == 3);
}

TEST_CASE("in memory the way back is the same") {
  io::PosixFiles files;
  ModelRegistry<LogisticRegression> registry("", "schema", 5, files);
  for (int i = 1; i <= 3; ++i) registry.promote(model(i), unlogged);
  REQUIRE(registry.rollback(Target::rejected, unlogged));
  REQUIRE(registry.rollback(Target::rejected, unlogged));
  REQUIRE(registry.active()->version == 1);
}

TEST_CASE("a promotion that ends anywhere leaves the old or the new model active, never one without its log record") {
  for (const bool rolls_back : {false, true}) {
    bool finished = false;
    for (int call = 0; !finished; ++call) {
      REQUIRE(call < 100);
      const std::string path = folder();
      std::vector<std::uint64_t> logged;
      DyingFiles files;
      try {
        Registry registry(path, "schema", 2, files);
        registry.promote(model(1), [&](const auto& m) { logged.push_back(m.version); });
        registry.promote(model(2), [&](const auto& m) { logged.push_back(m.version); });
        files.left = call;
        if (rolls_back) {
          registry.rollback(Target::rejected, [&](const auto&, const auto& back) { logged.push_back(back.version); });
        } else {
          registry.promote(model(3), [&](const auto& m) {
            REQUIRE(files.exists(path + "/rejected-3.json") == 1);  // the file first
            files.fsync(-1);                                        // the log is durable, or the process ends here
            logged.push_back(m.version);
          });
        }
        files.left = -1;
        finished = true;
      } catch (const End&) {
      }
      DyingFiles after;
      Registry registry(path, "schema", 2, after);
      REQUIRE(registry.active() != nullptr);
      const std::uint64_t active = registry.active()->version;
      const std::uint64_t last = rolls_back ? 1 : 3;
      REQUIRE((active == 2 || active == last));
      REQUIRE(std::count(logged.begin(), logged.end(), active) > 0);
      if (finished) REQUIRE(active == last);
      // The next model takes a number of its own.
      registry.promote(model(4), unlogged);
      REQUIRE(registry.active()->version >= 3);
    }
  }
}

TEST_CASE("a log that fails stops the promotion") {
  DyingFiles files;
  Registry registry(folder(), "schema", 5, files);
  registry.promote(model(1), unlogged);
  REQUIRE_THROWS_AS(registry.promote(model(2), [](const auto&) { throw IoError("disk full"); }), IoError);
  REQUIRE(registry.active()->version == 1);
  registry.promote(model(3), unlogged);
  REQUIRE_THROWS_AS(registry.rollback(Target::rejected, [](const auto&, const auto&) { throw IoError("disk full"); }), IoError);
  REQUIRE(registry.active()->version == 3);
}

TEST_CASE("a stale lock is reported, a damaged list of models is refused") {
  const std::string path = folder();
  DyingFiles files;
  io::replace_file(path + "/registry.lock", "4711", files);
  {
    Registry registry(path, "schema", 5, files);
    REQUIRE(registry.notes() == std::vector<std::string>{"stale lock of process 4711"});
    REQUIRE_THROWS_WITH(Registry(path, "schema", 5, files), ContainsSubstring("writes here"));
    registry.promote(model(1), unlogged);
  }
  REQUIRE(Registry(path, "schema", 5, files).notes().empty());
  {
    Registry other(path, "other schema", 5, files);
    REQUIRE(other.active() == nullptr);
    REQUIRE_THAT(other.notes().front(), ContainsSubstring("have the hash schema, those in use other schema"));
  }
  io::replace_file(path + "/active.json", "{", files);
  REQUIRE_THROWS_AS(Registry(path, "schema", 5, files), DataError);
  REQUIRE_THROWS_AS(Registry(folder(), "schema", 1, files), ConfigError);
}
