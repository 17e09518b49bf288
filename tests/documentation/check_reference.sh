#!/bin/sh
# SPDX-License-Identifier: MIT
# Every public declaration is documented: Doxygen has nothing to say of the headers. Skipped (77) without Doxygen.
# Usage: check_reference.sh SOURCE_DIR
set -eu
cd "${1:?usage: check_reference.sh SOURCE_DIR}"
command -v doxygen >/dev/null || { echo "skipped: doxygen is not installed"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
{ cat docs/Doxyfile; echo "OUTPUT_DIRECTORY = $work"; echo "INPUT = include"; echo "GENERATE_HTML = NO"; echo "GENERATE_XML = YES"; } |
  doxygen - 2>"$work/warnings" || true
grep -E 'warning:|error:' "$work/warnings" >&2 && exit 1
[ -s "$work/xml/index.xml" ] || { cat "$work/warnings" >&2; exit 1; }
echo "$(grep -c '<member ' "$work/xml/index.xml") declarations are documented"
