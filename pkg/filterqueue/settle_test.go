package filterqueue

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fsevent"
)

// site is a watched directory with a queue that gets the real kernel's events.
type site struct {
	t    *testing.T
	dir  string
	q    *Queue
	mark chan string
}

func (s *site) Mark(path string, f dirty.Flags) { s.mark <- path + " " + flagNames(f) }

func (s *site) MarkMoved(path, _ string, f dirty.Flags) { s.Mark(path, f) }

func newSite(t *testing.T, sw confxml.Switches) *site { return newSiteWith(t, Options{Switches: sw}) }

func newSiteWith(t *testing.T, opt Options) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), mark: make(chan string, 100)}
	root, err := unix.Open(s.dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ifd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	events := os.NewFile(uintptr(ifd), "inotify")
	if _, err := unix.InotifyAddWatch(ifd, s.dir, unix.IN_ALL_EVENTS); err != nil {
		t.Fatal(err)
	}
	opt.Root, opt.Sinks = func() (int, func()) { return root, func() {} }, []Sink{s}
	s.q = New(opt)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.q.Run(ctx) })
	wg.Go(func() { s.read(events) })
	t.Cleanup(func() {
		cancel()
		_ = events.Close()
		wg.Wait()
		_ = unix.Close(root)
	})
	return s
}

// read hands the kernel's events of the one directory to the queue.
func (s *site) read(events *os.File) {
	ops := map[uint32]fsevent.Op{
		unix.IN_CREATE: fsevent.Create, unix.IN_CLOSE_WRITE: fsevent.CloseWrite, unix.IN_DELETE: fsevent.Delete,
		unix.IN_MODIFY: fsevent.Modify, unix.IN_ATTRIB: fsevent.Attrib,
		unix.IN_MOVED_FROM: fsevent.MovedFrom, unix.IN_MOVED_TO: fsevent.MovedTo,
	}
	buf := make([]byte, 1<<16)
	for {
		n, err := events.Read(buf)
		if err != nil {
			return
		}
		for at := 0; at < n; {
			e := (*unix.InotifyEvent)(unsafe.Pointer(&buf[at]))
			name := strings.TrimRight(string(buf[at+unix.SizeofInotifyEvent:at+unix.SizeofInotifyEvent+int(e.Len)]), "\x00")
			at += unix.SizeofInotifyEvent + int(e.Len)
			if op := ops[e.Mask&unix.IN_ALL_EVENTS]; op != 0 && name != "" {
				s.q.Event(fsevent.Event{Path: name, Op: op, Dir: e.Mask&unix.IN_ISDIR != 0})
			}
		}
	}
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

func (s *site) do(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) want(mark string) {
	s.t.Helper()
	select {
	case got := <-s.mark:
		if got != mark {
			s.t.Fatalf("marked %q, want %q", got, mark)
		}
	case <-time.After(20 * time.Second):
		s.t.Fatalf("%q was never marked", mark)
	}
}

// waitStep waits until the settler has put the file off to the given step.
func (s *site) waitStep(name string, step int) {
	s.t.Helper()
	s.until(fmt.Sprintf("step %d of %q", step, name), func() bool {
		st := s.q.settler
		st.mu.Lock()
		defer st.mu.Unlock()
		for _, t := range st.queues[step].list {
			if t.path == name && st.files[name].id == t.id {
				return true
			}
		}
		return false
	})
}

func (s *site) until(what string, cond func() bool) {
	s.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			s.t.Fatalf("never came: %s", what)
		}
	}
}

func (s *site) unsettled() int { return s.q.Stats().Unsettled }

