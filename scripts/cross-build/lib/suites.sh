# Sourced by scripts/cross-build: the suites, and where their packages come from.
# shellcheck shell=bash

is_suite() { [[ "$1" == bookworm || "$1" == trixie || "$1" == jammy ]]; }
is_architecture() { [[ "$1" == amd64 || "$1" == arm64 ]]; }

# Packages of two suites differ in what they were linked against: the version says which suite it
# is, and sorts below the plain version.
package_version() { echo "$1~$2"1; }

# Address, release and component of every package list that this machine's apt reads, one a line.
machine_sources() {
  # shellcheck disable=SC2016 # apt expands
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    sort -u
}

# suite_sources SUITE: reads machine_sources' lines, and prints apt sources of that suite. What the
# machine has of the suite itself counts; another Debian release's mirrors have the suite as well.
suite_sources() {
  local suite="$1" own uri release component lines=()
  mapfile -t lines
  own="$suite"
  if ! printf '%s\n' "${lines[@]}" | grep -q " $suite " && [ "$suite" != jammy ]; then
    own="$(printf '%s\n' "${lines[@]}" | grep -oE -m 1 ' (bookworm|trixie) ' | tr -d ' ' || true)"
  fi
  for line in "${lines[@]}"; do
    read -r uri release component <<<"$line"
    case "$release" in
      "$own" | "$own-updates" | "$own-security")
        echo "deb $(source_options "$suite" "$uri")$uri $suite${release#"$own"} $component" ;;
    esac
  done
}

# Debian's mirrors have every processor; Ubuntu's have x86, and "ports" of it the others.
source_options() {
  case "$1:$2" in
    jammy:*ubuntu-ports*) echo '[arch=arm64] ' ;;
    jammy:*) echo '[arch=amd64] ' ;;
  esac
}

# require_suite_sources SUITE ARCHITECTURES: its sources, or an error that says what to do.
require_suite_sources() {
  local sources
  sources="$(machine_sources | suite_sources "$1")"
  has_architectures "$1" "$2" "$sources" || {
    echo "cross-build: apt on this machine has no source of $1 for ${2/,/ and }$(advice_on "$1")," \
      "run apt-get update, try again" >&2
    exit 69
  }
  echo "$sources"
}

has_architectures() {
  local architecture
  [ -n "$3" ] || return
  [ "$1" = jammy ] || return 0
  for architecture in ${2//,/ }; do
    [[ "$3" == *"[arch=$architecture]"* ]] || return
  done
}

advice_on() {
  local folder=/etc/apt/sources.list.d
  if [ "$1" = jammy ]; then
    echo ". Add Ubuntu's archive with its component universe to $folder (arm64 is on its mirrors" \
      'named ubuntu-ports, and wants [arch=arm64]) and its key to /etc/apt/trusted.gpg.d'
  else
    echo ", nor of another Debian, whose mirrors would have it. Add one to $folder"
  fi
}

# How apt reaches its servers from here (proxies, tolerance for clocks); a new root needs the same.
machine_apt_options() {
  apt-config dump --format '%f "%v";%n' Acquire |
    grep -E '^Acquire::(https?|Check-[A-Za-z-]*|Retries|ForceIPv[46])\b' || true
}
