package lanes

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/executor"
	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/transport"
	"github.com/sersync/sersync/pkg/transport/rsync"
	"github.com/sersync/sersync/pkg/transport/rsync/session"
)

// keeping makes a lane keep versions in .old.
func keeping(keep int) func(*setup) {
	return func(o *setup) {
		o.Way.Target.Versions = rsync.Versions{Dir: ".old", Keep: keep}
		o.Way.Target.Params = o.Way.Target.Params.SparesVersions(".old")
	}
}

// versions returns the contents of the versions that are kept under a name, the oldest first.
func (b *bed) versions(name string) (out []string) {
	files, err := filepath.Glob(b.dst + "/.old/sersync-*/*/" + name)
	must(b.T, err)
	slices.Sort(files)
	for _, f := range files {
		text, err := os.ReadFile(f)
		must(b.T, err)
		out = append(out, string(text))
	}
	return out
}

// Each version that is replaced or deleted is kept, by whichever kind of run the change goes. No
// full sync and no survey removes a version, and no file of the directory's name is sent.
func TestVersionsAreKept(t *testing.T) {
	t.Parallel()
	programs := map[string]string{"here": "", "3.2.3": testkit.Bullseye.Install(t), "3.2.7": testkit.Bookworm.Install(t)}
	const plain, inplace, suffix = "-artuz", "-artuz --inplace", "-artuz --suffix=.bak -b"
	for _, c := range testkit.Few([]struct{ program, params string }{
		{"here", plain}, {"3.2.3", inplace}, {"3.2.7", suffix},
		{"here", inplace}, {"here", suffix}, {"3.2.3", plain}, {"3.2.3", suffix}, {"3.2.7", plain}, {"3.2.7", inplace},
	}, 3) {
		t.Run(c.program+" "+c.params, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, with{program: programs[c.program], params: c.params, options: keeping(30), files: []string{"a", "gone", "tree/x", "tree/in/y"}})
			must(t, b.fullSync(fullsync.Request{Mirror: true}).Err)
			for i, text := range []string{"second", "the third"} {
				b.write("a", text)
				b.arrives("a", text)
				testkit.Eventually(t, patient, "the version is kept", func() bool { return len(b.versions("a")) == i+1 })
			}
			if got := b.versions("a"); !slices.Equal(got, []string{"old", "second"}) {
				t.Errorf("%q", got)
			}
			b.remove("gone")
			b.remove("tree")
			b.arrives("gone", "<none>")
			b.arrives("tree/in/y", "<none>")
			b.write("tree/new", "made again")
			b.arrives("tree/new", "made again")
			b.idle()
			for _, name := range []string{"gone", "tree/x", "tree/in/y"} {
				if got := b.versions(name); !slices.Equal(got, []string{"old"}) {
					t.Errorf("%s: %q", name, got)
				}
			}
			put(t, b.dst, "theirs", "only there")
			b.write(".old/mine", "here")
			must(t, b.fullSync(fullsync.Request{Mirror: true}).Err)
			b.idle()
			if got := b.versions("theirs"); b.there("theirs") != "<none>" || !slices.Equal(got, []string{"only there"}) || b.there(".old/mine") != "<none>" || len(b.versions("a")) != 2 {
				t.Errorf("after a full sync: %q, %q, %q", got, b.there(".old/mine"), b.versions("a"))
			}
			if r := b.fullSync(fullsync.Request{Verify: true}); r.Err != nil || len(r.Extras)+len(r.Differing) > 0 {
				t.Errorf("%+v", r)
			}
		})
	}
}

