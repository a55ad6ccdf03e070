package stream

import (
	"fmt"
	"hash/fnv"
	"strings"
)

const (
	// Shards is the number of subjects that the paths of a tree are spread over.
	Shards = 16
	// MaxName is the greatest length of the name of a tree or an edge.
	MaxName = 64

	// Reports is the bucket of what edges report.
	Reports = "sersync-reports"
	// Mirrors is the bucket of what mirrors announce.
	Mirrors = "sersync-mirrors"
	// Claims is the bucket of which source a tree belongs to.
	Claims = "sersync-claims"

	published = "sersync.tree."
	live      = "sersync.live."
	mirrors   = "sersync.mirrors."
	root      = "root"
	shards    = "0123456789abcdef"
)

// The headers of a message that comes from the stream, and how the answer to a Get
// ends. They are NATS's own.
const (
	HeaderSequence  = "Nats-Sequence"
	HeaderSubject   = "Nats-Subject"
	HeaderTime      = "Nats-Time-Stamp"  // when the server stored it, as RFC 3339
	HeaderPending   = "Nats-Num-Pending" // how many messages are left
	HeaderOperation = "KV-Operation"     // of a message that removes a key
	HeaderStatus    = "Status"
	EndOfBatch      = "204"
	NotFound        = "404"
)

// CheckName tells whether a tree or an edge may have the name: letters, digits, "-"
// and "_", so that it is one token of a subject and a file name.
func CheckName(name string) error {
	if name == "" || len(name) > MaxName {
		return fmt.Errorf("name %q: 1 to %d characters are allowed", name, MaxName)
	}
	for _, c := range []byte(name) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
		default:
			return fmt.Errorf("name %q: letters, digits, - and _ are allowed", name)
		}
	}
	return nil
}

// Name is the name of the stream of a tree.
func Name(tree string) string { return "SERSYNC-" + tree }

// Subject is where the source publishes messages about a path of a tree. "" is the
// root.
func Subject(tree, path string) string {
	if path == "" {
		return published + tree + "." + root
	}
	return published + tree + "." + string(shards[Shard(path)])
}

// Shard is the number of the subject of a path that is not the root. It is the same in
// every release: FNV-1a of 32 bits over the topmost component, modulo Shards.
func Shard(path string) int {
	top, _, _ := strings.Cut(path, "/")
	h := fnv.New32a()
	_, _ = h.Write([]byte(top)) // never fails
	return int(h.Sum32() % Shards)
}

// Subjects are all subjects of a tree, as a NATS pattern.
func Subjects(tree string) string { return published + tree + ".*" }

// Live is where the messages of a tree are published again once they are stored, as a NATS pattern.
func Live(tree string) string { return live + tree + ".*" }

// LivePrefix is Live as the destination of what Subjects matches: the last token stays.
func LivePrefix(tree string) string { return live + tree + ".{{wildcard(1)}}" }

// GetSubject is where a Get for messages of a tree is sent.
func GetSubject(tree string) string { return "$JS.API.DIRECT.GET." + Name(tree) }

// InfoSubject is where the first and the last sequence of a tree are asked for.
func InfoSubject(tree string) string { return "$JS.API.STREAM.INFO." + Name(tree) }

// Get asks for the messages from a sequence on.
type Get struct {
	Sequence uint64 `json:"seq"`
	Batch    int    `json:"batch"`               // how many messages at most
	MaxBytes int    `json:"max_bytes,omitempty"` // the answer ends with the message that reaches it
	// Subject is a pattern for the messages that are wanted; empty: all.
	Subject string `json:"next_by_subj,omitempty"`
}

// ReportSubject is where an edge publishes its report about a tree.
func ReportSubject(edge, tree string) string { return bucket(Reports) + edge + "." + tree }

// ReportsOf are the reports of all edges about a tree, as a NATS pattern.
func ReportsOf(tree string) string { return bucket(Reports) + "*." + tree }

// Reporter is the edge whose report about a tree has this subject.
func Reporter(subject, tree string) string {
	return strings.TrimSuffix(strings.TrimPrefix(subject, bucket(Reports)), "."+tree)
}

// GetReports is where a Get for reports is sent.
func GetReports() string { return "$JS.API.DIRECT.GET." + BucketStream(Reports) }

// MirrorSubject is where an edge announces that it is a mirror of a tree.
func MirrorSubject(edge, tree string) string { return bucket(Mirrors) + tree + "." + edge }

// MirrorsOf is where the announcements of all mirrors of a tree are published again once they are
// stored, as a NATS pattern. The last token is the edge.
func MirrorsOf(tree string) string { return mirrors + tree + ".*" }

// RepublishMirrors is the setting with which the bucket of announcements publishes them on the
// subjects of MirrorsOf.
func RepublishMirrors() (source, destination string) { return bucket(Mirrors) + ">", mirrors + ">" }

// GetMirror is where the last announcement of a mirror is asked for, with an empty
// request.
func GetMirror(edge, tree string) string {
	return "$JS.API.DIRECT.GET." + BucketStream(Mirrors) + "." + MirrorSubject(edge, tree)
}

// Inbox is the beginning of the subjects at which an edge receives answers. Every edge has its own,
// so that none can read the answers of another.
func Inbox(edge string) string { return "_INBOX_" + edge }

// BucketStream is the stream in which NATS keeps a bucket.
func BucketStream(name string) string { return "KV_" + name }

func bucket(name string) string { return "$KV." + name + "." }
