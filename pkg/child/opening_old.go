//go:build !(arm64 || loong64 || riscv64)

package child

import "golang.org/x/sys/unix"

const sysOpen = unix.SYS_OPEN
