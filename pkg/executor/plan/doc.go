// Package plan decides what is to be done about a dirty path that was looked at: which
// queue it waits in, what stands in its place, when it is looked at again, or why it
// fails. It is pure: it asks no disk, no remote and no clock.
package plan
