// Package plugins tells other programs about paths: after they were synced,
// or as soon as they change when a plugin is run alone with -m.
//
// A Plugin knows one kind of receiver (a socket, an http server, a command, a
// CDN) and nothing else: it formats events and hands them over. A Runner
// stands in front of each Plugin and gives it everything that the kinds have
// in common: a bounded queue that coalesces per path and never blocks the
// sync, retry with backoff, one delivery at a time per path, a bounded stop
// and figures for the status page. So a new kind is one small package; the
// suite in plugintest says when it is right.
//
// Delivery is at least once while the process lives: an event leaves the
// queue only when the receiver has it. A receiver may therefore see a path
// twice, and must not take the second time for a second change. Events of one
// path are delivered in order; a path that changes again before the receiver
// has heard of it is told once, with its latest state. Different paths may
// arrive in any order.
package plugins
