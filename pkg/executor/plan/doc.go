// Package plan decides what is to be done about a dirty path that was looked at: in which queue it
// waits, which other path stands for it, when it is looked at again, or why it fails. It is pure:
// it asks no disk, no remote and no clock.
package plan
