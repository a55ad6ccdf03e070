package hub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/hub/identity"
	"github.com/sersync/sersync/pkg/hub/roster"
	"github.com/sersync/sersync/pkg/stream"
	"github.com/sersync/sersync/pkg/stream/dial"
	"github.com/sersync/sersync/pkg/transport"
	publish "github.com/sersync/sersync/pkg/transport/stream"
)

// send publishes paths, again until the hub accepts them, as a lane does: while the hub takes over a
// changed roster, connections may end.
func send(t *testing.T, s source, names ...string) {
	t.Helper()
	testkit.Eventually(t, time.Minute, fmt.Sprintf("%q are published", names), func() bool {
		trip, err := s.Do(t.Context(), transport.Call{Batch: transport.Batch{Kind: transport.Send}, Names: names})
		if err != nil || trip.Result.Class != transport.Done {
			t.Logf("%q: %v, %v %s: %s", names, err, trip.Result.Class, trip.Result.Reason, trip.Result.Detail)
			return false
		}
		return true
	})
}

// An edge follows its tree with the rights that it has: it gets messages live, and those that it
// has missed.
func TestAnEdgeFollowsItsTree(t *testing.T) {
	b := newBed(t)
	s := b.source("web", nil)
	way := b.edge("e1", "web")
	write(t, s.dir, "before", "1")
	send(t, s, "before")

	c := b.connect(way)
	live, err := c.SubscribeSync(stream.Live("web"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	write(t, s.dir, "after", "2")
	send(t, s, "after")
	m, err := live.NextMsg(60e9)
	if err != nil {
		t.Fatal(err)
	}
	if sequence(m) != 3 { // the first message has begun the stream
		t.Errorf("the live message has the sequence %d", sequence(m))
	}
	got, status := b.get(c, "web", 1, 10)
	if len(got) != 3 || status != stream.EndOfBatch || sequence(got[0]) != 1 || sequence(got[2]) != 3 || string(got[2].Data) != string(m.Data) {
		t.Errorf("%d messages, then %q", len(got), status)
	}
	if _, status = b.get(c, "web", 4, 10); status != stream.NotFound {
		t.Errorf("a message that does not exist yet: %q", status)
	}
	b.ask(c, &nats.Msg{Subject: stream.InfoSubject("web")})

	report, err := stream.Report{Edge: "e1", Tree: "web", Sequence: 3}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if ack := b.ask(c, &nats.Msg{Subject: stream.ReportSubject("e1", "web"), Data: report}); strings.Contains(string(ack.Data), "error") {
		t.Fatalf("report: %s", ack.Data)
	}
	b.await("the source sees the report", func() bool {
		edges := s.Edges(time.Now()).List
		return len(edges) == 1 && edges[0].Edge == "e1" && edges[0].Sequence == 3
	})

	mirror, err := stream.Mirror{Edge: "e1", Tree: "web", Epoch: strings.Repeat("0", 32), Generation: 7}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	other := b.connect(b.edge("e2", "web"))
	mirrors, err := other.SubscribeSync(stream.MirrorsOf("web"))
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Flush(); err != nil {
		t.Fatal(err)
	}
	b.ask(c, &nats.Msg{Subject: stream.MirrorSubject("e1", "web"), Data: mirror})
	if m, err := mirrors.NextMsg(60e9); err != nil || string(m.Data) != string(mirror) || !strings.HasSuffix(m.Subject, ".e1") {
		t.Errorf("the announcement is not seen: %v", err)
	}
	if m := b.ask(other, &nats.Msg{Subject: stream.GetMirror("e1", "web")}); string(m.Data) != string(mirror) {
		t.Errorf("the announcement that is asked for is %q", m.Data)
	}
}

func TestAnEdgesKeyHarmsNobody(t *testing.T) {
	b := newBed(t)
	web, secret := b.source("web", nil), b.source("secret", nil)
	write(t, web.dir, "f", "1")
	write(t, secret.dir, "f", "for others")
	send(t, web, "f")
	send(t, secret, "f")
	b.edge("e2", "web", "secret")
	way := b.edge("e1", "web")
	stored := func() (n uint64) {
		c := b.connect(b.sourceWay())
		defer c.Close()
		for _, s := range []string{stream.Name("web"), stream.Name("secret"), "KV_" + stream.Mirrors, "KV_" + stream.Claims} {
			n += lastOf(b, c, s)
		}
		return n
	}
	before := stored()
	spy := b.connect(b.sourceWay())
	heard, err := spy.SubscribeSync("sersync.live.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := spy.Flush(); err != nil {
		t.Fatal(err)
	}

	refused := make(chan error, 100)
	c := b.connect(way, nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
	victims := []string{
		stream.Subject("web", "f"), stream.Subject("web", ""), stream.Subject("secret", "f"), stream.ReportSubject("e2", "web"),
		stream.ReportSubject("e1", "secret"), stream.MirrorSubject("e2", "web"), "$KV." + stream.Claims + ".web", "sersync.live.web.0",
		"$JS.API.STREAM.DELETE." + stream.Name("web"), "$JS.API.STREAM.PURGE." + stream.Name("web"), "$JS.API.STREAM.UPDATE." + stream.Name("web"),
		"$JS.API.STREAM.CREATE.x", "$JS.API.CONSUMER.CREATE." + stream.Name("web") + ".x", "$JS.API.STREAM.NAMES", stream.GetSubject("secret"),
		stream.InfoSubject("secret"), "$JS.API.STREAM.MSG.GET." + stream.Name("secret"), "$SYS.REQ.USER.INFO",
	}
	for _, subject := range victims {
		if err := c.Publish(subject, []byte("forged")); err != nil {
			t.Fatal(err)
		}
		b.refused(c, refused, subject)
	}
	for _, subject := range []string{">", "*.>", "sersync.tree.web.*", "sersync.live.>", stream.Live("secret"), "$KV.>", "_INBOX.>", stream.Inbox("e2") + ".>", "$JS.>"} {
		sub, err := c.SubscribeSync(subject)
		if err != nil {
			t.Fatal(err)
		}
		b.refused(c, refused, subject)
		_ = sub.Unsubscribe()
	}
	// The server sends its answers with rights of its own. An edge must not be able to have an
	// answer sent to a subject to which the edge itself may not publish.
	for _, victim := range victims {
		for _, ask := range []string{stream.GetSubject("web"), stream.InfoSubject("web"), stream.ReportSubject("e1", "web"), stream.GetMirror("e2", "web")} {
			if err := c.PublishRequest(ask, victim, []byte(`{"seq":1,"batch":10}`)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	if _, status := b.get(c, "web", 1, 1); status == "" {
		t.Error("the edge cannot do any more what it may")
	}
	if now := stored(); now != before {
		t.Errorf("%d messages were stored", now-before)
	}
	if m, err := heard.NextMsg(patience); err == nil {
		t.Errorf("%q has arrived at %s", m.Data, m.Subject)
	}
	if edges := web.Edges(time.Now()).List; slices.ContainsFunc(edges, func(e publish.Edge) bool { return e.Edge == "e2" }) {
		t.Errorf("a report of another edge: %+v", edges)
	}
	if len(b.entries("secret")) != 2 {
		t.Error("the other tree has changed")
	}
}

// An edge can write its own report and nothing else. It cannot have the hub remove the reports of
// other edges, and can fill the hub's disk neither with large reports nor with many. It may have a
// few connections at a time.
func TestAnEdgeDoesNotFillTheHub(t *testing.T) {
	b := newBed(t)
	s := b.source("web", nil)
	write(t, s.dir, "f", "1")
	// A bucket that was made without limits gets them when a source connects.
	c := b.connect(b.sourceWay())
	js, err := jetstream.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: stream.Mirrors, MaxBytes: 64 << 20}); err != nil {
		t.Fatal(err)
	}
	send(t, s, "f")
	way := b.edge("e1", "web")
	e1, e2 := b.connect(way), b.connect(b.edge("e2", "web"))
	report := func(of *nats.Conn, edge string, size int, header nats.Header) string {
		t.Helper()
		data, err := stream.Report{Edge: edge, Tree: "web"}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		data = append(data, bytes.Repeat([]byte(" "), size)...)
		return string(b.ask(of, &nats.Msg{Subject: stream.ReportSubject(edge, "web"), Data: data, Header: header}).Data)
	}
	all := func() bool { return len(s.Edges(time.Now()).List) == 2 }
	for edge, of := range map[string]*nats.Conn{"e1": e1, "e2": e2} {
		if said := report(of, edge, 0, nil); strings.Contains(said, "error") {
			t.Fatal(said)
		}
	}
	b.await("both edges are seen", all)

	if said := report(e1, "e1", 0, nats.Header{"Nats-Rollup": {"all"}}); !strings.Contains(said, "error") {
		t.Error("an edge removes the reports of others:", said)
	}
	announce := &nats.Msg{Subject: stream.MirrorSubject("e1", "web"), Header: nats.Header{"Nats-Rollup": {"all"}}}
	if said := string(b.ask(e1, announce).Data); !strings.Contains(said, "error") {
		t.Error("an edge removes the announcements of others:", said)
	}
	if said := report(e1, "e1", 2*stream.MaxReport, nil); !strings.Contains(said, "error") {
		t.Error("a large report is stored:", said)
	}
	if err := e1.Publish(stream.ReportSubject("e1", "web"), make([]byte, maxPayload/2)); !errors.Is(err, nats.ErrMaxPayload) {
		t.Error("a message as large as the source's is sent:", err)
	}
	for range 2000 {
		if err := e1.Publish(stream.ReportSubject("e1", "web"), make([]byte, stream.MaxReport)); err != nil {
			t.Fatal(err)
		}
	}
	if err := e1.Flush(); err != nil {
		t.Fatal(err)
	}
	kept, err := js.Stream(t.Context(), stream.BucketStream(stream.Reports))
	if err != nil {
		t.Fatal(err)
	}
	if st := kept.CachedInfo().State; st.Msgs != 2 || st.Bytes > 4*stream.MaxReport {
		t.Errorf("%d reports of two edges take %d bytes", st.Msgs, st.Bytes)
	}
	if !all() {
		t.Errorf("an edge is not seen any more: %+v", s.Edges(time.Now()))
	}

	for range edgeConnections - 1 {
		b.connect(way)
	}
	b.notLetIn("the hub has too many connections with this key", func() (*nats.Conn, error) { return dial.Connect(t.Context(), way) })
	e1.Close()
	b.await("a connection is free again", func() bool {
		c, err := dial.Connect(t.Context(), way)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// refused waits until the server has refused the message that was sent last.
func (b *bed) refused(c *nats.Conn, said <-chan error, what string) {
	b.Helper()
	if err := c.Flush(); err != nil {
		b.Fatal(err)
	}
	select {
	case err := <-said:
		if !errors.Is(err, nats.ErrPermissionViolation) {
			b.Errorf("%s: %v", what, err)
		}
	case <-time.After(time.Minute):
		b.Errorf("%s is not refused", what)
	}
}

func TestNobodyComesWithoutAKey(t *testing.T) {
	b := newBed(t)
	ca := b.sourceWay().CA
	for _, login := range []nats.Option{nats.Name("no login"), nats.UserInfo("admin", "admin"), nats.Token("x")} {
		b.notLetIn("the hub refuses the key", func() (*nats.Conn, error) { return nats.Connect(b.url, nats.RootCAs(ca), login) })
	}
	foreign := b.sourceWay()
	foreign.CA = newBed(t).sourceWay().CA
	come := func() (*nats.Conn, error) { return dial.Connect(t.Context(), foreign) }
	b.notLetIn("the hub's certificate is not trusted", come)
	foreign = b.sourceWay()
	foreign.Creds = newBed(t).sourceWay().Creds
	b.notLetIn("the hub refuses the key", come)
}

func TestARemovedEdgeIsCutOff(t *testing.T) {
	b := newBed(t)
	way := b.edge("e1", "web")
	other := b.connect(b.edge("e2", "web"))
	c := b.connect(way, nats.NoReconnect())
	err := roster.Change(b.dir, func(r *roster.Roster) error { return r.Remove("e1") })
	if err != nil {
		t.Fatal(err)
	}
	b.await("the connection is cut", c.IsClosed)
	b.notLetIn("the hub refuses the key", func() (*nats.Conn, error) { return dial.Connect(t.Context(), way) })
	if !other.IsConnected() {
		t.Error("another edge was cut off, too")
	}
}

// A hub that chose itself how much it stores has less disk space free than at its start: it still
// lets edges in and cuts them off.
func TestARosterIsTakenOverWithLessSpace(t *testing.T) {
	b := newBedOf(t, 0)
	s := b.source("web", nil)
	write(t, s.dir, "f", "1")
	send(t, s, "f")
	ballast, err := os.Create(filepath.Join(t.TempDir(), "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	defer ballast.Close()
	if err := unix.Fallocate(int(ballast.Fd()), 0, 0, 64<<20); err != nil {
		t.Fatal(err)
	}
	c := b.connect(b.edge("e1", "web"), nats.NoReconnect())
	if err := roster.Change(b.dir, func(r *roster.Roster) error { return r.Remove("e1") }); err != nil {
		t.Fatal(err)
	}
	b.await("the connection is cut", c.IsClosed)
}

// The reports of an edge are forgotten once the roster no longer names the edge: after its
// connection was cut, and again if that attempt has failed.
func TestARemovedEdgeIsForgotten(t *testing.T) {
	b := newBed(t)
	b.stop()
	var kept [][]string
	admin := b.way(filepath.Join(b.dir, identity.AdminKey), "")
	b.tidy = func(ctx context.Context, edges []string) error {
		desk, err := publish.OpenDesk(ctx, admin)
		if err != nil {
			return err
		}
		defer desk.Close()
		if kept = append(kept, edges); len(kept) == 1 {
			return errors.New("not now")
		}
		return desk.Keep(ctx, edges)
	}
	b.start(strings.TrimPrefix(b.url, "nats://"))
	s := b.source("web", nil)
	write(t, s.dir, "f", "1")
	send(t, s, "f")
	for _, edge := range []string{"e1", "e2"} {
		c := b.connect(b.edge(edge, "web"))
		data, err := stream.Report{Edge: edge, Tree: "web"}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		for subject, data := range map[string][]byte{stream.ReportSubject(edge, "web"): data, stream.MirrorSubject(edge, "web"): []byte("{}")} {
			if said := string(b.ask(c, &nats.Msg{Subject: subject, Data: data}).Data); strings.Contains(said, "error") {
				t.Fatal(said)
			}
		}
	}
	edges := func() (names []string) {
		for _, e := range s.Edges(time.Now()).List {
			names = append(names, e.Edge)
		}
		slices.Sort(names)
		return names
	}
	b.await("both edges are seen", func() bool { return slices.Equal(edges(), []string{"e1", "e2"}) })
	if err := roster.Change(b.dir, func(r *roster.Roster) error { return r.Remove("e1") }); err != nil {
		t.Fatal(err)
	}
	b.await("one is forgotten", func() bool { return slices.Equal(edges(), []string{"e2"}) })
	js, err := jetstream.New(b.connect(b.sourceWay()))
	if err != nil {
		t.Fatal(err)
	}
	mirrors, err := js.KeyValue(t.Context(), stream.Mirrors)
	if err != nil {
		t.Fatal(err)
	}
	b.await("its mirror, too", func() bool {
		keys, err := mirrors.Keys(t.Context())
		return err == nil && len(keys) == 1 && strings.HasSuffix(keys[0], "e2")
	})
	b.stop()
	if len(kept) < 3 {
		t.Errorf("asked for: %q", kept)
	}
}
