package golden

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

// arrival is how long the target may take until it is as expected.
const arrival = 20 * time.Second

// target is one directory and its expected content.
type target struct {
	dir  string
	want func() map[string]node
	mode bool // whether permission bits are compared
}

// targets lists the expected content of each module of the configuration.
func (s *scene) targets() []target {
	var out []target
	config := ""
	if s.r.Config != nil {
		config = string(*s.r.Config)
	}
	if strings.Contains(config, `name="auth1"`) {
		out = append(out, s.target("dsta", s.r.Dst))
	} else {
		out = append(out, s.target("dst", s.r.Dst))
	}
	switch {
	case s.w.dst2 != "":
		out = append(out, target{dir: "dst2", want: func() map[string]node { return s.sourceTree(s.w.dst2, nil) }})
	case strings.Contains(config, `name="mod2"`):
		recordedTree := s.r.Dst2
		if recordedTree == nil {
			recordedTree = s.r.Dst
		}
		out = append(out, s.target("dst2", recordedTree))
	}
	return out
}

func (s *scene) target(dir string, recordedTree map[raw]node) target {
	src := s.w.src
	if src == "" {
		src = "src"
	}
	switch {
	case s.r.flag("m"): // a plugin alone runs no rsync
		return target{dir: dir, want: func() map[string]node { return s.sourceTree("", s.kept) }}
	case s.w.base == untouched || s.expectedExit() != running && s.w.exit != endedClean && s.w.exit != anyEnd:
		return target{dir: dir, want: func() map[string]node { return s.sourceTree("", s.kept) }}
	case s.w.base == source || recordedTree == nil:
		kept := s.kept
		if s.r.flag("r") && !s.r.has(`<delete start="false"/>`) {
			kept = nil // the user has requested a mirror run
		}
		return target{dir: dir, mode: s.r.has(`<attrib start="true"/>`), want: func() map[string]node {
			return s.sourceTree(src, kept)
		}}
	}
	return target{dir: dir, mode: true, want: func() map[string]node {
		out := map[string]node{}
		for name, n := range recordedTree {
			out[string(name)] = s.filled(n)
		}
		return out
	}}
}

func (s *scene) filled(n node) node {
	n.To = raw(s.fill.Replace(string(n.To)))
	return n
}

// sourceTree is the content of a target that is equal to the source directory: everything that the
// rule for temporary files and the filter let through, and those of the target's earlier entries
// (kept) that never existed on the source.
func (s *scene) sourceTree(dir string, kept map[string]testkit.Entry) map[string]node {
	out := map[string]node{}
	for name, e := range kept {
		_, was := s.before[name]
		if _, is := s.r.Src[raw(name)]; dir != "" && (was || is) {
			continue
		}
		out[name] = s.toNode("dst", name, e)
	}
	if dir == "" {
		return out
	}
	tree, err := testkit.Scan(s.path(dir), false)
	if os.IsNotExist(err) {
		return out
	}
	s.must(err)
	excluded := s.excluded()
	for name, e := range tree {
		if !excluded(name, e.Type == 'd') {
			out[name] = s.toNode(dir, name, e)
		}
	}
	return out
}

func (s *scene) toNode(dir, name string, e testkit.Entry) node {
	n := node{Type: string(e.Type), Mode: fmt.Sprintf("0o%o", e.Mode), To: raw(e.Target)}
	if e.Type == 'f' {
		root, err := os.OpenRoot(s.path(dir))
		s.must(err)
		defer root.Close()
		b, err := root.ReadFile(name)
		if err == nil {
			text := raw(b)
			n.Text = &text
		}
	}
	return n
}

// compare returns the differences of a directory from its expected content.
func (s *scene) compare(t target) []string {
	tree, err := testkit.Scan(s.path(t.dir), false)
	if err != nil {
		return []string{err.Error()}
	}
	want := t.want()
	var diff []string
	for name, w := range want {
		if s.ignored(name, w.Type) {
			continue
		}
		e, ok := tree[name]
		if !ok {
			diff = append(diff, fmt.Sprintf("missing %q", name))
			continue
		}
		if d := s.differs(w, s.toNode(t.dir, name, e), t.mode); d != "" {
			diff = append(diff, fmt.Sprintf("%q: %s", name, d))
		}
	}
	for name, e := range tree {
		if _, ok := want[name]; !ok && !s.ignored(name, string(e.Type)) {
			diff = append(diff, fmt.Sprintf("extra %q", name))
		}
	}
	slices.Sort(diff)
	return diff
}

// ignored says whether it does not matter if a path is there.
func (s *scene) ignored(name, kind string) bool {
	for _, may := range s.w.may {
		if name == may || strings.HasPrefix(name, may+"/") {
			return true
		}
	}
	return s.w.base != byMode && kind != "d" && testkit.TempFile(path.Base(name), false)
}

func (s *scene) differs(want, got node, mode bool) string {
	if want.Type != got.Type {
		return "type " + got.Type + ", want " + want.Type
	}
	if want.Type == "l" {
		a, b := strings.TrimPrefix(string(want.To), testkit.MungePrefix), strings.TrimPrefix(string(got.To), testkit.MungePrefix)
		if strings.TrimPrefix(a, "/") != strings.TrimPrefix(b, "/") {
			return fmt.Sprintf("link to %q, want %q", b, a)
		}
		return ""
	}
	if want.Text != nil && (got.Text == nil || *got.Text != *want.Text) {
		return fmt.Sprintf("content %.60q, want %.60q", deref(got.Text), deref(want.Text))
	}
	if mode && want.Mode != got.Mode {
		return "mode " + got.Mode + ", want " + want.Mode
	}
	return ""
}

func deref(r *raw) string {
	if r == nil {
		return "(none)"
	}
	return string(*r)
}

// oldArrived checks what a full sync at the start has to bring over, in a run whose record does not
// show that.
func oldArrived(s *scene) {
	if s.read("dst/old/o") != s.read("src/old/o") {
		s.t.Errorf("old/o is %q on the target", s.read("dst/old/o"))
	}
	if _, err := os.Lstat(s.path("dst/old/d2")); err == nil {
		s.t.Error("createFolder is off, and a new directory was sent")
	}
}
