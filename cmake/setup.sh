# SPDX-License-Identifier: MIT
# Sourced by tests/run.sh and examples/run.sh: installs what a fresh Debian or Ubuntu machine lacks, with apt and nothing else.
# Does nothing when all is there, so both scripts run again without the network.

rlx_packages="g++ cmake ninja-build libxtensor-dev nlohmann-json3-dev zlib1g-dev libsqlite3-dev libcpp-httplib-dev libssl-dev libfmt-dev"

# rlx_install PACKAGE... : installs the missing ones of rlx_packages and the arguments.
rlx_install() {
  if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "rlx: this is no Debian or Ubuntu; expecting these to be installed already: $rlx_packages $*"
    return 0
  fi
  rlx_missing=
  for package in $rlx_packages "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || rlx_missing="$rlx_missing $package"
  done
  [ -n "$rlx_missing" ] || return 0
  echo "rlx: installing with apt:$rlx_missing"
  rlx_sudo=
  if [ "$(id -u)" -ne 0 ]; then
    rlx_sudo=sudo
    command -v sudo >/dev/null 2>&1 || { echo "rlx: run as root once, or install these yourself:$rlx_missing" >&2; return 1; }
  fi
  $rlx_sudo apt-get update -qq
  # shellcheck disable=SC2086
  $rlx_sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $rlx_missing >/dev/null
}
