// Package follow keeps one directory equal to the tree of a stream.
//
// A Follower has one loop that owns the backlog and applies what is small. Beside it a reader takes
// messages from the stream, and runs fetch what is large; both report to the loop. The last message
// that the loop has taken is stored on disk together with what has not been applied yet, so that
// the next start goes on there.
//
// A new edge, another epoch of the stream, or messages that the stream no longer holds lead to one
// comparison of the whole tree: the Follower goes on with the newest message and meanwhile fetches
// everything that differs. Only after that has succeeded it removes what only this edge has, if its
// configuration allows it.
package follow
