# Sourced by scripts/cross-build/test: programs of another architecture on this machine.
# shellcheck shell=bash

# enable_emulation ARCHITECTURE: the kernel hands arm64 programs to qemu, in every root.
enable_emulation() {
  [ "$1" != amd64 ] || return 0
  # mmdebstrap asks arch-test whether programs of the other architecture start here.
  require_commands qemu-aarch64-static=qemu-user-static update-binfmts=binfmt-support \
    arch-test=arch-test
  mountpoint -q /proc/sys/fs/binfmt_misc ||
    mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
  [ -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ] || update-binfmts --enable qemu-aarch64
}

# describe_board ROOT: qemu passes this machine's /proc/cpuinfo on, and a library of ONNX Runtime
# crashes when an ARM program reads of x86 processors there. The root gets a Raspberry Pi 4's
# instead, with as many processors as there are.
describe_board() {
  local processor
  for ((processor = 0; processor < $(nproc); processor++)); do
    cat <<CPUINFO
processor	: $processor
BogoMIPS	: 108.00
Features	: fp asimd evtstrm crc32 cpuid
CPU implementer	: 0x41
CPU architecture: 8
CPU variant	: 0x0
CPU part	: 0xd08
CPU revision	: 3

CPUINFO
  done >"$1.cpuinfo"
}