func TestSettleWhatHasNoClose(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(s *site) error
	}{
		{"symlink", func(s *site) error { return os.Symlink("nowhere", s.path("new")) }},
		{"fifo", func(s *site) error { return unix.Mkfifo(s.path("new"), 0o600) }},
		{"socket", func(s *site) error { return unix.Mknod(s.path("new"), unix.S_IFSOCK|0o600, 0) }},
		{"hard link", func(s *site) error {
			other := filepath.Join(s.t.TempDir(), "old")
			if err := os.WriteFile(other, []byte("x"), 0o600); err != nil {
				return err
			}
			return os.Link(other, s.path("new"))
		}},
		{"hard link to a file that cannot be read", func(s *site) error {
			other := filepath.Join(s.t.TempDir(), "old")
			if err := os.WriteFile(other, []byte("x"), 0); err != nil {
				return err
			}
			return os.Link(other, s.path("new"))
		}},
		{"linked O_TMPFILE", func(s *site) error {
			fd, err := unix.Open(s.dir, unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
			if err != nil {
				return err
			}
			if _, err := unix.Write(fd, []byte("x")); err != nil {
				return err
			}
			if err := unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd),
				unix.AT_FDCWD, s.path("new"), unix.AT_SYMLINK_FOLLOW); err != nil {
				return err
			}
			return unix.Close(fd)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sw := defaults
			sw.CloseWrite = false // so that only the settler can mark the file
			s := newSite(t, sw)
			s.do(c.make(s))
			s.want("new C")
			if n := s.unsettled(); n != 0 {
				t.Errorf("%d files are still waited for", n)
			}
		})
	}
}

func TestSettleLeavesAFileBeingWrittenToItsClose(t *testing.T) {
	t.Parallel()
	s := newSite(t, defaults)
	f, err := os.Create(s.path("slow"))
	s.do(err)
	_, err = f.WriteString("half")
	s.do(err)
	s.waitStep("slow", 3) // two looks have been taken, after one second and after two more
	if len(s.mark) > 0 {
		t.Fatalf("marked %q while it was open for writing", <-s.mark)
	}
	if o := s.q.Stats().Oldest; time.Since(o) < time.Second || time.Since(o) > time.Minute {
		t.Errorf("oldest unsettled file is of %v", o)
	}
	s.do(f.Close())
	s.want("slow C")
	if n := s.unsettled(); n != 0 {
		t.Errorf("%d files are still waited for", n)
	}
}

// TestSettleLinkIsNotHeldBack: a link to a file that a program holds open for writing is passed on
// after some seconds, and once more when the file is closed under its other name.
func TestSettleLinkIsNotHeldBack(t *testing.T) {
	t.Parallel()
	s := newSite(t, defaults)
	outside := filepath.Join(t.TempDir(), "held") // no event reports when this file is closed
	f, err := os.Create(outside)
	s.do(err)
	s.do(os.Link(outside, s.path("new")))
	s.until("known as being written", func() bool { return s.q.Stats().Writing == 1 })
	s.want("new C")
	if n := s.q.Stats().Writing; n != 1 {
		t.Errorf("%d files are known as being written, want the one that is held", n)
	}
	s.do(f.Close())
	s.want("new C")
	s.until("nothing to wait for", func() bool { return s.unsettled() == 0 })
}

// TestSettleTellsOfSeveralNames: Several is called for a new link before the link is passed on,
// whatever the switches say of its creation. It is not called for a file that is being written.
func TestSettleTellsOfSeveralNames(t *testing.T) {
	t.Parallel()
	atOnce := defaults
	atOnce.CreateFile = true
	for name, sw := range map[string]confxml.Switches{"as shipped": defaults, "createFile": atOnce} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			several := make(chan string, 10)
			s := newSiteWith(t, Options{Switches: sw, Several: func(path string, st *unix.Stat_t) {
				several <- fmt.Sprintf("%s %d", path, st.Nlink)
			}})
			s.do(os.WriteFile(s.path("a"), []byte("x"), 0o600))
			s.do(os.Link(s.path("a"), s.path("b")))
			select {
			case got := <-several:
				if got != "b 2" {
					t.Errorf("told of %q", got)
				}
			case <-time.After(20 * time.Second):
				t.Error("Several was not called")
			}
			s.until("nothing to wait for", func() bool { return s.unsettled() == 0 })
		})
	}
}

