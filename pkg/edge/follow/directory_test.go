package follow

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sersync/sersync/pkg/edge/position"
)

// The directory goes away, or another one takes its place: nothing is applied or deleted there.
func TestDirectoryIsAnother(t *testing.T) {
	test(t, func(t *testing.T, s *scene) {
		s.start()
		s.stream.publish(s.write("a", "1"))
		wait()
		if err := os.Rename(s.edge, s.edge+".away"); err != nil {
			t.Fatal(err)
		}
		s.stream.publish(s.write("b", "2"))
		wait()
		s.inSync(false)
		if f := s.follower.Figures(); !strings.Contains(f.Trouble().String(), "does not exist") {
			t.Errorf("%+v", f)
		}
		if err := os.Mkdir(s.edge, 0o755); err != nil {
			t.Fatal(err)
		}
		s.stream.publish(s.remove("a"))
		wait()
		s.has()
		s.inSync(false)
		if f := s.follower.Figures(); !strings.Contains(f.Trouble().String(), "not the one that this edge has filled") {
			t.Errorf("%+v", f)
		}
		if err := errors.Join(os.Remove(s.edge), os.Rename(s.edge+".away", s.edge)); err != nil {
			t.Fatal(err)
		}
		wait()
		s.has("b=2")
		s.inSync(true)
	})
}

func TestNotEmpty(t *testing.T) {
	test(t, func(t *testing.T, s *scene) {
		if err := os.WriteFile(s.edge+"/mine", []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
		s.stream.publish(s.write("a", "1"))
		s.start()
		wait()
		s.has("mine=x")
		s.inSync(false)
		if f := s.follower.Figures(); !strings.Contains(f.Trouble().String(), `adopt="true"`) {
			t.Errorf("%+v", f)
		}
		if err := os.Remove(s.edge + "/mine"); err != nil {
			t.Fatal(err)
		}
		wait()
		s.has("a=1")
		s.inSync(true)
	})
}

// Two edges with different configurations do not share a directory.
func TestTwoEdges(t *testing.T) {
	test(t, func(t *testing.T, s *scene) {
		s.start()
		wait()
		file, err := position.Open(s.state+"2", "www")
		if err != nil {
			t.Fatal(err)
		}
		other := New(Options{Tree: s.tree, Source: s.stream, Fetcher: s.fetcher, File: file})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- other.Run(ctx) }()
		wait()
		if f := other.Figures(); !strings.Contains(f.Trouble().String(), "another edge") {
			t.Errorf("%+v", f)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// An edge that cannot save its state begins nothing: the next start would take the files for
// somebody else's.
func TestStateCannotBeWritten(t *testing.T) {
	test(t, func(t *testing.T, s *scene) {
		s.stream.publish(s.write("a", "1"))
		file, err := position.Open(s.state, "www")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(file.Dir()); err != nil {
			t.Fatal(err)
		}
		s.follower = New(Options{Tree: s.tree, Source: s.stream, Fetcher: s.fetcher, File: file})
		ctx, cancel := context.WithCancel(t.Context())
		s.cancel, s.ended = cancel, make(chan error, 1)
		go func() { s.ended <- s.follower.Run(ctx) }()
		wait()
		s.has()
		if f := s.follower.Figures(); f.InSync() || !strings.Contains(f.Trouble().String(), "position of the tree www cannot be written") {
			t.Errorf("%+v", f)
		}
		if err := os.Mkdir(file.Dir(), 0o700); err != nil {
			t.Fatal(err)
		}
		wait()
		s.has("a=1")
		s.inSync(true)
	})
}

// The source makes a directory where this edge has a link: rsync brings the directory.
func TestObstructed(t *testing.T) {
	test(t, func(t *testing.T, s *scene) {
		s.start()
		wait()
		if err := os.Symlink("/etc", s.edge+"/d"); err != nil {
			t.Fatal(err)
		}
		s.fetcher.set(func() { s.fetcher.err = errors.New("not yet") })
		s.stream.publish(s.write("d/passwd", "forged"))
		wait()
		s.inSync(false)
		if f := s.follower.Figures(); f.Obstructed != 1 || !slices.Contains(s.fetcher.seen(), "d/passwd") {
			t.Errorf("%+v, %q", f, s.fetcher.seen())
		}
		if data, err := os.ReadFile("/etc/passwd"); err != nil || string(data) == "forged" {
			t.Fatal("a link was followed")
		}
	})
}
