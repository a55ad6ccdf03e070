package testkit

import "os"

// Exists reports whether something has the name path, be it a dangling link.
func Exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
