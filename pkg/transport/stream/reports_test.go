package stream

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/sersync/sersync/pkg/stream"
)

// A question brings what has been reported since the one before, however much that is, of
// one tree; and all that is there when it is asked from the beginning.
func TestReportsAreReadTogether(t *testing.T) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	defer s.WaitForShutdown()
	defer s.Shutdown()
	conn, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]report{}
	r := &reports{conn: conn, tree: "web", take: func(one report) { got[one.edge] = one }, next: 1}
	reads := func(want int) {
		t.Helper()
		got = map[string]report{}
		if err := r.read(t.Context()); err != nil || len(got) != want {
			t.Fatalf("%d reports, %v; wanted %d", len(got), err, want)
		}
	}
	if err := r.read(t.Context()); err == nil {
		t.Error("there is no bucket, and nothing is said")
	}
	bucket, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: stream.Reports, History: 1})
	if err != nil {
		t.Fatal(err)
	}
	reads(0)
	// Most of them are published at once; what comes after has the answer of the server.
	many := 2*page + 10
	put := func(edge, tree, text string) {
		t.Helper()
		if _, err := bucket.Put(t.Context(), edge+"."+tree, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	for n := range many - 1 {
		if err := conn.Publish(stream.ReportSubject(fmt.Sprint("e", n), "web"), []byte("1")); err != nil {
			t.Fatal(err)
		}
	}
	put("other", "shop", "1")
	before := time.Now().Add(-time.Minute)
	put("last", "web", "1")
	reads(many)
	if one := got["last"]; string(one.data) != "1" || one.gone || one.at.Before(before) {
		t.Errorf("%+v", one)
	}
	reads(0)
	put("e7", "web", "2")
	put("e7", "web", "3")
	if err := bucket.Delete(t.Context(), "e8.web"); err != nil {
		t.Fatal(err)
	}
	reads(2)
	if string(got["e7"].data) != "3" || !got["e8"].gone {
		t.Errorf("%+v", got)
	}
	r.next = 1
	reads(many)
}

// Reading fails for a while: the log has a line at the beginning and one at the end.
func TestThatReportsCannotBeReadIsLogged(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	r := &reports{tree: "web", log: zap.New(core)}
	for _, err := range []error{nil, nats.ErrTimeout, nats.ErrTimeout, nil, nil, nats.ErrTimeout} {
		r.tell(err)
	}
	var said []string
	for _, e := range logs.All() {
		said = append(said, e.Level.String()+" "+fmt.Sprint(e.ContextMap()["tree"]))
	}
	if want := []string{"warn web", "info web", "warn web"}; !slices.Equal(said, want) {
		t.Errorf("%q", said)
	}
}

// A report that makes no sense is counted once, and the one before it holds.
func TestAReportThatMakesNoSense(t *testing.T) {
	e := newEdges("web")
	good, err := stream.Report{Edge: "e", Tree: "web", Sequence: 7}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1_700_000_000, 0)
	e.take(report{edge: "e", data: good, at: at})
	e.take(report{edge: "f", data: good, at: at.Add(time.Second)})
	for range 3 {
		e.take(report{edge: "e", data: []byte("damaged"), at: at.Add(2 * time.Second)})
	}
	all := e.snapshot(at)
	if len(all.List) != 1 || all.List[0].Sequence != 7 || all.Refused != 2 {
		t.Errorf("%+v", all)
	}
	e.take(report{edge: "e", gone: true, at: at.Add(3 * time.Second)})
	if all := e.snapshot(at); len(all.List) != 0 {
		t.Errorf("%+v", all)
	}
}
