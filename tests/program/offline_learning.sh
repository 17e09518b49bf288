#!/bin/sh
# SPDX-License-Identifier: MIT
# The example of offline learning as its user meets it: offline_learning.sh PROGRAM CASE.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"
small="--episodes 100 --judge-episodes 40 --updates 200"

case $case_name in
  help)
    run --help
    has out '--system'
    has out '--save-log'
    ;;
  usage)
    refuse 2 'usage: .*--system.*premium' --system premium
    refuse 2 'usage: .*--episodes' --episodes 0
    refuse 2 'usage: .*--bets' --bets 3
    refuse 2 'usage: --market goes with --system ladder' --market 3
    refuse 2 'usage: .*--learning-rate' --learning-rate -1
    refuse 2 'usage: .*--seed' --seed -1
    refuse 4 'configuration: CqlConfig.alpha = -1' $small --alpha -1
    refuse 3 'file: .*no/log' $small --save-log no/log
    ;;
  tables)
    run $small --save-log log.safetensors
    has out '^premium_seller: 100 episodes, 2000 rows, 2 observations, 3 actions'
    for policy in behaviour BC 'BC, most probable' CQL IQL; do has out "^$policy +-?[0-9]"; done
    for learner in CQL IQL; do
      for other in behaviour BC 'BC, most probable'; do has out "^$learner less $other +.*(better|worse|not distinguishable)$"; done
    done
    has out '^policy +true value +WIS +DR +effective episodes'
    [ -s log.safetensors ] || fail "no log was written"
    ;;
  repeat)
    run $small --threads 1 --save-log one
    mv out first
    run $small --threads 2 --save-log two
    cmp first out || fail "the number of threads changed a figure"
    cmp one two || fail "equal seeds gave different logs"
    ;;
  systems)
    run --system cart_pole $small --no-estimates
    has out '^cart_pole: 100 episodes'
    run --system ladder --episodes 20 --judge-episodes 5 --updates 20 --no-estimates
    has out '^ladder: 20 episodes, 2240 rows, 52 observations, 8 actions'
    mv out given
    run --system ladder --episodes 20 --judge-episodes 5 --updates 20 --no-estimates --market 3
    ! cmp -s given out || fail "--market changes nothing"
    run --system funding --episodes 20 --judge-episodes 5 --updates 20 --no-estimates
    has out '^funding: 20 episodes, .* 275 observations, 36 actions'
    run --system kalshi --episodes 20 --judge-episodes 5 --updates 20 --no-estimates
    has out '^kalshi: 20 episodes, .* 52 observations, 5 actions'
    ;;
  *) fail "unknown case $case_name" ;;
esac
echo "$case_name: ok"
