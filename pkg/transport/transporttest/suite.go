package transporttest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/transport"
)

// Remote is a transport between two ends, for the suite. The suite closes it.
type Remote struct {
	transport.Transport
	Here  string                 // the watch root
	There func(path string) bool // tells whether the remote has a path
	// Looks says that the transport reads the watch root: it carries trees, and reports what only
	// the remote has and which copies it has. Fake does not.
	Looks bool
	// Copies is the directory of the copies, where the transport compares, replaces and
	// deletes by the rules of rsync; empty: by others.
	Copies string
}

// Suite checks a transport for what package transport promises of each. make gives a new one whose
// remote is empty and serves.
func Suite(t *testing.T, make func(t *testing.T) Remote) {
	t.Helper()
	for name, test := range map[string]func(*bench){
		"what is sent arrives, and is told once":              (*bench).sends,
		"what is gone here is deleted there":                  (*bench).deletes,
		"a comparison changes nothing":                        (*bench).verifies,
		"nothing begins that Start refuses":                   (*bench).refuses,
		"nothing begins after the end of its context":         (*bench).ends,
		"several calls at a time":                             (*bench).together,
		"what waits carries a batch, or another way is taken": (*bench).waits,
		"the terms stay, and make sense":                      (*bench).terms,
		"a remote that serves answers":                        (*bench).probes,
	} {
		t.Run(name, func(t *testing.T) {
			r := make(t)
			t.Cleanup(r.Close)
			test(&bench{T: t, Remote: r})
		})
	}
	for name, test := range map[string]func(*bench){
		"a tree arrives with all below it":              (*bench).tree,
		"a survey names what only the remote has":       (*bench).survey,
		"the remote tells which copies of files it has": (*bench).times,
	} {
		t.Run(name, func(t *testing.T) {
			r := make(t)
			t.Cleanup(r.Close)
			if r.Looks {
				test(&bench{T: t, Remote: r})
			}
		})
	}
	for name, test := range mirrors {
		t.Run(name, func(t *testing.T) {
			r := make(t)
			t.Cleanup(r.Close)
			if r.Copies != "" {
				test(&bench{T: t, Remote: r})
			}
		})
	}
}

type bench struct {
	*testing.T
	Remote
}

func (b *bench) put(name string) {
	b.Helper()
	file := filepath.Join(b.Here, name)
	if err := os.WriteFile(file, []byte(name), 0o600); err != nil {
		b.Fatal(err)
	}
}

// send is the batch that most changes go by.
func send() transport.Batch {
	return transport.Batch{Kind: transport.Send, Contents: true, MayDelete: true}
}

// carry has names carried and returns the paths of which content was told to be sent.
func (b *bench) carry(c transport.Call) (sent []string) {
	b.Helper()
	c.Changed = func(ch transport.Change) {
		if ch.Sent || ch.Deleted {
			sent = append(sent, ch.Path)
		}
	}
	c.Void = func() { sent = nil }
	trip, err := b.Do(b.Context(), c)
	if err != nil || trip.Result.Class != transport.Done || trip.Ended.IsZero() {
		b.Errorf("%q: %v %q, ended %v, %v", c.Names, trip.Result.Class, trip.Result.Reason, trip.Ended, err)
	}
	return sent
}

func (b *bench) sends() {
	b.put("a b")
	if sent := b.carry(transport.Call{Batch: send(), Names: []string{"a b"}}); !slices.Equal(sent, []string{"a b"}) || !b.There("a b") {
		b.Errorf("told %q, arrived: %v", sent, b.There("a b"))
	}
}

func (b *bench) deletes() {
	b.put("f")
	b.put("keep")
	b.carry(transport.Call{Batch: send(), Names: []string{"f", "keep"}})
	if err := os.Remove(filepath.Join(b.Here, "f")); err != nil {
		b.Fatal(err)
	}
	b.carry(transport.Call{Batch: transport.Batch{Kind: transport.Delete, MayDelete: true}, Names: []string{"f"}})
	if b.There("f") || !b.There("keep") {
		b.Errorf("f is there: %v, keep: %v", b.There("f"), b.There("keep"))
	}
}

func (b *bench) verifies() {
	b.put("f")
	batch := send()
	batch.Verify = true
	if b.Terms().Unasked != "" {
		trip, err := b.Do(b.Context(), transport.Call{Batch: batch, Names: []string{"f"}})
		if err != nil || trip.Result.Class != transport.Refused || trip.Result.Reason == "" || b.There("f") {
			b.Errorf("%v %q, %v, arrived: %v", trip.Result.Class, trip.Result.Reason, err, b.There("f"))
		}
		return
	}
	if sent := b.carry(transport.Call{Batch: batch, Names: []string{"f"}}); !slices.Equal(sent, []string{"f"}) || b.There("f") {
		b.Errorf("told %q, arrived: %v", sent, b.There("f"))
	}
}

func (b *bench) refuses() {
	b.put("f")
	refused := errors.New("no room")
	_, err := b.Do(b.Context(), transport.Call{Batch: send(), Names: []string{"f"}, Start: func(context.Context) error { return refused }})
	if !errors.Is(err, refused) || b.There("f") {
		b.Errorf("%v, arrived: %v", err, b.There("f"))
	}
}

