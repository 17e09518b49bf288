#!/bin/sh
# SPDX-License-Identifier: MIT
# Sets up a fresh Debian/Ubuntu machine and passes every test: `sh tests/run.sh [ctest options]`.
set -eu
cd "$(dirname "$0")/.."
. cmake/setup.sh
rlx_install catch2 libcli11-dev

echo "rlx: configuring and building the tests in build/dev"
cmake --preset dev >/dev/null
cmake --build --preset dev
ctest --preset dev "$@"
