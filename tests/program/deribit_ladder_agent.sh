#!/bin/sh
# SPDX-License-Identifier: MIT
# Tests of the program as its user meets it. Usage: deribit_ladder_agent.sh PROGRAM CASE
. "$(dirname "$0")/common.sh"
# What the caller's shell happens to hold is none of a test's business.
for name in $(env | cut -d= -f1 | grep -E '^(TRAINING_|DERIBIT_|LLM_|RESEARCH_|HARD_MAX_)'); do unset "$name"; done
unset MODE UNDERLYINGS DRY_RUN ORDER_STYLE LOG_DIR SEED KILL_SWITCH_ENABLED LOOP_INTERVAL_SEC 2>/dev/null || true

small="--snapshots 60"
# A panel of one currency, a snapshot every six hours, each with calls of three expiries.
make_panel() {
  awk 'BEGIN {
    print "ts_ms,ccy,instrument,expiry_ms,strike,fwd,index,bid,ask,mark,mark_iv,delta,vega,oi,volume,volume_usd"
    for (i = 0; i < 20; ++i) {
      ts = 1767340800000 + i * 21600000
      for (day = 9; day <= 23; day += 7) {
        expiry = 1767945600000 + (day - 9) * 86400000
        if (expiry <= ts) continue
        for (k = 0; k < 4; ++k)
          printf "%.0f,BTC,BTC-%dJAN26-%d-C,%.0f,%d,90000,90000,0.%04d,0.%04d,0.%04d,0.45,0.%d,10,100,1,1\n",
            ts, day, 91000 + 1000 * k, expiry, 91000 + 1000 * k, 200 - 40 * k, 220 - 40 * k, 210 - 40 * k, 45 - 10 * k
      }
    }
  }' >panel.csv
}

