// Package edges tests a hub, a source and edges together, on loopback, with the hub and each edge
// as a process of its own. The tests kill some of them, let the stream forget messages, fill disks,
// and send hostile messages. In the end each edge has what the source has.
package edges
