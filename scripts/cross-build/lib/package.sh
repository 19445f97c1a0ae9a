# Sourced by scripts/cross-build/build: from a source tree to a package.
# shellcheck shell=bash
# shellcheck disable=SC2154 # architecture, suite, revision, out and build_root are the caller's

# More than that takes too long to download for a board, and says that something slipped in.
max_package_bytes=$((120 * 1024 * 1024))

# The compilers are those of the suite, so that the C++ library fits; only the libraries that are
# linked against are of the other architecture.
make_build_root() {
  local packages=(build-essential debhelper lintian patchelf:amd64 python3) module
  local architectures=amd64
  if [ "$architecture" != amd64 ]; then
    architectures="amd64,$architecture"
    packages+=("crossbuild-essential-$architecture")
  fi
  for module in calib3d core imgcodecs imgproc videoio; do
    packages+=("libopencv-$module-dev:$architecture")
  done
  make_root "$build_root" "$suite" "$architectures" "$(IFS=,; echo "${packages[*]}")"
}

build_package() {
  local version folder="$build_root/build/faceeval" node_architecture=x64
  [ "$architecture" = amd64 ] || node_architecture="$architecture"
  version="$(git show "$revision:package.json" | sed -n 's/^  "version": "\(.*\)",$/\1/p')"
  SOURCE_DATE_EPOCH="$(git log -1 --format=%ct "$revision")"
  package="faceeval_$(package_version "$version" "$suite")_$architecture.deb"
  rm -rf "$build_root/build"
  assemble_source "$folder" "$revision" "$version" "$suite" "$node_architecture"
  say "$package: compiling the addons takes minutes"
  quietly in_root "$build_root" sh -c \
    "cd /build/faceeval && dpkg-buildpackage --host-arch '$architecture' -b -uc -us"
  check_package "$package"
  mkdir -p "$out"
  cp "$build_root/build/$package" "$out/"
  rm -rf "$build_root/build"
}

check_package() {
  local size
  size="$(stat -c %s "$build_root/build/$1")"
  ((size <= max_package_bytes)) || {
    echo "build: the package has $((size >> 20)) MiB, more than $((max_package_bytes >> 20))" >&2
    exit 70
  }
  say "lintian"
  in_root "$build_root" lintian --allow-root --fail-on error --tag-display-limit 0 "/build/$1"
}

package_sizes() {
  local bytes installed
  bytes="$(stat -c %s "$1")"
  installed="$(dpkg-deb --field "$1" Installed-Size)"
  echo "$((bytes / 1000000)) MB, installed $((installed / 1000)) MB"
}
