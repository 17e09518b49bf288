#!/bin/sh
# SPDX-License-Identifier: MIT
# Tests of the program as its user meets it. Usage: kalshi_market_agnostic.sh PROGRAM CASE
# A case fails by a command that fails, or by `fail`; each runs in an empty directory of its own.
set -eu
program=$1
case_name=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() { echo "FAILED: $*" >&2; for f in out err; do [ -e $f ] && { echo "--- $f" >&2; tail -30 $f >&2; }; done; exit 1; }
run() { "$program" "$@" >out 2>err || fail "exit code $? of: $*"; }
# refuse CODE PATTERN ARGS... : must end with CODE, nothing but one line on stderr, which matches PATTERN
refuse() {
  expected=$1 pattern=$2
  shift 2
  code=0
  "$program" "$@" >out 2>err || code=$?
  [ "$code" -eq "$expected" ] || fail "exit code $code instead of $expected of: $*"
  [ "$(wc -l <err)" -eq 1 ] || fail "expected one line on stderr of: $*"
  grep -Eq -- "$pattern" err || fail "stderr does not match '$pattern' of: $*"
}
has() { grep -Eq -- "$2" "$1" || fail "$1 does not match: $2"; }
# Stores need a build with SQLite; without it the program says so with exit code 4.
needs_stores() {
  code=0
  "$program" inspect --store absent.db >out 2>err || code=$?
  [ "$code" -eq 3 ] || { echo "$case_name: skipped, built without SQLite"; exit 0; }
}

bbo_header='timestamp,market_ticker,best_yes_bid,best_no_bid,implied_no_ask,implied_yes_ask'
# Two markets of one event, a quote a minute each, closed by an empty book.
make_bbo() {
  echo "$bbo_header" >day.csv
  for minute in 10 11 12 13 14 15 16 17 18 19; do
    echo "2025-12-04T12:$minute:16.079996,KXTEST-25DEC05-B1,4$((minute % 10)),50,$((60 - minute % 10)),50"
    echo "2025-12-04T12:$minute:17,KXTEST-25DEC05-B2,2$((minute % 10)),70,$((80 - minute % 10)),30"
  done >>day.csv
  printf 'market_ticker,inferred_result\r\nKXTEST-25DEC05-B1,yes\r\nKXTEST-25DEC05-B2,no\r\n' >results.csv
}
# One snapshot and two deltas of the current format.
make_frames() {
  cat >frames.jsonl <<'END'
{"type":"subscribed","id":1,"msg":{"channel":"orderbook_delta","sid":1}}
{"type":"orderbook_snapshot","sid":1,"seq":1,"msg":{"market_ticker":"KXTEST-25DEC05-B1","market_id":"x","yes_dollars_fp":[["0.4500","10.00"]],"no_dollars_fp":[["0.5000","12.50"]]}}
{"type":"orderbook_delta","sid":1,"seq":2,"msg":{"market_ticker":"KXTEST-25DEC05-B1","market_id":"x","price_dollars":"0.4600","delta_fp":"3.00","side":"yes","ts":"2025-12-04T12:00:00.500000Z"}}
{"type":"orderbook_delta","sid":1,"seq":4,"msg":{"market_ticker":"KXTEST-25DEC05-B1","market_id":"x","price_dollars":"0.4600","delta_fp":"-1.84","side":"yes","ts":"2025-12-04T12:00:01.500000Z"}}
END
}

