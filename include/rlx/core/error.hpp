// SPDX-License-Identifier: MIT
/// @file
/// @brief The error family of the library and the precondition macros.
///
/// Every message says what was expected, what was found, where, and what to do. Expected outcomes (an order rejected, an
/// episode over) are values, never exceptions.
#ifndef RLX_CORE_ERROR_HPP
#define RLX_CORE_ERROR_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace rlx::inline v0_1 {

/// Base of everything the library throws on purpose.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A configuration value, or a combination of values, that cannot work. Names the field, its value and its range.
class ConfigError : public Error {
 public:
  using Error::Error;
};

/// Sizes that do not fit together. Names the node or argument and both sizes.
class ShapeError : public Error {
 public:
  using Error::Error;
};

/// Input data that breaks its format or its limits. `what()` begins with `file:line:column: ` as far as known.
class DataError : public Error {
 public:
  /// Without a place: `file` is empty, `line` and `column` are 0.
  explicit DataError(const std::string& message) : Error(message) {}
  /// @param file    name of the input for the message; empty where unknown
  /// @param line    1-based; 0 where unknown
  /// @param column  1-based; 0 where unknown
  /// @param message  what was expected, found and what to do, without the place
  DataError(std::string file, std::size_t line, std::size_t column, const std::string& message)
      : Error(location(file, line, column) + message), file_(std::move(file)), line_(line), column_(column) {}

  const std::string& file() const noexcept { return file_; }  ///< name of the input; empty where unknown
  std::size_t line() const noexcept { return line_; }         ///< 1-based; 0 where unknown
  std::size_t column() const noexcept { return column_; }     ///< 1-based; 0 where unknown

 private:
  static std::string location(const std::string& file, std::size_t line, std::size_t column) {
    std::string text = file;
    if (line != 0) text += ':' + std::to_string(line);
    if (line != 0 && column != 0) text += ':' + std::to_string(column);
    return text.empty() ? text : text + ": ";
  }

  std::string file_;
  std::size_t line_ = 0;
  std::size_t column_ = 0;
};

/// A text that is not what its grammar asks for: a name, a message, a file of another format. `what()` as DataError.
class ParseError : public DataError {
 public:
  /// As DataError's.
  using DataError::DataError;
  /// The same complaint with the same place.
  explicit ParseError(const DataError& error) : DataError(error) {}
};

/// The operating system refused a file operation. Names the path and the system's own text.
class IoError : public Error {
 public:
  using Error::Error;
};

/// A number that is not finite, or another failed invariant of arithmetic.
class NumericError : public Error {
 public:
  /// Without tensor, step and environment.
  explicit NumericError(const std::string& message) : Error(message) {}
  /// With as much of the place as is known.
  NumericError(const std::string& message, std::string tensor, std::optional<std::uint64_t> step = {},
               std::optional<std::size_t> env = {})
      : Error(message), tensor_(std::move(tensor)), step_(step), env_(env) {}

  /// Name of the tensor, observation or quantity that is not finite; empty where it has none.
  const std::string& tensor() const noexcept { return tensor_; }
  /// The thrower's step; empty where it counts none.
  std::optional<std::uint64_t> step() const noexcept { return step_; }
  /// Number of the environment; empty where there is none.
  std::optional<std::size_t> env() const noexcept { return env_; }

 private:
  std::string tensor_;
  std::optional<std::uint64_t> step_;
  std::optional<std::size_t> env_;
};

/// An environment was used against its contract, or failed inside a worker (then the cause is nested).
class EnvironmentError : public Error {
 public:
  /// Without environment and step.
  explicit EnvironmentError(const std::string& message) : Error(message) {}
  /// In environment `env` of its vector, at step `step` of its episode.
  EnvironmentError(const std::string& message, std::size_t env, std::uint64_t step) : Error(message), env_(env), step_(step) {}

  /// Number of the environment; empty where unknown.
  std::optional<std::size_t> env() const noexcept { return env_; }
  /// Step of the episode, from 0; empty where unknown.
  std::optional<std::uint64_t> step() const noexcept { return step_; }

 private:
  std::optional<std::size_t> env_;
  std::optional<std::uint64_t> step_;
};

/// An action outside the action space or forbidden by the mask; the environment's state is unchanged.
class InvalidActionError : public EnvironmentError {
 public:
  /// As EnvironmentError's.
  using EnvironmentError::EnvironmentError;
};

/// `step` before `reset`, or after the end of an episode.
class StateError : public EnvironmentError {
 public:
  /// As EnvironmentError's.
  using EnvironmentError::EnvironmentError;
};

/// A trading venue answered with an error or not at all.
class VenueError : public Error {
 public:
  using Error::Error;
};

/// A checkpoint or policy file that is damaged or does not fit. Names the first difference; nothing was loaded.
class CheckpointError : public Error {
 public:
  using Error::Error;
};

namespace detail {
/// Throws `std::logic_error` with place, message and condition.
[[noreturn]] inline void require_failed(const char* condition, const char* file, int line, const std::string& message) {
  throw std::logic_error(std::string(file) + ':' + std::to_string(line) + ": " + message + " (required: " + condition + ')');
}
}  // namespace detail

}  // namespace rlx::inline v0_1

/// Precondition on a path where money moves: always on, throws `std::logic_error`.
#define RLX_REQUIRE(condition, message)                                                         \
  do {                                                                                          \
    if (!(condition)) ::rlx::detail::require_failed(#condition, __FILE__, __LINE__, (message)); \
  } while (false)

/// Precondition inside a hot loop: checked unless `NDEBUG` is defined; define it before the first include to replace it.
#ifndef RLX_ASSERT
#  ifdef NDEBUG
#    define RLX_ASSERT(condition) static_cast<void>(0)
#  else
#    define RLX_ASSERT(condition) RLX_REQUIRE(condition, std::string("internal assertion failed"))
#  endif
#endif

#endif  // RLX_CORE_ERROR_HPP
