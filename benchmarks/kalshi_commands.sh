#!/bin/sh
# SPDX-License-Identifier: MIT
# Wall time of each command of kalshi_market_agnostic on the default data, training cut to 20,000 steps: JSON lines.
# Usage: kalshi_commands.sh PROGRAM
set -eu
program=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

timed() {  # timed NAME ARGS... : the median of three
  name=$1
  shift
  for i in 1 2 3; do
    rm -rf made made.db
    begin=$(date +%s.%N)
    "$program" "$@" >out 2>err || { cat err >&2; exit 1; }
    echo "$begin $(date +%s.%N)"
  done >times  # a file: a pipe would hide a command that fails
  echo "{\"name\": \"kalshi command: $name\", \"value\": $(awk '{ print $2 - $1 }' times | sort -n | sed -n 2p), \"unit\": \"s\"}"
}

# The format of a recording, a quote of each of ten markets a second.
awk 'BEGIN {
  print "timestamp,market_ticker,best_yes_bid,best_no_bid,implied_no_ask,implied_yes_ask"
  for (s = 0; s < 3600; ++s) for (m = 0; m < 10; ++m) { yes = 20 + (s + 7 * m) % 40
    printf "2025-12-04T12:%02d:%02d.%d00000,KXTEST-25DEC05-B%d,%d,%d,%d,%d\n", s / 60, s % 60, m, m, yes, 98 - yes, 100 - yes, 2 + yes } }' >day.csv
timed generate generate --store made.db
timed import import --format bbo-csv --utc-offset -08:00 --store made.db day.csv
timed inspect inspect
timed 'train, 20,000 steps' train --total-timesteps 20000 --output made
timed 'frontier, 20,000 steps' frontier --total-timesteps 20000 --output made
"$program" train --total-timesteps 20000 --output model >out
timed evaluate evaluate --checkpoint model/best_model.safetensors
