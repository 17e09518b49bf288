#!/bin/sh
# SPDX-License-Identifier: MIT
# Tests of benchmarks/funding_acceptance.sh with programs that only pretend: it must notice what fails and what is not met.
# Usage: funding_acceptance.sh SCRIPT CASE
script=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
. "$(dirname "$0")/common.sh"

# A tree with a copy of the script, a build that does nothing and programs that do what their files say.
mkdir -p tree/benchmarks tree/build/release/benchmarks tree/build/release/examples
cp "$script" tree/benchmarks/
echo 'exit 0' >tree/benchmarks/run.sh
pretend() {
  printf '#!/bin/sh\n%s\n' "$2" >tree/build/release/$1
  chmod +x tree/build/release/$1
}
trains() { pretend examples/funding_arbitrage_ppo "$1"; }
benchmark() { pretend benchmarks/benchmark_funding_acceptance "$1"; }
table='echo "agent  0.10  [-0.05, 0.20]"; echo "hold  0.00  [0.00, 0.00]"; echo'
# ends CODE PATTERN RUN... : the script ends with CODE and prints PATTERN
ends() {
  expected=$1 pattern=$2
  shift 2
  code=0
  sh tree/benchmarks/funding_acceptance.sh "$@" >out 2>&1 || code=$?
  [ "$code" -eq "$expected" ] || fail "exit code $code instead of $expected of: $*"
  has out "$pattern"
}

case $case_name in
  met)
    trains "$table 'no edge over HOLD at 95 %'"
    ends 0 '"funding_a3/met","value":1' A3
    benchmark 'echo "{\"name\":\"funding_a1/pointer/met\",\"value\":1}"'
    ends 0 'funding_a1/pointer/met' A1
    ends 0 '"funding_a3/worst_profit","value":0,' A1 A3
    ;;
  not_met)
    trains "$table 'draw 1: agent worse than HOLD'"
    ends 1 '"funding_a3/met","value":0' A3
    trains 'echo "agent  -0.26  [-0.50, 0.10]"; echo "no edge over HOLD at 95 %"'
    ends 1 '"funding_a3/worst_profit","value":-0.26' A3
    benchmark 'exit 1'
    trains "$table 'agent better than HOLD'"
    ends 1 '"funding_a3/met","value":1' A1 A3  # the one that is met does not cover the one that is not
    benchmark 'kill -SEGV $$'
    ends 1 'funding_a3/met' A1 A3
    ;;
  failing)
    # A program that fails, or that prints nothing to judge by, ends the run.
    trains 'echo "data: no rows" >&2; exit 3'
    ends 1 'exit code 3 of: ' A3
    has out 'data: no rows'
    if grep -q '/met"' out; then fail "a program that failed was judged"; fi
    trains 'exit 0'
    ends 1 'no verdict or no row of the agent in a3.log' A3
    trains 'echo "agent  0.10  [-0.05, 0.20]"'
    ends 1 'no verdict or no row' A3
    trains 'echo "agent better than HOLD"'
    ends 1 'no verdict or no row' A3
    # The conversion of A2 as well.
    mkdir -p data/funding
    : >data/funding/spot_perp_funding_8h_btc_eth.csv
    trains 'if [ "$1" = generate-data ]; then exit 3; fi'
    export RLX_DATA="$work/data"
    code=0
    sh tree/benchmarks/funding_acceptance.sh A2 >out 2>&1 || code=$?
    [ "$code" -ne 0 ] || fail "a conversion that failed was no failure"
    echo 'echo no compiler; exit 9' >tree/benchmarks/run.sh
    ends 9 'no compiler' A3
    ;;
  usage)
    ends 0 'Usage: sh benchmarks/funding_acceptance.sh' --help
    ends 2 "unknown acceptance run 'A4'; expected A1, A2 or A3" A4
    ends 2 "unknown acceptance run 'A4'" A1 A4
    if [ -e acceptance ]; then fail "work began before the arguments were read"; fi
    ;;
  *) fail "unknown case $case_name" ;;
esac
echo "$case_name: ok"
