#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs learning gates (tests/learning) over ten seeds each and writes the table benchmarks/results/learning.md.
#
#   sh benchmarks/learning_gates.sh              all gates; rewrites the table
#   sh benchmarks/learning_gates.sh NAME...      these; prints them, the table stays
#   sh benchmarks/learning_gates.sh --list       the names
set -eu
cd "$(dirname "$0")/.."
. cmake/setup.sh
rlx_install libcli11-dev libeigen3-dev
cmake --preset release -DRLX_BUILD_BENCHMARKS=ON >/dev/null
cmake --build --preset release --target benchmark_learning_gates >/dev/null
program=build/release/benchmarks/benchmark_learning_gates
if [ $# -gt 0 ]; then exec "$program" "$@"; fi

table=benchmarks/results/learning.md
mkdir -p benchmarks/results
lines=$(mktemp)
trap 'rm -f "$lines"' EXIT
status=0
"$program" >"$lines" || status=$?
cat "$lines"
[ "$status" -le 1 ] || exit "$status"  # 1: a gate was missed, which the table says; more: no table
{
  echo '# Learning gates'
  echo
  echo "Made by \`sh benchmarks/learning_gates.sh\` with $("${CXX:-c++}" --version | head -n 1), $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)."
  echo 'Ten training seeds (1 to 10) for each gate, each scored by 100 deterministic episodes on seeds that training never saw.'
  echo 'IQM: interquartile mean over the seeds, with its 95 % percentile bootstrap interval (2,000 resamples). A run is a'
  echo 'function of its seed on one machine and compiler; another instruction set rounds differently.'
  echo
  "$program" --head
  grep '^|' "$lines"
} >"$table"
exit "$status"
