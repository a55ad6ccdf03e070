package hub

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/sersync/sersync/pkg/change"
	"github.com/sersync/sersync/pkg/stream"
	"github.com/sersync/sersync/pkg/transport"
	publish "github.com/sersync/sersync/pkg/transport/stream"
	"github.com/sersync/sersync/pkg/transport/transporttest"
)

func TestAStreamIsATransport(t *testing.T) {
	transporttest.Suite(t, func(t *testing.T) transporttest.Remote {
		b := newBed(t)
		s := b.source("web", nil)
		return transporttest.Remote{Transport: s.Publisher, Here: s.dir, There: func(path string) bool { return b.has("web", path) }}
	})
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func carry(t *testing.T, s source, kind transport.Kind, names ...string) transport.Result {
	t.Helper()
	trip, err := s.Do(t.Context(), transport.Call{Batch: transport.Batch{Kind: kind, MayDelete: true}, Names: names})
	if err != nil {
		t.Fatal(err)
	}
	return trip.Result
}

func TestWhatStandsOnTheDiskIsPublished(t *testing.T) {
	b := newBed(t)
	s := b.source("web", nil)
	elsewhere := t.TempDir()
	write(t, elsewhere, "secret", "secret")
	write(t, s.dir, "d/small", "small")
	write(t, s.dir, "d/large", strings.Repeat("x", change.MaxContent+1))
	for _, err := range []error{
		os.Symlink("../elsewhere", filepath.Join(s.dir, "d", "l")), syscall.Mkfifo(filepath.Join(s.dir, "d", "fifo"), 0o640),
		os.Symlink(elsewhere, filepath.Join(s.dir, "out")), syscall.Chmod(filepath.Join(s.dir, "d", "small"), 0o4710),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if r := carry(t, s, transport.Tree, "d"); r.Class != transport.Done {
		t.Fatalf("%v: %s %s", r.Class, r.Reason, r.Detail)
	}
	if r := carry(t, s, transport.Send, "out/secret", "none"); r.Class != transport.Again || len(r.Races) != 2 {
		t.Errorf("a path that is not below the root: %+v", r)
	}
	if r := carry(t, s, transport.Delete, "none", "d"); len(r.Races) != 1 || r.Races[0].Path != "d" {
		t.Errorf("a deletion of a path that exists: %+v", r)
	}
	found := map[string]change.Entry{}
	for _, e := range b.entries("web") {
		found[e.Path] = e
	}
	info, err := os.Stat(filepath.Join(s.dir, "d", "small"))
	if err != nil {
		t.Fatal(err)
	}
	small := found["d/small"]
	if string(small.Content) != "small" || small.Mode != syscall.S_IFREG|0o4710 || small.ModTime != info.ModTime().UnixNano() || small.Fetch {
		t.Errorf("%+v", small)
	}
	if large := found["d/large"]; !large.Fetch || large.Size != change.MaxContent+1 || large.Content != nil {
		t.Errorf("%+v", large)
	}
	if e := found["d"]; e.State != change.Dir {
		t.Errorf("%+v", e)
	}
	if e := found["d/l"]; e.State != change.Link || e.Target != "../elsewhere" {
		t.Errorf("%+v", e)
	}
	if e := found["d/fifo"]; e.State != change.Special || e.Mode != syscall.S_IFIFO|0o640 {
		t.Errorf("%+v", e)
	}
	if found["none"].State != change.Gone {
		t.Errorf("%+v", found["none"])
	}
	if _, leaked := found["out/secret"]; leaked {
		t.Error("a link was followed")
	}
}

// A comparison has edges remove what the source lacks only where the source may delete and nobody
// holds deletions.
func TestAComparisonRemovesOnlyWhatItMay(t *testing.T) {
	b := newBed(t)
	held := ""
	s := b.source("web", func(o *publish.Options) { o.Held = func(string) string { return held } })
	last := func() change.Entry {
		entries := b.entries("web")
		return entries[len(entries)-1]
	}
	carry(t, s, transport.Full)
	if e := last(); e.State != change.Tree || e.Path != "" || !e.Exact {
		t.Errorf("a full sync of a mirror: %+v", e)
	}
	held = "the watch root looks like another one"
	carry(t, s, transport.Full)
	if e := last(); e.State != change.Tree || e.Exact {
		t.Errorf("under the brake: %+v", e)
	}
	held = ""
	if _, err := s.Do(t.Context(), transport.Call{Batch: transport.Batch{Kind: transport.Full}}); err != nil {
		t.Fatal(err)
	}
	if e := last(); e.State != change.Tree || e.Exact {
		t.Errorf("without deletions: %+v", e)
	}
}

func TestTheSourceGoesOnWhenTheHubIsBack(t *testing.T) {
	b := newBed(t)
	s := b.source("web", nil)
	write(t, s.dir, "f", "1")
	send(t, s, "f")
	before := b.messages("web")
	addr := strings.TrimPrefix(b.url, "nats://")
	b.stop()
	if r := carry(t, s, transport.Send, "f"); r.Class != transport.Trouble || r.Reason != "the hub does not answer" || r.Remedy == "" {
		t.Errorf("%v: %s; %s (%s)", r.Class, r.Reason, r.Remedy, r.Detail)
	}
	b.start(addr)
	b.await("it is published", func() bool { return carry(t, s, transport.Send, "f").Class == transport.Done })
	after := b.messages("web")
	if n := len(before); len(after) <= n || after[n].Epoch != before[0].Epoch || after[n].Generation <= before[n-1].Generation {
		t.Errorf("the stream does not go on: %+v, then %+v", before, after)
	}
}

func TestAStreamThatWasDeletedBeginsAnew(t *testing.T) {
	b := newBed(t)
	s := b.source("web", nil)
	write(t, s.dir, "f", "1")
	send(t, s, "f")
	before := b.messages("web")
	b.ask(b.connect(b.sourceWay()), &nats.Msg{Subject: "$JS.API.STREAM.DELETE." + stream.Name("web")})
	b.await("it is published", func() bool { return carry(t, s, transport.Send, "f").Class == transport.Done })
	after := b.messages("web")
	if after[0].Epoch == before[0].Epoch || after[0].Entries[0].State != change.Tree || after[0].Entries[0].Exact || !b.has("web", "f") {
		t.Errorf("%+v", after)
	}
}

func TestATreeHasOneSource(t *testing.T) {
	b := newBed(t)
	first := b.source("web", nil)
	write(t, first.dir, "f", "1")
	send(t, first, "f")
	other := b.source("web", func(o *publish.Options) { o.Host, o.Source = "elsewhere", "other" })
	write(t, other.dir, "g", "1")
	r := carry(t, other, transport.Send, "g")
	if r.Class != transport.Trouble || r.Reason != "another source publishes this tree" || !strings.Contains(r.Remedy, "sersync-hub release web") || !strings.Contains(r.Detail, "here:"+first.dir) {
		t.Errorf("%v: %s; %s (%s)", r.Class, r.Reason, r.Remedy, r.Detail)
	}
	if b.has("web", "g") {
		t.Error("the second source has published")
	}
	desk, err := publish.OpenDesk(t.Context(), b.sourceWay())
	if err != nil {
		t.Fatal(err)
	}
	defer desk.Close()
	if err := desk.Release(t.Context(), "spare"); err != nil {
		t.Error(err)
	}
	// The same directory of the same host publishes again after its state was lost, and the stream
	// goes on.
	again := b.source("web", func(o *publish.Options) { o.Dir, o.Source = first.dir, "new" })
	write(t, again.dir, "h", "1")
	send(t, again, "h")
	messages := b.messages("web")
	if messages[0].Epoch != messages[len(messages)-1].Epoch {
		t.Error("the stream begins anew although nothing was lost")
	}
	if err := desk.Release(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	b.await("the other source takes the tree over", func() bool { return carry(t, other, transport.Send, "g").Class == transport.Done })
	all := b.messages("web")
	if begun := all[len(messages)]; begun.Epoch == all[0].Epoch || begun.Entries[0].State != change.Tree || !b.has("web", "g") {
		t.Errorf("no other epoch begins: %+v", begun)
	}
}

func TestAStreamThatDoesNotFitIsRefused(t *testing.T) {
	b := newBed(t)
	c := b.connect(b.sourceWay())
	ask := `{"name":"SERSYNC-web","subjects":["sersync.tree.web.*"],"retention":"limits","storage":"file","num_replicas":1,"discard":"old"}`
	b.ask(c, &nats.Msg{Subject: "$JS.API.STREAM.CREATE." + stream.Name("web"), Data: []byte(ask)})
	s := b.source("web", nil)
	write(t, s.dir, "f", "1")
	if r := carry(t, s, transport.Send, "f"); r.Class != transport.Trouble || !strings.Contains(r.Detail, "allow_direct") || r.Remedy == "" {
		t.Errorf("%v: %s; %s (%s)", r.Class, r.Reason, r.Remedy, r.Detail)
	}
}
