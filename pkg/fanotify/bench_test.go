package fanotify

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/fsevent"
	"github.com/sersync/sersync/pkg/nameset"
)

// discard is a Handler that only notices when the mark is set.
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

// watch runs a watcher until stop is called.
func watch(b *testing.B, root string) (*Watcher, func()) {
	b.Helper()
	w, err := New(root, Options{CloseWrite: true})
	if err != nil {
		b.Fatal(err)
	}
	h := &discard{stood: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx, h) }()
	<-h.stood
	return w, func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
	}
}

// BenchmarkStart measures the time until the mark is set, which does not depend on the size of the
// tree.
func BenchmarkStart(b *testing.B) {
	root := b.TempDir()
	for b.Loop() {
		_, stop := watch(b, root)
		stop()
	}
}

// BenchmarkHandle measures the reader's work for one record, without the system call that reads it:
// for a file inside of the root that exists, and for one outside.
func BenchmarkHandle(b *testing.B) {
	base := b.TempDir()
	const dirs, files = 20, 100
	for _, where := range []string{"inside", "outside"} {
		b.Run(where, func(b *testing.B) {
			root := filepath.Join(base, where)
			var buf []byte
			for i := range dirs {
				dir := filepath.Join(root, fmt.Sprint(i))
				if err := os.MkdirAll(dir, 0o755); err != nil {
					b.Fatal(err)
				}
				for j := range files {
					name := fmt.Sprint("file-", j)
					if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
						b.Fatal(err)
					}
					buf = append(buf, rawRecord(unix.FAN_CREATE|unix.FAN_CLOSE_WRITE, infoOf(b, dir, name), infoOf(b, filepath.Join(dir, name), ""))...)
				}
			}
			if where == "outside" {
				root = b.TempDir()
			}
			w, err := New(root, Options{CloseWrite: true})
			if err != nil {
				b.Fatal(err)
			}
			s, err := w.open(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			defer s.close()
			s.h = &discard{}
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; i < b.N; i += dirs * files {
				if err := s.apply(buf); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// infoOf is the information record of a file; it contains a name unless that is empty.
func infoOf(b *testing.B, path, name string) []byte {
	b.Helper()
	fd, err := unix.Open(path, unix.O_PATH, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer unix.Close(fd)
	d, err := inodeOf(fd)
	if err != nil {
		b.Fatal(err)
	}
	if name == "" {
		return rawInfo(unix.FAN_EVENT_INFO_TYPE_FID, d.fsid, d.handle[:d.size], nil)
	}
	return rawInfo(unix.FAN_EVENT_INFO_TYPE_DFID_NAME, d.fsid, d.handle[:d.size], []byte(name))
}

// BenchmarkNeighbour measures what a neighbour costs that makes, closes and removes some 17,000
// files a second outside of the root, in percent of a processor.
func BenchmarkNeighbour(b *testing.B) {
	base := b.TempDir()
	root := filepath.Join(base, "root")
	if err := os.Mkdir(root, 0o755); err != nil {
		b.Fatal(err)
	}
	w, stop := watch(b, root)
	defer stop()
	for b.Loop() {
		began, before, records := time.Now(), cpu(b), w.Stats().Records
		ctx, cancel := context.WithTimeout(b.Context(), 3*time.Second)
		neighbour(ctx, base)
		cancel()
		took := time.Since(began).Seconds()
		b.ReportMetric(100*(cpu(b)-before)/took, "%cpu")
		b.ReportMetric(float64(w.Stats().Records-records)/took, "records/s")
	}
}

// neighbour makes and removes files in a process of its own until ctx ends.
func neighbour(ctx context.Context, base string) {
	const script = `import os,sys,time
base=sys.argv[1]; n=0; t=time.time()
for d in range(100): os.makedirs(f"{base}/out{d}",exist_ok=True)
while True:
  for i in range(250):
    p=f"{base}/out{n%100}/f{n}"
    os.close(os.open(p,os.O_WRONLY|os.O_CREAT)); os.unlink(p); n+=1
  d=t+n/17000-time.time()
  if d>0: time.sleep(d)
`
	_ = exec.CommandContext(ctx, "python3", "-c", script, base).Run() // the process ends with ctx
}

// cpu is the processor time of this process in seconds.
func cpu(b *testing.B) float64 {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}
