# Sourced by scripts/cross-build: root file systems, and commands in them.
# shellcheck shell=bash

# make_root DIR SUITE ARCHITECTURES PACKAGES: a fresh root, unless DIR is one of the same making.
make_root() {
  local root="$1" suite="$2" architectures="$3" packages="$4" sources options key
  sources="$(require_suite_sources "$suite" "$architectures")"
  key="$(printf '%s\n' "$suite" "$architectures" "$packages" "$sources" | sha256sum)"
  [ "$(cat "$root.key" 2>/dev/null)" != "$key" ] || return 0
  say "a root of $suite with $architectures"
  drop_root "$root"
  mkdir -p "$(dirname "$root")"
  options="$(mktemp)"
  machine_apt_options >"$options"
  # The lists of packages stay, for what is installed later.
  quietly mmdebstrap --mode=root --variant=minbase --architectures="$architectures" \
    --skip=cleanup/apt/lists --aptopt="$options" --aptopt='APT::Install-Recommends "false"' \
    --include="$packages" "$suite" "$root" - <<<"$sources"
  rm -f "$options"
  reach_out "$root"
  echo "$key" >"$root.key"
}

# Names and certificates as this machine has them.
reach_out() {
  local root="$1" file
  for file in /etc/resolv.conf /etc/hosts; do
    [ ! -e "$file" ] || cp --remove-destination -L "$file" "$root$file"
  done
  [ ! -e /etc/ssl/certs/ca-certificates.crt ] ||
    install -D -m 0644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
}

# in_root DIR COMMAND…: the mounts live in a namespace that ends with the command.
in_root() { enter_root true "$@"; }

# The same, with no network but the root's own loopback.
in_lone_root() { enter_root 'ip link set lo up' "$@"; }

enter_root() {
  local first="$1" root="$2" namespaces=(--mount --pid --fork --kill-child)
  shift 2
  [ "$first" = true ] || namespaces+=(--net)
  # shellcheck disable=SC2016 # the inner shell expands
  unshare "${namespaces[@]}" sh -c '
    mount -t proc proc "$0/proc" && mount -t sysfs sysfs "$0/sys" && mount -t tmpfs tmpfs "$0/tmp" &&
      { [ ! -e "$0.cpuinfo" ] || mount --bind "$0.cpuinfo" "$0/proc/cpuinfo"; } &&
      '"$first"' && exec chroot "$0" "$@"' \
    "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive ${SOURCE_DATE_EPOCH+"SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH"} "$@"
}

drop_root() {
  [ ! -e "$1" ] || rm -rf --one-file-system "$1"
  rm -f "$1.key" "$1.cpuinfo"
}
