#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What including costs: every public header alone and five programs, compiled with -O0. Fails where one is more than 10 % over
# its budget.
#
#   bash benchmarks/compile_time.sh [PATTERN]   about 8 minutes; PATTERN, an extended regular expression, chooses headers and programs
#
# Figures are processor seconds on the reference machine: measured seconds times 1.61 over what two headers of others (the
# standard containers and nlohmann/json.hpp, 1.61 s there) cost here, since a loaded or a slower machine is slower with all.
# The least of up to five measurements counts. CXX chooses the compiler (default g++).
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/.."
compiler=${CXX:-g++} pattern=${1:-.}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

budget() {  # of a header or program; 0: none, printed only (io/, the domains, programs)
  case $1 in
    rlx/rl/offline.hpp) echo 3.0 ;;  # the umbrella of a folder
    rlx/core/*json.hpp | rlx/risk/*_json.hpp | rlx/nn/*_json.hpp | rlx/rl/*_json.hpp) echo 1.6 ;;  # nlohmann/json.hpp: 1.26
    rlx/signals/recent_context.hpp) echo 1.0 ;;
    rlx/signals/*) echo 1.6 ;;
    rlx/core/* | rlx/env/* | rlx/market/* | rlx/risk/*) echo 1.0 ;;
    rlx/nn/* | rlx/rl/*) echo 1.3 ;;
    rlx/core.hpp | rlx/env.hpp | rlx/nn.hpp | rlx/risk.hpp | rlx/rl.hpp | rlx/signals.hpp | rlx/rlx.hpp) echo 3.0 ;;
    *) echo 0 ;;
  esac
}

cost() {  # cost FILE: processor seconds of one compilation
  local TIMEFORMAT='%U %S' spent
  spent=$({ time "$compiler" -std=c++20 -O0 -I include -I examples -c "$1" -o "$work/object.o" 2>"$work/errors" >&2; } 2>&1) ||
    { cat "$work/errors" >&2; echo "$1 does not compile" >&2; return 1; }
  awk '{ print $1 + $2 }' <<<"$spent"
}
least() { awk -v a="$1" -v b="$2" 'BEGIN { print (a < b) ? a : b }'; }
holds() { awk "BEGIN { exit !($1) }"; }

printf '#include <%s>\n' array memory span string vector >"$work/containers.cpp"
echo '#include <nlohmann/json.hpp>' >"$work/json.cpp"
reference() {  # processor seconds of the two, the least of $1 measurements
  local containers=99 json=99 i
  for ((i = 0; i < $1; i++)); do
    containers=$(least "$containers" "$(cost "$work/containers.cpp")")
    json=$(least "$json" "$(cost "$work/json.cpp")")
  done
  awk -v a="$containers" -v b="$json" 'BEGIN { print a + b }'
}

over=0
printf '%-46s %8s %8s %8s\n' 'header or program' 'seconds' 'budget' 'measured'
check() {  # check NAME FILE
  local limit seconds=99 scaled measured i
  limit=$(budget "$1")
  for ((i = 0; i < 5; i++)); do
    [ "$i" -eq 0 ] || scale=$(least "$scale" "$(reference 1)")
    measured=$(cost "$2")
    seconds=$(least "$seconds" "$measured")
    scaled=$(awk -v s="$seconds" -v r="$scale" 'BEGIN { printf "%.2f", s * 1.61 / r }')
    holds "$limit == 0 || $scaled <= $limit || $scaled > 1.5 * $limit" && break  # no noise is that large
  done
  verdict=
  if holds "$limit == 0"; then limit=-; elif holds "$scaled > 1.1 * $limit"; then verdict=OVER over=$((over + 1)); elif holds "$scaled > $limit"; then verdict=close; fi
  printf '%-46s %8.2f %8s %8.2f  %s\n' "$1" "$scaled" "$limit" "$seconds" "$verdict"
}

scale=$(reference 3)
measured_any=0
while read -r header; do
  echo "#include <$header>" >"$work/header.cpp"
  [ $((measured_any % 20)) -ne 19 ] || scale=$(reference 2)  # the load of the machine changes
  check "$header" "$work/header.cpp"
  measured_any=$((measured_any + 1))
done < <(cd include && find rlx -name '*.hpp' ! -path '*/detail/*' | sort | grep -E "$pattern" || true)
while read -r program; do
  check "$program" "$program"
  measured_any=$((measured_any + 1))
done < <(printf 'examples/%s.cpp\n' run_policy custom_environment cartpole_ppo funding_quickstart core_agent | grep -E "$pattern" || true)

[ "$measured_any" -gt 0 ] || { echo "nothing matches '$pattern'" >&2; exit 2; }
echo "$measured_any measured, $over over their budget by more than 10 % (factor of this machine: $(awk -v r="$scale" 'BEGIN { printf "%.2f", r / 1.61 }'))"
[ "$over" -eq 0 ]
