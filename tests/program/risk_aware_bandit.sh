#!/bin/sh
# SPDX-License-Identifier: MIT
# The example of risk-aware training as its user meets it: risk_aware_bandit.sh PROGRAM CASE.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"

case $case_name in
  output)
    run
    [ "$(wc -l <out)" -eq 3 ] || fail "expected three lines"
    # Who looks at the mean has the best one and the worst tail; both others hedge: 5 times 0.3, sure.
    tr -d ',' <out | awk '
      { for (i = 1; i < NF; i++) { if ($i == "mean") mean[NR] = $(i + 1); if ($i == "twentieth") tail[NR] = $(i + 1) } }
      END { exit !(mean[1] > 1.6 && tail[1] < -10 && mean[2] > 1.4 && tail[2] > 1 && mean[3] > 1.4 && tail[3] > 1) }' ||
      fail "the averse objectives did not hedge, or the neutral one did"
    ;;
  repeat)
    run 3
    cp out first
    run 3
    cmp first out || fail "equal seeds gave different lines"
    ;;
  *) fail "unknown case $case_name" ;;
esac
echo "$case_name: ok"
