# Sourced by scripts/cross-build/test: one line a step, and what a step that failed said.
# shellcheck shell=bash

steps_passed=0
steps_failed=0
step_passed=1

# step NAME COMMAND…: the command runs with errexit; a line that it writes to descriptor 3 is
# printed below the step's. step_passed says how it went, and not the exit status: bash ignores
# errexit in all that is called as a condition, however deep.
step() {
  local name="$1" log notes from="$SECONDS" code
  shift
  log="$(mktemp)" notes="$(mktemp)"
  set +e
  (set -euo pipefail; "$@") >"$log" 2>&1 3>"$notes"
  code=$?
  set -e
  if ((code == 0)); then
    step_passed=1
    steps_passed=$((steps_passed + 1))
    printf 'pass  %4d s  %s\n' $((SECONDS - from)) "$name"
  else
    step_passed=0
    steps_failed=$((steps_failed + 1))
    printf 'FAIL  %4d s  %s\n' $((SECONDS - from)) "$name"
    tail -n 40 "$log" | sed 's/^/              | /'
  fi
  sed 's/^/              /' "$notes"
  rm -f "$log" "$notes"
}

# The same for what all later steps build on.
needed_step() {
  step "$@"
  ((step_passed)) || finish || exit 1
}

note() { echo "$*" >&3; }

finish() {
  echo "$steps_passed passed, $steps_failed failed"
  ((steps_failed == 0))
}
