package executor

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/transport"
)

// at sets a file's time, to the nanosecond.
func at(t *testing.T, file string, when time.Time) {
	t.Helper()
	must(t, os.Chtimes(file, when, when))
}

func (b *bed) newerTold() (n int) {
	for _, d := range b.Snapshot(time.Now()).Differences {
		if d.Kind == status.Newer {
			n += d.Count
		}
	}
	return n
}

// After an event that changed nothing, or when a file was written again with the same content, the
// remote's copy is not written.
func TestAnEqualFileIsNotSent(t *testing.T) {
	onBed(t, with{files: []string{"same", "rewritten"}}, func(t *testing.T, b *bed) {
		when := time.Now().Add(-time.Hour)
		at(t, b.src+"/same", when)
		at(t, b.dst+"/same", when)
		at(t, b.dst+"/rewritten", when)
		before, err := os.Stat(b.dst + "/rewritten")
		must(t, err)
		b.Mark("same", dirty.Content)
		b.write("rewritten", "old")
		b.idle()
		after, err := os.Stat(b.dst + "/rewritten")
		must(t, err)
		if !os.SameFile(before, after) || after.ModTime().Equal(when) {
			t.Errorf("a file of equal content was written anew, or its time was not set: %v", after.ModTime())
		}
	})
}

// A receiver has put a version of another host here. The remote, which may be that host, has a
// newer version of the same second: it stays.
func TestAnArrivalReplacesNothingNewer(t *testing.T) {
	onBed(t, with{files: []string{"newer", "older", "ahead"}}, func(t *testing.T, b *bed) {
		now := time.Now().Truncate(time.Second)
		for file, times := range map[string][2]time.Duration{
			"newer": {100 * time.Millisecond, 400 * time.Millisecond},
			"older": {0, -time.Second},
			"ahead": {0, time.Second},
		} {
			put(t, b.src, file, "arrived")
			at(t, b.src+"/"+file, now.Add(times[0]))
			at(t, b.dst+"/"+file, now.Add(times[1]))
			b.Mark(file, dirty.Arrival)
		}
		put(t, b.src, "none", "arrived")
		b.Mark("none", dirty.Arrival)
		b.arrives("older", "arrived")
		b.arrives("none", "arrived")
		b.until("what is newer there is told", func() bool { return b.newerTold() == 2 })
		if b.there("newer") != "old" || b.there("ahead") != "old" {
			t.Errorf("replaced: %q, %q", b.there("newer"), b.there("ahead"))
		}
		for _, f := range []string{"ahead", "newer"} {
			put(t, b.src, f, "this host's now")
			at(t, b.src+"/"+f, time.Now())
			b.Mark(f, dirty.Content)
		}
		b.arrives("ahead", "this host's now")
		b.arrives("newer", "this host's now")
		b.idle()
		if n := b.newerTold(); n != 0 {
			t.Errorf("%d files are said to be newer there", n)
		}
	})
}

// A host in the middle of a chain passes on two versions of one second.
func TestArrivalsOfOneSecondGoOn(t *testing.T) {
	testkit.Long(t)
	onBed(t, with{}, func(t *testing.T, b *bed) {
		now := time.Now().Truncate(time.Second)
		for i, text := range []string{"one", "two", "three and longer"} {
			put(t, b.src, "f", text)
			at(t, b.src+"/f", now.Add(time.Duration(i)*time.Millisecond))
			b.Mark("f", dirty.Arrival)
			b.arrives("f", text)
			b.idle()
		}
	})
}

// A scan finds that an older file has taken the place of one that was sent.
func TestAnOlderFileThatAScanFinds(t *testing.T) {
	for name, found := range map[string]func(*bed){
		"file": func(b *bed) { b.Mark("d/f", dirty.Unsure) },
		"tree": func(b *bed) { b.Mark("d", dirty.Tree|dirty.Unsure) },
		"all":  func(b *bed) { b.fullSync(fullsync.Request{}) },
	} {
		t.Run(name, func(t *testing.T) {
			onBed(t, with{files: []string{"d/theirs"}, options: func(o *Options) { o.MayDelete = name != "all" }}, func(t *testing.T, b *bed) {
				b.write("d/f", "new")
				b.arrives("d/f", "new")
				b.idle()
				put(t, b.src, "d/f", "rolled back")
				for _, f := range []string{"d/f", "d/theirs"} {
					at(t, filepath.Join(b.src, f), time.Now().Add(-time.Hour))
				}
				b.Mark("d/theirs", dirty.Unsure)
				found(b)
				b.arrives("d/f", "rolled back")
				b.until("theirs is told", func() bool { return b.newerTold() == 1 })
				if b.there("d/theirs") != "old" {
					t.Error("replaced what this lane has not sent")
				}
			})
		})
	}
}

