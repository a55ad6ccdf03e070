// Package daemon wires the parts into the running program and owns their start
// and stop order: configuration, locks, state, watchers, queues, lanes, fail
// log, plugins, status page. It decides nothing about paths.
//
// Order of a start: the watches are set first, then the full sync or the catch-up scan begins, then
// events are passed on. A change that happens meanwhile is seen by the scan and by the watches,
// which does no harm. Order of a stop: no more events, then lanes drain, then the state is saved.
package daemon