case $case_name in
  help)
    run --help
    has out 'Examples:'
    for command in import generate inspect; do
      has out "$command"
      "$program" $command --help >sub 2>&1 || fail "$command --help"
      has sub -- '--store'
    done
    run --version
    ;;
  usage)
    refuse 2 "unknown command 'inspekt'.*inspect" inspekt
    refuse 2 "unknown command 'zzzzzz' \(--help lists all\)$" zzzzzz
    refuse 2 "unknown flag '--stor'.*--store" inspect --stor x.db
    refuse 2 "unexpected 'more' after inspect" inspect more
    refuse 2 'format' import day.csv
    refuse 2 'format' import --format csv day.csv
    refuse 2 'name the files' import --format bbo-csv
    refuse 2 'taken-at' import --format rest-json books.json
    refuse 2 'utc-offset has no effect with --format ws-jsonl' import --format ws-jsonl --utc-offset -08:00 f.jsonl
    refuse 2 'events has no effect with --store' inspect --store x.db --events 3
    refuse 2 '--utc-offset belongs to import: inspect does not take it' inspect --utc-offset -08:00
    refuse 2 'events.*-5' inspect --events -5
    echo '{"min_lenth": 3}' >config.json
    refuse 2 "unknown key 'min_lenth'.*min-length" inspect --config config.json
    echo '{"min_length": 3, "min-length": 4}' >config.json
    refuse 2 'are one flag' inspect --config config.json
    ;;
  config_errors)
    refuse 4 'edge' inspect --edge 2
    refuse 4 'min_coverage' inspect --min-coverage 1.5
    refuse 4 'none is left of .*too short' inspect --events 3 --min-length 100000
    make_bbo
    refuse 4 '--utc-offset -08:00' import --format bbo-csv day.csv
    refuse 4 'expected .HH:MM' import --format bbo-csv --utc-offset 8 day.csv
    refuse 4 'expected none, ticker' import --format bbo-csv --utc-offset -08:00 --close tomorrow day.csv
    ;;
  data_errors)
    refuse 3 'nothing.csv' import --format bbo-csv --utc-offset -08:00 nothing.csv
    make_bbo
    sed '3s/70/71/' day.csv >wrong.csv
    refuse 3 'wrong.csv:3:[0-9]+: .*100 - bid' import --format bbo-csv --utc-offset -08:00 wrong.csv
    echo 'KXTEST-25DEC05-B9,yes' >>results.csv
    refuse 3 'second winner|unknown market' import --format bbo-csv --utc-offset -08:00 --settlement results.csv day.csv
    make_frames
    sed '3s/"0.4600"/"0.46000"/' frames.jsonl >wrong.jsonl
    refuse 3 'wrong.jsonl:3:' import --format ws-jsonl wrong.jsonl
    refuse 3 'no session has this market' inspect --events 3 --market NOPE
    refuse 3 'available: 1, 2, 3$' inspect --events 3 --session 9
    ;;
  import)
    make_bbo
    make_frames
    # Without a store the files are checked.
    run import --format bbo-csv --utc-offset -08:00 --settlement results.csv day.csv
    has out 'nothing written'
    run import --format ws-jsonl - <frames.jsonl
    has out '1 gaps'
    run import --format ws-jsonl frames.jsonl
    refuse 3 'frames.jsonl|seq|gap|snapshot' import --format rest-json --taken-at 2025-12-04T12:00Z frames.jsonl
    needs_stores
    gzip -k day.csv
    run import --format bbo-csv --utc-offset -08:00 --settlement results.csv --store m.db day.csv.gz
    has out '1 sessions written to m.db'
    run import --format ws-jsonl --store w.db frames.jsonl
    run inspect --store m.db --min-length 3 --min-coverage 0 --market KXTEST-25DEC05-B1 --session 1
    has out 'length, decision groups +10'
    has out 'announced close +2025-12-06T05:00:00Z'
    has out 'first decision +2025-12-04T20:10:16'
    has out 'result, YES pays +. 1.0000'
    # A file that fails leaves the store as it was.
    cp m.db before.db
    sed '3s/70/71/' day.csv >wrong.csv
    refuse 3 'wrong.csv' import --format bbo-csv --utc-offset -08:00 --store m.db day.csv wrong.csv
    cmp m.db before.db || fail "a failed import changed the store"
    echo 'no database' >plain.db
    refuse 3 'plain.db' inspect --store plain.db
    ;;
  generate)
    run generate --events 4
    has out 'nothing written'
    has out 'sha256 +[0-9a-f]{64}'
    grep sha256 out >first
    run generate --events 4
    grep sha256 out | cmp - first || fail "the same seed gave other sessions"
    needs_stores
    run generate --events 4 --store s.db
    # The store and the embedded set show the same markets.
    run inspect --store s.db --quiet
    mv out stored
    run inspect --events 4 --quiet
    cmp out stored || fail "the stored sessions differ from the embedded ones"
    ;;
  inspect)
    run inspect
    has out '^100 sessions'
    has out 'markets rejected: .*too short'
    has out '52 columns vary, 0 are constant; rank 52 of 52'
    run inspect --events 10 --session 2
    has out '^1 sessions'
    ;;
  *) fail "unknown case $case_name" ;;
esac
echo "$case_name: ok"
