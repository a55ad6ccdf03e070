//go:build arm64 || loong64 || riscv64

package child

import "golang.org/x/sys/unix"

// sysOpen is no call of its own on the newer architectures.
const sysOpen = unix.SYS_OPENAT