func (b *bench) ends() {
	b.put("f")
	ctx, cancel := context.WithCancel(b.Context())
	cancel()
	trip, err := b.Do(ctx, transport.Call{Batch: send(), Names: []string{"f"}})
	if err == nil && trip.Result.Class != transport.Stopped || b.There("f") {
		b.Errorf("%v, %v, arrived: %v", trip.Result.Class, err, b.There("f"))
	}
}

func (b *bench) together() {
	var calls sync.WaitGroup
	for i := range 4 {
		name := fmt.Sprint("f", i)
		b.put(name)
		calls.Go(func() { b.carry(transport.Call{Batch: send(), Names: []string{name}}) })
	}
	calls.Wait()
	for i := range 4 {
		if name := fmt.Sprint("f", i); !b.There(name) {
			b.Errorf("%s has not arrived", name)
		}
	}
}

func (b *bench) waits() {
	for i := range 3 {
		b.KeepConnection(b.Context(), time.Now())
		b.KeepStandby(b.Context(), time.Now(), send(), true)
		name := fmt.Sprint("f", i)
		b.put(name)
		if sent := b.carry(transport.Call{Batch: send(), Names: []string{name}, Warm: true}); !slices.Equal(sent, []string{name}) || !b.There(name) {
			b.Errorf("told %q, arrived: %v", sent, b.There(name))
		}
		switch i {
		case 0:
			b.Drop()
		case 1:
			b.Leave()
			if b.Waits() {
				b.Error("something waits, and nothing is to wait any more")
			}
		}
	}
}

func (b *bench) terms() {
	one, two := b.Terms(), b.Terms()
	if one.Remote == "" || one.Remote != two.Remote || one.Sends < 1 || one.Sends != two.Sends || one.Matcher == nil {
		b.Errorf("%+v, then %+v", one, two)
	}
	if one.Matcher(nil)("f", false) {
		b.Error("no pattern excludes something")
	}
}

func (b *bench) probes() {
	if err := b.Probe(b.Context()); err != nil {
		b.Error(err)
	}
	b.Down(transport.Result{Class: transport.Trouble})
	b.put("f")
	b.carry(transport.Call{Batch: send(), Names: []string{"f"}})
	b.Up()
	if !b.There("f") {
		b.Error("what was sent after an outage has not arrived")
	}
}

// sendTree has a tree of three files carried.
func (b *bench) sendTree() {
	b.Helper()
	if err := os.MkdirAll(filepath.Join(b.Here, "d", "e"), 0o750); err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{"d/1", "d/2", "d/e/3"} {
		b.put(name)
	}
	b.carry(transport.Call{Batch: transport.Batch{Kind: transport.Tree, MayDelete: true}, Names: []string{"d"}})
}

func (b *bench) tree() {
	b.sendTree()
	for _, name := range []string{"d/1", "d/2", "d/e/3"} {
		if !b.There(name) {
			b.Errorf("%s has not arrived", name)
		}
	}
}

func (b *bench) survey() {
	b.sendTree()
	if err := os.Remove(filepath.Join(b.Here, "d/1")); err != nil {
		b.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(b.Here, "d/e")); err != nil {
		b.Fatal(err)
	}
	for kind, want := range map[transport.Kind][]string{
		transport.SurveyTrees: {"d/1", "d/e", "d/e/3"}, transport.SurveyFlat: {"d/1", "d/e"},
	} {
		var only []string
		c := transport.Call{Batch: transport.Batch{Kind: kind}, Names: []string{"d"}, Changed: func(ch transport.Change) {
			if ch.Deleted && !strings.HasPrefix(ch.Path, "d/e/") || kind == transport.SurveyTrees && ch.Deleted {
				only = append(only, ch.Path)
			}
		}}
		if trip, err := b.Do(b.Context(), c); err != nil || trip.Result.Class != transport.Done {
			b.Errorf("%v: %v, %v", kind, trip.Result.Class, err)
		}
		if slices.Sort(only); !slices.Equal(only, want) {
			b.Errorf("%v: only the remote has %q, want %q", kind, only, want)
		}
	}
	if !b.There("d/1") || !b.There("d/e/3") {
		b.Error("a survey has deleted something")
	}
}

func (b *bench) times() {
	b.put("f")
	then := time.Unix(1_600_000_000, 0)
	if err := os.Chtimes(filepath.Join(b.Here, "f"), then, then); err != nil {
		b.Fatal(err)
	}
	b.carry(transport.Call{Batch: send(), Names: []string{"f"}})
	b.put("g")
	var copies []transport.Copy
	c := transport.Call{Batch: transport.Batch{Kind: transport.Times}, Names: []string{"f", "g"}, Copied: func(c transport.Copy) {
		if c.Path != "" {
			copies = append(copies, c)
		}
	}}
	// A copy that is not there may count as a file that disappeared meanwhile, or be reported as
	// missing.
	trip, err := b.Do(b.Context(), c)
	absent := trip.Result.Class == transport.Partly && !slices.ContainsFunc(trip.Result.Failed, func(e transport.PathError) bool {
		return e.Path != "g" || !e.Remote || e.Errno != syscall.ENOENT
	})
	if err != nil || !absent && trip.Result.Class != transport.Done && trip.Result.Class != transport.Again {
		b.Errorf("%v, %v, %+v", trip.Result.Class, err, trip.Result.Failed)
	}
	if len(copies) != 1 || copies[0].Path != "f" || copies[0].Size != 1 || !copies[0].Mtime.Equal(then) {
		b.Errorf("copies there: %+v", copies)
	}
}
