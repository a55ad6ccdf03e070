package rsync

import (
	"os"
	"path/filepath"
	"slices"
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

// Only a file with several names can keep a run waiting for ever. What is here may have changed since
// rsync listed it, so that a run whose files have one name each is not waited for without end.
func TestWhichComplaintsAreOfARunThatIsStuck(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"alone", "a #1"} {
		must(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	must(t, os.Link(filepath.Join(dir, "a #1"), filepath.Join(dir, "b")))
	denied := func(name string) string {
		return `rsync: [sender] send_files failed to open "` + filepath.Join(dir, name) + `": Permission denied (13)`
	}
	for line, want := range map[string]struct{ soon, late bool }{
		denied("alone"):                         {false, true},
		denied("a #1"):                          {true, true},
		denied(`a \#0431`):                      {true, true},
		denied("gone"):                          {true, true},
		`file has vanished: "` + dir + `/gone"`: {true, true},
		`rsync: [sender] link_stat "` + dir + `/gone" failed: No such file (2)`:   {},
		`rsync: [receiver] mkstemp "/x/.b.AbCdEf" failed: Permission denied (13)`: {},
	} {
		p := &Process{}
		p.complaint([]byte(line + "\n")) // as the reader of a child's complaints has it
		if p.stuck(time.Second, 2*time.Second) {
			t.Errorf("stuck too early: %s", line)
		}
		if soon, late := p.stuck(2*time.Second, 2*time.Second), p.stuck(time.Hour, 2*time.Second); soon != want.soon || late != want.late {
			t.Errorf("stuck %v, and after a long time %v: %s", soon, late, line)
		}
	}
}

// A file's name may end in a quote.
func TestVanishedFiles(t *testing.T) {
	text := "file has vanished: \"/d/a\"\nfile has vanished: \"/d/./sub/\\#011\"\"\nrsync warning: some files vanished before they could be transferred (code 24) at main.c(1394) [sender=3.5.0]"
	r := Classify(Run{Batch: transport.Batch{Kind: transport.Send}}, "/d", Ended{Ended: child.Ended{Exit: 24, Stderr: text}}, nil)
	if want := []string{"a", "sub/\t\""}; r.Class != transport.Done || !slices.Equal(r.Vanished, want) {
		t.Errorf("%v, %q", r.Class, r.Vanished)
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
