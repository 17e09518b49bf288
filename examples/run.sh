#!/bin/sh
# SPDX-License-Identifier: MIT
# Sets up a fresh Debian/Ubuntu machine, builds the examples and runs one.
#
#   sh examples/run.sh                 the main job: train the funding-arbitrage agent on the embedded synthetic market,
#                                      evaluate it against the baselines, write report/index.html (where you stand)
#   sh examples/run.sh NAME [options]  another example, e.g. `cartpole_ppo` or `funding_arbitrage_ppo --help`
set -eu
start=$(pwd)
cd "$(dirname "$0")/.."
root=$(pwd)
. cmake/setup.sh
rlx_install libcli11-dev

preset=${RLX_PRESET:-release}  # a debugging preset if you ask for it
echo "rlx: building the example in build/$preset"
cmake --preset "$preset" -DRLX_BUILD_BENCHMARKS=OFF >/dev/null
name=${1:-funding_arbitrage_ppo}
if [ ! -f "examples/$name.cpp" ] && [ ! -f "examples/$name/main.cpp" ]; then
  echo "rlx: there is no example '$name'; there are:" >&2
  (cd examples && ls -d *.cpp */main.cpp 2>/dev/null | sed 's/\.cpp$//; s#/main$##; s/^/  /') >&2
  exit 2
fi
cmake --build --preset "$preset" --target "$name"

cd "$start"
if [ $# -gt 0 ]; then
  shift
  exec "$root/build/$preset/examples/$name" "$@"
fi
mkdir -p report
exec "$root/build/$preset/examples/funding_arbitrage_ppo" train --synthetic planted --tapes 8 --days 90 --network pointer \
  --profile moderate --total-steps 1200000 --eval-every 300 --save-every 2000 --log-interval 300 --sensitivity \
  --checkpoint-dir report/checkpoints --trades-output report/trades.csv --report report/index.html
