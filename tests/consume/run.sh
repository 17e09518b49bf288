#!/bin/sh
# SPDX-License-Identifier: MIT
# Consumes the library in every way that the README names, as a project outside this tree would.
#
#   sh tests/consume/run.sh            all cases (about half an hour on two cores)
#   sh tests/consume/run.sh CASE...    some of them; the cases are listed below, `quick` are those that ctest runs
#
# Environment: RLX_CONSUME_DIR   where to build (default: a fresh folder that is removed at the end); the case `stage` renews the
#                                installed package in it
#              RLX_COMPILERS     default: those of g++ and clang++ that are installed
#              CMAKE_PREFIX_PATH where the dependencies are, if not in the system's folders
# A case whose tool is absent is skipped with a message (exit code 77 if it is the only one).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
quick="find_package components compiled add_subdirectory fetch_content deb vcpkg"
all="$quick readme strict fast_math no_rtti headers must_not_compile conan examples"

# ---- the cases; each runs in a shell of its own, so that its first failing command ends it ----

configure() {  # configure SOURCE BUILD [options]
  source=$1 build=$2
  shift 2
  cmake $generator -S "$source" -B "$build" "$@" >"$build.log" 2>&1 || { cat "$build.log" >&2; return 1; }
}

consume() {  # consume PROJECT NAME [options]: configures, builds and runs it with every compiler
  project=$1 name=$2
  shift 2
  for compiler in $compilers; do
    build=$work/$name-$(basename "$compiler")
    rm -rf "$build"
    configure "$here/$project" "$build" -DCMAKE_CXX_COMPILER="$compiler" "$@"
    cmake --build "$build"
    "$build/main"
    echo "$name: $compiler ok"
  done
}

with_stage() {  # the installed package, moved away from where it was installed to
  [ -f "$work/stage.done" ] || case_stage
  prefix="$work/moved/to/another place"
  use_prefix
}

use_prefix() { export CMAKE_PREFIX_PATH="$prefix${RLX_DEPENDENCIES:+:$RLX_DEPENDENCIES}"; }

case_stage() {
  rm -rf "$work/package" "$work/first" "$work/moved"
  configure "$root" "$work/package" -DRLX_BUILD_TESTS=OFF -DRLX_BUILD_EXAMPLES=OFF
  cmake --install "$work/package" --prefix "$work/first" >/dev/null
  mkdir -p "$work/moved/to"
  mv "$work/first" "$work/moved/to/another place"
  (
    cd "$work/moved/to/another place"
    strangers=$(find . -type f ! -path './include/rlx/*.hpp' ! -path './share/cmake/rlx/*.cmake' ! -path ./share/cmake/rlx/rlxCompiled.cpp ! -path ./share/licenses/rlx/LICENSE)
    [ -z "$strangers" ] || { echo "installed beside the library: $strangers" >&2; exit 1; }
    [ -f share/licenses/rlx/LICENSE ]
    if grep -rnF -e "$work" -e "$root" share; then echo "the package names folders of this machine" >&2; exit 1; fi
    list_headers() { (cd "$1" && find rlx -name '*.hpp' | sort); }
    [ "$(list_headers include)" = "$(list_headers "$root/include")" ] || { echo "not all headers are installed" >&2; exit 1; }
  )
  : >"$work/stage.done"
}

from_prefix() {  # from_prefix NAME: the last project did use that package
  for compiler in $compilers; do
    grep -qF "rlx_DIR:PATH=$prefix/" "$work/$1-$(basename "$compiler")/CMakeCache.txt" ||
      { echo "$1 did not use the package in $prefix" >&2; return 1; }
  done
}

