// SPDX-License-Identifier: MIT
// The exit codes of the example programs by what they throw, and kinds of failure that a program adds.
#include "common/run_main.hpp"

#include <stdexcept>

namespace {

class RiskError : public rlx::ConfigError {
 public:
  using rlx::ConfigError::ConfigError;
};

int wrong = 0;

template <class Run, class... E>
void expect(int code, Run&& run, app::Failure<E>... own) {
  const int found = app::run_main("test", run, own...);
  if (found == code) return;
  fmt::print(stderr, "expected exit code {}, found {}\n", code, found);
  ++wrong;
}

}  // namespace

int main() {
  expect(0, [] { return 0; });
  expect(app::exit_interrupted, [] { return app::exit_interrupted; });
  expect(2, []() -> int { throw app::UsageError("two\nlines"); });
  expect(3, []() -> int { throw rlx::DataError("data"); });
  expect(3, []() -> int { throw rlx::IoError("file"); });
  expect(3, []() -> int { throw std::system_error(std::make_error_code(std::errc::no_space_on_device)); });
  expect(4, []() -> int { throw rlx::ConfigError("configuration"); });
  expect(4, []() -> int { throw rlx::StateError("any other of the library"); });
  expect(5, []() -> int { throw rlx::CheckpointError("checkpoint"); });
  expect(6, []() -> int { throw rlx::NumericError("numeric"); });
  expect(1, []() -> int { throw std::runtime_error("unexpected"); });
  // A kind of one's own comes before the usual one it derives from.
  expect(
      8, []() -> int { throw RiskError("limit"); }, app::Failure<RiskError>{8, "risk"});
  expect(
      4, []() -> int { throw rlx::ConfigError("limit"); }, app::Failure<RiskError>{8, "risk"});
  expect(
      9, []() -> int { throw std::out_of_range("x"); }, app::Failure<RiskError>{8, "risk"},
      app::Failure<std::logic_error>{9, "logic"});
  return wrong;
}
