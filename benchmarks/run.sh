#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the benchmarks and runs those that take seconds; each prints JSON lines.
#
#   sh benchmarks/run.sh               build and run the short ones
#   sh benchmarks/run.sh NAME [args]   one of them, e.g. `funding_acceptance` (acceptance A1: about 6 minutes for each seed)
#                                      or `learning_gates` (see learning_gates.sh)
#   sh benchmarks/run.sh --build-only
set -eu
cd "$(dirname "$0")/.."
. cmake/setup.sh
rlx_install libcli11-dev libeigen3-dev
cmake --preset release -DRLX_BUILD_BENCHMARKS=ON >/dev/null
cmake --build --preset release
[ "${1:-}" != --build-only ] || exit 0
if [ $# -gt 0 ]; then
  name=$1
  shift
  exec "build/release/benchmarks/benchmark_$name" "$@"
fi
for program in build/release/benchmarks/benchmark_*; do
  case $program in *funding_acceptance | *learning_gates) continue ;; esac
  [ -x "$program" ] && [ -f "$program" ] && "$program"
done