case_find_package() {
  with_stage
  consume find_package find_package -DSOURCE=../main.cpp
  from_prefix find_package
}
case_components() { with_stage; consume components components; from_prefix components; }
case_compiled() {  # the program takes what it instantiates from the library that its own project builds
  with_stage
  consume compiled compiled
  from_prefix compiled
  for compiler in $compilers; do
    object=$(find "$work/compiled-$(basename "$compiler")/CMakeFiles/main.dir" -name 'main.cpp.o*')
    nm -C "$object" >"$work/symbols"
    grep -q 'U rlx::.*Graph<float>::build' "$work/symbols" || { echo "main.cpp takes no network from rlx::compiled" >&2; return 1; }
    if grep 'W rlx::.*Graph<float>::build' "$work/symbols"; then echo "main.cpp compiles what rlx::compiled holds" >&2; return 1; fi
  done
}
case_add_subdirectory() { consume add_subdirectory add_subdirectory -DRLX_SOURCE_DIR="$root"; }
case_fetch_content() { consume fetch_content fetch_content -DRLX_SOURCE_DIR="$root"; }

case_deb() {
  command -v dpkg-deb >/dev/null 2>&1 || skip "no dpkg-deb"
  with_stage
  rm -rf "$work/deb" "$work/deb_root"
  mkdir -p "$work/deb" "$work/deb_root/var/lib/dpkg"
  cpack -G DEB -B "$work/deb" --config "$work/package/CPackConfig.cmake" >"$work/deb/log" 2>&1 || { cat "$work/deb/log" >&2; return 1; }
  version=$(sed -n 's/^#define RLX_VERSION_\(MAJOR\|MINOR\|PATCH\) //p' "$root/include/rlx/core/version.hpp" | paste -sd. -)
  file=$work/deb/librlx-dev_${version}_all.deb
  [ "$(dpkg-deb -f "$file" Package Version Architecture)" = "Package: librlx-dev
Version: $version
Architecture: all" ] || { dpkg-deb -I "$file" >&2; return 1; }
  for need in libxtensor-dev nlohmann-json3-dev; do dpkg-deb -f "$file" Depends | grep -q "$need"; done
  dpkg-deb -c "$file" | awk '{print $6}' | grep -v '/$' >"$work/deb/files"
  if grep -vE '^\./usr/(include/rlx/.*\.hpp|share/cmake/rlx/([^/]*\.cmake|rlxCompiled\.cpp)|share/licenses/rlx/LICENSE|share/doc/librlx-dev/copyright)$' \
    "$work/deb/files"; then echo "the package holds what it should not" >&2; return 1; fi
  grep -q share/doc/librlx-dev/copyright "$work/deb/files"
  # Into a system of its own, which knows no other package and can say nothing about dependencies.
  : >"$work/deb_root/var/lib/dpkg/status"
  dpkg --root="$work/deb_root" --force-not-root --force-depends --log=/dev/null -i "$file" >/dev/null
  prefix=$work/deb_root/usr
  use_prefix
  consume find_package deb -DSOURCE=../small.cpp
  from_prefix deb
  dpkg --root="$work/deb_root" --force-not-root --log=/dev/null -P librlx-dev >/dev/null
  [ -z "$(find "$work/deb_root/usr" -type f 2>/dev/null)" ] || { echo "removing the package leaves files" >&2; return 1; }
}

case_vcpkg() {  # the port's own script; with vcpkg itself where it is installed
  option=
  [ -z "$generator" ] || option=-DGENERATOR=Ninja
  cmake $option -DOUT="$work/vcpkg" -DFEATURES="" -P "$here/vcpkg_port.cmake"
  cmake $option -DOUT="$work/vcpkg" "-DFEATURES=gzip;sqlite;http" -P "$here/vcpkg_port.cmake"
  prefix=$work/vcpkg/package
  use_prefix
  consume find_package vcpkg -DSOURCE=../small.cpp
  from_prefix vcpkg
  if command -v vcpkg >/dev/null 2>&1; then
    vcpkg install --classic "rlx[gzip,sqlite,http]" --overlay-ports="$root/cmake/ports" --x-install-root="$work/vcpkg_installed"
    prefix=$(dirname "$(find "$work/vcpkg_installed" -name rlxConfig.cmake)")/../..
    export CMAKE_PREFIX_PATH="$prefix"
    consume components vcpkg_components
  else
    echo "vcpkg: the program is not installed; the port was run by tests/consume/vcpkg_port.cmake alone"
  fi
}

list_public_headers() { (cd "$prefix/include" && find rlx -name '*.hpp' ! -path '*/detail/*' | sort); }
write_everything() {  # everything.hpp includes every public header
  mkdir -p "$work/everything"
  list_public_headers | sed 's/.*/#include <&>/' >"$work/everything/everything.hpp"
}

case_readme() {  # its program in its project by its lines, trained for a moment only
  with_stage
  rm -rf "$work/readme"
  mkdir -p "$work/readme/own"
  ln -s "$prefix" "$work/readme/rlx"  # what the lines call $HOME/rlx
  block() { awk -v kind="$1" '$0 == "```" kind { on = 1; next } /^```/ { if (on) exit } on' "$root/README.md"; }
  block cpp | sed "s/learn(100'000)/learn(4'096)/" >"$work/readme/own/main.cpp"
  grep -q "learn(4'096)" "$work/readme/own/main.cpp"
  block cmake >"$work/readme/own/CMakeLists.txt"
  lines=$(grep -A 1 '^cmake -S . -B build -DCMAKE_BUILD_TYPE=Release' "$root/README.md")
  (cd "$work/readme/own" && HOME="$work/readme" CXX="${compilers%% *}" sh -euc "$lines" | tee "$work/readme/output")
  tail -1 "$work/readme/output" | grep -qE '^-?[0-9]+\.[0-9]{2} ± [0-9]+\.[0-9]{2}$'
}

case_strict() {  # two translation units that include everything, warnings of the library's headers are errors
  with_stage
  write_everything
  consume flags strict "-DSOURCES=unit_a.cpp;unit_b.cpp" \
    "-DFLAGS=-Wall;-Wextra;-Wpedantic;-Wconversion;-Wshadow;-Wold-style-cast;-Werror;-I$work/everything"
  from_prefix strict
}
case_fast_math() { with_stage; consume flags fast_math -DSOURCES=fast_math.cpp "-DFLAGS=-O2;-ffast-math"; }
case_no_rtti() {
  with_stage
  write_everything
  consume flags no_rtti -DSOURCES=no_rtti.cpp "-DFLAGS=-fno-rtti;-Wall;-Wextra;-I$work/everything"
}

case_headers() {  # every public header is a translation unit of its own
  with_stage
  list_public_headers >"$work/headers.txt"
  for compiler in $compilers; do
    failed=0
    while read -r header; do
      printf '#include <%s>\n#include <%s>\n' "$header" "$header" >"$work/header.cpp"
      "$compiler" -std=c++20 -fsyntax-only -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wold-style-cast -Werror \
        -I "$prefix/include" "$work/header.cpp" || { echo "$compiler: <$header> does not compile alone" >&2; failed=1; }
    done <"$work/headers.txt"
    [ "$failed" -eq 0 ]
    echo "headers: $(wc -l <"$work/headers.txt") of them with $compiler ok"
  done
}

case_must_not_compile() {  # the first error of each is the sentence it expects; the controls compile
  with_stage
  for compiler in $compilers; do
    one_error=-fmax-errors=1
    case $("$compiler" --version) in *clang*) one_error=-ferror-limit=1 ;; esac
    for file in "$here"/must_not_compile/*.cpp; do
      expected=$(sed -n 's/^\/\/ expect: //p' "$file")
      status=0
      said=$("$compiler" -std=c++20 -fsyntax-only $one_error -fno-diagnostics-color -I "$prefix/include" "$file" 2>&1) || status=$?
      if [ -z "$expected" ]; then
        [ "$status" -eq 0 ] || { echo "$compiler: $file must compile: $said" >&2; return 1; }
      else
        echo "$said" | grep -F "error: " | head -1 | grep -qF "$expected" ||
          { echo "$compiler: $file: expected '$expected', found: $said" >&2; return 1; }
      fi
    done
    echo "must_not_compile: $compiler ok"
  done
}

case_conan() {
  command -v conan >/dev/null 2>&1 || skip "no Conan client (python3 -m pip install conan, in a virtual environment)"
  export CONAN_HOME="$work/conan"
  rm -rf "$CONAN_HOME" "$work/test_package"
  cp -r "$root/test_package" "$work/test_package"
  compiler=${compilers%% *}
  CXX=$compiler conan profile detect >/dev/null 2>&1
  installed() { dpkg-query -W -f '${Version}' "$1" 2>/dev/null | sed 's/^[0-9]*://; s/[-+].*//; s/\.*[a-z].*//'; }
  {
    echo "include(default)"
    echo "[conf]"
    echo "tools.build:compiler_executables={'cpp': '$compiler'}"
    echo "[platform_requires]"  # the system's packages stand for the dependencies: needs no server
    while read -r name package; do
      version=$(installed "$package")
      [ -n "$version" ] || skip "$package is not installed by dpkg"
      echo "$name/$version"
    done <<END
xtensor libxtensor-dev
nlohmann_json nlohmann-json3-dev
zlib zlib1g-dev
sqlite3 libsqlite3-dev
cpp-httplib libcpp-httplib-dev
openssl libssl-dev
END
  } >"$work/system.profile"
  readme=$(sed -n 's/^conan create \. \(.*"\) *# Conan 2$/\1/p' "$root/README.md" | tr -d '"')
  [ -n "$readme" ] || { echo "README.md has no line 'conan create . ...  # Conan 2'" >&2; return 1; }
  for options in "--build=missing -s compiler.cppstd=20" "$readme"; do
    conan create "$root" --no-remote --profile:all "$work/system.profile" $options -tf="$work/test_package" \
      >"$work/conan.log" 2>&1 || { cat "$work/conan.log" >&2; return 1; }
  done
  conan list "rlx/*:*" --cache
}

