#!/bin/sh
# SPDX-License-Identifier: MIT
# Folders are floors; includes only go down. Reads every `#include <rlx/FOLDER/...>` below include/rlx and fails on an upward one.
# Usage: check_includes.sh SOURCE_DIR
set -eu
cd "${1:?usage: check_includes.sh SOURCE_DIR}/include/rlx"

find . -mindepth 2 -name '*.hpp' | sort | xargs awk '
  BEGIN {
    may["core"] = " "
    may["env"] = may["nn"] = may["risk"] = may["io"] = " core "
    may["market"] = " core risk "
    may["rl"] = " core env nn risk io "
    may["curriculum"] = " core env "
    may["options"] = may["funding"] = may["kalshi"] = may["signals"] = " core env market risk io "
  }
  FNR == 1 { split(FILENAME, part, "/"); folder = part[2]; files++ }
  /^[ \t]*#[ \t]*include[ \t]*[<"]rlx\// {
    path = $0; sub(/.*[<"]rlx\//, "", path); sub(/[>"].*/, "", path)
    n = split(path, target, "/")
    if (!(folder in may)) { print "rlx/" substr(FILENAME, 3) ": folder \047" folder "\047 has no floor in the table"; bad++; nextfile }
    if (n < 2) { print "rlx/" substr(FILENAME, 3) ":" FNR ": a header of a folder includes the umbrella <rlx/" path ">"; bad++; next }
    if (target[1] != folder && index(may[folder], " " target[1] " ") == 0) {
      print "rlx/" substr(FILENAME, 3) ":" FNR ": " folder "/ may not include " target[1] "/ (allowed:" may[folder] ")"; bad++
    }
    seen++
  }
  END {
    if (files == 0 || seen == 0) { print "no headers or no includes were read"; exit 1 }
    printf "%d headers, %d includes, %d upward\n", files, seen, bad
    exit bad > 0
  }'
