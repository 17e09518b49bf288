#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the benchmarks and runs those that take seconds. Each prints JSON lines; a table of them, against the targets of
# benchmarks/targets.txt where there are any, comes last.
#
#   sh benchmarks/run.sh               build and run the short ones
#   sh benchmarks/run.sh NAME [args]   one of them, e.g. `funding_acceptance` (acceptance A1: about 6 minutes for each seed)
#                                      or `learning_gates` (see learning_gates.sh)
#   sh benchmarks/run.sh --list        their names
#   sh benchmarks/run.sh --core        those of the learning core; writes the table benchmarks/results/core.md
#   sh benchmarks/run.sh --kalshi      those of Kalshi markets; writes the table benchmarks/results/kalshi.md
#   sh benchmarks/run.sh --build-only
set -eu
cd "$(dirname "$0")/.."
programs=build/release/benchmarks
core='gae vector_env nn_update inference_policy checkpoint ppo_phases ppo_throughput scaling learner_memory check_env compile_time'
kalshi='kalshi_environment kalshi_order_book kalshi_import kalshi_generator kalshi_training'

# table FILE [listed]: JSON lines as a Markdown table, in the order of the targets; with `listed` no others. The last line of a
# name counts.
table() {
  awk -F ' *[|] *' -v listed="${2:-}" '
    function field(key, text) {  # of a JSON line, with or without spaces
      if (!match($0, "\"" key "\": *(\"[^\"]*\"|[^,}]*)")) return ""
      text = substr($0, RSTART, RLENGTH); sub(/^"[^"]*": */, "", text); gsub(/"/, "", text); return text
    }
    function readable(value) {
      if (value == int(value) && value < 1000) return value ""
      if (value < 1000) return sprintf("%.3g", value)
      for (value = sprintf("%.0f", value); match(value, /[0-9][0-9][0-9][0-9](,|$)/);) {
        value = substr(value, 1, RSTART) "," substr(value, RSTART + 1)
      }
      return value
    }
    FILENAME == ARGV[1] {
      if ($0 !~ /^#/ && NF == 4) { names[++n] = $1; relation[$1] = $2; limit[$1] = $3; what[$1] = $4 }
      next
    }
    /^\{/ {
      name = field("name")
      if (!(name in value) && !(name in limit) && listed == "") names[++n] = name
      value[name] = field("value") + 0; unit[name] = field("unit")
    }
    END {
      print "| what | measured | target | |"
      print "|---|---|---|---|"
      for (i = 1; i <= n; ++i) {
        name = names[i]
        if (!(name in value)) continue
        target = verdict = ""
        if (name in limit && relation[name] != "-") {
          target = (relation[name] == "<=" ? "≤ " : "≥ ") readable(limit[name] + 0)
          met = relation[name] == "<=" ? value[name] <= limit[name] + 0 : value[name] >= limit[name] + 0
          verdict = met ? "" : "missed"
        }
        printf "| %s | %s %s | %s | %s |\n", name in what ? what[name] : name, readable(value[name]), unit[name], target, verdict
      }
    }' benchmarks/targets.txt "$1"
}

machine() {
  vectors=SSE2
  if grep -q '^flags.* avx2 ' /proc/cpuinfo; then vectors=AVX2; fi
  if grep -q '^flags.* avx512f ' /proc/cpuinfo; then vectors=AVX-512; fi
  echo "$(nproc) cores of an $(uname -m) server CPU with $vectors, $("${CXX:-c++}" --version | head -n 1), -O3 -march=native"
}

case ${1:-} in
  --table) table "$2"; exit ;;  # of JSON lines kept in a file
  --list) for source in benchmarks/*.cpp; do basename "$source" .cpp; done; exit ;;
esac
load=$(cut -d ' ' -f 1 /proc/loadavg)  # before this script compiles
. cmake/setup.sh
rlx_install libcli11-dev libeigen3-dev
cmake --preset release -DRLX_BUILD_BENCHMARKS=ON >/dev/null
lines=$(mktemp)
trap 'rm -f "$lines"' EXIT

# results FILE TITLE NAMES: runs the benchmarks named; the notes of the table come from standard input, LOAD is filled in.
results() {
  for name in $3; do cmake --build --preset release --target "benchmark_$name" >/dev/null; done
  for name in $3; do "$programs/benchmark_$name" | tee -a "$lines"; done
  mkdir -p benchmarks/results
  {
    echo "# $2"
    echo
    sed "s/LOAD/$load/"
    echo
    table "$lines" listed
  } >"benchmarks/results/$1.md"
  cat "benchmarks/results/$1.md"
}

case ${1:-} in
  --core)
    results core 'Speed and memory of the core against their targets' "$core" <<END
Made by \`sh benchmarks/run.sh --core\` on $(machine).
Single-threaded figures are medians in processor time, so that what other processes take does not count; the medians of
\`act\`, loading, saving and the speed-up of two threads are in wall time.
The load average of the machine was LOAD before the run: the two-thread rows in wall time, which have the targets, need one near
0. Beside each stands an estimate by the processor time of the busiest thread, in which a thread that spins for a while works.
Percentages of peak are nominal work (three forwards per trained row) over the 1024³ product of the same kernel.
END
    exit ;;
  --kalshi)
    cmake --build --preset release --target kalshi_market_agnostic >/dev/null
    sh benchmarks/kalshi_commands.sh "$PWD/build/release/examples/kalshi_market_agnostic" | tee -a "$lines"
    results kalshi 'Speed and memory on Kalshi markets against their targets' "$kalshi" <<END
Made by \`sh benchmarks/run.sh --kalshi\` on $(machine).
Medians of 5 runs on one core in processor time, so that what other processes take does not count; training on two cores and the
commands are in wall time. The load average of the machine was LOAD before the run: those rows need one near 0, and with a
high one the others are too slow by shared caches. The recorded views need the real data (RLX_DATA or ../shared/data).
Percentages of peak are nominal work (three forwards per trained row, one per step) over the 1024³ product of the same
kernel.
END
    exit ;;
esac
cmake --build --preset release
case ${1:-} in
  --build-only) ;;
  '')
    for program in "$programs"/benchmark_*; do
      case $program in *funding_acceptance | *learning_gates) continue ;; esac
      if [ -x "$program" ] && [ -f "$program" ]; then "$program" | tee -a "$lines"; fi
    done
    table "$lines" ;;
  *)
    name=$1
    shift
    "$programs/benchmark_$name" "$@" ;;
esac
