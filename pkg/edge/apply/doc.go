// Package apply brings single paths of a tree to the state that an entry says.
//
// Every path is looked up beneath the root by descriptors, and no link is followed: an entry whose
// path leads through a link or another file is refused. A file is written beside its place and
// renamed, so that a reader sees the old one or the new one. Each entry may be applied twice.
// Whether a deletion is wanted is decided by the callers.
package apply