// Nobody saw that a file was written again, in the same second and with the same size, and the lane
// does not know what it has sent. Whole seconds, which is all that -u compares, do not tell the two
// versions apart.
func TestARewriteOfOneSecondThatNobodySaw(t *testing.T) {
	for name, c := range map[string]struct {
		find func(*bed)
		with with
	}{
		"full sync":            {func(b *bed) { b.fullSync(fullsync.Request{Unknown: true}) }, with{}},
		"without delete":       {func(b *bed) { b.fullSync(fullsync.Request{}) }, with{options: func(o *Options) { o.MayDelete = false }}},
		"with a filter":        {func(b *bed) { b.fullSync(fullsync.Request{}) }, with{options: filtered}},
		"file":                 {func(b *bed) { b.Mark("d/f", dirty.Unsure) }, with{}},
		"moved in":             {func(b *bed) { b.Mark("d", dirty.Tree|dirty.Extras|dirty.Unsure) }, with{}},
		"moved in, hard links": {func(b *bed) { b.Mark("d", dirty.Tree|dirty.Unsure) }, with{terms: hardLinks}},
		"moved in, filter":     {func(b *bed) { b.Mark("d", dirty.Tree|dirty.Unsure) }, with{options: filtered}},
		"not watched":          {func(b *bed) { b.Mark("d", dirty.Tree|dirty.Extras) }, with{terms: hardLinks}},
	} {
		t.Run(name, func(t *testing.T) {
			c.with.files = []string{"d/f"}
			onBed(t, c.with, func(t *testing.T, b *bed) {
				b.idle()
				when := time.Now().Add(-time.Hour).Truncate(time.Second)
				put(t, b.src, "d/f", "new")
				at(t, b.dst+"/d/f", when.Add(100*time.Millisecond))
				at(t, b.src+"/d/f", when.Add(700*time.Millisecond))
				c.find(b)
				b.arrives("d/f", "new")
			})
		})
	}
}

// Nobody saw how a file came here: it may have arrived from the remote, which may have a newer
// version of the same second by now. The later version stays.
func TestNothingUnseenReplacesWhatIsNewerThere(t *testing.T) {
	for name, c := range map[string]struct {
		find func(*bed)
		with with
	}{
		"full sync":      {func(b *bed) { b.fullSync(fullsync.Request{Unknown: true}) }, with{}},
		"without delete": {func(b *bed) { b.fullSync(fullsync.Request{}) }, with{options: func(o *Options) { o.MayDelete = false }}},
		"with a filter":  {func(b *bed) { b.fullSync(fullsync.Request{}) }, with{options: filtered}},
		"file":           {func(b *bed) { b.Mark("d/f", dirty.Unsure); b.Mark("d/g", dirty.Unsure) }, with{}},
		"tree":           {func(b *bed) { b.Mark("d", dirty.Tree|dirty.Extras|dirty.Unsure) }, with{}},
		"tree, filter":   {func(b *bed) { b.Mark("d", dirty.Tree|dirty.Unsure) }, with{options: filtered}},
		"new directory":  {func(b *bed) { b.Mark("d", dirty.Tree) }, with{}},
		"not watched":    {func(b *bed) { b.Mark("d", dirty.Tree|dirty.Extras) }, with{terms: hardLinks}},
		"arrivals":       {func(b *bed) { b.Mark("d", dirty.Tree|dirty.Arrival) }, with{}},
	} {
		t.Run(name, func(t *testing.T) {
			c.with.files = []string{"d/f", "d/g", "d/longer"}
			onBed(t, c.with, func(t *testing.T, b *bed) {
				b.idle()
				when := time.Now().Add(-time.Hour).Truncate(time.Second)
				for _, f := range []string{"d/f", "d/g", "d/longer"} {
					put(t, b.src, f, "new")
					at(t, b.src+"/"+f, when.Add(400*time.Millisecond))
					at(t, b.dst+"/"+f, when.Add(700*time.Millisecond))
				}
				put(t, b.dst, "d/longer", "written there since then")
				at(t, b.dst+"/d/longer", when.Add(700*time.Millisecond))
				at(t, b.dst+"/d/g", when.Add(100*time.Millisecond))
				c.find(b)
				b.arrives("d/g", "new")
				b.idle()
				if b.there("d/f") != "old" || b.there("d/longer") != "written there since then" {
					t.Errorf("replaced: %q, %q", b.there("d/f"), b.there("d/longer"))
				}
			})
		})
	}
}

