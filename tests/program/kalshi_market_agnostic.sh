#!/bin/sh
# SPDX-License-Identifier: MIT
# Tests of the program as its user meets it; `learning` takes minutes. Usage: kalshi_market_agnostic.sh PROGRAM CASE
. "$(dirname "$0")/common.sh"

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

# Trains in a second.
small="--events 20 --total-timesteps 6000 --n-steps 128 --n-envs 8 --eval-every 2000 --save-every 2000"
# Columns of progress.csv that do not tell the time.
without_times() {
  awk -F, 'NR == 1 { for (i = 1; i <= NF; ++i) keep[i] = ($i != "time/fps" && $i != "time/time_elapsed"); n = NF }
           { for (i = 1; i <= n; ++i) if (keep[i]) printf "%s,", $i; print "" }' "$1"
}
# A table of policies: the agent's true edge, its share of the oracle's, the share of positive views, the lead over baselines.
judge_edge() {
  awk '$1 == "agent" { edge[$1] = $(NF - 2); positive[$1] = $7 }
       $1 == "final" { edge[$1] = $(NF - 2); positive[$1] = $8 }
       $1 == "oracle" { oracle = $(NF - 2) }
       /^(hold|random|favourite|cross once|passive maker) / && $(NF - 4) <= 0 { print "no lead over " $1; failed = 1 }
       END { for (name in edge) {
               if (edge[name] < 8) { print name ": true edge " edge[name] " below 8"; failed = 1 }
               if (edge[name] < 0.3 * oracle) { print name ": true edge " edge[name] " below 30 % of " oracle; failed = 1 }
               if (positive[name] < 75) { print name ": " positive[name] " % of the views positive, below 75"; failed = 1 } }
             exit failed }' "$1"
}
same_run() {
  for file in final_model.safetensors best_model.safetensors episodes.jsonl views.jsonl; do
    cmp "$1/$file" "$2/$file" || fail "$file of $1 and $2 differ"
  done
  without_times "$1/progress.csv" >first.csv
  without_times "$2/progress.csv" | cmp - first.csv || fail "progress.csv of $1 and $2 differ"
}

