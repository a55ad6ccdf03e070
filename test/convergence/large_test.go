package convergence

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/status"
)

const (
	largeFiles = 12
	largeFile  = 250_000 // bytes
	// cheap is how many bytes a move may cost while nothing else happens.
	cheap = largeFiles * largeFile / 20
	// roughMoves is how many moves there are while things fail.
	roughMoves = 8
)

// mover moves large trees about.
type mover struct {
	*scene
	w     *writer
	rnd   *rand.Rand
	trees []string // the paths where they are now
	made  int
}

// TestSeedsOfMoves moves large trees: first one after the other while nothing else happens,
// which may cost few bytes, and then while things fail.
func TestSeedsOfMoves(t *testing.T) {
	for _, seed := range testkit.Few(seeds(t), 2) {
		n := int((seed - 1) % int64(len(modes())))
		if *modeFlag >= 0 {
			n = *modeFlag
		}
		if modes()[n].pair {
			continue // a pair does not link moved files, see pair_test.go
		}
		t.Run(fmt.Sprintf("%d-%s", seed, modeOf(seed, n)), func(t *testing.T) {
			t.Parallel()
			move(t, seed, n)
		})
	}
}

func move(t *testing.T, seed int64, n int) {
	s := newScene(t, modeOf(seed, n), rand.New(rand.NewPCG(uint64(seed), 54)))
	faults := s.plan(crashes(seed))
	m := &mover{scene: s, w: s.writer(seed, 55, func() {}), rnd: rand.New(rand.NewPCG(uint64(seed), 56))}
	for i := range 2 {
		m.trees = append(m.trees, fmt.Sprintf("large %d", i))
		m.fill(m.trees[i])
	}
	s.start(true)
	m.quietly()
	for i := range roughMoves {
		f := faults[m.rnd.IntN(len(faults))]
		s.log.add("fault", "--- "+f.name, nil)
		f.begin()
		m.rough()
		f.end()
		s.log.add("fault", "--- end of "+f.name, nil)
		if m.rough(); i%3 == 2 {
			m.rest(f.name)
		}
	}
	s.rsync.Heal()
	t.Log(s.settle(seed, n))
	s.stop(syscall.SIGTERM)
}

func (m *mover) fill(dir string) {
	m.t.Helper()
	m.must(os.MkdirAll(m.w.full(dir)+"/deep/er", 0o755))
	var names []string
	for i := range largeFiles {
		names = append(names, dir+m.w.pick([]string{"/", "/deep/", "/deep/er/"})+"f"+strconv.Itoa(i))
	}
	if len(m.m.exclude) > 0 {
		m.must(os.MkdirAll(m.w.full(dir)+"/deep/skip", 0o755))
		names = append(names, dir+"/deep/excluded.gz", dir+"/deep/skip/f")
	}
	for _, name := range names {
		text := make([]byte, largeFile)
		for at := range text {
			text[at] = byte(m.rnd.Uint32())
		}
		m.log.wrote(len(text))
		err := os.WriteFile(m.w.full(name), text, 0o644)
		m.log.add(m.w.name, fmt.Sprintf("write %q %d bytes", name, len(text)), err, name)
		m.must(err)
	}
}

// rest waits until both sides are equal and the program has nothing left to do.
func (m *mover) rest(after string) {
	m.t.Helper()
	next := time.Time{}
	var diff []testkit.Difference
	rests := testkit.Poll(patience, func() bool {
		if time.Now().Before(next) {
			return false
		}
		next = time.Now().Add(100 * time.Millisecond)
		if diff, _ = m.forgive(testkit.Equal(m.src, m.dst, m.compare())); len(diff) > 0 {
			return false
		}
		now, ok := m.status()
		for _, lane := range now.Lanes {
			ok = ok && lane.Pending+lane.InFlight == 0 && (lane.State == status.LaneInSync || lane.State == status.LaneDegraded)
		}
		return ok && len(now.Lanes) > 0
	})
	if !rests {
		for _, d := range diff[:min(3, len(diff))] {
			m.t.Errorf("%v; operations near it:\n%s", d, m.log.near(d.Path))
		}
		m.explain()
		m.t.Fatalf("after %s the program does not come to rest; %d differences", after, len(diff))
	}
}

