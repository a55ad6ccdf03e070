// Package follow keeps one directory as the tree that a stream tells of.
//
// A Follower has one loop that owns the backlog and applies what is small. Beside it a
// reader takes messages from the stream, and runs fetch what is large; both report to
// the loop. What the loop has taken is remembered on disk together with what of it is
// not carried out, so that the next start goes on there.
//
// A new edge, another epoch of the stream, or messages that the stream no longer holds
// make one comparison of the whole tree: the Follower goes on with the newest message
// and fetches everything meanwhile. Only when that has succeeded it removes what only
// this edge has, if that is allowed here.
package follow
