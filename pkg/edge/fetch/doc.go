// Package fetch brings files from upstreams with stock rsync.
//
// A hash of the edge's and the upstream's name decides which upstream is tried first, so that many
// edges spread over their upstreams and each keeps its order. When an upstream fails, or has too
// many connections, the next one is tried.
package fetch
