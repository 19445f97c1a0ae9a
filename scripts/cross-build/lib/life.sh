# Sourced by scripts/cross-build/test: what a package goes through on one device.
# shellcheck shell=bash
# shellcheck disable=SC2154 # root, deb, suite, architecture, version and with_systemd: the caller's

# The number that the earlier package has; everything else in it is as in the tested one.
earlier_version=0.0.1
# How long something under test may stand still. Emulated on a busy machine, all is slow.
patience_seconds=600

life_of_a_package() {
  needed_step "a fresh root" fresh_root
  needed_step "an earlier version to upgrade from: $earlier_version" make_earlier
  needed_step "apt install ./$(basename "$deb"), as version $earlier_version" install_earlier
  step "what was installed: owners, modes, unit, user, manuals" check_installation
  needed_step "faceeval enroll" enrol
  needed_step "upgrade to $version with apt" upgrade
  step "the gallery and the settings are as they were" check_kept
  step "faceeval doctor" run_doctor
  step "faceeval identify" identify
  step "faceeval run on footage: a hit from the built-in broker" run_for_a_hit
  if ((with_systemd)); then
    step "systemd as PID 1" boot
    if ((step_passed)); then
      life_under_systemd
      step "power off" shut_down
    fi
    pull_the_plug
  fi
  step "apt remove: the program is gone, gallery and settings stay" remove_package
  step "apt purge: nothing is left" purge
}

fresh_root() {
  local base="$work/base-$suite-$architecture"
  # What every board has, and the client that the README names.
  make_root "$base" "$suite" "$architecture" ca-certificates,mosquitto-clients,systemd
  drop_root "$root"
  cp -a "$base" "$root"
  mkdir -p "$root/srv/test"
  make_sample "$root/srv/test"
  cp scripts/cross-build/lib/inside/* "$root/srv/test/"
  [ "$architecture" = amd64 ] || describe_board "$root"
  # The root is thrown away: nothing of it needs to survive a power cut.
  echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/throw-away"
  # A minimal root has no policy about services: none is to start while apt works.
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod 0755 "$root/usr/sbin/policy-rc.d"
}

make_earlier() {
  local tree
  tree="$(mktemp -d)"
  dpkg-deb --raw-extract "$deb" "$tree"
  sed -i "s/^Version: .*/Version: $(package_version "$earlier_version" "$suite")/" \
    "$tree/DEBIAN/control"
  sed -i "s|^  \"version\": \".*\",\$|  \"version\": \"$earlier_version\",|" \
    "$tree/usr/lib/faceeval/package.json"
  sed -i '\|usr/lib/faceeval/package.json$|d' "$tree/DEBIAN/md5sums"
  dpkg-deb --root-owner-group -Zgzip -z1 --build "$tree" "$root/srv/test/earlier.deb"
  rm -rf "$tree"
  cp "$deb" "$root/srv/test/faceeval.deb"
}

apt() { in_root "$root" apt-get -q -y "$@"; }
as_faceeval() { in_root "$root" runuser -u faceeval -- "$@"; }

install_earlier() {
  local before
  before="$(du -sm "$root" | cut -f1)"
  apt install /srv/test/earlier.deb
  in_root "$root" faceeval --version | grep -Fx "$earlier_version"
  note "installed size: faceeval $(($(in_root "$root" dpkg-query -W -f '${Installed-Size}' faceeval) / 1000)) MB," \
    "with what it depends on $(($(du -sm --exclude=archives "$root" | cut -f1) - before)) MB"
}

check_installation() {
  local expected
  while read -r expected path; do
    [ "$(in_root "$root" stat -c %a:%U:%G "$path")" = "$expected" ] ||
      { in_root "$root" stat -c "%n is %a:%U:%G, not $expected" "$path"; return 1; }
  done <<'MODES'
750:root:faceeval /etc/faceeval
640:root:faceeval /etc/faceeval/faceeval.yaml
700:faceeval:faceeval /var/lib/faceeval
755:root:root /usr/bin/faceeval
644:root:root /usr/lib/faceeval/dist/cli/faceeval.js
MODES
  in_root "$root" id faceeval | grep video
  in_root "$root" systemctl is-enabled faceeval
  in_root "$root" dpkg --verify faceeval
  [ "$(in_root "$root" dpkg-query -W -f '${Conffiles}' faceeval | grep -c faceeval.yaml)" = 1 ]
  in_root "$root" sh -c 'ls /usr/share/man/man1/faceeval.1.gz /usr/share/man/man5/faceeval-config.5.gz \
    /usr/share/bash-completion/completions/faceeval /usr/share/doc/faceeval/copyright'
  ! find "$root/usr/lib/faceeval" -name '*.so*' -path '*win32*' | grep .
}

# What a user does first: names a camera, which is the film here, and enrols somebody.
enrol() {
  sed -i 's|^\( *\)source: /dev/video0|\1source: /srv/test/footage.mp4\n\1loop: true|' \
    "$root/etc/faceeval/faceeval.yaml"
  # Whoever comes back after the film's four seconds of absence gives a hit again.
  printf 'hits:\n  cooldownMs: 3000\n' >>"$root/etc/faceeval/faceeval.yaml"
  # Emulated, more work on a frame takes longer than the supervisor waits for a sign of life. The
  # build is the one that a Raspberry Pi takes by itself.
  [ "$architecture" = amd64 ] || cat >>"$root/etc/faceeval/faceeval.yaml" <<'LIGHT'
detector:
  minFacePx: 90
recogniser:
  build: mobilefacenet-192-int8
LIGHT
  as_faceeval faceeval enroll Freya /srv/test/Freya.jpg
  as_faceeval faceeval identities --json | tee "$root/srv/test/identities" | grep Freya
}

upgrade() {
  apt install /srv/test/faceeval.deb
  in_root "$root" faceeval --version | grep -Fx "$version"
}

check_kept() {
  as_faceeval faceeval identities --json | diff "$root/srv/test/identities" -
  grep footage "$root/etc/faceeval/faceeval.yaml"
  [ "$(in_root "$root" stat -c %a:%U:%G /etc/faceeval/faceeval.yaml)" = 640:root:faceeval ]
}

run_doctor() { as_faceeval faceeval doctor; }

identify() {
  as_faceeval faceeval identify /srv/test/group.jpg | grep 'Freya at'
}

run_for_a_hit() {
  # A network of its own: the broker's port may be taken on this machine.
  in_lone_root "$root" /srv/test/run-for-a-hit "$patience_seconds" | tee "$root/srv/test/run.log"
  grep -q '"name":"Freya"' "$root/srv/test/run.log"
  note "$(grep '^memory' "$root/srv/test/run.log")$emulated"
}

remove_package() {
  apt remove faceeval
  [ ! -e "$root/usr/lib/faceeval" ]
  [ ! -e "$root/usr/bin/faceeval" ]
  [ -f "$root/etc/faceeval/faceeval.yaml" ]
  [ -d "$root/var/lib/faceeval" ]
}

purge() {
  apt purge faceeval
  if in_root "$root" getent passwd faceeval; then return 1; fi
  # The lists of systemd's and dpkg's own are no files of the package.
  ! find "$root/etc" "$root/usr" "$root/var" "$root/opt" "$root/run" -iname '*faceeval*' | grep .
}