case $case_name in
  help)
    run --help
    has out 'Examples:'
    for command in import generate train frontier evaluate inspect; do
      has out "$command"
      "$program" $command --help >sub 2>&1 || fail "$command --help"
      has sub -- '--store'
    done
    # Every value of the seed's training plan by its name.
    "$program" train --help >sub
    for flag in learning-rate n-steps batch-size n-epochs gamma gae-lambda clip-range total-timesteps episodes-per-view \
      stages stage-episodes hold-out split min-length min-coverage min-quality strategy algorithm resume init-from; do
      has sub "--$flag"
    done
    has sub 'a2c.*learns to HOLD: give it --ent-coef'
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
    # A variable of the shell that is not set: never the embedded set in place of the user's store.
    for flag in --store --config --market; do refuse 2 "$flag: expected a value, found an empty one" inspect $flag ""; done
    refuse 2 '--resume: expected a value' train --resume ""
    echo '{"store": ""}' >config.json
    refuse 2 "config.json: 'store' is empty" inspect --config config.json
    refuse 2 '--utc-offset belongs to import: inspect does not take it' inspect --utc-offset -08:00
    refuse 2 'events.*-5' inspect --events -5
    refuse 2 "unknown command 'trian'.*train" trian
    refuse 2 "unknown flag '--total-timestep'.*--total-timesteps" --total-timestep 3
    refuse 2 'strategy' train --strategy random
    refuse 2 'name a model with --checkpoint' evaluate
    refuse 2 'eval-every 0' train --eval-every 0
    refuse 2 'expected ascending lengths' train --length-groups 50,x
    refuse 2 'batch-size has no effect with --algorithm a2c' train --algorithm a2c --batch-size 32
    refuse 2 'budget has no effect with --strategy hybrid' train --budget adaptive
    refuse 2 'price-rule has no effect with --layout extended' train --layout extended --price-rule join
    refuse 2 '--learning-rate belongs to train and frontier: evaluate does not take it' evaluate --learning-rate 1e-4
    echo '{"min_lenth": 3}' >config.json
    refuse 2 "unknown key 'min_lenth'.*min-length" inspect --config config.json
    echo '{"min_length": 3, "min-length": 4}' >config.json
    refuse 2 'are one flag' inspect --config config.json
    ;;
  config_errors)
    refuse 4 'edge' inspect --edge 2
    refuse 4 'min_coverage' inspect --min-coverage 1.5
    refuse 4 'none is left of .*too short' inspect --events 3 --min-length 100000
    refuse 4 'hold-out of .* is impossible' train --events 1 --min-length 3
    refuse 4 'hold-out of .* is impossible' train --hold-out 1 --events 5
    refuse 4 'contracts_per_order' train --contracts 200
    refuse 4 'PpoConfig.*batch_size' train --events 10 --total-timesteps 100 --n-steps 2 --n-envs 2
    refuse 4 'stages' train --events 4 --stages 500
    refuse 4 'edge 50 after 200; expected ascending' train --events 10 --length-groups 200,50 $small --output g
    refuse 4 'length-groups.*move the edges' train --events 10 --length-groups 50,100000 $small --output g
    [ ! -e g ] || fail "a group without views was found after the model of another"
    make_bbo
    refuse 4 '--utc-offset -08:00' import --format bbo-csv day.csv
    refuse 4 'expected .HH:MM' import --format bbo-csv --utc-offset 8 day.csv
    for size in 0 -1 nan 10000000000000 0.004; do
      refuse 4 "assumed-touch-size $size: expected contracts from 0.01" import --format bbo-csv --utc-offset -08:00 \
        --assumed-touch-size $size day.csv
    done
    refuse 4 'expected none, ticker' import --format bbo-csv --utc-offset -08:00 --close tomorrow day.csv
    ;;
  config_fuzz)
    # Other values and other bytes in a file of flags: the command runs, or refuses it with one line.
    cat >seed.json <<'END'
{"events": 2, "edge": 0.5, "lag": 2, "seed": 7, "data-seed": 11, "min_length": 50, "min-coverage": 0.2, "min-quality": 0.1, "quiet": false}
END
    run inspect --config seed.json
    LC_ALL=C awk 'BEGIN {
      srand(23); getline seed <"seed.json"
      bytes = split("{ } [ ] \" : , 9 E - . null \\ \\u12 \\ud800 \001 \302 \377", byte, " ")
      values = split("null true -1 0 -0.0 3.5 1e9 1e999 18446744073709551616 [] {} \"\" \"x\" [1,2] \"\\u0000\"", value, " ")
      for (i = 1; i <= 200; ++i) {
        text = seed
        if (i % 2) {  # another value of a key
          members = split(substr(seed, 2, length(seed) - 2), member, ", ")
          at = 1 + int(rand() * members)
          sub(/: .*/, ": " value[1 + int(rand() * values)], member[at])
          text = "{" member[1]
          for (k = 2; k <= members; ++k) text = text ", " member[k]
          text = text "}"
        } else {  # bytes taken out, put in, repeated
          for (changes = 1 + int(rand() * 3); changes > 0; --changes) {
            at = 1 + int(rand() * length(text)); kind = int(rand() * 3)
            put = kind == 0 ? "" : kind == 1 ? byte[1 + int(rand() * bytes)] : substr(text, 1 + int(rand() * length(text)), 12)
            text = substr(text, 1, at - 1) put substr(text, at + int(rand() * 4))
          }
        }
        printf "%s", text >("config" i ".json"); close("config" i ".json")
      } }'
    accepted=0
    for i in $(seq 200); do
      code=0
      timeout 60 "$program" inspect --events 1 --config config$i.json >out 2>err || code=$?
      case $code in
        0) accepted=$((accepted + 1)) ;;
        2 | 3 | 4) [ "$(wc -l <err)" -eq 1 ] || fail "expected one line on stderr of $(cat config$i.json)" ;;
        *) fail "exit code $code of $(cat config$i.json)" ;;
      esac
    done
    [ "$accepted" -ge 10 ] && [ "$accepted" -le 100 ] || fail "$accepted of 200 files were accepted"
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
    # A delta that takes more than its level holds lowers the quality, so the notes say it.
    sed '3s/"3.00"/"-3.00"/' frames.jsonl >clamp.jsonl
    run import --format ws-jsonl clamp.jsonl
    has out '1 clamped'
    refuse 3 'frames.jsonl|seq|gap|snapshot' import --format rest-json --taken-at 2025-12-04T12:00Z frames.jsonl
    needs_stores
    gzip -k day.csv
    run import --format bbo-csv --utc-offset -08:00 --settlement results.csv --store m.db day.csv.gz
    has out '1 sessions written to m.db'
    # The same recording twice would count twice, whatever is assumed of it; also within one import.
    refuse 3 'day.csv: expected a recording that is not in the store, found that of session 1 of m.db; leave the file out' \
      import --format bbo-csv --utc-offset -08:00 --assumed-touch-size 3 --store m.db day.csv
    refuse 3 'found that of day.csv.gz; leave the file out' import --format bbo-csv --utc-offset -08:00 day.csv.gz day.csv
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
    head -n 1 day.csv >header.csv
    refuse 3 'header.csv: expected at least one row' import --format bbo-csv --utc-offset -08:00 --store m.db day.csv header.csv
    cmp m.db before.db || fail "a failed import changed the store"
    echo 'no database' >plain.db
    refuse 3 'plain.db' inspect --store plain.db
    : >empty.db
    refuse 3 'empty.db: expected sessions, found none; fill it with the commands import or generate' inspect --store empty.db
    # A recording that has not ended is shown, but gives no views.
    LC_ALL=C sed 's/closed/active/g' m.db >open.db
    refuse 3 'open.db: expected at least one closed session, found 1 that are open or failed' inspect --store open.db
    has out '1 of them are not closed'
    refuse 3 'open.db: expected at least one closed session' train --store open.db --output g
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
    for seed in 7 8; do
      refuse 3 's.db: expected a new file, found one with 4 sessions' generate --events 5 --seed $seed --store s.db
    done
    : >empty.db
    run generate --events 4 --store empty.db
    ;;
  inspect)
    run inspect
    has out '^100 sessions'
    has out 'markets rejected: .*too short'
    # A market of which there is no view has no length or share that could be shown.
    has out 'never two-sided +-$'
    has out '52 columns vary, 0 are constant; rank 52 of 52'
    run inspect --events 10 --session 2
    has out '^1 sessions'
    ;;
  train)
    run train $small --output run
    has out '^views +[0-9]+: [0-9]+ to train on, [0-9]+ held out \(walk_forward\)'
    has out '^step .*held-out mean .*best$'
    has out 'phase 1, stage 1 ended: (steps|episodes)'
    has out '^agent '
    has out '^hold +0.00 +(-|\[0.00, 0.00\]) +0.00 +0.00 +0 +0 +100.0'
    has out "agent's lead"
    has out '^oracle '
    has out '^(PASS|FAIL)  runs without errors'
    tail -1 out | grep -Eq 'HOLD|nothing is claimed' || fail "the last line is no verdict"
    for file in best_model.safetensors final_model.safetensors checkpoint_2000.safetensors progress.csv episodes.jsonl \
      views.jsonl manifest.json report.html; do
      [ -s run/$file ] || fail "no $file"
    done
    ls run/tensorboard | grep -q tfevents || fail "no TensorBoard events"
    for tag in ep_rew_mean ep_rew_std ep_rew_min ep_rew_max ep_len_mean success_rate final_equity; do
      grep -aq "sources/[A-Z0-9.-]*/$tag" run/tensorboard/* || fail "TensorBoard lacks the $tag of a market"
    done
    head -1 run/progress.csv | grep -q 'train/entropy.*eval/mean_reward' || fail "no header in progress.csv"
    head -1 run/progress.csv | grep -q 'sources/' && fail "progress.csv has columns of single markets"
    has run/manifest.json '"feature_layout": "[0-9a-f]{64}"'
    has run/manifest.json '"criterion": "runs without errors'
    has run/views.jsonl '"split":"held_out"'
    has run/views.jsonl '"split":"rejected"'
    grep -E '"split":"held_out"' run/views.jsonl | grep -q '"episodes"' && fail "a held-out view has training episodes"
    has run/report.html '<svg'
    # The held-out views chose the best model, so the verdict is of the final one.
    run train --events 20 --seed 2 --total-timesteps 8000 --n-steps 128 --n-envs 8 --eval-every 2000 --output chosen
    has out "^mean $(sed -n 's/^final model *\([-0-9.]*\).*/\1/p' out) [$] per market"
    # So few steps cannot reach every target.
    code=0
    "$program" train $small --require-targets --output strict --quiet >out 2>err || code=$?
    [ "$code" -eq 7 ] || fail "exit code $code instead of 7 with --require-targets"
    ;;
  strategies)
    for strategy in schedule sequential curriculum balanced; do
      run train $small --strategy $strategy --output $strategy
      has $strategy/manifest.json "\"strategy\": \"$strategy"
    done
    run train $small --strategy sequential --budget adaptive --mirror --output mirror
    run train $small --strategy sequential --budget proportional --split random_events --output proportional
    run train --events 20 --total-timesteps 6000 --algorithm a2c --eval-every 2000 --output a2c
    run train $small --layout extended --output extended
    run train $small --price-rule join --contracts 5 --output join
    run train $small --length-groups 300,700 --output groups
    has out '^[1-9][0-9]* views are shorter than 300 decision groups and in no group'
    has out '^lengths 300-699$'
    has out 'mean reward of the final models in . by groups of lengths'
    [ -s groups/group2/best_model.safetensors ] || fail "no model of the second group"
    run train $small --init-from schedule/best_model.safetensors --output warm
    refuse 5 "actions '5 actions.*orders of 5" train $small --init-from join/best_model.safetensors --output wrong
    ;;
  resume)
    run train $small --output whole
    run train $small --output parts --stop-after-steps 2500
    has out 'continue with --resume parts'
    run train --resume parts
    has out 'resumed from parts/final_model.safetensors at step 3072'
    same_run whole parts
    # Without a final model the latest checkpoint serves; another folder gets the best model too.
    run train $small --output cut --stop-after-steps 4500
    rm cut/final_model.safetensors
    # A run that was killed has logged steps behind its last checkpoint, which come again.
    cp -r cut killed
    tail -1 killed/progress.csv | grep -q '^5120,' || fail "expected the logs to end behind the checkpoint"
    run train --resume killed
    has out 'resumed from killed/checkpoint_4000.safetensors at step 4096'
    same_run whole killed
    run train --resume cut --output elsewhere
    cmp whole/final_model.safetensors elsewhere/final_model.safetensors || fail "resumed elsewhere, the model differs"
    cmp whole/best_model.safetensors elsewhere/best_model.safetensors || fail "resumed elsewhere, the best model differs"
    # A model for each length group: the first is cut, the second not begun.
    run train $small --length-groups 50,500 --output groups_whole
    run train $small --length-groups 50,500 --output groups --stop-after-steps 2500
    has out 'continue with --resume groups'
    run train --resume groups
    for group in group1 group2; do same_run groups_whole/$group groups/$group; done
    # Short updates, of which many make one line of the logs.
    a2c="--events 20 --algorithm a2c --n-envs 4 --total-timesteps 4000 --eval-every 2000 --save-every 1000"
    run train $a2c --output a2c_whole
    run train $a2c --output a2c_parts --stop-after-steps 1111
    run train --resume a2c_parts --stop-after-steps 2345
    rm a2c_parts/final_model.safetensors
    run train --resume a2c_parts
    same_run a2c_whole a2c_parts
    refuse 5 'data|store_sha256' train --resume parts --data-seed 8
    # Also where the other sessions could not be split at all.
    refuse 5 'store_sha256' train --resume parts --events 1
    refuse 5 'strategy: saved' train --resume parts --strategy balanced
    refuse 5 'manifest.json' train --resume nowhere
    head -c 1000 whole/best_model.safetensors >cut.safetensors
    refuse 5 'cut.safetensors' evaluate --checkpoint cut.safetensors
    ;;
  stops)
    # Ten stops in every phase of the default strategy: steps 1 to 9000, 9001 to 13500, 13501 to 18000.
    for algorithm in ppo a2c; do
      steps="--events 20 --total-timesteps 18000 --n-steps 64 --n-envs 2 --eval-every 6000 --save-every 100000 --algorithm $algorithm"
      rm -rf parts
      run train $steps --output whole
      [ "$(grep -o 'phase [123] ended' out | sort -u | wc -l)" -ge 2 ] || fail "expected the phases to change"
      resume=""
      for stop in $(awk 'BEGIN { srand(11); for (p = 0; p < 3; ++p) { n = 0
          from = p == 0 ? 0 : p == 1 ? 9000 : 13500; size = p == 0 ? 9000 : 4500
          while (n < 10) { u = int((from + rand() * size) / 128) * 128 + 128; if (!(u in seen) && u < 18000) { seen[u] = 1; ++n; print u } } } }' | sort -n); do
        if [ -z "$resume" ]; then run train $steps --output parts --stop-after-steps $stop
        else run train --resume parts --stop-after-steps $stop; fi
        resume=parts
      done
      run train --resume parts
      same_run whole parts
    done
    ;;
  threads)
    for n in 1 2 8; do run train $small --mirror --threads $n --output t$n; done
    same_run t1 t2
    same_run t1 t8
    ;;
  interrupt)
    "$program" train --events 20 --n-steps 128 --eval-every 20000 --output run >out 2>err &
    pid=$!
    tries=0
    until grep -q held-out out; do
      tries=$((tries + 1))
      [ $tries -lt 600 ] || fail "no evaluation within a minute"
      sleep 0.1
    done
    kill -INT $pid
    code=0
    wait $pid || code=$?
    [ "$code" -eq 130 ] || fail "exit code $code instead of 130"
    has out 'stopped at step .* continue with --resume run'
    run train --resume run --stop-after-steps 1
    has out 'resumed from run/'
    ;;
  evaluate)
    run train $small --output run --quiet
    model=run/best_model.safetensors
    run evaluate --checkpoint $model --events 20 --policy both --fill-sensitivity --report report.html --record r.jsonl
    has out '^agent, sampled '
    has out '^passive maker '
    has out '^ *0.50 '
    has report.html 'How much depends on assumed fills'
    grep -q '<script' report.html && fail "the report has a script"
    views=$(sed -n 's/^views *\([0-9]*\) .*/\1/p' out)
    [ "$(grep -c final_observation r.jsonl)" -eq "$views" ] || fail "expected a recorded episode of each of $views views"
    has r.jsonl '"mask":\[1,'
    for views in train all; do run evaluate --checkpoint $model --events 20 --views $views; done
    # After one update an agent trades at random, which loses nearly everywhere.
    run train --events 20 --total-timesteps 1024 --n-steps 128 --n-envs 8 --eval-every 1024 --output early --quiet
    run evaluate --checkpoint early/final_model.safetensors --events 20 --views all --report early.html
    has out '^[1-9][0-9]* views lose and never win: KX[A-Z0-9-]+, '
    has early.html 'lose and never win'
    run evaluate --checkpoint $model --checkpoint run/final_model.safetensors --events 20
    has out '^ensemble '
    # No verdict from the views that chose the model (here before the end of its run) or trained it; the final model has one.
    run train --events 20 --seed 2 --total-timesteps 8000 --n-steps 128 --n-envs 8 --eval-every 2000 --output chosen
    best=$(sed -n 's/^best model: step \([0-9]*\),.*/\1/p' out)
    [ "$best" -lt 8000 ] || fail "the best model is the final one: choose another seed"
    for other in "" "--checkpoint chosen/final_model.safetensors"; do
      run evaluate --checkpoint chosen/best_model.safetensors $other --events 20 --seed 2 --report chosen.html
      tail -1 out | grep -Eq '^no verdict: these views chose chosen/best_model.safetensors.*final model.*other sessions$' ||
        fail "the last line does not say that these views chose the model"
      grep -Eq '^(PASS|FAIL) ' out && fail "success checks on the views that chose the model"
      has out '^passive maker '
      has chosen.html 'no verdict: these views chose'
    done
    for views in train all; do
      run evaluate --checkpoint chosen/final_model.safetensors --events 20 --seed 2 --views $views
      tail -1 out | grep -q '^no verdict: chosen/final_model.safetensors was trained on' || fail "a verdict on training views"
    done
    run evaluate --checkpoint chosen/final_model.safetensors --events 20 --seed 2
    has out '^(PASS|FAIL)  strong generalisation'
    tail -1 out | grep -Eq 'HOLD|nothing is claimed' || fail "no verdict of the final model"
    run evaluate --checkpoint chosen/best_model.safetensors --events 20 --data-seed 9
    tail -1 out | grep -Eq 'HOLD|nothing is claimed' || fail "no verdict on other sessions"
    # Other sessions are new to the model, another split of its own is not.
    run evaluate --checkpoint $model --events 10 --data-seed 9
    refuse 5 'trained on other views' evaluate --checkpoint $model --events 20 --hold-out 0.4
    refuse 5 'contracts' evaluate --checkpoint $model --contracts 5
    refuse 5 'nowhere' evaluate --checkpoint nowhere.safetensors
    refuse 3 'absent/r.html' evaluate --checkpoint $model --report absent/r.html
    needs_stores
    # The size that an import assumes at each touch is what fills find there.
    make_bbo
    for size in 1 10; do
      run import --format bbo-csv --utc-offset -08:00 --settlement results.csv --assumed-touch-size $size --store m$size.db day.csv
      run evaluate --checkpoint $model --store m$size.db --min-length 3 --min-coverage 0 --views all
      grep '^random ' out >touch$size
    done
    cmp -s touch1 touch10 && fail "random orders do not notice the assumed size of a touch"
    run generate --events 20 --store s.db
    run evaluate --checkpoint $model --store s.db
    has out '^oracle '
    has out '^agent .* -?[0-9]+[.][0-9]+$'  # its true edge
    ;;
  learning)
    # Columns without brackets: policy, mean, low, high, median, IQM, views +, events +, hold, ... and at the end the agent's
    # lead with its interval, then the true edge with its own. The best model was chosen on the held-out views, so the final
    # model, which no view chose, must pass as well, and the best model also on 200 sessions that no part of the run has seen.
    for seed in 1 2 3; do
      run train --seed $seed --total-timesteps 1500000 --output run
      grep -E '^(agent|final model|hold|random|favourite|cross once|passive maker|oracle) +-?[0-9]' out | tr -d '[],' >table
      sed "s/^/seed $seed: /" table
      [ "$(wc -l <table)" -eq 8 ] || fail "seed $seed: expected eight policies"
      judge_edge table || fail "seed $seed"
      run evaluate --checkpoint run/best_model.safetensors --data-seed 1001 --events 200 --views all
      grep -E '^(agent|hold|random|favourite|cross once|passive maker|oracle) +-?[0-9]' out | tr -d '[],' >table
      sed "s/^/seed $seed, new sessions: /" table
      [ "$(wc -l <table)" -eq 7 ] || fail "seed $seed: expected seven policies"
      judge_edge table || fail "seed $seed, new sessions"
    done
    for seed in 1 2 3 42; do
      run train --edge 0 --seed $seed --total-timesteps 1500000 --output run
      grep '^final model ' out | tr -d '[],' >table
      sed "s/^/no edge, seed $seed: /" table
      awk '{ exit !($3 >= -2 && $10 >= 95) }' table || fail "without an edge the final model of seed $seed does not hold"
    done
    ;;
  frontier)
    sweep="frontier --events 20 --total-timesteps 2048 --n-steps 128 --n-envs 8 --bootstrap 50 --cvar-alpha 0.2 --cvar-weights 0,1"
    run $sweep --threads 2 --output one
    has out '^chosen: cvar_weight (0|1); against weight 0 the mean changes by [+-]'
    has one/frontier.txt '^  0\.2 +1 +-?[0-9.]+ \[-?[0-9.]+, -?[0-9.]+\] +-?[0-9.]+ \['
    has one/frontier.svg 'weight 1'
    run $sweep --threads 1 --output other
    for file in frontier.txt frontier.svg; do cmp one/$file other/$file || fail "$file depends on the threads"; done
    run $sweep --objective episode --output episodes --quiet
    refuse 2 'cvar-weights: .*expected 0 first' frontier --cvar-weights 0.5
    refuse 2 'resume belongs to train' frontier --resume one
    ;;
  *) fail "unknown case $case_name" ;;
esac
echo "$case_name: ok"
