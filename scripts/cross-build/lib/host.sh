# Sourced by scripts/cross-build: what this machine has to have, and how steps speak.
# shellcheck shell=bash

say() { printf '\033[1m==>\033[0m %4d s  %s\n' "$SECONDS" "$*"; }

# Runs a command; what it printed is shown only when it fails.
quietly() {
  local log
  log="$(mktemp)"
  if ! "$@" >"$log" 2>&1; then
    tail -n 60 "$log" >&2
    echo "cross-build: $1 failed; the whole output is in $log" >&2
    return 70
  fi
  rm -f "$log"
}

require_machine() {
  [ "$(id -u)" = 0 ] || { echo "cross-build: run it as root (sudo): it makes root file systems" >&2; exit 77; }
  [ "$(uname -m)" = x86_64 ] || { echo "cross-build: it runs on an x86-64 machine" >&2; exit 69; }
  command -v apt-get >/dev/null || {
    echo "cross-build: it needs a Debian or Ubuntu machine (apt-get)" >&2
    exit 69
  }
}

# require_commands COMMAND=PACKAGE…: installs what is missing.
require_commands() {
  local pair missing=()
  for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
  done
  ((${#missing[@]} == 0)) && return
  say "system packages: ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive quietly apt-get install -y --no-install-recommends "${missing[@]}"
}
