// Package stream names what source, hub and edges share on a NATS server: streams,
// subjects, keys, and the JSON of reports and announcements. It does no I/O.
//
// # What is where
//
// Each tree has one stream (Name). Only its source publishes to it, on the subjects of Subjects.
// The server numbers the messages of a stream without a gap: that number is the sequence that an
// edge keeps.
//
// A tree has 16 subjects, and one more for its root. The topmost component of a path decides
// (Subject). So a path, all that is above it and all that is below it are on one subject: an edge
// that follows only some directories of a tree reads their shards, and the one of the root, in the
// right order. One subject per path would cost the server memory for each path.
//
// Once a message is stored, the server publishes it again on a subject of Live, with its sequence
// in HeaderSequence and without storing it. An edge follows a tree by a plain subscription to
// Live(tree). When a sequence arrives and earlier messages are missing, the edge reads those from
// the stream: a Get, sent as a request to GetSubject(tree), is answered by the messages one by one,
// each with HeaderSequence, and at their end by a message with the status EndOfBatch, or with
// NotFound when there is none. So the server keeps nothing for an edge, and an edge that is behind
// slows nobody.
//
// Edges have no permission to make a consumer: the messages of a consumer go to whatever subject
// its maker has named, so that an edge could have messages published where it must not publish
// itself. For the same reason edges live in an account of their own on the hub, where replies that
// they ask for cannot reach a stream.
//
// Each edge keeps one report for each tree under one key (ReportSubject), which the source reads;
// an edge that is a mirror has a second key (MirrorSubject), which the other edges of the tree
// read. Both are buckets of NATS's key-value store: the last message of each subject counts.
package stream
