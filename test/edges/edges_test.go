package edges

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/change"
	"github.com/sersync/sersync/pkg/edge/edgestatus"
	"github.com/sersync/sersync/pkg/stream"
	"github.com/sersync/sersync/pkg/stream/dial"
	"github.com/sersync/sersync/pkg/transport"
)

// Small and large files, links, directories and deletions reach a new edge and one that followed
// before; an edge that was killed goes on where it was.
func TestFollows(t *testing.T) {
	t.Parallel()
	s := newScene(t, 64<<20)
	s.put("before/a", "1")
	e := s.add("one", s.base+"/one/tree", "", "")
	s.equal()
	s.put("d/small", "small")
	s.put("d/large", strings.Repeat("large", 50_000))
	if err := os.Symlink("small", s.source+"/d/link"); err != nil {
		t.Fatal(err)
	}
	s.publish(transport.Send, "d/link")
	s.remove("before")
	s.equal()
	e.end(syscall.SIGKILL)
	s.put("d/small", "changed")
	s.remove("d/link")
	e.start()
	s.equal()
}

// Edges of a second tier fetch from a mirror, and fetch only what the mirror has announced.
func TestMirror(t *testing.T) {
	t.Parallel()
	s := newScene(t, 64<<20)
	s.put("large", strings.Repeat("x", 100_000))
	mirror := s.add("mirror", s.base+"/mirror/tree", `serves="true"`, "")
	daemon := testkit.Rsyncd(t, testkit.RsyncdConf{Modules: []testkit.Module{{Name: "tree", Path: mirror.dir, Options: []string{"read only = yes"}}}})
	s.add("leaf", s.base+"/leaf/tree", "", fmt.Sprintf(`<upstream host="127.0.0.1" port="%d" module="tree" mirror="mirror"/>`, daemon.Port()))
	s.equal()
	s.put("d/later", strings.Repeat("y", 100_000))
	s.equal()
	if log := s.rsyncd.Log(); strings.Count(log, "rsync on tree") > 4 {
		t.Logf("the source's daemon: %s", log)
	}
	if !strings.Contains(daemon.Log(), "rsync on tree") {
		t.Error("nothing was fetched from the mirror")
	}
}

// An edge that was away for longer than the stream keeps messages compares everything while changes
// go on, and removes what was deleted meanwhile.
func TestStreamHasForgotten(t *testing.T) {
	t.Parallel()
	s := newScene(t, 300<<10)
	for n := range 20 {
		s.put(fmt.Sprintf("d%d/f", n%4), fmt.Sprint(n))
	}
	e := s.add("one", s.base+"/one/tree", "", "")
	s.equal()
	e.end(syscall.SIGTERM)
	s.remove("d1")
	for n := range 40 {
		content := make([]byte, 20<<10)
		for i := range content {
			content[i] = byte(rand.Uint32())
		}
		s.put(fmt.Sprintf("new/%d", n%7), string(content))
	}
	e.start()
	for n := range 20 {
		s.put(fmt.Sprintf("churn/%d", n), fmt.Sprint(n))
	}
	s.equal()
	if _, err := os.Stat(e.dir + "/d1"); err == nil {
		t.Error("what the source has deleted is still there")
	}
}

// An edge whose disk is full says so, delays no other edge, and goes on when there is room.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root: it mounts a small disk")
	}
	s := newScene(t, 64<<20)
	disk := s.base + "/disk"
	if err := os.MkdirAll(disk, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(disk, unix.MNT_DETACH) })
	full := s.add("full", disk+"/tree", "", "")
	other := s.add("other", s.base+"/other/tree", "", "")
	s.put("a", "1")
	s.equal()
	s.write(disk+"/ballast", strings.Repeat("x", 1<<20-100<<10), 0o644)
	s.put("small", strings.Repeat("s", 60<<10))
	s.put("more", strings.Repeat("m", 60<<10))
	s.put("large", strings.Repeat("l", 200<<10))
	s.says(full, "that there is no room", func(st edgestatus.Tree) bool {
		return st.State == edgestatus.Trouble && strings.Contains(st.Remedy, "make room") && st.Failing >= 2
	})
	s.says(other, "in sync", func(st edgestatus.Tree) bool { return st.State == edgestatus.InSync })
	if err := os.Remove(disk + "/ballast"); err != nil {
		t.Fatal(err)
	}
	s.equal()
}

