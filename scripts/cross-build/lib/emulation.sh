# Sourced by scripts/cross-build/test: programs of another architecture on this machine.
# shellcheck shell=bash

# enable_emulation ARCHITECTURE: the kernel hands arm64 programs to qemu, in every root.
enable_emulation() {
  [ "$1" != amd64 ] || return 0
  require_commands qemu-aarch64-static=qemu-user-static update-binfmts=binfmt-support
  mountpoint -q /proc/sys/fs/binfmt_misc ||
    mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
  [ -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ] || update-binfmts --enable qemu-aarch64
}
