package watchertest

import (
	"embed"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

//go:embed testdata/*.txt
var scripts embed.FS

// testScripts runs testdata/*.txt.
func (b Backend) testScripts(t *testing.T) {
	files, err := scripts.ReadDir("testdata")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d scripts found, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(file.Name(), ".txt"), func(t *testing.T) {
			data, err := scripts.ReadFile("testdata/" + file.Name())
			must(t, err)
			b.Script(t, string(data), Options{CloseWrite: true})
		})
	}
}

type script struct {
	t         *testing.T
	root, out string
	opt       Options
	skip      string
	r         *Running
	backend   Backend
	never     []string
}

// Script runs steps, one a line.
//
//	opt WORD...       before the first step: closewrite (the default), none, modify,
//	                  attrib, skip=NAME
//	mkdir P           with parents        write P   create, write, close
//	mv P P            rename              swap P P  exchange
//	rm P              with all below      chmod P
//	link [TARGET] P   symlink             fifo P
//	audit             wait for quiet, then compare the watcher's record and the disk
//	want LINE         wait until the handler was told LINE
//	never LINE        LINE was not told, checked at the end, when quiet
//
// A path below OUT/ lies outside the watched tree. A quoted word is a Go string.
func (b Backend) Script(t *testing.T, text string, opt Options) {
	t.Helper()
	base := t.TempDir()
	s := &script{t: t, root: Mkdir(t, base, "root"), out: Mkdir(t, base, "out"), opt: opt, backend: b}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		verb, rest, _ := strings.Cut(line, " ")
		if verb == "opt" {
			s.options(strings.Fields(rest))
			continue
		}
		if s.r == nil {
			s.r = b.Start(t, s.root, s.opt)
		}
		s.step(verb, rest)
	}
	s.r.Quiet()
	for _, line := range s.never {
		if s.r.Told.Count(line) > 0 {
			t.Errorf("handler was told %q; all of it:\n%s", line, s.r.Told.Text())
		}
	}
}

func (s *script) options(words []string) {
	for _, w := range words {
		name, ok := strings.CutPrefix(w, "skip=")
		switch {
		case ok:
			s.skip = name
			s.opt.Skip = s.excluded
		case w == "none":
			s.opt.CloseWrite = false
		case w == "modify":
			s.opt.Modify = true
		case w == "attrib":
			s.opt.Attrib = true
		}
	}
}

func (s *script) excluded(rel string) bool {
	return s.skip != "" && strings.Contains("/"+rel+"/", "/"+s.skip+"/")
}

func (s *script) path(word string) string {
	if rest, ok := strings.CutPrefix(word, "OUT/"); ok {
		return filepath.Join(s.out, rest)
	}
	return filepath.Join(s.root, word)
}

// words splits a line; a word in quotes is a Go string.
func (s *script) words(rest string) []string {
	var out []string
	for rest != "" {
		if rest[0] == '"' {
			q, err := strconv.QuotedPrefix(rest)
			if err != nil {
				s.t.Fatalf("%s: %v", rest, err)
			}
			w, _ := strconv.Unquote(q)
			out, rest = append(out, w), strings.TrimSpace(rest[len(q):])
			continue
		}
		w, more, _ := strings.Cut(rest, " ")
		out, rest = append(out, w), more
	}
	return out
}

// line unquotes what stands in quotes or has a newline written as \n.
func (s *script) line(rest string) string {
	if i := strings.IndexByte(rest, '"'); i >= 0 && strings.HasSuffix(rest, `"`) {
		w, err := strconv.Unquote(rest[i:])
		if err != nil {
			s.t.Fatalf("%s: %v", rest, err)
		}
		return rest[:i] + w
	}
	return strings.ReplaceAll(rest, `\n`, "\n")
}

func (s *script) step(verb, rest string) {
	s.t.Helper()
	switch verb {
	case "audit":
		s.r.Audit(s.excluded)
		return
	case "want":
		s.r.Want(s.line(rest), 1)
		return
	case "never":
		s.never = append(s.never, s.line(rest))
		return
	}
	w := s.words(rest)
	var p, q string
	p = s.path(w[0])
	if len(w) > 1 {
		q = s.path(w[1])
	}
	var err error
	switch verb {
	case "mkdir":
		err = os.MkdirAll(p, 0o755)
	case "write":
		err = os.WriteFile(p, []byte("x"), 0o644)
	case "chmod":
		err = os.Chmod(p, 0o700)
	case "rm":
		err = os.RemoveAll(p)
	case "mv":
		err = unix.Rename(p, q) // os.Rename refuses to replace a directory
	case "swap":
		err = unix.Renameat2(unix.AT_FDCWD, p, unix.AT_FDCWD, q, unix.RENAME_EXCHANGE)
	case "link":
		if q == "" {
			p, q = "dangling", p
		}
		err = os.Symlink(p, q)
	case "fifo":
		err = unix.Mkfifo(p, 0o600)
	default:
		s.t.Fatalf("no such step: %s", verb)
	}
	if err != nil {
		s.t.Fatalf("%s %s: %v", verb, rest, err)
	}
}
