#!/bin/sh
# SPDX-License-Identifier: MIT
# Tests of the program as its user meets it. Usage: funding_arbitrage_ppo.sh PROGRAM CASE
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
hash_of() { sha256sum "$1" | cut -d' ' -f1; }

# A short tape and options that train in a second or two.
small="--network pointer --episode-length-days 1 --batch-size 32 --n-envs 2 --rollout-steps 24 --eval-episodes 2 --bootstrap 50"
make_data() { run generate-data --synthetic planted --days 20 --seed 3 --output-dir data; }
tape="--prices-path data/prices.csv --funding-path data/funding.csv"

case $case_name in
  help)
    run --help
    has out 'Examples:'
    for command in train evaluate infer generate-data validate-data; do
      has out "$command"
      "$program" $command --help >sub 2>&1 || fail "$command --help"
      has sub -- '--seed'
    done
    # Every flag of the seed's commands and the knobs it names.
    "$program" train --help >sub
    for flag in data-path sample-random-config num-episodes eval-every save-every batch-size learning-rate max-leverage \
      target-utilization max-positions device liquidation-buffer n-epochs episode-length-days entropy-coef value-coef; do
      has sub "--$flag"
    done
    ;;
  usage)
    refuse 2 "unknown flag '--num-episode'.*--num-episodes" --num-episode 3
    refuse 2 "unknown command 'trian'.*train" trian
    refuse 2 'cuda.*--threads' --device cuda
    refuse 2 'network' --network tiny
    # Where nothing is near, nothing is suggested.
    refuse 2 "unknown command 'zzzzzz' \(--help lists all\)$" zzzzzz
    refuse 2 "unknown flag '--zzzzzzzzzz' \(--help lists all\)$" --zzzzzzzzzz 3
    refuse 2 'go together' --prices-path data/prices.csv
    refuse 2 'num-episodes' --num-episodes many
    # A negative number is no huge one, and a number that does not fit is not cut.
    refuse 2 "num-episodes.*'-5'" --num-episodes -5
    refuse 2 "seed.*'99999999999999999999999'" --seed 99999999999999999999999
    refuse 2 'num-episodes 0' --num-episodes 0
    refuse 2 'n-envs 0' --n-envs 0
    refuse 2 'days' --days -3
    refuse 2 "unexpected 'more' after train" train more
    # Flags that would have no effect.
    refuse 2 'indicative-path' --indicative-path data/funding.csv
    refuse 2 'instruments-path' --instruments-path lots.csv
    refuse 2 'go together' --data-path o.csv --funding-path data/funding.csv
    refuse 2 'go together' --data-path o.csv --prices-path data/prices.csv
    refuse 2 'input' generate-data --input bars.csv
    for flag in '--days 30' '--synthetic planted' '--step-minutes 480' '--seed 7'; do
      refuse 2 "${flag%% *} has no effect with --from settlements" generate-data --from settlements --input bars.csv $flag
    done
    refuse 2 "unknown flag '--tapes'" generate-data --from settlements --input bars.csv --tapes 4
    refuse 2 'enter-threshold' infer --enter-threshold nan
    refuse 2 'exit-threshold' infer --exit-threshold 1.5
    refuse 2 'with --walk-forward above 1, name the folder of the run' --resume-from final_model.safetensors --walk-forward 2
    mkdir folder
    refuse 2 'name a checkpoint, such as folder/final_model.safetensors' --resume-from folder
    echo '{"num_episode": 3}' >config.json
    refuse 2 "unknown key 'num_episode'.*num-episodes" train --config config.json
    echo '{"zzzzzzzzzz": 3}' >config.json
    refuse 2 "unknown key 'zzzzzzzzzz'$" train --config config.json
    ;;
  config_errors)
    refuse 4 'max_leverage = 20' --max-leverage 20
    refuse 4 'stop_loss' --stop-loss 0.5
    for capital in -5 0 nan inf; do
      refuse 4 "--initial-capital $capital: expected an amount in USD above 0" --initial-capital $capital
    done
    refuse 4 'episode-length-days = 1e\+18' --episode-length-days 1e18
    make_data
    refuse 4 'too short' $tape --episode-length-days 30 --num-episodes 1
    refuse 4 'reward.scale' $tape --reward-scale nan --num-episodes 1 --episode-length-days 1
    ;;
  data_errors)
    refuse 3 'nothing.csv' --data-path nothing.csv
    : >empty.csv
    refuse 3 'empty.csv' --data-path empty.csv
    make_data
    printf 'ts_ms_utc,venue,price\n' >data/bad.csv
    refuse 3 'symbol' --prices-path data/bad.csv --funding-path data/funding.csv
    sed '5s/,[0-9.]*,/,abc,/3' data/prices.csv >data/text.csv
    refuse 3 'text.csv:5:' --prices-path data/text.csv --funding-path data/funding.csv
    refuse 3 'seconds' --prices-path data/prices.csv --funding-path "$(sed '2,$s/000,/,/' data/funding.csv >data/seconds.csv; echo data/seconds.csv)"
    ;;
  seed_commands)
    make_data
    [ -s data/opportunities.csv ] || fail "generate-data wrote no opportunities.csv"
    tiny="--num-episodes 10 --episode-length-days 1 --batch-size 32 --n-epochs 1 --eval-every 5 --save-every 5 --log-interval 1 --eval-episodes 2 --bootstrap 50"
    run --data-path data/opportunities.csv --sample-random-config --learning-rate 3e-4 $tiny
    has out 'opportunities'
    has out '^Episode 10: +Reward: -?[0-9.]+ +\| Loss: [-0-9.—]+ +\| Entropy: [0-9.—]+'
    has out 'Eval Mean Reward: -?[0-9.]+ ± [0-9.]+'
    has out 'checkpoints/best_model.safetensors'
    for file in best_model final_model checkpoint_ep5 checkpoint_ep10; do
      [ -s checkpoints/$file.safetensors ] || fail "no $file.safetensors"
    done
    # Logs and the readable form of each checkpoint lie beside the checkpoints.
    head -1 checkpoints/progress.csv | grep -q '^time/total_timesteps,.*train/approx_kl' || fail "no header in progress.csv"
    [ "$(wc -l <checkpoints/progress.jsonl)" -eq "$(tail -n +2 checkpoints/progress.csv | wc -l)" ] || fail "progress.jsonl and .csv differ"
    [ "$(wc -l <checkpoints/episodes.jsonl)" -ge 10 ] || fail "fewer than 10 lines in episodes.jsonl"
    has checkpoints/episodes.jsonl '"return":'
    has checkpoints/final_model.json '"num_timesteps": [1-9]'
    has checkpoints/run.json '"flops": [1-9]'
    size=$(wc -c <checkpoints/final_model.safetensors)
    [ "$size" -gt 8500000 ] && [ "$size" -lt 10500000 ] || fail "final_model has $size bytes, expected about 9.5 MB"
    run --data-path data/opportunities.csv --max-leverage 1.0 --target-utilization 0.4 --max-positions 2 $tiny
    run --data-path data/opportunities.csv --max-leverage 3.0 --target-utilization 0.6 --max-positions 3 $tiny
    run --data-path data/opportunities.csv --max-leverage 5.0 --target-utilization 0.75 --max-positions 5 $tiny
    ;;
  infer)
    make_data
    run train $tape $small --num-episodes 8
    run infer $tape --checkpoint checkpoints/best_model.safetensors --episodes 5 --episode-length-days 1
    has out '^Episode 5: Reward= *-?[0-9.]+, Length=24$'
    has out '^Mean reward: -?[0-9.]+ ± [0-9.]+'
    refuse 5 'nowhere' infer $tape --checkpoint nowhere.safetensors
    head -c 1000 checkpoints/best_model.safetensors >cut.safetensors
    refuse 5 'cut.safetensors' infer $tape --checkpoint cut.safetensors
    ;;
  infer_state)
    make_data
    run train $tape $small --num-episodes 4
    run infer $tape --checkpoint checkpoints/best_model.safetensors --episodes 1 --episode-length-days 1 --states-output states.jsonl
    run infer $tape --checkpoint checkpoints/best_model.safetensors --episodes 1 --episode-length-days 1 --states-output states.jsonl
    [ "$(wc -l <states.jsonl)" -eq 24 ] || fail "expected the 24 states of the last call"
    # The states of the episode, decided again from their JSON: same action and same observation hash on every line.
    run infer --checkpoint checkpoints/best_model.safetensors --state states.jsonl
    [ "$(wc -l <out)" -eq 24 ] || fail "expected 24 decisions"
    sed -E 's/.*"decision":\{"action_id":([0-9]+),"observation_sha256":"([0-9a-f]+)".*/\1 \2/' states.jsonl >expected
    sed -E 's/.*"action_id":([0-9]+).*"observation_sha256":"([0-9a-f]+)".*/\1 \2/' out >found
    cmp expected found || fail "decisions from JSON differ from the environment's"
    refuse 3 'cannot be read' infer --checkpoint checkpoints/best_model.safetensors --state data
    # A line that is wrong gets one error object; the stream goes on.
    { head -1 states.jsonl; echo '{"time": 3}'; echo 'nonsense'; printf '"\377"\n'; tail -1 states.jsonl; } >mixed.jsonl
    "$program" infer --checkpoint checkpoints/best_model.safetensors --state - <mixed.jsonl >out 2>err || fail "mixed stream"
    [ "$(wc -l <out)" -eq 5 ] || fail "expected five lines"
    [ "$(grep -c '"error"' out)" -eq 3 ] || fail "expected three error objects"
    ;;
  resume)
    make_data
    run train $tape $small --num-episodes 24 --total-steps 960 --save-every 10 --checkpoint-dir whole
    run train $tape $small --num-episodes 24 --total-steps 960 --save-every 10 --checkpoint-dir parts --stop-after-steps 480
    run train $tape $small --num-episodes 24 --total-steps 960 --save-every 10 --checkpoint-dir parts --resume-from parts/final_model.safetensors
    [ "$(hash_of whole/final_model.safetensors)" = "$(hash_of parts/final_model.safetensors)" ] || fail "resume differs from the whole run"
    for run in whole parts; do cut -d, -f1 $run/progress.csv >$run.steps; done
    cmp whole.steps parts.steps || fail "the log of the resumed run differs"
    [ "$(wc -l <whole/episodes.jsonl)" -eq "$(wc -l <parts/episodes.jsonl)" ] || fail "the resumed run lost lines of episodes.jsonl"
    refuse 5 'nowhere' train $tape $small --total-steps 960 --checkpoint-dir parts --resume-from nowhere.safetensors
    refuse 5 'seed|learning_rate' train $tape $small --total-steps 960 --seed 9 --checkpoint-dir parts --resume-from parts/final_model.safetensors
    # What was learned belongs to one reward and one kind of episode.
    for change in '--reward-scale 50' '--shaping-scale 1' '--episode-length-days 2'; do
      refuse 5 'reward|episode' train $tape $small --total-steps 960 $change --checkpoint-dir parts --resume-from parts/final_model.safetensors
    done
    run generate-data --synthetic planted --days 20 --seed 4 --output-dir other
    refuse 5 'data' train --prices-path other/prices.csv --funding-path other/funding.csv $small --num-episodes 24 --total-steps 960 --save-every 10 \
      --checkpoint-dir parts --resume-from parts/final_model.safetensors
    run train --prices-path other/prices.csv --funding-path other/funding.csv $small --total-steps 1200 --checkpoint-dir parts \
      --resume-from parts/final_model.safetensors --allow-data-change  # new episodes on the new data
    run generate-data --synthetic planted --days 30 --seed 4 --output-dir longer
    run train --prices-path longer/prices.csv --funding-path longer/funding.csv $small --total-steps 1300 --checkpoint-dir parts \
      --resume-from parts/final_model.safetensors --allow-data-change
    # In another folder the best model so far comes along.
    run train $tape $small --num-episodes 24 --total-steps 960 --save-every 10 --checkpoint-dir moved --resume-from whole/final_model.safetensors
    [ "$(hash_of whole/best_model.safetensors)" = "$(hash_of moved/best_model.safetensors)" ] || fail "the best model stayed behind"
    # Several folds: each goes on where it stopped, those that had not begun start.
    folds="$tape $small --walk-forward 2 --total-steps 480 --save-every 5"
    run train $folds --checkpoint-dir all
    run train $folds --checkpoint-dir some --stop-after-steps 240
    has out 'continue with --resume-from some$'
    [ ! -e some/fold2 ] || fail "the second fold began before the first had ended"
    run train $folds --checkpoint-dir some --resume-from some
    cp -r all late
    cp late/fold2/checkpoint_ep10.safetensors late/fold2/final_model.safetensors
    run train $folds --checkpoint-dir late --resume-from late
    for fold in fold1 fold2; do
      [ "$(hash_of all/$fold/final_model.safetensors)" = "$(hash_of some/$fold/final_model.safetensors)" ] || fail "resume differs in $fold"
      [ "$(hash_of all/$fold/final_model.safetensors)" = "$(hash_of late/$fold/final_model.safetensors)" ] || fail "late resume differs in $fold"
    done
    tail -1 out >some.verdict
    run train $folds --checkpoint-dir all --resume-from all
    tail -1 out | cmp - some.verdict || fail "another verdict after resume"
    refuse 5 'there is no data/fold1/final_model.safetensors' train $folds --resume-from data
    ;;
  split)
    # The choice of the model does not depend on the test window: with noise in its place every evaluation is the same.
    make_data
    choice() { sed -n '/"evaluations": \[/,/\]/p; /"chosen": /p; /"score": /p' "$1/run.json"; }
    run train $tape $small --num-episodes 40 --eval-every 5 --checkpoint-dir one
    grep '^hysteresis  ' out >one.table
    from=$(sed -n '/"test": {/,/}/s/.*"from": "\(.*\)".*/\1/p' one/run.json)
    from_ms=$(date -u -d "$from" +%s)000
    mkdir noise
    awk -F, -v OFS=, -v from="$from_ms" 'BEGIN { srand(1) } NR > 1 && $1 >= from { $4 *= 0.5 + rand(); $8 = $9 = "" } 1' \
      data/prices.csv >noise/prices.csv
    awk -F, -v OFS=, -v from="$from_ms" 'BEGIN { srand(2) } NR > 1 && $1 >= from { $4 = 0.02 * rand() - 0.01 } 1' \
      data/funding.csv >noise/funding.csv
    run train --prices-path noise/prices.csv --funding-path noise/funding.csv $small --num-episodes 40 --eval-every 5 \
      --checkpoint-dir two
    grep '^hysteresis  ' out >two.table
    if cmp -s one.table two.table; then fail "the noise is not in the test window"; fi
    for run in one two; do choice $run >$run.choice; done
    [ "$(grep -c growth_per_day one.choice)" -ge 5 ] || fail "fewer than five evaluations"
    cmp one.choice two.choice || fail "the chosen model depends on the test window"
    # A window in which nothing can be traded is named before the training.
    awk -F, -v OFS=, -v from="$from_ms" 'NR > 1 && $1 >= from { $6 = 60 } 1' data/prices.csv >noise/wide.csv
    refuse 4 'test window, 2025-01-17T09:00:00Z to .*: no eligible pair .* 64 a wide spread' train --prices-path noise/wide.csv \
      --funding-path data/funding.csv $small --num-episodes 4
    if grep -q 'Episode' out; then fail "trained before it looked at the windows"; fi
    # A period: only its rows are used, and one without rows is refused.
    run evaluate $tape --checkpoint one/best_model.safetensors --episode-length-days 1 --bootstrap 50 --window all \
      --start 2025-01-06 --end 2025-01-16
    has out '2025-01-06 to 2025-01-15'
    refuse 4 'leave no data' train $tape --start 2026-01-01
    refuse 4 "expected a time such as .*found 'soon'" train $tape --end soon
    ;;
  threads)
    make_data
    for n in 1 2 3 8; do
      run train $tape $small --n-envs 16 --num-episodes 160 --total-steps 1536 --threads $n --checkpoint-dir t$n
      [ "$(hash_of t1/final_model.safetensors)" = "$(hash_of t$n/final_model.safetensors)" ] || fail "$n threads give other bytes than 1"
    done
    ;;
  interrupt)
    make_data
    "$program" train $tape $small --total-steps 50000000 --checkpoint-dir c >out 2>err &
    pid=$!
    tries=0
    until grep -q '^Episode' out; do
      tries=$((tries + 1))
      [ $tries -lt 600 ] || fail "training does not start"
      sleep 0.1
    done
    kill -INT $pid
    code=0
    wait $pid || code=$?
    [ "$code" -eq 130 ] || fail "exit code $code instead of 130"
    run infer $tape --checkpoint c/final_model.safetensors --episodes 1 --episode-length-days 1
    # What has nothing to save ends by the signal itself, also while it waits for input.
    mkfifo states
    "$program" infer --checkpoint c/final_model.safetensors --state - <states >out 2>err &
    pid=$!
    exec 3>states
    sleep 0.5
    kill -TERM $pid
    code=0
    wait $pid || code=$?
    exec 3>&-
    [ "$code" -eq 143 ] || fail "exit code $code instead of 143 of a waiting infer"
    ;;
  full_disk)
    make_data
    run train $tape $small --num-episodes 4 --checkpoint-dir c
    if [ -e /dev/full ]; then  # a table that is lost on its way is no success
      code=0
      "$program" evaluate $tape --episode-length-days 1 --bootstrap 50 --checkpoint c/final_model.safetensors >/dev/full 2>err || code=$?
      [ "$code" -eq 3 ] || fail "exit code $code instead of 3 when standard output is full"
    fi
    before=$(hash_of c/final_model.safetensors)
    code=0
    (ulimit -f 100; "$program" train $tape $small --num-episodes 4 --checkpoint-dir c >out 2>err) || code=$?
    [ "$code" -eq 3 ] || fail "exit code $code instead of 3"
    [ "$before" = "$(hash_of c/final_model.safetensors)" ] || fail "the old checkpoint changed"
    ;;
  report)
    make_data
    run train $tape $small --num-episodes 8 --report report.html --sensitivity --trades-output trades.csv
    has report.html '<svg'
    if grep -Eq '<script|src="http|href="http' report.html; then fail "the report needs something from elsewhere"; fi
    has out 'hysteresis'
    # Other fees count on the embedded market too.
    run evaluate --synthetic planted --days 20 --episode-length-days 1 --bootstrap 50 --checkpoint checkpoints/best_model.safetensors
    grep '^planted oracle  ' out >usual.table
    echo '{"schema": "rlx.venues/1", "as_of": "2025-11-01", "venues": {"bybit": {"maker": 0.001, "taker": 0.002,
      "default_interval_hours": 8, "liquidation": {"rule": "entry", "fee": 0.005}, "status": "assumed",
      "classes": [{"symbols": "*", "tiers": [[0, 0.02, 25]]}]}}}' >dear.json
    run evaluate --synthetic planted --days 20 --episode-length-days 1 --bootstrap 50 --checkpoint checkpoints/best_model.safetensors \
      --venues-path dear.json
    if grep '^planted oracle  ' out | cmp -s - usual.table; then fail "--venues-path changes nothing on the embedded market"; fi
    refuse 3 'no_table.json' evaluate --checkpoint checkpoints/best_model.safetensors --venues-path no_table.json
    # Where nothing can be written is said before the training, not after it.
    refuse 3 'report.html' train $tape $small --num-episodes 8 --report data/prices.csv/report.html
    refuse 3 'trades-output /proc' train $tape $small --num-episodes 8 --trades-output /proc/nowhere/trades.csv
    if grep -q 'Episode' out; then fail "trained before it looked at the outputs"; fi
    run train $tape $small --num-episodes 8 --save-every 4 --report new/folder/report.html --quiet --tensorboard-dir board
    [ -s new/folder/report.html ] || fail "no report in a new folder"
    if grep -Eq 'report:|Episode|Eval|warning' out; then fail "--quiet shows more than tables and the verdict"; fi
    for tag in train/reward train/mean100 pnl/funding eval/score eval/reward_mean eval/reward_std eval/trades eval/max_drawdown; do
      grep -aq "$tag" board/* || fail "TensorBoard has no $tag"
    done
    for key in library command flags seed machine compiler config data venues_sha256 observation_hash report split network \
      evaluations best chosen chosen_checkpoint tables win_rate mean_hold_h utilization warnings wall_seconds total_wall_seconds; do
      grep -q "\"$key\":" checkpoints/run.json || fail "run.json has no $key"
    done
    has checkpoints/run.json 'checkpoint_ep4.safetensors'
    has checkpoints/run.json '"embargo-hours": "24"'
    tail -1 out | grep -Eq 'agent better than HOLD|no edge over HOLD at 95 %|agent worse than HOLD' || fail "the last line is no verdict"
    [ -s checkpoints/run.json ] || fail "no run.json"
    head -1 trades.csv | grep -q 'symbol' || fail "trades.csv has no header"
    run evaluate $tape --checkpoint checkpoints/best_model.safetensors --episode-length-days 1 --bootstrap 50
    has out 'agent better than HOLD|no edge over HOLD at 95 %|agent worse than HOLD'
    ;;
  validate)
    make_data
    run validate-data $tape
    has out 'Venues: binance, bybit'
    has out 'Missing settlements'
    # Rows that were detected after the time they are stamped with: a warning, with --strict-data an error.
    sed '1s/$/,detected_at/; 2,$s/$/,2098-01-01T00:00:00Z/' data/opportunities.csv >late.csv
    run validate-data --data-path late.csv
    has out 'WARNING: [0-9]+ rows were detected after the time'
    refuse 3 'strict-data: [0-9]+ rows were detected after the time' validate-data --data-path late.csv --strict-data
    head -5 data/opportunities.csv >short.csv  # one step: nothing is stale, and nothing knows the future
    run validate-data --data-path short.csv --strict-data
    ;;
  *) fail "unknown case $case_name" ;;
esac
echo "$case_name: ok"
