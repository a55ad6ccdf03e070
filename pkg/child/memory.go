package child

import (
	"os"

	"golang.org/x/sys/unix"
)

// memfdCreate is memfd_create(2), of Linux 3.17; tests make it fail.
var memfdCreate = unix.MemfdCreate

// inMemory returns a file in memory that holds data and is read from its beginning. It returns nil
// when there is no data, and on an older kernel.
func inMemory(data []byte) *os.File {
	if data == nil {
		return nil
	}
	fd, err := memfdCreate("list", unix.MFD_CLOEXEC)
	if err != nil {
		return nil
	}
	file := os.NewFile(uintptr(fd), "list")
	if _, err := file.WriteAt(data, 0); err != nil {
		_ = file.Close()
		return nil
	}
	return file
}
