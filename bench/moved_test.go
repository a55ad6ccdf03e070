package bench

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// move is a rename of a file or tree, with what the target has to have after it.
type move struct {
	from, to string
	last     string // the path that probably arrives last
	bytes    int64
}

// BenchmarkMoved renames a tree of many files, and moves and renames a large file. The reference is
// a run of a bare rsync for the new place, for which nothing is left to send.
func BenchmarkMoved(b *testing.B) {
	once(b)
	const size = 200 << 10
	files, large := scale(10_000), int64(scale(1024))<<20
	paths := spec{dirs: 100, files: files}.paths("tree")
	last := "renamed" + strings.TrimPrefix(paths[files-1], "tree")
	paths = append(paths, "here/large", "there/small")
	works := []struct {
		name string
		move
	}{
		{fmt.Sprintf("rename a directory of %d files, %d MB", files, int64(files)*size/1_000_000), move{"tree", "renamed", last, int64(files) * size}},
		{fmt.Sprintf("move a file of %d MiB", large>>20), move{"here/large", "there/large", "there/large", large}},
		{fmt.Sprintf("rename a file of %d MiB in its directory", large>>20), move{"there/large", "there/other", "there/other", large}},
	}
	contenders := []*contender{product(b), lsyncd(b)}
	sent := map[*contender][]int64{}
	var all [3][]figure
	for _, c := range contenders {
		for i, path := range paths {
			n := int64(size)
			if path == "here/large" {
				n = large
			}
			fill(b, filepath.Join(c.src, path), i, n)
		}
		if _, ok := arrived(c.dst, paths); !ok {
			b.Fatalf("%s does not bring the trees over", c.name)
		}
		whole := func() bool { // a part of the large file may have gone with its new directory
			info, err := os.Stat(filepath.Join(c.dst, "here/large"))
			return err == nil && info.Size() == large
		}
		if _, ok := until(whole); !ok {
			b.Fatalf("%s does not bring the large file over", c.name)
		}
		c.settle()
		for i, w := range works {
			before, ref := c.received(), series{name: "bare rsync, nothing to send"}
			c.series = series{name: c.name}
			m := c.meter()
			if err := os.Rename(filepath.Join(c.src, w.from), filepath.Join(c.src, w.to)); err != nil {
				b.Fatal(err)
			}
			began := time.Now()
			at, ok := until(func() bool {
				_, there := os.Stat(filepath.Join(c.dst, w.last))
				_, gone := os.Stat(filepath.Join(c.dst, w.from))
				return there == nil && os.IsNotExist(gone)
			})
			if !ok {
				c.note = fmt.Sprintf("not complete after %v", patience)
			}
			c.settle()
			m.end(at.Sub(began), ended{})
			sent[c] = append(sent[c], c.received()-before)
			e := c.rsync("./" + w.to)
			ref.add(e.took, e.cpu, 0, 1)
			c.settle()
			c.against(&ref)
			all[i] = append(all[i], c.figure(), ref.figure())
		}
		stop(c.pid)
	}
	for i, w := range works {
		ours, theirs := float64(sent[contenders[0]][i])/float64(w.bytes), float64(sent[contenders[1]][i])/float64(w.bytes)
		add(b, row{
			Work: w.name, Goal: "at most 1 % of the bytes",
			Reached: fmt.Sprintf("%.3f %%; lsyncd %.1f %%", 100*ours, 100*theirs), OK: ours <= 0.01, Figures: all[i],
		})
	}
}

// fill writes a file of random bytes, which cannot be compressed and differ from those of every
// other file.
func fill(b *testing.B, path string, seed int, size int64) {
	b.Helper()
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	data := make([]byte, size)
	if _, err := rand.NewChaCha8(key).Read(data); err != nil {
		b.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.Fatal(err)
	}
	write(b, path, data)
}

// received is how many bytes the daemon says it has received so far.
func (c *contender) received() (bytes int64) {
	for _, m := range regexp.MustCompile(`received ([0-9]+) bytes`).FindAllStringSubmatch(c.daemon.Log(), -1) {
		n, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil {
			c.b.Fatal(err)
		}
		bytes += n
	}
	return bytes
}
