package rsync

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/transport"
)

// rulesTree makes a tree whose names match patterns in every way.
func rulesTree(t *testing.T) (dir string, dirs map[string]bool) {
	t.Helper()
	dir, dirs = t.TempDir(), map[string]bool{}
	for _, f := range []string{
		"a", "b", "ab", "a.log", "x/a", "x/b.log", "x/y/a", "x/y/ab.log", "x/y/z/a.log", "y/x/a", "y/z/x/b",
		"*", "a*", "x/[a]", "x/a?", `x/b\c`, `b\`, "[x", "x]/a", "x/y/!a", "-a", "z/-", "z/a b", "z/A", "z/7", "z/\xe4", "ax/ay/az", "z/x/y/a",
	} {
		must(t, os.MkdirAll(filepath.Dir(dir+"/"+f), 0o755))
		must(t, os.WriteFile(dir+"/"+f, nil, 0o644))
	}
	must(t, filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if rel := strings.TrimPrefix(strings.TrimPrefix(p, dir), "/"); rel != "" {
			dirs[rel] = d.IsDir()
		}
		return err
	}))
	return dir, dirs
}

func TestRulesAgreeWithRsync(t *testing.T) {
	testkit.Long(t)
	dir, entries := rulesTree(t)
	rnd := rand.New(rand.NewPCG(5, 6))
	atoms := []string{"a", "b", "x", "y", "z", "*", "**", "?", "/", "/", "[ab]", "[!a]", "[^x-z]", "[[:upper:]]", `\*`, `\`, "[", "]", "***", ".log", "/***", "/**/", " "}
	for round := range 60 {
		var args []string
		for range 1 + rnd.IntN(3) {
			var p string
			for range 1 + rnd.IntN(5) {
				p += atoms[rnd.IntN(len(atoms))]
			}
			if strings.Contains(p, `\/`) || strings.Contains(p, "[/") || strings.Contains(strings.TrimSuffix(p, "/***"), "***") {
				continue // nobody wants such patterns, and rsync counts their slashes differently
			}
			option := "--exclude="
			if rnd.IntN(4) == 0 {
				option = "--include="
			}
			args = append(args, option+p)
		}
		var r Rules
		for _, a := range args {
			option, p, _ := strings.Cut(a[2:], "=")
			r.add(option, p)
		}
		there := map[string]bool{}
		for line := range strings.SplitSeq(rsyncHere(t, dir, append(args, "-r", "-n", "--out-format=%n", "./", nowhere)...), "\n") {
			p, _ := cleanName(unescape(line))
			there[p] = true
		}
		for p, isDir := range entries {
			if r.Excludes(p, isDir) == there[p] {
				t.Errorf("round %d: %q: %q excluded: %v, rsync says %v", round, args, p, r.Excludes(p, isDir), !there[p])
			}
		}
		if t.Failed() {
			return
		}
	}
}

func TestRulesReadFilesAndPrefixes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "patterns")
	must(t, os.WriteFile(file, []byte("# no\n; no\n\n*.tmp\n+ keep.bak\n*.bak\n"), 0o644))
	p := params(t, "-a --exclude-from="+file+" --filter='- /top' --exclude='+ x.o' --exclude=*.o")
	for path, want := range map[string]bool{
		"a.tmp": true, "d/a.tmp/x": true, "keep.bak": false, "b.bak": true, "top": true, "top/x": true, "d/top": false, "x.o": false, "d/y.o": true, "# no": false,
	} {
		if p.Rules.Excludes(path, false) != want {
			t.Errorf("%q: excluded %v", path, !want)
		}
	}
	if got := params(t, "-a --exclude=a --exclude=! --exclude=b"); got.Rules.Excludes("a", false) || !got.Rules.Excludes("b", false) {
		t.Error("! does not clear the list")
	}
	if !params(t, "-a --exclude-from=/none").Rules.Opaque {
		t.Error("a missing file is not opaque")
	}
}

// Files of patterns have one pattern on each line, and our list of names is not divided into lines:
// one run reads both.
func TestFilesOfPatternsHoldInEveryRun(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	file := filepath.Join(t.TempDir(), "patterns")
	must(t, os.WriteFile(file, []byte("*.secret\n*.key\n"), 0o600))
	must(t, os.MkdirAll(src+"/d", 0o755))
	for _, n := range []string{"a.secret", "d/b.key", "d/c", "new\nline"} {
		must(t, os.WriteFile(src+"/"+n, []byte(n), 0o644))
	}
	d := testkit.Rsyncd(t, testkit.RsyncdConf{Modules: []testkit.Module{{Name: "m", Path: dst}}})
	for _, option := range []string{"--exclude-from=" + file, "--filter='merge,- " + file + "'"} {
		for _, k := range []transport.Kind{transport.Full, transport.Tree} {
			target := daemonTarget(t, d, "m")
			target.Params = params(t, "-a "+option)
			if o := run(t, src, Run{Batch: transport.Batch{Kind: k, MayDelete: true}, Target: target}, []string{"d", "new\nline"}); o.result.Class != transport.Done {
				t.Fatalf("%s, %s: %+v", option, k, o.result)
			}
			if exists(dst+"/a.secret") || exists(dst+"/d/b.key") || !exists(dst+"/d/c") || !exists(dst+"/new\nline") {
				t.Errorf("%s, %s: what the file excludes was sent, or the rest was not", option, k)
			}
			must(t, os.RemoveAll(dst+"/d"))
			must(t, os.RemoveAll(dst+"/new\nline"))
		}
	}
}

// A link that has the name of the directory for parts would lead a receiver out of the target.
func TestNothingIsSentAsTheDirectoryOfParts(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	must(t, os.MkdirAll(src+"/d/e/"+transport.PartialDir, 0o755))
	must(t, os.Symlink("/etc", src+"/d/"+transport.PartialDir))
	must(t, os.WriteFile(src+"/d/e/"+transport.PartialDir+"/x", nil, 0o644))
	must(t, os.WriteFile(src+"/"+transport.PartialDir, nil, 0o644))
	d := testkit.Rsyncd(t, testkit.RsyncdConf{Modules: []testkit.Module{{Name: "m", Path: dst}}})
	for _, r := range []Run{{Batch: transport.Batch{Kind: transport.Full}}, {Batch: transport.Batch{Kind: transport.Full, Resume: true}}, {Batch: transport.Batch{Kind: transport.Tree}}, {Batch: transport.Batch{Kind: transport.Tree, Resume: true}}} {
		r.Target = daemonTarget(t, d, "m")
		if o := run(t, src, r, []string{"d"}); o.result.Class != transport.Done {
			t.Fatalf("%s: %+v", r.Kind, o.result)
		}
		if exists(dst+"/"+transport.PartialDir) || exists(dst+"/d/"+transport.PartialDir) || exists(dst+"/d/e/"+transport.PartialDir) || !exists(dst+"/d/e") {
			t.Errorf("%s, resume %v: it was sent", r.Kind, r.Resume)
		}
		must(t, os.RemoveAll(dst+"/d"))
	}
}

// Matching a pattern with many stars must not take more steps than the pattern's length times that
// of the name. If each possibility were tried one after the other, the test would not end in time.
func TestWildmatchIsBounded(t *testing.T) {
	for _, unit := range []string{"*a", "**a", "*?", "**/a", "*[a]"} {
		r := params(t, "--exclude="+strings.Repeat(unit, 30)+"b").Rules
		for _, sep := range []string{"a", "a/"} {
			if r.Excludes(strings.TrimSuffix(strings.Repeat(sep, 60), "/"), false) {
				t.Errorf("%s matches", unit)
			}
		}
	}
	if !match(strings.Repeat("*a", 30), strings.Repeat("a", 120)) {
		t.Error("a name that matches counts as one that does not")
	}
}

func FuzzRules(f *testing.F) {
	for _, s := range []string{"*", "/a/***", "[", "[!", "[[:x", `\`, "a/**/b", "***", "- x", "+ ", "!"} {
		f.Add(s, "a/b/c")
	}
	f.Fuzz(func(t *testing.T, pattern, path string) {
		if len(pattern) > 100 || len(path) > 200 {
			return
		}
		var r Rules
		r.pattern(Pattern{Text: pattern}, false)
		first := r.Excludes(path, false)
		if first != r.Excludes(path, false) {
			t.Error(fmt.Sprintf("%q %q", pattern, path), "answers twice")
		}
	})
}

func TestAnEmptyDeviceHoldsNoPatterns(t *testing.T) {
	if params(t, "-a --exclude-from=/dev/null").Rules.Any() {
		t.Error("rules that cannot be evaluated")
	}
}
