package executor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
)

// A full sync fails for one path in its first half, and as a whole in its second.
func TestAFullSyncThatBreaksOffAtItsQuestion(t *testing.T) {
	t.Parallel()
	once := filepath.Join(t.TempDir(), "once")
	b := newBed(t, with{options: program(scripted(t, `
case " $* " in *' --delete '*) [ -e `+once+` ] || { touch `+once+`; echo 'rsync error: error in rsync protocol data stream (code 12) at io.c(1)' >&2; exit 12; };;
*' --recursive '*) echo 'rsync: [receiver] mkstemp ".bad.AbCdEf" (in m) failed: Permission denied (13)' >&2; exit 23;; esac`))})
	put(t, b.src, "bad", "1")
	b.fullSync(fullsync.Request{Mirror: true})
	b.arrives("bad", "1") // by its name, in a run of its own
}

// What is given to a target beside a full sync that ends first, and that sends it
// once more because it finds that the contents differ.
func TestAFullSyncThatEndsBeforeARunBesideIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := newBed(t, with{files: []string{"f"}, options: func(o *setup) {
		o.Way.Program = scripted(t, `
src="$(cat `+dir+`/src)"; dst="$(cat `+dir+`/dst)"
case " $* " in
*' -n '*) ;;
*' --recursive '*) cp -p "$src/f" `+dir+`/read; touch `+dir+`/reading; while [ "$(cat "$dst/f")" = old ]; do sleep 0.05; done; cp -p `+dir+`/read "$dst/f"; exit 0;;
*) if grep -qaz '^f$' "$list" && mkdir `+dir+`/beside; then rsync "$@" < "$list"; r=$?; while ! [ -e `+dir+`/ended ]; do sleep 0.05; done; exit $r; fi;;
esac`)
	}})
	must(t, os.WriteFile(dir+"/src", []byte(b.src), 0o644))
	must(t, os.WriteFile(dir+"/dst", []byte(b.dst), 0o644))
	done := make(chan fullsync.Result, 1)
	must(t, b.FullSync(t.Context(), fullsync.Request{Done: func(r fullsync.Result) { done <- r }}))
	testkit.Eventually(t, patient, "it has read f", func() bool { _, err := os.Stat(dir + "/reading"); return err == nil })
	b.write("f", "newer")
	<-done
	must(t, os.WriteFile(dir+"/ended", nil, 0o644))
	b.idle()
	if got := b.there("f"); got != "newer" {
		t.Errorf("f is %q", got)
	}
}

// The same content length and time, beside a full sync.
func TestAFullSyncOverATwin(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := time.Unix(1, 0)
	b := newBed(t, with{files: []string{"f"}, options: func(o *setup) {
		o.Way.Program = scripted(t, `
src="$(cat `+dir+`/src)"; dst="$(cat `+dir+`/dst)"
case " $* " in
*' --delete '*) ;;
*' --recursive '*) cp -p "$src/f" `+dir+`/read; touch `+dir+`/reading; while ! [ -e `+dir+`/pushed ]; do sleep 0.05; done; cp -p `+dir+`/read "$dst/f"; exit 0;;
esac`)
	}})
	must(t, os.Chtimes(b.src+"/f", at, at))
	must(t, os.Chtimes(b.dst+"/f", at, at))
	must(t, os.WriteFile(dir+"/src", []byte(b.src), 0o644))
	must(t, os.WriteFile(dir+"/dst", []byte(b.dst), 0o644))
	done := make(chan fullsync.Result, 1)
	must(t, b.FullSync(t.Context(), fullsync.Request{Done: func(r fullsync.Result) { done <- r }}))
	testkit.Eventually(t, patient, "it has read f", func() bool { _, err := os.Stat(dir + "/reading"); return err == nil })
	put(t, b.src, "f.new", "new")
	must(t, os.Chtimes(b.src+"/f.new", at, at))
	must(t, os.Rename(b.src+"/f.new", b.src+"/f"))
	b.Mark("f", dirty.Content)
	b.arrives("f", "new")
	testkit.Eventually(t, patient, "done", func() bool { return b.dirty.Stats().InFlight == 0 })
	must(t, os.WriteFile(dir+"/pushed", nil, 0o644))
	<-done
	b.idle()
	if got := b.there("f"); got != "new" {
		t.Errorf("f is %q", got)
	}
}

