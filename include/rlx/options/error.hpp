// SPDX-License-Identifier: MIT
/// @file
/// @brief What stops the agent, by the exit code that the example main gives it.
#ifndef RLX_OPTIONS_ERROR_HPP
#define RLX_OPTIONS_ERROR_HPP

#include <rlx/core/error.hpp>

namespace rlx::inline v0_1::options {

/// Settings that could touch the wrong exchange: training on mainnet, a host and an environment that disagree, an unknown host.
class SafetyError : public Error {
 public:
  using Error::Error;
};

/// A reply that does not prove the configured environment (its `testnet` flag is missing, not a boolean, or the other one).
class AttestationError : public SafetyError {
 public:
  using SafetyError::SafetyError;
};

/// The venue refuses the credentials or the rights of the account: asking again changes nothing.
class AccessError : public VenueError {
 public:
  using VenueError::VenueError;
};

/// The kill switch is latched: the agent does not start until an operator has removed the latch file.
class KillSwitchError : public Error {
 public:
  using Error::Error;
};

/// The venue holds what the log does not explain, or the other way round.
class ReconciliationError : public Error {
 public:
  using Error::Error;
};

/// The decision log is damaged, locked by another writer, or cannot be written.
class LogError : public Error {
 public:
  using Error::Error;
};

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_ERROR_HPP
