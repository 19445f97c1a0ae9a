# Sourced by scripts/cross-build/test: the root with systemd as its PID 1, in a container.
# shellcheck shell=bash
# shellcheck disable=SC2154 # root and hit_seconds are the caller's



life_under_systemd() {
  step "… the service starts with the system" starts_by_itself || true
  step "… systemctl stop: clean" stop_service || true
  step "… systemctl start: ready is notified" start_service || return
  step "… a hit is received" hit_from_service || true
  step "… the watchdog is fed" watchdog_is_fed || true
  step "… systemctl stop: clean" stop_service || true
}

boot() {
  [ ! -e "$root.cpuinfo" ] || show_board_to_services
  boot_container
  # Maintenance jobs that a container cannot do may fail; the manager has to be up.
  in_container timeout 300 systemctl is-system-running --wait || true
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
    ((waited++ < 120)) || { cat "$root.console"; return 1; }
    sleep 1
  done
}

in_container() {
  local leader
  leader="$(pgrep -o -P "$(cat "$root.container")")" || return
  nsenter --target "$leader" --all --root --wd=/ /usr/bin/env -i \
    PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 "$@"
}

property() { in_container systemctl show --value --property "$1" faceeval; }

starts_by_itself() {
  local waited=0
  until [ "$(property ActiveState)" = active ]; do
    ((waited++ < hit_seconds)) || break
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
  in_container /srv/test/receive-hit "$hit_seconds" | grep '"name":"Freya"' || service_failed
  note "$(in_container /srv/test/memory)$emulated"
}

# The period is a minute, and it is fed three times in it.
watchdog_is_fed() {
  local before
  before="$(property WatchdogTimestampMonotonic)"
  sleep 45
  [ "$(property WatchdogTimestampMonotonic)" -gt "$before" ]
  [ "$(property NRestarts)" = 0 ]
  [ "$(property ActiveState)" = active ] || service_failed
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
  [ -f "$root.container" ] || return 0
  local process waited=0
  process="$(cat "$root.container")"
  in_container systemctl poweroff 2>/dev/null || true
  while kill -0 "$process" 2>/dev/null; do
    ((waited++ < 60)) || { kill -KILL "$process"; break; }
    sleep 1
  done
  rm -f "$root.container"
}
