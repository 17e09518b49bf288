// SPDX-License-Identifier: MIT
/// @file
/// @brief Semantic version of the library, written here alone; the inline namespace `v0_1` of the headers is derived from it and
/// checked against it (tests/architecture/check_namespaces.sh, which also rewrites it).
#ifndef RLX_CORE_VERSION_HPP
#define RLX_CORE_VERSION_HPP

/// Raised by changes that break users, from 1 on.
#define RLX_VERSION_MAJOR 0
/// Raised by new features, and by changes that break users while the major number is 0.
#define RLX_VERSION_MINOR 1
/// Raised by corrections.
#define RLX_VERSION_PATCH 0
/// One comparable number: major * 10000 + minor * 100 + patch.
#define RLX_VERSION (RLX_VERSION_MAJOR * 10000 + RLX_VERSION_MINOR * 100 + RLX_VERSION_PATCH)
/// The same as text, "major.minor.patch".
#define RLX_VERSION_STRING \
  RLX_DETAIL_QUOTE(RLX_VERSION_MAJOR) "." RLX_DETAIL_QUOTE(RLX_VERSION_MINOR) "." RLX_DETAIL_QUOTE(RLX_VERSION_PATCH)
/// Text of a macro's value.
#define RLX_DETAIL_QUOTE(number) RLX_DETAIL_QUOTE_EXPANDED(number)
/// Text of what it is given.
#define RLX_DETAIL_QUOTE_EXPANDED(number) #number

#endif  // RLX_CORE_VERSION_HPP
