# Sourced by scripts/cross-build/test: the root with systemd as its PID 1, in a container.
# shellcheck shell=bash
# shellcheck disable=SC2154 # root, emulated and patience_seconds are the caller's

life_under_systemd() {
  step "… the service starts with the system" starts_by_itself
  step "… systemctl stop: clean" stop_service
  step "… systemctl start: ready is notified" start_service
  ((step_passed)) || return 0
  step "… a hit is received" hit_from_service
  step "… the watchdog is fed" watchdog_is_fed
  step "… faceeval forget: it searches its files within its sandbox" forget_from_service
  step "… apt install again: the service that ran is restarted" reinstall_running
  step "… systemctl stop: clean" stop_service
}

boot() {
  [ ! -e "$root.cpuinfo" ] || show_board_to_services
  boot_container
  # Maintenance jobs that a container cannot do may fail; the manager has to be up.
  in_container timeout "$patience_seconds" systemctl is-system-running --wait || true
  in_container systemctl --version
}

# A service has a /proc of its own, so that only its unit can put something over it.
show_board_to_services() {
  cp "$root.cpuinfo" "$root/srv/test/cpuinfo"
  mkdir -p "$root/etc/systemd/system/service.d"
  printf '[Service]\nBindReadOnlyPaths=-/srv/test/cpuinfo:/proc/cpuinfo\n' \
    >"$root/etc/systemd/system/service.d/board.conf"
}

boot_container() {
  local waited=0
  rm -f "$root/usr/sbin/policy-rc.d"
  systemd-nspawn --quiet --register=no --keep-unit --private-network --directory="$root" \
    --console=pipe /lib/systemd/systemd >"$root.console" 2>&1 3>&- &
  echo $! >"$root.container"
  until in_container test -S /run/systemd/private 2>/dev/null; do
    if ! kill -0 "$(cat "$root.container")" || ((waited++ > patience_seconds)); then
      cat "$root.console"
      return 1
    fi
    sleep 1
  done
}

# The first process inside.
container_leader() { pgrep -o -P "$(cat "$root.container")"; }

in_container() {
  local leader
  leader="$(container_leader)" || return
  nsenter --target "$leader" --all --root /usr/bin/env -i --chdir=/ \
    PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 "$@"
}

property() { in_container systemctl show --value --property "$1" faceeval; }

# How long it takes to be ready is the unit's to bound: systemd ends a start that takes too long.
starts_by_itself() {
  until [ "$(property ActiveState)" = active ]; do
    [ "$(property NRestarts)" = 0 ] || service_failed
    [ "$(property ActiveState)" != failed ] || service_failed
    sleep 1
  done
  in_container systemctl --no-pager --full status faceeval || service_failed
}

start_service() {
  in_container systemctl start faceeval || service_failed
  [ "$(property ActiveState)/$(property SubState)" = active/running ]
  note "status: $(property StatusText)"
}

hit_from_service() {
  in_container /srv/test/receive-hit "$patience_seconds" "$(property MainPID)" |
    grep '"name":"Freya"' || service_failed
  note "$(in_container /srv/test/memory)$emulated"
}

# Longer than the minute after which systemd ends a service that does not feed it.
watchdog_is_fed() {
  local before
  before="$(property WatchdogTimestampMonotonic)"
  sleep 75
  [ "$(property WatchdogTimestampMonotonic)" -gt "$before" ] || service_failed
  [ "$(property NRestarts)/$(property ActiveState)" = 0/active ] || service_failed
}

# In a process of its own, beside vision and decoder.
forget_from_service() {
  in_container runuser -u faceeval -- faceeval forget Freya |
    grep 'searched .*faceeval.db,.*: nothing found' || service_failed
  [ "$(in_container runuser -u faceeval -- faceeval identities --json)" = '[]' ] || service_failed
}

reinstall_running() {
  local before
  before="$(property MainPID)"
  in_container apt-get -q -y install --reinstall /srv/test/faceeval.deb
  [ "$(property ActiveState)" = active ] || service_failed
  [ "$(property MainPID)" != "$before" ]
}

stop_service() {
  in_container systemctl stop faceeval
  [ "$(property Result)/$(property ExecMainStatus)" = success/0 ] || service_failed
  ! in_container pgrep -f /usr/lib/faceeval/
}

service_failed() {
  in_container systemctl --no-pager --full status faceeval || true
  in_container journalctl --no-pager --unit faceeval --lines 30 || true
  return 1
}

shut_down() {
  local process waited=0
  process="$(cat "$root.container")"
  in_container systemctl poweroff || true
  while kill -0 "$process" 2>/dev/null; do
    ((waited++ < patience_seconds)) || { cat "$root.console"; return 1; }
    sleep 1
  done
  rm -f "$root.container"
}

# For when it does not end by itself: all that runs in the container ends with its first process.
# An emulated one outlives systemd-nspawn.
pull_the_plug() {
  [ -f "$root.container" ] || return 0
  kill -KILL "$(container_leader)" "$(cat "$root.container")" 2>/dev/null || true
  rm -f "$root.container"
}
