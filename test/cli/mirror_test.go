package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

// put writes a file for which the program sees no event, because the file is on a target or the
// program does not run.
func (s *scene) put(path, text string) {
	s.t.Helper()
	next := s.path("next")
	s.write(next, text)
	s.must(os.Chtimes(next, s.long, s.long))
	s.must(os.MkdirAll(filepath.Dir(path), 0o755))
	s.must(os.Rename(next, path))
}

// text is the content of a file, or "-" if there is no such file.
func (s *scene) text(path string) string {
	s.t.Helper()
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return "-"
	}
	s.must(err)
	return string(b)
}

// holds compares the contents of files on the target with those that are expected.
func (s *scene) holds(dir string, want map[string]string) {
	s.t.Helper()
	for name, text := range want {
		if got := s.text(filepath.Join(dir, name)); got != text {
			s.t.Errorf("%s: %q, want %q", name, got, text)
		}
	}
}

// mirrored waits until there were n mirror runs, and until everything that they found is done.
func (s *scene) mirrored(n int, wait time.Duration) {
	s.t.Helper()
	testkit.Eventually(s.t, wait, "the mirror run is done", func() bool {
		return strings.Count(s.logged(), "full sync done") >= n && strings.Count(s.logged(), "mirror=true") >= n
	})
	s.inSync()
}

// TestFullSyncWithFilter: 2.5.4 refuses -r together with a filter. Here it sends and deletes
// nothing that is excluded, in directories that stay, that are new and that are gone. Neither do
// later events, or --resync.
func TestFullSyncWithFilter(t *testing.T) {
	s := newScene(t)
	s.set.Exclude = []string{`(.*)\.log`, `^cache/.*`, `(.*)/secret`}
	s.put(s.path("src/kept"), "here")
	s.put(s.path("src/app.log"), "here")
	s.put(s.path("src/cache/x"), "here")
	s.put(s.path("src/dir/app.log"), "here")
	s.put(s.path("src/dir/secret/x"), "here")
	s.put(s.path("src/dir/f"), "here")
	for _, name := range []string{"app.log", "cache/x", "cache/only", "dir/app.log", "dir/only.log", "dir/secret/only", "gone/app.log", "gone/f", "gone/deep/f", "only"} {
		s.put(filepath.Join(s.dst, name), "there")
	}
	app := s.start("-r")
	s.mirrored(1, limit)
	want := map[string]string{
		"kept": "here", "dir/f": "here", "only": "-", "gone/f": "-", "gone/deep/f": "-",
		"app.log": "there", "cache/x": "there", "cache/only": "there", "dir/app.log": "there", "dir/only.log": "there",
		"dir/secret/only": "there", "dir/secret/x": "-", "gone/app.log": "there",
	}
	s.holds(s.dst, want)

	s.write(s.path("src/dir/app.log"), "changed")
	s.write(s.path("src/cache/new/x"), "new")
	s.write(s.path("src/new/app.log"), "new")
	s.write(s.path("src/new/f"), "new")
	s.must(os.Remove(s.path("src/app.log")))
	s.must(os.RemoveAll(s.path("src/dir")))
	testkit.Eventually(t, limit, "the last change has arrived", func() bool {
		return s.text(s.path("dst/new/f")) == "new" && s.text(s.path("dst/dir/f")) == "-"
	})
	want["dir/f"], want["cache/new/x"], want["new/app.log"], want["new/f"] = "-", "-", "-", "new"
	s.holds(s.dst, want)

	s.put(filepath.Join(s.dst, "new/only.log"), "there")
	s.put(filepath.Join(s.dst, "new/only"), "there")
	if out, code := s.ask("--resync"); code != 0 {
		t.Fatalf("--resync: %d\n%s", code, out)
	}
	s.mirrored(2, limit)
	want["new/only.log"], want["new/only"] = "there", "-"
	s.holds(s.dst, want)
	s.stop(app)
}

