#!/bin/sh
# SPDX-License-Identifier: MIT
# The core agent's example as its user meets it: core_agent.sh PROGRAM CASE.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"
expected=$here/core_agent.txt

case $case_name in
  output)
    run "$PWD/run"
    # Word for word; numbers within 0.03 and 5 %, since compilers round sums differently.
    awk -v other=out '
      function number(word) { gsub(/[(),%+]/, "", word); return word }
      {
        if ((getline line <other) <= 0) { print "line " NR ": missing, expected: " $0; bad = 1; exit }
        n = split(line, found, " ")
        if (n != NF) { print "line " NR ": " line "\nexpected: " $0; bad = 1; next }
        for (i = 1; i <= NF; i++) {
          a = number($i); b = number(found[i])
          if (a ~ /^-?[0-9.]+$/ && b ~ /^-?[0-9.]+$/) {
            d = a - b; if (d < 0) d = -d
            if (d <= 0.03 + 0.05 * (a < 0 ? -a : a)) continue
          }
          if ($i != found[i]) { print "line " NR ": " line "\nexpected: " $0; bad = 1; break }
        }
      }
      END { if (!bad && (getline line <other) > 0) { print "more lines than expected: " line; bad = 1 } exit bad }' \
      "$expected" || fail "the output differs from core_agent.txt"
    [ -f run/models/active.json ] || fail "no model was written"
    [ -f run/logs/core_agent.0.log ] || fail "no log was written"
    ;;
  usage)
    run --help
    has out '^usage: core_agent'
    refuse 2 "found '--bogus'" --bogus
    refuse 2 "found 'two'" one two
    refuse 2 "found ''" ''
    if "$program" "$PWD/full" >/dev/full 2>err; then fail "a full disk behind standard output went unnoticed"; fi
    has err 'standard output cannot be written'
    [ ! -e ./--help ] && [ ! -e ./--bogus ] && [ ! -e one ] || fail "an option became a folder"
    ;;
  repeat)
    run "$PWD/one"
    run "$PWD/two"
    cmp one/models/rejected-1.json two/models/rejected-1.json || fail "equal runs gave different models"
    cmp one/logs/core_agent.0.log two/logs/core_agent.0.log || fail "equal runs gave different logs"
    sum=$(hash_of one/logs/core_agent.0.log)
    refuse 1 'holds a run: name a new folder' "$PWD/one"
    [ "$(hash_of one/logs/core_agent.0.log)" = "$sum" ] || fail "a second run changed the log of the first"
    ;;
  refused)
    echo "not a folder" >file
    refuse 1 'file' "$PWD/file"
    ;;
  *) fail "unknown case $case_name" ;;
esac
echo "$case_name: ok"
