package transporttest

import (
	"os"
	"path/filepath"
	"time"

	"github.com/sersync/sersync/pkg/transport"
)

// names: with -H the names of a file that one call sends are one file on the remote, whatever it
// had under these names, and a name that is sent alone becomes a file of its own.
func (b *bench) names() {
	then := time.Unix(1_600_000_000, 0)
	b.write(b.Here, "a", "text")
	b.time(b.Here, "a", then)
	if err := os.Link(filepath.Join(b.Here, "a"), filepath.Join(b.Here, "b")); err != nil {
		b.Fatal(err)
	}
	together := b.Terms().HardLinks
	b.do(send(), "a", "b")
	b.one(together, "a", "b")

	b.write(b.Here, "a", "longer")
	b.do(send(), "a")
	b.is("a", "longer")
	b.is("b", "text")
	b.one(false, "a", "b")

	b.do(send(), "a", "b")
	b.is("b", "longer")
	b.one(together, "a", "b")

	b.write(b.Copies, "equal", "longer")
	b.time(b.Here, "a", then)
	for _, name := range []string{"a", "b", "equal"} {
		b.time(b.Copies, name, then)
	}
	if err := os.Link(filepath.Join(b.Here, "a"), filepath.Join(b.Here, "equal")); err != nil {
		b.Fatal(err)
	}
	b.do(transport.Batch{Kind: transport.Send, MayDelete: true, Attributes: true}, "a", "b", "equal")
	b.one(together, "a", "equal")
}

// one fails the test unless two names are those of one file on the remote, or of two.
func (b *bench) one(want bool, name, other string) {
	b.Helper()
	first, err := os.Stat(filepath.Join(b.Copies, name))
	if err != nil {
		b.Fatal(err)
	}
	second, err := os.Stat(filepath.Join(b.Copies, other))
	if err != nil {
		b.Fatal(err)
	}
	if got := os.SameFile(first, second); got != want {
		b.Errorf("%s and %s are one file: %v, want %v", name, other, got, want)
	}
}
