package lanes

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/status"
)

// TestWhere: one path is compared with a real daemon, and nothing is changed there.
func TestWhere(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{
		params: "-artuz --exclude=*.tmp", files: []string{"same", "old", "new", "size", "dir/", "other-time/", "kept.tmp", "attributes"}, there: []string{"only", "onlydir/"},
		prepare: func(b *bed) {
			put(b.T, b.src, "missing", "x")
			put(b.T, b.src, "excluded.tmp", "x")
			put(b.T, b.src, "size", "other size")
			must(b.T, os.Symlink("same", filepath.Join(b.src, "link")))
			now := time.Now().Truncate(time.Second)
			for _, name := range []string{"same", "old", "new", "size", "kept.tmp", "attributes"} {
				for dir, at := range map[string]time.Time{b.src: now, b.dst: map[string]time.Time{
					"old": now.Add(-time.Hour), "new": now.Add(time.Hour),
				}[name]} {
					if at.IsZero() {
						at = now
					}
					must(b.T, os.Chtimes(filepath.Join(dir, name), at, at))
				}
			}
			put(b.T, b.src, "twin", "one")
			put(b.T, b.dst, "twin", "two")
			for _, dir := range []string{b.src, b.dst} {
				must(b.T, os.Chtimes(filepath.Join(dir, "twin"), now, now))
			}
			must(b.T, os.Chtimes(filepath.Join(b.src, "dir"), now, now))
			must(b.T, os.Chtimes(filepath.Join(b.dst, "dir"), now, now))
		},
	})
	must(t, os.Chtimes(filepath.Join(b.src, "other-time"), time.Now(), time.Now().Add(-time.Hour)))
	ls := func() string {
		out, err := exec.CommandContext(b.Context(), "ls", "-lR", "--time-style=full-iso", b.dst).CombinedOutput()
		must(b.T, err)
		return string(out)
	}
	before := ls()
	for _, tc := range []struct {
		path    string
		want    status.Verdict
		here    string
		there   string
		by      status.ExcludedBy
		content bool
	}{
		{"same", status.Same, "file", "file", "", true},
		{"old", status.Older, "file", "file", "", true},
		{"new", status.Ahead, "file", "file", "", true},
		{"size", status.Other, "file", "file", "", true},
		{"twin", status.Other, "file", "file", "", true},
		{"missing", status.Missing, "file", "", "", true},
		{"link", status.Missing, "link", "", "", false},
		{"dir", status.Same, "directory", "directory", "", false},
		{"other-time", status.Same, "directory", "directory", "", false},
		{"only", status.Only, "", "file", "", false},
		{"onlydir", status.Only, "", "directory", "", false},
		{"none", status.Same, "", "", "", false},
		{"dir/none", status.Same, "", "", "", false},
		{"excluded.tmp", status.Missing, "file", "", "", false},
		{"kept.tmp", status.Same, "file", "file", "", false},
		{"link/x", status.Same, "", "", status.ByLink, false},
		{"#none", status.Same, "", "", "", false},
	} {
		p := b.Where(t.Context(), tc.path)
		kind := func(c *status.Copy) string {
			if c == nil {
				return ""
			}
			return c.Kind
		}
		by := status.ExcludedBy("")
		if p.Excluded != nil {
			by = p.Excluded.By
		}
		if p.Verdict != tc.want || kind(p.Here) != tc.here || kind(p.There) != tc.there || by != tc.by || p.Contents != tc.content {
			t.Errorf("%s: %s (%s here, %s there, excluded by %q, contents %v; %s %s), want %s", tc.path, p.Verdict, kind(p.Here), kind(p.There), by, p.Contents, p.Reason, p.Detail, tc.want)
		}
	}
	if after := ls(); after != before {
		t.Errorf("the remote was changed:\n%s\nwas\n%s", after, before)
	}
}
