package fsevent

import (
	"bytes"
	"strings"
)

// tempSuffix is how many bytes a receiver of rsync appends to a temporary name:
// a dot and six characters of mkstemp(3).
const tempSuffix = 7

// Received tells whether from, in a directory whose last component is dir, is the temporary name
// under which a receiver of rsync writes the file called name. That is ".NAME.XXXXXX" beside it,
// where a NAME with a dot before it gets no second one and a very long one is cut short; or NAME in
// a directory of partly arrived files.
func Received(dir, from, name string) bool {
	switch dir {
	case ".sersync-partial", ".rsync-partial", ".~tmp~":
		return from == name
	}
	i := len(from) - tempSuffix
	if i < 2 || from[0] != '.' || from[i] != '.' || strings.IndexFunc(from[i+1:], notOfTemp) >= 0 {
		return false
	}
	kept, whole := from[1:i], strings.TrimPrefix(name, ".")
	return kept == whole || len(name)+tempSuffix >= nameMax && len(kept) > nameMax/2 && strings.HasPrefix(whole, kept)
}

// nameMax is the length of the longest name (NAME_MAX).
const nameMax = 255

// notOfTemp tells which characters mkstemp(3) does not use.
func notOfTemp(r rune) bool {
	return !bytes.ContainsRune([]byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"), r)
}