case_examples() {  # copied out of the tree, against the installed package
  with_stage
  rm -rf "$work/examples" "$work/examples_build"
  cp -r "$root/examples" "$work/examples"
  configure "$work/examples" "$work/examples_build" -DCMAKE_CXX_COMPILER="${compilers%% *}" -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_CXX_FLAGS_RELEASE=-O1
  grep -qF "rlx_DIR:PATH=$prefix/" "$work/examples_build/CMakeCache.txt"
  cmake --build "$work/examples_build"
  (cd "$work" && examples_build/custom_environment && examples_build/deribit_ladder_agent --help >/dev/null &&
    examples_build/funding_arbitrage_ppo --help >/dev/null && examples_build/kalshi_market_agnostic --help >/dev/null)
}

skip() { echo "skipped: $*"; exit 77; }

# ---- the driver ----

if [ -z "${RLX_COMPILERS:-}" ]; then
  RLX_COMPILERS=
  for compiler in g++ clang++; do
    command -v $compiler >/dev/null 2>&1 && RLX_COMPILERS="$RLX_COMPILERS $compiler"
  done
  export RLX_COMPILERS
fi
compilers=$(echo $RLX_COMPILERS)
generator=
command -v ninja >/dev/null 2>&1 && generator="-G Ninja"

if [ "${1:-}" = --case ]; then
  work=$RLX_CONSUME_DIR
  RLX_DEPENDENCIES=${CMAKE_PREFIX_PATH:-}
  "case_$2"
  exit
fi

[ $# -gt 0 ] || set -- $all
[ "$*" != quick ] || set -- $quick
for case in "$@"; do
  case " $all stage " in *" $case "*) ;; *) echo "there is no case '$case'; there are: $all" >&2; exit 2 ;; esac
done
if [ -z "${RLX_CONSUME_DIR:-}" ]; then
  RLX_CONSUME_DIR=$(mktemp -d)
  trap 'rm -rf "$RLX_CONSUME_DIR"' EXIT
  trap 'exit 130' INT TERM
fi
mkdir -p "$RLX_CONSUME_DIR"
RLX_CONSUME_DIR=$(cd "$RLX_CONSUME_DIR" && pwd)
export RLX_CONSUME_DIR
passed=0 failed=0 skipped=0
for case in "$@"; do
  echo "== $case"
  status=0
  sh "$here/run.sh" --case "$case" || status=$?
  case $status in
    0) passed=$((passed + 1)); echo "== $case: ok" ;;
    77) skipped=$((skipped + 1)) ;;
    *) failed=$((failed + 1)); echo "== $case: FAILED" ;;
  esac
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] || exit 1
[ "$passed" -gt 0 ] || exit 77
