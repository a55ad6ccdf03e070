// Package disk is what a lane sees of this host: it looks at paths below a watch root, lists
// directories and walks trees, always without what is not mirrored. All of this may wait for a slow
// file system, so the loop of a lane calls only functions whose comment says that they do not read
// from the disk; the others run beside the loop. Every walk ends with its context. The package
// decides nothing.
package disk
