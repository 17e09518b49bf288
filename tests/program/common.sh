# SPDX-License-Identifier: MIT
# The frame of the program tests; a script sources it with its own arguments: PROGRAM CASE.
# A case fails by a command that fails, or by `fail`; each runs in an empty directory of its own.
set -eu
program=$1
case_name=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() { echo "FAILED: $*" >&2; for f in out err; do [ -e $f ] && { echo "--- $f" >&2; tail -30 $f >&2; }; done; exit 1; }
run() { "$program" "$@" >out 2>err || fail "exit code $? of: $*"; }
# refuse CODE PATTERN ARGS... : must end with CODE, nothing but one line on stderr, which matches PATTERN
refuse() {
  expected=$1 pattern=$2
  shift 2
  code=0
  "$program" "$@" >out 2>err || code=$?
  [ "$code" -eq "$expected" ] || fail "exit code $code instead of $expected of: $*"
  [ "$(wc -l <err)" -eq 1 ] || fail "expected one line on stderr of: $*"
  grep -Eq -- "$pattern" err || fail "stderr does not match '$pattern' of: $*"
}
has() { grep -Eq -- "$2" "$1" || fail "$1 does not match: $2"; }
hash_of() { sha256sum "$1" | cut -d' ' -f1; }
