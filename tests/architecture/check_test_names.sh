#!/bin/sh
# SPDX-License-Identifier: MIT
# Test names travel through CMake lists on their way to ctest: brackets and semicolons in one merge or lose its neighbours.
# Usage: check_test_names.sh SOURCE_DIR
set -eu
cd "${1:?usage: check_test_names.sh SOURCE_DIR}/tests"
if grep -rnE --include='*.cpp' 'TEST_CASE\("[^"]*[][;\\][^"]*"' .; then
  echo "these test names hold one of [ ] ; \\ : choose other words" >&2
  exit 1
fi
