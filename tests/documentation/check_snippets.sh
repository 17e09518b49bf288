#!/bin/sh
# SPDX-License-Identifier: MIT
# Every C++ program in README.md and docs/ is one of examples/ word for word, or it is compiled, run, and its output compared with
# the ```text block below it. Every file that they name exists.
# Usage: check_snippets.sh SOURCE_DIR COMPILER [INCLUDE_FLAGS...]
set -eu
source=${1:?usage: check_snippets.sh SOURCE_DIR COMPILER [INCLUDE_FLAGS...]}
compiler=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$source"

# N.cpp for each ```cpp block, N.text for the ```text block that follows it with at most one line between.
awk -v work="$work" '
  FNR == 1 { block = ""; gap = 9 }
  /^```/ && block != "" { close(file); gap = block == "cpp" ? 0 : 9; block = ""; next }
  /^```cpp$/ { file = work "/" ++n ".cpp"; print FILENAME ":" FNR > (work "/" n ".place"); block = "cpp"; next }
  /^```text$/ && gap <= 1 { file = work "/" n ".text"; block = "text"; next }
  /^```/ { block = "other"; next }
  block == "cpp" || block == "text" { print > file; next }
  block == "" { ++gap }' README.md docs/*.md

same() {  # same FILE FILE: but for comments before the first include, line breaks and spaces
  for file; do sed '/^#include/,$!d' "$file" | tr -d ' \n' >"$work/flat.$#"; shift; done
  cmp -s "$work/flat.1" "$work/flat.2"
}

failed=0 programs=0 copies=0
for block in "$work"/*.cpp; do
  place=$(cat "${block%.cpp}.place")
  for example in examples/*.cpp; do
    if same "$example" "$block"; then copies=$((copies + 1)) && continue 2; fi
  done
  if ! "$compiler" -std=c++20 -O1 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror "$@" "$block" -o "$work/program" \
      -lpthread; then
    echo "$place: the program does not compile" >&2
    failed=1
  elif ! "$work/program" >"$work/output"; then
    echo "$place: the program failed" >&2
    failed=1
  elif ! diff -u "${block%.cpp}.text" "$work/output" >&2; then
    echo "$place: the program prints something else than the text block below it" >&2
    failed=1
  fi
  programs=$((programs + 1))
done
[ $((programs + copies)) -gt 0 ] || { echo "no program found in README.md and docs/" >&2; exit 1; }

# `rlx/x.hpp`, `core/x.hpp` and `examples/...`, `tests/...` and the like name files or folders.
for name in $(grep -ohE '`[A-Za-z_]+/[A-Za-z_0-9/.]*[a-z/]`' README.md docs/*.md | tr -d '`' | sort -u); do
  case $name in
    rlx/*) path=include/$name ;;
    examples/* | tests/* | benchmarks/* | docs/* | cmake/*) path=$name ;;
    *.hpp) path=include/rlx/$name ;;
    *) continue ;;
  esac
  [ -e "$path" ] || [ -e "$path.cpp" ] || { echo "README.md or docs/ name $name, which is not there" >&2; failed=1; }
done
[ "$failed" -eq 0 ] && echo "$programs programs ran, $copies are examples"