// With a filter, a directory goes while a full sync is about to make it.
func TestADirectoryGoesBesideAFullSync(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := newBed(t, with{options: func(o *setup) {
		o.Excluded = func(p string, _ bool) bool { return p == "nothing" }
		o.Way.Program = scripted(t, `
dst="$(cat `+dir+`/dst)"
case " $* " in
*' --delete '*) ;;
*) if grep -qaz '^d$' "$list" && ! [ -e `+dir+`/reading ]; then touch `+dir+`/reading; while ! [ -e `+dir+`/go ]; do sleep 0.05; done; mkdir "$dst/d"; echo x > "$dst/d/f"; exit 0; fi;;
esac`)
	}})
	must(t, os.WriteFile(dir+"/dst", []byte(b.dst), 0o644))
	put(t, b.src, "d/f", "x")
	done := make(chan fullsync.Result, 1)
	must(t, b.FullSync(t.Context(), fullsync.Request{Done: func(r fullsync.Result) { done <- r }}))
	testkit.Eventually(t, patient, "it has begun", func() bool { _, err := os.Stat(dir + "/reading"); return err == nil })
	b.remove("d")
	testkit.Eventually(t, patient, "settled", func() bool { s := b.dirty.Stats(); return s.Pending+s.InFlight == 0 })
	must(t, os.WriteFile(dir+"/go", nil, 0o644))
	<-done
	b.idle()
	if got := b.there("d/f"); got != "<none>" {
		t.Errorf("d/f is %q", strings.TrimSpace(got))
	}
}

// A full sync that is never clear.
func TestAFullSyncThatIsNeverClear(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{options: program(scripted(t, `
case " $* " in *' --delete '*) ;; *' --recursive '*) [ -e /nowhere ]; echo 'strange: bad' >&2; exit 23;; esac`))})
	put(t, b.src, "bad", "1")
	b.fullSync2(fullsync.Request{})
	b.arrives("bad", "1")
}

// The root goes while a question is under way.
func TestTheRootGoesBesideAQuestion(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := newBed(t, with{files: []string{"d/keep"}, there: []string{"d/gone"}, options: func(o *setup) {
		o.Mirrored, o.MirrorScope = true, Scope{}
		o.Way.Program = scripted(t, `case " $* " in *' --delete '*) touch `+dir+`/asked; while ! [ -e `+dir+`/go ]; do sleep 0.05; done;; esac`)
	}})
	b.Mark("d", dirty.Extras)
	testkit.Eventually(t, patient, "it asks", func() bool { _, err := os.Stat(dir + "/asked"); return err == nil })
	b.gone.Store(true)
	must(t, os.WriteFile(dir+"/go", nil, 0o644))
	testkit.Eventually(t, patient, "the answer has come", func() bool { return b.dirty.Stats().InFlight == 0 })
	b.gone.Store(false)
	must(t, b.RootChanged(t.Context()))
	b.idle()
	if got := b.there("d/gone"); got != "<none>" {
		t.Errorf("d/gone is %q", got)
	}
}

// A comparison that is never clear has not found everything equal.
func TestAComparisonThatIsNeverClearFails(t *testing.T) {
	t.Parallel()
	testkit.Long(t)
	b := newBed(t, with{files: []string{"f"}, options: program(scripted(t, `case " $* " in *' --delete '*) ;; *' --recursive '*) echo strange >&2; exit 23;; esac`))})
	if r := b.fullSync2(fullsync.Request{Verify: true}); r.Err == nil {
		t.Errorf("%+v", r)
	}
}
