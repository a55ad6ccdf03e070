package rsync

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/child"
	"github.com/sersync/sersync/pkg/transport"
)

// rsync lists a file, and then waits for somebody's lease on the file before it can open it.
func TestAFileThatDoesNotOpenHoldsUpNoOther(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	for _, name := range []string{"a", "leased", "z"} {
		must(t, os.WriteFile(filepath.Join(src, name), []byte(name), 0o644))
	}
	held, err := os.Open(filepath.Join(src, "leased"))
	must(t, err)
	defer held.Close()
	if _, err := unix.FcntlInt(held.Fd(), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		t.Fatalf("no lease: %v", err)
	}
	p, err := Start(t.Context(), launcher(t), child.Command{
		Program: "rsync", Args: []string{"-t", "--files-from=-", "--from0", ".", dst}, Dir: src,
		Stdin: []byte("a\x00leased\x00z\x00"), Inactivity: time.Minute, OpenPatience: 100 * time.Millisecond,
	})
	must(t, err)
	r := Classify(Run{Batch: transport.Batch{Kind: transport.Send}}, src, p.Wait(), nil)
	if r.Class != transport.Again || len(r.Races) != 1 || r.Races[0].Path != "leased" || !r.Races[0].Hung() || r.Remedy == "" {
		t.Errorf("%+v", r)
	}
	for _, name := range []string{"a", "z"} {
		if text, err := os.ReadFile(filepath.Join(dst, name)); err != nil || string(text) != name {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	if _, err := os.Lstat(filepath.Join(dst, "leased")); err == nil {
		t.Error("leased has arrived")
	}
}

// A file whose open hangs for ever is not blamed on the remote.
func TestWhoIsBlamedForWhatDoesNotOpen(t *testing.T) {
	remote := Classify(Run{Batch: transport.Batch{Kind: transport.Send}}, "/", Ended{Ended: child.Ended{Exit: -1, Silence: child.Inactive}}, nil)
	here := Classify(Run{Batch: transport.Batch{Kind: transport.Send}}, "/", Ended{Ended: child.Ended{Exit: -1, Silence: child.Opening}}, nil)
	if remote.Reason == here.Reason || remote.Remedy == here.Remedy {
		t.Errorf("%q and %q", remote.Reason, here.Reason)
	}
}

func TestASilentRunIsTrouble(t *testing.T) {
	p, err := Start(t.Context(), launcher(t), child.Command{
		Program: "/bin/sh", Args: []string{"-c", "cat >/dev/null; exec sleep 1000"}, Dir: "/", Inactivity: 200 * time.Millisecond,
	})
	must(t, err)
	p.Feed([]byte("x"))
	if r := Classify(Run{Batch: transport.Batch{Kind: transport.Send}}, "/", p.Wait(), nil); r.Class != transport.Trouble {
		t.Errorf("%+v", r)
	}
}