// TestFirstStartWithoutFullSync: at the first start everything is sent and nothing is deleted,
// because nobody has requested a mirror. From then on what is deleted here is deleted on the
// target, and --resync mirrors.
func TestFirstStartWithoutFullSync(t *testing.T) {
	s := newScene(t)
	s.put(s.path("src/old/f"), "here")
	s.put(s.path("src/same"), "here")
	s.put(filepath.Join(s.dst, "same"), "here")
	s.put(filepath.Join(s.dst, "only/f"), "there")
	s.put(filepath.Join(s.dst, "old/only"), "there")
	theirs := testkit.Compare{Extra: func(p string) bool { return p == "old/only" || p == "only" || strings.HasPrefix(p, "only/") }}
	stay := map[string]string{"only/f": "there", "old/only": "there"}
	app := s.start()
	s.equal(theirs)
	s.notOurs(3)
	s.holds(s.dst, stay)
	s.logs("entries only the target has were left alone")
	if !strings.Contains(s.logged(), "sersync --resync") {
		t.Errorf("the log names no remedy:\n%s", s.logged())
	}
	s.must(os.Remove(s.path("src/same")))
	s.equal(theirs)
	s.stop(app)

	s.must(os.Remove(s.path("src/old/f"))) // the program does not run now
	app = s.start()
	s.notOurs(4)
	s.holds(s.dst, stay)
	if out, code := s.ask("--resync"); code != 0 {
		t.Fatalf("--resync: %d\n%s", code, out)
	}
	s.equal(testkit.Compare{})
	s.stop(app)
}

// notOurs waits until the status says that n entries exist only on the target.
func (s *scene) notOurs(n int) {
	s.t.Helper()
	want := fmt.Sprintf("%d entries are only on the remote", n)
	var out string
	if !testkit.Poll(limit, func() bool {
		var code int
		out, code = s.ask("--status")
		return code == 2 && strings.Contains(out, want)
	}) {
		s.t.Fatalf("not said: %s\n%s", want, out)
	}
}

// TestCrontab: at the scheduled time everything is compared, sent and mirrored, except for what
// crontabfilter and the filter exclude.
func TestCrontab(t *testing.T) {
	testkit.Long(t)
	t.Parallel() // the test waits for the next minute
	s := newScene(t)
	s.set.Exclude = []string{`(.*)\.log`}
	for _, name := range []string{"f", "x.php", "info/f", "x.log"} {
		s.put(s.path("src/"+name), "here")
	}
	config := edited(t, s.set.XML(), `<crontab start="false" schedule="600"><crontabfilter start="false"></crontabfilter></crontab>`,
		`<crontab start="true" schedule="600" cron="* * * * *"><crontabfilter start="true"><exclude expression="*.php"></exclude><exclude expression="info/*"></exclude></crontabfilter></crontab>`)
	app := s.startWith(testkit.Options{Config: config})
	// crontabfilter applies to scheduled runs only.
	testkit.Eventually(t, limit, "the first start sends everything", func() bool {
		return s.text(s.path("dst/f")) == "here" && s.text(s.path("dst/x.php")) == "here" && s.text(s.path("dst/info/f")) == "here"
	})
	s.inSync() // otherwise the program could notice the next change on the target and undo it
	for _, name := range []string{"f", "x.php", "info/f", "x.log", "only", "only.php", "info/only", "only.log", "dir/only", "dir/only.php"} {
		s.put(filepath.Join(s.dst, name), "there, unseen")
	}
	before := strings.Count(s.logged(), "mirror=true")
	s.mirrored(before+1, 2*time.Minute+limit)
	want := map[string]string{
		"f": "here", "only": "-", "dir/only": "-",
		"x.php": "there, unseen", "info/f": "there, unseen", "x.log": "there, unseen",
		"only.php": "there, unseen", "info/only": "there, unseen", "only.log": "there, unseen", "dir/only.php": "there, unseen",
	}
	testkit.Eventually(t, limit, "what only the target has is deleted", func() bool { return s.text(s.path("dst/dir/only")) == "-" && s.text(s.path("dst/only")) == "-" })
	s.holds(s.dst, want)
	s.write(s.path("src/x.php"), "changed") // crontabfilter does not apply to events
	testkit.Eventually(t, limit, "a change arrives", func() bool { return s.text(s.path("dst/x.php")) == "changed" })
	s.stop(app)
}