// An edge reports what is wrong with its configuration or its directory, and changes nothing.
func TestDirectoryOfAnother(t *testing.T) {
	t.Parallel()
	s := newScene(t, 64<<20)
	s.put("a", "1")
	dir := s.base + "/mine"
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s.write(dir+"/precious", "x", 0o644)
	e := s.add("one", dir, "", "")
	s.says(e, "that the directory is not empty", func(st edgestatus.Tree) bool { return strings.Contains(st.Remedy, "adopt=") })
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
	// Once the directory is empty the edge fills it, and a second edge is refused there.
	if err := os.Remove(dir + "/precious"); err != nil {
		t.Fatal(err)
	}
	s.equal()
	second := s.add("two", dir, `adopt="true"`, "")
	s.says(second, "that another edge is there", func(st edgestatus.Tree) bool { return strings.Contains(st.Trouble, "another edge") })
}

// Damaged and forged messages are refused and counted, and the messages after them are applied.
func TestHostileMessages(t *testing.T) {
	t.Parallel()
	s := newScene(t, 64<<20)
	s.put("a", "1")
	e := s.add("one", s.base+"/one/tree", "", "")
	s.equal()
	m := change.Message{Epoch: change.Epoch{1}, Generation: 1 << 40, Entries: []change.Entry{{Path: "a", State: change.Gone}}}
	whole, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	flipped := append([]byte(nil), whole...)
	flipped[len(flipped)/2] ^= 1
	conn, err := dial.Connect(t.Context(), s.way())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	hostile := [][]byte{[]byte("forged"), whole[:len(whole)-3], flipped, {}, []byte("ssc\xff")}
	for _, data := range hostile {
		if err := conn.Publish(stream.Subject("www", "a"), data); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	s.put("b", "2")
	s.says(e, "that messages were refused", func(st edgestatus.Tree) bool { return st.Refused == uint64(len(hostile)) })
	s.equal()
}

// TestConverges makes random changes while edges and the hub are killed and started again, the
// stream forgets messages, and one disk is full now and then. At the end all trees are equal.
func TestConverges(t *testing.T) {
	t.Parallel()
	seeds := uint64(1)
	if !testing.Short() {
		seeds = 4
	}
	if n, err := strconv.ParseUint(os.Getenv("SOAK_SEEDS"), 10, 32); err == nil {
		seeds = n
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			converge(t, rand.New(rand.NewPCG(seed, 5)))
		})
	}
}

func converge(t *testing.T, r *rand.Rand) {
	s := newScene(t, 400<<10)
	s.put("a/b/f", "first")
	for n := range 5 {
		s.add(fmt.Sprint("edge", n), fmt.Sprintf("%s/edge%d/tree", s.base, n), "", "")
	}
	down := map[*edgeHost]bool{}
	steps := 60
	if !testing.Short() {
		steps = 300
	}
	for range steps {
		e := s.edges[r.IntN(len(s.edges))]
		switch k := r.IntN(20); {
		case k == 0:
			s.hub.end(syscall.SIGKILL)
			s.startHub()
		case k == 1 && down[e]:
			e.start()
			down[e] = false
		case k < 4 && !down[e]:
			e.end(map[bool]syscall.Signal{true: syscall.SIGKILL, false: syscall.SIGTERM}[r.IntN(2) == 0])
			down[e] = true
		default:
			s.change(r)
		}
	}
	for e := range down {
		if down[e] {
			e.start()
		}
	}
	s.equal()
}

// change makes one random change at the source.
func (s *scene) change(r *rand.Rand) {
	s.Helper()
	names := []string{"a", "b", "a/b", "a/c", "b/d", "a/b/f", "a/b/g", "a/c/h"}
	path := names[r.IntN(len(names))]
	at := filepath.Join(s.source, path)
	st, err := os.Lstat(at)
	switch r.IntN(6) {
	case 0:
		if err == nil && path != "a" {
			s.remove(path)
		}
	case 1:
		if err == nil && st.IsDir() {
			return
		}
		if parent, perr := os.Lstat(filepath.Dir(at)); perr == nil && parent.IsDir() {
			_ = os.Remove(at)
			if err := os.Symlink("/etc", at); err == nil {
				s.publish(transport.Send, path)
			}
		}
	case 2:
		if err == nil && st.Mode().IsRegular() {
			_ = os.Chmod(at, 0o600|os.FileMode(r.IntN(64)))
			s.publish(transport.Send, path)
		}
	default:
		size := 1 + r.IntN(4000)
		if r.IntN(4) == 0 {
			size = 70_000 + r.IntN(40_000)
		}
		// A directory in the place of the file, or a file in the place of a directory, is removed
		// at the source first.
		for dir := filepath.Dir(path); dir != "."; dir = filepath.Dir(dir) {
			if st, err := os.Lstat(filepath.Join(s.source, dir)); err == nil && !st.IsDir() {
				s.remove(dir)
			}
		}
		if err == nil && !st.Mode().IsRegular() {
			s.remove(path)
		}
		content := make([]byte, size)
		for i := range content {
			content[i] = byte(r.Uint32())
		}
		s.put(path, string(content))
	}
}
