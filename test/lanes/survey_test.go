package lanes

import (
	"os"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/executor"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
)

// A directory is deleted even if a killed receiver has left a part of a file in it.
func TestPartialFilesGoWithTheirDirectory(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{
		files:   []string{"d/x", "e/x"},
		there:   []string{"d/.sersync-partial/x", "e/.sersync-partial/x", "e/kept.log"},
		options: func(o *setup) { o.Excluded = excludeLog },
	})
	must(t, os.MkdirAll(b.dst+"/d/empty/.sersync-partial", 0o755))
	must(t, os.Chmod(b.dst+"/d/empty", 0o777))
	must(t, os.Chmod(b.dst+"/d/empty/.sersync-partial", 0o777))
	b.remove("d")
	b.remove("e")
	b.arrives("d", "<none>")
	b.arrives("e/x", "<none>")
	b.idle()
	if b.there("e/kept.log") != "there" {
		t.Error("what the filter keeps was deleted")
	}
}

// If the target cannot answer a question because it may not read something, it is asked again.
func TestAQuestionTheTargetCannotAnswer(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{
		module: []string{"uid = nobody"}, files: []string{"d/keep", "t/sub/keep"}, there: []string{"d/gone", "t/sub/gone"},
		options: func(o *setup) { o.Mirrored, o.MirrorScope = true, executor.Scope{} },
	})
	for _, dir := range []string{"/d", "/t/sub"} {
		must(t, os.Chmod(b.dst+dir, 0o733))
	}
	b.Mark("d", dirty.Extras)
	b.Mark("t", dirty.Tree|dirty.Extras)
	testkit.Eventually(t, patient, "both fail", func() bool { return len(b.failing()) == 2 })
	for _, dir := range []string{"/d", "/t/sub"} {
		must(t, os.Chmod(b.dst+dir, 0o777))
	}
	must(t, b.RetryNow(t.Context()))
	b.arrives("d/gone", "<none>")
	b.arrives("t/sub/gone", "<none>")
}
