# Sourced by scripts/cross-build: the source tree that debian/rules builds from.
# shellcheck shell=bash
# shellcheck disable=SC2154 # repository and work are the caller's

# Node as the npm registry has it; the checksums are of what npm serves.
node_version=20.20.2
node_checksum() {
  case "$1" in
    x64) echo c3e7aaf69557617ff16376e83078daf2e862f086399b32b341f68ebcd5e72781 ;;
    arm64) echo 22f39737865492ba68bf7aa0f01f3af5b0ed5d9144b75a0ad52459c32d447998 ;;
  esac
}

# fetch_node ARCHITECTURE FOLDER: unpacks the official build below FOLDER; kept in a cache.
fetch_node() {
  local name="node-linux-$1" cache archive
  cache="$work/cache"
  archive="$cache/$name-$node_version.tgz"
  mkdir -p "$cache" "$2/$name"
  if [ ! -f "$archive" ]; then
    say "$name $node_version"
    (cd "$cache" && quietly npm pack --silent "$name@$node_version")
  fi
  echo "$(node_checksum "$1")  $archive" | sha256sum --check --status || {
    echo "cross-build: $archive is not the Node that this version of faceeval was tested with" >&2
    exit 65
  }
  tar -xzf "$archive" --strip-components=1 --no-same-owner -C "$2/$name"
}

# assemble_source FOLDER REVISION VERSION SUITE NODE_ARCHITECTURE: the files of the revision, its
# npm modules, the program compiled, both Nodes, and debian/.
assemble_source() {
  local folder="$1" revision="$2" version="$3" suite="$4"
  rm -rf "$folder"
  mkdir -p "$folder"
  git archive --format=tar "$revision" | tar -xf - --no-same-owner -C "$folder"
  fetch_node x64 "$folder/.toolchain"
  [ "$5" = x64 ] || fetch_node "$5" "$folder/.toolchain"
  (
    cd "$folder" || exit
    PATH="$PWD/.toolchain/node-linux-x64/bin:$PATH"
    say "npm modules"
    quietly npm install --no-save --ignore-scripts --loglevel=error --no-audit --no-fund
    # The lock file decides, not what the registry has since.
    git -C "$repository" show "$revision:package-lock.json" | cmp -s - package-lock.json || {
      echo "cross-build: package-lock.json does not fit package.json" >&2
      exit 65
    }
    say "compiling faceeval"
    node node_modules/typescript/bin/tsc -p tsconfig.build.json
    sed -i "s|^  \"version\": \".*\",\$|  \"version\": \"$version\",|" package.json
    mv packaging/debian debian
    write_changelog "$version" "$suite" "$(git -C "$repository" log -1 --format=%cD "$revision")" \
      <CHANGELOG.md >debian/changelog
  )
}

# write_changelog VERSION SUITE DATE: debian/changelog from the newest section of CHANGELOG.md.
write_changelog() {
  local maintainer
  maintainer="$(sed -n 's/^Maintainer: //p' debian/control)"
  printf 'faceeval (%s) %s; urgency=medium\n\n' "$(package_version "$1" "$2")" "$2"
  awk '/^## / { if (seen++) exit } seen && /^- / { sub(/^- /, "  * "); print; next }
    seen && /^  [^ ]/ { print "  " $0 }' | fold -s -w 78 | sed -E 's/ +$//; s/^([^ ])/    \1/'
  printf '\n -- %s  %s\n' "$maintainer" "$3"
}
