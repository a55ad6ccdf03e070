package rsync

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sersync/sersync/pkg/child"
	"github.com/sersync/sersync/pkg/rsyncopts"
	"github.com/sersync/sersync/pkg/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// launcher starts a launcher that runs until the test ends.
func launcher(t *testing.T, env ...string) *child.Launcher {
	t.Helper()
	return serve(t, child.NewLauncher(append([]string{"PATH=" + os.Getenv("PATH")}, env...), nil))
}

func serve(t *testing.T, l *child.Launcher) *child.Launcher {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- l.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l
}

// ran is a child that has ended.
type ran struct {
	Ended
	lines   []string
	skipped []string
	result  transport.Result
}

// run runs the real rsync for r in dir.
func run(t *testing.T, dir string, r Run, list []string) ran {
	t.Helper()
	var out ran
	p, err := Start(t.Context(), launcher(t), child.Command{
		Program: "rsync", Args: r.Args(), Dir: dir, Env: []string{"TZ=UTC"}, Inactivity: 20 * time.Second,
		Line: func(b []byte) {
			out.lines = append(out.lines, string(b))
			if path, ok := Skipped(b); ok {
				out.skipped = append(out.skipped, path)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Feed(r.List(list))
	out.Ended = p.Wait()
	out.result = Classify(r, dir, out.Ended, out.skipped)
	return out
}

func params(t testing.TB, text string) Params {
	t.Helper()
	p, err := ParseParams(text, rsyncopts.Setting{}, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// rsyncHere runs the rsync of this host with these arguments, to compare with what it does.
func rsyncHere(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("rsync", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("rsync %q: %v\n%s", args, err, out)
	}
	return string(out)
}