// A file gets another mode together with an older time. The remote's copy was sent from here, or
// came here from the remote, so this host changed the file last.
func TestAttributesWithAnOlderTimeArrive(t *testing.T) {
	onBed(t, with{files: []string{"arrived", "theirs"}}, func(t *testing.T, b *bed) {
		b.write("sent", "old")
		b.arrives("sent", "old")
		info, err := os.Stat(b.dst + "/arrived")
		must(t, err)
		at(t, b.src+"/arrived", info.ModTime())
		b.Mark("arrived", dirty.Arrival)
		b.idle()
		when := time.Now().Add(-time.Hour).Truncate(time.Second)
		for _, f := range []string{"sent", "arrived", "theirs"} {
			must(t, os.Chmod(b.src+"/"+f, 0o600))
			at(t, b.src+"/"+f, when)
			b.Mark(f, 0)
		}
		for _, f := range []string{"sent", "arrived"} {
			b.until(f+" has its attributes", func() bool {
				info, err := os.Stat(b.dst + "/" + f)
				return err == nil && info.Mode().Perm() == 0o600 && info.ModTime().Equal(when)
			})
		}
		b.until("what is newer there, and not from here, is told", func() bool { return b.newerTold() == 1 })
	})
}

// hardLinks has all names of a file sent together.
func hardLinks(t *transport.Terms) { t.HardLinks = true }

// filtered gives a lane a filter, so that it names every entry of a tree.
func filtered(o *Options) { o.Excluded = func(path string, _ bool) bool { return path == "x" } }

// A survey finds that an entry exists only on the remote. By now the file may have arrived here.
// That is no reason to send it over the newer copy on the remote.
func TestWhatWasTakenForGoneReplacesNothingNewer(t *testing.T) {
	for name, more := range map[string]dirty.Flags{"arrived": dirty.Arrival, "unseen": 0, "found by a scan": dirty.Unsure} {
		t.Run(name, func(t *testing.T) {
			onBed(t, with{files: []string{"f"}}, func(t *testing.T, b *bed) {
				second := time.Now().Truncate(time.Second).Add(-time.Hour)
				put(t, b.src, "f", "old")
				at(t, b.src+"/f", second.Add(300*time.Millisecond))
				put(t, b.dst, "f", "newer")
				at(t, b.dst+"/f", second.Add(time.Second+700*time.Millisecond))
				b.Mark("f", dirty.Gone|more)
				b.idle()
				if got := b.there("f"); got != "newer" {
					t.Errorf("the remote has %q", got)
				}
			})
		})
	}
}

// The remote is asked again about a file that is newer there: it may become equal without an event
// on this host. What is gone here is not deleted there because of such a question.
func TestAFileThatIsNewerThereIsAskedAboutAgain(t *testing.T) {
	onBed(t, with{files: []string{"f", "gone"}, options: func(o *Options) { o.MayDelete = true }}, func(t *testing.T, b *bed) {
		theirs := time.Now().Truncate(time.Second)
		for _, file := range []string{"f", "gone"} {
			put(t, b.src, file, "old")
			at(t, b.src+"/"+file, theirs.Add(-time.Hour))
			at(t, b.dst+"/"+file, theirs)
			b.Mark(file, dirty.Unsure)
		}
		b.until("both are told to be newer there", func() bool { return b.newerTold() == 2 })
		b.idle()
		at(t, b.src+"/f", theirs)
		must(t, os.Remove(b.src+"/gone"))
		b.until("one is equal by now", func() bool { return b.newerTold() == 1 })
		b.idle()
		if b.there("gone") != "old" {
			t.Errorf("on the remote there is %q", b.there("gone"))
		}
		if sent := b.Snapshot(time.Now()).Transfers; len(sent) > 0 {
			t.Errorf("the remote was only asked, and these are said to be transfers: %+v", sent)
		}
	})
}

func TestTheRemoteIsAskedAgainAtGrowingIntervals(t *testing.T) {
	var r recheck
	start := time.Now()
	var asked []time.Duration
	files := func(at time.Duration) int {
		switch {
		case at < time.Second, at > 3*time.Hour:
			return 0
		case at < 2*time.Minute:
			return 1
		default:
			return 2
		}
	}
	for at := time.Duration(0); at < 4*time.Hour; at += time.Second {
		if r.due(files(at), start.Add(at)) {
			asked = append(asked, at)
		}
	}
	want := []time.Duration{
		16 * time.Second, 46 * time.Second, 106 * time.Second,
		135 * time.Second, 165 * time.Second, 225 * time.Second, 345 * time.Second, 585 * time.Second, 1065 * time.Second,
		2025 * time.Second, 3945 * time.Second, 7545 * time.Second,
	}
	if !slices.Equal(asked, want) || r != (recheck{}) {
		t.Errorf("asked after %v, and then %+v", asked, r)
	}
}