case $case_name in
  help)
    run --help
    has out 'Examples:'
    has out 'Exit codes: 0 ok'
    for command in run replay export-dataset report verify train; do
      has out "$command"
      "$program" $command --help >sub 2>&1 || fail "$command --help"
      has sub 'deribit_ladder_agent'
      has sub 'Examples:'
    done
    "$program" run --help >sub
    has sub '\{paper,testnet\}'
    grep -q mainnet sub && has sub 'there is no mainnet'
    run --version
    ;;
  usage)
    refuse 2 "unknown command 'repaly'.*replay" repaly
    refuse 2 "unknown flag '--tick'.*--ticks" run --tick 3
    refuse 2 'venue' run --venue mainnet
    refuse 2 'ticks.*-1' run --ticks -1
    refuse 2 'index has no effect without recorded chains' run --index x.csv
    refuse 2 'data-seed has no effect with recorded chains' replay panel.csv --data-seed 3
    refuse 2 'chain has no effect with --venue testnet' run --venue testnet --chain panel.csv
    refuse 2 'LOGDIR' report
    refuse 2 'output' export-dataset logs
    refuse 2 'format' export-dataset logs -o x --format xml
    refuse 2 'train-share' train --train-share 0.99
    ;;
  settings)
    export TRAINING_MAX_CALLS_PER_EXPIRY=-1 EXPLORE_PROB=2
    refuse 2 'settings: 2 faults.*EXPLORE_PROB.*TRAINING_MAX_CALLS_PER_EXPIRY|settings: 2 faults.*TRAINING_MAX_CALLS_PER_EXPIRY.*EXPLORE_PROB' run
    unset TRAINING_MAX_CALLS_PER_EXPIRY EXPLORE_PROB
    echo '{"training_mod": true}' >settings.json
    refuse 2 "settings.json:1:[0-9]+.*training_mod.*training_mode" run --settings settings.json
    refuse 2 'absent.json' run --settings absent.json
    echo '[{"name": "calm", "target_delta": 0.2, "min_delta": 0.3, "max_delta": 0.1}]' >profiles.json
    refuse 2 'profiles.json: .*calm' run --profiles profiles.json
    UNDERLYINGS=BTC,XRP refuse 2 'UNDERLYINGS|XRP' run --ticks 1
    # The environment wins over the file, the file over the default.
    echo '{"training_mode": true, "underlyings": ["ETH"], "dry_run": true}' >settings.json
    run run --ticks 1 --settings settings.json --log-dir from_file
    has out 'training ladder, dry_run on'
    has out 'simulated'
    grep -q BTC out && fail "the file's underlyings were not used"
    TRAINING_MODE=off DRY_RUN=false run run --ticks 1 --settings settings.json --log-dir from_variables
    has out 'production rules.*dry_run off'
    ;;
  data)
    refuse 1 'absent.csv' replay absent.csv
    echo 'no,chain' >wrong.csv
    refuse 1 'wrong.csv' replay wrong.csv
    make_panel
    sed '5s/0.45,0.45/x,x/;9s/^[0-9]*/5/' panel.csv >wrong.csv
    refuse 1 'wrong.csv:[0-9]+' replay wrong.csv
    head -1 panel.csv >header.csv
    refuse 1 'no rows of a chain in header.csv' replay header.csv
    gzip -k panel.csv
    head -c 200 panel.csv.gz >cut.csv.gz
    refuse 1 'cut.csv.gz' replay cut.csv.gz
    UNDERLYINGS=ETH refuse 2 'UNDERLYINGS: the market has no ETH; it has BTC' replay panel.csv
    refuse 6 'nowhere' report nowhere
    refuse 6 'nowhere' verify nowhere
    ;;
  safety)
    export TRAINING_MODE=on
    DERIBIT_ENV=mainnet DERIBIT_BASE_URL=https://www.deribit.com refuse 4 'training never runs on mainnet' run
    DERIBIT_BASE_URL=https://www.deribit.com refuse 4 'mainnet' run --venue testnet
    DERIBIT_ENV=mainnet DERIBIT_BASE_URL=https://www.deribit.com refuse 4 'mainnet' replay
    export TRAINING_MODE=off
    DERIBIT_ENV=mainnet refuse 4 'https://test.deribit.com.*mainnet' run --venue testnet
    DERIBIT_BASE_URL=https://test.deribit.com.evil.org refuse 4 'evil' run --venue testnet
    DERIBIT_BASE_URL=http://test.deribit.com refuse 4 'http://test' run --venue testnet
    [ -z "$(ls)" ] || [ "$(ls | tr '\n' ' ')" = 'err out ' ] || fail "a refused start left files: $(ls)"
    # Mainnet is refused even where all agrees, before any key is read.
    DERIBIT_ENV=mainnet DERIBIT_BASE_URL=https://www.deribit.com refuse 4 'testnet only' run --venue testnet
    ;;
  secrets)
    export DERIBIT_CLIENT_ID=my-id DERIBIT_CLIENT_SECRET=hunter2secret LLM_API_KEY=llmsecretkey
    run run --ticks 2 --log-dir paper
    DERIBIT_CREDENTIALS_FILE=x refuse 2 'settings' run --venue testnet
    unset DERIBIT_CLIENT_ID
    refuse 2 'DERIBIT_CLIENT_ID|without HTTPS' run --venue testnet --log-dir testnet
    grep -rE 'hunter2secret|llmsecretkey|my-id' . && fail "a secret was written"
    unset DERIBIT_CLIENT_SECRET
    echo '{"client_id": "a", "client_secret": "hunter2secret"}' >key.json
    chmod 644 key.json
    DERIBIT_CREDENTIALS_FILE=key.json refuse 2 'chmod 600|without HTTPS' run --venue testnet
    grep -q hunter2secret out err && fail "the file's content was shown"
    true
    ;;
  paper)
    export TRAINING_MODE=on
    run run --ticks 12 --log-dir paper
    has out 'synthetic chain, seed 0'
    has out 'Training mode: candidate ladder:'
    has out '  \[moderate\] BTC-.*Δ≈0\.[0-9]{3}, DTE=[0-9.]+, IVRV=[0-9.]+'
    has out 'tick +0  training_mode'
    has out 'stopped after 12 ticks'
    run verify paper
    has out 'records in 1 files, all intact'
    # A venue that begins anew needs a log that does.
    refuse 6 'log-dir' run --ticks 1 --log-dir paper
    # Without a name every run finds a folder of its own.
    run run --ticks 1 --quiet
    run run --ticks 1 --quiet
    [ -d paper_run ] && [ -d paper_run-2 ] || fail "no folder of its own: $(ls)"
    # Nothing is sent in a dry run.
    DRY_RUN=true run run --ticks 3 --log-dir dry
    has out 'simulated'
    grep -q '"type":"plan"' dry/*.jsonl && fail "a dry run planned orders"
    # Recorded chains end the session.
    make_panel
    UNDERLYINGS=BTC ORDER_STYLE=take_bid run run --chain panel.csv --log-dir recorded
    has out 'stopped after 20 ticks'
    ;;
  model)
    # A model that does not answer leaves the decision to the rules; its key is nowhere. Training never asks it.
    export LLM_ENABLED=true LLM_BASE_URL=http://127.0.0.1:9 LLM_MODEL=none LLM_API_KEY=llmsecretkey
    code=0
    "$program" run --ticks 2 --log-dir log >out 2>err || code=$?
    [ "$code" -eq 2 ] && grep -q 'without HTTPS' err && { echo "$case_name: skipped, built without HTTPS"; exit 0; }
    [ "$code" -eq 0 ] || fail "exit code $code"
    has out '^model: connection failed'
    has out 'tick +0  llm_fallback_to_rule  OPEN_COVERED_CALL'
    grep -rq llmsecretkey . && fail "the key was written"
    TRAINING_MODE=on run run --ticks 2 --log-dir trained
    grep -q '^model' out && fail "training asked the model"
    LLM_BASE_URL=http://example.com refuse 2 'LLM_BASE_URL|llm_base_url' run --ticks 1
    ;;
  kill)
    export TRAINING_MODE=on
    mkdir latched
    echo '2026-01-02T08:05:00Z operator' >latched/kill.latch
    refuse 3 'kill switch.*latched/kill.latch' run --ticks 1 --log-dir latched
    mkdir asked
    touch asked/KILL
    refuse 3 'asked/KILL' run --ticks 1 --log-dir asked
    KILL_SWITCH_ENABLED=true refuse 3 'kill switch' run --ticks 3 --quiet --log-dir set
    [ -e set/kill.latch ] || fail "no latch was written"
    refuse 3 'latched' run --ticks 1 --log-dir set
    ;;
  damaged)
    TRAINING_MODE=on run replay $small --log-dir log --quiet
    file=$(ls log/*.jsonl | head -1)
    sed '2s/BTC/BTX/' "$file" >damaged && cp damaged "$file"
    for command in report verify 'export-dataset -o out.csv'; do refuse 6 "$(basename $file):2" $command log; done
    refuse 6 "$(basename $file):2" run --ticks 1 --log-dir log
    mkdir other
    for command in report verify 'export-dataset -o out.csv'; do refuse 6 'holds no agent_decisions' $command other; done
    ;;
  replay)
    export TRAINING_MODE=on
    run replay $small --log-dir one
    has out '60 ticks, [0-9]+ ladders of [0-9]+ legs'
    for strategy in conservative moderate aggressive; do has out "^$strategy +all"; done
    has out 'win %  +mean'
    has out '^aggressive mean .* won, worst .*conservative mean .*difference .*(different|not distinguishable)'
    for file in dataset.csv report.json report.html; do [ -s one/$file ] || fail "no $file"; done
    head -1 one/dataset.csv | grep -q '^decision_time,run_id,tick_seq,label,decision_source,action,strategy,' || fail "columns"
    has one/report.html '<svg'
    has one/report.html '% of a coin per contract'
    # The same bytes again. The folder is part of the configuration that is logged.
    mkdir again
    (cd again && "$program" replay $small --log-dir one >out 2>err) || fail "again"
    diff -r one again/one || fail "the same replay wrote something else"
    refuse 6 'folder of its own' replay $small --log-dir one
    run replay $small --log-dir other --data-seed 1
    cmp -s one/dataset.csv other/dataset.csv && fail "another market gave the same dataset"
    # With training off its settings change nothing.
    TRAINING_MODE=off run replay $small --log-dir off
    has out '^production +all'
    mv off first
    TRAINING_MODE=off TRAINING_MAX_CALLS_PER_EXPIRY=1 TRAINING_STRATEGIES=aggressive run replay $small --log-dir off
    diff -r first off || fail "training settings changed production"
    # Recorded files, plain and packed, are the same market.
    make_panel
    gzip -k panel.csv
    UNDERLYINGS=BTC run replay panel.csv --log-dir plain
    UNDERLYINGS=BTC run replay panel.csv.gz --log-dir packed
    cmp plain/dataset.csv packed/dataset.csv
    ;;
  recorded)
    # Real chains; without them there is nothing to check.
    data=${RLX_DATA:-$(dirname "$0")/../../../shared/data}/options
    [ -d "$data" ] || { echo "$case_name: skipped, $data is absent (set RLX_DATA)"; exit 0; }
    export TRAINING_MODE=on
    run replay $data/series/chain_6h_calls_dte0-35_delta0.03-0.75.csv.gz --index $data/series/index_path.csv --log-dir panel
    has out 'recorded chain, 2 files, 77580 rows, 0 dropped: 481 snapshots'
    has out '^481 ticks, [0-9]{2,} ladders of [0-9]{3,} legs, .* 0 ticks without a state'
    for strategy in conservative moderate aggressive; do
      for on in all BTC ETH; do has out "^$strategy +$on +[0-9]"; done
    done
    has out '^aggressive mean .*difference .*\[.*\]'
    [ "$(wc -l <panel/dataset.csv)" -gt 500 ] || fail "a dataset of $(wc -l <panel/dataset.csv) lines"
    for file in report.json report.html; do [ -s panel/$file ] || fail "no $file"; done
    run verify panel
    run replay $data/chains/deribit_options_snapshot_*.csv --log-dir snapshots
    has out '^3 ticks, 3 ladders of 30 legs, 30 filled, 0 denied'
    run train --chain $data/series/chain_6h_calls_dte0-35_delta0.03-0.75.csv.gz --index $data/series/index_path.csv \
      --total-steps 2000 --output trained
    has out '^agent against doing nothing: '
    ;;
  dataset)
    TRAINING_MODE=on run replay $small --log-dir log --quiet
    run export-dataset log -o legs.csv
    cmp legs.csv log/dataset.csv
    has out '[0-9]+ rows in legs.csv'
    run export-dataset log -o - --format jsonl
    head -1 out | grep -q '"strategy":"conservative"' || fail "no strategy in the first line"
    [ "$(wc -l <out)" -eq "$(($(wc -l <legs.csv) - 1))" ] || fail "CSV and JSON lines have different rows"
    run export-dataset log -o candidates.csv --table candidates
    head -1 candidates.csv | grep -q 'chosen' || fail "no column chosen"
    run report log --json r.json --html r.html
    cmp r.json log/report.json
    has r.html 'not distinguishable|different'
    refuse 1 'nowhere/x.csv' export-dataset log -o nowhere/x.csv
    ;;
  interrupt)
    TRAINING_MODE=on "$program" run --ticks 100000 --step-minutes 30 --log-dir log >out 2>err &
    pid=$!
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do grep -q 'tick +3' out || grep -q 'tick    3' out && break; sleep 0.5; done
    kill -INT $pid
    code=0
    wait $pid || code=$?
    [ "$code" -eq 0 ] || fail "exit code $code after Ctrl-C"
    has out 'stopped after [0-9]+ ticks \(interrupted\); [0-9]+ resting orders cancelled'
    tail -1 $(ls log/*.jsonl | tail -1) | grep -q '"type":"stop"' || fail "no stop record"
    run verify log
    ;;
  train)
    run train --snapshots 200 --total-steps 4000 --output trained
    has out 'learn on .* days'
    has out '^train +100 %.*took'
    for policy in agent none 'always conservative' 'always moderate' 'always aggressive' 'always all' random; do
      has out "^$policy +[+-]?[0-9]"
    done
    has out '^none +[+-]?0.000 +\[[+-]?0.000, [+-]?0.000\]'
    has out '^agent against doing nothing: (better|worse|not distinguishable); against always'
    for file in policy.safetensors checkpoint.safetensors result.json; do [ -s trained/$file ] || fail "no $file"; done
    has trained/result.json '"verdict"'
    run train --snapshots 200 --total-steps 4000 --output again --threads 1 --quiet
    cmp trained/policy.safetensors again/policy.safetensors || fail "one thread learned something else"
    cmp trained/result.json again/result.json
    "$program" train --total-steps 100000000 --output cut >out 2>err &
    pid=$!
    for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1; grep -q 'judge by' out && break; done
    sleep 1
    kill -INT $pid
    code=0
    wait $pid || code=$?
    [ "$code" -eq 130 ] || fail "exit code $code after Ctrl-C"
    [ -s cut/policy.safetensors ] || fail "nothing was saved"
    ;;
  *) fail "no such case: $case_name" ;;
esac
