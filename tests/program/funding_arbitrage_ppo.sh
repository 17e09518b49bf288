#!/bin/sh
# SPDX-License-Identifier: MIT
# Tests of the program as its user meets it. Usage: funding_arbitrage_ppo.sh PROGRAM CASE
. "$(dirname "$0")/common.sh"

# A short tape and options that train in a second or two.
small="--network pointer --episode-length-days 1 --batch-size 32 --n-envs 2 --rollout-steps 24 --eval-episodes 2 --bootstrap 50"
make_data() { run generate-data --synthetic planted --days 20 --seed 3 --output-dir data; }
tape="--prices-path data/prices.csv --funding-path data/funding.csv"

case $case_name in
  help)
    run --help
    has out 'Examples:'
    for command in train frontier evaluate infer generate-data validate-data; do
      has out "$command"
      "$program" $command --help >sub 2>&1 || fail "$command --help"
      has sub -- '--seed'
    done
    # Every flag of the seed's commands and the knobs it names.
    "$program" train --help >sub
    tr -s ' \n' '  ' <sub | grep -q 'USD, 1000 to 1e9' || fail "no range of --initial-capital"
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
    refuse 2 '--total-steps: expected at least 1' --total-steps 0
    for command in train evaluate infer; do
      for flag in '--tapes 2' '--days 30' '--synthetic planted'; do
        refuse 2 "${flag%% *} has no effect with data files" $command --data-path o.csv $flag
        refuse 2 "${flag%% *} has no effect with data files" $command $tape $flag
      done
      refuse 2 'date-order has no effect without --data-path' $command --date-order mdy
      refuse 2 'date-order has no effect without --data-path' $command $tape --date-order mdy
      refuse 2 'derive-intervals has no effect without --funding-path' $command --data-path o.csv --derive-intervals
      for flag in '--volume-unit base' '--on-conflict last' --strict-data; do
        refuse 2 "${flag%% *} has no effect without data files" $command --synthetic planted $flag
      done
    done
    for command in train evaluate infer; do
      for flag in '--profile moderate' '--max-leverage 3' '--target-utilization 0.5' '--max-positions 2' '--stop-loss -0.02' \
        '--liquidation-buffer 0.2'; do
        refuse 2 "${flag%% *} has no effect with --sample-random-config" $command --sample-random-config $flag
      done
    done
    refuse 2 'days has no effect with data files' validate-data $tape --days 30
    for flag in '--max-leverage 3' '--data-path o.csv' '--window val' '--episodes 2'; do
      refuse 2 "${flag%% *} has no effect with --state" infer --state states.jsonl $flag
    done
    # A flag of another command is told apart from one that does not exist.
    refuse 2 '--tapes belongs to train, frontier, evaluate, infer and validate-data: generate-data does not take it' generate-data --tapes 4
    refuse 2 '--learning-rate belongs to train and frontier: evaluate does not take it' evaluate --learning-rate 1e-4
    refuse 2 '--sensitivity belongs to train and evaluate: infer does not take it' infer --sensitivity
    refuse 2 '--episodes belongs to infer: without a command the program runs train, which does not take it' --episodes=3
    refuse 2 'enter-threshold' infer --enter-threshold nan
    refuse 2 'exit-threshold' infer --exit-threshold 1.5
    refuse 2 'with --walk-forward above 1, name the folder of the run' --resume-from final_model.safetensors --walk-forward 2
    mkdir folder
    refuse 2 'name a checkpoint, such as folder/final_model.safetensors' --resume-from folder
    echo '{"num_episode": 3}' >config.json
    refuse 2 "unknown key 'num_episode'.*num-episodes" train --config config.json
    echo '{"zzzzzzzzzz": 3}' >config.json
    refuse 2 "unknown key 'zzzzzzzzzz'$" train --config config.json
    echo '{"learning_rate": 1e-4}' >config.json
    refuse 2 'config.json: --learning-rate belongs to train and frontier: evaluate does not take it' evaluate --config config.json
    echo '{"seed": 1, "seed": 2}' >config.json
    refuse 2 "each key once per object, found 'seed' again" train --config config.json
    echo '{"num_episodes": 1, "num-episodes": 2}' >config.json
    refuse 2 "'num-episodes' and 'num_episodes' are one flag" train --config config.json
    echo '{"config": "other.json"}' >config.json
    refuse 2 "unknown key 'config'" train --config config.json
    ;;
  config_errors)
    refuse 4 'max_leverage = 20' --max-leverage 20
    refuse 4 'stop_loss' --stop-loss 0.5
    for capital in -5 0 5 999 1000000001 1e300 nan inf; do
      refuse 4 "--initial-capital [^ ]+: expected 1000 to 1e9 USD" --initial-capital $capital
    done
    refuse 4 'episode-length-days = 1e\+18' --episode-length-days 1e18
    make_data
    # The split is told with times and lengths, and with the reason where it is the embargo.
    refuse 4 'too short to split: train 259 steps \(10.79 days\) from 2025-01-01T00:00:00Z to 2025-01-11T18:00:00Z, validation 86 steps' \
      $tape --episode-length-days 30 --num-episodes 1
    refuse 4 'the embargo is too long for these data' $tape --start 2025-01-06 --end 2025-01-10 --episode-length-days 0.5
    refuse 4 'the embargo of 24 steps .*leaves nothing; .*--embargo-hours' $tape --start 2025-01-06 --end 2025-01-08
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
    # The whole range needs no split: neither windows of 15 days nor room for the embargoes.
    run infer $tape --checkpoint checkpoints/best_model.safetensors --episodes 1 --episode-length-days 15 --window all
    has out '^Episode 1: Reward= *-?[0-9.]+, Length=360$'
    run infer $tape --checkpoint checkpoints/best_model.safetensors --episodes 1 --episode-length-days 0.25 --window all \
      --start 2025-01-06 --end 2025-01-06T12:00
    has out '^Episode 1: Reward= *-?[0-9.]+, Length=6$'
    refuse 4 'too short to split' infer $tape --checkpoint checkpoints/best_model.safetensors --episode-length-days 15
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
    # A run that was killed behind its checkpoint has logged what now comes again.
    last=$(tail -1 parts/progress.csv | cut -d, -f1)
    tail -1 parts/progress.csv | sed "s/^$last,/$((last + 1)),/" >later
    cat later >>parts/progress.csv
    run train $tape $small --num-episodes 24 --total-steps 960 --save-every 10 --checkpoint-dir parts --resume-from parts/final_model.safetensors
    [ "$(hash_of whole/final_model.safetensors)" = "$(hash_of parts/final_model.safetensors)" ] || fail "resume differs from the whole run"
    for run in whole parts; do cut -d, -f1 $run/progress.csv >$run.steps; done
    cmp whole.steps parts.steps || fail "the log of the resumed run differs"
    [ "$(wc -l <whole/episodes.jsonl)" -eq "$(wc -l <parts/episodes.jsonl)" ] || fail "the resumed run lost lines of episodes.jsonl"
    refuse 5 'nowhere' train $tape $small --total-steps 960 --checkpoint-dir parts --resume-from nowhere.safetensors
    refuse 5 'seed|learning_rate' train $tape $small --total-steps 960 --seed 9 --checkpoint-dir parts --resume-from parts/final_model.safetensors
    # What was learned belongs to one reward and one kind of episode.
    for change in '--reward-scale 50' '--shaping-scale 1' '--episode-length-days 2'; do
      refuse 5 '(reward|episode): .*give the flags of the saved run$' train $tape $small --total-steps 960 $change --checkpoint-dir parts \
        --resume-from parts/final_model.safetensors
    done
    run generate-data --synthetic planted --days 20 --seed 4 --output-dir other
    refuse 5 'data_sha256: .*--allow-data-change accepts other data' train --prices-path other/prices.csv --funding-path other/funding.csv \
      $small --num-episodes 24 --total-steps 960 --save-every 10 --checkpoint-dir parts --resume-from parts/final_model.safetensors
    if grep -q LoadOptions err; then fail "the advice is for programmers"; fi
    run train --prices-path other/prices.csv --funding-path other/funding.csv $small --total-steps 1200 --checkpoint-dir parts \
      --resume-from parts/final_model.safetensors --allow-data-change  # new episodes on the new data
    # Scores on the old data do not compare: the model is chosen anew, among those judged on the new data.
    [ "$(sed -n 's/^best model: step \([0-9]*\),.*/\1/p' out)" -gt 960 ] || fail "the model was chosen on the old data"
    run generate-data --synthetic planted --days 30 --seed 4 --output-dir longer
    run train --prices-path longer/prices.csv --funding-path longer/funding.csv $small --total-steps 1300 --checkpoint-dir parts \
      --resume-from parts/final_model.safetensors --allow-data-change
    # Another seed is another run too, unless that is meant.
    seeded="$small --num-episodes 24 --total-steps 1200 --save-every 10 --seed 9 --checkpoint-dir seeded --resume-from whole/final_model.safetensors"
    refuse 5 'env_seed: saved 42, here 9 .*--allow-data-change accepts .*another seed$' train $tape $seeded
    run train $tape $seeded --allow-data-change
    has out 'resumed from whole/final_model.safetensors at step'
    # Nothing left to learn and nothing chosen yet: the model is judged, whatever lies in the folder.
    run train $tape $small --total-steps 960 --checkpoint-dir short --stop-after-steps 240
    [ ! -e short/best_model.safetensors ] || fail "240 steps were enough for an evaluation"
    cp whole/best_model.safetensors short
    run train $tape $small --total-steps 240 --checkpoint-dir short --resume-from short/final_model.safetensors
    has out '^best model: step 240, .* 1 candidates'
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
    # Costs that rise take from every policy that trades: of the sampled agent, whose trades hardly depend on them, each time more.
    run evaluate --synthetic calibrated --days 20 --profile aggressive --window all --episode-length-days 1 --bootstrap 50 \
      --checkpoint checkpoints/best_model.safetensors --sensitivity
    sed -n '/^sensitivity/,$p' out | grep '^x' >rows
    for fees in x0.5 x1 x2; do
      for delay in 0 1; do printf '%s %s deterministic\n%s %s sampled\n' $fees $delay $fees $delay; done
    done >expected
    awk '{ print $1, $2, $4 }' rows | cmp - expected || fail "rows of the sensitivity table"
    for delay in 0 1; do
      awk -v d=$delay '$2 == d && $4 == "sampled" { if (n++ && !($5 < last)) bad = 1; last = $5 } END { exit bad || n != 3 }' rows ||
        fail "dearer trading does not cost more at delay $delay"
    done
    awk '$2 == 0' rows | cut -c 16- >prompt.rows
    if awk '$2 == 1' rows | cut -c 16- | cmp -s - prompt.rows; then fail "the delay changes nothing"; fi
    # One of the two agents alone.
    evaluate="evaluate $tape --checkpoint checkpoints/best_model.safetensors --episode-length-days 1 --bootstrap 50"
    run $evaluate --policy sampled
    has out '^agent, sampled  '
    if grep -q '^agent  ' out; then fail "--policy sampled shows the deterministic agent"; fi
    run $evaluate --policy deterministic
    has out '^agent  '
    if grep -q '^agent, sampled  ' out; then fail "--policy deterministic shows the sampled agent"; fi
    # A constant learning rate stays, the usual one falls.
    rates() { awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "train/learning_rate") c = i } NR > 1 { print $c + 0 }' $1/progress.csv | sort -u; }
    run train $tape $small --num-episodes 8 --lr-schedule constant --learning-rate 1e-4 --checkpoint-dir constant
    [ "$(rates constant)" = 0.0001 ] || fail "--lr-schedule constant changes the learning rate"
    [ "$(rates checkpoints | wc -l)" -gt 2 ] || fail "the linear schedule does not fall"
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
    # A chosen period may be shorter than a training episode.
    run evaluate $tape --checkpoint checkpoints/best_model.safetensors --window all --start 2025-01-05 --end 2025-01-10 --bootstrap 50
    has out '; 2025-01-05 to 2025-01-09, 1 tape$'
    ;;
  walk_forward)
    # Every table says which folds it is of, and the whole run stands in one JSON and one report.
    make_data
    run train $tape $small --walk-forward 2 --num-episodes 8 --policy sampled --sensitivity --trades-output trades.csv \
      --report report.html
    for fold in 1 2; do
      has out "^fold $fold of 2, best model: step [0-9]+, .* candidates compared on the validation window"
      has out "^given: TradingConfig\(.*; fold $fold of 2, 2025-.* to 2025-.*, 1 tape$"
      has report.html "Learning, fold $fold of 2"
      has report.html "How the model was chosen.*, fold $fold of 2"
      has report.html "All policies, fold $fold of 2: given"
      grep -q "^given,$fold,1," trades.csv || fail "no trade of fold $fold in trades.csv"
    done
    has out '^given: TradingConfig\(.*; folds 1 to 2 pooled, 2025-.* to 2025-.*, 1 tape$'
    has out '^pooled over 2 folds, each fold.s own model on its own test window: profit, interval and USD are means per fold;'
    has out '^hysteresis tuned on the validation window of each fold$'
    has out '^sensitivity of the agent, given: TradingConfig\(.*\); folds 1 to 2 pooled$'
    tail -1 out | grep -Eq '^folds 1 to 2 pooled: (agent (better|worse) than HOLD|no edge over HOLD at 95 %)$' || fail "no pooled verdict"
    has report.html 'pooled over 2 folds'
    [ "$(head -1 trades.csv | cut -d, -f1-4)" = configuration,fold,tape,symbol ] || fail "columns of trades.csv"
    json=checkpoints/run.json
    has $json '"status": "finished"'
    [ "$(grep -c '^      "fold": [12],' $json)" -eq 2 ] || fail "run.json has not both folds"
    for key in split evaluations chosen chosen_checkpoint tables verdict; do
      [ "$(grep -c "^      \"$key\": " $json)" -eq 2 ] || fail "run.json has no $key for each fold"
    done
    sed -n '/^  "pooled": {/,/^  }/p' $json >pooled
    for key in verdict minus_hold minus_hold_low95 minus_hold_high95 method rows tables sensitivity; do
      has pooled "^    \"$key\": "
    done
    has pooled '"title": "given: .*; folds 1 to 2 pooled, '
    # The pooled table is the mean of the folds, for HOLD and for USD exactly.
    awk '/^      "tables": \[/ { table = 1 } /"funding_usd":/ { n++; sub(/,/, ""); value[n] = $2 }
      /^  "pooled": \{/ { of_folds = n }
      END { rows = of_folds / 2; for (i = 1; i <= rows; ++i) { d = value[of_folds + i] - (value[i] + value[rows + i]) / 2
        if (d > 1e-9 || d < -1e-9) exit 1 } exit rows < 4 }' $json || fail "the pooled USD are not the means of the folds"
    # One fold of several is named too.
    run evaluate $tape --checkpoint checkpoints/fold2/best_model.safetensors --episode-length-days 1 --bootstrap 50 --walk-forward 2
    has out '^given: .*; fold 2 of 2, 2025-'
    ;;
  known_window)
    # A model that is judged on what it was trained or chosen on: a line on stderr, a flag in the JSON and in the report.
    make_data
    run train $tape $small --num-episodes 8
    judge="evaluate --checkpoint checkpoints/best_model.safetensors --episode-length-days 1 --bootstrap 50 --json-output one.json"
    run $judge $tape
    [ ! -s err ] || fail "a warning on a window that the model does not know"
    has one.json '^  "overlaps_training": false'
    for window in train val all; do
      run $judge $tape --window $window --report one.html
      [ "$(grep -c 'warning: the model was trained and chosen on 2025-01-01T00:00:00Z to 2025-' err)" -eq 1 ] || fail "no warning"
      [ "$(wc -l <err)" -eq 1 ] || fail "expected one line on stderr"
      has one.json '^  "overlaps_training": true'
      has out '^note: the model was trained and chosen on'
      has one.html 'Note: the model was trained and chosen on'
    done
    # The same time in other files, cut otherwise.
    sed '2,40d' data/prices.csv >shorter.csv
    run $judge --prices-path shorter.csv --funding-path data/funding.csv --window train
    has err 'trained and chosen on .* of other files'
    run $judge $tape --train-fraction 0.3 --val-fraction 0.2
    has err 'trained and chosen on'
    # Another synthetic market is another market, whatever its dates; a tape among those of the training is not.
    run train --synthetic planted --days 20 --tapes 2 --seed 5 $small --num-episodes 8
    run $judge --synthetic planted --days 20 --seed 6 --window train
    has err 'trained and chosen on'
    run $judge --synthetic planted --days 20 --seed 7 --window train
    [ ! -s err ] || fail "a warning on another market"
    run infer $tape --checkpoint checkpoints/best_model.safetensors --episodes 1 --episode-length-days 1 --window train
    [ ! -s err ] || fail "a warning on another market"
    ;;
  figures)
    # JSON and trades of several tapes: USD are those of one tape, on average.
    make_data
    run train --synthetic planted --days 20 --tapes 3 $small --num-episodes 8 --policy sampled
    judge="evaluate --synthetic planted --days 20 --checkpoint checkpoints/best_model.safetensors --episode-length-days 1 --policy sampled"
    run $judge --tapes 3 --bootstrap 40 --trades-output trades.csv --json-output three.json
    has out '^given: .*, 3 tapes$'
    awk '/"(funding|price|fees|slippage|liquidation)_usd":/ { sub(/,/, ""); sum += $2 } /"win_rate":/ { print sum; exit }' three.json >json.usd
    awk -F, 'NR > 1 { sum += $17; tapes[$3] = 1 } END { for (t in tapes) n++; print sum / 3; exit n != 3 }' trades.csv >trades.usd ||
      fail "trades.csv has not the tapes 1, 2 and 3"
    paste json.usd trades.usd | awk '{ d = $1 - $2; exit !($1 != 0 && d < 0.01 && d > -0.01) }' || fail "USD of JSON and trades differ"
    [ "$(grep -c '"tapes": 3' three.json)" -eq "$(grep -c '"block_steps":' three.json)" ] || fail "rows without the number of tapes"
    # Too few trades for the interval to be believed, and how many resamples it may have.
    if grep -q '^note: only' out; then fail "a note on three tapes, on which ten blocks fit"; fi
    run $judge --tapes 1 --bootstrap 40 --json-output one.json
    has out '^note: only [0-9] blocks? of three mean holding times fit the window, fewer than 10: the intervals are narrower'
    has one.json '"only [0-9] blocks? of three mean holding times'
    for bootstrap in 0 39 1000001; do refuse 2 "--bootstrap: .*$bootstrap not in range .*40" $judge --bootstrap $bootstrap; done
    # Several configurations: each figure says whose it is.
    run train --synthetic planted --days 20 --sample-random-config $small --num-episodes 8 --policy sampled --sensitivity \
      --trades-output trades.csv --report panel.html
    has out '^sensitivity of the agent, conservative: TradingConfig\(leverage=1.0x, '
    has panel.html 'one step late; conservative: TradingConfig'
    cut -d, -f1 trades.csv | sort -u >configurations
    printf '%s\n' aggressive configuration conservative 'draw 1' 'draw 2' 'draw 3' moderate | cmp - configurations || fail "configurations in trades.csv"
    has checkpoints/run.json '"sensitivity": \{'
    if grep -q 'liquidations: ' out; then fail "a warning of liquidations that were none"; fi
    # A liquidation in training is a warning that says what to do, and stands in the manifest.
    run train --synthetic calibrated --days 40 $small --episode-length-days 5 --total-steps 2400 --max-leverage 10 \
      --liquidation-buffer 0.05 --stop-loss 0 --max-positions 1 --target-utilization 1
    warning='liquidations: [1-9] in episode [0-9]+: reduce --max-leverage or raise --liquidation-buffer; check data'
    has out "^warning: $warning$"
    has checkpoints/run.json "step [0-9]+: $warning"
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
    # A range is the only part that is checked.
    run validate-data $tape --start 2025-01-05 --end 2025-01-09T12:00
    has out '^Date range: 2025-01-05T00:00:00Z to 2025-01-09T11:00:00Z'
    has out '^Price rows: 6912$'
    run validate-data --data-path late.csv --end 2025-01-03
    has out '^Date range: .* to 2025-01-02T23:00:00Z'
    run validate-data --synthetic planted --days 10 --start 2025-01-05
    has out '^Date range: 2025-01-05T00:00:00Z to 2025-01-10T23:00:00Z'
    refuse 4 "--start nonsense: expected a time such as .*found 'nonsense'" validate-data $tape --start nonsense
    refuse 4 'no data from 2026-01-01T00:00:00Z' validate-data $tape --start 2026-01-01
    refuse 4 'no data from the beginning to before 2024-01-01T00:00:00Z' validate-data --data-path late.csv --end 2024-01-01
    # Rates without prices: told where some match, an error where nothing is left to trade.
    sed '2,$s/,bybit,ADAUSDT,/,bybit,ADA-USDT,/' data/funding.csv >some.csv
    run validate-data --prices-path data/prices.csv --funding-path some.csv
    has out '^WARNING: 1 of 65 instruments have no prices: bybit ADA-USDT\.'
    has out '^WARNING: 1 of 65 instruments have prices but no settlements: bybit ADAUSDT\.'
    sed '2,$s/,bybit,/,okx,/' data/funding.csv >none.csv
    refuse 3 'nothing can be traded: .* \(96 instruments, 32 without prices, 32 without settlements\)' validate-data \
      --prices-path data/prices.csv --funding-path none.csv
    has out '^WARNING: 32 of 96 instruments have no prices: okx '
    head -5 data/opportunities.csv >short.csv  # one step: nothing is stale, and nothing knows the future
    run validate-data --data-path short.csv --strict-data
    ;;
  data_flags)
    make_data
    # Two prices at one time: refused, or the last one stands.
    { cat data/prices.csv; sed -n 2p data/prices.csv | awk -F, -v OFS=, '{ $4 *= 1.5 } 1'; } >conflict.csv
    refuse 3 'conflict.csv:30722: .* conflicts with line 2 ' validate-data --prices-path conflict.csv --funding-path data/funding.csv
    run validate-data --prices-path conflict.csv --funding-path data/funding.csv --on-conflict last
    has out '^Conflicts: 1$'
    # 1,000 a day are too little in USD, and enough in coins of the dearer ones.
    awk -F, -v OFS=, 'NR > 1 { $5 = 1000 } 1' data/prices.csv >coins.csv
    run validate-data --prices-path coins.csv --funding-path data/funding.csv
    has out '^WARNING: no pair ever passes the filter: of 64 instruments .* 64 too little volume.*--volume-unit'
    run validate-data --prices-path coins.csv --funding-path data/funding.csv --volume-unit base
    if grep -q 'no pair ever passes' out; then fail "--volume-unit base does not count coins"; fi
    # In opportunity files coins are the usual unit.
    awk -F, -v OFS=, 'NR > 1 { $14 = 1000000 / $5 } 1' data/opportunities.csv >coins.csv
    run validate-data --data-path coins.csv
    has out '^Pairs that never pass the filter: 0$'
    awk -F, -v OFS=, 'NR > 1 { $14 = 1000 } 1' data/opportunities.csv >dollars.csv
    run validate-data --data-path dollars.csv --volume-unit quote
    has out 'no pair ever passes the filter'
    # Dates with slashes: refused without their order, 01/20/2025 is no day of a twentieth month.
    sed -E '2,$s#^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9:]{8})Z#\2/\3/\1 \4#' data/opportunities.csv | cut -d, -f1-10,13- >slashes.csv
    has slashes.csv '^01/02/2025 01:00:00,'
    refuse 3 'slashes.csv:2:1: .*needs its order' validate-data --data-path slashes.csv
    refuse 3 "slashes.csv:[0-9]+:1: .*found '01/13/2025" validate-data --data-path slashes.csv --date-order dmy
    run validate-data --data-path slashes.csv --date-order mdy
    has out '^Date range: 2025-01-02T01:00:00Z to 2025-01-20T23:00:00Z'
    # Intervals from the stamps give the same market as the column.
    run validate-data $tape
    grep -v '^File' out >whole.report
    cut -d, -f1-4 data/funding.csv >plain.csv
    refuse 3 'missing columns: interval_hours' validate-data --prices-path data/prices.csv --funding-path plain.csv
    run validate-data --prices-path data/prices.csv --funding-path plain.csv --derive-intervals
    grep -v '^File' out | cmp - whole.report || fail "derived intervals differ from the column"
    # Files of a venue that is not in the table are converted once it is defined.
    printf '%s\n' bar_open_ms_utc,exchange,symbol,contract,open,high,low,close,volume,funding_rate_settled_at_bar_open \
      1735689600000,Nowhere,BTCUSDT,perpetual,100,101,99,100,5,0.0001 >bars.csv
    convert="generate-data --from spot-perp-8h --input bars.csv --output-dir bars"
    refuse 3 "bars.csv:2:15: .*unknown venue 'Nowhere'.*define it in a venue file" $convert
    echo '{"schema": "rlx.venues/1", "as_of": "2025-11-01", "venues": {"nowhere": {"maker": 0.001, "taker": 0.002,
      "default_interval_hours": 8, "liquidation": {"rule": "entry", "fee": 0.005}, "status": "assumed",
      "classes": [{"symbols": "*", "tiers": [[0, 0.02, 25]]}]}}}' >nowhere.json
    run $convert --venues-path nowhere.json
    has bars/prices.csv '^1735689600000,nowhere,BTCUSDT,100,'
    # The lots of instruments: one each.
    printf 'venue,symbol,lot\nbinance,ADAUSDT,0.1\nbinance,ADAUSDT,0.2\n' >lots.csv
    refuse 3 'lots.csv:3:.* binance ADAUSDT has the lot 0.2 here and 0.1 on line 2' validate-data $tape --instruments-path lots.csv
    ;;
  frontier)
    sweep="frontier --network pointer --episode-length-days 1 --batch-size 32 --n-envs 2 --rollout-steps 24 --bootstrap 50
      --days 20 --total-steps 96 --held-out-episodes 20 --cvar-alpha 0.1 --cvar-weights 0,1"
    run $sweep --threads 2 --output one
    has out '^chosen: cvar_weight (0|1); against weight 0 the mean changes by [+-]'
    has out '^note: episodes of one tape overlap in time'
    has one/frontier.txt '^  0\.1 +1 +-?[0-9.]+ \[-?[0-9.]+, -?[0-9.]+\] +-?[0-9.]+ \['
    has one/frontier.svg 'weight 1'
    run $sweep --threads 1 --output other
    for file in frontier.txt frontier.svg; do cmp one/$file other/$file || fail "$file depends on the threads"; done
    has out '^95 % intervals: bootstrap over the held-out episodes; one training each'
    run $sweep --tail-features --sweep-seeds 2 --output seeing
    has out '^2 seeds: mean; 95 % intervals: bootstrap over seeds and held-out episodes'
    has seeing/frontier.json '"seeds": 2'
    test "$(grep -c '"mean_of_seeds": \[' seeing/frontier.json)" = 2 || fail "frontier.json holds not both weights"
    ! cmp -s one/frontier.svg seeing/frontier.svg || fail "--tail-features changes nothing"
    run $sweep --objective episode --output episodes --quiet
    has err '^warning: EpisodeCvar: [0-9]+ episodes for a tail'
    refuse 2 'cvar-weights: .*weights\[0\] = 1.*expected 0 first' frontier --cvar-weights 1,2
    refuse 2 'resume-from belongs to train' frontier --resume-from one
    touch file
    refuse 3 'output file/folder' $sweep --output file/folder
    ;;
  *) fail "unknown case $case_name" ;;
esac
echo "$case_name: ok"
