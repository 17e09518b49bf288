#!/bin/sh
# SPDX-License-Identifier: MIT
# Choosing no risk objective costs nothing: PPO with `ScalarCritic` and `ExpectedReturn`, the defaults, compiles to the same
# machine code as the same headers with every call of an objective, of a critic's targets and of the step metric blanked out,
# names nothing of quantiles or CVaR, and is as fast within 1 %. Exits with 1 where that does not hold.
#
#   sh benchmarks/same_bytes.sh      about 2 minutes; CXX and CXXFLAGS choose the compiler and its flags (-O2 -DNDEBUG)
#
# Instructions with their relocations are compared, section by section. Speed: processor time of the same training, each
# program by turns, median of the pairs' ratios; three attempts, since other load shows in single pairs.
set -eu
export LC_ALL=C
cd "$(dirname "$0")/.."
compiler=${CXX:-g++} flags=${CXXFLAGS:--O2 -DNDEBUG}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for tree in default blanked; do
  mkdir "$work/$tree"
  cp -R include "$work/$tree/include"
  cp benchmarks/same_bytes/ppo.cpp "$work/$tree/"
done

blank() {  # blank FILE EXPRESSION [REPLACEMENT]: what the extended regular expression finds, over lines; lines keep their numbers
  perl -0777 -i -pe '
    BEGIN { ($find, $with) = splice @ARGV, 0, 2; }
    $found += s/$find/$with . "\n" x ($& =~ tr,\n,,)/gem;
    END { exit !$found }' "$2" "${3:-}" "$work/blanked/include/rlx/$1" ||
    { echo "same_bytes: $1 has no '$2' any more; name what has taken its place" >&2; exit 2; }
}
blank rl/detail/on_policy_loss.hpp 'objective\.loss\([^;]*;' '0.0;'
blank rl/detail/on_policy_learner.hpp '^ *if constexpr .*objective_\.record\(.*'
blank rl/detail/on_policy_learner.hpp '^ *objective_\.on_rollout\(.*'
blank rl/detail/on_policy_learner.hpp '^ *net_\.critic\.prepare\(.*'
blank rl/detail/on_policy_learner.hpp '^ *require_fitting_critic<.*'
blank rl/detail/rollout_collector.hpp '^ *if constexpr .*read_metric\(.*'
blank rl/detail/on_policy_checkpoint.hpp '^ *save_extension\(.*'
blank rl/detail/on_policy_checkpoint.hpp '^ *if constexpr \(has_state<[CR]>\).*'
blank rl/detail/on_policy_checkpoint.hpp 'load_extension\((net_\.critic|objective_),[^;]*;' '{};'

for tree in default blanked; do
  (cd "$work/$tree" && $compiler -std=c++20 $flags -I include -c ppo.cpp -o object.o && $compiler object.o -o program -lpthread)
  objdump -dr --no-show-raw-insn "$work/$tree/object.o" | sed 1,3d >"$work/$tree/code"
  size -A "$work/$tree/object.o" | awk '$1 ~ /^\.text/ { sum += $2 } END { print sum }' >"$work/$tree/bytes"
done
failed=0
ours=$(cat "$work/default/bytes") blanked=$(cat "$work/blanked/bytes")
echo "machine code: $ours bytes, without the calls of objectives and critics $blanked"
if cmp -s "$work/default/code" "$work/blanked/code"; then
  echo "instructions: the same, $(wc -l <"$work/default/code") lines of disassembly"
else
  echo "instructions: different; the first:"
  diff "$work/blanked/code" "$work/default/code" | head -n 20
  failed=1
fi
if nm -C "$work/default/object.o" | sed 's/NoStepMetric//g; /Callback::on_rollout_/d' |
  grep -iE 'cvar|quantile|distort|tail_?term|on_rollout|rollout_?view|step_?metric|step_pnl'; then
  echo "symbols: these belong to risk objectives, which this program does not use"
  failed=1
else
  echo "symbols: none of CVaR, quantiles, distortions, rollout views or step metrics"
fi

seconds() { "$work/$1/program" | sed 's/.*"value": \([0-9.]*\).*/\1/'; }
[ "$("$work/default/program" 8192 | sed 's/.*"hash"//')" = "$("$work/blanked/program" 8192 | sed 's/.*"hash"//')" ] ||
  { echo "result: the two programs learn different parameters"; failed=1; }
attempt=1
while :; do
  for pair in 1 2 3 4 5 6 7 8 9 10 11; do
    if [ $((pair % 2)) = 0 ]; then a=$(seconds default) b=$(seconds blanked); else b=$(seconds blanked) a=$(seconds default); fi
    echo "$a $b"
  done | awk '{ print $1 / $2 }' | sort -n | sed -n 6p >"$work/ratio"
  echo "time: $(cat "$work/ratio") times that without (median of 11 pairs)"
  if awk '{ exit !($1 >= 0.99 && $1 <= 1.01) }' "$work/ratio"; then break; fi
  if [ "$attempt" = 3 ]; then failed=1; break; fi
  attempt=$((attempt + 1))
done
exit "$failed"
