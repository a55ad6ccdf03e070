package inotify

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/fsevent"
	"github.com/sersync/sersync/pkg/nameset"

	"github.com/sersync/sersync/pkg/fsevent/watchertest"
)

// discard is a Handler that only notices when the watches are set.
type discard struct {
	events int
	stood  chan struct{}
}

func (d *discard) Event(fsevent.Event)           { d.events++ }
func (d *discard) Overflow()                     {}
func (d *discard) Repaired()                     {}
func (d *discard) Vanished(string, *nameset.Set) {}
func (d *discard) Root(fsevent.RootState)        { close(d.stood) }
func (d *discard) Mount(string, bool)            {}
func (d *discard) Uncovered(string, error)       {}

// BenchmarkDecode measures the reader's work for an event, without the system call.
func BenchmarkDecode(b *testing.B) {
	w, err := New("/", Options{CloseWrite: true})
	if err != nil {
		b.Fatal(err)
	}
	s := newSession(w)
	s.t.rootWd = 1
	s.t.root = s.t.create(1)
	for wd := int32(2); wd < 102; wd++ {
		s.t.attach(s.t.create(wd), s.t.root, fmt.Appendf(nil, "directory-%d", wd))
	}
	var buf []byte
	const records = 4000
	for i := range int32(records) {
		buf = append(buf, rawRecord(2+i%100, unix.IN_CLOSE_WRITE, 0, fmt.Sprint("file-", i))...)
	}
	h := &discard{}
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i += records {
		if err := s.apply(buf, true, h); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkStart compares the walk that sets the watches at the start with a minimal,
// single-threaded one, on 100,000 directories in memory.
func BenchmarkStart(b *testing.B) {
	root, err := os.MkdirTemp("/dev/shm", "start")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(root)
	raiseForBench(b, 250000)
	const dirs = 100 * 1000
	for i := range 100 {
		for j := range 10 {
			sub := filepath.Join(root, fmt.Sprint("top", i), fmt.Sprint("middle", j))
			for k := range 99 {
				watchertest.Mkdir(b, sub, fmt.Sprint("dir", k))
			}
		}
	}
	var ours, reference time.Duration
	var perDir float64
	for b.Loop() {
		// After the call that closes an instance, the kernel still takes a while to remove its
		// 100,000 watches.
		reference += minimalWatch(b, root)
		before := heap()
		w, err := New(root, Options{CloseWrite: true})
		if err != nil {
			b.Fatal(err)
		}
		h := &discard{stood: make(chan struct{})}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		begin := time.Now()
		go func() { done <- w.Run(ctx, h) }()
		<-h.stood
		ours += time.Since(begin)
		perDir = float64(heap()-before) / dirs
		if n := w.Stats().Watches; n < dirs {
			b.Errorf("%d watches, want at least %d", n, dirs)
		}
		cancel()
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(ours.Seconds()/reference.Seconds(), "x-reference")
	b.ReportMetric(perDir, "B/dir")
	b.ReportMetric(reference.Seconds()*1000/float64(b.N), "reference-ms")
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// raiseForBench raises the limit so that n watches fit, and puts it back afterwards.
func raiseForBench(b *testing.B, n int64) {
	const path = "/proc/sys/fs/inotify/max_user_watches"
	old, err := readLimit(path)
	if err != nil || old >= n {
		return
	}
	if err := writeLimit(path, n); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = writeLimit(path, old) })
}

// minimalWatch is the reference: one thread, which uses paths and keeps no table.
func minimalWatch(b *testing.B, root string) time.Duration {
	begin := time.Now()
	ifd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		b.Fatal(err)
	}
	defer unix.Close(ifd)
	buf := make([]byte, 32<<10)
	var visit func(path string)
	visit = func(path string) {
		if _, err := unix.InotifyAddWatch(ifd, path, structure); err != nil {
			b.Fatal(err)
		}
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			b.Fatal(err)
		}
		var names []string
		for {
			n, err := unix.Getdents(fd, buf)
			if err != nil || n <= 0 {
				break
			}
			_, _, names = unix.ParseDirent(buf[:n], -1, names)
		}
		unix.Close(fd)
		for _, name := range names {
			visit(path + "/" + name)
		}
	}
	visit(root)
	return time.Since(begin)
}