func TestSettleOrdinaryFileIsMarkedOnceByItsClose(t *testing.T) {
	t.Parallel()
	s := newSite(t, defaults)
	s.do(os.WriteFile(s.path("a"), []byte("x"), 0o600))
	s.want("a C")
	s.do(os.Symlink("a", s.path("b"))) // b would settle later than a
	s.want("b C")
	if n := s.unsettled(); n != 0 {
		t.Errorf("%d files are still waited for", n)
	}
}

func TestSettleForgetsWhatIsGone(t *testing.T) {
	t.Parallel()
	s := newSite(t, defaults)
	s.q.Event(fsevent.Event{Path: "never/was", Op: fsevent.Create})
	s.until("nothing to wait for", func() bool { return s.unsettled() == 0 })
	s.do(os.Symlink(".", s.path("link")))
	s.want("link C")
	s.q.Event(fsevent.Event{Path: "link/link", Op: fsevent.Create}) // the path leads through a link
	s.until("nothing to wait for", func() bool { return s.unsettled() == 0 })
	if len(s.mark) > 0 {
		t.Fatalf("marked %q", <-s.mark)
	}
}

func TestSettleWithoutRoomOrRootMarksAtOnce(t *testing.T) {
	var r record
	q := New(Options{Switches: defaults, Sinks: []Sink{&r}})
	for i := range maxUnsettled + 1 {
		q.Event(fsevent.Event{Path: fmt.Sprintf("f%d", i), Op: fsevent.Create})
	}
	if len(r.marks) != 1 || r.marks[0] != fmt.Sprintf("f%d C", maxUnsettled) {
		t.Errorf("marked %q", r.marks)
	}
	if s := look(-1, "x", 0, fingerprint{}); s.found != complete {
		t.Error("a file is lost while there is no root")
	}
}

func TestSettleTicketsAreBounded(t *testing.T) {
	q := New(Options{Switches: defaults})
	q.Event(fsevent.Event{Path: "open", Op: fsevent.Create})
	for range 5 * maxUnsettled {
		q.Event(fsevent.Event{Path: "f", Op: fsevent.Create})
		q.Event(fsevent.Event{Path: "f", Op: fsevent.CloseWrite})
	}
	tickets := q.settler.queues[0]
	if n := len(tickets.list) - tickets.head; n > 2*maxUnsettled+1 {
		t.Errorf("%d tickets for one file that is waited for", n)
	}
	if first, ok := tickets.peek(); !ok || first.path != "open" {
		t.Errorf("the turn of the file that is waited for is lost")
	}
}

// TestSettleWithoutLease tests a program that may not take a lease on a file: a file that is the
// same at two looks in a row is complete.
func TestSettleWithoutLease(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "theirs")
	if err := os.WriteFile(file, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	name := "theirs"
	if os.Geteuid() == 0 {
		if err := os.Chown(file, 12345, 12345); err != nil {
			t.Fatal(err)
		}
	} else {
		dir, name = "/etc", "passwd"
	}
	root, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(root)
	var answers [3]sight
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // the thread ends and takes its lost right with it
		dropLease()
		answers[0] = look(root, name, 1, fingerprint{})
		answers[1] = look(root, name, 1, answers[0].print)
		if os.Geteuid() == 0 {
			_ = os.WriteFile(file, []byte("xy"), 0o644)
			answers[2] = look(root, name, 1, answers[0].print)
		}
	}()
	<-done
	if answers[0].found != wait || !answers[0].print.ok {
		t.Errorf("first look %+v", answers[0])
	}
	if answers[1].found != complete {
		t.Errorf("unchanged file %+v", answers[1])
	}
	if os.Geteuid() == 0 && answers[2].found != wait {
		t.Errorf("changed file %+v", answers[2])
	}
}

// dropLease takes CAP_LEASE from the calling thread.
func dropLease() {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&hdr, &data[0]) != nil {
		return
	}
	data[0].Effective &^= 1 << unix.CAP_LEASE
	_ = unix.Capset(&hdr, &data[0])
}
