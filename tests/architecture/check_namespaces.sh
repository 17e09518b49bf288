#!/bin/sh
# SPDX-License-Identifier: MIT
# Everything public lies in the inline namespace of its version (0.1: rlx::v0_1), so that objects built with two minor versions
# of the library do not link to each other's code by accident. Fails on a header whose `namespace rlx` names another or none.
# Usage: check_namespaces.sh SOURCE_DIR [--fix]    --fix: writes the namespace of core/version.hpp into every header
set -eu
cd "${1:?usage: check_namespaces.sh SOURCE_DIR [--fix]}/include/rlx"
number() { sed -n "s/^#define RLX_VERSION_$1 //p" core/version.hpp; }
namespace=v$(number MAJOR)_$(number MINOR)

if [ "${2:-}" = --fix ]; then
  find . -name '*.hpp' -exec sed -i -E \
    -e "s/^namespace rlx(::inline v[0-9_]+)?((::[a-z0-9_]+)*) \{/namespace rlx::inline $namespace\2 {/" \
    -e "s/^\}  \/\/ namespace rlx(::inline v[0-9_]+)?((::[a-z0-9_]+)*)\$/}  \/\/ namespace rlx::inline $namespace\2/" {} +
fi
wrong=$(grep -rnE '^[ \t]*namespace rlx|^}  // namespace rlx' . | grep -vE "namespace rlx::inline $namespace(::[a-z0-9_]+)*( \{)?\$" || true)
if [ -n "$wrong" ]; then
  echo "$wrong" | sed 's/^\.\//rlx\//'
  echo "expected namespace rlx::inline $namespace, the version of core/version.hpp; --fix writes it"
  exit 1
fi
echo "$(grep -rlE "^namespace rlx::inline $namespace" . | wc -l) headers in rlx::$namespace"