// move renames a tree.
func (m *mover) move(i int, to string) {
	m.t.Helper()
	from := m.trees[i]
	err := errors.Join(os.MkdirAll(filepath.Dir(m.w.full(to)), 0o755), os.Rename(m.w.full(from), m.w.full(to)))
	m.log.add(m.w.name, fmt.Sprintf("mv %q %q", from, to), err, from, to)
	m.must(err)
	m.trees[i] = to
}

// place returns a new path, in a directory that exists or in a new one.
func (m *mover) place() string {
	m.made++
	return m.w.pick([]string{"", "large dirs/", "large dirs/of one/"}[:2+m.rnd.IntN(2)]) + fmt.Sprintf("large tree %d", m.made)
}

// quietly moves trees one after the other, and bounds what that costs if the configuration allows a
// move to save anything.
func (m *mover) quietly() {
	m.t.Helper()
	saves := !m.m.noDelete
	m.must(os.MkdirAll(m.w.full("large dirs"), 0o755))
	m.rest("large trees are written")
	for _, to := range []string{"large moved", "large dirs/large moved", "large dirs/again"} {
		before := m.received()
		m.move(0, to)
		m.rest("a quiet move")
		testkit.Settled(200*time.Millisecond, patience, func() string { return strconv.FormatInt(m.received(), 10) })
		if sent := m.received() - before; saves && sent > cheap {
			m.t.Errorf("a move to %q cost %d bytes, at most %d were to be sent", to, sent, cheap)
		}
	}
}

// rough makes moves that meet each other and meet faults.
func (m *mover) rough() {
	m.t.Helper()
	i := m.rnd.IntN(len(m.trees))
	switch m.rnd.IntN(7) {
	case 0: // a is moved to b, then to c
		m.move(i, m.place())
		m.move(i, m.place())
	case 1: // two trees change places
		a, b := m.trees[0], m.trees[1]
		m.move(0, "large between")
		m.move(1, a)
		m.move(0, b)
	case 2: // the old place gets equal files, whose modes change afterwards
		old := m.trees[i]
		m.move(i, m.place())
		m.copyBack(m.trees[i], old)
	case 3: // a file is written inside of the tree
		m.move(i, m.place())
		name := m.trees[i] + "/deep/then"
		err := os.WriteFile(m.w.full(name), m.w.text(), 0o644)
		m.log.add(m.w.name, fmt.Sprintf("write %q", name), err, name)
		m.must(err)
	case 4: // the tree is moved there and back
		old := m.trees[i]
		m.move(i, m.place())
		m.move(i, old)
	default:
		m.move(i, m.place())
	}
	time.Sleep(time.Duration(m.rnd.Int64N(int64(calmPause)))) // the pause is a part of the operation
}

// copyBack copies a tree together with the times of its files, and changes the mode of one file in
// each of the two trees.
func (m *mover) copyBack(of, to string) {
	m.t.Helper()
	if _, err := os.Lstat(m.w.full(to)); err == nil {
		return // the other tree is there
	}
	err := filepath.WalkDir(m.w.full(of), func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		into := m.w.full(to) + path[len(m.w.full(of)):]
		if d.IsDir() {
			return os.MkdirAll(into, 0o755)
		}
		text, err := os.ReadFile(path)
		info, err2 := d.Info()
		if err = errors.Join(err, err2); err != nil {
			return err
		}
		return errors.Join(os.WriteFile(into, text, 0o644), os.Chtimes(into, info.ModTime(), info.ModTime()))
	})
	m.log.add(m.w.name, fmt.Sprintf("cp -rp %q %q", of, to), err, to)
	m.must(err)
	if !m.m.attributes {
		return
	}
	for dir, mode := range map[string]os.FileMode{of: 0o600, to: 0o640} {
		for _, sub := range []string{"/", "/deep/", "/deep/er/"} {
			name := dir + sub + "f0"
			if err := os.Chmod(m.w.full(name), mode); err == nil {
				m.log.add(m.w.name, fmt.Sprintf("chmod %o %q", mode, name), nil, name)
			}
		}
	}
}
