package testkit

import "os"

// Exists reports whether there is an entry at path, even if it is a dangling link.
func Exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
