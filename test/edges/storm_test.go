package edges

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/edge/edgestatus"
	"github.com/sersync/sersync/pkg/transport"
)

// gate is a proxy in front of the hub. While it is closed connections stay open, but nothing comes
// through them, as when a cable is pulled.
type gate struct {
	port int
	pace time.Duration // the pause between two pieces of 4 KiB; 0: none
	all  sync.WaitGroup

	mu   sync.Mutex
	open chan struct{} // closed while the gate is open
}

func (s *scene) gate(pace time.Duration) *gate {
	s.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.Fatal(err)
	}
	g := &gate{port: l.Addr().(*net.TCPAddr).Port, pace: pace, open: make(chan struct{})}
	close(g.open)
	g.all.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
			if err != nil {
				_ = in.Close()
				continue
			}
			g.all.Go(func() { g.pass(out, in) })
			g.all.Go(func() { g.pass(in, out) })
		}
	})
	s.Cleanup(func() {
		g.set(true)
		_ = l.Close()
		g.all.Wait()
	})
	return g
}

// pass copies until either end is closed, and then closes both.
func (g *gate) pass(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 4<<10)
	for {
		n, err := from.Read(buf)
		g.mu.Lock()
		open := g.open
		g.mu.Unlock()
		<-open
		if g.pace > 0 {
			<-time.After(g.pace)
		}
		if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
			return
		}
	}
}

// set opens or closes the gate.
func (g *gate) set(open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.open:
		if !open {
			g.open = make(chan struct{})
		}
	default:
		if open {
			close(g.open)
		}
	}
}

// disk mounts a small disk; fill fills it, and clear empties it.
func (s *scene) disk(at, size string) (fill, clear func()) {
	s.Helper()
	if err := os.MkdirAll(at, 0o755); err != nil {
		s.Fatal(err)
	}
	if err := unix.Mount("tmpfs", at, "tmpfs", 0, "size="+size+",mode=755"); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = unix.Unmount(at, unix.MNT_DETACH) })
	ballast := at + "/ballast"
	fill = func() {
		f, err := os.OpenFile(ballast, os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return // there is not even room for a name
		}
		defer f.Close()
		for block := make([]byte, 64<<10); len(block) > 1; {
			if _, err := f.Write(block); err != nil {
				block = block[:len(block)/2]
			}
		}
	}
	return fill, func() { _ = os.Remove(ballast) }
}

// TestStorm has all faults at once. Edges are killed, cut off without a sign, slow, and out of
// room. The hub is killed and out of room, the source is restarted, and the stream forgets
// messages. Afterwards all trees are equal, and no file that the source has never deleted was
// deleted anywhere.
func TestStorm(t *testing.T) {
	testkit.Long(t)
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root: it mounts small disks")
	}
	var fillHub, clearHub func()
	const limit = 400 << 10
	s := newBareScene(t)
	fillHub, clearHub = s.disk(s.base+"/hub", "96m")
	s.hub = &process{t: t, role: "hub", args: []string{s.base + "/hub", fmt.Sprintf("127.0.0.1:%d", s.port)}}
	s.startHub()
	t.Cleanup(func() { s.hub.end(syscall.SIGKILL) })
	s.open(limit)
	s.put("kept/small", "1")
	s.put("kept/large", noise(100_000))
	held, slow := s.gate(0), s.gate(50*time.Millisecond)
	fillEdge, clearEdge := s.disk(s.base+"/disk", "16m")
	s.add("killed", s.base+"/killed/tree", "", "")
	s.add("calm", s.base+"/calm/tree", "", "")
	s.add("full", s.base+"/disk/tree", "", "")
	s.through = held.port
	s.add("held", s.base+"/held/tree", "", "")
	s.through = slow.port
	s.add("slow", s.base+"/slow/tree", "", "")
	s.equal()
	kept := map[string]os.FileInfo{}
	for _, e := range s.edges {
		for _, name := range []string{"/kept/small", "/kept/large"} {
			info, err := os.Stat(e.dir + name)
			if err != nil {
				t.Fatal(err)
			}
			kept[e.dir+name] = info
		}
	}
	s.rage(rand.New(rand.NewPCG(11, 7)), held, limit, [2]func(){fillHub, clearHub}, [2]func(){fillEdge, clearEdge})
	s.equal()
	for path, was := range kept {
		if info, err := os.Stat(path); err != nil || !os.SameFile(was, info) {
			t.Errorf("%s was deleted meanwhile: %v", path, err)
		}
	}
}

// rage changes files at the source while everything fails, and ends all faults at the end.
func (s *scene) rage(r *rand.Rand, held *gate, limit int64, hub, edge [2]func()) {
	s.Helper()
	const steps, fill, empty = 120, 0, 1
	down := false
	for n := range steps {
		switch r.IntN(16) {
		case 0:
			s.hub.end(syscall.SIGKILL)
			s.startHub()
		case 1, 2:
			if down {
				s.edges[0].start()
			} else {
				s.edges[0].end(syscall.SIGKILL)
			}
			down = !down
		case 3, 4:
			held.set(r.IntN(2) == 0)
		case 5:
			edge[fill]()
		case 6:
			edge[empty]()
		case 7:
			s.pub.Close()
			s.open(limit)
		case 8:
			hub[fill]()
			s.write(s.source+"/refused", fmt.Sprint(n), 0o644)
			_ = s.tries("refused")
			hub[empty]()
			s.publish(transport.Send, "refused")
		default:
			s.change(r)
		}
	}
	hub[empty]()
	edge[empty]()
	held.set(false)
	s.put("while-cut", "1")
	s.says(s.edges[3], "that the hub does not answer", func(st edgestatus.Tree) bool {
		return st.State == edgestatus.Trouble && st.Remedy != ""
	})
	held.set(true)
	if down {
		s.edges[0].start()
	}
	s.put("last", strings.Repeat("x", 1000))
}

// If an edge's directory is on a disk that is mounted read-only, or belongs to another user, the
// edge reports that with a remedy, deletes nothing, and goes on by itself once it can.
func TestDirectoryThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root: it mounts a small disk")
	}
	s := newScene(t, 64<<20)
	disk := s.base + "/disk"
	s.disk(disk, "16m")
	e := s.add("one", disk+"/tree", "", "")
	s.put("a", "1")
	s.equal()
	if err := unix.Mount("", disk, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	s.put("b", "2")
	s.put("large", noise(100_000))
	s.remove("a")
	s.says(e, "that the disk is read-only", func(st edgestatus.Tree) bool {
		return st.State == edgestatus.Trouble && strings.Contains(st.Trouble+st.Detail, "read-only") && st.Remedy != ""
	})
	if _, err := os.Stat(e.dir + "/a"); err != nil {
		t.Error(err)
	}
	if err := unix.Mount("", disk, "", unix.MS_REMOUNT, ""); err != nil {
		t.Fatal(err)
	}
	s.equal()
}
