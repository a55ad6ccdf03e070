package hub

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"

	"github.com/sersync/sersync/pkg/hub/identity"
	"github.com/sersync/sersync/pkg/hub/roster"
	"github.com/sersync/sersync/pkg/stream"
)

// The accounts of the server. Subjects of one account do not exist in another one,
// except for what is exported and imported below.
const (
	hubAccount    = "HUB"
	systemAccount = "SYS"
	edgeAccount   = "EDGE-" // and the edge's name
)

// config is the configuration of the NATS server in its own language, of which JSON is
// a part.
//
// Streams live in the account HUB, which the source's key belongs to. Each edge has an account of
// its own, into which the subjects of its trees are imported, and the few requests that it may
// make. Permissions alone would not be enough: a server sends the answer to a request, with its own
// rights, to whatever subject the request names. In the account of an edge there is no stream, and
// nobody else who could receive such an answer.
//
// Without streams no account has JetStream: a request for a stream is refused at once.
func config(opt Options, r roster.Roster, streams bool) ([]byte, error) {
	here := object{
		"users":   []object{{"nkey": r.Source}, {"nkey": r.Admin}},
		"exports": exports(r),
	}
	accounts := object{
		systemAccount: object{},
		hubAccount:    here,
	}
	for _, e := range r.Edges {
		accounts[edgeAccount+e.Name] = edge(e)
	}
	c := object{
		"listen":         opt.Listen,
		"server_name":    "sersync-hub",
		"system_account": systemAccount,
		"accounts":       accounts,
		"max_payload":    maxPayload,
		"max_pending":    maxPending,
		"write_deadline": "10s",
		"tls": object{
			"cert_file": filepath.Join(opt.Dir, identity.Cert), "key_file": filepath.Join(opt.Dir, identity.CertKey), "timeout": 5,
		},
	}
	if streams {
		here["jetstream"] = "enabled"
		c["jetstream"] = object{"store_dir": filepath.Join(opt.Dir, storeDir), "max_memory_store": 0, "max_file_store": opt.MaxStore}
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false) // the server's language has no such escapes
	if err := enc.Encode(c); err != nil {
		return nil, fmt.Errorf("configuration of the server: %w", err)
	}
	return text.Bytes(), nil
}

type object = map[string]any

// storeDir holds the streams, in the hub's directory.
const storeDir = "jetstream"

const (
	maxPayload = 1 << 20
	// maxPending is how many bytes may wait for one edge that does not read: beyond it
	// the connection is closed, and the edge catches up from the stream.
	maxPending = 16 << 20
	// The limits of one edge: a few connections, since the hub may not have noticed yet that
	// earlier ones are dead, and on each the subscriptions of its trees. The messages of an edge
	// are small.
	edgeConnections   = 8
	edgePayload       = 32 << 10
	edgeSubscriptions = 64 // and treeSubscriptions for each tree
	treeSubscriptions = 16
)

// rights are what an edge may do, as subjects.
type rights struct {
	follow  []string // subscribe to
	ask     []string // send a request, answered once or not at all
	askMany []string // send a request, answered by many messages
}

func rightsOf(e roster.Edge) (r rights) {
	for _, tree := range e.Trees {
		r.follow = append(r.follow, stream.Live(tree), stream.MirrorsOf(tree))
		r.askMany = append(r.askMany, stream.GetSubject(tree))
		r.ask = append(r.ask, stream.ReportSubject(e.Name, tree), stream.MirrorSubject(e.Name, tree),
			stream.GetMirror("*", tree))
	}
	return r
}

// infoAlias is the beginning of the subjects, in the account of an edge, at which the
// state of a stream is asked for.
const infoAlias = "sersync.info."

func infoSubjects(e roster.Edge) (list []string) {
	for _, tree := range e.Trees {
		list = append(list, stream.InfoSubject(tree), infoAlias+tree) // both are looked at
	}
	return list
}

// exports are the subjects that edges may import, each edge its own.
func exports(r roster.Roster) []object {
	list := []object{}
	seen := map[string]bool{}
	add := func(kind, subject string, more object) {
		if seen[kind+subject] {
			return
		}
		seen[kind+subject] = true
		o := object{kind: subject}
		maps.Copy(o, more)
		list = append(list, o)
	}
	for _, e := range r.Edges {
		may := rightsOf(e)
		for _, tree := range e.Trees {
			add("service", stream.InfoSubject(tree), nil)
		}
		for _, s := range may.follow {
			add("stream", s, nil)
		}
		for _, s := range may.ask {
			add("service", s, nil)
		}
		for _, s := range may.askMany {
			add("service", s, object{"response": "stream"})
		}
	}
	return list
}

// edge is the account of one edge.
func edge(e roster.Edge) object {
	may := rightsOf(e)
	imports := []object{}
	for _, s := range may.follow {
		imports = append(imports, object{"stream": object{"account": hubAccount, "subject": s}})
	}
	for _, s := range append(append([]string{}, may.ask...), may.askMany...) {
		imports = append(imports, object{"service": object{"account": hubAccount, "subject": s}})
	}
	// The server imports its own API into every account. A request that matches both this import
	// and that of the server would be answered twice, once with the refusal for an account without
	// streams.
	mappings := object{}
	for _, tree := range e.Trees {
		mappings[stream.InfoSubject(tree)] = infoAlias + tree
		imports = append(imports, object{"service": object{"account": hubAccount, "subject": stream.InfoSubject(tree)}, "to": infoAlias + tree})
	}
	return object{
		"limits": object{
			"max_connections": edgeConnections, "max_payload": edgePayload, "max_subscriptions": edgeSubscriptions + treeSubscriptions*len(e.Trees),
		},
		"imports":  imports,
		"mappings": mappings,
		"users": []object{{
			"nkey": e.Key,
			"permissions": object{
				"publish":   object{"allow": append(append(infoSubjects(e), may.ask...), may.askMany...)},
				"subscribe": object{"allow": append([]string{stream.Inbox(e.Name) + ".>"}, may.follow...)},
			},
		}},
	}
}
