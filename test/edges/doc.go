// Package edges tests a hub, a source and edges together, each edge and the hub as a
// process of its own on loopback: what they do when one of them is killed, when the
// stream has forgotten messages, when a disk is full, and when messages are hostile. In
// the end each edge has what the source has.
package edges