// Old days are deleted by their names, and nothing else is: neither what others have put beside
// them, nor a day that is kept, nor anything outside. No file of that name is sent there.
func TestOldVersionsArePruned(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{options: keeping(2), files: []string{"a"}})
	must(t, b.fullSync(fullsync.Request{Mirror: true}).Err)
	prune := func() (days []string) {
		var err error
		must(t, executor.Beside(t.Context(), b.Lane, func(ctx context.Context) { days, err = b.way.PruneVersions(ctx, time.Now()) }))
		must(t, err)
		return days
	}
	if days := prune(); len(days) > 0 {
		t.Errorf("nothing is there yet: %q", days)
	}
	old := []string{"sersync-2001-01-01", "sersync-2001-01-02", "sersync-2001-01-03", "sersync-2001-01-04"}
	for _, day := range old {
		put(t, b.dst, ".old/"+day+"/01-02-03.000000/a/b", "kept")
		put(t, b.src, day+"/mine", "here")
	}
	put(t, b.dst, ".old/2001-01-01/theirs", "of somebody")
	put(t, b.dst, ".old/note", "of somebody")
	must(t, os.Symlink("/etc", b.dst+"/.old/sersync-2000-01-01"))
	days := prune()
	left, err := os.ReadDir(b.dst + "/.old")
	must(t, err)
	var names []string
	for _, e := range left {
		names = append(names, e.Name())
	}
	if want := []string{"2001-01-01", "note", "sersync-2000-01-01", "sersync-2001-01-03", "sersync-2001-01-04"}; !slices.Equal(names, want) {
		t.Errorf("left %q, want %q", names, want)
	}
	if b.there(".old/sersync-2001-01-03/01-02-03.000000/a/b") != "kept" || b.there("a") != "old" || b.there(old[0]+"/mine") != "<none>" {
		t.Error("more was changed than two days")
	}
	if !slices.Equal(days, []string{".old/" + old[0], ".old/" + old[1]}) {
		t.Errorf("it says that it has deleted %q", days)
	}
}

// Where no version can be kept nothing is replaced or deleted. The lane says why, and everything
// arrives once the directory can be written to.
func TestVersionsThatCannotBeKept(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Fatal("needs root, to have a daemon of another user")
	}
	b := newBed(t, with{options: keeping(30), files: []string{"a", "gone"}, module: []string{"uid = nobody", "gid = nogroup"}, prepare: func(b *bed) {
		must(t, os.Mkdir(b.dst+"/.old", 0o755))
		must(t, exec.Command("chown", "nobody", b.dst, b.dst+"/a", b.dst+"/gone").Run())
	}})
	must(t, b.fullSync(fullsync.Request{}).Err)
	b.write("a", "new here")
	testkit.Eventually(t, patient, "the lane says why", func() bool {
		for _, f := range b.Snapshot(time.Now()).Failures {
			if f.Reason == "the remote cannot keep the old versions" && strings.Contains(f.Remedy, "make the directory .old in ") {
				return true
			}
		}
		return false
	})
	b.remove("gone")
	if b.there("a") != "old" || b.there("gone") != "old" {
		t.Errorf("replaced or deleted without a version: %q %q", b.there("a"), b.there("gone"))
	}
	must(t, exec.Command("chown", "nobody", b.dst+"/.old").Run())
	must(t, b.RetryNow(t.Context()))
	b.arrives("a", "new here")
	b.arrives("gone", "<none>")
	testkit.Eventually(t, patient, "both are kept", func() bool { return len(b.versions("a")) == 1 && len(b.versions("gone")) == 1 })
}

// silent is a remote whose release nobody can find out.
type silent struct{ *session.Session }

func (silent) Release(context.Context) transport.Release { return transport.Release{} }

func unnamed(s *session.Session) transport.Transport { return silent{s} }

// A receiver leaves a file unchanged and reports no error, and the client says, rightly, that it
// has sent the file. The lane finds out that the file is unchanged.
func TestASilentReceiverIsFoundOut(t *testing.T) {
	t.Parallel()
	client := filepath.Join(t.TempDir(), "rsync")
	testkit.WriteProgram(t, client, `#!/bin/sh
test -e "$0.silent" || exec rsync "$@"
case "$*" in *--backup-dir=*) ;; *) exec rsync "$@" ;; esac
list=$(mktemp "$0.XXXXXX")
cat >"$list"
rsync -n "$@" <"$list" | grep ' held$'
exec rsync --exclude=/held "$@" <"$list"
`)
	must(t, os.WriteFile(client+".silent", nil, 0o644))
	b := newBed(t, with{options: func(o *setup) { keeping(30)(o); o.Way.Program = client }, remote: unnamed, files: []string{"held", "other"}})
	must(t, b.fullSync(fullsync.Request{}).Err)
	b.write("held", "new here")
	b.write("other", "new here")
	b.arrives("other", "new here")
	testkit.Eventually(t, patient, "the file fails", func() bool { return b.Snapshot(time.Now()).Failing == 1 })
	must(t, os.Remove(client+".silent"))
	must(t, b.RetryNow(t.Context()))
	b.arrives("held", "new here")
}
