// Package carry is what a lane does beside its loop: it looks at the paths of a batch,
// brings flights to the remote by the transport, asks which versions the remote has, and
// looks around afterwards, so that the loop can decide without reading from a disk. It
// owns no state of the lane: a flight goes in, an outcome comes out.
package carry
