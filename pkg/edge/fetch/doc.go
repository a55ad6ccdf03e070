// Package fetch brings files from upstreams with stock rsync.
//
// Which upstream comes first is decided by a hash of the edge's and the upstream's
// name, so that many edges spread over their upstreams and each keeps to its order. One
// that fails, or has too many connections, makes way for the next.
package fetch
