package whereabouts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/rsyncopts"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/transport"
	"github.com/sersync/sersync/pkg/transport/rsync"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lane is a lane that answers with its name.
func lane(number int, name string) Lane {
	return Lane{Number: number, Where: func(_ context.Context, path string) status.Place {
		return status.Place{Lane: name, Path: path, Verdict: status.Same}
	}}
}

// TestFind: an absolute path is found by the path of the directory, by the path in the
// configuration, and through links; a relative path belongs to the watch roots in which it exists.
func TestFind(t *testing.T) {
	top := t.TempDir()
	for _, dir := range []string{"www/site", "up"} {
		if err := os.MkdirAll(filepath.Join(top, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("www", filepath.Join(top, "current")); err != nil {
		t.Fatal(err)
	}
	roots := []Root{
		{Dir: top + "/www", Watch: "/named/www/", Lanes: []Lane{lane(1, "a"), lane(2, "b")}},
		{Dir: top + "/up", Watch: top + "/up", Lanes: []Lane{lane(3, "c")}, Writing: func(string) bool { return true }},
	}
	for _, tc := range []struct{ path, want string }{
		{top + "/www/site/x", "1 site/x, 2 site/x"},
		{top + "/www/", "1 , 2 "},
		{"/named/www/site", "1 site, 2 site"},
		{top + "/current/site/none/deeper", "1 site/none/deeper, 2 site/none/deeper"},
		{top + "/up/./a/../b", "3 b"},
		{"site", "1 site, 2 site"},
		{"nowhere/x", "1 nowhere/x, 2 nowhere/x, 3 nowhere/x"},
		{top + "/wwwx", ""},
		{"../up/x", ""},
		{"", ""},
	} {
		found, err := New().Find(t.Context(), roots, tc.path)
		var got []string
		for _, p := range found.Places {
			got = append(got, fmt.Sprint(p.Number, " ", p.Path))
			if p.Writing != (p.Number == 3) {
				t.Errorf("%s: writing %v at lane %d", tc.path, p.Writing, p.Number)
			}
		}
		if strings.Join(got, ", ") != tc.want || errors.Is(err, status.ErrNoRoot) != (tc.want == "") {
			t.Errorf("%s: %q, %v; want %q", tc.path, got, err, tc.want)
		}
	}
}

// TestFindIsBounded: only a bounded number of remotes is asked at a time, and all questions end
// when their time is over.
func TestFindIsBounded(t *testing.T) {
	var at, most atomic.Int32
	r := Root{Dir: "/w", Watch: "/w"}
	for i := range 200 {
		r.Lanes = append(r.Lanes, Lane{Number: i + 1, Where: func(ctx context.Context, _ string) status.Place {
			most.Store(max(most.Load(), at.Add(1)))
			defer at.Add(-1)
			select {
			case <-ctx.Done():
			case <-time.After(time.Millisecond):
			}
			return status.Place{}
		}})
	}
	found, err := New().Find(t.Context(), []Root{r}, "/w/x")
	if err != nil || len(found.Places) != 200 || most.Load() > askedAtOnce {
		t.Errorf("%d places, %d at a time, %v", len(found.Places), most.Load(), err)
	}
	for i, p := range found.Places {
		if p.Number != i+1 {
			t.Fatalf("place %d is that of lane %d", i, p.Number)
		}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if found, err := New().Find(over, []Root{r}, "/w/x"); err != nil || len(found.Places) != 200 {
		t.Errorf("after the time: %d places, %v", len(found.Places), err)
	}
}

// TestExcluding: the answer names what excludes a path, with its line in the file.
func TestExcluding(t *testing.T) {
	patterns := filepath.Join(t.TempDir(), "patterns")
	if err := os.WriteFile(patterns, []byte("# none of these\n\n*.iso\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	params, err := rsync.ParseParams("-rt --exclude=/cache/ --exclude-from="+patterns, rsyncopts.Setting{}, os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	filter, _ := filterqueue.Compile([]confxml.Expression{{Text: `(.*)\.bak`, Line: 7}, {Text: `^logs/`, Line: 8}})
	r := Rules{File: "/etc/c.xml", Filter: filter, Params: params, ParamsLine: 20, TempLine: 15, Temp: func(p string) bool { return filepath.Base(p)[0] == '.' }}
	file, dir, link := &status.Copy{Kind: "file"}, &status.Copy{Kind: "directory"}, &status.Copy{Kind: "link"}
	for _, tc := range []struct {
		path string
		here *status.Copy
		want status.Exclusion
	}{
		{"a/b.bak", file, status.Exclusion{By: status.ByFilter, File: "/etc/c.xml", Line: 7, Text: `(.*)\.bak`}},
		{"logs/today/x", nil, status.Exclusion{By: status.ByFilter, File: "/etc/c.xml", Line: 8, Text: `^logs/`}},
		{"cache/x", file, status.Exclusion{By: status.ByParams, File: "/etc/c.xml", Line: 20, Text: "/cache/"}},
		{"d/x.iso", file, status.Exclusion{By: status.ByParams, File: patterns, Line: 3, Text: "*.iso"}},
		{"l", link, status.Exclusion{By: status.ByKind, File: "/etc/c.xml", Line: 20}},
		{".hidden", file, status.Exclusion{By: status.ByName, File: "/etc/c.xml", Line: 15}},
		{transport.PartialDir + "/x", file, status.Exclusion{By: status.ByParts}},
		{".dir", dir, status.Exclusion{}},
		{"plain", file, status.Exclusion{}},
	} {
		var got status.Exclusion
		if e := r.Excluding(tc.path, tc.here); e != nil {
			got = *e
		}
		if got != tc.want {
			t.Errorf("%s: %+v, want %+v", tc.path, got, tc.want)
		}
	}
}
